"""Exact entropy-distortion functions of sources on one-parameter manifolds."""

from . import inequalities
from .bounds import lower_bound, upper_bound
from .curves import Curve, curve
from .exact import Partition, distortion_entropy, entropy_distortion, partition
from .gaps import excess
from .quantizers import Quantizer, quantizer
from .sources import Circle, PowerLaw, Ramp, Sawbridge, Sinusoid, Source, Spectrum, UniformScalar
from .sweeps import Lagrangian, convex_hull, lagrangian

__version__ = "0.1.0.dev0"

__all__ = [
    "Circle",
    "Curve",
    "Lagrangian",
    "Partition",
    "PowerLaw",
    "Quantizer",
    "Ramp",
    "Sawbridge",
    "Sinusoid",
    "Source",
    "Spectrum",
    "UniformScalar",
    "convex_hull",
    "curve",
    "distortion_entropy",
    "entropy_distortion",
    "excess",
    "inequalities",
    "lagrangian",
    "lower_bound",
    "partition",
    "quantizer",
    "upper_bound",
]

"""Exact entropy-distortion functions of sources on one-parameter manifolds.

The public names are imported from their modules when they are first used, so that the command line can say
``--help`` without the numerical libraries.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0.dev0"

if TYPE_CHECKING:
    from . import certificate as certificate
    from . import inequalities as inequalities
    from . import relaxation as relaxation
    from . import search as search
    from .certificate import Certificate as Certificate
    from .certificate import certify as certify
    from .curves import Curve, curve
    from .linear import gaussian_bound, rank_floor, water_filling
    from .measurement import Measurement, measure
    from .optimum.bounds import lower_bound, upper_bound
    from .optimum.exact import distortion_entropy, entropy_distortion
    from .optimum.gaps import excess
    from .optimum.partitions import Partition, partition
    from .optimum.quantizers import Quantizer, quantizer
    from .optimum.sweeps import Lagrangian, convex_hull, lagrangian
    from .plotting import plot_gap
    from .reporting import report
    from .segmentation import Segmentation, segment
    from .shannon import RateDistortion, rate_distortion, rate_distortion_bounds
    from .sources import (
        Circle,
        Edge,
        PowerLaw,
        Pulse,
        Ramp,
        SampledCurve,
        SampledLoop,
        SampledRamp,
        Sawbridge,
        Sinusoid,
        Source,
        Spectrum,
        Square,
        Triangle,
        UniformScalar,
        Waveform,
    )

_MODULES = {
    "optimum.bounds": ("lower_bound", "upper_bound"),
    "certificate": ("Certificate", "certify"),
    "curves": ("Curve", "curve"),
    "optimum.exact": ("distortion_entropy", "entropy_distortion"),
    "optimum.gaps": ("excess",),
    "linear": ("gaussian_bound", "rank_floor", "water_filling"),
    "measurement": ("Measurement", "measure"),
    "optimum.partitions": ("Partition", "partition"),
    "plotting": ("plot_gap",),
    "optimum.quantizers": ("Quantizer", "quantizer"),
    "reporting": ("report",),
    "segmentation": ("Segmentation", "segment"),
    "shannon": ("RateDistortion", "rate_distortion", "rate_distortion_bounds"),
    "sources": (
        "Circle",
        "Edge",
        "PowerLaw",
        "Pulse",
        "Ramp",
        "SampledCurve",
        "SampledLoop",
        "SampledRamp",
        "Sawbridge",
        "Sinusoid",
        "Source",
        "Spectrum",
        "Square",
        "Triangle",
        "UniformScalar",
        "Waveform",
    ),
    "optimum.sweeps": ("Lagrangian", "convex_hull", "lagrangian"),
}
_SUBMODULES = ("certificate", "inequalities", "relaxation", "search")
_HOME = {name: module for module, names in _MODULES.items() for name in names}

# without what needs an extra (Certificate, certify), so that `from edcurve import *` does not
__all__ = [
    "Circle",
    "Curve",
    "Edge",
    "Lagrangian",
    "Measurement",
    "Partition",
    "PowerLaw",
    "Pulse",
    "Quantizer",
    "Ramp",
    "RateDistortion",
    "SampledCurve",
    "SampledLoop",
    "SampledRamp",
    "Sawbridge",
    "Segmentation",
    "Sinusoid",
    "Source",
    "Spectrum",
    "Square",
    "Triangle",
    "UniformScalar",
    "Waveform",
    "convex_hull",
    "curve",
    "distortion_entropy",
    "entropy_distortion",
    "excess",
    "gaussian_bound",
    "inequalities",
    "lagrangian",
    "lower_bound",
    "measure",
    "partition",
    "plot_gap",
    "quantizer",
    "rank_floor",
    "rate_distortion",
    "rate_distortion_bounds",
    "relaxation",
    "report",
    "search",
    "segment",
    "upper_bound",
    "water_filling",
]


def __getattr__(name: str) -> object:
    if name in _SUBMODULES:
        return import_module(f".{name}", __name__)
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_SUBMODULES, *_HOME})

"""What a source is, and all of them: known in closed form, given by a spectrum, a waveform, points or a function."""

from __future__ import annotations

from . import constructors as constructors  # gives Source its makers
from .base import BOUND, CHECKED, ENCLOSED, PROVED, Source
from .measured import SampledCurve, SampledLoop
from .names import BUILT_IN, FAMILIES, resolve
from .proved import Circle, PowerLaw, Sawbridge, Sinusoid, UniformScalar
from .ramp import Ramp, SampledRamp
from .spectra import Spectrum
from .standard_waves import Edge, Pulse, Square, Triangle
from .surfaces import Rotations, Sphere, Surface, Torus
from .units import normal
from .waveforms import Waveform

__all__ = [
    "BOUND",
    "BUILT_IN",
    "CHECKED",
    "ENCLOSED",
    "FAMILIES",
    "PROVED",
    "Circle",
    "Edge",
    "PowerLaw",
    "Pulse",
    "Ramp",
    "Rotations",
    "SampledCurve",
    "SampledLoop",
    "SampledRamp",
    "Sawbridge",
    "Sinusoid",
    "Source",
    "Spectrum",
    "Sphere",
    "Square",
    "Surface",
    "Torus",
    "Triangle",
    "UniformScalar",
    "Waveform",
    "normal",
    "resolve",
]

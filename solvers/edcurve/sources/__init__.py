"""The sources: in closed form, or given by a spectrum, a waveform, points or a function."""

from __future__ import annotations

from . import constructors as constructors  # attaches the constructors to Source
from .base import BETWEEN, BOUND, CHECKED, ENCLOSED, PROVED, SEARCHED, Source
from .klein import KleinBottle
from .measured import SampledCurve, SampledLoop
from .names import BUILT_IN, FAMILIES, resolve
from .proved import Circle, PowerLaw, Sawbridge, Sinusoid, UniformScalar
from .ramp import Ramp, SampledRamp
from .sampled_surface import BallCells, SampledSurface
from .spectra import Spectrum
from .standard_waves import Edge, Pulse, Square, Triangle
from .surfaces import Rotations, Sphere, Surface, Torus
from .units import normal
from .waveforms import Waveform

__all__ = [
    "BETWEEN",
    "BOUND",
    "BUILT_IN",
    "CHECKED",
    "ENCLOSED",
    "FAMILIES",
    "PROVED",
    "SEARCHED",
    "BallCells",
    "Circle",
    "Edge",
    "KleinBottle",
    "PowerLaw",
    "Pulse",
    "Ramp",
    "Rotations",
    "SampledCurve",
    "SampledLoop",
    "SampledRamp",
    "SampledSurface",
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

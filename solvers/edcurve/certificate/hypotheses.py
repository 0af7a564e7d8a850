"""The hypotheses for enclosing E(D): the model is the source's, δ is monotone, (★) holds."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

from edcurve import sources

from .models import BallPowerLaw, BallRamp, BallSpectrum, Model
from .monotone import is_monotone
from .star import Star, verify_star

ATTEMPT = 8_000  # boxes that `certify` spends on (★), about a second; the circle needs 233
HARMONICS = 64  # most harmonics of spectra for which (★) is attempted

Energies = tuple[tuple[int, Fraction], ...]
_answers: dict[Energies, Star] = {}

_MODELS: dict[type[sources.Source], Callable[..., Model]] = {
    sources.Ramp: lambda _: BallRamp(),
    sources.Sawbridge: lambda _: BallPowerLaw(Fraction(1)),
    sources.UniformScalar: lambda _: BallPowerLaw(Fraction(2)),
    sources.PowerLaw: lambda source: BallPowerLaw(Fraction(source.law.parameters.exponent)),
    sources.Circle: lambda _: BallSpectrum([1]),
    sources.Sinusoid: lambda _: BallSpectrum([Fraction(1, 2)]),
    sources.Spectrum: lambda source: BallSpectrum(source.energies.tolist()),
    sources.SampledLoop: lambda source: BallSpectrum(source.energies.tolist()),
}


def unit_of(source: sources.Source) -> Fraction:
    """The factor from distortions of the model to those of the source; 1 for a spectrum, whose energies include it."""
    return source.law.scale


def model_of(source: sources.Source) -> Model:
    """The ball-arithmetic model of an unscaled source with monotone δ; ValueError if nothing can be proved."""
    make = _MODELS.get(type(source))
    model = make(source) if make else None
    if model is None or float(model.maximum * unit_of(source)) != source.max_distortion:
        raise ValueError(
            "source must be ramp, circle, sinusoid, sawbridge, uniform, power:a, from Source.from_spectrum or a loop "
            f"of points to be certified, got {source.name!r}: nothing is proved about others"
        )
    if isinstance(model, BallSpectrum) and not _monotone(_key(model)):
        raise ValueError(
            f"source must have a δ that is monotone in the distance, got {source.name!r}, where δ falls: "
            "cells that are not intervals may be better"
        )
    return model


def premise(source: sources.Source) -> str:
    """The premise of a certificate: for measured points, that d describes them."""
    if isinstance(source, sources.SampledLoop):
        return "; of the trigonometric polynomial through the points, with the energies as computed in double precision"
    return ""


def theorem(source: sources.Source, model: Model) -> str:
    """The reason why biuniform partitions are optimal, or "" if that is not proved."""
    if isinstance(model, BallPowerLaw):
        return "w = p d″ increases, so that (★) holds"
    if isinstance(model, BallRamp):
        return "(★) holds by an inequality between means"
    if isinstance(model, BallSpectrum) and source.condition.holds:
        answer = star(model, ATTEMPT if len(model.energies) <= HARMONICS else 0)
        return f"(★) was proved on {answer.boxes} boxes of triples of sizes" if answer.holds else ""
    return ""


def star(model: BallSpectrum, boxes: int) -> Star:
    """The answer about (★): a cached one, unless it was left undecided with fewer boxes."""
    key = _key(model)
    answer = _answers.get(key)
    if answer is None or (answer.holds is None and answer.boxes < boxes):
        answer = _answers[key] = verify_star(model, boxes)
    return answer


def _key(model: BallSpectrum) -> Energies:
    return tuple(model.energies.items())


@lru_cache(maxsize=64)
def _monotone(energies: Energies) -> bool:
    values = dict(energies)
    return is_monotone(BallSpectrum(values.get(k, 0) for k in range(1, max(values) + 1)))

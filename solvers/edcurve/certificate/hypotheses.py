"""What must hold before anything is claimed: the model is the source's, δ is monotone, (★) holds."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

from edcurve import sources

from .models import Model, Power, Ramp, Spectrum
from .monotone import is_monotone
from .star import Star, verify_star

ATTEMPT = 8_000  # boxes to spend on (★) unasked, about a second; the circle takes 233
HARMONICS = 64  # and up to how many harmonics

Energies = tuple[tuple[int, Fraction], ...]
_answers: dict[Energies, Star] = {}

_MODELS: dict[type[sources.Source], Callable[..., Model]] = {
    sources.Ramp: lambda _: Ramp(),
    sources.Sawbridge: lambda _: Power(Fraction(1)),
    sources.UniformScalar: lambda _: Power(Fraction(2)),
    sources.PowerLaw: lambda source: Power(Fraction(source._c[2])),
    sources.Circle: lambda _: Spectrum([1]),
    sources.Sinusoid: lambda _: Spectrum([Fraction(1, 2)]),
    sources.Spectrum: lambda source: Spectrum(source.energies.tolist()),
}


def unit_of(source: sources.Source) -> Fraction:
    """What distortions of the model are multiplied by: the energies of a spectrum are the numbers that it has."""
    return Fraction(1) if type(source) is sources.Spectrum else source._scale


def model_of(source: sources.Source) -> Model:
    """Ball arithmetic of a source with monotone δ, unscaled; ValueError where nothing can be proved."""
    make = _MODELS.get(type(source))
    model = make(source) if make else None
    if model is None or float(model.maximum * unit_of(source)) != source.max_distortion:
        raise ValueError(
            "source must be ramp, circle, sinusoid, sawbridge, uniform, power:a or from Source.from_spectrum to be "
            f"certified, got {source.name!r}: nothing is proved about others"
        )
    if isinstance(model, Spectrum) and not _monotone(_key(model)):
        raise ValueError(
            f"source must have a δ that is monotone in the distance, got {source.name!r}, where δ falls: "
            "cells that are not intervals may be better"
        )
    return model


def theorem(source: sources.Source, model: Model) -> str:
    """Why biuniform partitions are optimal, or "" where that is not proved."""
    if isinstance(model, Power):
        return "w = p d″ increases, so that (★) holds"
    if isinstance(model, Ramp):
        return "(★) holds by an inequality between means"
    if isinstance(model, Spectrum) and source.condition.holds:
        answer = star(model, ATTEMPT if len(model.energies) <= HARMONICS else 0)
        return f"(★) was proved on {answer.boxes} boxes of triples of sizes" if answer.holds else ""
    return ""


def star(model: Spectrum, boxes: int) -> Star:
    """Answer about (★), remembered unless it was left undecided by fewer boxes."""
    key = _key(model)
    known = _answers.get(key)
    if known is None or (known.holds is None and known.boxes < boxes):
        known = _answers[key] = verify_star(model, boxes)
    return known


def _key(model: Spectrum) -> Energies:
    return tuple(model.energies.items())


@lru_cache(maxsize=64)
def _monotone(energies: Energies) -> bool:
    values = dict(energies)
    return is_monotone(Spectrum(values.get(k, 0) for k in range(1, max(values) + 1)))

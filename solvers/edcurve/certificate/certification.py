"""Certificates: bounds on E(D) proved in ball arithmetic, which accounts for every rounding error.

They need python-flint (``pip install 'edcurve[certificate]'``). Floating-point results of the rest of edcurve
serve as guesses only; every claim about a guess is proved.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from edcurve import validation
from edcurve.io.markup import facts, text
from edcurve.sources import SampledSurface, Source, Surface, resolve

try:
    from flint import arb, ctx
except ImportError as error:
    raise ImportError("certificates need python-flint: pip install 'edcurve[certificate]'") from error

from . import enclosure, hypotheses, surfaces
from .balls import above, below
from .models import BallSpectrum, Model
from .shape import Slopes
from .star import Star, verify_star

__all__ = ["Certificate", "Slopes", "Star", "certify", "verify_condition"]

_precision = threading.RLock()  # python-flint has a single one for the process


@dataclass(frozen=True)
class Certificate:
    """Proof that E(D) is between `lower` and `upper`.

    Attributes
    ----------
    source : str
        Name of the source.
    distortion, base : float
        D and the base of the logarithm: exactly these doubles.
    lower, upper : float
        Bounds on E(D) in units of `base`, rounded outward.
    method : str
        What was proved, and how.
    precision : int
        Bits of the balls; 0 if exact arithmetic sufficed.
    count : int or None
        K of the partition of entropy `upper`, if it is biuniform.
    odd : tuple of float or None
        Bounds on its ε, if E(D) is the entropy of a biuniform partition.
    cells : tuple of float or None
        Sizes of the partition of entropy `upper`, to about 1e-9, if it is not biuniform.
    lmbda : float or None
        λ at which the dual bound `lower` was proved, in units of `base` per unit distortion.
    """

    source: str
    distortion: float
    base: float
    lower: float
    upper: float
    method: str
    precision: int = 0
    count: int | None = None
    odd: tuple[float, float] | None = None
    cells: tuple[float, ...] | None = None
    lmbda: float | None = None

    def _repr_html_(self) -> str:
        pairs: list[tuple[str, object]] = [
            ("distortion", repr(self.distortion)),
            ("lower", repr(self.lower)),
            ("upper", repr(self.upper)),
            ("base", repr(self.base)),
            ("proved", self.method),
        ]
        optional = ((name, getattr(self, name)) for name in ("count", "odd", "lmbda"))
        pairs += [(name, repr(value)) for name, value in optional if value is not None]
        pairs.append(("precision", f"{self.precision} bits"))
        return f"<div><strong>E(D) of {text(self.source)}</strong>, enclosed{facts(pairs)}</div>"

    def contains(self, value: Any) -> bool:
        """Whether the number `value` is between the bounds. A number that is not cannot be E(D)."""
        return bool(self.lower <= value <= self.upper)


def certify(source: Source | str, distortion: float, *, base: float = 2) -> Certificate:
    """Enclose E(D) rigorously: every inequality behind the two bounds is proved, in ball or exact arithmetic.

    For the named sources, and for spectra that provably satisfy condition (★), E(D) is the entropy of a biuniform
    partition (see the page on the theorem). Two such partitions, proved to be on either side of D, enclose it to a few
    units in the last place. For other spectra `upper` is the entropy of a partition whose distortion is proved to
    be at most D, and `lower` is the dual bound, with its minimum over cell sizes proved.

    For the sphere in R³ `lower` is the least entropy over sizes of cells of any shape, by the ramp's theorem. `upper`
    is the entropy of a code of spherical polygons that are proved to tile it. For other spheres, tori and rotations
    `lower` is the dual bound, proved for cells of any shape to 1e-7 nats. `upper` is that of a lattice or of pairs of
    arcs on a torus. For spheres and rotations it is that of cells defined by the order of the coordinates'
    magnitudes and their signs, and inf where D is too small for these. For tori below 1e-40 D_max `lower` is that of
    1e-40 D_max.

    Parameters
    ----------
    source : Source or str
        A built-in source other than `klein`, its name, a source from `Source.from_spectrum`, or a loop of points from
        `Source.from_samples`. For points the trigonometric polynomial is certified, so that the bounds do not include
        `.truncation` and `.defect`.
    distortion : float
        D ≥ 0, exactly this double.
    base : float
        Base of the logarithm, above 1, exactly this double (``math.e`` is slightly less than e).

    Returns
    -------
    Certificate
        `.lower` and `.upper` are 0 for D ≥ D_max, which is decided exactly, and inf at D = 0.

    Raises
    ------
    ValueError
        If D is negative or NaN; if d is known only as a Python function, whose values prove nothing; if δ is not
        monotone, so that cells that are not intervals may be better.
    TypeError
        If an argument is not a number or a source.
    """
    source = resolve(source, surfaces=True)
    D = float(validation.nonnegative("distortion", validation.real("distortion", distortion)))
    validation.log_base(base)
    with _precision:
        if isinstance(source, Surface):
            return _of_surface(source, D, float(base))
        model, unit = hypotheses.model_of(source), hypotheses.unit_of(source)
        if model.maximum * unit <= D:
            return Certificate(source.name, D, float(base), 0.0, 0.0, "D ≥ D_max, decided exactly: one cell", count=1)
        if D == 0.0:
            return Certificate(source.name, D, float(base), math.inf, math.inf, "D = 0: no countable partition")
        enclosed = _rounded(source.name, D, float(base), _enclosed(source, model, D, unit))
        return replace(enclosed, method=enclosed.method + hypotheses.premise(source))


def _of_surface(source: Surface, D: float, base: float) -> Certificate:
    if isinstance(source, SampledSurface):
        raise ValueError(
            f"source must be a sphere, a torus or rotations among surfaces to be certified, got {source.name!r}, whose "
            "lower bound rests on a search"
        )
    if D == 0.0:
        return Certificate(source.name, D, base, math.inf, math.inf, "D = 0: no countable partition")
    if surfaces.maximum(source) <= D:
        return Certificate(source.name, D, base, 0.0, 0.0, "D ≥ D_max, proved: one cell", count=1)
    return _rounded(source.name, D, base, surfaces.enclosed(source, D))


def _enclosed(source: Source, model: Model, D: float, unit: Fraction) -> enclosure.Enclosure:
    reason = hypotheses.theorem(source, model)
    if reason or not isinstance(model, BallSpectrum):
        return enclosure.exact(model, Fraction(D) / unit, reason)
    return enclosure.between(source, model, D)


def _rounded(name: str, D: float, base: float, enclosed: enclosure.Enclosure) -> Certificate:
    with ctx.workprec(enclosed.precision):
        unit = arb(base).log()
        low, high = below(enclosed.low / unit), above(enclosed.high / unit)
        lmbda = None if enclosed.lmbda is None else float(arb(enclosed.lmbda) / unit)
    return Certificate(
        name,
        D,
        base,
        max(low, 0.0),
        high,
        enclosed.method,
        precision=enclosed.precision,
        count=enclosed.count,
        odd=enclosed.odd,
        cells=enclosed.cells,
        lmbda=lmbda,
    )


def verify_condition(source: Source | str | Slopes, *, boxes: int = 100_000) -> Star:
    """Prove condition (★), under which biuniform partitions are optimal, or a counterexample to it.

    (★) means that for all p₁ < p₂ < p₃ with sum at most 1 the mean of w = p d″ over [ln p₂, ln p₃] exceeds its mean
    over [ln p₁, ln p₂]. Interval branch and bound covers all such triples with boxes.

    Parameters
    ----------
    source : Source, str or Slopes
        A closed source with a finite spectrum, or any object with d′, w and p w′ in ball arithmetic, as methods
        ``slope``, ``bend`` and ``turn``, and ``small = (η, C, α)`` such that 0 < w(p) ≤ C p^α and w′(p) > 0 for
        0 < p ≤ η ≤ ½; this assumption is not checked. For a finite spectrum it is a lemma.
    boxes : int
        Most boxes to examine. `certify` spends 8000 on a spectrum of up to 64 harmonics, and uses results proved here
        with more.

    Returns
    -------
    Star
        ``.holds`` is True, False (with ``.witness``) or None if neither was proved: (★) then holds or fails too
        narrowly, as for the ramp, where the two means agree to second order at p₁ = p₂ = p₃ = 1/3.

    Raises
    ------
    ValueError
        If `source` is a Source without a finite spectrum, or if its δ is not monotone.
    """
    limit = validation.positive_int("boxes", boxes)
    with _precision:
        if isinstance(source, Source | str):
            return hypotheses.star(_spectrum(resolve(source)), limit)
        return verify_star(source, limit)


def _spectrum(source: Source) -> BallSpectrum:
    model = hypotheses.model_of(source)
    if not isinstance(model, BallSpectrum):
        raise ValueError(
            f"source must have a finite spectrum, got {source.name!r}: its proof is on paper, docs/theorem.md"
        )
    return model

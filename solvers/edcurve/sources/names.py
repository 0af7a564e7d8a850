"""The sources that have a name: a new one needs one line here beside its own file."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from functools import lru_cache
from typing import NamedTuple

from .base import Source
from .klein import KleinBottle
from .proved import Circle, PowerLaw, Sawbridge, Sinusoid, UniformScalar
from .ramp import Ramp, SampledRamp
from .standard_waves import Edge, Pulse, Square, Triangle
from .surfaces import Rotations, Sphere, Surface, Torus

# each source defines its own name
CURVES: tuple[Callable[[], Source], ...] = (Ramp, Circle, Sinusoid, Sawbridge, UniformScalar, Square, Triangle)
SURFACES: tuple[Callable[[], Source], ...] = (Sphere, Torus, Rotations, KleinBottle)
BUILT_IN: dict[str, Callable[[], Source]] = {make().name: make for make in (*CURVES, *SURFACES)}

TAKE_SURFACES = (
    "curve, report, mean_excess, lower_bound, upper_bound, lagrangian, quantizer, rate_distortion and "
    "entropy_distortion"
)


class Family(NamedTuple):
    """Built-in sources with a parameter, called "name:parameter"."""

    form: str  # name and parameter, as in messages
    make: Callable[[str], Source]
    allowed: str

    @property
    def kind(self) -> str:
        """The name before the colon."""
        return self.form.partition(":")[0]


FAMILIES = {
    family.kind: family
    for family in (
        Family("power:a", lambda text: PowerLaw(float(text)), "0 < a ≤ 2, such as power:1.5"),
        Family("pulse:w", lambda text: Pulse(float(text)), "0 < w < 1, such as pulse:0.2"),
        Family("edge:n", lambda text: Edge(int(text)), "a highest harmonic n ≥ 1, such as edge:15"),
        Family("ramp:T", lambda text: Ramp(int(text)), f"2 to {SampledRamp.MOST} samples, such as ramp:1024"),
        Family("sphere:n", lambda text: Sphere(int(text)), "a dimension n from 1 to 1000, such as sphere:3"),
        Family(
            "torus:r,s",
            lambda text: Torus([float(radius) for radius in text.split(",")]),
            "radii r, s > 0 in a ratio of at most 100, such as torus:1,2",
        ),
    )
}


def resolve(source: object, *, stationary: bool = True, surfaces: bool = False) -> Source:
    """``source`` itself if it is a `Source`, or the built-in source of this name ("power:a" for a power law).

    A source without a δ that depends on the distance alone is refused unless `stationary` is False, and a `Surface`,
    whose E(D) is only enclosed, unless `surfaces` is True.
    """
    if not isinstance(source, Source | str):
        raise TypeError(f"source must be a Source or a name, got {source!r}")
    resolved = _named(source) if isinstance(source, str) else source
    if isinstance(resolved, Surface):
        if surfaces:
            return resolved
        raise ValueError(
            f"source must be a curve for this, got {resolved.name!r}, which has more dimensions and whose E(D) is only "
            f"enclosed; {TAKE_SURFACES} take it"
        )
    if stationary and not resolved.law.stationary:
        raise ValueError(
            f"source must be stationary for this, got {resolved.name!r}, whose cells have no distortion that depends "
            "on their size alone; lagrangian, quantizer and excess with lmbda take it"
        )
    return resolved


def _nearest(name: str) -> str:
    """A question that suggests the nearest name; "" if none is near."""
    kind, colon, parameter = name.strip().lower().partition(":")
    near = get_close_matches(kind[:100], [*BUILT_IN, *FAMILIES], n=1)
    if not near:
        return ""
    meant = near[0]
    if colon and meant in FAMILIES:
        meant = f"{meant}:{parameter}"
    elif meant not in BUILT_IN:
        meant = FAMILIES[meant].form
    return f"; did you mean {meant!r}?"


@lru_cache(maxsize=256)
def _named(name: str) -> Source:
    if name in BUILT_IN:
        return BUILT_IN[name]()
    kind, colon, parameter = name.partition(":")
    if not colon or kind not in FAMILIES:
        names = ", ".join([*BUILT_IN, *(family.form for family in FAMILIES.values())])
        raise ValueError(f"source must be a Source or one of {names}, got {name!r}{_nearest(name)}")
    family = FAMILIES[kind]
    try:
        return family.make(parameter)
    except ValueError:
        raise ValueError(f"source must be {family.form} with {family.allowed}, got {name!r}") from None

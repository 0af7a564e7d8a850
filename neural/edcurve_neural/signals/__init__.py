"""The sources as a network sees them: realizations x(v) of a phase v, their projections and squared errors.

Most realizations are a fixed curve plus a few numbers that depend on v, so that a linear layer and a squared error need
no product over all samples. These are exact identities, with prefix sums of the weights.

`SIGNALS` lists the named sources. To add one, write a class and enter it there.
"""

from __future__ import annotations

from typing import Any

import edcurve
import numpy as np
from edcurve import sources
from numpy.typing import NDArray

from edcurve_neural import manifolds

from .base import Signal
from .harmonic import CircleSignal, SinusoidSignal
from .measured import MeasuredCurve
from .stepped import RampSignal, SawbridgeSignal
from .surfaces import KleinSignal, SampledSurfaceSignal, SphereSignal, TorusSignal

SAMPLES = 1024  # default number of samples of functions on [0, 1]

SIGNALS: dict[str, type[Signal]] = {
    kind.name: kind
    for kind in (
        RampSignal,
        CircleSignal,
        SinusoidSignal,
        SawbridgeSignal,
        SphereSignal,
        TorusSignal,
        KleinSignal,
    )
}


def signal(name: str, samples: int) -> Signal:
    """The source with this name; functions on [0, 1] are sampled at `samples` points t = i/T."""
    if manifolds.is_name(name):
        return MeasuredCurve(manifolds.find(name))
    radii = _radii(name)
    return SIGNALS[name](samples) if radii is None else TorusSignal(samples, radii)


def _radii(name: str) -> tuple[float, float] | None:
    """Radii of a torus named "torus:r,s", written as its source writes them; None for other names."""
    try:
        torus = sources.resolve(name, surfaces=True) if name.startswith("torus:") else None
    except ValueError:
        return None
    return torus.radii if isinstance(torus, edcurve.Torus) and torus.name == name else None


def of_points(points: NDArray[np.float64], *, closed: bool, label: str) -> Signal:
    """The curve through points at equal steps of the phase; it is not entered under a name."""
    return MeasuredCurve(manifolds.Manifold("loop" if closed else "curve", points, label))


def of_surface(source: sources.SampledSurface) -> Signal:
    """The surface of samples on a grid; it is not entered under a name."""
    return SampledSurfaceSignal(source)


def source_of(name: str) -> edcurve.Source:
    """The core package's source with this name, from which the optimum is computed."""
    return manifolds.find(name).source if manifolds.is_name(name) else signal(name, 2).source


def is_built_in(source: Any) -> bool:
    """Whether a value, of any type, is the name of a built-in source."""
    return isinstance(source, str) and (source in SIGNALS or _radii(source) is not None)


def shown(source: Any) -> str:
    """A value that is not a source, for messages; for points and surfaces of samples, with what takes them."""
    if isinstance(source, edcurve.Source) and is_built_in(source.name):
        return f"{source!r}: its name is {source.name!r}"
    if isinstance(source, sources.SampledSurface):
        return f"{source!r}: a surface of samples is for edcurve_neural.evaluate, and edcurve.ecvq takes its points"
    shape = getattr(source, "shape", None)
    if shape is None:
        return repr(source)
    return f"an array of shape {tuple(shape)}; edcurve_neural.from_samples makes a source of points"


def names() -> str:
    """Names of the sources, for messages."""
    return ", ".join([*sorted(SIGNALS), "torus:r,s"])


def samples_or_default(name: str, samples: Any) -> Any:
    """`samples` as given, or its default: 1024, or None for a source that is not a function on [0, 1].

    Raises
    ------
    ValueError
        If a number of samples is given for a source that is not a function.
    """
    space = SIGNALS.get(name, TorusSignal).space
    if space is None:
        return SAMPLES if samples is None else samples
    if samples is not None:
        raise ValueError(f"samples must be None for the {name}, which is in {space}, got {samples!r}")
    return None

"""The interface between sources and solvers: everything that solvers may read of a source."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import Any, Protocol, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edcurve.kernels.law import Law

Array = NDArray[np.float64]
Value = TypeVar("Value")


class Solvable(Protocol):
    """A source as solvers see it; `Source` implements this.

    Numbers for kernels and closed forms are in its `law`; the rest is also public. Solvers read nothing else of a
    source. Four modules of this package derive more:

    * `units.normal(source)`: the source in a unit of distortion near D_max, in which solvers compute;
    * `units.unscaled(source)`: the source that a scaled one is a multiple of, whose results all multiples share;
    * `digits.accurate_above(source)` and `digits.check(source, distortion)`: where d loses its digits, and a warning;
    * `kept(source, name, make)`: a value that is computed once for a source.

    Attributes
    ----------
    law : Law
        Model, parameters, exact scale, closed forms, and whether the source is stationary.
    """

    law: Law

    @property
    def name(self) -> str:
        """Name in messages."""

    @property
    def closed(self) -> bool:
        """Whether the manifold is a loop."""

    @property
    def max_distortion(self) -> float:
        """D_max, rounded to double."""

    @property
    def truncation(self) -> float:
        """Bound on the error of the distortion of any partition computed from d."""

    @property
    def status(self) -> str:
        """Status of E(D): proved, checked numerically, or an upper bound."""

    @property
    def reason(self) -> str:
        """The reason for the status."""

    @property
    def monotone(self) -> bool:
        """Whether δ is nondecreasing, so that intervals are the best cells."""

    def cell_distortion(self, p: ArrayLike) -> Any:
        """d(p): the contribution of cells of size p to the distortion."""


def kept(source: object, name: str, make: Callable[[], Value]) -> Value:
    """The value of `make`, computed once for each source.

    It is stored in the object rather than in a dictionary of sources, because a user's class may define equality in
    its own way.
    """
    values = vars(source)
    if name not in values:
        values[name] = make()
    value: Value = values[name]
    return value


Function = TypeVar("Function", bound=Callable[..., Any])


def once_for_each(size: int) -> Callable[[Function], Function]:
    """Decorator that caches results of a function of a source, for up to ``size`` different arguments.

    Equal sources share them. Results for an unhashable source, of a user's class compared by value, are stored by
    `kept`.
    """

    def decorate(function: Function) -> Function:
        shared = lru_cache(maxsize=size)(function)

        @wraps(function)
        def call(source: Any, *rest: Any) -> Any:
            if type(source).__hash__ is None:
                return kept(source, f"{OF_UNHASHABLE}{function.__name__}{rest}", lambda: function(source, *rest))
            return shared(source, *rest)

        return cast(Function, call)

    return decorate


OF_UNHASHABLE = "_kept_"


def forget(source: object, *names: str) -> None:
    """Delete cached values that were copied from another source."""
    for name in [name for name in vars(source) if name in names or name.startswith(OF_UNHASHABLE)]:
        del vars(source)[name]

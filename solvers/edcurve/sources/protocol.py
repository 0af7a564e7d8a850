"""What a source owes the solvers: the contract between the packages of problems and `edcurve.sources`."""

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
    """A source as solvers see it; `Source` is one, and whatever else they are given has to be.

    Everything about it that is a number for a kernel, or known in closed form, is in its `law`; the rest is what users
    see too. Solvers read nothing else of a source. Four functions of this package make more of these:

    * `units.normal(source)`: the source in a unit of distortion near D_max, in which solvers compute;
    * `units.unscaled(source)`: the source that a scaled one was made of, for what is kept from one to another;
    * `digits.accurate_above(source)` and `digits.check(source, distortion)`: where d loses its digits, and a warning;
    * `kept(source, name, make)`: what is computed once for a source.

    Attributes
    ----------
    law : Law
        Model, parameters, exact scale, what is known in closed form, and whether the source is stationary.
    """

    law: Law

    @property
    def name(self) -> str:
        """What messages call it."""

    @property
    def closed(self) -> bool:
        """Whether the manifold is a loop."""

    @property
    def max_distortion(self) -> float:
        """D_max, rounded to double."""

    @property
    def truncation(self) -> float:
        """By how much the distortion of any partition may differ from what d says."""

    @property
    def status(self) -> str:
        """What E(D) of the source is: proved, checked numerically, or an upper bound."""

    @property
    def reason(self) -> str:
        """Why the status is what it is."""

    @property
    def monotone(self) -> bool:
        """Whether δ does not decrease, so that intervals are the best cells."""

    def cell_distortion(self, p: ArrayLike) -> Any:
        """d(p): the contribution of cells of size p to the distortion."""


def kept(source: object, name: str, make: Callable[[], Value]) -> Value:
    """What `make` computes, once for each source.

    It is kept with the object, and not in a dictionary of sources: which of those are equal is for a user's class to
    say.
    """
    values = vars(source)
    if name not in values:
        values[name] = make()
    value: Value = values[name]
    return value


Function = TypeVar("Function", bound=Callable[..., Any])


def once_for_each(size: int) -> Callable[[Function], Function]:
    """A decorator: results of a function of a source are kept, for so many different arguments.

    Equal sources share them. With a source that has no hash, of a user's class that is compared by value, they are
    kept as `kept` does.
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
    """Forget what was kept with a source that this one was copied from."""
    for name in [name for name in vars(source) if name in names or name.startswith(OF_UNHASHABLE)]:
        del vars(source)[name]

"""Array loops over the scalar functions: interpreted for few points, compiled by numba for many.

A compiled loop releases the GIL, so large arrays are cut into a few chunks a core and run in threads that live only
for the call; no parallel runtime is loaded.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from itertools import pairwise
from types import FunctionType, ModuleType
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from . import compiling, functions, general, spectrum, table, threads

Array = NDArray[np.float64]
Function = Callable[..., float]
Loop = Callable[[Array, Array, Array, Array], None]

# (function, what it takes of a model), in the order of its arguments
ARGUMENTS: dict[Function, tuple[str, str, str]] = {
    functions.entropy: ("mean", "rate", "split"),
    functions.lower: ("mean", "rate", "split"),
    functions.hull: ("mean", "rate", "split"),
    functions.distortion: ("mean", "mean_at", "split"),
    functions.cell: ("mean", "rate", "split"),
    functions.uniform: ("mean", "rate", "split"),
    functions.log_count: ("mean", "rate", "split"),
    functions.cells: ("mean", "rate", "split"),
}
# Evaluations (points × terms of a sum) that a process makes interpreted before it is worth importing numba, which
# costs as much as about so many. The results are the same to the last bit.
INTERPRETED = 50_000
_interpreted = 0
# Points below which a second thread costs more than it saves.
CHUNK = 8192


def evaluate(
    function: Function,
    model: ModuleType,
    c: tuple[Any, ...],
    extra: tuple[float, ...],
    x: Array,
) -> Array:
    """Function at every point of the one-dimensional array x."""
    if model is general or _few(x.size * len(c)):
        parts = [getattr(model, name) for name in ARGUMENTS[function]]
        return np.array([function(*parts, c, extra, value) for value in x.tolist()], dtype=np.float64)
    with compiling.lock:
        run = compiled(function, model)
    out = np.empty_like(x)
    _in_chunks(run, np.asarray(c), np.array(extra, dtype=np.float64), x, out)
    return out


def _few(evaluations: int) -> bool:
    """Whether so many more are better interpreted; they are then counted."""
    global _interpreted
    if compiled.cache_info().currsize or _interpreted + evaluations > INTERPRETED:
        return False
    _interpreted += evaluations
    return True


def point(function: Function, model: ModuleType, c: tuple[Any, ...], extra: tuple[float, ...], x: float) -> float:
    """Function at one point, interpreted unless the model is a long sum or a table."""
    if model in (spectrum, table) and len(c) > 64:
        return float(evaluate(function, model, c, extra, np.array([x]))[0])
    parts = [getattr(model, name) for name in ARGUMENTS[function]]
    return float(function(*parts, c, extra, x))


def _in_chunks(run: Loop, c: Array, extra: Array, x: Array, out: Array) -> None:
    """Run a loop over all of x, cut into a few chunks a core."""
    count = min(threads.cores(), x.size // CHUNK)
    if count <= 1:
        return run(c, extra, x, out)
    cuts = np.linspace(0, x.size, 4 * count + 1).astype(int)
    chunks = [slice(start, stop) for start, stop in pairwise(cuts.tolist())]
    for _ in threads.in_threads(lambda chunk: run(c, extra, x[chunk], out[chunk]), chunks, count):
        pass
    return None


@cache
def compiled(function: Function, model: ModuleType) -> Loop:
    """The loop of a function over a model, compiled once and kept on disk."""
    compiling.let_kernels_call(functions)
    compiling.let_kernels_call(model)
    if function is functions.entropy:
        run = _entropy_loop(model.rate, model.fast, model.split, model.FAST)
    else:
        first, second, third = (getattr(model, name) for name in ARGUMENTS[function])
        run = _loop(function, first, second, third)
    types = compiling.READ, compiling.READ, compiling.READ, compiling.REALS
    name = f"{function.__name__}_{model.__name__.rpartition('.')[2]}"
    return compiling.kernel(run, types, name=name, forceinline=True)


def _loop(function: Any, first: Any, second: Any, third: Any) -> FunctionType:
    def run(c: Array, extra: Array, x: Array, out: Array) -> None:
        for i in range(x.size):
            out[i] = function(first, second, third, c, extra, x[i])

    return cast(FunctionType, run)


def _entropy_loop(rate: Any, fast: Any, split: Any, fast_share: float) -> FunctionType:
    """As `_loop`, block by block: all partitions by the fast way, the rest by the other, then the entropies."""
    inside, entropy_of, block = functions.inside, functions.entropy_of, 512

    def run(c: Array, extra: Array, x: Array, out: Array) -> None:
        count, odd, D = np.empty(block), np.empty(block), np.empty(block)
        limit = fast_share * c[0]
        for start in range(0, x.size, block):
            stop = min(block, x.size - start)
            for i in range(stop):
                D[i] = inside(c, x[start + i])
                count[i], odd[i] = fast(c, D[i])
            for i in range(stop):
                if D[i] > limit:
                    count[i], odd[i] = split(c, D[i])
                out[start + i] = entropy_of(rate, c, x[start + i], count[i], odd[i])

    return cast(FunctionType, run)

"""Array loops over the scalar functions: interpreted for few points, compiled by numba for many.

A compiled loop releases the GIL, so large arrays are divided into a few chunks per core and run in threads that live
only for the call; no parallel runtime is loaded.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from types import FunctionType, ModuleType
from typing import Any, cast, get_type_hints

import numpy as np
from numpy.typing import NDArray

from edcurve.apart import once

from . import compiling, functions, general, spectrum, table, threads
from .law import Law

Array = NDArray[np.float64]
Function = Callable[..., float]
Loop = Callable[..., None]

# Number of evaluations (points × terms of a sum) that a process makes interpreted before it imports numba, which takes
# about as long as this many. The results are the same to the last bit.
INTERPRETED = 50_000
_interpreted = 0
# Number of points below which a second thread costs more than it saves.
CHUNK = 8192
# Most evaluations per chunk: Ctrl-C waits for running chunks.
INTERRUPTIBLE = 2**20
# Number of terms of a sum above which even one point needs a compiled loop.
LONG = 64
NOTHING: Array = np.empty(0)


def evaluate(function: Function, law: Law, extra: tuple[float, ...], x: Array) -> Array:
    """A function of `functions` at every point of the one-dimensional array x.

    Parameters
    ----------
    function : callable
        A function of `functions`.
    law : Law
        Model and parameters of the source.
    extra : tuple of float
        Chords or vertices, for functions that take them.
    x : ndarray, shape (n,)
        Points.

    Returns
    -------
    ndarray, shape (n,)
        Values, the same to the last bit as those of `point`.
    """
    # d(p) takes an eighth of the time of the other functions, except for sums
    simple = function is functions.cell and law.model not in (spectrum, table)
    if law.model is general or _few(x.size * law.terms // (8 if simple else 1)):
        values = [function(law.model, law.parameters, extra, value) for value in x.tolist()]
        return np.array(values, dtype=np.float64)
    run = compiled(function, law.model)
    return _in_chunks(run, (law.arrays, np.array(extra, dtype=np.float64) if extra else NOTHING), x, law.terms)


def point(function: Function, law: Law, extra: tuple[float, ...], x: float) -> float:
    """Function at one point, interpreted unless the model is a long sum or a table."""
    model = law.model
    if model in (spectrum, table) and law.terms > LONG:
        return float(evaluate(function, law, extra, np.array([x]))[0])
    return float(function(model, law.parameters, extra, x))


def logarithms(x: Array) -> Array:
    """Natural logarithms with the bits of `math.log`, from which numpy's may differ."""
    if _few(x.size):
        return np.array([math.log(value) for value in x.tolist()], dtype=np.float64)
    return _in_chunks(_compiled_logarithms(), (), x)


def _few(evaluations: int) -> bool:
    """Whether this many more evaluations are better interpreted; if so, they are counted."""
    global _interpreted
    if compiled.cache_info().currsize or _interpreted + evaluations > INTERPRETED:
        return False
    _interpreted += evaluations
    return True


def _in_chunks(run: Loop, arguments: tuple[Any, ...], x: Array, terms: int = 1) -> Array:
    """Run a loop over all of x, in a few chunks per core, short enough for Ctrl-C."""
    out = np.empty_like(x)
    count = x.size // CHUNK
    # the system call for the number of cores takes longer than a few points
    count = min(threads.cores(), count) if count > 1 else 1
    least = -(-x.size * max(1, terms) // INTERRUPTIBLE)
    if count == 1 and least <= 1:
        run(*arguments, x, out)
        return out
    cuts = np.linspace(0, x.size, max(4 * count if count > 1 else 1, min(least, x.size)) + 1).astype(int)
    chunks = [slice(start, stop) for start, stop in pairwise(cuts.tolist())]
    for _ in threads.in_threads(lambda chunk: run(*arguments, x[chunk], out[chunk]), chunks, count):
        pass
    return out


@once
def compiled(function: Function, model: ModuleType) -> Loop:
    """The loop of a function over a model, compiled once and cached on disk."""
    compiling.let_kernels_call(functions)
    compiling.let_kernels_call(model)
    run = _entropy_loop(model) if function is functions.entropy else _loop(function, model)
    fields = get_type_hints(model.Parameters).values()
    parameters = [compiling.REAL if field is float else compiling.CONSTANTS for field in fields]
    types = compiling.record(model.Parameters, parameters), compiling.READ, compiling.READ, compiling.REALS
    name = f"{function.__name__}_{model.__name__.rpartition('.')[2]}"
    return compiling.kernel(run, types, name=name, forceinline=True)


def _loop(function: Any, model: Any) -> FunctionType:
    def run(parameters: Any, extra: Array, x: Array, out: Array) -> None:
        for i in range(x.size):
            out[i] = function(model, parameters, extra, x[i])

    return cast(FunctionType, run)


def _entropy_loop(model: Any) -> FunctionType:
    """Like `_loop`, in blocks: all partitions by `fast`, those beyond it by `split`, then the entropies.

    LLVM vectorises the first loop, which has no branches; a single loop would prevent that.
    """
    inside, entropy_of, block, fast_share = functions.inside, functions.entropy_of, 512, model.FAST

    def run(parameters: Any, extra: Array, x: Array, out: Array) -> None:
        count, odd, D = np.empty(block), np.empty(block), np.empty(block)
        limit = fast_share * parameters.maximum
        for start in range(0, x.size, block):
            stop = min(block, x.size - start)
            for i in range(stop):
                D[i] = inside(parameters, x[start + i])
                count[i], odd[i] = model.fast(parameters, D[i])
            for i in range(stop):
                if D[i] > limit:
                    count[i], odd[i] = model.split(parameters, D[i])
                out[start + i] = entropy_of(model, parameters, x[start + i], count[i], odd[i])

    return cast(FunctionType, run)


@once
def _compiled_logarithms() -> Loop:
    def run(x: Array, out: Array) -> None:
        for i in range(x.size):
            out[i] = math.log(x[i])

    return compiling.kernel(cast(Loop, run), (compiling.READ, compiling.REALS), name="logarithms")

"""The open problem, for one λ or several: in order of λ, each with the previous partition as a hint."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
from numpy.typing import NDArray

from edcurve.kernels import compiling, threads

from . import forward

Array = NDArray[np.float64]
Ints = NDArray[np.int64]

EPSILON = float(np.finfo(float).eps)
ALONE = 100_000  # points × λ below which a second thread does not pay


def slack(x: Array) -> float:
    """Bound on the relative error of a sum of costs: a generous count of its roundings, all in one direction."""
    return 4.0 * EPSILON * float(x.shape[0] + x.shape[1] + 64)


def minimise(
    x: Array,
    w: Array,
    lmbda: float,
    *,
    prune: bool = True,
    whole: bool = True,
    hint: Ints | None = None,
    state: Ints | None = None,
) -> tuple[float, Ints]:
    """Return the least value in nats and, for every j, the start of the last cell in the best partition of j points.

    `prune`, `whole`, `hint` and `state` are those of `forward.solve`; only `whole` affects the result.
    """
    reals, integers = compiling.REALS, compiling.INTEGERS
    types = compiling.TABLE, reals, compiling.REAL, compiling.REAL, compiling.INTEGER, compiling.INTEGER
    results = integers, reals, integers, integers
    run = compiling.kernel_of(forward.solve, *types, *results)
    n = x.shape[0]
    value, start = np.empty(n + 1), np.empty(n + 1, np.int64)
    hint = np.full(n + 1, -1) if hint is None else hint
    state = np.zeros(2, np.int64) if state is None else state
    run(x, w, lmbda, slack(x), int(prune), int(whole), hint, value, start, state)
    return float(value[n]), start


def boundaries(start: Ints) -> Ints:
    """Trace the first point of every cell of the best partition of all points back."""
    first, j = [], start.size - 1
    while j > 0:
        j = int(start[j])
        first.append(j)
    return np.array(first[::-1], dtype=np.int64)


def sweep(x: Array, w: Array, lmbda: list[float], update: Callable[[int], None]) -> list[Ints]:
    """Find the best partition at each λ; `update` gets the number of points × λ done.

    The result does not depend on the order of the λ or on threads, because a hint only changes which start is tried
    first.
    """
    order = sorted(range(len(lmbda)), key=lmbda.__getitem__)
    parts: list[Ints] = [np.zeros(1, np.int64)] * len(lmbda)
    state = np.zeros((len(lmbda), 2), np.int64)

    def chain(indices: list[int]) -> None:
        hint: Ints | None = None
        for index in indices:
            _, hint = minimise(x, w, lmbda[index], hint=hint, state=state[index])
            parts[index] = boundaries(hint)

    if x.shape[0] * len(lmbda) <= ALONE:
        chain(order)
        return parts
    count = min(threads.cores(), len(lmbda))
    pieces = [piece.tolist() for piece in np.array_split(np.array(order), count)]
    with ThreadPoolExecutor(count) as pool:
        jobs = [pool.submit(chain, piece) for piece in pieces]
        try:
            while wait(jobs, timeout=0.1).not_done:
                update(int(state[:, 0].sum()))
        finally:
            state[:, 1] = 1  # threads return early after an interrupt; otherwise they are done already
        for job in jobs:
            job.result()
    return parts

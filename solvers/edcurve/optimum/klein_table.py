"""`python -m edcurve.optimum.klein_table FILE.npz`: the searched tables of the Klein bottle that the package ships."""

from __future__ import annotations

import sys

import numpy as np

from edcurve.codes import weighted
from edcurve.sources import SampledSurface
from edcurve.sources.klein import unsearched

from . import prices

EVERY = 8  # one of this many values of d(p)/p is stored
BETWEEN, FOLLOWED = 8, 2**21  # wider than in interactive searches of prices


def main(path: str) -> None:
    """Search cells, prices and codes, and write them, in a few minutes."""
    samples = unsearched()
    source = SampledSurface(samples.x, ends=("twisted", "closed"), name=samples.name)
    balls = source.samples.balls
    kept = np.unique(np.append(np.arange(0, len(balls.p), EVERY), len(balls.p) - 1))
    prices.BETWEEN, prices.FOLLOWED = BETWEEN, FOLLOWED
    lmbda, value = prices.of_samples(source)
    codes = weighted.codes(source)
    words = np.concatenate([np.column_stack([one.cells.centres, one.cells.offsets, one.cells.words]) for one in codes])
    np.savez_compressed(
        path,
        p=balls.p[kept],
        mean=balls.mean[kept],
        lmbda=lmbda,
        value=value,
        counts=np.array([len(one.cells.words) for one in codes]),
        cells=words,
        entropy=np.array([one.entropy for one in codes]),
        distortion=np.array([one.distortion for one in codes]),
        multiplier=np.array([one.lmbda for one in codes]),
    )


if __name__ == "__main__":
    main(sys.argv[1])

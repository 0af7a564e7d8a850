"""Sources of every model, numbers at which their kernels are tested, and both ways to run them."""

import math

import edcurve as ed
import numpy as np
from edcurve.kernels import circle, functions, loops
from edcurve.optimum.envelopes import chords, vertices

LONG = ed.Source.from_spectrum(1.0 / np.arange(1, 101) ** 2, name="100 harmonics")
SOURCES = {
    "ramp": ed.Ramp(),
    "sawbridge": ed.Sawbridge(),
    "uniform": ed.UniformScalar(),
    "circle": ed.Circle(),
    "sinusoid": ed.Sinusoid(),
    **{f"power:{a}": ed.PowerLaw(a) for a in (0.05, 0.3, 1.0, 1.5, 2.0)},
    "spectrum of 1": ed.Source.from_spectrum([1.0]),
    "spectrum of 4": ed.Source.from_spectrum([1.0, 0.2, 0.0, 0.05]),
}

# one of each model, for tests that do not depend on the parameters
MODELS = ("ramp", "circle", "power:0.3", "spectrum of 4")
ENTROPIES = (functions.entropy, functions.lower, functions.hull)
# Enough points for numba to compile and for several threads to share.
MANY = 60_003


def both_sides(x):
    """Return x and both neighbours of each number, without negative ones."""
    near = np.concatenate([x, np.nextafter(x, 0.0), np.nextafter(x, np.inf)])
    return near[near >= 0.0]


def distortions(source, size):
    rng, most = np.random.default_rng(20220517), source.max_distortion
    counts = np.array([*range(1, 40), 100, 12345, 1e7, 1e9, 2.0**50 - 1, 2.0**50, 2.0**50 + 1, 2.0**60])
    edges = np.concatenate([chords(source)[0::4], chords(source)[1::4]])
    x = [
        counts * source.cell_distortion(1.0 / counts),
        most * 10 ** rng.uniform(-21, 0, size),
        most * rng.uniform(0, 1, size),
        most * (1 - 10 ** rng.uniform(-16, 0, size)),
        np.array([most, 0.5 * most, 2 * most, circle.FAST * most, circle.HALF * most, 1e300, 1e-17, 1e-24]),
        np.array([1e-40, 1e-100, 1e-200, 1e-300, 2.0**-1022, 1e-310, 1e-318]),
        edges,
    ]
    return np.concatenate([both_sides(np.concatenate(x)), [0.0, -0.0, np.inf]])


def entropies(source, size):
    rng = np.random.default_rng(20220518)
    x = [
        np.log(np.arange(1.0, 60.0)),
        rng.uniform(0, 60, size),
        10 ** rng.uniform(-16, 2.9, size),
        np.array([1e-300, 700.0, 745.0, 746.0, 1e6, 1e300, math.log(2.0**50), math.log(2.0**51)]),
    ]
    x = both_sides(np.concatenate(x))
    return np.concatenate([x[x >= 1e-305], [0.0, np.inf]])


def sizes(source, size):
    rng = np.random.default_rng(20220519)
    x = [10 ** rng.uniform(-20, 0, size), rng.uniform(0, 1, size), 1 / np.arange(1.0, 60.0), np.array([1.05 / math.pi])]
    x = both_sides(np.concatenate(x))
    return np.concatenate([x[x <= 1.0], [0.0, 1.0, 5e-324, 1e-310, 1e-300, 1e-160]])


def weights(source, size):
    rng = np.random.default_rng(20220520)
    switches = [functions._switch(source.law.model, source.law.parameters, float(k), k + 1.0) for k in range(1, 30)]
    few, *more = vertices(source)
    if more:
        switches.append(functions._switch(source.law.model, source.law.parameters, few, more[0]))
    x = both_sides(np.concatenate([10 ** rng.uniform(-5, 15, size), switches]))
    return np.concatenate([x[np.isfinite(x)], [0.0, 5e-324, 1e-300]])


def counts(source, size):
    return np.concatenate([np.arange(1.0, 300.0), 2.0 ** np.arange(51)])


ARGUMENTS = {
    functions.entropy: distortions,
    functions.lower: distortions,
    functions.hull: distortions,
    functions.distortion: entropies,
    functions.cell: sizes,
    functions.uniform: counts,
    functions.cells: weights,
    functions.beyond: counts,
}


def extra(function, source):
    if function is functions.lower:
        return chords(source)
    return vertices(source) if function in (functions.hull, functions.cells, functions.beyond) else ()


def compiled(function, source, x):
    run = loops.compiled(function, source.law.model)
    out = np.full_like(x, np.nan)
    run(source.law.arrays, np.array(extra(function, source), dtype=float), x, out)
    assert run.signatures  # it was compiled
    return out


def interpreted(function, source, x):
    law, more = source.law, extra(function, source)
    return np.array([function(law.model, law.parameters, more, value) for value in x.tolist()])


def plain(size=MANY):
    return np.random.default_rng(11).uniform(0.0, 0.1, size)

"""A few large cells and any number of small ones: against brute force, and in 50 digits."""

import math

import edcurve as ed
import numpy as np
import pytest
from edcurve.search.large_and_small import LargeAndSmall
from mpmath import mp, mpf

NATS = {"base": math.e}


def where(condition, yes, no):
    """Elementwise choice, for arrays and for 50 digits."""
    return np.where(condition, yes, no) if isinstance(condition, np.ndarray) else (yes if condition else no)


def pulse(width):
    """d(p) on [0, ½] and by stationarity above it, for arrays or 50 digits."""

    def lower(p):
        p = p + 1e-320 if isinstance(p, np.ndarray) else p
        return where(p <= width, p * p / 3, p * width - width * width + width**3 / (3 * p))

    def d(p):
        q = 1 - p
        return where(2 * p <= 1, lower(p), (q * lower(q) + (1 - 2 * q) * width * (1 - width)) / p)

    return d


def plateau(height, width):
    """δ(u) = height · min(u/width, 1) + u², on an open curve."""

    def d(p):
        inner, outer = p * p / (6 * width), p / 2 - width / 2 + width * width / (6 * p)
        return height * where(p <= width, inner, outer) + p**3 / 12

    return d


def brute_force(d, D, most, large):
    """Least entropy of K cells of one size, n of another and one between: every K, n on a grid that closes in twice."""
    best = (math.inf, 1, 1, 0.0, 0.0)
    for K in large:
        for ratio in (0.0, 0.1, 0.5):
            counts = np.unique(np.round(np.geomspace(1, most, 100)))
            for _ in range(3):
                m = large_share(d, D, K, ratio, counts)
                H = entropy(K, counts, ratio, m)
                i = int(np.argmin(np.where(np.isfinite(H), H, np.inf)))
                best = min(best, (float(H[i]), K, int(counts[i]), ratio, float(m[i])))
                ends = counts[max(i - 1, 0)], counts[min(i + 1, len(counts) - 1)]
                counts = np.unique(np.round(np.linspace(*ends, 40)))
    return best


def large_share(d, D, K, ratio, n):
    """The share m of K large cells at which the distortion is D, by bisection; NaN if it never is."""
    full = 1 / (1 + ratio / K)
    low, high = full * K / (K + n), np.full(n.shape, full)

    def excess(m):
        c = ratio * m / K
        small = np.maximum(1 - m - c, 1e-300) / n
        return K * d(m / K) + (d(c) if ratio else 0.0) + n * d(small) - D

    possible = (excess(low) <= 0) & (excess(high) >= 0)
    for _ in range(50):
        middle = 0.5 * (low + high)
        above = excess(middle) > 0
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.where(possible, low, np.nan)


def entropy(K, n, ratio, m):
    c = ratio * m / K
    rest = 1 - m - c
    with np.errstate(all="ignore"):
        return -m * np.log(m / K) - (c * np.log(c) if ratio else 0.0) - rest * np.log(rest / n)


def in_50_digits(d, partition):
    """Entropy and distortion of groups of equal cells; the last size completes the sum to 1."""
    with mp.workdps(50):
        sizes, counts = [mpf(x) for x in partition.sizes.tolist()], [mpf(n) for n in partition.counts.tolist()]
        sizes[-1] = (1 - mp.fsum(n * p for n, p in zip(counts[:-1], sizes, strict=False))) / counts[-1]
        pairs = list(zip(counts, sizes, strict=True))
        return -mp.fsum(n * p * mp.log(p) for n, p in pairs), mp.fsum(n * d(p) for n, p in pairs)


@pytest.mark.parametrize(
    ("width", "share", "most"),
    [(1e-4, 0.8, 1e6), (1e-5, 0.3, 1e7), (1e-9, 0.787, 1e11)],
)
def test_narrow_pulses_against_brute_force_and_50_digits(width, share, most):
    source = ed.Pulse(width)
    D = share * source.max_distortion
    value = ed.upper_bound(source, D, **NATS)
    assert value <= brute_force(pulse(width), D, most, large=(1, 2, 3))[0] * (1 + 1e-7)
    assert value >= ed.lower_bound(source, D, **NATS)
    quantizer = ed.quantizer(source, D, **NATS)
    H, reached = in_50_digits(pulse(mpf(width)), quantizer.partition)
    assert float(H) == pytest.approx(value, rel=1e-12)
    assert quantizer.entropy == pytest.approx(value, rel=1e-12)
    assert reached <= mpf(D) * (1 + mpf(10) ** -14)


def test_the_case_of_26_large_cells():
    """E was reported as 21.65 bits; 26 large cells and a billion small ones need 5.504, other numbers 5.4987."""
    d = plateau(0.01, 1e-10)
    source = ed.Source(d, max_distortion=d(1.0), closed=False)
    small = 1_145_399_418
    D = 26 * d(0.975 / 26) + small * d(0.025 / small)
    result = brute_force(d, D, 1e11, large=(25, 26, 27))
    value = ed.upper_bound(source, D, **NATS)
    assert result[0] < 5.504 * math.log(2)
    assert value <= result[0] + 1e-7
    hull, lower = ed.convex_hull(source, D, **NATS), ed.lower_bound(source, D, **NATS)
    assert lower * (1 - 1e-12) <= hull <= value
    H, reached = in_50_digits(plateau(mpf("0.01"), mpf("1e-10")), ed.quantizer(source, D).partition)
    assert float(H) == pytest.approx(value, rel=1e-12)
    assert reached <= mpf(D) * (1 + mpf(10) ** -13)


def test_numbers_of_pulses():
    """A regression: E was 7.68 nats at one D, and the hull there raised "lmbda asks for more than 50000 cells"."""
    assert ed.upper_bound("pulse:1e-4", 8e-5, **NATS) == pytest.approx(2.50307772, abs=1e-8)
    assert ed.convex_hull("pulse:1e-4", 8e-5, **NATS) == pytest.approx(ed.lower_bound("pulse:1e-4", 8e-5, **NATS))
    source = ed.Pulse(1e-100)
    assert ed.upper_bound(source, 0.8e-100, **NATS) < 47.4
    with pytest.raises(ValueError, match=r"at most 2\*\*52 cells"):
        ed.quantizer(source, 0.8e-100)


@pytest.mark.parametrize("name", ["pulse:1e-5", "pulse:0.001"])
def test_bounds_are_in_order_along_a_curve(name):
    curve = ed.curve(name, num=8)
    assert (curve.lower <= curve.hull * (1 + 1e-12) + 1e-7).all()
    assert (curve.hull <= curve.upper * (1 + 1e-12) + 1e-7).all()
    assert (np.diff(curve.upper) <= 0).all()


@pytest.mark.parametrize("width", [1e-4, 1e-7])
def test_the_lagrangian_is_the_hull(width):
    """min H + λD is that of the hull at this λ, attained by the returned partition."""
    source = ed.Pulse(width)
    D = np.geomspace(1e-3 * width, source.max_distortion, 40)
    hull = ed.convex_hull(source, D, **NATS)
    for lmbda in np.array([0.3, 3.0, 10.0, 30.0, 1000.0]) / width:
        least = ed.lagrangian(source, lmbda, **NATS)
        assert (least.value <= hull + lmbda * D + 1e-6).all()
        assert least.value >= ed.lower_bound(source, least.distortion, **NATS) + lmbda * least.distortion - 1e-9
        assert least.value == pytest.approx(least.entropy + lmbda * least.distortion)


def test_thousands_of_large_cells():
    """Both numbers of cells are too large for any search."""
    d = plateau(1e-8, 1e-12)
    source = ed.Source(d, max_distortion=d(1.0), closed=False)
    family = LargeAndSmall(source.cell_distortion)
    for D in (1e-9, 3e-9, 5e-9):
        best = family.at_distortion(D)
        assert best.counts[0] > 1000
        assert best.distortion <= D * (1 + 1e-12)
        lower = ed.lower_bound(source, D, **NATS)
        # K cells of the best size leave less than one of them uncovered
        assert lower <= best.entropy * (1 + 1e-12) <= lower + 10 / best.counts[0]


def test_a_quantizer_of_groups():
    quantizer = ed.quantizer("pulse:1e-4", 8e-5)
    cells = quantizer.partition.cells()
    assert cells.size == quantizer.cells
    assert math.fsum(cells) == pytest.approx(1.0, abs=1e-12)
    starts = np.concatenate([[0.0], np.cumsum(cells)[:-1]])
    inside = starts + 0.5 * cells
    assert np.array_equal(quantizer.encode(inside), np.arange(cells.size))
    begin, size = quantizer.partition.intervals(np.arange(cells.size))
    assert begin == pytest.approx(starts, abs=1e-12)
    assert np.array_equal(size, cells)
    assert quantizer.encode(np.array([0.0, 1.0])).tolist() == [0, 0]

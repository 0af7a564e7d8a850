"""The quantizer that attains E(D): phases and realizations in, indices and centroids out."""

import math

import edcurve as ed
import numpy as np
import oracle
import pytest
from edcurve.sources import resolve
from hypothesis import given, settings
from hypothesis import strategies as st

universal = settings(deadline=None, derandomize=True, max_examples=150)

NATS = {"base": math.e}
SAMPLES = 512

# X = γ(V) at phases v, functions on [0, 1] at times t
CURVES = {
    "ramp": lambda v, t: np.mod(t + v, 1.0) - 0.5,
    "sinusoid": lambda v, t: np.sin(2 * np.pi * (t + v)),
    "sawbridge": lambda v, t: t - (t >= v),
    "circle": lambda v, t: np.concatenate([np.cos(2 * np.pi * v), np.sin(2 * np.pi * v)], axis=-1),
    "uniform": lambda v, t: v,
}
SOURCES = (*CURVES, "power:0.5")  # a power law has only phases
FUNCTIONS_OF_TIME = ("ramp", "sinusoid", "sawbridge")
# numbers of cells, the odd one counted by its share: 4 are equal
COUNTS = (1.2, 2.3, 4.0, 6.6)


def distortion(source, count):
    """K d(1/K) for any real K ≥ 1. The double nearest to it may leave K − 1 cells and one 1e-8 smaller."""
    return float(count * oracle.cell_distortion(source)(1 / oracle.mpf(count)))


def equal_cells(source, count):
    """The quantizer of equal cells, which no double distortion need give."""
    return ed.Quantizer(
        resolve(source), ed.Partition(count, 1 / count, 0.0), math.log2(count), distortion(source, count)
    )


def realizations(source, phases, samples=SAMPLES):
    return CURVES[source](np.asarray(phases)[..., None], np.arange(samples) / samples)


def edges(quantizer):
    """Boundaries between cells, 0 and 1 included."""
    sizes = quantizer.partition.cells()
    return np.concatenate([[0.0], np.cumsum(sizes)[:-1], [1.0]])


def away_from_edges(quantizer, phases, distance):
    return np.abs(phases[:, None] - edges(quantizer)).min(axis=1) > distance


def squared_distances(source, quantizer, phases):
    """‖γ(v) − centroid‖² of each phase to each centroid, integrals over t as means."""
    x = realizations(source, phases)
    centroids = quantizer.decode(np.arange(quantizer.cells), SAMPLES).reshape(quantizer.cells, -1)
    products = (x**2).sum(axis=1)[:, None] + (centroids**2).sum(axis=1) - 2 * x @ centroids.T
    return products / (SAMPLES if source in FUNCTIONS_OF_TIME else 1)


# --- centroids, distortion, entropy ---------------------------------------------------------------------------------


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("source", CURVES)
def test_cells_against_a_fine_grid_of_phases(source, count):
    """Conditional means, mean squared error and entropy of 1e5 phases.

    Sums over a grid of spacing 1e-5 are off by 1e-5 over the size of a cell where γ jumps, as it does at one time t
    in the ramp and the sawbridge. Over 64 values of t the integrand, quadratic but for kinks, costs 1e-3.
    """
    quantizer = ed.quantizer(source, distortion(source, count), **NATS)
    phases = (np.arange(100_000) + 0.5) / 100_000
    index, x = quantizer.encode(phases), realizations(source, phases, 64)
    centroids = quantizer.decode(np.arange(quantizer.cells), 64).reshape(quantizer.cells, -1)
    error = np.zeros(x.shape[1])
    for cell, centroid in enumerate(centroids):
        inside = x[index == cell]
        share = len(inside) / len(x)
        assert share == pytest.approx(quantizer.partition.cells()[cell], abs=2e-5)
        assert centroid == pytest.approx(inside.mean(axis=0), abs=2e-5 / share)
        error += ((inside - centroid) ** 2).sum(axis=0) / len(x)
    total = error.mean() if source in FUNCTIONS_OF_TIME else error.sum()
    assert total == pytest.approx(quantizer.distortion, rel=5e-3 if source in ("ramp", "sawbridge") else 1e-4, abs=0)
    shares = np.bincount(index, minlength=quantizer.cells) / len(phases)
    assert -(shares * np.log(shares)).sum() == pytest.approx(quantizer.entropy, abs=1e-4)


@pytest.mark.parametrize("source", ["ramp", "sawbridge"])
def test_distortion_converges_with_the_number_of_samples(source):
    """The integral over t as a mean over T: the error falls as T⁻² where the sizes are multiples of 1/T."""
    quantizer = equal_cells(source, 4)
    errors = []
    for samples in (32, 64, 128):
        phases = (np.arange(20 * samples) + 0.5) / (20 * samples)
        x, centroids = realizations(source, phases, samples), quantizer.decode(quantizer.encode(phases), samples)
        errors.append(((x - centroids) ** 2).mean() - quantizer.distortion)
    # at T samples, the part due to the unknown place of the jump is smaller by the factor 1 − 1/k², k = T/4
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.1, abs=0)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.1, abs=0)
    assert abs(errors[2]) < 1e-3 * quantizer.distortion


@universal
@given(st.sampled_from(SOURCES), st.floats(1.0, 1e6), st.sampled_from([2, math.e, 10]))
def test_quantizer_attains_the_optimum(source, count, base):
    """Its entropy is E(D) and its distortion D, except for an odd cell beyond the last phase below 1."""
    D = distortion(source, count)
    got = ed.quantizer(source, D, base=base)
    assert got.entropy == pytest.approx(ed.entropy_distortion(source, D, base=base), rel=1e-12, abs=1e-15)
    assert got.distortion == pytest.approx(min(D, resolve(source).max_distortion), rel=1e-13, abs=0)
    want = ed.partition(source, D)
    assert got.partition == want or (
        want.odd < 2.0**-53 and got.partition == ed.Partition(want.count, 1 / want.count, 0)
    )
    assert got.cells == got.partition.count + (got.partition.odd > 0)
    assert got.source == resolve(source)


@pytest.mark.parametrize("source", SOURCES)
def test_one_cell_above_the_largest_distortion(source):
    largest = resolve(source).max_distortion
    for D in (largest, 2 * largest, 1e300, math.inf):
        got = ed.quantizer(source, D)
        assert (got.cells, got.entropy, got.distortion) == (1, 0.0, largest)
        assert math.copysign(1, got.entropy) == 1
        assert got.encode([0.0, 0.3, 1.0]).tolist() == [0, 0, 0]


@pytest.mark.parametrize("source", SOURCES)
def test_quantizers_of_the_lagrangian(source):
    """At float(D_K) there are K cells, or by rounding one more of 1e-16; no cell is empty."""
    for lmbda in np.geomspace(5, 1e4, 40) / resolve(source).max_distortion:
        best = ed.lagrangian(source, lmbda)
        quantizer = ed.quantizer(source, best.distortion)
        assert quantizer.entropy == pytest.approx(best.entropy, abs=1e-12)
        assert quantizer.cells in (best.cells, best.cells + 1)
        assert quantizer.encode(np.nextafter(1, 0)) == quantizer.cells - 1


def test_centroid_of_one_cell_is_the_mean():
    t = np.arange(1024) / 1024
    assert ed.quantizer("ramp", 1.0).decode(0) == pytest.approx(np.zeros(1024), abs=1e-15)
    assert ed.quantizer("circle", 1.0).decode(0) == pytest.approx(np.zeros(2), abs=1e-15)
    assert ed.quantizer("sinusoid", 1.0).decode(0) == pytest.approx(np.zeros(1024), abs=1e-15)
    assert ed.quantizer("sawbridge", 1.0).decode(0) == pytest.approx(np.zeros(1024), abs=1e-15)
    assert ed.quantizer("uniform", 1.0).decode(0) == 0.5
    assert ed.quantizer("sawbridge", 1.0).decode(0, 4).shape == (4,)
    assert equal_cells("uniform", 4).centroids.tolist() == [0.125, 0.375, 0.625, 0.875]
    assert equal_cells("sawbridge", 2).decode(1) == pytest.approx(np.where(t < 0.5, t, 1 - t), abs=0)


# --- which cell -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("source", CURVES)
def test_a_realization_is_encoded_as_its_phase(source, count):
    """Away from edges: a sawbridge at T samples determines its phase to within 1/2T."""
    quantizer = ed.quantizer(source, distortion(source, count))
    phases = np.random.default_rng(13).uniform(0, 1, 5000)
    phases = phases[away_from_edges(quantizer, phases, 0.51 / SAMPLES if source == "sawbridge" else 1e-12)]
    assert len(phases) > 4800
    x = realizations(source, phases)
    assert np.array_equal(quantizer.encode(x).reshape(phases.shape), quantizer.encode(phases))


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("source", CURVES)
def test_centroids_are_encoded_as_their_cells(source, count):
    quantizer = ed.quantizer(source, distortion(source, count))
    centroids = quantizer.decode(np.arange(quantizer.cells))
    assert quantizer.encode(centroids).tolist() == list(range(quantizer.cells))
    assert np.array_equal(quantizer.centroids, centroids)


@pytest.mark.parametrize("source", SOURCES)
def test_phases_at_edges(source):
    """Cells are [start, stop): exact where sizes are powers of two, else either neighbour of a rounded edge."""
    equal = equal_cells(source, 4)
    starts = np.arange(4) / 4
    assert equal.encode(starts).tolist() == [0, 1, 2, 3]
    assert equal.encode(np.nextafter(starts[1:], 0)).tolist() == [0, 1, 2]
    for quantizer in (
        *(ed.quantizer(source, distortion(source, count)) for count in (6.6, 49.5)),
        equal_cells(source, 49),
    ):
        inner = edges(quantizer)[1:-1]
        result = quantizer.encode(inner) - np.arange(len(inner))
        assert set(result.tolist()) <= {0, 1}
        assert np.array_equal(quantizer.encode(inner + 1e-14), np.arange(1, len(inner) + 1))
        assert np.array_equal(quantizer.encode(inner - 1e-14), np.arange(len(inner)))


@universal
@given(st.sampled_from(SOURCES), st.floats(1.0, 1e4))
def test_the_odd_cell_ends_at_one(source, count):
    """It is [1 − ε, 1), for any rounding of K times the size."""
    quantizer = ed.quantizer(source, distortion(source, count))
    K, odd = quantizer.partition.count, quantizer.partition.odd
    assert quantizer.encode(np.nextafter(1 - odd, 0)) == K - 1
    if odd > 0:
        assert quantizer.encode([1 - odd, np.nextafter(1, 0)]).tolist() == [K, K]


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("source", SOURCES)
def test_ends_of_the_phase(source, count):
    """Phase 1 is phase 0 on a loop, and the end of the last cell on an interval."""
    quantizer = ed.quantizer(source, distortion(source, count))
    last = quantizer.cells - 1
    assert quantizer.encode([0.0, -0.0, 5e-324]).tolist() == [0, 0, 0]
    assert quantizer.encode(np.nextafter(1, 0)) == last
    assert quantizer.encode(1.0) == (0 if resolve(source).closed else last)
    assert quantizer.encode(1) == quantizer.encode(1.0)


@universal
@given(st.sampled_from(SOURCES), st.floats(1.0, 1e5), st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_encoding_is_by_the_sizes_of_the_cells(source, count, phases):
    """Indices are in range and do not decrease with the phase, and their cells contain it up to rounding."""
    quantizer = ed.quantizer(source, distortion(source, count))
    phases = np.sort([v for v in phases if v < 1] or [0.5])
    index = quantizer.encode(phases)
    assert index.min() >= 0
    assert index.max() < quantizer.cells
    assert (np.diff(index) >= 0).all()
    start = index * quantizer.partition.size
    odd = index == quantizer.partition.count
    stop = np.where(odd, 1.0, start + quantizer.partition.size)
    assert (start <= phases + 1e-15).all()
    assert (phases <= stop + 1e-15).all()


@pytest.mark.parametrize("source", CURVES)
def test_equal_cells_go_to_the_nearest_centroid(source):
    quantizer = equal_cells(source, 4)
    phases = np.random.default_rng(14).uniform(0, 1, 3000)
    phases = phases[away_from_edges(quantizer, phases, 2 / SAMPLES)]
    nearest = squared_distances(source, quantizer, phases).argmin(axis=1)
    assert np.array_equal(quantizer.encode(phases), nearest)


@pytest.mark.parametrize("count", [1.2, 1.7, 2.3, 6.6])
@pytest.mark.parametrize("source", CURVES)
def test_unequal_cells_weigh_distance_against_rate(source, count):
    """With an odd cell, the nearest centroid would assign too much to the small cell.

    The rule is ‖x − c‖² − ln(p)/λ with λ = −dE/dD: at edges the two neighbours tie.
    """
    quantizer = ed.quantizer(source, distortion(source, count), **NATS)
    size, odd = quantizer.partition.size, quantizer.partition.odd
    step = 1e-6
    sizes = np.array([size, odd])
    slopes = (resolve(source).cell_distortion(sizes + step) - resolve(source).cell_distortion(sizes - step)) / step / 2
    lmbda = math.log(size / odd) / (slopes[0] - slopes[1])
    phases = np.random.default_rng(15).uniform(0, 1, 3000)
    phases = phases[away_from_edges(quantizer, phases, 4 / SAMPLES)]
    squared, index = squared_distances(source, quantizer, phases), quantizer.encode(phases)
    rule = squared - np.log(quantizer.partition.cells()) / lmbda
    assert np.array_equal(rule.argmin(axis=1), index)
    wrong = squared.argmin(axis=1) != index
    assert wrong.mean() > 0.01
    assert (squared.argmin(axis=1)[wrong] == quantizer.cells - 1).all()


# --- shapes and types -----------------------------------------------------------------------------------------------


def test_shapes_and_types_of_indices():
    quantizer = ed.quantizer("circle", 0.1)
    for phase in (0.3, 1, np.float32(0.3), np.array(0.3)):
        assert type(quantizer.encode(phase)) is int
    for phases in ([0.1, 0.95], np.float32([0.1, 0.95]), (0.1, 0.95)):
        assert quantizer.encode(phases).dtype == np.int64
        assert quantizer.encode(phases).tolist() == [0, 5]
    assert quantizer.encode([]).shape == (0,)
    assert quantizer.encode(np.zeros((0, 2))).shape == (0,)
    assert quantizer.encode(np.ones((3, 4, 2))).shape == (3, 4)
    assert quantizer.encode(np.array([[0, 1]])).tolist() == [quantizer.encode(0.25)]


@pytest.mark.parametrize("source", FUNCTIONS_OF_TIME)
@pytest.mark.parametrize("samples", [3, 8, 1000])
def test_any_number_of_samples(source, samples):
    """Few samples of a sawbridge place its jump coarsely: cells of a third, at 3 samples."""
    quantizer = ed.quantizer(source, distortion(source, 3))
    index = np.array([[0, 1], [2, 0]])
    decoded = quantizer.decode(index, samples)
    assert decoded.shape == (2, 2, samples)
    assert quantizer.encode(decoded).tolist() == index.tolist()


@pytest.mark.parametrize(("source", "width"), [("ramp", (1024,)), ("circle", (2,)), ("uniform", ())])
def test_shapes_of_centroids(source, width):
    quantizer = ed.quantizer(source, distortion(source, 2.3))
    assert quantizer.centroids.shape == (3, *width)
    for index in (0, np.int8(2), np.uint64(1), np.array(1)):
        assert quantizer.decode(index).shape == width
        assert np.array_equal(quantizer.decode(index), quantizer.centroids[int(index)])
    assert quantizer.decode(np.zeros((2, 0), dtype=int)).shape == (2, 0, *width)
    assert quantizer.decode([[0, 1]]).shape == (1, 2, *width)


def test_a_quantizer_is_frozen():
    quantizer = ed.quantizer("ramp", 0.01)
    with pytest.raises(AttributeError):
        quantizer.entropy = 0.0
    assert quantizer == ed.quantizer(ed.Ramp(), 0.01)


def test_base_of_the_entropy():
    bits, nats = ed.quantizer("ramp", 0.01), ed.quantizer("ramp", 0.01, base=math.e)
    assert nats.entropy / math.log(2) == bits.entropy
    assert bits.partition == nats.partition


def test_as_many_cells_as_doubles_can_distinguish():
    quantizer = ed.quantizer("ramp", 1e-15)
    assert quantizer.cells == pytest.approx(1 / 6e-15, rel=1e-3, abs=0)
    index = np.array([0, 1, quantizer.cells // 3, quantizer.cells - 2])
    assert quantizer.encode((index + 0.5) * quantizer.partition.size).tolist() == index.tolist()
    assert quantizer.decode(index, 4)[:, 0] == pytest.approx((index + 0.5) * quantizer.partition.size - 0.5, abs=0)


# --- errors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    ("phase", "error", "message"),
    [
        (1.5, ValueError, r"x must be phases between 0 and 1, got 1\.5"),
        ([0.5, 1.0000000000000002], ValueError, r"x must be phases between 0 and 1, got 1\.0000000000000002"),
        (math.inf, ValueError, "x must be phases between 0 and 1, got inf"),
        (math.nan, ValueError, "x must be at least 0, got nan"),
        ([0.5, math.nan], ValueError, "x must be at least 0, got nan at index 1"),
        (-1e-9, ValueError, "x must be at least 0, got -1e-09"),
        ("0.5", TypeError, "x must be a real number"),
        (None, TypeError, "x must be a real number"),
        (True, TypeError, "x must be a real number"),
    ],
)
def test_what_is_no_phase(source, phase, error, message):
    with pytest.raises(error, match=message):
        ed.quantizer(source, distortion(source, 2.3)).encode(phase)


@pytest.mark.parametrize("source", CURVES)
def test_invalid_realizations(source):
    quantizer = ed.quantizer(source, distortion(source, 2.3))
    x = realizations(source, [0.2, 0.7], 8)
    for bad in (math.nan, math.inf, -math.inf):
        spoilt = x.copy()
        spoilt[1, 0] = bad
        with pytest.raises(ValueError, match=f"x must be finite, got {bad}"):
            quantizer.encode(spoilt)
    for kind in (str, complex, bool):
        with pytest.raises(TypeError, match="x must be real numbers, got an array of dtype"):
            quantizer.encode(x.astype(kind))


@pytest.mark.parametrize(
    ("source", "shape", "message"),
    [
        ("circle", (4, 3), r"x must have 2 coordinates along the last axis, got shape \(4, 3\)"),
        ("circle", (2, 0), r"x must have 2 coordinates along the last axis, got shape \(2, 0\)"),
        ("sinusoid", (4, 2), r"x must have at least 3 samples along the last axis, got shape \(4, 2\)"),
        ("ramp", (2, 0), r"x must have at least 1 samples along the last axis, got shape \(2, 0\)"),
        ("sawbridge", (2, 0), r"x must have at least 1 samples along the last axis, got shape \(2, 0\)"),
        ("power:0.5", (2, 2), r"x must be phases .*'power:0\.5' has no known realizations"),
    ],
)
def test_realizations_of_another_shape(source, shape, message):
    with pytest.raises(ValueError, match=message):
        ed.quantizer(source, distortion(source, 2.3)).encode(np.zeros(shape))


@pytest.mark.parametrize("x", [[[-0.5]], [[1.5]], [[0.3, -1e-9]]])
def test_scalars_outside_the_unit_interval(x):
    with pytest.raises(ValueError, match=r"x must be (at least 0|phases between 0 and 1), got "):
        ed.quantizer("uniform", 0.01).encode(x)


def test_realizations_in_any_number_of_dimensions():
    quantizer = ed.quantizer("uniform", 0.01)
    assert quantizer.encode([[0.1, 0.9], [0.5, 1.0]]).tolist() == [[0, 2], [1, 2]]
    for source, x in (("circle", 0.5), ("ramp", 0.5), ("sinusoid", 0.5), ("sawbridge", 0.5)):
        with pytest.raises(ValueError, match="along the last axis"):
            resolve(source).phase(x)


@pytest.mark.parametrize(
    ("index", "error", "message"),
    [
        (3, ValueError, "index must be between 0 and 2, got 3 to 3"),
        (-1, ValueError, "index must be between 0 and 2, got -1 to -1"),
        ([0, 7], ValueError, "index must be between 0 and 2, got 0 to 7"),
        (1.5, ValueError, r"index must be of integers, got 1\.5"),
        ([0.0, math.nan], ValueError, "index must be of integers, got nan"),
        (1e19, ValueError, r"index must fit signed integers of 64 bits, got 1e\+19"),
        (True, TypeError, "index must be of integers"),
        (None, TypeError, "index must be of integers"),
        (2**70, TypeError, "index must be of integers"),
    ],
)
def test_what_is_no_index(index, error, message):
    for source in CURVES:
        with pytest.raises(error, match=message):
            ed.quantizer(source, distortion(source, 2.3)).decode(index)


def test_whole_floats_are_indices():
    for source in CURVES:
        quantizer = ed.quantizer(source, distortion(source, 2.3))
        assert np.array_equal(quantizer.decode([2.0, 0.0]), quantizer.decode([2, 0]))
        assert np.array_equal(quantizer.decode(1.0), quantizer.decode(1))
        assert len(quantizer.decode([])) == 0


def test_invalid_numbers_of_samples():
    quantizer = ed.quantizer("ramp", 0.01)
    with pytest.raises(ValueError, match="samples must be at least 1, got 0"):
        quantizer.decode(0, 0)
    with pytest.raises(TypeError, match=r"samples must be an integer, at least 1, got 8\.0"):
        quantizer.decode(0, 8.0)


@pytest.mark.parametrize(
    ("D", "error", "message"),
    [
        (0, ValueError, "distortion must be above 0 for a finite partition"),
        (-1.0, ValueError, "distortion must be at least 0, got -1"),
        (math.nan, ValueError, "distortion must not be NaN"),
        ([0.01], TypeError, "distortion must be a real number"),
        (np.array([0.01, 0.02]), TypeError, "distortion must be a real number"),
        (None, TypeError, "distortion must be a real number"),
        (1e-17, ValueError, r"distortion must leave at most 2\*\*52 cells, got 1e-17 with 16666666666666664"),
    ],
)
def test_what_has_no_quantizer(D, error, message):
    with pytest.raises(error, match=message):
        ed.quantizer("ramp", D)


def test_too_many_centroids_are_not_listed():
    with pytest.raises(ValueError, match=r"centroids lists at most 1e\+07 numbers, this quantizer has 16667 cells"):
        _ = ed.quantizer("ramp", 1e-5).centroids
    assert ed.quantizer("circle", 1e-10).centroids.shape == (181380, 2)


def test_centroids_of_a_source_without_realizations():
    quantizer = ed.quantizer("power:0.5", 0.01)
    for ask in (lambda: quantizer.decode(0), lambda: quantizer.centroids):
        with pytest.raises(ValueError, match=r"realizations are known, got 'power:0\.5'"):
            ask()

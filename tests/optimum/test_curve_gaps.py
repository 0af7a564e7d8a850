"""Mean excess of curves of points: against quadrature, shifted curves, and explicit parts."""

import math
from itertools import pairwise

import edcurve as ed
import numpy as np
import pytest
from edcurve.optimum import curve_gaps
from edcurve.sources import resolve
from scipy.integrate import quad

LOW, HIGH = 0.003, 0.06
ENDS = {"distortion": [LOW, HIGH], "entropy": [5.0, 2.0], "label": ["a", "a"]}


def corners(source, low, high):
    """Distortions of equal cells in a range, where E(D) is steep."""
    cells = np.arange(1, 200)
    at = cells * ed.quantizer(source, 1e-3).source.cell_distortion(1.0 / cells)
    return np.log(at[(at > low) & (at < high)])


@pytest.mark.parametrize("source", ["uniform", "ramp", "sawbridge"])
@pytest.mark.parametrize(("reference", "function"), [("optimum", ed.entropy_distortion), ("hull", ed.convex_hull)])
def test_over_distortion_against_quadrature(source, reference, function):
    """The line of the codec is straight in ln D, so its mean is that of its ends."""
    points = [math.log(LOW), *sorted(corners(source, LOW, HIGH)), math.log(HIGH)]
    pieces = [quad(lambda t: function(source, math.exp(t)), a, b, limit=200)[0] for a, b in pairwise(points)]
    gap = ed.mean_excess(source, ENDS, reference=reference)
    assert gap.value == pytest.approx([3.5 - math.fsum(pieces) / math.log(HIGH / LOW)], abs=2e-7)
    assert (gap.start, gap.end) == pytest.approx((LOW, HIGH))
    assert np.isnan([gap.low, gap.high]).all()


def test_over_entropy_against_quadrature():
    """Over H the line of the codec has the mean of ln D at its ends."""
    logs, breaks = [], [2.0, *np.log2([5, 6, 7, *range(8, 32)]), 5.0]
    for a, b in pairwise(breaks):
        logs.append(quad(lambda h: math.log(ed.distortion_entropy("uniform", h)), a, b, limit=200)[0])
    gap = ed.mean_excess("uniform", ENDS, over="entropy")
    mean = 0.5 * math.log(LOW * HIGH) - math.fsum(logs) / 3.0
    assert gap.value == pytest.approx([10 / math.log(10) * mean], abs=1e-5)
    inverted = ed.mean_excess("uniform", ENDS, over="entropy", reference="hull")
    D = np.geomspace(5e-5, 1 / 12, 200_001)
    log_D = np.interp(2.0 + 3.0 * (np.arange(4096) + 0.5) / 4096, ed.convex_hull("uniform", D)[::-1], np.log(D)[::-1])
    mean = 0.5 * math.log(LOW * HIGH) - log_D.mean()
    assert inverted.value == pytest.approx([10 / math.log(10) * mean], abs=1e-3)


@pytest.mark.parametrize("base", [2, math.e])
def test_a_shifted_hull_is_above_it_by_the_shift(base):
    source, D = "circle", np.geomspace(0.02, 0.3, 60)
    H = ed.convex_hull(source, D, base=base)
    table = {"distortion": [*D, *D], "entropy": [*(H + 0.25), *(H + 0.5)], "label": ["a"] * 60 + ["b"] * 60}
    gap = ed.mean_excess(source, table, reference="hull", base=base)
    assert gap.value == pytest.approx([0.25, 0.5], abs=2e-3)
    assert gap.reference == "convex hull"
    against = ed.mean_excess(source, table, reference="a", base=base)
    assert against.value == pytest.approx([0.0, 0.25], abs=1e-12)
    # twice the distortion is 3.01 dB
    twice = {**table, "distortion": [*D, *(2 * D)], "entropy": [*H, *H]}
    assert ed.mean_excess(source, twice, over="entropy", reference="a", base=base).value == pytest.approx(
        [0.0, 10 * math.log10(2)], abs=1e-9
    )


def test_bounds_are_called_bounds(monkeypatch):
    """The optimum is averaged at few points if each of them needs a search."""
    monkeypatch.setattr(curve_gaps, "STEPS_SEARCHED", 2)
    D = np.array([0.01, 0.04])
    gap = ed.mean_excess("pulse:0.2", np.stack([D, [9.0, 8.0]], axis=1))
    middles = np.exp(np.log(0.01) + np.log(4.0) * np.array([0.25, 0.75]))
    assert gap.value == pytest.approx([8.5 - ed.upper_bound("pulse:0.2", middles).mean()], abs=1e-6)
    assert gap.reference == "upper bound"


def test_codecs_share_a_range_and_dominated_points_are_left_out():
    table = {
        "distortion": [0.3, 0.1, 0.2, 0.05, 0.4, 0.15],
        "entropy": [1.5, 3.0, 3.5, 4.0, 1.0, 2.5],
        "label": ["a", "a", "a", "b", "b", "b"],
    }
    gap = ed.mean_excess("circle", table, reference="b")
    assert (gap.labels, gap.start, gap.end) == (("a", "b"), pytest.approx(0.1), pytest.approx(0.3))
    # the point (0.2, 3.5) of a is worse than (0.1, 3.0)
    first = (1.5 + 3.0) / 2
    at = {D: float(np.interp(math.log(D), np.log([0.05, 0.15, 0.4]), [4.0, 2.5, 1.0])) for D in (0.1, 0.3)}
    steps = math.log(1.5), math.log(2.0)
    gap_of_b = (0.5 * (at[0.1] + 2.5) * steps[0] + 0.5 * (2.5 + at[0.3]) * steps[1]) / math.log(3.0)
    assert gap.value == pytest.approx([first - gap_of_b, 0.0], abs=1e-12)
    part = ed.mean_excess("circle", table, reference="b", start=0.15, end=0.2)
    assert (part.start, part.end) == (pytest.approx(0.15), pytest.approx(0.2))
    assert [*gap.to_pandas()] == ["codec", "excess", "low", "high"]
    assert gap.to_pandas().attrs["over"] == "distortion"
    assert gap == ed.mean_excess("circle", table, reference="b")


def test_intervals():
    """The curves through the lower and the upper ends, on the range that they share with that of the points."""
    ends = {"distortion_low": [0.28, 0.09], "distortion_high": [0.32, 0.11], "entropy_low": [1.4, 2.8]}
    table = {"distortion": [0.3, 0.1], "entropy": [1.5, 3.0], **ends, "entropy_high": [1.6, None], "label": ["a", "a"]}
    gap = ed.mean_excess("circle", table)
    assert (gap.start, gap.end) == (pytest.approx(0.11), pytest.approx(0.28))
    for value, D, H in ((gap.low, [0.28, 0.09], [1.4, 2.8]), (gap.high, [0.32, 0.11], [1.6, 3.0])):
        alone = {"distortion": D, "entropy": H}
        assert value == pytest.approx(ed.mean_excess("circle", alone, start=0.11, end=0.28).value, abs=1e-12)
    assert gap.low[0] < gap.value[0] < gap.high[0]


@pytest.mark.parametrize(
    ("points", "named", "words"),
    [
        (ENDS, {"over": "rate"}, "over must be one of distortion and entropy, got 'rate'"),
        (ENDS, {"reference": "b"}, "reference must be one of 'optimum', 'hull', 'a', got 'b'"),
        ([(0.1, 2.0)], {}, "points must have at least two for each codec"),
        ([(0.1, 2.0), (0.2, 2.5)], {}, "got 1 of the codec"),
        (ENDS, {"start": 0.001}, "that all codecs share, distortion from 0.003 to 0.06, got 0.001 and None"),
        (ENDS, {"start": -1.0}, "start must be above 0, got -1.0"),
        (ENDS, {"base": 1}, "base must be a finite number above 1"),
        (
            {"distortion": [0.1, 0.2, 0.3, 0.4], "entropy": [4, 3, 2, 1], "label": ["a", "a", "b", "b"]},
            {},
            "points must have a range of distortion that all codecs share, got codec",
        ),
    ],
)
def test_what_is_refused(points, named, words):
    with pytest.raises(ValueError, match=words):
        ed.mean_excess("ramp", points, **named)


def test_units_of_points():
    units = ed.Units(2, peak=0.5)
    table = {"psnr": units.psnr([0.05, 0.2]), "bpp": units.bpp([3.5, 2.0])}
    want = ed.mean_excess("circle", [(0.05, 3.5), (0.2, 2.0)])
    assert ed.mean_excess("circle", table, units=units).value == pytest.approx(want.value, rel=1e-12)


@pytest.mark.parametrize("over", ["distortion", "entropy"])
def test_over_the_lower_bound_of_a_sphere(over):
    """The lower bound is the ramp's E(D/12): a factor of D cancels in means over ln D and in decibels."""
    sphere, entropy = np.array([0.1, 0.2, 0.5]), [5.0, 3.75, 2.25]
    gap = ed.mean_excess("sphere", np.column_stack([sphere, entropy]), over=over)
    ramp = ed.mean_excess("ramp", np.column_stack([sphere / 12.0, entropy]), over=over)
    assert gap.value == pytest.approx(ramp.value, abs=2e-3 if over == "entropy" else 1e-9)  # an inverse, tabulated
    assert gap.reference == "lower bound"


def test_over_the_codes_of_a_torus():
    hull = np.geomspace(0.2, 1.0, 40)
    table = {"distortion": hull, "entropy": ed.convex_hull("torus", hull) + 0.5}
    gap = ed.mean_excess("torus", table, reference="hull")
    assert (gap.value, gap.reference) == (pytest.approx([0.5], abs=1e-3), "convex hull of codes")
    above = ed.mean_excess("torus", table)
    t = math.log(0.2) + math.log(5.0) * (np.arange(999) + 0.5) / 999
    expected = np.interp(t, np.log(hull), table["entropy"]).mean() - ed.lower_bound("torus", np.exp(t)).mean()
    assert above.value == pytest.approx([expected], abs=1e-4)
    with pytest.raises(ValueError, match="start must be a distortion down to which codes of 'sphere' are known"):
        ed.mean_excess("sphere", {"distortion": [1e-4, 0.5], "entropy": [14.0, 2.5]}, reference="hull")


@pytest.mark.parametrize("name", ["sphere", "torus", "rotations", "sphere:9"])
def test_least_lagrangian_of_surfaces(name):
    """Below H + λD of the lower bound at every D, and attained there at one; against a grid of sizes."""
    source, lmbda = resolve(name, surfaces=True), 1.7 / resolve(name, surfaces=True).max_distortion
    for weight in (lmbda, 5.0 * lmbda, 40.0 * lmbda):
        least = ed.lagrangian_bound(source, weight)
        D = np.geomspace(1e-3, 1.0, 200) * source.max_distortion
        assert least <= (ed.lower_bound(source, D) + weight * D).min() + 1e-9
        p = np.geomspace(1e-6, 1.0, 50_001)
        dual = (-np.log2(p) + weight * source.cell_distortion(p) / p).min()
        assert least >= dual - 1e-8
        if source.bound == "dual bound":
            assert least == pytest.approx(dual, abs=1e-6)


def test_points_of_a_codec_with_labels_of_their_own_are_one_curve():
    points = {"codec": ["a", "a", "b", "b"], "label": list("pqrs")}
    points |= {"distortion": [0.3, 0.1, 0.3, 0.1], "entropy": [2.0, 3.0, 2.1, 3.1]}
    gap = ed.mean_excess("circle", points)
    assert gap.labels == ("a", "b")
    assert gap.value[1] - gap.value[0] == pytest.approx(0.1)

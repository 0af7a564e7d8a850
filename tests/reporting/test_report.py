"""Reports: tables and plots, in one reproducible file."""

import csv
import dataclasses
import html
import io
import math
import re
import sys

import edcurve as ed
import numpy as np
import pandas as pd
import pytest
from edcurve.io import tables as points_tables
from edcurve.io.columns import LONGEST
from edcurve.reporting import MOST, content, page, plots
from edcurve.sources import BOUND, resolve
from report_content import RUNS, figures, tables

MEGABYTE = 10**6


def test_one_small_file_the_same_each_time(tmp_path, circle_points):
    for name in ("a.html", "b.html"):
        assert ed.report("circle", circle_points, tmp_path / name) is None
    first, second = ((tmp_path / name).read_bytes() for name in ("a.html", "b.html"))
    assert first == second
    assert len(first) < 6 * MEGABYTE
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.html"]
    own = first.decode().replace(page.plotly(), "")
    assert not re.search(r"(?:src|href)\s*=\s*[\"'](?!data:)", own)


def test_content_of_plots_cannot_end_the_script():
    held = {"x": "</script><!--<script>"}
    text = page._document("", "", held)
    assert figures(text) == held
    assert "</script><!--" not in text


def test_the_size_of_the_largest_report():
    D = np.linspace(1e-3, 0.9, MOST)
    columns = {"distortion": D, "entropy": D + 7.0, "lmbda": 100 * D, "rate": D + 8.0, "distortion_centroid": D}
    names = [f"{i % points_tables.MOST_CODECS:0{LONGEST}}" for i in range(len(D))]
    text = ed.report("circle", {**columns, "label": names})
    assert len(text.encode()) < 6.3 * MEGABYTE


def test_numbers_that_overflow_are_shown_as_far_as_they_go():
    columns = {"distortion": [0.1], "entropy": [3.0], "lmbda": [5.0], "rate": [1e308], "distortion_centroid": [1e308]}
    assert list(figures(ed.report("circle", columns))) == ["curve"]


@pytest.mark.parametrize("source", ["circle", "sawbridge"])
def test_plots_meet_the_schema_of_plotly(source):
    from plotly.graph_objects import Figure

    resolved = resolve(source)
    columns = {"distortion": [0.01, 0.02], "entropy": [5.0, 4.0], "lmbda": [50.0, 60.0], "rate": [6.0, 5.0]}
    points = points_tables.read({**columns, "distortion_centroid": [0.01, 0.015]})
    gaps, curve = content.gaps(resolved, points), content.trade_off(resolved, points)
    made = [
        plots.trade_off(curve, content.shannon(resolved, curve, None), points, gaps),
        plots.decomposition(points, gaps),
    ]
    assert [len(Figure(figure).data) for figure in made] == [7 if source == "circle" else 6, 3]
    with pytest.raises(ValueError, match="lyne"):
        Figure({"data": [{"type": "scatter", "lyne": 1}]})


def test_tables_have_the_numbers_of_the_api(circle_page, circle_points):
    (table,) = [table for table in tables(circle_page) if "H − E(D)" in table[0]]
    D, H = circle_points.T
    numbers = np.array([[float(cell.replace("−", "-")) for cell in row] for row in table[1:]])
    best, least = ed.entropy_distortion("circle", D), ed.distortion_entropy("circle", H)
    wanted = [np.arange(1, 11), D, H, best, ed.excess("circle", D, H), least]
    np.testing.assert_allclose(numbers.T, wanted, rtol=5.1e-6)


def test_parts_of_the_gap_are_those_of_the_evaluation():
    rows = list(csv.DictReader(io.StringIO(RUNS)))[:2]
    frame = pd.read_csv(io.StringIO(RUNS))
    points = points_tables.read(frame, "circle")
    assert (len(points), points.left_out) == (2, 2)
    gaps = content.gaps(resolve("circle"), points)
    for name in ("entropy_model", "decoder", "partition"):
        np.testing.assert_allclose(getattr(gaps, name), [float(row[name]) for row in rows], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(gaps.total, [float(row["excess"]) for row in rows], rtol=1e-9)
    text = ed.report("circle", frame)
    assert "2 rows of other sources or without a result are left out" in text
    table = next(table for table in tables(text) if "together" in table[0])
    assert [float(row[-1]) for row in table[1:]] == pytest.approx([float(row["excess"]) for row in rows], rel=5.1e-6)


def test_parts_are_split_if_known():
    columns = {"distortion": [0.2, 0.1], "entropy": [2.0, 3.0], "lmbda": [4.0, 8.0], "rate": [2.5, 3.25]}
    columns |= {"distortion_centroid": [0.19, 0.08], "entropy_marginals": [2.125, 3.25]}
    split = columns | {"distortion_readout": [0.195, 0.08]}
    gaps = content.gaps(resolve("circle"), points_tables.read(split))
    np.testing.assert_allclose([gaps.dependence, gaps.marginals], [[0.125, 0.25], [0.375, 0.0]])
    np.testing.assert_allclose([gaps.readout, gaps.features], [[0.02, 0.16], [0.02, 0.0]], atol=1e-15)
    names = [trace["name"] for trace in figures(ed.report("circle", split))["parts"]["data"]]
    assert names == [f"entropy model: {part}" for part in ("dependence", "marginals")] + [
        "decoder: readout",
        "decoder: features",
        "partition",
    ]
    some = columns | {"distortion_readout": [0.195, None]}
    text = ed.report("circle", some)
    assert [trace["name"] for trace in figures(text)["parts"]["data"]][2:] == ["decoder", "partition"]
    assert "dependence of the latents" in text
    assert "readout is" not in text


def test_codecs_are_told_apart():
    columns = {"distortion": [0.2, 0.1, 0.21, 0.11], "entropy": [2.1, 2.9, 2.3, 3.2], "lmbda": [8.0, 4.0, 4.0, 8.0]}
    columns |= {
        "rate": [2.2, 3.0, 2.4, 3.4],
        "distortion_centroid": [0.2, 0.1, 0.2, 0.1],
        "codec": ["A<b", "A<b", "B", "B"],
    }
    text = ed.report("circle", columns)
    traces = figures(text)["curve"]["data"][-3:]
    assert [trace["name"] for trace in traces] == ["gap", "A&lt;b", "B"]
    assert [trace["x"] for trace in traces[1:]] == [[0.2, 0.1], [0.21, 0.11]]
    assert (
        len({trace["marker"]["color"] for trace in traces[1:]})
        == len({trace["marker"]["symbol"] for trace in traces[1:]})
        == 2
    )
    bars = figures(text)["parts"]
    assert bars["layout"]["xaxis"]["type"] == "multicategory"
    assert bars["data"][0]["x"] == [["A&lt;b", "A&lt;b", "B", "B"], ["2", "1", "3", "4"]]  # codec by codec, by λ
    assert bars["data"][0]["y"] == pytest.approx([0.1, 0.1, 0.1, 0.2])
    (summary,) = [table for table in tables(text) if table[0][0] == "codec"]
    gaps = ed.excess("circle", columns["distortion"], columns["entropy"]).reshape(2, 2)
    assert summary[0] == ["codec", "points", "H − E(D): mean", "least", "largest"]
    assert [row[:2] for row in summary[1:]] == [["A<b", "2"], ["B", "2"]]
    numbers = [[float(cell) for cell in row[2:]] for row in summary[1:]]
    np.testing.assert_allclose(numbers, [[gap.mean(), gap.min(), gap.max()] for gap in gaps], rtol=5.1e-6)
    (parts,) = [table for table in tables(text) if "together" in table[0]]
    assert [row[-1] for row in parts] == ["codec", "A<b", "A<b", "B", "B"]


def test_distortions_are_on_a_logarithmic_axis_unless_one_is_0():
    assert 'id="logarithmic" checked>' in ed.report("circle", [(0.2, 2.4)])
    assert 'id="logarithmic">' in ed.report("circle", [(0.2, 2.4), (0.0, 9.0)])


def test_the_sampled_ramp():
    # rate, entropy, distortion and excess_sampled of a row of `edcurve runs --csv`, of R + λD
    rate, H, D, excess = 6.688913450538621, 6.570293326882203, 0.004420000905442756, 14.793888200898815
    gaps = content.gaps(resolve("ramp"), points_tables.read({**measured(D, H), "lmbda": [4096.0], "samples": [1024]}))
    assert gaps.sampled[0] + rate - H == pytest.approx(excess, rel=1e-9)
    assert gaps.sampled[0] > gaps.excess[0] + 0.3  # the sampled one can be compressed better
    text = ed.report("ramp", {**measured(D, H), "lmbda": [4096.0], "samples": [1024]}, shannon=False)
    (table,) = [table for table in tables(text) if "for the ramp as sampled" in table[0]]
    assert float(table[1][-1]) == pytest.approx(gaps.sampled[0], rel=5.1e-6)


def measured(D, H):
    return {"distortion": [D], "entropy": [H]}


def test_certificates_enclose_what_is_shown(circle_page, circle_points):
    (table,) = [table for table in tables(circle_page) if "E(D) is at least" in table[0]]
    assert len(table) == 1 + content.CERTIFIED
    for D, lower, upper, value, off in table[1:]:
        proved = ed.certify("circle", float(D))
        assert (proved.lower, proved.upper) == (float(lower), float(upper))
        assert float(D) in circle_points[:, 0]
        assert float(value) == pytest.approx(proved.lower, rel=5.1e-6)
        assert float(off) < 1e-13
    assert "At 8 of 10 distortions of the points." in circle_page


def test_without_points_certificates_are_at_distortions_of_the_curve(ramp_page):
    (table,) = [table for table in tables(ramp_page) if "E(D) is at least" in table[0]]
    assert len(table) == 1 + content.CERTIFIED


@pytest.mark.parametrize("source", ["square", "custom"])
def test_the_report_says_why_nothing_can_be_proved(source):
    argument = ed.Source(lambda p: p**3 / 12, max_distortion=1 / 12, closed=False) if source == "custom" else source
    text = ed.report(argument, shannon=False)
    assert "There are none: source must be" in text
    many = ed.Source.from_spectrum(0.5 ** np.arange(1, 70))
    assert content.certificates(many, None, None).remark.startswith("With 69 harmonics")


def test_without_the_extra_for_certificates(monkeypatch):
    monkeypatch.setitem(sys.modules, "edcurve.certificate", None)
    ramp = resolve("ramp")
    certificates = content.certificates(ramp, content.trade_off(ramp, None), None)
    assert certificates.certified == ()
    assert certificates.remark.startswith("There are none: ")


def test_without_plotly(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(ImportError, match=r"pip install 'edcurve\[report\]'"):
        ed.report("ramp", out=tmp_path / "a.html")
    assert list(tmp_path.iterdir()) == []


def test_upper_bounds_are_called_upper_bounds():
    circle, points = resolve("circle"), points_tables.read([(0.6, 2.0)])
    curve = dataclasses.replace(content.trade_off(circle, points), status=BOUND)  # as from a search
    gaps = content.gaps(circle, points)
    traces = plots.trade_off(curve, None, points, gaps)["data"]
    assert traces[0]["name"] == "upper bound: best partition found"
    texts = [line for trace in traces for line in trace.get("customdata", ())]
    assert len([text for text in texts if "upper bound = " in text]) > 100
    assert not any("E(D)" in text for text in texts)
    assert traces[1]["name"] == "convex hull of the upper bound"
    said_of_it = page._about(circle, curve)
    assert "No compressor is below it" not in said_of_it
    assert "others may be below it, but none is below the dual lower bound" in said_of_it
    assert "No compressor is below it" in page._about(circle, content.trade_off(circle, points))
    assert tables(page._values(curve))[0][0][:3] == ["D", "upper bound", "convex hull of the upper bound"]
    (head, _), *_ = tables(page._excess(points, gaps, BOUND))
    assert head[3:5] == ["best known at D", "H − best"]


def said(points, source="circle"):
    """The report's remarks about all points."""
    resolved, measured_points = resolve(source), points_tables.read(points)
    text = page._excess(measured_points, content.gaps(resolved, measured_points), resolved.status)
    return html.unescape(re.sub(r"<div.*", "", text, flags=re.DOTALL))


def test_impossible_points_are_reported():
    """In nats, swapped, or per dimension: without a valid gap, none is called the largest."""
    text = said([(0.2, 1.0), (0.1, 1.7)])
    assert "2 points, all of them below E(D). A negative gap means" in text
    assert "2 of 2 points, the first with D = 0.2 and H = 1 bits: no code does this" in text
    assert "largest gap" not in text
    assert "1 point, below E(D). " in said((0.2, 1.0))
    text = said([(2.4, 0.2), (0.2, 2.4)])
    assert "2 points; the largest gap is 0.418185 bits, of point 2.</p>" in text
    assert "1 of 2 points, the first with D = 2.4 and H = 0.2 bits: sending nothing does as well" in text


def test_possible_points_are_not_doubted():
    D = np.geomspace(1e-4, 0.9, 50)
    for source in ("circle", "sawbridge"):
        bound = D * resolve(source).max_distortion
        text = said(np.stack([bound, ed.entropy_distortion(source, bound)], axis=1), source)
        assert text.startswith("<h2>Your points</h2><p>50 points; the largest gap is 0 bits, of point ")
        assert "no code" not in text
        assert "negative" not in text


def test_below_the_best_partition_known_is_no_contradiction():
    D = 0.5 * resolve("pulse:0.2").max_distortion
    best, least = ed.upper_bound("pulse:0.2", D), ed.lower_bound("pulse:0.2", D)
    assert best - least > 0.1
    text = said((D, best - 0.05), "pulse:0.2")
    assert "1 point, below the best partition known. A point with a negative gap is below" in text
    assert "no code" not in text
    assert "no code does this" in said((D, least - 0.05), "pulse:0.2")


@pytest.mark.parametrize("points", [(0.0, 3.0), [(5.0, 0.0), (0.2, 0.0)], [(5e-324, 40.0)], [(0.1, 1e300)]])
def test_points_at_the_ends_are_shown(points):
    text = ed.report("circle", points)
    assert len(figures(text)["curve"]["data"][-1]["x"]) == np.atleast_2d(points).shape[0]


def test_points_may_be_pairs_columns_a_frame_or_a_file(tmp_path):
    frame = pd.DataFrame({"entropy": [3.0, 2.5], "distortion": [0.1, 0.2]}, index=[7, 9])
    frame.to_csv(tmp_path / "points.csv", index=False)
    read = [
        points_tables.read(points)
        for points in (
            [(0.1, 3.0), (0.2, 2.5)],
            np.array([[0.1, 3.0], [0.2, 2.5]]),
            {"distortion": (0.1, 0.2), "entropy": np.array([3, 2.5])},
            frame,
            tmp_path / "points.csv",
            str(tmp_path / "points.csv"),
        )
    ]
    for one in read:
        assert (one.distortion.tolist(), one.entropy.tolist()) == ([0.1, 0.2], [3.0, 2.5])
        assert np.isnan([one.lmbda, one.rate, one.distortion_centroid]).all()
        assert one.labels == ("", "")


@pytest.mark.parametrize("name", ["lmbda", "lambda", "λ"])
def test_lambda_by_any_of_its_names(name):
    frame = pd.DataFrame({"distortion": [0.1, 0.2], "entropy": [3.0, 2.5], name: [8, 4]})
    assert points_tables.read(frame).lmbda.tolist() == [8.0, 4.0]
    assert "excess of H + λD" in ed.report("circle", frame, shannon=False)
    other = "λ" if name != "λ" else "lambda"
    with pytest.raises(ValueError, match=f"points: expected one column of λ, got {name} and {other}"):
        points_tables.read({**frame, other: [1, 1]})


def test_missing_values_of_pandas_are_missing():
    frame = pd.DataFrame({"distortion": [0.1, 0.2], "entropy": [3.0, 2.5], "lmbda": [8, None], "seed": [0, None]})
    for kind in (frame, frame.convert_dtypes(), frame.astype(object)):
        read = points_tables.read(kind)
        np.testing.assert_array_equal(read.lmbda, [8.0, math.nan])
        assert read.labels == ("seed 0", "")


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ({"distortion": [0.1]}, "no entropy among 'distortion'"),
        ({"distortion": [0.1], "entropy": [1.0, 2.0]}, "as long as each other, got entropy"),
        ({"distortion": [], "entropy": []}, "at least one row below the header line, got none of 0"),
        (
            {"distortion": [0.1, -0.1], "entropy": [1.0, 2.0]},
            "points, row 1: distortion must be a finite number, at le",
        ),
        ({"distortion": [0.1], "entropy": [math.nan]}, "row 0: entropy must be"),
        ({"distortion": [0.1], "entropy": ["a"]}, "got 'a'"),
        (
            {"distortion": [0.1], "entropy": [1.0], "lmbda": [-1.0]},
            "lmbda must be a finite number, at least 0, got -1.0",
        ),
        ({"distortion": [0.1], "entropy": [1.0], "source": ["ramp"]}, "of the source 'circle'"),
        ({"distortion": "01", "entropy": [1.0, 1.0]}, "column distortion"),
        ([[0.1, 1.0, 2.0]], r"shape \(1, 3\)"),
        (np.zeros((MOST + 1, 2)), "points must be at most 1000, got 1001"),
        (object(), "points must be a path, a table"),
    ],
)
def test_invalid_points(points, words):
    with pytest.raises((ValueError, TypeError), match=words):
        ed.report("circle", points)


def test_gaps_of_a_surface_are_over_the_lower_bound():
    columns = {"distortion": [0.2, 0.4], "entropy": [3.6, 2.0], "lmbda": [9.0, 5.0]}
    page = ed.report("sphere", columns)
    traces = figures(page)["curve"]["data"]
    names = [trace["name"] for trace in traces]
    assert names[:4] == [
        "E(D) is in here",
        "upper bound: best code known",
        "convex hull of the upper bound",
        "lower bound",
    ]
    assert "gap at most" in names
    assert "K equal cells" not in names
    points = points_tables.read(columns, "sphere")
    gaps = content.gaps(resolve("sphere", surfaces=True), points)
    assert gaps.gap == pytest.approx(np.array([3.6, 2.0]) - ed.lower_bound("sphere", [0.2, 0.4]), rel=1e-12)
    # the ramp's least H + λD, whose distortions are a twelfth
    ramp = ed.lagrangian("ramp", 12.0 * np.array([9.0, 5.0])).value
    assert gaps.excess == pytest.approx(np.array([5.4, 4.0]) - ramp, rel=1e-9)
    assert np.isnan(gaps.least_distortion).all()
    assert "which is off by at most" not in page
    assert "spherical polygons" in page
    for phrase in ("between two bounds", "H − lower bound", "of several parameters", "No code has a negative gap"):
        assert phrase in html.unescape(page)

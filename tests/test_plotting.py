"""Plots of curves and of gaps: content, files, and no side effects."""

import dataclasses
import math
import os
import subprocess
import sys

import edcurve as ed
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from bits import same_bits
from edcurve import drawing, plotting
from edcurve.io import tables
from example_curves import NAMES

pytestmark = pytest.mark.usefixtures("plt")

POINTS = [(0.2, 2.4), (0.05, 3.9), (0.6, 1.0)]


def line(ax, words):
    (drawn,) = [line for line in ax.get_lines() if words in line.get_label()]
    return np.asarray(drawn.get_xdata()), np.asarray(drawn.get_ydata())


@pytest.mark.parametrize(("base", "unit"), [(2, "bits"), (math.e, "nats")])
def test_gaps_are_drawn_and_written(base, unit):
    ax = ed.plot_gap("circle", POINTS, base=base)
    assert np.transpose(line(ax, "measured")).tolist() == [list(point) for point in POINTS]
    (stems,) = [artist for artist in ax.collections if artist.get_label() == "gap"]
    for segment, (D, H) in zip(stems.get_segments(), POINTS, strict=True):
        (x0, low), (x1, high) = segment
        assert (x0, x1, high) == (D, D, H)
        assert low == pytest.approx(ed.entropy_distortion("circle", D, base=base), rel=1e-12)
    texts = {artist.xy: artist.get_text() for artist in ax.texts}
    for D, H in POINTS:
        assert texts[D, H] == f"{ed.excess('circle', D, H, base=base):+.3g} {unit}".replace("-", "−")
    assert {"gap", "measured"} <= {text.get_text() for text in ax.get_legend().get_texts()}


def test_gaps_of_a_frame_a_file_and_into_axes(tmp_path):
    import matplotlib.pyplot as plt

    frame = pd.DataFrame(POINTS, columns=["distortion", "entropy"])
    frame.to_csv(tmp_path / "points.csv")
    _, ax = plt.subplots()
    assert ed.plot_gap("circle", frame, ax=ax) is ax
    assert np.array_equal(line(ax, "measured"), line(ed.plot_gap("circle", tmp_path / "points.csv"), "measured"))


def test_gaps_at_the_ends_and_of_many():
    ax = ed.plot_gap("ramp", [(0.0, 5.0), (1e-7, 20.0), (0.5, 0.3)])
    assert ax.get_ylim()[1] >= 20.0
    assert (
        len(next(artist for artist in ax.collections if artist.get_label() == "gap").get_segments()) == 2
    )  # E(0) is infinite
    many = np.stack([np.linspace(0.01, 0.08, 40), np.full(40, 5.0)], axis=1)
    labels = [artist for artist in ed.plot_gap("ramp", many).texts if artist.get_text().endswith("bits")]
    assert 1 <= len(labels) <= plotting.ANNOTATED  # only those that fit


def codecs(**more):
    """Three codecs with points close to each other."""
    rows = [
        (name, 0.2 / 2**i * near, 2.1 + i + worse)
        for name, near, worse in (("A", 1.0, 0.0), ("B", 1.05, 0.2), ("C", 1.02, 0.8))
        for i in range(4)
    ]
    return pd.DataFrame(rows, columns=["codec", "distortion", "entropy"]).assign(**more)


def test_each_codec_has_a_look_and_an_entry():
    frame = codecs(seed=range(12), compressor="ntc")
    ax = ed.plot_gap("circle", frame)
    lines = {line.get_label(): line for line in ax.lines if line.get_label() in "ABC"}
    assert list(lines) == ["A", "B", "C"]
    assert (
        len({line.get_color() for line in lines.values()}) == len({line.get_marker() for line in lines.values()}) == 3
    )
    for name, rows in frame.groupby("codec"):
        assert np.array_equal(lines[name].get_xydata(), rows[["distortion", "entropy"]])
    assert [text.get_text() for text in ax.get_legend().get_texts()][-4:] == ["A", "B", "C", "gap"]
    assert not {line.get_color() for line in lines.values()} & {
        line.get_color() for line in ax.lines if line not in lines.values()
    }
    (stems,) = [artist for artist in ax.collections if len(artist.get_segments()) == 12]
    colours = [mpl.colors.to_hex(colour) for colour in stems.get_colors()]
    assert colours == [lines[name].get_color() for name in frame["codec"]]


@pytest.mark.parametrize(
    ("columns", "names"),
    [
        ({"label": list("xyxy"), "seed": [0, 0, 1, 1]}, {"x": [0, 2], "y": [1, 3]}),
        (
            {"compressor": "ntc", "latent_dim": [1, 2, 1, 2], "seed": range(4)},
            {"ntc, latent_dim 1": [0, 2], "ntc, latent_dim 2": [1, 3]},
        ),
        ({"codec": ["a", "a", "b", None], "label": list("wxyz")}, {"a": [0, 1], "b": [2], "": [3]}),
        ({"seed": range(4)}, {"": [0, 1, 2, 3]}),
        ({"label": "x", "steps": [5, 5, 6, 6], "train_size": 1}, {"x, steps 5": [0, 1], "x, steps 6": [2, 3]}),
    ],
)  # fmt: skip
def test_points_of_a_codec(columns, names):
    frame = pd.DataFrame({"distortion": [0.1] * 4, "entropy": 3.0}).assign(**columns)
    assert tables.read(frame).by_codec() == names


def test_more_codecs_than_can_be_told_apart_are_drawn_alike():
    many = pd.DataFrame({"distortion": 0.1, "entropy": np.arange(3.0, 24.0), "label": list("abcdefghijklmnopqrstu")})
    assert tables.read(many).by_codec() == {"": list(range(21))}
    assert len(tables.read(many[:20]).by_codec()) == 20
    assert len(line(ed.plot_gap("circle", many), "measured")[0]) == 21


@pytest.mark.parametrize(
    "points", [codecs(), POINTS, np.full((40, 2), [0.05, 4.0]) + np.linspace(0.0, 0.01, 40)[:, None]]
)
def test_gaps_that_are_written_cover_nothing(points):
    ax = ed.plot_gap("circle", points)
    ax.figure.canvas.draw()
    notes = [text for text in ax.texts if text.get_text().startswith(("+", "−"))]
    assert 1 <= len(notes) <= plotting.ANNOTATED
    boxes = [note.get_window_extent() for note in notes]
    boxes += [ax.get_legend().get_window_extent()]
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    D, H = np.array(points)[:, -2:].astype(float).T
    places = ax.transData.transform(np.stack([D, H], axis=1))
    assert not any(box.contains(*place) for box in boxes for place in places)
    assert max(ed.excess("circle", D, H)) == pytest.approx(
        float(notes[0].get_text().split()[0].replace("−", "-")), rel=0.01
    )


def test_a_legend_that_is_large_covers_no_point(plt):
    frame = codecs()
    ax = ed.plot_gap("circle", frame, ax=plt.subplots(figsize=(4.2, 3.8), layout="constrained")[1])
    ax.figure.canvas.draw()
    places = ax.transData.transform(frame[["distortion", "entropy"]].to_numpy())
    assert not ax.get_legend().get_window_extent().count_contains(places)


def test_distortions_are_on_a_logarithmic_axis_unless_one_is_0():
    assert ed.plot_gap("circle", POINTS).get_xscale() == "log"
    assert ed.plot_gap("circle", [(0.0, 5.0), (0.1, 3.0)]).get_xscale() == "linear"
    assert ed.plot_gap("circle", POINTS, log=False).get_xscale() == "linear"
    assert ed.plot_gap("circle", [(0.0, 5.0), (0.1, 3.0)], log=True).get_xscale() == "log"


def test_gaps_are_refused():
    with pytest.raises(ValueError, match=r"row 0: entropy must be a finite number, at least 0, got -1\.0"):
        ed.plot_gap("ramp", (0.01, -1.0))
    with pytest.raises(ValueError, match="source must be"):
        ed.plot_gap("rump", (0.01, 1.0))


def texts(ax):
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    return legend, ax.get_xlabel(), ax.get_ylabel(), ax.get_title()


@pytest.mark.parametrize(("base", "unit"), [(2, "bits"), (math.e, "nats"), (10, "hartleys")])
def test_a_plot_says_what_it_shows(plt, base, unit):
    curve = ed.curve("ramp", num=40, base=base)
    ax = curve.plot()
    assert plt.get_fignums() == [ax.figure.number]
    legend, x, y, title = texts(ax)
    assert "Distortion" in x
    assert unit in y
    assert "ramp" in title
    assert [label for label in legend if curve.status in label] == [f"E(D), {curve.status}"]
    for words in ("upper bound", "lower bound", "hull", "equal cells"):
        assert sum(words in label for label in legend) == 1, words
    assert ax.get_xlim()[0] == ax.get_ylim()[0] == 0.0
    ax.figure.canvas.draw()


def test_a_plot_shows_the_numbers_of_the_curve(plt):
    curve = ed.curve("circle", num=40)
    _, ax = plt.subplots()
    assert curve.plot(ax) is ax
    assert len(plt.get_fignums()) == 1
    for words, values in (("hull", curve.hull), ("lower", curve.lower)):
        x, y = line(ax, words)
        assert same_bits(x, curve.distortion)
        assert same_bits(y, values)
    x, y = line(ax, "E(D)")
    assert np.all(np.diff(x) >= 0)
    np.testing.assert_allclose(y, ed.entropy_distortion("circle", x), rtol=1e-12, atol=1e-12)
    assert set(curve.distortion) <= set(x)
    x, y = line(ax, "equal cells")
    np.testing.assert_allclose(y, np.log2(curve.cells[: len(y)]), rtol=1e-15)
    ax.figure.canvas.draw()


def test_a_plot_of_an_upper_bound_says_so_and_shows_no_more(plt, violating):
    ax = violating.plot()
    legend, *_ = texts(ax)
    assert not any("E(D)" in label for label in legend)
    assert sum("upper bound" in label for label in legend) == 1
    assert "its convex hull" in legend
    x, y = line(ax, "upper bound")
    # D_2 has a better partition than two equal cells, so that (D_2, ln 2) is not on the curve
    assert same_bits(x, violating.distortion)
    assert same_bits(y, violating.upper)
    assert np.all(np.diff(y) <= 0)


def test_a_plot_without_a_lower_bound_has_no_line_for_it(plt, drawn):
    ax = dataclasses.replace(drawn, lower=np.full(5, np.nan)).plot()
    legend, *_ = texts(ax)
    assert not any("lower" in label for label in legend)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "日本"], ids=ascii)
def test_a_name_is_printed_as_it_is(drawn, tmp_path, name):
    # matplotlib itself warns of letters that the font lacks
    drawing.save(dataclasses.replace(drawn, source=name), tmp_path / "a.svg")
    assert (tmp_path / "a.svg").stat().st_size > 10_000


@pytest.mark.parametrize(
    "D", [[0.0], [1.0], [0.01], [0.0, 1.0], [0.05, 0.05], [1e-300, 1e-3], [0.05, math.inf]], ids=str
)
def test_curves_of_few_points_can_be_drawn(plt, D):
    ax = ed.curve("ramp", D).plot()
    ax.figure.canvas.draw()
    assert all(np.isfinite(ax.get_xlim()))
    assert all(np.isfinite(ax.get_ylim()))


@pytest.mark.parametrize("suffix", [".png", ".pdf", ".svg", ".PNG", ".Pdf"])
def test_saving_a_plot_twice_gives_the_same_bytes(drawn, tmp_path, suffix, monkeypatch):
    drawing.save(drawn, tmp_path / f"a{suffix}")
    # matplotlib would take the date from here
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    drawing.save(drawn, tmp_path / f"b{suffix}")
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()
    assert len([*tmp_path.iterdir()]) == 2


def test_saving_a_plot_leaves_no_trace_in_pyplot(plt, drawn, tmp_path):
    before = dict(mpl.rcParams)
    own = plt.figure()
    drawing.save(drawn, tmp_path / "a.png")
    assert plt.get_fignums() == [own.number]
    assert plt.gcf() is own
    assert not own.axes
    assert dict(mpl.rcParams) == before


def test_saving_a_plot_needs_neither_pyplot_nor_a_display(tmp_path):
    code = (
        "import sys, edcurve as ed\n"
        "from edcurve import drawing\n"
        "drawing.save(ed.curve('ramp', num=5), 'a.png')\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    gone = {"DISPLAY", "WAYLAND_DISPLAY"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=tmp_path,
        env={**{name: value for name, value in os.environ.items() if name not in gone}, "MPLBACKEND": "TkAgg"},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("name", ["a", "a.txt", "a.", ".png", "a.png.zip", "a.pgf"])
def test_formats_that_do_not_exist(drawn, tmp_path, name):
    with pytest.raises(ValueError, match=r"path must end in one of .*png.*, got "):
        drawing.save(drawn, tmp_path / name)
    assert not [*tmp_path.iterdir()]


def test_gaps_of_a_surface_are_at_most_so_large(plt):
    ax = ed.plot_gap("torus", [(0.5, 4.0), (0.02, 9.0)])
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert "gap at most" in labels
    assert "E(D) is in here" in labels
    (stems,) = [lines for lines in ax.collections if lines.get_label() == "gap at most"]
    feet = [segment[0, 1] for segment in stems.get_segments()]
    assert feet == pytest.approx(ed.lower_bound("torus", [0.5, 0.02]), rel=1e-12)
    assert ax.get_xlim()[0] < 0.02

"""Units: against explicit definitions, converted back and forth, and as columns of tables."""

import json
import math
import re

import edcurve as ed
import numpy as np
import pytest
from edcurve.io import tables
from hypothesis import given
from hypothesis import strategies as st

DISTORTIONS, ENTROPIES = ("mse", "sse", "psnr"), ("bits", "nats", "bpp", "bpd")
LOSSES = (
    "R + lmbda * D",
    "bpp + lmbda * mse",
    "bpp + lmbda*255**2*mse",
    "λ·255²·mse + bpp",
    "nats + 0.5 * lambda * sse",
    "mse + beta * bpp",
    "2 * β * bits + 3 * sse",
)
sizes = st.integers(1, 10**7)
positive = st.floats(1e-12, 1e12)
units = st.builds(
    ed.Units,
    dim=sizes,
    pixels=st.none() | sizes,
    peak=st.sampled_from([1.0, 255.0, 0.5]) | st.floats(1e-3, 1e3),
    mse_peak=st.none() | st.sampled_from([1.0, 255.0, 65535.0]),
    mean=st.booleans(),
    loss=st.sampled_from(LOSSES),
    base=st.sampled_from([2, math.e, 10.0]),
)


@given(units, positive)
def test_there_and_back(unit, value):
    for name in DISTORTIONS[:2]:
        assert getattr(unit, name)(unit.distortion(**{name: value})) == pytest.approx(value, rel=1e-15)
    for name in ENTROPIES:
        assert getattr(unit, name)(unit.entropy(**{name: value})) == pytest.approx(value, rel=1e-15)
    assert unit.weight(unit.lmbda(value)) == pytest.approx(value, rel=1e-15)
    decibels = 100.0 * math.log10(value)
    # a relative error ε of D is 4.3 ε dB
    assert unit.psnr(unit.distortion(psnr=decibels)) == pytest.approx(decibels, rel=1e-15, abs=1e-12)


@given(units, st.floats(1e-6, 1e6), st.floats(1e-6, 1e6), st.floats(1e-6, 1e6))
def test_a_loss_is_a_multiple_of_entropy_plus_lmbda_distortion(unit, D, H, weight):
    """Two codes with the same loss have the same H + λD, for every name of the loss."""
    rates = {"bits": unit.bits, "nats": unit.nats, "bpp": unit.bpp, "R": float}
    squares = {"mse": unit.mse, "sse": unit.sse, "D": float}

    def loss(D, H):
        """The text of the loss, evaluated by Python."""
        text = unit.loss.replace("·", "*").replace("²", "**2").replace("lambda", "λ").replace("lmbda", "λ")
        values = {name: rate(H) for name, rate in rates.items()} | {name: of(D) for name, of in squares.items()}
        return eval(text, {**values, "λ": weight, "beta": weight, "β": weight})

    at_zero = loss(0.0, H) / H
    assert loss(D, H) / at_zero == pytest.approx(H + unit.lmbda(weight) * D, rel=1e-12)


def test_definitions():
    """A colour picture of 4 × 5 pixels, computed explicitly."""
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (2, 4, 5, 3)).astype(float)
    squared = (x / 255 - y / 255) ** 2
    unit = ed.Units(60, 20)
    assert unit.distortion(mse=squared.mean()) == pytest.approx(squared.sum(), rel=1e-14)
    assert unit.distortion(sse=squared.sum()) == pytest.approx(squared.sum(), rel=1e-14)
    psnr = 20 * np.log10(255) - 10 * np.log10(((x - y) ** 2).mean())
    assert unit.distortion(psnr=psnr) == pytest.approx(squared.sum(), rel=1e-13)
    bytes_ = ed.Units(60, 20, peak=255)
    assert bytes_.distortion(psnr=psnr) == pytest.approx(((x - y) ** 2).sum(), rel=1e-13)
    assert ed.Units(60, 20, mse_peak=255).distortion(mse=((x - y) ** 2).mean()) == pytest.approx(squared.sum())
    assert ed.Units(60, 20, mean=True).distortion(psnr=psnr) == pytest.approx(squared.mean(), rel=1e-13)
    assert (unit.entropy(bpp=0.5), unit.entropy(bpd=0.5), unit.entropy(bits=7)) == (10.0, 30.0, 7.0)
    assert ed.Units(60, base=math.e).entropy(bits=1.0) == pytest.approx(math.log(2.0))


def test_arrays_and_limits():
    unit = ed.Units(4)
    assert unit.distortion(mse=[[1.0, 2.0]]).tolist() == [[4.0, 8.0]]
    assert unit.psnr(np.array([0.0, 4.0])).tolist() == [math.inf, 0.0]
    assert unit.distortion(psnr=math.inf) == 0.0
    assert isinstance(unit.bpp(3), float)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ed.Units(0), "dim must be at least 1, got 0"),
        (lambda: ed.Units(3, 0), "pixels must be at least 1"),
        (lambda: ed.Units(3, peak=0), "peak must be above 0 and finite, got 0"),
        (lambda: ed.Units(3, mse_peak=math.inf), "mse_peak must be above 0 and finite, got inf"),
        (lambda: ed.Units(3, base=1), "base must be a finite number above 1"),
        (lambda: ed.Units(3, loss="bpp + mse"), "loss must be the sum of a rate"),
        (lambda: ed.Units(3, loss="bpp + lmbda * mse * mse"), "loss must be the sum of a rate"),
        (lambda: ed.Units(3, loss="bpp + lmbda * bits"), "loss must be the sum of a rate"),
        (lambda: ed.Units(3, loss="bpp + lmbda * ssim"), "'ssim' is none of them"),
        (lambda: ed.Units(3, loss="bpp + lmbda * 1e999 * mse"), "loss must be the sum of a rate"),
        (lambda: ed.Units(3, loss="bpp + lmbda * 9**9999 * mse"), "is no number"),
        (lambda: ed.Units(3).distortion(), "distortion takes exactly one of mse, sse, psnr, got none"),
        (lambda: ed.Units(3).distortion(mse=1, psnr=2), "exactly one of mse, sse, psnr, got mse and psnr"),
        (lambda: ed.Units(3).distortion(mse=-1.0), "mse must be at least 0"),
        (lambda: ed.Units(3).distortion(psnr=math.nan), "psnr must be real numbers, got nan"),
        (lambda: ed.Units(3).entropy(bpp=[1, -1]), "bpp must be at least 0, got -1.0 at index 1"),
        (lambda: ed.Units(3, loss="mse + beta*bpp").lmbda(0), "weight must be above 0 in the loss 'mse + beta"),
        (lambda: ed.Units(3).weight(-1), "lmbda must be at least 0 and finite"),
    ],
)
def test_what_is_refused(call, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        call()


def test_other_types_are_refused():
    for call in (lambda: ed.Units(3.5), lambda: ed.Units(3, loss=4), lambda: ed.Units(3, mean=1)):
        with pytest.raises(TypeError):
            call()


UNIT = ed.Units(12, 4, loss="bpp + lmbda * 255**2 * mse")


def columns(points):
    return points.distortion.tolist(), points.entropy.tolist(), points.lmbda.tolist()


def test_columns_of_tables(tmp_path):
    codec_columns = {"psnr": [10.0, 20.0], "bpp": [0.5, 0.25], "lmbda": [0.01, 0.02]}
    want = tuple(UNIT.distortion(psnr=codec_columns["psnr"])), (2.0, 1.0), tuple(UNIT.lmbda(codec_columns["lmbda"]))
    want = tuple(map(list, want))
    assert columns(tables.read(codec_columns, units=UNIT)) == want
    rows = "10,0.5,0.01\n20,0.25,0.02\n"
    (tmp_path / "a.csv").write_text(f"PSNR,bpp,λ\n{rows}", encoding="utf-8")
    (tmp_path / "b.csv").write_text(rows, encoding="utf-8")
    assert columns(tables.read(tmp_path / "a.csv", units=UNIT)) == want
    assert columns(tables.read(tmp_path / "b.csv", units=UNIT, columns=("psnr", "bpp", "lmbda"))) == want
    # columns of D and H come first, unless others are requested
    with_optimum = {"distortion": [3.0, 4.0], "entropy": [5.0, 6.0], **codec_columns}
    assert columns(tables.read(with_optimum, units=UNIT))[:2] == ([3.0, 4.0], [5.0, 6.0])
    assert columns(tables.read(with_optimum, units=UNIT, measures=("psnr", "bpp"))) == want


def test_results_of_compressai(tmp_path):
    """The layout of the files in its folder results/image/kodak."""
    lists = {"psnr-rgb": [27.5, 29.1], "ms-ssim-rgb": [0.91, 0.94], "bpp": [0.13, 0.21], "encoding_time": [0.7, 0.7]}
    content = {"name": "bmshj2018-hyperprior", "description": "Inference (ans)", "results": lists}
    (tmp_path / "r.json").write_text(json.dumps(content), encoding="utf-8")
    points = tables.read(tmp_path / "r.json", units=UNIT)
    assert points.labels == ("bmshj2018-hyperprior",) * 2
    assert columns(points)[:2] == (UNIT.distortion(psnr=[27.5, 29.1]).tolist(), UNIT.entropy(bpp=[0.13, 0.21]).tolist())


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        (
            "a.csv",
            "psnr,bpp\n1,2\n",
            "a.csv: to turn column psnr into distortion, say how many numbers a realization has",
        ),
        ("a.json", "{", "a.json: not a JSON file in UTF-8"),
        ("a.json", "[1]", 'a.json: expected an object with "results"'),
        ("a.json", '{"results": {"psnr": [1, 2], "psnr-rgb": [1, 2]}}', "expected one column of PSNR"),
        ("a.json", '{"results": {"distortion": [1], "entropy": [1, 2]}}', "columns must be as long as each other"),
        ("a.json", '{"results": {"distortion": [1], "entropy": ["x"]}}', "a.json, row 0: entropy must be a finite"),
        ("a.json", '{"results": {"distortion": [1], "entropy": [NaN]}}', "a.json, row 0: entropy must be a finite"),
        ("a.json", '{"results": {"distortion": [1], "entropy": [1%s]}}' % ("0" * 400), "entropy must be a finite"),
        ("a.json", '{"results": %s}' % ("[" * 100_000), "a.json: not a JSON file"),
        ("a.json", '{"results": {}}', "a.json: expected columns distortion and entropy, got no distortion among"),
    ],
)
def test_invalid_tables(tmp_path, name, text, words):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=re.escape(words)):
        tables.read(tmp_path / name)

"""Baselines: vector quantization finds the optimum, transform coding does not, cells of the phase attain it."""

import math

import edcurve as ed
import edcurve_neural as edn
import numpy as np
import pytest
from edcurve.vectors import quantization
from edcurve_neural import baselines

POINTS = 2**14


def evaluated(code, source, points=POINTS):
    return edn.evaluate(code.encode, code.decode, source, code.rate, samples=code.samples, points=points)


@pytest.mark.parametrize(("source", "lmbda"), [("circle", 4.0), ("circle", 32.0), ("sinusoid", 64.0), ("ramp", 48.0)])
def test_vector_quantization_finds_the_number_of_cells(source, lmbda):
    code = baselines.ecvq(source, lmbda, codewords=64, samples=128, realizations=4096)
    evaluation = evaluated(code, source)
    optimum = ed.lagrangian(source, lmbda)
    assert abs(evaluation.cells - optimum.cells) <= 1
    assert -0.02 <= evaluation.excess(lmbda) <= 0.03 * optimum.value
    assert evaluation.rate == pytest.approx(evaluation.entropy, abs=0.01)
    assert evaluation.distortion == pytest.approx(evaluation.distortion_centroid, rel=0.03)


def test_surplus_codewords_cost_without_merging(monkeypatch):
    merged = baselines.ecvq("ramp", 256.0, codewords=96, samples=64, realizations=4096)
    monkeypatch.setattr(quantization, "_merged", lambda *_: None)
    spare = baselines.ecvq("ramp", 256.0, codewords=96, samples=64, realizations=4096)
    gap = [evaluated(code, ed.Ramp(samples=64)).excess(256.0, sampled=True) for code in (merged, spare)]
    assert len(merged.bits) < len(spare.bits)
    assert gap[0] < gap[1]


def test_transform_coding_pays_for_every_dimension():
    code = baselines.transform_coding("ramp", 1024.0, samples=128)
    evaluation = evaluated(code, "ramp")
    assert evaluation.rate > evaluation.entropy
    assert evaluation.excess(1024.0) > 10.0
    decoded = code.decode(code.encode(np.zeros((1, 128))))
    assert decoded.shape == (1, 128)
    circle = baselines.transform_coding("circle", 32.0)
    parts = evaluated(circle, "circle").decomposition(32.0)
    assert sum(parts) == pytest.approx(evaluated(circle, "circle").excess(32.0), abs=1e-9)


@pytest.mark.parametrize("source", ["circle", "sinusoid", "sawbridge", "ramp"])
def test_cells_of_the_phase_are_optimal(source):
    code = baselines.phase_quantizer(source, 64.0, samples=1024)
    evaluation = evaluated(code, source)
    assert evaluation.cells == ed.lagrangian(source, 64.0).cells
    assert abs(evaluation.excess(64.0)) < 0.01


@pytest.mark.parametrize("make", [baselines.ecvq, baselines.transform_coding, baselines.phase_quantizer])
def test_wrong_arguments(make):
    with pytest.raises(ValueError, match="source must be one of circle, klein, ramp"):
        make("uniform", 4.0)
    for lmbda in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="lmbda must be above 0 and finite"):
            make("circle", lmbda)


@pytest.mark.parametrize("source", ["sphere", "torus"])
def test_vector_quantization_of_surfaces(source):
    """Near the best known code; phase quantizers refuse surfaces."""
    code = baselines.ecvq(source, 8.0, codewords=64, realizations=4096)
    evaluation = evaluated(code, source)
    assert 0.0 < evaluation.excess(8.0) < evaluation.left_open(8.0) + 0.1
    assert evaluation.decomposition(8.0).partition > 0.0
    with pytest.raises(ValueError, match=f"source must be a curve, whose phase is one number, got '{source}'"):
        baselines.phase_quantizer(source, 8.0)


def test_too_many_codewords():
    with pytest.raises(ValueError, match="codewords must be from 1 to the number of realizations, got 9"):
        baselines.ecvq("circle", 4.0, codewords=9, realizations=8)

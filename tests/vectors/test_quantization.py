"""Vector quantization of data: against dynamic programming and exhaustive search, any error, weights, arguments."""

import itertools
import math

import edcurve as ed
import numpy as np
import pytest


@pytest.mark.parametrize("lmbda", [1.0, 8.0])
def test_scalars_against_dynamic_programming(lmbda):
    """Contiguous cells are optimal for scalars, so `segment` of sorted samples is the optimum."""
    x = np.sort(np.random.default_rng(0).laplace(size=500))
    code, best = ed.ecvq(x, lmbda), ed.segment(x, lmbda)
    assert best.value - 1e-9 <= code.value <= best.value * 1.01
    assert code.decode(code.encode(x)).shape == (500,)


@pytest.mark.parametrize("error", ["squared", "absolute", "hamming"])
def test_small_sets_against_all_partitions(error):
    generator = np.random.default_rng(4)
    x, w = generator.integers(0, 4, size=(6, 2)).astype(float), generator.dirichlet(np.ones(6))
    lmbda, values = 0.9, []
    for labels in itertools.product(range(3), repeat=6):
        cost = 0.0
        for cell in set(labels):
            inside = np.array(labels) == cell
            p = w[inside].sum()
            if error == "squared":
                y = w[inside] @ x[inside] / p
                rho = np.square(x[inside] - y).sum(axis=1)
                cost += -p * math.log2(p) + lmbda * w[inside] @ rho
            else:
                columns = []
                for column in x[inside].T:
                    errors = [w[inside] @ (np.abs(column - y) if error == "absolute" else column != y) for y in column]
                    columns.append(min(errors))
                cost += -p * math.log2(p) + lmbda * sum(columns)
        values.append(cost)
    result = min(ed.ecvq(x, lmbda, weights=w, error=error, seed=seed).value for seed in range(5))
    assert min(values) - 1e-9 <= result <= min(values) * 1.05


def test_stated_values_are_attained():
    """Entropy, distortion and value are those of the returned encoder and decoder, on any vectors."""
    generator = np.random.default_rng(1)
    x, w = generator.normal(size=(300, 3)), generator.random(300)
    for error, rho in (("squared", np.square), ("absolute", np.abs)):
        code = ed.ecvq(x, 1.5, weights=w, error=error, base=math.e)
        index = code.encode(x)
        p = w / w.sum()
        assert code.distortion == pytest.approx(p @ rho(x - code.decode(index)).sum(axis=1))
        assert code.entropy == pytest.approx(p @ code.rate(index))
        assert code.value == pytest.approx(code.entropy + 1.5 * code.distortion)
        assert np.sum(np.exp(-code.lengths)) == pytest.approx(1.0)


def test_codewords_among_the_given_reproductions():
    x = np.random.default_rng(2).normal(size=(100, 2))
    allowed = np.array([[0.0, 0.0], [1.0, 1.0], [-1.0, 1.0]])
    code = ed.ecvq(x, 5.0, error=lambda x, y: np.abs(x[:, None] - y).max(axis=2), reproductions=allowed)
    assert {tuple(codeword) for codeword in code.codebook} <= {tuple(codeword) for codeword in allowed}


def test_weights_count_as_repetitions():
    x = np.random.default_rng(3).normal(size=(40, 2))
    count = np.random.default_rng(3).integers(1, 5, size=40)
    values = [
        ed.ecvq(a, 2.0, weights=w, codewords=160).value for a, w in ((x, count), (np.repeat(x, count, axis=0), None))
    ]
    assert values[0] == pytest.approx(values[1], rel=0.02)
    alone = ed.ecvq([0.0, 1.0], 1.0, weights=[1.0, 0.0])
    assert (alone.entropy, alone.distortion) == (0.0, 0.0)


@pytest.mark.parametrize(
    "layout", [np.asfortranarray, lambda x: np.repeat(x, 2, axis=0)[::2], lambda x: x[::-1].copy()[::-1]]
)
def test_strides_change_nothing(layout):
    """The code of a circle can be turned, so that the search turns on the last bit."""
    t = 2 * np.pi * np.arange(64) / 64
    points = np.stack([np.cos(t), np.sin(t)], axis=1)
    code, other = (
        ed.ecvq(x, 4.0, seed=0, weights=w) for x, w in ((points, None), (layout(points), layout(np.ones(64))))
    )
    assert code.codebook.tobytes() == other.codebook.tobytes()
    assert code.entropy == other.entropy


def test_equal_and_shown():
    x = np.random.default_rng(3).normal(size=(40, 2))
    for options in ({}, {"reproductions": np.eye(2), "error": "absolute"}):
        assert ed.ecvq(x, 2.0, **options) == ed.ecvq(x, 2.0, **options)
        assert len({ed.ecvq(x, 2.0, **options) for _ in range(2)}) == 1
    assert "codewords, λ = 2: entropy" in repr(ed.ecvq(x, 2.0))


def test_far_from_the_origin():
    """The position of the vectors does not matter, as long as doubles resolve their differences."""
    x = np.round(np.random.default_rng(0).normal(size=(300, 2)), 4)
    near, far = (ed.ecvq(x + place, 4.0) for place in (0.0, 2.0**30))
    assert len(near.codebook) > 2
    assert far.value == pytest.approx(near.value, rel=1e-6)
    assert np.array_equal(far.encode(x + 2.0**30), near.encode(x))


ERRORS = [
    ((np.zeros((0, 2)), 1.0), {}, ValueError, r"points must be of shape \(N,\) or \(N, dim\)"),
    (([0, 1], 0.0), {}, ValueError, "lmbda must be above 0 and finite, got 0.0"),
    (([0, 1], "4"), {}, TypeError, "lmbda must be a real number, got '4'"),
    (([0, 1], 1.0), {"codewords": 0}, ValueError, "codewords must be at least 1, got 0"),
    (([0, 1], 1.0), {"error": "mse"}, ValueError, "error must be 'squared'"),
]


@pytest.mark.parametrize(("arguments", "options", "kind", "message"), ERRORS)
def test_errors(arguments, options, kind, message):
    with pytest.raises(kind, match=message):
        ed.ecvq(*arguments, **options)


def test_vectors_of_the_wrong_dimension():
    code = ed.ecvq(np.random.default_rng(3).normal(size=(40, 2)), 2.0)
    with pytest.raises(ValueError, match=r"x must be of shape \(n, 2\), got \(4, 3\)"):
        code.encode(np.zeros((4, 3)))

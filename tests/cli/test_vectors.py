"""Commands for unordered vectors: the same numbers as the API, from files."""

from pathlib import Path

import edcurve as ed
import numpy as np
import pytest
from command_output import strict, table

X = np.random.default_rng(0).normal(size=(60, 2))
WEIGHTS = np.arange(1.0, 61.0)


@pytest.fixture(autouse=True)
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("x.npy", X)
    np.save("symbols.npy", np.array([[0.0], [1.0], [1.0], [2.0]]))
    np.savetxt("weights.csv", WEIGHTS)
    np.savetxt("other.csv", X[:20] + 0.1, delimiter=",")


@pytest.mark.parametrize("options", [{}, {"weights": WEIGHTS}, {"error": "absolute"}])
def test_rate_distortion(cli, options):
    words = ["--weights", "weights.csv"] if "weights" in options else []
    words += ["--error", options["error"]] if "error" in options else []
    want = ed.empirical_rate_distortion(X, [0.5, 1.5], **options)
    code, out, err = cli("rate-distortion", "x.npy", "0.5", "1.5", *words, "--json")
    got = strict(out)
    assert (code, err, got["method"]) == (0, "", want.method)
    assert (got["lower"], got["upper"]) == (want.lower.tolist(), want.upper.tolist())
    printed = table(cli("rate-distortion", "x.npy", "0.5", "1.5", *words)[1])
    assert printed["lower"] == pytest.approx(want.lower, rel=1e-9)


def test_symbols(output):
    """The entropy of (1/4, 1/2, 1/4) at D = 0, and 0 where one symbol represents all."""
    got = strict(output("rate-distortion", "symbols.npy", "0", "0.5", "--error", "hamming", "--json"))
    assert got["lower"] == pytest.approx([1.5, 0.0], abs=1e-6)


def test_ecvq(output):
    got = strict(output("ecvq", "x.npy", "--lmbda", "1,4", "--test", "other.csv", "--json"))
    for i, lmbda in enumerate((1.0, 4.0)):
        code = ed.ecvq(X, lmbda)
        index = code.encode(X[:20] + 0.1)
        error = np.sum((X[:20] + 0.1 - code.decode(index)) ** 2, axis=1)
        assert [got[name][i] for name in ("entropy", "distortion", "value")] == [
            code.entropy,
            code.distortion,
            code.value,
        ]
        assert got["rate_test"][i] == pytest.approx(code.rate(index).mean(), rel=1e-12)
        assert got["distortion_test"][i] == pytest.approx(error.mean(), rel=1e-9)


def test_a_codebook_is_written(cli):
    assert cli("ecvq", "x.npy", "--lmbda", "4", "--out", "book.csv", "--codewords", "8") == (0, "", "wrote book.csv\n")
    rows = np.loadtxt("book.csv", delimiter=",", skiprows=1)
    code = ed.ecvq(X, 4.0, codewords=8)
    assert np.array_equal(rows, np.column_stack([code.lengths, code.codebook]))


def test_what_is_refused(refused):
    refused(["rate-distortion", "x.npy", "-1"], "distortion must be at least 0, got -1.0")
    refused(["rate-distortion", "x.npy", "1", "--weights", "other.csv"], "other.csv: weights must be one column")
    refused(["rate-distortion", "x.npy", "1", "--reproductions", "symbols.npy"], "symbols.npy: reproductions must be")
    refused(["ecvq", "x.npy", "--lmbda", "1,2", "--out", "book.csv"], "--out writes the codebook of a single λ, got 2")
    refused(["ecvq", "x.npy", "--lmbda", "0"], "lmbda must be above 0")
    refused(["ecvq", "x.npy", "--lmbda", "1", "--test", "symbols.npy"], "symbols.npy: x must be of shape (n, 2)")
    assert not Path("book.csv").exists()


def test_a_quantiser_of_unit_vectors(cli, output, refused):
    x = np.random.default_rng(0).normal(size=(500, 4))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    index = (x[:, 0] > 0.0) + 2 * (x[:, 1] > 0.0)
    np.save("q.npy", x)
    np.save("index.npy", index)
    np.save("decoded.npy", np.where(x > 0.0, 0.4, -0.4) * [1.0, 1.0, 0.0, 0.0])
    for words, options, source in (
        ([], {}, "sphere:3"),
        (["--opposite"], {"opposite": True}, "rotations"),
        (["--decoded", "decoded.npy"], {"decoded": np.load("decoded.npy")}, "sphere:3"),
    ):
        got = strict(output("measure", "q.npy", "index.npy", *words, "--json"))
        want = ed.measure(index, unit_vectors=x, **options)
        assert (got["source"], got["cells"], got["label"]) == (source, 4, ["value", "low", "high"])
        assert got["distortion"] == [want.distortion, *want.distortion_interval]
        assert got["excess"] == [*ed.excess(source, want)]
    assert output("measure", "q.npy", "index.npy").startswith("sphere:3: 500 vectors in 4 cells; excess is H less the")
    np.save("exact.npy", x)
    assert "no code does this" in cli("measure", "q.npy", "index.npy", "--decoded", "exact.npy")[2]
    refused(["measure", "x.npy", "index.npy"], "x.npy: unit_vectors must have rows of norm 1")
    refused(["measure", "q.npy", "symbols.npy"], "q.npy: unit_vectors must have one row per index, 4")
    np.save("normals.npy", x[:, :3] / np.linalg.norm(x[:, :3], axis=1, keepdims=True))
    refused(["measure", "normals.npy", "index.npy", "--opposite"], "--opposite is of quaternions")

"""Coding of indices: cost, inverse, errors and commands."""

import json
import subprocess
import sys

import click
import constriction
import edcurve_neural as edn
import mpmath
import numpy as np
import pytest
import torch
from coded import EXAMPLE, EXTREMES, WORDS, Cells, trained
from edcurve.cli import main
from edcurve_neural.cli import coding as cli_coding
from edcurve_neural.coding import bitstream
from edcurve_neural.coding.code_lengths import code_lengths, differences, frequencies, undone
from edcurve_neural.coding.probability_tables import tables
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.mark.parametrize("name", ["circle", "ramp"])
def test_bits_match_the_reported_rate(name, request, tmp_path):
    run, count = request.getfixturevalue(name), 10**5
    phases = np.random.default_rng(1).random(count)
    coded = edn.compress(tmp_path / "a.edc", run, phases)
    reported = run.evaluate(2**17).rate
    assert coded.samples == count
    assert coded.file_bits == 8 * (tmp_path / "a.edc").stat().st_size
    assert (
        abs(coded.bits / count - reported) < 0.002 * reported
    )  # the requirement is 0.005; the draw alone is off by 0.0005
    assert abs(coded.file_bits / count - reported) < 0.005 * reported
    assert abs(coded.bits - coded.model_bits) < 2e-3 * count  # the error of the code, not of the draw

    indices = edn.read_indices(tmp_path / "a.edc", run)
    drawn = torch.from_numpy(phases).to(torch.float32).unsqueeze(0)
    np.testing.assert_array_equal(indices, run.model.encode_phase(drawn)[0].numpy())
    probabilities = [density(run.model, j, indices[:, j].astype(float)) for j in range(indices.shape[1])]
    np.testing.assert_allclose(coded.bits, -np.log2(probabilities).sum(), atol=2e-3 * count)
    np.testing.assert_allclose(
        coded.model_bits, -np.log2(probabilities).sum(), rtol=1e-5
    )  # this is in single precision

    # rounding differs with the number decoded at once
    expected = run.model.decode(torch.from_numpy(indices[:2000]).unsqueeze(0))[0].numpy()
    actual = edn.decompress(tmp_path / "a.edc", run)
    assert (actual.dtype, actual.shape) == (np.float32, (count, run.model.signal.dim))
    np.testing.assert_allclose(actual[:2000], expected, atol=2e-5)


def density(model, j, y):
    """Ballé et al. (2018), App. 6.1, in numpy: F(y + ½) − F(y − ½)."""
    views = {name: view.detach().double().numpy()[0] for name, view in model.views().items()}
    matrices, biases, factors = (
        [view[j] for name, view in views.items() if name.endswith(kind)] for kind in ("matrix", "bias", "factor")
    )

    def logits(x):
        x = x[None, :]
        for i, (matrix, bias) in enumerate(zip(matrices, biases, strict=True)):
            x = np.log1p(np.exp(matrix)) @ x + bias
            if i < len(factors):
                x = x + np.tanh(factors[i]) * np.tanh(x)
        return x[0]

    return 1.0 / (1.0 + np.exp(-logits(y + 0.5))) - 1.0 / (1.0 + np.exp(-logits(y - 0.5)))


@pytest.mark.parametrize("compressor", ["ntc-table", "circular", "circular-network", "circular-table"])
def test_compressors_of_other_kinds(compressor, tmp_path, brief_fits):
    count, run = 10**5, trained("ramp", 256.0, steps=150, samples=32, compressor=compressor)
    phases = np.random.default_rng(1).random(count)
    coded = edn.compress(tmp_path / "a.edc", run, phases)
    reported = run.evaluate(2**17).rate
    assert abs(coded.bits / count - reported) < 0.002 * reported
    assert abs(coded.file_bits / count - reported) < 0.005 * reported
    drawn = torch.from_numpy(phases).to(torch.float32).unsqueeze(0)
    indices = edn.read_indices(tmp_path / "a.edc", run)
    np.testing.assert_array_equal(indices, run.model.encode_phase(drawn)[0].numpy())
    ((low, probabilities),) = tables(run)
    np.testing.assert_allclose(coded.bits, -np.log2(probabilities[indices - low]).sum(), atol=2e-3 * count)
    store = edn.Store(tmp_path / "store")
    store.save(run, points=64)
    loaded = store.load(run.config)
    np.testing.assert_array_equal(edn.decompress(tmp_path / "a.edc", loaded), edn.decompress(tmp_path / "a.edc", run))


@pytest.mark.parametrize("name", ["circle", "ramp"])
def test_tables_are_the_density(name, request):
    model = request.getfixturevalue(name).model
    for j, (low, probabilities) in enumerate(tables(model)):
        y = np.arange(low, low + len(probabilities), dtype=float)
        np.testing.assert_allclose(probabilities, density(model, j, y), rtol=1e-7, atol=1e-15)
        assert 0.0 < 1.0 - probabilities.sum() < 2e-6
        wider = density(model, j, np.array([y[0] - 1.0, y[-1] + 1.0]))
        assert wider.max() < 2.0**-20  # not wider than necessary


def test_tables_of_an_untrained_density():
    (low, probabilities), *_ = result = tables(edn.NTC("circle", 3))
    assert len(result) == 3
    assert 250 < len(probabilities) < 400  # a logistic density of scale 10
    assert -200 < low < -100
    assert 0.0 < 1.0 - probabilities.sum() < 2e-6


def test_table_of_a_density_too_wide():
    model = edn.NTC("circle", 1)
    with torch.no_grad():
        for name, view in model.views().items():
            if name == "density.0.matrix":
                view -= 14.0
    ((low, probabilities),) = tables(model)
    assert len(probabilities) == 2**16
    assert 0.0 < probabilities.sum() < 0.9
    assert density(model, 0, np.arange(low, low + 2**16, dtype=float)).sum() == pytest.approx(probabilities.sum())


@pytest.mark.parametrize("count", [1, 2, 3, 48, 1000])
def test_equal_probabilities_cost_their_logarithm(count, tmp_path):
    model = Cells((0, np.full(count, 1.0 / count)))
    indices = np.random.default_rng(count).integers(0, count, (10**5, 1))
    coded = edn.write_indices(tmp_path / "a.edc", model, indices)
    assert coded.model_bits == pytest.approx(10**5 * np.log2(count), abs=1e-6)
    assert abs(coded.bits - coded.model_bits) <= WORDS + 10**5 * 1e-4
    np.testing.assert_array_equal(edn.read_indices(tmp_path / "a.edc", model), indices)


def test_frequencies_are_those_of_the_code_lengths():
    mpmath.mp.dps = 40
    lengths = np.random.default_rng(0).integers(0, 2**14, 2000).astype(np.uint16)
    lengths[:512] = np.arange(512)
    exact = [mpmath.mpf(2) ** (-mpmath.mpf(int(length)) / 512) for length in lengths]
    free, total = 2**24 - len(lengths), mpmath.fsum(exact)
    expected = [1 + free * part / total for part in exact]
    counts = frequencies(lengths)
    assert (counts.dtype, counts.sum(), counts.min()) == (np.int64, 2**24, 1)
    largest = np.argmax(counts)
    assert all(-1 < counts[i] - expected[i] < 1 for i in range(2000) if i != largest)  # rounded down
    assert 0 <= counts[largest] - expected[largest] < 2000


@pytest.mark.parametrize("probabilities", [[1.0], [0.0, 0.0], [0.5, 0.0, 0.25], [1e-9] * 5, [1.0 - 1e-12, 1e-12]])
def test_code_lengths_lose_little(probabilities):
    given_ = np.array([*probabilities, 1.0 - sum(probabilities)])
    counts = frequencies(code_lengths(np.array(probabilities))) / 2**24
    large = given_ > 1e-4
    np.testing.assert_allclose(np.log2(counts[large]), np.log2(given_[large]), atol=2e-3)
    assert counts.min() >= 2.0**-24


def test_the_coder_uses_frequencies_exactly():
    """The last 24 bits of an ANS state decide the symbol: each symbol has exactly its frequency of states."""
    counts = frequencies(np.random.default_rng(0).integers(0, 2**14, 300).astype(np.uint16))
    model = constriction.stream.model.Categorical((counts - 1).astype(float), perfect=False, lazy=False)
    stops = np.cumsum(counts)
    for symbol, (start, stop) in enumerate(zip(stops - counts, stops, strict=True)):
        for quantile in (start, stop - 1):
            coder = constriction.stream.stack.AnsCoder(np.array([quantile, 1], dtype=np.uint32))
            assert coder.decode(model) == symbol


@given(st.lists(st.integers(0, 2**14 - 1), min_size=2, max_size=50), st.integers(1, 49))
def test_differences_are_undone(lengths, cut):
    lengths = np.array(lengths, dtype=np.uint16)
    sizes = [min(cut, len(lengths) - 1), len(lengths) - min(cut, len(lengths) - 1)]
    np.testing.assert_array_equal(np.concatenate(undone(differences(lengths), sizes)), lengths)


@st.composite
def columns(draw):
    """A table, with entries inside and outside it."""
    low = draw(st.sampled_from([-3, 0, 2**40, -(2**63), 2**63 - 6]))
    weights = np.array(draw(st.lists(st.sampled_from([0.0, 1e-9, 0.01, 1.0, 3.0]), min_size=1, max_size=6)))
    share = draw(st.sampled_from([0.5, 1.0 - 1e-9, 1.0]))
    probabilities = share * weights / max(weights.sum(), 1e-3)
    inside = st.integers(low, low + len(weights) - 1)
    entries = draw(st.lists(inside | st.sampled_from(EXTREMES), min_size=8, max_size=8))
    return (low, probabilities), entries


@given(st.lists(columns(), min_size=1, max_size=3), st.integers(0, 8), st.sampled_from([1, 3, 2**20]))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_any_indices_are_coded_and_decoded(tmp_path_factory, parts, rows, block):
    path = tmp_path_factory.mktemp("coded") / "a.edc"
    model = Cells(*(table for table, _ in parts))
    indices = np.array([entries for _, entries in parts], dtype=np.int64).T[:rows]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bitstream, "BLOCK", block)
        coded = edn.write_indices(path, model, indices)
        actual = edn.read_indices(path, model)
    assert actual.dtype == np.int64
    np.testing.assert_array_equal(actual, indices)
    expected = 0.0
    for (low, probabilities), column in zip((table for table, _ in parts), indices.T, strict=True):
        share = frequencies(code_lengths(probabilities)) / 2**24
        symbols = [int(x) - low if 0 <= int(x) - low < len(probabilities) else len(probabilities) for x in column]
        expected += sum(64.0 * (symbol == len(probabilities)) - np.log2(share[symbol]) for symbol in symbols)
    assert abs(coded.bits - expected) <= WORDS
    assert np.isinf(coded.model_bits) or coded.model_bits < coded.bits + WORDS


def test_outliers_of_a_density(circle, tmp_path):
    indices = np.zeros((1000, 2), dtype=np.int64)
    indices[:6, 0], indices[-6:, 1] = EXTREMES, EXTREMES
    coded = edn.write_indices(tmp_path / "a.edc", circle, indices)
    np.testing.assert_array_equal(edn.read_indices(tmp_path / "a.edc", circle), indices)
    assert np.isfinite(coded.model_bits)
    plain = edn.write_indices(tmp_path / "b.edc", circle, np.zeros((988, 2), dtype=np.int64))
    assert 12 * 64 < coded.bits - plain.bits < 12 * (64 + 24) + WORDS


@pytest.mark.parametrize("as_tensor", [False, True])
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int32", "int64", "uint64", "float16", "float64"])
def test_types_of_indices(dtype, as_tensor, tmp_path):
    model = Cells((0, np.array([0.5, 0.5])))
    values = np.array([[0], [1], [7]], dtype=dtype)
    edn.write_indices(tmp_path / "a.edc", model, torch.from_numpy(values) if as_tensor else values)
    np.testing.assert_array_equal(edn.read_indices(tmp_path / "a.edc", model), values)


def test_nothing_and_one(circle, tmp_path):
    path = tmp_path / "a.edc"
    assert edn.write_indices(path, circle, np.zeros((0, 2), dtype=int)) == edn.Coded(0, 0.0, 0, 8 * path.stat().st_size)
    assert edn.read_indices(path, circle).shape == (0, 2)
    assert edn.decompress(path, circle).shape == (0, 2)
    assert edn.compress(path, circle, []).samples == 0
    assert edn.compress(path, circle, np.zeros((0, 2))).samples == 0
    edn.compress(path, circle, [0.25])
    assert edn.read_indices(path, circle).shape == (1, 2)
    decoded = edn.decompress(path, circle)
    assert decoded.shape == (1, 2)
    assert np.abs(decoded - [[0.0, 1.0]]).max() < 1.0


def test_realizations_and_phases(circle, ramp, tmp_path):
    phases = (np.arange(500) + 0.5) / 500
    for run in (circle, ramp):
        x = run.model.signal.sample(torch.from_numpy(phases).unsqueeze(0))[0]
        by_phase = edn.compress(tmp_path / "a.edc", run, torch.from_numpy(phases))
        by_point = edn.compress(tmp_path / "b.edc", run.model, x)
        assert by_phase.samples == by_point.samples == 500
        by_realizations, by_phases = (edn.read_indices(tmp_path / name, run.model) for name in ("a.edc", "b.edc"))
        assert (by_realizations != by_phases).any(axis=1).mean() < 0.01  # at the boundaries of cells


@pytest.mark.parametrize(
    ("indices", "error", "words"),
    [
        ([[0.0, 1.5]], ValueError, r"indices must be integers, got 1\.5; round the latents as the encoder does"),
        ([[0.0, np.nan]], ValueError, "indices must be integers, got nan; round"),
        ([[0.0, 2.0**63]], ValueError, r"indices must fit signed integers of 64 bits, got 9\.22\d+e\+18"),
        ([[True, False]], TypeError, "indices must be integers, got an array of dtype bool"),
        ([0, 1], ValueError, r"indices must have shape \(n, 2\), got \(2,\)"),
        ([[0], [1]], ValueError, r"indices must have shape \(n, 2\), got \(2, 1\)"),
        (np.array([[2**63, 0]], dtype=np.uint64), ValueError, "indices must fit .*, got 9223372036854775808"),
        (np.broadcast_to(np.int64(0), (2**28, 2)), ValueError, r"indices must be at most 2\*\*28, got 536870912"),
    ],
)
def test_bad_indices(indices, error, words, tmp_path):
    with pytest.raises(error, match=words):
        edn.write_indices(tmp_path / "a.edc", EXAMPLE, indices)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("x", "error", "words"),
    [
        ([0.5, 1.5], ValueError, "phases from 0 to 1, got 1.5"),
        ([-1e-9], ValueError, "phases from 0 to 1, got -1e-09"),
        ([0.5, np.nan], ValueError, "x must be finite, got nan"),
        ([[0.5, np.inf]], ValueError, "x must be finite, got inf"),
        ([[0.5]], ValueError, r"realizations \(n, 2\), got shape \(1, 1\)"),
        (0.5, ValueError, r"got shape \(\)"),
        (["a"], TypeError, "x must be real numbers"),
    ],
)
def test_bad_realizations(x, error, words, tmp_path):
    with pytest.raises(error, match=words):
        edn.compress(tmp_path / "a.edc", edn.NTC("circle", 1), x)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("model", "error", "words"),
    [
        (edn.NTC("circle", 1, seeds=(0, 1)), ValueError, "model must be one model, got 2"),
        (torch.nn.Linear(1, 1), TypeError, "have a method tables, got Linear"),
        (Cells((0, np.zeros(0))), ValueError, r"got shape \(0,\)"),
        (Cells((0, np.array([0.5, 0.6]))), ValueError, "got a sum 1.1"),
        (Cells((0, np.array([0.5, -0.1]))), ValueError, "got a sum 0.4"),
        (Cells((0, np.array([0.5, np.nan]))), ValueError, "got a sum nan"),
        (Cells((2**63 - 1, np.array([0.5, 0.5]))), ValueError, "must fit 64 bits"),
    ],
)
def test_bad_models(model, error, words, tmp_path):
    with pytest.raises(error, match=words):
        edn.write_indices(tmp_path / "a.edc", model, [[0]])
    assert not list(tmp_path.iterdir())


def test_weights_that_are_not_finite(tmp_path):
    model = edn.NTC("circle", 1)
    with torch.no_grad():
        model.flat[0, 0] = float("nan")
    with pytest.raises(ValueError, match="weights that are not finite"):
        edn.compress(tmp_path / "a.edc", model, [0.5])


def test_without_the_extra(circle, small, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "constriction", None)
    with pytest.raises(ImportError, match=r"pip install 'edcurve\[coding\]'"):
        edn.compress(tmp_path / "a.edc", circle, [0.5])
    assert not list(tmp_path.iterdir())


@pytest.fixture
def cli(capsys, tmp_path, monkeypatch, circle):
    """Run a command in this process, in a folder with a store; return exit code, standard output and error."""
    monkeypatch.chdir(tmp_path)
    edn.Store("store").save(circle, points=4096)

    def run(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments], prog_name="edcurve")
        return end.value.code, *capsys.readouterr()

    return run


def test_encode_and_decode(cli, circle, tmp_path):
    key = circle.config.key
    code, out, err = cli("encode", "store", key, "--phases", 1000, "--seed", 5, "--out", "a.edc", "--json")
    assert (code, err) == (0, "wrote a.edc\n")
    result = json.loads(out)
    coded = edn.compress("b.edc", circle, np.random.default_rng(5).random(1000))
    assert (tmp_path / "a.edc").read_bytes() == (tmp_path / "b.edc").read_bytes()
    assert result == {
        "key": key,
        "samples": 1000,
        "bits": coded.bits / 1000,
        "file_bits": coded.file_bits / 1000,
        "rate": coded.model_bits / 1000,
        "reported_rate": circle.evaluate(4096).rate,
        "bytes": (tmp_path / "a.edc").stat().st_size,
    }
    code, out, err = cli("encode", "store", key[:6], "--phases", 1000, "--seed", 5, "--out", "a.edc")
    shown = dict(line.split() for line in out.splitlines())
    assert shown == {
        name: f"{x:.6g}" if isinstance(x, float) else str(x) for name, x in result.items() if name != "key"
    }

    code, out, err = cli("decode", "a.edc", "--store", "store", "--out", "x.npy")
    assert (code, out, err) == (0, "", "wrote x.npy\n")
    np.testing.assert_array_equal(np.load("x.npy"), edn.decompress("b.edc", circle))


@pytest.mark.parametrize("kind", ["phases.npy", "phases.csv", "points.npy"])
def test_encode_a_file(cli, circle, kind):
    phases = np.arange(8) / 8
    x = circle.model.signal.sample(torch.from_numpy(phases).unsqueeze(0))[0].numpy() if kind == "points.npy" else phases
    if kind.endswith("npy"):
        np.save(kind, x)
    else:
        np.savetxt(kind, x)
    code, _, err = cli("encode", "store", circle.config.key, "--phases", kind, "--out", "a.edc")
    assert code == 0, err
    edn.compress("b.edc", circle, x)
    np.testing.assert_array_equal(edn.read_indices("a.edc", circle), edn.read_indices("b.edc", circle))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("encode", "store", "zz", "--phases", "5", "--out", "b.edc"),
            "KEY must be that of one run in store, got 'zz'",
        ),
        (
            ("encode", "store", "z" * 5000, "--phases", "5", "--out", "b.edc"),
            f"KEY must be that of one run in store, got '{'z' * 60}…', which",
        ),
        (("encode", "store", "", "--phases", "5", "--out", "b.edc"), "KEY must be that of one run in store, got ''"),
        (("encode", "nothing", "a", "--phases", "5", "--out", "b.edc"), "Directory 'nothing' does not exist"),
        (("encode", "store", "KEY", "--phases", "0", "--out", "b.edc"), "--phases must be a number from 1 to 2**28"),
        (("encode", "store", "KEY", "--phases", "1.5", "--out", "b.edc"), "--phases must be a number from 1"),
        (("encode", "store", "KEY", "--phases", "5", "--key", "x", "--out", "b.edc"), "--key is of a .npz file"),
        (("encode", "store", "KEY", "--phases", "no.npy", "--out", "b.edc"), "no.npy: No such file"),
        (("encode", "store", "KEY", "--phases", "5"), "Missing option '--out'"),
        (("encode", "store", "KEY", "--phases", "5", "--out", "no/b.edc"), "no/b.edc: No such file"),
        (("decode", "no.edc", "--store", "store", "--out", "b.npy"), "no.edc: No such file"),
        (("decode", "bad.edc", "--store", "store", "--out", "b.npy"), "bad.edc: it has 93 bytes, and should have 94"),
        (("decode", "good.edc", "--store", "store", "--out", "b.npy"), "good.edc does not name its compressor"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_arguments(cli, circle, small, tmp_path, arguments, words):
    (tmp_path / "bad.edc").write_bytes(small[:-1])
    (tmp_path / "good.edc").write_bytes(small)
    code, out, err = cli(*(circle.config.key if argument == "KEY" else argument for argument in arguments))
    assert (code, out) == (2, "")
    assert words in err.splitlines()[-1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.edc", "good.edc", "store"]


@pytest.mark.parametrize("name", ["encode", "decode"])
def test_help(cli, name):
    text = cli(name, "--help")[1]
    command = getattr(cli_coding, name)
    assert all(option in text for parameter in command.params for option in parameter.opts if option.startswith("--"))
    line = main.get_command(click.Context(main), name).help
    assert command.help.splitlines()[0] == line
    assert line in cli("--help")[1]  # whole


@pytest.mark.parametrize(("name", "arguments"), [("encode", ["--help"]), ("decode", ["a.edc"])])
def test_commands_without_the_extra(name, arguments):
    script = "import sys; sys.modules['constriction'] = None; from edcurve.cli import main; main(prog_name='edcurve')"
    done = subprocess.run([sys.executable, "-c", script, name, *arguments], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"\nError: {name} needs the extra coding: pip install 'edcurve[coding]' (" in done.stderr
    assert "Traceback" not in done.stderr

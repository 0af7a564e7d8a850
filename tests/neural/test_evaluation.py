"""Evaluation: exact quantisers, brute force, the decomposition, callables of numpy and torch, errors."""

import edcurve
import edcurve_neural as edn
import numpy as np
import pytest
import torch
from edcurve_neural.compressors.ntc import NTC
from edcurve_neural.moments import distinct_rows, distinct_runs
from edcurve_neural.runs import evaluate_model
from edcurve_neural.signals import signal

LMBDA = {"circle": 64.0, "sinusoid": 100.0, "ramp": 48.0, "sawbridge": 50.0}


def optimal(source, samples):
    q = edcurve.quantizer(source, edcurve.lagrangian(source, LMBDA[source]).distortion)
    return (lambda x: q.encode(np.asarray(x, dtype=float))), (lambda k: q.decode(np.asarray(k), samples))


@pytest.mark.parametrize(("source", "samples"), [("circle", 2), ("sinusoid", 16)])
def test_optimal_quantiser_has_no_excess(source, samples):
    """A grid of n phases moves a boundary by 1/n, which costs its square."""
    evaluation = edn.evaluate(*optimal(source, samples), source, samples=samples, points=2**16)
    parts = evaluation.decomposition(LMBDA[source])
    assert parts.entropy_model == 0.0
    assert parts.partition == pytest.approx(0.0, abs=1e-6)
    assert parts.decoder == pytest.approx(0.0, abs=1e-6)
    assert evaluation.cells == edcurve.lagrangian(source, LMBDA[source]).cells
    assert evaluation.rate == evaluation.entropy


@pytest.mark.parametrize(("source", "lmbda"), [("sphere", 8.0), ("torus", 8.0), ("sphere", 128.0), ("torus:1,2", 4.0)])
def test_codes_of_surfaces_leave_what_the_enclosure_does(source, lmbda):
    """Their entropies and distortions are known exactly: the lattice of phases measures them."""
    code = edcurve.quantizer(source, edcurve.lagrangian(source, lmbda).distortion)
    evaluation = edn.evaluate(code.encode, code.decode, source, points=2**16)
    assert evaluation.cells == code.cells
    assert evaluation.entropy == pytest.approx(code.entropy, abs=1e-4)
    assert evaluation.distortion == pytest.approx(code.distortion, abs=2e-6)
    assert evaluation.decomposition(lmbda)[1] == pytest.approx(0.0, abs=2e-4)
    assert evaluation.left_open(lmbda) == pytest.approx(evaluation.excess(lmbda), abs=1e-4)
    assert 0.01 < evaluation.left_open(lmbda) < 0.035
    assert np.isnan(evaluation.left_open(1e7))  # no codes of so many cells are known


@pytest.mark.parametrize(("lmbda", "cells", "below"), [(48.0, 4, 2e-5), (4096.0, 512, 0.328)])
def test_optimal_quantiser_of_the_sampled_ramp(lmbda, cells, below):
    """No excess over the optimum of the sampled source, and so a negative one over the continuous optimum."""
    source = edcurve.Ramp(samples=1024)
    q = edcurve.quantizer(source, edcurve.lagrangian(source, lmbda).distortion)
    functions = (lambda x: q.encode(np.asarray(x, dtype=float))), (lambda k: q.decode(np.asarray(k)))
    evaluation, continuous = (edn.evaluate(*functions, kind, points=2**13) for kind in (source, "ramp"))
    assert evaluation.cells == cells
    # a grid of 8 phases between samples
    assert evaluation.decomposition(lmbda) == pytest.approx((0.0, 0.0, 0.0), abs=1e-5)
    assert continuous.decomposition(lmbda, sampled=True) == pytest.approx((0.0, 0.0, 0.0), abs=1e-5)
    assert continuous.excess(lmbda) == pytest.approx(-below, rel=0.2)


@pytest.mark.parametrize("source", ["ramp", "sawbridge"])
def test_optimal_quantiser_of_sampled_functions(source):
    """Sampled at T = 1024, the sources differ from the continuous ones by 0.1 % at this λ."""
    evaluation = edn.evaluate(*optimal(source, 1024), source, samples=1024, points=2**12)
    assert evaluation.excess(LMBDA[source]) == pytest.approx(0.0, abs=2e-3)
    assert evaluation.samples == 1024


@pytest.mark.parametrize("source", ["circle", "ramp", "sawbridge", "sinusoid"])
def test_against_brute_force(source):
    """An arbitrary encoder and decoder, with all realizations formed."""
    samples, points = 12, 999
    waves = signal(source, samples)
    v = (np.arange(points) + 0.5) / points
    x = waves.sample(torch.from_numpy(v)[None])[0].numpy()
    generator = np.random.default_rng(0)
    book = generator.normal(size=(60, waves.dim))
    bits = generator.uniform(7, 12, size=60)  # of a code in which several indices k share a number
    weights = generator.normal(size=(waves.dim, 2))

    def encode(x):
        return np.floor(3 * np.asarray(x, dtype=float) @ weights).astype(int)

    def number(k):
        return np.asarray(k) @ [7, 3] % 60

    evaluation = edn.evaluate(
        encode, lambda k: book[number(k)], source, lambda k: bits[number(k)], samples=samples, points=points,
        dtype=torch.float64,
    )  # fmt: skip
    k = encode(x)
    _, cells, counts = np.unique(k, axis=0, return_inverse=True, return_counts=True)
    p = counts / points
    means = np.stack([x[cells.ravel() == j].mean(axis=0) for j in range(len(p))])
    assert evaluation.cells == len(p)
    assert evaluation.entropy == pytest.approx(-(p * np.log2(p)).sum(), rel=1e-12)
    assert evaluation.rate == pytest.approx(bits[number(k)].mean(), rel=1e-12)
    assert evaluation.distortion == pytest.approx(
        waves.weight * np.square(x - book[number(k)]).sum(axis=1).mean(), rel=1e-11
    )
    assert evaluation.distortion_centroid == pytest.approx(
        waves.weight * np.square(x - means[cells.ravel()]).sum(axis=1).mean(), rel=1e-10
    )


@pytest.mark.parametrize("source", ["circle", "ramp", "sawbridge"])
def test_decomposition_adds_up(source):
    model = NTC(source, 2, (8, 8), samples=40, seeds=(1,))
    with torch.no_grad():
        model.flat.mul_(2.0)
    evaluation = evaluate_model(model, 2**12)
    assert evaluation.cells > 3
    for lmbda in (0.0, 4.0, 512.0, 1e5):
        assert sum(evaluation.decomposition(lmbda)) == pytest.approx(evaluation.excess(lmbda), abs=1e-6)
        assert min(evaluation.decomposition(lmbda)[1:]) >= -1e-9


@pytest.mark.parametrize(
    ("source", "compressor", "latent_dim"),
    [("ramp", "ntc", 2), ("ramp", "ntc-table", 2), ("circle", "circular", 1), ("ramp", "circular-network", 1)],
)
def test_five_parts(source, compressor, latent_dim, brief_fits):
    """They add up in pairs; D of the best last layer is that of numpy's least squares on realizations themselves."""
    samples = 40 if source == "ramp" else None
    fields = {"samples": samples, "hidden": (5, 5), "batch_size": 8, "steps": 8, "compressor": compressor}
    model = edn.train(edn.Config(source, 3000.0, latent_dim=latent_dim, **fields), progress=False).model
    if compressor == "ntc":
        with torch.no_grad():
            model.flat.mul_(2.0)  # more cells than units
    evaluation = evaluate_model(model, 2**9)
    assert evaluation.cells > (1 if compressor == "ntc-table" else 7)
    for lmbda in (0.0, 3000.0):
        parts, fine = evaluation.decomposition(lmbda), evaluation.decomposition(lmbda, fine=True)
        assert fine.dependence + fine.marginals == pytest.approx(parts.entropy_model, abs=1e-9)
        assert fine.readout + fine.features == pytest.approx(parts.decoder, abs=1e-9)
        assert fine.partition == parts.partition
        assert min(fine.dependence, fine.readout, fine.features) >= -1e-9

    v = (torch.arange(2**9, dtype=torch.float64) + 0.5) / 2**9
    x = model.signal.sample(v[None])[0].numpy()
    indices = model.encode_phase(v[None].float())
    separate = [np.unique(column, return_counts=True)[1] / 2**9 for column in indices[0].T.numpy()]
    assert evaluation.entropy_marginals == pytest.approx(
        -sum(float((p * np.log2(p)).sum()) for p in separate), rel=1e-12
    )
    features = model.features(indices)
    if features is None:
        assert evaluation.distortion_readout == evaluation.distortion_centroid
        return
    rows = features[0].double().numpy()
    residual = 0.0
    if rows.ndim == 3:  # one function for all coordinates
        rows, x = rows.reshape(-1, rows.shape[2]), x.reshape(-1, 1)
    residual = np.square(x - rows @ np.linalg.lstsq(rows, x, rcond=1e-7)[0]).sum() / 2**9
    assert evaluation.distortion_readout == pytest.approx(model.signal.weight * residual, rel=1e-6)


def test_a_function_has_no_last_layer():
    """Readout and features are unknown for functions; the dependence is known, here of two equal bits."""
    evaluation = edn.evaluate(
        lambda x: (x[:, :1] > 0).long().expand(-1, 2), lambda k: 0.6 * (2.0 * k - 1), "circle", 3.5, points=1000
    )
    fine = evaluation.decomposition(4.0, fine=True)
    assert (evaluation.entropy, evaluation.distortion_readout) == (1.0, None)
    assert fine[:2] == pytest.approx((1.0, 1.5))
    assert np.isnan(fine.readout)
    assert np.isnan(fine.features)


def test_trained_coder_as_callables():
    """`Run.evaluate` and `evaluate` of the coder's own methods agree."""
    config = edn.Config("ramp", 100.0, samples=32, latent_dim=2, hidden=(8, 8), batch_size=16, steps=50)
    run = edn.train(config, progress=False)
    model = run.model
    evaluation = edn.evaluate(
        lambda x: model.encode(x[None])[0], lambda k: model.decode(k[None])[0], "ramp",
        lambda k: model.rate(k[None])[0], samples=32, points=2**10,
    )  # fmt: skip
    expected = run.evaluate(2**10)
    for name in ("rate", "entropy", "distortion", "distortion_centroid", "cells"):
        assert getattr(evaluation, name) == pytest.approx(getattr(expected, name), rel=1e-6)


def test_functions_of_arrays_and_of_tensors():
    """numpy's matmul refuses tensors and torch's refuses arrays: both are detected."""
    weights = np.ones((2, 1), dtype=np.float32)

    def decode(k):
        return np.zeros((len(k), 2))

    def arrays(x):
        return x.__array_interface__ and np.floor(x @ weights).astype(np.int64)

    def tensors(x):
        return torch.floor(x @ torch.from_numpy(weights)).long()

    a, b = (edn.evaluate(encode, decode, "circle", points=100) for encode in (arrays, tensors))
    assert a == b


def test_scalar_rate_and_flat_indices():
    evaluation = edn.evaluate(
        lambda x: (x[:, 0] > 0).long(), lambda k: torch.stack([0.6 * (2.0 * k - 1), 0.0 * k], 1), edcurve.Circle(), 1.5,
        points=1000,
    )  # fmt: skip
    assert evaluation.rate == 1.5
    assert evaluation.entropy == pytest.approx(1.0)
    assert evaluation.decomposition(4.0).entropy_model == pytest.approx(0.5)
    # two half circles: 1 − (2/π)², and the decoder is at 0.6 instead of 2/π
    assert evaluation.distortion_centroid == pytest.approx(1 - (2 / np.pi) ** 2, abs=1e-5)
    assert evaluation.distortion - evaluation.distortion_centroid == pytest.approx((2 / np.pi - 0.6) ** 2, rel=1e-3)


ERRORS = [
    (lambda x: x, None, ValueError, r"encode must return integers, got 0\.98\d*; round the latents"),
    (lambda x: x > 0, None, TypeError, "encode must return integers, got an array of dtype bool"),
    (lambda x: (x > 0).double() * 2.0**63, None, ValueError, r"indices must fit signed integers of 64 bits, got 9\.2"),
    (lambda x: ((x > 0).long(), x), None, TypeError, r"encode must return integers, got 2 results \(Tensor, Tensor\)"),
    (lambda x: x.max(dim=1), None, TypeError, "encode must return integers, got 2 results"),
    (lambda x: None, None, TypeError, "encode must return integers, got None"),
    (lambda x: (x > 0).long(), lambda k: (k, k), TypeError, "decode must return numbers, got 2 results"),
    (lambda x: (x > 0).long(), lambda k: [["a", "b"]] * 4, TypeError, "decode must return numbers, got an array of"),
    (lambda x: (x > 0).long()[1:], None, ValueError, r"encode must return shape \(16, latent\)"),
    (lambda x: (x > 0).long(), lambda k: np.zeros(len(k)), ValueError, r"decode must return shape \(4, 2\)"),
    (lambda x: (x > 0).long(), lambda k: np.full((len(k), 2), np.nan), ValueError, "decode must return finite"),
]


@pytest.mark.parametrize(("encode", "decode", "error", "message"), ERRORS)
def test_errors(encode, decode, error, message):
    with pytest.raises(error, match=message):
        edn.evaluate(encode, decode or (lambda k: np.zeros((len(k), 2))), "circle", points=16)


@pytest.mark.parametrize("source", [np.zeros((8, 2)), torch.zeros(8, 2)], ids=["array", "tensor"])
def test_points_as_a_source(source):
    message = (
        r"source must be one of circle, .* got an array of shape \(8, 2\); edcurve_neural\.from_samples makes a source"
    )
    with pytest.raises(ValueError, match=message):
        edn.Config(source, 4.0)
    for baseline in (edn.ecvq, edn.transform_coding, edn.phase_quantizer):
        with pytest.raises(
            ValueError, match=r"source must be one of circle, .* got an array of shape \(8, 2\); edcurve\.ecvq"
        ):
            baseline(source, 4.0)


@pytest.mark.parametrize("source", [["circle"], {}, None], ids=repr)
def test_what_is_no_source(source):
    for call in (
        lambda: edn.evaluate(len, len, source),
        lambda: edn.Config(source, 4.0),
        lambda: edn.ecvq(source, 4.0),
    ):
        with pytest.raises(ValueError, match="source must be one of circle"):
            call()


def test_multipliers_of_baselines():
    with pytest.raises(TypeError, match="lmbda must be a real number, got '4'"):
        edn.ecvq("circle", "4")
    with pytest.raises(TypeError, match="lmbda must be a real number, got array"):
        edn.transform_coding("circle", np.array([4.0, 8.0]))


def test_rounded_floats_are_indices():
    """What torch.round returns, in any precision, is the same as integers."""

    def decode(k):
        return torch.stack([k.double().flatten() * 0.1, k.double().flatten() * 0.0], dim=1)

    want = edn.evaluate(lambda x: torch.round(4 * x[:, :1]).long(), decode, "circle", points=1000)
    for dtype in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
        assert edn.evaluate(lambda x, d=dtype: torch.round(4 * x[:, :1]).to(d), decode, "circle", points=1000) == want


def test_functions_that_keep_gradients_and_precision():
    weight = torch.nn.Parameter(torch.tensor(0.5))

    def encode(x):
        return (x[:, :1] > 0).long()

    want = edn.evaluate(encode, lambda k: np.stack([k[:, 0] - 0.5, 0.0 * k[:, 0]], axis=1), "circle", points=1000)
    with torch.enable_grad():
        for dtype in (torch.float32, torch.bfloat16):
            got = edn.evaluate(
                encode,
                lambda k, d=dtype: (torch.cat([k - 1 + weight, 0 * k], dim=1) * weight / 0.5).to(d),
                "circle",
                points=1000,
            )
            assert got == want


def test_errors_of_arguments():
    with pytest.raises(
        ValueError, match=r"source must be one of circle, klein, ramp, sawbridge, sinusoid, .* got 'uniform'"
    ):
        edn.evaluate(len, len, "uniform")
    with pytest.raises(ValueError, match="points must be an integer, at least 2, got 1"):
        edn.evaluate(len, len, "circle", points=1)
    with pytest.raises(ZeroDivisionError):  # the error of the user's function, unchanged
        edn.evaluate(lambda x: 1 // 0, len, "circle", points=10)


def test_sampled_optimum():
    model = NTC("sawbridge", 1, (8, 8), samples=40)
    with pytest.raises(ValueError, match="sampled must be False for the sawbridge"):
        evaluate_model(model, 100).excess(4.0, sampled=True)
    evaluation = evaluate_model(NTC("circle", 1, (8, 8)), 100)
    assert evaluation.excess(4.0, sampled=True) == evaluation.excess(4.0)


def test_relabelling_wide_indices():
    generator = np.random.default_rng(0)
    codes = generator.integers(-(2**62), 2**62, size=(50, 4))[generator.integers(50, size=1000)]
    distinct, cells = distinct_rows(codes)
    assert np.array_equal(distinct[cells], codes)
    assert len(distinct) == len(np.unique(codes, axis=0))
    many = generator.integers(-3, 3, size=(1000, 9))
    distinct, cells = distinct_rows(many)
    assert np.array_equal(distinct[cells], many)
    assert len(distinct) == len(np.unique(many, axis=0))


@pytest.mark.parametrize("latents", [1, 3])
def test_runs_of_equal_rows(latents):
    """The same as for all rows if few of them change, if none does, or if a cell recurs."""
    generator = np.random.default_rng(1)
    codes = np.repeat(generator.integers(-3, 3, size=(60, latents)), generator.integers(1, 9, size=60), axis=0)
    for rows in (codes, codes[:1], np.zeros((7, latents), dtype=np.int64)):
        for ours, expected in zip(distinct_runs(torch.from_numpy(rows)), distinct_rows(rows), strict=True):
            assert np.array_equal(ours, expected)


def test_rank_floor():
    """Ramp: Σ_{k>50} 1/(2π²k²) = 0.0010031, sampled at 1024 points 0.0009952 (each k twice)."""
    assert signal("ramp", 1024).rank_floor(100) == pytest.approx(0.0009952, abs=5e-8)
    assert signal("ramp", 64).rank_floor(64) == pytest.approx(0.0, abs=1e-12)
    for name in ("ramp", "sawbridge", "sinusoid"):
        waves = signal(name, 24)
        x = waves.sample((torch.arange(4800).double() + 0.5)[None] / 4800)[0].numpy()
        values = np.linalg.eigvalsh(x.T @ x / 4800 / 24)
        assert waves.rank_floor(1) == pytest.approx(values[:-1].sum(), rel=1e-5)
    assert signal("sawbridge", 512).rank_floor(0) == pytest.approx(1 / 6, rel=1e-4)
    assert signal("circle", 2).rank_floor(100) == 0.0
    assert signal("sinusoid", 10).rank_floor(1) == 0.25


def test_too_few_phases_for_the_cells_are_warned_of():
    code = edn.phase_quantizer("circle", 4096.0)
    with pytest.warns(UserWarning, match=r"points should be at least 256, 4 for each of the 64 cells seen, got 64"):
        evaluation = edn.evaluate(code.encode, code.decode, "circle", code.rate, points=64)
    assert evaluation.entropy == 6.0


def test_a_rate_in_nats_is_refused():
    code = edn.phase_quantizer("circle", 64.0)
    with pytest.raises(ValueError, match=r"entropy of the indices, 4\.087.* got 2\.83321: it is possible .* in nats"):
        edn.evaluate(code.encode, code.decode, "circle", rate=np.log(17), points=4096)
    evaluation = edn.evaluate(code.encode, code.decode, "circle", rate=np.log2(17), points=4096)
    assert evaluation.rate == pytest.approx(evaluation.entropy, abs=1e-3)


def test_functions_of_numpy_are_called_with_arrays():
    """NumPy takes tensors too, and warns."""

    def encode(x):
        return np.floor(8 * (np.arctan2(x[:, 1], x[:, 0]) / (2 * np.pi) % 1)).astype(int)

    evaluation = edn.evaluate(encode, lambda k: np.zeros((len(k), 2)), "circle", points=64)
    assert evaluation.cells == 8


def test_points_as_a_source_object_need_no_data():
    """The code that attains E(D) of measured points has its entropy and its distortion."""
    turn = 2 * np.pi * np.arange(64) / 64
    for x, closed, energy in (
        (np.stack([np.cos(turn), np.sin(turn)], axis=1), True, 1.0),
        (np.linspace(0, 1, 33)[:, None] * [3.0, 4.0], False, 25 / 3),
    ):
        source = edcurve.Source.from_samples(x, closed=closed)
        code = edcurve.quantizer(source, source.max_distortion / 4)
        evaluation = edn.evaluate(
            lambda x, code=code: code.encode(x.double().numpy()), code.decode, source, points=2**14
        )
        assert evaluation.source is source
        assert evaluation.entropy == pytest.approx(code.entropy, abs=1e-3)
        assert evaluation.distortion == pytest.approx(code.distortion, rel=2e-3)
        larger = edn.evaluate(lambda x: (x[:, 0] > 0).long(), lambda k: np.zeros((len(k), 2)), source.scaled(2.0))
        assert larger.distortion == pytest.approx(4.0 * energy, rel=1e-5)


def test_a_module_without_forward_is_named():
    class Pair(torch.nn.Module):
        """Two methods."""

    with pytest.raises(TypeError, match=r"a module with forward, got Pair: pass Pair\.encode, say"):
        edn.evaluate(Pair(), None, "circle")


def test_messages_name_the_shape_of_the_trial():
    def broken(x):
        raise KeyError("a")

    with pytest.raises(KeyError) as caught:
        edn.evaluate(broken, None, "circle")
    assert caught.value.__notes__ == ["called with a tensor of shape (2, 2)"]


@pytest.mark.parametrize("encode", [torch.nn.Linear(3, 1), lambda x: np.rint(x @ np.ones((3, 1)))])
def test_realizations_of_another_shape_than_encode_takes(encode):
    with pytest.raises(ValueError, match=r"^encode must take realizations of circle, of shape \(n, 2\)") as caught:
        edn.evaluate(encode, None, "circle")
    layer = ", but its first layer takes (n, …, 3): " in str(caught.value)
    assert layer == isinstance(encode, torch.nn.Module)


def test_indices_of_another_shape_than_decode_takes():
    with pytest.raises(ValueError, match=r"^decode must take what encode returns, of shape \(n, 2\), but its first"):
        edn.evaluate(torch.round, torch.nn.Linear(3, 2), "circle")


def test_surface_of_samples():
    """Equal arcs of both angles of a torus, from 16 × 16 samples and their interpolation."""
    turns = 2.0 * np.pi * np.arange(16) / 16
    a, b = np.meshgrid(turns, turns, indexing="ij")
    x = np.stack([np.cos(a), np.sin(a), np.cos(b), np.sin(b)], axis=-1)
    source = edcurve.Source.from_surface(x, name="grid")

    def encode(x):
        arcs = [np.floor(np.arctan2(x[:, k + 1], x[:, k]) * (4.0 / (2.0 * np.pi))).astype(int) % 4 for k in (0, 2)]
        return 4 * arcs[0] + arcs[1]

    middle = 2.0 * np.pi * (np.arange(4) + 0.5) / 4
    ring = np.stack([np.cos(middle), np.sin(middle)], axis=1) * np.sinc(0.25)
    evaluation = edn.evaluate(encode, lambda index: np.hstack([ring[index // 4], ring[index % 4]]), source)
    assert evaluation.source == source
    assert evaluation.entropy == pytest.approx(4.0, abs=1e-6)
    exact = 2.0 * (1.0 - np.sinc(0.25) ** 2)  # chords are shorter than arcs
    assert exact - source.truncation < evaluation.distortion < exact

"""Test sets: known codes, brute force, modules in the convention of CompressAI, streams and warnings."""

import itertools

import edcurve as ed
import edcurve_neural as edn
import numpy as np
import pytest
import torch
from edcurve_neural import data_evaluation
from torch import nn


def circle(n, seed=0):
    turn = 2 * np.pi * np.random.default_rng(seed).random(n)
    return np.stack([np.cos(turn), np.sin(turn)], axis=1)


class Cells:
    """K equal cells of the circle, with the given reconstructions' radius."""

    def __init__(self, count, radius):
        middle = 2 * np.pi * (np.arange(count) + 0.5) / count
        self.count, self.book = count, radius * np.stack([np.cos(middle), np.sin(middle)], axis=1)

    def encode(self, x):
        turn = np.arctan2(np.asarray(x)[:, 1], np.asarray(x)[:, 0]) / (2 * np.pi) % 1
        return np.minimum((turn * self.count).astype(int), self.count - 1)

    def decode(self, k):
        return self.book[np.asarray(k)]


class Model(nn.Module):
    """A module in the convention of CompressAI: latents (n, c, 1, 1), a factorised model of each, noise in training."""

    def __init__(self, noise=False, dropout=0.0):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(1.4))
        self.bits = nn.Parameter(torch.tensor([[3.0, 2.0, 1.5, 2.0, 3.0]] * 2))
        self.noise, self.dropout = noise, nn.Dropout(dropout)

    def encode(self, x):
        return torch.round(self.scale * x).clamp(-2, 2)[:, :, None, None]

    def decode(self, y_hat):
        return self.dropout(y_hat.flatten(1)) / self.scale

    def rate(self, y_hat):
        return self.lengths(y_hat).sum(dim=(1, 2, 3))[:, None]

    def lengths(self, y_hat):
        index = (y_hat + 2).long().flatten(1)
        return self.bits[torch.arange(2), index][:, :, None, None]

    def forward(self, x):
        y_hat = self.encode(x)
        z = torch.ones(len(x), 1, 2, 2) * 0.5  # four bits of a hyperprior
        x_hat = self.decode(y_hat + torch.rand_like(y_hat) - 0.5 if self.noise else y_hat)
        return {"x_hat": x_hat, "likelihoods": {"y": torch.exp2(-self.lengths(y_hat)), "z": z}}


def test_optimal_code_of_a_known_source():
    """Three equal cells have d = 1 − sinc²(1/3); decoded at another radius r, (sinc − r)² more."""
    sinc = np.sinc(1 / 3)
    code = Cells(3, 0.7)
    evaluation = edn.evaluate(code.encode, code.decode, "circle", data=circle(20_000, seed=1))
    least = 1 - sinc**2
    assert evaluation.entropy_interval[0] <= np.log2(3) <= evaluation.entropy_interval[1]
    assert evaluation.distortion_interval[0] <= least + (sinc - 0.7) ** 2 <= evaluation.distortion_interval[1]
    assert evaluation.distortion_centroid == pytest.approx(least, abs=0.004)
    assert (evaluation.cells, evaluation.count, evaluation.dim, evaluation.weight) == (3, 20_000, 2, 1.0)
    assert evaluation.reference == "least H + λD of circle: exact (proved)"
    lmbda = 2.0
    parts = evaluation.decomposition(lmbda)
    assert parts.entropy_model == 0.0
    assert parts.decoder == pytest.approx(lmbda * (sinc - 0.7) ** 2, abs=0.003)
    assert sum(parts) == pytest.approx(evaluation.excess(lmbda), abs=1e-12)
    low, high = evaluation.excess_interval(lmbda)
    truth = np.log2(3) + lmbda * (least + (sinc - 0.7) ** 2) - ed.lagrangian("circle", lmbda).value
    assert low <= truth <= high
    assert high - low < 0.02


def test_against_brute_force():
    """Random codes and lengths: each number from its definition, with all samples in memory."""
    generator = np.random.default_rng(3)
    x, book, lengths = generator.normal(size=(500, 3, 2)), generator.normal(size=(9, 3, 2)), generator.uniform(1, 8, 9)

    def encode(x):
        return (np.asarray(x)[:, :1, 0] > 0) * 3 + np.sign(np.asarray(x)[:, :1, 1]).astype(int) + 1

    evaluation = edn.evaluate(
        encode, lambda k: book[np.asarray(k)[:, 0]], x, lambda k: lengths[np.asarray(k)], dtype=torch.float64
    )
    k = encode(x)[:, 0]
    error = x - book[k]
    measured = ed.measure(k, np.square(error).sum(axis=(1, 2)))
    assert (evaluation.entropy, evaluation.entropy_interval) == (measured.entropy, measured.entropy_interval)
    assert evaluation.distortion == pytest.approx(measured.distortion, rel=1e-14)
    assert evaluation.distortion_interval == pytest.approx(measured.distortion_interval, rel=1e-14)
    assert evaluation.rate == pytest.approx(lengths[k].mean(), rel=1e-14)
    within = sum(x[k == j].var(axis=0, ddof=1).sum() * np.sum(k == j) for j in np.unique(k))
    assert evaluation.distortion_centroid == pytest.approx(within / 500, rel=1e-12)
    assert evaluation.covariance == pytest.approx(
        np.cov(lengths[k], np.square(error).sum(axis=(1, 2))) / 500, rel=1e-12
    )


def test_centroids_of_few_samples_have_no_bias():
    """With about 4 samples in each cell, plain means are far too good; cells have length 1, so D = 1/12."""
    generator = np.random.default_rng(0)
    x = generator.random((4000, 1)) * 1000
    evaluation = edn.evaluate(lambda x: np.floor(np.asarray(x)).astype(int), lambda k: np.asarray(k) + 0.5, x)
    assert evaluation.distortion_centroid == pytest.approx(1 / 12, rel=0.03)


@pytest.mark.parametrize("whole", [True, False], ids=["forward", "pair"])
def test_module_in_the_convention_of_compressai(whole):
    """Forward pass and pair agree with each other and, on a dense grid, with the integral over the phase."""
    model = Model().eval()
    functions = (model, None) if whole else (model.encode, model.decode)
    rate = None if whole else model.rate
    turn = 2 * np.pi * (np.arange(4096) + 0.5) / 4096
    x = np.stack([np.cos(turn), np.sin(turn)], axis=1)
    evaluation = edn.evaluate(*functions, "circle", rate, data=x)
    exact = edn.evaluate(*functions, "circle", rate, points=4096)
    assert evaluation.rate == pytest.approx(exact.rate, rel=1e-6)
    assert evaluation.cells == exact.cells == 8
    assert evaluation.distortion == pytest.approx(exact.distortion, rel=1e-5)
    assert evaluation.distortion_centroid == pytest.approx(exact.distortion_centroid, rel=0.01)
    assert evaluation.entropy == pytest.approx(exact.entropy, abs=0.01)
    lengths = model.lengths(model.encode(torch.from_numpy(x))).sum(dim=(1, 2, 3)).mean().item()
    assert evaluation.rate == pytest.approx(lengths + 4.0 * whole, rel=1e-6)


def test_reconstructions_that_differ_by_rounding_are_one_cell():
    generator = np.random.default_rng(0)
    book = generator.normal(size=(1000, 16))

    def forward(x):
        k = np.asarray(x)[:, 0].astype(int)
        return book[k] * (1 + 1e-7 * generator.normal(size=(len(k), 16))), None

    x = np.repeat(np.arange(1000.0), 4)[:, None] * np.ones(16)
    assert edn.evaluate(forward, None, x).cells == 1000


def batches_of(x, how):
    tensor = torch.from_numpy(x)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(tensor, tensor[:, 0]), batch_size=96)
    return {
        "array": x,
        "tensor": tensor,
        "list": x.tolist(),
        "loader": loader,
        "data set": torch.utils.data.TensorDataset(tensor),
        "generator": (part for part in np.array_split(x, 7)),
        "arrays": np.array_split(x, 7),
    }[how]


@pytest.mark.parametrize("how", ["tensor", "list", "loader", "data set", "generator", "arrays"])
def test_results_do_not_depend_on_the_container(how):
    x, model = circle(1000).astype(np.float32), Model().eval()
    want = edn.evaluate(model.encode, model.decode, x, model.rate)
    got = edn.evaluate(model.encode, model.decode, batches_of(x, how), model.rate)
    for name in ("rate", "entropy", "distortion", "distortion_centroid", "cells", "count"):
        assert getattr(got, name) == pytest.approx(getattr(want, name), rel=1e-6), name


def test_images_and_their_latents_keep_their_shapes():
    """Convolutions: (n, 1, 8, 8) to latents (n, 2, 4, 4), each sample's latents one index."""
    torch.manual_seed(0)
    analysis, synthesis = nn.Conv2d(1, 2, 2, 2), nn.ConvTranspose2d(2, 1, 2, 2)
    patterns = torch.randn(5, 1, 8, 8)
    x = patterns[torch.randint(5, (300,))]
    evaluation = edn.evaluate(
        lambda x: torch.round(analysis(x)), synthesis, x, lambda y: y.abs().sum(dim=(1, 2, 3)) + 3.0
    )
    assert evaluation.cells == 5
    assert evaluation.distortion_centroid == pytest.approx(0.0, abs=1e-9)
    assert evaluation.dim == 64


def test_a_sphere_has_a_lower_bound():
    """Two half spheres: 1 bit and D = 1 − 1/4. Any code of the sphere is above the bound."""
    x = np.random.default_rng(0).normal(size=(4000, 3))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    sphere = ed.Sphere()

    def halves(x):
        return (np.asarray(x)[:, :1] > 0).astype(int)

    evaluation = edn.evaluate(halves, lambda k: np.asarray(k - 0.5) * [[1.0, 0, 0]], sphere, data=x)
    assert evaluation.entropy == pytest.approx(1.0, abs=1e-3)
    assert evaluation.distortion == pytest.approx(0.75, abs=0.01)
    assert evaluation.reference.startswith("lower bound: least H + λD of sphere")
    D = np.linspace(0.01, 1.0, 500)
    least = np.min(ed.lower_bound(sphere, D) + 8.0 * D)
    assert 0.97 * least <= evaluation.optimum(8.0) <= least
    assert evaluation.excess(8.0) > 0.0


def test_an_unknown_source_has_bounds():
    """For the circle, R(D) is below the optimum of single samples and a codebook above; parts add up."""
    code = Cells(6, np.sinc(1 / 6))
    evaluation = edn.evaluate(code.encode, code.decode, circle(3000))
    with_source = edn.evaluate(code.encode, code.decode, "circle", data=circle(3000))
    lmbda = 8.0
    least = ed.lagrangian("circle", lmbda).value
    shannon = ed.rate_distortion("circle", np.linspace(0.01, 0.99, 99)) + lmbda * np.linspace(0.01, 0.99, 99)
    assert evaluation.optimum(lmbda) == pytest.approx(shannon.min(), abs=0.03)
    assert evaluation.optimum(lmbda) < least < evaluation.ecvq(lmbda) < 1.05 * least
    assert evaluation.optimum(0.0) == 0.0
    assert evaluation.excess(lmbda) == pytest.approx(
        with_source.excess(lmbda) + least - evaluation.optimum(lmbda), abs=1e-9
    )
    assert sum(evaluation.decomposition(lmbda)) == pytest.approx(evaluation.excess(lmbda), abs=1e-12)
    assert evaluation.reference.startswith("lower bound for codes of 1024 of the samples")
    with pytest.raises(ValueError, match="ecvq needs two samples or more of a source that is not known"):
        with_source.ecvq(lmbda)


def test_kept_samples_are_drawn_evenly():
    """1024 of 20 480 numbered samples in uneven batches: any tenth has about a tenth of them."""
    reservoir = data_evaluation.Reservoir()
    for part in np.split(np.arange(20480.0), [3, 1000, 1100, 9000, 20000]):
        reservoir.add(part[:, None])
    assert len(np.unique(reservoir.kept)) == 1024
    share = np.histogram(reservoir.kept, bins=10, range=(0, 20480))[0] / 1024
    assert share == pytest.approx(np.full(10, 0.1), abs=4 * np.sqrt(0.09 / 1024))
    wide = data_evaluation.Reservoir()
    wide.add(np.zeros((100, 2**17)))
    assert len(wide.kept) == 32


def test_functions_of_a_continuous_argument_have_a_mean_as_distortion():
    turn = np.random.default_rng(0).random(3000)
    x = np.sin(2 * np.pi * (np.arange(32) / 32 + turn[:, None]))
    evaluation = edn.evaluate(
        lambda x: np.zeros(len(np.asarray(x)), dtype=int), lambda k: np.zeros((len(k), 32)), "sinusoid", data=x
    )
    assert evaluation.weight == 1 / 32
    assert evaluation.distortion == pytest.approx(0.5)
    with pytest.warns(UserWarning, match=r"data should be samples of sinusoid, whose D_max is 0\.5, got a variance of"):
        edn.evaluate(
            lambda x: np.zeros(len(np.asarray(x)), dtype=int), lambda k: np.zeros((len(k), 32)), "sinusoid", data=3 * x
        )


def test_memory_is_bounded(monkeypatch):
    """A stream far larger than memory: batches are freed, and only the cells' sums are kept."""
    import weakref

    alive, most = [], 0
    generator = np.random.default_rng(0)

    def stream():
        nonlocal most
        for _ in range(40):
            batch = generator.normal(size=(500, 64))
            alive.append(weakref.ref(batch))
            yield batch
            del batch
            most = max(most, sum(one() is not None for one in alive))

    def encode(x):
        return (np.asarray(x)[:, :3] > 0).astype(int)

    evaluation = edn.evaluate(encode, lambda k: np.zeros((len(k), 64)), stream())
    assert evaluation.count == 20_000
    assert most <= 1
    assert evaluation.cells == 8
    # the first three coordinates have mean ±√(2/π)
    assert evaluation.distortion - evaluation.distortion_centroid == pytest.approx(6 / np.pi, rel=0.03)
    monkeypatch.setattr(data_evaluation, "MOST_SUMS", 256)
    with pytest.warns(
        UserWarning, match=r"cells have too many numbers to hold their means \(8 times 64, at most 256\)"
    ):
        assert np.isnan(edn.evaluate(encode, lambda k: np.zeros((len(k), 64)), stream()).distortion_centroid)


@pytest.mark.parametrize(
    ("model", "functions"), [(Model(noise=True), 1), (Model(dropout=0.5), 1), (Model(dropout=0.5), 2)]
)
@pytest.mark.parametrize("on_data", [True, False])
def test_noise_and_dropout_are_refused(model, functions, on_data):
    pair = (model, None) if functions == 1 else (model.encode, model.decode)
    words = "give the same result for the same samples, .* first batch" if on_data else "same .* again"
    with pytest.raises(ValueError, match=words + r".*: call eval\(\) on the module first, which is in training mode"):
        edn.evaluate(*pair, circle(2000) if on_data else "circle")


def test_impossible_bits():
    """2.6 bits for each of eight equal cells, over a source and on samples; lengths of a code in nats."""
    code = Cells(8, 1.0)
    for target in ("circle", circle(2000)):
        with pytest.raises(ValueError, match=r"Kraft's inequality\), got 1\.31951 over the 8 seen: it"):
            edn.evaluate(code.encode, code.decode, target, lambda k: np.full(len(k), 2.6))
        with pytest.raises(ValueError, match=r"got 1\.89285 over the 8 seen: it is possible if they are in nats"):
            edn.evaluate(code.encode, code.decode, target, lambda k: np.full(len(k), np.log(8.0)))
        assert edn.evaluate(code.encode, code.decode, target, lambda k: np.full(len(k), 3.0)).rate == 3.0
        with pytest.raises(ValueError, match=r"Kraft's inequality\), got 4 over the 8 seen$"):
            edn.evaluate(code.encode, code.decode, target, lambda k: np.full(len(k), 1.0))
    with pytest.raises(ValueError, match=r"at least the entropy of the indices, 3 bits, .* got 1\.5$"):
        edn.evaluate(code.encode, code.decode, "circle", 1.5)


def batches_of_circle(count=4, size=250):
    x = circle(count * size)
    return [x[i * size : (i + 1) * size] for i in range(count)]


@pytest.mark.parametrize("source", ["circle", "data"])
def test_a_sample_has_the_same_result_in_any_batch(source):
    """Statistics of a batch, a place in it and ranks in it are refused; a few other samples are warned of."""
    code, norm = Cells(8, 1.0), nn.BatchNorm1d(2)
    given = circle(300) if source == "data" else source

    def ranks(x):
        angle = torch.atan2(x[:, 1], x[:, 0])
        return angle.argsort().argsort() * 8 // len(x)

    def rarely(x):
        repeated = len(x.unique(dim=0)) < len(x)
        return (torch.as_tensor(code.encode(x)) + repeated * (x == torch.as_tensor(given[7]).to(x)).all(1)) % 8

    for encode in (lambda x: torch.round(3 * norm(x)), ranks, lambda x: torch.arange(len(x)) % 8):
        with pytest.raises(ValueError, match=r"must give a sample the same result in any batch, .*; call eval"):
            edn.evaluate(encode, lambda k: torch.zeros(len(k), 2), given)
    with pytest.raises(ValueError, match=r"decode must give a sample the same result"):
        edn.evaluate(code.encode, lambda k: code.decode(k) - code.decode(k)[:1], given)
    if source == "data":
        with pytest.warns(UserWarning, match=r"should give a sample the same result .* 0\.667 % in another batch"):
            edn.evaluate(rarely, code.decode, given)
    norm.eval()
    edn.evaluate(lambda x: torch.round(3 * norm(x)).long(), lambda k: k.float() / 3.0, given)


def test_an_encoder_of_batches_of_one_size():
    code, batches = Cells(8, 1.0), batches_of_circle()

    def encode(x):
        if len(x) != 250:
            raise RuntimeError("the exported model has a fixed batch")
        return code.encode(x)

    assert edn.evaluate(encode, code.decode, batches) == edn.evaluate(code.encode, code.decode, batches)
    with pytest.raises(RuntimeError, match="the exported model has a fixed batch"):
        edn.evaluate(encode, code.decode, [batch[:249] for batch in batches])


@pytest.mark.parametrize("kind", [torch.as_tensor, np.asarray])
def test_functions_may_change_what_they_get(kind):
    given = circle(500)
    kept = given.copy()

    def encode(x):
        x = kind(x)
        x *= 3.0
        return x.round()

    def decode(k):
        k /= 3.0
        return k

    for target in (given, "circle"):
        plain = edn.evaluate(lambda x: kind(3.0 * x).round(), lambda k: k / 3.0, target, points=2**12)
        assert edn.evaluate(encode, decode, target, points=2**12) == plain
    assert np.array_equal(given, kept)


def test_indices_of_other_batches_have_no_length():
    """An index that occurs only when the first batch is repeated with other neighbours does not count."""
    x = np.repeat(np.arange(1000) % 8, 2)[:, None]

    def encode(batch):
        first = (np.arange(len(batch)) == 0)[:, None] & (batch.sum() != x[:1000].sum())
        return np.where(first & (batch < 8), 99, batch).astype(np.int64)

    with pytest.warns(UserWarning, match=r"other results for 0\.2 % in another batch"):
        result = edn.evaluate(encode, lambda index: index, [x[:1000], x[:1000] + 8])
    assert result.rate == pytest.approx(result.entropy, abs=1e-12)
    assert (result.cells, result.distortion) == (16, 0.0)


def test_decoders_that_know_more_than_the_indices():
    """Those that keep the samples, or a view of them, or their mean; one in a buffer used again is a code."""
    kept, code = {}, Cells(2, 1.0)

    def encode(x):
        kept["x"] = x
        return code.encode(x)

    buffer = torch.zeros(250, dtype=torch.int64)

    def in_buffer(x):
        buffer[: len(x)] = torch.as_tensor(code.encode(x))
        return buffer[: len(x)]

    for decode in (lambda k: kept["x"][: len(k)].clone(), lambda k: kept["x"][: len(k)]):
        with pytest.raises(ValueError, match="must need nothing but the indices"):
            edn.evaluate(encode, decode, batches_of_circle())
    with pytest.raises(ValueError, match=r"must give a sample the same result|nothing but the indices"):
        edn.evaluate(encode, lambda k: torch.as_tensor(code.decode(k)) + kept["x"].mean(0), batches_of_circle())
    assert edn.evaluate(in_buffer, code.decode, batches_of_circle()).cells == 2


def test_bits_that_depend_on_the_batch_are_those_of_no_code():
    """Of each index the least bits count: 0 bits in batches of one index, and 9 in the first batch."""
    code, x = Cells(8, 1.0), circle(800)
    first = [np.roll(x, 50, axis=0)]
    lone = [x[code.encode(x) == k] for k in range(8)]

    def bits(k):
        count = len(np.unique(k))
        return np.full(len(k), 9.0 if count > 1 else 0.0)

    with pytest.raises(ValueError, match=r"Kraft's inequality\), got 8 over the 8 seen"):
        edn.evaluate(code.encode, code.decode, first + lone, bits)


@pytest.mark.parametrize("rate", [-1.0, float("nan"), float("inf"), True])
def test_mean_bits_are_a_number_of_bits(rate):
    code = Cells(8, 1.0)
    for given in ("circle", circle(300)):
        with pytest.raises((ValueError, TypeError), match="rate must"):
            edn.evaluate(code.encode, code.decode, given, rate)


def test_gradients():
    """No gradient is recorded; functions that record one and batches that hold one cause warnings."""
    model = Model().eval()
    seen = []

    def decode(k):
        result = model.decode(k)
        seen.append(result.requires_grad)
        return result

    edn.evaluate(model.encode, decode, circle(100))
    assert not any(seen)
    assert all(parameter.grad is None for parameter in model.parameters())
    with pytest.warns(UserWarning, match="decode records gradients, .*: leave out enable_grad in it"):
        edn.evaluate(model.encode, torch.enable_grad()(model.decode), circle(100))

    def encode(x):
        return model.encode(x) + 0.0 * model.scale

    with pytest.warns(UserWarning, match="encode records gradients"):
        edn.evaluate(torch.enable_grad()(encode), model.decode, circle(100))
    with pytest.warns(UserWarning, match="lambda> records gradients"):
        edn.evaluate(torch.enable_grad()(lambda x: list(encode(x))), model.decode, circle(100))
    with pytest.warns(UserWarning, match=r"data should hold no gradients, .*: detach\(\) batches"):
        edn.evaluate(model.encode, model.decode, [torch.from_numpy(circle(100)) * model.scale])


def test_rounded_floats_reach_the_decoder_as_they_are():
    """Over a source and on data: a decoder of floats may be a network, one of integers a table."""
    layer = nn.Linear(2, 2)
    table = nn.Embedding(3, 2)
    for target in ("circle", circle(50)):
        assert edn.evaluate(torch.round, layer, target).cells == 8 or isinstance(target, np.ndarray)
        assert edn.evaluate(lambda x: torch.round(x[:, 0]).long() + 1, table, target).cells == 3


RATES = [lambda k: torch.full((len(k), 1), 5.0), lambda k: torch.full((len(k),), 5.0), 5.0]


@pytest.mark.parametrize(("rate", "given"), list(itertools.product(RATES, ["circle", "data"])))
def test_rates_of_any_shape(rate, given):
    model = Model().eval()
    source = "circle" if given == "circle" else circle(200)
    assert edn.evaluate(model.encode, model.decode, source, rate).rate == 5.0


def test_a_rate_in_nats_is_warned_of():
    code = Cells(16, 1.0)
    with pytest.warns(UserWarning, match=r"rate should be at least .* bits, .*, got 2\.77259: is it in nats"):
        edn.evaluate(code.encode, code.decode, circle(2000), np.log(16))


ERRORS = [
    ((lambda x: x, lambda k: k, circle(9)), ValueError, "encode must return integers, got .*; round the latents"),
    ((torch.round, lambda k: k[:, :1], circle(9)), ValueError, r"decode must return shape \(9, 2\), got \(9, 1\)"),
    ((torch.round, lambda k: k, []), ValueError, "data must have at least one sample, got none"),
    (
        (torch.round, lambda k: k, np.zeros((0, 2))),
        ValueError,
        r"data must have shape \(n, …\) with at least one sample",
    ),
    ((torch.round, lambda k: k, [np.full((2, 2), np.nan)]), ValueError, "data must be finite"),
    (
        (torch.round, lambda k: k, [["a"]]),
        TypeError,
        "data must be batches of numbers, or of tuples that begin with them, got <U1",
    ),
    ((lambda x: x, None, circle(9)), TypeError, "forward must return a dict with x_hat and likelihoods, or the pair"),
    ((lambda x: {"x": x}, None, circle(9)), TypeError, r"a dict with x_hat and likelihoods, got \['x'\]"),
    (
        (lambda x: (x, -x.abs() - 1), None, circle(9)),
        ValueError,
        "likelihoods must be above 0 and at most 1, got .*logar",
    ),
    ((lambda x: (x, x.mean()), None, circle(9)), ValueError, r"likelihoods must be floats of shape \(9, …\)"),
    ((lambda x: (x, None), None, circle(9), len), ValueError, "rate must be None or a number where decode is None"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), ERRORS)
def test_errors(arguments, error, message):
    with pytest.raises(error, match=message):
        edn.evaluate(*arguments)


def test_a_single_sample_has_infinite_intervals():
    with pytest.warns(UserWarning, match="1 of 1 samples have an index that no other has"):
        evaluation = edn.evaluate(torch.round, lambda k: k, "circle", data=circle(1))
    assert evaluation.excess_interval(0.0) == (-np.inf, np.inf)


def test_samples_of_two_sizes():
    with pytest.raises(
        ValueError, match=r"data must have batches of samples of one size, got \(n, 2\) and \(n, 1, 3\)"
    ):
        edn.evaluate(torch.round, lambda k: k, [np.zeros((4, 2)), np.zeros((4, 1, 3))])
    ragged = torch.utils.data.DataLoader([torch.zeros(2), torch.zeros(3)], batch_size=2)
    with pytest.raises(ValueError, match="data must have samples of one size to make batches of: stack expects"):
        edn.evaluate(torch.round, lambda k: k, ragged)


def rounding_of(net):
    """A module in the convention of CompressAI whose first layer is that of a network."""

    class Rounding(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, x):
            return {"x_hat": torch.round(self.net(x)), "likelihoods": None}

        def encode(self, x):
            return torch.round(self.net(x))

    return Rounding()


@pytest.mark.parametrize("how", ["tensor", "list", "loader", "data set", "generator", "arrays"])
@pytest.mark.parametrize("whole", [True, False], ids=["forward", "pair"])
def test_samples_of_another_shape_than_encode_takes(how, whole):
    model = rounding_of(nn.Linear(3, 2))
    functions = (model, None) if whole else (model.encode, lambda k: k)
    with pytest.raises(
        ValueError,
        match=r"^data must have samples that encode takes, of shape \(n, …, 3\) by its first layer, got \(n, 2\)",
    ):
        edn.evaluate(*functions, batches_of(circle(40), how))


@pytest.mark.parametrize(
    ("shape", "got"),
    [((8, 6, 6), r"\(n, 6, 6\)"), ((8, 36), r"\(n, 36\)"), ((8,), r"\(n,\)"), ((8, 3, 6, 6), r"\(n, 3, ")],
)
def test_images_of_another_shape_than_encode_takes(shape, got):
    with pytest.raises(ValueError, match=rf"of shape \(n, 1, h, w\) by its first layer, got {got}"):
        edn.evaluate(rounding_of(nn.Conv2d(1, 1, 3)), None, np.zeros(shape))


def test_a_shape_that_a_function_of_arrays_refuses():
    """The error with arrays is more informative than the one with tensors, which numpy does not know."""
    with pytest.raises(
        ValueError, match=r"data must have samples that encode takes, got \(n, 2\) for n samples: matmul"
    ):
        edn.evaluate(lambda x: np.rint(x @ np.ones((3, 1))), lambda k: k, circle(8))


def test_bits_of_latents_must_be_summed():
    remedy = r"sum over the other axes, as bits\.reshape\(len\(bits\), -1\)\.sum\(1\) does"
    for rate in (lambda k: torch.ones(len(k), 2, 1, 1), lambda k: np.ones((len(k), 2))):
        for target in ("circle", circle(8)):
            with pytest.raises(ValueError, match=rf"rate must return shape \(\d+,\), got \(\d+, 2.*: {remedy}"):
                edn.evaluate(torch.round, lambda k: k, target, rate)


class Strings:
    """Cells of the circle in CompressAI's format of strings: two streams, of one and of two bytes."""

    def __init__(self, count):
        self.cells = Cells(count, 0.9)

    def compress(self, x):
        index = self.cells.encode(x).tolist()
        return {"strings": [[bytes([k]) for k in index], [b"zz"[: k % 2] + b"z" for k in index]], "shape": (1, 1)}

    def decompress(self, strings, shape):
        assert shape == (1, 1)
        index = np.array([string[0] for string in strings[0]])
        return {"x_hat": torch.from_numpy(self.cells.decode(index))}


def test_strings_of_compress_are_indices_and_bits():
    model, x = Strings(6), circle(3000)
    evaluation = edn.evaluate(model.compress, model.decompress, "circle", data=x)
    same = edn.evaluate(model.cells.encode, model.cells.decode, "circle", data=x)
    assert (evaluation.entropy, evaluation.distortion, evaluation.cells) == (same.entropy, same.distortion, 6)
    assert evaluation.rate == pytest.approx(16 + 8 * np.mean(model.cells.encode(x) % 2))


BAD_STRINGS = [
    ({"strings": b"ab"}, TypeError, "encode must return strings as lists of 9 byte strings, one list for each stream"),
    ({"strings": [["a"] * 9]}, TypeError, "strings as lists of 9 byte strings"),
    ({"strings": [[b"a"] * 8]}, ValueError, "strings as lists of 9 byte strings, .* got lists of 8"),
]


@pytest.mark.parametrize(("returned", "error", "message"), BAD_STRINGS)
def test_other_strings_are_refused_in_a_line(returned, error, message):
    with pytest.raises(error, match=message) as caught:
        edn.evaluate(lambda x: returned, lambda s, shape: s, circle(9))
    assert len(str(caught.value)) < 400


def test_strings_need_a_test_set():
    model = Strings(6)
    with pytest.raises(TypeError, match="integers, got a dict with strings, shape: strings are measured on a test set"):
        edn.evaluate(model.compress, model.decompress, "circle", points=64)


def test_samples_on_disk_are_those_in_memory(tmp_path):
    np.save(tmp_path / "x.npy", circle(500))
    codec = Cells(5, 0.9)
    evaluation = edn.evaluate(codec.encode, codec.decode, data=tmp_path / "x.npy")
    assert evaluation == edn.evaluate(codec.encode, codec.decode, circle(500))
    with pytest.raises(ValueError, match=r"data must be an array, batches, or the path of a \.npy, got 'x.csv'"):
        edn.evaluate(codec.encode, codec.decode, data="x.csv")


def test_a_dict_of_samples_is_named():
    with pytest.raises(TypeError, match=r"a dict with 'image', 'label': give \(batch\['image'\] for batch in data\)"):
        edn.evaluate(torch.round, lambda k: k, [{"image": circle(4), "label": [1] * 4}])


def test_excess_of_a_test_set_has_an_interval():
    codec = Cells(5, 0.9)
    evaluation = edn.evaluate(codec.encode, codec.decode, "circle", data=circle(2000))
    gap = ed.excess("circle", evaluation)
    assert gap.value == ed.excess("circle", evaluation.distortion, evaluation.entropy)
    assert gap.low < gap.value < gap.high

"""A compressor and a source added from outside the package, by one entry each in a dict.

Both are complete: they are trained, swept, stored, loaded, evaluated, listed, and coded.
"""

import json

import edcurve
import edcurve_neural as edn
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from edcurve.cli import main
from edcurve_neural import learning_phases, signals
from edcurve_neural.compressors import COMPRESSORS, begin
from edcurve_neural.compressors.base import Kind, Layout
from edcurve_neural.compressors.codebook import sample_means
from edcurve_neural.moments import PhaseCells
from edcurve_neural.optimisation.program import Cost, Program
from edcurve_neural.signals.base import Signal
from edcurve_neural.training import progress

WIDTH = 4  # codewords
FIELDS = {"compressor": "codewords", "steps": 60, "batch_size": 64, "learning_rate": 0.05}


# --- a compressor: four codewords, trained by gradient descent, and their shares of the realizations ------------------


class Codewords:
    """The nearest of a few codewords."""

    rank, unbounded = None, False

    def __init__(self, config, flat, shares):
        self.signal = signals.signal(config.source, config.samples or 2)
        self.flat, self.layout, self.shares = flat, layout(config), shares

    @property
    def finite(self):
        return bool(torch.isfinite(self.flat).all())

    def encode(self, x):
        book = self.layout.views(self.flat)["codewords"]
        return torch.cdist(x, book.to(x)).argmin(2, keepdim=True)

    def encode_phase(self, v):
        return self.encode(self.signal.sample(v))

    def decode(self, indices):
        return self.layout.views(self.flat)["codewords"][0][indices[..., 0]]

    def features(self, indices):
        return None

    def rate(self, indices):
        return -torch.log2(self.shares)[indices[..., 0]]

    def tables(self):
        return [(0, self.shares.numpy())]

    def state(self):
        return {**self.layout.named(self.flat), "shares": self.shares}


class CodewordsProgram(Program):
    """Gradient descent on the squared error of the nearest codeword."""

    def __init__(self, configs, device="cpu"):
        self.signal = signals.signal(configs[0].source, configs[0].samples or 2)
        self.layout = layout(configs[0])
        rows = [self.signal.sample(learning_phases.phases(config, "start", WIDTH)).reshape(1, -1) for config in configs]
        flat = torch.zeros(len(configs), self.layout.size)
        flat[:, : self.layout.used] = torch.cat(rows)
        super().__init__(configs, flat.to(device))

    def update(self):
        x = self.signal.sample(self.phases(self.uniform(self.configs[0].batch_size)))
        book = self.layout.views(self.flat)["codewords"]
        nearest = torch.cdist(x, book).argmin(2, keepdim=True).expand(-1, -1, x.shape[2])
        miss = book.gather(1, nearest) - x
        target = self.layout.views(self.gradient)["codewords"]
        target.zero_().scatter_add_(1, nearest, 2.0 * self.signal.weight * miss / x.shape[1])
        self.adam.update()
        distortion = self.signal.weight * miss.square().sum(2).mean(1)
        return Cost(torch.full_like(distortion, float(np.log2(WIDTH))), distortion)

    def preview(self, i):
        config, flat = self.configs[i], self.flat[i : i + 1].clone()
        model = Codewords(config, flat, torch.full((WIDTH,), 1.0 / WIDTH, dtype=torch.float64))
        indices = model.encode_phase(learning_phases.phases(config, "codebook", 2**12))
        counts = torch.bincount(indices.flatten(), minlength=WIDTH).double() + 0.5
        model.shares = counts / counts.sum()
        return model


def layout(config):
    return Layout({"codewords": (WIDTH, signals.signal(config.source, config.samples or 2).dim)})


def restored(config, tensors):
    if tensors["shares"].shape != (WIDTH,):
        raise ValueError(f"invalid shares: shape {tuple(tensors['shares'].shape)}")
    return Codewords(config, layout(config).filled(tensors), tensors["shares"])


@pytest.fixture
def codewords(monkeypatch):
    unused = ("latent_dim", "likelihood", "start")
    monkeypatch.setitem(COMPRESSORS, "codewords", Kind(CodewordsProgram, layout, restored, unused=unused))


# --- a source: a circle of another size in three dimensions, which says no more than it must --------------------------


class Tilted(Signal):
    """A circle of radius 2 in a plane of R³."""

    name, space = "tilted", "R³"

    def __init__(self, samples=3):
        super().__init__(samples)
        self.dim, self.weight = 3, 1.0

    @property
    def source(self):
        return edcurve.Circle().scaled(2.0)

    def sample(self, v):
        angle = 2 * torch.pi * v
        return 2 * torch.stack([torch.cos(angle), 0.6 * torch.sin(angle), 0.8 * torch.sin(angle)], dim=-1)


class Cosine(Signal):
    """cos 2π(t + v) at t = i/T, with the defaults of every signal."""

    name = "cosine"

    @property
    def source(self):
        return edcurve.Sinusoid()

    def sample(self, v):
        t = torch.arange(self.dim, dtype=v.dtype, device=v.device) / self.dim
        return torch.cos(2 * torch.pi * (t + v.unsqueeze(-1)))


@pytest.fixture
def added(monkeypatch):
    monkeypatch.setitem(signals.SIGNALS, "tilted", Tilted)
    monkeypatch.setitem(signals.SIGNALS, "cosine", Cosine)


# --- both are like those of the package -------------------------------------------------------------------------------


def test_a_configuration_takes_the_name(codewords):
    config = edn.Config("circle", 4.0, **FIELDS)
    assert edn.Config.from_dict(config.to_dict()) == config
    assert (config.circular, config.tabled) == (False, False)
    with pytest.raises(ValueError, match="latent_dim must be 1 for codewords, got 2"):
        edn.Config("circle", 4.0, latent_dim=2, **FIELDS)
    with pytest.raises(ValueError, match="likelihood must be 'derived' for codewords, got 'reference'"):
        edn.Config("circle", 4.0, likelihood="reference", **FIELDS)
    with pytest.raises(ValueError, match=r"compressor must be one of .*, codewords, got 'other'"):
        edn.Config("circle", 4.0, compressor="other")


def test_without_the_entry_names_are_unknown():
    with pytest.raises(ValueError, match=r"compressor must be one of .*circular-table, .*, got 'codewords'"):
        edn.Config("circle", 4.0, **FIELDS)
    with pytest.raises(
        ValueError,
        match=r"source must be one of circle, klein, ramp, sawbridge, sinusoid, sphere, torus, .* got 'tilted'",
    ):
        edn.Config("tilted", 4.0)


@pytest.mark.parametrize("source", ["circle", "ramp", "tilted"])
def test_training_storing_and_coding(source, codewords, added, tmp_path):
    """Four equal cells have 2 bits and a known D, for circles of any size and the ramp at 32 points."""
    configs = edn.grid(source, lmbda=4.0, seed=[0, 1], samples=32 if source == "ramp" else [None], **FIELDS)
    swept = edn.sweep(configs, store=tmp_path / "store", checkpoint_every=25, points=2**12, progress=False)
    table = swept.to_pandas()
    assert table["compressor"].tolist() == ["codewords"] * 2
    assert (table["status"] == "finished").all()
    assert (table["cells"] == WIDTH).all()
    run = edn.Store(tmp_path / "store").load(configs[1])
    evaluation = run.evaluate(2**12)
    assert evaluation.distortion == table["distortion"][1]
    assert evaluation.rank_floor is None
    optimal = {
        "circle": 1 - np.sinc(0.25) ** 2,
        "tilted": 4 * (1 - np.sinc(0.25) ** 2),
        "ramp": 1 / 192 + (1 - 1 / 64) / 32,
    }
    assert optimal[source] * (1 - 1e-3) < evaluation.distortion_centroid < 1.2 * optimal[source]
    assert evaluation.distortion_centroid <= evaluation.distortion < 1.3 * optimal[source]
    assert evaluation.rate == pytest.approx(evaluation.entropy, abs=0.01)
    assert evaluation.excess(4.0) == pytest.approx(sum(evaluation.decomposition(4.0)), abs=1e-9)

    phases = np.linspace(0.0, 1.0, 500)
    coded = edn.compress(tmp_path / "a.edc", run, phases)
    assert coded.model_bits <= coded.bits <= coded.model_bits + 0.001 * len(phases) + 64
    x = run.model.signal.sample(torch.from_numpy(phases)[None]).float()
    np.testing.assert_array_equal(edn.decompress(tmp_path / "a.edc", run), run.model.decode(run.model.encode(x))[0])
    assert edn.write_indices(tmp_path / "b.edc", run, [[0], [WIDTH]]).model_bits == np.inf  # there are four codewords


def test_train_alone_is_the_same_kind(codewords):
    run = edn.train(edn.Config("circle", 4.0, **FIELDS), progress=False)
    assert isinstance(run.model, Codewords)
    assert run.status == "finished"
    assert run.history["step"][-1] == FIELDS["steps"]
    assert run.history["distortion"][-1] < run.history["distortion"][0]


def test_weights_of_another_shape_are_refused(codewords, tmp_path):
    config = edn.Config("circle", 4.0, **FIELDS)
    state = begin([config]).compressor(0).state()
    config.kind.restored(config, state)
    with pytest.raises(ValueError, match=r"codewords of shape \(1, 4, 2\) expected, got \(1, 5, 2\)"):
        config.kind.restored(config, {**state, "codewords": torch.zeros(1, 5, 2)})
    with pytest.raises(ValueError, match=r"codewords of shape .* expected, got none"):
        config.kind.restored(config, {"shares": state["shares"]})
    with pytest.raises(ValueError, match="invalid shares"):
        config.kind.restored(config, {**state, "shares": torch.ones(1)})


def test_the_bar_and_the_command_line(codewords, tmp_path):
    program = begin([edn.Config("circle", 4.0, **FIELDS)])
    assert "excess" in progress.summary(progress.glance(program), 80)
    edn.sweep([edn.Config("circle", 4.0, **FIELDS)], store=tmp_path, points=2**10, progress=False)
    listed = CliRunner().invoke(main, ["runs", str(tmp_path), "--json"])
    (row,) = json.loads(listed.stdout)
    assert row["compressor"] == "codewords"
    out = ["--phases", "100", "--out", str(tmp_path / "x.edc")]
    assert CliRunner().invoke(main, ["encode", str(tmp_path), row["key"], *out]).exit_code == 0


CASES = [("tilted", "ntc"), ("cosine", "ntc-table"), ("cosine", "circular"), ("tilted", "circular-network"),
         ("tilted", "circular-table")]  # fmt: skip


@pytest.mark.parametrize(("source", "compressor"), CASES)
def test_compressors_train_on_an_added_source(source, compressor, added, tmp_path, brief_fits):
    """A circular latent comes near the optimum; a latent on a line gives the results of the equivalent source.

    A circle twice as large wants a quarter of λ, and a cosine is a sinusoid.
    """
    like, scale = {"tilted": ("circle", 4.0), "cosine": ("sinusoid", 1.0)}[source]
    fields = {"compressor": compressor, "steps": 300, "batch_size": 128, "hidden": (16, 16)}
    fields["samples"] = 24 if source == "cosine" else None
    config = edn.Config(source, 32.0 / scale, **fields)
    assert edn.sweep([config], store=tmp_path, points=2**10, progress=False).to_pandas()["source"].tolist() == [source]
    evaluation = edn.Store(tmp_path).load(config).evaluate(2**12)
    excess = evaluation.excess(32.0 / scale)
    assert evaluation.optimum(32.0 / scale) == pytest.approx(edcurve.lagrangian(like, 32.0).value, rel=1e-12)
    if config.circular:
        assert excess < 0.05
    else:
        reference = edn.train(edn.Config(like, 32.0, **fields), progress=False).evaluate(2**12).excess(32.0)
        assert excess == pytest.approx(reference, rel=0.15)


def test_an_added_source_is_evaluated_and_offered(added, tmp_path):
    """By a user's compressor, by baselines, and on the command line."""
    middle = 2 * np.pi * (np.arange(8) + 0.5) / 8
    book = np.stack([np.cos(middle), 0.6 * np.sin(middle), 0.8 * np.sin(middle)], axis=1) * 2 * np.sinc(1 / 8)
    evaluation = edn.evaluate(
        lambda x: np.floor(np.mod(np.arctan2(x[:, 1] / 0.6, x[:, 0]) / (2 * np.pi), 1.0) * 8).astype(int),
        lambda index: book[index],
        "tilted",
        points=2**12,
    )
    assert evaluation.samples is None
    assert evaluation.distortion == pytest.approx(4 * (1 - np.sinc(1 / 8) ** 2), rel=1e-4)
    code = edn.ecvq("tilted", 8.0, codewords=16, realizations=512)
    assert edn.evaluate(code.encode, code.decode, "tilted", code.rate, points=2**12).excess(8.0) < 0.2
    with pytest.raises(ValueError, match="samples must be None for the tilted, which is in R³, got 5"):
        edn.Config("tilted", 4.0, samples=5)
    options = ["--lmbda", "8", "--steps", "8", "--batch-size", "32", "--points", "1024"]
    result = CliRunner().invoke(main, ["train", "tilted", *options])
    assert result.exit_code == 0, result.output
    assert "tilted" in result.output


# --- the defaults of a signal are the definition of what the closed forms compute -------------------------------------


@pytest.mark.parametrize("name", ["ramp", "circle", "sinusoid", "sawbridge"])
def test_closed_forms_are_the_defaults(name):
    source, plain = signals.signal(name, 20), Signal
    generator = torch.Generator().manual_seed(0)
    v = torch.rand((2, 60), generator=generator, dtype=torch.float64)
    rows = torch.randn((2, 3, source.dim), generator=generator, dtype=torch.float64)
    bias = torch.randn((2, 3, 1), generator=generator, dtype=torch.float64)
    grad = torch.randn((2, 3, 60), generator=generator, dtype=torch.float64)
    torch.testing.assert_close(source.energy(v), plain.energy(source, v), rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(source.project(v, rows, bias), plain.project(source, v, rows, bias), rtol=0, atol=1e-12)
    for closed, formed in zip(source.minus_adjoint(v, grad), plain.minus_adjoint(source, v, grad), strict=True):
        torch.testing.assert_close(closed, formed, rtol=0, atol=1e-11)
    cells = PhaseCells(np.random.default_rng(0).integers(0, 7, 500), 7)
    for (block, closed), (other_block, formed) in zip(
        source.cell_means(cells), plain.cell_means(source, cells), strict=True
    ):
        assert block == other_block
        np.testing.assert_allclose(closed, formed, rtol=0, atol=1e-13)
    single = v.float()[0]  # as for networks: samples drop at the same place
    means, counts = sample_means(source, single, torch.arange(60) // 20 * 2, 6)
    of_samples = source.sample(single[None])[0].double().view(3, 20, -1).mean(1)
    torch.testing.assert_close(means[:5:2], of_samples, rtol=0, atol=1e-6)
    assert counts.tolist() == [20, 0, 20, 0, 20, 0]
    assert means[1::2].isnan().all()  # cells without realizations have no mean
    values = plain.variances.fget(source)
    for width in range(4):
        assert source.rank_floor(width) == pytest.approx(np.sort(values)[::-1][width:].sum(), abs=2e-5)

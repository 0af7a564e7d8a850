"""`Circular`: a compressor whose latent lies on a circle, so that a closed manifold need not be cut open.

The analysis transform ends in the plane, and the angle there, in turns, is quantised modulo one into K equal cells. The
synthesis transform is a Fourier series of the latent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.functional import leaky_relu

from edcurve_neural import random_streams
from edcurve_neural.optimisation.settings import Settings
from edcurve_neural.signals import signal
from edcurve_neural.signals.base import Signal

from . import structured
from .base import Layout, ProbabilityTable
from .ntc import SLOPE

HARMONICS = 32  # of the Fourier series
FIRST_CELLS = 8.0  # at the start of training
FAST = 10.0  # factor of the learning rate for the series and the number of cells
MOST_CELLS = 2**24  # limit for a stored compressor
BINS = 64  # of the density of latents


class Circular:
    """A trained compressor with a circular latent, one model.

    Parameters
    ----------
    source : str
        "ramp", "circle", "sinusoid", "sawbridge", "sphere", "torus" or "klein".
    hidden : sequence of int
        Widths of the hidden layers of the analysis.
    flat : Tensor, shape (1, parameters)
        Parameters, as `layout` arranges them.
    density : Tensor of float64, shape (bins,)
        Density of latents in equal bins, relative to a uniform one: the entropy model, whatever K is.
    cells : int
        Number K of cells.
    offset : float
        Cells begin at multiples of 1/K minus offset/K turns.
    samples : int
        Number of points of sources that are functions.
    solved : Tensor, shape (1 + 2·harmonics, dim), optional
        Coefficients of a series that replaces the trained one.
    """

    unbounded = False  # there are K cells

    def __init__(
        self,
        source: str,
        hidden: Sequence[int],
        flat: Tensor,
        *,
        density: Tensor,
        cells: int,
        offset: float,
        samples: int = 1024,
        solved: Tensor | None = None,
    ) -> None:
        self.solved = solved
        self.signal: Signal = signal(source, samples)
        self.hidden, self.flat, self.density = tuple(hidden), flat, density
        self.cells, self.offset = cells, offset
        self.layout = self.arranged(self.signal, self.hidden)

    @staticmethod
    def arranged(source: Signal, hidden: Sequence[int]) -> Layout:
        """Layout of the parameters."""
        return layout(source.dim, hidden)

    @property
    def rank(self) -> int | None:
        """Twice the number of harmonics of the Fourier series."""
        return 2 * self.harmonics

    @property
    def harmonics(self) -> int:
        """Number of harmonics of the Fourier series."""
        return HARMONICS if self.solved is None else len(self.solved) // 2

    @property
    def finite(self) -> bool:
        """Whether all parameters are finite."""
        return bool(torch.isfinite(self.flat).all())

    def views(self) -> dict[str, Tensor]:
        """Parameters by name, with a leading axis for the model."""
        return self.layout.views(self.flat)

    @torch.no_grad()
    def analysis(self, x: Tensor) -> Tensor:
        """Latents in turns, (1, batch, dim) to (1, batch)."""
        views, columns = self.views(), x.transpose(1, 2)
        maps = _first(views)
        return turns(plane(torch.baddbmm(maps[:, :, -1:], maps[:, :, :-1], columns), views))

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """Indices from 0 to K − 1 of realizations, (1, batch, dim) to (1, batch, 1)."""
        return self._quantised(self.analysis(x))

    @torch.no_grad()
    def encode_phase(self, v: Tensor) -> Tensor:
        """Indices of phases of shape (1, batch), without forming their realizations."""
        return self._quantised(latents(self.signal, v, self.views()))

    @torch.no_grad()
    def decode(self, indices: Tensor) -> Tensor:
        """Reconstructions, (1, batch, 1) to (1, batch, dim)."""
        rows = FAST * self.views()["series"][0] if self.solved is None else self.solved
        return self.features(indices) @ rows

    @torch.no_grad()
    def features(self, indices: Tensor) -> Tensor:
        """Fourier functions of the latent."""
        return waves(self._middles(indices), self.harmonics).transpose(1, 2)

    def _middles(self, indices: Tensor) -> Tensor:
        """Latents in the middle of cells, in turns: (1, batch, 1) to (1, batch)."""
        middles = (indices[..., 0].to(self.flat.dtype) + (0.5 - self.offset)) / self.cells
        return torch.remainder(middles, 1.0)

    def rate(self, indices: Tensor) -> Tensor:
        """Bits, (1, batch, 1) to (1, batch)."""
        return -torch.log2(self._probabilities)[indices[..., 0]]

    def tables(self) -> list[ProbabilityTable]:
        """The entropy model: the probabilities of the cells."""
        return [ProbabilityTable(0, self._probabilities.cpu().numpy())]

    @cached_property
    def _probabilities(self) -> Tensor:
        return probabilities(self.density, self.cells, self.offset)

    def state(self) -> dict[str, Tensor]:
        """Parameters by name, with the density and the cells."""
        partition = torch.tensor([float(self.cells), self.offset], dtype=torch.float64)
        trained = {**self.layout.named(self.flat), "density": self.density, "partition": partition}
        return trained if self.solved is None else {**trained, "solved": self.solved}

    def with_series(self, coefficients: Tensor) -> Circular:
        """The compressor with another Fourier series, coefficients (1 + 2·harmonics, dim)."""
        return Circular(
            self.signal.name,
            self.hidden,
            self.flat,
            density=self.density,
            cells=self.cells,
            offset=self.offset,
            samples=self.signal.dim,
            solved=coefficients.to(self.flat).contiguous(),
        )

    def _quantised(self, latent: Tensor) -> Tensor:
        return cell(latent, self.cells, self.offset).unsqueeze(2)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.signal.name!r}, hidden={self.hidden}, cells={self.cells})"


def restored(config: Settings, tensors: dict[str, Tensor], kind: type[Circular] = Circular) -> Circular:
    """The inverse of `Circular.state`."""
    cells, offset = tensors["partition"].tolist()
    density = tensors["density"]
    if not (1 <= cells <= MOST_CELLS and cells == int(cells) and 0.0 <= offset < 1.0):
        raise ValueError(f"invalid cells: {cells:g} at offset {offset:g}")
    if density.shape != (BINS,) or density.dtype != torch.float64:
        raise ValueError(f"invalid density: shape {tuple(density.shape)}, {density.dtype}")
    if not (float(density.min()) > 0.0 and abs(float(density.mean()) - 1.0) < 1e-6):
        raise ValueError("invalid density: it must be positive, with mean 1")
    solved, source = tensors.get("solved"), signal(config.source, config.samples or 2)
    if solved is not None and (
        solved.ndim != 2 or solved.shape[1] != source.dim or not len(solved) % 2 or kind is not Circular
    ):
        raise ValueError(f"invalid series: shape {tuple(solved.shape)}")
    return kind(
        config.source,
        config.hidden,
        kind.arranged(source, config.hidden).filled(tensors),
        solved=solved,
        density=density,
        cells=int(cells),
        offset=offset,
        samples=config.samples or 2,
    )


def layout_of(config: Settings) -> Layout:
    """Layout of the parameters of a configuration."""
    return layout(signal(config.source, config.samples or 2).dim, config.hidden)


def layout(dim: int, hidden: Sequence[int]) -> Layout:
    """Layout of the parameters; biases are in the last column of affine maps of shape (fan out, fan in + 1).

    "skip" is a linear path past the hidden layers of the analysis; "series" has the coefficients of 1, cos 2πjθ,
    sin 2πjθ, divided by `FAST`; "cells" is log K, divided by `FAST`.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for i, (fan_in, fan_out) in enumerate(pairwise((dim, *hidden, 2))):
        shapes[f"analysis.{i}"] = (fan_out, fan_in + 1)
    shapes["skip"] = (2, dim + 1)
    shapes["series"] = (1 + 2 * HARMONICS, dim)
    shapes["cells"] = ()
    return Layout(shapes)


def initial(arranged: Layout, keys: Tensor) -> Tensor:
    """Glorot-uniform weights and zero biases of the analysis; no skip, no series."""
    flat = random_streams.uniform(keys, 0, arranged.size).mul_(2.0).sub_(1.0)
    flat[:, arranged.used :] = 0.0
    for name, view in arranged.views(flat).items():
        if name.startswith("analysis"):
            view[:, :, :-1].mul_(math.sqrt(6.0 / (view.shape[1] + view.shape[2] - 1)))
            view[:, :, -1] = 0.0
        elif name in ("skip", "series"):
            view.zero_()
        elif name == "cells":
            view.fill_(math.log(FIRST_CELLS) / FAST)
    return flat


def latents(source: Signal, v: Tensor, views: dict[str, Tensor]) -> Tensor:
    """Angles in turns of the realizations of phases of shape (models, batch), without forming them."""
    return turns(plane(structured.affine(source, v, _first(views)), views))


def _first(views: dict[str, Tensor]) -> Tensor:
    """The affine map of realizations: the rows of the first layer, then those of the skip."""
    return torch.cat([views["analysis.0"], views["skip"]], dim=1)


def plane(first: Tensor, views: dict[str, Tensor]) -> Tensor:
    """Points of the plane, (models, 2, batch), from the results of the first layer and the skip."""
    x, skipped = leaky_relu(first[:, :-2], SLOPE), first[:, -2:]
    layers = [view for name, view in views.items() if name.startswith("analysis")][1:]
    for i, layer in enumerate(layers):
        x = torch.baddbmm(layer[:, :, -1:], layer[:, :, :-1], x)
        if i < len(layers) - 1:
            x = leaky_relu(x, SLOPE)
    return x + skipped


def turns(y: Tensor) -> Tensor:
    """Angles of points of the plane in turns, from 0 to 1: (models, 2, batch) to (models, batch)."""
    return torch.remainder(torch.atan2(y[:, 1], y[:, 0]) / (2.0 * math.pi), 1.0)


def histogram(latent: Tensor) -> Tensor:
    """Density of latents (1, n) in bins, relative to a uniform one; half a latent is added to each bin."""
    counts = torch.bincount((latent[0] * BINS).long().clamp(0, BINS - 1), minlength=BINS).double() + 0.5
    return counts * (BINS / counts.sum())


def probabilities(density: Tensor, cells: int, offset: float) -> Tensor:
    """Probabilities of equal cells, shape (K,): integrals of a density in bins, as from `histogram`."""
    k = torch.arange(cells + 1, dtype=torch.float64, device=density.device)
    edges = (k - offset) / cells
    turns_before = torch.floor(edges)
    bins = len(density)
    cumulative = torch.cat([density.new_zeros(1), density.cumsum(0)]) / bins
    position = (edges - turns_before) * bins
    index = position.floor().long().clamp(max=bins - 1)
    return torch.diff(turns_before + cumulative[index] + (position - index) * density[index] / bins).clamp(min=0.0)


def cell(latent: Tensor, cells: int, offset: float) -> Tensor:
    """Index of the cell in which a latent lies."""
    return torch.remainder(torch.floor(latent * cells + offset).long(), cells)


def waves(latent: Tensor, harmonics: int = HARMONICS) -> Tensor:
    """Fourier functions 1, cos 2πjθ, sin 2πjθ for j up to `harmonics`, along the second axis.

    From (models, batch) to (models, 2·harmonics + 1, batch).
    """
    j = torch.arange(1, harmonics + 1, dtype=latent.dtype, device=latent.device).view(1, -1, 1)
    angle = 2.0 * math.pi * j * latent.unsqueeze(1)
    return torch.cat([torch.ones_like(angle[:, :1]), torch.cos(angle), torch.sin(angle)], dim=1)


def series(coefficients: Tensor, latent: Tensor) -> Tensor:
    """Reconstructions (models, batch, dim) by the Fourier series."""
    return torch.bmm(waves(latent).transpose(1, 2), FAST * coefficients)


def series_error(source: Signal, v: Tensor, coefficients: Tensor, latent: Tensor) -> Tensor:
    """Squared errors of the series, summed over samples, (models, batch), without forming realizations."""
    return structured.squared_error(source, v, FAST * coefficients, waves(latent))

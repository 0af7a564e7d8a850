"""`evaluate`: a compressor against the optimum, without sampling noise, and where its excess comes from."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import edcurve
import numpy as np
import torch
from edcurve.validation import warn
from numpy.typing import NDArray

from . import manifolds
from .moments import Moments
from .signals import Circle, Measured, Signal, signal

Indices = NDArray[np.int64]
Coordinates = NDArray[np.float64]
POINTS = 2**20
LOW = 0.8  # of the entropy: what a rate is below if it is in nats and not far above the entropy
FEW = 4  # phases that a cell must have on average, or too little is seen of it
KNOWN: dict[str, Callable[[], edcurve.Source]] = {
    "circle": edcurve.Circle,
    "ramp": edcurve.Ramp,
    "sawbridge": edcurve.Sawbridge,
    "sinusoid": edcurve.Sinusoid,
}
CHUNK = 2**24  # numbers of a realization handed to a caller's function at once


class Decomposition(NamedTuple):
    """Parts of an excess, in bits; they add up to it."""

    entropy_model: float
    decoder: float
    partition: float


@dataclass(frozen=True)
class Evaluation:
    """What a compressor attains, integrated over the phase.

    Attributes
    ----------
    source : edcurve.Source
        The source; functions of a continuous argument, though the compressor sees samples. Of measured points its
        ``status`` says whether the optimum is exact or an upper bound, which a compressor may be below, ``reason`` why,
        and ``truncation`` how far distortions may be off.
    samples : int or None
        Number T of samples of a function; None for the circle and for measured points.
    rate : float
        Mean bits under the compressor's own entropy model; the entropy if it was given none.
    entropy : float
        Entropy of the indices, in bits.
    distortion : float
        With the compressor's decoder.
    distortion_centroid : float
        With the means of the cells as reconstructions, which no decoder is better than.
    cells : int
        Number of distinct indices.
    rank_floor : float or None
        For a trained coder, the least distortion of any decoder with as wide a last hidden layer.
    points : int
        Phases of the grid.
    """

    source: edcurve.Source
    samples: int | None
    rate: float
    entropy: float
    distortion: float
    distortion_centroid: float
    cells: int
    rank_floor: float | None
    points: int

    def optimum(self, lmbda: float, *, sampled: bool = False) -> float:
        """Least H + λD over all partitions, in bits.

        Parameters
        ----------
        lmbda : float
            λ ≥ 0, in bits per unit distortion.
        sampled : bool
            Of the source as sampled, which for the ramp is another one, and its optimum lower.

        Raises
        ------
        ValueError
            If the optimum of the sampled source is asked for and not known (the sawbridge).
        """
        return float(edcurve.lagrangian(self._reference() if sampled else self.source, lmbda).value)

    def _reference(self) -> edcurve.Source:
        if self.source.name == "ramp":
            return edcurve.Ramp(samples=self.samples)
        if self.source.name == "sawbridge":
            raise ValueError("sampled must be False for the sawbridge: the optimum of its samples is not known")
        return self.source  # δ of the sinusoid is that of its samples, and the circle has none

    def excess(self, lmbda: float, *, sampled: bool = False) -> float:
        """Rate + λD above the optimum, in bits; arguments and errors as for `optimum`.

        Negative, if barely, for a compressor of the sampled ramp that is better than any of the continuous one.
        """
        return self.rate + lmbda * self.distortion - self.optimum(lmbda, sampled=sampled)

    def decomposition(self, lmbda: float, *, sampled: bool = False) -> Decomposition:
        """The excess in parts: rate − H, λ(D − D_centroid), and H + λ D_centroid above the optimum."""
        partition = self.entropy + lmbda * self.distortion_centroid - self.optimum(lmbda, sampled=sampled)
        return Decomposition(self.rate - self.entropy, lmbda * (self.distortion - self.distortion_centroid), partition)


def evaluate(
    encode: Callable[[Any], Any],
    decode: Callable[[Any], Any],
    source: str | edcurve.Source,
    rate: Callable[[Any], Any] | float | None = None,
    *,
    samples: int = 1024,
    points: int = POINTS,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
) -> Evaluation:
    """Evaluate a compressor: any pair of functions, or of methods of a torch module.

    Parameters
    ----------
    encode : callable
        Realizations (batch, dim) to integer indices (batch, latent) or (batch,), deterministically.
    decode : callable
        Such indices to reconstructions (batch, dim). It is called once for each distinct index.
    source : str or edcurve.Source
        "ramp", "circle", "sinusoid" or "sawbridge"; ``edcurve.Ramp(samples=T)`` to compare with the optimum of the
        sampled ramp unless told otherwise; a file of measured points along a loop, or the name that
        `edcurve_neural.from_samples` and `from_file` give to measured points.
    rate : callable or float, optional
        Bits that the entropy model spends on each of the indices, (batch, latent) to (batch,), or their mean; by
        default the entropy of the indices. A mean far below it is warned of: it may be in nats.
    samples : int
        Number T of samples t = i/T of sources that are functions.
    points : int
        The phases are (j + ½)/points. Boundaries of cells are found to within 1/points. With fewer than 4 a cell
        entropy and distortion come out too low, which is warned of.
    dtype, device
        Of the tensors handed over. Functions that do not take tensors get numpy arrays.

    Returns
    -------
    Evaluation

    Raises
    ------
    ValueError
        For a source without realizations here, indices or reconstructions of the wrong shape, reconstructions or
        rates that are not finite.
    TypeError
        If the indices are not integers.
    """
    known, waves = _both(source, source.samples if isinstance(source, edcurve.SampledRamp) else samples)
    check_points(points)
    call = _caller(encode, waves, dtype, device)
    codes = np.concatenate([_codes(call(encode, block), len(block)) for block in _realizations(waves, points, dtype)])
    flat = codes.ndim == 1
    distinct, cells = relabel(codes.reshape(points, -1))
    if points < FEW * len(distinct):
        warn(
            f"points should be at least {FEW * len(distinct)}, {FEW} for each of the {len(distinct)} cells seen, got "
            f"{points}: entropy and distortion come out too low, and the excess may be negative"
        )
    handed = torch.from_numpy(distinct[:, 0] if flat else distinct)

    def reconstruct(block: slice) -> Coordinates:
        return _finite("decode", call(decode, handed[block]), (len(handed[block]), waves.dim))

    spent: Coordinates | None
    if callable(rate):
        spent = _finite("rate", call(rate, handed), (len(distinct),))
    else:
        spent = None if rate is None else np.full(len(distinct), float(rate))
    found = measured(known, waves, cells, len(distinct), reconstruct, spent)
    if found.rate < LOW * found.entropy:
        warn(
            f"rate should be at least the entropy of the indices, {found.entropy:.6g} bits, as that of any code is, "
            f"got {found.rate:.6g}: is it in nats?"
        )
    return found


def check_points(points: Any) -> None:
    """Refuse what is not a number of phases."""
    if isinstance(points, bool) or not isinstance(points, int) or points < 2:
        raise ValueError(f"points must be an integer, at least 2, got {points!r}")


def measured(
    source: edcurve.Source,
    waves: Signal,
    cells: Indices,
    count: int,
    reconstruct: Callable[[slice], Coordinates],
    rate: Coordinates | None,
    rank_floor: float | None = None,
) -> Evaluation:
    """Evaluation from the cell of each phase of the grid, reconstructions of blocks of cells and bits of each cell."""
    moments = Moments(waves, cells, count)
    probability = moments.sizes / len(cells)
    entropy = float(np.sum(-probability * np.log2(probability))) + 0.0  # of a single cell 0, not −0
    spread, offset = moments.energy, 0.0
    for block, means in moments.means():
        weight = probability[block]
        spread -= float(weight @ np.square(means).sum(axis=1))
        offset += float(weight @ np.square(reconstruct(block) - means).sum(axis=1))
    centroid = max(waves.weight * spread, 0.0)
    return Evaluation(
        source=source,
        samples=samples_of(waves),
        rate=entropy if rate is None else float(probability @ rate),
        entropy=entropy,
        distortion=centroid + waves.weight * offset,
        distortion_centroid=centroid,
        cells=count,
        rank_floor=rank_floor,
        points=len(cells),
    )


def grid(points: int, start: int = 0, stop: int | None = None) -> torch.Tensor:
    """Phases (j + ½)/points in float64, or some of them."""
    return (torch.arange(start, points if stop is None else stop, dtype=torch.float64) + 0.5) / points


def relabel(codes: Indices) -> tuple[Indices, Indices]:
    """Distinct rows, and for each row the number of the one it is."""
    label = np.zeros(len(codes), dtype=np.int64)
    for column in codes.T:
        low, span = int(column.min()), int(column.max()) - int(column.min()) + 1
        if span * (int(label.max()) + 1) >= 2**62:  # too wide to combine: number what occurs
            column, low = np.unique(column, return_inverse=True)[1], 0
            span = int(column.max()) + 1
        label = label * span + (column - low)
        if int(label.max()) >= 2 * len(codes):
            label = np.unique(label, return_inverse=True)[1]
    _, first, cells = np.unique(label, return_index=True, return_inverse=True)
    return codes[first], cells


def known_source(name: str) -> edcurve.Source:
    """The source of that name, from which its optimum is taken."""
    return manifolds.find(name).source if manifolds.is_name(name) else KNOWN[name]()


def samples_of(waves: Signal) -> int | None:
    """T of a function on [0, 1]; None for what is in a space of its own."""
    return None if isinstance(waves, Circle | Measured) else waves.dim


def _both(source: str | edcurve.Source, samples: int) -> tuple[edcurve.Source, Signal]:
    """A source, and as it is seen by a compressor."""
    if isinstance(source, edcurve.SampledRamp):
        return source, signal("ramp", samples)
    name = source.name if isinstance(source, edcurve.Source) else manifolds.named(source)
    if name not in KNOWN and not manifolds.is_name(name):
        raise ValueError(
            f"source must be one of {', '.join(sorted(KNOWN))}, a file of points, or what edcurve_neural.from_samples "
            f"returns, got {source!r}"
        )
    return known_source(name), signal(name, samples)


def _realizations(waves: Signal, points: int, dtype: torch.dtype) -> Iterator[torch.Tensor]:
    size = max(1, CHUNK // waves.dim)
    for start in range(0, points, size):
        yield waves.sample(grid(points, start, min(start + size, points)).unsqueeze(0))[0].to(dtype)


def _caller(encode: Callable[[Any], Any], waves: Signal, dtype: torch.dtype, device: Any) -> Callable[..., Any]:
    """How to call the caller's functions: with tensors if `encode` takes them, else with arrays."""

    @torch.no_grad()
    def with_tensors(function: Callable[[Any], Any], value: torch.Tensor) -> Any:
        return function(value.to(device))

    def with_arrays(function: Callable[[Any], Any], value: torch.Tensor) -> Any:
        return function(value.numpy())

    trial = waves.sample(grid(2).unsqueeze(0))[0].to(dtype)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("error", ".*__array_wrap__", DeprecationWarning)  # of NumPy given tensors
            with_tensors(encode, trial)
    except Exception as error:  # a caller's function may raise anything; its own error is raised if arrays fail too
        try:
            with_arrays(encode, trial)
        except Exception:
            raise error from None
        return with_arrays
    return with_tensors


def _array(value: Any) -> NDArray[Any]:
    return value.detach().cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def _codes(value: Any, batch: int) -> Indices:
    codes = _array(value)
    if codes.dtype.kind not in "iu":
        raise TypeError(f"encode must return integers, got an array of dtype {codes.dtype}")
    if codes.ndim not in (1, 2) or len(codes) != batch or codes.size == 0:
        raise ValueError(f"encode must return shape ({batch}, latent) or ({batch},), got {codes.shape}")
    return codes.astype(np.int64)


def _finite(name: str, value: Any, shape: tuple[int, ...]) -> Coordinates:
    array = _array(value)
    if array.shape != shape:
        raise ValueError(f"{name} must return shape {shape}, got {array.shape}")
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{name} must return finite numbers, got {array[~np.isfinite(array)][0]}")
    return array.astype(np.float64)

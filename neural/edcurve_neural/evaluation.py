"""`evaluate`: a compressor measured against the optimum without sampling noise, and the parts of its excess."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, overload

import edcurve
import numpy as np
import torch
from edcurve.sources import SampledCurve, SampledLoop, SampledSurface, Surface, resolve
from edcurve.validation import warn
from numpy.typing import NDArray

from . import callers, manifolds, signals
from .callers.codec import Codec
from .data_evaluation import DIFFERENT, ROUNDING, DataEvaluation, evaluate_data, is_test_set
from .decomposition import Decomposition, FineDecomposition
from .moments import PhaseCells, distinct_rows, entropy_of, marginal_entropies
from .readout import Readout
from .signals import SAMPLES, signal
from .signals.base import Signal

Indices = NDArray[np.int64]
Coordinates = NDArray[np.float64]
POINTS = 2**20
REPEATED = 2**10  # most realizations that are encoded twice
FEW = 4  # least mean number of phases in a cell for accurate results
CHUNK = 2**24  # most numbers of realizations in a call of a user's function


@dataclass(frozen=True)
class Evaluation:
    """Rate, entropy and distortions of a compressor, integrated over the phase.

    Attributes
    ----------
    source : edcurve.Source
        The source from which the optimum is computed: for functions, that of a continuous argument, although the
        compressor sees samples. For measured points its ``status`` says whether the optimum is exact or an upper
        bound, which a compressor may beat; ``reason`` says why, and ``truncation`` bounds the error of distortions.
    samples : int or None
        Number T of samples of a function; None for the circle and for measured points.
    rate : float
        Mean bits under the compressor's own entropy model; the entropy if there is none.
    entropy : float
        Entropy of the indices, in bits.
    distortion : float
        Distortion with the compressor's decoder.
    distortion_centroid : float
        Distortion with cell means as reconstructions, the least of all decoders.
    entropy_marginals : float
        Sum of the marginal entropies of the latents of an index, in bits; `entropy` for one latent.
    distortion_readout : float or None
        Distortion with the best linear last layer on top of the decoder's other layers, by weighted least squares on
        cell means. None if the decoder's layers are unknown.
    cells : int
        Number of distinct indices.
    rank_floor : float or None
        For a trained compressor, the least distortion of any decoder with a last hidden layer of the same width.
    points : int
        Phases of the grid.
    """

    source: edcurve.Source
    samples: int | None
    rate: float
    entropy: float
    distortion: float
    distortion_centroid: float
    entropy_marginals: float
    distortion_readout: float | None
    cells: int
    rank_floor: float | None
    points: int

    def optimum(self, lmbda: float, *, sampled: bool = False) -> float:
        """Least H + λD over all partitions, in bits; for a surface its lower bound, `edcurve.lagrangian_bound`.

        Parameters
        ----------
        lmbda : float
            λ ≥ 0, in bits per unit distortion.
        sampled : bool
            Whether to use the optimum of the sampled source. For the ramp that is another source, with a lower optimum.

        Raises
        ------
        ValueError
            If the optimum of the sampled source is requested but unknown (the sawbridge).
        """
        if isinstance(self.source, Surface):
            return float(edcurve.lagrangian_bound(self.source, lmbda))
        return float(edcurve.lagrangian(self._reference() if sampled else self.source, lmbda).value)

    def left_open(self, lmbda: float) -> float:
        """Largest amount by which the least H + λD may exceed `optimum`, in bits: 0 for curves.

        For a surface it is the excess of the best known code over `optimum`, or NaN if no code is known.
        """
        if not isinstance(self.source, Surface):
            return 0.0
        try:
            return float(edcurve.lagrangian(self.source, lmbda).value) - self.optimum(lmbda)
        except ValueError:  # no codes of this source, or none with so many cells
            return math.nan

    def _reference(self) -> edcurve.Source:
        if self.source.name == "ramp":
            return edcurve.Ramp(samples=self.samples)
        if self.source.name == "sawbridge":
            raise ValueError("sampled must be False for the sawbridge: the optimum of its samples is not known")
        return self.source  # samples of the sinusoid have the same δ, and the circle has no samples

    def excess(self, lmbda: float, *, sampled: bool = False) -> float:
        """Excess of rate + λD over the optimum, in bits; arguments and errors as for `optimum`.

        It may be slightly negative: on the sampled ramp, compressors can be better than any on the continuous ramp.
        """
        return self.rate + lmbda * self.distortion - self.optimum(lmbda, sampled=sampled)

    @overload
    def decomposition(self, lmbda: float, *, sampled: bool = False, fine: Literal[False] = False) -> Decomposition: ...

    @overload
    def decomposition(self, lmbda: float, *, sampled: bool = False, fine: Literal[True]) -> FineDecomposition: ...

    def decomposition(
        self, lmbda: float, *, sampled: bool = False, fine: bool = False
    ) -> Decomposition | FineDecomposition:
        """The excess in three parts: rate − H, λ(D − D_centroid), and H + λ D_centroid above the optimum.

        With `fine`, the first is split into the cost of the latents' dependence and the remainder, and the second into
        the gain of the best last layer and the remainder: see `FineDecomposition`.

        For a surface, `left_open` bounds the share of the last part that is due to the unknown optimum.
        """
        partition = self.entropy + lmbda * self.distortion_centroid - self.optimum(lmbda, sampled=sampled)
        rate_loss, decoder_loss = self.rate - self.entropy, lmbda * (self.distortion - self.distortion_centroid)
        if not fine:
            return Decomposition(rate_loss, decoder_loss, partition)
        solved = math.nan if self.distortion_readout is None else self.distortion_readout
        dependence, readout = self.entropy_marginals - self.entropy, lmbda * (self.distortion - solved)
        return FineDecomposition(dependence, rate_loss - dependence, readout, decoder_loss - readout, partition)


@overload
def evaluate(
    encode: Callable[[Any], Any],
    decode: Callable[[Any], Any] | None,
    source: str | edcurve.Source,
    rate: Callable[[Any], Any] | float | None = None,
    *,
    data: None = None,
    samples: int = SAMPLES,
    points: int = POINTS,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
) -> Evaluation: ...


@overload
def evaluate(
    encode: Callable[[Any], Any],
    decode: Callable[[Any], Any] | None,
    source: Any,
    rate: Callable[[Any], Any] | float | None = None,
    *,
    data: Any = None,
    samples: int = SAMPLES,
    points: int = POINTS,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
) -> Evaluation | DataEvaluation: ...


def evaluate(
    encode: Callable[[Any], Any],
    decode: Callable[[Any], Any] | None,
    source: Any = None,
    rate: Callable[[Any], Any] | float | None = None,
    *,
    data: Any = None,
    samples: int = SAMPLES,
    points: int = POINTS,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
) -> Evaluation | DataEvaluation:
    """Evaluate a compressor: a pair of functions or of methods of a torch module, or a module that does both.

    It is measured over a source, by integration over the phase, or on a test set: ``evaluate(encode, decode, data)``
    or, for a known source, ``evaluate(encode, decode, source, data=data)``. No gradient is recorded.

    Parameters
    ----------
    encode : callable
        Maps realizations (batch, …) to indices (batch, …), deterministically: integers, or floats that are all whole
        numbers. The index of a realization consists of all its latents, such as (c, h, w) of (batch, c, h, w). If
        `decode` is None, it returns a dict with "x_hat" and "likelihoods", as modules of CompressAI do, or that pair.
        Cells are then the distinct reconstructions, and the rate is Σ −log₂ over all likelihoods of a realization: a
        tensor (batch, …), or a dict of tensors. With data it may also return a dict with "strings" and "shape", as
        ``compress`` of CompressAI does: the strings of a sample are its index, and their bits its rate.
    decode : callable or None
        Maps indices, in the type that `encode` returned, to reconstructions (batch, …). Over a source it is called with
        distinct indices. With strings it is called as ``decode(strings, shape)``.
    source : str or edcurve.Source, or data
        "ramp", "circle", "sinusoid", "sawbridge", "sphere", "torus" or "klein"; ``edcurve.Ramp(samples=T)``, to compare
        with the optimum of the sampled ramp; a source from ``edcurve.Source.from_samples`` or ``from_surface``; a file
        of points along a curve; or a name from `edcurve_neural.from_samples` or `from_file`. With `data`, any source.
        If it is data or None, the source is unknown.
    rate : callable or float, optional
        Bits of the entropy model for each index, shape (batch,) or (batch, 1), or their mean; by default those of the
        likelihoods, if any, else the entropy of the indices.
    data : array_like, Dataset, DataLoader, iterable of batches or path of a .npy, optional
        Samples (n, …). Batches may be tuples that begin with the samples. All are read once; only one batch is in
        memory at a time, with the sum of errors of each cell.
    samples : int
        Number T of samples t = i/T of sources that are functions.
    points : int
        The phases are (j + ½)/points. Boundaries of cells are resolved to within 1/points. With fewer than 4 phases for
        each cell, entropy and distortion are too low, and a warning says so.
    dtype, device
        Precision and device of the functions' tensors. Functions that do not accept tensors get numpy arrays.

    Returns
    -------
    Evaluation or, with data, DataEvaluation

    Raises
    ------
    ValueError
        For a source without realizations here; indices or reconstructions of the wrong shape; samples or indices of a
        shape that a function refuses; and reconstructions or rates that are infinite or NaN. For results that no code
        has: bits of distinct indices that violate Kraft's inequality, Σ 2^−bits ≤ 1 + 10⁻⁴, a mean below the entropy,
        and a negative one. For functions whose repeated calls differ in more than a thousandth of the indices or of the
        numbers of reconstructions, as with dropout and noise. For functions whose results change in another batch for
        more than 2 % of the samples, as with statistics of the batch; with data, also for a decoder that needs more
        than the indices.
    TypeError
        If the indices are not numbers, or a function returns several results.

    Warns
    -----
    UserWarning
        About few phases for the cells, and functions whose results change in another batch for more than a thousandth
        of the samples. With data also about a mean rate that may be in nats; gradients that a function records or
        batches hold; samples whose variance is not that of the source; and as `edcurve.measure` does.
    """
    if getattr(type(encode), "forward", None) is torch.nn.Module.forward:
        kind = type(encode).__name__
        raise TypeError(f"encode must be a function, or a module with forward, got {kind}: pass {kind}.encode, say")
    if data is None and is_test_set(source):
        source, data = None, source
    if data is not None:
        known_source = None if source is None else _source(source)
        return evaluate_data(encode, decode, data, rate, known_source, dtype=dtype, device=device)
    encoder, codec = encode, Codec(encode)
    encode, restore = (codec.encode, codec.decode) if decode is None else (encode, decode)
    reference, waves = _resolved(source, samples)
    check_points(points)
    call = callers.Caller(encode, waves.sample(grid(2).unsqueeze(0))[0].to(dtype), device, reference.name)
    _check_encoder(encode, call, waves, points, dtype, encoder)
    codes, returned = [], None
    for block in _realizations(waves, points, dtype):
        returned = call("encode", encode, block)
        codes.append(callers.codes(returned, len(block)))
    shape = codes[0].shape[1:]
    distinct, cells = distinct_rows(np.concatenate(codes).reshape(points, -1))
    if points < FEW * len(distinct):
        warn(
            f"points should be at least {FEW * len(distinct)}, {FEW} for each of the {len(distinct)} cells seen, got "
            f"{points}: entropy and distortion are too low, and the excess may be negative"
        )
    arguments = callers.as_returned(distinct.reshape(-1, *shape), returned)

    def reconstruct(block: slice | Indices) -> Coordinates:
        return callers.finite("decode", call("decode", restore, arguments[block]), (len(arguments[block]), waves.dim))

    _check_decoder(reconstruct, min(REPEATED, len(arguments)), encoder)
    bits: Coordinates | None
    rate = codec.rate if rate is None else rate
    if callable(rate):
        bits = callers.finite("rate", call("rate", rate, arguments), (len(distinct),))
        callers.check_lengths(bits)
    else:
        bits = None if rate is None else np.full(len(distinct), callers.mean_bits(rate))
    evaluation = evaluate_cells(waves, PhaseCells(cells, len(distinct)), distinct, reconstruct, bits, source=reference)
    if rate is not None:
        callers.check_mean_length(evaluation.rate, evaluation.entropy)
    return evaluation


def _check_encoder(
    encode: Callable[[Any], Any], call: callers.Caller, waves: Signal, points: int, dtype: torch.dtype, encoder: Any
) -> None:
    """Encode realizations twice, then in other batches; refuse different indices."""
    sample = waves.sample(grid(points)[:: -(-points // REPEATED)].unsqueeze(0))[0].to(dtype)
    moved, compared = callers.among_others(len(sample))

    def rows(x: torch.Tensor) -> Indices:
        return callers.codes(call("encode", encode, x), len(x)).reshape(len(x), -1)

    def differing(first: Indices, again: Indices) -> float:
        return float(np.mean((first != again).any(axis=1))) if first.shape == again.shape else 1.0

    first = rows(sample)
    different = differing(first, rows(sample))
    if different > DIFFERENT:
        raise ValueError(
            "encode must give the same indices when it is called again, got other ones for "
            f"{100.0 * different:.3g} % of {len(sample)} realizations: {callers.left_on(encoder)}"
        )
    rebatched = rows(sample[torch.from_numpy(moved)])[: len(compared)]
    callers.check_alike("encode", differing(first[compared], rebatched), encoder)


def _check_decoder(reconstruct: Callable[[Indices], Coordinates], count: int, encoder: Any) -> None:
    """Decode indices twice, then in other batches; refuse different reconstructions."""
    moved, compared = callers.among_others(count)
    first, again, rebatched = (reconstruct(cells) for cells in (np.arange(count), np.arange(count), moved))
    size = ROUNDING * math.sqrt(float(np.mean(first**2)))
    if float(np.mean(np.abs(again - first) > size)) > DIFFERENT:
        raise ValueError(
            "decode must give the same reconstructions when it is called again, got other ones: "
            f"{callers.left_on(encoder)}"
        )
    callers.check_alike("decode", float(np.mean(np.abs(rebatched[: len(compared)] - first[compared]) > size)), encoder)


def check_points(points: Any) -> None:
    """Refuse an invalid number of phases."""
    if isinstance(points, bool) or not isinstance(points, int) or points < 2:
        raise ValueError(f"points must be an integer, at least 2, got {points!r}")


def evaluate_cells(
    signal: Signal,
    cells: PhaseCells,
    indices: Indices,
    reconstruct: Callable[[slice], Coordinates],
    rate: Coordinates | None,
    *,
    readout: Callable[[Coordinates], Readout] | None = None,
    source: edcurve.Source | None = None,
    rank_floor: float | None = None,
    energy: float | None = None,
) -> Evaluation:
    """Evaluate a compressor by its cells on a grid of phases.

    Parameters
    ----------
    signal : Signal
        The sampled source.
    cells : PhaseCells
        The cells.
    indices : ndarray of int64, shape (cells, latents)
        Their indices.
    reconstruct : callable
        Maps a block of cells to their reconstructions, shape (cells, dim).
    rate : ndarray, shape (cells,), optional
        Code length of each cell in bits; by default the rate is the entropy.
    readout : callable, optional
        Takes the probabilities of the cells, and returns the fit of the best last layer of the decoder.
    source : edcurve.Source, optional
        The source of the optimum, if it is not that of the signal.
    rank_floor : float, optional
        As in `Evaluation`.
    energy : float, optional
        Mean of ‖x(v)‖² over the grid; computed by default.
    """
    probability = cells.sizes / len(cells.labels)
    entropy = entropy_of(probability)
    solved = None if readout is None else readout(probability)
    spread, offset = signal.mean_energy(cells.phases) if energy is None else energy, 0.0
    for block, means in signal.cell_means(cells):
        weight = probability[block]
        spread -= float(weight @ np.square(means).sum(axis=1))
        offset += float(weight @ np.square(reconstruct(block) - means).sum(axis=1))
        if solved is not None:
            solved.add(block, means)
    centroid = max(signal.weight * spread, 0.0)
    return Evaluation(
        source=signal.source if source is None else source,
        samples=signal.samples,
        rate=entropy if rate is None else float(probability @ rate),
        entropy=entropy,
        distortion=centroid + signal.weight * offset,
        distortion_centroid=centroid,
        entropy_marginals=entropy if indices.shape[1] == 1 else sum(marginal_entropies(indices, probability)),
        # the decoder's own layer is a candidate too
        distortion_readout=None if solved is None else centroid + signal.weight * min(solved.residual(), offset),
        cells=cells.count,
        rank_floor=rank_floor,
        points=len(cells.labels),
    )


def grid(points: int, start: int = 0, stop: int | None = None) -> torch.Tensor:
    """Phases (j + ½)/points in float64, for j from `start` to `stop`."""
    return (torch.arange(start, points if stop is None else stop, dtype=torch.float64) + 0.5) / points


def _source(source: Any) -> edcurve.Source:
    """The source of a test set: any source of the core package, or measured points."""
    source = manifolds.named(source)
    return (
        signal(source, SAMPLES).source
        if manifolds.is_name(source)
        else resolve(source, stationary=False, surfaces=True)
    )


def _resolved(source: str | edcurve.Source, samples: int) -> tuple[edcurve.Source, Signal]:
    """The source of the optimum, and the source as the compressor sees it."""
    if isinstance(source, edcurve.SampledRamp):
        return source, signal("ramp", source.samples)
    if isinstance(source, SampledLoop | SampledCurve):
        return source, signals.of_points(source.realizations(), closed=source.closed, label=source.name)
    if isinstance(source, SampledSurface) and not isinstance(source, edcurve.KleinBottle):
        return source, signals.of_surface(source)
    try:
        name = source.name if isinstance(source, edcurve.Source) else manifolds.named(source)
    except ValueError as error:
        raise ValueError(f"{error}; samples in no order are passed as data=") from None
    if not signals.is_built_in(name) and not manifolds.is_name(name):
        raise ValueError(
            f"source must be one of {signals.names()}, a file of points, or what edcurve.Source.from_samples, "
            f"edcurve.Source.from_surface or edcurve_neural.from_samples returns, got {signals.shown(source)}"
            + ("; with data= any source will do" if isinstance(source, edcurve.Source) else "")
        )
    waves = signal(name, samples)
    return waves.source, waves


def _realizations(waves: Signal, points: int, dtype: torch.dtype) -> Iterator[torch.Tensor]:
    size = max(1, CHUNK // waves.dim)
    for start in range(0, points, size):
        yield waves.sample(grid(points, start, min(start + size, points)).unsqueeze(0))[0].to(dtype)

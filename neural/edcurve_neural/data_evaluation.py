"""`DataEvaluation`: a compressor measured on a test set, batch by batch, against the optimum of its source."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import edcurve
import numpy as np
import torch
from edcurve import progress, validation
from edcurve.equality import ComparedByValue
from edcurve.sources import Surface
from edcurve.validation import warn
from edcurve.vectors.rate_distortion import least_lagrangian
from numpy.typing import NDArray
from scipy import sparse

from . import callers
from .callers import Coordinates, Indices
from .callers.codec import Codec, Coded, is_strings, parts, strings_of
from .decomposition import Decomposition

CONFIDENCE = 0.95
CHUNK = 2**22  # most numbers in a batch of an array
MOST_SUMS = 2**27  # most numbers in the sums of all cells; beyond it, centroids are not computed
LOW = 0.8  # share of the entropy below which a rate may be in nats
KEPT, KEPT_NUMBERS = 1024, 2**22  # most samples of an unknown source that are kept, and most numbers in them
CODEWORDS = 256  # initial size of a codebook
ENOUGH = 30  # least number of samples for checking a variance
DIFFERENT = 1e-3  # share of numbers that may differ by rounding when a batch is encoded again
ROUNDING = 1e-4  # relative change of reconstructions that rounding may cause


@dataclass(frozen=True, eq=False)
class DataEvaluation(ComparedByValue):
    """Rate, entropy and distortions of a compressor, estimated from a test set of n samples; everything is in bits.

    Attributes
    ----------
    source : edcurve.Source or None
        The source of the samples, if given.
    rate : float
        Mean bits under the compressor's own entropy model; the entropy if it has none.
    rate_interval : tuple of float
        Interval of 95 % for the rate, by the normal approximation.
    entropy, entropy_interval : float, tuple of float
        Bias-corrected entropy of the indices and its interval, as `edcurve.measure` estimates them.
    distortion, distortion_interval : float, tuple of float
        Distortion with the compressor's decoder, and its interval, as `edcurve.measure` estimates them.
    distortion_centroid : float
        Distortion with cell means as reconstructions, corrected for the bias of means of few samples. It may exceed
        `distortion` by noise. In cells of one sample the decoder is taken to be exact. NaN if there are too many cells
        to store their means.
    cells : int
        Number of distinct indices, or of distinct reconstructions for a module that returns these.
    count : int
        Number n of samples.
    dim : int
        Number of coordinates of a sample.
    weight : float
        The distortion is the sum of squared errors over the coordinates times this: 1, or 1/dim for sources whose
        distortion is a mean.
    covariance : ndarray, shape (2, 2)
        Estimated covariance of the errors of rate and distortion.
    kept : ndarray, shape (m, dim), or None
        For an unknown source, a random subset of the samples: 1024, or as many as have 2²² numbers.
    """

    source: edcurve.Source | None
    rate: float
    rate_interval: tuple[float, float]
    entropy: float
    entropy_interval: tuple[float, float]
    distortion: float
    distortion_interval: tuple[float, float]
    distortion_centroid: float
    cells: int
    count: int
    dim: int
    weight: float
    covariance: Coordinates = field(repr=False)
    kept: Coordinates | None = field(repr=False)

    @property
    def reference(self) -> str:
        """Description of `optimum`."""
        if self.kept is None:
            assert self.source is not None
            if isinstance(self.source, Surface):
                return f"lower bound: least H + λD of {self.source.name} over the sizes of cells alone"
            return f"least H + λD of {self.source.name}: {self.source.status}"
        return (
            f"lower bound for codes of {len(self.kept)} of the samples: their least I + λD (Shannon's R(D)); that of "
            "their source is on average no lower"
        )

    def optimum(self, lmbda: float) -> float:
        """Least H + λD over all codes of single samples, in bits, or a lower bound on it.

        `reference` says which. It is a bound for sources of several parameters, like spheres, and for an unknown one.
        The latter is Shannon's bound for the kept samples: see `edcurve.empirical_rate_distortion`. It is low for few
        samples of many dimensions, and never exceeds log₂ of their number.

        Parameters
        ----------
        lmbda : float
            λ ≥ 0, in bits per unit distortion.
        """
        if self.kept is None:
            assert self.source is not None
            if isinstance(self.source, Surface):
                return float(edcurve.lagrangian_bound(self.source, lmbda))
            return float(edcurve.lagrangian(self.source, lmbda).value)
        return _bound(self, lmbda)

    def ecvq(self, lmbda: float) -> float:
        """Rate + λD of a codebook, in bits: `edcurve.ecvq` of half of the kept samples, measured on the other half.

        A compressor with a larger rate + λD is worse than a table; one with less is better than a table from so few
        samples.

        Raises
        ------
        ValueError
            If the source is known, so that no samples are kept, or if there is one sample.
        """
        if self.kept is None or len(self.kept) < 2:
            raise ValueError("ecvq needs two samples or more of a source that is not known")
        training, test = self.kept[::2], self.kept[1::2]
        code = edcurve.ecvq(training, lmbda, codewords=min(CODEWORDS, len(training)))
        index = code.encode(test)
        return float(code.rate(index).mean() + lmbda * np.square(test - code.decode(index)).sum(axis=1).mean())

    def excess(self, lmbda: float) -> float:
        """Excess of rate + λD over `optimum`, in bits; negative by noise, or if the samples are of another source."""
        return self.rate + lmbda * self.distortion - self.optimum(lmbda)

    def excess_interval(self, lmbda: float) -> tuple[float, float]:
        """Interval of 95 % for the excess, by the normal approximation for rate + λD."""
        if self.count == 1:
            return -math.inf, math.inf
        weights = np.array([1.0, lmbda])
        reach = _z() * math.sqrt(max(float(weights @ self.covariance @ weights), 0.0))
        middle = self.excess(lmbda)
        return middle - reach, middle + reach

    def decomposition(self, lmbda: float) -> Decomposition:
        """The excess in three parts: rate − H, λ(D − D_centroid), and H + λ D_centroid above the optimum."""
        partition = self.entropy + lmbda * self.distortion_centroid - self.optimum(lmbda)
        return Decomposition(self.rate - self.entropy, lmbda * (self.distortion - self.distortion_centroid), partition)


@lru_cache(maxsize=16)
def _bound(evaluation: DataEvaluation, lmbda: float) -> float:
    assert evaluation.kept is not None
    return least_lagrangian(evaluation.kept, lmbda)[0]


def is_test_set(value: Any) -> bool:
    """Whether a value is samples: an array, a data set, or an iterable of batches, not a name or a source."""
    if isinstance(value, str | dict | edcurve.Source) or (isinstance(value, list | tuple) and _of_text(value)):
        return False
    return hasattr(value, "shape") or isinstance(value, torch.utils.data.Dataset | Iterable)


def _of_text(values: Any) -> bool:
    return any(isinstance(value, str) for value in values)


def evaluate_data(
    encode: Callable[[Any], Any],
    decode: Callable[[Any], Any] | None,
    data: Any,
    rate: Callable[[Any], Any] | float | None,
    source: edcurve.Source | None,
    *,
    dtype: torch.dtype,
    device: str | torch.device,
) -> DataEvaluation:
    """Evaluate a compressor on samples: see `edcurve_neural.evaluate`."""
    if decode is None and callable(rate):
        raise ValueError("rate must be None or a number where decode is None: bits are those of the likelihoods")
    mean_rate = None if rate is None or callable(rate) else callers.mean_bits(rate)
    run, totals = None, Totals(Reservoir() if source is None else None)
    shape: tuple[int, ...] = ()
    batches, total = _batches(data)
    with progress.bar("evaluating", total) as update:
        for batch in batches:
            sample = _sample(batch)
            if totals.count and math.prod(sample.shape[1:]) != totals.dim:
                shapes = " and ".join(map(callers.shape_of_batch, (shape, sample.shape)))
                raise ValueError(f"data must have batches of samples of one size, got {shapes}")
            if run is None:
                shape = sample.shape
                if callers.holds_gradients(batch):
                    warn("data should hold no gradients, which hold all that led to them in memory: detach() batches")
                run = _Run(encode, decode, rate, _caller(encode, sample, dtype, device), dtype)
                _check_repeatable(run, sample, encode)
            totals.add(sample, run(sample))
            update(totals.count, total or 0)
    if run is None:
        raise ValueError("data must have at least one sample, got none")
    return totals.result(mean_rate, source)


def _caller(encode: Any, sample: NDArray[Any], dtype: torch.dtype, device: str | torch.device) -> callers.Caller:
    """A caller tried with two samples or, if that fails, with the batch: its size may be the only one accepted."""
    if len(sample) > 2:
        with suppress(Exception):  # a user's function may raise anything; that of the batch is raised
            return callers.Caller(encode, _as_tensor(sample[:2], dtype), device)
    return callers.Caller(encode, _as_tensor(sample, dtype), device)


class _Run:
    """The compressor, applied to one batch."""

    def __init__(self, encode: Any, decode: Any, rate: Any, call: callers.Caller, dtype: torch.dtype) -> None:
        self.encode, self.decode, self.rate, self.call, self.dtype = encode, decode, rate, call, dtype
        self.codec = Codec(encode) if decode is None else None
        self.cells: dict[bytes, int] = {}

    def __call__(self, sample: NDArray[Any]) -> Coded:
        return self.coded(self.encoded(sample), sample.shape)

    def encoded(self, sample: NDArray[Any]) -> Any:
        """The result of the encoder for a batch."""
        return self.call("encode", self.encode, _as_tensor(sample, self.dtype))

    def coded(self, result: Any, shape: tuple[int, ...]) -> Coded:
        """A coded batch of this shape, from the result of the encoder."""
        if self.codec is not None:
            return self.codec.code(result, shape)
        if is_strings(result):
            return self._of_strings(result, shape)
        rows = np.ascontiguousarray(callers.codes(result, shape[0]).reshape(shape[0], -1))
        cell = self._numbers(row.tobytes() for row in rows)
        indices = (
            result if isinstance(result, torch.Tensor) else torch.from_numpy(callers.array(result, callers.OF_INDICES))
        )
        decoded = callers.finite("decode", self.call("decode", self.decode, indices), shape).reshape(shape[0], -1)
        bits = callers.finite("rate", self.call("rate", self.rate, indices), shape[:1]) if callable(self.rate) else None
        return Coded(cell, decoded, bits)

    def _of_strings(self, result: Any, shape: tuple[int, ...]) -> Coded:
        """A batch coded as byte strings, which are the indices of samples and give their bits."""
        strings = strings_of(result, shape[0])
        with torch.no_grad():
            decoded = self.decode(result["strings"], result.get("shape"))
        x_hat = parts(decoded)[0] if isinstance(decoded, dict) else decoded
        cell = self._numbers(
            b"".join(len(part).to_bytes(8, "little") + part for part in streams) for streams in strings
        )
        decoded = callers.finite("x_hat", x_hat, shape).reshape(shape[0], -1)
        return Coded(cell, decoded, np.array([8.0 * sum(map(len, streams)) for streams in strings]))

    def _numbers(self, keys: Iterable[bytes]) -> Indices:
        """A number for each index, in the order of appearance."""
        short = (blake2b(key, digest_size=16).digest() for key in keys)
        return np.array([self.cells.setdefault(key, len(self.cells)) for key in short], dtype=np.int64)


class Reservoir:
    """A uniform random subset of bounded size of all samples so far (Vitter 1985)."""

    def __init__(self) -> None:
        self.kept = np.zeros((0, 0))
        self.seen = 0
        self._generator = np.random.default_rng(0)

    def add(self, x: Coordinates) -> None:
        """Add samples, shape (n, dim)."""
        size = min(KEPT, max(2, KEPT_NUMBERS // x.shape[1]))
        self.kept = self.kept.reshape(-1, x.shape[1])
        free = size - len(self.kept)
        self.kept = np.concatenate([self.kept, x[: max(free, 0)]])
        remaining = x[max(free, 0) :]
        self.seen += len(x)
        slot = self._generator.integers(0, self.seen - len(remaining) + 1 + np.arange(len(remaining)))
        chosen = slot < size
        self.kept[slot[chosen]] = remaining[chosen]  # the last one if a slot recurs


class Totals:
    """Running totals over batches: labels, squared errors and bits of samples, and sums of errors of cells."""

    def __init__(self, reservoir: Reservoir | None) -> None:
        self.reservoir = reservoir
        self.labels: list[Indices] = []
        self.errors: list[Coordinates] = []
        self.bits: list[Coordinates] = []
        self.sums: Coordinates | None = np.zeros((0, 0))
        self.count, self.dim = 0, 0
        self.mean, self.spread = np.zeros(0), 0.0

    def add(self, sample: NDArray[Any], coded: Coded) -> None:
        """Add a batch."""
        x = sample.reshape(len(sample), -1).astype(np.float64)
        error = x - coded.reconstruction
        self.labels.append(coded.cell)
        self.errors.append(np.square(error).sum(axis=1))
        if coded.bits is not None:
            self.bits.append(coded.bits)
        if self.reservoir is not None:
            self.reservoir.add(x)
        self._add_variance(x)
        self._add_sums(error, coded.cell)

    def _add_variance(self, x: Coordinates) -> None:
        if not self.count:
            self.dim, self.mean = x.shape[1], np.zeros(x.shape[1])
        mean, before = x.mean(axis=0), self.count
        self.count += len(x)
        step = mean - self.mean
        self.spread += float(np.square(x - mean).sum() + before * len(x) / self.count * (step @ step))
        self.mean += step * (len(x) / self.count)

    def _add_sums(self, error: Coordinates, cell: Indices) -> None:
        if self.sums is None:
            return
        needed = int(cell.max()) + 1
        if needed * self.dim > MOST_SUMS:
            self.sums = None
            return
        if needed > len(self.sums):
            larger = np.zeros((max(needed, min(2 * len(self.sums), MOST_SUMS // self.dim)), self.dim))
            if self.sums.size:
                larger[: len(self.sums)] = self.sums
            self.sums = larger
        distinct, row = np.unique(cell, return_inverse=True)
        members = sparse.csr_array((np.ones(len(cell)), (row, np.arange(len(cell)))), shape=(len(distinct), len(cell)))
        self.sums[distinct] += np.asarray(members @ error)

    def result(self, rate: float | None, source: edcurve.Source | None) -> DataEvaluation:
        """The evaluation from all batches."""
        label, error = np.concatenate(self.labels), np.concatenate(self.errors)
        weight = 1.0 if source is None else _weight(source, self.spread / self.count, self.dim, self.count)
        error = error * weight
        measured = edcurve.measure(label, error, confidence=CONFIDENCE)
        size = np.bincount(label)
        if self.bits:
            least = np.full(len(size), np.inf)
            np.minimum.at(least, label, np.concatenate(self.bits))
            callers.check_lengths(least)
        if rate is not None:
            bits = np.full(self.count, rate)
        else:
            bits = np.concatenate(self.bits) if self.bits else -np.log2(size[label] / self.count)
        covariance = np.cov(bits, error) / self.count if self.count > 1 else np.full((2, 2), math.inf)
        mean, interval = measured.entropy, measured.entropy_interval
        if self.bits or rate is not None:
            mean = float(bits.mean())
            reach = _z() * math.sqrt(float(covariance[0, 0]))
            interval = (mean - reach, mean + reach)
        else:
            covariance[0, 0] = ((interval[1] - interval[0]) / (2.0 * _z())) ** 2
        if mean < LOW * measured.entropy_interval[0]:
            warn(
                f"rate should be at least the entropy of the indices, {measured.entropy:.6g} bits, as that of any code "
                f"is, got {mean:.6g}: is it in nats?"
            )
        return DataEvaluation(
            source=source,
            rate=mean,
            rate_interval=interval,
            entropy=measured.entropy,
            entropy_interval=measured.entropy_interval,
            distortion=measured.distortion,
            distortion_interval=measured.distortion_interval,
            distortion_centroid=measured.distortion - weight * self._decoder(label, size, error / weight),
            cells=measured.cells,
            count=self.count,
            dim=self.dim,
            weight=weight,
            covariance=covariance,
            kept=None if self.reservoir is None else self.reservoir.kept,
        )

    def _decoder(self, label: Indices, size: Indices, error: Coordinates) -> float:
        """Estimate the mean of ‖x̂ − centroid‖² from cells of two or more: ‖mean error‖² less its variance."""
        if self.sums is None:
            warn(
                f"the {len(size)} cells have too many numbers to hold their means ({len(size)} times {self.dim}, at "
                f"most {MOST_SUMS}): distortion_centroid is NaN"
            )
            return math.nan
        several = size > 1
        n = size[several]
        offset = np.square(self.sums[: len(size)][several]).sum(axis=1) / n**2
        square = np.bincount(label, error)[several]
        noise = np.maximum(square - n * offset, 0.0) / (n - 1) / n
        return float((n / self.count) @ (offset - noise))


def _weight(source: edcurve.Source, variance: float, dim: int, count: int) -> float:
    """1, or 1/dim if that brings the variance of the samples closer to D_max; warns if neither comes close."""
    weight = min(
        (1.0, 1.0 / dim), key=lambda candidate: abs(math.log(max(candidate * variance, 1e-300) / source.max_distortion))
    )
    ratio = weight * variance / source.max_distortion
    if count >= ENOUGH and not 0.5 < ratio < 2.0:
        warn(
            f"data should be samples of {source.name}, whose D_max is {source.max_distortion:.6g}, got a variance of "
            f"{variance:.6g} over {dim} coordinates: are they scaled, or of another source?"
        )
    return weight


def _copied(result: Any) -> Any:
    """A copy of what an encoder returned, since encoders may reuse their buffers."""
    if isinstance(result, torch.Tensor):
        return result.detach().clone()  # deepcopy refuses tensors that record gradients
    if type(result) in (list, tuple):
        return type(result)(map(_copied, result))
    return {key: _copied(value) for key, value in result.items()} if type(result) is dict else deepcopy(result)


def _check_repeatable(run: _Run, sample: NDArray[Any], encode: Any) -> None:
    """Code the first batch again, then in other batches, and then decode the first indices once more."""
    first_result, shape = run.encoded(sample), sample.shape
    if run.codec is None:
        first_result = _copied(first_result)
    first, (moved, compared) = run.coded(first_result, shape), callers.among_others(len(sample))

    def differing(again: Coded, place: Indices) -> float:
        """Share of the samples in other cells, or of the numbers with other reconstructions, whichever is larger."""
        count, before = len(place), first.reconstruction[place]
        far = np.abs(again.reconstruction[:count] - before) > ROUNDING * math.sqrt(float(np.mean(before**2)))
        # a codec's cells are determined by its reconstructions
        cells = 0.0 if run.codec is not None else float(np.mean(again.cell[:count] != first.cell[place]))
        return max(cells, float(np.mean(far)))

    same = np.arange(len(sample))
    if differing(run(sample), same) > DIFFERENT:
        raise ValueError(
            "encode and decode must give the same result for the same samples, got two results for the first "
            f"batch: {callers.left_on(encode)}"
        )
    callers.check_alike("encode and decode", differing(run(sample[moved]), compared), encode)
    if run.codec is None and differing(run.coded(first_result, shape), same) > DIFFERENT:
        raise ValueError(
            "decode must need nothing but the indices, got other reconstructions of the same indices after encode was "
            "called with other samples: what encode leaves for decode is not in the rate"
        )


def _batches(data: Any) -> tuple[Iterator[Any], int | None]:
    """Batches of the data, and the number of samples if known."""
    if isinstance(data, str | os.PathLike):
        data = _on_disk(data)
    if isinstance(data, list | tuple) and data and not hasattr(data[0], "shape") and not isinstance(data[0], dict):
        data = validation.as_array("data", data, "data must be numbers, got {what}")
    if hasattr(data, "shape"):
        array = (
            data
            if isinstance(data, torch.Tensor)
            else validation.as_array("data", data, "data must be numbers, got {what}")
        )
        if array.ndim == 0 or 0 in array.shape:
            raise ValueError(f"data must have shape (n, …) with at least one sample, got {tuple(array.shape)}")
        step = max(1, CHUNK // max(1, math.prod(array.shape[1:])))
        return (array[i : i + step] for i in range(0, len(array), step)), len(array)
    if isinstance(data, torch.utils.data.Dataset):
        data = torch.utils.data.DataLoader(data, batch_size=256)
    dataset: Any = getattr(data, "dataset", None)
    return _batches_of(data), len(dataset) if hasattr(dataset, "__len__") else None


def _batches_of(data: Iterable[Any]) -> Iterator[Any]:
    """Batches of an iterable; a DataLoader cannot combine samples of different shapes."""
    try:
        yield from data
    except RuntimeError as error:
        if not isinstance(data, torch.utils.data.DataLoader) or "equal size" not in str(error):
            raise
        raise ValueError(f"data must have samples of one size to make batches of: {error}") from error


def _on_disk(path: str | os.PathLike[str]) -> NDArray[Any]:
    """The array in a file, memory-mapped, so that only the current batch is read."""
    if not os.fspath(path).lower().endswith(".npy"):
        raise ValueError(f"data must be an array, batches, or the path of a .npy, got {os.fspath(path)!r}")
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))


def _sample(batch: Any) -> NDArray[Any]:
    """The samples of a batch, which may come with labels after them."""
    if isinstance(batch, list | tuple) and batch and hasattr(batch[0], "shape"):
        batch = batch[0]
    problem = "data must be batches of numbers, or of tuples that begin with them"
    if isinstance(batch, dict):
        named = ", ".join(map(repr, batch))
        raise TypeError(
            f"{problem}, got a dict with {named}: give (batch[{next(iter(batch), '')!r}] for batch in data)"
        )
    result = validation.as_array("data", batch, f"{problem}, got {{what}}")
    if result.dtype.kind not in "iuf" or result.ndim == 0:
        raise TypeError(f"{problem}, got {result.dtype} of shape {result.shape}")
    if not len(result) or not np.all(np.isfinite(result)):
        raise ValueError("data must be finite, with at least one sample in a batch")
    return result


def _as_tensor(sample: NDArray[Any], dtype: torch.dtype) -> torch.Tensor:
    array = np.ascontiguousarray(sample)  # memory-mapped arrays are read-only, for which torch would warn
    return torch.from_numpy(array if array.flags.writeable else array.copy()).to(dtype)


def _z() -> float:
    from scipy.special import ndtri

    return float(ndtri(0.5 + CONFIDENCE / 2.0))

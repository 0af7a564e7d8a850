"""Compressors for comparison: entropy-constrained vector quantization, linear transform coding, cells of the phase.

They are learned from realizations on a grid of phases or drawn at random, and evaluated like any other compressor:
``evaluate(code.encode, code.decode, source, code.rate, samples=code.samples)``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import edcurve
import numpy as np
import torch
from edcurve import validation
from edcurve.sources import Surface
from edcurve.vectors import errors
from edcurve.vectors.quantization import designed, nearest, positive
from numpy.typing import NDArray

from . import signals
from .signals import SAMPLES, signal

Array = NDArray[np.float64]
Indices = NDArray[np.int64]

STEPS = 40  # step sizes tried by transform coding
SQUARED = errors.resolve("squared", None, 0)


@dataclass(frozen=True, eq=False)
class VectorQuantizer:
    """A codebook with code lengths.

    Attributes
    ----------
    codebook : ndarray, shape (K, dim)
        Reconstructions.
    bits : ndarray, shape (K,)
        Ideal code lengths −log₂ p.
    lmbda : float
        λ in bits per unit distortion, the weight of the distortion in encoding.
    weight : float
        The distortion is the sum of squared errors times this.
    samples : int
        Number T of samples of a function on [0, 1].
    """

    codebook: Array
    bits: Array
    lmbda: float
    weight: float
    samples: int

    def encode(self, x: Any) -> Indices:
        """Index of least bits + λ · distortion, for realizations of shape (batch, dim)."""
        return nearest(_realizations(x), self.codebook, self.bits, self.lmbda * self.weight, SQUARED)

    def decode(self, index: Any) -> Array:
        """Codewords of indices of shape (batch,)."""
        return np.asarray(self.codebook[_index(index)])

    def rate(self, index: Any) -> Array:
        """Bits of indices of shape (batch,)."""
        return np.asarray(self.bits[_index(index)])


def ecvq(
    source: str, lmbda: float, *, codewords: int = 256, samples: int = SAMPLES, realizations: int = 8192, seed: int = 0
) -> VectorQuantizer:
    """Entropy-constrained vector quantization (Chou, Lookabaugh and Gray 1989); surplus codewords are merged.

    It is `edcurve.ecvq` of random realizations.

    Parameters
    ----------
    source : str
        "ramp", "circle", "sinusoid", "sawbridge", "sphere", "torus" or "klein".
    lmbda : float
        λ > 0, in bits per unit distortion.
    codewords : int
        Initial number of codewords, larger than needed.
    samples : int
        Number T of samples of a function on [0, 1].
    realizations : int
        Size of the training set.
    seed : int
        Seed of the training set and the initial codewords.

    Returns
    -------
    VectorQuantizer
    """
    positive("lmbda", lmbda)
    if not 1 <= codewords <= realizations:
        raise ValueError(f"codewords must be from 1 to the number of realizations, got {codewords}")
    generator = np.random.default_rng(seed)
    x, weight = _training_set(source, samples, generator.random(realizations))
    chosen = generator.choice(realizations, codewords, replace=False)
    unit = math.log(2.0)
    book, lengths = designed(x, np.ones(realizations), lmbda * weight * unit, SQUARED, x[chosen])
    return VectorQuantizer(book, lengths / unit, lmbda, weight, samples)


@dataclass(frozen=True, eq=False)
class TransformCode:
    """Linear transform coding: coefficients of the KLT, rounded to multiples of a step, each with its own code.

    Attributes
    ----------
    mean : ndarray, shape (dim,)
        Mean realization.
    basis : ndarray, shape (m, dim)
        Orthonormal rows.
    step : float
        Step of the quantizer of every coefficient.
    low : ndarray of int, shape (m,)
        Least index of each coefficient.
    values, bits : list of m ndarrays
        For each index of each coefficient, its reconstruction and its ideal code length.
    samples : int
        Number T of samples of a function on [0, 1].
    """

    mean: Array
    basis: Array
    step: float
    low: Indices
    values: list[Array]
    bits: list[Array]
    samples: int

    def encode(self, x: Any) -> Indices:
        """Indices, shape (batch, m), of realizations of shape (batch, dim)."""
        rounded = np.rint((_realizations(x) - self.mean) @ self.basis.T / self.step)
        high = self.low + np.array([len(part) - 1 for part in self.values])
        return np.asarray(np.clip(rounded, self.low, high), dtype=np.int64)

    def decode(self, index: Any) -> Array:
        """Reconstructions of indices of shape (batch, m)."""
        return np.asarray(self.mean + self._looked_up(self.values, index) @ self.basis)

    def rate(self, index: Any) -> Array:
        """Bits of indices of shape (batch, m): the sum of the code lengths of the coefficients."""
        return np.asarray(self._looked_up(self.bits, index).sum(axis=1))

    def _looked_up(self, tables: list[Array], index: Any) -> Array:
        shifted = _index(index) - self.low
        return np.stack([table[shifted[:, j]] for j, table in enumerate(tables)], axis=1)


def transform_coding(
    source: str, lmbda: float, *, samples: int = SAMPLES, components: int = 64, realizations: int = 16384
) -> TransformCode:
    """Linear transform coding (KLT), with the step of least rate + λD among several.

    Parameters
    ----------
    source : str
        "ramp", "circle", "sinusoid", "sawbridge", "sphere", "torus" or "klein".
    lmbda : float
        λ > 0, in bits per unit distortion.
    samples : int
        Number T of samples of a function on [0, 1].
    components : int
        Largest number of coded coefficients.
    realizations : int
        Phases of the grid from which covariance and code lengths are learned.

    Returns
    -------
    TransformCode
    """
    positive("lmbda", lmbda)
    x, weight = _training_set(source, samples, (np.arange(realizations) + 0.5) / realizations)
    mean = x.mean(axis=0)
    variance, vectors = np.linalg.eigh((x - mean).T @ (x - mean) / realizations)
    kept = np.flatnonzero(variance > 1e-12 * variance[-1])[::-1][:components]
    basis = vectors[:, kept].T
    coefficients = (x - mean) @ basis.T
    residual = float(variance.sum() - variance[kept].sum())
    widest = math.sqrt(12.0 * float(variance[-1]))
    best, code = math.inf, None
    for step in np.geomspace(2.0 * widest, widest / 256.0, STEPS).tolist():
        low, values, bits, cost = _rounded(coefficients, step, lmbda * weight)
        if cost + lmbda * weight * residual < best:
            best = cost + lmbda * weight * residual
            code = TransformCode(mean, basis, step, low, values, bits, samples)
    assert code is not None
    return code


def _rounded(coefficients: Array, step: float, scale: float) -> tuple[Indices, list[Array], list[Array], float]:
    """Least index, reconstructions and code lengths of every coefficient, and their rate + λD."""
    index = np.rint(coefficients / step).astype(np.int64)
    low = index.min(axis=0)
    values, bits, cost = [], [], 0.0
    for j, column in enumerate((index - low).T):
        count = np.bincount(column).astype(np.float64)
        share = np.maximum(count, 0.5) / len(column)  # indices that did not occur have a length too
        sums = np.bincount(column, coefficients[:, j])
        middle = (np.arange(len(count)) + low[j]) * step
        value = np.where(count > 0.0, sums / np.maximum(count, 1.0), middle)
        length = -np.log2(share)
        error = np.sum((coefficients[:, j] - value[column]) ** 2) / len(column)
        cost += float(count @ length / len(column) + scale * error)
        values.append(value)
        bits.append(length)
    return low, values, bits, cost


@dataclass(frozen=True, eq=False)
class PhaseQuantizer:
    """K equal cells of the phase, computed from the realization, and their centroids.

    Attributes
    ----------
    source : edcurve.Source
        The source.
    cells : int
        Number K of cells.
    samples : int
        Number T of samples of a function on [0, 1].
    """

    source: edcurve.Source
    cells: int
    samples: int

    def encode(self, x: Any) -> Indices:
        """Index of the cell, shape (batch,), of realizations of shape (batch, dim)."""
        phase = self.source.phase(_realizations(x))
        return np.minimum(np.floor(phase * self.cells).astype(np.int64), self.cells - 1)

    def decode(self, index: Any) -> Array:
        """Centroids of cells, indices of shape (batch,)."""
        start = _index(index) / self.cells
        return self.source.centroid(start, np.full(start.shape, 1.0 / self.cells), self.samples)

    def rate(self, index: Any) -> Array:
        """Bits of indices of shape (batch,): log₂ K each."""
        return np.full(len(_index(index)), math.log2(self.cells))


def phase_quantizer(source: str, lmbda: float, *, samples: int = SAMPLES) -> PhaseQuantizer:
    """Uniform scalar quantization of the phase, with the best K by `edcurve.lagrangian`.

    It requires the manifold to be known, and attains the optimum up to errors of the phase from samples.

    Parameters
    ----------
    source : str
        "ramp", "circle", "sinusoid" or "sawbridge": a curve.
    lmbda : float
        λ > 0, in bits per unit distortion.
    samples : int
        Number T of samples of a function on [0, 1].

    Returns
    -------
    PhaseQuantizer
    """
    positive("lmbda", lmbda)
    core = signals.source_of(_name(source))
    if isinstance(core, Surface):
        raise ValueError(f"source must be a curve, whose phase is one number, got {source!r}: see edcurve.quantizer")
    return PhaseQuantizer(core, int(edcurve.lagrangian(core, lmbda).cells), samples)


def _realizations(x: Any) -> Array:
    return validation.as_array("x", x, "x must be realizations, got {what}").astype(np.float64, copy=False)


def _index(index: Any) -> Indices:
    return validation.integers("index", index, "index must be of integers")


def _training_set(source: str, samples: int, phases: Array) -> tuple[Array, float]:
    waves = signal(_name(source), samples)
    return waves.sample(torch.from_numpy(phases).unsqueeze(0))[0].numpy(), waves.weight


def _name(source: str) -> str:
    if not signals.is_built_in(source):
        raise ValueError(f"source must be one of {signals.names()}, got {_no_source(source)}")
    return source


def _no_source(source: Any) -> str:
    shape = getattr(source, "shape", None)
    return repr(source) if shape is None else f"an array of shape {tuple(shape)}; edcurve.ecvq takes points"

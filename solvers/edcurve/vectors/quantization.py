"""`ecvq`: entropy-constrained vector quantization of weighted vectors, of any dimension and with an error of choice."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from edcurve import progress, validation
from edcurve.equality import ComparedByValue

from . import errors
from .errors import Array, Error, Ints

ROUNDS = 200  # most rounds of assignment and update
GAIN = 1e-9  # relative decrease of H + λD below which a codebook has converged
AT_ONCE = 2**22  # errors in memory at a time


@dataclass(frozen=True, eq=False)
class VectorQuantizer(ComparedByValue):
    """A codebook with code lengths, and its entropy and distortion on its training vectors.

    Attributes
    ----------
    codebook : ndarray, shape (K, dim)
        Reconstructions.
    lengths : ndarray, shape (K,)
        Ideal code lengths −log p, in units of `base`.
    lmbda : float
        λ in units of `base` per unit error, the weight of the error in encoding.
    base : float
        Base of the logarithm.
    entropy, distortion, value : float
        Mean length and mean error of the vectors, and length + λ · error.
    scalar : bool
        Whether vectors are scalars, so that `decode` returns scalars.
    error, origin
        The error, and the vector that is subtracted before errors are computed.
    """

    codebook: Array
    lengths: Array
    lmbda: float
    base: float
    entropy: float
    distortion: float
    value: float
    scalar: bool
    error: Error = field(repr=False)
    origin: Array = field(repr=False)

    def encode(self, x: ArrayLike) -> Ints:
        """Index of least length + λ · error, for vectors of shape (n, dim), or (n,) for scalars."""
        table = validation.as_array("x", x, "x must be vectors, got {what}").astype(np.float64, copy=False)
        if table.ndim == 1 and self.codebook.shape[1] == 1:
            table = table[:, None]
        if table.ndim != 2 or table.shape[1] != self.codebook.shape[1]:
            raise ValueError(f"x must be of shape (n, {self.codebook.shape[1]}), got {table.shape}")
        return nearest(table - self.origin, self.codebook - self.origin, self.lengths, self.lmbda, self.error)

    def decode(self, index: ArrayLike) -> Array:
        """Codewords of indices of shape (n,)."""
        words = self.codebook[validation.integers("index", index, "index must be of integers")]
        return np.asarray(words[..., 0] if self.scalar else words)

    def rate(self, index: ArrayLike) -> Array:
        """Code lengths of indices of shape (n,)."""
        return np.asarray(self.lengths[validation.integers("index", index, "index must be of integers")])

    def __repr__(self) -> str:
        numbers = f"entropy {self.entropy:.6g}, distortion {self.distortion:.6g}, value {self.value:.6g}"
        return f"<VectorQuantizer of {len(self.codebook)} codewords, λ = {self.lmbda:g}: {numbers}>"


def ecvq(
    points: ArrayLike,
    lmbda: float,
    *,
    weights: ArrayLike | None = None,
    error: str | Callable[[Array, Array], Any] = "squared",
    reproductions: ArrayLike | None = None,
    codewords: int = 256,
    seed: int = 0,
    base: float = 2,
) -> VectorQuantizer:
    """Entropy-constrained vector quantization of weighted vectors: a code of low H + λD.

    Assignment and update are iterated to convergence [1]_, from randomly drawn vectors as codewords. Then pairs of
    cells whose union has a lower H + λD are merged, and both steps are repeated until there is no such pair. The
    iteration alone keeps superfluous codewords: started with twice the right number, it ends well above the optimum.
    The result is a local optimum, so its value is an upper bound on the least H + λD of the vectors. On new vectors the
    code is worse, and the more so the more cells it has.

    Parameters
    ----------
    points : array_like, shape (n,) or (n, dim)
        Finite vectors.
    lmbda : float
        λ > 0, in units of `base` per unit error.
    weights, error, reproductions
        As in `empirical_rate_distortion`. The codeword of a cell is its mean, the median or the mode of each
        coordinate, or the best of the reproductions.
    codewords : int
        Initial number of codewords, more than needed. At most n are used.
    seed : int
        Seed of the first codewords.
    base : float
        Base of the logarithm, above 1.

    Returns
    -------
    VectorQuantizer

    Raises
    ------
    ValueError, TypeError
        For invalid arguments, named in the message.

    References
    ----------
    .. [1] P. A. Chou, T. Lookabaugh and R. M. Gray, "Entropy-constrained vector quantization", IEEE Trans. Acoust.,
       Speech, Signal Processing 37 (1989), 31–42.

    Examples
    --------
    >>> import numpy as np
    >>> from edcurve.vectors.quantization import ecvq
    >>> code = ecvq(np.array([[0.0, 0.0], [0.1, 0.0], [5.0, 5.0], [5.1, 5.0]]), 1.0)
    >>> len(code.codebook), round(code.entropy, 3), round(code.distortion, 4)
    (2, 1.0, 0.0025)
    """
    unit = validation.log_base(base)
    table, weight, scalar = errors.points(points, weights)
    table, rule, origin = errors.resolve(error, reproductions, table.shape[1]).about(table, weight)
    scale = positive("lmbda", lmbda)
    count = min(validation.positive_int("codewords", codewords), len(table))
    generator = np.random.default_rng(seed)
    equal = bool((weight == weight[0]).all())
    chosen = generator.choice(len(table), count, replace=False, p=None if equal else weight / weight.sum())
    book, lengths = designed(table, np.ones(len(table)) if equal else weight, scale * unit, rule, table[chosen])
    label = nearest(table, book, lengths, scale * unit, rule)
    share = np.bincount(label, weight, len(book)) / weight.sum()
    entropy = float(share @ lengths) / unit
    distortion = float(weight @ _own(table, book, label, rule)) / float(weight.sum())
    value = entropy + scale * distortion
    words = book + origin
    return VectorQuantizer(words, lengths / unit, scale, base, entropy, distortion, value, scalar, rule, origin)


def positive(name: str, value: Any) -> float:
    """Check that a number is above 0 and finite."""
    number = math.nan if isinstance(value, float) and math.isnan(value) else validation.real(name, value)
    if not 0.0 < number < math.inf:
        raise ValueError(f"{name} must be above 0 and finite, got {value!r}")
    return number


def designed(x: Array, weight: Array, lmbda: float, error: Error, book: Array) -> tuple[Array, Array]:
    """Codewords and lengths in nats from initial codewords; λ in nats."""
    lengths = np.full(len(book), math.log(len(book)))
    value = math.inf
    with progress.bar("vector quantization", None) as update:
        for done in range(ROUNDS):
            label = nearest(x, book, lengths, lmbda, error)
            book, lengths, cost = _updated(x, weight, label, lmbda, error)
            update(done + 1, 0)
            if value - cost > GAIN * (1.0 + abs(cost)):
                value = cost
                continue
            merged = _merged(x, weight, label, book, lmbda, error)
            if merged is None:
                break
            book, lengths, _ = _updated(x, weight, merged, lmbda, error)
            value = math.inf
    return book, lengths


def nearest(x: Array, book: Array, lengths: Array, lmbda: float, error: Error) -> Ints:
    """Index of least length + λ · error for each vector."""
    rows = max(1, AT_ONCE // len(book))
    blocks = (x[i : i + rows] for i in range(0, len(x), rows))
    if error.name == "squared":  # ‖x‖² is the same for all codewords
        offsets = lengths + lmbda * np.sum(book**2, axis=1)
        parts = [np.argmin(offsets - 2.0 * lmbda * (block @ book.T), axis=1) for block in blocks]
    else:
        parts = [np.argmin(lengths + lmbda * error.distances(block, book), axis=1) for block in blocks]
    return np.concatenate([np.empty(0, dtype=np.int64), *parts])


def _own(x: Array, book: Array, label: Ints, error: Error) -> Array:
    """Error of each vector from its codeword."""
    if error.name == "squared":
        return np.asarray(np.square(x - book[label]).sum(axis=1))
    rows = max(1, AT_ONCE // len(book))
    blocks = range(0, len(x), rows)
    parts = [
        error.distances(x[i : i + rows], book)[np.arange(len(x[i : i + rows])), label[i : i + rows]] for i in blocks
    ]
    return np.concatenate(parts)


def _updated(x: Array, weight: Array, label: Ints, lmbda: float, error: Error) -> tuple[Array, Array, float]:
    """Codewords and lengths of the nonempty cells, and their H + λD."""
    used, cell = np.unique(label, return_inverse=True)
    share = np.bincount(cell, weight) / weight.sum()
    book, lengths = error.centres(x, weight, cell, len(used)), -np.log(share)
    return book, lengths, float(share @ lengths) + lmbda * float(weight @ _own(x, book, cell, error)) / weight.sum()


def _merged(x: Array, weight: Array, label: Ints, book: Array, lmbda: float, error: Error) -> Ints | None:
    """Labels after merging disjoint pairs of cells whose union costs less, best pairs first; None without such a pair.

    ``book`` has the codewords of the labels that occur.
    """
    used, cell = np.unique(label, return_inverse=True)
    share = np.bincount(cell, weight) / weight.sum()
    union = share[:, None] + share
    logs = share * np.log(share)
    gain = (union * np.log(union) - logs[:, None] - logs) - lmbda * _loss(x, weight, cell, book, share, error)
    first, second = np.triu_indices(len(used), 1)
    order = np.argsort(-gain[first, second])
    target, merged = np.arange(len(used)), np.zeros(len(used), dtype=bool)
    for i in order.tolist():
        a, b = int(first[i]), int(second[i])
        if gain[a, b] <= 1e-12:
            break
        if not (merged[a] or merged[b]):
            target[b], merged[a], merged[b] = a, True, True
    return np.asarray(target[cell]) if merged.any() else None


def _loss(x: Array, weight: Array, cell: Ints, book: Array, share: Array, error: Error) -> Array:
    """Increase of the mean error when two cells are merged, or when the better of their codewords serves both."""
    if error.name == "squared" and error.candidates is None:
        squares = np.sum(book**2, axis=1)
        distance = np.maximum(squares[:, None] + squares - 2.0 * book @ book.T, 0.0)
        return np.asarray(share[:, None] * share / (share[:, None] + share) * distance)
    cost = np.zeros((len(book), len(book)))
    rows = max(1, AT_ONCE // len(book))
    for i in range(0, len(x), rows):
        np.add.at(cost, cell[i : i + rows], weight[i : i + rows, None] * error.distances(x[i : i + rows], book))
    extra = (cost - np.diag(cost)[:, None]) / weight.sum()
    return np.asarray(np.minimum(extra, extra.T))

"""Calls of users' functions, of tensors or of arrays, and checks of their results."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from edcurve import validation
from edcurve.validation import warn
from numpy.typing import NDArray

Indices = NDArray[np.int64]
Coordinates = NDArray[np.float64]


class Caller:
    """Calls functions with tensors on a device or with arrays, without recording gradients.

    Functions get copies, which they may change in place.

    Parameters
    ----------
    function : callable
        The encoder. If it accepts tensors, functions are called with tensors, else with arrays.
    trial : torch.Tensor
        Input of the trial.
    device : str or torch.device
        Device of the tensors.
    source : str, optional
        Name of the source of the encoder's realizations; None if these are the user's data.

    Raises
    ------
    ValueError
        Here and in calls, for a function's errors about shapes. Other errors are passed on.

    Warns
    -----
    UserWarning
        Once, if a function records gradients in spite of no_grad.
    """

    def __init__(
        self, function: Callable[[Any], Any], trial: torch.Tensor, device: str | torch.device, source: str | None = None
    ) -> None:
        self.device, self.source, self.tensors, self._warned = device, source, True, False
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("error", ".*__array_wrap__", DeprecationWarning)  # of NumPy given tensors
                self._with_tensors(function, trial)
        except Exception as error:  # a user's function may raise anything; this error is raised if arrays fail too
            self.tensors = False
            try:
                function(trial.numpy().copy())
            except Exception as other:  # unless it is about shapes, the error with tensors is more informative
                for problem in (error, other):
                    if _is_of_shapes(problem):
                        raise self._refusal("encode", function, trial, problem) from problem
                error.add_note(f"called with a tensor of shape {tuple(trial.shape)}")
                raise error from None

    def __call__(self, name: str, function: Callable[[Any], Any], value: torch.Tensor) -> Any:
        """The function's result for a value; `name` (encode, decode or rate) is for messages."""
        try:
            result = self._with_tensors(function, value) if self.tensors else function(value.numpy().copy())
        except Exception as error:  # a user's function may raise anything; errors not about shapes are passed on
            if _is_of_shapes(error):
                raise self._refusal(name, function, value, error) from error
            raise
        if not self._warned and holds_gradients(result):
            self._warned = True
            warn(
                f"{getattr(function, '__name__', type(function).__name__)} records gradients, which hold all that led "
                "to them in memory: leave out enable_grad in it"
            )
        return result

    @torch.no_grad()
    def _with_tensors(self, function: Callable[[Any], Any], value: torch.Tensor) -> Any:
        return function(value.to(self.device, copy=True))

    def _refusal(self, name: str, function: Any, value: torch.Tensor, error: Exception) -> ValueError:
        shape, layer = shape_of_batch(tuple(value.shape)), _taken_by(function)
        text = str(error).strip().split("\n")[0]
        if name == "encode" and self.source is None:
            allowed = f", of shape {layer} by its first layer" if layer else ""
            problem = f"data must have samples that encode takes{allowed}, got {shape}"
            return ValueError(f"{problem} for n samples: {text}")
        argument = (
            "what encode returns" if self.source is None or name != "encode" else f"realizations of {self.source}"
        )
        allowed = f", but its first layer takes {layer}" if layer else ""
        return ValueError(f"{name} must take {argument}, of shape {shape}{allowed}: {text}")


def shape_of_batch(shape: tuple[int, ...]) -> str:
    """Write a shape with n for the number of samples: (n, 28, 28)."""
    return f"(n{''.join(f', {size}' for size in shape[1:])})" if len(shape) > 1 else "(n,)"


def _is_of_shapes(error: Exception) -> bool:
    """Whether a function's error is about shapes, judging by its words."""
    return type(error) in (RuntimeError, ValueError, IndexError) and OF_SHAPES.search(str(error)) is not None


def _taken_by(function: Any) -> str:
    """The shape of a batch for the first layer of a module, or "" if unknown."""
    owner = getattr(function, "__self__", function)
    if not isinstance(owner, torch.nn.Module):
        owner = getattr(owner, "forward", owner)
    owner = getattr(owner, "__self__", owner)
    if isinstance(owner, torch.nn.Module):
        for layer in owner.modules():
            if isinstance(layer, torch.nn.Linear):
                return f"(n, …, {layer.in_features})"
            if isinstance(layer, torch.nn.Conv1d | torch.nn.Conv2d | torch.nn.Conv3d):
                return f"(n, {', '.join([str(layer.in_channels), *'dhw'[-len(layer.kernel_size) :]])})"
    return ""


def holds_gradients(value: Any) -> bool:
    """Whether a tensor, or one in a dict, a list or a tuple, has a graph of autograd."""
    if isinstance(value, dict):
        return any(map(holds_gradients, value.values()))
    if isinstance(value, list | tuple):
        return any(map(holds_gradients, value))
    return getattr(value, "grad_fn", None) is not None


def array(value: Any, wanted: str) -> NDArray[Any]:
    """The result of a user's function as an array; `wanted` begins the message."""
    if isinstance(value, tuple) and any(np.ndim(part) for part in value if hasattr(part, "shape")):
        kinds = ", ".join(type(part).__name__ for part in value)
        raise TypeError(f"{wanted}, got {len(value)} results ({kinds}): return that alone")
    if isinstance(value, dict):
        remedy = next((text for name, text in OF_DICTS.items() if name in value), "return that alone")
        raise TypeError(f"{wanted}, got a dict with {', '.join(map(str, value))}: {remedy}")
    return validation.as_array("result", value, f"{wanted}, got {{what}}")


def codes(value: Any, batch: int) -> Indices:
    """Indices from `encode` for a batch, in their shape; latents (batch, c, h, w) of a sample are one index."""
    result = validation.integers("indices", array(value, OF_INDICES), OF_INDICES, "; round the latents")
    if result.ndim == 0 or len(result) != batch or result.size == 0:
        raise ValueError(
            f"encode must return shape ({batch}, latent) or ({batch},), got {result.shape}: the first axis of a batch "
            "counts its samples"
        )
    return result


def as_returned(indices: Indices, result: Any) -> torch.Tensor:
    """Indices as a tensor of the type of an encoder's result: floats if it rounds without converting."""
    kind = result.dtype if hasattr(result, "dtype") else array(result, OF_INDICES).dtype
    if isinstance(kind, torch.dtype):
        return torch.from_numpy(indices).to(kind if kind.is_floating_point else torch.int64)
    return torch.from_numpy(indices.astype(kind) if getattr(kind, "kind", "i") == "f" else indices)


def finite(name: str, value: Any, shape: tuple[int, ...]) -> Coordinates:
    """A function's result, checked to be finite numbers of this shape; for (n,), shape (n, 1) is allowed."""
    verb = "have" if name == "x_hat" else "return"
    numbers = array(value, f"{name} must {verb} numbers")
    if numbers.dtype.kind not in "iuf":
        raise TypeError(f"{name} must {verb} numbers, got an array of dtype {numbers.dtype}")
    if numbers.shape != shape:
        if len(shape) != 1 or numbers.shape != (*shape, 1):
            remedy = ""
            if name == "rate" and numbers.shape[:1] == shape:  # bits of each latent, as from entropy models
                remedy = ": sum over the other axes, as bits.reshape(len(bits), -1).sum(1) does"
            raise ValueError(f"{name} must {verb} shape {shape}, got {numbers.shape}{remedy}")
        numbers = numbers[:, 0]
    if not np.all(np.isfinite(numbers)):
        raise ValueError(f"{name} must {verb} finite numbers, got {numbers[~np.isfinite(numbers)][0]}")
    return numbers.astype(np.float64)


def bits(value: Any, batch: int) -> Coordinates:
    """Σ −log₂ of the likelihoods of each sample: a tensor (batch, …), or a dict or list of these."""
    if isinstance(value, dict | list | tuple):
        parts = list(value.values()) if isinstance(value, dict) else list(value)
        return np.asarray(sum((bits(part, batch) for part in parts), np.zeros(batch)))
    likelihoods = array(value, "likelihoods must be tensors, or a dict of them")
    if likelihoods.dtype.kind != "f" or likelihoods.ndim == 0 or len(likelihoods) != batch:
        raise ValueError(
            f"likelihoods must be floats of shape ({batch}, …), got {likelihoods.dtype} of shape {likelihoods.shape}"
        )
    flat = likelihoods.reshape(batch, -1).astype(np.float64)
    if not np.all((flat > 0.0) & (flat <= 1.0 + LIKELY)):
        bad = flat[~((flat > 0.0) & (flat <= 1.0 + LIKELY))][0]
        raise ValueError(f"likelihoods must be above 0 and at most 1, got {bad}: are they logarithms?")
    return np.asarray(-np.log(flat).sum(axis=1) / math.log(2.0))


def check_lengths(bits: Coordinates) -> None:
    """Refuse bits of distinct indices that violate Kraft's inequality, Σ 2^−bits ≤ 1."""
    total = float(np.exp2(-bits).sum())
    if total > 1.0 + KRAFT:
        nats = float(np.exp(-bits).sum()) <= 1.0 + KRAFT
        raise ValueError(
            "rate must be the bits of a code, whose Σ 2^−bits over distinct indices is at most 1 (Kraft's inequality), "
            f"got {total:.6g} over the {len(bits)} seen" + (": it is possible if they are in nats" if nats else "")
        )


def mean_bits(value: Any) -> float:
    """A mean number of bits as a checked argument."""
    rate = validation.real("rate", value)
    if not 0.0 <= rate < math.inf:
        raise ValueError(f"rate must be a finite number of bits, at least 0, got {rate:g}")
    return rate


def among_others(count: int) -> tuple[Indices, Indices]:
    """Indices of the samples of another batch of the same size, and of those to be compared.

    Compared are the first half of the batch, in reverse order. Copies of one of them fill the batch, so that the others
    change their places and the statistics of the batch.
    """
    half = np.arange((count + 1) // 2)[::-1]
    return np.pad(half, (0, count - len(half)), constant_values=len(half) // 3), half


def check_alike(name: str, different: float, function: Any) -> None:
    """Refuse functions whose results for a sample depend on its batch, or warn if only a small share does."""
    if different > SURE:
        raise ValueError(
            f"{name} must give a sample the same result in any batch, got other results for {100.0 * different:.3g} % "
            f"in another batch: what the batch tells about a sample is not in the rate; {left_on(function)}"
        )
    if different > SELDOM:
        warn(
            f"{name} should give a sample the same result in any batch, got other results for {100.0 * different:.3g} "
            f"% in another batch. Entropy and distortion are not quite those of a code"
        )


def check_mean_length(rate: float, entropy: float) -> None:
    """Refuse a mean number of bits below the entropy of the indices, which no code attains."""
    if rate < entropy - math.log2(1.0 + KRAFT):
        nats = rate / math.log(2.0) >= entropy
        raise ValueError(
            f"rate must be at least the entropy of the indices, {entropy:.6g} bits, as that of any code is, got "
            f"{rate:.6g}" + (": it is possible if it is in nats" if nats else "")
        )


def left_on(function: Any) -> str:
    """Why a compressor may not be deterministic, and the remedy."""
    if getattr(getattr(function, "__self__", function), "training", False):
        return (
            "call eval() on the module first, which is in training mode, with dropout, noise or statistics of the batch"
        )
    return "call eval() on its modules first, in which dropout, noise or statistics of the batch may be left on"


OF_INDICES = "encode must return integers"
OF_SHAPES = re.compile(r"shape|size|dimension|channel|multiplied|out of (bounds|range)|\dD|broadcast", re.IGNORECASE)
OF_DICTS = {  # remedies for dicts returned by models of CompressAI
    "x_hat": "return its x_hat, or pass the module for encode and None for decode",
    "strings": "strings are measured on a test set, so give data",
}
KRAFT = 1e-4  # tolerance of Σ 2^−bits ≤ 1 for rounding
SELDOM, SURE = 1e-3, 0.02  # shares of results that may, and cannot, differ in other batches by rounding
LIKELY = 1e-5  # tolerance of likelihoods ≤ 1 for rounding

"""What a caller passes in, called: functions of tensors or of arrays, and the checks of what they return."""

from __future__ import annotations

import math
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

    Parameters
    ----------
    function : callable
        It decides: tensors if it takes them, else arrays.
    trial : torch.Tensor
        What it is tried with.
    device : str or torch.device
        Where tensors are put.

    Warns
    -----
    UserWarning
        Once, if a function records gradients although it is told not to.
    """

    def __init__(self, function: Callable[[Any], Any], trial: torch.Tensor, device: str | torch.device) -> None:
        self.device, self.tensors, self._warned = device, True, False
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("error", ".*__array_wrap__", DeprecationWarning)  # of NumPy given tensors
                self._with_tensors(function, trial)
        except Exception as error:  # a caller's function may raise anything; its own error is raised if arrays fail too
            self.tensors = False
            try:
                function(trial.numpy())
            except Exception:  # whatever it is, the error with tensors says more
                error.add_note(f"called with a tensor of shape {tuple(trial.shape)}")
                raise error from None

    def __call__(self, function: Callable[[Any], Any], value: torch.Tensor) -> Any:
        """Return what the function makes of the value."""
        result = self._with_tensors(function, value) if self.tensors else function(value.numpy())
        if not self._warned and holds_gradients(result):
            self._warned = True
            warn(
                f"{getattr(function, '__name__', type(function).__name__)} records gradients, which hold all that led "
                "to them in memory: leave out enable_grad in it"
            )
        return result

    @torch.no_grad()
    def _with_tensors(self, function: Callable[[Any], Any], value: torch.Tensor) -> Any:
        return function(value.to(self.device))


def holds_gradients(value: Any) -> bool:
    """Whether a tensor, or one in a dict, a list or a tuple, has a graph of what led to it."""
    if isinstance(value, dict):
        return any(map(holds_gradients, value.values()))
    if isinstance(value, list | tuple):
        return any(map(holds_gradients, value))
    return getattr(value, "grad_fn", None) is not None


def array(value: Any, wanted: str) -> NDArray[Any]:
    """What a caller's function returned, as an array; `wanted` begins the message."""
    if isinstance(value, tuple) and any(np.ndim(part) for part in value if hasattr(part, "shape")):
        kinds = ", ".join(type(part).__name__ for part in value)
        raise TypeError(f"{wanted}, got {len(value)} results ({kinds}): return that alone")
    if isinstance(value, dict):
        remedy = next((text for name, text in OF_DICTS.items() if name in value), "return that alone")
        raise TypeError(f"{wanted}, got a dict with {', '.join(map(str, value))}: {remedy}")
    return validation.as_array("result", value, f"{wanted}, got {{what}}")


def codes(value: Any, batch: int) -> Indices:
    """Indices that `encode` returned for a batch, in their shape; latents (batch, c, h, w) are one index a sample."""
    wanted = "encode must return integers"
    result = validation.integers("indices", array(value, wanted), wanted, "; round the latents")
    if result.ndim == 0 or len(result) != batch or result.size == 0:
        raise ValueError(
            f"encode must return shape ({batch}, latent) or ({batch},), got {result.shape}: the first axis of a batch "
            "counts its samples"
        )
    return result


def as_returned(indices: Indices, result: Any) -> torch.Tensor:
    """Indices as a tensor of the type in which a function returned such: floats where it rounds without converting."""
    kind = result.dtype if hasattr(result, "dtype") else np.asarray(result).dtype
    if isinstance(kind, torch.dtype):
        return torch.from_numpy(indices).to(kind if kind.is_floating_point else torch.int64)
    return torch.from_numpy(indices.astype(kind) if getattr(kind, "kind", "i") == "f" else indices)


def finite(name: str, value: Any, shape: tuple[int, ...]) -> Coordinates:
    """Finite numbers of that shape, which a function returned; for (n,), shape (n, 1) is as good."""
    verb = "have" if name == "x_hat" else "return"
    numbers = array(value, f"{name} must {verb} numbers")
    if numbers.dtype.kind not in "iuf":
        raise TypeError(f"{name} must {verb} numbers, got an array of dtype {numbers.dtype}")
    if numbers.shape != shape:
        if len(shape) != 1 or numbers.shape != (*shape, 1):
            raise ValueError(f"{name} must {verb} shape {shape}, got {numbers.shape}")
        numbers = numbers[:, 0]
    if not np.all(np.isfinite(numbers)):
        raise ValueError(f"{name} must {verb} finite numbers, got {numbers[~np.isfinite(numbers)][0]}")
    return numbers.astype(np.float64)


def bits(value: Any, batch: int) -> Coordinates:
    """Σ −log₂ of the likelihoods of each sample: a tensor (batch, …), or a dict or list of such."""
    if isinstance(value, dict | list | tuple):
        parts = list(value.values()) if isinstance(value, dict) else list(value)
        return np.asarray(sum((bits(part, batch) for part in parts), np.zeros(batch)))
    given = array(value, "likelihoods must be tensors, or a dict of them")
    if given.dtype.kind != "f" or given.ndim == 0 or len(given) != batch:
        raise ValueError(f"likelihoods must be floats of shape ({batch}, …), got {given.dtype} of shape {given.shape}")
    flat = given.reshape(batch, -1).astype(np.float64)
    if not np.all((flat > 0.0) & (flat <= 1.0 + LIKELY)):
        bad = flat[~((flat > 0.0) & (flat <= 1.0 + LIKELY))][0]
        raise ValueError(f"likelihoods must be above 0 and at most 1, got {bad}: are they logarithms?")
    return np.asarray(-np.log(flat).sum(axis=1) / math.log(2.0))


def check_lengths(bits: Coordinates) -> None:
    """Refuse bits of distinct indices that no code has: of those, Σ 2^−bits is at most 1 (Kraft's inequality)."""
    total = float(np.exp2(-bits).sum())
    if total > 1.0 + KRAFT:
        nats = float(np.exp(-bits).sum()) <= 1.0 + KRAFT
        raise ValueError(
            "rate must be the bits of a code, whose Σ 2^−bits over distinct indices is at most 1 (Kraft's inequality), "
            f"got {total:.6g} over the {len(bits)} seen" + (": it is possible if they are in nats" if nats else "")
        )


def check_mean_length(rate: float, entropy: float) -> None:
    """Refuse a mean number of bits that no code has: one below the entropy of the indices."""
    if rate < entropy - math.log2(1.0 + KRAFT):
        nats = rate / math.log(2.0) >= entropy
        raise ValueError(
            f"rate must be at least the entropy of the indices, {entropy:.6g} bits, as that of any code is, got "
            f"{rate:.6g}" + (": it is possible if it is in nats" if nats else "")
        )


def left_on(function: Any) -> str:
    """Why a compressor may not be deterministic, and the remedy."""
    if getattr(getattr(function, "__self__", function), "training", False):
        return "call eval() on the module first, which is in training mode, with dropout or noise"
    return "call eval() on its modules first, in which dropout or noise may be left on"


OF_DICTS = {  # what to do about dicts that models of CompressAI return
    "x_hat": "return its x_hat, or pass the module for encode and None for decode",
    "strings": "strings are measured on a test set, so give data",
}
KRAFT = 1e-4  # by which rounding may take Σ 2^−bits above 1
LIKELY = 1e-5  # by which rounding may take a likelihood above 1

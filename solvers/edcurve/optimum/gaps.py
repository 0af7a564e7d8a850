"""How far a measured compressor is from the optimum."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from edcurve import validation
from edcurve.sources import Source

from .exact import entropy_distortion
from .sweeps import lagrangian


def excess(
    source: Source | str,
    distortion: ArrayLike,
    entropy: ArrayLike,
    *,
    lmbda: ArrayLike | None = None,
    base: float = 2,
) -> Any:
    """Excess of a compressor with that distortion and entropy over the optimum.

    Parameters
    ----------
    source : Source or str
        The source, or the name of a built-in one.
    distortion, entropy : float or array_like
        What was measured, D ≥ 0 and H ≥ 0 in units of `base`; broadcast against each other and `lmbda`.
    lmbda : float or array_like, optional
        With λ, the excess of H + λD over its minimum, in units of `base`: how much a compressor trained at that λ
        leaves. Without, the vertical gap H − E(D), which is large just left of a D_K, where E is steep.
    base : float
        Base of the logarithm, above 1.

    Returns
    -------
    float or ndarray
        The excess. Negative values mean that the measurement flatters (few samples), that D or H are in another unit
        (a mean over dimensions, nats), or that the source is another; D = 0, which no finite entropy reaches, gives
        -inf without λ.

    Raises
    ------
    ValueError, TypeError
        For arguments that are not allowed, named in the message.
    """
    D = validation.nonnegative("distortion", distortion, finite=True)
    H = validation.nonnegative("entropy", entropy, finite=True)
    _together(distortion=D, entropy=H, **({} if lmbda is None else {"lmbda": np.asarray(lmbda)}))
    if lmbda is None:
        result = H - entropy_distortion(source, D, base=base)
    else:
        weight = validation.nonnegative("lmbda", lmbda, finite=True)
        with np.errstate(over="ignore"):  # to infinity
            result = H + weight * D - lagrangian(source, weight, base=base).value
    return result if isinstance(result, np.ndarray) and result.ndim else float(result)


def _together(**arrays: NDArray[Any]) -> None:
    try:
        np.broadcast_shapes(*(array.shape for array in arrays.values()))
    except ValueError:
        shapes = ", ".join(f"{name} of shape {array.shape}" for name, array in arrays.items())
        raise ValueError(f"the arguments must be of shapes that broadcast together, got {shapes}") from None

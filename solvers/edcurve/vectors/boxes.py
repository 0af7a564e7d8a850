"""An upper bound on g(y) over all vectors y, for squared errors, by branch and bound over boxes."""

from __future__ import annotations

import itertools

import numpy as np

from .channels import Vectors
from .errors import Array

MOST_TERMS = 2**27  # most terms of g that are computed
MOST_BOXES = 2**18
FIRST = 0.5  # gap in nats of the first boxes, if there are not too many


def greatest(vectors: Vectors, log_mass: Array, lmbda: float, target: float) -> float | None:
    """Prove that ln g(y) is at most `target` for all y in R^dim, and return `target`; None if the limits prevent that.

    Only the box around the vectors matters: projecting y onto it brings it nearer to all x. ln g(y) + λ‖y‖² is convex,
    as a logarithm of a sum of exponentials of linear functions. So, for a convex combination y = Σ t_k v_k of corners
    of a cube, ln g(y) ≤ Σ t_k (ln g(v_k) + λ‖v_k‖²) − λ‖y‖² ≤ max_k ln g(v_k) + λ Σ t_k ‖v_k − y‖², and the last
    sum, a variance, is at most dim (side/2)².
    """
    low, high = vectors.x.min(axis=0), vectors.x.max(axis=0)
    dim = len(low)
    if dim > 8 or float((high - low).max()) == 0.0:
        return target if float((high - low).max()) == 0.0 else None
    corners = np.array(list(itertools.product((0, 1), repeat=dim)))
    side = 2.0 * np.sqrt(FIRST / (lmbda * dim))
    counts = np.maximum(np.ceil((high - low) / side), 1.0)
    if float(np.prod(counts)) > MOST_BOXES:
        return None
    boxes = np.stack([part.ravel() for part in np.meshgrid(*map(np.arange, counts), indexing="ij")], axis=1)
    boxes = boxes.astype(np.int64)
    spent = 0
    while len(boxes):
        box_corners = (boxes[:, None] + corners).reshape(-1, dim)
        places, index = np.unique(box_corners, axis=0, return_inverse=True)
        spent += len(places) * len(vectors.x)
        if spent > MOST_TERMS or len(boxes) > MOST_BOXES:
            return None
        values = vectors.log_excess(log_mass, lmbda, low + side * places)
        bound = values[index].reshape(len(boxes), -1).max(axis=1) + lmbda * dim * side**2 / 4.0
        boxes, side = 2 * boxes[bound > target], 0.5 * side
        boxes = (boxes[:, None] + corners).reshape(-1, dim)
    return target

"""Entropy-constrained Lloyd iterations on points of a surface, from many seeded starts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

STEPS = 400
CHARGED = 300  # most steps of charges to equilibrium
ENOUGH = 1e-6  # least improvement of H + λD, in nats, for another iteration


def spiral(count: int) -> Array:
    """Points of the unit sphere in R³, each in the middle of a part of equal area (Fibonacci spiral)."""
    i = np.arange(count) + 0.5
    height, angle = 1.0 - 2.0 * i / count, math.pi * (1.0 + math.sqrt(5.0)) * i
    ring = np.sqrt(1.0 - height * height)
    return np.stack([ring * np.cos(angle), ring * np.sin(angle), height], axis=1)


def iterate(
    x: Array, centres: Array, lmbda: float, sizes: Array | None = None, weights: Array | None = None
) -> tuple[float, Array, Array]:
    """H + λD in nats of a code after iterations of assignment and means of cells; its means and probabilities.

    A point is assigned to the cell of least λ‖x − c‖² − ln p. Empty cells are dropped.

    Parameters
    ----------
    x : ndarray, shape (n, dim)
        Points.
    centres : ndarray, shape (K, dim)
        Initial means.
    lmbda : float
        λ, nats.
    sizes : ndarray, shape (K,), optional
        Initial probabilities of the cells; equal by default.
    weights : ndarray, shape (n,), optional
        Probabilities of the points; equal by default.
    """
    p = np.full(len(centres), 1.0 / len(centres)) if sizes is None else sizes
    mass = np.full(len(x), 1.0 / len(x)) if weights is None else weights
    square, value = float(mass @ np.einsum("ij,ij->i", x, x)), math.inf
    moments = x.T * mass
    for _ in range(STEPS):
        offsets = 0.5 * (np.einsum("ij,ij->i", centres, centres) - np.log(p) / lmbda)
        cell = np.argmax(x @ centres.T - offsets, axis=1)
        shares = np.bincount(cell, mass, len(p))
        sums = np.stack([np.bincount(cell, axis, len(p)) for axis in moments], axis=1)
        used = shares > 0.0
        p, centres = shares[used], sums[used] / shares[used, None]
        distortion = square - float(p @ np.einsum("ij,ij->i", centres, centres))
        before, value = value, float(-p @ np.log(p) + lmbda * distortion)
        if not value < before - ENOUGH:
            break
    return value, centres, p


def geodesic(h: int, k: int) -> Array:
    """Points of a triangular lattice on the faces of an icosahedron: 10(h² + hk + k²) + 2 of them.

    From one corner of a face, h steps and then k steps turned by 60° lead to the next corner.
    """
    golden = 0.5 * (1.0 + math.sqrt(5.0))
    corners = np.array([(0.0, a, b * golden) for a in (-1.0, 1.0) for b in (-1.0, 1.0)])
    corners = np.concatenate([np.roll(corners, turn, axis=1) for turn in range(3)]) / math.hypot(1.0, golden)
    near = corners @ corners.T > 0.4
    faces = [
        (a, b, c)
        for a in range(12)
        for b in range(12)
        for c in range(12)
        if a < min(b, c) and near[a, b] and near[b, c] and near[c, a] and np.linalg.det(corners[[a, b, c]]) > 0.0
    ]
    # i and j steps are the shares of the second and third corner in (h, k) and (−k, h + k)
    size = h * h + h * k + k * k
    i, j = np.meshgrid(np.arange(-k, h + 1), np.arange(h + 2 * k + 1), indexing="ij")
    second, third = (i * (h + k) + j * k).ravel(), (j * h - i * k).ravel()
    inside = (second >= 0) & (third >= 0) & (second + third <= size)
    shares = np.stack([size - second - third, second, third], axis=1)[inside] / size
    points = np.concatenate([shares @ corners[list(face)] for face in faces])
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points[np.unique(np.round(points, 9), axis=0, return_index=True)[1]]


def repelled(count: int, rng: np.random.Generator) -> tuple[float, Array]:
    """Charges in equilibrium on the unit sphere in R³, from random positions: their energy Σ 1/rᵢⱼ, and positions."""
    from scipy import optimize

    options: Any = {"maxiter": CHARGED, "gtol": 1e-3}
    start = rng.normal(size=3 * count)
    result = optimize.minimize(_repulsion, start, jac=True, method="L-BFGS-B", options=options)
    positions = result.x.reshape(-1, 3)
    return float(result.fun), np.asarray(positions / np.linalg.norm(positions, axis=1, keepdims=True))


def _repulsion(flat: Array) -> tuple[float, Array]:
    """Σ 1/rᵢⱼ of charges in these directions, and its gradient."""
    directions = flat.reshape(-1, 3)
    length = np.linalg.norm(directions, axis=1, keepdims=True)
    x = directions / length
    squares = 2.0 - 2.0 * (x @ x.T)
    np.fill_diagonal(squares, np.inf)
    inverse = np.maximum(squares, 1e-12) ** -0.5
    pull = inverse / squares
    slope = pull @ x - pull.sum(axis=1, keepdims=True) * x
    slope -= (slope * x).sum(axis=1, keepdims=True) * x
    return 0.5 * float(inverse.sum()), np.asarray(slope / length).ravel()

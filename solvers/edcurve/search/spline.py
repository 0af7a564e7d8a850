"""The cubic spline of the tabulated cell distortion: compiled, because descents spend most of their time here."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def evaluate(
    nodes: Floats, coefficients: Floats, sizes: Floats, value: Floats, slope: Floats, curvature: Floats
) -> None:
    """Compute d, d′ and d″ at sizes in [0, 1]."""
    for i in range(sizes.size):
        k = _piece(nodes, sizes[i])
        x = sizes[i] - nodes[k]
        c3, c2, c1 = coefficients[k, 0], coefficients[k, 1], coefficients[k, 2]
        value[i] = ((c3 * x + c2) * x + c1) * x + coefficients[k, 3]
        slope[i] = (3.0 * c3 * x + 2.0 * c2) * x + c1
        curvature[i] = 6.0 * c3 * x + 2.0 * c2


def temper(
    nodes: Floats, coefficients: Floats, sizes: Floats, counts: Floats, distortion: Floats, exponent: Floats
) -> None:
    """Find the power β ≤ 512 of each row's sizes, scaled to sum to 1, at which Σ d is its ``distortion``, or NaN.

    β = 0 makes all cells equal, the least distortion for their number; β → ∞ keeps only the largest cells.
    """
    logs, moved = np.empty(sizes.shape[1]), np.empty(sizes.shape[1])
    for i in range(sizes.shape[0]):
        largest = 0.0
        for j in range(sizes.shape[1]):
            if counts[i, j] > 0.0:
                largest = max(largest, sizes[i, j])
        for j in range(sizes.shape[1]):
            logs[j] = math.log(sizes[i, j] / largest) if counts[i, j] > 0.0 else 0.0
        low, high, exponent[i] = 0.0, 1.0, math.nan
        while high < 512.0 and _distortion(nodes, coefficients, counts[i], logs, high, moved) < distortion[i]:
            high *= 2.0
        if (
            _distortion(nodes, coefficients, counts[i], logs, low, moved) <= distortion[i]
            and _distortion(nodes, coefficients, counts[i], logs, high, moved) >= distortion[i]
        ):
            for _ in range(16):
                middle = 0.5 * (low + high)
                if _distortion(nodes, coefficients, counts[i], logs, middle, moved) < distortion[i]:
                    low = middle
                else:
                    high = middle
            exponent[i] = 0.5 * (low + high)


def _piece(nodes: Floats, size: float) -> int:
    """Find the index of the interval between nodes that contains a size."""
    low, high = 0, nodes.size - 1
    while high - low > 1:
        middle = (low + high) // 2
        if nodes[middle] <= size:
            low = middle
        else:
            high = middle
    return low


def _distortion(
    nodes: Floats, coefficients: Floats, counts: Floats, logs: Floats, exponent: float, moved: Floats
) -> float:
    """Compute Σ d at sizes proportional to exp(``exponent`` · ``logs``)."""
    total = 0.0
    for j in range(counts.size):
        if counts[j] > 0.0:
            moved[j] = max(math.exp(exponent * logs[j]), 1e-12)
            total += counts[j] * moved[j]
    sum_of_d = 0.0
    for j in range(counts.size):
        if counts[j] > 0.0:
            k = _piece(nodes, moved[j] / total)
            x = moved[j] / total - nodes[k]
            cubic = (coefficients[k, 0] * x + coefficients[k, 1]) * x + coefficients[k, 2]
            sum_of_d += counts[j] * (cubic * x + coefficients[k, 3])
    return sum_of_d

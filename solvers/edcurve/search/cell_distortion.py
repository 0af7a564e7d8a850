"""The cell distortion as a search evaluates it: its value and first two derivatives at any sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from edcurve.kernels import compiling

from . import spline

Floats = NDArray[np.float64]
CellDistortion = Callable[[Floats], Floats]


class Jet(NamedTuple):
    """Values of d, d′ and d″ at some sizes, in arrays of the shape of the sizes."""

    value: Floats
    slope: Floats
    curvature: Floats


Evaluate = Callable[[Floats], Jet]


class TabulatedDistortion:
    """A cell distortion tabulated once, by one call on ``nodes`` sizes, which keeps searches with a slow d fast.

    Parameters
    ----------
    d, derivative
        Cell distortion and its derivative, from arrays of sizes in (0, 1] to arrays; without a derivative,
        sixth-order central differences of ``d`` replace it.
    smallest
        Sizes from about this one up are resolved; the nodes are sinh-spaced below and above it.
    """

    def __init__(
        self, d: CellDistortion, derivative: CellDistortion | None, smallest: float, nodes: int = 2049
    ) -> None:
        self._d = d
        self._derivative = derivative
        self._nodes = _graded(smallest, nodes)
        values = np.concatenate([[0.0], self.distortion(self._nodes[1:])])
        self._coefficients: Floats = np.ascontiguousarray(CubicSpline(self._nodes, values).c.T)

    def distortion(self, sizes: Floats) -> Floats:
        """Call d on one flat array, and validate its values."""
        flat = np.clip(sizes, 0.0, 1.0).ravel()
        return checked(self._d(flat), flat, "the cell distortion d").reshape(sizes.shape)

    def tabulated(self, sizes: Floats) -> Jet:
        """Interpolate d, d′ and d″ by the cubic spline that the search descends on."""
        jet = Jet(*(np.empty(sizes.size) for _ in Jet._fields))
        types = compiling.REALS, compiling.TABLE, *[compiling.REALS] * 4
        compiling.kernel_of(spline.evaluate, *types)(self._nodes, self._coefficients, np.ravel(sizes), *jet)
        return Jet(*(field.reshape(sizes.shape) for field in jet))

    def exponents(self, sizes: Floats, counts: Floats, distortion: Floats) -> Floats:
        """Find the power of each row's sizes at which Σ d is ``distortion``; NaN where there is none."""
        exponent = np.empty_like(distortion)
        types = compiling.REALS, *[compiling.TABLE] * 3, compiling.REALS, compiling.REALS
        compiling.kernel_of(spline.temper, *types)(
            self._nodes,
            self._coefficients,
            np.ascontiguousarray(sizes),
            np.ascontiguousarray(counts),
            distortion,
            exponent,
        )
        return exponent

    def exact(self, sizes: Floats) -> Jet:
        """Call d and d′, on which results are polished; d″ only steers the descent, so it comes from the table."""
        return Jet(self.distortion(sizes), self._exact_slope(sizes), self.tabulated(sizes).curvature)

    def _exact_slope(self, sizes: Floats) -> Floats:
        flat = np.clip(sizes, 0.0, 1.0).ravel()
        if self._derivative is None:
            return _difference(self.distortion, flat).reshape(sizes.shape)
        return checked(self._derivative(flat), flat, "the derivative of d").reshape(sizes.shape)


def checked(values: object, sizes: Floats, name: str) -> Floats:
    """Return ``values`` as finite floats, one for each size."""
    array = np.asarray(values, dtype=np.float64)
    if array.shape != sizes.shape:
        raise ValueError(f"{name} must return one value for each of {sizes.shape} sizes, got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name} must be finite on (0, 1], got {array[~np.isfinite(array)][0]}")
    return array


def _graded(smallest: float, nodes: int) -> Floats:
    """Space nodes on [0, 1] by a hyperbolic sine: uniformly well below ``smallest``, geometrically above."""
    stretch = np.arcsinh(8.0 / smallest)
    grid: Floats = np.sinh(stretch * np.linspace(0.0, 1.0, nodes)) / np.sinh(stretch)
    grid[-1] = 1.0
    return grid


def _difference(d: CellDistortion, sizes: Floats) -> Floats:
    """Take the sixth-order difference quotient; the step shrinks towards 1, beyond which d is not defined."""
    step = np.maximum(np.minimum(1e-3 * sizes, (1.0 - sizes) / 3), 1e-9 * sizes)
    offsets = np.arange(-3.0, 4.0)[:, None]
    points = np.minimum(sizes + offsets * step, 1.0)
    weights = np.array([-1.0, 9.0, -45.0, 0.0, 45.0, -9.0, 1.0]) / 60
    quotient: Floats = weights @ d(points) / np.maximum(step, np.finfo(float).tiny)
    return quotient

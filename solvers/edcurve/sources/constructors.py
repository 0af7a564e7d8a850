"""`Source.from_spectrum`, `from_waveform`, `from_samples` and `from_surface`: sources made of data.

They return subclasses of `Source`, which are made after it, and so are given to it here.
"""

from __future__ import annotations

from collections.abc import Callable

from numpy.typing import ArrayLike

from . import measured
from .base import Array, Source
from .measured import SampledCurve, SampledLoop
from .sampled_surface import SampledSurface
from .spectra import Spectrum
from .waveforms import Waveform


def from_spectrum(c: ArrayLike, *, name: str = "spectrum") -> Spectrum:
    """Source of a closed manifold with δ(u) = Σ_k 2c_k(1 − cos 2πku).

    Parameters
    ----------
    c : array_like, shape (n,)
        Energies c_1, …, c_n ≥ 0 of the harmonics 1, …, n, of sum D_max from 1e-302 to 1e302.
    name : str
        Used in messages, tables and plots.

    Returns
    -------
    Spectrum
        Source with d(p) = p Σ_k c_k (1 − sinc²(πkp)).
    """
    return Spectrum(c, name=name)


def from_waveform(
    g: Callable[[Array], ArrayLike] | ArrayLike, *, harmonics: int = 65536, name: str = "waveform"
) -> Waveform:
    """Source of the cyclic shifts of a waveform: t ↦ g(t + V) on [0, 1], distortion the integral over t.

    Parameters
    ----------
    g : callable or array_like, shape (T,)
        The waveform: a function of arrays of t in [0, 1), which is sampled at t = i/T with T = 16 `harmonics`, or
        its samples there, which stand for the trigonometric polynomial through them. The mean of g does not matter.
    harmonics : int
        Of a function: number of harmonics to keep, at most 2¹⁸.
    name : str
        Used in messages, tables and plots.

    Returns
    -------
    Waveform
        `.truncation` is how much the distortion of any partition may differ: the energy of the harmonics left out
        and what those that the samples do not resolve change in the others (a jump is between two samples, and
        nothing says where). It is computed from the last octave of the samples' spectrum, and a bound if energies
        fall at least as 1/k² from there, as those of a waveform with finitely many jumps do once the samples
        resolve them; of 4 samples, from the first harmonic. Of 4 or 6 samples a period the third harmonic may not be
        seen; there it is taken to have an amplitude of up to half of that of the first.

    Raises
    ------
    ValueError
        If g is constant, or its samples are fewer than 4, more than 2¹⁹, not finite, larger than 1e140 in size,
        within 1e-140 of each other or not one-dimensional.
    TypeError
        If g does not map arrays to real arrays of the same shape.
    """
    return Waveform(g, harmonics=harmonics, name=name)


def from_samples(
    x: ArrayLike, *, closed: bool | None = None, tolerance: float = measured.TOLERANCE, name: str = "samples"
) -> SampledLoop | SampledCurve:
    """Source given by measured vectors along a curve, equally spaced in the phase v.

    Parameters
    ----------
    x : array_like, shape (N, dim) or (N,)
        Points γ(v) at v = i/N of a loop, which stand for the trigonometric polynomial through them, or at
        v = i/(N − 1) of an open curve. Squared errors are sums over the coordinates: divide by √dim for means.
    closed : bool, optional
        Whether the curve is a loop. If omitted, points of two or more coordinates are one if the last is as near to
        the first as neighbours are, and others have ends, as single numbers do. `edcurve.segment` has the same rule.
    tolerance : float
        Largest `.defect` that is accepted. With a larger one a cell counts with the mean distortion over all its
        positions, and curves of the source say between which entropies the optimum of the points is: `Curve.low`.
    name : str
        Used in messages, tables and plots.

    Returns
    -------
    SampledLoop or SampledCurve
        `.defect` is the root mean square deviation of ‖γ(v) − γ(v+u)‖² from its mean over v, over all pairs of
        samples (of 2048 of them at most), as a share of its mean over all pairs. `.truncation` says by how much the
        distortion of any partition into intervals may differ from the one given. It adds up the largest deviation
        of a cell from the mean over all its positions, which is what d(p) is, and the error of interpolation:
        for a loop as in `from_waveform`. For an open curve it is the difference from interpolating δ linearly, or
        from a curve of chords between the points. A curve that strays further between its points may differ by more,
        and so may other draws of a random curve, such as a random walk.

    Raises
    ------
    ValueError
        If the defect exceeds the tolerance (`edcurve.segment` needs no stationarity); if the points are fewer than
        4, not finite, larger than 1e140 in size, within 1e-140 of each other, all equal or more than 2²⁸ numbers.

    Warns
    -----
    UserWarning
        If `closed` is omitted and the ends are near each other, but not as near as neighbours.
    """
    return measured.from_samples(x, closed=closed, tolerance=tolerance, name=name)


def from_surface(
    x: ArrayLike,
    *,
    ends: tuple[str, str] | None = None,
    weights: ArrayLike | None = None,
    name: str = "surface",
) -> SampledSurface:
    """Source given by measured vectors on a grid of two parameters.

    The source is these samples with their weights. E(D) of them is enclosed: above by codes of the samples, below by
    prices of the samples, so that no cell costs less entropy + λ distortion than its samples together. The cheapest
    cell is sought from many places. That search is no proof: were there a cheaper cell, the bound would be less.
    Bounds and codes are computed when they are first asked for, which takes some ten seconds for 64 × 64 samples. Of up
    to 16 different samples all partitions are compared: bounds on H + λD are then exact.

    Parameters
    ----------
    x : array_like, shape (I, J, dim)
        Points γ(a, b), at least 4 × 4 and at most 2¹⁷, at equal steps of both parameters: a = i/I if a is closed or
        twisted and i/(I − 1) if it is open, and b likewise. Squared errors are sums over the coordinates.
    ends : tuple of str, optional
        What each parameter is. "closed": the last row is followed by the first. "twisted": by the first one reversed.
        "open": by none. On a twisted parameter sample j of the last row is followed by sample −j, or J − 1 − j, of
        the first, whichever is nearer. If omitted, each is what its last row is as near to as neighbouring rows are to
        each other.
    weights : array_like, shape (I, J), optional
        Weights of the samples, at least 0; they are scaled to sum to 1. By default both parameters are uniform: all are
        equal, but for the rows at the ends of an open parameter, which count half.
    name : str
        Used in messages, tables and plots.

    Returns
    -------
    SampledSurface
        `.status` is "enclosed by a search", or "enclosed" of up to 16 different samples. `.truncation` is the mean
        variance of what is between neighbouring samples, taken as parallelograms: a code of the surface whose cells
        are made of these has a distortion that is larger by so much. Cells of many samples with smooth edges differ by
        a good deal less. So the bounds are about the surface where D is many times the truncation.

    Raises
    ------
    ValueError
        For samples of another shape, not finite, larger than 1e140 in size or all equal; for ends that do not fit
        the samples; for weights that are negative, all 0 or of another shape.
    """
    return SampledSurface(x, ends=ends, weights=weights, name=name)


Source.from_spectrum = staticmethod(from_spectrum)
Source.from_waveform = staticmethod(from_waveform)
Source.from_samples = staticmethod(from_samples)
Source.from_surface = staticmethod(from_surface)

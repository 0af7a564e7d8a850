"""`Source.from_spectrum`, `from_waveform`, `from_samples` and `from_surface`: sources made from data.

They return subclasses of `Source`, which are defined after it, so they are attached to it here.
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
        Energies c_1, …, c_n ≥ 0 of the harmonics 1, …, n. Their sum, D_max, is from 1e-302 to 1e302.
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
        its samples there, which define the trigonometric polynomial through them. The mean of g does not matter.
    harmonics : int
        For a function: number of harmonics to keep, at most 2¹⁸.
    name : str
        Used in messages, tables and plots.

    Returns
    -------
    Waveform
        `.truncation` bounds the error of the distortion of any partition: the energy of the harmonics left out, plus
        the effect of aliasing on the others (a jump lies at an unknown position between two samples). It is computed
        from the last octave of the samples' spectrum, or from the first harmonic for 4 samples. It is a bound if
        energies fall at least like 1/k² from there, as for a waveform with finitely many jumps that the samples
        resolve. With 4 or 6 samples per period the third harmonic may be invisible; its amplitude is then assumed to
        be at most half that of the first.

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
        Points γ(v) at v = i/N of a loop, which define the trigonometric polynomial through them, or at
        v = i/(N − 1) of an open curve. Squared errors are sums over the coordinates: divide by √dim for means.
    closed : bool, optional
        Whether the curve is a loop. If omitted, points of two or more coordinates are a loop if the last is as near to
        the first as neighbours are; other points and scalars are open. `edcurve.segment` has the same rule.
    tolerance : float
        Largest `.defect` that is accepted. A cell of a source with a defect counts with its mean distortion over all
        positions, and curves of the source bound the optimum of the points: see `Curve.low`.
    name : str
        Used in messages, tables and plots.

    Returns
    -------
    SampledLoop or SampledCurve
        `.defect` is the root mean square deviation of ‖γ(v) − γ(v+u)‖² from its mean over v, over all pairs of
        samples (of at most 2048 of them), as a share of its mean over all pairs. `.truncation` bounds the error of the
        distortion of any partition into intervals. It is the sum of the largest deviation of a cell from its mean over
        all positions, which d(p) is, and the interpolation error: for a loop as in `from_waveform`. For an open curve
        it is the difference from linear interpolation of δ, or from a curve of chords between the points. The error
        may be larger for a curve that strays further between its points, and for other draws of a random curve.

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

    The source is these samples with their weights. Its E(D) is enclosed: from above by codes of the samples, from below
    by prices of the samples, such that the entropy + λ distortion of every cell is at least the sum of its samples'
    prices. The cheapest cell is searched from many starts, which proves nothing: a cheaper cell would lower the bound.
    Bounds and codes are computed when first needed, which takes some ten seconds for 64 × 64 samples. For up to 16
    distinct samples all partitions are compared: bounds on H + λD are then exact.

    Parameters
    ----------
    x : array_like, shape (I, J, dim)
        Points γ(a, b), at least 4 × 4 and at most 2¹⁷, at equal steps of both parameters: a = i/I if a is closed or
        twisted and i/(I − 1) if it is open, and b likewise. Squared errors are sums over the coordinates.
    ends : tuple of str, optional
        Kind of each parameter. "closed": the first row follows the last. "twisted": the first row, reversed, follows
        it. "open": none does. On a twisted parameter sample j of the last row is followed by sample −j, or J − 1 − j,
        of the first, whichever is nearer. If omitted, the kinds are those for which the last row and its successor are
        as near as neighbouring rows.
    weights : array_like, shape (I, J), optional
        Weights of the samples, at least 0; they are scaled to sum to 1. By default both parameters are uniform: all
        weights are equal, except that the rows at the ends of an open parameter count half.
    name : str
        Used in messages, tables and plots.

    Returns
    -------
    SampledSurface
        `.status` is "enclosed by a search", or "enclosed" for up to 16 distinct samples. `.truncation` is the mean
        variance of the surface between neighbouring samples, taken as parallelograms: it adds to the distortion of a
        code of the surface whose cells consist of these. For cells of many samples with smooth edges the difference is
        much smaller. So the bounds apply to the surface itself where D is many times the truncation.

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

"""Warnings about measured points that no code attains, or that are no better than sending nothing: common mistakes."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from edcurve.sources import BOUND, Ramp, SampledRamp, Source, Surface
from edcurve.units import of_base

from . import bounds
from .exact import entropy_distortion

Array = NDArray[np.float64]
PEAK = 255  # of pixels, which is easily forgotten
WIDER = 1.5  # ratio of the points' spread to the peak above which to warn; interpolation may overshoot a little
SLACK = 0.01  # tolerance, relative to D and H or in bits: the precision of three digits and many samples
PART = 2**18  # points per part


def doubts(
    source: Source,
    distortion: Array,
    entropy: Array,
    *,
    most: tuple[Array, Array] | None = None,
    base: float = 2,
    option: str = "",
) -> tuple[str, ...]:
    """Sentences about points below E(D), which no code attains, and about points that cost more than sending nothing.

    Parameters
    ----------
    source : Source
        Their source.
    distortion, entropy : ndarray, shape (n,)
        Measured values, entropy in units of `base`.
    most : tuple of ndarray, optional
        Upper ends of the intervals of distortion and entropy, which are compared in their place.
    base : float
        Base of the logarithm.
    option : str
        Name of the option that sets the base, for the message.

    Returns
    -------
    tuple of str
        At most one of each kind, with the number of such points and the first of them.
    """
    slack = SLACK * math.log(2.0) / math.log(base)
    unit = of_base(base)
    high_D, high_H = (distortion, entropy) if most is None else most
    below, idle = np.empty(distortion.shape, dtype=bool), np.empty(distortion.shape, dtype=bool)
    for part in _parts(distortion):
        required = _least(source, high_D[part] * (1.0 + SLACK) + source.truncation, base)
        below[part] = high_H[part] + np.maximum(slack, SLACK * high_H[part]) < required
        idle[part] = (distortion[part] >= source.max_distortion) & (entropy[part] > slack)
    asked = f" ({option})" if option else ""
    sentences = []
    if below.any():
        first = int(np.argmax(below))
        needed = float(_least(source, distortion[first : first + 1], base)[0])
        least = f"at least {_number(needed)} {unit}" if needed < math.inf else "infinite entropy"
        sentences.append(
            f"{_first(below, distortion, entropy, unit)}: no code does this, it takes {least}. "
            f"Is the entropy in {unit}{asked}? Is the distortion a sum over coordinates, or for a function the mean "
            f"over t? Is {source.name} the right source? Are there enough samples?"
            + _of_peak(source, distortion, entropy, base, pixels=True)
        )
    if idle.any():
        sentences.append(
            f"{_first(idle, distortion, entropy, unit)}: sending nothing does as well, with D_max = "
            f"{_number(source.max_distortion)}. Are distortion and entropy swapped? Is {source.name} the right source?"
            + (_of_peak(source, distortion, entropy, base, pixels=False) if idle.all() else "")
        )
    return tuple(sentences)


def _parts(points: Array) -> Iterator[slice]:
    """Parts of many points, checked one at a time: all at once would take several times their memory."""
    return (slice(start, start + PART) for start in range(0, len(points), PART))


def _of_peak(source: Source, distortion: Array, entropy: Array, base: float, *, pixels: bool) -> str:
    """The option to set if all points become possible when the data, or only the errors, have values up to 255."""
    factor = float(PEAK) ** 2 if pixels else float(PEAK) ** -2
    for part in _parts(distortion):
        meant = distortion[part] * factor
        possible = (meant < source.max_distortion) & (_least(source, meant * (1.0 + SLACK), base) <= entropy[part])
        if not possible.all():
            return ""
    if pixels:
        who, name, changed = "the source's data are", "peak", f"times {PEAK}²"
    else:
        who, name, changed = "the errors are of values", "mse_peak", f"divided by {PEAK}²"
    option = f"--{name.replace('_', '-')} {PEAK}"
    return (
        f" D {changed} would be possible: if {who} from 0 to {PEAK}, give {option} "
        f"(edcurve.units.Units has {name}={PEAK})."
    )


def doubt_of_psnr(source: Source, peak: float) -> str | None:
    """A sentence if the peak of the PSNR is far smaller than the spread of the measured points."""
    few = source.few_points
    spread = 0.0 if few is None else float(np.ptp(few.points))
    if spread <= WIDER * peak:
        return None
    return (
        f"PSNR is taken to be of values from 0 to {peak:g}, but those of {source.name} are {_number(spread)} apart: "
        "give --peak, 255 for pixels from 0 to 255"
    )


def _least(source: Source, distortion: Array, base: float) -> Array:
    """The best known lower bound on the entropy, 0 if there is none."""
    if source.law.stationary and source.status != BOUND:
        return np.asarray(entropy_distortion(source, distortion, base=base))
    if source.law.stationary and source.monotone:
        return np.asarray(bounds.lower_bound(source, distortion, base=base))
    if isinstance(source, Surface):
        return np.asarray(bounds.lower_bound(source, distortion, base=base))
    if isinstance(source, SampledRamp):
        return _least_sampled(source, distortion, base)
    return np.zeros(distortion.shape)


def _least_sampled(source: SampledRamp, distortion: Array, base: float) -> Array:
    """A lower bound for the sampled ramp from the continuous one: its E(D) at a distortion larger by 1/(2T).

    Let θ be the difference of two phases modulo 1, and m/T that of the steps that they lie in. The squared distance
    of the samples is θ²(1 − m/T) + (1 − θ)² m/T, that of the functions θ(1 − θ). So the samples are nearer by
    (θ − m/T)(1 − 2θ), at most 1/T. A cell's distortion is half the mean over its pairs.
    """
    scale = float(source.law.scale)
    return np.asarray(entropy_distortion(Ramp(), distortion / scale + 0.5 / source.samples, base=base))


def _first(mask: NDArray[np.bool_], distortion: Array, entropy: Array, unit: str) -> str:
    i, count = int(np.argmax(mask)), int(mask.sum())
    share = "" if mask.size == 1 else f"{count} of {mask.size} points, the first with "
    return f"{share}D = {_number(distortion[i])} and H = {_number(entropy[i])} {unit}"


def _number(value: float) -> str:
    return f"{value:.4g}"

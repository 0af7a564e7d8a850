"""The numbers of a report: the curve, the gaps of points and their parts, and certificates."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edcurve import curves, progress
from edcurve.curves import Curve
from edcurve.io.tables import Points
from edcurve.optimum import bounds, exact, sweeps
from edcurve.optimum import gaps as references
from edcurve.optimum.sanity import doubts
from edcurve.sources import BETWEEN, BOUND, PROVED, Ramp, SampledRamp, Source, Spectrum, Surface

if TYPE_CHECKING:
    from edcurve.certificate import Certificate

Array = NDArray[np.float64]
NUM, NUM_SHANNON, CERTIFIED = 256, 32, 8
NUM_SEARCHED = 64  # number of distortions of a curve that needs a search at each
LEAST_SHANNON = 1e-12  # least D/D_max at which R(D) is drawn: below, it is indistinguishable from E(D)
HARMONICS = 64  # number of harmonics above which a certificate may take minutes


@dataclass(frozen=True)
class Gaps:
    """Gaps of points to the optimum, in bits; NaN where the points lack data.

    `best` is E(D), or the entropy of the best known partition, or for a surface the lower bound; `gap` is H − best.
    `excess` is H + λD minus its least value for the source, or for a surface minus the bound on that. `sampled` is the
    same for the ramp sampled at T points, as the compressor observes it. The parts are `entropy_model` = R − H,
    `decoder` = λ(D − D_c) and `partition` = H + λD_c − min. The first is the sum of `dependence` = H_m − H and
    `marginals` = R − H_m, with H_m the sum of the marginal entropies of the latents. The second is the sum of
    `readout` = λ(D − D_r) and `features` = λ(D_r − D_c), with D_r the distortion of the best last layer. `doubts` are
    sentences about points that are impossible, or worse than sending nothing.
    """

    best: Array
    gap: Array
    least_distortion: Array
    excess: Array
    sampled: Array
    entropy_model: Array
    decoder: Array
    partition: Array
    dependence: Array
    marginals: Array
    readout: Array
    features: Array
    doubts: tuple[str, ...] = ()

    @property
    def total(self) -> Array:
        """The sum of the parts: the excess of R + λD over the least H + λD."""
        with np.errstate(all="ignore"):  # the total is NaN or infinite if parts overflowed
            return self.entropy_model + self.decoder + self.partition


@dataclass(frozen=True)
class Certificates:
    """Certificates, each with the computed E(D); and a remark if there are none, or not one for each point."""

    certified: tuple[Certificate, ...]
    computed: tuple[float, ...]
    remark: str = ""


def trade_off(source: Source, points: Points | None) -> Curve:
    """The curve over the range of the points: at distortions with few digits, and at those of K equal cells."""
    low, high = curves.least(source), source.max_distortion
    if points is not None:
        reached = points.distortion[points.distortion > 0.0]
        low = curves.down_to(source, 0.9 * float(reached.min(initial=low)))
    searched = source.status in (BOUND, *BETWEEN)
    grid = [float(f"{D:.3e}") for D in curves.spread(low, high, NUM_SEARCHED if searched else NUM).tolist()]
    cells = np.arange(1, curves.MOST_EQUAL_CELLS + 1)
    equal = cells * source.cell_distortion(1.0 / cells)
    inside = equal[(equal >= low) & (equal < high) & (not searched)]
    distortions = np.unique(np.concatenate([np.array(grid), inside, [high]]))
    return curves.curve(source, distortions[distortions <= high])


def shannon(source: Source, curve: Curve, wanted: bool | None) -> tuple[Array, Array] | None:
    """Shannon's R(D) at some distortions of the curve; by default for closed sources, where it takes about a second."""
    from edcurve import shannon as limits

    if not (source.closed if wanted is None else wanted):
        return None
    least = max(limits.least_distortion(source), LEAST_SHANNON * source.max_distortion)
    computable = curve.distortion[curve.distortion >= least]
    if not computable.size:
        return None
    chosen = computable[np.unique(np.linspace(0, computable.size - 1, NUM_SHANNON).astype(int))]
    return chosen, np.asarray(limits.rate_distortion(source, chosen))


def gaps(source: Source, points: Points) -> Gaps:
    """The gaps of the points to the optimum, and their parts."""
    D, H, lmbda = points.distortion, points.entropy, points.lmbda
    best = np.asarray(references.reference(source, D))
    least_distortion = np.full(D.shape, np.nan)
    if source.status not in (BOUND, *BETWEEN):
        least_distortion = np.asarray(exact.distortion_entropy(source, H))
    minimum = np.full(D.shape, np.nan)
    weighted = np.isfinite(lmbda)
    if weighted.any():
        enclosed = source.status in BETWEEN
        multipliers = lmbda[weighted]
        least = (
            sweeps.lagrangian_bound(source, multipliers) if enclosed else sweeps.lagrangian(source, multipliers).value
        )
        minimum[weighted] = least
    sampled = _least_sampled(source, points)
    with np.errstate(over="ignore", invalid="ignore"):  # numbers close to the largest double may overflow
        return Gaps(
            best,
            H - best,
            least_distortion,
            H + lmbda * D - minimum,
            H + lmbda * D - sampled,
            points.rate - H,
            lmbda * (D - points.distortion_centroid),
            H + lmbda * points.distortion_centroid - minimum,
            points.entropy_marginals - H,
            points.rate - points.entropy_marginals,
            lmbda * (D - points.distortion_readout),
            lmbda * (points.distortion_readout - points.distortion_centroid),
            doubts(source, D, H, most=points.ends("high")),
        )


def _least_sampled(source: Source, points: Points) -> Array:
    """Least H + λD for the ramp sampled at the compressor's number of points; NaN if that is missing."""
    minimum = np.full(points.lmbda.shape, np.nan)
    if source.name == "ramp":
        stated = np.isfinite(points.lmbda) & np.isfinite(points.samples)
        stated &= (points.samples >= 2) & (points.samples <= SampledRamp.MOST) & (points.samples % 1.0 == 0.0)
        for T in np.unique(points.samples[stated]).tolist():
            same = stated & (points.samples == T)
            minimum[same] = sweeps.lagrangian(Ramp(int(T)), points.lmbda[same]).value
    return minimum


def certificates(source: Source, curve: Curve, points: Points | None) -> Certificates:
    """Certificates at the distortions of the points, or at some of the curve; at most `CERTIFIED` of them."""
    if isinstance(source, Spectrum) and source.energies.size > HARMONICS:
        why = f"With {source.energies.size} harmonics a certificate may take minutes: edcurve.certify makes them."
        return Certificates((), (), why)
    if isinstance(source, Surface) and source.relaxed.status != PROVED:
        return Certificates((), (), "There are none of this source here: edcurve.certify makes them of some surfaces.")
    try:
        from edcurve.certificate import certify
    except ImportError as error:
        return Certificates((), (), f"There are none: {error}.")
    distinct = np.unique(_of_interest(source, curve) if points is None else points.distortion)
    chosen = distinct[np.unique(np.linspace(0, distinct.size - 1, CERTIFIED).astype(int))]
    try:
        certified = tuple(_each(lambda D: certify(source, D), chosen.tolist()))
    except ValueError as error:
        return Certificates((), (), f"There are none: {error}.")
    computed = tuple(float(bounds.upper_bound(source, one.distortion)) for one in certified)
    remark = "" if chosen.size == distinct.size else f"At {chosen.size} of {distinct.size} distortions of the points."
    return Certificates(certified, computed, remark)


def _of_interest(source: Source, curve: Curve) -> Array:
    ends = max(curves.least(source), float(curve.distortion[0])), 0.9 * source.max_distortion
    return np.array([float(f"{D:.1e}") for D in np.geomspace(*ends, CERTIFIED).tolist()])


def _each(certify: Callable[[float], Certificate], distortions: list[float]) -> Iterator[Certificate]:
    with progress.bar("certificates", len(distortions)) as update:
        for i, D in enumerate(distortions):
            yield certify(D)
            update(i + 1, len(distortions))

"""`Units`: conversion of MSE, PSNR, bits per pixel and the weights of common losses to D, H and λ, and back."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import validation

Array = NDArray[np.float64]
WEIGHTS = ("lmbda", "lambda", "λ", "beta", "β")
POWER = re.compile(r"([\d.eE]+)(?:\*\*([\d.]+)|²)?")


def of_base(base: float) -> str:
    """Name of the unit of entropy: "bits", "nats", "hartleys" or, for other bases b, "units of log base b"."""
    names = {2.0: "bits", math.e: "nats", 10.0: "hartleys"}
    return names.get(float(base), f"units of log base {base:g}")


@dataclass(frozen=True)
class Units:
    """Conversions between the units of a paper or a program and D, H and λ of a source.

    A number gives a float, and an array gives one of the same shape. Conversions are inverse up to rounding.

    Parameters
    ----------
    dim : int
        Coordinates of a realization: N for a grey picture of N pixels, 3 N for a colour picture.
    pixels : int, optional
        Pixels of a realization, for `bpp`; `dim` if omitted.
    peak : float
        Largest value of the source's data: 1 for pictures in [0, 1], 255 for 0 … 255.
    mse_peak : float, optional
        The same for the data of `mse` and `sse`; `peak` if omitted.
    mean : bool
        Whether the source's squared error is a mean over the coordinates, as for functions, rather than a sum.
    loss : str
        The training loss: a rate (bpp, bpd, bits or nats; R is in units of `base`) plus a distortion (mse or sse; D
        is that of the source), one of them times a weight called lmbda, lambda, λ, beta or β, and optionally times
        numbers: "bpp + lmbda * 255**2 * mse", "mse + beta * bpp", "nats + λ * 0.5 * sse".
    base : float
        Base of the logarithm of H and λ, above 1.

    Raises
    ------
    ValueError, TypeError
        For invalid arguments, named in the message.

    Examples
    --------
    >>> from edcurve.units import Units
    >>> units = Units(28 * 28, loss="bpp + lmbda * 255**2 * mse")  # grey pictures in [0, 1]
    >>> round(units.distortion(psnr=20.0), 9), round(units.entropy(bpp=0.01), 9)
    (7.84, 7.84)
    >>> round(units.lmbda(0.0018), 9)
    117.045
    """

    dim: int
    pixels: int | None = None
    peak: float = 1.0
    mse_peak: float | None = None
    mean: bool = False
    loss: str = "R + lmbda * D"
    base: float = 2

    def __post_init__(self) -> None:
        """Check the fields."""
        validation.positive_int("dim", self.dim)
        if self.pixels is not None:
            validation.positive_int("pixels", self.pixels)
        for name in ("peak", "mse_peak"):
            value = getattr(self, name)
            if value is not None and not 0.0 < validation.real(name, value) < math.inf:
                raise ValueError(f"{name} must be above 0 and finite, got {value!r}")
        if not isinstance(self.mean, bool | np.bool_):
            raise TypeError(f"mean must be True or False, got {self.mean!r}")
        validation.log_base(self.base)
        self._of_loss()

    @property
    def _distortions(self) -> dict[str, float]:
        """D for one unit of each measure of distortion."""
        square = (self.peak / (self.peak if self.mse_peak is None else self.mse_peak)) ** 2
        return {"mse": square, "sse": square / self.dim} if self.mean else {"mse": square * self.dim, "sse": square}

    @property
    def _entropies(self) -> dict[str, float]:
        """H for one unit of each measure of entropy or rate."""
        unit = math.log(self.base)
        bit = math.log(2.0) / unit  # 1.0 in bits
        pixels = self.dim if self.pixels is None else self.pixels
        return {"bits": bit, "nats": 1.0 / unit, "bpp": bit * pixels, "bpd": bit * self.dim}

    def distortion(
        self, *, mse: ArrayLike | None = None, sse: ArrayLike | None = None, psnr: ArrayLike | None = None
    ) -> Any:
        """D from one measure of distortion.

        Parameters
        ----------
        mse, sse : float or array_like
            Squared error ≥ 0: mean or sum over the coordinates of a realization.
        psnr : float or array_like
            10 log₁₀(peak² / MSE) in dB. A mean PSNR of several realizations gives the geometric mean of their D, which
            is at most the arithmetic mean that defines the distortion of a code.

        Returns
        -------
        float or ndarray
        """
        name, value = _only("distortion", mse=mse, sse=sse, psnr=psnr)
        if name != "psnr":
            return _number(self._distortions[name] * validation.nonnegative(name, value))
        decibels = validation.as_array("psnr", value, "psnr must be a real number or an array of them, got {what}")
        if decibels.dtype.kind not in "iuf" or np.isnan(decibels).any():
            raise ValueError(f"psnr must be real numbers, got {value!r}")
        with np.errstate(over="ignore"):
            return _number(self._psnr_unit * 10.0 ** (-0.1 * decibels.astype(np.float64)))

    @property
    def _psnr_unit(self) -> float:
        """D at 0 dB."""
        return self.peak**2 * (1.0 if self.mean else self.dim)

    def entropy(
        self,
        *,
        bits: ArrayLike | None = None,
        nats: ArrayLike | None = None,
        bpp: ArrayLike | None = None,
        bpd: ArrayLike | None = None,
    ) -> Any:
        """H of a realization, or its rate, in units of `base`, from one measure of rate.

        Parameters
        ----------
        bits, nats : float or array_like
            Entropy or rate of a whole realization.
        bpp, bpd : float or array_like
            Bits per pixel, and per coordinate ("per dimension").

        Returns
        -------
        float or ndarray
        """
        name, value = _only("entropy", bits=bits, nats=nats, bpp=bpp, bpd=bpd)
        return _number(self._entropies[name] * validation.nonnegative(name, value))

    def lmbda(self, weight: ArrayLike) -> Any:
        """λ in units of `base` per unit of D, from the weight in the `loss`; a weight of the rate must be above 0."""
        return self._weighted("weight", weight)

    def weight(self, lmbda: ArrayLike) -> Any:
        """Weight for which the `loss` is equivalent to H + λD: the inverse of `lmbda`."""
        return self._weighted("lmbda", lmbda)

    def _weighted(self, name: str, value: ArrayLike) -> Any:
        """λ from a weight or a weight from λ: their quotient is constant, or their product for a weighted rate."""
        factor, of_rate = self._of_loss()
        values = validation.nonnegative(name, value, finite=True)
        if not of_rate:
            return _number(values * factor if name == "weight" else values / factor)
        if not (values > 0.0).all():
            raise ValueError(f"{name} must be above 0 in the loss {self.loss!r}, got {value!r}")
        return _number(factor / values)

    def _of_loss(self) -> tuple[float, bool]:
        return _parsed(self.loss, {**self._distortions, "D": 1.0}, {**self._entropies, "R": 1.0})

    def mse(self, distortion: ArrayLike) -> Any:
        """Mean squared error per coordinate equal to D."""
        return self._back("distortion", distortion, self._distortions["mse"])

    def sse(self, distortion: ArrayLike) -> Any:
        """Squared error, summed over the coordinates of a realization, equal to D."""
        return self._back("distortion", distortion, self._distortions["sse"])

    def psnr(self, distortion: ArrayLike) -> Any:
        """PSNR in dB equal to D; infinite where D is 0."""
        D = validation.nonnegative("distortion", distortion)
        with np.errstate(divide="ignore"):
            return _number(-10.0 * np.log10(D / self._psnr_unit))

    def bits(self, entropy: ArrayLike) -> Any:
        """Bits per realization equal to H."""
        return self._back("entropy", entropy, self._entropies["bits"])

    def nats(self, entropy: ArrayLike) -> Any:
        """Nats per realization equal to H."""
        return self._back("entropy", entropy, self._entropies["nats"])

    def bpp(self, entropy: ArrayLike) -> Any:
        """Bits per pixel equal to H."""
        return self._back("entropy", entropy, self._entropies["bpp"])

    def bpd(self, entropy: ArrayLike) -> Any:
        """Bits per coordinate of a realization equal to H."""
        return self._back("entropy", entropy, self._entropies["bpd"])

    def _back(self, name: str, value: ArrayLike, unit: float) -> Any:
        return _number(validation.nonnegative(name, value) / unit)


def _only(what: str, **arguments: ArrayLike | None) -> tuple[str, ArrayLike]:
    """The name and value of the only argument that is not None."""
    values = [(name, value) for name, value in arguments.items() if value is not None]
    if len(values) != 1:
        named = " and ".join(name for name, _ in values) or "none"
        raise ValueError(f"{what} takes exactly one of {', '.join(arguments)}, got {named}")
    return values[0]


def _number(value: Array) -> Any:
    return value if value.ndim else value.item()


def _parsed(loss: str, distortions: dict[str, float], entropies: dict[str, float]) -> tuple[float, bool]:
    """λ for a weight of 1, and whether the weight multiplies the rate."""
    wanted = (
        f"loss must be the sum of a rate ({', '.join(entropies)}) and a distortion ({', '.join(distortions)}), one of "
        f"them times {WEIGHTS[0]}, got {loss!r}"
    )
    if not isinstance(loss, str):
        raise TypeError(wanted)
    terms: dict[str, tuple[float, int]] = {}  # factor and number of weights, of the rate and of the distortion
    for term in loss.split("+"):
        coefficient, weights, kinds = 1.0, 0, []
        for word in re.split(r"(?<!\*)\*(?!\*)|·", term):
            name = word.strip()
            if name in WEIGHTS:
                weights += 1
            elif name in entropies:
                kinds.append(("rate", 1.0 / entropies[name]))
            elif name in distortions:
                kinds.append(("distortion", 1.0 / distortions[name]))
            elif match := POWER.fullmatch(name.replace(" ", "")):
                coefficient *= _power(match, wanted)
            else:
                raise ValueError(f"{wanted}: {name!r} is none of them")
        if len(kinds) != 1 or kinds[0][0] in terms:
            raise ValueError(wanted)
        terms[kinds[0][0]] = coefficient * kinds[0][1], weights
    weighted = sorted(weights for _, weights in terms.values())
    if weighted != [0, 1] or not all(0.0 < factor < math.inf for factor, _ in terms.values()):
        raise ValueError(wanted)
    return terms["distortion"][0] / terms["rate"][0], terms["rate"][1] == 1


def _power(match: re.Match[str], wanted: str) -> float:
    """The value of a number or of a power."""
    exponent = match[2] or ("2" if match[0].endswith("²") else "1")
    try:
        return math.pow(float(match[1]), float(exponent))
    except (ValueError, OverflowError):
        raise ValueError(f"{wanted}: {match[0]!r} is no number") from None

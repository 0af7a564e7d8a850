"""Whether the δ of a spectrum is nondecreasing on [0, ½], decided exactly."""

from __future__ import annotations

from math import lcm
from typing import Any

from flint import ctx, fmpz_poly

from .models import BallSpectrum

PRECISIONS = 53, 512, 4096  # bits, tried one after the other


def is_monotone(model: BallSpectrum) -> bool:
    """Whether δ′(u) = 4π sin(2πu) Q(cos 2πu) is never negative on [0, ½], Q = Σ k c_k U_{k−1}.

    Q has rational coefficients; it must be nonnegative on [−1, 1], so that its zeros of odd order, isolated in
    balls, are not inside.
    """
    scale = lcm(*(c.denominator for c in model.energies.values()))
    polynomial = fmpz_poly([])
    for k, energy in model.energies.items():
        polynomial += int(k * energy * scale) * fmpz_poly.chebyshev_u(k - 1)
    # zeros at −1 and 1 do not change the sign between them
    for end in (fmpz_poly([1, 1]), fmpz_poly([1, -1])):
        while not polynomial % end:
            polynomial //= end
    if polynomial(0) < 0 or polynomial(1) < 0:
        return False
    _, factors = polynomial.factor_squarefree()
    return not any(order % 2 and _crosses(factor) for factor, order in factors)


def _crosses(factor: fmpz_poly) -> bool:
    """Whether a polynomial without multiple zeros, not 0 at −1 and 1, has a zero between."""
    for precision in PRECISIONS:
        with ctx.workprec(precision):
            pairs: list[Any] = factor.complex_roots()  # of zeros and multiplicities, whatever the stubs say
            roots = [root.real for root, _ in pairs if root.imag.is_zero()]
            if any(-1 < root < 1 for root in roots):
                return True
            if all(root < -1 or root > 1 for root in roots):
                return False
    raise ArithmeticError("a zero of δ′ could not be told from an end of [0, ½]")

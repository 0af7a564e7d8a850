"""Whether the δ of a spectrum is nondecreasing on [0, ½], decided exactly."""

from __future__ import annotations

from itertools import pairwise
from math import lcm

from flint import fmpz_poly

from .models import BallSpectrum


def is_monotone(model: BallSpectrum) -> bool:
    """Whether δ′(u) = 4π sin(2πu) Q(cos 2πu) is never negative on [0, ½], Q = Σ k c_k U_{k−1}.

    Q has rational coefficients. It is nonnegative on [−1, 1] if and only if it is positive somewhere inside and has
    no zero of odd order there.
    """
    scale = lcm(*(c.denominator for c in model.energies.values()))
    polynomial = fmpz_poly([])
    for k, energy in model.energies.items():
        polynomial += int(k * energy * scale) * fmpz_poly.chebyshev_u(k - 1)
    # zeros at −1 and 1 do not change the sign inside
    for end in (fmpz_poly([1, 1]), fmpz_poly([1, -1])):
        while not polynomial % end:
            polynomial //= end
    if polynomial(0) < 0 or polynomial(1) < 0:
        return False
    _, factors = polynomial.factor_squarefree()
    return not any(order % 2 and _crosses(factor) for factor, order in factors)


def _crosses(factor: fmpz_poly) -> bool:
    """Whether a polynomial without multiple zeros, not 0 at −1 and 1, has a zero between them.

    It is decided by bisection with Descartes' rule of signs (Collins and Akritas 1976), in exact arithmetic: if the
    coefficients of (1 + x)ⁿ q(1/(1 + x)) have no change of sign, q has no zero in (0, 1); one change means one zero.
    """
    further = fmpz_poly([1, 1])
    parts = [factor(fmpz_poly([-1, 2]))]
    while parts:
        part = parts.pop()
        signs = [int(x > 0) for x in fmpz_poly(part.coeffs()[::-1])(further).coeffs() if x]
        changes = sum(a != b for a, b in pairwise(signs))
        if changes == 1:
            return True
        if changes:
            top = part.degree()
            left = fmpz_poly([x << (top - i) for i, x in enumerate(part.coeffs())])
            right = left(further)
            if right(0) == 0:
                return True
            parts += [left, right]
    return False

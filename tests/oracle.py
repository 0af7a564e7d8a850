"""The quantities of the package in 50-digit arithmetic, in nats, written from the mathematics alone.

Sources are named as in the package: "ramp", "circle", "sinusoid", "sawbridge", "uniform", "power:a".
A distortion or an entropy is exactly the double given, and so is a. Every root is bracketed and its residual
checked.
"""

from collections.abc import Callable
from functools import cache, wraps
from itertools import pairwise

from mpmath import mp, mpf

DIGITS = 60
CHAIN = 32


def _cached(function: Callable) -> Callable:
    """Remember the values of ``function(source, double)``; leave mpmath's precision as it was found."""
    remembered = cache(function)

    @wraps(function)
    def call(source: str, number: float) -> object:
        with mp.workdps(DIGITS):
            return remembered(source, float(number))

    return call


@cache
def cell_distortion(source: str) -> Callable[[mpf], mpf]:
    """Return p ↦ d(p), to the working precision, with d(0) = 0."""

    def circle(p: mpf) -> mpf:
        if not p:
            return mpf(0)
        with mp.extraprec(max(0, -2 * mp.mag(p))):  # 1 − sinc² ~ (πp)²/3 cancels as many bits
            return p * (1 - (mp.sinpi(p) / (mp.pi * p)) ** 2)

    if source.startswith("power:"):
        a = mpf(float(source.removeprefix("power:")))
        return lambda p: p ** (a + 1) / ((a + 1) * (a + 2))
    return {
        "ramp": lambda p: p**2 * (2 - p) / 12,
        "circle": circle,
        "sinusoid": lambda p: circle(p) / 2,
        "sawbridge": lambda p: p**2 / 6,
        "uniform": lambda p: p**3 / 12,
    }[source]


def _root(f: Callable[[mpf], mpf], lo: mpf, hi: mpf, tol: mpf) -> mpf:
    """Return x in [lo, hi] with |f(x)| ≤ tol: the Illinois rule, with a bisection every fourth step."""
    f_lo, f_hi = f(lo), f(hi)
    for x, residual in ((lo, f_lo), (hi, f_hi)):
        if abs(residual) <= tol:
            return x
    if f_lo * f_hi > 0:
        raise ArithmeticError(f"no sign change on [{mp.nstr(lo)}, {mp.nstr(hi)}]")
    moved = ""
    for step in range(1, 16 * mp.prec):
        x = (lo + hi) / 2 if step % 4 == 0 else (lo * f_hi - hi * f_lo) / (f_hi - f_lo)
        residual = f(x)
        if abs(residual) <= tol:
            return x
        if residual * f_hi > 0:
            hi, f_hi, f_lo = x, residual, f_lo / 2 if moved == "hi" else f_lo
            moved = "hi"
        else:
            lo, f_lo, f_hi = x, residual, f_hi / 2 if moved == "lo" else f_hi
            moved = "lo"
    raise ArithmeticError(f"residual {mp.nstr(residual)} exceeds {mp.nstr(tol)} at {mp.nstr(x)}")


def _log_size(source: str, D: mpf, tol: mpf) -> mpf:
    """Return t = log p where d(p)/p = D < D_max; log d(p)/p is nearly linear in t however small D is."""
    d = cell_distortion(source)

    def f(t: mpf) -> mpf:
        p = mp.exp(t)
        return mp.log(d(p) / (p * D))

    lo = mpf(-1)
    while f(lo) > 0:
        lo *= 2
    return _root(f, lo, mpf(0), tol)


def _digits_for(count: int | mpf) -> int:
    """Return 60 decimal digits and as many again as hold the second differences of D_K at K = count."""
    return DIGITS + 2 * int(mp.log10(count) + 1)


@cache
def level(source: str, K: int) -> mpf:
    """Return D_K = K d(1/K), the distortion of K equal cells."""
    with mp.workdps(_digits_for(K)):
        return K * cell_distortion(source)(1 / mpf(K))


@cache
def max_distortion(source: str) -> mpf:
    """Return D_max = d(1)."""
    return level(source, 1)


@_cached
def partition(source: str, D: float) -> tuple[int, mpf]:
    """Return (K, ε) with D_K ≥ D > D_{K+1} and K d((1 − ε)/K) + d(ε) = D, 0 ≤ ε ≤ 1/(K + 1)."""
    if mpf(D) >= max_distortion(source):
        return 1, mpf(0)
    d = cell_distortion(source)
    with mp.workdps(_digits_for(mp.exp(-_log_size(source, mpf(D), mpf("1e-20"))))):
        K = max(1, int(mp.exp(-_log_size(source, mpf(D), mpf(10) ** (10 - mp.dps)))))
        K += (level(source, K + 1) >= D) - (level(source, K) < D)
        if not level(source, K) >= D > level(source, K + 1):
            raise ArithmeticError(f"K = {K} does not bracket D = {D!r}")
        span = level(source, K) - level(source, K + 1)
        odd = _root(lambda e: K * d((1 - e) / K) + d(e) - D, mpf(0), 1 / mpf(K + 1), span * mpf("1e-50"))
        return K, odd


def _entropy_of(K: int, odd: mpf) -> mpf:
    """Return the entropy of K cells of (1 − ε)/K and one of ε."""
    return -(1 - odd) * mp.log((1 - odd) / K) - (odd * mp.log(odd) if odd else 0)


@_cached
def entropy(source: str, D: float) -> mpf:
    """Return E(D), the entropy of the biuniform partition of distortion D."""
    return _entropy_of(*partition(source, D))


@_cached
def distortion(source: str, H: float) -> mpf:
    """Return the D at which E(D) = H."""
    d = cell_distortion(source)
    with mp.workdps(_digits_for(mp.exp(H))):
        K = int(mp.exp(H))  # log K ≤ H < log(K + 1): no integer but 1 has a double for its logarithm
        span = mp.log(K + 1) - mp.log(K)
        odd = _root(lambda e: _entropy_of(K, e) - H, mpf(0), 1 / mpf(K + 1), span * mpf("1e-50"))
        return K * d((1 - odd) / K) + d(odd)


@cache
def tangent_size(source: str) -> mpf:
    """Return the p whose chord to (D_max, 0) is the shallowest: there the dual turns straight; 1 if none.

    With x(p) = d(p)/p the steepness log(1/p)/(D_max − x) falls while g = p x′ log(1/p) − (D_max − x) < 0.
    """
    with mp.workdps(2 * DIGITS):  # the derivative is a difference quotient of half the digits
        d = cell_distortion(source)

        def x(p: mpf) -> mpf:
            return d(p) / p

        def g(p: mpf) -> mpf:
            return -p * mp.diff(x, p) * mp.log(p) - (max_distortion(source) - x(p))

        grid = [mpf(j) / 64 for j in range(1, 64)]
        bracket = next(((lo, hi) for lo, hi in pairwise(grid) if g(lo) < 0 <= g(hi)), None)
        return _root(g, *bracket, mpf("1e-55")) if bracket else mpf(1)


@_cached
def dual(source: str, D: float) -> mpf:
    """Return the dual bound: the lower convex envelope of the curve (d(p)/p, −log p), 0 < p ≤ 1, at D."""
    D_max, p = max_distortion(source), tangent_size(source)
    if mpf(D) >= D_max:
        return mpf(0)
    D_tangent = cell_distortion(source)(p) / p
    if mpf(D) > D_tangent:
        return -mp.log(p) * (D_max - D) / (D_max - D_tangent)
    return -_log_size(source, mpf(D), mpf("1e-55"))


@cache
def vertices(source: str) -> tuple[int, ...]:
    """Return the K ≤ 32 at which (D_K, log K) is a vertex of the lower convex hull of these points."""
    with mp.workdps(DIGITS):
        hull: list[int] = []
        for K in range(1, CHAIN + 1):
            while len(hull) > 1 and _steepness(source, hull[-1], K) <= _steepness(source, hull[-2], hull[-1]):
                hull.pop()
            hull.append(K)
        return tuple(hull)


def _steepness(source: str, J: int, K: int) -> mpf:
    """Return minus the slope from (D_J, log J) to (D_K, log K), J < K."""
    return (mp.log(K) - mp.log(J)) / (level(source, J) - level(source, K))


@_cached
def hull(source: str, D: float) -> mpf:
    """Return the lower convex hull of the points (D_K, log K), K = 1, 2, …, at D."""
    if mpf(D) >= max_distortion(source):
        return mpf(0)
    K, _ = partition(source, D)
    with mp.workdps(_digits_for(K)):
        if K < CHAIN - 1:
            J, K = next((J, K) for J, K in pairwise(vertices(source)) if level(source, K) < D)
        else:
            J, K = K, K + 1
            slopes = [_steepness(source, i, i + 1) for i in (J - 1, J, J + 1)]
            if not slopes[0] < slopes[1] < slopes[2]:
                raise ArithmeticError(f"the levels are not convex at K = {K}")
        return mp.log(J) + _steepness(source, J, K) * (level(source, J) - D)

"""Scalar functions of one source family each, and the compiled loops over them.

Every function here is plain Python on floats: it runs interpreted for a few points and is compiled by numba
for many (`loops`). No validation, no defaults, natural logarithms. A *model* is a module with

    size(c, D)      p with d(p)/p = D, the size of the cells that the dual bound uses
    rate(c, D)      −ln size(c, D), accurate also where size is near 1
    split(c, D)     (K, ε) of the biuniform partition at distortion D; K = 0 where K would exceed 2⁵⁰
    fast(c, D)      the same up to D = FAST·D_max, in straight lines if it can be, for compilers to vectorise
    mean(c, p)      d(p)/p
    mean_at(c, n)   d(p)/p at p = exp(−n), also where that p underflows

where c = (D_max rounded to double, the rest of D_max, parameters…).
"""

"""Scalar functions, one module for each source family, and the compiled loops over them.

Every function here is plain Python on floats: it runs interpreted for a few points and is compiled by numba for many
(`loops`), with the same bits. There is no validation, there are no defaults, and logarithms are natural. A *model* is
a module with

    Parameters      the parameters of a source of the family: a NamedTuple whose first fields are `maximum` and
                    `rest`, D_max rounded to double and its rounding error
    LINEAR          which of the other fields are proportional to the distortion
    size(…, D)      p with d(p)/p = D, the size of the cells that the dual bound uses
    rate(…, D)      −ln size(…, D), accurate also where size is near 1
    split(…, D)     (K, ε) of the biuniform partition at distortion D; K = 0 where K would exceed 2⁵⁰
    fast(…, D)      the same up to D = FAST·D_max, without branches where possible, so that compilers vectorise it
    mean(…, p)      d(p)/p
    mean_at(…, n)   d(p)/p at p = exp(−n), also where that p underflows

where … are the parameters. The interpreted model of any other function (`general`) has neither LINEAR nor `fast`.
"""

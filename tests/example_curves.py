"""Curves that several tests save, draw and compare."""

import dataclasses
import math

import edcurve as ed
import numpy as np
from bits import same_bits

COLUMNS = ("distortion", "entropy", "upper", "lower", "hull")
ARRAYS = (*COLUMNS, "cells", "cells_distortion")
NAMES = ("α – “β”", 'say "hi"\\n', "it's, a; comma", "two\nlines <&>%s{0}", "$x_1", "a$\\no$ _^{", "日本", "", "é$\\é")
ONE_HARMONIC = ed.Source.from_spectrum([1.0])
# (★) is violated here: at D = 0.7552236 the optimum is (0.744, 0.128, 0.128)
GEOMETRIC = ed.Source.from_spectrum(2.0 ** -np.arange(1, 30), name="2^-k")


def identical(a, b):
    """Whether two curves agree in every bit, without their own comparison."""
    plain = ("source", "base", "status")
    return all(getattr(a, name) == getattr(b, name) for name in plain) and all(
        same_bits(getattr(a, name), getattr(b, name)) for name in ARRAYS
    )


def curve_with_violations():
    return ed.curve(GEOMETRIC, [0.9, GEOMETRIC.max_distortion, 0.7552236], base=math.e)


def curve_with_infinity():
    return dataclasses.replace(ed.curve("ramp", [0.0, 1e-9, 0.01, 0.05, 0.2], base=math.e), source=NAMES[-1])

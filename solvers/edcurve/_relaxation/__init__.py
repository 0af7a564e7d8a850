"""Convex and integer programs behind `edcurve.relaxation`, which share no algorithm with the core."""

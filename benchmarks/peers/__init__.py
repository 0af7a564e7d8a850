"""Edcurve beside the alternatives of a user: the same problem, the same accuracy, one run."""

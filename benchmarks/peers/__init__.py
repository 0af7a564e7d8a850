"""Edcurve beside what a user would otherwise do: the same problem, the same accuracy, one run."""

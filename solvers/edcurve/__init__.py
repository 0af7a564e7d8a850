"""Exact entropy-distortion functions of sources on one-parameter manifolds."""

__version__ = "0.1.0.dev0"

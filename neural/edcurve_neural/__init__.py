"""The paper's neural compressors, many trained at once, and their gap to the optimum."""

from . import functional
from .config import Config
from .evaluation import Decomposition, Evaluation, evaluate
from .models import NTC
from .runs import Run
from .training import train, train_many

__all__ = [
    "NTC",
    "Config",
    "Decomposition",
    "Evaluation",
    "Run",
    "evaluate",
    "functional",
    "train",
    "train_many",
]

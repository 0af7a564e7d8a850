"""The paper's neural compressors, many trained at once, and their gap to the optimum."""

from . import functional
from .config import Config, grid
from .evaluation import Decomposition, Evaluation, evaluate
from .files import DamagedFileError
from .models import NTC
from .runs import Run
from .store import Store
from .sweeps import Sweep, sweep
from .training import train, train_many

__all__ = [
    "NTC",
    "Config",
    "DamagedFileError",
    "Decomposition",
    "Evaluation",
    "Run",
    "Store",
    "Sweep",
    "evaluate",
    "functional",
    "grid",
    "sweep",
    "train",
    "train_many",
]

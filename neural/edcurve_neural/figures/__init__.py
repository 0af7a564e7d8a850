"""The paper's figures with trained compressors beside the optimum, from a store or from shipped results.

Reading tables and drawing need no PyTorch; reading a store does.
"""

from .loading import Trained, load
from .summary import by_batch, by_steps, by_training_set, finer, markdown, parts
from .tables import read_runs
from .writing import draw

__all__ = [
    "Trained",
    "by_batch",
    "by_steps",
    "by_training_set",
    "draw",
    "finer",
    "load",
    "markdown",
    "parts",
    "read_runs",
]

"""The paper's neural compressors, many trained at once, and their gap to the optimum.

The public names are imported from their modules when they are first used, so that `edcurve_neural.figures` draws
results without PyTorch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import baselines, coding, functional
    from .baselines import ecvq, phase_quantizer, transform_coding
    from .coding import Coded, compress, decompress, read_indices, write_indices
    from .compressors.circular import Circular
    from .compressors.codebook import Codebook
    from .compressors.ntc import NTC
    from .config import Config, grid
    from .evaluation import Decomposition, Evaluation, evaluate
    from .files import DamagedFileError
    from .manifolds import from_file, from_samples
    from .runs import Run
    from .store import Store
    from .training import train, train_many
    from .training.executors import cluster, processes
    from .training.sweeps import Sweep, sweep

_MODULES = {
    "baselines": ("ecvq", "phase_quantizer", "transform_coding"),
    "compressors.circular": ("Circular",),
    "compressors.codebook": ("Codebook",),
    "coding": ("Coded", "compress", "decompress", "read_indices", "write_indices"),
    "config": ("Config", "grid"),
    "evaluation": ("Decomposition", "Evaluation", "evaluate"),
    "training.executors": ("cluster", "processes"),
    "files": ("DamagedFileError",),
    "manifolds": ("from_file", "from_samples"),
    "compressors.ntc": ("NTC",),
    "runs": ("Run",),
    "store": ("Store",),
    "training.sweeps": ("Sweep", "sweep"),
    "training": ("train", "train_many"),
}
_SUBMODULES = ("baselines", "coding", "figures", "functional")
_EXTRAS = {"torch": "neural", "safetensors": "neural", "threadpoolctl": "neural", "constriction": "coding"}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "NTC",
    "Circular",
    "Codebook",
    "Coded",
    "Config",
    "DamagedFileError",
    "Decomposition",
    "Evaluation",
    "Run",
    "Store",
    "Sweep",
    "baselines",
    "cluster",
    "coding",
    "compress",
    "decompress",
    "ecvq",
    "evaluate",
    "from_file",
    "from_samples",
    "functional",
    "grid",
    "phase_quantizer",
    "processes",
    "read_indices",
    "sweep",
    "train",
    "train_many",
    "transform_coding",
    "write_indices",
]


def __getattr__(name: str) -> object:
    if name in _SUBMODULES:
        return import_module(f".{name}", __name__)
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        value = getattr(import_module(f".{_HOME[name]}", __name__), name)
    except ModuleNotFoundError as error:
        if error.name in _EXTRAS:
            extra, module = _EXTRAS[error.name], error.name
            message = f"edcurve_neural.{name} needs the extra {extra}: pip install 'edcurve[{extra}]' ({error})"
            raise ModuleNotFoundError(message, name=module) from None
        raise
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_SUBMODULES, *_HOME})

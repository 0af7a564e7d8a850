"""The paper's neural compressors, many trained at once, and their gap to the optimum.

`__init__.pyi` lists the public names. Each is imported from its module on first use, so that `edcurve_neural.figures`
draws results without PyTorch.
"""

import importlib
import sys

import lazy_loader

__part_of_edcurve__ = True  # warnings point at the line outside, see `edcurve.validation.warn`
_EXTRAS = {"torch": "neural", "safetensors": "neural", "threadpoolctl": "neural", "constriction": "coding"}
_attribute, __dir__, _names = lazy_loader.attach_stub(__name__, __file__)
__all__ = [name for name in _names if name != "figures"]


def __getattr__(name: str) -> object:
    try:
        if "torch" not in sys.modules and name != "figures":
            from edcurve.apart import apart  # late, as nothing here is needed to list commands

            apart(lambda: importlib.import_module("torch"))
        return _attribute(name)
    except ModuleNotFoundError as error:
        if error.name not in _EXTRAS:
            raise
        extra = _EXTRAS[error.name]
        message = f"edcurve_neural.{name} needs the extra {extra}: pip install 'edcurve[{extra}]' ({error})"
        raise ModuleNotFoundError(message, name=error.name) from None

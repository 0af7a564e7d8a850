"""Exact entropy-distortion functions of sources on one-parameter manifolds.

`__init__.pyi` lists the public names. Each is imported from its module when it is first used, so that the command line
can say ``--help`` without the numerical libraries.
"""

import lazy_loader

__version__ = "0.1.0.dev0"
__part_of_edcurve__ = True  # read by `validation.warn`

__getattr__, __dir__, _names = lazy_loader.attach_stub(__name__, __file__)
# without what needs an extra, so that `from edcurve import *` does not
__all__ = [name for name in _names if name not in ("Certificate", "certificate", "certify")]

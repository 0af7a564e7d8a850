"""Rigorous enclosures of E(D), in ball arithmetic; needs python-flint (the extra ``certificate``).

`__init__.pyi` lists the public names. They are imported on first use, so that ``python -m edcurve.certificate.check``
loads the checker and nothing of the program that wrote the certificate.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

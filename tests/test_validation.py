"""`validation.warn` points at the line that called the package, through whatever parts of it the call went."""

import inspect
import sys
import types
import warnings

import pytest
from edcurve import validation


def caught_from(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    (warning,) = caught
    return warning.filename, warning.lineno


@pytest.mark.torch
def test_a_warning_of_the_neural_part_points_at_the_caller():
    import edcurve_neural as edn

    code = edn.phase_quantizer("circle", 4096.0)

    def call():
        edn.evaluate(code.encode, code.decode, "circle", code.rate, points=64)

    assert caught_from(call) == (__file__, inspect.getsourcelines(call)[1] + 1)


@pytest.mark.parametrize(("package", "is_part"), [("edcurve_extra", True), ("edcurve_study", False), ("lazy", False)])
def test_what_is_part_of_the_package_says_so(monkeypatch, package, is_part):
    """A name that begins alike is no sign, nor what a lazy package answers when it is asked for an attribute."""
    module = types.ModuleType(package)
    if is_part:
        module.__part_of_edcurve__ = True
    module.__getattr__ = lambda name: True
    monkeypatch.setitem(sys.modules, package, module)
    inner = {"__name__": f"{package}.inner", "warn": validation.warn}
    exec(compile("def call():\n    warn('look here')\n", "inner.py", "exec"), inner)
    line = inspect.currentframe().f_lineno + 1
    where = caught_from(lambda: inner["call"]())
    assert where == ((__file__, line) if is_part else ("inner.py", 2))

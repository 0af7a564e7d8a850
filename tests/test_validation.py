"""`validation.warn` points at the line that called the package, through any of its modules."""

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
def test_which_modules_belong_to_the_package(monkeypatch, package, is_part):
    """Neither similar names count, nor attributes of lazy packages."""
    module = types.ModuleType(package)
    if is_part:
        module.__part_of_edcurve__ = True
    module.__getattr__ = lambda name: True
    monkeypatch.setitem(sys.modules, package, module)
    inner = {"__name__": f"{package}.inner", "warn": validation.warn}
    exec(compile("def call():\n    warn('look here')\n", "inner.py", "exec"), inner)
    line = inspect.currentframe().f_lineno + 1
    location = caught_from(lambda: inner["call"]())
    assert location == ((__file__, line) if is_part else ("inner.py", 2))

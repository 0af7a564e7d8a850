"""Imports go down and never in a circle, and the core does not depend on packages built on it.

Every import counts: those in functions, those for type checkers, `import_module` of a literal, and the names that a
package lists in its `__init__.pyi`, which are imported when they are first used.
"""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {"edcurve": ROOT / "solvers/edcurve", "edcurve_neural": ROOT / "neural/edcurve_neural"}

# The layers from top to bottom. A module may import from its own package and from layers below, not from neighbours.
FLOORS = (
    ("edcurve_neural.cli",),
    ("edcurve_neural.figures", "edcurve_neural.training"),
    ("edcurve_neural.store", "edcurve_neural.coding"),
    ("edcurve_neural.runs",),
    ("edcurve_neural.evaluation", "edcurve_neural.baselines"),
    ("edcurve_neural.data_evaluation",),
    ("edcurve_neural.callers", "edcurve_neural.decomposition"),
    ("edcurve_neural.config",),
    ("edcurve_neural.compressors",),
    ("edcurve_neural.learning_phases",),
    ("edcurve_neural.optimisation", "edcurve_neural.signals"),
    ("edcurve_neural.manifolds", "edcurve_neural.moments", "edcurve_neural.readout"),
    ("edcurve_neural.functional", "edcurve_neural.random_streams", "edcurve_neural.files", "edcurve_neural"),
    ("edcurve.__main__",),
    ("edcurve.cli",),
    ("edcurve.reporting",),
    ("edcurve.plotting",),
    ("edcurve.curves",),
    ("edcurve.vectors",),
    ("edcurve.drawing", "edcurve.shannon", "edcurve.certificate", "edcurve.relaxation"),
    ("edcurve.linear", "edcurve.optimum", "edcurve.segmentation", "edcurve.inequalities"),
    ("edcurve.search", "edcurve.codes"),
    ("edcurve.measurement",),
    ("edcurve.sources",),
    ("edcurve.kernels",),
    ("edcurve.io", "edcurve.progress", "edcurve.apart", "edcurve.versions"),
    ("edcurve.units",),
    ("edcurve.validation", "edcurve.equality", "edcurve"),
)


def modules() -> Iterator[tuple[str, Path]]:
    """Every module and its file; a package is the module of its `__init__.py`."""
    for package, folder in FOLDERS.items():
        for path in sorted(folder.rglob("*.py")):
            parts = path.relative_to(folder).with_suffix("").parts
            yield ".".join((package, *parts)).removesuffix(".__init__"), path


FILES = dict(modules())


def is_package(name):
    return FILES[name].name == "__init__.py"


def base_of(name, node):
    """The module that `from … import …` names in a module, relative or not."""
    if not node.level:
        return node.module
    package = name if is_package(name) else name.rpartition(".")[0]
    for _ in range(node.level - 1):
        package = package.rpartition(".")[0]
    return f"{package}.{node.module}" if node.module else package


def public_names(name):
    """The module of each name of a package, from its `__init__.pyi`."""
    stub = FILES[name].with_suffix(".pyi")
    if not (is_package(name) and stub.exists()):
        return {}
    listed = [node for node in ast.parse(stub.read_text(encoding="utf-8")).body if isinstance(node, ast.ImportFrom)]
    return {
        alias.name: module if (module := f"{base_of(name, node)}.{alias.name}") in FILES else base_of(name, node)
        for node in listed
        for alias in node.names
    }


PUBLIC = {name: public_names(name) for name in FILES}


def led_to(module, name=None):
    """The module that an import leads to; None outside the project, or for the version only."""
    if f"{module}.{name}" in FILES:
        return f"{module}.{name}"
    if name == "__version__":
        return None
    return PUBLIC.get(module, {}).get(name, module if module in FILES else None)


def every_import(name, tree):
    """The modules that imports anywhere in a module lead to."""
    roots = {}  # the alias of `import edcurve as ed`, used as ed.lagrangian
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (led_to(base_of(name, node), alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            roots |= {alias.asname or alias.name: alias.name for alias in node.names if alias.name in FOLDERS}
            yield from (led_to(alias.name) for alias in node.names if alias.name not in FOLDERS)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from (led_to(argument.value) for argument in node.args if isinstance(argument, ast.Constant))
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in roots:
            yield led_to(roots[node.value.id], node.attr)


def imported(name, text):
    return {module for module in every_import(name, ast.parse(text)) if module not in (None, name)}


FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


@pytest.fixture(scope="module")
def graph():
    """What each module imports."""
    return {name: imported(name, path.read_text(encoding="utf-8")) for name, path in FILES.items()}


def room_of(name):
    return ".".join(name.split(".")[:2])


def goes_down(name, other):
    return room_of(name) == room_of(other) or FLOOR[room_of(name)] < FLOOR[room_of(other)]


def test_every_module_has_a_layer():
    assert {room_of(name) for name in FILES} == set(FLOOR)


def test_imports_go_down(graph):
    up = {(name, module) for name, imports in graph.items() for module in imports if not goes_down(name, module)}
    assert up == set()


def test_imports_make_no_circle(graph):
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_the_core_does_not_name_the_neural_part():
    files = [path for path in (ROOT / "solvers").rglob("*") if path.suffix in {".py", ".pyi", ".css", ".js", ".json"}]
    assert len(files) > 100
    assert [path for path in files if "edcurve_neural" in path.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize(
    ("text", "module"),
    [
        ("from .search import SearchResult", "edcurve.search"),
        ("from . import search", "edcurve.search"),
        ("import edcurve.search as other", "edcurve.search"),
        ("def later():\n    from edcurve import search", "edcurve.search"),
        ("if TYPE_CHECKING:\n    from .cli.common import offer", "edcurve.cli.common"),
        ("importlib.import_module('edcurve.cli.common')", "edcurve.cli.common"),
        ("from edcurve import lagrangian", "edcurve.optimum.sweeps"),
        ("import edcurve as ed\ned.lagrangian('ramp', 1.0)", "edcurve.optimum.sweeps"),
        ("from edcurve.certificate import certify", "edcurve.certificate.certification"),
        ("from . import __version__\nimport numpy", None),
    ],
)
def test_every_kind_of_import_is_found(text, module):
    assert imported("edcurve.curves", text) == ({module} if module else set())

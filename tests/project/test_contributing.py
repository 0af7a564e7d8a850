"""CONTRIBUTING.md: every file, function and folder that the map names exists, and every package folder is on it."""

import ast
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
# the folders of the packages, which may differ from the checkout
PACKAGES = {
    f"{folder}/{name}": Path(next(iter(find_spec(name).submodule_search_locations)))
    for folder, name in (("solvers", "edcurve"), ("neural", "edcurve_neural"))
}
CORE, NEURAL = PACKAGES.values()
BASES = (ROOT, CORE, NEURAL, NEURAL / "compressors")
EQUATIONS = TEXT.partition("<!-- table: equations -->")[2].partition("<!-- end -->")[0]
ROWS = re.findall(r"^\| ([^|]+) \| `([^`]+)` \| `([^`]+)` \|", EQUATIONS, re.MULTILINE)
STEPS = re.findall(r"^\d\. `([^`]+)`, `([^`]+)`", TEXT, re.MULTILINE)


def defined(path):
    """Names of functions, classes and methods in a file."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
    return names


def located(text):
    """The file or folder of a path in the text, from the root, a package, or the folder of compressors."""
    for prefix, folder in PACKAGES.items():
        if text.startswith(f"{prefix}/"):
            return folder / text.removeprefix(f"{prefix}/")
    return next((base / text for base in BASES if (base / text).exists()), ROOT / text)


def test_it_is_one_page():
    assert len(TEXT.splitlines()) <= 150


def test_paths_exist():
    paths = {
        path for path in re.findall(r"`([\w./-]+)`", TEXT) if path.endswith((".py", ".pyi", ".md", "/")) or "/" in path
    }
    assert len(paths) > 25
    assert [path for path in sorted(paths) if not located(path).exists()] == []


@pytest.mark.parametrize(("file", "name"), sorted({(file, name) for _, file, name in ROWS} | set(STEPS)))
def test_names_are_defined_where_it_says(file, name):
    assert name in defined(CORE / file)


def test_equations_have_rows():
    whats = " ".join(what for what, _, _ in ROWS)
    for equation in ("(1)", "(11)", "(37)", "(40)", "(42)", "(56)", "(★)", "Theorems 3", "Theorems 4"):
        assert equation in whats
    assert len(STEPS) >= 5


def test_names_with_a_file_before_them_are_in_it():
    """`file.py`, `name` in the text: λ and the recipes."""
    pairs = re.findall(r"`([\w/]+\.py)`, `(\w+)(?:\.(\w+))?`", TEXT)
    assert len(pairs) >= 10
    for file, *names in pairs:
        assert {name for name in names if name} <= defined(located(file)), file


def test_folders_of_the_packages_are_in_the_tree():
    (tree,) = re.findall(r"^    solvers/.*?(?=^\S)", TEXT, re.MULTILINE | re.DOTALL)
    for package in PACKAGES.values():
        rooms = {file.parent.name for file in package.glob("*/__init__.py")}
        assert len(rooms) >= 5
        assert {room for room in rooms if f"{room}/" not in tree} == set()
    modules = {file.name for file in CORE.glob("*.py")} - {
        "__init__.py",
        "__main__.py",
        "versions.py",
    }
    assert {module for module in modules if module not in tree} == set()

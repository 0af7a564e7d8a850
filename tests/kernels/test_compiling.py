"""One module compiles kernels, and names cache files after everything that determines them."""

import ast
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import edcurve as ed

PACKAGE = Path(ed.__file__).parent
COMPILERS = {"njit", "jit", "vectorize", "guvectorize", "cfunc", "stencil", "register_jitable"}
FINGERPRINTS = """
from edcurve.kernels import compiling, loops
from edcurve.mine import alone, caller
print(*map(compiling.fingerprint, (loops, alone, caller)))
"""
MODULES = {
    "mine/alone.py": "def one(x):\n    return x\n",
    "mine/caller.py": "from edcurve.elsewhere.halves import half\n",
    "mine/unused.py": "",
    "elsewhere/halves.py": "def half(x):\n    return 0.5 * x\n",
}


def names(path):
    """Names that a file imports or reads as attributes."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.Attribute):
            yield node.attr


def test_one_module_compiles():
    folders = [PACKAGE, PACKAGE.parents[1] / "neural" / "edcurve_neural"]
    paths = [path for folder in folders for path in folder.rglob("*.py")]
    assert [path.name for path in paths if COMPILERS & set(names(path))] == ["compiling.py"]


def fingerprints(folder):
    run = subprocess.run(
        [sys.executable, "-c", FINGERPRINTS],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(folder)},
    )
    return run.stdout.split()


def test_a_fingerprint_covers_what_a_kernel_calls_and_how_it_is_compiled(tmp_path):
    package = tmp_path / "edcurve"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, source in MODULES.items():
        (package / name).parent.mkdir(exist_ok=True)
        (package / name).write_text(source, encoding="utf-8")
    result = [fingerprints(tmp_path)]
    for changed in ("mine/unused.py", "elsewhere/halves.py", "kernels/compiling.py"):
        with (package / changed).open("a", encoding="utf-8") as file:
            file.write("\n")
        result.append(fingerprints(tmp_path))
    same = [[old == new for old, new in zip(*pair, strict=True)] for pair in pairwise(result)]
    # of loops, and of two modules in a folder, one of which calls into another folder; one file compiles all
    assert same == [[True, False, False], [True, True, False], [False, False, False]]

"""Compiled loops are cached on disk; the cache is reused, never outdated, and optional."""

import hashlib
import json
import shutil
from pathlib import Path

import edcurve as ed
import numpy as np
from fuzz import cache
from new_process import as_a_user, no_files, posix, python

PACKAGE = Path(ed.__file__).parent
CACHED = """
import json, sys, numpy as np, edcurve as ed
from edcurve.kernels import circle, cubic, functions, loops
D = np.linspace(1e-6, 0.08, 20_000)
values = [ed.lower_bound("ramp", D), ed.lower_bound("circle", D)]
runs = [(functions.lower, cubic), (functions.lower, circle)]
if "entropy" in sys.argv:
    values.append(ed.entropy_distortion("ramp", D))
    runs.append((functions.entropy, cubic))
stats = [loops.compiled(*run).stats for run in runs]
hits, misses = [sum(getattr(s, kind).total() for s in stats) for kind in ("cache_hits", "cache_misses")]
print(json.dumps([hits, misses, [v[::997].tolist() for v in values], ed.__file__]))
"""


def installed_in(folder):
    """Copy the package into its own folder, as if installed there, without compiled files."""
    shutil.copytree(PACKAGE, folder / "edcurve", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@posix
def test_processes_share_a_fresh_cache(tmp_path):
    """Four at once; `make fuzz` runs eight that also train, whose kernels take longer to compile."""
    code = cache.CORE + cache.PRINTED
    actual = cache.results([cache.start(code, NUMBA_CACHE_DIR=str(tmp_path)) for _ in range(4)])
    assert len(set(actual)) == 1
    assert actual[0] == f"0 {expected()}"
    assert [*tmp_path.rglob("*.nbi")]


def expected():
    """The digest of the results without numba, which are the same to the bit."""
    values = [ed.entropy_distortion("ramp", D) for D in np.linspace(1e-3, 0.08, 100).tolist()]
    return hashlib.sha256(np.array(values).tobytes()).hexdigest()


@posix
def test_without_a_cache_or_a_home(tmp_path):
    """No folder is writable, or the writable one is full: kernels compile silently all the same."""
    package = Path(ed.__file__).parent
    shutil.copytree(package, tmp_path / "edcurve", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "cache").mkdir()
    for path in (tmp_path / "edcurve", *(path for path in tmp_path.rglob("*") if path.is_dir())):
        path.chmod(0o555)
    folders = {name: str(tmp_path / "cache") for name in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME", "MPLCONFIGDIR")}
    code = f"import edcurve; assert edcurve.__file__.startswith({str(tmp_path)!r})\n{cache.CORE}{cache.PRINTED}"
    environment = {**folders, "HOME": None, "PYTHONPATH": str(tmp_path)}
    processes = [cache.start(code, preexec=as_a_user, **environment)]
    (room := tmp_path / "room").mkdir()
    processes.append(cache.start(code, preexec=no_files, PYTHONPATH=str(tmp_path), NUMBA_CACHE_DIR=str(room)))
    actual = cache.results(processes)
    for path in (path for path in tmp_path.rglob("*") if path.is_dir()):
        path.chmod(0o755)
    assert actual == [f"0 {expected()}"] * 2
    assert not [*tmp_path.rglob("*.nb?")]


def test_a_second_process_finds_the_compiled_loops(tmp_path):
    first = json.loads(python(CACHED, "entropy", NUMBA_CACHE_DIR=tmp_path, PYTHONHASHSEED=1))
    second = json.loads(python(CACHED, "entropy", NUMBA_CACHE_DIR=tmp_path, PYTHONHASHSEED=2))
    assert first[:2] == [0, 3]
    assert second[:2] == [3, 0]
    assert first[2] == second[2]


def test_the_cache_does_not_outlive_a_change_of_the_kernels(tmp_path):
    place = {"PYTHONPATH": installed_in(tmp_path), "NUMBA_CACHE_DIR": tmp_path / "cache", "PYTHONDONTWRITEBYTECODE": 1}
    before = json.loads(python(CACHED, **place))
    assert before[3] == str(tmp_path / "edcurve" / "__init__.py")
    edited = tmp_path / "edcurve" / "kernels" / "cubic.py"
    text = edited.read_text(encoding="utf-8")
    assert text.count("return 24.0 * D / (") == 1
    edited.write_text(text.replace("return 24.0 * D / (", "return 23.0 * D / ("), encoding="utf-8")
    after = json.loads(python(CACHED, **place))
    assert after[:2] == [0, 2]
    assert after[2][0] != before[2][0]
    assert after[2][1] == before[2][1]


def test_without_a_place_for_the_cache_and_without_a_compiler(tmp_path):
    # files in place of folders, because permissions do not apply to every user
    root = installed_in(tmp_path)
    (root / "edcurve" / "kernels" / "__pycache__").write_text("a file")
    (root / "home").write_text("a file")
    code = CACHED + "import os, shutil\nassert shutil.which('gcc') is shutil.which('cc') is None\n"
    environment = {
        "PYTHONPATH": root,
        "PATH": "",
        "NUMBA_CACHE_DIR": None,
        "HOME": root / "home",
        "XDG_CACHE_HOME": root / "home" / "cache",
        "IPYTHONDIR": root / "home",
    }
    hits, _, values, path = json.loads(python(code, "entropy", **environment))
    assert hits == 0
    assert not [*root.rglob("*.nbi"), *root.rglob("*.nbc")]
    assert path == str(root / "edcurve" / "__init__.py")
    D = np.linspace(1e-6, 0.08, 20_000)
    assert values[1] == ed.lower_bound("circle", D)[::997].tolist()
    assert values[2] == ed.entropy_distortion("ramp", D)[::997].tolist()


def test_every_loop_has_its_own_cache_file(tmp_path):
    # two processes that add different loops to one file at once can leave it with one loop under the other's key
    python(CACHED, NUMBA_CACHE_DIR=tmp_path)
    assert len([*tmp_path.rglob("*.nbi")]) == len([*tmp_path.rglob("*.nbc")]) == 2

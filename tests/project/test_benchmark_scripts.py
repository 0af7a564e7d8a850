"""The scripts of benchmarks/ fit the package, and tables of which rows are kept say what they lack."""

import importlib.util
import json
import sys
from pathlib import Path

import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SCRIPTS = [
    path for name in ("neural", "surfaces", "unit_vectors", "scoreboard") for path in BENCHMARKS.glob(f"{name}/*.py")
]


@pytest.fixture
def loaded(monkeypatch):
    """Imports a script as `python SCRIPT` does, with its neighbours, and forgets all of them afterwards."""
    before = set(sys.modules)

    def load(path):
        monkeypatch.syspath_prepend(path.parent)
        spec = importlib.util.spec_from_file_location(f"script_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)  # dataclasses look it up there
        spec.loader.exec_module(module)
        return module

    yield load
    neighbours = {path.stem for path in SCRIPTS}
    for name in set(sys.modules) - before:
        if name in neighbours:
            del sys.modules[name]


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_whatever_a_script_imports_is_there(path, loaded):
    if "skimage" in path.read_text(encoding="utf-8"):
        pytest.importorskip("skimage")
    loaded(path)


def test_a_table_goes_on_where_it_was_killed_and_says_what_it_lacks(tmp_path, loaded):
    shared, where, calls = loaded(BENCHMARKS / "neural/shared.py"), tmp_path / "out/table.csv", []
    wanted = [(seed, source) for seed in (0, 1) for source in ("ramp", "circle")]

    def measured(seed, source):
        if len(calls) == 2:
            raise KeyboardInterrupt
        calls.append((seed, source))
        yield {"source": source, "seed": seed, "value": len(calls) / 3.0}

    def about():
        return json.loads(where.with_suffix(".json").read_text(encoding="utf-8"))

    with pytest.raises(KeyboardInterrupt):
        shared.add_rows(where, ("seed", "source"), wanted, measured, "table.py", seeds=[0, 1])
    assert calls == wanted[:2]
    assert about()["left out"] == [{"seed": 1, "source": "ramp"}, {"seed": 1, "source": "circle"}]
    before, calls[:] = where.read_text(encoding="utf-8"), []
    shared.add_rows(where, ("seed", "source"), wanted, measured, "table.py", seeds=[0, 1])
    assert calls == wanted[2:]
    assert where.read_text(encoding="utf-8").startswith(before)
    assert about()["command"] == "python benchmarks/neural/table.py"
    assert "left out" not in about()
    assert len(pd.read_csv(where)) == 4

"""The documentation: its sessions give what they show, its reference is whole, its tables are what was measured."""

import ast
import doctest
import importlib
import importlib.util
import inspect
import json
import re
from fnmatch import fnmatch
from pathlib import Path

import edcurve
import edcurve_neural
import pandas as pd
import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
REFERENCE = (DOCS / "reference.md").read_text(encoding="utf-8")


def listed():
    """Full names in the tables of the reference."""
    module, names = "", []
    for line in REFERENCE.splitlines():
        if match := re.match(r"\.\. currentmodule:: (\S+)", line):
            module = match[1]
        elif match := re.fullmatch(r"   ([A-Za-z][\w.]*)", line):
            names.append(f"{module}.{match[1]}")
    return names


def public():
    """Full names of what is public."""
    for package, others in ((edcurve, ["certify", "Certificate"]), (edcurve_neural, [])):
        for name in [*package.__all__, *others]:
            if not inspect.ismodule(getattr(package, name)):
                yield f"{package.__name__}.{name}"
    for name in ("certificate", "relaxation", "search"):
        yield from (f"edcurve.{name}.{part}" for part in getattr(edcurve, name).__all__)
    yield from (f"edcurve_neural.figures.{part}" for part in edcurve_neural.figures.__all__)
    for module in (edcurve.inequalities, edcurve_neural.functional, edcurve_neural.baselines):
        for name, value in vars(module).items():
            if getattr(value, "__module__", None) == module.__name__ and not name.startswith("_"):
                yield f"{module.__name__}.{name}"


def found(name):
    """What a full name stands for."""
    parts = name.split(".")
    for cut in range(len(parts) - 1, 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            value = getattr(value, part)
        return value
    raise AssertionError(name)


@pytest.mark.parametrize("page", ["start", "theory", "errata"])
def test_sessions(page):
    results = doctest.testfile(str(DOCS / f"{page}.md"), module_relative=False)
    assert results.attempted >= 8
    assert results.failed == 0


@pytest.mark.torch
def test_reference_has_all_that_is_public():
    known = [found(name) for name in listed()]
    missing = [name for name in public() if not any(found(name) is value for value in known)]
    assert missing == []


@pytest.mark.torch
def test_reference_has_nothing_that_is_not_documented():
    names = listed()
    assert len(names) == len(set(names)) > 100
    assert [name for name in names if not inspect.getdoc(found(name))] == []


def test_links_lead_to_files():
    targets = [(page, target) for page in PAGES for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))]
    broken = []
    for page, target in targets:
        if re.match(r"https?:|#", target):
            continue
        path = target.partition("#")[0]
        path = re.sub(r"^auto_(\w+)/(plot_\w+)\.rst$", r"\1/\2.py", path)
        path = re.sub(r"^auto_(\w+)/index\.rst$", r"\1/GALLERY_HEADER.rst", path)
        if not (page.parent / path).exists():
            broken.append((page.name, target))
    assert len(targets) > 30
    assert broken == []


def test_pages_are_in_the_table_of_contents():
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    entries = {line for block in re.findall(r"```\{toctree\}(.*?)```", index, re.DOTALL) for line in block.split()}
    pages = {page.stem for page in DOCS.glob("*.md")} - {"index"}
    assert {page for page in pages if not any(fnmatch(page, entry.strip("<>")) for entry in entries)} == set()


@pytest.mark.parametrize("path", sorted((DOCS / "tutorials").glob("*.py")), ids=lambda path: path.stem)
def test_tutorials_say_what_they_are(path):
    text = path.read_text(encoding="utf-8")
    lines = ast.get_docstring(ast.parse(text)).splitlines()
    assert lines[1] == "=" * len(lines[0])


@pytest.fixture(scope="module")
def pages():
    """The module that makes parts of pages."""
    spec = importlib.util.spec_from_file_location("_pages", DOCS / "_pages.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_table_of_the_readme_is_what_was_measured(pages):
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = pd.read_csv(ROOT / "benchmarks" / "results" / "peers.csv").groupby("peer")["ratio_to_core"]
    starts = {
        "core, one call": "core, one point",
        "core, a point": "core, array",
        "bisection in NumPy, one point": "bisection, one point",
        "SLSQP": "SLSQP",
        "`edcurve.search`": "edcurve.search",
        "convex–concave": "convex–concave",
        "HiGHS": "HiGHS on a grid",
        "trust-constr": "trust-constr",
        "SCIP": "SCIP",
    }
    for start, peer in starts.items():
        row = re.search(rf"^\| {start}[^|]*\|([^|]*)\|([^|]*)\|", text, re.MULTILINE)
        shown = [float(value.replace(" ", "")) for value in row.groups()]
        assert shown == pytest.approx([table.median()[peer], table.max()[peer]], rel=0.1), peer  # one or two digits


def test_tables_of_the_site(pages, tmp_path):
    pages.write(tmp_path)
    peers = pd.read_csv(ROOT / "benchmarks" / "results" / "peers.csv").groupby("peer")
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|", (tmp_path / "peers.md").read_text("utf-8"), re.MULTILINE)
    assert len(rows) == peers.ngroups
    medians = {name: float(median.replace(" ", "")) for name, median, _ in rows}
    assert medians["SCIP, 15 s at most"] == pytest.approx(peers["ratio_to_core"].median()["SCIP"], rel=0.05)
    readme = (tmp_path / "readme.md").read_text(encoding="utf-8")
    assert "docs/images" not in readme
    assert "](neural.md)" in readme


def test_results_of_compressors(pages, tmp_path, monkeypatch):
    results = tmp_path / "benchmarks" / "results"
    (results / "neural").mkdir(parents=True)
    monkeypatch.setattr(pages, "ROOT", tmp_path)
    monkeypatch.setattr(pages, "RESULTS", results)
    assert list(pages.compressors()) == []
    columns = ["source", "lmbda", "seed", "compressor", "excess_percent"]
    rows = [("circle", 4.0, 0, "new", 0.25), ("circle", 4.0, 1, "new", 0.75), ("circle", 32.0, 0, "new", 0.5)]
    pd.DataFrame(rows, columns=columns).to_csv(results / "optimal_compressors.csv", index=False)
    (results / "optimal_compressors.json").write_text(json.dumps({"command": "python this.py"}), encoding="utf-8")
    (text,) = pages.compressors()
    assert "| circle | λ = 4 | λ = 32 |" in text
    assert "| new | 0.75 | 0.5 |" in text  # the worst of the seeds
    assert "made by `python this.py`" in text
    speeds = {"sweep": ["circle"], "loop": [100.0], "threads": [500.0], "processes": [650.0], "by_processor": [7.0]}
    pd.DataFrame(speeds).to_csv(results / "neural" / "speed.csv", index=False)
    assert "| circle | 100 | 500 | 650 | 7 | 6.5 |" in "".join(pages.compressors())

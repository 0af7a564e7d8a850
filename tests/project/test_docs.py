"""The documentation: sessions give the output shown, the reference is complete, tables match measurements."""

import ast
import doctest
import importlib
import importlib.util
import inspect
import json
import re
import sys
from fnmatch import fnmatch
from pathlib import Path

import click
import edcurve
import edcurve as ed
import edcurve_neural
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from edcurve.cli import main
from edcurve.sources import BUILT_IN, FAMILIES
from matplotlib.figure import Figure

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
REFERENCE = "".join((DOCS / f"{page}.md").read_text(encoding="utf-8") for page in ("reference", "extending"))


def listed():
    """Full names in the tables of the reference and of the page for those who extend the package."""
    module, names = "", []
    for line in REFERENCE.splitlines():
        if match := re.match(r"\.\. currentmodule:: (\S+)", line):
            module = match[1]
        elif match := re.fullmatch(r"   ([A-Za-z][\w.]*)", line):
            names.append(f"{module}.{match[1]}")
    return names


def public():
    """Full names of all public objects."""
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


def named(name):
    """The object that a full name stands for."""
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


@pytest.mark.parametrize("page", ["start", "sources", "theory", "errata", "unit_vectors"])
def test_sessions(page):
    results = doctest.testfile(str(DOCS / f"{page}.md"), module_relative=False)
    assert results.attempted >= 8
    assert results.failed == 0


@pytest.mark.torch
def test_reference_has_all_that_is_public():
    documented = [named(name) for name in listed()]
    missing = [name for name in public() if not any(named(name) is value for value in documented)]
    assert missing == []


@pytest.mark.torch
def test_reference_has_nothing_that_is_not_documented():
    names = listed()
    assert len(names) == len(set(names)) > 100
    assert [name for name in names if not inspect.getdoc(named(name))] == []


def headings(page):
    """Anchors that GitHub and the site derive from headings."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_links_lead_to_files():
    targets = [(page, target) for page in PAGES for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8"))]
    broken = []
    for page, target in targets:
        if re.match(r"https?:|#", target):
            continue
        path, _, heading = target.partition("#")
        file = page.parent / path
        if not file.exists() or (heading and heading not in headings(file)):
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


PHASES, TIMES = (np.arange(2048) + 0.5) / 2048, (np.arange(1024) + 0.5) / 1024


def shifted(waveform):
    """Realizations that are functions of time, one in each row."""
    return lambda v: waveform((TIMES + v[:, None]) % 1.0)


SUM, MEAN = np.sum, np.mean
UNITS = {
    "circle": (SUM, lambda v: np.stack([np.cos(2 * np.pi * v), np.sin(2 * np.pi * v)], axis=1)),
    "uniform": (SUM, lambda v: v[:, None]),
    "sinusoid": (MEAN, shifted(lambda t: np.sin(2 * np.pi * t))),
    "ramp": (MEAN, shifted(lambda t: t - 0.5)),
    "sawbridge": (MEAN, lambda v: TIMES - (v[:, None] <= TIMES)),
    "square": (MEAN, shifted(lambda t: np.where(t < 0.5, 1.0, -1.0))),
    "triangle": (MEAN, shifted(lambda t: 1.0 - 4.0 * np.abs(t - 0.5))),
    "pulse:0.25": (MEAN, shifted(lambda t: 1.0 * (t < 0.25))),
    "edge:3": (MEAN, shifted(lambda t: 4 / np.pi * (np.sin(2 * np.pi * t) + np.sin(6 * np.pi * t) / 3))),
}


@pytest.mark.parametrize("name", UNITS)
def test_units_of_sources(name):
    norm, realizations = UNITS[name]
    x = realizations(PHASES)
    error = np.concatenate([norm(np.square(half - half.mean(axis=0)), axis=1) for half in np.split(x, 2)])
    source = ed.quantizer(name, 1e-3).source
    assert np.mean(error) == pytest.approx(2 * source.cell_distortion(0.5), rel=3e-3)
    assert np.mean(norm(np.square(x - x.mean(axis=0)), axis=1)) == pytest.approx(source.max_distortion, rel=3e-3)


def test_units_of_data():
    sine = np.sin(2 * np.pi * np.arange(64) / 64)
    x = np.stack([np.roll(sine, -k) for k in range(64)])
    points = ed.Source.from_samples(x)
    sources = [ed.Source.from_waveform(sine), points, ed.Source.from_samples(x / 8), points.scaled(1 / 8)]
    assert [source.max_distortion for source in sources] == pytest.approx([0.5, 32.0, 0.5, 0.5])  # as the page says
    assert ed.segment(x, 0.0, closed=True).distortion == pytest.approx(32.0)
    assert ed.segment(sine, 0.0).distortion == pytest.approx(0.5)
    assert ed.lagrangian("ramp:64", 0.0).distortion == pytest.approx(1 / 12)
    assert ed.Source.from_spectrum([0.25, 0.5]).max_distortion == 0.75
    assert ed.PowerLaw(1.5).max_distortion == pytest.approx(1 / (2.5 * 3.5))


def test_units_of_files(tmp_path):
    sine = np.sin(2 * np.pi * np.arange(64) / 64)
    np.save(tmp_path / "sine.npy", sine)
    np.save(tmp_path / "shifts.npy", [np.roll(sine, -k) for k in range(64)])
    for name, options, expected in (("sine", ["--waveform"], 0.5), ("shifts", [], 32.0)):
        result = CliRunner().invoke(main, ["curve", str(tmp_path / f"{name}.npy"), *options, "--num", "3", "--json"])
        assert json.loads(result.output)["distortion"][-1] == pytest.approx(expected)


@pytest.mark.torch
def test_units_of_evaluations():
    for name, dim, expected in (("circle", 2, 1.0), ("ramp", 256, 1 / 12)):
        encode, decode = lambda x: np.zeros(len(x), int), lambda i, dim=dim: np.zeros((len(i), dim))
        evaluation = edcurve_neural.evaluate(encode, decode, name, samples=256, points=2**12)
        assert evaluation.distortion == pytest.approx(expected, rel=1e-3)


def table(corner):
    """Rows of a table of choosing.md, by their first cell."""
    text = (DOCS / "choosing.md").read_text(encoding="utf-8") + loaded("_pages").units()
    lines = text.partition(f"| {corner} |")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.strip("| ").split("|")] for line in lines.splitlines()[2:]]
    return {row[0]: row[1:] for row in rows}


@pytest.mark.parametrize("summed", [True, False], ids=["sum", "mean"])
def test_conversions(summed):
    generator = np.random.default_rng(3)
    pixels, numbers = 50, 150
    x, y = generator.random((2, 40, numbers))
    bits = 6.5  # of a realization
    mse, bpp, weight = np.mean((x - y) ** 2), bits / pixels, 0.3
    D = np.mean((SUM if summed else MEAN)((x - y) ** 2, axis=1))
    rows = {name: cells[1 if summed else 2] for name, cells in table("you have").items()}

    def here(start, **values):
        """What the page says that is."""
        (formula,) = [cell for name, cell in rows.items() if name.startswith(start)]
        formula = formula.rpartition("=")[2].translate(str.maketrans({"·": "*", "²": "**2", "−": "-", "^": "**"}))
        return eval(formula, {"N": numbers, "P": pixels, "λ": weight, "β": weight, **values})

    assert here("mean squared error", MSE=mse) == pytest.approx(D)
    assert here("MSE of values 0", MSE=np.mean((255 * x - 255 * y) ** 2)) == pytest.approx(D)
    assert here("PSNR in dB, data in [0, 1]", PSNR=-10 * np.log10(mse)) == pytest.approx(D)
    assert here("bits per pixel", bpp=bpp) == pytest.approx(bits)
    assert bits + here("λ of bpp + λ · MSE") * D == pytest.approx(pixels * (bpp + weight * mse))
    assert bits + here("λ of bpp + λ · 255²") * D == pytest.approx(pixels * (bpp + weight * 255**2 * mse))
    assert bits + here("β of MSE") * D == pytest.approx(pixels * (mse + weight * bpp) / weight)
    assert here("λ of bits of a realization") == weight
    assert len(rows) == 13  # these, and those that the build compares with `Units`


def test_nats():
    nats = ed.lagrangian("circle", 3.0, base=np.e)
    bits = ed.lagrangian("circle", 3.0 / np.log(2))
    assert (bits.cells, bits.distortion) == (nats.cells, nats.distortion)
    assert bits.value == pytest.approx(nats.value / np.log(2))


def test_what_excess_means(tmp_path):
    D, H, weight = 0.2, 2.4, 4.0
    gap, least = H - ed.entropy_distortion("circle", D), ed.lagrangian("circle", weight).value
    assert ed.excess("circle", D, H) == gap
    assert ed.excess("circle", D, H, lmbda=weight) == pytest.approx(H + weight * D - least)
    arguments = ["excess", "circle", "--distortion", str(D), "--entropy", str(H), "--json"]
    assert json.loads(CliRunner().invoke(main, arguments).output)["excess"] == [gap]
    weighted = json.loads(CliRunner().invoke(main, [*arguments, "--lmbda", str(weight)]).output)
    assert weighted["excess"] == pytest.approx([H + weight * D - least])
    assert weighted["excess_entropy"] == [gap]
    texts = [text.get_text() for text in ed.plot_gap("circle", [(D, H)], ax=Figure().subplots()).texts]
    assert f"{gap:+.3g} bits" in texts
    runs = edcurve_neural.figures.load().runs
    for source, rows in runs[runs["status"] == "finished"].groupby("source"):
        least = ed.lagrangian(source, rows["lmbda"].to_numpy()).value
        above = rows["rate"] + rows["lmbda"] * rows["distortion"] - least
        assert rows["excess"].to_numpy() == pytest.approx(above.to_numpy(), abs=1e-9)
        assert rows[["entropy_model", "decoder", "partition"]].sum(axis=1).to_numpy() == pytest.approx(above, abs=1e-9)
        assert rows["percent"].to_numpy() == pytest.approx(100 * above / least)
        if source == "ramp":
            sampled = ed.lagrangian("ramp:1024", rows["lmbda"].to_numpy()).value
            assert rows["excess_sampled"].to_numpy() == pytest.approx(above + least - sampled, abs=1e-9)


def test_claims_about_the_compressor_without_a_table():
    table = pd.read_csv(ROOT / "benchmarks" / "results" / "small_network.csv")
    assert table["excess_sampled_percent"].max() < 1.0
    assert table["source"].nunique() == 4
    assert table["samples"].max() == 8192
    for page in (ROOT / "README.md", DOCS / "topology.md"):
        assert "less than 1 % above the optimum" in " ".join(page.read_text(encoding="utf-8").split())


def loaded(name):
    """A module of the site's configuration."""
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages():
    """The module that makes parts of pages."""
    return loaded("_pages")


def test_speed_that_the_readme_claims():
    text = " ".join((ROOT / "README.md").read_text(encoding="utf-8").split())
    table = pd.read_csv(ROOT / "benchmarks" / "results" / "peers.csv")
    ratio = table.groupby("peer")["ratio_to_core"].median()
    fastest, slowest = map(float, re.search(r"takes (\d+) to (\d+) µs", text).groups())
    seconds = table.loc[table["peer"] == "core, one point", "seconds"]
    assert [1e6 * seconds.min(), 1e6 * seconds.max()] == pytest.approx([fastest, slowest], rel=0.1)
    for start, peer in {"SLSQP from 8 starts takes": "SLSQP", "program on a grid": "HiGHS on a grid"}.items():
        claimed = re.search(rf"{start} (\d[\d ]*) times", text)[1]
        assert float(claimed.replace(" ", "")) == pytest.approx(ratio[peer], rel=0.1)  # two digits
    assert f"median of {len(seconds)} problems" in text
    assert not table["below_optimum"].any()  # "no solver found a partition below E(D)"


def test_tables_of_the_site(pages, tmp_path):
    pages.write(tmp_path)
    peers = pd.read_csv(ROOT / "benchmarks" / "results" / "peers.csv").groupby("peer")
    rows = re.findall(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|", (tmp_path / "peers.md").read_text("utf-8"), re.MULTILINE)
    assert len(rows) == peers.ngroups
    medians = {name: (float(median.replace(" ", "")), float(most.replace(" ", ""))) for name, median, most in rows}
    ratios = {pages.PEERS[peer]: (rows["ratio_to_core"].median(), rows["ratio_to_core"].max()) for peer, rows in peers}
    assert medians.keys() == ratios.keys()
    for name, printed in medians.items():
        assert printed == pytest.approx(ratios[name], rel=0.05), name  # two digits
    sources = (tmp_path / "sources.md").read_text(encoding="utf-8")
    assert sources in (ROOT / "README.md").read_text(encoding="utf-8")
    names = re.findall(r"^\| `([^`]+)` \|", sources, re.MULTILINE)
    assert {name for name in names if name.isalpha()} == set(BUILT_IN)
    assert {name for name in names if ":" in name} == {family.form for family in FAMILIES.values()}


@pytest.fixture(scope="module")
def command_pages():
    """The module that describes the commands."""
    return loaded("_commands")


@pytest.fixture(scope="module")
def ran(command_pages):
    """The output of all example commands, run as when the site is built."""
    return command_pages.run_all()


@pytest.mark.torch
def test_every_command_is_on_its_page_with_an_example_that_runs(command_pages, ran):
    assert {name: example.output for name, example in ran.items() if example.exit_code != 0} == {}
    names = main.list_commands(click.Context(main))
    assert len(names) >= 17
    assert set(ran) == set(names)
    for name in names:
        assert ran[name].line.split()[:2] == ["edcurve", name]
        assert ran[name].output.strip()
    text = command_pages.page(ran)
    sections = dict(re.findall(r"^### edcurve (\S+)\n(.*?)(?=^##|\Z)", text, re.MULTILINE | re.DOTALL))
    assert set(sections) == set(names)
    for name, section in sections.items():
        help_text = CliRunner().invoke(main, [name, "--help"]).output
        assert f"$ {ran[name].line}\n" in section
        assert f"edcurve {name} " in section.partition("```text\n")[2]
        offered = set(re.findall(r"^  (?:-\w, )?(--[a-z-]+)", help_text, re.MULTILINE)) - {"--help"}
        documented = set(re.findall(r"^\| `(?:-\w, )?(--[a-z-]+)", section, re.MULTILINE))
        assert documented == offered, name


@pytest.mark.torch
def test_the_commands_page_on_json_and_files(command_pages):
    options = {
        name: {option for parameter in command.params for option in parameter.opts}
        for name, (command, _) in command_pages.commands().items()
    }
    assert {name for name in options if "--json" not in options[name]} == {"figures", "gap", "report", "decode"}
    with_source = {name for name in options if "source" in options[name]}
    assert {name for name in with_source if "--open" not in options[name]} == {"baseline"}


def test_shell_session_of_the_commands_page():
    text = (DOCS / "commands.md").read_text(encoding="utf-8")
    (console,) = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    blocks = re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]
    assert len(blocks) >= 2
    for block in blocks:
        command, _, printed = block.partition("\n")
        result = CliRunner().invoke(main, command.split()[1:])
        assert result.exit_code == 0
        assert result.output == printed


def test_a_command_whose_example_fails_stops_the_build(command_pages):
    example = command_pages.Ran("edcurve sources --no-such", 2, "No such option")
    with pytest.raises(RuntimeError, match="edcurve sources failed: edcurve sources --no-such"):
        command_pages.page({"sources": example})


@pytest.mark.torch
def test_summaries_in_the_reference_are_whole(pages):
    summaries = {name: pages.summary(named(name)) for name in listed()}
    assert {name: text for name, text in summaries.items() if not text.endswith((".", ":"))} == {}


def test_links_to_scripts_lead_to_their_pages(pages):
    text = "[a](tutorials/plot_4_certify.py), [b](tutorials/), [c](examples), [d](neural.md#figure-1-the-ramp)"
    links = "[a](auto_tutorials/plot_4_certify.rst), [b](auto_tutorials/index.rst), [c](auto_examples/index.rst), "
    assert pages.linked(text) == links + "[d](neural.md#figure-1-the-ramp)"
    texts = [pages.linked(page.read_text(encoding="utf-8")) for page in DOCS.glob("*.md")]
    left = [link for text in texts for link in re.findall(r"\]\(((?:docs/)?(?:tutorials|examples)\S*)\)", text)]
    assert left == []


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
    pd.DataFrame({**speeds, "autograd": [400.0]}).to_csv(results / "neural" / "speed.csv", index=False)
    assert "| circle | 100 | 400 | 500 | 650 | 7 | 6.5 |" in "".join(pages.compressors())

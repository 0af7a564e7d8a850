"""The commands train, sweep and runs."""

import csv
import json
import re
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import click
import edcurve_neural as edn
import numpy as np
import pytest
from edcurve.cli import main
from edcurve.io import files
from edcurve_neural.cli import baseline, listing
from edcurve_neural.cli import training as neural
from edcurve_neural.store import Store
from edcurve_neural.training import Program

SMALL = ("--batch-size", "16", "--hidden", "8,8", "--points", "256")
SWEEP = ("sweep", "circle", "--lmbda", "4,32", "--latent-dim", "1,2", "--seeds", "2", "--steps", "20", *SMALL)
WANTED = [
    edn.Config("circle", lmbda, latent_dim=latent_dim, hidden=(8, 8), batch_size=16, steps=20, seed=seed)
    for latent_dim in (1, 2)
    for lmbda in (4.0, 32.0)
    for seed in (0, 1)
]
MEASURED = ["rate", "entropy", "distortion", "distortion_centroid", "excess", "entropy_model", "decoder", "partition"]


@pytest.fixture
def cli(capsys, tmp_path, monkeypatch):
    """Run a command in this process, in an empty folder; return exit code, standard output and error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")

    def run(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments], prog_name="edcurve")
        return end.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def output(cli):
    """Run a command that must succeed, and return its standard output."""

    def run(*arguments):
        code, out, err = cli(*arguments)
        assert code == 0, err
        return out

    return run


def table(text, width=80):
    """Rows of a printed table, from its heading and its parts."""
    assert max(map(len, text.splitlines())) <= width
    head, *parts = text.rstrip("\n").split("\n\n")
    common = dict(item.split(" ") for item in head.replace("\n", " ").split("; "))
    result = []
    for part in parts:
        lines = part.splitlines()
        assert len({len(line) for line in lines}) == 1
        ends = [match.end() for match in re.finditer(r"\S+", lines[1])]
        cells = [[line[a:b].strip() for a, b in pairwise([0, *ends])] for line in lines]
        names = ["_".join(filter(None, both)) for both in zip(*cells[:2], strict=True)]
        result.append([dict(zip(names, row, strict=True)) for row in cells[2:]])
    rows = []
    for together in zip(*result, strict=True):
        row = dict(common)
        for part in together:
            assert all(row.get(name, value) == value for name, value in part.items())
            row |= part
        rows.append(row)
    return rows


def without(rows, *names):
    return [{name: value for name, value in row.items() if name not in names} for row in rows]


def test_sweep_and_its_index(output, cli, tmp_path, monkeypatch):
    rows = table(output(*SWEEP, "--store", "store"))
    assert [name for name in rows[0] if name in MEASURED] == MEASURED
    assert rows[0]["hidden"] == "8,8"
    store = Store(tmp_path / "store")
    runs = [store.load(config) for config in WANTED]
    assert [row["lmbda"] for row in rows] == [f"{config.lmbda:g}" for config in WANTED]
    for row, run in zip(rows, runs, strict=True):
        evaluation = run.evaluate(256)
        assert (row["source"], row["status"], int(row["seed"])) == ("circle", "finished", run.config.seed)
        values = [float(row[name]) for name in ("rate", "entropy", "distortion", "distortion_centroid", "excess")]
        excess = evaluation.excess(run.config.lmbda)
        expected = [evaluation.rate, evaluation.entropy, evaluation.distortion, evaluation.distortion_centroid, excess]
        np.testing.assert_allclose(values, expected, rtol=6e-4)
        total = sum(float(row[name]) for name in ("entropy_model", "decoder", "partition"))
        assert abs(total - excess) < 2e-3 * excess

    # with several latent dimensions, the index has the same order
    assert table(output("runs", "store")) == rows
    listed = json.loads(output("runs", "store", "--json"))
    assert [row["key"] for row in listed] == [config.key for config in WANTED]
    assert [edn.Config.from_dict({name: row[name] for name in WANTED[0].to_dict()}) for row in listed] == WANTED
    assert all(abs(row["entropy_model"] + row["decoder"] + row["partition"] - row["excess"]) < 1e-6 for row in listed)
    code, out, err = cli("runs", "store", "--csv", "runs.csv")
    assert (code, out, err) == (0, "", "wrote runs.csv\n")
    with (tmp_path / "runs.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [float(row["excess"]) for row in written] == [row["excess"] for row in listed]
    assert {row["samples"] for row in written} == {""}

    # nothing is trained twice
    monkeypatch.setattr(Program, "step", lambda self: pytest.fail("trained again"))
    code, out, err = cli(*SWEEP, "--store", "store", "--json")
    assert (code, json.loads(out)) == (0, listed)
    assert err.startswith("8 of 8 finished already\n")


def test_train(output, monkeypatch):
    command = ("train", "ramp", "--lmbda", "48", "--steps", "20", "--samples", "32", "--seed", "3", *SMALL)
    printed = dict(line.split() for line in output(*command).splitlines())
    row = json.loads(output(*command, "--json"))
    stored = json.loads(output(*command, "--store", "store", "--json"))
    assert without([row], "seconds") == without([stored], "seconds")
    config = edn.Config("ramp", 48.0, hidden=(8, 8), samples=32, batch_size=16, steps=20, seed=3)
    assert row["key"] == config.key
    assert printed.keys() == row.keys()
    assert printed["excess"] == f"{row['excess']:.6g}"
    assert printed["train_size"] == "-"
    evaluation = edn.train(config, progress=False).evaluate(256)
    assert (row["rate"], row["excess_sampled"]) == (evaluation.rate, evaluation.excess(48.0, sampled=True))
    monkeypatch.setattr(Program, "step", lambda self: pytest.fail("trained again"))
    assert json.loads(output(*command, "--store", "store", "--json")) == stored
    assert "excess_sampled" in table(output("runs", "store"))[0]


@pytest.mark.parametrize("store", [("--store", "store"), ()])
def test_sigterm_leaves_no_unfinished_file(cli, monkeypatch, store):
    """SIGTERM at a step, and while a checkpoint is being written."""
    step, replaced = Program.step, files.os.fsync

    def ended(self):
        if self.done == 17:
            signal.raise_signal(signal.SIGTERM)
        return step(self)

    def ended_in_writing(descriptor):
        replaced(descriptor)
        signal.raise_signal(signal.SIGTERM)

    command = ("train", "circle", "--lmbda", "4", "--steps", "20", *SMALL, "--checkpoint-every", "7", *store)
    before, message = signal.getsignal(signal.SIGTERM), "goes on from the last" if store else "no --store was given"
    for owner, name, function in ((files.os, "fsync", ended_in_writing), (Program, "step", ended))[not store :]:
        with monkeypatch.context() as patch:
            patch.setattr(owner, name, function)
            code, out, err = cli(*command)
        assert (code, out) == (128 + signal.SIGTERM, "")
        assert err.startswith("interrupted: ")
        assert message in err
        assert not list(Path().rglob(f"{files.TEMPORARY}*"))
        assert signal.getsignal(signal.SIGTERM) is before


def test_interrupted_and_resumed(cli, output, monkeypatch):
    step = Program.step

    def interrupted(self):
        if self.done == 17:
            raise KeyboardInterrupt
        return step(self)

    command = ("train", "circle", "--lmbda", "4", "--steps", "20", *SMALL, "--checkpoint-every", "7", "--json")
    monkeypatch.setattr(Program, "step", interrupted)
    code, out, err = cli(*command, "--store", "store")
    assert (code, out) == (1, "")
    assert err == "interrupted: the same command again goes on from the last checkpoints\n\nAborted!\n"
    code, out, err = cli(*command)
    assert (code, out) == (1, "")
    assert err == "interrupted: no --store was given to keep what was trained\n\nAborted!\n"
    _, out, err = cli("runs", "store")
    assert out == ""
    assert err == "not finished, and with a checkpoint to go on from: 1 program\nno run is finished\n"
    monkeypatch.setattr(Program, "step", step)
    code, out, err = cli(*command, "--store", "store")
    assert code == 0
    named = "circle, ntc, latent 1, batch 16, λ 4, seed 0"
    assert f"going on with 1 model ({named}) from step 14 of 20\n" in err
    assert without([json.loads(out)], "seconds") == without([json.loads(output(*command))], "seconds")


SLOW = """
import sys, time
from edcurve.cli import main
from edcurve.io import files
from edcurve_neural.training import Program
step = Program.step
Program.step = lambda self: (time.sleep(0.05), step(self))[1]
main(sys.argv[1:])
"""


def test_killed_and_resumed(tmp_path):
    def alone(*arguments):
        command = [sys.executable, "-c", "import sys; from edcurve.cli import main; main(sys.argv[1:])", *arguments]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)

    many = ("sweep", "circle", "--lmbda", "4,32", "--steps", "40", *SMALL, "--checkpoint-every", "7", "--json")
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, *many, "--store", "store"], cwd=tmp_path, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 120
    while not list((tmp_path / "store").glob("checkpoints/[!.]*.safetensors")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    # in processes like the first: models are distributed over the machine's threads, on which rounding depends
    resumed, whole = (alone(*many, "--store", store) for store in ("store", "whole"))
    assert re.search(r"going on with [12] models? \(circle, .*λ 4.*\) from step \d+ of 40", resumed.stderr)
    assert without(json.loads(resumed.stdout), "seconds") == without(json.loads(whole.stdout), "seconds")


def test_workers(output):
    many = ("sweep", "circle", "--lmbda", "4,32", "--steps", "20", *SMALL, "--json")
    apart = json.loads(output(*many, "--store", "apart", "--workers", "1"))
    assert without(apart, "seconds") == without(json.loads(output(*many, "--store", "here")), "seconds")


def test_workers_do_not_outlive_a_command_that_is_killed(tmp_path):
    many = (
        "sweep",
        "circle",
        "--lmbda",
        "4",
        "--steps",
        "1000000",
        *SMALL,
        "--checkpoint-every",
        "20",
        "--workers",
        "1",
    )
    script = "from edcurve.cli import main; main()"
    # the workers share standard error, which ends when all of them have ended
    process = subprocess.Popen(
        [sys.executable, "-c", script, *many, "--store", "store"], cwd=tmp_path, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 120
    while not list((tmp_path / "store").glob("checkpoints/[!.]*.safetensors")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=120)


def test_a_dead_worker_causes_no_traceback(cli, monkeypatch):
    from concurrent.futures.process import BrokenProcessPool

    def dying(*arguments, **options):
        raise BrokenProcessPool

    monkeypatch.setattr(neural, "train_missing", dying)
    code, out, err = cli(*SWEEP, "--store", "store", "--workers", "1")
    assert (code, out) == (1, "")
    assert err == (
        "Error: workers of a program died 6 times, perhaps for lack of memory; "
        "the same command again goes on from the last checkpoints\n"
    )


def test_columns_that_differ_are_shown(output):
    output("train", "circle", "--lmbda", "4", "--steps", "5", *SMALL, "--store", "store")
    output("train", "ramp", "--lmbda", "4", "--steps", "6", "--samples", "8", *SMALL, "--store", "store")
    rows = table(output("runs", "store"))
    assert [(row["source"], row["steps"], row["samples"]) for row in rows] == [("circle", "5", "8"), ("ramp", "6", "8")]
    assert rows[0]["hidden"] == rows[1]["hidden"] == "8,8"
    assert rows[0]["excess_sampled"] == "-"
    assert float(rows[1]["excess_sampled"]) > 0.0


def test_diverged(output):
    row = ("train", "circle", "--lmbda", "1e6", "--learning-rate", "1e30", "--steps", "20", *SMALL, "--store", "store")
    assert json.loads(output(*row, "--json"))["excess"] is None
    (printed,) = table(output("runs", "store"))
    assert (printed["status"], printed["rate"]) == ("diverged", "-")


def test_tables_of_any_width(output, monkeypatch):
    output(*SWEEP, "--store", "store", "--json")
    narrow = output("runs", "store")
    monkeypatch.setenv("COLUMNS", "200")
    wide = output("runs", "store")
    assert len(wide.splitlines()) < len(narrow.splitlines())
    assert table(wide, 200) == table(narrow)
    monkeypatch.setenv("COLUMNS", "40")
    rows = [{name: value for name, value in row.items() if name in MEASURED} for row in table(narrow)]
    assert [{name: row[name] for name in MEASURED} for row in table(output("runs", "store"), 80)] == rows


def test_kinds_of_compressors(output):
    kinds = ("sweep", "circle", "--compressor", "ntc,circular", "--lmbda", "4", "--steps", "5", *SMALL)
    rows = table(output(*kinds, "--store", "store"))
    assert [row["compressor"] for row in rows] == ["ntc", "circular"]
    assert table(output("runs", "store"))[0]["compressor"] == "circular"


def test_baselines(output, tmp_path):
    kinds = ("baseline", "circle", "--lmbda", "4,32", "--points", "4096")
    rows = table(output(*kinds))
    assert [(row["compressor"], row["lmbda"]) for row in rows] == [
        (kind, lmbda) for kind in ("ecvq", "klt", "phase") for lmbda in ("4", "32")
    ]
    exact = json.loads(output(*kinds, "--json"))
    for row, printed in zip(exact, rows, strict=True):
        assert printed["rate"] == f"{row['rate']:.4g}"
        assert row["entropy_model"] + row["decoder"] + row["partition"] == pytest.approx(row["excess"], abs=1e-9)
    # the cells of the phase attain the optimum, linear transforms are far from it
    assert abs(exact[4]["excess"]) < 1e-5 < 0.01 < exact[0]["excess"] < exact[2]["excess"]
    output(*kinds, "--csv", "baselines.csv", "--kind", "phase,klt")
    output("train", "circle", "--lmbda", "4", "--steps", "5", *SMALL, "--store", "store", "--json")
    output("runs", "store", "--csv", "runs.csv")
    heads = [(tmp_path / name).read_text().splitlines()[0] for name in ("baselines.csv", "runs.csv")]
    assert heads[0].split(",") == heads[1].split(",")


def test_baseline_of_sampled_functions(output):
    (row,) = json.loads(
        output("baseline", "ramp", "--lmbda", "48", "--kind", "ecvq", "--samples", "64", "--points", "1024",
               "--codewords", "16", "--seed", "3", "--json")
    )  # fmt: skip
    code = edn.ecvq("ramp", 48.0, samples=64, codewords=16, seed=3)
    evaluation = edn.evaluate(code.encode, code.decode, "ramp", code.rate, samples=64, points=1024)
    assert (row["samples"], row["seed"], row["points"]) == (64, 3, 1024)
    assert row["excess_sampled"] == evaluation.excess(48.0, sampled=True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("sweep", "circle", "--store", "s"), ["Missing option '--lmbda'"]),
        (("sweep", "circle", "--lmbda", "4"), ["Missing option '--store'"]),
        (
            ("sweep", "square", "--lmbda", "4", "--store", "s"),
            ["source must be one of circle, klein, ramp", "'square'"],
        ),
        (("sweep", "circle", "--lmbda", "4,x", "--store", "s"), ["--lmbda", "'x' is not a number"]),
        (("sweep", "circle", "--lmbda", "4,-1", "--store", "s"), ["lmbda must be from 0 to 1e+12, got -1"]),
        (("sweep", "circle", "--lmbda", "nan", "--store", "s"), ["lmbda must be", "nan"]),
        (("sweep", "circle", "--lmbda", "4", "--latent-dim", "1.5", "--store", "s"), ["'1.5' is not an integer"]),
        (("sweep", "circle", "--lmbda", "4", "--latent-dim", "0", "--store", "s"), ["latent_dim must be at least 1"]),
        (("sweep", "circle", "--lmbda", "4", "--batch-size", "", "--store", "s"), ["--batch-size", "''"]),
        (("sweep", "circle", "--lmbda", "4", "--seeds", "0", "--store", "s"), ["--seeds"]),
        (("sweep", "circle", "--lmbda", "4", "--workers", "0", "--store", "s"), ["--workers"]),
        (("sweep", "circle", "--lmbda", "4", "--checkpoint-every", "0", "--store", "s"), ["--checkpoint-every"]),
        (
            ("sweep", "circle", "--lmbda", "4", "--samples", "8", "--store", "s"),
            ["samples must be None for the circle"],
        ),
        (("sweep", "circle", "--lmbda", "4", "--device", "tpu", "--store", "s"), ["--device", "'tpu' is not cpu"]),
        (("sweep", "circle", "--lmbda", "4", "--device", "cuda:99", "--store", "s"), ["--device", "CUDA devices"]),
        (("train", "circle", "--lmbda", "4,5"), ["--lmbda", "'4,5' is not a number"]),
        (("train", "circle", "--lmbda", "4", "--seed", "-1"), ["seed must be from 0"]),
        (("sweep", "circle", "--lmbda", "4", "--compressor", "ntc,x", "--store", "s"), ["'x' is not one of ntc, "]),
        (("baseline", "square", "--lmbda", "4"), ["source must be one of circle, klein, ramp", "'square'"]),
        (("baseline", "circle", "--lmbda", "0"), ["lmbda must be above 0 and finite, got 0"]),
        (("baseline", "circle", "--lmbda", "4", "--kind", "x"), ["'x' is not one of ecvq, klt, phase"]),
        (("baseline", "circle", "--lmbda", "4", "--samples", "8"), ["samples must be None for the circle", "8"]),
        (("runs", "nothing"), ["'nothing' does not exist"]),
        (("runs", "."), [". is not a store of trained compressors"]),
    ],
    ids=lambda value: " ".join(value[:1] + value[2:]) if isinstance(value, tuple) else "",
)
def test_bad_arguments(cli, tmp_path, arguments, words):
    code, out, err = cli(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"Usage: edcurve {arguments[0]} ")
    message = err.splitlines()[-1]
    assert message.startswith("Error: ")
    assert all(word in message for word in words), message
    assert not list(tmp_path.iterdir())


def test_points_too_far_apart(cli, tmp_path, monkeypatch):
    """They are refused before training."""
    monkeypatch.setattr("edcurve_neural.cli.training.train_alone", None)
    turn = np.pi * np.arange(16) / 16  # half a circle
    np.save(file := tmp_path / "far.npy", 1e9 * np.stack([np.cos(turn), np.sin(turn)], axis=1))
    for options in (("train",), ("sweep", "--store", "s")):
        code, _, err = cli(options[0], file, "--lmbda", "4", *options[1:])
        wanted = f"Error: {file}: --lmbda must be such that the optimum has at most 2**50 cells, got 4.0"
        assert (code, err.splitlines()[-1]) == (2, wanted)
    assert list(tmp_path.iterdir()) == [file]


def test_damaged_record(cli, output, tmp_path):
    output("train", "circle", "--lmbda", "4", "--steps", "5", *SMALL, "--store", "store")
    (path,) = (tmp_path / "store" / "runs").glob("*.json")
    path.write_text(path.read_text().replace("finished", "excellent"))
    code, out, err = cli("runs", "store")
    assert (code, out) == (2, "")
    assert f"{path.name}: its content does not match its digest" in err


# --- the group, with and without the extra ----------------------------------------------------------------------------

BLOCKED = "import sys; sys.modules['torch'] = None; from edcurve.cli import main; main(prog_name='edcurve')"


def blocked(*arguments):
    return subprocess.run(
        [sys.executable, "-c", BLOCKED, *arguments], capture_output=True, text=True, encoding="utf-8", timeout=60
    )


@pytest.mark.parametrize("name", ["train", "sweep", "runs", "baseline"])
@pytest.mark.parametrize("arguments", [["circle", "--lmbda", "4"], ["--help"]], ids=" ".join)
def test_without_the_extra(name, arguments):
    done = blocked(name, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: edcurve ")
    assert f"\nError: {name} needs the extra neural: pip install 'edcurve[neural]' (" in done.stderr
    assert "Traceback" not in done.stderr


def test_help_without_the_extra():
    done = blocked("--help")
    assert (done.returncode, done.stderr) == (0, "")
    for name in ("train", "sweep", "runs", "baseline"):
        assert f"\n  {name} " in done.stdout


@pytest.mark.parametrize("name", ["train", "sweep", "runs", "baseline"])
def test_help(output, name):
    command = getattr(baseline if name == "baseline" else neural, name)
    text = output(name, "--help")
    assert text.startswith(f"Usage: edcurve {name} [OPTIONS] ")
    assert all(option in text for parameter in command.params for option in parameter.opts if option.startswith("--"))
    line = main.get_command(click.Context(main), name).help
    assert command.help.splitlines()[0] == line
    assert line in output("--help")  # whole


def test_keys_are_shortened_to_distinct_beginnings():
    rows = [{"key": f"{start}{'0' * 10}", "lmbda": 4.0, "rate": 1.0} for start in ("abcdef", "abcdeg", "abcdefa")]
    lines = listing.table(rows, 80)
    assert [line.split()[0] for line in lines if line.startswith("abc")] == ["abcdef0", "abcdeg0", "abcdefa"]
    assert not any("key" in line for line in listing.table([{**row, "key": None} for row in rows], 80))

"""Hostile stores: nothing is written outside, no record does harm, and valid ones are listed."""

import hashlib
import json
import os
import shutil

import edcurve_neural as edn
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from edcurve.cli import main
from edcurve_neural import files
from edcurve_neural.compressors import begin
from edcurve_neural.store import Store
from new_process import posix

CONFIGS = edn.grid("circle", lmbda=[4.0, 8.0], hidden=(4,), batch_size=16, steps=2)
MORE = [*CONFIGS, *edn.grid("circle", lmbda=16.0, hidden=(4,), batch_size=16, steps=2)]


def swept(folder, configs=CONFIGS):
    return edn.sweep(configs, store=folder, points=64, progress=False)


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    folder = tmp_path_factory.mktemp("original")
    swept(folder)
    return folder


@pytest.fixture
def store(original, tmp_path):
    shutil.copytree(original, tmp_path / "store")
    return tmp_path / "store"


def command(*arguments):
    return CliRunner().invoke(main, list(map(str, arguments)))


def record(store, config=CONFIGS[0]):
    return store / "runs" / f"{config.key}.json"


def rewritten(path, change):
    """A changed record with a correct digest."""
    content = files.read_json(path)
    change(content)
    files.write_json(path, content)


@posix
@pytest.mark.parametrize("target", ["../home", "/dev/null"])
def test_no_link_leads_a_write_out_of_the_store(store, tmp_path, target):
    (tmp_path / "home").write_text("mine")
    for path in (store / "index.csv", store / "runs" / f"{MORE[2].key}.safetensors"):
        path.unlink(missing_ok=True)
        path.symlink_to(target)
    (store / "checkpoints").rmdir()
    swept(store, MORE)
    assert (tmp_path / "home").read_text() == "mine"
    assert not (store / "index.csv").is_symlink()


@posix
@pytest.mark.parametrize("part", ["runs", "checkpoints", "sources"])
def test_folders_that_are_links_out_of_the_store(store, tmp_path, part):
    shutil.rmtree(store / part, ignore_errors=True)
    (tmp_path / "home").mkdir()
    (store / part).symlink_to(tmp_path / "home")
    for call in (lambda: swept(store, MORE), lambda: Store(store)):
        with pytest.raises(ValueError, match=f"{part}: expected a folder of the store, not a link"):
            call()
    assert not list((tmp_path / "home").iterdir())


@posix
@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "sparse"])
def test_what_is_no_record(store, kind):
    path = record(store)
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.touch()
        os.truncate(path, 3 * 2**30)
    listed = command("runs", store, "--json")
    assert (listed.exit_code, len(json.loads(listed.stdout))) == (2, 1)
    assert path.name in listed.stderr
    if kind != "folder":
        with pytest.raises(ValueError, match=path.name):
            swept(store)


@posix
def test_weights_that_are_a_pipe(store):
    path = record(store).with_suffix(".safetensors")
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ValueError, match="expected a regular file"):
        Store(store).load(CONFIGS[0])


BAD = {
    "status": ("metrics", "status", "$(rm -rf ~)"),
    "control characters": ("metrics", "status", "\x1b[31mfinished"),
    "text": ("metrics", "rate", "1"),
    "truth value": ("metrics", "cells", True),
    "negative": ("metrics", "points", -5),
    "optimum": ("metrics", "optimum", "=1+1"),
    "label": ("metrics", "points_of", ["x"]),
    "path": ("config", "source", "x.npz"),
    "seed": ("config", "seed", 1),
    "history": ("history", "loss", [1.0]),
}


@pytest.mark.parametrize("field", BAD)
def test_every_field_of_a_record_is_checked(store, tmp_path, monkeypatch, field):
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "x.npz", a=np.zeros((4, 2)))
    monkeypatch.setattr("edcurve_neural.manifolds.read_points", lambda *_, **__: pytest.fail("the path was opened"))
    part, name, value = BAD[field]
    rewritten(record(store), lambda content: content[part].update({name: value}))
    listed = command("runs", store)
    assert listed.exit_code == 2
    assert f"{record(store).name}: not a record of a run" in listed.stderr
    assert "\x1b" not in listed.output
    assert CONFIGS[1].key not in listed.stderr


def test_healthy_runs_are_listed_beside_bad_ones(store, monkeypatch):
    (store / "runs" / "0000000000000000.json").write_text("{}")
    listed = command("runs", store, "--json")
    assert {row["key"] for row in json.loads(listed.stdout)} == {config.key for config in CONFIGS}
    assert "0000000000000000.json: not JSON with a digest" in listed.stderr
    monkeypatch.setattr("edcurve_neural.training.sweeps._train", lambda *_, **__: pytest.fail("it trains first"))
    with pytest.warns(UserWarning, match="0000000000000000.json: not JSON"), pytest.raises(pytest.fail.Exception):
        swept(store, MORE)
    monkeypatch.undo()
    with pytest.warns(UserWarning, match="0000000000000000.json: not JSON"):
        assert len(swept(store, MORE).to_pandas()) == 3
    assert len((store / "index.csv").read_text().splitlines()) == 4


def test_a_record_of_a_newer_release_is_kept(store):
    path = store / "runs" / "1111111111111111.json"
    shutil.copy(record(store), path)

    def change(content):
        content["release"] = "9.9"
        content["config"]["flavour"] = 3

    rewritten(path, change)
    listed = command("runs", store)
    assert "edcurve 9.9 wrote it, and edcurve " in listed.stderr
    assert "keep it for that release" in listed.stderr
    assert "delete" not in listed.stderr
    assert path.exists()


def test_labels_have_no_control_characters_in_tables(store):
    rewritten(record(store), lambda content: content["metrics"].update(points_of="mine\x1b[2J"))
    swept(store, MORE)
    assert r",mine\x1b[2J" in (store / "index.csv").read_text()


def test_outputs_are_not_written_into_a_store(store, tmp_path):
    weights = record(store).with_suffix(".safetensors")
    command("encode", store, CONFIGS[0].key, "--phases", 5, "--out", tmp_path / "x.edc")
    (tmp_path / "phases.csv").write_text("0.5\n")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for arguments in (
        ("runs", store, "--csv", record(store)),
        ("runs", store, "--csv", store / "runs" / "new.csv"),
        ("runs", store, "--csv", store / "index.csv"),
        ("encode", store, CONFIGS[0].key, "--phases", 5, "--out", weights),
        ("encode", store, CONFIGS[0].key, "--phases", tmp_path / "phases.csv", "--out", tmp_path / "phases.csv"),
        ("decode", tmp_path / "x.edc", "--store", store, "--out", record(store)),
        ("decode", tmp_path / "x.edc", "--store", store, "--out", tmp_path / "x.edc"),
    ):
        refused = command(*arguments)
        assert refused.exit_code == 2, refused.output
        assert "expected a" in refused.output
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


@posix
def test_a_finished_store_that_cannot_be_written_to(store, monkeypatch):
    """It can be swept, with nothing to do, and listed, even without its empty folders."""
    (store / "checkpoints").rmdir()
    (store / "index.csv").unlink()
    before = sorted(store.rglob("*"))

    def forbidden(*_arguments, **_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("edcurve.io.files._made", forbidden)
    monkeypatch.setattr("pathlib.Path.mkdir", forbidden)
    assert len(swept(store).to_pandas()) == 2
    assert command("runs", store).exit_code == 0
    assert sorted(store.rglob("*")) == before
    with pytest.raises(PermissionError):
        swept(store, MORE)


def test_remnants_of_killed_processes_are_removed_at_the_next_start(store):
    for part in (".", "runs", "checkpoints"):
        (store / part / ".edcurve-0123456789abcdef.safetensors").write_bytes(b"half")
    swept(store, MORE)
    assert not list(store.rglob(".edcurve-*"))


def test_equal_runs_are_equal_files(tmp_path):
    digests = set()
    for i in range(6):
        swept(tmp_path / str(i), CONFIGS[:1])
        (path,) = (tmp_path / str(i)).rglob("*.safetensors")
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


STATES = {
    "too far": lambda state: (state, 10**9),
    "negative": lambda state: (state, -5),
    "a truth value": lambda state: (state, True),
    "a float": lambda state: (state, 1.0),
    "one parameter": lambda state: ({**state, "flat": state["flat"].reshape(-1)[:1].clone()}, 1),
    "another type": lambda state: ({**state, "mean": state["mean"].double()}, 1),
    "records": lambda state: ({**state, "records": torch.zeros(1, 3, dtype=torch.float64)}, 1),
    "failures": lambda state: ({**state, "failed": torch.full_like(state["failed"], 7)}, 1),
    "one tensor more": lambda state: ({**state, "more": torch.zeros(3)}, 1),
    "nothing": lambda state: ({"flat": state["flat"]}, 1),
}


@pytest.mark.parametrize("case", STATES)
def test_checkpoints_that_no_program_can_have_written(tmp_path, case):
    store, program = Store(tmp_path), begin(CONFIGS[:1])
    program.step()
    state, done = STATES[case](program.state())
    store.make()
    about = {"configs": [CONFIGS[0].to_dict()], "done": done}
    files.write_tensors(store.checkpoint(CONFIGS[:1]), state, about)
    with pytest.raises(edn.DamagedFileError, match="not a checkpoint"):
        swept(tmp_path, CONFIGS[:1])


@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
def test_a_checkpoint_under_the_name_of_another_program(tmp_path, suffix):
    """Which would go on from it."""
    store, program = Store(tmp_path), begin(CONFIGS[:1])
    store.make()
    store.save_checkpoint(program)
    store.plan(CONFIGS[:1])
    store.checkpoint(CONFIGS[:1]).with_suffix(suffix).rename(store.checkpoint(CONFIGS[1:2]).with_suffix(suffix))
    with pytest.raises(edn.DamagedFileError, match="its name belongs to another program"):
        swept(tmp_path, CONFIGS[1:2])


def test_a_checkpoint_of_a_newer_release_is_kept(tmp_path):
    store, program = Store(tmp_path), begin(CONFIGS[:1])
    program.step()
    store.make()
    about = {"release": "9.9", "configs": [CONFIGS[0].to_dict()], "done": 1}
    path = store.checkpoint(CONFIGS[:1])
    files.write_tensors(path, {"parameters": program.flat}, about)
    with pytest.raises(ValueError, match=r"edcurve 9\.9 wrote it, .*: keep it for that release"):
        swept(tmp_path, CONFIGS[:1])
    assert files.read_about(path) == about


def test_a_checkpoint_takes_no_more_memory_than_it_has(tmp_path):
    """Its other configurations are not requested, and could be arbitrarily large."""
    store, program = Store(tmp_path), begin(CONFIGS[:1])
    store.make()
    configs = [CONFIGS[0].to_dict() for _ in range(10**4)]
    files.write_tensors(store.checkpoint(CONFIGS[:1]), program.state(), {"configs": configs, "done": 0})
    with pytest.raises(edn.DamagedFileError, match=r"its configurations have \d+ parameters, got"):
        swept(tmp_path, CONFIGS[:1])


def test_invalid_stores_and_seeds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refused = command("sweep", "circle", "--lmbda", 4, "--store", "")
    assert (refused.exit_code, "the store must be a folder, got ''" in refused.output) == (2, True)
    refused = command("sweep", "circle", "--lmbda", 4, "--seeds", 10**9, "--store", "s")
    assert (refused.exit_code, "at most" in refused.output) == (2, True)
    with pytest.raises(ValueError, match="at most 1048576 configurations, got 1000000000"):
        edn.grid("circle", lmbda=4.0, seed=range(10**9))
    assert not list(tmp_path.iterdir())

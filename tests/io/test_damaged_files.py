"""Damaged and hostile files: a few hundred here, any number with `make fuzz`, and former failures."""

import json
import math
import pickle
import shutil
import struct
from pathlib import Path

import edcurve as ed
import numpy as np
import pytest
from click.testing import CliRunner
from edcurve.cli import main
from edcurve.io import files
from edcurve.io.arrays import read_points
from fuzz import targets, watching

COUNTS = {"curve": 30, "segment": 50, "excess": 60, "text": 60, "decode": 50, "encode": 20, "runs": 40, "train": 10}
COUNTS |= {"figures": 10, "report": 4, "reads": 100, "records": 60, "coded": 60, "certificates": 60, "checkpoints": 12}
COUNTS |= {"stores": 25, "plugins": 30}
SLOW = {"curve": (1, 8, 16)}  # seeds of searches for partitions, which take seconds


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store of small compressors, which must not change."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("fuzz") / "store"
    targets.make_store(folder)
    yield folder
    torch.set_num_threads(before)


def endless(*_):
    while True:
        pass


@pytest.mark.parametrize("name", COUNTS)
def test_files_are_read_or_refused(store, name, tmp_path, monkeypatch):
    """No traceback, no hang, nothing executed, nothing written elsewhere; a message names the file."""
    monkeypatch.setattr(targets, "DRAWN", 0.0)  # which takes seconds
    seeds = [seed for seed in range(COUNTS[name]) if seed not in SLOW.get(name, ())]
    cases = {seed: watching.case(name, seed, store, tmp_path) for seed in seeds}
    assert {seed: case for seed, case in cases.items() if case} == {}


def test_faults_are_detected(store, tmp_path, monkeypatch):
    """The watcher detects exceptions, pickles, other folders, hangs and messages without a file name."""

    def case(does):
        monkeypatch.setitem(targets.TARGETS, "text", does)
        return (watching.case("text", 0, store, tmp_path) or [None])[0]

    assert case(lambda rng, folder, mark: None) is None
    assert "KeyError" in case(lambda rng, folder, mark: {}["a"])
    assert "executed: pickle.find_class" in case(lambda rng, folder, mark: pickle.loads(pickle.dumps(math.cos)))
    assert "executed" in case(lambda rng, folder, mark: mark.touch())
    assert "executed: writes /missing/x" in case(lambda rng, folder, mark: Path("/missing/x").write_text(""))
    monkeypatch.setattr(watching, "SECONDS", 0.1)
    assert "more than 0.1 s" in case(endless)
    with pytest.raises(targets.Finding, match="no file or option is named"):
        targets.run("entropy", "ramp", "-1", named=["x.csv"])


# --- what was found -------------------------------------------------------------------------------------------------


def refused(*arguments):
    """The message of a command that is refused."""
    result = CliRunner().invoke(main, [str(x) for x in arguments])
    assert (result.exit_code, repr(result.exception)) == (2, "SystemExit(2)"), result.output
    return result.output.partition("Error: ")[2].strip()


def test_a_header_above_the_limit(tmp_path):
    """NumPy would allocate four GiB before it notices that the data are missing."""
    path = tmp_path / "x.npy"
    for length in (10_001, 2**32 - 1):
        path.write_bytes(b"\x93NUMPY\x02\0" + struct.pack("<I", length) + b"{'descr': '<f8'}\n")
        with pytest.raises(ValueError, match=rf"x\.npy: expected a header of at most 10000 bytes, got {length}"):
            read_points(path)


def test_messages_are_short(tmp_path):
    """NumPy's messages contain the whole header."""
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (" + b"1," * 4000 + b")"
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header)
    with pytest.raises(ValueError, match=r"x\.npy: ") as caught:
        read_points(tmp_path / "x.npy")
    assert len(str(caught.value)) < 400 + len(str(tmp_path))


def test_constant_waveform_whose_harmonics_are_rounding_errors(tmp_path):
    np.savetxt(tmp_path / "x.csv", np.ones(69_998))
    assert refused("curve", tmp_path / "x.csv", "--waveform") == f"{tmp_path / 'x.csv'}: g must not be constant"


def test_excess_that_overflows(tmp_path):
    (tmp_path / "x.csv").write_text("distortion,entropy,lmbda\n1e300,1,1e10\n")
    result = CliRunner().invoke(main, ["excess", "ramp", "--points", str(tmp_path / "x.csv"), "--json"])
    (content,) = [line for line in result.output.splitlines() if line.startswith("{")]  # a note is beside it
    assert json.loads(content)["excess"] == ["inf"]


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="a device of POSIX")
def test_text_that_does_not_end(tmp_path, monkeypatch):
    for command in (("excess", "ramp", "--points", "/dev/zero"), ("figures", "--runs", "/dev/zero")):
        assert "/dev/zero: expected a file, not a device" in refused(*command)
    with pytest.raises(ValueError, match="/dev/zero"):
        ed.Curve.load("/dev/zero")
    monkeypatch.setattr(files, "LARGEST", 20)
    (tmp_path / "x.csv").write_text("distortion,entropy\n0.1,1\n")
    assert refused("excess", "ramp", "--points", tmp_path / "x.csv").endswith(
        "x.csv: expected at most 20 bytes, got 25"
    )


def saved(tmp_path, **fields):
    content = json.loads(ed.curve("ramp", num=4).to_json()) | fields
    (tmp_path / "x.json").write_text(json.dumps(content))
    return tmp_path / "x.json"


@pytest.mark.parametrize("cells", [[2**63, -1], [2**64], [10**400], [math.inf]])
def test_numbers_of_cells_that_do_not_fit(tmp_path, cells):
    with pytest.raises(ValueError, match=r"path must be a file that Curve\.save wrote"):
        ed.Curve.load(saved(tmp_path, cells=cells, cells_distortion=[0.1] * len(cells)))


def test_curves_of_extreme_numbers_are_shown(tmp_path):
    columns = ("distortion", "entropy", "upper", "lower", "hull")
    for numbers in ([], [5e-324] * 2, [1e308] * 2, ["inf"] * 2, [1e-320, 1e308]):
        loaded = ed.Curve.load(saved(tmp_path, **dict.fromkeys(columns, numbers)))
        assert "<svg" in loaded._repr_html_()
    assert "<svg" in ed.Curve.load(saved(tmp_path, distortion=[0.0, 0.0, 0.0, 1e-320]))._repr_html_()


@pytest.mark.parametrize(
    "change",
    [
        lambda record: record.pop("metrics"),
        lambda record: record["metrics"].pop("status"),
        lambda record: record["metrics"].update(rate="high"),
        lambda record: record["metrics"].update(excess=[1.0]),
        lambda record: record["metrics"].update(rate=10**400),
        lambda record: record.update(metrics=[]),
        lambda record: record.update(config="circle"),
        lambda record: record["config"].update(latent_dim=None),
        lambda record: record["config"].update(hidden=[10**12]),
        lambda record: record["config"].update(colour="red"),
        lambda record: record["history"].update(loss=""),
        lambda record: record["history"].update(loss=[[1.0], 2.0]),
        lambda record: record["history"].update(loss={"a": 1}),
    ],
)
def test_records_with_a_right_digest_and_a_wrong_content(store, tmp_path, change):
    shutil.copytree(store, tmp_path / "store")
    path = min((tmp_path / "store" / "runs").glob("*.json"))
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(targets.signed(record)))
    coded = (store / f"{path.stem}.edc", "--store", tmp_path / "store", "--out", tmp_path / "x.npy")
    for command in (("decode", *coded), ("runs", tmp_path / "store")):
        # a configuration may be valid, but not that of its name
        if command[0] == "decode" or "hidden" not in record.get("config", {}) or record["config"]["hidden"] != [10**12]:
            assert refused(*command).startswith(f"{path}: ")


@pytest.mark.parametrize(
    "text", ["[" * 100_000, "[]", "3", '{"digest": 1e400}', '{"a": NaN, "digest": ""}', "", "\udcff"]
)
def test_records_that_are_not_objects(store, tmp_path, text):
    (tmp_path / "runs").mkdir()
    path = tmp_path / "runs" / "0123456789abcdef.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    assert refused("runs", tmp_path).startswith(f"{path}: ")


@pytest.mark.parametrize(
    "name", ["analysis.0", "base.analysis.0", "keys", "codewords", "probabilities", "density", "partition"]
)
def test_weights_of_another_shape_with_a_right_digest(store, name):
    """Nothing is allocated by the configuration alone: tensors of its shapes must be present."""
    import edcurve_neural as edn
    import torch
    from edcurve_neural import files as kept
    from edcurve_neural.compressors import restored

    refused = 0
    for path in sorted((store / "runs").glob("*.safetensors")):
        tensors, about = kept.read_tensors(path)
        if name not in tensors:
            continue
        refused += 1
        config = edn.Config.from_dict(about)
        assert restored(config, tensors).flat.shape[0] == 1
        wrong = (tensors[name][..., :0], tensors[name].unsqueeze(0), torch.zeros(0))
        for tensor in wrong:
            with pytest.raises((ValueError, IndexError)):
                restored(config, {**tensors, name: tensor.clone()})
        with pytest.raises(
            KeyError if name in ("keys", "codewords", "probabilities", "density", "partition") else ValueError
        ):
            restored(config, {key: value for key, value in tensors.items() if key != name})
    assert refused


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("finished,,2.", "finished,,high", "column rate must be of numbers, got 'high"),
        ("0.0006", "", "not a CSV file in UTF-8"),
        ("circle", "\udcff", "not a CSV file in UTF-8"),
        (",10000,", ",0,", "column steps must be of numbers, got '0'"),
        (",10000,", ",inf,", "column steps must be of numbers, got 'inf'"),
    ],
)
def test_tables_of_runs(tmp_path, old, new, why):
    from importlib.resources import files as resources

    text = (resources("edcurve_neural") / "data" / "runs.csv").read_text().splitlines()[:3]
    if not new:
        text[2] += ",1,2,3"
    assert old in text[1] or not new
    text[1] = text[1].replace(old, new, 1)
    (tmp_path / "x.csv").write_bytes("\n".join(text).encode("utf-8", "surrogateescape"))
    assert refused("figures", "--runs", tmp_path / "x.csv", "--out", tmp_path / "out").startswith(
        f"{tmp_path / 'x.csv'}: {why}"
    )
    assert not (tmp_path / "out").exists()

"""Stores written by older releases."""

import hashlib
import json
from dataclasses import replace

import edcurve_neural as edn
import pytest
from click.testing import CliRunner
from edcurve.cli import main
from edcurve_neural import files
from edcurve_neural.compressors import begin
from edcurve_neural.config import LATER

SMALL = edn.Config("circle", 8.0, hidden=(4,), batch_size=4, steps=6, compressor="circular")


def older(folder, config):
    """A store as written before configurations had a compressor and a start."""
    store, run = edn.Store(folder), edn.train(config, progress=False)
    store.save(run, 64)
    record, weights = (folder / "runs" / f"{config.key}{kind}" for kind in (".json", ".safetensors"))
    fields = {name: value for name, value in config.to_dict().items() if name not in ("compressor", "start")}
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    files.write_json(folder / "runs" / f"{key}.json", {**files.read_json(record), "config": fields})
    files.write_tensors(folder / "runs" / f"{key}.safetensors", files.read_tensors(weights)[0], fields)
    record.unlink()
    weights.unlink()
    return key


def test_stores_of_older_releases(tmp_path):
    """They are listed; errors about weights name the release, and do not advise deletion."""
    key = older(tmp_path, replace(SMALL, compressor="ntc"))
    actual = CliRunner().invoke(main, ["runs", str(tmp_path), "--json"])
    assert [row["key"] for row in json.loads(actual.stdout)] == [key]
    coded = ["encode", str(tmp_path), key, "--phases", "9", "--out", str(tmp_path / "x.edc")]
    drawn = ["figures", "--runs", str(tmp_path), "--out", str(tmp_path / "figures")]
    for command in (coded, drawn):
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 2, result.output
        assert "a release of edcurve whose configurations had no compressor, start" in result.output
        assert "delete" not in result.output


def test_a_compressor_that_this_release_does_not_have(tmp_path):
    """Its runs and checkpoints are kept without advice to delete them; other runs continue."""
    gone = {**SMALL.to_dict(), "compressor": "circular-field"}
    store, run = edn.Store(tmp_path), edn.train(SMALL, progress=False)
    store.save(run, 64)
    program = begin([SMALL])
    store.save_checkpoint(program)
    store.plan([SMALL])
    record, checkpoint = tmp_path / "runs" / f"{SMALL.key}.json", store.checkpoint([SMALL])
    files.write_json(record.with_name("1" * 16 + ".json"), {**files.read_json(record), "config": gone})
    renamed, about = checkpoint.with_stem("2" * 16), {**files.read_about(checkpoint), "configs": [gone]}
    files.write_tensors(renamed, program.state(), about)
    files.write_json(renamed.with_suffix(".json"), about)
    with pytest.warns(UserWarning, match="its compressor is 'circular-field', which edcurve .* keep it") as warned:
        assert [row["key"] for row in store.rows()] == [SMALL.key]
    assert "delete" not in str(warned[0].message)
    assert store.begun() == store.planned() == [[SMALL]]
    with pytest.warns(UserWarning, match="keep it"):
        edn.sweep([SMALL, replace(SMALL, seed=1)], store=tmp_path, points=64, progress=False)
    assert len(store.readable_rows()[0]) == 2
    assert renamed.exists()


def test_stores_from_before_a_field_that_left_keys_as_they_were(tmp_path):
    """They are loaded: keys omit a field with the value that it had then."""
    store, run = edn.Store(tmp_path), edn.train(SMALL, progress=False)
    store.save(run, 64)
    record, weights = (tmp_path / "runs" / f"{SMALL.key}{kind}" for kind in (".json", ".safetensors"))
    fields = {name: value for name, value in SMALL.to_dict().items() if name not in LATER}
    assert fields != SMALL.to_dict()
    content = {name: part for name, part in files.read_json(record).items() if name != "digest"}
    files.write_json(record, {**content, "config": fields})
    files.write_tensors(weights, files.read_tensors(weights)[0], fields)
    assert store.load(SMALL).evaluate(64) == run.evaluate(64)

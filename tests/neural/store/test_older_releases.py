"""Stores that an older release wrote."""

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
    kept, run = edn.Store(folder), edn.train(config, progress=False)
    kept.save(run, 64)
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
    """They are listed; what needs weights says whose they are, and not that they should be deleted."""
    key = older(tmp_path, replace(SMALL, compressor="ntc"))
    found = CliRunner().invoke(main, ["runs", str(tmp_path), "--json"])
    assert [row["key"] for row in json.loads(found.stdout)] == [key]
    coded = ["encode", str(tmp_path), key, "--phases", "9", "--out", str(tmp_path / "x.edc")]
    drawn = ["figures", "--runs", str(tmp_path), "--out", str(tmp_path / "figures")]
    for command in (coded, drawn):
        result = CliRunner().invoke(main, command)
        assert result.exit_code == 2, result.output
        assert "a release of edcurve whose configurations had no compressor, start" in result.output
        assert "delete" not in result.output


def test_a_compressor_that_this_release_does_not_have(tmp_path):
    """Its runs and what was begun of them are kept, and nothing says to delete them; other runs go on."""
    gone = {**SMALL.to_dict(), "compressor": "circular-field"}
    kept, run = edn.Store(tmp_path), edn.train(SMALL, progress=False)
    kept.save(run, 64)
    program = begin([SMALL])
    kept.save_checkpoint(program)
    kept.plan([SMALL])
    record, begun = tmp_path / "runs" / f"{SMALL.key}.json", kept.checkpoint([SMALL])
    files.write_json(record.with_name("1" * 16 + ".json"), {**files.read_json(record), "config": gone})
    other, about = begun.with_stem("2" * 16), {**files.read_about(begun), "configs": [gone]}
    files.write_tensors(other, program.state(), about)
    files.write_json(other.with_suffix(".json"), about)
    with pytest.warns(UserWarning, match="its compressor is 'circular-field', which edcurve .* keep it") as told:
        assert [row["key"] for row in kept.rows()] == [SMALL.key]
    assert "delete" not in str(told[0].message)
    assert kept.begun() == kept.planned() == [[SMALL]]
    with pytest.warns(UserWarning, match="keep it"):
        edn.sweep([SMALL, replace(SMALL, seed=1)], store=tmp_path, points=64, progress=False)
    assert len(kept.readable_rows()[0]) == 2
    assert other.exists()


def test_stores_from_before_a_field_that_left_keys_as_they_were(tmp_path):
    """They are loaded: the value that the field had then is the one that keys say nothing of."""
    kept, run = edn.Store(tmp_path), edn.train(SMALL, progress=False)
    kept.save(run, 64)
    record, weights = (tmp_path / "runs" / f"{SMALL.key}{kind}" for kind in (".json", ".safetensors"))
    fields = {name: value for name, value in SMALL.to_dict().items() if name not in LATER}
    assert fields != SMALL.to_dict()
    content = {name: part for name, part in files.read_json(record).items() if name != "digest"}
    files.write_json(record, {**content, "config": fields})
    files.write_tensors(weights, files.read_tensors(weights)[0], fields)
    assert kept.load(SMALL).evaluate(64) == run.evaluate(64)

"""A folder of trained compressors: one for each configuration, found by its hash.

    STORE/index.csv                     a row for each finished run: pandas.read_csv(STORE/index.csv)
    STORE/runs/KEY.json                 configuration, status, metrics, history
    STORE/runs/KEY.safetensors          weights by name
    STORE/checkpoints/ID.safetensors    all models of a program that is being trained
    STORE/sources/HASH.npy              measured points that configurations name by their hash

Several processes may use a store at once: all write the same for a configuration, and files are moved into place.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import edcurve
import numpy as np
from edcurve.io.arrays import shortened
from edcurve.io.files import replacing
from edcurve.sources import Surface

from edcurve_neural import files, manifolds
from edcurve_neural.compressors.base import Compressor
from edcurve_neural.config import Config
from edcurve_neural.evaluation import POINTS, Evaluation
from edcurve_neural.files import DamagedFileError
from edcurve_neural.optimisation.program import Program
from edcurve_neural.optimisation.settings import Settings
from edcurve_neural.runs import Run

TEXTS = ("points_of", "optimum")  # metrics of measured points that are no numbers


class Store:
    """A folder of trained compressors, to read and to write; it is made if it does not exist."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        for part in ("runs", "checkpoints"):
            (self.path / part).mkdir(parents=True, exist_ok=True)
        manifolds.look_in(self.path / "sources")

    def has(self, config: Config) -> bool:
        """Whether the configuration is finished; a damaged record raises `DamagedFileError`."""
        path = self._record(config.key)
        if not path.exists():
            return False
        files.read_json(path)
        if not self._weights(config.key).exists():
            raise DamagedFileError(path, "its weights are missing")
        return True

    def save(self, run: Run, points: int = POINTS) -> None:
        """Evaluate a run and store it, the weights first: a run is finished when its record is there."""
        key = run.config.key
        self.keep_points([run.config])
        files.write_tensors(self._weights(key), run.model.state(), run.config.to_dict())
        plain = {name: _plain(value) for name, value in row(run, run.evaluate(points)).items()}
        history = {name: [_plain(value) for value in values.tolist()] for name, values in run.history.items()}
        content = {"config": run.config.to_dict(), "metrics": plain, "history": history}
        files.write_json(self._record(key), content)

    def keep_points(self, configs: Sequence[Config]) -> None:
        """Store copies of measured points, so that other processes find them."""
        for source in {config.source for config in configs}:
            manifolds.keep(source, self.path / "sources")

    def load(self, config: Config) -> Run:
        """A finished run.

        Raises
        ------
        KeyError
            If the configuration is not finished.
        DamagedFileError
            If the record or the weights were altered.
        """
        path = self._record(config.key)
        if not path.exists():
            raise KeyError(f"{self.path} has no finished run {config.key} of {config}")
        record = read_record(path)
        tensors, about = files.read_tensors(self._weights(config.key))
        if record["config"] != config.to_dict() or about != config.to_dict():
            raise DamagedFileError(path, "it is of another configuration")
        if config.measured:
            manifolds.find(config.source)  # raises if the points are missing or damaged
        try:
            model = config.kind.restored(config, tensors)
        except (LookupError, ValueError, TypeError, RuntimeError, OverflowError) as error:
            raise DamagedFileError(self._weights(config.key), f"not its weights ({shortened(error)})") from None
        history = {name: np.array(values, dtype=float) for name, values in record["history"].items()}
        status, failed, seconds = (record["metrics"][name] for name in ("status", "failed", "seconds"))
        return Run(config, model, status, failed, history, seconds)

    def rows(self) -> list[dict[str, Any]]:
        """Configuration and metrics of all finished runs, in the order of their keys."""
        paths = sorted(path for path in (self.path / "runs").glob("*.json") if not path.name.startswith("."))
        rows = []
        for path in paths:
            record = read_record(path)
            rows.append({"key": path.stem, **record["config"], **record["metrics"]})
        return rows

    def write_index(self) -> Path:
        """Write index.csv; once more if other processes finished runs meanwhile."""
        import pandas as pd

        path = self.path / "index.csv"
        while True:
            rows = self.rows()
            with replacing(path) as temporary:
                pd.DataFrame(rows).to_csv(temporary, index=False)
            if len(rows) == len(self.rows()):
                return path

    def checkpoint(self, configs: Sequence[Settings]) -> Path:
        """The file with the state of a program of these configurations."""
        name = hashlib.sha256(" ".join(config.key for config in configs).encode()).hexdigest()[:16]
        return self.path / "checkpoints" / f"{name}.safetensors"

    def save_checkpoint(self, program: Program[Compressor]) -> None:
        """Store the state of a program."""
        about = {"configs": [config.to_dict() for config in program.configs], "done": program.done}
        files.write_tensors(self.checkpoint(program.configs), program.state(), about)

    def restore(self, program: Program[Compressor]) -> int:
        """Let a program go on from its checkpoint if there is one; returns the step that it is at."""
        with contextlib.suppress(FileNotFoundError):
            state, about = files.read_tensors(self.checkpoint(program.configs))
            program.restore(state, about["done"])
        return program.done

    def reached(self, configs: Sequence[Config]) -> int:
        """Step of the checkpoint of a program, 0 without one; the file is not verified, so this is for display only."""
        with contextlib.suppress(FileNotFoundError, DamagedFileError):
            return int(files.read_about(self.checkpoint(configs))["done"])
        return 0

    def forget(self, configs: Sequence[Config]) -> None:
        """Remove the checkpoint of a program."""
        self.checkpoint(configs).unlink(missing_ok=True)

    def begun(self) -> list[list[Config]]:
        """Configurations of the programs that have checkpoints."""
        paths = sorted(p for p in (self.path / "checkpoints").glob("*.safetensors") if not p.name.startswith("."))
        programs = []
        for path in paths:
            with contextlib.suppress(FileNotFoundError):  # another process has finished it
                programs.append(_configs(path, files.read_tensors(path)[1]))
        return programs

    def _record(self, key: str) -> Path:
        return self.path / "runs" / f"{key}.json"

    def _weights(self, key: str) -> Path:
        return self.path / "runs" / f"{key}.safetensors"


def read_record(path: Path) -> dict[str, Any]:
    """The record of a run; `DamagedFileError` for an invalid one, even if its digest is right."""
    record = files.read_json(path)
    try:
        Config.from_dict(record["config"])
        metrics, history = record["metrics"], record["history"]
        texts = [metrics["status"], *(metrics[name] for name in TEXTS if name in metrics)]
        numbers = [value for name, value in metrics.items() if name not in ("status", *TEXTS)]
        numbers += [metrics["failed"], metrics["seconds"], metrics["rate"], *chain(*history.values())]
        sound = all(isinstance(text, str) for text in texts) and all(map(_is_number, numbers))
        sound &= all(isinstance(values, list) for values in history.values())
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise DamagedFileError(path, f"no record of a run ({shortened(error)})") from None
    if not sound:
        raise DamagedFileError(path, "no record of a run (a measure is not a number)")
    return record


def configuration(path: Path, fields: dict[str, Any]) -> Config:
    """The configuration of a record that is to be loaded.

    Raises
    ------
    ValueError
        If the record is of a release whose configurations had other fields, and so other keys.
    DamagedFileError
        If it is the record of another configuration.
    """
    config = Config.from_dict(fields)
    if config.key == path.stem:
        return config
    lacking = sorted(set(config.to_dict()) - set(fields))
    if not lacking:
        raise DamagedFileError(path, "it is of another configuration")
    raise ValueError(
        f"{path} is of a release of edcurve whose configurations had no {', '.join(lacking)}: `edcurve runs` lists it, "
        "and its weights cannot be loaded"
    )


def _is_number(value: Any) -> bool:
    """Whether a value is a number as `_plain` writes it."""
    return value is None or (isinstance(value, float | int) and math.isfinite(value))


def row(run: Run, evaluation: Evaluation) -> dict[str, Any]:
    """Metrics of a run, described in `Evaluation`; "noisy" ones are those of training in its last steps."""
    return {
        "status": run.status,
        "failed": run.failed,
        **metrics(evaluation, run.config.lmbda),
        "noisy_rate": float(run.history["rate"][-1]),
        "noisy_distortion": float(run.history["distortion"][-1]),
        "points": evaluation.points,
        "seconds": run.seconds,
    }


def metrics(evaluation: Evaluation, lmbda: float) -> dict[str, Any]:
    """Metrics of an evaluation at λ: columns of the table of runs."""
    source = evaluation.source
    both = {"excess_sampled": evaluation.excess(lmbda, sampled=True)} if source.name == "ramp" else {}
    is_measured = isinstance(source, edcurve.SampledLoop | edcurve.SampledCurve)
    return {
        "rate": evaluation.rate,
        "entropy": evaluation.entropy,
        "distortion": evaluation.distortion,
        "distortion_centroid": evaluation.distortion_centroid,
        "entropy_marginals": evaluation.entropy_marginals,
        "distortion_readout": evaluation.distortion_readout,
        "cells": evaluation.cells,
        "excess": evaluation.excess(lmbda),
        **evaluation.decomposition(lmbda)._asdict(),
        **{name: _plain(part) for name, part in evaluation.decomposition(lmbda, fine=True)._asdict().items()},
        **both,
        **(_optimum(source) if is_measured else {}),
        **({"left_open": evaluation.left_open(lmbda)} if isinstance(source, Surface) else {}),
        "rank_floor": evaluation.rank_floor,
    }


def _optimum(source: edcurve.Source) -> dict[str, Any]:
    """Status of the optimum of measured points: a compressor may be below an upper bound."""
    return {"points_of": source.name, "optimum": source.status, "truncation": source.truncation}


def _configs(path: Path, about: dict[str, Any]) -> list[Config]:
    """Configurations of the program that a checkpoint belongs to."""
    try:
        return [Config.from_dict(fields) for fields in about["configs"]]
    except (KeyError, ValueError, TypeError) as error:
        raise DamagedFileError(path, f"no checkpoint ({shortened(error)})") from None


def _plain(value: Any) -> Any:
    """A metric as JSON can hold it: None for a number that is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value

"""A folder of trained compressors: one for each configuration, found by its hash.

    STORE/index.csv                     a row for each finished run: pandas.read_csv(STORE/index.csv)
    STORE/runs/KEY.json                 configuration, status, metrics, history
    STORE/runs/KEY.safetensors          weights by name
    STORE/checkpoints/ID.json           configurations of a program that is to be trained
    STORE/checkpoints/ID.safetensors    all its models, while they are being trained
    STORE/sources/HASH.npy              measured points that configurations name by their hash

Several processes may use a store at once: all write the same for a configuration, and files are moved into place.
A store may be hostile: its files are checked when they are read, and its links never redirect a write out of it.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import edcurve
import numpy as np
from edcurve.io.files import clear, read_bytes, write_text
from edcurve.io.text import printable, shortened
from edcurve.sources import Surface
from edcurve.validation import warn
from torch import Tensor

from edcurve_neural import files, manifolds
from edcurve_neural.compressors.base import Compressor
from edcurve_neural.config import LATER, Config
from edcurve_neural.evaluation import POINTS, Evaluation
from edcurve_neural.files import DamagedFileError
from edcurve_neural.optimisation.program import Program
from edcurve_neural.optimisation.settings import Settings
from edcurve_neural.runs import Run

from . import records

PARTS = ("runs", "checkpoints", "sources")


class Store:
    """A folder of trained compressors, to read and to write; the first write creates it.

    A folder whose parts are links to other folders raises ValueError: writing to them would change files there.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not os.fspath(path):
            raise ValueError(f"the store must be a folder, got {path!r}")
        self.path = Path(path)
        for part in PARTS:
            if _real(self.path / part) != _real(self.path) / part:
                raise ValueError(f"{self.path / part}: expected a folder of the store, not a link to another one")
        manifolds.look_in(self.path / "sources")

    def make(self) -> None:
        """Make the folders, and `clear` them."""
        for part in ("runs", "checkpoints"):
            (self.path / part).mkdir(parents=True, exist_ok=True)
        self.clear()

    def clear(self) -> None:
        """Remove unfinished files of killed processes."""
        for folder in (self.path, *(self.path / part for part in PARTS)):
            clear(folder)

    def has(self, config: Config) -> bool:
        """Whether the configuration is finished; errors as for `row`."""
        path = self._record(config.key)
        if not path.exists():
            return False
        records.read(path)
        if not self._weights(config.key).exists():
            raise DamagedFileError(path, "its weights are missing")
        return True

    def save(self, run: Run, points: int = POINTS) -> None:
        """Evaluate a run and store it, its weights first, because a run with a record counts as finished."""
        key = run.config.key
        self._record(key).parent.mkdir(parents=True, exist_ok=True)
        self.keep_points([run.config])
        files.write_tensors(self._weights(key), run.model.state(), run.config.to_dict())
        history = {name: [_plain(value) for value in values.tolist()] for name, values in run.history.items()}
        content = {
            "release": edcurve.__version__,
            "config": run.config.to_dict(),
            "metrics": plain(row(run, run.evaluate(points))),
            "history": history,
        }
        files.write_json(self._record(key), content)

    def check_output(self, path: str | os.PathLike[str]) -> None:
        """Raise ValueError for an output path that is reserved for files of the store."""
        target, folder = _real(path), _real(self.path)
        if target == folder / "index.csv" or target.parent in (folder / part for part in PARTS):
            raise ValueError(f"{os.fspath(path)}: expected a file outside the store's own folders, {', '.join(PARTS)}")

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
        record = records.read(path)
        try:
            tensors, about = files.read_tensors(self._weights(config.key))
        except FileNotFoundError:
            raise DamagedFileError(path, "its weights are missing") from None
        if any({**LATER, **fields} != config.to_dict() for fields in (record["config"], about)):
            raise DamagedFileError(path, "it belongs to another configuration")
        if config.measured:
            manifolds.find(config.source)  # raises if the points are missing or damaged
        try:
            model = config.kind.restored(config, tensors)
        except (LookupError, ValueError, TypeError, RuntimeError, OverflowError) as error:
            raise DamagedFileError(self._weights(config.key), f"invalid weights ({shortened(error)})") from None
        history = {name: np.array(values, dtype=float) for name, values in record["history"].items()}
        status, failed, seconds = (record["metrics"][name] for name in ("status", "failed", "seconds"))
        return Run(config, model, status, failed, history, seconds)

    def row(self, config: Config) -> dict[str, Any]:
        """Configuration and metrics of a finished run; errors as for `records.read`, KeyError if it is not finished."""
        path = self._record(config.key)
        if not path.exists():
            raise KeyError(f"{self.path} has no finished run {config.key} of {config}")
        return _row(path, records.read(path))

    def rows(self) -> list[dict[str, Any]]:
        """Configuration and metrics of all finished runs, in the order of their keys.

        Records that cannot be read are left out, with a warning.
        """
        rows, problems = self.readable_rows()
        for problem in problems:
            warn(str(problem))
        return rows

    def readable_rows(self) -> tuple[list[dict[str, Any]], list[ValueError]]:
        """Rows of the readable records, and an error for each of the others."""
        rows, problems = [], list[ValueError]()
        for path in sorted(path for path in (self.path / "runs").glob("*.json") if not path.name.startswith(".")):
            try:
                rows.append(_row(path, records.read(path)))
            except ValueError as error:
                problems.append(error)
            except OSError as error:  # a folder, or no permission to read
                problems.append(ValueError(f"{path}: {error.strerror}"))
        return rows, problems

    def write_index(self) -> Path:
        """Write index.csv if it is not up to date; again if other processes finished runs meanwhile."""
        import pandas as pd

        path = self.path / "index.csv"
        while True:
            rows = self.readable_rows()[0]
            text = pd.DataFrame(rows).to_csv(index=False, lineterminator="\n")
            if not _has(path, text):
                write_text(path, text, follow=False)
            if len(rows) == len(self.readable_rows()[0]):
                return path

    def checkpoint(self, configs: Sequence[Settings]) -> Path:
        """The file with the state of a program of these configurations."""
        name = hashlib.sha256(" ".join(config.key for config in configs).encode()).hexdigest()[:16]
        return self.path / "checkpoints" / f"{name}.safetensors"

    def save_checkpoint(self, program: Program[Compressor]) -> None:
        """Store the state of a program."""
        about = {
            "release": edcurve.__version__,
            "configs": [config.to_dict() for config in program.configs],
            "done": program.done,
        }
        path = self.checkpoint(program.configs)
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_tensors(path, program.state(), about)

    def restore(self, program: Program[Compressor]) -> int:
        """Restore a program from its checkpoint if there is one; returns its step.

        It raises `DamagedFileError` if no program of these configurations can have written the checkpoint, and
        ValueError if another release wrote it.
        """
        path = self.checkpoint(program.configs)
        with contextlib.suppress(FileNotFoundError):
            state, about = files.read_tensors(path)
            try:
                program.restore(state, about["done"])
            except (LookupError, ValueError, TypeError) as error:
                if writer := records.of_another_release(about):
                    raise ValueError(f"{path}: {writer} ({shortened(error)})") from None
                raise DamagedFileError(path, f"not a checkpoint ({shortened(error)})") from None
        return program.done

    def reached(self, configs: Sequence[Config]) -> int:
        """Step of the checkpoint of a program, 0 without one; not verified, for display only."""
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
            return min(configs[0].steps, int(files.read_about(self.checkpoint(configs))["done"]))
        return 0

    def plan(self, configs: Sequence[Config]) -> None:
        """Record that these are trained together: rounding may depend on the other models of a program."""
        path = self.checkpoint(configs).with_suffix(".json")
        if not path.exists():
            about = {"release": edcurve.__version__, "configs": [config.to_dict() for config in configs]}
            files.write_json(path, about)

    def planned(self) -> list[list[Config]]:
        """Configurations of the planned programs, begun or not; errors as for `begun`."""
        programs = []
        for path in self._in_checkpoints("*.json"):
            with contextlib.suppress(FileNotFoundError):  # another process has finished it
                about = files.read_json(path)
                if not records.of_another_release(about):
                    programs.append(self._configs(path, about))
        return programs

    def forget(self, configs: Sequence[Config]) -> None:
        """Remove the checkpoint and the plan of a program."""
        for suffix in (".safetensors", ".json"):
            self.checkpoint(configs).with_suffix(suffix).unlink(missing_ok=True)

    def begun(self) -> list[list[Config]]:
        """Configurations of the programs that have checkpoints."""
        programs = []
        for path in self._in_checkpoints("*.safetensors"):
            with contextlib.suppress(FileNotFoundError):  # another process has finished it
                tensors, about = files.read_tensors(path)
                if not records.of_another_release(about):
                    programs.append(self._configs(path, about, tensors))
        return programs

    def _configs(self, path: Path, about: dict[str, Any], tensors: dict[str, Tensor] | None = None) -> list[Config]:
        """Configurations of a program, checked; those of a checkpoint must not need more memory than it has."""
        try:
            configs = [Config.from_dict(fields) for fields in about["configs"]]
            if len({config.shape for config in configs}) != 1:
                raise ValueError("its configurations are not of one shape")
            numbers = 0 if tensors is None else len(configs) * configs[0].kind.layout(configs[0]).used
            if tensors is not None and tensors["flat"].numel() < numbers:
                raise ValueError(f"its configurations have {numbers} parameters, got {tensors['flat'].numel()}")
        except (LookupError, ValueError, TypeError, AttributeError) as error:
            raise DamagedFileError(path, f"not a checkpoint ({shortened(error)})") from None
        if path.stem != self.checkpoint(configs).stem:  # else another program would resume from it
            raise DamagedFileError(path, "its name belongs to another program")
        return configs

    def _in_checkpoints(self, pattern: str) -> list[Path]:
        return sorted(path for path in (self.path / "checkpoints").glob(pattern) if not path.name.startswith("."))

    def _record(self, key: str) -> Path:
        return self.path / "runs" / f"{key}.json"

    def _weights(self, key: str) -> Path:
        return self.path / "runs" / f"{key}.safetensors"


def row(run: Run, evaluation: Evaluation) -> dict[str, Any]:
    """Metrics of a run, described in `Evaluation`; "noisy" ones are from the last steps of training."""
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
    sampled = {"excess_sampled": evaluation.excess(lmbda, sampled=True)} if source.name == "ramp" else {}
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
        **sampled,
        **(_optimum(source) if is_measured else {}),
        **({"left_open": evaluation.left_open(lmbda)} if isinstance(source, Surface) else {}),
        "rank_floor": evaluation.rank_floor,
    }


def _optimum(source: edcurve.Source) -> dict[str, Any]:
    """Status of the optimum of measured points: a compressor may be below an upper bound."""
    return {"points_of": source.name, "optimum": source.status, "truncation": source.truncation}


def _row(path: Path, record: dict[str, Any]) -> dict[str, Any]:
    fields = {"key": path.stem, **record["config"], **record["metrics"]}
    return {name: printable(value) if isinstance(value, str) else value for name, value in fields.items()}


def _real(path: str | os.PathLike[str]) -> Path:
    """The path with links resolved; unlike `Path.resolve`, it does not raise RuntimeError for circular links."""
    return Path(os.path.realpath(path))


def _has(path: Path, text: str) -> bool:
    """Whether a file that is not a link has this text."""
    try:
        return not path.is_symlink() and read_bytes(path, len(text.encode())) == text.encode()
    except (OSError, ValueError):
        return False


def plain(metrics: dict[str, Any]) -> dict[str, Any]:
    """Metrics as JSON can hold them."""
    return {name: _plain(value) for name, value in metrics.items()}


def _plain(value: Any) -> Any:
    """A metric as JSON can hold it: None for a number that is not finite."""
    return None if isinstance(value, float) and not math.isfinite(value) else value

"""Records of runs: their allowed content, and reading them. A hostile record may have a correct digest."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any

import edcurve
from edcurve.io.text import printable, shortened
from edcurve.sources import BOUND, CHECKED, PROVED

from edcurve_neural import files
from edcurve_neural.compressors import COMPRESSORS
from edcurve_neural.config import Config
from edcurve_neural.files import DamagedFileError
from edcurve_neural.runs import STATUSES

LONGEST = 1000  # most characters of a label
HISTORY = ("step", "loss", "rate", "distortion")


def _is_number(value: Any) -> bool:
    """Whether a value is a number of a record, where null means infinite or NaN."""
    return value is None or (type(value) in (int, float) and math.isfinite(value))


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


NAME, KIND = re.compile("[a-z_]{1,60}"), re.compile("[a-z][a-z0-9-]{0,59}")
METRICS: dict[str, Callable[[Any], bool]] = {  # other metrics are numbers
    "status": lambda value: value in STATUSES,
    "failed": lambda value: value is None or _is_count(value),
    "cells": _is_count,
    "points": _is_count,
    # of measured points
    "points_of": lambda value: isinstance(value, str) and len(value) <= LONGEST,
    "optimum": lambda value: value in (PROVED, CHECKED, BOUND),
}
NEEDED = ("status", "failed", "rate", "seconds")


def read(path: Path) -> dict[str, Any]:
    """The record of a run.

    Raises
    ------
    DamagedFileError
        For an invalid record, even if its digest is right.
    ValueError
        For a record of another release, with fields or a compressor that this one does not know.
    """
    record = files.read_json(path)
    try:
        _check(path, record)
    except (LookupError, ValueError, TypeError, AttributeError, OverflowError) as error:
        if writer := of_another_release(record):
            raise ValueError(f"{path}: {writer} ({shortened(error)})") from None
        raise DamagedFileError(path, f"not a record of a run ({shortened(error)})") from None
    return record


def of_another_release(content: dict[str, Any]) -> str | None:
    """A sentence about the other release that wrote a record or a checkpoint; None if this one may have."""
    if kind := _unknown_compressor(content):
        return (
            f"its compressor is {kind!r}, which edcurve {edcurve.__version__} does not have: keep it for a release "
            "that does"
        )
    release = content.get("release")
    if not isinstance(release, str) or release == edcurve.__version__ or len(release) > LONGEST:
        return None
    return (
        f"edcurve {printable(release)} wrote it, and edcurve {edcurve.__version__} cannot read it: keep it for that "
        "release"
    )


def _unknown_compressor(content: dict[str, Any]) -> str | None:
    """The compressor of a record or a checkpoint, if this release does not have it but another one may."""
    several = content.get("configs")
    for fields in (content.get("config"), *(several if isinstance(several, list) else ())):
        kind = fields.get("compressor") if isinstance(fields, dict) else None
        if isinstance(kind, str) and KIND.fullmatch(kind) and kind not in COMPRESSORS:
            return kind
    return None


def _check(path: Path, record: dict[str, Any]) -> None:
    fields, metrics, history = record["config"], record["metrics"], record["history"]
    if unknown := [name for name in metrics if not NAME.fullmatch(name)]:
        raise ValueError(f"invalid name of a metric: {unknown[0][:60]!r}")
    if missing := [name for name in NEEDED if name not in metrics]:
        raise ValueError(f"no {missing[0]}")
    for name, value in metrics.items():
        if not METRICS.get(name, _is_number)(value):
            raise ValueError(f"invalid metric: {name} {str(value)[:60]!r}")
    if set(history) != set(HISTORY) or any(not isinstance(values, list) for values in history.values()):
        raise ValueError("invalid history")
    if len(set(map(len, history.values()))) != 1 or not all(map(_is_number, chain(*history.values()))):
        raise ValueError("a history of values that are not numbers")
    config = Config.from_dict(fields)
    if config.key != path.stem and not _lacking(config, fields):
        raise ValueError("it belongs to another configuration")


def _lacking(config: Config, fields: dict[str, Any]) -> list[str]:
    """Fields of a configuration that an older release did not have."""
    return sorted(set(config.to_dict()) - set(fields))


def configuration(path: Path, fields: dict[str, Any]) -> Config:
    """The configuration of a record, for loading its run.

    Raises
    ------
    ValueError
        If another release wrote the record, whose configurations had other fields and so other keys.
    DamagedFileError
        If it is the record of another configuration.
    """
    config = Config.from_dict(fields)
    if config.key == path.stem:
        return config
    lacking = _lacking(config, fields)
    if not lacking:
        raise DamagedFileError(path, "it belongs to another configuration")
    raise ValueError(
        f"{path} is of a release of edcurve whose configurations had no {', '.join(lacking)}: `edcurve runs` lists it, "
        "and its weights cannot be loaded"
    )

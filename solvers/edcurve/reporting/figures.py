"""The theory curves of the paper's Figures 1 and 3: optimal trade-offs of the ramp and the circle, with tables."""

from __future__ import annotations

import json
import os
import platform
import shlex
from collections.abc import Sequence
from pathlib import Path

from edcurve import __version__, validation
from edcurve.curves import curve, spread
from edcurve.drawing import save
from edcurve.io import files
from edcurve.sources import resolve

DRAWN = {"ramp": "theory curves of Fig. 1", "circle": "theory curves of Fig. 3"}
NUM = 1024


def write_figures(out: str | os.PathLike[str], *, base: float = 2, command: Sequence[str] = ()) -> list[Path]:
    """Draw the optimal trade-offs of the ramp and of the circle, with tables and provenance beside them.

    Parameters
    ----------
    out : path
        Folder, created if missing; files of the same names in it are replaced.
    base : float
        Base of the logarithm: 2 for bits, ``math.e`` for nats.
    command : sequence of str
        Command line for the provenance.

    Returns
    -------
    list of Path
        The files: for each source a .png, a .pdf and a .csv, and one .json with the provenance.
    """
    validation.log_base(base)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for name in DRAWN:
        most = resolve(name).max_distortion
        drawn = curve(name, spread(most / 1000.0, most, NUM), base=base)
        png, pdf, table = (folder / f"{name}{suffix}" for suffix in (".png", ".pdf", ".csv"))
        save(drawn, png)
        save(drawn, pdf)
        drawn.to_csv(table)
        written += [png, pdf, table]
    files.write_text(folder / "provenance.json", _provenance(base, command))
    return [*written, folder / "provenance.json"]


def _provenance(base: float, command: Sequence[str]) -> str:
    content = {
        "command": shlex.join(command),
        "edcurve": __version__,
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, CPU only",
        "seed": "none: nothing is random",
        "base": base,
        "points": NUM,
        "figures": DRAWN,
        "paper": "Bhadane, Wagner, Ballé, Do Neural Networks Compress Manifolds Optimally?, arXiv 2205.08518",
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"

"""`draw`: every figure for which there are runs, with its data and provenance."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import edcurve
from edcurve.io.files import replacing, write_text

from .loading import Trained
from .phases import circle, ramp
from .stochastic import stochasticity
from .style import schedule
from .summary import over_batches, over_training_sets
from .tables import usual
from .tradeoffs import decompositions, trade_off

if TYPE_CHECKING:
    from matplotlib.figure import Figure

TRADE_OFFS = {"ramp": 1, "circle": 3, "sawbridge": 6}  # the sawbridge is the control, from the paper's reference 5
PHASES = {"ramp": (2, ramp), "circle": (4, circle)}
CAPTIONS = {
    "figure_1.png": "ramp: rate against distortion, and the excess over the optimum (the paper's Figure 1)",
    "figure_2.png": "ramp: codeword and reconstruction against the phase (the paper's Figure 2)",
    "figure_3.png": "circle: rate against distortion, and the excess over the optimum (the paper's Figure 3)",
    "figure_4.png": "circle: codeword against the angle (the paper's Figure 4)",
    "figure_5.png": "what the excess over the optimum is made of",
    "figure_6.png": "sawbridge: rate against distortion, and the excess over the optimum: the control",
    "figure_7.png": "excess against the batch size, and against the size of a fixed training set",
}


def draw(trained: Trained, out: str | os.PathLike[str], *, command: Sequence[str] = ()) -> Iterator[Path]:
    """Draw every figure for which there are runs, and yield each file when it is written.

    Parameters
    ----------
    trained : Trained
        As `load` returns it.
    out : path
        Folder, created if necessary; files with the same names are replaced.
    command : sequence of str
        The command line, for the provenance.

    Yields
    ------
    Path
        ``figure_1.png`` to ``figure_7.png`` (see `CAPTIONS`), as far as there are runs; their data, ``runs.csv`` and
        ``codewords.csv``; and their provenance, ``figures.json``.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    drawn = []
    for name, make in _makers(trained).items():
        figure = make()
        with replacing(folder / name) as temporary:
            figure.savefig(temporary, dpi=130)
        drawn.append(name)
        yield folder / name
    for name, table in (("runs.csv", trained.runs), ("codewords.csv", trained.codewords)):
        if table is not None:
            with replacing(folder / name) as temporary:
                table.to_csv(temporary, index=False)
            yield folder / name
    write_text(folder / "figures.json", _provenance(trained, drawn, command))
    yield folder / "figures.json"


def _makers(trained: Trained) -> dict[str, Callable[[], Figure]]:
    """The function that draws each figure for which there are runs."""
    runs, codewords = trained.runs, trained.codewords
    makers: dict[str, Callable[[], Figure]] = {}
    for source, number in TRADE_OFFS.items():
        if (runs["train_size"].isna() & (runs["source"] == source)).any():
            makers[f"figure_{number}.png"] = partial(trade_off, runs, source)
    if codewords is not None:
        sources = set(runs.loc[runs["key"].isin(codewords["key"]), "source"])
        for source, (number, phases) in PHASES.items():
            if source in sources:
                makers[f"figure_{number}.png"] = partial(phases, runs, codewords)
    if len(usual(runs)):
        makers["figure_5.png"] = partial(decompositions, runs)
    if len(over_batches(runs)) or len(over_training_sets(runs)):
        makers["figure_7.png"] = partial(stochasticity, runs)
    return dict(sorted(makers.items()))


def _provenance(trained: Trained, drawn: Sequence[str], command: Sequence[str]) -> str:
    content: dict[str, Any] = {
        "command": shlex.join(command),
        "edcurve": edcurve.__version__,
        "figures": {name: CAPTIONS[name] for name in drawn},
        "schedule": schedule(trained.runs),
        "seeds": sorted({int(seed) for seed in trained.runs["seed"]}),
        "made": trained.provenance or "not known to the table: see its store",
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"

"""The progress bar of training."""

import io

import edcurve_neural as edn
import numpy as np
import pytest
from edcurve_neural.compressors import begin
from edcurve_neural.training import progress
from rich.console import Console

SMALL = edn.Config("circle", 8.0, hidden=(4,), batch_size=4, steps=6, compressor="circular")


def test_the_bar_counts_earlier_steps(tmp_path, monkeypatch):
    """A sweep that resumes from step 4 of 6 ends with a full bar."""
    program, store = begin([SMALL]), edn.Store(tmp_path)
    for _ in range(4):
        program.step()
    store.save_checkpoint(program)
    bars, original = [], progress._bar
    monkeypatch.setattr("sys.stderr", io.StringIO())
    monkeypatch.setattr(progress, "_bar", lambda: bars.append(original()) or bars[-1])
    edn.sweep([SMALL], store=tmp_path, points=64)
    (task,) = bars[0].tasks
    assert (task.completed, task.total) == (6, 6)


def test_the_summary_is_the_mean_over_finite_models():
    excess = np.array([1.0, np.nan, 3.0])
    values = progress.Glance(excess, loss=excess, entropy=2.0 * excess, distortion=0.1 * excess)
    assert progress.summary(values, 120) == "excess 2  loss 2  entropy 4  distortion 0.2"
    assert progress.summary(progress.Glance(*[np.full(3, np.inf)] * 4), 80) == "diverged"


@pytest.mark.parametrize(("width", "last"), [(64, "excess"), (80, "loss"), (124, "distortion")])
def test_the_line_fits_the_terminal(width, last):
    """With the longest possible numbers: a whole bar, and nothing truncated."""
    bar = progress._bar()
    values = progress.Glance(*np.full((4, 1), -1.2345e-10))
    bar.add_task("training", total=10**9, completed=10**9 - 1, seen=progress.summary(values, width))
    terminal = Console(width=width, file=io.StringIO(), force_terminal=False)
    terminal.print(bar.get_renderable())
    (line,) = terminal.file.getvalue().splitlines()
    assert line.count("━") + line.count("╸") == progress.BAR
    assert line.rstrip().endswith(f"{last} -1.234e-10")


def test_no_bar_without_a_terminal_or_work(capsys, tmp_path, monkeypatch):
    edn.train(SMALL)
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("FORCE_COLOR", "1")
    edn.sweep([], store=tmp_path)
    assert capsys.readouterr() == ("", "")

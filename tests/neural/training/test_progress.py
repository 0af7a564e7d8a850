"""The progress bar of training."""

import io

import edcurve_neural as edn
import numpy as np
from edcurve_neural.compressors import begin
from edcurve_neural.training import progress

SMALL = edn.Config("circle", 8.0, hidden=(4,), batch_size=4, steps=6, compressor="circular")


def test_the_bar_counts_what_was_made_before(tmp_path, monkeypatch):
    """A sweep that goes on from step 4 of 6 ends with a full bar."""
    program, kept = begin([SMALL]), edn.Store(tmp_path)
    for _ in range(4):
        program.step()
    kept.save_checkpoint(program)
    bars, made = [], progress._bar
    monkeypatch.setattr("sys.stderr", io.StringIO())
    monkeypatch.setattr(progress, "_bar", lambda: bars.append(made()) or bars[-1])
    edn.sweep([SMALL], store=tmp_path, points=64)
    (task,) = bars[0].tasks
    assert (task.completed, task.total) == (6, 6)


def test_what_stands_beside_the_bar_is_the_mean_over_models_that_did_not_diverge():
    loss = np.array([1.0, np.nan, 3.0])
    seen = progress.Glance(loss, entropy=2.0 * loss, distortion=0.1 * loss, excess=loss)
    assert progress.summary(seen) == "loss 2  entropy 4  distortion 0.2  excess 2"
    assert progress.summary(progress.Glance(*[np.full(3, np.inf)] * 4)) == "diverged"

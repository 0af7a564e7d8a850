"""The benchmark of programs on one device, small and on a CPU."""

import csv
from pathlib import Path

import pytest
import torch


@pytest.fixture
def recorded(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parents[3] / "benchmarks/neural")
    import recorded

    return recorded


def test_promised_sweeps(recorded):
    names = [case.name for case in recorded.cases(small=False)]
    assert names == [
        "256 circle models, batch 128",
        "96 circle models, batch 1024",
        "64 ramp models, batch 1024",
        "Fig. 3: 6 programs, 96 circle models",
    ]


def test_rates_of_programs_side_by_side(recorded, capsys, tmp_path, monkeypatch):
    tiny = [recorded.program("circle", n, hidden=(4, 4), batch_size=4, steps=1000) for n in (2, 3)]
    case = recorded.Case(tuple(tiny), 1.0, 2.0)
    monkeypatch.setattr(recorded, "cases", lambda small: [case])
    recorded.table(torch.device("cpu"), small=True, out=tmp_path / "rates.csv")
    _, head, line = capsys.readouterr().out.splitlines()
    assert len(head) == len(line)
    with (tmp_path / "rates.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    rate, scheduled, learned, loop = (float(row[name]) for name in ("model-steps", "scheduled", "learned", "loop"))
    assert rate == pytest.approx(1.0 / (0.25 / scheduled + 0.75 / learned))
    assert min(scheduled, learned, loop) > 1.0
    assert 0.0 < float(row["share"]) < 1.0


def test_a_missing_device(recorded, monkeypatch, capsys):
    import run  # beside `recorded`

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr("sys.argv", ["run.py", "--device", "cuda:1"])
    with pytest.raises(SystemExit):
        run.main()
    assert f"--device cuda:1 is not there: PyTorch {torch.__version__} sees 1 CUDA devices" in capsys.readouterr().err

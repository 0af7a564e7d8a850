"""Run commands in this process."""

import numpy as np
import pytest
from edcurve.cli import main


@pytest.fixture
def cli(capsys, tmp_path, monkeypatch):
    """Run a command in this process, in an empty folder; return exit code, standard output and error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments], prog_name="edcurve")
        return end.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def output(cli):
    """Run a command that must succeed, in silence but for its standard output, which is returned."""

    def run(*arguments):
        code, out, err = cli(*arguments)
        assert (code, err) == (0, "")
        return out

    return run


@pytest.fixture
def refused(cli, tmp_path):
    """Run a command that must be refused: exit code 2, one message with the given words, no output and no file."""

    def run(arguments, *words):
        before = listing(tmp_path)
        code, out, err = cli(*arguments)
        assert (code, out) == (2, ""), err
        assert err.startswith("Usage: edcurve")
        messages = [line for line in err.splitlines() if line.startswith("Error: ")]
        assert len(messages) == 1
        assert err.endswith(messages[0] + "\n")  # one line, and the last
        assert "Traceback" not in err
        for word in words:
            assert word in messages[0]
        assert listing(tmp_path) == before
        return messages[0]

    return run


def listing(folder):
    return sorted((str(path), path.is_dir() or path.read_bytes()) for path in folder.rglob("*"))


@pytest.fixture
def loop(tmp_path):
    t = 2 * np.pi * np.arange(240) / 240
    points = np.stack([np.cos(t), np.sin(t)], axis=1)
    np.save(tmp_path / "loop.npy", points)
    return points

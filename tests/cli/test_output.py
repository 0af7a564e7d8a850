"""Output of commands: never over their input, complete or an error, and without control characters."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from new_process import posix

TABLE = "distortion,entropy\n0.01,4.5\n"
FULL = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
from edcurve.cli import main
main(["curve", "ramp", "--num", "99", "--json"])
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ("curve", "loop.csv", "--csv", "loop.csv"),
        ("curve", "loop.csv", "--csv", "link.csv"),
        ("curve", "hard.csv", "--csv", "loop.csv"),
        ("segment", "loop.csv", "--lmbda", "4", "--csv", "loop.csv"),
        ("segment", "loop.csv", "--lmbda", "4", "--cells-csv", "loop.csv"),
        ("segment", "loop.csv", "--lmbda", "4", "--weights", "points.csv", "--csv", "points.csv"),
        ("report", "circle", "--points", "points.csv", "--out", "points.html"),
        ("gap", "circle", "--points", "points.csv", "--out", "points.png"),
        ("figures", "--runs", "runs.csv", "--out", "."),
        ("curve", "ramp", "--csv", "new.png", "--plot", "./new.png"),
    ],
)
@posix
def test_outputs_never_replace_inputs(refused, tmp_path, arguments):
    (tmp_path / "loop.csv").write_text("1,0\n0,1\n-1,0\n0,-1\n")
    (tmp_path / "points.csv").write_text(TABLE)
    (tmp_path / "runs.csv").write_text(TABLE)
    (tmp_path / "link.csv").symlink_to("loop.csv")
    (tmp_path / "hard.csv").hardlink_to(tmp_path / "loop.csv")
    for suffix in ("html", "png"):
        (tmp_path / f"points.{suffix}").symlink_to("points.csv")
    assert " file" in refused(list(arguments), "expected")


@posix
@pytest.mark.parametrize("unbuffered", ["1", ""])
def test_output_to_a_full_disk_is_an_error(tmp_path, unbuffered):
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    with (tmp_path / "out.json").open("wb") as out:
        done = subprocess.run(
            [sys.executable, "-c", FULL], stdout=out, stderr=subprocess.PIPE, text=True, check=False, env=environment
        )
    assert (done.returncode, "File too large" in done.stderr) == (2, True), done.stderr
    assert (tmp_path / "out.json").stat().st_size == 4096


def test_control_characters_are_shown_escaped(cli, tmp_path):
    (tmp_path / "points.csv").write_text("distortion,entropy,label\n0.01,9,\x1b[31mred\n")
    code, out, _ = cli("excess", "circle", "--points", "points.csv")
    assert (code, "\x1b" in out, r"\x1b[31mred" in out) == (0, False, True)
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        for name in ("\x1b[31ma.npy", "b.npy"):
            archive.writestr(name, b"x")
    Path(tmp_path / "\x1b[31m.csv").write_text("a")
    for arguments in (("curve", "x.npz"), ("curve", "\x1b[31m.csv")):
        code, _, err = cli(*arguments)
        assert (code, "\x1b" in err, r"\x1b[31m" in err) == (2, False, True)

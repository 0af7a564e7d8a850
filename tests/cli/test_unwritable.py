"""Full disks and read-only folders: every writer names the file and the reason, and changes nothing."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from new_process import as_a_user, posix

TESTS = Path(__file__).parents[1]

pytestmark = posix

# Every command that writes, in a folder with earlier files of the same names, and its expected message and files.
WRITERS = """
import contextlib, errno, hashlib, json, os, resource, sys, warnings
from pathlib import Path
import torch
torch.set_num_threads(1)
import edcurve as ed
from click.testing import CliRunner
from edcurve.cli import main
from fuzz.targets import make_store

folder, how = Path(sys.argv[1]), sys.argv[2]
os.chdir(folder)
key = make_store(folder / "store")[0]
drawn = ed.curve("ramp", num=8)
(folder / "points.csv").write_text("distortion,entropy\\n0.01,4.5\\n")
(folder / "figures").mkdir()
earlier = ("curve.json", "curve.csv", "curve.pdf", "curve.png", "report.html", "gap.png", "figures/ramp.png",
           "runs.csv", "x.edc", "x.npy", "segments.csv", "figures/provenance.json")
for name in earlier:
    (folder / name).write_text("earlier\\n")
(folder / "good.edc").write_bytes((folder / "store" / f"{key}.edc").read_bytes())

def contents():
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file() and path.name != "filler"}

commands = {
    "curve.csv": ["curve", "ramp", "--csv", "curve.csv", "--num", "40"],
    "curve.png": ["curve", "ramp", "--plot", "curve.png", "--num", "8"],
    "curve.pdf": ["curve", "ramp", "--csv", "new.csv", "--plot", "curve.pdf", "--num", "8"],
    "report.html": ["report", "ramp", "--points", "points.csv", "--out", "report.html"],
    "gap.png": ["gap", "ramp", "--points", "points.csv", "--out", "gap.png"],
    "figures/ramp.png": ["figures", "--out", "figures"],
    "runs.csv": ["runs", "store", "--csv", "runs.csv"],
    "store/checkpoints": ["sweep", "circle", "--lmbda", "9", "--hidden", "4", "--steps", "2", "--checkpoint-every", "1",
                          "--batch-size", "16", "--points", "64", "--store", "store"],
    "store/checkpoints/": ["sweep", "circle", "--lmbda", "9", "--hidden", "4", "--steps", "2",  # what it will train
                           "--batch-size", "16", "--points", "64", "--store", "store"],
    "x.edc": ["encode", "store", key, "--phases", "2000", "--out", "x.edc"],
    "x.npy": ["decode", "good.edc", "--store", "store", "--out", "x.npy"],
    "segments.csv": ["segment", "loop.csv", "--lmbda", "4", "--csv", "segments.csv"],
}
(folder / "loop.csv").write_text("0,1\\n1,0\\n0,-1\\n-1,0\\n")
before = contents()
if how == "full":
    with contextlib.suppress(OSError):
        with open("filler", "wb", buffering=0) as file:
            while file.write(bytes(4096)):
                pass
elif how == "limit":
    resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))
else:
    for path in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        path.chmod(0o555)
said = {}
warnings.simplefilter("error")
for name, command in commands.items():
    result = CliRunner().invoke(main, command)
    said[name] = [result.exit_code, repr(result.exception), result.output]
for name in ("curve.json", "curve.csv"):
    try:
        (drawn.save if name == "curve.json" else drawn.to_csv)(folder / name)
        said["API " + name] = None
    except OSError as error:
        said["API " + name] = [errno.errorcode[error.errno], str(error.filename)]
after = contents()
same = before == after
for path in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
    path.chmod(0o755)
with contextlib.suppress(FileNotFoundError):
    (folder / "filler").unlink()
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)) if how != "limit" else None
print(json.dumps({"said": said, "changed": sorted(set(before.items()) ^ set(after.items()))}))
"""


def python(code, *arguments, prefix=(), preexec=None, **environment):
    """Standard output of a program that succeeds."""
    variables = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(TESTS), **environment}
    done = subprocess.run(
        [*prefix, sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        preexec_fn=preexec,
        env={name: value for name, value in variables.items() if value is not None},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def small_disk(folder):
    """Command prefix that mounts a disk of one megabyte there, or () without the rights for it."""
    prefix = ("unshare", "--mount", "--map-root-user", "sh", "-c")
    mount = f"mount -t tmpfs -o size=1m tmpfs '{folder}'"
    if shutil.which("unshare") is None or subprocess.run([*prefix, mount], capture_output=True, check=False).returncode:
        return ()
    return (*prefix, f'{mount} && exec "$@"', "sh")


@pytest.mark.torch
@pytest.mark.parametrize("how", ["full", "read-only"])
def test_a_write_that_fails_names_the_file_and_changes_nothing(tmp_path, how):
    """Every writer names the file and the reason; the previous file stays, and no other is left."""
    prefix = small_disk(tmp_path) if how == "full" else ()
    # without permission to mount a disk, only a limit on the size of files remains
    how = "limit" if how == "full" and not prefix else how
    preexec = as_a_user if how == "read-only" else None
    result = json.loads(python(WRITERS, tmp_path, how, prefix=prefix, preexec=preexec).splitlines()[-1])
    why = {"full": "No space left on device", "limit": "File too large", "read-only": "Permission denied"}[how]
    assert result["changed"] == []
    for name, text in result["said"].items():
        if name.startswith("API"):
            code = {"full": "ENOSPC", "limit": "EFBIG", "read-only": "EACCES"}[how]
            assert text == [code, str(tmp_path / name.removeprefix("API "))]
            continue
        code, exception, output = text
        message = output.partition("Error: ")[2]
        assert (code, exception) == (2, "SystemExit(2)"), (name, text)
        assert "Traceback" not in output
        assert name in message, (name, message)
        assert why in message or "requested and" in message, (name, message)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has /dev/full")
def test_a_full_device(tmp_path):
    code = "import edcurve as ed; ed.curve('ramp', num=4).to_csv('/dev/full')"
    with pytest.raises(AssertionError, match=r"OSError: \[Errno 28\] No space left on device: '/dev/full'"):
        python(code)

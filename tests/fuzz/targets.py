"""Readers of files, and their inputs: each target makes a case in a folder from a seed."""

import contextlib
import csv
import hashlib
import io
import json
import math
import os
import random
import shutil
import struct
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import click
import edcurve as ed
from click.testing import CliRunner
from edcurve.cli import main
from edcurve.io import tables
from edcurve.io.arrays import read_points
from edcurve.io.text import message

from . import files


class Finding(Exception):  # noqa: N818  # what is looked for
    """A file was neither read nor refused properly."""


def run(*arguments, named):
    """Run a command; it succeeds, or it says in one message what is wrong with which file or option."""
    result = CliRunner().invoke(main, [str(x) for x in arguments], standalone_mode=True)
    if not isinstance(result.exception, SystemExit | None):
        raise Finding(f"exception {type(result.exception).__name__}") from result.exception
    if result.exit_code not in (0, 2):
        raise Finding(f"exit code {result.exit_code}: {result.output[-200:]}")
    if "Traceback" in result.output:
        raise Finding(f"traceback: {result.output[-400:]}")
    if result.exit_code == 2:
        message = result.output.partition("Error: ")[2]
        if "llocate" in message or "not enough memory" in message:
            raise Finding(f"memory: {message}")
        if not any(str(name) in message for name in named) and " --" not in f" {message}":
            raise Finding(f"no file or option is named: {message}")
        if len(message) > 2000:
            raise Finding(f"a message of {len(message)} characters")
    return result


def points_file(rng, folder, mark, stem="x"):
    suffix = rng.choice((".npy", ".npz", ".csv"))
    content = (
        files.csv_of_points(rng) if suffix == ".csv" else (files.npy if suffix == ".npy" else files.npz)(rng, mark)
    )
    path = folder / f"{stem}{suffix}"
    path.write_bytes(files.damaged(rng, content) if rng.random() < 0.25 else content)
    return path


def key_of(rng, path):
    return ("--key", rng.choice(("a", "b", "arr_0", "", "é"))) if path.suffix == ".npz" and rng.random() < 0.1 else ()


def curve(rng, folder, mark):
    path = points_file(rng, folder, mark)
    options = [*key_of(rng, path), *rng.choice(((), (), ("--open",), ("--waveform",)))]
    options += rng.choice(((), (), ("--gaussian",), ("--width", "1"), ("--json",)))
    if rng.random() < 0.03:
        options += ["--tolerance", "inf"]  # a search over partitions, which takes seconds
    run("curve", path, "--num", 3, *options, named=[path])


def segment(rng, folder, mark):
    path = points_file(rng, folder, mark)
    options = [*key_of(rng, path), *rng.choice(((), ("--closed",), ("--json",)))]
    named = [path]
    if rng.random() < 0.4:
        named.append(points_file(rng, folder, mark, "w"))
        options += ["--weights", named[1]]
    run("segment", path, "--lmbda", rng.choice(("4", "0,4,1e3", "1e300")), *options, named=[*named, "weights"])


def number(rng):
    return repr(
        rng.choice((rng.random(), rng.random(), rng.randrange(30), rng.random() * 10.0 ** rng.randrange(-320, 300)))
    )


POINTS = {
    "distortion": number,
    "entropy": number,
    "lmbda": lambda rng: rng.choice(("", number(rng))),
    "rate": lambda rng: rng.choice(("", number(rng))),
    "distortion_centroid": number,
    "entropy_marginals": number,
    "distortion_readout": lambda rng: rng.choice(("", number(rng))),
    "source": lambda rng: rng.choice(("circle", "circle", "ramp", "", " circle ")),
    "status": lambda rng: rng.choice(("finished", "diverged", "")),
    "samples": lambda rng: rng.choice(("", "1024", "2.5")),
    "label": lambda rng: rng.choice(("a", "</script>", "é" * 90, "=1", "\\")),
}


def points_table(rng, folder):
    columns = {name: make for name, make in POINTS.items() if name in ("distortion", "entropy") or rng.random() < 0.5}
    content = files.table(rng, columns, rng.choice((0, 1, 2, 3, 8)))
    path = folder / "points.csv"
    path.write_bytes(files.damaged(rng, content) if rng.random() < 0.3 else content)
    return path


def results(rng, folder):
    """Results in CompressAI's format, of two or three points, changed and damaged."""
    count = rng.choice((2, 3))
    lists = {name: [rng.uniform(0.1, 40.0) for _ in range(count)] for name in ("psnr-rgb", "bpp", "ms-ssim-rgb")}
    content = {"name": "codec", "description": "", "results": lists}
    content = files.dumped(rng, files.changed(rng, content) if rng.random() < 0.8 else content)
    path = folder / "results.json"
    path.write_bytes(files.damaged(rng, content) if rng.random() < 0.3 else content)
    return path


def excess(rng, folder, mark):
    if rng.random() < 0.3:
        path = results(rng, folder)
        command = rng.choice(("excess", "mean-excess"))
        run(
            command, "circle", "--points", path, "--dim", "3", "--pixels", "1", named=[path, "points must", "start and"]
        )
        return
    path = points_table(rng, folder)
    options = rng.choice(((), (), ("--lmbda", "4"), ("--json",)))
    run("excess", rng.choice(("circle", "ramp", "power:0.3")), "--points", path, *options, named=[path, "lmbda must"])


def report(rng, folder, mark):
    named, out = [], folder / "report.html"
    source, options = rng.choice(("circle", "ramp")), ["--no-shannon"]
    if rng.random() < 0.2:
        source = points_file(rng, folder, mark)
        named.append(source)
    if rng.random() < 0.9 or not named:
        named.append(points_table(rng, folder))
        options += ["--points", named[-1]]
    result = run("report", source, "--out", out, *options, named=[*named, "lmbda must"])
    if out.exists() != (result.exit_code == 0):
        raise Finding("a report where there was an error, or none where there was none")


def text(rng, folder, mark):
    """Curve.load, and the usual uses of a curve."""
    curve = ed.curve(rng.choice(("circle", "ramp")), num=4, shannon=rng.random() < 0.3, width=rng.choice((None, 3)))
    content = json.loads(curve.to_json())
    content = files.dumped(rng, files.changed(rng, content) if rng.random() < 0.8 else content)
    path = folder / "curve.json"
    path.write_bytes(files.damaged(rng, content) if rng.random() < 0.3 else content)
    try:
        loaded = ed.Curve.load(path)
    except ValueError as error:
        if str(path) not in str(error) or len(str(error)) > 500:
            raise Finding(f"message {error}") from error
        return
    assert repr(loaded)
    assert loaded._repr_html_()
    loaded.to_csv(folder / "curve.csv")
    loaded.save(folder / "again.json")
    if ed.Curve.load(folder / "again.json") != loaded:
        raise Finding("a curve that changes when it is saved again")


# --- of trained compressors -------------------------------------------------------------------------------------------

HALF = "half"  # folder of the store of a program that has a checkpoint, in the store of the others
KINDS = ("ntc", "ntc-table", "circular", "circular-table", "circular-network")


def make_store(folder):
    """A store of compressors after two steps of training, a file coded by each, and an unfinished program."""
    import edcurve_neural as edn
    import numpy as np
    from edcurve_neural.compressors import begin
    from edcurve_neural.store import Store

    configs = [edn.Config("circle", 4.0, hidden=(4,), batch_size=16, steps=2, compressor=kind) for kind in KINDS]
    configs.append(edn.Config("ramp", 48.0, latent_dim=2, hidden=(3, 5), samples=8, batch_size=16, steps=2))
    edn.sweep(configs, store=folder, points=64, progress=False)
    sweep = edn.Sweep(str(folder), tuple(configs))
    for config in configs:
        edn.compress(folder / f"{config.key}.edc", sweep.load(config), np.arange(20) / 20)
    half = begin([edn.Config("circle", lmbda, hidden=(4,), batch_size=16, steps=2) for lmbda in (1.0, 2.0)], "cpu")
    half.step()
    Store(folder / HALF).save_checkpoint(half)
    return sorted(config.key for config in configs)


def copied_store(rng, folder, store, *, only=False):
    """A copy of a store, or of one run in it, with one file changed, mostly with a correct digest."""
    key = rng.choice(sorted(path.stem for path in (store / "runs").glob("*.json")))
    if only:
        (folder / "store" / "runs").mkdir(parents=True)
        for path in (store / "runs").glob(f"{key}.*"):
            shutil.copy(path, folder / "store" / "runs")
    else:
        shutil.copytree(store, folder / "store", ignore=shutil.ignore_patterns(HALF))
    record, weights = (folder / "store" / "runs" / f"{key}{suffix}" for suffix in (".json", ".safetensors"))
    kind = rng.randrange(8)
    if kind < 4:
        content = files.changed(rng, json.loads(record.read_text()))
        record.write_bytes(files.dumped(rng, signed(content) if rng.random() < 0.8 else content))
    elif kind == 4:
        record.write_bytes(files.damaged(rng, record.read_bytes()))
    elif kind == 5:
        rng.choice((record, weights)).unlink()
    else:
        content = weights.read_bytes()
        weights.write_bytes(files.damaged(rng, content) if kind == 6 else retensored(rng, content))
    return key


def signed(content):
    """A record with a correct digest."""
    if not isinstance(content, dict):
        return content
    content.pop("digest", None)
    try:
        plain = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except ValueError:
        return content
    return {**content, "digest": hashlib.sha256(plain.encode()).hexdigest()}


def retensored(rng, content):
    """Weights with another header, or with other tensors and a digest that is right."""
    import torch
    from edcurve_neural import files as kept
    from safetensors.torch import load, save

    length = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + length])
    if rng.random() < 0.5:
        head = files.dumped(rng, files.changed(rng, header))
        return struct.pack("<Q", rng.choice((len(head), len(head), len(head), 2**40))) + head + content[8 + length :]
    tensors, about = load(content), header["__metadata__"]["about"]
    name = rng.choice(sorted(tensors))
    old = tensors[name]
    with torch.no_grad():
        tensors[name] = rng.choice(
            (
                lambda: old.reshape(-1)[:1].clone(),
                lambda: old.to(torch.float16),
                lambda: old.to(torch.bool),
                lambda: torch.full_like(old, rng.choice((0, 1, -1, 2**20))),
                lambda: torch.full_like(old.double(), rng.choice((math.nan, math.inf, 1e308))),
                lambda: old.repeat(3, *(1,) * (old.dim() - 1)) if old.dim() else old,
                lambda: torch.zeros(0),
                lambda: old.unsqueeze(0).clone(),
            )
        )()
    if rng.random() < 0.2:
        del tensors[name]
    if rng.random() < 0.4:
        about = files.dumped(rng, files.changed(rng, json.loads(about))).decode("utf-8", "replace")
    return save(tensors, metadata={"about": about, "digest": kept._digest(tensors, about)})


def runs(rng, folder, mark, store):
    copied_store(rng, folder, store)
    options = rng.choice(((), ("--json",), ("--csv", folder / "runs.csv")))
    run("runs", folder / "store", *options, named=[folder / "store"])


def checkpoints(rng, folder, mark, store):
    """A sweep that resumes from a changed checkpoint, mostly with a correct digest."""
    place = folder / "store"
    shutil.copytree(store / HALF, place)
    (path,) = (place / "checkpoints").glob("*.safetensors")
    content = path.read_bytes()
    path.write_bytes(retensored(rng, content) if rng.random() < 0.8 else files.damaged(rng, content))
    options = ("--lmbda", "1,2", "--hidden", 4, "--batch-size", 16, "--steps", 2, "--points", 16, "--store", place)
    run("sweep", "circle", *options, named=[place])


def stores(rng, folder, mark, store):
    """A store in which a file is a link out of it, a pipe or a folder: nothing outside is changed."""
    place, outside = folder / "store", folder / "outside"
    shutil.copytree(store, place, ignore=shutil.ignore_patterns(HALF, "*.edc"))
    outside.mkdir()
    for name in ("a.json", "b.csv", "c.safetensors"):
        (outside / name).write_text("as it was")
    for _ in range(rng.choice((1, 1, 2, 4))):
        inside = sorted(path for path in place.rglob("*") if not path.is_dir())
        victim = rng.choice([*inside, place / "index.csv", place / "runs", place / "checkpoints", place / "sources"])
        odd(rng, victim, outside)
    options = ("--lmbda", "4,5", "--hidden", 4, "--batch-size", 16, "--steps", 2, "--points", 16, "--store", place)
    if rng.random() < 0.2:
        run("sweep", "circle", *options, named=[place])
    else:
        run("runs", place, *rng.choice(((), ("--json",))), named=[place])
    if {path.name: path.read_text() for path in outside.iterdir()} != dict.fromkeys(
        ("a.json", "b.csv", "c.safetensors"), "as it was"
    ):
        raise Finding("something outside the store was changed")


def odd(rng, path, outside):
    """Put something else in the place of a file or a folder."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    if not path.parent.is_dir():
        return
    kind = rng.randrange(7)
    if kind == 0:
        path.symlink_to(rng.choice((outside, outside / "a.json", outside / "b.csv", outside / "none", path)))
    elif kind == 1:
        os.mkfifo(path)
    elif kind == 2:
        path.mkdir()
    elif kind == 3:
        path.symlink_to(rng.choice(("/dev/zero", "/dev/null", "/proc/self/mem", "../../outside/c.safetensors")))
    elif kind == 4:
        path.touch()
        os.truncate(path, 3 * 2**30)  # a sparse file
    elif kind == 5:
        path.hardlink_to(outside / "a.json")


def decode(rng, folder, mark, store):
    key = copied_store(rng, folder, store) if rng.random() < 0.5 else None
    keys = [key] if key else sorted(path.stem for path in store.glob("*.edc"))
    source, coded = folder / "store" if key else store, folder / "x.edc"
    content = (store / f"{rng.choice(keys)}.edc").read_bytes()
    if key is None:
        content = recoded(rng, content) if rng.random() < 0.7 else files.damaged(rng, content)
    coded.write_bytes(content)
    out = folder / "x.npy"
    result = run("decode", coded, "--store", source, "--out", out, named=[coded, source])
    if out.exists() != (result.exit_code == 0):
        raise Finding("a file where there was an error, or none where there was none")


def recoded(rng, content):
    """A file of indices with another head or payload, and lengths and digest that are right."""
    from edcurve_neural.coding import bitstream as coded

    _, version, length, _ = coded.PREFIX.unpack_from(content)
    head, payload = content[coded.PREFIX.size :][:length], content[coded.PREFIX.size + length : -coded.DIGEST]
    first, _, steps = coded._unpacked(head).partition(b"\n")
    kind = rng.randrange(4)
    if kind < 2:
        first = files.dumped(rng, files.changed(rng, json.loads(first)))
    elif kind == 2:
        steps = files.damaged(rng, steps)
    else:
        payload = files.damaged(rng, payload)
        payload = payload[: len(payload) // 4 * 4]
    try:
        head = coded._packed(first + b"\n" + steps)
    except ValueError:
        head = head[:-1]
    body = coded.PREFIX.pack(coded.MAGIC, version, len(head), len(payload) // 4) + head + payload
    return body + coded._digest(body)


def encode(rng, folder, mark, store):
    path, out = points_file(rng, folder, mark), folder / "x.edc"
    if rng.random() < 0.4:
        phases = [[repr(rng.random())] for _ in range(rng.choice((1, 2, 30)))]
        path = folder / "x.csv"
        path.write_bytes(files.csv(rng, None, phases))
    key = rng.choice(sorted(path.stem for path in store.glob("*.edc")))
    options = key_of(rng, path)
    # the message about numbers in the file names x
    result = run("encode", store, key, "--phases", path, "--out", out, *options, named=[path, "x must", "x of shape"])
    if out.exists() != (result.exit_code == 0):
        raise Finding("a file where there was an error, or none where there was none")


def reads(rng, folder, mark):
    """Readers of points and tables, without a command."""
    kind = rng.random()
    path = (points_file if kind < 0.6 else lambda *_: points_table(rng, folder))(rng, folder, mark)
    path = results(rng, folder) if kind > 0.9 else path
    try:
        read_points(path) if kind < 0.6 else tables.read(path, "circle", units=ed.Units(3, 1) if kind > 0.9 else None)
    except ValueError as error:
        refusal(error, path)


def refusal(error, path):
    """Check that an error names the file, is short, and has no control characters."""
    text = str(error)
    if str(path) not in text or len(text) > 2000 or text != message(text):
        raise Finding(f"message {error!r}") from error


def records(rng, folder, mark, store):
    """Readers of a record and its weights, without a command."""
    from edcurve_neural.store import Store

    key = copied_store(rng, folder, store, only=True)
    opened = Store(folder / "store")
    opened.readable_rows()
    try:
        opened.load(config_of(store, key))
    except KeyError:
        return
    except ValueError as error:
        refusal(error, key)


def config_of(store, key):
    from edcurve_neural import Config

    return Config.from_dict(json.loads((store / "runs" / f"{key}.json").read_text())["config"])


def coded(rng, folder, mark, store):
    """Readers of a coded file, without a command, mostly with correct lengths and digest."""
    from edcurve_neural.coding import bitstream

    content = rng.choice(sorted(store.glob("*.edc"))).read_bytes()
    path = folder / "x.edc"
    path.write_bytes(recoded(rng, content) if rng.random() < 0.8 else files.damaged(rng, content))
    try:
        bitstream.decoded(bitstream.read(path))
    except ValueError as error:
        refusal(error, path)


def certificates(rng, folder, mark):
    """The shipped certificate, changed, mostly with a correct digest: proved or rejected."""
    from edcurve.certificate import check

    content = json.loads(check.SHIPPED.read_text())
    if rng.random() < 0.7:  # the last boxes take most of the time and are skipped in most cases
        del content["boxes"][rng.randrange(1, len(content["boxes"])) :]
    content = files.changed(rng, content)
    if isinstance(content, dict) and rng.random() < 0.8:
        content.pop("sha256", None)
        with contextlib.suppress(ValueError, RecursionError):
            content["sha256"] = check.digest(content)
    content = files.dumped(rng, content)
    path = folder / "theorem.json"
    path.write_bytes(files.damaged(rng, content) if rng.random() < 0.3 else content)
    with contextlib.redirect_stdout(io.StringIO()) as output:
        code = check.main([str(path)])
    refusal(ValueError(output.getvalue().removesuffix("\n")), path)
    if code not in (0, 1):
        raise Finding(f"exit code {code}")


def plugins(rng, folder, mark):
    """Commands of other packages, with arbitrary names and errors."""

    def strange():
        return rng.choice((*map(str, files.HOSTILE), *files.TOKENS, "\x1b[2J\x1b]0;x\a", "a\r\nb", "\u202e"))

    errors = (ValueError, ImportError, SystemExit, RecursionError, KeyError)

    def load():
        if rng.random() < 0.5:
            raise rng.choice(errors)(strange())
        return [rng.choice((click.Command(strange(), help=strange()), strange()))]

    entry = SimpleNamespace(load=load, value=strange(), dist=rng.choice((None, SimpleNamespace(name=strange()))))
    with mock.patch("importlib.metadata.entry_points", return_value=[entry]):
        result = run(*rng.choice(((), ("--help",), ("entropy", "ramp", "0.01"))), named=[""])
    if result.output != message(result.output):
        raise Finding(f"characters that a terminal obeys: {result.output!r:.300}")


def train(rng, folder, mark):
    path = points_file(rng, folder, mark)
    options = ("--lmbda", 4, "--steps", 1, "--batch-size", 2, "--hidden", 2, "--points", 8)
    run("train", path, *options, named=[path])


def figures(rng, folder, mark):
    """The table of the package, or a few rows of it, with cells replaced; few are plotted, which takes seconds."""
    import edcurve_neural.figures as drawing

    lines = (Path(drawing.__file__).parents[1] / "data" / "runs.csv").read_text().splitlines()
    head, *rows = csv.reader(lines)
    rows = [list(row) for row in rng.sample(rows, rng.choice((0, 1, 2, 5, 20)))]
    drop = rng.sample(range(len(head)), rng.choice((0, 0, 0, 1, 3)))
    quoted = [[f'"{cell}"' if "," in cell else cell for i, cell in enumerate(row) if i not in drop] for row in rows]
    content = files.csv(rng, [name for i, name in enumerate(head) if i not in drop], quoted)
    path = folder / "runs.csv"
    path.write_bytes(files.damaged(rng, content) if rng.random() < 0.3 else content)
    plotted = rng.random() < DRAWN
    with contextlib.ExitStack() as stack:
        if not plotted:
            stack.enter_context(mock.patch.object(drawing, "draw", return_value=[]))
        stack.enter_context(mock.patch("edcurve.reporting.figures.write_figures", return_value=[]))
        run("figures", "--runs", path, "--out", folder / "out", named=[path])


DRAWN = 0.02
SHARES = {
    reads: 400,
    records: 150,
    coded: 200,
    certificates: 60,
    text: 30,
    curve: 15,
    segment: 40,
    excess: 20,
    decode: 20,
    encode: 20,
    runs: 15,
    checkpoints: 15,
    stores: 15,
    plugins: 15,
    train: 2,
    figures: 3,
    report: 1,
}
TARGETS = {target.__name__: target for target in SHARES}
STORED = ("runs", "decode", "encode", "checkpoints", "stores", "records", "coded")


def attempt(name, seed, folder, mark, store):
    """One case; `Finding` if something is wrong."""
    rng = random.Random(f"{name} {seed}")
    TARGETS[name](rng, folder, mark, *([store] if name in STORED else []))

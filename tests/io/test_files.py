"""Files are opened if they are files, and written whole or not at all."""

import os
import stat
import threading
from pathlib import Path

import pytest
from edcurve import drawing
from edcurve.io import files


def writers(curve):
    return {"to_csv": curve.to_csv, "save": curve.save, "plot": lambda path: drawing.save(curve, path)}


@pytest.mark.parametrize("writer", ["to_csv", "save", "plot"])
def test_a_path_that_cannot_be_written_is_named_and_nothing_is_left(drawn, tmp_path, writer):
    write = writers(drawn)[writer]
    (tmp_path / "file.png").write_text("kept")
    (tmp_path / "folder.png").mkdir()
    for path in ("missing/a.png", "file.png/a.png", "folder.png", "n" * 300 + ".png"):
        with pytest.raises(OSError, match=Path(path).name[-10:]) as caught:
            write(tmp_path / path)
        assert caught.value.filename == str(tmp_path / path)
    assert contents(tmp_path) == {"file.png": "kept", "folder.png": None}


def contents(folder):
    return {path.name: None if path.is_dir() else path.read_text() for path in folder.iterdir()}


class TornError(Exception):
    """Raised by tests in the middle of a write."""


@pytest.mark.parametrize("interruption", [TornError, KeyboardInterrupt, OSError(28, "No space left on device")])
@pytest.mark.parametrize("writer", ["to_csv", "save"])
def test_an_interrupted_write_keeps_the_old_file(drawn, tmp_path, monkeypatch, writer, interruption):
    (tmp_path / "a.txt").write_text("old")
    original = Path.write_text

    def torn(path, text, **options):
        original(path, text[: len(text) // 2], **options)
        raise interruption

    monkeypatch.setattr(Path, "write_text", torn)
    for path in (tmp_path / "a.txt", tmp_path / "new.txt"):
        with pytest.raises(interruption if isinstance(interruption, type) else OSError):
            writers(drawn)[writer](path)
    monkeypatch.undo()
    assert contents(tmp_path) == {"a.txt": "old"}


def test_a_failed_replacement_keeps_the_old_file(drawn, tmp_path, monkeypatch):
    (tmp_path / "a.txt").write_text("old")

    def failing(path, target):
        assert path.read_text() == drawn.to_csv()  # all content is present before the rename
        raise PermissionError(13, "Permission denied", str(target))

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(PermissionError, match=r"a\.txt"):
        drawn.to_csv(tmp_path / "a.txt")
    monkeypatch.undo()
    assert contents(tmp_path) == {"a.txt": "old"}


posix = pytest.mark.skipif(os.name != "posix", reason="what only POSIX systems have")


@posix
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_files_are_as_readable_as_the_user_wants_them(drawn, tmp_path, mask):
    old = os.umask(mask)
    try:
        drawn.to_csv(tmp_path / "a.csv")
        assert os.umask(mask) == mask
    finally:
        os.umask(old)
    assert stat.S_IMODE((tmp_path / "a.csv").stat().st_mode) == 0o666 & ~mask


@posix
def test_a_link_is_followed(drawn, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a.csv").write_text("old")
    (tmp_path / "link.csv").symlink_to("real/a.csv")
    (tmp_path / "dangling.csv").symlink_to("real/b.csv")
    for name in ("link.csv", "dangling.csv"):
        drawn.to_csv(tmp_path / name)
        assert (tmp_path / name).is_symlink()
    assert contents(tmp_path / "real") == {"a.csv": drawn.to_csv(), "b.csv": drawn.to_csv()}


@posix
def test_a_pipe_is_written_to_and_not_replaced(drawn, tmp_path):
    pipe, received = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: received.append(pipe.read_text()), daemon=True)
    reader.start()
    drawn.to_csv(pipe)
    reader.join(30)
    assert received == [drawn.to_csv()]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_many_threads_may_write_one_file(drawn, tmp_path):
    workers = [threading.Thread(target=drawn.to_csv, args=(tmp_path / "a.csv",)) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert contents(tmp_path) == {"a.csv": drawn.to_csv()}


def test_the_temporary_file_has_the_suffix_and_the_folder_of_the_target(tmp_path):
    with files.replacing(tmp_path / "a.tar.gz") as temporary:
        assert (temporary.parent, temporary.suffix) == (tmp_path, ".gz")
        assert temporary.name.startswith(".")
        temporary.write_text("new")
        assert not (tmp_path / "a.tar.gz").exists()
    assert contents(tmp_path) == {"a.tar.gz": "new"}


@pytest.mark.parametrize("interruption", [TornError, KeyboardInterrupt])
def test_an_interrupted_plot_keeps_the_old_file(drawn, tmp_path, monkeypatch, interruption):
    (tmp_path / "a.png").write_text("old")

    def torn(path, content):
        path.write_text("half")
        raise interruption

    monkeypatch.setattr(Path, "write_bytes", torn)
    for name in ("a.png", "b.png"):
        with pytest.raises(interruption):
            drawing.save(drawn, tmp_path / name)
    assert contents(tmp_path) == {"a.png": "old"}


@posix
@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "link to a device", "large"])
def test_nonfiles_and_large_files_are_not_opened(tmp_path, kind):
    path = tmp_path / "x"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    elif kind == "large":
        path.touch()
        os.truncate(path, 3 * 2**30)  # without a block on the disk
    else:
        path = Path("/dev/zero")
    if kind == "link to a device":
        path = tmp_path / "link"
        path.symlink_to("/dev/zero")
    with pytest.raises((ValueError, OSError), match=str(path)) as caught, files.reading(path, 2**20):
        pytest.fail("it was opened")
    assert isinstance(caught.value, IsADirectoryError) == (kind == "folder")


@posix
def test_a_pipe_is_read_where_one_is_allowed(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("text",), daemon=True)
    writer.start()
    assert files.read_text(pipe) == "text"
    writer.join(30)


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_a_replaced_file_keeps_its_mode(tmp_path, mode):
    (tmp_path / "a.txt").write_text("old")
    (tmp_path / "a.txt").chmod(mode)
    files.write_text(tmp_path / "a.txt", "new")
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == mode


@posix
def test_a_link_that_is_not_followed_is_replaced(tmp_path):
    (tmp_path / "other").write_text("kept")
    for target in ("other", "missing", "/dev/null", "."):
        (tmp_path / "a.txt").symlink_to(target)
        files.write_text(tmp_path / "a.txt", "new", follow=False)
        assert not (tmp_path / "a.txt").is_symlink()
        (tmp_path / "a.txt").unlink()
    assert contents(tmp_path) == {"other": "kept"}


def test_content_is_synced_before_the_rename(tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: done.append(os.fstat(descriptor).st_size))
    original = Path.replace
    monkeypatch.setattr(Path, "replace", lambda path, target: (done.append("replaced"), original(path, target)))
    files.write_text(tmp_path / "a.txt", "new")
    assert done == [3, "replaced"]


@pytest.mark.skipif(files.locks is None, reason="files cannot be locked")
def test_remnants_are_removed_and_files_being_written_are_not(tmp_path):
    (tmp_path / f"{files.TEMPORARY}0123456789abcdef.csv").write_text("of a killed process")
    (tmp_path / f"{files.TEMPORARY}link").symlink_to("kept")
    (tmp_path / "kept").write_text("kept")
    with files.replacing(tmp_path / "a.csv") as temporary:
        temporary.write_text("new")
        files.clear(tmp_path)
        assert temporary.read_text() == "new"
    (tmp_path / f"{files.TEMPORARY}link").unlink()  # which nobody writes
    assert contents(tmp_path) == {"a.csv": "new", "kept": "kept"}
    files.clear(tmp_path / "missing")


@posix
def test_outputs_that_are_inputs_or_each_other(tmp_path):
    (tmp_path / "a.csv").write_text("1")
    (tmp_path / "link.csv").symlink_to("a.csv")
    (tmp_path / "hard.csv").hardlink_to(tmp_path / "a.csv")
    (tmp_path / "folder").mkdir()
    for output in ("a.csv", "link.csv", "hard.csv", "folder/../a.csv"):
        with pytest.raises(ValueError, match=r"expected another file than what is read, .*a\.csv"):
            files.check_outputs([tmp_path / output], ["ramp", tmp_path / "a.csv"])
    for pair in (
        ("new.csv", "new.csv"),
        ("new.csv", "folder/../new.csv"),
        ("new.csv", "New.csv"),
        ("a.csv", "hard.csv"),
    ):
        with pytest.raises(ValueError, match="expected different files to write"):
            files.check_outputs([tmp_path / name for name in pair])
    files.check_outputs(["/dev/null", "new.csv"], ["/dev/null", tmp_path / "a.csv", "a\0b"])

"""Files are written whole or not at all."""

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
    """What a test raises in the middle of a write."""


@pytest.mark.parametrize("interruption", [TornError, KeyboardInterrupt, OSError(28, "No space left on device")])
@pytest.mark.parametrize("writer", ["to_csv", "save"])
def test_an_interrupted_write_keeps_the_old_file(drawn, tmp_path, monkeypatch, writer, interruption):
    (tmp_path / "a.txt").write_text("old")
    whole = Path.write_text

    def torn(path, text, **options):
        whole(path, text[: len(text) // 2], **options)
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
        assert path.read_text() == drawn.to_csv()  # all of it is there before the name is taken
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

"""Messages in terms of the command line: the wrong file, the option that helps, no index of a single number."""

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A curve, weights with a negative one, and an archive of two arrays."""
    monkeypatch.chdir(tmp_path)
    np.save("ell.npy", np.linspace(0, 1, 24).reshape(12, 2))
    np.save("wave.npy", np.cos(np.arange(12.0)))
    np.save("short.npy", np.ones(5))
    np.savez("data.npz", first=np.ones((12, 2)), second=np.ones(12))


def test_the_file_that_is_wrong(files, refused):
    segment = ["segment", "ell.npy", "--lmbda", "4"]
    message = refused([*segment, "--weights", "wave.npy"])
    assert message.startswith("Error: wave.npy: weights must be at least 0 and finite, got -0.41614683")
    assert message.endswith("at index 2")
    message = refused([*segment, "--weights", "short.npy"])
    assert message == "Error: short.npy: weights must be of shape (12,), one for each point, got (5,)"
    np.save("cube.npy", np.ones((4, 2, 3)))
    message = refused(["segment", "cube.npy", "--lmbda", "4"])
    assert message.startswith("Error: cube.npy: points must be of shape (N,) or (N, dim)")
    assert message.endswith("points.reshape(4, -1) makes shape (4, 6) of it, each points[i] a row")
    assert refused(["segment", "ell.npy", "--lmbda", "-4"]) == "Error: lmbda must be at least 0 and finite, got -4.0"
    message = refused(["segment", "ell.npy", "--lmbda", "4,-4"])
    assert message == "Error: lmbda must be at least 0 and finite, got -4.0 at index 1"


@pytest.mark.parametrize("command", [["entropy", "data.npz", "0.1"], ["segment", "data.npz", "--lmbda", "4"]])
def test_the_arrays_of_an_archive(files, refused, command):
    assert refused(command) == "Error: data.npz: --key must be one of first, second"
    assert refused([*command, "--key", "third"]) == "Error: data.npz: --key must be one of first, second, got 'third'"
    message = refused(["segment", "ell.npy", "--lmbda", "4", "--weights", "data.npz"])
    assert message == "Error: data.npz: expected a single array, got first, second"


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (("entropy", "circle", "-1"), "distortion must be at least 0, got -1.0"),
        (("distortion", "circle", "-1"), "entropy must be at least 0, got -1.0"),
        (("lagrangian", "circle", "-1"), "lmbda must be at least 0 and finite, got -1.0"),
        (("lagrangian", "circle", "--lmbda", "-1"), "lmbda must be at least 0 and finite, got -1.0"),
        (("excess", "circle", "-D", "-1", "-H", "1"), "distortion must be at least 0 and finite, got -1.0"),
        (("excess", "circle", "-D", "1", "-H", "-1"), "entropy must be at least 0 and finite, got -1.0"),
        (("excess", "circle", "-D", "1", "-H", "1", "--lmbda", "-1"), "lmbda must be at least 0 and finite, got -1.0"),
        (("entropy", "circle", "-1", "2"), "distortion must be at least 0, got -1.0 at index 0"),
        (("entropy", "circle", "2", "-1"), "distortion must be at least 0, got -1.0 at index 1"),
    ],
)
def test_one_number_has_no_index(refused, words, named):
    assert refused(words) == f"Error: {named}"


def test_unknown_sources_in_commands(refused):
    for words in (
        ("entropy", "cirle", "1"),
        ("certify", "cirle", "1"),
        ("curve", "cirle"),
        ("report", "cirle", "--out", "a.html"),
    ):
        message = refused(words)
        assert message.startswith("Error: source must be one of ramp, circle, ")
        assert message.endswith(", or a file of points (.npy, .npz, .csv), got 'cirle'; did you mean 'circle'?")


def test_bases_in_words(output, refused):
    for word, base in (("nat", "nats"), ("bit", "bits"), ("nat", "e"), ("bit", "2")):
        assert output("entropy", "circle", "0.1", "--base", word) == output("entropy", "circle", "0.1", "--base", base)
    refused(["entropy", "circle", "0.1", "--base", "byte"], "'byte' is not a number, bits, nats or e")


@pytest.mark.parametrize("out", ["report.pdf", "report", "report.html.gz", ".html"])
def test_reports_are_html(refused, out):
    assert refused(["report", "circle", "--out", out]) == f"Error: out must end in .html or .htm, got {out!r}"


def test_the_index_of_pandas(tmp_path, refused, output):
    t = 2 * np.pi * np.arange(240) / 240
    for columns in (["x", "y"], [0, 1]):
        table = pd.DataFrame(np.stack([np.cos(t), np.sin(t)], axis=1), columns=columns)
        table.to_csv(tmp_path / "loop.csv")
        for words in (["entropy", "loop.csv", "0.1"], ["segment", "loop.csv", "--lmbda", "4"]):
            assert refused(words) == (
                "Error: loop.csv: the first column has no name and is 0, 1, 2, …: this is an index that pandas writes, "
                "which is no coordinate; write the file by to_csv(path, index=False)"
            )
    table.set_axis(["x", "y"], axis=1).to_csv(tmp_path / "loop.csv", index=False)
    assert output("entropy", "loop.csv", "0.1").split()[0] == "distortion"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (",0\n5,1\n6,2\n", "loop.csv: line 1: expected numbers, got ',0'"),
        (",0\n", "loop.csv: line 1: expected numbers, got ',0'"),
        (",x\n", "loop.csv: expected rows of numbers, got none"),
    ],
)
def test_first_lines_that_are_not_an_index(tmp_path, refused, text, message):
    (tmp_path / "loop.csv").write_text(text)
    assert refused(["segment", "loop.csv", "--lmbda", "4"]) == f"Error: {message}"


def test_an_unnamed_column_that_is_not_an_index(tmp_path, output):
    (tmp_path / "line.csv").write_text(",y\n1,0\n2,0\n3,0\n")
    assert output("segment", "line.csv", "--lmbda", "0").split()[-6:][1] == "1"

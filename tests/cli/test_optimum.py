"""The commands for E(D), its inverse, partitions, λ, certificates and figures, with the numbers of the API."""

import json
import math
from pathlib import Path

import edcurve as ed
import numpy as np
import pytest
from command_output import floats, names_in, strict, table
from edcurve.sources import resolve

BASES = {"2": 2.0, "bits": 2.0, "e": math.e, "nats": math.e, "10": 10.0, "1.5": 1.5}


@pytest.mark.parametrize("source", ["ramp", "circle", "sinusoid", "sawbridge", "uniform", "power:0.3", "power:2"])
def test_entropy_in_json_is_that_of_the_api(output, source):
    D = [0.05, 1e-3, 1e-12, 1e-300, 0.0, 1.0, math.inf]
    got = strict(output("entropy", source, *D, "--json"))
    assert got.keys() == {"source", "base", "status", "distortion", "entropy"}
    assert (got["source"], got["base"], got["status"]) == (source, 2.0, "exact (proved)")
    assert floats(got["distortion"]) == D
    assert floats(got["entropy"]) == ed.entropy_distortion(source, D).tolist()


@pytest.mark.parametrize("base", BASES)
def test_distortion_in_json_is_that_of_the_api(output, base):
    H = [0.0, 0.5, 1.0, 7.25, 60.0, 1000.0, math.inf]
    got = strict(output("distortion", "circle", *H, "--json", "--base", base))
    assert got["base"] == BASES[base]
    assert floats(got["entropy"]) == H
    assert floats(got["distortion"]) == ed.distortion_entropy("circle", H, base=BASES[base]).tolist()


@pytest.mark.parametrize("base", BASES)
def test_a_base_may_be_given_in_words(output, base):
    got = strict(output("entropy", "ramp", "0.01", "--base", base, "--json"))
    assert got["entropy"] == [ed.entropy_distortion("ramp", 0.01, base=BASES[base])]


def test_a_table_has_the_same_numbers_in_eleven_digits(output):
    D = [0.05, 1e-3, 1e-300, 0.0]
    got = table(output("entropy", "ramp", *D))
    np.testing.assert_allclose(got["entropy"], ed.entropy_distortion("ramp", D), rtol=5e-11)
    H = [0.0, 3.5, 1000.0, math.inf]
    np.testing.assert_allclose(
        table(output("distortion", "ramp", *H))["distortion"], ed.distortion_entropy("ramp", H), rtol=5e-11
    )


@pytest.mark.parametrize("D", [0.01, 1 / 12, 1.0, 1e-30, 1e-300, math.inf])
def test_partition(output, D):
    wanted = ed.partition("ramp", D)
    got = strict(output("partition", "ramp", D, "--json"))
    assert float(got.pop("distortion")) == D
    assert got == {"source": "ramp", "count": wanted.count, "size": wanted.size, "odd": wanted.odd}
    lines = dict(line.split() for line in output("partition", "ramp", D).splitlines())
    assert lines == {"count": repr(wanted.count), "size": repr(wanted.size), "odd": repr(wanted.odd)}


def test_lagrangian_says_its_status(cli):
    for source in ("pulse:0.2", "circle"):
        assert strict(cli("lagrangian", source, "4", "--json")[1])["status"] == ed.lagrangian(source, 4.0).status
    code, out, err = cli("lagrangian", "pulse:0.2", "4")
    assert (code, out.splitlines()[0]) == (0, "pulse:0.2: upper bound")
    assert "not proved to be the best of all" in err


def test_sources(output):
    listed = {entry.pop("name"): entry for entry in strict(output("sources", "--json"))}
    assert {"ramp", "circle", "sinusoid", "sawbridge", "uniform"} < listed.keys()
    for name, entry in listed.items():
        if entry["status"] == "enclosed":
            assert ed.lower_bound(name, entry["max_distortion"]) == 0.0
            continue
        source = ed.curve(name, [1.0]).source
        assert source == name
        assert entry["status"] == resolve(name, surfaces=True).status
        assert ed.upper_bound(name, entry["max_distortion"]) == 0.0
    assert [listed[name]["closed"] for name in ("ramp", "circle", "sawbridge", "uniform")] == [True, True, False, False]
    text = output("sources")
    assert all(name in text for name in listed)
    assert max(map(len, text.splitlines())) <= 80


def test_figures(cli, tmp_path):
    names = [f"{name}.{kind}" for name in ("ramp", "circle") for kind in ("png", "pdf", "csv")] + ["provenance.json"]
    names += [f"figure_{number}.png" for number in range(1, 8)] + ["runs.csv", "codewords.csv", "figures.json"]
    code, out, err = cli("figures", "--out", "deep/my figures", "--base", "e")
    assert (code, err) == (0, "")
    assert out.splitlines() == [f"wrote {Path('deep/my figures') / name}" for name in names]
    assert names_in("deep/my figures") == sorted(names)
    provenance = strict(Path("deep/my figures/provenance.json").read_text(encoding="utf-8"))
    assert provenance["command"] == "edcurve figures --out 'deep/my figures' --base e"
    assert provenance["base"] == math.e


def test_multipliers_may_be_separated_by_commas(output, refused):
    refused(["entropy", "circle", "0,01"], "'0,01' is not a number")
    for words in (("4,32",), ("4", "32"), ("--lmbda", "4,32")):
        got = strict(output("lagrangian", "circle", *words, "--json"))
        assert (got["lmbda"], got["cells"]) == ([4.0, 32.0], ed.lagrangian("circle", [4.0, 32.0]).cells.tolist())


def test_figures_where_a_file_is(refused):
    Path("file").write_text("kept")
    refused(["figures", "--out", "file"], "file: File exists")
    refused(["figures", "--out", "file/below"], "file")


class TestCertify:
    def test_encloses_within_1e_12(self, output):
        for source, D in (("ramp", "0.01"), ("circle", "0.05")):
            printed = output("certify", source, D, "--json")
            (certificate,) = json.loads(printed)
            # the enclosure is narrower than the rounding errors of the double
            assert certificate["lower"] == pytest.approx(ed.entropy_distortion(source, float(D)), rel=1e-15)
            assert certificate["upper"] - certificate["lower"] <= 1e-12
            assert "(★)" in certificate["method"]

    def test_says_what_was_proved(self, output):
        printed = output("certify", "circle", "0.05", "2")
        assert "E(0.05) of circle is in [3.01722363980285" in printed
        assert "E(2.0) of circle is in [0.0, 0.0]" in printed
        assert max(map(len, printed.splitlines())) <= 80

    def test_infinite(self, output):
        (certificate,) = json.loads(output("certify", "ramp", "0", "--json"))
        assert certificate["lower"] == certificate["upper"] == "inf"


def test_lagrangian_for_numbers_of_cells(output, refused):
    got = strict(output("lagrangian", "ramp", "--cells", "1,2,4", "--json"))
    low, high = ed.multipliers("ramp", [1, 2, 4])
    assert floats(got["lmbda_from"]) == pytest.approx(low.tolist(), nan_ok=True)
    assert floats(got["lmbda_to"]) == pytest.approx(high.tolist(), nan_ok=True)
    assert [*table(output("lagrangian", "circle", "--cells", "4"))] == ["cells", "lmbda_from", "lmbda_to"]
    refused(["lagrangian", "ramp", "3", "--cells", "4"], "give either λ or --cells")
    refused(["lagrangian", "ramp", "--cells", "0"], "cells must be integers from 1 to 2**50, got 0")


def test_bounds_of_any_source(cli, output, refused):
    for source in ("ramp", "pulse:0.2"):
        code, out, _ = cli("bound", source, "0.01", "0.05", "--json")
        got = strict(out)
        assert (code, got["upper"]) == (0, ed.upper_bound(source, [0.01, 0.05]).tolist())
        assert got["lower"] == ed.lower_bound(source, [0.01, 0.05]).tolist()
    assert [*table(output("bound", "circle", "0.1", "--base", "nats"))] == ["distortion", "upper", "lower"]
    code, out, err = cli("bound", "pulse:0.2", "0.01")
    assert (code, err.startswith("pulse:0.2: upper bound: the best partition found")) == (0, True)
    got = strict(output("bound", "sphere", "0.2", "0.9", "--json"))
    assert got["upper"] == [ed.upper_bound("sphere", 0.2), ed.upper_bound("sphere", 0.9)]
    assert got["lower"] == ed.lower_bound("sphere", [0.2, 0.9]).tolist()
    code, out, err = cli("bound", "sphere:17", "0.9")
    assert (code, np.isnan(table(out)["upper"])) == (0, [True])
    assert err.startswith(
        "no code is known at 0.9, so upper is nan: source must be a torus, rotations or a sphere of at"
    )
    refused(["entropy", "pulse:0.2", "0.01"], "`edcurve bound` prints the entropy of the best partition")
    refused(["bound", "ramp:64", "0.01"], "source must be stationary")


def test_bounds_where_distances_are_not_monotone(cli, tmp_path):
    """A circle traversed twice has no dual bound."""
    t = 4 * np.pi * np.arange(240) / 240
    np.save("twice.npy", np.stack([np.cos(t), np.sin(t)], axis=1))
    code, out, _ = cli("bound", "twice.npy", "0.1", "--json")
    assert (code, "lower" in strict(out)) == (0, False)
    assert len(strict(out)["upper"]) == 1

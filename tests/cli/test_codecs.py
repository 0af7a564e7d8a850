"""The command for codecs, each a curve of points."""

from pathlib import Path

import edcurve as ed
import pytest
from command_output import floats, strict

TEXT = "label,distortion,entropy\na,0.3,1.9\na,0.08,2.9\nb,0.25,1.8\nb,0.05,3.1\n"


@pytest.mark.parametrize(
    "options",
    [{}, {"over": "entropy"}, {"reference": "hull"}, {"reference": "a", "base": 3.0}, {"start": 0.1, "end": 0.2}],
)
def test_mean_excess(output, options):
    Path("p.csv").write_text(TEXT, encoding="utf-8")
    words = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    want = ed.mean_excess("circle", "p.csv", **options)
    got = strict(output("mean-excess", "circle", "--points", "p.csv", *words, "--json"))
    assert (got["label"], got["reference"], got["over"]) == (["a", "b"], want.reference, want.over)
    assert (got["excess"], got["start"], got["end"]) == (want.value.tolist(), want.start, want.end)
    lines = output("mean-excess", "circle", "--points", "p.csv", *words).splitlines()
    assert f"over {want.reference}, {want.over} {want.start:.6g} to {want.end:.6g}; " in lines[0]
    assert [line.split()[-1] for line in lines[1:]] == ["label", "a", "b"]


def test_intervals_and_units(output, refused):
    Path("p.csv").write_text("distortion,entropy,entropy_low,entropy_high\n0.3,2,1.9,2.1\n0.1,3,2.9,3.1\n", "utf-8")
    got = strict(output("mean-excess", "circle", "--points", "p.csv", "--json"))
    assert got["low"][0] + 0.1 == pytest.approx(got["excess"][0]) == pytest.approx(got["high"][0] - 0.1)
    Path("q.csv").write_text("30,1\n20,0.5\n", encoding="utf-8")
    words = ("mean-excess", "circle", "--points", "q.csv", "--columns", "psnr,bpp", "--json")
    units = ed.Units(4, peak=2)
    want = ed.mean_excess("circle", {"psnr": [30, 20], "bpp": [1, 0.5]}, units=units)
    assert floats(strict(output(*words, "--dim", "4", "--peak", "2"))["excess"]) == want.value.tolist()
    refused(words, "q.csv: to turn column psnr into distortion")
    refused(
        ["mean-excess", "circle", "--points", "p.csv", "--reference", "x"], "reference must be one of 'optimum', 'hull'"
    )

"""Display of curves and certificates in notebooks: well-formed HTML with the numbers of the API."""

import dataclasses
import math
import xml.etree.ElementTree as ET

import edcurve as ed
import numpy as np
import pytest
from edcurve import certificate

HOSTILE = '</td></div><script>x="&amp;"</script>'


def markup(text):
    """The HTML as a tree, which requires it to be well-formed."""
    return ET.fromstring(text.replace("<br>", "<br/>"))


def rows(tree):
    return [["".join(cell.itertext()) for cell in row] for row in tree.iter("tr")]


@pytest.mark.parametrize("base", [2, math.e])
def test_a_notebook_shows_a_curve(base):
    curve = ed.curve("ramp", base=base, gaussian=True)
    tree = markup(curve._repr_html_())
    head, *body = rows(tree)
    assert head == ["distortion", "entropy", "lower", "hull", "gaussian"]
    assert len(body) == 8
    for row in body:
        D = float(row[0].replace("−", "-"))
        assert float(row[1]) == pytest.approx(ed.entropy_distortion("ramp", D, base=base), rel=1e-3, abs=1e-5)
    assert [float(cell.replace("−", "-")) for cell in body[-1]] == [pytest.approx(1 / 12, rel=1e-5), 0, 0, 0, 0]
    lines = list(tree.iter("{http://www.w3.org/2000/svg}polyline"))
    assert len(lines) == 3
    places = np.array([[float(x) for x in pair.split(",")] for pair in lines[0].get("points").split()])
    assert (np.diff(places[:, 0]) >= 0).all()
    assert (np.diff(places[:, 1]) >= 0).all()  # entropy falls, and the vertical axis points down
    assert "exact (proved)" in "".join(tree.itertext())
    assert len(curve._repr_html_()) < 20_000


def test_a_notebook_shows_hostile_names_infinity_and_bounds():
    odd = dataclasses.replace(ed.curve("ramp", [0.0, 1e-9, 0.01, 0.2]), source=HOSTILE, status="upper bound")
    odd = dataclasses.replace(odd, lower=np.full(4, np.nan))
    tree = markup(odd._repr_html_())
    assert list(tree.iter("script")) == []
    assert HOSTILE in "".join(tree.itertext())
    assert "solid best partition known" in "".join(tree.itertext())
    assert rows(tree)[1] == ["0", "∞", "–", "∞"]
    certified = dataclasses.replace(ed.certify("ramp", 0.01), source=HOSTILE, method=HOSTILE)
    tree = markup(certified._repr_html_())
    assert list(tree.iter("script")) == []
    assert dict(rows(tree))["proved"] == HOSTILE


def test_a_notebook_shows_a_certificate_exactly():
    result = ed.certify("circle", 0.1)
    cells = dict(rows(markup(result._repr_html_())))
    assert (float(cells["lower"]), float(cells["upper"]), float(cells["distortion"])) == (
        result.lower,
        result.upper,
        0.1,
    )
    assert cells["proved"] == result.method
    assert isinstance(result, certificate.Certificate)

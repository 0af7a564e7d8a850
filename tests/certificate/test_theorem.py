"""The theorem on biuniform partitions: the parts of docs/theorem.md that need a machine."""

import ast
import copy
import json
import math
import os
import subprocess
import sys
from fractions import Fraction
from importlib import resources
from math import comb, factorial

import pytest
from edcurve.certificate import check, circle
from mpmath import mp, mpf

SHIPPED = json.loads(resources.files("edcurve").joinpath("data/circle_theorem.json").read_text(encoding="utf-8"))
ONE = 2 ** SHIPPED["bits"]


def resigned(content):
    """The certificate with a correct digest, as a careful forger would write it."""
    body = {key: value for key, value in content.items() if key != "sha256"}
    return {**body, "sha256": check.digest(body)}


def altered(change):
    content = copy.deepcopy(SHIPPED)
    change(content)
    return resigned(content)


def first(kind):
    return next(i for i, box in enumerate(SHIPPED["boxes"]) if box[5] == kind)


def test_shipped_certificate_is_accepted():
    summary = check.check(SHIPPED)
    assert summary["boxes"] == len(SHIPPED["boxes"]) > 100
    assert summary["least"] > 1e-3


def test_writer_writes_what_is_shipped():
    certificate = circle.certificate()
    for content in (certificate, SHIPPED):
        assert check.check(content)
    assert {**certificate, "versions": 0, "sha256": 0} == {**SHIPPED, "versions": 0, "sha256": 0}


def test_commands(tmp_path):
    path = tmp_path / "circle.json"
    run = [sys.executable, "-m"]
    subprocess.run([*run, "edcurve.certificate.circle", "--out", str(path)], check=True)
    done = subprocess.run([*run, "edcurve.certificate.check", str(path)], check=True, capture_output=True, text=True)
    assert "proved" in done.stdout
    path.write_text(json.dumps(altered(lambda content: content["boxes"].pop())), encoding="utf-8")
    done = subprocess.run([*run, "edcurve.certificate.check", str(path)], check=False, capture_output=True, text=True)
    assert done.returncode == 1
    assert "rejected" in done.stdout


def test_checker_imports_nothing_of_the_writer():
    tree = ast.parse(resources.files("edcurve").joinpath("certificate/check.py").read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not any(isinstance(node, ast.ImportFrom) and node.level for node in ast.walk(tree))
    assert not any("edcurve" in name for name in names)
    assert "flint" in names


def test_checker_loads_nothing_of_the_writer():
    """Run as by users, it loads only the two packages of this project that contain it, which import nothing."""
    command = [sys.executable, "-X", "importtime", "-m", "edcurve.certificate.check"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=120)
    assert "proved" in done.stdout
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert {name for name in loaded if name.partition(".")[0] == "edcurve"} == {"edcurve", "edcurve.certificate"}
    assert "flint" in loaded
    assert "numpy" not in loaded


def test_digest_guards_the_content():
    content = copy.deepcopy(SHIPPED)
    content["boxes"][first("bound")][4] -= 1  # weaker, still true, but not what was written
    with pytest.raises(check.RejectedError, match="digest"):
        check.check(content)


@pytest.mark.parametrize("index", range(0, len(SHIPPED["boxes"]), 29))
def test_rejects_a_missing_box(index):
    with pytest.raises(check.RejectedError, match="area"):
        check.check(altered(lambda content: content["boxes"].pop(index)))


@pytest.mark.parametrize("corner", range(4))
def test_rejects_a_widened_box(corner):
    def widen(content):
        box = content["boxes"][first("bound")]
        box[corner] += 1 if corner % 2 else -1

    with pytest.raises(check.RejectedError, match=r"area|overlap|square"):
        check.check(altered(widen))


def test_rejects_a_box_in_place_of_another():
    """The area is right, but the boxes overlap."""

    def double(content):
        areas = [(b - a) * (d - c) for a, b, c, d, *_ in content["boxes"]]
        twin = next(i for i in range(1, len(areas)) if areas[i] == areas[0])
        content["boxes"][twin] = list(content["boxes"][0])

    with pytest.raises(check.RejectedError, match="overlap"):
        check.check(altered(double))


@pytest.mark.parametrize("bound", [ONE // 4, 10 * ONE, 0, -1])
def test_rejects_an_altered_bound(bound):
    def alter(content):
        weakest = min((box for box in content["boxes"] if box[5] == "bound"), key=lambda box: box[4])
        weakest[4] = bound

    with pytest.raises(check.RejectedError, match="bound is not proved"):
        check.check(altered(alter))


@pytest.mark.parametrize("kind", ["outside", "small", "rising", "nothing"])
def test_rejects_a_relabelled_box(kind):
    def relabel(content):
        content["boxes"][first("bound")][5] = kind

    with pytest.raises(check.RejectedError, match="is not proved"):
        check.check(altered(relabel))


@pytest.mark.parametrize(
    ("key", "what"), [("shape", "cover|sign|rise"), ("peak", "vanish|outside"), ("dip", "vanish|outside")]
)
def test_rejects_another_shape(key, what):
    def alter(content):
        if key == "shape":
            content[key][3][2] = -1
        else:
            content[key] = [end + 2**40 for end in content[key]]

    with pytest.raises(check.RejectedError, match=what):
        check.check(altered(alter))


def test_rejects_pieces_that_leave_a_hole():
    with pytest.raises(check.RejectedError, match="cover"):
        check.check(altered(lambda content: content["shape"].pop(5)))


@pytest.mark.parametrize("name", SHIPPED["constants"])
def test_rejects_an_altered_constant(name):
    def alter(content):
        content["constants"][name][0] += 2**30

    with pytest.raises(check.RejectedError, match="is not in its interval"):
        check.check(altered(alter))


def test_constants_are_those_of_mpmath():
    """w and its turning points, from the series of d in another arithmetic."""
    with mp.workdps(40):

        def bend(p):
            return p * mp.diff(lambda x: x * (1 - mp.sincpi(x) ** 2), p, 2)

        for name, size in (("w(1/2)", mpf("0.5")), ("w(93/500)", mpf("0.186")), ("w(3/4)", mpf("0.75"))):
            low, high = (mpf(end) / 2 ** SHIPPED["fine_bits"] for end in SHIPPED["constants"][name])
            assert low < bend(size) + mpf("1e-18")
            assert bend(size) - mpf("1e-18") < high
        for key, near in (("peak", "0.40715153679837"), ("dip", "0.94177")):
            low, high = (mpf(end) / 2 ** SHIPPED["fine_bits"] for end in SHIPPED[key])
            assert abs(low - mpf(near)) < mpf("1e-13" if key == "peak" else "1e-5")
            assert high - low < mpf("1e-19")


def series_of_bend(p):
    z = (2 * mp.pi * p) ** 2
    return mp.nsum(lambda n: -((-z) ** n) * 2 * n / ((n + 1) * mp.factorial(2 * n)), [1, 60])


@pytest.mark.parametrize("p", ["0.01", "0.25", "0.9"])
def test_series_of_bend(p):
    """The power series of p d″(p) from that of sinc² agrees with w = δ − 2d′."""
    with mp.workdps(30):
        size = mpf(p)
        direct = 4 * mp.sinpi(size) ** 2 - 2 * (1 - 2 * mp.sincpi(2 * size) + mp.sincpi(size) ** 2)
        assert abs(series_of_bend(size) - direct) < mpf("1e-25")


# The ramp: (★) follows from E[q²] ≤ (p₁+p₂+p₃)/3 · E[q] for q = p₁^t₁ p₂^t₂ p₃^t₃, t uniform on the simplex.


def complete(n):
    """Coefficients of h_n(a, b) = Σ aⁱ bⁿ⁻ⁱ."""
    return [Fraction(1)] * (n + 1)


def moment(n, scale):
    """Coefficients of the part of degree n of E[exp(scale (t₂ a + t₃ b))] = Σ 2 scaleⁿ h_n / (n + 2)!."""
    return [Fraction(2 * scale**n, factorial(n + 2)) * c for c in complete(n)]


def times(p, q):
    result = [Fraction(0)] * (len(p) + len(q) - 1)
    for i, x in enumerate(p):
        for j, y in enumerate(q):
            result[i + j] += x * y
    return result


def difference(N):
    """Part of degree N of (1 + e^a + e^b)/3 · E[q] − E[q²], as coefficients of aⁱ b^{N−i}."""
    total = [-c for c in moment(N, 2)]
    for m in range(N + 1):
        powers = [Fraction(0)] * (m + 1)
        powers[0] += Fraction(1, factorial(m))
        powers[m] += Fraction(1, factorial(m))
        if m == 0:
            powers = [Fraction(3)]
        part = times(powers, moment(N - m, 1))
        total = [x + y / 3 for x, y in zip(total, part, strict=True)]
    return total


def closed_form(N):
    return [2**N + 1 - comb(N + 2, i + 1) for i in range(N + 1)]


@pytest.mark.parametrize("N", range(31))
def test_ramp_series(N):
    scale = Fraction(3, 2) * factorial(N + 2)
    assert [scale * c for c in difference(N)] == closed_form(N)


def test_moments_on_the_simplex():
    """E[(t₂ a + t₃ b)ⁿ] = 2 n!/(n + 2)! h_n(a, b), from E[t₂ⁱ t₃ʲ] = 2 i! j!/(i + j + 2)!."""
    for n in range(12):
        for i in range(n + 1):
            exact = comb(n, i) * Fraction(2 * factorial(i) * factorial(n - i), factorial(n + 2))
            assert exact == Fraction(2 * factorial(n), factorial(n + 2))


def test_ramp_terms_of_low_degree():
    assert closed_form(0) == [0]
    assert closed_form(1) == [0, 0]
    assert closed_form(2) == [1, -1, 1]  # a² − ab + b² > 0
    assert times([1, 1], [4, -5, 4]) == closed_form(3) == [4, -1, -1, 4]
    assert 5**2 < 4 * 4 * 4  # no real zero
    assert closed_form(4) == [11, 2, -3, 2, 11]
    assert closed_form(5) == [26, 12, -2, -2, 12, 26]
    assert closed_form(6) == [57, 37, 9, -5, 9, 37, 57]
    assert 2 * 11 >= 3  # a⁴ + b⁴ ≥ 2a²b²
    assert 12 >= 2  # a⁴b + ab⁴ ≥ a³b² + a²b³
    assert 2 * 9 >= 5  # a⁴b² + a²b⁴ ≥ 2a³b³


def test_ramp_terms_of_high_degree():
    """Positive at N = 7; from N = 8 on, 2^N exceeds every C(N + 2, i): both double, the binomial at most."""
    assert min(closed_form(7)) > 0
    assert max(comb(10, i) for i in range(11)) == 252 < 2**8
    for N in range(8, 60):
        largest = max(comb(N + 2, i) for i in range(N + 3))
        assert max(comb(N + 3, i) for i in range(N + 4)) <= 2 * largest
        assert min(closed_form(N)) > 0
    for n in range(40):  # C(n + 1, i) = C(n, i) + C(n, i − 1)
        assert all(comb(n + 1, i) == comb(n, i) + comb(n, i - 1) for i in range(1, n + 2))


def test_ramp_reduces_to_the_means():
    """w′ = (1 − 3p)/3: coefficients of d = p²(2 − p)/12, w = p d″ and p w′ in powers of p."""
    d = {2: Fraction(1, 6), 3: Fraction(-1, 12)}
    w = {n - 1: c * n * (n - 1) for n, c in d.items()}
    turn = {n: c * n for n, c in w.items()}
    assert w == {1: Fraction(1, 3), 2: Fraction(-1, 2)}
    assert turn == {1: Fraction(1, 3), 2: -1}


def test_ramp_is_degenerate_at_thirds():
    """To second order the difference of means at (1/3)e^x is a² − ab + b², so that boxes cannot close there."""
    assert difference(0) == [0]
    assert difference(1) == [0, 0]
    assert difference(2) == [Fraction(1, 36), Fraction(-1, 36), Fraction(1, 36)]


# --- files of any origin ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"[" * 100_000, "nested too deeply"),
        (b"\xff\xfe", "not JSON in UTF-8"),
        (b"{", "not JSON in UTF-8"),
        (b"1" * 5000, "not JSON in UTF-8"),
        (b"[]", "expected an object"),
        (b" " * (2**20 + 1), "at most 1048576 bytes, got 1048577"),
    ],
)
def test_files_that_are_not_certificates(tmp_path, capsys, content, what):
    path = tmp_path / "circle.json"
    path.write_bytes(content)
    assert check.main([str(path)]) == 1
    output = capsys.readouterr().out
    assert output.startswith(f"{path}: rejected: ")
    assert what in output


@pytest.mark.parametrize("what", ["missing", "folder", "pipe", "a\x1b[2J"])
def test_paths_that_are_not_files(tmp_path, capsys, what):
    path = tmp_path / what
    {"folder": path.mkdir, "pipe": lambda: os.mkfifo(path)}.get(what, lambda: None)()
    assert check.main([str(path)]) == 1
    output = capsys.readouterr().out
    assert "rejected: " in output
    assert output.rstrip("\n").isprintable()


@pytest.mark.parametrize(
    ("place", "values"),
    [
        (("bits",), (0, -1, 10**9, 10**400, True, 20.0, "20", None)),
        (("fine_bits",), (0, 10**9, True, [80])),
        (("shape",), (None, {}, "", [[]], [[0, 1]], [[0, 1, 2]], [[0, 1, True]], [[0, 1, 1]] * 10_001)),
        (("peak",), (None, [0], [0, 1, 2], [0.5, 1.0], [0, 10**400])),
        (("constants",), (None, [], {"w(1)": [0]}, {"w(1)": [0, math.nan]})),
        (("boxes",), ([], {}, None, [[]], [None], [[0, 1, 0, 1, 1, "small"]] * 3001)),
        (("boxes", 0), ([0, 1, 0, 1, 1], [0, 1, 0, 1, 1, ["small"]], [0, 1, 0, 1, 10**400, "small"], "123456")),
        (("boxes", 0, 5), ("", "proved", None, "\ud800")),
    ],
)
def test_parts_of_the_wrong_type(place, values):
    *path, last = place
    for value in values:

        def alter(content, value=value):
            for name in path:
                content = content[name]
            content[last] = value

        with pytest.raises(check.RejectedError, match=r"is not|are not|boxes|no bound"):
            check.check(altered(alter))
    body = {name: part for name, part in SHIPPED.items() if name != place[0]}
    with pytest.raises(check.RejectedError):
        check.check(resigned(body))

"""Reports: one HTML file, opened in a real browser without a network, that shows what the API computes."""

import csv
import dataclasses
import html
import io
import json
import math
import os
import re
import shutil
import sys
import tempfile
import time
from functools import partial

import edcurve as ed
import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from edcurve.cli import main
from edcurve.io import tables as points_tables
from edcurve.reporting import MOST, content, page, plots
from edcurve.sources import BOUND, resolve

MEGABYTE = 10**6
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
needs_browser = pytest.mark.skipif(
    not (CHROMIUM and DRIVER),
    reason="needs a browser: Chromium and chromedriver, in Debian the packages chromium and chromium-driver",
)
# rows of `edcurve runs --csv`, the last four columns computed by edcurve_neural from the compressors themselves
RUNS = """\
source,lmbda,latent_dim,batch_size,seed,status,rate,entropy,distortion,distortion_centroid,excess,entropy_model,decoder,partition
circle,4.0,1,128,0,finished,2.1180949410738776,1.9548261827732036,0.23158126491798706,0.23156165347757263,0.28669787730063456,0.163268758300674,7.844576165771944e-05,0.12335067323830273
circle,8.0,1,128,0,finished,2.6860498810815443,2.530572378111251,0.12137910026036533,0.12134253962422226,0.3672454046916309,0.15547750297029328,0.0002924850891445896,0.21147541663219283
ramp,48.0,1,128,0,finished,2.9,2.8,0.03,0.03,0.5,0.1,0.0,0.4
circle,8.0,2,128,1,failed,,,,,,,,
"""
HOSTILE = '</script><script>window.hit=1</script><img src=x onerror="window.hit=2">%{x}&lt;$\\alpha$'
LABELS = ('</script><img src=x onerror="window.hit=3">%{x}', "<a href='javascript:window.hit=4'>a</a>&lt;$\\alpha$")


@pytest.fixture(scope="module")
def browser():
    """Chromium without a network, its console and its requests recorded."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    # as root there is no sandbox; a proxy that refuses, so that nothing gets out whatever the page does
    for flag in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "proxy-server=127.0.0.1:9"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # Chromium leaves folders in TMPDIR; the path of one must be short enough for a socket, which pytest's may not be
    with tempfile.TemporaryDirectory(prefix="edcurve-", ignore_cleanup_errors=True) as folder:
        driver = webdriver.Chrome(options=options, service=Service(DRIVER, env={**os.environ, "TMPDIR": folder}))
        yield driver
        driver.quit()


@pytest.fixture
def opened(browser, tmp_path):
    """Open a page; nothing may have gone wrong when the test ends."""

    def load(text):
        path = tmp_path / "page.html"
        path.write_text(text, encoding="utf-8")
        emulate(browser, 1100, "light")
        browser.get("about:blank")
        logged(browser)
        browser.get(path.as_uri())
        return browser

    yield load
    problems, requested = logged(browser)
    assert problems == []
    assert [url for url in requested if not url.startswith(("file:///", "data:", "blob:"))] == []
    assert sum(url.startswith("file:///") for url in requested) >= 1  # requests are recorded


def emulate(browser, width, scheme):
    """A screen of that width, and the colour scheme that its owner prefers."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    preferred = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", preferred)


def logged(browser):
    """Messages of the console and addresses requested, since they were asked for last."""
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    requests = [event["params"] for event in events if event["method"] == "Network.requestWillBeSent"]
    return browser.get_log("browser"), [params["request"]["url"] for params in requests]


PLACE = """
const gd = document.getElementById(arguments[0]), [trace, i] = [arguments[1], arguments[2]];
gd.scrollIntoView({block: "center"});
const {xaxis, yaxis} = gd._fullLayout, data = gd.data[trace], box = gd.getBoundingClientRect();
const x = xaxis.type === "category" ? xaxis.l2p(i) : xaxis.d2p(data.x[i]);
return [box.left + xaxis._offset + x, box.top + yaxis._offset + yaxis.d2p(arguments[3] ?? data.y[i])];
"""


def hover(browser, plot, trace, i, height=None):
    """What the page shows with the pointer over a point of a plot, as lines of text."""
    find = "return [...document.querySelectorAll('.hoverlayer .hovertext .nums tspan.line')].map(x => x.textContent)"
    plain = "return [...document.querySelectorAll('.hoverlayer .hovertext .nums')].map(x => x.textContent)"
    x, y = browser.execute_script(PLACE, plot, trace, i, height)
    for place in ((2, 2), (x, y)):  # first away from what it was over
        move = {"type": "mouseMoved", "x": place[0], "y": place[1], "pointerType": "mouse"}
        browser.execute_cdp_cmd("Input.dispatchMouseEvent", move)
        lines = eventually(
            lambda: browser.execute_script(find) or browser.execute_script(plain),
            lambda lines, over=place == (x, y): bool(lines) == over,
        )
    return lines


def eventually(look, good, patience=30.0):
    """What is seen as soon as it is good: pages follow in their own time."""
    end = time.monotonic() + patience
    while not good(seen := look()):
        assert time.monotonic() < end, f"after {patience} s still {seen}"
        time.sleep(0.02)
    return seen


def shown(lines, name):
    """The number that follows a name, and half a unit of its last digit."""
    (text,) = re.findall(rf"^{re.escape(name)} = (\S+)", "\n".join(lines), re.MULTILINE)
    digits = text.lower().partition("e")[0].partition(".")[2]
    exponent = int(text.lower().partition("e")[2] or 0)
    return float(text), 0.5000001 * 10.0 ** (exponent - len(digits))


def agrees(lines, name, value):
    number, unit = shown(lines, name)
    # six digits, of which trailing zeros are not written
    assert abs(number - value) <= min(unit, 0.5000001 * 10.0 ** (math.floor(math.log10(abs(value))) - 5))


def tables(text):
    """The tables of a page, each as a list of rows of texts."""
    found = []
    for table in re.findall(r"<table>(.*?)</table>", text, re.DOTALL):
        rows = re.findall(r"<tr>(.*?)</tr>", table)
        found.append([[html.unescape(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)] for row in rows])
    return found


def figures(text):
    return json.loads(re.search(r'<script type="application/json" id="figures">(.*?)</script>', text).group(1))


@pytest.fixture(scope="module")
def ramp_page():
    return ed.report("ramp", shannon=False)


@pytest.fixture(scope="module")
def circle_points():
    return np.stack([np.geomspace(0.02, 0.8, 10), np.linspace(6.0, 1.0, 10)], axis=1)


@pytest.fixture(scope="module")
def circle_page(circle_points):
    return ed.report("circle", circle_points)


# --- in the browser -----------------------------------------------------------------------------------------------


@needs_browser
def test_hovering_over_the_curve_shows_the_values_of_the_api(opened, ramp_page):
    browser = opened(ramp_page)
    count = len(figures(ramp_page)["curve"]["data"][0]["x"])
    seen = set()
    for i in np.linspace(count // 20, count - 10, 10).astype(int).tolist():
        lines = hover(browser, "curve", 0, i)
        D, _ = shown(lines, "D")
        seen.add(D)
        if lines[0].startswith("K = "):
            agrees(lines, "log K", ed.entropy_distortion("ramp", D))
        else:
            agrees(lines, "E(D)", ed.entropy_distortion("ramp", D))
            agrees(lines, "hull", ed.convex_hull("ramp", D))
            agrees(lines, "dual bound", ed.lower_bound("ramp", D))
    assert len(seen) == 10


@needs_browser
def test_hovering_over_points_shows_their_gaps(opened, circle_page, circle_points):
    browser = opened(circle_page)
    names = [trace["name"] for trace in figures(circle_page)["curve"]["data"]]
    for i, (D, H) in enumerate(circle_points.tolist()):
        lines = hover(browser, "curve", names.index("your points"), i)
        assert lines[0] == f"point {i + 1}"
        assert shown(lines, "D")[0] == D  # exactly
        agrees(lines, "H", H)
        agrees(lines, "E(D)", ed.entropy_distortion("circle", D))
        agrees(lines, "gap", ed.excess("circle", D, H))


@needs_browser
def test_shannons_bound_and_the_logarithmic_axis(opened, circle_page):
    browser = opened(circle_page)
    browser.execute_script("document.getElementById('logarithmic').click()")
    assert browser.execute_script("return document.getElementById('curve')._fullLayout.xaxis.type") == "log"
    names = [trace["name"] for trace in figures(circle_page)["curve"]["data"]]
    lines = hover(browser, "curve", names.index("Shannon's R(D)"), 12)
    agrees(lines, "R(D)", ed.rate_distortion("circle", shown(lines, "D")[0]))


@needs_browser
def test_parts_of_the_gap_are_drawn(opened, tmp_path):
    path = tmp_path / "runs.csv"
    path.write_text(RUNS, encoding="utf-8")
    text = ed.report("circle", path)
    browser = opened(text)
    lines = hover(browser, "parts", 2, 1, height=0.2)
    assert lines[0] == "point 2, λ = 8"
    assert lines[1].startswith("partition: ")
    assert float(lines[1].split()[1]) == pytest.approx(0.21147541663219283, rel=5e-6)


@needs_browser
def test_fits_screens_in_both_colour_schemes(opened, circle_page):
    browser = opened(circle_page)
    look = (
        "return [document.documentElement.scrollWidth, getComputedStyle(document.body).backgroundColor,"
        "getComputedStyle(document.querySelector('.xtick text')).fill,"
        "document.querySelector('#curve .main-svg').getBoundingClientRect().right,"
        "document.querySelectorAll('.scatterlayer .trace').length]"
    )
    for scheme, width in (("light", 1100), ("light", 400), ("dark", 400), ("dark", 1100)):
        emulate(browser, width, scheme)
        eventually(lambda: browser.execute_script(look), partial(fits, width, scheme))


def fits(width, scheme, found):
    wide, ground, ink, right, drawn = found
    ground, ink = (sum(map(int, re.findall(r"\d+", colour)[:3])) / 765 for colour in (ground, ink))
    contrast = (ground > 0.9 and ink < 0.3) if scheme == "light" else (ground < 0.2 and ink > 0.8)
    return contrast and width - 150 < right <= width and wide <= width and drawn == 7


@needs_browser
@pytest.mark.parametrize("policy", [True, False], ids=["", "without the policy"])
def test_hostile_text_stays_text(opened, tmp_path, policy):
    source = ed.Source.from_spectrum([1.0], name=HOSTILE)
    frame = pd.DataFrame({"distortion": [0.2, 0.3], "entropy": [4.0, 3.0], "label": LABELS, "lmbda": [3.0, 2.0]})
    frame = frame.assign(rate=5.0, distortion_centroid=0.1, source=HOSTILE)
    text = ed.report(source, frame, command=["edcurve", "report", HOSTILE])
    if not policy:  # which by itself stops scripts that are not the report's
        text, removed = re.subn(r"<meta http-equiv=.*>\n", "", text)
        assert removed == 1
    browser = opened(text)
    names = [trace["name"] for trace in figures(text)["curve"]["data"]]
    for i, label in enumerate(LABELS):
        lines = hover(browser, "curve", names.index("your points"), i)
        assert lines[0] == f"point {i + 1}: {label}, λ = {3 - i}"
    assert browser.execute_script("return [window.hit ?? null, document.images.length]") == [None, 0]
    assert browser.execute_script("return document.querySelectorAll('a[href]:not(.modebar-btn)').length") == 0
    assert browser.title == f"{HOSTILE}: entropy-distortion report"
    assert HOSTILE in browser.execute_script("return document.body.textContent")


@needs_browser
def test_the_policy_forbids_what_the_recorder_would_see(browser, tmp_path, ramp_page):
    """Both guards work: what a script asks for is recorded, and with the policy it is refused by the browser itself."""
    fetch = "document.head.append(Object.assign(document.createElement('script'), {src: 'http://localhost:9/x.js'}))"
    path = tmp_path / "page.html"
    seen = []
    for text in (ramp_page, re.sub(r"<meta http-equiv=.*>\n", "", ramp_page)):
        path.write_text(text, encoding="utf-8")
        browser.get(path.as_uri())
        logged(browser)
        browser.execute_script(fetch)
        problems, requested = [], []

        def look(problems=problems, requested=requested):
            for known, new in zip((problems, requested), logged(browser), strict=True):
                known.extend(new)
            return problems, requested

        eventually(look, lambda found: all(found))
        assert requested == ["http://localhost:9/x.js"]
        seen.append(["Content Security Policy" in problem["message"] for problem in problems])
    assert seen == [[True], [False]]


# --- the file -----------------------------------------------------------------------------------------------------


def test_one_small_file_the_same_each_time(tmp_path, circle_points):
    for name in ("a.html", "b.html"):
        assert ed.report("circle", circle_points, tmp_path / name) is None
    first, second = ((tmp_path / name).read_bytes() for name in ("a.html", "b.html"))
    assert first == second
    assert len(first) < 6 * MEGABYTE
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.html", "b.html"]
    own = first.decode().replace(page.plotly(), "")
    assert not re.search(r"(?:src|href)\s*=\s*[\"'](?!data:)", own)


def test_what_the_plots_hold_cannot_end_its_script():
    held = {"x": "</script><!--<script>"}
    text = page._document("", "", held)
    assert figures(text) == held
    assert "</script><!--" not in text


def test_the_largest_report_is_below_six_megabytes():
    D = np.linspace(1e-3, 0.9, MOST)
    columns = {"distortion": D, "entropy": D + 7.0, "lmbda": 100 * D, "rate": D + 8.0, "distortion_centroid": D}
    text = ed.report("circle", {**columns, "label": ["x" * points_tables.LONGEST] * len(D)})
    assert len(text.encode()) < 6 * MEGABYTE


def test_numbers_that_overflow_are_shown_as_far_as_they_go():
    columns = {"distortion": [0.1], "entropy": [3.0], "lmbda": [5.0], "rate": [1e308], "distortion_centroid": [1e308]}
    assert list(figures(ed.report("circle", columns))) == ["curve"]


@pytest.mark.parametrize("source", ["circle", "sawbridge"])
def test_plots_meet_the_schema_of_plotly(source):
    from plotly.graph_objects import Figure

    known = resolve(source)
    columns = {"distortion": [0.01, 0.02], "entropy": [5.0, 4.0], "lmbda": [50.0, 60.0], "rate": [6.0, 5.0]}
    points = points_tables.read({**columns, "distortion_centroid": [0.01, 0.015]})
    gaps, curve = content.gaps(known, points), content.trade_off(known, points)
    made = [
        plots.trade_off(curve, content.shannon(known, curve, None), points, gaps),
        plots.decomposition(points, gaps),
    ]
    assert [len(Figure(figure).data) for figure in made] == [7 if source == "circle" else 6, 3]
    with pytest.raises(ValueError, match="lyne"):
        Figure({"data": [{"type": "scatter", "lyne": 1}]})


def test_tables_have_the_numbers_of_the_api(circle_page, circle_points):
    (table,) = [table for table in tables(circle_page) if "H − E(D)" in table[0]]
    D, H = circle_points.T
    found = np.array([[float(cell.replace("−", "-")) for cell in row] for row in table[1:]])
    best, least = ed.entropy_distortion("circle", D), ed.distortion_entropy("circle", H)
    wanted = [np.arange(1, 11), D, H, best, ed.excess("circle", D, H), least]
    np.testing.assert_allclose(found.T, wanted, rtol=5.1e-6)


def test_parts_of_the_gap_are_those_of_the_evaluation():
    rows = list(csv.DictReader(io.StringIO(RUNS)))[:2]
    frame = pd.read_csv(io.StringIO(RUNS))
    points = points_tables.read(frame, "circle")
    assert (len(points), points.left_out) == (2, 2)
    gaps = content.gaps(resolve("circle"), points)
    for name in ("entropy_model", "decoder", "partition"):
        np.testing.assert_allclose(getattr(gaps, name), [float(row[name]) for row in rows], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(gaps.total, [float(row["excess"]) for row in rows], rtol=1e-9)
    text = ed.report("circle", frame)
    assert "2 rows of other sources or of runs without a result are left out" in text
    table = next(table for table in tables(text) if "together" in table[0])
    assert [float(row[-1]) for row in table[1:]] == pytest.approx([float(row["excess"]) for row in rows], rel=5.1e-6)


def test_the_ramp_as_the_compressor_sees_it():
    # rate, entropy, distortion and excess_sampled of a row of `edcurve runs --csv`, of R + λD
    rate, H, D, excess = 6.688913450538621, 6.570293326882203, 0.004420000905442756, 14.793888200898815
    found = content.gaps(resolve("ramp"), points_tables.read({**measured(D, H), "lmbda": [4096.0], "samples": [1024]}))
    assert found.sampled[0] + rate - H == pytest.approx(excess, rel=1e-9)
    assert found.sampled[0] > found.excess[0] + 0.3  # the sampled one can be compressed better
    text = ed.report("ramp", {**measured(D, H), "lmbda": [4096.0], "samples": [1024]}, shannon=False)
    (table,) = [table for table in tables(text) if "for the ramp as sampled" in table[0]]
    assert float(table[1][-1]) == pytest.approx(found.sampled[0], rel=5.1e-6)


def measured(D, H):
    return {"distortion": [D], "entropy": [H]}


def test_certificates_enclose_what_is_shown(circle_page, circle_points):
    (table,) = [table for table in tables(circle_page) if "E(D) is at least" in table[0]]
    assert len(table) == 1 + content.CERTIFIED
    for D, lower, upper, value, off in table[1:]:
        proved = ed.certify("circle", float(D))
        assert (proved.lower, proved.upper) == (float(lower), float(upper))
        assert float(D) in circle_points[:, 0]
        assert float(value) == pytest.approx(proved.lower, rel=5.1e-6)
        assert float(off) < 1e-13
    assert "At 8 of 10 distortions of the points." in circle_page


def test_without_points_certificates_are_at_distortions_of_the_curve(ramp_page):
    (table,) = [table for table in tables(ramp_page) if "E(D) is at least" in table[0]]
    assert len(table) == 1 + content.CERTIFIED


@pytest.mark.parametrize("source", ["square", "custom"])
def test_where_nothing_can_be_proved_the_report_says_why(source):
    known = ed.Source(lambda p: p**3 / 12, max_distortion=1 / 12, closed=False) if source == "custom" else source
    text = ed.report(known, shannon=False)
    assert "There are none: source must be" in text
    many = ed.Source.from_spectrum(0.5 ** np.arange(1, 70))
    assert content.certificates(many, None, None).remark.startswith("With 69 harmonics")


def test_without_the_extra_for_certificates(monkeypatch):
    monkeypatch.setitem(sys.modules, "edcurve.certificate", None)
    known = resolve("ramp")
    found = content.certificates(known, content.trade_off(known, None), None)
    assert found.found == ()
    assert found.remark.startswith("There are none: ")


def test_without_plotly(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(ImportError, match=r"pip install 'edcurve\[report\]'"):
        ed.report("ramp", out=tmp_path / "a.html")
    assert list(tmp_path.iterdir()) == []


def test_an_upper_bound_is_called_one():
    known, points = resolve("circle"), points_tables.read([(0.6, 2.0)])
    curve = dataclasses.replace(content.trade_off(known, points), status=BOUND)  # as where a search found it
    gaps = content.gaps(known, points)
    traces = plots.trade_off(curve, None, points, gaps)["data"]
    assert traces[0]["name"] == "upper bound: best partition found"
    texts = [line for trace in traces for line in trace.get("customdata", ())]
    assert len([text for text in texts if "upper bound = " in text]) > 100
    assert not any("E(D)" in text for text in texts)
    (head, _), *_ = tables(page._excess(points, gaps, exact=False))
    assert head[3:5] == ["best known at D", "H − best"]


def said(points, source="circle"):
    """What the report says about the points as a whole."""
    known, found = resolve(source), points_tables.read(points)
    text = page._excess(found, content.gaps(known, found), exact=known.status != BOUND)
    return html.unescape(re.sub(r"<div.*", "", text, flags=re.DOTALL))


def test_what_cannot_be_is_said():
    """In nats, swapped, or per dimension: no gap is called the largest where there is none."""
    text = said([(0.2, 1.0), (0.1, 1.7)])
    assert "2 points, all of them below E(D). A negative gap means" in text
    assert "2 of 2 points, the first with D = 0.2 and H = 1 bits: no code does this" in text
    assert "largest gap" not in text
    assert "1 point, below E(D). " in said((0.2, 1.0))
    text = said([(2.4, 0.2), (0.2, 2.4)])
    assert "2 points; the largest gap is 0.418185 bits, of point 2.</p>" in text
    assert "1 of 2 points, the first with D = 2.4 and H = 0.2 bits: sending nothing does as well" in text


def test_what_can_be_is_not_doubted():
    D = np.geomspace(1e-4, 0.9, 50)
    for source in ("circle", "sawbridge"):
        bound = D * resolve(source).max_distortion
        text = said(np.stack([bound, ed.entropy_distortion(source, bound)], axis=1), source)
        assert text.startswith("<h2>Your points</h2><p>50 points; the largest gap is 0 bits, of point ")
        assert "no code" not in text
        assert "negative" not in text


def test_below_the_best_partition_known_is_no_contradiction():
    D = 0.5 * resolve("pulse:0.2").max_distortion
    best, least = ed.upper_bound("pulse:0.2", D), ed.lower_bound("pulse:0.2", D)
    assert best - least > 0.1
    text = said((D, best - 0.05), "pulse:0.2")
    assert "1 point, below the best partition known. A point with a negative gap is below" in text
    assert "no code" not in text
    assert "no code does this" in said((D, least - 0.05), "pulse:0.2")


@pytest.mark.parametrize("points", [(0.0, 3.0), [(5.0, 0.0), (0.2, 0.0)], [(5e-324, 40.0)], [(0.1, 1e300)]])
def test_points_at_the_ends_are_shown(points):
    text = ed.report("circle", points)
    assert len(figures(text)["curve"]["data"][-1]["x"]) == np.atleast_2d(points).shape[0]


# --- the points ---------------------------------------------------------------------------------------------------


def test_points_may_be_pairs_columns_a_frame_or_a_file(tmp_path):
    frame = pd.DataFrame({"entropy": [3.0, 2.5], "distortion": [0.1, 0.2]}, index=[7, 9])
    frame.to_csv(tmp_path / "points.csv", index=False)
    read = [
        points_tables.read(points)
        for points in (
            [(0.1, 3.0), (0.2, 2.5)],
            np.array([[0.1, 3.0], [0.2, 2.5]]),
            {"distortion": (0.1, 0.2), "entropy": np.array([3, 2.5])},
            frame,
            tmp_path / "points.csv",
            str(tmp_path / "points.csv"),
        )
    ]
    for one in read:
        assert (one.distortion.tolist(), one.entropy.tolist()) == ([0.1, 0.2], [3.0, 2.5])
        assert np.isnan([one.lmbda, one.rate, one.distortion_centroid]).all()
        assert one.labels == ("", "")


@pytest.mark.parametrize("name", ["lmbda", "lambda", "λ"])
def test_lambda_by_any_of_its_names(name):
    frame = pd.DataFrame({"distortion": [0.1, 0.2], "entropy": [3.0, 2.5], name: [8, 4]})
    assert points_tables.read(frame).lmbda.tolist() == [8.0, 4.0]
    assert "excess of H + λD" in ed.report("circle", frame, shannon=False)
    other = "λ" if name != "λ" else "lambda"
    with pytest.raises(ValueError, match=f"points: expected one column of λ, got {name} and {other}"):
        points_tables.read({**frame, other: [1, 1]})


def test_missing_values_of_pandas_are_missing():
    frame = pd.DataFrame({"distortion": [0.1, 0.2], "entropy": [3.0, 2.5], "lmbda": [8, None], "seed": [0, None]})
    for kind in (frame, frame.convert_dtypes(), frame.astype(object)):
        found = points_tables.read(kind)
        np.testing.assert_array_equal(found.lmbda, [8.0, math.nan])
        assert found.labels == ("seed 0", "")


@pytest.mark.parametrize(
    ("points", "words"),
    [
        ({"distortion": [0.1]}, "no entropy among 'distortion'"),
        ({"distortion": [0.1], "entropy": [1.0, 2.0]}, "as long as each other, got entropy"),
        ({"distortion": [], "entropy": []}, "at least one row below the header line, got none of 0"),
        (
            {"distortion": [0.1, -0.1], "entropy": [1.0, 2.0]},
            "points, row 1: distortion must be a finite number, at le",
        ),
        ({"distortion": [0.1], "entropy": [math.nan]}, "row 0: entropy must be"),
        ({"distortion": [0.1], "entropy": ["a"]}, "got 'a'"),
        (
            {"distortion": [0.1], "entropy": [1.0], "lmbda": [-1.0]},
            "lmbda must be a finite number, at least 0, got -1.0",
        ),
        ({"distortion": [0.1], "entropy": [1.0], "source": ["ramp"]}, "of the source 'circle'"),
        ({"distortion": "01", "entropy": [1.0, 1.0]}, "column distortion"),
        ([[0.1, 1.0, 2.0]], r"shape \(1, 3\)"),
        (np.zeros((MOST + 1, 2)), "points must be at most 1000, got 1001"),
        (object(), "points must be a path, a table"),
    ],
)
def test_points_that_are_refused(points, words):
    with pytest.raises((ValueError, TypeError), match=words):
        ed.report("circle", points)


# --- the command --------------------------------------------------------------------------------------------------


def test_command(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my runs.csv").write_text(RUNS, encoding="utf-8")
    arguments = ["report", "circle", "--points", "my runs.csv", "--out", "r.html"]
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.output) == (0, "wrote r.html\n")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    made = dict(tables(text)[-1])
    assert made["command"] == "edcurve report circle --points 'my runs.csv' --out r.html"
    assert {"edcurve", "python", "numpy", "scipy", "numba", "plotly", "system"} <= made.keys()
    assert made["numpy"] == np.__version__


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("distortion,entropy\n0.1,1\n0.2,x\n", "p.csv, line 3: entropy must be a finite number, at least 0, got 'x'"),
        ("a,b\n1,2\n", "p.csv: expected columns distortion and entropy, got no distortion among 'a', 'b'"),
        ("", "got no distortion among none"),
        ("distortion,entropy\n", "at least one row"),
        ("distortion,distortion,entropy\n1,1,1\n", "more than one column is called distortion"),
        ("distortion,entropy\n0.1\n", "line 2: entropy must be"),
        (b"\xff\xfe\x00", "p.csv: not a CSV file in UTF-8"),
    ],
)
def test_command_refuses(tmp_path, monkeypatch, content, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    (tmp_path / "r.html").write_text("what was there")
    result = CliRunner().invoke(main, ["report", "circle", "--points", "p.csv", "--out", "r.html"])
    assert result.exit_code == 2
    assert words in result.output
    assert result.output.count("Error: ") == 1
    assert (tmp_path / "r.html").read_text() == "what was there"


def test_command_takes_a_file_of_points(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    phase = 2 * np.pi * np.arange(64) / 64
    np.save("my loop.npy", np.stack([np.cos(phase), np.sin(phase)], axis=1))
    result = CliRunner().invoke(main, ["report", "my loop.npy", "--out", "r.html", "--tolerance", "0.01"])
    assert (result.exit_code, result.output) == (0, "wrote r.html\n")
    text = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "<title>my loop: entropy-distortion report</title>" in text
    assert dict(tables(text)[-1])["command"] == "edcurve report 'my loop.npy' --tolerance 0.01 --out r.html"
    curve = figures(text)["curve"]["data"][0]
    D = curve["x"][100]
    assert curve["y"][100] == pytest.approx(ed.entropy_distortion("circle", D), rel=1e-9)  # which it is


@pytest.mark.parametrize("source", ["cirle", "ramp:64"])
def test_command_refuses_other_sources(tmp_path, source):
    result = CliRunner().invoke(main, ["report", source, "--out", str(tmp_path / "r.html")])
    assert result.exit_code == 2
    assert "Error: source must be" in result.output
    assert list(tmp_path.iterdir()) == []

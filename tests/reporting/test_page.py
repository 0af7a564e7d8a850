"""The page of a report in a real browser without a network: it shows what the API computes."""

import json
import math
import os
import re
import shutil
import tempfile
import time
from functools import partial

import edcurve as ed
import numpy as np
import pandas as pd
import pytest
from report_content import HOSTILE, LABELS, RUNS, figures

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")

needs_browser = pytest.mark.skipif(
    not (CHROMIUM and DRIVER),
    reason="needs a browser: Chromium and chromedriver, in Debian the packages chromium and chromium-driver",
)


@pytest.fixture(scope="module")
def browser():
    """Chromium without a network, its console and its requests recorded."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    # root has no sandbox; a refusing proxy blocks all requests of the page
    for flag in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage", "proxy-server=127.0.0.1:9"):
        options.add_argument(f"--{flag}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    # Chromium leaves folders in TMPDIR, whose path must be short enough for a socket; pytest's may be too long
    with tempfile.TemporaryDirectory(prefix="edcurve-", ignore_cleanup_errors=True) as folder:
        driver = webdriver.Chrome(options=options, service=Service(DRIVER, env={**os.environ, "TMPDIR": folder}))
        yield driver
        driver.quit()


@pytest.fixture
def opened(browser, tmp_path):
    """Open a page; at the end of the test there must be no errors."""

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
    """Emulate a screen of this width and a preferred colour scheme."""
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    preferred = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", preferred)


def logged(browser):
    """Console messages and requested addresses since the last call."""
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
    """Lines of text that the page shows with the pointer over a point of a plot."""
    find = "return [...document.querySelectorAll('.hoverlayer .hovertext .nums tspan.line')].map(x => x.textContent)"
    plain = "return [...document.querySelectorAll('.hoverlayer .hovertext .nums')].map(x => x.textContent)"
    x, y = browser.execute_script(PLACE, plot, trace, i, height)
    for place in ((2, 2), (x, y)):  # first away from the previous point
        move = {"type": "mouseMoved", "x": place[0], "y": place[1], "pointerType": "mouse"}
        browser.execute_cdp_cmd("Input.dispatchMouseEvent", move)
        lines = eventually(
            lambda: browser.execute_script(find) or browser.execute_script(plain),
            lambda lines, over=place == (x, y): bool(lines) == over,
        )
    return lines


def eventually(look, good, patience=30.0):
    """The state of the page as soon as it satisfies `good`: pages update asynchronously."""
    end = time.monotonic() + patience
    while not good(state := look()):
        assert time.monotonic() < end, f"after {patience} s still {state}"
        time.sleep(0.02)
    return state


def shown(lines, name):
    """The number that follows a name, and half a unit of its last digit."""
    (text,) = re.findall(rf"^{re.escape(name)} = (\S+)", "\n".join(lines), re.MULTILINE)
    digits = text.lower().partition("e")[0].partition(".")[2]
    exponent = int(text.lower().partition("e")[2] or 0)
    return float(text), 0.5000001 * 10.0 ** (exponent - len(digits))


def agrees(lines, name, value):
    number, unit = shown(lines, name)
    # six digits, without trailing zeros
    assert abs(number - value) <= min(unit, 0.5000001 * 10.0 ** (math.floor(math.log10(abs(value))) - 5))


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
    kind = "return document.getElementById('curve')._fullLayout.xaxis.type"
    assert browser.execute_script(kind) == "log"
    for wanted in ("linear", "log"):
        browser.execute_script("document.getElementById('logarithmic').click()")
        assert browser.execute_script(kind) == wanted
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


def fits(width, scheme, measures):
    wide, ground, ink, right, drawn = measures
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
    if not policy:  # the policy alone stops scripts of others
        text, removed = re.subn(r"<meta http-equiv=.*>\n", "", text)
        assert removed == 1
    browser = opened(text)
    names = [trace["name"] for trace in figures(text)["curve"]["data"]]
    for i, label in enumerate(LABELS):
        lines = hover(browser, "curve", names.index("gap") + 1 + i, 0)  # each is a codec
        assert lines[0] == f"point {i + 1}: {label}, λ = {3 - i}"
    assert browser.execute_script("return [window.hit ?? null, document.images.length]") == [None, 0]
    assert browser.execute_script("return document.querySelectorAll('a[href]:not(.modebar-btn)').length") == 0
    assert browser.title == f"{HOSTILE}: entropy-distortion report"
    assert HOSTILE in browser.execute_script("return document.body.textContent")


@needs_browser
def test_the_policy_forbids_what_the_recorder_would_see(browser, tmp_path, ramp_page):
    """Both guards work: requests of a script are recorded, and with the policy the browser refuses them."""
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
            for seen, new in zip((problems, requested), logged(browser), strict=True):
                seen.extend(new)
            return problems, requested

        eventually(look, lambda all_fit: all(all_fit))
        assert requested == ["http://localhost:9/x.js"]
        seen.append(["Content Security Policy" in problem["message"] for problem in problems])
    assert seen == [[True], [False]]

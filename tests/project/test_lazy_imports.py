"""Unused modules are not imported."""

import json

from new_process import python

HEAVY = ("numba", "llvmlite", "scipy", "pandas", "matplotlib", "rich", "click", "mpmath")
SMALL = """
import sys, json
import edcurve as ed
for name in ("ramp", "circle", "sinusoid", "sawbridge", "uniform", "power:1.5"):
    D = 0.3 * ed.UniformScalar().max_distortion
    for call in (ed.entropy_distortion, ed.upper_bound, ed.lower_bound, ed.distortion_entropy):
        call(name, D), call(name, [D] * 100)
    ed.partition(name, D).cells()
ed.lagrangian("ramp", [1.0, 100.0])
ed.excess("ramp", D, 3.0, lmbda=48.0)
ed.quantizer("ramp", 0.01).encode([0.1, 0.2])
ed.curve("ramp").to_csv()
print(json.dumps(sorted(sys.modules)))
"""

HELP = """
import sys, json
before = "import edcurve"
exec(before)
known = set(sys.modules)
from edcurve.cli import main
for arguments in (["--help"], ["curve", "--help"], ["figures", "--help"]):
    try:
        main(arguments, prog_name="edcurve")
    except SystemExit as end:
        assert not end.code
print("\\n" + json.dumps([sorted(known), sorted(sys.modules)]))
"""


def heavy(modules):
    return sorted({name.partition(".")[0] for name in modules} & set(HEAVY))


def test_small_calls_load_nothing_heavy():
    assert heavy(json.loads(python(SMALL))) == []


def test_help_loads_nothing_heavier_than_click():
    before, after = json.loads(python(HELP).splitlines()[-1])
    assert heavy(before) == []
    assert heavy(after) == ["click"]
    own = {name for name in after if name.startswith("edcurve")} - set(before)
    own -= {
        "edcurve.io",
        "edcurve.io.text",
        "edcurve.io.files",
    }  # they write the requested output, and need nothing else
    of_the_core = {name for name in own if name.partition(".")[0] == "edcurve"}
    assert {name.rpartition(".")[0] for name in of_the_core} <= {"edcurve", "edcurve.cli"}
    assert all(name.startswith("edcurve.cli") for name in of_the_core)
    # the list of the other commands, and the one whose help was requested
    assert own - of_the_core == {"edcurve_neural", "edcurve_neural.cli", "edcurve_neural.cli.figures"}

"""After the benchmarks: the promised ratios, from the fastest round of each."""

from typing import Any

import pytest

# (benchmark, what it is compared with, largest ratio)
PROMISED = [
    ("entropy[ramp]", "log_loop", 12.0),
    ("entropy[circle]", "log_loop", 50.0),
    ("first_curves", "import_numba", 1.6),
    ("command_line_help", "import_numba", 0.8),
]


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    session = getattr(config, "_benchmarksession", None)
    times = {bench.name.removeprefix("test_"): bench.stats.min for bench in getattr(session, "benchmarks", [])}
    rows = [row for row in PROMISED if row[0] in times and row[1] in times]
    if rows:
        terminalreporter.section("ratios of the fastest rounds")
    for name, reference, most in rows:
        ratio = times[name] / times[reference]
        terminalreporter.write_line(f"{name:20} / {reference:14} {ratio:6.2f}   (promised: at most {most:g})")

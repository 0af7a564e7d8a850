"""The fastest of several runs, each long enough for the clock."""

import time
from collections.abc import Callable
from typing import Any

SHORTEST = 0.01  # seconds


def fastest(call: Callable[[], Any], patience: float) -> tuple[Any, float]:
    """Result and least seconds of a call, repeated until `patience` seconds have passed, at least once."""
    result, seconds = _once(call, 1)
    number, ends = max(1, round(SHORTEST / seconds)), time.perf_counter() + patience - seconds
    while time.perf_counter() < ends:
        seconds = min(seconds, _once(call, number)[1])
        number = max(1, round(SHORTEST / seconds))
    return result, seconds


def _once(call: Callable[[], Any], number: int) -> tuple[Any, float]:
    start = time.perf_counter()
    for _ in range(number):
        result = call()
    return result, (time.perf_counter() - start) / number

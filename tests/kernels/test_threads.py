"""Threads divide the points of an array: the result depends neither on their number nor on their order."""

import os

import numpy as np
import pytest
from bits import same_bits
from edcurve.kernels import cubic, functions, loops, threads
from kernel_inputs import ENTROPIES, MODELS, SOURCES, distortions, extra, interpreted, plain
from new_process import python


class Counting(threads.ThreadPoolExecutor):
    """A pool that records the number of threads requested for each instance."""

    asked: list[int] = []  # noqa: RUF012  # one list for all instances, which is what is counted

    def __init__(self, threads):
        self.asked.append(threads)
        super().__init__(threads)


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("cores", [1, 2, 7])
def test_results_do_not_depend_on_the_number_of_threads(monkeypatch, cores, name):
    source = SOURCES[name]
    x = distortions(source, 5000)
    x = np.concatenate([x, x[::-1]])[: 7 * loops.CHUNK + 13]
    pieces = [x[at : at + loops.CHUNK] for at in range(0, x.size, loops.CHUNK)]
    monkeypatch.setattr(threads, "ThreadPoolExecutor", Counting)
    monkeypatch.setattr(Counting, "asked", [])
    monkeypatch.setattr(threads, "cores", lambda: cores)
    for function in ENTROPIES:
        arguments = function, source.law, extra(function, source)
        expected = loops.evaluate(*arguments, x)
        assert same_bits(expected, np.concatenate([loops.evaluate(*arguments, piece) for piece in pieces]))
    assert Counting.asked == ([] if cores == 1 else [min(cores, x.size // loops.CHUNK)] * len(ENTROPIES))


@pytest.mark.parametrize("size", [511, 512, 513, 1024, loops.INTERPRETED, loops.CHUNK - 1, 2 * loops.CHUNK])
def test_no_point_is_lost_where_blocks_end(monkeypatch, size):
    monkeypatch.setattr(threads, "cores", lambda: 2)
    x = plain(size)
    loops.compiled(functions.entropy, cubic)
    source = SOURCES["ramp"]
    values = loops.evaluate(functions.entropy, source.law, (), x)
    chosen = np.r_[0:3, size - 3 : size, size // 2 - 2 : size // 2 + 2]
    assert same_bits(values[chosen], interpreted(functions.entropy, source, x[chosen]))


def test_cores_are_those_this_process_may_use():
    assert 1 <= threads.cores() <= (os.cpu_count() or 1)


THREADS = """
import sys, threading, numpy as np, edcurve as ed
names = ["ramp", "power:0.3", "sawbridge", "power:1.5", "uniform", "power:2.0", "ramp", "power:0.3"]
D = np.random.default_rng(5).uniform(1e-6, 0.08, 200_000)
start, results = threading.Barrier(len(names)), [None] * len(names)

def work(i):
    start.wait()
    results[i] = [ed.entropy_distortion(names[i], D), ed.lower_bound("circle", D)]

assert "numba" not in sys.modules
workers = [threading.Thread(target=work, args=(i,)) for i in range(len(names))]
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
for name, (upper, lower) in zip(names, results):
    assert np.array_equal(upper, ed.entropy_distortion(name, D)), name
    some = D[::20_000].tolist()
    assert upper[::20_000].tolist() == [ed.entropy_distortion(name, d) for d in some], name
    assert lower[::20_000].tolist() == [ed.lower_bound("circle", d) for d in some], name
"""


def test_eight_threads_compile_and_compute_at_once(tmp_path):
    python(THREADS, NUMBA_CACHE_DIR=tmp_path)

"""Forked and spawned processes compute the same numbers."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import edcurve as ed
import pytest
from bits import same_bits
from kernel_inputs import SOURCES, plain
from new_process import PATIENCE, python

forks = pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this platform")

FORKS = """
import multiprocessing, sys, numpy as np, edcurve as ed
D = np.random.default_rng(5).uniform(1e-6, 0.08, 100_000)

def work(name):
    return ed.entropy_distortion(name, D)[::1000].tolist()

if "first" in sys.argv:
    for name in ("ramp", "circle"):
        work(name)
assert ("numba" in sys.modules) == ("first" in sys.argv)
names = ["ramp", "circle", "ramp", "circle"]
with multiprocessing.get_context("fork").Pool(2) as pool:
    # the second round is of workers that have computed before
    results = [pool.map_async(work, names, chunksize=1).get(200) for _ in range(2)]
for result in results:
    assert result == [work(name) for name in names]
"""


@forks
def test_forked_workers_after_the_parent_computed():
    python(FORKS, "first")


@forks
def test_forked_workers_before_numba_was_loaded():
    python(FORKS)


def test_spawned_workers():
    D = plain()
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        sources = ["ramp", ed.Ramp(), SOURCES["power:1.5"], SOURCES["spectrum of 1"]]
        jobs = [pool.submit(ed.entropy_distortion, source, D) for source in sources]
        results = [job.result(timeout=PATIENCE) for job in jobs]
    for source, result in zip(sources, results, strict=True):
        assert same_bits(result, ed.entropy_distortion(source, D))


FORKED_WHILE_COMPILING = """
import multiprocessing, threading, time, numba, numpy as np, edcurve as ed
from edcurve.kernels import loops
D = np.linspace(1e-3, 0.08, 60_000)
thread = threading.Thread(target=ed.entropy_distortion, args=("ramp", D))
thread.start()
while not loops.compiled.cache_info().misses:
    time.sleep(0.01)
child = multiprocessing.get_context("fork").Process(target=ed.lower_bound, args=("circle", D))
child.start()
child.join(60)
stuck = child.exitcode is None
child.kill()
thread.join()
assert not stuck
assert child.exitcode == 0
"""


@forks
def test_forked_while_another_thread_compiles(tmp_path):
    python(FORKED_WHILE_COMPILING, NUMBA_CACHE_DIR=tmp_path)

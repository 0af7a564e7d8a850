"""Parts of the compiled kernels: elementary functions, matrix products, threads of BLAS."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
import pytest
import threadpoolctl
from edcurve_neural.compressors.cpu_kernels import blas, cores, functions
from edcurve_neural.compressors.cpu_kernels.vectors import Matrix
from mpmath import mp

SMALL = 10.0 ** np.linspace(-30, 0, 400)
SIGNED = np.concatenate([-SMALL, SMALL])
MIDDLE = np.linspace(0.5, 2.0, 400)  # where logarithms cancel
ARGUMENTS = {
    "exp": (mp.exp, np.linspace(-86.0, 0.0, 800)),
    "expm1": (mp.expm1, np.concatenate([-SMALL, np.linspace(-60.0, 0.0, 800)])),
    "tanh": (mp.tanh, np.concatenate([SIGNED, np.linspace(-20.0, 20.0, 800)])),
    "log": (mp.log, np.concatenate([SMALL, MIDDLE, 1.0 / SMALL])),
    "log1p": (lambda x: mp.log(1 + x), np.concatenate([SIGNED[1:], MIDDLE - 1.0, 1.0 / SMALL])),
    "atanh": (mp.atanh, np.concatenate([SIGNED[1:-1], np.linspace(-0.999, 0.999, 800)])),
}


def evaluate(name, x):
    function = getattr(functions, name)

    @numba.njit(error_model="numpy", fastmath={"contract"})
    def loop(x, out):
        for i in range(x.size):
            out[i] = function(x[i])

    out = np.empty_like(x)
    loop(x, out)
    return out


@pytest.mark.parametrize("name", ARGUMENTS)
def test_elementary_functions(name):
    """Within 2.5 units in the last place of 60 digits, zero and NaN included."""
    exact, x = ARGUMENTS[name]
    x = x.astype(np.float32)
    values = evaluate(name, np.append(x, np.float32("nan")))
    with mp.workdps(60):
        expected = [exact(mp.mpf(float(value))) for value in x]
        units = np.spacing(np.abs(np.array(expected, dtype=np.float64)).astype(np.float32))
        error = [
            abs(float((mp.mpf(float(a)) - b) / mp.mpf(float(u))))
            for a, b, u in zip(values[:-1], expected, units, strict=True)
        ]
    assert max(error) <= 2.5
    assert np.isnan(values[-1])


def test_exponentials_far_out():
    x = np.array([-1e4, -200.0, 0.0, -np.inf], dtype=np.float32)
    assert evaluate("exp", x).tolist() == pytest.approx([0.0, 0.0, 1.0, 0.0], abs=2e-38)
    assert evaluate("expm1", x).tolist() == [-1.0, -1.0, 0.0, -1.0]
    assert evaluate("tanh", np.array([-1e9, 1e9, np.inf], dtype=np.float32)).tolist() == [-1.0, 1.0, 1.0]


@numba.njit
def products(left, right, out):
    """With A 5×4 and B 4×3 in rows of 6: A·B, and then AᵀA by the transposed products."""
    a, b, zero, one = Matrix(left, 6), Matrix(right, 6), np.float32(0.0), np.float32(1.0)
    blas.times(a, b, Matrix(out, 3), 5, 3, 4)
    blas.transposed_times(a, a, Matrix(out[15:], 4), 4, 4, 5)
    blas.times_transposed(b, b, Matrix(out[31:], 4), 4, 4, 3, zero)
    blas.times_transposed(b, b, Matrix(out[31:], 4), 4, 4, 3, one)
    blas.gram(b, Matrix(out[47:], 4), 4, 3, zero)
    blas.mirror(Matrix(out[47:], 4), 4)
    blas.add_times(a, b, Matrix(out, 3), 5, 3, 4, np.float32(0.5))


def test_products():
    generator = np.random.default_rng(0)
    a, b = (generator.standard_normal((rows, 6)).astype(np.float32) for rows in (5, 4))
    out = np.full(63, np.nan, dtype=np.float32)
    products(a.ravel(), b.ravel(), out)
    left, right = a[:, :4].astype(float), b[:, :3].astype(float)
    expected = [1.5 * left @ right, left.T @ left, 2.0 * right @ right.T, right @ right.T]
    assert np.allclose(out, np.concatenate([matrix.ravel() for matrix in expected]), rtol=1e-5, atol=1e-6)


def inside():
    with cores.one_core():
        return threads_of_blas()


def threads_of_blas():
    return {pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"}


def test_one_core_while_inside():
    """Also nested, and in a thread that enters while another is inside; the previous number is restored."""
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        before = threads_of_blas()  # a library built for one thread always uses one
        assert 2 in before
        with cores.one_core():
            with cores.one_core():
                assert threads_of_blas() == {1}
            with ThreadPoolExecutor(1) as pool:
                assert pool.submit(inside).result() == {1}
            assert threads_of_blas() == {1}
        assert threads_of_blas() == before


def test_one_core_while_another_thread_comes_and_goes():
    entered, leave = threading.Event(), threading.Event()

    def other():
        with threadpoolctl.threadpool_limits(2, user_api="blas"), cores.one_core():
            entered.set()
            assert leave.wait(10.0)

    with ThreadPoolExecutor(1) as pool:
        job = pool.submit(other)
        assert entered.wait(10.0)
        assert inside() == {1}
        leave.set()
        job.result()
        assert inside() == {1}

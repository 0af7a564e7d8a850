"""Matrix products by the BLAS that SciPy has, called without the interpreter's lock."""

from __future__ import annotations

from typing import Any

import llvmlite.binding  # type: ignore[import-untyped]  # it has no types
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils as untyped
from numba.extending import get_cython_function_address, intrinsic

from .compiling import Real, Vector, inner

for _name in ("sgemm", "ssyrk"):
    llvmlite.binding.add_symbol(f"edcurve_{_name}", get_cython_function_address("scipy.linalg.cython_blas", _name))

cgutils: Any = untyped
PLAIN, TRANSPOSED, UPPER = ord("N"), ord("T"), ord("U")
REAL = types.float32
ZERO, ONE = np.float32(0.0), np.float32(1.0)


def _call(name: str, arguments: tuple[Any, ...]) -> Any:
    """Code for a call of a Fortran routine: pointers are passed on, the rest by reference.

    Integers lie in 64 bits, of which a BLAS with integers of 32 reads the lower half.
    """

    def generate(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        pointer = cgutils.voidptr_t
        passed = []
        for kind, value in zip(arguments, values, strict=True):
            if kind is types.uintp:
                passed.append(builder.inttoptr(value, pointer))
            else:
                wide = builder.sext(value, ir.IntType(64)) if value.type == ir.IntType(32) else value
                passed.append(builder.bitcast(cgutils.alloca_once_value(builder, wide), pointer))
        routine = ir.FunctionType(ir.VoidType(), [pointer] * len(passed))
        builder.call(cgutils.get_or_insert_function(builder.module, routine, f"edcurve_{name}"), passed)
        return context.get_dummy_value()

    return generate


_GEMM = (*[types.int64] * 5, REAL, types.uintp, types.int64, types.uintp, types.int64, REAL, types.uintp, types.int64)
_SYRK = (*[types.int64] * 4, REAL, types.uintp, types.int64, REAL, types.uintp, types.int64)


def _sgemm_code(_context, ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc):  # type: ignore[no-untyped-def]  # numba's
    return types.void(*_GEMM), _call("sgemm", _GEMM)


def _ssyrk_code(_context, uplo, trans, n, k, alpha, a, lda, beta, c, ldc):  # type: ignore[no-untyped-def]  # numba's
    return types.void(*_SYRK), _call("ssyrk", _SYRK)


_sgemm: Any = intrinsic(_sgemm_code)
_ssyrk: Any = intrinsic(_ssyrk_code)


@inner
def times(a: Vector, lda: int, b: Vector, ldb: int, out: Vector, ldc: int, m: int, n: int, k: int) -> None:
    """The m×n product A·B of matrices that lie row by row, with rows `ld` apart."""
    _sgemm(PLAIN, PLAIN, n, m, k, ONE, _at(b), ldb, _at(a), lda, ZERO, _at(out), ldc)


@inner
def transposed_times(a: Vector, lda: int, b: Vector, ldb: int, out: Vector, ldc: int, m: int, n: int, k: int) -> None:
    """Aᵀ·B."""
    _sgemm(PLAIN, TRANSPOSED, n, m, k, ONE, _at(b), ldb, _at(a), lda, ZERO, _at(out), ldc)


@inner
def times_transposed(
    a: Vector, lda: int, b: Vector, ldb: int, out: Vector, ldc: int, m: int, n: int, k: int, keep: Real
) -> None:
    """A·Bᵀ, plus `keep` times what is there."""
    _sgemm(TRANSPOSED, PLAIN, n, m, k, ONE, _at(b), ldb, _at(a), lda, keep, _at(out), ldc)


@inner
def add_times(
    a: Vector, lda: int, b: Vector, ldb: int, out: Vector, ldc: int, m: int, n: int, k: int, scale: Real
) -> None:
    """Add `scale` times A·B."""
    _sgemm(PLAIN, PLAIN, n, m, k, scale, _at(b), ldb, _at(a), lda, ONE, _at(out), ldc)


@inner
def gram(a: Vector, lda: int, out: Vector, ldc: int, n: int, k: int, keep: Real) -> None:
    """The lower half of the n×n matrix A·Aᵀ, plus `keep` times what is there."""
    _ssyrk(UPPER, TRANSPOSED, n, k, ONE, _at(a), lda, keep, _at(out), ldc)


@inner
def mirror(a: Vector, n: int) -> None:
    """Fill the upper half of a symmetric matrix from the lower one."""
    for i in range(n):
        for j in range(i):
            a[j * n + i] = a[i * n + j]


@inner
def _at(array: Vector) -> Any:
    return np.uintp(array.ctypes.data)

"""Matrix products by the BLAS that SciPy has, called without the interpreter's lock.

Fortran stores matrices by columns, so it reads our A, stored by rows, as Aᵀ. A·B is computed as (A·B)ᵀ = Bᵀ·Aᵀ, with
the factors swapped, and "transposed" below says what Fortran has to transpose.
"""

from __future__ import annotations

from typing import Any

import llvmlite.binding  # type: ignore[import-untyped]  # it has no types
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils as untyped
from numba.extending import get_cython_function_address, intrinsic

from .compiling import Real, inner
from .vectors import ONE, ZERO, Matrix

for _name in ("sgemm", "ssyrk"):
    llvmlite.binding.add_symbol(f"edcurve_{_name}", get_cython_function_address("scipy.linalg.cython_blas", _name))

cgutils: Any = untyped
PLAIN, TRANSPOSED, UPPER = ord("N"), ord("T"), ord("U")
REAL = types.float32


def _routine(name: str, arguments: tuple[Any, ...]) -> Any:
    """A Fortran routine for kernels to call, with a tuple of arguments of these types.

    Pointers are passed by value, other arguments by reference. Integers have 64 bits, of which a BLAS with 32-bit
    integers reads the lower half.
    """

    def generate(context: Any, builder: Any, _signature: Any, values: Any) -> Any:
        pointer = cgutils.voidptr_t
        passed = []
        for kind, value in zip(arguments, cgutils.unpack_tuple(builder, values[0]), strict=True):
            if kind is types.uintp:
                passed.append(builder.inttoptr(value, pointer))
            else:
                wide = builder.sext(value, ir.IntType(64)) if value.type == ir.IntType(32) else value
                passed.append(builder.bitcast(cgutils.alloca_once_value(builder, wide), pointer))
        routine = ir.FunctionType(ir.VoidType(), [pointer] * len(passed))
        builder.call(cgutils.get_or_insert_function(builder.module, routine, f"edcurve_{name}"), passed)
        return context.get_dummy_value()

    def typed(_context: Any, _arguments: Any) -> Any:
        return types.void(types.Tuple(arguments)), generate  # type: ignore[no-untyped-call]  # numba has no types

    return intrinsic(typed)


# in Fortran's order: transpositions, sizes, α, A, B, β, C; after each matrix the distance between its columns
_sgemm = _routine(
    "sgemm",
    (*[types.int64] * 5, REAL, types.uintp, types.int64, types.uintp, types.int64, REAL, types.uintp, types.int64),
)
_ssyrk = _routine("ssyrk", (*[types.int64] * 4, REAL, types.uintp, types.int64, REAL, types.uintp, types.int64))


@inner
def times(a: Matrix, b: Matrix, out: Matrix, m: int, n: int, k: int) -> None:
    """The m×n product A·B; sums have k terms."""
    _sgemm((PLAIN, PLAIN, n, m, k, ONE, _at(b), b.stride, _at(a), a.stride, ZERO, _at(out), out.stride))


@inner
def transposed_times(a: Matrix, b: Matrix, out: Matrix, m: int, n: int, k: int) -> None:
    """Aᵀ·B."""
    _sgemm((PLAIN, TRANSPOSED, n, m, k, ONE, _at(b), b.stride, _at(a), a.stride, ZERO, _at(out), out.stride))


@inner
def times_transposed(a: Matrix, b: Matrix, out: Matrix, m: int, n: int, k: int, beta: Real) -> None:
    """A·Bᵀ plus β times `out`: 0 overwrites, even NaN, and 1 adds."""
    _sgemm((TRANSPOSED, PLAIN, n, m, k, ONE, _at(b), b.stride, _at(a), a.stride, beta, _at(out), out.stride))


@inner
def add_times(a: Matrix, b: Matrix, out: Matrix, m: int, n: int, k: int, alpha: Real) -> None:
    """Add α times A·B."""
    _sgemm((PLAIN, PLAIN, n, m, k, alpha, _at(b), b.stride, _at(a), a.stride, ONE, _at(out), out.stride))


@inner
def gram(a: Matrix, out: Matrix, n: int, k: int, beta: Real) -> None:
    """The lower half of the n×n matrix A·Aᵀ plus β times `out`, at half the cost of a product."""
    _ssyrk((UPPER, TRANSPOSED, n, k, ONE, _at(a), a.stride, beta, _at(out), out.stride))


@inner
def mirror(a: Matrix, n: int) -> None:
    """Fill the upper half of a symmetric matrix from the lower one."""
    for i in range(n):
        for j in range(i):
            a.values[j * a.stride + i] = a.values[i * a.stride + j]


@inner
def _at(matrix: Matrix) -> Any:
    return np.uintp(matrix.values.ctypes.data)

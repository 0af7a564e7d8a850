"""Compiling kernels with numba: once, before they are called, and cached on disk if possible.

This is the only module of the project that compiles with numba. numba, which takes longer to import than all of
edcurve, is imported by the first call that needs it.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any, TypeVar, cast

from edcurve import progress
from edcurve.apart import apart, once

Run = TypeVar("Run", bound=Callable[..., Any])

# numba's names of the argument types of kernels
REAL, REALS, TABLE = "float64", "float64[::1]", "float64[:,::1]"
INTEGER, INTEGERS = "int64", "int64[::1]"
FLAG, FLAGS = "boolean", "boolean[::1]"
# a caller's array: it may be read-only, and need not be aligned
READ = "Array(float64, 1, 'C', readonly=True, aligned=False)"
# a source's own
CONSTANTS = "Array(float64, 1, 'C', readonly=True)"

# No kernel holds the interpreter's lock. Division by zero gives infinity, as in numpy, because checks of divisors would
# prevent LLVM from vectorising.
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
INNER: dict[str, Any] = {"no_cpython_wrapper": True}  # never called from Python


def kernel(run: Run, types: Iterable[Any], *, name: str = "", **options: Any) -> Run:
    """Compile a function for arguments of these types, or load the result of an earlier process.

    Compiling may take seconds; a line on standard error then tells so, if that is a terminal.

    Parameters
    ----------
    run : callable
        A function that returns nothing; it may call functions prepared by `let_kernels_call` or `inner`.
    types : iterable
        One for each argument: numba's name of a type, or a `record`.
    name : str
        Name that distinguishes this kernel from others of the same function; the function's name if omitted.
    **options
        Further options of `numba.njit`, such as ``fastmath``.

    Returns
    -------
    callable
        The compiled function. Without a folder or space for the cache it is lost when the process ends.
    """
    return apart(lambda: _compiled(run, types, name or run.__name__, options))


def _compiled(run: Run, types: Iterable[Any], title: str, options: dict[str, Any]) -> Run:
    with progress.notice(f"edcurve: compiling {title} (once)"):
        import numba

        signature = numba.void(*map(_numba_type, types))
        # numba names the cache file after this. Each kernel has its own file, because numba does not lock files, and so
        # has each version of the sources, because numba checks only the time of the one that defines `run`.
        run.__qualname__ = f"{title}_{fingerprint(sys.modules[run.__module__])}"
        try:
            return cast(Run, numba.njit(signature, cache=True, **OPTIONS, **options)(run))
        except (RuntimeError, OSError):  # no folder, or no space, for the cache
            return cast(Run, numba.njit(signature, **OPTIONS, **options)(run))
        except Exception:  # unpickling a damaged file of the cache may raise anything
            _forget(run, options)
        try:
            return cast(Run, numba.njit(signature, cache=True, **OPTIONS, **options)(run))
        except Exception:  # the file could not be removed; an error of compiling is raised again
            return cast(Run, numba.njit(signature, **OPTIONS, **options)(run))


def _forget(run: Callable[..., Any], options: dict[str, Any]) -> None:
    """Remove the files of a kernel from the cache."""
    import numba

    folder = Path(numba.njit(cache=True, **OPTIONS, **options)(run).stats.cache_path)
    for path in folder.glob(f"*{run.__qualname__}*.nb[ic]"):
        with suppress(OSError):
            path.unlink()


@once
def kernel_of(function: Run, *types: Any) -> Run:
    """`kernel` of a function that may call others of its module, made once for these argument types."""
    let_kernels_call(sys.modules[function.__module__])
    return kernel(function, types)


def inner(run: Run, **options: Any) -> Run:
    """A compiled function for kernels to call: it is compiled with the first kernel that calls it, without a cache."""

    def compiled() -> Run:
        import numba

        return cast(Run, numba.njit(**INNER, **OPTIONS, **options)(run))

    return apart(compiled)


@once
def let_kernels_call(module: ModuleType) -> None:
    """Let kernels call the functions of a module, and those that it imports from other modules of this project.

    The functions remain plain Python for all other callers. In kernels they are inlined, so that LLVM can vectorise
    loops over them.
    """
    from numba.extending import register_jitable

    for function in _functions(module):
        if sys.modules[function.__module__] is module:
            register_jitable(forceinline=True, **OPTIONS)(function)
    for dependency in _used(module):
        let_kernels_call(dependency)


def _functions(module: ModuleType) -> list[FunctionType]:
    """Functions that the module defines or imports; for compiled ones, their Python functions."""
    values = [getattr(value, "py_func", value) for value in vars(module).values()]
    return [value for value in values if isinstance(value, FunctionType)]


def record(kind: type[tuple[Any, ...]], types: Iterable[Any]) -> Any:
    """The type of a NamedTuple whose fields have these types."""

    def record_type() -> Any:
        import numba

        fields = [_numba_type(name) for name in types]
        return numba.types.BaseTuple.from_types(fields, kind)  # type: ignore[no-untyped-call]  # numba has no types

    return apart(record_type)


def _numba_type(name: Any) -> Any:
    """The type with one of numba's names; a type is returned as it is."""
    from numba.core import sigutils

    if isinstance(name, str):
        return sigutils.normalize_signature(f"void({name})")[0][0]  # type: ignore[no-untyped-call]  # numba has no types
    return name


@cache
def fingerprint(module: ModuleType) -> str:
    """Digest of the sources that may be compiled into the kernels of a module.

    These are all files in its folder and, recursively, in the folders of modules whose functions it has. The folder of
    this file is always included.
    """
    digest = hashlib.sha256()
    for folder in sorted({Path(__file__).parent, *_folders(module, set())}):
        for path in sorted(folder.glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _folders(module: ModuleType, seen: set[ModuleType]) -> set[Path]:
    """Folders of a module and, recursively, of the modules that it uses."""
    seen.add(module)
    folders = {Path(cast(str, module.__file__)).parent}
    for dependency in _used(module) - seen:
        folders |= _folders(dependency, seen)
    return folders


def _used(module: ModuleType) -> set[ModuleType]:
    """Other modules of this project that it imports, or has functions from."""
    used = {value for value in vars(module).values() if isinstance(value, ModuleType)}
    used |= {sys.modules[function.__module__] for function in _functions(module)}
    packages = {module.__name__.partition(".")[0], __name__.partition(".")[0]}
    return {other for other in used if other is not module and other.__name__.partition(".")[0] in packages}

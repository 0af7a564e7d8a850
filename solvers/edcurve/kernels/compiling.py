"""Compiling kernels with numba: once, before they are called, and kept on disk where that is possible.

This is the only module of the project that asks numba to compile. numba itself, which takes longer to import than
all of edcurve, is imported by the first call that needs it.
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

# numba's names of types that kernels take
REAL, REALS, TABLE = "float64", "float64[::1]", "float64[:,::1]"
INTEGER, INTEGERS = "int64", "int64[::1]"
FLAG, FLAGS = "boolean", "boolean[::1]"
# a caller's array: it may be read-only, and need not be aligned
READ = "Array(float64, 1, 'C', readonly=True, aligned=False)"
# a source's own
CONSTANTS = "Array(float64, 1, 'C', readonly=True)"

# No kernel holds the interpreter's lock. Division by zero gives infinity, as in numpy: checked divisors would keep LLVM
# from vectorising.
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
INNER: dict[str, Any] = {"no_cpython_wrapper": True}  # not to be called from Python


def kernel(run: Run, types: Iterable[Any], *, name: str = "", **options: Any) -> Run:
    """Compile a function for arguments of these types, or load what an earlier process compiled.

    Compiling may take seconds; a line on standard error says so then, if that is a terminal.

    Parameters
    ----------
    run : callable
        A function without a result, which may call functions that `let_kernels_call` or `inner` prepared.
    types : iterable
        One for each argument: numba's name of a type, or a `record`.
    name : str
        What distinguishes this kernel from others made of the same function; its own name if omitted.
    **options
        Further options of `numba.njit`, such as ``fastmath``.

    Returns
    -------
    callable
        The compiled function. Without a folder, or without room, for the cache it lasts as long as the process.
    """
    return apart(lambda: _compiled(run, types, name or run.__name__, options))


def _compiled(run: Run, types: Iterable[Any], title: str, options: dict[str, Any]) -> Run:
    with progress.notice(f"edcurve: compiling {title} (once)"):
        import numba

        signature = numba.void(*map(_numba_type, types))
        # numba names the cache file after this. There is a file for each kernel, since numba does not lock them, and
        # for each version of all sources, since numba looks only at the time of the one that defines `run`.
        run.__qualname__ = f"{title}_{fingerprint(sys.modules[run.__module__])}"
        try:
            return cast(Run, numba.njit(signature, cache=True, **OPTIONS, **options)(run))
        except (RuntimeError, OSError):  # no folder, or no room, for the cache
            return cast(Run, numba.njit(signature, **OPTIONS, **options)(run))
        except Exception:  # a file in the cache is damaged: unpickling it fails in any way
            _forget(run, options)
        try:
            return cast(Run, numba.njit(signature, cache=True, **OPTIONS, **options)(run))
        except Exception:  # what could not be removed; an error of compiling is raised again
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
    """`kernel` of a function of a module, with all that it calls there; made once for these types of arguments."""
    let_kernels_call(sys.modules[function.__module__])
    return kernel(function, types)


def inner(run: Run, **options: Any) -> Run:
    """A compiled function for kernels to call: it is compiled with the first kernel that does, and not kept."""

    def made() -> Run:
        import numba

        return cast(Run, numba.njit(**INNER, **OPTIONS, **options)(run))

    return apart(made)


@once
def let_kernels_call(module: ModuleType) -> None:
    """Let kernels call the functions of a module, and those that it has from other modules of this project.

    The functions stay plain Python for everyone else. In kernels their calls are dissolved, or LLVM could not vectorise
    loops over them.
    """
    from numba.extending import register_jitable

    for function in _functions(module):
        if sys.modules[function.__module__] is module:
            register_jitable(forceinline=True, **OPTIONS)(function)
    for other in _used(module):
        let_kernels_call(other)


def _functions(module: ModuleType) -> list[FunctionType]:
    """Functions that the module defines or imports, compiled ones by what they were made of."""
    values = [getattr(value, "py_func", value) for value in vars(module).values()]
    return [value for value in values if isinstance(value, FunctionType)]


def record(kind: type[tuple[Any, ...]], types: Iterable[Any]) -> Any:
    """The type of a NamedTuple whose fields have these types."""

    def made() -> Any:
        import numba

        fields = [_numba_type(name) for name in types]
        return numba.types.BaseTuple.from_types(fields, kind)  # type: ignore[no-untyped-call]  # numba's

    return apart(made)


def _numba_type(given: Any) -> Any:
    """What a name of numba's stands for; types are passed on."""
    from numba.core import sigutils

    if isinstance(given, str):
        return sigutils.normalize_signature(f"void({given})")[0][0]  # type: ignore[no-untyped-call]  # numba's
    return given


@cache
def fingerprint(module: ModuleType) -> str:
    """Digest of the sources that may be compiled into the kernels of a module.

    These are all files in its folder and in the folders of modules whose functions it has, and so on; this file, which
    says how, is in one of them.
    """
    digest = hashlib.sha256()
    for folder in sorted({Path(__file__).parent, *_folders(module, set())}):
        for path in sorted(folder.glob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _folders(module: ModuleType, seen: set[ModuleType]) -> set[Path]:
    """Folders of a module, of those that it uses, and so on."""
    seen.add(module)
    folders = {Path(cast(str, module.__file__)).parent}
    for other in _used(module) - seen:
        folders |= _folders(other, seen)
    return folders


def _used(module: ModuleType) -> set[ModuleType]:
    """Other modules of this project that it imports, or has functions from."""
    others = {value for value in vars(module).values() if isinstance(value, ModuleType)}
    others |= {sys.modules[function.__module__] for function in _functions(module)}
    names = {module.__name__.partition(".")[0], __name__.partition(".")[0]}
    return {other for other in others if other is not module and other.__name__.partition(".")[0] in names}

"""The one place where inner loops are compiled: numba with a cache on disk, and without one where none can be written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile a function on its first call; keep the machine code beside the source when that folder can be written.

    The cache notices a change of the function's own file only: after a change of a kernel that others call, remove the
    ``__pycache__`` of these.
    """
    return _compiled(function, {})


def lean_kernel(function: F) -> F:
    """Compile like :func:`kernel` a function that makes no arrays.

    Its arrays are not counted as references; in moves that take a microsecond, counting took a third of the time.
    """
    return _compiled(function, {"_nrt": False})


def _compiled(function: F, options: dict[str, Any]) -> F:
    njit: Any = numba.njit
    options = {"nogil": True, "error_model": "numpy"} | options
    try:
        return cast(F, njit(cache=True, **options)(function))
    except RuntimeError:  # numba finds no folder for its cache
        return cast(F, njit(**options)(function))

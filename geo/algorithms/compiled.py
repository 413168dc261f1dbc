"""The one place where inner loops are compiled: numba with a cache on disk, and without one where none can be written.

Numba notices a change of a function's own file, but not of the functions that it calls in other files, whose code it has
taken over. So the cache lies in a folder named after the contents of all files with compiled functions.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])

_HERE = Path(__file__).parent


def kernel(function: F) -> F:
    """Compile a function on its first call; keep the machine code beside the sources when that folder can be written."""
    return _compiled(function, {})


def lean_kernel(function: F) -> F:
    """Compile like :func:`kernel` a function that makes no arrays.

    Its arrays are not counted as references; in moves that take a microsecond, counting took a third of the time.
    """
    return _compiled(function, {"_nrt": False})


def _compiled(function: F, options: dict[str, Any]) -> F:
    njit: Any = numba.njit
    config: Any = numba.config
    options = {"nogil": True, "error_model": "numpy"} | options
    before = config.CACHE_DIR
    config.CACHE_DIR = before or _cache_folder()
    try:
        return cast(F, njit(cache=True, **options)(function))
    except RuntimeError:  # numba finds no folder for its cache
        return cast(F, njit(**options)(function))
    finally:
        config.CACHE_DIR = before


@cache
def _cache_folder() -> str:
    """Return the folder of the cache for the present sources, empty where none can be made; drop that of former ones."""
    sources = sorted(path for path in _HERE.rglob("*.py") if b"kernel" in path.read_bytes())
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    folder = _HERE / "__pycache__" / f"numba-{digest}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return ""
    if not os.access(folder, os.W_OK):
        return ""
    for other in folder.parent.glob("numba-*"):
        if other != folder:
            shutil.rmtree(other, ignore_errors=True)
    return str(folder)

"""The one way kernels are compiled: typed, cached on disk, without the interpreter lock."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")

__all__ = ["cache_folder", "kernel"]

PACKAGE = Path(__file__).resolve().parents[1]
PREFIX = "kernels-"
_lock = threading.Lock()


def kernel(**options: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile a function of arrays with numba, in no-python mode.

    Compiled code is cached below a folder named by a hash of every file of the package that holds
    kernels, so that kernels may call kernels of other files: numba itself looks at the file of the
    called function alone and does not notice a change behind an import.

    Parameters
    ----------
    **options
        Passed on to :func:`numba.njit`; ``cache=True``, ``nogil=True`` and ``error_model="numpy"``
        are the defaults.

    Returns
    -------
    callable
        Decorator; the decorated function is compiled at its first call with new types of arguments.
    """
    settings: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", **options}

    def compile_(function: Callable[P, R]) -> Callable[P, R]:
        with _cached_below(cache_folder()):
            compiled: Callable[P, R] = numba.njit(**settings)(function)
        return compiled

    return compile_


@functools.cache
def cache_folder() -> Path:
    """Return the folder of the compiled kernels of this version of the code.

    Returns
    -------
    Path
        ``kernels-<hash>`` below ``NUMBA_CACHE_DIR`` where that is set, else below the package's own
        ``__pycache__`` where it can be written to, else below the user's folder for temporary
        files. The folders of other versions beside it in ``__pycache__`` are removed.
    """
    name = PREFIX + _kernel_hash()
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    if chosen:
        return Path(chosen) / "statarb" / name
    home = PACKAGE / "__pycache__"
    try:
        (home / name).mkdir(parents=True, exist_ok=True)
    except OSError:
        return Path(tempfile.gettempdir()) / f"statarb-{_user()}" / name
    if not os.access(home / name, os.W_OK):
        return Path(tempfile.gettempdir()) / f"statarb-{_user()}" / name
    for other in home.glob(PREFIX + "*"):
        if other.name != name:
            shutil.rmtree(other, ignore_errors=True)
    return home / name


def _kernel_hash() -> str:
    """Return a hash of the files that hold kernels, and of the compiler's version."""
    digest = hashlib.sha256(numba.__version__.encode())
    for path in sorted(PACKAGE.rglob("*.py")):
        content = path.read_bytes()
        if b"@kernel(" in content or path.name == "numba.py":
            digest.update(path.relative_to(PACKAGE).as_posix().encode())
            digest.update(content)
    return digest.hexdigest()[:16]


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")


@contextlib.contextmanager
def _cached_below(folder: Path) -> Iterator[None]:
    """Let numba choose this folder for the function that is decorated meanwhile, and no other."""
    with _lock:
        settings: Any = numba.config
        before = settings.CACHE_DIR
        settings.CACHE_DIR = str(folder)
        try:
            yield
        finally:
            settings.CACHE_DIR = before

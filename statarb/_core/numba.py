"""The one way kernels are compiled: typed, cached on disk, without the interpreter lock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")


def kernel(**options: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Compile a function of arrays with numba, in no-python mode.

    Compiled code is cached beside the source and keyed by that one file. A kernel therefore calls
    only kernels of its own file: numba does not notice a change behind an import.

    Parameters
    ----------
    **options
        Passed on to :func:`numba.njit`; ``cache=True``, ``nogil=True`` and ``error_model="numpy"``
        are the defaults.
    """
    settings: dict[str, Any] = {"cache": True, "nogil": True, "error_model": "numpy", **options}

    def compile_(function: Callable[P, R]) -> Callable[P, R]:
        compiled: Callable[P, R] = numba.njit(**settings)(function)
        return compiled

    return compile_

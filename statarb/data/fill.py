"""Values over gaps: the last known value, and returns between quotes."""

from __future__ import annotations

from typing import Any

import numpy as np

from statarb._core.checks import check_integer
from statarb._core.typing import AnyFloatArray, FloatArray, IntArray
from statarb.data._engine import fill as kernels

__all__ = ["last_known", "log_returns"]


def last_known(
    values: AnyFloatArray, places: IntArray | None = None, *, max_age: int | None = None
) -> FloatArray:
    """Return values with the last number of each column carried forward.

    Parameters
    ----------
    values : (rows, columns)
        NaN where missing.
    places : (rows,) int, optional
        Position of each row in the grid; by default the rows are neighbours.
    max_age : int, optional
        Oldest number that still counts, in steps of the grid; by default a number counts until the
        next one.

    Returns
    -------
    (rows, columns)
        New array; row i depends on rows up to i alone.

    Raises
    ------
    ParameterError
        ``max_age`` is no integer of at least 0.
    """
    carried = np.array(values, dtype=np.float64, order="C")
    kernels.carry_forward(carried, _places(places, len(carried)), _steps("max_age", max_age, 0))
    return carried


def log_returns(
    values: AnyFloatArray,
    places: IntArray | None = None,
    *,
    max_gap: int | None = None,
    per_step: bool = False,
) -> FloatArray:
    r"""Return log returns from each number to the next of its column.

    Parameters
    ----------
    values : (rows, columns)
        Prices; NaN where there is no quote.
    places : (rows,) int, optional
        Position of each row in the grid; by default the rows are neighbours.
    max_gap : int, optional
        Longest gap between two quotes that a return may span, in steps of the grid: 1 leaves
        neighbours alone. By default any.
    per_step : bool
        Whether a return over k steps is divided by the root of k.

    Returns
    -------
    (rows, columns)
        Known at their row. NaN where there is no quote, none before it, or too long a gap: never
        zero for want of a quote.

    Raises
    ------
    ParameterError
        ``max_gap`` is no integer of at least 1.

    Notes
    -----
    With quotes at rows :math:`s < t`, neighbours among the column's own quotes, k grid steps apart:

    .. math:: r_t = (\ln P_t - \ln P_s) / \sqrt{k}

    under ``per_step``, which keeps the variance of a step where prices follow a random walk.
    """
    return kernels.gap_returns(
        np.ascontiguousarray(values),
        _places(places, len(values)),
        _steps("max_gap", max_gap, 1),
        bool(per_step),
    )


def _places(places: IntArray | None, rows: int) -> IntArray:
    return np.arange(rows) if places is None else np.ascontiguousarray(places, dtype=np.int64)


def _steps(name: str, value: Any, at_least: int) -> int:
    return -1 if value is None else check_integer(name, value, at_least=at_least)

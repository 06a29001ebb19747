"""Rounding: when numbers vary, when a sum is met, and when two are equal.

One floor, one slack and one rule for ties serve the whole library, so that two parts never disagree
about the same numbers.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from statarb._core.typing import BoolArray, FloatArray

__all__ = ["FLOOR", "kendall_tau", "ranks", "sum_slack", "varies"]

FLOOR = 1e-12
"""Relative size below which a spread is rounding: some thousand times the precision of float64, and
far below the smallest move of any quoted price."""

SLACK = 1e-9
"""Least slack of sums and signs of weights, as a share of the portfolio: 1e-5 USD of 10,000."""


def varies(
    values: npt.ArrayLike, *, axis: int = 0, scale: npt.ArrayLike | None = None
) -> BoolArray:
    """Whether numbers vary by more than rounding.

    Parameters
    ----------
    values : array
        NaN is left out.
    axis : int
        Along which they are compared.
    scale : array or float, optional
        Size of the numbers that ``values`` were computed from, where that is larger than their own:
        a difference of log prices near 10 carries the rounding of 10. Returns have the scale 1.

    Returns
    -------
    bool array
        ``True`` where the standard deviation is above ``FLOOR`` times the largest magnitude of
        values and scale. ``False`` where fewer than two values are finite.

    Examples
    --------
    >>> import numpy as np
    >>> rate = np.diff(np.log(10_000.0 * np.exp(1e-4 * np.arange(300))))
    >>> bool(rate.std() > 0.0), bool(varies(rate, scale=1.0))
    (True, False)
    """
    numbers = np.asarray(values, dtype=np.float64)
    seen = np.isfinite(numbers)
    count = seen.sum(axis=axis)
    kept = np.where(seen, numbers, 0.0)
    size = np.abs(kept).max(axis=axis, initial=0.0)
    # divided by their size first, so that squares neither overflow nor vanish
    unit = np.where(size > 0.0, size, 1.0)
    kept = kept / np.expand_dims(unit, axis)
    mean = kept.sum(axis=axis) / np.maximum(count, 1)
    off = np.where(seen, kept - np.expand_dims(mean, axis), 0.0)
    spread = np.sqrt((off**2).sum(axis=axis) / np.maximum(count - 1, 1)) * unit
    reference = size if scale is None else np.maximum(size, np.abs(np.asarray(scale, np.float64)))
    answer: BoolArray = np.asarray((count > 1) & (spread > FLOOR * reference))
    return answer


def sum_slack(precision: Any = np.float64) -> float:
    """Return by how much a sum of weights may miss its bound, and a weight its sign.

    Parameters
    ----------
    precision : dtype
        Coarsest type that the weights have been held in. Integers count as exact.

    Returns
    -------
    float
        1e-9, or 16 units in the last place of a coarser type: 1.9e-6 for float32, whose weights
        sum to 1 up to that after they have been divided by their sum.

    Examples
    --------
    >>> sum_slack(), round(sum_slack("float32"), 9)
    (1e-09, 1.907e-06)
    """
    kind = np.dtype(precision)
    if kind.kind != "f":
        return SLACK
    return max(SLACK, 16.0 * float(np.finfo(kind).eps))


def ranks(
    values: npt.ArrayLike,
    *,
    best: Literal["largest", "smallest"] = "largest",
    method: Literal["min", "average"] = "min",
) -> FloatArray:
    """Return ranks from 1 on; what is equal but for rounding shares a rank.

    Parameters
    ----------
    values : (n,)
        NaN has no rank; infinities have one.
    best : {"largest", "smallest"}
        Which value has the rank 1.
    method : {"min", "average"}
        Rank of equals: the first of theirs, as in a table of results, or the mean of theirs, as in
        rank statistics.

    Returns
    -------
    (n,)
        NaN where the value is NaN.

    Notes
    -----
    Neighbours in order are equal where they differ by at most ``FLOOR`` times the larger magnitude.

    Examples
    --------
    >>> ranks([3.0, 1.0, 3.0 + 1e-15, 2.0]).tolist()
    [1.0, 4.0, 1.0, 3.0]
    """
    numbers = np.asarray(values, dtype=np.float64)
    answer = np.full(numbers.shape, np.nan)
    known = np.flatnonzero(~np.isnan(numbers))
    if len(known) == 0:
        return answer
    signed = -numbers[known] if best == "largest" else numbers[known]
    order = known[np.argsort(signed, kind="stable")]
    ordered = numbers[order]
    with np.errstate(invalid="ignore"):
        gap = np.abs(np.diff(ordered))
        near = gap <= FLOOR * np.maximum(np.abs(ordered[1:]), np.abs(ordered[:-1]))
    same = (ordered[1:] == ordered[:-1]) | (near & np.isfinite(gap))
    starts = np.flatnonzero(np.append(True, ~same))
    ends = np.append(starts[1:], len(ordered))
    for first, last in zip(starts, ends, strict=True):
        answer[order[first:last]] = first + 1 if method == "min" else 0.5 * (first + 1 + last)
    return answer


def kendall_tau(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Kendall's tau-b between two rankings: 1 where they agree, -1 where one is the other reversed.

    Parameters
    ----------
    first, second : (things,)
        Ranks, or scores. A pair with a NaN is left out.

    Returns
    -------
    float
        NaN for fewer than two pairs, and where all of one side are tied.

    References
    ----------
    Kendall, M. G. (1945), The treatment of ties in ranking problems, Biometrika 33, 239-251.

    Examples
    --------
    >>> kendall_tau([1, 2, 3, 4], [1, 2, 4, 3])  # five of six pairs in the same order
    0.6666666666666669
    """
    from scipy import stats  # slow to import

    one, other = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    known = ~(np.isnan(one) | np.isnan(other))
    if int(known.sum()) < 2:
        return float("nan")
    return float(stats.kendalltau(one[known], other[known]).statistic)

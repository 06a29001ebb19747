"""Which assets an investor may choose from: those with a recent price, and the largest of them."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from statarb._core.checks import check_integer
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.data.panel import Panel

__all__ = [
    "carried",
    "check_universe",
    "choose_assets",
    "default_asset",
    "label_ranks",
    "largest",
    "last_prices",
    "listed",
]


def check_universe(max_assets: int | None, max_age: int) -> None:
    """Raise :class:`~statarb.errors.ParameterError` where the two parameters of a universe are out
    of range.
    """
    if max_assets is not None:
        check_integer("max_assets", max_assets, at_least=1)
    check_integer("max_age", max_age, at_least=1)


def default_asset(window: Panel, asset: Hashable | None) -> Hashable:
    """Return ``asset``; where it is ``None``, the panel's numeraire, or the asset with the smallest
    id where it has none.
    """
    if asset is not None:
        return asset
    if window.numeraire in window.assets:
        return window.numeraire
    first: Hashable = window.assets[int(np.argmin(label_ranks(window)))]
    return first


def listed(window: Panel, max_age: int) -> BoolArray:
    """Whether an asset was quoted in the last ``max_age`` rows of a window, (assets,); a price that
    was filled in is no quote.
    """
    if window.imputation is None:
        return np.asarray((~np.isnan(window.array("price")[-max_age:])).any(axis=0), dtype=np.bool_)
    return np.asarray(window.observed_array[-max_age:].any(axis=0), dtype=np.bool_)


def last_prices(window: Panel, max_age: int, back: int = 0) -> FloatArray:
    """Return the last known price ``back`` rows before the end of a window, (assets,).

    Parameters
    ----------
    window : Panel
        What may be seen.
    max_age : int
        A price counts for so many rows: the row itself and those after it. NaN where there is none.
    back : int
        Rows before the last one. NaN for all assets where the window does not reach back so far.
    """
    price = window.array("price")
    end = len(price) - back
    found = np.full(price.shape[1], np.nan)
    for row in range(end - 1, max(end - max_age, 0) - 1, -1):
        found = np.where(np.isnan(found), price[row], found)
        if not np.isnan(found).any():
            break
    return found


def carried(window: Panel, column: IntArray, rows: int | None = None) -> FloatArray:
    """Return the last ``rows`` rows of prices of some assets, the last one carried forward; NaN
    before an asset's first.

    Parameters
    ----------
    window : Panel
        What may be seen.
    column : (n,)
        Positions of the assets.
    rows : int, optional
        By default all rows. A price before them is carried into them.
    """
    price: FloatArray = np.asarray(window.array("price")[:, column], dtype=np.float64)
    first = 0 if rows is None else max(len(price) - rows, 0)
    missing = np.isnan(price)
    if missing.any():
        source = np.where(missing, 0, np.arange(len(price), dtype=np.int32)[:, None])
        np.maximum.accumulate(source, axis=0, out=source)
        return np.take_along_axis(price, source[first:], axis=0)
    return price[first:]


def largest(size: FloatArray, count: FloatArray, labels: IntArray, number: int) -> IntArray:
    """Return the ``number`` largest assets, as sorted positions.

    Parameters
    ----------
    size : (n,)
        Market capitalisation, NaN where not known: the largest first, the unknown last.
    count : (n,)
        Rows with a price: more is better among assets of one size.
    labels : (n,)
        Rank of the assets' ids: decides what is left, so that the order of the columns does not.
    number : int
        How many.
    """
    order = np.lexsort((labels, -count, -np.nan_to_num(size, nan=-1.0)))
    return np.sort(order[:number])


def choose_assets(window: Panel, max_assets: int | None, max_age: int) -> IntArray:
    """Return the assets to choose from, as sorted positions in the columns.

    Parameters
    ----------
    window : Panel
        What may be seen.
    max_assets : int or None
        Largest number: those of the largest market capitalisation where the panel has the field
        ``market_cap``, else those with the most prices in the window; the smaller id among equals.
        ``None`` is no limit.
    max_age : int
        An asset without a price in the last ``max_age`` rows is not chosen.
    """
    column = np.flatnonzero(listed(window, max_age))
    if max_assets is None or len(column) <= max_assets:
        return column
    size = np.full(len(column), np.nan)
    if "market_cap" in window.fields:
        recent = window.array("market_cap")[-max_age:][:, column]
        for row in recent[::-1]:
            size = np.where(np.isnan(size), row, size)
    count = np.zeros(len(column))
    if len(np.unique(size)) < len(size):
        # Counting every price of a window takes longer than all the rest, and only decides between
        # equals.
        count += (~np.isnan(window.array("price"))).sum(axis=0)[column]
    return column[largest(size, count, label_ranks(window)[column], max_assets)]


def label_ranks(window: Panel) -> IntArray:
    """Return the rank of every asset's id among the ids of a window, (assets,)."""
    labels = window.assets
    order = np.asarray(
        labels.argsort() if labels.inferred_type != "mixed" else labels.astype(str).argsort()
    )
    ranks = np.empty(len(labels), dtype=np.int64)
    ranks[order] = np.arange(len(labels))
    return ranks

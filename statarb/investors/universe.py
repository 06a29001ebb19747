"""Which coins an investor may choose from: those with a recent price, and the largest of them."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from statarb._core.checks import check_integer
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.data.panel import Panel

__all__ = ["carried", "check_universe", "choose_coins", "default_coin", "label_ranks", "largest", "last_prices", "listed"]


def check_universe(max_coins: int | None, max_age: int) -> None:
    """Raise :class:`~statarb.errors.ParameterError` where the two parameters of a universe are out of range."""
    if max_coins is not None:
        check_integer("max_coins", max_coins, at_least=1)
    check_integer("max_age", max_age, at_least=1)


def default_coin(window: Panel, coin: Hashable | None) -> Hashable:
    """Return ``coin``; where it is ``None``, the panel's numeraire, or the coin with the smallest id where it has none."""
    if coin is not None:
        return coin
    if window.numeraire in window.coins:
        return window.numeraire
    first: Hashable = window.coins[int(np.argmin(label_ranks(window)))]
    return first


def listed(window: Panel, max_age: int) -> BoolArray:
    """Whether a coin was quoted in the last ``max_age`` rows of a window, (coins,); a price that was filled in is no quote."""
    if window.imputation is None:
        return np.asarray((~np.isnan(window.array("price")[-max_age:])).any(axis=0), dtype=np.bool_)
    return np.asarray(window.observed_array[-max_age:].any(axis=0), dtype=np.bool_)


def last_prices(window: Panel, max_age: int, back: int = 0) -> FloatArray:
    """Return the last known price ``back`` rows before the end of a window, (coins,).

    Parameters
    ----------
    window : Panel
        What may be seen.
    max_age : int
        A price counts for so many rows: the row itself and those after it. NaN where there is none.
    back : int
        Rows before the last one. NaN for all coins where the window does not reach back so far.
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
    """Return the last ``rows`` rows of prices of some coins, the last one carried forward; NaN before a coin's first.

    Parameters
    ----------
    window : Panel
        What may be seen.
    column : (n,)
        Positions of the coins.
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
    """Return the ``number`` largest coins, as sorted positions.

    Parameters
    ----------
    size : (n,)
        Market capitalisation, NaN where not known: the largest first, the unknown last.
    count : (n,)
        Rows with a price: more is better among coins of one size.
    labels : (n,)
        Rank of the coins' ids: decides what is left, so that the order of the columns does not.
    number : int
        How many.
    """
    order = np.lexsort((labels, -count, -np.nan_to_num(size, nan=-1.0)))
    return np.sort(order[:number])


def choose_coins(window: Panel, max_coins: int | None, max_age: int) -> IntArray:
    """Return the coins to choose from, as sorted positions in the columns.

    Parameters
    ----------
    window : Panel
        What may be seen.
    max_coins : int or None
        Largest number: those of the largest market capitalisation where the panel has the field ``market_cap``, else those
        with the most prices in the window; the smaller id among equals. ``None`` is no limit.
    max_age : int
        A coin without a price in the last ``max_age`` rows is not chosen.
    """
    column = np.flatnonzero(listed(window, max_age))
    if max_coins is None or len(column) <= max_coins:
        return column
    size = np.full(len(column), np.nan)
    if "market_cap" in window.fields:
        recent = window.array("market_cap")[-max_age:][:, column]
        for row in recent[::-1]:
            size = np.where(np.isnan(size), row, size)
    count = np.zeros(len(column))
    if len(np.unique(size)) < len(size):
        # Counting every price of a window takes longer than all the rest, and only decides between equals.
        count += (~np.isnan(window.array("price"))).sum(axis=0)[column]
    return column[largest(size, count, label_ranks(window)[column], max_coins)]


def label_ranks(window: Panel) -> IntArray:
    """Return the rank of every coin's id among the ids of a window, (coins,)."""
    labels = window.coins
    order = np.asarray(labels.argsort() if labels.inferred_type != "mixed" else labels.astype(str).argsort())
    ranks = np.empty(len(labels), dtype=np.int64)
    ranks[order] = np.arange(len(labels))
    return ranks

"""Universe of an investor: the assets with a recent price, and the largest of them."""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np

from statarb._core.checks import check_integer
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.data.fill import last_known
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
    "quotes",
]


def check_universe(max_assets: int | None, max_age: int) -> None:
    """Check the two parameters of a universe.

    Parameters
    ----------
    max_assets : int or None
        Largest number of assets.
    max_age : int
        Rows for which a price counts.

    Raises
    ------
    ParameterError
        One is out of range.
    """
    if max_assets is not None:
        check_integer("max_assets", max_assets, at_least=1)
    check_integer("max_age", max_age, at_least=1)


def default_asset(window: Panel, asset: Hashable | None) -> Hashable:
    """Return the asset of an investor in one asset.

    Parameters
    ----------
    window : Panel
        What may be seen.
    asset : label or None
        As the user gave it.

    Returns
    -------
    label
        ``asset``; where it is ``None`` the panel's numeraire, or the asset with the smallest label
        where it has none.
    """
    if asset is not None:
        return asset
    if window.numeraire in window.assets:
        return window.numeraire
    first: Hashable = window.assets[int(np.argmin(label_ranks(window)))]
    return first


def listed(window: Panel, max_age: int) -> BoolArray:
    """Whether each asset was quoted lately.

    Parameters
    ----------
    window : Panel
        What may be seen.
    max_age : int
        Rows at the end of the window that are looked at.

    Returns
    -------
    (assets,) bool
        A price that was filled in is no quote.
    """
    if not window.is_imputed:
        return np.asarray((~np.isnan(window.array("price")[-max_age:])).any(axis=0), dtype=np.bool_)
    return np.asarray(window.observed_array[-max_age:].any(axis=0), dtype=np.bool_)


def quotes(window: Panel, column: IntArray) -> FloatArray:
    """Return the quotes of some assets.

    Parameters
    ----------
    window : Panel
        What may be seen.
    column : (n,)
        Positions of the assets.

    Returns
    -------
    (rows, n)
        Prices; NaN where there is no quote. A price that was filled in is no quote.
    """
    price = np.asarray(window.array("price")[:, column], dtype=np.float64)
    if not window.is_imputed:
        return price
    return np.where(window.observed_array[:, column], price, np.nan)


def last_prices(window: Panel, max_age: int, back: int = 0) -> FloatArray:
    """Return the last known price ``back`` rows before the end of a window.

    Parameters
    ----------
    window : Panel
        What may be seen.
    max_age : int
        A price counts for so many rows: the row itself and those after it.
    back : int
        Rows before the last one.

    Returns
    -------
    (assets,)
        NaN where there is none, and for all assets where the window does not reach back so far.
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
    """Return the last rows of prices of some assets, the last known one carried forward.

    Parameters
    ----------
    window : Panel
        What may be seen.
    column : (n,)
        Positions of the assets.
    rows : int, optional
        By default all rows. A price before them is carried into them.

    Returns
    -------
    (rows, n)
        NaN before an asset's first price.
    """
    price = window.array("price")[:, column]
    return last_known(price)[0 if rows is None else max(len(price) - rows, 0) :]


def largest(size: FloatArray, count: FloatArray, labels: IntArray, number: int) -> IntArray:
    """Return the ``number`` largest assets, as sorted positions.

    Parameters
    ----------
    size : (n,)
        Market capitalisation, NaN where not known: the largest first, unknown ones last.
    count : (n,)
        Rows with a price: more is better among assets of one size.
    labels : (n,)
        Rank of the assets' labels: breaks the remaining ties, so that the order of the columns does
        not.
    number : int
        Number of assets.

    Returns
    -------
    (number,)
        Sorted; fewer where there are fewer.
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
        ``market_cap``, else those with the most prices in the window; the smaller label among
        equals. ``None`` is no limit.
    max_age : int
        An asset without a price in the last ``max_age`` rows is not chosen.

    Returns
    -------
    (n,)
        Positions.
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
    """Return the rank of every asset's label among the labels of a window.

    Parameters
    ----------
    window : Panel
        Names the assets.

    Returns
    -------
    (assets,)
        From 0.
    """
    labels = window.assets
    order = np.asarray(
        labels.argsort() if labels.inferred_type != "mixed" else labels.astype(str).argsort()
    )
    ranks = np.empty(len(labels), dtype=np.int64)
    ranks[order] = np.arange(len(labels))
    return ranks

"""Online learners: market history row by row, active assets, and the base classes."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.typing import AnyFloatArray, BoolArray, FloatArray, IntArray
from statarb.data.panel import Panel
from statarb.errors import DataError
from statarb.investors.base import BaseInvestor, weights_of
from statarb.investors.universe import check_universe, label_ranks, largest

__all__ = ["Market", "MarketInvestor", "OnlineLearner", "remap"]


class Market:
    """Prices that a learner has seen, row by row, and the active assets.

    An asset is active from the row in which it is chosen until it has had no price for ``max_age``
    rows; then the largest asset outside replaces it. Prices are carried forward, so an asset
    without a quote has the price relative 1: its holder gains and loses nothing.

    Parameters
    ----------
    assets : int
        Number of assets.
    labels : (assets,)
        Rank of their labels.
    max_assets : int or None
        Largest number of active assets.
    max_age : int
        Rows for which a price counts.
    memory : int
        Rows of prices that are kept.
    cash : bool
        Whether cash, with a price of 1, is active as one more column after the last asset.

    Attributes
    ----------
    column : (n,)
        Active columns, in rising order.
    """

    def __init__(
        self,
        assets: int,
        labels: IntArray,
        max_assets: int | None,
        max_age: int,
        memory: int,
        cash: bool,
    ) -> None:
        self._assets, self._labels, self._max_age = assets, labels, max_age
        self._max_assets = assets if max_assets is None else max_assets
        width = assets + cash
        self._price = np.full(width, np.nan)
        self._price[assets:] = 1.0
        self._age = np.full(assets, max_age, dtype=np.int64)
        self._count = np.zeros(assets)
        self._size = np.full(assets, np.nan)
        self._active = np.zeros(width, dtype=np.bool_)
        self._active[assets:] = True
        self._past: FloatArray = np.zeros((2 * (memory + 1), width))
        self._kept, self._memory = 0, memory
        self.column: IntArray = np.flatnonzero(self._active)

    def add_row(
        self,
        price: AnyFloatArray,
        size: AnyFloatArray | None = None,
        quoted: BoolArray | None = None,
    ) -> FloatArray:
        """Add one row.

        Parameters
        ----------
        price : (assets,)
            NaN where there is none.
        size : (assets,), optional
            Market capitalisation where known.
        quoted : (assets,) bool, optional
            Which prices are quotes; by default all. Others were filled in, and keep no asset
            active.

        Returns
        -------
        (n,)
            Price relatives of the columns that were active before.
        """
        known = ~np.isnan(price)
        before = self._price[self.column]
        self._price[: self._assets][known] = price[known]
        seen = known if quoted is None else quoted
        self._age += 1
        self._age[seen] = 0
        self._count += seen
        if size is not None:
            known = ~np.isnan(size)
            self._size[known] = size[known]
        self._remember()
        relative: FloatArray = self._price[self.column] / before
        return relative

    def choose(self) -> bool:
        """Update the active columns.

        Returns
        -------
        bool
            Whether they changed.
        """
        listed = self._age < self._max_age
        active = self._active[: self._assets]
        kept = active & listed
        outside = np.flatnonzero(listed & ~kept)
        places = self._max_assets - int(kept.sum())
        if len(outside) > places:
            outside = outside[
                largest(self._size[outside], self._count[outside], self._labels[outside], places)
            ]
        if len(outside) == 0 and np.array_equal(kept, active):
            return False
        kept[outside] = True
        self._active[: self._assets] = kept
        self.column = np.flatnonzero(self._active)
        return True

    def prices(self, rows: int) -> FloatArray:
        """Return the last carried prices of the active columns.

        Parameters
        ----------
        rows : int
            At most ``memory + 1``.

        Returns
        -------
        (rows, n)
            NaN before an asset's first price; fewer rows where fewer were seen.
        """
        first = max(self._kept - rows, 0)
        past: FloatArray = self._past[first : self._kept, self.column]
        return past

    def relatives(self, rows: int) -> FloatArray:
        """Return the last price relatives of the active columns.

        Parameters
        ----------
        rows : int
            At most ``memory``.

        Returns
        -------
        (rows, n)
            1 before an asset's first price; fewer rows where fewer were seen.
        """
        price = self.prices(rows + 1)
        relative = price[1:] / price[:-1]
        return np.where(np.isnan(relative), 1.0, relative)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the empty part of the memory out: a checkpoint keeps the state at every block."""
        return {
            **self.__dict__,
            "_past": self._past[max(self._kept - self._memory - 1, 0) : self._kept].copy(),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        kept = state.pop("_past")
        self.__dict__.update(state)
        self._past = np.zeros((2 * (self._memory + 1), len(self._price)))
        self._kept = len(kept)
        self._past[: self._kept] = kept

    def _remember(self) -> None:
        if self._kept == len(self._past):
            self._past[: self._memory] = self._past[self._kept - self._memory :]
            self._kept = self._memory
        self._past[self._kept] = self._price
        self._kept += 1


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class MarketInvestor(BaseInvestor):
    """Base of the investors that follow the active assets row by row; a subclass defines
    :meth:`portfolio`.

    Parameters
    ----------
    max_assets : int or None
        Largest number of active assets, see :class:`Market`.
    max_age : int
        An asset is active only while it has had a price in the last ``max_age`` rows.
    cash : bool
        Whether cash is one more asset to choose from.
    """

    max_assets: int | None = 100
    max_age: int = 12
    cash: bool = False

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        check_universe(self.max_assets, self.max_age)

    def reset(self) -> None:
        """Discard all rows."""
        self._market: Market | None = None
        self._assets: pd.Index | None = None
        self._until = pd.Timestamp.min

    def decide(self, window: Panel, holdings: pd.Series) -> pd.Series | None:
        """Add the rows not seen yet, and return the portfolio; ``None`` while no asset is active.

        See :meth:`Investor.decide`.

        Raises
        ------
        DataError
            A window of other assets, or one that ends before the last row seen.
        """
        times, market = window.times, self._market
        if market is None or self._assets is None:
            ranks = label_ranks(window)
            market = Market(
                len(ranks), ranks, self.max_assets, self.max_age, self.look_back(), self.cash
            )
            self._market, self._assets = market, window.assets
            first = self.start(market, window)
        else:
            if not (window.assets is self._assets or window.assets.equals(self._assets)):
                raise DataError(
                    f"{self.name} has seen other assets than those of the window; use a fresh "
                    "clone()"
                )
            if times[-1] < self._until:
                raise DataError(
                    f"{self.name} has seen rows up to {self._until}, later than this window, which "
                    f"ends at {times[-1]}; "
                    "windows move forward: use a fresh clone()"
                )
            first = int(times.searchsorted(self._until, side="right"))
        for row in range(first, len(times)):
            self.step(market, window, row)
        self._until = times[-1]
        if len(market.column) == 0:
            return None
        weights = np.zeros(len(window.assets) + self.cash)
        weights[market.column] = self.portfolio(market)
        return weights_of(window, weights[: len(window.assets)])

    def portfolio(self, market: Market) -> FloatArray:
        """Return the portfolio to hold over the next row.

        Parameters
        ----------
        market : Market
            The rows so far, the newest included.

        Returns
        -------
        (n,)
            Of the active columns; on the simplex.
        """
        raise NotImplementedError(f"{type(self).__name__} must define portfolio(market)")

    def look_back(self) -> int:
        """Return the number of rows of price relatives that are needed."""
        return 0

    def start(self, market: Market, window: Panel) -> int:
        """Add rows of the first window.

        Parameters
        ----------
        market : Market
            Without any row yet.
        window : Panel
            The first one shown.

        Returns
        -------
        int
            Rows added; the others come by :meth:`step`.
        """
        return _add_first_rows(market, window, len(window.times))

    def step(self, market: Market, window: Panel, row: int) -> None:
        """Add one row.

        Parameters
        ----------
        market : Market
            The rows before it.
        window : Panel
            A window that shows the row.
        row : int
            Its position in the window.
        """
        market.add_row(*_row(window, row))
        market.choose()


@dataclasses.dataclass(eq=False, repr=False, kw_only=True)
class OnlineLearner(MarketInvestor):
    """Base of the learners: a portfolio b, updated by the price relatives x of every new row.

    A subclass defines :meth:`update`. In the first window the portfolio is uniform; its rows are
    market history for the learners that look back, and with ``pretrain`` rows to learn from. An
    asset that becomes active gets 1/n; the share of one that ceases to be goes to the others in
    proportion.

    Parameters
    ----------
    max_assets : int or None
        Largest number of active assets, see :class:`Market`.
    max_age : int
        An asset is active only while it has had a price in the last ``max_age`` rows.
    cash : bool
        Whether cash is one more asset to choose from.
    pretrain : bool
        Whether to learn from the rows of the first window.
    """

    pretrain: bool = False

    def reset(self) -> None:
        """Discard all rows and what was learnt from them."""
        super().reset()
        self._portfolio: FloatArray = np.empty(0)
        self._column: IntArray = np.empty(0, dtype=np.int64)

    def portfolio(self, market: Market) -> FloatArray:
        """Return b."""
        return self._portfolio

    def update(self, market: Market, portfolio: FloatArray, relative: FloatArray) -> FloatArray:
        """Return the portfolio for the next row.

        Parameters
        ----------
        market : Market
            The rows so far, the newest included.
        portfolio : (n,)
            b, held over the newest row; on the simplex.
        relative : (n,)
            x, the price relatives of the newest row, of the active columns.

        Returns
        -------
        (n,)
            The new b, up to a factor.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define update(market, portfolio, relative)"
        )

    def change_assets(self, before: IntArray, after: IntArray) -> None:
        """Move what is learnt besides the portfolio to other columns; called at the start with none
        before.

        Parameters
        ----------
        before, after : (n,), (m,) int64
            Columns active so far and from now on, in rising order.
        """

    def start(self, market: Market, window: Panel) -> int:
        """Add the rows of the first window, with ``pretrain`` its first row alone; see
        :meth:`MarketInvestor.start`.
        """
        taken = _add_first_rows(market, window, 1 if self.pretrain else len(window.times))
        self._change_columns(market)
        return taken

    def step(self, market: Market, window: Panel, row: int) -> None:
        """Learn from one row; see :meth:`MarketInvestor.step`."""
        relative = market.add_row(*_row(window, row))
        if len(relative):
            learnt = self.update(market, self._portfolio, relative)
            self._portfolio = learnt / learnt.sum()
        if market.choose():
            self._change_columns(market)

    def _change_columns(self, market: Market) -> None:
        before, after = self._column, market.column
        if len(after):
            moved = remap(self._portfolio, before, after, 1.0 / len(after))
            total = float(moved.sum())
            # where the assets that held everything are gone, the others start uniform
            self._portfolio = (
                moved / total if total > 0.0 else np.full(len(after), 1.0 / len(after))
            )
        else:
            self._portfolio = np.empty(0)
        self.change_assets(before, after)
        self._column = after


def remap(values: FloatArray, before: IntArray, after: IntArray, new: float) -> FloatArray:
    """Return values by column for other columns.

    Parameters
    ----------
    values : (n,)
        One per column of ``before``.
    before, after : (n,), (m,)
        Columns in rising order.
    new : float
        Value of a column that was not there.

    Returns
    -------
    (m,)
        One per column of ``after``.
    """
    moved = np.full(len(after), new)
    _, old, fresh = np.intersect1d(before, after, assume_unique=True, return_indices=True)
    moved[fresh] = values[old]
    return moved


def _add_first_rows(market: Market, window: Panel, rows: int) -> int:
    """Add the first rows of a window, choose the active assets, and return the number of rows."""
    for row in range(rows):
        market.add_row(*_row(window, row))
    market.choose()
    return rows


def _row(window: Panel, row: int) -> tuple[AnyFloatArray, AnyFloatArray | None, BoolArray | None]:
    return (
        window.array("price")[row],
        window.array("market_cap")[row] if "market_cap" in window.fields else None,
        None if not window.is_imputed else window.observed_array[row],
    )

"""Trading robots on one or two assets: moving-average cross, channel breakout, relative
strength.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable

import numpy as np
import pandas as pd

from statarb._core.checks import check_choice, check_integer, check_number
from statarb._core.typing import FloatArray
from statarb.data.panel import Panel
from statarb.errors import ParameterError
from statarb.investors.base import PeriodicInvestor, register, weights_of
from statarb.investors.universe import carried, check_universe, choose_assets, default_asset, listed

__all__ = ["ChannelBreakout", "MovingAverageCross", "RelativeStrength"]


@register("moving_average_cross")
@dataclasses.dataclass(eq=False, repr=False)
class MovingAverageCross(PeriodicInvestor):
    """All in one asset while its fast moving average is above the slow one, else in cash.

    Parameters
    ----------
    asset : label, optional
        By default the panel's numeraire, or the asset with the smallest label where it has none.
    fast, slow : int
        Rows of the two averages; the newest is part of both.
    average : {"simple", "exponential"}
        An exponential one of n rows gives the newest price the weight ``2 / (n + 1)``, over the
        rows of the window.
    band : float
        Share by which the fast average must pass the slow one; within it the holdings stay.
    every : int or str
        Rows between two decisions, or a calendar anchor; see
        :class:`~statarb.investors.base.PeriodicInvestor`.
    max_age : int
        The asset is held only while it has had a price in the last ``max_age`` rows.

    Notes
    -----
    The variable-length rule of Brock, Lakonishok, LeBaron (1992), section I.
    """

    asset: Hashable | None = None
    fast: int = 12
    slow: int = 288
    average: str = "simple"
    band: float = 0.0
    every: int | str = 1
    max_age: int = 12

    @property
    def min_rows(self) -> int:
        """Rows that a window must have: those of the slow average."""
        return self.slow

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        super().check()
        check_integer("fast", self.fast, at_least=1)
        if check_integer("slow", self.slow, at_least=2) <= self.fast:
            raise ParameterError(
                f"slow must be above fast, got fast={self.fast} and slow={self.slow}"
            )
        check_choice("average", self.average, ("simple", "exponential"))
        check_number("band", self.band, at_least=0.0, below=1.0)
        check_universe(None, self.max_age)

    def weigh(self, window: Panel, holdings: pd.Series) -> pd.Series | None:
        """Return all in the asset, or all in cash; ``None`` inside the band or before ``slow`` rows
        are known.
        """
        price = _history(window, default_asset(window, self.asset), self.max_age)
        if price is None:
            return _all_in(window, None)
        if len(price) < self.slow:
            return None
        ratio = self._mean(price, self.fast) / self._mean(price, self.slow)
        if ratio > 1.0 + self.band:
            return _all_in(window, default_asset(window, self.asset))
        return _all_in(window, None) if ratio <= 1.0 - self.band else None

    def _mean(self, price: FloatArray, rows: int) -> float:
        if self.average == "simple":
            return float(price[-rows:].mean())
        weight = (1.0 - 2.0 / (rows + 1.0)) ** np.arange(len(price))[::-1]
        return float(weight @ price / weight.sum())


@register("channel_breakout")
@dataclasses.dataclass(eq=False, repr=False)
class ChannelBreakout(PeriodicInvestor):
    """All in one asset from the row in which it rises above its channel, until it falls below a
    shorter one.

    The position is that of the latest event in the window: in, where the price is above the highest
    of the ``entry`` rows before it; out, where it is below the lowest of the ``exit`` rows before
    it. A window without an event keeps the holdings.

    Parameters
    ----------
    asset : label, optional
        By default the panel's numeraire, or the asset with the smallest label where it has none.
    entry, exit : int
        Rows of the two channels.
    every : int or str
        Rows between two decisions, or a calendar anchor; see
        :class:`~statarb.investors.base.PeriodicInvestor`.
    max_age : int
        The asset is held only while it has had a price in the last ``max_age`` rows.

    Notes
    -----
    Donchian's rule with two channels, as in Covel (2007), chapter 5: 20 days to enter, 10 to leave.
    """

    asset: Hashable | None = None
    entry: int = 288
    exit: int = 144
    every: int | str = 1
    max_age: int = 12

    @property
    def min_rows(self) -> int:
        """Rows that a window must have: those of the shorter channel and one more."""
        return min(self.entry, self.exit) + 1

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        super().check()
        check_integer("entry", self.entry, at_least=1)
        check_integer("exit", self.exit, at_least=1)
        check_universe(None, self.max_age)

    def weigh(self, window: Panel, holdings: pd.Series) -> pd.Series | None:
        """Return all in the asset, or all in cash; ``None`` where the window shows neither
        event.
        """
        price = _history(window, default_asset(window, self.asset), self.max_age)
        if price is None:
            return _all_in(window, None)
        risen = _latest(price, self.entry, upwards=True)
        fallen = _latest(price, self.exit, upwards=False)
        if risen < 0 and fallen < 0:
            return None
        return _all_in(window, default_asset(window, self.asset) if risen > fallen else None)


@register("relative_strength")
@dataclasses.dataclass(eq=False, repr=False)
class RelativeStrength(PeriodicInvestor):
    """All in the stronger of two assets: the first while its price in units of the second is above
    its moving average.

    Parameters
    ----------
    first, second : label, optional
        By default the panel's numeraire (or the asset with the smallest label), and the largest of
        the other assets.
    lookback : int
        Rows of the moving average; the newest is part of it.
    band : float
        Share by which the ratio must pass its average; within it the holdings stay.
    rising_only : bool
        Whether the stronger asset is held only while it is above its own moving average; else cash.
    every : int or str
        Rows between two decisions, or a calendar anchor; see
        :class:`~statarb.investors.base.PeriodicInvestor`.
    max_age : int
        An asset is held only while it has had a price in the last ``max_age`` rows.

    Notes
    -----
    Levy (1967): the ratio of a price to its average as the measure of strength, here of one asset
    in units of the other.
    """

    first: Hashable | None = None
    second: Hashable | None = None
    lookback: int = 288
    band: float = 0.0
    rising_only: bool = False
    every: int | str = 1
    max_age: int = 12

    @property
    def min_rows(self) -> int:
        """Rows that a window must have: those of the moving average."""
        return self.lookback

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        super().check()
        check_integer("lookback", self.lookback, at_least=2)
        check_number("band", self.band, at_least=0.0, below=1.0)
        check_universe(None, self.max_age)
        if self.first is not None and self.first == self.second:
            raise ParameterError(f"first and second must be two assets, got {self.first!r} twice")

    def weigh(self, window: Panel, holdings: pd.Series) -> pd.Series | None:
        """Return all in the stronger asset; ``None`` inside the band, or before ``lookback`` rows
        of both are known.
        """
        pair = self._pair(window)
        if pair is None:
            return None
        price = {asset: _history(window, asset, self.max_age) for asset in pair}
        one, other = price[pair[0]], price[pair[1]]
        if one is None or other is None:
            return _all_in(window, None)
        if min(len(one), len(other)) < self.lookback:
            return None
        ratio = _strength(one[-self.lookback :] / other[-self.lookback :])
        if abs(ratio - 1.0) <= self.band:
            return None
        strong = pair[0] if ratio > 1.0 else pair[1]
        own = price[strong]
        if self.rising_only and own is not None and _strength(own[-self.lookback :]) <= 1.0:
            return _all_in(window, None)
        return _all_in(window, strong)

    def _pair(self, window: Panel) -> tuple[Hashable, Hashable] | None:
        first = default_asset(window, self.first)
        if self.second is not None:
            return (first, self.second) if self.second != first else None
        for number in (1, 2):
            for asset in window.assets[choose_assets(window, number, self.max_age)]:
                if asset != first:
                    return first, asset
        return None


def _history(window: Panel, asset: Hashable, max_age: int) -> FloatArray | None:
    """Return the carried prices of an asset from its first one on; ``None`` where it has no recent
    one.
    """
    column = window.columns_of([asset])
    if not listed(window, max_age)[column[0]]:
        return None
    price = carried(window, column)[:, 0]
    return price[~np.isnan(price)]


def _latest(price: FloatArray, rows: int, upwards: bool) -> int:
    """Return the last row above (below) all of the ``rows`` rows before it; -1 where there is
    none.
    """
    if len(price) <= rows:
        return -1
    before = np.lib.stride_tricks.sliding_window_view(price[:-1], rows)
    broke = price[rows:] > before.max(axis=1) if upwards else price[rows:] < before.min(axis=1)
    return int(np.flatnonzero(broke)[-1]) + rows if broke.any() else -1


def _strength(price: FloatArray) -> float:
    return float(price[-1] / price.mean())


def _all_in(window: Panel, asset: Hashable | None) -> pd.Series:
    weights = np.zeros(len(window.assets))
    if asset is not None:
        weights[window.columns_of([asset])] = 1.0
    return weights_of(window, weights)

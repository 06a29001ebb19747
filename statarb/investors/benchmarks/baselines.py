"""Baselines: cash, one asset, equal weights held, constant weights, momentum."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Mapping

import numpy as np
import pandas as pd

from statarb._core.checks import check_number
from statarb._core.typing import FloatArray
from statarb.data.panel import Panel
from statarb.errors import ParameterError
from statarb.investors.base import BaseInvestor, PeriodicInvestor, register, weights_of
from statarb.investors.benchmarks.ranking import RankingInvestor
from statarb.investors.universe import check_universe, choose_assets, default_asset, listed

__all__ = ["BuyAndHold", "BuyAndHoldEqualWeight", "Cash", "Momentum", "Rebalanced"]

SPENT = 1e-3
"""Share of the value in cash below which nothing more is bought: about one smallest order of the
case.
"""


@register("cash")
@dataclasses.dataclass(eq=False, repr=False)
class Cash(BaseInvestor):
    """Cash alone: the benchmark without cost or risk."""

    def decide(self, window: Panel, holdings: pd.Series) -> pd.Series | None:
        """Return weights of 0: sells whatever is held; see :meth:`Investor.decide`."""
        return weights_of(window, np.zeros(len(window.assets)))


class _BuyAndHold(BaseInvestor):
    """Purchases towards targets fixed in the first window, without any sale.

    An order may be cut, dropped or meet a row without a quote; what is missing of a target is
    ordered again until the asset has been held in full once, or the cash is spent.
    """

    def reset(self) -> None:
        """Discard the targets."""
        self._target: FloatArray | None = None
        self._open: FloatArray | None = None

    def rests(self) -> float:
        """Number of further rows at which the holdings are surely kept.

        Returns
        -------
        float
            Infinite once all is bought.
        """
        return 0.0 if self._open is None or self._open.any() else np.inf

    def targets(self, window: Panel) -> FloatArray:
        raise NotImplementedError

    def decide(self, window: Panel, holdings: pd.Series) -> pd.Series | None:
        """Return what is held and what is still to be bought; ``None`` once all is bought."""
        held = holdings.to_numpy(dtype=np.float64)
        if self._target is None or self._open is None:
            self._target = self.targets(window)
            self._open = self._target.copy()
            if not self._target.any():
                self._target = self._open = None
                return None
        cash = 1.0 - float(held.sum())
        # 0.98: what a price may move between an order and the next look at the holdings.
        self._open[held >= 0.98 * self._target] = 0.0
        missing = np.maximum(self._open - held, 0.0)
        if cash < SPENT:
            self._open[:] = 0.0
        if not self._open.any() or not missing.any():
            return None
        return weights_of(window, held + missing * min(1.0, cash / float(missing.sum())))


@register("buy_and_hold")
@dataclasses.dataclass(eq=False, repr=False)
class BuyAndHold(_BuyAndHold):
    """Buy one asset with everything, and hold it.

    Its name shows the asset where one is given. Which one a default stood for is told by the run:
    ``only_asset`` of its metrics.

    Parameters
    ----------
    asset : label, optional
        By default the panel's numeraire, or the asset with the smallest label where it has none.
    max_age : int
        The asset is bought only where it has a price in the last ``max_age`` rows.
    """

    asset: Hashable | None = None
    max_age: int = 12

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        check_universe(None, self.max_age)

    def targets(self, window: Panel) -> FloatArray:
        """Return the weights to buy.

        Parameters
        ----------
        window : Panel
            What may be seen.

        Returns
        -------
        (assets,)
            1 for the asset; 0 while it has no price.
        """
        column = int(window.columns_of([default_asset(window, self.asset)])[0])
        weights = np.zeros(len(window.assets))
        if column in choose_assets(window, None, self.max_age):
            weights[column] = 1.0
        return weights


@register("equal_weight_hold")
@dataclasses.dataclass(eq=False, repr=False)
class BuyAndHoldEqualWeight(_BuyAndHold):
    """Buy the same value of every asset once, and hold it.

    Parameters
    ----------
    max_assets : int or None
        Largest number of assets, see :func:`~statarb.investors.universe.choose_assets`. 10,000 USD
        over more than about a thousand assets are orders below the smallest order of the case.
    max_age : int
        Only assets with a price in the last ``max_age`` rows of the first window are bought.
    """

    max_assets: int | None = 100
    max_age: int = 12

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        check_universe(self.max_assets, self.max_age)

    def targets(self, window: Panel) -> FloatArray:
        """Return the weights to buy.

        Parameters
        ----------
        window : Panel
            What may be seen.

        Returns
        -------
        (assets,)
            The same weight for every asset of the universe.
        """
        return _equal(window, self.max_assets, self.max_age)


@register("rebalanced")
@dataclasses.dataclass(eq=False, repr=False)
class Rebalanced(PeriodicInvestor):
    """Trade back to constant weights: the constant rebalanced portfolio (Cover 1991).

    Parameters
    ----------
    weights : mapping of asset to float, optional
        At least 0, sum at most 1; an asset without a recent price waits for one, its share in cash.
        By default the same weight for every asset of the universe of the moment.
    every : int or str
        Rows between two rebalancings, or a calendar anchor; see
        :class:`~statarb.investors.base.PeriodicInvestor`.
    max_assets : int or None
        Largest number of assets of the default weights, see
        :func:`~statarb.investors.universe.choose_assets`.
    max_age : int
        Only assets with a price in the last ``max_age`` rows get weight.
    """

    weights: Mapping[Hashable, float] | None = None
    every: int | str = 1
    max_assets: int | None = 100
    max_age: int = 12

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        super().check()
        check_universe(self.max_assets, self.max_age)
        if self.weights is not None:
            if not isinstance(self.weights, Mapping):
                raise ParameterError(
                    f"weights must be a mapping of asset to weight, or None, got {self.weights!r}"
                )
            values = [
                check_number(f"weight of asset {asset!r}", value, at_least=0.0)
                for asset, value in self.weights.items()
            ]
            if sum(values) > 1.0 + 1e-12:
                raise ParameterError(
                    f"weights must sum to at most 1, got {sum(values):g}; divide them by their sum"
                )

    def weigh(self, window: Panel, holdings: pd.Series) -> pd.Series | None:
        """Return the constant weights of the assets that have a recent price."""
        if self.weights is None:
            return weights_of(window, _equal(window, self.max_assets, self.max_age))
        target = np.zeros(len(window.assets))
        target[window.columns_of(list(self.weights))] = list(self.weights.values())
        return weights_of(window, np.where(listed(window, self.max_age), target, 0.0))


@register("momentum")
@dataclasses.dataclass(eq=False, repr=False)
class Momentum(RankingInvestor):
    r"""The assets that rose most: relative strength (Jegadeesh and Titman 1993).

    The ``top`` assets with the highest past return get equal weights; see
    :func:`~statarb.investors.benchmarks.ranking.past_return`.

    Parameters
    ----------
    lookback : int
        Rows over which the return is taken.
    top : int
        Number of assets held.
    every : int or str
        Rows between two decisions, or a calendar anchor; see
        :class:`~statarb.investors.base.PeriodicInvestor`.
    skip : int
        Latest rows left out of the return.
    rising_only : bool
        Whether the share of an asset whose return is not above 0 stays in cash (absolute momentum;
        Antonacci 2013).
    max_assets : int or None
        Largest number of assets ranked, see :func:`~statarb.investors.universe.choose_assets`.
    max_age : int
        Only assets with a price in the last ``max_age`` rows, and within ``max_age`` rows before
        the start of the return, are ranked.
    """

    lookback: int = 288
    top: int = 3
    every: int | str = 12
    skip: int = 0
    rising_only: bool = False
    max_assets: int | None = 100
    max_age: int = 12

    def weigh(self, window: Panel, holdings: pd.Series) -> pd.Series | None:
        """Return equal weights of the assets with the highest past return; ``None`` while no asset
        has one.
        """
        return self.hold_best(window, 1.0, self.rising_only)


def _equal(window: Panel, max_assets: int | None, max_age: int) -> FloatArray:
    weights = np.zeros(len(window.assets))
    column = choose_assets(window, max_assets, max_age)
    if len(column):
        weights[column] = 1.0 / len(column)
    return weights

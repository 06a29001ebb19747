"""Classic portfolios: reversal, 1/N, minimum variance, inverse volatility, risk parity, volatility
target.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from statarb._core.case import DEPTH
from statarb._core.checks import check_integer, check_number
from statarb._core.typing import FloatArray
from statarb.data.panel import Panel
from statarb.investors.base import PeriodicInvestor, register, weights_of
from statarb.investors.benchmarks.baselines import Rebalanced
from statarb.investors.benchmarks.moments import covariance, recent_returns
from statarb.investors.benchmarks.ranking import RankingInvestor
from statarb.investors.simplex import minimise_quadratic, risk_parity
from statarb.investors.universe import check_universe

__all__ = [
    "EqualWeight",
    "InverseVolatility",
    "MinimumVariance",
    "Reversal",
    "RiskParity",
    "VolatilityTarget",
]


@register("reversal")
@dataclasses.dataclass(eq=False, repr=False)
class Reversal(RankingInvestor):
    """The assets that fell most: short-term reversal (Jegadeesh 1990; Lehmann 1990).

    The ``top`` assets with the lowest past return get equal weights; see
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
    falling_only : bool
        Whether the share of an asset whose return is not below 0 stays in cash.
    max_assets : int or None
        Largest number of assets ranked, see :func:`~statarb.investors.universe.choose_assets`.
    max_age : int
        A price counts for ``max_age`` rows.
    """

    lookback: int = 12
    top: int = 3
    every: int | str = 12
    skip: int = 0
    falling_only: bool = False
    max_assets: int | None = 100
    max_age: int = 12

    def weigh(self, window: Panel, holdings: pd.Series) -> pd.Series | None:
        """Return equal weights of the assets with the lowest past return; ``None`` while no asset
        has one.
        """
        return self.hold_best(window, -1.0, self.falling_only)


@register("equal_weight")
@dataclasses.dataclass(eq=False, repr=False)
class EqualWeight(Rebalanced):
    """1/N: equal weights, rebalanced every 288 rows, a day of 5-minute rows (DeMiguel, Garlappi,
    Uppal 2009).

    Parameters
    ----------
    every : int or str
        Rows between two rebalancings, or a calendar anchor; see
        :class:`~statarb.investors.base.PeriodicInvestor`.
    max_assets : int or None
        Largest N, see :func:`~statarb.investors.universe.choose_assets`.
    max_age : int
        Only assets with a price in the last ``max_age`` rows get weight.
    """

    weights: None = dataclasses.field(default=None, init=False)
    every: int | str = 288


@dataclasses.dataclass(eq=False, repr=False)
class _RiskBased(PeriodicInvestor):
    """Base of the portfolios that rest on the covariance of the window alone."""

    lookback: int = DEPTH
    every: int | str = 288
    shrink: bool = True
    max_assets: int | None = 100
    max_age: int = 12

    @property
    def min_rows(self) -> int:
        """Rows that a window must have: those of two returns."""
        return 3

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        super().check()
        check_integer("lookback", self.lookback, at_least=3)
        check_universe(self.max_assets, self.max_age)

    def weigh(self, window: Panel, holdings: pd.Series) -> pd.Series | None:
        """Return the portfolio of the assets with a history; ``None`` while there is none."""
        recent = recent_returns(window, self.lookback, self.max_assets, self.max_age)
        if len(recent.column) == 0 or len(recent.synchronous) < 2:
            return None
        weights = np.zeros(len(window.assets))
        weights[recent.column] = self.portfolio(covariance(recent, self.shrink))
        return weights_of(window, weights)

    def portfolio(self, estimate: FloatArray) -> FloatArray:
        """Return the weights of a covariance per step.

        Parameters
        ----------
        estimate : (n, n)
            In squared log return per step.

        Returns
        -------
        (n,)
            Non-negative, sum 1.
        """
        raise NotImplementedError


@register("minimum_variance")
@dataclasses.dataclass(eq=False, repr=False)
class MinimumVariance(_RiskBased):
    r"""Long-only portfolio of the smallest variance (Markowitz 1952).

    .. math:: \arg\min_b \; b^\top C b \quad \text{over} \quad b \ge 0, \; \sum_i b_i = 1

    Parameters
    ----------
    lookback : int
        Rows of prices for the covariance.
    every : int or str
        Rows between two decisions, or a calendar anchor; see
        :class:`~statarb.investors.base.PeriodicInvestor`.
    shrink : bool
        Whether the covariance is shrunk (Ledoit and Wolf 2004).
    max_assets : int or None
        Largest number of assets: the covariance takes about ``rows x assets^2`` operations.
    max_age : int
        A price counts for ``max_age`` rows.

    Notes
    -----
    Returns and the assets left out: :func:`~statarb.investors.benchmarks.moments.recent_returns`.
    With a stable asset among them most of the weight goes there.
    """

    def portfolio(self, estimate: FloatArray) -> FloatArray:
        """Return the weights of a covariance per step; see :meth:`_RiskBased.portfolio`."""
        # In units of the mean variance, so that nothing depends on the size of a step.
        scale = float(np.trace(estimate)) / len(estimate)
        return minimise_quadratic(estimate / scale, np.zeros(len(estimate)))


@register("inverse_volatility")
@dataclasses.dataclass(eq=False, repr=False)
class InverseVolatility(_RiskBased):
    """Weights in inverse proportion to volatility: equal risk where all correlations are equal
    (Maillard, Roncalli, Teiletche 2010).

    Parameters
    ----------
    lookback : int
        Rows of prices for the volatilities.
    every : int or str
        Rows between two decisions, or a calendar anchor; see
        :class:`~statarb.investors.base.PeriodicInvestor`.
    shrink : bool
        Whether the variances are shrunk towards their mean (Ledoit and Wolf 2004).
    max_assets : int or None
        Largest number of assets, see :func:`~statarb.investors.universe.choose_assets`.
    max_age : int
        A price counts for ``max_age`` rows.
    """

    def portfolio(self, estimate: FloatArray) -> FloatArray:
        """Return the weights of a covariance per step; see :meth:`_RiskBased.portfolio`."""
        inverse = 1.0 / np.sqrt(np.diag(estimate))
        return np.asarray(inverse / inverse.sum(), dtype=np.float64)


@register("risk_parity")
@dataclasses.dataclass(eq=False, repr=False)
class RiskParity(_RiskBased):
    """Equal risk contribution: every asset contributes the same share of the variance (Maillard,
    Roncalli, Teiletche 2010).

    Parameters
    ----------
    lookback : int
        Rows of prices for the covariance.
    every : int or str
        Rows between two decisions, or a calendar anchor; see
        :class:`~statarb.investors.base.PeriodicInvestor`.
    shrink : bool
        Whether the covariance is shrunk (Ledoit and Wolf 2004).
    max_assets : int or None
        Largest number of assets: a decision takes about their cube in time.
    max_age : int
        A price counts for ``max_age`` rows.

    Notes
    -----
    Returns and the assets left out: :func:`~statarb.investors.benchmarks.moments.recent_returns`.
    """

    def portfolio(self, estimate: FloatArray) -> FloatArray:
        """Return the weights of a covariance per step; see :meth:`_RiskBased.portfolio`."""
        return risk_parity(estimate)


@register("volatility_target")
@dataclasses.dataclass(eq=False, repr=False)
class VolatilityTarget(PeriodicInvestor):
    r"""Equal weights, scaled down to a target volatility, the rest in cash.

    .. math:: \text{share invested} = \min(1, \text{target} / \sigma)

    sigma is the volatility of the equally weighted portfolio over a day, from exponentially
    weighted squared returns with the given half-life (Harvey, Hoyle, Korgaonkar, Rattray,
    Sargaison, Van Hemert 2018).

    Parameters
    ----------
    target : float
        Volatility per day, as a share of the value.
    half_life : float
        Rows after which a squared return counts half.
    lookback : int
        Rows of prices.
    every : int or str
        Rows between two decisions, or a calendar anchor; see
        :class:`~statarb.investors.base.PeriodicInvestor`.
    max_assets : int or None
        Largest number of assets, see :func:`~statarb.investors.universe.choose_assets`.
    max_age : int
        A price counts for ``max_age`` rows.
    """

    target: float = 0.02
    half_life: float = 144.0
    lookback: int = DEPTH
    every: int | str = 12
    max_assets: int | None = 100
    max_age: int = 12

    @property
    def min_rows(self) -> int:
        """Rows that a window must have: those of two returns."""
        return 3

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        super().check()
        check_number("target", self.target, above=0.0)
        check_number("half_life", self.half_life, above=0.0)
        check_integer("lookback", self.lookback, at_least=3)
        check_universe(self.max_assets, self.max_age)

    def weigh(self, window: Panel, holdings: pd.Series) -> pd.Series | None:
        """Return the scaled equal weights; ``None`` while no asset has a history."""
        recent = recent_returns(window, self.lookback, self.max_assets, self.max_age)
        column = recent.column
        if len(column) == 0 or len(recent.synchronous) == 0:
            return None
        portfolio = recent.synchronous.mean(axis=1)
        weight = np.exp2(-(len(recent.returns) - 1 - recent.row) / self.half_life)
        variance = float(weight @ portfolio**2 / weight.sum())
        steps = pd.Timedelta("1D") / window.step
        sigma = np.sqrt(variance * steps)
        weights = np.zeros(len(window.assets))
        weights[column] = min(1.0, self.target / sigma if sigma > 0.0 else 1.0) / len(column)
        return weights_of(window, weights)

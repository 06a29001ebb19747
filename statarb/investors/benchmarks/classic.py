"""The classics: reversal, 1/N, minimum variance, inverse volatility, equal risk contribution,
volatility target.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

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
    """BuyAndHold the assets that fell most: short-term reversal (Jegadeesh 1990; Lehmann 1990).

    The assets are ranked by ``log P(t - skip) - log P(t - skip - lookback)``; the lowest ``top``
    get equal weights.

    Parameters
    ----------
    lookback : int
        Rows over which the return is taken.
    top : int
        Number of assets held.
    every : int
        Steps between two decisions.
    skip : int
        Latest rows left out of the return.
    falling_only : bool
        Whether the place of an asset whose return is not below 0 stays in cash.
    max_assets : int or None
        Largest number of assets ranked, see :func:`~statarb.investors.universe.choose_assets`.
    max_age : int
        A price counts for ``max_age`` rows.
    """

    lookback: int = 12
    top: int = 3
    every: int = 12
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
    """1/N: the same weight for every asset, traded back to once a day (DeMiguel, Garlappi, Uppal
    2009).

    Parameters
    ----------
    every : int
        Steps between two rebalancings.
    max_assets : int or None
        Largest N, see :func:`~statarb.investors.universe.choose_assets`.
    max_age : int
        Only assets with a price in the last ``max_age`` rows get weight.
    """

    weights: None = dataclasses.field(default=None, init=False)
    every: int = 288


@dataclasses.dataclass(eq=False, repr=False)
class _RiskBased(PeriodicInvestor):
    """Base of the portfolios that rest on the covariance of the window alone."""

    lookback: int = 2016
    every: int = 288
    shrink: bool = True
    max_assets: int | None = 100
    max_age: int = 12

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        super().check()
        check_integer("lookback", self.lookback, at_least=3)
        check_universe(self.max_assets, self.max_age)

    def weigh(self, window: Panel, holdings: pd.Series) -> pd.Series | None:
        """Return the portfolio of the assets with a history; ``None`` while there is none."""
        column, returns = recent_returns(window, self.lookback, self.max_assets, self.max_age)
        if len(column) == 0 or len(returns) < 2:
            return None
        weights = np.zeros(len(window.assets))
        weights[column] = self.portfolio(covariance(returns, self.shrink))
        return weights_of(window, weights)

    def portfolio(self, estimate: FloatArray) -> FloatArray:
        """Return the weights, (n,), that go with a covariance a step, (n, n)."""
        raise NotImplementedError


@register("minimum_variance")
@dataclasses.dataclass(eq=False, repr=False)
class MinimumVariance(_RiskBased):
    """Long-only portfolio of the smallest variance: ``argmin b'Cb`` over weights that sum to 1
    (Markowitz 1952).

    Parameters
    ----------
    lookback : int
        Rows of prices that the covariance rests on.
    every : int
        Steps between two decisions.
    shrink : bool
        Whether the covariance is shrunk (Ledoit and Wolf 2004).
    max_assets : int or None
        Largest number of assets: the covariance takes about ``rows x assets^2`` operations.
    max_age : int
        A price counts for ``max_age`` rows.

    Notes
    -----
    Returns and the assets left out: :func:`~statarb.investors.benchmarks.moments.recent_returns`.
    With a stable asset among them most of
    the weight goes there.
    """

    def portfolio(self, estimate: FloatArray) -> FloatArray:
        """Return the weights, (n,), that go with a covariance a step, (n, n)."""
        # In units of the mean variance, so that nothing depends on the size of a step.
        scale = float(np.trace(estimate)) / len(estimate)
        return minimise_quadratic(estimate / scale, np.zeros(len(estimate)))


@register("inverse_volatility")
@dataclasses.dataclass(eq=False, repr=False)
class InverseVolatility(_RiskBased):
    """Weights in inverse proportion to volatility: equal risk where all correlations are alike
    (Maillard and others 2010).

    Parameters
    ----------
    lookback : int
        Rows of prices that the volatilities rest on.
    every : int
        Steps between two decisions.
    shrink : bool
        Whether the variances are shrunk towards their mean (Ledoit and Wolf 2004).
    max_assets : int or None
        Largest number of assets, see :func:`~statarb.investors.universe.choose_assets`.
    max_age : int
        A price counts for ``max_age`` rows.
    """

    def portfolio(self, estimate: FloatArray) -> FloatArray:
        """Return the weights, (n,), that go with a covariance a step, (n, n)."""
        inverse = 1.0 / np.sqrt(np.diag(estimate))
        return np.asarray(inverse / inverse.sum(), dtype=np.float64)


@register("risk_parity")
@dataclasses.dataclass(eq=False, repr=False)
class RiskParity(_RiskBased):
    """Equal risk contribution: every asset carries the same share of the variance (Maillard,
    Roncalli, Teiletche 2010).

    Parameters
    ----------
    lookback : int
        Rows of prices that the covariance rests on.
    every : int
        Steps between two decisions.
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
        """Return the weights, (n,), that go with a covariance a step, (n, n)."""
        return risk_parity(estimate)


@register("volatility_target")
@dataclasses.dataclass(eq=False, repr=False)
class VolatilityTarget(PeriodicInvestor):
    """Equal weights, scaled down to a volatility: exposure ``min(1, target / sigma)``, the rest in
    cash.

    sigma is the volatility of the equally weighted portfolio over a day, from exponentially
    weighted squared returns with the given half-life (Harvey, Hoyle, Korgaonkar, Rattray,
    Sargaison, Van Hemert 2018).

    Parameters
    ----------
    target : float
        Volatility a day, as a share of the value.
    half_life : float
        Rows after which a squared return counts half.
    lookback : int
        Rows of prices.
    every : int
        Steps between two decisions.
    max_assets : int or None
        Largest number of assets, see :func:`~statarb.investors.universe.choose_assets`.
    max_age : int
        A price counts for ``max_age`` rows.
    """

    target: float = 0.02
    half_life: float = 144.0
    lookback: int = 2016
    every: int = 12
    max_assets: int | None = 100
    max_age: int = 12

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        super().check()
        check_number("target", self.target, above=0.0)
        check_number("half_life", self.half_life, above=0.0)
        check_integer("lookback", self.lookback, at_least=3)
        check_universe(self.max_assets, self.max_age)

    def weigh(self, window: Panel, holdings: pd.Series) -> pd.Series | None:
        """Return equal weights times the exposure; ``None`` while no asset has a history."""
        column, returns = recent_returns(window, self.lookback, self.max_assets, self.max_age)
        if len(column) == 0:
            return None
        together = returns.mean(axis=1)
        weight = np.exp2(-np.arange(len(together))[::-1] / self.half_life)
        variance = float(weight @ together**2 / weight.sum())
        steps = pd.Timedelta("1D") / window.step
        sigma = np.sqrt(variance * steps)
        weights = np.zeros(len(window.assets))
        weights[column] = min(1.0, self.target / sigma if sigma > 0.0 else 1.0) / len(column)
        return weights_of(window, weights)

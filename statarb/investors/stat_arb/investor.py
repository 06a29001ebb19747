"""stat_arb: forecasts, volatilities and pair signals, weighed by their own record, into the
mean-downside-risk optimizer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.checks import check_choice, check_integer, check_number
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.data.panel import Panel
from statarb.errors import ParameterError
from statarb.forecasting.ensemble import linear_ensemble
from statarb.investors.base import SignalDriven, register, weights_of
from statarb.investors.stat_arb.edge import measured_edges
from statarb.investors.stat_arb.scenarios import daily_sigma, residuals, simple_returns
from statarb.optimization.mean_downside_risk import MeanDownsideRisk
from statarb.optimization.rolling import RollingMeanDownsideRisk
from statarb.rules import TradingRules

__all__ = ["StatArb"]

KEPT = 1e-9
"""Change of a weight below which the holding is left as it is: the solver's own tolerance, not a
trade.
"""

ROUNDING = 1e-12
"""By which the largest order is missed, so that rounding does not make it one that has to be
cut.
"""


@register("stat_arb")
@dataclasses.dataclass(eq=False, repr=False)
class StatArb(SignalDriven):
    """Expected returns from forecasts that have proven themselves, traded by a fee-aware
    mean-downside-risk problem.

    At each step::

        maximise  (mu - fee / holding)'w - risk_aversion * mean_t max(0, -r_t'w)^2
                  - fee ||w - w0||_1
        over      w >= 0, sum(w) + fee ||w - w0||_1 <= 1, w <= max(max_weight, w0),
                  |w - w0| <= largest order

    ``mu`` are the forecasts times the share of them that came true in the window's last ``record``
    rows, shrunk by its uncertainty (:func:`statarb.investors.stat_arb.edge.shrinkage`). What has
    not come true by more than chance is worth nothing: then the best portfolio is cash. The region
    in which nothing is traded follows from the fee in the objective.

    Parameters
    ----------
    forecaster : Forecaster, optional
        By default the mean of three ridge regressions on the market's factors.
    horizons : sequence of int
        Rows ahead that are forecast (where the forecaster has a parameter ``horizon``); the one
        whose record promises the largest gain a row, after fees, is used.
    signals_beside : sequence of forecasters
        Further sources of expected returns, for example ``PairsSignal``, each weighed by its own
        record and added.
    risk_aversion : float
        Lambda of the problem, per unit of squared return of a step. At 1 the objective is close to
        expected log growth, since the second lower partial moment of symmetric returns is half
        their variance.
    max_weight : float
        Cap on an asset; what has grown beyond it is not sold for that.
    scenarios : int
        Rows of past returns that are the scenarios.
    volatility : {None, "garch", "gjr"}
        With a model, scenarios are its standardised residuals times its forecast (filtered
        historical scenarios); it is fitted anew at the first row of each day.
    band : float
        Expected return below which an asset is not bought, beside what the objective says; 0 for
        none.
    holding : float
        Rows over which the cost of getting out again is spread: what is held is charged ``fee /
        holding`` a row. ``inf`` forgets that cost.
    record : int
        Rows over which forecasts are held against what came; 0 takes them at their word.
    evidence : float
        Standard errors by which the share that came true must stand out from nothing.
    rules : TradingRules, optional
        What a trade costs and how large it may be; by default those of the walk, outside a walk
        those of the case.
    decision_lag : int
        Steps between the last row seen and the trade; a walk sets it. The expected return is that
        from the trade on.

    Notes
    -----
    Assets that have no quote in the last row are left as they are. The size of orders needs the
    portfolio's value, which a walk
    gives in ``holdings.attrs["value"]``; without it, orders are taken to be of any size.
    """

    forecaster: Any = None
    horizons: tuple[int, ...] = (1,)
    signals_beside: tuple[Any, ...] = ()
    risk_aversion: float = 3.0
    max_weight: float = 0.15
    scenarios: int = 1008
    volatility: str | None = None
    band: float = 0.0
    holding: float = 6.0
    record: int = 576
    evidence: float = 2.0
    rules: TradingRules | None = None
    decision_lag: int = 1

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        for horizon in self.horizons:
            check_integer("horizons", horizon, at_least=1)
        if len(self.horizons) == 0:
            raise ParameterError("horizons must hold at least one number of rows, got none")
        check_number("risk_aversion", self.risk_aversion, at_least=0.0)
        check_number("max_weight", self.max_weight, above=0.0, at_most=1.0)
        check_integer("scenarios", self.scenarios, at_least=2)
        check_choice("volatility", self.volatility, (None, "garch", "gjr"))
        check_number("band", self.band, at_least=0.0)
        check_number("holding", self.holding, at_least=1.0, finite=False)
        check_integer("record", self.record, at_least=0)
        check_number("evidence", self.evidence, at_least=0.0)
        check_integer("decision_lag", self.decision_lag, at_least=0)
        for source in (self.forecaster, *self.signals_beside):
            if source is not None and not (hasattr(source, "fit") and hasattr(source, "predict")):
                raise ParameterError(
                    f"a forecaster must have fit(window) and predict(window), got {source!r}"
                )

    @property
    def _rules(self) -> TradingRules:
        return TradingRules() if self.rules is None else self.rules

    def reset(self) -> None:
        """Forget the scenarios of the path."""
        self._solver: RollingMeanDownsideRisk | None = None
        self._seen: np.datetime64 | None = None
        self._sigma: FloatArray | None = None

    def signals(self, panel: Panel, first: int, last: int, depth: int) -> dict[str, FloatArray]:
        """Return expected returns and trust, and volatilities where asked for, of the rows
        ``first`` to ``last - 1``.

        See :meth:`SignalDriven.signals`. ``expected_return`` (rows, assets) is the expected log
        return from the trade on, after its record, NaN where no source has a forecast; ``trust``
        (rows, sources) the share of each source that is believed; ``sigma`` (rows, assets) the
        volatility of the next step's return, with ``volatility`` alone.
        """
        main = linear_ensemble() if self.forecaster is None else self.forecaster
        expected = np.zeros((last - first, len(panel.assets)))
        trust = np.zeros((last - first, 1 + len(self.signals_beside)))
        known = np.zeros(expected.shape, dtype=np.bool_)
        for place, source in enumerate((main, *self.signals_beside)):
            edge = measured_edges(
                source,
                self.horizons,
                panel,
                first,
                last,
                depth,
                lag=self.decision_lag,
                record=self.record,
                evidence=self.evidence,
                fee=self._rules.fee,
            )
            expected += np.nan_to_num(edge.expected)
            trust[:, place] = edge.trust
            known |= ~np.isnan(edge.expected)
        found = {"expected_return": np.where(known, expected, np.nan), "trust": trust}
        if self.volatility is not None:
            found["sigma"] = daily_sigma(panel, first, last, depth, self.volatility)
        return found

    def decide_on(
        self, window: Panel, holdings: pd.Series, signal: Mapping[str, FloatArray]
    ) -> pd.Series | None:
        """Return wanted weights given the signals of the window's last row; ``None`` where nothing
        is to be traded.
        """
        solver = self._slid(window, signal)
        held = holdings.to_numpy(dtype=np.float64)
        expected = np.expm1(signal["expected_return"])
        quoted = _quoted_now(window) & ~np.isnan(expected)
        expected = np.where(quoted, expected, 0.0) - self._rules.fee / self.holding
        if not held.any() and not (expected > self._rules.fee).any():
            return None
        largest = np.where(quoted, self._largest_order(window, holdings), 0.0)
        cap = np.maximum(self.max_weight, held)
        if self.band > 0.0:
            cap = np.where(expected < self.band, held, cap)
        solver.problem = solver.problem.replace(max_weight=cap)
        wanted = solver.solve(expected, held, self._scale(signal), max_trade=largest).array
        wanted = np.where(np.abs(wanted - held) <= KEPT, held, wanted)
        return None if np.array_equal(wanted, held) else weights_of(window, wanted)

    def _slid(self, window: Panel, signal: Mapping[str, FloatArray]) -> RollingMeanDownsideRisk:
        """Take in the rows that the window newly shows; start anew where it does not join on to
        what was seen.
        """
        stamps = window._stamps
        fresh: IntArray = (
            np.flatnonzero(stamps > self._seen) if self._seen is not None else np.arange(0)
        )
        if self._solver is None or self._seen is None or len(fresh) == len(stamps):
            rows = simple_returns(window, max(0, len(stamps) - self.scenarios))
            if self.volatility is not None:
                rows = residuals(window, rows, self.volatility)
            if len(rows) < 2:
                rows = np.vstack([np.zeros((2 - len(rows), len(window.assets))), rows])
            problem = MeanDownsideRisk(
                risk_aversion=self.risk_aversion,
                fee=self._rules.fee,
                rules=self._rules.without_limits(),
            )
            self._solver = RollingMeanDownsideRisk(problem, rows, window=self.scenarios)
        elif len(fresh):
            rows = simple_returns(window, int(fresh[0]))
            self._solver.slide(rows if self._sigma is None else rows / self._sigma)
        self._seen = stamps[-1]
        self._sigma = self._scale(signal)
        return self._solver

    def _scale(self, signal: Mapping[str, FloatArray]) -> FloatArray | None:
        return signal["sigma"] if self.volatility is not None else None

    def _largest_order(self, window: Panel, holdings: pd.Series) -> float:
        """Share of the portfolio that one order may move."""
        value = holdings.attrs.get("value")
        if value is None or not self._rules.limited or not np.isfinite(self._rules.max_order):
            return np.inf
        unit = 1.0
        if self._rules.numeraire is not None:
            column = int(window.columns_of([self._rules.numeraire])[0])
            prices = window.array("price")[:, column]
            quoted = np.flatnonzero(~np.isnan(prices))
            if len(quoted) == 0:
                return 0.0
            unit = float(prices[quoted[-1]])
        return (1.0 - ROUNDING) * self._rules.max_order * unit / float(value)


def _quoted_now(window: Panel) -> BoolArray:
    """Whether each asset is quoted in the last row; the mask of the whole window is not needed for
    it.
    """
    quoted: BoolArray = (
        ~np.isnan(window.array("price")[-1]) if window._observed is None else window._observed[-1]
    )
    return quoted

"""StatArb: forecasts and volatilities, each source shrunk by its track record, into the
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
from statarb.investors.base import (
    SignalDriven,
    context_of,
    largest_order,
    register,
    weights_of,
)
from statarb.investors.stat_arb.edge import measured_edges, rows_for_forecasts
from statarb.investors.stat_arb.scenarios import daily_sigma, residuals, simple_returns
from statarb.optimization.mean_downside_risk import MeanDownsideRisk
from statarb.optimization.rolling import RollingMeanDownsideRisk
from statarb.rules import Context

__all__ = ["StatArb"]

KEPT = 1e-9
"""Change of a weight below which the holding is left as it is: the solver's own tolerance, not a
trade.
"""

ROUNDING = 1e-12
"""Relative distance kept from the largest order."""


@register("stat_arb")
@dataclasses.dataclass(eq=False, repr=False)
class StatArb(SignalDriven):
    r"""Expected returns from forecasts with a significant track record, traded by a fee-aware
    mean-downside-risk problem.

    With held weights :math:`w^0`, fee c, scenarios :math:`r_t` and expected returns mu, each step
    solves

    .. math::
        \max_w \; (\mu - c / \text{holding})^\top w
        - \lambda \operatorname{mean}_t \max(0, -r_t^\top w)^2 - c \lVert w - w^0 \rVert_1

    .. math::
        w \ge 0, \quad \sum_i w_i + c \lVert w - w^0 \rVert_1 \le 1, \quad
        w_i \le \max(\text{max\_weight}, w^0_i), \quad |w_i - w^0_i| \le \text{largest order}

    mu are the forecasts times the shrinkage of their track record over the last ``track_record``
    rows (:func:`statarb.investors.track_record.shrinkage`). Forecasts whose track record is not
    significant count nothing; then the best portfolio is cash. The no-trade region follows from the
    fee in the objective.

    Parameters
    ----------
    forecaster : Forecaster, optional
        By default the mean of three ridge regressions on the market's factors.
    horizons : sequence of int
        Rows ahead that are forecast (where the forecaster has a parameter ``horizon``); the one
        whose track record shows the largest gain per row, after fees, is used.
    more_forecasters : sequence of forecasters
        Further sources of expected returns, for example ``PairsSignal``, each shrunk by its own
        track record and added.
    risk_aversion : float
        Lambda of the problem, per unit of squared return of a step. At 1 the objective is close to
        expected log growth, since the second lower partial moment of symmetric returns is half
        their variance.
    max_weight : float
        Cap on an asset; a weight that has grown beyond it is not cut back.
    scenarios : int
        Rows of past returns that are the scenarios.
    volatility : {None, "garch", "gjr"}
        With a model, scenarios are its standardised residuals times its forecast (filtered
        historical scenarios); it is fitted anew at the first row of each day.
    band : float
        Expected return below which an asset is not bought, beside what the objective says; 0 for
        none.
    holding : float
        Rows over which the cost of the later sale is spread: a holding is charged ``fee / holding``
        per row. ``inf`` leaves that cost out.
    track_record : int
        Rows of past forecasts used for calibration; 0 disables it.
    z_threshold : float
        Standard errors by which the slope of realised returns on forecasts must exceed zero.

    Attributes
    ----------
    reasons : dict of str to int
        Number of decisions without a trade, by reason.

    Notes
    -----
    Assets that have no quote in the last row are left as they are. The fee, the largest order and
    the decision lag are those of the :class:`~statarb.rules.Context`; the expected return is that
    from the trade on. Without a context the fee is that of the case, orders are of any size, and
    the lag is 1.
    """

    forecaster: Any = None
    horizons: tuple[int, ...] = (1,)
    more_forecasters: tuple[Any, ...] = ()
    risk_aversion: float = 3.0
    max_weight: float = 0.15
    scenarios: int = 1008
    volatility: str | None = None
    band: float = 0.0
    holding: float = 6.0
    track_record: int = 576
    z_threshold: float = 2.0

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
        check_integer("track_record", self.track_record, at_least=0)
        check_number("z_threshold", self.z_threshold, at_least=0.0)
        for source in (self.forecaster, *self.more_forecasters):
            if source is not None and not (hasattr(source, "fit") and hasattr(source, "predict")):
                raise ParameterError(
                    f"a forecaster must have fit(window) and predict(window), got {source!r}"
                )

    @property
    def min_rows(self) -> int:
        """Rows that a window must have before any source has a forecast."""
        return min(rows_for_forecasts(source, self.horizons, 0) for source in self._sources)

    @property
    def _sources(self) -> tuple[Any, ...]:
        main = linear_ensemble() if self.forecaster is None else self.forecaster
        return main, *self.more_forecasters

    def reset(self) -> None:
        """Discard the scenarios and the reasons of a path."""
        self.reasons: dict[str, int] = {}
        self._solver: RollingMeanDownsideRisk | None = None
        self._newest: np.datetime64 | None = None
        self._sigma: FloatArray | None = None

    def signals(
        self, panel: Panel, first: int, last: int, depth: int, context: Context | None = None
    ) -> dict[str, FloatArray]:
        """Return expected returns and shrinkage, and volatilities where asked for, of the rows
        ``first`` to ``last - 1``; see :meth:`SignalDriven.signals`.

        Parameters
        ----------
        panel : Panel
            The market.
        first, last : int
            Rows, as positions in ``panel.times``.
        depth : int
            Most rows of a window.
        context : Context, optional
            Its rules give the fee, and it gives the decision lag.

        Returns
        -------
        dict of str to array
            ``expected_return`` (rows, assets), the expected log return from the trade on, shrunk by
            the track record, NaN where no source has a forecast; ``shrinkage`` (rows, sources);
            ``sigma`` (rows, assets), the volatility of the next step's return, with ``volatility``
            alone.
        """
        context = context_of(context, panel)
        sources = self._sources
        expected = np.zeros((last - first, len(panel.assets)))
        factor = np.zeros((last - first, len(sources)))
        known = np.zeros(expected.shape, dtype=np.bool_)
        for place, source in enumerate(sources):
            edge = measured_edges(
                source,
                self.horizons,
                panel,
                first,
                last,
                depth,
                lag=context.decision_lag,
                track_record=self.track_record,
                z_threshold=self.z_threshold,
                fee=context.rules.fee,
            )
            expected += np.nan_to_num(edge.expected)
            factor[:, place] = edge.shrinkage
            known |= ~np.isnan(edge.expected)
        found = {"expected_return": np.where(known, expected, np.nan), "shrinkage": factor}
        if self.volatility is not None:
            found["sigma"] = daily_sigma(panel, first, last, depth, self.volatility)
        return found

    def decide_on(
        self,
        window: Panel,
        holdings: pd.Series,
        signal: Mapping[str, FloatArray],
        context: Context | None = None,
    ) -> pd.Series | None:
        """Return target weights given the signals of the window's last row; ``None`` where there is
        nothing to trade.

        Parameters
        ----------
        window, holdings, signal : Panel, Series, mapping
            See :meth:`SignalDriven.decide_on`.
        context : Context, optional
            Fee, largest order, value.

        Returns
        -------
        Series or None
            See :meth:`Investor.decide`.
        """
        context = context_of(context, window)
        fee = context.rules.fee
        solver = self._slide_scenarios(window, signal, context)
        held = holdings.to_numpy(dtype=np.float64)
        expected = np.expm1(signal["expected_return"])
        quoted = _quoted_now(window) & ~np.isnan(expected)
        expected = np.where(quoted, expected, 0.0) - fee / self.holding
        if not held.any() and not (expected > fee).any():
            self._count(_reason_for_cash(signal))
            return None
        # a little less than the largest order, so that rounding does not make it one to be cut
        largest = np.where(quoted, (1.0 - ROUNDING) * largest_order(window, context), 0.0)
        cap = np.maximum(self.max_weight, held)
        if self.band > 0.0:
            cap = np.where(expected < self.band, held, cap)
        solver.problem = solver.problem.replace(max_weight=cap)
        target = solver.solve(expected, held, self._volatility_in(signal), max_trade=largest).array
        target = np.where(np.abs(target - held) <= KEPT, held, target)
        if np.array_equal(target, held):
            self._count(
                "holdings inside the no-trade region" if held.any() else _reason_for_cash(signal)
            )
            return None
        return weights_of(window, target)

    def _count(self, reason: str) -> None:
        """Count why nothing is traded."""
        self.reasons[reason] = self.reasons.get(reason, 0) + 1

    def _slide_scenarios(
        self, window: Panel, signal: Mapping[str, FloatArray], context: Context
    ) -> RollingMeanDownsideRisk:
        """Add the window's new rows to the scenarios; start anew where it does not join on to the
        last one.
        """
        stamps = window.times_array
        fresh: IntArray = (
            np.flatnonzero(stamps > self._newest) if self._newest is not None else np.arange(0)
        )
        if self._solver is None or self._newest is None or len(fresh) == len(stamps):
            rows = simple_returns(window, max(0, len(stamps) - self.scenarios))
            if self.volatility is not None:
                rows = residuals(window, rows, self.volatility)
            if len(rows) < 2:
                rows = np.vstack([np.zeros((2 - len(rows), len(window.assets))), rows])
            problem = MeanDownsideRisk(
                risk_aversion=self.risk_aversion,
                fee=context.rules.fee,
                rules=context.rules.without_limits(),
            )
            self._solver = RollingMeanDownsideRisk(problem, rows, window=self.scenarios)
        elif len(fresh):
            rows = simple_returns(window, int(fresh[0]))
            self._solver.slide(rows if self._sigma is None else rows / self._sigma)
        self._newest = stamps[-1]
        self._sigma = self._volatility_in(signal)
        return self._solver

    def _volatility_in(self, signal: Mapping[str, FloatArray]) -> FloatArray | None:
        return signal["sigma"] if self.volatility is not None else None


def _reason_for_cash(signal: Mapping[str, FloatArray]) -> str:
    """Say why nothing is bought, from the signals of a row."""
    if np.isnan(signal["expected_return"]).all():
        return "no forecast"
    if not np.any(signal.get("shrinkage", 1.0)):
        return "no source with a significant track record"
    return "expected gain below the fee"


def _quoted_now(window: Panel) -> BoolArray:
    """Whether each asset is quoted in the last row; the mask of the whole window is not needed for
    it.
    """
    quoted: BoolArray = (
        ~np.isnan(window.array("price")[-1]) if not window.is_imputed else window.observed_array[-1]
    )
    return quoted

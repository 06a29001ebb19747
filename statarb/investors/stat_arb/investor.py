"""StatArb: forecasts of several sources and horizons, each believed as far as its record goes, into
the mean-downside-risk optimizer.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pandas as pd

from statarb._core.checks import check_choice, check_integer, check_number
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.data.panel import Panel
from statarb.investors.base import (
    SignalDriven,
    context_of,
    largest_order,
    register,
    weights_of,
)
from statarb.investors.stat_arb.diary import Diary
from statarb.investors.stat_arb.evidence import Belief, Evidence
from statarb.investors.stat_arb.scenarios import daily_sigma, residuals, simple_returns
from statarb.investors.stat_arb.sources import (
    SOURCES,
    Source,
    SourceLike,
    Term,
    as_sources,
    forecasts_of_terms,
    terms,
)
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

WARM_UP_CELLS = 150_000
"""Rows x assets of the first window from which forecasts are made for the track record: the first
decision must not take much longer than a step of a large market allows.
"""
SHORTEST_WARM_UP = 144
"""Rows of the shortest warm-up; a market so large that it would be shorter begins without one."""


@register("stat_arb")
@dataclasses.dataclass(eq=False, repr=False)
class StatArb(SignalDriven):
    r"""Expected returns from forecasts with a significant track record, traded by a fee-aware
    mean-downside-risk problem.

    With held weights :math:`w^0`, fee c, scenarios :math:`r_t`, and expected returns mu over h
    rows, each step solves

    .. math::
        \max_w \; (\mu - c / \max(\text{holding}, h))^\top w
        - \lambda h^g \operatorname{mean}_t \max(0, -r_t^\top w)^2 - c \lVert w - w^0 \rVert_1

    .. math::
        w \ge 0, \quad \sum_i w_i + c \lVert w - w^0 \rVert_1 \le 1, \quad
        w_i \le \max(\text{max\_weight}, w^0_i), \quad |w_i - w^0_i| \le \text{largest order}

    mu adds up what the sources promise, each as far as its track record goes, at the horizon that
    would have earned most (:class:`~statarb.investors.stat_arb.evidence.Evidence`). Forecasts whose
    track record is not significant count nothing; then the best portfolio is cash. The no-trade
    region follows from the fee in the objective.

    Parameters
    ----------
    sources : sequence of str, Forecaster or Source
        By default all of :data:`~statarb.investors.stat_arb.sources.SOURCES`: ``"cross_asset"``,
        one row ahead from the last returns of all assets; ``"cross_asset_slow"``, the same one and
        two hours ahead; ``"pairs"``, the reversion of cointegrated pairs over one to four hours;
        ``"trend"``, the last twelve hours' return relative to the market over two to six hours.
        Leave some out, or add others: a forecaster is asked over its own horizon, a
        :class:`~statarb.investors.stat_arb.sources.Source` over several.
    risk_aversion : float
        Lambda of the problem, per unit of squared return of a step. At 1 the objective is close to
        expected log growth, since the second lower partial moment of symmetric returns is half
        their variance.
    risk_growth : float
        Power g of the horizon with which risk grows. The risk of independent returns grows with h,
        that of an expected return that is wrong, the same way at every row, with the square of h.
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
        Rows over which the cost of the later sale is spread, or the horizon h where that is longer.
        ``inf`` leaves that cost out.
    track_record : int
        Rows of past forecasts that count; 0 takes every source as it is, at its first horizon.
    z_threshold : float, optional
        Standard errors by which the slope of realised returns on forecasts must exceed zero; by
        default each source's own: 1 for pairs, which have passed tests of their own; 2 for one row
        ahead; 3 for the slow ones, which always have something to say.

    Attributes
    ----------
    reasons : dict of str to int
        Number of decisions without a trade, by reason.
    failures : dict of str to int
        Sources that have not had a forecast yet, with the number of rows.

    Notes
    -----
    Assets that have no quote in the last row are left as they are. The fee, the largest order and
    the decision lag are those of the :class:`~statarb.rules.Context`; the expected return is that
    from the trade on. Without a context the fee is that of the case, orders are of any size, and
    the lag is 1.

    The track record is kept from row to row. At the first decision it is made up from the first
    window, up to 150,000 rows x assets. A row that no window shows is a gap to it.
    """

    sources: tuple[SourceLike, ...] = SOURCES
    risk_aversion: float = 3.0
    risk_growth: float = 1.5
    max_weight: float = 0.15
    scenarios: int = 1008
    volatility: str | None = "garch"
    band: float = 0.0
    holding: float = 6.0
    track_record: int = 1152
    z_threshold: float | None = None

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        as_sources(self.sources)
        check_number("risk_aversion", self.risk_aversion, at_least=0.0)
        check_number("risk_growth", self.risk_growth, at_least=0.0, at_most=2.0)
        check_number("max_weight", self.max_weight, above=0.0, at_most=1.0)
        check_integer("scenarios", self.scenarios, at_least=2)
        check_choice("volatility", self.volatility, (None, "garch", "gjr"))
        check_number("band", self.band, at_least=0.0)
        check_number("holding", self.holding, at_least=1.0, finite=False)
        check_integer("track_record", self.track_record, at_least=0)
        if self.z_threshold is not None:
            check_number("z_threshold", self.z_threshold, at_least=0.0)

    @property
    def min_rows(self) -> int:
        """Rows that a window must have before any source has a forecast."""
        return min(source.min_rows for source in self._sources)

    @property
    def _sources(self) -> tuple[Source, ...]:
        return as_sources(self.sources)

    @property
    def _terms(self) -> list[Term]:
        found = terms(self._sources)
        if self.z_threshold is None:
            return found
        return [term._replace(z_threshold=self.z_threshold) for term in found]

    def reset(self) -> None:
        """Discard the scenarios, the track record and the reasons of a path."""
        self.reasons: dict[str, int] = {}
        self._solver: RollingMeanDownsideRisk | None = None
        self._newest: np.datetime64 | None = None
        self._sigma: FloatArray | None = None
        self._evidence: Evidence | None = None
        self._learnt: np.datetime64 | None = None
        self._log_price: FloatArray = np.empty(0)
        self._diary = Diary([source.name for source in self._sources], self._terms)

    def signals(
        self, panel: Panel, first: int, last: int, depth: int, context: Context | None = None
    ) -> dict[str, FloatArray]:
        """Return forecasts, and volatilities where asked for, of the rows ``first`` to ``last -
        1``; see :meth:`SignalDriven.signals`.

        Parameters
        ----------
        panel : Panel
            The market.
        first, last : int
            Rows, as positions in ``panel.times``.
        depth : int
            Most rows of a window.
        context : Context, optional
            Gives the decision lag.

        Returns
        -------
        dict of str to array
            ``forecasts`` (rows, terms, assets), the expected log return from the trade on of every
            source at each of its horizons, as forecast, NaN where there is none; ``sigma`` (rows,
            assets), the volatility of the next step's return, with ``volatility`` alone.
        """
        lag = context_of(context, panel).decision_lag
        found = {
            "forecasts": forecasts_of_terms(self._sources, panel, first, last, depth, lag),
        }
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
            See :meth:`SignalDriven.decide_on`. A signal may hold ``expected_return`` (assets,)
            instead of ``forecasts``, in log return from the trade on, and ``horizon``, the rows
            that it is for (1 by default): it is then traded as it is.
        context : Context, optional
            Fee, largest order, value, decision lag.

        Returns
        -------
        Series or None
            See :meth:`Investor.decide`.
        """
        context = context_of(context, window)
        if "expected_return" in signal:
            expected, horizon = signal["expected_return"], float(signal.get("horizon", 1.0))
        else:
            belief = self._learn(window, signal["forecasts"], context)
            expected, horizon = belief.expected, belief.horizon
        target, reason = self._trade(window, holdings, signal, context, expected, horizon)
        if reason:
            self._count(reason)
        if "expected_return" not in signal:
            self._diary.decide(reason)
        return target

    def explain(self) -> pd.DataFrame:
        """Return what each source promised and delivered at every row learnt from, how far it was
        trusted, and why nothing was traded.

        Returns
        -------
        DataFrame
            One line a row and source: ``time``; ``source``; ``horizon``, the rows ahead that were
            used; ``shrinkage``, the share of its forecasts that counted; ``promised``, the sum of
            its expected returns above the fee; ``delivered``, what those assets then returned over
            the horizon, less the market's part and the fee, NaN where not yet known; ``reason``,
            why nothing was traded, empty where something was, and in rows before the first
            decision.
        """
        return self._diary.sources()

    def certificates(self) -> pd.DataFrame:
        """Return the certificate of every problem solved along the path.

        Returns
        -------
        DataFrame
            ``time``; ``gap``, the relative duality gap; ``status``; ``seconds``.
        """
        return self._diary.certificates()

    @property
    def failures(self) -> dict[str, int]:
        """Sources that have not had a single forecast, with the number of rows they were asked."""
        return self._diary.silent()

    def _learn(self, window: Panel, forecasts: FloatArray, context: Context) -> Belief:
        """Add the rows that the window newly shows to the track record; return what is expected."""
        stamps = window.times_array
        last = len(stamps) - 1
        if self._evidence is None or self._learnt is None:
            found, rules = self._terms, context.rules
            self._evidence = Evidence(
                found, len(window.assets), context.decision_lag, self.track_record, rules.fee
            )
            first = last - self._warm_up_rows(last, len(window.assets), context.decision_lag)
            known = np.full(len(window.assets), np.nan)
            if first > 0:
                known = window.row_slice(0, first).last_known()[-1]
            self._log_price = np.log(known)
        else:
            first = int(np.searchsorted(stamps, self._learnt, side="right"))
        if first <= last:
            before = forecasts[None][:0]
            if first < last:
                before = forecasts_of_terms(
                    self._sources, window, first, last, last + 1, context.decision_lag
                )
            price = window.array("price")
            for row in range(first, last + 1):
                now = forecasts if row == last else before[row - first]
                with np.errstate(invalid="ignore", divide="ignore"):
                    fresh = np.log(price[row])
                self._log_price = np.where(np.isnan(fresh), self._log_price, fresh)
                delivered = self._evidence.update(now, self._log_price)
                belief = self._evidence.belief
                self._diary.add(stamps[row], now, belief, delivered, context.decision_lag)
            self._learnt = stamps[last]
        return self._evidence.belief

    def _warm_up_rows(self, last: int, assets: int, lag: int) -> int:
        """Rows before the last one that the track record is made up from at the first decision."""
        if self.track_record == 0:
            return 0
        wanted = self.track_record + lag + max(term.horizon for term in self._terms)
        affordable = WARM_UP_CELLS // assets
        return min(last, wanted, affordable) if affordable >= SHORTEST_WARM_UP else 0

    def _trade(
        self,
        window: Panel,
        holdings: pd.Series,
        signal: Mapping[str, FloatArray],
        context: Context,
        expected: FloatArray,
        horizon: float,
    ) -> tuple[pd.Series | None, str]:
        """Solve the problem; return the target weights, or the reason why nothing is traded."""
        fee = context.rules.fee
        solver = self._slide_scenarios(window, signal, context)
        held = holdings.to_numpy(dtype=np.float64)
        missing = np.isnan(expected)
        growth = np.expm1(expected)
        quoted = _quoted_now(window) & ~missing
        growth = np.where(quoted, growth, 0.0) - fee / max(self.holding, horizon)
        if not held.any() and not (growth > fee).any():
            return None, self._reason_for_cash(missing)
        # a little less than the largest order, so that rounding does not make it one to be cut
        largest = np.where(quoted, (1.0 - ROUNDING) * largest_order(window, context), 0.0)
        cap = np.maximum(self.max_weight, held)
        if self.band > 0.0:
            cap = np.where(growth < self.band, held, cap)
        problem = solver.problem.replace(max_weight=cap)
        if horizon != 1.0:
            aversion = problem.risk_aversion * horizon**self.risk_growth
            problem = problem.replace(risk_aversion=aversion)
        usual, solver.problem = solver.problem, problem
        solution = solver.solve(growth, held, self._volatility_in(signal), max_trade=largest)
        solver.problem = usual
        self._diary.certify(window.times_array[-1], solution)
        target = solution.array
        target = np.where(np.abs(target - held) <= KEPT, held, target)
        if np.array_equal(target, held):
            inside = "holdings inside the no-trade region"
            return None, inside if held.any() else self._reason_for_cash(missing)
        return weights_of(window, target), ""

    def _count(self, reason: str) -> None:
        """Count why nothing is traded."""
        self.reasons[reason] = self.reasons.get(reason, 0) + 1

    def _reason_for_cash(self, missing: BoolArray) -> str:
        """Say why nothing is bought."""
        if missing.all():
            return "no forecast"
        if self._evidence is not None and not self._evidence.belief.shrinkage.any():
            return "no source with a significant track record"
        return "expected gain below the fee"

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


def _quoted_now(window: Panel) -> BoolArray:
    """Whether each asset is quoted in the last row; the mask of the whole window is not needed for
    it.
    """
    quoted: BoolArray = (
        ~np.isnan(window.array("price")[-1]) if not window.is_imputed else window.observed_array[-1]
    )
    return quoted

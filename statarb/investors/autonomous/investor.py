"""Autonomous investor: horizon, window, risk aversion, forecaster and cash chosen by candidates'
paper accounts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.case import DEPTH
from statarb._core.checks import check_integer, check_number
from statarb._core.time import as_stamp
from statarb._core.typing import FloatArray, TimeLike
from statarb.data.panel import Panel
from statarb.errors import DataError
from statarb.investors.autonomous.hedging import FixedShareHedge, SequentialTest
from statarb.investors.autonomous.paper_account import (
    Candidate,
    DecisionContext,
    PaperAccount,
    candidates,
)
from statarb.investors.autonomous.sources import SOURCES, forecasts_of
from statarb.investors.base import (
    SignalDriven,
    context_of,
    register,
    smallest_order,
    weights_of,
)
from statarb.investors.track_record import TrackRecord
from statarb.rules import Context, TradingRules

__all__ = ["AutonomousInvestor"]

CASH = 0
"""Position of cash among the candidates."""
TAKE_OVER = 2.0
"""Multiple of the leader's weight that another candidate needs to take over."""
DRIFT = 0.02
"""Turnover below which the weights of a paper account are not copied again."""
TERM = 6
"""Rows whose growth is one term of the sequential test: half an hour of 5-minute rows, over which
neighbouring rows move together.
"""
WARM_UP_CELLS = 100_800
"""Rows x assets of a warm-up at most: the first decision must not take much longer than a step of a
large market allows.
"""
SHORTEST_WARM_UP = 144
"""Rows of the shortest warm-up, half a day of 5-minute rows; a market so large that it would be
shorter begins without one.
"""
LEAST_UNIT = 1e-4
"""Log growth that counts as small where trades cost nothing."""


@register("autonomous")
@dataclasses.dataclass(eq=False, repr=False)
class AutonomousInvestor(SignalDriven):
    """Candidates with paper accounts, and the leading one followed once it beats cash
    significantly.

    Candidates (:func:`statarb.investors.autonomous.paper_account.candidates`) differ in forecaster,
    horizon, window, risk aversion and way of deciding; cash is one of them. Each has a paper
    account under the real fee, order limits and delay. Two things are learnt from their growth, row
    by row: weights over the candidates
    (:class:`~statarb.investors.autonomous.hedging.FixedShareHedge`), and which of them beats cash
    significantly (:class:`~statarb.investors.autonomous.hedging.SequentialTest`). The candidate
    with the largest weight among those and cash leads.

    No parameter needs a value from outside; those that there are set the caution.

    Parameters
    ----------
    warm_up : int
        Most rows of the first window on which the candidates trade on paper before the first
        decision; never more than the second half of it, so that they are fitted on earlier rows,
        and fewer in markets of more than a hundred assets (none beyond 700), whose first decision
        would take too long.
    level : float
        Probability that any candidate without an edge is ever taken for one with an edge.
    share : float
        Weight spread over all candidates at each row: one over the rows between two changes of the
        best.
    track_record : int
        Rows of past forecasts used for calibration.
    z_threshold : float
        Standard errors by which the slope of realised returns on forecasts must exceed zero.

    Attributes
    ----------
    log : list of dict
        Time, leader, reason, and each candidate's weight and test statistic: one entry for each
        change of the leader and for each day. A walk works on a copy; :meth:`watch` gives the same
        log from the same rows.
    names : list of str
        Candidates, cash first; empty before the first row.
    reasons : dict of str to int
        Number of decisions in which cash led, by reason.

    Notes
    -----
    *Leader, not mixture.* The weights of the candidates change at every row, so that a mixture
    would trade at every row, pay for one candidate's purchase of what another sells, and fall below
    the smallest order. The leader decides from the real holdings, so that its own no-trade region
    decides what a change of leader is worth; another takes over only with twice the weight. The
    price is that the regret bound of the mixture does not hold for the leader.

    *Rows, not steps.* Paper accounts advance by the rows of the windows that are shown, each once;
    a row that no window shows is a gap to them. What is learnt does not depend on the real
    holdings. Fee, order limits and decision lag are those of the first
    :class:`~statarb.rules.Context`; where their numeraire is not an asset of the market, the paper
    accounts trade without limits.
    """

    warm_up: int = 1008
    level: float = 0.05
    share: float = 1.0 / 288.0
    track_record: int = 576
    z_threshold: float = 2.0

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        check_integer("warm_up", self.warm_up, at_least=0)
        check_number("level", self.level, above=0.0, below=1.0)
        check_number("share", self.share, above=0.0, below=1.0)
        check_integer("track_record", self.track_record, at_least=2)
        check_number("z_threshold", self.z_threshold, at_least=0.0)

    @property
    def min_rows(self) -> int:
        """Rows that a window must have before any source has a forecast."""
        return min(int(source.forecaster(source.horizon).min_rows) for source in SOURCES)

    def reset(self) -> None:
        """Discard candidates, accounts, weights, log and reasons."""
        self.log: list[dict[str, Any]] = []
        self.names: list[str] = []
        self.reasons: dict[str, int] = {}
        self._leader = CASH
        self._newest: np.datetime64 | None = None
        self._accounts: list[PaperAccount] = []
        self._records: list[TrackRecord] = []
        self._shrinkage: FloatArray = np.zeros(len(SOURCES))

    # -- decisions ---------------------------------------------------------------------------------

    def signals(
        self, panel: Panel, first: int, last: int, depth: int, context: Context | None = None
    ) -> dict[str, FloatArray]:
        """Return the forecasts of all sources from the rows ``first`` to ``last - 1``; see
        :meth:`SignalDriven.signals`.

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
            ``forecasts``, (rows, sources, assets), in log return.
        """
        lag = context_of(context, panel).decision_lag
        return {"forecasts": forecasts_of(SOURCES, panel, first, last, depth, lag)}

    def decide_on(
        self,
        window: Panel,
        holdings: pd.Series,
        signal: Mapping[str, FloatArray],
        context: Context | None = None,
    ) -> pd.Series | None:
        """Return target weights given the forecasts of the window's last row; ``None`` where there
        is nothing to trade.

        Parameters
        ----------
        window, holdings, signal : Panel, Series, mapping
            See :meth:`SignalDriven.decide_on`.
        context : Context, optional
            Rules, value and decision lag.

        Returns
        -------
        Series or None
            See :meth:`Investor.decide`.
        """
        context = context_of(context, window)
        self._update(window, signal["forecasts"], context)
        held = holdings.to_numpy(dtype=np.float64)
        if self._leader == CASH:
            reason = self._reason_for_cash(signal["forecasts"])
            self.reasons[reason] = self.reasons.get(reason, 0) + 1
            least = smallest_order(window, context)
            return weights_of(window, np.zeros(len(held))) if (held > least).any() else None
        account = self._accounts[self._leader - 1]
        if account.candidate.from_holdings:
            known = DecisionContext(window, signal["forecasts"], self._shrinkage, context)
            target = account.candidate.decide(known, held)
        else:
            target = account.weights
            target = None if float(np.abs(target - held).sum()) < DRIFT else target
        return None if target is None else weights_of(window, np.maximum(target, 0.0))

    def _reason_for_cash(self, forecasts: FloatArray) -> str:
        if np.isnan(forecasts).all():
            return "no forecast"
        if not self._shrinkage.any():
            return "no source with a significant track record"
        return "no candidate beats cash significantly after fees"

    def watch(
        self,
        panel: Panel,
        start: TimeLike | None = None,
        end: TimeLike | None = None,
        *,
        depth: int = DEPTH,
        rules: TradingRules | None = None,
        decision_lag: int = 1,
    ) -> AutonomousInvestor:
        """Learn from a market without trading in it: what a walk over the same span learns, with
        its log.

        Parameters
        ----------
        panel : Panel
            The market.
        start, end : time, optional
            Of the walk; ``None``: the panel's own.
        depth : int
            Most rows of a window.
        rules : TradingRules, optional
            Fee and order limits; by default those of the case.
        decision_lag : int
            Steps between the last row seen and the trade.

        Returns
        -------
        AutonomousInvestor
            Itself, with the log.

        Raises
        ------
        DataError
            No row in the span.
        """
        self.reset()
        rules = TradingRules() if rules is None else rules
        times, grid = panel.times, panel.grid_array
        low, high = 0, len(grid)
        if start is not None:
            low = int(np.searchsorted(grid, as_stamp("start", start), side="left"))
        if end is not None:
            high = int(np.searchsorted(grid, as_stamp("end", end), side="right"))
        # last rows before the first and the last trade, a lag away on the grid
        first = max(int(np.searchsorted(panel.rows, low - decision_lag, side="right")) - 1, 0)
        last = int(np.searchsorted(panel.rows, high - 1 - decision_lag, side="right"))
        if first >= last:
            raise DataError(f"no row of the panel lies between start={start} and end={end}")
        context = Context(panel.times[first], rules.capital, rules, decision_lag)
        # a walk asks nothing of shorter windows
        first = max(first, min(self.min_rows, depth) - 1)
        for low in range(first, last, 288):
            high = min(low + 288, last)
            block = self.signals(panel.row_slice(0, high), low, high, depth, context)["forecasts"]
            for row in range(low, high):
                self._update(panel.window(times[row], depth), block[row - low], context)
        return self

    def log_frame(self) -> pd.DataFrame:
        """Return the log as a table.

        Returns
        -------
        DataFrame
            By time: leader, reason, then ``weight of`` and ``statistic of`` each candidate. A
            statistic of 1 and more says that the candidate beats cash significantly.
        """
        columns = [
            "leader",
            "reason",
            *(f"{kind} of {name}" for kind in ("weight", "statistic") for name in self.names),
        ]
        lines = [
            [
                entry["leader"],
                entry["reason"],
                *(entry[kind][name] for kind in ("weights", "statistics") for name in self.names),
            ]
            for entry in self.log
        ]
        return pd.DataFrame(
            lines,
            index=pd.DatetimeIndex([entry["time"] for entry in self.log], name="time"),
            columns=columns,
        )

    @property
    def failures(self) -> dict[str, int]:
        """Number of decisions that a candidate could not make, by candidate and message; it kept
        its paper holdings then.
        """
        return {
            f"{account.candidate.name}: {message}": count
            for account in self._accounts
            for message, count in account.failures.items()
        }

    # -- learning ----------------------------------------------------------------------------------

    def _update(self, window: Panel, forecasts: FloatArray, context: Context) -> None:
        """Advance the paper accounts by the rows that the window newly shows."""
        stamps = window.times_array
        last = len(stamps) - 1
        if self._newest is None:
            first = last - self._warm_up_rows(len(stamps), len(window.assets))
            self._open_accounts(window, first, context)
        else:
            first = int(np.searchsorted(stamps, self._newest, side="right"))
        if first > last:
            return
        before = (
            self.signals(window, first, last, last + 1, context)["forecasts"]
            if first < last
            else forecasts[None][:0]
        )
        price = window.array("price")
        for row in range(first, last + 1):
            self._advance_row(
                window.row_slice(0, row + 1),
                forecasts if row == last else before[row - first],
                price[row],
            )
        self._newest = stamps[last]

    def _warm_up_rows(self, rows: int, assets: int) -> int:
        """Rows before the last one over which the paper accounts trade at the first decision."""
        affordable = WARM_UP_CELLS // assets
        return min(rows // 2, self.warm_up, affordable) if affordable >= SHORTEST_WARM_UP else 0

    def _open_accounts(self, window: Panel, first: int, context: Context) -> None:
        """Open the paper accounts, at the first row of the warm-up."""
        rules, lag = context.rules, context.decision_lag
        if rules.limited and rules.numeraire is not None and rules.numeraire not in window.assets:
            rules = rules.without_limits()
        self._rules, self._lag = rules, lag
        self._numeraire = (
            int(window.columns_of([rules.numeraire])[0])
            if rules.limited and rules.numeraire is not None
            else -1
        )
        self._tradable = self._numeraire < 0 or bool(
            window.observed_array[:first, self._numeraire].any()
        )
        chosen: list[Candidate] = candidates([source.name for source in SOURCES])
        start = window.times_array[first]
        self._accounts = [
            PaperAccount(candidate, window, rules, start, lag) for candidate in chosen
        ]
        self._records = [
            TrackRecord(source.horizon, lag, self.track_record, self.z_threshold)
            for source in SOURCES
        ]
        self.names = ["cash", *(candidate.name for candidate in chosen)]
        unit = max(rules.fee, LEAST_UNIT)
        self._hedge = FixedShareHedge(len(self.names), self.share, unit)
        self._test = SequentialTest(len(chosen), self.level, TERM, unit)
        known = np.full(len(window.assets), np.nan)
        if first > 0:
            known = window.row_slice(0, first).last_known()[-1]
        self._log_price: FloatArray = np.log(known)
        self._leader = CASH
        self._day = start.astype("datetime64[D]")
        self._log_event(window.times[first], "no candidate beats cash significantly yet")

    def _advance_row(self, window: Panel, forecasts: FloatArray, price: FloatArray) -> None:
        """Update track records, paper accounts, weights and tests by one row."""
        with np.errstate(invalid="ignore"):
            self._log_price = np.where(np.isnan(price), self._log_price, np.log(price))
        quotes = (
            price if not window.is_imputed else np.where(window.observed_array[-1], price, np.nan)
        )
        if not self._tradable:
            self._tradable = bool(quotes[self._numeraire] > 0.0)
        self._shrinkage = np.array(
            [
                record.update(forecast, self._log_price)
                for record, forecast in zip(self._records, forecasts, strict=True)
            ]
        )
        context = Context(window.now, self._rules.capital, self._rules, self._lag)
        known = DecisionContext(window, forecasts, self._shrinkage, context)
        growth = np.array(
            [account.advance(known, quotes, self._tradable) for account in self._accounts]
        )
        self._hedge.update(np.concatenate([[0.0], -growth]))
        self._test.update(growth)
        self._choose_leader(window.times[-1])

    def _choose_leader(self, now: pd.Timestamp) -> None:
        """Keep the leader, or let another take over; log the reason."""
        weights = self._hedge.weights
        eligible = np.append(True, self._test.significant)
        best = int(np.argmax(np.where(eligible, weights, -1.0)))
        leads = self.names[best]
        reason = ""
        if not eligible[self._leader]:
            reason = f"{self.names[self._leader]} no longer beats cash significantly"
        elif weights[best] > TAKE_OVER * weights[self._leader]:
            reason = (
                f"{leads} has {weights[best]:.2f} of the weight, {self.names[self._leader]} "
                f"{weights[self._leader]:.2f}"
            )
            if best != CASH:
                reason += f"; its test statistic is {self._test.statistic[best - 1]:.2f}"
        if reason:
            self._leader = best
        day = now.to_datetime64().astype("datetime64[D]")
        if reason or day != self._day:
            self._day = day
            self._log_event(now, reason or "a new day")

    def _log_event(self, now: pd.Timestamp, reason: str) -> None:
        statistics = [0.0, *self._test.statistic.tolist()]
        self.log.append(
            {
                "time": now,
                "leader": self.names[self._leader],
                "reason": reason,
                "weights": dict(zip(self.names, self._hedge.weights.tolist(), strict=True)),
                "statistics": dict(zip(self.names, statistics, strict=True)),
            }
        )

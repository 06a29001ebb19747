"""autonomous: chooses horizon, window, risk aversion, forecaster, and whether to trade at all, from
what would have worked.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

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
from statarb.investors.autonomous.sources import SOURCES, Record, forecasts_of
from statarb.investors.base import SignalDriven, register, weights_of
from statarb.rules import TradingRules

__all__ = ["AutonomousInvestor"]

CASH = 0
"""Position of cash among the candidates."""
LEAD = 2.0
"""How many times the leader's weight another candidate must have to take over."""
DRIFT = 0.02
"""Turnover below which the weights of a leader with a path of its own are not taken over again."""
TERM = 6
"""Rows whose growth is one term of the proof: half an hour, over which neighbouring rows move
together.
"""
WARM_UP_CELLS = 100_800
"""Rows x assets of a warm-up at most: the first decision must not take much longer than a step of a
large market allows.
"""
SHORTEST_WARM_UP = 144
"""Rows of the shortest warm-up, half a day; a market so large that it would be shorter begins
without one.
"""
LEAST_UNIT = 1e-4
"""Log growth that counts as small where trades cost nothing."""


@register("autonomous")
@dataclasses.dataclass(eq=False, repr=False)
class AutonomousInvestor(SignalDriven):
    """Lets candidates trade on paper, and follows the leading one once it has beaten cash by more
    than chance.

    Candidates (:func:`statarb.investors.autonomous.paper_account.candidates`) differ in forecaster,
    horizon, window, risk aversion and way of deciding; cash is one of them. Each has an account of
    its own under the real fee, order limits and delay. From their growth, row by row, two things
    are learnt: weights over the candidates
    (:class:`~statarb.investors.autonomous.hedging.FixedShareHedge`), and who has beaten cash by
    more than chance (:class:`~statarb.investors.autonomous.hedging.SequentialTest`). The candidate
    with the largest weight among those proven and cash leads.

    No parameter needs a value from outside; those that there are say how careful it is, and what
    the rules are.

    Parameters
    ----------
    rules : TradingRules, optional
        What a trade costs and how large it may be; by default those of the walk, outside a walk
        those of the case. Where their numeraire is not an asset of the market, the shadows trade
        without limits.
    decision_lag : int
        Steps between the last row seen and the trade; a walk sets it.
    warm_up : int
        Most rows of the first window on which the candidates trade on paper before the first
        decision; never more than the second half of it, so that they are fitted on what came
        before, and fewer in markets of more than a hundred assets (none beyond 700), whose first
        decision would take too long.
    level : float
        Probability that a candidate without an edge is ever taken for proven.
    share : float
        Weight spread over all candidates at each row: one over the rows between two changes of the
        best.
    record : int
        Rows over which forecasts are held against what came.
    evidence : float
        Standard errors by which the share of a forecast that came true must stand out from nothing.

    Attributes
    ----------
    log : list of dict
        Time, leader, reason, and each candidate's weight and strength of proof: one entry for each
        change of the leader and for each day. What a walk's copy learnt, :meth:`watch` learns again
        from the same rows.
    names : list of str
        Candidates, cash first; empty before the first row.

    Notes
    -----
    *Leader, not mixture.* The weights of the candidates change at every row, so that a mixture
    would trade at every row, pay
    for one candidate's purchase of what another sells, and fall below the smallest order. The
    leader decides from what is
    really held, so that its own no-trade region decides what a change of leader is worth; another
    takes over only with twice
    the weight. The price is that the regret bound of the mixture does not hold for the leader.

    *Rows, not steps.* Shadows live on the rows of the windows that are shown, each once; a row that
    no window shows is a hole to them. What is learnt does not depend on the real holdings.
    """

    rules: TradingRules | None = None
    decision_lag: int = 1
    warm_up: int = 1008
    level: float = 0.05
    share: float = 1.0 / 288.0
    record: int = 576
    evidence: float = 2.0

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        check_integer("decision_lag", self.decision_lag, at_least=0)
        check_integer("warm_up", self.warm_up, at_least=0)
        check_number("level", self.level, above=0.0, below=1.0)
        check_number("share", self.share, above=0.0, below=1.0)
        check_integer("record", self.record, at_least=2)
        check_number("evidence", self.evidence, at_least=0.0)

    @property
    def _rules(self) -> TradingRules:
        return TradingRules() if self.rules is None else self.rules

    def reset(self) -> None:
        """Forget candidates, accounts, weights and log."""
        self.log: list[dict[str, Any]] = []
        self.names: list[str] = []
        self._leader = CASH
        self._seen: np.datetime64 | None = None
        self._shadows: list[PaperAccount] = []
        self._records: list[Record] = []
        self._shares: FloatArray = np.zeros(len(SOURCES))

    # -- what it sees ------------------------------------------------------------------------------

    def signals(self, panel: Panel, first: int, last: int, depth: int) -> dict[str, FloatArray]:
        """Return the forecasts of all sources from the rows ``first`` to ``last - 1``: (rows,
        sources, assets).

        See :meth:`SignalDriven.signals`.
        """
        return {"forecasts": forecasts_of(SOURCES, panel, first, last, depth, self.decision_lag)}

    def decide_on(
        self, window: Panel, holdings: pd.Series, signal: Mapping[str, FloatArray]
    ) -> pd.Series | None:
        """Return wanted weights given the forecasts of the window's last row; ``None`` where
        nothing is to be traded.
        """
        self._take_in(window, signal["forecasts"])
        held = holdings.to_numpy(dtype=np.float64)
        if self._leader == CASH:
            least = self._least_order(holdings)
            return weights_of(window, np.zeros(len(held))) if (held > least).any() else None
        shadow = self._shadows[self._leader - 1]
        if shadow.candidate.from_holdings:
            scene = DecisionContext(window, signal["forecasts"], self._shares)
            wanted = shadow.candidate.decide(
                scene, held, float(holdings.attrs.get("value", self._rules.capital))
            )
        else:
            wanted = shadow.account.weights
            wanted = None if float(np.abs(wanted - held).sum()) < DRIFT else wanted
        return None if wanted is None else weights_of(window, np.maximum(wanted, 0.0))

    def watch(
        self,
        panel: Panel,
        start: TimeLike | None = "2018-01-25",
        end: TimeLike | None = None,
        *,
        depth: int = 2016,
    ) -> AutonomousInvestor:
        """Learn from a market without trading in it: what a walk over the same span learns, and why
        it chose as it did.

        Parameters
        ----------
        panel : Panel
            The market.
        start, end : time, optional
            Of the walk; ``None``: the panel's own.
        depth : int
            Most rows of a window.

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
        lag = self.decision_lag * panel.step.to_timedelta64()
        stamps = panel._stamps
        first = (
            0
            if start is None
            else int(np.searchsorted(stamps, as_stamp("start", start) - lag, side="right")) - 1
        )
        last = (
            len(stamps)
            if end is None
            else int(np.searchsorted(stamps, as_stamp("end", end) - lag, side="right"))
        )
        first = max(first, 0)
        if first >= last:
            raise DataError(f"no row of the panel lies between start={start} and end={end}")
        for low in range(first, last, 288):
            high = min(low + 288, last)
            block = self.signals(panel.row_slice(0, high), low, high, depth)["forecasts"]
            for row in range(low, high):
                self._take_in(panel._window(stamps[row], depth), block[row - low])
        return self

    def log_frame(self) -> pd.DataFrame:
        """Return the log as a table by time: leader, reason, then ``weight of`` and ``proof of``
        each candidate.

        A proof of 1 and more says that the candidate has beaten cash by more than chance.
        """
        columns = [
            "leader",
            "reason",
            *(f"{kind} of {name}" for kind in ("weight", "proof") for name in self.names),
        ]
        lines = [
            [
                entry["leader"],
                entry["reason"],
                *(entry[kind][name] for kind in ("weights", "proofs") for name in self.names),
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
        """How often a candidate could not decide, by candidate and message: it kept its paper
        holdings then.
        """
        return {
            f"{shadow.candidate.name}: {message}": count
            for shadow in self._shadows
            for message, count in shadow.failures.items()
        }

    # -- what it learns ----------------------------------------------------------------------------

    def _take_in(self, window: Panel, forecasts: FloatArray) -> None:
        """Let the shadows live through the rows that the window newly shows."""
        stamps = window._stamps
        last = len(stamps) - 1
        if self._seen is None:
            first = last - self._warm_up_rows(len(stamps), len(window.assets))
            self._begin(window, first)
        else:
            first = int(np.searchsorted(stamps, self._seen, side="right"))
        if first > last:
            return
        before = (
            self.signals(window, first, last, last + 1)["forecasts"]
            if first < last
            else forecasts[None][:0]
        )
        price = window.array("price")
        for row in range(first, last + 1):
            self._live(
                window.row_slice(0, row + 1),
                forecasts if row == last else before[row - first],
                price[row],
            )
        self._seen = stamps[last]

    def _warm_up_rows(self, rows: int, assets: int) -> int:
        """Rows before the last one that the shadows live through at the first decision."""
        affordable = WARM_UP_CELLS // assets
        return min(rows // 2, self.warm_up, affordable) if affordable >= SHORTEST_WARM_UP else 0

    def _begin(self, window: Panel, first: int) -> None:
        """Open the accounts, at the first row of the warm-up."""
        rules = self._rules
        if rules.limited and rules.numeraire is not None and rules.numeraire not in window.assets:
            rules = rules.without_limits()
        self._unit = (
            int(window.columns_of([rules.numeraire])[0])
            if rules.limited and rules.numeraire is not None
            else -1
        )
        self._tradable = self._unit < 0 or bool(window.observed_array[:first, self._unit].any())
        chosen: list[Candidate] = candidates([source.name for source in SOURCES], rules)
        start = window._stamps[first]
        self._shadows = [
            PaperAccount(candidate, window, rules, start, self.decision_lag) for candidate in chosen
        ]
        self._records = [
            Record(source.span, self.decision_lag, self.record, self.evidence) for source in SOURCES
        ]
        self.names = ["cash", *(candidate.name for candidate in chosen)]
        unit = max(rules.fee, LEAST_UNIT)
        self._hedge = FixedShareHedge(len(self.names), self.share, unit)
        self._proof = SequentialTest(len(chosen), self.level, TERM, unit)
        known = np.full(len(window.assets), np.nan)
        if first > 0:
            known = window.row_slice(0, first).last_known()[-1]
        self._log_price: FloatArray = np.log(known)
        self._leader = CASH
        self._day = start.astype("datetime64[D]")
        self._note(window.times[first], "nothing is proven yet")

    def _live(self, window: Panel, forecasts: FloatArray, price: FloatArray) -> None:
        """One row: what came of the forecasts, of the shadows, and so of the weights."""
        with np.errstate(invalid="ignore"):
            self._log_price = np.where(np.isnan(price), self._log_price, np.log(price))
        quotes = (
            price
            if window._observed is None
            else np.where(window.observed_array[-1], price, np.nan)
        )
        if not self._tradable:
            self._tradable = bool(quotes[self._unit] > 0.0)
        self._shares = np.array(
            [
                record.update(line, self._log_price)
                for record, line in zip(self._records, forecasts, strict=True)
            ]
        )
        scene = DecisionContext(window, forecasts, self._shares)
        growth = np.array(
            [shadow.advance(scene, quotes, self._tradable) for shadow in self._shadows]
        )
        self._hedge.update(np.concatenate([[0.0], -growth]))
        self._proof.update(growth)
        self._choose(window.times[-1])

    def _choose(self, now: pd.Timestamp) -> None:
        """Keep the leader, or let another take over; write down why."""
        weights = self._hedge.weights
        eligible = np.append(True, self._proof.proven)
        best = int(np.argmax(np.where(eligible, weights, -1.0)))
        leads = self.names[best]
        reason = ""
        if not eligible[self._leader]:
            reason = f"{self.names[self._leader]} no longer beats cash by more than chance"
        elif weights[best] > LEAD * weights[self._leader]:
            reason = (
                f"{leads} has {weights[best]:.2f} of the weight, {self.names[self._leader]} "
                f"{weights[self._leader]:.2f}"
            )
            if best != CASH:
                reason += f"; its proof over cash is {self._proof.strength[best - 1]:.2f}"
        if reason:
            self._leader = best
        day = now.to_datetime64().astype("datetime64[D]")
        if reason or day != self._day:
            self._day = day
            self._note(now, reason or "a new day")

    def _note(self, now: pd.Timestamp, reason: str) -> None:
        self.log.append(
            {
                "time": now,
                "leader": self.names[self._leader],
                "reason": reason,
                "weights": dict(zip(self.names, self._hedge.weights.tolist(), strict=True)),
                "proofs": dict(zip(self.names, [0.0, *self._proof.strength.tolist()], strict=True)),
            }
        )

    def _least_order(self, holdings: pd.Series) -> float:
        """Share of the portfolio below which an order is dropped."""
        unit = 1.0 if self._rules.numeraire is None else 0.0
        if self._unit >= 0:
            unit = float(np.exp(np.nan_to_num(self._log_price[self._unit], nan=-np.inf)))
        return (
            self._rules.min_order * unit / float(holdings.attrs.get("value", self._rules.capital))
        )

"""Run: the decisions of one investor, their replay, and their times."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.typing import FloatArray, IntArray
from statarb.backtest.decisions import Decisions
from statarb.backtest.replay import Replay, replay
from statarb.data.panel import Panel
from statarb.rules import TradingRules
from statarb.walk.explained import Explanation

__all__ = ["Decided", "Run"]


@dataclasses.dataclass(frozen=True, eq=False)
class Decided:
    """Decisions of a walk, packed: weights above 0 alone, by compressed rows.

    Parameters
    ----------
    investor : str
        Its name.
    decision_lag : int
        Steps between the last row that a decision could use and the price at which it trades.
    span : range
        Positions in the grid of the steps that were decided on.
    step : (decisions,) int64
        Positions in the grid of the steps with a usable decision other than "keep".
    starts, index, data : arrays
        Decision d has the weights ``data[starts[d]:starts[d + 1]]`` of the columns
        ``index[starts[d]:starts[d + 1]]``.
    seconds : (steps,)
        Time of each decision.
    failures : tuple of (time, reason, message)
        Decisions that could not be used.
    hindsight : bool
        Whether the investor was shown the whole span beforehand: a benchmark, which is not ranked.
    reasons : tuple of (text, int)
        Why it held cash or kept its holdings, with counts, where it says so.
    explanation : Explanation
        What its sources promised and delivered, how its problems were solved, and what it left out.
    """

    investor: str
    decision_lag: int
    span: range
    step: IntArray
    starts: IntArray
    index: IntArray
    data: FloatArray
    seconds: FloatArray
    failures: tuple[tuple[pd.Timestamp, str, str], ...]
    hindsight: bool = False
    reasons: tuple[tuple[str, int], ...] = ()
    explanation: Explanation = dataclasses.field(default_factory=Explanation)


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Run:
    """One investor through time.

    Parameters
    ----------
    decided : Decided
        What was decided.
    replay : Replay
        Value, cash, fees, turnover, realised weights and orders.
    rules : TradingRules
        The rules under which it traded.
    step : Timedelta
        Step of the grid.
    grid : DatetimeIndex
        Times of the market.
    assets : Index
        Assets of the market.
    """

    decided: Decided
    replay: Replay
    rules: TradingRules
    step: pd.Timedelta
    grid: pd.DatetimeIndex
    assets: pd.Index

    @classmethod
    def replayed(cls, decided: Decided, panel: Panel, rules: TradingRules) -> Run:
        """Trade decisions by the rules; the same arithmetic as on the walk.

        Parameters
        ----------
        decided : Decided
            Decisions on ``panel``.
        panel : Panel
            The market that they were made on.
        rules : TradingRules
            The rules that they were made under.

        Returns
        -------
        Run
        """
        grid = panel.grid
        packed = Decisions.from_sparse(decided.step, decided.starts, decided.index, decided.data)
        account = replay(
            panel, packed, rules, start=grid[decided.span.start], end=grid[decided.span.stop - 1]
        )
        return cls(decided, account, rules, panel.step, grid, panel.assets)

    def __repr__(self) -> str:
        value, score = self.replay.value, self.replay.score()
        return (
            f"Run({self.investor}, decision lag {self.decision_lag}, {value.index[0]} to "
            f"{value.index[-1]}: "
            f"return {score.total_return:+.2%}, G {score.G:,.2f}, {self.replay.orders_executed:,} "
            "orders, "
            f"{len(self.decided.failures):,} failures)"
        )

    @property
    def investor(self) -> str:
        """Name of the investor."""
        return self.decided.investor

    @property
    def decision_lag(self) -> int:
        """Steps between the last row that a decision could use and the price at which it traded."""
        return self.decided.decision_lag

    @property
    def targets(self) -> pd.DataFrame:
        """Target weights, time x asset; only the steps with a usable decision other than "keep".
        Made anew at every call.
        """
        decided = self.decided
        values = np.zeros((len(decided.step), len(self.assets)))
        row = np.repeat(np.arange(len(decided.step)), np.diff(decided.starts))
        values[row, decided.index] = decided.data
        return pd.DataFrame(values, index=self.grid[decided.step], columns=self.assets, copy=False)

    @property
    def assets_targeted(self) -> pd.Index:
        """Assets that had a target weight other than 0 at some step, in the market's order."""
        held = self.decided.index[self.decided.data != 0.0]
        return self.assets[np.unique(held)]

    @property
    def value(self) -> pd.Series:
        """Value of the portfolio at each step, before trading, in the currency of the prices."""
        return self.replay.value

    @property
    def reasons(self) -> pd.Series:
        """Why the investor held cash or kept its holdings: count by reason, where it says so."""
        return pd.Series(dict(self.decided.reasons), name="decisions", dtype=np.int64)

    @property
    def sources(self) -> pd.DataFrame | None:
        """What each of the investor's sources promised and delivered, a row a decision and source,
        where it says so: columns ``time`` (of the last row seen)``, source, horizon, shrinkage,
        promised, delivered, reason``.
        """
        return self.decided.explanation.sources

    @property
    def certificates(self) -> pd.DataFrame | None:
        """How far each answer of the investor's optimizer can be from the optimum, where it says
        so: columns ``time`` (of the last row seen)``, gap, status, seconds``.
        """
        return self.decided.explanation.certificates

    @property
    def seconds(self) -> pd.Series:
        """Seconds taken to reach the decision of each step, its share of signals computed in blocks
        included.
        """
        return pd.Series(self.decided.seconds, index=self.replay.value.index, name="seconds")

    @property
    def failures(self) -> pd.DataFrame:
        """Decisions that could not be used, and so kept the holdings: columns ``time, reason,
        message``.
        """
        return pd.DataFrame(list(self.decided.failures), columns=["time", "reason", "message"])

    @property
    def utilisation(self) -> pd.Series:
        """U(t) = 100 T_s(t) / T_g: time of each decision in percent of the step (case statement,
        investment scoring 2).
        """
        return (100.0 * self.seconds / (self.step / pd.Timedelta(1, unit="s"))).rename(
            "utilisation_percent"
        )

    def metrics(self) -> dict[str, Any]:
        """Return the figures by which runs are compared, as plain numbers."""
        score = self.replay.score()
        targeted = self.assets_targeted
        return {
            "investor": self.investor,
            "G": score.G,
            "total_return": score.total_return,
            "downside": score.downside,
            "final_value": float(self.replay.value.iloc[-1]),
            "fees_paid": float(self.replay.fees.sum()),
            "turnover": float(self.replay.turnover.sum()),
            "maximum_drawdown": score.maximum_drawdown,
            "exposure": score.exposure,
            "orders": self.replay.orders_executed,
            "orders_dropped": self.replay.orders_dropped,
            "orders_cut": self.replay.orders_cut,
            "orders_by_reason": {
                str(reason): int(count) for reason, count in self.replay.counts.items()
            },
            "stale_value": float(self.replay.stale_value().mean()),
            "reasons": dict(self.decided.reasons),
            "left_out": dict(self.decided.explanation.left_out),
            "failures": len(self.failures),
            "failures_by_reason": dict(Counter(reason for _, reason, _ in self.decided.failures)),
            "decision_lag": self.decision_lag,
            "hindsight": self.decided.hindsight,
            "steps": len(self.replay.value),
            "assets": len(self.assets),
            "assets_targeted": len(targeted),
            # which asset an investor in one asset chose, where it was not told
            "only_asset": str(targeted[0]) if len(targeted) == 1 else None,
            "utilisation_max_percent": float(self.utilisation.max()),
            "seconds": float(self.seconds.sum()),
            "start": str(self.replay.value.index[0]),
            "end": str(self.replay.value.index[-1]),
            "insolvent_at": None
            if self.replay.insolvent_at is None
            else str(self.replay.insolvent_at),
        }

    def summary(self) -> str:
        """Return the main figures in a few lines of text."""
        figures = self.metrics()
        lines = [
            f"{self.investor}, decision lag {self.decision_lag}: {figures['start']} to "
            f"{figures['end']}, "
            f"{figures['steps']} steps, {figures['assets']} assets"
            + (f", all in {figures['only_asset']}" if figures["only_asset"] is not None else ""),
            f"  return {figures['total_return']:+.2%}, G {figures['G']:,.2f}, "
            f"largest drawdown {figures['maximum_drawdown']:.2%}",
            f"  final value {figures['final_value']:,.2f}, fees {figures['fees_paid']:,.2f}, "
            f"turnover {figures['turnover']:,.2f}",
            f"  orders {figures['orders']:,}, cut {figures['orders_cut']:,}, dropped "
            f"{figures['orders_dropped']:,}; "
            f"failures {figures['failures']:,}; slowest decision "
            f"{figures['utilisation_max_percent']:.4f} % of the step",
        ]
        if figures["stale_value"] > 0.0:
            lines.append(
                f"  {figures['stale_value']:.2%} of the value, on average, at prices older than 12 "
                "rows"
            )
        for reason, count in figures["reasons"].items():
            lines.append(f"  held cash or kept its holdings {count:,} times: {reason}")
        for what, count in figures["left_out"].items():
            lines.append(f"  {what} ({count:,} times)")
        for _, group in self.failures.groupby("reason"):
            first = group.iloc[0]
            lines.append(
                f"  {len(group):,} decisions not used ({first['reason']}), "
                f"the first at {first['time']}: {first['message']}"
            )
        return "\n".join(lines)

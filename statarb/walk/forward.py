"""The walk: at every step of the grid the investor decides from what was known, and the rules trade
it.
"""

from __future__ import annotations

import copy
import dataclasses
import time
import warnings
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.checks import check_integer, check_jobs, check_panel
from statarb._core.progress import track
from statarb._core.time import as_stamp
from statarb._core.typing import FloatArray, IntArray, TimeLike
from statarb.backtest.account import Account, observed_quotes
from statarb.data.panel import Panel
from statarb.errors import DataError, LookAheadError, ParameterError
from statarb.investors.base import Investor, as_investor
from statarb.rules import TradingRules
from statarb.walk.checkpoint import Checkpoint, code_version, content_key
from statarb.walk.run import Decided, Run
from statarb.walk.signals import Block, SignalInvestor, SignalsFailed, signal_blocks

__all__ = ["decide_all", "walk_forward"]

SUM_TOLERANCE = 1e-9
"""Weights may sum above 1 by this much, the rounding of a sum of many numbers; it is taken back
before trading.
"""
DAY = 288
"""Steps in a block: a day of 5-minute steps."""


def walk_forward(
    investor: Investor | str,
    panel: Panel,
    rules: TradingRules | None = None,
    *,
    start: TimeLike | None = "2018-01-25",
    end: TimeLike | None = None,
    depth: int | None = 2016,
    decision_lag: int = 1,
    n_jobs: int = 1,
    checkpoint: str | Path | None = None,
    block: int = DAY,
    allow_look_ahead: bool = False,
    progress: bool = False,
) -> Run:
    """Let an investor decide at every step, with its real holdings, and trade what it wants by the
    rules.

    For the step t the investor sees the rows up to ``t - decision_lag`` steps, and its holdings at
    that time (with the value of the portfolio, in USD, as ``holdings.attrs["value"]``); the weights
    that it wants are traded at P(t) (case rules, section 4). A decision that cannot be used (an
    exception, NaN, a negative weight, more than 1 in all, an unknown asset, or more time than a
    step lasts) keeps the holdings; it is counted, and its reason is in ``Run.failures``. Only what
    says nothing about the investor, an interruption or a lack of memory, ends the walk; with a
    checkpoint it can go on from there.

    Parameters
    ----------
    investor : Investor or str
        Anything with ``name`` and ``decide(window, holdings)``, or a registered name. It is copied;
        the walk starts with a fresh copy, and sets its attributes ``decision_lag`` (where there is
        one) and ``rules`` (where it is ``None``).
    panel : Panel
        The market.
    rules : TradingRules, optional
        Capital, fee and order limits; by default those of the case.
    start, end : time, optional
        The first decision is for the first time of the grid at or after ``start``, the last one for
        the last time at or before ``end``. ``None``: the panel's own.
    depth : int or None
        Most observed rows in a window.
    decision_lag : int
        Steps between the last row that a decision may use and the price at which it trades. 0
        trades at the very price that is looked at: never believe such a gain without its twin at 1.
    n_jobs : int
        Processes for signals that an investor can compute in blocks
        (:class:`~statarb.walk.signals.SignalInvestor`), through joblib's current backend. The
        result is the same for every number.
    checkpoint : path, optional
        Folder in which finished blocks are kept. A walk that was killed goes on from there, and
        ends with the same result.
    block : int
        Steps in a block. The result does not depend on it.
    allow_look_ahead : bool
        Whether a panel that was imputed with later values is taken all the same.
    progress : bool
        Whether to show a bar on a terminal.

    Returns
    -------
    Run
        Replay, wanted weights, seconds, failures.

    Raises
    ------
    ParameterError
        An argument outside what is allowed.
    DataError
        No time of the grid in the span; the numeraire is not in the panel; the checkpoint cannot be
        written.
    LookAheadError
        The panel was imputed with values from later times.
    """
    rules = TradingRules() if rules is None else rules
    decided = decide_all(
        investor,
        panel,
        rules,
        start=start,
        end=end,
        depth=depth,
        decision_lag=decision_lag,
        n_jobs=n_jobs,
        checkpoint=checkpoint,
        block=block,
        allow_look_ahead=allow_look_ahead,
        progress=progress,
    )
    return Run.replayed(decided, panel, rules)


def decide_all(
    investor: Investor | str,
    panel: Panel,
    rules: TradingRules,
    *,
    start: TimeLike | None,
    end: TimeLike | None,
    depth: int | None,
    decision_lag: int,
    n_jobs: int = 1,
    checkpoint: str | Path | None = None,
    block: int = DAY,
    allow_look_ahead: bool = False,
    progress: bool = False,
) -> Decided:
    """Walk, and return the decisions alone: small enough to be sent between processes. See
    :func:`walk_forward`.
    """
    check_panel(panel)
    decision_lag = check_integer("decision_lag", decision_lag, at_least=0)
    block = check_integer("block", block, at_least=1)
    depth = None if depth is None else check_integer("depth", depth, at_least=1)
    n_jobs = check_jobs(n_jobs)
    if panel.looks_ahead and not allow_look_ahead:
        raise LookAheadError(
            f"the panel was imputed by {panel.imputation!r}, which uses later values; impute "
            "inside the window, use 'lvcf', or "
            "pass allow_look_ahead=True"
        )
    chosen = as_investor(investor)
    span = _span(panel, start, end)
    if decision_lag >= span.stop:
        raise ParameterError(
            f"decision_lag must be below {span.stop}, the steps of the panel up to the last "
            f"decision, got {decision_lag}"
        )
    store = None
    if checkpoint is not None:
        key = content_key(
            {
                "code": code_version(),
                "investor": chosen,
                "panel": panel.digest(),
                "rules": dataclasses.asdict(rules),
                "walk": [span.start, span.stop, depth, decision_lag, block],
            }
        )
        store = Checkpoint(checkpoint, key)
    agent = _fresh(chosen, decision_lag, rules)
    # a yardstick that is shown the whole span, and says so in every table
    if getattr(agent, "hindsight", False):
        agent.fit_hindsight(panel.between(panel.grid[span.start], panel.grid[span.stop - 1]))
    walk = _Walk(agent, panel, rules, span, depth, decision_lag)
    walk.go(n_jobs=n_jobs, block=block, store=store, show=progress)
    return walk.decided(chosen.name)


class _Walk:
    """State of a walk between two steps: everything that a checkpoint has to keep."""

    def __init__(
        self,
        agent: Any,
        panel: Panel,
        rules: TradingRules,
        span: range,
        depth: int | None,
        decision_lag: int,
    ) -> None:
        self.agent, self.panel, self.span = agent, panel, span
        self.depth, self.lag = depth, decision_lag
        self.account = Account(panel, rules, start=panel.grid[span.start])
        self.pending: deque[FloatArray | None] = deque()
        self.seconds: list[float] = []
        self.failures: list[tuple[pd.Timestamp, str, str]] = []
        self.wanted: list[tuple[int, IntArray, FloatArray]] = []  # target, columns, their weights
        self.step_seconds = float(panel.step / pd.Timedelta(1, unit="s"))
        self.row_of = np.searchsorted(panel.rows, np.arange(len(panel.grid)), side="right") - 1
        self.quotes = observed_quotes(panel)

    def go(self, *, n_jobs: int, block: int, store: Checkpoint | None, show: bool) -> None:
        """Walk from the start, or from where the store ends, to the last step."""
        first = self.span.start - self.lag
        edges = [
            (low, min(low + block, self.span.stop)) for low in range(first, self.span.stop, block)
        ]
        done = self._resume(store)
        signals = (
            _Signals(self, max(edges[done][0], 0), n_jobs, block, store, show)
            if done < len(edges)
            else None
        )
        for number in track(
            range(done, len(edges)), str(self.agent.name), total=len(edges) - done, show=show
        ):
            before = (len(self.seconds), len(self.failures), len(self.wanted))
            for now in range(*edges[number]):
                self._step(now, signals)
            if store is not None:
                self._keep(store, number, before)

    def _step(self, now: int, signals: _Signals | None) -> None:
        """Stand at one time of the grid: mark, trade what was decided for it, decide what the lag
        allows.
        """
        if now >= self.span.start:
            row = self.row_of[now]
            self.account.mark(
                self.quotes[row] if row >= 0 and self.panel.rows[row] == now else None
            )
            if self.lag > 0:
                self._trade(self.pending.popleft())
        target = now + self.lag
        if target < self.span.stop:
            wanted = self._decide(now, target, signals)
            if wanted is not None:
                column = np.flatnonzero(wanted)
                self.wanted.append((target, column, wanted[column]))
            if self.lag > 0:
                self.pending.append(wanted)
            else:
                self._trade(wanted)

    def _trade(self, wanted: FloatArray | None) -> None:
        if wanted is not None:
            self.account.trade(wanted)

    def _decide(self, now: int, target: int, signals: _Signals | None) -> FloatArray | None:
        """Ask the investor; whatever goes wrong there keeps the holdings, and is written down."""
        row = self.row_of[now] if now >= 0 else -1
        if row < 0:  # nothing has been quoted yet
            self.seconds.append(0.0)
            return None
        window = self.panel._window(self.panel._grid[now], self.depth)
        holdings = pd.Series(self.account.weights, index=self.panel.assets)
        holdings.attrs["value"] = self.account.value
        signal, spent = signals.at(row) if signals is not None and signals.used else (None, 0.0)
        started = time.perf_counter()
        reason, message, answer = "", "", None
        try:
            answer = (
                self.agent.decide(window, holdings)
                if signal is None
                else self.agent.decide_on(window, holdings, signal)
            )
        # says something about the machine: whoever has more of it must get the same run
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - the boundary to other people's code: counted, kept, shown
            reason, message = "exception", f"{type(error).__name__}: {error}"
        seconds = time.perf_counter() - started + spent
        self.seconds.append(seconds)
        wanted: FloatArray | None = None
        if not reason and seconds > self.step_seconds:
            reason, message = "too late", f"took {seconds:.1f} s of {self.step_seconds:g} s"
        if not reason and answer is not None:
            wanted, reason, message = as_weights(answer, self.panel.assets)
        if reason:
            self.failures.append((pd.Timestamp(self.panel._grid[target]), reason, message))
            return None
        return wanted

    def decided(self, name: str) -> Decided:
        """Pack what was decided."""
        filled = [len(column) for _, column, _ in self.wanted]
        return Decided(
            investor=name,
            decision_lag=self.lag,
            span=self.span,
            step=np.array([target for target, _, _ in self.wanted], dtype=np.int64),
            starts=np.concatenate([[0], np.cumsum(filled)]).astype(np.int64),
            index=np.concatenate(
                [np.empty(0, np.int64), *(column for _, column, _ in self.wanted)]
            ),
            data=np.concatenate([np.empty(0), *(weights for _, _, weights in self.wanted)]),
            seconds=np.array(self.seconds),
            failures=tuple(self.failures),
            hindsight=bool(getattr(self.agent, "hindsight", False)),
        )

    def _keep(self, store: Checkpoint, number: int, before: tuple[int, int, int]) -> None:
        """Write what this block added, then the state after it; only the last two states are
        kept.
        """
        added = (self.seconds[before[0] :], self.failures[before[1] :], self.wanted[before[2] :])
        store.write(f"steps-{number:06d}", added)
        store.write(f"state-{number:06d}", (self.account, self.pending, self.agent))
        store.remove(f"state-{number - 2:06d}")

    def _resume(self, store: Checkpoint | None) -> int:
        """Take over the last state that the store has whole; return the number of blocks that are
        done.
        """
        if store is None:
            return 0
        for name in reversed(store.names("state-")):
            done = int(name.removeprefix("state-")) + 1
            state = store.read(name)
            added = [
                part
                for number in range(done)
                if (part := store.read(f"steps-{number:06d}")) is not None
            ]
            if state is None or len(added) < done:
                continue
            self.account, self.pending, self.agent = state
            for seconds, failures, wanted in added:
                self.seconds += seconds
                self.failures += failures
                self.wanted += wanted
            return done
        return 0


class _Signals:
    """Signals of one investor, read forwards; none for an investor that computes all in
    ``decide``.
    """

    def __init__(
        self, walk: _Walk, now: int, n_jobs: int, block: int, store: Checkpoint | None, show: bool
    ) -> None:
        self.name = walk.agent.name
        self.used = isinstance(walk.agent, SignalInvestor)
        first, last = (
            int(max(walk.row_of[now], 0)),
            int(walk.row_of[walk.span.stop - 1 - walk.lag]) + 1,
        )
        self.blocks: Iterator[Block] = iter(())
        self.block: Block | None = None
        if self.used and last > first:
            self.blocks = signal_blocks(
                walk.agent,
                walk.panel,
                first,
                last,
                depth=walk.depth if walk.depth is not None else last,
                block=block,
                n_jobs=n_jobs,
                store=store,
                show=show,
            )

    def at(self, row: int) -> tuple[dict[str, FloatArray] | None, float]:
        """Return the signal of a row, and its share of the time that its block took; rows only go
        forwards.

        ``None`` where the block could not be computed: the investor is then asked at every step.
        """
        try:
            while self.block is None or row >= self.block.last:
                self.block = next(self.blocks)
        except SignalsFailed as error:
            self.used = False
            warnings.warn(
                f"the signals of {self.name!r} cannot be computed in blocks ({error}); deciding "
                "step by step instead, where "
                "each failure is counted",
                RuntimeWarning,
                stacklevel=2,
            )
            return None, 0.0
        return self.block.row(row), self.block.seconds_a_row


def as_weights(answer: Any, assets: pd.Index) -> tuple[FloatArray | None, str, str]:
    """Turn an investor's answer into weights by column; else give the reason why it cannot be used,
    and the details.

    Parameters
    ----------
    answer : object
        What :meth:`Investor.decide` returned: a Series or mapping by asset, or an array of one
        weight an asset.
    assets : Index
        Assets of the panel.

    Returns
    -------
    (assets,) or None, str, str
        Weights, whose sum is at most 1; None where the answer cannot be used. Reason and details,
        empty where it can.
    """
    if isinstance(answer, dict):
        answer = pd.Series(answer, dtype=object)
    try:
        values = np.asarray(answer, dtype=np.float64)
    except (TypeError, ValueError) as error:
        return None, "no numbers", f"an answer must hold one number an asset: {error}"
    if isinstance(answer, pd.Series):
        column = assets.get_indexer(answer.index)
        if (column < 0).any():
            return (
                None,
                "unknown asset",
                f"asset {answer.index.tolist()[int(np.flatnonzero(column < 0)[0])]!r} is not in "
                "the panel",
            )
        if not answer.index.is_unique:
            return (
                None,
                "unknown asset",
                f"asset {answer.index[answer.index.duplicated()].tolist()[0]!r} stands twice in "
                "the answer",
            )
    else:
        column = np.arange(len(assets))
        if values.shape != (len(assets),):
            return (
                None,
                "wrong shape",
                f"an array must have one weight an asset ({len(assets)}), got the shape "
                f"{values.shape}",
            )
    if not np.isfinite(values).all():
        worst = int(np.flatnonzero(~np.isfinite(values))[0])
        return (
            None,
            "not finite",
            f"the weight of asset {assets.tolist()[column[worst]]!r} is {values[worst]}",
        )
    if (values < -SUM_TOLERANCE).any():
        worst = int(np.argmin(values))
        return (
            None,
            "negative",
            f"the weight of asset {assets.tolist()[column[worst]]!r} is {values[worst]:g}",
        )
    weights = np.zeros(len(assets))
    weights[column] = np.maximum(values, 0.0)
    total = float(weights.sum())
    if total > 1.0 + SUM_TOLERANCE:
        return None, "sum above 1", f"the weights sum to {total:.12g}"
    return (weights / total if total > 1.0 else weights), "", ""


def _span(panel: Panel, start: TimeLike | None, end: TimeLike | None) -> range:
    """Positions in the grid of the steps that are decided on."""
    grid = panel._grid
    first = (
        0 if start is None else int(np.searchsorted(grid, as_stamp("start", start), side="left"))
    )
    last = (
        len(grid) if end is None else int(np.searchsorted(grid, as_stamp("end", end), side="right"))
    )
    if start is not None and end is not None and as_stamp("start", start) > as_stamp("end", end):
        raise ParameterError(f"start must not be after end, got start={start} and end={end}")
    if first >= last:
        wanted = (
            f"from {start} on"
            if end is None
            else f"up to {end}"
            if start is None
            else f"between {start} and {end}"
        )
        raise DataError(
            f"no time of the panel lies {wanted}: it runs from {panel.grid[0]} to "
            f"{panel.grid[-1]}; give another start "
            "(start=None: that of the panel; the default is the case's)"
        )
    return range(first, last)


def _fresh(investor: Any, decision_lag: int, rules: TradingRules) -> Any:
    """Copy an investor so that a walk neither sees nor leaves traces of another; tell it lag and
    rules where it asks.
    """
    fresh = investor.clone() if hasattr(investor, "clone") else copy.deepcopy(investor)
    if hasattr(fresh, "reset"):
        fresh.reset()
    if hasattr(fresh, "decision_lag"):
        fresh.decision_lag = decision_lag
    if getattr(fresh, "rules", rules) is None:
        fresh.rules = rules
    return fresh

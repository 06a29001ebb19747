"""Walk-forward: at every step of the grid the investor decides from what was known, and the rules
trade it.
"""

from __future__ import annotations

import copy
import dataclasses
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.checks import check_jobs, check_panel
from statarb._core.progress import track
from statarb._core.typing import FloatArray, IntArray, TimeLike
from statarb.backtest.account import Account, numeraire_column, observed_quotes
from statarb.data.panel import Panel
from statarb.errors import LookAheadError
from statarb.investors.base import Investor, as_investor
from statarb.investors.context import reasons_of, rows_needed
from statarb.rules import Context, TradingRules
from statarb.walk.checkpoint import Checkpoint, code_version, content_key
from statarb.walk.explained import explanation_of
from statarb.walk.processes import named_failures, one_thread, terminable
from statarb.walk.run import Decided, Run
from statarb.walk.settings import BLOCK, DEPTH, WalkSettings
from statarb.walk.signals import Block, SignalInvestor, SignalsFailed, signal_blocks
from statarb.walk.step import Stepper

__all__ = ["decide_all", "walk_forward"]


def walk_forward(
    investor: Investor | str,
    panel: Panel,
    rules: TradingRules | None = None,
    *,
    start: TimeLike | None = None,
    end: TimeLike | None = None,
    depth: int | None = DEPTH,
    decision_lag: int = 1,
    n_jobs: int = 1,
    checkpoint: str | Path | None = None,
    block: int = BLOCK,
    allow_look_ahead: bool = False,
    progress: bool = False,
) -> Run:
    """Let an investor decide at every step, with its real holdings, and trade its targets by the
    rules.

    For the step t the investor sees the rows up to ``t - decision_lag`` steps, and its holdings at
    that time; its target weights are traded at P(t) (case rules, section 4). A decision that cannot
    be used (an exception, NaN, a negative weight, more than 1 in all, an unknown asset, or more
    time than a step lasts) keeps the holdings; it is counted, and its reason is in
    ``Run.failures``. An investor that never gave target weights, and does not say why it holds cash
    (:func:`~statarb.investors.context.reasons_of`), never decided: that is a failure at every step.
    Only what says nothing about the investor, an interruption or a lack of memory, ends the walk;
    with a checkpoint it can go on from there.

    Parameters
    ----------
    investor : Investor or str
        Anything with ``name`` and ``decide(window, holdings)``, or a registered name. It is copied;
        the walk starts with a fresh copy. Where ``decide`` takes a third argument, it is given a
        :class:`~statarb.rules.Context`: time of the trade, value, rules and decision lag.
    panel : Panel
        The market.
    rules : TradingRules, optional
        Capital, fee and order limits; by default those of the case.
    start, end : time, optional
        The first decision is for the first time of the grid at or after ``start``, the last one for
        the last time at or before ``end``. By default the panel's own: the first decision that is
        possible, and the last time.
    depth : int or None
        Most observed rows in a window.
    decision_lag : int
        Steps between the last row that a decision may use and the price at which it trades. 0
        trades at the very price that is looked at: never believe such a gain without its delayed
        counterpart at 1.
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
        Replay, target weights, seconds, failures.

    Raises
    ------
    ParameterError
        An argument outside what is allowed.
    DataError
        No time of the grid in the span; the numeraire is not in the panel; the checkpoint cannot be
        written; a worker process was killed.
    LookAheadError
        The panel was imputed with values from later times.
    """
    rules = TradingRules() if rules is None else rules
    decided = decide_all(
        investor,
        panel,
        rules,
        WalkSettings(start, end, depth, decision_lag, block),
        n_jobs=n_jobs,
        checkpoint=checkpoint,
        allow_look_ahead=allow_look_ahead,
        progress=progress,
    )
    return Run.replayed(decided, panel, rules)


def decide_all(
    investor: Investor | str,
    panel: Panel,
    rules: TradingRules,
    settings: WalkSettings,
    *,
    n_jobs: int = 1,
    checkpoint: str | Path | None = None,
    allow_look_ahead: bool = False,
    progress: bool = False,
) -> Decided:
    """Walk, and return the decisions alone: small enough to be sent between processes.

    Parameters
    ----------
    investor, panel, rules, n_jobs, checkpoint, allow_look_ahead, progress
        See :func:`walk_forward`.
    settings : WalkSettings
        Span, depth, decision lag and block.

    Returns
    -------
    Decided
    """
    check_panel(panel)
    n_jobs = check_jobs(n_jobs)
    if panel.looks_ahead and not allow_look_ahead:
        raise LookAheadError(
            f"the panel was imputed by {panel.imputation!r}, which uses later values; impute "
            "inside the window, use 'lvcf', or pass allow_look_ahead=True"
        )
    chosen = as_investor(investor)
    span = first_possible(panel, rules, settings).span(panel)
    store = None
    if checkpoint is not None:
        walked = [span.start, span.stop, settings.depth, settings.decision_lag, settings.block]
        key = content_key(
            {
                "code": code_version(),
                "investor": chosen,
                "panel": panel.digest(),
                "rules": dataclasses.asdict(rules),
                "walk": walked,
            }
        )
        store = Checkpoint(checkpoint, key)
    agent = _fresh(chosen)
    # a benchmark in hindsight is shown the whole span, and says so in every table
    if getattr(agent, "hindsight", False):
        agent.fit_hindsight(panel.between(panel.grid[span.start], panel.grid[span.stop - 1]))
    with one_thread(), terminable(), named_failures(store is not None):
        walk = _Walk(agent, panel, rules, span, settings)
        walk.go(n_jobs=n_jobs, store=store, show=progress)
    return walk.decided(chosen.name)


def first_possible(panel: Panel, rules: TradingRules, settings: WalkSettings) -> WalkSettings:
    """Return the settings with a start: by default the first decision that is possible.

    Parameters
    ----------
    panel : Panel
        The market.
    rules : TradingRules
        Where their limits are in units of an asset, it needs a quote by then.
    settings : WalkSettings
        Whose ``start`` may be ``None``.

    Returns
    -------
    WalkSettings
        With a ``start``: the first time that has a row ``decision_lag`` steps before it.
    """
    column = numeraire_column(panel, rules)
    if settings.start is not None:
        return settings
    first = int(panel.rows[0]) + settings.decision_lag
    if column >= 0:
        price = observed_quotes(panel)[:, column]
        quoted = np.flatnonzero((price > 0.0) & np.isfinite(price))
        first = max(first, int(panel.rows[quoted[0]]) if len(quoted) else 0)
    grid = panel.grid
    return dataclasses.replace(settings, start=grid[min(first, len(grid) - 1)])


class _Walk:
    """A loop over the steps of a panel, and what it has collected so far."""

    def __init__(
        self, agent: Any, panel: Panel, rules: TradingRules, span: range, settings: WalkSettings
    ) -> None:
        self.panel, self.span, self.settings = panel, span, settings
        self.depth, self.lag = settings.depth, settings.decision_lag
        account = Account(panel, rules, start=panel.grid[span.start])
        self.stepper = Stepper(agent, account, self.lag, panel.step / pd.Timedelta(1, unit="s"))
        self.seconds: list[float] = []
        # position of the step that was decided on, reason, message
        self.failures: list[tuple[int, str, str]] = []
        # position of the step, columns and weights above 0
        self.targets: list[tuple[int, IntArray, FloatArray]] = []
        self.grid, self.zone = panel.grid_array, panel.zone
        steps = np.arange(len(self.grid))
        rows = panel.rows
        self.row_of = np.searchsorted(rows, steps, side="right") - 1
        # the row of each step itself; -1 where nothing was quoted
        self.row_at = np.where((self.row_of >= 0) & (rows[self.row_of] == steps), self.row_of, -1)
        self.quotes = observed_quotes(panel)

    @property
    def agent(self) -> Any:
        """The investor, which changes as it learns."""
        return self.stepper.agent

    @property
    def opening(self) -> Context:
        """The context of the start of the walk."""
        rules = self.stepper.account.rules
        return Context(self._time(self.span.start), rules.capital, rules, self.lag)

    def go(self, *, n_jobs: int, store: Checkpoint | None, show: bool) -> None:
        """Walk from the start, or from where the store ends, to the last step."""
        first, block = self.span.start - self.lag, self.settings.block
        edges = [
            (low, min(low + block, self.span.stop)) for low in range(first, self.span.stop, block)
        ]
        done = self._resume(store)
        signals = (
            _Signals(self, max(edges[done][0], 0), n_jobs, store, show)
            if done < len(edges)
            else None
        )
        for number in track(
            range(done, len(edges)), str(self.agent.name), total=len(edges) - done, show=show
        ):
            before = (len(self.seconds), len(self.failures), len(self.targets))
            now, stop = edges[number]
            while now < stop:
                now = self._rest(now, stop) or self._step(now, signals)
            if store is not None:
                self._keep(store, number, before)

    def _step(self, now: int, signals: _Signals | None) -> int:
        """Mark, trade what was decided for it, decide what the lag allows; return the next step."""
        if now >= self.span.start:
            row = self.row_at[now]
            self.stepper.advance(self.quotes[row] if row >= 0 else None)
        target = now + self.lag
        if target < self.span.stop:
            self.stepper.submit(self._decide(now, target, signals))
        return now + 1

    def _rest(self, now: int, stop: int) -> int:
        """Pass the steps before ``stop`` in which the investor wants nothing; return the step to go
        on from, 0 where there is none to pass.
        """
        awake_from, lag = self.stepper.awake_from, self.lag
        if not (
            now >= self.span.start
            and self.row_of[now] < awake_from
            and self.row_of[now] >= 0
            and self.stepper.at_rest
        ):
            return 0
        until = int(np.searchsorted(self.row_of[now:stop], awake_from, side="left")) + now
        asked = max(0, min(until + lag, self.span.stop) - max(now + lag, self.span.start))
        decided = max(0, min(until + lag, self.span.stop) - until)
        self.stepper.rest(self.quotes, self.row_at[now:until], decided)
        self.seconds.extend([0.0] * asked)
        return until

    def _decide(self, now: int, target: int, signals: _Signals | None) -> FloatArray | None:
        """Ask the investor, and keep what came of it."""
        row = int(self.row_of[now]) if now >= 0 else -1
        if row < 0 or row < self.stepper.awake_from:  # nothing has been quoted yet, or it rests
            self.seconds.append(0.0)
            return None
        window = self.panel.window(self.grid[now], self.depth)
        signal, spent = signals.at(row) if signals is not None and signals.used else (None, 0.0)
        found = self.stepper.decide(window, row, self._time(target), signal, spent)
        self.seconds.append(found.seconds)
        if found.reason:
            self.failures.append((target, found.reason, found.message))
        elif found.targets is not None:
            column = np.flatnonzero(found.targets)
            self.targets.append((target, column, found.targets[column]))
        return found.targets

    def _time(self, position: int) -> pd.Timestamp:
        """Return a time of the grid, in the panel's zone."""
        time = pd.Timestamp(self.grid[position])
        return time if self.zone is None else time.tz_localize("UTC").tz_convert(self.zone)

    def decided(self, name: str) -> Decided:
        """Pack what was decided."""
        filled = [len(column) for _, column, _ in self.targets]
        failures = sorted(self.failures + self._never_decided())
        times = self.panel.grid[[step for step, _, _ in failures]].tolist()
        # the first decision was made from the last row that the lag had left it
        seen = max(int(self.row_of[max(self.span.start - self.lag, 0)]), 0)
        return Decided(
            investor=name,
            decision_lag=self.lag,
            span=self.span,
            step=np.array([target for target, _, _ in self.targets], dtype=np.int64),
            starts=np.concatenate([[0], np.cumsum(filled)]).astype(np.int64),
            index=np.concatenate(
                [np.empty(0, np.int64), *(column for _, column, _ in self.targets)]
            ),
            data=np.concatenate([np.empty(0), *(weights for _, _, weights in self.targets)]),
            seconds=np.array(self.seconds),
            failures=tuple(
                (time, reason, message)
                for time, (_, reason, message) in zip(times, failures, strict=True)
            ),
            hindsight=bool(getattr(self.agent, "hindsight", False)),
            reasons=tuple(reasons_of(self.agent).items()),
            explanation=explanation_of(self.agent, self.panel.times_array[seen], self.zone),
        )

    def _never_decided(self) -> list[tuple[int, str, str]]:
        """Failures of an investor that gave no target weights at all, and no reason for it."""
        if self.targets:
            return []
        needed, longest = rows_needed(self.agent), int(self.row_of[self.span.stop - 1 - self.lag])
        longest = longest + 1 if self.depth is None else min(longest + 1, self.depth)
        if longest < needed:
            message = f"needs {needed} rows, had {longest}"
        elif reasons_of(self.agent):  # it chose cash, and says why
            return []
        else:
            message = "kept its holdings, which were cash, at every step"
        failed = {step for step, _, _ in self.failures}
        steps = np.flatnonzero(np.array(self.seconds) > 0.0) + self.span.start
        return [(int(step), "never decided", message) for step in steps if step not in failed]

    def _keep(self, store: Checkpoint, number: int, before: tuple[int, int, int]) -> None:
        """Write what this block added, then the state after it; only the last two states are
        kept.
        """
        added = (self.seconds[before[0] :], self.failures[before[1] :], self.targets[before[2] :])
        store.write(f"steps-{number:06d}", added)
        store.write(f"state-{number:06d}", self.stepper)
        store.remove(f"state-{number - 2:06d}")

    def _resume(self, store: Checkpoint | None) -> int:
        """Restore the last state that the store has whole; return the number of blocks that are
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
            self.stepper = state
            for seconds, failures, targets in added:
                self.seconds += seconds
                self.failures += failures
                self.targets += targets
            return done
        return 0


class _Signals:
    """Signals of one investor, read forwards; none for an investor that computes all in
    ``decide``.
    """

    def __init__(
        self, walk: _Walk, now: int, n_jobs: int, store: Checkpoint | None, show: bool
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
                walk.opening,
                range(first, last),
                walk.settings,
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
        return self.block.row(row), self.block.seconds_per_row


def _fresh(investor: Any) -> Any:
    """Copy an investor so that a walk neither sees nor leaves traces of another."""
    fresh = investor.clone() if hasattr(investor, "clone") else copy.deepcopy(investor)
    if hasattr(fresh, "reset"):
        fresh.reset()
    return fresh

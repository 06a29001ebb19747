"""Replay: what target weights would have earned under fees and order limits."""

from __future__ import annotations

import dataclasses
import datetime
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, overload

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from statarb._core.checks import check_integer
from statarb._core.files import atomic_path, output_folder
from statarb._core.time import Stamps, as_stamp, as_stamps, with_zone
from statarb._core.typing import FloatArray, IntArray, TimeLike
from statarb.backtest._engine.compact import NO_PLACES, compact_places
from statarb.backtest._engine.kernels import run
from statarb.backtest._engine.staleness import stale_share
from statarb.backtest._engine.state import (
    COUNTERS,
    DECIDED,
    REASONS,
    AccountState,
    Market,
    OrderLog,
    Paths,
    Places,
    Targets,
    new_log,
    new_paths,
    new_state,
    order_rules,
    take_orders,
)
from statarb.backtest.account import last_known_price, numeraire_column, observed_quotes
from statarb.backtest.decisions import CASH_NAME, Decisions
from statarb.backtest.events import pack_events
from statarb.backtest.performance import Score, score_path
from statarb.data.panel import Panel
from statarb.errors import DataError, ParameterError
from statarb.rules import TradingRules

__all__ = ["Replay", "replay"]

LOG_ROOM = 1 << 17
"""Orders that are listed at a time."""

BLOCK_STEPS = 1024
"""Steps whose realised weights are in memory at a time."""


@overload
def replay(
    panel: Panel,
    weights: pd.DataFrame | Decisions,
    rules: TradingRules | None = ...,
    *,
    start: TimeLike | None = ...,
    end: TimeLike | None = ...,
    events: pd.DataFrame | None = ...,
    times: Any = ...,
    assets: Any = ...,
) -> Replay: ...
@overload
def replay(
    panel: Panel,
    weights: Sequence[pd.DataFrame] | FloatArray,
    rules: TradingRules | None = ...,
    *,
    start: TimeLike | None = ...,
    end: TimeLike | None = ...,
    events: pd.DataFrame | None = ...,
    times: Any = ...,
    assets: Any = ...,
) -> list[Replay]: ...
@overload
def replay(
    panel: Panel,
    weights: Mapping[Any, pd.DataFrame],
    rules: TradingRules | None = ...,
    *,
    start: TimeLike | None = ...,
    end: TimeLike | None = ...,
    events: pd.DataFrame | None = ...,
    times: Any = ...,
    assets: Any = ...,
) -> dict[Any, Replay]: ...
def replay(
    panel: Panel,
    weights: Any,
    rules: TradingRules | None = None,
    *,
    start: TimeLike | None = None,
    end: TimeLike | None = None,
    events: pd.DataFrame | None = None,
    times: Any = None,
    assets: Any = None,
) -> Any:
    """Replay target weights through the quotes of a panel, exactly by the rules of the case.

    At each time t of the panel's grid, in this order:

    1. Benefits of events are credited, and the account is valued: ``V(t)`` = cash + sum of units x
       price, at the last known price where an asset has no quote at t.
    2. Where ``weights`` has a row for t: target units = target weight x V(t) / P(t), order = target
       - held.
    3. An asset without an observed quote at t is not traded (``"no quote"``). A price that was
       imputed is no quote.
    4. An order whose value in units of the numeraire (at its last known price) is below
       ``rules.min_order`` is dropped (``"below minimum"``), also the sale of all that is held;
       above ``rules.max_order`` it is cut (``"cut to maximum"``).
    5. Sales are executed, then purchases. Each trade costs ``rules.fee`` of its value, out of cash.
       Where cash does not cover all purchases with their fees, all are multiplied by one factor,
       cash / cost; those that fall below the minimum by it are dropped (``"no cash"``). What a
       dropped one leaves over stays cash: there is no second round. Purchases that are scaled for
       fees alone count as ``"executed"``; where cash lacks for more than that (a sale was not
       executed), as ``"no cash"``.
    6. The realised weights after trading are row t of :attr:`Replay.weights`.

    A row with a NaN is a decision that was not computable: the holdings are kept, and it is counted
    in :attr:`Replay.failures`. A time without a row is no decision, and no failure. Once V is 0,
    trading ends.

    Parameters
    ----------
    panel : Panel
        Quotes. Everything runs over its grid, times without any quote included.
    weights : DataFrame, or a list, a mapping or an array of several
        Target weights in [0, 1], time x asset; the assets may be some of the panel's, the rest of a
        row is cash (a column ``"USD"`` is taken for that rest). Several at once: a list or mapping
        of frames, or an array (strategies, times, assets).
    rules : TradingRules, optional
        Start capital, fee and order limits; by default those of the case.
    start, end : time, optional
        First and last time; by default that of the first decision, and the last of the grid. Times
        between two of the grid mean the later (``start``) and the earlier one (``end``).
    events : DataFrame, optional
        Columns ``time``, ``asset``, ``benefit`` (currency per unit, not negative) and optionally
        ``kind``: an airdrop of z USD per unit adds z times the units held at that time to the cash.
        By default nothing happens.
    times, assets : sequence, optional
        Labels of an array of weights; by default the grid from ``start`` to ``end``, and the
        panel's assets.

    Returns
    -------
    Replay, or list or dict of them
        As ``weights``: one by one or together, the numbers are the same to the bit.

    Raises
    ------
    DataError
        A weight that is negative or above 1, a row that sums above 1 (by more than its rounding), a
        time that is not on the grid, out of order or duplicated, a decision before the numeraire
        has a price, an event off the panel's span.
    ParameterError
        An asset or numeraire that the panel does not have; ``start`` after ``end``, or after the
        first decision.

    Notes
    -----
    The sums over assets run in the order of the panel's columns, so a result is the same for every
    layout of ``weights``.

    Examples
    --------
    >>> import pandas as pd, statarb as sa
    >>> times = pd.date_range("2018-01-25", periods=3, freq="5min")
    >>> panel = sa.Panel.from_frame(pd.DataFrame({"a": [1.0, 2.0, 4.0]}, index=times))
    >>> rules = sa.TradingRules(capital=100.0, fee=0.0).without_limits()
    >>> replay(panel, pd.DataFrame({"a": [0.5]}, index=times[:1]), rules).value.tolist()
    [100.0, 150.0, 250.0]
    """
    rules = TradingRules() if rules is None else rules
    if not isinstance(rules, TradingRules):
        raise ParameterError(f"rules must be a TradingRules, got {type(rules).__name__}")
    if not isinstance(panel, Panel):
        raise ParameterError(
            f"panel must be a Panel, got {type(panel).__name__}; make one with "
            "Panel.from_frame(prices)"
        )
    market = _Market(panel, rules, start, end, events)
    if isinstance(weights, Decisions):
        return market.replay(weights)
    if isinstance(weights, pd.DataFrame):
        return market.replay(Decisions.from_frame(panel, weights))
    if isinstance(weights, Mapping):
        return {
            name: market.replay(Decisions.from_frame(panel, frame))
            for name, frame in weights.items()
        }
    if isinstance(weights, np.ndarray):
        stamps = market.stamps if times is None else as_stamps("times", pd.Index(times))
        columns = panel.assets if assets is None else pd.Index(assets)
        shape = (len(stamps), len(columns))
        if weights.ndim not in (2, 3) or weights.shape[-2:] != shape:
            raise DataError(
                "an array of weights must have the shape ([strategies,] times, assets) = ([...,] "
                f"{shape[0]}, {shape[1]}), got "
                f"{weights.shape}; label its axes with times= and assets="
            )
        if weights.ndim == 2:
            return market.replay(
                Decisions.from_array(
                    panel,
                    np.array(weights, dtype=np.float64),
                    stamps,
                    columns,
                    precision=weights.dtype,
                )
            )
        return [
            market.replay(
                Decisions.from_array(
                    panel,
                    np.array(each, dtype=np.float64),
                    stamps,
                    columns,
                    precision=weights.dtype,
                )
            )
            for each in weights
        ]
    if isinstance(weights, Sequence) and not isinstance(weights, (str, bytes)):
        return [market.replay(Decisions.from_frame(panel, frame)) for frame in weights]
    if weights is None or isinstance(weights, (str, bytes, int, float)):
        raise ParameterError(
            "weights must be a table (time x asset), a list or mapping of them, or an array "
            f"(strategies, times, assets), got {type(weights).__name__}"
        )
    return market.replay(Decisions.from_frame(panel, weights))


@dataclasses.dataclass(frozen=True)
class _Plan:
    """All that a run of the kernel needs; the same plan gives the same bits every time."""

    times: Stamps
    zone: datetime.tzinfo | None
    assets: pd.Index
    rules: TradingRules
    numeraire: int
    numeraire_price: float
    market: Market
    targets: Targets
    places: Places
    owner: Any

    @property
    def compact(self) -> bool:
        """Whether the kernel works on few assets that lie side by side."""
        return len(self.places.column) > 0

    @property
    def width(self) -> int:
        """Number of columns that the kernel works on."""
        return len(self.places.column) if self.compact else int(self.market.quotes.shape[1])

    def state(self) -> AccountState:
        """Return the state of the account before the first step."""
        return new_state(self.width, self.rules.capital, self.numeraire_price)

    def no_weights(self) -> FloatArray:
        """Return the array that stands for no realised weights."""
        return np.empty((0, self.width + 1))

    def columns(self) -> IntArray:
        """Return the panel's column of each column of the kernel; -1 for none."""
        return self.places.column if self.compact else np.arange(self.width)

    def block_weights(
        self, state: AccountState, scratch: Paths, first: int, stop: int
    ) -> FloatArray:
        """Run the steps [first, stop) and return the realised weights by column of the kernel."""
        block = np.zeros((stop - first, self.width + 1))
        self.run(state, scratch, block, None, first, stop)
        return block

    def weights(self, state: AccountState, scratch: Paths, first: int, stop: int) -> FloatArray:
        """Run the steps [first, stop) and return the realised weights, (steps, assets + 1)."""
        block = self.block_weights(state, scratch, first, stop)
        if not self.compact:
            return block
        whole = np.zeros((stop - first, len(self.assets) + 1))
        filled = np.flatnonzero(self.places.column >= 0)
        whole[:, self.places.column[filled]] = block[:, filled]
        whole[:, -1] = block[:, -1]
        return whole

    def run(
        self,
        state: AccountState,
        paths: Paths,
        weights: FloatArray,
        log: OrderLog | None,
        first: int,
        stop: int,
    ) -> int:
        """Run the steps [first, stop) from a state, and return the step to go on from."""
        rules = order_rules(self.rules, self.numeraire)
        return run(
            first, stop, self.market, self.targets, self.places, rules, state, paths, weights, log
        )


class _Market:
    """Quotes, rules and events, made ready once for many weight matrices."""

    def __init__(
        self,
        panel: Panel,
        rules: TradingRules,
        start: TimeLike | None,
        end: TimeLike | None,
        events: pd.DataFrame | None,
    ) -> None:
        self._panel = panel
        self._rules = rules
        self._grid: Stamps = panel.grid_array
        self._first = (
            None if start is None else int(np.searchsorted(self._grid, as_stamp("start", start)))
        )
        self._stop = len(self._grid)
        if end is not None:
            self._stop = int(np.searchsorted(self._grid, as_stamp("end", end), side="right"))
        if (
            start is not None
            and end is not None
            and as_stamp("start", start) > as_stamp("end", end)
        ):
            raise ParameterError(f"start must not be after end, got start={start} and end={end}")
        for name, given, empty in (
            ("start", start, self._first is not None and self._first >= len(self._grid)),
            ("end", end, self._stop == 0),
            (
                "start and end",
                f"{start} and {end}",
                self._first is not None and self._first >= self._stop,
            ),
        ):
            if empty:
                raise ParameterError(
                    f"{name} must leave a time of the panel's grid, {pd.Timestamp(self._grid[0])} "
                    "to "
                    f"{pd.Timestamp(self._grid[-1])}, got {given}"
                )
        self._numeraire = numeraire_column(panel, rules)
        self._quotes = observed_quotes(panel)
        self._row_of = np.full(len(self._grid), -1, dtype=np.int64)
        self._row_of[panel.rows] = np.arange(len(panel.rows))
        self._events = pack_events(panel, events)

    @property
    def stamps(self) -> Stamps:
        """Times of the grid from start to end, UTC."""
        return self._grid[self._first or 0 : self._stop]

    def replay(self, decisions: Decisions) -> Replay:
        """Replay one set of decisions."""
        stop = self._stop
        if self._first is not None:
            first = self._first
        elif len(decisions.step):
            first = int(decisions.step[0])
        else:
            raise DataError(
                "weights has no row, so there is no first decision; give start= to replay cash"
            )
        for name, wrong in (
            ("before start", decisions.step < first),
            ("after end", decisions.step >= stop),
        ):
            if wrong.any():
                there = pd.Timestamp(self._grid[decisions.step[int(np.argmax(wrong))]])
                raise ParameterError(
                    f"weights has a decision for {there}, {name} (the replay runs from "
                    f"{pd.Timestamp(self._grid[first])} to "
                    f"{pd.Timestamp(self._grid[stop - 1])}); cut the frame with "
                    "weights.loc[start:end]"
                )
        decision = np.full(stop - first, -1, dtype=np.int64)
        decision[decisions.step - first] = np.arange(len(decisions.step))
        step, asset, benefit = self._events
        kept = (step >= first) & (step < stop)
        numeraire = self._numeraire
        places = compact_places(decisions.index, len(self._panel.assets), numeraire)
        if places is not NO_PLACES:
            numeraire = int(places.place[numeraire]) if numeraire >= 0 else -1
            kept &= places.place[asset] >= 0  # nobody ever holds the others
            asset = places.place[asset]
        return Replay(
            _Plan(
                times=self._grid[first:stop],
                zone=self._panel.zone,
                assets=self._panel.assets,
                rules=self._rules,
                numeraire=numeraire,
                numeraire_price=self._first_numeraire_price(first, decisions),
                market=Market(
                    self._quotes,
                    self._row_of[first:stop],
                    step[kept] - first,
                    asset[kept],
                    benefit[kept],
                ),
                targets=Targets(
                    decision,
                    decisions.kind,
                    decisions.index,
                    decisions.first,
                    decisions.starts,
                    decisions.data,
                ),
                places=places,
                owner=decisions.owner,
            )
        )

    def _first_numeraire_price(self, first: int, decisions: Decisions) -> float:
        """Return the numeraire's last known price before the first step; an error where it has none
        at the first decision.
        """
        rows = self._panel.rows
        before = int(np.searchsorted(rows, first))
        price = last_known_price(self._quotes, self._numeraire, before)
        decided = decisions.step[decisions.kind == DECIDED]
        if math.isnan(price) and len(decided):
            stop = int(np.searchsorted(rows, decided[0], side="right"))
            if math.isnan(last_known_price(self._quotes, self._numeraire, stop)):
                raise DataError(
                    f"numeraire {self._rules.numeraire!r} has no price at or before the first "
                    f"decision, {pd.Timestamp(self._grid[decided[0]])}, so orders cannot be "
                    "measured in it; start later, or choose another numeraire with "
                    "TradingRules(numeraire=...)"
                )
        return price


class Replay:
    """What a replay gave: value, cash, fees, turnover, realised weights and orders.

    Made by :func:`replay`. The realised weights and the list of orders are computed when they are
    asked for, by running the same replay again; everything else is kept.

    Parameters
    ----------
    plan : object
        Times, market, target weights and rules of the replay, as :func:`replay` puts them together.

    Attributes
    ----------
    rules : TradingRules
        The rules that it ran under.
    assets : Index
        Assets of the panel.
    """

    def __init__(self, plan: _Plan) -> None:
        self._plan = plan
        self.rules = plan.rules
        self.assets = plan.assets
        steps = len(plan.times)
        self._paths = new_paths(steps)
        state = plan.state()
        plan.run(state, self._paths, plan.no_weights(), None, 0, steps)
        self._ledger = state.ledger[0]

    # -- paths -------------------------------------------------------------------------------------

    @cached_property
    def times(self) -> pd.DatetimeIndex:
        """Times of the replay, in the panel's zone."""
        return with_zone(self._plan.times, self._plan.zone)

    @property
    def value(self) -> pd.Series:
        """V(t) before trading, in the currency of the prices; ``value - fees`` is left after."""
        return self._series("value")

    @property
    def cash(self) -> pd.Series:
        """Cash after trading, in the currency of the prices."""
        return self._series("cash")

    @property
    def fees(self) -> pd.Series:
        """Fees paid at t, in the currency of the prices."""
        return self._series("fees")

    @property
    def turnover(self) -> pd.Series:
        """Value bought and sold at t, in the currency of the prices."""
        return self._series("turnover")

    @property
    def numeraire_price(self) -> pd.Series:
        """Last known price of the numeraire at t: what order limits are measured in.

        1 where the limits are off or amounts of currency; NaN before the numeraire's first quote.
        """
        plan = self._plan
        path = np.full(len(plan.times), np.nan)
        if plan.numeraire >= 0:
            column = int(plan.columns()[plan.numeraire])
            rows = plan.market.rows
            path[rows >= 0] = plan.market.quotes[rows[rows >= 0], column]
            path[~((path > 0.0) & np.isfinite(path))] = np.nan
        series = pd.Series(path, index=self.times, name="numeraire_price", copy=False)
        return series.ffill().fillna(plan.numeraire_price)

    def _series(self, name: str) -> pd.Series:
        path = getattr(self._paths, name).copy()
        return pd.Series(path, index=self.times, name=name, copy=False)

    @property
    def final_value(self) -> float:
        """Value at the last time, before trading, in the currency of the prices."""
        return float(self._paths.value[-1])

    @property
    def fees_paid(self) -> float:
        """Sum of all fees, in the currency of the prices."""
        return float(self._paths.fees.sum())

    @property
    def insolvent_at(self) -> pd.Timestamp | None:
        """First time at which the value is 0, which ends trading; None where there is none."""
        gone = ~(self._paths.value > 0.0)
        return self.times[int(np.argmax(gone))] if gone.any() else None

    @cached_property
    def weights(self) -> pd.DataFrame:
        """Realised weights after trading, time x asset, cash (``USD``) last; dense, and kept once
        computed.

        See :meth:`weight_blocks` for a way that needs little memory.
        """
        steps = len(self._plan.times)
        dense = self._plan.weights(self._plan.state(), new_paths(steps), 0, steps)
        return pd.DataFrame(dense, index=self.times, columns=[*self.assets, CASH_NAME], copy=False)

    def weight_blocks(self, steps: int = 1024) -> Iterator[FloatArray]:
        """Give the realised weights block by block.

        Parameters
        ----------
        steps : int
            Steps of a block.

        Yields
        ------
        (up to ``steps``, assets + 1)
            Cash last.
        """
        total = len(self._plan.times)
        state, scratch = self._plan.state(), new_paths(total)
        for first in range(0, total, steps):
            yield self._plan.weights(state, scratch, first, min(first + steps, total))

    def stale_value(self, max_age: int = 12) -> pd.Series:
        """Share of the value that is held at prices older than ``max_age`` rows, after trading.

        An asset that is quoted no more (delisted, or its feed ended) stays in the value at its last
        price for good; this is how much of the value rests on such prices.

        Parameters
        ----------
        max_age : int
            Age of a price, in rows of the panel, up to which it counts as known. Times at which
            nothing was quoted at all make no price older.

        Returns
        -------
        Series
            By time, in [0, 1].
        """
        max_age = check_integer("max_age", max_age, at_least=0)
        plan, total = self._plan, len(self._plan.times)
        state, scratch = plan.state(), new_paths(total)
        last_quoted = np.full(plan.width, -1, dtype=np.int64)
        out = np.zeros(total)
        for first in range(0, total, BLOCK_STEPS):
            stop = min(first + BLOCK_STEPS, total)
            block = plan.block_weights(state, scratch, first, stop)
            stale_share(
                plan.market.quotes, plan.market.rows[first:stop], plan.columns(), block,
                last_quoted, max_age, out[first:stop],
            )  # fmt: skip
        return pd.Series(out, index=self.times, name="stale_value", copy=False)

    # -- orders ------------------------------------------------------------------------------------

    @property
    def counts(self) -> pd.Series:
        """Number of orders by reason; those executed in full, but for fees, are ``"executed"``."""
        found = [int(self._ledger[name]) for name in COUNTERS]
        return pd.Series(found, index=list(REASONS), name="orders")

    @property
    def orders_executed(self) -> int:
        """Orders executed, in full or in part."""
        return int(self._ledger["executed"]) + self.orders_cut

    @property
    def orders_cut(self) -> int:
        """Orders executed in part: cut to the maximum, or scaled for want of cash."""
        return int(self._ledger["cut_to_maximum"]) + int(self._ledger["scaled"])

    @property
    def orders_dropped(self) -> int:
        """Orders of which nothing was executed."""
        return int(self.counts.sum()) - self.orders_executed

    @property
    def failures(self) -> int:
        """Decisions that were not computable (a NaN in the row); the holdings were kept."""
        return int(np.count_nonzero(self._plan.targets.kind != DECIDED))

    @property
    def failed_times(self) -> pd.DatetimeIndex:
        """Times of the :attr:`failures`."""
        targets = self._plan.targets
        steps = np.flatnonzero(targets.decision >= 0)
        failed: pd.DatetimeIndex = self.times[steps[targets.kind != DECIDED]]
        return failed

    @property
    def orders(self) -> pd.DataFrame:
        """Every order, executed or not, in the order in which it was handled.

        Columns ``time``, ``asset``, ``side`` (buy, sell), ``target_value`` (what was to be traded)
        and ``traded_value``, ``price`` (NaN without a quote), ``fee``, all in the currency of the
        prices, and ``reason``: ``executed`` (in full, but for what purchases were scaled to leave
        room for fees), ``below minimum``, ``cut to maximum``, ``no quote``, ``no cash`` (in part,
        or not at all where ``traded_value`` is 0), ``not finite``. A cell with a NaN in a row that
        names other assets is listed as ``not finite``, with a NaN for its side.
        """
        return pd.concat(list(self.order_blocks()), ignore_index=True)

    def order_blocks(self) -> Iterator[pd.DataFrame]:
        """Give :attr:`orders` block by block; at least one block, which may be empty."""
        plan, steps = self._plan, len(self._plan.times)
        state, scratch = plan.state(), new_paths(steps)
        log = new_log(max(LOG_ROOM, 2 * plan.width))
        step = 0
        while step < steps:
            state.ledger["logged"] = 0
            step = plan.run(state, scratch, plan.no_weights(), log, step, steps)
            listed = int(state.ledger["logged"][0])
            if listed or step == steps:
                yield self._orders(take_orders(log, slice(listed)))

    def _orders(self, log: OrderLog) -> pd.DataFrame:
        asset = self._plan.columns()[log.asset]
        if self._plan.compact:
            # back from the order of places to that of assets, among the sales and among the
            # purchases of a step
            order = np.lexsort((asset, log.order > 0.0, log.step))
            log, asset = take_orders(log, order), asset[order]
        side = np.where(np.isnan(log.order), -1, np.where(log.order > 0.0, 0, 1))
        return pd.DataFrame(
            {
                "time": self.times[log.step],
                "asset": self.assets.take(asset),
                "side": pd.Categorical.from_codes(side, categories=pd.Index(["buy", "sell"])),
                "target_value": np.abs(log.order),
                "traded_value": log.traded.copy(),
                "price": log.price.copy(),
                "fee": log.fee.copy(),
                "reason": pd.Categorical.from_codes(log.reason, categories=pd.Index(REASONS)),
            }
        )

    # -- scores and files --------------------------------------------------------------------------

    def score(self, **options: Any) -> Score:
        """Return G and the other scores of the value path.

        Parameters
        ----------
        **options
            As in :func:`statarb.backtest.score_path`.

        Returns
        -------
        Score
        """
        return score_path(
            self.value, cash=self.cash, fees=self.fees, turnover=self.turnover, **options
        )

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write ``value.parquet`` (time, value, cash, fees, turnover) and ``orders.parquet`` into a
        folder.

        Each appears whole or not at all; the folder is made where it does not exist. Times are in
        UTC.

        Parameters
        ----------
        folder : path
            Where they are written.
        """
        target = output_folder(folder)
        with atomic_path(target / "value.parquet") as temporary:
            pq.write_table(
                pa.table({"time": pa.array(self._plan.times), **self._paths._asdict()}),
                temporary,
                compression="zstd",
            )
        with atomic_path(target / "orders.parquet") as temporary:
            blocks = (
                pa.Table.from_pandas(
                    block.assign(time=_as_utc(block["time"])), preserve_index=False
                )
                for block in self.order_blocks()
            )
            first = next(blocks)
            with pq.ParquetWriter(temporary, first.schema, compression="zstd") as writer:
                writer.write_table(first)
                for block in blocks:
                    writer.write_table(block)

    def __repr__(self) -> str:
        return (
            f"Replay({self.times[0]} to {self.times[-1]}, {self.rules.capital:,.2f} to "
            f"{self.final_value:,.2f} USD, "
            f"{self.orders_executed} orders executed, {self.orders_dropped} dropped)"
        )


def _as_utc(times: pd.Series) -> pd.Series:
    """Return times without a zone, in UTC: what files hold."""
    return times if times.dt.tz is None else times.dt.tz_convert("UTC").dt.tz_localize(None)

"""State of an account, and the other bundles of arrays that the replay kernels take.

All are NamedTuples, which numba takes as they are. Kernels change arrays and records in place.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np

from statarb._core.typing import FloatArray, IntArray
from statarb.rules import TradingRules

REASONS = ("executed", "below minimum", "cut to maximum", "no quote", "no cash", "not finite")
"""Reason codes by their number."""

EXECUTED, BELOW_MINIMUM, CUT_TO_MAXIMUM, NO_QUOTE, NO_CASH, NOT_FINITE = range(6)

DECIDED, PARTLY_NAN, NOTHING = range(3)
"""What a row of target weights holds: a decision, some NaN (which are listed), nothing that names
an asset.
"""

COUNTERS = tuple(reason.replace(" ", "_") for reason in REASONS)
"""Fields of the ledger that count orders, by reason code."""

LEDGER = np.dtype(
    [
        ("cash", np.float64),
        ("value", np.float64),
        ("numeraire_price", np.float64),
        ("fees", np.float64),
        ("turnover", np.float64),
        ("held", np.int64),
        ("logged", np.int64),
        ("stopped", np.int64),
        *((name, np.int64) for name in COUNTERS),
        ("scaled", np.int64),
    ]
)
"""The numbers of an account: cash, value before trading, last known price of the numeraire (1
where limits need none), fees and turnover of the last step, all in the currency of the prices; how
many assets are held, how many orders are logged, whether the account is insolvent; orders so far by
reason, and how many of those for want of cash were executed in part.
"""


Record: TypeAlias = Any
"""One record of ``LEDGER``, whose fields a kernel reads and writes by name."""
Book: TypeAlias = Any
"""An array of one such record."""


class AccountState(NamedTuple):
    """State of an account between two steps.

    Attributes
    ----------
    units : (assets,) float64
        Units held.
    last : (assets,) float64
        Last known price of each asset since it was first bought.
    held : (assets,) int64
        Columns with units above 0, ascending, in the first ``ledger.held`` places.
    ledger : (1,) of ``LEDGER``
        Cash, value and the other numbers. An array of one record: numba takes it several times
        faster than the record itself.
    """

    units: FloatArray
    last: FloatArray
    held: IntArray
    ledger: Book


class Flows(NamedTuple):
    """Work space for the orders of one step: units before the trade, value sold and bought by
    asset, and four partial sums.
    """

    before: FloatArray
    sale: FloatArray
    purchase: FloatArray
    lanes: FloatArray


class Gathered(NamedTuple):
    """Work space for the assets that are held or in the target: their columns, ascending, target
    weights, units, last known prices and quotes, side by side.
    """

    assets: IntArray
    target: FloatArray
    units: FloatArray
    last: FloatArray
    price: FloatArray


class OrderRules(NamedTuple):
    """What a trade costs and may be: fee as a share, limits in units of the numeraire, and the
    column of the numeraire (-1: limits are amounts of currency).
    """

    fee: float
    min_order: float
    max_order: float
    numeraire: int


class Limits(NamedTuple):
    """Smallest and largest value of an order, in the currency of the prices."""

    lower: float
    upper: float


class Tally(NamedTuple):
    """Orders of one step: all, those with a quote, below the minimum; sales and purchases that are
    executed, those of them that are cut to the maximum; and how many assets are held that were not,
    or the other way round.
    """

    orders: int
    quoted: int
    below: int
    sales: int
    purchases: int
    cut_sales: int
    cut_purchases: int
    changed: int


class Market(NamedTuple):
    """Quotes and events of the steps of a replay.

    Attributes
    ----------
    quotes : (rows, assets) float64
        Quotes that can be traded; NaN where there is none.
    rows : (steps,) int64
        Row of ``quotes`` of each step; -1 where nothing was quoted.
    event_step, event_asset : (events,) int64
        Step (ascending) and column of each event.
    event_benefit : (events,) float64
        What it pays per unit.
    """

    quotes: FloatArray
    rows: IntArray
    event_step: IntArray
    event_asset: IntArray
    event_benefit: FloatArray


class Targets(NamedTuple):
    """Target weights of the steps of a replay.

    Attributes
    ----------
    decision : (steps,) int64
        Row of target weights of each step; -1 where nothing is decided.
    kind : (decisions,) int64
        What the row holds: ``DECIDED``, ``PARTLY_NAN``, ``NOTHING``.
    columns : (columns,) or (cells,) int64
        Columns of the panel, ascending in each row.
    first : (decisions,) int64
        Place in ``columns`` of each row's first column: 0 where all rows share their columns,
        ``starts`` where each has its own.
    starts : (decisions + 1,) int64
        Place in ``data`` of each row's first weight; row d has ``starts[d + 1] - starts[d]``.
    data : float64
        Weights, row by row.
    """

    decision: IntArray
    kind: IntArray
    columns: IntArray
    first: IntArray
    starts: IntArray
    data: FloatArray


class Places(NamedTuple):
    """Where few assets of many lie side by side; both empty where all columns are worked on.

    Attributes
    ----------
    column : (places,) int64
        Column of the panel of each place; -1 where the place is empty.
    place : (assets,) int64
        Place of each column of the panel; -1 where it has none.
    """

    column: IntArray
    place: IntArray


class Paths(NamedTuple):
    """What a replay writes at each step: value before trading, cash after it, fees, turnover, in
    the currency of the prices.
    """

    value: FloatArray
    cash: FloatArray
    fees: FloatArray
    turnover: FloatArray


class OrderLog(NamedTuple):
    """List of orders: step, column, reason code; value to be traded (negative: a sale), value
    traded, price, fee. Empty arrays where orders are not listed.
    """

    step: IntArray
    asset: IntArray
    reason: IntArray
    order: FloatArray
    traded: FloatArray
    price: FloatArray
    fee: FloatArray


def new_state(assets: int, capital: float, numeraire_price: float) -> AccountState:
    """Return the state of an account that holds nothing but cash."""
    ledger = np.zeros(1, dtype=LEDGER)
    ledger["cash"] = ledger["value"] = capital
    ledger["numeraire_price"] = numeraire_price
    return AccountState(
        np.zeros(assets), np.zeros(assets), np.empty(assets, dtype=np.int64), ledger
    )


def new_paths(steps: int) -> Paths:
    """Return room for the paths of a replay."""
    return Paths(*(np.empty(steps) for _ in Paths._fields))


def new_log(orders: int) -> OrderLog:
    """Return room for a number of orders."""
    step, asset, reason = (np.empty(orders, dtype=np.int64) for _ in range(3))
    order, traded, price, fee = (np.empty(orders) for _ in range(4))
    return OrderLog(step, asset, reason, order, traded, price, fee)


def take_orders(log: OrderLog, which: slice | IntArray) -> OrderLog:
    """Return some orders of a list, in a given order."""
    return OrderLog(
        log.step[which],
        log.asset[which],
        log.reason[which],
        log.order[which],
        log.traded[which],
        log.price[which],
        log.fee[which],
    )


def order_rules(rules: TradingRules, numeraire: int) -> OrderRules:
    """Return trading rules as the kernels take them."""
    return OrderRules(rules.fee, rules.min_order, rules.max_order, numeraire)

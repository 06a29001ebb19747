"""Replay kernels: one step of an account, and many steps in one call.

The state of an account (:class:`~statarb.backtest._engine.state.AccountState`) is changed in place,
so that a step at a time and all steps at once run through the same arithmetic, in the same order,
and give the same bits.

Where few assets are held or in the target, the work is proportional to their number; where most
are, the same loops run over all, without branches, as vectors. Sums run in four lanes (column
modulo 4), in order, so both ways give the same bits.
"""

from __future__ import annotations

import numpy as np

from statarb._core.numba import kernel
from statarb._core.numeric import sum_slack
from statarb._core.typing import FloatArray, IntArray
from statarb.backtest._engine.state import (
    BELOW_MINIMUM,
    CUT_TO_MAXIMUM,
    DECIDED,
    EXECUTED,
    NO_CASH,
    NO_QUOTE,
    NOT_FINITE,
    NOTHING,
    AccountState,
    Book,
    Flows,
    Gathered,
    Limits,
    Market,
    OrderLog,
    OrderRules,
    Paths,
    Places,
    Record,
    Tally,
    Targets,
)

BLOCK = 32
"""Rows of quotes copied side by side at a time, where the cells to be read lie far apart."""

SLACK = sum_slack()
"""Share of the value by which purchases may exceed what is there for them before it is a lack of
cash: what target weights may miss of a sum of 1 by rounding.
"""


@kernel()
def _sum_all(values: FloatArray, size: int) -> float:
    """Add up values in the order of all columns."""
    # Four lanes: independent additions, in an order that is the same for all callers.
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    even = size - size % 4
    for k in range(0, even, 4):
        a += values[k]
        b += values[k + 1]
        c += values[k + 2]
        d += values[k + 3]
    if even < size:
        a += values[even]
    if even + 1 < size:
        b += values[even + 1]
    if even + 2 < size:
        c += values[even + 2]
    return (a + b) + (c + d)


@kernel()
def _sum_both(first: FloatArray, second: FloatArray, size: int) -> tuple[float, float]:
    """Add up two arrays at once, each with the bits of :func:`_sum_all`."""
    # Interleaved, so that the additions of one array fill the latency of the other's.
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    e, f, g, h = 0.0, 0.0, 0.0, 0.0
    even = size - size % 4
    for k in range(0, even, 4):
        a += first[k]
        b += first[k + 1]
        c += first[k + 2]
        d += first[k + 3]
        e += second[k]
        f += second[k + 1]
        g += second[k + 2]
        h += second[k + 3]
    if even < size:
        a += first[even]
        e += second[even]
    if even + 1 < size:
        b += first[even + 1]
        f += second[even + 1]
    if even + 2 < size:
        c += first[even + 2]
        g += second[even + 2]
    return (a + b) + (c + d), (e + f) + (g + h)


@kernel()
def _sum_listed(values: FloatArray, assets: IntArray, size: int, lanes: FloatArray) -> float:
    """Add up values of the columns listed in ``assets``, ascending: the bits of :func:`_sum_all`
    with zeros elsewhere.
    """
    lanes[:] = 0.0
    for k in range(size):
        lanes[assets[k] & 3] += values[k]
    total: float = (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
    return total


@kernel(inline="always")
def worth(state: AccountState, part: FloatArray, lanes: FloatArray) -> float:
    """Return cash plus the holdings at the last known prices: the value of the portfolio.

    ``part`` (assets,) and ``lanes`` (4,) are work space.
    """
    ledger = state.ledger[0]
    units, last, held = state.units, state.last, state.held
    owned = ledger.held
    for place in range(owned):
        part[place] = units[held[place]] * last[held[place]]
    value: float = ledger.cash + _sum_listed(part, held, owned, lanes)
    return value


@kernel(inline="always")
def mark(
    quotes: FloatArray,
    row: int,
    numeraire: int,
    state: AccountState,
    part: FloatArray,
    lanes: FloatArray,
) -> float:
    """Advance to the quotes of one row (-1: nothing was quoted), and value the account at the last
    known prices.
    """
    ledger = state.ledger[0]
    units, last, held = state.units, state.last, state.held
    owned = ledger.held
    if row < 0:
        value = worth(state, part, lanes)
    elif 2 * owned > len(units):
        # Most assets are held: all columns, without a branch.
        line = quotes[row]
        for asset in range(len(units)):
            price, known, own = line[asset], last[asset], units[asset]
            known = price if (price > 0.0) & (price - price == 0.0) else known  # as in _settle
            last[asset] = known
            part[asset] = own * known
        value = ledger.cash + _sum_all(part, len(units))
    else:
        for place in range(owned):
            price = quotes[row, held[place]]
            if 0.0 < price < np.inf:
                last[held[place]] = price
        value = worth(state, part, lanes)
    if row >= 0 and numeraire >= 0:
        price = quotes[row, numeraire]
        if 0.0 < price < np.inf:
            ledger.numeraire_price = price
    ledger.value = value
    ledger.fees = 0.0
    ledger.turnover = 0.0
    # An account without value is insolvent, for good.
    if not value > 0.0:
        ledger.stopped = 1
    return value


@kernel()
def realised(state: AccountState, part: FloatArray, lanes: FloatArray, out: FloatArray) -> float:
    """Write the weights now into ``out`` (assets + 1; the last is the share of cash), which must
    hold zeros; return the value.
    """
    ledger = state.ledger[0]
    value = worth(state, part, lanes)
    if value > 0.0:
        for place in range(ledger.held):
            asset = state.held[place]
            out[asset] = state.units[asset] * state.last[asset] / value
        out[len(out) - 1] = ledger.cash / value
    return value


@kernel()
def _gather(
    index: IntArray,
    target: FloatArray,
    quotes: FloatArray,
    row: int,
    state: AccountState,
    near: Gathered,
) -> int:
    """List the columns that are held or in the target, ascending, with their weights, units, last
    prices and quotes.
    """
    units, last, held = state.units, state.last, state.held
    owned = state.ledger[0].held
    # A merge of two ascending lists: what is held, and what is in the target.
    own, aim, size = 0, 0, 0
    while own < owned or aim < len(index):
        if aim >= len(index) or (own < owned and held[own] < index[aim]):
            asset, weight = held[own], 0.0
            own += 1
        else:
            asset, weight = index[aim], target[aim]
            if own < owned and held[own] == asset:
                own += 1
            aim += 1
        near.assets[size] = asset
        near.target[size] = weight
        near.units[size] = units[asset]
        near.last[size] = last[asset]
        near.price[size] = quotes[row, asset] if row >= 0 else np.nan
        size += 1
    return size


@kernel()
def _settle(
    size: int,
    value: float,
    limits: Limits | None,
    target: FloatArray,
    units: FloatArray,
    last: FloatArray,
    price: FloatArray,
    before: FloatArray,
    sale: FloatArray,
    purchase: FloatArray,
) -> Tally:
    """Steps 2 to 5 of each asset as if cash sufficed.

    Writes the units held ``before``, what is sold and what is bought (in currency), and counts the
    orders. ``limits`` is ``None`` where there are no order limits: numba then compiles a version
    without them.
    """
    orders, usable, sales, purchases = 0, 0, 0, 0
    below, cut_sales, cut_purchases, changed = 0, 0, 0, 0
    # One loop, all cells read first, no branch: this the compiler turns into vectors. ``x - x ==
    # 0`` asks whether x is finite; a comparison with infinity would be turned into tests of the
    # bits, several times as long.
    for k in range(size):
        goal = min(max(target[k], 0.0), 1.0) * value
        own, quote, known = units[k], price[k], last[k]
        gap = goal - own * known
        whole = goal / quote
        quoted = (quote > 0.0) & (quote - quote == 0.0) & (gap != 0.0)
        go = quoted & ((gap - gap) + (whole - whole) == 0.0)
        selling = gap < 0.0
        amount = abs(gap)
        # Orders below the minimum are dropped, those above the maximum are cut to it.
        if limits is not None:
            small, cut = go & (amount < limits.lower), amount > limits.upper
            go = go & (not small)
            amount = min(amount, limits.upper)
            piece = amount / quote
            part = own - piece if selling else own + piece
            whole = max(part, 0.0) if cut else whole
            below += small
            cut_sales += go & cut & selling
            cut_purchases += go & cut & (not selling)
        sold = amount if go & selling else 0.0
        bought = amount if go & (not selling) else 0.0
        after = min(whole, own) if selling else whole
        after = after if go else own
        orders += gap != 0.0
        usable += quoted
        sales += go & selling
        purchases += go & (not selling)
        changed += (after > 0.0) != (own > 0.0)
        before[k] = own
        sale[k] = sold
        purchase[k] = bought
        units[k] = after
        last[k] = quote if go else known
    return Tally(orders, usable, below, sales, purchases, cut_sales, cut_purchases, changed)


@kernel()
def _scale(
    size: int,
    factor: float,
    lower: float,
    units: FloatArray,
    price: FloatArray,
    before: FloatArray,
    purchase: FloatArray,
) -> tuple[int, int]:
    """Step 5 where cash does not suffice: multiply all purchases by one factor, drop those that
    fall below the minimum by it.

    Returns how many were dropped, and of how many assets one is held that was not, or the other
    way round.
    """
    changed, dropped = 0, 0
    for k in range(size):
        whole, own, quote, held = purchase[k], before[k], price[k], units[k]
        part = whole * factor
        gone = (whole > 0.0) & ((part < lower) | (part == 0.0))
        part = 0.0 if gone else part
        after = max(own + part / quote, 0.0) if part > 0.0 else own
        after = after if whole > 0.0 else held
        dropped += gone
        changed += (after > 0.0) != (own > 0.0)
        purchase[k] = part
        units[k] = after
    return dropped, changed


@kernel(inline="always")
def _count(tally: Tally, dropped: int, dropped_cut: int, lacking: bool, ledger: Record) -> None:
    """Add the orders of a step to the counters by reason.

    ``dropped`` purchases fell below the minimum when all were scaled, ``dropped_cut`` of them had
    been cut to the maximum; ``lacking`` tells whether purchases were scaled for more than fees.
    """
    cut = tally.cut_sales + tally.cut_purchases
    executed = tally.sales + tally.purchases - cut
    if lacking:
        executed -= tally.purchases - tally.cut_purchases
        cut -= tally.cut_purchases
        ledger.no_cash += tally.purchases
        ledger.scaled += tally.purchases - dropped
    else:
        executed -= dropped - dropped_cut
        cut -= dropped_cut
        ledger.no_cash += dropped
    ledger.executed += executed
    ledger.cut_to_maximum += cut
    ledger.below_minimum += tally.below
    ledger.no_quote += tally.orders - tally.quoted
    ledger.not_finite += tally.quoted - tally.below - tally.sales - tally.purchases


@kernel()
def _reason(goal: float, gap: float, quote: float, limits: Limits) -> int:
    """Return why an order is executed or not, were there cash for it; :func:`_settle` counts by the
    same rules.
    """
    if not 0.0 < quote < np.inf:
        return NO_QUOTE
    if not (abs(gap) < np.inf and goal / quote < np.inf):
        return NOT_FINITE
    if abs(gap) < limits.lower:
        return BELOW_MINIMUM
    return CUT_TO_MAXIMUM if abs(gap) > limits.upper else EXECUTED


@kernel()
def _count_dropped_cuts(
    size: int,
    value: float,
    limits: Limits,
    target: FloatArray,
    last: FloatArray,
    price: FloatArray,
    flows: Flows,
) -> int:
    """Count the purchases that were cut to the maximum and then dropped by scaling."""
    found = 0
    for k in range(size):
        goal = min(max(target[k], 0.0), 1.0) * value
        gap = goal - flows.before[k] * last[k]
        if gap > 0.0 and flows.purchase[k] == 0.0:
            found += _reason(goal, gap, price[k], limits) == CUT_TO_MAXIMUM
    return found


@kernel()
def _log_orders(
    size: int, assets: IntArray, fee: float, limits: Limits, lacking: bool, target: FloatArray,
    last: FloatArray, price: FloatArray, flows: Flows, book: Book, log: OrderLog, step: int,
) -> None:  # fmt: skip
    """List the orders of a step, sales before purchases."""
    ledger = book[0]
    place = ledger.logged
    for buying in range(2):
        for k in range(size):
            goal = min(max(target[k], 0.0), 1.0) * ledger.value
            # What is held was marked to its quote before; of what was not held, the last price does
            # not matter.
            gap = goal - flows.before[k] * last[k]
            if gap != 0.0 and (gap > 0.0) == (buying == 1):
                traded = flows.sale[k] + flows.purchase[k]
                reason = _reason(goal, gap, price[k], limits)
                wanting = gap > 0.0 and reason in (EXECUTED, CUT_TO_MAXIMUM)
                if wanting and (lacking or traded == 0.0):
                    reason = NO_CASH
                log.step[place] = step
                log.asset[place] = assets[k]
                log.reason[place] = reason
                log.order[place] = gap
                log.traded[place] = traded
                log.price[place] = price[k] if reason != NO_QUOTE else np.nan
                log.fee[place] = fee * traded
                place += 1
    ledger.logged = place


# Every array that a call takes is counted in and out again: this one takes few, and is inlined.
@kernel(inline="always")
def _exchange(
    everything: bool, assets: IntArray, target: FloatArray, units: FloatArray, last: FloatArray,
    price: FloatArray, rules: OrderRules, held: IntArray, book: Book, flows: Flows,
    log: OrderLog | None, step: int,
) -> None:  # fmt: skip
    """Trade from what is held to the target, at the quotes last marked.

    ``assets`` are the columns, ascending, and ``everything`` tells whether these are all columns.
    """
    size = len(assets)
    ledger = book[0]
    before, sale, purchase, lanes = flows.before, flows.sale, flows.purchase, flows.lanes
    value, fee = ledger.value, rules.fee
    # TradingRules.order_limits
    limits = Limits(
        rules.min_order * ledger.numeraire_price, rules.max_order * ledger.numeraire_price
    )
    if limits.lower > 0.0 or limits.upper < np.inf:
        tally = _settle(size, value, limits, target, units, last, price, before, sale, purchase)
    else:
        tally = _settle(size, value, None, target, units, last, price, before, sale, purchase)
    changed = tally.changed
    if everything:
        sold, bought = _sum_both(sale, purchase, size)
    else:
        sold, bought = (
            _sum_listed(sale, assets, size, lanes),
            _sum_listed(purchase, assets, size, lanes),
        )
    # Sales first: what they bring, less their fee, is there for purchases.
    before_fees = ledger.cash + sold
    cash = ledger.cash + (sold - fee * sold)
    lacking, dropped, dropped_cut = False, 0, 0
    if bought > 0.0:
        cost = bought + fee * bought
        exhausted = False
        if cost > cash:
            # Where cash would suffice but for fees, the orders are as good as executed in full.
            lacking = bought > before_fees + SLACK * value
            dropped, changed = _scale(
                size, cash / cost, limits.lower, units, price, before, purchase
            )
            if dropped > 0 and tally.cut_purchases > 0:
                dropped_cut = _count_dropped_cuts(size, value, limits, target, last, price, flows)
            exhausted = dropped == 0
            bought = (
                _sum_all(purchase, size)
                if everything
                else _sum_listed(purchase, assets, size, lanes)
            )
        cash -= bought + fee * bought
        # what rounding leaves of the last cent, on either side of zero, is no cash
        if cash < 0.0 or exhausted:
            cash = 0.0
    ledger.cash = cash
    ledger.turnover = sold + bought
    ledger.fees = fee * (sold + bought)
    _count(tally, dropped, dropped_cut, lacking, ledger)
    if log is not None:
        _log_orders(size, assets, fee, limits, lacking, target, last, price, flows, book, log, step)
    if changed > 0:
        owned = 0
        for k in range(size):
            if units[k] > 0.0:
                held[owned] = assets[k]
                owned += 1
        ledger.held = owned


@kernel()
def _trade_listed(
    quotes: FloatArray,
    row: int,
    index: IntArray,
    target: FloatArray,
    rules: OrderRules,
    state: AccountState,
    flows: Flows,
    near: Gathered,
    log: OrderLog | None,
    step: int,
) -> None:
    """Trade as :func:`_exchange` does, where the target names some columns, ``index`` (ascending);
    all others have a target of 0.
    """
    size = _gather(index, target, quotes, row, state, near)
    assets, units, last = near.assets[:size], near.units[:size], near.last[:size]
    _exchange(
        False, assets, near.target, units, last, near.price, rules, state.held, state.ledger,
        flows, log, step,
    )  # fmt: skip
    for k in range(size):
        state.units[assets[k]] = units[k]
        state.last[assets[k]] = last[k]


@kernel()
def _flows(assets: int) -> Flows:
    """Return work space for the orders of one step."""
    return Flows(np.empty(assets), np.empty(assets), np.empty(assets), np.empty(4))


@kernel()
def _gathered(assets: int) -> Gathered:
    """Return room for the assets that are held or in the target."""
    return Gathered(
        np.empty(assets, np.int64), np.empty(assets), np.empty(assets), np.empty(assets),
        np.empty(assets),
    )  # fmt: skip


@kernel()
def trade_once(
    quotes: FloatArray,
    row: int,
    index: IntArray,
    target: FloatArray,
    rules: OrderRules,
    state: AccountState,
) -> None:
    """Trade to target weights of all columns, ``index``, at the quotes of one row (-1: none), after
    :func:`mark` has been called for it.
    """
    flows = _flows(len(index))
    if row >= 0:
        _exchange(
            True, index, target, state.units, state.last, quotes[row], rules, state.held,
            state.ledger, flows, None, 0,
        )  # fmt: skip
    else:
        near = _gathered(len(index))
        _trade_listed(quotes, row, index, target, rules, state, flows, near, None, 0)


@kernel()
def _log_missing(
    columns: IntArray, target: FloatArray, state: AccountState, log: OrderLog | None, step: int
) -> None:
    """List the cells with a NaN of a row that is no decision because of them."""
    ledger = state.ledger[0]
    for k in range(len(columns)):
        if np.isnan(target[k]):
            ledger.not_finite += 1
            if log is not None:
                place = ledger.logged
                log.step[place] = step
                log.asset[place] = columns[k]
                log.reason[place] = NOT_FINITE
                log.order[place] = np.nan
                log.traded[place] = 0.0
                log.price[place] = np.nan
                log.fee[place] = 0.0
                ledger.logged = place + 1


@kernel()
def _gather_quotes(quotes: FloatArray, columns: IntArray, low: int, near: FloatArray) -> None:
    """Copy the quotes of few assets, of the rows from ``low`` on, side by side; NaN where there is
    no asset.
    """
    for row in range(low, min(low + BLOCK, len(quotes))):
        for place in range(len(columns)):
            near[row - low, place] = quotes[row, columns[place]] if columns[place] >= 0 else np.nan


@kernel()
def _spread_targets(
    columns: IntArray, weights: FloatArray, place: IntArray, target: FloatArray
) -> None:
    """Copy the target weights of one decision to the places of their assets."""
    target[:] = 0.0
    for k in range(len(columns)):
        target[place[columns[k]]] = weights[k]


@kernel()
def mark_rests(
    first: int,
    stop: int,
    quotes: FloatArray,
    rows: IntArray,
    numeraire: int,
    state: AccountState,
) -> None:
    """Mark the steps [first, stop) of an account that does not trade in them."""
    part, lanes = np.empty(len(state.units)), np.empty(4)
    for step in range(first, stop):
        mark(quotes, rows[step], numeraire, state, part, lanes)


@kernel()
def run(
    first: int,
    stop: int,
    market: Market,
    targets: Targets,
    places: Places,
    rules: OrderRules,
    state: AccountState,
    paths: Paths,
    weights: FloatArray,
    log: OrderLog | None,
) -> int:
    """Replay the steps [first, stop), or as many as the log has room for; return the step to go on
    from.

    ``weights`` (stop - first or 0, assets + 1), of zeros, takes the realised weights. Where few
    assets of many are ever in a target, the state has as many places as ``places.column``.
    """
    ledger = state.ledger[0]
    assets = len(state.units)
    flows, gathered = _flows(assets), _gathered(assets)
    few = len(places.column) > 0
    kind, index, decisions = targets.kind, targets.columns, targets.decision
    firsts, starts, data = targets.first, targets.starts, targets.data
    quotes, rows, column = market.quotes, market.rows, places.column
    # Quotes of the few are copied, a block of rows at a time, to where they are read in turn.
    near = np.empty((BLOCK if few else 0, assets))
    spread, everywhere = np.zeros(assets if few else 0), np.arange(assets if few else 0)
    event_step, event_asset, benefit = market.event_step, market.event_asset, market.event_benefit
    part, lanes = flows.before, flows.lanes
    units, last, held, book = state.units, state.last, state.held, state.ledger
    value, cash, fees, turnover = paths.value, paths.cash, paths.fees, paths.turnover
    near_block = -1
    event = np.searchsorted(event_step, first)
    for step in range(first, stop):
        if log is not None:  # noqa: SIM102 - known when compiling
            if len(log.step) - ledger.logged < assets:
                return step
        # Benefits of events are credited before the account is valued.
        while event < len(event_step) and event_step[event] == step:
            ledger.cash += benefit[event] * units[event_asset[event]]
            event += 1
        source, row = quotes, rows[step]
        if few and row >= 0:
            if row // BLOCK != near_block:
                near_block = row // BLOCK
                _gather_quotes(quotes, column, near_block * BLOCK, near)
            source, row = near, row % BLOCK
        mark(source, row, rules.numeraire, state, part, lanes)
        decision = decisions[step]
        if decision >= 0 and ledger.stopped == 0 and kind[decision] != NOTHING:
            low, high = starts[decision], starts[decision + 1]
            place = firsts[decision]
            columns, target = index[place : place + high - low], data[low:high]
            if few:
                _spread_targets(columns, target, places.place, spread)
                columns, target = everywhere, spread
            if kind[decision] == DECIDED and len(columns) == assets and row >= 0:
                _exchange(
                    True, columns, target, units, last, source[row], rules, held, book, flows, log,
                    step,
                )  # fmt: skip
            elif kind[decision] == DECIDED:
                _trade_listed(
                    source, row, columns, target, rules, state, flows, gathered, log, step
                )
            else:
                _log_missing(columns, target, state, log, step)
        value[step] = ledger.value
        cash[step] = ledger.cash
        fees[step] = ledger.fees
        turnover[step] = ledger.turnover
        if len(weights) > 0:
            realised(state, part, lanes, weights[step - first])
    return stop

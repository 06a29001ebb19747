"""Replay kernels: one step of an account, and many steps in one call.

The state of an account is a handful of arrays that the kernels change in place, so that a step at a
time and all steps at once run through the same arithmetic, in the same order, and give the same
bits:

``units``   (assets,) float64, units held. ``last``    (assets,) float64, last known price of each
asset since it was first bought. ``held``    (assets,) int64, the columns with units above 0,
ascending, in its first ``count[HELD]`` places. ``money``   float64: see ``CASH`` and its
neighbours. ``count``   int64: see ``HELD`` and its neighbours; then one counter a reason code.

Where few assets are held or wanted, the work is proportional to their number; where most are, the
same loops run over all, without branches, as vectors. Sums run in four lanes (column modulo 4), in
order, so both ways give the same bits.
"""

from __future__ import annotations

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import FloatArray, IntArray

REASONS = ("executed", "below minimum", "cut to maximum", "no quote", "no cash", "not finite")
"""Reason codes by their number."""

EXECUTED, BELOW_MINIMUM, CUT_TO_MAXIMUM, NO_QUOTE, NO_CASH, NOT_FINITE = range(6)

CASH, VALUE, UNIT, FEES, TURNOVER = range(5)
"""Places in ``money``: cash, value before trading, last known price of the numeraire, fees and
turnover of the last step.
"""
LANES = 5
"""First of the four places in ``money`` that sums are taken in."""
MONEY = LANES + 4

HELD, LOGGED, STOPPED = range(3)
"""Places in ``count``: assets held, orders logged, whether the account is insolvent."""
REASON = 3
"""First of the counters by reason in ``count``."""
SCALED = REASON + len(REASONS)
"""Place in ``count`` of the orders for want of cash that were executed in part."""
COUNTS = SCALED + 1

ORDERS, QUOTED, BELOW, SALES, PURCHASES, CUT_SALES, CUT_PURCHASES, DROPPED = range(8)
"""Places in the tally of one step: orders, those with a quote, below the minimum; sales and
purchases that are executed, those of them that are cut to the maximum, and purchases dropped for
want of cash.
"""
TALLY = DROPPED + 1

ROWS, COLUMNS, SPARSE = range(3)
"""Layouts of wanted weights: row by row, column by column, and non-zero cells alone (compressed
rows).
"""

DECIDED, PARTLY_NAN, NOTHING = range(3)
"""What a row of wanted weights holds: a decision, some NaN (which are listed), nothing that names
an asset.
"""

BLOCK = 32
"""Rows brought near at a time, where cells to be read lie far apart: 32 rows of 1678 assets fit a
second-level cache.
"""


@kernel()
def _sum_all(values: FloatArray, size: int) -> float:
    """Add up values that stand in the order of all columns."""
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
    """Add up two arrays at once, each with the bits of :func:`_sum_all`; what one waits for, the
    other one uses.
    """
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
def _sum_listed(values: FloatArray, assets: IntArray, size: int, money: FloatArray) -> float:
    """Add up values of the columns listed in ``assets``, ascending: the bits of :func:`_sum_all`
    with zeros elsewhere.
    """
    money[LANES:] = 0.0
    for k in range(size):
        money[LANES + (assets[k] & 3)] += values[k]
    total: float = (money[LANES] + money[LANES + 1]) + (money[LANES + 2] + money[LANES + 3])
    return total


@kernel()
def worth(
    units: FloatArray,
    last: FloatArray,
    held: IntArray,
    money: FloatArray,
    count: IntArray,
    work_float: FloatArray,
) -> float:
    """Return cash plus the holdings at the last known prices."""
    owned = count[HELD]
    part = work_float[0]
    for place in range(owned):
        part[place] = units[held[place]] * last[held[place]]
    value: float = money[CASH] + _sum_listed(part, held, owned, money)
    return value


@kernel()
def mark(
    quotes: FloatArray,
    row: int,
    numeraire: int,
    units: FloatArray,
    last: FloatArray,
    held: IntArray,
    money: FloatArray,
    count: IntArray,
    work_float: FloatArray,
) -> float:
    """Take in the quotes of one row (-1: nothing was quoted), and value the account at the last
    known prices.
    """
    owned = count[HELD]
    if row < 0:
        money[VALUE] = worth(units, last, held, money, count, work_float)
    elif 2 * owned > len(units):
        part, line = work_float[0], quotes[row]
        for asset in range(len(units)):
            price, known, own = line[asset], last[asset], units[asset]
            known = price if (price > 0.0) & (price - price == 0.0) else known  # as in _settle
            last[asset] = known
            part[asset] = own * known
        money[VALUE] = money[CASH] + _sum_all(part, len(units))
    else:
        for place in range(owned):
            price = quotes[row, held[place]]
            if 0.0 < price < np.inf:
                last[held[place]] = price
        money[VALUE] = worth(units, last, held, money, count, work_float)
    if row >= 0 and numeraire >= 0:
        price = quotes[row, numeraire]
        if 0.0 < price < np.inf:
            money[UNIT] = price
    money[FEES] = 0.0
    money[TURNOVER] = 0.0
    if not money[VALUE] > 0.0:
        count[STOPPED] = 1
    value: float = money[VALUE]
    return value


@kernel()
def realised(
    units: FloatArray,
    last: FloatArray,
    held: IntArray,
    money: FloatArray,
    count: IntArray,
    work_float: FloatArray,
    out: FloatArray,
) -> None:
    """Write the weights now into ``out`` (assets + 1; the last is the share of cash), which must
    hold zeros.
    """
    value = worth(units, last, held, money, count, work_float)
    if value > 0.0:
        for place in range(count[HELD]):
            asset = held[place]
            out[asset] = units[asset] * last[asset] / value
        out[len(out) - 1] = money[CASH] / value


@kernel()
def _gather(
    index: IntArray,
    wanted: FloatArray,
    quotes: FloatArray,
    row: int,
    units: FloatArray,
    last: FloatArray,
    held: IntArray,
    owned: int,
    assets: IntArray,
    work_float: FloatArray,
) -> int:
    """List the columns that are held or wanted, ascending, with their weights, units, last prices
    and quotes.
    """
    own, want, size = 0, 0, 0
    while own < owned or want < len(index):
        if want >= len(index) or (own < owned and held[own] < index[want]):
            asset, weight = held[own], 0.0
            own += 1
        else:
            asset, weight = index[want], wanted[want]
            if own < owned and held[own] == asset:
                own += 1
            want += 1
        assets[size] = asset
        work_float[4, size] = weight
        work_float[5, size] = units[asset]
        work_float[6, size] = last[asset]
        work_float[7, size] = quotes[row, asset] if row >= 0 else np.nan
        size += 1
    return size


@kernel()
def _settle(
    size: int, value: float, lower: float, upper: float, wanted: FloatArray, units: FloatArray,
    last: FloatArray,
    price: FloatArray, before: FloatArray, sale: FloatArray, purchase: FloatArray,
    tally: IntArray, limited: int | None,
) -> int:  # fmt: skip
    """Steps 2 to 5 of each asset as if cash sufficed; return of how many one is held that was not,
    or the other way round.

    Writes the units held ``before``, what is sold and what is bought (USD), and counts into
    ``tally``. ``limited`` is ``None`` where there are no order limits: numba then compiles a
    version without them.
    """
    # One loop, all cells read first, no branch: this the compiler turns into vectors. ``x - x ==
    # 0`` asks whether x is finite; a comparison with infinity would be turned into tests of the
    # bits, several times as long.
    changed, orders, usable, sales, purchases, below, cut_sales, cut_purchases = (
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
    )
    for k in range(size):
        goal = min(max(wanted[k], 0.0), 1.0) * value
        own, quote, known = units[k], price[k], last[k]
        gap = goal - own * known
        whole = goal / quote
        quoted = (quote > 0.0) & (quote - quote == 0.0) & (gap != 0.0)
        go = quoted & ((gap - gap) + (whole - whole) == 0.0)
        selling = gap < 0.0
        amount = abs(gap)
        if limited is not None:
            small, cut = go & (amount < lower), amount > upper
            go = go & (not small)
            amount = min(amount, upper)
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
    tally[ORDERS] = orders
    tally[QUOTED] = usable
    tally[BELOW] = below
    tally[SALES] = sales
    tally[PURCHASES] = purchases
    tally[CUT_SALES] = cut_sales
    tally[CUT_PURCHASES] = cut_purchases
    return changed


@kernel()
def _scale(
    size: int,
    factor: float,
    lower: float,
    price: FloatArray,
    before: FloatArray,
    purchase: FloatArray,
    units: FloatArray,
    tally: IntArray,
) -> int:
    """Step 5 where cash does not suffice: multiply all purchases by one factor, drop those that
    fall below the minimum by it.

    Counts how many were ``DROPPED``; returns of how many assets one is held that was not, or the
    other way round.
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
    tally[DROPPED] = dropped
    return changed


@kernel()
def _count(tally: IntArray, short: bool, count: IntArray) -> None:
    """Add the orders of a step to the counters by reason; ``short`` tells whether purchases were
    scaled for want of cash.
    """
    executed = tally[SALES] + tally[PURCHASES] - tally[CUT_SALES] - tally[CUT_PURCHASES]
    cut = tally[CUT_SALES] + tally[CUT_PURCHASES]
    if short:
        executed -= tally[PURCHASES] - tally[CUT_PURCHASES]
        cut -= tally[CUT_PURCHASES]
        count[REASON + NO_CASH] += tally[PURCHASES]
        count[SCALED] += tally[PURCHASES] - tally[DROPPED]
    count[REASON + EXECUTED] += executed
    count[REASON + CUT_TO_MAXIMUM] += cut
    count[REASON + BELOW_MINIMUM] += tally[BELOW]
    count[REASON + NO_QUOTE] += tally[ORDERS] - tally[QUOTED]
    count[REASON + NOT_FINITE] += tally[QUOTED] - tally[BELOW] - tally[SALES] - tally[PURCHASES]


@kernel()
def _reason(goal: float, gap: float, quote: float, lower: float, upper: float) -> int:
    """Return why an order is executed or not, were there cash for it; :func:`_settle` counts by the
    same rules.
    """
    if not 0.0 < quote < np.inf:
        return NO_QUOTE
    if not (abs(gap) < np.inf and goal / quote < np.inf):
        return NOT_FINITE
    if abs(gap) < lower:
        return BELOW_MINIMUM
    return CUT_TO_MAXIMUM if abs(gap) > upper else EXECUTED


@kernel()
def _log(
    size: int, assets: IntArray, rules: FloatArray, money: FloatArray, short: bool,
    wanted: FloatArray, last: FloatArray,
    price: FloatArray, before: FloatArray, sale: FloatArray, purchase: FloatArray,
    count: IntArray, log_int: IntArray,
    log_float: FloatArray, step: int,
) -> None:  # fmt: skip
    """List the orders of a step, sales before purchases."""
    place = count[LOGGED]
    lower, upper = rules[1] * money[UNIT], rules[2] * money[UNIT]
    for buying in range(2):
        for k in range(size):
            goal = min(max(wanted[k], 0.0), 1.0) * money[VALUE]
            # What is held was marked to its quote before; of what was not held, the last price does
            # not matter.
            gap = goal - before[k] * last[k]
            if gap != 0.0 and (gap > 0.0) == (buying == 1):
                reason = _reason(goal, gap, price[k], lower, upper)
                if short and gap > 0.0 and reason in (EXECUTED, CUT_TO_MAXIMUM):
                    reason = NO_CASH
                log_int[place, 0] = step
                log_int[place, 1] = assets[k]
                log_int[place, 2] = reason
                log_float[place, 0] = gap
                log_float[place, 1] = sale[k] + purchase[k]
                log_float[place, 2] = price[k] if reason != NO_QUOTE else np.nan
                log_float[place, 3] = rules[0] * (sale[k] + purchase[k])
                place += 1
    count[LOGGED] = place


# A call of many arrays costs as much as trading few assets does: what every step calls is inlined.
@kernel(inline="always")
def _exchange(
    size: int, assets: IntArray, everything: bool, wanted: FloatArray, price: FloatArray,
    rules: FloatArray, units: FloatArray,
    last: FloatArray, held: IntArray, money: FloatArray, count: IntArray, tally: IntArray,
    work_float: FloatArray,
    log_int: IntArray, log_float: FloatArray, step: int,
) -> None:  # fmt: skip
    """Trade ``size`` assets, whose columns are ``assets``, ascending; ``everything`` tells whether
    these are all columns.
    """
    fee, lower, upper = rules[0], rules[1] * money[UNIT], rules[2] * money[UNIT]
    before, sale, purchase = work_float[0], work_float[1], work_float[2]
    value = money[VALUE]
    if lower > 0.0 or upper < np.inf:
        changed = _settle(
            size, value, lower, upper, wanted, units, last, price, before, sale, purchase, tally, 1
        )
    else:
        changed = _settle(
            size,
            value,
            lower,
            upper,
            wanted,
            units,
            last,
            price,
            before,
            sale,
            purchase,
            tally,
            None,
        )
    if everything:
        sold, bought = _sum_both(sale, purchase, size)
    else:
        sold, bought = (
            _sum_listed(sale, assets, size, money),
            _sum_listed(purchase, assets, size, money),
        )
    cash = money[CASH] + (sold - fee * sold)
    short = False
    if bought > 0.0:
        cost = bought + fee * bought
        exhausted = False
        if cost > cash:
            short = True
            changed = _scale(size, cash / cost, lower, price, before, purchase, units, tally)
            exhausted = tally[DROPPED] == 0
            bought = (
                _sum_all(purchase, size)
                if everything
                else _sum_listed(purchase, assets, size, money)
            )
        cash -= bought + fee * bought
        # what rounding leaves of the last cent, on either side of zero, is no cash
        if cash < 0.0 or exhausted:
            cash = 0.0
    money[CASH] = cash
    money[TURNOVER] = sold + bought
    money[FEES] = fee * (sold + bought)
    _count(tally, short, count)
    if len(log_int) > 0:
        _log(
            size, assets, rules, money, short, wanted, last, price, before, sale, purchase, count,
            log_int, log_float, step,
        )  # fmt: skip
    if changed > 0:
        owned = 0
        for k in range(size):
            if units[k] > 0.0:
                held[owned] = assets[k]
                owned += 1
        count[HELD] = owned


@kernel(inline="always")
def trade(
    quotes: FloatArray, row: int, index: IntArray, wanted: FloatArray, rules: FloatArray,
    units: FloatArray, last: FloatArray,
    held: IntArray, money: FloatArray, count: IntArray, work_int: IntArray,
    work_float: FloatArray, log_int: IntArray,
    log_float: FloatArray, step: int,
) -> None:  # fmt: skip
    """Trade from what is held to what is wanted, at the quotes of one row, after :func:`mark` has
    been called for it.

    ``wanted`` are the weights of the columns ``index`` (ascending); all others are wanted at 0.
    ``rules`` holds the fee, and the limits in units of the numeraire. ``work_int`` (2, assets, but
    at least ``TALLY``) and ``work_float`` (8, assets) are scratch.
    """
    if len(index) == len(units) and row >= 0:
        _exchange(
            len(units), index, True, wanted, quotes[row], rules, units, last, held, money, count,
            work_int[1], work_float, log_int, log_float, step,
        )  # fmt: skip
        return
    assets, have, known = work_int[0], work_float[5], work_float[6]
    size = _gather(index, wanted, quotes, row, units, last, held, count[HELD], assets, work_float)
    _exchange(
        size, assets, False, work_float[4], work_float[7], rules, have, known, held, money, count,
        work_int[1], work_float, log_int, log_float, step,
    )  # fmt: skip
    for k in range(size):
        units[assets[k]] = have[k]
        last[assets[k]] = known[k]


@kernel()
def _log_missing(
    columns: IntArray,
    wanted: FloatArray,
    count: IntArray,
    log_int: IntArray,
    log_float: FloatArray,
    step: int,
) -> None:
    """List the cells with a NaN of a row that is no decision because of them."""
    for k in range(len(columns)):
        if np.isnan(wanted[k]):
            count[REASON + NOT_FINITE] += 1
            if len(log_int) > 0:
                place = count[LOGGED]
                log_int[place] = (step, columns[k], NOT_FINITE)
                log_float[place] = (np.nan, 0.0, np.nan, 0.0)
                count[LOGGED] = place + 1


@kernel()
def _bring_near(quotes: FloatArray, columns: IntArray, low: int, near: FloatArray) -> None:
    """Put the quotes of few assets, of the rows from ``low`` on, side by side; NaN where there is
    no asset.
    """
    for row in range(low, min(low + BLOCK, len(quotes))):
        for place in range(len(columns)):
            near[row - low, place] = quotes[row, columns[place]] if columns[place] >= 0 else np.nan


@kernel()
def _spread(
    decision: int, tall: int, layout: int, index: IntArray, starts: IntArray, data: FloatArray,
    place: IntArray,
    wanted: FloatArray,
) -> None:  # fmt: skip
    """Put the wanted weights of one decision at the places of their assets; ``wanted`` holds an
    earlier decision, or zeros.
    """
    if layout == SPARSE:
        wanted[:] = 0.0
        for k in range(starts[decision], starts[decision + 1]):
            wanted[place[index[k]]] = data[k]
    else:
        first, stride = (decision * len(index), 1) if layout == ROWS else (decision, tall)
        for k in range(len(index)):
            wanted[place[index[k]]] = data[first + k * stride]


@kernel()
def _turn(begin: int, tall: int, width: int, data: FloatArray, turned: FloatArray) -> None:
    """Turn a block of weights that are stored by columns."""
    for column in range(width):
        for offset in range(min(BLOCK, tall - begin)):
            turned[offset, column] = data[column * tall + begin + offset]


@kernel()
def run(
    first: int, stop: int, quotes: FloatArray, rows: IntArray, decisions: IntArray, layout: int,
    kinds: IntArray,
    index: IntArray, starts: IntArray, data: FloatArray, columns: IntArray, place: IntArray,
    rules: FloatArray,
    numeraire: int, event_step: IntArray, event_asset: IntArray, event_benefit: FloatArray,
    units: FloatArray,
    last: FloatArray, held: IntArray, money: FloatArray, count: IntArray, out: FloatArray,
    weights: FloatArray,
    log_int: IntArray, log_float: FloatArray,
) -> int:  # fmt: skip
    """Replay the steps [first, stop), or as many as the log has room for; return the step to go on
    from.

    ``rows`` gives the row of ``quotes`` of each step, ``decisions`` the row of wanted weights; -1
    is none. ``out`` (steps, 4) takes value, cash, fees and turnover; ``weights`` (stop - first or
    0, assets + 1), of zeros, the realised weights. Where few assets of many are ever wanted, the
    state has as many places as ``columns``, which holds the column of ``quotes`` of each (-1:
    none), and ``place`` holds the place of each column; elsewhere both are empty.
    """
    assets = len(units)
    work_int = np.empty((2, max(assets, TALLY)), np.int64)
    work_float = np.empty((8, assets))
    few = len(columns) > 0
    width, tall = len(index), len(kinds)
    turned = np.empty((BLOCK if layout == COLUMNS and not few else 0, width))
    near, spread, places = (
        np.empty((BLOCK if few else 0, assets)),
        np.zeros(assets if few else 0),
        np.arange(assets if few else 0),
    )
    block, near_block = -1, -1
    event = np.searchsorted(event_step, first)
    for step in range(first, stop):
        if len(log_int) > 0 and len(log_int) - count[LOGGED] < assets:
            return step
        while event < len(event_step) and event_step[event] == step:
            money[CASH] += event_benefit[event] * units[event_asset[event]]
            event += 1
        source, row = quotes, rows[step]
        if few and row >= 0:
            if row // BLOCK != near_block:
                near_block = row // BLOCK
                _bring_near(quotes, columns, near_block * BLOCK, near)
            source, row = near, row % BLOCK
        mark(source, row, numeraire, units, last, held, money, count, work_float)
        decision = decisions[step]
        if decision >= 0 and count[STOPPED] == 0 and kinds[decision] != NOTHING:
            if few:
                _spread(decision, tall, layout, index, starts, data, place, spread)
                assets_wanted, wanted = places, spread
            elif layout == SPARSE:
                low, high = starts[decision], starts[decision + 1]
                assets_wanted, wanted = index[low:high], data[low:high]
            elif layout == ROWS:
                assets_wanted, wanted = index, data[decision * width : (decision + 1) * width]
            else:
                if decision // BLOCK != block:
                    block = decision // BLOCK
                    _turn(block * BLOCK, tall, width, data, turned)
                assets_wanted, wanted = index, turned[decision % BLOCK]
            if kinds[decision] == DECIDED:
                trade(
                    source, row, assets_wanted, wanted, rules, units, last, held, money, count,
                    work_int, work_float, log_int, log_float, step,
                )  # fmt: skip
            else:
                _log_missing(assets_wanted, wanted, count, log_int, log_float, step)
        out[step, 0] = money[VALUE]
        out[step, 1] = money[CASH]
        out[step, 2] = money[FEES]
        out[step, 3] = money[TURNOVER]
        if len(weights) > 0:
            realised(units, last, held, money, count, work_float, weights[step - first])
    return stop

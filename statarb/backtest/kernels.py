"""Replay kernels: one step of an account, and many steps in one call.

The state of an account is a handful of arrays that the kernels change in place, so that a step at a time and all steps at once
run through the same arithmetic, in the same order, and give the same bits:

``units``   (coins,) float64, units held.
``last``    (coins,) float64, last known price of each coin since it was first bought.
``held``    (coins,) int64, the columns with units above 0, ascending, in its first ``count[HELD]`` places.
``money``   float64: see ``CASH`` and its neighbours.
``count``   int64: see ``HELD`` and its neighbours; then one counter a reason code.

Where few coins are held or wanted, the work is proportional to their number; where most are, the same loops run over all,
without branches, as vectors. Sums run in four lanes (column modulo 4), in order, so both ways give the same bits.
"""

from __future__ import annotations

import numpy as np

from statarb._numba import kernel
from statarb._typing import BoolArray, FloatArray, IntArray

REASONS = ("executed", "below minimum", "cut to maximum", "no quote", "no cash", "not finite")
"""Reason codes by their number."""

EXECUTED, BELOW_MINIMUM, CUT_TO_MAXIMUM, NO_QUOTE, NO_CASH, NOT_FINITE = range(6)

NO_ORDER = -1

CASH, VALUE, UNIT, FEES, TURNOVER = range(5)
"""Places in ``money``: cash, value before trading, last known price of the numeraire, fees and turnover of the last step."""
LANES = 5
"""First of the four places in ``money`` that sums are taken in."""
MONEY = LANES + 4

HELD, LOGGED, STOPPED = range(3)
"""Places in ``count``: coins held, orders logged, whether the account is insolvent."""
REASON = 3
"""First of the counters by reason in ``count``."""
SCALED = REASON + len(REASONS)
"""Place in ``count`` of the orders for want of cash that were executed in part."""
COUNTS = SCALED + 1

ROWS, COLUMNS, SPARSE = range(3)
"""Layouts of wanted weights: row by row, column by column, and non-zero cells alone (compressed rows)."""

DECIDED, PARTLY_NAN, NOTHING = range(3)
"""What a row of wanted weights holds: a decision, some NaN (which are listed), nothing that names a coin."""

BLOCK = 32
"""Rows of a matrix stored by columns that are turned at a time: 32 rows of 1678 coins fit a second-level cache."""


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
def _sum_listed(values: FloatArray, coins: IntArray, size: int, money: FloatArray) -> float:
    """Add up values of the columns listed in ``coins``, ascending: the bits of :func:`_sum_all` with zeros elsewhere."""
    money[LANES:] = 0.0
    for k in range(size):
        money[LANES + (coins[k] & 3)] += values[k]
    total: float = (money[LANES] + money[LANES + 1]) + (money[LANES + 2] + money[LANES + 3])
    return total


@kernel()
def worth(
    units: FloatArray, last: FloatArray, held: IntArray, money: FloatArray, count: IntArray, work_float: FloatArray
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
    """Take in the quotes of one row (-1: nothing was quoted), and value the account at the last known prices."""
    owned = count[HELD]
    if row < 0:
        money[VALUE] = worth(units, last, held, money, count, work_float)
    elif 2 * owned > len(units):
        part, line = work_float[0], quotes[row]
        for coin in range(len(units)):
            price, known, own = line[coin], last[coin], units[coin]
            known = price if (price > 0.0) & (price < np.inf) else known
            last[coin] = known
            part[coin] = own * known
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
    """Write the weights now into ``out`` (coins + 1; the last is the share of cash), which must hold zeros."""
    value = worth(units, last, held, money, count, work_float)
    if value > 0.0:
        for place in range(count[HELD]):
            coin = held[place]
            out[coin] = units[coin] * last[coin] / value
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
    coins: IntArray,
    work_float: FloatArray,
) -> int:
    """List the columns that are held or wanted, ascending, with their weights, units, last prices and quotes."""
    own, want, size = 0, 0, 0
    while own < owned or want < len(index):
        if want >= len(index) or (own < owned and held[own] < index[want]):
            coin, weight = held[own], 0.0
            own += 1
        else:
            coin, weight = index[want], wanted[want]
            if own < owned and held[own] == coin:
                own += 1
            want += 1
        coins[size] = coin
        work_float[4, size] = weight
        work_float[5, size] = units[coin]
        work_float[6, size] = last[coin]
        work_float[7, size] = quotes[row, coin] if row >= 0 else np.nan
        size += 1
    return size


@kernel()
def _size_orders(
    size: int,
    value: float,
    lower: float,
    upper: float,
    wanted: FloatArray,
    units: FloatArray,
    last: FloatArray,
    price: FloatArray,
    order: FloatArray,
    target: FloatArray,
    sale: FloatArray,
    purchase: FloatArray,
    code: IntArray,
) -> None:
    """Steps 2 to 4: the order of each coin, whether and in what part it can be executed, and why not."""
    # Several short loops over few arrays, all cells read first: this the compiler turns into vectors.
    for k in range(size):
        goal = min(max(wanted[k], 0.0), 1.0) * value
        target[k] = goal
        order[k] = goal - units[k] * last[k]
    for k in range(size):
        gap, goal, quote = order[k], target[k], price[k]
        amount = abs(gap)
        reason = CUT_TO_MAXIMUM if amount > upper else EXECUTED
        reason = BELOW_MINIMUM if amount < lower else reason
        reason = reason if (amount < np.inf) & (goal / quote < np.inf) else NOT_FINITE
        reason = reason if (quote > 0.0) & (quote < np.inf) else NO_QUOTE
        code[k] = NO_ORDER if gap == 0.0 else reason
    for k in range(size):
        gap, reason = order[k], code[k]
        amount = min(abs(gap), upper)
        traded = amount if (reason == EXECUTED) | (reason == CUT_TO_MAXIMUM) else 0.0
        sale[k] = traded if gap < 0.0 else 0.0
        purchase[k] = traded if gap > 0.0 else 0.0


@kernel()
def _scale_purchases(size: int, factor: float, lower: float, purchase: FloatArray, code: IntArray) -> int:
    """Step 5: multiply all purchases by one factor, drop those that fall below the minimum; return how many did."""
    dropped = 0
    for k in range(size):
        before, reason = purchase[k], code[k]
        after = before * factor
        gone = (before > 0.0) & ((after < lower) | (after == 0.0))
        purchase[k] = 0.0 if gone else after
        code[k] = NO_CASH if before > 0.0 else reason
        dropped += gone
    return dropped


@kernel()
def _execute(
    size: int,
    price: FloatArray,
    target: FloatArray,
    sale: FloatArray,
    purchase: FloatArray,
    code: IntArray,
    units: FloatArray,
    last: FloatArray,
) -> int:
    """Move the units; return of how many coins one is held that was not, or the other way round."""
    for k in range(size):
        goal, difference = target[k], purchase[k] - sale[k]
        target[k] = (goal if code[k] == EXECUTED else difference) / price[k]
    changed = 0
    for k in range(size):
        before, moved, reason, sold, bought = units[k], target[k], code[k], sale[k], purchase[k]
        together = before + moved
        after = max(moved if reason == EXECUTED else together, 0.0)
        fewer = min(after, before)
        after = fewer if sold > 0.0 else after
        after = after if sold + bought > 0.0 else before
        changed += (after > 0.0) != (before > 0.0)
        units[k] = after
    for k in range(size):
        quote, known, traded = price[k], last[k], sale[k] + purchase[k]
        last[k] = quote if traded > 0.0 else known
    return changed


@kernel()
def _tally(size: int, code: IntArray, purchase: FloatArray, count: IntArray) -> None:
    """Count the orders by reason."""
    executed, below, cut, unquoted, short, infinite, scaled = 0, 0, 0, 0, 0, 0, 0
    for k in range(size):
        reason, bought = code[k], purchase[k]
        executed += reason == EXECUTED
        below += reason == BELOW_MINIMUM
        cut += reason == CUT_TO_MAXIMUM
        unquoted += reason == NO_QUOTE
        short += reason == NO_CASH
        infinite += reason == NOT_FINITE
        scaled += (reason == NO_CASH) & (bought > 0.0)
    count[REASON + EXECUTED] += executed
    count[REASON + BELOW_MINIMUM] += below
    count[REASON + CUT_TO_MAXIMUM] += cut
    count[REASON + NO_QUOTE] += unquoted
    count[REASON + NO_CASH] += short
    count[REASON + NOT_FINITE] += infinite
    count[SCALED] += scaled


@kernel()
def _log(
    size: int,
    coins: IntArray,
    fee: float,
    price: FloatArray,
    order: FloatArray,
    sale: FloatArray,
    purchase: FloatArray,
    code: IntArray,
    count: IntArray,
    log_int: IntArray,
    log_float: FloatArray,
    step: int,
) -> None:
    """List the orders of a step, sales before purchases."""
    place = count[LOGGED]
    for buying in range(2):
        for k in range(size):
            if code[k] != NO_ORDER and (order[k] > 0.0) == (buying == 1):
                log_int[place, 0] = step
                log_int[place, 1] = coins[k]
                log_int[place, 2] = code[k]
                log_float[place, 0] = order[k]
                log_float[place, 1] = sale[k] + purchase[k]
                log_float[place, 2] = price[k] if code[k] != NO_QUOTE else np.nan
                log_float[place, 3] = fee * (sale[k] + purchase[k])
                place += 1
    count[LOGGED] = place


@kernel()
def trade(
    quotes: FloatArray,
    row: int,
    index: IntArray,
    wanted: FloatArray,
    rules: FloatArray,
    units: FloatArray,
    last: FloatArray,
    held: IntArray,
    money: FloatArray,
    count: IntArray,
    work_int: IntArray,
    work_float: FloatArray,
    log_int: IntArray,
    log_float: FloatArray,
    step: int,
) -> None:
    """Trade from what is held to what is wanted, at the quotes of one row, after :func:`mark` has been called for it.

    ``wanted`` are the weights of the columns ``index`` (ascending); all others are wanted at 0. ``rules`` holds the fee, and
    the limits in units of the numeraire. ``work_int`` (2, coins) and ``work_float`` (8, coins) are scratch.
    """
    fee, lower, upper = rules[0], rules[1] * money[UNIT], rules[2] * money[UNIT]
    coins, code = work_int[0], work_int[1]
    order, target, sale, purchase = work_float[0], work_float[1], work_float[2], work_float[3]
    everything = len(index) == len(units) and row >= 0
    if everything:
        size = len(units)
        coins = index
        weight, have, known, price = wanted, units, last, quotes[row]
    else:
        size = _gather(index, wanted, quotes, row, units, last, held, count[HELD], work_int[0], work_float)
        weight, have, known, price = work_float[4], work_float[5], work_float[6], work_float[7]
    _size_orders(size, money[VALUE], lower, upper, weight, have, known, price, order, target, sale, purchase, code)
    if everything:
        sold, bought = _sum_all(sale, size), _sum_all(purchase, size)
    else:
        sold, bought = _sum_listed(sale, coins, size, money), _sum_listed(purchase, coins, size, money)
    cash = money[CASH] + (sold - fee * sold)
    if bought > 0.0:
        cost = bought + fee * bought
        exhausted = False
        if cost > cash:
            exhausted = _scale_purchases(size, cash / cost, lower, purchase, code) == 0
            bought = _sum_all(purchase, size) if everything else _sum_listed(purchase, coins, size, money)
        cash -= bought + fee * bought
        # what rounding leaves of the last cent, on either side of zero, is no cash
        if cash < 0.0 or exhausted:
            cash = 0.0
    money[CASH] = cash
    money[TURNOVER] = sold + bought
    money[FEES] = fee * (sold + bought)
    _tally(size, code, purchase, count)
    if len(log_int) > 0:
        _log(size, coins, fee, price, order, sale, purchase, code, count, log_int, log_float, step)
    if sold > 0.0 or bought > 0.0:
        changed = _execute(size, price, target, sale, purchase, code, have, known)
        if not everything:
            for k in range(size):
                units[coins[k]] = have[k]
                last[coins[k]] = known[k]
        if changed > 0:
            owned = 0
            for k in range(size):
                if have[k] > 0.0:
                    held[owned] = coins[k]
                    owned += 1
            count[HELD] = owned


@kernel()
def _log_missing(
    columns: IntArray, wanted: FloatArray, count: IntArray, log_int: IntArray, log_float: FloatArray, step: int
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
def run(
    first: int,
    stop: int,
    quotes: FloatArray,
    rows: IntArray,
    decisions: IntArray,
    layout: int,
    kinds: IntArray,
    index: IntArray,
    starts: IntArray,
    data: FloatArray,
    rules: FloatArray,
    numeraire: int,
    event_step: IntArray,
    event_coin: IntArray,
    event_benefit: FloatArray,
    units: FloatArray,
    last: FloatArray,
    held: IntArray,
    money: FloatArray,
    count: IntArray,
    out: FloatArray,
    weights: FloatArray,
    log_int: IntArray,
    log_float: FloatArray,
) -> int:
    """Replay the steps [first, stop), or as many as the log has room for; return the step to go on from.

    ``rows`` gives the row of ``quotes`` of each step, ``decisions`` the row of wanted weights; -1 is none. ``out`` (steps, 4)
    takes value, cash, fees and turnover; ``weights`` (stop - first or 0, coins + 1), of zeros, the realised weights.
    """
    coins = len(units)
    work_int = np.empty((2, coins), np.int64)
    work_float = np.empty((8, coins))
    width = len(index)
    tall = len(kinds)
    turned = np.empty((BLOCK if layout == COLUMNS else 0, width))
    block = -1
    event = np.searchsorted(event_step, first)
    for step in range(first, stop):
        if len(log_int) > 0 and len(log_int) - count[LOGGED] < coins:
            return step
        while event < len(event_step) and event_step[event] == step:
            money[CASH] += event_benefit[event] * units[event_coin[event]]
            event += 1
        row = rows[step]
        mark(quotes, row, numeraire, units, last, held, money, count, work_float)
        decision = decisions[step]
        if decision >= 0 and count[STOPPED] == 0 and kinds[decision] != NOTHING:
            if layout == SPARSE:
                low, high = starts[decision], starts[decision + 1]
                columns, wanted = index[low:high], data[low:high]
            elif layout == ROWS:
                columns, wanted = index, data[decision * width : (decision + 1) * width]
            else:
                if decision // BLOCK != block:
                    block = decision // BLOCK
                    begin = block * BLOCK
                    end = min(begin + BLOCK, tall)
                    for place in range(width):
                        for offset in range(end - begin):
                            turned[offset, place] = data[place * tall + begin + offset]
                columns, wanted = index, turned[decision % BLOCK]
            if kinds[decision] == DECIDED:
                trade(
                    quotes, row, columns, wanted, rules, units, last, held, money, count,
                    work_int, work_float, log_int, log_float, step,
                )  # fmt: skip
            else:
                _log_missing(columns, wanted, count, log_int, log_float, step)
        out[step, 0] = money[VALUE]
        out[step, 1] = money[CASH]
        out[step, 2] = money[FEES]
        out[step, 3] = money[TURNOVER]
        if len(weights) > 0:
            realised(units, last, held, money, count, work_float, weights[step - first])
    return stop


@kernel(fastmath={"reassoc"})
def _check_row(line: FloatArray, slack: float) -> tuple[float, int, int]:
    """Return the sum of a row, how many cells are not zero, and how many are numbers within [0, 1]."""
    amount = 0.0
    some, inside = 0, 0
    for k in range(len(line)):
        value = line[k]
        amount += value
        some += value != 0.0
        inside += (value >= -slack) & (value <= 1.0 + slack)
    return amount, some, inside


@kernel()
def _find_cells(line: FloatArray, some: int, cells: IntArray, before: int) -> None:
    """Write the places of the ``some`` cells that are not zero; ``cells`` holds the ``before`` places of the row above."""
    if some == before:
        same = 0
        for k in range(some):
            same += line[cells[k]] != 0.0
        if same == some:
            return
    chunk = 32
    found = 0
    for low in range(0, len(line), chunk):
        part = line[low : low + chunk]
        filled = 0
        for k in range(len(part)):
            filled += part[k] != 0.0
        if filled > 0:
            for k in range(len(part)):
                if part[k] != 0.0:
                    cells[found] = low + k
                    found += 1


@kernel()
def scan_rows(
    values: FloatArray, columns: IntArray, slack: float, total: FloatArray, fine: BoolArray,
    starts: IntArray, index: IntArray, data: FloatArray,
) -> int:  # fmt: skip
    """Check weights stored row by row, and gather the non-zero ones on the way.

    Writes the sum of each row and whether all its weights are numbers within [0, 1]; returns the number of non-zero weights
    gathered, or -1 where ``data`` is too short for them (then only the checks are complete).
    """
    tall, width = values.shape
    cells = np.zeros(width, np.int64)
    before = -1
    found = 0
    room = True
    for row in range(tall):
        line = values[row]
        total[row], some, inside = _check_row(line, slack)
        fine[row] = inside == width
        starts[row] = found
        room = room and found + some <= len(data)
        if room and some > 0:
            _find_cells(line, some, cells, before)
            before = some
            for k in range(some):
                index[found] = columns[cells[k]]
                data[found] = line[cells[k]]
                found += 1
    starts[tall] = found
    return found if room else -1


@kernel()
def scan_columns(values: FloatArray, slack: float, total: FloatArray, fine: BoolArray, filled: IntArray) -> None:
    """Check weights stored column by column, given as (columns, rows); count the non-zero ones of each column."""
    width, tall = values.shape
    total[:] = 0.0
    fine[:] = True
    for column in range(width):
        some = 0
        line = values[column]
        for row in range(tall):
            value = line[row]
            some += value != 0.0
            fine[row] &= (value >= -slack) & (value <= 1.0 + slack)
            total[row] += value
        filled[column] = some


@kernel()
def gather_columns(
    values: FloatArray, columns: IntArray, filled: IntArray, starts: IntArray, index: IntArray, data: FloatArray
) -> None:
    """Gather the non-zero weights of a matrix stored column by column into compressed rows; ``starts`` must hold zeros."""
    width, tall = values.shape
    for column in range(width):
        if filled[column] > 0:
            for row in range(tall):
                if values[column, row] != 0.0:
                    starts[row + 1] += 1
    for row in range(tall):
        starts[row + 1] += starts[row]
    place = starts[:tall].copy()
    for column in range(width):
        if filled[column] > 0:
            for row in range(tall):
                value = values[column, row]
                if value != 0.0:
                    index[place[row]] = columns[column]
                    data[place[row]] = value
                    place[row] += 1

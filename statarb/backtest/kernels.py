"""Replay kernels: one step of an account, and many steps in one call.

The state of an account is a handful of arrays that the kernels change in place, so that a step at a time and all steps at once
run through the same arithmetic, in the same order, and give the same bits:

``units``   (coins,) float64, units held.
``last``    (coins,) float64, last known price of each coin since it was first bought.
``held``    (coins,) int64, the columns with units above 0, ascending, in its first ``count[HELD]`` places.
``money``   float64: see ``CASH`` and its neighbours.
``count``   int64: see ``HELD`` and its neighbours; then one counter a reason code.

Work is proportional to the coins that are held or wanted, not to the coins of the panel.
"""

from __future__ import annotations

import numpy as np

from statarb._numba import kernel
from statarb._typing import BoolArray, FloatArray, IntArray

REASONS = ("executed", "below minimum", "cut to maximum", "no quote", "no cash", "not finite")
"""Reason codes by their number."""

EXECUTED, BELOW_MINIMUM, CUT_TO_MAXIMUM, NO_QUOTE, NO_CASH, NOT_FINITE = range(6)

CASH, VALUE, UNIT, FEES, TURNOVER = range(5)
"""Places in ``money``: cash, value before trading, last known price of the numeraire, fees and turnover of the last step."""

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
def mark(
    quotes: FloatArray,
    row: int,
    numeraire: int,
    units: FloatArray,
    last: FloatArray,
    held: IntArray,
    money: FloatArray,
    count: IntArray,
) -> float:
    """Take in the quotes of one row (-1: nothing was quoted), and value the account at the last known prices."""
    total = 0.0
    for place in range(count[HELD]):
        coin = held[place]
        if row >= 0:
            price = quotes[row, coin]
            if 0.0 < price < np.inf:
                last[coin] = price
        total += units[coin] * last[coin]
    if row >= 0 and numeraire >= 0:
        price = quotes[row, numeraire]
        if 0.0 < price < np.inf:
            money[UNIT] = price
    money[FEES] = 0.0
    money[TURNOVER] = 0.0
    money[VALUE] = money[CASH] + total
    if not money[VALUE] > 0.0:
        count[STOPPED] = 1
    value: float = money[VALUE]
    return value


@kernel()
def worth(units: FloatArray, last: FloatArray, held: IntArray, money: FloatArray, count: IntArray) -> float:
    """Return cash plus the holdings at the last known prices."""
    total = 0.0
    for place in range(count[HELD]):
        total += units[held[place]] * last[held[place]]
    value: float = money[CASH] + total
    return value


@kernel()
def realised(units: FloatArray, last: FloatArray, held: IntArray, money: FloatArray, count: IntArray, out: FloatArray) -> None:
    """Write the weights now into ``out`` (coins + 1; the last is the share of cash), which must hold zeros."""
    value = worth(units, last, held, money, count)
    if value > 0.0:
        for place in range(count[HELD]):
            coin = held[place]
            out[coin] = units[coin] * last[coin] / value
        out[len(out) - 1] = money[CASH] / value


@kernel()
def _log(
    log_int: IntArray, log_float: FloatArray, count: IntArray, step: int, coin: int, reason: int,
    wanted: float, traded: float, price: float, fee: float,
) -> None:  # fmt: skip
    count[REASON + reason] += 1
    if len(log_int) > 0:
        place = count[LOGGED]
        log_int[place, 0] = step
        log_int[place, 1] = coin
        log_int[place, 2] = reason
        log_float[place, 0] = wanted
        log_float[place, 1] = traded
        log_float[place, 2] = price
        log_float[place, 3] = fee
        count[LOGGED] = place + 1


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
    the limits in units of the numeraire. ``work_int`` (2, coins) and ``work_float`` (3, coins) are scratch.
    """
    fee = rules[0]
    lower = rules[1] * money[UNIT]
    upper = rules[2] * money[UNIT]
    value = money[VALUE]
    seen, buys = 0, 0
    sold, bought = 0.0, 0.0
    changed = False
    own, want = 0, 0
    owned = count[HELD]
    while own < owned or want < len(index):
        # the next column of two ascending lists: those held and those wanted
        if want >= len(index) or (own < owned and held[own] < index[want]):
            coin, weight = held[own], 0.0
            own += 1
        else:
            coin, weight = index[want], wanted[want]
            if own < owned and held[own] == coin:
                own += 1
            want += 1
        work_int[0, seen] = coin
        seen += 1
        target = min(max(weight, 0.0), 1.0) * value
        order = target
        if units[coin] > 0.0:
            order = target - units[coin] * last[coin]
        if order == 0.0:
            continue
        price = quotes[row, coin] if row >= 0 else np.nan
        if not (0.0 < price < np.inf):
            _log(log_int, log_float, count, step, coin, NO_QUOTE, order, 0.0, np.nan, 0.0)
            continue
        if not np.isfinite(order):
            _log(log_int, log_float, count, step, coin, NOT_FINITE, order, 0.0, price, 0.0)
            continue
        size = abs(order)
        if size < lower:
            _log(log_int, log_float, count, step, coin, BELOW_MINIMUM, order, 0.0, price, 0.0)
            continue
        reason = EXECUTED
        if size > upper:
            size = upper
            reason = CUT_TO_MAXIMUM
        if order < 0.0:
            left = target / price if reason == EXECUTED else units[coin] - size / price
            units[coin] = max(0.0, min(left, units[coin]))
            sold += size
            changed = changed or units[coin] == 0.0
            _log(log_int, log_float, count, step, coin, reason, order, -size, price, fee * size)
        elif not np.isfinite(units[coin] + size / price):
            _log(log_int, log_float, count, step, coin, NOT_FINITE, order, 0.0, price, 0.0)
        else:
            work_int[1, buys] = coin
            work_float[0, buys] = order
            work_float[1, buys] = size
            work_float[2, buys] = target
            bought += size
            buys += 1
    cash = money[CASH] + (sold - fee * sold)
    spent = 0.0
    if buys > 0:
        factor = 1.0
        cost = bought + fee * bought
        if cost > cash:
            factor = cash / cost
        dropped = 0
        for place in range(buys):
            coin = work_int[1, place]
            price = quotes[row, coin]
            order, size = work_float[0, place], work_float[1, place]
            reason = EXECUTED if size == order else CUT_TO_MAXIMUM
            if factor < 1.0:
                reason = NO_CASH
                size *= factor
                if size < lower or not size > 0.0:
                    dropped += 1
                    _log(log_int, log_float, count, step, coin, reason, order, 0.0, price, 0.0)
                    continue
                count[SCALED] += 1
            changed = changed or units[coin] == 0.0
            units[coin] = work_float[2, place] / price if reason == EXECUTED else units[coin] + size / price
            last[coin] = price
            spent += size
            _log(log_int, log_float, count, step, coin, reason, order, size, price, fee * size)
        cash -= spent + fee * spent
        # what rounding leaves of the last cent, on either side of zero, is no cash
        if cash < 0.0 or (factor < 1.0 and dropped == 0):
            cash = 0.0
    money[CASH] = cash
    money[TURNOVER] = sold + spent
    money[FEES] = fee * (sold + spent)
    if changed:
        owned = 0
        for place in range(seen):
            coin = work_int[0, place]
            if units[coin] > 0.0:
                held[owned] = coin
                owned += 1
        count[HELD] = owned


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
    work_float = np.empty((3, coins))
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
        mark(quotes, row, numeraire, units, last, held, money, count)
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
                for place in range(len(columns)):
                    if wanted[place] != wanted[place]:
                        _log(log_int, log_float, count, step, columns[place], NOT_FINITE, np.nan, 0.0, np.nan, 0.0)
        out[step, 0] = money[VALUE]
        out[step, 1] = money[CASH]
        out[step, 2] = money[FEES]
        out[step, 3] = money[TURNOVER]
        if len(weights) > 0:
            realised(units, last, held, money, count, weights[step - first])
    return stop


@kernel(fastmath={"reassoc"})
def scan_rows(
    values: FloatArray, columns: IntArray, slack: float, total: FloatArray, fine: BoolArray,
    starts: IntArray, index: IntArray, data: FloatArray,
) -> int:  # fmt: skip
    """Check weights stored row by row, and gather the non-zero ones on the way.

    Writes the sum of each row and whether all its weights are numbers within [0, 1]; returns the number of non-zero weights
    gathered, or -1 where ``data`` is too short for them (then only the checks are complete).
    """
    tall, width = values.shape
    chunk = 16
    found = 0
    room = True
    for row in range(tall):
        amount = 0.0
        good = True
        starts[row] = found
        for low in range(0, width, chunk):
            high = min(low + chunk, width)
            some = 0
            inside = 0
            part = 0.0
            for column in range(low, high):
                value = values[row, column]
                some += value != 0.0
                inside += (value >= -slack) & (value <= 1.0 + slack)
                part += value
            amount += part
            good = good and inside == high - low
            if some > 0 and room:
                if found + some > len(data):
                    room = False
                    continue
                for column in range(low, high):
                    value = values[row, column]
                    if value != 0.0:
                        index[found] = columns[column]
                        data[found] = value
                        found += 1
        total[row] = amount
        fine[row] = good
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

"""Order sizes: the largest as a box, the smallest by leaving orders out and solving again."""

from __future__ import annotations

import dataclasses

import numpy as np

from statarb._core.checks import check_number
from statarb._core.typing import BoolArray, FloatArray
from statarb.errors import DataError, InfeasibleError, ParameterError
from statarb.optimization._engine.fast_solver import FastSolver
from statarb.optimization.program import Program
from statarb.optimization.solution import Solution
from statarb.optimization.solve import solve_fast
from statarb.rules import TradingRules

__all__ = ["limit_orders", "order_limits", "small_orders", "without_small_orders"]

ROUNDS = 20
"""Most rounds in which small orders are left out."""


def order_limits(
    rules: TradingRules, value: float | None, numeraire_price: float | None
) -> tuple[float, float]:
    """Return the smallest and the largest order as shares of the portfolio's value.

    Parameters
    ----------
    rules : TradingRules
        Limits in units of the numeraire, or of the currency where there is none.
    value : float or None
        Value of the portfolio before trading.
    numeraire_price : float or None
        Price of the numeraire in the currency of ``value``.

    Returns
    -------
    smallest, largest : float
        0 and infinity where the rules do not limit orders.

    Raises
    ------
    ParameterError
        Limits without a value, or without the numeraire's price.
    """
    if not rules.limited:
        return 0.0, float("inf")
    if value is None:
        raise ParameterError(
            "rules that limit orders need value=, the portfolio's value; or give "
            "rules.without_limits()"
        )
    price = 1.0
    if rules.numeraire is not None:
        if numeraire_price is None:
            raise ParameterError(
                f"rules state order limits in units of {rules.numeraire!r}; give its price as "
                "numeraire_price="
            )
        price = check_number("numeraire_price", numeraire_price, above=0.0)
    share = price / check_number("value", value, above=0.0)
    return rules.min_order * share, rules.max_order * share


def limit_orders(
    program: Program, rules: TradingRules, value: float | None, numeraire_price: float | None
) -> tuple[Program, float]:
    """Return the program with the rules' largest order in its box, and the smallest order as a
    weight.

    Parameters
    ----------
    program : Program
        Without order limits.
    rules, value, numeraire_price
        As in :func:`order_limits`.

    Returns
    -------
    program : Program
        With the box narrowed.
    smallest : float
        Smallest order, as a share of the value.
    """
    smallest, largest = order_limits(rules, value, numeraire_price)
    if np.isfinite(largest):
        program = program.replace(
            lower=np.maximum(program.lower, program.previous - largest),
            upper=np.minimum(program.upper, program.previous + largest),
        )
    return program, smallest


def small_orders(program: Program, weights: FloatArray, smallest: float) -> BoolArray:
    """Return which orders are below the smallest allowed, or so near that rounding decides.

    Parameters
    ----------
    program : Program
        Gives the weights held.
    weights : (N,)
        Target weights.
    smallest : float
        Smallest order, as a share of the value.

    Returns
    -------
    (N,) bool
    """
    order = np.abs(weights - program.previous)
    return (order > 0.0) & (order < smallest * (1.0 + 1e-9))


def without_small_orders(
    program: Program, fast: FastSolver, solution: Solution, smallest: float
) -> Solution:
    """Leave out orders below the smallest allowed and solve again with those assets as they are
    held.

    A smallest order makes the problem non-convex (an order is nothing, or at least so large). Every
    round fixes the small orders of the last one at "no order"; as their number only grows, the
    rounds end. The result is feasible, and its objective is compared with that of the problem
    without a smallest order, which no portfolio can exceed. Where fixing all of them at once costs
    more than fixing the smallest half first, the better result is kept.

    Parameters
    ----------
    program : Program
        The problem without a smallest order.
    fast : FastSolver
        Of the program's scenarios.
    solution : Solution
        Its solution.
    smallest : float
        Smallest order as a share of the portfolio's value.

    Returns
    -------
    Solution
        With ``dropped`` and ``objective_lost``. Its ``gap`` is that of the last convex problem;
        against all ways of leaving orders out, ``objective_lost`` bounds the loss.
    """
    sign = -1.0 if program.objective == "min_risk" else 1.0
    if not small_orders(program, solution.array, smallest).any():
        return solution
    candidates = [
        found
        for all_at_once in (True, False)
        if (found := _drop_small_orders(program, fast, solution, smallest, all_at_once)) is not None
    ]
    if not candidates:
        return dataclasses.replace(
            solution,
            status="optimal_inaccurate",
            reason="no portfolio without small orders satisfies the constraints",
        )
    best, fixed = max(candidates, key=lambda pair: sign * pair[0].objective)
    labels = range(program.assets) if program.labels is None else program.labels
    lost = sign * (solution.objective - best.objective)
    return dataclasses.replace(
        best,
        dropped=tuple(labels[int(asset)] for asset in np.flatnonzero(fixed)),
        objective_lost=max(float(lost), 0.0),
        iterations=solution.iterations + best.iterations,
    )


def _drop_small_orders(
    program: Program, fast: FastSolver, solution: Solution, smallest: float, all_at_once: bool
) -> tuple[Solution, BoolArray] | None:
    """Return a solution without small orders, and the assets left out; ``None`` where there is
    none.
    """
    fixed: BoolArray = np.zeros(program.assets, np.bool_)
    for turn in range(ROUNDS):
        weights = solution.array
        small = small_orders(program, weights, smallest) & ~fixed
        if not small.any():
            return solution, fixed
        order = np.abs(weights - program.previous)
        if not all_at_once and turn < ROUNDS // 2:
            small &= order <= float(np.median(order[small]))
        fixed |= small
        held = program.previous
        inside = (held >= program.lower - 1e-15) & (held <= program.upper + 1e-15)
        if not inside[fixed].all():
            return None
        narrowed = program.replace(
            lower=np.where(fixed, held, program.lower), upper=np.where(fixed, held, program.upper)
        )
        try:
            narrowed.require_feasible()
            solution = solve_fast(narrowed, fast, start=np.where(fixed, held, weights))
        except (DataError, InfeasibleError):
            return None
    return None

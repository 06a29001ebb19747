"""Order sizes: the largest as a box, the smallest by leaving orders out and solving again."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from statarb._core.checks import check_number
from statarb._core.typing import BoolArray, FloatArray
from statarb.errors import ParameterError
from statarb.optimization.program import Program
from statarb.optimization.solution import Solution
from statarb.optimization.solver import FastSolver
from statarb.rules import TradingRules

if TYPE_CHECKING:
    from statarb.optimization.mean_downside_risk import MeanDownsideRisk

__all__ = ["order_limits", "small_orders", "without_small_orders"]


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
    unit = 1.0
    if rules.numeraire is not None:
        if numeraire_price is None:
            raise ParameterError(
                f"rules state order limits in units of {rules.numeraire!r}; give its price as "
                "numeraire_price="
            )
        unit = check_number("numeraire_price", numeraire_price, above=0.0)
    share = unit / check_number("value", value, above=0.0)
    return rules.min_order * share, rules.max_order * share


def small_orders(program: Program, weights: FloatArray, smallest: float) -> BoolArray:
    """Return which orders are below the smallest allowed, or so near that rounding decides,
    (N,).
    """
    order = np.abs(weights - program.previous)
    return (order > 0.0) & (order < smallest * (1.0 + 1e-9))


def without_small_orders(
    problem: MeanDownsideRisk,
    program: Program,
    fast: FastSolver,
    solution: Solution,
    smallest: float,
    rounds: int = 20,
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
    problem : MeanDownsideRisk
        Whose objective counts.
    program : Program
        The problem without a smallest order.
    fast : FastSolver
        Of the program's histories.
    solution : Solution
        Its solution.
    smallest : float
        Smallest order as a share of the portfolio's value.
    rounds : int
        Largest number of rounds of each of the two ways.

    Returns
    -------
    Solution
        With ``dropped`` and ``objective_lost``. Its ``gap`` is that of the last convex problem;
        against all ways of leaving orders out, ``objective_lost`` bounds the loss.
    """
    sign = -1.0 if problem.objective == "min_risk" else 1.0
    if not small_orders(program, solution.array, smallest).any():
        return solution
    candidates = [
        found
        for all_at_once in (True, False)
        if (found := _drop(problem, program, fast, solution, smallest, rounds, all_at_once))
        is not None
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


def _drop(
    problem: MeanDownsideRisk,
    program: Program,
    fast: FastSolver,
    solution: Solution,
    smallest: float,
    rounds: int,
    all_at_once: bool,
) -> tuple[Solution, BoolArray] | None:
    from statarb.errors import DataError, InfeasibleError

    fixed: BoolArray = np.zeros(program.assets, np.bool_)
    for turn in range(rounds):
        weights = solution.array
        small = small_orders(program, weights, smallest) & ~fixed
        if not small.any():
            return solution, fixed
        order = np.abs(weights - program.previous)
        if not all_at_once and turn < rounds // 2:
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
            solution = problem.solve_program(narrowed, fast, start=np.where(fixed, held, weights))
        except (DataError, InfeasibleError):
            return None
    return None

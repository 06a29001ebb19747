"""Duality gaps of a portfolio, computed from the problem alone: no solver's word is taken for an
answer.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from statarb._core.typing import FloatArray
from statarb.optimization._engine.pricing import mean_square
from statarb.optimization.program import Program

__all__ = ["Certificate", "best_linear", "certify_min_risk", "certify_ratio", "certify_utility"]


@dataclasses.dataclass(frozen=True)
class Certificate:
    """How far a portfolio can be from the optimum.

    Parameters
    ----------
    gap : float
        Upper bound of the loss against the optimum, relative to the size of the objective.
    infeasibility : float
        Largest violation of a constraint.
    price : float
        Multiplier of the budget with which the bound was found.
    """

    gap: float
    infeasibility: float
    price: float


def certify_utility(
    program: Program,
    weights: FloatArray,
    price: float | None = None,
    group_prices: FloatArray | None = None,
) -> Certificate:
    """Bound what ``weights`` can lose in utility against the best portfolio.

    Downside risk D is convex, so D(v) >= D(w) + D'(w)(v - w) for all v; with a price nu of the
    budget the rest separates by asset, and its minimum over a box lies at a bound or at the weight
    held before. The loss is at most

        sum_j [theta_j(w_j) - min_v theta_j(v)] + nu * (slack of the budget),
        theta_j(v) = (lambda D'_j(w) - mu_j + nu) v + (fee + nu * paid) |v - previous_j|,

    a sum of terms that are not negative (Fenchel duality; Boyd & Vandenberghe 2004, section 5.2).
    It is divided by the larger of |utility| and lambda D(w), or by :func:`negligible` where both
    are smaller.

    Parameters
    ----------
    program : Program
        The problem.
    weights : (N,)
        The portfolio.
    price : float, optional
        Multiplier nu; by default the best one is looked for.
    group_prices : (G,), optional
        Multipliers of the group caps, not negative.

    Returns
    -------
    Certificate
    """
    slope = program.risk_aversion * program.downside_gradient(weights) - program.expected_return
    toll, allowance = _tolls(program, group_prices)
    slope = slope + toll
    slack = max(allowance - float(toll @ weights), 0.0)
    nu = _best_price(program, weights, slope) if price is None else price
    loss = slack + _linear_loss(program, weights, slope, nu)
    size = max(abs(program.utility(weights)), program.risk_aversion * program.downside(weights))
    return Certificate(_relative(loss, size, program), program.infeasibility(weights), nu)


def certify_ratio(
    program: Program,
    weights: FloatArray,
    group_prices: FloatArray | None = None,
    least_deviation: float = 0.0,
) -> Certificate:
    """Bound what ``weights`` can lose in the ratio of net expected return to downside deviation,
    relative to that ratio.

    With d_t the shortfalls of ``weights`` and q_t = p_t d_t / sqrt(sum p d^2), Cauchy and Schwarz
    give for every portfolio v that deviation(v) >= sum_t q_t (mar - r_t'v): a linear function under
    the deviation, equal to it at ``weights``. The best ratio with that function as denominator
    bounds the best ratio; it is found by Dinkelbach's (1967) iteration, whose every step is a
    linear problem over the box and the budget (:func:`best_linear`).

    Where a hedge with a negative expected return is held, that function is negative somewhere and
    bounds no ratio. Then a lower bound of every portfolio's deviation helps: with e the largest of
    net - mar - ratio * function, no ratio is larger by more than e / least deviation.

    Parameters
    ----------
    program : Program
        The problem.
    weights : (N,)
        The portfolio, with a positive downside.
    group_prices : (G,), optional
        Multipliers of the group caps (in the utility problem that has ``weights`` as its solution).
    least_deviation : float
        No portfolio of the problem has a smaller downside deviation; 0 where nothing is known.

    Returns
    -------
    Certificate
    """
    missed = program.shortfall(weights)
    deviation = float(np.sqrt(program.scenario_weights @ (missed * missed)))
    infeasibility = program.infeasibility(weights)
    if not deviation > 0.0:
        return Certificate(np.inf, infeasibility, 0.0)
    pull = program.scenario_weights * missed / deviation
    linear = -(program.histories @ pull) * (1.0 if program.scale is None else program.scale)
    constant = program.mar * float(pull.sum())
    ratio = (program.net_return(weights) - program.mar) / deviation
    # the rounding of a product over the scenarios (Higham 2002, equation 3.5): an excess below it
    # is none
    small = max(1e-14, np.finfo(np.float64).eps / 2.0 * len(pull)) * max(
        abs(ratio) * deviation, 1e-300
    )
    bound, gap, price = ratio, np.inf, 0.0
    toll, allowance = _tolls(program, group_prices)
    for turn in range(50):
        best, price = best_linear(program, program.expected_return - toll - bound * linear)
        gain = program.net_return(best) - float(toll @ best) + allowance - program.mar
        under = float(linear @ best) + constant
        excess = max(gain - bound * under, 0.0)
        if turn == 0 and least_deviation > 0.0:
            gap = _relative(excess / least_deviation, abs(ratio))
        if excess <= small:
            gap = min(gap, _relative(max(bound - ratio, 0.0), abs(ratio)))
            break
        if under <= 0.0:
            break
        bound = gain / under
    return Certificate(gap, infeasibility, price)


def certify_min_risk(
    program: Program,
    weights: FloatArray,
    risk_price: float,
    price: float | None = None,
    group_prices: FloatArray | None = None,
) -> Certificate:
    """Bound how far the downside of ``weights`` is above the least downside with the floor on net
    expected return.

    For any lambda, every portfolio v above the floor has lambda D(v) >= min over all of [lambda D -
    net] + floor (Lagrange), so the utility problem's bound at ``risk_price`` = lambda bounds this
    one too.

    Parameters
    ----------
    program : Program
        The problem, with its floor.
    weights : (N,)
        The portfolio.
    risk_price : float
        The lambda at which the floor is just reached.
    price : float, optional
        Multiplier of the budget; by default the best one is looked for.
    group_prices : (G,), optional
        Multipliers of the group caps at that lambda.

    Returns
    -------
    Certificate
        The gap is relative to the downside.
    """
    free = program.replace(risk_aversion=risk_price)
    toll, allowance = _tolls(program, group_prices)
    slope = risk_price * free.downside_gradient(weights) - free.expected_return + toll
    nu = _best_price(free, weights, slope) if price is None else price
    above = (
        0.0 if program.return_floor is None else program.net_return(weights) - program.return_floor
    )
    loss = (
        _linear_loss(free, weights, slope, nu)
        + max(above, 0.0)
        + max(allowance - float(toll @ weights), 0.0)
    )
    return Certificate(
        _relative(loss, risk_price * program.downside(weights), free),
        program.infeasibility(weights),
        nu,
    )


def negligible(program: Program) -> float:
    """Return an objective too small to be told from 0: 1e-5 of lambda times the assets' mean
    squared return.

    A portfolio without any downside has an objective of 0 and no relative gap; squares of rounding
    errors would decide.
    """
    mean = mean_square(program.histories, program.scenario_weights)
    spread = 1.0 if program.scale is None else float(np.mean(program.scale**2))
    return 1e-5 * program.risk_aversion * mean * spread


def best_linear(program: Program, gain: FloatArray) -> tuple[FloatArray, float]:
    """Maximise ``gain'w - fee * turnover`` over the box and the budget: the problem without risk.

    Every asset offers two segments, keeping (from its lower bound to the weight held) at ``gain +
    fee`` and buying at ``gain - fee``; they are filled in order of worth per unit of budget
    (Dantzig 1957).

    Parameters
    ----------
    program : Program
        Gives box, budget, fee and weights held. Group caps and floor are not looked at.
    gain : (N,)
        Worth of one unit of each asset.

    Returns
    -------
    weights : (N,)
        A best portfolio.
    price : float
        Multiplier of the budget.
    """
    kink = np.clip(program.previous, program.lower, program.upper)
    length = np.concatenate([kink - program.lower, program.upper - kink])
    worth = np.concatenate([gain + program.fee, gain - program.fee])
    cost = np.concatenate(
        [np.full(program.assets, 1.0 - program.paid), np.full(program.assets, 1.0 + program.paid)]
    )
    live = np.flatnonzero(length > 0.0)
    order = live[np.argsort(-worth[live] / cost[live], kind="stable")]
    room = 1.0 - float(
        (program.lower + program.paid * np.abs(program.lower - program.previous)).sum()
    )
    must = program.invested - float(program.lower.sum())
    take, price = np.zeros(2 * program.assets), 0.0
    used = np.cumsum(length[order] * cost[order])
    wanted = worth[order] > 0.0
    forced = np.cumsum(length[order]) - length[order] < must
    filled = (used - length[order] * cost[order] < room) & (wanted | forced)
    last = int(filled.sum())
    chosen = order[:last]
    take[chosen] = length[chosen]
    if last:
        edge = chosen[-1]
        over = max(0.0, float(used[last - 1]) - room) / cost[edge]
        if not worth[edge] > 0.0:
            over = max(over, float(length[chosen].sum()) - must)
        take[edge] = max(0.0, length[edge] - over)
        if over > 0.0 or (last < len(order) and wanted[last]):
            price = float(worth[edge] / cost[edge])
    weights = np.where(take[program.assets :] > 0.0, kink, program.lower + take[: program.assets])
    return weights + take[program.assets :], price


def _tolls(program: Program, group_prices: FloatArray | None) -> tuple[FloatArray, float]:
    """Return what the prices of group caps take from each asset, and what they give back for the
    caps.
    """
    if group_prices is None or program.group is None or program.group_caps is None:
        return np.zeros(program.assets), 0.0
    return np.append(group_prices, 0.0)[program.group], float(group_prices @ program.group_caps)


def _linear_loss(program: Program, weights: FloatArray, slope: FloatArray, nu: float) -> float:
    """Return sum_j [theta_j(w_j) - min theta_j] and the price of unused budget, not negative."""
    theta, cheapest, _ = _by_asset(program, weights, slope, nu)
    unused = program.cash(weights) if nu >= 0.0 else program.invested - float(weights.sum())
    return float(np.maximum(theta - cheapest, 0.0).sum()) + abs(nu) * max(abs(unused), 0.0)


def _by_asset(
    program: Program, weights: FloatArray, slope: FloatArray, nu: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    tilt, kink_cost = slope + nu, program.fee + max(nu, 0.0) * program.paid
    spots = np.stack(
        [program.lower, np.clip(program.previous, program.lower, program.upper), program.upper]
    )
    theta = tilt * spots + kink_cost * np.abs(spots - program.previous)
    place = np.argmin(theta, axis=0)[None]
    here = tilt * weights + kink_cost * np.abs(weights - program.previous)
    return here, np.take_along_axis(theta, place, 0)[0], np.take_along_axis(spots, place, 0)[0]


def _best_price(program: Program, weights: FloatArray, slope: FloatArray) -> float:
    """Return the price of the budget with the least loss.

    The loss is convex in the price and linear between the prices at which some asset changes its
    place, so the least is at one of these: sort them, halve.
    """
    fee, paid = program.fee, program.paid
    turns = np.concatenate([[0.0], -(slope - fee) / (1.0 - paid), -(slope + fee) / (1.0 + paid)])
    if paid > 0.0 and program.invested > 0.0:
        # a negative price is one of what must be invested, which bears no fee
        turns = np.concatenate([turns, -(slope - fee), -(slope + fee)])
    if program.invested <= 0.0:
        turns = np.maximum(turns, 0.0)
    turns = np.unique(turns)
    low, high = 0, len(turns) - 1
    while high - low > 1:
        middle = (low + high) // 2
        here, after = (
            _linear_loss(program, weights, slope, float(turns[at])) for at in (middle, middle + 1)
        )
        low, high = (low, middle) if here <= after else (middle, high)
    return min(
        (float(turns[at]) for at in {low, high, int(np.searchsorted(turns, 0.0))}),
        key=lambda nu: _linear_loss(program, weights, slope, nu),
    )


def _relative(loss: float, size: float, program: Program | None = None) -> float:
    if loss <= 0.0:
        return 0.0
    if program is not None and loss > 1e-12 * size:
        size = max(size, negligible(program))
    return loss / size if size > 0.0 else np.inf

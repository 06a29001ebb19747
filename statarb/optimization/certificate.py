r"""Duality gaps of a portfolio, computed from the problem alone, whatever solver it comes from."""

from __future__ import annotations

import dataclasses

import numpy as np

from statarb._core.typing import FloatArray
from statarb.optimization._engine.pricing import mean_square
from statarb.optimization.linear import best_linear
from statarb.optimization.program import Program

__all__ = [
    "Certificate",
    "Charges",
    "certify_min_risk",
    "certify_ratio",
    "certify_utility",
    "negligible",
    "risk_tangent",
]


@dataclasses.dataclass(frozen=True)
class Certificate:
    """How far a portfolio can be from the optimum.

    Parameters
    ----------
    gap : float
        Upper bound of the loss against the optimum, relative to the size of the objective.
    infeasibility : float
        Largest violation of a constraint.
    multiplier : float
        Multiplier of the budget with which the bound was found.
    """

    gap: float
    infeasibility: float
    multiplier: float


@dataclasses.dataclass(frozen=True, eq=False)
class Charges:
    """What the multipliers of further linear constraints ``F w <= f`` take from each asset.

    Parameters
    ----------
    toll : (N,)
        ``F'y`` for multipliers y.
    allowance : float
        ``f'y``: what they give back.
    """

    toll: FloatArray
    allowance: float


def certify_utility(
    program: Program,
    weights: FloatArray,
    multiplier: float | None = None,
    group_multipliers: FloatArray | None = None,
    *,
    charges: Charges | None = None,
    tail: FloatArray | None = None,
) -> Certificate:
    r"""Bound what ``weights`` can lose in utility against the best portfolio.

    Risk D is convex, so a linear function :math:`a'v + b` lies below it and touches it at w (the
    tangent); with a multiplier :math:`\nu` of the budget the rest separates by asset, and its
    minimum over a box lies at a bound or at the weight held before. The loss is at most

    .. math::

        \sum_j \left[\theta_j(w_j) - \min_v \theta_j(v)\right] + \nu \cdot \text{slack},
        \qquad \theta_j(v) = (\lambda a_j - \mu_j + \nu) v
        + (\text{fee} + \nu\,\text{paid}) |v - \text{previous}_j|,

    a sum of terms that are not negative (Fenchel duality; Boyd & Vandenberghe 2004, section 5.2).
    It is divided by the larger of :math:`|\text{utility}|` and :math:`\lambda D(w)`, or by
    :func:`negligible` where both are smaller.

    Parameters
    ----------
    program : Program
        The problem.
    weights : (N,)
        The portfolio.
    multiplier : float, optional
        Multiplier of the budget; by default the best one is looked for.
    group_multipliers : (G,), optional
        Multipliers of the group caps, not negative.
    charges : Charges, optional
        Multipliers of constraints that the program does not know.
    tail : (T,), optional
        For ``cvar`` and ``lpm1``: multipliers of the scenarios, which choose the tangent where the
        risk has a kink; by default those of the scenarios below the threshold.

    Returns
    -------
    Certificate
    """
    lam, risk = program.risk_aversion, program.risk(weights)
    tangent, constant = risk_tangent(program, weights, tail)
    slope = lam * tangent - program.expected_return
    toll, allowance = _tolls(program, group_multipliers, charges)
    slope = slope + toll
    slack = max(allowance - float(toll @ weights), 0.0)
    slack += lam * max(risk - float(tangent @ weights) - constant, 0.0) if tail is not None else 0.0
    nu = _best_multiplier(program, weights, slope) if multiplier is None else multiplier
    loss = slack + _linear_loss(program, weights, slope, nu)
    size = max(abs(program.net_return(weights) - lam * risk), lam * risk)
    return Certificate(_relative(loss, size, program), program.infeasibility(weights), nu)


def certify_ratio(
    program: Program,
    weights: FloatArray,
    group_multipliers: FloatArray | None = None,
    least_deviation: float = 0.0,
    *,
    tail: FloatArray | None = None,
) -> Certificate:
    r"""Bound what ``weights`` can lose in the ratio of net expected return to deviation, relative
    to that ratio.

    With d_t the shortfalls of ``weights``, m the minimum acceptable return and :math:`q_t = p_t d_t
    / \sqrt{\sum_s p_s d_s^2}`, Cauchy and Schwarz give for every portfolio v

    .. math:: \text{deviation}(v) \ge \sum_t q_t (m - r_t'v),

    a linear function under the deviation, equal to it at ``weights``. (The variance has one of the
    same kind, the other measures their tangent.) The best ratio with that function as denominator
    bounds the best ratio; it is found by Dinkelbach's (1967) iteration, whose every step is a
    linear problem over the box and the budget (:func:`.linear.best_linear`).

    Where a hedge with a negative expected return is held, that function is negative somewhere and
    bounds no ratio. Then a lower bound of every portfolio's deviation helps: with e the largest of
    net - m - ratio * function, no ratio is larger by more than e / least deviation.

    Parameters
    ----------
    program : Program
        The problem.
    weights : (N,)
        The portfolio, with a positive deviation.
    group_multipliers : (G,), optional
        Multipliers of the group caps (in the utility problem that has ``weights`` as its solution).
    least_deviation : float
        No portfolio of the problem has a smaller deviation; 0 where nothing is known.
    tail : (T,), optional
        As in :func:`certify_utility`.

    Returns
    -------
    Certificate
    """
    infeasibility = program.infeasibility(weights)
    deviation = program.deviation(weights)
    if not deviation > 0.0:
        return Certificate(np.inf, infeasibility, 0.0)
    if program.measure == "downside":
        pull = program.scenario_weights * program.shortfall(weights) / deviation
        linear = -program.by_asset(pull)
        constant = program.minimum_acceptable_return * float(pull.sum())
    elif program.measure == "variance":
        tangent, _ = risk_tangent(program, weights, None)
        linear, constant = tangent / (2.0 * deviation), 0.0
    else:
        linear, constant = risk_tangent(program, weights, tail)
    ratio = (program.net_return(weights) - program.minimum_acceptable_return) / deviation
    # the rounding of a product over the scenarios (Higham 2002, equation 3.5): an excess below it
    # is none
    small = max(1e-14, np.finfo(np.float64).eps / 2.0 * len(program.scenario_weights)) * max(
        abs(ratio) * deviation, 1e-300
    )
    bound, gap, multiplier = ratio, np.inf, 0.0
    toll, allowance = _tolls(program, group_multipliers, None)
    for turn in range(50):
        best, multiplier = best_linear(program, program.expected_return - toll - bound * linear)
        gain = (
            program.net_return(best)
            - float(toll @ best)
            + allowance
            - program.minimum_acceptable_return
        )
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
    return Certificate(gap, infeasibility, multiplier)


def certify_min_risk(
    program: Program,
    weights: FloatArray,
    risk_aversion: float,
    multiplier: float | None = None,
    group_multipliers: FloatArray | None = None,
    *,
    charges: Charges | None = None,
    tail: FloatArray | None = None,
) -> Certificate:
    """Bound how far the risk of ``weights`` is above the least risk with the floor on net expected
    return.

    For any lambda, every portfolio v above the floor has lambda D(v) >= min over all of [lambda D -
    net] + floor (Lagrange), so the utility problem's bound at that lambda bounds this one too.

    Parameters
    ----------
    program : Program
        The problem, with its floor.
    weights : (N,)
        The portfolio.
    risk_aversion : float
        The lambda at which the floor is just reached: one over the floor's multiplier.
    multiplier : float, optional
        Multiplier of the budget; by default the best one is looked for.
    group_multipliers : (G,), optional
        Multipliers of the group caps at that lambda.
    charges, tail : optional
        As in :func:`certify_utility`, at that lambda.

    Returns
    -------
    Certificate
        The gap is relative to the risk.
    """
    free = program.replace(risk_aversion=risk_aversion)
    toll, allowance = _tolls(program, group_multipliers, charges)
    tangent, constant = risk_tangent(free, weights, tail)
    slope = risk_aversion * tangent - free.expected_return + toll
    nu = _best_multiplier(free, weights, slope) if multiplier is None else multiplier
    above = (
        0.0 if program.return_floor is None else program.net_return(weights) - program.return_floor
    )
    risk = program.risk(weights)
    loss = (
        _linear_loss(free, weights, slope, nu)
        + max(above, 0.0)
        + max(allowance - float(toll @ weights), 0.0)
    )
    if tail is not None:
        loss += risk_aversion * max(risk - float(tangent @ weights) - constant, 0.0)
    return Certificate(
        _relative(loss, risk_aversion * risk, free), program.infeasibility(weights), nu
    )


def negligible(program: Program) -> float:
    """Return an objective too small to be told from 0: 1e-5 of lambda times the assets' mean
    squared return (its root, for a measure in units of returns).

    A portfolio without any risk has an objective of 0 and no relative gap; squares of rounding
    errors would decide.

    Parameters
    ----------
    program : Program
        The problem.

    Returns
    -------
    float
    """
    mean = mean_square(program.scenarios_by_asset, program.scenario_weights)
    spread = 1.0 if program.volatility is None else float(np.mean(program.volatility**2))
    size = mean * spread
    if program.measure in ("cvar", "lpm1"):
        size = float(np.sqrt(size))
    return 1e-5 * program.risk_aversion * size


def risk_tangent(
    program: Program, weights: FloatArray, tail: FloatArray | None
) -> tuple[FloatArray, float]:
    """Return a and b of a linear function a'v + b that lies below the risk of every v.

    For ``lpm1`` and ``cvar`` any weights q_t of the scenarios with 0 <= q_t <= p_t, or 0 <= q_t <=
    p_t / (1 - level) with sum 1, give such a function (Rockafellar & Uryasev 2000).

    Parameters
    ----------
    program : Program
        The problem.
    weights : (N,)
        Where the function touches a risk that is smooth there; b is left 0 for the measures that
        are smooth everywhere.
    tail : (T,) or None
        q_t, put into its bounds; by default those that touch the risk at ``weights``.

    Returns
    -------
    (N,), float
    """
    p, minimum = program.scenario_weights, program.minimum_acceptable_return
    if program.measure in ("downside", "variance"):
        # the tangent: b is not needed where the touch needs no check
        return program.risk_gradient(weights), 0.0
    returns = program.scenario_returns(weights)
    if program.measure == "lpm1":
        chosen = np.clip(p * (returns < minimum) if tail is None else tail, 0.0, p)
        return -program.by_asset(chosen), minimum * float(chosen.sum())
    cap = p / (1.0 - program.cvar_level)
    # where none is given, and for what is missing to a sum of 1: the worst scenarios first
    chosen = np.zeros(len(p)) if tail is None else np.clip(tail, 0.0, cap)
    total = float(chosen.sum())
    if total > 1.0:
        chosen /= total
    elif total < 1.0:
        order = np.argsort(returns, kind="stable")
        room = (cap - chosen)[order]
        before = np.cumsum(room) - room
        chosen[order] += np.clip(1.0 - total - before, 0.0, room)
    return -program.by_asset(chosen), 0.0


def _tolls(
    program: Program, group_multipliers: FloatArray | None, charges: Charges | None
) -> tuple[FloatArray, float]:
    """Return what the multipliers of group caps and further constraints take from each asset, and
    what they give back.
    """
    toll, allowance = np.zeros(program.assets), 0.0
    if (
        group_multipliers is not None
        and program.group is not None
        and program.group_caps is not None
    ):
        toll = np.append(group_multipliers, 0.0)[program.group]
        allowance = float(group_multipliers @ program.group_caps)
    if charges is not None:
        toll, allowance = toll + charges.toll, allowance + charges.allowance
    return toll, allowance


def _linear_loss(program: Program, weights: FloatArray, slope: FloatArray, nu: float) -> float:
    """Return sum_j [theta_j(w_j) - min theta_j] and the cost of unused budget, not negative."""
    theta, cheapest, _ = _best_by_asset(program, weights, slope, nu)
    unused = program.cash(weights) if nu >= 0.0 else program.min_invested - float(weights.sum())
    return float(np.maximum(theta - cheapest, 0.0).sum()) + abs(nu) * max(abs(unused), 0.0)


def _best_by_asset(
    program: Program, weights: FloatArray, slope: FloatArray, nu: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return theta_j(w_j), its minimum over the box, and where that is."""
    tilt, kink_cost = slope + nu, program.fee + max(nu, 0.0) * program.paid
    spots = np.stack(
        [program.lower, np.clip(program.previous, program.lower, program.upper), program.upper]
    )
    theta = tilt * spots + kink_cost * np.abs(spots - program.previous)
    place = np.argmin(theta, axis=0)[None]
    here = tilt * weights + kink_cost * np.abs(weights - program.previous)
    return here, np.take_along_axis(theta, place, 0)[0], np.take_along_axis(spots, place, 0)[0]


def _best_multiplier(program: Program, weights: FloatArray, slope: FloatArray) -> float:
    """Return the multiplier of the budget with the least loss.

    The loss is convex in it and linear between the values at which some asset changes its place, so
    the least is at one of these: sort them, halve.
    """
    fee, paid = program.fee, program.paid
    turns = np.concatenate([[0.0], -(slope - fee) / (1.0 - paid), -(slope + fee) / (1.0 + paid)])
    if paid > 0.0 and program.min_invested > 0.0:
        # a negative multiplier is one of what must be invested, which bears no fee
        turns = np.concatenate([turns, -(slope - fee), -(slope + fee)])
    if program.min_invested <= 0.0:
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

r"""The problem without risk: greedy filling, and a linear program where further constraints couple
the assets.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.optimize

from statarb._core.typing import BoolArray, FloatArray
from statarb.errors import InfeasibleError
from statarb.optimization.program import Program

__all__ = ["CoupledRows", "LinearSolution", "best_linear", "largest_return", "solve_linear"]


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
    multiplier : float
        Multiplier of the budget.
    """
    kink = np.clip(program.previous, program.lower, program.upper)
    length = np.concatenate([kink - program.lower, program.upper - kink])
    worth = np.concatenate([gain + program.fee, gain - program.fee])
    cost = np.concatenate(
        [np.full(program.assets, 1.0 - program.paid), np.full(program.assets, 1.0 + program.paid)]
    )
    open_segments = np.flatnonzero(length > 0.0)
    order = open_segments[np.argsort(-worth[open_segments] / cost[open_segments], kind="stable")]
    room = 1.0 - float(
        (program.lower + program.paid * np.abs(program.lower - program.previous)).sum()
    )
    must = program.min_invested - float(program.lower.sum())
    take, multiplier = np.zeros(2 * program.assets), 0.0
    used = np.cumsum(length[order] * cost[order])
    profitable = worth[order] > 0.0
    forced = np.cumsum(length[order]) - length[order] < must
    filled = (used - length[order] * cost[order] < room) & (profitable | forced)
    last = int(filled.sum())
    chosen = order[:last]
    take[chosen] = length[chosen]
    if last:
        edge = chosen[-1]
        over = max(0.0, float(used[last - 1]) - room) / cost[edge]
        if not worth[edge] > 0.0:
            over = max(over, float(length[chosen].sum()) - must)
        take[edge] = max(0.0, length[edge] - over)
        if over > 0.0 or (last < len(order) and profitable[last]):
            multiplier = float(worth[edge] / cost[edge])
    weights = np.where(take[program.assets :] > 0.0, kink, program.lower + take[: program.assets])
    return weights + take[program.assets :], multiplier


@dataclasses.dataclass(frozen=True, eq=False)
class CoupledRows:
    """Linear constraints that couple the assets, with variables of their own beside the weights.

    Parameters
    ----------
    weights : (M, N)
        Coefficients of the weights.
    extra : (M, K)
        Coefficients of K further variables.
    limit : (M,)
        Right-hand sides.
    equality : (M,) bool
        Whether a row is an equation, else "at most".
    extra_lower, extra_upper : (K,)
        Bounds of the further variables; infinite where there are none.
    """

    weights: FloatArray
    extra: FloatArray
    limit: FloatArray
    equality: BoolArray
    extra_lower: FloatArray
    extra_upper: FloatArray

    @classmethod
    def none(cls, assets: int) -> CoupledRows:
        """Return no rows.

        Parameters
        ----------
        assets : int
            N.

        Returns
        -------
        CoupledRows
        """
        empty = np.zeros(0)
        return cls(np.zeros((0, assets)), np.zeros((0, 0)), empty, empty > 0.0, empty, empty)


@dataclasses.dataclass(frozen=True, eq=False)
class LinearSolution:
    """A best portfolio of a linear program, and its multipliers.

    Parameters
    ----------
    weights : (N,)
        The portfolio.
    rows : (M,)
        Multipliers of the coupled rows: not negative for "at most", of any sign for equations.
    groups : (G,) or None
        Multipliers of the group caps.
    floor : float
        Multiplier of the floor on net expected return, not negative.
    """

    weights: FloatArray
    rows: FloatArray
    groups: FloatArray | None
    floor: float


def solve_linear(
    program: Program, gain: FloatArray, fee: float, rows: CoupledRows | None = None
) -> LinearSolution | None:
    """Maximise ``gain'w - fee * turnover`` over everything that the program asks for, group caps
    and floor included, and over further rows.

    Parameters
    ----------
    program : Program
        The portfolios.
    gain : (N,)
        Worth of one unit of each asset.
    fee : float
        Cost of one unit of turnover in the objective; budget and floor take the program's own.
    rows : CoupledRows, optional
        Further constraints.

    Returns
    -------
    LinearSolution or None
        ``None`` where the simplex method (HiGHS; Huangfu & Hall 2018) finds no optimum.
    """
    n = program.assets
    rows = CoupledRows.none(n) if rows is None else rows
    k = rows.extra.shape[1]
    # w = kept + bought, |w - previous| = |kink - previous| + (kink - kept) + bought
    kink = np.clip(program.previous, program.lower, program.upper)
    fixed = float((np.abs(kink - program.previous) + kink).sum())

    def split(on_kept: FloatArray, on_bought: FloatArray) -> FloatArray:
        return np.concatenate([on_kept, on_bought, np.zeros(k)])

    ones, mu = np.ones(n), program.expected_return
    upper = [split((1.0 - program.paid) * ones, (1.0 + program.paid) * ones)]
    limits = [1.0 - program.paid * fixed]
    if program.min_invested > 0.0:
        upper.append(split(-ones, -ones))
        limits.append(-program.min_invested)
    groups = 0
    if program.group is not None and program.group_caps is not None:
        groups = len(program.group_caps)
        for group, cap in enumerate(program.group_caps):
            member = (program.group == group).astype(np.float64)
            upper.append(split(member, member))
            limits.append(float(cap))
    if program.return_floor is not None:
        upper.append(split(-mu - program.fee, -mu + program.fee))
        limits.append(-program.return_floor - program.fee * fixed)
    coupled = np.hstack([rows.weights, rows.weights, rows.extra])
    equal = rows.equality
    matrix, limit = (
        np.vstack([*upper, coupled[~equal]]),
        np.concatenate([limits, rows.limit[~equal]]),
    )
    objective = -split(gain + fee, gain - fee)
    size = float(np.abs(objective).max(initial=0.0))
    size = size if size > 0.0 else 1.0
    solved = scipy.optimize.linprog(
        objective / size,
        A_ub=matrix,
        b_ub=limit,
        A_eq=coupled[equal] if equal.any() else None,
        b_eq=rows.limit[equal] if equal.any() else None,
        bounds=[
            *zip(program.lower, kink, strict=True),
            *zip(np.zeros(n), program.upper - kink, strict=True),
            *zip(rows.extra_lower, rows.extra_upper, strict=True),
        ],
        method="highs",
        options={"primal_feasibility_tolerance": 1e-10, "dual_feasibility_tolerance": 1e-10},
    )
    if solved.status != 0:
        return None
    at_most = np.maximum(-size * np.asarray(solved.ineqlin.marginals), 0.0)
    multipliers = np.zeros(len(equal))
    multipliers[~equal] = at_most[len(upper) :]
    if equal.any():
        multipliers[equal] = -size * np.asarray(solved.eqlin.marginals)
    first = 2 if program.min_invested > 0.0 else 1
    found = np.asarray(solved.x, dtype=np.float64)
    return LinearSolution(
        weights=np.clip(found[:n] + found[n : 2 * n], program.lower, program.upper),
        rows=multipliers,
        groups=at_most[first : first + groups] if groups else None,
        floor=float(at_most[first + groups]) if program.return_floor is not None else 0.0,
    )


def largest_return(program: Program) -> FloatArray:
    """Return the portfolio with the largest net expected return, (N,), the floor aside.

    Parameters
    ----------
    program : Program
        The portfolios, group caps included.

    Returns
    -------
    (N,)

    Raises
    ------
    InfeasibleError
        No portfolio satisfies the constraints.
    """
    if program.group is None:
        return best_linear(program, program.expected_return)[0]
    free = program.replace(return_floor=None)
    solved = solve_linear(free, program.expected_return, program.fee)
    if solved is None:
        raise InfeasibleError(
            "no portfolio satisfies the constraints; loosen caps, group_caps or max_trade"
        )
    return solved.weights

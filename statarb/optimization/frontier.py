"""The efficient frontier, and the sensitivity of a solution to the risk aversion."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd

from statarb._core.checks import check_integer
from statarb._core.typing import FloatArray
from statarb.errors import ParameterError
from statarb.optimization.inputs import ByAsset, Scenarios, Vector
from statarb.optimization.linear import largest_return
from statarb.optimization.program import Measure, Program
from statarb.optimization.solution import Solution
from statarb.optimization.solve import fast_solver, solve_fast, solve_with_cvxpy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Frontier", "PortfolioProblem", "frontier", "sensitivity"]

AXES: dict[str, str] = {
    "downside": "downside deviation",
    "variance": "standard deviation",
    "cvar": "conditional value at risk",
    "lpm1": "mean shortfall",
}
"""Names of the deviations on the axis of a figure, by measure."""


class PortfolioProblem(Protocol):
    """What is asked of a problem here; :class:`~statarb.optimization.MeanDownsideRisk` has it."""

    @property
    def objective(self) -> str:
        """What is optimised."""
        ...

    def replace(self, **changes: Any) -> PortfolioProblem:
        """Return the problem with other parameters."""
        ...

    def program(
        self,
        expected_return: Vector,
        scenarios: pd.DataFrame | FloatArray | Scenarios,
        previous: Vector | None = None,
        max_trade: ByAsset | None = None,
        *,
        volatility: Vector | None = None,
    ) -> Program:
        """Return the problem in checked arrays."""
        ...


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Frontier:
    """Portfolios with the least risk for their net expected return.

    Parameters
    ----------
    table : DataFrame
        One row per point, by rising risk: ``net_return``, ``deviation`` (the risk in units of
        returns: the root of a squared measure), ``downside_deviation``, ``ratio`` (of net return to
        deviation), ``risk_aversion`` (lambda of the utility problem with this solution),
        ``invested`` (sum of weights), ``held`` (number of assets), ``gap`` and ``status``.
    weights : DataFrame
        Points x assets.
    measure : str
        What risk is.
    """

    table: pd.DataFrame
    weights: pd.DataFrame
    measure: Measure = "downside"

    def __repr__(self) -> str:
        """Return the table of the points."""
        return (
            f"Frontier of {len(self.table)} portfolios of {self.weights.shape[1]} "
            f"assets\n{self.table.to_string()}"
        )

    def figure(self, title: str = "Efficient frontier") -> Figure:
        """Draw net expected return over deviation, the largest ratio marked.

        Parameters
        ----------
        title : str
            Above the figure.

        Returns
        -------
        matplotlib Figure
        """
        from matplotlib.figure import Figure

        drawing = Figure(figsize=(6.4, 4.2), layout="constrained")
        axes = drawing.add_subplot()
        risk, net = 100 * self.table["deviation"], 100 * self.table["net_return"]
        axes.plot(risk, net, marker="o", markersize=3, linewidth=1.2)
        finite = self.table["ratio"].where(np.isfinite(self.table["ratio"]))
        if finite.notna().any():
            best = int(np.nanargmax(finite))
            axes.plot(
                risk.iloc[best],
                net.iloc[best],
                "s",
                markersize=7,
                fillstyle="none",
                color="tab:red",
                label=f"largest ratio, {finite.iloc[best]:.3g}",
            )
            axes.legend(loc="lower right", frameon=False)
        axes.set(
            xlabel=f"{AXES[self.measure]}, % per step",
            ylabel="net expected return, % per step",
            title=title,
        )
        axes.spines[["top", "right"]].set_visible(False)
        return drawing


def frontier(
    problem: PortfolioProblem,
    expected_return: Vector,
    scenarios: pd.DataFrame | FloatArray | Scenarios,
    n: int = 25,
    previous: Vector | None = None,
    max_trade: ByAsset | None = None,
    *,
    volatility: Vector | None = None,
) -> Frontier:
    """Return n portfolios from the least risk to the largest net expected return, evenly spaced in
    net return.

    Parameters
    ----------
    problem : MeanDownsideRisk
        Gives measure, fee, caps and the other constraints; its objective, floor and lambda are not
        looked at.
    expected_return, scenarios, previous, max_trade, volatility
        As in :meth:`.MeanDownsideRisk.solve`.
    n : int
        Number of points, at least 2.

    Returns
    -------
    Frontier
        Every point certified like any other solution.
    """
    n = check_integer("n", n, at_least=2)
    floored = problem.replace(objective="min_risk", return_floor=0.0)
    program = floored.program(
        expected_return, scenarios, previous, max_trade, volatility=volatility
    ).replace(return_floor=None)
    program.require_feasible()
    solve = _solver_of(program)
    # without fees, which would hold the least risk back where something is held already
    least = solve(
        program.without_returns().replace(fee=0.0, fee_in_budget=False, risk_aversion=1.0), None
    )
    top = largest_return(program)
    low, high = program.net_return(least.array), program.net_return(top)
    points, start = [], least.array
    for floor in np.linspace(low, high, n)[:-1]:
        answer = solve(program.replace(return_floor=float(floor)), start)
        start = answer.array
        points.append(answer)
    rows = [
        _row(program, point.array, point.risk_aversion, point.gap, point.status) for point in points
    ]
    rows.append(_row(program, top, 0.0, 0.0, "optimal"))
    weights = np.array([*(point.array for point in points), top])
    return Frontier(
        pd.DataFrame(rows), pd.DataFrame(weights, columns=program.labels), program.measure
    )


def sensitivity(
    problem: PortfolioProblem,
    expected_return: Vector,
    scenarios: pd.DataFrame | FloatArray | Scenarios,
    risk_aversions: Sequence[float] | FloatArray,
    previous: Vector | None = None,
    max_trade: ByAsset | None = None,
    *,
    volatility: Vector | None = None,
) -> pd.DataFrame:
    """Solve the utility problem for many lambdas and return how the solution moves.

    Parameters
    ----------
    problem : MeanDownsideRisk
        With ``objective="utility"``; its own lambda is not looked at.
    expected_return, scenarios, previous, max_trade, volatility
        As in :meth:`.MeanDownsideRisk.solve`.
    risk_aversions : sequence of float
        Lambdas, not negative.

    Returns
    -------
    DataFrame
        Indexed by lambda, rising: ``utility``, ``net_return``, ``deviation`` (risk in units of
        returns), ``downside_deviation``, ``invested`` (sum of weights), ``held`` (number of
        assets), ``turnover``, ``moved`` (sum of absolute changes of weights since the row above),
        ``slope`` (of the utility in lambda, which is minus the risk: the envelope theorem) and
        ``gap``.

    Raises
    ------
    ParameterError
        Another objective, no lambda, or one that is negative or not finite.
    """
    if problem.objective != "utility":
        raise ParameterError(f"sensitivity needs objective='utility', got {problem.objective!r}")
    lambdas = np.sort(np.asarray(risk_aversions, dtype=np.float64).ravel())
    if lambdas.size == 0:
        raise ParameterError("risk_aversions must hold at least one number, got none")
    if not np.isfinite(lambdas).all() or lambdas[0] < 0.0:
        raise ParameterError(
            f"risk_aversions must be finite numbers of at least 0, got {lambdas[0]:g} to "
            f"{lambdas[-1]:g}"
        )
    base = problem.program(expected_return, scenarios, previous, max_trade, volatility=volatility)
    base.require_feasible()
    solve = _solver_of(base)
    rows: list[dict[str, Any]] = []
    last: FloatArray | None = None
    for risk_aversion in lambdas:
        program = base.replace(risk_aversion=float(risk_aversion))
        solution = solve(program, last)
        weights = solution.array
        rows.append(
            {
                "utility": solution.objective,
                "net_return": program.net_return(weights),
                "deviation": program.deviation(weights),
                "downside_deviation": float(np.sqrt(program.downside(weights))),
                "invested": float(weights.sum()),
                "held": int((weights > 0.0).sum()),
                "turnover": solution.turnover,
                "moved": np.nan if last is None else float(np.abs(weights - last).sum()),
                "slope": -solution.risk,
                "gap": solution.gap,
            }
        )
        last = weights
    return pd.DataFrame(rows, index=pd.Index(lambdas, name="risk_aversion"))


def _solver_of(program: Program) -> Callable[[Program, FloatArray | None], Solution]:
    """Return how programs with these scenarios are solved: fast for the downside, else by
    cvxpy.
    """
    if program.measure != "downside":
        return lambda one, start: solve_with_cvxpy(one, "CLARABEL", options=dict(CLARABEL))
    fast = fast_solver(program)
    return lambda one, start: solve_fast(one, fast, start=start)


CLARABEL: dict[str, Any] = {"tol_gap_abs": 1e-10, "tol_gap_rel": 1e-10, "tol_feas": 1e-10}
"""Tolerances for the points of a frontier, whose risks near the least one are very small."""


def _row(
    program: Program, weights: FloatArray, risk_aversion: float, gap: float, status: str
) -> dict[str, Any]:
    return {
        "net_return": program.net_return(weights),
        "deviation": program.deviation(weights),
        "downside_deviation": float(np.sqrt(program.downside(weights))),
        "ratio": program.ratio(weights),
        "risk_aversion": risk_aversion,
        "invested": float(weights.sum()),
        "held": int((weights > 0.0).sum()),
        "gap": gap,
        "status": status,
    }

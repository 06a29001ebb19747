"""The efficient frontier, and how a solution answers to lambda."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from statarb._core.checks import check_integer
from statarb._core.typing import FloatArray
from statarb.errors import ParameterError
from statarb.optimization.certificate import best_linear
from statarb.optimization.inputs import ByAsset, Scenarios, Vector
from statarb.optimization.mean_downside_risk import MeanDownsideRisk
from statarb.optimization.program import Program
from statarb.optimization.solver import FastSolver

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["Frontier", "frontier", "sensitivity"]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Frontier:
    """Portfolios with the least downside for their net expected return.

    Parameters
    ----------
    table : DataFrame
        One row a point, by rising risk: ``net_return``, ``downside_deviation``, ``ratio``,
        ``risk_aversion`` (lambda of the utility problem with this solution), ``invested``, ``held``
        (number of assets), ``gap`` and ``status``.
    weights : DataFrame
        Points x assets.
    """

    table: pd.DataFrame
    weights: pd.DataFrame

    def __repr__(self) -> str:
        """Return the table of the points."""
        return (
            f"Frontier of {len(self.table)} portfolios of {self.weights.shape[1]} "
            f"assets\n{self.table.to_string()}"
        )

    def figure(self, title: str = "Efficient frontier") -> Figure:
        """Draw net expected return over downside deviation, the largest ratio marked; a matplotlib
        figure.

        Parameters
        ----------
        title : str
            Above the figure.
        """
        from matplotlib.figure import Figure

        drawing = Figure(figsize=(6.4, 4.2), layout="constrained")
        axes = drawing.add_subplot()
        table = self.table
        axes.plot(
            100 * table["downside_deviation"],
            100 * table["net_return"],
            marker="o",
            markersize=3,
            linewidth=1.2,
        )
        finite = table["ratio"].where(np.isfinite(table["ratio"]))
        if finite.notna().any():
            best = table.iloc[int(np.nanargmax(finite))]
            axes.plot(
                100 * best["downside_deviation"], 100 * best["net_return"], "s", markersize=7,
                fillstyle="none",
                color="tab:red",
                label=f"largest ratio, {best['ratio']:.3g}",
            )  # fmt: skip
            axes.legend(loc="lower right", frameon=False)
        axes.set(
            xlabel="downside deviation, % a step",
            ylabel="net expected return, % a step",
            title=title,
        )
        axes.spines[["top", "right"]].set_visible(False)
        return drawing


def frontier(
    problem: MeanDownsideRisk,
    expected_return: Vector,
    scenarios: pd.DataFrame | FloatArray | Scenarios,
    n: int = 25,
    previous: Vector | None = None,
    max_trade: ByAsset | None = None,
    *,
    volatility: Vector | None = None,
) -> Frontier:
    """Return n portfolios from the least downside to the largest net expected return, evenly spaced
    in net return.

    Parameters
    ----------
    problem : MeanDownsideRisk
        Gives fee, caps and the other constraints; its objective and lambda are not looked at.
    expected_return, scenarios, previous, max_trade, volatility
        As in :meth:`MeanDownsideRisk.solve`.
    n : int
        Number of points, at least 2.

    Returns
    -------
    Frontier
        Every point certified like any other solution.
    """
    n = check_integer("n", n, at_least=2)
    base = problem.replace(
        objective="min_risk",
        return_floor=-1e300,
        invested=0.0 if problem.objective != "min_risk" else problem.invested,
    )
    table = Scenarios.of(scenarios)
    program = base.program(expected_return, table, previous, max_trade, volatility=volatility)
    program.require_feasible()
    solver = base.fast_solver(program)
    least = base.solve_program(program.replace(return_floor=-1e300), solver)
    top, _ = best_linear(program, program.expected_return)
    # at the least risk there may be several portfolios; the frontier starts at the best of them
    low, high = program.net_return(least.array), program.net_return(top)
    floors = np.linspace(low, high, n)
    points, start = [], least.array
    for floor in floors[:-1]:
        answer = base.solve_program(program.replace(return_floor=float(floor)), solver, start=start)
        start = answer.array
        points.append(answer)
    rows = [
        _row(program, point.array, point.risk_aversion, point.gap, point.status) for point in points
    ]
    rows.append(_row(program, top, 0.0, 0.0, "optimal"))
    weights = np.array([*(point.array for point in points), top])
    return Frontier(pd.DataFrame(rows), pd.DataFrame(weights, columns=program.labels))


def sensitivity(
    problem: MeanDownsideRisk,
    expected_return: Vector,
    scenarios: pd.DataFrame | FloatArray | Scenarios,
    risk_aversions: Sequence[float] | FloatArray,
    previous: Vector | None = None,
    max_trade: ByAsset | None = None,
    *,
    volatility: Vector | None = None,
) -> pd.DataFrame:
    """Solve the utility problem for many lambdas and say how the solution moves.

    Parameters
    ----------
    problem : MeanDownsideRisk
        With ``objective="utility"``; its own lambda is not looked at.
    expected_return, scenarios, previous, max_trade, volatility
        As in :meth:`MeanDownsideRisk.solve`.
    risk_aversions : sequence of float
        Lambdas.

    Returns
    -------
    DataFrame
        Indexed by lambda, rising: ``utility``, ``net_return``, ``downside_deviation``,
        ``invested``, ``held``, ``turnover``, ``moved`` (sum of absolute changes of weights since
        the row above), ``slope`` (of the utility in lambda, which is minus the downside: the
        envelope theorem) and ``gap``.

    Raises
    ------
    ParameterError
        Another objective, or no lambda.
    """
    if problem.objective != "utility":
        raise ParameterError(f"sensitivity needs objective='utility', got {problem.objective!r}")
    lambdas = np.sort(np.asarray(risk_aversions, dtype=np.float64))
    if lambdas.size == 0:
        raise ParameterError("risk_aversions must hold at least one number, got none")
    table = Scenarios.of(scenarios)
    solver: FastSolver | None = None
    rows: list[dict[str, Any]] = []
    last: FloatArray | None = None
    for risk_aversion in lambdas:
        one = problem.replace(risk_aversion=float(risk_aversion))
        program = one.program(expected_return, table, previous, max_trade, volatility=volatility)
        program.require_feasible()
        solver = one.fast_solver(program) if solver is None else solver
        solution = one.solve_program(program, solver, start=last)
        weights = solution.array
        rows.append(
            {
                "utility": solution.objective,
                "net_return": program.net_return(weights),
                "downside_deviation": float(np.sqrt(solution.risk)),
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


def _row(
    program: Program, weights: FloatArray, risk_aversion: float, gap: float, status: str
) -> dict[str, Any]:
    return {
        "net_return": program.net_return(weights),
        "downside_deviation": float(np.sqrt(program.downside(weights))),
        "ratio": program.ratio(weights),
        "risk_aversion": risk_aversion,
        "invested": float(weights.sum()),
        "held": int((weights > 0.0).sum()),
        "gap": gap,
        "status": status,
    }

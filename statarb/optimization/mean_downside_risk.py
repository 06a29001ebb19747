"""MeanDownsideRisk: the problem as a user states it; checks, the fast path, and cvxpy where it is
asked for or needed.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from statarb._core.checks import check_choice, check_number
from statarb._core.typing import BoolArray, FloatArray
from statarb.errors import DataError, ParameterError
from statarb.optimization.inputs import (
    ByAsset,
    MissingPolicy,
    Scenarios,
    Vector,
    asset_labels,
    by_asset,
    excluded,
    groups_of,
    row_weights,
)
from statarb.optimization.labels import shown_at
from statarb.optimization.objectives import Answer, solve_form
from statarb.optimization.program import Measure, Objective, Program
from statarb.optimization.solution import Solution, Status, made_solution
from statarb.optimization.solver import FastSolver
from statarb.rules import TradingRules

if TYPE_CHECKING:
    import cvxpy

    from statarb.optimization.cvxpy_problem import Constraint
    from statarb.optimization.frontier import Frontier

__all__ = ["MeanDownsideRisk"]

OBJECTIVES = ("utility", "ratio", "min_risk")
MEASURES = ("downside", "variance", "cvar", "lpm1")
NO_FORECAST = (
    "; where it is missing, leave the asset out, or choose missing='freeze' or missing='sell'"
)


@dataclasses.dataclass(frozen=True, eq=False)
class MeanDownsideRisk:
    """A long-only portfolio of expected return, downside risk and fees, with cash that earns
    nothing.

    With weights w of the value before trading, previous weights w0, scenarios r_t of probability
    p_t and minimum acceptable
    return m::

        downside(w) = sum_t p_t max(0, m - r_t'w)^2
        net(w)      = mu'w - fee ||w - w0||_1

        utility     maximise  net(w) - risk_aversion * downside(w)
        ratio       maximise  (net(w) - m) / sqrt(downside(w))
        min_risk    minimise  downside(w)  subject to  net(w) >= return_floor
                    (no floor: minimise  risk_aversion * downside(w) + fee ||w - w0||_1)

        over  w >= 0,  w <= max_weight,  |w - w0| <= max_trade,
              sum of a group <= its cap,  invested <= sum(w) <= 1

    Bawa (1975), Fishburn (1977), Markowitz (1959, chapter 9) on the measure; Sortino & van der Meer
    (1991) on the ratio. :class:`~statarb.optimization.Statement` is the same in cvxpy and is the
    specification; the default solver is a fast one of its own, whose every answer is certified by
    its duality gap and replaced by cvxpy's where the gap is too large.

    Parameters
    ----------
    risk_aversion : float
        Lambda, not negative, per unit of squared return. At 0 risk plays no part.
    fee : float
        Cost of one unit of turnover, in [0, 1).
    max_weight : float, Series, mapping or array, optional
        Cap on each weight, in [0, 1]; assets that a Series or mapping leaves out have none.
    objective : {"utility", "ratio", "min_risk"}
        What is optimised.
    mar : float
        Minimum acceptable return of one scenario.
    return_floor : float, optional
        For ``min_risk``: smallest expected return net of fees.
    invested : float, optional
        Smallest sum of weights, in [0, 1]. By default 1 for the ratio, which cash only dilutes, and
        for the least risk without a floor, which would be cash; else, and with rules, 0.
    groups : mapping or Series, optional
        Group of each asset; with ``group_caps``.
    group_caps : mapping, optional
        Largest sum of weights by group.
    exclude : collection of assets
        Assets that may not be held; what is held of them is sold.
    half_life : float, optional
        Exponential scenario weights: rows, the last one newest, after which a scenario counts half.
    missing : {"error", "freeze", "sell"}
        What is done with an asset with a missing scenario or expected return: refuse; keep it as it
        is (missing scenarios then count as 0); sell it as far as ``max_trade`` allows.
    rules : TradingRules, optional
        Takes the fee from the rules and lets the budget bear it, as the replay does: ``sum(w) + fee
        ||w - w0||_1 <= 1``, and ``solution.cash`` is the cash that the replay is left with. Order
        limits follow from ``value`` and ``numeraire_price`` in :meth:`solve`.
    measure : {"downside", "variance", "cvar", "lpm1"}
        What risk is. All but the first go through cvxpy.
    cvar_level : float
        Confidence of the conditional value at risk, in (0, 1).

    Raises
    ------
    ParameterError
        A parameter outside its range.

    Notes
    -----
    Nothing here knows of time: what ``expected_return`` and ``scenarios`` know is the caller's
    care.

    Examples
    --------
    >>> import numpy as np
    >>> scenarios = np.array([[0.02, 0.01], [-0.01, -0.03], [0.01, 0.02]])
    >>> problem = MeanDownsideRisk(risk_aversion=10.0, fee=0.001)
    >>> solution = problem.solve(np.array([0.01, 0.011]), scenarios)
    >>> solution.status, round(float(solution.weights.sum()), 6)
    ('optimal', 1.0)
    """

    risk_aversion: float = 1.0
    fee: float = 0.0025
    max_weight: ByAsset | None = None
    objective: Objective = "utility"
    mar: float = 0.0
    return_floor: float | None = None
    invested: float | None = None
    groups: Mapping[Hashable, Hashable] | pd.Series[Any] | None = None
    group_caps: Mapping[Hashable, float] | None = None
    exclude: Collection[Hashable] = ()
    half_life: float | None = None
    missing: MissingPolicy = "error"
    rules: TradingRules | None = None
    measure: Measure = "downside"
    cvar_level: float = 0.95
    _variables: dict[int, Any] = dataclasses.field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        """Check what can be checked without data."""
        check_choice("objective", self.objective, OBJECTIVES)
        check_choice("measure", self.measure, MEASURES)
        check_choice("missing", self.missing, ("error", "freeze", "sell"))
        numbers = {
            "risk_aversion": check_number("risk_aversion", self.risk_aversion, at_least=0.0),
            "fee": check_number(
                "fee", self.fee if self.rules is None else self.rules.fee, at_least=0.0, below=1.0
            ),
            "mar": check_number("mar", self.mar),
            "cvar_level": check_number("cvar_level", self.cvar_level, above=0.0, below=1.0),
        }
        if self.return_floor is not None:
            numbers["return_floor"] = check_number("return_floor", self.return_floor)
            if self.objective != "min_risk":
                raise ParameterError(
                    "return_floor belongs to objective='min_risk', got "
                    f"objective={self.objective!r}"
                )
        if self.half_life is not None:
            numbers["half_life"] = check_number("half_life", self.half_life, above=0.0)
        least = self.invested
        if least is None:
            least = 0.0 if self.rules is not None or not self._fills_up else 1.0
        numbers["invested"] = check_number("invested", least, at_least=0.0, at_most=1.0)
        if isinstance(self.max_weight, (int, float)):
            numbers["max_weight"] = check_number(
                "max_weight", self.max_weight, at_least=0.0, at_most=1.0
            )
        if isinstance(self.exclude, str):
            raise ParameterError(
                f"exclude must be a collection of assets, got {self.exclude!r}; give "
                f"[{self.exclude!r}]"
            )
        if (self.groups is None) != (self.group_caps is None):
            raise ParameterError(
                "groups and group_caps must be given together: the group of each asset, and the "
                "cap of each group"
            )
        for name, number in numbers.items():
            object.__setattr__(self, name, number)

    @property
    def _fills_up(self) -> bool:
        return self.objective == "ratio" or (
            self.objective == "min_risk" and self.return_floor is None
        )

    @property
    def tolerance(self) -> float:
        """Largest relative duality gap that is accepted from the fast path: 1e-8, for the ratio
        1e-7.
        """
        return 1e-7 if self.objective == "ratio" else 1e-8

    def replace(self, **changes: Any) -> MeanDownsideRisk:
        """Return the same problem with the parameters in ``changes`` replaced."""
        return dataclasses.replace(self, **changes)

    def variable(self, assets: int) -> cvxpy.Variable:
        """Return the cvxpy variable of the weights of ``assets`` assets, to write further
        constraints with.
        """
        import cvxpy

        found: cvxpy.Variable = self._variables.setdefault(
            assets, cvxpy.Variable(assets, name="weights")
        )
        return found

    def frontier(
        self,
        expected_return: Vector,
        scenarios: pd.DataFrame | FloatArray | Scenarios,
        n: int = 25,
        previous: Vector | None = None,
        max_trade: ByAsset | None = None,
        *,
        volatility: Vector | None = None,
    ) -> Frontier:
        """Return n portfolios from the least downside to the largest net expected return:
        :func:`.efficient.frontier`.

        Parameters
        ----------
        expected_return, scenarios, previous, max_trade, volatility
            As in :meth:`solve`.
        n : int
            Number of points, at least 2.
        """
        from statarb.optimization.frontier import frontier

        return frontier(
            self, expected_return, scenarios, n, previous, max_trade, volatility=volatility
        )

    def __getstate__(self) -> dict[str, Any]:
        """Leave cvxpy's objects behind: workers of a batch need the parameters alone."""
        return {**self.__dict__, "_variables": {}}

    def solve(
        self,
        expected_return: Vector,
        scenarios: pd.DataFrame | FloatArray | Scenarios,
        previous: Vector | None = None,
        max_trade: ByAsset | None = None,
        *,
        scenario_weights: FloatArray | pd.Series[Any] | None = None,
        volatility: Vector | None = None,
        value: float | None = None,
        numeraire_price: float | None = None,
        start: Vector | None = None,
        solver: str | None = None,
        constraints: Iterable[Constraint] = (),
        **solver_options: Any,
    ) -> Solution:
        """Solve the problem.

        Parameters
        ----------
        expected_return : (N,) Series, mapping or array
            Expected simple return of each asset over the horizon.
        scenarios : (T, N) DataFrame or array, or Scenarios
            Simple returns, one row a scenario, at least two; NaN as ``missing`` says.
        previous : (N,) Series, mapping or array, optional
            Weights held before trading; assets left out, and all by default, are not held.
        max_trade : float, Series, mapping or array, optional
            Largest change of each weight.
        scenario_weights : (T,), optional
            Weight of each scenario, not negative; scaled to sum to 1. Takes the place of
            ``half_life``.
        volatility : (N,), optional
            Multiplies each asset's scenarios: filtered historical scenarios, with standardised
            residuals as ``scenarios`` (Barone-Adesi, Giannopoulos & Vosper 1999).
        value, numeraire_price : float, optional
            With rules that limit orders: value of the portfolio, and price of the rules' numeraire
            (left out where there is none), in one currency. Larger orders than allowed are then no
            part of the problem, and smaller ones are left out.
        start : (N,), optional
            Weights to start from. They change the time taken, not the result beyond the tolerance.
        solver : str, optional
            A cvxpy solver (``"CLARABEL"``, ``"SCS"``, ..., in capitals or not) in place of the fast
            path.
        constraints : iterable of cvxpy constraints
            Further constraints, or functions of the weights that return them; they go through
            cvxpy. See :meth:`variable`.
        **solver_options
            Passed on to cvxpy.

        Returns
        -------
        Solution
            In the assets' order: columns of ``scenarios``, else the index of ``expected_return``.

        Raises
        ------
        DataError
            Shapes or labels that do not match, NaN or infinite numbers, too few scenarios, a ratio
            without a gain.
        InfeasibleError
            No portfolio satisfies the constraints; names the asset.
        """
        began = time.perf_counter()
        table = Scenarios.of(scenarios)
        program = self.program(
            expected_return,
            table,
            previous,
            max_trade,
            scenario_weights=scenario_weights,
            volatility=volatility,
        )
        smallest = 0.0
        if self.rules is not None:
            program, smallest = self.limited(program, value, numeraire_price)
        program.require_feasible()
        first = (
            None
            if start is None
            else by_asset("start", start, program.labels, program.assets, default=0.0, at_least=0.0)
        )
        added = list(constraints)
        if solver is not None or added or self.measure != "downside":
            solution = self._through_cvxpy(
                program, (solver or "CLARABEL").upper(), added, solver_options
            )
        else:
            if solver_options:
                raise ParameterError(
                    f"{next(iter(solver_options))!r} is an option of cvxpy; it needs solver=, such "
                    "as 'CLARABEL'"
                )
            fast = self.fast_solver(program)
            solution = self.solve_program(program, fast, start=first)
            if smallest > 0.0:
                from statarb.optimization.orders import without_small_orders

                solution = without_small_orders(self, program, fast, solution, smallest)
        return dataclasses.replace(solution, seconds=time.perf_counter() - began)

    def program(
        self,
        expected_return: Vector,
        scenarios: pd.DataFrame | FloatArray | Scenarios,
        previous: Vector | None = None,
        max_trade: ByAsset | None = None,
        *,
        scenario_weights: FloatArray | pd.Series[Any] | None = None,
        volatility: Vector | None = None,
    ) -> Program:
        """Return the problem in checked arrays, as the solvers take it; parameters as in
        :meth:`solve`.

        Raises
        ------
        DataError
            As in :meth:`solve`.
        """
        table = Scenarios.of(scenarios)
        assets, times = table.histories.shape
        labels = asset_labels(expected_return, table.labels, assets)
        mu = by_asset(
            "expected_return",
            expected_return,
            labels,
            assets,
            missing=self.missing != "error",
            remedy=NO_FORECAST,
        )
        held = np.zeros(assets)
        if previous is not None:
            held = by_asset("previous", previous, labels, assets, default=0.0, at_least=0.0)
        scale = (
            None
            if volatility is None
            else by_asset("volatility", volatility, labels, assets, above=0.0)
        )
        return self.assemble(
            mu, table.histories, held, labels,
            holes=table.holes,
            trade=None if max_trade is None else by_asset(
                "max_trade", max_trade, labels, assets, default=np.inf, at_least=0.0, infinite=True
            ),
            probabilities=row_weights(times, scenario_weights, self.half_life),
            scale=scale,
        )  # fmt: skip

    def assemble(
        self,
        mu: FloatArray,
        histories: FloatArray,
        held: FloatArray,
        labels: pd.Index | None,
        *,
        holes: np.ndarray[Any, Any],
        trade: FloatArray | None,
        probabilities: FloatArray,
        scale: FloatArray | None,
    ) -> Program:
        """Return the program of arrays that are aligned and checked; ``holes`` counts the missing
        scenarios of each asset.
        """
        assets = len(mu)
        gone: BoolArray = (holes > 0) | np.isnan(mu)
        if self.missing == "error" and gone.any():
            first = int(np.flatnonzero(gone)[0])
            name = shown_at(labels, first)
            raise DataError(
                f"{int(gone.sum())} of {assets} assets have missing scenarios or no expected "
                f"return, first asset {name} "
                f"({int(holes[first])} scenarios missing); "
                "leave them out, fill them, or choose missing='freeze' or missing='sell'"
            )
        lower, upper = np.zeros(assets), np.ones(assets)
        if self.max_weight is not None:
            caps = by_asset(
                "max_weight",
                self.max_weight,
                labels,
                assets,
                default=1.0,
                at_least=0.0,
                infinite=True,
            )
            upper = np.minimum(upper, caps)
        if len(self.exclude):
            upper[excluded(self.exclude, labels, assets)] = 0.0
        if trade is not None:
            lower, upper = np.maximum(held - trade, 0.0), np.minimum(upper, held + trade)
        if gone.any():
            if self.missing == "freeze":
                lower, upper = np.where(gone, held, lower), np.where(gone, held, upper)
            else:
                upper = np.where(gone, lower, upper)
            mu = np.where(np.isnan(mu), 0.0, mu)
        member, group_caps = groups_of(self.groups, self.group_caps, labels, assets)
        if self.objective == "min_risk" and self.return_floor is None:
            mu = np.zeros(assets)
        assert self.invested is not None
        return Program(
            expected_return=mu,
            histories=histories,
            scenario_weights=probabilities,
            previous=held,
            lower=lower,
            upper=upper,
            risk_aversion=self.risk_aversion,
            fee=self.fee,
            mar=self.mar,
            invested=self.invested,
            fee_in_budget=self.rules is not None,
            scale=scale,
            group=member,
            group_caps=group_caps,
            return_floor=self.return_floor,
            labels=labels,
        )

    def fast_solver(self, program: Program, *, single: bool = False) -> FastSolver:
        """Return a solver that holds the program's histories; it can be passed to
        :meth:`solve_program` again and again.
        """
        groups = 0 if program.group_caps is None else len(program.group_caps)
        return FastSolver(
            program.histories,
            program.scenario_weights,
            single=single,
            group=program.group,
            groups=groups,
        )

    def solve_program(
        self,
        program: Program,
        fast: FastSolver,
        *,
        start: FloatArray | None = None,
        risk_aversion: float | None = None,
        verify: bool = True,
    ) -> Solution:
        """Solve checked arrays on the fast path; an answer that is not certified is replaced by
        cvxpy's.

        Parameters
        ----------
        program : Program
            A feasible one.
        fast : FastSolver
            Of the program's histories.
        start : (N,), optional
            Weights to start from.
        risk_aversion : float, optional
            For the ratio and the floor: where to look first.
        verify : bool
            Compute the certificate anew from the problem alone, in one pass over all scenarios of
            all assets.
        """
        began = time.perf_counter()
        answer = solve_form(
            program, self.objective, fast, start=start, risk_aversion=risk_aversion, verify=verify
        )
        certificate = answer.certificate
        if certificate.gap <= self.tolerance and certificate.infeasibility <= 1e-12:
            status: Status = "degenerate" if answer.reason else "optimal"
            return self._solution(program, answer, status, answer.reason, began)
        from statarb.optimization.fallback import solve_fallback

        why = (
            f"the fast path ended with a gap of {certificate.gap:.1e} and an infeasibility of "
            f"{certificate.infeasibility:.1e}"
        )
        better, name = solve_fallback(program, self.objective, answer)
        if (
            better.certificate.gap <= 10.0 * self.tolerance
            and better.certificate.infeasibility <= 1e-12
        ):
            return self._solution(
                program, better, "fallback", f"{why}; {name} was asked", began, name
            )
        return self._solution(
            program, better, "optimal_inaccurate", f"{why}; {name} did no better", began, name
        )

    def worth(self, program: Program, weights: FloatArray) -> float:
        """Return the objective of a portfolio: utility, ratio, or downside."""
        return self._worth(program.net_return(weights), program.downside(weights))

    def _worth(self, net: float, downside: float) -> float:
        if self.objective == "utility":
            return net - self.risk_aversion * downside
        if self.objective == "min_risk":
            return downside
        gain = net - self.mar
        if downside > 0.0:
            return gain / math.sqrt(downside)
        return 0.0 if gain == 0.0 else math.copysign(math.inf, gain)

    def _solution(
        self,
        program: Program,
        answer: Answer,
        status: Status,
        reason: str,
        began: float,
        solver: str = "fast",
    ) -> Solution:
        downside = program.downside(answer.weights) if answer.downside is None else answer.downside
        worth = self._worth(program.net_return(answer.weights), downside)
        return made_solution(
            program,
            answer.weights,
            objective=math.inf if self.objective == "ratio" and status == "degenerate" else worth,
            risk=downside,
            gap=answer.certificate.gap,
            status=status,
            reason=reason,
            iterations=answer.iterations,
            seconds=time.perf_counter() - began,
            risk_aversion=answer.risk_aversion,
            infeasibility=answer.certificate.infeasibility,
            solver=solver,
        )

    def limited(
        self, program: Program, value: float | None, numeraire_price: float | None
    ) -> tuple[Program, float]:
        """Return the program with the rules' largest order in its box, and the smallest order as a
        weight.

        Parameters
        ----------
        program : Program
            Without order limits.
        value, numeraire_price : float or None
            As in :meth:`solve`.
        """
        from statarb.optimization.orders import order_limits

        assert self.rules is not None
        smallest, largest = order_limits(self.rules, value, numeraire_price)
        if np.isfinite(largest):
            program = program.replace(
                lower=np.maximum(program.lower, program.previous - largest),
                upper=np.minimum(program.upper, program.previous + largest),
            )
        return program, smallest

    def _through_cvxpy(
        self, program: Program, solver: str, added: list[Constraint], options: dict[str, Any]
    ) -> Solution:
        from statarb.optimization.fallback import solve_statement

        variable = self.variable(program.assets)
        answer, status, certified = solve_statement(
            program, self.objective, self.measure, self.cvar_level, solver, added, options, variable
        )
        from statarb.optimization.cvxpy_problem import measure_of

        risk = measure_of(program, answer.weights, self.measure, self.cvar_level)
        solution = self._solution(
            program, answer, status, answer.reason, time.perf_counter(), solver
        )
        objective = solution.objective
        if self.measure != "downside":
            net = program.net_return(answer.weights)
            root = np.sqrt(risk) if self.measure == "variance" else risk
            objective = {
                "utility": net - self.risk_aversion * risk,
                "ratio": (net - self.mar) / root if root > 0.0 else float("inf"),
                "min_risk": risk,
            }[self.objective]
        gap = solution.gap if certified else float("nan")
        return dataclasses.replace(solution, risk=risk, objective=float(objective), gap=gap)

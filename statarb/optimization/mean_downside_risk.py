r"""MeanDownsideRisk: the problem as a user states it, and the entry to its solvers."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Collection, Hashable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from statarb._core.case import FEE
from statarb._core.checks import check_choice, check_number
from statarb._core.typing import BoolArray, FloatArray
from statarb.errors import DataError, ParameterError
from statarb.optimization.frontier import Frontier, frontier
from statarb.optimization.inputs import (
    ByAsset,
    MissingPolicy,
    Scenarios,
    Vector,
    asset_labels,
    by_asset,
    excluded,
    groups_of,
    held_weights,
    row_weights,
)
from statarb.optimization.labels import shown_at
from statarb.optimization.orders import limit_orders, without_small_orders
from statarb.optimization.program import Measure, Objective, Program
from statarb.optimization.solution import Solution
from statarb.optimization.solve import fast_solver, solve_fast, solve_with_cvxpy
from statarb.rules import TradingRules

if TYPE_CHECKING:
    import cvxpy

    from statarb.optimization.cvxpy_problem import Constraint

__all__ = ["MeanDownsideRisk"]

OBJECTIVES = ("utility", "ratio", "min_risk")
MEASURES = ("downside", "variance", "cvar", "lpm1")
NO_FORECAST = (
    "; where it is missing, leave the asset out, or choose missing='freeze' or missing='sell'"
)


@dataclasses.dataclass(frozen=True, eq=False)
class MeanDownsideRisk:
    r"""A long-only portfolio of expected return, downside risk and fees, with cash that earns
    nothing.

    With weights w of the value before trading, previous weights w0, fee c, scenarios r_t of
    probability p_t and minimum acceptable return m, let

    .. math::

        D(w) = \sum_t p_t \max(0, m - r_t'w)^2, \qquad n(w) = \mu'w - c \lVert w - w_0 \rVert_1.

    The objectives are

    .. math::

        \text{utility:} \quad & \max\; n(w) - \lambda D(w) \\
        \text{ratio:} \quad & \max\; (n(w) - m) / \sqrt{D(w)} \\
        \text{min\_risk:} \quad & \min\; D(w) \;\text{subject to}\; n(w) \ge \text{floor} \\
        & \min\; \lambda D(w) + c \lVert w - w_0 \rVert_1 \;\text{where no floor is given}

    over ``w >= 0``, ``w <= max_weight``, ``|w - w0| <= max_trade``, sum of a group at most its cap,
    and ``min_invested <= sum(w) <= 1``.

    Bawa (1975), Fishburn (1977), Markowitz (1959, chapter 9) on the measure; Sortino & van der Meer
    (1991) on the ratio. :class:`~statarb.optimization.CvxpyProblem` is the same in cvxpy and is the
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
    minimum_acceptable_return : float
        Return of one scenario below which it counts as a loss.
    return_floor : float, optional
        For ``min_risk``: smallest expected return net of fees.
    min_invested : float, optional
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
    fee: float = FEE
    max_weight: ByAsset | None = None
    objective: Objective = "utility"
    minimum_acceptable_return: float = 0.0
    return_floor: float | None = None
    min_invested: float | None = None
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
        fee = self.fee if self.rules is None else self.rules.fee
        numbers = {
            "risk_aversion": check_number("risk_aversion", self.risk_aversion, at_least=0.0),
            "fee": check_number("fee", fee, at_least=0.0, below=1.0),
            "minimum_acceptable_return": check_number(
                "minimum_acceptable_return", self.minimum_acceptable_return
            ),
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
        if self.min_invested is not None:
            numbers["min_invested"] = check_number(
                "min_invested", self.min_invested, at_least=0.0, at_most=1.0
            )
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
    def tolerance(self) -> float:
        """Largest relative duality gap that is accepted from the fast path: 1e-8, for the ratio
        1e-7.
        """
        return 1e-7 if self.objective == "ratio" else 1e-8

    def replace(self, **changes: Any) -> MeanDownsideRisk:
        """Return the same problem with other parameters.

        Parameters
        ----------
        **changes
            Parameters by name.

        Returns
        -------
        MeanDownsideRisk
        """
        return dataclasses.replace(self, **changes)

    def variable(self, assets: int) -> cvxpy.Variable:
        """Return the cvxpy variable of the weights, to write further constraints with.

        Parameters
        ----------
        assets : int
            Number of assets.

        Returns
        -------
        cvxpy Variable
            The same one each time. It belongs to this object in this process: a constraint that is
            sent elsewhere must be a function of the weights.
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
        """Return n portfolios from the least risk to the largest net expected return:
        :func:`statarb.optimization.frontier`.

        Parameters
        ----------
        expected_return, scenarios, previous, max_trade, volatility
            As in :meth:`solve`.
        n : int
            Number of points, at least 2.

        Returns
        -------
        Frontier
        """
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
            Simple returns, one row per scenario, at least two; NaN as ``missing`` says. Rows with
            times are put in order of time.
        previous : (N,) Series, mapping or array, optional
            Weights held before trading, shares of the value: not negative, and with a sum of at
            most 1. Assets left out, and all by default, are not held.
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
            cvxpy, and are part of the certificate. See :meth:`variable`.
        **solver_options
            Passed on to cvxpy.

        Returns
        -------
        Solution
            In the assets' order: columns of ``scenarios``, else the index of ``expected_return``.

        Raises
        ------
        DataError
            Shapes or labels that do not match, NaN or infinite numbers, too few scenarios, prices
            in place of returns, doubled times, held weights that sum to more than 1, a ratio
            without a gain.
        InfeasibleError
            No portfolio satisfies the constraints; names the asset.
        """
        began = time.perf_counter()
        program = self.program(
            expected_return,
            Scenarios.of(scenarios),
            previous,
            max_trade,
            scenario_weights=scenario_weights,
            volatility=volatility,
        )
        smallest = 0.0
        if self.rules is not None:
            program, smallest = limit_orders(program, self.rules, value, numeraire_price)
        program.require_feasible()
        first = (
            None
            if start is None
            else by_asset("start", start, program.labels, program.assets, default=0.0, at_least=0.0)
        )
        added = list(constraints)
        if solver is not None or added or self.measure != "downside":
            solution = solve_with_cvxpy(
                program,
                (solver or "CLARABEL").upper(),
                added,
                solver_options,
                self.variable(program.assets),
            )
        else:
            if solver_options:
                raise ParameterError(
                    f"{next(iter(solver_options))!r} is an option of cvxpy; it needs solver=, such "
                    "as 'CLARABEL'"
                )
            fast = fast_solver(program)
            solution = solve_fast(program, fast, start=first)
            if smallest > 0.0:
                solution = without_small_orders(program, fast, solution, smallest)
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
        """Return the problem in checked arrays, as the solvers take it.

        Parameters
        ----------
        expected_return, scenarios, previous, max_trade, scenario_weights, volatility
            As in :meth:`solve`.

        Returns
        -------
        Program

        Raises
        ------
        DataError
            As in :meth:`solve`.
        """
        table = Scenarios.of(scenarios)
        assets = len(table.scenarios_by_asset)
        labels = asset_labels(expected_return, table.labels, assets)
        return self.assemble(
            dataclasses.replace(table, labels=labels),
            row_weights(table, scenario_weights, self.half_life),
            expected_return,
            previous,
            max_trade,
            volatility=volatility,
        )

    def assemble(
        self,
        table: Scenarios,
        probabilities: FloatArray,
        expected_return: Vector,
        previous: Vector | None,
        max_trade: ByAsset | None,
        *,
        volatility: Vector | None,
    ) -> Program:
        """Return the program of scenarios that are checked and the numbers of one decision.

        Parameters
        ----------
        table : Scenarios
            Scenarios, their missing values, and the assets' labels.
        probabilities : (T,)
            Of the scenarios.
        expected_return, previous, max_trade, volatility
            As in :meth:`solve`.

        Returns
        -------
        Program
        """
        assets, labels = len(table.scenarios_by_asset), table.labels
        mu = by_asset(
            "expected_return",
            expected_return,
            labels,
            assets,
            missing=self.missing != "error",
            remedy=NO_FORECAST,
        )
        held = held_weights(previous, labels, assets)
        gone: BoolArray = (table.missing > 0) | np.isnan(mu)
        if self.missing == "error" and gone.any():
            first = int(np.flatnonzero(gone)[0])
            raise DataError(
                f"{int(gone.sum())} of {assets} assets have missing scenarios or no expected "
                f"return, first asset {shown_at(labels, first)} "
                f"({int(table.missing[first])} scenarios missing); "
                "leave them out, fill them, or choose missing='freeze' or missing='sell'"
            )
        lower, upper = self._box(held, max_trade, labels)
        if gone.any():
            if self.missing == "freeze":
                lower, upper = np.where(gone, held, lower), np.where(gone, held, upper)
            else:
                upper = np.where(gone, lower, upper)
            mu = np.where(np.isnan(mu), 0.0, mu)
        member, group_caps = groups_of(self.groups, self.group_caps, labels, assets)
        return Program(
            expected_return=mu,
            scenarios_by_asset=table.scenarios_by_asset,
            scenario_weights=probabilities,
            previous=held,
            lower=lower,
            upper=upper,
            risk_aversion=self.risk_aversion,
            fee=self.fee,
            minimum_acceptable_return=self.minimum_acceptable_return,
            min_invested=self._least_invested(),
            fee_in_budget=self.rules is not None,
            volatility=None
            if volatility is None
            else by_asset("volatility", volatility, labels, assets, above=0.0),
            group=member,
            group_caps=group_caps,
            return_floor=self.return_floor,
            labels=labels,
            objective=self.objective,
            measure=self.measure,
            cvar_level=self.cvar_level,
        )

    def _least_invested(self) -> float:
        if self.min_invested is not None:
            return self.min_invested
        fills_up = self.objective == "ratio" or (
            self.objective == "min_risk" and self.return_floor is None
        )
        return 1.0 if fills_up and self.rules is None else 0.0

    def _box(
        self, held: FloatArray, max_trade: ByAsset | None, labels: pd.Index | None
    ) -> tuple[FloatArray, FloatArray]:
        """Return the smallest and the largest weight of each asset."""
        assets = len(held)
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
        if max_trade is not None:
            trade = by_asset(
                "max_trade", max_trade, labels, assets, default=np.inf, at_least=0.0, infinite=True
            )
            lower, upper = np.maximum(held - trade, 0.0), np.minimum(upper, held + trade)
        return lower, upper

"""The fast solver: Newton's method on a working set of assets, and pricing of all others."""

from __future__ import annotations

import dataclasses

import numpy as np

from statarb._core.typing import FloatArray, IntArray
from statarb.optimization._engine.newton import admit, newton
from statarb.optimization._engine.pricing import combine, price_assets
from statarb.optimization._engine.sliding import keep_members, slide_row
from statarb.optimization._engine.state import (
    AssetTerms,
    Candidates,
    Norms,
    Reference,
    ScenarioRows,
    empty_scratch,
    empty_working_set,
)
from statarb.optimization.linear import best_linear
from statarb.optimization.program import Program

__all__ = ["ACCURACY", "FastSolver", "UtilityPoint"]

ACCURACY = 1e-11
"""Relative duality gap that is aimed at; a thousandth of what is accepted, so that rounding has
room.
"""

ADMITTED = 30
"""Most assets that enter the working set at a time."""


@dataclasses.dataclass(frozen=True, eq=False)
class UtilityPoint:
    """Solution of one utility problem.

    Parameters
    ----------
    weights : (N,)
        The portfolio.
    multiplier : float
        Multiplier of the budget.
    gap : float
        Duality gap relative to the larger of |utility| and risk term, as the solver's own pricing
        bounds it.
    iterations : int
        Newton steps.
    group_multipliers : (G,) or None
        Multipliers of the group caps.
    downside : float or None
        Second lower partial moment, where the solver knows it.
    """

    weights: FloatArray
    multiplier: float
    gap: float
    iterations: int
    group_multipliers: FloatArray | None
    downside: float | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class _Minimum:
    """What one run of :meth:`FastSolver._minimise` ends with, beside the weights."""

    iterations: int
    multiplier: float
    gap: float
    size: float
    downside: float


class FastSolver:
    """Solver of utility problems that share their scenarios; keeps what helps from one problem to
    the next: working set, curvature, reference of pricing.

    Method: active-set Newton with column generation. Active sets of quadratic programs: Nocedal &
    Wright (2006), chapter 16; Newton's method on piecewise quadratics: Mangasarian (2002), "A
    finite Newton method for classification"; pricing as in column generation, with the safe
    screening of El Ghaoui, Viallon & Rabbani (2012): an asset is passed over only where a bound
    proves the sign of its reduced cost.

    Parameters
    ----------
    scenarios_by_asset : (N, T)
        Scenario returns, one row per asset, C order. Not copied.
    scenario_weights : (T,)
        Weight of each scenario; any positive total.
    single : bool
        Keep a float32 copy by rows for pricing. Pays where many problems share the scenarios.
    group : (N,) int, optional
        Group of each asset, -1 for none.
    groups : int
        Number of groups that have a cap.

    Attributes
    ----------
    min_risk_shortfall : (T,) or None
        Shortfalls of a portfolio of least risk, where one has been computed: a bound for later
        ratios.
    """

    def __init__(
        self,
        scenarios_by_asset: FloatArray,
        scenario_weights: FloatArray,
        *,
        single: bool = False,
        group: IntArray | None = None,
        groups: int = 0,
    ) -> None:
        self.times = scenarios_by_asset.shape[1]
        self.groups = 0 if group is None else groups
        if group is not None and groups:
            # a cap on a group is one more scenario: its "return" is minus the group's total, which
            # costs below minus the cap
            member = np.zeros((len(scenarios_by_asset), groups))
            member[group >= 0, group[group >= 0]] = -1.0
            scenarios_by_asset = np.concatenate([scenarios_by_asset, member], axis=1)
            scenario_weights = np.concatenate([scenario_weights, np.zeros(groups)])
        assets, rows = scenarios_by_asset.shape
        self._scenarios = ScenarioRows(
            by_asset=scenarios_by_asset,
            by_row=np.array(scenarios_by_asset.T, np.float32, order="C")
            if single
            else np.empty((0, 0), np.float32),
            weight=np.array(scenario_weights, dtype=np.float64),
            target=np.zeros(rows),
        )
        squares = _sum_squares(scenarios_by_asset)
        self._norms = Norms(squares, squares.copy())
        self.min_risk_shortfall: FloatArray | None = None
        self._reference = Reference(np.zeros(rows), np.zeros(assets), np.array([-1.0]))
        self._candidates = Candidates(np.empty(assets, np.int64), np.empty(assets))
        self._working_set = empty_working_set(assets, rows, 0)
        self._size = 0
        self._multiplier = 0.0
        self._solves = 0
        self._group_volatility: FloatArray | None = None
        self._group_multipliers: FloatArray = np.zeros(self.groups)
        self._grow(32)

    @property
    def scenarios_by_asset(self) -> FloatArray:
        """Scenario returns, (N, T), with one more column per group that has a cap."""
        return self._scenarios.by_asset

    @property
    def scenario_weights(self) -> FloatArray:
        """Weight of each scenario, (T,); a view."""
        return self._scenarios.weight[: self.times]

    @property
    def squares(self) -> FloatArray:
        """Sum of squared returns of each asset, (N,)."""
        return self._norms.squares

    @property
    def max_squares(self) -> FloatArray:
        """Largest value that :attr:`squares` has had since it was last computed anew, (N,)."""
        return self._norms.max_squares

    @property
    def working_set(self) -> IntArray:
        """Assets on which Newton's method works."""
        return self._working_set.members[: self._size].copy()

    def solve(
        self,
        program: Program,
        *,
        start: FloatArray | None = None,
        total: float | None = None,
        accuracy: float = ACCURACY,
    ) -> UtilityPoint:
        """Maximise the program's utility over its box, budget and group caps; the floor is not
        looked at.

        Parameters
        ----------
        program : Program
            Its scenarios must be those of this solver.
        start : (N,), optional
            Weights to start from; by default those held before.
        total : float, optional
            What the weights must sum to; by default at most 1.
        accuracy : float
            Relative duality gap aimed at.

        Returns
        -------
        UtilityPoint
        """
        if program.risk_aversion == 0.0:
            filled = program if total is None else program.replace(min_invested=total)
            weights, multiplier = best_linear(filled, program.expected_return)
            return UtilityPoint(weights, multiplier, 0.0, 0, None)
        equality, total = total is not None, 1.0 if total is None else total
        volatility = np.ones(program.assets) if program.volatility is None else program.volatility
        terms = _asset_terms(program, volatility, total)
        first = self._starting_weights(program, start, total if equality else None)
        scaled_weight = first * volatility
        half = program.risk_aversion / float(self.scenario_weights.sum())
        self._solves += 1
        self._prune()
        self._scenarios.target[:] = program.minimum_acceptable_return
        if self.groups:
            return self._solve_with_groups(
                program, scaled_weight, terms, half, volatility, total, equality, accuracy
            )
        found = self._minimise(scaled_weight, terms, half, equality, accuracy)
        return UtilityPoint(
            _snap_to_bounds(scaled_weight, volatility, program, terms),
            found.multiplier / total,
            _relative(found.gap, found.size),
            found.iterations,
            None,
            found.downside,
        )

    def _minimise(
        self,
        scaled_weight: FloatArray,
        terms: AssetTerms,
        half: float,
        equality: bool,
        accuracy: float,
    ) -> _Minimum:
        """Newton on the working set, pricing, the best of what is found, and again;
        ``scaled_weight`` is start and result.
        """
        scenarios, squares, max_squares = self._scenarios, self.squares, self.max_squares
        norm = np.sqrt(np.maximum(squares, 0.0) + 1e-13 * max_squares)
        max_norm = np.sqrt(max_squares)
        # below this an objective counts as 0: see certificate.negligible
        least = (
            1e-7
            * half
            * float(np.mean(squares / (terms.budget * terms.budget)))
            * float(np.mean(scenarios.weight))
        )
        iterations, loss, outside, size, risk = 0, np.inf, np.inf, 0.0, 0.0
        y = combine(scenarios.by_asset, scaled_weight)
        # a warm start first prices at the old multiplier, where the reference is near and pricing
        # cheap
        early = self._size > 0 and self._reference.drift[0] >= 0.0
        for _ in range(400):
            if not early:
                self._multiplier, loss, size, turns = newton(
                    self._size, self._working_set, self._scratch, scenarios, terms, half,
                    scaled_weight, y, equality, accuracy, least, self._multiplier,
                )  # fmt: skip
                iterations += turns
            count, outside, risk = price_assets(
                scenarios, terms, self._reference, norm, max_norm, self._working_set.inside,
                scaled_weight, y, half, self._multiplier, self._candidates,
                0.0 if early else 0.01 * accuracy * size,
            )  # fmt: skip
            if not early:
                self._mark_used(scaled_weight, terms)
                if count == 0 or outside <= accuracy * size:
                    break
            early = False
            capacity = len(self._working_set.members)
            if self._size + min(count, ADMITTED) > capacity:
                self._grow(2 * capacity)
            self._size = admit(
                scenarios, self._candidates, count, ADMITTED, self._size, self._solves,
                self._working_set,
            )  # fmt: skip
        downside = risk / float(self.scenario_weights.sum())
        return _Minimum(iterations, self._multiplier, loss + outside, size, downside)

    def _mark_used(self, scaled_weight: FloatArray, terms: AssetTerms) -> None:
        """Mark the members that have left their bound and the weight held."""
        members = self._working_set.members[: self._size]
        now = scaled_weight[members]
        away = (now != terms.previous[members]) & (now != terms.lower[members])
        self._working_set.last_used[: self._size][away] = self._solves

    def _solve_with_groups(
        self,
        program: Program,
        scaled_weight: FloatArray,
        terms: AssetTerms,
        half: float,
        volatility: FloatArray,
        total: float,
        equality: bool,
        accuracy: float,
    ) -> UtilityPoint:
        """Solve with group caps by the method of multipliers (Hestenes 1969; Powell 1969); a cap is
        one more scenario.
        """
        assert program.group_caps is not None
        caps, first = program.group_caps, self.times
        self._set_groups(program, volatility)
        # half * weight * excess^2 is the penalty rho / 2 * excess^2
        rho = 2.0 * half * self._scenarios.weight[first:]
        multipliers, iterations, best = self._group_multipliers, 0, np.inf
        for _ in range(60):
            self._scenarios.target[first:] = multipliers / rho - caps
            found = self._minimise(scaled_weight, terms, half, equality, accuracy)
            iterations += found.iterations
            excess = program.group_totals(scaled_weight / volatility) - caps
            fresh = np.maximum(multipliers + rho * excess, 0.0)
            worst = float(np.abs(np.maximum(excess, -multipliers / rho)).max())
            multipliers = fresh
            if worst <= 1e-15 or (worst <= 1e-12 and worst > 0.5 * best):
                break
            best = min(best, worst)
        self._group_multipliers = multipliers
        weights = _snap_to_bounds(scaled_weight, volatility, program, terms)
        # what is over a cap by rounding comes off the group's largest weight
        for group in np.flatnonzero(program.group_totals(weights) > caps):
            member = np.flatnonzero(program.group == group)
            largest = member[np.argmax((weights - program.lower)[member])]
            weights[largest] -= float(program.group_totals(weights)[group] - caps[group])
        return UtilityPoint(
            weights,
            found.multiplier / total,
            _relative(found.gap, found.size),
            iterations,
            multipliers,
        )

    def _set_groups(self, program: Program, volatility: FloatArray) -> None:
        """Write the groups' scenarios in scaled weights and choose their weight: a hundred times
        the curvature of the assets.
        """
        first, weights = self.times, self._scenarios.weight
        member = self._scenarios.by_asset[:, first:]
        real = np.maximum(self.squares - (member**2).sum(axis=1), 0.0) * volatility**2
        weight = 100.0 * max(float(np.quantile(real, 0.9)), 1e-12) * float(weights[:first].mean())
        same = self._group_volatility is not None and np.array_equal(
            self._group_volatility, volatility
        )
        if same and weight < 10.0 * weights[first] < 100.0 * weight:
            return
        np.copyto(member, np.where(member != 0.0, -1.0 / volatility[:, None], 0.0))
        weights[first:] = weight
        self._group_volatility = volatility.copy()
        k = self._size
        self._working_set.returns[first:, :k] = member[self._working_set.members[:k]].T
        if self._scenarios.by_row.size:
            self._scenarios.by_row[first:] = member.T
        self.forget()

    def slide(self, slot: int, fresh: FloatArray, weight: float) -> None:
        """Replace a scenario by a new one.

        Parameters
        ----------
        slot : int
            Column of the scenario that is replaced.
        fresh : (N,)
            Returns of the new one.
        weight : float
            Its scenario weight.
        """
        slide_row(
            self._scenarios, self._reference, self._norms, self._working_set, self._size, slot,
            fresh, weight,
        )  # fmt: skip

    def rescale(self, factor: float) -> None:
        """Multiply all scenario weights, which have no unit of their own, by ``factor``.

        Parameters
        ----------
        factor : float
            Positive.
        """
        self.scenario_weights[:] *= factor
        self._working_set.curvature[:] *= factor
        self._reference.product[:] *= factor
        self._reference.slope[:] *= factor
        self._reference.drift[:] *= factor if self._reference.drift[0] > 0.0 else 1.0
        if self.groups:
            self._group_volatility = None

    def forget(self) -> None:
        """Drop the reference and the curvature, and with them the rounding that gathers over many
        slides.
        """
        self._reference.drift[0] = -1.0
        self._working_set.active[:] = False
        self._working_set.curvature[:] = 0.0
        self.squares[:] = _sum_squares(self._scenarios.by_asset)
        self.max_squares[:] = self.squares

    def _starting_weights(
        self, program: Program, start: FloatArray | None, total: float | None
    ) -> FloatArray:
        """Return feasible weights near ``start``, or near those held before."""
        weights = np.clip(
            program.previous if start is None else start, program.lower, program.upper
        )
        if total is not None:
            if abs(float(weights.sum()) - total) <= 1e-15:
                return weights
            if float(weights.sum()) < total:
                # fill up with the assets of least risk
                quiet = -np.sqrt(np.maximum(self.squares, 0.0)) * (
                    1.0 if program.volatility is None else program.volatility
                )
                base = program.replace(
                    previous=weights, lower=weights, fee=0.0, fee_in_budget=False,
                    min_invested=total,
                )  # fmt: skip
                return best_linear(base, quiet)[0]
            share = _share_above_lower(program, weights, total)
            return np.clip(program.lower + (weights - program.lower) * share, 0.0, program.upper)
        if program.cash(weights) >= 0.0:
            return weights
        if program.paid == 0.0:
            # a hair short, so that rounding does not end above the budget
            share = _share_above_lower(program, weights, 1.0) * (1.0 - 1e-15)
            return _shrink_to_lower(program, weights, share)
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = 0.5 * (low + high)
            if program.cash(_shrink_to_lower(program, weights, middle)) >= 0.0:
                low = middle
            else:
                high = middle
        return _shrink_to_lower(program, weights, low)

    def _prune(self) -> None:
        """Take assets out of the working set that have not moved for some solves."""
        k = self._size
        # the first time there is nothing to take out, but the kernel is loaded before a bar that
        # needs it
        if 0 < k < 24:
            return
        keep = np.flatnonzero(self._solves - self._working_set.last_used[:k] <= 1)
        if len(keep) > 0.7 * k:
            return
        self._size = keep_members(keep, self._working_set, k)

    def _grow(self, capacity: int) -> None:
        """Make room in the working set; not a power of two, whose columns would share a few places
        of the cache.
        """
        capacity = max(capacity, 32) // 16 * 16 + 8
        k, old = self._size, self._working_set
        new = empty_working_set(0, 0, capacity)._replace(
            inside=old.inside, active=old.active, returns=np.zeros((len(old.active), capacity))
        )
        new.members[:k], new.last_used[:k] = old.members[:k], old.last_used[:k]
        new.returns[:, :k], new.curvature[:k, :k] = old.returns[:, :k], old.curvature[:k, :k]
        self._working_set, self._scratch = new, empty_scratch(capacity)


def _asset_terms(program: Program, volatility: FloatArray, total: float) -> AssetTerms:
    """Return the terms of every asset in scaled weights, with the budget's total as 1."""
    return AssetTerms(
        lower=program.lower * volatility,
        upper=program.upper * volatility,
        # without a cost there is no kink: one segment over the whole box
        previous=(program.previous if program.fee > 0.0 else program.lower) * volatility,
        fee=program.fee / volatility,
        budget=1.0 / (volatility * total),
        budget_fee=program.paid / (volatility * total),
        expected_return=program.expected_return / volatility,
    )


def _relative(gap: float, size: float) -> float:
    return 0.0 if gap <= 0.0 else (gap / size if size > 0.0 else np.inf)


def _sum_squares(scenarios_by_asset: FloatArray) -> FloatArray:
    squares: FloatArray = np.einsum("jt,jt->j", scenarios_by_asset, scenarios_by_asset)
    return squares


def _shrink_to_lower(program: Program, weights: FloatArray, share: float) -> FloatArray:
    return program.lower + share * (weights - program.lower)


def _share_above_lower(program: Program, weights: FloatArray, total: float) -> float:
    least = float(program.lower.sum())
    return max(total - least, 0.0) / max(float(weights.sum()) - least, 1e-300)


def _snap_to_bounds(
    scaled_weight: FloatArray, volatility: FloatArray, program: Program, terms: AssetTerms
) -> FloatArray:
    """Return the weights; those whose scaled weight is at a breakpoint are put onto it exactly, and
    the others inside the box.
    """
    weights = np.where(
        scaled_weight == terms.lower,
        program.lower,
        np.where(scaled_weight == terms.upper, program.upper, scaled_weight / volatility),
    )
    if program.fee > 0.0:
        inside = (program.previous >= program.lower) & (program.previous <= program.upper)
        weights = np.where((scaled_weight == terms.previous) & inside, program.previous, weights)
    return np.clip(weights, program.lower, program.upper)

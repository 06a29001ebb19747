"""The fast path: a working set of assets, Newton's method on it, everything else proven to stand
still.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from statarb._core.typing import BoolArray, Float32Array, FloatArray, IntArray
from statarb.optimization._engine.newton import admit, newton
from statarb.optimization._engine.pricing import combine, price
from statarb.optimization._engine.sliding import keep_only, slide
from statarb.optimization.certificate import best_linear
from statarb.optimization.program import Program

__all__ = ["FastSolver", "UtilityPoint"]

ACCURACY = 1e-11
"""Relative duality gap that is aimed at; a thousandth of what is accepted, so that rounding has
room.
"""


ADMITTED = 30
"""Most assets that enter the working set at a time."""


@dataclasses.dataclass(frozen=True, eq=False)
class UtilityPoint:
    """What one utility problem gave.

    Parameters
    ----------
    weights : (N,)
        The portfolio.
    price : float
        Multiplier of the budget.
    gap : float
        Duality gap relative to the larger of |utility| and risk term, as the solver's own pricing
        proves it.
    iterations : int
        Newton steps.
    group_prices : (G,) or None
        Multipliers of the group caps.
    downside : float or None
        Second lower partial moment, where the solver knows it.
    """

    weights: FloatArray
    price: float
    gap: float
    iterations: int
    group_prices: FloatArray | None
    downside: float | None = None


class FastSolver:
    """Histories, and what is worth keeping from one utility problem to the next: working set,
    curvature, reference prices.

    Method: active-set Newton with column generation. Active sets of quadratic programs: Nocedal &
    Wright (2006), chapter 16; Newton's method on piecewise quadratics: Mangasarian (2002), "A
    finite Newton method for classification"; pricing as in column generation, with the safe
    screening of El Ghaoui, Viallon & Rabbani (2012): an asset is passed over only where a bound
    proves the sign of its reduced cost.

    Parameters
    ----------
    histories : (N, T)
        Scenario returns, one row an asset, C order. Not copied.
    scenario_weights : (T,)
        Weight of each scenario; any positive total.
    single : bool
        Keep a float32 copy by rows for pricing. Pays where many problems share the histories.
    group : (N,) int, optional
        Group of each asset, -1 for none.
    groups : int
        Number of groups that have a cap.
    """

    def __init__(
        self,
        histories: FloatArray,
        scenario_weights: FloatArray,
        *,
        single: bool = False,
        group: IntArray | None = None,
        groups: int = 0,
    ) -> None:
        self.scenarios = histories.shape[1]
        self.groups = 0 if group is None else groups
        if group is not None and groups:
            # a cap on a group is one more scenario: its "return" is minus the group's total, which
            # costs below minus the cap
            member = np.zeros((len(histories), groups))
            member[group >= 0, group[group >= 0]] = -1.0
            histories = np.concatenate([histories, member], axis=1)
            scenario_weights = np.concatenate([scenario_weights, np.zeros(groups)])
        assets, times = histories.shape
        self.histories = histories
        self.rows32: Float32Array = (
            np.array(histories.T, np.float32, order="C") if single else np.empty((0, 0), np.float32)
        )
        self.scenario_weights = np.array(scenario_weights, dtype=np.float64)
        self.squares: FloatArray = _squares(histories)
        self.peak: FloatArray = self.squares.copy()
        # shortfalls of a portfolio of least risk, (scenarios,), where one has been computed: a
        # bound for later ratios
        self.calm: FloatArray | None = None
        self._reference: FloatArray = np.zeros(assets)
        self._reference_at: FloatArray = np.zeros(times)
        self._drift: FloatArray = np.array([-1.0])
        self._members: IntArray = np.zeros(0, np.int64)
        self._used: IntArray = np.zeros(0, np.int64)
        self._panel: FloatArray = np.zeros((times, 0))
        self._curvature: FloatArray = np.zeros((0, 0))
        self._inside: BoolArray = np.zeros(assets, np.bool_)
        self._active: BoolArray = np.zeros(times, np.bool_)
        self._found: IntArray = np.empty(assets, np.int64)
        self._gains: FloatArray = np.empty(assets)
        self._size = 0
        self._price = 0.0
        self._bar = 0
        self._group_scale: FloatArray | None = None
        self._group_prices: FloatArray = np.zeros(self.groups)
        self._grow(32)

    @property
    def working_set(self) -> IntArray:
        """Assets on which Newton's method works."""
        return self._members[: self._size].copy()

    def solve(
        self,
        program: Program,
        *,
        start: FloatArray | None = None,
        invested: float | None = None,
        accuracy: float = ACCURACY,
    ) -> UtilityPoint:
        """Maximise the program's utility over its box, budget and group caps; the floor is not
        looked at.

        Parameters
        ----------
        program : Program
            Its histories must be those of this solver.
        start : (N,), optional
            Weights to start from; by default those held before.
        invested : float, optional
            Total that the weights must sum to; by default at most 1.
        accuracy : float
            Relative duality gap aimed at.
        """
        if program.risk_aversion == 0.0:
            filled = program if invested is None else program.replace(invested=invested)
            weights, price = best_linear(filled, program.expected_return)
            return UtilityPoint(weights, price, 0.0, 0, None)
        total = 1.0 if invested is None else invested
        scale = np.ones(program.assets) if program.scale is None else program.scale
        terms = self._terms(program, scale, total)
        exposure = self._start(program, start, invested) * scale
        half = program.risk_aversion / float(self.scenario_weights[: self.scenarios].sum())
        self._bar += 1
        self._prune()
        target = np.full(self.histories.shape[1], program.mar)
        if not self.groups:
            iterations, price, gap, size, risk = self._minimise(
                exposure, terms, half, target, invested is not None, accuracy
            )
            weights = _onto_bounds(exposure / scale, program, terms, exposure)
            return UtilityPoint(
                weights, price / total, _relative(gap, size), iterations, None, risk
            )
        return self._with_groups(program, exposure, terms, half, target, invested, accuracy, scale)

    def _minimise(
        self,
        exposure: FloatArray,
        terms: FloatArray,
        half: float,
        target: FloatArray,
        equality: bool,
        accuracy: float,
    ) -> tuple[int, float, float, float, float]:
        """Newton on the working set, pricing, the best of what is found, and again; ``exposure`` is
        start and result.
        """
        norm, peak = np.sqrt(np.maximum(self.squares, 0.0) + 1e-13 * self.peak), np.sqrt(self.peak)
        # below this an objective counts as 0: see certificate.negligible
        least = (
            1e-7
            * half
            * float(np.mean(self.squares / (terms[4] * terms[4])))
            * float(np.mean(self.scenario_weights))
        )
        found, gains, iterations, loss, outside, size, risk = (
            self._found,
            self._gains,
            0,
            np.inf,
            np.inf,
            0.0,
            0.0,
        )
        y = combine(self.histories, exposure)
        # a warm start looks first at who wants in at the old price, where the reference is near and
        # pricing cheap
        early = self._size > 0 and self._drift[0] >= 0.0
        for _ in range(400):
            if not early:
                self._price, loss, size, turns = newton(
                    self._size, self._members, self._inside, terms, half, self.scenario_weights,
                    target, exposure, y, equality,
                    self._panel, self._active, self._curvature, self._factor, self._pivot,
                    self._work, accuracy, least,
                    self._price,
                )  # fmt: skip
                iterations += turns
            count, outside, risk = price(
                self.histories, self.rows32, self._reference, self._reference_at, self._drift,
                norm, peak, self._inside,
                exposure, terms, half, self.scenario_weights, y, target, self._price, found, gains,
                0.0 if early else 0.01 * accuracy * size,
            )  # fmt: skip
            if not early:
                self._mark(exposure, terms)
                if count == 0 or outside <= accuracy * size:
                    break
            early = False
            if self._size + min(count, ADMITTED) > len(self._members):
                self._grow(2 * len(self._members))
            self._size = admit(
                self.histories, found, gains, count, ADMITTED, self._size, self._bar,
                self._members, self._used, self._inside,
                self.scenario_weights, self._panel, self._active, self._curvature,
            )  # fmt: skip
        return (
            iterations,
            self._price,
            loss + outside,
            size,
            risk / float(self.scenario_weights[: self.scenarios].sum()),
        )

    def _mark(self, exposure: FloatArray, terms: FloatArray) -> None:
        """Note which assets of the working set have left their bound and the weight held."""
        members = self._members[: self._size]
        now = exposure[members]
        self._used[: self._size][(now != terms[2, members]) & (now != terms[0, members])] = (
            self._bar
        )

    def _with_groups(
        self, program: Program, exposure: FloatArray, terms: FloatArray, half: float,
        target: FloatArray,
        invested: float | None, accuracy: float, scale: FloatArray,
    ) -> UtilityPoint:  # fmt: skip
        """Solve with group caps by the method of multipliers (Hestenes 1969; Powell 1969); a cap is
        one more scenario.
        """
        assert program.group_caps is not None
        caps, first = program.group_caps, self.scenarios
        self._set_groups(program, scale)
        # half * weight * excess^2 is the penalty rho / 2 * excess^2
        rho = 2.0 * half * self.scenario_weights[first:]
        prices, iterations, gap, size, price, best = self._group_prices, 0, np.inf, 0.0, 0.0, np.inf
        total = 1.0 if invested is None else invested
        for _ in range(60):
            target[first:] = prices / rho - caps
            turns, price, gap, size, _ = self._minimise(
                exposure, terms, half, target, invested is not None, accuracy
            )
            iterations += turns
            excess = program.group_totals(exposure / scale) - caps
            fresh = np.maximum(prices + rho * excess, 0.0)
            worst = float(np.abs(np.maximum(excess, -prices / rho)).max())
            prices = fresh
            if worst <= 1e-15 or (worst <= 1e-12 and worst > 0.5 * best):
                break
            best = min(best, worst)
        self._group_prices = prices
        weights = _onto_bounds(exposure / scale, program, terms, exposure)
        for group in np.flatnonzero(program.group_totals(weights) > caps):
            member = np.flatnonzero(program.group == group)
            largest = member[np.argmax((weights - program.lower)[member])]
            weights[largest] -= float(program.group_totals(weights)[group] - caps[group])
        return UtilityPoint(weights, price / total, _relative(gap, size), iterations, prices)

    def _set_groups(self, program: Program, scale: FloatArray) -> None:
        """Write the groups' scenarios in exposures and choose their weight: a hundred times the
        curvature of the assets.
        """
        first = self.scenarios
        real = (
            np.maximum(self.squares - (self.histories[:, first:] ** 2).sum(axis=1), 0.0) * scale**2
        )
        weight = (
            100.0
            * max(float(np.quantile(real, 0.9)), 1e-12)
            * float(self.scenario_weights[:first].mean())
        )
        same = self._group_scale is not None and np.array_equal(self._group_scale, scale)
        if same and weight < 10.0 * self.scenario_weights[first] < 100.0 * weight:
            return
        member = self.histories[:, first:]
        np.copyto(member, np.where(member != 0.0, -1.0 / scale[:, None], 0.0))
        self.scenario_weights[first:] = weight
        self._group_scale = scale.copy()
        self._panel[first:, : self._size] = member[self._members[: self._size]].T
        if self.rows32.size:
            self.rows32[first:] = member.T
        self.forget()

    def slide(self, slot: int, fresh: FloatArray, weight: float) -> None:
        """Replace scenario ``slot`` by ``fresh`` (N,) with the scenario weight ``weight``."""
        slide(
            self.histories, self.rows32, self.scenario_weights, self._reference,
            self._reference_at, self.squares,
            self.peak, self._members, self._panel, self._active, self._curvature, self._size,
            slot, fresh, weight,
        )  # fmt: skip

    def rescale(self, factor: float) -> None:
        """Multiply all scenario weights, which have no unit of their own, by ``factor``."""
        self.scenario_weights[: self.scenarios] *= factor
        self._curvature *= factor
        self._reference *= factor
        self._reference_at *= factor
        self._drift *= factor if self._drift[0] > 0.0 else 1.0
        if self.groups:
            self._group_scale = None

    def forget(self) -> None:
        """Drop the reference and the curvature, and with them the rounding that gathers over many
        slides.
        """
        self._drift[0] = -1.0
        self._active[:] = False
        self._curvature[:] = 0.0
        self.squares[:] = _squares(self.histories)
        self.peak[:] = self.squares

    def _terms(self, program: Program, scale: FloatArray, total: float) -> FloatArray:
        """Return low, high, ref, cost, a, f, mu of every asset in exposures, with the budget's
        total as 1.
        """
        terms = np.empty((7, program.assets))
        terms[0] = program.lower * scale
        terms[1] = program.upper * scale
        # without a cost there is no kink: one segment over the whole box
        kinked = program.fee > 0.0
        terms[2] = program.previous * scale if kinked else terms[0]
        terms[3] = program.fee / scale
        terms[4] = 1.0 / (scale * total)
        terms[5] = program.paid / (scale * total)
        terms[6] = program.expected_return / scale
        return terms

    def _start(
        self, program: Program, start: FloatArray | None, invested: float | None
    ) -> FloatArray:
        weights = np.clip(
            program.previous if start is None else start, program.lower, program.upper
        )
        if invested is not None:
            if abs(float(weights.sum()) - invested) <= 1e-15:
                return weights
            calm = -np.sqrt(np.maximum(self.squares, 0.0)) * (
                1.0 if program.scale is None else program.scale
            )
            base = program.replace(
                previous=weights, fee=0.0, fee_in_budget=False, invested=invested
            )
            if float(weights.sum()) < invested:
                return best_linear(base.replace(lower=weights), calm)[0]
            return np.clip(
                program.lower + (weights - program.lower) * _share(program, weights, invested),
                0.0,
                program.upper,
            )
        if program.cash(weights) >= 0.0:
            return weights
        if program.paid == 0.0:
            # a hair short, so that rounding does not end above the budget
            return _between(program, weights, _share(program, weights, 1.0) * (1.0 - 1e-15))
        low, high = 0.0, 1.0
        for _ in range(60):
            middle = 0.5 * (low + high)
            low, high = (
                (middle, high)
                if program.cash(_between(program, weights, middle)) >= 0.0
                else (low, middle)
            )
        return _between(program, weights, low)

    def _prune(self) -> None:
        """Take assets out of the working set that have stood still for some bars."""
        k = self._size
        # the first time there is nothing to take out, but the kernel is loaded before a bar that
        # needs it
        if 0 < k < 24:
            return
        keep = np.flatnonzero(self._bar - self._used[:k] <= 1)
        if len(keep) > 0.7 * k:
            return
        self._size = keep_only(
            keep, self._members, self._used, self._inside, self._panel, self._curvature, k
        )

    def _grow(self, capacity: int) -> None:
        """Make room in the working set; not a power of two, whose columns would share a few places
        of the cache.
        """
        capacity = max(capacity, 32) // 16 * 16 + 8
        k = self._size
        members, used = np.zeros(capacity, np.int64), np.zeros(capacity, np.int64)
        panel, curvature = (
            np.zeros((self.histories.shape[1], capacity)),
            np.zeros((capacity, capacity)),
        )
        members[:k], used[:k] = self._members[:k], self._used[:k]
        panel[:, :k], curvature[:k, :k] = self._panel[:, :k], self._curvature[:k, :k]
        self._members, self._used, self._panel, self._curvature = members, used, panel, curvature
        self._factor, self._work = np.zeros((capacity, capacity)), np.zeros((17, capacity))
        self._pivot = np.zeros((2, capacity), np.int64)


def _relative(gap: float, size: float) -> float:
    return 0.0 if gap <= 0.0 else (gap / size if size > 0.0 else np.inf)


def _squares(histories: FloatArray) -> FloatArray:
    squares: FloatArray = np.einsum("jt,jt->j", histories, histories)
    return squares


def _between(program: Program, weights: FloatArray, share: float) -> FloatArray:
    return program.lower + share * (weights - program.lower)


def _share(program: Program, weights: FloatArray, total: float) -> float:
    least = float(program.lower.sum())
    return max(total - least, 0.0) / max(float(weights.sum()) - least, 1e-300)


def _onto_bounds(
    weights: FloatArray, program: Program, terms: FloatArray, exposure: FloatArray
) -> FloatArray:
    """Put weights whose exposure is at a breakpoint onto it exactly, and the others inside the
    box.
    """
    weights = np.where(
        exposure == terms[0], program.lower, np.where(exposure == terms[1], program.upper, weights)
    )
    if program.fee > 0.0:
        inside = (program.previous >= program.lower) & (program.previous <= program.upper)
        weights = np.where((exposure == terms[2]) & inside, program.previous, weights)
    return np.clip(weights, program.lower, program.upper)

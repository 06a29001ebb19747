"""The three objectives (utility, ratio, least risk), each solved as one or a few utility problems
and certified.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from statarb._core.typing import FloatArray
from statarb.errors import DataError, InfeasibleError
from statarb.optimization._engine.fast_solver import ACCURACY, FastSolver, UtilityPoint
from statarb.optimization.certificate import (
    Certificate,
    certify_min_risk,
    certify_ratio,
    certify_utility,
    negligible,
)
from statarb.optimization.linear import best_linear, largest_return
from statarb.optimization.program import Program

__all__ = ["Answer", "NoGain", "solve_objective"]


class NoGain(DataError):
    """No portfolio has a positive expected return net of fees, which the ratio needs."""


@dataclasses.dataclass(frozen=True, eq=False)
class Answer:
    """A portfolio and its certificate.

    Parameters
    ----------
    weights : (N,)
        The portfolio.
    certificate : Certificate
        Gap, infeasibility and the budget's multiplier.
    iterations : int
        Newton steps in all.
    risk_aversion : float
        The lambda whose utility problem has this portfolio as its solution.
    reason : str
        Where the problem is degenerate: why. Else empty.
    downside : float or None
        Second lower partial moment, where it is known already.
    """

    weights: FloatArray
    certificate: Certificate
    iterations: int
    risk_aversion: float
    reason: str = ""
    downside: float | None = None


def solve_objective(
    program: Program,
    solver: FastSolver,
    *,
    start: FloatArray | None = None,
    risk_aversion: float | None = None,
    verify: bool = True,
) -> Answer:
    """Solve a program for its objective on the fast path.

    Parameters
    ----------
    program : Program
        The problem.
    solver : FastSolver
        Holds the program's scenarios.
    start : (N,), optional
        Weights to start from.
    risk_aversion : float, optional
        For the ratio and the floor: a guess of the lambda of the solution.
    verify : bool
        Compute the gap anew from the problem alone. Else the utility form passes on the bound of
        the solver's pricing; the other forms are always verified.

    Returns
    -------
    Answer

    Raises
    ------
    NoGain
        The ratio, where no portfolio gains anything.
    InfeasibleError
        A floor that no portfolio reaches.
    """
    if program.objective == "min_risk" and program.return_floor is None:
        return _utility(program.without_returns(), solver, start, verify)
    if program.objective == "utility":
        return _utility(program, solver, start, verify)
    if program.objective == "ratio":
        return _Ratio(program, solver).solve(start, risk_aversion)
    return _Floor(program, solver).solve(start, risk_aversion)


def _utility(
    program: Program, solver: FastSolver, start: FloatArray | None, verify: bool
) -> Answer:
    point = _point(program, solver, start)
    if verify or program.risk_aversion == 0.0 or point.group_multipliers is not None:
        certificate = certify_utility(
            program, point.weights, point.multiplier, point.group_multipliers
        )
        if certificate.gap > ACCURACY:
            other = certify_utility(program, point.weights, None, point.group_multipliers)
            certificate = min(certificate, other, key=lambda each: each.gap)
    else:
        certificate = Certificate(point.gap, program.infeasibility(point.weights), point.multiplier)
    return Answer(
        point.weights,
        certificate,
        point.iterations,
        program.risk_aversion,
        "",
        None if verify else point.downside,
    )


def _point(
    program: Program, solver: FastSolver, start: FloatArray | None, accuracy: float = ACCURACY
) -> UtilityPoint:
    """Solve the utility problem; the least total is looked at only where the problem without it
    falls short of it.
    """
    if program.min_invested >= 1.0 and not program.fee_in_budget:
        return solver.solve(program, start=start, total=program.min_invested, accuracy=accuracy)
    point = solver.solve(program, start=start, accuracy=accuracy)
    if float(point.weights.sum()) < program.min_invested - 1e-12 and not program.fee_in_budget:
        again = solver.solve(
            program, start=point.weights, total=program.min_invested, accuracy=accuracy
        )
        return dataclasses.replace(again, iterations=point.iterations + again.iterations)
    return point


class _Family:
    """Utility problems that differ in lambda alone: the efficient frontier, on which the other
    objectives' solutions lie.
    """

    def __init__(self, program: Program, solver: FastSolver) -> None:
        self.program, self.solver = program, solver
        self.iterations = 0
        self.last: FloatArray | None = None
        self.group_multipliers: FloatArray | None = None

    def at(self, risk_aversion: float) -> FloatArray:
        """Return the weights at one lambda, starting from those of the last one."""
        point = _point(
            self.program.replace(risk_aversion=risk_aversion),
            self.solver,
            self.last,
            0.01 * ACCURACY,
        )
        self.iterations += point.iterations
        self.last = point.weights
        self.group_multipliers = point.group_multipliers
        return point.weights

    def first_guess(self) -> float:
        """Return lambda at which the best single asset would be held in full."""
        program = self.program
        size = self.solver.squares / program.scenarios_by_asset.shape[1]
        if program.volatility is not None:
            size = size * program.volatility**2
        gain = np.where(program.upper > 0.0, program.expected_return - program.fee, 0.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            merit = np.where((gain > 0.0) & (size > 0.0), gain * gain / size, 0.0)
        best = int(np.argmax(merit))
        return float(gain[best] / size[best]) if merit[best] > 0.0 else 1.0


def search(
    function: Callable[[float], float], guess: float, *, flat: float = 1e-12, bound: float = 1e15
) -> tuple[float, float]:
    """Bracket the root of a falling function of a positive number as closely as floating point
    allows.

    Secant steps in log space, kept inside the bracket (Dowell & Jarratt 1971). The function may
    jump.

    Returns
    -------
    low, high : float
        ``function(low) >= 0 >= function(high)``, equal where a root was hit within ``flat``;
        ``high`` is infinite, or ``low`` is 0, where no change of sign was found within a factor of
        ``bound`` of the guess.
    """
    at, stride = math.log(guess), math.log(4.0)
    low, high, below, above, side = -math.inf, math.inf, math.inf, -math.inf, 0
    for turn in range(200):
        value = function(math.exp(at))
        if abs(value) <= flat:
            return math.exp(at), math.exp(at)
        # Illinois rule: an end kept twice counts half
        if value > 0.0:
            above = 0.5 * above if side > 0 else above
            low, below, side = at, value, 1
        else:
            below = 0.5 * below if side < 0 else below
            high, above, side = at, value, -1
        if high == math.inf or low == -math.inf:
            at += stride if high == math.inf else -stride
            stride *= 1.5
            if abs(at - math.log(guess)) > math.log(bound):
                break
            continue
        if high - low <= 4e-16 * max(1.0, abs(low)):
            break
        smooth = math.isfinite(below) and math.isfinite(above) and turn % 8 != 7
        at = low + (high - low) * below / (below - above) if smooth else 0.5 * (low + high)
        if not low < at < high:
            at = 0.5 * (low + high)
    return (0.0 if low == -math.inf else math.exp(low)), (
        math.inf if high == math.inf else math.exp(high)
    )


class _Ratio(_Family):
    """Largest ratio of net expected return to downside deviation.

    Where w solves the utility problem with lambda = (net(w) - m) / (2 downside(w)), w has the
    largest ratio: the conditions of both problems are then the same (as in Dinkelbach 1967, with
    the square of the deviation). The function searched is the logarithm of the two sides' quotient.
    """

    def solve(self, start: FloatArray | None, guess: float | None) -> Answer:
        program = self.program
        self.last = start
        scale_free = self._scale_free()
        gains = (program.expected_return > program.fee) & (program.upper > 0.0)
        if not (scale_free and gains.any()):
            top, _ = best_linear(program, program.expected_return)
            if program.net_return(top) - program.minimum_acceptable_return <= 0.0:
                raise _no_gain(program.net_return(top) - program.minimum_acceptable_return)
        if scale_free:
            answer = self._solve_uncapped(guess)
            if answer is not None:
                return answer
        return self._search(guess)

    def _scale_free(self) -> bool:
        """Whether the ratio stays the same when all weights are multiplied."""
        program = self.program
        free_of_fees = program.fee == 0.0 or not program.previous.any()
        return (
            program.minimum_acceptable_return == 0.0
            and free_of_fees
            and not program.lower.any()
            and program.paid == 0.0
            and program.group is None
        )

    def _solve_uncapped(self, guess: float | None) -> Answer | None:
        """Solve without budget and caps: every positive multiple of the solution has the same
        ratio, and the largest that fits is taken; ``None`` where none fits.
        """
        program = self.program
        gain = program.expected_return - program.fee
        upper = np.where(program.upper > 0.0, 1.0, 0.0)
        uncapped_program = program.replace(
            expected_return=gain,
            fee=0.0,
            upper=upper,
            previous=np.zeros(program.assets),
            min_invested=0.0,
            return_floor=None,
        )
        family = _Family(uncapped_program, self.solver)
        family.last = None if self.last is None else 0.5 * self.last
        risk_aversion = 4.0 * self.first_guess() if guess is None else 2.0 * guess
        weights = family.at(risk_aversion)
        for _ in range(24):
            if float(weights.sum()) < 1.0 - 1e-9:
                break
            if uncapped_program.downside(weights) == 0.0:
                return self._infinite(weights, family.iterations)
            risk_aversion *= 4.0
            weights = family.at(risk_aversion)
        total = float(weights.sum())
        if not total > 0.0:
            return None
        weights = weights / total
        over = float(np.max(weights / np.where(program.upper > 0.0, program.upper, 1.0)))
        if over > 1.0 + 1e-15:
            if program.min_invested > 1.0 / over:
                self.iterations = family.iterations
                return None
            weights = np.minimum(weights / over, program.upper)
        if program.downside(weights) == 0.0:
            return self._infinite(weights, family.iterations)
        self.iterations = family.iterations
        return self._answer(weights)

    def _search(self, guess: float | None) -> Answer:
        program = self.program
        seen: dict[float, FloatArray] = {}

        def mismatch(risk_aversion: float) -> float:
            weights = self.at(risk_aversion)
            seen[risk_aversion] = weights
            gain, downside = (
                program.net_return(weights) - program.minimum_acceptable_return,
                program.downside(weights),
            )
            if gain <= 0.0:
                return -math.inf
            return (
                math.inf if downside == 0.0 else math.log(gain / (2.0 * downside * risk_aversion))
            )

        low, high = search(mismatch, self.first_guess() if guess is None else guess, flat=1e-14)
        if max(map(program.net_return, seen.values())) <= program.minimum_acceptable_return:
            raise _no_gain(
                max(map(program.net_return, seen.values())) - program.minimum_acceptable_return
            )
        free = [
            weights
            for weights in seen.values()
            if program.downside(weights) == 0.0
            and program.net_return(weights) > program.minimum_acceptable_return
        ]
        if free:
            return self._infinite(free[0], self.iterations)
        if low == high or high == math.inf or low == 0.0:
            best = max(seen.values(), key=program.ratio)
        else:
            best = _best_between(program.ratio, seen[low], seen[high])
        return self._answer(best)

    def _answer(self, weights: FloatArray) -> Answer:
        program = self.program
        downside = program.downside(weights)
        # the mean square return takes a pass over the window; first, what it can be at most
        most = float(np.mean(self.solver.squares)) * float(program.scenario_weights.max())
        most *= 1.0 if program.volatility is None else float(np.max(program.volatility)) ** 2
        if downside <= 1e-16 * most and downside <= 1e-11 * negligible(
            program.replace(risk_aversion=1.0)
        ):
            return self._infinite(weights, self.iterations)
        risk_aversion = (program.net_return(weights) - program.minimum_acceptable_return) / (
            2.0 * downside
        )
        certificate = certify_ratio(program, weights, self.group_multipliers)
        for least_deviation in (self._least_known, self._least_deviation):
            if certificate.gap > 1e-10:
                certificate = certify_ratio(
                    program, weights, self.group_multipliers, least_deviation()
                )
        return Answer(weights, certificate, self.iterations, risk_aversion, "", downside)

    def _least_risk_program(self) -> Program:
        """Return the problem of the least downside among the portfolios that could have a larger
        ratio.
        """
        zero_return_program = self.program.zero_return_program()
        if not self._scale_free():
            return zero_return_program
        # of all multiples of a portfolio the one that is fully invested, and in nothing that is no
        # better than cash
        dead = self.solver.squares <= 1e-13 * self.solver.max_squares
        dead &= self.program.expected_return <= self.program.fee
        dead[dead] = ~self.program.scenarios_by_asset[dead].any(axis=1)
        return zero_return_program.replace(
            upper=np.where((zero_return_program.upper > 0.0) & ~dead, 1.0, 0.0), min_invested=1.0
        )

    def _least_known(self) -> float:
        """Return a lower bound of every portfolio's deviation by the shortfalls s of an earlier
        portfolio of least risk; or 0.

        For any s >= 0, Cauchy and Schwarz give deviation(v) >= sum_t p_t s_t (m - r_t'v) /
        sqrt(sum_t p_t s_t^2).
        """
        program, missed = self.program, self.solver.min_risk_shortfall
        if missed is None:
            return 0.0
        pull = program.scenario_weights * missed
        size = math.sqrt(float(pull @ missed))
        if not size > 0.0:
            return 0.0
        gain = program.by_asset(pull)
        best, _ = best_linear(self._least_risk_program(), gain)
        return max(
            0.0, (program.minimum_acceptable_return * float(pull.sum()) - float(gain @ best)) / size
        )

    def _least_deviation(self) -> float:
        """Return a certified lower bound of the downside deviation of every portfolio that has to
        be looked at.
        """
        zero_return_program = self._least_risk_program()
        point = _point(zero_return_program, self.solver, None)
        self.iterations += point.iterations
        gap = certify_utility(
            zero_return_program, point.weights, point.multiplier, point.group_multipliers
        ).gap
        self.solver.min_risk_shortfall = zero_return_program.shortfall(point.weights)
        # the gap is relative to the risk, as long as that is not negligible
        risk, unit = zero_return_program.downside(point.weights), negligible(zero_return_program)
        least = risk - gap * max(risk, unit)
        if least <= 1e-5 * unit:
            # a portfolio without risk: look at those alone that gain something
            answer = _Floor(
                self.program.replace(return_floor=self.program.minimum_acceptable_return),
                self.solver,
            ).solve(None, None)
            self.iterations += answer.iterations
            least = self.program.downside(answer.weights) * (1.0 - answer.certificate.gap)
        return math.sqrt(max(least, 0.0))

    def _infinite(self, weights: FloatArray, iterations: int) -> Answer:
        certificate = Certificate(0.0, self.program.infeasibility(weights), 0.0)
        reason = (
            "the ratio is infinite: this portfolio gains on average and falls below "
            "minimum_acceptable_return in no scenario"
        )
        return Answer(weights, certificate, iterations, math.inf, reason)


class _Floor(_Family):
    """Least downside with a floor on net expected return: the point of the frontier at which the
    floor is just reached.
    """

    def solve(self, start: FloatArray | None, guess: float | None) -> Answer:
        program = self.program
        floor = program.return_floor
        assert floor is not None
        top = largest_return(program)
        if program.net_return(top) < floor - 1e-15:
            raise InfeasibleError(
                f"no portfolio has a net expected return of {floor:.6g}; the largest possible is "
                f"{program.net_return(top):.6g}; lower return_floor, or loosen caps and max_trade"
            )
        self.last = start
        zero_return_program = program.zero_return_program()
        least = _point(zero_return_program, self.solver, start)
        if program.net_return(least.weights) >= floor and program.cash(least.weights) >= -1e-15:
            certificate = dataclasses.replace(
                certify_utility(zero_return_program, least.weights, None, least.group_multipliers),
                infeasibility=program.infeasibility(least.weights),
            )
            return Answer(least.weights, certificate, least.iterations, math.inf)
        seen: dict[float, FloatArray] = {0.0: top}
        size = max(abs(floor), abs(program.net_return(top)), 1e-300)

        def above(risk_aversion: float) -> float:
            weights = self.at(risk_aversion)
            seen[risk_aversion] = weights
            return (program.net_return(weights) - floor) / size

        low, high = search(above, self.first_guess() if guess is None else guess, flat=1e-13)
        if high == math.inf:
            risk_aversion = max(seen)
            weights = seen[risk_aversion]
        else:
            risk_aversion = low if low > 0.0 else high
            weights = _reaching(program, seen[high], seen[low], floor)
        lambdas = {risk_aversion, high} - {math.inf}
        found = [
            certify_min_risk(program, weights, lam, None, self.group_multipliers)
            for lam in sorted(lambdas)
        ]
        # the least risk without the floor bounds the risk with it
        bound = certify_utility(zero_return_program, least.weights, None, least.group_multipliers)
        size = max(
            zero_return_program.downside(least.weights), negligible(zero_return_program), 1e-300
        )
        over = (
            program.downside(weights) - zero_return_program.downside(least.weights)
        ) / size + bound.gap
        found.append(Certificate(max(over, 0.0), program.infeasibility(weights), 0.0))
        best = min(found, key=lambda certificate: certificate.gap)
        return Answer(weights, best, least.iterations + self.iterations, risk_aversion)


def _reaching(program: Program, short: FloatArray, enough: FloatArray, floor: float) -> FloatArray:
    """Return the mix of two portfolios that just reaches the floor; net return is concave between
    them.
    """
    if program.net_return(short) >= floor:
        return short
    low, high = 0.0, 1.0
    for _ in range(100):
        middle = 0.5 * (low + high)
        mixed = short + middle * (enough - short)
        low, high = (low, middle) if program.net_return(mixed) >= floor else (middle, high)
    return short + high * (enough - short)


def _no_gain(largest: float) -> NoGain:
    return NoGain(
        "the ratio needs a portfolio with a positive expected return net of fees (and above "
        f"minimum_acceptable_return); the largest is {largest:.3g}; hold cash instead, or use "
        "objective='utility'"
    )


def _best_between(
    worth: Callable[[FloatArray], float], first: FloatArray, second: FloatArray
) -> FloatArray:
    """Return the best mix of two portfolios (golden section; the function is quasi-concave between
    them).
    """
    low, high = 0.0, 1.0
    for _ in range(90):
        left, right = low + 0.381966 * (high - low), low + 0.618034 * (high - low)
        if worth(first + left * (second - first)) >= worth(first + right * (second - first)):
            high = right
        else:
            low = left
    candidates = [first, second, first + 0.5 * (low + high) * (second - first)]
    return max(candidates, key=worth)

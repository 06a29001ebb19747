"""The three forms of the problem, each as one or a few utility problems, and each with its own
certificate.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from statarb._core.typing import FloatArray
from statarb.errors import DataError, InfeasibleError
from statarb.optimization.certificate import (
    Certificate,
    best_linear,
    certify_min_risk,
    certify_ratio,
    certify_utility,
    negligible,
)
from statarb.optimization.program import Objective, Program
from statarb.optimization.solver import ACCURACY, FastSolver, UtilityPoint

__all__ = ["Answer", "NoGain", "solve_form"]


class NoGain(DataError):
    """The ratio form has no portfolio that gains anything."""


@dataclasses.dataclass(frozen=True, eq=False)
class Answer:
    """A portfolio and what is proven about it.

    Parameters
    ----------
    weights : (N,)
        The portfolio.
    certificate : Certificate
        Gap, infeasibility and the budget's price.
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


def solve_form(
    program: Program,
    objective: Objective,
    solver: FastSolver,
    *,
    start: FloatArray | None = None,
    risk_aversion: float | None = None,
    verify: bool = True,
) -> Answer:
    """Solve one form on the fast path.

    Parameters
    ----------
    program : Program
        The problem.
    objective : {"utility", "ratio", "min_risk"}
        The form.
    solver : FastSolver
        Holds the program's histories.
    start : (N,), optional
        Weights to start from.
    risk_aversion : float, optional
        For the ratio and the floor: a guess of the lambda of the solution.
    verify : bool
        Compute the gap anew from the problem alone. Else the utility form passes on what the
        solver's pricing proved; the other forms are always verified.
    """
    if objective == "utility" or (objective == "min_risk" and program.return_floor is None):
        return _utility(program, solver, start, verify)
    if objective == "ratio":
        return _Ratio(program, solver).solve(start, risk_aversion)
    return _Floor(program, solver).solve(start, risk_aversion)


def _utility(
    program: Program, solver: FastSolver, start: FloatArray | None, verify: bool
) -> Answer:
    point = _point(program, solver, start)
    if verify or program.risk_aversion == 0.0 or point.group_prices is not None:
        certificate = certify_utility(program, point.weights, point.price, point.group_prices)
        if certificate.gap > ACCURACY:
            other = certify_utility(program, point.weights, None, point.group_prices)
            certificate = min(certificate, other, key=lambda each: each.gap)
    else:
        certificate = Certificate(point.gap, program.infeasibility(point.weights), point.price)
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
    if program.invested >= 1.0 and not program.fee_in_budget:
        return solver.solve(program, start=start, invested=program.invested, accuracy=accuracy)
    point = solver.solve(program, start=start, accuracy=accuracy)
    if float(point.weights.sum()) < program.invested - 1e-12 and not program.fee_in_budget:
        again = solver.solve(
            program, start=point.weights, invested=program.invested, accuracy=accuracy
        )
        return dataclasses.replace(again, iterations=point.iterations + again.iterations)
    return point


class _Family:
    """Utility problems that differ in lambda alone: the frontier, on which the other forms'
    solutions lie.
    """

    def __init__(self, program: Program, solver: FastSolver) -> None:
        self.program, self.solver = program, solver
        self.iterations = 0
        self.last: FloatArray | None = None
        self.group_prices: FloatArray | None = None

    def at(self, risk_aversion: float) -> FloatArray:
        point = _point(
            self.program.replace(risk_aversion=risk_aversion),
            self.solver,
            self.last,
            0.01 * ACCURACY,
        )
        self.iterations += point.iterations
        self.last = point.weights
        self.group_prices = point.group_prices
        return point.weights

    def first_guess(self) -> float:
        """Return lambda at which the best single asset would be held in full."""
        program = self.program
        size = self.solver.squares / program.histories.shape[1]
        if program.scale is not None:
            size = size * program.scale**2
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
        # Illinois: the end that stays twice counts half
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

    Where w solves the utility problem with lambda = (net(w) - mar) / (2 downside(w)), w has the
    largest ratio: the conditions of both problems are then the same (as in Dinkelbach 1967, with
    the square of the deviation). The function searched is the logarithm of the two sides' quotient.
    """

    def solve(self, start: FloatArray | None, guess: float | None) -> Answer:
        program = self.program
        self.last = start
        rays = self._scale_free()
        if not (rays and ((program.expected_return > program.fee) & (program.upper > 0.0)).any()):
            top, _ = best_linear(program, program.expected_return)
            if program.net_return(top) - program.mar <= 0.0:
                raise _no_gain(program.net_return(top) - program.mar)
        if rays:
            answer = self._ray(guess)
            if answer is not None:
                return answer
        return self._search(guess)

    def _scale_free(self) -> bool:
        program = self.program
        free_of_fees = program.fee == 0.0 or not program.previous.any()
        return (
            program.mar == 0.0
            and free_of_fees
            and not program.lower.any()
            and program.paid == 0.0
            and program.group is None
        )

    def _ray(self, guess: float | None) -> Answer | None:
        """Solve without budget and caps, which only cut a ray of solutions; ``None`` where they cut
        all of it off.
        """
        program = self.program
        gain = program.expected_return - program.fee
        upper = np.where(program.upper > 0.0, 1.0, 0.0)
        wide = program.replace(
            expected_return=gain,
            fee=0.0,
            upper=upper,
            previous=np.zeros(program.assets),
            invested=0.0,
            return_floor=None,
        )
        family = _Family(wide, self.solver)
        family.last = None if self.last is None else 0.5 * self.last
        risk_aversion = 4.0 * self.first_guess() if guess is None else 2.0 * guess
        weights = family.at(risk_aversion)
        for _ in range(24):
            if float(weights.sum()) < 1.0 - 1e-9:
                break
            if wide.downside(weights) == 0.0:
                return self._infinite(weights, family.iterations)
            risk_aversion *= 4.0
            weights = family.at(risk_aversion)
        total = float(weights.sum())
        if not total > 0.0:
            return None
        weights = weights / total
        over = float(np.max(weights / np.where(program.upper > 0.0, program.upper, 1.0)))
        if over > 1.0 + 1e-15:
            if program.invested > 1.0 / over:
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
            gain, downside = program.net_return(weights) - program.mar, program.downside(weights)
            if gain <= 0.0:
                return -math.inf
            return (
                math.inf if downside == 0.0 else math.log(gain / (2.0 * downside * risk_aversion))
            )

        low, high = search(mismatch, self.first_guess() if guess is None else guess, flat=1e-14)
        if max(map(program.net_return, seen.values())) <= program.mar:
            raise _no_gain(max(map(program.net_return, seen.values())) - program.mar)
        free = [
            weights
            for weights in seen.values()
            if program.downside(weights) == 0.0 and program.net_return(weights) > program.mar
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
        most *= 1.0 if program.scale is None else float(np.max(program.scale)) ** 2
        if downside <= 1e-16 * most and downside <= 1e-11 * negligible(
            program.replace(risk_aversion=1.0)
        ):
            return self._infinite(weights, self.iterations)
        risk_aversion = (program.net_return(weights) - program.mar) / (2.0 * downside)
        certificate = certify_ratio(program, weights, self.group_prices)
        for least_deviation in (self._least_known, self._least_deviation):
            if certificate.gap > 1e-10:
                certificate = certify_ratio(program, weights, self.group_prices, least_deviation())
        return Answer(weights, certificate, self.iterations, risk_aversion, "", downside)

    def _still(self) -> Program:
        """Return the problem of the least downside among the portfolios that have to be looked at
        for a larger ratio.
        """
        still = self.program.replace(
            expected_return=np.zeros(self.program.assets), fee=0.0, risk_aversion=1.0
        )
        if not self._scale_free():
            return still
        # of every ray of portfolios the one that is fully invested, and in nothing that is as good
        # as cash and no better
        dead = self.solver.squares <= 1e-13 * self.solver.peak
        dead &= self.program.expected_return <= self.program.fee
        dead[dead] = ~self.program.histories[dead].any(axis=1)
        return still.replace(upper=np.where((still.upper > 0.0) & ~dead, 1.0, 0.0), invested=1.0)

    def _least_known(self) -> float:
        """Return a lower bound of every portfolio's deviation by the shortfalls s of an earlier
        portfolio of least risk; or 0.

        For any s >= 0, Cauchy and Schwarz give deviation(v) >= sum_t p_t s_t (mar - r_t'v) /
        sqrt(sum_t p_t s_t^2).
        """
        program, missed = self.program, self.solver.calm
        if missed is None:
            return 0.0
        pull = program.scenario_weights * missed
        size = math.sqrt(float(pull @ missed))
        if not size > 0.0:
            return 0.0
        gain = program.histories @ pull * (1.0 if program.scale is None else program.scale)
        best, _ = best_linear(self._still(), gain)
        return max(0.0, (program.mar * float(pull.sum()) - float(gain @ best)) / size)

    def _least_deviation(self) -> float:
        """Return a certified lower bound of the downside deviation of every portfolio that has to
        be looked at.
        """
        still = self._still()
        point = _point(still, self.solver, None)
        self.iterations += point.iterations
        gap = certify_utility(still, point.weights, point.price, point.group_prices).gap
        self.solver.calm = still.shortfall(point.weights)
        # the gap is relative to the risk, as long as that is not negligible
        risk, unit = still.downside(point.weights), negligible(still)
        least = risk - gap * max(risk, unit)
        if least <= 1e-5 * unit:
            # a portfolio without risk: look at those alone that gain something
            answer = _Floor(self.program.replace(return_floor=self.program.mar), self.solver).solve(
                None, None
            )
            self.iterations += answer.iterations
            least = self.program.downside(answer.weights) * (1.0 - answer.certificate.gap)
        return math.sqrt(max(least, 0.0))

    def _infinite(self, weights: FloatArray, iterations: int) -> Answer:
        certificate = Certificate(0.0, self.program.infeasibility(weights), 0.0)
        reason = (
            "the ratio is infinite: this portfolio gains on average and is below mar in no scenario"
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
        top, _ = best_linear(program, program.expected_return)
        if program.net_return(top) < floor - 1e-15:
            raise InfeasibleError(
                f"no portfolio has a net expected return of {floor:.6g}; the largest possible is "
                f"{program.net_return(top):.6g}; lower return_floor, or loosen caps and max_trade"
            )
        self.last = start
        still = program.replace(
            expected_return=np.zeros(program.assets), fee=0.0, risk_aversion=1.0, return_floor=None
        )
        calm = _point(still, self.solver, start)
        if program.net_return(calm.weights) >= floor and program.cash(calm.weights) >= -1e-15:
            certificate = dataclasses.replace(
                certify_utility(still, calm.weights, None, calm.group_prices),
                infeasibility=program.infeasibility(calm.weights),
            )
            return Answer(calm.weights, certificate, calm.iterations, math.inf)
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
        prices = {risk_aversion, high} - {math.inf}
        found = [
            certify_min_risk(program, weights, price, None, self.group_prices)
            for price in sorted(prices)
        ]
        # the least risk without the floor bounds the risk with it
        bound = certify_utility(still, calm.weights, None, calm.group_prices)
        size = max(still.downside(calm.weights), negligible(still), 1e-300)
        over = (program.downside(weights) - still.downside(calm.weights)) / size + bound.gap
        found.append(Certificate(max(over, 0.0), program.infeasibility(weights), 0.0))
        best = min(found, key=lambda certificate: certificate.gap)
        return Answer(weights, best, calm.iterations + self.iterations, risk_aversion)


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
        "the ratio form needs a portfolio with a positive expected return net of fees (and above "
        "mar); the largest is "
        f"{largest:.3g}; hold cash instead, or use objective='utility'"
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

"""Ornstein-Uhlenbeck process: exact fit, forecasts, and the thresholds at which trading it pays
most.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pandas as pd
from scipy.integrate import cumulative_simpson, simpson
from scipy.optimize import brentq
from scipy.special import dawsn, erfi, log_ndtr

from statarb._core.checks import check_integer, check_number
from statarb._core.typing import FloatArray
from statarb.cointegration.inputs import as_series
from statarb.errors import DataError, ParameterError

__all__ = ["OrnsteinUhlenbeck", "Thresholds", "fit_ou"]


@dataclasses.dataclass(frozen=True, eq=False)
class OrnsteinUhlenbeck:
    """``dX = speed (mean - X) dt + sigma dW``, observed once a step.

    Parameters
    ----------
    mean : float
        Level that the process returns to.
    speed : float
        Per step; 0 or less where the sample does not revert, ``inf`` where one step takes back all
        or more.
    sigma : float
        Per square root of a step; NaN where ``speed`` is not a positive finite number.
    autoregression : float
        ``exp(-speed)``: coefficient of the first-order autoregression that the steps follow
        exactly.
    residual_sd : float
        Standard deviation of a step's surprise.
    standard_errors : Series
        Of ``mean``, ``speed``, ``sigma`` and ``autoregression``; NaN where the process does not
        revert.
    observations : int
        Steps that the fit used.
    """

    mean: float
    speed: float
    sigma: float
    autoregression: float
    residual_sd: float
    standard_errors: pd.Series
    observations: int

    @classmethod
    def of(cls, mean: float, speed: float, sigma: float) -> OrnsteinUhlenbeck:
        """Make a process of known parameters; standard errors are 0."""
        mean = check_number("mean", mean)
        speed = check_number("speed", speed, above=0.0)
        sigma = check_number("sigma", sigma, above=0.0)
        sd = sigma * math.sqrt(-math.expm1(-2.0 * speed) / (2.0 * speed))
        return cls(mean, speed, sigma, math.exp(-speed), sd, pd.Series(0.0, index=_PARAMETERS), 0)

    @property
    def reverts(self) -> bool:
        """Whether the speed is a positive finite number."""
        return 0.0 < self.speed < math.inf

    @property
    def half_life(self) -> float:
        """Steps until half of a deviation is expected to be gone; inf where the process does not
        revert.
        """
        if self.speed <= 0.0:
            return math.inf
        return math.log(2.0) / self.speed

    @property
    def stationary_sd(self) -> float:
        """Standard deviation in the long run; NaN where there is none."""
        return self.sigma / math.sqrt(2.0 * self.speed) if self.reverts else math.nan

    def expected_change(self, value: Any, steps: int = 1) -> Any:
        """Expected change over ``steps`` from ``value`` on: ``(autoregression^steps - 1) (value -
        mean)``.

        0 where the process does not revert.
        """
        steps = check_integer("steps", steps, at_least=0)
        share = self.autoregression**steps - 1.0 if self.autoregression < 1.0 else 0.0
        return share * (value - self.mean)

    def simulate(
        self, steps: int, *, seed: int | np.random.Generator, start: float | None = None
    ) -> FloatArray:
        """Draw a path of ``steps`` values, from ``start`` (not part of it) or from the long-run
        distribution.

        Raises
        ------
        ParameterError
            Where the process does not revert.
        """
        self._must_revert()
        steps = check_integer("steps", steps, at_least=1)
        random = np.random.default_rng(seed)
        shocks = self.residual_sd * random.standard_normal(steps)
        deviation = (
            self.stationary_sd * random.standard_normal() if start is None else start - self.mean
        )
        path = np.empty(steps)
        for t in range(steps):
            deviation = self.autoregression * deviation + shocks[t]
            path[t] = deviation
        return path + self.mean

    def thresholds(self, cost: float) -> Thresholds:
        """Entry and exit that earn most per step, net of the cost of a round trip.

        Parameters
        ----------
        cost : float
            Of buying and selling the spread once, in its own unit (a share of the value traded, for
            log prices): for a pair with weights w and a fee on turnover, ``2 fee sum |w|``.

        Raises
        ------
        ParameterError
            Where the process does not revert.

        Notes
        -----
        Bertram (2010), Physica A 389, 2234-2243: buy at ``mean - a``, sell at ``mean + a``. A cycle
        takes
        ``2 pi / speed erfi(a sqrt(speed) / sigma)`` steps on average and earns ``2 a - cost``. The
        best ``z = a sqrt(speed) / sigma`` solves ``z - D(z) = cost sqrt(speed) / (2 sigma)``, with
        D Dawson's integral: the
        derivative of the ratio, divided by ``exp(z^2)``. The variance of a cycle is twice that of
        one passage, from its moments
        (Siegert 1951, Phys. Rev. 81, 617-623).
        """
        self._must_revert()
        cost = check_number("cost", cost, above=0.0)
        unit = self.sigma / math.sqrt(self.speed)
        target = 0.5 * cost / unit
        z = float(
            brentq(
                lambda trial: trial - float(dawsn(trial)) - target,
                0.0,
                target + 1.0,
                xtol=1e-15,
                rtol=1e-14,
            )
        )
        with np.errstate(over="ignore"):
            length = 2.0 * math.pi / self.speed * float(erfi(z))
        gain = 2.0 * z * unit - cost
        variance = 2.0 * _passage_variance(z * math.sqrt(2.0)) / self.speed**2
        return Thresholds(
            entry=self.mean - z * unit,
            exit=self.mean + z * unit,
            cost=cost,
            gain=gain,
            cycle=length,
            cycle_sd=math.sqrt(variance),
            gain_per_step=gain / length,
            variance_per_step=gain**2 * variance / length**3 if math.isfinite(length) else math.nan,
        )

    def _must_revert(self) -> None:
        if not self.reverts:
            raise ParameterError(
                f"the process does not revert (speed {self.speed:g} a step): it has no long-run "
                "distribution and no thresholds"
            )


_PARAMETERS = ["mean", "speed", "sigma", "autoregression"]


@dataclasses.dataclass(frozen=True)
class Thresholds:
    """When to buy and to sell a mean-reverting spread.

    Parameters
    ----------
    entry, exit : float
        Levels of the spread: buy at or below ``entry``, sell at or above ``exit``. A short trade
        does the reverse.
    cost : float
        Of a round trip, in the unit of the spread.
    gain : float
        Of a cycle, net of cost.
    cycle, cycle_sd : float
        Mean and standard deviation of the steps from one entry to the next. ``inf`` where costs are
        so high that a cycle never comes round.
    gain_per_step, variance_per_step : float
        Long-run mean and variance of the gain a step.
    """

    entry: float
    exit: float
    cost: float
    gain: float
    cycle: float
    cycle_sd: float
    gain_per_step: float
    variance_per_step: float


def _passage_variance(z: float) -> float:
    """Variance of the time that ``dx = -x dt + sqrt(2) dW`` takes from -z to z."""
    if z > 25.0:
        return math.inf
    nodes = 100_001
    grid = np.concatenate([np.linspace(-z - 12.0, -z, nodes)[:-1], np.linspace(-z, z, nodes)])
    # E[T(x -> z)] = integral from x to z of exp(u^2/2) times the normal integral up to u
    ratio = np.exp(0.5 * grid**2 + log_ndtr(grid)) * math.sqrt(2.0 * math.pi)
    passed = cumulative_simpson(ratio, x=grid, initial=0.0)
    first = passed[-1] - passed
    inner = cumulative_simpson(np.exp(-0.5 * grid**2) * first, x=grid, initial=0.0)
    inside = slice(nodes - 1, None)
    second = 2.0 * float(simpson(np.exp(0.5 * grid[inside] ** 2) * inner[inside], x=grid[inside]))
    return second - float(first[nodes - 1]) ** 2


def fit_ou(values: Any) -> OrnsteinUhlenbeck:
    """Fit an Ornstein-Uhlenbeck process by maximum likelihood given the first value.

    Parameters
    ----------
    values : Series or array
        The spread, one value a step. Missing values are left out, the value before the hole is the
        one before.

    Raises
    ------
    DataError
        Fewer than 10 values, a constant series, infinite values.

    Notes
    -----
    The steps are a first-order autoregression, exactly, so that least squares is maximum
    likelihood; no discretisation error.
    Standard errors by the delta method. Short samples overstate the speed (Kendall 1954, Biometrika
    41, 403-404): by about
    ``(1 + 3 b) / n`` in the autoregression b.
    """
    series = as_series("values", values).dropna().to_numpy()
    if len(series) < 10:
        raise DataError(f"a process is fitted to at least 10 values, got {len(series)}")
    if np.ptp(series) == 0.0:
        raise DataError("the values are constant; there is no process to fit")
    before, now = series[:-1], series[1:]
    steps = len(now)
    centre = float(before.mean())
    left = before - centre
    square = float(left @ left)
    b = float(left @ now) / square
    level = float(now.mean())  # fitted value at the centre; independent of b
    surprise = now - level - b * left
    variance = float(surprise @ surprise) / steps
    speed = -math.log(b) if b > 0.0 else math.inf
    mean = centre + (level - centre) / (1.0 - b) if b != 1.0 else math.nan
    errors = pd.Series(np.nan, index=_PARAMETERS)
    sigma = math.nan
    error_b = math.sqrt(variance / square)
    errors["autoregression"] = error_b
    if 0.0 < b < 1.0:
        sigma = math.sqrt(variance * 2.0 * speed / (1.0 - b * b))
        slope = 1.0 / (b * math.log(b)) + 2.0 * b / (1.0 - b * b)  # of log sigma^2 in b
        errors["speed"] = error_b / b
        errors["sigma"] = 0.5 * sigma * math.sqrt(2.0 / steps + (slope * error_b) ** 2)
        errors["mean"] = math.sqrt(
            variance / steps + ((level - centre) / (1.0 - b) * error_b) ** 2
        ) / (1.0 - b)
    return OrnsteinUhlenbeck(mean, speed, sigma, b, math.sqrt(variance), errors, steps)

"""Ornstein-Uhlenbeck process: exact fit, forecasts, and optimal trading thresholds."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.optimize import brentq, minimize_scalar
from scipy.signal import lfilter
from scipy.special import dawsn, erfi

from statarb._core.checks import check_choice, check_integer, check_number
from statarb._core.numeric import varies
from statarb._core.typing import FloatArray
from statarb.cointegration._engine.passages import OVERSHOOT, passage_variance, watched_cycle
from statarb.cointegration.inputs import as_series
from statarb.errors import DataError, ParameterError

__all__ = ["OrnsteinUhlenbeck", "Thresholds", "fit_ou"]

RAREST = 7.0
"""Thresholds farther out than this, in stationary standard deviations, make cycles of 3e10 / speed
steps and more, which are given as infinite.
"""
SLOW, SLOWEST = 2e-4, 1e-6
"""Speeds per step below which Bertram's thresholds need no more than the correction for steps (1e-4
of a stationary standard deviation), and below which his other figures do not either.
"""


@dataclasses.dataclass(frozen=True, eq=False)
class OrnsteinUhlenbeck:
    r"""Ornstein-Uhlenbeck process observed once per step.

    .. math:: dX = \kappa\,(\theta - X)\, dt + \sigma\, dW

    Parameters
    ----------
    mean : float
        Level theta that the process returns to.
    speed : float
        kappa, per step; 0 or less where the sample does not revert, ``inf`` where one step takes
        back all or more.
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
        """Make a process of known parameters.

        Parameters
        ----------
        mean, speed, sigma : float
            As above; ``speed`` and ``sigma`` above 0.

        Returns
        -------
        OrnsteinUhlenbeck
            With standard errors of 0, and no observations.

        Raises
        ------
        ParameterError
            A number outside its range.
        """
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
        r"""Expected change over ``steps`` from ``value`` on.

        Parameters
        ----------
        value : float or array
            Where the process is.
        steps : int
            Horizon.

        Returns
        -------
        float or array
            :math:`(b^h - 1)\,(x - \theta)` for h steps, with the autoregression b; 0 where the
            process does not revert.
        """
        steps = check_integer("steps", steps, at_least=0)
        share = self.autoregression**steps - 1.0 if self.autoregression < 1.0 else 0.0
        return share * (value - self.mean)

    def simulate(
        self, steps: int, *, seed: int | np.random.Generator, start: float | None = None
    ) -> FloatArray:
        """Draw a path.

        Parameters
        ----------
        steps : int
            Values.
        seed : int or Generator
            Of the draws.
        start : float, optional
            Value before the first one; by default drawn from the long-run distribution.

        Returns
        -------
        (steps,)

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
        path, _ = lfilter(
            [1.0], [1.0, -self.autoregression], shocks, zi=[self.autoregression * deviation]
        )
        return np.asarray(path + self.mean)

    def thresholds(
        self, cost: float, *, watched: Literal["steps", "continuously"] = "steps"
    ) -> Thresholds:
        r"""Entry and exit that earn most per step, net of the cost of a round trip.

        Parameters
        ----------
        cost : float
            Of buying and selling the spread once, in its own unit (a share of the value traded, for
            log prices): for a pair with weights w and a fee on turnover, ``2 fee sum |w|``.
        watched : {"steps", "continuously"}
            ``"steps"``: the process is looked at, and traded, once per step, so that a trade is
            made at the first step beyond the threshold. ``"continuously"``: Bertram's figures, for
            a process that is watched all the time and traded at the threshold itself; his cycles
            are too short for data in steps, the more so the faster the process reverts (a half-life
            of 14 steps: a third).

        Returns
        -------
        Thresholds

        Raises
        ------
        ParameterError
            Where the process does not revert, or a cost of 0 or less.

        Notes
        -----
        Watched continuously (Bertram 2010, Physica A 389, 2234-2243): buy at :math:`\theta - a`,
        sell at :math:`\theta + a`. A cycle takes

        .. math:: \frac{2 \pi}{\kappa}\, \mathrm{erfi}(z), \qquad z = a \sqrt{\kappa} / \sigma,

        steps on average and earns :math:`2 a - c`. With Dawson's integral D, the derivative of the
        ratio, divided by :math:`\exp(z^2)`, gives the best z as the solution of

        .. math:: z - D(z) = c \sqrt{\kappa} / (2 \sigma) .

        The variance of a cycle is twice that of one passage.

        Watched once per step, lengths of cycles, the levels at which trades are made and the
        variances solve integral equations of the autoregression (numerically, to about 1e-8), and
        the best threshold is searched for. For slow processes it is that of Bertram less .58
        standard deviations of a step (Broadie, Glasserman and Kou 1997, Math. Finance 7, 325-349).
        """
        self._must_revert()
        cost = check_number("cost", cost, above=0.0)
        check_choice("watched", watched, ("steps", "continuously"))
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
        if watched == "steps" and math.sqrt(2.0) * z <= RAREST and self.speed >= SLOWEST:
            return self._watched_thresholds(cost, math.sqrt(2.0) * z)
        with np.errstate(over="ignore"):
            length = 2.0 * math.pi / self.speed * float(erfi(z))
        variance = 2.0 * passage_variance(z * math.sqrt(2.0)) / self.speed**2
        threshold = z * unit
        if watched == "steps":
            threshold = max(threshold - OVERSHOOT * self.residual_sd, 0.0)
            if math.sqrt(2.0) * z > RAREST:
                length = variance = math.inf
        gain = 2.0 * z * unit - cost
        return Thresholds(
            entry=self.mean - threshold,
            exit=self.mean + threshold,
            cost=cost,
            gain=gain,
            cycle=length,
            cycle_sd=math.sqrt(variance),
            gain_per_step=gain / length,
            variance_per_step=gain**2 * variance / length**3 if math.isfinite(length) else math.nan,
            watched=watched,
        )

    def _watched_thresholds(self, cost: float, most: float) -> Thresholds:
        """Thresholds of a process watched once per step; ``most``, in stationary standard
        deviations, is the best one of a process watched all the time, which bounds the search.
        """
        sd = self.stationary_sd
        share = cost / sd
        threshold = max(most - OVERSHOOT * self.residual_sd / sd, 0.0)

        def loss(threshold: float) -> float:
            cycle = watched_cycle(threshold, self.autoregression, share)
            return -(2.0 * cycle.level - share) / cycle.length

        if self.speed >= SLOW:
            found = minimize_scalar(
                loss, bounds=(0.0, most), method="bounded", options={"xatol": 1e-5}
            )
            threshold = float(found.x)
        cycle = watched_cycle(threshold, self.autoregression, share)
        gain = (2.0 * cycle.level - share) * sd
        return Thresholds(
            entry=self.mean - threshold * sd,
            exit=self.mean + threshold * sd,
            cost=cost,
            gain=gain,
            cycle=cycle.length,
            cycle_sd=cycle.length_sd,
            gain_per_step=gain / cycle.length,
            variance_per_step=cycle.gain_variance * sd**2,
            watched="steps",
        )

    def _must_revert(self) -> None:
        if not self.reverts:
            raise ParameterError(
                f"the process does not revert (speed {self.speed:g} per step): it has no long-run "
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
        Mean gain per cycle, net of cost; with what a step goes beyond the thresholds where they are
        watched once per step.
    cycle, cycle_sd : float
        Mean and standard deviation of the steps from one entry to the next. ``inf`` where costs are
        so high that a cycle takes 3e10 / speed steps or more.
    gain_per_step, variance_per_step : float
        Long-run mean and variance of the gain per step.
    watched : {"steps", "continuously"}
        How often the spread is looked at, which all figures depend on.
    """

    entry: float
    exit: float
    cost: float
    gain: float
    cycle: float
    cycle_sd: float
    gain_per_step: float
    variance_per_step: float
    watched: str


def fit_ou(values: Any) -> OrnsteinUhlenbeck:
    r"""Fit an Ornstein-Uhlenbeck process by maximum likelihood given the first value.

    Parameters
    ----------
    values : Series or array
        The spread, one value per step. Missing values are left out: the value before a gap is the
        one before.

    Returns
    -------
    OrnsteinUhlenbeck

    Raises
    ------
    DataError
        Fewer than 10 values, a series that is constant but for rounding, infinite values, a
        duplicated time.

    Notes
    -----
    The steps are a first-order autoregression, exactly, so that least squares is maximum
    likelihood; no discretisation error:

    .. math::

        X_{t+1} - \theta = b\,(X_t - \theta) + \varepsilon_t, \qquad b = e^{-\kappa}, \qquad
        \mathrm{var}\, \varepsilon = \frac{\sigma^2}{2 \kappa}\,(1 - b^2) .

    Standard errors by the delta method. Short samples overstate the speed (Kendall 1954, Biometrika
    41, 403-404): by about :math:`(1 + 3 b) / n` in the autoregression b.
    """
    series = as_series("values", values).dropna().to_numpy()
    if len(series) < 10:
        raise DataError(f"a process is fitted to at least 10 values, got {len(series)}")
    if not varies(series):
        raise DataError("the values are constant; there is no process to fit")
    before, now = series[:-1], series[1:]
    steps = len(now)
    centre = float(before.mean())
    left = before - centre
    square = float(left @ left)
    b = float(left @ now) / square
    level = float(now.mean())  # fitted value at the centre, whatever b is
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

"""Volatility models of arch: EGARCH, APARCH, FIGARCH, HAR, ..., described and fitted to one
series.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from statarb._core.checks import check_choice, check_integer, check_number
from statarb._core.typing import FloatArray
from statarb.errors import ParameterError
from statarb.volatility.estimation import FITTED, STATUS

__all__ = ["DISTRIBUTIONS", "MODELS", "ArchModel", "SeriesFit"]

DISTRIBUTIONS = {
    "normal": "Normal",
    "t": "StudentsT",
    "skewt": "SkewStudent",
    "ged": "GeneralizedError",
}
MEANS = {"constant": "ConstantMean", "zero": "ZeroMean"}
# arch's classes by the name used here: the first argument is arch.univariate, which takes long to
# import.
VOLATILITIES: dict[str, Callable[[Any, ArchModel], Any]] = {
    "constant": lambda arch, f: arch.ConstantVariance(),
    "arch": lambda arch, f: arch.ARCH(f.p),
    "garch": lambda arch, f: arch.GARCH(f.p, f.o or 0, f.q, power=f.power or 2.0),
    "gjr": lambda arch, f: arch.GARCH(f.p, 1 if f.o is None else f.o, f.q, power=f.power or 2.0),
    "tarch": lambda arch, f: arch.GARCH(f.p, 1 if f.o is None else f.o, f.q, power=f.power or 1.0),
    "egarch": lambda arch, f: arch.EGARCH(f.p, 1 if f.o is None else f.o, f.q),
    "aparch": lambda arch, f: arch.APARCH(f.p, 1 if f.o is None else f.o, f.q, delta=f.power),
    "figarch": lambda arch, f: arch.FIGARCH(f.p, f.q, power=f.power or 2.0),
    "harch": lambda arch, f: arch.HARCH(list(f.lags or (1, 12, 72))),
    "midas": lambda arch, f: arch.MIDASHyperbolic(max(f.lags or (22,)), asym=bool(f.o)),
    "ewma": lambda arch, f: arch.EWMAVariance(f.decay),
    "riskmetrics": lambda arch, f: arch.RiskMetrics2006(),
}
MODELS = (*VOLATILITIES, "har")
HAR_LAGS = (1, 12, 288)
"""A bar, an hour and a day of 5-minute bars."""


@dataclasses.dataclass(frozen=True, eq=False)
class SeriesFit:
    """Fit of one series.

    Parameters
    ----------
    status : str
        ``"converged"``, or the reason why there is no usable fit.
    names, params : tuple of str, array
        Names and values of the parameters; empty without a fit.
    loglikelihood : float
        Of the returns in their own scale.
    scale : float
        Standard deviation by which the series was divided.
    observed : array
        The returns fitted, divided by the scale.
    """

    status: str
    names: tuple[str, ...]
    params: FloatArray
    loglikelihood: float
    scale: float
    observed: FloatArray

    @property
    def converged(self) -> bool:
        """Whether there is a usable fit."""
        return self.status == STATUS[FITTED]


@dataclasses.dataclass(frozen=True)
class ArchModel:
    """Description of a model of arch, and the computations for one series.

    Parameters
    ----------
    model, distribution, mean : str
    p, q : int
    o : int or None
    power : float or None
    lags : tuple of int or None
    decay : float or None
    simulations, seed : int
        All as in :func:`~statarb.volatility.arch_forecaster`.
    """

    model: str = "egarch"
    distribution: str = "normal"
    mean: str = "constant"
    p: int = 1
    o: int | None = None
    q: int = 1
    power: float | None = None
    lags: tuple[int, ...] | None = None
    decay: float | None = 0.94
    simulations: int = 1000
    seed: int = 0

    def __post_init__(self) -> None:
        """Check every value once."""
        check_choice("model", self.model, MODELS)
        check_choice("distribution", self.distribution, tuple(DISTRIBUTIONS))
        check_choice("mean", self.mean, tuple(MEANS))
        check_integer("p", self.p, at_least=1)
        check_integer("q", self.q, at_least=0)
        if self.o is not None:
            check_integer("o", self.o, at_least=0)
        if self.power is not None:
            check_number("power", self.power, above=0.0)
        if self.decay is not None:
            check_number("decay", self.decay, above=0.0, below=1.0)
        if self.lags is not None:
            if len(self.lags) == 0 or list(self.lags) != sorted(set(self.lags)):
                raise ParameterError(
                    f"lags must be increasing positive integers, got {self.lags!r}"
                )
            for lag in self.lags:
                check_integer("lags", lag, at_least=1)
        check_integer("simulations", self.simulations, at_least=1)
        check_integer("seed", self.seed, at_least=0)

    def fit_one(self, x: FloatArray, scale: float, code: int) -> SeriesFit:
        """Fit one series.

        Parameters
        ----------
        x : (observations,)
            Returns of unit variance.
        scale : float
            Standard deviation that they were divided by.
        code : int
            Position in ``STATUS``: ``FITTED`` where nothing speaks against a fit.

        Returns
        -------
        SeriesFit
        """
        if code != FITTED:
            return SeriesFit(STATUS[code], (), np.zeros(0), np.nan, scale, x)
        if self.model == "har":
            lags = self.lags or HAR_LAGS
            if len(x) < max(lags) + 50:
                return SeriesFit(
                    f"too few returns for a lag of {max(lags)}", (), np.zeros(0), np.nan, scale, x
                )
            model = univariate().HARX(x**2, lags=list(lags), rescale=False)
        else:
            model = self.build(x)
        try:
            with np.errstate(all="ignore"):
                result = model.fit(disp="off", show_warning=False)
        except (ValueError, FloatingPointError, np.linalg.LinAlgError) as error:
            return SeriesFit(
                f"failed: {type(error).__name__}: {error}", (), np.zeros(0), np.nan, scale, x
            )
        status = STATUS[0] if result.convergence_flag == 0 else STATUS[1]
        fit = SeriesFit(
            status,
            tuple(result.params.index),
            result.params.to_numpy(),
            float(result.loglikelihood),
            scale,
            x,
        )
        if self.model == "har":
            # arch's likelihood is that of the squares; that of the returns themselves compares with
            # other models.
            h = self.variance_path(fit, x)[:-1]
            fit = dataclasses.replace(
                fit, loglikelihood=float(-0.5 * (np.log(2.0 * np.pi * h) + x**2 / h).sum())
            )
        return dataclasses.replace(
            fit, loglikelihood=fit.loglikelihood - len(x) * float(np.log(scale))
        )

    def build(self, x: FloatArray, seed: int = 0) -> Any:
        """Return arch's model of the series ``x``; ``seed`` is that of simulated forecasts.

        Parameters
        ----------
        x : (observations,)
            Returns of unit variance.
        seed : int
            Number of the series.

        Returns
        -------
        arch.univariate.base.ARCHModel
        """
        arch = univariate()
        distribution = getattr(arch, DISTRIBUTIONS[self.distribution])(
            seed=np.random.default_rng([self.seed, seed])
        )
        volatility = VOLATILITIES[self.model](arch, self)
        return getattr(arch, MEANS[self.mean])(
            x, volatility=volatility, distribution=distribution, rescale=False
        )

    def variance_path(self, fit: SeriesFit, x: FloatArray) -> FloatArray:
        """Return the conditional variance of each of ``x``, and of the observation after them: one
        value more than ``x`` has.

        The variance before the first observation, and arch's guards against overflow, come from the
        observations fitted, so that later ones change nothing before them.

        Parameters
        ----------
        fit : SeriesFit
            What was fitted.
        x : (observations,)
            Returns over ``fit.scale``.

        Returns
        -------
        (observations + 1,)
        """
        if self.model == "har":
            return _har_path(fit.params, self.lags or HAR_LAGS, x)
        volatility = VOLATILITIES[self.model](univariate(), self)
        mu = fit.params[0] if self.mean == "constant" else 0.0
        skip = 1 if self.mean == "constant" else 0
        centre = fit.observed.mean() if self.mean == "constant" else 0.0
        fitted = fit.observed - centre
        backcast, bounds = volatility.backcast(fitted), volatility.variance_bounds(fitted)
        more = len(x) + 1 - len(bounds)
        if more > 0:
            bounds = np.vstack(
                [bounds, np.tile([bounds[:, 0].min(), bounds[:, 1].max()], (more, 1))]
            )
        residual = np.append(x - mu, 0.0)
        parameters = fit.params[skip : skip + volatility.num_params]
        variance = np.zeros(len(residual))
        with np.errstate(all="ignore"):
            volatility.compute_variance(
                parameters,
                residual,
                variance,
                backcast,
                np.ascontiguousarray(bounds[: len(residual)]),
            )
        return variance

    def horizon_variance(
        self, fit: SeriesFit, x: FloatArray, horizon: int, seed: int
    ) -> FloatArray:
        """Return the variances of the next ``horizon`` observations after ``x``; simulated where no
        formula is known.

        Parameters
        ----------
        fit : SeriesFit
            What was fitted.
        x : (observations,)
            Returns over ``fit.scale``.
        horizon : int
            Observations ahead.
        seed : int
            Number of the series.

        Returns
        -------
        (horizon,)
        """
        ahead = np.empty(horizon)
        ahead[0] = self.variance_path(fit, x)[-1]
        if horizon == 1:
            return ahead
        if self.model == "har":
            squares = x**2
            for k in range(1, horizon):
                squares = np.append(squares, ahead[k - 1])
                ahead[k] = _har_path(fit.params, self.lags or HAR_LAGS, None, squares)[-1]
            return ahead
        fixed = self.build(x, seed).fix(fit.params)
        analytic = self.model not in ("egarch", "aparch", "tarch") and (self.power in (None, 2.0))
        with np.errstate(all="ignore"):
            table = fixed.forecast(
                horizon=horizon,
                method="analytic" if analytic else "simulation",
                simulations=self.simulations,
                reindex=False,
            ).variance
        ahead[1:] = table.to_numpy()[-1, 1:]
        return ahead


def univariate() -> Any:
    """Return arch's module of models, imported when it is first asked for."""
    import arch.univariate

    return arch.univariate


def _har_path(
    params: FloatArray,
    lags: tuple[int, ...],
    x: FloatArray | None,
    squares: FloatArray | None = None,
) -> FloatArray:
    """Return ``c + sum_k b_k mean(last lag_k squares)`` before each observation and after the last
    (Corsi, 2009, eq. 7).

    Where fewer than ``lag_k`` squares are known: the mean of those that are, or of the unit
    variance. Never below 1e-4.
    """
    rv = x**2 if x is not None else squares
    assert rv is not None
    n = len(rv)
    total = np.concatenate([[0.0], np.cumsum(rv)])
    end = np.arange(n + 1)
    path = np.full(n + 1, params[0])
    for weight, lag in zip(params[1 : 1 + len(lags)], lags, strict=True):
        begin = np.maximum(end - lag, 0)
        seen = end - begin
        mean = np.where(seen > 0, (total[end] - total[begin]) / np.maximum(seen, 1), 1.0)
        path += weight * mean
    floored: FloatArray = np.maximum(path, 1e-4)
    return floored

"""Every other volatility model: EGARCH, APARCH, FIGARCH, HAR, ... of arch, one series after the
other, behind one interface.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from joblib import Parallel, delayed

from statarb._core.checks import check_choice, check_integer, check_number
from statarb._core.typing import FloatArray
from statarb.errors import ParameterError
from statarb.volatility.arch_fit import ArchFit, SeriesFit
from statarb.volatility.estimation import FITTED, STATUS, check_jobs, prepare
from statarb.volatility.inputs import as_returns, labels_of

__all__ = ["ArchForecaster", "arch_forecaster"]

DISTRIBUTIONS = {
    "normal": "Normal",
    "t": "StudentsT",
    "skewt": "SkewStudent",
    "ged": "GeneralizedError",
}
MEANS = {"constant": "ConstantMean", "zero": "ZeroMean"}
# arch's classes by the name used here: the first argument is arch.univariate, which takes long to
# import.
VOLATILITIES: dict[str, Callable[[Any, ArchForecaster], Any]] = {
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


@dataclasses.dataclass(frozen=True)
class ArchForecaster:
    """A model of arch and how to fit it; made by :func:`arch_forecaster`.

    Parameters
    ----------
    model, distribution, mean : str
    p, q : int
    o : int or None
    power : float or None
    lags : tuple of int or None
    decay : float or None
    simulations, seed : int
        All as in :func:`arch_forecaster`.
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

    def fit(self, returns: Any, n_jobs: int = 1) -> ArchFit:
        """Fit the model to each of many series.

        Parameters
        ----------
        returns : DataFrame, Series or array, time x asset
            As for :func:`statarb.fit_garch`: NaN where missing, a series is its observed returns in
            order.
        n_jobs : int
            Processes; -1 takes all processors. The result is the same for every number.

        Returns
        -------
        ArchFit
            With the interface of :class:`statarb.volatility.GarchFit`.

        Raises
        ------
        DataError
            An infinite return, no numbers, a column twice.
        """
        values = as_returns("returns", returns)
        jobs = check_jobs(n_jobs)
        index, assets = labels_of(returns, *values.shape)
        series = prepare(values)
        observed = [
            series.values[first : first + count] + mean / scale
            for first, count, mean, scale in zip(
                series.first, series.count, series.mean, series.scale, strict=True
            )
        ]
        work = [
            (x, float(scale), int(code))
            for x, scale, code in zip(observed, series.scale, series.status, strict=True)
        ]
        if jobs == 1:
            fits = [self.fit_one(*item) for item in work]
        else:
            fits = list(Parallel(n_jobs=jobs)(delayed(self.fit_one)(*item) for item in work))
        return ArchFit(self, values, index, assets, fits)

    def fit_one(self, x: FloatArray, scale: float, code: int) -> SeriesFit:
        """Fit one series ``x`` of unit variance; ``scale`` is what it was divided by, ``code`` what
        speaks against a fit.
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
        """Return arch's model of the series ``x``; ``seed`` feeds simulated forecasts."""
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


def arch_forecaster(
    model: str = "egarch",
    distribution: Literal["normal", "t", "skewt", "ged"] = "normal",
    *,
    mean: Literal["constant", "zero"] = "constant",
    p: int = 1,
    o: int | None = None,
    q: int = 1,
    power: float | None = None,
    lags: tuple[int, ...] | None = None,
    decay: float | None = 0.94,
    simulations: int = 1000,
    seed: int = 0,
) -> ArchForecaster:
    """Describe a volatility model that arch fits, one series after the other.

    Parameters
    ----------
    model : str
        ``"egarch"`` (Nelson, 1991), ``"aparch"`` (Ding, Granger and Engle, 1993), ``"tarch"``
        (Zakoian, 1994), ``"figarch"`` (Baillie, Bollerslev and Mikkelsen, 1996), ``"harch"``
        (Mueller et al., 1997), ``"midas"``, ``"arch"``, ``"garch"``, ``"gjr"``, ``"ewma"``,
        ``"riskmetrics"`` (RiskMetrics 2006), ``"constant"``, or ``"har"``: squared returns
        regressed on their means over several lags (Corsi, 2009).
    distribution : {"normal", "t", "skewt", "ged"}
        Of the standardised residuals. HAR is a regression and has none.
    mean : {"constant", "zero"}
        Mean of the returns. HAR has a mean of zero.
    p, q : int
        Number of lags of the squared residuals and of the variance.
    o : int, optional
        Number of asymmetric lags; by default the model's usual number.
    power : float, optional
        Power of the recursion; by default the model's usual one, and estimated for APARCH.
    lags : tuple of int, optional
        Of HAR (by default 1, 12, 288: a bar, an hour, a day of 5-minute bars) and HARCH; the
        longest is MIDAS' length.
    decay : float or None
        Of EWMA; ``None`` estimates it.
    simulations, seed : int
        Paths, and their seed, where forecasts beyond one step have no formula (EGARCH, APARCH,
        TARCH).

    Returns
    -------
    ArchForecaster
        ``.fit(returns)`` gives an :class:`ArchFit` with the interface of :class:`GarchFit`;
        :func:`statarb.rolling_volatility` takes the object for ``model``.

    Raises
    ------
    ParameterError
        An unknown name, or a number outside what is allowed.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> fit = arch_forecaster("egarch").fit(rng.standard_normal((300, 1)))
    >>> fit.forecast(2).shape
    (2, 1)
    """
    return ArchForecaster(
        model,
        distribution,
        mean,
        p,
        o,
        q,
        power,
        None if lags is None else tuple(lags),
        decay,
        simulations,
        seed,
    )

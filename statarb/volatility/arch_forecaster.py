"""The public door to the volatility models of arch."""

from __future__ import annotations

import dataclasses
from typing import Any

from statarb._core.checks import check_choice
from statarb.volatility.arch_fit import ArchFit, fit_arch
from statarb.volatility.arch_models import ArchModel
from statarb.volatility.inputs import read_values, refuse_prices

__all__ = ["ArchForecaster", "arch_forecaster"]


class ArchForecaster(ArchModel):
    """A volatility model that arch fits, one series after the other.

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

    Raises
    ------
    ParameterError
        An unknown name, or a number outside the allowed range.

    Examples
    --------
    >>> import numpy as np
    >>> fit = ArchForecaster("egarch").fit(np.random.default_rng(0).standard_normal((300, 1)))
    >>> fit.forecast(2).shape
    (2, 1)
    """

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
            An infinite return, no numbers, a duplicated column or time, prices in place of returns.
        """
        refuse_prices(read_values("returns", returns))
        return fit_arch(self, returns, n_jobs)


def arch_forecaster(
    model: str = "egarch", distribution: str = "normal", **options: Any
) -> ArchForecaster:
    """Return a volatility model that arch fits, one series after the other.

    Parameters
    ----------
    model : str
        As for :class:`ArchForecaster`.
    distribution : {"normal", "t", "skewt", "ged"}
        Of the standardised residuals.
    **options
        Further parameters of :class:`ArchForecaster`: ``mean, p, o, q, power, lags, decay,
        simulations, seed``.

    Returns
    -------
    ArchForecaster
        ``.fit(returns)`` gives an :class:`ArchFit`; :func:`statarb.rolling_volatility` takes the
        object for ``model``.

    Raises
    ------
    ParameterError
        An unknown name, or a number outside the allowed range.
    """
    for given in options:
        check_choice("option", given, [field.name for field in dataclasses.fields(ArchModel)])
    if options.get("lags") is not None:
        options["lags"] = tuple(options["lags"])
    return ArchForecaster(model, distribution, **options)

"""Fits of arch's models to many series, with the interface of GarchFit."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Literal

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from threadpoolctl import threadpool_limits

from statarb._core.checks import check_choice, check_integer
from statarb._core.typing import FloatArray
from statarb.volatility.arch_models import ArchModel, SeriesFit
from statarb.volatility.estimation import check_jobs, prepare
from statarb.volatility.filters import ewma_recursion, filter_rows
from statarb.volatility.inputs import aligned_row, read_values, row_label

__all__ = ["ArchFit", "fit_arch"]


def fit_arch(model: ArchModel, returns: Any, n_jobs: int = 1) -> ArchFit:
    """Fit a model of arch to each of many series, one after the other.

    Parameters
    ----------
    model : ArchModel
        What is fitted.
    returns : DataFrame, Series or array, time x asset
        As for :func:`statarb.fit_garch`: NaN where missing, a series is its observed returns in
        order.
    n_jobs : int
        Processes; -1 takes all processors. The result is the same for every number.

    Returns
    -------
    ArchFit
        One fit per asset.

    Raises
    ------
    DataError
        An infinite return, no numbers, a duplicated column.
    """
    table = read_values("returns", returns)
    jobs = check_jobs(n_jobs)
    series = prepare(table.values)
    # Scaled and not centred: arch estimates the mean itself.
    observed = [
        series.arrays.values[first : first + count] + mean / scale
        for first, count, mean, scale in zip(
            series.arrays.first, series.count, series.mean, series.scale, strict=True
        )
    ]
    work = [
        (x, float(scale), int(code))
        for x, scale, code in zip(observed, series.scale, series.status, strict=True)
    ]
    fits = list(Parallel(n_jobs=jobs)(delayed(_fit_one)(model, *item) for item in work))
    return ArchFit(model, table.values, table.index, table.labels, fits)


def _fit_one(model: ArchModel, x: FloatArray, scale: float, code: int) -> SeriesFit:
    """Fit with one thread of linear algebra: sums split over threads would have other bits in a
    worker process than in the main one.
    """
    with threadpool_limits(1):
        return model.fit_one(x, scale, code)


class ArchFit:
    """Fitted models of arch for many series, with their volatilities; made by
    :meth:`~statarb.volatility.ArchForecaster.fit`.

    An asset without a fit has an exponentially weighted average of its squared returns for
    volatility (decay 0.94, mean zero, begun with its first square); :attr:`status` says why and
    :attr:`fallback` flags it.

    Parameters
    ----------
    forecaster : ArchModel
        What was fitted.
    returns : (rows, assets) array
        NaN where missing.
    index, assets : Index
        Labels of rows and columns.
    fits : list of SeriesFit
        One per asset.
    """

    def __init__(
        self,
        forecaster: ArchModel,
        returns: FloatArray,
        index: pd.Index,
        assets: pd.Index,
        fits: list[SeriesFit],
    ) -> None:
        self.forecaster = forecaster
        self.assets = assets
        self._fits = fits
        self._returns = returns
        self._index = index
        self._path: FloatArray | None = None

    @property
    def params(self) -> pd.DataFrame:
        """Parameters, one row per asset, of the series divided by its :attr:`scale`; NaN where
        there is no fit.
        """
        names = list(dict.fromkeys(name for fit in self._fits for name in fit.names))
        rows = [dict(zip(fit.names, fit.params, strict=True)) for fit in self._fits]
        return pd.DataFrame(rows, index=self.assets, columns=names, dtype=np.float64)

    @property
    def scale(self) -> pd.Series:
        """Standard deviation by which each series was divided before the fit."""
        return pd.Series([fit.scale for fit in self._fits], index=self.assets, name="scale")

    @property
    def loglikelihood(self) -> pd.Series:
        """Loglikelihood by asset, of the returns in their own scale."""
        return pd.Series(
            [fit.loglikelihood for fit in self._fits], index=self.assets, name="loglikelihood"
        )

    @property
    def status(self) -> pd.Series:
        """``"converged"``, or the reason why there is no usable fit."""
        return pd.Series(
            [fit.status for fit in self._fits], index=self.assets, name="status", dtype=object
        )

    @property
    def fallback(self) -> pd.Series:
        """Whether an asset's volatility is an exponentially weighted average, because it has no
        usable fit.
        """
        return pd.Series(
            [not fit.converged for fit in self._fits], index=self.assets, name="fallback"
        )

    @property
    def returns(self) -> pd.DataFrame:
        """The returns that were fitted, and those added by :meth:`update`; time x asset."""
        return pd.DataFrame(self._returns, index=self._index, columns=self.assets)

    @property
    def sigma(self) -> pd.DataFrame:
        """Conditional standard deviation of each row's return, given the rows before it; time x
        asset.

        At a row without a return: that of the next return.
        """
        return pd.DataFrame(np.sqrt(self._variances()[:-1]), index=self._index, columns=self.assets)

    @property
    def standardised_residuals(self) -> pd.DataFrame:
        """``(return - mu) / sigma``, time x asset; NaN where there is no return, or its sigma is
        zero.
        """
        sigma = np.sqrt(self._variances()[:-1])
        mu = np.array(
            [fit.params[0] * fit.scale if fit.names and fit.names[0] == "mu" and ok else 0.0
             for fit, ok in zip(self._fits, ~self.fallback.to_numpy(), strict=True)]
        )  # fmt: skip
        with np.errstate(divide="ignore", invalid="ignore"):
            residual = (self._returns - mu) / sigma
        residual[~(sigma > 0.0)] = np.nan
        return pd.DataFrame(residual, index=self._index, columns=self.assets)

    def forecast(
        self, horizon: int = 1, kind: Literal["sigma", "variance"] = "sigma"
    ) -> pd.DataFrame:
        """Forecast the volatility of each of the next returns, from all rows seen so far.

        Parameters
        ----------
        horizon : int
            Number of returns ahead.
        kind : {"sigma", "variance"}
            Standard deviations, or variances.

        Returns
        -------
        DataFrame, horizon x asset
            Index 1 to ``horizon``. Beyond one step EGARCH, APARCH and TARCH are means of simulated
            paths.
        """
        horizon = check_integer("horizon", horizon, at_least=1)
        kind = check_choice("kind", kind, ("sigma", "variance"))
        ahead = np.empty((horizon, len(self.assets)))
        ahead[:] = self._variances()[-1]
        if horizon > 1:
            for j, fit in enumerate(self._fits):
                if fit.converged:
                    x = self._returns[~np.isnan(self._returns[:, j]), j] / fit.scale
                    ahead[:, j] = (
                        self.forecaster.horizon_variance(fit, x, horizon, j) * fit.scale**2
                    )
        values = np.sqrt(ahead) if kind == "sigma" else ahead
        return pd.DataFrame(
            values, index=pd.RangeIndex(1, horizon + 1, name="horizon"), columns=self.assets
        )

    def update(self, new_row: Any, label: Hashable | None = None) -> ArchFit:
        """Append one more row of returns, with unchanged parameters. The filter runs over all rows
        again when it is next asked for.

        Parameters
        ----------
        new_row : Series, mapping or (assets,) array
            Returns by asset. NaN, or an asset that is not named, leaves the asset as it is.
        label : optional
            Label of the row; by default the Series' name, else one step after the last row.

        Returns
        -------
        ArchFit
            This object.

        Raises
        ------
        DataError
            An asset that was not fitted, an infinite return, a wrong number of values, or a time
            that is not after the last row's.
        """
        row, label = aligned_row(new_row, self.assets, label)
        self._index = self._index.append(pd.Index([row_label(self._index, label)]))
        self._returns = np.concatenate([self._returns, row])
        self._path = None
        return self

    def refit(self, returns: Any = None, n_jobs: int = 1) -> ArchFit:
        """Fit the same model again.

        Parameters
        ----------
        returns : DataFrame, Series or array, optional
            By default the rows of this fit, those added by :meth:`update` included.
        n_jobs : int
            Processes.

        Returns
        -------
        ArchFit
            A new fit.
        """
        return fit_arch(self.forecaster, self.returns if returns is None else returns, n_jobs)

    def variance_after(self, rows: Any) -> FloatArray:
        """Return the variance of the next return as known after the last row, and after each of
        ``rows``.

        Parameters
        ----------
        rows : (more, assets) array
            Further returns; may have no row.

        Returns
        -------
        (more + 1, assets) array
        """
        more = np.asarray(rows, dtype=np.float64)
        whole = np.concatenate([self._returns, more]) if len(more) else self._returns
        return self._filtered(whole)[len(self._returns) :]

    def __repr__(self) -> str:
        fits = int((~self.fallback).sum())
        return (
            f"ArchFit({self.forecaster.model}, {self.forecaster.distribution}: {fits} of "
            f"{len(self.assets)} series converged)"
        )

    def _variances(self) -> FloatArray:
        if self._path is None:
            self._path = self._filtered(self._returns)
        return self._path

    def _filtered(self, returns: FloatArray) -> FloatArray:
        """Return the variance before each row and after the last, ``(rows + 1, assets)``."""
        rows, assets = returns.shape
        path = np.full((rows + 1, assets), np.nan)
        filter_rows(returns, ewma_recursion(assets), np.full(assets, np.nan), path[1:])
        for j, fit in enumerate(self._fits):
            if fit.converged:
                seen = ~np.isnan(returns[:, j])
                variance = (
                    self.forecaster.variance_path(fit, returns[seen, j] / fit.scale) * fit.scale**2
                )
                path[:, j] = variance[np.concatenate([[0], np.cumsum(seen)])]
        return path

"""GARCH and GJR-GARCH of many series at once: fit, conditional volatility, forecasts, updates."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, Literal

import numpy as np
import pandas as pd

from statarb._core.checks import check_choice, check_integer
from statarb._core.typing import FloatArray
from statarb.errors import DataError
from statarb.volatility.estimation import (
    COLUMNS,
    FITTED,
    STATUS,
    BatchFit,
    Parameters,
    check_jobs,
    filter_parameters,
    first_variance,
    fit_array,
)
from statarb.volatility.filters import filter_rows
from statarb.volatility.inputs import aligned_row, read_returns, read_values, row_label

__all__ = ["GarchFit", "fit_garch"]

Model = Literal["garch", "gjr"]
Distribution = Literal["normal", "t"]


def fit_garch(
    returns: Any,
    model: Model = "garch",
    distribution: Distribution = "normal",
    start: GarchFit | pd.DataFrame | None = None,
    n_jobs: int = 1,
    *,
    extra_starts: int = 0,
) -> GarchFit:
    r"""Fit one GARCH(1, 1) or GJR-GARCH(1, 1, 1) to each of many series by (quasi-)maximum
    likelihood.

    Parameters
    ----------
    returns : DataFrame, Series or array, time x asset
        Log or simple returns, in any scale, of any library. NaN where missing: a series is its
        observed returns in order, so that the return after a gap follows the one before it. Rows
        with times are put in order of time.
    model : {"garch", "gjr"}
        Whether negative returns count as positive ones do (Bollerslev, 1986), or differently
        (Glosten, Jagannathan and Runkle, 1993).
    distribution : {"normal", "t"}
        Normal, or Student-t of unit variance with ``nu`` degrees of freedom.
    start : GarchFit or DataFrame, optional
        An earlier fit, or its ``params``: the search of an asset named there starts from its
        parameters alone. That is several times quicker than a cold search, but may stay at a lower
        local maximum of the likelihood.
    n_jobs : int
        Threads; -1 takes all processors. The result has the same bits for every number.
    extra_starts : int
        Number of standard starting points that are tried in addition to ``start``; -1 for all.

    Returns
    -------
    GarchFit
        One model per asset.

    Raises
    ------
    DataError
        An infinite return, no numbers, a column or a time twice, prices in place of returns (a
        column of 50 rows and more that is never zero or negative), a ``start`` without the
        parameters of the model.
    ParameterError
        An unknown model or distribution, a number of jobs or starts that is not allowed.

    Notes
    -----
    .. math::

        r_t = \mu + e_t, \qquad
        h_t = \omega + (\alpha + \gamma \, 1\{e_{t-1} < 0\}) \, e_{t-1}^2 + \beta \, h_{t-1}

    The variance before the first return is the average of the first 75 squared deviations from the
    mean with weights ``0.94^i``, as in ``arch``, so that likelihoods are comparable. Series are
    scaled to unit variance for the search, and parameters scaled back.

    Constraints: ``alpha, alpha + gamma, beta >= 0``, ``alpha + gamma / 2 + beta <= 1 - 1e-9``,
    ``2.05 <= nu <= 500``; ``omega`` at least 1e-8 of the series' variance. Where more than a tenth
    of the returns are zero it is at least 1e-4 of it, unless all conditional variances stay above
    that share without.

    The likelihood of a Student-t may have no maximum where a price is often unchanged: each zero
    return adds to it as the conditional variance falls, and the few others can be attributed to the
    tails. Such a series has the status ``"omega floor"``, ``"nu bound"`` or ``"unchanged prices"``
    (:attr:`GarchFit.status`). Its ``params`` and ``loglikelihood`` are those at which the search
    ended, for reference; its sigma and its forecasts are an exponentially weighted average. A model
    for it is ``distribution="normal"``, under which zero returns do no harm and the variance is
    estimated consistently whatever the distribution (Bollerslev and Wooldridge, 1992).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> fit = fit_garch(rng.standard_normal((500, 2)))
    >>> list(fit.params.columns), list(fit.status)
    (['mu', 'omega', 'alpha[1]', 'beta[1]'], ['converged', 'converged'])
    """
    model = check_choice("model", model, ("garch", "gjr"))
    distribution = check_choice("distribution", distribution, ("normal", "t"))
    jobs = check_jobs(n_jobs)
    extra = check_integer("extra_starts", extra_starts, at_least=-1)
    table = read_returns("returns", returns)
    first = None if start is None else native_start(start, table.labels, model, distribution)
    fit = fit_array(table.values, model, distribution, first, extra, jobs)
    return GarchFit(
        table.values, table.index, table.labels, model=model, distribution=distribution, fit=fit
    )


def native_start(
    start: GarchFit | pd.DataFrame, assets: pd.Index, model: str, distribution: str
) -> Parameters:
    """Return the parameters in ``start`` by asset; NaN for an asset that it does not name."""
    table = start.params if isinstance(start, GarchFit) else start
    if not isinstance(table, pd.DataFrame):
        raise DataError(
            f"start must be a GarchFit or the params of one, got {type(start).__name__}"
        )
    needed = ["mu", "omega", "alpha[1]", "beta[1]"]
    missing = [name for name in needed if name not in table.columns]
    if missing:
        raise DataError(
            f"start must have the columns {', '.join(needed)}, got {list(table.columns)}"
        )
    if not table.index.is_unique:
        raise DataError(f"start names the asset {table.index[table.index.duplicated()][0]!r} twice")
    named = table.reindex(index=assets, columns=list(COLUMNS))
    known = Parameters(*read_values("start", named.reset_index(drop=True)).values.T)
    gamma = np.nan_to_num(known.gamma)
    if model == "gjr":
        known = known._replace(gamma=gamma)
    else:
        known = known._replace(alpha=known.alpha + 0.5 * gamma, gamma=np.zeros_like(gamma))
    if distribution == "normal":
        known = known._replace(nu=np.full_like(gamma, np.nan))
    return known


class GarchFit:
    """Fitted GARCH models of many series, with their volatilities.

    Made by :func:`statarb.fit_garch`. An asset without a fit has an exponentially weighted average
    of its squared returns for volatility (decay 0.94, mean zero); :attr:`status` says why and
    :attr:`fallback` flags it.

    Parameters
    ----------
    returns : (rows, assets) array
        What was fitted; NaN where missing.
    index, assets : Index
        Labels of rows and columns.
    model, distribution : str
        As given to :func:`statarb.fit_garch`.
    fit : BatchFit
        Parameters, loglikelihoods and status of every asset.
    """

    def __init__(
        self,
        returns: FloatArray,
        index: pd.Index,
        assets: pd.Index,
        *,
        model: Model,
        distribution: Distribution,
        fit: BatchFit,
    ) -> None:
        self.model: Model = model
        self.distribution: Distribution = distribution
        self.assets = assets
        self._fit = fit
        self._filter = filter_parameters(fit.parameters, fit.status)
        self._variance = first_variance(self._filter, fit.backcast)
        self._rows: list[FloatArray] = []
        self._before: list[FloatArray] = []
        self._labels: list[pd.Index] = []
        self._tail = index[:0]
        self._append(returns, index)

    # -- results -----------------------------------------------------------------------------------

    @property
    def params(self) -> pd.DataFrame:
        """Parameters, one row per asset, in arch's names and in the scale of the returns; NaN where
        there is no fit at all.
        """
        skipped = {
            "gamma[1]" if self.model == "garch" else "",
            "nu" if self.distribution == "normal" else "",
        }
        columns = zip(COLUMNS, self._fit.parameters, strict=True)
        return pd.DataFrame(
            {name: values for name, values in columns if name not in skipped}, index=self.assets
        )

    @property
    def loglikelihood(self) -> pd.Series:
        """Loglikelihood by asset, of the returns in their own scale."""
        return pd.Series(self._fit.loglikelihood, index=self.assets, name="loglikelihood")

    @property
    def status(self) -> pd.Series:
        """``"converged"``, or the reason why there is no usable fit.

        - ``"not converged"``: the search ended before a maximum was found;
        - ``"omega floor"``: the likelihood of a Student-t rises without limit as omega falls to 0
          (often unchanged prices);
        - ``"nu bound"``: the degrees of freedom are at their lower bound of 2.05, where the
          variance hardly exists;
        - ``"unchanged prices"``: more than 5 % of the returns are zero, and the mean conditional
          variance of the Student-t fit is off that of the returns by a factor of 1.5 or more;
        - ``"too few non-zero returns"`` (fewer than 50), ``"constant"``, ``"variance not finite"``,
          ``"no returns"``.

        All but the first have an exponentially weighted average for volatility.
        """
        return pd.Series(
            [STATUS[code] for code in self._fit.status],
            index=self.assets,
            name="status",
            dtype=object,
        )

    @property
    def fallback(self) -> pd.Series:
        """Whether an asset's volatility is an exponentially weighted average, because it has no
        usable fit.
        """
        return pd.Series(self._fit.status != FITTED, index=self.assets, name="fallback")

    @property
    def passes(self) -> pd.Series:
        """Passes over the data of each series, over all starting points."""
        return pd.Series(self._fit.passes, index=self.assets, name="passes")

    @property
    def returns(self) -> pd.DataFrame:
        """The returns that were fitted, and those added by :meth:`update`; time x asset."""
        return self._frame(np.concatenate(self._rows))

    @property
    def sigma(self) -> pd.DataFrame:
        """Conditional standard deviation of each row's return, given the rows before it; time x
        asset.

        At a row without a return: that of the next return. The parameters, and the variance before
        the first return, were estimated from all rows fitted; :func:`statarb.rolling_volatility` is
        the walk that knows the past alone.
        """
        return self._frame(np.sqrt(np.concatenate(self._before)))

    @property
    def standardised_residuals(self) -> pd.DataFrame:
        """``(return - mu) / sigma``, time x asset; NaN where there is no return, or its sigma is
        zero.
        """
        sigma = np.sqrt(np.concatenate(self._before))
        with np.errstate(divide="ignore", invalid="ignore"):
            residual = (np.concatenate(self._rows) - self._filter.mu) / sigma
        residual[~(sigma > 0.0)] = np.nan
        return self._frame(residual)

    # -- forecasts and updates ---------------------------------------------------------------------

    def forecast(
        self, horizon: int = 1, kind: Literal["sigma", "variance"] = "sigma"
    ) -> pd.DataFrame:
        r"""Forecast the volatility of each of the next returns, from all rows seen so far.

        Parameters
        ----------
        horizon : int
            Number of returns ahead.
        kind : {"sigma", "variance"}
            Standard deviations, or variances (what arch's ``forecast`` gives).

        Returns
        -------
        DataFrame, horizon x asset
            Index 1 to ``horizon``. The variance of the sum of the next returns is the sum of the
            variances.

        Notes
        -----
        The variance of the next return is known; from the second step on

        .. math::

            E_t h_{t+k} = \omega + (\alpha + \gamma / 2 + \beta) \, E_t h_{t+k-1}
        """
        horizon = check_integer("horizon", horizon, at_least=1)
        kind = check_choice("kind", kind, ("sigma", "variance"))
        ahead = np.empty((horizon, len(self.assets)))
        ahead[0] = self._variance
        for k in range(1, horizon):
            ahead[k] = first_variance(self._filter, ahead[k - 1])
        values = np.sqrt(ahead) if kind == "sigma" else ahead
        return pd.DataFrame(
            values, index=pd.RangeIndex(1, horizon + 1, name="horizon"), columns=self.assets
        )

    def update(self, new_row: Any, label: Hashable | None = None) -> GarchFit:
        """Append one more row of returns, with unchanged parameters; constant time per asset.

        Parameters
        ----------
        new_row : Series, mapping or (assets,) array
            Returns by asset. NaN, or an asset that is not named, leaves the asset as it is.
        label : optional
            Label of the row; by default the Series' name, else one step after the last row.

        Returns
        -------
        GarchFit
            This object, whose :meth:`forecast` and :attr:`sigma` now include the row: as if the
            filter had run over all rows.

        Raises
        ------
        DataError
            An asset that was not fitted, an infinite return, a wrong number of values, or a time
            that is not after the last row's.
        """
        row, label = aligned_row(new_row, self.assets, label)
        self._append(row, pd.Index([row_label(self._tail, label)]))
        return self

    def refit(
        self,
        returns: Any = None,
        start: GarchFit | pd.DataFrame | None = None,
        n_jobs: int = 1,
        *,
        extra_starts: int = 0,
    ) -> GarchFit:
        """Fit the same model again, from the parameters found before.

        Parameters
        ----------
        returns : DataFrame, Series or array, optional
            By default the rows of this fit, those added by :meth:`update` included.
        start : GarchFit or DataFrame, optional
            Where to start; by default this fit.
        n_jobs, extra_starts
            As in :func:`statarb.fit_garch`.

        Returns
        -------
        GarchFit
            A new fit.
        """
        return fit_garch(
            self.returns if returns is None else returns, self.model, self.distribution,
            self if start is None else start, n_jobs, extra_starts=extra_starts,
        )  # fmt: skip

    def __repr__(self) -> str:
        fits = int((self._fit.status == FITTED).sum())
        return (
            f"GarchFit({self.model}, {self.distribution}: {fits} of {len(self.assets)} series "
            "converged)"
        )

    def _append(self, rows: FloatArray, labels: pd.Index) -> None:
        after = np.empty_like(rows)
        first = self._variance.copy()
        filter_rows(rows, self._filter, self._variance, after)
        self._rows.append(rows)
        self._before.append(np.concatenate([first[None], after[:-1]]))
        self._labels.append(labels)
        self._tail = self._tail.append(labels[-2:])[-2:]

    def _frame(self, values: FloatArray) -> pd.DataFrame:
        index = (
            self._labels[0].append(self._labels[1:]) if len(self._labels) > 1 else self._labels[0]
        )
        return pd.DataFrame(values, index=index, columns=self.assets)

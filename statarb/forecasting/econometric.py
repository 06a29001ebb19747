"""Econometric forecasters: autoregression, ARIMA, exponential smoothing, vector autoregression."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Self

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.signal import lfilter

from statarb._core.checks import check_choice, check_integer, check_number
from statarb._core.numeric import varies
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.data.panel import Panel
from statarb.errors import DataError, ParameterError
from statarb.forecasting.base import BaseForecaster, register
from statarb.forecasting.features import CARRY, moves, quote_gap

__all__ = ["Arima", "Autoregression", "ExponentialSmoothing", "VectorAutoregression"]

_SCALE_ROWS = 72
_FIRST = CARRY + _SCALE_ROWS - 1
"""Returns of a window from this row on are the same in every window that holds them."""


class ReturnModel(BaseForecaster):
    """Base: a model of log returns, cut at ``clip`` times their recent size, that forecasts the
    next ones from them.
    """

    horizon: int
    clip: float | None
    field: str
    refit_every = 288

    def fit(self, window: Panel) -> Self:
        """Estimate the model on the window.

        Parameters
        ----------
        window : Panel
            What the forecaster may learn from.

        Returns
        -------
        object
            The forecaster itself.

        Raises
        ------
        DataError
            Fewer rows than :attr:`min_rows`.
        """
        self._require_rows(len(window.times))
        self.assets_ = window.assets
        self._fit_returns(self._returns(window)[_FIRST:])
        return self

    def predict(self, window: Panel) -> pd.Series:
        """Return expected log returns over the horizon, from the last quoted price of each
        asset.

        Parameters
        ----------
        window : Panel
            Ends where the forecast may look; it may end later than the one of ``fit``.

        Returns
        -------
        Series
            Expected log return by asset over the horizon; NaN for an asset without a quote in the
            window.
        """
        self._require_fitted(window)
        self._require_rows(len(window.times))
        answer = self._forecast(self._returns(window)[_FIRST:]) + quote_gap(window, self.field)[-1]
        return self._series(window, np.where(self.failed_, 0.0, answer))

    def forecast_block(
        self, panel: Panel, rows: IntArray, fits: IntArray, depth: int
    ) -> tuple[FloatArray, BoolArray]:
        """Forecast a stretch of rows at once; see
        :class:`~statarb.forecasting.base.BlockForecaster`.

        Parameters
        ----------
        panel, rows, fits, depth
            As for :meth:`statarb.forecasting.base.BlockForecaster.forecast_block`.

        Returns
        -------
        forecasts, failed : (steps, assets)
            As there.
        """
        self._require_rows(min(depth, int(fits[0]) + 1))
        returns = self._returns(panel)
        gap = quote_gap(panel, self.field, depth)
        forecasts = np.empty((len(rows), len(panel.assets)))
        failed = np.zeros(forecasts.shape, dtype=np.bool_)
        fitted = -1
        for step, (row, fit) in enumerate(zip(rows, fits, strict=True)):
            if fit != fitted:
                self._fit_returns(returns[max(fit - depth + 1, 0) + _FIRST : fit + 1])
                fitted = fit
            answer = self._forecast(returns[max(row - depth + 1, 0) + _FIRST : row + 1]) + gap[row]
            forecasts[step] = np.where(self.failed_ & ~np.isnan(gap[row]), 0.0, answer)
            failed[step] = self.failed_
        return forecasts, failed

    def _fit_returns(self, returns: FloatArray) -> None:
        self.failed_ = np.zeros(returns.shape[1], dtype=np.bool_)
        self._estimate(returns)

    def _returns(self, window: Panel) -> FloatArray:
        past = moves(window, scale_rows=_SCALE_ROWS, clip=None, field=self.field)
        if self.clip is None:
            return past.returns
        bound = self.clip * past.scale
        return np.clip(past.returns, -bound, bound)

    def _estimate(self, returns: FloatArray) -> None:
        raise NotImplementedError

    def _forecast(self, returns: FloatArray) -> FloatArray:
        raise NotImplementedError


@register("ar")
class Autoregression(ReturnModel):
    """Every asset's next return from its own last ones: AR(p) with a constant, by least squares.

    Parameters
    ----------
    lags : int
        Order p.
    horizon : int
        Rows ahead; the answer is the sum of their expected returns.
    clip : float or None
        Largest return, in units of the asset's recent size.
    field : {"unrounded", "price"}
        Price whose returns are used.

    Attributes
    ----------
    coef_ : (1 + lags, assets) array
        Constant, then lag 1 to p.
    """

    def __init__(
        self, lags: int = 2, horizon: int = 1, clip: float | None = 3.0, field: str = "unrounded"
    ) -> None:
        self.lags = check_integer("lags", lags, at_least=1)
        self.horizon = check_integer("horizon", horizon, at_least=1)
        self.clip = None if clip is None else check_number("clip", clip, above=0.0)
        self.field = check_choice("field", field, ("unrounded", "price"))

    @property
    def min_rows(self) -> int:
        """Rows that a window must have at least."""
        return _FIRST + 3 * self.lags + 4

    def _estimate(self, returns: FloatArray) -> None:
        rows, assets = returns.shape
        self.coef_ = np.zeros((1 + self.lags, assets))
        for asset in range(assets):
            past = [returns[self.lags - lag : rows - lag, asset] for lag in range(1, self.lags + 1)]
            design = np.column_stack([np.ones(rows - self.lags), *past])
            self.coef_[:, asset] = np.linalg.lstsq(design, returns[self.lags :, asset], rcond=None)[
                0
            ]

    def _forecast(self, returns: FloatArray) -> FloatArray:
        past = list(returns[-self.lags :][::-1])
        total = np.zeros(returns.shape[1])
        for _ in range(self.horizon):
            ahead = self.coef_[0] + sum(self.coef_[1 + lag] * past[lag] for lag in range(self.lags))
            total += ahead
            past = [ahead, *past[:-1]]
        return total


@register("arima")
class Arima(ReturnModel):
    """Every asset's log price as ARIMA(p, 1, q) with drift, the order chosen by AIC.

    Estimated by exact maximum likelihood with statsmodels; forecast by the model's own recursion,
    so that a newer window needs no new estimate.

    Parameters
    ----------
    orders : sequence of (p, q)
        Orders to choose from.
    horizon, clip, field
        As for :class:`Autoregression`.

    Attributes
    ----------
    orders_ : list of (p, q) or None
        Order of each asset; ``None`` where no order converged: the forecast is the last value, and
        is counted as such.

    Notes
    -----
    H. Akaike (1974), IEEE Transactions on Automatic Control 19, 716-723. The drift is the mean
    return; orders are compared on returns without it, at equal numbers of observations.
    """

    def __init__(
        self,
        orders: Sequence[tuple[int, int]] = ((1, 0), (0, 1), (1, 1), (2, 0)),
        horizon: int = 1,
        clip: float | None = 3.0,
        field: str = "unrounded",
    ) -> None:
        if len(orders) == 0:
            raise ParameterError("orders must hold at least one pair (p, q), got none")
        for order in orders:
            for part in order:
                check_integer("orders", part, at_least=0)
        self.orders = orders
        self.horizon = check_integer("horizon", horizon, at_least=1)
        self.clip = None if clip is None else check_number("clip", clip, above=0.0)
        self.field = check_choice("field", field, ("unrounded", "price"))

    @property
    def min_rows(self) -> int:
        """Rows that a window must have at least."""
        return _FIRST + 20 + 3 * max(p + q for p, q in self.orders)

    def _estimate(self, returns: FloatArray) -> None:
        assets = returns.shape[1]
        self.mean_ = returns.mean(axis=0)
        self.orders_: list[tuple[int, int] | None] = [None] * assets
        self.ar_: list[FloatArray] = [np.zeros(0)] * assets
        self.ma_: list[FloatArray] = [np.zeros(0)] * assets
        moving = varies(returns, scale=1.0)
        for asset in range(assets):
            values = returns[:, asset] - self.mean_[asset]
            size = values.std()
            if not moving[asset]:
                # A price that does not change needs no model.
                self.orders_[asset] = (0, 0)
                continue
            best = np.inf
            for p, q in self.orders:
                fitted = _arma(values / size, p, q)
                if fitted is not None and fitted[0] < best:
                    best, self.ar_[asset], self.ma_[asset] = fitted
                    self.orders_[asset] = (p, q)
        self.failed_ = np.array([order is None for order in self.orders_])

    def _forecast(self, returns: FloatArray) -> FloatArray:
        total = np.zeros(returns.shape[1])
        for asset in range(returns.shape[1]):
            ar, ma = self.ar_[asset], self.ma_[asset]
            values = returns[:, asset] - self.mean_[asset]
            shocks = lfilter(np.append(1.0, -ar), np.append(1.0, ma), values)
            past, noise = list(values[::-1][: len(ar)]), list(shocks[::-1][: len(ma)])
            for _ in range(self.horizon):
                ahead = float(np.dot(ar, past[: len(ar)]) + np.dot(ma, noise[: len(ma)]))
                past, noise = [ahead, *past], [0.0, *noise]
                total[asset] += ahead + self.mean_[asset]
        return total


def _arma(values: FloatArray, p: int, q: int) -> tuple[float, FloatArray, FloatArray] | None:
    """Fit ARMA(p, q) without a constant; return AIC, AR and MA coefficients, or None where it does
    not converge.
    """
    from statsmodels.tsa.arima.model import ARIMA

    with warnings.catch_warnings():
        # Starting values outside the unit circle and failures to converge are answered below, by
        # the result itself.
        warnings.simplefilter("ignore")
        try:
            result = ARIMA(values, order=(p, 0, q), trend="n").fit(method_kwargs={"disp": 0})
        except np.linalg.LinAlgError:
            return None
    if not (result.mle_retvals["converged"] and np.isfinite(result.params).all()):
        return None
    return float(result.aic), np.asarray(result.arparams), np.asarray(result.maparams)


@register("exponential_smoothing")
class ExponentialSmoothing(ReturnModel):
    r"""Every asset's log price by simple exponential smoothing; the price is expected to return to
    the smoothed level.

    Parameters
    ----------
    smoothing : float, optional
        Weight of the newest price, in (0, 2); by default the one with the least sum of squared
        one-step errors in the window. Above 1 the forecast continues in the direction of the last
        move, as prices that lag the market do.
    horizon, clip, field
        As for :class:`Autoregression`.

    Attributes
    ----------
    smoothing_ : (assets,) array

    Notes
    -----
    In terms of returns, for every horizon alike:

    .. math:: e_t = r_t + (1 - a) e_{t-1}, \qquad E_t r_{t+1} = -(1 - a) e_t

    The range in which the errors are invertible is 0 < a < 2 (R. Hyndman et al. 2008, Forecasting
    with Exponential Smoothing, ch. 10).
    """

    def __init__(
        self,
        smoothing: float | None = None,
        horizon: int = 1,
        clip: float | None = 3.0,
        field: str = "unrounded",
    ) -> None:
        self.smoothing = (
            None
            if smoothing is None
            else check_number("smoothing", smoothing, above=0.0, below=2.0)
        )
        self.horizon = check_integer("horizon", horizon, at_least=1)
        self.clip = None if clip is None else check_number("clip", clip, above=0.0)
        self.field = check_choice("field", field, ("unrounded", "price"))

    @property
    def min_rows(self) -> int:
        """Rows that a window must have at least."""
        return _FIRST + 10

    def _estimate(self, returns: FloatArray) -> None:
        assets = returns.shape[1]
        self.smoothing_ = (
            np.ones(assets) if self.smoothing is None else np.full(assets, self.smoothing)
        )
        moving = varies(returns, scale=1.0)
        for asset in range(assets):
            size = returns[:, asset].std()
            if self.smoothing is not None or not moving[asset]:
                continue
            values = returns[:, asset] / size
            found = minimize_scalar(
                _smoothing_error, bounds=(1e-3, 1.999), args=(values,), method="bounded"
            )
            self.failed_[asset] = not found.success
            self.smoothing_[asset] = found.x

    def _forecast(self, returns: FloatArray) -> FloatArray:
        shocks = [
            lfilter([1.0], [1.0, a - 1.0], returns[:, asset])[-1]
            for asset, a in enumerate(self.smoothing_)
        ]
        return np.asarray((self.smoothing_ - 1.0) * np.array(shocks), dtype=np.float64)


def _smoothing_error(smoothing: float, values: FloatArray) -> float:
    shocks = lfilter([1.0], [1.0, smoothing - 1.0], values)
    return float(np.mean(shocks**2))


@register("var")
class VectorAutoregression(ReturnModel):
    r"""Every asset's next return from the last ones of all assets: VAR(p) with a constant, by least
    squares, p by AIC.

    Parameters
    ----------
    max_lags : int
        Largest order to choose from.
    horizon, clip, field
        As for :class:`Autoregression`.

    Attributes
    ----------
    order_ : int
    coef_ : (1 + order * assets, assets) array
        Constant, then lag 1 of all assets, lag 2, ...

    Notes
    -----
    H. Luetkepohl (2005), New Introduction to Multiple Time Series Analysis, section 4.3; all orders
    on the same n observations of k assets:

    .. math:: \mathit{AIC}(p) = \ln\det\hat\Sigma(p) + 2 p k^2 / n
    """

    def __init__(
        self,
        max_lags: int = 2,
        horizon: int = 1,
        clip: float | None = 3.0,
        field: str = "unrounded",
    ) -> None:
        self.max_lags = check_integer("max_lags", max_lags, at_least=1)
        self.horizon = check_integer("horizon", horizon, at_least=1)
        self.clip = None if clip is None else check_number("clip", clip, above=0.0)
        self.field = check_choice("field", field, ("unrounded", "price"))

    @property
    def min_rows(self) -> int:
        """Rows that a window must have at least."""
        return _FIRST + 3 * self.max_lags + 10

    def _estimate(self, returns: FloatArray) -> None:
        rows, assets = returns.shape
        if rows - self.max_lags <= 2 * (1 + self.max_lags * assets):
            raise DataError(
                f"VectorAutoregression of {assets} assets and {self.max_lags} lags needs windows "
                f"of more than {2 * (1 + self.max_lags * assets) + self.max_lags + _FIRST} rows, "
                f"got {rows + _FIRST}; use fewer assets or lags, or CrossAssetRidge"
            )
        moving = varies(returns, scale=1.0)
        values = returns[self.max_lags :]
        best = np.inf
        for order in range(1, self.max_lags + 1):
            past = [returns[self.max_lags - lag : rows - lag] for lag in range(1, order + 1)]
            design = np.hstack([np.ones((len(values), 1)), *past])
            coef = np.linalg.lstsq(design, values, rcond=None)[0]
            rest = (values - design @ coef)[:, moving]
            _, size = np.linalg.slogdet(rest.T @ rest / len(values))
            criterion = size + 2.0 * order * assets**2 / len(values)
            if criterion < best:
                best, self.order_, self.coef_ = criterion, order, coef

    def _forecast(self, returns: FloatArray) -> FloatArray:
        past = list(returns[-self.order_ :][::-1])
        total = np.zeros(returns.shape[1])
        for _ in range(self.horizon):
            ahead = np.concatenate([[1.0], *past]) @ self.coef_
            total += ahead
            past = [ahead, *past[:-1]]
        return total

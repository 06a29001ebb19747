"""Forecaster of trends: what an asset has done relative to the market goes on."""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd

from statarb._core.checks import check_integer
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.data.fill import last_known
from statarb.data.panel import Panel
from statarb.forecasting.base import BaseForecaster, register

__all__ = ["TrailingReturn"]


@register("trailing_return")
class TrailingReturn(BaseForecaster):
    """The mean log return of the last rows goes on: time-series momentum.

    Parameters
    ----------
    horizon : int
        Rows ahead.
    lookback : int
        Rows over which the mean is taken.

    Notes
    -----
    T. J. Moskowitz, Y. H. Ooi, L. H. Pedersen (2012), Time series momentum, Journal of Financial
    Economics 104, 228-250. As a forecast it is far too large wherever returns have noise; an
    investor shrinks it by its track record.
    """

    refit_every = 1

    def __init__(self, horizon: int = 1, lookback: int = 144) -> None:
        self.horizon = check_integer("horizon", horizon, at_least=1)
        self.lookback = check_integer("lookback", lookback, at_least=1)

    @property
    def min_rows(self) -> int:
        """Rows that a window must have at least."""
        return self.lookback + 1

    def fit(self, window: Panel) -> Self:
        """Learn nothing.

        Parameters
        ----------
        window : Panel
            What the forecaster may learn from.

        Returns
        -------
        TrailingReturn
            Itself.
        """
        self._require_rows(len(window.times))
        self.assets_ = window.assets
        return self

    def predict(self, window: Panel) -> pd.Series:
        """Return the expected log return over the horizon.

        Parameters
        ----------
        window : Panel
            What may be seen; of the assets of the fit.

        Returns
        -------
        Series
            By asset; NaN where the price of ``lookback`` rows ago is not known.
        """
        self._require_fitted(window)
        rows = np.array([len(window.times) - 1])
        forecast, _ = self.forecast_block(window, rows, rows, len(window.times))
        return self._series(window, forecast[0])

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
        rows = np.asarray(rows, dtype=np.int64)
        low = max(0, int(rows.min(initial=len(panel.times))) - self.lookback - depth)
        # prices older than two look-backs are no trend
        known = np.log(last_known(panel.array("price")[low:], max_age=self.lookback))
        now, before = rows - low, rows - low - self.lookback
        change = known[now] - known[np.maximum(before, 0)]
        change[before < 0] = np.nan
        forecast = change * (self.horizon / self.lookback)
        return forecast, np.isnan(forecast)

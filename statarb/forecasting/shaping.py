"""Wrappers around forecasters: rounding to the tick of quotes, and shaping for directional
symmetry.
"""

from __future__ import annotations

from typing import Self

import numpy as np
import pandas as pd
from scipy.special import ndtr

from statarb._core.checks import check_choice, check_integer, check_number
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.data.panel import Panel
from statarb.forecasting._engine.shaping import TICK_ROWS, shape_directions, tick_sizes
from statarb.forecasting.base import BaseForecaster, Forecaster, clone
from statarb.forecasting.blocks import forecast_rows
from statarb.forecasting.features import known_prices, moves

__all__ = ["DirectionShaped", "RoundedToTick", "shape_directions"]

_KEEP = 1e-3
"""Share of the unrounded forecast that is kept."""
_BOUNDARIES = 8
"""Ticks on either side over which the mean quote is summed."""


class Wrapper(BaseForecaster):
    """A forecaster around another one."""

    forecaster: Forecaster

    @property
    def min_rows(self) -> int:
        """Rows that a window must have at least."""
        return int(getattr(self.forecaster, "min_rows", 1))

    @property
    def refit_every(self) -> int:  # type: ignore[override]
        """Steps between fits that the inner forecaster asks for."""
        return int(getattr(self.forecaster, "refit_every", 1))

    def fit(self, window: Panel) -> Self:
        """Fit the inner forecaster.

        Parameters
        ----------
        window : Panel
            What the forecaster may learn from.

        Returns
        -------
        object
            The forecaster itself.
        """
        self.assets_ = window.assets
        self.forecaster_ = clone(self.forecaster).fit(window)
        self.failed_ = np.broadcast_to(
            getattr(self.forecaster_, "failed_", np.False_), (len(window.assets),)
        )
        return self


class RoundedToTick(Wrapper):
    """The quote that is expected: the forecast of another model, rounded to the tick of the
    quotes.

    A price of 1.004 in quotes of 0.01 is shown as 1.00, and will be shown so again unless it
    crosses 1.005. Where the tick is small against the price's moves nothing changes.

    Parameters
    ----------
    forecaster : Forecaster
        Expected log returns, from the last quoted price to the next unrounded one.
    statistic : {"median", "mean"}
        The median quote is the forecast rounded to the tick; it has the least absolute error, so
        MAPE asks for it. The mean takes the next price as normal around the forecast, with the
        asset's recent standard deviation.
    scale_rows : int
        Rows over which that standard deviation is measured (as the mean absolute return times
        sqrt(pi / 2)).

    Notes
    -----
    The tick of an asset is found in its last 48 rows, among quotes of the same order of magnitude:
    the decimals that they need. With fewer than eight of them, or more than seven significant
    digits, nothing is rounded. A thousandth of the unrounded forecast is kept, so that the forecast
    has a direction even where the quote will hardly change.
    """

    def __init__(
        self, forecaster: Forecaster, statistic: str = "median", scale_rows: int = 72
    ) -> None:
        self.forecaster = forecaster
        self.statistic = check_choice("statistic", statistic, ("median", "mean"))
        self.scale_rows = check_integer("scale_rows", scale_rows, at_least=2)

    def predict(self, window: Panel) -> pd.Series:
        """Return the expected log return from the last quote to the next.

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
        inner = self.forecaster_.predict(window).reindex(window.assets).to_numpy(dtype=np.float64)
        tail = window.window(window.now, depth=self._history)
        rows = np.array([len(tail.times) - 1])
        return self._series(
            window, self._rounded(tail, rows, known_prices(window)[-1:], inner[None, :])[0]
        )

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
        inner = forecast_rows(self.forecaster, panel, rows, fits, depth=depth)
        return self._rounded(
            panel, rows, known_prices(panel, depth=depth)[rows], inner.forecasts
        ), inner.failed

    @property
    def _history(self) -> int:
        return self.scale_rows + 24 + TICK_ROWS

    def _rounded(
        self, panel: Panel, rows: IntArray, last: FloatArray, inner: FloatArray
    ) -> FloatArray:
        tick = tick_sizes(
            np.asarray(panel.array("price"), dtype=np.float64), np.asarray(rows, dtype=np.int64)
        )
        coarse = (tick > 0.0) & np.isfinite(inner) & np.isfinite(last)
        unit = np.where(coarse, tick, 1.0)
        price = np.where(coarse, last * np.exp(np.where(coarse, inner, 0.0)), 1.0) / unit
        quote = np.round(price)
        if self.statistic == "mean":
            scale = moves(panel, scale_rows=self.scale_rows, clip=None).scale[rows]
            spread = np.maximum(scale * np.where(coarse, last, 1.0) / unit, 1e-9)
            middle = quote.copy()
            for step in range(-_BOUNDARIES, _BOUNDARIES):
                quote += ndtr((price - middle - step - 0.5) / spread) - (1.0 if step < 0 else 0.0)
            # Moves wider than two ticks: rounding averages out (the first neglected term is below
            # 1e-30 of a tick).
            quote = np.where(spread > 2.0, price, quote)
        # There is no quote of zero: below half a tick the unrounded forecast stays.
        quote = np.where(quote >= 0.5, quote, price)
        rounded = ((1.0 - _KEEP) * quote + _KEEP * price) * unit
        answer: FloatArray = np.where(coarse, np.log(rounded / np.where(coarse, last, 1.0)), inner)
        return answer


class DirectionShaped(Wrapper):
    """Shape the path of price forecasts so that it moves the way the price is expected to move.

    Directional symmetry compares f_t - f_{t-1} with y_t - y_{t-1}. An honest forecast g_t may lie
    below the forecast before it although the price is expected to rise: the forecast before was too
    high. Where the sign of g_t - f_{t-1} differs from the expected sign of y_t - y_{t-1}, the
    shaped forecast is f_{t-1} (1 +- nudge) instead.

    This trades accuracy for the score: MAPE gets worse, by about a tenth, and directional symmetry
    better. It says nothing new about the price, and is of use in that competition alone; expected
    returns (:meth:`predict`) are those of the inner forecaster, and only
    :func:`statarb.forecast_walk`, which knows the path, shapes it.

    Parameters
    ----------
    forecaster : Forecaster
        Gives the forecasts.
    direction : Forecaster, optional
        Gives the expected sign; by default ``forecaster`` itself.
    nudge : float
        Relative step off the forecast before.

    Notes
    -----
    f_{t-1} is the forecast for the asset's last observed cell: neighbouring observed cells are what
    the score compares. The path comes back to the forecasts where they lie in the expected
    direction from it; a direction that hardly ever changes (a drift's) leaves it behind the price
    for hours.
    """

    def __init__(
        self, forecaster: Forecaster, direction: Forecaster | None = None, nudge: float = 1e-6
    ) -> None:
        self.forecaster = forecaster
        self.direction = direction
        self.nudge = check_number("nudge", nudge, above=0.0, below=1.0)

    @property
    def min_rows(self) -> int:
        """Rows that a window must have at least, for forecast and direction."""
        return max(super().min_rows, int(getattr(self.direction, "min_rows", 1)))

    @property
    def refit_every(self) -> int:  # type: ignore[override]
        """Steps between fits that the slower of forecast and direction asks for."""
        return max(super().refit_every, int(getattr(self.direction, "refit_every", 1)))

    def predict(self, window: Panel) -> pd.Series:
        """Return the expected log returns of the inner forecaster.

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
        return self.forecaster_.predict(window)

    def forecast_block(
        self, panel: Panel, rows: IntArray, fits: IntArray, depth: int
    ) -> tuple[FloatArray, BoolArray]:
        """Forecast a stretch of rows at once, as the inner forecaster does.

        Parameters
        ----------
        panel, rows, fits, depth
            As for :meth:`statarb.forecasting.base.BlockForecaster.forecast_block`.

        Returns
        -------
        forecasts, failed : (steps, assets)
            As there.
        """
        inner = forecast_rows(self.forecaster, panel, rows, fits, depth=depth)
        return inner.forecasts, inner.failed

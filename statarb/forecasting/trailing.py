"""Forecasts from what assets have done over the last hours: their own return going on, and a ridge
regression on those of all.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple, Self

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view

from statarb._core.checks import check_integer, check_number
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.data.fill import last_known
from statarb.data.panel import Panel
from statarb.errors import ParameterError
from statarb.forecasting.base import BaseForecaster, register
from statarb.forecasting.features import leading_columns, moves

__all__ = ["TrailingReturn", "TrailingRidge"]


@register("trailing_ridge")
class TrailingRidge(BaseForecaster):
    r"""Ridge regression of an asset's return over the next rows on the trailing returns of all
    assets.

    For news that take hours to reach a price: a regression on the last row or two sees little of
    what is still to come. With leaders j, look-backs L and log returns r, asset i's forecast is

    .. math::
        \hat r_i(t, t + h) = \sum_L \sum_j \beta_{ijL} \sum_{k=0}^{L-1} r_{j, t - k} ,

    beta from a ridge regression on the window, without a constant: a market that has risen is not
    forecast to go on.

    Parameters
    ----------
    horizon : int
        Rows ahead.
    lookbacks : sequence of int
        Rows over which returns are summed.
    alpha : float
        Ridge, as a share of each feature's sum of squares.
    scan_every : int
        Most rows from one fit to the next in an investor's walk
        (:func:`statarb.data.refits.refit_rows`).
    clip : float
        Largest return, in multiples of the asset's standard deviation in the window.
    leaders : sequence of labels, optional
        As of :class:`~statarb.forecasting.CrossAssetRidge`.

    Notes
    -----
    A cell that was not quoted has a return of 0. Lead and lag across assets: A. W. Lo, A. C.
    MacKinlay (1990), Review of Financial Studies 3, 175-205; ridge: A. E. Hoerl, R. W. Kennard
    (1970), Technometrics 12, 55-67.
    """

    def __init__(
        self,
        horizon: int = 12,
        lookbacks: Sequence[int] = (12, 24),
        alpha: float = 0.3,
        *,
        scan_every: int = 96,
        clip: float = 6.0,
        leaders: Sequence[Hashable] | None = None,
    ) -> None:
        self.horizon = check_integer("horizon", horizon, at_least=1)
        if len(lookbacks) == 0:
            raise ParameterError("lookbacks must hold at least one number of rows, got none")
        self.lookbacks = tuple(check_integer("lookbacks", one, at_least=1) for one in lookbacks)
        self.alpha = check_number("alpha", alpha, above=0.0)
        self.scan_every = check_integer("scan_every", scan_every, at_least=1)
        self.clip = check_number("clip", clip, above=0.0)
        self.leaders = leaders

    @property
    def refit_every(self) -> int:  # type: ignore[override]
        """Rows between fits in a walk: ``scan_every``."""
        return self.scan_every

    @property
    def min_rows(self) -> int:
        """Rows that a window must have at least: some hundred overlapping outcomes."""
        return self._least(self.horizon)

    def fit(self, window: Panel) -> Self:
        """Estimate the regressions of all assets on the window.

        Parameters
        ----------
        window : Panel
            What the forecaster may learn from.

        Returns
        -------
        TrailingRidge
            Itself; ``coef_`` (features, assets), features in the order of the look-backs and of the
            leaders.

        Raises
        ------
        DataError
            Fewer rows than :attr:`min_rows`.
        ParameterError
            A leader that the panel does not have.
        """
        self._require_rows(len(window.times))
        self._learn(_Design.of(window, self), self.horizon)
        return self

    def _learn(self, design: _Design, horizon: int) -> None:
        """Estimate the regressions over a horizon."""
        self.assets_, self.leaders_, self.size_ = design.assets, design.leaders, design.size
        first, last = max(self.lookbacks), len(design.done) - horizon
        target = design.done[first + horizon - 1 : last + horizon - 1]
        target = target - design.done[first - 1 : last - 1]
        used = design.features[first - 1 : last - 1]
        gram = used.T @ used
        scale = np.sqrt(np.diag(gram))
        scale[scale == 0.0] = 1.0
        gram /= np.outer(scale, scale)
        gram[np.diag_indices_from(gram)] += self.alpha
        self.coef_ = np.linalg.solve(gram, (used.T @ target) / scale[:, None]) / scale[:, None]

    def predict(self, window: Panel) -> pd.Series:
        """Return expected log returns over the horizon.

        Parameters
        ----------
        window : Panel
            What may be seen; of the assets of the fit.

        Returns
        -------
        Series
            By asset; NaN for an asset that has not moved in the window of the fit.
        """
        self._require_fitted(window)
        most = max(self.lookbacks)
        low = max(0, len(window.times) - most - 1)
        returns = _returns(window)[low:]
        return self._series(window, self._forecast(returns, np.array([len(returns) - 1]))[0])

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
        forecasts, failed = self.forecast_blocks(panel, rows, fits, depth, [self.horizon])
        return forecasts[0], failed

    def forecast_blocks(
        self,
        panel: Panel,
        rows: IntArray,
        fits: IntArray,
        depth: int,
        horizons: Sequence[int],
    ) -> tuple[list[FloatArray], BoolArray]:
        """Forecast over several horizons, from the same features.

        Parameters
        ----------
        panel, rows, fits, depth
            As for :meth:`forecast_block`.
        horizons : sequence of int
            Rows ahead; the parameter ``horizon`` is not asked.

        Returns
        -------
        forecasts : list of (steps, assets)
            For each horizon what :meth:`forecast_block` returns for it, to the bit.
        failed : (steps, assets)
            Where there is no forecast over one of the horizons.
        """
        rows, fits = np.asarray(rows, dtype=np.int64), np.asarray(fits, dtype=np.int64)
        forecasts = [np.full((len(rows), len(panel.assets)), np.nan) for _ in horizons]
        model = self.clone()
        for fit in np.unique(fits[fits >= 0]):
            window = panel.window(panel.times_array[fit], depth)
            least = [horizon for horizon in horizons if len(window.times) >= self._least(horizon)]
            if not least:
                continue
            design = _Design.of(window, self)
            part = np.flatnonzero(fits == fit)
            low = max(0, int(rows[part[0]]) - max(self.lookbacks) - MEMORY)
            returns = _returns(panel.row_slice(low, int(rows[part[-1]]) + 1))
            for forecast, horizon in zip(forecasts, horizons, strict=True):
                if horizon in least:
                    model._learn(design, horizon)
                    forecast[part] = model._forecast(returns, rows[part] - low)
        return forecasts, np.any([np.isnan(forecast) for forecast in forecasts], axis=0)

    def _least(self, horizon: int) -> int:
        return max(self.lookbacks) + horizon + 288

    def _forecast(self, returns: FloatArray, rows: IntArray) -> FloatArray:
        bound = self.clip * self.size_[self.leaders_]
        clipped = np.clip(returns[:, self.leaders_], -bound, bound)
        features = np.ascontiguousarray(_trailing_sums(clipped, self.lookbacks)[rows])
        # row by row: a product of matrices may round each row by how many there are
        found = np.array([row @ self.coef_ for row in features]).reshape(len(rows), -1)
        found[:, self.size_ == 0.0] = np.nan
        return found


class _Design(NamedTuple):
    """What the regressions over all horizons share.

    Attributes
    ----------
    assets : Index
        Of the window.
    leaders : (leaders,) int
        Columns whose trailing returns are the features.
    size : (assets,)
        Standard deviation of each asset's returns.
    features : (rows, features)
        Trailing returns of the leaders.
    done : (rows, assets)
        Running sum of the returns, clipped.
    """

    assets: pd.Index
    leaders: IntArray
    size: FloatArray
    features: FloatArray
    done: FloatArray

    @classmethod
    def of(cls, window: Panel, model: TrailingRidge) -> _Design:
        returns = _returns(window)
        leaders = leading_columns(window, model.leaders)
        size = returns.std(axis=0)
        np.clip(returns, -model.clip * size, model.clip * size, out=returns)
        features = _trailing_sums(returns[:, leaders], model.lookbacks)
        return cls(window.assets, leaders, size, features, np.cumsum(returns, axis=0))


def _trailing_sums(returns: FloatArray, lookbacks: Sequence[int]) -> FloatArray:
    """(rows, look-backs x assets): sums of the last returns, of fewer at the start."""
    # summed anew at every row: a running sum would depend on where the rows begin
    most = max(lookbacks)
    padded = np.vstack([np.zeros((most - 1, returns.shape[1])), returns])
    return np.hstack(
        [
            sliding_window_view(padded[most - lookback :], lookback, axis=0).sum(axis=-1)
            for lookback in lookbacks
        ]
    )


MEMORY = 24
"""Rows before the look-backs that a return may reach back over a gap."""


def _returns(window: Panel) -> FloatArray:
    """Log returns of the unrounded price; 0 where an asset was not quoted."""
    return np.ascontiguousarray(moves(window, scale_rows=None, clip=None).returns)


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

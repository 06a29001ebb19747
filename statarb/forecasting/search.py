"""Forecasters in scikit-learn's searches: cross-validation and grids of parameters over a panel."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from statarb._core.case import DEPTH
from statarb._core.checks import check_integer, check_panel
from statarb._core.params import Parameters
from statarb._core.typing import FloatArray, IntArray
from statarb.data.panel import Panel
from statarb.errors import DataError
from statarb.forecasting.base import as_forecaster, clone
from statarb.forecasting.blocks import aligned
from statarb.forecasting.features import known_prices

__all__ = ["PanelEstimator"]


class PanelEstimator(Parameters):
    r"""A forecaster and a panel as an estimator of scikit-learn, for ``GridSearchCV`` and its kin.

    What scikit-learn calls samples are rows of the panel: X holds the positions of the rows at
    which windows end. Splits must keep the order of time, as ``TimeSeriesSplit`` does.

    Parameters
    ----------
    forecaster : Forecaster
        Is copied, not changed. Its parameters are reached as ``forecaster__name``.
    panel : Panel
        The market; shared by all copies of the estimator.
    depth : int
        Largest number of rows of a window.

    Attributes
    ----------
    forecaster_ : Forecaster
        The forecaster as fitted.
    fitted_at_ : int
        Row at which the window ends that it was fitted on.

    Notes
    -----
    The score is the share of the absolute return that the forecast explains, over the assets a and
    rows t of X that are quoted h rows later, with the return r from the last known price:

    .. math:: 1 - \\frac{\\sum_{t, a} |r_{t, a} - f_{t, a}|}{\\sum_{t, a} |r_{t, a}|}

    It is 0 for the last value, 1 for a perfect forecast, and higher is better. A missing forecast
    counts as the last value.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> from sklearn.model_selection import GridSearchCV, TimeSeriesSplit
    >>> from statarb.forecasting import CrossAssetRidge
    >>> moves = 0.01 * np.random.default_rng(0).standard_normal((400, 2))
    >>> moves[1:, 1] += 0.8 * moves[:-1, 0]
    >>> days = pd.date_range("2020-01-01", periods=400)
    >>> panel = Panel.from_frame(pd.DataFrame(np.exp(moves.cumsum(axis=0)), index=days))
    >>> ridge = CrossAssetRidge(scale_rows=20)
    >>> grid = {"forecaster__lags": [1, 2], "forecaster__alpha": [0.01, 100.0]}
    >>> search = GridSearchCV(PanelEstimator(ridge, panel), grid, cv=TimeSeriesSplit(3))
    >>> search.fit(np.arange(100, 399)).best_params_["forecaster__alpha"]
    0.01
    """

    def __init__(self, forecaster: Any, panel: Panel, depth: int = DEPTH) -> None:
        check_panel(panel)
        self.forecaster = forecaster
        self.panel = panel
        self.depth = check_integer("depth", depth, at_least=1)

    def clone(self) -> Self:
        """Return an unfitted copy with a copy of the forecaster, on the same panel.

        Returns
        -------
        PanelEstimator
        """
        return type(self)(clone(self.forecaster), self.panel, self.depth)

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the forecaster on the window that ends at the last row of X.

        Parameters
        ----------
        X : (rows,) or (rows, 1) int
            Positions of rows of the panel.
        y : ignored
            The targets are in the panel.

        Returns
        -------
        PanelEstimator
            Itself.

        Raises
        ------
        DataError
            Positions that the panel does not have, or a window too short for the forecaster.
        """
        self.fitted_at_ = int(self._rows(X).max())
        self.forecaster_ = as_forecaster(clone(self.forecaster)).fit(self._window(self.fitted_at_))
        return self

    def predict(self, X: Any) -> FloatArray:
        """Forecast from the windows that end at the rows of X, by the model as fitted.

        Parameters
        ----------
        X : (rows,) or (rows, 1) int
            Positions of rows, none before that of the fit.

        Returns
        -------
        (rows, assets)
            Expected log returns from the last known price; NaN = no forecast.

        Raises
        ------
        DataError
            A row before that of the fit: its forecast would know what came after it.
        """
        rows = self._rows(X)
        if rows.min() < self.fitted_at_:
            raise DataError(
                f"rows must not lie before that of the fit, {self.fitted_at_}, got {rows.min()}; "
                "split in the order of time, with TimeSeriesSplit"
            )
        assets, model = self.panel.assets, self.forecaster_
        return np.stack([aligned(model, model.predict(self._window(row)), assets) for row in rows])

    def score(self, X: Any, y: Any = None) -> float:
        """Return the share of the absolute return that the forecasts explain.

        Parameters
        ----------
        X : (rows,) or (rows, 1) int
            Positions of rows, none before that of the fit.
        y : ignored
            The targets are in the panel.

        Returns
        -------
        float
            At most 1; NaN where no asset moves.
        """
        rows = self._rows(X)
        forecast = np.nan_to_num(self.predict(X))
        ahead = rows + int(getattr(as_forecaster(self.forecaster), "horizon", 1))
        inside = ahead < len(self.panel.times)
        price = np.asarray(self.panel.array("price"), dtype=np.float64)
        known = known_prices(self.panel, depth=self.depth)
        realised = np.log(price[ahead[inside]]) - np.log(known[rows[inside]])
        moved = float(np.nansum(np.abs(realised)))
        if moved == 0.0:
            return float("nan")
        return 1.0 - float(np.nansum(np.abs(realised - forecast[inside]))) / moved

    def _window(self, row: int) -> Panel:
        return self.panel.window(self.panel.times[row], self.depth)

    def _rows(self, X: Any) -> IntArray:
        rows = np.asarray(X)
        if rows.ndim == 2 and rows.shape[1] == 1:
            rows = rows[:, 0]
        if rows.ndim != 1 or len(rows) == 0 or not np.issubdtype(rows.dtype, np.integer):
            raise DataError(
                "X must be positions of rows of the panel, (rows,) or (rows, 1) integers such as "
                f"np.arange(len(panel.times)), got the shape {rows.shape} of {rows.dtype}"
            )
        if rows.min() < 0 or rows.max() >= len(self.panel.times):
            raise DataError(
                f"X must be positions of rows from 0 to {len(self.panel.times) - 1}, got "
                f"{rows.min()} to {rows.max()}"
            )
        return rows.astype(np.int64)

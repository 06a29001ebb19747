"""Forecasters: expected returns, one step ahead and more."""

from statarb.forecasting.base import BaseForecaster, Forecaster, clone, forecaster_names, make_forecaster, register
from statarb.forecasting.linear import LEADERS, CrossAssetRidge, Drift, LastValue
from statarb.forecasting.scores import ForecastScore, directional_symmetry, forecast_score, mape
from statarb.forecasting.walk import BlockResult, forecast_rows

__all__ = [
    "LEADERS",
    "BaseForecaster",
    "BlockResult",
    "CrossAssetRidge",
    "Drift",
    "ForecastScore",
    "Forecaster",
    "LastValue",
    "clone",
    "directional_symmetry",
    "forecast_rows",
    "forecast_score",
    "forecaster_names",
    "make_forecaster",
    "mape",
    "register",
]

"""Forecasters: expected returns, one step ahead and more."""

from statarb.forecasting.base import BaseForecaster, Forecaster, clone, forecaster_names, make_forecaster, register
from statarb.forecasting.blocks import BlockResult, forecast_rows
from statarb.forecasting.linear import LEADERS, CrossAssetRidge, Drift, FactorRidge, LastValue
from statarb.forecasting.scores import ForecastScore, directional_symmetry, forecast_score, mape
from statarb.forecasting.shaping import DirectionShaped, Quoted
from statarb.forecasting.walk import ForecastRun, forecast_walk, run_forecasts

__all__ = [
    "LEADERS",
    "BaseForecaster",
    "BlockResult",
    "CrossAssetRidge",
    "DirectionShaped",
    "Drift",
    "FactorRidge",
    "ForecastRun",
    "ForecastScore",
    "Forecaster",
    "LastValue",
    "Quoted",
    "clone",
    "directional_symmetry",
    "forecast_rows",
    "forecast_score",
    "forecast_walk",
    "forecaster_names",
    "make_forecaster",
    "mape",
    "register",
    "run_forecasts",
]

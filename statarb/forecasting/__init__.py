"""Forecasters: expected returns, one step ahead and more."""

from statarb.forecasting.base import BaseForecaster, Forecaster, clone, forecaster_names, make_forecaster, register
from statarb.forecasting.blocks import BlockResult, forecast_rows
from statarb.forecasting.direction import StackedDirection
from statarb.forecasting.econometric import (
    Arima,
    Autoregression,
    ErrorCorrection,
    ExponentialSmoothing,
    VectorAutoregression,
)
from statarb.forecasting.ensemble import Ensemble, Selector, default_forecaster
from statarb.forecasting.innovations import InnovationRidge
from statarb.forecasting.learned import BoostedTrees, Perceptron, SupportVectors
from statarb.forecasting.linear import LEADERS, CrossAssetRidge, Drift, FactorRidge, LastValue
from statarb.forecasting.scores import ForecastScore, directional_symmetry, forecast_score, mape
from statarb.forecasting.shaping import DirectionShaped, Quoted
from statarb.forecasting.walk import ForecastRun, forecast_walk, run_forecasts

__all__ = [
    "LEADERS",
    "Arima",
    "Autoregression",
    "BaseForecaster",
    "BlockResult",
    "BoostedTrees",
    "CrossAssetRidge",
    "DirectionShaped",
    "Drift",
    "Ensemble",
    "ErrorCorrection",
    "ExponentialSmoothing",
    "FactorRidge",
    "ForecastRun",
    "ForecastScore",
    "Forecaster",
    "InnovationRidge",
    "LastValue",
    "Perceptron",
    "Quoted",
    "Selector",
    "StackedDirection",
    "SupportVectors",
    "VectorAutoregression",
    "clone",
    "default_forecaster",
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

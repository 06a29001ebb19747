"""Forecasters: expected returns, one step ahead and more."""

from statarb.forecasting.base import (
    BaseForecaster,
    Forecaster,
    clone,
    forecaster_names,
    make_forecaster,
    register,
)
from statarb.forecasting.blocks import BlockResult, forecast_rows
from statarb.forecasting.direction import StackedDirection
from statarb.forecasting.econometric import (
    VECM,
    Arima,
    Autoregression,
    ExponentialSmoothing,
    VectorAutoregression,
)
from statarb.forecasting.ensemble import Ensemble, Selector, default_forecaster
from statarb.forecasting.innovations import HannanRissanenRidge
from statarb.forecasting.learned import MLP, SVR, GradientBoosting
from statarb.forecasting.linear import LEADERS, CrossAssetRidge, Drift, LastValue, ReducedRankRidge
from statarb.forecasting.scores import ForecastScore, directional_symmetry, forecast_score, mape
from statarb.forecasting.shaping import DirectionShaped, RoundedToTick
from statarb.forecasting.walk import ForecastRun, forecast_walk, run_forecasts

__all__ = [
    "LEADERS",
    "MLP",
    "SVR",
    "VECM",
    "Arima",
    "Autoregression",
    "BaseForecaster",
    "BlockResult",
    "CrossAssetRidge",
    "DirectionShaped",
    "Drift",
    "Ensemble",
    "ExponentialSmoothing",
    "ForecastRun",
    "ForecastScore",
    "Forecaster",
    "GradientBoosting",
    "HannanRissanenRidge",
    "LastValue",
    "ReducedRankRidge",
    "RoundedToTick",
    "Selector",
    "StackedDirection",
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

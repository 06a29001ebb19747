"""Forecasters: expected returns, one step ahead and more.

Importing the package registers every forecaster of the library; see :func:`make_forecaster`. Those
that need another tool as well are registered by ``statarb.investors``.
"""

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
    Arima,
    Autoregression,
    ExponentialSmoothing,
    VectorAutoregression,
)
from statarb.forecasting.ensemble import Ensemble, Selector, case_forecaster, default_forecaster
from statarb.forecasting.error_correction import VECM
from statarb.forecasting.features import LEADERS, ReturnFeatures
from statarb.forecasting.innovations import HannanRissanenRidge
from statarb.forecasting.learned import MLP, SVR, GradientBoosting
from statarb.forecasting.linear import CrossAssetRidge, Drift, LastValue, ReducedRankRidge
from statarb.forecasting.scores import ForecastScore, directional_symmetry, forecast_score, mape
from statarb.forecasting.search import PanelEstimator
from statarb.forecasting.shaping import DirectionShaped, RoundedToTick
from statarb.forecasting.trailing import TrailingReturn, TrailingRidge
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
    "PanelEstimator",
    "ReducedRankRidge",
    "ReturnFeatures",
    "RoundedToTick",
    "Selector",
    "StackedDirection",
    "TrailingReturn",
    "TrailingRidge",
    "VectorAutoregression",
    "case_forecaster",
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

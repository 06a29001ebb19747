"""Volatility of many series at once: GARCH in batches, the models of arch, realised measures, and
the evaluation of forecasts.
"""

from statarb.volatility.arch_fit import ArchFit
from statarb.volatility.arch_forecaster import ArchForecaster, arch_forecaster
from statarb.volatility.coverage import coverage_table
from statarb.volatility.evaluation import (
    CoverageTest,
    MincerZarnowitz,
    christoffersen,
    kupiec,
    mincer_zarnowitz,
    qlike,
    squared_error,
    value_at_risk,
)
from statarb.volatility.filters import ewma
from statarb.volatility.garch import GarchFit, fit_garch
from statarb.volatility.realised import (
    bipower_variation,
    garman_klass,
    parkinson,
    price_bars,
    realised_variance,
    rogers_satchell,
)
from statarb.volatility.rolling import rolling_volatility

__all__ = [
    "ArchFit",
    "ArchForecaster",
    "CoverageTest",
    "GarchFit",
    "MincerZarnowitz",
    "arch_forecaster",
    "bipower_variation",
    "christoffersen",
    "coverage_table",
    "ewma",
    "fit_garch",
    "garman_klass",
    "kupiec",
    "mincer_zarnowitz",
    "parkinson",
    "price_bars",
    "qlike",
    "realised_variance",
    "rogers_satchell",
    "rolling_volatility",
    "squared_error",
    "value_at_risk",
]

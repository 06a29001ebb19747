"""Statistical arbitrage research on large universes of assets.

Usual import: ``import statarb as sa``. Names are loaded when they are first used, so that importing
is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from statarb import backtest as backtest
    from statarb import cointegration as cointegration
    from statarb import data as data
    from statarb import forecasting as forecasting
    from statarb import investors as investors
    from statarb import optimization as optimization
    from statarb import report as report
    from statarb import results as results
    from statarb import testing as testing
    from statarb import volatility as volatility
    from statarb.backtest.performance import Score as Score
    from statarb.backtest.performance import (
        generalised_asymmetric_return as generalised_asymmetric_return,
    )
    from statarb.backtest.replay import Replay as Replay
    from statarb.backtest.replay import replay as replay
    from statarb.cointegration import PairsSignal as PairsSignal
    from statarb.cointegration import Spread as Spread
    from statarb.cointegration import johansen as johansen
    from statarb.cointegration import scan_pairs as scan_pairs
    from statarb.data.imputation import impute as impute
    from statarb.data.ingest.events import read_events as read_events
    from statarb.data.ingest.ohlcv import read_ohlcv as read_ohlcv
    from statarb.data.ingest.readers import read_coins as read_coins
    from statarb.data.ingest.readers import read_quotes as read_quotes
    from statarb.data.ingest.writers import write_quotes as write_quotes
    from statarb.data.panel import Panel as Panel
    from statarb.data.quality import quality_report as quality_report
    from statarb.data.selection import select_assets as select_assets
    from statarb.data.synthetic.market import simulate_market as simulate_market
    from statarb.errors import DataError as DataError
    from statarb.errors import DataWarning as DataWarning
    from statarb.errors import InfeasibleError as InfeasibleError
    from statarb.errors import LookAheadError as LookAheadError
    from statarb.errors import ParameterError as ParameterError
    from statarb.forecasting.walk import forecast_walk as forecast_walk
    from statarb.forecasting.walk import run_forecasts as run_forecasts
    from statarb.investors.grid import parameter_grid as parameter_grid
    from statarb.optimization import MeanDownsideRisk as MeanDownsideRisk
    from statarb.optimization import RollingMeanDownsideRisk as RollingMeanDownsideRisk
    from statarb.optimization import batch_solve as batch_solve
    from statarb.report import write_report as write_report
    from statarb.rules import TradingRules as TradingRules
    from statarb.volatility import fit_garch as fit_garch
    from statarb.volatility import rolling_volatility as rolling_volatility
    from statarb.walk import Run as Run
    from statarb.walk import walk_forward as walk_forward
    from statarb.walk.league import league as league

from statarb._core.version import __version__

_PUBLIC = {
    "errors": ("DataError", "DataWarning", "InfeasibleError", "LookAheadError", "ParameterError"),
    "rules": ("TradingRules",),
    "data.panel": ("Panel",),
    "data.ingest.readers": ("read_quotes", "read_coins"),
    "data.synthetic.market": ("simulate_market",),
    "data.ingest.writers": ("write_quotes",),
    "data.quality": ("quality_report",),
    "data.selection": ("select_assets",),
    "data.imputation": ("impute",),
    "data.ingest.ohlcv": ("read_ohlcv",),
    "data.ingest.events": ("read_events",),
    "backtest.replay": ("replay", "Replay"),
    "backtest.performance": ("generalised_asymmetric_return", "Score"),
    "forecasting.walk": ("forecast_walk", "run_forecasts"),
    "volatility": ("fit_garch", "rolling_volatility"),
    "cointegration": ("scan_pairs", "johansen", "Spread", "PairsSignal"),
    "optimization": ("MeanDownsideRisk", "RollingMeanDownsideRisk", "batch_solve"),
    "walk": ("walk_forward", "Run"),
    "walk.league": ("league",),
    "investors.grid": ("parameter_grid",),
    "report": ("write_report",),
}
_MODULES = (
    "backtest",
    "cointegration",
    "data",
    "forecasting",
    "investors",
    "optimization",
    "report",
    "results",
    "testing",
    "volatility",
)
_HOME = {name: module for module, names in _PUBLIC.items() for name in names}

__all__ = ["__version__", *sorted(_HOME), *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    elif name in _MODULES:
        value = importlib.import_module(f"{__name__}.{name}")
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)

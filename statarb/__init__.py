"""Statistical arbitrage research on large universes of 5-minute quotes.

Usual import: ``import statarb as sa``. Names are loaded when they are first used, so that importing is quick.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "errors": ("DataError", "InfeasibleError", "LookAheadError", "ParameterError"),
    "rules": ("TradingRules",),
    "data.panel": ("Panel",),
    "data.readers": ("read_quotes", "read_coins"),
    "data.synthetic": ("simulate_market",),
    "data.quality": ("quality_report",),
    "data.selection": ("select_coins",),
    "data.imputation": ("impute",),
    "data.ohlcv": ("read_ohlcv",),
    "data.events": ("read_events",),
    "backtest.replay": ("replay", "Replay"),
    "backtest.performance": ("generalised_asymmetric_return", "Score"),
    "forecasting.walk": ("forecast_walk",),
    "volatility": ("fit_garch", "rolling_volatility"),
    "cointegration": ("scan_pairs", "johansen", "Spread", "PairsSignal"),
    "optimization": ("MeanDownsideRisk", "RollingMeanDownsideRisk", "batch_solve"),
    "walkforward": ("walk_forward", "Run"),
    "leagues": ("league",),
}
_MODULES = (
    "backtest",
    "cointegration",
    "data",
    "forecasting",
    "investors",
    "optimization",
    "report",
    "submission",
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

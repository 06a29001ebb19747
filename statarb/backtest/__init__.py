"""Backtest: replay of target weights, accounts, and performance measures."""

from statarb.backtest.account import Account, numeraire_price
from statarb.backtest.performance import (
    Score,
    downside_deviation,
    generalised_asymmetric_return,
    maximum_drawdown,
    score_path,
    step_returns,
)
from statarb.backtest.replay import Replay, replay

__all__ = [
    "Account",
    "Replay",
    "Score",
    "downside_deviation",
    "generalised_asymmetric_return",
    "maximum_drawdown",
    "numeraire_price",
    "replay",
    "score_path",
    "step_returns",
]

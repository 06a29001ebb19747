"""What a decision would really have earned."""

from statarb.backtest.account import Account
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
    "replay",
    "score_path",
    "step_returns",
]

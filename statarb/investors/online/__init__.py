"""Online portfolio selection: model-free learners, after the survey of Li and Hoi (2014).

Follow-the-winner, follow-the-loser and pattern-matching learners, and benchmarks in hindsight.
"""

from __future__ import annotations

from statarb.investors.online.hindsight import BestAsset, BestConstantRebalanced
from statarb.investors.online.learner import Market, MarketInvestor, OnlineLearner
from statarb.investors.online.losers import CWMR, OLMAR, PAMR, Anticor
from statarb.investors.online.patterns import CORN
from statarb.investors.online.winners import (
    ExponentiatedGradient,
    FollowTheLeader,
    OnlineNewtonStep,
    UniversalPortfolio,
)

__all__ = [
    "CORN",
    "CWMR",
    "OLMAR",
    "PAMR",
    "Anticor",
    "BestAsset",
    "BestConstantRebalanced",
    "ExponentiatedGradient",
    "FollowTheLeader",
    "Market",
    "MarketInvestor",
    "OnlineLearner",
    "OnlineNewtonStep",
    "UniversalPortfolio",
]

"""Who decides: the wanted weights from a window and the holdings.

Importing the package registers every investor of the library; see :func:`make_investor`.
"""

from __future__ import annotations

from statarb.investors.base import INVESTORS, BaseInvestor, Investor, PeriodicInvestor, make_investor, register
from statarb.investors.baselines import Cash, EqualWeight, Hold, Momentum, Rebalanced
from statarb.investors.online import (
    CORN,
    CWMR,
    OLMAR,
    PAMR,
    Anticor,
    BestCoin,
    BestConstantRebalanced,
    ExponentiatedGradient,
    FollowTheLeader,
    OnlineNewtonStep,
    UniversalPortfolio,
)

__all__ = [
    "CORN",
    "CWMR",
    "INVESTORS",
    "OLMAR",
    "PAMR",
    "Anticor",
    "BaseInvestor",
    "BestCoin",
    "BestConstantRebalanced",
    "Cash",
    "EqualWeight",
    "ExponentiatedGradient",
    "FollowTheLeader",
    "Hold",
    "Investor",
    "Momentum",
    "OnlineNewtonStep",
    "PeriodicInvestor",
    "Rebalanced",
    "UniversalPortfolio",
    "make_investor",
    "register",
]

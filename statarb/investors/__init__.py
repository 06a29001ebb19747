"""Investors: target weights from a window and the holdings.

Importing the package registers every investor of the library; see :func:`make_investor`.
"""

from __future__ import annotations

from statarb.investors.adapters import (
    EstimatorInvestor,
    FunctionInvestor,
    Throttled,
    from_function,
    from_skfolio,
)
from statarb.investors.autonomous.investor import AutonomousInvestor
from statarb.investors.base import (
    INVESTORS,
    BaseInvestor,
    Investor,
    PeriodicInvestor,
    SignalDriven,
    make_investor,
    register,
)
from statarb.investors.benchmarks.baselines import (
    BuyAndHold,
    BuyAndHoldEqualWeight,
    Cash,
    Momentum,
    Rebalanced,
)
from statarb.investors.benchmarks.classic import (
    EqualWeight,
    InverseVolatility,
    MinimumVariance,
    Reversal,
    RiskParity,
    VolatilityTarget,
)
from statarb.investors.benchmarks.robots import (
    ChannelBreakout,
    MovingAverageCross,
    RelativeStrength,
)
from statarb.investors.grid import RefusedInvestor, parameter_grid
from statarb.investors.online import (
    CORN,
    CWMR,
    OLMAR,
    PAMR,
    Anticor,
    BestAsset,
    BestConstantRebalanced,
    ExponentiatedGradient,
    FollowTheLeader,
    OnlineNewtonStep,
    UniversalPortfolio,
)
from statarb.investors.stat_arb.garch_forecasts import GarchStandardised
from statarb.investors.stat_arb.investor import StatArb
from statarb.investors.stat_arb.lead_lag import LeadLag

__all__ = [
    "CORN",
    "CWMR",
    "INVESTORS",
    "OLMAR",
    "PAMR",
    "Anticor",
    "AutonomousInvestor",
    "BaseInvestor",
    "BestAsset",
    "BestConstantRebalanced",
    "BuyAndHold",
    "BuyAndHoldEqualWeight",
    "Cash",
    "ChannelBreakout",
    "EqualWeight",
    "EstimatorInvestor",
    "ExponentiatedGradient",
    "FollowTheLeader",
    "FunctionInvestor",
    "GarchStandardised",
    "InverseVolatility",
    "Investor",
    "LeadLag",
    "MinimumVariance",
    "Momentum",
    "MovingAverageCross",
    "OnlineNewtonStep",
    "PeriodicInvestor",
    "Rebalanced",
    "RefusedInvestor",
    "RelativeStrength",
    "Reversal",
    "RiskParity",
    "SignalDriven",
    "StatArb",
    "Throttled",
    "UniversalPortfolio",
    "VolatilityTarget",
    "from_function",
    "from_skfolio",
    "make_investor",
    "parameter_grid",
    "register",
]

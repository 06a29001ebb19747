"""Who decides: the wanted weights from a window and the holdings.

Importing the package registers every investor of the library; see :func:`make_investor`.
"""

from __future__ import annotations

from statarb.investors.base import INVESTORS, BaseInvestor, Investor, PeriodicInvestor, make_investor, register
from statarb.investors.baselines import Cash, EqualWeight, Hold, Momentum, Rebalanced
from statarb.investors.lead_lag import LeadLag

__all__ = [
    "INVESTORS",
    "BaseInvestor",
    "Cash",
    "EqualWeight",
    "Hold",
    "Investor",
    "LeadLag",
    "Momentum",
    "PeriodicInvestor",
    "Rebalanced",
    "make_investor",
    "register",
]

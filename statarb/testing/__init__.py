"""Checks of contracts: that nothing looks ahead, and that investors, forecasters and imputers keep
their promises. :func:`oracle` is the yardstick on a control market, with something planted or not.

Every check raises :class:`statarb.LookAheadError` where a result changes when only the future was
changed, and :class:`AssertionError` where another promise is broken; both say where and by how
much. What passes returns a :class:`CheckReport` of what was run.
"""

from __future__ import annotations

from statarb.testing.causality import CheckReport, check_causal
from statarb.testing.contracts import check_forecaster, check_investor
from statarb.testing.futures import FUTURES, changed_future, example_market
from statarb.testing.imputers import check_imputer
from statarb.testing.yardstick import oracle

__all__ = [
    "FUTURES",
    "CheckReport",
    "changed_future",
    "check_causal",
    "check_forecaster",
    "check_imputer",
    "check_investor",
    "example_market",
    "oracle",
]

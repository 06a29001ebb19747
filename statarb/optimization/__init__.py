"""Mean-downside-risk portfolios: stated in cvxpy, solved fast, certified."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from statarb.optimization.mean_downside_risk import MeanDownsideRisk as MeanDownsideRisk

_HOME = {
    "MeanDownsideRisk": "mean_downside_risk",
    "Solution": "solution",
    "Scenarios": "inputs",
    "read_scenarios": "inputs",
    "Program": "program",
    "FastSolver": "solver",
    "Statement": "statement",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)

"""Mean-downside-risk portfolios: stated in cvxpy, solved fast, certified."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from statarb.optimization.batch import BatchProblem as BatchProblem
    from statarb.optimization.batch import batch_solve as batch_solve
    from statarb.optimization.certificate import Certificate as Certificate
    from statarb.optimization.certificate import certify_min_risk as certify_min_risk
    from statarb.optimization.certificate import certify_ratio as certify_ratio
    from statarb.optimization.certificate import certify_utility as certify_utility
    from statarb.optimization.cvxpy_problem import Statement as Statement
    from statarb.optimization.frontier import Frontier as Frontier
    from statarb.optimization.frontier import frontier as frontier
    from statarb.optimization.frontier import sensitivity as sensitivity
    from statarb.optimization.inputs import Scenarios as Scenarios
    from statarb.optimization.inputs import read_scenarios as read_scenarios
    from statarb.optimization.mean_downside_risk import MeanDownsideRisk as MeanDownsideRisk
    from statarb.optimization.orders import order_limits as order_limits
    from statarb.optimization.program import Program as Program
    from statarb.optimization.risk import PortfolioRisk as PortfolioRisk
    from statarb.optimization.risk import asset_risk as asset_risk
    from statarb.optimization.risk import downside_deviation as downside_deviation
    from statarb.optimization.risk import entropy as entropy
    from statarb.optimization.risk import expected_shortfall as expected_shortfall
    from statarb.optimization.risk import portfolio_risk as portfolio_risk
    from statarb.optimization.risk import value_at_risk as value_at_risk
    from statarb.optimization.risk import variance as variance
    from statarb.optimization.rolling import RollingMeanDownsideRisk as RollingMeanDownsideRisk
    from statarb.optimization.solution import Solution as Solution
    from statarb.optimization.solver import FastSolver as FastSolver

_HOME = {
    "MeanDownsideRisk": "mean_downside_risk",
    "RollingMeanDownsideRisk": "rolling",
    "Solution": "solution",
    "Scenarios": "inputs",
    "read_scenarios": "inputs",
    "Program": "program",
    "FastSolver": "solver",
    "Statement": "cvxpy_problem",
    "Certificate": "certificate",
    "certify_min_risk": "certificate",
    "certify_ratio": "certificate",
    "certify_utility": "certificate",
    "BatchProblem": "batch",
    "batch_solve": "batch",
    "Frontier": "frontier",
    "frontier": "frontier",
    "sensitivity": "frontier",
    "order_limits": "orders",
    "PortfolioRisk": "risk",
    "asset_risk": "risk",
    "downside_deviation": "risk",
    "entropy": "risk",
    "expected_shortfall": "risk",
    "portfolio_risk": "risk",
    "value_at_risk": "risk",
    "variance": "risk",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)

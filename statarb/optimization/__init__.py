"""Mean-downside-risk portfolios: a certified fast solver, the same problem in cvxpy, and risk
measures.

cvxpy and matplotlib are imported where they are first needed, not here.
"""

from statarb.optimization.batch import BatchProblem, batch_solve
from statarb.optimization.certificate import (
    Certificate,
    certify_min_risk,
    certify_ratio,
    certify_utility,
)
from statarb.optimization.cvxpy_problem import CvxpyProblem
from statarb.optimization.frontier import Frontier, frontier, sensitivity
from statarb.optimization.inputs import Scenarios, read_scenarios
from statarb.optimization.mean_downside_risk import MeanDownsideRisk
from statarb.optimization.orders import order_limits
from statarb.optimization.program import Program
from statarb.optimization.risk import (
    PortfolioRisk,
    asset_risk,
    downside_deviation,
    entropy,
    expected_shortfall,
    portfolio_risk,
    value_at_risk,
    variance,
)
from statarb.optimization.rolling import RollingMeanDownsideRisk
from statarb.optimization.solution import Solution

__all__ = [
    "BatchProblem",
    "Certificate",
    "CvxpyProblem",
    "Frontier",
    "MeanDownsideRisk",
    "PortfolioRisk",
    "Program",
    "RollingMeanDownsideRisk",
    "Scenarios",
    "Solution",
    "asset_risk",
    "batch_solve",
    "certify_min_risk",
    "certify_ratio",
    "certify_utility",
    "downside_deviation",
    "entropy",
    "expected_shortfall",
    "frontier",
    "order_limits",
    "portfolio_risk",
    "read_scenarios",
    "sensitivity",
    "value_at_risk",
    "variance",
]

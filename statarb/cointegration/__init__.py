"""Cointegrated pairs and baskets, and their spreads."""

from statarb.cointegration.hedge import Hedge, hedge_ratio, rolling_hedge_ratio
from statarb.cointegration.inputs import log_prices
from statarb.cointegration.johansen_scan import JohansenScan, scan_johansen
from statarb.cointegration.johansen_test import JohansenResult, johansen
from statarb.cointegration.kalman_hedge import KalmanHedge, kalman_hedge_ratio
from statarb.cointegration.kept_pairs import KeptPairs
from statarb.cointegration.ornstein_uhlenbeck import OrnsteinUhlenbeck, Thresholds, fit_ou
from statarb.cointegration.pair_scan import PairScan
from statarb.cointegration.pairs import PairsSignal
from statarb.cointegration.persistence import (
    PairPersistence,
    pair_persistence,
    spread_path,
)
from statarb.cointegration.pvalues import adjust_pvalues, mackinnon_pvalue
from statarb.cointegration.residual_tests import EngleGranger, engle_granger, phillips_ouliaris
from statarb.cointegration.scan import scan_pairs
from statarb.cointegration.selection import (
    PrincipalResiduals,
    cluster_pairs,
    correlation_pairs,
    distance_pairs,
    principal_residuals,
)
from statarb.cointegration.spreads import Spread, hurst_exponent, variance_ratio

__all__ = [
    "EngleGranger",
    "Hedge",
    "JohansenResult",
    "JohansenScan",
    "KalmanHedge",
    "KeptPairs",
    "OrnsteinUhlenbeck",
    "PairPersistence",
    "PairScan",
    "PairsSignal",
    "PrincipalResiduals",
    "Spread",
    "Thresholds",
    "adjust_pvalues",
    "cluster_pairs",
    "correlation_pairs",
    "distance_pairs",
    "engle_granger",
    "fit_ou",
    "hedge_ratio",
    "hurst_exponent",
    "johansen",
    "kalman_hedge_ratio",
    "log_prices",
    "mackinnon_pvalue",
    "pair_persistence",
    "phillips_ouliaris",
    "principal_residuals",
    "rolling_hedge_ratio",
    "scan_johansen",
    "scan_pairs",
    "spread_path",
    "variance_ratio",
]

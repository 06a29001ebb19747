"""Cointegrated pairs and baskets, and their spreads."""

from statarb.cointegration.hedge import (
    Hedge,
    KalmanHedge,
    hedge_ratio,
    kalman_hedge_ratio,
    rolling_hedge_ratio,
)
from statarb.cointegration.inputs import log_prices
from statarb.cointegration.johansen import JohansenResult, JohansenScan, johansen, scan_johansen
from statarb.cointegration.ornstein_uhlenbeck import OrnsteinUhlenbeck, Thresholds, fit_ou
from statarb.cointegration.pair_scan import PairScan
from statarb.cointegration.pairs import PairsSignal
from statarb.cointegration.phillips_ouliaris import phillips_ouliaris
from statarb.cointegration.pvalues import adjust_pvalues, mackinnon_pvalue
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
    "Hedge",
    "JohansenResult",
    "JohansenScan",
    "KalmanHedge",
    "OrnsteinUhlenbeck",
    "PairScan",
    "PairsSignal",
    "PrincipalResiduals",
    "Spread",
    "Thresholds",
    "adjust_pvalues",
    "cluster_pairs",
    "correlation_pairs",
    "distance_pairs",
    "fit_ou",
    "hedge_ratio",
    "hurst_exponent",
    "johansen",
    "kalman_hedge_ratio",
    "log_prices",
    "mackinnon_pvalue",
    "phillips_ouliaris",
    "principal_residuals",
    "rolling_hedge_ratio",
    "scan_johansen",
    "scan_pairs",
    "variance_ratio",
]

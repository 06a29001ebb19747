"""Cointegrated pairs and baskets, and their spreads."""

from statarb.cointegration._inputs import log_prices
from statarb.cointegration.engle_granger import scan_pairs
from statarb.cointegration.pair_scan import PairScan
from statarb.cointegration.pvalues import adjust_pvalues, mackinnon_pvalue

__all__ = [
    "PairScan",
    "adjust_pvalues",
    "log_prices",
    "mackinnon_pvalue",
    "scan_pairs",
]

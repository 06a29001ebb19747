"""How much of the gain does the fee take? Walks from no fee to one at which trading no longer pays.

``lead_lag`` under fees from nothing to 1 % of turnover: once it knows the fee (it buys what is
expected to gain more than the fee, and sells what is expected to lose six tenths of it), once it
keeps the thresholds made for the case's 0.25 %. Run from the repository's root:

    python research/fee_sensitivity.py                       # the real quotes, see
    STATARB_CASE_DATA in research/README.md python research/fee_sensitivity.py --market synthetic
"""

from __future__ import annotations

import pandas as pd
from _studies import (
    LAGS,
    START,
    Forecasts,
    Market,
    Outcome,
    Recalled,
    by_lag,
    lag_figure,
    run_study,
    scored,
)

import statarb as sa

FEES = (0.0, 0.0005, 0.001, 0.0025, 0.005, 0.01)
QUICK = (0.0, 0.0025, 0.01)
CASE, EXIT = 0.0025, 0.6
KNOWS, FIXED = "knows the fee", "thresholds of 0.25 %"


def study(market: Market) -> Outcome:
    """Walk each fee at both lags."""
    panel = market.panel
    forecasts = Forecasts(panel)
    trials = {}
    for fee in market.settings(FEES, QUICK):
        rules = sa.TradingRules(fee=fee)
        for lag in LAGS:
            for how, band in ((KNOWS, fee), (FIXED, CASE)):
                trader = Recalled(
                    entry=band,
                    exit=EXIT * band,
                    forecasts=forecasts.from_the_trade(1, lag),
                )
                trials[100.0 * fee, how, lag] = sa.walk_forward(
                    trader, panel, rules, start=START, decision_lag=lag, progress=True
                ).replay.value
    scores = scored(trials, market.draws, market.seed)
    table = by_lag(scores, "fee, %")
    table["fee, %"] = table["fee, %"].map("{:g}".format)
    finding = f"At lag 0 {_limit(scores, 0)}; at lag 1 {_limit(scores, 1)}."
    return Outcome(
        {"Fee": table}, lag_figure(scores, "fee, % of turnover", linear_below=100.0), finding
    )


def _limit(scores: pd.DataFrame, lag: int) -> str:
    """Say up to which fee an investor who knows it gains for sure."""
    side = scores[(scores["lag"] == lag) & (scores["investor"] == KNOWS)]
    gains = side.loc[side["low"] > 0.0, "setting"]
    if gains.empty:
        least = side.loc[side["setting"].idxmin()]
        return (
            "no fee tried leaves a gain beyond chance to one who knows it, not even "
            f"{least['setting']:g} %"
        )
    if gains.max() == side["setting"].max():
        return (
            f"one who knows the fee gains beyond chance even at {gains.max():g} %, the largest "
            "that was tried"
        )
    if gains.max() == 0.0:
        return "one who knows the fee gains beyond chance only where it is 0 %"
    return f"one who knows the fee gains beyond chance at fees of up to {gains.max():g} %"


if __name__ == "__main__":
    run_study(study, __doc__)

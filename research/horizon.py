"""What is the best investment horizon L? How far to forecast, and how often to look again.

``lead_lag`` forecasts the return of the L rows that begin with its trade (it knows its delay), buys
what is expected to gain more than the fee, and either looks again after L steps, keeping its
holdings in between, or at every step. Run from the repository's root:

    python research/horizon.py                       # the real quotes, see STATARB_CASE_DATA in
    research/README.md python research/horizon.py --market synthetic
"""

from __future__ import annotations

from _studies import (
    LAGS,
    START,
    Forecasts,
    Market,
    Outcome,
    Recalled,
    best_of,
    by_lag,
    lag_figure,
    plain,
    run_study,
    scored,
    verdict,
)

import statarb as sa
from statarb.investors import Throttled

HORIZONS = (1, 2, 3, 6, 12, 24, 72, 144, 288)
QUICK = (1, 6, 48)
EVERY_L, EVERY_STEP = "asked every L rows", "asked at every row"


def study(market: Market) -> Outcome:
    """Walk each horizon at both lags, once asked every L rows, once at every row."""
    panel = market.panel
    forecasts = Forecasts(panel)
    trials = {}
    for span in market.settings(HORIZONS, QUICK):
        for lag in LAGS:
            trader = Recalled(forecasts=forecasts.from_the_trade(span, lag))
            for how, investor in ((EVERY_L, Throttled(trader, every=span)), (EVERY_STEP, trader)):
                if span == 1 and how == EVERY_STEP:  # the same thing
                    trials[span, how, lag] = trials[span, EVERY_L, lag]
                else:
                    trials[span, how, lag] = sa.walk_forward(
                        investor, panel, start=START, decision_lag=lag, progress=True
                    ).replay.value
    scores = scored(trials, market.draws, market.seed)
    now, late = best_of(scores, 0), best_of(scores, 1)
    finding = (
        f"At lag 0 the best horizon is L = {now['setting']} ({now['investor']}), with a G of "
        f"{plain(now['G'])}; "
        f"at lag 1 it is L = {late['setting']} ({late['investor']}), with a G of "
        f"{plain(late['G'])}, {verdict(late)}."
    )
    figure = lag_figure(scores, "horizon L, steps of 5 minutes", log=True)
    return Outcome({"Horizon L": by_lag(scores, "L")}, figure, finding)


if __name__ == "__main__":
    run_study(study, __doc__)

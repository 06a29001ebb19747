"""What is the best window D? The number of past rows that a decision learns from.

``lead_lag`` with forecasts of one and of six rows from its trade on, learnt on windows of 144 rows
(half a day) to 2016 rows (a week, the most that the case allows). Run from the repository's root:

    python research/window.py                       # the real quotes, see STATARB_CASE_DATA in
    research/README.md python research/window.py --market synthetic
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

WINDOWS = (144, 288, 576, 1008, 2016)
QUICK = (144, 576, 2016)
HORIZONS = (1, 6)


def study(market: Market) -> Outcome:
    """Walk each window and horizon at both lags."""
    panel = market.panel
    forecasts = Forecasts(panel)
    trials = {}
    for depth in market.settings(WINDOWS, QUICK):
        for span in HORIZONS:
            expected = {lag: forecasts.from_the_trade(span, lag, depth) for lag in LAGS}
            if any(one.isna().all(axis=None) for one in expected.values()):
                # the window is too short for the model: to stay in cash for that is no choice
                continue
            for lag in LAGS:
                run = sa.walk_forward(
                    Recalled(forecasts=expected[lag]),
                    panel,
                    start=START,
                    depth=depth,
                    decision_lag=lag,
                    progress=True,
                )
                trials[depth, f"forecasts {span} row{'s' * (span > 1)}", lag] = run.replay.value
    scores = scored(trials, market.draws, market.seed)
    now, late = best_of(scores, 0), best_of(scores, 1)
    finding = (
        f"At lag 0 the best window is D = {now['setting']} ({now['investor']}), with a G of "
        f"{plain(now['G'])}; "
        f"at lag 1 it is D = {late['setting']} ({late['investor']}), with a G of "
        f"{plain(late['G'])}, {verdict(late)}."
    )
    return Outcome({"Window D": by_lag(scores, "D")}, lag_figure(scores, "window D, rows"), finding)


if __name__ == "__main__":
    run_study(study, __doc__)

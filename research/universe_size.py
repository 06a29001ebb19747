"""How many assets to trade? And how many to learn from.

The n assets of the largest market capitalisation at the first decision (the numeraire first: order
limits need its price) are traded by ``lead_lag``, once informed by the quotes of these n alone,
once by those of all assets. An asset may take a tenth of the value, or an equal share where n is
below ten. Run from the repository's root:

    python research/universe_size.py                       # the real quotes, see STATARB_CASE_DATA
    in research/README.md python research/universe_size.py --market synthetic
"""

from __future__ import annotations

from collections.abc import Hashable

import numpy as np
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

SIZES = (2, 5, 10, 15)
QUICK = (2, 5)
ALONE, ALL = "informed by these", "informed by all"


def largest_first(panel: sa.Panel) -> list[Hashable]:
    """Return the assets by market capitalisation at the first decision, the numeraire before
    all.
    """
    known = panel.between(None, START)
    size = (
        known.last_known("market_cap")[-1]
        if "market_cap" in panel.fields
        else np.zeros(len(panel.assets))
    )
    order = panel.assets[np.argsort(-np.nan_to_num(size, nan=-1.0), kind="stable")]
    return sorted(order, key=lambda asset: asset != panel.numeraire)


def study(market: Market) -> Outcome:
    """Walk each number of assets at both lags."""
    panel = market.panel
    order = largest_first(panel)
    informed = Forecasts(panel)
    trials = {}
    sizes = [size for size in market.settings(SIZES, QUICK) if size < len(order)]
    for size in [*sizes, len(order)]:
        chosen = panel.select(order[:size])
        alone = Forecasts(chosen) if size < len(order) else informed
        for lag in LAGS:
            for how, forecasts in ((ALONE, alone), (ALL, informed)):
                expected = forecasts.from_the_trade(1, lag)[chosen.assets]
                trader = Recalled(cap=max(0.1, 1.0 / size), forecasts=expected)
                trials[size, how, lag] = sa.walk_forward(
                    trader, chosen, start=START, decision_lag=lag, progress=True
                ).replay.value
    scores = scored(trials, market.draws, market.seed)
    now, late = best_of(scores, 0), best_of(scores, 1)
    finding = (
        f"At lag 0 trading {now['setting']} assets is best ({now['investor']}), with a G of "
        f"{plain(now['G'])}; "
        f"at lag 1 it is {late['setting']} assets ({late['investor']}), with a G of "
        f"{plain(late['G'])}, {verdict(late)}."
    )
    return Outcome(
        {"Number of assets": by_lag(scores, "assets")}, lag_figure(scores, "assets traded"), finding
    )


if __name__ == "__main__":
    run_study(study, __doc__)

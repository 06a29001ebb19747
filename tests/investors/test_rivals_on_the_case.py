"""The rivals on the real rows: what was measured before this library, and what follows from how
each rival works.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.investors import make_investor

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("lag", [0, 1])
@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        # In percent, net of fees, 2018-01-25 to 2018-02-28: figures of a study that was made
        # independently of this code, with room for what it left open (which assets count as listed,
        # ties, orders cut).
        ("cash", 0.0, 0.0),
        ("buy_and_hold", -6.0, -5.0),
        ("equal_weight_hold", -21.0, -18.0),
        ("rebalanced", -21.0, -18.0),
        ("eg", -21.0, -18.0),
        ("universal", -21.0, -18.0),
        ("olmar", -100.0, -95.0),
        ("pamr", -100.0, -95.0),
        ("anticor", -100.0, -80.0),
        ("corn", -100.0, -40.0),
        ("momentum", -40.0, -10.0),
    ],
)
def test_returns_are_those_known(
    real_panel: sa.Panel, name: str, low: float, high: float, lag: int
) -> None:
    run = sa.walk_forward(make_investor(name), real_panel, decision_lag=lag)
    assert run.replay.failures == 0
    assert low <= 100.0 * run.replay.score().total_return <= high


def test_no_constant_portfolio_grows_faster_than_the_best_in_hindsight(
    real_panel: sa.Panel,
) -> None:
    judged = real_panel.between("2018-01-25", None)
    price = judged.last_known()
    relatives = np.nan_to_num(price[1:] / price[:-1], nan=1.0)

    def grown(weights: np.ndarray) -> float:
        return float(np.log(relatives @ weights).sum())

    held = pd.Series(0.0, index=judged.assets)
    best, asset = (
        make_investor(name)
        .fit_hindsight(judged)
        .decide(judged, held)
        .reindex(judged.assets, fill_value=0.0)
        .to_numpy()
        for name in ("best_crp", "best_asset")
    )
    rng = np.random.default_rng(0)
    others = [
        *np.eye(len(asset)),
        *rng.dirichlet(np.ones(len(asset)), 50),
        *rng.dirichlet(np.full(len(asset), 0.1), 50),
    ]
    # The certificate is 1e-10 a row.
    assert max(grown(one) for one in others) <= grown(best) + 1e-10 * len(relatives)
    assert max(grown(one) for one in np.eye(len(asset))) == grown(asset)

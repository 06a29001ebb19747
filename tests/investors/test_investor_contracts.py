"""What holds for every registered investor: the contract, causality, and markets that are none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from investor_markets import panel_of, random_prices, walk

import statarb as sa
from statarb.investors import INVESTORS, make_investor
from statarb.testing import check_investor

SMALL = {
    "autonomous": {"warm_up": 30},
    "momentum": {"lookback": 20, "every": 1},
    "reversal": {"every": 1},
    "minimum_variance": {"every": 1},
    "risk_parity": {"every": 1},
    "inverse_volatility": {"every": 1},
    "volatility_target": {"every": 1},
    "universal": {"samples": 50},
    "corn": {"lookback": 60},
    "follow_the_leader": {"lookback": 60},
    "moving_average_cross": {"slow": 30},
    "channel_breakout": {"entry": 30, "exit": 10},
    "relative_strength": {"lookback": 30},
}
NAMES = sorted(
    name for name, made in INVESTORS.items() if made.__module__.rpartition(".")[2] != "lead_lag"
)
CAUSAL = [name for name in NAMES if not INVESTORS[name].hindsight]


def made(name: str):
    return make_investor(name, **SMALL.get(name, {}))


def gappy_market() -> sa.Panel:
    """Two days with a gap of 62 hours between them, missing cells, a late listing and an asset
    that dies.
    """
    prices = random_prices(240, 5, seed=11)
    prices[np.random.default_rng(1).random(prices.shape) < 0.1] = np.nan
    prices[:150, 3] = np.nan
    prices[90:, 4] = np.nan
    index = pd.date_range("2018-01-25 20:00", periods=240, freq="5min", unit="us")
    index = index[:120].append(index[120:] + pd.Timedelta("62h"))
    return sa.Panel.from_frame(
        pd.DataFrame(prices, index=index, columns=range(1442, 1447)), step="5min"
    )


@pytest.mark.parametrize("name", CAUSAL)
def test_every_investor_keeps_the_contract(name: str) -> None:
    check_investor(made(name), cuts=2)
    check_investor(made(name), gappy_market(), cuts=2, seed=1)


@pytest.mark.parametrize("name", CAUSAL)
def test_the_future_changes_no_decision(name: str) -> None:
    panel = gappy_market()
    cut = 160
    before = walk(made(name), panel.between(None, panel.times[cut]), first=60)
    for how in sa.testing.FUTURES:
        changed = sa.testing.changed_future(panel, panel.times[cut], how, seed=3)
        after = walk(made(name), changed, rows=range(60, cut + 1))
        assert after.equals(before), how


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "prices",
    [
        random_prices(1, 3),
        random_prices(60, 1),
        np.ones((60, 3)),
        np.where(np.arange(60)[:, None] % 20 == np.arange(3), 2.0, np.nan),
        np.array([[1e-9, 1e6, 1.0], [1e6, 1e-9, 1.0]] * 20),
    ],
    ids=["one row", "one asset", "constant", "hardly quoted", "from 1e-9 to 1e6"],
)
def test_markets_that_are_none(name: str, prices: np.ndarray) -> None:
    panel = panel_of(prices)
    targets = walk(made(name), panel).to_numpy()
    kept = np.isnan(targets).all(axis=1)
    assert np.isfinite(targets[~kept]).all()
    assert (targets[~kept] >= 0.0).all()
    assert (targets[~kept].sum(axis=1) <= 1.0 + 1e-9).all()
    recent = (
        pd.DataFrame(~np.isnan(panel.array("price")))
        .rolling(12, min_periods=1)
        .max()
        .to_numpy(dtype=bool)
    )
    assert (targets[~kept][~recent[~kept]] == 0.0).all()


@pytest.mark.parametrize("name", CAUSAL)
def test_a_price_that_was_filled_in_is_no_quote(name: str) -> None:
    prices = random_prices(80, 4, seed=5)
    prices[40:, 2] = np.nan
    prices[:60, 3] = np.nan
    gaps = panel_of(prices)
    filled = gaps.with_arrays(
        {"price": gaps.last_known()}, observed=gaps.observed_array, imputation="lvcf"
    )
    targets = walk(made(name), filled)
    late = targets.iloc[41 + 12 :, 2] if name != "equal_weight_hold" else targets.iloc[:0, 2]
    assert (late.dropna() == 0.0).all()
    assert (targets.iloc[:60, 3].dropna() == 0.0).all()


@pytest.mark.parametrize("name", NAMES)
def test_a_walk_with_fees_and_limits_has_no_failure(name: str) -> None:
    panel = gappy_market()
    investor = made(name)
    if investor.hindsight:
        # the walk shows it the span, and says so
        run = sa.walk_forward(investor, panel, start=panel.times[40])
        assert len(run.failures) == 0
        assert run.metrics()["hindsight"] is True
        with pytest.raises(sa.ParameterError, match="hindsight"):
            investor.decide(panel.window(panel.times[50]), pd.Series(0.0, index=panel.assets))
        return
    for lag in (0, 1):
        run = sa.walk_forward(investor, panel, start=panel.times[40], decision_lag=lag)
        assert run.replay.failures == 0
        assert np.isfinite(run.replay.value).all()

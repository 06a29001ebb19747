"""Rolling volatilities: causal, the same for every number of jobs, and what a fit on the window
says.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.testing import check_causal
from statarb.volatility import arch_forecaster, ewma


def market(times: int = 700, assets: int = 4, seed: int = 0) -> sa.Panel:
    """GARCH prices of every hour with missing cells, a gap, a late asset and one whose price
    never changes.
    """
    rng = np.random.default_rng(seed)
    h, r = np.full(assets, 1e-4), np.zeros((times, assets))
    for t in range(1, times):
        r[t] = np.sqrt(h) * rng.standard_normal(assets)
        h = 5e-6 + 0.1 * r[t] ** 2 + 0.85 * h
    prices = 100 * np.exp(np.cumsum(r, axis=0))
    prices[:, -1] = 5.0
    prices[rng.random(prices.shape) < 0.05] = np.nan
    prices[300:303] = np.nan
    prices[:200, 1] = np.nan
    index = pd.date_range("2018-01-20 11:00", periods=times, freq="h", unit="us")
    return sa.Panel.from_frame(pd.DataFrame(prices, index=index, columns=list("abcd")[:assets]))


def panel_returns(panel: sa.Panel) -> pd.DataFrame:
    return pd.DataFrame(panel.log_returns(), index=panel.times, columns=panel.assets)


def test_the_users_time_zone_comes_back_and_changes_nothing():
    panel = market(400)
    local = panel.price.tz_localize("UTC").tz_convert("Asia/Tokyo")
    here, there = (
        sa.rolling_volatility(one, depth=200) for one in (panel, sa.Panel.from_frame(local))
    )
    assert str(there.index.tz) == "Asia/Tokyo"
    assert np.array_equal(here.to_numpy(), there.to_numpy(), equal_nan=True)


@pytest.mark.parametrize(
    ("model", "distribution"), [("garch", "normal"), ("gjr", "t"), ("ewma", "normal")]
)
def test_nothing_comes_from_the_future(model, distribution):
    def rolling(panel: sa.Panel) -> pd.DataFrame:
        return sa.rolling_volatility(panel, model, distribution, depth=200)

    check_causal(rolling, market(400), cuts=3)


def test_nothing_comes_from_the_future_of_a_model_of_arch():
    def rolling(panel: sa.Panel) -> pd.DataFrame:
        return sa.rolling_volatility(panel, arch_forecaster("egarch"), depth=200, refit_every="5D")

    check_causal(rolling, market(300, 2), cuts=2)


def test_a_planted_leak_is_caught():
    def leaking(panel: sa.Panel) -> pd.DataFrame:
        return sa.rolling_volatility(panel, "ewma").shift(-1)

    with pytest.raises(sa.LookAheadError):
        check_causal(leaking, market(300), cuts=2)


def test_every_number_of_jobs_gives_the_same_bits():
    panel = market(400)
    one = sa.rolling_volatility(panel, "gjr", "t", depth=200)
    assert one.equals(sa.rolling_volatility(panel, "gjr", "t", depth=200, n_jobs=3))


def test_at_a_refit_the_value_is_the_forecast_of_a_fit_on_the_window():
    """The first row of a day: the fit sees the rows up to and with it, and forecasts the next
    one.
    """
    panel = market()
    rolling = sa.rolling_volatility(panel, depth=250, extra_starts=-1)
    returns = panel_returns(panel)
    first = [
        t for t in returns.index if t == returns.index[returns.index.floor("D") == t.floor("D")][0]
    ]
    for t in first[-3:]:
        window = returns.loc[:t].iloc[-250:]
        fit = sa.fit_garch(window)
        same = (fit.status == "converged").to_numpy()
        assert same.sum() >= 2
        # A warm start ends within the tolerance of the search, not on the same bits.
        assert rolling.loc[t].to_numpy()[same] == pytest.approx(
            fit.forecast().to_numpy()[0][same], rel=1e-2
        )
        day = returns.loc[t:].iloc[1:20]
        assert fit.update(day.iloc[0]).forecast().to_numpy()[0][same] == pytest.approx(
            rolling.loc[day.index[0]].to_numpy()[same], rel=1e-2
        )


def test_the_grid_repeats_the_last_row_and_unseen_assets_wait():
    panel = market()
    grid, rows = (sa.rolling_volatility(panel, on=on, depth=250) for on in ("grid", "rows"))
    assert grid.index.equals(panel.grid)
    assert rows.index.equals(panel.times)
    assert len(rows) < len(grid)
    assert grid.loc[rows.index].equals(rows)
    assert grid.iloc[301].equals(grid.iloc[299].rename(grid.index[301]))
    assert grid["b"].iloc[:200].isna().all()
    assert (grid["d"].dropna() == 0.0).all(), "an asset that never moved has no volatility"


def test_before_the_first_refit_and_for_ewma_it_is_the_average():
    panel = market()
    average = ewma(panel_returns(panel), decay=0.9)
    assert sa.rolling_volatility(panel, "ewma", decay=0.9, on="rows").equals(average)
    early = sa.rolling_volatility(panel, "garch", decay=0.9, on="rows", refit_every="20D")
    days = early.index.to_numpy().astype("datetime64[us]").astype(np.int64) // (20 * 86_400_000_000)
    first = int(np.flatnonzero(np.diff(days) > 0)[0]) + 1
    assert early.iloc[:first].equals(average.iloc[:first])
    assert not early.iloc[first:].equals(average.iloc[first:])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model": "egarch"}, "model must be one of"),
        ({"distribution": "ged"}, "distribution"),
        ({"depth": 10}, "depth"),
        ({"refit_every": "soon"}, "refit_every"),
        ({"refit_every": "0h"}, "refit_every"),
        ({"decay": 1.0}, "decay"),
        ({"on": "cells"}, "on must be"),
        ({"field": "volume"}, "field must be one of"),
        ({"n_jobs": 0}, "n_jobs"),
    ],
)
def test_bad_options_are_named(options, words):
    with pytest.raises(sa.ParameterError, match=words):
        sa.rolling_volatility(market(100), **options)


def test_a_panel_filled_from_the_future_is_refused():
    panel = market(100)
    filled = panel.with_arrays({}, imputation="lint", looks_ahead=True)
    with pytest.raises(sa.DataError, match="looks ahead"):
        sa.rolling_volatility(filled)


@pytest.mark.slow
def test_on_real_coins_fitted_models_beat_the_constant(real_panel):
    sigma = sa.rolling_volatility(real_panel, "garch", "t", on="rows")
    returns = panel_returns(real_panel)
    late = returns.index >= "2018-02-01"
    for asset in (1442, 1443, 1448):
        forecast = sigma[asset].shift(1)[late] ** 2
        realised = returns[asset][late] ** 2
        constant = returns[asset].pow(2).expanding().mean().shift(1)[late]
        assert sa.volatility.qlike(realised, forecast) < sa.volatility.qlike(realised, constant)

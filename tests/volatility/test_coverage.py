"""Coverage of values at risk: counts and p-values by asset, of a right and a wrong volatility."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.volatility import christoffersen, coverage_table, kupiec, value_at_risk

TIMES = pd.date_range("2020-01-01", periods=4000, freq="h")


@pytest.fixture(scope="module")
def returns():
    values = np.random.default_rng(3).normal(0.0, 0.02, (4000, 2))
    return pd.DataFrame(values, index=TIMES, columns=["a", "b"])


def test_rows_are_those_of_the_tests(returns):
    sigma = pd.DataFrame({"a": 0.02, "b": 0.012}, index=TIMES)
    returns = returns.mask(np.random.default_rng(1).random(returns.shape) < 0.1)
    table = coverage_table(returns, sigma).set_index(["asset", "level"])
    assert table.index.tolist() == [("a", 0.01), ("a", 0.05), ("b", 0.01), ("b", 0.05)]
    for (asset, level), row in table.iterrows():
        known = returns[asset].dropna()
        hit = known < value_at_risk(sigma[asset], level)[known.index]
        assert row["observations"] == len(known)
        assert row["exceeded"] == hit.sum()
        assert row["rate"] == hit.mean()
        assert row["unconditional"] == kupiec(hit, level).pvalue
        assert row["independence"] == christoffersen(hit, kind="independence").pvalue
        assert row["conditional"] == christoffersen(hit, level).pvalue


def test_a_right_volatility_passes_and_a_low_one_fails(returns):
    sigma = pd.DataFrame({"a": 0.02, "b": 0.012}, index=TIMES)
    table = coverage_table(returns, sigma)
    right, low = (table[table["asset"] == name] for name in "ab")
    assert (right["unconditional"] > 0.05).all()
    assert (low["unconditional"] < 1e-10).all()
    assert (low["rate"] > low["level"]).all()


def test_an_asset_without_two_observations_is_left_out(returns):
    returns = returns.copy()
    returns.loc[TIMES[1] :, "a"] = np.nan
    sigma = pd.DataFrame(0.02, index=TIMES, columns=["a", "b"])
    assert coverage_table(returns, sigma)["asset"].tolist() == ["b", "b"]
    empty = coverage_table(returns * np.nan, sigma)
    assert len(empty) == 0
    assert "conditional" in empty


def test_what_does_not_belong_together_is_refused(returns):
    with pytest.raises(sa.DataError, match="returns and sigma must have the same columns"):
        coverage_table(returns, returns.abs().rename(columns={"a": "c"}))
    with pytest.raises(sa.ParameterError, match="levels"):
        coverage_table(returns, returns.abs(), [])
    with pytest.raises(sa.ParameterError, match="levels"):
        coverage_table(returns, returns.abs(), [1.0])

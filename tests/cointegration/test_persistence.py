"""Pairs in later samples: planted pairs are found again, random walks are not, counts add up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.cointegration import Spread, pair_persistence, scan_pairs, spread_path

TIMES = pd.date_range("2020-01-01", periods=1200, freq="h")


def market(*, planted: int, alone: int, seed: int = 0) -> pd.DataFrame:
    """Log prices: planted pairs "p0", "q0", ..., and random walks."""
    rng = np.random.default_rng(seed)
    logs = {}
    for number in range(planted):
        walk = rng.normal(0.0, 0.01, len(TIMES)).cumsum()
        logs[f"p{number}"] = walk + rng.normal(0.0, 0.01, len(TIMES))
        logs[f"q{number}"] = walk
    for number in range(alone):
        logs[f"w{number}"] = rng.normal(0.0, 0.01, len(TIMES)).cumsum()
    return pd.DataFrame(logs, index=TIMES)


def test_planted_pairs_are_found_again():
    found = pair_persistence(market(planted=3, alone=4), rows=300, lags=1)
    assert found.table["pairs"].tolist() == [45] * 4
    assert (found.table["found"] >= 3).all()
    assert (found.table["again"].iloc[:-1] >= 3).all()
    assert (found.table["again"] > 2.0 * found.table["chance"]).iloc[:-1].all()


def test_random_walks_are_not_found_again():
    found = pair_persistence(market(planted=0, alone=10), rows=300, lags=1)
    assert found.table["found"].sum() <= 5
    assert (found.table["again"].iloc[:-1] == 0.0).all()


def test_samples_share_no_row_and_end_with_the_last():
    logs = market(planted=1, alone=3)
    found = pair_persistence(logs, rows=500, lags=1)  # 1,200 rows hold two, the first 200 go
    assert found.table["start"].tolist() == [TIMES[200], TIMES[700]]
    assert found.table["end"].tolist() == [TIMES[699], TIMES[1199]]
    most = pair_persistence(logs, rows=100, samples=3, lags=1).table
    assert most["start"].tolist() == [TIMES[900], TIMES[1000], TIMES[1100]]
    halves = pair_persistence(logs, rows=1000, lags=1).table
    assert halves["start"].tolist() == [TIMES[0], TIMES[600]]


def test_counts_are_those_of_the_scans():
    logs = market(planted=3, alone=3, seed=5)
    found = pair_persistence(logs, rows=600, level=0.2, lags=1)
    sets = []
    for start, scan in zip((0, 600), found.scans, strict=True):
        plain = scan_pairs(logs.iloc[start : start + 600], lags=1)
        pd.testing.assert_frame_equal(scan.to_frame(), plain.to_frame())
        table = plain.to_frame()
        table = table[table["pvalue_adjusted"] <= 0.2]
        sets.append({frozenset(pair) for pair in zip(table["y"], table["x"], strict=True)})
    table = found.table
    assert table["found"].tolist() == [len(one) for one in sets]
    assert table["again"].iloc[0] == len(sets[0] & sets[1])
    assert table["chance"].iloc[0] == len(sets[0]) * len(sets[1]) / 36
    assert table[["again", "chance"]].iloc[-1].isna().all()


def test_pairs_that_revert_within_a_few_steps_can_be_left_out():
    logs = market(planted=3, alone=3, seed=5)  # planted deviations are white noise
    found = pair_persistence(logs, rows=600, shortest=6.0, lags=1)
    assert pair_persistence(logs, rows=600, lags=1).table["again"].iloc[0] >= 3
    assert found.table["again"].iloc[0] == 0
    assert found.table["pairs"].tolist() == [36, 36]


def test_two_samples_are_needed():
    with pytest.raises(sa.DataError, match="two samples need"):
        pair_persistence(market(planted=1, alone=0).iloc[:1])
    with pytest.raises(sa.ParameterError, match="samples"):
        pair_persistence(market(planted=1, alone=0), samples=1)


def test_a_spread_goes_on_after_its_sample():
    logs = market(planted=1, alone=0)
    spread = Spread.fit(logs.iloc[:600], "p0", "q0")
    path = spread_path(spread, logs, until=TIMES[599])
    pd.testing.assert_series_equal(path["value"], spread.value(logs), check_names=False)
    assert path["fitted"].sum() == 600
    assert path["fitted"].iloc[:600].all()
    assert (path["mean"] == spread.process.mean).all()
    # white noise reverts within a step: the process has no long run, the sample has
    assert np.isnan(spread.process.stationary_sd)
    assert (path["sd"] == spread.value(logs.iloc[:600]).std()).all()
    assert spread_path(spread, logs)["fitted"].all()
    gaps = logs.copy()
    gaps.iloc[5, 0] = np.nan
    assert len(spread_path(spread, gaps)) == len(logs) - 1


def test_the_band_is_that_of_the_process_where_it_reverts():
    rng = np.random.default_rng(4)
    deviation = np.zeros(len(TIMES))
    for step in range(1, len(TIMES)):
        deviation[step] = 0.9 * deviation[step - 1] + rng.normal(0.0, 0.01)
    walk = rng.normal(0.0, 0.01, len(TIMES)).cumsum()
    logs = pd.DataFrame({"p": walk + deviation, "q": walk}, index=TIMES)
    spread = Spread.fit(logs, "p", "q")
    assert (spread_path(spread, logs)["sd"] == spread.process.stationary_sd).all()
    # 0.01 / sqrt(1 - 0.9^2), to the error of 1,200 correlated rows
    assert spread.process.stationary_sd == pytest.approx(0.0229, rel=0.2)

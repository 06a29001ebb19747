"""Overview of a market: shares quoted, index and correlations against plain computations."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.data import overview
from statarb.data.overview import best_covered, market_overview
from tests.conftest import make_panel


def test_the_share_quoted_is_that_of_the_grid():
    panel = make_panel(60, 4)
    found = market_overview(panel).times["quoted"]
    pd.testing.assert_series_equal(found, panel.observed.mean(axis=1).rename("quoted"))
    assert (found == 0.0).sum() == 3  # the gap of the whole market


def test_the_index_chains_the_mean_log_return_since_the_last_quote():
    panel = make_panel(60, 4)
    logs = np.log(panel.price)
    returns = logs - logs.ffill().shift()
    expected = np.exp(returns.mean(axis=1).fillna(0.0).cumsum())
    # sums of logs in another order
    np.testing.assert_allclose(market_overview(panel).times["index"], expected, rtol=1e-12)


def test_a_bounce_between_bid_and_ask_leaves_the_index_where_it_was():
    times = pd.date_range("2020-01-01", periods=101, freq="h")
    bounce = np.where(np.arange(101) % 2, 1.1, 1.0)
    panel = sa.Panel.from_frame(pd.DataFrame({"a": bounce, "b": 1.0}, index=times))
    # an arithmetic mean of returns would have risen by half of (1.1 + 1 / 1.1 - 2) at each bounce
    assert market_overview(panel).times["index"].iloc[-1] == pytest.approx(1.0, rel=1e-12)


def test_blocks_of_assets_do_not_matter(monkeypatch):
    panel = make_panel(80, 9)
    whole = market_overview(panel).times
    monkeypatch.setattr(overview, "ASSETS_PER_BLOCK", 2)
    pd.testing.assert_frame_equal(market_overview(panel).times, whole, rtol=1e-13)


def test_correlations_are_those_of_neighbouring_quotes():
    panel = make_panel(400, 6)
    found = market_overview(panel, assets=5).correlation
    labels = best_covered(panel, 5)
    assert sorted(found.index) == sorted(labels)
    assert found.index.equals(found.columns)
    logs = np.log(panel.price[labels])
    expected = (logs - logs.shift()).corr().loc[found.index, found.columns]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    pairs = expected.to_numpy()[np.triu_indices(5, 1)]
    assert market_overview(panel, assets=5).mean_correlation == pytest.approx(pairs.mean())


def test_assets_that_move_alike_are_neighbours():
    rng = np.random.default_rng(2)
    common = rng.normal(0.0, 0.01, (300, 2))
    moves = common[:, [0, 1, 0, 1, 0, 1]] + rng.normal(0.0, 0.002, (300, 6))
    times = pd.date_range("2020-01-01", periods=300, freq="h")
    panel = sa.Panel.from_frame(
        pd.DataFrame(np.exp(moves.cumsum(axis=0)), index=times, columns=list("abcdef"))
    )
    order = "".join(market_overview(panel).correlation.index)
    assert {"".join(sorted(order[:3])), "".join(sorted(order[3:]))} == {"ace", "bdf"}


def test_without_two_assets_that_move_there_is_no_correlation():
    times = pd.date_range("2020-01-01", periods=50, freq="h")
    panel = sa.Panel.from_frame(pd.DataFrame({"a": np.arange(1.0, 51.0), "b": 1.0}, index=times))
    found = market_overview(panel)
    assert found.correlation.empty
    assert np.isnan(found.mean_correlation)
    assert len(found.times) == 50


def test_the_best_covered_have_the_most_quotes():
    panel = make_panel(60, 4, missing=0.3)
    quotes = panel.observed_array.sum(axis=0)
    for count in (1, 2, 3, 4, 9):
        chosen = panel.columns_of(best_covered(panel, count))
        assert list(chosen) == sorted(chosen)
        left_out = np.setdiff1d(np.arange(4), chosen)
        assert len(chosen) == min(count, 4)
        assert not len(left_out) or quotes[chosen].min() >= quotes[left_out].max()

"""Scenarios: returns over gaps, volatilities of a day's model, standardised residuals; the same in
every window.
"""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import statarb as sa
from statarb.investors.stat_arb.scenarios import (
    LEAST_SIGMA,
    MEMORY,
    daily_sigma,
    residuals,
    simple_returns,
)
from statarb.volatility import fit_garch
from tests.conftest import make_panel

DEPTH = 300


@pytest.fixture(scope="module")
def market() -> sa.Panel:
    """Three days with missing cells; one asset that never moves and one that is hardly ever
    quoted.
    """
    panel = make_panel(803, 6, seed=3, missing=0.05)
    price = np.array(panel.array("price"))
    price[:, 1] = np.where(np.isnan(price[:, 1]), np.nan, 2.5)
    price[np.arange(len(price)) % 97 != 0, 2] = np.nan
    return panel.with_arrays({"price": price})


def returns_by_pandas(price: pd.DataFrame) -> np.ndarray:
    known = price.ffill(limit=MEMORY).shift()
    return (price / known - 1.0).fillna(0.0).to_numpy()


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_simple_returns_are_those_of_pandas(data: st.DataObject) -> None:
    rows, assets = data.draw(st.integers(1, 90)), data.draw(st.integers(1, 4))
    rng = np.random.default_rng(data.draw(st.integers(0, 10_000)))
    price = np.exp(rng.normal(0.0, 1.0, (rows, assets)))
    price[rng.random(price.shape) < data.draw(st.sampled_from([0.0, 0.3, 0.97]))] = np.nan
    price[0, 0] = 1.0
    frame = pd.DataFrame(price, index=pd.date_range("2018", periods=rows, freq="5min"))
    panel = sa.Panel.from_frame(frame).with_arrays({"price": price}, rows=np.arange(rows))
    expected = returns_by_pandas(frame)
    # rounding of a quotient alone
    np.testing.assert_allclose(simple_returns(panel, 0), expected, rtol=0.0, atol=1e-13)
    first = data.draw(st.integers(0, rows - 1))
    np.testing.assert_array_equal(simple_returns(panel, first), simple_returns(panel, 0)[first:])


def test_a_price_is_forgotten_after_a_long_gap() -> None:
    for gap, expected in ((MEMORY, 1.0), (MEMORY + 1, 0.0)):
        price = np.full((gap + 2, 2), 5.0)
        price[:, 0] = np.nan
        price[0, 0], price[-1, 0] = 1.0, 2.0
        panel = sa.Panel.from_frame(
            pd.DataFrame(price, index=pd.date_range("2018", periods=len(price), freq="5min"))
        )
        found = simple_returns(panel, 0)
        assert found[-1, 0] == expected
        assert np.count_nonzero(found) == (expected != 0.0)


def test_returns_do_not_look_beyond_their_window(market: sa.Panel) -> None:
    whole = simple_returns(market, 0)
    for low, high in ((0, 400), (200, 500), (399, 400)):
        part = simple_returns(market.row_slice(low, high), 0)
        past = MEMORY + 1  # rows whose price may have stood before the slice
        np.testing.assert_array_equal(part[past:], whole[low + past : high])


def sigma_from_scratch(panel: sa.Panel, row: int, depth: int, model: str) -> np.ndarray:
    """Fit on the window of the day's first row, then take in row by row."""
    begin = int(np.flatnonzero(panel.times >= panel.times[row].floor("D"))[0])
    low = max(0, begin + 1 - depth)
    returns = simple_returns(panel.row_slice(low, row + 1), 0)
    fit = fit_garch(returns[: begin + 1 - low], model=model)
    for news in returns[begin + 1 - low :]:
        fit.update(news)
    sigma = fit.forecast(1).to_numpy()[0]
    return np.maximum(np.nan_to_num(sigma, nan=LEAST_SIGMA), LEAST_SIGMA)


@pytest.mark.parametrize("model", ["garch", "gjr"])
def test_daily_sigma_is_that_of_the_days_model_filtered_on(market: sa.Panel, model: str) -> None:
    found = daily_sigma(market, 330, len(market.times), DEPTH, model)
    assert found.shape == (len(market.times) - 330, 6)
    for row in (330, 331, 335, 500, 623, 624, 799):
        np.testing.assert_allclose(
            found[row - 330], sigma_from_scratch(market, row, DEPTH, model), rtol=1e-12
        )
    assert (found[:, 1] == LEAST_SIGMA).all()  # it never moves
    assert (found[:, 0] > 1e-3).all()


@pytest.mark.parametrize("block", [1, 50, 288, 333])
def test_daily_sigma_is_the_same_in_every_block(market: sa.Panel, block: int) -> None:
    first, last = (600, 660) if block == 1 else (300, 800)
    whole = daily_sigma(market, first, last, DEPTH, "garch")
    edges = [*range(first, last, block), last]
    parts = [
        daily_sigma(market.row_slice(0, high), low, high, DEPTH, "garch")
        for low, high in itertools.pairwise(edges)
    ]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_daily_sigma_knows_nothing_of_later_rows(market: sa.Panel) -> None:
    cut = 640
    price = np.array(market.array("price"))
    price[cut:] *= np.random.default_rng(1).uniform(0.5, 2.0, price[cut:].shape)
    other = market.with_arrays({"price": price})
    before = daily_sigma(market, 300, 800, DEPTH, "garch")
    after = daily_sigma(other, 300, 800, DEPTH, "garch")
    np.testing.assert_array_equal(before[: cut - 300], after[: cut - 300])
    assert not np.array_equal(before, after)


def test_residuals_are_returns_over_the_sigma_known_before_them(market: sa.Panel) -> None:
    window = market.row_slice(200, 700)
    returns = simple_returns(window, 0)
    sigma = fit_garch(returns).sigma.to_numpy()
    expected = returns / np.maximum(np.nan_to_num(sigma, nan=LEAST_SIGMA), LEAST_SIGMA)
    np.testing.assert_allclose(residuals(window, returns, "garch"), expected, rtol=1e-12)
    np.testing.assert_array_equal(
        residuals(window, returns[-40:], "garch"), residuals(window, returns, "garch")[-40:]
    )
    liquid = [0, 3, 4, 5]
    # the likelihood's first condition: standardised returns have a mean square near 1, here within
    # sampling error
    assert (
        np.abs((residuals(window, returns, "garch")[:, liquid] ** 2).mean(axis=0) - 1.0).max()
        < 0.15
    )

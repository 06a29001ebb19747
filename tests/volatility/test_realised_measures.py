"""Realised and range estimators against values by hand and against a simulated diffusion."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.volatility import (
    bipower_variation,
    ewma,
    garman_klass,
    parkinson,
    price_bars,
    realised_variance,
    rogers_satchell,
)

HOURS = pd.date_range("2018-01-25", periods=6, freq="8h")


def diffusion(
    days: int = 400, steps: int = 2000, drift: float = 0.0, seed: int = 0
) -> pd.DataFrame:
    """Log prices of unit daily variance (scaled by 1e-4), watched often."""
    rng = np.random.default_rng(seed)
    moves = 0.01 * rng.standard_normal((days * steps, 1)) / np.sqrt(steps) + 0.01 * drift / steps
    index = pd.date_range(
        "2018-01-01", periods=days * steps, freq=pd.Timedelta(86_400_000_000 // steps, unit="us")
    )
    return pd.DataFrame(np.exp(np.cumsum(moves, axis=0)), index=index, columns=["x"])


def test_sums_by_hand():
    returns = pd.DataFrame(
        {"a": [0.01, -0.02, 0.03, 0.01, np.nan, 0.02], "b": [np.nan] * 3 + [0.1, np.nan, np.nan]},
        index=HOURS,
    )
    variance = realised_variance(returns)
    assert variance["a"].to_numpy() == pytest.approx([0.0014, 0.0005])
    assert np.isnan(variance["b"].iloc[0])
    assert variance["b"].iloc[1] == pytest.approx(0.01)
    assert list(variance.index) == [HOURS[0], HOURS[3]]
    bipower = bipower_variation(returns)
    # pi / 2 times n / (n - 1) times the products of neighbours: .01 x .02 + .02 x .03, and .01 x
    # .02 across the gap.
    assert bipower["a"].to_numpy() == pytest.approx(
        [np.pi / 2 * 1.5 * 0.0008, np.pi / 2 * 2 * 0.0002]
    )
    assert bipower["b"].isna().all()
    one = realised_variance(returns["a"])
    assert isinstance(one, pd.Series)
    assert one.equals(variance["a"])


@pytest.mark.parametrize("every", ["7h", "5h", "9h", "45min", "1D", "2D", "36h"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_spans_start_at_midnight_of_each_day(every, zone):
    index = pd.date_range("2018-01-03 10:00", periods=576, freq="5min", tz=zone)
    returns = pd.Series(np.random.default_rng(0).standard_normal(576) * 1e-3, index, name="a")
    if pd.Timedelta(every) <= pd.Timedelta("1D"):
        # Each day on its own, counted by pandas from that day's midnight.
        expected = pd.concat(
            [day.pow(2).resample(every).sum() for _, day in returns.groupby(index.date)]
        )
    else:
        expected = returns.pow(2).resample(every).sum()
    got = realised_variance(returns, every)
    assert list(got.index) == list(expected.index)
    assert got.to_numpy() == pytest.approx(expected.to_numpy(), rel=1e-12)
    assert list(bipower_variation(returns, every).index) == list(expected.index)
    bars = price_bars(np.exp(returns.cumsum()), every)
    assert list(bars["open"].index) == list(expected.index)


def test_a_span_runs_over_the_hour_that_a_change_of_clocks_repeats():
    index = pd.date_range("2023-11-05", periods=25, freq="h", tz="America/New_York")
    counted = realised_variance(pd.Series(1.0, index), "5h")
    assert counted.tolist() == [5.0] * 5
    assert counted.index[1] == index[5]


def test_a_jump_enters_the_realised_variance_and_hardly_the_bipower_variation():
    prices = np.log(diffusion(60, 288))
    returns = prices.diff()
    plain_rv, plain_bv = (
        realised_variance(returns).mean().iloc[0],
        bipower_variation(returns).mean().iloc[0],
    )
    # 60 days of 288 returns: standard error of about 1 % of the variance.
    assert plain_rv == pytest.approx(1e-4, rel=0.05)
    assert plain_bv == pytest.approx(1e-4, rel=0.05)
    jumped = returns.copy()
    jumped.iloc[100::288] += 0.02
    assert realised_variance(jumped).mean().iloc[0] == pytest.approx(plain_rv + 4e-4, rel=0.05)
    assert bipower_variation(jumped).mean().iloc[0] < plain_bv * 1.5


def test_range_estimators_by_hand():
    o, h, low, c = (np.array([[x]]) for x in (100.0, 110.0, 95.0, 105.0))
    assert parkinson(h, low)[0, 0] == pytest.approx(np.log(110 / 95) ** 2 / (4 * np.log(2)))
    expected = 0.5 * np.log(110 / 95) ** 2 - (2 * np.log(2) - 1) * np.log(1.05) ** 2
    assert garman_klass(o, h, low, c)[0, 0] == pytest.approx(expected)
    expected = np.log(110 / 105) * np.log(1.1) + np.log(95 / 105) * np.log(0.95)
    assert rogers_satchell(o, h, low, c)[0, 0] == pytest.approx(expected)


def test_range_estimators_are_unbiased_and_precise_on_a_diffusion():
    bars = price_bars(diffusion(), "1D")
    close_to_close = np.log(bars["close"] / bars["open"]) ** 2
    for estimate, gain in (
        (parkinson(bars["high"], bars["low"]), 3.5),
        (garman_klass(**bars), 5.0),
        (rogers_satchell(**bars), 4.0),
    ):
        # A range watched 2000 times a day is some 3 % too small; 400 days leave a standard error of
        # 3 %.
        assert estimate["x"].mean() == pytest.approx(1e-4, rel=0.12)
        assert close_to_close["x"].var() / estimate["x"].var() > gain
    drifting = price_bars(diffusion(drift=2.0), "1D")
    assert rogers_satchell(**drifting)["x"].mean() == pytest.approx(1e-4, rel=0.12)
    assert parkinson(drifting["high"], drifting["low"])["x"].mean() > 1.8e-4


def test_the_order_of_the_rows_does_not_matter():
    prices = diffusion(3, 96)
    shuffled = prices.sample(frac=1.0, random_state=0)
    for every in ("1D", "7h"):
        returns = np.log(prices).diff()
        for measure in (realised_variance, bipower_variation):
            assert measure(returns.loc[shuffled.index], every).equals(measure(returns, every))
        for name, bar in price_bars(prices, every).items():
            assert price_bars(shuffled, every)[name].equals(bar)


def test_bars_take_first_highest_lowest_and_last():
    prices = pd.DataFrame({"a": [2.0, 5.0, 1.0, 3.0, np.nan, 4.0]}, index=HOURS)
    bars = price_bars(prices, "1D")
    assert bars["open"]["a"].tolist() == [2.0, 3.0]
    assert bars["high"]["a"].tolist() == [5.0, 4.0]
    assert bars["low"]["a"].tolist() == [1.0, 3.0]
    assert bars["close"]["a"].tolist() == [1.0, 4.0]


def test_ewma_by_hand_and_against_pandas():
    r = pd.Series([np.nan, 0.02, np.nan, -0.01, 0.03])
    h = [np.nan, 4e-4, 4e-4, 0.9 * 4e-4 + 0.1 * 1e-4]
    h.append(0.9 * h[-1] + 0.1 * 9e-4)
    assert ewma(r, 0.9).to_numpy() == pytest.approx(np.sqrt(h), nan_ok=True)
    dense = np.random.default_rng(0).standard_normal((50, 3))
    expected = pd.DataFrame(dense**2).ewm(alpha=0.06, adjust=False).mean()
    assert ewma(dense) == pytest.approx(np.sqrt(expected.to_numpy()))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: realised_variance(np.zeros(3)), sa.DataError, "indexed by times"),
        (
            lambda: parkinson(
                pd.Series([2.0], index=HOURS[:1]), pd.Series([1.0], index=HOURS[1:2])
            ),
            sa.DataError,
            "times of high",
        ),
        (
            lambda: realised_variance(pd.Series([0.1], index=HOURS[:1]), "often"),
            sa.ParameterError,
            "every",
        ),
        (lambda: realised_variance(pd.Series([np.inf], index=HOURS[:1])), sa.DataError, "infinite"),
        (lambda: parkinson(np.array([1.0]), np.array([2.0])), sa.DataError, "between low and high"),
        (lambda: parkinson(np.array([1.0]), np.array([0.0])), sa.DataError, "low must be positive"),
        (lambda: parkinson(np.ones((2, 1)), np.ones((3, 1))), sa.DataError, "shape of high"),
        (
            lambda: garman_klass(*(np.array([x]) for x in (3.0, 2.0, 1.0, 1.5))),
            sa.DataError,
            "open must lie between",
        ),
        (lambda: ewma([0.1], decay=-0.1), sa.ParameterError, "decay"),
        (lambda: price_bars([1.0, 2.0]), sa.DataError, "indexed by times"),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()

"""Evidence of forecasts: what they came to, against a plain computation; causal; per source."""

from __future__ import annotations

import numpy as np
import pytest

from statarb._core.typing import FloatArray
from statarb.forecasting.linear import CrossAssetRidge
from statarb.investors.stat_arb.evidence import Belief, Evidence
from statarb.investors.stat_arb.sources import Source, Term, as_sources, terms
from statarb.investors.track_record import shrunk_slope

FEE = 0.0005


def follow(
    spans: list[Term], forecasts: FloatArray, price: FloatArray, lag: int, length: int
) -> tuple[list[Belief], FloatArray]:
    evidence = Evidence(spans, price.shape[1], lag, length, FEE)
    found = []
    for row in range(len(price)):
        gains = evidence.update(forecasts[row], price[row])
        found.append((evidence.belief, gains))
    return [belief for belief, _ in found], np.array([gains for _, gains in found])


def known_future(rows: int = 400, assets: int = 5, horizon: int = 3, lag: int = 1, noise=0.5):
    """Log prices, and forecasts of the return from the trade on that hold part of the truth."""
    rng = np.random.default_rng(7)
    price = np.cumsum(rng.standard_normal((rows + 50, assets)) * 0.004, axis=0)
    truth = np.full((rows, assets), np.nan)
    for row in range(rows):
        truth[row] = price[row + lag + horizon] - price[row + lag]
    return price[:rows], truth + noise * 0.004 * rng.standard_normal(truth.shape)


@pytest.mark.parametrize(("lag", "horizon"), [(0, 1), (1, 3), (2, 5)])
def test_the_slopes_are_those_of_a_plain_computation(lag: int, horizon: int) -> None:
    price, forecast = known_future(horizon=horizon, lag=lag)
    beliefs, _ = follow([Term(0, horizon, 2.0)], forecast[:, None], price, lag, 100)
    for row in (150, 399):
        # outcomes known at the row, of the last hundred forecasts
        made = np.arange(row - lag - horizon - 99, row - lag - horizon + 1)
        moved = price[made + lag + horizon] - price[made + lag]
        f, o = forecast[made], moved
        rest = f - f.mean(axis=1, keepdims=True)
        apart = o - o.mean(axis=1, keepdims=True)
        k = shrunk_slope((rest * apart).sum(1), (rest**2).sum(1), 100, horizon, 2.0)
        m = shrunk_slope(f.mean(1) * o.mean(1), f.mean(1) ** 2, 100, horizon, 2.0)
        assert k > 0.0
        now = forecast[row]
        expected = k * (now - now.mean()) + m * now.mean()
        np.testing.assert_allclose(beliefs[row].expected, expected, rtol=1e-9, atol=1e-12)
        assert beliefs[row].horizon == horizon
        assert beliefs[row].shrinkage[0] == pytest.approx(k, rel=1e-9)
        promised = expected[expected > FEE].sum()
        assert beliefs[row].promised[0] == pytest.approx(promised, rel=1e-9)


def slopes(
    forecast: FloatArray, price: FloatArray, row: int, horizon: int, lag: int, length: int
) -> tuple[float, float]:
    """Shrunk slopes of the rest and of the market's part at a row, from cells; a forecast that is
    missing is one of 0, and an asset counts where its return is known.
    """
    sums = []
    for made in range(max(0, row - lag - horizon - length + 1), row - lag - horizon + 1):
        moved = price[made + lag + horizon] - price[made + lag]
        known = ~np.isnan(moved)
        f, o = np.nan_to_num(forecast[made])[known], moved[known]
        sums.append(
            [
                sum((a - f.mean()) * (b - o.mean()) for a, b in zip(f, o, strict=True)),
                sum((a - f.mean()) ** 2 for a in f),
                f.mean() * o.mean(),
                f.mean() ** 2,
            ]
        )
    x, y, u, v = np.array(sums).T
    return shrunk_slope(x, y, length, horizon, 2.0), shrunk_slope(u, v, length, horizon, 2.0)


@pytest.mark.parametrize("noise", [0.5, 4.0])
def test_gains_are_those_of_what_was_promised(noise: float) -> None:
    """The market's part counts in a gain where it was believed, and only there."""
    price, forecast = known_future(noise=noise)
    beliefs, gains = follow([Term(0, 3, 2.0)], forecast[:, None], price, 1, 100)
    assert np.isnan(gains[:4]).all()
    earned = 0
    for row in range(200, 400, 10):
        made = row - 4
        moved = price[row] - price[made + 1]
        rest, market = slopes(forecast, price, made, 3, 1, 100)
        now = forecast[made]
        expected = rest * (now - now.mean()) + market * now.mean() if rest > 0.0 else 0.0 * now
        taken = moved if market > 0.0 else moved - moved.mean()
        gain = (taken - FEE)[expected > FEE].sum()
        assert gains[row, 0] == pytest.approx(gain, rel=1e-9, abs=1e-12)
        if beliefs[made].shrinkage[0] > 0.0:
            np.testing.assert_allclose(beliefs[made].expected, expected, rtol=1e-9, atol=1e-12)
        earned += gain != 0.0
    assert earned > 5


def test_cells_that_are_missing_are_left_out_of_the_slopes() -> None:
    price, forecast = known_future(assets=7)
    rng = np.random.default_rng(5)
    forecast[rng.random(forecast.shape) < 0.2] = np.nan
    price[:180, 2] = np.nan  # listed late
    beliefs, _ = follow([Term(0, 3, 2.0)], forecast[:, None], price, 1, 100)
    for row in (210, 260, 399):
        rest, _ = slopes(forecast, price, row, 3, 1, 100)
        assert rest > 0.0
        assert beliefs[row].shrinkage[0] == pytest.approx(rest, rel=1e-9)
        none = np.isnan(forecast[row])
        assert np.array_equal(np.isnan(beliefs[row].expected), none)


def test_a_slope_is_not_enough_where_nothing_was_gained_above_the_fee() -> None:
    price, forecast = known_future()
    assert slopes(forecast, price, 399, 3, 1, 100)[0] > 0.5
    for fee, used in ((FEE, True), (0.5, False)):
        evidence = Evidence([Term(0, 3, 2.0)], price.shape[1], 1, 100, fee)
        for row in range(400):
            evidence.update(forecast[row, None], price[row])
            belief = evidence.belief
        assert bool(belief.shrinkage[0] > 0.0) == used
        assert bool(belief.expected.any()) == used


def test_who_knows_the_market_alone_is_not_believed() -> None:
    price, truth = known_future(noise=0.0)
    market = np.repeat(truth.mean(axis=1, keepdims=True), price.shape[1], axis=1)
    beliefs, _ = follow([Term(0, 3, 2.0)], market[:, None], price, 1, 100)
    assert slopes(market, price, 399, 3, 1, 100)[1] == pytest.approx(1.0)
    # what rounding leaves of the rest is no forecast
    assert max(np.abs(belief.expected).max() for belief in beliefs) < 1e-9


def test_the_horizon_that_comes_true_is_used() -> None:
    price, right = known_future(noise=0.2)
    wrong = np.random.default_rng(1).standard_normal(right.shape) * 0.004
    both = np.stack([wrong, right, wrong], axis=1)
    beliefs, _ = follow([Term(0, 1, 2.0), Term(0, 3, 2.0), Term(0, 6, 2.0)], both, price, 1, 100)
    late = beliefs[200:]
    assert np.mean([belief.chosen[0] == 1 for belief in late]) > 0.95
    assert np.mean([belief.horizon for belief in late]) == pytest.approx(3.0, abs=0.2)


def test_forecasts_that_know_nothing_are_not_used() -> None:
    price, _ = known_future(rows=600)
    used = 0
    for seed in range(10):
        noise = np.random.default_rng(100 + seed).standard_normal(price.shape) * 0.004
        beliefs, _ = follow([Term(0, 3, 2.0)], noise[:, None], price, 1, 200)
        used += sum(belief.promised[0] > 0.0 for belief in beliefs[250:])
    assert used < 0.02 * 10 * 350


def test_what_comes_later_changes_nothing() -> None:
    price, forecast = known_future()
    short, _ = follow([Term(0, 3, 2.0)], forecast[:300, None], price[:300], 1, 100)
    whole, _ = follow([Term(0, 3, 2.0)], forecast[:, None], price, 1, 100)
    for one, other in zip(short, whole, strict=False):
        assert np.array_equal(one.expected, other.expected, equal_nan=True)


def test_without_a_record_forecasts_are_taken_as_they_are() -> None:
    price, forecast = known_future()
    forecast[5, 2] = np.nan
    both = np.stack([forecast, 2.0 * forecast], axis=1)
    beliefs, _ = follow([Term(0, 3, 2.0), Term(0, 6, 2.0)], both, price, 1, 0)
    np.testing.assert_allclose(beliefs[5].expected, forecast[5], rtol=1e-12)
    assert beliefs[5].horizon == 3.0


def test_sources_have_names_of_their_own_and_their_own_horizons() -> None:
    ridge = CrossAssetRidge(lags=1, horizon=2)
    found = as_sources(["pairs", ridge, ridge, Source("mine", ridge, (1, 4), 1.5)])
    assert found[0].name == "pairs"
    assert len({source.name for source in found}) == 4
    assert terms(found)[-2:] == [Term(3, 1, 1.5), Term(3, 4, 1.5)]
    assert found[1].spans == (2,)


def test_assets_without_a_price_are_no_part_of_the_market() -> None:
    price, forecast = known_future()
    wide = np.full((len(price), 8), np.nan)
    wide[:, :5] = price
    more = np.full((len(price), 1, 8), np.nan)
    more[:, 0, :5] = forecast
    alone, _ = follow([Term(0, 3, 2.0)], forecast[:, None], price, 1, 100)
    beside, _ = follow([Term(0, 3, 2.0)], more, wide, 1, 100)
    assert alone[-1].shrinkage[0] > 0.0
    for one, other in zip(alone, beside, strict=True):
        np.testing.assert_allclose(other.expected[:5], one.expected, rtol=1e-12, atol=1e-15)


def test_the_horizon_of_two_promises_is_the_time_they_take_at_their_present_rate() -> None:
    price, right = known_future(noise=0.2)
    spans = [Term(0, 3, 2.0), Term(1, 12, 2.0)]
    beliefs, _ = follow(spans, np.stack([right, 2.0 * right], axis=1), price, 1, 0)
    size = np.abs(right[50]).max() * np.array([1.0, 2.0])
    expected = size.sum() / (size / np.array([3.0, 12.0])).sum()
    assert beliefs[50].horizon == pytest.approx(expected, rel=1e-12)
    assert 3.0 < expected < 12.0

"""The replay against its plain reference and a second implementation, and laws of any market."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import statarb as sa
from statarb.backtest import Account
from statarb.backtest._engine.reference import ReferenceAccount

NAN = np.nan


def random_case(seed: int, most: int = 9) -> tuple[sa.Panel, pd.DataFrame, sa.TradingRules]:
    """A market of prices from 1e-9 to 1e6 with gaps and late listings, target weights, and
    rules.
    """
    rng = np.random.default_rng(seed)
    steps, assets = int(rng.integers(2, 40)), int(rng.integers(1, most))
    price = 10.0 ** rng.uniform(-9, 6, assets) * np.exp(
        np.cumsum(rng.normal(0, rng.choice([0.001, 0.1, 1.0]), (steps, assets)), axis=0)
    )
    price = np.clip(price, 1e-9, 1e6)
    price[rng.random(price.shape) < rng.choice([0.0, 0.2, 0.6])] = NAN
    price[rng.random(steps) < 0.1] = NAN
    if assets > 1:
        price[: int(rng.integers(0, steps)), -1] = NAN
    price[0, 0] = 10.0 ** rng.uniform(-9, 6)
    index = pd.date_range("2018-01-25", periods=steps, freq="5min", unit="us")
    panel = sa.Panel.from_frame(
        pd.DataFrame(price, index=index, columns=[f"c{i}" for i in range(assets)])
    )
    weights = rng.random((steps, assets)) * (rng.random((steps, assets)) < rng.choice([0.3, 1.0]))
    weights *= rng.choice([0.0, 0.5, 1.0], (steps, 1)) / np.maximum(
        weights.sum(axis=1, keepdims=True), 1e-300
    )
    weights[rng.random(steps) < 0.1] = NAN
    if rng.random() < 0.3:
        weights[rng.random(weights.shape) < 0.02] = NAN
    frame = pd.DataFrame(weights, index=index, columns=panel.assets)[rng.random(steps) < 0.8]
    capital = 10.0 ** rng.uniform(0, 6)
    unit = price[0, 0]
    least = rng.choice([0.0, 0.001, 0.05]) * capital / unit
    rules = sa.TradingRules(
        capital=capital,
        fee=rng.choice([0.0, 0.0025, 0.3]),
        min_order=least,
        max_order=max(least, rng.choice([math.inf, 0.3 * capital / unit])) or math.inf,
        numeraire="c0",
    )
    return panel, frame, rules if rng.random() < 0.7 else rules.without_limits()


def replayed(
    panel: sa.Panel, frame: pd.DataFrame, rules: sa.TradingRules, **options: object
) -> sa.Replay:
    return sa.replay(panel, frame, rules, start=panel.grid[0], **options)


SEEDS = st.integers(0, 2**32 - 1)


@settings(max_examples=150, deadline=None)
@given(SEEDS)
def test_the_kernel_equals_its_reference_bit_by_bit(seed):
    check_against_the_reference(*random_case(seed))


@pytest.mark.parametrize("seed", range(12))
def test_the_kernel_equals_its_reference_where_assets_fill_whole_vectors(seed):
    check_against_the_reference(*random_case(seed, most=150))


@pytest.mark.parametrize("seed", range(6))
def test_the_kernel_equals_its_reference_where_few_assets_of_many_are_in_a_target(seed):
    # decisions at times without any quote too
    rng = np.random.default_rng(seed)
    steps, assets = 60, 90
    price = np.exp(np.cumsum(rng.normal(0, 0.02, (steps, assets)), axis=0))
    price[rng.random(price.shape) < 0.2] = NAN
    price[rng.random(steps) < 0.3] = NAN
    price[0, 0] = 1.0
    index = pd.date_range("2018-01-25", periods=steps, freq="5min", unit="us")
    panel = sa.Panel.from_frame(
        pd.DataFrame(price, index=index, columns=[f"c{i}" for i in range(assets)])
    )
    weights = np.zeros((steps, assets))
    few = np.sort(rng.choice(assets, 5, replace=False))
    weights[:, few] = rng.dirichlet(np.ones(6), steps)[:, :5]
    frame = pd.DataFrame(weights, index=index, columns=panel.assets)
    rules = sa.TradingRules(capital=100.0, min_order=0.1, max_order=20.0, numeraire="c0")
    check_against_the_reference(panel, frame.loc[panel.grid[0] :], rules)


def check_against_the_reference(
    panel: sa.Panel, frame: pd.DataFrame, rules: sa.TradingRules
) -> None:
    replay = replayed(panel, frame, rules)
    assets = len(panel.assets)
    reference = ReferenceAccount(
        rules.capital,
        np.zeros(assets),
        np.zeros(assets),
        numeraire=0 if rules.numeraire is not None else -1,
    )
    realised = replay.weights.to_numpy()
    for t, quotes in enumerate(panel.price.to_numpy()):
        reference.mark(quotes)
        time = panel.grid[t]
        if time in frame.index and not frame.loc[time].isna().any():
            reference.trade(quotes, frame.loc[time].to_numpy(), rules)
        assert (reference.value, reference.cash, reference.fees, reference.turnover) == tuple(
            series.iloc[t] for series in (replay.value, replay.cash, replay.fees, replay.turnover)
        )
        assert np.array_equal(reference.weights, realised[t, :-1])
    partly = int((frame.isna().to_numpy() & ~frame.isna().all(axis=1).to_numpy()[:, None]).sum())
    reference.reasons[5] += partly
    assert replay.counts.tolist() == reference.reasons.tolist()


@settings(max_examples=150, deadline=None)
@given(SEEDS)
def test_a_step_at_a_time_gives_the_same_bits(seed):
    panel, frame, rules = random_case(seed)
    replay = replayed(panel, frame, rules)
    account = Account(panel, rules, start=panel.grid[0])
    prices, realised = panel.price.to_numpy(), replay.weights.to_numpy()
    for t, time in enumerate(panel.grid):
        value = account.mark(None if np.isnan(prices[t]).all() else prices[t])
        if time in frame.index:
            account.trade(frame.loc[time].to_numpy())
        assert (value, account.cash, account.fees, account.turnover) == tuple(
            series.iloc[t] for series in (replay.value, replay.cash, replay.fees, replay.turnover)
        )
        assert np.array_equal(account.weights, realised[t, :-1])
    assert account.failures == replay.failures
    assert (
        sum(account.counts.values())
        == replay.counts.sum()
        - (frame.isna().to_numpy() & ~frame.isna().all(axis=1).to_numpy()[:, None]).sum()
    )


@settings(max_examples=150, deadline=None)
@given(SEEDS)
def test_cash_and_units_are_never_negative_and_value_is_conserved(seed):
    panel, frame, rules = random_case(seed)
    replay = replayed(panel, frame, rules)
    weights, value = replay.weights.to_numpy(), replay.value.to_numpy()
    assert (replay.cash >= 0.0).all()
    assert (weights >= 0.0).all()
    assert (weights <= 1.0).all()
    np.testing.assert_allclose(weights.sum(axis=1), 1.0, rtol=1e-12)
    after = value - replay.fees.to_numpy()
    # value before = value after + fees: what is left after the fees is the cash and the holdings
    np.testing.assert_allclose(
        weights[:, -1] * after, replay.cash, rtol=1e-9, atol=1e-9 * value.max()
    )
    last = panel.price.ffill().to_numpy()
    units = np.divide(
        weights[:, :-1] * after[:, None], last, out=np.zeros_like(last), where=weights[:, :-1] > 0.0
    )
    moved = (
        np.nansum(units[:-1] * np.where(units[:-1] > 0.0, last[1:], 0.0), axis=1)
        + replay.cash.to_numpy()[:-1]
    )
    np.testing.assert_allclose(moved, value[1:], rtol=1e-9)


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_orders_add_up(seed):
    panel, frame, rules = random_case(seed)
    replay = replayed(panel, frame, rules)
    orders = replay.orders
    assert len(orders) == replay.counts.sum()
    assert (
        orders["reason"].value_counts().reindex(replay.counts.index).fillna(0).tolist()
        == replay.counts.tolist()
    )
    assert (orders["traded_value"] > 0).sum() == replay.orders_executed
    assert orders["fee"].sum() == pytest.approx(replay.fees.sum(), rel=1e-9, abs=1e-12)
    assert orders["traded_value"].sum() == pytest.approx(replay.turnover.sum(), rel=1e-9, abs=1e-12)
    finite = orders["target_value"].notna()
    assert (orders["traded_value"] <= orders["target_value"])[finite].all()
    assert orders["time"].is_monotonic_increasing


class Plain:
    """CASE section 4, restated with dictionaries: no arrays, no states, one line a rule."""

    def __init__(self, rules: sa.TradingRules) -> None:
        self.rules, self.usd, self.units, self.price, self.reasons = (
            rules,
            rules.capital,
            {},
            {},
            [],
        )

    def step(
        self, quotes: dict[str, float], weights: dict[str, float] | None
    ) -> tuple[float, float]:
        self.price |= quotes
        v = self.usd + sum(u * self.price[c] for c, u in self.units.items())
        fees = 0.0
        if weights is None or v == 0:
            return v, fees
        limited = self.rules.limited
        btc = (
            self.price[self.rules.numeraire]
            if limited and self.rules.numeraire is not None
            else 1.0
        )
        sales, purchases = {}, {}
        for c in set(weights) | set(self.units):
            order = weights.get(c, 0.0) * v - self.units.get(c, 0.0) * self.price.get(c, 0.0)
            if order == 0:
                continue
            if c not in quotes:
                self.reasons.append("no quote")
                continue
            if abs(order) / btc < self.rules.min_order:
                self.reasons.append("below minimum")
                continue
            if abs(order) / btc > self.rules.max_order:
                order = math.copysign(self.rules.max_order * btc, order)
            (sales if order < 0 else purchases)[c] = abs(order)
        for c, size in sales.items():
            self.units[c] -= size / quotes[c]
            self.usd += size * (1 - self.rules.fee)
            fees += size * self.rules.fee
        need = sum(purchases.values()) * (1 + self.rules.fee)
        factor = min(1.0, self.usd / need) if need > 0 else 1.0
        for c, size in purchases.items():
            size = size * factor
            if factor < 1 and (size / btc < self.rules.min_order or size == 0):
                self.reasons.append("no cash")
                continue
            self.units[c] = self.units.get(c, 0.0) + size / quotes[c]
            self.usd -= size * (1 + self.rules.fee)
            fees += size * self.rules.fee
        return v, fees


@settings(max_examples=150, deadline=None)
@given(SEEDS)
def test_against_a_plain_restatement_of_the_rules(seed):
    panel, frame, rules = random_case(seed)
    replay = replayed(panel, frame, rules)
    plain = Plain(rules)
    price = panel.price
    for t, time in enumerate(panel.grid):
        quotes = price.iloc[t].dropna().to_dict()
        decided = time in frame.index and not frame.loc[time].isna().any()
        value, fees = plain.step(quotes, frame.loc[time].to_dict() if decided else None)
        # another order of additions: the same to rounding, of which the plain account keeps what
        # the replay sets to 0
        assert value == pytest.approx(replay.value.iloc[t], rel=1e-9, abs=1e-13 * rules.capital)
        # a fee of nothing on one side may be a fee on the rounding of the value on the other
        assert fees == pytest.approx(
            replay.fees.iloc[t], rel=1e-9, abs=1e-9 * max(rules.capital, value)
        )


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.randoms(use_true_random=False))
def test_a_permutation_of_assets_changes_nothing(seed, random):
    panel, frame, rules = random_case(seed)
    shuffled = list(panel.assets)
    random.shuffle(shuffled)
    replay = replayed(panel, frame, rules)
    # columns of the weights: the same to the bit
    columns = replayed(panel, frame[shuffled], rules)
    assert columns.value.equals(replay.value)
    # columns of the panel: sums run in another order, so the same to rounding
    other = replayed(sa.Panel.from_frame(panel.price[shuffled]), frame, rules)
    np.testing.assert_allclose(other.value, replay.value, rtol=1e-9)


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_every_layout_gives_the_same_bits(seed):
    panel, frame, rules = random_case(seed)
    by_rows = pd.DataFrame(
        np.ascontiguousarray(frame.to_numpy()), index=frame.index, columns=frame.columns, copy=False
    )
    by_columns = pd.DataFrame(
        np.asfortranarray(frame.to_numpy()), index=frame.index, columns=frame.columns, copy=False
    )
    wide = frame.reindex(columns=[*frame.columns, "USD"])
    wide["USD"] = 1.0 - frame.sum(axis=1, skipna=False).clip(upper=1.0)
    replays = [replayed(panel, each, rules) for each in (frame, by_rows, by_columns, wide)]
    for other in replays[1:]:
        assert other.value.equals(replays[0].value)
        assert other.weights.equals(replays[0].weights)


def test_two_halves_equal_the_whole():
    panel, frame, rules = random_case(7)
    whole = replayed(panel, frame, rules)
    account = Account(panel, rules, start=panel.grid[0])
    values = []
    half = len(panel.grid) // 2
    for part in (panel.price.iloc[:half], panel.price.iloc[half:]):
        for time, quotes in part.iterrows():
            values.append(account.mark(quotes.to_numpy()))
            if time in frame.index:
                account.trade(frame.loc[time].to_numpy())
    assert values == whole.value.tolist()

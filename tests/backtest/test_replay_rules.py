"""Every rule of the replay and every reason code, worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import statarb as sa

NAN = np.nan


def times(count: int) -> pd.DatetimeIndex:
    return pd.date_range("2018-01-25", periods=count, freq="5min", unit="us")


def market(**prices: list[float]) -> sa.Panel:
    """A panel of columns; the asset B is the numeraire by default."""
    count = len(next(iter(prices.values())))
    return sa.Panel.from_frame(pd.DataFrame(prices, index=times(count)))


def target(count: int = 1, **weights: list[float]) -> pd.DataFrame:
    return pd.DataFrame(weights, index=times(count))


RULES = sa.TradingRules(capital=10_000.0, fee=0.01, min_order=0.01, max_order=5.0, numeraire="B")
FREE = sa.TradingRules(capital=100.0, fee=0.0).without_limits()


def one_order(replay: sa.Replay, number: int = 0) -> dict:
    return replay.orders.iloc[number].to_dict()


def test_a_purchase_and_its_fee():
    # 10,000 at 1 % fee, half of it into A at 50: 100 units for 5,000, 50 of fee
    replay = sa.replay(market(A=[50.0, 60.0], B=[1000.0, 1000.0]), target(A=[0.5]), RULES)
    assert replay.value.tolist() == [10_000.0, 4_950.0 + 6_000.0]
    assert replay.cash.tolist() == [4_950.0, 4_950.0]
    assert replay.fees.tolist() == [50.0, 0.0]
    assert replay.turnover.tolist() == [5_000.0, 0.0]
    assert replay.weights.columns.tolist() == ["A", "B", "USD"]
    assert replay.weights.iloc[0].tolist() == pytest.approx(
        [5_000 / 9_950, 0.0, 4_950 / 9_950], abs=1e-15
    )
    assert one_order(replay) == {
        "time": times(1)[0], "asset": "A", "side": "buy", "target_value": 5_000.0,
        "traded_value": 5_000.0,
        "price": 50.0, "fee": 50.0, "reason": "executed",
    }  # fmt: skip
    assert len(replay.orders) == 1


def test_only_the_difference_is_traded():
    # V = 4,950 + 100 x 60 = 10,950; target .4 V = 4,380, held 6,000: a sale of 1,620 with a fee of
    # 16.20
    replay = sa.replay(market(A=[50.0, 60.0], B=[1000.0, 1000.0]), target(2, A=[0.5, 0.4]), RULES)
    sale = one_order(replay, 1)
    assert (sale["side"], sale["target_value"], sale["fee"]) == (
        "sell",
        pytest.approx(1_620.0),
        pytest.approx(16.2),
    )
    assert replay.cash.iloc[1] == pytest.approx(4_950 + 1_620 - 16.2, abs=1e-10)


def test_below_the_minimum_is_dropped_and_exactly_at_it_is_not():
    # the minimum is .01 x 1,000 = 10 USD
    prices = market(A=[50.0], B=[1000.0])
    assert sa.replay(prices, target(A=[0.000999]), RULES).counts["below minimum"] == 1
    assert sa.replay(prices, target(A=[0.000999]), RULES).turnover.sum() == 0.0
    assert sa.replay(prices, target(A=[0.001]), RULES).counts["executed"] == 1


def test_above_the_maximum_is_cut_and_exactly_at_it_is_not():
    # the maximum is 5 x 1,000 = 5,000 USD
    prices = market(A=[50.0], B=[1000.0])
    cut = sa.replay(prices, target(A=[0.8]), RULES)
    assert one_order(cut)["reason"] == "cut to maximum"
    assert (one_order(cut)["target_value"], one_order(cut)["traded_value"]) == (8_000.0, 5_000.0)
    assert (cut.orders_cut, cut.orders_executed, cut.orders_dropped) == (1, 1, 0)
    assert sa.replay(prices, target(A=[0.5]), RULES).counts.to_dict()["executed"] == 1


def test_a_sale_above_the_maximum_is_cut():
    rules = RULES.replace(max_order=2.0)
    replay = sa.replay(
        market(A=[50.0] * 5, B=[1000.0] * 5), target(5, A=[0.4, 0.4, 0.0, 0.0, 0.0]), rules
    )
    # 4,000 target: 2,000 at once; then the rest; both sales: first 2,000, then what is left
    assert replay.orders["reason"].tolist() == [
        "cut to maximum",
        "executed",
        "cut to maximum",
        "executed",
    ]
    assert replay.orders["traded_value"].iloc[2] == 2_000.0
    assert replay.cash.iloc[-1] == pytest.approx(replay.value.iloc[-1], rel=1e-12)


def test_limits_follow_the_last_known_price_of_the_numeraire():
    # at t = 1 B has no quote: its last price, 1,000, still sets the minimum of 10; at t = 2 it is
    # 100, the minimum 1
    prices = market(A=[50.0, 50.0, 50.0], B=[1000.0, NAN, 100.0])
    replay = sa.replay(prices, target(3, A=[NAN, 0.0005, 0.0005]), RULES)
    assert replay.orders["reason"].tolist() == ["below minimum", "executed"]


def test_the_numeraire_price_before_the_start_counts():
    prices = market(A=[50.0, 50.0], B=[1000.0, NAN])
    late = pd.DataFrame({"A": [0.0005]}, index=times(2)[1:])
    assert sa.replay(prices, late, RULES).counts["below minimum"] == 1


def test_no_quote_no_trade():
    prices = market(A=[50.0, NAN, 60.0], B=[1000.0] * 3)
    replay = sa.replay(prices, target(3, A=[0.5, 0.0, 0.0]), RULES)
    missed = one_order(replay, 1)
    assert (missed["reason"], missed["side"], missed["traded_value"], missed["fee"]) == (
        "no quote",
        "sell",
        0.0,
        0.0,
    )
    assert math.isnan(missed["price"])
    assert missed["target_value"] == 5_000.0  # at the last known price
    assert replay.value.iloc[1] == 9_950.0
    assert replay.orders["reason"].tolist() == ["executed", "no quote", "cut to maximum"]


def test_a_hole_trades_nothing_and_keeps_the_value():
    prices = market(A=[50.0, NAN, 60.0], B=[1000.0, NAN, 1000.0])
    assert len(prices.times) == 2
    replay = sa.replay(prices, target(3, A=[0.5, 1.0, 0.6]), RULES)
    assert replay.value.iloc[:2].tolist() == [10_000.0, 9_950.0]
    assert replay.counts["no quote"] == 1


def test_sales_pay_for_purchases():
    # all in A, then all in C: cash comes from the sale alone
    free = FREE.replace(fee=0.01)
    replay = sa.replay(
        market(A=[1.0, 1.0], C=[1.0, 1.0]), target(2, A=[0.5, 0.0], C=[0.0, 0.5]), free
    )
    # t = 0: 50 into A, fee .5, cash 49.5, V = 99.5. t = 1: sale of 50, fee .5; purchase of 49.75,
    # fee .4975
    assert replay.orders["side"].tolist() == ["buy", "sell", "buy"]
    assert replay.cash.iloc[1] == pytest.approx(49.5 + 50 - 0.5 - 49.75 - 0.4975, abs=1e-12)


def test_a_full_purchase_is_scaled_by_one_factor_for_the_fee_and_counts_as_executed():
    # 100 into A and B of 60 and 40 with 1 % fee: cost 101, factor 100 / 101
    rules = FREE.replace(fee=0.01)
    replay = sa.replay(market(A=[1.0, 1.0], B=[2.0, 2.0]), target(A=[0.6], B=[0.4]), rules)
    orders = replay.orders
    assert orders["reason"].tolist() == ["executed", "executed"]
    assert orders["traded_value"].tolist() == pytest.approx([60 / 1.01, 40 / 1.01], rel=1e-15)
    assert replay.cash.tolist() == [0.0, 0.0]
    assert replay.value.iloc[1] == pytest.approx(100 / 1.01, rel=1e-15)
    assert (replay.orders_executed, replay.orders_cut, replay.orders_dropped) == (2, 0, 0)


def test_no_cash_scales_all_purchases_by_one_factor():
    # A of 50 cannot be sold for want of a quote: 25 and 75 are to be bought with the 50 in cash
    prices = market(A=[1.0, NAN], B=[2.0, 2.0], C=[4.0, 4.0])
    rows = target(2, A=[0.5, 0.0], B=[0.0, 0.25], C=[0.0, 0.75])
    replay = sa.replay(prices, rows, FREE)
    orders = replay.orders
    assert orders["reason"].tolist() == ["executed", "no quote", "no cash", "no cash"]
    assert orders["traded_value"].tolist() == pytest.approx([50.0, 0.0, 12.5, 37.5], rel=1e-15)
    assert replay.cash.tolist() == [50.0, 0.0]
    assert (replay.orders_executed, replay.orders_cut, replay.orders_dropped) == (3, 2, 1)


def test_a_purchase_both_cut_and_scaled_for_the_fee_stays_cut():
    rules = sa.TradingRules(capital=100.0, fee=0.01, min_order=0.0, max_order=60.0, numeraire=None)
    replay = sa.replay(market(A=[1.0, 1.0], B=[2.0, 2.0]), target(A=[0.6], B=[0.4]), rules)
    assert replay.orders["reason"].tolist() == ["executed", "executed"]  # 60 is not above 60
    replay = sa.replay(market(A=[1.0, 1.0], B=[2.0, 2.0]), target(A=[0.61], B=[0.39]), rules)
    assert replay.orders["reason"].tolist() == ["cut to maximum", "executed"]
    assert replay.counts[["executed", "cut to maximum", "no cash"]].tolist() == [1, 1, 0]


def test_a_purchase_cut_and_then_dropped_is_counted_once():
    # A and B of 50 are cut to 49.9; the fee of 1 % scales them to 49.5, below the minimum of 49.8
    rules = sa.TradingRules(capital=100.0, fee=0.01, min_order=49.8, max_order=49.9, numeraire=None)
    replay = sa.replay(market(A=[1.0, 1.0], B=[2.0, 2.0]), target(A=[0.5], B=[0.5]), rules)
    assert replay.orders["reason"].tolist() == ["no cash", "no cash"]
    assert replay.counts.tolist() == [0, 0, 0, 0, 2, 0]
    assert (replay.orders_executed, replay.orders_cut, replay.orders_dropped) == (0, 0, 2)


def test_a_purchase_scaled_below_the_minimum_is_dropped_and_its_cash_stays():
    # the minimum is 40 USD: of 60 and 40, scaled by 1 / 1.01, the second falls below it and is
    # dropped
    rules = sa.TradingRules(
        capital=100.0, fee=0.01, min_order=40.0, max_order=1000.0, numeraire=None
    )
    replay = sa.replay(market(A=[1.0, 1.0], B=[2.0, 2.0]), target(A=[0.6], B=[0.4]), rules)
    orders = replay.orders
    assert orders["reason"].tolist() == ["executed", "no cash"]
    assert orders["traded_value"].tolist() == [pytest.approx(60 / 1.01), 0.0]
    assert replay.cash.iloc[0] == pytest.approx(100 - 60, abs=1e-12)
    assert (replay.orders_cut, replay.orders_dropped, replay.orders_executed) == (0, 1, 1)


def test_without_any_cash_a_purchase_is_dropped():
    # A cannot be sold for want of a quote, so there is nothing to buy B with
    prices = market(A=[1.0, NAN], B=[1.0, 1.0])
    replay = sa.replay(prices, target(2, A=[1.0, 0.0], B=[0.0, 1.0]), FREE)
    assert replay.orders["reason"].tolist() == ["executed", "no quote", "no cash"]
    assert replay.cash.tolist() == [0.0, 0.0]


def test_not_finite():
    # 100 USD at a price of 1e-320 are more units than a float can hold
    replay = sa.replay(market(A=[1e-320, 1.0]), target(A=[0.5]), FREE)
    assert replay.orders["reason"].tolist() == ["not finite"]
    assert replay.value.tolist() == [100.0, 100.0]


def test_the_sale_of_a_whole_position_leaves_no_units():
    prices = market(A=[3.0, 7.0, 0.1], B=[1.0, 1.0, 1.0])
    replay = sa.replay(prices, target(3, A=[0.3, 0.0, 0.0]), FREE)
    assert replay.weights["A"].tolist()[1:] == [0.0, 0.0]
    assert replay.cash.iloc[1] == replay.value.iloc[1]


def test_dust_below_the_minimum_stays():
    # 1,000 USD in A fall to 5 USD, below the minimum of 10
    prices = market(A=[50.0, 0.25], B=[1000.0, 1000.0])
    replay = sa.replay(prices, target(2, A=[0.1, 0.0]), RULES)
    assert replay.orders["reason"].tolist() == ["executed", "below minimum"]
    assert replay.weights["A"].iloc[1] > 0.0


def test_a_row_with_nan_keeps_the_holdings_and_is_counted():
    prices = market(A=[50.0, 60.0, 70.0], B=[1000.0] * 3)
    replay = sa.replay(prices, target(3, A=[0.5, NAN, NAN], B=[0.0, 0.3, NAN]), RULES)
    kept = sa.replay(prices, target(1, A=[0.5], B=[0.0]), RULES)
    assert replay.failures == 2
    assert replay.failed_times.tolist() == times(3)[1:].tolist()
    assert replay.value.equals(kept.value)
    # the row that names B lists A as the cell that was not finite; the row of NaN alone names
    # nobody
    assert replay.orders[["asset", "reason"]].values.tolist() == [
        ["A", "executed"],
        ["A", "not finite"],
    ]
    assert kept.failures == 0


def test_times_without_a_row_are_no_failure():
    prices = market(A=[50.0, 60.0, 70.0], B=[1000.0] * 3)
    rows = target(3, A=[0.5, 0.0, 0.2]).iloc[[0, 2]]
    replay = sa.replay(prices, rows, RULES)
    assert replay.failures == 0
    assert replay.fees.iloc[1] == 0.0
    assert len(replay.value) == 3


def test_a_row_of_zeros_sells_everything():
    replay = sa.replay(market(A=[1.0, 2.0]), target(2, A=[0.5, 0.0]), FREE)
    assert replay.cash.tolist() == [50.0, 150.0]


def test_delisted_assets_keep_their_last_price():
    prices = market(A=[50.0, 60.0, NAN, NAN], B=[1000.0] * 4)
    replay = sa.replay(prices, target(A=[0.5]), RULES)
    assert replay.value.tolist()[1:] == [10_950.0] * 3


def test_the_share_of_value_at_old_prices():
    # half of the value in A, which is quoted no more from the third row on; the fourth time of the
    # grid has no quote at all, and so makes nothing older
    prices = market(
        A=[50.0, 60.0, NAN, NAN, NAN, NAN], B=[1000.0, 1000.0, 1000.0, NAN, 1000.0, 1000.0]
    )
    replay = sa.replay(prices, target(A=[0.5], B=[0.5]), RULES.replace(fee=0.0))
    share = replay.weights["A"].to_numpy()
    assert replay.stale_value(1).tolist() == [0.0, 0.0, 0.0, 0.0, share[4], share[5]]
    assert replay.stale_value(2).tolist() == [0.0, 0.0, 0.0, 0.0, 0.0, share[5]]
    assert replay.stale_value(0).tolist() == [0.0, 0.0, *share[2:]]
    assert replay.stale_value().tolist() == [0.0] * 6
    assert replay.stale_value(1).index.equals(replay.value.index)


def test_the_share_of_value_at_old_prices_over_many_blocks_and_few_assets():
    # more steps than a block, more assets than are worked on: the same as from the table of weights
    rng = np.random.default_rng(5)
    steps, assets = 2_500, 40
    price = np.exp(np.cumsum(rng.normal(0, 0.01, (steps, assets)), axis=0))
    price[rng.random(price.shape) < 0.7] = NAN
    price[1_300:, 3] = NAN
    price[0, [3, 17]] = 1.0
    panel = sa.Panel.from_frame(pd.DataFrame(price, index=times(steps)))
    rows = pd.DataFrame({3: [0.3], 17: [0.3]}, index=panel.times[:1])
    replay = sa.replay(panel, rows, FREE)
    rows_seen = np.where(np.isnan(panel.array("price")), -1, np.arange(len(panel.times))[:, None])
    age = np.arange(len(panel.times))[:, None] - np.maximum.accumulate(rows_seen, axis=0)
    expected = np.where(age > 5, replay.weights.to_numpy()[:, :-1], 0.0).sum(axis=1)
    np.testing.assert_allclose(replay.stale_value(5), expected, rtol=0, atol=1e-15)
    assert (replay.stale_value(5).iloc[1_400:] > 0.0).all()


def test_weights_of_a_coarser_type_may_miss_a_sum_of_one_by_their_own_rounding():
    rng = np.random.default_rng(1)
    prices = sa.Panel.from_frame(pd.DataFrame(np.ones((2, 7)), index=times(2)))
    above = 0
    for _ in range(50):
        row = rng.dirichlet(np.ones(7)).astype(np.float32)
        row /= row.sum()
        above += float(row.astype(np.float64).sum()) > 1.0 + 1e-9
        replay = sa.replay(prices, pd.DataFrame([row], index=times(1)), FREE)
        assert replay.failures == 0
        np.testing.assert_allclose(replay.weights.iloc[0, :7], row, rtol=1e-6)
        by_array = sa.replay(prices, row[None], FREE, times=times(1))
        assert by_array.value.equals(replay.value)
        account = sa.backtest.Account(prices, FREE)
        account.mark(np.ones(7))
        assert account.trade(row)
        # the same as the row in float64, divided by its sum where that is above 1
        exact = row.astype(np.float64)
        exact /= max(1.0, exact.sum())
        other = sa.replay(prices, pd.DataFrame([exact], index=times(1)), FREE)
        np.testing.assert_allclose(other.weights, replay.weights, rtol=0, atol=1e-12)
    assert above > 10  # the case that used to be refused does occur
    with pytest.raises(sa.DataError, match="sum to at most 1"):
        sa.replay(prices, pd.DataFrame([row * np.float32(1.001)], index=times(1)), FREE)
    double = row.astype(np.float64) / row.astype(np.float64).sum() * (1.0 + 1e-6)
    with pytest.raises(sa.DataError, match="sum to at most 1"):
        sa.replay(prices, pd.DataFrame([double], index=times(1)), FREE)


def test_insolvency_ends_trading():
    # a price that falls by 320 orders of magnitude is the only way to lose everything; it
    # underflows to a value of 0
    prices = market(A=[1e10, 1e-20, 1e10], B=[1.0, 1.0, 1.0])
    rules = sa.TradingRules(capital=1e-300, fee=0.0).without_limits()
    replay = sa.replay(prices, target(3, A=[1.0, 1.0, 0.5]), rules)
    assert replay.insolvent_at == times(3)[1]
    assert replay.value.iloc[1] == 0.0
    assert replay.fees.iloc[1:].sum() == 0.0
    assert len(replay.orders) == 1
    assert sa.replay(prices, target(A=[0.5]), FREE).insolvent_at is None


def test_an_imputed_price_is_no_quote():
    prices = market(A=[50.0, NAN, 60.0], B=[1000.0] * 3)
    filled = prices.with_arrays(
        {"price": prices.last_known()}, observed=prices.observed_array, imputation="lvcf"
    )
    weights = target(3, A=[0.5, 0.0, 0.0])
    a, b = sa.replay(prices, weights, RULES), sa.replay(filled, weights, RULES)
    assert b.counts["no quote"] == 1
    assert a.value.equals(b.value)


def test_events_credit_whoever_holds_the_asset():
    prices = market(A=[50.0, 50.0, 50.0], B=[1000.0] * 3)
    events = pd.DataFrame(
        {
            "time": [times(3)[1], times(3)[0]],
            "asset": ["A", "A"],
            "kind": ["airdrop"] * 2,
            "benefit": [2.0, 9.0],
        }
    )
    rules = RULES.replace(fee=0.0)
    replay = sa.replay(prices, target(A=[0.5]), rules, events=events)
    # 100 units are held at the second time, none yet at the first
    assert replay.value.tolist() == [10_000.0, 10_200.0, 10_200.0]
    assert replay.cash.tolist() == [5_000.0, 5_200.0, 5_200.0]
    without = sa.replay(prices, target(A=[0.5]), rules, events=None)
    assert without.value.tolist() == [10_000.0] * 3


def test_start_and_end():
    prices = market(A=[50.0, 60.0, 70.0, 80.0], B=[1000.0] * 4)
    rows = target(4, A=[0.1, 0.5, 0.1, 0.1]).iloc[[1]]
    replay = sa.replay(prices, rows, RULES, start="2018-01-24", end=times(4)[2])
    assert replay.value.index.tolist() == times(4)[:3].tolist()
    assert replay.value.iloc[:2].tolist() == [10_000.0, 10_000.0]
    default = sa.replay(prices, rows, RULES)
    assert default.value.index.tolist() == times(4)[1:].tolist()


def test_a_column_of_cash_is_the_rest():
    prices = market(A=[50.0, 60.0], B=[1000.0, 1000.0])
    plain = sa.replay(prices, target(A=[0.5]), RULES)
    named = sa.replay(prices, target(USD=[0.5], A=[0.5]), RULES)
    assert plain.value.equals(named.value)
    with pytest.raises(sa.DataError, match="sum to at most 1"):
        sa.replay(prices, target(USD=[0.6], A=[0.5]), RULES)

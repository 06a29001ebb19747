"""check_causal: what is causal passes, and every planted leak is caught."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.testing import FUTURES, changed_future, check_causal, example_market
from statarb.testing.futures import changed_in_place, read_only_copy


def returns(panel: sa.Panel) -> pd.DataFrame:
    return np.log(panel.price).diff()


CAUSAL = {
    "rolling mean": lambda panel: panel.price.rolling(5).mean(),
    "expanding scale": lambda panel: returns(panel) / returns(panel).expanding(20).std(),
    "exponential mean": lambda panel: returns(panel).ewm(halflife=7).mean(),
    "last value": lambda panel: panel.price.ffill(),
    "last known": lambda panel: pd.DataFrame(
        panel.last_known(), index=panel.times, columns=panel.assets
    ),
    "series": lambda panel: panel.price.mean(axis=1),
    "several": lambda panel: {
        "mean": panel.price.mean(axis=1),
        "count": panel.observed.sum(axis=1),
    },
    "panel": lambda panel: panel.with_arrays({"price": panel.last_known()}),
}
LEAKS = {
    "one step ahead": lambda panel: panel.price.shift(-1),
    "whole-sample scaling": lambda panel: (panel.price - panel.price.mean()) / panel.price.std(),
    "whole-sample maximum": lambda panel: panel.price / panel.price.max(),
    "centred rolling mean": lambda panel: panel.price.rolling(5, center=True, min_periods=1).mean(),
    "interpolation across t": lambda panel: panel.price.interpolate(),
    "backward fill": lambda panel: panel.price.bfill(),
    "time of the last quote": lambda panel: panel.price.mul(len(panel.times)),
    "assets that survive": lambda panel: panel.price[
        [c for c in panel.assets if pd.notna(panel.price[c].iloc[-1])]
    ],
    "stops where it has no future": lambda panel: (
        {}[len(panel.grid)] if len(panel.grid) < 600 else panel.price
    ),
}


@pytest.mark.parametrize("name", CAUSAL)
def test_what_is_causal_passes(name: str) -> None:
    report = check_causal(CAUSAL[name], cuts=4)
    assert len(report.cuts) == 4
    assert report.runs == 2 + 4 * (len(FUTURES) + 1)
    assert report.skipped == ()


@pytest.mark.parametrize("name", LEAKS)
@pytest.mark.parametrize("seed", [0, 1])
def test_planted_leaks_are_caught(name: str, seed: int) -> None:
    with pytest.raises(sa.LookAheadError, match="looks ahead"):
        check_causal(LEAKS[name], cuts=6, seed=seed)


def test_message_says_when_who_and_how_much() -> None:
    price = pd.DataFrame(
        {"a": [1.0, 2.0, 4.0, 8.0], "b": 1.0}, index=pd.date_range("2020", periods=4)
    )
    with pytest.raises(sa.LookAheadError) as caught:
        check_causal(
            lambda panel: panel.price.shift(-1).rename_axis(None),
            sa.Panel.from_frame(price),
            cuts=1,
        )
    text = str(caught.value)
    assert (
        "the result at 2020-01-02 00:00:00 for 'a' changes from 4.0 to" in text
        or "2020-01-03" in text
    )
    assert "(by " in text
    assert "cells change" in text


def test_a_peek_through_a_global_is_caught() -> None:
    market = example_market()

    def peek(panel: sa.Panel) -> pd.DataFrame:
        return market.price.shift(-1).reindex(panel.grid)

    with pytest.raises(sa.LookAheadError, match="in place"):
        check_causal(peek, market)


def test_lag_one_refuses_what_uses_the_quote_at_t() -> None:
    check_causal(lambda panel: panel.price.shift(1), lag=1)
    check_causal(lambda panel: panel.price.shift(2), lag=2)
    with pytest.raises(sa.LookAheadError):
        check_causal(lambda panel: panel.price.shift(1), lag=2)
    with pytest.raises(sa.LookAheadError):
        check_causal(lambda panel: panel.price, lag=1)


def test_writing_to_the_input_is_refused() -> None:
    def write(panel: sa.Panel) -> pd.DataFrame:
        panel.array("price")[0] = 1.0
        return panel.price

    def force(panel: sa.Panel) -> pd.DataFrame:
        values = panel.array("price").base
        values.flags.writeable = True
        values[0] = 1.0
        return panel.price

    for function in (write, force):
        with pytest.raises(AssertionError, match="must work on a copy"):
            check_causal(function)


def test_hidden_random_state_is_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(AssertionError, match="not repeatable"):
        check_causal(lambda panel: panel.price + rng.random(panel.grid_shape))
    check_causal(lambda panel: panel.price * np.random.default_rng(0).random(len(panel.assets)))


def test_results_without_times_and_bad_arguments() -> None:
    with pytest.raises(sa.ParameterError, match="must be indexed by times"):
        check_causal(lambda panel: panel.price.reset_index(drop=True))
    with pytest.raises(sa.ParameterError, match="got float"):
        check_causal(lambda panel: 1.0)
    with pytest.raises(sa.ParameterError, match="cuts"):
        check_causal(returns, cuts=0)
    with pytest.raises(sa.ParameterError, match="no cut fits"):
        check_causal(returns, start="2030-01-01")


@pytest.mark.parametrize("how", FUTURES)
def test_changed_futures_leave_the_past_alone(how: str) -> None:
    panel = example_market()
    cut = panel.times[300]
    before = panel.digest()
    changed = changed_future(panel, cut, how, seed=3)
    assert panel.digest() == before
    for field in panel.fields:
        pd.testing.assert_frame_equal(
            changed.field(field).loc[:cut],
            panel.field(field).loc[:cut],
            check_exact=True,
            check_freq=False,
        )
    later = changed.price.loc[cut:].iloc[1:]
    assert not later.equals(panel.price.loc[cut:].iloc[1:])
    assert len(changed.grid) == (
        len(panel.grid[panel.grid <= cut]) if how == "dropped" else len(panel.grid)
    )
    with pytest.raises(sa.ParameterError, match="cut"):
        changed_future(panel, panel.times[0] - panel.step, how)


def test_changes_in_place_are_put_back_bit_for_bit() -> None:
    panel = example_market()
    before, cut = panel.digest(), panel.times[200]
    with changed_in_place(panel, cut) as changed:
        assert changed
        assert panel.digest() != before
        assert panel.between(None, cut).equals(read_only_copy(panel).between(None, cut))
    assert panel.digest() == before
    with pytest.raises(ValueError, match="read-only"):
        panel.array("price")[0] = 1.0
    with pytest.raises(ZeroDivisionError), changed_in_place(panel, cut):
        raise ZeroDivisionError
    assert panel.digest() == before


def test_memory_maps_are_left_alone(tmp_path) -> None:  # type: ignore[no-untyped-def]
    panel = example_market()
    stored = np.memmap(
        tmp_path / "prices", dtype=np.float64, mode="w+", shape=panel.array("price").shape
    )
    stored[:] = panel.array("price")
    mapped = panel.select(panel.assets).with_arrays(dict.fromkeys(panel.fields, stored))
    report = check_causal(lambda market: market.price, mapped, cuts=1)
    assert any("mapped" in reason for reason in report.skipped)
    np.testing.assert_array_equal(stored, panel.array("price"))

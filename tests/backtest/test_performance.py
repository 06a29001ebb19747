"""Scores of a value path, worked out by hand, with every option."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import statarb as sa
from statarb.backtest import downside_deviation, maximum_drawdown, score_path, step_returns

PATH = [100.0, 90.0, 108.0, 97.2]
"""Simple returns -.1, +.2, -.1; cumulative -.1, +.08, -.028."""


def test_returns_by_hand():
    assert step_returns(PATH, "simple") == pytest.approx([-0.1, 0.2, -0.1])
    assert step_returns(PATH, "cumulative") == pytest.approx([-0.1, 0.08, -0.028])
    assert step_returns(PATH) == pytest.approx([math.log(0.9), math.log(1.2), math.log(0.9)])


def test_g_by_hand():
    # log: nu = sqrt(2 ln(.9)^2 / 3); Rp = -.028
    nu = math.sqrt(2 * math.log(0.9) ** 2 / 3)
    assert sa.generalised_asymmetric_return(PATH) == pytest.approx(-0.028 / nu, rel=1e-12)
    # simple: nu = sqrt(2 x .01 / 3)
    assert sa.generalised_asymmetric_return(PATH, returns="simple") == pytest.approx(
        -0.028 / math.sqrt(0.02 / 3), rel=1e-12
    )
    # cumulative: nu = sqrt((.01 + .000784) / 3)
    assert sa.generalised_asymmetric_return(PATH, returns="cumulative") == pytest.approx(
        -0.028 / math.sqrt(0.010784 / 3), rel=1e-12
    )


def test_order_root_and_minimum_acceptable_return_by_hand():
    simple = np.array([-0.1, 0.2, -0.1])
    assert downside_deviation(simple) == pytest.approx(math.sqrt(0.02 / 3), rel=1e-14)
    assert downside_deviation(simple, order=1) == pytest.approx(0.2 / 3, rel=1e-14)
    assert downside_deviation(simple, order=3) == pytest.approx((0.002 / 3) ** (1 / 3), rel=1e-14)
    # the moment itself, without a root
    assert downside_deviation(simple, root=1) == pytest.approx(0.02 / 3, rel=1e-14)
    # below .25: shortfalls .35, .05, .35
    assert downside_deviation(simple, minimum_acceptable=0.25) == pytest.approx(
        math.sqrt((0.35**2 + 0.05**2 + 0.35**2) / 3), rel=1e-14
    )


def test_g_of_cash_of_a_pure_gain_and_of_a_loss():
    assert sa.generalised_asymmetric_return([5.0, 5.0, 5.0]) == 0.0
    assert sa.generalised_asymmetric_return([5.0, 6.0, 7.0]) == math.inf
    # all is lost: the log return is minus infinity, so the downside is infinite and G is -0
    score = score_path([5.0, 0.0, 0.0])
    assert (score.total_return, score.downside) == (-1.0, math.inf)
    assert score.G == 0.0
    assert sa.generalised_asymmetric_return([5.0, 0.0, 0.0], returns="simple") == pytest.approx(
        -math.sqrt(2.0)
    )


def test_tiny_returns_do_not_underflow():
    assert downside_deviation(np.array([-1e-200, 0.0])) == pytest.approx(
        1e-200 / math.sqrt(2), rel=1e-12
    )


@given(st.lists(st.floats(0.5, 2.0), min_size=2, max_size=30), st.floats(1e-3, 1e6))
def test_scores_do_not_depend_on_the_currency(ratios, unit):
    path = np.cumprod(ratios)
    assert sa.generalised_asymmetric_return(path * unit) == pytest.approx(
        sa.generalised_asymmetric_return(path), rel=1e-6
    )


def test_the_other_measures_by_hand():
    score = score_path(
        PATH,
        cash=[50.0, 45.0, 0.0, 97.2],
        fees=[1.0, 0.0, 0.0, 0.0],
        turnover=[49.0, 0.0, 54.0, 0.0],
    )
    simple = np.array([-0.1, 0.2, -0.1])
    # the mean is 0
    assert score.volatility == pytest.approx(math.sqrt(((simple) ** 2).sum() / 2), rel=1e-12)
    assert score.sortino == pytest.approx(0.0, abs=1e-12)
    assert score.maximum_drawdown == pytest.approx(0.1)
    assert score.calmar == pytest.approx(-0.28)
    assert score.turnover == pytest.approx(0.49 + 0.5)
    assert score.exposure == pytest.approx((49 / 99 + 0.5 + 1.0 + 0.0) / 4)
    assert (score.fees, score.final_value, score.steps) == (1.0, 97.2, 3)
    # peaks 10, 12: falls of .3 and .5
    assert maximum_drawdown([10.0, 7.0, 12.0, 6.0, 12.0]) == pytest.approx(0.5)


def test_annualisation_is_an_option():
    plain, yearly = score_path(PATH), score_path(PATH, annual_steps=12)
    assert yearly.volatility == pytest.approx(plain.volatility * math.sqrt(12))
    assert yearly.calmar == pytest.approx((0.972**4 - 1) / 0.1)
    assert (yearly.G, yearly.total_return, yearly.downside) == (
        plain.G,
        plain.total_return,
        plain.downside,
    )


def test_what_is_not_known_is_nan():
    score = score_path([1.0, 2.0])
    assert all(
        math.isnan(x) for x in (score.turnover, score.exposure, score.fees, score.volatility)
    )


def test_the_score_of_a_replay():
    index = pd.date_range("2018-01-25", periods=4, freq="5min")
    panel = sa.Panel.from_frame(pd.DataFrame({"a": PATH}, index=index))
    rules = sa.TradingRules(capital=100.0, fee=0.0).without_limits()
    replay = sa.replay(panel, pd.DataFrame({"a": [1.0]}, index=index[:1]), rules)
    score = replay.score()
    assert isinstance(score, sa.Score)
    assert pytest.approx(sa.generalised_asymmetric_return(PATH), rel=1e-9) == score.G
    assert (score.turnover, score.exposure) == (1.0, 1.0)
    assert replay.score(returns="simple", order=1, annual_steps=10).downside == pytest.approx(
        0.2 / 3
    )


def test_errors():
    for value, what in (
        ([1.0], "at least two"),
        ([1.0, -1.0], "never negative"),
        ([0.0, 1.0], "positive at the start"),
        ([1.0, math.nan], "finite"),
    ):
        with pytest.raises(sa.DataError, match=what):
            sa.generalised_asymmetric_return(value)
    with pytest.raises(
        sa.ParameterError, match="returns must be one of 'log', 'simple', 'cumulative'"
    ):
        sa.generalised_asymmetric_return(PATH, returns="geometric")  # type: ignore[arg-type]
    with pytest.raises(sa.ParameterError, match="order must be"):
        sa.generalised_asymmetric_return(PATH, order=0)
    with pytest.raises(sa.ParameterError, match="annual_steps must be"):
        score_path(PATH, annual_steps=-1)

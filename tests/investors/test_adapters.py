"""A rule of one's own in three lines, and portfolio estimators in the manner of scikit-learn."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
from investor_markets import panel_of, random_prices, walk
from sklearn.base import BaseEstimator

import statarb as sa
from statarb import DataError, ParameterError
from statarb.investors import Throttled, from_function, from_skfolio, make_investor
from statarb.testing import check_investor


def half_in_the_first(window):
    return {window.assets[0]: 0.5}


def more_of_what_is_held(window, holdings):
    return holdings * 0.5 + 0.05


class InverseVariance(BaseEstimator):
    """The least that looks like a portfolio estimator."""

    def __init__(self, power: float = 1.0, offset: float = 0.0) -> None:
        self.power = power
        self.offset = offset

    def fit(self, X, y=None):
        self.seen_ = X
        inverse = X.to_numpy().var(axis=0) ** -self.power
        self.weights_ = inverse / inverse.sum() + self.offset
        return self


def test_a_rule_in_three_lines_enters_a_walk() -> None:
    panel = panel_of(random_prices(60, 3))
    investor = from_function(lambda window: {1443: 1.0}, name="mine")
    run = sa.walk_forward(
        investor, panel, sa.TradingRules(fee=0.0).without_limits(), start=panel.grid[10]
    )
    assert investor.name == "mine"
    assert run.replay.failures == 0
    np.testing.assert_allclose(run.replay.weights[1443].iloc[-1], 1.0, atol=1e-12)


@pytest.mark.parametrize("rule", [half_in_the_first, more_of_what_is_held])
def test_a_rule_is_an_investor_by_the_kit(rule) -> None:
    investor = from_function(rule)
    assert investor.name == rule.__name__
    assert pickle.loads(pickle.dumps(investor)).function is rule
    # The first rule depends on the order of the assets on purpose.
    check_investor(investor, cuts=2, tolerance=None if rule is half_in_the_first else 1e-9)


def test_a_rule_that_peeks_is_caught() -> None:
    market = sa.testing.example_market()

    def peek(window):
        later = market.array("price")[market.times.searchsorted(window.now, side="right") :]
        return (
            None
            if len(later) == 0 or np.isnan(later[0, 0])
            else {market.assets[0]: 0.5 if later[0, 0] > 30.0 else 0.25}
        )

    with pytest.raises((sa.LookAheadError, AssertionError)):
        check_investor(from_function(peek), market, cuts=6)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({1442: 0.25}, {1442: 0.25}),
        (pd.Series({1443: 0.5}), {1443: 0.5}),
        (np.array([0.1, 0.2]), {1442: 0.1, 1443: 0.2}),
        (None, None),
    ],
)
def test_answers_of_every_kind(answer, expected) -> None:
    panel = panel_of(random_prices(5, 2))
    found = from_function(lambda window: answer, "rule").decide(
        panel.window(panel.times[-1]), pd.Series(0.0, index=panel.assets)
    )
    assert (None if found is None else found.to_dict()) == expected


def test_an_answer_of_no_kind_is_an_error() -> None:
    panel = panel_of(random_prices(5, 2))
    for answer in ("all", [0.5, 0.5], np.array([1.0])):
        with pytest.raises(ParameterError, match="rule must return a Series or mapping"):
            from_function(lambda window, a=answer: a, "rule").decide(
                panel.window(panel.times[-1]), pd.Series(0.0, index=panel.assets)
            )
    with pytest.raises(ParameterError, match="function must be callable, got int"):
        from_function(3)


@pytest.mark.parametrize("name", ["eg", "olmar", "momentum", "universal"])
def test_a_paced_learner_learns_at_every_row_and_trades_at_some(name: str) -> None:
    panel = panel_of(random_prices(120, 4, seed=2, scale=0.05))
    learner = make_investor(name, **({"lookback": 5, "every": 1} if name == "momentum" else {}))
    throttled = Throttled(learner, every=12)
    assert throttled.name == f"throttled({learner.name}, every=12)"
    plain, seldom = walk(learner, panel), walk(throttled, panel)
    # momentum has its first decision, and counts from it, once it has a past return
    decided = panel.times[(5 if name == "momentum" else 0) :: 12]
    pd.testing.assert_frame_equal(seldom.loc[decided], plain.loc[decided])
    assert seldom.notna().all(axis=1).sum() == len(decided)
    check_investor(throttled, cuts=2)


def test_only_an_investor_can_be_throttled() -> None:
    with pytest.raises(ParameterError, match="investor must be an object with decide"):
        Throttled("eg")


def test_an_estimator_is_shown_the_returns_of_the_window() -> None:
    prices = random_prices(100, 4)
    prices[70:73, 1] = np.nan
    prices[:70, 3] = np.nan
    panel = panel_of(prices)
    shown = []

    class Recorded(InverseVariance):
        def fit(self, X, y=None):
            shown.append(X)
            return super().fit(X, y)

    targets = walk(
        from_skfolio(Recorded(), "recorded", lookback=50, every=1), panel, first=99
    ).iloc[0]
    # without the rows in which 1443 had no quote; a return over four rows is divided by their root
    price = panel.price[[1442, 1443, 1444]].iloc[-50:].dropna()
    logs = np.log(price).diff().iloc[1:]
    assert len(logs) == 46
    logs.loc[panel.times[73]] /= 2.0
    returns = np.expm1(logs)
    np.testing.assert_allclose(shown[0], returns, rtol=1e-10, atol=1e-16)
    assert list(shown[0].columns) == ["1442", "1443", "1444"]
    assert shown[0].index.equals(returns.index)
    expected = 1 / returns.to_numpy().var(axis=0)
    np.testing.assert_allclose(targets, [*(expected / expected.sum()), 0.0], rtol=1e-10)


def test_an_estimator_is_cloned_and_keeps_its_parameters() -> None:
    estimator = InverseVariance(power=0.5)
    investor = from_skfolio(estimator)
    assert investor.name == "InverseVariance"
    assert investor.get_params()["estimator__power"] == 0.5
    check_investor(investor, cuts=2)
    assert not hasattr(estimator, "weights_")


def test_an_estimator_without_history_keeps_the_holdings() -> None:
    assert (
        walk(from_skfolio(InverseVariance(), every=1), panel_of(random_prices(2, 2)))
        .isna()
        .all(axis=None)
    )


@pytest.mark.parametrize(
    ("offset", "words"),
    [(-0.5, "smallest weight of -0.4"), (0.2, "sum of 1.4"), (np.nan, "long only")],
)
def test_weights_that_cannot_be_held_are_refused(offset: float, words: str) -> None:
    panel = panel_of(np.exp(np.cumsum(np.tile([[0.01], [-0.01]], (25, 2)) * [1.0, 3.0], axis=0)))
    with pytest.raises(DataError, match=words):
        from_skfolio(InverseVariance(offset=offset)).decide(
            panel.window(panel.times[-1]), pd.Series(0.0, index=panel.assets)
        )


def test_what_is_no_estimator_is_refused() -> None:
    for thing in (3, InverseVariance):
        with pytest.raises(ParameterError, match="estimator must be an object with fit"):
            from_skfolio(thing)


def test_an_estimator_that_gives_no_weights_is_an_error() -> None:
    class Silent(BaseEstimator):
        def fit(self, X, y=None):
            return self

    panel = panel_of(random_prices(30, 2))
    with pytest.raises(DataError, match=r"Silent must give weights_ of shape \(2,\)"):
        from_skfolio(Silent()).decide(
            panel.window(panel.times[-1]), pd.Series(0.0, index=panel.assets)
        )


def test_skfolio_portfolios_enter() -> None:
    skfolio = pytest.importorskip("skfolio")
    from skfolio.optimization import InverseVolatility, MeanRisk

    assert skfolio.__version__
    panel = panel_of(random_prices(300, 4))
    returns = panel.price.pct_change(fill_method=None).iloc[1:]
    for estimator in (InverseVolatility(), MeanRisk()):
        targets = walk(from_skfolio(estimator, every=1), panel, first=299).iloc[0]
        assert targets.sum() == pytest.approx(1.0, abs=1e-6)
        np.testing.assert_allclose(targets, type(estimator)().fit(returns).weights_, atol=1e-6)

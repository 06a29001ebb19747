"""Names, parameters, copies and the registry."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from investor_markets import panel_of, random_prices
from sklearn.base import clone

import statarb as sa
from statarb import ParameterError
from statarb.investors import (
    INVESTORS,
    BaseInvestor,
    Investor,
    Momentum,
    PeriodicInvestor,
    Rebalanced,
    make_investor,
    register,
)
from statarb.investors.base import context_of, largest_order, smallest_order, weights_of
from statarb.rules import Context


@pytest.mark.parametrize("name", sorted(INVESTORS))
def test_every_registered_investor_keeps_its_parameters(name: str) -> None:
    investor = make_investor(name)
    assert isinstance(investor, Investor)
    assert investor.name == name
    params = investor.get_params()
    assert make_investor(name, **params).get_params() == params
    for copy in (investor.clone(), clone(investor), pickle.loads(pickle.dumps(investor))):
        assert copy is not investor
        assert copy.get_params() == params
        assert repr(copy) == repr(investor)
    assert investor.set_params(**params).get_params() == params


def test_names_show_what_differs_from_the_defaults() -> None:
    assert Momentum(top=1, rising_only=True).name == "momentum(top=1, rising_only=True)"
    assert Momentum().name == "momentum"
    assert Rebalanced(weights={1442: 0.5}).name == "rebalanced(weights={1442: 0.5})"
    many = Rebalanced(weights=dict.fromkeys(range(50), 0.02))
    other = Rebalanced(weights=dict.fromkeys(range(1, 51), 0.02))
    assert many.name != other.name
    assert repr(Momentum(top=2)) == "Momentum(top=2)"


def test_unknown_names_and_parameters_are_listed() -> None:
    with pytest.raises(
        ParameterError,
        match=r"investor must be one of .*'momentum'.*got 'momentun' .did you mean 'momentum'",
    ):
        make_investor("momentun")
    with pytest.raises(
        ParameterError, match=r"parameter of 'momentum' must be one of 'lookback', 'top'.*got 'k'"
    ):
        make_investor("momentum", k=3)
    with pytest.raises(ParameterError, match=r"parameter of Momentum must be one of .*got 'k'"):
        Momentum().set_params(k=3)


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("momentum", {"top": 0}, "top must be an integer at least 1, got 0"),
        ("momentum", {"lookback": 1.5}, "lookback must be an integer"),
        ("momentum", {"every": 0}, "every must be"),
        ("momentum", {"max_assets": 0}, "max_assets must be"),
        ("rebalanced", {"weights": {1: 0.7, 2: 0.7}}, "weights must sum to at most 1, got 1.4"),
        ("rebalanced", {"weights": {1: -0.1}}, "weight of asset 1 must be"),
        ("eg", {"eta": -1.0}, "eta must be"),
        ("ons", {"eta": 2.0}, "eta must be"),
        ("ons", {"beta": 0.0}, "beta must be"),
        ("universal", {"samples": 0}, "samples must be"),
        ("follow_the_leader", {"leader": "assets"}, "leader must be one of 'portfolio', 'asset'"),
        ("olmar", {"window": 1}, "window must be"),
        ("olmar", {"alpha": 1.0}, "alpha must be"),
        ("pamr", {"variant": 3}, "variant must be one of 0, 1, 2"),
        ("cwmr", {"phi": -2.0}, "phi must be"),
        ("anticor", {"window": 1}, "window must be"),
        ("corn", {"rho": 2.0}, "rho must be"),
        ("corn", {"window": 5, "lookback": 5}, "lookback must be"),
        (
            "moving_average_cross",
            {"fast": 20, "slow": 10},
            "slow must be above fast, got fast=20 and slow=10",
        ),
        ("channel_breakout", {"entry": 0}, "entry must be"),
        ("relative_strength", {"first": 1, "second": 1}, "first and second must be two assets"),
        ("minimum_variance", {"lookback": 2}, "lookback must be"),
        ("volatility_target", {"target": 0.0}, "target must be"),
        ("buy_and_hold", {"max_age": 0}, "max_age must be"),
        ("best_crp", {"max_assets": True}, "max_assets must be"),
    ],
)
def test_bad_parameters_are_refused(name: str, params: dict[str, object], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        make_investor(name, **params)


def test_a_name_is_registered_once() -> None:
    with pytest.raises(
        ParameterError, match="name must be new, got 'cash', which is registered for statarb"
    ):
        register("cash")(lambda: None)
    assert INVESTORS["cash"] is make_investor("cash").__class__


def test_an_investor_of_ones_own_can_be_registered() -> None:
    @register("half_for_a_test")
    @dataclass(eq=False, repr=False)
    class Half(BaseInvestor):
        asset: int = 1442

        def decide(self, window, holdings):
            weights = np.zeros(len(window.assets))
            weights[window.columns_of([self.asset])] = 0.5
            return weights_of(window, weights)

    try:
        made = make_investor("half_for_a_test", asset=1443)
        assert made.name == "half_for_a_test(asset=1443)"
        assert made.decide(
            panel_of(random_prices(3, 2)), pd.Series(0.0, index=[1442, 1443])
        ).to_dict() == {1443: 0.5}
    finally:
        INVESTORS._factories.pop("half_for_a_test")


def test_a_parameter_that_is_an_investor_is_cloned_with_it() -> None:
    @dataclass(eq=False, repr=False)
    class Wrapped(BaseInvestor):
        investor: BaseInvestor
        share: float = 0.5

        def decide(self, window, holdings):
            targets = self.investor.decide(window, holdings)
            return None if targets is None else targets * self.share

    outer = Wrapped(Momentum(top=2))
    assert outer.get_params()["investor__top"] == 2
    assert outer.set_params(investor__top=1).investor.top == 1
    assert outer.clone().investor is not outer.investor
    assert outer.clone().investor.top == 1
    assert "momentum(top=1)" in outer.name


def test_without_hindsight_there_is_nothing_to_fit() -> None:
    with pytest.raises(ParameterError, match="cash decides without hindsight"):
        make_investor("cash").fit_hindsight(panel_of(random_prices(3, 2)))
    with pytest.raises(NotImplementedError, match="must define decide"):
        BaseInvestor().decide(panel_of(random_prices(3, 2)), pd.Series(dtype=float))


def test_a_periodic_investor_must_weigh() -> None:
    @dataclass(eq=False, repr=False)
    class Empty(PeriodicInvestor):
        every: int = 1

    with pytest.raises(NotImplementedError, match="must define weigh"):
        Empty().decide(panel_of(random_prices(2, 1)), pd.Series([0.0], index=[1442]))


def test_order_limits_are_shares_of_the_value() -> None:
    prices = random_prices(5, 2)
    prices[-1] = np.nan
    prices[3, 0], prices[4, 1] = 200.0, 1.0
    panel = panel_of(prices)
    rules = sa.TradingRules(min_order=0.5, max_order=20.0, numeraire=1442)
    context = Context(panel.now, 10_000.0, rules)
    # the numeraire's last price counts
    assert smallest_order(panel, context) == pytest.approx(0.5 * 200.0 / 10_000.0, rel=1e-14)
    assert largest_order(panel, context) == pytest.approx(20.0 * 200.0 / 10_000.0, rel=1e-14)
    in_cash = Context(panel.now, 10_000.0, rules.replace(numeraire=None))
    assert largest_order(panel, in_cash) == pytest.approx(20.0 / 10_000.0, rel=1e-14)
    free = Context(panel.now, 10_000.0, rules.without_limits())
    assert (smallest_order(panel, free), largest_order(panel, free)) == (0.0, np.inf)
    gone = Context(panel.now, 0.0, rules)
    assert largest_order(panel, gone) == 0.0
    other = Context(panel.now, 10_000.0, rules.replace(numeraire=7))
    assert (smallest_order(panel, other), largest_order(panel, other)) == (0.0, np.inf)


def test_outside_a_walk_the_fee_is_the_case_s_and_orders_have_any_size() -> None:
    panel = panel_of(random_prices(5, 2))
    found = context_of(None, panel)
    assert found.rules == sa.TradingRules().without_limits()
    assert (found.time, found.decision_lag) == (panel.now + panel.step, 1)
    given = Context(panel.now, 1.0, sa.TradingRules(fee=0.1), 0)
    assert context_of(given, panel) is given

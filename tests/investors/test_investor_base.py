"""Names, parameters, copies and the registry."""

from __future__ import annotations

import pickle
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from investor_markets import panel_of, random_prices, walk
from sklearn.base import clone

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
from statarb.investors.adapters import from_function
from statarb.investors.base import weights_of


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
        del INVESTORS["half_for_a_test"]


def test_a_parameter_that_is_an_investor_is_cloned_with_it() -> None:
    @dataclass(eq=False, repr=False)
    class Wrapped(BaseInvestor):
        investor: BaseInvestor
        share: float = 0.5

        def decide(self, window, holdings):
            wanted = self.investor.decide(window, holdings)
            return None if wanted is None else wanted * self.share

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


def test_periods_start_at_midnight_and_an_answer_is_repeated_until_a_new_row() -> None:
    asked = []

    def rule(window):
        asked.append(window.now)
        return {1442: 1.0}

    investor = from_function(rule, every=12)
    panel = panel_of(random_prices(30, 2))
    answers = walk(investor, panel)
    starts = [stamp for stamp in panel.times if stamp.minute == 0]
    assert asked == starts
    repeated = {start + pd.Timedelta("5min") for start in starts}
    assert set(answers.dropna().index) == {
        stamp for stamp in panel.times if stamp in repeated or stamp in starts
    }


def test_an_answer_outlives_a_time_without_quotes() -> None:
    prices = random_prices(30, 2)
    prices[12:20] = np.nan
    panel = panel_of(prices)
    investor = from_function(lambda window: {1442: 1.0}, "rule", every=12)
    held = pd.Series(0.0, index=panel.assets)
    wanted = [investor.decide(panel.window(stamp), held) is not None for stamp in panel.grid]
    # Decided at 0; repeated with the row at 1. Decided at 12, when nothing is quoted; repeated up
    # to the first quote at 20.
    assert np.flatnonzero(wanted).tolist() == [0, 1, *range(12, 21), 24, 25]


def test_a_periodic_investor_must_weigh() -> None:
    @dataclass(eq=False, repr=False)
    class Empty(PeriodicInvestor):
        every: int = 1

    with pytest.raises(NotImplementedError, match="must define weigh"):
        Empty().decide(panel_of(random_prices(2, 1)), pd.Series([0.0], index=[1442]))

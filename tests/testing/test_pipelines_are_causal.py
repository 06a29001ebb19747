"""The library's own pipelines, from panel to value path, held to the causality check."""

from __future__ import annotations

import functools

import pandas as pd
import pytest

import statarb as sa
from statarb.forecasting import make_forecaster
from statarb.investors.base import make_investor
from statarb.testing import check_causal, example_market

MARKET = example_market(times=260, assets=4)
START = MARKET.times[60]
RULES = sa.TradingRules(fee=0.001).without_limits()


def walk(panel: sa.Panel, lag: int) -> dict[str, pd.DataFrame | pd.Series]:
    run = sa.walk_forward(
        make_investor("momentum", top=1), panel, RULES, start=START, depth=50, decision_lag=lag
    )
    return {"value": run.replay.value, "weights": run.replay.weights, "targets": run.targets}


@pytest.mark.parametrize("lag", [0, 1])
def test_a_walk_and_its_replay(lag: int) -> None:
    check_causal(functools.partial(walk, lag=lag), MARKET, cuts=3, start=MARKET.times[80])


def test_targets_of_a_lagged_walk_rest_on_the_row_before() -> None:
    check_causal(
        lambda panel: walk(panel, 1)["targets"], MARKET, lag=1, cuts=3, start=MARKET.times[80]
    )


@pytest.mark.parametrize("refit_every", [1, 7])
def test_one_step_forecasts_do_not_see_the_step_that_they_forecast(refit_every: int) -> None:
    market = example_market(times=400, assets=4)

    def forecasts(panel: sa.Panel) -> pd.DataFrame:
        return sa.forecast_walk(
            make_forecaster("ridge"), panel, market.times[170], depth=160, refit_every=refit_every
        )

    check_causal(forecasts, market, lag=1, cuts=3, start=market.times[180])


def test_imputation_inside_each_window_of_a_walk() -> None:
    def last_filled(panel: sa.Panel) -> pd.DataFrame:
        times = panel.times[(panel.times >= START)][::20]
        filled = [sa.impute(panel.window(t, depth=60), "r1").price.iloc[-1] for t in times]
        return pd.DataFrame(filled, index=times)

    check_causal(last_filled, MARKET, cuts=3, start=MARKET.times[80])


def test_panels_imputed_with_a_look_ahead_are_refused_by_the_walk() -> None:
    filled = sa.impute(MARKET, "lint")
    with pytest.raises((sa.LookAheadError, sa.DataError, sa.ParameterError), match="ahead"):
        sa.walk_forward(make_investor("momentum"), filled, RULES, start=START)
    sa.walk_forward(make_investor("momentum"), sa.impute(MARKET, "lvcf"), RULES, start=START)

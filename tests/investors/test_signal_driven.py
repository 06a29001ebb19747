"""Investors whose signals do not depend on what they hold: one decide for all, and the forecasts
that they share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import statarb as sa
from statarb.forecasting.blocks import forecast_rows
from statarb.forecasting.linear import CrossAssetRidge
from statarb.investors import SignalDriven
from statarb.investors.base import weights_of
from statarb.investors.stat_arb.forecasts import forecasts_from
from tests.conftest import make_panel

RULES = sa.TradingRules().without_limits()


@dataclass(eq=False, repr=False)
class Risers(SignalDriven):
    """The same weight of every asset that stands higher than some rows ago; its holdings where none
    does.
    """

    rows: int = 3

    def signals(self, panel: sa.Panel, first: int, last: int, depth: int) -> dict[str, np.ndarray]:
        known = panel.last_known()[:last]
        change = np.full((last - first, len(panel.assets)), np.nan)
        start = max(first, self.rows)
        change[start - first :] = known[start:] / known[start - self.rows : last - self.rows] - 1.0
        return {"change": change}

    def decide_on(
        self, window: sa.Panel, holdings: pd.Series, signal: Mapping[str, np.ndarray]
    ) -> pd.Series | None:
        rises = signal["change"] > 0.0
        return weights_of(window, rises / rises.sum()) if rises.any() else None


class Alone:
    """The same without signals."""

    name = "alone"

    def decide(self, window: sa.Panel, holdings: pd.Series) -> pd.Series | None:
        return Risers().decide(window, holdings)


@pytest.mark.parametrize("lag", [0, 1])
def test_a_walk_in_blocks_decides_as_decide_does(lag: int) -> None:
    panel = make_panel(150, 4, seed=4)
    options = {"start": "2018-01-24 22:00", "depth": None, "decision_lag": lag}
    blocks = sa.walk_forward(Risers(), panel, RULES, block=17, **options)
    alone = sa.walk_forward(Alone(), panel, RULES, **options)
    pd.testing.assert_frame_equal(blocks.targets, alone.targets, check_exact=True)
    assert len(blocks.targets) > 20
    assert len(blocks.failures) == len(alone.failures) == 0


def test_what_a_subclass_must_define_is_named() -> None:
    panel = make_panel(30)
    with pytest.raises(
        NotImplementedError, match=r"SignalDriven must define signals\(panel, first, last, depth\)"
    ):
        SignalDriven().decide(panel, pd.Series(0.0, index=panel.assets))
    with pytest.raises(
        NotImplementedError, match=r"SignalDriven must define decide_on\(window, holdings, signal\)"
    ):
        SignalDriven().decide_on(panel, pd.Series(0.0, index=panel.assets), {})


def test_forecasts_begin_where_the_forecaster_has_its_least_rows() -> None:
    panel, model = make_panel(220, 3, seed=1), CrossAssetRidge()
    ready = model.min_rows - 1
    found = forecasts_from(model, panel, ready - 5, ready + 20, 200)
    assert np.isnan(found[:5]).all()
    rows = np.arange(ready, ready + 20)
    np.testing.assert_array_equal(found[5:], forecast_rows(model, panel, rows, depth=200).forecasts)
    assert np.isfinite(found[5:]).any()


def test_there_is_no_forecast_from_windows_that_are_too_short() -> None:
    panel, model = make_panel(220, 3, seed=1), CrossAssetRidge()
    assert np.isnan(forecasts_from(model, panel, 0, 200, model.min_rows - 1)).all()
    assert np.isnan(forecasts_from(model, panel, 0, model.min_rows - 1, 200)).all()
    assert forecasts_from(model, panel, 7, 7, 200).shape == (0, 3)


def test_forecasts_are_made_with_one_thread_of_blas() -> None:
    """Many small matrices: with more threads 19 assets took twenty times as long as 10."""
    seen: list[int] = []

    class Counting(CrossAssetRidge):
        def forecast_block(self, *arguments):
            seen.extend(
                pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"
            )
            return super().forecast_block(*arguments)

    panel = make_panel(220, 3, seed=1)
    with threadpool_limits(limits=2, user_api="blas"):
        forecasts_from(Counting(), panel, 150, 160, 200)
    assert seen
    assert set(seen) == {1}

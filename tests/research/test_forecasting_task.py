"""The study of the case's forecasting task: shares of moves over the rows that are scored."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from statarb.forecasting import directional_symmetry

STUDY = Path(__file__).resolve().parents[2] / "research" / "level1.py"


@pytest.fixture(scope="module")
def study():
    spec = importlib.util.spec_from_file_location("forecasting_task_study", STUDY)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_an_always_right_forecast_meets_all_moves_that_there_are(study):
    """The share of moves is taken over the rows of D: those of one block, neighbours among an
    asset's own quotes.
    """
    rng = np.random.default_rng(0)
    price = pd.DataFrame(
        np.round(np.exp(0.01 * rng.normal(size=(400, 3)).cumsum(axis=0)), 2),
        pd.date_range("2018-01-25", periods=400, freq="5min"),
    )
    price = price.mask(rng.random(price.shape) < 0.2)
    for first, last in ((0, 287), (100, 387)):
        span = (price.index[first], price.index[last])
        inside = price.loc[span[0] : span[1]].to_numpy()
        perfect = directional_symmetry(inside, inside)
        moved = study.share_of_moves(price, span).to_numpy()
        assert moved == pytest.approx(perfect)
        assert (moved < 95.0).all(), "quotes of two decimals are often unchanged"

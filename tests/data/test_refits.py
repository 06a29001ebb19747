"""refit_rows: models are fitted at fixed places of the grid, whoever asks from wherever."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.data.refits import refit_rows
from statarb.errors import ParameterError


def market(grid: int = 120, missing: tuple[int, ...] = ()) -> sa.Panel:
    times = pd.date_range("2018-01-24", periods=grid, freq="5min")
    prices = pd.DataFrame({"a": np.arange(1.0, grid + 1)}, index=times)
    prices.iloc[list(missing)] = np.nan
    return sa.Panel.from_frame(prices, step="5min")


def test_fits_are_at_multiples_of_the_distance() -> None:
    rows = np.arange(120)
    assert np.array_equal(refit_rows(market(), rows, 25), rows // 25 * 25)
    assert np.array_equal(refit_rows(market(), rows, 1), rows)


def test_while_rows_are_few_a_model_is_fitted_whenever_they_have_doubled() -> None:
    found = refit_rows(market(), np.arange(70), 60, least=10)
    expected = [-1] * 9 + [9] * 10 + [19] * 20 + [39] * 21 + [60] * 10
    assert found.tolist() == expected


def test_after_a_gap_the_first_row_of_the_stretch_is_fitted() -> None:
    gap = tuple(range(20, 47))
    panel = market(missing=gap)
    found = refit_rows(panel, np.arange(93), 10)
    for row, fit in enumerate(found):
        place = panel.places[row]
        inside = np.flatnonzero(panel.places // 10 == place // 10)
        assert fit == inside[0]


@pytest.mark.parametrize("least", [1, 8])
def test_neither_blocks_nor_the_first_row_nor_the_future_matter(least: int) -> None:
    panel = market(missing=(3, 40, 41, 77))
    whole = refit_rows(panel, np.arange(116), 30, least)
    for low, high in ((0, 50), (29, 31), (50, 116)):
        past = panel.row_slice(0, high)
        assert np.array_equal(refit_rows(past, np.arange(low, high), 30, least), whole[low:high])
    # a window that holds the row of the fit finds it too
    window = panel.row_slice(20, 110)
    found = refit_rows(window, np.arange(40, 90), 30, least)
    assert np.array_equal(found + 20, whole[60:110])


def test_misuse_is_named() -> None:
    with pytest.raises(ParameterError, match="every must be"):
        refit_rows(market(), np.arange(3), 0)
    with pytest.raises(ParameterError, match="least must be"):
        refit_rows(market(), np.arange(3), 1, 0)

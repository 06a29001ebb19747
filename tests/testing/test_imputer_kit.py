"""check_imputer: every broken promise is named."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import statarb as sa
from statarb.testing import check_imputer, example_market

MARKET = example_market()


def backward(panel: sa.Panel) -> sa.Panel:
    return panel.with_arrays({"price": panel.price.ffill().bfill().loc[panel.times].to_numpy()})


def across(panel: sa.Panel) -> sa.Panel:
    return panel.with_arrays(
        {"price": panel.price.interpolate(limit_area="inside").loc[panel.times].to_numpy()}
    )


def across_and_says_so(panel: sa.Panel) -> sa.Panel:
    filled = panel.price.interpolate(limit_area="inside").loc[panel.times].to_numpy()
    return panel.with_arrays({"price": filled}, observed=panel.observed_array, looks_ahead=True)


def across_quietly(panel: sa.Panel) -> sa.Panel:
    return panel.with_arrays({"price": across(panel).array()}, observed=panel.observed_array)


def smooths(panel: sa.Panel) -> sa.Panel:
    return panel.with_arrays(
        {"price": panel.last_known() * 1.000001}, observed=panel.observed_array
    )


def claims(panel: sa.Panel) -> sa.Panel:
    return panel.with_arrays({"price": panel.last_known()})


def negative(panel: sa.Panel) -> sa.Panel:
    filled = np.where(np.isnan(panel.array()) & ~np.isnan(panel.last_known()), -1.0, panel.array())
    return panel.with_arrays({"price": filled}, observed=panel.observed_array)


def shortens(panel: sa.Panel) -> sa.Panel:
    return panel.between(None, panel.times[-2]) if len(panel.times) > 1 else panel


def frames(panel: sa.Panel) -> Any:
    return panel.price


def peeks(panel: sa.Panel) -> sa.Panel:
    """Fills with the row after the panel's end, out of the array that a window is a view of."""
    whole = panel.array().base
    ahead = whole[min(len(panel.times), len(whole) - 1)]
    filled = panel.last_known()
    hole = np.isnan(panel.array()) & ~np.isnan(filled)
    filled[hole] = np.broadcast_to(np.nan_to_num(ahead, nan=1.0), filled.shape)[hole]
    return panel.with_arrays({"price": filled}, observed=panel.observed_array, looks_ahead=True)


def draws(panel: sa.Panel) -> sa.Panel:
    filled = panel.last_known()
    hole = np.isnan(panel.array()) & ~np.isnan(filled)
    filled[hole] *= np.random.default_rng().lognormal(0, 0.01, int(hole.sum()))
    return panel.with_arrays({"price": filled}, observed=panel.observed_array)


def by_place(panel: sa.Panel) -> sa.Panel:
    filled = panel.last_known() * np.where(
        np.isnan(panel.array()), 1.0 + np.arange(len(panel.assets)), 1.0
    )
    return panel.with_arrays({"price": filled}, observed=panel.observed_array)


def test_one_that_looks_ahead_and_says_so_passes() -> None:
    report = check_imputer(across_and_says_so)
    assert report.skipped == ("causality on a whole panel (it says that it looks ahead)",)


@pytest.mark.parametrize(
    ("imputer", "error", "message"),
    [
        (backward, AssertionError, "mask"),
        (across_quietly, sa.LookAheadError, "looks_ahead=True"),
        (smooths, AssertionError, "changes observed prices"),
        (claims, AssertionError, "mask of what was observed"),
        (negative, AssertionError, "a price that is none"),
        (shortens, AssertionError, "grid"),
        (frames, AssertionError, "must return a Panel"),
        (peeks, sa.LookAheadError, "the window ends at"),
        (draws, AssertionError, "not repeatable"),
        (by_place, AssertionError, "assets change places"),
        (lambda panel: panel, AssertionError, "pickled"),
    ],
)
def test_broken_promises_of_imputers_are_named(
    imputer: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        check_imputer(imputer, MARKET)


def early(panel: sa.Panel) -> sa.Panel:
    return panel.with_arrays(
        {"price": backward(panel).array()}, observed=panel.observed_array, looks_ahead=True
    )


def test_cells_before_the_first_quote_stay_missing() -> None:
    with pytest.raises(AssertionError, match="before the asset's first quote"):
        check_imputer(early, MARKET)


def carried(panel: sa.Panel) -> sa.Panel:
    return panel.with_arrays({"price": panel.last_known()}, observed=panel.observed_array)


def test_a_limit_on_holes_is_checked() -> None:
    check_imputer(carried, MARKET)
    with pytest.raises(AssertionError, match="longer than max_gap=1"):
        check_imputer(carried, MARKET, max_gap=1)

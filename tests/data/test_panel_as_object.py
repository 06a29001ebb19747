"""A panel as an object among others: copies, pickles, windows that carry nothing of the whole, and
helpful refusals.
"""

from __future__ import annotations

import copy
import datetime
import pickle

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from tests.conftest import make_panel


def _pickled(panel: sa.Panel) -> sa.Panel:
    return pickle.loads(pickle.dumps(panel, protocol=5))


@pytest.mark.parametrize("copied", [_pickled, copy.deepcopy, copy.copy])
@pytest.mark.parametrize("filled", [False, True])
def test_a_copy_is_equal_and_as_read_only_as_the_panel(copied, filled):
    panel = make_panel(60)
    panel = sa.impute(panel, "lvcf") if filled else panel
    for one in (panel, panel.window(panel.times[30], depth=10)):
        again = copied(one)
        assert again.equals(one)
        assert again.digest() == one.digest()
        assert again.now == one.now
        with pytest.raises(ValueError, match="read-only"):
            again.array()[0, 0] = 1.0
        if filled:
            with pytest.raises(ValueError, match="read-only"):
                again.observed_array[0, 0] = True


def test_a_pickled_window_holds_its_rows_alone():
    panel = make_panel(2000)
    assert (
        len(pickle.dumps(panel.window(panel.times[50], depth=10))) < len(pickle.dumps(panel)) / 20
    )


def test_a_window_has_no_metadata_since_that_tells_of_the_whole_panel():
    panel = make_panel(60).with_arrays({}, metadata={"best asset": 1443})
    assert panel.between(panel.times[3]).metadata == {"best asset": 1443}
    window = panel.window(panel.times[30])
    assert window.metadata == {}
    assert window.between(window.times[3]).metadata == {}
    assert panel.row_slice(0, 5).metadata == {}
    window.metadata["noted"] = 1
    assert panel.window(panel.times[30]).metadata == {}


def test_an_unknown_asset_is_guessed_by_symbol_and_by_spelling():
    panel = sa.simulate_market(assets=21, days=1, seed=0)
    for given in ("BTC", "1442"):
        with pytest.raises(sa.ParameterError, match="did you mean 1442"):
            panel.select([given])
    with pytest.raises(
        sa.ParameterError, match=r"assets must be a list of labels, got 1442; give \[1442\]"
    ):
        panel.select(1442)
    with pytest.raises(sa.ParameterError, match="assets must be a list"):
        panel.select("BTC")


@pytest.mark.parametrize("number", [5, 5.0, True, np.int64(5), np.float64("nan")])
def test_a_number_is_no_time(number):
    panel = make_panel(60)
    with pytest.raises(sa.ParameterError, match=r"t must be a time such as .*, got the number"):
        panel.window(number)


@pytest.mark.parametrize(
    "when",
    [
        "2018-01-24 22:00",
        pd.Timestamp("2018-01-24 22:00"),
        pd.Timestamp("2018-01-24 23:00", tz="Europe/Berlin"),
        np.datetime64("2018-01-24T22:00"),
        datetime.datetime(2018, 1, 24, 22),
        datetime.datetime(2018, 1, 24, 22, tzinfo=datetime.UTC),
    ],
)
def test_any_way_to_write_a_time_will_do(when):
    panel = make_panel(60)
    assert panel.window(when).now == pd.Timestamp("2018-01-24 22:00")
    assert panel.window(datetime.date(2018, 1, 25)).now == pd.Timestamp("2018-01-25")


class _OfAnotherLibrary:
    def to_pandas(self):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (
            pd.concat(
                {"Close": pd.DataFrame({"a": [1.0]}), "Open": pd.DataFrame({"a": [1.0]})}, axis=1
            ),
            r"prices\['Close'\]",
        ),
        (pd.Series([1.0]), "indexed by times, got row numbers"),
        (np.ones((2, 2)), r"give an array as pd.DataFrame\(prices, index=times"),
        (_OfAnotherLibrary(), "a numpy array, got a .*_OfAnotherLibrary"),
        ({"a": [1.0]}, "got a builtins.dict"),
    ],
)
def test_a_table_of_another_kind_is_told_how_to_become_one(table, words):
    with pytest.raises(sa.DataError, match=words):
        sa.Panel.from_frame(table)


def test_a_panel_given_for_returns_is_noticed():
    with pytest.raises(sa.DataError, match=r"returns must be .* got a Panel; give panel.price"):
        sa.fit_garch(make_panel(60))


def test_results_are_shown_in_one_line():
    panel = make_panel(120, missing=0.0, gaps=False)
    shown = repr(sa.quality_report(panel))
    assert shown.startswith("QualityReport(4 assets, ")
    assert "120 times" in shown
    assert repr(sa.johansen(panel)).startswith("JohansenResult(1442, 1443, 1444, 1445; ")

"""Files of the forecasting task: written, read back, every fault named with file and line."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.errors import DataError, ParameterError
from statarb.forecasting import LEADERS, make_forecaster
from statarb.pipelines.level1 import ForecastTask, forecast_days, task_assets, write_forecast_task
from statarb.results import validate_forecasts
from tests.conftest import make_panel

DAYS = ["2018-01-26", "2018-01-27"]


@pytest.fixture(scope="module")
def market() -> sa.Panel:
    return make_panel(1100, 3, seed=5)


@pytest.fixture(scope="module")
def folder(market, tmp_path_factory):
    place = tmp_path_factory.mktemp("forecasts")
    write_forecast_task(market, place, ForecastTask(days=DAYS, depth=400))
    return place


@pytest.fixture
def copy(folder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def check(place):
    return validate_forecasts(place, [1442, 1443, 1444], periods=2)


def test_what_is_written_is_valid_and_says_what_was_forecast(market, folder):
    found = check(folder)
    assert found.valid, found.summary()
    assert found.files == 6
    result = forecast_days(make_forecaster("case_default"), task_assets(market), DAYS, depth=400)
    prices = np.loadtxt(folder / "1443_2.csv")
    assert np.array_equal(prices, result.run.forecasts[1443].loc["2018-01-27"].to_numpy())
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["model"] == "case_default, shaped"
    assert metrics["Z"] == pytest.approx(metrics["D"] - metrics["M"] - metrics["R"] - metrics["U"])
    assert {"raw", "shaped", "last_value", "fallbacks", "missing"} <= metrics.keys()
    table = pd.read_csv(folder / "metrics_MAPE.csv", index_col=0)
    assert table.loc[1442, "1"] == result.shaped.mape.loc[1442, 1]
    assert len((folder / "metrics_DS.csv").read_text().splitlines()) == 4


@pytest.mark.parametrize(
    ("name", "change", "says"),
    [
        ("1442_1.csv", None, "1442_1.csv: the file is missing"),
        ("9999_1.csv", lambda text: "1\n", "9999_1.csv: no such asset or period is expected"),
        (
            "1443_1.csv",
            lambda text: "price\n" + text,
            "1443_1.csv, line 1: 'price' is no decimal number; there must be no header",
        ),
        (
            "1443_1.csv",
            lambda text: text + "1.0\n",
            "1443_1.csv, line 289: 289 lines; there must be 288",
        ),
        (
            "1443_2.csv",
            lambda text: text.replace("\n", ",1\n", 1),
            "1443_2.csv, line 1: 2 columns; there must be one",
        ),
        (
            "1444_2.csv",
            lambda text: "-3.5\n" + text.split("\n", 1)[1],
            "1444_2.csv, line 1: a price must be positive",
        ),
        ("1444_2.csv", lambda text: "nan\n" + text.split("\n", 1)[1], "'nan' is no decimal number"),
        (
            "metrics_DS.csv",
            lambda text: text.replace("coinID,1,2", "coinID,1"),
            "metrics_DS.csv, line 1: the header must be",
        ),
        (
            "metrics_MAPE.csv",
            lambda text: text.replace("1443,", "1442,"),
            "metrics_MAPE.csv, line 3: asset '1442' is duplicated",
        ),
        (
            "metrics_R.csv",
            lambda text: "coinID,R\n1442,-1\n1443,0\n1444,0\n",
            "metrics_R.csv, line 2: '-1' in column 2",
        ),
        (
            "metrics_DS.csv",
            lambda text: "coinID,1,2\n1442,50,50\n1443,40,40\n1444,9,9\n",
            "columns 1 and 2 are equal",
        ),
        ("metrics.json", lambda text: text.replace('"D"', '"DD"'), "metrics.json: has no D"),
        ("metrics.json", lambda text: text.replace('"Z": ', '"Z": 1'), "metrics.json: Z is 1"),
        ("metrics.json", lambda text: "{", "metrics.json: is not JSON"),
    ],
)
def test_every_fault_is_named(copy, name, change, says):
    path = copy / name
    if change is None:
        path.unlink()
    else:
        path.write_text(change(path.read_text() if path.exists() else ""))
    found = check(copy)
    assert not found.valid
    assert says in found.summary()


def test_days_models_and_folders_that_do_not_exist(market, tmp_path):
    with pytest.raises(DataError, match="day 2018-02-06 does not lie whole in the data"):
        write_forecast_task(market, tmp_path, ForecastTask(days=["2018-01-26", "2018-02-06"]))
    with pytest.raises(ParameterError, match="2018-01-26 more than once"):
        write_forecast_task(market, tmp_path, ForecastTask(days=["2018-01-26", "2018-01-26"]))
    with pytest.raises(ParameterError, match=r"model must be one of .*'ridge'.*'all'"):
        ForecastTask(model="oracle", days=DAYS)
    with pytest.raises(ParameterError, match="refit_every"):
        write_forecast_task(market, tmp_path, ForecastTask(days=DAYS, depth=400, refit_every=0))
    with pytest.raises(DataError, match="none of the competition's days"):
        write_forecast_task(market, tmp_path)
    with pytest.raises(DataError, match="is not a folder"):
        validate_forecasts(tmp_path / "absent")
    assert list(tmp_path.iterdir()) == []


def test_a_league_ranks_all_forecasters(market, tmp_path, monkeypatch):
    from statarb.pipelines import level1 as forecast_job

    monkeypatch.setattr(forecast_job, "forecaster_names", lambda: ["last_value", "ridge", "drift"])
    task = ForecastTask(model="all", days=DAYS, depth=400)
    done = write_forecast_task(market, tmp_path, task)
    league = pd.read_csv(tmp_path / "forecast_league.csv")
    assert sorted(league["model"]) == sorted(
        [f"{name}{end}" for name in ("last_value", "ridge", "drift") for end in ("", ", shaped")]
    )
    assert league["Z"].is_monotonic_decreasing
    assert {"M", "D", "R", "U", "behind_low", "behind_high", "dm_p_value", "fallbacks"} <= set(
        league.columns
    )
    assert "ridge" in done.text
    assert done.facts["league"][0]["model"] == league["model"][0] == done.facts["model"]
    assert check(tmp_path).valid


def test_the_assets_that_are_forecast():
    panel = make_panel(30, 8)
    assert set(task_assets(panel).assets) <= set(LEADERS)
    other = sa.Panel.from_frame(panel.price.set_axis(list("abcdefgh"), axis=1))
    assert list(task_assets(other).assets) == list("abcdefgh")
    assert list(task_assets(panel, [1444]).assets) == [1444]

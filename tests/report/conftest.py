"""A small market, and folders as the verbs leave them."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.pipelines.level1 import ForecastTask, write_forecast_task
from statarb.pipelines.market import write_market
from statarb.results.league_files import write_league
from statarb.results.run_files import write_run
from statarb.walk.league import run_league

WALK = {"start": "2018-01-25", "end": "2018-01-26 06:00", "depth": 100}
ODD = "<script>alert('$1$')</script> & \"mine\""
"""A name that must reach the page as text alone."""


@pytest.fixture(scope="session")
def panel():
    return sa.simulate_market(assets=6, days=9.0, seed=4)


@pytest.fixture(scope="session")
def paired():
    """A market of five assets: B follows A with a half-life of seven steps, the others nothing."""
    rng = np.random.default_rng(0)
    walks = rng.normal(0.0, 0.004, (1600, 4)).cumsum(axis=0)
    deviation = np.zeros(1600)
    for step, shock in enumerate(rng.normal(0.0, 0.004, 1599), start=1):
        deviation[step] = 0.9 * deviation[step - 1] + shock
    logs = np.column_stack([walks[:, 0], walks[:, 0] + deviation, walks[:, 1:]])
    times = pd.date_range("2020-01-01", periods=1600, freq="h")
    prices = pd.DataFrame(np.exp(logs), index=times, columns=list("ABCDE"))
    return sa.Panel.from_frame(prices.mask(rng.random(prices.shape) < 0.02))


def picky(window, holdings):
    """Trade now and then, and fail now and then with a message that is no markup."""
    place = window.now.hour * 60 + window.now.minute
    if place % 180 == 0:
        raise ArithmeticError("<b>no</b> solution & no hope")
    if place % 45:
        return None
    prices = window.price.iloc[-1]
    weights = pd.Series(np.arange(1.0, len(prices) + 1.0) + place % 4, index=prices.index).where(
        prices.notna(), 0.0
    )
    return 0.9 * weights / weights.sum()


@pytest.fixture(scope="session")
def runs(panel):
    """The same investor at lags 1 and 0."""
    investor = sa.investors.from_function(picky, name=ODD)
    return {lag: sa.walk_forward(investor, panel, decision_lag=lag, **WALK) for lag in (1, 0)}


@pytest.fixture(scope="session")
def league(panel):
    entered = [
        sa.investors.from_function(picky, name=ODD),
        "cash",
        "buy_and_hold",
        "equal_weight_hold",
        "rebalanced",
    ]
    return run_league(entered, panel, draws=50, **WALK)


@pytest.fixture(scope="session")
def made(tmp_path_factory, panel, runs, league, paired):
    """Folders that the verbs leave: ``run`` (league and its best run), ``lag1``, ``lag0``,
    ``forecast``, ``market``; not to be changed.
    """
    base = tmp_path_factory.mktemp("made")
    for lag, run in runs.items():
        write_run(run, base / f"lag{lag}", panel)
    write_league(league, base / "run", panel)
    write_run(league.best_traded(1), base / "run", panel)
    days = ["2018-01-24", "2018-01-25"]
    task = ForecastTask(model="last_value", days=days, depth=50)
    write_forecast_task(panel, base / "forecast", task)
    write_market(paired, base / "market")
    return base


@pytest.fixture
def copy(made, tmp_path):
    """Copies of some of the folders, which a test may change: one alone, or several side by
    side.
    """

    def take(*names):
        for name in names:
            shutil.copytree(
                made / name, tmp_path if len(names) == 1 else tmp_path / name, dirs_exist_ok=True
            )
        return tmp_path

    return take


@pytest.fixture
def unsealed(copy):
    """Copies without checksums, as someone may put a folder together by hand."""

    def take(*names):
        folder = copy(*names)
        for path in [*folder.glob("*.json"), *folder.glob("*/*.json")]:
            content = json.loads(path.read_text())
            if content.pop("files", None) is not None:
                path.write_text(json.dumps(content))
        return folder

    return take

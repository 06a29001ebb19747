"""Walks and leagues on a Dask cluster of real worker processes: the same bytes, whatever happens to
a worker.
"""

from __future__ import annotations

import os
import signal

import joblib
import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.investors import LeadLag, make_investor
from statarb.walk.league import run_league
from tests.conftest import make_panel

distributed = pytest.importorskip("distributed")
RULES = sa.TradingRules()
WALK = {"start": "2018-01-25 10:00", "depth": 400}
# warnings of the cluster's own threads are not ours to mend
pytestmark = pytest.mark.filterwarnings("default")


class Deadly(LeadLag):
    """Kills the worker that computes its fourth block, once."""

    fuse: str = ""

    def signals(self, panel, first, last, depth):
        if self.fuse and first > 500 and os.path.exists(self.fuse):
            os.unlink(self.fuse)
            os.kill(os.getpid(), signal.SIGKILL)
        return super().signals(panel, first, last, depth)


@pytest.fixture(scope="module")
def client():
    cluster = distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
    )
    client = distributed.Client(cluster)
    yield client
    client.close()
    cluster.close()


@pytest.fixture(scope="module")
def market():
    return make_panel(700, 5, seed=11, missing=0.05)


def same(one, other):
    pd.testing.assert_frame_equal(one.targets, other.targets, check_exact=True)
    np.testing.assert_array_equal(one.replay.value, other.replay.value)


def test_a_walk_on_two_workers_gives_the_same_bytes(client, market):
    with joblib.parallel_config("dask"):
        spread = sa.walk_forward(LeadLag(), market, RULES, n_jobs=-1, block=50, **WALK)
    same(spread, sa.walk_forward(LeadLag(), market, RULES, **WALK))


def test_a_league_on_two_workers_gives_the_same_table(client, market):
    names = ["cash", "buy_and_hold", "rebalanced"]
    grid = {"momentum": {"lookback": [12, 36], "top": [1, 2]}}
    with joblib.parallel_config("dask"):
        spread = run_league(names, market, RULES, grid=grid, n_jobs=-1, **WALK).table
    alone = run_league(names, market, RULES, grid=grid, n_jobs=1, **WALK).table
    assert len(alone) == 14
    timed = ["seconds", "utilisation_max_percent"]
    pd.testing.assert_frame_equal(
        spread.drop(columns=timed), alone.drop(columns=timed), check_exact=True
    )


def test_a_worker_killed_on_the_way_does_not_lose_the_run(client, market, tmp_path):
    fuse = tmp_path / "fuse"
    fuse.write_text("")
    investor = make_deadly(str(fuse))
    with joblib.parallel_config("dask"):
        spread = sa.walk_forward(investor, market, RULES, n_jobs=-1, block=50, **WALK)
    assert not fuse.exists(), "no worker was killed"
    same(spread, sa.walk_forward(LeadLag(), market, RULES, **WALK))


def make_deadly(fuse):
    investor = make_investor("lead_lag")
    investor.__class__ = Deadly
    investor.fuse = fuse
    investor.clone = lambda: investor
    return investor


def test_the_league_task_runs_on_a_cluster_by_its_address(client, market, tmp_path):
    from statarb.pipelines.full import on_cluster, run_league_task

    options = {
        "investors": ["cash", "buy_and_hold"],
        "span": (WALK["start"], None),
        "depth": WALK["depth"],
    }
    with on_cluster(client.scheduler_info()["address"]):
        text = run_league_task(market, tmp_path / "spread", **options).text
    run_league_task(market, tmp_path / "alone", n_jobs=1, **options)
    spread, alone = (pd.read_csv(tmp_path / where / "league.csv") for where in ("spread", "alone"))
    timed = ["seconds", "utilisation_max_percent"]
    pd.testing.assert_frame_equal(
        spread.drop(columns=timed), alone.drop(columns=timed), check_exact=True
    )
    assert "Kendall's tau" in text


def test_a_cluster_that_does_not_answer_is_one_clear_error():
    from statarb.pipelines.full import on_cluster

    address = "tcp://127.0.0.1:9"
    refused = pytest.raises(sa.ParameterError, match="no Dask scheduler answers at 'tcp")
    with refused, on_cluster(address):
        pytest.fail("there is no such cluster")

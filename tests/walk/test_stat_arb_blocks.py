"""The investor with forecasts, volatilities and the optimizer: the same path for every worker and
block.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import statarb as sa
from statarb.data.shared_memory import shared
from statarb.investors import StatArb
from statarb.rules import Context
from statarb.walk.checkpoint import Checkpoint
from statarb.walk.settings import WalkSettings
from statarb.walk.signals import Block, signal_blocks

WALK = {"start": "2018-01-19 06:00", "end": "2018-01-19 20:00", "depth": 300}


@pytest.fixture(scope="module")
def market() -> sa.Panel:
    return sa.simulate_market(assets=40, days=3, seed=4)


def investor() -> StatArb:
    return StatArb(volatility="garch", scenarios=200, track_record=60, z_threshold=0.5)


def asked(market: sa.Panel) -> tuple:
    """Whose signals, in which market and context, of which rows, by which settings."""
    context = Context(market.grid[311], 10_000.0, sa.TradingRules(), 1)
    return investor(), market, context, range(310, 400), WalkSettings(depth=300, block=40)


@pytest.fixture(scope="module", params=[0, 1])
def whole(market: sa.Panel, request: pytest.FixtureRequest) -> sa.Run:
    return sa.walk_forward(investor(), market, decision_lag=request.param, **WALK)


@pytest.mark.parametrize(("n_jobs", "block"), [(1, 50), (2, 64), (2, 288)])
def test_the_path_depends_on_neither_workers_nor_blocks(
    market: sa.Panel, whole: sa.Run, n_jobs: int, block: int
) -> None:
    run = sa.walk_forward(
        investor(), market, decision_lag=whole.decision_lag, n_jobs=n_jobs, block=block, **WALK
    )
    pd.testing.assert_frame_equal(run.targets, whole.targets, check_exact=True)
    pd.testing.assert_series_equal(run.replay.value, whole.replay.value, check_exact=True)
    assert len(run.failures) == 0
    assert whole.decision_lag == 1 or len(run.targets) > 10


def test_blocks_that_wait_lie_in_files_and_are_removed(
    market: sa.Panel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    options = {"store": None, "show": False}
    alone = list(signal_blocks(*asked(market), n_jobs=1, **options))
    reader = signal_blocks(*asked(market), n_jobs=2, **options)
    for expected in alone:
        found = next(reader)
        assert (found.first, found.last) == (expected.first, expected.last)
        for name, values in expected.arrays.items():
            np.testing.assert_array_equal(found.arrays[name], values)
        assert not list(tmp_path.rglob(f"signals-{found.first:07d}-*"))
    assert next(reader, None) is None
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("statarb-panel")]


def test_a_mapped_panel_gives_the_same_signals(market: sa.Panel) -> None:
    expected = investor().signals(market, 310, 330, 300)
    with shared(market) as place:
        found = investor().signals(place.open().row_slice(0, 330), 310, 330, 300)
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], values)


def test_a_parked_block_that_is_damaged_is_computed_again(market: sa.Panel, tmp_path: Path) -> None:
    store = Checkpoint(tmp_path, "k" * 64)
    options = {"store": store, "show": False, "n_jobs": 2}
    first = list(signal_blocks(*asked(market), **options))
    assert all(isinstance(store.read(name), Block) for name in store.names("signals-"))
    path = store.folder / store.names("signals-")[1]
    path.write_bytes(path.read_bytes()[:-7])
    for one, other in zip(first, signal_blocks(*asked(market), **options), strict=True):
        for name, values in one.arrays.items():
            np.testing.assert_array_equal(values, other.arrays[name])

"""What the tests share: where the real rows are, and small panels."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import statarb as sa

ROOT = Path(__file__).resolve().parents[1]
CASE = Path(os.environ.get("STATARB_CASE_DATA", ROOT.parent / "shared" / "case"))
QUOTES = CASE / "quotes_20coins_to_2018-02-28.csv.gz"
COINS = CASE / "CSVData_coin.csv"


@pytest.fixture(scope="session")
def case_data() -> tuple[Path, Path]:
    """Files of the real quotes and of the coin table; skips where they are absent."""
    if not (QUOTES.is_file() and COINS.is_file()):
        pytest.skip(f"the real quotes are not in {CASE} (set STATARB_CASE_DATA to their folder)")
    return QUOTES, COINS


@pytest.fixture(scope="session")
def real_panel(case_data: tuple[Path, Path]) -> sa.Panel:
    """The 20 real coins, 2018-01-17 to 2018-02-28."""
    quotes, coins = case_data
    return sa.read_quotes(quotes, coins=coins)


def make_panel(
    times: int = 60, assets: int = 4, *, seed: int = 0, missing: float = 0.1, gaps: bool = True
) -> sa.Panel:
    """A small random market with missing cells, whole gaps and a late listing."""
    rng = np.random.default_rng(seed)
    prices = np.exp(np.cumsum(rng.normal(0.0, 0.01, (times, assets)), axis=0)) * rng.uniform(
        0.1, 100.0, assets
    )
    prices[rng.random(prices.shape) < missing] = np.nan
    if gaps and times > 20:
        prices[times // 3 : times // 3 + 3] = np.nan
        prices[: times // 4, -1] = np.nan
    index = pd.date_range("2018-01-24 20:00", periods=times, freq="5min", unit="us")
    return sa.Panel.from_frame(
        pd.DataFrame(prices, index=index, columns=range(1442, 1442 + assets))
    )

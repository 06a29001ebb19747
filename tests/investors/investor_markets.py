"""Markets and walks that the tests of the investors share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

import statarb as sa

START = pd.Timestamp("2018-01-24 20:00")


def panel_of(prices: Any, assets: Iterable[Any] | None = None, **fields: Any) -> sa.Panel:
    """A panel of an array of prices, one row every five minutes."""
    values = np.asarray(prices, dtype=np.float64)
    index = pd.date_range(START, periods=len(values), freq="5min", unit="us")
    columns = range(1442, 1442 + values.shape[1]) if assets is None else list(assets)
    frames = {
        name: pd.DataFrame(np.asarray(field, dtype=float), index=index, columns=columns)
        for name, field in fields.items()
    }
    return sa.Panel.from_frame(pd.DataFrame(values, index=index, columns=columns), **frames)


def random_prices(rows: int, assets: int, seed: int = 0, scale: float = 0.01) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.exp(np.cumsum(rng.normal(0.0, scale, (rows, assets)), axis=0)) * rng.uniform(
        0.1, 100.0, assets
    )


def walk(
    investor: Any,
    panel: sa.Panel,
    first: int = 0,
    depth: int = 2016,
    rows: Iterable[int] | None = None,
) -> pd.DataFrame:
    """Target weights, rows x assets, of an investor whose targets are always reached; NaN rows keep
    the holdings.
    """
    fresh = investor.clone()
    if investor.hindsight:
        fresh.fit_hindsight(panel)
    holdings = pd.Series(0.0, index=panel.assets)
    targets = {}
    for row in range(first, len(panel.times)) if rows is None else rows:
        stamp = panel.times[row]
        answer = fresh.decide(panel.window(stamp, depth), holdings)
        if answer is not None:
            holdings = answer.reindex(panel.assets, fill_value=0.0)
        targets[stamp] = holdings if answer is not None else pd.Series(np.nan, index=panel.assets)
    return pd.DataFrame(targets).T


def growth(investor: Any, panel: sa.Panel) -> float:
    """Wealth without fees: the targets of a row are held over the next one; what is kept
    drifts with the prices.
    """
    targets = walk(investor, panel).to_numpy()
    price = panel.last_known()
    held, wealth = np.zeros(len(panel.assets)), 1.0
    for row in range(len(targets) - 1):
        held = held if np.isnan(targets[row]).all() else targets[row]
        relative = np.where(held > 0.0, price[row + 1] / price[row], 1.0)
        factor = 1.0 + float(held @ (relative - 1.0))
        wealth, held = wealth * factor, held * relative / factor
    return wealth

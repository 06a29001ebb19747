"""What all assets of a synthetic market share: its rows, its factor, and when it stands still."""

from __future__ import annotations

import dataclasses

import numpy as np

from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.data.synthetic._engine.market import ALPHA, BETA, garch_path, row_pattern

__all__ = ["SharedMarket", "shared_market", "shocks"]


@dataclasses.dataclass(frozen=True, eq=False)
class SharedMarket:
    """What all assets share.

    Parameters
    ----------
    rows : (rows,)
        Places in the grid that have a row.
    factor : (rows,)
        Return of the factor; mean square about 1 per step of the grid.
    volatility : (rows,)
        Its conditional standard deviation per step, known a row before.
    root_time : (rows,)
        Root of the steps since the row before.
    stale : (rows,)
        Whether all quotes repeat those of the row before.
    seed : int
        Of the market.
    degrees : float
        Of the t distribution of all shocks.
    """

    rows: IntArray
    factor: FloatArray
    volatility: FloatArray
    root_time: FloatArray
    stale: BoolArray
    seed: int
    degrees: float


def shared_market(
    times: int, seed: int, degrees: float, stale_share: float, *, every_row: bool = False
) -> SharedMarket:
    """Draw what all assets share.

    Parameters
    ----------
    times : int
        Length of the grid.
    seed : int
        Of the market.
    degrees : float
        Of the t distribution of all shocks.
    stale_share : float
        Share of rows in which all assets stand still.
    every_row : bool
        Whether every time of the grid has a row.

    Returns
    -------
    SharedMarket
    """
    rng = np.random.default_rng([seed, 0])
    rows = np.arange(times) if every_row else row_pattern(rng, times)
    root_time = np.sqrt(np.diff(rows, prepend=-1).astype(np.float64))
    factor, volatility = garch_path(shocks(rng, degrees, len(rows)), ALPHA, BETA)
    return SharedMarket(
        rows=rows,
        factor=factor * root_time,
        volatility=volatility,
        root_time=root_time,
        stale=rng.random(len(rows)) < stale_share,
        seed=seed,
        degrees=degrees,
    )


def shocks(rng: np.random.Generator, degrees: float, count: int) -> FloatArray:
    """Draw t shocks of variance 1.

    Parameters
    ----------
    rng : Generator
        Where they come from.
    degrees : float
        Of freedom, above 2.
    count : int
        How many.

    Returns
    -------
    (count,)
    """
    return np.asarray(
        rng.standard_t(degrees, count) * np.sqrt((degrees - 2.0) / degrees), dtype=np.float64
    )

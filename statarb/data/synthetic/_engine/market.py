"""Parts of the synthetic market: when rows come, how an asset's quotes move, and who the assets
are.

Kernels have their plain references in ``tests/data/test_synthetic.py``.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from statarb._core.numba import kernel
from statarb._core.typing import BoolArray, FloatArray, IntArray

__all__ = [
    "LEVEL_ONE",
    "Asset",
    "asset_path",
    "garch_path",
    "row_pattern",
    "stable_path",
    "thin_path",
]


@dataclasses.dataclass(frozen=True)
class Asset:
    """What sets one asset apart.

    Parameters
    ----------
    id : int
        Coin id.
    symbol, name : str
        As in the coin table.
    level : float
        First price, in USD.
    supply : int
        Assets in circulation.
    sd : float
        Standard deviation of the log return from row to row.
    delay : float
        Share of the factor's move that shows one row late.
    share : float
        Share of the factor in the variance of the undelayed return; with the noise of the quotes
        .84 becomes .8.
    kind : str
        ``stable``, ``liquid`` or ``thin``.
    """

    id: int
    symbol: str
    name: str
    level: float
    supply: int
    sd: float
    delay: float
    share: float = 0.84
    kind: str = "liquid"


LEVEL_ONE = (
    Asset(1442, "BTC", "Bitcoin", 10_800.0, 16_800_000, 33e-4, 0.55),
    Asset(1443, "ETH", "Ethereum", 960.0, 97_000_000, 38e-4, 0.52),
    Asset(1444, "XRP", "Ripple", 1.6, 38_700_000_000, 58e-4, 0.15),
    Asset(1445, "BCH", "Bitcoin Cash", 1_740.0, 16_900_000, 46e-4, 0.68),
    Asset(1446, "ADA", "Cardano", 0.54, 25_900_000_000, 63e-4, 0.2),
    Asset(1447, "XEM", "NEM", 1.4, 9_000_000_000, 73e-4, 0.25),
    Asset(1448, "LTC", "Litecoin", 176.0, 54_800_000, 50e-4, 0.35),
    Asset(1449, "NEO", "NEO", 120.0, 65_000_000, 58e-4, 0.36),
    Asset(1450, "XLM", "Stellar", 0.41, 17_900_000_000, 64e-4, 0.45),
    Asset(1451, "MIOTA", "IOTA", 2.5, 2_780_000_000, 56e-4, 0.3),
    Asset(1452, "EOS", "EOS", 9.5, 600_000_000, 51e-4, 0.35),
    Asset(1453, "DASH", "Dash", 760.0, 7_800_000, 42e-4, 0.78),
    Asset(1454, "XMR", "Monero", 313.0, 15_600_000, 49e-4, 0.68),
    Asset(1455, "TRX", "TRON", 0.052, 65_700_000_000, 68e-4, 0.55),
    Asset(1456, "BTG", "Bitcoin Gold", 182.0, 16_700_000, 59e-4, 0.42),
    Asset(1457, "ETC", "Ethereum Classic", 28.0, 99_000_000, 51e-4, 0.62),
    Asset(1460, "LSK", "Lisk", 19.0, 117_000_000, 69e-4, 0.8, share=0.65),
    Asset(1465, "ZEC", "Zcash", 468.0, 3_100_000, 45e-4, 0.78),
    Asset(1474, "USDT", "Tether", 1.003, 1_620_000_000, 42e-4, 0.0, kind="stable"),
    Asset(1477, "DOGE", "Dogecoin", 0.0068, 113_000_000_000, 62e-4, 0.9, share=0.55),
)
"""The assets of level 1, with the levels, supplies and volatilities of January 2018 in round
numbers.
"""

ALPHA, BETA = 0.085, 0.913
"""GARCH(1,1) parameters: medians over the real coins."""
LARGEST_VARIANCE = 6.0
"""Bound of the conditional variance, in multiples of its mean: with alpha + beta = .998 and t
shocks one seed in three would otherwise spend most of its variance on a single day, which the real
quotes do not.
"""
NOISE_SHARE = 0.05
"""Share of the quotes' own noise in the variance of returns."""
REVERSION = 0.5**0.25
"""Persistence of the stable asset: half of a deviation is gone after four rows."""

SKIPPING = 0.32
"""Share of the rows that lie in runs with 10-minute steps; these then make up 9.2 % of all
steps.
"""
RUN_LENGTH = 100
HOLE_TIME = 0.105
"""Share of the time that the long gaps take; with the 10-minute steps a fifth of all time is
missing.
"""
LONGEST_HOLE = 0.378
"""Part of the longest gap in it: 62 h in 65 days."""


def row_pattern(rng: np.random.Generator, times: int) -> IntArray:
    """Return which times of a grid have a row: the first, the last, and what the pattern of the
    real rows leaves.

    Steps between rows are 5 minutes (90.5 %), 10 minutes (9.2 %: in runs, every third or fourth
    row), 15 minutes (.15 %), and per 65 days twenty gaps, the longest 62 h; shorter spans get as
    much of it as they are long.
    """
    gaps = _gaps(rng, times)
    left = times - 1 - int(gaps.sum())
    steps: list[int] = []
    while left > 0:
        calm = int(rng.geometric(SKIPPING / (1.0 - SKIPPING) / RUN_LENGTH))
        skipping = int(rng.geometric(1.0 / RUN_LENGTH))
        fresh = [1] * calm
        while len(fresh) < calm + skipping:
            fresh += [1] * int(rng.integers(2, 4)) + [2]
        triple = np.flatnonzero(rng.random(len(fresh)) < 0.0015)
        for place in triple:
            fresh[place] = 3
        for step in fresh:
            steps.append(min(step, left))
            left -= steps[-1]
            if left == 0:
                break
    whole = np.insert(
        np.array(steps, dtype=np.int64), np.sort(rng.integers(0, len(steps) + 1, len(gaps))), gaps
    )
    return np.concatenate([[0], np.cumsum(whole)]).astype(np.int64)


def _gaps(rng: np.random.Generator, times: int) -> IntArray:
    """Return the lengths of the long gaps, in steps."""
    total = int(HOLE_TIME * times)
    count = round(20 * times / (65 * 288))
    if total < 12 or count < 1:
        return np.zeros(0, dtype=np.int64)
    if count == 1:
        return np.array([total], dtype=np.int64)
    longest = int(LONGEST_HOLE * total)
    rest = rng.dirichlet(np.ones(count - 1)) * (total - longest)
    return np.append(np.minimum(np.maximum(rest.astype(np.int64), 7), longest), longest)


@kernel()
def garch_path(shocks: FloatArray, alpha: float, beta: float) -> tuple[FloatArray, FloatArray]:
    """Return GARCH(1,1) returns of about unit variance, and their volatilities (Bollerslev 1986,
    eq. 1), the latter bounded.
    """
    rows = shocks.shape[0]
    returns = np.empty(rows)
    volatility = np.empty(rows)
    variance = 1.0
    for row in range(rows):
        volatility[row] = np.sqrt(variance)
        returns[row] = volatility[row] * shocks[row]
        variance = min(
            (1.0 - alpha - beta) + alpha * returns[row] ** 2 + beta * variance, LARGEST_VARIANCE
        )
    return returns, volatility


@kernel()
def asset_path(
    factor: FloatArray,
    own: FloatArray,
    noise: FloatArray,
    stale: BoolArray,
    delay: float,
    share: float,
    noise_share: float,
) -> FloatArray:
    """Return a liquid asset's log quotes: a delayed factor, own moves, and noise that does not
    last; scaled to unit variance.

    Only the factor is delayed. A stale row repeats the row before it.
    """
    rows = factor.shape[0]
    path = np.empty(rows)
    level = 0.0
    for row in range(rows):
        late = factor[row - 1] if row > 0 else 0.0
        moved = (1.0 - delay) * factor[row] + delay * late
        level += np.sqrt(share) * moved + np.sqrt(1.0 - share) * own[row]
        path[row] = level
    _add_noise(path, noise, noise_share)
    _repeat_stale(path, stale)
    _scale(path)
    return path


@kernel()
def stable_path(
    factor: FloatArray,
    own: FloatArray,
    noise: FloatArray,
    stale: BoolArray,
    persistence: float,
    loading: float,
    noise_share: float,
) -> FloatArray:
    """Return the log quotes of an asset that comes back to its level, and gives way at once when
    the market rises.
    """
    rows = factor.shape[0]
    path = np.empty(rows)
    level = 0.0
    for row in range(rows):
        level = persistence * level + own[row] - loading * factor[row]
        path[row] = level
    _add_noise(path, noise, noise_share)
    _repeat_stale(path, stale)
    _scale(path)
    return path


@kernel()
def thin_path(path: FloatArray, trades: BoolArray, side: FloatArray, tick: float) -> FloatArray:
    """Return the log price of the last trade of a thin asset: at the bid or the ask around
    ``path``, in coarse ticks.
    """
    last = np.empty(path.shape[0])
    current = np.round(path[0] / tick) * tick
    for row in range(path.shape[0]):
        if trades[row]:
            current = (np.round(path[row] / tick - 0.5) + (1.0 if side[row] > 0.0 else 0.0)) * tick
        last[row] = current
    return last


@kernel()
def _add_noise(path: FloatArray, noise: FloatArray, share: float) -> None:
    """Add noise to a path so that it makes up ``share`` of the variance of its differences."""
    rows = path.shape[0]
    squares = 0.0
    for row in range(1, rows):
        squares += (path[row] - path[row - 1]) ** 2
    size = np.sqrt(squares / max(rows - 1, 1) * share / (1.0 - share) / 2.0)
    for row in range(rows):
        path[row] += size * noise[row]


@kernel()
def _repeat_stale(path: FloatArray, stale: BoolArray) -> None:
    for row in range(1, path.shape[0]):
        if stale[row]:
            path[row] = path[row - 1]


@kernel()
def _scale(path: FloatArray) -> None:
    """Start a path at 0 and give its differences the variance 1."""
    rows = path.shape[0]
    squares = 0.0
    for row in range(1, rows):
        squares += (path[row] - path[row - 1]) ** 2
    size = np.sqrt(squares / max(rows - 1, 1))
    start = path[0]
    for row in range(rows):
        path[row] = (path[row] - start) / size if size > 0.0 else 0.0

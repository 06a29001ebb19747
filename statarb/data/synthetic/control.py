r"""Control markets: nothing in them can be predicted but what is planted.

From row to row an asset i moves by

.. math:: r_{it} = b_i f_t + e_{it} - \tfrac12 \operatorname{Var}_{t-1} r_{it}

with the factor f and the own returns e of the market without plants (GARCH with t shocks), without
its delays, its noise and its groups. The last term makes prices, not their logs, the martingale, to
within the fourth power of a row's return: with unpredictable log returns alone, whoever holds
anything would earn half their variance.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from statarb._core.time import Stamps
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.data.synthetic._engine.market import ALPHA, BETA, Asset, garch_path
from statarb.data.synthetic.planted import (
    Plant,
    PlantedDiffusion,
    PlantedPairs,
    PlantedTrend,
    PlantedVolatility,
)
from statarb.data.synthetic.shared import SharedMarket, shocks
from statarb.errors import ParameterError

__all__ = ["ControlMarket"]

DAY = 288
"""Rows for which the premium is stated."""


@dataclasses.dataclass(frozen=True, eq=False)
class _Moves:
    """Log returns of an asset before anything is planted in it: (rows,) each."""

    common: FloatArray
    own: FloatArray
    common_variance: FloatArray
    own_variance: FloatArray


class ControlMarket:
    """Log prices of a market with plants, and what is planted where.

    Parameters
    ----------
    market : SharedMarket
        Rows, factor, stale rows.
    cast : sequence of Asset
        All assets, in any order; what is planted where depends on their ids and on the seed.
    plants : sequence of plants
        What is planted, each family once.
    grid : (times,) datetime64
        Times of the grid.

    Raises
    ------
    ParameterError
        More assets are needed than there are.
    """

    def __init__(
        self, market: SharedMarket, cast: Sequence[Asset], plants: Sequence[Plant], grid: Stamps
    ) -> None:
        _require_assets(plants, len(cast))
        self.market = market
        self._stamps = grid[market.rows]
        self._cast = {asset.id: asset for asset in sorted(cast, key=lambda one: one.id)}
        self._last_shown: IntArray = np.maximum.accumulate(
            np.where(market.stale, 0, np.arange(len(market.rows)))
        )
        self._ahead: dict[int, tuple[PlantedPairs | PlantedDiffusion, int]] = {}
        self._drifts: dict[int, FloatArray] = {}
        self._trend: PlantedTrend | None = None
        self._volatility: PlantedVolatility | None = None
        self._wild: BoolArray = np.zeros(len(market.rows), dtype=np.bool_)
        self.planted: list[dict[str, Any]] = []
        # the families take their assets in one order, whatever the order in which they are named
        order = np.random.default_rng([market.seed, 5]).permutation(len(cast))
        free = [list(self._cast)[place] for place in order]
        for plant in sorted(plants, key=_place_of):
            if isinstance(plant, PlantedPairs):
                free = self._plant_pairs(plant, free)
            elif isinstance(plant, PlantedDiffusion):
                free = self._plant_diffusion(plant, free)
            elif isinstance(plant, PlantedTrend):
                self._plant_trend(plant, free)
            else:
                self._plant_volatility(plant)

    def shown_path(self, asset: Asset) -> FloatArray:
        """Return the log price that an asset's quotes show: a stale row repeats the row before.

        Parameters
        ----------
        asset : Asset
            One of the market.

        Returns
        -------
        (rows,)
            Before it is rounded.
        """
        return np.asarray(self._path(asset)[self._last_shown] + np.log(asset.level))

    def _plant_pairs(self, plant: PlantedPairs, free: list[int]) -> list[int]:
        for place in range(plant.groups):
            leader, follower = free[2 * place : 2 * place + 2]
            self._ahead[follower] = (plant, leader)
            levels = np.log([self._cast[leader].level, self._cast[follower].level])
            self.planted.append(
                {
                    "name": plant.family,
                    "assets": [leader, follower],
                    "hedge_ratios": [plant.hedge_ratio],
                    "mean": float(levels[1] - plant.hedge_ratio * levels[0]),
                    "half_life_rows": plant.half_life,
                    "spread_sd": plant.spread,
                }
            )
        return free[plant.least_assets :]

    def _plant_diffusion(self, plant: PlantedDiffusion, free: list[int]) -> list[int]:
        size = 1 + plant.followers
        for place in range(plant.groups):
            leader, *followers = free[size * place : size * (place + 1)]
            for follower in followers:
                self._ahead[follower] = (plant, leader)
            self.planted.append(
                {
                    "name": plant.family,
                    "assets": [leader, *followers],
                    "weights": [plant.beta / plant.steps] * plant.steps,
                }
            )
        return free[plant.least_assets :]

    def _plant_trend(self, plant: PlantedTrend, free: list[int]) -> None:
        chosen = sorted(free if plant.assets is None else free[: plant.assets])
        firsts = np.arange(0, len(self._stamps), plant.length)
        for asset in chosen:
            rng = np.random.default_rng([self.market.seed, 6, asset])
            self._drifts[asset] = plant.size * rng.standard_normal(len(firsts))
        self._trend = plant
        risks = [self._risks(self._cast[asset]) for asset in chosen]
        self.planted.append(
            {
                "name": plant.family,
                "assets": chosen,
                "length_rows": plant.length,
                "size": plant.size,
                "loadings": [common for common, _ in risks],
                "own_sd": [own for _, own in risks],
                "changes": _texts(self._stamps[firsts]),
                "drifts": [self._drifts[asset].tolist() for asset in chosen],
            }
        )

    def _plant_volatility(self, plant: PlantedVolatility) -> None:
        rng = np.random.default_rng([self.market.seed, 7])
        begins = bool(rng.random() < 0.5)
        switches = rng.random(len(self._wild)) < 1.0 / plant.length
        switches[0] = False
        self._wild = (np.cumsum(switches) % 2 == 1) ^ begins
        self._volatility = plant
        assets = list(self._cast)
        measured = [asset for asset in assets if asset not in self._ahead]
        risks = [self._risks(self._cast[asset]) for asset in measured]
        firsts = np.append(0, np.flatnonzero(switches))
        self.planted.append(
            {
                "name": plant.family,
                "assets": assets,
                "length_rows": plant.length,
                "calm": plant.calm,
                "wild": plant.wild,
                "premium_per_row": plant.premium / DAY,
                "measured": measured,
                "loadings": [common for common, _ in risks],
                "own_sd": [own for _, own in risks],
                "changes": _texts(self._stamps[firsts]),
                "is_wild": self._wild[firsts].tolist(),
            }
        )

    def _path(self, asset: Asset) -> FloatArray:
        """Return an asset's log price over its first one, at every row, stale or not."""
        plant, leader = self._ahead.get(asset.id, (None, 0))
        if isinstance(plant, PlantedPairs):
            ahead = self._path(self._cast[leader])
            spread = self._spread(plant, asset)
            return np.asarray(plant.hedge_ratio * ahead + spread)
        moves = self._moves(asset)
        if isinstance(plant, PlantedDiffusion):
            ahead = np.diff(self._path(self._cast[leader]), prepend=0.0)
            # what arrives is a difference of the leader's path over the rows of the kernel
            arrived = np.cumsum(ahead)
            arrived[plant.steps :] -= np.cumsum(ahead)[: -plant.steps]
            returns = moves.own - moves.own_variance / 2.0 + plant.beta / plant.steps * arrived
        else:
            returns = moves.common + moves.own - (moves.common_variance + moves.own_variance) / 2.0
            if self._volatility is not None:
                returns += np.log1p(self._volatility.premium / DAY)
            if asset.id in self._drifts and self._trend is not None:
                drift = self._drifts[asset.id] / self._trend.length
                returns += drift[np.arange(len(returns)) // self._trend.length]
        returns[0] = 0.0
        return np.cumsum(returns)

    def _spread(self, plant: PlantedPairs, asset: Asset) -> FloatArray:
        """Return a stationary Ornstein-Uhlenbeck path at the rows."""
        rng = np.random.default_rng([self.market.seed, 3, asset.id])
        persistence = 0.5 ** (1.0 / plant.half_life)
        noise = rng.standard_normal(len(self._stamps)) * np.sqrt(1.0 - persistence**2)
        spread = np.empty(len(noise))
        level = float(rng.standard_normal())
        for row, shock in enumerate(noise.tolist()):
            if row > 0:
                level = persistence * level + shock
            spread[row] = level
        return plant.spread * spread

    def _moves(self, asset: Asset) -> _Moves:
        """Return the returns of an asset that nothing predicts, and their variances as known a row
        before.
        """
        market = self.market
        rng = np.random.default_rng([market.seed, 2, asset.id])
        count = len(market.rows)
        own, own_sd = garch_path(shocks(rng, market.degrees, count), ALPHA, BETA)
        # As in the market without plants: volatility is shared in part, its size is the asset's.
        spell = np.sqrt(market.volatility) * market.root_time
        size = np.sqrt(np.mean(market.factor**2) / np.mean((own * spell) ** 2)) * spell
        own, own_sd = own * size, own_sd * size
        common, common_sd = market.factor, market.volatility * market.root_time
        loading, rest = np.sqrt(asset.share), np.sqrt(1.0 - asset.share)
        scale: FloatArray = np.full(
            count, asset.sd / np.sqrt(np.mean((loading * common + rest * own)[1:] ** 2))
        )
        if self._volatility is not None:
            scale *= np.where(self._wild, self._volatility.wild, self._volatility.calm)
        return _Moves(
            common=scale * loading * common,
            own=scale * rest * own,
            common_variance=(scale * loading * common_sd) ** 2,
            own_variance=(scale * rest * own_sd) ** 2,
        )

    def _risks(self, asset: Asset) -> tuple[float, float]:
        """Return the standard deviations of an asset's common and own moves per step of the grid,
        at calm and wild spells of none.
        """
        per_step = asset.sd / np.sqrt(np.mean(np.diff(self.market.rows)))
        return float(per_step * np.sqrt(asset.share)), float(per_step * np.sqrt(1.0 - asset.share))


def _place_of(plant: Plant) -> int:
    """Return the place of a family in the order in which assets are given out; a trend takes what
    is left.
    """
    order = (PlantedPairs, PlantedDiffusion, PlantedTrend, PlantedVolatility)
    return order.index(type(plant))


def _require_assets(plants: Sequence[Plant], assets: int) -> None:
    """Raise :class:`ParameterError` where plants need more assets than there are."""
    needs = {plant.family: plant.least_assets for plant in plants}
    if sum(needs.values()) <= assets:
        return
    raise ParameterError(
        f"plant needs {' and '.join(f'{count} assets for {name}' for name, count in needs.items())}"
        f", got assets={assets}; give at least assets={sum(needs.values())}, or plant fewer: "
        "groups of pairs take 2 assets each, groups of diffusion 1 + followers, a trend its assets"
    )


def _texts(stamps: Stamps) -> list[str]:
    return [str(stamp) for stamp in stamps.astype("datetime64[us]")]

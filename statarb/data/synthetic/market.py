"""Synthetic market: quotes that behave like the real ones, with planted truths that tests and
studies can ask for.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from statarb._core.checks import check_integer, check_number
from statarb._core.time import Stamps, as_stamp, as_width
from statarb._core.typing import AnyFloatArray, FloatArray, TimeLike
from statarb.data.gridding import closed
from statarb.data.panel import BITCOIN, Panel
from statarb.data.synthetic._engine.market import (
    ALPHA,
    BETA,
    LEVEL_ONE,
    NOISE_SHARE,
    REVERSION,
    Asset,
    asset_path,
    garch_path,
    stable_path,
    thin_path,
)
from statarb.data.synthetic.control import ControlMarket
from statarb.data.synthetic.planted import (
    Plant,
    PlantLike,
    read_plants,
)
from statarb.data.synthetic.shared import SharedMarket, shared_market, shocks
from statarb.errors import ParameterError

__all__ = ["simulate_market"]

ASSETS_PER_BLOCK = 32
CONTROL_SD = 0.6
"""Standard deviations of a control market's assets, as a share of those of the usual market."""
CONTROL_SHARE = 0.3
"""Share of the factor in the variance of a control market's assets: in the usual market a week's
move of the factor, which nobody can predict, would hide what is planted.
"""


@dataclasses.dataclass(frozen=True)
class _Group:
    """Assets that one stationary combination of log prices ties together: the last one follows the
    others.
    """

    name: str
    hedge_ratios: tuple[float, ...]
    half_life: float
    spread_sd: float


_GROUPS = (
    _Group("pair", (1.2,), half_life=36.0, spread_sd=0.012),
    _Group("triple", (0.7, 0.5), half_life=72.0, spread_sd=0.015),
)


def simulate_market(
    assets: int = 1678,
    days: float = 65.0,
    seed: int = 0,
    start: TimeLike = "2018-01-17 11:25",
    *,
    step: str = "5min",
    degrees_of_freedom: float = 4.2,
    stale_share: float = 0.02,
    plant: PlantLike | Sequence[PlantLike] | None = None,
) -> Panel:
    """Simulate a market whose quotes have the regularities, and the defects, of the real ones.

    Parameters
    ----------
    assets : int
        Number of assets. The first 20 are those of level 1, with their ids; the others take the
        free ids from 1442 upwards. After the 20 come five assets in two cointegrated groups (from
        25 assets on; from 22 on the pair alone), then liquid assets, and last thin ones, which
        hardly trade.
    days : float
        Length of the grid.
    seed : int
        The same seed gives the same panel, bit by bit. Quotes of the first 20 do not depend on how
        many assets there are.
    start : time
        First time of the grid.
    step : str
        Step of the grid.
    degrees_of_freedom : float
        Of the t distribution of all shocks, above 2.
    stale_share : float
        Share of rows in which all assets stand still.
    plant : plant, str, (str, mapping) or sequence of those, optional
        Makes a control market, in which nothing can be predicted but what is planted: ``"pairs"``,
        ``"diffusion"``, ``"trend"``, ``"volatility"``, or ``"none"`` for nothing at all. A name
        stands for its family's defaults, ``("pairs", {"half_life": 48})`` for others, and so do the
        objects :class:`~statarb.data.synthetic.PlantedPairs`,
        :class:`~statarb.data.synthetic.PlantedDiffusion`,
        :class:`~statarb.data.synthetic.PlantedTrend` and
        :class:`~statarb.data.synthetic.PlantedVolatility`. Several are planted in different assets,
        but volatility, which is that of all.

    Returns
    -------
    Panel
        ``price`` (in ticks of 0.01 from 1 USD on and 1e-6 below), ``unrounded`` (market
        capitalisation in whole USD over circulating supply), ``volume`` and ``market_cap``.
        ``metadata["planted"]`` lists the groups: ``assets`` (the last one follows the others),
        ``hedge_ratios``, ``half_life_rows`` and ``spread_sd`` of the log spread.
        ``metadata["supply"]`` holds the circulating supplies, ``metadata["simulated"]`` the
        arguments, ``metadata["thin"]`` the ids of thin assets.

    Raises
    ------
    ParameterError
        An argument outside its range; more planted than there are assets for.

    Notes
    -----
    From row to row a liquid asset moves by ``sqrt(.84) ((1 - d) f_t + d f_{t-1}) + sqrt(.16) e_t``:
    f is one GARCH(1,1) factor
    with t shocks for all assets, d the asset's delay (0 to .9), e its own GARCH returns under a
    volatility that is shared in
    part with the factor. Steps longer than 5 minutes move with the root of their length. Noise that
    makes 5 % of the variance
    of returns is added (the factor is then left with 80 %), stale rows repeat the row before, and
    the whole is scaled to the
    asset's standard deviation. Shocks
    have no drift, so that at strict timing no strategy earns in expectation.

    The stable asset reverts with a half-life of four rows and gives way at once when the factor
    rises. A thin asset shows its last trade, at the bid or the ask, in ticks of .5 to 3 %. Rows
    follow the pattern of the real ones: a fifth of the time is missing. One asset in eight (not
    those of level 1) is listed late, and every asset misses some cells.

    The parameters are fitted by eye to statistics of the real quotes, which the tests hold them
    against.

    A control market has the factor, the own returns, the stale rows and the ticks of the above, a
    row at every time of the grid, .6 times the standard deviations, and 30 % of the variance in the
    factor, so that a week's luck with the factor does not hide what is planted. It has no delays,
    no noise, no groups, no stable and no thin assets, and none is listed late. Prices are
    martingales but for what is planted, so that without a plant no investor earns in expectation;
    the rounding to ticks, which ``unrounded`` shows, is worth less than the fees at strict timing.
    Lengths of plants count rows, which are the times of the grid.
    ``metadata["planted"]`` then lists for each plant its family as ``name``, its ``assets``, and
    what :func:`statarb.testing.oracle` needs. Markets of the same arguments and another plant have
    the same quotes in the assets in which nothing is planted.

    Examples
    --------
    >>> panel = simulate_market(assets=25, days=2, seed=1)
    >>> panel.grid_shape
    (577, 25)
    >>> [group["name"] for group in panel.metadata["planted"]]
    ['pair', 'triple']
    >>> control = simulate_market(assets=24, days=2, plant=("pairs", {"groups": 1}))
    >>> [(group["name"], len(group["assets"])) for group in control.metadata["planted"]]
    [('pairs', 2)]
    """
    assets = check_integer("assets", assets, at_least=1, at_most=1_000_000)
    days = check_number("days", days, above=0.0, at_most=10_000.0)
    seed = check_integer("seed", seed, at_least=0)
    degrees = check_number("degrees_of_freedom", degrees_of_freedom, above=2.0)
    stale_share = check_number("stale_share", stale_share, at_least=0.0, below=1.0)
    width = as_width("step", step)
    times = int(days * 86_400_000_000 / width + 1e-9) + 1
    if times < 2:
        raise ParameterError(f"days must be at least one step of {step}, got {days!r}")
    unit = np.timedelta64(width, "us")
    first = np.datetime64(int(as_stamp("start", start).astype(np.int64)) // width * width, "us")
    grid: Stamps = first + np.arange(times) * unit
    market = shared_market(times, seed, degrees, stale_share, every_row=plant is not None)
    if plant is None:
        cast, arrays, planted = _usual_market(market, assets, seed)
        chosen: dict[str, Any] = {}
    else:
        plants = read_plants(plant)
        cast, arrays, planted = _control_market(market, assets, plants, grid)
        chosen = {"plant": [[one.family, dataclasses.asdict(one)] for one in plants]}
    cast.sort(key=lambda asset: asset.id)
    ids = pd.Index([asset.id for asset in cast], dtype="int64")
    return Panel(
        grid,
        market.rows,
        ids,
        closed(arrays),
        table=pd.DataFrame(
            {"symbol": [asset.symbol for asset in cast], "name": [asset.name for asset in cast]},
            index=ids,
        ),
        step=unit,
        numeraire=BITCOIN if BITCOIN in ids else None,
        metadata={
            "simulated": {
                "assets": assets,
                "days": days,
                "seed": seed,
                "start": str(pd.Timestamp(first)),
                "step": step,
                "degrees_of_freedom": degrees,
                "stale_share": stale_share,
                **chosen,
            },
            "planted": planted,
            "thin": [asset.id for asset in cast if asset.kind == "thin"],
            "supply": {str(asset.id): asset.supply for asset in cast},
        },
    )


_Made: TypeAlias = tuple[list[Asset], dict[str, AnyFloatArray], list[dict[str, Any]]]
"""Assets, their fields in the order of their ids, and what is planted."""


def _usual_market(market: SharedMarket, assets: int, seed: int) -> _Made:
    """Return a market with the delays, the noise and the groups of the real one."""
    cast, groups = _cast(assets, seed)
    leaders = {members[-1].id: (group, members[:-1]) for group, members in groups}
    grouped = {member.id for _, members in groups for member in members}

    def path_of(asset: Asset) -> FloatArray:
        path = _log_price(market, asset)
        if asset.id in leaders:
            group, ahead = leaders[asset.id]
            path = _follow(market, asset, group, [_log_price(market, leader) for leader in ahead])
        return path

    def always(asset: Asset) -> bool:
        return asset.id in grouped or any(asset is one for one in LEVEL_ONE)

    planted = [
        {
            "name": group.name,
            "assets": [member.id for member in members],
            "hedge_ratios": list(group.hedge_ratios),
            "half_life_rows": group.half_life,
            "spread_sd": group.spread_sd,
        }
        for group, members in groups
    ]
    return cast, _quote(market, cast, path_of, always), planted


def _control_market(
    market: SharedMarket, assets: int, plants: Sequence[Plant], grid: Stamps
) -> _Made:
    """Return a market in which nothing can be predicted but what is planted."""
    cast = [_ordinary(asset) for asset in LEVEL_ONE[:assets]]
    cast += [
        _ordinary(_other(label, "liquid", market.seed))
        for label in itertools.islice(_labels(), assets - len(cast))
    ]
    made = ControlMarket(market, cast, plants, grid)
    return cast, _quote(market, cast, made.shown_path, lambda asset: True), made.planted


def _ordinary(asset: Asset) -> Asset:
    """Return an asset as one among the others of a control market: calmer, and less tied to the
    factor. The stable one of level 1 moves with the market, at a hundred times its price, since at
    one dollar a tick would be 1 % of it.
    """
    stable = asset.kind == "stable"
    return dataclasses.replace(
        asset,
        kind="liquid",
        level=100.0 * asset.level if stable else asset.level,
        supply=asset.supply // 100 if stable else asset.supply,
        sd=CONTROL_SD * asset.sd,
        share=CONTROL_SHARE,
    )


def _labels() -> Iterator[int]:
    """Yield the ids of assets beyond those of level 1."""
    taken = {asset.id for asset in LEVEL_ONE}
    return (label for label in itertools.count(BITCOIN) if label not in taken)


def _cast(assets: int, seed: int) -> tuple[list[Asset], list[tuple[_Group, list[Asset]]]]:
    """Return the assets in the order in which they come in, and the groups with their members."""
    cast = list(LEVEL_ONE[:assets])
    others = assets - len(cast)
    planted = 5 if others >= 5 else 2 if others >= 2 else 0
    # Thin assets come last, so that the rest of the market does not change with their number.
    thin = max(min(5, others - planted), round(0.45 * (others - planted)))
    for position, label in zip(range(others), _labels(), strict=False):
        kind = "thin" if position >= others - thin else "liquid"
        cast.append(_other(label, kind, seed))
    groups: list[tuple[_Group, list[Asset]]] = []
    place = len(LEVEL_ONE)
    for group in _GROUPS[: (0, 0, 1, 1, 1, 2)[planted]]:
        size = len(group.hedge_ratios) + 1
        groups.append((group, cast[place : place + size]))
        place += size
    return cast, groups


def _other(label: int, kind: str, seed: int) -> Asset:
    """Draw an asset beyond those of level 1; it depends on its id alone."""
    rng = np.random.default_rng([seed, 1, label])
    level = float(10.0 ** rng.uniform(-2.0, 1.5))
    capital = float(10.0 ** (rng.uniform(4.5, 6.5) if kind == "thin" else rng.uniform(6.5, 9.0)))
    return Asset(
        id=label,
        symbol=f"S{label}",
        name=f"Synthetic {label}",
        level=level,
        supply=max(1, round(capital / level)),
        sd=float(rng.uniform(80e-4, 140e-4) if kind == "thin" else rng.uniform(50e-4, 90e-4)),
        delay=float(rng.uniform(0.0, 0.9)),
        share=float(rng.uniform(0.1, 0.4) if kind == "thin" else rng.uniform(0.4, 0.8)),
        kind=kind,
    )


def _quote(
    market: SharedMarket,
    cast: list[Asset],
    path_of: Callable[[Asset], FloatArray],
    always: Callable[[Asset], bool],
) -> dict[str, AnyFloatArray]:
    """Return the fields of all assets, in the order of their ids."""
    shape = (len(market.rows), len(cast))
    arrays: dict[str, AnyFloatArray] = {
        "price": np.empty(shape),
        "unrounded": np.empty(shape),
        "volume": np.empty(shape, dtype=np.float32),
        "market_cap": np.empty(shape, dtype=np.float32),
    }
    order = sorted(cast, key=lambda asset: asset.id)
    for low in range(0, len(order), ASSETS_PER_BLOCK):
        block = order[low : low + ASSETS_PER_BLOCK]
        parts = {
            name: np.empty((len(block), shape[0]), dtype=values.dtype)
            for name, values in arrays.items()
        }
        for place, asset in enumerate(block):
            fields = _fields(market, asset, path_of(asset), always=always(asset))
            for name, values in fields.items():
                parts[name][place] = values
        for name, part in parts.items():
            arrays[name][:, low : low + len(block)] = part.T
    return arrays


def _log_price(market: SharedMarket, asset: Asset) -> FloatArray:
    """Return the log of an asset's price before it is rounded, at every row."""
    rng = np.random.default_rng([market.seed, 2, asset.id])
    count = len(market.rows)
    own, _ = garch_path(shocks(rng, market.degrees, count), ALPHA, BETA)
    # Volatility is shared in part: with the square root, calm and wild days are common, their size
    # is the asset's own.
    own = own * np.sqrt(market.volatility) * market.root_time
    own *= np.sqrt(np.mean(market.factor**2) / np.mean(own**2))
    noise = rng.standard_normal(count)
    if asset.kind == "stable":
        path = stable_path(market.factor, own, noise, market.stale, REVERSION, 0.5, 0.7)
    else:
        path = asset_path(
            market.factor, own, noise, market.stale, asset.delay, asset.share, NOISE_SHARE
        )
    path = np.log(asset.level) + asset.sd * path
    if asset.kind == "thin":
        trades = (rng.random(count) < rng.uniform(0.01, 0.15)) & ~market.stale
        path = thin_path(path, trades, rng.standard_normal(count), float(rng.uniform(0.005, 0.03)))
    return np.asarray(path, dtype=np.float64)


def _follow(
    market: SharedMarket, asset: Asset, group: _Group, leaders: list[FloatArray]
) -> FloatArray:
    """Return the log price of the asset that the others of its group tie down, up to a spread that
    reverts.
    """
    rng = np.random.default_rng([market.seed, 3, asset.id])
    persistence = 0.5 ** (1.0 / group.half_life)
    shocks = rng.standard_normal(len(market.rows)) * group.spread_sd * np.sqrt(1.0 - persistence**2)
    spread = np.empty(len(shocks))
    level = float(rng.standard_normal()) * group.spread_sd
    for row, shock in enumerate(shocks):
        if not market.stale[row]:
            level = persistence * level + float(shock)
        spread[row] = level
    tied = sum(
        ratio * (path - path[0]) for ratio, path in zip(group.hedge_ratios, leaders, strict=True)
    )
    return np.asarray(np.log(asset.level) + tied + spread, dtype=np.float64)


def _fields(
    market: SharedMarket, asset: Asset, path: FloatArray, *, always: bool
) -> dict[str, FloatArray]:
    """Return what an asset's rows show: quoted and unrounded price, volume, capitalisation; NaN
    where it has no row.
    """
    rng = np.random.default_rng([market.seed, 4, asset.id])
    count = len(path)
    exact = np.exp(path)
    capital = np.maximum(np.rint(exact * asset.supply), 1.0)
    exact = capital / asset.supply
    quoted = np.where(
        exact >= 1.0, np.rint(exact * 100.0) / 100.0, np.maximum(np.rint(exact * 1e6), 1.0) / 1e6
    )
    traded = _volume(rng, asset, capital, market)
    missing = rng.random(count) < (0.0005 if always else 0.01 if asset.kind == "liquid" else 0.05)
    if not always and rng.random() < 0.125:
        missing[: int(rng.uniform(0.05, 0.995) * count)] = True
    missing[-1] = False
    if always:
        missing[0] = False
    fields = {"price": quoted, "unrounded": exact, "volume": traded, "market_cap": capital}
    for values in fields.values():
        values[missing] = np.nan
    return fields


def _volume(
    rng: np.random.Generator, asset: Asset, capital: FloatArray, market: SharedMarket
) -> FloatArray:
    """Return the volume of the last 24 hours in USD, in six significant digits; some thin assets
    have none for a while.
    """
    turnover = float(np.exp(rng.normal(np.log(0.002 if asset.kind == "thin" else 0.05), 0.7)))
    drift = np.cumsum(rng.standard_normal(len(capital))) * 0.01
    # Known to the hour alone: the exchanges' figures move in jumps.
    hour = market.rows // 12
    first = np.searchsorted(hour, hour, side="left")
    volume = turnover * capital[first] * np.exp(drift - drift[0])[first]
    if asset.kind == "thin" and rng.random() < 0.2:
        volume[: int(rng.uniform(0.1, 0.9) * len(volume))] = 0.0
    digits = 10.0 ** np.maximum(np.floor(np.log10(np.maximum(volume, 1.0))) - 5.0, 0.0)
    return np.asarray(np.rint(volume / digits) * digits, dtype=np.float64)

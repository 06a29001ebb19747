r"""Expected returns of a control market, given its true parameters and the rows seen so far.

All are logs of expected growth, :math:`\ln \operatorname{E} P_{t+l+h} - \ln \operatorname{E}
P_{t+l}`, from the trade ``lag`` rows after the last one seen, over ``horizon`` rows; an asset in
which nothing is planted has 0.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.typing import FloatArray, IntArray
from statarb.data.fill import last_known, log_returns
from statarb.data.panel import Panel

__all__ = ["FAMILIES", "Seen", "expected_growth", "natural_horizon", "risk_multiple"]

MEMORY = 24
"""Rows for which a quote counts: every window that holds them sees the same."""

BURN_IN = 96
"""Rows from which the probability of a wild spell is filtered; it forgets within a few."""

LEVEL_SD = 0.4
"""Standard deviation of the log of a row's cross-sectional volatility, within a spell: the GARCH
volatilities of the base market, and the mean over the assets at hand.
"""


@dataclasses.dataclass(frozen=True, eq=False)
class Seen:
    """Which rows are asked for, and what each may see.

    Parameters
    ----------
    panel : Panel
        The market.
    first, last : int
        Rows ``first`` to ``last - 1``, as positions in ``panel.times``.
    depth : int
        Most rows of a window.
    lag, horizon : int
        Rows from the last one seen to the trade, and from the trade on.
    """

    panel: Panel
    first: int
    last: int
    depth: int
    lag: int
    horizon: int

    def places(self, assets: Sequence[Any]) -> IntArray:
        """Columns of assets in the panel, -1 where it has none."""
        found: IntArray = self.panel.assets.get_indexer(pd.Index(assets)).astype(np.int64)
        return found

    def prices(self, columns: IntArray, rows_before: int) -> tuple[int, FloatArray]:
        """Exact prices of some columns, from up to ``rows_before`` rows before ``first`` on, and
        the place of the first row.
        """
        low = max(0, self.first - min(rows_before, self.depth - 1))
        field = "unrounded" if "unrounded" in self.panel.fields else "price"
        part = self.panel.array(field)[low : self.last, columns]
        return low, np.asarray(part, dtype=np.float64)

    def returns(self, columns: IntArray, rows_before: int) -> tuple[int, FloatArray, FloatArray]:
        """Log returns of some columns, 0 where there is no quote, the place of the first row, and
        the steps of the grid that each row spans.
        """
        low, prices = self.prices(columns, rows_before + MEMORY)
        stamps = self.panel.times_array[low : self.last]
        steps = np.diff(stamps) / self.panel.step.to_timedelta64()
        spans = np.append(1.0, steps.astype(np.float64))
        return low, np.nan_to_num(log_returns(prices, max_gap=MEMORY + 1)), spans


def natural_horizon(record: Mapping[str, Any]) -> int:
    """Rows over which most of what is planted comes about.

    Parameters
    ----------
    record : mapping
        An entry of ``metadata["planted"]``.

    Returns
    -------
    int
        The half-life of pairs, the length of a diffusion, of a drift or of a spell.
    """
    if record["name"] == "pairs":
        return max(1, round(float(record["half_life_rows"])))
    if record["name"] == "diffusion":
        return len(record["weights"])
    return int(record["length_rows"])


def expected_growth(record: Mapping[str, Any], seen: Seen) -> FloatArray:
    """Return the expected returns that an entry of ``metadata["planted"]`` makes.

    Parameters
    ----------
    record : mapping
        What is planted, of a family in :data:`FAMILIES`.
    seen : Seen
        Rows, lag and horizon.

    Returns
    -------
    (rows, assets)
        Log of the expected growth; each row from rows up to itself.
    """
    found = np.zeros((seen.last - seen.first, len(seen.panel.assets)))
    FAMILIES[record["name"]](record, seen, found)
    return found


def _of_pairs(record: Mapping[str, Any], seen: Seen, found: FloatArray) -> None:
    r"""Expected reversion of the spread: :math:`s_t (\phi^{l+h} - \phi^l)`, and half the variance
    of what it moves by from the trade on.
    """
    places = seen.places(record["assets"])
    if (places < 0).any():
        return
    low, prices = seen.prices(places, MEMORY)
    known = last_known(prices, max_age=min(MEMORY, seen.depth - 1))[seen.first - low :]
    logs = np.log(known)
    spread = logs[:, 1] - float(record["hedge_ratios"][0]) * logs[:, 0] - float(record["mean"])
    persistence = 0.5 ** (1.0 / float(record["half_life_rows"]))
    at_trade, at_end = persistence**seen.lag, persistence ** (seen.lag + seen.horizon)
    # Var s_{l+h} - Var s_l, given s_0: the growth of E exp(s)
    widened = float(record["spread_sd"]) ** 2 * (at_trade**2 - at_end**2)
    found[:, places[1]] = np.nan_to_num(spread * (at_end - at_trade) + widened / 2.0)


def _of_diffusion(record: Mapping[str, Any], seen: Seen, found: FloatArray) -> None:
    """Expected arrival of the leader's past moves."""
    leader, *followers = seen.places(record["assets"])
    followers = [place for place in followers if place >= 0]
    if leader < 0:
        return
    weights = np.asarray(record["weights"], dtype=np.float64)
    low, moves, _ = seen.returns(np.array([leader]), len(weights))
    arrival = np.zeros(seen.last - seen.first)
    for age in range(min(len(weights), seen.depth - 1)):
        due = weights[age + seen.lag + 1 : age + seen.lag + 1 + seen.horizon].sum()
        rows = np.arange(seen.first, seen.last) - age
        arrival += np.where(rows > 0, due * moves[np.maximum(rows - low, 0), 0], 0.0)
    found[:, followers] = arrival[:, None]


def _of_trend(record: Mapping[str, Any], seen: Seen, found: FloatArray) -> None:
    r"""Expected drift, given the returns since it was drawn, over the rows that it still lasts.

    With a drift :math:`\delta_i \sim N(0, p)` per row, loadings b and own variances D, the best
    linear estimate from returns over :math:`\tau_t` steps each is, with :math:`n = \sum 1/\tau_t`
    and :math:`y = \sum r_t / \tau_t`,

    .. math:: \hat\delta = p \, (n p I + D + b b^\top)^{-1} y
    """
    places = seen.places(record["assets"])
    held = places >= 0
    places = places[held]
    loadings = np.asarray(record["loadings"], dtype=np.float64)[held]
    variance = np.asarray(record["own_sd"], dtype=np.float64)[held] ** 2
    length = int(record["length_rows"])
    prior = (float(record["size"]) / length) ** 2
    low, moves, spans = seen.returns(places, length)
    # the log price of a martingale falls by half its variance
    scaled = moves / spans[:, None] + (loadings**2 + variance) / 2.0
    sums = np.vstack([np.zeros(len(places)), np.cumsum(scaled, axis=0)])
    counts = np.append(0.0, np.cumsum(1.0 / spans))
    rows = np.arange(seen.first, seen.last)
    oldest = np.maximum(rows + 1 - seen.depth, 0)
    began = np.maximum(_last_change(record, seen), oldest)
    # the return of the oldest row begins before the window
    start = np.maximum(began, oldest + 1)
    some = start <= rows
    begin, end = np.where(some, start, rows + 1) - low, rows + 1 - low
    information = counts[end] - counts[begin]
    evidence = sums[end] - sums[begin]
    diagonal = information[:, None] * prior + variance
    weighed = evidence / diagonal
    shared = (weighed @ loadings) / (1.0 + (loadings**2 / diagonal).sum(axis=1))
    drift = prior * (weighed - shared[:, None] * loadings / diagonal)
    left = np.clip(length - (rows - began + 1) - seen.lag, 0, seen.horizon)
    found[:, places] = drift * left[:, None]


def _of_volatility(record: Mapping[str, Any], seen: Seen, found: FloatArray) -> None:
    """The premium, which is the same at every row."""
    places = seen.places(record["assets"])
    growth = seen.horizon * float(np.log1p(record["premium_per_row"]))
    found[:, places[places >= 0]] = growth


FAMILIES = {
    "pairs": _of_pairs,
    "diffusion": _of_diffusion,
    "trend": _of_trend,
    "volatility": _of_volatility,
}
"""Families whose expected returns are known, by the names in ``metadata["planted"]``."""


def risk_multiple(record: Mapping[str, Any], seen: Seen, scenarios: int) -> FloatArray:
    r"""Return the variance that is expected over the horizon, per mean variance of the scenarios.

    The probability of a wild spell is filtered from the volatility over the assets of each row
    (Hamilton 1989, Econometrica 57, 357-384), whose log is taken to be normal within a spell.

    Parameters
    ----------
    record : mapping
        What is planted, of the family ``volatility``.
    seen : Seen
        Rows, lag and horizon.
    scenarios : int
        Rows of past returns that the optimizer has for scenarios.

    Returns
    -------
    (rows,)
        Each from rows up to itself.
    """
    places = seen.places(record["measured"])
    held = places >= 0
    count = max(1, min(scenarios, seen.depth - 1 - BURN_IN - MEMORY))
    rows = seen.last - seen.first
    if held.sum() < 2:
        return np.ones(rows)
    loadings = np.asarray(record["loadings"], dtype=np.float64)[held]
    own = np.asarray(record["own_sd"], dtype=np.float64)[held]
    low, moves, spans = seen.returns(places[held], count + BURN_IN)
    calm, wild = float(record["calm"]), float(record["wild"])
    switch = 1.0 / int(record["length_rows"])
    moves /= np.sqrt(spans)[:, None]
    standing = (moves == 0.0).all(axis=1)
    factor = (moves @ (loadings / own**2)) / (loadings**2 / own**2).sum()
    rest = (moves - factor[:, None] * loadings) / own
    level = np.log(np.where(standing, 1.0, np.sqrt((rest**2).mean(axis=1))))
    # log likelihood ratio of wild to calm; a row that stands still says nothing
    middle, distance = np.log(calm * wild) / 2.0, np.log(wild / calm)
    ratio = np.where(standing, 0.0, (level - middle) * distance / LEVEL_SD**2)
    odds = np.exp(np.clip(ratio, -20.0, 20.0))
    places_in = np.arange(len(odds))
    chance = np.full(len(odds), 0.5)
    for age in range(BURN_IN - 1, -1, -1):
        before = places_in - age
        chance = chance * (1.0 - switch) + (1.0 - chance) * switch
        against = chance * np.where(before > 0, odds[np.maximum(before, 0)], 1.0)
        chance = against / (against + 1.0 - chance)
    variance = chance * wild**2 + (1.0 - chance) * calm**2
    sums = np.append(0.0, np.cumsum(variance))
    end = np.arange(seen.first, seen.last) + 1 - low
    begin = np.maximum(end - count, 0)
    past = (sums[end] - sums[begin]) / (end - begin)
    ahead = np.arange(seen.lag + 1, seen.lag + seen.horizon + 1)
    lasting = float(np.mean((1.0 - 2.0 * switch) ** ahead))
    coming = 0.5 + (chance[end - 1] - 0.5) * lasting
    return np.asarray((coming * wild**2 + (1.0 - coming) * calm**2) / past)


def _last_change(record: Mapping[str, Any], seen: Seen) -> IntArray:
    """Return the place of the first row of the drift that each row has."""
    stamps = seen.panel.times_array
    changes = np.searchsorted(stamps, np.array(record["changes"], dtype="datetime64[us]"))
    rows = np.arange(seen.first, seen.last)
    which = np.searchsorted(changes, rows, side="right") - 1
    found: IntArray = changes[np.maximum(which, 0)].astype(np.int64)
    return found

"""Figures of pairs: half-lives of those found, a spread with its bands, persistence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from statarb._core.checks import check_integer, check_number
from statarb.errors import DataError, ParameterError
from statarb.report.axes import POINTS, legend, time_axis, times_of
from statarb.report.style import FAINT, INK, MUTED, REST, SECOND, SERIES, plain_label, tidy
from statarb.results.downsample import downsample
from statarb.results.record import asset_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from statarb.cointegration import PairPersistence, PairScan, Spread
    from statarb.cointegration.inputs import LogPrices

__all__ = [
    "pair_names",
    "pairs_figure",
    "persistence_figure",
    "spread_figure",
    "surviving_pairs",
]


def surviving_pairs(
    scan: PairScan | pd.DataFrame, level: float = 0.05, *, shortest: float = 0.0
) -> pd.DataFrame:
    """Return the pairs that survive the adjustment for the number of tests, best first.

    Parameters
    ----------
    scan : PairScan or DataFrame
        A scan, or its table (:meth:`PairScan.to_frame`).
    level : float
        Largest adjusted p-value.
    shortest : float
        Smallest half-life, in steps; the noise of quotes reverts within a few.

    Returns
    -------
    DataFrame
        Columns as of the table; of the two directions of a pair the better one.
    """
    level = check_number("level", level, above=0.0, below=1.0)
    table = scan if isinstance(scan, pd.DataFrame) else scan.to_frame()
    shortest = check_number("shortest", shortest, at_least=0.0)
    found = table[
        (table["pvalue_adjusted"].to_numpy(dtype=np.float64) <= level)
        & (table["half_life"].to_numpy(dtype=np.float64) >= shortest)
    ]
    pairs = [frozenset(pair) for pair in zip(found["y"], found["x"], strict=True)]
    return found[~pd.Series(pairs, dtype=object).duplicated().to_numpy()].reset_index(drop=True)


def pairs_figure(
    scan: PairScan | pd.DataFrame,
    *,
    level: float = 0.05,
    shortest: float = 0.0,
    most: int = 20,
    symbols: Mapping[str, str] | None = None,
) -> Figure:
    """Draw the half-lives of the pairs that survive the adjustment for the number of tests.

    Parameters
    ----------
    scan : PairScan or DataFrame
        A scan, or its table (:meth:`PairScan.to_frame`).
    level : float
        Largest adjusted p-value.
    shortest : float
        Smallest half-life, in steps.
    most : int
        Pairs that are shown, the best first.
    symbols : mapping, optional
        Symbol by asset id.

    Returns
    -------
    Figure
        Not attached to any window or backend.

    Raises
    ------
    DataError
        No pair survives.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, NullFormatter

    most = check_integer("most", most, at_least=1)
    found = surviving_pairs(scan, level, shortest=shortest)
    if len(found) == 0:
        raise DataError(
            f"there is no pair to draw: none has an adjusted p-value up to {level:g} and a "
            f"half-life of at least {shortest:g} steps"
        )
    shown = found.head(most)
    figure = Figure(figsize=(5.6, 1.1 + 0.205 * max(len(shown), 4)), layout="constrained")
    ax = figure.subplots()
    half_life = shown["half_life"].to_numpy(dtype=np.float64)
    rows = np.arange(len(shown), dtype=np.float64)
    ax.plot(half_life, rows, "o", color=SERIES, markersize=5)
    names = pair_names(shown, symbols)
    ax.set_yticks(rows.tolist(), [plain_label(name, 40) for name in names])
    ax.set_ylim(max(len(shown), 4) - 0.4, -0.6)
    finite = half_life[np.isfinite(half_life) & (half_life > 0.0)]
    if len(finite) and finite.max() > 10.0 * finite.min():
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:g}"))
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.set_xlabel("steps, logarithmic")
    else:
        ax.set_xlim(0.0, 1.08 * float(finite.max(initial=1e-9)))
        ax.set_xlabel("steps")
    first = f", the first {most} of {len(found):,}" if len(found) > most else ""
    tidy(ax, f"Half-life of the pairs found{first}", grid="x")
    ax.spines["left"].set_color(FAINT)
    return figure


def spread_figure(
    spread: Spread | pd.DataFrame,
    log_prices: LogPrices | None = None,
    *,
    until: Any = None,
    sds: float = 2.0,
    title: str | None = None,
) -> Figure:
    """Draw a spread with its mean and a band around it, in and after the sample it was fitted to.

    Parameters
    ----------
    spread : Spread or DataFrame
        A spread, or its path (:func:`statarb.cointegration.spread_path`).
    log_prices : DataFrame, array or Panel, optional
        Rows to draw; needed of a spread.
    until : time, optional
        Last row of the sample that a spread was fitted to; by default the last one drawn.
    sds : float
        Half the width of the band, in standard deviations.
    title : str, optional
        Heading; by default the combination of log prices.

    Returns
    -------
    Figure
        What comes after the sample has another colour.

    Raises
    ------
    DataError
        No row with all legs.
    ParameterError
        A spread without log prices.
    """
    from matplotlib.figure import Figure

    sds = check_number("sds", sds, above=0.0)
    if isinstance(spread, pd.DataFrame):
        path = spread
    elif log_prices is None:
        raise ParameterError("log_prices must be given with a Spread, got None")
    else:
        from statarb.cointegration import spread_path  # slow to import

        path = spread_path(spread, log_prices, until)
        title = _combination(spread) if title is None else title
    if len(path) == 0:
        raise DataError("there is no spread to draw: no row has all legs")
    figure = Figure(figsize=(5.6, 3.1), layout="constrained")
    ax = figure.subplots()
    values = path["value"].to_numpy(dtype=np.float64)
    fitted = path["fitted"].to_numpy(dtype=bool)
    dated = isinstance(path.index, pd.DatetimeIndex)
    when = times_of(path.index) if dated else path.index.to_numpy()
    handles, labels = [], []
    for part, colour, name in (
        (fitted, SERIES, "sample of the fit"),
        (~fitted, SECOND, "after it"),
    ):
        if part.any():
            kept = np.flatnonzero(part)[downsample(values[part], POINTS // 24)]
            handles.append(ax.plot(when[kept], values[kept], color=colour, linewidth=0.9)[0])
            labels.append(name)
    mean, sd = float(path["mean"].iloc[0]), float(path["sd"].iloc[0])
    ax.axhline(mean, color=MUTED, linewidth=0.9)
    for edge in (mean - sds * sd, mean + sds * sd) if np.isfinite(sd) else ():
        band = ax.axhline(edge, color=INK, linewidth=0.9, linestyle=(0, (4, 2)))
    if np.isfinite(sd):
        handles.append(band)
        labels.append(f"mean \N{PLUS-MINUS SIGN} {sds:g} standard deviations")
    legend(ax, handles, labels)
    ax.set_ylabel("log units")
    tidy(ax, "Spread" if title is None else title)
    if dated:
        time_axis(ax)
    return figure


def persistence_figure(persistence: PairPersistence | pd.DataFrame) -> Figure:
    """Draw how many pairs each sample shows, and how many of them the next one shows again.

    Parameters
    ----------
    persistence : PairPersistence or DataFrame
        Of :func:`statarb.cointegration.pair_persistence`, or its table.

    Returns
    -------
    Figure
        Bars by the end of the sample, and a mark at the number that chance alone would show again.

    Raises
    ------
    DataError
        No sample.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    table = persistence if isinstance(persistence, pd.DataFrame) else persistence.table
    if len(table) == 0:
        raise DataError("there is no persistence to draw: no sample")
    figure = Figure(figsize=(5.6, 3.1), layout="constrained")
    ax = figure.subplots()
    places = np.arange(len(table), dtype=np.float64)
    found = ax.bar(places, table["found"].to_numpy(dtype=np.float64), color=REST, width=0.7)
    again = table["again"].to_numpy(dtype=np.float64)
    known = ~np.isnan(again)
    both = ax.bar(places[known], again[known], color=SERIES, width=0.7)
    chance = ax.plot(
        places[known],
        table["chance"].to_numpy(dtype=np.float64)[known],
        "_",
        color=SECOND,
        markersize=22,
        markeredgewidth=2.0,
    )[0]
    dated = pd.api.types.is_datetime64_any_dtype(table["end"])
    ends = [f"{end:%m-%d}" if dated else str(end) for end in table["end"]]
    ax.set_xticks(places.tolist(), ends)
    ax.set_xlabel("end of the sample")
    ax.set_ylabel("pairs")
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))
    top = float(table[["found", "chance"]].max().max())
    ax.set_ylim(0.0, max(1.0, 1.08 * top))
    legend(
        ax, [found, both, chance], ["found", "found again in the next sample", "again by chance"]
    )
    tidy(ax, "Persistence of the pairs")
    return figure


def pair_names(table: pd.DataFrame, symbols: Mapping[str, str] | None = None) -> list[str]:
    """Return the names of pairs, ``y / x``.

    Parameters
    ----------
    table : DataFrame
        Columns ``y, x``.
    symbols : mapping, optional
        Symbol by asset id.

    Returns
    -------
    list of str
    """
    assets = list(dict.fromkeys([*table["y"], *table["x"]]))
    known = dict(zip(assets, asset_names(assets, symbols or {}), strict=True))
    return [f"{known[y]} / {known[x]}" for y, x in zip(table["y"], table["x"], strict=True)]


def _combination(spread: Spread) -> str:
    """Write a spread as a combination of log prices."""
    first, *others = (
        f"{weight:+.3g} log {plain_label(asset, 12)}".replace("+1 log", "log")
        for asset, weight in spread.weights.items()
    )
    return " ".join([first, *others]).replace("-", "\N{MINUS SIGN}")

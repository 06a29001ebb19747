"""Figures of a league: ranking by G against ranking by return, intervals of G."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from statarb.errors import DataError, ParameterError
from statarb.report.style import FAINT, INK, MUTED, SECOND, SERIES, axes_of, plain_label, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["MOST_ROWS", "draw_intervals", "draw_league", "league_height"]

MOST_ROWS = 60
"""Investors that a figure shows, the first by G; a table shows all."""
ROW = 0.205
"""Height of an investor, in inches."""


def league_height(investors: int) -> float:
    """Height of a figure, in inches, at which the names of so many investors do not touch.

    Parameters
    ----------
    investors : int
        Rows of the figure.

    Returns
    -------
    float
    """
    return 0.9 + ROW * max(min(investors, MOST_ROWS), 4)


def draw_league(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    decision_lag: int | None = None,
    title: str | None = None,
) -> Axes:
    """Draw the ranking by G at the left against the ranking by return alone at the right, one line
    per investor.

    Parameters
    ----------
    table : DataFrame
        Of :func:`statarb.league`.
    ax : Axes, optional
        Where to draw; by default a new figure.
    decision_lag : int, optional
        Which rows; by default those of the largest lag.
    title : str, optional
        Heading; by default the lag.

    Returns
    -------
    Axes
        Lines that fall to the right (G ranks the investor higher than its return does) and lines
        that rise differ in colour and in dash. Investors with the same rank are listed below one
        another with the same number.

    Raises
    ------
    DataError
        A column that a league has is not there.
    ParameterError
        No row of that lag.
    """
    lag, rows = _rows(table, decision_lag, ("investor", "rank_G", "rank_return"))
    ax = axes_of(ax, (7.0, league_height(len(rows))))
    names = rows["investor"].astype(str)
    by_g = (
        rows.assign(name=names).sort_values(["rank_G", "rank_return", "name"], kind="stable").index
    )
    by_return = (
        rows.assign(name=names).sort_values(["rank_return", "rank_G", "name"], kind="stable").index
    )
    left = {row: place for place, row in enumerate(by_g)}
    right = {row: place for place, row in enumerate(by_return)}
    ranks = dict(
        zip(
            rows.index,
            zip(rows["rank_G"].tolist(), rows["rank_return"].tolist(), strict=True),
            strict=True,
        )
    )
    for row in by_g:
        rank, alone = ranks[row]
        move = alone - rank
        colour, dash = (
            (MUTED, "-") if move == 0 else (SERIES, "-") if move > 0 else (SECOND, (0, (4, 2)))
        )
        ax.plot(
            [0.0, 1.0],
            [left[row], right[row]],
            color=colour,
            linestyle=dash,
            linewidth=1.3,
            marker="o",
            markersize=3.5,
        )
        label = plain_label(names[row])
        ax.text(
            -0.03, left[row], f"{label}  {rank}", ha="right", va="center", fontsize=9, color=INK
        )
        ax.text(
            1.03, right[row], f"{alone}  {label}", ha="left", va="center", fontsize=9, color=INK
        )
    ax.set_xlim(-1.15, 2.15)
    ax.set_ylim(max(len(rows), 4) - 0.4, -1.4)
    ax.text(-0.03, -0.9, "rank by G", ha="right", va="center", fontsize=9, color=MUTED)
    ax.text(1.03, -0.9, "rank by return", ha="left", va="center", fontsize=9, color=MUTED)
    tidy(ax, f"Decision lag {lag}" if title is None else title, grid=None)
    ax.set_xticks([])
    ax.set_yticks([])
    ax.set_axis_off()
    return ax


def draw_intervals(
    table: pd.DataFrame,
    ax: Axes | None = None,
    *,
    decision_lag: int | None = None,
    title: str = "G and its 95 % interval",
) -> Axes:
    """Draw G of every investor with its bootstrap interval: of one lag, or of all, below one
    another.

    Parameters
    ----------
    table : DataFrame
        Of :func:`statarb.league`. Without ``G_low`` and ``G_high`` the points are drawn alone.
    ax : Axes, optional
        Where to draw; by default a new figure.
    decision_lag : int, optional
        Which rows; by default those of all lags (of the three largest).
    title : str
        Heading.

    Returns
    -------
    Axes
        Investors in the order of the table. The axis is linear around 0 and logarithmic
        further out where some G are far larger than others. An infinite G is an arrow at the edge.
    """
    from matplotlib.ticker import FuncFormatter

    _require(table, ("investor", "decision_lag", "G"))
    lags = sorted((int(lag) for lag in table["decision_lag"].unique()), reverse=True)
    marks = dict(zip(lags, ((SERIES, "o"), (SECOND, "D"), (INK, "s")), strict=False))
    if decision_lag is not None:
        marks = {lag: mark for lag, mark in marks.items() if lag == decision_lag}
        if not marks:
            raise ParameterError(f"decision_lag must be one of {lags[:3]}, got {decision_lag!r}")
    place = {name: row for row, name in enumerate(dict.fromkeys(table["investor"].astype(str)))}
    shown = dict(list(place.items())[:MOST_ROWS])
    ax = axes_of(ax, (7.0, league_height(len(shown))))
    bounds = [name for name in ("G", "G_low", "G_high") if name in table]
    every = table.loc[table["decision_lag"].isin(list(marks)), bounds].to_numpy(dtype=np.float64)
    size = np.abs(every[np.isfinite(every)])
    size = size[size > 0.0]
    largest, middle = (float(size.max()), float(np.median(size))) if len(size) else (1.0, 1.0)
    edge = 1.3 * largest
    handles = []
    for number, (lag, (colour, sign)) in enumerate(marks.items()):
        rows = table[
            (table["decision_lag"] == lag) & table["investor"].astype(str).isin(list(shown))
        ]
        shift = (number - (len(marks) - 1) / 2) * 0.32
        y = np.array([shown[name] for name in rows["investor"].astype(str)]) + shift
        g = np.clip(rows["G"].to_numpy(dtype=np.float64), -edge, edge)
        if len(bounds) == 3:
            low, high = (
                np.clip(rows[name].to_numpy(dtype=np.float64), -edge, edge) for name in bounds[1:]
            )
            ax.hlines(y, low, high, color=colour, linewidth=1.4, alpha=0.75)
        infinite = np.isinf(rows["G"].to_numpy(dtype=np.float64))
        handles.append(ax.plot(g[~infinite], y[~infinite], sign, color=colour, markersize=4)[0])
        for side, arrow in ((1.0, ">"), (-1.0, "<")):
            there = infinite & (np.sign(g) == side)
            ax.plot(g[there], y[there], arrow, color=colour, markersize=6)
    ax.axvline(0.0, color=INK, linewidth=0.8)
    if largest > 30.0 * middle:
        ax.set_xscale("symlog", linthresh=10.0 ** np.floor(np.log10(middle)))
        _few_ticks(ax)
    ax.xaxis.set_major_formatter(FuncFormatter(lambda level, _: f"{level:,.10g}"))
    ax.set_yticks(list(range(len(shown))), [plain_label(name) for name in shown])
    ax.set_ylim(max(len(shown), 4) - 0.4, -0.6)
    ax.set_xlabel("G")
    if len(marks) > 1:
        labels = [f"lag {lag}" for lag in marks]
        ax.legend(
            handles,
            labels,
            loc="lower right",
            bbox_to_anchor=(1.0, 1.0),
            ncols=3,
            fontsize=9,
            frameon=False,
        )
    tidy(ax, title, grid="x")
    ax.spines["left"].set_color(FAINT)
    return ax


def _few_ticks(ax: Axes) -> None:
    """Keep at most seven ticks of the x axis, 0 among them."""
    from matplotlib.ticker import NullFormatter, NullLocator

    low, high = ax.get_xlim()
    ticks = [tick for tick in ax.get_xticks() if low <= tick <= high]
    while len(ticks) > 7:
        zero = ticks.index(0.0) if 0.0 in ticks else 0
        ticks = [tick for place, tick in enumerate(ticks) if (place - zero) % 2 == 0]
    ax.set_xticks(ticks)
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.xaxis.set_minor_locator(NullLocator())


def _rows(
    table: pd.DataFrame, decision_lag: int | None, columns: tuple[str, ...]
) -> tuple[int, pd.DataFrame]:
    _require(table, ("decision_lag", *columns))
    if len(table) == 0:
        raise DataError("a league must have at least one row")
    lags = sorted(int(lag) for lag in table["decision_lag"].unique())
    lag = lags[-1] if decision_lag is None else decision_lag
    rows = table[table["decision_lag"] == lag]
    if len(rows) == 0:
        raise ParameterError(f"decision_lag must be one of {lags}, got {decision_lag!r}")
    # hindsight, or no usable decision: without a rank
    rows = rows.dropna(subset=["rank_G", "rank_return"])
    rows = rows.sort_values("rank_G", kind="stable").head(MOST_ROWS)
    return lag, rows.astype({"rank_G": int, "rank_return": int})


def _require(table: pd.DataFrame, columns: tuple[str, ...]) -> None:
    absent = [name for name in columns if name not in table]
    if absent:
        raise DataError(
            f"table has no column {', '.join(absent)}; give the table of statarb.league"
        )

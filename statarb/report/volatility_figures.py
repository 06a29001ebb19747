"""Figures of volatility: forecast paths, and coverage of values at risk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from statarb.errors import DataError
from statarb.report.axes import legend, lines, log_axis, time_axis
from statarb.report.style import FAINT, INK, SECOND, SERIES, plain_label, tidy
from statarb.results.record import asset_names

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

    from statarb.volatility import GarchFit

__all__ = ["coverage_figure", "volatility_figure"]

REJECTED = 0.05
"""P-value below which a coverage is marked as rejected."""
LOWEST = 0.01
"""Share of the values that may lie below the axis."""
MARKS = ((SERIES, "o"), (SECOND, "D"), (INK, "s"))


def volatility_figure(
    sigma: pd.DataFrame | GarchFit,
    *,
    symbols: Mapping[str, str] | None = None,
    title: str = "Volatility of one step",
) -> Figure:
    """Draw the volatility of a few assets over time.

    Parameters
    ----------
    sigma : (times, assets) DataFrame or GarchFit
        Standard deviations of the log return of a step, such as those of
        :func:`statarb.rolling_volatility`; of a fit, its conditional ones. The first seven assets
        are coloured, the further ones grey.
    symbols : mapping, optional
        Symbol by asset id.
    title : str
        Heading.

    Returns
    -------
    Figure
        In percent, on a logarithmic axis that begins at the lowest percent of the values. Not
        attached to any window or backend.

    Raises
    ------
    DataError
        No positive number.
    """
    from matplotlib.figure import Figure

    frame = sigma if isinstance(sigma, pd.DataFrame) else sigma.sigma
    percent = 100.0 * frame.to_numpy(dtype=np.float64)
    # a logarithmic axis has no place for 0
    percent = np.where(percent > 0.0, percent, np.nan)
    if np.isnan(percent).all():
        raise DataError("there is no volatility to draw: no positive number")
    figure = Figure(figsize=(5.6, 4.0), layout="constrained")
    ax = figure.subplots()
    names: list[object] = list(asset_names(frame.columns, symbols or {}))
    lines(ax, frame.index, percent, names)
    # the first forecasts know a handful of returns, and may be as good as zero
    known = percent[~np.isnan(percent)]
    ax.set_ylim(0.7 * float(np.quantile(known, LOWEST)), 1.4 * float(known.max()))
    log_axis(ax)
    ax.set_ylabel("% of the price, logarithmic")
    time_axis(tidy(ax, title))
    return figure


def coverage_figure(
    table: pd.DataFrame,
    *,
    symbols: Mapping[str, str] | None = None,
    title: str = "Returns below the value at risk",
) -> Figure:
    """Draw the share of returns below the value at risk, by asset, against what it should be.

    Parameters
    ----------
    table : DataFrame
        Of :func:`statarb.volatility.coverage_table`; up to three levels.
    symbols : mapping, optional
        Symbol by asset id.
    title : str
        Heading.

    Returns
    -------
    Figure
        A dashed line at each level. A mark is hollow where the test of conditional coverage
        rejects at 5 %.

    Raises
    ------
    DataError
        No row.
    """
    from matplotlib.figure import Figure

    if len(table) == 0:
        raise DataError("there is no coverage to draw: no asset has two observations")
    assets = list(dict.fromkeys(table["asset"]))
    place = {asset: row for row, asset in enumerate(assets)}
    figure = Figure(figsize=(5.6, 1.4 + 0.205 * max(len(assets), 4)), layout="constrained")
    ax = figure.subplots()
    handles: list[Artist] = []
    labels = []
    for level, (colour, sign) in zip(sorted(set(table["level"])), MARKS, strict=False):
        rows = table[table["level"] == level]
        y = np.array([place[asset] for asset in rows["asset"]])
        share = 100.0 * rows["rate"].to_numpy(dtype=np.float64)
        hollow = rows["conditional"].to_numpy(dtype=np.float64) < REJECTED
        ax.axvline(100.0 * level, color=colour, linewidth=1.0, linestyle=(0, (4, 2)))
        handle = ax.plot(share, y, sign, color=colour, markersize=5, fillstyle="none")[0]
        ax.plot(share[~hollow], y[~hollow], sign, color=colour, markersize=5)
        handles.append(handle)
        labels.append(f"value at risk of {100.0 * level:g} %")
    ax.set_yticks(
        list(range(len(assets))), [plain_label(name) for name in asset_names(assets, symbols or {})]
    )
    ax.set_ylim(max(len(assets), 4) - 0.4, -0.6)
    ax.set_xlim(left=0.0)
    ax.set_xlabel("% of the returns")
    legend(ax, handles, labels)
    tidy(ax, title, grid="x")
    ax.spines["left"].set_color(FAINT)
    return figure

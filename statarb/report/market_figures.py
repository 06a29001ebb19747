"""Figures of a market: assets quoted over time, equal-weight index, correlations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from statarb.data.overview import MarketOverview, market_overview
from statarb.data.panel import Panel
from statarb.errors import DataError
from statarb.report.axes import POINTS, log_axis, time_axis, times_of
from statarb.report.style import FAINT, INK, MUTED, SERIES, plain_label, tidy
from statarb.results.downsample import bucket_edges, downsample
from statarb.results.record import asset_names

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["correlation_figure", "market_figure"]

BINS = np.linspace(-1.0, 1.0, 11)
"""Edges of the colours of correlations: few, so that a reader can tell which one a cell has."""
MOST_NAMES = 40
MEANS = 200
"""Stretches of time over which the share of assets quoted is averaged."""
LOG_FROM = 3.0
"""Highest over lowest value from which a logarithmic axis shows more than a linear one."""


def market_figure(market: Panel | MarketOverview) -> Figure:
    """Draw the share of assets quoted at each time, and the equal-weight index below it.

    Parameters
    ----------
    market : Panel or MarketOverview
        A market, or what :func:`statarb.data.overview.market_overview` measured of it.

    Returns
    -------
    Figure
        Not attached to any window or backend.
    """
    from matplotlib.figure import Figure

    times = _overview(market).times
    figure = Figure(figsize=(5.6, 4.4), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True)
    when = times_of(times.index)
    edges = bucket_edges(len(times), MEANS)
    steps = np.diff(edges)
    quoted = 100.0 * np.add.reduceat(times["quoted"].to_numpy(dtype=np.float64), edges[:-1]) / steps
    above.fill_between(
        when[np.append(edges[:-1], len(times) - 1)],
        0.0,
        np.append(quoted, quoted[-1]),
        step="post",
        color=SERIES,
        alpha=0.85,
        linewidth=0,
    )
    above.set_ylim(0.0, 105.0)
    above.set_ylabel("% of all assets")
    over = f", means over {int(steps.max())} steps" if steps.max() > 1 else ""
    tidy(above, f"Assets quoted{over}")
    index = times["index"].to_numpy(dtype=np.float64)
    kept = downsample(index, POINTS // 24)
    below.plot(when[kept], index[kept], color=SERIES, linewidth=1.1)
    below.axhline(1.0, color=MUTED, linewidth=0.8, linestyle=(0, (4, 2)))
    if np.nanmax(index) > LOG_FROM * np.nanmin(index):
        log_axis(below)
        below.set_ylabel("start 1, logarithmic")
    else:
        below.set_ylabel("start 1")
    tidy(below, "Equal-weight index, chained geometric mean")
    time_axis(below)
    return figure


def correlation_figure(
    market: Panel | MarketOverview, *, symbols: Mapping[str, str] | None = None
) -> Figure:
    """Draw the correlations of the best covered assets as a matrix, those that move alike as
    neighbours.

    Parameters
    ----------
    market : Panel or MarketOverview
        A market, or what :func:`statarb.data.overview.market_overview` measured of it.
    symbols : mapping, optional
        Symbol by asset id; by default those of the panel.

    Returns
    -------
    Figure
        Cells without a correlation are grey.

    Raises
    ------
    DataError
        Fewer than two assets move.
    """
    from matplotlib import colormaps
    from matplotlib.colors import BoundaryNorm
    from matplotlib.figure import Figure

    found = _overview(market)
    matrix = found.correlation.to_numpy(dtype=np.float64)
    if len(matrix) < 2:
        raise DataError("there is no correlation to draw: fewer than two assets move")
    if symbols is None and isinstance(market, Panel):
        symbols = {str(asset): str(name) for asset, name in market.table["symbol"].items()}
    names = asset_names(found.correlation.index, symbols or {})
    figure = Figure(figsize=(5.6, 4.4), layout="constrained")
    ax = figure.subplots()
    colours = colormaps["RdBu_r"].resampled(len(BINS) - 1)
    mesh = ax.pcolormesh(
        np.ma.masked_invalid(matrix),
        cmap=colours,
        norm=BoundaryNorm(BINS, colours.N),
        linewidth=0.0,
        antialiased=False,
        clip_on=False,
    )
    ax.set_facecolor(FAINT)
    ax.invert_yaxis()
    ax.set_aspect("equal")
    tidy(ax, f"Correlation of one-step log returns, mean {found.mean_correlation:.2f}", grid=None)
    if len(names) <= MOST_NAMES:
        places = np.arange(len(names)) + 0.5
        labels = [plain_label(name, 10) for name in names]
        size = 6.5 if len(names) > 20 else 8.0
        ax.set_xticks(places.tolist(), labels, rotation=90, fontsize=size)
        ax.set_yticks(places.tolist(), labels, fontsize=size)
        ax.tick_params(length=0, labelsize=size)
    else:
        ax.set_xticks([])
        ax.set_yticks([])
    ax.spines[:].set_visible(False)
    bar = figure.colorbar(mesh, ax=ax, fraction=0.04, pad=0.02, ticks=BINS[::2])
    bar.ax.tick_params(labelsize=8, colors=INK)
    bar.outline.set_visible(False)
    return figure


def _overview(market: Panel | MarketOverview) -> MarketOverview:
    return market if isinstance(market, MarketOverview) else market_overview(market)

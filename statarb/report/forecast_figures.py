"""Figure of forecast scores: error and direction, by asset and by day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from statarb.errors import DataError
from statarb.report.league_figures import league_height
from statarb.report.style import FAINT, INK, MUTED, SERIES, axes_of, plain_label, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_forecasts"]

MOST_ASSETS = 60


def draw_forecasts(
    scores: pd.DataFrame,
    ax: Axes | None = None,
    *,
    unit: str = "%",
    title: str = "",
    reference: float | None = None,
) -> Axes:
    """Draw the scores of every asset: a faint point per day, and the mean of the days.

    Parameters
    ----------
    scores : (assets, periods) DataFrame
        ``ForecastScore.mape`` or ``ForecastScore.directional_symmetry``.
    ax : Axes, optional
        Where to draw; by default a new figure.
    unit : str
        Unit of the scores.
    title : str
        Heading.
    reference : float, optional
        A value to mark, such as 50 %, the directional symmetry of a fair coin.

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        No asset, or no period.
    """
    if scores.empty:
        raise DataError("scores must have at least one asset and one period")
    shown = scores.head(MOST_ASSETS)
    ax = axes_of(ax, (6.0, league_height(len(shown))))
    values = shown.to_numpy(dtype=np.float64)
    rows = np.arange(len(shown), dtype=np.float64)
    for day in values.T:
        ax.plot(day, rows, "o", color=SERIES, markersize=3, alpha=0.35)
    known = ~np.isnan(values)
    count = known.sum(axis=1)
    mean = np.full(len(shown), np.nan)
    np.divide(np.where(known, values, 0.0).sum(axis=1), count, out=mean, where=count > 0)
    ax.plot(mean, rows, "|", color=INK, markersize=9, markeredgewidth=1.8)
    if reference is not None:
        ax.axvline(reference, color=MUTED, linewidth=1.0, linestyle=(0, (4, 2)))
    ax.set_yticks(rows.tolist(), [plain_label(asset) for asset in shown.index])
    ax.set_ylim(max(len(shown), 4) - 0.4, -0.6)
    ax.set_xlabel(f"{unit}; points: days, bars: their mean")
    tidy(ax, title, grid="x")
    ax.spines["left"].set_color(FAINT)
    return ax

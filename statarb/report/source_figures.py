"""Figures of an investor's sources and optimizer: promised and delivered, duality gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from statarb._core.checks import check_number
from statarb.errors import DataError
from statarb.report.axes import POINTS, legend, time_axis, times_of
from statarb.report.style import INK, PALETTE, SECOND, SERIES, plain_label, tidy
from statarb.results.downsample import downsample

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

__all__ = ["certificate_figure", "source_figure", "source_table"]

TOLERANCE = 1e-8
"""Relative duality gap up to which the optimizer accepts the fast path."""
LOWEST = 1e-17
"""Place of a gap of 0, or below by rounding, on a logarithmic axis."""


def source_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return what each source promised and delivered on average.

    Parameters
    ----------
    frame : DataFrame
        Columns ``time``, ``source``, ``horizon`` (rows), ``shrinkage`` (0 to 1), ``promised``
        (return over the horizon that was expected of the positions of a decision) and
        ``delivered`` (what they then returned, net of the market; NaN where not yet known).

    Returns
    -------
    DataFrame
        A row a source and horizon, in the order of their first appearance: ``source, horizon,
        rows``; means over the rows whose return is known: ``promised, delivered``; ``trusted``,
        the share of all rows with a shrinkage above 0.
    """
    rows = []
    for source, horizon, part in _parts(frame):
        known = part[part["delivered"].notna()]
        rows.append(
            {
                "source": source,
                "horizon": horizon,
                "rows": len(part),
                "promised": float(known["promised"].mean()) if len(known) else np.nan,
                "delivered": float(known["delivered"].mean()) if len(known) else np.nan,
                "trusted": float((part["shrinkage"] > 0.0).mean()),
            }
        )
    columns = ["source", "horizon", "rows", "promised", "delivered", "trusted"]
    return pd.DataFrame(rows, columns=columns)


def source_figure(frame: pd.DataFrame) -> Figure:
    """Draw what each source promised and delivered, summed over time, and how far it was trusted.

    Parameters
    ----------
    frame : DataFrame
        As for :func:`source_table`.

    Returns
    -------
    Figure
        Above, sums over the decisions whose return is known, each divided by its horizon, so that
        positions that overlap count once; in percent. Below, the shrinkage. The first seven
        sources are shown.

    Raises
    ------
    DataError
        No row.
    """
    from matplotlib.figure import Figure

    if len(frame) == 0:
        raise DataError("there is no source to draw: no row")
    figure = Figure(figsize=(5.6, 5.2), layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(2.0, 1.0))
    handles: list[Artist] = []
    labels: list[str] = []
    parts = _parts(frame)
    for (source, horizon, part), colour in zip(parts, PALETTE, strict=False):
        known = part[part["delivered"].notna()]
        when = times_of(pd.DatetimeIndex(known["time"]))
        buckets = POINTS // (12 * max(len(parts), 4))
        for name, dash in (("promised", (0, (4, 2))), ("delivered", "-")):
            total = 100.0 * np.cumsum(known[name].to_numpy(dtype=np.float64)) / horizon
            kept = downsample(total, buckets)
            line = above.plot(when[kept], total[kept], color=colour, linestyle=dash, linewidth=1.2)[
                0
            ]
        handles.append(line)
        labels.append(f"{plain_label(source, 18)}, {horizon} row{'s' if horizon > 1 else ''}")
        shrinkage = part["shrinkage"].to_numpy(dtype=np.float64)
        kept = downsample(shrinkage, buckets)
        below.plot(
            times_of(pd.DatetimeIndex(part["time"]))[kept],
            shrinkage[kept],
            color=colour,
            linewidth=1.0,
            drawstyle="steps-post",
        )
    above.axhline(0.0, color=INK, linewidth=0.8)
    above.set_ylabel("%, summed")
    rest = f", the first {len(PALETTE)} of {len(parts)}" if len(parts) > len(PALETTE) else ""
    tidy(above, f"Delivered, and promised (dashed){rest}")
    below.set_ylim(-0.03, 1.03)
    below.set_ylabel("shrinkage")
    tidy(below, "Share of the promise that was believed")
    time_axis(below)
    legend(below, handles, labels)
    return figure


def certificate_figure(frame: pd.DataFrame, *, tolerance: float = TOLERANCE) -> Figure:
    """Draw the optimizer's relative duality gap over time, and its answers by status.

    Parameters
    ----------
    frame : DataFrame
        Columns ``time``, ``gap`` (relative), ``status`` (text) and ``seconds``.
    tolerance : float
        Gap up to which an answer is accepted; a dashed line.

    Returns
    -------
    Figure
        Above, gaps on a logarithmic axis: those up to the tolerance and those beyond differ in
        colour; one of 0 is drawn at 1e-17. Below, the number of answers by status.

    Raises
    ------
    DataError
        No row.
    """
    from matplotlib.figure import Figure

    tolerance = check_number("tolerance", tolerance, above=0.0)
    if len(frame) == 0:
        raise DataError("there is no certificate to draw: no row")
    frame = frame.sort_values("time", kind="stable")
    counts = frame["status"].astype(str).value_counts(sort=True)
    counts = counts.sort_index(kind="stable").sort_values(ascending=False, kind="stable")
    figure = Figure(figsize=(5.6, 3.4 + 0.22 * len(counts)), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=(3.0, 0.45 + 0.28 * len(counts)))
    gap = frame["gap"].to_numpy(dtype=np.float64)
    drawn = np.where(np.isnan(gap), np.nan, np.maximum(gap, LOWEST))
    when = times_of(pd.DatetimeIndex(frame["time"]))
    # no gap beyond the tolerance is left out, however many there are below it
    within = ~(gap > tolerance)
    for part, colour in ((within, SERIES), (~within, SECOND)):
        kept = np.flatnonzero(part)
        kept = kept[downsample(drawn[part], POINTS // 60)] if len(kept) else kept
        above.plot(when[kept], drawn[kept], "o", color=colour, markersize=2.5, alpha=0.8)
    above.axhline(tolerance, color=INK, linewidth=1.0, linestyle=(0, (4, 2)))
    above.annotate(
        "tolerance ",
        (1.0, tolerance),
        xycoords=("axes fraction", "data"),
        fontsize=9,
        va="bottom",
        ha="right",
        color=INK,
    )
    above.set_yscale("log")
    known = drawn[~np.isnan(drawn)]
    highest = max(float(known.max(initial=0.0)), tolerance)
    above.set_ylim(0.3 * min(float(known.min(initial=tolerance)), tolerance), 30.0 * highest)
    above.set_ylabel("relative gap, logarithmic")
    time_axis(tidy(above, "Duality gap of each answer"))
    places = np.arange(len(counts), dtype=np.float64)
    below.barh(places, counts.to_numpy(dtype=np.float64), color=SERIES, height=0.6)
    below.set_yticks(places.tolist(), [plain_label(name) for name in counts.index])
    below.set_ylim(len(counts) - 0.4, -0.6)
    below.set_xlim(0.0, 1.15 * float(counts.max()))
    for place, count in zip(places, counts, strict=True):
        below.text(float(count), place, f" {count:,}", va="center", fontsize=9, color=INK)
    below.set_xticks([])
    tidy(below, "Answers by status", grid=None)
    below.spines["bottom"].set_visible(False)
    return figure


def _parts(frame: pd.DataFrame) -> list[tuple[str, int, pd.DataFrame]]:
    """Return the rows of each source and horizon, in order of time."""
    keys = frame[["source", "horizon"]].drop_duplicates()
    found = []
    for source, horizon in zip(keys["source"], keys["horizon"], strict=True):
        rows = frame[(frame["source"] == source) & (frame["horizon"] == horizon)]
        found.append((str(source), int(horizon), rows.sort_values("time", kind="stable")))
    return found

"""Shared parts of figures over time: lines, legend below the axes, axes of times and amounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from statarb._core.time import Stamps
from statarb._core.typing import FloatArray
from statarb.report.style import FAINT, MUTED, PALETTE, plain_label
from statarb.results.downsample import downsample

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = [
    "POINTS",
    "benchmark_of",
    "legend",
    "lines",
    "log_axis",
    "thousands",
    "time_axis",
    "times_of",
]

POINTS = 12_000
"""Points that all lines of a figure may have together."""
BENCHMARKS = ("cash", "buy_and_hold", "equal_weight_hold")
"""Investors that are drawn in grey, as what the others are measured by."""
DASHES = {"cash": (0, (1, 2)), "buy_and_hold": (0, (5, 2)), "equal_weight_hold": (0, (7, 2, 1, 2))}
BELOW = 32.0
"""Points between an axis and the legend below it: room for the ticks and their labels."""


def benchmark_of(name: str) -> str:
    """Return which benchmark a path is of, by its name; empty where it is of none.

    Parameters
    ----------
    name : str
        Of an investor, with or without parameters and ``", lag 1"`` behind.

    Returns
    -------
    str
    """
    kind = name.rsplit(", lag ", 1)[0].split("(", 1)[0]
    return kind if kind in BENCHMARKS else ""


def lines(
    ax: Axes, index: pd.Index, table: FloatArray, names: list[object], own: str | None = None
) -> None:
    """Draw downsampled lines: benchmarks, and what is beyond the palette, in grey; a legend where
    there are two or more.

    Parameters
    ----------
    ax : Axes
        Where to draw.
    index : (times,) Index
        Times.
    table : (times, lines)
        Values.
    names : list
        Of the lines.
    own : str, optional
        Line that is coloured even where it is a benchmark.
    """
    when = times_of(index)
    buckets = max(40, POINTS // (4 * max(len(names), 8)))
    colours = iter(PALETTE)
    shown: list[tuple[Artist, str]] = []
    further = None
    for place, name in enumerate(names):
        kept = downsample(table[:, place], buckets)
        kind = "" if name == own else benchmark_of(str(name))
        if kind and len(names) > 1:
            style = {"color": MUTED, "linestyle": DASHES[kind], "linewidth": 1.3, "zorder": 2.5}
        else:
            colour = next(colours, None)
            style = {
                "color": colour or FAINT,
                "linewidth": 1.2 if colour else 0.8,
                "zorder": 3 if colour else 1.5,
            }
        line = ax.plot(when[kept], table[kept, place], **style)[0]  # type: ignore[arg-type]
        if style["color"] == FAINT:
            further = line
        else:
            shown.append((line, plain_label(name)))
    if further is not None:
        count = len(names) - len(shown)
        shown.append((further, f"{count:,} other{'s' if count > 1 else ''}"))
    if len(names) > 1:
        legend(ax, [line for line, _ in shown], [label for _, label in shown])


def legend(ax: Axes, handles: Sequence[Any], labels: Sequence[str]) -> None:
    """Put the legend below the axes and their labels, where it covers nothing.

    Parameters
    ----------
    ax : Axes
        Axes with everything drawn.
    handles : sequence of Artist or container of artists
        What was drawn.
    labels : sequence of str
        Their names.
    """
    from matplotlib.transforms import ScaledTranslation

    longest = max((len(name) for name in labels), default=0)
    columns = max(1, min(len(labels), 70 // (longest + 6)))
    figure = ax.get_figure(root=True)
    assert figure is not None  # axes that are drawn on have one
    below = ScaledTranslation(0.0, -BELOW / 72.0, figure.dpi_scale_trans)
    ax.legend(
        handles, labels, loc="upper left", bbox_to_anchor=(-0.01, 0.0),
        bbox_transform=ax.transAxes + below, ncols=columns,
        fontsize=9, frameon=False, borderaxespad=0.0,
        columnspacing=1.2, handlelength=1.8,
    )  # fmt: skip


def log_axis(ax: Axes) -> None:
    """Make the y axis logarithmic, with plain numbers at its ticks.

    Parameters
    ----------
    ax : Axes
        Axes with everything drawn.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    ax.set_yscale("log")
    low, high = ax.get_ylim()
    few = high / max(low, 1e-300) < 300.0
    ax.yaxis.set_major_locator(
        LogLocator(base=10.0, subs=(1.0, 2.0, 5.0) if few else (1.0,), numticks=12)
    )
    ax.yaxis.set_major_formatter(FuncFormatter(lambda level, _: f"{level:,.10g}"))
    ax.yaxis.set_minor_formatter(NullFormatter())


def thousands(ax: Axes) -> None:
    """Write commas between the thousands of the y axis.

    Parameters
    ----------
    ax : Axes
        Axes.
    """
    from matplotlib.ticker import FuncFormatter

    ax.yaxis.set_major_formatter(FuncFormatter(lambda level, _: f"{level:,.10g}"))


def time_axis(ax: Axes) -> Axes:
    """Write dates without repeating what neighbouring ticks share.

    Parameters
    ----------
    ax : Axes
        Axes with times on the x axis.

    Returns
    -------
    Axes
    """
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=3, maxticks=9)  # type: ignore[no-untyped-call]
    ax.xaxis.set_major_locator(locator)
    ax.xaxis.set_major_formatter(ConciseDateFormatter(locator, show_offset=True))  # type: ignore[no-untyped-call]
    ax.xaxis.get_offset_text().set_fontsize(9)
    ax.margins(x=0.01)
    return ax


def times_of(index: pd.Index) -> Stamps:
    """Return times as matplotlib takes them.

    Parameters
    ----------
    index : Index
        Times.

    Returns
    -------
    (times,) datetime64[us]
    """
    return index.to_numpy(dtype="datetime64[us]")

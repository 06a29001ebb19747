"""Figures of accounts through time: value, drawdown, weights, turnover, fees, orders, times."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pandas as pd

from statarb._core.checks import check_integer
from statarb._core.tables import read_table
from statarb.errors import DataError
from statarb.report.axes import (
    POINTS,
    legend,
    lines,
    log_axis,
    thousands,
    time_axis,
    times_of,
)
from statarb.report.style import (
    CASH,
    INK,
    MUTED,
    PALETTE,
    REST,
    SECOND,
    SERIES,
    axes_of,
    plain_label,
    tidy,
)
from statarb.results.downsample import downsample
from statarb.results.record import OUTCOMES, MeanWeights, Subject, record_of

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = [
    "draw_drawdown",
    "draw_fees",
    "draw_orders",
    "draw_turnover",
    "draw_utilisation",
    "draw_value",
    "draw_weights",
]

OUTCOME_COLOURS = dict(
    zip(OUTCOMES, (SERIES, PALETTE[4], PALETTE[2], "#d0d0d0", SECOND, "#8a8a8a"), strict=True)
)
LOG_FROM = 3.0
"""Highest over lowest value from which a logarithmic axis shows more than a linear one."""

Values: TypeAlias = Subject | pd.Series | pd.DataFrame


def draw_value(
    subject: Values,
    ax: Axes | None = None,
    *,
    log: bool | None = None,
    title: str = "Value",
    currency: str | None = None,
    own: str | None = None,
) -> Axes:
    """Draw the value of one account, or of several on one time axis.

    Parameters
    ----------
    subject : Run, Replay, Record, Series or DataFrame
        An account, or values by time; a column per account. The first seven that are no
        benchmark (``cash``, ``buy_and_hold``, ``equal_weight_hold``, with or without ``", lag 1"``
        behind) are coloured, the further ones grey.
    ax : Axes, optional
        Where to draw; by default a new figure.
    log : bool, optional
        Whether the axis is logarithmic; by default where the highest value is more than three times
        the lowest.
    title : str
        Heading.
    currency : str, optional
        Of the values; by default that of the account, where it is known.
    own : str, optional
        Account that is coloured even where it is a benchmark.

    Returns
    -------
    Axes
        A value of 0 ends a line on a logarithmic axis, and is marked.
    """
    values = _values(subject)
    ax = axes_of(ax)
    table = values.to_numpy(dtype=np.float64)
    alive = table[np.isfinite(table) & (table > 0.0)]
    if log is None:
        log = len(alive) > 0 and bool(alive.max() > LOG_FROM * alive.min())
    if log:
        table = np.where(table > 0.0, table, np.nan)
    lines(ax, values.index, table, list(values.columns), own)
    if log:
        log_axis(ax)
        for column, path in enumerate(values.to_numpy(dtype=np.float64).T):
            if (path <= 0.0).any():
                end = max(int(np.argmax(path <= 0.0)) - 1, 0)
                ax.plot(
                    times_of(values.index)[end], table[end, column], "x", color=INK, markersize=6
                )
    unit = _currency(subject) if currency is None else currency
    ax.set_ylabel(", ".join([unit or "value", *(["logarithmic"] if log else [])]))
    thousands(ax)
    return time_axis(tidy(ax, title))


def draw_drawdown(
    subject: Values,
    ax: Axes | None = None,
    *,
    title: str = "Drawdown from the highest value so far",
) -> Axes:
    """Draw how far below its highest value so far each account is, in percent.

    Parameters
    ----------
    subject : Run, Replay, Record, Series or DataFrame
        As for :func:`draw_value`.
    ax : Axes, optional
        Where to draw; by default a new figure.
    title : str
        Heading.

    Returns
    -------
    Axes
    """
    values = _values(subject)
    ax = axes_of(ax)
    path = values.to_numpy(dtype=np.float64)
    fall = 100.0 * (path / np.maximum.accumulate(path, axis=0) - 1.0)
    lines(ax, values.index, fall, list(values.columns))
    if values.shape[1] == 1:
        kept = downsample(fall[:, 0], POINTS // 24)
        ax.fill_between(
            times_of(values.index)[kept], fall[kept, 0], 0.0, color=SERIES, alpha=0.25, linewidth=0
        )
    ax.set_ylabel("%")
    ax.set_ylim(top=0.0)
    if not (fall < 0.0).any():
        ax.set_ylim(bottom=-1.0)
    return time_axis(tidy(ax, title))


def draw_weights(
    subject: Subject | MeanWeights, ax: Axes | None = None, *, top: int = 7, title: str = "Weights"
) -> Axes:
    """Draw the realised weights over time, stacked: the largest holdings, the other assets
    together, and cash.

    Parameters
    ----------
    subject : Run, Replay, Record or MeanWeights
        An account, or its weights averaged already (``Record.mean_weights``).
    ax : Axes, optional
        Where to draw; by default a new figure.
    top : int
        Assets that get a colour of their own, by their mean weight; 1 to 7.
    title : str
        Heading.

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        The weights are not known.
    """
    top = check_integer("top", top, at_least=1, at_most=len(PALETTE))
    mean = subject if isinstance(subject, MeanWeights) else record_of(subject).mean_weights()
    ax = axes_of(ax)
    weights = 100.0 * mean.weights
    assets, cash = weights[:, :-1], weights[:, -1]
    average = assets.mean(axis=0)
    largest = [
        int(place) for place in np.argsort(-average, kind="stable")[:top] if average[place] > 0.0
    ]
    rest = assets.sum(axis=1) - assets[:, largest].sum(axis=1)
    others = int((average > 0.0).sum()) - len(largest)
    layers = [assets[:, place] for place in largest]
    labels = [plain_label(mean.assets[place]) for place in largest]
    colours = list(PALETTE[: len(largest)])
    if others:
        layers, labels, colours = (
            [*layers, rest],
            [*labels, f"{others:,} other assets"],
            [*colours, REST],
        )
    layers, labels, colours = [*layers, cash], [*labels, "cash"], [*colours, CASH]
    times = (
        times_of(mean.times) if isinstance(mean.times, pd.DatetimeIndex) else mean.times.to_numpy()
    )
    if len(times) == 1:
        times = np.array([0, 1])
        layers = [np.repeat(layer, 2) for layer in layers]
    drawn = ax.stackplot(times, np.vstack(layers), colors=colours, linewidth=0)
    legend(ax, list(drawn), labels)
    ax.set_ylim(0.0, 100.0)
    ax.set_xlim(times[0], times[-1])
    ax.set_ylabel("% of the value")
    tidy(ax, f"{title}, means over {mean.steps} steps" if mean.steps > 1 else title, grid=None)
    return time_axis(ax) if isinstance(mean.times, pd.DatetimeIndex) else ax


def draw_turnover(subject: Subject, ax: Axes | None = None, *, title: str = "Turnover") -> Axes:
    """Draw the value bought and sold in each day (in each hour, where the account lived less than
    three days).

    Parameters
    ----------
    subject : Run, Replay or Record
        An account.
    ax : Axes, optional
        Where to draw; by default a new figure.
    title : str
        Heading.

    Returns
    -------
    Axes
    """
    paths = record_of(subject).require_paths()
    ax = axes_of(ax)
    span = paths.index[-1] - paths.index[0]
    width, name = (
        (pd.Timedelta(1, unit="D"), "day")
        if span > pd.Timedelta(3, unit="D")
        else (pd.Timedelta(1, unit="h"), "hour")
    )
    total = paths["turnover"].groupby(pd.DatetimeIndex(paths.index).floor(width)).sum()
    starts = times_of(pd.DatetimeIndex(total.index))
    ax.bar(
        starts,
        total.to_numpy(),
        width=0.9 * (width / pd.Timedelta(1, unit="D")),
        align="edge",
        color=SERIES,
    )
    ax.set_ylabel(f"{_currency(subject) or 'value'} per {name}")
    ax.set_ylim(bottom=0.0, top=None if (total > 0.0).any() else 1.0)
    thousands(ax)
    return time_axis(tidy(ax, title))


def draw_fees(subject: Subject, ax: Axes | None = None, *, title: str = "Fees paid so far") -> Axes:
    """Draw the sum of the fees paid.

    Parameters
    ----------
    subject : Run, Replay or Record
        An account.
    ax : Axes, optional
        Where to draw; by default a new figure.
    title : str
        Heading.

    Returns
    -------
    Axes
    """
    fees = record_of(subject).require_paths()["fees"].cumsum()
    ax = axes_of(ax)
    kept = downsample(fees.to_numpy(), POINTS // 24)
    ax.plot(times_of(fees.index)[kept], fees.to_numpy()[kept], color=SECOND, linewidth=1.2)
    ax.set_ylabel(_currency(subject) or "fees")
    ax.set_ylim(bottom=0.0, top=None if (fees > 0.0).any() else 1.0)
    thousands(ax)
    return time_axis(tidy(ax, title))


def draw_orders(
    subject: Subject, ax: Axes | None = None, *, title: str = "Sizes of the orders"
) -> Axes:
    """Draw how many orders of each target size there were, what became of them, and the limits.

    Parameters
    ----------
    subject : Run, Replay or Record
        An account.
    ax : Axes, optional
        Where to draw; by default a new figure.
    title : str
        Heading.

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        The orders are not known.
    """
    sizes = record_of(subject).order_sizes()
    ax = axes_of(ax)
    counts = sizes.counts.to_numpy()
    filled = np.flatnonzero(counts.sum(axis=1))
    if len(filled) == 0:
        ax.text(
            0.5, 0.5, "no orders", ha="center", va="center", transform=ax.transAxes, color=MUTED
        )
        ax.set_axis_off()
        return tidy(ax, title, grid=None)
    low, high = int(filled[0]), int(filled[-1]) + 1
    edges, base = sizes.edges[low : high + 1], np.zeros(high - low)
    handles: list[Artist] = []
    labels: list[str] = []
    for place, outcome in enumerate(OUTCOMES):
        if counts[:, place].any():
            top = base + counts[low:high, place]
            handles.append(
                ax.stairs(
                    top,
                    edges,
                    baseline=base,
                    fill=True,
                    color=OUTCOME_COLOURS[outcome],
                    linewidth=0,
                )
            )
            base = top
            labels.append(f"{outcome} ({int(counts[:, place].sum()):,})")
    ax.set_xscale("log")
    from matplotlib.ticker import FuncFormatter, NullFormatter

    ax.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:g}"))
    ax.xaxis.set_minor_formatter(NullFormatter())
    for limit in sizes.limits or ():
        if limit > 0.0 and np.isfinite(limit):
            ax.axvline(limit, color=INK, linewidth=1.0, linestyle=(0, (4, 2)))
            ax.annotate(
                f" {limit:g}",
                (limit, 1.0),
                xycoords=("data", "axes fraction"),
                fontsize=9,
                va="top",
                color=INK,
            )
    ax.set_xlabel(
        f"{plain_label(sizes.unit)}, logarithmic" + ("; dashed: the limits" if sizes.limits else "")
    )
    legend(ax, handles, labels)
    ax.set_ylabel("orders")
    ax.set_ylim(top=1.12 * float(base.max()))
    thousands(ax)
    return tidy(ax, title)


def draw_utilisation(
    subject: Subject | pd.Series,
    ax: Axes | None = None,
    *,
    title: str = "Time of each decision, U(t)",
) -> Axes:
    """Draw how much of the time between two quotes each decision took, and the limit of 100 %.

    Parameters
    ----------
    subject : Run, Record or Series
        A run, or percentages by time.
    ax : Axes, optional
        Where to draw; by default a new figure.
    title : str
        Heading.

    Returns
    -------
    Axes

    Raises
    ------
    DataError
        The times are not known.
    """
    if isinstance(subject, pd.Series):
        taken: pd.Series | None = subject
    else:
        taken = record_of(subject).utilisation
    if taken is None:
        raise DataError(
            "the time of each decision is not known (utilisation.csv); draw a Run, or run the "
            "investor again"
        )
    ax = axes_of(ax)
    percent = taken.to_numpy(dtype=np.float64)
    shown = np.where(percent > 0.0, percent, np.nan)
    kept = downsample(shown, POINTS // 24)
    ax.plot(times_of(taken.index)[kept], shown[kept], color=SERIES, linewidth=0.8)
    ax.axhline(100.0, color=SECOND, linewidth=1.0, linestyle=(0, (4, 2)))
    ax.annotate(
        "limit ",
        (1.0, 100.0),
        xycoords=("axes fraction", "data"),
        fontsize=9,
        va="bottom",
        ha="right",
        color=SECOND,
    )
    known = shown[~np.isnan(shown)]
    ax.set_ylim(
        0.5 * float(known.min(initial=1.0)), max(400.0, 2.0 * float(known.max(initial=0.0)))
    )
    log_axis(ax)
    ax.set_ylabel("% of the step, logarithmic")
    return time_axis(tidy(ax, title))


def _currency(subject: Values) -> str:
    """Return the currency of an account; empty where it is not known."""
    return record_of(subject).currency if isinstance(subject, Subject) else ""


def _values(subject: Values) -> pd.DataFrame:
    """Return values by time, a column an account."""
    if isinstance(subject, Subject):
        record = record_of(subject)
        return record.require_paths()[["value"]].rename(columns={"value": record.label})
    return read_table("values", subject, times="required", cash=True).frame()

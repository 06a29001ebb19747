"""Figure page of the quality report: coverage, lengths of gaps, steps between rows, ticks."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from statarb._core.files import atomic_path, output_folder, write_text
from statarb._core.typing import FloatArray
from statarb.data.quality import QualityReport
from statarb.report.style import BASE_CSS, INK, MUTED, SECOND, SERIES

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_quality", "write_quality_page"]

PAGE = """<!DOCTYPE html> <html lang="en"> <head> <meta charset="utf-8"> <title>{{ title }}</title>
<style>
{{ css|safe }}</style> </head> <body> <h1>{{ title }}</h1> <table>{% for name, value in market
%}<tr><td>{{ name }}</td><td>{{ value }}</td></tr>{% endfor %}</table> <p><img alt="Coverage map,
coverage over time, lengths of gaps, steps between rows, tick and unchanged quotes"
 src="data:image/png;base64,{{ image }}"></p>
{% for heading, columns, rows in tables %}
<h2>{{ heading }}</h2>
<div class="wide"><table>
<thead><tr>{% for column in columns %}<th>{{ column }}</th>{% endfor %}</tr></thead>
<tbody>{% for row in rows %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table></div>
{% endfor %}
</body>
</html>
"""


def write_quality_page(
    report: QualityReport, folder: str | os.PathLike[str], *, title: str = "Quality of the quotes"
) -> tuple[Path, Path]:
    """Write the figures as ``quality.png``, and with the tables as ``quality.html``, one file that
    needs no other.

    Parameters
    ----------
    report : QualityReport
        Numbers, of :func:`statarb.quality_report`.
    folder : path
        Made where it is absent.
    title : str
        Heading of the page.

    Returns
    -------
    Path, Path
        The picture and the page.

    Raises
    ------
    DataError
        The folder cannot be written to.
    """
    from jinja2 import Environment

    target = output_folder(folder)
    drawn = io.BytesIO()
    draw_quality(report).savefig(drawn, format="png", dpi=110, metadata={"Software": None})
    picture = target / "quality.png"
    with atomic_path(picture) as temporary:
        temporary.write_bytes(drawn.getvalue())
    gaps = report.gaps.head(20)
    steps = report.steps.head(10)
    assets = report.assets.sort_values(["coverage", "quotes"], kind="stable").reset_index(
        names="asset"
    )
    page = Environment(autoescape=True).from_string(PAGE)
    text = page.render(
        title=title,
        css=BASE_CSS,
        market=[(name, _cell(value)) for name, value in report.market.items()],
        image=base64.b64encode(drawn.getvalue()).decode(),
        tables=[
            (
                f"Longest of {len(report.gaps)} gaps in the market",
                list(gaps.columns),
                _cells(gaps),
            ),
            ("Steps between rows", list(steps.columns), _cells(steps)),
            ("Assets, least covered first", list(assets.columns), _cells(assets)),
        ],
    )
    write_text(target / "quality.html", text)
    return picture, target / "quality.html"


def draw_quality(report: QualityReport) -> Figure:
    """Return the figure page: (1) coverage map, (2) assets quoted over time, (3) gaps, (4) steps,
    (5) ticks.

    Parameters
    ----------
    report : QualityReport
        Numbers, of :func:`statarb.quality_report`.

    Returns
    -------
    Figure
        Not attached to any window or backend.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12.0, 11.0), layout="constrained")
    grid = figure.add_gridspec(3, 3, height_ratios=(2.3, 1.0, 1.2))
    over_time = figure.add_subplot(grid[1, :])
    _draw_map(figure, figure.add_subplot(grid[0, :], sharex=over_time), report)
    _draw_counts(over_time, report)
    _draw_gaps(figure.add_subplot(grid[2, 0]), report)
    _draw_steps(figure.add_subplot(grid[2, 1]), report)
    _draw_ticks(figure.add_subplot(grid[2, 2]), report)
    for axes in figure.axes:
        axes.tick_params(labelsize=8, colors=INK)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    return figure


def _draw_map(figure: Figure, axes: Axes, report: QualityReport) -> None:
    covered = report.coverage
    order = np.argsort(-report.assets["coverage"].to_numpy(), kind="stable")
    starts = _days(covered.index)
    end = _days(report.times.index)[-1]
    edges = np.append(starts, end if end > starts[-1] else starts[-1] + 1.0)
    image = axes.pcolormesh(
        edges,
        np.arange(covered.shape[1] + 1),
        covered.to_numpy()[:, order].T,
        cmap="Blues",
        vmin=0,
        vmax=100,
        rasterized=True,
    )
    axes.xaxis_date()
    axes.invert_yaxis()
    axes.set_ylabel("assets, most quoted first")
    if covered.shape[1] <= 40:
        axes.set_yticks(
            np.arange(covered.shape[1]) + 0.5, report.assets["symbol"].to_numpy()[order]
        )
    axes.set_title("Coverage: cells with a quote", loc="left", fontsize=10, color=INK)
    axes.tick_params(labelbottom=False)
    bar = figure.colorbar(image, ax=axes, pad=0.01, fraction=0.03)
    bar.set_label("%", rotation=0)
    bar.ax.tick_params(labelsize=8)


def _draw_counts(axes: Axes, report: QualityReport) -> None:
    from matplotlib import dates

    counts = report.times["assets"]
    when = _days(counts.index)
    axes.fill_between(
        when, 0, counts.to_numpy(), step="post", color=SERIES, linewidth=0, alpha=0.85
    )
    stale = report.times["stale"].to_numpy()
    if stale.any():
        top = 1.06 * max(int(counts.max()), 1)
        axes.plot(
            when[stale],
            np.full(int(stale.sum()), top),
            "|",
            color=SECOND,
            markersize=5,
            label="all prices unchanged",
        )
        axes.legend(loc="upper left", bbox_to_anchor=(-0.005, 1.19), fontsize=8, frameon=False)
    axes.set_ylim(bottom=0)
    axes.set_xlim(when[0], when[-1] if len(when) > 1 else when[0] + 1)
    axes.xaxis_date()
    shape = "%m-%d" if when[-1] - when[0] > 2 else "%m-%d %H:%M"
    axes.xaxis.set_major_formatter(dates.DateFormatter(shape))  # type: ignore[no-untyped-call]
    axes.set_ylabel("assets quoted")
    axes.set_title("Assets quoted at each time of the grid", loc="right", fontsize=10, color=INK)


def _draw_gaps(axes: Axes, report: QualityReport) -> None:
    lengths = report.gap_lengths[report.gap_lengths > 0]
    axes.set_title("Gaps of single assets", loc="left", fontsize=10, color=INK)
    axes.set_xlabel("steps missing")
    axes.set_ylabel("number of gaps")
    if len(lengths) == 0:
        axes.text(0.5, 0.5, "none", ha="center", transform=axes.transAxes, color=MUTED)
        return
    axes.plot(lengths.index.to_numpy(), lengths.to_numpy(), "o", color=SERIES, markersize=3)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(left=0.8)
    axes.set_ylim(bottom=0.8)


def _draw_steps(axes: Axes, report: QualityReport) -> None:
    steps = report.steps.head(8).iloc[::-1]
    axes.set_title("Steps between neighbouring rows", loc="left", fontsize=10, color=INK)
    axes.set_xlabel("% of rows (logarithmic)")
    places = [float(place) for place in range(len(steps))]
    axes.barh(places, steps["share"].to_numpy(), color=SERIES, height=0.7)
    axes.set_yticks(places, [f"{minutes:g} min" for minutes in steps["minutes"]])
    if len(steps):
        axes.set_xscale("log")
        axes.set_xlim(right=500.0)
    for place, share in zip(places, steps["share"], strict=True):
        axes.text(share * 1.1, place, f"{share:.2f}", va="center", fontsize=8, color=INK)


def _draw_ticks(axes: Axes, report: QualityReport) -> None:
    assets = report.assets
    axes.set_title("Coarse ticks, unchanged quotes", loc="left", fontsize=10, color=INK)
    axes.set_xlabel("tick as a share of the price, bp")
    axes.set_ylabel("quotes unchanged, %")
    shown = assets[assets["precision_bp"].notna() & assets["unchanged"].notna()]
    if len(shown) == 0:
        axes.text(
            0.5, 0.5, "quotes are not rounded", ha="center", transform=axes.transAxes, color=MUTED
        )
        return
    few = len(shown) <= 40
    axes.plot(
        shown["precision_bp"],
        shown["unchanged"],
        "o",
        color=SERIES,
        markersize=4 if few else 2,
        alpha=0.8,
    )
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    if few:
        axes.margins(x=0.12)
        most = shown.nlargest(5, "unchanged")
        for symbol, x, y in zip(
            most["symbol"], most["precision_bp"], most["unchanged"], strict=True
        ):
            axes.annotate(
                symbol,
                (x, y),
                xytext=(-4, 3),
                textcoords="offset points",
                fontsize=8,
                ha="right",
                color=INK,
            )


def _days(index: pd.Index) -> FloatArray:
    """Return times as matplotlib counts them: days since 1970."""
    return np.asarray(
        (index.to_numpy() - np.datetime64(0, "us")) / np.timedelta64(1, "D"), dtype=np.float64
    )


def _cells(frame: pd.DataFrame) -> list[list[str]]:
    return [[_cell(value) for value in row] for row in frame.itertuples(index=False)]


def _cell(value: object) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else ""
    if isinstance(value, (float, np.floating)):
        return "" if np.isnan(value) else f"{value:.6g}"
    return "" if value is pd.NaT else str(value)

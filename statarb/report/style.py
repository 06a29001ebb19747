"""Style of figures and pages: colours for colour-blind readers, axes, deterministic SVG."""

from __future__ import annotations

import html
import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BASE_CSS",
    "INK",
    "MUTED",
    "PALETTE",
    "SECOND",
    "SERIES",
    "axes_of",
    "drawing",
    "figure_of",
    "plain_label",
    "svg_text",
    "tidy",
]

INK, MUTED, FAINT = "#222222", "#777777", "#d9d9d9"
SERIES, SECOND = "#2a6f97", "#c8553d"
PALETTE = (SERIES, SECOND, "#edb230", "#1d1a5c", "#95e6a8", "#9d3ee0", "#5a1f2c")
"""Colours of lines and areas, in this order; told apart under the three kinds of colour blindness
(a test measures it).
"""
REST, CASH = "#a6a6a6", "#ececec"
LONGEST_LABEL = 26
"""Letters of a name that a figure shows; tables show all of it."""

BASE_CSS = """body { font: 15px/1.45 system-ui, sans-serif; color: #222; max-width: 1180px; margin:
2em auto; padding: 0 1em; } img { width: 100%; } h1 { font-size: 1.5em; } h2 { font-size: 1.15em;
margin-top: 2em; } table { border-collapse: collapse; font-size: 13px; font-variant-numeric:
tabular-nums; } th, td { padding: 2px 10px 2px 0; text-align: right; border-bottom: 1px solid
#e4e4e4; white-space: nowrap; } th:first-child, td:first-child, td.text, th.text { text-align: left;
} .wide { overflow-x: auto; max-height: 70vh; overflow-y: auto; } thead th { position: sticky; top:
0; background: #fff; }
"""

_SALT = "statarb"
_TIDIED = (
    (re.compile(r"<metadata>.*?</metadata>\s*", re.S), ""),
    (re.compile(r"<style[^>]*>.*?</style>\s*", re.S), ""),
    (re.compile(r"<!--.*?-->\s*", re.S), ""),
    (re.compile(r"\n\s*"), "\n"),
    (re.compile(r"font-family: [^;\"]*"), "font-family: system-ui, sans-serif"),
    (re.compile(r"(font: (?:\w+ )?[\d.]+px) [^;\"]*"), r"\1 system-ui, sans-serif"),
)
_PATH = re.compile(r'(?<= d=")[^"]*')
_DIGITS = re.compile(r"(\.\d\d)\d+")


def axes_of(ax: Axes | None, size: tuple[float, float] = (8.0, 3.4)) -> Axes:
    """Return ``ax``, or the axes of a new pyplot figure, so that a notebook shows it.

    Parameters
    ----------
    ax : Axes, optional
        Axes to draw on.
    size : (width, height)
        Of a new figure, in inches.
    """
    if ax is not None:
        return ax
    from matplotlib import pyplot

    return pyplot.subplots(figsize=size, layout="constrained")[1]


def figure_of(
    draw: Callable[..., object],
    *subject: object,
    size: tuple[float, float] = (8.0, 3.4),
    **options: Any,
) -> Figure:
    """Return what a ``draw_...`` function draws as a figure of its own.

    Parameters
    ----------
    draw : callable
        Takes the subject and ``ax``, such as :func:`statarb.report.draw_value`.
    *subject
        What is drawn.
    size : (width, height)
        In inches.
    **options
        Of the function.

    Returns
    -------
    Figure
        Not attached to any window or backend.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    draw(*subject, ax=figure.subplots(), **options)
    return figure


def tidy(ax: Axes, title: str = "", *, grid: str | None = "y") -> Axes:
    """Style axes like all figures: title at the left, faint grid, no frame above and on the right.

    Parameters
    ----------
    ax : Axes
        Axes with everything drawn.
    title : str
        Heading; empty for none.
    grid : {"x", "y", "both", None}
        Direction of the grid.

    Returns
    -------
    Axes
    """
    ax.set_title(title, loc="left", fontsize=10.5, color=INK)
    ax.tick_params(labelsize=9, colors=INK)
    ax.xaxis.label.set_fontsize(9)
    ax.yaxis.label.set_fontsize(9)
    ax.spines[["top", "right"]].set_visible(False)
    ax.set_axisbelow(True)
    if grid is not None:
        ax.grid(axis=grid, color=FAINT, linewidth=0.6)  # type: ignore[arg-type]
    return ax


def plain_label(name: object, longest: int = LONGEST_LABEL) -> str:
    """Return a name as a figure may show it: shortened, and without the signs that matplotlib reads
    as mathematics.

    Parameters
    ----------
    name : object
        A name from outside, such as an investor's.
    longest : int
        Letters that are kept.

    Returns
    -------
    str
    """
    text = " ".join(str(name).split()) or "(no name)"
    if len(text) > longest:
        end = longest // 3  # names that begin alike often differ at the end
        text = text[: longest - 1 - end] + "\N{HORIZONTAL ELLIPSIS}" + text[len(text) - end :]
    # a legend leaves out what begins with "_"
    return (" " if text.startswith("_") else "") + text.replace("$", r"\$")


@contextmanager
def drawing() -> Iterator[None]:
    """Draw by matplotlib's own defaults and fixed ids, whatever the user has set, so that the same
    data give the same bytes.
    """
    import matplotlib.style

    with (
        matplotlib.style.context("default"),
        matplotlib.rc_context({"svg.hashsalt": _SALT, "svg.fonttype": "none"}),
        warnings.catch_warnings(),
    ):
        # Names may hold letters that the font of the layout has not; the reader's browser draws
        # them with its own.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        yield


def svg_text(figure: Figure, name: str, description: str) -> str:
    """Return a figure as the text of one ``<svg>`` element for a page.

    Parameters
    ----------
    figure : Figure
        What is shown; drawn within :func:`drawing`.
    name : str
        Put in front of all ids, which would otherwise clash with those of other figures of the
        page.
    description : str
        For those who cannot see it.

    Returns
    -------
    str
    """
    written = io.BytesIO()
    metadata: dict[str, Any] = {"Date": None, "Creator": None}
    figure.savefig(written, format="svg", metadata=metadata)
    text = written.getvalue().decode()
    text = text[text.index("<svg") :]
    for pattern, replacement in _TIDIED:
        text = pattern.sub(replacement, text)
    text = _PATH.sub(lambda found: _DIGITS.sub(r"\1", found[0]), text)
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(href="#|url\(#)', rf"\g<1>{name}-", text)
    opening, rest = text.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', opening)
    shape = box[0] if box else ""
    xlink = "" if "xlink:" not in rest else ' xmlns:xlink="http://www.w3.org/1999/xlink"'
    said = f'role="img" aria-label="{html.escape(description)}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg"{xlink} {shape} {said}>{rest}'.strip()

"""Section of a page: paragraphs, tables and drawn figures."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

from statarb.report.style import figure_of, svg_text
from statarb.report.tables import Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["SMALL", "Drawn", "Section", "drawn_axes", "drawn_figure"]

SMALL = (5.6, 3.1)
"""Width and height of a figure of which two are shown side by side, in inches."""
Drawn = tuple[str, str, str]
"""Id, caption and SVG of a figure."""


@dataclasses.dataclass(frozen=True)
class Section:
    """A part of the page.

    Parameters
    ----------
    title : str
        Heading.
    text : list of str
        Paragraphs.
    tables : list of Table
        Above the figures.
    figures : list of (id, caption, SVG)
        Two side by side.
    tables_below : list of Table
        Below the figures.
    """

    title: str
    text: list[str] = dataclasses.field(default_factory=list)
    tables: list[Table] = dataclasses.field(default_factory=list)
    figures: list[Drawn] = dataclasses.field(default_factory=list)
    tables_below: list[Table] = dataclasses.field(default_factory=list)

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return not (self.text or self.tables or self.figures or self.tables_below)


def drawn_axes(
    name: str, size: tuple[float, float], draw: Callable[..., object], caption: str
) -> Drawn:
    """Draw one figure for the page.

    Parameters
    ----------
    name : str
        Its id on the page.
    size : (width, height)
        In inches.
    draw : callable
        Draws on the axes ``ax``.
    caption : str
        Below it.

    Returns
    -------
    (id, caption, SVG)
    """
    return drawn_figure(name, figure_of(draw, size=size), caption)


def drawn_figure(name: str, figure: Figure, caption: str) -> Drawn:
    """Return a figure as the page takes it.

    Parameters
    ----------
    name : str
        Its id on the page.
    figure : Figure
        What is shown.
    caption : str
        Below it.

    Returns
    -------
    (id, caption, SVG)
    """
    return name, caption, svg_text(figure, name, caption)

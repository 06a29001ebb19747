"""Tables: cells and rows that a page and a terminal show alike."""

from __future__ import annotations

import dataclasses

__all__ = ["Cell", "Table"]


@dataclasses.dataclass(frozen=True)
class Cell:
    """One cell of a table.

    Parameters
    ----------
    text : str
        What is shown.
    full : str
        The number behind it, with all its digits.
    span : int
        Columns that it fills.
    """

    text: str
    full: str = ""
    span: int = 1


@dataclasses.dataclass(frozen=True)
class Table:
    """A table of a page or a terminal.

    Parameters
    ----------
    title : str
        Heading.
    columns : list of str
        Headings of the columns.
    rows : list of (class, list of Cell)
        Cells, and the class by which a page styles the row.
    words : int
        Columns at the left that hold text.
    note : str
        A line below it.
    """

    title: str
    columns: list[str]
    rows: list[tuple[str, list[Cell]]]
    words: int = 1
    note: str = ""

    def text(self) -> str:
        """Return the table as lines of text, columns in line."""
        cells = [[cell.text for cell in row] for _, row in self.rows]
        widths = [
            max(len(part[place]) for part in [self.columns, *cells] if place < len(part))
            for place in range(len(self.columns))
        ]
        lines = []
        for part in [self.columns, *cells]:
            placed = [
                text.ljust(width) if place < self.words else text.rjust(width)
                for place, (text, width) in enumerate(zip(part, widths, strict=False))
            ]
            lines.append("  ".join(placed).rstrip())
        return "\n".join([*lines, *([self.note] if self.note else [])])

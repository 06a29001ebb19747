"""`statarb report`: one page of what the other verbs wrote into a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from statarb.cli import options


def report(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR",
            help="Folder given to another verb with --out, or one that holds such folders.",
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The page; default: report.html in DIR."),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Write report.html: scores, rankings, curves, weights, orders and failures of what lies in
    DIR, on one page.
    """
    from statarb.report import write_report

    with options.busy("drawing the report"):
        page = write_report(folder, out)
    options.show(f"written to {page}", {"page": str(page)}, as_json)

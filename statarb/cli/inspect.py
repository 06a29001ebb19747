"""`statarb inspect`: the quality of a market's quotes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from statarb.cli.options import Market


def inspect(
    market: Market,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Folder for quality.csv, quality.png and quality.html; made where it is absent.",
        ),
    ] = None,
    outlier_z: Annotated[
        float,
        typer.Option("--outlier-z", help="Modified z-score above which a return is an outlier."),
    ] = 10.0,
) -> None:
    """Report coverage, holes, ticks, still and outlying quotes of every asset, and of the
    market.
    """
    from statarb._core.files import output_folder
    from statarb.data.panel import Panel
    from statarb.data.quality import quality_report
    from statarb.report.quality_page import write_quality_page

    folder = None if out is None else output_folder(out)
    report = quality_report(Panel.load(market), outlier_z=outlier_z)
    typer.echo(str(report))
    if folder is not None:
        report.save(folder)
        write_quality_page(report, folder, title=f"Quality of the quotes in {market.name}")
        typer.echo(
            f"written to {folder}: quality.csv, quality_gaps.csv, quality_market.json, "
            "quality.png, quality.html"
        )

"""`statarb inspect`: the quality of a market's quotes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from statarb.cli import options


def inspect(
    market: options.Market,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Folder for tables, figure and page of the report; made where it is absent.",
        ),
    ] = None,
    outlier_z: Annotated[
        float,
        typer.Option("--outlier-z", help="Modified z-score above which a return is an outlier."),
    ] = 10.0,
    as_json: options.Json = False,
) -> None:
    """Report coverage, gaps, ticks, unchanged and outlying quotes of every asset, and of the
    market.
    """
    from statarb._core.files import output_folder
    from statarb.data.panel import Panel
    from statarb.data.quality import quality_report
    from statarb.report.quality_page import write_quality_page

    folder = None if out is None else output_folder(out)
    with options.busy("inspecting quotes"):
        report = quality_report(Panel.load(market), outlier_z=outlier_z)
        text = str(report)
        facts: dict[str, Any] = {
            "market": {name: _plain(value) for name, value in report.market.items()}
        }
        if folder is not None:
            report.save(folder)
            write_quality_page(report, folder, title=f"Quality of the quotes in {market.name}")
            names = sorted(path.name for path in folder.glob("quality*"))
            text += f"\nwritten to {folder}: {', '.join(names)}"
            facts["folder"] = str(folder)
    options.show(text, facts, as_json)


def _plain(value: Any) -> Any:
    """Return a figure as JSON can hold it: times and spans as text."""
    return value if isinstance(value, (bool, int, float)) or hasattr(value, "item") else str(value)

"""`statarb ingest`: raw quote files to a panel."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from statarb._core.case import STEP
from statarb.cli import options
from statarb.errors import DataError, ParameterError

if TYPE_CHECKING:
    from statarb.data.panel import Panel

SPARSE = 2.0
"""Steps between neighbouring rows, in the most common case, from which a grid is too fine."""


def ingest(
    quotes: Annotated[
        list[str],
        typer.Argument(
            metavar="QUOTES...",
            help="Quote files, globs or folders, plain or .gz; any of the layouts.",
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="FILE", help="Panel to write, for example market.parquet."),
    ],
    coins: Annotated[
        Path | None, typer.Option("--coins", metavar="FILE", help="Coin table (CSVData_coin.csv).")
    ] = None,
    step: Annotated[
        str | None,
        typer.Option(
            "--step",
            metavar="SPAN",
            help="Step of the grid, such as 1min, 1h or 1d; stamps are floored to it. Default: "
            "5min, where the rows are about as dense.",
        ),
    ] = None,
    rejects: Annotated[
        Path | None,
        typer.Option(
            "--rejects",
            metavar="FILE",
            help="Where rejected rows go; default: rejects.csv beside the panel.",
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Read raw quotes, say what was rejected and why, and write a panel."""
    from statarb._core.progress import fraction
    from statarb.data.ingest.readers import ingest_summary, read_quotes
    from statarb.results.folder import claimed_file, sweep
    from statarb.results.schema import REJECTS

    if out.is_dir():
        raise ParameterError(
            f"--out must name the file to write, got the folder {out}; give "
            f"{out / 'market.parquet'}"
        )
    with claimed_file(out) as file, fraction("reading quotes") as progress:
        place = rejects or out.parent / REJECTS
        sweep(place.parent, place.name)
        panel = read_quotes(
            quotes,
            coins=coins,
            step=options.span_of(step or STEP),
            rejects=place,
            progress=progress,
        )
        if step is None:
            _require_dense(panel)
        panel.save(file)
    facts = {**panel.metadata["ingest"], "assets": len(panel.assets), "file": str(out)}
    options.show(f"{ingest_summary(panel)}\nwritten to {out}", facts, as_json)


def _require_dense(panel: Panel) -> None:
    """Refuse a grid that is far finer than the rows: nearly all of it would be missing."""
    import pandas as pd

    from statarb._core.time import step_text, usual_step

    usual = pd.Timedelta(usual_step(panel.times.to_numpy()))
    if len(panel.times) > 1 and usual > SPARSE * panel.step:
        raise DataError(
            f"the rows are usually {step_text(usual)} apart, so a grid of {step_text(panel.step)} "
            f"would be missing nearly everywhere; give the step, such as --step "
            f"{step_text(usual).replace(' ', '')} (or --step {STEP} for this grid)"
        )

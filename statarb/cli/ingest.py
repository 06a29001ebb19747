"""`statarb ingest`: raw quote files to a panel."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from statarb.errors import ParameterError


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
    rejects: Annotated[
        Path | None,
        typer.Option(
            "--rejects",
            metavar="FILE",
            help="Where rejected rows go; default: rejects.csv beside the panel.",
        ),
    ] = None,
) -> None:
    """Read raw quotes, say what was rejected and why, and write a panel."""
    from statarb._core.files import output_folder
    from statarb._core.progress import fraction
    from statarb.data.ingest.readers import ingest_summary, read_quotes

    if out.is_dir():
        raise ParameterError(
            f"--out must name the file to write, got the folder {out}; give "
            f"{out / 'market.parquet'}"
        )
    folder = output_folder(out.parent)
    with fraction("reading quotes") as progress:
        panel = read_quotes(
            quotes, coins=coins, rejects=rejects or folder / "rejects.csv", progress=progress
        )
    panel.save(out)
    typer.echo(ingest_summary(panel))
    typer.echo(f"written to {out}")

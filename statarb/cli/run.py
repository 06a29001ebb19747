"""`statarb run`: the full pipeline, from raw quotes to a league of scored investors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from statarb._core.case import CASE, DEPTH
from statarb.cli import options
from statarb.cli.options import RULES


def run(
    out: options.Out,
    quotes: Annotated[
        list[str] | None,
        typer.Option(
            "--quotes",
            metavar="QUOTES",
            help="Quote file, glob or folder; may be repeated. Default: the embedded market.",
        ),
    ] = None,
    coins: Annotated[
        Path | None, typer.Option("--coins", metavar="FILE", help="Coin table (CSVData_coin.csv).")
    ] = None,
    start: options.Start = CASE,
    end: options.End = None,
    depth: options.Depth = DEPTH,
    capital: options.Capital = RULES.capital,
    fee: options.Fee = RULES.fee,
    min_order: options.MinOrder = None,
    max_order: options.MaxOrder = None,
    numeraire: options.Numeraire = CASE,
    n_jobs: options.Jobs = -1,
    as_json: options.Json = False,
) -> None:
    """Ingest quotes, forecast, rank all investors with and without the execution delay, and write
    files and a report.
    """
    from statarb.pipelines.full import run_full

    result = run_full(
        out,
        quotes=quotes,
        coins=coins,
        rules=options.rules_of(capital, fee, min_order, max_order, numeraire),
        start=options.start_of(start),
        end=end,
        depth=depth,
        n_jobs=n_jobs,
        progress=True,
    )
    options.show(result.text, result.facts, as_json)

"""`statarb league`: many investors, ranked by G beside the rank by return."""

from __future__ import annotations

from typing import Annotated

import typer

from statarb.cli import options
from statarb.cli.options import RULES


def league(
    market: options.Market,
    out: options.Out,
    investors: Annotated[
        list[str] | None,
        typer.Option(
            "--investor", metavar="NAME", help="Registered name; may be repeated. Default: all."
        ),
    ] = None,
    grid: Annotated[
        list[str] | None,
        typer.Option(
            "--grid",
            metavar="NAME.PARAMETER=V,V,...",
            help="Values of a parameter to try; may be repeated for more parameters, of which "
            "every combination enters. "
            "Without --investor these alone run.",
        ),
    ] = None,
    decision_lags: Annotated[
        list[int] | None,
        typer.Option(
            "--decision-lag",
            help="May be repeated; 0 brings 1 along. Default: 1 and 0, side by side.",
        ),
    ] = None,
    start: options.Start = "2018-01-25",
    end: options.End = None,
    depth: options.Depth = 2016,
    capital: options.Capital = RULES.capital,
    fee: options.Fee = RULES.fee,
    min_order: options.MinOrder = None,
    max_order: options.MaxOrder = None,
    numeraire: options.Numeraire = str(RULES.numeraire),
    n_jobs: options.Jobs = -1,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Keep a checkpoint in DIR, and go on from the one that is there."
        ),
    ] = False,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster",
            metavar="ADDRESS",
            help="Scheduler of a Dask cluster, for example tcp://host:8786.",
        ),
    ] = None,
) -> None:
    """Run investors with and without the execution delay, rank them, and write league.csv."""
    from statarb.data.panel import Panel
    from statarb.pipelines.full import league_job

    rules = options.rules_of(capital, fee, min_order, max_order, numeraire)
    text = league_job(
        Panel.load(market),
        out,
        investors=investors,
        grid=options.grid_of(grid or []),
        decision_lags=decision_lags or (1, 0),
        rules=rules,
        start=options.start_of(start),
        end=end,
        depth=depth,
        n_jobs=n_jobs,
        resume=resume,
        cluster=cluster,
        progress=True,
    )
    typer.echo(text)

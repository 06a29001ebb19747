"""`statarb invest`: one investor through time."""

from __future__ import annotations

from typing import Annotated

import typer

from statarb.cli import options
from statarb.cli.options import RULES


def invest(
    market: options.Market,
    investor: Annotated[
        str,
        typer.Option("--investor", metavar="NAME", help="Registered name, for example lead_lag."),
    ],
    out: options.Out,
    decision_lag: Annotated[
        int,
        typer.Option(
            "--decision-lag",
            help="1: decided before the price at which it trades is known; 0: with that price.",
        ),
    ] = 1,
    start: options.Start = "2018-01-25",
    end: options.End = None,
    depth: options.Depth = 2016,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="A parameter of the investor; may be repeated."
        ),
    ] = None,
    capital: options.Capital = RULES.capital,
    fee: options.Fee = RULES.fee,
    min_order: options.MinOrder = None,
    max_order: options.MaxOrder = None,
    numeraire: options.Numeraire = str(RULES.numeraire),
    n_jobs: options.Jobs = 1,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Keep a checkpoint in DIR, and go on from the one that is there."
        ),
    ] = False,
) -> None:
    """Run one investor through time under the rules, and write what it earned."""
    from statarb._core.files import output_folder
    from statarb.data.panel import Panel
    from statarb.investors import make_investor
    from statarb.results.run_files import write_run
    from statarb.walk import walk_forward

    rules = options.rules_of(capital, fee, min_order, max_order, numeraire)
    chosen = make_investor(investor, **options.parameters_of(settings or []))
    panel = Panel.load(market)
    folder = output_folder(out)  # before the hours that a walk may take
    run = walk_forward(
        chosen,
        panel,
        rules,
        start=options.start_of(start),
        end=end,
        depth=depth,
        decision_lag=decision_lag,
        n_jobs=n_jobs,
        checkpoint=folder / "checkpoint" if resume else None,
        progress=True,
    )
    write_run(run, folder, panel)
    typer.echo(f"{run.summary()}\nwritten to {folder}")

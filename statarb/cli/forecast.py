"""`statarb forecast`: level 1, one-step forecasts of the test days, scored and written as the
competition wants.
"""

from __future__ import annotations

from typing import Annotated

import typer

from statarb.cli import options


def forecast(
    market: options.Market,
    out: options.Out,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="Registered name, or 'all' for a league; default: case_default, elsewhere default.",
        ),
    ] = None,
    days: Annotated[
        str | None,
        typer.Option(
            "--days",
            metavar="DAY,...",
            help="Test days; default: the competition's that lie in the data.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", metavar="NAME=VALUE", help="A parameter of the model; may be repeated."
        ),
    ] = None,
    shaped: Annotated[
        bool | None,
        typer.Option(
            "--shaped/--raw",
            help="Which forecasts the files hold; default: shaped for models named case_... alone.",
        ),
    ] = None,
    depth: options.Depth = 2016,
    refit_every: Annotated[
        int | None,
        typer.Option(
            "--refit-every",
            metavar="STEPS",
            help="Steps between fits; default: what the model asks for.",
        ),
    ] = None,
    n_jobs: options.Jobs = 1,
    seed: Annotated[int, typer.Option("--seed", help="Of the bootstrap of the league.")] = 0,
) -> None:
    """Forecast the test days one step ahead, score them, and write the files of level 1."""
    from statarb.data.panel import Panel
    from statarb.pipelines.level1 import write_level1

    place, summary = write_level1(
        Panel.load(market),
        out,
        model=model,
        days=None if days is None else [day.strip() for day in days.split(",") if day.strip()],
        parameters=options.parameters_of(settings or []),
        shaped=shaped,
        depth=depth,
        refit_every=refit_every,
        n_jobs=n_jobs,
        seed=seed,
        progress=True,
    )
    typer.echo(summary)
    typer.echo(f"written to {place}")

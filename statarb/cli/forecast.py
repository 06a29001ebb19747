"""`statarb forecast`: one-step forecasts of the test days, scored, in the competition's format."""

from __future__ import annotations

from typing import Annotated

import typer

from statarb._core.case import DEPTH
from statarb.cli import options


def forecast(
    market: options.Market,
    out: options.Out,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="NAME",
            help="Registered name, or 'all' for a league; by default case_default, or default.",
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
    settings: options.Settings = None,
    shaped: Annotated[
        bool | None,
        typer.Option(
            "--shaped/--raw",
            help="Which forecasts the files hold; default: shaped for models named case_... alone.",
        ),
    ] = None,
    depth: options.Depth = DEPTH,
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
    as_json: options.Json = False,
) -> None:
    """Forecast the test days one step ahead, score them, and write the competition's files."""
    from statarb.data.panel import Panel
    from statarb.pipelines.level1 import ForecastTask, write_forecast_task

    named = None if days is None else [day.strip() for day in days.split(",") if day.strip()]
    task = ForecastTask(
        model=model,
        parameters=options.parameters_of(settings or []),
        shaped=shaped,
        days=named,
        depth=depth,
        refit_every=refit_every,
        seed=seed,
    )
    done = write_forecast_task(Panel.load(market), out, task, n_jobs=n_jobs, progress=True)
    options.show(f"{done.text}\nwritten to {out}", done.facts, as_json)

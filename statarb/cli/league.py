"""`statarb league`: many investors, ranked by G beside the rank by return."""

from __future__ import annotations

from typing import Annotated

import typer

from statarb._core.case import CASE, DEPTH
from statarb.cli import options
from statarb.cli.options import RULES


def league(
    market: options.Market,
    out: options.Out,
    investors: Annotated[
        list[str] | None,
        typer.Option(
            "--investor",
            metavar="NAME|FILE.py:CLASS",
            help="Registered name, or a class of your own; may be repeated. Default: all names.",
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
    start: options.Start = CASE,
    end: options.End = None,
    depth: options.Depth = DEPTH,
    capital: options.Capital = RULES.capital,
    fee: options.Fee = RULES.fee,
    min_order: options.MinOrder = None,
    max_order: options.MaxOrder = None,
    numeraire: options.Numeraire = CASE,
    n_jobs: options.Jobs = -1,
    resume: options.Resume = False,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster",
            metavar="ADDRESS",
            help="Scheduler of a Dask cluster, for example tcp://host:8786.",
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Run investors with and without the execution delay, rank them, and write league.csv."""
    from statarb.cli.objects import is_object, load_investor
    from statarb.data.panel import Panel
    from statarb.pipelines.full import on_cluster, run_league_task

    panel = Panel.load(market)
    rules = options.rules_of(capital, fee, min_order, max_order, numeraire)
    rivals = [load_investor(word, {}) if is_object(word) else word for word in investors or ()]
    with on_cluster(cluster):
        result = run_league_task(
            panel,
            out,
            investors=rivals or None,
            grid=options.grid_of(grid or []),
            decision_lags=decision_lags or (1, 0),
            rules=rules,
            span=(options.start_of(start), end),
            depth=depth,
            n_jobs=n_jobs,
            resume=resume,
        )
    options.show(result.text, result.facts, as_json)

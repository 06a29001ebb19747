"""`statarb invest`: one investor through time."""

from __future__ import annotations

from typing import Annotated

import typer

from statarb._core.case import CASE, DEPTH
from statarb.cli import options
from statarb.cli.options import RULES


def invest(
    market: options.Market,
    investor: Annotated[
        str,
        typer.Option(
            "--investor",
            metavar="NAME|FILE.py:CLASS",
            help="Registered name, for example lead_lag, or a class of your own.",
        ),
    ],
    out: options.Out,
    decision_lag: Annotated[
        int,
        typer.Option(
            "--decision-lag",
            help="1: decided before the price at which it trades is known; 0: with that price.",
        ),
    ] = 1,
    start: options.Start = CASE,
    end: options.End = None,
    depth: options.Depth = DEPTH,
    settings: options.Settings = None,
    capital: options.Capital = RULES.capital,
    fee: options.Fee = RULES.fee,
    min_order: options.MinOrder = None,
    max_order: options.MaxOrder = None,
    numeraire: options.Numeraire = CASE,
    n_jobs: options.Jobs = 1,
    resume: options.Resume = False,
    as_json: options.Json = False,
) -> None:
    """Run one investor through time under the rules, and write what it earned."""
    from statarb.cli.objects import load_investor
    from statarb.data.panel import Panel
    from statarb.results.case import case_start, rules_for
    from statarb.results.folder import claimed
    from statarb.results.run_files import write_run
    from statarb.results.schema import CHECKPOINT, RUN
    from statarb.walk import walk_forward

    chosen = load_investor(investor, options.parameters_of(settings or []))
    panel = Panel.load(market)
    words = options.rules_of(capital, fee, min_order, max_order, numeraire)
    rules, limits = rules_for(panel, words)
    first, said = case_start(panel, options.start_of(start))
    with claimed(out, RUN) as folder:  # before the hours that a walk may take
        run = walk_forward(
            chosen,
            panel,
            rules,
            start=first,
            end=end,
            depth=depth,
            decision_lag=decision_lag,
            n_jobs=n_jobs,
            checkpoint=folder / CHECKPOINT if resume else None,
            progress=True,
        )
        write_run(run, folder, panel)
    lines = [said, limits, run.summary(), f"written to {folder}"]
    facts = {**run.metrics(), "folder": str(folder)}
    options.show("\n".join(line for line in lines if line), facts, as_json)

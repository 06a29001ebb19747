"""`statarb simulate`: a synthetic market, written as the quotes of the case are distributed."""

from __future__ import annotations

from typing import Annotated

import typer

from statarb.cli import options


def simulate(
    out: options.Out,
    assets: Annotated[
        int, typer.Option("--assets", help="Number of assets; the first 20 are those of level 1.")
    ] = 1678,
    days: Annotated[float, typer.Option("--days", help="Length of the market, in days.")] = 65.0,
    seed: Annotated[
        int, typer.Option("--seed", help="Seed; the same seed gives the same bytes.")
    ] = 0,
) -> None:
    """Simulate a market and write its quotes and coin table to DIR."""
    from statarb._core.files import output_folder
    from statarb.data.ingest.writers import write_quotes
    from statarb.data.synthetic.market import simulate_market

    folder = output_folder(out)
    panel = simulate_market(assets=assets, days=days, seed=seed)
    write_quotes(panel, folder)
    typer.echo(f"{panel!r}\nwritten to {folder}")

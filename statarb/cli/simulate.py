"""`statarb simulate`: a synthetic market, written as the quotes of the case are distributed."""

from __future__ import annotations

from typing import Annotated

import typer

from statarb.cli import options


def simulate(
    out: options.Out,
    assets: Annotated[
        int,
        typer.Option(
            "--assets", help="Number of assets; the first 20 have the ids of the case's twenty."
        ),
    ] = 1678,
    days: Annotated[float, typer.Option("--days", help="Length of the market, in days.")] = 65.0,
    seed: Annotated[
        int, typer.Option("--seed", help="Seed; the same seed gives the same bytes.")
    ] = 0,
    as_json: options.Json = False,
) -> None:
    """Simulate a market and write its quotes and coin table to DIR."""
    from statarb.data.ingest.writers import write_quotes
    from statarb.data.synthetic.market import simulate_market
    from statarb.results.folder import claimed

    with claimed(out) as folder, options.busy("simulating"):
        panel = simulate_market(assets=assets, days=days, seed=seed)
        write_quotes(panel, folder)
    facts = {
        "assets": len(panel.assets),
        "times": len(panel.grid),
        "quotes": int(panel.observed_array.sum()),
        "seed": seed,
        "folder": str(folder),
    }
    options.show(f"{panel!r}\nwritten to {folder}", facts, as_json)

"""`statarb simulate`: a synthetic market, written as the quotes of the case are distributed."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from statarb.cli import options

PLANTED = "planted.json"
"""What is planted in a control market, beside its quotes."""


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
    plant: Annotated[
        list[str] | None,
        typer.Option(
            "--plant",
            metavar="FAMILY[:NAME=VALUE,...]",
            help="Make a control market in which nothing can be predicted but this: pairs, "
            "diffusion, trend or volatility, for example pairs:half_life=24,groups=4; none: "
            "nothing. May be repeated. What is planted is written to planted.json.",
        ),
    ] = None,
    as_json: options.Json = False,
) -> None:
    """Simulate a market and write its quotes and coin table to DIR."""
    from statarb._core.files import write_json
    from statarb.data.ingest.writers import write_quotes
    from statarb.data.synthetic.market import simulate_market
    from statarb.results.folder import claimed

    chosen = [options.named_parameters_of(word) for word in plant] if plant else None
    with claimed(out) as folder, options.busy("simulating"):
        panel = simulate_market(assets=assets, days=days, seed=seed, plant=chosen)
        write_quotes(panel, folder)
        if plant:  # quotes as CSV carry no metadata
            write_json(folder / PLANTED, panel.metadata["planted"])
    facts: dict[str, Any] = {
        "assets": len(panel.assets),
        "times": len(panel.grid),
        "quotes": int(panel.observed_array.sum()),
        "seed": seed,
        "folder": str(folder),
    }
    if plant:
        facts["planted"] = [record["name"] for record in panel.metadata["planted"]]
    options.show(f"{panel!r}\nwritten to {folder}", facts, as_json)

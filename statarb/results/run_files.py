"""The files of one run of an investor."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl

from statarb._core.files import atomic_path, output_folder, write_json
from statarb._core.version import __version__
from statarb.data.panel import Panel
from statarb.results.portfolio_csv import write_portfolio
from statarb.rules import TradingRules
from statarb.walk import Run

__all__ = ["market_facts", "rules_facts", "symbol_facts", "write_run"]


def write_run(run: Run, folder: str | os.PathLike[str], panel: Panel | None = None) -> Path:
    """Write a run: weights, value, orders, time of each decision, failures and figures.

    Parameters
    ----------
    run : Run
        What :func:`statarb.walk_forward` returned.
    folder : path
        Made where it does not exist. Gets ``portfolio_sim.csv``, ``value.parquet``,
        ``orders.parquet``, ``utilisation.csv``, ``failures.csv``, ``metrics.json``, ``run.json``
        (version, rules, market) and, where orders are limited, ``limits.parquet`` (``time,
        min_order, max_order``, in USD), each written whole or not at all.
    panel : Panel, optional
        The market that it ran on: ``run.json`` then names its quote files, and the symbols of its
        assets.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    DataError
        Where the folder cannot be made or written to.
    """
    place = output_folder(folder)
    write_portfolio(run.replay, place / "portfolio_sim.csv")
    run.replay.save(place)
    utilisation = run.utilisation.rename_axis("time").reset_index()
    with atomic_path(place / "utilisation.csv") as temporary:
        pl.DataFrame(
            {
                "time": utilisation["time"].to_numpy(),
                "utilisation_percent": utilisation["utilisation_percent"].to_numpy(),
            }
        ).write_csv(temporary, datetime_format="%Y-%m-%d %H:%M:%S")
    with atomic_path(place / "failures.csv") as temporary:
        run.failures.to_csv(temporary, index=False)
    _write_limits(run, place / "limits.parquet")
    write_json(place / "metrics.json", run.metrics())
    about: dict[str, Any] = {
        "investor": run.investor,
        "statarb": __version__,
        "rules": rules_facts(run.rules),
    }
    about["market"] = market_facts(run.grid, run.assets, run.step, panel)
    about["symbols"] = symbol_facts(panel)
    write_json(place / "run.json", about)
    return place


def rules_facts(rules: TradingRules) -> dict[str, Any]:
    """Return the rules as plain numbers and words, by field.

    Parameters
    ----------
    rules : TradingRules
        Capital, fee and order limits.
    """
    facts = dataclasses.asdict(rules)
    numeraire = facts["numeraire"]
    facts["numeraire"] = (
        numeraire if numeraire is None or isinstance(numeraire, int) else str(numeraire)
    )
    return facts


def market_facts(
    grid: pd.DatetimeIndex, assets: pd.Index, step: pd.Timedelta, panel: Panel | None = None
) -> dict[str, Any]:
    """Return what market it was: assets, span and step of the grid, and the quote files where they
    are known.

    Parameters
    ----------
    grid : DatetimeIndex
        Times of the market.
    assets : Index
        Its assets.
    step : Timedelta
        Step of the grid.
    panel : Panel, optional
        The market itself.
    """
    facts: dict[str, Any] = {
        "assets": len(assets),
        "first": str(grid[0]),
        "last": str(grid[-1]),
        "step_minutes": float(step / pd.Timedelta(1, unit="min")),
    }
    if panel is not None:
        facts["quotes"] = int(panel.observed_array.sum())
        facts["files"] = [
            str(file["name"]) for file in panel.metadata.get("ingest", {}).get("files", [])
        ]
    return facts


def symbol_facts(panel: Panel | None) -> dict[str, str]:
    """Return the symbols by asset; none where the market is not given.

    Parameters
    ----------
    panel : Panel, optional
        The market.
    """
    return (
        {}
        if panel is None
        else {str(asset): str(symbol) for asset, symbol in panel.table["symbol"].items()}
    )


def _write_limits(run: Run, path: Path) -> None:
    """Write the order limits in USD; where there are none, take away those that an earlier run
    left.
    """
    if not run.rules.limited:
        path.unlink(missing_ok=True)
        return
    unit = run.replay.unit.to_numpy()
    with atomic_path(path) as temporary:
        pl.DataFrame(
            {
                "time": run.replay.times.to_numpy(),
                "min_order": run.rules.min_order * unit,
                "max_order": run.rules.max_order * unit,
            }
        ).write_parquet(temporary)

"""The files of a league."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import polars as pl

from statarb._core.files import atomic_path, output_folder, write_json
from statarb._core.version import __version__
from statarb.data.panel import Panel
from statarb.results.run_files import market_facts, rules_facts, symbol_facts
from statarb.walk.league import League

__all__ = ["write_league"]


def write_league(
    result: League, folder: str | os.PathLike[str], panel: Panel | None = None
) -> Path:
    """Write a league: its table, the path of the value of every run, and the reasons of decisions
    that could not be used.

    Parameters
    ----------
    result : League
        What :func:`statarb.walk.league.run_league` returned.
    folder : path
        Made where it does not exist. Gets ``league.csv`` (the table), ``league_values.parquet``
        (``time``, then a column a row of the table, ``"<investor>, lag <decision lag>"``, in USD),
        ``league_failures.csv`` (``investor, decision_lag, reason, count, first_time,
        first_message``) and ``league.json`` (version, rules, market, agreement of the two rankings,
        probability of overfitting), each written whole or not at all.
    panel : Panel, optional
        The market; gives the names of its quote files, and the symbols of its assets.

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
    with atomic_path(place / "league.csv") as temporary:
        result.table.to_csv(temporary, index=False)
    first = result.runs[0]
    values = {
        f"{run.investor}, lag {run.decision_lag}": run.replay.value.to_numpy()
        for run in result.runs
    }
    with atomic_path(place / "league_values.parquet") as temporary:
        pl.DataFrame({"time": first.replay.times.to_numpy(), **values}).write_parquet(temporary)
    with atomic_path(place / "league_failures.csv") as temporary:
        _failures(result).to_csv(temporary, index=False)
    write_json(
        place / "league.json",
        {
            "statarb": __version__,
            "rules": rules_facts(first.rules),
            "market": market_facts(first.grid, first.assets, first.step, panel),
            "symbols": symbol_facts(panel),
            "kendall_tau": result.agreement().to_dict(),
            "overfitting": result.overfitting.to_dict(),
        },
    )
    return place


def _failures(result: League) -> pd.DataFrame:
    """Count the failures of each run by reason, with the first of each."""
    rows = []
    for run in result.runs:
        for reason, group in run.failures.groupby("reason", sort=True):
            first = group.iloc[0]
            rows.append(
                (
                    run.investor,
                    run.decision_lag,
                    reason,
                    len(group),
                    str(first["time"]),
                    first["message"],
                )
            )
    return pd.DataFrame(
        rows, columns=["investor", "decision_lag", "reason", "count", "first_time", "first_message"]
    )

"""Files of a league: its table, the value of every run over time, and the failures by reason."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import polars as pl

from statarb._core.files import atomic_path
from statarb._core.version import __version__
from statarb.data.panel import Panel
from statarb.results import schema
from statarb.results.folder import replaced
from statarb.results.run_files import market_facts, rules_facts, symbol_facts, write_table
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
        (``time``, then a column a row of the table, ``"<investor>, lag <decision lag>"``, in the
        currency of the prices), ``league_failures.csv`` (``investor, decision_lag, reason, count,
        first_time, first_message``) and ``league.json`` (version, rules, market, agreement of the
        two rankings, probability of overfitting, why each held cash or kept its holdings, and the
        checksum of each of the others). They take the place of those of an earlier league all
        together or not at all.
    panel : Panel, optional
        The market; gives the names of its quote files, and the symbols of its assets.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    DataError
        Where the folder cannot be made or written to, or another run is writing to it.
    """
    first = result.runs[0]
    with replaced(folder, schema.LEAGUE) as staged:
        place = staged.folder
        write_table(result.table, place / schema.LEAGUE_TABLE)
        values = {
            schema.path_label(run.investor, run.decision_lag): run.replay.value.to_numpy()
            for run in result.runs
        }
        with atomic_path(place / schema.LEAGUE_VALUES) as temporary:
            times = first.replay.times.to_numpy(dtype="datetime64[us]")
            pl.DataFrame({schema.TIME: times, **values}).write_parquet(temporary)
        write_table(_failures(result), place / schema.LEAGUE_FAILURES)
        staged.about.update(
            statarb=__version__,
            rules=rules_facts(first.rules),
            market=market_facts(first.grid, first.assets, first.step, panel),
            symbols=symbol_facts(panel),
            kendall_tau=result.agreement().to_dict(),
            overfitting=result.overfitting.to_dict(),
            reasons={
                schema.path_label(run.investor, run.decision_lag): dict(run.decided.reasons)
                for run in result.runs
                if run.decided.reasons
            },
            left_out={
                schema.path_label(run.investor, run.decision_lag): dict(
                    run.decided.explanation.left_out
                )
                for run in result.runs
                if run.decided.explanation.left_out
            },
        )
    return Path(folder)


def _failures(result: League) -> pd.DataFrame:
    """Count the failures of each run by reason, with the first of each."""
    rows = []
    for run in result.runs:
        for reason, group in run.failures.groupby("reason", sort=True):
            first = group.iloc[0]
            found = (reason, len(group), str(first["time"]), first["message"])
            rows.append((run.investor, run.decision_lag, *found))
    return pd.DataFrame(rows, columns=list(schema.LEAGUE_FAILURE_COLUMNS))

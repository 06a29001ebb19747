"""The files of one run of an investor."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl

from statarb._files import atomic_path, output_folder, write_json
from statarb.submission.portfolio import write_portfolio
from statarb.walkforward import Run

__all__ = ["write_run"]


def write_run(run: Run, folder: str | os.PathLike[str]) -> Path:
    """Write a run: weights, value, orders, time of each decision, failures and figures.

    Parameters
    ----------
    run : Run
        What :func:`statarb.walk_forward` returned.
    folder : path
        Made where it does not exist. Gets ``portfolio_sim.csv``, ``value.parquet``, ``orders.parquet``, ``utilisation.csv``,
        ``failures.csv`` and ``metrics.json``, each written whole or not at all.

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
            {"time": utilisation["time"].to_numpy(), "utilisation_percent": utilisation["utilisation_percent"].to_numpy()}
        ).write_csv(temporary, datetime_format="%Y-%m-%d %H:%M:%S")
    with atomic_path(place / "failures.csv") as temporary:
        run.failures.to_csv(temporary, index=False)
    write_json(place / "metrics.json", run.metrics())
    return place

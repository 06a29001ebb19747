"""The main job: raw quotes in, a league of scored investors and the best one's files out."""

from __future__ import annotations

import os
from collections.abc import Sequence

import pandas as pd

from statarb._files import atomic_path, output_folder
from statarb._progress import fraction
from statarb._typing import TimeLike
from statarb.data.embedded import embedded_market
from statarb.data.readers import ingest_summary, read_quotes
from statarb.leagues import League, run_league
from statarb.rules import TradingRules
from statarb.submission.investment import write_run

__all__ = ["FIRST_LEAGUE", "main_job"]

FIRST_LEAGUE = ("cash", "hold", "equal_weight", "rebalanced", "momentum", "lead_lag")
"""Registered names of the investors that the main job runs."""


def main_job(
    out: str | os.PathLike[str],
    *,
    quotes: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] | None = None,
    coins: str | os.PathLike[str] | None = None,
    rules: TradingRules | None = None,
    start: TimeLike | None = "2018-01-25",
    end: TimeLike | None = None,
    depth: int = 2016,
    investors: Sequence[str] = FIRST_LEAGUE,
    n_jobs: int = -1,
    progress: bool = False,
) -> str:
    """Ingest quotes, run every investor at decision lags 1 and 0, rank them, and write the results.

    Parameters
    ----------
    out : path
        Folder; gets ``market.parquet``, ``rejects.csv``, ``league.csv`` and the files of the best investor by G at lag 1
        (see :func:`statarb.submission.write_run`).
    quotes, coins : path or sequence of paths, optional
        Quote files and coin table, see :func:`statarb.read_quotes`; by default the embedded market.
    rules : TradingRules, optional
        By default those of the case.
    start, end, depth
        See :func:`statarb.walk_forward`.
    investors : sequence of str
        Registered names.
    n_jobs : int
        Processes; -1 for one a core. The results do not depend on it.
    progress : bool
        Whether to show bars on a terminal.

    Returns
    -------
    str
        What was read, the league and where the files are, as text for a terminal.
    """
    folder = output_folder(out)
    if quotes is None:
        quotes, embedded_coins = embedded_market()
        coins = embedded_coins if coins is None else coins
    with fraction("reading quotes", show=progress) as bar:
        panel = read_quotes(quotes, coins=coins, rejects=folder / "rejects.csv", progress=bar)
    panel.save(folder / "market.parquet")
    result = run_league(investors, panel, rules, start=start, end=end, depth=depth, n_jobs=n_jobs, progress=progress)
    with atomic_path(folder / "league.csv") as temporary:
        result.table.to_csv(temporary, index=False)
    best = result.best(1)
    write_run(best, folder)
    return "\n".join([ingest_summary(panel), "", league_text(result), "", best.summary(), f"written to {folder}"])


def league_text(result: League) -> str:
    """Render a league as a table of text, lag 0 beside lag 1, with the agreement of the two rankings."""
    table = result.table
    shown = pd.DataFrame(
        {
            "investor": table["investor"],
            "lag": table["decision_lag"],
            "return": table["total_return"].map("{:+.2%}".format),
            "G": table["G"].map("{:,.1f}".format),
            "rank G": table["rank_G"],
            "rank return": table["rank_return"],
            "drawdown": table["maximum_drawdown"].map("{:.1%}".format),
            "fees": table["fees_paid"].map("{:,.0f}".format),
            "orders": table["orders"].map("{:,}".format),
            "failures": table["failures"],
            "U max %": table["utilisation_max_percent"].map("{:.4f}".format),
        }
    )
    lines = [shown.to_string(index=False)]
    for lag, tau in result.agreement().items():
        lines.append(f"Kendall's tau between the ranks by G and by return, lag {lag}: {tau:.2f}")
    if (table["decision_lag"] == 0).any():
        lines.append(
            "A decision at lag 0 trades at the very quote it was made from; at lag 1 it trades one step later. "
            "A gain that only the first has cannot be earned."
        )
    return "\n".join(lines)

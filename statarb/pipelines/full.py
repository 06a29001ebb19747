"""The main job: raw quotes in, a league of scored investors, the best one's files and a report
out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import joblib
import pandas as pd

from statarb._core.files import output_folder
from statarb._core.progress import fraction
from statarb._core.typing import TimeLike
from statarb.data.ingest.embedded import embedded_market
from statarb.data.ingest.readers import ingest_summary, read_quotes
from statarb.data.panel import Panel
from statarb.errors import DataError, ParameterError
from statarb.investors import INVESTORS
from statarb.pipelines.level1 import DAYS, write_level1
from statarb.report import write_report
from statarb.results.forecast_files import STEPS
from statarb.results.league_files import write_league
from statarb.results.run_files import write_run
from statarb.rules import TradingRules
from statarb.walk.league import Grid, League, run_league

__all__ = ["FIRST_LEAGUE", "league_job", "league_text", "run_full"]

FIRST_LEAGUE = ("cash", "buy_and_hold", "equal_weight_hold", "rebalanced", "momentum", "lead_lag")
"""Registered names of the investors that the main job runs."""


def run_full(
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
    """Ingest quotes, forecast the test days, run every investor at decision lags 1 and 0, rank
    them, and write the results.

    Parameters
    ----------
    out : path
        Folder; gets ``market.parquet``, ``rejects.csv``, the files of the league (``league.csv``;
        see :func:`statarb.results.league_files.write_league`), those of the best investor by G at
        lag 1 (see :func:`statarb.results.run_files.write_run`), ``report.html``, and in the folder
        ``forecast`` the files of level 1 (:func:`statarb.pipelines.level1.write_level1`): the
        default forecaster on the competition's days that lie in the data, or else on its last whole
        day.
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
    result = run_league(
        investors, panel, rules, start=start, end=end, depth=depth, n_jobs=n_jobs, progress=progress
    )
    write_league(result, folder, panel)
    best = result.best(1)
    write_run(best, folder, panel)
    level1 = _level1(panel, folder / "forecast", depth, n_jobs, progress)
    page = write_report(folder)
    parts = [
        ingest_summary(panel),
        level1,
        league_text(result),
        f"{best.summary()}\nwritten to {folder}\nreport: {page}",
    ]
    return "\n\n".join(parts)


def _level1(panel: Panel, folder: Path, depth: int, n_jobs: int, progress: bool) -> str:
    """Forecast the competition's days that lie in the data, or else its last whole day; say so
    where there is none.
    """
    first, last = panel.grid[0], panel.grid[-1]
    length = (STEPS - 1) * panel.step
    days = [day for day in DAYS if first < pd.Timestamp(day) and pd.Timestamp(day) + length <= last]
    if not days:
        days = [str((last - length).floor("D").date())]
    try:
        _, summary = write_level1(
            panel, folder, days=days, depth=depth, n_jobs=n_jobs, progress=progress
        )
    except DataError as error:
        return f"level 1 left out: {error}"
    return f"level 1, forecasts of {', '.join(days)}\n{summary}"


def league_job(
    panel: Panel,
    out: str | os.PathLike[str],
    *,
    investors: Sequence[str] | None = None,
    grid: Grid | None = None,
    decision_lags: Sequence[int] = (1, 0),
    rules: TradingRules | None = None,
    start: TimeLike | None = "2018-01-25",
    end: TimeLike | None = None,
    depth: int = 2016,
    n_jobs: int = -1,
    resume: bool = False,
    cluster: str | None = None,
    progress: bool = False,
) -> str:
    """Run a league, on this machine or on a Dask cluster, and write its files (``league.csv``).

    Parameters
    ----------
    panel : Panel
        The market.
    out : path
        Folder for the files, see :func:`statarb.results.league_files.write_league`.
    investors : sequence of str, optional
        Registered names; by default all that decide without hindsight, or with a grid those of the
        grid alone.
    grid, decision_lags, rules, start, end, depth
        See :func:`statarb.walk.league.run_league`.
    n_jobs : int
        Processes; -1 for one a core, or for all workers of the cluster.
    resume : bool
        Whether to keep a checkpoint in the folder, and to go on from the one that is there.
    cluster : str, optional
        Address of a Dask scheduler, ``tcp://host:port``. Its workers must see this machine's folder
        for temporary files.
    progress : bool
        Whether to show a bar on a terminal.

    Returns
    -------
    str
        The league as text for a terminal.

    Raises
    ------
    ParameterError
        The cluster does not answer, or the extra ``cluster`` is not installed.
    """
    folder = output_folder(out)
    rivals = (
        []
        if grid
        else sorted(
            name for name, made in INVESTORS.items() if not getattr(made, "hindsight", False)
        )
    )
    with _backend(cluster):
        result = run_league(
            investors or rivals,
            panel,
            rules,
            grid=grid,
            decision_lags=decision_lags,
            start=start,
            end=end,
            depth=depth,
            n_jobs=n_jobs,
            checkpoint=folder / "checkpoint" if resume else None,
            progress=progress,
        )
    write_league(result, folder, panel)
    return "\n".join([league_text(result), f"written to {folder / 'league.csv'}"])


@contextmanager
def _backend(cluster: str | None) -> Iterator[None]:
    """Choose joblib's backend: the machine's own, or a Dask cluster."""
    if cluster is None:
        yield
        return
    try:
        import distributed
    except ImportError as error:
        raise ParameterError(
            "a cluster needs the extra 'cluster': pip install 'statarb[cluster]'"
        ) from error
    try:
        client = distributed.Client(cluster, timeout=10)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise ParameterError(
            f"no Dask scheduler answers at {cluster!r}: {error}; give tcp://host:port"
        ) from error
    with client, joblib.parallel_config("dask"):
        yield


def league_text(result: League) -> str:
    """Render a league as two tables of text, lag 0 beside lag 1: what was earned at which risk and
    cost, and how sure that is.

    Parameters
    ----------
    result : League
        What :func:`statarb.walk.league.run_league` returned.
    """
    table = result.table
    rank = {name: table[f"rank_{name}"].astype("string").fillna("-") for name in ("G", "return")}
    names = table["investor"].where(~table["hindsight"], table["investor"] + " (hindsight)")
    earned = pd.DataFrame(
        {
            "investor": names,
            "lag": table["decision_lag"],
            "return": table["total_return"].map("{:+.2%}".format),
            "G": table["G"].map("{:,.1f}".format),
            "rank G": rank["G"],
            "rank return": rank["return"],
            "downside": table["downside"].map("{:.3%}".format),
            "drawdown": table["maximum_drawdown"].map("{:.1%}".format),
            "exposure": table["exposure"].map("{:.0%}".format),
            "turnover": table["turnover"].map("{:,.0f}".format),
            "fees": table["fees_paid"].map("{:,.0f}".format),
            "orders": table["orders"].map("{:,}".format),
            "dropped": table["orders_dropped"].map("{:,}".format),
            "failures": table["failures"],
            "U max %": table["utilisation_max_percent"].map("{:.4f}".format),
        }
    )
    lines = [earned.to_string(index=False)]
    if "G_low" in table:
        sure = pd.DataFrame(
            {"investor": names, "lag": table["decision_lag"], **uncertainty_columns(table)}
        )
        lines += ["", sure.to_string(index=False)]
    lines += ["", *_notes(result)]
    return "\n".join(lines)


def uncertainty_columns(table: pd.DataFrame) -> dict[str, pd.Series]:
    """Write intervals and probabilities; a dash where there is none (without a rank, or
    bankrupt).
    """
    ends = table[["G_low", "G_high", "rank_low", "rank_high"]].itertuples(index=False)
    written = [
        ("-", "-") if pd.isna(low) else (f"[{low:,.0f}, {high:,.0f}]", f"{best:.0f} to {worst:.0f}")
        for low, high, best, worst in ends
    ]
    shares = {
        "P(best)": "p_best",
        "deflated Sharpe": "deflated_sharpe",
        "confidence set p": "confidence_set_p",
    }
    return {
        "95 % of G": pd.Series([score for score, _ in written], index=table.index),
        "95 % of rank": pd.Series([rank for _, rank in written], index=table.index),
        **{
            title: table[name].map("{:.2f}".format, na_action="ignore").fillna("-")
            for title, name in shares.items()
        },
    }


def _notes(result: League) -> list[str]:
    """Say what the ranks agree on, how likely the best was luck, what failed, and what lag 0
    means.
    """
    table = result.table
    lines = []
    for lag, tau in result.agreement().dropna().sort_index(ascending=False).items():
        lines.append(f"Kendall's tau between the ranks by G and by return, lag {lag}: {tau:.2f}")
    for lag, share in result.overfitting.dropna().sort_index(ascending=False).items():
        lines.append(
            f"Probability of backtest overfitting when the best of these is chosen, lag {lag}: "
            f"{share:.2f}"
        )
    for name, lag, why in table[["investor", "decision_lag", "failure_reasons"]].itertuples(
        index=False
    ):
        if why:
            lines.append(f"{name} at lag {lag} could not decide at every step: {why}")
    if (table["decision_lag"] == 0).any():
        lines.append(
            "A decision at lag 0 trades at the very quote it was made from; at lag 1 it trades one "
            "step later. "
            "A gain that only the first has cannot be earned."
        )
    return lines

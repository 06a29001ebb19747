"""Full pipeline: raw quotes in; forecasts, ranked league, the best run's files and report out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import joblib
import pandas as pd

from statarb._core.case import CASE, DEPTH, STEPS
from statarb._core.progress import fraction
from statarb._core.typing import TimeLike
from statarb.data.ingest.embedded import embedded_market
from statarb.data.ingest.readers import ingest_summary, read_quotes
from statarb.data.panel import Panel
from statarb.errors import DataError, ParameterError
from statarb.investors.base import INVESTORS, Investor
from statarb.pipelines.level1 import ForecastTask, days_inside, write_forecast_task
from statarb.pipelines.market import write_market
from statarb.pipelines.outcome import Outcome
from statarb.report import write_report
from statarb.report.headline import league_table, uncertainty_table
from statarb.results import schema
from statarb.results.case import Rules, case_start, is_case, rules_for
from statarb.results.folder import claimed, sweep
from statarb.results.league_files import write_league
from statarb.results.run_files import write_run
from statarb.walk.league import Grid, League, run_league
from statarb.walk.run import Run

__all__ = ["FIRST_LEAGUE", "on_cluster", "run_full", "run_league_task"]

Files: TypeAlias = str | os.PathLike[str]
FIRST_LEAGUE = ("cash", "buy_and_hold", "equal_weight_hold", "rebalanced", "momentum", "lead_lag")
"""Registered names of the investors that the full pipeline runs."""


def run_full(
    out: Files,
    *,
    quotes: Files | Sequence[Files] | None = None,
    coins: Files | None = None,
    rules: Rules | None = None,
    start: TimeLike | None = CASE,
    end: TimeLike | None = None,
    depth: int = DEPTH,
    investors: Sequence[str] = FIRST_LEAGUE,
    n_jobs: int = -1,
    progress: bool = False,
) -> Outcome:
    """Ingest quotes, forecast the test days, run every investor at decision lags 1 and 0, rank
    them, study the market, and write the results.

    Parameters
    ----------
    out : path
        Folder; gets ``market.parquet``, ``rejects.csv``, the files of the league (``league.csv``;
        see :func:`statarb.results.league_files.write_league`), those of the best investor by G of
        those that traded at lag 1, or where nobody did of the best one (see
        :func:`statarb.results.run_files.write_run`), those of the market study
        (:func:`statarb.pipelines.market.write_market`), ``report.html``, and in the folder
        ``forecast`` the files of the forecasting task
        (:func:`statarb.pipelines.level1.write_forecast_task`): the default forecaster on the
        competition's days that lie in the data, or else on its last whole day.
    quotes, coins : path or sequence of paths, optional
        Quote files and coin table, see :func:`statarb.read_quotes`; by default the embedded market.
    rules : TradingRules or callable, optional
        Rules, or what makes them of the panel; by default those of the case where the panel holds
        its numeraire, else without order limits.
    start : time or None
        First decision; None for the panel's own; by default the case's where the panel holds its
        numeraire and that day, else the panel's own.
    end, depth
        See :func:`statarb.walk_forward`.
    investors : sequence of str
        Registered names.
    n_jobs : int
        Processes; -1 for one per core. The results do not depend on it.
    progress : bool
        Whether to show bars on a terminal.

    Returns
    -------
    Outcome
        What was read, the league, and where the files are.

    Raises
    ------
    DataError
        Quotes that cannot be read, or a folder that cannot be written to or that another run holds.
    """
    with claimed(out, schema.LEAGUE, schema.RUN, schema.MARKET_STUDY) as folder:
        sweep(folder, schema.MARKET, schema.REJECTS, schema.REPORT)
        if quotes is None:
            quotes, embedded_coins = embedded_market()
            coins = embedded_coins if coins is None else coins
        with fraction("reading quotes", show=progress) as bar:
            panel = read_quotes(quotes, coins=coins, rejects=folder / schema.REJECTS, progress=bar)
        panel.save(folder / schema.MARKET)
        first, said = case_start(panel, start)
        rules, said_rules = rules_for(panel, rules)
        result = run_league(
            investors,
            panel,
            rules,
            start=first,
            end=end,
            depth=depth,
            n_jobs=n_jobs,
            progress=progress,
        )
        write_league(result, folder, panel)
        best, traded = result.best(1), result.best_traded(1)
        shown = best if traded is None else traded
        write_run(shown, folder, panel)
        write_market(panel, folder, n_jobs=n_jobs)
        forecasts = _forecasts(panel, folder / "forecast", depth, n_jobs, progress)
        page = write_report(folder)
    notes = "\n".join(line for line in (said, said_rules) if line)
    parts = [
        ingest_summary(panel),
        forecasts.text,
        notes,
        league_text(result),
        f"{_about_run(best, traded)}\n{shown.summary()}\nwritten to {folder}\nreport: {page}",
    ]
    facts = {
        "folder": str(folder),
        "report": str(page),
        "forecasts": forecasts.facts,
        "best": best.metrics(),
        "best_traded": None if traded is None else traded.metrics(),
        **league_facts(result),
    }
    return Outcome("\n\n".join(part for part in parts if part), facts)


def _about_run(best: Run, traded: Run | None) -> str:
    """Say which run the files are of."""
    if traded is None:
        return f"nobody traded at lag 1: the files are of {best.investor}, the best by G"
    return f"best by G at lag 1: {best.investor}; of those that traded: {traded.investor}"


def _forecasts(panel: Panel, folder: Path, depth: int, n_jobs: int, progress: bool) -> Outcome:
    """Forecast the competition's days that lie in the data, or else its last whole day; say so
    where there is none.
    """
    days = days_inside(panel)
    if not days:
        last = pd.Timestamp(panel.grid_array[-1])
        days = [str((last - (STEPS - 1) * panel.step).floor("D").date())]
    try:
        task = ForecastTask(days=tuple(days), depth=depth)
        done = write_forecast_task(panel, folder, task, n_jobs=n_jobs, progress=progress)
    except DataError as error:
        return Outcome(f"forecasts left out: {error}", {"left_out": str(error)})
    return Outcome(f"forecasts of {', '.join(days)}\n{done.text}", done.facts)


def run_league_task(
    panel: Panel,
    out: Files,
    *,
    investors: Sequence[Investor | str] | Mapping[str, Any] | None = None,
    grid: Grid | None = None,
    decision_lags: Sequence[int] = (1, 0),
    rules: Rules | None = None,
    span: tuple[TimeLike | None, TimeLike | None] = (CASE, None),
    depth: int = DEPTH,
    n_jobs: int = -1,
    resume: bool = False,
) -> Outcome:
    """Run a league and write its files (``league.csv``); with bars on a terminal.

    Parameters
    ----------
    panel : Panel
        The market.
    out : path
        Folder for the files, see :func:`statarb.results.league_files.write_league`.
    investors : sequence of Investor or str, or mapping, optional
        Investors or registered names; by default all registered ones that decide without
        hindsight, or with a grid those of the grid alone.
    grid, decision_lags, depth
        See :func:`statarb.walk.league.run_league`.
    rules, span
        Rules, first and last decision; by default as in :func:`run_full`.
    n_jobs : int
        Processes; -1 for one per core, or for all workers of a cluster (:func:`on_cluster`).
    resume : bool
        Whether to keep a checkpoint in the folder, and to go on from the one that is there.

    Returns
    -------
    Outcome
        The league.

    Raises
    ------
    DataError
        A folder that cannot be written to or that another run holds.
    """
    if investors is None:
        investors = (
            []
            if grid
            else sorted(
                name for name, made in INVESTORS.items() if not getattr(made, "hindsight", False)
            )
        )
    start, said = case_start(panel, span[0])
    rules, said_rules = rules_for(panel, rules)
    with claimed(out, schema.LEAGUE) as folder:
        result = run_league(
            investors,
            panel,
            rules,
            grid=grid,
            decision_lags=decision_lags,
            start=start,
            end=span[1],
            depth=depth,
            n_jobs=n_jobs,
            checkpoint=folder / schema.CHECKPOINT if resume else None,
            progress=True,
        )
        write_league(result, folder, panel)
    lines = [said, said_rules, league_text(result), f"written to {folder / schema.LEAGUE_TABLE}"]
    return Outcome(
        "\n".join(line for line in lines if line), {"folder": str(folder), **league_facts(result)}
    )


@contextlib.contextmanager
def on_cluster(address: str | None) -> Iterator[None]:
    """Run joblib's tasks on a Dask cluster; on this machine where there is no address.

    Parameters
    ----------
    address : str or None
        Of the scheduler, ``tcp://host:port``. Its workers must see this machine's folder for
        temporary files.

    Raises
    ------
    ParameterError
        The cluster does not answer, or the extra ``cluster`` is not installed.
    """
    if address is None:
        yield
        return
    try:
        import distributed
    except ImportError as error:
        raise ParameterError(
            "a cluster needs the extra 'cluster': pip install 'statarb[cluster]'"
        ) from error
    try:
        client = distributed.Client(address, timeout=10)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise ParameterError(
            f"no Dask scheduler answers at {address!r}: {error}; give tcp://host:port"
        ) from error
    with client, joblib.parallel_config("dask"):
        yield


def league_text(result: League) -> str:
    """Render a league as text: results with lag 0 below lag 1, uncertainty, agreement, failures.

    Parameters
    ----------
    result : League
        What :func:`statarb.walk.league.run_league` returned.

    Returns
    -------
    str
        The tables are those of the report.
    """
    first = result.runs[0]
    currency = schema.CASH if is_case(first.assets, first.step) else ""
    tables = [league_table(result.table, currency=currency), uncertainty_table(result.table)]
    return "\n\n".join([*(table.text() for table in tables if table), "\n".join(_notes(result))])


def league_facts(result: League) -> dict[str, Any]:
    """Return a league as plain values: rows of the table, agreement, probability of overfitting.

    Parameters
    ----------
    result : League
        What :func:`statarb.walk.league.run_league` returned.

    Returns
    -------
    dict
    """
    rows = result.table.astype(object).where(result.table.notna(), None)
    return {
        "league": [{str(key): row[key] for key in row} for row in rows.to_dict("records")],
        "kendall_tau": result.agreement().to_dict(),
        "overfitting": result.overfitting.to_dict(),
    }


def _notes(result: League) -> list[str]:
    """State agreement of the rankings, probability of overfitting, failures, what was left out, and
    what lag 0 is.
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
    lines += [
        f"{run.investor} at lag {run.decision_lag}: {what} ({count:,} times)"
        for run in result.runs
        for what, count in run.decided.explanation.left_out
    ]
    if (pd.to_numeric(table["decision_lag"]) == 0).any():
        lines.append(
            "A decision at lag 0 trades at the very quote it was made from; at lag 1 it trades one "
            "step later. "
            "A gain that only the first has cannot be earned."
        )
    return lines

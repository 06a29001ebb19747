"""League: many investors on one market, ranked by G beside the rank by return."""

from __future__ import annotations

import dataclasses
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TypeAlias

import cloudpickle
import joblib
import numpy as np
import pandas as pd

from statarb._core.checks import check_choice, check_integer, check_jobs, check_panel
from statarb._core.numeric import kendall_tau
from statarb._core.progress import track
from statarb._core.typing import TimeLike
from statarb.backtest.uncertainty import (
    bootstrap_scores,
    deflated_sharpe_ratio,
    model_confidence_set,
    probability_of_backtest_overfitting,
)
from statarb.data.panel import Panel
from statarb.data.shared_memory import SharedPanel, shared
from statarb.errors import ParameterError
from statarb.investors.base import INVESTORS, Investor, make_investor
from statarb.investors.benchmarks.baselines import Cash
from statarb.investors.grid import parameter_grid
from statarb.rules import TradingRules
from statarb.walk.forward import decide_all, first_possible
from statarb.walk.processes import end_with, named_failures, terminable
from statarb.walk.run import Decided, Run
from statarb.walk.settings import DEPTH, WalkSettings

__all__ = ["League", "league", "run_league"]

Entrants: TypeAlias = Iterable[Investor | str] | Mapping[str, Any]
Grid: TypeAlias = Mapping[str, Mapping[str, Iterable[Any]]]

SPLITS = 16
"""Blocks of the cross-validation that estimates overfitting."""
FIRST = ("investor", "decision_lag", "G", "total_return", "rank_G", "rank_return")


@dataclasses.dataclass(frozen=True, eq=False)
class League:
    """All runs of a league, and their table.

    Parameters
    ----------
    runs : tuple of Run
        One an investor and decision lag, in the order of the table.
    table : DataFrame
        Ranked by G at the largest decision lag; the rows of one investor are neighbours, so that no
        result at lag 0 is seen without its delayed counterpart. ``rank_G`` and ``rank_return``
        count among the rivals at the same lag: an investor in hindsight, or one that never made a
        usable decision, has no rank, and one that went bankrupt ranks below all others. ``G_low``
        to ``rank_high`` are 95 % intervals of the stationary bootstrap (``rank_low`` and
        ``rank_high`` a confidence set of the rank by G that covers under ties),
        ``p_best`` the probability of the largest G, ``deflated_sharpe`` the probability of skill
        after all that was tried at that lag,
        ``confidence_set_p`` the p-value of the model confidence set
        (:mod:`statarb.backtest.uncertainty`); NaN for an investor without a rank, or that went
        bankrupt. ``failure_reasons`` says how many decisions failed and why.
    overfitting : Series
        Probability, by decision lag, that the investor with the best G on one half of the time has
        a G below the median on the other
        (:func:`~statarb.backtest.uncertainty.probability_of_backtest_overfitting`).
    """

    runs: tuple[Run, ...]
    table: pd.DataFrame
    overfitting: pd.Series

    def best(self, decision_lag: int | None = None) -> Run:
        """Return the run with the largest G at a lag, by default the largest one."""
        lags = [run.decision_lag for run in self.runs]
        wanted = max(lags) if decision_lag is None else decision_lag
        check_choice("decision_lag", wanted, sorted(set(lags)))
        row = self.table.index[
            (self.table["decision_lag"] == wanted) & (self.table["rank_G"] == 1).fillna(False)
        ]
        if len(row) == 0:
            raise ParameterError(
                f"no investor of the league could decide; at lag {wanted}: "
                f"{self.table['failure_reasons'][0]}"
            )
        return self.runs[int(row[0])]

    def best_traded(self, decision_lag: int | None = None) -> Run | None:
        """Return the run with the largest G at a lag, by default the largest one, among the ranked
        ones that executed an order; None where there is none.
        """
        lags = [run.decision_lag for run in self.runs]
        wanted = max(lags) if decision_lag is None else decision_lag
        check_choice("decision_lag", wanted, sorted(set(lags)))
        ranks = self.table["rank_G"].to_numpy(dtype=np.float64, na_value=np.nan)
        traded = [
            (ranks[row], row)
            for row, run in enumerate(self.runs)
            if run.decision_lag == wanted
            and not np.isnan(ranks[row])
            and run.replay.orders_executed > 0
        ]
        return self.runs[min(traded)[1]] if traded else None

    def agreement(self) -> pd.Series:
        """Kendall's tau-b between the ranking by G and the ranking by return alone, by decision
        lag; NaN for fewer than two.
        """
        found = {}
        for lag, rows in self.table.groupby("decision_lag"):
            ranks = rows[["rank_G", "rank_return"]].to_numpy(dtype=np.float64, na_value=np.nan)
            found[lag] = kendall_tau(*ranks.T)
        return pd.Series(found, name="kendall_tau").rename_axis("decision_lag")


def league(
    investors: Entrants,
    panel: Panel,
    rules: TradingRules | None = None,
    *,
    grid: Grid | None = None,
    **options: Any,
) -> pd.DataFrame:
    """Rank investors by G, beside their rank by return alone.

    Parameters
    ----------
    investors : iterable of Investor or str, or mapping of names to them
        Investors, or registered names.
    panel : Panel
        The market.
    rules : TradingRules, optional
        Capital, fee and order limits; by default those of the case.
    grid : mapping, optional
        Values to try by investor and parameter, as ``{"lead_lag": {"entry": [0.002, 0.0025], "cap":
        [0.1, 0.2]}}``.
    **options
        See :func:`run_league`, which also returns the runs.

    Returns
    -------
    DataFrame
        Columns ``investor, decision_lag, G, total_return, rank_G, rank_return`` and further figures
        of each run.

    Examples
    --------
    >>> grid = {"momentum": {"top": [1, 3], "every": [72, 288]}}
    >>> sa.league(["cash"], panel, grid=grid, n_jobs=-1)  # doctest: +SKIP
    """
    return run_league(investors, panel, rules, grid=grid, **options).table


def run_league(
    investors: Entrants,
    panel: Panel,
    rules: TradingRules | None = None,
    *,
    grid: Grid | None = None,
    decision_lags: int | Sequence[int] = (1, 0),
    start: TimeLike | None = None,
    end: TimeLike | None = None,
    depth: int | None = DEPTH,
    draws: int = 1000,
    seed: int = 0,
    n_jobs: int = 1,
    checkpoint: str | Path | None = None,
    progress: bool = False,
) -> League:
    """Walk every investor through the market at every decision lag, and rank them.

    Parameters
    ----------
    investors : iterable of Investor or str, or mapping of names to them
        Investors, or registered names. Names must differ; a mapping gives them names of your own,
        and takes what :func:`~statarb.investors.parameter_grid` returns.
    panel : Panel
        The market.
    rules : TradingRules, optional
        Capital, fee and order limits; by default those of the case.
    grid : mapping, optional
        Values to try by investor and parameter, as ``{"lead_lag": {"entry": [0.002, 0.0025], "cap":
        [0.1, 0.2]}}``: every combination enters, each under a name that says which, in place of the
        investor of that name, or beside the others where none has it. All of them count as trials
        in the deflated Sharpe ratio, the probability of overfitting and the probability of being
        best.
    decision_lags : int or sequence of int
        Lags at which each of them is run. 0 brings 1 along: no result at lag 0 stands without its
        delayed counterpart.
    start, end, depth
        See :func:`~statarb.walk.walk_forward`.
    draws, seed : int
        Bootstrap draws for the uncertainty of the table (0: none), and their seed.
    n_jobs : int
        Processes, through joblib's current backend; the table does not depend on it.
    checkpoint : path, optional
        Folder in which finished blocks of every run are kept; a league that was killed goes on from
        there. Every investor, parameter and lag has blocks of its own.
    progress : bool
        Whether to show a bar on a terminal.

    Returns
    -------
    League
        Runs and table. An investor that cannot be run at all (its copy, its parameters or its
        checkpoint fail) stands in it as one whose every decision failed, with the reason; the rest
        are ranked without it.

    Raises
    ------
    ParameterError
        No investor, two of the same name, an unknown name or parameter, or no decision lag.
    """
    rules = TradingRules() if rules is None else rules
    check_panel(panel)
    entered = _entered(investors, grid)
    given = [decision_lags] if isinstance(decision_lags, int) else decision_lags
    lags = {check_integer("decision_lags", lag, at_least=0) for lag in given}
    if not lags:
        raise ParameterError("decision_lags must hold at least one lag, got none")
    descending = sorted(lags | ({1} if 0 in lags else set()), reverse=True)
    draws, n_jobs = check_integer("draws", draws, at_least=0), check_jobs(n_jobs)
    # the first decision that is possible at every lag, so that all runs have the same span
    settings = first_possible(panel, rules, WalkSettings(start, end, depth, descending[0]))
    tasks = [(name, one, lag) for name, one in entered.items() for lag in descending]
    with terminable(), named_failures(checkpoint is not None):
        decided = _walk_all(tasks, panel, rules, settings, checkpoint, n_jobs, progress)
    runs = [Run.replayed(one, panel, rules) for one in decided]
    return _ranked(runs, descending, draws, seed)


def _entered(investors: Entrants, grid: Grid | None) -> dict[str, Any]:
    """Return the investors by name, the points of a grid in place of the investor that it is of."""
    if isinstance(investors, str):
        raise ParameterError(f"investors must be a list, got {investors!r}; give [{investors!r}]")
    if not isinstance(investors, Iterable):
        raise ParameterError(
            f"investors must be a list, got one {type(investors).__name__}; give it in brackets"
        )
    named = (
        investors.items() if isinstance(investors, Mapping) else ((None, one) for one in investors)
    )
    grids = dict(grid or {})
    pairs: list[tuple[str, Any]] = []
    for label, given in named:
        one = make_investor(given) if isinstance(given, str) else given
        if isinstance(one, type) or not (hasattr(one, "decide") and hasattr(one, "name")):
            raise ParameterError(
                f"investors must have a name and decide(window, holdings), got {one!r}"
            )
        name = str(one.name if label is None else label)
        pairs += (
            parameter_grid(one, **_values(name, grids.pop(name))).items()
            if name in grids
            else [(name, one)]
        )
    for name, values in grids.items():
        if name not in INVESTORS:
            check_choice("grid", name, [*(name for name, _ in pairs), *sorted(INVESTORS)])
        pairs += parameter_grid(name, **_values(name, values)).items()
    if not pairs:
        raise ParameterError("investors must name at least one investor, got none")
    names = [name for name, _ in pairs]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ParameterError(
            f"the names of investors must differ, got {twice!r} twice; give one of them another "
            "name in a mapping of names to "
            "investors"
        )
    return dict(pairs)


def _values(name: str, values: Any) -> Mapping[str, Iterable[Any]]:
    if not isinstance(values, Mapping):
        raise ParameterError(
            f"grid must map {name!r} to its parameters and their values, got {values!r}"
        )
    return values


def _walk_all(
    tasks: Sequence[tuple[str, Any, int]],
    panel: Panel,
    rules: TradingRules,
    settings: WalkSettings,
    checkpoint: str | Path | None,
    n_jobs: int,
    progress: bool,
) -> list[Decided]:
    """Walk in parallel; what cannot be sent to another process is run in this one. Results in the
    order of the tasks.
    """
    alone = joblib.effective_n_jobs(n_jobs) == 1
    whole = {
        name: alone or _can_be_sent(name, one)
        for name, one in {name: one for name, one, _ in tasks}.items()
    }
    sent = [place for place, (name, _, _) in enumerate(tasks) if whole[name]]
    kept = [place for place in range(len(tasks)) if place not in set(sent)]
    with nullcontext(panel) if alone else shared(panel) as market:
        calls = [
            joblib.delayed(_one)(*tasks[place], market, rules, settings, checkpoint, os.getpid())
            for place in sent
        ]
        runner = joblib.Parallel(n_jobs=n_jobs, return_as="generator")
        found = list(track(runner(calls), "league", total=len(calls), show=progress))
    found += [_one(*tasks[place], panel, rules, settings, checkpoint) for place in kept]
    return [found[place] for place in np.argsort([*sent, *kept], kind="stable")]


def _can_be_sent(name: str, investor: Any) -> bool:
    try:
        cloudpickle.dumps(investor)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 - the boundary to other people's code: shown, and run in this process instead
        warnings.warn(
            f"{name} cannot be sent to workers and runs in this process ({error})", stacklevel=2
        )
        return False
    return True


def _one(
    name: str,
    investor: Any,
    lag: int,
    market: Panel | SharedPanel,
    rules: TradingRules,
    settings: WalkSettings,
    checkpoint: str | Path | None,
    parent: int = -1,
) -> Decided:
    """Walk one investor; where not even its walk can be made, return one whose every decision
    failed.
    """
    end_with(parent)
    panel = market.open() if isinstance(market, SharedPanel) else market
    settings = dataclasses.replace(settings, decision_lag=lag)
    try:
        decided = decide_all(investor, panel, rules, settings, checkpoint=checkpoint)
    except MemoryError:  # says something about the machine, nothing about the investor
        raise
    except Exception as error:  # noqa: BLE001 - the boundary to other people's code: counted at every step, kept, shown
        # raises where the market is at fault
        in_cash = decide_all(Cash(), panel, rules, settings, checkpoint=checkpoint)
        grid, message = panel.grid, f"{type(error).__name__}: {error}"
        failures = tuple((grid[step], "exception", message) for step in in_cash.span)
        return dataclasses.replace(in_cash, investor=name, failures=failures)
    return dataclasses.replace(decided, investor=name)


def _ranked(runs: list[Run], lags: list[int], draws: int, seed: int) -> League:
    """Rank the rivals within each lag; put the rows of one investor together, in the order of G at
    the largest lag.
    """
    table = pd.DataFrame([run.metrics() for run in runs])
    table["failure_reasons"] = [_reasons(run) for run in runs]
    rivals = pd.Series([not (run.decided.hindsight or _never_decided(run)) for run in runs])
    # ruin is an infinite downside: a G of -1/inf
    solvent = pd.Series([bool((run.replay.value > 0.0).all()) for run in runs])
    for rank, score in (
        ("rank_G", table["G"].where(solvent, -np.inf)),
        ("rank_return", table["total_return"]),
    ):
        ranks = (
            score.where(rivals).groupby(table["decision_lag"]).rank(method="min", ascending=False)
        )
        table[rank] = ranks.astype("int64" if rivals.all() else "Int64")
    overfitting = {}
    for lag in lags:
        tried = [row for row, run in enumerate(runs) if run.decision_lag == lag and rivals[row]]
        rows = [row for row in tried if solvent[row]]
        returns = pd.DataFrame(
            {row: np.diff(np.log(runs[row].replay.value.to_numpy())) for row in rows}
        )
        overfitting[lag] = float("nan")
        if draws == 0 or len(rows) == 0 or len(returns) < SPLITS:
            continue
        drawn = bootstrap_scores(returns, draws=draws, seed=seed)
        sure = drawn.summary()
        sure["deflated_sharpe"] = deflated_sharpe_ratio(returns, others=len(tried) - len(rows))
        sure["confidence_set_p"] = model_confidence_set(
            returns, block=drawn.block, draws=draws, seed=seed
        )
        overfitting[lag] = probability_of_backtest_overfitting(returns, splits=SPLITS, measure="G")
        for name in sure:
            table.loc[rows, name] = sure[name].astype(float)
    last = len(runs) + 1
    place = {
        run.investor: rank
        for run, rank in zip(runs, table["rank_G"].fillna(last), strict=True)
        if run.decision_lag == lags[0]
    }
    order = sorted(
        range(len(runs)),
        key=lambda row: (place[runs[row].investor], runs[row].investor, -runs[row].decision_lag),
    )
    rest = [
        column
        for column in table.columns
        if column not in [*FIRST, "orders_by_reason", "failures_by_reason", "reasons", "left_out"]
    ]
    ordered = table.iloc[order][[*FIRST, *rest]].reset_index(drop=True)
    return League(
        tuple(runs[row] for row in order), ordered, pd.Series(overfitting, name="overfitting")
    )


def _never_decided(run: Run) -> bool:
    """Whether every decision that was asked for failed: what such a run shows is not its
    investor's.
    """
    asked = int((run.decided.seconds > 0.0).sum())
    return len(run.decided.failures) >= max(1, asked)


def _reasons(run: Run) -> str:
    """Say how many decisions failed for which reason, and with which words the first of them."""
    found: dict[str, list[str]] = {}
    for _, reason, message in run.decided.failures:
        found.setdefault(reason, []).append(message)
    return "; ".join(
        f"{len(messages)} x {reason}, the first: {messages[0]}"
        for reason, messages in found.items()
    )

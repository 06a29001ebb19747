"""League: many investors on one market, ranked by G beside the rank by return."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from typing import Any

import joblib
import numpy as np
import pandas as pd
from scipy import stats

from statarb._checks import check_integer, check_jobs, check_panel
from statarb._progress import track
from statarb._typing import TimeLike
from statarb.backtest.uncertainty import (
    bootstrap_scores,
    deflated_sharpe_ratio,
    model_confidence_set,
    probability_of_backtest_overfitting,
)
from statarb.data.panel import Panel
from statarb.data.shared import SharedPanel, shared
from statarb.errors import ParameterError
from statarb.investors.base import Investor, make_investor
from statarb.rules import TradingRules
from statarb.walkforward.run import Decided, Run
from statarb.walkforward.walk import decide_all

__all__ = ["League", "league", "run_league"]

SPLITS = 16
"""Blocks of the cross-validation that estimates overfitting."""


@dataclasses.dataclass(frozen=True, eq=False)
class League:
    """All runs of a league, and their table.

    Parameters
    ----------
    runs : tuple of Run
        One an investor and decision lag, in the order of the table.
    table : DataFrame
        Ranked by G at the largest decision lag; the rows of one investor stand together, so that no result at lag 0 is seen
        without its twin. ``rank_G`` and ``rank_return`` count among the rows of the same lag. ``G_low`` to ``rank_high`` are
        95 % intervals of the stationary bootstrap, ``p_best`` the probability of the largest G, ``deflated_sharpe`` the
        probability of skill after all that was tried, ``confidence_set_p`` the p-value of the model confidence set
        (:mod:`statarb.backtest.uncertainty`); NaN for an investor that went bankrupt.
    overfitting : Series
        Probability of backtest overfitting by decision lag.
    """

    runs: tuple[Run, ...]
    table: pd.DataFrame
    overfitting: pd.Series

    def best(self, decision_lag: int | None = None) -> Run:
        """Return the run with the largest G at a lag, by default the largest one."""
        lags = [run.decision_lag for run in self.runs]
        wanted = max(lags) if decision_lag is None else decision_lag
        row = self.table.index[(self.table["decision_lag"] == wanted) & (self.table["rank_G"] == 1)]
        if len(row) == 0:
            raise ParameterError(f"decision_lag must be one of {sorted(set(lags))}, got {decision_lag!r}")
        return self.runs[int(row[0])]

    def agreement(self) -> pd.Series:
        """Kendall's tau-b between the ranking by G and the ranking by return alone, by decision lag; NaN for fewer than two."""
        found = {}
        for lag, rows in self.table.groupby("decision_lag"):
            found[lag] = stats.kendalltau(rows["rank_G"], rows["rank_return"]).statistic if len(rows) > 1 else float("nan")
        return pd.Series(found, name="kendall_tau").rename_axis("decision_lag")


def league(
    investors: Iterable[Investor | str], panel: Panel, rules: TradingRules | None = None, **options: Any
) -> pd.DataFrame:
    """Rank investors by G, beside their rank by return alone.

    Parameters
    ----------
    investors : iterable of Investor or str
        Investors, or registered names.
    panel : Panel
        The market.
    rules : TradingRules, optional
        Capital, fee and order limits; by default those of the case.
    **options
        See :func:`run_league`, which also returns the runs.

    Returns
    -------
    DataFrame
        Columns ``investor, decision_lag, G, total_return, rank_G, rank_return`` and further figures of each run.
    """
    return run_league(investors, panel, rules, **options).table


def run_league(
    investors: Iterable[Investor | str],
    panel: Panel,
    rules: TradingRules | None = None,
    *,
    decision_lags: Sequence[int] = (1, 0),
    start: TimeLike | None = "2018-01-25",
    end: TimeLike | None = None,
    depth: int | None = 2016,
    draws: int = 1000,
    seed: int = 0,
    n_jobs: int = 1,
    progress: bool = False,
) -> League:
    """Walk every investor through the market at every decision lag, and rank them.

    Parameters
    ----------
    investors : iterable of Investor or str
        Investors, or registered names. Names must differ.
    panel : Panel
        The market.
    rules : TradingRules, optional
        Capital, fee and order limits; by default those of the case.
    decision_lags : sequence of int
        Lags at which each of them is run.
    start, end, depth
        See :func:`~statarb.walkforward.walk_forward`.
    draws, seed : int
        Bootstrap draws for the uncertainty of the table (0: none), and their seed.
    n_jobs : int
        Processes, through joblib's current backend; the table does not depend on it.
    progress : bool
        Whether to show a bar on a terminal.

    Returns
    -------
    League
        Runs and table.

    Raises
    ------
    ParameterError
        No investor, two of the same name, an unknown name, or no decision lag.
    """
    rules = TradingRules() if rules is None else rules
    check_panel(panel)
    entered = [make_investor(one) if isinstance(one, str) else one for one in investors]
    names = [one.name for one in entered]
    if not entered:
        raise ParameterError("investors must name at least one investor, got none")
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ParameterError(f"the names of investors must differ, got {twice!r} twice; give one of them another name")
    lags = sorted({check_integer("decision_lags", lag, at_least=0) for lag in decision_lags}, reverse=True)
    if not lags:
        raise ParameterError("decision_lags must hold at least one lag, got none")
    n_jobs = check_jobs(n_jobs)
    settings = {"start": start, "end": end, "depth": depth}
    alone = joblib.effective_n_jobs(n_jobs) == 1
    with nullcontext(panel) if alone else shared(panel) as market:
        tasks = [joblib.delayed(_one)(one, market, rules, lag, settings) for one in entered for lag in lags]
        runner = joblib.Parallel(n_jobs=n_jobs, return_as="generator")
        decided = list(track(runner(tasks), "league", total=len(tasks), show=progress))
    runs = [Run.replayed(one, panel, rules) for one in decided]
    return _ranked(runs, lags, check_integer("draws", draws, at_least=0), seed)


def _one(investor: Any, market: Panel | SharedPanel, rules: TradingRules, lag: int, settings: dict[str, Any]) -> Decided:
    panel = market.open() if isinstance(market, SharedPanel) else market
    return decide_all(investor, panel, rules, decision_lag=lag, **settings)


def _ranked(runs: list[Run], lags: list[int], draws: int, seed: int) -> League:
    """Rank within each lag; put the rows of one investor together, in the order of G at the largest lag."""
    table = pd.DataFrame([run.metrics() for run in runs])
    by_lag = table.groupby("decision_lag")
    table["rank_G"] = by_lag["G"].rank(method="min", ascending=False).astype(int)
    table["rank_return"] = by_lag["total_return"].rank(method="min", ascending=False).astype(int)
    overfitting = {}
    for lag in lags:
        rows = [row for row, run in enumerate(runs) if run.decision_lag == lag and (run.replay.value > 0.0).all()]
        returns = pd.DataFrame({row: np.diff(np.log(runs[row].replay.value.to_numpy())) for row in rows})
        overfitting[lag] = float("nan")
        if draws == 0 or len(rows) == 0 or len(returns) < SPLITS:
            continue
        drawn = bootstrap_scores(returns, draws=draws, seed=seed)
        sure = drawn.summary()
        sure["deflated_sharpe"] = deflated_sharpe_ratio(returns)
        sure["confidence_set_p"] = model_confidence_set(returns, block=drawn.block, draws=draws, seed=seed)
        overfitting[lag] = probability_of_backtest_overfitting(returns, splits=SPLITS)
        for name in sure:
            table.loc[rows, name] = sure[name].astype(float)
    place = {run.investor: int(rank) for run, rank in zip(runs, table["rank_G"], strict=True) if run.decision_lag == lags[0]}
    order = sorted(range(len(runs)), key=lambda row: (place[runs[row].investor], runs[row].investor, -runs[row].decision_lag))
    first = ["investor", "decision_lag", "G", "total_return", "rank_G", "rank_return"]
    rest = [column for column in table.columns if column not in [*first, "orders_by_reason", "failures_by_reason"]]
    ordered = table.iloc[order][first + rest].reset_index(drop=True)
    return League(tuple(runs[row] for row in order), ordered, pd.Series(overfitting, name="overfitting"))

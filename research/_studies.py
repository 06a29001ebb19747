"""What the studies of level 2 share: the market, forecasts made once for many walks, tables of
tables by lag, figures, the printout.

A study is a function of a :class:`Market` that returns an :class:`Outcome`; :func:`run_study` does
the rest.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import statarb as sa
from statarb._core.checks import check_integer
from statarb._core.files import output_folder
from statarb.backtest.uncertainty import bootstrap_scores
from statarb.forecasting.blocks import forecast_rows
from statarb.forecasting.linear import ReducedRankRidge
from statarb.investors import LeadLag

START = pd.Timestamp("2018-01-25")
"""Time of the first decision, fixed by the case."""
SPARE = 12
"""Rows before the first decision from which forecasts are made as well: a delayed decision looks
that far back.
"""
LAGS = (1, 0)
INK, MUTED = "#222222", "#888888"
COLOURS = ("#1f6fb4", "#d1621b", "#2d8659", "#8a4fa3")


@dataclasses.dataclass(frozen=True)
class Market:
    """What is studied, and how thoroughly.

    Parameters
    ----------
    panel : Panel
        The market.
    what : str
        What it is, for the printout.
    quick : bool
        Whether to try a few settings only.
    draws, seed : int
        Of the bootstrap.
    n_jobs : int
        Processes of a league.
    """

    panel: sa.Panel
    what: str
    quick: bool = False
    draws: int = 1000
    seed: int = 0
    n_jobs: int = 1

    def settings(self, all_of_them: Sequence[Any], quick: Sequence[Any]) -> list[Any]:
        """Return the settings to try."""
        return list(quick if self.quick else all_of_them)


@dataclasses.dataclass(frozen=True)
class Outcome:
    """Tables by title, the figure, and the finding in one sentence whose numbers stand in the
    tables.
    """

    tables: dict[str, pd.DataFrame]
    figure: Figure
    finding: str

    def text(self) -> str:
        """Return the tables in markdown, and the finding."""
        return "\n\n".join(
            [
                *(f"{title}\n\n{markdown(table)}" for title, table in self.tables.items()),
                self.finding,
            ]
        )


# -- the command line ------------------------------------------------------------------------------


def run_study(
    study: Callable[[Market], Outcome], about: str | None, arguments: Sequence[str] | None = None
) -> Outcome:
    """Read the command line, run the study, print its text, and keep tables and figure.

    Parameters
    ----------
    study : callable
        Turns a market into an outcome; its module's name names the files.
    about : str
        The docstring of the script.
    arguments : sequence of str, optional
        By default those of the command line.
    """
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--market",
        default="real",
        help="real (see STATARB_CASE_DATA), synthetic, or the path of a saved panel",
    )
    parser.add_argument("--assets", type=int, default=30, help="assets of the synthetic market")
    parser.add_argument(
        "--days", type=float, default=42.0, help="days of the synthetic market, from 2018-01-17 on"
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the synthetic market and of the bootstrap"
    )
    parser.add_argument("--draws", type=int, default=1000, help="draws of the bootstrap")
    parser.add_argument("--quick", action="store_true", help="try a few settings only")
    parser.add_argument(
        "--n-jobs",
        type=int,
        default=1,
        help="processes, where the study is a league; -1: one a core",
    )
    parser.add_argument(
        "--out", type=Path, default=Path("runs/studies"), help="folder of tables and figures"
    )
    given = parser.parse_args(arguments)
    began = time.perf_counter()
    try:
        check_integer("--draws", given.draws, at_least=1)
        output_folder(given.out)  # before the hours, not after them
        panel, what = load(given.market, given.assets, given.days, given.seed)
        outcome = study(Market(panel, what, given.quick, given.draws, given.seed, given.n_jobs))
        keep(
            outcome, given.out, f"{Path(study.__code__.co_filename).stem}_{Path(given.market).stem}"
        )
    except (sa.DataError, sa.ParameterError) as error:
        parser.error(str(error))
    print(
        f"{what}\n\n{outcome.text()}\n\n({time.perf_counter() - began:.0f} s; tables and figure "
        f"are in {given.out})"
    )
    return outcome


def load(market: str, assets: int, days: float, seed: int) -> tuple[sa.Panel, str]:
    """Return the panel to study, and what it is."""
    if market == "synthetic":
        return sa.simulate_market(
            assets=assets, days=days, seed=seed
        ), f"A simulated market of {assets} assets, {days:g} days"
    if market != "real":
        return sa.Panel.load(market), f"The market {Path(market).name}"
    folder = Path(
        os.environ.get("STATARB_CASE_DATA", Path(__file__).resolve().parents[2] / "shared" / "case")
    )
    quotes, table = folder / "quotes_20coins_to_2018-02-28.csv.gz", folder / "CSVData_coin.csv"
    if not quotes.is_file():
        raise SystemExit(
            f"{quotes} is absent: set STATARB_CASE_DATA to the folder that holds it, or take "
            "--market synthetic"
        )
    return sa.read_quotes(
        quotes, coins=table
    ), "The 20 real coins of level 1, decisions from 2018-01-25 to 2018-02-28"


def keep(outcome: Outcome, folder: Path, name: str) -> None:
    """Write ``NAME.png`` and the tables, ``NAME.csv``, ``NAME_2.csv``, ..."""
    outcome.figure.savefig(folder / f"{name}.png", dpi=120, metadata={"Software": None})
    for number, table in enumerate(outcome.tables.values(), start=1):
        table.to_csv(folder / f"{name}{'' if number == 1 else f'_{number}'}.csv", index=False)


# -- forecasts made once, looked up on every walk --------------------------------------------------


@dataclasses.dataclass(eq=False, repr=False)
class Recalled(LeadLag):
    """``lead_lag`` on forecasts that were made beforehand, row by row from the past alone, and are
    looked up by time.
    """

    forecasts: Any = None

    def signals(self, panel: sa.Panel, first: int, last: int, depth: int) -> dict[str, np.ndarray]:
        """Return the forecasts from the rows ``first`` to ``last - 1``."""
        return {"expected_return": self.forecasts.loc[panel.times[first:last]].to_numpy()}


class Forecasts:
    """Forecasts of one market, each span and window made once.

    Parameters
    ----------
    panel : Panel
        The market.
    **settings
        Of :class:`~statarb.forecasting.ReducedRankRidge`.
    """

    def __init__(self, panel: sa.Panel, **settings: Any) -> None:
        self.panel, self.settings = panel, settings
        self._made: dict[tuple[int, int], pd.DataFrame] = {}

    def over(self, span: int, depth: int = 2016) -> pd.DataFrame:
        """Return the expected log return over the next ``span`` rows, times x assets."""
        key = (span, depth)
        if key not in self._made:
            model = ReducedRankRidge(horizon=span, **self.settings)
            times = self.panel.times
            first = max(int(times.searchsorted(START)) - SPARE, 0)
            found = np.full((len(times) - first, len(self.panel.assets)), np.nan)
            ready = max(first, model.min_rows - 1)
            if depth >= model.min_rows and ready < len(times):
                found[ready - first :] = forecast_rows(
                    model, self.panel, np.arange(ready, len(times)), depth=depth
                ).forecasts
            self._made[key] = pd.DataFrame(found, index=times[first:], columns=self.panel.assets)
        return self._made[key]

    def from_the_trade(self, span: int, lag: int, depth: int = 2016) -> pd.DataFrame:
        """Return the expected log return of ``span`` rows that begin with the trade, ``lag`` rows
        after the row looked at.
        """
        return (
            self.over(span, depth)
            if lag == 0
            else self.over(lag + span, depth) - self.over(lag, depth)
        )


# -- tables ----------------------------------------------------------------------------------------

Trials = dict[tuple[Any, str, int], pd.Series]
"""Value paths by setting, investor and decision lag."""


def scored(trials: Trials, draws: int, seed: int) -> pd.DataFrame:
    """Score value paths: return, G and its 95 % interval of the stationary bootstrap.

    Parameters
    ----------
    trials : dict
        Value paths; those of one decision lag are resampled together.
    draws, seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame
        One row a trial: ``setting, investor, lag, return, G, low, high, p_best`` (probability of
        the largest G at that lag).
    """
    rows = []
    for lag in sorted({lag for _, _, lag in trials}, reverse=True):
        paths = {key: value for key, value in trials.items() if key[2] == lag}
        returns = pd.DataFrame(
            {n: np.diff(np.log(path.to_numpy())) for n, path in enumerate(paths.values())}
        )
        sure = bootstrap_scores(returns, draws=draws, seed=seed).summary()
        for n, ((setting, investor, _), path) in enumerate(paths.items()):
            total = float(path.iloc[-1] / path.iloc[0] - 1.0)
            score = sa.generalised_asymmetric_return(path)
            rows.append(
                (setting, investor, lag, total, score, *sure.loc[n, ["G_low", "G_high", "p_best"]])
            )
    return pd.DataFrame(
        rows, columns=["setting", "investor", "lag", "return", "G", "low", "high", "p_best"]
    )


def by_lag(scores: pd.DataFrame, setting: str) -> pd.DataFrame:
    """Set every figure at lag 0 beside that at lag 1.

    Parameters
    ----------
    scores : DataFrame
        Of :func:`scored`.
    setting : str
        Heading of the first column.
    """
    sides = []
    for lag in LAGS:
        side = scores[scores["lag"] == lag].set_index(["setting", "investor"])
        shown = pd.DataFrame(
            {
                f"return, lag {lag}": side["return"].map(percent),
                f"G, lag {lag}": side["G"].map(plain),
                f"95 % of G, lag {lag}": interval(side),
            }
        )
        sides.append(shown)
    joined = pd.concat(sides, axis=1).reset_index()
    return joined.rename(columns={"setting": setting})


def interval(side: pd.DataFrame) -> pd.Series:
    """Write the interval of each row."""
    return "[" + side["low"].map(plain) + ", " + side["high"].map(plain) + "]"


def percent(share: float) -> str:
    """Write a share, with its sign."""
    return f"{100.0 * share + 0.0:+,.1f} %"


def plain(score: float) -> str:
    """Write a G."""
    return f"{score + 0.0:,.0f}" if abs(score) >= 0.5 else "0"


def markdown(table: pd.DataFrame) -> str:
    """Return a table of texts in markdown."""
    lines = [f"| {' | '.join(map(str, table.columns))} |", "|" + "---|" * table.shape[1]]
    lines += [f"| {' | '.join(map(str, row))} |" for row in table.itertuples(index=False)]
    return "\n".join(lines)


def best_of(scores: pd.DataFrame, lag: int) -> pd.Series:
    """Return the trial with the largest G at a lag; the first of equals."""
    side = scores[scores["lag"] == lag]
    return side.loc[side["G"].idxmax()]


def verdict(best: pd.Series) -> str:
    """Say how sure it is that a trial gains: by the interval of its G."""
    if best["G"] == 0.0:
        return "which is to stay in cash"
    shown = f"95 % {plain(best['low'])} to {plain(best['high'])}"
    return shown + (
        ", above 0"
        if best["low"] > 0.0
        else ", below 0"
        if best["high"] < 0.0
        else ", which does not exclude 0"
    )


# -- figures ---------------------------------------------------------------------------------------


def lag_figure(
    scores: pd.DataFrame, label: str, *, log: bool = False, linear_below: float | None = None
) -> Figure:
    """Draw G with its interval against a setting, lag 1 and lag 0 side by side, each on its own
    scale.

    Parameters
    ----------
    scores : DataFrame
        Of :func:`scored`.
    label : str
        Of the horizontal axis.
    log : bool
        Whether that axis is logarithmic.
    linear_below : float, optional
        Size of G below which its axis is linear, and logarithmic beyond; by default it is linear
        throughout.
    """
    figure = Figure(figsize=(10.0, 4.2), layout="constrained")
    panels = figure.subplots(1, len(LAGS))
    for axes, lag in zip(panels, LAGS, strict=True):
        side = scores[scores["lag"] == lag]
        for colour, (investor, rows) in zip(
            COLOURS, side.groupby("investor", sort=False), strict=False
        ):
            lines(axes, rows, str(investor), colour)
        if log:
            axes.set_xscale("log")
        if pd.api.types.is_integer_dtype(side["setting"]):
            ticks = sorted(set(side["setting"]))
            axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            axes.minorticks_off()
        if linear_below is not None:
            axes.set_yscale("symlog", linthresh=linear_below)
        axes.yaxis.set_major_formatter("{x:,g}")
        if not side[["low", "G", "high"]].to_numpy().any():  # nobody traded
            axes.set_ylim(-1.0, 1.0)
        dress(
            axes,
            f"lag {lag}: trades {'at the quote looked at' if lag == 0 else 'one step later'}",
            label,
        )
    beyond = "" if linear_below is None else f" (logarithmic beyond {linear_below:g})"
    panels[0].set_ylabel(f"G, 95 % interval{beyond}")
    panels[0].legend(frameon=False, fontsize=8)
    return figure


def lines(axes: Axes, rows: pd.DataFrame, name: str, colour: str) -> None:
    """Draw G against the setting, with its interval behind it."""
    x = rows["setting"].to_numpy(dtype=np.float64)
    axes.fill_between(
        x, rows["low"].to_numpy(), rows["high"].to_numpy(), color=colour, alpha=0.15, linewidth=0
    )
    axes.plot(x, rows["G"].to_numpy(), "o-", color=colour, markersize=4, linewidth=1.4, label=name)


def dress(axes: Axes, title: str, label: str) -> None:
    """Give axes the look of all figures here."""
    axes.axhline(0.0, color=MUTED, linewidth=0.8, zorder=0)
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.set_xlabel(label)
    axes.tick_params(labelsize=8, colors=INK)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)

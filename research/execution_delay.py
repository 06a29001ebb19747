"""What does a delay cost? Trades 0, 1, 2, 3 or 4 steps after the quote that was decided on: the
stale-quote effect.

Three investors: ``lead_lag`` that does not know of its delay, so that the same forecasts are traded
ever later; the same one asked for the return from its trade on; and ``stat_arb``, which shrinks a
forecast by its track record from the trade on. Run from the repository's root:

    python research/execution_delay.py                       # the real quotes, see
    STATARB_CASE_DATA in research/README.md python research/execution_delay.py --market synthetic
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from _studies import (
    COLOURS,
    MUTED,
    START,
    Forecasts,
    Market,
    Outcome,
    Recalled,
    dress,
    interval,
    percent,
    plain,
    run_study,
    scored,
)
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

import statarb as sa
from statarb.investors import StatArb

DELAYS = (0, 1, 2, 3, 4)
QUICK = (0, 1, 4)
UNAWARE, AWARE, SHRUNK = "lead_lag, unaware", "lead_lag, aware", "stat_arb"


def study(market: Market) -> Outcome:
    """Walk each investor at each delay."""
    panel = market.panel
    forecasts = Forecasts(panel)
    trials = {}
    for delay in market.settings(DELAYS, QUICK):
        investors = {
            UNAWARE: Recalled(forecasts=forecasts.over(1)),
            AWARE: Recalled(forecasts=forecasts.from_the_trade(1, delay)),
            SHRUNK: StatArb(),
        }
        for name, investor in investors.items():
            trials[delay, name, delay] = sa.walk_forward(
                investor, panel, start=START, decision_lag=delay, progress=True
            ).replay.value
    scores = scored(trials, market.draws, market.seed).sort_values("setting", kind="stable")
    at = scores.set_index(["investor", "setting"])
    first, second = at.loc[(UNAWARE, 0)], at.loc[(UNAWARE, 1)]
    later = scores[(scores["setting"] > 0) & (scores["low"] > 0.0)]
    if not later.empty:
        rest = (
            f"{later.iloc[-1]['investor']} still gains beyond chance at a delay of "
            f"{later.iloc[-1]['setting']}"
        )
    else:
        rest = "at no delay above 0 does any of the investors gain beyond chance"
        rest += (
            ", so the gain is the stale quote's"
            if first["low"] > 0.0
            else ", and not for sure at 0"
        )
    earned = (
        f"{percent(first['return'])} at a delay of 0 and {percent(second['return'])} at a "
        "delay of 1"
    )
    finding = f"The same forecasts earn {earned}; {rest}."
    return Outcome({"Delay of the trade": _table(scores)}, _figure(scores), finding)


def _table(scores: pd.DataFrame) -> pd.DataFrame:
    """Delays in rows, figures at 0 above those with a delay; return, G and interval by investor."""
    parts = {}
    for name, side in scores.groupby("investor", sort=False):
        side = side.set_index("setting")
        parts[f"return, {name}"] = side["return"].map(percent)
        parts[f"G, {name}"] = side["G"].map(plain)
        parts[f"95 % of G, {name}"] = interval(side)
    return pd.DataFrame(parts).rename_axis("delay").reset_index()


def _figure(scores: pd.DataFrame) -> Figure:
    """Draw the growth of the capital, as a power of ten, against the delay."""
    figure = Figure(figsize=(7.0, 4.2), layout="constrained")
    axes = figure.subplots()
    for colour, (name, rows) in zip(COLOURS, scores.groupby("investor", sort=False), strict=False):
        axes.plot(
            rows["setting"].to_numpy(),
            1.0 + rows["return"].to_numpy(),
            "o-",
            color=colour,
            markersize=4,
            label=str(name),
        )
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xticks(np.unique(scores["setting"].to_numpy(dtype=np.int64)))
    axes.set_ylabel("final value over capital")
    dress(axes, "Final value by the delay of the trade", "delay of the trade, steps of 5 minutes")
    axes.lines[-1].remove()  # the line at 0, which a logarithmic axis does not have
    axes.axhline(1.0, color=MUTED, linewidth=0.8, zorder=0)
    axes.legend(frameon=False, fontsize=8)
    return figure


if __name__ == "__main__":
    run_study(study, __doc__)

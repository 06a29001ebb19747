"""Would the winner by G also win by return alone? Ranks every registered investor both ways, with
and without the delay.

Benchmarks in hindsight are left out. Kendall's tau-b of the two rankings, the winners and the ranks
are shown with intervals of the stationary bootstrap, in which all investors share the resampled
times. Run from the repository's root:

    python research/g_versus_return.py                       # the real quotes, see
    STATARB_CASE_DATA in research/README.md python research/g_versus_return.py --market synthetic
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from _studies import (
    COLOURS,
    INK,
    LAGS,
    MUTED,
    START,
    Market,
    Outcome,
    interval,
    percent,
    plain,
    run_study,
)
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from statarb._core.numeric import kendall_tau
from statarb.backtest.uncertainty import bootstrap_scores
from statarb.investors import INVESTORS
from statarb.walk.league import League, run_league

QUICK = (
    "cash",
    "buy_and_hold",
    "equal_weight_hold",
    "momentum",
    "reversal",
    "eg",
    "lead_lag",
    "stat_arb",
)


def study(market: Market) -> Outcome:
    """Run the league, and set the two rankings side by side."""
    rivals = [name for name, maker in INVESTORS.items() if not getattr(maker, "hindsight", False)]
    found = run_league(
        market.settings(rivals, QUICK),
        market.panel,
        start=START,
        decision_lags=LAGS,
        draws=market.draws,
        seed=market.seed,
        n_jobs=market.n_jobs,
        progress=True,
    )
    agreement = pd.DataFrame([_agreement(found, lag, market) for lag in LAGS])
    late, now = agreement.iloc[0], agreement.iloc[1]
    finding = (
        f"At lag 1 {_winners(late)}, and Kendall's tau of the two rankings is {late['tau']} "
        f"({late['95 % of tau']}); "
        f"at lag 0 {_winners(now)}, and tau is {now['tau']} ({now['95 % of tau']})."
    )
    tables = {
        "Rank by G beside rank by return": _table(found.table),
        "How sure the ranking is": uncertainty_columns(found.table),
        "Agreement of the two rankings": agreement,
    }
    return Outcome(tables, _figure(found.table), finding)


def _agreement(found: League, lag: int, market: Market) -> dict[str, object]:
    """Kendall's tau at a lag with its interval, the two winners, and how sure the first place
    is.
    """
    rows = found.table[found.table["decision_lag"] == lag].reset_index(drop=True)
    paths = {run.investor: run.replay.value for run in found.runs if run.decision_lag == lag}
    solvent = {
        name: np.diff(np.log(path.to_numpy())) for name, path in paths.items() if (path > 0.0).all()
    }
    drawn = bootstrap_scores(pd.DataFrame(solvent), draws=market.draws, seed=market.seed)
    pairs = zip(drawn.G.to_numpy(), drawn.total_return.to_numpy(), strict=True)
    low, high = np.nanquantile(
        [kendall_tau(score, total) for score, total in pairs], [0.025, 0.975]
    )
    by_score, by_return = rows[rows["rank_G"] == 1], rows[rows["rank_return"] == 1]
    return {
        "lag": lag,
        "tau": f"{found.agreement()[lag]:.2f}",
        "95 % of tau": f"{low:.2f} to {high:.2f}",
        "best by G": _listed(by_score["investor"]),
        "G": plain(by_score["G"].iloc[0]),
        "95 % of G": f"{plain(by_score['G_low'].min())} to {plain(by_score['G_high'].max())}",
        "probability of being best": f"{by_score['p_best'].sum():.2f}",
        "best by return": _listed(by_return["investor"]),
        "return": percent(by_return["total_return"].iloc[0]),
        "overfitting": f"{found.overfitting[lag]:.2f}",
    }


def _listed(names: pd.Series) -> str:
    """Write names as in a sentence."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else str(last)


def _winners(row: pd.Series) -> str:
    winner = f"the winner by G ({row['best by G']}, G {row['G']}, 95 % {row['95 % of G']})"
    if row["best by G"] == row["best by return"]:
        return f"{winner} also wins by return ({row['return']})"
    return f"{winner} is not the winner by return ({row['best by return']}, {row['return']})"


def _table(table: pd.DataFrame) -> pd.DataFrame:
    """One row an investor, in the order of G at lag 1; its figures at lag 0 beside those at lag
    1.
    """
    sides = []
    for lag in LAGS:
        side = table[table["decision_lag"] == lag].set_index("investor")
        ends = side.rename(columns={"G_low": "low", "G_high": "high"})
        shown = {
            "return": side["total_return"].map(percent),
            "G": side["G"].map(plain),
            "95 % of G": interval(ends),
            "rank by G": side["rank_G"],
            "rank by return": side["rank_return"],
        }
        sides.append(pd.DataFrame({f"{name}, lag {lag}": values for name, values in shown.items()}))
    return pd.concat(sides, axis=1).reset_index()


def uncertainty_columns(table: pd.DataFrame) -> pd.DataFrame:
    """One row an investor, in the same order: interval of the rank, and what speaks for luck or
    skill.
    """
    sides = []
    for lag in LAGS:
        side = table[table["decision_lag"] == lag].set_index("investor")
        shown = {
            "95 % of rank": [
                _span(low, high)
                for low, high in zip(side["rank_low"], side["rank_high"], strict=True)
            ],
            "P(best)": side["p_best"].map(_share),
            "deflated Sharpe": side["deflated_sharpe"].map(_share),
            "confidence set p": side["confidence_set_p"].map(_share),
        }
        sides.append(
            pd.DataFrame(
                {f"{name}, lag {lag}": values for name, values in shown.items()}, index=side.index
            )
        )
    return pd.concat(sides, axis=1).reset_index()


def _span(low: float, high: float) -> str:
    return "-" if np.isnan(low) else f"{low:.0f} to {high:.0f}"


def _share(value: float) -> str:
    return "-" if np.isnan(value) else f"{value:.2f}"


def _figure(table: pd.DataFrame) -> Figure:
    """Draw each investor's rank by G on the left, by return on the right, joined by a line, for
    both lags.
    """
    count = int(table["investor"].nunique())
    figure = Figure(figsize=(10.0, 1.8 + 0.24 * count), layout="constrained")
    words = {
        MUTED: "the same rank",
        COLOURS[0]: "one or two ranks apart",
        COLOURS[1]: "more than two ranks apart",
    }
    handles = [
        Line2D([], [], color=colour, marker="o", markersize=3, label=word)
        for colour, word in words.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    for axes, lag in zip(figure.subplots(1, len(LAGS)), LAGS, strict=True):
        side = table[table["decision_lag"] == lag].sort_values(
            ["rank_G", "rank_return", "investor"]
        )
        left = np.arange(1, count + 1)  # those that tie stand below one another
        right = side["rank_return"].rank(method="first").to_numpy()
        ranks = zip(side["investor"], side["rank_G"], side["rank_return"], strict=True)
        for (name, by_score, by_return), a, b in zip(ranks, left, right, strict=True):
            far = abs(by_score - by_return)
            colour = MUTED if far == 0 else COLOURS[0] if far <= 2 else COLOURS[1]
            axes.plot([0.0, 1.0], [a, b], "o-", color=colour, markersize=3, linewidth=1.2)
            axes.text(
                -0.04, a, f"{name}  {by_score}", ha="right", va="center", fontsize=7, color=INK
            )
            axes.text(
                1.04, b, f"{by_return}  {name}", ha="left", va="center", fontsize=7, color=INK
            )
        axes.set_title(
            f"lag {lag}: rank by G (left), by return (right)", loc="left", fontsize=10, color=INK
        )
        axes.set_xlim(-0.9, 1.9)
        axes.set_ylim(count + 0.7, 0.3)
        axes.axis("off")
    return figure


if __name__ == "__main__":
    run_study(study, __doc__)

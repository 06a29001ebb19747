"""Does an investor find what can be found, and nothing where there is nothing? Walks over control
markets, each of which holds one planted inefficiency or none, beside the oracle that knows it.

Every market has 24 assets and 14 days of 5-minute rows; decisions begin after a week. A walk is one
line of JSON, appended to the file that ``--out`` names as soon as it is done, and walks found in
that file are not done again, so that a study can be stopped, resumed and extended. Tables and
figure are written beside it. Run from the repository's root:

    python research/controls.py                       # 20 seeds of every family, for hours
    python research/controls.py --quick --families pairs none --lags 1 --investors stat_arb
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
from _studies import COLOURS, LAGS, MUTED, Outcome, dress, keep, percent, plain
from matplotlib.figure import Figure

import statarb as sa
from statarb._core.checks import check_integer
from statarb._core.files import output_folder
from statarb.backtest.uncertainty import bootstrap_scores
from statarb.data.synthetic import PlantedPairs

FAMILIES: dict[str, dict[str, Any]] = {
    "pairs": {"plant": PlantedPairs(half_life=24.0, spread=0.02)},
    "pairs_48": {"plant": PlantedPairs(half_life=48.0, spread=0.02)},
    "diffusion": {"plant": "diffusion"},
    "trend": {"plant": "trend"},
    "volatility": {"plant": "volatility"},
    "none": {"plant": "none"},
    "none_not_stale": {"plant": "none", "stale_share": 0.0},
}
"""Arguments of the markets, by name."""
ORACLE = "oracle"
INVESTORS = ("stat_arb", "autonomous")
FIRST = 2016
"""Row of the first decision: a week of 5-minute rows lies before it."""
LOSS = 0.01
"""Loss that counts as one: more than this share of the value."""
KEYS = ["family", "seed", "lag", "investor", "assets", "days", "draws"]
"""What a walk is of."""


def walk(job: dict[str, Any]) -> dict[str, Any]:
    """Make a market, walk one investor over it, and score the path.

    Parameters
    ----------
    job : dict
        The ``KEYS``.

    Returns
    -------
    dict
        The job with ``return``, ``G``, its 95 % interval ``low`` and ``high``, ``orders``,
        ``drawdown`` (largest, a share), ``failures`` and ``seconds``.
    """
    began = time.perf_counter()
    panel = sa.simulate_market(job["assets"], job["days"], job["seed"], **FAMILIES[job["family"]])
    investor = sa.testing.oracle(panel) if job["investor"] == ORACLE else job["investor"]
    run = sa.walk_forward(
        investor, panel, sa.TradingRules(), start=panel.grid[FIRST], decision_lag=job["lag"]
    )
    scores = run.metrics()
    returns = np.diff(np.log(run.replay.value.to_numpy()))
    sure = bootstrap_scores(pd.DataFrame({0: returns}), draws=job["draws"]).summary().loc[0]
    return {
        **job,
        "return": float(scores["total_return"]),
        "G": float(scores["G"]),
        "low": float(sure["G_low"]),
        "high": float(sure["G_high"]),
        "orders": int(scores["orders"]),
        "drawdown": float(scores["maximum_drawdown"]),
        "failures": int(scores["failures"]),
        "seconds": round(time.perf_counter() - began, 1),
    }


def jobs_of(given: argparse.Namespace) -> list[dict[str, Any]]:
    """Return the walks asked for, in the order in which they are done: what costs most time last,
    and the same seeds of all families before further ones.
    """
    jobs = [
        {
            "family": family,
            "seed": seed,
            "lag": lag,
            "investor": investor,
            "assets": given.assets,
            "days": given.days,
            "draws": given.draws,
        }
        for seed in range(given.first_seed, given.first_seed + given.seeds)
        for family in given.families
        for lag in given.lags
        for investor in (ORACLE, *given.investors)
    ]
    last = INVESTORS[-1]
    return sorted(jobs, key=lambda job: (job["investor"] == last, -job["lag"], job["seed"]))


def read_walks(file: Path) -> list[dict[str, Any]]:
    """Return the walks that a file holds; none where it does not exist."""
    walks = []
    for number, line in enumerate(file.read_text().splitlines() if file.is_file() else [], 1):
        try:
            found = json.loads(line)
            assert set(KEYS) <= set(found)
        except (ValueError, AssertionError, TypeError):
            raise sa.DataError(
                f"{file}, line {number}: not a walk of this study, got {line[:40]!r}; delete the "
                "line, or give another --out"
            ) from None
        walks.append(found)
    return walks


def do_walks(jobs: Sequence[dict[str, Any]], file: Path, n_jobs: int) -> pd.DataFrame:
    """Do the walks that a file does not hold yet, and append each as it ends.

    Parameters
    ----------
    jobs : sequence of dict
        Of :func:`jobs_of`.
    file : Path
        Lines of JSON.
    n_jobs : int
        Walks at a time, each in its process.

    Returns
    -------
    DataFrame
        The walks of these jobs, in the order of the jobs.
    """
    done = {_key(one): one for one in read_walks(file)}
    left = [job for job in jobs if _key(job) not in done]
    with joblib.parallel_config("loky", inner_max_num_threads=1):
        made: Iterable[dict[str, Any]] = joblib.Parallel(
            n_jobs=n_jobs, return_as="generator_unordered", pre_dispatch="2*n_jobs"
        )(joblib.delayed(walk)(job) for job in left)
    for one in made:
        line = json.dumps(one)
        with file.open("a") as out:
            out.write(line + "\n")
        print(line, flush=True)
        done[_key(one)] = one
    return pd.DataFrame([done[_key(job)] for job in jobs])


def _key(one: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(one[name] for name in KEYS)


# -- tables ----------------------------------------------------------------------------------------


def summary(walks: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each family, lag and investor.

    Parameters
    ----------
    walks : DataFrame
        Of :func:`do_walks`, one row each.

    Returns
    -------
    DataFrame
        ``family, lag, investor, seeds, trades, return, G, of_oracle, gains, loses, sure``: shares
        of the seeds, medians of return and G, and the median over the seeds in which the oracle
        gains of the return per return of the oracle (NaN where it gains in none).
    """
    keys = ["family", "lag", "seed"]
    known = walks[walks["investor"] == ORACLE].set_index(keys)["return"]
    rows = []
    for (family, lag, investor), part in walks.groupby(["family", "lag", "investor"], sort=False):
        best = known.reindex(pd.MultiIndex.from_frame(part[keys])).to_numpy()
        gained = best > 0.0
        share = part["return"].to_numpy()[gained] / best[gained]
        rows.append(
            {
                "family": family,
                "lag": lag,
                "investor": investor,
                "seeds": len(part),
                "trades": (part["orders"] > 0).mean(),
                "return": part["return"].median(),
                "G": part["G"].median(),
                "of_oracle": float(np.median(share)) if gained.any() else np.nan,
                "gains": (part["return"] > 0.0).mean(),
                "loses": (part["return"] < -LOSS).mean(),
                "sure": (part["low"] > 0.0).mean(),
            }
        )
    table = pd.DataFrame(rows)
    places = {name: place for place, name in enumerate((*FAMILIES, ORACLE, *INVESTORS))}
    order = [table["family"].map(places), -table["lag"], table["investor"].map(places)]
    return table.iloc[np.lexsort([part.to_numpy() for part in order[::-1]])].reset_index(drop=True)


def written(table: pd.DataFrame) -> pd.DataFrame:
    """Write the numbers of :func:`summary`."""
    known = table["investor"] == ORACLE
    shares = table["of_oracle"].mask(known).map(_share).replace("", "-")
    return pd.DataFrame(
        {
            "family": table["family"],
            "lag": table["lag"].astype(str),
            "investor": table["investor"],
            "seeds": table["seeds"].astype(str),
            "trades": table["trades"].map(_share),
            "return, median": table["return"].map(percent),
            "G, median": table["G"].map(plain),
            "of the oracle's gain": shares,
            "return above 0": table["gains"].map(_share),
            "loss above 1 %": table["loses"].map(_share),
            "G surely above 0": table["sure"].map(_share),
        }
    )


def _share(value: float) -> str:
    return "" if np.isnan(value) else f"{100.0 * value + 0.0:.0f} %"


def study(walks: pd.DataFrame) -> Outcome:
    """Set the investors beside the oracle, family by family."""
    table = summary(walks)
    investor = next(name for name in walks["investor"].unique() if name != ORACLE)
    lag = int(walks["lag"].max())
    parts = table[(table["investor"] == investor) & (table["lag"] == lag)]
    said = [
        f"{_share(row.gains)} of {row.seeds} of {row.family}"
        for row in parts.itertuples()
        if not row.family.startswith("none")
    ]
    empty = [
        f"{_share(row.trades)} of {row.seeds} of {row.family}"
        for row in parts.itertuples()
        if row.family.startswith("none")
    ]
    verbs = [f"gains in {', '.join(said)}"] if said else []
    verbs += [f"trades in {', '.join(empty)}"] if empty else []
    finding = f"At lag {lag}, of the markets walked, {investor} {', and '.join(verbs)}."
    return Outcome({"Control markets": written(table)}, figure(walks, investor), finding)


def figure(walks: pd.DataFrame, investor: str) -> Figure:
    """Draw the return of an investor against the oracle's, a dot a market, an axes a family."""
    families = [name for name in FAMILIES if (walks["family"] == name).any()]
    columns = min(4, len(families))
    lines = -(-len(families) // columns)
    drawn = Figure(figsize=(3.2 * columns, 3.0 * lines), layout="constrained")
    panels = drawn.subplots(lines, columns, squeeze=False).ravel()
    lags = sorted(walks["lag"].unique(), reverse=True)
    for axes, family in zip(panels, families, strict=False):
        part = walks[walks["family"] == family]
        for colour, lag in zip(COLOURS, lags, strict=False):
            pairs = part[part["lag"] == lag].pivot(
                index="seed", columns="investor", values="return"
            )
            if investor in pairs:
                axes.plot(
                    100.0 * pairs[ORACLE],
                    100.0 * pairs[investor],
                    "o",
                    color=colour,
                    markersize=4,
                    alpha=0.8,
                    label=f"lag {lag}",
                )
        axes.axline((0.0, 0.0), slope=1.0, color=MUTED, linewidth=0.8, zorder=0)
        dress(axes, family, "oracle's return, %")
    for axes in panels[len(families) :]:
        axes.set_axis_off()
    for axes in panels[::columns]:
        axes.set_ylabel(f"{investor}'s return, %")
    panels[0].legend(frameon=False, fontsize=8)
    return drawn


# -- the command line ------------------------------------------------------------------------------


def main(arguments: Sequence[str] | None = None) -> Outcome:
    """Read the command line, do the walks, print the table, and keep it with the figure.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the command line.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--families", nargs="+", choices=list(FAMILIES), default=list(FAMILIES))
    parser.add_argument("--investors", nargs="+", choices=INVESTORS, default=list(INVESTORS))
    parser.add_argument("--lags", nargs="+", type=int, default=list(LAGS))
    parser.add_argument("--seeds", type=int, default=20, help="markets of every family")
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--quick", action="store_true", help="3 seeds")
    parser.add_argument("--assets", type=int, default=24)
    parser.add_argument("--days", type=float, default=14.0, help="more than the week before")
    parser.add_argument("--draws", type=int, default=1000, help="draws of the bootstrap")
    parser.add_argument("--n-jobs", type=int, default=2, help="walks at a time")
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("runs/studies/controls.jsonl"),
        help="file of the walks; table and figure are written beside it",
    )
    given = parser.parse_args(arguments)
    if given.quick:
        given.seeds = 3
    try:
        check_integer("--seeds", given.seeds, at_least=1)
        check_integer("--draws", given.draws, at_least=1)
        for lag in given.lags:
            check_integer("--lags", lag, at_least=0)
        if given.days * 288 < FIRST + 2:
            raise sa.ParameterError(f"--days must be more than 7, got {given.days:g}")
        output_folder(given.out.parent)
        walks = do_walks(jobs_of(given), given.out, given.n_jobs)
        outcome = study(walks)
        keep(outcome, given.out.parent, given.out.stem)
    except (sa.DataError, sa.ParameterError) as error:
        parser.error(str(error))
    print(f"\n{outcome.text()}\n\n(tables and figure are in {given.out.parent})")
    return outcome


if __name__ == "__main__":
    main()

"""Which imputation is nearest to the truth? Hides quotes of the real coins and fills them by every
method.

5 % of the observed cells are hidden, once at random, once in runs of 1 to 12 rows; the error is the
distance of filled and true log price in basis points. Run from the repository's root:

    python research/imputation.py                       # the real quotes, see STATARB_CASE_DATA
    below python research/imputation.py --market market.parquet

Without either the study runs on a simulated market and says so.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
import pandas as pd

import statarb as sa

METHODS = {
    "lvcf": {},
    "lint": {},
    "r1": {},
    "np100": {},
    "np100, tied": {"tie": True},
    "marx1": {},
    "ar5x": {},
    "mlp": {},
}
"""What the table shows, and the settings beyond the defaults."""


def load(market: Path | None) -> tuple[sa.Panel, str]:
    """Return the panel to study, and what it is."""
    if market is not None:
        return sa.Panel.load(market), str(market.name)
    folder = Path(
        os.environ.get("STATARB_CASE_DATA", Path(__file__).resolve().parents[2] / "shared" / "case")
    )
    quotes, table = folder / "quotes_20coins_to_2018-02-28.csv.gz", folder / "CSVData_coin.csv"
    if quotes.is_file():
        return sa.read_quotes(
            quotes, coins=table
        ), "the 20 real coins of level 1, 2018-01-17 to 2018-02-28"
    return sa.simulate_market(
        assets=20, days=42, seed=0
    ), "a simulated market of 20 assets, 42 days (the real quotes are absent)"


def hidden_at_random(seen: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Choose single observed cells."""
    return seen & (rng.random(seen.shape) < share)


def hidden_in_runs(
    seen: np.ndarray, share: float, rng: np.random.Generator, longest: int = 12
) -> np.ndarray:
    """Choose runs of 1 to ``longest`` rows of one asset until the share is reached."""
    hidden = np.zeros_like(seen)
    rows, assets = seen.shape
    while (hidden & seen).sum() < share * seen.sum():
        row, length = int(rng.integers(1, rows - longest)), int(rng.integers(1, longest + 1))
        hidden[row : row + length, rng.integers(assets)] = True
    return hidden & seen


def study(panel: sa.Panel, share: float, seeds: int) -> pd.DataFrame:
    """Return error and time by method: means over the seeds."""
    price = panel.array("price")
    seen = panel.observed_array
    ends = np.zeros_like(seen)
    first = np.argmax(seen, axis=0)
    last = len(seen) - 1 - np.argmax(seen[::-1], axis=0)
    ends[first, np.arange(seen.shape[1])] = ends[last, np.arange(seen.shape[1])] = True
    rows = []
    for seed in range(seeds):
        for how, choose in (("at random", hidden_at_random), ("in runs", hidden_in_runs)):
            hidden = choose(seen, share, np.random.default_rng(seed)) & ~ends
            gone = np.where(hidden, np.nan, price)
            kept = ~np.isnan(gone).all(axis=1)
            thinned = panel.with_arrays({"price": gone[kept]}, rows=panel.rows[kept])
            for name, settings in METHODS.items():
                started = time.perf_counter()
                filled = sa.impute(thinned, name.partition(",")[0], **settings)
                seconds = time.perf_counter() - started
                found = filled.price.to_numpy()[panel.rows]
                error = 1e4 * np.abs(np.log(found[hidden] / price[hidden]))
                assert np.isfinite(error).all(), name
                rows.append(
                    (
                        name,
                        how,
                        error.mean(),
                        np.sqrt((error**2).mean()),
                        seconds,
                        filled.looks_ahead,
                    )
                )
    table = pd.DataFrame(rows, columns=["method", "how", "mean", "rms", "seconds", "looks ahead"])
    wide = table.pivot_table(index="method", columns="how", values=["mean", "rms"], sort=False)
    wide.columns = [f"{measure}, {how}" for measure, how in wide.columns]
    by_method = table.groupby("method", sort=False)
    return wide.assign(
        seconds=by_method["seconds"].median(), looks_ahead=by_method["looks ahead"].first()
    )


def markdown(table: pd.DataFrame) -> str:
    """Return the table for the README."""
    lines = [
        "| method | mean abs. error, at random (bp) | in runs | root mean square, at random (bp) | "
        "in runs | s | looks ahead |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, row in table.iterrows():
        figures = [
            row[f"{measure}, {how}"]
            for measure in ("mean", "rms")
            for how in ("at random", "in runs")
        ]
        cells = [f"{figure:.1f}" for figure in figures]
        lines.append(
            f"| {name} | {' | '.join(cells)} | {row['seconds']:.3f} | "
            f"{'yes' if row['looks_ahead'] else 'no'} |"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--market", type=Path, help="panel to study instead")
    parser.add_argument(
        "--share", type=float, default=0.05, help="share of observed cells that is hidden"
    )
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    panel, what = load(given.market)
    sa.impute(panel.between(None, panel.times[50]), "ar5x")  # compile before the clock runs
    print(
        f"{100 * given.share:g} % of the observed cells of {what} hidden, means over {given.seeds} "
        "seeds\n"
    )
    print(markdown(study(panel, given.share, given.seeds)))


if __name__ == "__main__":
    main()

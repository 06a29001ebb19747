"""Speed of the quality report, of its figure page and of the selection at full size, 1678 assets x
18,752 steps.

python research/benchmarks/quality.py
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import pandas as pd

import statarb as sa
from statarb.report.quality_page import write_quality_page


def seconds_of(work: Callable[[], object], repeats: int = 3) -> float:
    """Return the median time of some runs."""
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def with_pandas(panel: sa.Panel) -> pd.DataFrame:
    """Return some columns of the report as one writes them with pandas, asset by asset."""
    rows = {}
    for asset, column in panel.price.items():
        quotes = column.dropna()
        if len(quotes) < 2:
            continue
        moves = np.log(quotes).diff().dropna()
        apart = (moves - moves.median()).abs()
        scale = apart.median() / 0.6745 or apart.mean() * 1.253314
        rows[asset] = {
            "quotes": len(quotes),
            "unchanged": 100.0 * (quotes.diff().iloc[1:] == 0).mean(),
            "longest_hole": int((quotes.index.to_series().diff().max() / panel.step) - 1),
            "outliers": float((apart / scale > 10.0).sum()) if scale else 0.0,
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--assets", type=int, default=1678)
    parser.add_argument("--days", type=float, default=18_752 / 288)
    given = parser.parse_args()
    panel = sa.simulate_market(assets=given.assets, days=given.days, seed=0)
    print(
        ", ".join(f"{name} {version(name)}" for name in ("numpy", "pandas", "numba", "matplotlib")),
        "\n",
    )
    few = panel.select(panel.assets[:40])
    expected = with_pandas(few)
    found = sa.quality_report(few).assets.loc[expected.index, expected.columns].astype(float)
    pd.testing.assert_frame_equal(found, expected.astype(float), check_names=False, rtol=1e-9)
    print(f"parity with pandas: ok\n\n{panel}, fields {', '.join(panel.fields)}\n")
    report = sa.quality_report(panel)
    with tempfile.TemporaryDirectory() as folder:
        timed = {
            "quality_report": (lambda: sa.quality_report(panel), 3, "10 s"),
            "four of its columns with pandas": (lambda: with_pandas(panel), 1, ""),
            "quality.csv and its like": (lambda: report.save(folder), 3, ""),
            "figure page": (lambda: write_quality_page(report, folder), 1, ""),
            "select_assets(drop_first=12)": (lambda: sa.select_assets(panel, drop_first=12), 3, ""),
        }
        print("| work | s | target |\n|---|---|---|")
        for name, (work, repeats, target) in timed.items():
            print(f"| {name} | {seconds_of(work, repeats):.2f} | {target} |", flush=True)
    print(f"\nlargest memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB")


if __name__ == "__main__":
    main()

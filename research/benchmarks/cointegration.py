"""Speed and memory of the scans of all pairs, beside statsmodels, after the answers have been
compared.

OMP_NUM_THREADS=1 python research/benchmarks/cointegration.py [--assets 1678] [--rows 2016]
[--repeats 3] [--pairs 30]
"""

from __future__ import annotations

import argparse
import platform
import resource
import time
import warnings
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import pandas as pd
from statsmodels.tsa.stattools import coint
from statsmodels.tsa.vector_ar.vecm import coint_johansen

import statarb as sa
from statarb.cointegration import PairScan, scan_johansen


def seconds(call: Callable[[], object], repeats: int) -> float:
    """Median processor time of a call, in seconds: other work on the machine does not count."""
    took = []
    for _ in range(repeats):
        began = time.process_time()
        call()
        took.append(time.process_time() - began)
    return float(np.median(took))


def sampled(scan: PairScan, pairs: int, seed: int) -> list[tuple[object, object]]:
    """Ordered pairs that were tested, drawn at random."""
    tested = np.flatnonzero(scan.status == 0)
    some = np.random.default_rng(seed).choice(tested, size=min(pairs, len(tested)), replace=False)
    return list(zip(scan.assets.take(scan.y[some]), scan.assets.take(scan.x[some]), strict=True))


def complete_market(assets: int, rows: int, seed: int) -> pd.DataFrame:
    """Random walks with fat tails on three factors, with quote noise."""
    rng = np.random.default_rng(seed)
    factors = np.cumsum(rng.standard_t(4, (rows, 3)), axis=0) @ rng.uniform(0.2, 1.0, (3, assets))
    own = np.cumsum(rng.standard_t(4, (rows, assets)), axis=0)
    return pd.DataFrame(0.002 * (factors + own + 0.3 * rng.normal(size=(rows, assets))))


def engle_granger(
    logs: pd.DataFrame, lags: str | int, max_lags: int, pairs: int, repeats: int
) -> dict[str, object]:
    """One row of the table: parity on sampled pairs, then times of both."""
    scan = sa.scan_pairs(logs, lags, max_lags)
    chosen = sampled(scan, pairs, 0)
    fixed = isinstance(lags, int)
    gap_tau = gap_pvalue = 0.0
    took = []
    mine = scan.to_frame().set_index(["y", "x"])
    for y, x in chosen:
        both = logs[[y, x]].dropna().to_numpy()
        began = time.process_time()
        tau, pvalue, _ = coint(
            both[:, 0],
            both[:, 1],
            maxlag=lags if fixed else max_lags,
            autolag=None if fixed else lags,
        )
        took.append(time.process_time() - began)
        gap_tau = max(gap_tau, abs(tau - mine.loc[(y, x), "tau"]))
        gap_pvalue = max(gap_pvalue, abs(pvalue - mine.loc[(y, x), "pvalue"]))
    if not (gap_tau < 1e-8 and gap_pvalue < 1e-8):
        raise SystemExit(
            f"no timing: tau differs by {gap_tau:.1e}, the p-value by {gap_pvalue:.1e} at "
            f"lags={lags}"
        )
    del mine
    tests = len(scan)
    del scan
    time_all = seconds(lambda: sa.scan_pairs(logs, lags, max_lags), repeats)
    name = (
        f"{lags} lag{'s' if lags != 1 else ''}"
        if fixed
        else f"{str(lags).upper()} up to {max_lags}"
    )
    return _row(f"Engle-Granger, {name}", tests, time_all, took, gap_tau)


def johansen(logs: pd.DataFrame, lags: int, pairs: int, repeats: int) -> dict[str, object]:
    """The same for Johansen's test."""
    scan = scan_johansen(logs, lags)
    table = scan.to_frame()
    table = table[table["status"] == "ok"].sample(pairs, random_state=0)
    gap, took = 0.0, []
    for row in table.itertuples():
        both = logs[[row.y, row.x]].dropna().to_numpy()
        began = time.process_time()
        result = coint_johansen(both, 0, lags)
        took.append(time.process_time() - began)
        gap = max(
            gap, abs(result.trace_stat[0] - row.trace_0), abs(result.trace_stat[1] - row.trace_1)
        )
    if not gap < 1e-6:
        raise SystemExit(f"no timing: the trace statistic differs by {gap:.1e}")
    time_all = seconds(lambda: scan_johansen(logs, lags), repeats)
    return _row(f"Johansen, {lags} lag{'s' if lags != 1 else ''}", len(scan), time_all, took, gap)


def _row(
    name: str, tests: int, time_all: float, took: list[float], gap: float
) -> dict[str, object]:
    peer = float(np.median(took))
    return {
        "test": name,
        "tests": tests,
        "all, CPU s": time_all,
        "one, us": 1e6 * time_all / tests,
        "statsmodels, CPU ms": 1e3 * peer,
        "ratio": peer * tests / time_all,
        "largest gap": f"{gap:.0e}",
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--assets", type=int, default=1678)
    parser.add_argument("--rows", type=int, default=2016)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--pairs", type=int, default=30, help="pairs that statsmodels tests too")
    parser.add_argument(
        "--missing",
        action="store_true",
        help="also scan the quotes with their gaps: every pair has its own rows",
    )
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # statsmodels warns of collinear pairs
    logs = complete_market(options.assets, options.rows, seed=0)
    print(f"{options.assets} assets x {options.rows} rows, none missing, one thread\n")
    rows = [
        engle_granger(logs, lags, most, options.pairs, options.repeats)
        for lags, most in ((0, 0), (1, 1), ("aic", 12), ("bic", 12), ("aic", 26))
    ]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    rows.append(johansen(logs, 1, options.pairs, options.repeats))
    pd.set_option("display.width", 200)
    print(pd.DataFrame(rows).to_string(index=False, float_format="%.2f"))
    print(f"\nlargest memory of the process up to the last Engle-Granger scan: {memory:.2f} GB\n")
    panel = sa.simulate_market(assets=options.assets, days=options.rows / 2016 * 9.0, seed=0)
    window = panel.window(panel.times[-1], options.rows)
    late = pd.DataFrame(np.log(window.last_known("unrounded")), columns=window.assets)
    print(f"Synthetic market, carried forward, {int(late.isna().any().sum())} assets listed late\n")
    rows = [
        engle_granger(late, lags, most, options.pairs, options.repeats)
        for lags, most in ((1, 1), ("aic", 12))
    ]
    rows.append(johansen(late, 1, options.pairs, options.repeats))
    if options.missing:
        gaps = pd.DataFrame(np.log(window.array("unrounded")), columns=window.assets)
        share = 100 * gaps.isna().to_numpy().mean()
        print(
            f"(the last row: not carried forward, {share:.1f} % of the cells missing, each pair on "
            "its own rows)\n"
        )
        rows.append(engle_granger(gaps, "aic", 12, options.pairs, 1))
    print(pd.DataFrame(rows).to_string(index=False, float_format="%.2f"))
    packages = ", ".join(f"{name} {version(name)}" for name in ("numpy", "numba", "statsmodels"))
    print(f"{platform.python_implementation()} {platform.python_version()}, {packages}")


if __name__ == "__main__":
    main()

"""Speed of the replay and of the portfolio file at full size, beside vectorbt and beside a copy of
the same bytes.

Run with one thread: ``OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 python research/benchmarks/replay.py``.
The results that are compared are first shown to agree. ``--steps`` and ``--assets`` make it
smaller, ``--without-vectorbt`` leaves the peer out.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import statarb as sa
from statarb.backtest import Account
from statarb.results import validate_portfolio, write_portfolio

FEE = 0.0025
HELD = 20
SEED = 0


def market(steps: int, assets: int) -> sa.Panel:
    """A random walk of every asset; all cells quoted, the most work that a replay can have."""
    rng = np.random.default_rng(SEED)
    prices = rng.standard_normal((steps, assets))
    prices *= 0.003
    np.cumsum(prices, axis=0, out=prices)
    np.exp(prices, out=prices)
    grid = np.datetime64("2018-01-25", "us") + np.arange(steps) * np.timedelta64(300, "s")
    return sa.Panel(
        grid, np.arange(steps), pd.RangeIndex(1, assets + 1), {"price": prices}, numeraire=1
    )


def some_weights(panel: sa.Panel, assets: np.ndarray, total: float = 0.9) -> pd.DataFrame:
    """New weights at every step that sum to ``total``: cash, the rest, pays the fees.

    They move by 2 % of themselves: weights drawn anew would lose all in fees, and vectorbt rounds
    values near 0 away.
    """
    rng = np.random.default_rng(SEED + 1)
    values = rng.standard_normal((len(panel.grid), len(assets)))
    values *= 0.02
    np.exp(values, out=values)
    values *= rng.random(len(assets)) + 0.1
    values *= total / values.sum(axis=1, keepdims=True)
    return pd.DataFrame(values, index=panel.grid, columns=panel.assets[assets])


def wide(panel: sa.Panel, narrow: pd.DataFrame) -> pd.DataFrame:
    """The same weights with a column for every asset."""
    values = np.zeros(panel.grid_shape)
    values[:, panel.columns_of(narrow.columns)] = narrow.to_numpy()
    return pd.DataFrame(values, index=panel.grid, columns=panel.assets, copy=False)


def median(
    action: Callable[[], Any], times: int, clock: Callable[[], float] = time.process_time
) -> float:
    """Median seconds of an action, after one run that does not count; of processor time, which
    neighbours disturb less.
    """
    action()
    taken = []
    for _ in range(times):
        start = clock()
        action()
        taken.append(clock() - start)
    return statistics.median(taken)


def copy_seconds(values: np.ndarray) -> float:
    """Seconds that it takes to copy an array: no replay can read its weights and quotes much
    faster.
    """
    target = np.empty_like(values)
    return median(lambda: np.copyto(target, values), 15)


def vectorbt_values(
    prices: pd.DataFrame, weights: pd.DataFrame, capital: float
) -> tuple[float, pd.Series]:
    """Seconds and value path (after trading) of vectorbt for the same orders."""
    import vectorbt as vbt

    start = time.process_time()
    portfolio = vbt.Portfolio.from_orders(
        prices, size=weights, size_type="targetpercent", fees=FEE, init_cash=capital,
        group_by=True, cash_sharing=True,
        call_seq="auto", freq="5min",
    )  # fmt: skip
    value = portfolio.value()
    return time.process_time() - start, value


def compare(
    panel: sa.Panel, weights: pd.DataFrame, rules: sa.TradingRules, name: str, runs: int
) -> tuple[float, float]:
    """Check that vectorbt gives the same value path, then return the seconds of both."""
    prices = panel.price[weights.columns]
    vectorbt_values(prices.iloc[:50], weights.iloc[:50], rules.capital)  # compiles
    peer = [vectorbt_values(prices, weights, rules.capital) for _ in range(runs)]
    replay = sa.replay(panel, weights, rules)
    ours = (replay.value - replay.fees).to_numpy()
    apart = float(np.max(np.abs(peer[0][1].to_numpy() / ours - 1.0)))
    if not apart < 1e-9:
        raise SystemExit(f"{name}: value paths differ by {apart:.2e} (relative); nothing was timed")
    print(f"parity with vectorbt, {name}: value paths differ by at most {apart:.1e} (relative)")
    return median(lambda: sa.replay(panel, weights, rules), 5), statistics.median(
        seconds for seconds, _ in peer
    )


def replay_section(steps: int, assets: int, with_vectorbt: bool) -> None:
    panel = market(steps, assets)
    free = sa.TradingRules(capital=1e6, fee=FEE).without_limits()
    limited = sa.TradingRules(capital=1e6, fee=FEE, min_order=0.001e4, max_order=0.5e4, numeraire=1)
    held = np.sort(np.random.default_rng(SEED + 2).choice(assets, HELD, replace=False))
    dense, narrow = some_weights(panel, np.arange(assets)), some_weights(panel, held)

    values = np.ascontiguousarray(dense.to_numpy())
    floor = copy_seconds(values)
    by_rows = pd.DataFrame(values, index=dense.index, columns=dense.columns, copy=False)
    daily = dense.iloc[::288]

    rows: list[tuple[str, float]] = [("copy of the weights (floor)", floor)]

    def timed(name: str, weights: Any, rules: sa.TradingRules, times: int = 7) -> None:
        rows.append((name, median(lambda: sa.replay(panel, weights, rules), times)))

    timed(f"dense, new every step, stored by columns (pandas' way), {assets} assets", dense, free)
    timed("dense, the same stored by rows", by_rows, free)
    timed("dense, the same with order limits", by_rows, limited)
    timed("dense, new every day", daily, free)
    replay = sa.replay(panel, by_rows, free)
    rows.append(
        (
            "realised weights of it, block by block",
            median(lambda: sum(1 for _ in replay.weight_blocks()), 3),
        )
    )
    timed(f"{HELD} assets held of {assets}, a frame of {HELD} columns", narrow, free, 15)
    timed("the same with order limits", narrow, limited, 15)
    full = wide(panel, narrow)
    timed(f"the same in a frame of {assets} columns, stored by rows", full, free)
    timed(f"100 strategies of {HELD} assets", [narrow] * 100, free, 3)

    quotes, target = panel.array("price"), dense.to_numpy()[0].copy()
    account = Account(panel, free)

    def step_by_step() -> None:
        for row in range(1000):
            account.mark(quotes[row])
            account.trade(target)

    step = median(step_by_step, 3) / 1000

    if with_vectorbt:
        small = compare(panel, narrow, free, f"{HELD} assets", 3)
        large = compare(panel, dense, free, f"{assets} assets", 1)
    print(f"\nreplay, {steps} steps x {assets} assets\n")
    print("| | ms | x floor |\n|---|---|---|")
    for name, seconds in rows:
        print(f"| {name} | {1e3 * seconds:.1f} | {seconds / floor:.1f} |")
    print(f"\none step of an account, {assets} assets in the target: {1e6 * step:.1f} us")
    if with_vectorbt:
        print("\n| beside vectorbt | replay, ms | vectorbt, ms | ratio |\n|---|---|---|---|")
        for name, (ours, theirs) in ((f"{HELD} assets", small), (f"{assets} assets", large)):
            print(f"| {name} | {1e3 * ours:.1f} | {1e3 * theirs:.0f} | {theirs / ours:.0f} |")


def portfolio_section(steps: int, assets: int) -> None:
    """Write and read the portfolio file of a replay; run in a process of its own, whose peak memory
    is printed.
    """
    panel = market(steps, assets)
    replay = sa.replay(
        panel,
        some_weights(panel, np.arange(assets), 0.99),
        sa.TradingRules(capital=1e6).without_limits(),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "portfolio_sim.csv"
        write = median(lambda: write_portfolio(replay, path), 3, time.perf_counter)
        blocks = median(lambda: sum(1 for _ in replay.weight_blocks(256)), 3, time.perf_counter)
        size = path.stat().st_size / 1e6
        report = validate_portfolio(path, panel, steps=steps).require_valid()
        check = median(lambda: validate_portfolio(path, panel), 3, time.perf_counter)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"\nportfolio_sim.csv, {report.rows} rows x {len(report.assets) + 1} columns, dense, "
        f"{size:.0f} MB\n"
    )
    print("| | s |\n|---|---|")
    print(
        f"| write (of which {blocks:.2f} s: the replay that gives the realised weights) | "
        f"{write:.2f} |"
    )
    print(f"| read back and validate, exactly | {check:.2f} |")
    print(f"\npeak memory of the whole process, prices and target weights included: {peak:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=15_816)
    parser.add_argument("--assets", type=int, default=1678)
    parser.add_argument("--without-vectorbt", action="store_true")
    parser.add_argument("--portfolio-only", action="store_true")
    options = parser.parse_args()
    if options.portfolio_only:
        portfolio_section(options.steps, options.assets)
        return
    peer = importlib.util.find_spec("vectorbt") is not None and not options.without_vectorbt
    packages = ["numpy", "numba", "pandas", *(["vectorbt"] if peer else [])]
    print(
        "Python",
        sys.version.split()[0],
        *(f"{name} {importlib.metadata.version(name)}" for name in packages),
    )
    sizes = ["--steps", str(options.steps), "--assets", str(options.assets)]
    subprocess.run([sys.executable, __file__, "--portfolio-only", *sizes], check=True)
    replay_section(options.steps, options.assets, peer)


if __name__ == "__main__":
    main()

"""GARCH of many series against arch: the same windows, the same run, one thread; likelihoods first,
then times.

Run: ``OMP_NUM_THREADS=1 python research/benchmarks/volatility.py [--every 400] [--timed 60]``.
Reads the real quotes from the folder in STATARB_CASE_DATA (by default ../shared/case); takes a
synthetic market where they are absent.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from arch import arch_model

import statarb as sa
from statarb.volatility._engine import kernels
from statarb.volatility._engine.reference import native_parameters
from statarb.volatility.estimation import (
    OMEGA_LEAST,
    OMEGA_SHARE,
    STALE_SHARE,
    box_of,
    prepare,
)

DEPTH = 2016
KINDS = [("garch", "normal"), ("gjr", "normal"), ("garch", "t"), ("gjr", "t")]
TARGET = 1e-3


def market() -> tuple[str, sa.Panel]:
    folder = Path(
        os.environ.get("STATARB_CASE_DATA", Path(__file__).resolve().parents[3] / "shared" / "case")
    )
    quotes = folder / "quotes_20coins_to_2018-02-28.csv.gz"
    if quotes.is_file():
        return "20 real coins", sa.read_quotes(quotes, coins=folder / "CSVData_coin.csv")
    return "synthetic market", sa.simulate_market(assets=20, days=40, seed=0)


def windows(returns: pd.DataFrame, every: int, shift: int = 0) -> np.ndarray:
    """Windows of 2016 rows side by side, ``(2016, windows * assets)``, each ``shift`` rows late."""
    ends = range(DEPTH + 1, len(returns) - 288, every)
    return np.column_stack([returns.to_numpy()[end + shift - DEPTH : end + shift] for end in ends])


def of_arch(x: np.ndarray, model: str, distribution: str) -> Any:
    """Make arch's model of the series in units of its standard deviation, in which arch does
    best.
    """
    return arch_model(
        x / x.std(), p=1, o=int(model == "gjr"), q=1, dist=distribution, rescale=False
    )


def arch_likelihood(am: Any, parameters: np.ndarray) -> float:
    resids = am.resids(am.starting_values())
    bounds = am.volatility.variance_bounds(resids)
    return -float(
        am._loglikelihood(parameters, np.zeros(len(resids)), am.volatility.backcast(resids), bounds)
    )


def sixteen_starts(values: np.ndarray, model: str, distribution: str) -> list[np.ndarray]:
    """Best of 16 starts by asset, each search begun once more where it ended; arch's parameters of
    series of unit variance.

    They keep to the rule of :func:`statarb.fit_garch`: below the usual floor of omega no
    conditional variance may sink to it.
    """
    data, box = prepare(values), box_of(model, distribution)
    grid = [(a, p) for a in (0.01, 0.05, 0.1, 0.3) for p in (0.8, 0.95, 0.99, 0.999)]
    start = np.array(
        [
            [0.0, np.log(max(1 - p, 1e-4)), np.log(1 + kernels.SLACK - p), a / p, 0.5, 0.2]
            for a, p in grid
        ]
    )
    flags = (1 if model == "gjr" else None, 1 if distribution == "t" else None)
    usable = np.flatnonzero(data.status == 0)
    task = np.repeat(usable, 16)
    arrays = data.arrays
    points = np.tile(start, (len(usable), 1))
    first = kernels.fit_lanes(arrays, task, points, box, *flags)
    points, loss, _, _ = kernels.fit_lanes(arrays, task, first.point, box, *flags)
    below = box_of(model, distribution, OMEGA_LEAST)
    deep = kernels.fit_lanes(arrays, task, points, below, *flags)
    sound = (kernels.variance_levels(arrays, task, deep.point).least >= OMEGA_SHARE) | (
        data.unchanged[task] <= STALE_SHARE
    )
    sound &= deep.loss < loss
    points[sound], loss[sound] = deep.point[sound], deep.loss[sound]
    best = loss.reshape(-1, 16).argmin(axis=1)
    found: list[np.ndarray] = [np.zeros(0)] * values.shape[1]
    for k, asset in enumerate(usable):
        native = native_parameters(points.reshape(-1, 16, 6)[k, best[k]], distribution == "t")
        native[0] += data.mean[asset] / data.scale[asset]
        found[asset] = native if model == "gjr" else np.delete(native, 3)
    return found


def clock(call: Callable[[], Any], repeats: int) -> float:
    """Median seconds of processor time."""
    times = []
    for _ in range(repeats):
        begin = time.process_time()
        call()
        times.append(time.process_time() - begin)
    return statistics.median(times)


def quality(values: np.ndarray, model: str, distribution: str) -> tuple[pd.DataFrame, float]:
    """Loglikelihoods by arch's own function, of ours, of arch and of 16 starts; and the parity at
    equal parameters.
    """
    fit = sa.fit_garch(values, model, distribution)
    starts = sixteen_starts(values, model, distribution)
    rows, parity = [], 0.0
    for j in range(values.shape[1]):
        if fit.params.loc[j].isna().any():
            continue
        x = values[~np.isnan(values[:, j]), j]
        am = of_arch(x, model, distribution)
        result = am.fit(disp="off", show_warning=False)
        ours = fit.params.loc[j].to_numpy().copy()
        ours[0], ours[1] = ours[0] / x.std(), ours[1] / x.var()
        likelihood = arch_likelihood(am, ours)
        parity = max(parity, abs(likelihood - fit.loglikelihood[j] - len(x) * np.log(x.std())))
        many = arch_likelihood(am, starts[j])
        rows.append(
            (fit.status[j], likelihood, float(result.loglikelihood), many, float((x == 0.0).mean()))
        )
    table = pd.DataFrame(rows, columns=["status", "ours", "arch", "starts", "unchanged"])
    table["gap"] = np.maximum(table["arch"], table["starts"]) - table["ours"]
    table["arch_gap"] = np.maximum(table["ours"], table["starts"]) - table["arch"]
    return table, parity


def print_quality(
    tables: dict[tuple[str, str], pd.DataFrame], parity: dict[tuple[str, str], float]
) -> None:
    print(
        "\nLoglikelihood by arch's own function; share within 1e-3 of the better of arch and 16 "
        "starts\n"
    )
    print(
        "| model | windows | all | with a fit | arch, all | at the omega floor | gap: 99 % | "
        "largest, with a fit | parity |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for (model, distribution), table in tables.items():
        good = table[table["status"] == "converged"]
        print(
            f"| {model} {distribution} | {len(table)} "
            f"| {(table['gap'] < TARGET).mean():.2%} | {(good['gap'] < TARGET).mean():.2%} "
            f"| {(table['arch_gap'] < TARGET).mean():.2%} | "
            f"{(table['status'] == 'omega floor').mean():.2%} "
            f"| {good['gap'].quantile(0.99):.1e} | {good['gap'].max():.3g} | "
            f"{parity[model, distribution]:.0e} |"
        )
    edges = [-np.inf, -1e-3, 1e-6, 1e-4, 1e-3, 1e-2, 0.1, 1.0, 10.0, np.inf]
    names = [
        "below -1e-3",
        "to 1e-6",
        "to 1e-4",
        "to 1e-3",
        "to .01",
        "to .1",
        "to 1",
        "to 10",
        "above 10",
    ]
    print("\nAll gaps (best known less ours), number of windows\n")
    print("| model | " + " | ".join(names) + " |")
    print("|---|" + "---|" * len(names))
    for (model, distribution), table in tables.items():
        counts = np.histogram(table["gap"], edges)[0]
        print(f"| {model} {distribution} | " + " | ".join(str(count) for count in counts) + " |")


def print_times(returns: pd.DataFrame, every: int, timed: int) -> None:
    base, bar, day = (windows(returns, every, shift) for shift in (0, 1, 288))
    fits = base.shape[1]
    rng = np.random.default_rng(0)
    sample = [
        base[~np.isnan(base[:, j]), j] for j in rng.choice(fits, min(timed, fits), replace=False)
    ]
    whole = np.tile(base, (1, 1678 // fits + 1))[:, :1678]
    print(
        f"\nMilliseconds of processor time a series, {DEPTH} rows, one thread; arch: median of "
        f"{len(sample)} windows\n"
    )
    print(
        "| model | arch | cold | | warm, one bar later | | one day later | | 1678 cold, s | 1678 "
        "warm, s | update of 1678, us |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for model, distribution in KINDS:
        first = sa.fit_garch(base, model, distribution)
        of_arch(sample[0], model, distribution).fit(disp="off", show_warning=False)
        arch = []
        for x in sample:
            begin = time.process_time()
            of_arch(x, model, distribution).fit(disp="off", show_warning=False)
            arch.append(time.process_time() - begin)
        peer = statistics.median(arch)
        cold = clock(lambda m=model, d=distribution: sa.fit_garch(base, m, d), 5) / fits
        warm = clock(lambda m=model, d=distribution, s=first: sa.fit_garch(bar, m, d, s), 5) / fits
        later = clock(lambda m=model, d=distribution, s=first: sa.fit_garch(day, m, d, s), 5) / fits
        large = clock(lambda m=model, d=distribution: sa.fit_garch(whole, m, d), 3)
        panel = sa.fit_garch(whole, model, distribution)
        large_warm = clock(lambda p=panel: p.refit(), 3)
        row = np.zeros(1678)
        update = clock(lambda p=panel, r=row: [p.update(r) for _ in range(200)], 3) / 200
        print(
            f"| {model} {distribution} | {peer * 1e3:.1f} | {cold * 1e3:.3f} | x{peer / cold:.0f} "
            f"| {warm * 1e3:.3f} "
            f"| x{peer / warm:.0f} | {later * 1e3:.3f} | x{peer / later:.0f} "
            f"| {large:.2f} | {large_warm:.2f} | {update * 1e6:.0f} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=400, help="rows from one window to the next")
    parser.add_argument("--timed", type=int, default=60, help="windows on which arch is timed")
    chosen = parser.parse_args()
    name, panel = market()
    returns = pd.DataFrame(panel.log_returns(), index=panel.times, columns=panel.assets)
    values = windows(returns, chosen.every)
    print(
        f"{name}: {values.shape[1]} windows of {DEPTH} rows; "
        f"{platform.processor() or platform.machine()}"
    )
    print(
        ", ".join(
            f"{package} {version(package)}" for package in ("numpy", "numba", "arch", "scipy")
        )
    )
    tables, parity = {}, {}
    for kind in KINDS:
        tables[kind], parity[kind] = quality(values, *kind)
        assert parity[kind] < 1e-8, f"the likelihoods of {kind} do not agree: {parity[kind]}"
    print_quality(tables, parity)
    print_times(returns, chosen.every, chosen.timed)


if __name__ == "__main__":
    main()

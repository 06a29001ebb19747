"""Speed of the imputations at full size, 1678 assets x 18,752 steps, beside pandas, statsmodels and
scikit-learn.

python research/benchmarks/imputation.py            # minutes, 4 GB of memory
python research/benchmarks/imputation.py --assets 200 --days 10
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
import pandas as pd
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - makes the next import possible
from sklearn.impute import IterativeImputer
from statsmodels.tsa.statespace.sarimax import SARIMAX

import statarb as sa
from statarb.data.imputation.autoregression import fit_autoregression, most_likely_path

TARGETS = {
    "lvcf": "2 s",
    "lint": "2 s",
    "r1": "5 min on two cores",
    "marx1": "5 min on two cores",
    "ar5x": "5 min on two cores",
}


def seconds_of(work: Callable[[], object], repeats: int = 3) -> float:
    """Return the median time of some runs."""
    taken = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def prices_alone(panel: sa.Panel) -> sa.Panel:
    """Return the panel with quoted prices and nothing else."""
    return panel.with_arrays({"price": panel.array("price")}, rows=panel.rows)


def check_parity(panel: sa.Panel) -> None:
    """See that the fast paths give what the peers give, before any clock runs."""
    part = panel.between(None, panel.times[600]).select(panel.assets[:20])
    price = part.price
    pd.testing.assert_frame_equal(sa.impute(part, "lvcf").price, price.ffill(), check_freq=False)
    straight = price.interpolate(method="time", limit_area="inside").ffill()
    pd.testing.assert_frame_equal(
        sa.impute(part, "lint").price, straight, check_freq=False, rtol=1e-12
    )
    logs = np.log(price.iloc[:, 0].dropna().to_numpy())
    logs[100:110] = logs[300:301] = np.nan
    constant, phi = fit_autoregression(logs, 5)
    path = most_likely_path(logs - constant / (1 - phi.sum()) * np.arange(len(logs)), 0.0, phi)
    np.testing.assert_allclose(
        path[95:],
        smoothed(logs - constant / (1 - phi.sum()) * np.arange(len(logs)), phi)[95:],
        atol=1e-7,
    )
    print("parity with pandas and statsmodels: ok\n")


def smoothed(logs: np.ndarray, phi: np.ndarray) -> np.ndarray:
    """Return what statsmodels' Kalman smoother makes of a series with holes, at given
    coefficients.
    """
    model = SARIMAX(
        logs, order=(5, 1, 0), simple_differencing=False, initialization="approximate_diffuse"
    )
    state = model.smooth(np.append(phi, 1e-5)).smoothed_state
    return np.asarray(state[0] + state[1])


def full_size(panel: sa.Panel) -> None:
    """Time every method that is meant for the whole universe."""
    print(f"{panel}\n")
    print("| method | one worker, s | two workers, s | target |\n|---|---|---|---|")
    for method, target in TARGETS.items():
        quick = method in ("lvcf", "lint")
        alone = seconds_of(lambda method=method: sa.impute(panel, method), 5 if quick else 1)
        both = (
            ""
            if quick
            else f"{seconds_of(lambda method=method: sa.impute(panel, method, n_jobs=2), 1):.1f}"
        )
        print(f"| {method} | {alone:.2f} | {both} | {target} |", flush=True)
    print(
        f"\nlargest memory so far: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} "
        "GB\n"
    )


def peers(panel: sa.Panel) -> None:
    """Time what else does the same."""
    price = panel.price
    print("| work | statarb, s | peer, s | ratio |\n|---|---|---|---|")
    grid_only = prices_alone(panel)
    rows = [
        (
            "lvcf, whole universe",
            lambda: sa.impute(grid_only, "lvcf"),
            "pandas ffill",
            lambda: price.ffill(),
        ),
        (
            "lint, whole universe",
            lambda: sa.impute(grid_only, "lint"),
            "pandas interpolate",
            lambda: price.interpolate(limit_area="inside"),
        ),
    ]
    counts = panel.observed_array.sum(axis=0)
    densest = panel.assets[np.argsort(-counts, kind="stable")[:20]]
    logs = np.log(price[densest[0]].loc[price[densest[0]].first_valid_index() :].to_numpy())
    constant, phi = fit_autoregression(logs, 5)
    rows.append(
        (
            "most likely path of one asset, given AR(5)",
            lambda: most_likely_path(logs, constant, phi),
            "statsmodels SARIMAX.smooth",
            lambda: smoothed(logs, phi),
        )
    )
    small = prices_alone(panel.select(densest))
    returns = np.diff(np.log(small.price.to_numpy()), axis=0)
    returns = returns[np.isfinite(returns).any(axis=1)]
    rows.append(
        (
            "r1, 20 assets",
            lambda: sa.impute(small, "r1"),
            "scikit-learn IterativeImputer, one round",
            lambda: IterativeImputer(max_iter=1, tol=1e9, random_state=0).fit_transform(returns),
        )
    )
    for what, own, peer_name, peer in rows:
        ours, theirs = seconds_of(own), seconds_of(peer, 1)
        print(
            f"| {what} / {peer_name} | {ours:.4f} | {theirs:.3f} | {theirs / ours:.1f} x |",
            flush=True,
        )
    hidden = np.random.default_rng(0).random(small.array("price").shape) < 0.05
    thinned = small.with_arrays({"price": np.where(hidden, np.nan, small.array("price"))})
    print("\n| 20 assets, whole span, 5 % of the quotes hidden | s | target |\n|---|---|---|")
    for method in ("np100", "mlp"):
        print(
            f"| {method} | {seconds_of(lambda method=method: sa.impute(thinned, method)):.1f} | 2 "
            "min |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--assets", type=int, default=1678)
    parser.add_argument("--days", type=float, default=18_752 / 288)
    given = parser.parse_args()
    panel = prices_alone(sa.simulate_market(assets=given.assets, days=given.days, seed=0))
    print(
        ", ".join(
            f"{name} {version(name)}"
            for name in ("numpy", "pandas", "numba", "statsmodels", "scikit-learn")
        ),
        "\n",
    )
    check_parity(panel)
    for method in TARGETS:
        sa.impute(panel.between(None, panel.times[100]), method)
    full_size(panel)
    peers(panel)


if __name__ == "__main__":
    main()

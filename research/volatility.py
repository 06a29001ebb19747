"""Which volatility model forecasts 5-minute returns best: losses, unbiasedness and value-at-risk
coverage, asset by asset.

Run: ``python research/volatility.py [--slow] [--refit 7D] [--start 2018-01-29]``. Reads the real
quotes from the folder in STATARB_CASE_DATA (by default ../shared/case); takes a synthetic market
where they are absent. ``--slow`` adds models of arch, fitted one series after the other, once a
week and not once a day as ours are: minutes for 20 assets. GARCH and GJR once a week stand beside
them, so that schedules are not mistaken for models.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import statarb as sa
from statarb.volatility import (
    arch_forecaster,
    christoffersen,
    kupiec,
    mincer_zarnowitz,
    qlike,
    squared_error,
    value_at_risk,
)

LEVEL = 0.01
Rolling = Callable[[sa.Panel], pd.DataFrame]


def market() -> tuple[str, sa.Panel]:
    folder = Path(
        os.environ.get("STATARB_CASE_DATA", Path(__file__).resolve().parents[2] / "shared" / "case")
    )
    quotes = folder / "quotes_20coins_to_2018-02-28.csv.gz"
    if quotes.is_file():
        return "20 real coins", sa.read_quotes(quotes, coins=folder / "CSVData_coin.csv")
    return "synthetic market", sa.simulate_market(assets=20, days=40, seed=0)


def panel_returns(panel: sa.Panel) -> pd.DataFrame:
    """Each asset's log return from its last quote, rows x assets."""
    return pd.DataFrame(panel.log_returns(), index=panel.times, columns=panel.assets)


def constant(panel: sa.Panel) -> pd.DataFrame:
    """Root mean square of all returns of the last 2016 rows."""
    return np.sqrt((panel_returns(panel) ** 2).rolling(2016, min_periods=50).mean())


def models(slow: bool, refit: str) -> dict[str, Rolling]:
    rolling = sa.rolling_volatility
    chosen: dict[str, Rolling] = {
        "constant": constant,
        "EWMA .94": lambda panel: rolling(panel, "ewma", on="rows"),
        "EWMA .98": lambda panel: rolling(panel, "ewma", decay=0.98, on="rows"),
        "GARCH normal": lambda panel: rolling(panel, "garch", "normal", on="rows"),
        "GJR normal": lambda panel: rolling(panel, "gjr", "normal", on="rows"),
        "GARCH t": lambda panel: rolling(panel, "garch", "t", on="rows"),
        "GJR t": lambda panel: rolling(panel, "gjr", "t", on="rows"),
    }
    if slow:
        for model in ("garch", "gjr"):
            chosen[f"{model.upper()} t, {refit}"] = lambda panel, model=model: rolling(
                panel, model, "t", refit_every=refit, on="rows"
            )
        for name, forecaster in (
            ("HAR", arch_forecaster("har")),
            ("EGARCH t", arch_forecaster("egarch", "t")),
            ("APARCH t", arch_forecaster("aparch", "t")),
            ("FIGARCH t", arch_forecaster("figarch", "t")),
        ):
            chosen[f"{name}, {refit}"] = lambda panel, model=forecaster: rolling(
                panel, model, refit_every=refit, on="rows"
            )
    return chosen


def evaluate(returns: pd.DataFrame, sigma: pd.DataFrame) -> dict[str, float]:
    """Means over assets, of forecasts made one row before the returns."""
    loss, error, slope, rejected, rates, kupiec_no, chain_no = [], [], [], [], [], [], []
    for asset in returns:
        known = returns[asset].notna() & (sigma[asset] > 0.0)
        r, s = returns[asset][known], sigma[asset][known]
        unit = float((r**2).mean())
        loss.append(qlike(r**2 / unit, s**2 / unit))
        error.append(squared_error(r**2 / unit, s**2 / unit))
        regression = mincer_zarnowitz(r**2, s**2)
        slope.append(regression.slope)
        rejected.append(regression.pvalue < 0.05)
        # The quantile of the standardised returns seen in the last 2016 rows, times the forecast:
        # tails need no assumption.
        quantile = (r / s).rolling(2016, min_periods=500).quantile(LEVEL).shift(1)
        hits = (r < quantile * s)[quantile.notna()]
        normal = (r < value_at_risk(s, LEVEL))[quantile.notna()]
        rates.append((hits.mean(), normal.mean()))
        kupiec_no.append(kupiec(hits, LEVEL).pvalue < 0.05)
        chain_no.append(christoffersen(hits, kind="independence").pvalue < 0.05)
    historical, normal_rate = np.mean(rates, axis=0)
    return {
        "QLIKE": float(np.mean(loss)),
        "QLIKE, median": float(np.median(loss)),
        "MSE": float(np.mean(error)),
        "MZ slope": float(np.median(slope)),
        "MZ rejects": float(np.mean(rejected)),
        "VaR 1 %, normal": normal_rate,
        "VaR 1 %, filtered": historical,
        "Kupiec rejects": float(np.mean(kupiec_no)),
        "independence rejects": float(np.mean(chain_no)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--slow", action="store_true", help="also models of arch, one series after the other"
    )
    parser.add_argument(
        "--refit", default="7D", help="span of time between two fits of the models of --slow"
    )
    parser.add_argument(
        "--start",
        help="first time evaluated; by default two thirds of a window after the first row",
    )
    chosen = parser.parse_args()
    name, panel = market()
    returns = panel_returns(panel)
    start = (
        pd.Timestamp(chosen.start) if chosen.start else returns.index[min(2016, len(returns) // 3)]
    )
    rows, forecasts = {}, {}
    for label, rolling in models(chosen.slow, chosen.refit).items():
        begin = time.perf_counter()
        forecasts[label] = rolling(panel).shift(1)
        seconds = time.perf_counter() - begin
        rows[label] = {
            **evaluate(returns.loc[start:], forecasts[label].loc[start:]),
            "seconds": seconds,
        }
        print(f"{label}: {seconds:.1f} s", file=sys.stderr, flush=True)
    table = pd.DataFrame(rows).T
    print(
        f"{name}, {len(returns.loc[start:])} rows from {start}; returns in units of each asset's "
        "standard deviation;"
    )
    print(
        "QLIKE, MSE and rates are means over assets, the Mincer-Zarnowitz (MZ) slope is a median, "
        "rejections are shares of assets"
    )
    print(table.round(3).to_string())
    later = returns.loc[start:]
    best = pd.DataFrame(
        {
            label: {
                c: qlike(later[c] ** 2, sigma[c].loc[start:].where(sigma[c].loc[start:] > 0) ** 2)
                for c in later
            }
            for label, sigma in forecasts.items()
        }
    ).idxmin(axis=1)
    print(
        "\nLowest QLIKE, number of assets: "
        + ", ".join(f"{model} {count}" for model, count in best.value_counts().items())
    )


if __name__ == "__main__":
    main()

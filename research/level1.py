"""The case's forecasting task on the real quotes: the best method, the hard assets, the effect of
each step of preparation, anomalies of the data.

    STATARB_CASE_DATA=FOLDER python research/level1.py [--quick | --all]

Walks every forecaster one step at a time from 2018-01-25 to the end of the rows, and prints tables
by model, by asset and by block, then the answers to the four questions of the case. ``--quick``
leaves the learned models out, ``--all`` adds the slow ones (ARIMA, support vectors).
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import statarb as sa
import statarb.investors  # registers garch_ridge
from statarb.forecasting import (
    CrossAssetRidge,
    DirectionShaped,
    LastValue,
    ReducedRankRidge,
    forecast_score,
    make_forecaster,
    run_forecasts,
)
from statarb.forecasting.compare import compare_forecasts
from statarb.forecasting.features import moves

CASE = Path(os.environ.get("STATARB_CASE_DATA", "../shared/case"))
START = "2018-01-25"
BLOCK = 288
BLOCKS = 29
QUICK = (
    "last_value",
    "drift",
    "ar",
    "exponential_smoothing",
    "var",
    "vecm",
    "ridge",
    "reduced_rank_ridge",
    "hannan_rissanen_ridge",
    "linear_ensemble",
    "innovation_ensemble",
    "case_default",
)
LEARNED = ("garch_ridge", "mlp", "case_stacked", "boosting", "ensemble")
SLOW = ("arima", "svr")


def blocks(panel: sa.Panel) -> list[tuple[pd.Timestamp, pd.Timestamp]]:
    """The first 29 test periods of 288 observed rows, one after the other."""
    seen = panel.times[panel.times >= START]
    return [
        (seen[first], seen[first + BLOCK - 1]) for first in range(0, len(seen) - BLOCK + 1, BLOCK)
    ][:BLOCKS]


def walk(name: str, panel: sa.Panel) -> tuple[pd.DataFrame, pd.DataFrame, float]:
    """Forecasts of one model, raw and shaped, and the time of a step."""
    forecaster = make_forecaster(name)
    shaped = forecaster if isinstance(forecaster, DirectionShaped) else DirectionShaped(forecaster)
    run = run_forecasts(shaped, panel, START, refit_every=forecaster.refit_every, progress=True)
    return run.unshaped, run.forecasts, float(run.seconds.mean())


def league(
    panel: sa.Panel, names: tuple[str, ...]
) -> tuple[pd.DataFrame, dict[str, pd.DataFrame], dict[str, float]]:
    """Table of all models, raw and shaped."""
    forecasts, seconds = {}, {}
    for name in names:
        raw, shaped, each = walk(name, panel)
        forecasts[name], forecasts[f"{name}, shaped"] = raw, shaped
        seconds[name] = seconds[f"{name}, shaped"] = each
    return (
        compare_forecasts(panel.price, forecasts, blocks(panel), seconds, draws=500),
        forecasts,
        seconds,
    )


def variants(panel: sa.Panel) -> pd.DataFrame:
    """Effect of each step of the preparation on the ridge."""
    choices = {
        "quoted prices, lag 1, returns as they are": CrossAssetRidge(
            1, field="price", scale_rows=None, clip=None, skip_stale=False
        ),
        "+ lag 2": CrossAssetRidge(2, field="price", scale_rows=None, clip=None, skip_stale=False),
        "+ unrounded prices": CrossAssetRidge(2, scale_rows=None, clip=None, skip_stale=False),
        "+ returns in units of their recent size": CrossAssetRidge(2, clip=None, skip_stale=False),
        "+ clipped at 3": CrossAssetRidge(2, skip_stale=False),
        "+ stale rows skipped": CrossAssetRidge(2),
        "+ shrunk towards common moves": ReducedRankRidge(),
    }
    rows = []
    for name, forecaster in choices.items():
        run = run_forecasts(DirectionShaped(forecaster), panel, START)
        raw = forecast_score(panel.price, run.unshaped, blocks(panel), float(run.seconds.mean()))
        shaped = forecast_score(
            panel.price, run.forecasts, blocks(panel), float(run.seconds.mean())
        )
        rows.append({"preparation": name, "M": raw.M, "D": raw.D, "Z": raw.Z, "Z shaped": shaped.Z})
    return pd.DataFrame(rows)


def share_of_moves(price: pd.DataFrame, span: tuple[pd.Timestamp, pd.Timestamp]) -> pd.Series:
    """Share of an asset's neighbouring quotes of a block that differ, in percent: the directional
    symmetry of a forecast that is always right.
    """
    inside = price.loc[span[0] : span[1]]
    return pd.Series(
        {asset: 100.0 * (inside[asset].dropna().diff().iloc[1:] != 0.0).mean() for asset in inside}
    )


def by_asset(panel: sa.Panel, forecast: pd.DataFrame) -> pd.DataFrame:
    """Scores of each asset beside what makes it hard."""
    spans = blocks(panel)
    score = forecast_score(panel.price, forecast, spans, 0.0)
    simple = forecast_score(
        panel.price, run_forecasts(LastValue(), panel, START).forecasts, spans, 0.0
    )
    moved = pd.concat([share_of_moves(panel.price, span) for span in spans], axis=1).mean(axis=1)
    table = pd.DataFrame(
        {
            "symbol": panel.table["symbol"],
            "M": score.mape.mean(axis=1),
            "D": score.directional_symmetry.mean(axis=1),
        }
    )
    table["M last value"] = simple.mape.mean(axis=1)
    table["better by %"] = 100.0 * (1.0 - table["M"] / table["M last value"])
    table["flat %"] = 100.0 - moved
    table["D possible"] = moved
    table["hit rate of moves %"] = 100.0 * table["D"] / table["D possible"]
    return table.sort_values("hit rate of moves %")


def anomalies(panel: sa.Panel) -> list[str]:
    """Facts about the quotes, in words."""
    past = moves(panel, scale_rows=None, clip=None)
    steps = pd.Series(np.diff(panel.times.to_numpy()) / panel.step.to_timedelta64())
    longest = steps.max() * panel.step
    returns = pd.DataFrame(past.returns[1:], columns=panel.assets)
    own = {asset: returns[asset].autocorr(1) for asset in panel.assets}
    high, low = max(own, key=lambda asset: own[asset]), min(own, key=lambda asset: own[asset])
    return [
        f"{100.0 * (1.0 - len(panel.times) / len(panel.grid)):.1f} % of the grid has no row; the "
        f"longest gap lasts {longest}",
        f"{100.0 * (1.0 - past.fresh[1:].mean()):.1f} % of rows repeat the row before for every "
        "asset",
        f"lag 1 autocorrelation of returns from {own[low]:.2f} ({panel.table['symbol'][low]}) to "
        f"{own[high]:.2f} "
        f"({panel.table['symbol'][high]}): quotes are averages that lag the market",
    ]


def main() -> None:
    panel = sa.read_quotes(
        CASE / "quotes_20coins_to_2018-02-28.csv.gz", coins=CASE / "CSVData_coin.csv"
    )
    words = sys.argv[1:]
    names = (
        *QUICK,
        *(LEARNED if "--quick" not in words else ()),
        *(SLOW if "--all" in words else ()),
    )
    pd.set_option("display.width", 180)
    show = {"index": False, "float_format": lambda value: f"{value:.4f}"}
    table, forecasts, _ = league(panel, names)
    print(f"\nModels, {len(blocks(panel))} blocks of {BLOCK} observed rows from {START}\n")
    print(table.to_string(**show))
    steps = variants(panel)
    print("\nPreparation, ridge\n")
    print(steps.to_string(**show))
    best = str(table["model"].iloc[0])
    assets = by_asset(panel, forecasts[best])
    print(f"\nCoins, {best}\n")
    print(assets.to_string(float_format=lambda value: f"{value:.3f}"))
    days = forecast_score(panel.price, forecasts[best], blocks(panel), 0.0)
    print(f"\nBlocks, {best}\n")
    start = [f"{first:%m-%d %H:%M}" for first, _ in blocks(panel)]
    means = {"M": days.mape.mean().to_numpy(), "D": days.directional_symmetry.mean().to_numpy()}
    print(pd.DataFrame({"from": start, **means}).to_string(**show))
    for answer in answers(panel, table, steps, assets):
        print("\n" + answer)


def answers(
    panel: sa.Panel, table: pd.DataFrame, steps: pd.DataFrame, assets: pd.DataFrame
) -> list[str]:
    """The four questions of the case, from the figures of this run."""
    first, last = steps.iloc[0], steps.iloc[-1]
    simple, top, second = table.set_index("model").loc["last_value"], table.iloc[0], table.iloc[1]

    def named(labels: pd.Index, column: str) -> str:
        return ", ".join(
            f"{assets.symbol[asset]} {assets[column][asset]:.1f} %" for asset in labels
        )

    rate = "hit rate of moves %"
    return [
        "Data preparation. From returns of quotes as they are to the last line of the table, Z "
        "(shaped) goes from "
        f"{first['Z shaped']:.2f} to {last['Z shaped']:.2f}, raw MAPE from {first['M']:.4f} to "
        f"{last['M']:.4f}.",
        f"Best method. {top.model}: Z {top.Z:.2f}, MAPE {top.M:.4f}, DS {top.D:.2f}, R "
        f"{top.R:.3f}, U {top.U:.5f}; the last "
        f"value has Z {simple.Z:.2f}, MAPE {simple.M:.4f}, DS {simple.D:.2f}. Second, "
        f"{second.model}, is "
        f"{-second.behind_best:.2f} behind, the 95 % interval of the difference "
        f"[{second.behind_low:.2f}, "
        f"{second.behind_high:.2f}].",
        "Hardest assets. By the share of their moves whose direction was forecast: "
        f"{named(assets.index[:3], rate)}; "
        f"easiest: {named(assets.index[-3:], rate)}. Unchanged quotes always count as misses: "
        f"{named(assets['flat %'].nlargest(3).index, 'flat %')}.",
        "Anomalies. " + "; ".join(anomalies(panel)) + ".",
    ]


if __name__ == "__main__":
    main()

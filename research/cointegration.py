"""Size and power of every test of cointegration, and what the scan of all pairs sees among the real
coins.

Prints tables of size (nothing is cointegrated: the share of rejections should be .05), of power by
half-life and on the planted groups of the synthetic market, and what the scan finds on the real
quotes: beside quotes whose returns were drawn anew in short blocks, and whether a pair found in one
week is found again in the next. The sentences at the end are computed from the figures.

    python research/cointegration.py [--markets 40] [--draws 60] [--case FOLDER] [--seed 0]
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd

import statarb as sa
from statarb.cointegration import OrnsteinUhlenbeck, fit_ou, phillips_ouliaris, scan_johansen

ROWS = 2016
ASSETS = 10
LEVEL = 0.05
USDT = 1474

Walks = Callable[[np.random.Generator], np.ndarray]


# -- markets without cointegration -----------------------------------------------------------------


def iid(rng: np.random.Generator) -> np.ndarray:
    return 0.01 * np.cumsum(rng.normal(size=(ROWS, ASSETS)), axis=0)


def bounce(rng: np.random.Generator) -> np.ndarray:
    return iid(rng) + 0.01 * rng.choice([-1.0, 1.0], size=(ROWS, ASSETS))


def garch(rng: np.random.Generator) -> np.ndarray:
    shocks = rng.standard_t(4.2, size=(ROWS + 500, ASSETS)) / np.sqrt(4.2 / 2.2)
    variance = np.ones(ASSETS)
    returns = np.empty(shocks.shape)
    for t, shock in enumerate(shocks):
        returns[t] = np.sqrt(variance) * shock
        variance = 0.002 + 0.085 * returns[t] ** 2 + 0.913 * variance
    return 0.01 * np.cumsum(returns[500:], axis=0)


def stale(rng: np.random.Generator) -> np.ndarray:
    walks = pd.DataFrame(iid(rng))
    return walks.where(rng.random((ROWS, ASSETS)) < 0.4).ffill().bfill().to_numpy()


def factors(rng: np.random.Generator) -> np.ndarray:
    common = 0.01 * np.cumsum(rng.normal(size=(ROWS, 3)) * [1.0, 0.5, 0.3], axis=0)
    return common @ rng.uniform(0.3, 1.5, size=(3, ASSETS)) + 0.6 * iid(rng)


def market(rng: np.random.Generator, assets: int = ASSETS) -> np.ndarray:
    panel = sa.simulate_market(assets=22, days=9, seed=int(rng.integers(2**31)))
    liquid = [asset for asset in panel.assets[:20] if asset != USDT][:assets]
    return np.log(panel.select(liquid).window(panel.times[-1], ROWS).last_known("unrounded"))


NULLS: dict[str, Walks] = {
    "iid": iid,
    "bounce": bounce,
    "GARCH": garch,
    "stale": stale,
    "3 factors": factors,
    "synthetic": market,
}


# -- tests -----------------------------------------------------------------------------------------


def rejections(levels: np.ndarray, pairs: list[tuple[int, int]] | None = None) -> dict[str, float]:
    """Share of rejections of every test among the pairs (all, or those named)."""
    scans = {
        name: sa.scan_pairs(levels, lags, 12, pairs=pairs) for name, lags in ENGLE_GRANGER.items()
    }
    out = {f"EG {name}": float(np.mean(scan.pvalue < LEVEL)) for name, scan in scans.items()}
    best = scans["AIC"].filter(one_direction=True)
    out["EG AIC, better of both"] = float(np.mean(best.pvalue < LEVEL))
    named = None if pairs is None else {frozenset(pair) for pair in pairs}
    for lags in (1, 12):
        scan = scan_johansen(levels, lags, trend="ci")  # prices over days have no drift to speak of
        kept = np.array(
            [named is None or frozenset(pair) in named for pair in zip(scan.y, scan.x, strict=True)]
        )
        out[f"Johansen {lags}"] = float(np.mean(scan.rank(LEVEL)[kept] > 0))
    some = pairs if pairs is not None else [(0, 1), (2, 3), (4, 5), (6, 7)]
    out["Phillips-Ouliaris"] = float(np.mean(phillips_ouliaris(levels, some)["pvalue"] < LEVEL))
    return out


ENGLE_GRANGER = {"0 lags": 0, "1 lag": 1, "AIC": "aic", "BIC": "bic"}


def size_table(markets: int, seed: int) -> pd.DataFrame:
    """Share of rejections without cointegration, and how often an adjusted scan of a whole market
    finds anything at all.
    """
    rows = {}
    for number, (name, make) in enumerate(NULLS.items()):
        found = []
        for market in range(markets):
            levels = make(np.random.default_rng([seed, number, market]))
            row = rejections(levels)
            for fdr in ("bh", "by"):
                scan = sa.scan_pairs(levels, fdr=fdr)  # type: ignore[arg-type]
                row[f"any by {fdr.upper()}"] = float(len(scan.filter(pvalue_adjusted=LEVEL)) > 0)
            found.append(row)
        rows[name] = pd.DataFrame(found).mean()
    return pd.DataFrame(rows).T


def power_by_half_life(markets: int, seed: int) -> pd.DataFrame:
    """Share of planted pairs found: y = x + a reverting spread that is as wide as x moves in 20
    steps, with bounce on both.
    """
    rows = {}
    for half_life in (6, 36, 144, 576):
        process = OrnsteinUhlenbeck.of(
            0.0, np.log(2.0) / half_life, 0.01 * np.sqrt(20.0 * 2.0 * np.log(2.0) / half_life)
        )
        found = []
        for market in range(markets):
            rng = np.random.default_rng([seed, half_life, market])
            levels = iid(rng)
            levels[:, 1::2] = levels[:, ::2] + np.column_stack(
                [process.simulate(ROWS, seed=rng) for _ in range(ASSETS // 2)]
            )
            levels += 0.005 * rng.choice([-1.0, 1.0], size=levels.shape)
            found.append(rejections(levels, [(2 * k + 1, 2 * k) for k in range(ASSETS // 2)]))
        rows[f"half-life {half_life}"] = pd.DataFrame(found).mean()
    return pd.DataFrame(rows).T


def power_on_the_market(markets: int, seed: int) -> tuple[pd.Series, dict[str, float]]:
    """Power on the synthetic market's pair and triple, and what an adjusted scan of all its assets
    finds in a week.
    """
    found, counts = [], []
    for number in range(markets):
        panel = sa.simulate_market(assets=30, days=9, seed=seed * 1000 + number)
        window = panel.window(panel.times[-1], ROWS)
        logs = pd.DataFrame(np.log(window.last_known("unrounded")), columns=window.assets)
        groups = {group["name"]: group["assets"] for group in panel.metadata["planted"]}
        thin = set(panel.metadata["thin"])
        x, y = groups["pair"]
        found.append(rejections(logs[[y, x]].to_numpy(), [(0, 1)]))
        quoted = logs.loc[:, logs.notna().mean() > 0.9].drop(columns=USDT)
        kept = sa.scan_pairs(quoted).filter(pvalue_adjusted=LEVEL, one_direction=True).to_frame()
        pairs = [{one, other} for one, other in zip(kept["y"], kept["x"], strict=True)]
        wrong = [pair for pair in pairs if pair != {x, y} and not pair <= set(groups["triple"])]
        counts.append(
            {
                "pair": {x, y} in pairs,
                "triple": sa.johansen(logs[groups["triple"]], 12, trend="ci").rank() >= 1,
                "false, liquid": sum(not pair & thin for pair in wrong),
                "false, thin": sum(bool(pair & thin) for pair in wrong),
            }
        )
    return pd.DataFrame(found).mean(), pd.DataFrame(counts).astype(float).mean().to_dict()


# -- real coins ------------------------------------------------------------------------------------


def resampled(levels: np.ndarray, rng: np.random.Generator, length: int = 12) -> np.ndarray:
    """Draw returns anew in blocks of ``length`` rows, all assets together: correlations stay, ties
    between levels do not.
    """
    returns = np.diff(levels, axis=0)
    starts = rng.integers(0, len(returns), size=len(returns) // length + 1)
    place = (starts[:, None] + np.arange(length)).ravel()[: len(returns)] % len(returns)
    return np.vstack([levels[:1], levels[0] + np.cumsum(returns[place], axis=0)])


def lasting(
    rejected: list[np.ndarray], rng: np.random.Generator, draws: int = 999
) -> tuple[float, float, float]:
    """Share of a week's rejections that reject again in the next; the same after assets have
    changed places; and its p-value.
    """
    found = float(np.sum([one.sum() for one in rejected[:-1]]))
    again = np.sum([(one & two).sum() for one, two in pairwise(rejected)]) / found
    shuffled = []
    for _ in range(draws):
        place = rng.permutation(len(rejected[0]))
        shuffled.append(
            np.sum([(one & two[np.ix_(place, place)]).sum() for one, two in pairwise(rejected)])
            / found
        )
    return (
        float(again),
        float(np.mean(shuffled)),
        (1.0 + float(np.sum(np.array(shuffled) >= again))) / (1.0 + draws),
    )


def real_coins(panel: sa.Panel, draws: int, seed: int) -> list[str]:
    """What the scan finds in neighbouring windows of the real coins, with and without USDT, against
    resampled windows.
    """
    chance, rejected, table = [], [], []
    simulated = [
        float(np.mean(sa.scan_pairs(market(np.random.default_rng([seed, k]), 19)).pvalue < LEVEL))
        for k in range(draws)
    ]
    for number, end in enumerate(panel.times[ROWS - 1 :: ROWS]):
        window = panel.window(end, ROWS)
        logs = pd.DataFrame(np.log(window.last_known("unrounded")), columns=window.assets).bfill()
        others = logs.drop(columns=USDT).to_numpy()
        scan = sa.scan_pairs(others, fdr="by")
        matrix = np.zeros((others.shape[1],) * 2, dtype=bool)
        matrix[scan.y, scan.x] = scan.pvalue < LEVEL
        rejected.append(matrix)
        chance.append(
            [
                float(
                    np.mean(
                        sa.scan_pairs(
                            resampled(others, np.random.default_rng([seed, number, k]))
                        ).pvalue
                        < LEVEL
                    )
                )
                for k in range(draws)
            ]
        )
        with_usdt = sa.scan_pairs(
            logs, pairs=[(USDT, asset) for asset in logs if asset != USDT]
        ).to_frame()
        table.append(
            {
                "window to": f"{end:%m-%d %H:%M}",
                "share p<.05": float(np.mean(scan.pvalue < LEVEL)),
                "resampled": np.mean(chance[-1]),
                "its 95 %": np.quantile(chance[-1], 0.95),
                "BY discoveries": int(np.sum(scan.pvalue_adjusted <= LEVEL)),
                "USDT share": float(
                    (with_usdt.loc[with_usdt["y"] == USDT, "pvalue"] < LEVEL).mean()
                ),
                "USDT half-life": fit_ou(logs[USDT]).half_life,
            }
        )
    weeks = pd.DataFrame(table)
    print(weeks.to_string(index=False, float_format="%.3f"))
    mean, drawn = weeks["share p<.05"].mean(), np.mean(chance, axis=0)
    rng = np.random.default_rng(seed)
    weekly = rng.choice(simulated, size=(9999, len(weeks))).mean(axis=1)
    again, expected, lasts = lasting(rejected, rng)
    usdt = weeks["USDT share"].mean()
    return [
        f"Among the 19 assets without USDT {100 * mean:.1f} % of a week's tests reject at .05, and "
        "after Benjamini-Yekutieli "
        f"{weeks['BY discoveries'].sum()} of {sum(one.size - len(one) for one in rejected)} are "
        "left.",
        "Nothing is cointegrated in windows whose returns are drawn anew, which also loses the "
        "clusters of volatility: "
        f"{100 * drawn.mean():.1f} % reject (p = {_tail(drawn, mean):.3f}). Nothing is in the "
        "synthetic market either, whose "
        f"volatility clusters: {100 * np.mean(simulated):.1f} % reject (p = "
        f"{_tail(weekly, mean):.2f}).",
        f"Of the pairs that reject in one week {100 * again:.1f} % reject in the next; assets that "
        "have changed places give "
        f"{100 * expected:.1f} % (p = {lasts:.2f}).",
        "A tie among the assets without USDT "
        + (
            "lasts beyond chance."
            if lasts < LEVEL
            else "does not last beyond chance: what a week shows is gone in the next."
        ),
        f"USDT {'reverts' if usdt > 0.5 else 'does not clearly revert'} by itself: with it on the "
        f"left {100 * usdt:.0f} % of "
        "the tests reject, whatever is on the right; its half-life is "
        f"{weeks['USDT half-life'].median():.1f} steps.",
    ]


def _tail(null: np.ndarray, value: float) -> float:
    return (1.0 + float(np.sum(null >= value))) / (1.0 + len(null))


def sentences_on(size: pd.DataFrame, power: pd.DataFrame) -> list[str]:
    """Sentences computed from the tables."""
    worst = size.drop(columns=[name for name in size if name.startswith("any")])
    deviation = (worst - LEVEL).abs().max().sort_values()
    zero, aic = size["EG 0 lags"], size["EG AIC"]
    both = size["EG AIC, better of both"]
    return [
        f"Where nothing is cointegrated Engle-Granger without lags rejects up to {zero.max():.2f} "
        f"({zero.idxmax()}), with lags "
        f"by AIC {aic.min():.2f} to {aic.max():.2f}.",
        f"The better of both directions rejects {both.min():.2f} to {both.max():.2f}: it is two "
        "tests.",
        f"The test that stays closest to .05 in every market is {deviation.index[0]} (at most "
        f"{deviation.iloc[0]:.2f} away).",
        f"A pair with a half-life of {power['EG AIC'].idxmin().split()[-1]} rows is seen in "
        f"{power['EG AIC'].min():.2f} of the "
        f"weeks by EG AIC, one of {power['EG AIC'].idxmax().split()[-1]} in "
        f"{power['EG AIC'].max():.2f}.",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--markets", type=int, default=40, help="markets a scenario (default 40)")
    parser.add_argument(
        "--draws", type=int, default=60, help="resampled windows for each real one (default 60)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--case",
        default=os.environ.get("STATARB_CASE_DATA", "../shared/case"),
        help="folder of the real quotes",
    )
    options = parser.parse_args()
    pd.set_option("display.width", 250)
    pd.set_option("display.max_columns", 30)

    print(
        f"Size: share of rejections at .05 without cointegration, {options.markets} markets of "
        f"{ASSETS} assets x {ROWS} rows\n"
    )
    size = size_table(options.markets, options.seed)
    print(size.T.to_string(float_format="%.3f"))
    print("\nPower: share of planted pairs found, by half-life of the spread in rows\n")
    power = power_by_half_life(max(options.markets // 4, 2), options.seed)
    print(power.T.to_string(float_format="%.3f"))
    market, summary = power_on_the_market(options.markets, options.seed)
    print("\nPower on the planted pair of the synthetic market, windows of one week\n")
    print(market.to_string(float_format="%.3f"))
    lines = sentences_on(size, power)
    lines.append(
        "In the synthetic market a scan of 29 assets, adjusted by Benjamini-Hochberg, finds the "
        "planted pair in "
        f"{summary['pair']:.2f} of the weeks, with {summary['false, liquid']:.1f} pairs of liquid "
        "assets and "
        f"{summary['false, thin']:.1f} with a thin asset that were not planted; Johansen's test "
        "with 12 lags finds the planted "
        f"triple in {summary['triple']:.2f}."
    )
    quotes = Path(options.case) / "quotes_20coins_to_2018-02-28.csv.gz"
    if quotes.is_file():
        print("\nReal assets: neighbouring windows of one week, Engle-Granger with lags by AIC\n")
        lines += real_coins(sa.read_quotes(quotes), options.draws, options.seed)
    else:
        lines.append(f"The real quotes are not in {options.case}: give their folder with --case.")
    print("\n" + "\n".join(lines))


if __name__ == "__main__":
    main()

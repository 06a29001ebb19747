"""What is a forecast worth a step later? The gain of the investors that trade on forecasts, against the delay of their trades.

Quotes are averages that follow the market late. Whoever trades at the very quote that a decision looked at earns what the quote
has yet to catch up; the study shows how much of that is left 1, 2, 3 and 4 steps later. Run from the repository's root:

    python research/execution_delay.py                       # the real quotes, see STATARB_CASE_DATA below
    python research/execution_delay.py --market market.parquet --investors stat_arb autonomous

Without either the study runs on a simulated market and says so. Prints a table, and saves ``execution_delay.png`` under --out.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

import statarb as sa
from statarb.investors import make_investor

COLUMNS = {"total_return": "return", "G": "G", "maximum_drawdown": "drawdown", "turnover": "turnover", "fees_paid": "fees"}


def load(market: Path | None) -> tuple[sa.Panel, str]:
    """Return the panel to study, and what it is."""
    if market is not None:
        return sa.Panel.load(market), str(market.name)
    folder = Path(os.environ.get("STATARB_CASE_DATA", Path(__file__).resolve().parents[2] / "shared" / "case"))
    quotes, coins = folder / "quotes_20coins_to_2018-02-28.csv.gz", folder / "CSVData_coin.csv"
    if quotes.is_file():
        return sa.read_quotes(quotes, coins=coins), "the 20 real coins of level 1, 2018-01-17 to 2018-02-28"
    return sa.simulate_market(coins=20, days=15, seed=0), "a simulated market of 20 coins, 15 days (the real quotes are absent)"


def study(panel: sa.Panel, investors: list[str], delays: list[int], start: str, end: str | None) -> pd.DataFrame:
    """Return the figures of each investor at each delay; index: investor, delay in steps."""
    rows = {}
    for name in investors:
        for delay in delays:
            run = sa.walk_forward(make_investor(name), panel, start=start, end=end, decision_lag=delay)
            figures = run.metrics()
            rows[name, delay] = {label: figures[key] for key, label in COLUMNS.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["investor", "delay"])


def markdown(table: pd.DataFrame) -> str:
    """Return the table as text."""
    lines = [
        "| investor | delay (steps) | return | G | largest drawdown | turnover (USD) | fees (USD) |",
        "|---|---|---|---|---|---|---|",
    ]
    for (name, delay), row in zip(table.index, table.to_dict("records"), strict=True):
        lines.append(
            f"| {name} | {delay} | {row['return']:+.1%} | {row['G']:,.0f} | {row['drawdown']:.1%} "
            f"| {row['turnover']:,.0f} | {row['fees']:,.0f} |"
        )
    return "\n".join(lines)


def finding(table: pd.DataFrame) -> str:
    """Say in one sentence what the delay does, from the figures."""
    delays = table.index.get_level_values("delay")
    least = int(delays.min())
    later = table[delays > least]["return"]
    said = []
    for name in table.index.get_level_values("investor").unique():
        gains = table.loc[name]["return"]
        after = gains.drop(least)
        said.append(f"{name} earns {gains[least]:+.0%} at delay {least}, {after.min():+.0%} to {after.max():+.0%} later")
    best = float(later.max())
    verdict = (
        "nothing is earned once a trade comes a step later"
        if best <= 0.0
        else f"the best result with more delay is {best:+.1%}"
    )
    return f"{'; '.join(said)}: {verdict}."


def draw(table: pd.DataFrame, what: str, path: Path) -> None:
    """Draw final wealth, on a logarithmic axis, against the delay."""
    figure = Figure(figsize=(7.0, 4.2), layout="constrained")
    axes = figure.subplots()
    for name, marker in zip(table.index.get_level_values("investor").unique(), "osD^v<>", strict=False):
        gains = table.loc[name]["return"]
        axes.plot(gains.index, np.maximum(1.0 + gains, 1e-4), marker=marker, label=name)
    axes.axhline(1.0, color="0.6", linewidth=0.8)
    axes.set(
        yscale="log", xlabel="delay of the trade (steps)", ylabel="final wealth / start", title=f"Gain against delay\n{what}"
    )
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks(sorted(table.index.get_level_values("delay").unique()))
    axes.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150, metadata={"Software": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--market", type=Path, help="panel to study instead")
    parser.add_argument("--investors", nargs="+", default=["stat_arb", "lead_lag"], help="registered names")
    parser.add_argument(
        "--delays", nargs="+", type=int, default=[0, 1, 2, 3, 4], help="steps between last quote seen and trade"
    )
    parser.add_argument("--start", default="2018-01-25")
    parser.add_argument("--end", default=None)
    parser.add_argument("--out", type=Path, default=Path("runs/studies"), help="folder for the figure")
    given = parser.parse_args()
    if len(set(given.delays)) < 2:
        parser.error(f"--delays must name at least two different delays, got {given.delays}")
    panel, what = load(given.market)
    table = study(panel, given.investors, given.delays, given.start, given.end)
    print(f"{what}; {given.start} to {given.end or panel.now}; net of the fee of {sa.TradingRules().fee:.2%}\n")
    print(markdown(table))
    print(f"\nFinding: {finding(table)}")
    draw(table, what, given.out / "execution_delay.png")


if __name__ == "__main__":
    main()

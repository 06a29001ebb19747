"""Time of one decision of every investor, at 1678 assets and windows of 2016 rows.

Prints two sets of figures for each, in milliseconds: with the assets that it follows by default,
and with all of them active. The first decision is listed apart: a learner then reads the whole
window. Before timing it checks that the answers are portfolios, that the learners give the same
when windows are skipped, and that the minimum variance is that of skfolio where skfolio is
installed.
"""

from __future__ import annotations

import argparse
import importlib.util
import platform
import time

import numpy as np
import pandas as pd

import statarb as sa
from statarb.investors import (
    INVESTORS,
    MinimumVariance,
    OnlineNewtonStep,
    from_skfolio,
    make_investor,
)
from statarb.investors.base import BaseInvestor

DEPTH = 2016
TOO_MUCH = {"ons": 200, "risk_parity": 800}
"""Assets in the second column where all would take seconds: the work grows with their cube."""


def market(assets: int, rows: int, seed: int = 0) -> sa.Panel:
    """A random walk with one factor, a tenth of the cells missing and a fifth of the assets
    thin.
    """
    rng = np.random.default_rng(seed)
    returns = 0.004 * rng.standard_t(4, (rows, 1)) * rng.uniform(
        0.5, 1.5, assets
    ) + 0.003 * rng.standard_t(4, (rows, assets))
    prices = np.exp(np.cumsum(returns, axis=0))
    missing = np.where(np.arange(assets) % 5 == 4, 0.5, 0.02)
    prices[rng.random(prices.shape) < missing] = np.nan
    index = pd.date_range("2018-01-25", periods=rows, freq="5min", unit="us")
    cap = pd.DataFrame(np.broadcast_to(rng.pareto(1.0, assets), prices.shape), index=index)
    return sa.Panel.from_frame(pd.DataFrame(prices, index=index), market_cap=cap)


def variants(name: str) -> list[BaseInvestor]:
    """Return the investor as it is by default and with all assets active, deciding at
    every row.
    """
    plain = make_investor(name)
    params = plain.get_params(deep=False)
    often = {"every": 1} if "every" in params else {}
    made = [plain.clone().set_params(**often)]
    if "max_assets" in params:
        made.append(plain.clone().set_params(max_assets=TOO_MUCH.get(name), **often))
    return made


def milliseconds(
    investor: BaseInvestor, panel: sa.Panel, decisions: int
) -> tuple[float, float, float]:
    """Return the first decision, the median and the slowest of those after it, in ms."""
    held = pd.Series(0.0, index=panel.assets)
    taken = []
    for stamp in panel.times[-decisions - 1 :]:
        window = panel.window(stamp, DEPTH)
        start = time.perf_counter()
        targets = investor.decide(window, held)
        taken.append(time.perf_counter() - start)
        if targets is not None:
            values = targets.to_numpy()
            assert np.isfinite(values).all(), investor.name
            assert values.min(initial=0.0) >= 0.0, investor.name
            assert values.sum() <= 1.0 + 1e-9, investor.name
            held = targets.reindex(panel.assets, fill_value=0.0)
    return 1e3 * taken[0], 1e3 * float(np.median(taken[1:])), 1e3 * max(taken[1:])


def check_parity(panel: sa.Panel) -> None:
    """Learners shown every window, and one in seven, end with the same bits."""
    held = pd.Series(0.0, index=panel.assets)
    for name in (
        "eg",
        "olmar",
        "pamr",
        "cwmr",
        "anticor",
        "universal",
        "corn",
        "follow_the_leader",
    ):
        often, seldom = make_investor(name), make_investor(name)
        for row, stamp in enumerate(panel.times[-15:]):
            window = panel.window(stamp, DEPTH)
            answer = often.decide(window, held)
            if row % 7 == 0:
                assert answer.equals(seldom.decide(window, held)), name
    print("parity: learners give the same answer whether windows are skipped or not")


def against_skfolio(panel: sa.Panel, repeats: int) -> None:
    """Minimum variance of 100 assets, beside skfolio's, on the same sample covariance."""
    if importlib.util.find_spec("skfolio") is None:
        print("skfolio is not installed; its row is left out")
        return
    import skfolio
    from skfolio.optimization import MeanRisk

    held, window = pd.Series(0.0, index=panel.assets), panel.window(panel.times[-1], DEPTH)
    pair = [MinimumVariance(shrink=False, every=1), from_skfolio(MeanRisk(), every=1)]
    weights = [
        one.decide(window, held).reindex(panel.assets, fill_value=0.0).to_numpy() for one in pair
    ]
    filled = pd.DataFrame(panel.last_known()[-DEPTH:])
    returns = filled.pct_change(fill_method=None).fillna(0.0).to_numpy()
    risk = [float(np.var(returns @ one)) for one in weights]
    assert abs(risk[0] / risk[1] - 1.0) < 1e-2, risk
    taken: list[list[float]] = [[], []]
    for _ in range(repeats):
        for place, one in enumerate(pair):
            start = time.perf_counter()
            one.clone().decide(window, held)
            taken[place].append(1e3 * (time.perf_counter() - start))
    ours, theirs = (float(np.median(one)) for one in taken)
    print(
        f"variance of the two portfolios on simple returns: {risk[0]:.6g} and {risk[1]:.6g} (ratio "
        f"{risk[0] / risk[1]:.6f})"
    )
    print(
        f"minimum variance, 100 assets: {ours:.1f} ms, skfolio {skfolio.__version__}: {theirs:.1f} "
        f"ms, x {theirs / ours:.1f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=int, default=1678)
    parser.add_argument("--decisions", type=int, default=15)
    options = parser.parse_args()
    panel = market(options.assets, DEPTH + options.decisions + 1)
    print(
        f"{options.assets} assets x {DEPTH} rows; Python {platform.python_version()}, numpy "
        f"{np.__version__}"
    )
    check_parity(panel)
    assert isinstance(make_investor("ons"), OnlineNewtonStep)
    print(
        "| investor | assets | ms a decision | slowest | first | assets | ms a decision | slowest "
        "| first |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name in sorted(INVESTORS):
        if name == "lead_lag" or INVESTORS[name].hindsight:
            continue
        cells = []
        for investor in variants(name):
            assets = investor.get_params().get("max_assets", "") or options.assets
            first, median, slowest = milliseconds(investor, panel, options.decisions)
            cells += [f"{assets}", f"{median:.2f}", f"{slowest:.1f}", f"{first:.0f}"]
        cells += [""] * (8 - len(cells))
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    against_skfolio(panel, 5)


if __name__ == "__main__":
    main()

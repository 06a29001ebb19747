"""Would a calendar of fundamental events pay? How large an airdrop or fork must be before it is
worth buying an asset for it.

The quotes come without a calendar, so one is planted: two events an asset at random times,
announced a day before, each of which gives the asset's holders a share of its price at the
announcement per unit. One who knows the calendar holds cash, buys up to three steps before an event
whose benefit exceeds the fees of buying and selling, and sells when it has come; one who does not
know it holds all assets in equal parts and is given what comes. Prices do not fall by what is given
away, as real ones often do: this is the most that a calendar can bring. Run from the repository's
root:

    python research/events.py                       # the real quotes, see STATARB_CASE_DATA in
    research/README.md python research/events.py --market synthetic
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
from _studies import LAGS, START, Market, Outcome, by_lag, lag_figure, run_study, scored

import statarb as sa
from statarb.investors import BaseInvestor, make_investor
from statarb.rules import Context

BENEFITS = (0.0, 0.25, 0.5, 1.0, 2.0, 5.0)
QUICK = (0.0, 1.0, 5.0)
PER_ASSET = 2
KNOWS, HOLDS = "knows the calendar", "holds all assets"


@dataclasses.dataclass(eq=False, repr=False)
class Collector(BaseInvestor):
    """Cash, but for assets that are about to give their holders more than the fees of a purchase
    and a sale.

    Parameters
    ----------
    calendar : DataFrame
        Columns ``time, asset, benefit`` (USD per unit), in order of time, known beforehand.
    ahead : int
        Steps before an event from which on the asset is bought; each may add one order.
    """

    calendar: Any
    ahead: int = 3

    def decide(self, window: sa.Panel, holdings: pd.Series, context: Context) -> pd.Series:
        """Return equal weights of the assets that are worth holding over the next steps."""
        trade = context.time
        first, last = self.calendar["time"].searchsorted(
            [trade, trade + self.ahead * window.step], side="right"
        )
        if first == last:
            return pd.Series(dtype=np.float64)
        coming = self.calendar.iloc[first:last]
        price = pd.Series(window.last_known("price")[-1], index=window.assets)
        worth = coming[
            coming["benefit"].to_numpy()
            > 2.0 * context.rules.fee * price[coming["asset"]].to_numpy()
        ]
        chosen = worth["asset"].unique()
        return pd.Series(1.0 / max(len(chosen), 1), index=chosen)


def planted(panel: sa.Panel, share: float, seed: int) -> pd.DataFrame:
    """Return a calendar of ``PER_ASSET`` events per asset, at random times, worth ``share`` of the
    price a day before.

    The price at the event itself would not do: the benefit would tell, at the price of now, where
    the price is going.
    """
    rng = np.random.default_rng(seed)
    known = panel.last_known("price")
    quoted = panel.observed_array
    times = panel.times
    announced = times.searchsorted(times - pd.Timedelta(days=1), side="right") - 1
    rows = []
    for column, asset in enumerate(panel.assets):
        usable = (
            quoted[:, column]
            & (times > START)
            & (announced >= 0)
            & ~np.isnan(known[announced, column])
        )
        places = np.flatnonzero(usable)
        for place in np.sort(rng.choice(places, min(PER_ASSET, len(places)), replace=False)):
            rows.append((times[place], asset, "airdrop", share * known[announced[place], column]))
    return pd.DataFrame(rows, columns=["time", "asset", "kind", "benefit"]).sort_values(
        "time", ignore_index=True
    )


def study(market: Market) -> Outcome:
    """Replay both investors under calendars of growing benefits."""
    panel = market.panel
    rules = sa.TradingRules()
    holder = {
        lag: sa.walk_forward(
            make_investor("equal_weight_hold"), panel, rules, start=START, decision_lag=lag
        )
        for lag in LAGS
    }
    trials = {}
    for benefit in market.settings(BENEFITS, QUICK):
        events = planted(panel, benefit / 100.0, market.seed)
        for lag in LAGS:
            knows = sa.walk_forward(
                Collector(events), panel, rules, start=START, decision_lag=lag, progress=True
            )
            for name, run in ((KNOWS, knows), (HOLDS, holder[lag])):
                account = sa.replay(
                    panel, run.targets, rules, start=run.replay.value.index[0], events=events
                )
                trials[benefit, name, lag] = account.value
    scores = scored(trials, market.draws, market.seed)
    table = by_lag(scores, "benefit, %")
    table["benefit, %"] = table["benefit, %"].map("{:g}".format)
    finding = (
        f"At lag 1 {_gains(scores, 1)}, and at lag 0 {_gains(scores, 0)}; one who holds all assets "
        f"{'gains so under no calendar' if _never(scores) else 'gains so under some'}."
    )
    return Outcome(
        {"Benefit of an event": table},
        lag_figure(scores, "benefit of an event, % of the price"),
        finding,
    )


def _gains(scores: pd.DataFrame, lag: int) -> str:
    """Say from which benefit on one who knows the calendar gains for sure."""
    side = scores[(scores["lag"] == lag) & (scores["investor"] == KNOWS)].sort_values("setting")
    sure = (side["low"] > 0.0).to_numpy()
    if not sure.any():
        return "one who knows the calendar gains beyond chance at no benefit tried"
    least = side["setting"].to_numpy()[np.flatnonzero(sure)[0]]
    return (
        f"one who knows the calendar gains beyond chance from a benefit of {least:g} % of the "
        "price on"
    )


def _never(scores: pd.DataFrame) -> bool:
    """Whether one who holds all assets gains beyond chance under no calendar."""
    return bool((scores.loc[scores["investor"] == HOLDS, "low"] <= 0.0).all())


if __name__ == "__main__":
    run_study(study, __doc__)

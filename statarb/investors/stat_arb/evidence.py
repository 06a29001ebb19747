"""Evidence: what forecasts of several sources and horizons have come to, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.investors.stat_arb.sources import Term
from statarb.investors.track_record import shrunk_slope

__all__ = ["Belief", "Evidence"]


class Belief(NamedTuple):
    """What is expected at a row, and of whom.

    Attributes
    ----------
    expected : (assets,)
        Expected log return from the trade on, of all sources together; NaN where none of them has a
        forecast.
    horizon : float
        Rows over which it is expected: the sum of the sources' largest expected returns, over the
        sum of the same per row of their horizons; 1 where nothing is expected.
    chosen : (sources,)
        Place of the horizon that is used of each source, among all terms.
    shrinkage : (sources,)
        Share of its forecasts that is used, in [0, 1].
    promised : (sources,)
        Sum, over the assets whose expected return is above the fee, of the expected return.
    """

    expected: FloatArray
    horizon: float
    chosen: IntArray
    shrinkage: FloatArray
    promised: FloatArray


class Evidence:
    r"""Track records of sources at several horizons, updated row by row.

    A forecast f of a row is split into the market's part, its mean over the assets, and the rest,
    and so is the realised return o. Each part has a slope of its own,

    .. math::
        b_{\text{rest}} = \frac{\sum_t \sum_i (f_{ti} - \bar f_t)(o_{ti} - \bar o_t)}
        {\sum_t \sum_i (f_{ti} - \bar f_t)^2}, \quad
        b_{\text{market}} = \frac{\sum_t \bar f_t \bar o_t}{\sum_t \bar f_t^2},

    shrunk by its standard error (:func:`statarb.investors.track_record.shrinkage`, with the
    long-run variance of overlapping outcomes). A source that is right about nothing but the market
    has been lucky once a row, not once an asset and row. The market's part is only believed of a
    source whose rest is:

    .. math::
        \hat o_{ti} = k_{\text{rest}} (f_{ti} - \bar f_t) + k_{\text{market}} \bar f_t \;
        \text{where } k_{\text{rest}} > 0, \text{ else } 0

    A slope is an average over all forecasts; those above the fee are what would be traded. Their
    gain is the realised return less the fee, less the market's part too where the source was not
    believed on it, summed over the assets whose shrunk forecast was above the fee. Of a source's
    horizons the one with the largest gain per row is used, and none where no gain is above 0: a
    source is followed on paper first.

    Parameters
    ----------
    terms : sequence of Term
        Sources and horizons.
    assets : int
        Number of assets.
    lag : int
        Rows between the last row seen and the trade.
    length : int
        Rows of a track record; 0 takes every forecast as it is, at the first horizon.
    fee : float
        Share of turnover.

    Attributes
    ----------
    belief : Belief
        What is expected at the newest row; nothing before the first.
    """

    def __init__(
        self, terms: Sequence[Term], assets: int, lag: int, length: int, fee: float
    ) -> None:
        self.terms, self.lag, self.length, self.fee = tuple(terms), lag, length, fee
        self._of_source = [
            [place for place, term in enumerate(terms) if term.source == source]
            for source in range(1 + max(term.source for term in terms))
        ]
        delays = [lag + term.horizon for term in terms]
        self._rows = max(delays) + 1
        self._seen = 0
        self._forecasts = np.full((self._rows, len(terms), assets), np.nan)
        self._expected = np.zeros((self._rows, len(terms), assets))
        self._believed = np.zeros((self._rows, len(terms)), dtype=np.bool_)
        self._log_price = np.full((self._rows, assets), np.nan)
        # sums over the assets of a row: product and square, of the rest and of the market's part
        self._sums = np.zeros((len(terms), 4, max(length, 1)))
        self._gains = np.zeros((len(terms), max(length, 1)))
        self._known = np.zeros(len(terms), dtype=np.int64)
        none = np.zeros(len(self._of_source))
        first = np.array([places[0] for places in self._of_source], dtype=np.int64)
        self.belief = Belief(np.full(assets, np.nan), 1.0, first, none, none)

    def update(self, forecasts: FloatArray, log_price: FloatArray) -> FloatArray:
        """Add a row; :attr:`belief` is then what is expected at it.

        Parameters
        ----------
        forecasts : (terms, assets)
            Expected log returns from the trade on; NaN = none.
        log_price : (assets,)
            Last known at the row; NaN = none yet.

        Returns
        -------
        (terms,)
            What the forecasts whose outcome is now known have earned: the gain of the forecast made
            ``lag + horizon`` rows ago; NaN where there is none yet.
        """
        slot = self._seen % self._rows
        self._forecasts[slot], self._log_price[slot] = forecasts, log_price
        delivered = np.full(len(self.terms), np.nan)
        if self.length > 0:
            for place, term in enumerate(self.terms):
                if self._seen >= self.lag + term.horizon:
                    delivered[place] = self._settle(place, term.horizon, log_price)
        shrinkage = self._shrinkage()
        known = ~np.isnan(forecasts)
        forecast = np.where(known, forecasts, 0.0)
        # the market is every asset that has a price, as it is in the outcomes
        priced = ~np.isnan(log_price)
        market = forecast[:, priced].sum(axis=1, keepdims=True) / max(int(priced.sum()), 1)
        rest, whole = shrinkage[:, :1], np.where(shrinkage[:, :1] > 0.0, shrinkage[:, 1:], 0.0)
        expected = np.where(known, rest * (forecast - market) + whole * market, 0.0)
        self._expected[slot], self._believed[slot] = expected, shrinkage[:, 1] > 0.0
        self._seen += 1
        self.belief = self._combine(expected, known, shrinkage[:, 0])
        return delivered

    def _settle(self, place: int, horizon: int, log_price: FloatArray) -> float:
        """Add the outcome of the forecast made ``lag + horizon`` rows ago; return its gain."""
        made = (self._seen - self.lag - horizon) % self._rows
        traded = (self._seen - horizon) % self._rows
        realised = log_price - self._log_price[traded]
        both = ~np.isnan(realised)
        forecast = np.where(both, self._forecasts[made, place], np.nan)
        column = self._known[place] % self.length
        self._known[place] += 1
        present = ~np.isnan(forecast)
        if not present.any() or not both.any():
            self._sums[place, :, column] = 0.0
            self._gains[place, column] = 0.0
            return 0.0
        share, outcome = np.where(present, forecast, 0.0)[both], realised[both]
        market, moved = share.mean(), outcome.mean()
        rest, apart = share - market, outcome - moved
        self._sums[place, :, column] = rest @ apart, rest @ rest, market * moved, market * market
        earned = outcome if self._believed[made, place] else apart
        bought = self._expected[made, place][both] > self.fee
        gain = float((earned[bought] - self.fee).sum())
        self._gains[place, column] = gain
        return gain

    def _shrinkage(self) -> FloatArray:
        """(terms, 2): of the rest and of the market's part."""
        if self.length == 0:
            return np.ones((len(self.terms), 2))
        found = np.zeros((len(self.terms), 2))
        for place, term in enumerate(self.terms):
            count = int(self._known[place])
            if count == 0:
                continue
            newest = count % self.length if count > self.length else 0
            size = min(count, self.length)
            sums = np.roll(self._sums[place, :, :size], -newest, axis=1)
            for part in range(2):
                found[place, part] = shrunk_slope(
                    sums[2 * part], sums[2 * part + 1], self.length, term.horizon, term.z_threshold
                )
        return found

    def _combine(self, expected: FloatArray, known: BoolArray, shrinkage: FloatArray) -> Belief:
        """Choose a horizon of each source, and add the sources."""
        chosen = np.array([places[0] for places in self._of_source], dtype=np.int64)
        if self.length > 0:
            gains = self._gains.sum(axis=1)
            shrinkage = np.where(gains > 0.0, shrinkage, 0.0)
            per_row = gains / np.array([term.horizon for term in self.terms])
            for source, places in enumerate(self._of_source):
                sound = [place for place in places if shrinkage[place] > 0.0]
                if sound:
                    chosen[source] = max(sound, key=per_row.__getitem__)
        used = np.where(shrinkage[chosen, None] > 0.0, expected[chosen], 0.0)
        total = np.where(known[chosen].any(axis=0), used.sum(axis=0), np.nan)
        size = np.abs(used).max(axis=1)
        spans = np.array([self.terms[place].horizon for place in chosen], dtype=np.float64)
        # rows that all of it takes at the rate at which it is promised now: a promise for the next
        # row is over in one, whatever else is promised for the next hours
        horizon = float(size.sum() / (size / spans).sum()) if size.any() else 1.0
        promised = np.where(used > self.fee, used, 0.0).sum(axis=1)
        return Belief(total, horizon, chosen, shrinkage[chosen], promised)

"""Pairs that a scan kept, and the returns of their legs that they promise."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.typing import FloatArray, IntArray
from statarb.cointegration._engine.kept_pairs import PairLegs, leg_forecasts, spread_moves
from statarb.cointegration.pair_scan import COLUMNS, PairScan

__all__ = ["KeptPairs"]


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class KeptPairs:
    r"""Pairs that a scan kept; made by :meth:`PairsSignal.scans`.

    Parameters
    ----------
    row : int
        Position of the last row of the window that was scanned, among those of the panel.
    time : Timestamp
        Its time, at which the pairs are known.
    assets : Index
        All assets of the panel.
    tests : int
        Tests made, of which the adjustment of the p-values knows.
    reason : str
        Why there is no pair; empty where there is one.
    failed : bool
        Whether no pair could be tested.
    scan : PairScan, optional
        Tests of the pairs kept, best first; none where no scan was made.
    columns : (watched,)
        Places in ``assets`` of the assets that were scanned.
    moves : (4, pairs)
        Mean and standard deviation of each spread, and the slopes :math:`\alpha` of the next log
        return of y and of x on it.

    Notes
    -----
    With the spread's deviation s from its mean and its autoregression
    :math:`b = 1 + \alpha_y - \beta \alpha_x`, the expected return of a leg over h rows is
    :math:`\alpha\, s\, (1 - b^h) / (1 - b)`.
    """

    row: int
    time: pd.Timestamp
    assets: pd.Index
    tests: int = 0
    reason: str = ""
    failed: bool = False
    scan: PairScan | None = None
    columns: IntArray = dataclasses.field(default_factory=lambda: np.empty(0, dtype=np.int64))
    moves: FloatArray = dataclasses.field(default_factory=lambda: np.empty((4, 0)))

    @classmethod
    def of(
        cls,
        row: int,
        time: pd.Timestamp,
        assets: pd.Index,
        scan: PairScan,
        columns: IntArray,
        levels: FloatArray,
    ) -> KeptPairs:
        """Fit what forecasts rest on to the window that was scanned.

        Parameters
        ----------
        row, time, assets, scan, columns
            As above.
        levels : (watched, times)
            Log prices of the window.

        Returns
        -------
        KeptPairs
        """
        legs = PairLegs(scan.y.astype(np.int64), scan.x.astype(np.int64), scan.hedge_ratio)
        made = int(scan.settings["tests"])
        untested = "no pair could be tested: too few common rows, or prices that do not move"
        why = "no pair passes" if made else untested
        return cls(
            row,
            time,
            assets,
            tests=made,
            reason="" if len(scan) else why,
            failed=made == 0,
            scan=scan,
            columns=columns,
            moves=spread_moves(levels, legs),
        )

    def __len__(self) -> int:
        return int(self.moves.shape[1])

    def __repr__(self) -> str:
        why = f", {self.reason}" if self.reason else ""
        return f"KeptPairs({len(self)} of {self.tests} tests at {self.time}{why})"

    @functools.cached_property
    def used(self) -> IntArray:
        """(legs,): places in ``assets`` of the assets that are part of a pair, increasing."""
        return self.columns[self._places]

    @functools.cached_property
    def _places(self) -> IntArray:
        """Places in ``columns`` of the assets that are part of a pair."""
        if self.scan is None:
            return np.empty(0, dtype=np.int64)
        found: IntArray = np.union1d(self.scan.y, self.scan.x).astype(np.int64)
        return found

    @functools.cached_property
    def _legs(self) -> PairLegs:
        """The pairs, by places in :attr:`used`."""
        if self.scan is None:
            none = np.empty(0, dtype=np.int64)
            return PairLegs(none, none, np.empty(0))
        y, x = (np.searchsorted(self._places, side) for side in (self.scan.y, self.scan.x))
        return PairLegs(y.astype(np.int64), x.astype(np.int64), self.scan.hedge_ratio)

    @property
    def autoregression(self) -> FloatArray:
        """(pairs,): first-order autoregression of each spread."""
        found: FloatArray = 1.0 + self.moves[2] - self._legs.hedge_ratio * self.moves[3]
        return found

    def gains(self, horizons: Sequence[int]) -> tuple[FloatArray, FloatArray]:
        """Return the expected returns of the legs y and x per unit of the spread's deviation.

        Parameters
        ----------
        horizons : sequence of int
            Rows ahead.

        Returns
        -------
        y, x : (horizons, pairs)
            0 for a spread that does not revert.
        """
        b = self.autoregression
        total = np.empty((len(horizons), len(b)))
        with np.errstate(divide="ignore", invalid="ignore"):
            for place, horizon in enumerate(horizons):
                total[place] = np.where(b < 1.0, (1.0 - b**horizon) / (1.0 - b), 0.0)
        return self.moves[2] * total, self.moves[3] * total

    def expected(self, levels: FloatArray, horizons: Sequence[int]) -> FloatArray:
        """Forecast from log prices, in time in proportion to the number of pairs for each row.

        Parameters
        ----------
        levels : (rows, legs)
            Logs of the last known prices of the assets :attr:`used`; NaN where there is none.
        horizons : sequence of int
            Rows ahead.

        Returns
        -------
        (horizons, rows, legs)
            Expected log return from the last known price, the mean over an asset's pairs; NaN where
            none of them has two known prices.
        """
        found = np.empty((len(horizons), *levels.shape))
        gain_y, gain_x = self.gains(horizons)
        leg_forecasts(
            np.ascontiguousarray(levels), self._legs, self.moves[0].copy(), gain_y, gain_x, found
        )
        return found

    def by_pair(self, levels: FloatArray, horizon: int) -> pd.DataFrame:
        """Return what each pair promises, given log prices.

        Parameters
        ----------
        levels : (legs,)
            Logs of the last known prices of the assets :attr:`used`.
        horizon : int
            Rows ahead.

        Returns
        -------
        DataFrame
            The columns of :meth:`to_frame`, and ``deviation`` of the spread from its mean (log
            price), ``z`` (the same in standard deviations), ``expected_y`` and ``expected_x``,
            expected log returns of the legs over the horizon.
        """
        table = self.to_frame()
        y, x, hedge_ratio = self._legs
        deviation = levels[y] - hedge_ratio * levels[x] - self.moves[0]
        gain_y, gain_x = self.gains([horizon])
        table["deviation"], table["z"] = deviation, deviation / self.moves[1]
        table["expected_y"], table["expected_x"] = gain_y[0] * deviation, gain_x[0] * deviation
        return table

    def to_frame(self) -> pd.DataFrame:
        """Return the pairs kept, best first.

        Returns
        -------
        DataFrame
            The columns of :meth:`PairScan.to_frame`, and ``mean``, ``sd`` and ``autoregression`` of
            the spread log y - hedge ratio * log x, ``adjustment_y`` and ``adjustment_x`` of the
            legs' next log returns to its deviation.
        """
        table = pd.DataFrame(columns=COLUMNS) if self.scan is None else self.scan.to_frame()
        columns: dict[str, Any] = {
            "mean": self.moves[0],
            "sd": self.moves[1],
            "autoregression": self.autoregression,
            "adjustment_y": self.moves[2],
            "adjustment_x": self.moves[3],
        }
        return table.assign(**columns)

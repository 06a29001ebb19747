"""Diary of an investor: what its sources promised and delivered, and the certificates of its
optimizer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from statarb._core.typing import FloatArray, IntArray
from statarb.investors.stat_arb.evidence import Belief
from statarb.investors.stat_arb.sources import Term
from statarb.optimization.solution import Solution

__all__ = ["Diary"]


class Diary:
    """Entries of one path, row by row.

    Parameters
    ----------
    names : sequence of str
        Of the sources.
    terms : sequence of Term
        Sources and horizons.
    """

    def __init__(self, names: Sequence[str], terms: Sequence[Term]) -> None:
        self.names, self.terms = tuple(names), tuple(terms)
        self._times: list[np.datetime64] = []
        self._beliefs: list[tuple[IntArray, FloatArray, FloatArray]] = []
        self._delivered: list[FloatArray] = []
        self._reasons: dict[int, str] = {}
        self._spoke = np.zeros(len(self.terms), dtype=np.bool_)
        self._solved: list[tuple[np.datetime64, float, str, float]] = []

    def add(
        self,
        time: np.datetime64,
        forecasts: FloatArray,
        belief: Belief,
        delivered: FloatArray,
        lag: int,
    ) -> None:
        """Add a row.

        Parameters
        ----------
        time : datetime64
            Of the row.
        forecasts : (terms, assets)
            As made; NaN = none.
        belief : Belief
            What is expected.
        delivered : (terms,)
            Gains of forecasts whose outcome is now known; NaN where there is none yet.
        lag : int
            Rows between the last row seen and the trade.
        """
        self._spoke |= ~np.isnan(forecasts).all(axis=1)
        self._times.append(time)
        self._beliefs.append((belief.chosen, belief.shrinkage, belief.promised))
        self._delivered.append(np.full(len(self.names), np.nan))
        for place, gain in enumerate(delivered.tolist()):
            term = self.terms[place]
            made = len(self._times) - 1 - lag - term.horizon
            if made >= 0 and self._beliefs[made][0][term.source] == place:
                self._delivered[made][term.source] = gain

    def decide(self, reason: str) -> None:
        """Note why nothing is traded at the last row; an empty text where something is."""
        if reason:
            self._reasons[len(self._times) - 1] = reason
        else:
            self._reasons.pop(len(self._times) - 1, None)

    def certify(self, time: np.datetime64, solution: Solution) -> None:
        """Note the certificate of a problem solved."""
        self._solved.append((time, float(solution.gap), str(solution.status), solution.seconds))

    def silent(self) -> dict[str, int]:
        """Return the sources without a forecast so far, with the number of rows they were asked."""
        rows = len(self._times)
        heard = {term.source for term, spoke in zip(self.terms, self._spoke, strict=True) if spoke}
        return {
            f"{name}: left out, it had no forecast": rows
            for place, name in enumerate(self.names)
            if place not in heard and rows
        }

    def sources(self) -> pd.DataFrame:
        """Return what was promised and delivered; see :meth:`StatArb.explain`."""
        count = len(self.names)
        spans = np.array([term.horizon for term in self.terms], dtype=np.int64)
        chosen, shrinkage, promised = (
            np.array([one[part] for one in self._beliefs]).reshape(-1, count) for part in range(3)
        )
        rows = len(self._times)
        return pd.DataFrame(
            {
                "time": np.repeat(np.array(self._times, dtype="datetime64[us]"), count),
                "source": list(self.names) * rows,
                "horizon": spans[chosen.astype(np.int64)].ravel(),
                "shrinkage": shrinkage.ravel(),
                "promised": promised.ravel(),
                "delivered": np.array(self._delivered).reshape(-1, count).ravel(),
                "reason": np.repeat([self._reasons.get(row, "") for row in range(rows)], count),
            }
        )

    def certificates(self) -> pd.DataFrame:
        """Return the certificates; see :meth:`StatArb.certificates`."""
        frame = pd.DataFrame(self._solved, columns=["time", "gap", "status", "seconds"])
        return frame.astype({"time": "datetime64[us]", "gap": np.float64, "seconds": np.float64})

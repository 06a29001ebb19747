"""Few coins of many: the quotes and weights of the coins that are ever wanted, side by side in memory.

The sums of the kernels run in four lanes, column modulo 4. The places given here keep every coin in its lane, and in order
within it, so a replay of the few gives the bits of a replay of all. Places left over hold nothing.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from statarb._numba import kernel
from statarb._typing import FloatArray, IntArray
from statarb.backtest.decisions import Decisions
from statarb.backtest.kernels import COLUMNS, ROWS, SPARSE

__all__ = ["Compact", "compact_columns"]

AT_MOST = 8
"""Coins are put side by side where fewer than one in this many is ever wanted."""
WIDTH = 16
"""The number of places is a multiple of this: whole vectors for the compiler's loops."""


@dataclasses.dataclass(frozen=True, eq=False)
class Compact:
    """Where the few coins stand.

    Attributes
    ----------
    columns : (places,) int64
        Column of the panel of each place; -1 where the place is empty.
    place : (coins,) int64
        Place of each column of the panel; -1 where it has none.
    """

    columns: IntArray
    place: IntArray

    @property
    def filled(self) -> IntArray:
        """Places that hold a coin."""
        return np.flatnonzero(self.columns >= 0)

    def quotes(self, quotes: FloatArray) -> FloatArray:
        """Gather the quotes of the few, (rows, places); NaN in empty places."""
        out = np.full((len(quotes), len(self.columns)), np.nan)
        _gather_quotes(quotes, self.columns, out)
        out.flags.writeable = False
        return out

    def decisions(self, decisions: Decisions) -> Decisions:
        """Return the same decisions as a full matrix over the places."""
        rows = len(decisions.kind)
        values = np.zeros((rows, len(self.columns)))
        if decisions.layout == SPARSE:
            row = np.repeat(np.arange(rows), np.diff(decisions.starts))
            values[row, self.place[decisions.index]] = decisions.data
        elif decisions.layout == COLUMNS:
            values[:, self.place[decisions.index]] = decisions.data.reshape(-1, rows).T
        else:
            values[:, self.place[decisions.index]] = decisions.data.reshape(rows, -1)
        index = np.arange(len(self.columns), dtype=np.int64)
        return Decisions.from_packed(decisions.step, decisions.kind, ROWS, index, decisions.starts, values)


def compact_columns(decisions: Decisions, coins: int, numeraire: int) -> Compact | None:
    """Return places for the coins ever wanted, and the numeraire; None where they are not few."""
    if decisions.layout != SPARSE and len(decisions.index) * AT_MOST > coins:
        return None
    wanted = np.zeros(coins, dtype=np.bool_)
    wanted[decisions.index] = True
    if numeraire >= 0:
        wanted[numeraire] = True
    few = np.flatnonzero(wanted)
    if len(few) * AT_MOST > coins:
        return None
    lanes = [few[few % 4 == lane] for lane in range(4)]
    deepest = max(len(lane) for lane in lanes)
    columns = np.full(max(WIDTH, -(-4 * deepest // WIDTH) * WIDTH), -1, dtype=np.int64)
    for lane, members in enumerate(lanes):
        columns[lane : lane + 4 * len(members) : 4] = members
    place = np.full(coins, -1, dtype=np.int64)
    filled = np.flatnonzero(columns >= 0)
    place[columns[filled]] = filled
    return Compact(columns, place)


@kernel()
def _gather_quotes(quotes: FloatArray, columns: IntArray, out: FloatArray) -> None:
    for row in range(len(quotes)):
        for place in range(len(columns)):
            if columns[place] >= 0:
                out[row, place] = quotes[row, columns[place]]

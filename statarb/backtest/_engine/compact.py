"""Few assets of many: places side by side in memory for the assets that are ever wanted.

The sums of the kernels run in four lanes, column modulo 4. The places given here keep every asset
in its lane, and in order within it, so a replay of the few gives the bits of a replay of all.
Places left over hold nothing.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from statarb._core.typing import IntArray
from statarb.backtest._engine.kernels import SPARSE
from statarb.backtest.decisions import Decisions

__all__ = ["Compact", "compact_columns"]

AT_MOST = 8
"""Assets are put side by side where fewer than one in this many is ever wanted."""
WIDTH = 16
"""The number of places is a multiple of this: whole vectors for the compiler's loops."""


@dataclasses.dataclass(frozen=True, eq=False)
class Compact:
    """Where the few assets stand.

    Attributes
    ----------
    columns : (places,) int64
        Column of the panel of each place; -1 where the place is empty.
    place : (assets,) int64
        Place of each column of the panel; -1 where it has none.
    """

    columns: IntArray
    place: IntArray

    @property
    def filled(self) -> IntArray:
        """Places that hold an asset."""
        return np.flatnonzero(self.columns >= 0)


def compact_columns(decisions: Decisions, assets: int, numeraire: int) -> Compact | None:
    """Return places for the assets ever wanted, and the numeraire; None where they are not few."""
    if decisions.layout != SPARSE and len(decisions.index) * AT_MOST > assets:
        return None
    wanted = np.zeros(assets, dtype=np.bool_)
    wanted[decisions.index] = True
    if numeraire >= 0:
        wanted[numeraire] = True
    few = np.flatnonzero(wanted)
    if len(few) * AT_MOST > assets:
        return None
    lanes = [few[few % 4 == lane] for lane in range(4)]
    deepest = max(len(lane) for lane in lanes)
    columns = np.full(max(WIDTH, -(-4 * deepest // WIDTH) * WIDTH), -1, dtype=np.int64)
    for lane, members in enumerate(lanes):
        columns[lane : lane + 4 * len(members) : 4] = members
    place = np.full(assets, -1, dtype=np.int64)
    filled = np.flatnonzero(columns >= 0)
    place[columns[filled]] = filled
    return Compact(columns, place)

"""Places for few assets of many: columns side by side in memory for the assets ever targeted.

The sums of the kernels run in four lanes, column modulo 4. The places given here keep every asset
in its lane, and in order within it, so a replay of the few gives the bits of a replay of all.
Places left over hold nothing.
"""

from __future__ import annotations

import numpy as np

from statarb._core.typing import IntArray
from statarb.backtest._engine.state import Places

__all__ = ["NO_PLACES", "compact_places"]

AT_MOST = 8
"""Assets are put side by side where fewer than one in this many is ever in a target."""
WIDTH = 16
"""The number of places is a multiple of this: whole vectors for the compiler's loops."""

NO_PLACES = Places(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64))
"""All columns of the panel are worked on, in their own order."""


def compact_places(index: IntArray, assets: int, numeraire: int) -> Places:
    """Return places for the assets ever targeted, and the numeraire; ``NO_PLACES`` where they are
    not few.

    Parameters
    ----------
    index : int64
        Columns of the target weights, in any order, as often as they occur.
    assets : int
        Columns of the panel.
    numeraire : int
        Its column; -1 for none.

    Returns
    -------
    Places
    """
    targeted = np.zeros(assets, dtype=np.bool_)
    targeted[index] = True
    if numeraire >= 0:
        targeted[numeraire] = True
    few = np.flatnonzero(targeted)
    if len(few) * AT_MOST > assets:
        return NO_PLACES
    lanes = [few[few % 4 == lane] for lane in range(4)]
    deepest = max(len(lane) for lane in lanes)
    column = np.full(max(WIDTH, -(-4 * deepest // WIDTH) * WIDTH), -1, dtype=np.int64)
    for lane, members in enumerate(lanes):
        column[lane : lane + 4 * len(members) : 4] = members
    place = np.full(assets, -1, dtype=np.int64)
    filled = np.flatnonzero(column >= 0)
    place[column[filled]] = filled
    return Places(column, place)

"""Labels of assets in messages."""

from __future__ import annotations

import pandas as pd

from statarb._core.tables import shown

__all__ = ["shown_at"]


def shown_at(labels: pd.Index | None, position: int) -> str:
    """Return the label at a position, or the position where there are no labels.

    Parameters
    ----------
    labels : Index or None
        The assets.
    position : int
        Of one of them.

    Returns
    -------
    str
    """
    return str(position) if labels is None else shown(labels[position])

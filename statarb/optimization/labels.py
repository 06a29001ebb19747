"""Labels of assets in messages."""

from __future__ import annotations

from collections.abc import Hashable

import pandas as pd

__all__ = ["shown", "shown_at"]


def shown(label: Hashable) -> str:
    """Return a label as a user would write it: ``1442``, not ``np.int64(1442)``.

    Parameters
    ----------
    label : hashable
        Of an asset.

    Returns
    -------
    str
    """
    return repr(label.item() if hasattr(label, "item") else label)


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

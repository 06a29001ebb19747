"""Labels of assets as they stand in messages."""

from __future__ import annotations

from collections.abc import Hashable

import pandas as pd

__all__ = ["shown", "shown_at"]


def shown(label: Hashable) -> str:
    """Return a label as a user would write it: ``1442``, not ``np.int64(1442)``."""
    return repr(label.item() if hasattr(label, "item") else label)


def shown_at(labels: pd.Index | None, position: int) -> str:
    """Return the label at a position, or the position where there are no labels."""
    return str(position) if labels is None else shown(labels[position])

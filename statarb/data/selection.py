"""Selection: which assets can be used, why the others cannot, and the first quotes that are left
out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from statarb._core.checks import check_integer, check_number, check_panel
from statarb._core.typing import BoolArray, FloatArray
from statarb.data.panel import Panel
from statarb.errors import DataError

__all__ = ["Selection", "select_assets"]


class Selection(NamedTuple):
    """What :func:`select_assets` returns; unpacks as ``panel, reasons``.

    Parameters
    ----------
    panel : Panel
        The assets that stay.
    reasons : DataFrame
        One row an asset of the original panel: ``kept``, ``reason`` (in words where it was left
        out, else empty), ``late`` and ``ended`` (no quote in the first, or last, day), ``first``,
        ``last``, ``quotes``, ``coverage`` and ``stale`` (percent), ``history`` (steps), and
        ``dropped`` (first quotes that were removed).
    """

    panel: Panel
    reasons: pd.DataFrame

    @property
    def left_out(self) -> pd.DataFrame:
        """The rows of ``reasons`` of assets that were left out."""
        return self.reasons[~self.reasons["kept"]]


def select_assets(
    panel: Panel,
    *,
    min_coverage: float = 0.0,
    min_history: int = 2,
    max_stale: float = 1.0,
    drop_first: int = 0,
) -> Selection:
    """Leave out the assets that cannot be used, and say why; the defaults keep every asset with two
    quotes.

    ``drop_first`` comes first: what it removes counts nowhere.

    Parameters
    ----------
    panel : Panel
        Any panel. What is filled by an imputation does not count as a quote.
    min_coverage : float
        Smallest share of the panel's rows, from the asset's first quote to the panel's end, at
        which it must be quoted; in [0, 1]. A late listing does not count against an asset, an early
        end does.
    min_history : int
        Smallest number of quotes.
    max_stale : float
        Largest share of quotes that may equal the one before, in [0, 1].
    drop_first : int
        Number of first quotes of an asset *after its listing* that are removed (all fields): new
        listings trade thinly and strangely at first. Assets that are quoted in the panel's first
        row were listed before and lose none.

    Returns
    -------
    Selection
        The panel that is left, on the same grid, and the reasons.

    Raises
    ------
    ParameterError
        A limit out of range.
    DataError
        No asset is left; says how many each limit left out.

    Notes
    -----
    Reasons, coverage and staleness look at the whole panel given: for a decision at t select on
    ``panel.window(t)``. An asset
    that is not listed yet has no price and cannot be bought; one that ended keeps its last price in
    portfolios and is reported
    by ``ended``.

    Examples
    --------
    >>> days = pd.date_range("2020", periods=3)
    >>> prices = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [None, None, 5.0]}, index=days)
    >>> kept, reasons = select_assets(Panel.from_frame(prices))
    >>> list(kept.assets), reasons.loc["b", "reason"]
    (['a'], '1 quote, at least 2 are wanted')
    """
    check_panel(panel)
    min_coverage = check_number("min_coverage", min_coverage, at_least=0.0, at_most=1.0)
    min_history = check_integer("min_history", min_history, at_least=1)
    max_stale = check_number("max_stale", max_stale, at_least=0.0, at_most=1.0)
    drop_first = check_integer("drop_first", drop_first, at_least=0)
    observed = panel.observed_array
    day = np.timedelta64(1, "D")
    begins = _first(observed)
    late = observed.any(axis=0) & (panel._stamps[begins] - panel._grid[0] >= day)
    listed = panel._rows[begins] > 0
    lost: BoolArray = (
        listed & observed & (np.cumsum(observed, axis=0) <= drop_first)
        if drop_first
        else np.zeros((1, 1), bool)
    )
    seen = observed & ~lost
    quotes = seen.sum(axis=0)
    some = quotes > 0
    first, last = _first(seen), len(seen) - 1 - _first(seen[::-1])
    coverage = np.where(some, quotes / (len(seen) - first), 0.0)
    stale = _stale(np.asarray(panel.array("price")), seen)
    reasons = pd.DataFrame(
        {
            "kept": True,
            "reason": "",
            "late": late,
            "ended": some & (panel._grid[-1] - panel._stamps[last] >= day),
            "first": np.where(some, panel._stamps[first], np.datetime64("NaT", "us")),
            "last": np.where(some, panel._stamps[last], np.datetime64("NaT", "us")),
            "quotes": quotes,
            "coverage": 100.0 * coverage,
            "stale": 100.0 * stale,
            "history": np.where(
                some, (panel._stamps[last] - panel._stamps[first]) // panel._step + 1, 0
            ),
            "dropped": lost.sum(axis=0),
        },
        index=panel.assets,
    )
    for column, (count, share, still) in enumerate(zip(quotes, coverage, stale, strict=True)):
        why = []
        if count < min_history:
            why.append(
                f"{count} quote{'' if count == 1 else 's'}, at least {min_history} are wanted"
            )
        if share < min_coverage:
            why.append(
                f"quoted in {100 * share:.2f} % of the rows since its listing, at least "
                f"{100 * min_coverage:g} % is wanted"
            )
        if still > max_stale:
            why.append(
                f"{100 * still:.2f} % of its quotes are unchanged, at most {100 * max_stale:g} % "
                "is wanted"
            )
        if why:
            reasons.iloc[column, 0] = False
            reasons.iloc[column, 1] = "; ".join(why)
    if not reasons["kept"].any():
        raise DataError(
            f"no asset is left of {len(reasons)}; the first is left out for: "
            f"{reasons['reason'].iloc[0]}"
        )
    kept = panel if not drop_first or not lost.any() else _without(panel, lost)
    assets = reasons.index[reasons["kept"]]
    return Selection(kept if len(assets) == len(panel.assets) else kept.select(assets), reasons)


def _first(mask: BoolArray) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the first true row of each column; 0 where there is none."""
    return np.asarray(np.argmax(mask, axis=0), dtype=np.int64).ravel()


def _stale(price: FloatArray, seen: BoolArray) -> FloatArray:
    """Return the share of quotes that equal the one before, by asset; 0 with fewer than two."""
    before = np.full(price.shape[1], np.nan)
    same = np.zeros(price.shape[1], dtype=np.int64)
    for row in range(len(price)):
        quoted = seen[row]
        same += quoted & (price[row] == before)
        before = np.where(quoted, price[row], before)
    pairs = np.maximum(seen.sum(axis=0) - 1, 1)
    share: FloatArray = same / pairs
    return share


def _without(panel: Panel, lost: BoolArray) -> Panel:
    """Return the panel without some of its cells, and without the rows in which nothing is left."""
    arrays = {
        name: np.where(lost, np.nan, panel.array(name)).astype(panel.array(name).dtype)
        for name in panel.fields
    }
    some = ~np.isnan(arrays["price"]).all(axis=1)
    if not some.any():
        raise DataError("drop_first removes every quote of the panel; give a smaller number")
    observed = None if panel._observed is None else (panel._observed & ~lost)[some]
    return panel.with_arrays(
        {name: values[some] for name, values in arrays.items()},
        rows=panel._rows[some],
        observed=observed,
    )

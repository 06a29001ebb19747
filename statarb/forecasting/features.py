"""Features of a forecast: past returns of all assets, each in units of its own recent size."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd

from statarb._core.checks import check_choice, check_integer, check_number
from statarb._core.numeric import FLOOR
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.data.fill import last_known
from statarb.data.panel import Panel
from statarb.errors import ParameterError

__all__ = [
    "CARRY",
    "LEADERS",
    "Moves",
    "ReturnFeatures",
    "check_fields",
    "known_prices",
    "lagged",
    "moves",
    "quote_gap",
    "rolling_mean",
    "standardised_field",
]

CARRY = 24
"""A return is taken over a gap of at most this many rows. It bounds how far back a row's features
look, so that they are the same in every window that holds the row.
"""

FIELD_ROWS = 72
"""Rows over which further fields are standardised where returns are not scaled."""

LEADERS = (
    *(1442, 1445, 1456, 1446, 1453, 1477, 1452, 1443, 1457, 1451),
    *(1460, 1448, 1454, 1447, 1449, 1444, 1450, 1474, 1455, 1465),
)
"""The twenty assets of the case's forecasting task, which lead the market; their lags serve every
asset of a larger universe.
"""


@dataclasses.dataclass(frozen=True)
class ReturnFeatures:
    """Settings of the features of a forecast: lagged returns, their scaling and their clipping.

    Parameters
    ----------
    lags : int
        Lags of each asset, in rows.
    horizon : int
        Rows ahead; the target is the sum of their returns.
    scale_rows : int or None
        Rows over which the size of an asset's returns is measured (mean absolute value); ``None``
        leaves returns as they are.
    clip : float or None
        Largest return in units of that size, on both sides of the regression.
    leaders : sequence of labels, optional
        Assets whose lags every regression has; each other asset adds its own lags. By default all
        assets, where there are at most 32; in larger panels those of :data:`LEADERS` that are
        there, else the first 20 columns.
    field : {"unrounded", "price"}
        Price whose returns are used.
    fields : sequence of str
        Further fields of the panel, as features of the leaders (at the last row, standardised over
        ``scale_rows``).
    scale_field : str, optional
        Field of the panel that gives the size of returns instead of ``scale_rows``.
    skip_stale : bool
        Whether rows in which no asset moved at all are passed over.

    Raises
    ------
    ParameterError
        A number out of range, an unknown ``field``, no leader, or a text for ``fields``.
    """

    lags: int = 2
    horizon: int = 1
    scale_rows: int | None = 72
    clip: float | None = 3.0
    leaders: Sequence[Hashable] | None = None
    field: str = "unrounded"
    fields: Sequence[str] = ()
    scale_field: str | None = None
    skip_stale: bool = True

    def __post_init__(self) -> None:
        """Check every value once."""
        check_integer("lags", self.lags, at_least=1, at_most=CARRY - 1)
        check_integer("horizon", self.horizon, at_least=1)
        if self.scale_rows is not None:
            check_integer("scale_rows", self.scale_rows, at_least=2)
        if self.clip is not None:
            check_number("clip", self.clip, above=0.0)
        if self.leaders is not None and len(self.leaders) == 0:
            raise ParameterError(
                "leaders must name at least one asset, got none; None uses all assets"
            )
        check_choice("field", self.field, ("unrounded", "price"))
        if isinstance(self.fields, str):
            raise ParameterError(
                f"fields must be a sequence of names such as ('volume',), got {self.fields!r}"
            )

    @property
    def first(self) -> int:
        """First row of a window whose features depend on rows of the window alone."""
        scaling = 0 if self.scale_rows is None else self.scale_rows - 1
        return CARRY + scaling + (CARRY - 1 if self.skip_stale else self.lags - 1)

    @property
    def field_rows(self) -> int:
        """Rows over which further fields are standardised."""
        return self.scale_rows or FIELD_ROWS

    @property
    def block_rows(self) -> int:
        """Rows of the blocks that rolling sums are made of: a panel cut at a multiple of it has the
        same sums, bit by bit.
        """
        return self.scale_rows or (FIELD_ROWS if self.fields else 1)

    def moves(self, window: Panel) -> Moves:
        """Return the past moves of a panel, as :func:`moves` does.

        Parameters
        ----------
        window : Panel
            Any panel or window.

        Returns
        -------
        Moves
        """
        return moves(
            window,
            scale_rows=self.scale_rows,
            clip=self.clip,
            field=self.field,
            scale_field=self.scale_field,
        )

    def target(self, past: Moves) -> FloatArray:
        """Return the return over the next ``horizon`` rows in units of its expected size, clipped,
        (rows, assets); 0 where it is not known yet.

        Parameters
        ----------
        past : Moves
            Returns and their size.

        Returns
        -------
        (rows, assets)
        """
        target = np.zeros_like(past.returns)
        ahead = max(len(target) - self.horizon, 0)
        for step in range(1, self.horizon + 1):
            target[:ahead] += past.returns[step : step + ahead]
        moving = past.scale > 0.0
        size = np.where(moving, past.scale * np.sqrt(self.horizon), 1.0)
        target = np.where(moving, target / size, 0.0)
        if self.clip is not None:
            np.clip(target, -self.clip, self.clip, out=target)
        return target


@dataclasses.dataclass(frozen=True, eq=False)
class Moves:
    """Past moves of a panel, rows x assets; row i depends on rows up to i alone.

    Parameters
    ----------
    returns : (rows, assets)
        Log return of the (unrounded) price from the asset's last quote to this row; 0 where the
        asset is not quoted, or was not quoted in the :data:`CARRY` rows before.
    scale : (rows, assets)
        Size of the asset's recent returns; 1 everywhere without scaling, 0 for an asset whose price
        does not change.
    scaled : (rows, assets)
        Returns over scale, clipped; 0 where the scale is 0.
    fresh : (rows,) bool
        Whether any asset moved. A row in which none did is a duplicated snapshot without
        information.
    first : int
        First row with a complete past; rows from it on are the same in every window.
    """

    returns: FloatArray
    scale: FloatArray
    scaled: FloatArray
    fresh: BoolArray
    first: int


def moves(
    window: Panel,
    *,
    scale_rows: int | None = 72,
    clip: float | None = 3.0,
    field: str = "unrounded",
    scale_field: str | None = None,
) -> Moves:
    """Return the past moves of a panel.

    Parameters
    ----------
    window : Panel
        Any panel or window.
    scale_rows : int, optional
        Rows over which the size of an asset's moves is measured, as their mean absolute value times
        sqrt(pi / 2) (the standard deviation where they are normal); ``None`` leaves returns as they
        are.
    clip : float, optional
        Largest scaled move, so that one jump does not decide a regression; ``None`` clips nothing.
    field : str
        Price field. ``unrounded`` shows moves that a coarse quote hides; cells without it fall back
        to the quoted price.
    scale_field : str, optional
        Field of the panel that holds the size instead: a volatility of the next return, in log
        return, known at its row.

    Returns
    -------
    Moves
    """
    returns = np.nan_to_num(_row_returns(window, field))
    first = CARRY
    scale = np.ones_like(returns)
    scaled = returns
    if scale_field is not None:
        check_fields(window, (scale_field,))
        scale = np.nan_to_num(
            np.asarray(window.array(scale_field), dtype=np.float64), nan=0.0, posinf=0.0
        )
    elif scale_rows is not None:
        scale = np.sqrt(np.pi / 2.0) * rolling_mean(np.abs(returns), scale_rows)
        first += scale_rows - 1
    if scale_field is not None or scale_rows is not None:
        # A move below the floor is rounding of the logarithm, not a move.
        still = ~(scale > FLOOR)
        scaled = np.where(still, 0.0, returns / np.where(still, 1.0, scale))
        scale = np.where(still, 0.0, scale)
    if clip is not None:
        scaled = np.clip(scaled, -clip, clip)
    fresh: BoolArray = np.any(np.abs(returns) > FLOOR, axis=1)
    return Moves(returns, scale, scaled, fresh, first)


def _row_returns(window: Panel, field: str) -> FloatArray:
    """Log return from the asset's last quote, at most CARRY rows ago; NaN where there is none.

    Gaps are counted in rows, not in steps of the grid: a time at which nothing at all was quoted is
    no row of a forecaster.
    """
    price = window.array("price")
    values = window.array(field)
    if values is not price:
        values = np.where(np.isnan(values) | np.isnan(price), price, values)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs: FloatArray = np.log(np.asarray(values, dtype=np.float64))
    logs[~np.isfinite(logs)] = np.nan
    returns = np.full_like(logs, np.nan)
    returns[1:] = logs[1:] - last_known(logs, max_age=CARRY - 1)[:-1]
    return returns


def rolling_mean(values: FloatArray, count: int) -> FloatArray:
    """Mean of the last ``count`` rows (of all rows there are, before that).

    Parameters
    ----------
    values : (rows, columns)
        Without NaN.
    count : int
        Rows of the window.

    Returns
    -------
    (rows, columns)

    Notes
    -----
    Sums of blocks are combined, and none is ever subtracted: a large value leaves no rounding error
    behind when it drops out.
    """
    rows, columns = values.shape
    blocks = -(-rows // count)
    padded = np.zeros((blocks * count, columns))
    padded[:rows] = values
    cube = padded.reshape(blocks, count, columns)
    within = np.cumsum(cube, axis=1).reshape(-1, columns)[:rows]
    rest = np.zeros_like(cube)
    rest[:, 1:] = np.cumsum(cube[:, :0:-1], axis=1)[:, ::-1]
    # rest holds the sum from a row to the end of its block; 0 at a block's start, where the box is
    # the block itself.
    totals = within
    if blocks > 1:
        totals[count:] += rest.reshape(-1, columns)[1 : rows - count + 1]
    used = np.minimum(np.arange(1, rows + 1), count)[:, None]
    return totals / used


def lagged(values: FloatArray, lags: int, fresh: BoolArray | None = None) -> FloatArray:
    """Return lags 1 to ``lags`` side by side, (rows, lags * columns).

    Parameters
    ----------
    values : (rows, columns)
        What is lagged; lag 1 is the row itself. Before the first row it is 0.
    lags : int
        How many.
    fresh : (rows,) bool, optional
        Rows that count: lag k is the k-th last of them, where that is less than :data:`CARRY` rows
        ago, else 0.

    Returns
    -------
    (rows, lags * columns)
    """
    rows, columns = values.shape
    out = np.zeros((rows, lags * columns))
    if fresh is None:
        for lag in range(lags):
            out[lag:, lag * columns : (lag + 1) * columns] = values[: rows - lag]
        return out
    which = np.flatnonzero(fresh)
    seen = np.cumsum(fresh)
    for lag in range(min(lags, len(which))):
        place = seen - 1 - lag
        row = which[np.maximum(place, 0)]
        known = (place >= 0) & (np.arange(rows) - row < CARRY)
        out[known, lag * columns : (lag + 1) * columns] = values[row[known]]
    return out


def standardised_field(window: Panel, name: str, rows: int, clip: float = 3.0) -> FloatArray:
    """Return a field of the panel as a feature: its distance from its recent mean in recent
    standard deviations, clipped.

    Missing cells and fields that do not vary give 0.

    Parameters
    ----------
    window : Panel
        Any panel or window.
    name : str
        Field.
    rows : int
        Rows over which mean and standard deviation are taken.
    clip : float
        Largest absolute value.

    Returns
    -------
    (rows, assets)
    """
    values = np.asarray(window.array(name), dtype=np.float64)
    known = np.isfinite(values)
    share = np.maximum(rolling_mean(known.astype(np.float64), rows), 1e-12)
    filled = np.where(known, values, 0.0)
    mean = rolling_mean(filled, rows) / share
    spread = np.sqrt(np.maximum(rolling_mean(filled * filled, rows) / share - mean * mean, 0.0))
    # The mean of squares loses half of the digits: below 1e-9 of the level the spread is rounding.
    moving = known & (spread > 1e-9 * np.abs(mean)) & (spread > 0.0)
    feature: FloatArray = np.clip(
        np.where(moving, (filled - mean) / np.where(moving, spread, 1.0), 0.0), -clip, clip
    )
    return feature


def known_prices(window: Panel, *, depth: int | None = None) -> FloatArray:
    """Last known price at each row; NaN where the asset has no quote in the last ``depth`` rows.

    Parameters
    ----------
    window : Panel
        Any panel or window.
    depth : int, optional
        Rows that are looked at, the row itself among them.

    Returns
    -------
    (rows, assets)
    """
    return last_known(window.array("price"), max_age=None if depth is None else depth - 1)


def quote_gap(window: Panel, field: str, depth: int | None = None) -> FloatArray:
    """Log distance of the price that returns are taken of from the quoted one, rows x assets, at
    each asset's last quote.

    0 where ``field`` is the quoted price; NaN where the asset has no quote in the last ``depth``
    rows.

    Parameters
    ----------
    window : Panel
        Any panel or window.
    field : str
        Price that returns are taken of.
    depth : int, optional
        Largest age of a quote, in rows.

    Returns
    -------
    (rows, assets)
    """
    price, fine = window.array("price"), window.array(field)
    if fine is price:
        return np.where(np.isnan(known_prices(window, depth=depth)), np.nan, 0.0)
    with np.errstate(invalid="ignore"):
        gap = np.log(np.asarray(fine / price, dtype=np.float64))
    gap[~np.isfinite(gap)] = 0.0
    gap[np.isnan(price)] = np.nan
    return last_known(gap, max_age=None if depth is None else depth - 1)


def check_fields(window: Panel, names: Sequence[str]) -> None:
    """Raise :class:`ParameterError` where the panel lacks one of these fields.

    Parameters
    ----------
    window : Panel
        Any panel or window.
    names : sequence of str
        Fields that must be there.
    """
    for name in names:
        if name not in window.fields:
            raise ParameterError(
                f"fields names {name!r}, which the panel does not have; it has "
                f"{', '.join(window.fields)}"
            )


MOST_LEADERS = 32
"""Assets up to which all lead."""


def leading_columns(panel: Panel, leaders: Sequence[Hashable] | None) -> IntArray:
    """Return the columns of the assets whose returns every regression has as features.

    Parameters
    ----------
    panel : Panel
        The market.
    leaders : sequence of labels, optional
        By default all assets, where there are at most 32; in larger panels those of
        :data:`LEADERS` that are there, else the first 20 columns.

    Returns
    -------
    (leaders,) int

    Raises
    ------
    ParameterError
        A leader that the panel does not have.
    """
    if leaders is not None:
        return panel.columns_of(list(leaders))
    if len(panel.assets) <= MOST_LEADERS:
        return np.arange(len(panel.assets), dtype=np.int64)
    named = panel.assets.get_indexer(pd.Index(LEADERS))
    named = named[named >= 0]
    return (
        np.sort(named).astype(np.int64) if len(named) else np.arange(len(LEADERS), dtype=np.int64)
    )

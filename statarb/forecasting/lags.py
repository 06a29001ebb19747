"""What forecasters on lagged returns share: their parameters, their features and targets, and where
a forecast starts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd

from statarb._core.checks import check_choice, check_integer, check_number
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.data.panel import Panel
from statarb.errors import ParameterError
from statarb.forecasting._engine.rolling import ANCHOR
from statarb.forecasting.base import BaseForecaster
from statarb.forecasting.features import (
    CARRY,
    check_fields,
    lagged,
    moves,
    quote_gap,
    standardised_field,
)

__all__ = ["LEADERS", "Design", "LagForecaster"]

LEADERS = (
    *(1442, 1445, 1456, 1446, 1453, 1477, 1452, 1443, 1457, 1451),
    *(1460, 1448, 1454, 1447, 1449, 1444, 1450, 1474, 1455, 1465),
)
"""The twenty assets of level 1, which lead the market; their lags serve every asset of a larger
universe.
"""

_MOST_LEADERS = 32
_LEAST_TRAINING = 20


@dataclasses.dataclass(frozen=True, eq=False)
class Design:
    """Features and targets of a panel, row by row.

    Parameters
    ----------
    shared : (rows, features)
        Features that every asset's model has, known at the row.
    own : (rows, own_lags * assets)
        Own lags of each asset, lag by lag; no columns where nobody needs them.
    own_lags : int
        Own features an asset.
    target : (rows, assets)
        Return over the next ``horizon`` rows, in units of ``scale``, clipped; 0 where there is none
        yet.
    usable : (rows,) bool
        Rows to train on: the next row brings news.
    scale : (rows, assets)
        What a forecast is multiplied by.
    gap : (rows, assets)
        Log distance of the unrounded price from the quoted one, at the asset's last quote.
    first : int
        First row whose features are whole; negative where the design was cut off after it.
    leading : (leaders,) int
        Columns of the assets whose lags are shared, in the order of the shared features.
    further : int
        Shared features that are no lags; they stand last.
    """

    shared: FloatArray
    own: FloatArray
    own_lags: int
    target: FloatArray
    usable: BoolArray
    scale: FloatArray
    gap: FloatArray
    first: int
    leading: IntArray
    further: int

    @property
    def fresh(self) -> BoolArray:
        """Rows that brought news, as far as the design's rows tell; the first one is taken to."""
        fresh: BoolArray = np.append(True, self.usable[:-1])
        return fresh

    def part(self, low: int, high: int) -> Design:
        """Return rows ``low`` to ``high``, the latter left out."""
        return dataclasses.replace(
            self,
            shared=self.shared[low:high],
            own=self.own[low:high],
            target=self.target[low:high],
            usable=self.usable[low:high],
            scale=self.scale[low:high],
            gap=self.gap[low:high],
            first=self.first - low,
        )

    def in_order(self, order: IntArray) -> Design:
        """Return the same with the assets in another order, and the leaders among each other as
        they then stand.

        Parameters
        ----------
        order : (assets,) int
            Column that comes first, second, ...
        """
        assets = len(order)
        place = np.empty(assets, dtype=np.int64)
        place[order] = np.arange(assets)
        leaders = np.argsort(place[self.leading])
        blocks = self.shared.shape[1] // max(len(leaders), 1)
        shared = (np.arange(blocks)[:, None] * len(leaders) + leaders).ravel()
        own = (np.arange(self.own_lags)[:, None] * assets + order).ravel()
        return dataclasses.replace(
            self,
            shared=np.ascontiguousarray(self.shared[:, shared]),
            own=np.ascontiguousarray(self.own[:, own]),
            target=np.ascontiguousarray(self.target[:, order]),
            scale=np.ascontiguousarray(self.scale[:, order]),
            gap=np.ascontiguousarray(self.gap[:, order]),
            leading=place[self.leading][leaders],
        )


class LagForecaster(BaseForecaster):
    """Base of the forecasters whose features are lagged returns; see
    :class:`~statarb.forecasting.CrossAssetRidge`.
    """

    _own_lags_of: str = "followers"

    def __init__(
        self,
        lags: int,
        horizon: int,
        scale_rows: int | None,
        clip: float | None,
        leaders: Sequence[Hashable] | None,
        field: str,
        fields: Sequence[str],
        scale_field: str | None,
        skip_stale: bool,
    ) -> None:
        self.lags = check_integer("lags", lags, at_least=1, at_most=CARRY - 1)
        self.horizon = check_integer("horizon", horizon, at_least=1)
        self.scale_rows = (
            None if scale_rows is None else check_integer("scale_rows", scale_rows, at_least=2)
        )
        self.clip = None if clip is None else check_number("clip", clip, above=0.0)
        if leaders is not None and len(leaders) == 0:
            raise ParameterError(
                "leaders must name at least one asset, got none; None uses all assets"
            )
        self.leaders = leaders
        self.field = check_choice("field", field, ("unrounded", "price"))
        if isinstance(fields, str):
            raise ParameterError(
                f"fields must be a sequence of names such as ('volume',), got {fields!r}"
            )
        self.fields = fields
        self.scale_field = scale_field
        self.skip_stale = bool(skip_stale)

    @property
    def min_rows(self) -> int:
        """Rows that a window must have at least."""
        return self._first + self.horizon + _LEAST_TRAINING

    @property
    def _first(self) -> int:
        """First row of a window whose features depend on rows of the window alone."""
        scaling = 0 if self.scale_rows is None else self.scale_rows - 1
        return CARRY + scaling + (CARRY - 1 if self.skip_stale else self.lags - 1)

    def _tail(self, window: Panel) -> Design:
        """Features of the last row of a window alone (the design's last row)."""
        return self._design(window.window(window.now, depth=self._first + 1))

    def _design_of(
        self, panel: Panel, rows: IntArray, fits: IntArray, depth: int
    ) -> tuple[Design, int]:
        """Features and targets that forecasts from ``rows`` by models of ``fits`` depend on; and
        the row they begin with.

        They are bit by bit those of the whole panel: they begin where moments are summed afresh,
        and are made from rows that begin where the blocks of
        :func:`~statarb.forecasting.features.rolling_mean` do.
        """
        begin = max(0, int(fits[0]) + 1 - depth - ANCHOR) // ANCHOR * ANCHOR
        blocks = self.scale_rows or (72 if self.fields else 1)
        start = max(0, begin - self._first - blocks) // blocks * blocks
        whole = self._design(panel.row_slice(start, int(rows[-1]) + 1), depth)
        design = dataclasses.replace(
            whole.part(begin - start, len(whole.target)), first=whole.first - begin
        )
        return design, begin

    def _design(self, panel: Panel, depth: int | None = None) -> Design:
        check_fields(panel, self.fields)
        past = moves(
            panel,
            scale_rows=self.scale_rows,
            clip=self.clip,
            field=self.field,
            scale_field=self.scale_field,
        )
        leading = self._leading(panel)
        everyone = len(leading) == len(panel.assets)
        fresh = past.fresh if self.skip_stale else None
        shared = [
            lagged(
                past.scaled if everyone else np.ascontiguousarray(past.scaled[:, leading]),
                self.lags,
                fresh,
            )
        ]
        for name in self.fields:
            shared.append(standardised_field(panel, name, self.scale_rows or 72)[:, leading])
        own, own_lags = np.zeros((len(past.scaled), 0)), 0
        if self._own_lags_of == "all" or not everyone:
            followers = past.scaled
            if self._own_lags_of != "all":
                followers = followers.copy()
                followers[:, leading] = 0.0
            own, own_lags = lagged(followers, self.lags, fresh), self.lags
        usable = np.ones(len(past.fresh), dtype=np.bool_)
        if self.skip_stale:
            usable[:-1] = past.fresh[1:]
        return Design(
            shared=shared[0] if len(shared) == 1 else np.hstack(shared),
            own=own,
            own_lags=own_lags,
            target=self._target(past.returns, past.scale),
            usable=usable,
            scale=past.scale * np.sqrt(self.horizon),
            gap=quote_gap(panel, self.field, depth),
            first=self._first,
            leading=leading,
            further=len(self.fields) * len(leading),
        )

    def _target(self, returns: FloatArray, scale: FloatArray) -> FloatArray:
        target = np.zeros_like(returns)
        ahead = max(len(target) - self.horizon, 0)
        for step in range(1, self.horizon + 1):
            target[:ahead] += returns[step : step + ahead]
        moving = scale > 0.0
        target = np.where(
            moving, target / np.where(moving, scale * np.sqrt(self.horizon), 1.0), 0.0
        )
        if self.clip is not None:
            np.clip(target, -self.clip, self.clip, out=target)
        return target

    def _leading(self, panel: Panel) -> IntArray:
        """Columns of the leaders."""
        if self.leaders is not None:
            return panel.columns_of(list(self.leaders))
        if len(panel.assets) <= _MOST_LEADERS:
            return np.arange(len(panel.assets), dtype=np.int64)
        named = panel.assets.get_indexer(pd.Index(LEADERS))
        named = named[named >= 0]
        return (
            np.sort(named).astype(np.int64)
            if len(named)
            else np.arange(len(LEADERS), dtype=np.int64)
        )

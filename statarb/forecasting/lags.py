"""Base of the forecasters on lagged returns: parameters, features and targets."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Sequence

import numpy as np

from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.data.panel import Panel
from statarb.forecasting._engine.rolling import ANCHOR, Rows, Span
from statarb.forecasting.base import BaseForecaster
from statarb.forecasting.features import (
    ReturnFeatures,
    check_fields,
    lagged,
    leading_columns,
    quote_gap,
    standardised_field,
)

__all__ = ["Design", "LagForecaster"]


_LEAST_TRAINING = 20


@dataclasses.dataclass(frozen=True, eq=False)
class Design:
    """Features and targets of a panel, row by row.

    Parameters
    ----------
    shared : (rows, features)
        Features that every asset's model has, known at the row.
    own : (rows, own_lags * assets)
        Own lags of each asset, lag by lag; no columns where no model uses them.
    own_lags : int
        Own features per asset.
    target : (rows, assets)
        Return over the next ``horizon`` rows, in units of ``scale``, clipped; 0 where there is none
        yet.
    usable : (rows,) bool
        Rows to train on: some asset moves at the next row.
    scale : (rows, assets)
        What a forecast is multiplied by.
    gap : (rows, assets)
        Log distance of the unrounded price from the quoted one, at the asset's last quote.
    first : int
        First row whose features are complete; negative where the design was cut off after it.
    leading : (leaders,) int
        Columns of the assets whose lags are shared, in the order of the shared features.
    further : int
        Shared features that are no lags; they come last.
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
        """Rows at which some asset moved, as far as the design's rows tell; the first one counts as
        such.
        """
        fresh: BoolArray = np.append(True, self.usable[:-1])
        return fresh

    @property
    def training_rows(self) -> Rows:
        """Features and targets for sums over rows; 0 in rows that are not usable."""
        used = self.usable[:, None]
        return Rows(self.shared * used, self.own * used, self.target * used)

    def part(self, low: int, high: int) -> Design:
        """Return the rows from ``low`` to before ``high``.

        Parameters
        ----------
        low, high : int
            Rows.

        Returns
        -------
        Design
        """
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
        """Return the same with the assets, and the leaders among each other, in another order.

        Parameters
        ----------
        order : (assets,) int
            Column that comes first, second, ...

        Returns
        -------
        Design
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

    Parameters
    ----------
    features : ReturnFeatures
        Settings of the features; each becomes an attribute.
    """

    lags: int
    horizon: int
    scale_rows: int | None
    clip: float | None
    leaders: Sequence[Hashable] | None
    field: str
    fields: Sequence[str]
    scale_field: str | None
    skip_stale: bool

    _own_lags_of: str = "followers"

    def __init__(self, features: ReturnFeatures) -> None:
        for part in dataclasses.fields(features):
            setattr(self, part.name, getattr(features, part.name))

    @property
    def features(self) -> ReturnFeatures:
        """Settings of the features, as one object."""
        return ReturnFeatures(
            **{part.name: getattr(self, part.name) for part in dataclasses.fields(ReturnFeatures)}
        )

    @property
    def min_rows(self) -> int:
        """Rows that a window must have at least."""
        return self._first + self.horizon + _LEAST_TRAINING

    @property
    def _first(self) -> int:
        """First row of a window whose features depend on rows of the window alone."""
        return self.features.first

    def _span(self, design: Design, depth: int) -> Span:
        """Rows of a window of ``depth`` rows that a model is trained on."""
        return Span(depth - self._first - self.horizon, design.first, ANCHOR)

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
        blocks = self.features.block_rows
        start = max(0, begin - self._first - blocks) // blocks * blocks
        whole = self._design(panel.row_slice(start, int(rows[-1]) + 1), depth)
        design = dataclasses.replace(
            whole.part(begin - start, len(whole.target)), first=whole.first - begin
        )
        return design, begin

    def _design(self, panel: Panel, depth: int | None = None) -> Design:
        features = self.features
        check_fields(panel, self.fields)
        past = features.moves(panel)
        leading = leading_columns(panel, self.leaders)
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
            shared.append(standardised_field(panel, name, features.field_rows)[:, leading])
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
            target=features.target(past),
            usable=usable,
            scale=past.scale * np.sqrt(self.horizon),
            gap=quote_gap(panel, self.field, depth),
            first=self._first,
            leading=leading,
            further=len(self.fields) * len(leading),
        )

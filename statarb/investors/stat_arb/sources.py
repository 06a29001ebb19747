"""Sources of expected returns: a forecaster, its horizons, and how much evidence it needs."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from statarb._core.checks import check_choice, check_integer, check_number
from statarb._core.typing import FloatArray
from statarb.cointegration.pairs import PairsSignal
from statarb.data.panel import Panel
from statarb.errors import ParameterError
from statarb.forecasting.ensemble import linear_ensemble
from statarb.forecasting.trailing import TrailingReturn, TrailingRidge
from statarb.investors.stat_arb.forecasts import (
    after_lag,
    forecasts_from,
    forecasts_over,
    has_horizon,
)

__all__ = ["SOURCES", "Source", "SourceLike", "Term", "as_sources", "forecasts_of_terms", "terms"]


@dataclasses.dataclass(frozen=True, eq=False)
class Source:
    """A forecaster that is asked over several horizons.

    Parameters
    ----------
    name : str
        In tables.
    forecaster : Forecaster
        One with a parameter ``horizon`` is asked for the return from the trade on: that over ``lag
        + horizon`` rows less that over ``lag`` rows. Another is taken to forecast over its own
        horizon, counted from the trade.
    horizons : sequence of int
        Rows from the trade on.
    z_threshold : float
        Standard errors by which the slope of realised returns on forecasts must exceed zero. A
        source that has passed a test already, as pairs have, needs less evidence than one that
        always has something to say.
    """

    name: str
    forecaster: Any
    horizons: tuple[int, ...] = (1,)
    z_threshold: float = 2.0

    def __post_init__(self) -> None:
        """Check every value once."""
        if not (hasattr(self.forecaster, "fit") and hasattr(self.forecaster, "predict")):
            raise ParameterError(
                f"a forecaster must have fit(window) and predict(window), got {self.forecaster!r}"
            )
        if len(self.horizons) == 0:
            raise ParameterError("horizons must hold at least one number of rows, got none")
        spans = tuple(check_integer("horizons", one, at_least=1) for one in self.horizons)
        object.__setattr__(self, "horizons", spans)
        check_number("z_threshold", self.z_threshold, at_least=0.0)

    def __repr__(self) -> str:
        return self.name

    @property
    def spans(self) -> tuple[int, ...]:
        """Horizons that it is asked for: its forecaster's own one, where that takes no other."""
        if has_horizon(self.forecaster):
            return self.horizons
        return (int(getattr(self.forecaster, "horizon", 1)),)

    @property
    def min_rows(self) -> int:
        """Rows that a window must have before there is any forecast."""
        return int(getattr(self.forecaster, "min_rows", 1))


SourceLike: TypeAlias = "str | Source | Any"

SOURCES = ("cross_asset", "cross_asset_slow", "pairs", "trend")
"""Names of the sources of the default: returns of all assets as predictors of each one's next, and
of the next hours'; reversion of cointegrated pairs; the last hours' return going on.
"""


def named_source(name: str) -> Source:
    """Return one of the sources of the default, :data:`SOURCES`."""
    check_choice("sources", name, SOURCES)
    if name == "cross_asset":
        return Source(name, linear_ensemble(), (1,))
    if name == "cross_asset_slow":
        return Source(name, TrailingRidge(), (12, 24), z_threshold=3.0)
    if name == "pairs":
        return Source(name, PairsSignal(), (12, 24, 48), z_threshold=1.0)
    return Source(name, TrailingReturn(), (24, 72), z_threshold=3.0)


def as_sources(given: Sequence[SourceLike]) -> tuple[Source, ...]:
    """Return sources from names, forecasters and sources.

    Parameters
    ----------
    given : sequence of str, Forecaster or Source
        Names are those of :data:`SOURCES`; a forecaster is asked over its own horizon.

    Returns
    -------
    tuple of Source
        With different names.

    Raises
    ------
    ParameterError
        Another name, no source at all, or something that does not forecast.
    """
    # a forecaster or a Source alone is the likely slip: it has no length
    if isinstance(given, str) or not hasattr(given, "__len__") or len(given) == 0:
        raise ParameterError(
            f"sources must be a sequence of at least one of the names {', '.join(SOURCES)}, "
            f"forecasters or Source objects, got {given!r}"
        )
    found: list[Source] = []
    for one in given:
        if isinstance(one, Source):
            source = one
        elif isinstance(one, str):
            source = named_source(one)
        else:
            span = int(getattr(one, "horizon", 1))
            source = Source(str(getattr(one, "name", type(one).__name__)), one, (span,))
        taken = {other.name for other in found}
        number, name = 2, source.name
        while name in taken:
            name, number = f"{source.name} {number}", number + 1
        found.append(dataclasses.replace(source, name=name))
    return tuple(found)


class Term(NamedTuple):
    """A source at one of its horizons."""

    source: int
    horizon: int
    z_threshold: float


def terms(sources: Sequence[Source]) -> list[Term]:
    """Return every source at each of its horizons, in order."""
    return [
        Term(place, span, source.z_threshold)
        for place, source in enumerate(sources)
        for span in source.spans
    ]


def forecasts_of_terms(
    sources: Sequence[Source], panel: Panel, first: int, last: int, depth: int, lag: int
) -> FloatArray:
    """Forecast from the rows ``first`` to ``last - 1`` the return from the trade on.

    Parameters
    ----------
    sources : sequence of Source
        Forecasters and horizons.
    panel : Panel
        The market; nothing after row ``last - 1`` is used, nor for any row what lies after it.
    first, last : int
        Rows, as positions in ``panel.times``.
    depth : int
        Most rows of a window.
    lag : int
        Rows between the last row seen and the trade.

    Returns
    -------
    (rows, terms, assets)
        Expected log returns in the order of :func:`terms`; NaN = no forecast.
    """
    found = np.full((last - first, len(terms(sources)), len(panel.assets)), np.nan)
    place = 0
    for source in sources:
        spans = source.spans
        if not has_horizon(source.forecaster):
            found[:, place] = forecasts_from(source.forecaster, panel, first, last, depth)
            place += 1
            continue
        asked = sorted({lag + span for span in spans} | ({lag} if lag else set()))
        made = dict(
            zip(
                asked,
                forecasts_over(source.forecaster, panel, first, last, depth, asked),
                strict=True,
            )
        )
        for span in spans:
            found[:, place] = after_lag(made.__getitem__, lag, span)
            place += 1
    return found

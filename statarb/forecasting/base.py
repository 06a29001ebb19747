"""Forecasters: protocol, base class, and the names under which they are known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, Self, TypeVar, cast, runtime_checkable

import numpy as np
import pandas as pd

from statarb._core.params import Parameters, Registry, fresh_copy
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.data.panel import Panel
from statarb.errors import DataError, ParameterError

__all__ = [
    "BaseForecaster",
    "BlockForecaster",
    "Forecaster",
    "as_forecaster",
    "clone",
    "forecaster_names",
    "make_forecaster",
    "register",
]

F = TypeVar("F")

C = TypeVar("C", bound=Callable[..., Any])

FORECASTERS = Registry("forecaster")
"""Registered names, and what makes a forecaster of each. A class registers itself when its module
is imported: ``statarb.forecasting`` holds those that need no other tool, ``statarb.investors`` adds
those that do.
"""


@runtime_checkable
class Forecaster(Protocol):
    """Protocol of a forecaster: any object with these two methods is one.

    A window is a read-only panel that ends where the forecaster may look. Its rows are the times at
    which something was quoted, and its last row is lag 1, however long ago
    (``window.steps_since_last_row``) that was.
    """

    def fit(self, window: Panel) -> Self:
        """Estimate the model on a window, and return the forecaster itself.

        Parameters
        ----------
        window : Panel
            What the forecaster may learn from.

        Returns
        -------
        object
            The forecaster itself.
        """
        ...

    def predict(self, window: Panel) -> pd.Series:
        """Return the expected log return by asset over the horizon, from the asset's last known
        price; NaN = no forecast.

        The window may end later than the one of :meth:`fit`.

        Parameters
        ----------
        window : Panel
            Ends where the forecast may look; it may end later than the one of ``fit``.

        Returns
        -------
        Series
            Expected log return by asset over the horizon; NaN for an asset without a quote in the
            window.
        """
        ...


@runtime_checkable
class BlockForecaster(Protocol):
    """Optional method of a forecaster that forecasts a stretch of rows at once; the answers are
    those of fit and predict.
    """

    def forecast_block(
        self, panel: Panel, rows: IntArray, fits: IntArray, depth: int
    ) -> tuple[FloatArray, BoolArray]:
        """Return forecasts as if made window by window.

        Parameters
        ----------
        panel : Panel
            All rows; row k of the answer looks at none after ``rows[k]``.
        rows : (steps,)
            Position (among the panel's rows) of the last row of the window that is predicted from.
        fits : (steps,)
            Position of the last row of the window that the model is fitted on; it does not
            decrease.
        depth : int
            Rows of a window.

        Returns
        -------
        forecasts : (steps, assets)
            Expected log returns, NaN = no forecast.
        failed : (steps, assets)
            Where the model could not be estimated and the forecast is the last value.
        """
        ...


class BaseForecaster(Parameters):
    """Base of the library's forecasters: parameters are the arguments of the constructor.

    A subclass stores every argument of its constructor under the argument's own name, checks it,
    and keeps what it learns in attributes that end in an underscore.
    """

    refit_every: int = 1
    """Steps between fits that are worth their time, unless the caller says otherwise."""

    failed_: BoolArray
    """Assets whose model could not be estimated at the last fit: their forecast is the last value,
    and the walk counts it.
    """

    @property
    def min_rows(self) -> int:
        """Rows that a window must have at least, to fit and to predict."""
        return 1

    def _require_rows(self, rows: int) -> None:
        if rows < self.min_rows:
            raise DataError(
                f"{type(self).__name__} needs windows of at least {self.min_rows} rows, got "
                f"{rows}; "
                "start later, give deeper windows, or use fewer lags and scale_rows"
            )

    def _require_fitted(self, window: Panel) -> None:
        assets = getattr(self, "assets_", None)
        if assets is None:
            raise ParameterError(
                f"{type(self).__name__} must be fitted before it predicts; call fit(window) first"
            )
        if not window.assets.equals(assets):
            raise DataError(
                f"{type(self).__name__} was fitted on {len(assets)} assets and is asked for "
                f"{len(window.assets)} others; fit and predict on windows of one panel"
            )

    def _series(self, window: Panel, values: FloatArray) -> pd.Series:
        """Label a forecast, and blank it for assets without a quote in the window."""
        seen = (~np.isnan(window.array("price"))).any(axis=0)
        return pd.Series(
            np.where(seen, values, np.nan), index=window.assets, name="expected_return"
        )


def clone(forecaster: F) -> F:
    """Return an unfitted copy with the same parameters.

    Parameters
    ----------
    forecaster : Forecaster
        One without ``get_params`` is copied as it is.

    Returns
    -------
    Forecaster
    """
    return cast(F, fresh_copy(forecaster))


def register(name: str) -> Callable[[C], C]:
    """Make a class known to :func:`make_forecaster` under a name (decorator).

    Parameters
    ----------
    name : str
        What :func:`make_forecaster` and the command line call it.

    Returns
    -------
    callable
        Decorator of a class, or of a function that returns a forecaster.

    Raises
    ------
    ParameterError
        The name is taken by another class.
    """
    return FORECASTERS.register(name)


def forecaster_names() -> list[str]:
    """Return the names that :func:`make_forecaster` knows, sorted.

    Returns
    -------
    list of str
    """
    return FORECASTERS.names()


def make_forecaster(name: str, **params: Any) -> Forecaster:
    """Return a registered forecaster.

    Parameters
    ----------
    name : str
        One of :func:`forecaster_names`.
    **params
        Parameters of its constructor.

    Returns
    -------
    Forecaster

    Raises
    ------
    ParameterError
        Unknown name or parameter; lists the known ones.

    Examples
    --------
    >>> make_forecaster("drift")
    Drift()
    """
    return cast(Forecaster, FORECASTERS.make(name, **params))


def as_forecaster(forecaster: Any) -> Forecaster:
    """Return a forecaster as it is, or make one of a registered name.

    Parameters
    ----------
    forecaster : Forecaster or str
        An object with ``fit`` and ``predict``, or one of :func:`forecaster_names`.

    Returns
    -------
    Forecaster

    Raises
    ------
    ParameterError
        Anything else; says what to do with a class.
    """
    if isinstance(forecaster, str):
        return make_forecaster(forecaster)
    if isinstance(forecaster, type):
        name = forecaster.__name__
        raise ParameterError(
            f"forecaster must be an object, got the class {name}; give {name}(), or a registered "
            "name"
        )
    if not (
        callable(getattr(forecaster, "fit", None))
        and callable(getattr(forecaster, "predict", None))
    ):
        raise ParameterError(
            f"forecaster must have fit(window) and predict(window), got {forecaster!r}"
        )
    return cast(Forecaster, forecaster)

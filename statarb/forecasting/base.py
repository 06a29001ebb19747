"""What a forecaster is: the protocol, parameters and copies, and the names under which the
library's own are known.
"""

from __future__ import annotations

import copy
import importlib
import inspect
from collections.abc import Callable, Iterable
from typing import Any, Protocol, Self, TypeVar, cast, runtime_checkable

import numpy as np
import pandas as pd

from statarb._core.checks import check_choice
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

_REGISTRY: dict[str, tuple[str, str]] = {
    "last_value": ("statarb.forecasting.linear", "LastValue"),
    "drift": ("statarb.forecasting.linear", "Drift"),
    "ridge": ("statarb.forecasting.linear", "CrossAssetRidge"),
    "reduced_rank_ridge": ("statarb.forecasting.linear", "ReducedRankRidge"),
    "hannan_rissanen_ridge": ("statarb.forecasting.innovations", "HannanRissanenRidge"),
    "stacked_direction": ("statarb.forecasting.direction", "StackedDirection"),
    "boosting": ("statarb.forecasting.learned", "GradientBoosting"),
    "mlp": ("statarb.forecasting.learned", "MLP"),
    "svr": ("statarb.forecasting.learned", "SVR"),
    "default": ("statarb.forecasting.ensemble", "default_forecaster"),
    "linear_ensemble": ("statarb.forecasting.ensemble", "linear_ensemble"),
    "innovation_ensemble": ("statarb.forecasting.ensemble", "innovation_ensemble"),
    "stacked_ensemble": ("statarb.forecasting.ensemble", "stacked_ensemble"),
    "ensemble": ("statarb.forecasting.ensemble", "full_ensemble"),
    "ar": ("statarb.forecasting.econometric", "Autoregression"),
    "arima": ("statarb.forecasting.econometric", "Arima"),
    "exponential_smoothing": ("statarb.forecasting.econometric", "ExponentialSmoothing"),
    "var": ("statarb.forecasting.econometric", "VectorAutoregression"),
    "vecm": ("statarb.forecasting.econometric", "VECM"),
    "garch_ridge": ("statarb.investors.stat_arb.garch_forecasts", "GarchStandardised"),
}
"""Where each name lives: module and class, imported when the name is first asked for. What needs
another tool beside this one lives above both.
"""

_FACTORIES: dict[str, Callable[..., Any]] = {}


@runtime_checkable
class Forecaster(Protocol):
    """What every forecaster offers; any object with these two methods serves.

    A window is a read-only panel that ends where the forecaster may look. Its rows are the times at
    which something was quoted, and its last row is lag 1, however long ago
    (``window.steps_since_last_row``) that was.
    """

    def fit(self, window: Panel) -> Self:
        """Estimate the model on a window, and return the forecaster itself."""
        ...

    def predict(self, window: Panel) -> pd.Series:
        """Return the expected log return by asset over the horizon, from the asset's last known
        price; NaN = no forecast.

        The window may end later than the one of :meth:`fit`.
        """
        ...


@runtime_checkable
class BlockForecaster(Protocol):
    """What a forecaster may offer beside, to forecast a stretch of rows at once; the answers are
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
            Where the model could not be estimated and the last value stands in for it.
        """
        ...


class BaseForecaster:
    """Base of the library's forecasters: parameters stand in the constructor, and only there.

    A subclass stores every argument of its constructor under the argument's own name, checks it,
    and keeps what it learns in attributes that end in an underscore.
    """

    refit_every: int = 1
    """Steps between fits that are worth their time, where nobody says otherwise."""

    failed_: BoolArray
    """Assets whose model could not be estimated at the last fit: the last value stands in, and the
    walk counts it.
    """

    @classmethod
    def _parameter_names(cls) -> list[str]:
        return list(inspect.signature(cls).parameters)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name; with ``deep`` those of nested forecasters too, as
        ``outer__inner``.
        """
        params: dict[str, Any] = {}
        for name in self._parameter_names():
            value = getattr(self, name)
            params[name] = value
            if deep and isinstance(value, BaseForecaster):
                params.update(
                    {f"{name}__{key}": inner for key, inner in value.get_params().items()}
                )
        return params

    def set_params(self, **params: Any) -> Self:
        """Set parameters by name (``outer__inner`` reaches into a nested forecaster); they are
        checked as in the constructor.

        Raises
        ------
        ParameterError
            A name that the forecaster does not have, or a value that its constructor refuses.
        """
        own = {name: getattr(self, name) for name in self._parameter_names()}
        nested: dict[str, dict[str, Any]] = {}
        for name, value in params.items():
            head, _, tail = name.partition("__")
            check_choice(f"parameter of {type(self).__name__}", head, own)
            if tail:
                nested.setdefault(head, {})[tail] = value
            else:
                own[head] = value
        for head, inner in nested.items():
            if not isinstance(own[head], BaseForecaster):
                raise ParameterError(
                    f"{head} of {type(self).__name__} holds no forecaster, so it has no "
                    f"{next(iter(inner))!r}"
                )
            own[head] = clone(own[head]).set_params(**inner)
        self.__init__(**own)  # type: ignore[misc]
        return self

    @property
    def min_rows(self) -> int:
        """Rows that a window must have at least, to fit and to predict."""
        return 1

    def __repr__(self) -> str:
        defaults = inspect.signature(type(self)).parameters
        shown = [
            f"{name}={value!r}"
            for name, value in self.get_params(deep=False).items()
            if defaults[name].default is inspect.Parameter.empty
            or not _same(value, defaults[name].default)
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

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
                f"{len(window.assets)} others; "
                "fit and predict on windows of one panel"
            )

    def _series(self, window: Panel, values: FloatArray) -> pd.Series:
        """Label a forecast, and take it away from assets without a quote in the window."""
        seen = (~np.isnan(window.array("price"))).any(axis=0)
        return pd.Series(
            np.where(seen, values, np.nan), index=window.assets, name="expected_return"
        )


def clone(forecaster: F) -> F:
    """Return an unfitted copy with the same parameters; an object without ``get_params`` is copied
    as it is.
    """
    get = getattr(forecaster, "get_params", None)
    if get is None:
        return copy.deepcopy(forecaster)
    params = {name: _clone_value(value) for name, value in get(deep=False).items()}
    return type(forecaster)(**params)


def _clone_value(value: Any) -> Any:
    if isinstance(value, BaseForecaster):
        return clone(value)
    if isinstance(value, (list, tuple)):
        return type(value)(_clone_value(item) for item in value)
    return value


def _same(value: Any, default: Any) -> bool:
    return value is default or (
        isinstance(value, (str, int, float, tuple, list)) and bool(value == default)
    )


def register(name: str) -> Callable[[C], C]:
    """Make a class known to :func:`make_forecaster` under a name (decorator).

    Parameters
    ----------
    name : str
        What :func:`make_forecaster` and the command line call it.

    Raises
    ------
    ParameterError
        The name is taken by another class.
    """

    def add(factory: C) -> C:
        home = (factory.__module__, factory.__qualname__)
        if _REGISTRY.setdefault(name, home) != home:
            raise ParameterError(
                f"name must be new, got {name!r}, which is registered for "
                f"{'.'.join(_REGISTRY[name])}"
            )
        _FACTORIES[name] = factory
        return factory

    return add


def forecaster_names() -> list[str]:
    """Return the names that :func:`make_forecaster` knows."""
    return sorted(_REGISTRY)


def make_forecaster(name: str, **params: Any) -> Forecaster:
    """Return one of the library's forecasters by name.

    Parameters
    ----------
    name : str
        One of :func:`forecaster_names`.
    **params
        Passed on to its constructor.

    Raises
    ------
    ParameterError
        Unknown name or parameter; lists the known ones.

    Examples
    --------
    >>> make_forecaster("drift")
    Drift()
    """
    module, attribute = _REGISTRY[check_choice("forecaster", name, forecaster_names())]
    factory = _FACTORIES.get(name) or getattr(importlib.import_module(module), attribute)
    accepted = inspect.signature(factory).parameters
    if params and not accepted:
        raise ParameterError(f"{name!r} takes no parameters, got {next(iter(params))!r}")
    if not any(one.kind is inspect.Parameter.VAR_KEYWORD for one in accepted.values()):
        for given in params:
            check_choice(f"parameter of {name!r}", given, list(accepted))
    return cast(Forecaster, factory(**params))


def as_forecaster(forecaster: Any) -> Forecaster:
    """Return a forecaster as it is, or make one of a registered name.

    Parameters
    ----------
    forecaster : Forecaster or str
        An object with ``fit`` and ``predict``, or one of :func:`forecaster_names`.

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


def names_of(forecasters: Iterable[object]) -> list[str]:
    """Return a readable, unique name for each forecaster."""
    names: list[str] = []
    for forecaster in forecasters:
        name = str(getattr(forecaster, "name", None) or type(forecaster).__name__)
        names.append(name if name not in names else f"{name} {names.count(name) + 1}")
    return names

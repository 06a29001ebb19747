"""Investors made of other things: a function of one's own, or a portfolio estimator in the manner
of scikit-learn.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.checks import check_integer
from statarb.data.panel import Panel
from statarb.errors import DataError, ParameterError
from statarb.investors.base import PeriodicInvestor, fresh_copy, weights_of
from statarb.investors.universe import carried, check_universe, choose_assets

__all__ = ["EstimatorInvestor", "FunctionInvestor", "Throttled", "from_function", "from_skfolio"]

ROUNDING = 1e-6
"""What a solver's weights may miss of their bounds."""


@dataclasses.dataclass(eq=False, repr=False)
class FunctionInvestor(PeriodicInvestor):
    """An investor that asks a function; made by :func:`from_function`.

    Parameters
    ----------
    function : callable
        See :func:`from_function`.
    label : str
        Its name.
    every : int
        Steps between two decisions.
    """

    function: Callable[..., Any]
    label: str
    every: int = 1

    @property
    def name(self) -> str:
        """The label given."""
        return self.label

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        super().check()
        if not callable(self.function):
            raise ParameterError(f"function must be callable, got {type(self.function).__name__}")

    def weigh(self, window: Panel, holdings: pd.Series) -> pd.Series | None:
        """Return what the function wants."""
        wanted = (
            self.function(window, holdings) if _takes_two(self.function) else self.function(window)
        )
        if wanted is None or isinstance(wanted, pd.Series):
            return wanted
        if isinstance(wanted, Mapping):
            return pd.Series(dict(wanted), dtype=np.float64)
        if isinstance(wanted, np.ndarray) and wanted.shape == (len(window.assets),):
            return pd.Series(wanted, index=window.assets)
        raise ParameterError(
            f"{self.name} must return a Series or mapping of weights by asset, an array of one "
            "weight an asset, or None; "
            f"got {type(wanted).__name__}"
        )


def from_function(
    function: Callable[..., Any], name: str | None = None, *, every: int = 1
) -> FunctionInvestor:
    """Make an investor of a rule of one's own.

    Parameters
    ----------
    function : callable
        Takes the window, or the window and the holdings, and returns wanted weights by asset as a
        Series or mapping, an array of one weight an asset of the window, or ``None`` to keep the
        holdings. It should answer from its arguments alone. To be run in other processes, it must
        be defined in a module.
    name : str, optional
        By default the function's name.
    every : int
        Steps between two decisions.

    Raises
    ------
    ParameterError
        What is given cannot be called, or ``every`` is below 1; at a decision, an answer of another
        kind.

    Examples
    --------
    >>> def only_bitcoin(window):
    ...     return {1442: 0.5}
    >>> from_function(only_bitcoin).name
    'only_bitcoin'
    """
    return FunctionInvestor(
        function, name or str(getattr(function, "__name__", type(function).__name__)), every
    )


@dataclasses.dataclass(eq=False, repr=False)
class EstimatorInvestor(PeriodicInvestor):
    """An investor that fits a portfolio estimator to the returns of the window; made by
    :func:`from_skfolio`.

    Parameters
    ----------
    estimator : object
        See :func:`from_skfolio`.
    label : str
        Its name.
    lookback : int
        Rows of prices that the estimator is shown.
    every : int
        Steps between two decisions.
    max_assets : int or None
        Largest number of assets.
    max_age : int
        A price counts for ``max_age`` rows.
    """

    estimator: Any
    label: str
    lookback: int = 2016
    every: int = 288
    max_assets: int | None = 100
    max_age: int = 12

    @property
    def name(self) -> str:
        """The label given."""
        return self.label

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        super().check()
        if not callable(getattr(self.estimator, "fit", None)) or isinstance(self.estimator, type):
            raise ParameterError(f"estimator must be an object with fit(X), got {self.estimator!r}")
        check_integer("lookback", self.lookback, at_least=3)
        check_universe(self.max_assets, self.max_age)

    def weigh(self, window: Panel, holdings: pd.Series) -> pd.Series | None:
        """Return the weights of the estimator fitted to the window; ``None`` while no asset has a
        history.
        """
        column = choose_assets(window, self.max_assets, self.max_age)
        price = carried(window, column, self.lookback)
        known = ~np.isnan(price[min(self.max_age, len(price)) - 1])
        column, price = column[known], price[:, known]
        if len(price) < 3 or len(column) == 0:
            return None
        returns = price[1:] / price[:-1] - 1.0
        frame = pd.DataFrame(
            np.where(np.isnan(returns), 0.0, returns),
            index=window.times[-len(returns) :],
            columns=[str(asset) for asset in window.assets[column]],
        )
        from sklearn.base import clone

        fitted = clone(self.estimator, safe=False)
        fitted.fit(frame)
        weights = np.zeros(len(window.assets))
        weights[column] = self._checked(getattr(fitted, "weights_", None), len(column))
        return weights_of(window, weights)

    def _checked(self, found: Any, count: int) -> Any:
        weights = np.asarray(found, dtype=np.float64)
        if weights.shape != (count,):
            raise DataError(
                f"{self.name} must give weights_ of shape ({count},) once fitted, got "
                f"{weights.shape}"
            )
        if (
            not np.isfinite(weights).all()
            or weights.min() < -ROUNDING
            or weights.sum() > 1.0 + ROUNDING
        ):
            raise DataError(
                f"{self.name} must be long only, its weights finite, at least 0 and at most 1 in "
                "sum; got a smallest weight of "
                f"{weights.min():g} and a sum of {weights.sum():g}"
            )
        weights = np.maximum(weights, 0.0)
        return weights / max(1.0, float(weights.sum()))


def from_skfolio(
    estimator: Any,
    name: str | None = None,
    *,
    lookback: int = 2016,
    every: int = 288,
    max_assets: int | None = 100,
    max_age: int = 12,
) -> EstimatorInvestor:
    """Make an investor of a portfolio estimator: of skfolio, or of anything with ``fit(X)`` and
    ``weights_``.

    Parameters
    ----------
    estimator : object
        ``fit(X)`` is given simple returns, a DataFrame of times x assets (ids as text) without
        gaps, and leaves ``weights_``, one a column, at least 0 and at most 1 in sum. A clone is
        fitted at every decision.
    name : str, optional
        By default the name of its class.
    lookback : int
        Rows of prices that the estimator is shown.
    every : int
        Steps between two decisions.
    max_assets : int or None
        Largest number of assets, see :func:`~statarb.investors.universe.choose_assets`.
    max_age : int
        An asset needs a price in the last ``max_age`` rows, and one by the first ``max_age`` rows
        of the lookback; a missing price in between is carried forward (a return of 0).

    Raises
    ------
    ParameterError
        A class in place of an object, one without ``fit``, or a value out of range.
    DataError
        At a decision: weights of another shape, not finite, negative, or of more than 1 in sum.
    """
    return EstimatorInvestor(
        estimator, name or type(estimator).__name__, lookback, every, max_assets, max_age
    )


@dataclasses.dataclass(eq=False, repr=False)
class Throttled(PeriodicInvestor):
    """Another investor, asked once in ``every`` steps; in between the holdings are kept.

    A learner takes in the rows between all the same: it learns at every row and trades at some.

    Parameters
    ----------
    investor : Investor
        What is asked; a learner of the library, or anything that answers from its window alone.
    every : int
        Steps between two decisions, see :class:`~statarb.investors.base.PeriodicInvestor`.

    Examples
    --------
    >>> from statarb.investors import make_investor
    >>> Throttled(make_investor("eg"), every=288).name
    'eg every 288'
    """

    investor: Any
    every: int = 288

    @property
    def name(self) -> str:
        """Name of the investor, and how often it is asked."""
        return f"{self.investor.name} every {self.every}"

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        super().check()
        if not callable(getattr(self.investor, "decide", None)) or isinstance(self.investor, type):
            raise ParameterError(
                f"investor must be an object with decide(window, holdings), got {self.investor!r}"
            )

    def reset(self) -> None:
        """Forget what was learnt along a path; so does the investor."""
        super().reset()
        self._asked = fresh_copy(self.investor)

    def weigh(self, window: Panel, holdings: pd.Series) -> pd.Series | None:
        """Return what the investor wants."""
        wanted: pd.Series | None = self._asked.decide(window, holdings)
        return wanted


def _takes_two(function: Callable[..., Any]) -> bool:
    parameters = inspect.signature(function).parameters.values()
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [
        one for one in parameters if one.kind in places and one.default is inspect.Parameter.empty
    ]
    return len(needed) >= 2

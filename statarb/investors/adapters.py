"""Adapters: investors from a function, from a portfolio estimator, and from another investor at a
lower frequency.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.case import DEPTH
from statarb._core.checks import check_integer
from statarb._core.params import fresh_copy
from statarb.data.panel import Panel
from statarb.errors import DataError, ParameterError
from statarb.investors.base import PeriodicInvestor, context_of, weights_of
from statarb.investors.benchmarks.moments import recent_returns
from statarb.investors.universe import check_universe
from statarb.rules import Context

__all__ = ["EstimatorInvestor", "FunctionInvestor", "Throttled", "from_function", "from_skfolio"]

ROUNDING = 1e-6
"""By which a solver's weights may violate their bounds."""


@dataclasses.dataclass(eq=False, repr=False)
class FunctionInvestor(PeriodicInvestor):
    """An investor that asks a function; made by :func:`from_function`.

    Parameters
    ----------
    function : callable
        See :func:`from_function`.
    label : str
        Its name.
    every : int or str
        Rows between two decisions, or a calendar anchor; see
        :class:`~statarb.investors.base.PeriodicInvestor`.
    """

    function: Callable[..., Any]
    label: str
    every: int | str = 1

    @property
    def name(self) -> str:
        """The label given."""
        return self.label

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        super().check()
        if not callable(self.function):
            raise ParameterError(f"function must be callable, got {type(self.function).__name__}")

    def weigh(
        self, window: Panel, holdings: pd.Series, context: Context | None = None
    ) -> pd.Series | None:
        """Return the function's target weights; see :meth:`PeriodicInvestor.weigh`.

        Raises
        ------
        ParameterError
            An answer of another kind.
        """
        arguments = (window, holdings, context)[: _positions(self.function)]
        target = self.function(*arguments)
        if target is None or isinstance(target, pd.Series):
            return target
        if isinstance(target, Mapping):
            return pd.Series(dict(target), dtype=np.float64)
        if isinstance(target, np.ndarray) and target.shape == (len(window.assets),):
            return pd.Series(target, index=window.assets)
        raise ParameterError(
            f"{self.name} must return a Series or mapping of weights by asset, an array of one "
            f"weight per asset, or None; got {type(target).__name__}"
        )


def from_function(
    function: Callable[..., Any], name: str | None = None, *, every: int | str = 1
) -> FunctionInvestor:
    """Make an investor from a function.

    Parameters
    ----------
    function : callable
        Takes the window, or the window and the holdings, or these and the
        :class:`~statarb.rules.Context`, and returns target weights by asset as a Series or mapping,
        an array of one weight per asset of the window, or ``None`` to keep the holdings. It should
        answer from its arguments alone. To be run in other processes, it must be defined in a
        module.
    name : str, optional
        By default the function's name.
    every : int or str
        Rows between two decisions, or a calendar anchor; see
        :class:`~statarb.investors.base.PeriodicInvestor`.

    Returns
    -------
    FunctionInvestor
        Registered nowhere; hand it to a walk or a league.

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
    every : int or str
        Rows between two decisions, or a calendar anchor; see
        :class:`~statarb.investors.base.PeriodicInvestor`.
    max_assets : int or None
        Largest number of assets.
    max_age : int
        A price counts for ``max_age`` rows.
    """

    estimator: Any
    label: str
    lookback: int = DEPTH
    every: int | str = 288
    max_assets: int | None = 100
    max_age: int = 12

    @property
    def name(self) -> str:
        """The label given."""
        return self.label

    @property
    def min_rows(self) -> int:
        """Rows that a window must have: those of two returns."""
        return 3

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        super().check()
        if not callable(getattr(self.estimator, "fit", None)) or isinstance(self.estimator, type):
            raise ParameterError(f"estimator must be an object with fit(X), got {self.estimator!r}")
        check_integer("lookback", self.lookback, at_least=3)
        check_universe(self.max_assets, self.max_age)

    def weigh(self, window: Panel, holdings: pd.Series) -> pd.Series | None:
        """Return the weights of the estimator fitted to the window; ``None`` while no asset has a
        history. See :meth:`PeriodicInvestor.weigh`.
        """
        recent = recent_returns(
            window, self.lookback, self.max_assets, self.max_age, count_rows=True, least_moves=0.0
        )
        column = recent.column
        if len(recent.synchronous) < 2 or len(column) == 0:
            return None
        times = window.times[-len(recent.returns) :]
        frame = pd.DataFrame(
            np.expm1(recent.synchronous),
            index=times[recent.row],
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
    lookback: int = DEPTH,
    every: int | str = 288,
    max_assets: int | None = 100,
    max_age: int = 12,
) -> EstimatorInvestor:
    """Make an investor from a portfolio estimator: of skfolio, or anything with ``fit(X)`` and
    ``weights_``.

    Parameters
    ----------
    estimator : object
        ``fit(X)`` is given simple returns, a DataFrame of times x assets (ids as text) without
        gaps, and leaves ``weights_``, one per column, at least 0 and at most 1 in sum. A clone is
        fitted at every decision.
    name : str, optional
        By default the name of its class.
    lookback : int
        Rows of prices that the estimator is shown.
    every : int or str
        Rows between two decisions, or a calendar anchor; see
        :class:`~statarb.investors.base.PeriodicInvestor`.
    max_assets : int or None
        Largest number of assets, see :func:`~statarb.investors.universe.choose_assets`.
    max_age : int
        An asset needs a price in the last ``max_age`` rows, and one by the first ``max_age`` rows
        of the lookback. Returns are those between rows by which all of these assets have been
        quoted again, in log return divided by the root of the rows between
        (:func:`~statarb.investors.benchmarks.moments.recent_returns`): without missing quotes, the
        simple returns of the rows.

    Returns
    -------
    EstimatorInvestor
        Registered nowhere; hand it to a walk or a league.

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
    """Another investor, asked every ``every`` rows; in between the holdings are kept.

    A learner learns from the rows in between all the same, and trades at some.

    Parameters
    ----------
    investor : Investor
        A learner of the library, or anything that answers from its window alone.
    every : int or str
        Rows between two decisions, or a calendar anchor; see
        :class:`~statarb.investors.base.PeriodicInvestor`.

    Examples
    --------
    >>> from statarb.investors import make_investor
    >>> Throttled(make_investor("eg"), every=288).name
    'throttled(eg, every=288)'
    """

    investor: Any
    every: int | str = 288

    @property
    def name(self) -> str:
        """Name of the investor, and how often it is asked."""
        return f"throttled({self.investor.name}, every={self.every})"

    @property
    def min_rows(self) -> int:
        """Rows that a window must have: those of the investor."""
        return int(getattr(self.investor, "min_rows", 1))

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        super().check()
        if not callable(getattr(self.investor, "decide", None)) or isinstance(self.investor, type):
            raise ParameterError(
                f"investor must be an object with decide(window, holdings), got {self.investor!r}"
            )

    def reset(self) -> None:
        """Discard what was learnt along a path; so does the investor."""
        super().reset()
        self._asked = fresh_copy(self.investor)

    def weigh(
        self, window: Panel, holdings: pd.Series, context: Context | None = None
    ) -> pd.Series | None:
        """Return the investor's target weights; see :meth:`PeriodicInvestor.weigh`."""
        target: pd.Series | None = context_of(context, window).call(
            self._asked.decide, window, holdings
        )
        return target


def _positions(function: Callable[..., Any]) -> int:
    """Return how many of window, holdings and context a function takes."""
    parameters = inspect.signature(function).parameters.values()
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [
        one
        for one in parameters
        if one.kind in places
        and (one.default is inspect.Parameter.empty or one.name in ("holdings", "context"))
    ]
    return min(max(len(needed), 1), 3)

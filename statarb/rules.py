"""TradingRules: what a trade costs and how small or large it may be; Context: the terms of one
decision.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
import math
from collections.abc import Callable, Hashable
from typing import Any

import pandas as pd

from statarb._core.case import FEE
from statarb._core.checks import check_number
from statarb.errors import ParameterError

__all__ = ["Context", "TradingRules"]


@dataclasses.dataclass(frozen=True)
class TradingRules:
    """Start capital, fee and order limits. The same object serves the optimizer and the replay.

    The defaults are those of the competition case: 10,000 USD, 0.25 % of turnover, orders from
    0.001 to 0.5 BTC.

    Parameters
    ----------
    capital : float
        Cash at the start, in the currency of the prices (USD). Positive.
    fee : float
        Share of each trade's value that is paid, in [0, 1).
    min_order, max_order : float
        Smallest and largest value of one order, in units of the numeraire. An order below
        ``min_order`` is dropped, one above ``max_order`` is cut to it. ``0`` and ``inf`` switch the
        limits off.
    numeraire : label or None
        Asset in whose units the limits are stated (1442 is BTC); ``None`` states them in the
        currency of the prices: give ``min_order`` and ``max_order`` too then, since 0.5 is half a
        bitcoin or half a dollar. Another market without limits: ``TradingRules(capital=...,
        fee=...).without_limits()``.

    Examples
    --------
    >>> TradingRules(fee=0.001).fee
    0.001
    >>> TradingRules().without_limits().limited
    False
    """

    capital: float = 10_000.0
    fee: float = FEE
    min_order: float = 0.001
    max_order: float = 0.5
    numeraire: Hashable | None = 1442

    def __post_init__(self) -> None:
        """Check every value once; a rule that exists is valid."""
        for name, value in (
            ("capital", check_number("capital", self.capital, above=0.0)),
            ("fee", check_number("fee", self.fee, at_least=0.0, below=1.0)),
            ("min_order", check_number("min_order", self.min_order, at_least=0.0)),
            ("max_order", check_number("max_order", self.max_order, above=0.0, finite=False)),
        ):
            object.__setattr__(self, name, value)
        if self.min_order > self.max_order:
            raise ParameterError(
                f"min_order must be at most max_order, got min_order={self.min_order:g} and "
                f"max_order={self.max_order:g}"
            )

    @property
    def limited(self) -> bool:
        """Whether any order can be dropped or cut for its size."""
        return self.min_order > 0.0 or math.isfinite(self.max_order)

    def order_limits(self, numeraire_price: float = 1.0) -> tuple[float, float]:
        """Smallest and largest value of one order, in the currency of the prices.

        Parameters
        ----------
        numeraire_price : float
            Last known price of the numeraire; 1 where the limits are stated in the currency of the
            prices.

        Returns
        -------
        float, float
            ``min_order`` and ``max_order`` times the price of the numeraire.

        Examples
        --------
        >>> TradingRules(min_order=0.001, max_order=0.5).order_limits(10_000.0)
        (10.0, 5000.0)
        """
        return self.min_order * numeraire_price, self.max_order * numeraire_price

    def without_limits(self) -> TradingRules:
        """Return the same rules with order limits off.

        Returns
        -------
        TradingRules
        """
        return dataclasses.replace(self, min_order=0.0, max_order=math.inf, numeraire=None)

    def replace(self, **changes: object) -> TradingRules:
        """Return the same rules with some fields replaced.

        Parameters
        ----------
        **changes
            New values by field.

        Returns
        -------
        TradingRules
        """
        return dataclasses.replace(self, **changes)  # type: ignore[arg-type]


@dataclasses.dataclass(frozen=True)
class Context:
    """The terms of one decision: what an investor is told where it asks for it.

    ``decide(window, holdings)`` answers from the window and the holdings; an investor whose
    ``decide`` takes a third argument is given a context as well. So is one whose ``decide_on``
    takes a fourth argument, and one whose ``signals`` takes a fifth (then the context of the start
    of the walk, since signals depend neither on the time of a decision nor on the value).

    Parameters
    ----------
    time : Timestamp
        Time at which the weights will be traded, ``decision_lag`` steps after the window's last.
    value : float
        Value of the portfolio at the end of the window, in the currency of the prices.
    rules : TradingRules
        What a trade costs, and how small or large it may be.
    decision_lag : int
        Steps between the last row that the decision may use and the price at which it trades.
    """

    time: pd.Timestamp
    value: float
    rules: TradingRules
    decision_lag: int = 1

    def call(self, method: Callable[..., Any], *arguments: Any) -> Any:
        """Call a method with arguments, and with this context last where the method takes one.

        Parameters
        ----------
        method : callable
            For example ``investor.decide``. It takes a context where it has one more positional
            parameter than there are arguments, named ``context`` or without a default.
        *arguments
            What it is given in any case.

        Returns
        -------
        object
            What the method returns.
        """
        # Methods of one class share a signature, which is looked up once.
        function = getattr(method, "__func__", method)
        skipped = 0 if function is method else 1
        if _takes_context(function, len(arguments) + skipped):
            return method(*arguments, self)
        return method(*arguments)


@functools.lru_cache(maxsize=1024)
def _takes_context(function: Callable[..., Any], place: int) -> bool:
    """Whether the positional parameter at a place is there and is for a context."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [
        one for one in inspect.signature(function).parameters.values() if one.kind in kinds
    ]
    if len(parameters) <= place:
        return False
    one = parameters[place]
    return one.name == "context" or one.default is inspect.Parameter.empty

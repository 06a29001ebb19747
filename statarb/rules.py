"""TradingRules: what a trade costs and how small or large it may be."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable

from statarb._core.checks import check_number
from statarb.errors import ParameterError

__all__ = ["TradingRules"]


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
    fee: float = 0.0025
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

    def without_limits(self) -> TradingRules:
        """Return the same rules with order limits off."""
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

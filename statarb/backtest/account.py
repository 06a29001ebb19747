"""Account: cash and units that are marked to quotes and traded, one step at a time."""

from __future__ import annotations

import math
from collections.abc import Hashable

import numpy as np
import pandas as pd

from statarb._core.checks import check_number
from statarb._core.numeric import sum_slack
from statarb._core.time import as_stamp
from statarb._core.typing import FloatArray, IntArray, TimeLike
from statarb.backtest._engine.kernels import mark, mark_rests, realised, trade_once, worth
from statarb.backtest._engine.state import COUNTERS, REASONS, new_state, order_rules
from statarb.data.panel import Panel
from statarb.errors import DataError, ParameterError
from statarb.rules import TradingRules

__all__ = ["Account", "last_known_price", "numeraire_column", "numeraire_price", "observed_quotes"]


def numeraire_column(panel: Panel, rules: TradingRules) -> int:
    """Return the column of the asset in whose units the order limits are stated.

    Parameters
    ----------
    panel : Panel
        The market.
    rules : TradingRules
        Name the numeraire.

    Returns
    -------
    int
        -1 where there are no limits, or none in units of an asset.

    Raises
    ------
    ParameterError
        Limits in units of an asset that the panel does not have.
    """
    if not rules.limited or rules.numeraire is None:
        return -1
    column = int(panel.assets.get_indexer(pd.Index([rules.numeraire]))[0])
    if column < 0:
        alike = panel.table.index[panel.table["symbol"] == str(rules.numeraire)].tolist()
        raise ParameterError(
            f"numeraire {rules.numeraire!r} is not an asset of the panel"
            f"{f' (did you mean {alike[0]!r}?)' if alike else ''}, so orders cannot be measured in "
            "it; trade without limits "
            "(rules.without_limits(), on the command line --numeraire none), or give "
            "TradingRules(numeraire=...) one of the "
            "panel's assets; with None min_order and max_order are amounts in the currency of the "
            "prices"
        )
    return column


def observed_quotes(panel: Panel) -> FloatArray:
    """Return the quotes that can be traded: those that were observed, not imputed.

    Parameters
    ----------
    panel : Panel
        The market.

    Returns
    -------
    (rows, assets)
        Read-only; NaN where nothing was observed.
    """
    price = panel.array("price")
    if panel.is_imputed:
        price = np.where(panel.observed_array, price, np.nan)
    quotes = np.ascontiguousarray(price, dtype=np.float64).view()
    quotes.flags.writeable = False
    return quotes


def last_known_price(quotes: FloatArray, column: int, stop: int) -> float:
    """Return the last quote of an asset before row ``stop``.

    Parameters
    ----------
    quotes : (rows, assets)
        Quotes that can be traded.
    column : int
        Of the asset; -1 for none.
    stop : int
        First row that does not count.

    Returns
    -------
    float
        1 where there is no asset, NaN where it has had no quote.
    """
    if column < 0:
        return 1.0
    for low in range(stop, 0, -1024):
        known = quotes[max(0, low - 1024) : low, column]
        known = known[(known > 0.0) & (known < math.inf)]
        if len(known):
            return float(known[-1])
    return math.nan


def numeraire_price(panel: Panel, rules: TradingRules) -> float:
    """Return the last known price of the numeraire in a panel or window.

    With it :meth:`TradingRules.order_limits` gives the limits in the currency of the prices.

    Parameters
    ----------
    panel : Panel
        Market or window; its last row counts.
    rules : TradingRules
        Name the numeraire.

    Returns
    -------
    float
        1 where limits need no numeraire, NaN where it has had no quote.
    """
    column = numeraire_column(panel, rules)
    return 1.0 if column < 0 else last_known_price(observed_quotes(panel), column, len(panel.times))


class Account:
    """A portfolio of assets and cash that trades by the rules of the case, one step at a time.

    The batch form is :func:`statarb.replay`; the same calls in the same order give the same bits
    here. Use it where a decision needs to know what is really held.

    Parameters
    ----------
    panel : Panel
        Its assets give the columns; quotes before ``start`` give the numeraire's last known price.
    rules : TradingRules
        Start capital, fee and order limits.
    start : time, optional
        First time that will be marked; by default the first of the grid.

    Examples
    --------
    >>> import pandas as pd, statarb as sa
    >>> times = pd.date_range("2018", periods=2, freq="5min")
    >>> panel = sa.Panel.from_frame(pd.DataFrame({"a": [1.0, 2.0]}, index=times))
    >>> account = Account(panel, sa.TradingRules(capital=100.0, fee=0.0).without_limits())
    >>> account.mark([1.0]), account.trade([0.5])
    (100.0, True)
    >>> account.mark([2.0]), account.cash
    (150.0, 50.0)
    """

    def __init__(
        self, panel: Panel, rules: TradingRules | None = None, *, start: TimeLike | None = None
    ) -> None:
        self.rules = TradingRules() if rules is None else rules
        self.assets = panel.assets
        before = (
            0
            if start is None
            else int(np.searchsorted(panel.times_array, as_stamp("start", start)))
        )
        column = numeraire_column(panel, self.rules)
        price = last_known_price(observed_quotes(panel), column, before)
        count = len(panel.assets)
        self._state = new_state(count, self.rules.capital, price)
        self._order_rules = order_rules(self.rules, column)
        self._everything = np.arange(count, dtype=np.int64)
        self._quotes = np.full((1, count), np.nan)
        self._row = -1
        self._target = np.empty(count)
        self._part, self._lanes = np.empty(count), np.empty(4)
        self.failures = 0

    def credit(self, asset: Hashable, benefit: float) -> None:
        """Credit an event: add a benefit times the units held of an asset to the cash.

        Call it before :meth:`mark`.

        Parameters
        ----------
        asset : label
            An asset of the panel.
        benefit : float
            Currency per unit, at least 0.
        """
        column = int(self.assets.get_indexer(pd.Index([asset]))[0])
        if column < 0:
            raise ParameterError(
                f"asset {asset!r} is not in the account's panel of {len(self.assets)} assets"
            )
        check_number("benefit", benefit, at_least=0.0)
        self._state.ledger["cash"] += benefit * self._state.units[column]

    def mark(self, quotes: FloatArray | None = None) -> float:
        """Advance to the quotes of the next step, and return the value before trading.

        Parameters
        ----------
        quotes : (assets,), optional
            Observed quotes in the panel's order of assets, NaN where there is none; ``None`` where
            nothing was quoted.

        Returns
        -------
        float
            Cash plus units at the last known prices, in the currency of the prices.
        """
        self._row = -1
        if quotes is not None:
            self._quotes[0, :] = quotes
            self._row = 0
        return mark(
            self._quotes, self._row, self._order_rules.numeraire, self._state, self._part,
            self._lanes,
        )  # fmt: skip

    def mark_steps(self, quotes: FloatArray, rows: IntArray) -> None:
        """Advance over several steps without a trade: the same as :meth:`mark` for each of them.

        Parameters
        ----------
        quotes : (rows, assets)
            Observed quotes.
        rows : (steps,) int64
            Row of ``quotes`` of each step; -1 where nothing was quoted.
        """
        if len(rows) == 0:
            return
        mark_rests(0, len(rows), quotes, rows, self._order_rules.numeraire, self._state)
        self._row = int(rows[-1])
        if self._row >= 0:
            self._quotes[0, :] = quotes[self._row]
            self._row = 0

    def trade(self, target: FloatArray) -> bool:
        """Trade towards target weights at the quotes last marked.

        Parameters
        ----------
        target : (assets,)
            Weights in the panel's order of assets; cash is the rest. With a NaN in it nothing is
            traded, and the failure is counted.

        Returns
        -------
        bool
            Whether it was a decision (no NaN, and the account is solvent).

        Raises
        ------
        DataError
            A weight outside [0, 1], a sum above 1, or limits in units of an asset that has had no
            quote yet.
        """
        state, weights = self._state, self._target
        slack = sum_slack(np.asarray(target).dtype)
        weights[:] = target
        total = float(weights.sum())
        if math.isnan(total) and np.isnan(weights).any():
            self.failures += 1
            return False
        low, high = float(weights.min()), float(weights.max())
        if low < -slack or high > 1.0 + slack or total > 1.0 + slack:
            place = int(np.argmin(weights) if low < -slack else np.argmax(weights))
            raise DataError(
                f"target weights must lie in [0, 1] and sum to at most 1, got {weights[place]:g} "
                f"for asset {self.assets.tolist()[place]!r} and a sum of {total:.12g}"
            )
        if slack > sum_slack() and total > 1.0:
            weights /= total
        if math.isnan(self.numeraire_price):
            raise DataError(
                f"numeraire {self.rules.numeraire!r} has had no quote yet, so no order can be "
                "measured in it"
            )
        if self.insolvent:
            return False
        trade_once(self._quotes, self._row, self._everything, weights, self._order_rules, state)
        return True

    @property
    def value(self) -> float:
        """Cash plus units at the last known prices, now."""
        return worth(self._state, self._part, self._lanes)

    @property
    def cash(self) -> float:
        """Cash, in the currency of the prices."""
        return float(self._state.ledger["cash"][0])

    @property
    def fees(self) -> float:
        """Fees paid in the last step, in the currency of the prices."""
        return float(self._state.ledger["fees"][0])

    @property
    def turnover(self) -> float:
        """Value bought and sold in the last step, in the currency of the prices."""
        return float(self._state.ledger["turnover"][0])

    @property
    def marked_value(self) -> float:
        """Value at the last :meth:`mark`, before trading."""
        return float(self._state.ledger["value"][0])

    @property
    def numeraire_price(self) -> float:
        """Last known price of the numeraire; 1 where limits need none, NaN before a quote."""
        return float(self._state.ledger["numeraire_price"][0])

    @property
    def insolvent(self) -> bool:
        """Whether the value has been 0, which ended trading."""
        return bool(self._state.ledger["stopped"][0])

    @property
    def units(self) -> FloatArray:
        """Units held, (assets,), a copy."""
        return self._state.units.copy()

    @property
    def held(self) -> IntArray:
        """Columns of the assets held, ascending, a copy."""
        return self._state.held[: int(self._state.ledger["held"][0])].copy()

    @property
    def weights(self) -> FloatArray:
        """Weights now, (assets,), at the last known prices; cash is the rest."""
        return self.weights_and_value()[0]

    def weights_and_value(self) -> tuple[FloatArray, float]:
        """Return :attr:`weights` and :attr:`value` at once.

        Returns
        -------
        (assets,), float
            Weights by column, and the value in the currency of the prices.
        """
        out = np.zeros(len(self._state.units) + 1)
        value = realised(self._state, self._part, self._lanes, out)
        return out[:-1], value

    @property
    def holdings(self) -> pd.Series:
        """Weights now by asset; cash is the rest."""
        return pd.Series(self.weights, index=self.assets, copy=False)

    @property
    def counts(self) -> dict[str, int]:
        """Orders so far, by reason."""
        ledger = self._state.ledger
        return {
            reason: int(ledger[name][0]) for reason, name in zip(REASONS, COUNTERS, strict=True)
        }

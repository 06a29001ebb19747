"""Account: cash and units that are marked to quotes and traded, one step at a time."""

from __future__ import annotations

import math
from collections.abc import Hashable

import numpy as np
import pandas as pd

from statarb._core.checks import check_number
from statarb._core.time import as_stamp
from statarb._core.typing import FloatArray, IntArray, TimeLike
from statarb.backtest._engine.kernels import (
    CASH,
    COUNTS,
    FEES,
    HELD,
    MONEY,
    REASON,
    REASONS,
    STOPPED,
    TALLY,
    TURNOVER,
    UNIT,
    VALUE,
    realised,
    trade,
    worth,
)
from statarb.backtest._engine.kernels import mark as mark_kernel
from statarb.backtest.decisions import SLACK
from statarb.data.panel import Panel
from statarb.errors import DataError, ParameterError
from statarb.rules import TradingRules

__all__ = ["Account", "State", "last_unit", "numeraire_column", "observed_quotes"]


class State:
    """What an account holds, as the arrays that the kernels change in place."""

    __slots__ = ("count", "held", "last", "money", "numeraire", "rules", "units")

    def __init__(self, assets: int, rules: TradingRules, numeraire: int, unit: float) -> None:
        self.units = np.zeros(assets)
        self.last = np.zeros(assets)
        self.held = np.empty(assets, dtype=np.int64)
        self.money = np.zeros(MONEY)
        self.money[[CASH, VALUE, UNIT]] = rules.capital, rules.capital, unit
        self.count = np.zeros(COUNTS, dtype=np.int64)
        self.rules = np.array([rules.fee, rules.min_order, rules.max_order])
        self.numeraire = numeraire


def numeraire_column(panel: Panel, rules: TradingRules) -> int:
    """Return the column of the asset in whose units the order limits are stated; -1 where there is
    none.

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
    """Return the quotes that can be traded, rows x assets, read-only: NaN where nothing was
    observed, imputed or not.
    """
    price = panel.array("price")
    if panel._observed is not None:
        price = np.where(panel.observed_array, price, np.nan)
    quotes = np.ascontiguousarray(price, dtype=np.float64).view()
    quotes.flags.writeable = False
    return quotes


def last_unit(quotes: FloatArray, column: int, stop: int) -> float:
    """Return the last quote of the numeraire before row ``stop``; 1 where there is no numeraire,
    NaN where no quote.
    """
    if column < 0:
        return 1.0
    for low in range(stop, 0, -1024):
        known = quotes[max(0, low - 1024) : low, column]
        known = known[(known > 0.0) & (known < math.inf)]
        if len(known):
            return float(known[-1])
    return math.nan


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
        column = numeraire_column(panel, self.rules)
        before = (
            0
            if start is None
            else int(np.searchsorted(panel.times.to_numpy(), as_stamp("start", start)))
        )
        self._state = State(
            len(panel.assets), self.rules, column, last_unit(observed_quotes(panel), column, before)
        )
        self._everything = np.arange(len(panel.assets), dtype=np.int64)
        self._quotes = np.full((1, len(panel.assets)), np.nan)
        self._row = -1
        self._wanted = np.empty(len(panel.assets))
        self._work_int = np.empty((2, max(len(panel.assets), TALLY)), dtype=np.int64)
        self._work_float = np.empty((8, len(panel.assets)))
        self._log_int = np.empty((0, 3), dtype=np.int64)
        self._log_float = np.empty((0, 4))
        self.failures = 0

    def credit(self, asset: Hashable, benefit: float) -> None:
        """Add ``benefit`` (USD a unit, at least 0) times the units held of an asset to the cash;
        call it before :meth:`mark`.
        """
        column = int(self.assets.get_indexer(pd.Index([asset]))[0])
        if column < 0:
            raise ParameterError(
                f"asset {asset!r} is not in the account's panel of {len(self.assets)} assets"
            )
        check_number("benefit", benefit, at_least=0.0)
        self._state.money[CASH] += benefit * self._state.units[column]

    def mark(self, quotes: FloatArray | None = None) -> float:
        """Take in the quotes of the next step, and return the value before trading.

        Parameters
        ----------
        quotes : (assets,), optional
            Observed quotes in the panel's order of assets, NaN where there is none; ``None`` where
            nothing was quoted.

        Returns
        -------
        float
            Cash plus units at the last known prices, in USD.
        """
        self._row = -1
        if quotes is not None:
            self._quotes[0, :] = quotes
            self._row = 0
        state = self._state
        return mark_kernel(
            self._quotes,
            self._row,
            state.numeraire,
            state.units,
            state.last,
            state.held,
            state.money,
            state.count,
            self._work_float,
        )

    def trade(self, wanted: FloatArray) -> bool:
        """Trade towards the wanted weights at the quotes last marked.

        Parameters
        ----------
        wanted : (assets,)
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
        state, weights = self._state, self._wanted
        weights[:] = wanted
        total = float(weights.sum())
        if math.isnan(total) and np.isnan(weights).any():
            self.failures += 1
            return False
        low, high = float(weights.min()), float(weights.max())
        if low < -SLACK or high > 1.0 + SLACK or total > 1.0 + SLACK:
            place = int(np.argmin(weights) if low < -SLACK else np.argmax(weights))
            raise DataError(
                f"wanted weights must lie in [0, 1] and sum to at most 1, got {weights[place]:g} "
                "for asset "
                f"{self.assets.tolist()[place]!r} and a sum of {total:.12g}"
            )
        if math.isnan(state.money[UNIT]):
            raise DataError(
                f"numeraire {self.rules.numeraire!r} has had no quote yet, so no order can be "
                "measured in it"
            )
        if state.count[STOPPED]:
            return False
        trade(
            self._quotes, self._row, self._everything, weights, state.rules, state.units,
            state.last, state.held,
            state.money, state.count, self._work_int, self._work_float, self._log_int,
            self._log_float, 0,
        )  # fmt: skip
        return True

    @property
    def value(self) -> float:
        """Cash plus units at the last known prices, now."""
        state = self._state
        return worth(
            state.units, state.last, state.held, state.money, state.count, self._work_float
        )

    @property
    def cash(self) -> float:
        """Cash, in USD."""
        return float(self._state.money[CASH])

    @property
    def fees(self) -> float:
        """Fees paid in the last step, in USD."""
        return float(self._state.money[FEES])

    @property
    def turnover(self) -> float:
        """Value bought and sold in the last step, in USD."""
        return float(self._state.money[TURNOVER])

    @property
    def marked_value(self) -> float:
        """Value at the last :meth:`mark`, before trading."""
        return float(self._state.money[VALUE])

    @property
    def insolvent(self) -> bool:
        """Whether the value has been 0, which ended trading."""
        return bool(self._state.count[STOPPED])

    @property
    def units(self) -> FloatArray:
        """Units held, (assets,), a copy."""
        return self._state.units.copy()

    @property
    def held(self) -> IntArray:
        """Columns of the assets held, ascending, a copy."""
        return self._state.held[: self._state.count[HELD]].copy()

    @property
    def weights(self) -> FloatArray:
        """Weights now, (assets,), at the last known prices; cash is the rest."""
        return self._weights()[:-1]

    @property
    def holdings(self) -> pd.Series:
        """Weights now by asset; cash is the rest."""
        return pd.Series(self.weights, index=self.assets, copy=False)

    @property
    def counts(self) -> dict[str, int]:
        """Orders so far, by reason."""
        return {name: int(self._state.count[REASON + code]) for code, name in enumerate(REASONS)}

    def _weights(self) -> FloatArray:
        state = self._state
        out = np.zeros(len(state.units) + 1)
        realised(
            state.units, state.last, state.held, state.money, state.count, self._work_float, out
        )
        return out

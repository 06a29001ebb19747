"""Investors: the protocol, the base classes with their parameters, and the registry of names."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
import pandas as pd

from statarb._core.checks import check_integer
from statarb._core.params import Parameters, Registry
from statarb._core.time import as_stamp
from statarb._core.typing import BoolArray, FloatArray
from statarb.data.panel import Panel
from statarb.errors import ParameterError
from statarb.investors.universe import last_prices, listed
from statarb.rules import Context, TradingRules

__all__ = [
    "INVESTORS",
    "BaseInvestor",
    "Investor",
    "PeriodicInvestor",
    "SignalDriven",
    "anchor",
    "as_investor",
    "context_of",
    "largest_order",
    "make_investor",
    "register",
    "smallest_order",
    "weights_of",
]


@runtime_checkable
class Investor(Protocol):
    """Anything with a name that turns a window and the holdings into target weights."""

    @property
    def name(self) -> str:
        """What tables call it; distinct in a league."""
        ...

    def decide(self, window: Panel, holdings: pd.Series) -> pd.Series | None:
        """Return target weights. A third parameter ``context`` receives the
        :class:`~statarb.rules.Context`: time, value, rules and decision lag.

        Parameters
        ----------
        window : Panel
            All that may be known: a read-only panel that ends where the decision may look,
            ``decision_lag`` steps before the trade.
        holdings : Series
            Held share of the current value by asset, index ``window.assets``; cash is the rest.

        Returns
        -------
        Series or None
            Target share of the value by asset, each at least 0, their sum at most 1, cash the rest;
            an asset that is not named gets 0. ``None`` keeps the holdings as they are.
        """
        ...


B = TypeVar("B", bound="BaseInvestor")

INVESTORS = Registry("investor")
"""Registered names and their factories."""

register = INVESTORS.register


def make_investor(name: str, **params: Any) -> Any:
    """Make a registered investor.

    Parameters
    ----------
    name : str
        A key of ``INVESTORS``.
    **params
        Parameters of its constructor.

    Returns
    -------
    Investor

    Raises
    ------
    ParameterError
        Unknown name (lists those that exist), unknown parameter (lists those that it takes), or a
        value out of range.

    Examples
    --------
    >>> make_investor("momentum", top=1).name
    'momentum(top=1)'
    """
    return INVESTORS.make(name, **params)


def as_investor(investor: Any) -> Any:
    """Return an investor as it is, or make one of a registered name.

    Parameters
    ----------
    investor : Investor or str
        An object with ``name`` and ``decide``, or a key of ``INVESTORS``.

    Returns
    -------
    Investor

    Raises
    ------
    ParameterError
        Anything else; says what to do with a class, a function or an object without a name.
    """
    if isinstance(investor, str):
        return make_investor(investor)
    if isinstance(investor, type):
        raise ParameterError(
            f"investor must be an object, got the class {investor.__name__}; give "
            f"{investor.__name__}(), or a registered name"
        )
    if callable(getattr(investor, "decide", None)):
        if isinstance(getattr(investor, "name", None), str):
            return investor
        raise ParameterError(
            f"investor must have a name (text), which {type(investor).__name__} lacks; give the "
            "class one"
        )
    hint = "; make one with sa.investors.from_function" if callable(investor) else ""
    raise ParameterError(
        f"investor must have a name and decide(window, holdings), got {investor!r}{hint}"
    )


class BaseInvestor(Parameters):
    """Base of the investors: parameters, copies and names in the manner of scikit-learn.

    A subclass is usually a dataclass whose fields are its parameters. It defines :meth:`decide`; it
    checks its parameters in :meth:`check`; what it learns along the path lives in attributes that
    :meth:`reset` makes. A walk starts from a fresh :meth:`clone`. An investor that learns updates
    on every row of the window that is new to it, so its answer is the same whether or not it was
    asked in between, as long as no window starts after the last row seen.

    Attributes
    ----------
    key : str
        The name under which the class is registered.
    hindsight : bool
        Whether it needs the whole sample. Such an investor is a benchmark, excluded from the
        ranking: it is given the sample by :meth:`fit_hindsight`, and refuses to decide before.
    """

    key: ClassVar[str] = ""
    hindsight: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Check the parameters and start afresh."""
        self.check()
        self.reset()

    @property
    def name(self) -> str:
        """Key and the parameters that differ from their defaults, as ``momentum(top=1)``."""
        key = self.key or type(self).__name__
        params = self.changed_params()
        changed = ", ".join(f"{name}={_short(value)}" for name, value in params.items())
        return f"{key}({changed})" if changed else key

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""

    def reset(self) -> None:
        """Discard what was learnt along a path."""

    def decide(self, window: Panel, holdings: pd.Series) -> pd.Series | None:
        """Return target weights by asset, or ``None`` to keep the holdings; see
        :meth:`Investor.decide`.

        Parameters
        ----------
        window, holdings : Panel, Series
            See :meth:`Investor.decide`.

        Returns
        -------
        Series or None
            See :meth:`Investor.decide`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define decide(window, holdings)")

    def fit_hindsight(self: B, panel: Panel) -> B:
        """Show the whole sample to an investor in hindsight.

        Parameters
        ----------
        panel : Panel
            The rows on which it will be judged.

        Returns
        -------
        BaseInvestor
            Itself.

        Raises
        ------
        ParameterError
            This investor decides without hindsight.
        """
        raise ParameterError(
            f"{self.name} decides without hindsight; fit_hindsight is for investors with hindsight "
            "= True"
        )


class PeriodicInvestor(BaseInvestor):
    """An investor that decides anew every ``every`` rows, and keeps its holdings in between.

    Rows are counted from the first decision, so that the same prices labelled as minutes, hours or
    weekdays give the same decisions. A decision is traded once. Where an order was cut to its
    largest size, or met a row in which the asset had no quote, what is missing of it is ordered
    again until the next decision; assets without a quote in the last :data:`PATIENCE` rows wait. A
    subclass is a dataclass with the field ``every``, and defines :meth:`weigh`.

    ``every`` may also be a calendar anchor, an offset of pandas such as ``"1D"``, ``"1W"``,
    ``"W-FRI"`` or ``"ME"``: a decision is then made in the first row on or after each anchor
    (``"1W"``: each Sunday, ``"ME"``: the last day of each month, from midnight on; ``"1D"``,
    ``"12h"``: multiples of the span).
    """

    every: int | str

    @property
    def min_rows(self) -> int:
        """Rows that a window must have before there is a decision."""
        return 1

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        if isinstance(self.every, str):
            anchor(self.every)
        else:
            check_integer("every", self.every, at_least=1)

    def reset(self) -> None:
        """Discard when the last decision was."""
        self._period: Any = None
        self._rows = 0
        self._newest: np.datetime64 | None = None
        self._answer: pd.Series | None = None
        self._order: _Order | None = None

    def decide(
        self, window: Panel, holdings: pd.Series, context: Context | None = None
    ) -> pd.Series | None:
        """Return target weights in the first row of a period; in the rest of it what is left of
        them to order, or ``None``.

        See :meth:`Investor.decide`.
        """
        context = context_of(context, window)
        stamps = window.times_array
        if len(stamps) < self.min_rows:
            return None
        if self._newest is not None:
            self._rows += len(stamps) - int(np.searchsorted(stamps, self._newest, side="right"))
        self._newest = stamps[-1]
        period = (
            anchor(self.every)(window.now)
            if isinstance(self.every, str)
            else self._rows // self.every
        )
        if period == self._period:
            # an answer for every row is repeated as it is, up to the next row
            if self.every == 1:
                return self._answer
            return self._order_again(window, holdings, context)
        answer: pd.Series | None = context.call(self.weigh, window, holdings)
        self._period = period
        self._order = None
        if self.every == 1:
            self._answer = answer
        elif answer is not None:
            target = answer.reindex(window.assets, fill_value=0.0).to_numpy(dtype=np.float64)
            self._order = _Order.placed(
                window, holdings.to_numpy(dtype=np.float64), target, context
            )
        return answer

    def weigh(self, window: Panel, holdings: pd.Series) -> pd.Series | None:
        """Return target weights by asset, or ``None`` to keep the holdings; see
        :meth:`Investor.decide`. A third parameter ``context`` receives the context.

        Parameters
        ----------
        window, holdings : Panel, Series
            See :meth:`Investor.decide`.

        Returns
        -------
        Series or None
            See :meth:`Investor.decide`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define weigh(window, holdings)")

    def rests(self) -> int:
        """Number of further rows at which the holdings are surely kept.

        Returns
        -------
        int
            0 while an order may be incomplete, and with a calendar anchor.
        """
        if self._newest is None or self._order is not None or isinstance(self.every, str):
            return 0
        return self.every - 1 - self._rows % self.every

    def _order_again(
        self, window: Panel, holdings: pd.Series, context: Context
    ) -> pd.Series | None:
        """Return the holdings with the target of every asset whose order was not filled; ``None``
        where there is none to repeat.
        """
        order = self._order
        if order is None or not order.is_due(window, context):
            return None
        held = holdings.to_numpy(dtype=np.float64)
        waiting = order.waiting | (order.asked & order.unfilled(window, held, context))
        if not waiting.any():
            self._order = None
            return None
        order = order._replace(asked=np.zeros_like(waiting), waiting=waiting)
        self._order = order
        asked = waiting & listed(window, PATIENCE)
        if not asked.any():
            return None
        answer = held.copy()
        answer[asked] = order.target[asked]
        # what is bought shares the cash that the rest leaves
        bought = np.maximum(answer - held, 0.0)
        cash = 1.0 - float(np.minimum(answer, held).sum())
        if bought.sum() > cash:
            answer = np.minimum(answer, held) + bought * max(cash, 0.0) / bought.sum()
        if np.abs(answer - held).max() <= smallest_order(window, context) + ROUNDING:
            return None
        self._order = _Order.placed(window, held, answer, context)._replace(
            target=order.target, asked=asked, waiting=waiting & ~asked
        )
        return weights_of(window, answer)


PATIENCE = 12
"""Rows without a quote after which an order that was not filled waits for the next quote."""


class _Order(NamedTuple):
    """Orders of one answer, and what is needed to see whether they were filled."""

    target: FloatArray
    held: FloatArray
    time: np.datetime64
    price: FloatArray
    asked: BoolArray
    waiting: BoolArray

    @classmethod
    def placed(
        cls, window: Panel, held: FloatArray, target: FloatArray, context: Context
    ) -> _Order:
        everything = np.ones(len(held), dtype=np.bool_)
        return cls(
            target,
            held.copy(),
            as_stamp("time", context.time),
            last_prices(window, PATIENCE),
            everything,
            ~everything,
        )

    def is_due(self, window: Panel, context: Context) -> bool:
        """Whether the holdings already show what was traded."""
        return bool(
            window.now > self.time or (context.decision_lag > 0 and window.now == self.time)
        )

    def unfilled(self, window: Panel, held: FloatArray, context: Context) -> BoolArray:
        """Whether an asset is further from its target than prices and fees can have moved it."""
        growth = last_prices(window, PATIENCE) / self.price
        drifted = self.target * np.where(np.isnan(growth), 1.0, growth)
        drifted /= (max(1.0 - self.target.sum(), 0.0) + drifted.sum()) or 1.0
        bought = np.maximum(self.target - self.held, 0.0)
        turnover = float(np.abs(self.target - self.held).sum())
        # a fee is taken from what is bought, and raises the share of what is held
        share = self.target + bought / (bought.sum() or 1.0)
        slack = context.rules.fee * turnover * share + smallest_order(window, context) + ROUNDING
        return np.asarray(
            (held < np.minimum(self.target, drifted) - slack)
            | (held > np.maximum(self.target, drifted) + slack)
        )


ROUNDING = 1e-9
"""By which a weight may miss its target for the rounding of sums alone."""


class SignalDriven(BaseInvestor):
    """An investor whose view of the market, its signals, does not depend on what it holds.

    A walk computes the signals of many rows at once, in parallel, and asks :meth:`decide_on` step
    by step (see :class:`statarb.walk.signals.SignalInvestor`); :meth:`decide` does both at once. A
    subclass defines :meth:`signals` and :meth:`decide_on`.
    """

    def decide(
        self, window: Panel, holdings: pd.Series, context: Context | None = None
    ) -> pd.Series | None:
        """Compute the signals of the window's last row, then decide on them; see
        :meth:`Investor.decide`.
        """
        context = context_of(context, window)
        last = len(window.times) - 1
        signal = context.call(self.signals, window, last, last + 1, last + 1)
        answer: pd.Series | None = context.call(
            self.decide_on, window, holdings, {name: values[0] for name, values in signal.items()}
        )
        return answer

    def signals(self, panel: Panel, first: int, last: int, depth: int) -> dict[str, FloatArray]:
        """Return what is known after each of the rows ``first`` to ``last - 1``. A fifth parameter
        ``context`` receives the context.

        Parameters
        ----------
        panel : Panel
            The market; nothing after row ``last - 1`` is used, nor for any row what lies after it.
        first, last : int
            Rows, as positions in ``panel.times``.
        depth : int
            Most rows of a window.

        Returns
        -------
        dict of str to array
            First axis: the rows.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define signals(panel, first, last, depth)"
        )

    def decide_on(
        self, window: Panel, holdings: pd.Series, signal: Mapping[str, FloatArray]
    ) -> pd.Series | None:
        """Return target weights by asset, or ``None`` to keep the holdings. A fourth parameter
        ``context`` receives the context.

        Parameters
        ----------
        window, holdings : Panel, Series
            See :meth:`Investor.decide`.
        signal : mapping of str to array
            The entries of :meth:`signals` for the window's last row.

        Returns
        -------
        Series or None
            See :meth:`Investor.decide`.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define decide_on(window, holdings, signal)"
        )


def weights_of(window: Panel, weights: FloatArray) -> pd.Series:
    """Return an array of weights as the answer of an investor: a Series of the weights that are not
    0.

    Parameters
    ----------
    window : Panel
        Names the assets.
    weights : (assets,)
        One weight per asset of the window.

    Returns
    -------
    Series
        By asset.
    """
    column = np.flatnonzero(weights)
    return pd.Series(weights[column], index=window.assets[column], dtype=np.float64)


UNLIMITED = TradingRules().without_limits()
"""Rules outside a walk: the fee of the case, orders of any size."""


def context_of(context: Context | None, window: Panel) -> Context:
    """Return the context given; outside a walk that of the case's fee without order limits.

    Parameters
    ----------
    context : Context or None
        What the caller was given.
    window : Panel
        Ends at the last row seen.

    Returns
    -------
    Context
        By default of the next step, with the start capital of the case as value.
    """
    if context is not None:
        return context
    return Context(window.now + window.step, UNLIMITED.capital, UNLIMITED)


def smallest_order(window: Panel, context: Context) -> float:
    """Share of the portfolio's value below which an order is dropped.

    Parameters
    ----------
    window : Panel
        Shows the price of the numeraire.
    context : Context
        Rules and value.

    Returns
    -------
    float
        0 where there is no limit, or the numeraire is not in the panel.
    """
    return _order_share(window, context, 0)


def largest_order(window: Panel, context: Context) -> float:
    """Share of the portfolio's value beyond which an order is cut.

    Parameters
    ----------
    window : Panel
        Shows the price of the numeraire.
    context : Context
        Rules and value.

    Returns
    -------
    float
        Infinite where there is no limit; 0 where the numeraire has had no quote, or the value is
        gone.
    """
    return _order_share(window, context, 1)


def _order_share(window: Panel, context: Context, place: int) -> float:
    rules = context.rules
    unlimited = (0.0, np.inf)[place]
    if (rules.min_order, rules.max_order)[place] == unlimited:
        return unlimited
    price = 1.0
    if rules.numeraire is not None:
        column = int(window.assets.get_indexer(pd.Index([rules.numeraire]))[0])
        if column < 0:
            return unlimited
        quotes = window.array("price")[:, column]
        known = np.flatnonzero(~np.isnan(quotes))
        price = float(quotes[known[-1]]) if len(known) else 0.0
    return rules.order_limits(price)[place] / context.value if context.value > 0.0 else 0.0


@functools.lru_cache(maxsize=64)
def anchor(every: str) -> Callable[[pd.Timestamp], Any]:
    """Return the function that names the calendar period of a time.

    Parameters
    ----------
    every : str
        An offset of pandas: ``"1D"``, ``"12h"``, ``"1W"``, ``"W-FRI"``, ``"ME"``, ``"QE"``, ...

    Returns
    -------
    callable
        Of a Timestamp: the last anchor at or before it.

    Raises
    ------
    ParameterError
        No offset of pandas, or a multiple of a calendar offset (``"2ME"``).
    """
    try:
        offset = pd.tseries.frequencies.to_offset(every)
    except ValueError as error:
        raise ParameterError(
            "every must be a number of rows or a calendar anchor such as '1D', '1W' or 'ME', got "
            f"{every!r}"
        ) from error
    if offset.n < 1:
        raise ParameterError(f"every must be positive, got {every!r}")
    if isinstance(offset, pd.tseries.offsets.Day):
        return lambda time: time.floor(pd.Timedelta(offset.n, unit="D"))
    if isinstance(offset, pd.tseries.offsets.Tick):
        return lambda time: time.floor(pd.Timedelta(offset))
    if offset.n != 1:
        raise ParameterError(
            f"every must be a single calendar period, got {every!r}; give a number of rows instead"
        )
    return lambda time: offset.rollback(time.normalize())


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, (str, int, bool, type(None))):
        return str(value)
    if isinstance(value, BaseInvestor):
        return value.name
    if isinstance(value, Mapping):
        shown = ", ".join(f"{key}: {_short(part)}" for key, part in value.items())
        return (
            f"{{{shown}}}"
            if len(shown) < 40
            else f"{{{len(value)} values, {zlib.crc32(shown.encode()):08x}}}"
        )
    return getattr(value, "__name__", type(value).__name__)

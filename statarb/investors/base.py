"""What an investor is: the protocol, the base class with its parameters, and the registry of
names.
"""

from __future__ import annotations

import copy
import inspect
import zlib
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, ClassVar, Protocol, TypeVar, runtime_checkable

import numpy as np
import pandas as pd

from statarb._core.checks import check_choice, check_integer
from statarb._core.typing import FloatArray
from statarb.data.panel import Panel
from statarb.errors import ParameterError
from statarb.forecasting.base import BaseForecaster
from statarb.forecasting.base import clone as clone_forecaster

__all__ = [
    "INVESTORS",
    "BaseInvestor",
    "Investor",
    "PeriodicInvestor",
    "SignalDriven",
    "as_investor",
    "fresh_copy",
    "make_investor",
    "register",
    "weights_of",
]


@runtime_checkable
class Investor(Protocol):
    """Anything with a name that turns a window and the holdings into wanted weights."""

    @property
    def name(self) -> str:
        """What tables call it; distinct in a league."""
        ...

    def decide(self, window: Panel, holdings: pd.Series) -> pd.Series | None:
        """Return the wanted weights.

        Parameters
        ----------
        window : Panel
            All that may be known: a read-only panel that ends where the decision may look,
            ``decision_lag`` steps before the trade.
        holdings : Series
            Held share of the current value by asset, index ``window.assets``; USD is the rest. In a
            walk, ``holdings.attrs["value"]`` is the value of the portfolio at that time, in USD.

        Returns
        -------
        Series or None
            Wanted share of the value by asset, each at least 0, their sum at most 1, USD the rest;
            an asset that is not named gets 0. ``None`` keeps the holdings as they are.
        """
        ...


InvestorFactory = Callable[..., Any]
F = TypeVar("F", bound=InvestorFactory)
B = TypeVar("B", bound="BaseInvestor")

INVESTORS: dict[str, InvestorFactory] = {}
"""Registered names, and what makes an investor of them."""


def register(name: str) -> Callable[[F], F]:
    """Register a class, or a function that returns an investor, under a name (decorator).

    Parameters
    ----------
    name : str
        What :func:`make_investor` and the command line call it.

    Raises
    ------
    ParameterError
        The name is taken by something else.
    """

    def add(factory: F) -> F:
        known = INVESTORS.get(name)
        if known is not None and _origin(known) != _origin(factory):
            raise ParameterError(
                f"name must be new, got {name!r}, which is registered for "
                f"{'.'.join(_origin(known))}"
            )
        INVESTORS[name] = factory
        if isinstance(factory, type) and issubclass(factory, BaseInvestor):
            factory.key = name
        return factory

    return add


def make_investor(name: str, **params: Any) -> Any:
    """Make a registered investor.

    Parameters
    ----------
    name : str
        A key of ``INVESTORS``.
    **params
        Parameters of its constructor.

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
    factory = INVESTORS[check_choice("investor", name, sorted(INVESTORS))]
    accepted = inspect.signature(factory).parameters
    if params and not accepted:
        raise ParameterError(f"{name!r} takes no parameters, got {next(iter(params))!r}")
    if not any(one.kind is inspect.Parameter.VAR_KEYWORD for one in accepted.values()):
        for given in params:
            check_choice(f"parameter of {name!r}", given, list(accepted))
    return factory(**params)


def as_investor(investor: Any) -> Any:
    """Return an investor as it is, or make one of a registered name.

    Parameters
    ----------
    investor : Investor or str
        An object with ``name`` and ``decide``, or a key of ``INVESTORS``.

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


class BaseInvestor:
    """Parameters, copies and names in the manner of scikit-learn.

    A subclass is usually a dataclass whose fields are its parameters. It defines :meth:`decide`; it
    checks its parameters in :meth:`check`; what it learns along the path lives in attributes that
    :meth:`reset` makes. A walk starts from a fresh :meth:`clone`. An investor that learns takes in
    every row that the window shows and it has not seen yet, so its answer is the same whether or
    not the windows between were shown, as long as no window starts after the last row seen.

    Attributes
    ----------
    key : str
        The name under which the class is registered.
    hindsight : bool
        Whether it needs the whole sample. Such an investor is a yardstick and no rival: it is given
        the sample by :meth:`fit_hindsight`, and refuses to decide before.
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
        changed = ", ".join(f"{name}={_short(value)}" for name, value in self._changed())
        return f"{key}({changed})" if changed else key

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""

    def reset(self) -> None:
        """Forget what was learnt along a path."""

    def decide(self, window: Panel, holdings: pd.Series) -> pd.Series | None:
        """Return wanted weights by asset, or ``None`` to keep the holdings; see
        :meth:`Investor.decide`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define decide(window, holdings)")

    def fit_hindsight(self: B, panel: Panel) -> B:
        """Show the whole sample to an investor in hindsight.

        Parameters
        ----------
        panel : Panel
            The rows on which it will be judged.

        Raises
        ------
        ParameterError
            This investor decides without hindsight.
        """
        raise ParameterError(
            f"{self.name} decides without hindsight; fit_hindsight is for investors with hindsight "
            "= True"
        )

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters of the constructor by name.

        Parameters
        ----------
        deep : bool
            Whether to add the parameters of a parameter, as ``investor__top``.
        """
        params = {name: getattr(self, name) for name in _signature(type(self))}
        if deep:
            for name, value in list(params.items()):
                if hasattr(value, "get_params") and not isinstance(value, type):
                    params.update(
                        {f"{name}__{inner}": part for inner, part in value.get_params().items()}
                    )
        return params

    def set_params(self: B, **params: Any) -> B:
        """Change parameters and start afresh.

        Parameters
        ----------
        **params
            Parameters of the constructor; those of a parameter as ``investor__top``.

        Raises
        ------
        ParameterError
            Unknown parameter, or a value out of range.
        """
        accepted = list(_signature(type(self)))
        for name, value in params.items():
            outer, _, inner = name.partition("__")
            check_choice(f"parameter of {type(self).__name__}", outer, accepted)
            if inner:
                getattr(self, outer).set_params(**{inner: value})
            else:
                setattr(self, outer, value)
        self.__post_init__()
        return self

    def clone(self: B) -> B:
        """Return an investor with the same parameters that has learnt nothing."""
        return type(self)(
            **{name: fresh_copy(value) for name, value in self.get_params(deep=False).items()}
        )

    def __repr__(self) -> str:
        changed = ", ".join(f"{name}={value!r}" for name, value in self._changed())
        return f"{type(self).__name__}({changed})"

    def _changed(self) -> Iterator[tuple[str, Any]]:
        for name, parameter in _signature(type(self)).items():
            value = getattr(self, name)
            if parameter.default is inspect.Parameter.empty or not _same(value, parameter.default):
                yield name, value


class PeriodicInvestor(BaseInvestor):
    """An investor that decides anew once in ``every`` steps, and keeps its holdings in between.

    Time is cut into periods of ``every`` steps of the panel, counted from 1970-01-01 00:00 UTC, so
    that 288 steps of five minutes are a day from midnight to midnight. The first window of a period
    that is shown is decided on. The answer is repeated up to and with the first window that shows a
    new row, since a decision may meet a time without quotes or an order may be cut; after that the
    answer is ``None``. A subclass is a dataclass with the field ``every``, and defines
    :meth:`weigh`.
    """

    every: int

    def check(self) -> None:
        """Raise :class:`~statarb.errors.ParameterError` where a parameter is out of range."""
        check_integer("every", self.every, at_least=1)

    def reset(self) -> None:
        """Forget when the last decision was."""
        self._period: int | None = None
        self._wanted: pd.Series | None = None
        self._decided_on: pd.Timestamp | None = None

    def decide(self, window: Panel, holdings: pd.Series) -> pd.Series | None:
        """Return wanted weights at the start of a period, ``None`` in the rest of it."""
        span = self.every * (window.step // pd.Timedelta(1, unit="us"))
        period = int(window.now.value) // 1000 // span
        newest = window.times[-1]
        if period != self._period:
            self._wanted = self.weigh(window, holdings)
            self._period, self._decided_on = period, newest
            return self._wanted
        wanted = self._wanted
        if newest != self._decided_on:
            self._wanted = None
        return wanted

    def weigh(self, window: Panel, holdings: pd.Series) -> pd.Series | None:
        """Return wanted weights by asset, or ``None`` to keep the holdings; see
        :meth:`Investor.decide`.
        """
        raise NotImplementedError(f"{type(self).__name__} must define weigh(window, holdings)")


class SignalDriven(BaseInvestor):
    """An investor whose view of the market, its signals, does not depend on what it holds.

    A walk computes the signals of many rows at once, in parallel, and asks :meth:`decide_on` step
    by step (see :class:`statarb.walk.signals.SignalInvestor`); :meth:`decide` is the same in one. A
    subclass gives :meth:`signals` and :meth:`decide_on`.
    """

    def decide(self, window: Panel, holdings: pd.Series) -> pd.Series | None:
        """Compute the signals of the window's last row, then decide on them; see
        :meth:`Investor.decide`.
        """
        last = len(window.times) - 1
        signal = self.signals(window, last, last + 1, last + 1)
        return self.decide_on(
            window, holdings, {name: values[0] for name, values in signal.items()}
        )

    def signals(self, panel: Panel, first: int, last: int, depth: int) -> dict[str, FloatArray]:
        """Return what is known after each of the rows ``first`` to ``last - 1``, by name; the first
        axis is the rows.

        Parameters
        ----------
        panel : Panel
            The market; nothing after row ``last - 1`` is used, nor for any row what comes after it.
        first, last : int
            Rows, as positions in ``panel.times``.
        depth : int
            Most rows of a window.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define signals(panel, first, last, depth)"
        )

    def decide_on(
        self, window: Panel, holdings: pd.Series, signal: Mapping[str, FloatArray]
    ) -> pd.Series | None:
        """Return wanted weights by asset, or ``None`` to keep the holdings.

        Parameters
        ----------
        window, holdings : Panel, Series
            See :meth:`Investor.decide`.
        signal : mapping of str to array
            The entries of :meth:`signals` for the window's last row.
        """
        raise NotImplementedError(
            f"{type(self).__name__} must define decide_on(window, holdings, signal)"
        )


def weights_of(window: Panel, weights: FloatArray) -> pd.Series:
    """Return an array of weights as the answer of an investor: a Series by asset, of the assets
    whose weight is not 0.

    Parameters
    ----------
    window : Panel
        Names the assets.
    weights : (assets,)
        One an asset of the window.
    """
    column = np.flatnonzero(weights)
    return pd.Series(weights[column], index=window.assets[column], dtype=np.float64)


def _signature(cls: type) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(cls).parameters


def _origin(factory: InvestorFactory) -> tuple[str, str]:
    return str(getattr(factory, "__module__", "")), str(
        getattr(factory, "__qualname__", repr(factory))
    )


def _same(value: Any, default: Any) -> bool:
    if value is default:
        return True
    return type(value) is type(default) and isinstance(value, Hashable) and bool(value == default)


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


def fresh_copy(value: Any) -> Any:
    """Return a copy that has learnt nothing: a clone where the value can be cloned, else a deep
    copy.

    Parameters
    ----------
    value : object
        A parameter of an investor: an investor, a forecaster, an estimator of scikit-learn, or
        anything else.
    """
    if isinstance(value, BaseInvestor):
        return value.clone()
    if hasattr(value, "get_params") and not isinstance(value, type):
        from sklearn.base import clone

        return clone_forecaster(value) if isinstance(value, BaseForecaster) else clone(value)
    return copy.deepcopy(value)

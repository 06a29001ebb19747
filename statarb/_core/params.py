"""Parameters, copies, text and names of the library's configurable objects.

Investors, forecasters and imputers follow scikit-learn: their parameters are the arguments of the
constructor, stored under the arguments' own names, so that ``get_params``, ``set_params``,
``sklearn.base.clone`` and grids of parameters work on all of them.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any, Self, TypeVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.base import clone as sklearn_clone

from statarb._core.checks import check_choice
from statarb.errors import ParameterError

__all__ = ["Parameters", "Registry", "fresh_copy"]

F = TypeVar("F", bound=Callable[..., Any])


class Parameters(BaseEstimator):  # type: ignore[misc]
    """Base of objects whose parameters are the arguments of their constructor.

    A subclass (a dataclass or not) stores every argument under its own name and checks it in the
    constructor. What it learns lives in other attributes, which no copy takes along.
    """

    def set_params(self, **params: Any) -> Self:
        """Change parameters; they are checked as in the constructor, and what was learnt is gone.

        Parameters
        ----------
        **params
            By name; ``outer__inner`` reaches into a parameter that has parameters itself.

        Returns
        -------
        object
            Itself.

        Raises
        ------
        ParameterError
            A name that does not exist, or a value that the constructor refuses. Nothing is changed
            then.
        """
        own = self.get_params(deep=False)
        nested: dict[str, dict[str, Any]] = {}
        for name, value in params.items():
            outer, _, inner = name.partition("__")
            check_choice(f"parameter of {type(self).__name__}", outer, own)
            if inner:
                nested.setdefault(outer, {})[inner] = value
            else:
                own[outer] = value
        for outer, values in nested.items():
            if not hasattr(own[outer], "set_params") or isinstance(own[outer], type):
                raise ParameterError(
                    f"{outer} of {type(self).__name__} has no parameters, so it has no "
                    f"{next(iter(values))!r}"
                )
            own[outer] = fresh_copy(own[outer]).set_params(**values)
        made = type(self)(**own)
        self.__dict__.clear()
        self.__dict__.update(made.__dict__)
        return self

    def clone(self) -> Self:
        """Return an object with the same parameters that has learnt nothing."""
        params = self.get_params(deep=False)
        return type(self)(**{name: fresh_copy(value) for name, value in params.items()})

    def __sklearn_clone__(self) -> Self:
        """Copy as :func:`sklearn.base.clone` asks for it."""
        return self.clone()

    def changed_params(self) -> dict[str, Any]:
        """Return the parameters that differ from their defaults, in the constructor's order."""
        found = {}
        for name, parameter in inspect.signature(type(self)).parameters.items():
            value = getattr(self, name)
            empty = parameter.default is inspect.Parameter.empty
            if empty or not _same(value, parameter.default):
                found[name] = value
        return found

    def __repr__(self) -> str:
        changed = ", ".join(f"{name}={value!r}" for name, value in self.changed_params().items())
        return f"{type(self).__name__}({changed})"


class Registry(Mapping[str, Callable[..., Any]]):
    """Names, and what makes an object of each: classes, or functions that return one.

    Parameters
    ----------
    kind : str
        What is registered, as messages say it: ``"investor"``.

    Examples
    --------
    >>> forecasters = Registry("forecaster")
    >>> @forecasters.register("naive")
    ... class Naive(Parameters):
    ...     def __init__(self, lag: int = 1) -> None:
    ...         self.lag = lag
    >>> forecasters.make("naive", lag=2)
    Naive(lag=2)
    >>> forecasters.make("naive", leg=2)
    Traceback (most recent call last):
    ...
    statarb.errors.ParameterError: parameter of 'naive' must be one of 'lag', ... 'lag'?)
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._factories: dict[str, Callable[..., Any]] = {}

    def register(self, name: str) -> Callable[[F], F]:
        """Register a class, or a function that returns an object, under a name (decorator).

        Parameters
        ----------
        name : str
            What :meth:`make` and the command line call it.

        Returns
        -------
        callable
            Decorator; a class gets the name as its attribute ``key``.

        Raises
        ------
        ParameterError
            The name is taken by something else.
        """

        def add(factory: F) -> F:
            known = self._factories.get(name)
            if known is not None and _origin(known) != _origin(factory):
                raise ParameterError(
                    f"name must be new, got {name!r}, which is registered for "
                    f"{'.'.join(_origin(known))}"
                )
            self._factories[name] = factory
            if isinstance(factory, type) and issubclass(factory, Parameters):
                factory.key = name
            return factory

        return add

    def make(self, name: str, **params: Any) -> Any:
        """Make what is registered under a name.

        Parameters
        ----------
        name : str
            A registered name.
        **params
            Arguments of its constructor.

        Returns
        -------
        object

        Raises
        ------
        ParameterError
            Unknown name (lists those that exist), unknown parameter (lists those that it takes), or
            a value out of range.
        """
        factory = self._factories[check_choice(self.kind, name, self.names())]
        accepted = inspect.signature(factory).parameters
        if params and not accepted:
            raise ParameterError(f"{name!r} takes no parameters, got {next(iter(params))!r}")
        if not any(one.kind is inspect.Parameter.VAR_KEYWORD for one in accepted.values()):
            for given in params:
                check_choice(f"parameter of {name!r}", given, list(accepted))
        return factory(**params)

    def names(self) -> list[str]:
        """Return the registered names, sorted."""
        return sorted(self._factories)

    def __getitem__(self, name: str) -> Callable[..., Any]:
        return self._factories[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._factories)

    def __len__(self) -> int:
        return len(self._factories)

    def __repr__(self) -> str:
        return f"Registry({self.kind}: {', '.join(self.names())})"


def fresh_copy(value: Any) -> Any:
    """Return a copy that has learnt nothing: a clone where the value can be cloned, else a deep
    copy.

    Parameters
    ----------
    value : object
        A parameter: an investor, a forecaster, an estimator of scikit-learn, a list, tuple or
        mapping of these, or anything else.

    Returns
    -------
    object
    """
    if isinstance(value, type) or (callable(value) and not hasattr(value, "get_params")):
        return value
    if isinstance(value, Parameters):
        return value.clone()
    if hasattr(value, "get_params"):
        return sklearn_clone(value)
    if type(value) in (list, tuple):
        return type(value)(fresh_copy(item) for item in value)
    if type(value) is dict:
        return {key: fresh_copy(item) for key, item in value.items()}
    return copy.deepcopy(value)


def _origin(factory: Callable[..., Any]) -> tuple[str, str]:
    return (
        str(getattr(factory, "__module__", "")),
        str(getattr(factory, "__qualname__", repr(factory))),
    )


def _same(value: Any, default: Any) -> bool:
    if value is default:
        return True
    if type(value) is not type(default):
        return False
    if isinstance(value, float) and np.isnan(value) and np.isnan(default):
        return True
    return isinstance(value, (Hashable, list, dict)) and bool(value == default)

"""Parameter grids: one investor with every combination of the values given, each with a name of its
own.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from statarb._core.checks import check_choice
from statarb._core.params import fresh_copy
from statarb.data.panel import Panel
from statarb.errors import ParameterError
from statarb.investors.base import BaseInvestor, make_investor

__all__ = ["RefusedInvestor", "parameter_grid"]

LONGEST = 40
"""Most characters of a value in a name; a longer one is shown by its class."""


@dataclasses.dataclass(frozen=True)
class RefusedInvestor:
    """Placeholder for a point of a grid that its investor refuses: each decision fails with the
    reason.

    Parameters
    ----------
    name : str
        Name of the point.
    reason : str
        Why the parameters were refused.
    """

    name: str
    reason: str

    def decide(self, window: Panel, holdings: pd.Series) -> pd.Series | None:
        """Refuse to decide.

        Parameters
        ----------
        window, holdings : Panel, Series
            See :meth:`Investor.decide`.

        Returns
        -------
        Series or None
            Never: it always raises.

        Raises
        ------
        ParameterError
            Always, with the reason.
        """
        raise ParameterError(self.reason)


def parameter_grid(investor: Any, /, **values: Iterable[Any]) -> dict[str, Any]:
    """Return an investor with every combination of parameter values, in the manner of
    scikit-learn's ``ParameterGrid``.

    Parameters
    ----------
    investor : str or Investor
        A registered name, or an investor with ``get_params`` and ``set_params`` (every one of the
        library). It is copied.
    **values : iterable
        Values to try by parameter; those of a nested investor as ``investor__top``. The last one
        given varies fastest.

    Returns
    -------
    dict
        Investors by name, such as ``lead_lag(entry=0.002, cap=0.1)``: what :func:`statarb.league`
        takes. A combination that the investor refuses (a value out of range, two that do not go
        together) becomes a :class:`RefusedInvestor`, whose every decision fails with the reason, so
        that one such point does not stop the others.

    Raises
    ------
    ParameterError
        An unknown parameter (lists those that exist), no values, a value given twice, or a grid all
        of whose points are refused.

    Examples
    --------
    >>> list(parameter_grid("momentum", top=[1, 3]))
    ['momentum(top=1)', 'momentum(top=3)']
    """
    base = make_investor(investor) if isinstance(investor, str) else investor
    if not (hasattr(base, "get_params") and hasattr(base, "set_params")) or isinstance(base, type):
        raise ParameterError(
            f"a parameter grid needs an investor with get_params and set_params, got {investor!r}"
        )
    lists = _checked(base, values)
    stem, kept = _stem(base, lists)
    labels = {name: _labels(found) for name, found in lists.items()}
    points: dict[str, Any] = {}
    for places in itertools.product(*(range(len(found)) for found in lists.values())):
        chosen = dict(zip(lists, places, strict=True))
        shown = [*kept, *(f"{name}={labels[name][place]}" for name, place in chosen.items())]
        name = f"{stem}({', '.join(shown)})" if shown else stem
        points[name] = _point(base, name, {key: lists[key][place] for key, place in chosen.items()})
    refused = [point.reason for point in points.values() if isinstance(point, RefusedInvestor)]
    if len(refused) == len(points):
        raise ParameterError(
            f"every point of the grid of {stem!r} is refused, the first because {refused[0]}"
        )
    return points


def _checked(base: Any, values: Mapping[str, Iterable[Any]]) -> dict[str, list[Any]]:
    """Return the values as lists, once every name is known and nothing is tried twice."""
    accepted = list(base.get_params())
    lists = {}
    for name, given in values.items():
        outer, _, inner = name.partition("__")
        if not (inner and outer in values):  # what a part takes depends on which one it is
            check_choice(f"parameter of {base.name!r}", name, accepted)
        if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
            raise ParameterError(
                f"the values of {name!r} must be a list, got {given!r}; give [{given!r}]"
            )
        found = [value.item() if isinstance(value, np.generic) else value for value in given]
        if not found:
            raise ParameterError(f"the values of {name!r} must hold at least one, got none")
        plain = [repr(value) for value in found if _is_plain(value)]
        for text in plain:
            if plain.count(text) > 1:
                raise ParameterError(f"the values of {name!r} must differ, got {text} twice")
        lists[name] = found
    return lists


def _point(base: Any, name: str, chosen: Mapping[str, Any]) -> Any:
    """Return a copy with the parameters chosen, or its placeholder where they are refused."""
    try:
        return fresh_copy(base).set_params(
            **{key: fresh_copy(value) for key, value in chosen.items()}
        )
    except (ParameterError, ValueError, TypeError, AttributeError) as error:
        return RefusedInvestor(
            name,
            str(error) if isinstance(error, ParameterError) else f"{type(error).__name__}: {error}",
        )


def _stem(base: Any, lists: Mapping[str, Any]) -> tuple[str, list[str]]:
    """Return the common start of all names, and the base's parameters that are not defaults."""
    if not isinstance(base, BaseInvestor) or type(base).name is not BaseInvestor.name:
        return str(base.name), []
    kept = {name: value for name, value in base.changed_params().items() if name not in lists}
    return base.key or type(base).__name__, [
        f"{name}={_label(value)}" for name, value in kept.items()
    ]


def _labels(found: list[Any]) -> list[str]:
    """Name values; objects that look the same are numbered."""
    labels = [_label(value) for value in found]
    return [
        f"{label}#{labels[: place + 1].count(label)}" if labels.count(label) > 1 else label
        for place, label in enumerate(labels)
    ]


def _label(value: Any) -> str:
    if isinstance(value, str):
        return value
    name = getattr(value, "name", None)
    if isinstance(name, str):
        return name
    text = repr(value)
    plain = len(text) <= LONGEST and "\n" not in text and " at 0x" not in text
    return text if plain else str(getattr(value, "__name__", type(value).__name__))


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))

"""Checks of arguments, with one wording for all messages."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any, TypeVar

from statarb.errors import ParameterError

T = TypeVar("T")


def check_number(
    name: str,
    value: Any,
    *,
    at_least: float | None = None,
    above: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
    finite: bool = True,
) -> float:
    """Return ``value`` as a float, or raise :class:`ParameterError` naming the argument and the
    range allowed.
    """
    words = [
        f"{word} {bound:g}"
        for word, bound in (
            ("at least", at_least),
            ("above", above),
            ("at most", at_most),
            ("below", below),
        )
        if bound is not None
    ]
    allowed = ("a finite number " if finite else "a number ") + " and ".join(words)
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ParameterError(f"{name} must be {allowed.strip()}, got {value!r}")
    number = float(value)
    wrong = (
        math.isnan(number)
        or (finite and math.isinf(number))
        or (at_least is not None and number < at_least)
        or (above is not None and number <= above)
        or (at_most is not None and number > at_most)
        or (below is not None and number >= below)
    )
    if wrong:
        raise ParameterError(f"{name} must be {allowed.strip()}, got {value!r}")
    return number


def check_integer(
    name: str, value: Any, *, at_least: int | None = None, at_most: int | None = None
) -> int:
    """Return ``value`` as an int, or raise :class:`ParameterError` naming the argument and the
    range allowed.
    """
    words = [
        f"{word} {bound}"
        for word, bound in (("at least", at_least), ("at most", at_most))
        if bound is not None
    ]
    allowed = ("an integer " + " and ".join(words)).strip()
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ParameterError(f"{name} must be {allowed}, got {value!r}")
    number = int(value)
    if (at_least is not None and number < at_least) or (at_most is not None and number > at_most):
        raise ParameterError(f"{name} must be {allowed}, got {value!r}")
    return number


def check_jobs(n_jobs: Any) -> int:
    """Return ``n_jobs`` where joblib can read it: a number of processes, or -1 for one a core (-2:
    all but one, ...).
    """
    jobs = check_integer("n_jobs", n_jobs)
    if jobs == 0:
        raise ParameterError(
            "n_jobs must be a positive integer, or -1 for one process a core, got 0"
        )
    return jobs


def check_panel(panel: Any) -> None:
    """Raise :class:`ParameterError` where ``panel`` is something else, such as a table of
    prices.
    """
    if not hasattr(panel, "observed_array"):
        raise ParameterError(
            f"panel must be a Panel, got {type(panel).__name__}; make one with "
            "Panel.from_frame(prices)"
        )


def check_choice(name: str, value: T, allowed: Iterable[T]) -> T:
    """Return ``value`` where it is one of ``allowed``, or raise :class:`ParameterError` that lists
    them.
    """
    choices = list(allowed)
    if value in choices:
        return value
    close = difflib.get_close_matches(str(value), [str(choice) for choice in choices], n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise ParameterError(
        f"{name} must be one of {', '.join(repr(choice) for choice in choices)}, got "
        f"{value!r}{hint}"
    )

"""Options that several verbs share, each described once."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from statarb._core.case import CASE
from statarb.errors import ParameterError
from statarb.rules import TradingRules

if TYPE_CHECKING:
    from statarb.data.panel import Panel

Market: TypeAlias = Annotated[
    Path,
    typer.Argument(metavar="MARKET", help="Panel written by `statarb ingest` (market.parquet)."),
]
Out: TypeAlias = Annotated[
    Path,
    typer.Option("--out", metavar="DIR", help="Folder for the results; made where it is absent."),
]
Start: TypeAlias = Annotated[
    str,
    typer.Option(
        "--start",
        metavar="TIME",
        help="First decision: the first time of the grid at or after this, UTC; 'none': that of "
        "the panel; 'case': 2018-01-25 where the panel holds the case's numeraire and that day, "
        "else that of the panel.",
    ),
]
End: TypeAlias = Annotated[
    str | None,
    typer.Option("--end", metavar="TIME", help="Last decision; default: end of the data."),
]
Depth: TypeAlias = Annotated[
    int, typer.Option("--depth", metavar="ROWS", help="Most observations that a window may hold.")
]
Jobs: TypeAlias = Annotated[
    int,
    typer.Option(
        "--n-jobs", help="Processes; -1 for one per core. The results do not depend on it."
    ),
]
Capital: TypeAlias = Annotated[
    float, typer.Option("--capital", help="Cash at the start, in the currency of the prices.")
]
Fee: TypeAlias = Annotated[
    float, typer.Option("--fee", help="Share of each trade's value that is paid.")
]
MinOrder: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--min-order",
        help="Smallest order, in units of the numeraire; 0: no limit. Default: 0.001, or no limit "
        "without a numeraire.",
    ),
]
MaxOrder: TypeAlias = Annotated[
    float | None,
    typer.Option(
        "--max-order",
        help="Largest order, in units of the numeraire; inf: no limit. Default: 0.5, or no limit "
        "without a numeraire.",
    ),
]
Numeraire: TypeAlias = Annotated[
    str,
    typer.Option(
        "--numeraire",
        help="Asset in whose units the limits are stated; 'none': the currency of the prices; "
        "'case': 1442 (bitcoin) where the panel holds it, else none.",
    ),
]
Json: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON instead of text.")
]
Settings: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="NAME=VALUE", help="A parameter of the investor or model; may be repeated."
    ),
]
Resume: TypeAlias = Annotated[
    bool,
    typer.Option("--resume", help="Keep a checkpoint in DIR, and go on from the one in it."),
]

RULES = TradingRules()


def show(text: str, facts: Mapping[str, Any], as_json: bool) -> None:
    """Print a result as text, or as JSON.

    Parameters
    ----------
    text : str
        For a terminal.
    facts : mapping
        The same as plain values.
    as_json : bool
        Which of the two.
    """
    from statarb._core.files import json_text

    typer.echo(json_text(facts).rstrip() if as_json else text)


@contextmanager
def busy(what: str) -> Iterator[None]:
    """Show on a terminal that work of unknown length goes on.

    Parameters
    ----------
    what : str
        A few words.
    """
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


def rules_of(
    capital: float, fee: float, min_order: float | None, max_order: float | None, numeraire: str
) -> Callable[[Panel], TradingRules]:
    """Turn the words of the command line into what makes the rules of a market.

    Limits that are not given are those of the case where there is a numeraire, in whose units they
    are stated, and none without one.

    Parameters
    ----------
    capital, fee : float
        Start capital, and share of each trade that is paid.
    min_order, max_order : float, optional
        Limits.
    numeraire : str
        Label, ``none`` or ``case``.

    Returns
    -------
    callable
        Of a panel.

    Raises
    ------
    ParameterError
        An amount outside what is allowed.
    """
    label: Any = RULES.numeraire if numeraire == CASE else label_of(numeraire)

    def rules(held: bool) -> TradingRules:
        usual = RULES if held else RULES.without_limits()
        return TradingRules(
            capital=capital,
            fee=fee,
            min_order=usual.min_order if min_order is None else min_order,
            max_order=usual.max_order if max_order is None else max_order,
            numeraire=label if held else None,
        )

    rules(label is not None)  # wrong amounts are refused before any work
    return lambda panel: rules(label in panel.assets if numeraire == CASE else label is not None)


def span_of(word: str) -> str:
    """Read a span of time such as ``1d``, ``4h`` or ``5min`` as pandas spells it."""
    return re.sub(r"d(ays?)?$", "D", word.strip())


def start_of(word: str) -> str | None:
    """Read the time of the first decision; ``None``, the start of the panel, for 'none'."""
    return None if word.lower() == "none" else word


def label_of(word: str) -> int | str | None:
    """Read a label: an integer where it is one, ``None`` for 'none', else text."""
    if word.lower() == "none":
        return None
    return int(word) if word.lstrip("-").isdigit() else word


def named_parameters_of(word: str) -> tuple[str, dict[str, Any]]:
    """Read ``name`` or ``name:parameter=value,parameter=value``; values are Python literals where
    they are, else text.

    Raises
    ------
    ParameterError
        A parameter without ``=``.
    """
    name, _, rest = word.strip().partition(":")
    words = [part.strip() for part in rest.split(",") if part.strip()]
    return name.strip(), parameters_of(words, "each parameter of --plant")


def parameters_of(words: list[str], what: str = "--set") -> dict[str, Any]:
    """Read ``name=value`` words; values are Python literals where they are, else text.

    Raises
    ------
    ParameterError
        A word without ``=``.
    """
    parameters: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name.isidentifier():
            raise ParameterError(f"{what} must be given as name=value, got {word!r}")
        parameters[name] = _value(value)
    return parameters


def grid_of(words: list[str]) -> dict[str, dict[str, list[Any]]]:
    """Read ``investor.parameter=value,value`` words; values are Python literals where they are,
    else text.

    Raises
    ------
    ParameterError
        A word of another form, or the same parameter twice.
    """
    grid: dict[str, dict[str, list[Any]]] = {}
    for word in words:
        place, equals, values = word.partition("=")
        investor, dot, name = place.strip().rpartition(".")
        if not (equals and dot and investor and name.isidentifier() and values.strip()):
            raise ParameterError(
                f"--grid must be given as investor.parameter=value,value, got {word!r}"
            )
        if name in grid.setdefault(investor, {}):
            raise ParameterError(
                f"--grid must name a parameter once, got {investor}.{name} twice; give all its "
                "values in one"
            )
        listed = _value(f"[{values}]")
        grid[investor][name] = (
            listed
            if isinstance(listed, list)
            else [_value(part.strip()) for part in values.split(",")]
        )
    return grid


def _value(word: str) -> Any:
    """Read a Python literal where it is one, else text."""
    try:
        return ast.literal_eval(word)
    except (ValueError, SyntaxError):
        return word

"""`statarb check`: the contract of a user's own investor, forecaster or imputer."""

from __future__ import annotations

import inspect
import sys
import traceback
from pathlib import Path
from typing import Annotated, Any

import typer

from statarb._core.case import DEPTH
from statarb.cli import options
from statarb.cli.objects import load_object
from statarb.errors import DataError, LookAheadError, ParameterError


def check(
    target: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:CLASS",
            help="For example my_models:Ridge, or a file: my_models.py:Ridge.",
        ),
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            "--data",
            metavar="FILE",
            help="Panel to check on (market.parquet); default: a small random one.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="Argument of the constructor."),
    ] = None,
    cuts: Annotated[
        int, typer.Option("--cuts", min=1, help="Random times after which the market is changed.")
    ] = 4,
    depth: Annotated[
        int,
        typer.Option(
            "--depth", min=1, metavar="ROWS", help="Most observations that a window may hold."
        ),
    ] = DEPTH,
    seed: Annotated[int, typer.Option("--seed", help="Of the cuts and changes.")] = 0,
    any_order: Annotated[
        bool,
        typer.Option(
            "--any-order/--fixed-order", help="Whether the order of the assets must not matter."
        ),
    ] = True,
    knows_dates: Annotated[
        bool, typer.Option("--knows-dates", help="It may depend on the date, as with a calendar.")
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Check that a class looks at nothing ahead and keeps its contract; exit code 2, and why, where
    it does not.
    """
    from statarb.data.panel import Panel
    from statarb.testing import check_forecaster, check_imputer, check_investor

    subject = load_object(target, options.parameters_of(settings or []))
    panel = None if data is None else Panel.load(data)
    tolerance = 1e-6 if any_order else None
    try:
        if callable(getattr(subject, "decide", None)):
            report = check_investor(
                subject,
                panel,
                depth=depth,
                cuts=cuts,
                seed=seed,
                tolerance=tolerance,
                knows_dates=knows_dates,
            )
        elif callable(getattr(subject, "predict", None)):
            report = check_forecaster(
                subject,
                panel,
                depth=depth,
                cuts=cuts,
                seed=seed,
                tolerance=tolerance,
                knows_dates=knows_dates,
            )
        elif callable(subject):
            report = check_imputer(
                subject, panel, depth=depth, cuts=cuts, seed=seed, tolerance=tolerance
            )
        else:
            raise ParameterError(
                f"{target} must be an investor (decide), a forecaster (fit, predict) or an imputer "
                "(called with a panel); "
                f"{type(subject).__name__} is none"
            )
    except (DataError, LookAheadError, ParameterError, MemoryError):
        raise
    except Exception as error:  # the boundary to other people's code: whatever it raises is shown
        where = _place(subject, error)
        if where is not None:
            raise DataError(f"{target} raised {type(error).__name__}: {error} ({where})") from error
        if isinstance(error, AssertionError):
            raise DataError(str(error)) from error
        raise  # a fault of the check itself
    facts = {"target": target, "passed": True, "report": str(report)}
    options.show(str(report), facts, as_json)


def _place(subject: Any, error: Exception) -> str | None:
    """Say where in the subject's own files an error came up; ``None`` where no line of theirs was
    at work.
    """
    owners = [subject] if inspect.isfunction(subject) else type(subject).__mro__
    files = {getattr(sys.modules.get(owner.__module__), "__file__", None) for owner in owners}
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in files]
    return f"{Path(own[-1].filename).name}, line {own[-1].lineno}" if own else None

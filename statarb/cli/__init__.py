"""The command line: one verb a task; the work is done by the library."""

from __future__ import annotations

import sys

import typer
from typer.exceptions import Abort, TyperException

from statarb.cli import check, forecast, ingest, inspect, invest, league, main_job, report, simulate
from statarb.errors import DataError, InfeasibleError, LookAheadError, ParameterError

__all__ = ["app", "main"]

app = typer.Typer(
    name="statarb",
    help="Statistical arbitrage research on large universes of 5-minute quotes: from raw quote files to scored investors.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("simulate")(simulate.simulate)
app.command("ingest")(ingest.ingest)
app.command("inspect")(inspect.inspect)
app.command("forecast")(forecast.forecast)
app.command("invest")(invest.invest)
app.command("league")(league.league)
app.command("report")(report.report)
app.command("run")(main_job.run)
app.command("check")(check.check)

INTERRUPTED = 130
BAD_INPUT = 2


@app.callback(invoke_without_command=True)
def _version(version: bool = typer.Option(False, "--version", help="Print the version and stop.")) -> None:
    if version:
        from statarb import __version__

        typer.echo(__version__)
        raise typer.Exit


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; return 0, or 2 after one line on standard error where the input is bad.

    Parameters
    ----------
    arguments : list of str, optional
        Words of the command line; by default those of the process.
    """
    words = sys.argv[1:] if arguments is None else arguments
    try:
        status = app(args=words or ["--help"], standalone_mode=False)
    except (DataError, ParameterError, InfeasibleError, LookAheadError) as error:
        return _complain(str(error))
    except TyperException as error:
        return _complain(error.format_message())
    except (KeyboardInterrupt, Abort):
        print("statarb: interrupted", file=sys.stderr)
        return INTERRUPTED
    return status if isinstance(status, int) else 0


def _complain(message: str) -> int:
    print("statarb: error: " + " ".join(message.split()), file=sys.stderr)
    return BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())

"""The command line: one verb a task; the work is done by the library."""

from __future__ import annotations

import os
import sys

import typer
from typer.exceptions import Abort, TyperException

from statarb.cli import check, forecast, ingest, inspect, invest, league, report, run, simulate
from statarb.errors import DataError, InfeasibleError, LookAheadError, ParameterError

__all__ = ["app", "main"]

app = typer.Typer(
    name="statarb",
    help="Statistical arbitrage research on large universes of 5-minute quotes: from raw quote "
    "files to scored investors.",
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
app.command("run")(run.run)
app.command("check")(check.check)

INTERRUPTED = 130
BAD_INPUT = 2


@app.callback(invoke_without_command=True)
def _version(
    version: bool = typer.Option(False, "--version", help="Print the version and stop."),
) -> None:
    if version:
        from statarb._core.version import __version__

        typer.echo(__version__)
        raise typer.Exit


def main(arguments: list[str] | None = None) -> int:
    """Run one verb; return 0, or 2 after one line on standard error where the input is bad or the
    machine refuses.

    Parameters
    ----------
    arguments : list of str, optional
        Words of the command line; by default those of the process.
    """
    words = sys.argv[1:] if arguments is None else arguments
    try:
        status = app(args=words or ["--help"], standalone_mode=False)
        sys.stdout.flush()
    except (DataError, ParameterError, InfeasibleError, LookAheadError) as error:
        return _complain(str(error))
    except TyperException as error:
        return _complain(error.format_message())
    except BrokenPipeError:  # the reader has seen enough, as in `statarb ... | head`
        _discard_output()
        return 0
    except OSError as error:  # a full disk or a right that is missing, wherever it shows
        _discard_output()
        return _complain(
            f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
        )
    except MemoryError as error:
        return _complain(
            f"not enough memory{f' ({error})' if str(error) else ''}; give fewer assets, less time "
            "or less --depth"
        )
    except (KeyboardInterrupt, Abort):
        status = INTERRUPTED
    # Ctrl-C arrives as this status where the option parser has caught it first
    if status == INTERRUPTED:
        print(
            "statarb: interrupted; files are written whole, so none is half there", file=sys.stderr
        )
    return status if isinstance(status, int) else 0


def _discard_output() -> None:
    """Send what is still buffered for standard output nowhere, so that the interpreter does not
    trip over it at its end.
    """
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(message: str) -> int:
    print("statarb: error: " + " ".join(message.split()), file=sys.stderr)
    return BAD_INPUT


if __name__ == "__main__":
    sys.exit(main())

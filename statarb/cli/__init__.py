"""Command line: one verb per task; the work is done by the library."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor
from types import FrameType

import typer
from typer.exceptions import Abort, TyperException

from statarb.cli import check, forecast, ingest, inspect, invest, league, report, run, simulate
from statarb.errors import DataError, InfeasibleError, LookAheadError, ParameterError

__all__ = ["app", "main"]

app = typer.Typer(
    name="statarb",
    help="Statistical arbitrage research on large universes: from raw quote files to scored "
    "investors.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
VERBS: dict[Callable[..., None], str] = {
    simulate.simulate: "statarb simulate --assets 100 --days 10 --out market",
    ingest.ingest: "statarb ingest quotes.csv.gz --coins CSVData_coin.csv --out market.parquet",
    inspect.inspect: "statarb inspect market.parquet --out quality",
    forecast.forecast: "statarb forecast market.parquet --model ridge --out runs/ridge",
    invest.invest: "statarb invest market.parquet --investor lead_lag --out runs/lead_lag",
    league.league: "statarb league market.parquet --investor lead_lag --investor cash --out runs",
    report.report: "statarb report runs",
    run.run: "statarb run --out runs/full",
    check.check: "statarb check my_models.py:MyInvestor",
}
"""Every verb, with an example for its help."""
for verb, example in VERBS.items():
    app.command(verb.__name__, epilog=f"Example: {example}")(verb)

INTERRUPTED = 130
TERMINATED = 128
"""Plus the number of the signal."""
BAD_INPUT = 2


class Terminated(KeyboardInterrupt):
    """The system asked for an end, by a signal other than that of the keyboard."""


@app.callback(invoke_without_command=True)
def _version(
    version: bool = typer.Option(False, "--version", help="Print the version and stop."),
) -> None:
    if version:
        from statarb._core.version import __version__

        typer.echo(__version__)
        raise typer.Exit


def main(arguments: list[str] | None = None) -> int:
    """Run one verb.

    Parameters
    ----------
    arguments : list of str, optional
        Words of the command line; by default those of the process.

    Returns
    -------
    int
        0, or 2 after one line on standard error where the input is bad, a worker died or the
        machine refuses; 130 after Ctrl-C, 143 after SIGTERM.
    """
    words = sys.argv[1:] if arguments is None else arguments
    with _signals_end_cleanly() as ended_by:
        return _run(words, ended_by)


def _run(words: list[str], ended_by: list[int]) -> int:
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
    except BrokenExecutor:
        return _complain(
            "a worker process died, most often for want of memory; give fewer --n-jobs. With "
            "--resume, invest and league keep what is done and go on from there"
        )
    except (KeyboardInterrupt, Abort):
        status = INTERRUPTED
    # Ctrl-C arrives as this status where the option parser has caught it first
    if status == INTERRUPTED:
        what = "terminated" if ended_by else "interrupted"
        print(f"statarb: {what}; files are written whole, so none is half there", file=sys.stderr)
        return TERMINATED + ended_by[0] if ended_by else INTERRUPTED
    return status if isinstance(status, int) else 0


@contextlib.contextmanager
def _signals_end_cleanly() -> Iterator[list[int]]:
    """Let the signals of ``timeout``, systemd, Slurm and a closed terminal end the work as Ctrl-C
    does: workers are stopped, temporary files removed. Gives the number of the signal that came.
    """
    received: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        received.append(number)
        raise Terminated

    before = {}
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        # what is ignored (nohup) or handled by an application around this one stays so
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            with contextlib.suppress(ValueError):  # not the main thread: no signals arrive here
                before[number] = signal.signal(number, end)
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _discard_output() -> None:
    """Discard what is still buffered for standard output, so that the interpreter does not fail on
    it at its end.
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

"""Progress bars: on a terminal, and nowhere else."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


def track(
    items: Iterable[T], what: str, *, total: int | None = None, show: bool = True
) -> Iterator[T]:
    """Go through ``items``, with a bar on standard error where that is a terminal and ``show`` is
    set.

    Parameters
    ----------
    items : iterable
        What is gone through.
    what : str
        A few words in front of the bar.
    total : int, optional
        Number of items; needed where ``items`` has no length.
    show : bool
        Whether a bar is wanted at all.
    """
    if not (show and sys.stderr.isatty()):
        yield from items
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield from bar.track(items, total=total, description=what)


@contextmanager
def fraction(what: str, *, show: bool = True) -> Iterator[Callable[[float], None] | None]:
    """Give a function that takes the share that is done, 0 to 1, and shows it as a bar; ``None``
    off a terminal.

    Parameters
    ----------
    what : str
        A few words in front of the bar.
    show : bool
        Whether a bar is wanted at all.
    """
    if not (show and sys.stderr.isatty()):
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda share: bar.update(task, completed=share)

"""Walk-forward at full size: a decision at every step over 1678 assets, with its time, its memory
and its growth.

``python research/benchmarks/walkforward.py`` first shows that the decisions do not depend on
workers and blocks, then walks in processes of their own: the whole run with two workers, the same
on one core, and shorter ones for the growth with assets and steps. ``--only full`` (or
``one-core``, ``assets``, ``steps``, ``lag``) runs one part, ``--assets`` and ``--end`` make it
smaller.

At every step: a ridge regression (``ReducedRankRidge``) fitted anew on the last 2016 rows of all
assets, GARCH models of all assets fitted anew at the first row of each day and filtered in between,
2016 standardised residuals of each asset times its forecast volatility as scenarios, and the
mean-downside-risk problem with fees over them. The decision lag is 0, so that there are forecasts
worth trading on and the optimizer is asked at every step; at lag 1 the same investor finds nothing
to trade.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import threading
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

import statarb as sa
from statarb.investors import StatArb
from statarb.optimization import RollingMeanDownsideRisk

PAGE = os.sysconf("SC_PAGE_SIZE")
TICK = os.sysconf("SC_CLK_TCK")
DAYS = 65.0
WEEK = "2018-01-31 23:55"


class Family:
    """Watches a process and its descendants: processor time, and memory with shared pages counted
    once (PSS) and each time.
    """

    def __init__(self, pid: int, every: float = 0.5) -> None:
        self.pid, self.every = pid, every
        self.pss = self.resident = 0.0
        self.processor: dict[int, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def end(self) -> dict[str, float]:
        """Stop, and return MB and seconds."""
        self._stop.set()
        self._thread.join()
        return {
            "pss_mb": self.pss,
            "rss_mb": self.resident,
            "processor_s": sum(self.processor.values()),
        }

    def _watch(self) -> None:
        while not self._stop.wait(self.every):
            parts = [part for pid in self._members() if (part := self._measure(pid)) is not None]
            self.pss = max(self.pss, sum(pss for pss, _ in parts))
            self.resident = max(self.resident, sum(resident for _, resident in parts))

    def _members(self) -> list[int]:
        parents: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                except OSError:  # it has ended since
                    continue
                parents.setdefault(parent, []).append(int(entry.name))
        found = [self.pid]
        for pid in found:
            found += parents.get(pid, [])
        return found

    def _measure(self, pid: int) -> tuple[float, float] | None:
        place = Path("/proc") / str(pid)
        try:
            used = (place / "stat").read_text().rpartition(")")[2].split()
            lines = (place / "smaps_rollup").read_text().splitlines()
        except OSError:
            return None
        self.processor[pid] = (int(used[11]) + int(used[12])) / TICK
        sizes = {line.split()[0]: float(line.split()[1]) / 1000.0 for line in lines[1:]}
        return sizes.get("Pss:", 0.0), sizes.get("Rss:", 0.0)


def fingerprint(run: sa.Run) -> str:
    """Hash of all that was decided."""
    decided = run.decided
    parts = (decided.step, decided.starts, decided.index, decided.data)
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()[:16]


def walk(assets: int, end: str | None, n_jobs: int, block: int, lag: int) -> dict[str, Any]:
    """Simulate, walk, and return the figures; the work of a process of its own."""
    panel = sa.simulate_market(assets=assets, days=DAYS, seed=0)
    asked: list[float] = []
    plain = RollingMeanDownsideRisk.solve

    def counted(self: Any, *args: Any, **kwargs: Any) -> Any:
        began = time.perf_counter()
        answer = plain(self, *args, **kwargs)
        asked.append(time.perf_counter() - began)
        return answer

    RollingMeanDownsideRisk.solve = counted  # type: ignore[method-assign]
    began = time.perf_counter()
    run = sa.walk_forward(
        StatArb(volatility="garch", scenarios=2016),
        panel,
        start="2018-01-25",
        end=end,
        decision_lag=lag,
        n_jobs=n_jobs,
        block=block,
    )
    seconds = run.seconds.to_numpy()
    return {
        "wall_s": time.perf_counter() - began,
        "steps": len(seconds),
        "rows": int(
            (
                (panel.times >= run.replay.value.index[0])
                & (panel.times <= run.replay.value.index[-1])
            ).sum()
        ),
        "solved": len(asked),
        "traded": len(run.decided.step),
        "failures": len(run.failures),
        "solver_ms": 1e3 * float(np.median(asked)) if asked else 0.0,
        "median_ms": 1e3 * float(np.median(seconds)),
        "slowest_s": float(seconds.max()),
        "utilisation_percent": float(run.utilisation.max()),
        "load": os.getloadavg()[0],
        "fingerprint": fingerprint(run),
    }


def measured(
    *,
    assets: int,
    end: str | None,
    n_jobs: int = 2,
    block: int = 1152,
    lag: int = 0,
    core: bool = False,
) -> None:
    """Walk in a process of its own, on one core where that is asked for, and print a row of the
    table.
    """
    given = json.dumps({"assets": assets, "end": end, "n_jobs": n_jobs, "block": block, "lag": lag})
    command = [
        *(("taskset", "-c", "0") if core else ()),
        sys.executable,
        __file__,
        "--child",
        given,
    ]
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"), "1")
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, **threads}
    )
    family = Family(child.pid)
    out, _ = child.communicate()
    memory = family.end()
    if child.returncode:
        raise SystemExit(f"the walk ended with {child.returncode}")
    got = json.loads(out.splitlines()[-1])
    cells = (
        f"{assets}",
        f"{got['steps']:,}",
        "1 core" if core else f"{n_jobs}",
        f"{lag}",
        f"{got['wall_s']:.1f}",
        f"{memory['processor_s']:.1f}",
        f"{got['median_ms']:.1f}",
        f"{got['slowest_s']:.2f}",
        f"{got['utilisation_percent']:.2f}",
        f"{got['solver_ms']:.1f}",
        f"{memory['pss_mb']:,.0f}",
        f"{memory['rss_mb']:,.0f}",
        f"{got['solved']:,}",
        f"{got['traded']:,}",
        f"{got['failures']}",
        f"{got['load']:.1f}",
        got["fingerprint"],
    )
    print("| " + " | ".join(cells) + " |", flush=True)


HEAD = (
    "| assets | steps | workers | lag | walk s | processor s | median ms | slowest s | U % | "
    "solver ms | peak MB | peak MB, "
    "shared pages each time | solved | traded | failures | load | decisions |\n" + "|---" * 17 + "|"
)


def parity() -> None:
    """Show that decisions depend on neither workers nor blocks."""
    ways = ((1, 1152), (2, 288), (1, 100), (2, 1152))
    prints = {
        walk(200, "2018-01-26 11:55", n_jobs, block, 0)["fingerprint"] for n_jobs, block in ways
    }
    if len(prints) != 1:
        raise SystemExit(f"workers and blocks change the decisions: {sorted(prints)}")
    print(
        "200 assets, 432 steps: the same decisions with 1 and 2 workers and blocks of 100, 288 "
        f"and 1152 rows ({prints.pop()})\n"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--assets", type=int, default=1678)
    parser.add_argument("--end", default=None, help="last step of the whole run")
    parser.add_argument(
        "--only", choices=("parity", "full", "one-core", "assets", "steps", "lag"), action="append"
    )
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        print(json.dumps(walk(**json.loads(given.child))))
        return
    parts = given.only or ["parity", "full", "one-core", "assets", "steps", "lag"]
    names = ("numpy", "pandas", "numba", "scipy", "joblib")
    print(
        f"python {platform.python_version()}, "
        + ", ".join(f"{name} {version(name)}" for name in names)
    )
    if "parity" in parts:
        parity()
    print(HEAD)
    if "full" in parts:
        measured(assets=given.assets, end=given.end)
    if "one-core" in parts:
        measured(assets=given.assets, end=given.end, n_jobs=1, core=True)
    if "assets" in parts:
        for assets in (200, 400, 800, 1678):
            measured(assets=assets, end=WEEK)
    if "steps" in parts:
        for end in (WEEK, "2018-02-07 23:55", "2018-02-21 23:55"):
            measured(assets=given.assets, end=end)
    if "lag" in parts:
        measured(assets=given.assets, end=WEEK, lag=1)


if __name__ == "__main__":
    main()

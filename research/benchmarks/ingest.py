"""Speed and memory of reading quotes: 23.1 million rows of CSV to panels, beside
``pandas.read_csv`` and a pivot.

Makes its own file in a temporary folder (about 1.7 GB), checks that both ways give the same panels,
and prints the medians. Every measurement runs in a process of its own, on one thread; its peak is
that of the whole process.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

THREADS = ("OMP", "OPENBLAS", "MKL", "NUMBA", "POLARS_MAX")
DAYS = 65 + (2 * 60 + 35) / 1440  # 2018-01-17 11:25 to 2018-03-23 14:00


def make(folder: Path, assets: int, days: float) -> None:
    import statarb as sa
    from statarb.data.ingest.writers import write_quotes

    write_quotes(sa.simulate_market(assets=assets, days=days, seed=0), folder, compress=False)


def with_statarb(file: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    import statarb as sa

    panel = sa.read_quotes(file)
    return (
        panel.times.to_numpy(),
        panel.assets.to_numpy(),
        panel.array("price"),
        panel.array("unrounded"),
    )


def with_pandas(file: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    import pandas as pd

    rows = pd.read_csv(file)
    rows["time"] = pd.to_datetime(rows["time"], format="ISO8601").dt.floor("5min")
    rows["unrounded"] = rows["marketCap"] / rows["CirculatingSupply"]
    rows = rows.drop_duplicates(["time", "refID_coin"], keep="last")
    price = rows.pivot(index="time", columns="refID_coin", values="price")
    unrounded = rows.pivot(index="time", columns="refID_coin", values="unrounded")
    return price.index.to_numpy(), price.columns.to_numpy(), price.to_numpy(), unrounded.to_numpy()


def measure(which: str, file: Path, out: Path) -> None:
    """Run one way in this process, and leave its panels and figures in ``out``."""
    import resource

    import pandas as pd

    import statarb.data.ingest.readers  # noqa: F401  (imports are not part of the time, but of the memory)

    way = with_statarb if which == "statarb" else with_pandas
    # compiled kernels are loaded from their cache, and pandas warms up as well
    way(out / "small" / "quotes.csv")
    started, used = time.perf_counter(), time.process_time()
    times, assets, price, unrounded = way(file)
    seconds, processor = time.perf_counter() - started, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    np.save(out / f"{which}_times.npy", pd.DatetimeIndex(times).as_unit("us").to_numpy())
    for name, values in (("assets", assets), ("price", price), ("unrounded", unrounded)):
        np.save(out / f"{which}_{name}.npy", np.ascontiguousarray(values))
    print(json.dumps({"seconds": seconds, "processor": processor, "peak_mb": peak}))


def run(arguments: list[str]) -> dict[str, float]:
    environment = os.environ | {
        f"{name}_{'' if name == 'POLARS_MAX' else 'NUM_'}THREADS": "1" for name in THREADS
    }
    done = subprocess.run(
        [sys.executable, __file__, *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}


def same(folder: Path) -> bool:
    """Whether both ways left the same times, assets and prices, bit for bit."""
    for name in ("times", "assets", "price", "unrounded"):
        one, two = (
            np.load(folder / f"{which}_{name}.npy", mmap_mode="r")
            for which in ("statarb", "pandas")
        )
        if one.shape != two.shape:
            return False
        for low in range(0, len(one), 1000):
            left, right = one[low : low + 1000], two[low : low + 1000]
            if not np.array_equal(left, right, equal_nan=name in ("price", "unrounded")):
                return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=int, default=1678)
    parser.add_argument("--days", type=float, default=DAYS)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--make", type=Path)
    parser.add_argument("--measure", nargs=3)
    options = parser.parse_args()
    if options.make:
        make(options.make, options.assets, options.days)
        return
    if options.measure:
        measure(options.measure[0], Path(options.measure[1]), Path(options.measure[2]))
        return
    with tempfile.TemporaryDirectory(prefix="statarb-ingest-") as name:
        folder = Path(name)
        run(["--make", str(folder), "--assets", str(options.assets), "--days", str(options.days)])
        file = folder / "quotes.csv"
        with file.open("rb") as content:  # also brings the file into the cache of the system
            rows = sum(block.count(b"\n") for block in iter(lambda: content.read(1 << 24), b"")) - 1
        print(
            f"{rows:,} rows, {file.stat().st_size / 1e9:.2f} GB, {options.assets} assets; one "
            "thread"
        )
        run(["--make", str(folder / "small"), "--assets", "5", "--days", "2"])
        # compiles the kernels
        run(["--measure", "statarb", str(folder / "small" / "quotes.csv"), str(folder)])
        figures: dict[str, list[dict[str, float]]] = {"statarb": [], "pandas": []}
        for _ in range(options.repeat):
            for which, found in figures.items():
                found.append(run(["--measure", which, str(file), str(folder)]))
            if not same(folder):
                sys.exit("the panels differ")
        print("parity: times, assets, price and unrounded price are equal, bit for bit")
        print(f"{'':<26}{'seconds':>9}{'processor s':>13}{'peak MB':>9}{'MB/s':>7}")
        labels = {"statarb": "statarb.read_quotes", "pandas": "pandas.read_csv + pivot"}
        middle: dict[str, tuple[float, float]] = {}
        for which, found in figures.items():
            seconds, processor = (
                statistics.median(one[key] for one in found) for key in ("seconds", "processor")
            )
            peak = max(one["peak_mb"] for one in found)
            middle[which] = seconds, processor
            print(
                f"{labels[which]:<26}{seconds:>9.2f}{processor:>13.2f}{peak:>9.0f}"
                f"{file.stat().st_size / 1e6 / seconds:>7.0f}"
            )
        ratios = [
            slow / fast for slow, fast in zip(middle["pandas"], middle["statarb"], strict=True)
        ]
        print(f"{'ratio':<26}{ratios[0]:>9.1f}{ratios[1]:>13.1f}")
        print(f"python {platform.python_version()}, {versions()}")


def versions() -> str:
    from importlib.metadata import version

    return ", ".join(f"{name} {version(name)}" for name in ("numpy", "pandas", "polars", "numba"))


if __name__ == "__main__":
    main()

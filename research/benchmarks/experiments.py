"""Experiments that decide whether code of our own may go.

(a) ``ingest``: polars alone for the long layouts of quotes, beside the kernel that parses bytes.
(c) ``quadratic``: ``minimise_quadratic`` beside daqp, piqp, clarabel and scipy's nnls.

``OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 POLARS_MAX_THREADS=1 python
research/benchmarks/experiments.py ingest|quadratic``. Times are of the processor, repeats
are interleaved, figures are medians and their ratios within one run. What is compared is first
shown to give the same. (a) reaches into the package: it is a prototype of what might replace an
inner part of it. (b), one layout of target weights instead of three, went with the layouts.
"""

from __future__ import annotations

import argparse
import functools
import gzip
import importlib
import importlib.metadata
import platform
import re
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import statarb as sa
from statarb.data.ingest import readers
from statarb.data.ingest._engine import parse
from statarb.data.ingest._engine.fields import split_line
from statarb.data.ingest._engine.lines import NO_STAMP
from statarb.data.ingest._engine.parse import Parsed
from statarb.data.ingest.writers import write_quotes
from statarb.investors.simplex import log_optimal, minimise_quadratic


def versions(*names: str) -> str:
    found = []
    for name in names:
        try:
            found.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            found.append(f"{name} absent")
    return ", ".join([f"python {platform.python_version()}", *found])


def interleaved(ways: dict[str, Callable[[], Any]], repeats: int) -> dict[str, float]:
    """Median seconds of the processor of each way, after one run of each that does not count."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(repeats + 1):
        for name, way in ways.items():
            start = time.process_time()
            way()
            if turn:
                taken[name].append(time.process_time() - start)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


# -- (a) quotes -----------------------------------------------------------------------------------

STAMP = r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:[0-5]\d(?:\.\d{1,6})?$"
PLAINLY_QUOTED = r'^(?:[^",]*|"[^",]*")(?:,(?:[^",]*|"[^",]*"))*$'
YEAR_1 = -62_135_596_800_000_000
ABSENT = ["", "nan", "null", "none", "na", "n/a"]
NUMBERS = ("price", "market_cap", "supply", "volume")
ASCII = bytes(range(128)) + b"?" * 128
Columns = tuple[np.ndarray, np.ndarray, dict[str, np.ndarray], np.ndarray]


class Starts:
    """Where the lines of a block begin, found when it is asked for."""

    def __init__(self, raw: bytes, rows: int) -> None:
        self._raw, self._rows = raw, rows

    def __len__(self) -> int:
        return self._rows + 1

    def __getitem__(self, line: int) -> int:
        return int(line_starts(self._raw)[line])


def line_starts(raw: bytes) -> np.ndarray:
    return np.append(0, np.flatnonzero(np.frombuffer(raw, dtype=np.uint8) == 10) + 1)


def with_polars(block: Any, layout: Any) -> Parsed:
    """Parse a block with polars alone; Python reads the lines that stay in doubt.

    In place of ``parse_block``. polars gets no quote character, so every line is one row. All lines
    have the right number of fields if no row runs over and the commas are as many as they should
    be: this spares counting them line by line.
    """
    if layout.name == "matrix":
        return parse.parse_block(block, layout)
    raw = bytes(block)
    frame = read_frame(raw, layout)
    rows = frame.height
    stamp, coin, numbers, doubtful = read_columns(frame, layout)
    commas = np.count_nonzero(np.frombuffer(raw, dtype=np.uint8) == 44)
    full = frame.get_column("over").null_count() == rows and commas == rows * (layout.width - 1)
    quoted = b'"' in raw
    if full and not quoted and not doubtful.any():
        quotes = parse._quotes(stamp, coin, numbers)
        none = np.empty(0, dtype=np.int64)
        starts: Any = Starts(raw, rows)
        return Parsed(quotes, np.arange(rows), none, starts, block)
    return second_look(raw, block, layout, (stamp, coin, numbers, doubtful), full, quoted)


def read_frame(raw: bytes, layout: Any) -> pl.DataFrame:
    schema: dict[str, Any] = {f"f{place}": pl.String for place in range(layout.width)}
    schema["over"] = pl.String
    numbers = [getattr(layout, name) for name in NUMBERS if getattr(layout, name) >= 0]
    schema[f"f{layout.stamp}"] = pl.Categorical  # neighbours mostly share their stamp
    schema[f"f{layout.coin}"] = pl.Int64
    schema |= {f"f{place}": pl.Float64 for place in numbers}
    options: dict[str, Any] = {
        "has_header": False,
        "schema": schema,
        "columns": sorted([layout.stamp, layout.coin, *numbers, layout.width]),
        "ignore_errors": True,
        "truncate_ragged_lines": True,
        "missing_columns": "insert",
        "extra_columns": "ignore",
        "quote_char": None,
    }
    try:
        return pl.read_csv(raw, **options)
    except pl.exceptions.ComputeError:  # no UTF-8
        return pl.read_csv(raw.translate(ASCII), **options)


def read_columns(frame: pl.DataFrame, layout: Any) -> Columns:
    """Return stamps, ids, numbers, and which rows hold something empty or not to be read."""
    numbers: dict[str, np.ndarray] = {}
    doubtful = np.zeros(frame.height, dtype=np.bool_)
    for name in NUMBERS:
        if (place := getattr(layout, name)) >= 0:
            column = frame.get_column(f"f{place}")
            if column.null_count():
                doubtful |= column.is_null().to_numpy()
            numbers[name] = column.to_numpy(writable=True)
    column = frame.get_column(f"f{layout.coin}")
    if column.null_count():
        doubtful |= column.is_null().to_numpy()
    coin = column.fill_null(0).to_numpy(writable=True)
    column = frame.get_column(f"f{layout.stamp}")
    codes = column.to_physical()
    top = codes.max()
    absent = 0 if top is None else int(top) + 1  # type: ignore[call-overload]
    seen = column.unique()
    words = seen.cast(pl.String).fill_null("")
    times = words.str.to_datetime(
        "%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False
    ).to_physical()
    if times.null_count():
        other = words.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False)
        times = times.fill_null(other.to_physical())
    known = times.fill_null(NO_STAMP).to_numpy(writable=True)
    known[~words.str.contains(STAMP).to_numpy() | (known < YEAR_1)] = NO_STAMP
    lookup = np.full(absent + 1, NO_STAMP)
    lookup[seen.to_physical().fill_null(absent).to_numpy()] = known
    stamp = lookup[codes.fill_null(absent).to_numpy()]
    if (known == NO_STAMP).any():
        doubtful |= stamp == NO_STAMP
    return stamp, coin, numbers, doubtful


def second_look(
    raw: bytes, block: Any, layout: Any, columns: Columns, full: bool, quoted: bool
) -> Parsed:
    """Settle lines in doubt: blank fields and quotes by polars, the rest one by one in Python."""
    stamp, coin, numbers, doubtful = columns
    content, starts = np.frombuffer(raw, dtype=np.uint8), line_starts(raw)
    wrong = np.zeros(len(stamp), dtype=np.bool_)
    if raw.startswith(b"\xef\xbb\xbf"):
        doubtful[0] = True
    if not full:
        wrong |= np.add.reduceat(content == 44, starts[:-1], dtype=np.int64) + 1 != layout.width
    if quoted:
        wrong[np.searchsorted(starts, np.flatnonzero(content == 34), side="right") - 1] = True
    quotes = parse._quotes(stamp, coin, numbers)
    malformed, kept = np.zeros(len(stamp), dtype=np.bool_), np.ones(len(stamp), dtype=np.bool_)
    parsed = Parsed(quotes, np.arange(len(stamp)), np.empty(0, dtype=np.int64), starts, block)
    look, again = np.flatnonzero(doubtful & ~wrong), np.flatnonzero(wrong)
    if len(look) > 20:
        look = look[~only_blanks(raw, starts, look, layout, columns)]
    if quoted and len(again) > 20:
        again = unquoted(raw, starts, again, layout, quotes)
    for row in [*look.tolist(), *again.tolist()]:
        line = parsed.text(row)
        if not line.strip(" \r\t"):
            kept[row] = False
        elif line.count('"') % 2 or len(split_line(line)) != layout.width:
            kept[row] = False
            malformed[row] = not parse._FOOTER.fullmatch(line)
        else:
            for values in numbers.values():
                values[row] = np.nan
            parse._settle(quotes, row, line, layout)
    if not kept.all():
        quotes = parse._only(quotes, kept)
    return Parsed(quotes, np.flatnonzero(kept), np.flatnonzero(malformed), starts, block)


def texts(raw: bytes, starts: np.ndarray, rows: np.ndarray) -> pl.Series:
    bounds = zip(starts[rows].tolist(), starts[rows + 1].tolist(), strict=True)
    return pl.Series(
        [raw[low:high].rstrip(b"\r\n").translate(ASCII).decode() for low, high in bounds]
    )


def only_blanks(
    raw: bytes, starts: np.ndarray, rows: np.ndarray, layout: Any, columns: Columns
) -> np.ndarray:
    """Whether all that is no number in a row is blank."""
    stamp, coin, numbers, _ = columns
    fields = texts(raw, starts, rows).str.split_exact(",", layout.width - 1).struct.unnest()
    fine: np.ndarray = (stamp[rows] != NO_STAMP) & (coin[rows] != 0)
    for name, values in numbers.items():
        word = (
            fields.get_column(f"field_{getattr(layout, name)}").str.strip_chars().str.to_lowercase()
        )
        fine &= ~np.isnan(values[rows]) | word.fill_null("").is_in(ABSENT).to_numpy()
    return fine


def unquoted(
    raw: bytes, starts: np.ndarray, rows: np.ndarray, layout: Any, quotes: Any
) -> np.ndarray:
    """Read lines of plainly quoted fields as if they were not quoted; return those left over."""
    text = texts(raw, starts, rows)
    commas = text.str.count_matches(",", literal=True) == layout.width - 1
    fine = (
        text.str.contains(PLAINLY_QUOTED) & commas & text.str.contains('"', literal=True)
    ).to_numpy()
    if not fine.any():
        return rows
    bare = text.filter(pl.Series(fine)).str.replace_all('"', "", literal=True)
    plain = "\n".join(bare.to_list()).encode() + b"\n"
    stamp, coin, numbers, doubtful = read_columns(read_frame(plain, layout), layout)
    look = np.flatnonzero(doubtful)
    if len(look):
        columns = stamp, coin, numbers, doubtful
        doubtful[look] = ~only_blanks(plain, line_starts(plain), look, layout, columns)
    at = rows[fine][~doubtful]
    quotes.stamp[at], quotes.coin[at] = stamp[~doubtful], coin[~doubtful]
    for name, values in numbers.items():
        getattr(quotes, name)[at] = values[~doubtful]
    return np.setdiff1d(rows, at)


PARSERS: dict[str, Callable[[Any, Any], Parsed]] = {
    "now": readers.parse_block,
    "polars": with_polars,
}


def read(which: str, file: Path, rejects: Path | None = None) -> sa.Panel:
    readers.parse_block = PARSERS[which]
    try:
        return sa.read_quotes(file, rejects=rejects)
    finally:
        readers.parse_block = PARSERS["now"]


def messy(rows: int, seed: int) -> bytes:
    """Lines in every way of writing that the readers know, and in many that they reject."""
    rng = np.random.default_rng(seed)
    stamps = [
        "{0} {1}",
        "{0}T{1}",
        "{0} {1}.250",
        '"{0} {1}"',
        "{0} {1}Z",
        "{0}",
        "{0} 24:00:00",
        "{0} 23:59:60",
    ]
    stamps += ["{0}  {1}", " {0} {1}", "17.01.2018 {1}", "{0} {1}+02:00", "{0} {1}.1234567", ""]
    coins = ["{}", '"{}"', " {}", "{}.0", "0{}", "+{}", "-{}", "", "{}x", "{}.5", "99999999999"]
    prices = [
        "{}",
        '"{}"',
        "+{}",
        "-{}",
        " {}",
        "{} ",
        "{}e-5",
        "{}E+300",
        "",
        "NaN",
        "nan",
        "-nan",
        "NULL",
        "none",
        "N/A",
    ]
    prices += [
        "inf",
        "-inf",
        "1e999",
        "1e-999",
        "0",
        "-0.0",
        "{}1234567890123456",
        "{}_0",
        "0x1",
        ".5",
        "5.",
        ".",
        "1,0",
    ]
    lines = []
    for number in range(rows):
        day, clock = (
            f"2018-01-{rng.integers(17, 20)}",
            f"{rng.integers(0, 24):02d}:{5 * rng.integers(0, 12):02d}:00",
        )
        some = [
            list(ways) if rng.random() < 0.25 else list(ways[:1])
            for ways in (stamps, coins, prices, prices, prices)
        ]
        way = [ways[rng.integers(len(ways))] for ways in some]
        price = f"{rng.uniform(0.1, 100.0):.4f}"
        fields = [str(number), way[0].format(day, clock), way[1].format(rng.integers(1442, 1462))]
        fields += [each.format(price) for each in way[2:]]
        line = ",".join([*fields, "5", "note", "1.5"])
        odd = rng.random()
        if odd < 0.01:
            line = str(
                rng.choice(
                    [
                        "",
                        "   ",
                        "(3 rows affected)",
                        '"',
                        line + ",",
                        line[:-4],
                        line + '"',
                        "\ufeff" + line,
                    ]
                )
            )
        elif odd < 0.02:
            line = line.replace(
                "note", str(rng.choice(['"a,b"', '"a""b"', 'a"b', "\u00e9", '"open']))
            )
        lines.append(
            line.encode("utf-8" if odd < 0.015 else "latin-1", errors="replace")
            + (b"\r\n" if odd > 0.9 else b"\n")
        )
    head = b"ID,time,refID_coin,price,marketCap,CirculatingSupply,Volume24h,note,Movement24h\n"
    return head + b"".join(lines)


def rewritten(file: Path, target: Path, change: Callable[[str], str]) -> Path:
    with file.open() as source, target.open("w") as out:
        out.write(source.readline())
        out.writelines(change(line) for line in source)
    return target


def long_price(line: str) -> str:
    """Write the price as a double that needs 17 digits, the way that files of full precision do."""
    fields = line.split(",")
    fields[3] = repr(float(fields[3]) * 1.0000000000000007) if float(fields[3]) else fields[3]
    return ",".join(fields)


def ingest(options: argparse.Namespace) -> None:
    print(versions("numpy", "numba", "pandas", "polars"))
    with tempfile.TemporaryDirectory(prefix="statarb-experiments-") as name:
        folder = Path(name)
        for seed in range(20):
            (folder / "messy.csv").write_bytes(messy(4000, seed))
            same_result(folder / "messy.csv", "polars")
        print(
            "parity on 20 files of 4000 messy rows: panels, counts and files of rejects are equal"
        )
        cases: list[tuple[str, Path]] = []
        if options.real:
            plain = folder / "real.csv"
            plain.write_bytes(gzip.decompress(options.real.read_bytes()))
            cases += [("real quotes, gzipped", options.real), ("real quotes", plain)]
        market = sa.simulate_market(assets=1678, days=options.few, seed=0)
        write_quotes(market, folder / "few", compress=False)
        few = folder / "few" / "quotes.csv"
        quoted = re.compile(r"([^,\n]+)")
        in_quotes = rewritten(few, folder / "quoted.csv", lambda line: quoted.sub(r'"\1"', line))
        many_digits = rewritten(few, folder / "long.csv", long_price)
        cases += [
            ("simulated, all fields quoted", in_quotes),
            ("simulated, prices of 17 digits", many_digits),
        ]
        if options.days:
            market = sa.simulate_market(assets=1678, days=options.days, seed=0)
            write_quotes(market, folder / "whole", compress=False)
            cases.append((f"simulated, {options.days:g} days", folder / "whole" / "quotes.csv"))
        print("\n| file | rows | MB | reader now, s | polars and Python, s | ratio |")
        print("|---|---|---|---|---|---|")
        for label, file in cases:
            rows = same_result(file, "polars")
            ways: dict[str, Callable[[], Any]] = {
                which: functools.partial(read, which, file) for which in PARSERS
            }
            taken = interleaved(ways, options.repeats)
            print(
                f"| {label} | {rows:,} | {file.stat().st_size / 1e6:.0f} | {taken['now']:.2f} | "
                f"{taken['polars']:.2f} | {taken['polars'] / taken['now']:.2f} |",
                flush=True,
            )


def same_result(file: Path, which: str) -> int:
    """Stop where another parser gives another panel, other counts, or another file of rejects;
    return the rows read.
    """
    with tempfile.TemporaryDirectory() as name:
        target = Path(name) / "rejects.csv"
        panel = read("now", file, target)
        listed = target.read_bytes()
        other = read(which, file, target)
        alike = panel.equals(other) and panel.metadata["ingest"] == other.metadata["ingest"]
        if not alike or listed != target.read_bytes():
            raise SystemExit(f"{which} reads {file.name} otherwise; nothing was timed")
        return int(panel.metadata["ingest"]["rows_read"])


# -- (c) quadratic --------------------------------------------------------------------------------

Solver = Callable[[np.ndarray, np.ndarray, "np.ndarray | None"], np.ndarray]


def cut(weights: np.ndarray) -> np.ndarray:
    """Set to zero what an interior point leaves above it, and what rounding leaves below."""
    weights = np.where(weights > 1e-10, weights, 0.0)
    return weights / weights.sum()


def with_daqp(
    matrix: np.ndarray, linear: np.ndarray, start: np.ndarray | None, **more: float
) -> np.ndarray:
    import daqp

    size = len(linear)
    upper, lower, sense = np.ones(size + 1), np.zeros(size + 1), np.zeros(size + 1, dtype=np.int32)
    lower[size], sense[size] = 1.0, 5
    if start is not None:
        more["primal_start"] = np.ascontiguousarray(start)  # type: ignore[assignment]
    found = daqp.solve(
        np.ascontiguousarray(matrix), -linear, np.ones((1, size)), upper, lower, sense, **more
    )
    return cut(found[0])


def with_daqp_proximal(
    matrix: np.ndarray, linear: np.ndarray, start: np.ndarray | None
) -> np.ndarray:
    return with_daqp(matrix, linear, None, eps_prox=1e-5, eta_prox=1e-14)


def with_piqp(matrix: np.ndarray, linear: np.ndarray, start: np.ndarray | None) -> np.ndarray:
    import piqp

    size = len(linear)
    solver = piqp.DenseSolver()
    solver.settings.eps_abs = solver.settings.eps_rel = 1e-13
    ones = np.ones((1, size), order="F")
    solver.setup(
        np.asfortranarray(matrix), -linear, ones, np.ones(1), None, None, None, np.zeros(size), None
    )
    solver.solve()
    return cut(np.array(solver.result.x))


def with_clarabel(matrix: np.ndarray, linear: np.ndarray, start: np.ndarray | None) -> np.ndarray:
    import clarabel
    from scipy import sparse

    size = len(linear)
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-13
    rows = sparse.vstack([np.ones((1, size)), -sparse.eye(size)], format="csc")
    upper = sparse.csc_matrix(np.triu(matrix))
    cones = [clarabel.ZeroConeT(1), clarabel.NonnegativeConeT(size)]
    right = np.append(1.0, np.zeros(size))
    return cut(
        np.array(clarabel.DefaultSolver(upper, -linear, rows, right, cones, settings).solve().x)
    )


def with_nnls(matrix: np.ndarray, linear: np.ndarray, start: np.ndarray | None) -> np.ndarray:
    """Least squares over weights of at least zero; for problems without a linear part alone, where
    scale does not matter.
    """
    from scipy.optimize import nnls

    if linear.any():
        return np.full(len(linear), np.nan)
    values, vectors = np.linalg.eigh(matrix)
    factor = (vectors * np.sqrt(np.maximum(values, 0.0))).T
    found: np.ndarray = nnls(
        np.vstack([factor, np.ones(len(linear))]), np.append(np.zeros(len(linear)), 1.0)
    )[0]
    return found / found.sum()


SOLVERS: dict[str, Solver] = {
    "ours": minimise_quadratic,
    "daqp": with_daqp,
    "daqp, proximal": with_daqp_proximal,
    "piqp": with_piqp,
    "clarabel": with_clarabel,
    "nnls": with_nnls,
}


def gap(matrix: np.ndarray, linear: np.ndarray, weights: np.ndarray) -> float:
    """By how much any weights could be better, relative to the largest number of the problem."""
    if not np.isfinite(weights).all():
        return np.inf
    slope = matrix @ weights - linear
    return float((weights @ slope - slope.min()) / max(np.abs(matrix).max(), np.abs(linear).max()))


def problems(
    kind: str, size: int, count: int
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
    rng = np.random.default_rng([size, len(kind)])
    found: list[tuple[np.ndarray, np.ndarray, np.ndarray | None]] = []
    second, first, at = np.eye(size), np.zeros(size), np.full(size, 1.0 / size)
    for _ in range(count):
        if kind == "Newton step":  # of the online learner of that name, from its last portfolio
            relative = np.exp(rng.normal(0.0, 0.02, size))
            slope = relative / (at @ relative) - 1.0
            second, first = second + np.outer(slope, slope), first + slope
            found.append((second, -0.75 * first, at))
            at = minimise_quadratic(*found[-1])
            continue
        if kind == "factors":
            betas = rng.normal(1.0, 0.5, (size, 3)) * [1.0, 0.3, 0.3]
            noise = rng.normal(size=(2016, size)) * np.exp(rng.normal(0.0, 0.7, size))
            returns = rng.normal(size=(2016, 3)) @ betas.T + noise
        else:
            returns = rng.normal(size=(2016 if kind == "noise" else size // 2, size))
        estimate = returns.T @ returns
        found.append((estimate / np.trace(estimate) * size, np.zeros(size), None))
    return found


def quadratic(options: argparse.Namespace) -> None:
    print(versions("numpy", "scipy", "daqp", "piqp", "clarabel"))
    names = list(SOLVERS)
    print(
        "\n| problem | assets | held | " + " | ".join(f"{name}, us | gap" for name in names) + " |"
    )
    print("|---" * (3 + 2 * len(names)) + "|")
    for kind in ("factors", "noise", "half rank", "Newton step"):
        for size in (20, 50, 100, 200, 300):
            some = problems(kind, size, 8)
            held = statistics.median(int((minimise_quadratic(*one) > 0.0).sum()) for one in some)
            cells = []
            for name in names:
                if name == "nnls" and kind == "Newton step":
                    cells.append("| ")
                    continue
                solve = SOLVERS[name]
                worst = max(gap(one[0], one[1], solve(*one)) for one in some)
                taken = []
                for one in some:
                    start = time.process_time()
                    solve(*one)
                    taken.append(time.process_time() - start)
                cells.append(f"{1e6 * statistics.median(taken):.0f} | {worst:.0e}")
            print(f"| {kind} | {size} | {held:g} | " + " | ".join(cells) + " |", flush=True)
    singular(options.singular)
    growth()


def singular(count: int) -> None:
    """Equal columns, columns of zeros, few rows, linear parts of any size: the largest gap, and how
    many are worse than 1e-10.
    """
    gaps: dict[str, list[float]] = {name: [] for name in SOLVERS if name != "nnls"}
    for seed in range(count):
        rng = np.random.default_rng(seed)
        size = int(rng.integers(2, 21))
        factor = rng.normal(size=(int(rng.integers(1, size + 2)), size))
        factor[:, rng.integers(size)] = factor[:, rng.integers(size)]
        factor[:, rng.integers(size)] *= rng.integers(2)
        matrix = factor.T @ factor
        linear = rng.normal(size=size) * 10.0 ** rng.uniform(-3.0, 3.0) * rng.integers(2)
        linear = linear - linear.max()
        scale = max(float(np.abs(matrix).max()), float(np.abs(linear).max()))
        if scale > 0.0:
            for name, found in gaps.items():
                found.append(
                    gap(
                        matrix / scale,
                        linear / scale,
                        SOLVERS[name](matrix / scale, linear / scale, None),
                    )
                )
    print(
        f"\n| {count} singular problems of 2 to 20 assets | largest gap | above 1e-10 "
        "| above 1e-8 |\n|---|---|---|---|"
    )
    for name, found in gaps.items():
        worst = np.array(found)
        print(f"| {name} | {worst.max():.0e} | {(worst > 1e-10).sum()} | {(worst > 1e-8).sum()} |")


def growth() -> None:
    """The log-optimal portfolio, whose Newton steps are such problems, with another solver."""
    inner = importlib.import_module("statarb.investors.simplex")
    print("\n| log-optimal portfolio, ms | ours | piqp | daqp, proximal |\n|---|---|---|---|")
    for rows, size, width in (
        (500, 20, 0.01),
        (2000, 100, 0.01),
        (300, 300, 0.025),
        (30, 20, 0.05),
    ):
        relatives = [
            np.exp(np.random.default_rng([rows, size, seed]).standard_t(4, (rows, size)) * width)
            for seed in range(6)
        ]
        ways: dict[str, Callable[[], Any]] = {}
        for name in ("ours", "piqp", "daqp, proximal"):

            def run(solve: Solver = SOLVERS[name], relatives: list[np.ndarray] = relatives) -> None:
                inner.minimise_quadratic = lambda matrix, linear, start=None: solve(
                    matrix, linear, start
                )
                try:
                    for one in relatives:
                        log_optimal(one)
                finally:
                    inner.minimise_quadratic = minimise_quadratic

            ways[name] = run
        taken = interleaved(ways, 5)
        print(
            f"| {rows} rows x {size} assets | "
            + " | ".join(f"{1e3 * taken[name] / 6:.2f}" for name in ways)
            + " |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment", choices=("ingest", "quadratic"))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--real", type=Path, help="gzipped file of real quotes, distributed layout")
    parser.add_argument(
        "--days", type=float, default=65 + (2 * 60 + 35) / 1440, help="days of the simulated file"
    )
    parser.add_argument(
        "--few", type=float, default=1.0, help="days of the simulated files that are rewritten"
    )
    parser.add_argument("--singular", type=int, default=1500)
    options = parser.parse_args()
    {"ingest": ingest, "quadratic": quadratic}[options.experiment](options)


if __name__ == "__main__":
    main()

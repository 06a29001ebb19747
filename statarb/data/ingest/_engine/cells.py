"""Cells: quotes in any order are put on the grid, block of days by block of days, within bounded
memory.
"""

from __future__ import annotations

import dataclasses
import mmap
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from statarb._core.numba import kernel
from statarb._core.typing import AnyFloatArray, Float32Array, FloatArray, IntArray
from statarb.data.ingest.layouts import LARGEST_ID
from statarb.data.ingest.rejects import Reason

__all__ = ["Cells", "Quotes"]

CELLS_PER_BLOCK = 288
LEAST_PAGES = 1 << 18
"""Bytes from which a field of a block gets pages of its own: the system allows some 65,000."""
MOST_PAGED_BLOCKS = 10_000
FEWEST_TIMES, MOST_STRAY = 50, 3
WEEK = 604_800_000_000
LARGEST_GRID = 20_000_000
Codes = npt.NDArray[np.int8]

_STRAY = int(Reason.STRAY_STAMP)
_UNKNOWN = int(Reason.UNKNOWN_COIN)
_MISSING = int(Reason.PRICE_MISSING)
_INFINITE = int(Reason.PRICE_INFINITE)
_NEGATIVE = int(Reason.PRICE_NEGATIVE)
_ZERO = int(Reason.PRICE_ZERO)


@dataclasses.dataclass(eq=False)
class Quotes:
    """Rows of a file as arrays, in the order of the file.

    Parameters
    ----------
    stamp : (rows,) int64
        Microseconds since 1970.
    coin : (rows,) int64
        Coin ids.
    price, market_cap, supply, volume : (rows,) float64
        NaN where missing; the last three may be of length 0 where the file has no such field.
    code : (rows,) int8
        The :class:`Reason` that a row is rejected for, 0 where it is good so far.
    """

    stamp: IntArray
    coin: IntArray
    price: FloatArray
    market_cap: FloatArray
    supply: FloatArray
    volume: FloatArray
    code: Codes


class _Fields(NamedTuple):
    """Fields of a block, (cells, coins); those that are not kept have no cells."""

    price: FloatArray
    unrounded: FloatArray
    volume: Float32Array
    market_cap: Float32Array


class _Rows(NamedTuple):
    """Rows to be written, and the fields of the file; a field that it lacks has the length 0."""

    rows: IntArray
    cell: IntArray
    coin: IntArray
    price: FloatArray
    market_cap: FloatArray
    supply: FloatArray
    volume: FloatArray


@dataclasses.dataclass
class _Block:
    """Some neighbouring cells of all coins; a price of 0 stands for a cell without a quote, which
    fresh pages are.
    """

    fields: _Fields
    used: npt.NDArray[np.bool_]

    @property
    def width(self) -> int:
        return int(self.fields.price.shape[1])


class Cells:
    """Collects quotes by (time, coin); the last one counts, the others are counted.

    Parameters
    ----------
    step : int
        Distance between neighbouring times of the grid, in microseconds.
    coins : sequence of int, optional
        Ids that are accepted; by default every id met.
    unrounded, volume, market_cap : bool
        Which fields are kept beside the price.
    """

    def __init__(
        self,
        step: int,
        coins: IntArray | None,
        *,
        unrounded: bool = True,
        volume: bool = True,
        market_cap: bool = True,
    ) -> None:
        self._step = step
        self._table = None if coins is None else np.unique(coins)
        self._keep = {"unrounded": unrounded, "volume": volume, "market_cap": market_cap}
        self._ids: list[int] = []
        # Position + 1 of a coin id, 0 where it is unknown.
        self._lookup = np.zeros(1 << 12, dtype=np.int32)
        self._width = 0
        self._blocks: dict[int, _Block] = {}
        self._accepted = np.zeros(0, dtype=np.int64)
        self._duplicates = np.zeros(0, dtype=np.int64)

    def bounds(self) -> tuple[int, int] | None:
        """Return the first and the last plausible stamp, in microseconds since 1970; ``None`` where
        all of them are.

        At either end up to three times are stray that are farther from the rest than a week and
        half the rest's span: a digit of a date was lost. Fewer than fifty times tell nothing.
        """
        used = np.concatenate(
            [
                number * CELLS_PER_BLOCK + np.flatnonzero(block.used)
                for number, block in sorted(self._blocks.items())
            ]
            or [np.empty(0, dtype=np.int64)]
        )
        times = used.astype(np.float64) * self._step
        low, high = 0, len(times)
        for count in range(MOST_STRAY, 0, -1):
            rest = times[count:high]
            if len(rest) >= FEWEST_TIMES and _far(rest[0] - times[count - 1], rest):
                low = count
                break
        for count in range(MOST_STRAY, 0, -1):
            rest = times[low : len(times) - count]
            if len(rest) >= FEWEST_TIMES and _far(times[len(times) - count] - rest[-1], rest):
                high = len(times) - count
                break
        if (low, high) == (0, len(times)):
            return None
        return int(used[low]) * self._step, (int(used[high - 1]) + 1) * self._step - 1

    def judge(self, quotes: Quotes, bounds: tuple[int, int] | None = None) -> None:
        """Set the code of every row that is still good and has a stamp outside the bounds, an
        unknown coin or no usable price.
        """
        if bounds is not None:
            stray = (quotes.stamp < bounds[0]) | (quotes.stamp > bounds[1])
            quotes.code[stray & (quotes.code == 0)] = _STRAY
        fresh = np.unique(_unknown_ids(quotes.coin, quotes.code, self._lookup, LARGEST_ID))
        if self._table is not None:
            fresh = fresh[np.isin(fresh, self._table)]
        if len(fresh):
            self._register(fresh)
        _judge(quotes.coin, quotes.price, quotes.code, self._lookup)

    def add(self, quotes: Quotes) -> int:
        """Put the good rows where they belong, later ones over earlier ones; return how many they
        are.
        """
        rows = np.flatnonzero(quotes.code == 0)
        if len(rows) == 0:
            return 0
        cell, block = _cells(quotes.stamp, self._step, CELLS_PER_BLOCK)
        wanted = block[rows]
        if wanted.min() == wanted.max():
            self._scatter(int(wanted[0]), cell, quotes, rows)
        else:
            order = rows[np.argsort(wanted, kind="stable")]
            cuts = np.flatnonzero(np.diff(block[order])) + 1
            for part in np.split(order, cuts):
                self._scatter(int(block[part[0]]), cell, quotes, part)
        return len(rows)

    @property
    def accepted(self) -> dict[int, int]:
        """Number of accepted rows by coin id, duplicates included."""
        return {
            self._ids[place]: int(self._accepted[place])
            for place in np.argsort(self._ids, kind="stable")
        }

    @property
    def duplicates(self) -> dict[int, int]:
        """Number of accepted rows that a later row of the same cell replaced, by coin id."""
        return {
            self._ids[place]: int(self._duplicates[place])
            for place in np.argsort(self._ids, kind="stable")
        }

    def span(self) -> tuple[int, int]:
        """Return the first and the last cell in use."""
        first, last = min(self._blocks), max(self._blocks)
        low = first * CELLS_PER_BLOCK + int(np.flatnonzero(self._blocks[first].used)[0])
        return low, last * CELLS_PER_BLOCK + int(np.flatnonzero(self._blocks[last].used)[-1])

    def assemble(self) -> tuple[IntArray, IntArray, dict[str, AnyFloatArray]]:
        """Return the cells in use, the coin ids that have a quote, and the arrays; gives the blocks
        up as it goes.
        """
        order = sorted(self._blocks)
        for block in order:
            self._block(block)
        ids = np.array(self._ids, dtype=np.int64)
        chosen = np.argsort(ids, kind="stable")
        chosen = chosen[self._accepted[chosen] > 0]
        rows = [np.flatnonzero(self._blocks[block].used) for block in order]
        cells = np.concatenate(
            [block * CELLS_PER_BLOCK + used for block, used in zip(order, rows, strict=True)]
        )
        arrays: dict[str, AnyFloatArray] = {}
        for name in ("price", *(field for field, kept in self._keep.items() if kept)):
            kind = getattr(self._blocks[order[0]].fields, name).dtype
            whole: AnyFloatArray = np.empty((len(cells), len(chosen)), dtype=kind)
            low = 0
            for block, used in zip(order, rows, strict=True):
                part = slice(low, low + len(used))
                prices = whole[part] if name == "price" else arrays["price"][part]
                _gather(
                    getattr(self._blocks[block].fields, name),
                    used,
                    chosen,
                    prices,
                    name == "price",
                    whole[part],
                )
                empty = np.empty((0, self._blocks[block].width), dtype=kind)
                self._blocks[block].fields = self._blocks[block].fields._replace(**{name: empty})
                low += len(used)
            if name in ("price", "unrounded") or not all(np.isnan(row).all() for row in whole):
                arrays[name] = whole
        self._blocks.clear()
        return cells, ids[chosen], arrays

    # -- inside ------------------------------------------------------------------------------------

    def _register(self, ids: IntArray) -> None:
        top = int(ids.max(initial=0))
        if top >= len(self._lookup):
            larger = np.zeros(1 << (top + 1).bit_length(), dtype=np.int32)
            larger[: len(self._lookup)] = self._lookup
            self._lookup = larger
        self._lookup[ids] = np.arange(
            len(self._ids) + 1, len(self._ids) + len(ids) + 1, dtype=np.int32
        )
        self._ids.extend(int(coin) for coin in ids)
        self._accepted = np.append(self._accepted, np.zeros(len(ids), dtype=np.int64))
        self._duplicates = np.append(self._duplicates, np.zeros(len(ids), dtype=np.int64))
        if self._width < len(self._ids):
            # Where coins come one after the other, room for more saves copies; pages that are not
            # written cost nothing.
            self._width = max(len(self._ids), self._width * 5 // 4)

    def _block(self, number: int) -> _Block:
        block = self._blocks.get(number)
        if block is None or block.width < len(self._ids):
            paged = len(self._blocks) < MOST_PAGED_BLOCKS
            sizes = {
                name: CELLS_PER_BLOCK if name == "price" or self._keep[name] else 0
                for name in _Fields._fields
            }
            kinds = (np.float64, np.float64, np.float32, np.float32)
            fresh = _Block(
                _Fields(
                    *(
                        _pages((sizes[name], self._width), kind, paged=paged)
                        for name, kind in zip(_Fields._fields, kinds, strict=True)
                    )
                ),
                np.zeros(CELLS_PER_BLOCK, dtype=np.bool_),
            )
            if block is not None:
                rows = np.flatnonzero(block.used)
                for name, kept in sizes.items():
                    if kept:
                        old = getattr(block.fields, name)
                        getattr(fresh.fields, name)[rows, : block.width] = old[rows]
                fresh.used = block.used
            self._blocks[number] = block = fresh
        return block

    def _scatter(self, number: int, cell: IntArray, quotes: Quotes, rows: IntArray) -> None:
        block = self._block(number)
        _scatter(
            _Rows(
                rows,
                cell,
                quotes.coin,
                quotes.price,
                quotes.market_cap,
                quotes.supply,
                quotes.volume,
            ),
            number * CELLS_PER_BLOCK,
            self._lookup,
            block.fields,
            block.used,
            self._accepted,
            self._duplicates,
        )


def _far(gap: float, rest: FloatArray) -> bool:
    """Whether a gap sets what lies beyond it apart from the rest of the times."""
    return bool(gap > max(WEEK, 0.5 * (rest[-1] - rest[0])))


def _pages(shape: tuple[int, int], kind: Any, *, paged: bool) -> Any:
    """Return an array of zeros whose memory goes back to the system when it is dropped, and counts
    only where it was written.

    The allocator keeps blocks of a few MB for later use, which would double the peak while the
    panel is assembled. Small arrays, and those of very many blocks, are left to it: the system
    allows a process a limited number of mappings.
    """
    size = shape[0] * shape[1] * np.dtype(kind).itemsize
    if not paged or size < LEAST_PAGES:
        return np.zeros(shape, dtype=kind)
    return np.frombuffer(mmap.mmap(-1, size), dtype=kind).reshape(shape)


@kernel()
def _cells(stamp: IntArray, step: int, size: int) -> tuple[IntArray, IntArray]:
    """Return the cell of each stamp, and the block of each cell."""
    cell = np.empty(stamp.shape[0], dtype=np.int64)
    block = np.empty(stamp.shape[0], dtype=np.int64)
    for row in range(stamp.shape[0]):
        if row > 0 and stamp[row] == stamp[row - 1]:
            cell[row] = cell[row - 1]
            block[row] = block[row - 1]
        else:
            cell[row] = stamp[row] // step
            block[row] = cell[row] // size
    return cell, block


@kernel()
def _unknown_ids(
    coin: IntArray, code: Codes, lookup: npt.NDArray[np.int32], largest: int
) -> IntArray:
    """Return the ids of good rows that are valid and not yet known, with repetitions."""
    found = np.empty(coin.shape[0], dtype=np.int64)
    count = 0
    for row in range(coin.shape[0]):
        label = coin[row]
        if (
            code[row] == 0
            and 0 < label <= largest
            and (label >= lookup.shape[0] or lookup[label] == 0)
        ):
            found[count] = label
            count += 1
    return found[:count].copy()


@kernel()
def _judge(coin: IntArray, price: FloatArray, code: Codes, lookup: npt.NDArray[np.int32]) -> None:
    """Reject unknown coins and unusable prices among the rows that are good so far."""
    for row in range(coin.shape[0]):
        if code[row] != 0:
            continue
        label = coin[row]
        quoted = price[row]
        if label <= 0 or label >= lookup.shape[0] or lookup[label] == 0:
            code[row] = _UNKNOWN
        elif np.isnan(quoted):
            code[row] = _MISSING
        elif np.isinf(quoted):
            code[row] = _INFINITE
        elif quoted < 0.0:
            code[row] = _NEGATIVE
        elif quoted == 0.0:
            code[row] = _ZERO


@kernel()
def _scatter(
    given: _Rows,
    first: int,
    lookup: npt.NDArray[np.int32],
    out: _Fields,
    used: npt.NDArray[np.bool_],
    accepted: IntArray,
    duplicates: IntArray,
) -> None:
    """Write the quotes of some rows into a block that begins at cell ``first``."""
    fine = out.unrounded.shape[0] > 0
    with_volume = out.volume.shape[0] > 0
    with_cap = out.market_cap.shape[0] > 0
    for row in given.rows:
        at = given.cell[row] - first
        place = lookup[given.coin[row]] - 1
        used[at] = True
        accepted[place] += 1
        # a price that is there already is replaced: the later row counts
        if out.price[at, place] != 0.0:
            duplicates[place] += 1
        out.price[at, place] = given.price[row]
        cap = given.market_cap[row] if given.market_cap.shape[0] > 0 else np.nan
        if fine:
            # capitalisation over supply has more digits than the quote; the quote where it fails
            exact = given.price[row]
            if given.supply.shape[0] > 0 and cap > 0.0 and given.supply[row] > 0.0:
                ratio = cap / given.supply[row]
                if 0.0 < ratio < np.inf and given.supply[row] < np.inf:
                    exact = ratio
            out.unrounded[at, place] = exact
        if with_volume:
            traded = given.volume[row] if given.volume.shape[0] > 0 else np.nan
            out.volume[at, place] = traded if 0.0 <= traded < np.inf else np.nan
        if with_cap:
            out.market_cap[at, place] = cap if 0.0 <= cap < np.inf else np.nan


@kernel()
def _gather(
    block: AnyFloatArray,
    rows: IntArray,
    columns: IntArray,
    prices: AnyFloatArray,
    first: bool,
    out: AnyFloatArray,
) -> None:
    """Copy some rows and columns of a block. Where there is no price stands NaN; ``first`` is the
    call for the prices.
    """
    for row in range(rows.shape[0]):
        source = block[rows[row]]
        target = out[row]
        if first:
            for column in range(columns.shape[0]):
                value = source[columns[column]]
                target[column] = value if value != 0.0 else np.nan
        else:
            price = prices[row]
            for column in range(columns.shape[0]):
                target[column] = (
                    source[columns[column]] if price[column] == price[column] else np.nan
                )

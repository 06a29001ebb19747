"""Cells: quotes in any order are put on the grid, block of days by block of days, within bounded
memory.
"""

from __future__ import annotations

import dataclasses
import mmap
from typing import Any

import numpy as np
import numpy.typing as npt

from statarb._core.numba import kernel
from statarb._core.typing import AnyFloatArray, Float32Array, FloatArray, IntArray
from statarb.data.ingest.layouts import LARGEST_ID
from statarb.data.ingest.rejects import Reason

__all__ = ["Cells", "Quotes"]

CELLS_A_BLOCK = 288
LARGEST_GRID = 20_000_000
Codes = npt.NDArray[np.int8]

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


@dataclasses.dataclass
class _Block:
    """Some neighbouring cells of all coins; a price of 0 stands for a cell without a quote, which
    fresh pages are.
    """

    price: FloatArray
    unrounded: FloatArray
    volume: Float32Array
    market_cap: Float32Array
    used: npt.NDArray[np.bool_]

    @property
    def width(self) -> int:
        return int(self.price.shape[1])


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

    def judge(self, quotes: Quotes) -> None:
        """Set the code of every row that is still good and has an unknown coin or no usable
        price.
        """
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
        cell, block = _cells(quotes.stamp, self._step, CELLS_A_BLOCK)
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
        low = first * CELLS_A_BLOCK + int(np.flatnonzero(self._blocks[first].used)[0])
        return low, last * CELLS_A_BLOCK + int(np.flatnonzero(self._blocks[last].used)[-1])

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
            [block * CELLS_A_BLOCK + used for block, used in zip(order, rows, strict=True)]
        )
        arrays: dict[str, AnyFloatArray] = {}
        for name in ("price", *(field for field, kept in self._keep.items() if kept)):
            kind = getattr(self._blocks[order[0]], name).dtype
            whole: AnyFloatArray = np.empty((len(cells), len(chosen)), dtype=kind)
            low = 0
            for block, used in zip(order, rows, strict=True):
                part = slice(low, low + len(used))
                prices = whole[part] if name == "price" else arrays["price"][part]
                _gather(
                    getattr(self._blocks[block], name),
                    used,
                    chosen,
                    prices,
                    name == "price",
                    whole[part],
                )
                setattr(
                    self._blocks[block], name, np.empty((0, self._blocks[block].width), dtype=kind)
                )
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
            fresh = _Block(
                price=_pages((CELLS_A_BLOCK, self._width), np.float64),
                unrounded=_pages(
                    (CELLS_A_BLOCK if self._keep["unrounded"] else 0, self._width), np.float64
                ),
                volume=_pages(
                    (CELLS_A_BLOCK if self._keep["volume"] else 0, self._width), np.float32
                ),
                market_cap=_pages(
                    (CELLS_A_BLOCK if self._keep["market_cap"] else 0, self._width), np.float32
                ),
                used=np.zeros(CELLS_A_BLOCK, dtype=np.bool_),
            )
            if block is not None:
                rows = np.flatnonzero(block.used)
                for name in ("price", *(field for field, kept in self._keep.items() if kept)):
                    getattr(fresh, name)[rows, : block.width] = getattr(block, name)[rows]
                fresh.used = block.used
            self._blocks[number] = block = fresh
        return block

    def _scatter(self, number: int, cell: IntArray, quotes: Quotes, rows: IntArray) -> None:
        block = self._block(number)
        _scatter(
            rows,
            cell,
            number * CELLS_A_BLOCK,
            quotes.coin,
            quotes.price,
            quotes.market_cap,
            quotes.supply,
            quotes.volume,
            self._lookup,
            block.price,
            block.unrounded,
            block.volume,
            block.market_cap,
            block.used,
            self._accepted,
            self._duplicates,
        )


def _pages(shape: tuple[int, int], kind: Any) -> Any:
    """Return an array whose memory goes back to the system when it is dropped, and counts only
    where it was written.

    The allocator keeps blocks of a few MB for later use, which would double the peak while the
    panel is assembled.
    """
    size = shape[0] * shape[1]
    if size == 0:
        return np.empty(shape, dtype=kind)
    return np.frombuffer(mmap.mmap(-1, size * np.dtype(kind).itemsize), dtype=kind).reshape(shape)


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
    rows: IntArray,
    cell: IntArray,
    first: int,
    coin: IntArray,
    price: FloatArray,
    market_cap: FloatArray,
    supply: FloatArray,
    volume: FloatArray,
    lookup: npt.NDArray[np.int32],
    price_out: FloatArray,
    unrounded_out: FloatArray,
    volume_out: Float32Array,
    market_cap_out: Float32Array,
    used: npt.NDArray[np.bool_],
    accepted: IntArray,
    duplicates: IntArray,
) -> None:
    """Write the quotes of ``rows`` into a block that begins at cell ``first``; a field of length 0
    is left out.
    """
    fine = unrounded_out.shape[0] > 0
    with_volume = volume_out.shape[0] > 0
    with_cap = market_cap_out.shape[0] > 0
    for row in rows:
        at = cell[row] - first
        place = lookup[coin[row]] - 1
        used[at] = True
        accepted[place] += 1
        if price_out[at, place] != 0.0:
            duplicates[place] += 1
        price_out[at, place] = price[row]
        cap = market_cap[row] if market_cap.shape[0] > 0 else np.nan
        if fine:
            exact = price[row]
            if supply.shape[0] > 0 and cap > 0.0 and supply[row] > 0.0:
                ratio = cap / supply[row]
                if 0.0 < ratio < np.inf and supply[row] < np.inf:
                    exact = ratio
            unrounded_out[at, place] = exact
        if with_volume:
            traded = volume[row] if volume.shape[0] > 0 else np.nan
            volume_out[at, place] = traded if 0.0 <= traded < np.inf else np.nan
        if with_cap:
            market_cap_out[at, place] = cap if 0.0 <= cap < np.inf else np.nan


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

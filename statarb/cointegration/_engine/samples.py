"""Common samples: assets observed on the same rows, and the moments that their pairs share."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from statarb._core.numeric import FLOOR
from statarb._core.typing import BoolArray, FloatArray, IntArray
from statarb.cointegration._engine.engle_granger import AssetMoments, PairMoments

__all__ = ["PairBlock", "Sample", "detrended", "pair_blocks", "tiles"]

WORTH_A_SAMPLE = 64
"""Fewer pairs than this on a sample of their own are cheaper one by one; so are pairs of very few
assets with many.
"""


@dataclasses.dataclass(frozen=True, eq=False)
class PairBlock:
    """Pairs of assets with one common sample.

    Parameters
    ----------
    rows : (rows,)
        Positions of the rows of the sample.
    first, second : (I,), (J,)
        Positions of the assets: all pairs of one of ``first`` with one of ``second``; all pairs
        within ``first`` where ``second`` is None.
    """

    rows: IntArray
    first: IntArray
    second: IntArray | None


def pair_blocks(
    observed: BoolArray,
    min_overlap: int,
    suffix: BoolArray | None = None,
    late: BoolArray | None = None,
) -> tuple[list[PairBlock], list[tuple[IntArray, IntArray]]]:
    """Split all unordered pairs of assets by their common sample.

    Assets observed on the same rows form a group. Two groups of which one holds all rows of the
    other (a late listing) share the sample of the smaller one; other groups have a sample of their
    own.

    Parameters
    ----------
    observed : (assets, times)
        Which cells hold a number.
    min_overlap : int
        Groups with a smaller common sample go to the list, where they are given their status.
    suffix, late : (assets,), optional
        Assets quoted to the end, and late ones among them: pairs of a late asset with one quoted to
        the end are left out.

    Returns
    -------
    blocks : list of PairBlock
        Pairs enough to share a Gram matrix.
    rest : list of (first, second)
        Sets of assets whose pairs are to be done one by one.
    """
    packed = np.packbits(observed, axis=1)
    example, group = _alike(packed)
    members = _members(group, len(example))
    masks = packed[example]
    sizes = observed[example].sum(axis=1)
    by_size = np.argsort(-sizes, kind="stable")
    blocks: list[PairBlock] = []
    rest: list[tuple[IntArray, IntArray]] = []
    ends = np.zeros(len(example), dtype=np.bool_) if suffix is None else suffix[example]
    newer = np.zeros(len(example), dtype=np.bool_) if late is None else late[example]
    for place, own in enumerate(by_size):
        assets = members[own]
        rows = np.flatnonzero(observed[example[own]])
        enough = len(rows) >= min_overlap
        if newer[own]:
            pass  # pairs of late listings among themselves are not part of the split
        elif len(assets) > 1 and enough:
            blocks.append(PairBlock(rows, assets, None))
        elif len(assets) > 1:
            rest.append((assets, assets))
        larger = by_size[:place]
        larger = larger[~((newer[own] & ends[larger]) | (ends[own] & newer[larger]))]
        common = masks[larger] & masks[own]
        inside = (common == masks[own]).all(axis=1)
        if inside.any():
            others = np.concatenate([members[other] for other in larger[inside]])
            if enough and _worth(len(assets), len(others)):
                blocks.append(PairBlock(rows, assets, others))
            else:
                rest.append((assets, others))
        for other, mask in zip(larger[~inside], common[~inside], strict=True):
            if _worth(len(assets), len(members[other])):
                shared = np.flatnonzero(np.unpackbits(mask, count=observed.shape[1]))
                if len(shared) >= min_overlap:
                    blocks.append(PairBlock(shared, assets, members[other]))
                    continue
            rest.append((assets, members[other]))
    return blocks, rest


def _alike(rows: npt.NDArray[np.uint8]) -> tuple[IntArray, IntArray]:
    """Group equal rows: the first row of each group, groups in lexicographic order, and the group
    of each row. As ``np.unique(rows, axis=0)``, which takes longer than a scan of a few assets.
    """
    keys = [row.tobytes() for row in rows]
    first: dict[bytes, int] = {}
    for place, key in enumerate(keys):
        first.setdefault(key, place)
    order = {key: group for group, key in enumerate(sorted(first))}
    example = np.array([first[key] for key in order], dtype=np.int64)
    return example, np.array([order[key] for key in keys], dtype=np.int64)


def _worth(one: int, other: int) -> bool:
    return one * other >= WORTH_A_SAMPLE and min(one, other) >= 5


def _members(group: npt.NDArray[np.intp], groups: int) -> list[IntArray]:
    order = np.argsort(group, kind="stable").astype(np.int64)
    return np.split(order, np.cumsum(np.bincount(group, minlength=groups))[:-1])


class Sample:
    """Detrended levels and differences of some assets on one common sample, and the moments that
    tests of their pairs need.

    Parameters
    ----------
    levels : (assets, rows)
        Log prices, none missing. Changed in place.
    assets : (assets,)
        Where results go.
    max_lags : int
        Largest lag of the moments.
    trend : int
        Degree of the polynomial that is removed.
    """

    def __init__(self, levels: FloatArray, assets: IntArray, max_lags: int, trend: int) -> None:
        self.levels = detrended(levels, trend)
        self.changes: FloatArray = np.diff(self.levels, axis=1)
        self.max_lags = max_lags
        width = self.changes.shape[1]
        depth = max_lags + 2
        self.own = AssetMoments(
            asset=assets,
            squares=np.einsum("ct,ct->c", self.levels, self.levels),
            autocovariance=np.stack(
                [
                    np.einsum("ct,ct->c", self.changes[:, m:], self.changes[:, : width - m])
                    for m in range(max_lags + 1)
                ]
            ),
            head=np.ascontiguousarray(self.levels[:, :depth].T),
            tail=np.ascontiguousarray(self.levels[:, ::-1][:, :depth].T),
        )
        self.drift: FloatArray = (self.levels[:, -1] - self.levels[:, 0]) / width

    @property
    def rows(self) -> int:
        """Rows of the sample."""
        return int(self.levels.shape[1])

    def part(self, assets: slice) -> AssetMoments:
        """Moments of some of the assets."""
        own = self.own
        return AssetMoments(
            asset=own.asset[assets],
            squares=own.squares[assets],
            autocovariance=np.ascontiguousarray(own.autocovariance[:, assets]),
            head=np.ascontiguousarray(own.head[:, assets]),
            tail=np.ascontiguousarray(own.tail[:, assets]),
        )

    def pairs_with(self, other: Sample, i: slice, j: slice) -> tuple[PairMoments, FloatArray]:
        """Moments of the pairs of two tiles.

        Returns
        -------
        moments : PairMoments
            Of the assets ``i`` of this sample with the assets ``j`` of the other one.
        correlation : (I, J)
            Of the differences, each less its mean.
        """
        gram = self.levels[i] @ other.levels[j].T
        a, b = self.changes[i], other.changes[j]
        alone = self is other and i == j
        n = a.shape[1]
        cross = np.empty((self.max_lags + 1, *gram.shape))
        product = a @ b.T
        cross[0] = 2.0 * product
        for m in range(1, self.max_lags + 1):
            # one product of sums in place of two products: (a_t + a_{t-m})(b_t + b_{t-m}), less
            # what does not cross
            sums = a[:, m:] + a[:, : n - m]
            others = sums if alone else b[:, m:] + b[:, : n - m]
            np.matmul(sums, others.T, out=cross[m])
            cross[m] -= cross[0]
            cross[m] += a[:, :m] @ b[:, :m].T + a[:, n - m :] @ b[:, n - m :].T
        covariance = product - n * np.outer(self.drift[i], other.drift[j])
        variance_a = self.own.autocovariance[0, i] - n * self.drift[i] ** 2
        variance_b = other.own.autocovariance[0, j] - n * other.drift[j] ** 2
        with np.errstate(divide="ignore", invalid="ignore"):
            correlation = covariance / np.sqrt(np.outer(variance_a, variance_b))
        return PairMoments(gram, cross), correlation


def detrended(levels: FloatArray, degree: int) -> FloatArray:
    """Remove a polynomial of degree 0, 1 or 2 in time from each row, in place; what is left of a
    constant (or, for higher degrees, of a line or parabola) is 0 exactly.
    """
    size = np.maximum(levels.max(axis=1), -levels.min(axis=1))
    levels -= levels.mean(axis=1, keepdims=True)
    levels -= levels.mean(axis=1, keepdims=True)  # removes the rounding of the first mean
    count = levels.shape[1]
    line = np.arange(count) - 0.5 * (count - 1.0)
    for basis in (line, line**2 - (count**2 - 1.0) / 12.0)[:degree]:
        levels -= np.outer(levels @ basis / (basis @ basis), basis)
    # the rule of statarb._core.numeric.varies, of series without a mean
    sd = np.sqrt(np.einsum("ct,ct->c", levels, levels) / max(count - 1, 1))
    levels[~(sd > FLOOR * size)] = 0.0
    return levels


def tiles(count: int, size: int) -> Iterator[slice]:
    """Cut ``range(count)`` into slices of at most ``size``."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))

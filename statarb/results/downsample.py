"""Downsampling of long paths to what a figure can show, without losing their extremes."""

from __future__ import annotations

import numpy as np

from statarb._core.typing import FloatArray, IntArray

__all__ = ["bucket_edges", "downsample"]


def bucket_edges(steps: int, buckets: int) -> IntArray:
    """Return where each of at most ``buckets`` nearly equal runs of steps begins, and the end.

    Parameters
    ----------
    steps : int
        Length of the path.
    buckets : int
        Largest number of runs.

    Returns
    -------
    (buckets + 1,) int64
    """
    count = max(1, min(steps, buckets))
    return np.asarray(np.arange(count + 1) * steps // count, dtype=np.int64)


def downsample(values: FloatArray, buckets: int) -> IntArray:
    """Return the positions of the points that draw a path as all of its points would, in ascending
    order.

    Parameters
    ----------
    values : (steps,)
        A path; NaN is never an extreme, and where a run of steps is NaN throughout its ends are
        kept, so that the gap shows.
    buckets : int
        Runs of steps, of which each keeps its first, last, lowest and highest point: at most four
        times as many points.

    Returns
    -------
    (points,) int64

    Notes
    -----
    The aggregation M4 of Jugel, Jerzak, Hackenbroich and Markl (2014, Proceedings of the VLDB
    Endowment 7(10), 797-808), which
    draws a line without error where a run is one pixel wide.
    """
    values = np.asarray(values, dtype=np.float64)
    if len(values) <= 4 * buckets:
        return np.arange(len(values))
    edges = bucket_edges(len(values), buckets)
    starts, known = edges[:-1], ~np.isnan(values)
    kept = [starts, edges[1:] - 1]
    for filled, extreme in (
        (np.where(known, values, np.inf), np.minimum),
        (np.where(known, values, -np.inf), np.maximum),
    ):
        level = np.repeat(extreme.reduceat(filled, starts), np.diff(edges))
        hits = np.flatnonzero((filled == level) & known)
        place = np.searchsorted(edges, hits, side="right")
        kept.append(hits[np.unique(place, return_index=True)[1]])
    return np.unique(np.concatenate(kept))

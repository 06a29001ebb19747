"""Thinning keeps what the eye would see: ends and extremes of every stretch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statarb.results.downsample import bucket_edges, downsample


def reference(values, buckets):
    """First, last, lowest and highest of every stretch, one by one."""
    kept = set()
    edges = bucket_edges(len(values), buckets)
    for low, high in itertools.pairwise(edges):
        kept |= {low, high - 1}
        known = [place for place in range(low, high) if not np.isnan(values[place])]
        if known:
            kept |= {
                min(known, key=lambda place: (values[place], place)),
                min(known, key=lambda place: (-values[place], place)),
            }
    return sorted(kept)


@given(
    st.lists(
        st.sampled_from([np.nan, -np.inf, -1.0, 0.0, 0.5, 2.0, 1e300]), min_size=1, max_size=80
    ),
    st.integers(min_value=1, max_value=12),
)
def test_the_points_kept_are_those_of_the_plain_loop(values, buckets):
    path = np.array(values)
    kept = downsample(path, buckets)
    if len(path) <= 4 * buckets:
        assert kept.tolist() == list(range(len(path)))
    else:
        assert kept.tolist() == reference(path, buckets)
        assert len(kept) <= 4 * buckets


def test_a_single_spike_survives():
    path = np.zeros(100_000)
    path[54_321], path[54_322] = 7.0, -7.0
    kept = downsample(path, 50)
    assert {54_321, 54_322} <= set(kept.tolist())
    assert len(kept) <= 200


@pytest.mark.parametrize(("steps", "buckets"), [(1, 5), (5, 5), (7, 3), (1000, 400)])
def test_edges_part_the_steps_nearly_equally(steps, buckets):
    edges = bucket_edges(steps, buckets)
    sizes = np.diff(edges)
    assert edges[0] == 0
    assert edges[-1] == steps
    assert sizes.min() >= 1
    assert sizes.max() - sizes.min() <= 1
    assert len(sizes) == min(steps, buckets)

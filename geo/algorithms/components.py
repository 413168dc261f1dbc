"""Groups: what is linked in pairs, what has equal keys, and sums over these."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def split_groups(groups: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the items of each group, in the order of the groups' numbers; those of a group in their own order."""
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    return np.split(order, starts[1:]) if len(order) else []


def sum_by_keys(
    keys: Sequence[NDArray[np.int64]], values: NDArray[np.float64]
) -> tuple[list[NDArray[np.int64]], NDArray[np.float64]]:
    """Return each combination of keys once, ascending, and the sum of the values that have it, added in their order.

    As a ``groupby`` of pandas, whose fixed cost is a hundred times as large.
    """
    order = np.lexsort(keys[::-1])
    ordered = [key[order] for key in keys]
    starts = np.ones(len(order), dtype=bool)
    if len(order):
        starts[1:] = np.logical_or.reduce([key[1:] != key[:-1] for key in ordered])
    sums = np.bincount(np.cumsum(starts) - 1, values[order], int(starts.sum()))
    return [key[starts] for key in ordered], sums.astype(np.float64)


def group_connected(count: int, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of the connected group of each of ``count`` items, linked by pairs; shape (count,)."""
    links = coo_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=(count, count))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)

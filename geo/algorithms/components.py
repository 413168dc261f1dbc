"""Connected groups of things that are linked in pairs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def split_groups(groups: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the items of each group, in the order of the groups' numbers; those of a group in their own order."""
    order = np.argsort(groups, kind="stable")
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    return np.split(order, starts[1:]) if len(order) else []


def group_connected(count: int, first: NDArray[np.int64], second: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the number of the connected group of each of ``count`` items, linked by pairs; shape (count,)."""
    links = coo_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=(count, count))
    return np.asarray(connected_components(links, directed=False)[1], dtype=np.int64)

"""Which part of a directed network can be reached and left again."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from geo.model.network import Arcs


def strong_part(count: int, arcs: Arcs) -> NDArray[np.bool_]:
    """Return which of ``count`` nodes lie in the largest strongly connected part (by number of its arcs)."""
    matrix = coo_array((np.ones(len(arcs.tail), dtype=np.int8), (arcs.tail, arcs.head)), shape=(count, count))
    _, part = connected_components(matrix, directed=True, connection="strong")
    inner = part[arcs.tail] == part[arcs.head]
    if not inner.any():
        return np.zeros(count, dtype=bool)
    return np.asarray(part == np.bincount(part[arcs.tail[inner]]).argmax(), dtype=bool)

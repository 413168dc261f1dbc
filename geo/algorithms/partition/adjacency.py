"""Which polygons of a coverage are neighbours, and along which length."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray


@dataclass(frozen=True)
class SharedBorders:
    """Pairs of polygons that share border.

    Attributes
    ----------
    first, second
        Shape (p,): polygon numbers, ``first < second``, each pair once.
    lengths_m
        Shape (p,): length of the border that the pair shares.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    lengths_m: NDArray[np.float64]


def shared_borders(polygons: NDArray[np.object_]) -> SharedBorders:
    """Find the neighbours in a coverage whose common borders have the same vertices.

    Polygons that come out of one noding (:func:`geo.algorithms.partition.overlay.overlay_layers`) fulfil that: every
    inner segment occurs exactly twice, so that sorting the segments finds all pairs at once.

    Parameters
    ----------
    polygons
        Shape (f,): polygons or multipolygons of a coverage.
    """
    parts, owner = shapely.get_parts(polygons, return_index=True)
    rings, ring_part = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    inner = ring[1:] == ring[:-1]
    start, end = xy[:-1][inner], xy[1:][inner]
    polygon = owner[ring_part[ring[1:][inner]]]
    flip = (start[:, 0] > end[:, 0]) | ((start[:, 0] == end[:, 0]) & (start[:, 1] > end[:, 1]))
    low = np.where(flip[:, None], end, start)
    high = np.where(flip[:, None], start, end)
    order = np.lexsort((high[:, 1], high[:, 0], low[:, 1], low[:, 0]))
    low, high, polygon = low[order], high[order], polygon[order]
    twin = (low[1:] == low[:-1]).all(axis=1) & (high[1:] == high[:-1]).all(axis=1)
    one, two = polygon[:-1][twin], polygon[1:][twin]
    lengths = np.hypot(*(high - low)[1:][twin].T)
    distinct = one != two
    pair = np.sort(np.column_stack((one[distinct], two[distinct])), axis=1)
    if not len(pair):
        nothing = np.empty(0, dtype=np.int64)
        return SharedBorders(nothing, nothing, np.empty(0))
    pairs, number = np.unique(pair, axis=0, return_inverse=True)
    totals: NDArray[np.float64] = np.bincount(number.ravel(), weights=lengths[distinct], minlength=len(pairs)).astype(
        np.float64
    )
    return SharedBorders(pairs[:, 0].astype(np.int64), pairs[:, 1].astype(np.int64), totals)

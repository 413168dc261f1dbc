"""Which polygons of each layer hold which face, told by the borders alone.

A polygon lies on the left of its border. Two faces that no border of a layer divides are held alike by that layer, so the
faces fall into regions; each region has the polygons whose border has it on the left. Where the polygons of a layer
overlap that is not the whole truth, and the holders are carried from region to region across the borders instead.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.algorithms.components import group_connected
from geo.algorithms.partition.linework import Ints

NO_CELL = -1
"""Membership of a face that no polygon of a layer holds."""


@dataclass(frozen=True)
class Labels:
    """Borders of polygons along edges, each edge and polygon once.

    Attributes
    ----------
    edge, polygon, layer
        Shape (b,): polygon ``polygon`` of all has a border along ``edge``.
    winding
        Shape (b,): 1 when the polygon lies on the edge's left, -1 on its right; more when borders collapsed.
    """

    edge: Ints
    polygon: Ints
    layer: Ints
    winding: Ints


def label_edges(edge: Ints, is_forward: NDArray[np.bool_], polygon: Ints, layer_of_polygon: Ints) -> Labels:
    """Return which polygons border on which edge; a polygon on both sides has no border there.

    Parameters
    ----------
    edge, is_forward, polygon
        Shape (c,): the directed pieces of border, with their polygon on the left.
    layer_of_polygon
        Shape (p,).
    """
    width = len(layer_of_polygon) + 1
    keys, entry = np.unique(edge * width + polygon, return_inverse=True)
    winding = np.bincount(entry.ravel(), weights=np.where(is_forward, 1, -1), minlength=len(keys)).astype(np.int64)
    keys, winding = keys[winding != 0], winding[winding != 0]
    return Labels(keys // width, keys % width, layer_of_polygon[keys % width], winding)


def find_members(
    labels: Labels, left: Ints, right: Ints, faces: int, first_of_layer: Ints
) -> tuple[Ints, NDArray[np.int64]]:
    """Return the polygon of each layer that holds each face, and further ones where polygons of a layer overlap.

    Parameters
    ----------
    labels
        Borders of the polygons.
    left, right
        Shape (e,): faces beside the edges, -1 for none.
    faces
        Number of faces.
    first_of_layer
        Shape (k + 1,): number of the first polygon of each layer, and of all polygons.

    Returns
    -------
    tuple
        ``members`` of shape (f, k) and ``overlaps`` of shape (m, 3): face, layer, row.
    """
    layers = len(first_of_layer) - 1
    members = np.full((faces, layers), NO_CELL, dtype=np.int64)
    overlaps = [np.empty((0, 3), dtype=np.int64)]
    # the endless face has the last number
    left, right = np.where(left < 0, faces, left), np.where(right < 0, faces, right)
    for layer in range(layers):
        mine = labels.layer == layer
        edge, polygon, winding = labels.edge[mine], labels.polygon[mine] - first_of_layer[layer], labels.winding[mine]
        divided = np.zeros(len(left), dtype=bool)
        divided[edge] = True
        region = group_connected(faces + 1, left[~divided], right[~divided])
        borders = (region, left[edge], right[edge], edge, polygon, winding, int(region[faces]))
        holder = _single_holders(*borders)
        if holder is None:
            holders = _carried_holders(*borders)
            members[:, layer], further = _first_and_further(holders, region[:faces])
            overlaps.append(np.column_stack((further[:, 0], np.full(len(further), layer), further[:, 1])))
        else:
            members[:, layer] = holder[region[:faces]]
    return members, np.concatenate(overlaps).astype(np.int64)


def _single_holders(
    region: Ints, left: Ints, right: Ints, edge: Ints, polygon: Ints, winding: Ints, endless: int
) -> Ints | None:
    """Return the polygon that holds each region, or None when that contradicts a border: polygons overlap then."""
    holder = np.full(int(region.max()) + 1, NO_CELL)
    consistent = bool((np.abs(winding) == 1).all())
    for side, on_it in ((left, winding > 0), (right, winding < 0)):
        holder[region[side[on_it]]] = polygon[on_it]
        consistent &= len(np.unique(edge[on_it])) == int(on_it.sum())
    consistent &= bool(holder[endless] == NO_CELL)
    for side, on_it in ((left, winding > 0), (right, winding < 0)):
        told = np.full(int(edge.max(initial=0)) + 1, NO_CELL)
        told[edge[on_it]] = polygon[on_it]
        consistent &= bool((holder[region[side]] == told[edge]).all())
    return holder if consistent else None


def _carried_holders(
    region: Ints, left: Ints, right: Ints, edge: Ints, polygon: Ints, winding: Ints, endless: int
) -> list[Counter[int]]:
    """Return how often each polygon holds each region, carried across the borders from the endless one."""
    steps: list[dict[int, int]] = [{} for _ in range(int(region.max()) + 1)]
    crossing: dict[int, list[tuple[int, int]]] = {}
    for number, holder, turns in zip(edge.tolist(), polygon.tolist(), winding.tolist(), strict=True):
        crossing.setdefault(number, []).append((holder, turns))
    for number, one, other in zip(edge.tolist(), region[left].tolist(), region[right].tolist(), strict=True):
        steps[one][other] = steps[other][one] = number
    sides = dict(zip(edge.tolist(), region[left].tolist(), strict=True))
    holders: list[Counter[int] | None] = [None] * len(steps)
    holders[endless] = Counter()
    queue = [endless]
    for here in queue:
        known = holders[here]
        assert known is not None  # noqa: S101 - only regions with holders are queued
        for there, number in steps[here].items():
            if holders[there] is None:
                sign = 1 if sides[number] == there else -1
                found = Counter(known)
                for holder, turns in crossing[number]:
                    found[holder] += sign * turns
                holders[there] = found
                queue.append(there)
    return [found or Counter() for found in holders]


def _first_and_further(holders: list[Counter[int]], region: Ints) -> tuple[Ints, NDArray[np.int64]]:
    """Return the first holder of each face, and (face, holder) of the others."""
    lists = [sorted(holder for holder, count in found.items() if count > 0) for found in holders]
    first = np.array([held[0] if held else NO_CELL for held in lists], dtype=np.int64)
    size = np.array([max(len(held) - 1, 0) for held in lists], dtype=np.int64)[region]
    face = np.repeat(np.arange(len(region)), size)
    rows = [holder for number in region[size > 0].tolist() for holder in lists[number][1:]]
    return first[region], np.column_stack((face, np.array(rows, dtype=np.int64)))

"""An overlay in parts: the ground of a few polygons of the first layer at a time.

What an overlay does at a place depends on the borders around it alone (:mod:`geo.algorithms.partition.snapping`). The faces
in one polygon of the first layer are therefore the same whether the whole town is overlaid or only what lies about that
polygon, and a town can be overlaid in tiles, by several processes, or again where something changed.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.algorithms.partition.linework import Floats, Ints
from geo.algorithms.partition.overlay import Faces, SnapParams, Sweeps, overlay_layers
from geo.algorithms.partition.snapping import MAX_CHAIN

_REACH = 4.0
"""Tolerances within which borders can act on each other."""
_MIN_REACH_M = 1.0


class Layers:
    """Layers of polygons, and what is needed to find those about a place.

    Parameters
    ----------
    layers
        Each an array of valid (multi)polygons in one metric CRS.
    """

    def __init__(self, layers: Sequence[NDArray[np.object_]]) -> None:
        self.layers = tuple(np.asarray(layer, dtype=object) for layer in layers)
        self._trees = tuple(shapely.STRtree(layer) for layer in self.layers)
        self._longest_m = tuple(_longest_pieces(layer) for layer in self.layers)

    def around(self, places: NDArray[np.object_], params: SnapParams) -> tuple[Ints, ...]:
        """Return the rows of the polygons of each layer that can act on the overlay at some places."""
        return self.meeting(places, self.reach(places, params))

    def reach(self, places: NDArray[np.object_], params: SnapParams) -> float:
        """Return how far away polygons can act on the overlay at some places, m.

        A vertex follows a piece of border, whose ends follow others in turn; each link of such a chain reaches as far as a
        piece is long.
        """
        least = max(_REACH * params.tolerance_m, _MIN_REACH_M)
        near = self.meeting(places, least)
        longest = max(
            (lengths[rows].max(initial=0.0) for lengths, rows in zip(self._longest_m, near, strict=True)), default=0.0
        )
        return least + MAX_CHAIN * (least + float(longest))

    def meeting(self, places: NDArray[np.object_], reach: float) -> tuple[Ints, ...]:
        """Return the rows of the polygons of each layer whose bounds meet those of some places, grown by a distance."""
        boxes = shapely.box(*(shapely.bounds(places) + np.array([-reach, -reach, reach, reach])).T)
        return tuple(np.unique(tree.query(boxes)[1]) for tree in self._trees)


def _longest_pieces(layer: NDArray[np.object_]) -> Floats:
    """Return the length of the longest piece of border of each polygon, m."""
    xy, polygon = shapely.get_coordinates(layer, return_index=True)
    rings = shapely.get_num_coordinates(shapely.get_rings(shapely.get_parts(layer)))
    steps = np.hypot(*(xy[1:] - xy[:-1]).T)
    steps[np.cumsum(rings)[:-1] - 1] = 0.0  # from one ring to the next
    longest = np.zeros(len(layer))
    np.maximum.at(longest, polygon[1:], steps)
    return longest


def overlay_rows(layers: Sequence[NDArray[np.object_]], rows: Sequence[Ints], params: SnapParams) -> Faces:
    """Return the faces of some polygons of each layer, told by their numbers in the whole layers.

    When they are those around a place (:meth:`Layers.around`), the faces in that place are those of the whole overlay.
    """
    faces = overlay_layers(layers, params)
    members, overlaps, sweeps = faces.members.copy(), faces.overlaps.copy(), faces.sweeps
    row = sweeps.row.copy()
    for k, numbers in enumerate(rows):
        held = members[:, k] >= 0
        members[held, k] = numbers[members[held, k]]
        mine = overlaps[:, 1] == k
        overlaps[mine, 2] = numbers[overlaps[mine, 2]]
        swept = sweeps.layer == k
        row[swept] = numbers[row[swept]]
    moved = Sweeps(sweeps.layer, row, sweeps.face, sweeps.area_m2)
    return Faces(faces.polygons, faces.areas_m2, members, overlaps, faces.borders, moved)


def plan_tiles(polygons: NDArray[np.object_], weights: Ints, limit: int) -> list[Ints]:
    """Return groups of neighbouring polygons, each of a total weight of about a limit.

    Parameters
    ----------
    polygons
        Shape (n,).
    weights
        Shape (n,): how much work each is.
    limit
        A group is halved, across its longer side, while it weighs more and has more than one polygon.
    """
    centres = shapely.get_coordinates(shapely.centroid(polygons))
    waiting, tiles = [np.arange(len(polygons))], list[Ints]()
    while waiting:
        group = waiting.pop()
        if len(group) == 1 or weights[group].sum() <= limit:
            tiles.append(np.sort(group))
            continue
        axis = int(np.argmax(np.ptp(centres[group], axis=0)))
        order = group[np.lexsort((group, centres[group, axis]))]
        half = 1 + int(np.searchsorted(np.cumsum(weights[order]), weights[order].sum() / 2))
        half = min(half, len(order) - 1)
        waiting += [order[half:], order[:half]]
    return tiles

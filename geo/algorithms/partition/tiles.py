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

    def around(self, places: NDArray[np.object_], params: SnapParams) -> tuple[Ints, ...]:
        """Return the rows of the polygons of each layer that can act on the overlay at some places."""
        return self._follow(places, params)[0]

    def boxes_around(self, places: NDArray[np.object_], params: SnapParams) -> Floats:
        """Return boxes outside of which nothing can act on the overlay at some places.

        Returns
        -------
        ndarray
            Shape (b, 4): min x, min y, max x, max y.
        """
        return self._follow(places, params)[1]

    def meeting(self, places: NDArray[np.object_], reach: float) -> tuple[Ints, ...]:
        """Return the rows of the polygons of each layer whose bounds meet those of some places, grown by a distance."""
        boxes = _diagonals(_grown(places, reach))
        return tuple(np.unique(tree.query(boxes)[1]) for tree in self._trees)

    def _follow(self, places: NDArray[np.object_], params: SnapParams) -> tuple[tuple[Ints, ...], Floats]:
        """Return the polygons that can act on some places, and the boxes in which they do.

        A vertex follows a piece of border, whose ends follow others in turn: the pieces that reach into the places act
        there, those that reach into the boxes of these pieces act on them, and so on along the chain.
        """
        least = max(_REACH * params.tolerance_m, _MIN_REACH_M)
        ground = _grown(places, least)
        at_rim = pieces_of(shapely.union_all(shapely.box(*ground.T)))
        rows = list(self.meeting(places, least))
        crossing = [np.unique(tree.query(at_rim)[1]) for tree in self._trees]
        within = [np.setdiff1d(*pair) for pair in zip(rows, crossing, strict=True)]
        boxes = [ground]
        reaching, _ = self._pieces_meeting(at_rim, within)
        for _ in range(MAX_CHAIN):
            boxes.append(np.unique(reaching, axis=0) + np.array([-least, -least, least, least]))
            reaching, found = self._pieces_meeting(_diagonals(boxes[-1]), within)
            rows = [np.union1d(*pair) for pair in zip(rows, found, strict=True)]
        return tuple(rows), np.concatenate(boxes)

    def _pieces_meeting(self, boxes: NDArray[np.object_], but: Sequence[Ints]) -> tuple[Floats, list[Ints]]:
        """Return the bounds of the pieces of border that meet some boxes, and the rows of the polygons with them."""
        tree = shapely.STRtree(boxes)
        pieces, rows = [np.empty((0, 4))], []
        for layer, polygons in enumerate(self.layers):
            near = np.setdiff1d(self._trees[layer].query(boxes)[1], but[layer])
            bounds, owner = _pieces(polygons[near])
            meets = np.unique(tree.query(_diagonals(bounds))[0])
            pieces.append(bounds[meets])
            rows.append(near[np.unique(owner[meets])])
        return np.concatenate(pieces), rows


def _diagonals(boxes: Floats) -> NDArray[np.object_]:
    """Return lines with the bounds of boxes: quicker made than polygons."""
    lines: NDArray[np.object_] = shapely.linestrings(boxes.reshape(-1, 2, 2))
    return lines


def _grown(places: NDArray[np.object_], reach: float) -> Floats:
    bounds: Floats = shapely.bounds(places) + np.array([-reach, -reach, reach, reach])
    return bounds[~np.isnan(bounds).any(axis=1)]


def pieces_of(polygon: shapely.Geometry) -> NDArray[np.object_]:
    """Return lines with the bounds of the pieces of a polygon's border."""
    return _diagonals(_pieces(np.array([polygon], dtype=object))[0])


def _pieces(polygons: NDArray[np.object_]) -> tuple[Floats, Ints]:
    """Return the bounds of each piece of border of some polygons, and the polygon that has it."""
    parts, polygon = shapely.get_parts(polygons, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    joined = np.flatnonzero(ring[1:] == ring[:-1])
    one, other = xy[joined], xy[joined + 1]
    return np.column_stack((np.minimum(one, other), np.maximum(one, other))), polygon[part[ring[joined]]]


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

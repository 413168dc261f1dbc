"""Overlay of several layers of polygons into the faces that their borders cut out.

``linework → snapping → noding → tracing → membership``: all borders become one planar set of edges, once, and every face
learns from the borders around it which polygon of each layer holds it. Against a chain of pairwise overlays this is faster
and makes no pieces of its own (docs/decisions.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.algorithms.collection import without_collection
from geo.algorithms.components import sum_by_keys
from geo.algorithms.partition.linework import (
    Floats,
    Ints,
    Linework,
    Segments,
    find_segments,
    read_linework,
    swept_by_corner,
)
from geo.algorithms.partition.membership import NO_CELL, Labels, find_members, label_edges
from geo.algorithms.partition.noding import node_linework
from geo.algorithms.partition.snapping import EXACT_TOLERANCE_M, SnapParams, find_narrow, snap_linework
from geo.algorithms.partition.tracing import OUTSIDE, Traced, trace_faces
from geo.errors import ParameterError

__all__ = ["NO_CELL", "OUTSIDE", "Borders", "Faces", "SnapParams", "Sweeps", "overlay_layers"]

MAX_LAYERS = 62
_NODE_SHARE = 1e-3


@dataclass(frozen=True)
class Borders:
    """Borders between faces.

    Attributes
    ----------
    first, second
        Shape (b,): faces on both sides, ``first < second``; ``first`` is :data:`OUTSIDE` on the rim.
    layers
        Shape (b,): bit ``k`` is set where a polygon of layer ``k`` has its border here.
    lengths_m
        Shape (b,): length; each pair of faces has one entry for each set of layers.
    """

    first: Ints
    second: Ints
    layers: Ints
    lengths_m: Floats


@dataclass(frozen=True)
class Sweeps:
    """Ground that snapping moved across borders.

    Attributes
    ----------
    layer, row, face
        Shape (s,): polygon whose border moved, and the face beside that border; :data:`OUTSIDE` when none is left of it.
    area_m2
        Shape (s,): bound of the ground between the border as it was drawn and as it is now.
    """

    layer: Ints
    row: Ints
    face: Ints
    area_m2: Floats

    def of_layer(self, layer: int, rows: int) -> Floats:
        """Return the ground of each polygon of a layer; shape (rows,)."""
        mine = self.layer == layer
        total: Floats = np.bincount(self.row[mine], self.area_m2[mine], rows).astype(np.float64)
        return total


@dataclass(frozen=True)
class Faces:
    """Faces of an overlay.

    Attributes
    ----------
    polygons
        Shape (f,): the faces, disjoint, in the metric CRS of the layers.
    areas_m2
        Shape (f,).
    members
        Shape (f, k): row of the polygon of layer ``k`` that holds the face, :data:`NO_CELL` where none does. Where
        polygons of one layer overlap it is the first.
    overlaps
        Shape (m, 3): face, layer and row of each further polygon that holds a face.
    borders, sweeps
        Borders between them, and what snapping moved.
    """

    polygons: NDArray[np.object_]
    areas_m2: Floats
    members: Ints
    overlaps: Ints
    borders: Borders
    sweeps: Sweeps

    def take(self, chosen: NDArray[np.bool_]) -> Faces:
        """Return some of the faces, numbered anew; what lies beyond them counts as outside."""
        number = np.r_[np.where(chosen, np.cumsum(chosen) - 1, OUTSIDE), OUTSIDE]  # the last is for OUTSIDE itself
        overlaps = self.overlaps[chosen[self.overlaps[:, 0]]]
        overlaps[:, 0] = number[overlaps[:, 0]]
        borders, sweeps = self.borders, self.sweeps
        inside = (sweeps.face == OUTSIDE) | chosen[sweeps.face]
        return Faces(
            self.polygons[chosen],
            self.areas_m2[chosen],
            self.members[chosen],
            overlaps,
            _sum_borders(number[borders.first], number[borders.second], borders.layers, borders.lengths_m),
            Sweeps(sweeps.layer[inside], sweeps.row[inside], number[sweeps.face[inside]], sweeps.area_m2[inside]),
        )


@without_collection()
def overlay_layers(layers: Sequence[NDArray[np.object_]], params: SnapParams | None = None) -> Faces:
    """Return the faces that the borders of all layers cut out, those that no layer holds left out.

    Parameters
    ----------
    layers
        Each an array of valid (multi)polygons in one metric CRS; where borders mean the same line, that of an earlier
        layer is kept (:mod:`geo.algorithms.partition.snapping`).
    params
        How near borders must be to mean the same line; by default they must be the same but for rounding.

    Raises
    ------
    ParameterError
        There is no layer, or more than 62.
    GeometryError
        The borders could not be noded.
    """
    if not 0 < len(layers) <= MAX_LAYERS:
        raise ParameterError(
            "An overlay takes 1 to {limit} layers; given were {count}.", limit=MAX_LAYERS, count=len(layers)
        )
    params = params or SnapParams()
    polygons = np.concatenate([np.asarray(layer, dtype=object) for layer in layers])
    if not len(polygons):
        return _no_faces(len(layers))
    first_of_layer = np.cumsum([0, *(len(layer) for layer in layers)])
    layer_of_polygon = np.repeat(np.arange(len(layers)), np.diff(first_of_layer))
    tolerance = max(params.tolerance_m, EXACT_TOLERANCE_M)
    linework = snap_linework(read_linework(layers), layer_of_polygon, find_narrow(polygons, tolerance), params)
    linework = node_linework(linework, max(tolerance * _NODE_SHARE, EXACT_TOLERANCE_M))
    segments = find_segments(linework)
    labels = label_edges(segments.of_corner, segments.is_forward, linework.polygon, layer_of_polygon)
    used, edge = np.unique(labels.edge, return_inverse=True)
    labels = Labels(edge.ravel(), labels.polygon, labels.layer, labels.winding)
    low, high = segments.low[used], segments.high[used]
    traced = trace_faces(linework.xy, low, high)
    members, overlaps = find_members(labels, traced.left, traced.right, len(traced.polygons), first_of_layer)
    mask = np.zeros(len(used), dtype=np.int64)
    np.bitwise_or.at(mask, labels.edge, 1 << labels.layer)
    lengths = np.hypot(*(linework.xy[high] - linework.xy[low]).T)
    faces = Faces(
        traced.polygons,
        shapely.area(traced.polygons),
        members,
        overlaps,
        _sum_borders(traced.left, traced.right, mask, lengths),
        _sum_sweeps(linework, _left_faces(segments, used, traced), layer_of_polygon, first_of_layer),
    )
    return faces.take((members != NO_CELL).any(axis=1))


def _no_faces(layers: int) -> Faces:
    ints, floats = np.empty(0, dtype=np.int64), np.empty(0)
    borders, sweeps = Borders(ints, ints, ints, floats), Sweeps(ints, ints, ints, floats)
    members, overlaps = np.empty((0, layers), dtype=np.int64), np.empty((0, 3), dtype=np.int64)
    return Faces(np.empty(0, dtype=object), floats, members, overlaps, borders, sweeps)


def _left_faces(segments: Segments, used: Ints, traced: Traced) -> Ints:
    """Return the face on the left of each corner's piece."""
    left, right = np.full((2, len(segments.low)), OUTSIDE)
    left[used], right[used] = traced.left, traced.right
    return np.where(segments.is_forward, left[segments.of_corner], right[segments.of_corner])


def _sum_borders(left: Ints, right: Ints, mask: Ints, lengths: Floats) -> Borders:
    apart = left != right
    keys = (np.minimum(left, right)[apart], np.maximum(left, right)[apart], mask[apart])
    (first, second, layers), length = sum_by_keys(keys, lengths[apart])
    return Borders(first, second, layers, length)


def _sum_sweeps(linework: Linework, face: Ints, layer_of_polygon: Ints, first_of_layer: Ints) -> Sweeps:
    dropped = np.flatnonzero(linework.swept_m2)
    polygon = np.concatenate((linework.polygon, dropped))
    beside = np.concatenate((face, np.full(len(dropped), OUTSIDE)))
    area = np.concatenate((swept_by_corner(linework), linework.swept_m2[dropped]))
    moved = area > 0
    (polygon, beside), area = sum_by_keys((polygon[moved], beside[moved]), area[moved])
    layer = layer_of_polygon[polygon]
    return Sweeps(layer, polygon - first_of_layer[layer], beside, area)

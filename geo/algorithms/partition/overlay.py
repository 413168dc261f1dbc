"""Overlay of several layers of polygons into the faces that their borders cut out.

All borders are noded together once on a fixed precision grid and polygonized; each face then looks up which polygon of
each layer holds it. Against a chain of pairwise overlays this is faster and makes no pieces of its own
(DESIGN.md section 2).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.errors import ParameterError

NO_CELL = -1
"""Membership of a face that no polygon of a layer holds."""


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
    """

    polygons: NDArray[np.object_]
    areas_m2: NDArray[np.float64]
    members: NDArray[np.int64]
    overlaps: NDArray[np.int64]


def overlay_layers(layers: Sequence[NDArray[np.object_]], grid_size_m: float = 1e-3) -> Faces:
    """Return the faces that the borders of all layers cut out, those that no layer holds left out.

    Parameters
    ----------
    layers
        Each an array of valid (multi)polygons in one metric CRS.
    grid_size_m
        Vertices are rounded to this grid so that noding is robust; 1 mm is far below survey accuracy.

    Raises
    ------
    ParameterError
        There is no layer, or the grid is not positive.
    """
    if not layers or not grid_size_m > 0:
        raise ParameterError("An overlay needs at least one layer and a grid size above 0.")
    borders = np.concatenate([shapely.get_parts(shapely.boundary(layer)) for layer in layers])
    noded = shapely.union_all(borders, grid_size=grid_size_m)
    polygons = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    members, overlaps = _look_up(polygons, layers)
    held = (members != NO_CELL).any(axis=1)
    renumbered = np.cumsum(held) - 1
    overlaps[:, 0] = renumbered[overlaps[:, 0]]
    polygons = polygons[held]
    return Faces(polygons, shapely.area(polygons), members[held], overlaps)


def _look_up(
    polygons: NDArray[np.object_], layers: Sequence[NDArray[np.object_]]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the members of each face and the further polygons that hold it."""
    points = shapely.point_on_surface(polygons)
    members = np.full((len(polygons), len(layers)), NO_CELL, dtype=np.int64)
    overlaps = [np.empty((0, 3), dtype=np.int64)]
    for k, layer in enumerate(layers):
        face, row = shapely.STRtree(layer).query(points, predicate="intersects")
        order = np.lexsort((row, face))
        face, row = face[order], row[order]
        first = np.r_[True, face[1:] != face[:-1]] if len(face) else np.empty(0, dtype=bool)
        members[face[first], k] = row[first]
        further = ~first
        overlaps.append(np.column_stack((face[further], np.full(further.sum(), k), row[further])))
    return members, np.concatenate(overlaps).astype(np.int64)

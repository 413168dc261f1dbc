"""Coverages: polygons of which no two hold common ground, and neighbours share the vertices of their common border."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

_LENGTH_SLACK = 1e-6


def is_coverage(polygons: NDArray[np.object_]) -> bool:
    """Return whether polygons are a valid coverage.

    GEOS takes a polygon for overlapped when it fills a hole that touches the outline around it at a vertex (GEOS 3.14), so
    what it refuses is looked at pair by pair.

    Parameters
    ----------
    polygons
        Valid polygons in a metric CRS.
    """
    if shapely.coverage_is_valid(polygons):
        return True
    suspects = np.flatnonzero(~shapely.is_empty(shapely.coverage_invalid_edges(polygons)))
    row, other = shapely.STRtree(polygons).query(polygons[suspects], predicate="intersects")
    one = suspects[row]
    one, other = one[one != other], other[one != other]
    if shapely.relate_pattern(polygons[one], polygons[other], "2********").any():
        return False
    common = shapely.length(shapely.intersection(polygons[one], polygons[other]))
    matched = np.array([_matched_length(polygons[a], polygons[b]) for a, b in zip(one, other, strict=True)])
    return bool((np.abs(common - matched) <= _LENGTH_SLACK * (1 + common)).all())


def union_coverage(polygons: NDArray[np.object_]) -> shapely.Geometry:
    """Return the union of polygons that are a coverage.

    GEOS compares the areas before and after, and takes long strips a few nanometres wide for overlaps; these are united as
    any polygons are.
    """
    if len(polygons) == 1:
        return polygons[0]
    try:
        return shapely.coverage_union_all(polygons)
    except shapely.GEOSException:
        return shapely.union_all(polygons)


def _matched_length(one: shapely.Geometry, other: shapely.Geometry) -> float:
    """Return the length of the pieces of border that two polygons have in common, vertex by vertex."""
    return sum(float(np.hypot(c - a, d - b)) for a, b, c, d in border_pieces(one) & border_pieces(other))


def border_pieces(polygon: shapely.Geometry) -> set[tuple[float, float, float, float]]:
    """Return the straight pieces of a border as x, y, x, y, each from its western (then southern) end."""
    rings = shapely.get_rings(shapely.get_parts(polygon))
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    inner = np.flatnonzero(ring[1:] == ring[:-1])
    points = [(float(x), float(y)) for x, y in xy]
    ends = (sorted((points[i], points[i + 1])) for i in inner)
    return {(*low, *high) for low, high in ends if low != high}

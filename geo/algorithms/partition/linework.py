"""The borders of all layers as one set of vertices and directed pieces, which snapping and noding refine.

A polygon's rings become corners: each corner is a vertex and stands for the piece of border from it to the next corner of
its ring. Rings run so that their polygon lies on the left. Every corner remembers where on the source it was drawn, so that
after any number of changes the ground between a border as it was drawn and as it is now can be measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Linework:
    """Borders of several layers.

    Attributes
    ----------
    xy
        Shape (n, 2): the vertices, m.
    vertex
        Shape (c,): vertex of each corner; the corners of a ring follow each other, without a closing one.
    following
        Shape (c,): the next corner of the ring.
    polygon
        Shape (c,): polygon on the left of the corner's piece, counted over all layers.
    drawn
        Shape (c, 2): where each corner lay on the border of the source.
    swept_m2
        Shape (p,): bound of the ground that dropping corners has swept across each polygon's border.
    """

    xy: Floats
    vertex: Ints
    following: Ints
    polygon: Ints
    drawn: Floats
    swept_m2: Floats


@dataclass(frozen=True)
class Segments:
    """The distinct pieces of border.

    Attributes
    ----------
    low, high
        Shape (s,): their vertices, ``low < high``.
    of_corner
        Shape (c,): segment of each corner's piece.
    is_forward
        Shape (c,): whether the piece runs from ``low`` to ``high``.
    """

    low: Ints
    high: Ints
    of_corner: Ints
    is_forward: NDArray[np.bool_]


def read_linework(layers: Sequence[NDArray[np.object_]]) -> Linework:
    """Return the borders of all layers.

    Parameters
    ----------
    layers
        Each an array of valid (multi)polygons in one metric CRS.
    """
    polygons = np.concatenate([np.asarray(layer, dtype=object) for layer in layers])
    parts, of_part = shapely.get_parts(polygons, return_index=True)
    rings, of_ring = shapely.get_rings(shapely.orient_polygons(parts), return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    keep = np.r_[ring[1:] == ring[:-1], False] & np.r_[(xy[1:] != xy[:-1]).any(axis=1), False]
    xy, ring = xy[keep], ring[keep]
    vertex, distinct = _number(xy)
    return Linework(
        xy=distinct,
        vertex=vertex,
        following=_following(ring),
        polygon=of_part[of_ring[ring]].astype(np.int64),
        drawn=xy,
        swept_m2=np.zeros(len(polygons)),
    )


def _number(xy: Floats) -> tuple[Ints, Floats]:
    """Return the number of each place, west to east and south to north, and the distinct places in that order."""
    x, y = (pd.factorize(xy[:, axis], sort=True)[0].astype(np.int64) for axis in (0, 1))
    place = x * (y.max(initial=0) + 1) + y
    number, codes = pd.factorize(place, sort=True)
    first = np.empty(len(codes), dtype=np.int64)
    first[number[::-1]] = np.arange(len(number))[::-1]
    return number.astype(np.int64), xy[first]


def starts_run(values: Ints) -> NDArray[np.bool_]:
    """Return where a run of equal values starts; shape as the values."""
    return np.r_[True, values[1:] != values[:-1]] if len(values) else np.empty(0, dtype=bool)


def _following(ring: Ints) -> Ints:
    """Return the next corner of each corner; rings are runs of equal numbers."""
    following = np.arange(1, len(ring) + 1)
    if len(ring):
        starts = np.flatnonzero(starts_run(ring))
        following[np.r_[starts[1:], len(ring)] - 1] = starts
    return following


def find_segments(linework: Linework) -> Segments:
    """Return the distinct pieces of border, whatever their direction."""
    start, end = linework.vertex, linework.vertex[linework.following]
    is_forward = start < end
    low, high = np.where(is_forward, start, end), np.where(is_forward, end, start)
    width = len(linework.xy) + 1
    of_corner, keys = pd.factorize(low * width + high, sort=True)
    return Segments(keys // width, keys % width, of_corner.astype(np.int64), is_forward)


def move_vertices(linework: Linework, xy: Floats) -> Linework:
    """Return the linework with its vertices elsewhere, those at one place united and pieces of no length dropped."""
    number, distinct = _number(xy)
    return _without_points(replace(linework, xy=distinct, vertex=number[linework.vertex]))


def unite_vertices(linework: Linework, into: Ints) -> Linework:
    """Return the linework with each vertex replaced by another one, pieces of no length dropped."""
    return _without_points(replace(linework, vertex=into[linework.vertex]))


def _without_points(linework: Linework) -> Linework:
    """Drop corners whose piece has no length; what their loss sweeps is counted."""
    vertex, following = linework.vertex, linework.following
    keep = vertex != vertex[following]
    if keep.all():
        return linework
    ring = _ring_numbers(following)
    dropped = np.flatnonzero(~keep)
    before = _kept_before(keep, ring)[dropped]
    drawn = linework.drawn
    triangles = _triangle(drawn[before], drawn[dropped], drawn[following[dropped]])
    swept = linework.swept_m2 + np.bincount(
        linework.polygon[dropped], weights=triangles, minlength=len(linework.swept_m2)
    )
    return replace(
        linework,
        vertex=vertex[keep],
        following=_following(ring[keep]),
        polygon=linework.polygon[keep],
        drawn=drawn[keep],
        swept_m2=swept,
    )


def _kept_before(keep: NDArray[np.bool_], ring: Ints) -> Ints:
    """Return the last corner before each one, round its ring, that is kept; the ring's first one where none is."""
    kept = np.where(keep, np.arange(len(keep)), -1)
    last = np.maximum.accumulate(kept)
    starts = np.flatnonzero(starts_run(ring))
    last_of_ring = np.maximum(np.maximum.reduceat(kept, starts), starts)
    return np.where(last < starts[ring], last_of_ring[ring], last)


def _ring_numbers(following: Ints) -> Ints:
    """Return the number of each corner's ring."""
    is_last = following <= np.arange(len(following))
    return np.concatenate(([0], np.cumsum(is_last)[:-1])) if len(following) else following


def insert_vertices(
    linework: Linework, segments: Segments, segment: Ints, vertex: Ints, new_xy: Floats | None = None
) -> Linework:
    """Return the linework with vertices put into segments, each at its nearest place along the segment.

    Parameters
    ----------
    linework, segments
        The borders, and their distinct pieces.
    segment, vertex
        Shape (k,): vertex ``vertex[i]`` goes into segment ``segment[i]``; repeated pairs count once.
    new_xy
        Places of vertices that are new, numbered on from those of the linework.
    """
    xy = linework.xy if new_xy is None else np.concatenate((linework.xy, new_xy))
    a, b = xy[segments.low[segment]], xy[segments.high[segment]]
    way = _place_along(xy[vertex], a, b)
    order = np.lexsort((vertex, way, segment))
    segment, vertex, way = segment[order], vertex[order], way[order]
    fresh = np.r_[True, (segment[1:] != segment[:-1]) | (vertex[1:] != vertex[:-1])] if len(segment) else segment > 0
    segment, vertex, way = segment[fresh], vertex[fresh], way[fresh]
    count = np.bincount(segment, minlength=len(segments.low))
    first = np.cumsum(count) - count
    more = count[segments.of_corner]
    size = 1 + more
    corner = np.repeat(np.arange(len(size)), size)
    place = np.arange(len(corner)) - np.repeat(np.cumsum(size) - size, size)  # 0 for the corner itself
    inner = place > 0
    owner, place = corner[inner], place[inner]
    forward = segments.is_forward[owner]
    row = first[segments.of_corner[owner]] + np.where(forward, place - 1, more[owner] - place)
    vertices, drawn = linework.vertex[corner], linework.drawn[corner]
    vertices[inner] = vertex[row]
    share = np.where(forward, way[row], 1.0 - way[row])[:, None]
    drawn[inner] += share * (linework.drawn[linework.following[owner]] - drawn[inner])
    return replace(
        linework,
        xy=xy,
        vertex=vertices,
        following=_following(_ring_numbers(linework.following)[corner]),
        polygon=linework.polygon[corner],
        drawn=drawn,
    )


def _place_along(point: Floats, a: Floats, b: Floats) -> Floats:
    """Return where on the way from a to b the nearest place to a point is, 0–1."""
    d = b - a
    length2 = np.maximum((d * d).sum(axis=1), 1e-300)
    share: Floats = np.clip(((point - a) * d).sum(axis=1) / length2, 0.0, 1.0)
    return share


def distance_along(point: Floats, a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """Return the distance of points from segments, and where on the segments the nearest places are, 0–1."""
    share = _place_along(point, a, b)
    away = point - (a + share[:, None] * (b - a))
    return np.hypot(away[:, 0], away[:, 1]), share


def swept_by_corner(linework: Linework) -> Floats:
    """Return a bound of the ground between each piece as it was drawn and as it is now, m²; shape (c,)."""
    old, new = linework.drawn, linework.xy[linework.vertex]
    old_next, new_next = old[linework.following], new[linework.following]
    return _triangle(old, old_next, new_next) + _triangle(old, new_next, new)


def _triangle(a: Floats, b: Floats, c: Floats) -> Floats:
    """Return the areas of triangles, never negative."""
    ab, ac = b - a, c - a
    area: Floats = 0.5 * np.abs(ab[:, 0] * ac[:, 1] - ab[:, 1] * ac[:, 0])
    return area

"""From noded borders to the faces that they enclose.

Every edge is two half-edges, one for each side. At each vertex the half-edges are ordered by direction; walking along and
always turning left as sharply as possible goes round one face. Walks that run clockwise go round a connected part of the
borders from outside: they are holes of the face around that part.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.algorithms.components import group_connected
from geo.algorithms.partition.linework import Floats, Ints, starts_run

OUTSIDE = -1
"""Number that stands for the endless face."""


@dataclass(frozen=True)
class Traced:
    """Faces of a planar set of edges.

    Attributes
    ----------
    polygons
        Shape (f,).
    left, right
        Shape (e,): faces on the left and on the right of each edge from its low to its high vertex, or :data:`OUTSIDE`.
    """

    polygons: NDArray[np.object_]
    left: Ints
    right: Ints


@dataclass(frozen=True)
class _Rings:
    """Simple rings: the vertices of all one after the other, the ring of each, and the walk that each ring is part of."""

    vertex: Ints
    ring: Ints
    walk: Ints


def trace_faces(xy: Floats, low: Ints, high: Ints) -> Traced:
    """Return the faces that edges enclose.

    Parameters
    ----------
    xy
        Shape (n, 2).
    low, high
        Shape (e,): vertices of the edges, which meet at vertices only. No edge has the same face on both sides.
    """
    if not len(low):
        nothing = np.empty(0, dtype=np.int64)
        return Traced(np.empty(0, dtype=object), nothing, nothing)
    origin = np.column_stack((low, high)).ravel()
    following = _turn_left(xy, origin)
    walk = group_connected(len(following), np.arange(len(following)), following)
    order = np.lexsort((_positions(following, walk), walk))
    rings = _simple_rings(origin[order], walk[order])
    area = _signed_areas(xy, rings)
    is_shell = area > 0
    face_of_walk = np.full(int(walk.max()) + 1, OUTSIDE)
    face_of_walk[rings.walk[is_shell]] = np.arange(int(is_shell.sum()))
    linear = shapely.linearrings(xy[rings.vertex], indices=rings.ring)
    shells = shapely.polygons(linear[is_shell])
    around = np.flatnonzero(face_of_walk[rings.walk] == OUTSIDE)
    first = np.searchsorted(rings.ring, around)
    face_of_walk[rings.walk[around]] = _faces_around(xy[rings.vertex[first]], shells, area[is_shell])
    face = face_of_walk[rings.walk]
    has_face = face != OUTSIDE
    by_face = np.lexsort((~is_shell[has_face], face[has_face]))
    polygons = shapely.polygons(linear[has_face][by_face], indices=face[has_face][by_face])
    of_half = face_of_walk[walk]
    return Traced(polygons, of_half[0::2], of_half[1::2])


def _turn_left(xy: Floats, origin: Ints) -> Ints:
    """Return the half-edge that follows each half-edge round the face on its left; twins are neighbours in number."""
    target = origin.reshape(-1, 2)[:, ::-1].ravel()
    direction = xy[target] - xy[origin]
    order = np.lexsort((np.arctan2(direction[:, 1], direction[:, 0]), origin))
    ordered = origin[order]
    starts = np.flatnonzero(starts_run(ordered))
    before = np.arange(-1, len(order) - 1)
    before[starts] = np.r_[starts[1:], len(order)] - 1
    clockwise = np.empty(len(order), dtype=np.int64)
    clockwise[order] = order[before]
    following: Ints = clockwise[np.arange(len(order)) ^ 1]
    return following


def _positions(following: Ints, walk: Ints) -> Ints:
    """Return where on its walk each half-edge is, by doubling the length of the jumps to the end of the walk."""
    last = np.empty(int(walk.max()) + 1, dtype=np.int64)
    last[walk] = np.arange(len(walk))
    is_last = last[walk] == np.arange(len(walk))
    jump = np.where(is_last, np.arange(len(walk)), following)
    left = (~is_last).astype(np.int64)
    while (step := left[jump]).any():
        left, jump = left + step, jump[jump]
    position: Ints = -left
    return position


def _simple_rings(vertex: Ints, walk: Ints) -> _Rings:
    """Return rings that visit each vertex once; walks that touch themselves are split where they do."""
    sorted_pair = np.lexsort((vertex, walk))
    twice = (vertex[sorted_pair][1:] == vertex[sorted_pair][:-1]) & (walk[sorted_pair][1:] == walk[sorted_pair][:-1])
    pinched = np.zeros(int(walk.max()) + 1, dtype=bool)
    pinched[walk[sorted_pair][1:][twice]] = True
    simple = ~pinched[walk]
    pieces, owners = [vertex[simple]], [walk[simple]]
    changes = [starts_run(walk[simple])]
    for number in np.flatnonzero(pinched):
        start, stop = np.searchsorted(walk, (number, number + 1))
        for loop in _loops(vertex[start:stop].tolist()):
            pieces.append(np.array(loop, dtype=np.int64))
            owners.append(np.full(len(loop), number))
            changes.append(np.arange(len(loop)) == 0)
    change = np.concatenate(changes)
    return _Rings(np.concatenate(pieces), np.cumsum(change) - 1, np.concatenate(owners)[change])


def _loops(vertices: list[int]) -> list[list[int]]:
    """Return the simple loops of a closed walk."""
    loops: list[list[int]] = []
    path: list[int] = []
    place: dict[int, int] = {}
    for vertex in vertices:
        if vertex in place:
            loop = path[place[vertex] :]
            del path[place[vertex] :]
            for passed in loop:
                del place[passed]
            loops.append(loop)
        place[vertex] = len(path)
        path.append(vertex)
    return [loop for loop in [*loops, path] if len(loop) > 2]


def _signed_areas(xy: Floats, rings: _Rings) -> Floats:
    """Return the areas of rings, negative where they run clockwise."""
    starts = np.flatnonzero(starts_run(rings.ring))
    following = np.arange(1, len(rings.ring) + 1)
    following[np.r_[starts[1:], len(rings.ring)] - 1] = starts
    here = xy[rings.vertex] - xy[rings.vertex[starts]][rings.ring]
    there = here[following]
    there[np.r_[starts[1:], len(rings.ring)] - 1] = 0.0
    area: Floats = np.add.reduceat(here[:, 0] * there[:, 1] - here[:, 1] * there[:, 0], starts) / 2
    return area


def _faces_around(points: Floats, shells: NDArray[np.object_], areas: Floats) -> Ints:
    """Return the smallest shell around each point, or :data:`OUTSIDE`."""
    result = np.full(len(points), OUTSIDE)
    point, shell = shapely.STRtree(shells).query(shapely.points(points), predicate="within")
    order = np.lexsort((-areas[shell], point))
    result[point[order]] = shell[order]
    return result

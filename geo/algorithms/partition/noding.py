"""Noding: where borders cross or touch, both get a vertex, so that pieces meet at vertices only.

Every place where two pieces cross is computed from the pair alone, whichever way its pieces run; vertices near each other
are united, and a vertex near a piece cuts it. Pieces that were cut deviate a little from the straight line and may meet
others anew, so cutting is repeated until nothing is left to cut. From the third round on the tolerance shrinks towards the
step of the coordinates; else a piece that leaves a border at a tiny angle would close up with it vertex by vertex. The
result is planar, or :class:`~geo.errors.GeometryError` is raised.
"""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from geo.algorithms.components import group_connected
from geo.algorithms.partition.linework import (
    Floats,
    Ints,
    Linework,
    Segments,
    distance_along,
    find_segments,
    insert_vertices,
    starts_run,
    unite_vertices,
)
from geo.errors import GeometryError

_MAX_ROUNDS = 200
_FULL_ROUNDS, _SHRINKAGE = 2, 0.25
_LEAST_STEPS = 4
"""The tolerance never falls below so many steps of the largest coordinate."""
_UNITE = 2.0
"""Vertices unite within so many tolerances; a vertex that cuts a piece is seen from its ends within 30° of it then."""
_WIDTH = 2**31


def node_linework(linework: Linework, tolerance_m: float) -> Linework:
    """Return the linework cut at all places where pieces cross, touch or overlap.

    Parameters
    ----------
    linework
        Any borders.
    tolerance_m
        Vertices nearer than this to each other, or to a piece, are the same place.

    Raises
    ------
    GeometryError
        Cutting found no end; borders of this kind were never seen.
    """
    settled: Ints = np.empty(0, dtype=np.int64)
    place = np.zeros(2)
    least = _LEAST_STEPS * float(np.spacing(np.abs(linework.xy).max(initial=1.0)))
    for number in range(_MAX_ROUNDS):
        if number >= _FULL_ROUNDS:
            tolerance_m = max(tolerance_m * _SHRINKAGE, least)
        linework = _unite_near(linework, _UNITE * tolerance_m)
        segments = find_segments(linework)
        keys = segments.low * _WIDTH + segments.high
        segment, vertex, new_xy = _cuts(linework.xy, segments, ~np.isin(keys, settled), tolerance_m)
        if not len(segment):
            return linework
        settled = np.delete(keys, segment)
        linework = insert_vertices(linework, segments, segment, vertex, new_xy)
        place = linework.xy[vertex[0]]
    raise GeometryError(
        "The borders touch each other in too many ways to be cut into pieces near {x:.2f}, {y:.2f}. Please report this with "
        "the data.",
        x=float(place[0]),
        y=float(place[1]),
    )


def _unite_near(linework: Linework, tolerance_m: float) -> Linework:
    """Return the linework with vertices within the tolerance united in the westernmost one."""
    used = np.unique(linework.vertex)
    pairs = cKDTree(linework.xy[used]).query_pairs(tolerance_m, output_type="ndarray")
    if not len(pairs):
        return linework
    group = group_connected(len(used), pairs[:, 0], pairs[:, 1])
    xy = linework.xy[used]
    order = np.lexsort((xy[:, 1], xy[:, 0], group))
    leader = order[starts_run(group[order])]
    into = np.arange(len(linework.xy))
    into[used] = used[leader[group]]
    return unite_vertices(linework, into)


def _cuts(xy: Floats, segments: Segments, fresh: NDArray[np.bool_], tolerance_m: float) -> tuple[Ints, Ints, Floats]:
    """Return which vertex cuts which segment, and the places of the vertices that are new.

    Only pairs with at least one fresh segment are looked at.
    """
    low, high = xy[segments.low], xy[segments.high]
    tree = shapely.STRtree(shapely.linestrings(np.stack((low, high), axis=1)))
    chosen = np.flatnonzero(fresh)
    least, most = np.minimum(low, high)[chosen] - tolerance_m, np.maximum(low, high)[chosen] + tolerance_m
    row, other = tree.query(shapely.box(*least.T, *most.T))
    one = chosen[row]
    keep = (one < other) | ((one > other) & ~fresh[other])
    one, other = one[keep], other[keep]
    touching, cut_segment, cut_vertex = _touches(xy, segments, one, other, tolerance_m)
    one, other = one[~touching], other[~touching]
    place, crossing = _crossings(xy, segments, one, other)
    new = len(xy) + np.arange(len(place))
    return (
        np.concatenate((*cut_segment, one[crossing], other[crossing])),
        np.concatenate((*cut_vertex, new, new)),
        place,
    )


def _touches(
    xy: Floats, segments: Segments, one: Ints, other: Ints, tolerance_m: float
) -> tuple[NDArray[np.bool_], list[Ints], list[Ints]]:
    """Return which pairs share a vertex or touch, and the segments with the vertices of the other that lie on them."""
    touching = np.zeros(len(one), dtype=bool)
    cut_segment, cut_vertex = [], []
    for mine, theirs in ((one, other), (other, one)):
        low, high = segments.low[theirs], segments.high[theirs]
        for vertex in (segments.low[mine], segments.high[mine]):
            shared = (vertex == low) | (vertex == high)
            distance, _ = distance_along(xy[vertex], xy[low], xy[high])
            on = (distance <= tolerance_m) & ~shared
            touching |= shared | on
            cut_segment.append(theirs[on])
            cut_vertex.append(vertex[on])
    return touching, cut_segment, cut_vertex


def _crossings(xy: Floats, segments: Segments, one: Ints, other: Ints) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the places where pairs cross, and which pairs do."""
    first, second = _in_order(xy, segments, one), _in_order(xy, segments, other)
    swap = _is_before(second, first)
    first, second = np.where(swap[:, None], second, first), np.where(swap[:, None], first, second)
    a, b, c, d = first[:, :2], first[:, 2:], second[:, :2], second[:, 2:]
    c_side, d_side = _cross(b - a, c - a), _cross(b - a, d - a)
    a_side, b_side = _cross(d - c, a - c), _cross(d - c, b - c)
    crossing = (c_side * d_side < 0) & (a_side * b_side < 0)
    share = a_side[crossing] / (a_side[crossing] - b_side[crossing])
    return a[crossing] + share[:, None] * (b - a)[crossing], crossing


def _in_order(xy: Floats, segments: Segments, chosen: Ints) -> Floats:
    """Return the ends of segments as x, y, x, y, the western (then southern) end first; shape (k, 4)."""
    ends = np.column_stack((xy[segments.low[chosen]], xy[segments.high[chosen]]))
    turn = (ends[:, 0] > ends[:, 2]) | ((ends[:, 0] == ends[:, 2]) & (ends[:, 1] > ends[:, 3]))
    ends[turn] = ends[turn][:, [2, 3, 0, 1]]
    return ends


def _is_before(one: Floats, other: Floats) -> NDArray[np.bool_]:
    """Return for each row whether the one comes before the other, column by column."""
    before, same = np.zeros(len(one), dtype=bool), np.ones(len(one), dtype=bool)
    for mine, theirs in zip(one.T, other.T, strict=True):
        before |= same & (mine < theirs)
        same &= mine == theirs
    return before


def _cross(u: Floats, v: Floats) -> Floats:
    product: Floats = u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0]
    return product

"""Borders that mean the same line become one line.

Two offices that draw the same border never hit the same coordinates, and every miss makes a strip of slivers. Here each
vertex that lies within a tolerance of a *leading* border moves onto it, and each piece of border that passes a leading
vertex within the tolerance is bent to pass through it; so both follow the leading line exactly. Borders that differ by more
keep their difference, and no place of a border moves further than the tolerance.

Which border leads is the order of the polygons: those of the first layer lead all others, and within a layer the earlier
polygon leads. Each vertex chooses what to follow among the borders as they were drawn: a corner, a junction of borders, or
a vertex far from its neighbours follows a leading one of these; any other vertex, or one that finds none, the border of the
foremost layer, and there the nearest. It moves when what it follows has moved to where it stays, along chains of a few
borders at the most. What happens at a place therefore depends on its surroundings alone, and a part of a town can be snapped
again without the rest. Polygons narrower than three tolerances are left as they are: they would collapse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from geo.algorithms.partition.linework import (
    Floats,
    Ints,
    Linework,
    Segments,
    distance_along,
    find_segments,
    insert_vertices,
    move_vertices,
    starts_run,
    unite_vertices,
)
from geo.errors import ParameterError

EXACT_TOLERANCE_M = 1e-8
"""Borders nearer than this are the same for an exact overlay: ten steps of a double at 5,000 km."""
MAX_CHAIN = 2
"""Borders that follow each other, one after the other, at the most."""
_GRID_SHARE = 1e-3
_NARROW = 3.0
_CORNER, _CORNER_SHARE = 1.5, 0.1
"""A vertex goes to the end of a segment when that is not much further than the segment, else to the place beside it."""
_TURN = 0.7654
"""Where two pieces meet the border turns by more than 45° when their directions add up to more: 2 sin(45°/2)."""
_SPARSE = 2.0
"""A vertex stands alone when its pieces are longer than so many tolerances."""
NONE = -1
_AHEAD = 0.5
"""A vertex lies on the way of a segment when it is seen from both ends within 30° of the other end."""


@dataclass(frozen=True)
class SnapParams:
    """How near borders must be to mean the same line.

    Attributes
    ----------
    tolerance_m
        Distance; 0 unites only what differs by rounding of the computer.
    """

    tolerance_m: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.tolerance_m <= 100:
            raise ParameterError(
                "The tolerance within which borders mean the same line must be 0 to 100 m; given was {given}.",
                given=self.tolerance_m,
            )


def snap_linework(linework: Linework, layer: Ints, narrow: NDArray[np.bool_], params: SnapParams) -> Linework:
    """Return the linework with borders within the tolerance united by the rule of this module.

    Parameters
    ----------
    linework
        As drawn.
    layer
        Shape (p,): layer of each polygon.
    narrow
        Shape (p,): polygons whose borders stay where they are, see :func:`find_narrow`.
    params
        The tolerance. With 1 mm or more, coordinates are rounded to a thousandth of it as well.
    """
    tolerance = max(params.tolerance_m, EXACT_TOLERANCE_M)
    if tolerance >= 1e-3:
        grid = tolerance * _GRID_SHARE
        linework = move_vertices(linework, np.round(linework.xy / grid) * grid)
    segments = find_segments(linework)
    ranks = _ranks(linework, segments, layer)
    near = _near_segments(linework, segments, ranks, tolerance)
    followed = _follow(linework, segments, ranks, near, narrow, tolerance)
    bent, bent_to = _bends(linework, segments, ranks, near, narrow, followed, tolerance)
    segment = np.concatenate((followed.segment, bent))
    vertex = followed.into[np.concatenate((followed.vertex, bent_to))]
    inserted = insert_vertices(replace(linework, xy=followed.xy), segments, segment, vertex)
    return unite_vertices(inserted, followed.into)


@dataclass(frozen=True)
class _Ranks:
    """First polygon of each vertex and of each segment: the lower leads; and the layer of each polygon."""

    vertex: Ints
    segment: Ints
    layer: Ints


@dataclass(frozen=True)
class _Near:
    """Pairs of a vertex and a segment of another polygon within the tolerance."""

    vertex: Ints
    segment: Ints
    distance: Floats


@dataclass(frozen=True)
class _Followed:
    """What following leads to: the vertex that each becomes, where it is then, and which lie on which segments now."""

    into: Ints
    xy: Floats
    vertex: Ints
    segment: Ints


def _ranks(linework: Linework, segments: Segments, layer: Ints) -> _Ranks:
    last = np.iinfo(np.int64).max
    vertex = np.full(len(linework.xy), last)
    segment = np.full(len(segments.low), last)
    np.minimum.at(vertex, linework.vertex, linework.polygon)
    np.minimum.at(segment, segments.of_corner, linework.polygon)
    return _Ranks(vertex, segment, layer)


def _near_segments(linework: Linework, segments: Segments, ranks: _Ranks, tolerance: float) -> _Near:
    low, high = linework.xy[segments.low], linework.xy[segments.high]
    tree = shapely.STRtree(shapely.linestrings(np.stack((low, high), axis=1)))
    vertex, segment = tree.query(shapely.points(linework.xy), predicate="dwithin", distance=tolerance)
    other = (segments.low[segment] != vertex) & (segments.high[segment] != vertex)
    other &= ranks.segment[segment] != ranks.vertex[vertex]
    vertex, segment = vertex[other], segment[other]
    distance, _ = distance_along(linework.xy[vertex], low[segment], high[segment])
    return _Near(vertex, segment, distance)


def _follow(
    linework: Linework, segments: Segments, ranks: _Ranks, near: _Near, narrow: NDArray[np.bool_], tolerance: float
) -> _Followed:
    """Return where the vertices go that lie near a leading border."""
    count = len(linework.xy)
    stays = np.zeros(count, dtype=bool)
    stays[linework.vertex[narrow[linework.polygon]]] = True
    leading = (ranks.segment[near.segment] < ranks.vertex[near.vertex]) & ~stays[near.vertex]
    vertex, segment, distance = near.vertex[leading], near.segment[leading], near.distance[leading]
    order = np.lexsort((segment, distance, ranks.layer[ranks.segment[segment]], vertex))
    first = order[starts_run(vertex[order])]
    vertex, segment = vertex[first], segment[first]
    corner = _leading_corners(linework, segments, ranks, tolerance)
    corner[stays] = NONE
    settled = corner == NONE
    settled[vertex] = False
    into, xy = np.arange(count), linework.xy.copy()
    moving, followed = [], []
    for _ in range(MAX_CHAIN):
        waiting = np.flatnonzero(corner != NONE)
        waiting = waiting[settled[corner[waiting]]]
        place = into[corner[waiting]]
        meets = np.hypot(*(xy[place] - xy[waiting]).T) <= tolerance
        into[waiting[meets]], corner[waiting] = place[meets], NONE
        settled[waiting[meets]] = True
        ready = ~settled[vertex] & settled[segments.low[segment]] & settled[segments.high[segment]]
        ready &= corner[vertex] == NONE
        if not ready.any() and not len(waiting):
            break
        mover, onto = vertex[ready], segment[ready]
        low, high = into[segments.low[onto]], into[segments.high[onto]]
        distance, share = distance_along(xy[mover], xy[low], xy[high])
        to_low, to_high = (np.hypot(*(xy[end] - xy[mover]).T) for end in (low, high))
        end, gap = np.where(to_high < to_low, high, low), np.minimum(to_low, to_high)
        near_enough = distance <= tolerance
        at_end = near_enough & (gap <= np.clip(_CORNER * distance, _CORNER_SHARE * tolerance, tolerance))
        beside = near_enough & ~at_end
        into[mover[at_end]] = end[at_end]
        xy[mover[beside]] = (xy[low] + share[:, None] * (xy[high] - xy[low]))[beside]
        moving.append(mover[beside])
        followed.append(onto[beside])
        settled[mover] = True
    nothing = np.empty(0, dtype=np.int64)
    return _Followed(into, xy, np.concatenate([nothing, *moving]), np.concatenate([nothing, *followed]))


def _leading_corners(linework: Linework, segments: Segments, ranks: _Ranks, tolerance: float) -> Ints:
    """Return for each corner, junction or lone vertex the leading one within the tolerance, else :data:`NONE`."""
    xy = linework.xy
    ends = np.concatenate((segments.low, segments.high))
    others = np.concatenate((segments.high, segments.low))
    way = xy[others] - xy[ends]
    length = np.hypot(*way.T)
    way /= np.maximum(length, 1e-300)[:, None]
    count = np.bincount(ends, minlength=len(xy))
    # of two opposite directions the sum is nothing
    turn = np.hypot(*(np.bincount(ends, weights=way[:, axis], minlength=len(xy)) for axis in (0, 1)))
    crowded = np.zeros(len(xy), dtype=bool)
    crowded[ends[length < _SPARSE * tolerance]] = True
    marked = np.flatnonzero((count > 2) | ((count == 2) & (turn > _TURN)) | ((count > 0) & ~crowded))
    pairs = marked[cKDTree(xy[marked]).query_pairs(tolerance, output_type="ndarray")]
    joined = segments.low * len(xy) + segments.high
    pairs = pairs[~np.isin(pairs.min(axis=1) * len(xy) + pairs.max(axis=1), joined)]
    lead = np.argmin(ranks.vertex[pairs], axis=1)
    pairs = np.where((lead == 1)[:, None], pairs[:, ::-1], pairs)
    pairs = pairs[ranks.vertex[pairs[:, 0]] < ranks.vertex[pairs[:, 1]]]
    distance = np.hypot(*(xy[pairs[:, 0]] - xy[pairs[:, 1]]).T)
    order = np.lexsort((pairs[:, 0], distance, ranks.layer[ranks.vertex[pairs[:, 0]]], pairs[:, 1]))[::-1]
    leading = np.full(len(xy), NONE)
    leading[pairs[order, 1]] = pairs[order, 0]
    return leading


def _bends(
    linework: Linework,
    segments: Segments,
    ranks: _Ranks,
    near: _Near,
    narrow: NDArray[np.bool_],
    followed: _Followed,
    tolerance: float,
) -> tuple[Ints, Ints]:
    """Return the segments that are bent, and the leading vertices they are bent to: those that lie on their way."""
    stiff = np.zeros(len(segments.low), dtype=bool)
    stiff[segments.of_corner[narrow[linework.polygon]]] = True
    leading = (ranks.vertex[near.vertex] < ranks.segment[near.segment]) & ~stiff[near.segment]
    vertex, segment = near.vertex[leading], near.segment[leading]
    ends = (vertex, segments.low[segment], segments.high[segment])
    here, low, high = (followed.xy[followed.into[end]] for end in ends)
    distance, share = distance_along(here, low, high)
    to_end = np.minimum(np.hypot(*(here - low).T), np.hypot(*(here - high).T))
    ahead = (share > 0) & (share < 1) & (distance <= np.minimum(_AHEAD * to_end, tolerance))
    return segment[ahead], vertex[ahead]


def find_narrow(polygons: NDArray[np.object_], tolerance_m: float) -> NDArray[np.bool_]:
    """Return which polygons have a mean width, twice the area over the perimeter, below three tolerances."""
    width = 2 * shapely.area(polygons) / np.maximum(shapely.length(polygons), 1e-300)
    return np.asarray(width < _NARROW * tolerance_m, dtype=bool)


def propose_tolerance(layers: Sequence[NDArray[np.object_]], resolutions_m: Sequence[float] = ()) -> float:
    """Return the tolerance that the accuracy of the borders suggests, m; see docs/decisions.md for the reasons.

    A border drawn on a map of scale 1:S is placed to about 0.5 mm of paper. The scale is guessed from the cells: the median
    cell of the finest layer would be 5 cm wide on paper, so that its side over 100 is 0.5 mm. What vertices a fifth of
    their usual distance apart tell of bends is not to be lost either. The result lies between twice the coarsest step of
    the coordinates, at least 1 cm, and 2 m.

    Parameters
    ----------
    layers
        Arrays of polygons in one metric CRS.
    resolutions_m
        Step of the coordinates of each layer, 0 where unknown.
    """
    sides = [np.sqrt(np.median(shapely.area(layer))) for layer in layers if len(layer)]
    parts = np.concatenate([shapely.get_parts(shapely.boundary(layer)) for layer in layers if len(layer)])
    spacing = shapely.length(parts).sum() / max(int((shapely.get_num_coordinates(parts) - 1).sum()), 1)
    drawn = min(float(min(sides)) / 100, float(spacing) / 5, 2.0)
    least = max([0.01, *(2 * step for step in resolutions_m)])
    return float(np.round(max(drawn, least), 2))

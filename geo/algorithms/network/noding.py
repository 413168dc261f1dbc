"""Cutting street lines at their crossings and joining their ends."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from shapely.ops import substring

from geo.algorithms.components import group_connected
from geo.errors import GeometryError, ParameterError

_ON_LINE_M = 1e-6
"""A point this near to a segment lies on it: crossings are computed in floating point."""


@dataclass(frozen=True)
class NodingParams:
    """How to node.

    Attributes
    ----------
    tolerance_m
        Line ends within this distance are one junction; an end within it of a line cuts the line.
    """

    tolerance_m: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.tolerance_m < 20:
            raise ParameterError(
                "The snapping tolerance must lie between 0 and 20 m; given was {t} m.", t=self.tolerance_m
            )


@dataclass(frozen=True)
class NodedLines:
    """Lines that meet only at their ends.

    Attributes
    ----------
    pieces
        Shape (e,): lines whose ends lie exactly on the nodes.
    source
        Shape (e,): row of the line that each is a piece of.
    ends
        Shape (e, 2): first and last node.
    xy
        Shape (n, 2): nodes.
    crossings
        Crossings cut that had no vertex end there.
    snapped
        Line ends that were moved to meet others.
    """

    pieces: NDArray[np.object_]
    source: NDArray[np.int64]
    ends: NDArray[np.int64]
    xy: NDArray[np.float64]
    crossings: int
    snapped: int


def node_lines(lines: NDArray[np.object_], level: NDArray[np.int64], params: NodingParams) -> NodedLines:
    """Cut lines of one level where they cross, cut any line where another one ends on it, and join near ends.

    A bridge (another level) is not cut where it crosses a street below, but is joined where its ends meet streets.

    Parameters
    ----------
    lines
        Shape (s,): LineStrings in a metric CRS.
    level
        Shape (s,): 0 on the ground, other numbers on bridges and in tunnels.
    params
        Tolerance.

    Raises
    ------
    GeometryError
        Nothing remains because every line is shorter than twice the tolerance.
    """
    tree = shapely.STRtree(lines)
    crossing_line, crossing_point = _crossings(lines, level, tree)
    ends = shapely.points(np.concatenate([_end(lines, 0), _end(lines, -1)]))
    end, touched = tree.query(ends, predicate="dwithin", distance=params.tolerance_m)
    other = touched != end % len(lines)
    cut_line = np.concatenate((crossing_line, touched[other]))
    cut_point = np.concatenate((crossing_point, ends[end[other]]))
    along = shapely.line_locate_point(lines[cut_line], cut_point)
    own_line, own_along = _self_crossings(lines)
    cut_line, along = np.concatenate((cut_line, own_line)), np.concatenate((along, own_along))
    inner = (along > params.tolerance_m) & (along < shapely.length(lines)[cut_line] - params.tolerance_m)
    pieces, source = _cut(lines, cut_line[inner], along[inner], params.tolerance_m)
    first, second = np.split(inner[: len(crossing_line)], 2)
    crossed = crossing_point[: len(first)][first & second]  # where one of the two ends, they had a junction
    crossings = len(np.unique(shapely.get_coordinates(crossed).round(2), axis=0))
    return _join_ends(pieces, source, crossings, params)


def _end(lines: NDArray[np.object_], position: int) -> NDArray[np.float64]:
    return np.asarray(shapely.get_coordinates(shapely.get_point(lines, position)), dtype=np.float64)


def _crossings(
    lines: NDArray[np.object_], level: NDArray[np.int64], tree: shapely.STRtree
) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """Return where lines of one level meet: the line and the point, twice for each pair."""
    one, two = tree.query(lines, predicate="intersects")
    pair = (one < two) & (level[one] == level[two])
    one, two = one[pair], two[pair]
    meeting = shapely.intersection(lines[one], lines[two])
    parts, which = shapely.get_parts(meeting, return_index=True)
    is_line = shapely.get_type_id(parts) == 1
    points = np.concatenate(
        (parts[~is_line], shapely.get_point(parts[is_line], 0), shapely.get_point(parts[is_line], -1))
    )
    which = np.concatenate((which[~is_line], which[is_line], which[is_line]))
    return np.concatenate((one[which], two[which])), np.concatenate((points, points))


def _self_crossings(lines: NDArray[np.object_]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return where lines cross or touch themselves: the line and the distance along it, once for each pass."""
    found: list[tuple[int, float]] = []
    for number in np.flatnonzero(~shapely.is_simple(lines)):
        xy = shapely.get_coordinates(lines[number])
        segments = shapely.linestrings(np.stack((xy[:-1], xy[1:]), axis=1))
        begins = np.r_[0.0, np.cumsum(shapely.length(segments))[:-1]]
        noded = shapely.get_parts(shapely.node(lines[number]))
        points = shapely.points(np.unique(np.concatenate([_end(noded, 0), _end(noded, -1)]), axis=0))
        point, segment = np.nonzero(shapely.dwithin(points[:, None], segments[None, :], _ON_LINE_M))
        along = begins[segment] + shapely.line_locate_point(segments[segment], points[point])
        found += [(int(number), float(at)) for at in along]
    return np.array([line for line, _ in found], dtype=np.int64), np.array([at for _, at in found], dtype=np.float64)


def _cut(
    lines: NDArray[np.object_], line: NDArray[np.int64], along: NDArray[np.float64], tolerance_m: float
) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """Return the pieces of all lines and the line each comes from; cuts nearer than the tolerance count as one."""
    order = np.lexsort((along, line))
    line, along = line[order], along[order]
    fresh = np.r_[True, (line[1:] != line[:-1]) | (np.diff(along) > tolerance_m)] if len(line) else np.empty(0, bool)
    line, along = line[fresh], along[fresh]
    whole = np.ones(len(lines), dtype=bool)
    whole[line] = False
    pieces: list[shapely.LineString] = list(lines[whole])
    source: list[int] = np.flatnonzero(whole).tolist()
    starts = np.flatnonzero(np.diff(line, prepend=-1))
    for number, cuts in zip(line[starts], np.split(along, starts[1:]), strict=True) if len(line) else ():
        bounds = [0.0, *cuts.tolist(), lines[number].length]
        for low, high in pairwise(bounds):
            pieces.append(substring(lines[number], low, high))
            source.append(int(number))
    by_source = np.argsort(np.asarray(source, dtype=np.int64), kind="stable")
    return np.asarray(pieces, dtype=object)[by_source], np.asarray(source, dtype=np.int64)[by_source]


def _join_ends(
    pieces: NDArray[np.object_], source: NDArray[np.int64], crossings: int, params: NodingParams
) -> NodedLines:
    """Make ends within the tolerance one node, and let the pieces end there exactly."""
    ends = np.concatenate([_end(pieces, 0), _end(pieces, -1)])
    near = cKDTree(ends).query_pairs(params.tolerance_m, output_type="ndarray").astype(np.int64)
    group = group_connected(len(ends), near[:, 0], near[:, 1])
    _, first, node = np.unique(group, return_index=True, return_inverse=True)
    # nodes are numbered in the order of the lines, so that the same input gives the same numbers
    rank = np.argsort(np.argsort(first))
    node = rank[node.ravel()]
    xy = ends[np.sort(first)]
    moved = np.hypot(*(ends - xy[node]).T) > 1e-6
    from_node, to_node = np.split(node, 2)
    short = (from_node == to_node) & (shapely.length(pieces) <= 2 * params.tolerance_m)
    if short.all():
        raise GeometryError(
            "All streets are shorter than twice the snapping tolerance ({t} m). Check the coordinate system of the streets.",
            t=params.tolerance_m,
        )
    pieces, source, from_node, to_node = pieces[~short], source[~short], from_node[~short], to_node[~short]
    coordinates, index = shapely.get_coordinates(pieces, return_index=True)
    starts = np.flatnonzero(np.diff(index, prepend=-1))
    lasts = np.r_[starts[1:] - 1, len(index) - 1]
    coordinates[starts], coordinates[lasts] = xy[from_node], xy[to_node]
    pieces = shapely.linestrings(coordinates, indices=index)
    used, renumbered = np.unique(np.concatenate((from_node, to_node)), return_inverse=True)
    from_node, to_node = np.split(renumbered.ravel().astype(np.int64), 2)
    return NodedLines(pieces, source, np.column_stack((from_node, to_node)), xy[used], crossings, int(moved.sum()))

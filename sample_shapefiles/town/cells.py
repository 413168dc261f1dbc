"""Grouping blocks to communities and grid cells, and drawing the cells from their border lines."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import dijkstra
from shapely.geometry import LineString, Polygon

from .blocks import Mesh
from .digitising import untangle
from .warp import FloatArray

IntArray = NDArray[np.int64]
BORDER_COST = {"river": 14.0, "railway": 7.0, "divider": 0.9, "主干路": 5.0, "次干路": 2.6, "支路": 1.2, "巷道": 0.9}
"""How much a border of this kind keeps two blocks apart: cells end at rivers and main streets first."""

Redraw = Callable[[list[LineString]], list[LineString]]


@dataclass(frozen=True)
class Blocks:
    """The blocks and which of them share a border.

    Attributes
    ----------
    faces
        Blocks, EPSG:4547.
    sides
        Block to the left and to the right of every mesh edge, -1 outside, shape (edges, 2).
    closeness
        Sparse matrix of block distances, metres times border cost.
    """

    faces: list[Polygon]
    sides: IntArray
    closeness: csr_matrix


def relate_blocks(mesh: Mesh) -> Blocks:
    """Find the blocks on both sides of every edge and how far apart they are."""
    middles = shapely.line_interpolate_point(mesh.edges, 0.5, normalized=True)
    ahead = shapely.line_interpolate_point(mesh.edges, 0.501, normalized=True)
    middle = shapely.get_coordinates(middles)
    direction = shapely.get_coordinates(ahead) - middle
    normal = np.column_stack([-direction[:, 1], direction[:, 0]]) / np.hypot(*direction.T)[:, None]
    tree = shapely.STRtree(mesh.faces)
    sides = np.full((len(mesh.edges), 2), -1)
    for side, sign in enumerate((1.0, -1.0)):
        edge, face = tree.query(shapely.points(middle + sign * 0.4 * normal), predicate="within")
        sides[edge, side] = face
    centres = shapely.get_coordinates(shapely.centroid(mesh.faces))
    shared = (sides.min(axis=1) >= 0) & (sides[:, 0] != sides[:, 1])
    cost = np.array(
        [BORDER_COST.get(line.kind, BORDER_COST.get(line.grade, 1.0)) for line in (mesh.lines[p] for p in mesh.parents)]
    )
    a, b = sides[shared].T
    length = np.hypot(*(centres[a] - centres[b]).T) * cost[shared]
    pair = np.sort(np.column_stack([a, b]), axis=1)
    unique, where = np.unique(pair, axis=0, return_inverse=True)
    shortest = np.full(len(unique), np.inf)
    np.minimum.at(shortest, where.ravel(), length)
    size = (len(mesh.faces),) * 2
    matrix = coo_matrix((shortest, unique.T), shape=size)
    return Blocks(mesh.faces, sides, csr_matrix(matrix + matrix.T))


def group_from_seeds(blocks: Blocks, seeds: FloatArray) -> IntArray:
    """Give every block to the nearest seed point, going from block to block.

    Parameters
    ----------
    blocks
        Blocks and their distances.
    seeds
        Points in EPSG:4547, shape (n, 2).

    Returns
    -------
    ndarray of int
        Group 0 … n-1 of every block; every group is connected.
    """
    starts = [int(np.argmin(shapely.distance(blocks.faces, point))) for point in shapely.points(seeds)]
    return _nearest(blocks.closeness, np.array(starts))


def _nearest(closeness: csr_matrix, starts: IntArray) -> IntArray:
    source = dijkstra(closeness, directed=False, indices=starts, min_only=True, return_predecessors=True)[2]
    group = np.full(closeness.shape[0], -1)
    for number, start in enumerate(starts):
        group[source == start] = number
    return group


def divide(
    blocks: Blocks, members: IntArray, count: int, target_area_m2: FloatArray, rng: np.random.Generator
) -> IntArray:
    """Divide connected blocks into connected groups of a size that may differ from place to place.

    Parameters
    ----------
    blocks
        Blocks and their distances.
    members
        Which blocks to divide.
    count
        Number of groups.
    target_area_m2
        Wanted group size at every member, square metres.
    rng
        Source of chance.

    Returns
    -------
    ndarray of int
        Group 0 … count-1 of every member.
    """
    scale = 1.0 / np.sqrt(target_area_m2)
    part = blocks.closeness[members][:, members].tocoo()
    part = csr_matrix((part.data * (scale[part.row] + scale[part.col]) / 2, (part.row, part.col)), shape=part.shape)
    apart = dijkstra(part, directed=False)
    weight = np.sqrt(shapely.area(np.array(blocks.faces)[members]) / target_area_m2)
    starts = [int(rng.integers(len(members)))]
    while len(starts) < count:
        starts.append(int(np.argmax(apart[starts].min(axis=0) * weight)))
    for _ in range(8):
        group = _nearest(part, np.array(starts))
        for number in range(count):
            mine = np.flatnonzero(group == number)
            starts[number] = int(mine[np.argmin((apart[np.ix_(mine, mine)] ** 2) @ weight[mine])])
    return _nearest(part, np.array(starts))


def border_arcs(mesh: Mesh, blocks: Blocks, group: IntArray) -> list[LineString]:
    """Border lines between groups, from one meeting of three groups to the next."""
    labels = np.append(group, -1)
    left, right = labels[blocks.sides[:, 0]], labels[blocks.sides[:, 1]]
    edges = [edge for edge, differs in zip(mesh.edges, left != right, strict=True) if differs]
    merged = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(edges)))
    return sorted(merged, key=lambda arc: tuple(arc.coords[0]) + tuple(arc.coords[-1]))


def draw_cells(mesh: Mesh, blocks: Blocks, group: IntArray, redraw: Redraw | None = None) -> list[Polygon]:
    """Polygons of all groups in the order of their numbers; they always form a coverage.

    Parameters
    ----------
    mesh, blocks
        Noded lines and blocks.
    group
        Group of every block.
    redraw
        Changes the border lines before the cells are made from them; their end points stay common.

    Returns
    -------
    list of Polygon
        One cell for each group, EPSG:4547.
    """
    arcs = border_arcs(mesh, blocks, group)
    drawn = shapely.get_parts(shapely.polygonize(untangle(arcs, redraw(arcs)) if redraw else arcs))
    faces = np.array(blocks.faces)
    tree = shapely.STRtree(faces)
    count = int(group.max()) + 1
    cells: list[Polygon | None] = [None] * count
    for polygon in drawn:
        near = tree.query(polygon, predicate="intersects")
        shares = shapely.area(shapely.intersection(faces[near], polygon))
        number = int(np.argmax(np.bincount(group[near], weights=shares, minlength=count)))
        if cells[number] is not None:
            message = f"group {number} fell into several parts"
            raise ValueError(message)
        cells[number] = polygon
    complete = [cell for cell in cells if cell is not None]
    if len(complete) != count:
        message = f"{count - len(complete)} of {count} groups vanished"
        raise ValueError(message)
    return complete

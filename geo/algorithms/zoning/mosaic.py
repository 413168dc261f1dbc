"""The faces of the whole town, each with the community that it belongs to.

Every cell lies in exactly one community, so the faces of one community are a matter of their own. A *part* is the ground of
some communities; parts are overlaid one by one, by several processes where that helps, and together make the mosaic.

Ground that the zonings hold outside every community is given to one: to the neighbouring community in which the source cells
that hold it have most of their ground, to the community where they have most of it when none is a neighbour, or else to the
nearest. Ground that a community lost only because its border was snapped to another one stays in the community that holds
most of it as drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.algorithms.partition.coverage import union_coverage
from geo.algorithms.partition.overlay import NO_CELL, OUTSIDE, Borders, Faces, SnapParams, Sweeps
from geo.algorithms.partition.tiles import Layers, overlay_rows, pieces_of

_TOUCH_M = 0.01
_ROUGH_M = 1e-3


@dataclass(frozen=True)
class Adopted:
    """Ground outside every community: polygons, and the row of the community to which each was given."""

    polygons: NDArray[np.object_]
    community: NDArray[np.int64]


@dataclass(frozen=True)
class Mosaic:
    """Faces with their communities.

    Attributes
    ----------
    faces
        ``faces.members`` has the communities in its first column and the zonings after it. Borders to faces of another
        community are borders to the outside.
    community
        Shape (f,): row of the community that each face belongs to; for ground outside every community, the one to which
        it was given.
    """

    faces: Faces
    community: NDArray[np.int64]

    @property
    def is_outside(self) -> NDArray[np.bool_]:
        """Shape (f,): which faces lie outside every community."""
        outside: NDArray[np.bool_] = self.faces.members[:, 0] == NO_CELL
        return outside


def find_outside(layers: Layers, params: SnapParams, places: NDArray[np.object_] | None = None) -> Adopted:
    """Return the ground outside every community, and the community to which each piece of it is given.

    Parameters
    ----------
    layers
        The communities, and the zonings.
    params
        How near borders must be to mean the same line.
    places
        Only polygons about these are looked at; None looks at all.
    """
    polygons = layers.layers
    communities = polygons[0]
    covered = _union(communities)
    shapely.prepare(covered)
    everywhere = tuple(np.arange(len(layer)) for layer in polygons)
    near = everywhere if places is None else layers.meeting(places, _TOUCH_M)
    pairs = zip(polygons[1:], near[1:], strict=True)
    reaching = [rows[~_covered(layer[rows], covered)] for layer, rows in pairs]
    if not any(len(row) for row in reaching):
        return Adopted(np.empty(0, dtype=object), np.empty(0, dtype=np.int64))
    reaching_out = np.concatenate([layer[row] for layer, row in zip(polygons[1:], reaching, strict=True)])
    beyond = shapely.difference(reaching_out, covered, grid_size=_ROUGH_M)  # rough: it only tells where to look
    _, *beside = layers.around(beyond[~shapely.is_empty(beyond)], params)  # they lead, or follow, what reaches out
    rows = [np.arange(len(communities)), *(np.union1d(*pair) for pair in zip(reaching, beside, strict=True))]
    faces = overlay_rows([layer[row] for layer, row in zip(polygons, rows, strict=True)], rows, params)
    outside = np.flatnonzero(faces.members[:, 0] == NO_CELL)
    return Adopted(faces.polygons[outside], _adopt(faces, outside, communities))


def _covered(polygons: NDArray[np.object_], ground: shapely.Geometry) -> NDArray[np.bool_]:
    """Return which polygons lie in some prepared ground; those away from its border are told by one of their corners."""
    at_border = np.unique(shapely.STRtree(polygons).query(pieces_of(ground))[1])
    first = shapely.get_point(shapely.get_exterior_ring(shapely.get_geometry(polygons, 0)), 0)
    covered: NDArray[np.bool_] = shapely.intersects_xy(ground, shapely.get_x(first), shapely.get_y(first))
    covered[at_border] = shapely.covered_by(polygons[at_border], ground)
    return covered


def _union(communities: NDArray[np.object_]) -> shapely.Geometry:
    if shapely.coverage_is_valid(communities):
        return union_coverage(communities)
    return shapely.union_all(communities)


def _adopt(faces: Faces, outside: NDArray[np.int64], communities: NDArray[np.object_]) -> NDArray[np.int64]:
    """Return the community of each face outside by the rule of this module."""
    votes = _votes(faces, outside)
    tree = shapely.STRtree(communities)
    piece, neighbour = tree.query(faces.polygons[outside], predicate="dwithin", distance=_TOUCH_M)
    beside = pd.DataFrame({"face": outside[piece], "community": neighbour, "is_neighbour": True})
    votes = votes.merge(beside, on=["face", "community"], how="outer")
    votes["is_neighbour"] = votes["is_neighbour"].eq(True)
    votes = votes.fillna({"area_m2": 0.0}).sort_values(
        ["face", "is_neighbour", "area_m2", "community"], ascending=[True, False, False, True]
    )
    best = votes.drop_duplicates("face").set_index("face")["community"].reindex(outside)
    lost = np.flatnonzero(best.isna())
    if len(lost):
        which, nearest = tree.query_nearest(faces.polygons[outside[lost]], all_matches=False)
        best.iloc[lost[which]] = nearest
    return best.to_numpy().astype(np.int64)


def _votes(faces: Faces, outside: NDArray[np.int64]) -> pd.DataFrame:
    """Return for each face outside how much ground its source cells have in each community."""
    face, layer = np.nonzero(faces.members[:, 1:] != NO_CELL)
    cells = pd.DataFrame({"face": face, "layer": layer + 1, "row": faces.members[face, layer + 1]})
    further = pd.DataFrame(faces.overlaps, columns=["face", "layer", "row"])
    cells = pd.concat([cells, further[further["layer"] > 0]], ignore_index=True)
    cells["community"], cells["area_m2"] = faces.members[cells["face"], 0], faces.areas_m2[cells["face"]]
    inside = cells[cells["community"] != NO_CELL].groupby(["layer", "row", "community"], as_index=False)
    totals = inside.agg({"area_m2": "sum"})
    wanted = cells.loc[cells["face"].isin(outside), ["face", "layer", "row"]].merge(totals, on=["layer", "row"])
    return wanted.groupby(["face", "community"], as_index=False).agg({"area_m2": "sum"})


def overlay_part(
    layers: Sequence[NDArray[np.object_]],
    rows: Sequence[NDArray[np.int64]],
    wanted: NDArray[np.int64],
    adopted: Adopted,
    params: SnapParams,
) -> Mosaic:
    """Return the faces of some communities, in an order that depends on the faces alone.

    Parameters
    ----------
    layers, rows
        Polygons of each layer about the communities (:meth:`geo.algorithms.partition.tiles.Layers.around`), and their
        numbers in the whole layers.
    wanted
        Rows of the communities.
    adopted
        Ground outside every community that was given to these.
    params
        How near borders must be to mean the same line.
    """
    faces = overlay_rows(layers, rows, params)
    community = faces.members[:, 0].copy()
    strays = np.flatnonzero(community == NO_CELL)
    if len(strays) and len(adopted.polygons):
        points = shapely.point_on_surface(faces.polygons[strays])
        stray, piece = shapely.STRtree(adopted.polygons).query(points, predicate="intersects")
        community[strays[stray]] = adopted.community[piece]
    strays = np.flatnonzero(community == NO_CELL)
    if len(strays):
        stray, drawn = _held_as_drawn(faces.polygons[strays], layers[0])
        community[strays[stray]] = rows[0][drawn]
    inside = np.isin(community, wanted)
    return _in_order(faces.take(inside), community[inside])


def _held_as_drawn(
    polygons: NDArray[np.object_], communities: NDArray[np.object_]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return which polygons lie in communities as these are drawn, and the community that holds most of each."""
    which, row = shapely.STRtree(communities).query(polygons, predicate="intersects")
    held_m2 = np.round(shapely.area(shapely.intersection(polygons[which], communities[row])), 6)
    order = np.lexsort((row, -held_m2, which))
    order = order[held_m2[order] > 0]
    first = order[np.unique(which[order], return_index=True)[1]]
    return which[first], row[first]


def _in_order(faces: Faces, community: NDArray[np.int64]) -> Mosaic:
    """Return the faces by community and place, without borders between communities."""
    polygons = shapely.normalize(faces.polygons)
    areas = shapely.area(polygons)
    order = np.lexsort((np.round(areas, 6), *np.round(shapely.bounds(polygons), 6).T[::-1], community))
    place = np.empty(len(order) + 1, dtype=np.int64)
    place[order], place[-1] = np.arange(len(order)), OUTSIDE
    borders, sweeps = faces.borders, faces.sweeps
    overlaps = faces.overlaps.copy()
    overlaps[:, 0] = place[overlaps[:, 0]]
    overlaps = overlaps[np.lexsort(overlaps.T[::-1])]
    ordered = Faces(
        polygons[order],
        areas[order],
        faces.members[order],
        overlaps,
        _apart(borders, place, community),
        Sweeps(sweeps.layer, sweeps.row, place[sweeps.face], sweeps.area_m2),
    )
    return Mosaic(ordered, community[order])


def _apart(borders: Borders, place: NDArray[np.int64], community: NDArray[np.int64]) -> Borders:
    """Return the borders with faces renumbered, those between two communities as two borders to the outside."""
    first, second = borders.first, borders.second
    cut = (first != OUTSIDE) & (community[first] != community[second])
    ends = np.concatenate((np.where(cut, OUTSIDE, place[first]), np.full(cut.sum(), OUTSIDE)))
    others = np.concatenate((place[second], place[first[cut]]))
    low, high = np.minimum(ends, others), np.maximum(ends, others)
    layers = np.concatenate((borders.layers, borders.layers[cut]))
    lengths = np.concatenate((borders.lengths_m, borders.lengths_m[cut]))
    order = np.lexsort((layers, high, low))
    return Borders(low[order], high[order], layers[order], lengths[order])


def join_mosaics(parts: Sequence[Mosaic]) -> Mosaic:
    """Return the faces of all parts, part after part."""
    starts = np.cumsum([0, *(len(part.community) for part in parts)])
    both = [(part.faces, int(start)) for part, start in zip(parts, starts, strict=False)]
    borders = [
        (_shifted(f.borders.first, start), f.borders.second + start, f.borders.layers, f.borders.lengths_m)
        for f, start in both
    ]
    sweeps = [(f.sweeps.layer, f.sweeps.row, _shifted(f.sweeps.face, start), f.sweeps.area_m2) for f, start in both]
    faces = Faces(
        np.concatenate([f.polygons for f, _ in both]),
        np.concatenate([f.areas_m2 for f, _ in both]),
        np.concatenate([f.members for f, _ in both]),
        np.concatenate([f.overlaps + np.array([start, 0, 0]) for f, start in both]),
        Borders(*(np.concatenate(column) for column in zip(*borders, strict=True))),
        Sweeps(*(np.concatenate(column) for column in zip(*sweeps, strict=True))),
    )
    return Mosaic(faces, np.concatenate([part.community for part in parts]))


def _shifted(face: NDArray[np.int64], start: int) -> NDArray[np.int64]:
    return np.where(face == OUTSIDE, OUTSIDE, face + start)

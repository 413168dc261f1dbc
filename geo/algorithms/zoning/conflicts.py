"""Where departments disagree about a border.

A cell is *meant* to lie in the cell of another zoning that holds at least ``nested_share`` of it. Ground of the first cell
outside the second is then in dispute between the two departments: that is a border conflict, whoever is right. Cells that
are spread over several cells of the other zoning were drawn for another purpose and make no conflict. A strip up to
``max_border_offset_m`` wide is one border drawn twice (``border``), a wider piece a cell that reaches into another one
(``straddle``). Gaps and overlaps within one zoning are conflicts of that zoning alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.algorithms.components import group_connected
from geo.algorithms.partition.overlay import NO_CELL
from geo.algorithms.zoning.unify import COMMUNITY, Overlaid, Unified, UnifyParams
from geo.model.frames import SCHEMAS, empty_frame

_GAP_COMMUNITY_SHARE = 0.5
"""A community is part of a zoning's area when the zoning covers at least this share of it."""


def find_conflicts(unified: Unified, facilities: gpd.GeoDataFrame, params: UnifyParams) -> tuple[gpd.GeoDataFrame, int]:
    """Return the ``conflict`` frame, largest area first, and how many were too small to list.

    Parameters
    ----------
    unified
        Result of :func:`geo.algorithms.zoning.unify.unify_zonings`.
    facilities
        ``facility`` frame; those inside each conflict are counted.
    params
        Limits.
    """
    overlaid = unified.overlaid
    found = [
        *(row for pair in combinations(range(len(overlaid.layer_ids)), 2) for row in _borders(overlaid, *pair, params)),
        *(row for layer in range(overlaid.community_layer) for row in _gaps(overlaid, layer)),
        *_overlaps(overlaid),
        *_unassigned(unified),
    ]
    crs = unified.cells.crs
    if not found:
        return empty_frame("conflict", crs.to_epsg()), 0
    frame = gpd.GeoDataFrame(found, geometry="geometry", crs=crs)
    frame["area_m2"] = frame.area
    frame["max_offset_m"] = 2 * shapely.length(shapely.maximum_inscribed_circle(frame.geometry.to_numpy(), 0.25))
    small = (frame["area_m2"] < params.min_conflict_area_m2) | (frame["max_offset_m"] < params.min_conflict_width_m)
    frame = frame[~small | (frame["kind"] == "overlap")]
    frame = frame.sort_values(["area_m2", "zoning_a", "cell_a"], ascending=[False, True, True], ignore_index=True)
    polygons = frame.geometry.to_numpy()
    inside = shapely.STRtree(facilities.geometry.to_numpy()).query(polygons, predicate="intersects")[0]
    wide = (frame["kind"] == "border") & (frame["max_offset_m"] > params.max_border_offset_m)
    frame["kind"] = frame["kind"].where(~wide, "straddle")
    frame["facilities"] = np.bincount(inside, minlength=len(frame))
    frame["conflict_id"] = np.arange(1, len(frame) + 1)
    frame["community_name"] = _community_of(polygons, overlaid)
    return frame[[*SCHEMAS["conflict"].column_names, "geometry"]], int(small.sum())


def _community_of(polygons: NDArray[np.object_], overlaid: Overlaid) -> NDArray[np.object_]:
    communities = overlaid.sources[COMMUNITY]
    points = shapely.point_on_surface(polygons)
    names = np.full(len(polygons), None, dtype=object)
    which, row = shapely.STRtree(communities.geometry.to_numpy()).query(points, predicate="intersects")
    names[which[::-1]] = communities["name"].to_numpy()[row[::-1]]
    return names


def _borders(overlaid: Overlaid, one: int, two: int, params: UnifyParams) -> Iterator[dict[str, object]]:
    """Yield the disagreements between two layers."""
    a, b = overlaid.faces.members[:, one], overlaid.faces.members[:, two]
    both = (a != NO_CELL) & (b != NO_CELL)
    a_strays = _strays(overlaid, one, a, b, params.nested_share)
    b_strays = _strays(overlaid, two, b, a, params.nested_share)
    disputed = both & (a_strays | b_strays)
    if not disputed.any():
        return
    for members in _connected(overlaid, disputed, np.column_stack((a, b))):
        face = members[0]
        # the one that strays is named first
        first, second = (one, two) if a_strays[face] else (two, one)
        yield {
            "kind": "border",
            "zoning_a": overlaid.layer_ids[first],
            "cell_a": _code(overlaid, first, overlaid.faces.members[face, first]),
            "zoning_b": overlaid.layer_ids[second],
            "cell_b": _code(overlaid, second, overlaid.faces.members[face, second]),
            "length_m": _disputed_length(overlaid, members, first, second),
            "geometry": _multi(overlaid.faces.polygons[members]),
        }


def _strays(
    overlaid: Overlaid, layer: int, mine: NDArray[np.int64], theirs: NDArray[np.int64], nested_share: float
) -> NDArray[np.bool_]:
    """Return which faces lie in a cell of a layer but not in the other layer's cell that the cell is meant to lie in."""
    areas = overlaid.faces.areas_m2
    held = (mine != NO_CELL) & (theirs != NO_CELL)
    table = pd.DataFrame({"mine": mine[held], "theirs": theirs[held], "area": areas[held]})
    table = table.groupby(["mine", "theirs"]).agg({"area": "sum"}).reset_index()
    table = table.sort_values(["mine", "area", "theirs"], ascending=[True, False, True]).drop_duplicates("mine")
    whole = np.bincount(mine[mine != NO_CELL], weights=areas[mine != NO_CELL])
    share = table["area"].to_numpy() / whole[table["mine"]]
    meant = np.full(len(overlaid.sources[overlaid.layer_ids[layer]]), NO_CELL, dtype=np.int64)
    nested = share >= nested_share
    meant[table["mine"].to_numpy()[nested]] = table["theirs"].to_numpy()[nested]
    home = np.where(mine == NO_CELL, NO_CELL, meant[mine])
    return np.asarray((home != NO_CELL) & (theirs != NO_CELL) & (theirs != home), dtype=bool)


def _connected(overlaid: Overlaid, chosen: NDArray[np.bool_], label: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the connected groups of chosen faces that have one label."""
    first, second = overlaid.borders.first, overlaid.borders.second
    linked = chosen[first] & chosen[second] & (label[first] == label[second]).all(axis=1)
    groups = group_connected(len(chosen), first[linked], second[linked])
    faces = np.flatnonzero(chosen)
    order = faces[np.argsort(groups[faces], kind="stable")]
    starts = np.flatnonzero(np.diff(groups[order], prepend=-1))
    return np.split(order, starts[1:])


def _disputed_length(overlaid: Overlaid, members: NDArray[np.int64], layer: int, other: int) -> float:
    """Return the length of the other layer's border inside the straying cell, along these faces."""
    inside = np.zeros(len(overlaid.faces.polygons), dtype=bool)
    inside[members] = True
    first, second, lengths = overlaid.borders.first, overlaid.borders.second, overlaid.borders.lengths_m
    edge = inside[first] != inside[second]
    mine, theirs = overlaid.faces.members[:, layer], overlaid.faces.members[:, other]
    same_cell = mine[first] == mine[second]
    crosses = theirs[first] != theirs[second]
    return float(lengths[edge & same_cell & crosses].sum())


def _gaps(overlaid: Overlaid, layer: int) -> Iterator[dict[str, object]]:
    """Yield ground that a zoning leaves out inside the communities that it covers for the most part."""
    faces = overlaid.faces
    community = faces.members[:, overlaid.community_layer]
    covered = faces.members[:, layer] != NO_CELL
    known = community != NO_CELL
    count = len(overlaid.sources[COMMUNITY])
    total = np.bincount(community[known], weights=faces.areas_m2[known], minlength=count)
    mine = np.bincount(community[known & covered], weights=faces.areas_m2[known & covered], minlength=count)
    served = mine >= _GAP_COMMUNITY_SHARE * np.maximum(total, 1e-9)
    missing = known & ~covered & served[community]
    label = np.zeros((len(missing), 1), dtype=np.int64)
    for members in _connected(overlaid, missing, label) if missing.any() else []:
        polygon = _multi(faces.polygons[members])
        yield {
            "kind": "gap",
            "zoning_a": overlaid.layer_ids[layer],
            "cell_a": "",
            "zoning_b": None,
            "cell_b": None,
            "length_m": polygon.length / 2,
            "geometry": polygon,
        }


def _overlaps(overlaid: Overlaid) -> Iterator[dict[str, object]]:
    """Yield ground that two cells of one zoning claim."""
    rows = overlaid.faces.overlaps
    for layer, row in np.unique(rows[:, 1:], axis=0):
        held = rows[(rows[:, 1] == layer) & (rows[:, 2] == row), 0]
        chosen = np.zeros(len(overlaid.faces.polygons), dtype=bool)
        chosen[held] = True
        for members in _connected(overlaid, chosen, overlaid.faces.members[:, [layer]]):
            polygon = _multi(overlaid.faces.polygons[members])
            yield {
                "kind": "overlap",
                "zoning_a": overlaid.layer_ids[layer],
                "cell_a": _code(overlaid, layer, overlaid.faces.members[members[0], layer]),
                "zoning_b": overlaid.layer_ids[layer],
                "cell_b": _code(overlaid, layer, row),
                "length_m": polygon.length / 2,
                "geometry": polygon,
            }


def _unassigned(unified: Unified) -> Iterator[dict[str, object]]:
    """Yield cells that lie outside every community."""
    overlaid = unified.overlaid
    for group in unified.unassigned:
        members = np.flatnonzero(unified.slivers.groups == group)
        largest = members[np.argmax(overlaid.faces.areas_m2[members])]
        layer = int(np.flatnonzero(overlaid.faces.members[largest] != NO_CELL)[0])
        polygon = _multi(overlaid.faces.polygons[members])
        yield {
            "kind": "unassigned",
            "zoning_a": overlaid.layer_ids[layer],
            "cell_a": _code(overlaid, layer, overlaid.faces.members[largest, layer]),
            "zoning_b": COMMUNITY,
            "cell_b": None,
            "length_m": polygon.length / 2,
            "geometry": polygon,
        }


def _code(overlaid: Overlaid, layer: int, row: int) -> str:
    return str(overlaid.sources[overlaid.layer_ids[layer]]["code"].iloc[row])


def _multi(polygons: NDArray[np.object_]) -> shapely.MultiPolygon:
    union = shapely.coverage_union_all(polygons)
    return union if union.geom_type == "MultiPolygon" else shapely.MultiPolygon([union])

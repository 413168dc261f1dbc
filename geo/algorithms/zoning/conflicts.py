"""Where departments disagree about a border.

Where a cell is meant to lie in a cell of another zoning (:mod:`geo.algorithms.zoning.nesting`), its ground outside that
cell is in dispute between the two departments: that is a border conflict, whoever is right. A strip up to
``max_border_offset_m`` wide is one border drawn twice (``border``), a wider piece a cell that reaches into another one
(``straddle``). Gaps and overlaps within one zoning are conflicts of that zoning alone. A conflict lies in one community.

What would settle it
--------------------
A border against a community follows the community. Between two zonings it follows the line that more of the others draw as
well, measured along the disputed ground; where they draw both alike, somebody has to look. Gaps are to be assigned, double
claims to be decided, cells outside every community to be given to one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.algorithms.components import group_connected, split_groups
from geo.algorithms.partition.coverage import union_coverage
from geo.algorithms.partition.overlay import NO_CELL, OUTSIDE
from geo.algorithms.zoning.mosaic import Mosaic
from geo.algorithms.zoning.nesting import Homes, find_homes, find_strays
from geo.algorithms.zoning.sources import COMMUNITY, Sources
from geo.algorithms.zoning.unify import Unified, UnifyParams
from geo.algorithms.zoning.workers import Workers
from geo.model.frames import SCHEMAS, empty_frame

_GAP_COMMUNITY_SHARE = 0.5
"""A community is part of a zoning's area when the zoning covers at least this share of it."""
_AGREEMENT_MARGIN = 0.1
"""Departments that draw one line rather than the other must be more by this, on average along it."""
_FACILITIES_LISTED = 20
_OFFSET_STEP, _LEAST_OFFSET_STEP_M = 0.05, 0.01
"""The largest offset is found to within this share of the mean width."""


@dataclass(frozen=True)
class _Disputed:
    """Faces in dispute as one piece, between two polygons of two layers; -1 for none."""

    kind: str
    faces: NDArray[np.int64]
    layer_a: int
    row_a: int
    layer_b: int
    row_b: int


def find_conflicts(
    unified: Unified,
    facilities: gpd.GeoDataFrame,
    params: UnifyParams,
    overlaps: pd.DataFrame | None = None,
    workers: Workers | None = None,
) -> tuple[gpd.GeoDataFrame, int]:
    """Return the ``conflict`` frame, largest area first, and how many were too small to list.

    Parameters
    ----------
    unified
        The layer, or the part of it in some communities.
    facilities
        ``facility`` frame; those inside each conflict are listed.
    params
        Limits.
    overlaps
        Which polygons hold common ground in all communities, when ``unified`` has only some.
    workers
        Share the measuring; None for this process alone.
    """
    sources, mosaic = unified.sources, unified.part.mosaic
    areas = [shapely.area(polygons) for polygons in sources.polygons]
    homes = find_homes(unified.overlaps if overlaps is None else overlaps, areas, params.nested_share)
    finder = _Finder(sources, mosaic, homes)
    found = [*finder.borders(), *finder.gaps(), *finder.overlaps(), *finder.unassigned()]
    crs = sources.communities.crs
    if not found:
        return empty_frame("conflict", crs.to_epsg()), 0
    polygons = _unions(mosaic.faces.polygons, found)
    area = shapely.area(polygons)
    kinds = np.array([piece.kind for piece in found], dtype=object)
    large = (area >= params.min_conflict_area_m2) | (kinds == "overlap")
    offset = np.zeros(len(found))
    step = np.maximum(_OFFSET_STEP * 2 * area / np.maximum(shapely.length(polygons), 1e-9), _LEAST_OFFSET_STEP_M)
    circles = (workers or Workers()).share_out(shapely.maximum_inscribed_circle, polygons[large], step[large])
    offset[large] = 2 * shapely.length(circles)
    large &= (offset >= params.min_conflict_width_m) | (kinds == "overlap")
    rows = [finder.describe(piece) for piece, listed in zip(found, large, strict=True) if listed]
    frame = gpd.GeoDataFrame(pd.DataFrame(rows), geometry=polygons[large], crs=crs)
    if frame.empty:
        return empty_frame("conflict", crs.to_epsg()), int((~large).sum())
    frame["area_m2"], frame["max_offset_m"] = area[large], offset[large]
    wide = (frame["kind"] == "border") & (frame["max_offset_m"] > params.max_border_offset_m)
    frame["kind"] = frame["kind"].where(~wide, "straddle")
    _add_facilities(frame, facilities)
    frame["conflict_key"] = _keys(frame)
    frame = frame.sort_values(["area_m2", "conflict_key"], ascending=[False, True], ignore_index=True)
    return frame[[*SCHEMAS["conflict"].column_names, "geometry"]], int((~large).sum())


def _unions(polygons: NDArray[np.object_], found: list[_Disputed]) -> NDArray[np.object_]:
    unions = [union_coverage(polygons[piece.faces]) for piece in found]
    parts, owner = shapely.get_parts(shapely.normalize(np.array(unions, dtype=object)), return_index=True)
    multi: NDArray[np.object_] = shapely.multipolygons(parts, indices=owner)
    return multi


def _add_facilities(frame: gpd.GeoDataFrame, facilities: gpd.GeoDataFrame) -> None:
    conflict, facility = shapely.STRtree(facilities.geometry.to_numpy()).query(
        frame.geometry.to_numpy(), predicate="intersects"
    )
    codes = facilities["code"].to_numpy(dtype=object)[facility]
    inside: list[list[str]] = [[] for _ in range(len(frame))]
    for row, code in zip(conflict.tolist(), codes.tolist(), strict=True):
        inside[row].append(code)
    frame["facilities"] = [len(codes) for codes in inside]
    frame["facility_codes"] = [json.dumps(sorted(codes)[:_FACILITIES_LISTED], ensure_ascii=False) for codes in inside]


def _keys(frame: gpd.GeoDataFrame) -> pd.Series:
    """Return a key for each conflict: kind, community, cells, and a number from the south-west where these are alike."""
    parts = frame[["kind", "community_code", "zoning_a", "cell_a", "zoning_b", "cell_b"]].fillna("")
    rows = parts.itertuples(index=False, name=None)
    key = pd.Series(
        [f"{kind}|{place}|{a}:{mine}|{b}:{theirs}" for kind, place, a, mine, b, theirs in rows], frame.index
    )
    bounds = frame.geometry.bounds.round(6)
    order = np.lexsort((bounds["miny"], bounds["minx"], key))
    number = pd.Series(0, index=frame.index)
    number.iloc[order] = key.iloc[order].groupby(key.iloc[order]).cumcount()
    keys: pd.Series = key + "|" + (number + 1).astype(str)
    return keys


class _Finder:
    """Finds the pieces of ground in dispute."""

    def __init__(self, sources: Sources, mosaic: Mosaic, homes: Homes) -> None:
        self.sources = sources
        self.mosaic = mosaic
        self.homes = homes
        self.members = mosaic.faces.members
        self.codes = [sources.codes(layer) for layer in range(len(sources.layer_ids))]
        self._names = sources.communities["name"].to_numpy(dtype=object)
        borders = mosaic.faces.borders
        ends = np.concatenate((borders.first, borders.second))
        inner = np.flatnonzero(ends != OUTSIDE)
        self._sorted = inner[np.argsort(ends[inner], kind="stable")]
        self._start = np.searchsorted(ends[self._sorted], np.arange(len(self.members) + 1))
        self._others = np.concatenate((borders.second, borders.first))
        self._layers, self._lengths = np.tile(borders.layers, 2), np.tile(borders.lengths_m, 2)

    def borders(self) -> Iterator[_Disputed]:
        """Yield the disagreements between two layers; the one that strays is named first."""
        for one, two in combinations(range(self.members.shape[1]), 2):
            a_strays = find_strays(self.mosaic, self.homes, one, two)
            b_strays = find_strays(self.mosaic, self.homes, two, one)
            for faces in self._connected(a_strays | b_strays, self.members[:, [one, two]]):
                first, second = (one, two) if a_strays[faces[0]] else (two, one)
                rows = self.members[faces[0]]
                yield _Disputed("border", faces, first, int(rows[first]), second, int(rows[second]))

    def gaps(self) -> Iterator[_Disputed]:
        """Yield ground that a zoning leaves out inside the communities that it covers for the most part."""
        areas, known = self.mosaic.faces.areas_m2, ~self.mosaic.is_outside
        community, count = self.members[:, 0], len(self.codes[0])
        total = np.bincount(community[known], weights=areas[known], minlength=count)
        for layer in range(1, self.members.shape[1]):
            held = known & (self.members[:, layer] != NO_CELL)
            mine = np.bincount(community[held], weights=areas[held], minlength=count)
            served = mine >= _GAP_COMMUNITY_SHARE * np.maximum(total, 1e-9)
            missing = known & ~held & served[community]
            for faces in self._connected(missing, np.zeros((len(missing), 1), dtype=np.int64)):
                yield _Disputed("gap", faces, layer, NO_CELL, NO_CELL, NO_CELL)

    def overlaps(self) -> Iterator[_Disputed]:
        """Yield ground that two cells of one zoning claim."""
        rows = self.mosaic.faces.overlaps
        for layer, row in np.unique(rows[:, 1:], axis=0):
            chosen = np.zeros(len(self.members), dtype=bool)
            chosen[rows[(rows[:, 1] == layer) & (rows[:, 2] == row), 0]] = True
            for faces in self._connected(chosen, self.members[:, [layer]]):
                mine = int(self.members[faces[0], layer])
                yield _Disputed("overlap", faces, int(layer), mine, int(layer), int(row))

    def unassigned(self) -> Iterator[_Disputed]:
        """Yield ground of the zonings outside every community."""
        for faces in self._connected(self.mosaic.is_outside, np.zeros((len(self.members), 1), dtype=np.int64)):
            largest = faces[np.argmax(np.round(self.mosaic.faces.areas_m2[faces], 6))]
            layer = int(np.flatnonzero(self.members[largest] != NO_CELL)[0])
            yield _Disputed("unassigned", faces, layer, int(self.members[largest, layer]), 0, NO_CELL)

    def _connected(self, chosen: NDArray[np.bool_], label: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Return the connected groups of chosen faces that have one label; borders never join two communities."""
        if not chosen.any():
            return []
        borders = self.mosaic.faces.borders
        inner = borders.first != OUTSIDE
        first, second = borders.first[inner], borders.second[inner]
        linked = chosen[first] & chosen[second] & (label[first] == label[second]).all(axis=1)
        groups = group_connected(len(chosen), first[linked], second[linked])
        faces = np.flatnonzero(chosen)
        return [faces[members] for members in split_groups(groups[faces])]

    def describe(self, piece: _Disputed) -> dict[str, Any]:
        """Return the row of the frame for a piece, without what is measured on its polygon."""
        community = int(self.mosaic.community[piece.faces[0]])
        layers, lengths = self._outline(piece.faces)
        length, suggestion = self._length_and_suggestion(piece, layers, lengths)
        return {
            "kind": piece.kind,
            "zoning_a": self.sources.layer_ids[piece.layer_a],
            "cell_a": self._code(piece.layer_a, piece.row_a) or "",
            "zoning_b": None if piece.layer_b == NO_CELL else self.sources.layer_ids[piece.layer_b],
            "cell_b": self._code(piece.layer_b, piece.row_b),
            "community_code": str(self.codes[0][community]),
            "community_name": str(self._names[community]),
            "length_m": length,
            "suggestion": suggestion,
        }

    def _code(self, layer: int, row: int) -> str | None:
        return None if row == NO_CELL else str(self.codes[layer][row])

    def _outline(self, faces: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the layers that draw each piece of the outline of some faces, and its length."""
        rows = np.concatenate([self._sorted[self._start[face] : self._start[face + 1]] for face in faces])
        if len(faces) > 1:
            rows = rows[~np.isin(self._others[rows], faces)]
        return self._layers[rows], self._lengths[rows]

    def _length_and_suggestion(
        self, piece: _Disputed, layers: NDArray[np.int64], lengths: NDArray[np.float64]
    ) -> tuple[float, str]:
        """Return the length of border in dispute, and what would settle it."""
        if piece.kind != "border":
            settled_by = {"gap": "assign_gap", "overlap": "decide_overlap", "unassigned": "assign_community"}
            return float(lengths.sum()) / 2, settled_by[piece.kind]
        a_line, b_line = ((layers >> layer) & 1 == 1 for layer in (piece.layer_a, piece.layer_b))
        crossed = float(lengths[b_line & ~a_line].sum())
        if self.sources.layer_ids[piece.layer_a] == COMMUNITY or self.sources.layer_ids[piece.layer_b] == COMMUNITY:
            return crossed, "follow_community"
        others = layers & ~np.int64((1 << piece.layer_a) | (1 << piece.layer_b))
        drawn = np.bitwise_count(others).astype(np.float64)
        a_share, b_share = (
            float((drawn * lengths)[line].sum() / max(lengths[line].sum(), 1e-9))
            for line in (a_line & ~b_line, b_line & ~a_line)
        )
        if abs(a_share - b_share) <= _AGREEMENT_MARGIN:
            return crossed, "survey"
        return crossed, "follow_a" if a_share > b_share else "follow_b"

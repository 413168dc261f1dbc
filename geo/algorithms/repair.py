"""Mending the geometry of a layer, with every change told and measured.

Runs after projecting: some rings are valid in degrees and cross themselves in metres.

What an invalid polygon covers is a matter of reading. Its rings are read here as drawing programs and shapefiles do, by the
even-odd rule: a place belongs to the feature when a ray from it crosses the rings an odd number of times. The area that a
repair moved is the area of the symmetric difference between that reading and the repaired polygon, and at least the change
of the area that the rings say (shells less holes, by the shoelace formula), which is what the former owner's area column
holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.model.frames import GeometryKind
from geo.model.reports import Finding, Severity, list_rows

_MIN_LENGTH_M = 1e-6
_SAME_AREA_M2 = 1e-6
_MAX_COORDINATE_M = 5e7
_POINTS, _LINES, _POLYGONS, _COLLECTION = (0, 4), (1, 5), (3, 6), 7
_POLYGON = 3
_DIMENSION: dict[GeometryKind, tuple[int, ...]] = {"POINT": _POINTS, "LINESTRING": _LINES, "MULTIPOLYGON": _POLYGONS}
_PLACE = re.compile(r"\[(\S+) (\S+)\]$")
_KINDS_OF_REASONS = {"Too few points": "collapsed_part"}


@dataclass(frozen=True)
class RepairResult:
    """A mended layer.

    Attributes
    ----------
    frame
        Every geometry valid, 2D and of the wanted kind; column ``row`` holds the feature number of the source.
    repairs
        One row for each feature that was changed or left out: ``row``, ``kind`` (one of
        :data:`geo.model.frames.REPAIR_KINDS`), ``is_left_out`` (0 or 1), ``moved_area_m2`` and a point to look at, which is
        missing where the feature has no finite coordinate.
    moved_area_m2
        Sum of the areas that the repairs moved.
    findings
        What was changed and what was left out.
    """

    frame: gpd.GeoDataFrame
    repairs: gpd.GeoDataFrame
    moved_area_m2: float
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class _Mended:
    """Geometry of one kind; which features were changed, why, by how much and where.

    Attributes
    ----------
    geometry
        Empty where a feature is of another kind or has no size.
    kind
        Kind of repair; empty where nothing was changed.
    moved_area_m2
        Area moved.
    place
        Point to look at, missing where any point of the feature does.
    """

    geometry: NDArray[np.object_]
    kind: NDArray[np.object_]
    moved_area_m2: NDArray[np.float64]
    place: NDArray[np.object_]


@dataclass
class _Repairs:
    """Rows of the list of repairs, as they come."""

    parts: list[pd.DataFrame] = field(default_factory=list)

    def add(
        self, rows: NDArray[np.int64], kind: object, places: NDArray[np.object_], left_out: bool, moved: object = 0.0
    ) -> None:
        columns = {"row": rows, "kind": kind, "is_left_out": int(left_out), "moved_area_m2": moved, "geometry": places}
        if len(rows):
            self.parts.append(pd.DataFrame(columns))

    def frame(self, crs: object) -> gpd.GeoDataFrame:
        if not self.parts:
            empty = {"row": np.array([], dtype="int64"), "kind": [], "is_left_out": np.array([], dtype="int64")}
            return gpd.GeoDataFrame(empty | {"moved_area_m2": np.array([], dtype="float64")}, geometry=[], crs=crs)
        rows = pd.concat(self.parts, ignore_index=True).sort_values("row", kind="stable", ignore_index=True)
        return gpd.GeoDataFrame(rows, geometry="geometry", crs=crs)


def repair_layer(frame: gpd.GeoDataFrame, kind: GeometryKind, closed: Sequence[int] = ()) -> RepairResult:
    """Return the layer with valid geometry of one kind.

    Features without geometry, with coordinates that are not finite, or of another kind are left out and reported;
    Z and M are dropped; multi-part points and lines become one feature each part; invalid polygons are rebuilt by the
    structure method (rings keep their role) or, where that is nearer to the area that the rings say, by the even-odd rule,
    and the area that this moved is reported.

    Parameters
    ----------
    frame
        In a metric CRS. Not changed.
    kind
        Wanted kind of geometry.
    closed
        Numbers of the features whose rings the reader closed, of which it told; they are listed here among the repairs.
    """
    findings: list[Finding] = []
    repairs = _Repairs()
    frame = frame.reset_index(drop=True)
    frame["row"] = np.arange(len(frame))
    geometry = shapely.force_2d(frame.geometry.to_numpy())
    before = geometry

    def leave_out(mask: NDArray[np.bool_], code: str, message: str, kinds: object = None) -> None:
        nonlocal frame, geometry, before
        if mask.any():
            findings.append(_finding(frame, before, mask, code, "error", message))
            repairs.add(
                frame.loc[mask, "row"].to_numpy(), code if kinds is None else kinds, _any_point(before[mask]), True
            )
            frame, geometry, before = frame[~mask].reset_index(drop=True), geometry[~mask], before[~mask]

    leave_out(
        shapely.is_missing(geometry) | shapely.is_empty(geometry),
        "no_geometry",
        "{count} features have no geometry and were left out.",
    )
    leave_out(
        ~np.isfinite(shapely.bounds(geometry)).all(axis=1),
        "bad_coordinates",
        "{count} features have coordinates that lie outside the coordinate system and were left out.",
    )
    repair: Callable[[NDArray[np.object_]], _Mended] = {
        "MULTIPOLYGON": _repair_polygons,
        "LINESTRING": _repair_lines,
        "POINT": _repair_points,
    }[kind]
    mended = repair(geometry)
    geometry = mended.geometry
    is_left = ~(shapely.is_empty(geometry) | shapely.is_missing(geometry))
    changes: tuple[tuple[str, NDArray[np.bool_], Severity, str], ...] = (
        ("repaired", np.isin(mended.kind, ("self_intersection", "collapsed_part")), "warning", _REPAIRED),
        ("other_parts", mended.kind == "other_parts", "warning", _OTHER_PARTS),
        ("duplicate_points", mended.kind == "duplicate_points", "note", _DUPLICATE_POINTS),
        ("unclosed_ring", (mended.kind == "") & frame["row"].isin(closed).to_numpy(), "warning", ""),
    )
    for code, is_kind, severity, message in changes:
        chosen = is_kind & is_left
        if chosen.any():
            context = {"area_m2": float(mended.moved_area_m2[chosen].sum())} if code == "repaired" else {}
            kinds = mended.kind[chosen] if code == "repaired" else code
            places = np.where(shapely.is_missing(mended.place), _any_point(before), mended.place)
            if message:
                findings.append(_finding(frame, places, chosen, code, severity, message, **context))
            repairs.add(frame.loc[chosen, "row"].to_numpy(), kinds, places[chosen], False, mended.moved_area_m2[chosen])
    of_kind = np.isin(shapely.get_type_id(before), _DIMENSION[kind])
    leave_out(
        ~is_left,
        "wrong_geometry",
        "{count} features are of another kind of geometry, or of no size, and were left out.",
        np.where(of_kind, "collapsed_part", "wrong_geometry")[~is_left],
    )
    frame = frame.set_geometry(gpd.GeoSeries(geometry, crs=frame.crs))
    if kind != "MULTIPOLYGON":
        frame = frame.explode(index_parts=False).reset_index(drop=True)
    table = repairs.frame(frame.crs)
    return RepairResult(frame, table, float(table["moved_area_m2"].sum()), tuple(findings))


_REPAIRED = "{count} invalid features were repaired; their area changed by {area_m2:.2f} m² in all."
_OTHER_PARTS = "{count} features hold points or lines beside their polygons; only the polygons were kept."
_DUPLICATE_POINTS = "{count} lines repeat points; the repetitions were removed, nothing moved."


def _any_point(geometry: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return the first vertex on this planet of each geometry, missing where there is none."""
    points, owner = shapely.get_coordinates(geometry, return_index=True)
    usable = (np.abs(points) <= _MAX_COORDINATE_M).all(axis=1)
    owners, first = np.unique(owner[usable], return_index=True)
    places = np.full(len(geometry), None, dtype=object)
    places[owners] = shapely.points(points[usable][first])
    return places


def _finding(
    frame: gpd.GeoDataFrame,
    geometry: NDArray[np.object_],
    mask: NDArray[np.bool_],
    code: str,
    severity: Severity,
    message: str,
    **context: float,
) -> Finding:
    rows = frame.loc[mask, "row"].to_numpy()
    first = geometry[mask][0]
    place = (None, None)
    if np.isfinite(shapely.bounds(first)).all():  # neither missing nor empty nor endless
        point = shapely.point_on_surface(first)
        place = (point.x, point.y)
    count = int(mask.sum())
    return Finding(code, severity, message, count, list_rows(rows), *place, {"count": count, **context})


def _unchanged(geometry: NDArray[np.object_]) -> _Mended:
    count = len(geometry)
    return _Mended(geometry, np.full(count, "", dtype=object), np.zeros(count), np.full(count, None, dtype=object))


def _repair_polygons(geometry: NDArray[np.object_]) -> _Mended:
    """Return valid multipolygons; empty where a feature holds no polygon of some size."""
    types = shapely.get_type_id(geometry)
    polygons = geometry.copy()
    polygons[~np.isin(types, (*_POLYGONS, _COLLECTION))] = shapely.MultiPolygon()
    polygons = _polygon_parts(polygons)
    mended = _unchanged(polygons.copy())
    mended.kind[(types == _COLLECTION) & _holds_other_parts(geometry)] = "other_parts"
    invalid = ~shapely.is_valid(polygons)
    if not invalid.any():
        return mended
    reasons = shapely.is_valid_reason(polygons[invalid])
    mended.kind[invalid] = [
        next((kind for start, kind in _KINDS_OF_REASONS.items() if reason.startswith(start)), "self_intersection")
        for reason in reasons
    ]
    mended.place[invalid] = [
        shapely.Point(float(place[1]), float(place[2])) if (place := _PLACE.search(reason)) else None
        for reason in reasons
    ]
    mended.geometry[invalid], mended.moved_area_m2[invalid] = _rebuilt(polygons[invalid])
    return mended


def _rebuilt(before: NDArray[np.object_]) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    """Return invalid multipolygons rebuilt, and the area that this moved.

    The structure method keeps shells and holes what they are. It fills what a shell encloses by touching itself, which
    drawing programs mean as a hole; there the even-odd reading is taken, because it has the area that the rings say.
    """
    even_odd = shapely.make_valid(before, method="linework")  # its polygons lie inside an odd number of rings
    even_odd[~np.isin(shapely.get_type_id(even_odd), (*_POLYGONS, _COLLECTION))] = shapely.MultiPolygon()
    even_odd = _polygon_parts(even_odd)
    after = _polygon_parts(shapely.make_valid(before, method="structure", keep_collapsed=False))
    said_m2 = np.abs(shapely.area(before))
    is_nearer = np.abs(shapely.area(even_odd) - said_m2) < np.abs(shapely.area(after) - said_m2) - _SAME_AREA_M2
    after[is_nearer] = even_odd[is_nearer]
    between = shapely.area(shapely.symmetric_difference(even_odd, after))
    return after, np.asarray(np.maximum(between, np.abs(shapely.area(after) - said_m2)))


def _holds_other_parts(geometry: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Return which collections hold points or lines."""
    parts, owner = shapely.get_parts(geometry, return_index=True)
    holds = np.zeros(len(geometry), dtype=bool)
    holds[owner[~np.isin(shapely.get_type_id(parts), (*_POLYGONS, _COLLECTION))]] = True
    return holds


def _polygon_parts(geometry: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return each geometry as a multipolygon of its polygons."""
    types = shapely.get_type_id(geometry)
    result = geometry.copy()
    single = types == _POLYGON
    result[single] = shapely.multipolygons(geometry[single], indices=np.arange(single.sum())) if single.any() else []
    for i in np.flatnonzero(types == _COLLECTION):
        parts = shapely.get_parts(shapely.get_parts(geometry[i]))
        result[i] = shapely.MultiPolygon(list(parts[shapely.get_type_id(parts) == _POLYGON]))
    return result


def _repair_lines(geometry: NDArray[np.object_]) -> _Mended:
    """Return lines of some length, repeated points removed."""
    linear = np.isin(shapely.get_type_id(geometry), _LINES)
    result = geometry.copy()
    result[linear] = shapely.remove_repeated_points(geometry[linear])
    fewer = linear & (shapely.get_num_coordinates(result) < shapely.get_num_coordinates(geometry))
    result[~(linear & (shapely.length(result) > _MIN_LENGTH_M))] = shapely.LineString()
    mended = _unchanged(result)
    mended.kind[fewer] = "duplicate_points"
    return mended


def _repair_points(geometry: NDArray[np.object_]) -> _Mended:
    """Return points; polygons and lines are not points and become empty."""
    result = geometry.copy()
    result[~np.isin(shapely.get_type_id(result), _POINTS)] = shapely.Point()
    return _unchanged(result)

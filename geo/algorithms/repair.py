"""Mending the geometry of a layer, with every change told.

Runs after projecting: some rings are valid in degrees and cross themselves in metres.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray

from geo.model.frames import GeometryKind
from geo.model.reports import Finding, list_rows

_MIN_LENGTH_M = 1e-6
_POLYGON, _MULTI_POLYGON, _COLLECTION = 3, 6, 7


@dataclass(frozen=True)
class RepairResult:
    """A mended layer.

    Attributes
    ----------
    frame
        Every geometry valid, 2D and of the wanted kind; column ``row`` holds the feature number of the source.
    moved_area_m2
        Sum over the features of the absolute change of area.
    findings
        What was changed and what was left out.
    """

    frame: gpd.GeoDataFrame
    moved_area_m2: float
    findings: tuple[Finding, ...]


def repair_layer(frame: gpd.GeoDataFrame, kind: GeometryKind) -> RepairResult:
    """Return the layer with valid geometry of one kind.

    Features without geometry, with coordinates that are not finite, or of another kind are left out and reported;
    Z and M are dropped; multi-part points and lines become one feature each part; invalid polygons are rebuilt by the
    structure method (rings keep their role), and the area that this moved is reported.

    Parameters
    ----------
    frame
        In a metric CRS. Not changed.
    kind
        Wanted kind of geometry.
    """
    findings: list[Finding] = []
    frame = frame.reset_index(drop=True)
    frame["row"] = np.arange(len(frame))
    geometry = shapely.force_2d(frame.geometry.to_numpy())

    def leave_out(mask: NDArray[np.bool_], code: str, message: str) -> None:
        nonlocal frame, geometry
        if mask.any():
            findings.append(_finding(frame, geometry, mask, code, "error", message))
            frame, geometry = frame[~mask].reset_index(drop=True), geometry[~mask]

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
    repair: Callable[..., tuple[NDArray[np.object_], NDArray[np.bool_], float]] = {
        "MULTIPOLYGON": _repair_polygons,
        "LINESTRING": _repair_lines,
        "POINT": _repair_points,
    }[kind]
    geometry, mended, moved = repair(geometry)
    if mended.any():
        message = "{count} invalid features were repaired; their area changed by {area_m2:.2f} m² in all."
        findings.append(_finding(frame, geometry, mended, "repaired", "warning", message, area_m2=moved))
    leave_out(
        shapely.is_empty(geometry) | shapely.is_missing(geometry),
        "wrong_geometry",
        "{count} features are of another kind of geometry, or of no size, and were left out.",
    )
    frame = frame.set_geometry(gpd.GeoSeries(geometry, crs=frame.crs))
    if kind != "MULTIPOLYGON":
        frame = frame.explode(index_parts=False).reset_index(drop=True)
    return RepairResult(frame, moved, tuple(findings))


def _finding(
    frame: gpd.GeoDataFrame,
    geometry: NDArray[np.object_],
    mask: NDArray[np.bool_],
    code: str,
    severity: str,
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
    return Finding(code, severity, message, count, list_rows(rows), *place, {"count": count, **context})  # type: ignore[arg-type]


def _repair_polygons(geometry: NDArray[np.object_]) -> tuple[NDArray[np.object_], NDArray[np.bool_], float]:
    """Return multipolygons, which were mended, and the area moved."""
    types = shapely.get_type_id(geometry)
    polygonal = np.isin(types, (_POLYGON, _MULTI_POLYGON, _COLLECTION))
    invalid = polygonal & ~shapely.is_valid(geometry)
    before = np.abs(shapely.area(geometry))
    result = geometry.copy()
    result[invalid] = shapely.make_valid(geometry[invalid], method="structure", keep_collapsed=False)
    result[~polygonal] = shapely.MultiPolygon()
    result = _polygon_parts(result)
    overlapping = ~shapely.is_valid(result)  # the parts of a valid collection may overlap
    result[overlapping] = _polygon_parts(shapely.make_valid(result[overlapping], method="structure"))
    invalid |= overlapping
    moved = float(np.abs(shapely.area(result[invalid]) - before[invalid]).sum())
    return result, invalid, moved


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


def _repair_lines(geometry: NDArray[np.object_]) -> tuple[NDArray[np.object_], NDArray[np.bool_], float]:
    """Return lines of some length, repeated points removed."""
    result = shapely.remove_repeated_points(geometry)
    linear = np.isin(shapely.get_type_id(result), (1, 5)) & (shapely.length(result) > _MIN_LENGTH_M)
    result[~linear] = shapely.LineString()
    return result, np.zeros(len(geometry), dtype=bool), 0.0


def _repair_points(geometry: NDArray[np.object_]) -> tuple[NDArray[np.object_], NDArray[np.bool_], float]:
    """Return points; polygons and lines are not points and become empty."""
    result = geometry.copy()
    result[~np.isin(shapely.get_type_id(result), (0, 4))] = shapely.Point()
    return result, np.zeros(len(geometry), dtype=bool), 0.0

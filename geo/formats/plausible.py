"""Whether coordinates can be what their CRS says: degrees or metres, zone prefix, order of the axes, place on the globe."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Proj, Transformer

from geo.errors import CrsError
from geo.formats.source_crs import NORTHINGS_M, guess_crs, may_be_web_mercator, middle_of
from geo.formats.source_layer import SourceLayer
from geo.model.crs import (
    WGS84_EPSG,
    GaussKrugerZone,
    chinese_datum,
    crs_name,
    projection_parameters,
    recognise_gauss_kruger,
    zone_of_prefix,
)
from geo.model.reports import Finding, list_rows

Bounds = tuple[float, float, float, float]

_FAR_M = 100_000.0
_AREA_MARGIN_DEG = 3.0
_EASTING_REACH_M = 1_000_000.0
_LARGEST_M = 1e8
_WEST_CHINA_SWAPPED = (27.0, 73.0, 50.0, 90.0)
"""Where western China comes to lie with its axes exchanged, in degrees: the Arctic Ocean."""
_MAX_SCALE_ERROR = 1e-3


def require_plausible(layer: SourceLayer, *, is_swapped: bool) -> SourceLayer:
    """Return the layer with its CRS settled.

    Where the coordinates contradict the CRS and only one reading is left, it is taken and told.

    Parameters
    ----------
    layer
        As read.
    is_swapped
        Whether the axes were exchanged at the user's wish.

    Raises
    ------
    CrsError
        The coordinates cannot be what the CRS says; the message names what would fit.
    """
    crs = CRS.from_user_input(layer.frame.crs)
    x, y = middle_of(layer.frame)
    if _is_in_swapped_order(crs, x, y):
        raise_swapped(layer.title, is_swapped=is_swapped)
    if crs.is_geographic:
        return layer if abs(x) <= 180 and abs(y) <= 90 else _in_metres_after_all(layer, crs, x, y)
    if max(abs(x), abs(y)) <= 180:
        raise CrsError(
            "'{file}': coordinates from {x:.6g}, {y:.6g} look like degrees, but {crs} does not measure in degrees. Name "
            "the right coordinate system.",
            file=layer.title,
            x=x,
            y=y,
            crs=crs_name(crs),
        )
    return _with_right_prefix(layer, crs, x)


def raise_swapped(file: str, *, is_swapped: bool) -> None:
    """Refuse a layer whose axes are in the wrong order, and say which option changes it."""
    if is_swapped:
        raise CrsError(
            "'{file}' holds its coordinates in the right order, longitude first. Import it again without exchanging the "
            "axes (--swap-xy).",
            file=file,
        )
    raise CrsError(
        "'{file}' holds its coordinates in the order latitude, longitude (axes swapped). Import it again with the axes "
        "exchanged (--swap-xy).",
        file=file,
    )


def _is_in_swapped_order(crs: CRS, x: float, y: float) -> bool:
    if crs.is_geographic:
        west, south, east, north = _WEST_CHINA_SWAPPED
        return (abs(y) > 90 >= abs(x) and abs(y) <= 180) or (west <= x <= east and south <= y <= north)
    easting = projection_parameters(crs).get("False easting")
    if easting is None or crs.axis_info[0].unit_conversion_factor != 1.0:
        return False
    if not NORTHINGS_M[0] <= x <= NORTHINGS_M[1] or abs(x - easting) < _EASTING_REACH_M:
        return False
    return _is_easting(y, easting) or _is_easting(y, 500_000.0) or zone_of_prefix(int(y // 1e6)) is not None


def _is_easting(value: float, false_easting: float) -> bool:
    return abs(value - false_easting) <= _EASTING_REACH_M / 2


def _in_metres_after_all(layer: SourceLayer, crs: CRS, x: float, y: float) -> SourceLayer:
    """Return the layer in the zone that its eastings name, when the geographic CRS leaves no doubt about the datum."""
    datum = chinese_datum(crs)
    zone = zone_of_prefix(int(x // 1e6), datum) if datum else None
    is_certain = NORTHINGS_M[0] <= y <= NORTHINGS_M[1] and not may_be_web_mercator(x, y)
    if zone is None or layer.crs_reason == "given by the user" or not is_certain:
        raise CrsError(
            "'{file}': coordinates from {x:.6g}, {y:.6g} do not fit {crs}; they look like {guess}. Name the right "
            "coordinate system, e.g. {example}.",
            file=layer.title,
            x=x,
            y=y,
            crs=crs_name(crs),
            **guess_crs(x, y, datum or "cgcs2000"),
        )
    return _with_zone(layer, crs, zone)


def _with_right_prefix(layer: SourceLayer, crs: CRS, x: float) -> SourceLayer:
    """Return the layer in the zone that its eastings name; refuse when they name another one than its CRS."""
    stated = recognise_gauss_kruger(crs)
    if stated is None:
        return layer
    seen = int(x // 1e6)
    expected = int(projection_parameters(crs)["False easting"] // 1e6)
    if seen == expected:
        return layer
    zone = replace(stated, has_prefix=False) if 0 <= x < 1e6 else zone_of_prefix(seen, stated.datum)
    if zone is not None and zone.meridian_deg == stated.meridian_deg:
        return _with_zone(layer, crs, zone)
    if zone is None:
        return layer
    raise CrsError(
        "'{file}': eastings begin with {seen}, the number of another zone than that of {crs}. Name the right coordinate "
        "system, e.g. EPSG:{epsg}.",
        file=layer.title,
        seen=seen,
        crs=crs_name(crs),
        epsg=zone.epsg,
    )


def _with_zone(layer: SourceLayer, crs: CRS, zone: GaussKrugerZone) -> SourceLayer:
    right = CRS.from_epsg(zone.epsg)
    message = "The file says {stated}, but its eastings are those of {taken}; it was read as that."
    context = {"stated": crs_name(crs), "taken": crs_name(right)}
    finding = Finding("zone_prefix", "warning", message, len(layer.frame), context=context)
    frame = layer.frame.set_crs(right, allow_override=True)
    return replace(layer, frame=frame, findings=(*layer.findings, finding))


def project_layer(
    layer: SourceLayer, epsg: int, extent: Bounds | None, *, is_swapped: bool
) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return the features in a project's CRS, and what is odd about where they lie.

    Parameters
    ----------
    layer
        As read.
    epsg
        Metric CRS of the project.
    extent
        Bounds of what the project holds, in that CRS; None when it holds nothing yet.
    is_swapped
        Whether the axes were exchanged at the user's wish.

    Raises
    ------
    CrsError
        No feature lies where its CRS allows, or the axes are in the wrong order.
    """
    sane = _without_absurd(layer.frame.geometry)
    with np.errstate(invalid="ignore", over="ignore"):
        rows = layer.frame.set_geometry(sane).to_crs(epsg)
    rows = rows.set_geometry(_without_absurd(rows.geometry))
    boxes = _finite_boxes(rows.geometry)
    if not len(boxes):
        require_place(layer)
        raise CrsError(
            "'{file}' reaches farther around the globe than EPSG:{epsg}, the system of the project, can hold. Cut out the "
            "area that is needed.",
            file=layer.title,
            epsg=epsg,
        )
    middle = np.median((boxes[:, :2] + boxes[:, 2:]) / 2, axis=0)
    findings = [*_outside_area(layer), *_uncertain_datum(layer, epsg), *_scale_error(boxes, epsg)]
    if extent is None or _is_near(extent, middle):
        return rows, [*findings, *_stray_features(rows, middle)]
    exchanged = layer.frame.geometry.transform(lambda xy: xy[:, ::-1])
    with np.errstate(invalid="ignore", over="ignore"):
        exchanged_boxes = _finite_boxes(gpd.GeoSeries(exchanged, crs=layer.frame.crs).to_crs(epsg))
    if len(exchanged_boxes) and _is_near(extent, np.median(exchanged_boxes[:, :2], axis=0)):
        raise_swapped(layer.title, is_swapped=is_swapped)
    distance = shapely.distance(shapely.box(*extent), shapely.Point(middle))
    message = "The layer lies {distance_km:.0f} km from the rest of the project. Check its coordinate system."
    context = {"distance_km": float(distance) / 1000}
    far = Finding("far_away", "warning", message, len(rows), (), float(middle[0]), float(middle[1]), context)
    return rows, [*findings, far]


def _is_near(extent: Bounds, place: NDArray[np.float64]) -> bool:
    return bool(shapely.box(*extent).buffer(_FAR_M).contains(shapely.Point(place)))


def _finite_boxes(geometry: gpd.GeoSeries) -> NDArray[np.float64]:
    boxes: NDArray[np.float64] = geometry.bounds.to_numpy()
    return boxes[np.isfinite(boxes).all(axis=1)]


def _without_absurd(geometry: gpd.GeoSeries) -> gpd.GeoSeries:
    """Return the geometry with coordinates that lie beyond the earth made endless, so that repair leaves them out."""
    values = geometry.to_numpy().copy()
    with np.errstate(invalid="ignore"):
        absurd = (np.abs(shapely.bounds(values)) > _LARGEST_M).any(axis=1)
    values[absurd] = shapely.transform(values[absurd], lambda xy: np.full_like(xy, np.inf))
    return gpd.GeoSeries(values, index=geometry.index, crs=geometry.crs)


def _stray_features(rows: gpd.GeoDataFrame, middle: NDArray[np.float64]) -> list[Finding]:
    """Return a finding about single features that lie far from all others: a slip of the pen in their coordinates."""
    boxes = rows.geometry.bounds.to_numpy()
    with np.errstate(invalid="ignore"):
        distance = np.hypot(*(((boxes[:, :2] + boxes[:, 2:]) / 2 - middle).T))
        usual = np.nanquantile(distance, 0.9, method="lower")  # of few features one is more than a tenth
        stray = np.isfinite(distance) & (distance > max(10 * usual, _FAR_M))
    if not stray.any():
        return []
    first = int(np.flatnonzero(stray)[0])
    message = (
        "{count} features lie more than {distance_km:.0f} km from the middle of the layer. Check their coordinates."
    )
    context = {"count": int(stray.sum()), "distance_km": max(10 * float(usual), _FAR_M) / 1000}
    place = (float(boxes[first, 0]), float(boxes[first, 1]))
    return [
        Finding(
            "stray_features",
            "warning",
            message,
            int(stray.sum()),
            list_rows(np.flatnonzero(stray).tolist()),
            *place,
            context,
        )
    ]


def _outside_area(layer: SourceLayer) -> list[Finding]:
    """Return a finding when the layer lies where nobody uses its CRS: the CRS it states is likely wrong."""
    crs = CRS.from_user_input(layer.frame.crs)
    area = crs.area_of_use
    if area is None:
        return []
    lon, lat = Transformer.from_crs(crs, WGS84_EPSG, always_xy=True).transform(*middle_of(layer.frame))
    used = shapely.box(area.west, area.south, area.east if area.east >= area.west else area.east + 360, area.north)
    if any(used.buffer(_AREA_MARGIN_DEG).contains(shapely.Point(lon + turn, lat)) for turn in (0, 360)):
        return []
    message = "The layer lies outside the area for which {crs} is made ({area}). Check its coordinate system."
    context = {"crs": crs_name(crs), "area": area.name}
    return [Finding("outside_crs_area", "warning", message, len(layer.frame), context=context)]


def _uncertain_datum(layer: SourceLayer, epsg: int) -> list[Finding]:
    """Return a finding when no public transformation leads from the old Chinese datum of a layer to the project's."""
    crs = CRS.from_user_input(layer.frame.crs)
    datum = chinese_datum(crs)
    if datum in (None, "cgcs2000") or datum == chinese_datum(CRS.from_epsg(epsg)):
        return []
    message = (
        "The layer is in {crs}, from which only the survey office can transform exactly; it may lie up to about 100 m off. "
        "Ask for it in CGCS2000."
    )
    return [Finding("old_datum", "warning", message, len(layer.frame), context={"crs": crs_name(crs)})]


def _scale_error(boxes: NDArray[np.float64], epsg: int) -> list[Finding]:
    """Return a finding when lengths in the project's CRS are wrong by more than 1 in 1,000 at the edges of the layer."""
    low, high = np.quantile(boxes[:, :2], 0.01, axis=0), np.quantile(boxes[:, 2:], 0.99, axis=0)
    x, y = (axis.ravel() for axis in np.meshgrid(np.linspace(low[0], high[0], 3), np.linspace(low[1], high[1], 3)))
    projection = Proj(CRS.from_epsg(epsg))
    lon, lat = projection(x, y, inverse=True)
    factors = projection.get_factors(lon, lat, errcheck=False)
    errors = np.abs(np.asarray([factors.meridional_scale, factors.parallel_scale]) - 1).max(axis=0)
    errors = np.where(np.isfinite(errors), errors, 0.0)
    worst = int(errors.argmax())
    if errors[worst] <= _MAX_SCALE_ERROR:
        return []
    message = (
        "Lengths in EPSG:{epsg} are wrong by up to {per_mille:.1f} in 1,000 at the edges of the layer, which is "
        "{width_km:.0f} km wide. Choose a system whose central meridian is nearer, or split the layer."
    )
    context = {"epsg": epsg, "per_mille": float(errors[worst]) * 1000, "width_km": float(high[0] - low[0]) / 1000}
    return [Finding("scale_error", "warning", message, 1, (), float(x[worst]), float(y[worst]), context)]


def require_place(layer: SourceLayer) -> tuple[float, float]:
    """Return longitude and latitude of the middle of a layer, in degrees.

    Raises
    ------
    CrsError
        It is nowhere on the globe.
    """
    lon, lat = Transformer.from_crs(layer.frame.crs, WGS84_EPSG, always_xy=True).transform(*middle_of(layer.frame))
    if not (np.isfinite(lon) and np.isfinite(lat)):
        raise _misfit(layer)
    return float(lon), float(lat)


def _misfit(layer: SourceLayer) -> CrsError:
    x, y = middle_of(layer.frame)
    return CrsError(
        "'{file}': coordinates from {x:.6g}, {y:.6g} do not fit {crs}. Name the right coordinate system.",
        file=layer.title,
        x=x,
        y=y,
        crs=crs_name(layer.frame.crs),
    )

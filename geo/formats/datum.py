"""GCJ-02 and BD-09: the shifted coordinates of Chinese web maps, and their exact way back to WGS 84.

GCJ-02 (AMap, Tencent) moves every point of China by 20 to 700 m; BD-09 (Baidu) moves GCJ-02 once more. The forward formulae
have been public since ``wgtochina_lb`` became known (EvilTransform, 2013; wuyongzheng, "Restrictions on geographic data in
China"); only their constants and terms are used here. No inverse was published: it is found by fixed-point iteration
``p <- q - (f(p) - p)``, which converges because the shift changes by less than 3 % of the way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Geod

from geo.errors import CheckFailedError, CrsError
from geo.formats.source_layer import ConvertedFrom, SourceLayer
from geo.model.crs import WGS84_EPSG, chinese_datum, crs_name
from geo.model.reports import Finding

Degrees = NDArray[np.float64]
_Forward = Callable[[Degrees, Degrees], tuple[Degrees, Degrees]]

_SEMI_MAJOR_M = 6378245.0
_ECCENTRICITY_2 = 0.00669342162296594323
"""Of the Krassovsky 1940 ellipsoid, on which the shift is defined."""
_WEST, _EAST, _SOUTH, _NORTH = 72.004, 137.8347, 0.8293, 55.8271
_BD_WAVE = np.pi * 3000 / 180
_MAX_ROUNDS = 30
_STEP_DEG = 1e-12
_NAMES = {"gcj02": "GCJ-02", "bd09": "BD-09"}


def gcj02_from_wgs84(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    """Return GCJ-02 coordinates, in degrees; outside China they are those of WGS 84."""
    is_inside = (lon >= _WEST) & (lon <= _EAST) & (lat >= _SOUTH) & (lat <= _NORTH)
    east, north = _shift_deg(lon, lat)
    return np.where(is_inside, lon + east, lon), np.where(is_inside, lat + north, lat)


def _shift_deg(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    """Return how far GCJ-02 moves a place to the east and to the north, in degrees."""
    x, y = lon - 105.0, lat - 35.0
    sin, pi, root = np.sin, np.pi, np.sqrt(np.abs(lon - 105.0))
    ripple = 20 * sin(6 * pi * x) + 20 * sin(2 * pi * x)
    north = -100 + 2 * x + 3 * y + 0.2 * y**2 + 0.1 * x * y + 0.2 * root
    north += (
        (ripple + 20 * sin(pi * y) + 40 * sin(pi * y / 3) + 160 * sin(pi * y / 12) + 320 * sin(pi * y / 30)) * 2 / 3
    )
    east = 300 + x + 2 * y + 0.1 * x**2 + 0.1 * x * y + 0.1 * root
    east += (ripple + 20 * sin(pi * x) + 40 * sin(pi * x / 3) + 150 * sin(pi * x / 12) + 300 * sin(pi * x / 30)) * 2 / 3
    phi = np.radians(lat)
    flat = 1 - _ECCENTRICITY_2 * sin(phi) ** 2
    meridian_radius = _SEMI_MAJOR_M * (1 - _ECCENTRICITY_2) / flat**1.5
    parallel_radius = _SEMI_MAJOR_M / np.sqrt(flat) * np.cos(phi)
    return np.degrees(east / parallel_radius), np.degrees(north / meridian_radius)


def bd09_from_gcj02(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    """Return BD-09 coordinates, in degrees."""
    radius = np.hypot(lon, lat) + 0.00002 * np.sin(lat * _BD_WAVE)
    angle = np.arctan2(lat, lon) + 0.000003 * np.cos(lon * _BD_WAVE)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


def bd09_from_wgs84(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    """Return BD-09 coordinates, in degrees."""
    return bd09_from_gcj02(*gcj02_from_wgs84(lon, lat))


def wgs84_from_gcj02(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    """Return WGS 84 coordinates, in degrees, exact to far below 1 mm."""
    is_inside = (lon >= _WEST) & (lon <= _EAST) & (lat >= _SOUTH) & (lat <= _NORTH)

    def forward(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
        east, north = _shift_deg(lon, lat)
        return lon + east, lat + north

    result_lon, result_lat = np.array(lon, dtype=float), np.array(lat, dtype=float)
    result_lon[is_inside], result_lat[is_inside], _ = invert(forward, lon[is_inside], lat[is_inside])
    return result_lon, result_lat


def gcj02_from_bd09(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    """Return GCJ-02 coordinates, in degrees, exact to far below 1 mm."""
    return invert(bd09_from_gcj02, lon, lat)[:2]


def wgs84_from_bd09(lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees]:
    """Return WGS 84 coordinates, in degrees, exact to far below 1 mm."""
    return wgs84_from_gcj02(*gcj02_from_bd09(lon, lat))


def invert(forward: _Forward, lon: Degrees, lat: Degrees) -> tuple[Degrees, Degrees, int]:
    """Return the places that a shift moves to the given ones, and after how many rounds they stood still.

    Raises
    ------
    CheckFailedError
        They did not stand still: the shift is none that this can undo.
    """
    x, y = np.array(lon, dtype=float), np.array(lat, dtype=float)
    for rounds in range(1, _MAX_ROUNDS + 1):
        moved_x, moved_y = forward(x, y)
        step_x, step_y = lon - moved_x, lat - moved_y
        x, y = x + step_x, y + step_y
        if max(np.abs(step_x).max(initial=0.0), np.abs(step_y).max(initial=0.0)) < _STEP_DEG:
            return x, y, rounds
    raise CheckFailedError("The way back from shifted coordinates did not converge.")


_INVERSE: dict[str, _Forward] = {"gcj02": wgs84_from_gcj02, "bd09": wgs84_from_bd09}
CONVERSIONS = tuple(_INVERSE)
"""What a layer may have been converted from."""


def convert_layer(layer: SourceLayer, converted_from: ConvertedFrom) -> SourceLayer:
    """Return a layer of GCJ-02 or BD-09 coordinates in WGS 84, with a finding that says so.

    Raises
    ------
    CrsError
        The file says that it was converted already, or its CRS is none in which such coordinates come.
    """
    name = _NAMES[converted_from]
    if layer.said_converted_from:
        raise CrsError(
            "'{file}' says that it was already converted from {former} to WGS 84. Import it without --from.",
            file=layer.title,
            former=_NAMES.get(layer.said_converted_from, layer.said_converted_from),
        )
    crs = CRS.from_user_input(layer.frame.crs)
    if not crs.is_geographic or (crs.to_epsg() != WGS84_EPSG and chinese_datum(crs) != "cgcs2000"):
        raise CrsError(
            "'{file}' is in {crs}, and {name} coordinates never are: they come as degrees of WGS 84. Import it without "
            "--from.",
            file=layer.title,
            crs=crs_name(crs),
            name=name,
        )
    values = layer.frame.geometry.to_numpy()
    before = shapely.get_coordinates(values)
    finite = np.isfinite(before).all(axis=1)
    after = before.copy()
    after[finite] = np.column_stack(_INVERSE[converted_from](before[finite, 0], before[finite, 1]))
    places = gpd.GeoSeries(shapely.set_coordinates(shapely.force_2d(values), after), index=layer.frame.index)
    frame = layer.frame.set_geometry(places.set_crs(WGS84_EPSG))
    distance = Geod(ellps="WGS84").inv(before[finite, 0], before[finite, 1], after[finite, 0], after[finite, 1])[2]
    message = "The coordinates were converted from {name} to WGS 84; they moved by {least_m:.0f} to {most_m:.0f} m."
    context = {"name": name, "least_m": float(np.min(distance)), "most_m": float(np.max(distance))}
    finding = Finding("converted", "note", message, len(frame), context=context)
    return replace(layer, frame=frame, converted_from=converted_from, findings=(*layer.findings, finding))

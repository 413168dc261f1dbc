"""Coordinate reference systems: one metric CRS per project, CGCS2000 first.

Axis order of every CGCS2000 CRS is north, east by authority; the project always works with x = east, y = north
(``always_xy``).
"""

from __future__ import annotations

import math

from pyproj import CRS

from geo.errors import CrsError

WGS84_EPSG = 4326
CGCS2000_EPSG = 4490
_CGCS2000_3DEG_BY_MERIDIAN = {75 + 3 * i: 4534 + i for i in range(21)}
"""Central meridian in degrees → EPSG code of the 3° Gauss-Kruger zone with 6-digit eastings (EPSG registry)."""


def default_metric_epsg(lon: float, lat: float) -> int:
    """Return the metric CRS a new project uses around a place.

    Inside 73.5–136.5° E, 0–56° N it is the CGCS2000 3° Gauss-Kruger zone whose central meridian is nearest (6-digit
    eastings); elsewhere the WGS 84 / UTM zone.

    Parameters
    ----------
    lon, lat
        Degrees.

    Raises
    ------
    CrsError
        The position is not on the globe.
    """
    if not (math.isfinite(lon) and math.isfinite(lat) and -180 <= lon <= 180 and -90 <= lat <= 90):
        raise CrsError(
            "Position {lon}, {lat} is not a longitude and latitude. Name the coordinate system of the file.",
            lon=lon,
            lat=lat,
        )
    if 73.5 <= lon <= 136.5 and 0 <= lat <= 56:
        meridian = min(max(3 * math.floor(lon / 3 + 0.5), 75), 135)
        return _CGCS2000_3DEG_BY_MERIDIAN[meridian]
    zone = min(int((lon + 180) // 6) + 1, 60)
    return (32600 if lat >= 0 else 32700) + zone


def require_metric_epsg(epsg: int) -> CRS:
    """Return the CRS of a code, making sure that it is projected and in metres.

    Raises
    ------
    CrsError
        The code is unknown, geographic, or not in metres.
    """
    try:
        crs = CRS.from_epsg(epsg)
    except Exception as error:
        raise CrsError("EPSG:{epsg} is not a known coordinate system. Give a code such as 4547.", epsg=epsg) from error
    if not crs.is_projected or any(axis.unit_conversion_factor != 1.0 for axis in crs.axis_info):
        raise CrsError(
            "EPSG:{epsg} ({name}) does not measure in metres. Choose a projected system such as CGCS2000 "
            "3-degree Gauss-Kruger (4534-4554).",
            epsg=epsg,
            name=crs.name,
        )
    return crs

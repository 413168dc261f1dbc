"""Coordinate reference systems: one metric CRS per project, CGCS2000 first.

Axis order of every CGCS2000 CRS is north, east by authority; the project always works with x = east, y = north
(``always_xy``).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Literal

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


ChineseDatum = Literal["cgcs2000", "xian1980", "beijing1954"]

_DATUM_NAMES: dict[ChineseDatum, tuple[str, ...]] = {
    "cgcs2000": ("china2000", "chinageodeticcoordinatesystem2000", "cgcs2000", "国家2000", "大地2000"),
    "xian1980": ("xian1980", "xian80", "西安80", "西安1980"),
    "beijing1954": ("beijing1954", "beijing54", "北京54", "北京1954"),
}
_GEOGRAPHIC_EPSG: dict[ChineseDatum, int] = {"cgcs2000": CGCS2000_EPSG, "xian1980": 4610, "beijing1954": 4214}
_FIRST_EPSG: dict[ChineseDatum, tuple[int, int, int, int]] = {
    "cgcs2000": (4513, 4534, 4491, 4502),
    "xian1980": (2349, 2370, 2327, 2338),
    "beijing1954": (2401, 2422, 21413, 21453),
}
"""First codes of the EPSG series: 3° zones with prefix (25), 3° without (75° E), 6° with prefix (13), 6° without (75° E)."""


@dataclass(frozen=True)
class GaussKrugerZone:
    """A Gauss-Kruger zone of a Chinese datum.

    Attributes
    ----------
    datum
        Datum of the zone.
    meridian_deg
        Central meridian, degrees east.
    width_deg
        3 or 6.
    has_prefix
        Whether eastings begin with the zone number (8 digits before the point).
    """

    datum: ChineseDatum
    meridian_deg: int
    width_deg: int
    has_prefix: bool

    @property
    def epsg(self) -> int:
        """The code of the zone in the EPSG registry."""
        number = (self.meridian_deg - 75) // self.width_deg
        return _FIRST_EPSG[self.datum][(0 if self.width_deg == 3 else 2) + (0 if self.has_prefix else 1)] + number


def zone_of_prefix(prefix: int, datum: ChineseDatum = "cgcs2000") -> GaussKrugerZone | None:
    """Return the zone whose eastings begin with a number: 13-23 are 6° zones, 25-45 are 3° zones; None for any other."""
    if 13 <= prefix <= 23:
        return GaussKrugerZone(datum, 6 * prefix - 3, 6, True)
    if 25 <= prefix <= 45:
        return GaussKrugerZone(datum, 3 * prefix, 3, True)
    return None


def chinese_datum(crs: CRS) -> ChineseDatum | None:
    """Return which Chinese datum a CRS uses, by the names that EPSG, ESRI and offices write; None for any other."""
    geodetic = crs.geodetic_crs
    if geodetic is None:
        return None
    names = [geodetic.name, geodetic.datum.name if geodetic.datum is not None else ""]
    text = re.sub(r"[^0-9a-z\u4e00-\u9fff]", "", " ".join(names).casefold())
    return next((datum for datum, known in _DATUM_NAMES.items() if any(name in text for name in known)), None)


def projection_parameters(crs: CRS) -> dict[str, float]:
    """Return the parameters of a Transverse Mercator projection by name, in degrees and metres; empty for any other."""
    operation = crs.coordinate_operation
    if (
        not crs.is_projected
        or operation is None
        or operation.method_name not in ("Transverse Mercator", "Gauss_Kruger")
    ):
        return {}
    return {parameter.name: float(parameter.value) for parameter in operation.params}


def recognise_gauss_kruger(crs: CRS) -> GaussKrugerZone | None:
    """Return which Gauss-Kruger zone of the EPSG registry a CRS is by its parameters, whatever its name; else None."""
    datum, values = chinese_datum(crs), projection_parameters(crs)
    meridian = values.get("Longitude of natural origin", math.nan)
    easting = values.get("False easting", math.nan)
    is_standard = values.get("Scale factor at natural origin", 1.0) == 1.0 and values.get("False northing", 0.0) == 0.0
    is_metric = all(axis.unit_conversion_factor == 1.0 for axis in crs.axis_info)
    if datum is None or not is_standard or not is_metric or meridian % 3 or not 75 <= meridian <= 135:
        return None
    prefix, rest = divmod(easting, 1_000_000)
    if rest != 500_000:
        return None
    if prefix:
        zone = zone_of_prefix(int(prefix), datum)
        return zone if zone is not None and zone.meridian_deg == meridian else None
    is_wide = meridian % 6 == 3 and re.search(r"3.?(?:degree|度)", crs.name, re.IGNORECASE) is None
    return GaussKrugerZone(datum, int(meridian), 6 if is_wide else 3, False)


def recognise_chinese(crs: CRS) -> CRS | None:
    """Return the EPSG system that a CRS of a Chinese datum means, or None when it is no standard one."""
    zone, datum = recognise_gauss_kruger(crs), chinese_datum(crs)
    if zone is not None:
        return CRS.from_epsg(zone.epsg)
    if datum is not None and crs.is_geographic and not crs.is_compound and len(crs.axis_info) == 2:
        is_degrees = all(abs(axis.unit_conversion_factor - math.pi / 180) < 1e-12 for axis in crs.axis_info)
        is_greenwich = crs.prime_meridian is None or crs.prime_meridian.longitude == 0.0
        return CRS.from_epsg(_GEOGRAPHIC_EPSG[datum]) if is_degrees and is_greenwich else None
    return None


def crs_name(crs: Any) -> str:
    """Return the code and the name of a CRS for people."""
    found = CRS.from_user_input(crs)
    epsg = found.to_epsg()
    return f"EPSG:{epsg} {found.name}" if epsg else found.name

"""The CRS of a source: what the user says, what the file says, and what the coordinates suggest when neither does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
from pyproj import CRS
from pyproj.exceptions import CRSError as ProjCrsError

from geo.errors import CrsError
from geo.model.crs import CGCS2000_EPSG, WGS84_EPSG, ChineseDatum, recognise_chinese, zone_of_prefix
from geo.model.text import Phrase

NORTHINGS_M = (1.6e6, 6.0e6)
"""Northings of China, metres north of the equator."""
_WEB_MERCATOR_M = ((8.1e6, 15.1e6), (0.3e6, 7.1e6))
"""Where China lies in Web Mercator, metres."""


def parse_crs(text: str) -> CRS:
    """Return the CRS that a text names.

    Raises
    ------
    CrsError
        It names none.
    """
    try:
        return CRS.from_user_input(text)
    except ProjCrsError as error:
        raise CrsError("'{crs}' is not a known coordinate system. Give a code such as EPSG:4490.", crs=text) from error


def find_crs(frame: gpd.GeoDataFrame, path: Path, given: str | None, unreadable: str = "") -> tuple[CRS, str]:
    """Return the CRS that the user gave, or else the file's, and where it comes from (an English message id).

    Parameters
    ----------
    frame
        With the CRS that the file states, if any.
    path
        The file; its kind decides what holds when it states none.
    given
        What the user said.
    unreadable
        Name of the part that states a CRS nobody understands.

    Raises
    ------
    CrsError
        It is not known.
    """
    if given:
        return parse_crs(given), "given by the user"
    if frame.crs is not None:
        is_json = path.suffix.lower() in {".json", ".geojson"}
        reason = "stated in the file, or the default of GeoJSON" if is_json else "stated in the file"
        return _registered(CRS.from_user_input(frame.crs)), reason
    guess = guess_crs(*middle_of(frame))
    if unreadable:
        raise CrsError(
            "'{file}': the coordinate system in {part} cannot be understood, and the coordinates look like {guess}. Name "
            "it, e.g. {example}.",
            file=path.name,
            part=unreadable,
            **guess,
        )
    if ".topojson" in path.suffixes and guess["guess"] == "degrees":
        return CRS.from_epsg(WGS84_EPSG), "default of TopoJSON"
    raise CrsError(
        "'{file}' does not say its coordinate system and the coordinates look like {guess}. Name it, e.g. {example}.",
        file=path.name,
        **guess,
    )


def _registered(crs: CRS) -> CRS:
    """Return the system of the EPSG registry that is meant, or the CRS itself when there is none."""
    if (chinese := recognise_chinese(crs)) is not None:
        return chinese
    epsg = crs.to_epsg(min_confidence=60)
    return CRS.from_epsg(epsg) if epsg else crs


def read_prj(prj: Path) -> CRS | None:
    """Return the CRS of a ``.prj`` that GDAL does not understand: a code, or PROJ's own text; None when it is neither."""
    blob = prj.read_bytes()[:100_000]
    for encoding in ("utf-8-sig", "gb18030", "utf-16"):
        try:
            return CRS.from_user_input(blob.decode(encoding).strip())
        except (UnicodeDecodeError, ProjCrsError):
            continue  # the next encoding is tried
    return None


def middle_of(frame: gpd.GeoDataFrame) -> tuple[float, float]:
    """Return the median of the features' middles: a few absurd coordinates do not move it."""
    boxes = frame.geometry.bounds.to_numpy()
    boxes = boxes[np.isfinite(boxes).all(axis=1)]
    if not len(boxes):
        return 0.0, 0.0
    x, y = np.median(boxes[:, :2] / 2 + boxes[:, 2:] / 2, axis=0)
    return float(x), float(y)


def may_be_web_mercator(x: float, y: float) -> bool:
    """Return whether metres may be Web Mercator: China lies there where 6-degree zones 13 to 15 have their eastings."""
    (west, east), (south, north) = _WEB_MERCATOR_M
    return west <= x <= east and south <= y <= north


def guess_crs(x: float, y: float, datum: ChineseDatum = "cgcs2000") -> dict[str, Any]:
    """Return what the size of coordinates suggests, for messages only: it is never assumed."""
    if max(abs(x), abs(y)) <= 180:
        return {"guess": Phrase("degrees"), "example": f"EPSG:{CGCS2000_EPSG}"}
    is_swapped = NORTHINGS_M[0] <= x <= NORTHINGS_M[1] and zone_of_prefix(int(y // 1e6)) is not None
    prefix = int((y if is_swapped else x) // 1e6)
    zone = zone_of_prefix(prefix, datum)
    if may_be_web_mercator(x, y):
        if zone is None:
            return {"guess": Phrase("Web Mercator"), "example": "EPSG:3857"}
        phrase = Phrase(
            "Web Mercator, or 6-degree Gauss-Kruger with zone prefix {zone} (EPSG:{epsg})", zone=prefix, epsg=zone.epsg
        )
        return {"guess": phrase, "example": "EPSG:3857"}
    if zone is None:
        return {"guess": Phrase("metres without a zone"), "example": "EPSG:4547"}
    if is_swapped:
        phrase = Phrase("Gauss-Kruger with zone prefix {zone} and the northing first", zone=prefix)
    elif zone.width_deg == 3:
        phrase = Phrase("Gauss-Kruger with zone prefix {zone}", zone=prefix)
    else:
        phrase = Phrase("6-degree Gauss-Kruger with zone prefix {zone}", zone=prefix)
    return {"guess": phrase, "example": f"EPSG:{zone.epsg}"}

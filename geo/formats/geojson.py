"""What a GeoJSON text says beside its features, and in which encoding it is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from pyproj import CRS
from pyproj.exceptions import CRSError as ProjCrsError

from geo.formats.encodings import EncodingChoice, detect_text_encoding, normalise_encoding
from geo.model.crs import WGS84_EPSG

CONVERTED_KEY = "converted_from"


@dataclass(frozen=True)
class GeoJsonFacts:
    """What is known of a text before GDAL reads it.

    Attributes
    ----------
    blob
        The text in UTF-8.
    encoding
        The encoding that it was in.
    crs
        What its ``crs`` member of the year 2008 says; None when there is none.
    unreadable_crs
        Whether there is one that nobody understands.
    said_converted_from
        What the text says it was converted from, else empty.
    """

    blob: bytes
    encoding: EncodingChoice
    crs: CRS | None = None
    unreadable_crs: bool = False
    said_converted_from: str = ""


def inspect_geojson(blob: bytes, name: str, encoding: str | None) -> GeoJsonFacts:
    """Return what a GeoJSON text says of itself.

    Raises
    ------
    EncodingError
        The text is in no encoding that fits.
    UnicodeDecodeError
        The text is not in the encoding that was named.
    """
    choice = detect_text_encoding(blob, name)
    if encoding and choice.encoding not in ("utf-8", "utf-8-sig"):
        choice = EncodingChoice(normalise_encoding(encoding), "given by the user")
    if choice.encoding != "utf-8":
        blob = blob.decode(choice.encoding).encode("utf-8")
    blob = _collected(blob)
    if b'"crs"' not in blob and b"yiwang" not in blob:
        return GeoJsonFacts(blob, choice)
    try:
        members = json.loads(blob)
    except ValueError:
        return GeoJsonFacts(blob, choice)  # GDAL says what is wrong with it
    if not isinstance(members, dict):
        return GeoJsonFacts(blob, choice)
    crs = _named_crs(members.get("crs"))
    unreadable = members.get("crs") is not None and crs is None
    return GeoJsonFacts(blob, choice, crs, unreadable, _said_converted_from(members))


def is_feature_array(members: Any) -> bool:
    """Return whether a JSON text is a bare array of GeoJSON features."""
    return isinstance(members, list) and any(
        isinstance(member, dict) and member.get("type") == "Feature" and "geometry" in member for member in members
    )


def _collected(blob: bytes) -> bytes:
    """Return a bare array of features as the collection that GDAL wants, any other text as it is."""
    if not blob.lstrip().startswith(b"["):
        return blob
    try:
        is_array = is_feature_array(json.loads(blob))
    except (ValueError, RecursionError):
        return blob  # GDAL says what is wrong with it
    return b'{"type": "FeatureCollection", "features": ' + blob + b"}" if is_array else blob


def _named_crs(member: Any) -> CRS | None:
    properties = member.get("properties") if isinstance(member, dict) else None
    name = properties.get("name", properties.get("code")) if isinstance(properties, dict) else member
    if isinstance(name, int) or (isinstance(name, str) and name.isdigit()):
        name = f"EPSG:{name}"
    if not isinstance(name, str):
        return None
    if name.upper().endswith("CRS84"):
        return CRS.from_epsg(WGS84_EPSG)
    try:
        return CRS.from_user_input(name)
    except ProjCrsError:
        return None


def _said_converted_from(members: dict[str, Any]) -> str:
    own = members.get("yiwang")
    if isinstance(own, dict) and own.get(CONVERTED_KEY):
        return str(own[CONVERTED_KEY])
    return str(members.get(f"yiwang:{CONVERTED_KEY}") or "")

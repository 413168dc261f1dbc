"""The files beside a .shp: found whatever their case, and what they say of encoding and coordinate system."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
from pyproj import CRS

from geo.errors import FileFormatError
from geo.formats.encodings import EncodingChoice, detect_dbf_encoding, normalise_encoding
from geo.formats.shapefiles import is_own_shapefile
from geo.formats.source_crs import read_prj
from geo.formats.source_layer import SourceParams


def sidecar(path: Path, suffix: str) -> Path | None:
    """Return the file beside a shapefile that has a suffix, whatever its case."""
    name = f"{path.stem}{suffix}".lower()
    return next((sibling for sibling in path.parent.iterdir() if sibling.name.lower() == name), None)


def shapefile_encoding(path: Path, params: SourceParams) -> EncodingChoice:
    """Return the encoding of a shapefile's text: as the user says, as we wrote it, or as its bytes read.

    Raises
    ------
    FileFormatError
        The .dbf is missing or broken.
    EncodingError
        See :mod:`geo.formats.encodings`.
    """
    if params.encoding:
        return EncodingChoice(normalise_encoding(params.encoding), "given by the user")
    dbf = sidecar(path, ".dbf")
    if dbf is None:
        raise FileFormatError(
            "'{file}' comes without its .dbf, which holds the names and codes. Hand over all files of the shapefile.",
            file=path.name,
        )
    if is_own_shapefile(path):
        return EncodingChoice("gb18030", "declared by the file and decodes every value")
    return detect_dbf_encoding(dbf)


def with_prj(frame: gpd.GeoDataFrame, path: Path) -> tuple[gpd.GeoDataFrame, str]:
    """Return the frame with the CRS of its .prj, and ``.prj`` when there is one that nobody understands."""
    prj = sidecar(path, ".prj")
    stated = frame.crs if frame.crs is None else CRS.from_user_input(frame.crs)
    is_usable = stated is not None and (stated.is_geographic or stated.is_projected)
    if is_usable or prj is None:
        return frame, ""
    crs = read_prj(prj)
    if crs is None or not (crs.is_geographic or crs.is_projected):
        return frame.set_crs(None, allow_override=True), ".prj"
    return frame.set_crs(crs, allow_override=True), ""

"""GeoParquet: layers for analysis programs, columns with their kinds and the coordinate system in the file."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pyarrow

from geo.errors import FileFormatError
from geo.formats.headings import CONVERTED_COLUMN
from geo.formats.source_crs import find_crs
from geo.formats.source_layer import SourceLayer, SourceParams
from geo.formats.vectors import require_coordinates


def write_parquet(frame: gpd.GeoDataFrame, path: Path) -> None:
    """Write a layer as GeoParquet 1.0.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    frame.to_parquet(path, index=False, schema_version="1.0.0")


def read_parquet(path: Path, params: SourceParams) -> SourceLayer:
    """Read a GeoParquet file.

    Raises
    ------
    FileFormatError
        It is broken, or a Parquet file without geometry.
    CrsError
        It names no CRS that is known.
    """
    try:
        frame = gpd.read_parquet(path)
    except (ValueError, KeyError, TypeError, OSError, pyarrow.ArrowException) as error:
        raise FileFormatError(
            "'{file}' cannot be read: {reason}. Export it again from the program that made it.",
            file=path.name,
            reason=str(error).rstrip("."),
        ) from error
    require_coordinates(frame, path, [])
    crs, crs_reason = find_crs(frame, path, params.crs)
    said = frame[CONVERTED_COLUMN].dropna().astype("str").tolist() if CONVERTED_COLUMN in frame else []
    return SourceLayer(
        frame.set_crs(crs, allow_override=True),
        path.name,
        path.stem,
        "utf-8",
        "the format prescribes UTF-8",
        crs_reason,
        said_converted_from=said[0] if said else "",
    )

"""Shapefiles as an old office machine writes them: GBK, no .cpg, ESRI .prj, and the same bytes on every run."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import shapely

ESRI_WKT = (
    'PROJCS["CGCS2000_3_Degree_GK_CM_114E",GEOGCS["GCS_China_Geodetic_Coordinate_System_2000",'
    'DATUM["D_China_2000",SPHEROID["CGCS2000",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],'
    'UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],PARAMETER["False_Easting",500000.0],'
    'PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",114.0],PARAMETER["Scale_Factor",1.0],'
    'PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
)
"""What ArcGIS writes for EPSG:4547."""

DBF_DATE = bytes([126, 11, 1])
"""Last-update bytes of every DBF: years since 1900, month, day."""

GBK_LANGUAGE_BYTE = 0x4D
PARTS = (".shp", ".shx", ".dbf", ".prj")


def write_shapefile(frame: gpd.GeoDataFrame, path: Path, language_byte: int = 0x00) -> None:
    """Write one layer in GBK without a .cpg.

    Parameters
    ----------
    frame
        Layer in EPSG:4547; field names of at most 10 bytes in GBK.
    path
        The ``.shp``; its parts go beside it.
    language_byte
        Byte 29 of the DBF header: 0x00 (unknown) or 0x4D (GBK).

    Raises
    ------
    ValueError
        If a field name is too long for a DBF.
    """
    for name in frame.columns.drop("geometry"):
        if len(name.encode("gbk")) > 10:
            message = f"field name {name} is longer than 10 bytes in GBK"
            raise ValueError(message)
    for suffix in (*PARTS, ".cpg"):
        path.with_suffix(suffix).unlink(missing_ok=True)
    on_grid = frame.set_geometry(shapely.transform(frame.geometry.to_numpy(), lambda xy: xy.round(3)), crs=frame.crs)
    on_grid.to_file(path, engine="pyogrio", encoding="GBK", RESIZE="YES")
    path.with_suffix(".cpg").unlink(missing_ok=True)
    path.with_suffix(".prj").write_bytes(ESRI_WKT.encode("ascii"))
    dbf = bytearray(path.with_suffix(".dbf").read_bytes())
    dbf[1:4] = DBF_DATE
    dbf[29] = language_byte
    path.with_suffix(".dbf").write_bytes(bytes(dbf))


def zip_shapefile(path: Path) -> None:
    """Pack the parts of a shapefile into a zip beside it, and remove them; no clock and no compression in the bytes."""
    with zipfile.ZipFile(path.with_suffix(".zip"), "w", zipfile.ZIP_STORED) as archive:
        for suffix in PARTS:
            part = path.with_suffix(suffix)
            entry = zipfile.ZipInfo(part.name, date_time=(2026, 11, 1, 8, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, part.read_bytes())
            part.unlink()


def write_json(content: dict[str, Any], path: Path) -> None:
    """Write readable JSON in UTF-8 with a final newline."""
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")

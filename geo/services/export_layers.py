"""Hand layers over: GeoJSON texts, and files on disk."""

from __future__ import annotations

import tempfile
import zipfile
from pathlib import Path

import geopandas as gpd
import pandas as pd
from pyogrio.errors import DataSourceError
from pyproj import Transformer

from geo.errors import MissingLayerError, ParameterError, StorageError
from geo.formats.exchange import frame_geojson, with_text_instants
from geo.formats.headings import CONVERTED_COLUMN
from geo.formats.kml import write_kml
from geo.formats.parquet import write_parquet
from geo.formats.shapefiles import write_shapefile
from geo.formats.spreadsheets import write_csv, write_workbook
from geo.model.crs import WGS84_EPSG
from geo.model.frames import SCHEMAS
from geo.model.text import Language
from geo.services.read_views import read_layer
from geo.storage.store import Store

FILE_FORMATS = {
    ".geojson": "application/geo+json",
    ".gpkg": "application/geopackage+sqlite3",
    ".shp": "application/x-esri-shape",
    ".kml": "application/vnd.google-earth.kml+xml",
    ".parquet": "application/vnd.apache.parquet",
    ".csv": "text/csv",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
"""Suffix of an export → its media type."""

_TABLE_FORMATS = (".csv", ".xlsx", ".geojson")


def layer_geojson(
    store: Store,
    table: str,
    bbox_lonlat: tuple[float, float, float, float] | None = None,
    limit: int | None = None,
    offset: int = 0,
) -> str:
    """Return rows of a table as GeoJSON in longitude and latitude.

    Parameters
    ----------
    store
        Of the project.
    table
        Key of :data:`geo.model.frames.SCHEMAS`.
    bbox_lonlat
        west, south, east, north in degrees.
    limit, offset
        Page of rows.

    Raises
    ------
    ParameterError
        There is no such table.
    """
    bbox = None
    if bbox_lonlat is not None:
        to_metric = Transformer.from_crs(WGS84_EPSG, store.project().epsg, always_xy=True)
        bbox = to_metric.transform_bounds(*bbox_lonlat)
    return frame_geojson(read_layer(store, table, bbox, limit, offset))


def export_layer(
    store: Store, table: str, path: Path, *, zoning_id: str | None = None, language: Language = "zh"
) -> Path:
    """Write one layer as a file; the suffix says the format.

    A shapefile is written in GB18030 with a .cpg, and a ``.fields.json`` beside it tells the full names of its columns. CSV
    and workbooks have headings in the user's language, with units. A layer whose coordinates were converted from GCJ-02 or
    BD-09 says so.

    Parameters
    ----------
    store
        Of the project.
    table
        Key of :data:`geo.model.frames.SCHEMAS`.
    path
        The file; what is there is replaced.
    zoning_id
        Of the table ``cell``: only the cells of this zoning.
    language
        Of the headings of CSV and workbooks.

    Raises
    ------
    ParameterError
        The suffix is none of the known ones, the table has no geometry and the format needs one, a text is too long for the
        format, or the file is the project itself.
    MissingLayerError
        There is no such zoning.
    StorageError
        The file cannot be written.
    """
    suffix = path.suffix.lower()
    if suffix not in FILE_FORMATS:
        raise ParameterError("'{file}': layers are exported as {known}.", file=path.name, known=", ".join(FILE_FORMATS))
    if table not in SCHEMAS:
        raise ParameterError("There is no layer '{table}'. Known are {known}.", table=table, known=", ".join(SCHEMAS))
    _require_foreign(store, path)
    where = None
    if zoning_id is not None:
        if table != "cell":
            raise ParameterError(
                "Only department cells belong to a zoning; leave the option out for '{table}'.", table=table
            )
        where = {"zoning_id": zoning_id}
    frame = read_layer(store, table, where=where)
    if where is not None and frame.empty:
        raise MissingLayerError("There is no zoning '{zoning}' with cells.", zoning=zoning_id)
    if suffix not in _TABLE_FORMATS and not isinstance(frame, gpd.GeoDataFrame):
        raise ParameterError(
            "Layer '{table}' has no geometry; export it as {known}.", table=table, known=", ".join(_TABLE_FORMATS)
        )
    mark = _converted_from(store, table, zoning_id)
    try:
        _write(frame, path, table, mark, language, store.project().time_zone)
    except (OSError, DataSourceError) as error:
        raise StorageError(
            "{place} cannot be written. Allow writing to the file and its folder, or work on a copy.", place=path.name
        ) from error
    return path


def pack_layer(
    store: Store, table: str, suffix: str, *, zoning_id: str | None = None, language: Language = "zh"
) -> tuple[str, bytes, str]:
    """Return one layer as one file to hand over: its name, content and media type; a shapefile comes as a zip archive.

    Parameters and errors are those of :func:`export_layer`; ``suffix`` is one of :data:`FILE_FORMATS`.
    """
    stem = table if zoning_id is None else f"{table}-{zoning_id}"
    with tempfile.TemporaryDirectory(prefix="yiwang-") as directory:
        path = export_layer(store, table, Path(directory) / f"{stem}{suffix}", zoning_id=zoning_id, language=language)
        if suffix != ".shp":
            return path.name, path.read_bytes(), FILE_FORMATS[suffix]
        archive = path.with_suffix(".zip")
        files = sorted(path.parent.iterdir())
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
            for file in files:
                target.write(file, file.name)
        return archive.name, archive.read_bytes(), "application/zip"


def _write(frame: pd.DataFrame, path: Path, table: str, mark: str, language: Language, time_zone: str) -> None:
    suffix = path.suffix.lower()
    if suffix == ".geojson":
        path.write_text(frame_geojson(frame, mark), encoding="utf-8")
        return
    if suffix == ".gpkg":
        metadata = {"converted_from": mark} if mark else None
        gpd.GeoDataFrame(frame).to_file(path, layer=table, driver="GPKG", engine="pyogrio", layer_metadata=metadata)
        return
    marked = frame.assign(**{CONVERTED_COLUMN: mark}) if mark else frame
    if suffix == ".csv":
        write_csv(marked, path, table, language, time_zone)
    elif suffix == ".xlsx":
        write_workbook(marked, path, table, language, time_zone)
    elif suffix == ".parquet":
        write_parquet(gpd.GeoDataFrame(marked), path)
    elif suffix == ".shp":
        write_shapefile(gpd.GeoDataFrame(with_text_instants(marked)), path)
    else:
        schema = SCHEMAS[table]
        write_kml(
            gpd.GeoDataFrame(with_text_instants(marked)), path, schema.title_zh if language == "zh" else schema.title_en
        )


def _converted_from(store: Store, table: str, zoning_id: str | None) -> str:
    """Return what the newest imports of a layer were converted from; of several zonings, what any of them was."""
    kind = "zoning" if table == "cell" else table
    newest: dict[str, str] = {}
    with store.begin() as transaction:
        for report in transaction.reports("import"):
            if report["kind"] == kind and zoning_id in (None, report["zoning_id"]):
                newest[report["zoning_id"]] = report.get("converted_from", "")
    return next((mark for mark in newest.values() if mark), "")


def _require_foreign(store: Store, path: Path) -> None:
    """Refuse to export into the project's own file: its tables would be replaced by plain ones."""
    if store.backend == "gpkg" and path.resolve() == Path(store.url.removeprefix("gpkg://")).resolve():
        raise ParameterError("'{file}' is the project itself. Export to another file.", file=path.name)

"""Reading a layer of any supported file, with its encoding and its CRS found and told."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from geo.errors import FileFormatError, InputError
from geo.formats.archives import unpack_archive, unpack_gzip
from geo.formats.datum import CONVERSIONS, convert_layer
from geo.formats.parquet import read_parquet
from geo.formats.plausible import require_plausible
from geo.formats.points import is_header, read_points
from geo.formats.resolution import resolution_m
from geo.formats.shapefiles import FIELDS_SUFFIX
from geo.formats.source_layer import SourceLayer, SourceParams
from geo.formats.tables import OLD_WORKBOOK_SUFFIX, WORKBOOK_SUFFIXES, read_json_rows, read_table
from geo.formats.vectors import read_vector
from geo.model.reports import Finding

__all__ = ["LAYER_SUFFIXES", "SourceLayer", "SourceParams", "read_source"]

GDAL_SUFFIXES = (".shp", ".gpkg", ".geojson", ".json", ".topojson", ".kml", ".fgb")
TEXT_SUFFIX = ".txt"
TABLE_SUFFIXES = (".csv", ".tsv", TEXT_SUFFIX, *WORKBOOK_SUFFIXES)
PARQUET_SUFFIXES = (".parquet", ".geoparquet")
LAYER_SUFFIXES = (*GDAL_SUFFIXES, *TABLE_SUFFIXES, *PARQUET_SUFFIXES)
ARCHIVE_SUFFIXES = (".zip", ".kmz", ".gz")


def read_source(path: Path, params: SourceParams | None = None) -> SourceLayer:
    """Read one layer of a shapefile, GeoPackage, GeoJSON, TopoJSON, KML, FlatGeobuf or GeoParquet, or a table with places.

    Tables are CSV and text files, Excel workbooks and JSON arrays of objects with columns such as ``x``/``y`` or
    ``经度``/``纬度``, or one of well-known text. Each may come in a zip archive or gzipped; a KML also as KMZ. Of an archive
    with several layers ``layer`` names the file, as ``FILE`` or, where this holds several itself, as ``FILE/LAYER``.

    Raises
    ------
    FileFormatError
        The file does not exist, is of no known kind, broken, or holds several layers and none was named.
    ArchiveError, EncodingError
        See :mod:`geo.formats.archives` and :mod:`geo.formats.encodings`.
    CrsError
        The CRS is not in the file and was not given, is not known, or contradicts the coordinates.
    """
    params = params or SourceParams()
    if not path.exists():
        raise FileFormatError("'{file}' does not exist.", file=str(path))
    layer = _read(path, params)
    layer = replace(layer, resolution_m=resolution_m(layer.frame))
    layer = require_plausible(layer, is_swapped=params.swap_xy)
    if params.converted_from is not None:
        return convert_layer(layer, params.converted_from)
    return replace(layer, converted_from=layer.said_converted_from if layer.said_converted_from in CONVERSIONS else "")


def _read(path: Path, params: SourceParams) -> SourceLayer:
    suffix = path.suffix.lower()
    if suffix not in ARCHIVE_SUFFIXES:
        return _read_file(path, params)
    with tempfile.TemporaryDirectory(prefix="yiwang-") as directory:
        if suffix == ".gz":
            layer = _read_inner(path, unpack_gzip(path, Path(directory)), params)
            return replace(layer, source=path.name)
        inner, name, unread = _chosen_file(path, unpack_archive(path, Path(directory)), params.layer, Path(directory))
        layer = _read_inner(path, inner, replace(params, layer=name))
        return replace(layer, source=f"{path.name}/{inner.name}", findings=(*layer.findings, *unread))


def _read_inner(archive: Path, inner: Path, params: SourceParams) -> SourceLayer:
    """Read a file of an archive; errors name both."""
    try:
        return _read_file(inner, params)
    except InputError as error:
        if "file" not in error.context:
            raise
        context = {**error.context, "file": f"{archive.name}/{error.context['file']}"}
        raise type(error)(error.template, **context) from error


def _chosen_file(
    archive: Path, paths: list[Path], wanted: str | None, directory: Path
) -> tuple[Path, str | None, list[Finding]]:
    """Return the layer file of an archive, the layer in it, and a note about tables beside it, which are not read."""
    layers, tables = _layer_files(archive, paths)
    if wanted and len(layers) + len(tables) > 1:
        for path in (*layers, *tables):
            own = path.relative_to(directory)
            for label in (own.as_posix(), own.with_suffix("").as_posix(), path.name, path.stem):
                if wanted.casefold() == label.casefold():
                    return path, None, []
                if wanted.casefold().startswith(f"{label}/".casefold()):
                    return path, wanted[len(label) + 1 :], []
    main = [path for path in layers if path.name.lower() == "doc.kml"]
    if len(main) == 1:
        return main[0], wanted, []
    if len(layers) == 1:
        names = ", ".join(path.name for path in tables)
        message = "The archive also holds tables, which were not read: {names}."
        note = Finding("unread_tables", "note", message, len(tables), context={"names": names})
        return layers[0], wanted, [note] if tables else []
    candidates = layers or tables
    if len(candidates) == 1:
        return candidates[0], wanted, []
    message = "'{file}' holds {count} layers ({names}). Name the one to import."
    if not candidates:
        message = "'{file}' holds {count} layers ({names}). Pack one layer into one archive."
    raise FileFormatError(
        message,
        file=archive.name,
        count=len(candidates),
        names=", ".join(path.relative_to(directory).as_posix() for path in candidates) or "-",
    )


def _layer_files(archive: Path, paths: list[Path]) -> tuple[list[Path], list[Path]]:
    """Return the layers and the tables of an archive; texts are taken for tables only where nothing else is there."""
    is_kmz = archive.suffix.lower() == ".kmz"
    suffixes = (".kml",) if is_kmz else (*GDAL_SUFFIXES, *PARQUET_SUFFIXES)
    layers = [
        path for path in paths if path.suffix.lower() in suffixes and not path.name.lower().endswith(FIELDS_SUFFIX)
    ]
    tables = [path for path in paths if path.suffix.lower() in TABLE_SUFFIXES and not is_kmz]
    named = [path for path in tables if path.suffix.lower() != TEXT_SUFFIX]
    return layers, named or ([] if layers else [path for path in tables if path.stat().st_size])


def _read_file(path: Path, params: SourceParams) -> SourceLayer:
    suffix = path.suffix.lower()
    if suffix in (*TABLE_SUFFIXES, OLD_WORKBOOK_SUFFIX):
        return read_points(path, read_table(path, params.layer, params.encoding, is_header), params)
    if suffix == ".json" and (table := read_json_rows(path)) is not None:
        return read_points(path, table, params)
    if suffix in PARQUET_SUFFIXES:
        return read_parquet(path, params)
    if suffix in GDAL_SUFFIXES:
        return read_vector(path, params)
    raise FileFormatError(
        "'{file}' is of no kind that can be imported. Known are {kinds} and zip archives of them.",
        file=path.name,
        kinds=", ".join(LAYER_SUFFIXES),
    )

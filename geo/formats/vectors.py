"""Layers of points, lines and polygons that GDAL reads, with the troubles that make it refuse or guess mended before."""

from __future__ import annotations

import re
import shutil
import tempfile
import warnings
from codecs import utf_8_decode
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyogrio
import pyogrio.errors
import pyogrio.raw
import shapely
from pyproj.exceptions import CRSError as ProjCrsError

from geo.errors import FileFormatError, InputError
from geo.formats.dbf_rows import DbfRows, count_rows, count_shapes, fitted_table, tell_missing, tell_surplus
from geo.formats.encodings import EncodingChoice
from geo.formats.geojson import CONVERTED_KEY, GeoJsonFacts, inspect_geojson
from geo.formats.kml_text import read_kml_text
from geo.formats.mending import MendedGeometry, mend_topojson, read_geometry
from geo.formats.shapefiles import FIELDS_SUFFIX, restore_full_names
from geo.formats.sidecars import shapefile_encoding, sidecar, with_prj
from geo.formats.source_crs import find_crs
from geo.formats.source_layer import SourceLayer, SourceParams, said_by_column
from geo.model.reports import Finding
from geo.model.text import Phrase

_FOLDERS = re.compile(r"(?:/[^/'\s:]+)+/(?=[^/'\s:])")
_TOLD_OTHERWISE = r"Measured \(M\) geometry types|Non closed ring|Several features with id"
"""Warnings of GDAL that need no word: measures and ids are not used, open rings are found when the geometry is read."""
_KML_DRAWING = (
    "id",
    "timestamp",
    "begin",
    "end",
    "altitudeMode",
    "tessellate",
    "extrude",
    "visibility",
    "drawOrder",
    "icon",
)
_GDAL_ERRORS = (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError, ValueError)
_CRS_ERRORS = (pyogrio.errors.CRSError, ProjCrsError, UnboundLocalError)
"""What pyogrio raises for a CRS that it cannot put into words; the last is a slip of its own."""
_UNREADABLE = (shapely.GEOSException, NotImplementedError)
_UNREADABLE_CODES = ("unreadable_geometry", "unclosed_ring", "bad_coordinates")
_PRESCRIBED = EncodingChoice("utf-8", "the format prescribes UTF-8")


def read_vector(path: Path, params: SourceParams) -> SourceLayer:
    """Read a shapefile, GeoPackage, FlatGeobuf, KML, GeoJSON or TopoJSON; the CRS is what the file or the user says.

    Raises
    ------
    FileFormatError
        It is broken, holds several layers and none was named, or no geometry.
    EncodingError, CrsError
        See :mod:`geo.formats.encodings` and :mod:`geo.formats.source_crs`.
    """
    suffix = path.suffix.lower()
    if suffix == ".shp":
        return _read_shapefile(path, params)
    if suffix in (".json", ".geojson", ".topojson"):
        return _read_json(path, params)
    if suffix == ".kml":
        return _read_kml(path, params)
    if "!" in str(path):
        return _read_text(path, path.read_bytes(), params, _PRESCRIBED)
    return _read(path, path, params, _PRESCRIBED)


def _read_shapefile(path: Path, params: SourceParams, *, is_restored: bool = False) -> SourceLayer:
    """Read a shapefile, or a copy of it with what is broken beside its .shp mended."""
    if "!" in str(path):
        return _read_copy(path, params, path.stem.replace("!", "_"))
    shx, dbf = sidecar(path, ".shx"), sidecar(path, ".dbf")
    if shx is None:
        return _read_copy(path, params, path.stem, restore_index=True)
    encoding = shapefile_encoding(path, params)
    rows = count_rows(dbf) if dbf is not None else None
    shapes = count_shapes(shx)
    if rows is not None and (rows.is_cut or rows.present < shapes):
        layer = _read_copy(path, params, path.stem, rows=rows)
        return replace(layer, findings=(*tell_missing(rows, shapes), *layer.findings))
    layer = _read_whole_shapefile(path, params, encoding, is_restored=is_restored)
    if rows is None or rows.present <= len(layer.frame) + rows.deleted:
        return layer if rows is None else replace(layer, findings=(*tell_surplus(rows, rows.present), *layer.findings))
    if not is_restored:
        with suppress(FileFormatError):  # the index may be shorter than the .shp
            return _read_copy(path, params, path.stem, restore_index=True)
    return replace(layer, findings=(*tell_surplus(rows, len(layer.frame) + rows.deleted), *layer.findings))


def _read_whole_shapefile(
    path: Path, params: SourceParams, encoding: EncodingChoice, *, is_restored: bool
) -> SourceLayer:
    """Read a shapefile; one whose .prj or .shx GDAL refuses, without that."""
    try:
        return _read(path, path, params, encoding)
    except FileFormatError as error:
        if isinstance(error.__cause__, _CRS_ERRORS):
            return _read_copy(path, params, path.stem, without_prj=True)
        if is_restored or ".shx" not in str(error.__cause__):
            raise
    return _read_copy(path, params, path.stem, restore_index=True)


def _read_text(
    path: Path, blob: bytes, params: SourceParams, encoding: EncodingChoice, facts: GeoJsonFacts | None = None
) -> SourceLayer:
    """Read what was changed in memory, through a copy whose name GDAL takes as it is."""
    with tempfile.TemporaryDirectory(prefix="yiwang-") as directory:
        copy = Path(directory) / path.name.replace("!", "_")
        copy.write_bytes(blob)
        return _read(path, copy, params, encoding, facts)


def _read_json(path: Path, params: SourceParams) -> SourceLayer:
    whole = path.read_bytes()
    try:
        facts = inspect_geojson(whole, path.name, params.encoding)
        blob = mend_topojson(facts.blob) if path.suffix.lower() == ".topojson" else facts.blob
    except UnicodeDecodeError as error:
        raise _undecodable(path, params.encoding or "utf-8") from error
    except (ValueError, AttributeError, TypeError) as error:
        raise _unreadable(path, error) from error
    as_is = blob is whole and "!" not in str(path)
    encoding = facts.encoding if facts.encoding.encoding not in ("utf-8", "utf-8-sig") else _PRESCRIBED
    return _read(path, path, params, encoding, facts) if as_is else _read_text(path, blob, params, encoding, facts)


def _read_kml(path: Path, params: SourceParams) -> SourceLayer:
    try:
        text = read_kml_text(path.read_bytes(), path.name, params.encoding, params.layer)
    except UnicodeDecodeError as error:
        raise _undecodable(path, params.encoding or "utf-8") from error
    encoding = _PRESCRIBED if text.encoding.encoding == "utf-8" else text.encoding
    layer = _read_text(path, text.blob, params, encoding)
    frame = layer.frame.drop(columns=[name for name in _KML_DRAWING if name in layer.frame.columns])
    taken = set(frame.columns) - set(text.names)
    names = {key: name if name not in taken else f"{name}_2" for key, name in text.names.items()}
    frame = frame.rename(columns=names)
    findings = [*layer.findings, *_gathered_folders(text.folders)]
    return replace(layer, frame=frame, findings=tuple(findings), said_converted_from=said_by_column(frame))


def _gathered_folders(names: tuple[str, ...]) -> list[Finding]:
    if not names:
        return []
    message = "The folders {names} lie in another one and were read together. Name one (--layer) to import it alone."
    return [Finding("gathered_folders", "note", message, len(names), context={"names": ", ".join(names)})]


def _read(
    path: Path, source: Path, params: SourceParams, encoding: EncodingChoice, facts: GeoJsonFacts | None = None
) -> SourceLayer:
    read_as = encoding.encoding if path.suffix.lower() == ".shp" else None
    try:
        with warnings.catch_warnings(), np.errstate(invalid="ignore"):
            warnings.filterwarnings("ignore", message=_TOLD_OTHERWISE)
            name = _layer_name(path, source, params.layer)
            frame, mended = _read_frame(source, name, read_as)
            frame = restore_full_names(frame, path) if read_as and isinstance(frame, gpd.GeoDataFrame) else frame
            said = (facts and facts.said_converted_from) or _said_converted_from(source, name, frame)
    except UnicodeDecodeError as error:
        raise _undecodable(path, encoding.encoding) from error
    except InputError:
        raise
    except (*_GDAL_ERRORS, *_CRS_ERRORS, *_UNREADABLE) as error:
        raise _unreadable(path, error) from error
    if not isinstance(frame, gpd.GeoDataFrame):
        raise FileFormatError("'{file}' is a table without geometry.", file=path.name)
    require_coordinates(frame, path, mended.findings)
    unreadable = ""
    if facts is not None and (facts.crs is not None or facts.unreadable_crs):
        frame = frame.set_crs(facts.crs, allow_override=True)
        unreadable = "" if facts.crs is not None else Phrase("its crs member")
    elif path.suffix.lower() == ".shp":
        frame, unreadable = with_prj(frame, path)
    crs, crs_reason = find_crs(frame, path, params.crs, unreadable)
    frame = _swapped(frame.set_crs(crs, allow_override=True), params)
    return SourceLayer(
        frame,
        path.name,
        name,
        encoding.encoding,
        encoding.reason,
        crs_reason,
        (*mended.findings, *_heights(frame)),
        said_converted_from=said,
        closed=mended.closed,
    )


def _unreadable(path: Path, error: Exception) -> FileFormatError:
    return FileFormatError(
        "'{file}' cannot be read: {reason}. Export it again from the program that made it.",
        file=path.name,
        reason=_told_reason(error),
    )


def _told_reason(error: Exception) -> str:
    """Return what GDAL says of a file, without the folders of this machine and advice for programmers."""
    text = str(error)
    if "not recognized as being in a supported file format" in text:
        return Phrase("its content is none that its name promises")
    return _FOLDERS.sub("", text).rstrip(".")


def _undecodable(path: Path, encoding: str) -> FileFormatError:
    return FileFormatError(
        "'{file}': attribute text cannot be read as {encoding}. Name its encoding.", file=path.name, encoding=encoding
    )


def _read_frame(source: Path, layer: str, encoding: str | None) -> tuple[Any, MendedGeometry]:
    """Return the rows of a layer; geometry that GEOS refuses is read again feature by feature."""
    try:
        frame = _read_rows(source, layer, encoding, read_geometry=True)
        is_whole = not isinstance(frame, gpd.GeoDataFrame) or not shapely.is_missing(frame.geometry.to_numpy()).any()
    except _UNREADABLE:
        table = _read_rows(source, layer, encoding, read_geometry=False)
        crs = pyogrio.read_info(source, layer=layer)["crs"]
        frame, is_whole = gpd.GeoDataFrame(table, geometry=[None] * len(table), crs=crs), False
    if is_whole:
        return frame, MendedGeometry(np.empty(0, dtype=object), (), ())
    wkb = pyogrio.raw.read(source, layer=layer, columns=[])[2]
    mended = read_geometry(wkb)
    return frame.set_geometry(gpd.GeoSeries(mended.geometry, index=frame.index, crs=frame.crs)), mended


def _read_rows(source: Path, layer: str, encoding: str | None, *, read_geometry: bool) -> Any:
    options: dict[str, Any] = {"layer": layer, "read_geometry": read_geometry}
    if read_geometry:
        options["on_invalid"] = "ignore"
    try:
        return pyogrio.read_dataframe(source, encoding=encoding, **options)
    except UnicodeDecodeError:
        if encoding != "utf-8":
            raise
    # GDAL forgives a last character that a field's width cut in two in every encoding but UTF-8
    frame = pyogrio.read_dataframe(source, encoding="ISO-8859-1", **options)

    def decoded(value: Any) -> Any:
        return utf_8_decode(value.encode("ISO-8859-1"), "strict", False)[0] if isinstance(value, str) else value

    texts = frame.select_dtypes(include=["object", "str"]).columns
    return frame.assign(**{name: frame[name].map(decoded) for name in texts}).rename(columns=decoded)


def require_coordinates(frame: gpd.GeoDataFrame, path: Path, findings: Sequence[Finding]) -> None:
    """Raise when no feature of a layer has geometry that can be used.

    Raises
    ------
    FileFormatError
        None has.
    """
    if not np.isfinite(frame.geometry.bounds.to_numpy()).all(axis=1).any():
        unreadable = sum(finding.count for finding in findings if finding.code in _UNREADABLE_CODES)
        raise FileFormatError(
            "'{file}' holds no geometry that can be used ({count} rows, {unreadable} of them with geometry that cannot be "
            "read). Export it again as points, lines or polygons.",
            file=path.name,
            count=len(frame),
            unreadable=unreadable,
        )


def _layer_name(path: Path, source: Path, wanted: str | None) -> str:
    """Return the layer that is wanted, or the only one, or the only one that is not empty."""
    names = [str(name) for name, kind in pyogrio.list_layers(source) if kind is not None]
    if wanted:
        if wanted in names or not names:
            return wanted
        raise FileFormatError(
            "'{file}' has no layer '{layer}'. It has {names}.", file=path.name, layer=wanted, names=", ".join(names)
        )
    filled = names
    if len(names) > 1:
        infos = (pyogrio.read_info(source, layer=name, force_feature_count=True) for name in names)
        filled = [name for name, facts in zip(names, infos, strict=True) if facts["features"]]
    if not filled:
        raise FileFormatError(
            "'{file}' holds no layer with features ({names}). Export it again from the program that made it.",
            file=path.name,
            names=", ".join(names) or "-",
        )
    if len(filled) > 1:
        raise FileFormatError(
            "'{file}' holds {count} layers ({names}). Name the one to import.",
            file=path.name,
            count=len(filled),
            names=", ".join(filled),
        )
    return filled[0]


def _said_converted_from(source: Path, layer: str, frame: Any) -> str:
    """Return what the metadata or a column of a layer says it was converted from, else empty."""
    facts = pyogrio.read_info(source, layer=layer) if source.suffix.lower() in (".gpkg", ".fgb") else {}
    for metadata in (facts.get("layer_metadata"), facts.get("dataset_metadata")):
        for key, value in (metadata or {}).items():
            # GDAL parts a key at its colon
            name, _, said = f"{key}={value}".lower().removeprefix("yiwang=").rpartition("=")
            if name.endswith(CONVERTED_KEY) and said:
                return str(said)
    return said_by_column(frame)


def _read_copy(
    path: Path,
    params: SourceParams,
    stem: str,
    *,
    restore_index: bool = False,
    without_prj: bool = False,
    rows: DbfRows | None = None,
) -> SourceLayer:
    """Read a copy of a shapefile.

    Under a name without ``!``, which pyogrio takes for the border between archive and member; or without .shx, which GDAL
    rebuilds and writes beside the file; or with an empty .prj, because of a broken one GDAL refuses the whole; or with a
    .dbf of as many rows as there are shapes.
    """
    with tempfile.TemporaryDirectory(prefix="yiwang-") as directory:
        for suffix in (".shp", ".shx", ".dbf", ".prj", ".cpg", FIELDS_SUFFIX):
            if (sibling := sidecar(path, suffix)) is not None:
                shutil.copyfile(sibling, Path(directory) / f"{stem}{suffix}")
        copy = Path(directory) / f"{stem}.shp"
        if restore_index:
            copy.with_suffix(".shx").unlink(missing_ok=True)
            _restore_index(path, copy)
        if without_prj:
            copy.with_suffix(".prj").write_bytes(b"")
        if rows is not None:
            dbf = copy.with_suffix(".dbf")
            dbf.write_bytes(fitted_table(dbf.read_bytes(), rows, count_shapes(copy.with_suffix(".shx"))))
        return replace(_read_shapefile(copy, params, is_restored=restore_index), source=path.name)


def _restore_index(path: Path, copy: Path) -> None:
    pyogrio.set_gdal_config_options({"SHAPE_RESTORE_SHX": True})
    try:
        pyogrio.list_layers(copy)
    except (*_GDAL_ERRORS, *_CRS_ERRORS) as error:
        raise _unreadable(path, error) from error
    finally:
        pyogrio.set_gdal_config_options({"SHAPE_RESTORE_SHX": None})


def _swapped(frame: gpd.GeoDataFrame, params: SourceParams) -> gpd.GeoDataFrame:
    if not params.swap_xy:
        return frame
    swapped = shapely.transform(frame.geometry.to_numpy(), lambda xy: xy[:, ::-1])
    return frame.set_geometry(gpd.GeoSeries(swapped, index=frame.index, crs=frame.crs))


def _heights(frame: gpd.GeoDataFrame) -> list[Finding]:
    """Return a note when the geometry has heights: places have none here."""
    has_z = shapely.has_z(frame.geometry.to_numpy())
    if not has_z.any():
        return []
    heights = shapely.get_coordinates(frame.geometry.to_numpy()[has_z], include_z=True)[:, 2]
    if not (np.isfinite(heights) & (heights != 0)).any():
        return []
    count = int(has_z.sum())
    message = "{count} features have heights, which were left out."
    return [Finding("heights_dropped", "note", message, count, context={"count": count})]

"""Reading a layer of any supported file, with its encoding and its CRS found and told."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tempfile
import warnings
from codecs import utf_8_decode
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyogrio
import pyogrio.errors
import shapely
from pyproj import CRS
from pyproj.exceptions import CRSError as ProjCrsError

from geo.errors import CrsError, FileFormatError, InputError
from geo.formats.archives import unpack_archive
from geo.formats.encodings import detect_dbf_encoding, normalise_encoding
from geo.model.crs import CGCS2000_EPSG, WGS84_EPSG
from geo.model.text import Phrase

GDAL_SUFFIXES = (".shp", ".gpkg", ".geojson", ".json", ".topojson", ".kml", ".fgb")
TABLE_SUFFIXES = (".csv",)
_X_NAMES = ("x", "lon", "lng", "longitude", "经度", "东坐标", "横坐标")
_Y_NAMES = ("y", "lat", "latitude", "纬度", "北坐标", "纵坐标")
_TOLD_OTHERWISE = r"Measured \(M\) geometry types|Non closed ring"
"""Warnings of GDAL that need no word: measures are not used, and the repair step reports features without geometry."""


@dataclass(frozen=True)
class SourceParams:
    """How to read a file.

    Attributes
    ----------
    layer
        Layer of a file with several; None takes the only one.
    encoding
        Encoding of the attribute text; None finds it.
    crs
        CRS of the coordinates, e.g. ``EPSG:4490``, where the file does not say or says it wrongly.
    swap_xy
        Exchange the axes: for files that hold latitude first.
    """

    layer: str | None = None
    encoding: str | None = None
    crs: str | None = None
    swap_xy: bool = False


@dataclass(frozen=True)
class SourceLayer:
    """A layer as it is in the file.

    Attributes
    ----------
    frame
        Attributes and geometry, in the CRS of the source.
    source, layer
        File name and layer name.
    encoding, encoding_reason, crs_reason
        How the text was decoded and where the CRS comes from (English message ids).
    """

    frame: gpd.GeoDataFrame
    source: str
    layer: str
    encoding: str
    encoding_reason: str
    crs_reason: str
    extra: dict[str, Any] = field(default_factory=dict)


def read_source(path: Path, params: SourceParams | None = None) -> SourceLayer:
    """Read one layer of a shapefile (zipped or not), GeoPackage, GeoJSON, TopoJSON, KML, or a table of points.

    Tables of points are CSV files and JSON arrays of objects with columns such as ``x``/``y`` or ``经度``/``纬度``.

    Raises
    ------
    FileFormatError
        The file does not exist, is of no known kind, broken, or holds several layers and none was named.
    ArchiveError, EncodingError
        See :mod:`geo.formats.archives` and :mod:`geo.formats.encodings`.
    CrsError
        The CRS is not in the file and was not given, or is not known.
    """
    params = params or SourceParams()
    if not path.exists():
        raise FileFormatError("'{file}' does not exist.", file=str(path))
    if path.suffix.lower() == ".zip":
        with tempfile.TemporaryDirectory(prefix="yiwang-") as directory:
            inner = _only_layer_file(path, unpack_archive(path, Path(directory)))
            return _with_source(_read_file(inner, params), f"{path.name}/{inner.name}")
    return _read_file(path, params)


def _with_source(layer: SourceLayer, source: str) -> SourceLayer:
    return SourceLayer(layer.frame, source, layer.layer, layer.encoding, layer.encoding_reason, layer.crs_reason)


def _only_layer_file(archive: Path, paths: list[Path]) -> Path:
    layers = [path for path in paths if path.suffix.lower() in (*GDAL_SUFFIXES, *TABLE_SUFFIXES)]
    if len(layers) != 1:
        raise FileFormatError(
            "'{file}' holds {count} layers ({names}). Pack one layer into one archive.",
            file=archive.name,
            count=len(layers),
            names=", ".join(layer.name for layer in layers) or "-",
        )
    return layers[0]


def _read_file(path: Path, params: SourceParams) -> SourceLayer:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes[-1:] == [".csv"]:
        return _read_csv(path, params)
    if suffixes[-1:] == [".json"] and (records := _read_json_records(path)) is not None:
        return _points(path, records, params, "utf-8", "JSON text is UTF-8")
    if ".topojson" in suffixes:
        return _read_gdal(path, io.BytesIO(_mend_topojson(path)), params)
    if suffixes[-1:] == [".gz"]:
        return _read_gdal(path, f"/vsigzip/{path.resolve()}", params)
    if not suffixes or suffixes[-1] not in GDAL_SUFFIXES:
        raise FileFormatError(
            "'{file}' is of no kind that can be imported. Known are {kinds} and zip archives of them.",
            file=path.name,
            kinds=", ".join((*GDAL_SUFFIXES, *TABLE_SUFFIXES)),
        )
    return _read_gdal(path, path, params)


def _read_gdal(path: Path, source: Path | str | io.BytesIO, params: SourceParams) -> SourceLayer:
    """Read what GDAL reads; a shapefile gets its encoding from its bytes."""
    if isinstance(source, Path) and "!" in str(source):
        return _read_renamed(path, params)
    encoding, reason = "utf-8", "the format prescribes UTF-8"
    is_shapefile = path.suffix.lower() == ".shp"
    if is_shapefile:
        if _sidecar(path, ".shx") is None:
            return _read_without_index(path, params)
        encoding, reason = _shapefile_encoding(path, params)
    try:
        layer = params.layer or _only_layer_name(path, source)
        if isinstance(source, io.BytesIO):
            source.seek(0)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=_TOLD_OTHERWISE)
            frame = _read_frame(source, layer, encoding if is_shapefile else None)
    except UnicodeDecodeError as error:
        raise FileFormatError(
            "'{file}': attribute text cannot be read as {encoding}. Name its encoding.",
            file=path.name,
            encoding=encoding,
        ) from error
    except InputError:
        raise
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, ValueError, shapely.GEOSException) as error:
        raise FileFormatError("'{file}' cannot be read: {reason}", file=path.name, reason=str(error)) from error
    if not isinstance(frame, gpd.GeoDataFrame):
        raise FileFormatError("'{file}' is a table without geometry.", file=path.name)
    _require_coordinates(frame, path)
    frame, crs_reason = _with_crs(frame, path, params)
    return SourceLayer(_swapped(frame, params), path.name, layer, encoding, reason, crs_reason)


def _read_frame(source: Path | str | io.BytesIO, layer: str, encoding: str | None) -> Any:
    try:
        return pyogrio.read_dataframe(source, layer=layer, encoding=encoding, on_invalid="ignore")
    except UnicodeDecodeError:
        if encoding != "utf-8":
            raise
    # GDAL forgives a last character that a field's width cut in two in every encoding but UTF-8
    frame = pyogrio.read_dataframe(source, layer=layer, encoding="ISO-8859-1", on_invalid="ignore")

    def decoded(value: Any) -> Any:
        return utf_8_decode(value.encode("ISO-8859-1"), "strict", False)[0] if isinstance(value, str) else value

    texts = frame.select_dtypes(include=["object", "str"]).columns
    return frame.assign(**{name: frame[name].map(decoded) for name in texts}).rename(columns=decoded)


def _require_coordinates(frame: gpd.GeoDataFrame, path: Path) -> None:
    if np.isnan(frame.total_bounds).all():
        raise FileFormatError(
            "'{file}' holds no geometry that can be used ({count} rows). Export it again as points, lines or polygons.",
            file=path.name,
            count=len(frame),
        )


def _only_layer_name(path: Path, source: Path | str | io.BytesIO) -> str:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=_TOLD_OTHERWISE)
        names = [str(name) for name, kind in pyogrio.list_layers(source) if kind is not None]
    if len(names) != 1:
        raise FileFormatError(
            "'{file}' holds {count} layers ({names}). Name the one to import.",
            file=path.name,
            count=len(names),
            names=", ".join(names) or "-",
        )
    return names[0]


def _sidecar(path: Path, suffix: str) -> Path | None:
    """Return the file beside a shapefile that has a suffix, whatever its case."""
    name = f"{path.stem}{suffix}".lower()
    return next((sibling for sibling in path.parent.iterdir() if sibling.name.lower() == name), None)


def _read_renamed(path: Path, params: SourceParams) -> SourceLayer:
    """Read a copy under a name without ``!``, which pyogrio takes for the border between archive and member."""
    with tempfile.TemporaryDirectory(prefix="yiwang-") as directory:
        stem = path.stem.replace("!", "_")
        for sibling in path.parent.iterdir():
            if sibling.stem == path.stem and sibling.is_file():
                shutil.copyfile(sibling, Path(directory) / f"{stem}{sibling.suffix}")
        return _with_source(_read_file(Path(directory) / f"{stem}{path.suffix}", params), path.name)


def _read_without_index(path: Path, params: SourceParams) -> SourceLayer:
    """Read a shapefile whose .shx is missing: GDAL rebuilds the index, in a copy because it writes beside the file."""
    with tempfile.TemporaryDirectory(prefix="yiwang-") as directory:
        for suffix in (".shp", ".dbf", ".prj", ".cpg"):
            if (sibling := _sidecar(path, suffix)) is not None:
                shutil.copyfile(sibling, Path(directory) / f"{path.stem}{suffix}")
        copy = Path(directory) / f"{path.stem}.shp"
        pyogrio.set_gdal_config_options({"SHAPE_RESTORE_SHX": True})
        try:
            pyogrio.list_layers(copy)
        except pyogrio.errors.DataSourceError as error:
            raise FileFormatError("'{file}' cannot be read: {reason}", file=path.name, reason=str(error)) from error
        finally:
            pyogrio.set_gdal_config_options({"SHAPE_RESTORE_SHX": None})
        return _read_gdal(copy, copy, params)


def _shapefile_encoding(path: Path, params: SourceParams) -> tuple[str, str]:
    if params.encoding:
        return normalise_encoding(params.encoding), "given by the user"
    dbf = _sidecar(path, ".dbf")
    if dbf is None:
        raise FileFormatError(
            "'{file}' comes without its .dbf, which holds the names and codes. Hand over all files of the shapefile.",
            file=path.name,
        )
    choice = detect_dbf_encoding(dbf)
    return choice.encoding, choice.reason


def _with_crs(frame: gpd.GeoDataFrame, path: Path, params: SourceParams) -> tuple[gpd.GeoDataFrame, str]:
    """Return the frame with the CRS that the user gave, or else the file's, and where it comes from."""
    if params.crs:
        return frame.set_crs(_parse_crs(params.crs), allow_override=True), "given by the user"
    if frame.crs is not None:
        crs = CRS.from_user_input(frame.crs)
        epsg = crs.to_epsg(min_confidence=60)
        is_json = path.suffix.lower() in {".json", ".geojson"}
        reason = "stated in the file, or the default of GeoJSON" if is_json else "stated in the file"
        return frame.set_crs(CRS.from_epsg(epsg) if epsg else crs, allow_override=True), reason
    if ".topojson" in path.suffixes and _guess_crs(frame)["guess"] == "degrees":
        return frame.set_crs(CRS.from_epsg(WGS84_EPSG)), "default of TopoJSON"
    raise CrsError(
        "'{file}' does not say its coordinate system and the coordinates look like {guess}. Name it, e.g. {example}.",
        file=path.name,
        **_guess_crs(frame),
    )


def _guess_crs(frame: gpd.GeoDataFrame) -> dict[str, str]:
    """Return what the size of the coordinates suggests, for the error message only: it is never assumed."""
    minx, miny, maxx, maxy = np.nan_to_num(frame.total_bounds)
    if max(abs(minx), abs(maxx)) <= 180 and max(abs(miny), abs(maxy)) <= 90:
        return {"guess": Phrase("degrees"), "example": f"EPSG:{CGCS2000_EPSG}"}
    zone = int(minx // 1e6)
    if 25 <= zone <= 45:
        return {
            "guess": Phrase("Gauss-Kruger with zone prefix {zone}", zone=zone),
            "example": f"EPSG:{4513 + zone - 25}",
        }
    if 13 <= zone <= 23:
        return {
            "guess": Phrase("6-degree Gauss-Kruger with zone prefix {zone}", zone=zone),
            "example": f"EPSG:{4491 + zone - 13}",
        }
    return {"guess": Phrase("metres without a zone"), "example": "EPSG:4547"}


def _parse_crs(text: str) -> CRS:
    try:
        return CRS.from_user_input(text)
    except ProjCrsError as error:
        raise CrsError("'{crs}' is not a known coordinate system. Give a code such as EPSG:4490.", crs=text) from error


def _swapped(frame: gpd.GeoDataFrame, params: SourceParams) -> gpd.GeoDataFrame:
    if not params.swap_xy:
        return frame
    swapped = shapely.transform(frame.geometry.to_numpy(), lambda xy: xy[:, ::-1])
    return frame.set_geometry(gpd.GeoSeries(swapped, index=frame.index, crs=frame.crs))


def _read_csv(path: Path, params: SourceParams) -> SourceLayer:
    encodings = [normalise_encoding(params.encoding)] if params.encoding else ["utf-8-sig", "gb18030"]
    for encoding in encodings:
        try:
            table = pd.read_csv(path, encoding=encoding, dtype="str", keep_default_na=False)
        except UnicodeDecodeError:
            continue  # the next encoding is tried; none left is an error below
        except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            raise FileFormatError("'{file}' cannot be read: {reason}", file=path.name, reason=str(error)) from error
        return _points(path, table, params, encoding, "decodes every value")
    raise FileFormatError(
        "'{file}': attribute text cannot be read as {encoding}. Name its encoding.",
        file=path.name,
        encoding=", ".join(encodings),
    )


def _read_json_records(path: Path) -> pd.DataFrame | None:
    """Return the rows of a JSON array of objects, or None when the file is something else (GeoJSON)."""
    with path.open("rb") as file:
        if file.read(4096).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] != b"[":
            return None
    try:
        rows = json.loads(path.read_text("utf-8-sig"))
        return pd.DataFrame([row if isinstance(row, dict) else {} for row in rows])
    except ValueError as error:
        raise FileFormatError("'{file}' cannot be read: {reason}", file=path.name, reason=str(error)) from error


def _points(path: Path, table: pd.DataFrame, params: SourceParams, encoding: str, reason: str) -> SourceLayer:
    by_name = {str(column).strip().casefold(): column for column in table.columns}
    x_name = next((by_name[name] for name in _X_NAMES if name in by_name), None)
    y_name = next((by_name[name] for name in _Y_NAMES if name in by_name), None)
    if x_name is None or y_name is None:
        raise FileFormatError(
            "'{file}' has no columns of coordinates. Name them lon and lat, or x and y.", file=path.name
        )
    x = pd.to_numeric(table[x_name], errors="coerce")
    y = pd.to_numeric(table[y_name], errors="coerce")
    if params.swap_xy:
        x, y = y, x
    crs_text = params.crs
    beyond_degrees = x.abs().max() > 180 or y.abs().max() > 180
    if crs_text is None and beyond_degrees:
        frame = gpd.GeoDataFrame(geometry=gpd.points_from_xy(x, y))
        _with_crs(frame, path, params)
    crs = _parse_crs(crs_text) if crs_text else CRS.from_epsg(WGS84_EPSG)
    frame = gpd.GeoDataFrame(table.drop(columns=[x_name, y_name]), geometry=gpd.points_from_xy(x, y), crs=crs)
    _require_coordinates(frame, path)
    crs_reason = "given by the user" if crs_text else "columns of longitude and latitude, WGS 84 assumed"
    return SourceLayer(frame, path.name, path.stem, encoding, reason, crs_reason)


def _mend_topojson(path: Path) -> bytes:
    """Return a TopoJSON file in which arcs of one point got a second one, because GDAL refuses the whole file else.

    The zero-length lines that come of it are found and counted by the repair step.
    """
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    with opener(path, "rb") as file:
        try:
            topology = json.loads(file.read())
        except (ValueError, OSError, EOFError) as error:
            raise FileFormatError("'{file}' cannot be read: {reason}", file=path.name, reason=str(error)) from error
    for arc in topology.get("arcs", []) if isinstance(topology, dict) else []:
        if len(arc) == 1:
            arc.append([0] * len(arc[0]) if "transform" in topology else list(arc[0]))
    return json.dumps(topology).encode()

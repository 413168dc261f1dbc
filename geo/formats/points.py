"""Places in the columns of a table: longitude and latitude in any spelling, one column for both, or well-known text."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS

from geo.errors import FileFormatError
from geo.formats.coordinates import parse_coordinates, plain_text, split_pairs
from geo.formats.mending import MendedGeometry, read_geometry
from geo.formats.source_crs import find_crs, middle_of, parse_crs
from geo.formats.source_layer import SourceLayer, SourceParams, said_by_column
from geo.formats.tables import Table
from geo.formats.vectors import require_coordinates
from geo.model.crs import WGS84_EPSG
from geo.model.reports import Finding, list_rows

_UNIT = re.compile(r"[(（\[][^)）\]]*[)）\]]|°$|[\s_\-./:：]")
_WKT = re.compile(
    r"^(?:SRID=(\d+);)?\s*((?:MULTI)?(?:POINT|LINESTRING|POLYGON)|GEOMETRYCOLLECTION)[\s(]", re.IGNORECASE
)
_NO_PLAIN_WKT = r"(?i)CURVE|CIRCULARSTRING|TIN|TRIANGLE|SURFACE"


@dataclass(frozen=True)
class _Places:
    """Which columns hold the places: two of numbers, one of pairs, or one of well-known text."""

    kind: str
    columns: tuple[Any, ...]


def is_header(cells: list[str]) -> bool:
    """Return whether a row of cells names columns of places."""
    return _find_places([cell for cell in cells if cell.strip()]) is not None


def _form(name: Any) -> str:
    return _UNIT.sub("", unicodedata.normalize("NFKC", str(name)).strip().casefold())


@cache
def _names() -> dict[str, list[str]]:
    return tomllib.loads(resources.files("geo.formats").joinpath("places.toml").read_text("utf-8"))


def _find_places(columns: list[Any]) -> _Places | None:
    by_form = {_form(column): column for column in reversed(columns)}

    def first(kind: str) -> Any:
        return next((by_form[name] for name in _names()[kind] if name in by_form), None)

    x, y = first("x"), first("y")
    if x is not None and y is not None:
        return _Places("numbers", (x, y))
    for kind in ("wkt", "pair"):
        if (column := first(kind)) is not None:
            return _Places(kind, (column,))
    return None


def read_points(path: Path, table: Table, params: SourceParams) -> SourceLayer:
    """Return the rows of a table as features.

    Degrees without a stated CRS are WGS 84; metres need one from the user.

    Raises
    ------
    FileFormatError
        No column holds places, or none of its values can be read.
    CrsError
        The coordinates are metres of an unnamed system.
    """
    rows = table.rows
    places = _find_places(list(rows.columns))
    if places is None:
        raise FileFormatError(
            "'{file}' has no columns of coordinates. Name them lon and lat, or x and y.", file=path.name
        )
    crs: CRS | None = None
    closed: tuple[int, ...] = ()
    told: list[Finding] = []
    if places.kind == "wkt":
        mended, crs, written = _from_wkt(rows[places.columns[0]], path)
        geometry, closed = mended.geometry, mended.closed
        told = [finding for finding in mended.findings if finding.code == "closed_ring"]
    else:
        geometry, written = _from_numbers(rows, places, swap=params.swap_xy)
    if places.kind == "wkt" and params.swap_xy:
        geometry = shapely.transform(geometry, lambda xy: xy[:, ::-1])
    findings = [*table.findings, *told, *_odd_places(geometry, written)]
    geometry[_is_null_island(geometry)] = None
    frame = gpd.GeoDataFrame(rows.drop(columns=list(places.columns)), geometry=geometry, crs=crs)
    require_coordinates(frame, path, findings)
    frame, crs_reason = _with_crs(frame, path, params)
    encoding = table.encoding
    return SourceLayer(
        frame,
        path.name,
        table.name,
        encoding.encoding,
        encoding.reason,
        crs_reason,
        tuple(findings),
        said_converted_from=said_by_column(rows),
        closed=closed,
    )


def _with_crs(frame: gpd.GeoDataFrame, path: Path, params: SourceParams) -> tuple[gpd.GeoDataFrame, str]:
    if params.crs:
        return frame.set_crs(parse_crs(params.crs), allow_override=True), "given by the user"
    if frame.crs is not None:
        return frame, "stated in the file"
    if max(map(abs, middle_of(frame))) > 180:
        find_crs(frame, path, None)
    return frame.set_crs(WGS84_EPSG), "columns of longitude and latitude, WGS 84 assumed"


def _from_wkt(values: pd.Series, path: Path) -> tuple[MendedGeometry, CRS | None, Any]:
    texts = values.astype("str").str.strip()
    parts = texts.str.extract(r"^(?:(?:SRID|srid)=(\d+);)?\s*(.*)$", flags=re.DOTALL)
    known = texts.str.match(_WKT).to_numpy(dtype=bool) & ~texts.str.contains(_NO_PLAIN_WKT).to_numpy(dtype=bool)
    plain = parts[1].to_numpy(dtype=object, copy=True)
    geometry = np.full(len(texts), None, dtype=object)
    geometry[known] = shapely.from_wkt(plain[known], on_invalid="ignore")
    is_missing = shapely.is_missing(geometry)
    plain[~(known & is_missing)] = None
    mended = read_geometry(plain)
    geometry[is_missing] = mended.geometry[is_missing]
    codes = parts[0].dropna().unique()
    if len(codes) > 1:
        raise FileFormatError(
            "'{file}' holds geometry in several coordinate systems ({codes}). Hand over one file for each.",
            file=path.name,
            codes=", ".join(f"EPSG:{code}" for code in codes),
        )
    crs = parse_crs(f"EPSG:{codes[0]}") if len(codes) else None
    return replace(mended, geometry=geometry), crs, (texts != "").to_numpy(dtype=bool)


def _from_numbers(rows: pd.DataFrame, places: _Places, *, swap: bool) -> tuple[Any, Any]:
    if places.kind == "pair":
        texts = rows[places.columns[0]].map(plain_text)
        first, second = split_pairs(texts)
        written = texts != ""
    else:
        first, second = (rows[column].map(plain_text) for column in places.columns)
        written = (first != "") | (second != "")
    x, y = parse_coordinates(first), parse_coordinates(second)
    if swap:
        x, y = y, x
    points = shapely.points(x, y)
    return np.where(np.isfinite(x) & np.isfinite(y), points, None), written.to_numpy(dtype=bool)


def _is_null_island(geometry: Any) -> Any:
    is_point = shapely.get_type_id(geometry) == 0
    return is_point & (shapely.get_x(geometry) == 0) & (shapely.get_y(geometry) == 0)


def _odd_places(geometry: Any, written: Any) -> list[Finding]:
    message = "{count} rows have the coordinates 0, 0 and were taken as without place."
    zero = _odd(_is_null_island(geometry), "zero_coordinates", message)
    message = "{count} rows have coordinates that cannot be read and were taken as without place."
    return [*zero, *_odd(shapely.is_missing(geometry) & written, "bad_coordinates", message)]


def _odd(mask: Any, code: str, message: str) -> list[Finding]:
    if not mask.any():
        return []
    count = int(mask.sum())
    rows = list_rows(np.flatnonzero(mask).tolist())
    return [Finding(code, "warning", message, count, rows, context={"count": count})]

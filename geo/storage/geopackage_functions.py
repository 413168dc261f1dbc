"""The spatial SQL functions that the embedded store needs, made of shapely.

The triggers of the R*Tree call ``ST_MinX`` … ``ST_IsEmpty`` (GeoPackage 1.4, extension ``gpkg_rtree_index``); the
statements of GeoAlchemy2 call ``GeomFromEWKT``, ``GeomFromEWKB`` and ``AsEWKB``. A geometry in SQL is always a
GeoPackage blob.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from typing import Any

import shapely

from geo.storage import blobs


def register_functions(connection: sqlite3.Connection) -> None:
    """Make the functions known to one connection."""
    for index, name in enumerate(("ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY")):
        _register(connection, name, 1, partial(_bound, index=index))
    _register(connection, "ST_IsEmpty", 1, _is_empty)
    _register(connection, "ST_SRID", 1, _epsg)
    for name in ("AsEWKB", "ST_AsEWKB"):
        _register(connection, name, 1, _as_ewkb)
    for name in ("AsBinary", "ST_AsBinary"):
        _register(connection, name, 1, _as_wkb)
    _register(connection, "ST_AsText", 1, _as_text)
    for name in ("GeomFromEWKT", "ST_GeomFromEWKT"):
        _register(connection, name, 1, _from_ewkt)
    for name in ("GeomFromEWKB", "ST_GeomFromEWKB", "GeomFromWKB"):
        _register(connection, name, 1, _from_ewkb)
        _register(connection, name, 2, _from_ewkb)


def _register(connection: sqlite3.Connection, name: str, arguments: int, function: Callable[..., Any]) -> None:
    connection.create_function(name, arguments, function, deterministic=True)


def _bound(blob: bytes | None, index: int) -> float | None:
    return None if blob is None else blobs.blob_bound(blob, index)


def _is_empty(blob: bytes | None) -> int | None:
    return None if blob is None else int(blobs.is_empty_blob(blob))


def _epsg(blob: bytes | None) -> int | None:
    return None if blob is None else blobs.blob_epsg(blob)


def _as_ewkb(blob: bytes | None) -> bytes | None:
    if blob is None:
        return None
    shape = shapely.set_srid(blobs.decode_blob(blob), blobs.blob_epsg(blob))
    return bytes(shapely.to_wkb(shape, byte_order=1, include_srid=True))


def _as_wkb(blob: bytes | None) -> bytes | None:
    return None if blob is None else bytes(shapely.to_wkb(blobs.decode_blob(blob), byte_order=1, flavor="iso"))


def _as_text(blob: bytes | None) -> str | None:
    return None if blob is None else str(shapely.to_wkt(blobs.decode_blob(blob), rounding_precision=-1))


def _from_ewkt(text: str | None) -> bytes | None:
    if text is None:
        return None
    head, semicolon, wkt = text.partition(";")
    if not semicolon:
        return blobs.encode_blob(shapely.from_wkt(text), -1)
    return blobs.encode_blob(shapely.from_wkt(wkt), int(head.upper().removeprefix("SRID=")))


def _from_ewkb(wkb: bytes | str | None, epsg: int | None = None) -> bytes | None:
    if wkb is None:
        return None
    shape = shapely.from_wkb(wkb)
    return blobs.encode_blob(shape, epsg or int(shapely.get_srid(shape)) or -1)

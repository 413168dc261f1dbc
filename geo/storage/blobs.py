"""Geometries as GeoPackage blobs: a header with SRS and envelope, then WKB (GeoPackage 1.4, clause 2.1.3)."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np
import shapely

from geo.storage.columns import Shapes

_MAGIC = b"GP"
_HEADER = np.dtype(
    [("magic", "S2"), ("version", "u1"), ("flags", "u1"), ("srs_id", "<i4"), ("envelope", "<f8", (4,))]
)  # packed: 40 bytes
_LITTLE_ENDIAN = 0b1
_ENVELOPE_XY = 1 << 1
_EMPTY = 1 << 4
_ENVELOPE_BYTES = (0, 32, 48, 48, 64)
_WKB_START = tuple(
    8 + _ENVELOPE_BYTES[(flags >> 1) & 7] if (flags >> 1) & 7 < len(_ENVELOPE_BYTES) else 8 for flags in range(256)
)

Bounds = tuple[float, float, float, float]


def encode_blobs(shapes: Shapes, epsg: int) -> tuple[list[bytes], np.ndarray[tuple[int, int], np.dtype[np.float64]]]:
    """Return geometries as blobs with an envelope, and their bounds.

    Parameters
    ----------
    shapes
        Geometries that are not empty, in the CRS ``epsg``.
    epsg
        Code that goes into the headers.

    Returns
    -------
    tuple
        The blobs, and an array of shape (n, 4) with min x, min y, max x, max y.
    """
    bounds = shapely.bounds(shapes).reshape(-1, 4)
    headers = np.empty(len(shapes), dtype=_HEADER)
    headers["magic"] = _MAGIC
    headers["version"] = 0
    headers["flags"] = _LITTLE_ENDIAN | _ENVELOPE_XY
    headers["srs_id"] = epsg
    headers["envelope"] = bounds[:, [0, 2, 1, 3]]
    packed, size = headers.tobytes(), _HEADER.itemsize
    wkbs = shapely.to_wkb(shapes, byte_order=1, flavor="iso")
    return [packed[i * size : (i + 1) * size] + wkb for i, wkb in enumerate(wkbs)], bounds


def decode_blobs(blobs: Sequence[bytes | None]) -> Shapes:
    """Return the geometries of blobs that any program wrote; None stays None.

    Raises
    ------
    shapely.errors.GEOSException
        A blob does not hold a geometry.
    """
    shapes: Shapes = shapely.from_wkb([blob if blob is None else blob[_WKB_START[blob[3]] :] for blob in blobs])
    return shapes


def encode_blob(shape: shapely.Geometry, epsg: int) -> bytes:
    """Return one geometry, which may be empty, as a blob."""
    if shape.is_empty:
        flags = _LITTLE_ENDIAN | _EMPTY
        return struct.pack("<2sBBi", _MAGIC, 0, flags, epsg) + bytes(shapely.to_wkb(shape, byte_order=1, flavor="iso"))
    blobs, _ = encode_blobs(np.array([shape], dtype=object), epsg)
    return blobs[0]


def decode_blob(blob: bytes) -> shapely.Geometry:
    """Return the geometry of one blob."""
    return shapely.from_wkb(blob[_WKB_START[blob[3]] :])


def blob_epsg(blob: bytes) -> int:
    """Return the SRS in the header of a blob."""
    return int(struct.unpack_from("<i" if blob[3] & 1 else ">i", blob, 4)[0])


def is_empty_blob(blob: bytes) -> bool:
    """Return whether a blob says that its geometry is empty."""
    return bool(blob[3] & _EMPTY)


def blob_bound(blob: bytes, index: int) -> float | None:
    """Return one number of the envelope of a blob: min x, max x, min y or max y by ``index`` 0-3.

    Read from the header where it holds an envelope, because the triggers of the R*Tree call this four times per row.
    None for an empty geometry.
    """
    flags = blob[3]
    if flags & _EMPTY:
        return None
    if flags & 0b1110:
        return float(struct.unpack_from("<d" if flags & 1 else ">d", blob, 8 + 8 * index)[0])
    min_x, min_y, max_x, max_y = decode_blob(blob).bounds  # GDAL writes points without an envelope
    return float((min_x, max_x, min_y, max_y)[index])

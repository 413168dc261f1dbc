"""Geometry that GDAL or GEOS refuses as a whole, read feature by feature: open rings, surfaces, one-point arcs."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.model.reports import Finding, list_rows

_MAX_GAP_SHARE = 0.5
_TIN, _TRIANGLE, _POLYGON, _MULTI_POLYGON = 16, 17, 3, 6


@dataclass(frozen=True)
class MendedGeometry:
    """Geometry read feature by feature.

    Attributes
    ----------
    geometry
        None where it cannot be read.
    closed
        Numbers of the features of which a ring was closed.
    findings
        What was mended or is unreadable.
    """

    geometry: NDArray[np.object_]
    closed: tuple[int, ...]
    findings: tuple[Finding, ...]


def read_geometry(written: NDArray[np.object_]) -> MendedGeometry:
    """Return the geometry of every feature that can be read, and what was mended or is unreadable.

    Rings that are not closed are closed when the gap is at most half as long as the rest of the ring: the last corner was
    left out. A longer gap is that of a line which somebody called a polygon; it is left out.

    Parameters
    ----------
    written
        Well-known binary or text of each feature, or None.
    """
    geometry = np.array([_parse(one, "ignore") for one in written], dtype=object)
    is_present = np.array([one is not None for one in written], dtype=bool)
    closed = np.zeros(len(written), dtype=bool)
    is_open = np.zeros(len(written), dtype=bool)
    for row in np.flatnonzero(is_present & shapely.is_missing(geometry)):
        mended = _parse(written[row], "fix")
        if mended is None:
            continue
        closed[row] = _largest_gap(mended) <= _MAX_GAP_SHARE
        is_open[row] = not closed[row]
        if closed[row]:
            geometry[row] = mended
    unreadable = is_present & shapely.is_missing(geometry) & ~is_open
    findings: list[Finding] = []
    message = "{count} polygons had a ring that was not closed; its ends were joined."
    findings += _finding(closed, "closed_ring", "warning", message)
    message = (
        "{count} polygons have a ring whose ends lie far apart and were left out. They are lines: import them as such."
    )
    findings += _finding(is_open, "unclosed_ring", "error", message)
    message = (
        "{count} features have geometry that cannot be read, such as curves, and were left out. Export them as simple "
        "points, lines or polygons."
    )
    findings += _finding(unreadable, "unreadable_geometry", "error", message)
    return MendedGeometry(geometry, tuple(np.flatnonzero(closed).tolist()), tuple(findings))


def _finding(mask: NDArray[np.bool_], code: str, severity: Any, message: str) -> list[Finding]:
    if not mask.any():
        return []
    count = int(mask.sum())
    rows = list_rows(np.flatnonzero(mask).tolist())
    return [Finding(code, severity, message, count, rows, context={"count": count})]


def _parse(written: bytes | str | None, on_invalid: Any) -> Any:
    if written is None:
        return None
    try:
        if isinstance(written, str):
            return shapely.from_wkt(written, on_invalid=on_invalid)
        with np.errstate(invalid="ignore"):  # coordinates that are no numbers are found by the repair
            return shapely.from_wkb(_without_tin(written), on_invalid=on_invalid)
    except (shapely.GEOSException, NotImplementedError, struct.error):
        return None


def _largest_gap(geometry: Any) -> float:
    """Return the largest share that the closing side of a ring has in the length of its other sides."""
    rings = shapely.get_rings(geometry)
    shares = [0.0]
    for ring in rings:
        sides = np.hypot(*np.diff(shapely.get_coordinates(ring), axis=0).T)
        rest = float(sides[:-1].sum())
        shares.append(float(sides[-1]) / rest if rest > 0 else np.inf)
    return max(shares)


def _without_tin(blob: bytes) -> bytes:
    """Return a triangulated surface as a multipolygon of its triangles, anything else as it is."""
    order = "<" if blob[0] == 1 else ">"
    kind = struct.unpack_from(f"{order}I", blob, 1)[0]
    flags, base = divmod(kind, 1000) if kind < 10_000 else (0, kind)
    if base != _TIN:
        return blob
    result = bytearray(blob)
    struct.pack_into(f"{order}I", result, 1, flags * 1000 + _MULTI_POLYGON)
    width = 8 * (2 + (flags in (1, 3)) + (flags in (2, 3)))
    offset = 9
    for _ in range(struct.unpack_from(f"{order}I", blob, 5)[0]):
        if struct.unpack_from(f"{order}I", blob, offset + 1)[0] % 1000 != _TRIANGLE:
            return blob
        struct.pack_into(f"{order}I", result, offset + 1, flags * 1000 + _POLYGON)
        rings = struct.unpack_from(f"{order}I", blob, offset + 5)[0]
        offset += 9
        for _ring in range(rings):
            offset += 4 + width * struct.unpack_from(f"{order}I", blob, offset)[0]
    return bytes(result)


def mend_topojson(blob: bytes) -> bytes:
    """Return a TopoJSON text in which arcs of one point got a second one, because GDAL refuses the whole file else.

    The zero-length lines that come of it are found and counted by the repair step.

    Raises
    ------
    ValueError
        It is no JSON.
    """
    topology = json.loads(blob)
    for arc in topology.get("arcs", []) if isinstance(topology, dict) else []:
        if len(arc) == 1:
            arc.append([0] * len(arc[0]) if "transform" in topology else list(arc[0]))
    return json.dumps(topology).encode()

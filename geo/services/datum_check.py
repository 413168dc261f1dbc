"""Whether a new layer lies beside what is stored by a constant shift, as GCJ-02 coordinates do."""

from __future__ import annotations

import math

import geopandas as gpd
import numpy as np
import shapely
from pyproj import Transformer

from geo.algorithms.datum_shift import DatumShift, DatumShiftParams, find_datum_shift
from geo.formats.datum import gcj02_from_wgs84
from geo.model.crs import WGS84_EPSG
from geo.model.frames import SCHEMAS
from geo.model.reports import Finding
from geo.model.text import Phrase
from geo.storage.store import Store
from geo.storage.transaction import Transaction

_COMPARED = {"zoning": "cell", "community": "community", "street": "street"}
"""Kind of import → its table, for layers with borders.

Others are not compared. Buildings keep off the borders by the width of a pavement or a court, and at the distance of a shift
stands the next building. Points of one kind lie beside those of another by right; of their own kind they are most often new
ones at other places (incidents of another month), or the same, which the import of a repeated code already tells."""

_LIKE_GCJ02_M = 80.0
"""Shifts found from borders that were generalised differently are this exact."""

_MESSAGE = (
    "The layer lies {distance_m:.0f} m beside the stored layer '{compared}' ({east_m:.0f} m east, {north_m:.0f} m north): "
    "{before:.0%} of the borders agree as it lies, {after:.0%} without this shift. {reason}"
)
_NEW_IS_GCJ02 = "This is how GCJ-02 coordinates lie here: import it again with their conversion (--from gcj02)."
_STORED_IS_GCJ02 = (
    "This is how it looks when the stored layers are in GCJ-02: import those again with their conversion "
    "(--from gcj02)."
)
_OTHER_DATUM = "Check the coordinate systems of both and import the wrong one again with the right one (--crs)."


def check_datum(
    store: Store,
    frame: gpd.GeoDataFrame,
    kind: str,
    left_out: str | None = None,
    params: DatumShiftParams | None = None,
) -> list[Finding]:
    """Compare the borders of a new layer with those of the stored communities, cells and streets.

    Parameters
    ----------
    store
        Of the project; may not exist yet.
    frame
        The new layer, repaired and in the project's CRS.
    kind
        What it is imported as; only zonings, communities and streets are compared.
    left_out
        What the import replaces and must not be compared with: the key of the zoning, or ``""`` for the whole table; None
        when it replaces nothing.
    params
        Thresholds.

    Returns
    -------
    list of Finding
        One warning ``datum_shift`` when a constant shift fits clearly better than none, else none.
    """
    if kind not in _COMPARED or frame.empty or not store.exists():
        return []
    found: list[tuple[DatumShift, str]] = []
    with store.begin() as transaction:
        epsg = transaction.project.epsg
        for table in _COMPARED.values():
            stored = _stored(transaction, table, _COMPARED[kind], left_out)
            shift = find_datum_shift(frame.geometry.to_numpy(), stored.geometry.to_numpy(), params)
            if shift is not None:
                found.append((shift, table))
    if not found:
        return []
    shift, table = max(found, key=lambda pair: pair[0].agreement_after)
    return [_finding(frame, shift, table, epsg)] if shift.is_shifted else []


def _stored(transaction: Transaction, table: str, own_table: str, left_out: str | None) -> gpd.GeoDataFrame:
    stored: gpd.GeoDataFrame = transaction.read(table)
    if table != own_table or left_out is None:
        return stored
    return stored[stored["zoning_id"] != left_out] if left_out else stored.iloc[:0]


def _finding(frame: gpd.GeoDataFrame, shift: DatumShift, table: str, epsg: int) -> Finding:
    boxes = shapely.bounds(frame.geometry.to_numpy())
    x, y = (float(value) for value in np.median((boxes[:, :2] + boxes[:, 2:]) / 2, axis=0))
    context = {
        "distance_m": shift.distance_m,
        "compared": Phrase(SCHEMAS[table].title_en),
        "east_m": shift.dx_m,
        "north_m": shift.dy_m,
        "before": shift.agreement_before,
        "after": shift.agreement_after,
        "reason": Phrase(_remedy(shift, x, y, epsg)),
    }
    return Finding("datum_shift", "warning", _MESSAGE, len(frame), x=x, y=y, context=context)


def _remedy(shift: DatumShift, x: float, y: float, epsg: int) -> str:
    """Return what to do: a shift like that of GCJ-02 at this place names its conversion."""
    to_degrees = Transformer.from_crs(epsg, WGS84_EPSG, always_xy=True)
    lon, lat = to_degrees.transform(x, y)
    moved_lon, moved_lat = gcj02_from_wgs84(np.array([lon]), np.array([lat]))
    moved_x, moved_y = to_degrees.transform(moved_lon[0], moved_lat[0], direction="INVERSE")
    east, north = moved_x - x, moved_y - y
    if math.hypot(east, north) < _LIKE_GCJ02_M:
        return _OTHER_DATUM  # outside China, where there is no such shift
    if math.hypot(shift.dx_m - east, shift.dy_m - north) <= _LIKE_GCJ02_M:
        return _NEW_IS_GCJ02
    if math.hypot(shift.dx_m + east, shift.dy_m + north) <= _LIKE_GCJ02_M:
        return _STORED_IS_GCJ02
    return _OTHER_DATUM

"""Files that this program wrote: recognised by their columns and taken back as what they were."""

from __future__ import annotations

import geopandas as gpd
import pandas as pd

from geo.formats.columns import known_targets
from geo.formats.headings import CONVERTED_COLUMN, own_columns

_FILLED_HERE = ("zoning_id", "street_id", "cell_code")
_TIMES = ("shift_start_s", "shift_end_s")


def restore_own_export(kind: str, table: str, frame: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, dict[str, str]]:
    """Return the rows with the columns of the table, and which column is which; unchanged and nothing for other files.

    Columns that the import fills itself (key of the zoning, number of the street, unified cell) and the mark of a
    conversion are left out, so that they do not come back as attributes.

    Parameters
    ----------
    kind, table
        Kind of layer to import and its table.
    frame
        Rows as they were read.
    """
    columns = [str(name) for name in frame.columns if name != frame.geometry.name]
    if "Name" in columns and "name" not in columns and own_columns(table, columns):
        return restore_own_export(kind, table, frame.rename(columns={"Name": "name"}))  # as GDAL reads it from KML
    called = own_columns(table, columns)
    if not called:
        return frame.drop(columns=[name for name in columns if name == CONVERTED_COLUMN]), {}
    dropped = [name for name in columns if called.get(name) in _FILLED_HERE or _adds_nothing(name, frame, called)]
    rows = frame.drop(columns=dropped)
    taken = [name for name in rows.columns if name not in called and name in called.values()]
    rows = rows.rename(columns={name: f"{name}_" for name in taken}).rename(columns=called)
    for name in _TIMES:
        seconds = pd.to_numeric(rows[name], errors="coerce") if kind == "team" and name in rows else pd.Series([None])
        if seconds.notna().all():
            rows[name] = seconds.map(_clock)
    present = set(map(str, rows.columns))
    return rows, {target: target if target in present else "" for target in known_targets(kind)}


def _adds_nothing(name: str, frame: gpd.GeoDataFrame, called: dict[str, str]) -> bool:
    """Return whether a column is the mark of a conversion, or one that a reader made up without any value."""
    return name == CONVERTED_COLUMN or (name not in called and bool((frame[name].isna() | (frame[name] == "")).all()))


def _clock(seconds: float) -> str:
    """Return seconds after midnight as a time of day; what lies past midnight follows from the start of the shift."""
    minutes, second = divmod(int(seconds) % 86_400, 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{second:02d}"

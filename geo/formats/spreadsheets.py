"""Tables for people: CSV and Excel workbooks with headings in their language and units in the headings."""

from __future__ import annotations

import csv
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

import geopandas as gpd
import openpyxl
import pandas as pd
import shapely
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter

from geo.errors import ParameterError
from geo.formats.headings import Language, heading, words
from geo.model.crs import WGS84_EPSG
from geo.model.frames import SCHEMAS
from geo.model.itinerary import clock

_MAX_ROWS, _MAX_CELL = 1_048_575, 32_767
_WIDTH_ROWS, _MAX_WIDTH = 200, 60
_TIME_COLUMNS = (
    "shift_start_s", "shift_end_s", "start_s", "end_s", "arrive_s", "window_start_s", "window_end_s",
)  # fmt: skip
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
"""What the XML of a workbook cannot hold."""
_DECIMALS = {"lon": 9, "lat": 9}


def write_csv(frame: pd.DataFrame, path: Path, table: str, language: Language, time_zone: str) -> None:
    """Write a table as CSV in UTF-8 with a mark that Excel understands.

    Points have columns of longitude and latitude; lines and polygons one of well-known text, so that a GIS can read them.

    Raises
    ------
    OSError
        The file cannot be written.
    """
    columns = _columns(frame, table, language, time_zone, places="exact")
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*(map(_plain_text, values) for values in columns.values()), strict=True))


def write_workbook(frame: pd.DataFrame, path: Path, table: str, language: Language, time_zone: str) -> None:
    """Write a table as an Excel workbook of one sheet; lines and polygons are told by a point inside them.

    Raises
    ------
    ParameterError
        The table has more rows, or longer texts, than a workbook can hold.
    OSError
        The file cannot be written.
    """
    columns = _columns(frame, table, language, time_zone, places="points")
    _require_fits(columns, len(frame), path)
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    schema = SCHEMAS[table]
    sheet.title = schema.title_zh if language == "zh" else schema.title_en
    sheet.append(list(columns))
    for row in zip(*columns.values(), strict=True):
        sheet.append([_FORBIDDEN.sub("\ufffd", value) if isinstance(value, str) else value for value in row])
    for cell in sheet[1]:
        cell.font = Font(bold=True)
    for cells in sheet.iter_rows(min_row=2):
        for cell in cells:
            if cell.data_type == "f":  # a text that begins with "=" is no formula
                cell.data_type = "s"
    for number, (title, values) in enumerate(columns.items(), 1):
        longest = max([_width(title), *(_width(value) for value in values[:_WIDTH_ROWS])])
        sheet.column_dimensions[get_column_letter(number)].width = min(longest + 2, _MAX_WIDTH)
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = sheet.dimensions
    workbook.save(path)


def _require_fits(columns: dict[str, list[Any]], rows: int, path: Path) -> None:
    if rows > _MAX_ROWS:
        raise ParameterError(
            "'{file}': a workbook holds {limit} rows, the table has {rows}. Export as .csv.",
            file=path.name,
            limit=_MAX_ROWS,
            rows=rows,
        )
    for title, values in columns.items():
        if any(isinstance(value, str) and len(value) > _MAX_CELL for value in values):
            raise ParameterError(
                "'{file}': a text of the column '{column}' is longer than a cell of a workbook can be ({limit} characters). "
                "Export as .csv or .gpkg.",
                file=path.name,
                column=title,
                limit=_MAX_CELL,
            )


def _width(value: Any) -> int:
    """Return the width of a text in half-width characters."""
    text = _plain_text(value)
    return sum(1 if char.isascii() else 2 for char in text[:_MAX_WIDTH])


def _columns(
    frame: pd.DataFrame, table: str, language: Language, time_zone: str, places: Literal["exact", "points"]
) -> dict[str, list[Any]]:
    """Return heading → values: words for closed lists, times of day and local instants as text, None where empty."""
    geometry = frame.geometry.name if isinstance(frame, gpd.GeoDataFrame) else None
    zone = ZoneInfo(time_zone)
    columns = {
        heading(table, name, language): [
            _shown(value, name, words(table, name, language), zone) for value in frame[name]
        ]
        for name in (str(column) for column in frame.columns if column != geometry)
    }
    if not isinstance(frame, gpd.GeoDataFrame):
        return columns
    shapes = frame.geometry.to_crs(WGS84_EPSG)
    if places == "exact" and SCHEMAS[table].geometry != "POINT":
        texts = shapely.to_wkt(shapes.to_numpy(), rounding_precision=9)
        return columns | {heading(table, "wkt", language): list(texts)}
    points = shapely.point_on_surface(frame.geometry.to_numpy())
    shapes = gpd.GeoSeries(points, crs=frame.crs).to_crs(WGS84_EPSG)
    return columns | {
        heading(table, "lon", language): shapes.x.round(_DECIMALS["lon"]).tolist(),
        heading(table, "lat", language): shapes.y.round(_DECIMALS["lat"]).tolist(),
    }


def _shown(value: Any, column: str, known: dict[str, str], zone: ZoneInfo) -> Any:
    if value is None or pd.isna(value):
        return None
    if isinstance(value, datetime):
        return value.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
    if column in _TIME_COLUMNS:
        return clock(float(value))
    if column == "facility_codes":
        return "、".join(json.loads(value))
    if isinstance(value, str):
        return known.get(value, value)
    return value.item() if hasattr(value, "item") else value


def _plain_text(value: Any) -> str:
    return "" if value is None else str(value)

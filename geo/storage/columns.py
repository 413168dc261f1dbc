"""Columns of frames as lists of plain values for a driver, and back."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from geopandas.array import from_shapely
from numpy.typing import NDArray
from pyproj import CRS

from geo.errors import GeometryError, SchemaError
from geo.model.frames import ColumnKind, FrameSchema, column_dtypes, geo_frame

Shapes = NDArray[np.object_]


def require_storable(schema: FrameSchema, frame: pd.DataFrame) -> None:
    """Refuse what one of the back ends cannot hold, so that both hold the same.

    Raises
    ------
    SchemaError
        A text holds a NUL or half of a surrogate pair.
    GeometryError
        A coordinate is not a finite number.
    """
    for column in schema.columns:
        if column.kind == "text":
            for row, value in enumerate(frame[column.name]):
                if isinstance(value, str) and not _is_storable_text(value):
                    raise SchemaError(
                        "Layer '{table}', column '{column}', row {row}: the text holds characters that are not text. "
                        "Check the encoding of the source.",
                        table=schema.table,
                        column=column.name,
                        row=row,
                    )
    if schema.geometry is not None and len(frame):
        coordinates, rows = shapely.get_coordinates(frame.geometry.to_numpy(), return_index=True)
        wrong = ~np.isfinite(coordinates).all(axis=1)
        if wrong.any():
            raise GeometryError(
                "Layer '{table}', row {row}: a coordinate is not a finite number. Correct the geometry in the source.",
                table=schema.table,
                row=int(rows[wrong.argmax()]),
            )


def _is_storable_text(value: str) -> bool:
    if value.isascii():
        return "\0" not in value
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in value


def shapes_of(frame: gpd.GeoDataFrame) -> Shapes:
    """Return the geometries of a frame with two coordinates each; the tables hold no heights."""
    shapes: Shapes = shapely.force_2d(frame.geometry.to_numpy())
    return shapes


def plain_values(kind: ColumnKind, series: pd.Series[Any], instants_as_text: bool) -> list[Any]:
    """Return a column as str, int, float, datetime or None; instants in whole ms, as ISO 8601 text where asked."""
    if kind == "instant":
        millis = series.dt.floor("ms")
        moments = _instant_texts(millis) if instants_as_text else [moment.to_pydatetime() for moment in millis]
        return [None if absent else moment for moment, absent in zip(moments, series.isna(), strict=True)]
    missing = series.isna()
    if not missing.any():
        return series.to_list()
    return [None if absent else value for value, absent in zip(series.to_list(), missing, strict=True)]


def _instant_texts(series: pd.Series[Any]) -> list[str]:
    millis = series.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[ms]")
    return [text + "Z" for text in np.datetime_as_string(millis).tolist()]


def frame_of(schema: FrameSchema, values: Sequence[Sequence[Any]], shapes: Shapes | None, epsg: int) -> Any:
    """Return the frame of a table from its columns.

    Parameters
    ----------
    schema
        The table.
    values
        One sequence per column of the schema.
    shapes
        Geometries, None for a table without geometry.
    epsg
        Code of the project's CRS.

    Returns
    -------
    GeoDataFrame or DataFrame
        With the dtypes that :func:`geo.model.frames.require_frame` gives.

    Raises
    ------
    TypeError, ValueError
        A value does not fit the kind of its column: another program wrote it.
    """
    dtypes = column_dtypes(schema.table)
    columns = {
        column.name: _array_of(column.kind, column_values, dtypes[column.name])
        for column, column_values in zip(schema.columns, values, strict=True)
    }
    plain = pd.DataFrame(columns, copy=False)
    return plain if schema.geometry is None else geo_frame(plain, from_shapely(shapes, crs=_crs(epsg)))


@cache
def _crs(epsg: int) -> CRS:
    return CRS.from_epsg(epsg)


def _array_of(kind: ColumnKind, values: Sequence[Any], dtype: Any) -> Any:
    if kind == "instant":
        if any(isinstance(value, str) for value in values):
            return pd.to_datetime(pd.Series(list(values)), format="ISO8601", utc=True).astype(dtype).array
        return pd.to_datetime(pd.Series(list(values), dtype=object), utc=True).astype(dtype).array
    if kind == "text" or (kind == "int" and dtype == "Int64"):
        return pd.Series(list(values), dtype=dtype).array
    return np.array(values, dtype=dtype)

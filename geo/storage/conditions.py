"""Checks the conditions and orders that services name and turns them into SQLAlchemy clauses."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import ColumnElement, Table, and_, or_

from geo.errors import ParameterError
from geo.model.frames import SCHEMAS, ColumnKind, FrameSchema
from geo.storage.backend import Bounds, Session
from geo.storage.instants import whole_milliseconds


def require_schema(table: str) -> FrameSchema:
    """Return the schema of a table.

    Raises
    ------
    ParameterError
        There is no such table.
    """
    schema = SCHEMAS.get(table)
    if schema is None:
        raise ParameterError(
            "There is no layer '{table}'. Choose one of: {known}.", table=table, known=", ".join(SCHEMAS)
        )
    return schema


def where_clause(
    session: Session, schema: FrameSchema, table: Table, where: Mapping[str, Any] | None
) -> ColumnElement[bool] | None:
    """Return the condition that every named column has its value, or one of its values; None without conditions.

    Raises
    ------
    ParameterError
        A column is not of the table or a value not of its kind.
    """
    parts = [_is_value(session, schema, table, name, value) for name, value in (where or {}).items()]
    return and_(*parts) if parts else None


def _is_value(session: Session, schema: FrameSchema, table: Table, name: str, value: Any) -> ColumnElement[bool]:
    kind = _kind_of(schema, name)
    column = table.c[name]
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        plain = _plain(schema, name, kind, value)
        return column.is_(None) if plain is None else column == plain
    values = [_plain(schema, name, kind, item) for item in value]
    present = [item for item in values if item is not None]
    among = session.is_among(column, present)
    return or_(among, column.is_(None)) if len(present) < len(values) else among


def _kind_of(schema: FrameSchema, name: str) -> ColumnKind:
    for column in schema.columns:
        if column.name == name:
            return column.kind
    raise ParameterError(
        "Layer '{table}' has no column '{column}'. Choose one of: {known}.",
        table=schema.table,
        column=name,
        known=", ".join(schema.column_names),
    )


def _plain(schema: FrameSchema, name: str, kind: ColumnKind, value: Any) -> Any:
    """Return a value as the driver takes it; None and the missing values of pandas as None."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, pd.Timestamp):
        value = value.to_pydatetime(warn=False)
    match kind:
        case "text":
            fits = isinstance(value, str) and "\0" not in value
        case "int":
            fits = isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
        case "float":
            fits = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        case "instant":
            fits = isinstance(value, datetime) and value.tzinfo is not None
    if not fits:
        raise ParameterError(
            "Column '{column}' of layer '{table}' cannot equal {value!r}. Give a value of the kind {kind}.",
            table=schema.table,
            column=name,
            value=value,
            kind=kind,
        )
    return whole_milliseconds(value) if kind == "instant" else value


def bbox_clause(session: Session, schema: FrameSchema, table: Table, bbox: Sequence[float]) -> ColumnElement[bool]:
    """Return the condition that the bounds of the geometry meet a box of the project's CRS, borders included.

    Raises
    ------
    ParameterError
        The table has no geometry, or the box is not min x, min y, max x, max y.
    """
    if schema.geometry is None:
        raise ParameterError("Layer '{table}' has no geometry. Leave out the box.", table=schema.table)
    box: Bounds | None = None
    if len(bbox) == 4 and all(math.isfinite(value) for value in bbox):
        box = (float(bbox[0]), float(bbox[1]), float(bbox[2]), float(bbox[3]))
    if box is None or box[0] > box[2] or box[1] > box[3]:
        raise ParameterError("{bbox} is not a box. Give min x, min y, max x, max y in metres.", bbox=tuple(bbox))
    return session.touches(table, box)


def order_clauses(
    session: Session, schema: FrameSchema, table: Table, order_by: Sequence[str]
) -> list[ColumnElement[Any]]:
    """Return what to sort by: the named columns, missing values first, then the order in which the rows came.

    Raises
    ------
    ParameterError
        A column is not of the table.
    """
    clauses: list[ColumnElement[Any]] = []
    for name in order_by:
        _kind_of(schema, name)
        clauses.append(session.order_key(table.c[name]).asc().nulls_first())
    return [*clauses, table.c.fid.asc()]

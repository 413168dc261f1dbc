"""A transaction: reads frames from the tables and writes frames to them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS
from sqlalchemy import ColumnElement, Select, Table, delete, func, insert, select

from geo.errors import CrsError, ParameterError, SchemaError, StorageError
from geo.model.frames import SCHEMAS, FrameSchema, require_frame
from geo.model.project import Project
from geo.storage.backend import Session, load_project, project_fields
from geo.storage.columns import frame_of, require_storable
from geo.storage.conditions import bbox_clause, order_clauses, require_schema, where_clause
from geo.storage.failures import translated
from geo.storage.models import GEOMETRY_COLUMN, tables_for


class Transaction:
    """What one transaction of a store can do; see :meth:`geo.storage.store.Store.begin`.

    Attributes
    ----------
    project
        The project as it is inside the transaction.
    """

    project: Project

    def __init__(self, session: Session) -> None:
        self._session = session
        self._failure: StorageError | None = None
        with self._step():
            self._load_project()

    def _load_project(self) -> None:
        self.project = load_project(self._session.connection, self._session.place)
        self._session.tables = tables_for(self.project.epsg)

    @contextmanager
    def _step(self) -> Iterator[None]:
        """Translate failures and remember them: a transaction with a failed step must not be committed."""
        try:
            with translated(self._session.place):
                yield
        except StorageError as error:
            self._failure = error
            raise

    def require_unbroken(self) -> None:
        """Refuse to go on after a failed step, even when the caller swallowed its error.

        Raises
        ------
        StorageError
            A step failed.
        """
        if self._failure is not None:
            raise self._failure

    def _prepare_write(self) -> None:
        if self._session.prepare_write():
            self._load_project()  # the store may have moved on while this transaction waited for its turn

    def _table(self, schema: FrameSchema) -> Table:
        return self._session.tables.tables[schema.table]

    def read(
        self,
        table: str,
        *,
        where: Mapping[str, Any] | None = None,
        bbox: tuple[float, float, float, float] | None = None,
        order_by: Sequence[str] = (),
        limit: int | None = None,
        offset: int = 0,
    ) -> Any:
        """Return rows of a table as a frame.

        Parameters
        ----------
        table
            Key of :data:`geo.model.frames.SCHEMAS`.
        where
            Column → value, None for missing, or a list of values of which one must fit.
        bbox
            Min x, min y, max x, max y in the project's CRS, m; rows whose bounds meet it, borders included.
        order_by
            Columns to sort by, ascending, text by its bytes, missing values first; rows that are equal in them, or all,
            in the order in which they came.
        limit, offset
            Number of rows to return, and to leave out before.

        Returns
        -------
        GeoDataFrame or DataFrame
            Columns of the table in their order with the dtypes of :func:`geo.model.frames.require_frame`, and
            ``geometry`` in the project's CRS where the table has one.

        Raises
        ------
        ParameterError
            An unknown table or column, a value of the wrong kind, a box that is none, a negative limit or offset.
        StorageError
            The store cannot be read.
        """
        schema = require_schema(table)
        if offset < 0 or (limit is not None and limit < 0):
            raise ParameterError("Limit {limit} and offset {offset} must not be negative.", limit=limit, offset=offset)
        statement = self._select(schema, where, bbox, order_by).limit(limit)
        if offset:
            statement = statement.offset(offset)
        with self._step():
            self._session.prepare_read()
            rows = self._session.connection.execute(statement).fetchall()
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [()] * len(statement.selected_columns)
        try:
            shapes = self._session.shapes(columns.pop()) if schema.geometry is not None else None
            return frame_of(schema, columns, shapes, self.project.epsg)
        except (TypeError, ValueError, OverflowError, shapely.errors.GEOSException) as error:
            raise StorageError(
                "Layer '{table}' in {place} holds values of a wrong kind from another program. Correct them there.",
                table=table,
                place=self._session.place,
            ) from error

    def _select(
        self,
        schema: FrameSchema,
        where: Mapping[str, Any] | None,
        bbox: tuple[float, float, float, float] | None,
        order_by: Sequence[str],
    ) -> Select[Any]:
        session, table = self._session, self._table(schema)
        columns: list[ColumnElement[Any]] = [
            session.raw_instant(table.c[column.name]) if column.kind == "instant" else table.c[column.name]
            for column in schema.columns
        ]
        if schema.geometry is not None:
            columns.append(session.raw_geometry(table.c[GEOMETRY_COLUMN]))
        statement = select(*columns).order_by(*order_clauses(session, schema, table, order_by))
        condition = where_clause(session, schema, table, where)
        if condition is not None:
            statement = statement.where(condition)
        if bbox is not None:
            statement = statement.where(bbox_clause(session, schema, table, bbox))
        return statement

    def count(self, table: str, *, where: Mapping[str, Any] | None = None) -> int:
        """Return the number of rows of a table, or of those that fit; ``where`` as in :meth:`read`.

        Raises
        ------
        ParameterError
            An unknown table or column, or a value of the wrong kind.
        StorageError
            The store cannot be read.
        """
        schema = require_schema(table)
        statement = select(func.count()).select_from(self._table(schema))
        condition = where_clause(self._session, schema, self._table(schema), where)
        if condition is not None:
            statement = statement.where(condition)
        with self._step():
            self._session.prepare_read()
            return int(self._session.connection.execute(statement).scalar_one())

    def append(self, table: str, frame: pd.DataFrame) -> int:
        """Add the rows of a frame and return their number.

        Heights and the parts of a millisecond are left out: the tables hold x and y, and instants as GDAL reads them.

        Parameters
        ----------
        table
            Key of :data:`geo.model.frames.SCHEMAS`.
        frame
            Passes :func:`geo.model.frames.require_frame`; geometry in the project's CRS. Not changed.

        Raises
        ------
        ParameterError
            An unknown table.
        SchemaError
            The frame does not fit the table.
        CrsError
            The geometry is in another CRS, or in none.
        GeometryError
            A coordinate is not a finite number.
        StorageError
            The store cannot be written.
        """
        return self._write(table, frame, None, replaces=False)

    def replace(self, table: str, frame: pd.DataFrame, *, where: Mapping[str, Any] | None = None) -> int:
        """Delete the rows that fit ``where``, all when None, then add those of a frame and return their number.

        Parameters and errors are those of :meth:`append` and :meth:`delete`; a frame that does not fit deletes nothing.
        """
        return self._write(table, frame, where, replaces=True)

    def update(self, table: str, frame: pd.DataFrame, *, key: Sequence[str]) -> int:
        """Put rows in the place of those with the same key, where they keep their order; return their number.

        Parameters
        ----------
        table, frame
            As in :meth:`append`.
        key
            Columns that together name a row.

        Raises
        ------
        SchemaError
            The frame does not fit the table, or a key is not there exactly once; nothing is changed.
        ParameterError, CrsError, GeometryError, StorageError
            As :meth:`append`.
        """
        schema = require_schema(table)
        checked = require_frame(table, frame)
        require_storable(schema, checked)
        if checked.empty:
            return 0
        with self._step():
            self._prepare_write()
        self._require_crs(schema, checked)
        columns = [self._table(schema).c[name] for name in ("fid", *key)]
        where = {name: checked[name].unique().tolist() for name in key}
        condition = where_clause(self._session, schema, self._table(schema), where)
        statement = select(*columns) if condition is None else select(*columns).where(condition)
        with self._step():
            rows = self._session.connection.execute(statement).fetchall()
        fids = {tuple(row[1:]): int(row[0]) for row in rows}
        wanted = list(zip(*(checked[name] for name in key), strict=True))
        if len(set(wanted)) < len(wanted) or not all(item in fids for item in wanted) or len(fids) < len(rows):
            raise SchemaError("Layer '{table}' does not hold each of the rows to be changed once.", table=table)
        chosen = [fids[item] for item in wanted]
        with self._step():
            fid = self._table(schema).c["fid"]
            self._session.delete(schema, self._table(schema), self._session.is_among(fid, chosen))
            self._session.insert(schema, self._table(schema), checked, chosen)
        return len(checked)

    def _write(self, table: str, frame: pd.DataFrame, where: Mapping[str, Any] | None, *, replaces: bool) -> int:
        schema = require_schema(table)
        checked = require_frame(table, frame)
        require_storable(schema, checked)
        with self._step():
            self._prepare_write()
        self._require_crs(schema, checked)
        condition = where_clause(self._session, schema, self._table(schema), where)
        with self._step():
            if replaces:
                self._session.delete(schema, self._table(schema), condition)
            if len(checked):
                self._session.insert(schema, self._table(schema), checked)
        return len(checked)

    def _require_crs(self, schema: FrameSchema, frame: pd.DataFrame) -> None:
        if schema.geometry is None or not isinstance(frame, gpd.GeoDataFrame):
            return
        if frame.crs is None or not CRS.from_user_input(frame.crs).equals(CRS.from_epsg(self.project.epsg), True):
            raise CrsError(
                "Layer '{table}' is in {found}, the project in EPSG:{epsg}. Transform the layer before storing it.",
                table=schema.table,
                found=frame.crs.name if frame.crs is not None else "no coordinate system",
                epsg=self.project.epsg,
            )

    def delete(self, table: str, *, where: Mapping[str, Any] | None = None) -> int:
        """Delete the rows that fit, all when None, and return their number; ``where`` as in :meth:`read`.

        Raises
        ------
        ParameterError
            An unknown table or column, or a value of the wrong kind.
        StorageError
            The store cannot be written.
        """
        schema = require_schema(table)
        with self._step():
            self._prepare_write()
        condition = where_clause(self._session, schema, self._table(schema), where)
        with self._step():
            return self._session.delete(schema, self._table(schema), condition)

    def save_project(self, project: Project) -> None:
        """Change the project; its CRS only while no layer with geometry holds rows.

        Raises
        ------
        CrsError
            Another CRS while there is geometry, or one that is not metric.
        StorageError
            The store cannot be written.
        """
        with self._step():
            self._prepare_write()
        if project.epsg != self.project.epsg:
            with self._step():
                filled = [table for table, schema in SCHEMAS.items() if schema.geometry and self._holds_rows(schema)]
            if filled:
                raise CrsError(
                    "The project is in EPSG:{old} and cannot change to EPSG:{new} once it holds layers. "
                    "Make a new project and import the layers again.",
                    old=self.project.epsg,
                    new=project.epsg,
                )
        with self._step():
            if project.epsg != self.project.epsg:
                self._session.change_epsg(project.epsg)
            table = self._session.tables.tables["project"]
            self._session.connection.execute(delete(table))
            self._session.connection.execute(insert(table), project_fields(project))
            self._load_project()

    def _holds_rows(self, schema: FrameSchema) -> bool:
        table = self._table(schema)
        return self._session.connection.execute(select(table.c.fid).limit(1)).first() is not None

    def save_report(self, step: str, body: Mapping[str, Any]) -> None:
        """Keep what a step reported, with the present time.

        Parameters
        ----------
        step
            Name of the step.
        body
            Values that JSON can hold; numbers of numpy too.

        Raises
        ------
        ParameterError
            The body holds something else.
        StorageError
            The store cannot be written.
        """
        try:
            text = json.dumps(dict(body), ensure_ascii=False, allow_nan=False, default=_plain_number)
        except (TypeError, ValueError) as error:
            raise ParameterError("The report of the step '{step}' is not plain JSON.", step=step) from error
        with self._step():
            self._prepare_write()
            self._session.connection.execute(
                insert(self._session.tables.tables["report"]),
                {"step": step, "created_at": datetime.now(UTC), "body": text},
            )

    def reports(self, step: str | None = None) -> list[dict[str, Any]]:
        """Return the reports, of one step or of all, oldest first.

        Returns
        -------
        list of dict
            Each body with ``step`` and ``created_at`` (UTC).

        Raises
        ------
        StorageError
            The store cannot be read.
        """
        table = self._session.tables.tables["report"]
        statement = select(table.c.step, table.c.created_at, table.c.body).order_by(table.c.fid)
        if step is not None:
            statement = statement.where(table.c.step == step)
        with self._step():
            self._session.prepare_read()
            rows = self._session.connection.execute(statement).fetchall()
        return [{**json.loads(row.body), "step": row.step, "created_at": row.created_at} for row in rows]


def _plain_number(value: Any) -> Any:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(type(value).__name__)

"""The embedded store: one GeoPackage file through the sqlite3 of Python."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
from sqlalchemy import (
    Column,
    ColumnClause,
    ColumnElement,
    Connection,
    Float,
    LargeBinary,
    NullPool,
    String,
    Table,
    and_,
    create_engine,
    event,
    func,
    select,
    type_coerce,
)
from sqlalchemy import column as sql_column
from sqlalchemy import delete as delete_from
from sqlalchemy import table as sql_table

from geo.errors import ProjectExistsError, ProjectNotFoundError, StorageError
from geo.model.crs import require_metric_epsg
from geo.model.frames import SCHEMAS, FrameSchema
from geo.model.project import Project
from geo.storage.backend import FOREIGN_PLACE, NO_PROJECT, PROJECT_EXISTS, Backend, Bounds, Session
from geo.storage.blobs import decode_blobs, encode_blobs
from geo.storage.columns import Shapes, plain_values, shapes_of
from geo.storage.failures import CANNOT_OPEN, CHANGED, translated
from geo.storage.geopackage_functions import register_functions
from geo.storage.geopackage_schema import NOW, add_srs, create_tables, drop_everything, rtree_name
from geo.storage.instants import Instant, instant_text
from geo.storage.models import GEOMETRY_COLUMN, geometry_type_of, tables_for

_FEW = 200
"""Rows below which a trigger for each of them is cheaper than to change the schema twice."""
BUSY_TIMEOUT_S = 30.0
"""How long to wait for another writer before giving up."""


class GeoPackageBackend(Backend):
    """A GeoPackage file. It is whole after every commit: the journal mode is DELETE, so no second file is needed."""

    name: ClassVar[str] = "gpkg"

    def __init__(self, path: Path) -> None:
        self.path = path
        # no pool: an idle connection would hold the file open while QGIS or a copy works on it
        engine = create_engine("gpkg://", creator=partial(_connect, path), poolclass=NullPool)
        event.listen(engine, "begin", _begin)
        super().__init__(f"gpkg://{path}", str(path), engine)

    def has_tables(self, connection: Connection) -> bool:
        """Return whether the tables of a project are there."""
        query = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN ('project', 'unified_cell')"
        return int(connection.exec_driver_sql(query).scalar_one()) == 2

    def exists(self) -> bool:
        """Return whether the file is there and holds a project."""
        if not self.path.is_file():
            return False
        with translated(self.place), self._engine.begin() as connection:
            return self.has_tables(connection)

    def create(self, project: Project, overwrite: bool) -> None:
        """Make the file, all or nothing."""
        require_metric_epsg(project.epsg)
        is_new = self._make_file()
        try:
            with translated(self.place), self._engine.begin() as connection:
                _lock_for_writing(connection)
                found = connection.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar_one()
                if found and not overwrite:
                    if self.has_tables(connection):
                        raise ProjectExistsError(PROJECT_EXISTS, place=self.place)
                    raise StorageError(FOREIGN_PLACE, place=self.place)
                # in place, because replacing the file under a program that has it open would mix up their journals
                drop_everything(connection)
                create_tables(connection, project)
        except BaseException:
            if is_new:
                self.path.unlink(missing_ok=True)
            raise
        if found:
            # the old project leaves free pages behind; they do no harm when another program keeps us from this
            with suppress(sqlite3.Error), closing(_connect(self.path)) as raw:
                raw.execute("VACUUM")

    def drop(self) -> None:
        """Empty the file first, so that whoever has it open sees no project, then remove it."""
        if not self.exists():
            return
        with translated(self.place), self._engine.begin() as connection:
            _lock_for_writing(connection)
            drop_everything(connection)
        self._engine.dispose()
        try:
            self.path.unlink()
        except OSError as error:
            raise StorageError(CANNOT_OPEN, place=self.place) from error

    def _make_file(self) -> bool:
        try:
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666))
        except FileExistsError:
            return False
        except OSError as error:
            raise StorageError(CANNOT_OPEN, place=self.place) from error
        return True

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """Open a transaction: commit at the end, rollback on any exception."""
        if not self.path.exists():
            raise ProjectNotFoundError(NO_PROJECT, place=self.place)
        with super().begin() as session:
            yield session

    def session(self, connection: Connection) -> Session:
        """Return the session of a connection that is inside a transaction."""
        return GeoPackageSession(connection, self.place)

    def close(self) -> None:
        """Leave a single file: QGIS may have switched it to a write-ahead log."""
        self._engine.dispose()
        if self.path.is_file():
            # refused while another program has the file open; that program then merges the log when it closes
            with suppress(sqlite3.Error), closing(_connect(self.path)) as raw:
                if raw.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
                    raw.execute("PRAGMA journal_mode = DELETE")


def _connect(path: Path) -> sqlite3.Connection:
    # mode=rw: opening never makes a file. isolation_level=None: sqlite3 starts no transaction on its own
    raw = sqlite3.connect(
        path.as_uri() + "?mode=rw", uri=True, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    register_functions(raw)
    # a large write that spilled to the file before its commit would lock out readers
    raw.execute("PRAGMA cache_spill = OFF")
    return raw


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _lock_for_writing(connection: Connection) -> None:
    """Start again as a writer: only a transaction that begins as one waits for other writers instead of failing."""
    connection.exec_driver_sql("COMMIT")
    connection.exec_driver_sql("BEGIN IMMEDIATE")


class GeoPackageSession(Session):
    """One transaction on a GeoPackage."""

    def __init__(self, connection: Connection, place: str) -> None:
        super().__init__(connection, place)
        self._has_read = False
        self._is_writer = False

    def prepare_read(self) -> None:
        """Remember that what follows rests on this state of the file."""
        self._has_read = True

    def prepare_write(self) -> bool:
        """Become a writer; fail when another program wrote since this transaction read."""
        if self._is_writer:
            return False
        seen = self._version()
        _lock_for_writing(self.connection)
        if self._has_read and self._version() != seen:
            raise StorageError(CHANGED, place=self.place)
        self._is_writer = True
        return True

    def _version(self) -> int:
        return int(self.connection.exec_driver_sql("PRAGMA data_version").scalar_one())

    def raw_geometry(self, column: Column[Any]) -> ColumnElement[Any]:
        """Select the blob."""
        return type_coerce(column, LargeBinary)

    def shapes(self, values: Sequence[Any]) -> Shapes:
        """Return the geometries of blobs."""
        return decode_blobs(values)

    def raw_instant(self, column: Column[Any]) -> ColumnElement[Any]:
        """Select the text."""
        return type_coerce(column, String)

    def touches(self, table: Table, bbox: Bounds) -> ColumnElement[bool]:
        """Ask the R*Tree, whose single precision boxes are a little too large, then the envelopes."""
        min_x, min_y, max_x, max_y = bbox
        sides: list[ColumnClause[Any]] = [sql_column(name) for name in ("id", "minx", "maxx", "miny", "maxy")]
        tree = sql_table(rtree_name(table.name), *sides)
        candidates = select(tree.c.id).where(
            tree.c.maxx >= min_x, tree.c.minx <= max_x, tree.c.maxy >= min_y, tree.c.miny <= max_y
        )
        geometry = table.c[GEOMETRY_COLUMN]
        return and_(
            table.c.fid.in_(candidates),
            func.ST_MaxX(geometry, type_=Float) >= min_x,
            func.ST_MinX(geometry, type_=Float) <= max_x,
            func.ST_MaxY(geometry, type_=Float) >= min_y,
            func.ST_MinY(geometry, type_=Float) <= max_y,
        )

    def is_among(self, column: Column[Any], values: Sequence[Any]) -> ColumnElement[bool]:
        """Pass the values as one JSON array."""
        plain = [instant_text(value) if isinstance(value, datetime) else value for value in values]
        rows = func.json_each(json.dumps(plain, ensure_ascii=False)).table_valued("value")
        return column.in_(select(rows.c.value))

    def order_key(self, column: Column[Any]) -> ColumnElement[Any]:
        """Sort instants without their Z, because other programs may leave out the milliseconds: 12Z, 12.125Z."""
        return func.rtrim(column, "Z", type_=String) if isinstance(column.type, Instant) else column

    def insert(self, schema: FrameSchema, table: Table, frame: pd.DataFrame, fids: Sequence[int] | None = None) -> None:
        """Append rows with one prepared statement, and fill the R*Tree with another."""
        raw: Any = self.connection.connection.driver_connection
        names = ["fid", *schema.column_names]
        if fids is None:
            first = self._next_fid(schema.table)
            fids = range(first, first + len(frame))
        values: list[Any] = [fids, *(plain_values(column.kind, frame[column.name], True) for column in schema.columns)]
        if schema.geometry is None:
            raw.executemany(_insert_statement(schema.table, names), zip(*values, strict=True))
            self._touch(schema)
            return
        blobs, bounds = encode_blobs(shapes_of(frame), geometry_type_of(table.c[GEOMETRY_COLUMN]).srid)
        values.append(blobs)
        statement = _insert_statement(schema.table, [*names, GEOMETRY_COLUMN])
        tree = rtree_name(schema.table)
        if len(frame) < _FEW:
            raw.executemany(statement, zip(*values, strict=True))
        else:
            with self._suspended_trigger(schema.table, f"{tree}_insert"):
                raw.executemany(statement, zip(*values, strict=True))
                boxes = bounds[:, [0, 2, 1, 3]].T.tolist()
                raw.executemany(f'INSERT INTO "{tree}" VALUES (?,?,?,?,?)', zip(fids, *boxes, strict=True))  # noqa: S608
        low, high = bounds[:, :2].min(axis=0).tolist(), bounds[:, 2:].max(axis=0).tolist()
        self._touch(schema, grown_by=(low[0], low[1], high[0], high[1]))

    def _next_fid(self, table: str) -> int:
        """Return the key after the highest that was ever used; another writer cannot come between."""
        run = self.connection.exec_driver_sql
        used = run("SELECT seq FROM sqlite_sequence WHERE name = ?", (table,)).scalar()
        present = run(f'SELECT max(fid) FROM "{table}"').scalar()  # noqa: S608 - a name of our own
        return 1 + max(int(used or 0), int(present or 0))

    @contextmanager
    def _suspended_trigger(self, table: str, trigger: str) -> Iterator[None]:
        """Take a trigger away for a bulk change; a rollback brings it back too."""
        run = self.connection.exec_driver_sql
        statement = run(
            "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ? AND name = ?", (table, trigger)
        ).scalar()
        run(f'DROP TRIGGER IF EXISTS "{trigger}"')
        yield
        if statement is not None:
            run(statement)

    def delete(self, schema: FrameSchema, table: Table, condition: ColumnElement[bool] | None) -> int:
        """Delete rows; the triggers keep the R*Tree true, or a new one takes its place when all rows go."""
        if condition is not None:
            shrunk = schema.geometry is not None and self._reaches_rim(schema, table, condition)
            count = self.connection.execute(delete_from(table).where(condition)).rowcount
            if count:
                self._touch(schema, shrunk=shrunk)
            return count
        if schema.geometry is None:
            count = self.connection.execute(delete_from(table)).rowcount
        else:
            tree = rtree_name(schema.table)
            run = self.connection.exec_driver_sql
            made_by = run("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (tree,)).scalar_one()
            with self._suspended_trigger(schema.table, f"{tree}_delete"):
                count = self.connection.execute(delete_from(table)).rowcount
                run(f'DROP TABLE "{tree}"')
                run(made_by)
        if count:
            self._touch(schema, shrunk=True)
        return count

    def _reaches_rim(self, schema: FrameSchema, table: Table, condition: ColumnElement[bool]) -> bool:
        """Return whether rows reach the rim of the layer's extent, so that it may shrink when they go."""
        sides = ("minx", "miny", "maxx", "maxy")
        tree = sql_table(rtree_name(schema.table), *(sql_column(name) for name in ("id", *sides)))
        outermost = [func.min(tree.c.minx), func.min(tree.c.miny), func.max(tree.c.maxx), func.max(tree.c.maxy)]
        rows = self.connection.execute(
            select(*outermost).where(tree.c.id.in_(select(table.c.fid).where(condition)))
        ).one()
        query = "SELECT min_x, min_y, max_x, max_y FROM gpkg_contents WHERE table_name = ?"
        extent = self.connection.exec_driver_sql(query, (schema.table,)).one()
        if None in (*rows, *extent):
            return True
        (west, south, east, north), (min_x, min_y, max_x, max_y) = rows, extent
        return bool(west <= min_x or south <= min_y or east >= max_x or north >= max_y)

    def _touch(self, schema: FrameSchema, grown_by: Bounds | None = None, shrunk: bool = False) -> None:
        """Keep the date and the extent in ``gpkg_contents`` true."""
        run = self.connection.exec_driver_sql
        run(f"UPDATE gpkg_contents SET last_change = {NOW} WHERE table_name = ?", (schema.table,))  # noqa: S608
        if grown_by is not None:
            run(
                "UPDATE gpkg_contents SET min_x = min(coalesce(min_x, ?1), ?1), min_y = min(coalesce(min_y, ?2), ?2), "
                "max_x = max(coalesce(max_x, ?3), ?3), max_y = max(coalesce(max_y, ?4), ?4) WHERE table_name = ?5",
                (*grown_by, schema.table),
            )
        elif shrunk and schema.geometry is not None:
            tree = rtree_name(schema.table)
            # the R*Tree rounds to single precision, outwards, so the outermost row is among those that it puts outermost
            sides = [
                f"(SELECT {pick}(ST_{pick}{axis}(geom)) FROM {schema.table} WHERE fid IN (SELECT id FROM {tree} "  # noqa: S608
                f"WHERE {pick}{axis} = (SELECT {pick}({pick}{axis}) FROM {tree})))"
                for pick, axis in (("min", "x"), ("min", "y"), ("max", "x"), ("max", "y"))
            ]
            run(
                f"UPDATE gpkg_contents SET (min_x, min_y, max_x, max_y) = ({', '.join(sides)}) "  # noqa: S608
                "WHERE table_name = ?",
                (schema.table,),
            )

    def change_epsg(self, epsg: int) -> None:
        """Name the other SRS in the tables of the GeoPackage."""
        add_srs(self.connection, require_metric_epsg(epsg), epsg)
        for schema in SCHEMAS.values():
            if schema.geometry is not None:
                for table in ("gpkg_contents", "gpkg_geometry_columns"):
                    query = f"UPDATE {table} SET srs_id = ? WHERE table_name = ?"  # noqa: S608 - names of our own
                    self.connection.exec_driver_sql(query, (epsg, schema.table))
        self.tables = tables_for(epsg)


def _insert_statement(table: str, names: Sequence[str]) -> str:
    columns = ", ".join(f'"{name}"' for name in names)
    return f'INSERT INTO "{table}" ({columns}) VALUES ({", ".join("?" * len(names))})'  # noqa: S608 - names of our own

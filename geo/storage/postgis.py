"""The server store: PostgreSQL with PostGIS through psycopg 3."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import pandas as pd
import psycopg
import shapely
from sqlalchemy import (
    ARRAY,
    TIMESTAMP,
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Double,
    Float,
    LargeBinary,
    Table,
    Text,
    and_,
    any_,
    create_engine,
    func,
    insert,
    literal,
    make_url,
    text,
)
from sqlalchemy import delete as delete_from
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.types import TypeEngine

from geo.errors import ProjectExistsError
from geo.model.crs import require_metric_epsg
from geo.model.frames import SCHEMAS, ColumnKind, FrameSchema
from geo.model.project import Project
from geo.storage.backend import PROJECT_EXISTS, Backend, Bounds, Session, project_fields
from geo.storage.columns import Shapes, plain_values, shapes_of
from geo.storage.failures import translated
from geo.storage.instants import Instant
from geo.storage.models import GEOMETRY_COLUMN, geometry_type_of, tables_for

CONNECT_TIMEOUT_S = 10
_CREATE_LOCK = 0x79697761  # "yiwa"; any number that nobody else locks
_COPY_TYPES: dict[ColumnKind, str] = {"text": "text", "int": "int8", "float": "float8", "instant": "timestamptz"}


class PostgisBackend(Backend):
    """A database that holds one project in the schema its user works in."""

    name: ClassVar[str] = "postgis"

    def __init__(self, url: str) -> None:
        address = make_url(url).set(drivername="postgresql+psycopg")
        engine = create_engine(
            address,
            # one writer after another, as in a file; who loses a race is told so
            isolation_level="SERIALIZABLE",
            pool_pre_ping=True,
            connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "client_encoding": "utf8"},
        )
        super().__init__(
            address.render_as_string(hide_password=False), address.render_as_string(hide_password=True), engine
        )

    def has_tables(self, connection: Connection) -> bool:
        """Return whether the tables of a project are there."""
        query = "SELECT to_regclass('project') IS NOT NULL AND to_regclass('unified_cell') IS NOT NULL"
        return bool(connection.exec_driver_sql(query).scalar_one())

    def exists(self) -> bool:
        """Return whether the database holds a project."""
        with translated(self.place), self._engine.begin() as connection:
            return self.has_tables(connection)

    def create(self, project: Project, overwrite: bool) -> None:
        """Make the tables, all or nothing."""
        crs = require_metric_epsg(project.epsg)
        # READ COMMITTED: after waiting for the lock it must see what its former holder made
        engine = self._engine.execution_options(isolation_level="READ COMMITTED")
        with translated(self.place), engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CREATE_LOCK})
            if self.has_tables(connection):
                if not overwrite:
                    raise ProjectExistsError(PROJECT_EXISTS, place=self.place)
                _drop_tables(connection)
            connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS postgis")
            _require_srid(connection, project.epsg, crs.to_wkt("WKT1_GDAL"))
            tables = tables_for(project.epsg).tables
            for table in tables.values():
                connection.execute(CreateTable(table))
                for index in table.indexes:
                    connection.execute(CreateIndex(index))
            connection.execute(insert(tables["project"]), project_fields(project))

    def drop(self) -> None:
        """Remove the tables of the project; the database and its extension stay."""
        engine = self._engine.execution_options(isolation_level="READ COMMITTED")
        with translated(self.place), engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CREATE_LOCK})
            if self.has_tables(connection):
                _drop_tables(connection)

    def session(self, connection: Connection) -> Session:
        """Return the session of a connection that is inside a transaction."""
        return PostgisSession(connection, self.place)

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def _drop_tables(connection: Connection) -> None:
    for name in tables_for(-1).tables:
        connection.exec_driver_sql(f'DROP TABLE IF EXISTS "{name}"')


def _require_srid(connection: Connection, epsg: int, wkt: str) -> None:
    """Make sure that PostGIS knows the CRS; its own list is older than that of pyproj."""
    connection.execute(
        text(
            "INSERT INTO spatial_ref_sys (srid, auth_name, auth_srid, srtext) SELECT :epsg, 'EPSG', :epsg, :wkt "
            "WHERE NOT EXISTS (SELECT 1 FROM spatial_ref_sys WHERE srid = :epsg)"
        ),
        {"epsg": epsg, "wkt": wkt},
    )


class PostgisSession(Session):
    """One transaction on a database. PostgreSQL itself sees to it that writers do not overtake each other."""

    def prepare_read(self) -> None:
        """Nothing to do."""

    def prepare_write(self) -> bool:
        """Nothing to do."""
        return False

    def raw_geometry(self, column: Column[Any]) -> ColumnElement[Any]:
        """Select WKB."""
        return func.ST_AsBinary(column, type_=LargeBinary)

    def shapes(self, values: Sequence[Any]) -> Shapes:
        """Return the geometries of WKB."""
        shapes: Shapes = shapely.from_wkb(list(values))
        return shapes

    def raw_instant(self, column: Column[Any]) -> ColumnElement[Any]:
        """Select the instant itself."""
        return column

    def touches(self, table: Table, bbox: Bounds) -> ColumnElement[bool]:
        """Ask the GiST index, whose single precision boxes are a little too large, then the exact bounds."""
        min_x, min_y, max_x, max_y = bbox
        geometry = table.c[GEOMETRY_COLUMN]
        box = func.ST_MakeEnvelope(min_x, min_y, max_x, max_y, geometry_type_of(geometry).srid)
        return and_(
            geometry.op("&&", is_comparison=True)(box),
            func.ST_XMax(geometry, type_=Float) >= min_x,
            func.ST_XMin(geometry, type_=Float) <= max_x,
            func.ST_YMax(geometry, type_=Float) >= min_y,
            func.ST_YMin(geometry, type_=Float) <= max_y,
        )

    def is_among(self, column: Column[Any], values: Sequence[Any]) -> ColumnElement[bool]:
        """Pass the values as one array."""
        return column == any_(literal(list(values), ARRAY(_array_type(column))))

    def order_key(self, column: Column[Any]) -> ColumnElement[Any]:
        """Sort by the column: its collation is that of the bytes."""
        return column

    def insert(self, schema: FrameSchema, table: Table, frame: pd.DataFrame, fids: Sequence[int] | None = None) -> None:
        """Append rows by binary COPY."""
        names = list(schema.column_names)
        types = [_COPY_TYPES[column.kind] for column in schema.columns]
        values = [plain_values(column.kind, frame[column.name], False) for column in schema.columns]
        if schema.geometry is not None:
            shapes = shapely.set_srid(shapes_of(frame), geometry_type_of(table.c[GEOMETRY_COLUMN]).srid)
            names.append(GEOMETRY_COLUMN)
            types.append("bytea")  # geometry takes EWKB as it is
            values.append(shapely.to_wkb(shapes, byte_order=1, include_srid=True).tolist())
        if fids is not None:
            names.append("fid")
            types.append("int8")
            values.append(list(fids))
        raw = self.connection.connection.driver_connection
        if not isinstance(raw, psycopg.Connection):
            raise TypeError(f"psycopg connection expected, got {type(raw).__name__}")
        columns = ", ".join(f'"{name}"' for name in names)
        statement = f'COPY "{schema.table}" ({columns}) FROM STDIN (FORMAT BINARY)'
        with raw.cursor() as cursor, cursor.copy(statement.encode()) as copy:
            copy.set_types(types)
            for row in zip(*values, strict=True):
                copy.write_row(row)

    def delete(self, schema: FrameSchema, table: Table, condition: ColumnElement[bool] | None) -> int:
        """Delete rows."""
        statement = delete_from(table) if condition is None else delete_from(table).where(condition)
        return self.connection.execute(statement).rowcount

    def change_epsg(self, epsg: int) -> None:
        """Change the type of the geometry columns."""
        _require_srid(self.connection, epsg, require_metric_epsg(epsg).to_wkt("WKT1_GDAL"))
        for schema in SCHEMAS.values():
            if schema.geometry is not None:
                kind = f"geometry({schema.geometry},{int(epsg)})"
                self.connection.exec_driver_sql(
                    f'ALTER TABLE "{schema.table}" ALTER COLUMN {GEOMETRY_COLUMN} TYPE {kind} '
                    f"USING ST_SetSRID({GEOMETRY_COLUMN}, {int(epsg)})"
                )
        self.tables = tables_for(epsg)


def _array_type(column: Column[Any]) -> TypeEngine[Any]:
    """Return the type of a column's values without its collation, which an array cannot have."""
    if isinstance(column.type, Instant):
        return TIMESTAMP(timezone=True)
    plain: dict[type, TypeEngine[Any]] = {str: Text(), int: BigInteger(), float: Double()}
    return plain[column.type.python_type]

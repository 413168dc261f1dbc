"""The tables that make a SQLite file a GeoPackage (OGC 12-128r19, version 1.4)."""

from __future__ import annotations

from geoalchemy2 import Geometry
from pyproj import CRS
from sqlalchemy import Connection, Table, insert
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql.compiler import TypeCompiler

from geo.model.crs import require_metric_epsg
from geo.model.frames import SCHEMAS
from geo.model.project import Project
from geo.storage.backend import project_fields
from geo.storage.instants import GEOPACKAGE
from geo.storage.models import GEOMETRY_COLUMN, tables_for

APPLICATION_ID = 0x47504B47  # "GPKG"
USER_VERSION = 10400
NOW = "strftime('%Y-%m-%dT%H:%M:%fZ','now')"

_METADATA = (
    """CREATE TABLE gpkg_spatial_ref_sys (
        srs_name TEXT NOT NULL, srs_id INTEGER NOT NULL PRIMARY KEY, organization TEXT NOT NULL,
        organization_coordsys_id INTEGER NOT NULL, definition TEXT NOT NULL, description TEXT)""",
    f"""CREATE TABLE gpkg_contents (
        table_name TEXT NOT NULL PRIMARY KEY, data_type TEXT NOT NULL, identifier TEXT UNIQUE,
        description TEXT DEFAULT '', last_change DATETIME NOT NULL DEFAULT ({NOW}),
        min_x DOUBLE, min_y DOUBLE, max_x DOUBLE, max_y DOUBLE, srs_id INTEGER,
        CONSTRAINT fk_gc_r_srs_id FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys(srs_id))""",
    """CREATE TABLE gpkg_geometry_columns (
        table_name TEXT NOT NULL, column_name TEXT NOT NULL, geometry_type_name TEXT NOT NULL,
        srs_id INTEGER NOT NULL, z TINYINT NOT NULL, m TINYINT NOT NULL,
        CONSTRAINT pk_geom_cols PRIMARY KEY (table_name, column_name),
        CONSTRAINT uk_gc_table_name UNIQUE (table_name),
        CONSTRAINT fk_gc_tn FOREIGN KEY (table_name) REFERENCES gpkg_contents(table_name),
        CONSTRAINT fk_gc_srs FOREIGN KEY (srs_id) REFERENCES gpkg_spatial_ref_sys (srs_id))""",
    """CREATE TABLE gpkg_extensions (
        table_name TEXT, column_name TEXT, extension_name TEXT NOT NULL, definition TEXT NOT NULL,
        scope TEXT NOT NULL, CONSTRAINT ge_tce UNIQUE (table_name, column_name, extension_name))""",
)
_UNDEFINED_SRS = (
    ("Undefined Cartesian SRS", -1, "NONE", -1, "undefined", "undefined Cartesian coordinate reference system"),
    ("Undefined geographic SRS", 0, "NONE", 0, "undefined", "undefined geographic coordinate reference system"),
)
_RTREE_EXTENSION = "http://www.geopackage.org/spec120/#extension_rtree"
_BOUNDS = "ST_MinX(NEW.{g}), ST_MaxX(NEW.{g}), ST_MinY(NEW.{g}), ST_MaxY(NEW.{g})"
_NEW_IS_THERE = "(NEW.{g} NOTNULL AND NOT ST_IsEmpty(NEW.{g}))"
_NEW_IS_EMPTY = "(NEW.{g} ISNULL OR ST_IsEmpty(NEW.{g}))"
# ruff: disable[S608]
_RTREE = (
    "CREATE VIRTUAL TABLE {r} USING rtree(id, minx, maxx, miny, maxy)",
    f"CREATE TRIGGER {{p}}_insert AFTER INSERT ON {{t}} WHEN {_NEW_IS_THERE} "
    f"BEGIN INSERT OR REPLACE INTO {{r}} VALUES (NEW.{{i}}, {_BOUNDS}); END",
    f"CREATE TRIGGER {{p}}_update2 AFTER UPDATE OF {{g}} ON {{t}} WHEN OLD.{{i}} = NEW.{{i}} AND {_NEW_IS_EMPTY} "
    "BEGIN DELETE FROM {r} WHERE id = OLD.{i}; END",
    f"CREATE TRIGGER {{p}}_update4 AFTER UPDATE ON {{t}} WHEN OLD.{{i}} != NEW.{{i}} AND {_NEW_IS_EMPTY} "
    "BEGIN DELETE FROM {r} WHERE id IN (OLD.{i}, NEW.{i}); END",
    f"CREATE TRIGGER {{p}}_update5 AFTER UPDATE ON {{t}} WHEN OLD.{{i}} != NEW.{{i}} AND {_NEW_IS_THERE} "
    f"BEGIN DELETE FROM {{r}} WHERE id = OLD.{{i}}; INSERT OR REPLACE INTO {{r}} VALUES (NEW.{{i}}, {_BOUNDS}); END",
    f"CREATE TRIGGER {{p}}_update6 AFTER UPDATE OF {{g}} ON {{t}} WHEN OLD.{{i}} = NEW.{{i}} AND {_NEW_IS_THERE} "
    "AND (OLD.{g} NOTNULL AND NOT ST_IsEmpty(OLD.{g})) BEGIN UPDATE {r} SET minx = ST_MinX(NEW.{g}), "
    "maxx = ST_MaxX(NEW.{g}), miny = ST_MinY(NEW.{g}), maxy = ST_MaxY(NEW.{g}) WHERE id = NEW.{i}; END",
    f"CREATE TRIGGER {{p}}_update7 AFTER UPDATE OF {{g}} ON {{t}} WHEN OLD.{{i}} = NEW.{{i}} AND {_NEW_IS_THERE} "
    f"AND (OLD.{{g}} ISNULL OR ST_IsEmpty(OLD.{{g}})) BEGIN INSERT INTO {{r}} VALUES (NEW.{{i}}, {_BOUNDS}); END",
    "CREATE TRIGGER {p}_delete AFTER DELETE ON {t} WHEN OLD.{g} NOTNULL BEGIN DELETE FROM {r} WHERE id = OLD.{i}; END",
)
# ruff: enable[S608]
"""R*Tree and its triggers as GeoPackage 1.4 and GDAL write them; t table, g geometry, i key, r R*Tree, p its prefix."""


@compiles(Geometry, GEOPACKAGE)  # type: ignore[untyped-decorator,unused-ignore]
def _geometry_type(type_: Geometry, _compiler: TypeCompiler, **_: object) -> str:
    """GeoPackage declares a geometry column by its bare type."""
    return str(type_.geometry_type)


def rtree_name(table: str) -> str:
    """Return the name of the R*Tree of a table."""
    return f"rtree_{table}_{GEOMETRY_COLUMN}"


def create_tables(connection: Connection, project: Project) -> None:
    """Make all tables of a project in an empty file, inside the running transaction.

    Parameters
    ----------
    connection
        Inside a transaction that the caller commits.
    project
        Its ``epsg`` becomes the SRS of all geometry.
    """
    run = connection.exec_driver_sql
    run(f"PRAGMA application_id = {APPLICATION_ID}")
    run(f"PRAGMA user_version = {USER_VERSION}")
    for statement in _METADATA:
        run(statement)
    run("INSERT INTO gpkg_spatial_ref_sys VALUES (?,?,?,?,?,?)", list(_UNDEFINED_SRS))
    add_srs(connection, CRS.from_epsg(4326), 4326)
    add_srs(connection, require_metric_epsg(project.epsg), project.epsg)
    tables = tables_for(project.epsg).tables
    for table in tables.values():
        # not Table.create: GeoAlchemy2 would answer its event with calls into SpatiaLite
        connection.execute(CreateTable(table))
        for index in table.indexes:
            if GEOMETRY_COLUMN not in index.columns:
                connection.execute(CreateIndex(index))
        if table.name in SCHEMAS:
            _register_layer(connection, table, project.epsg)
    run(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, srs_id) "
        "VALUES ('report', 'attributes', '运行报告', 'Reports of the steps', 0)"
    )
    connection.execute(insert(tables["project"]), project_fields(project))


def add_srs(connection: Connection, crs: CRS, epsg: int) -> None:
    """Describe a CRS in ``gpkg_spatial_ref_sys`` unless it is there."""
    connection.exec_driver_sql(
        "INSERT OR IGNORE INTO gpkg_spatial_ref_sys VALUES (?, ?, 'EPSG', ?, ?, NULL)",
        (crs.name, epsg, epsg, crs.to_wkt("WKT1_GDAL")),
    )


def _register_layer(connection: Connection, table: Table, epsg: int) -> None:
    schema = SCHEMAS[table.name]
    run = connection.exec_driver_sql
    run(
        "INSERT INTO gpkg_contents (table_name, data_type, identifier, description, srs_id) VALUES (?,?,?,?,?)",
        (
            schema.table,
            "features" if schema.geometry else "attributes",
            schema.title_zh,
            schema.title_en,
            epsg if schema.geometry else 0,
        ),
    )
    if schema.geometry is None:
        return
    run(
        "INSERT INTO gpkg_geometry_columns VALUES (?,?,?,?,0,0)", (schema.table, GEOMETRY_COLUMN, schema.geometry, epsg)
    )
    run(
        "INSERT INTO gpkg_extensions VALUES (?,?,'gpkg_rtree_index',?,'write-only')",
        (schema.table, GEOMETRY_COLUMN, _RTREE_EXTENSION),
    )
    name = rtree_name(schema.table)
    for statement in _RTREE:
        run(statement.format(t=f'"{schema.table}"', g=f'"{GEOMETRY_COLUMN}"', i='"fid"', r=f'"{name}"', p=name))


def drop_everything(connection: Connection) -> None:
    """Remove all tables of a file, whoever made them, inside the running transaction."""
    run = connection.exec_driver_sql
    # virtual tables before the others, because they take their shadow tables along
    order = (
        ("trigger", "type = 'trigger'"),
        ("view", "type = 'view'"),
        ("table", "type = 'table' AND sql LIKE 'CREATE VIRTUAL%'"),
        ("table", "type = 'table' AND name NOT GLOB 'sqlite_*'"),
    )
    for kind, condition in order:
        names = run(f"SELECT name FROM sqlite_master WHERE {condition}").scalars().all()  # noqa: S608 - from above
        for name in names:
            quoted = str(name).replace('"', '""')
            run(f'DROP {kind} IF EXISTS "{quoted}"')

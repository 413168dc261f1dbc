"""The embedded store is a GeoPackage that GDAL reads and writes."""

from __future__ import annotations

import re
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely

from geo.errors import StorageError
from geo.model.frames import SCHEMAS, require_frame
from geo.storage import open_store
from geo.storage.blobs import decode_blob, decode_blobs, encode_blob, encode_blobs
from geo.storage.geopackage_functions import register_functions

X, Y = 500000.0, 3000000.0


@pytest.fixture
def path(gpkg_url, project) -> Path:
    """A GeoPackage with an empty project."""
    with open_store(gpkg_url) as store:
        store.create(project)
    return Path(gpkg_url)


@pytest.fixture
def filled(path, sample_frame) -> Path:
    """A GeoPackage with four rows per table."""
    with open_store(str(path)) as store, store.begin() as transaction:
        for table in SCHEMAS:
            transaction.append(table, sample_frame(table, 4))
        transaction.save_report("import_layers", {"层": "街路"})
    return path


def query(path, statement, *parameters):
    with closing(sqlite3.connect(path)) as connection:
        register_functions(connection)
        return connection.execute(statement, parameters).fetchall()


def extent(path, table):
    (found,) = query(path, "SELECT min_x, min_y, max_x, max_y FROM gpkg_contents WHERE table_name = ?", table)
    return found


def test_url_forms(tmp_path):
    path = tmp_path / "一 网.gpkg"
    for url in (str(path), f"gpkg://{path}"):
        assert open_store(url).url == f"gpkg://{path}"
        assert open_store(url).backend == "gpkg"


def test_the_file_is_a_geopackage(filled, project):
    assert query(filled, "PRAGMA application_id") == [(0x47504B47,)]
    assert query(filled, "PRAGMA user_version") == [(10400,)]
    assert query(filled, "PRAGMA integrity_check") == [("ok",)]
    assert query(filled, "PRAGMA foreign_key_check") == []
    assert query(filled, "PRAGMA journal_mode") == [("delete",)]
    assert [srs for (srs,) in query(filled, "SELECT srs_id FROM gpkg_spatial_ref_sys")] == [-1, 0, 4326, project.epsg]
    titles = dict(query(filled, "SELECT table_name, identifier FROM gpkg_contents"))
    assert titles.pop("report") == "运行报告"
    assert titles == {table: schema.title_zh for table, schema in SCHEMAS.items()}
    kinds = dict(query(filled, "SELECT table_name, data_type FROM gpkg_contents"))
    for table, schema in SCHEMAS.items():
        assert kinds[table] == ("features" if schema.geometry else "attributes")
    changes = [change for (change,) in query(filled, "SELECT last_change FROM gpkg_contents")]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", change) for change in changes)
    assert [path.name for path in filled.parent.iterdir()] == [filled.name]


def test_column_types_are_those_of_a_geopackage(path):
    types = {(row[1], row[2], row[3], row[5]) for row in query(path, "PRAGMA table_info(street)")}
    assert {("fid", "INTEGER", 1, 1), ("name", "TEXT", 1, 0), ("geom", "LINESTRING", 1, 0)} <= types
    assert {("street_id", "INTEGER", 1, 0), ("maxspeed_kmh", "REAL", 0, 0)} <= types
    assert ("occurred_at", "DATETIME") in {row[1:3] for row in query(path, "PRAGMA table_info(incident)")}
    (sql,) = query(path, "SELECT sql FROM sqlite_master WHERE name = 'street'")[0]
    assert "AUTOINCREMENT" in sql


def test_triggers_are_those_that_gdal_makes(path, tmp_path):
    gdal = tmp_path / "gdal.gpkg"
    gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(0, 0)], crs=4547).to_file(gdal, layer="team")

    def triggers(file):
        rows = query(
            file, "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'rtree_team_geom%'"
        )
        return {name: re.sub(r"[\s\";]+", "", sql).replace("NOTNULL", "").lower() for name, sql in rows}

    assert triggers(path) == triggers(gdal)


def test_gdal_lists_all_layers_of_an_empty_project(path):
    layers = dict(pyogrio.list_layers(path))
    kinds = {"POINT": "Point", "LINESTRING": "LineString", "MULTIPOLYGON": "MultiPolygon", None: None}
    assert layers.pop("report") is None
    assert layers == {table: kinds[schema.geometry] for table, schema in SCHEMAS.items()}
    for table in SCHEMAS:
        assert len(pyogrio.read_dataframe(path, layer=table)) == 0


@pytest.mark.parametrize("table", SCHEMAS)
def test_gdal_reads_every_layer(filled, sample_frame, table):
    schema = SCHEMAS[table]
    expected = require_frame(table, sample_frame(table, 4))
    found = pyogrio.read_dataframe(filled, layer=table)
    assert [name for name in found.columns if name != "geometry"] == list(schema.column_names)
    found = require_frame(table, found)
    pd.testing.assert_frame_equal(pd.DataFrame(found), pd.DataFrame(expected))
    if schema.geometry:
        assert found.crs == expected.crs
        assert pyogrio.read_info(filled, layer=table)["capabilities"]["fast_spatial_filter"]
        assert tuple(pyogrio.read_info(filled, layer=table)["total_bounds"]) == tuple(expected.total_bounds)
        part = pyogrio.read_dataframe(filled, layer=table, bbox=(X + 9, Y + 9, X + 21, Y + 21))
        assert part.geometry.tolist() == expected.geometry.tolist()[1:3]


def test_instants_have_the_form_that_gdal_reads_without_a_warning(path, sample_frame):
    frame = sample_frame("incident", 2)
    frame["occurred_at"] += pd.to_timedelta([0, 7], unit="us")
    with open_store(str(path)) as store, store.begin() as transaction:
        transaction.append("incident", frame)
    assert query(path, "SELECT occurred_at FROM incident") == [
        ("2024-02-29T23:59:59.125Z",),
        ("2024-03-01T00:59:59.125Z",),
    ]
    found = pyogrio.read_dataframe(path, layer="incident").occurred_at
    assert found.tolist() == frame.occurred_at.dt.floor("ms").tolist()


@pytest.mark.skipif(shutil.which("ogrinfo") is None, reason="ogrinfo is not installed")
def test_ogrinfo_has_no_complaints(filled):
    result = subprocess.run(["ogrinfo", "-al", "-so", filled], capture_output=True, text=True, check=True)
    assert "网格" in result.stdout
    # GDAL before 3.7 knows GeoPackage up to 1.3 and says so of every 1.4 file; it reads it all the same
    complaints = [line for line in result.stderr.splitlines() if "v1.4.0) on" not in line]
    assert complaints == []


def test_rows_that_gdal_appends_are_read(filled, sample_frame):
    for table in ("facility", "street", "cell", "incident"):
        added = sample_frame(table, 2, first=50)
        pyogrio.write_dataframe(added, filled, layer=table, append=True)
        expected = require_frame(table, pd.concat([sample_frame(table, 4), added], ignore_index=True))
        with open_store(str(filled)) as store, store.begin() as transaction:
            found = transaction.read(table)
            pd.testing.assert_frame_equal(pd.DataFrame(found), pd.DataFrame(expected))
            assert transaction.read(table, bbox=(X + 500, Y + 500, X + 600, Y + 600)).equals(
                found.tail(2).reset_index(drop=True)
            )
            transaction.append(table, sample_frame(table, 1, first=70))
            assert transaction.count(table) == 7
        info = pyogrio.read_info(filled, layer=table, force_feature_count=True)
        assert info["features"] == 7
        assert len(pyogrio.read_dataframe(filled, layer=table, bbox=(X + 699, Y + 699, X + 701, Y + 701))) == 1
        with open_store(str(filled)) as store, store.begin() as transaction:
            assert transaction.delete(table, where={SCHEMAS[table].column_names[0]: []}) == 0
            assert transaction.delete(table) == 7
            transaction.append(table, added)
        assert len(pyogrio.read_dataframe(filled, layer=table)) == 2
        assert query(filled, f"SELECT rtreecheck('rtree_{table}_geom')") == [("ok",)]
    assert [path.name for path in filled.parent.iterdir()] == [filled.name]


def test_values_that_do_not_fit_are_reported(filled):
    with closing(sqlite3.connect(filled, isolation_level=None)) as connection:
        register_functions(connection)
        connection.execute("UPDATE team SET members = 'many'")
        connection.execute("UPDATE plan SET created_at = 'yesterday'")
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'rtree_street_geom_update%'"):
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute("UPDATE street SET geom = x'47500001C311000000'")
    with open_store(str(filled)) as store, store.begin() as transaction:
        for table in ("team", "plan", "street"):
            with pytest.raises(StorageError, match="of a wrong kind"):
                transaction.read(table)


def test_extents_are_true(path, sample_frame):
    assert extent(path, "team") == (None,) * 4
    with open_store(str(path)) as store:
        with store.begin() as transaction:
            transaction.append("team", sample_frame("team", 3))
            transaction.append("team", sample_frame("team", 3, first=10))
        assert extent(path, "team") == (X, Y, X + 120, Y + 120)
        with store.begin() as transaction:
            transaction.delete("team", where={"members": [0, 12]})
        assert extent(path, "team") == (X + 10, Y + 10, X + 110, Y + 110)
        with store.begin() as transaction:
            transaction.delete("team")
        assert extent(path, "team") == (None,) * 4


def test_keys_are_never_used_twice(path, sample_frame):
    with open_store(str(path)) as store:
        for _ in range(2):
            with store.begin() as transaction:
                transaction.replace("team", sample_frame("team", 3))
    assert query(path, "SELECT fid FROM team") == [(4,), (5,), (6,)]


def test_a_file_in_wal_mode_is_left_single(filled):
    with closing(sqlite3.connect(filled)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    with open_store(str(filled)) as store, store.begin() as transaction:
        transaction.delete("team")
    assert query(filled, "PRAGMA journal_mode") == [("delete",)]
    assert [path.name for path in filled.parent.iterdir()] == [filled.name]


def test_overwriting_replaces_a_foreign_file(tmp_path, project):
    path = tmp_path / "foreign.gpkg"
    gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(0, 0)], crs=4326).to_file(path, layer="theirs")
    with open_store(str(path)) as store:
        assert not store.exists()
        with pytest.raises(StorageError, match="holds no project"):
            store.create(project)
        assert [layer for layer, _ in pyogrio.list_layers(path)] == ["theirs"]
        store.create(project, overwrite=True)
        assert store.project() == project
    assert set(dict(pyogrio.list_layers(path))) == {*SCHEMAS, "report"}


def test_blobs_without_envelope_big_endian_or_with_heights():
    point = shapely.Point(1.5, -2.5)
    plain = b"GP\x00\x01" + (4547).to_bytes(4, "little") + shapely.to_wkb(point)
    big = b"GP\x00\x00" + (4547).to_bytes(4, "big") + shapely.to_wkb(point, byte_order=0)
    ours = encode_blob(point, 4547)
    high = b"GP\x00\x01" + (4547).to_bytes(4, "little") + shapely.to_wkb(shapely.Point(1.5, -2.5, 9), flavor="iso")
    assert decode_blobs([plain, big, ours, high, None]).tolist() == [point] * 3 + [shapely.Point(1.5, -2.5, 9), None]
    with closing(sqlite3.connect(":memory:")) as connection:
        register_functions(connection)
        for blob in (plain, big, ours, high):
            row = connection.execute(
                "SELECT ST_MinX(?1), ST_MaxX(?1), ST_MinY(?1), ST_MaxY(?1), ST_IsEmpty(?1), ST_SRID(?1)", (blob,)
            ).fetchone()
            assert row == (1.5, 1.5, -2.5, -2.5, 0, 4547)
        empty = encode_blob(shapely.Point(), 4547)
        assert connection.execute("SELECT ST_MinX(?1), ST_IsEmpty(?1)", (empty,)).fetchone() == (None, 1)
        assert connection.execute("SELECT ST_MinX(NULL), ST_IsEmpty(NULL), AsEWKB(NULL)").fetchone() == (None,) * 3


def test_encoding_round_trip():
    shapes = shapely.linestrings([[[0, 1], [5, -3]], [[2, 2], [1, 9]]])
    blobs, bounds = encode_blobs(shapes, 4547)
    assert bounds.tolist() == [[0, -3, 5, 1], [1, 2, 2, 9]]
    assert decode_blobs(blobs).tolist() == shapes.tolist()
    assert [decode_blob(blob) for blob in blobs] == shapes.tolist()

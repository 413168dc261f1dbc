"""Failures of the store tell people what to do and never show SQL."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import psycopg
import pytest
from sqlalchemy import event

from geo.errors import ParameterError, ProjectNotFoundError, StorageError
from geo.storage import failures, geopackage, open_store


def refused(template):
    class Refused:
        def __enter__(self):
            self.raises = pytest.raises(StorageError)
            self.caught = self.raises.__enter__()
            return self.caught

        def __exit__(self, *error):
            result = self.raises.__exit__(*error)
            assert self.caught.value.template == template
            assert self.caught.value.__cause__ is not None
            return result

    return Refused()


@pytest.mark.parametrize(
    "url", ["mysql://me:secret@host/db", "town.shp", "", "gpkg://http://x.gpkg", "sqlite:///x.gpkg", "/tmp/x.GPKG.zip"]
)
def test_unknown_addresses(url):
    with pytest.raises(ParameterError) as caught:
        open_store(url)
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database(tmp_path, project):
    path = tmp_path / "x.gpkg"
    path.write_bytes(b"not a database, but long enough to be looked at " * 100)
    store = open_store(str(path))
    with refused(failures.NOT_GEOPACKAGE):
        store.exists()
    with refused(failures.NOT_GEOPACKAGE):
        store.create(project, overwrite=True)
    assert path.read_bytes().startswith(b"not a database")


def test_a_missing_folder(tmp_path, project):
    store = open_store(str(tmp_path / "nothing" / "x.gpkg"))
    assert not store.exists()
    with pytest.raises(ProjectNotFoundError):
        store.project()
    with refused(failures.CANNOT_OPEN):
        store.create(project)


def test_an_empty_file_is_no_project(tmp_path, project):
    path = tmp_path / "x.gpkg"
    path.touch()
    with open_store(str(path)) as store:
        assert not store.exists()
        with pytest.raises(ProjectNotFoundError):
            store.project()
        store.create(project)
        assert store.project() == project


def test_another_writer_that_stays(gpkg_url, project, sample_frame, monkeypatch):
    monkeypatch.setattr(geopackage, "BUSY_TIMEOUT_S", 0.1)
    with open_store(gpkg_url) as store:
        store.create(project)
        with closing(sqlite3.connect(gpkg_url, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with refused(failures.BUSY), store.begin() as transaction:
                transaction.append("plan", sample_frame("plan"))
            assert store.project() == project


def test_a_file_that_may_not_be_written(gpkg_url, project, sample_frame):
    with open_store(gpkg_url) as store:
        store.create(project)
        # what SQLite does with a file without write permission; root, who may run the tests, has that permission anyway
        event.listen(store._backend._engine, "connect", lambda raw, _: raw.execute("PRAGMA query_only = ON"))
        assert store.project() == project
        with refused(failures.READ_ONLY), store.begin() as transaction:
            transaction.append("plan", sample_frame("plan"))


def test_lost_tables(store):
    with store.begin() as transaction:
        transaction._session.connection.exec_driver_sql("DROP TABLE plan")
    with refused(failures.WRONG_TABLES) as caught, store.begin() as transaction:
        transaction.read("plan")
    assert "SELECT" not in str(caught.value)


def test_a_server_that_is_not_there():
    store = open_store("postgresql://me:secret@127.0.0.1:1/db")
    assert store.url == "postgresql+psycopg://me:secret@127.0.0.1:1/db"
    with refused(failures.UNREACHABLE) as caught:
        store.exists()
    assert "secret" not in str(caught.value)
    assert "secret" not in repr(store)


def test_a_user_without_rights(postgis_url, cluster, project):
    cluster.run("DROP ROLE IF EXISTS reader")
    cluster.run("CREATE ROLE reader LOGIN")
    with open_store(postgis_url.replace("postgres@", "reader@")) as store:
        with refused(failures.DENIED):
            store.create(project)
        with open_store(postgis_url) as owner:
            owner.create(project)
        assert store.exists()
        with refused(failures.DENIED):
            store.project()


def test_tables_of_something_else(postgis_url, project):
    with psycopg.connect(postgis_url) as connection:
        connection.execute("CREATE TABLE street (x int)")
    with open_store(postgis_url) as store:
        with refused(failures.TABLES_TAKEN):
            store.create(project, overwrite=True)
        assert not store.exists()


def test_create_adds_postgis_to_a_database_without_it(postgis_url, cluster, project):
    cluster.run("CREATE DATABASE plain TEMPLATE template0")
    with open_store(cluster.address("plain")) as store:
        store.create(project)
        assert store.project() == project
    cluster.drop_database("plain")


def test_every_failure_has_a_sentence():
    for template in vars(failures).values():
        if isinstance(template, str) and "{place}" in template:
            text = str(StorageError(template, place="x.gpkg", kind="Error"))
            assert text.endswith(".")
            assert text.count(".") >= 3, "what happened, and what to do"  # one is in the name of the file

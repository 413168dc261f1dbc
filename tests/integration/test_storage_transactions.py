"""Projects, reports, and what happens when things go wrong or at the same time."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

import geo.storage.geopackage
import geo.storage.postgis
from geo.errors import CrsError, ParameterError, ProjectExistsError, ProjectNotFoundError, StorageError
from geo.model.project import SCHEMA_VERSION
from geo.storage import open_store
from geo.storage.failures import BAD_VALUE, CHANGED

X, Y = 500000.0, 3000000.0


class BoomError(Exception):
    """Not an error of ours."""


def count(store, table="street"):
    with store.begin() as transaction:
        return transaction.count(table)


def test_life_of_a_project(empty_store, project):
    assert not empty_store.exists()
    with pytest.raises(ProjectNotFoundError):
        empty_store.project()
    with pytest.raises(ProjectNotFoundError), empty_store.begin():
        pass
    empty_store.create(project)
    assert empty_store.exists()
    assert empty_store.project() == project
    with open_store(empty_store.url) as again:
        assert (again.url, again.backend) == (empty_store.url, empty_store.backend)
        assert again.project() == project


def test_create_twice(store, project, sample_frame):
    with store.begin() as transaction:
        transaction.append("street", sample_frame("street"))
    with pytest.raises(ProjectExistsError):
        store.create(replace(project, name="other"))
    assert store.project() == project
    assert count(store) == 3

    store.create(replace(project, name="二", epsg=4549), overwrite=True)
    assert store.project() == replace(project, name="二", epsg=4549)
    assert count(store) == 0
    with store.begin() as transaction:
        transaction.append("street", sample_frame("street", epsg=4549))
        assert transaction.read("street").crs.to_epsg() == 4549


def test_create_refuses_a_crs_without_metres(empty_store, project):
    with pytest.raises(CrsError):
        empty_store.create(replace(project, epsg=4490))
    assert not empty_store.exists()


def test_a_failed_create_leaves_nothing(empty_store, project, monkeypatch, tmp_path):
    module = geo.storage.geopackage if empty_store.backend == "gpkg" else geo.storage.postgis
    name = "create_tables" if empty_store.backend == "gpkg" else "project_fields"
    original = getattr(module, name)

    def fail_at_the_end(*args):
        original(*args)
        raise BoomError

    with monkeypatch.context() as patch:
        patch.setattr(module, name, fail_at_the_end)
        with pytest.raises(BoomError):
            empty_store.create(project)
    assert list(tmp_path.iterdir()) == []
    assert not empty_store.exists()
    empty_store.create(project)
    with monkeypatch.context() as patch:
        patch.setattr(module, name, fail_at_the_end)
        with pytest.raises(BoomError):
            empty_store.create(replace(project, name="other"), overwrite=True)
    assert empty_store.project() == project


def test_a_newer_project_is_refused(store, project):
    with store.begin() as transaction:
        transaction.save_project(replace(project, name="改名"))
    assert store.project().name == "改名"
    with pytest.raises(StorageError, match="Update the program"), store.begin() as transaction:
        transaction.save_project(replace(project, schema_version=SCHEMA_VERSION + 1))
    assert store.project().schema_version == SCHEMA_VERSION


def test_save_project_changes_the_crs_only_without_layers(store, project, sample_frame):
    moved = replace(project, epsg=4549)
    with store.begin() as transaction:
        transaction.append("plan", sample_frame("plan"))
        transaction.save_project(moved)
        assert transaction.project == moved
        transaction.append("team", sample_frame("team", epsg=4549))
    with store.begin() as transaction:
        assert transaction.read("team").crs.to_epsg() == 4549
        with pytest.raises(CrsError):
            transaction.save_project(project)
        transaction.save_project(replace(moved, time_zone="Asia/Urumqi"))
    assert store.project() == replace(moved, time_zone="Asia/Urumqi")


def test_rollback_leaves_nothing(store, sample_frame):
    with store.begin() as transaction:
        transaction.append("street", sample_frame("street", 5))

    def change_and_fail():
        with store.begin() as transaction:
            transaction.append("street", sample_frame("street", 5, first=100))
            transaction.delete("street", where={"street_id": 1})
            transaction.save_report("import", {"rows": 1})
            transaction.replace("zoning", sample_frame("zoning"))
            raise BoomError

    with pytest.raises(BoomError):
        change_and_fail()
    with store.begin() as transaction:
        assert transaction.read("street").street_id.tolist() == [0, 1, 2, 3, 4]
        assert transaction.read("street", bbox=(X, Y, X + 9999, Y + 9999)).street_id.tolist() == [0, 1, 2, 3, 4]
        assert transaction.count("zoning") == 0
        assert transaction.reports() == []


def test_a_transaction_with_a_failed_step_is_not_committed(store, sample_frame, monkeypatch):
    frame = sample_frame("street")
    monkeypatch.setattr("geo.storage.transaction.require_frame", lambda _, frame: frame)  # lets a missing name through

    def swallow():
        with store.begin() as transaction:
            transaction.append("street", frame)
            with pytest.raises(StorageError) as caught:
                transaction.append("street", frame.assign(name=None))
            assert caught.value.template == BAD_VALUE
            assert caught.value.__cause__ is not None

    with pytest.raises(StorageError):
        swallow()
    assert count(store) == 0


def test_a_reader_does_not_wait_for_a_writer(store, sample_frame):
    with open_store(store.url) as other:
        with store.begin() as transaction:
            transaction.append("street", sample_frame("street", 5000))
            started = time.monotonic()
            assert count(other) == 0
            assert other.project() == store.project()
            assert time.monotonic() - started < 2
            assert transaction.count("street") == 5000
        assert count(other) == 5000


def test_writers_wait_for_each_other(store, sample_frame):
    frame = sample_frame("street", 500)

    def write(_):
        with open_store(store.url) as own, own.begin() as transaction:
            transaction.append("street", frame)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(8)))
    assert count(store) == 4000


def test_a_writer_that_was_overtaken_is_told_so(store, sample_frame):
    frame = sample_frame("street", 10)
    both_have_read = threading.Barrier(2)

    def add_what_is_missing(_):
        with open_store(store.url) as own:
            try:
                with own.begin() as transaction:
                    missing = 10 - transaction.count("street")
                    both_have_read.wait()
                    transaction.append("street", frame.head(missing))
            except StorageError as error:
                return error.template
            return "written"

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(add_what_is_missing, range(2))) == sorted([CHANGED, "written"])
    assert count(store) == 10


def test_one_store_serves_many_threads(store, sample_frame):
    with store.begin() as transaction:
        transaction.append("street", sample_frame("street", 100))

    def read(number):
        with store.begin() as transaction:
            return len(transaction.read("street", limit=number))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(read, range(40))) == list(range(40))


def test_reports(store):
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    with store.begin() as transaction:
        assert transaction.reports() == []
        transaction.save_report("import_layers", {"层": "街路", "rows": np.int64(3), "share": np.float64(0.5)})
        transaction.save_report("unify", {"cells": [1, 2], "none": None})
    with store.begin() as transaction:
        transaction.save_report("import_layers", {"rows": 4})
        found = transaction.reports()
        assert [report["step"] for report in found] == ["import_layers", "unify", "import_layers"]
        assert found[0] | {"created_at": 0} == {
            "层": "街路", "rows": 3, "share": 0.5, "step": "import_layers", "created_at": 0,
        }  # fmt: skip
        moments = [report["created_at"] for report in found]
        assert before <= moments[0] <= moments[1] <= moments[2] <= datetime.now(UTC)
        assert all(moment.utcoffset() == timedelta(0) for moment in moments)
        assert [report["rows"] for report in transaction.reports("import_layers")] == [3, 4]
        assert transaction.reports("nothing") == []
        for body in ({"x": float("nan")}, {"x": object()}):
            with pytest.raises(ParameterError):
                transaction.save_report("x", body)


_WRITER = """
import sys
import geopandas as gpd, numpy as np, shapely
from geo.storage import open_store
url, moment = sys.argv[1:]
starts = np.random.default_rng(3).uniform(0, 10000, (60000, 1, 2))
lines = shapely.linestrings(starts + np.arange(8)[None, :, None])
columns = dict(name="中山路", road_class="lane", oneway="both", level=0, maxspeed_kmh=None, attributes="{}")
frame = gpd.GeoDataFrame(dict(street_id=np.arange(60000), **columns), geometry=lines, crs=4547)
with open_store(url) as store:
    with store.begin() as transaction:
        print("begun", flush=True)
        transaction.append("street", frame)
        print("appended", flush=True)
        if moment == "before commit":
            sys.stdin.read()
"""


@pytest.mark.parametrize(
    ("store_url", "moment"),
    [
        ("gpkg", "0.15"),
        ("gpkg", "before commit"),
        ("gpkg", "at commit"),
        ("postgis", "0.15"),
        ("postgis", "before commit"),  # the commit itself is an act of the server, which lives on
    ],
    indirect=["store_url"],
)
def test_a_killed_writer_leaves_all_or_nothing(store, sample_frame, moment):
    with store.begin() as transaction:
        transaction.append("street", sample_frame("street", 5))
    command = [sys.executable, "-c", _WRITER, store.url, moment]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "begun\n"
        if moment[0].isdigit():
            time.sleep(float(moment))
        else:
            assert writer.stdout.readline() == "appended\n"
        if moment == "at commit":
            time.sleep(0.01)
        writer.send_signal(signal.SIGKILL)
    with open_store(store.url) as again, again.begin() as transaction:
        transaction.append("team", sample_frame("team"))
        rows = transaction.count("street")
        assert rows in ({5} if moment == "before commit" else {5, 60005})
        assert len(transaction.read("street")) == rows
        assert len(transaction.read("street", bbox=(0, 0, X * 2, Y * 2))) == rows
        if again.backend == "gpkg":
            run = transaction._session.connection.exec_driver_sql
            assert run("PRAGMA integrity_check").scalar_one() == "ok"
            assert run("SELECT rtreecheck('rtree_street_geom')").scalar_one() == "ok"

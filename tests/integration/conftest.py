"""Stores of both kinds for the integration tests."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geo.model.frames import SCHEMAS, Column
from geo.model.project import Project
from geo.storage import Store, open_store

sys.path.insert(0, str(Path(__file__).parent.parent))  # pytest's importlib mode adds no folder of the tests
import postgis

EPSG = 4547
PROJECT = Project(name="一网 “测试” 镇", epsg=EPSG, code_prefix="430406001")

SampleFrame = Callable[..., Any]


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgis.Cluster]:
    """A PostGIS server of this test process."""
    with postgis.temporary_cluster() as cluster:
        yield cluster


@pytest.fixture
def postgis_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Address of an empty database with PostGIS."""
    if postgis.is_switched_off():
        pytest.skip(f"{postgis.SWITCH}=off")
    cluster: postgis.Cluster = request.getfixturevalue("cluster")
    name = cluster.new_database()
    yield cluster.address(name)
    cluster.drop_database(name)


@pytest.fixture
def gpkg_url(tmp_path: Path) -> str:
    """Path of a GeoPackage that is not there yet."""
    return str(tmp_path / "蒸湘区 一网'100%.gpkg")


@pytest.fixture(params=["gpkg", "postgis"])
def store_url(request: pytest.FixtureRequest) -> str:
    """Address of an empty store of each kind."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def empty_store(store_url: str) -> Iterator[Store]:
    """A store of each kind without a project."""
    with open_store(store_url) as store:
        yield store


@pytest.fixture
def project() -> Project:
    """The project of ``store``."""
    return PROJECT


@pytest.fixture
def store(empty_store: Store, project: Project) -> Store:
    """A store of each kind with an empty project."""
    empty_store.create(project)
    return empty_store


@pytest.fixture
def sample_frame() -> SampleFrame:
    """Function (table, rows, first) that makes a frame with all kinds of values; row n is the same in every frame."""
    return make_frame


def make_frame(table: str, rows: int = 3, first: int = 0, epsg: int = EPSG) -> Any:
    """Return rows first … first + rows - 1 of an endless sample; row n lies at 500000 + 10 n, 3000000 + 10 n."""
    schema = SCHEMAS[table]
    numbers = range(first, first + rows)
    columns = {column.name: _series(column, numbers) for column in schema.columns}
    if schema.geometry is None:
        return pd.DataFrame(columns)
    shapes = [_shape(schema.geometry, 500000.0 + 10 * n, 3000000.0 + 10 * n) for n in numbers]
    return gpd.GeoDataFrame(columns, geometry=gpd.GeoSeries(shapes, crs=epsg), crs=epsg)


def _series(column: Column, numbers: range) -> pd.Series:
    if column.kind == "instant":
        moments = [np.datetime64("2024-02-29T23:59:59.125") + np.timedelta64(n, "h") for n in numbers]
        return pd.Series(moments, dtype="datetime64[us]").dt.tz_localize("UTC")
    values = [_value(column, n) for n in numbers]
    dtype: Any = {"text": "str", "int": "int64", "float": "float64"}[column.kind]
    return pd.Series(values, dtype="Int64" if column.kind == "int" and column.nullable else dtype)


def _value(column: Column, n: int) -> Any:
    if column.nullable and n % 2:
        return None
    if column.allowed:
        return column.allowed[n % len(column.allowed)]
    if column.kind == "text":
        return f"{column.name} 第{n:05d}号 “网格” 'x' \U0001f6b2"
    return n if column.kind == "int" else n + 0.1


def _shape(kind: str, x: float, y: float) -> shapely.Geometry:
    if kind == "POINT":
        return shapely.Point(x, y)
    if kind == "LINESTRING":
        return shapely.LineString([(x, y), (x + 3, y + 1), (x + 5, y + 5)])
    return shapely.MultiPolygon([shapely.box(x, y, x + 5, y + 5), shapely.box(x + 6, y + 6, x + 7, y + 7)])

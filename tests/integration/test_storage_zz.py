"""Frames come back from both stores as they went in, whole or in parts."""

from __future__ import annotations

from datetime import timedelta, timezone

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from geo.errors import CrsError, GeometryError, ParameterError, SchemaError
from geo.model.frames import SCHEMAS, Column, empty_frame, require_frame

EPSG = 4547
X, Y = 500000.0, 3000000.0


def assert_same(found, expected):
    if isinstance(expected, gpd.GeoDataFrame):
        # bytes, because topological equality is not even reflexive for invalid geometry, which the store must hold too
        assert_frame_equal(
            pd.DataFrame(found.drop(columns="geometry")),
            pd.DataFrame(expected.drop(columns="geometry")),
            check_exact=True,
        )
        assert list(found.columns) == list(expected.columns)
        assert shapely.equals_identical(found.geometry.to_numpy(), expected.geometry.to_numpy()).all()
        assert found.crs.to_epsg() == EPSG
        assert not shapely.get_srid(found.geometry.to_numpy()).any()
    else:
        assert type(found) is pd.DataFrame
        assert_frame_equal(found, expected, check_exact=True)


@pytest.mark.parametrize("rows", [1, 50])
def test_every_table_round_trips(store, sample_frame, rows):
    with store.begin() as transaction:
        for table in SCHEMAS:
            assert transaction.append(table, sample_frame(table, rows)) == rows
    with store.begin() as transaction:
        for table in SCHEMAS:
            assert_same(transaction.read(table), require_frame(table, sample_frame(table, rows)))
            assert transaction.count(table) == rows


def test_empty_tables_give_empty_frames(store):
    with store.begin() as transaction:
        for table, schema in SCHEMAS.items():
            found = transaction.read(table)
            assert_frame_equal(pd.DataFrame(found), pd.DataFrame(empty_frame(table, EPSG)))
            if schema.geometry:
                assert found.crs.to_epsg() == EPSG


_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20) | st.sampled_from(
    ["中山路", "\U0001f6b2", "'", '"; DROP TABLE cell; --', "\\N", "nan", "None", "", " ", "\ufeff", "\ufffe", "\r\n"]
)
_coordinate = st.floats(-1e9, 1e9)
_position = st.tuples(_coordinate, _coordinate)
_SHAPES = {
    "POINT": _position.map(shapely.Point),
    "LINESTRING": st.lists(_position, min_size=2, max_size=5).map(shapely.LineString),
    "MULTIPOLYGON": st.lists(
        st.tuples(_coordinate, _coordinate, st.floats(0.1, 1e6)).map(
            lambda box: shapely.box(box[0], box[1], box[0] + box[2], box[1] + box[2])
        ),
        min_size=1,
        max_size=3,
    ).map(shapely.MultiPolygon),
}


def _values(column: Column) -> st.SearchStrategy:
    if column.allowed:
        values = st.sampled_from(column.allowed)
    else:
        values = {
            "text": _text,
            "int": st.integers(-(2**63), 2**63 - 1),
            "float": st.floats(allow_nan=False),
            "instant": st.integers(-(10**12), 10**13).map(
                lambda ms: pd.Timestamp(ms, unit="ms", tz="UTC").as_unit("us")
            ),
        }[column.kind]
    return values | st.none() if column.nullable else values


@st.composite
def frames(draw):
    schema = SCHEMAS[draw(st.sampled_from(["cell", "street", "incident", "building", "visit", "plan"]))]
    rows = draw(st.integers(0, 4))
    dtypes = empty_frame(schema.table).dtypes
    columns = {
        column.name: pd.Series([draw(_values(column)) for _ in range(rows)], dtype=dtypes[column.name])
        for column in schema.columns
    }
    if schema.geometry is None:
        return schema.table, pd.DataFrame(columns)
    shapes = [draw(_SHAPES[schema.geometry]) for _ in range(rows)]
    return schema.table, gpd.GeoDataFrame(columns, geometry=gpd.GeoSeries(shapes, crs=EPSG), crs=EPSG)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames())
def test_any_frame_round_trips(store, case):
    table, frame = case
    with store.begin() as transaction:
        transaction.replace(table, frame)
    with store.begin() as transaction:
        assert_same(transaction.read(table), require_frame(table, frame))


def test_append_keeps_the_order_and_leaves_the_frame_alone(store, sample_frame):
    later, earlier = sample_frame("facility", 3, first=10), sample_frame("facility", 3)
    before = later.copy()
    with store.begin() as transaction:
        transaction.append("facility", later)
        transaction.append("facility", earlier)
        found = transaction.read("facility")
    assert found.code.tolist() == later.code.tolist() + earlier.code.tolist()
    assert_geodataframe_equal(later, before)


def test_other_columns_and_heights_are_left_out(store, sample_frame):
    frame = sample_frame("facility", 2)
    high = frame.assign(extra=1).set_geometry(gpd.GeoSeries([shapely.Point(1, 2, 3)] * 2, crs=EPSG))
    with store.begin() as transaction:
        transaction.append("facility", high)
        found = transaction.read("facility")
    assert list(found.columns) == [*SCHEMAS["facility"].column_names, "geometry"]
    assert found.geometry.tolist() == [shapely.Point(1, 2)] * 2


def test_another_crs_is_refused(store, sample_frame):
    with store.begin() as transaction:
        for crs in (4548, 4326, None):
            frame = sample_frame("facility", 2).set_crs(crs, allow_override=True)
            with pytest.raises(CrsError):
                transaction.append("facility", frame)
        assert transaction.count("facility") == 0


def test_the_same_crs_in_other_words_is_accepted(store, sample_frame):
    frame = sample_frame("facility", 2)
    frame = frame.set_crs(frame.crs.to_wkt(), allow_override=True)
    with store.begin() as transaction:
        assert transaction.append("facility", frame) == 2


def test_frames_that_do_not_fit_are_refused_and_delete_nothing(store, sample_frame):
    good = sample_frame("facility", 2)
    bad = {
        SchemaError: [good.drop(columns="name"), good.assign(kind="castle"), good.assign(name="a\0b")],
        GeometryError: [good.set_geometry(gpd.GeoSeries([shapely.Point(1, 2), shapely.Point(1, np.inf)], crs=EPSG))],
    }
    with store.begin() as transaction:
        transaction.append("facility", good)
        for error, frames_ in bad.items():
            for frame in frames_:
                with pytest.raises(error):
                    transaction.replace("facility", frame)
        assert transaction.count("facility") == 2


def test_half_a_surrogate_pair_is_refused(store, sample_frame):
    frame = sample_frame("zoning", 1).assign(name=pd.Series(["\ud83d"], dtype=object))
    with store.begin() as transaction, pytest.raises(SchemaError):
        transaction.append("zoning", frame)


def _numbers(frame: pd.DataFrame) -> list[int]:
    return frame.street_id.tolist()


def test_where(store, sample_frame):
    frame = sample_frame("street", 20)
    with store.begin() as transaction:
        transaction.append("street", frame)

        def found(**where):
            rows = _numbers(transaction.read("street", where=where))
            assert transaction.count("street", where=where) == len(rows)
            return rows

        assert found(street_id=7) == [7]
        assert found(street_id=np.int64(7)) == [7]
        assert found(name=frame.name[3]) == [3]
        assert found(name=[frame.name[3], frame.name[5], "no such"]) == [3, 5]
        assert found(maxspeed_kmh=None) == list(range(1, 20, 2))
        assert found(maxspeed_kmh=[None, 4.1]) == [1, 3, 4, *range(5, 20, 2)]
        assert found(maxspeed_kmh=pd.NA, oneway="both") == [3, 9, 15]
        assert found(street_id=[]) == []
        assert found(street_id=range(100000)) == list(range(20))
        assert found(street_id=pd.Series([1, 2]), level=[2, 3]) == [2]
        assert found() == list(range(20))


def test_where_on_instants(store, sample_frame):
    frame = sample_frame("incident", 4)
    finer = frame.assign(occurred_at=frame.occurred_at + pd.Timedelta(microseconds=1007))
    moment = frame.occurred_at[2].to_pydatetime()
    beijing = moment.astimezone(timezone(timedelta(hours=8)))
    with store.begin() as transaction:
        transaction.append("incident", finer)
        transaction.append("incident", frame)
        assert transaction.count("incident", where={"occurred_at": moment}) == 1
        assert transaction.count("incident", where={"occurred_at": beijing}) == 1
        assert transaction.count("incident", where={"occurred_at": [frame.occurred_at[1], finer.occurred_at[3]]}) == 2
        assert transaction.count("incident", where={"occurred_at": finer.occurred_at[3]}) == 1
        found = transaction.read("incident", order_by=["occurred_at"]).occurred_at
        assert found[1] - found[0] == pd.Timedelta(milliseconds=1)
        assert found.is_monotonic_increasing
        assert found.dtype == "datetime64[us, UTC]"
        with pytest.raises(ParameterError):
            transaction.count("incident", where={"occurred_at": moment.replace(tzinfo=None)})


def test_bbox_is_exact_and_takes_borders_in(store, sample_frame):
    with store.begin() as transaction:
        transaction.append("network_edge", sample_frame("network_edge", 100))  # edge n spans 5 m from 10 n

        def found(*bbox):
            return transaction.read("network_edge", bbox=bbox).edge_id.tolist()

        assert found(X + 100, Y + 100, X + 120, Y + 120) == [10, 11, 12]
        assert found(X + 105, Y + 105, X + 110, Y + 110) == [10, 11]
        assert found(X + 105.001, Y + 105.001, X + 109.999, Y + 109.999) == []  # single precision would find both
        assert found(X, Y + 100, X + 10, Y + 120) == []
        assert len(found(-1e9, -1e9, 1e9, 1e9)) == 100
        rows = transaction.read("network_edge", bbox=(X, Y, X + 50, Y + 50), where={"street_id": [1, 3, 30]}, limit=1)
        assert rows.edge_id.tolist() == [1]


def test_bbox_agrees_with_geopandas(store):
    rng = np.random.default_rng(5)
    corners = rng.uniform((X, Y), (X + 1000, Y + 1000), (500, 2))
    shapes = [shapely.MultiPolygon([shapely.box(x, y, x + 7, y + 3)]) for x, y in corners]
    columns = {"name": None, "households": 1, "floors": 2, "cell_code": None}
    frame = gpd.GeoDataFrame(columns, index=range(500), geometry=shapes, crs=EPSG).assign(floors=range(500))
    with store.begin() as transaction:
        transaction.append("building", frame)
        for x, y in rng.uniform((X, Y), (X + 900, Y + 900), (20, 2)):
            expected = sorted(frame.sindex.intersection((x, y, x + 80, y + 40)))
            assert transaction.read("building", bbox=(x, y, x + 80, y + 40)).floors.tolist() == expected


def test_order_limit_and_offset(store, sample_frame):
    names = ["b", "B", "路", "é", "a", "中", "", "\U0001f6b2"]
    frame = sample_frame("street", 8).assign(name=names)
    with store.begin() as transaction:
        transaction.append("street", frame)

        def found(**options):
            return _numbers(transaction.read("street", **options))

        by_bytes = sorted(range(8), key=lambda i: names[i].encode())
        assert found(order_by=["name"]) == by_bytes
        assert found(order_by=["name"], limit=2, offset=3) == by_bytes[3:5]
        assert found(offset=6) == [6, 7]
        assert found(limit=0) == []
        assert found(order_by=["maxspeed_kmh", "name"])[:4] == [i for i in by_bytes if i % 2]
        assert found(order_by=("oneway",)) == [2, 5, 0, 3, 6, 1, 4, 7]  # backward, both, forward


_WRONG = (
    {"table": "nothing"},
    {"where": {"nothing": 1}},
    {"where": {"geom": None}},
    {"where": {"fid": 1}},
    {"where": {"name": 1}},
    {"where": {"name": [b"x"]}},
    {"where": {"level": "1"}},
    {"where": {"level": True}},
    {"where": {"level": 2**63}},
    {"where": {"maxspeed_kmh": float("inf")}},
    {"order_by": ["nothing"]},
    {"bbox": (1, 0, 0, 1)},
    {"bbox": (0, 0, 1)},
    {"bbox": (0, 0, 1, float("nan"))},
    {"bbox": (0, 0, 1, 1), "table": "plan"},
    {"limit": -1},
    {"offset": -1},
)


def test_wrong_parameters(store):
    with store.begin() as transaction:
        for options in _WRONG:
            with pytest.raises(ParameterError) as caught:
                transaction.read(**{"table": "street"} | options)
            assert "{" not in str(caught.value)


def test_replace_and_delete(store, sample_frame):
    with store.begin() as transaction:
        transaction.append("street", sample_frame("street", 10))
        assert transaction.delete("street", where={"level": [8, 9, 10]}) == 2
        assert transaction.replace("street", sample_frame("street", 2, first=20), where={"level": list(range(6))}) == 2
        assert _numbers(transaction.read("street")) == [6, 7, 20, 21]
        assert transaction.read("street", bbox=(X, Y, X + 50, Y + 50)).empty
        assert len(transaction.read("street", bbox=(X + 200, Y + 200, X + 250, Y + 250))) == 2
        assert transaction.replace("street", sample_frame("street", 3)) == 3
        assert _numbers(transaction.read("street", bbox=(X, Y, X + 500, Y + 500))) == [0, 1, 2]
        assert transaction.replace("street", sample_frame("street", 0)) == 0
        assert transaction.delete("street") == 0
        transaction.append("street", sample_frame("street", 3, first=5))
        assert _numbers(transaction.read("street", bbox=(X, Y, X + 500, Y + 500))) == [5, 6, 7]
        assert transaction.delete("street") == 3
        transaction.append("plan", sample_frame("plan", 3))
        assert transaction.delete("plan") == 3

"""Repair: areas by hand, nothing lost without being told."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely import GeometryCollection, LineString, MultiLineString, MultiPoint, MultiPolygon, Point, Polygon, box

from geo.algorithms.repair import RepairResult, repair_layer
from geo.model.frames import REPAIR_KINDS

BOW_TIE = Polygon([(0, 0), (2, 2), (2, 0), (0, 2)])  # two triangles of area 1 each, wound against each other
INFINITE = float("1.8e308")


def repair(shapes: list[Any], kind: Any = "MULTIPOLYGON") -> RepairResult:
    frame = gpd.GeoDataFrame({"name": [str(number) for number in range(len(shapes))]}, geometry=shapes, crs=4547)
    before = frame.copy()
    result = repair_layer(frame, kind)
    assert frame.geometry.to_wkb().tolist() == before.geometry.to_wkb().tolist()
    assert list(frame.columns) == list(before.columns)
    wanted = {"MULTIPOLYGON": "MultiPolygon", "LINESTRING": "LineString", "POINT": "Point"}[kind]
    assert (result.frame.geom_type == wanted).all()
    assert result.frame.geometry.is_valid.all()
    assert not result.frame.geometry.has_z.any()
    return result


def found(result: RepairResult) -> dict[str, tuple[int, ...]]:
    return {finding.code: finding.rows for finding in result.findings}


def listed(result: RepairResult) -> list[tuple[int, str, int, float]]:
    """Return the list of repairs without the places; sums and places are checked here."""
    rows = result.repairs
    assert result.moved_area_m2 == rows["moved_area_m2"].sum()
    assert set(rows["kind"]) <= set(REPAIR_KINDS)
    assert rows.geometry.dropna().geom_type.isin(["Point"]).all()
    columns = ("row", "kind", "is_left_out", "moved_area_m2")
    return list(zip(*(rows[name].tolist() for name in columns), strict=True))


def test_good_polygons_stay() -> None:
    result = repair([box(0, 0, 1, 1), MultiPolygon([box(2, 0, 3, 1)])])
    assert (found(result), result.moved_area_m2) == ({}, 0)
    assert result.frame["row"].tolist() == [0, 1]
    assert result.frame.area.tolist() == [1, 1]


def test_bow_tie_becomes_two_triangles() -> None:
    result = repair([box(5, 5, 6, 6), BOW_TIE])
    assert result.frame.area.tolist() == [1, 2]
    assert result.moved_area_m2 == 2  # its area was 1 − 1
    assert found(result) == {"repaired": (1,)}
    (finding,) = result.findings
    assert (finding.x, finding.y) == (1, 1)  # where it crosses itself
    assert finding.message.format(**finding.context).endswith("changed by 2.00 m² in all.")
    assert listed(result) == [(1, "self_intersection", 0, 2)]
    assert result.repairs.geometry.tolist() == [Point(1, 1)]


def test_hole_outside_the_shell_becomes_ground() -> None:
    result = repair([Polygon(box(0, 0, 2, 2).exterior, [box(1, 1, 3, 3).exterior.coords])])
    # the structure method keeps the roles of rings: the hole takes away the quarter that it covers
    assert result.frame.area.tolist() == [3]
    assert found(result) == {"repaired": (0,)}
    # even-odd, the hole's other three quarters are ground too: 6 m² against 3
    assert listed(result) == [(0, "self_intersection", 0, 3)]


def test_hole_that_lies_apart_becomes_ground() -> None:
    """Shell of 4 m² and hole of 1 m² outside of it: the rings say 3 m², the repair 5 m²."""
    result = repair([Polygon(box(0, 0, 2, 2).exterior, [box(5, 5, 6, 6).exterior.coords])])
    assert result.frame.area.tolist() == [5]
    assert listed(result) == [(0, "self_intersection", 0, 2)]


@given(
    points=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), min_size=4, max_size=12, unique=True).filter(
        lambda points: LineString(points).length > 0
    )
)
def test_area_never_changes_in_silence(points: list[tuple[int, int]]) -> None:
    """Whatever the ring: the moved area is at least the change of area, and zero for a ring that is left as it is."""
    shape = Polygon(points)
    result = repair([shape, box(50, 50, 51, 51)])
    after = result.frame.loc[result.frame["row"] == 0].area.sum()
    moved = result.moved_area_m2
    assert (moved, len(result.repairs)) == (0, 0) if shape.is_valid else len(result.repairs) == 1
    if after > 0:
        assert moved >= abs(after - shape.area) - 1e-9
        even_odd = shapely.make_valid(shape).buffer(0)
        kept = result.frame.loc[result.frame["row"] == 0].geometry.iloc[0]
        assert moved >= even_odd.symmetric_difference(kept).area - 1e-9


def test_overlapping_parts_of_a_multipolygon() -> None:
    result = repair([MultiPolygon([box(0, 0, 2, 2), box(1, 1, 3, 3)])])
    assert result.frame.area.tolist() == [7]
    assert result.moved_area_m2 == 1


def test_collection_keeps_its_polygons() -> None:
    nested = GeometryCollection([Point(0, 0), box(0, 0, 1, 1), MultiPolygon([box(5, 5, 6, 6), box(7, 7, 8, 8)])])
    result = repair([nested])
    assert result.frame.area.tolist() == [3]
    assert found(result) == {"other_parts": (0,)}


def test_overlapping_polygons_of_a_collection() -> None:
    result = repair([GeometryCollection([box(0, 0, 2, 2), box(1, 1, 3, 3)])])
    assert result.frame.area.tolist() == [7]
    assert found(result) == {"repaired": (0,)}


def test_what_has_no_geometry_is_left_out() -> None:
    result = repair([None, box(0, 0, 1, 1), Polygon(), GeometryCollection()])
    assert result.frame["name"].tolist() == ["1"]
    assert result.frame["row"].tolist() == [1]
    assert found(result) == {"no_geometry": (0, 2, 3)}
    assert result.findings[0].x is None


@pytest.mark.parametrize("shape", [Point(0, 0), LineString([(0, 0), (1, 1)]), GeometryCollection([Point(0, 0)])])
def test_what_is_no_polygon_is_left_out(shape: Any) -> None:
    result = repair([shape, box(0, 0, 1, 1)])
    assert result.frame["row"].tolist() == [1]
    assert found(result) == {"wrong_geometry": (0,)}


def test_polygon_without_area_is_left_out() -> None:
    result = repair([Polygon([(0, 0), (1, 1), (2, 2), (0, 0)]), box(0, 0, 1, 1)])
    assert result.frame["row"].tolist() == [1]
    assert found(result) == {"wrong_geometry": (0,)}
    assert listed(result) == [(0, "collapsed_part", 1, 0)]
    assert result.repairs.geometry.tolist() == [Point(0, 0)]


def test_collapsed_hole_goes_and_nothing_moves() -> None:
    result = repair([Polygon(box(0, 0, 4, 4).exterior, [[(1, 1), (1, 1), (1, 1), (1, 1)]])])
    assert result.frame.area.tolist() == [16]
    assert listed(result) == [(0, "collapsed_part", 0, 0)]


def test_ring_that_the_reader_closed_is_listed() -> None:
    frame = gpd.GeoDataFrame(geometry=[box(0, 0, 1, 1), box(2, 0, 3, 1)], crs=4547)
    result = repair_layer(frame, "MULTIPOLYGON", closed=[1])
    assert found(result) == {}  # the reader told of it
    assert listed(result) == [(1, "unclosed_ring", 0, 0)]


@pytest.mark.parametrize(
    ("kind", "shape", "good"),
    [
        ("MULTIPOLYGON", Polygon([(0, 0), (INFINITE, 0), (1, 1)]), box(0, 0, 1, 1)),
        ("LINESTRING", LineString([(0, 0), (0, -INFINITE)]), LineString([(0, 0), (1, 1)])),
        ("POINT", Point(INFINITE, INFINITE), Point(1, 1)),
        ("POINT", Point(float("nan"), 1), Point(1, 1)),
    ],
)
def test_infinite_coordinates_are_left_out(kind: Any, shape: Any, good: Any) -> None:
    result = repair([shape, good], kind)
    assert result.frame["row"].tolist() == [1]
    assert found(result) == {"bad_coordinates": (0,)}
    assert result.findings[0].x is None  # there is no place to look at
    assert result.findings[0].severity == "error"
    ((row, what, left_out, moved),) = listed(result)
    assert (row, what, left_out, moved) == (0, "bad_coordinates", 1, 0)
    finite = kind != "POINT"
    assert result.repairs.geometry.tolist() == [Point(0, 0) if finite else None]


def test_lines() -> None:
    result = repair(
        [
            LineString([(0, 0, 9), (0, 0, 9), (3, 4, 9)]),
            MultiLineString([[(0, 0), (1, 0)], [(5, 0), (7, 0)]]),
            LineString([(1, 1), (1, 1)]),
            box(0, 0, 1, 1),
        ],
        "LINESTRING",
    )
    assert result.frame["row"].tolist() == [0, 1, 1]
    assert result.frame.length.tolist() == [5, 1, 2]
    assert shapely.get_num_coordinates(result.frame.geometry.iloc[0]) == 2
    assert found(result) == {"duplicate_points": (0,), "wrong_geometry": (2, 3)}
    assert listed(result) == [(0, "duplicate_points", 0, 0), (2, "collapsed_part", 1, 0), (3, "wrong_geometry", 1, 0)]


def test_points() -> None:
    result = repair([MultiPoint([(1, 1), (2, 2)]), Point(3, 3, 3), box(0, 0, 1, 1)], "POINT")
    assert result.frame["row"].tolist() == [0, 0, 1]
    assert shapely.get_coordinates(result.frame.geometry.to_numpy()).tolist() == [[1, 1], [2, 2], [3, 3]]
    assert found(result) == {"wrong_geometry": (2,)}


@pytest.mark.parametrize("kind", ["MULTIPOLYGON", "LINESTRING", "POINT"])
def test_nothing_stays_nothing(kind: Any) -> None:
    assert len(repair([], kind).frame) == 0
    assert listed(repair([], kind)) == []
    nothing = repair([None], kind)
    assert found(nothing) == {"no_geometry": (0,)}
    assert listed(nothing) == [(0, "no_geometry", 1, 0)]
    assert nothing.repairs.geometry.isna().all()


def test_only_twenty_rows_are_listed() -> None:
    (finding,) = repair([None] * 30).findings
    assert (finding.count, len(finding.rows)) == (30, 20)


def test_index_of_the_source_does_not_matter() -> None:
    frame = gpd.GeoDataFrame({"name": ["a", "b"]}, geometry=[BOW_TIE, box(0, 0, 1, 1)], crs=4547, index=[7, 7])
    result = repair_layer(frame, "MULTIPOLYGON")
    assert result.frame["row"].tolist() == [0, 1]
    assert np.isclose(result.frame.area.sum(), 3)

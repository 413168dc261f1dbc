"""What leaves the project can be read by others: GPX by gpxpy's parser, GeoJSON by its RFC."""

from __future__ import annotations

import json
import re

import geopandas as gpd
import gpxpy
import pandas as pd
import pytest
import shapely
from pyproj import Transformer

from geo.formats.exchange import clock, frame_geojson, route_gpx

EPSG = 4547
ORIGIN = (437000.0, 2970000.0)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00"), (28800, "08:00"), (30629, "08:30"), (30631, "08:31"), (86399, "00:00 (+1)"), (90000, "01:00 (+1)")],
)
def test_clock(seconds: float, text: str) -> None:
    assert clock(seconds) == text


def lonlat(x: float, y: float) -> tuple[float, float]:
    lon, lat = Transformer.from_crs(EPSG, 4326, always_xy=True).transform(x, y)
    return round(lon, 7), round(lat, 7)


def frame(shapes: list[shapely.Geometry], **columns: object) -> gpd.GeoDataFrame:
    shapes = [shapely.transform(shape, lambda xy: xy + ORIGIN) for shape in shapes]
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=EPSG)


@pytest.fixture
def gpx() -> gpxpy.gpx.GPX:
    route = pd.Series({"team": "巡警 <一> & 队", "start_s": 28800.0, "end_s": 36000.0})
    legs = frame(
        [shapely.LineString([(0, 0), (100, 0)]), shapely.LineString([(100, 0), (100, 50)])],
        leg_no=[1, 2],
        kind=["serve", "deadhead"],
        name=["人民路", ""],
        length_m=[100.0, 50.0],
        start_s=[28800.0, 28891.0],
    )
    visits = frame(
        [shapely.Point(100, 3)],
        sequence=[1],
        name=["和平小学"],
        arrive_s=[29100.0],
        service_duration_s=[600.0],
        kind=["school"],
    )
    text = route_gpx(route, legs, visits)
    assert re.search(r'<gpx[^>]* version="1\.1"', text)
    return gpxpy.parse(text)


class TestGpx:
    def test_track_has_a_segment_for_each_leg(self, gpx: gpxpy.gpx.GPX) -> None:
        found = [[(point.longitude, point.latitude) for point in part.points] for part in gpx.tracks[0].segments]
        legs = [[(0, 0), (100, 0)], [(100, 0), (100, 50)]]
        assert found == [[lonlat(ORIGIN[0] + dx, ORIGIN[1] + dy) for dx, dy in leg] for leg in legs]

    def test_route_tells_the_streets(self, gpx: gpxpy.gpx.GPX) -> None:
        first, second = gpx.routes[0].points
        assert (first.longitude, first.latitude) == lonlat(*ORIGIN)
        assert (first.name, first.description) == ("人民路", "巡防 patrol 100 m 08:00")
        assert (second.name, second.description) == ("途经 pass", "途经 pass 50 m 08:02")

    def test_name(self, gpx: gpxpy.gpx.GPX) -> None:
        assert gpx.tracks[0].name == gpx.name == "巡警 <一> & 队 08:00-10:00"

    def test_visits_are_waypoints(self, gpx: gpxpy.gpx.GPX) -> None:
        (waypoint,) = gpx.waypoints
        assert (waypoint.longitude, waypoint.latitude) == lonlat(ORIGIN[0] + 100, ORIGIN[1] + 3)
        assert (waypoint.name, waypoint.description, waypoint.type) == (
            "1. 和平小学 08:05",
            "停留 10 分钟 stay 10 min",
            "school",
        )

    def test_length_survives(self, gpx: gpxpy.gpx.GPX) -> None:
        assert gpx.tracks[0].length_2d() == pytest.approx(150, rel=5e-3)


class TestGeojson:
    def test_rfc_7946(self) -> None:
        """Longitude first, WGS 84 without a ``crs`` member, texts as they are."""
        collection = json.loads(frame_geojson(frame([shapely.Point(0, 0)], name=["和平小学"], n=[3])))
        assert "crs" not in collection
        assert collection["type"] == "FeatureCollection"
        (feature,) = collection["features"]
        assert feature["type"] == "Feature"
        assert feature["properties"] == {"name": "和平小学", "n": 3}
        lon, lat = feature["geometry"]["coordinates"]
        assert (round(lon, 7), round(lat, 7)) == lonlat(*ORIGIN)
        assert 100 < lon < 130
        assert 20 < lat < 30

    def test_text_is_not_escaped(self) -> None:
        assert "和平小学" in frame_geojson(frame([shapely.Point(0, 0)], name=["和平小学"]))

    def test_instants_are_iso_8601(self) -> None:
        at = pd.to_datetime(["2024-03-01 08:00"]).tz_localize("Asia/Shanghai").tz_convert("UTC")
        (feature,) = json.loads(frame_geojson(frame([shapely.Point(0, 0)], at=at)))["features"]
        assert feature["properties"] == {"at": "2024-03-01T00:00:00Z"}

    def test_empty_layer(self) -> None:
        empty = gpd.GeoDataFrame({"name": pd.Series(dtype="str")}, geometry=[], crs=EPSG)
        assert json.loads(frame_geojson(empty))["features"] == []

    def test_missing_values_are_null(self) -> None:
        values = pd.array([1, None], dtype="Int64")
        features = json.loads(frame_geojson(frame([shapely.Point(0, 0)] * 2, n=values, x=[1.5, float("nan")])))[
            "features"
        ]
        assert [feature["properties"] for feature in features] == [{"n": 1, "x": 1.5}, {"n": None, "x": None}]

    def test_table_without_geometry_becomes_records(self) -> None:
        assert json.loads(frame_geojson(pd.DataFrame({"名": ["甲"], "n": [1.5]}))) == [{"名": "甲", "n": 1.5}]

    def test_input_is_not_changed(self) -> None:
        given = frame([shapely.Point(0, 0)], at=pd.to_datetime(["2024-03-01"]).tz_localize("UTC"))
        before = given.copy()
        frame_geojson(given)
        pd.testing.assert_frame_equal(given, before)

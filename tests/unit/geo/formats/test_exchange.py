"""What leaves the project as GeoJSON is as its RFC says."""

from __future__ import annotations

import json

import geopandas as gpd
import pandas as pd
import shapely
from pyproj import Transformer

from geo.formats.exchange import frame_geojson

EPSG = 4547
ORIGIN = (437000.0, 2970000.0)


def lonlat(x: float, y: float) -> tuple[float, float]:
    lon, lat = Transformer.from_crs(EPSG, 4326, always_xy=True).transform(x, y)
    return round(lon, 7), round(lat, 7)


def frame(shapes: list[shapely.Geometry], **columns: object) -> gpd.GeoDataFrame:
    shapes = [shapely.transform(shape, lambda xy: xy + ORIGIN) for shape in shapes]
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=EPSG)


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

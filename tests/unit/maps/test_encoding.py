"""Coordinates: what the page decodes is what the project holds."""

import json

import geopandas as gpd
import numpy as np
import pytest
from pyproj import Transformer
from shapely import LineString, MultiPolygon, Point, Polygon, box

from maps.encoding import Encoder, index_values, to_script_json
from maps.projection import latlng_bounds, latlng_text, to_lonlat
from maps.scene import column
from maps.surface import surface_payload

EPSG = 4547
X0, Y0 = 520_000.0, 3_370_000.0
CENTIMETRES = 0.12
"""Half a millionth of a degree of latitude is 0.055 m; both axes together stay below this."""


@pytest.fixture
def encoder():
    return Encoder.around((X0, Y0, X0 + 2000, Y0 + 2000), EPSG)


def decode(chain, origin):
    steps = np.array(chain).reshape(-1, 2)
    return (np.cumsum(steps, axis=0) + np.array(origin)) / 1e6


def to_metres(lonlat):
    x, y = Transformer.from_crs(4326, EPSG, always_xy=True).transform(lonlat[:, 0], lonlat[:, 1])
    return np.column_stack([x, y])


def test_projection_of_a_known_point():
    lon, lat = to_lonlat(np.array([[500_000.0, 3_320_000.0]]), EPSG)[0]
    assert lon == pytest.approx(114.0, abs=1e-9)
    assert 29.9 < lat < 30.1
    assert latlng_text(500_000.0, 3_320_000.0, EPSG) == f"{lat:.6f},114.000000"


def test_bounds_are_south_west_and_north_east():
    (south, west), (north, east) = latlng_bounds((X0, Y0, X0 + 1000, Y0 + 500), EPSG)
    assert south < north < 31
    assert 114 < west < east


def test_lines_come_back(encoder):
    lines = [
        LineString([(X0, Y0), (X0 + 900, Y0 + 40), (X0 + 950, Y0 + 700)]),
        LineString([(X0 + 5, Y0), (X0, Y0 + 9)]),
    ]
    encoded = encoder.lines(gpd.GeoSeries(lines, crs=EPSG))
    for chain, line in zip(encoded, lines, strict=True):
        assert np.abs(to_metres(decode(chain, encoder.origin)) - np.array(line.coords)).max() < CENTIMETRES


def test_line_loses_only_what_nobody_sees(encoder):
    crooked = LineString([(X0 + i, Y0 + 0.05 * (i % 2)) for i in range(400)])
    assert len(encoder.lines(gpd.GeoSeries([crooked]))[0]) == 4


def test_areas_keep_parts_and_holes(encoder):
    holed = Polygon(box(X0, Y0, X0 + 100, Y0 + 100).exterior, [box(X0 + 40, Y0 + 40, X0 + 60, Y0 + 60).exterior.coords])
    areas = encoder.areas(gpd.GeoSeries([MultiPolygon([box(X0, Y0, X0 + 9, Y0 + 9)]),
                                         MultiPolygon([holed, box(X0 + 200, Y0, X0 + 210, Y0 + 9)])]))  # fmt: skip
    assert [[len(rings) for rings in area] for area in areas] == [[1], [2, 1]]
    ring = to_metres(decode(areas[1][0][1], encoder.origin))
    assert len(ring) == 4
    assert Polygon(ring).area == pytest.approx(400, abs=10)


def test_nothing_encodes_to_nothing(encoder):
    none = gpd.GeoSeries([], crs=EPSG)
    assert encoder.lines(none) == encoder.areas(none) == encoder.points(none) == []


def test_values_are_stored_once():
    assert index_values(["a", "b", "a"]) == (["a", "b"], [0, 1, 0])
    assert column(["x", "x", "x", None]) == ["x", "x", "x", None]
    assert column(["x", "x", "x", "x", None]) == {"d": ["x", None], "i": [0, 0, 0, 0, 1]}
    assert column([1.0, 2.5, float("nan")]) == [1, 2.5, None]


def test_script_json_cannot_leave_its_element():
    value = {"name": "</script><!--<script>&\u2028\u2029"}
    text = to_script_json(value)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == value


def test_surface_is_a_grid_with_all_periods_first():
    rows = [("2024-02", 1, 0, 0.5), ("all", 0, 0, 1.0), ("all", 2, 1, 0.2), ("2024-01", 0, 1, 1.0)]
    frame = gpd.GeoDataFrame(
        {"period": [row[0] for row in rows], "risk_score": [row[3] for row in rows],
         "intensity_per_m2": [row[3] * 1e-4 for row in rows]},
        geometry=[Point(X0 + 50 * row[1], Y0 + 50 * row[2]) for row in rows], crs=EPSG,
    )  # fmt: skip
    payload = surface_payload(frame, Encoder.around((X0, Y0, X0 + 100, Y0 + 50), EPSG))
    assert (payload["nx"], payload["ny"]) == (3, 2)
    assert payload["periods"] == ["all", "2024-01", "2024-02"]
    assert payload["scores"] == [[255, -4, 51], [-3, 255, -2], [-1, 128, -4]]
    assert payload["top"] == [1e-4, 1e-4, 5e-5]

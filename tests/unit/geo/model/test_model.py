"""What things are: CRS rules, frames, patrol values, progress, errors."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal
from pyproj import CRS, Transformer

from geo import errors
from geo.errors import CrsError, ParameterError, SchemaError, YiwangError
from geo.model.crs import default_metric_epsg, require_metric_epsg
from geo.model.frames import IMPORT_KINDS, SCHEMAS, empty_frame, geo_frame, require_frame
from geo.model.network import StreetNetwork
from geo.model.patrol import PatrolProblem, Team, Visit
from geo.model.plan import balance_max_over_mean, gini
from geo.model.progress import part_of
from geo.model.reports import Finding, RiskReport, list_rows

ERRORS = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, YiwangError)]


class TestCrs:
    @pytest.mark.parametrize(
        ("lon", "lat", "epsg"),
        [(112.4, 26.9, 4546), (114.3, 30.6, 4547), (121.4, 31.2, 4549), (73.6, 39.0, 4534), (135.0, 48.0, 4554),
         (-75.2, 39.9, 32618), (151.2, -33.9, 32756), (2.3, 48.9, 32631), (180.0, 10.0, 32660)],
    )  # fmt: skip
    def test_zone_of_a_place(self, lon: float, lat: float, epsg: int) -> None:
        assert default_metric_epsg(lon, lat) == epsg

    @pytest.mark.parametrize("lon", np.arange(73.6, 136.4, 1.7).tolist())
    def test_chinese_zone_is_the_nearest_of_the_registry(self, lon: float) -> None:
        """Independent: pyproj's own definition of the CRS that was chosen."""
        crs = CRS.from_epsg(default_metric_epsg(lon, 30))
        parameters = {p.name: p.value for p in crs.coordinate_operation.params}
        assert crs.name.startswith("CGCS2000 / 3-degree Gauss-Kruger CM")
        assert abs(parameters["Longitude of natural origin"] - lon) <= 1.5
        assert parameters["False easting"] == 500_000
        x, _ = Transformer.from_crs(4490, crs, always_xy=True).transform(lon, 30)
        assert 350_000 < x < 650_000

    @pytest.mark.parametrize(("lon", "lat"), [(181, 0), (0, 91), (float("nan"), 0), (500000, 3000000)])
    def test_place_off_the_globe(self, lon: float, lat: float) -> None:
        with pytest.raises(CrsError, match="not a longitude and latitude"):
            default_metric_epsg(lon, lat)

    @pytest.mark.parametrize("epsg", [4547, 4526, 32650, 3857])
    def test_metric(self, epsg: int) -> None:
        assert require_metric_epsg(epsg).to_epsg() == epsg

    @pytest.mark.parametrize(("epsg", "error"), [(4490, "metres"), (2272, "metres"), (999999, "not a known")])
    def test_not_metric(self, epsg: int, error: str) -> None:
        with pytest.raises(CrsError, match=error):
            require_metric_epsg(epsg)


class TestFrames:
    @pytest.mark.parametrize("table", SCHEMAS)
    def test_empty_frame_fits(self, table: str) -> None:
        frame = empty_frame(table, 4547)
        assert len(require_frame(table, frame)) == 0
        assert isinstance(frame, gpd.GeoDataFrame) == (SCHEMAS[table].geometry is not None)

    def test_every_import_has_a_table_and_a_geometry(self) -> None:
        tables = ["cell" if kind == "zoning" else kind for kind in IMPORT_KINDS]
        assert all(SCHEMAS[table].geometry for table in tables)

    @pytest.fixture
    def facilities(self) -> gpd.GeoDataFrame:
        columns = {
            "code": ["1"],
            "name": ["甲"],
            "kind": ["school"],
            "address": [None],
            "cell_code": [None],
            "attributes": ["{}"],
        }
        return gpd.GeoDataFrame(columns, geometry=[shapely.Point(0, 0)], crs=4547)

    def test_other_columns_are_dropped_and_the_input_stays(self, facilities: gpd.GeoDataFrame) -> None:
        facilities["extra"] = 1
        assert list(require_frame("facility", facilities).columns) == [*SCHEMAS["facility"].column_names, "geometry"]
        assert "extra" in facilities

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ({"kind": ["castle"]}, "column 'kind': value 'castle' is not allowed"),
            ({"name": [None]}, "column 'name'"),
            ({"geometry": [shapely.LineString([(0, 0), (1, 1)])]}, "geometry is LineString, needed is POINT"),
            ({"geometry": [shapely.Point()]}, "geometry is"),
            ({"geometry": [None]}, "geometry is empty"),
        ],
    )
    def test_wrong_values(self, facilities: gpd.GeoDataFrame, change: dict[str, Any], error: str) -> None:
        with pytest.raises(SchemaError, match=error):
            require_frame("facility", facilities.assign(**change))

    def test_missing_columns(self, facilities: gpd.GeoDataFrame) -> None:
        with pytest.raises(SchemaError, match="lacks the columns code, name"):
            require_frame("facility", facilities.drop(columns=["code", "name"]))
        with pytest.raises(SchemaError, match="lacks the columns geometry"):
            require_frame("facility", pd.DataFrame(facilities.drop(columns="geometry")))


class TestFairness:
    @pytest.mark.parametrize(
        ("durations", "ratio", "coefficient"),
        [([1, 1, 1], 1, 0), ([0, 0, 3], 3, 2 / 3), ([1, 2, 3], 1.5, 2 / 9), ([3, 1, 2], 1.5, 2 / 9), ([5], 1, 0),
         ([0, 0], 1, 0), ([], 1, 0)],
    )  # fmt: skip
    def test_by_hand(self, durations: list[float], ratio: float, coefficient: float) -> None:
        values = np.array(durations, dtype=float)
        assert balance_max_over_mean(values) == pytest.approx(ratio)
        assert gini(values) == pytest.approx(coefficient)

    def test_gini_is_half_the_relative_mean_difference(self) -> None:
        """The definition, in another form than the code's."""
        values = np.random.default_rng(1).uniform(0, 10, 30)
        differences = np.abs(np.subtract.outer(values, values)).mean()
        assert gini(values) == pytest.approx(differences / (2 * values.mean()))


class TestPatrolValues:
    @pytest.mark.parametrize("shift", [(3600, 3600), (7200, 3600), (-1, 3600)])
    def test_shift(self, shift: tuple[float, float]) -> None:
        with pytest.raises(ParameterError, match="shift must end after it starts"):
            Team("甲", "police", 2, "foot", *shift, 0)

    @pytest.mark.parametrize(("stay", "windows"), [(-1, ()), (600, ((20, 10),)), (600, ((-5, 10),))])
    def test_visit(self, stay: float, windows: Any) -> None:
        with pytest.raises(ParameterError, match="each window must start before it ends"):
            Visit("F", "甲", "school", 0, 0, 0, stay, windows)

    def test_problem(self, network: Callable[..., StreetNetwork], team: Callable[..., Team]) -> None:
        town = network([[(0, 0), (110, 0)]], road_class=["lane"])
        with pytest.raises(ParameterError, match="at least one team"):
            PatrolProblem(town, (), (0,), ())
        with pytest.raises(ParameterError, match="above 0"):
            PatrolProblem(town, (team(),), (0,), (), {"foot": 0.0})
        problem = PatrolProblem(town, (team(),), (0,), ())
        assert problem.serve_times_s("foot").tolist() == [pytest.approx(100)]
        assert problem.serve_times_s("car").tolist() == [float("inf")]


def test_geo_frame_is_what_the_constructor_gives() -> None:
    plain = pd.DataFrame({"code": ["a", "b"], "area_m2": [1.0, 2.0]})
    shapes = gpd.GeoSeries([shapely.Point(0, 1), shapely.Point(2, 3)], crs=4547)
    frame = geo_frame(plain, shapes.array)
    assert_geodataframe_equal(frame, gpd.GeoDataFrame(plain, geometry=shapes))
    assert frame.crs == shapes.crs
    assert frame.to_crs(4490).geometry.name == "geometry"
    assert "geometry" not in plain.columns


def test_progress_of_a_part() -> None:
    told: list[tuple[str, float]] = []
    progress = part_of(lambda message, fraction: told.append((message, fraction)), 0.5, 0.7)
    for fraction in (-1, 0, 0.5, 1, 2):
        progress("x", fraction)
    assert [fraction for _, fraction in told] == pytest.approx([0.5, 0.5, 0.6, 0.7, 0.7])


class TestReports:
    def test_become_json(self) -> None:
        report = RiskReport(1, "a", "b", 250, 180, 50, ("2024-01",), 3, ("c",))
        assert json.loads(json.dumps(report.as_json()))["periods"] == ["2024-01"]

    def test_first_twenty_rows(self) -> None:
        assert list_rows(np.arange(30).tolist()) == tuple(range(20))

    def test_finding_has_no_place_unless_given(self) -> None:
        assert (Finding("a", "note", "b").x, Finding("a", "note", "b").y) == (None, None)


class TestErrors:
    def test_codes_are_stable_and_distinct(self) -> None:
        codes = [error.code for error in ERRORS]
        assert len(codes) == len(set(codes))
        assert {"crs", "file_format", "schema", "missing_layer", "check_failed", "cancelled"} <= set(codes)

    @pytest.mark.parametrize("error", ERRORS)
    def test_cross_process_borders(self, error: type[YiwangError]) -> None:
        original = error("'{file}' is {what}.", file="甲.shp", what="broken")
        copy = pickle.loads(pickle.dumps(original))
        assert type(copy) is error
        assert (str(copy), copy.context) == ("'甲.shp' is broken.", {"file": "甲.shp", "what": "broken"})

    def test_tree_in_the_docstring_is_complete(self) -> None:
        assert errors.__doc__ is not None
        assert all(error.__name__ in errors.__doc__ for error in ERRORS)

    def test_braces_without_context(self) -> None:
        assert str(YiwangError("{not a field}")) == "{not a field}"

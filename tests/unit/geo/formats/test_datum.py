"""GCJ-02 and BD-09 forward as published, backward exact, and never twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from geo.errors import CheckFailedError, CrsError
from geo.formats import datum
from geo.formats.sources import SourceParams, read_source

GEOD = Geod(ellps="WGS84")
CHINA = st.tuples(st.floats(73.5, 135.0), st.floats(3.0, 53.5))


def arrays(places: list[tuple[float, float]]) -> tuple[Any, Any]:
    return np.array([lon for lon, _ in places]), np.array([lat for _, lat in places])


def metres(a: tuple[Any, Any], b: tuple[Any, Any]) -> Any:
    return GEOD.inv(*a, *b)[2]


def test_published_values() -> None:
    """Examples that the coordtransform and gcoord libraries state in their documentation (116.404, 39.915)."""
    place = arrays([(116.404, 39.915)])
    np.testing.assert_allclose(
        np.ravel(datum.gcj02_from_wgs84(*place)), [116.41024449916938, 39.91640428150164], atol=1e-12
    )
    np.testing.assert_allclose(
        np.ravel(datum.bd09_from_gcj02(*place)), [116.41036949371029, 39.92133699351021], atol=1e-12
    )
    back = datum.gcj02_from_bd09(*place)
    # the libraries give 116.39762729119315, 39.90865673957631: an approximate inverse
    assert metres(back, arrays([(116.39762729119315, 39.90865673957631)]))[0] < 1.0


@settings(max_examples=300, deadline=None)
@given(st.lists(CHINA, min_size=1, max_size=20))
def test_the_way_back_is_exact(places: list[tuple[float, float]]) -> None:
    place = arrays(places)
    assert metres(datum.wgs84_from_gcj02(*datum.gcj02_from_wgs84(*place)), place).max() < 1e-3
    assert metres(datum.wgs84_from_bd09(*datum.bd09_from_wgs84(*place)), place).max() < 1e-3
    assert metres(datum.gcj02_from_bd09(*datum.bd09_from_gcj02(*place)), place).max() < 1e-3


def test_it_converges_quickly_and_everywhere() -> None:
    lon, lat = (axis.ravel() for axis in np.meshgrid(np.linspace(73.5, 135, 400), np.linspace(3, 53.5, 400)))
    shifted = datum.bd09_from_gcj02(lon, lat)
    *back, rounds = datum.invert(datum.bd09_from_gcj02, *shifted)
    assert rounds <= 8
    assert metres((back[0], back[1]), (lon, lat)).max() < 1e-6


def test_the_shift_has_the_known_size() -> None:
    lon, lat = (axis.ravel() for axis in np.meshgrid(np.linspace(75, 134, 200), np.linspace(18, 53, 200)))
    moved = metres(datum.gcj02_from_wgs84(lon, lat), (lon, lat))
    assert 10 < moved.min() < moved.max() < 1200


@pytest.mark.parametrize("place", [(2.35, 48.86), (-74.0, 40.7), (151.2, -33.9), (139.7, 35.7), (71.0, 30.0)])
def test_nothing_moves_abroad(place: tuple[float, float]) -> None:
    assert [float(v[0]) for v in datum.gcj02_from_wgs84(*arrays([place]))] == list(place)
    assert [float(v[0]) for v in datum.wgs84_from_gcj02(*arrays([place]))] == list(place)


def test_a_shift_that_cannot_be_undone() -> None:
    with pytest.raises(CheckFailedError):
        datum.invert(lambda lon, lat: (-lon, -lat), *arrays([(1.0, 1.0)]))


class TestLayer:
    PLACE = (113.3, 23.1)

    def write(self, path: Path, xy: tuple[float, float], **members: Any) -> Path:
        feature = {"type": "Feature", "properties": {}, "geometry": {"type": "Point", "coordinates": list(xy)}}
        path.write_text(json.dumps({"type": "FeatureCollection", **members, "features": [feature]}))
        return path

    @pytest.mark.parametrize("kind", ["gcj02", "bd09"])
    def test_converted_on_request_and_told(self, tmp_path: Path, kind: Any) -> None:
        forward = {"gcj02": datum.gcj02_from_wgs84, "bd09": datum.bd09_from_wgs84}[kind]
        lon, lat = forward(*arrays([self.PLACE]))
        path = self.write(tmp_path / "a.geojson", (float(lon[0]), float(lat[0])))
        layer = read_source(path, SourceParams(converted_from=kind))
        assert (layer.converted_from, layer.frame.crs.to_epsg()) == (kind, 4326)
        assert metres(shapely.get_coordinates(layer.frame.geometry.iloc[0])[0], self.PLACE) < 1e-3
        (finding,) = layer.findings
        shift = metres((lon, lat), arrays([self.PLACE]))[0]
        assert (finding.code, finding.context["most_m"]) == ("converted", pytest.approx(shift, abs=1e-3))
        assert read_source(path).converted_from == ""

    def test_gauss_kruger_is_never_shifted(self, tmp_path: Path) -> None:
        crs = {"type": "name", "properties": {"name": "EPSG:4547"}}
        path = self.write(tmp_path / "a.geojson", (500000.0, 2980000.0), crs=crs)
        with pytest.raises(CrsError, match="never are"):
            read_source(path, SourceParams(converted_from="gcj02"))

    def test_old_datum_is_never_shifted(self, tmp_path: Path) -> None:
        with pytest.raises(CrsError, match="never are"):
            read_source(
                self.write(tmp_path / "a.geojson", self.PLACE), SourceParams(converted_from="bd09", crs="EPSG:4610")
            )

    @pytest.mark.parametrize("members", [{"yiwang": {"converted_from": "gcj02"}}, {"yiwang:converted_from": "gcj02"}])
    def test_geojson_that_says_so_is_not_converted_again(self, tmp_path: Path, members: dict[str, Any]) -> None:
        path = self.write(tmp_path / "a.geojson", self.PLACE, **members)
        with pytest.raises(CrsError, match="already converted from GCJ-02"):
            read_source(path, SourceParams(converted_from="bd09"))
        assert read_source(path).said_converted_from == "gcj02"

    @pytest.mark.parametrize("key", ["converted_from", "yiwang:converted_from", "yiwang_converted_from"])
    def test_geopackage_that_says_so(self, tmp_path: Path, key: str) -> None:
        frame = gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(*self.PLACE)], crs=4326)
        path = tmp_path / "a.gpkg"
        pyogrio.write_dataframe(frame, path, driver="GPKG", layer_metadata={key: "bd09"})
        with pytest.raises(CrsError, match="already converted from BD-09"):
            read_source(path, SourceParams(converted_from="gcj02"))

    @pytest.mark.parametrize("column", ["yiwang_converted_from", "yiwang:converted_from"])
    def test_table_that_says_so(self, tmp_path: Path, column: str) -> None:
        path = tmp_path / "a.csv"
        path.write_text(f"lon,lat,{column}\n113.3,23.1,gcj02\n")
        with pytest.raises(CrsError, match="already converted"):
            read_source(path, SourceParams(converted_from="gcj02"))

    def test_missing_and_empty_geometry_stay(self, tmp_path: Path) -> None:
        path = tmp_path / "a.gpkg"
        places = [None, shapely.Point(*self.PLACE), shapely.Point()]
        gpd.GeoDataFrame({"a": [1, 2, 3]}, geometry=places, crs=4490).to_file(path, driver="GPKG", layer="a")
        frame = read_source(path, SourceParams(converted_from="gcj02")).frame
        assert (frame.geometry.isna() | frame.geometry.is_empty).tolist() == [True, False, True]

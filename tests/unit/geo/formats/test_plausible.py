"""What is odd about where a layer lies."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import shapely
from pyproj import Proj, Transformer

from geo.errors import CrsError
from geo.formats.plausible import Bounds, project_layer, require_place, require_plausible
from geo.formats.source_layer import SourceLayer
from geo.model.crs import GaussKrugerZone, recognise_gauss_kruger
from geo.model.reports import Finding


def layer_of(places: list[tuple[float, float]], crs: int = 4490) -> SourceLayer:
    frame = gpd.GeoDataFrame(
        {"a": range(len(places))}, geometry=gpd.points_from_xy(*zip(*places, strict=True)), crs=crs
    )
    return SourceLayer(frame, "a.shp", "a", "utf-8", "", "stated in the file")


def found(places: list[tuple[float, float]], epsg: int = 4547, extent: Bounds | None = None) -> dict[str, Finding]:
    _, findings = project_layer(layer_of(places), epsg, extent, is_swapped=False)
    return {finding.code: finding for finding in findings}


def test_ordinary_layer() -> None:
    assert found([(113.9, 26.9), (114.1, 27.1)]) == {}


def test_scale_error_is_that_of_the_projection() -> None:
    """At the same latitude the largest error is at the edge that is farther from the meridian of 114°."""
    west, east, lat = 114.0, 117.0, 27.0
    finding = found([(west, lat), (east, lat)])["scale_error"]
    factors = Proj(4547).get_factors(east, lat)
    assert finding.context["per_mille"] == pytest.approx((factors.meridional_scale - 1) * 1000, rel=0.05)
    assert finding.context["width_km"] == pytest.approx(297, rel=0.02)
    assert "scale_error" not in found([(113.0, lat), (115.0, lat)])


@pytest.mark.parametrize("absurd", [-1.797693e308, 1e30, 1e9])
def test_absurd_coordinates_become_endless(absurd: float) -> None:
    points = gpd.points_from_xy([500000.0, absurd], [2980000.0, absurd])
    layer = SourceLayer(gpd.GeoDataFrame(geometry=points, crs=4547), "a", "a", "utf-8", "", "")
    for epsg in (4547, 32649):
        rows, _ = project_layer(layer, epsg, None, is_swapped=False)
        assert np.isfinite(rows.geometry.bounds.to_numpy()).all(axis=1).tolist() == [True, False]


def test_stray_feature_is_named() -> None:
    places = [(114 + 0.01 * n, 27.0) for n in range(30)] + [(104.0, 27.0)]
    finding = found(places)["stray_features"]
    assert (finding.rows, finding.count) == ((30,), 1)


def test_project_extent_reveals_swapped_axes() -> None:
    x, y = Transformer.from_crs(4490, 4547, always_xy=True).transform(114.0, 27.0)
    extent = (x - 1000, y - 1000, x + 1000, y + 1000)
    swapped = SourceLayer(
        gpd.GeoDataFrame(geometry=[shapely.Point(y, x)], crs=4547), "a.shp", "a", "utf-8", "", "stated in the file"
    )
    with pytest.raises(CrsError, match="--swap-xy"):
        project_layer(swapped, 4547, extent, is_swapped=False)
    assert found([(118.0, 27.0)], extent=extent)["far_away"].context["distance_km"] == pytest.approx(396, rel=0.01)


@pytest.mark.parametrize(("crs", "place"), [(3436, (-90.0, 38.6)), (2180, (19.0, 52.0)), (2193, (174.8, -41.3))])
def test_other_countries_are_not_taken_for_swapped(crs: int, place: tuple[float, float]) -> None:
    """Illinois West counts in feet, Poland and New Zealand have their own false eastings."""
    layer = layer_of([Transformer.from_crs(4326, crs, always_xy=True).transform(*place)], crs)
    assert require_plausible(layer, is_swapped=False) is layer


@pytest.mark.parametrize(("crs", "expected"), [(4610, True), (4214, True), (2383, True), (4490, False), (4326, False)])
def test_old_datum_is_told(crs: int, expected: bool) -> None:
    places = [(114.0, 27.0)] if crs != 2383 else [(500000.0, 2987000.0)]
    _, findings = project_layer(layer_of(places, crs), 4547, None, is_swapped=False)
    assert ("old_datum" in [finding.code for finding in findings]) == expected


def test_a_place_that_the_project_cannot_hold() -> None:
    """90° from its central meridian a Transverse Mercator is without end."""
    with pytest.raises(CrsError, match="reaches farther"):
        project_layer(layer_of([(93.0, 0.0)], 4326), 32631, None, is_swapped=False)


def test_place_nowhere() -> None:
    with pytest.raises(CrsError, match="do not fit"):
        require_place(layer_of([(1e9, 1e9)], 4547))


@pytest.mark.parametrize("datum", ["cgcs2000", "xian1980", "beijing1954"])
def test_every_zone_of_the_registry_is_recognised(datum: str) -> None:
    """Code by code: what the registry holds under our number is the zone that we mean."""
    from pyproj import CRS

    for width, meridians in ((3, range(75, 136, 3)), (6, range(75, 136, 6))):
        for meridian in meridians:
            for has_prefix in (True, False):
                zone = GaussKrugerZone(datum, meridian, width, has_prefix)  # type: ignore[arg-type]
                assert recognise_gauss_kruger(CRS.from_epsg(zone.epsg)) == zone

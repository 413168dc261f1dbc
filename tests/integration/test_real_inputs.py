"""The whole chain through the command line on data that nobody here made (benchmarks/recipes).

The numbers to compare with are measured here from the files themselves, on the ellipsoid in degrees (pyproj's Geod), so
with neither the projection nor the readers of the project; some are as the sources' own papers say.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
from pyproj import Geod

from geo.services.project import open_project

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "benchmarks" / "recipes"
WGS84 = Geod(ellps="WGS84")
US_FOOT_M = 1200 / 3937
PLAN_S = 8.0

pytestmark = pytest.mark.skipif(
    not os.environ.get("YIWANG_REAL_DATA"), reason="YIWANG_REAL_DATA names no folder of real inputs"
)


def real_file(*parts: str) -> Path:
    """Return a file of the real inputs; the test fails when it is missing."""
    path = Path(os.environ["YIWANG_REAL_DATA"], *parts)
    if not path.is_file():
        pytest.fail(f"YIWANG_REAL_DATA is set, but {path} is missing")
    return path


def yiwang(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "api.cli", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)


class Outcome:
    """What a run left behind."""

    def __init__(self, recipe: Path, out: Path) -> None:
        run = yiwang("demo", "--no-serve", "--recipe", recipe, "--out", out)
        assert run.returncode == 0, run.stderr
        self.out = out
        self.summary: dict[str, Any] = json.loads((out / "summary.json").read_text("utf-8"))
        self.reports = {report["step"]: report for report in self.summary["reports"]}

    def layer(self, name: str) -> gpd.GeoDataFrame:
        return pyogrio.read_dataframe(self.out / "yiwang.gpkg", layer=name)


def polygons(*parts: str) -> gpd.GeoDataFrame:
    frame = pyogrio.read_dataframe(real_file(*parts))
    return frame.set_geometry(frame.geometry.make_valid())


def area_m2(geometry: Any) -> float:
    """Return the area on the ellipsoid of what has area in a geometry of longitudes and latitudes."""
    found = [part for part in shapely.get_parts(shapely.get_parts([geometry])) if part.geom_type == "Polygon"]
    return sum(WGS84.geometry_area_perimeter(shapely.orient_polygons(part))[0] for part in found)


def iou(one: Any, two: Any) -> float:
    return area_m2(one & two) / area_m2(one | two)


def conflict_area_m2(conflicts: gpd.GeoDataFrame, **wanted: str) -> float:
    for column, value in wanted.items():
        conflicts = conflicts[conflicts[column] == value]
    return float(conflicts["area_m2"].sum())


# --- Wuhan: 16 communities, two files of grids that do not fit them, hydrants with swapped axes


@pytest.fixture(scope="session")
def wuhan(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    real_file("wuhan-xujiapeng", "fireHydrant.json")
    return Outcome(RECIPES / "wuhan.toml", tmp_path_factory.mktemp("wuhan"))


def _wuhan(*parts: str) -> gpd.GeoDataFrame:
    return polygons("wuhan-xujiapeng", "geojson", *parts)


def test_wuhan_is_read_whole_and_unified_without_loss(wuhan: Outcome) -> None:
    found = wuhan.summary["found"]
    assert (found["community"], found["cell"], found["facility"], found["building"]) == (16, 17, 40, 721)
    communities = _wuhan("社区.json")
    grids = [_wuhan("json_水岸星城", "网格_水岸星城.json"), _wuhan("json_湖北大学", "网格_湖北大学.json")]
    assert area_m2(communities.union_all()) == pytest.approx(7.76e6, rel=1e-3)
    everything = shapely.union_all([frame.union_all() for frame in (communities, *grids)])
    report = wuhan.reports["unify"]
    assert report["area_m2"] == pytest.approx(area_m2(everything), rel=2e-4)
    assert all(report["checks"].values())
    cells = wuhan.layer("unified_cell")
    assert set(cells["community_name"]) == set(communities["name_1"])
    assert cells["code"].str.fullmatch(r"\d{15}").all()


def test_wuhan_grids_that_do_not_fit_their_community_are_conflicts(wuhan: Outcome) -> None:
    communities = _wuhan("社区.json").set_index("name_1").geometry
    grids = {
        "水岸星城社区": _wuhan("json_水岸星城", "网格_水岸星城.json").union_all(),
        "湖北大学社区": _wuhan("json_湖北大学", "网格_湖北大学.json").union_all(),
    }
    assert {name: round(iou(communities[name], grid), 2) for name, grid in grids.items()} == {
        "水岸星城社区": 0.80,
        "湖北大学社区": 0.73,
    }
    conflicts = wuhan.layer("conflict")
    both = shapely.union_all(list(grids.values()))
    for name in grids:
        missing_m2 = area_m2(communities[name] - both)
        # strips within the tolerance, up to 2 m, along the kilometres where both borders run side by side are no gap
        assert conflict_area_m2(conflicts, kind="gap", community_name=name) == pytest.approx(missing_m2, rel=5e-3)
    outside_m2 = area_m2(both - communities.union_all())
    assert conflict_area_m2(conflicts, kind="unassigned") == pytest.approx(outside_m2, rel=2e-3)
    assert set(conflicts["kind"]) >= {"gap", "border", "unassigned"}  # its overlaps are narrower than the tolerance
    # one file calls the community 湖北大学社区, the other 湖大社区
    findings = {finding["code"]: finding for finding in wuhan.reports["unify"]["findings"]}
    assert findings["unknown_community"]["count"] == 7
    assert findings["unknown_community"]["context"]["said"] == "湖大社区"
    assert wuhan.layer("zoning")["source"].tolist() == ["网格_水岸星城.json, 网格_湖北大学.json"]


def test_wuhan_hydrants_are_refused_until_the_axes_are_exchanged(wuhan: Outcome, tmp_path: Path) -> None:
    hydrants = real_file("wuhan-xujiapeng", "fireHydrant.json")
    fresh = tmp_path / "fresh.gpkg"
    filled = tmp_path / "filled.gpkg"
    shutil.copyfile(wuhan.out / "yiwang.gpkg", filled)
    for project in (fresh, filled):
        run = yiwang("import", hydrants, "--kind", "facility", "--project", project)
        assert run.returncode == 2
        assert "axes swapped" in run.stderr
        assert "坐标轴颠倒" in run.stderr
        assert run.stderr.count("--swap-xy") == 2
        assert "Traceback" not in run.stderr
    assert not fresh.exists()
    assert len(pyogrio.read_dataframe(filled, layer="facility")) == 40
    rows = json.loads(hydrants.read_text("utf-8"))
    points = shapely.points([[float(row["y"]), float(row["x"])] for row in rows])
    street = _wuhan("社区.json").union_all()
    assert shapely.intersects(street, points).all()
    assert wuhan.reports["unify"]["facilities_outside"] == 0
    stored = wuhan.layer("facility")
    assert set(stored["kind"]) == {"hydrant"}
    assert stored["cell_code"].isin(wuhan.layer("unified_cell")["code"]).all()
    to_degrees = stored.geometry.to_crs(4326)
    assert np.hypot(to_degrees.x - shapely.get_x(points), to_degrees.y - shapely.get_y(points)).max() < 1e-7


def test_exchanging_right_axes_is_refused_with_the_right_advice(tmp_path: Path) -> None:
    communities = real_file("wuhan-xujiapeng", "geojson", "社区.json")
    run = yiwang("import", communities, "--kind", "community", "--swap-xy", "--project", tmp_path / "p.gpkg")
    assert run.returncode == 2
    assert "without exchanging the axes" in run.stderr
    assert "不要勾选" in run.stderr


def test_degrees_called_metres_are_refused(tmp_path: Path) -> None:
    communities = real_file("wuhan-xujiapeng", "geojson", "社区.json")
    run = yiwang("import", communities, "--kind", "community", "--crs", "EPSG:4547", "--project", tmp_path / "p.gpkg")
    assert run.returncode == 2
    assert "look like degrees" in run.stderr
    assert not (tmp_path / "p.gpkg").exists()


# --- Philadelphia: neighbourhoods x police districts, 40,856 streets, one district patrolled by six teams


@pytest.fixture(scope="session")
def philadelphia(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp("philadelphia")
    text = (RECIPES / "philadelphia.toml").read_text("utf-8")
    shorter = text.replace("seconds = 60.0", f"seconds = {PLAN_S}")
    assert shorter != text
    (folder / "philadelphia.toml").write_text(shorter, encoding="utf-8")
    shutil.copyfile(RECIPES / "philadelphia_teams.csv", folder / "philadelphia_teams.csv")
    real_file("philadelphia", "street_centerline", "street_centerline.topojson.gz")
    return Outcome(folder / "philadelphia.toml", folder / "out")


@pytest.fixture(scope="session")
def district() -> Any:
    """Police district 17, longitude and latitude."""
    frame = polygons("philadelphia", "police_districts", "police_districts.geojson")
    return frame.set_index("DIST_NUMC").geometry["17"]


@pytest.fixture(scope="session")
def street_lines() -> list[Any]:
    """The streets, decoded here: TopoJSON arcs are running sums of whole numbers on a grid; ~n is arc n backwards."""
    path = real_file("philadelphia", "street_centerline", "street_centerline.topojson.gz")
    topology = json.loads(gzip.decompress(path.read_bytes()))
    scale, origin = (np.array(topology["transform"][key]) for key in ("scale", "translate"))
    arcs = [np.cumsum(np.array(arc)[:, :2], axis=0) * scale + origin for arc in topology["arcs"]]
    (collection,) = topology["objects"].values()
    return [
        np.concatenate([arcs[number] if number >= 0 else arcs[~number][::-1] for number in street["arcs"]])
        for street in collection["geometries"]
    ]


def _length_m(line: Any) -> float:
    return float(WGS84.line_length(line[:, 0], line[:, 1]))


def test_philadelphia_is_read_whole(philadelphia: Outcome, street_lines: list[Any]) -> None:
    found = philadelphia.summary["found"]
    assert (found["community"], found["cell"], found["facility"]) == (158, 22, 567)
    streets = philadelphia.reports["import street_centerline.topojson.gz"]
    assert streets["rows_read"] == 40_856
    assert len(street_lines) == 40_856
    assert streets["rows_stored"] == sum(_length_m(line) > 0 for line in street_lines) == 40_854
    assert [finding["count"] for finding in streets["findings"]] == [2]  # the two arcs of one point
    network = philadelphia.reports["network"]
    assert network["length_m"] == pytest.approx(sum(_length_m(line) for line in street_lines), rel=1e-3)
    assert network["islands"] == 0  # the source: one component
    assert network["nodes"] >= 25_320  # junctions where streets end, before crossings are cut
    assert network["reachable_length_share"] == {"foot": 1.0, "ebike": 1.0, "car": 1.0}


def test_philadelphia_neighbourhoods_and_districts_become_one_layer(philadelphia: Outcome) -> None:
    report = philadelphia.reports["unify"]
    assert all(report["checks"].values())
    cells = philadelphia.layer("unified_cell")
    neighbourhoods = pyogrio.read_dataframe(
        real_file("philadelphia", "neighborhoods", "Neighborhoods_Philadelphia.shp"), read_geometry=False
    )
    assert set(cells["community_name"]) == set(neighbourhoods["MAPNAME"])
    own_m2 = float(neighbourhoods["Shape_Area"].sum()) * US_FOOT_M**2
    outside_m2 = report["conflict_area_m2"]["unassigned"]
    assert report["area_m2"] - outside_m2 == pytest.approx(own_m2, rel=1e-3)
    assert cells["code"].is_unique
    assert cells.geometry.geom_type.eq("MultiPolygon").all()
    assert cells["area_m2"].min() >= 500


def test_philadelphia_patrol_serves_the_whole_district_fairly(
    philadelphia: Outcome, district: Any, street_lines: list[Any]
) -> None:
    plan = philadelphia.reports["plan"]
    schools = polygons("philadelphia", "school_facilities", "philadelphiaschool_facilities201302.geojson")
    assert plan["visits"] == plan["visits_served"] == int(schools.intersects(district).sum()) == 13
    assert plan["teams"] == 6
    assert plan["max_over_mean"] <= 1.10
    assert plan["findings"] == []
    assert plan["served_m"] == plan["required_m"]
    lines = [shapely.LineString(line) for line in street_lines if len(line) > 1]
    middles = shapely.line_interpolate_point(lines, 0.5, normalized=True)
    inside = [_length_m(shapely.get_coordinates(lines[n])) for n in np.flatnonzero(shapely.contains(district, middles))]
    assert plan["required_m"] == pytest.approx(sum(inside), rel=5e-3)  # crossing streets are cut before they are chosen
    assert plan["lower_bound_s"] <= plan["longest_s"]


def test_philadelphia_routes_are_connected_walks_from_depot_to_depot(philadelphia: Outcome, district: Any) -> None:
    legs = philadelphia.layer("leg").sort_values(["route_no", "leg_no"])
    routes = philadelphia.layer("route").set_index("route_no")
    teams = philadelphia.layer("team").set_index("name")
    assert len(routes) == 6
    for number, own in legs.groupby("route_no"):
        lines = own.geometry[own.geometry.notna() & ~own.geometry.is_empty]
        ends = [(shapely.get_point(line, 0), shapely.get_point(line, -1)) for line in lines if line.length > 0]
        assert max(a[1].distance(b[0]) for a, b in pairwise(ends)) < 1e-6
        assert ends[0][0].equals(ends[-1][1])
        assert ends[0][0].distance(teams.geometry[routes.loc[number, "team"]]) < 150
        assert (own["start_s"].to_numpy()[1:] >= own["end_s"].to_numpy()[:-1] - 1e-3).all()
        assert own["start_s"].min() >= 8 * 3600
        assert own["end_s"].max() <= 12 * 3600
    streets = philadelphia.layer("street")
    beat = gpd.GeoSeries([district], crs=4326).to_crs(streets.crs).iloc[0]
    wanted = streets[streets.within(beat.buffer(-1))]
    walked = shapely.union_all(legs.geometry[legs.geometry.notna()].to_numpy())
    left = shapely.length(shapely.difference(wanted.geometry.to_numpy(), walked.buffer(0.5)))
    assert len(wanted) > 1_300
    assert left.max() < 1.0
    assert len(list((philadelphia.out / "routes").glob("0*.gpx"))) == 6


def test_philadelphia_keeps_its_own_time(philadelphia: Outcome) -> None:
    with open_project(str(philadelphia.out / "yiwang.gpkg")) as store:
        assert store.project().time_zone == "America/New_York"
        assert store.project().epsg == 32618


# --- Changsha: village grids x land-use plan x ecological red line


@pytest.fixture(scope="session")
def changsha(tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    real_file("changsha-yuelu", "LHSSTBHHXAreas.json")
    return Outcome(RECIPES / "changsha.toml", tmp_path_factory.mktemp("changsha"))


def test_changsha_three_zonings_become_one_layer_without_slivers(changsha: Outcome) -> None:
    report = changsha.reports["unify"]
    assert report["zonings"] == {"village": 7, "landuse": 73, "ecology": 20}
    assert report["checks"]
    assert all(report["checks"].values())
    village = polygons("changsha-yuelu", "LHSAreas.json").union_all()
    assert area_m2(village) == pytest.approx(18.82e6, rel=1e-3)
    assert report["area_m2"] - report["conflict_area_m2"]["unassigned"] == pytest.approx(area_m2(village), rel=5e-4)
    cells = changsha.layer("unified_cell")
    assert len(cells) < 200  # a chain of geopandas unions makes 663 pieces, 478 of them below 1 m²
    assert cells["area_m2"].min() >= 500
    assert shapely.coverage_is_valid(cells.geometry.to_numpy())


def test_changsha_ground_without_land_use_is_a_gap(changsha: Outcome) -> None:
    village = polygons("changsha-yuelu", "LHSAreas.json").union_all()
    planned = polygons("changsha-yuelu", "LHSTDLYGHAreas.json").union_all()
    conflicts = changsha.layer("conflict")
    gaps_m2 = conflict_area_m2(conflicts, kind="gap", zoning_a="landuse")
    # borders within the tolerance are one, and what is below 20 m² or 1 m wide is not listed
    assert gaps_m2 == pytest.approx(area_m2(village - planned), rel=2e-3)
    # the red line protects a third of the village: what it leaves out is no gap
    assert conflict_area_m2(conflicts, kind="gap", zoning_a="ecology") == 0


def test_changsha_unclosed_rings_are_left_out_and_counted(changsha: Outcome, tmp_path: Path) -> None:
    project = tmp_path / "village.gpkg"
    shutil.copyfile(changsha.out / "yiwang.gpkg", project)
    run = yiwang("import", real_file("changsha-yuelu", "LHSJTZSLine.json"), "--kind", "street", "-p", project)
    assert run.returncode == 0
    report = json.loads(run.stdout)
    assert (report["rows_read"], report["rows_stored"]) == (15, 11)
    counts = {finding["code"]: finding["count"] for finding in report["findings"]}
    assert counts == {"closed_ring": 4, "heights_dropped": 15, "wrong_geometry": 4}
    assert "Warning" not in run.stderr

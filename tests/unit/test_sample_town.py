"""The committed sample town is what its script makes, and is faulty exactly where faults.json says."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest
import shapely
from pyproj import CRS
from shapely.geometry import Point

FOLDER = Path(__file__).resolve().parents[2] / "sample_shapefiles"
ZONINGS = ("综治网格", "党建网格", "城管网格", "警务网格")
FACILITIES = ("设施_公共服务", "设施_视频监控", "设施_市政消防")
LAYERS = ("社区", *ZONINGS, *FACILITIES, "道路", "事件", "巡防队伍", "住宅楼", "水系", "铁路")
ZIPPED = "警务网格"
TRUTH: dict[str, Any] = json.loads((FOLDER / "faults.json").read_text(encoding="utf-8"))
PERSONAL = ("姓名", "电话", "手机", "身份证", "负责人", "网格长", "联系", "户主", "居民", "民族", "出生")


def read(name: str, folder: Path = FOLDER) -> gpd.GeoDataFrame:
    if name == ZIPPED:
        return gpd.read_file(f"zip://{folder / name}.zip!{name}.shp", encoding="GBK")
    return gpd.read_file(folder / f"{name}.shp", encoding="GBK")


@pytest.fixture(scope="module")
def town() -> dict[str, gpd.GeoDataFrame]:
    return {name: read(name) for name in LAYERS}


@pytest.fixture(scope="module")
def remade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("town")
    command = [sys.executable, str(FOLDER / "make_town.py"), "--out", str(folder)]
    subprocess.run(command, check=True, timeout=120, capture_output=True)
    return folder


def faults(kind: str) -> list[dict[str, Any]]:
    found = [fault for fault in TRUTH["faults"] if fault["kind"] == kind]
    assert found, kind
    return found


def dbf_bytes(name: str) -> bytes:
    if name == ZIPPED:
        with zipfile.ZipFile(FOLDER / f"{name}.zip") as archive:
            return archive.read(f"{name}.dbf")
    return (FOLDER / f"{name}.dbf").read_bytes()


def test_script_makes_the_committed_files(remade: Path, town: dict[str, gpd.GeoDataFrame]) -> None:
    made = {path.name for path in remade.iterdir()}
    kept = {path.name for path in FOLDER.iterdir() if path.suffix in {".shp", ".shx", ".dbf", ".prj", ".zip", ".json"}}
    assert made == kept
    for name, committed in town.items():
        again = read(name, remade)
        assert list(again.columns) == list(committed.columns)
        numbers = list(committed.select_dtypes("number").columns)
        texts = list(committed.columns.drop([*numbers, "geometry"]))
        assert again[texts].equals(committed[texts]), name
        np.testing.assert_allclose(again[numbers], committed[numbers], atol=0.2)
        assert shapely.equals_exact(again.geometry.values, committed.geometry.values, tolerance=0.01).all(), name
    assert [fault["kind"] for fault in json.loads((remade / "faults.json").read_text(encoding="utf-8"))["faults"]] == [
        fault["kind"] for fault in TRUTH["faults"]
    ]


def test_files_are_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.rglob("*") if path.is_file()) < 5_000_000


def test_files_look_like_an_old_office_machine_wrote_them() -> None:
    assert not list(FOLDER.rglob("*.cpg"))
    language_bytes = set()
    for name in LAYERS:
        content = dbf_bytes(name)
        language_bytes.add(content[29])
        header = int.from_bytes(content[8:10], "little")
        for start in range(32, header - 1, 32):
            field = content[start : start + 11].split(b"\0")[0]
            assert 0 < len(field) <= 10
            field.decode("gbk")
        content[header:-1].decode("gbk")
        with pytest.raises(UnicodeDecodeError):
            content[header:].decode("utf-8")
    assert language_bytes == {0x00, 0x4D}


def test_projection_is_the_one_arcgis_writes(town: dict[str, gpd.GeoDataFrame]) -> None:
    text = (FOLDER / "社区.prj").read_text(encoding="ascii")
    assert "CGCS2000_3_Degree_GK_CM_114E" in text
    assert "Gauss_Kruger" in text
    assert CRS.from_wkt(text).to_epsg(min_confidence=60) == 4547
    west, south, east, north = town["社区"].to_crs(4326).total_bounds
    assert 114.1 < west < east < 114.3
    assert 30.3 < south < north < 30.5


def test_row_counts(town: dict[str, gpd.GeoDataFrame]) -> None:
    assert {name: len(frame) for name, frame in town.items()} == TRUTH["rows"]
    roads = town["道路"]
    assert 700 <= len(roads) <= 1200
    assert 80_000 < roads.length.sum() < 130_000
    kinds = {kind for name in FACILITIES for kind in town[name]["设施类型"]}
    assert len(kinds) >= 12


def test_no_field_names_a_person(town: dict[str, gpd.GeoDataFrame]) -> None:
    for frame in town.values():
        assert not [column for column in frame.columns if any(word in column for word in PERSONAL)]


def test_communities_are_a_coverage_of_the_street_office(town: dict[str, gpd.GeoDataFrame]) -> None:
    communities = town["社区"]
    assert shapely.coverage_is_valid(communities.geometry.values)
    whole = shapely.union_all(communities.geometry.values)
    assert whole.geom_type == "Polygon"
    assert communities.area.sum() > 0.999 * shapely.Polygon(whole.exterior).area
    assert 6e6 < whole.area < 10e6
    assert communities["社区代码"].is_unique
    assert communities["社区代码"].str.fullmatch(r"429900001\d{3}").all()


def test_safety_cells_are_clean_and_nested_in_communities(town: dict[str, gpd.GeoDataFrame]) -> None:
    cells, communities = town["综治网格"], town["社区"].set_index("社区名称").geometry
    assert shapely.coverage_is_valid(cells.geometry.values)
    outside = shapely.difference(cells.geometry.values, communities.loc[cells["所属社区"]].values)
    assert shapely.area(outside).max() < 0.5


def test_every_other_zoning_disagrees_by_metres(town: dict[str, gpd.GeoDataFrame]) -> None:
    lines = shapely.union_all(town["综治网格"].boundary.values)
    shapely.prepare(lines)
    for name, low_m, high_m in (("党建网格", 1.0, 8.0), ("城管网格", 4.0, 22.0), ("警务网格", 4.0, 20.0)):
        valid = shapely.make_valid(town[name].geometry.values)
        points = shapely.points(shapely.get_coordinates(shapely.segmentize(shapely.boundary(valid), 10.0)))
        away = shapely.distance(lines, points)
        near = away[away < 25.0]
        assert low_m < np.quantile(near, 0.9) < high_m, (name, np.quantile(near, 0.9))


def test_gap(town: dict[str, gpd.GeoDataFrame]) -> None:
    for fault in faults("gap"):
        union = shapely.union_all(shapely.make_valid(town[fault["zoning"]].geometry.values))
        holes = [shapely.Polygon(ring) for part in shapely.get_parts(union) for ring in part.interiors]
        hole = next(hole for hole in holes if hole.contains(Point(fault["x"], fault["y"])))
        assert hole.area == pytest.approx(fault["area_m2"], abs=5.0)
        assert fault["area_m2"] == pytest.approx(1500.0, abs=50.0)


def test_overlap(town: dict[str, gpd.GeoDataFrame]) -> None:
    for fault in faults("overlap"):
        one, other = town[fault["zoning"]].geometry.iloc[fault["rows"]]
        shared = one.intersection(other)
        assert shared.area == pytest.approx(fault["area_m2"], abs=1.0)
        assert fault["area_m2"] == pytest.approx(900.0, abs=50.0)
        assert shared.contains(Point(fault["x"], fault["y"]))


def test_sliver(town: dict[str, gpd.GeoDataFrame]) -> None:
    for fault in faults("sliver"):
        cell = town[fault["zoning"]].geometry.iloc[fault["rows"][0]]
        assert cell.area == pytest.approx(fault["area_m2"], abs=0.5)
        assert 2 * cell.area / cell.length < 2.0
        assert cell.length / 2 > 100.0
        assert cell.buffer(-1.0).is_empty


def test_self_intersection(town: dict[str, gpd.GeoDataFrame]) -> None:
    listed = {(fault["zoning"], row) for fault in faults("self_intersection") for row in fault["rows"]}
    found = {(name, int(row)) for name in ("社区", *ZONINGS) for row in np.flatnonzero(~town[name].is_valid)}
    assert found == listed


def test_duplicate_code_and_blank_name(town: dict[str, gpd.GeoDataFrame]) -> None:
    doubles = {(fault["zoning"], tuple(fault["rows"])) for fault in faults("duplicate_code")}
    blanks = {(fault["zoning"], fault["rows"][0]) for fault in faults("blank_name")}
    for name in ZONINGS:
        codes, names = town[name]["网格编码"], town[name]["网格名称"].fillna("")
        double = tuple(int(row) for row in np.flatnonzero(codes.duplicated(keep=False)))
        assert (not double) or (name, double) in doubles
        assert {(name, int(row)) for row in np.flatnonzero(names.str.strip() == "")} == {
            blank for blank in blanks if blank[0] == name
        }
    assert len(doubles) == 1


def test_zonings_have_no_other_fault(town: dict[str, gpd.GeoDataFrame]) -> None:
    listed = sum(fault["area_m2"] for fault in faults("gap") + faults("overlap") + faults("self_intersection"))
    wrong = 0.0
    for name in ZONINGS:
        cells = shapely.make_valid(town[name].geometry.values)
        union = shapely.union_all(cells)
        largest = max(shapely.get_parts(union), key=lambda part: float(part.area))
        holes = sum(shapely.Polygon(ring).area for ring in largest.interiors)
        wrong += holes + abs(shapely.area(cells).sum() - union.area)
    assert wrong == pytest.approx(listed, rel=0.05)


def street_graph(roads: gpd.GeoDataFrame) -> nx.MultiDiGraph:
    graph = nx.MultiDiGraph()
    for row, (line, way) in enumerate(zip(roads.geometry, roads["单行"], strict=True)):
        ends = (tuple(line.coords[0]), tuple(line.coords[-1]))
        if way != "反向":
            graph.add_edge(*ends, row=row)
        if way != "正向":
            graph.add_edge(*ends[::-1], row=row)
    return graph


def test_undershoot(town: dict[str, gpd.GeoDataFrame]) -> None:
    roads = town["道路"]
    for fault in faults("undershoot"):
        at = Point(fault["x"], fault["y"])
        ends = shapely.points(np.vstack([shapely.get_coordinates(line)[[0, -1]] for line in roads.geometry]))
        away = shapely.distance(ends, at)
        assert away.min() < 0.001
        assert away[away > 0.001].min() == pytest.approx(fault["gap_m"], abs=0.01)


def test_streets_connect_but_for_the_island_and_the_undershoot(town: dict[str, gpd.GeoDataFrame]) -> None:
    roads = town["道路"]
    assert roads.is_valid.all()
    graph = street_graph(roads)
    parts = sorted(nx.strongly_connected_components(graph), key=len)
    (fault,) = faults("island_network")
    assert len(parts) == 2
    island = {row for _, _, row in graph.subgraph(parts[0]).edges(data="row")}
    assert len(island) == fault["lines"]
    assert set(roads["道路名称"].iloc[sorted(island)]) == {fault["name"]}
    rest = shapely.union_all(roads.geometry.drop(index=list(island)).values)
    assert shapely.union_all(roads.geometry.iloc[sorted(island)].values).distance(rest) > 5.0


def crossings_without_node(roads: gpd.GeoDataFrame) -> list[tuple[int, int, Point]]:
    lines = roads.geometry.values
    found = []
    for one, other in shapely.STRtree(lines).query(lines, predicate="crosses").T:
        if one < other:
            meets = lines[one].intersection(lines[other])
            found += [(int(one), int(other), point) for point in shapely.get_parts(meets)]
    return found


def test_lines_cross_without_a_vertex_only_where_listed_or_on_two_levels(town: dict[str, gpd.GeoDataFrame]) -> None:
    roads = town["道路"]
    listed = shapely.multipoints([(fault["x"], fault["y"]) for fault in faults("uncut_crossing")])
    level = roads["层级"].to_numpy()
    plain = []
    for one, other, point in crossings_without_node(roads):
        if level[one] == level[other]:
            plain.append(point)
            assert listed.distance(point) < 1.0
            vertices = shapely.multipoints(shapely.get_coordinates(roads.geometry.values[[one, other]]))
            assert vertices.distance(point) > 0.5
    assert len(plain) == len(listed.geoms)
    assert sum(level == 1) >= 3
    assert sum(level == -1) >= 1


def test_incidents(town: dict[str, gpd.GeoDataFrame]) -> None:
    incidents = town["事件"]
    assert incidents["发生时间"].str.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d").all()
    assert incidents["发生时间"].min() >= "2024-11-01"
    assert incidents["发生时间"].max() < "2026-11-01"
    assert incidents["事件类型"].nunique() >= 8
    assert not incidents.intersects(town["水系"].union_all()).any()
    assert incidents.within(town["社区"].union_all().buffer(10.0)).all()
    away = shapely.distance(incidents.geometry.values, town["道路"].union_all())
    assert away.max() < 45.0


def test_one_hot_spot_moves_half_way(town: dict[str, gpd.GeoDataFrame]) -> None:
    fights = town["事件"].query("事件类型 == '打架斗殴'")
    early, late = fights[fights["发生时间"] < "2025-11-01"], fights[fights["发生时间"] >= "2025-11-01"]

    def busiest(frame: gpd.GeoDataFrame) -> Point:
        xy = shapely.get_coordinates(frame.geometry.values)
        near = (np.hypot(*(xy[:, None] - xy[None]).transpose(2, 0, 1)) < 120.0).sum(axis=1)
        return Point(xy[int(near.argmax())])

    assert busiest(early).distance(busiest(late)) > 300.0


def test_teams_and_buildings(town: dict[str, gpd.GeoDataFrame]) -> None:
    teams, houses = town["巡防队伍"], town["住宅楼"]
    assert set(teams["出行方式"]) == {"步行", "电动车", "汽车"}
    assert (teams["上班时间"] < teams["下班时间"]).all()
    assert houses.is_valid.all()
    assert (houses["户数"] > 0).all()
    assert not houses.intersects(town["水系"].union_all()).any()

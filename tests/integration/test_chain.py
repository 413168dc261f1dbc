"""The whole chain on the sample town, on both stores: each deliberate fault of faults.json is found where it is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import geopandas as gpd
import gpxpy
import networkx as nx
import numpy as np
import pyogrio
import pytest
import shapely

from geo.algorithms.routing.decode import NO_TIME
from geo.algorithms.routing.encode import UNREACHABLE_EDGE
from geo.algorithms.routing.solve import SolveParams
from geo.model.frames import SCHEMAS, require_frame
from geo.model.network import StreetNetwork
from geo.model.view import ProjectView
from geo.services.export_layers import export_layer, layer_geojson
from geo.services.export_routes import read_routes, route_texts, write_files
from geo.services.project import project_status
from geo.services.read_views import read_view
from geo.services.recipe import read_recipe, run_recipe
from geo.storage import Store, open_store

SAMPLE = Path(__file__).resolve().parents[2] / "sample_shapefiles"
TRUTH: dict[str, Any] = json.loads((SAMPLE / "faults.json").read_text("utf-8"))
KEYS = {"综治网格": "governance", "党建网格": "party", "城管网格": "urban", "警务网格": "police"}


@dataclass(frozen=True)
class Town:
    """The sample town after the chain: the store, what it holds, and the reports by file or step."""

    store: Store
    view: ProjectView
    reports: dict[str, dict[str, Any]]

    def findings(self, step: str, code: str) -> list[dict[str, Any]]:
        return [finding for finding in self.reports[step]["findings"] if finding["code"] == code]


def build(url: str) -> Town:
    store = open_store(url)
    recipe = read_recipe(SAMPLE / "recipe.toml")
    assert recipe.plan is not None
    recipe = replace(recipe, plan=replace(recipe.plan, solve=SolveParams(iterations=200)))
    outcomes = run_recipe(store, recipe)
    reports = {outcome.step.removeprefix("import "): outcome.report.as_json() for outcome in outcomes}
    return Town(store, read_view(store), reports)


@pytest.fixture(scope="module")
def gpkg_town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    town = build(str(tmp_path_factory.mktemp("town") / "青泠街道.gpkg"))
    yield town
    town.store.close()


@pytest.fixture(scope="module")
def postgis_town(request: pytest.FixtureRequest) -> Iterator[Town]:
    import postgis

    if postgis.is_switched_off():
        pytest.skip(f"{postgis.SWITCH}=off")
    cluster: postgis.Cluster = request.getfixturevalue("cluster")
    name = cluster.new_database()
    town = build(cluster.address(name))
    yield town
    town.store.close()
    cluster.drop_database(name)


@pytest.fixture(params=["gpkg", "postgis"])
def town(request: pytest.FixtureRequest) -> Town:
    found: Town = request.getfixturevalue(f"{request.param}_town")
    return found


def faults(kind: str) -> list[dict[str, Any]]:
    found = [fault for fault in TRUTH["faults"] if fault["kind"] == kind]
    assert found, kind
    return found


def near(found: Any, fault: dict[str, Any]) -> float:
    """Return the distance of a finding or a geometry from a fault."""
    shape = shapely.Point(found["x"], found["y"]) if isinstance(found, dict) else found
    return float(shape.distance(shapely.Point(fault["x"], fault["y"])))


class TestImport:
    def test_every_row_is_stored(self, town: Town) -> None:
        imports = {step: report for step, report in town.reports.items() if "." in step}
        assert len(imports) == 12
        for file, report in imports.items():
            assert report["rows_read"] == report["rows_stored"] == TRUTH["rows"][Path(file).stem], file

    def test_text_is_right(self, town: Town) -> None:
        assert {report["encoding"] for step, report in town.reports.items() if "." in step} == {"gb18030"}
        assert "翠园小区内部路" in set(town.view.frames["street"]["name"])
        for table in ("community", "cell", "facility", "street", "team"):
            joined = "".join(town.view.frames[table]["name"])
            assert "�" not in joined
            assert max(map(ord, joined)) < 0x10000
            assert not any(0xE000 <= ord(char) < 0xF900 or 0x80 <= ord(char) < 0x250 for char in joined), table

    def test_crs_is_recognised(self, town: Town) -> None:
        assert f"EPSG:{town.view.project.epsg}" == TRUTH["crs"]
        assert all(
            report["source_crs"].startswith(TRUTH["crs"]) for step, report in town.reports.items() if "." in step
        )
        raw = pyogrio.read_dataframe(SAMPLE / "社区.shp", columns=[])
        stored = town.view.layer("community").geometry
        assert shapely.get_coordinates(stored).tolist() == shapely.get_coordinates(raw.geometry).tolist()

    def test_no_warning_but_those_of_the_faults(self, town: Town) -> None:
        found = {
            (file, finding["code"])
            for file, report in town.reports.items()
            if "." in file
            for finding in report["findings"]
            if finding["severity"] != "note"
        }
        assert found == {("党建网格.shp", "repaired"), ("党建网格.shp", "no_name"), ("城管网格.shp", "duplicate_code")}

    def test_self_intersection_is_repaired(self, town: Town) -> None:
        (fault,) = faults("self_intersection")
        (finding,) = town.findings("党建网格.shp", "repaired")
        assert list(finding["rows"]) == fault["rows"]
        # the loop counted against the rest of the ring before, and for it now
        assert town.reports["党建网格.shp"]["moved_area_m2"] == pytest.approx(2 * fault["area_m2"], abs=0.05)
        cell = town.view.layer("cell").query("zoning_id == 'party' and code == @fault['codes'][0]").geometry.iloc[0]
        assert cell.is_valid
        assert near(cell, fault) < 0.01

    def test_blank_name(self, town: Town) -> None:
        (fault,) = faults("blank_name")
        (finding,) = town.findings("党建网格.shp", "no_name")
        assert list(finding["rows"]) == fault["rows"]
        assert near(finding, fault) < 500
        cells = town.view.frames["cell"]
        assert cells[cells["code"] == fault["codes"][0]]["name"].tolist() == fault["codes"]

    def test_duplicate_code(self, town: Town) -> None:
        (fault,) = faults("duplicate_code")
        (finding,) = town.findings("城管网格.shp", "duplicate_code")
        assert list(finding["rows"]) == fault["rows"][1:]
        codes = town.view.frames["cell"].query("zoning_id == 'urban'")["code"]
        assert codes.is_unique
        assert set(codes) >= {fault["codes"][0], f"{fault['codes'][0]}#2"}


class TestUnify:
    def test_checks_hold(self, town: Town) -> None:
        checks = town.reports["unify"]["checks"]
        assert len(checks) >= 8
        assert all(checks.values())

    @pytest.mark.parametrize("kind", ["gap", "overlap"])
    def test_gap_and_overlap_are_conflicts_in_their_place(self, town: Town, kind: str) -> None:
        (fault,) = faults(kind)
        conflicts = town.view.layer("conflict")
        listed = conflicts[(conflicts["kind"] == kind) & (conflicts["zoning_a"] == KEYS[fault["zoning"]])]
        assert min(near(shape, fault) for shape in listed.geometry) < 1
        # one fault across a border of communities is a conflict in each
        found = listed[[near(shape, fault) < 30 for shape in listed.geometry]]
        assert len(found) == found["community_code"].nunique() == (2 if kind == "gap" else 1)
        assert found["area_m2"].sum() == pytest.approx(fault["area_m2"], rel=0.005)
        assert found.geometry.area.to_numpy() == pytest.approx(found["area_m2"].to_numpy())
        if kind == "overlap":
            assert found[["cell_a", "cell_b"]].to_numpy().tolist() == [fault["codes"]]

    def test_the_only_overlap_is_that_one(self, town: Town) -> None:
        assert town.reports["unify"]["conflicts"]["overlap"] == len(faults("overlap"))

    def test_sliver_is_dissolved_and_accounted_for(self, town: Town) -> None:
        (fault,) = faults("sliver")
        lineage = town.view.frames["lineage"]
        mine = lineage[(lineage["zoning_id"] == "urban") & (lineage["source_code"] == fault["codes"][0])]
        assert mine["area_m2"].sum() == pytest.approx(fault["area_m2"], rel=0.01)
        assert mine["share_of_source"].sum() == pytest.approx(1, abs=1e-3)
        assert mine["share_of_cell"].max() < 0.1

    def test_only_lonely_slivers_stay(self, town: Town) -> None:
        cells = town.view.layer("unified_cell")
        width = 2 * cells.area / cells.length
        small = cells[(cells.area < 500) | (width < 15)]
        lonely = town.findings("unify", "lonely_sliver")
        assert len(small) == len(lonely)
        assert all(small.distance(shapely.Point(finding["x"], finding["y"])).min() < 1e-6 for finding in lonely)

    def test_shares_of_every_source_cell_sum_to_one(self, town: Town) -> None:
        """But for the strip along a cell's border that snapping moved; what neighbours exchange evens out."""
        lineage, cells = town.view.frames["lineage"], town.view.layer("cell").set_index(["zoning_id", "code"])
        sums = lineage.groupby(["zoning_id", "source_code"])["area_m2"].sum()
        assert len(sums) == len(cells)
        area, moved_m2 = cells.area.reindex(sums.index), town.reports["unify"]["tolerance_m"] * cells.length
        difference = sums - area
        assert (difference.abs() <= moved_m2.reindex(sums.index)).all()
        assert difference.abs().sum() <= town.reports["unify"]["snapped_area_m2"]
        assert (difference.groupby("zoning_id").sum() / area.groupby("zoning_id").sum()).abs().max() < 1e-3

    def test_cells_tile_the_town(self, town: Town) -> None:
        cells = town.view.layer("unified_cell")
        assert shapely.coverage_is_valid(cells.geometry.to_numpy())
        assert cells["area_m2"].sum() == pytest.approx(town.reports["unify"]["area_m2"])
        community = cells["code"].str[:12]
        assert (community == cells["community_code"]).all()
        assert cells["code"].str.fullmatch(r"\d{15}").all()

    def test_everything_is_attached(self, town: Town) -> None:
        codes = set(town.view.frames["unified_cell"]["code"])
        assert set(town.view.frames["facility"]["cell_code"]) <= codes
        assert set(town.view.frames["street_cell"]["cell_code"]) <= codes
        attached, streets = town.view.frames["street_cell"]["length_m"].sum(), town.view.layer("street").length.sum()
        assert attached + town.reports["unify"]["streets_outside_m"] == pytest.approx(streets)

    def test_conflicts_have_keys_and_are_ranked_by_area(self, town: Town) -> None:
        conflicts = town.view.frames["conflict"]
        assert conflicts["conflict_key"].is_unique
        assert conflicts["community_code"].isin(town.view.frames["community"]["code"]).all()
        ranked = conflicts.sort_values(["area_m2", "conflict_key"], ascending=[False, True])
        assert ranked["conflict_key"].iloc[0] == conflicts["conflict_key"][conflicts["area_m2"].idxmax()]
        codes = [json.loads(text) for text in conflicts["facility_codes"]]
        assert [min(count, 20) for count in conflicts["facilities"]] == [len(listed) for listed in codes]
        assert {code for listed in codes for code in listed} <= set(town.view.frames["facility"]["code"])

    def test_suggestions_fit_their_kind(self, town: Town) -> None:
        conflicts = town.view.frames["conflict"]
        by_kind = {kind: set(rows["suggestion"]) for kind, rows in conflicts.groupby("kind")}
        assert by_kind["gap"] == {"assign_gap"}
        assert by_kind["overlap"] == {"decide_overlap"}
        assert by_kind["unassigned"] == {"assign_community"}
        assert by_kind["border"] == {"follow_community", "follow_a", "follow_b", "survey"}
        against = conflicts[(conflicts["zoning_a"] == "community") | (conflicts["zoning_b"] == "community")]
        assert set(against[against["kind"].isin(["border", "straddle"])]["suggestion"]) == {"follow_community"}

    def test_codes_begin_with_the_layer(self, town: Town) -> None:
        history = town.view.frames["code_history"]
        assert history["end_at"].isna().all()
        assert sorted(history["code"]) == sorted(town.view.frames["unified_cell"]["code"])


class TestNetwork:
    @pytest.fixture
    def network(self, town: Town) -> StreetNetwork:
        return StreetNetwork(town.view.layer("network_node"), town.view.layer("network_edge"))

    def test_uncut_crossings_are_noded(self, town: Town, network: StreetNetwork) -> None:
        assert town.reports["network"]["crossings_noded"] == len(faults("uncut_crossing"))
        for fault in faults("uncut_crossing"):
            distance = np.hypot(*(network.xy - (fault["x"], fault["y"])).T)
            assert distance.min() < 1  # some lie so near to a junction that both are one
            assert network.nodes["degree"].iloc[int(distance.argmin())] >= 4

    def test_undershoot_is_snapped(self, town: Town, network: StreetNetwork) -> None:
        (fault,) = faults("undershoot")
        assert town.reports["network"]["ends_snapped"] == 1
        distance = np.hypot(*(network.xy - (fault["x"], fault["y"])).T)
        assert distance.min() <= fault["gap_m"] + 0.01
        assert network.nodes["degree"].iloc[int(distance.argmin())] == 3

    def test_island_is_told(self, town: Town, network: StreetNetwork) -> None:
        (fault,) = faults("island_network")
        (finding,) = town.findings("network", "island")
        island = network.edges[network.nodes["component"].to_numpy()[network.edges["from_node"]] > 0]
        assert set(island["name"]) == {fault["name"]}
        assert island["street_id"].nunique() == fault["lines"]
        assert finding["context"]["length_m"] == pytest.approx(island.length.sum())
        assert near(finding, fault) < 100

    def test_bridges_are_not_noded(self, town: Town, network: StreetNetwork) -> None:
        """Segments that still cross are of two levels, and there are some."""
        level = town.view.frames["street"].set_index("street_id")["level"]
        lines = network.edges.geometry.to_numpy()
        one, two = shapely.STRtree(lines).query(lines, predicate="crosses")
        levels = level[network.edges["street_id"]].to_numpy()
        assert len(one) >= 2
        assert (levels[one] != levels[two]).all()

    def test_agrees_with_networkx(self, town: Town, network: StreetNetwork) -> None:
        graph = network.graph
        assert nx.number_weakly_connected_components(graph) == town.reports["network"]["islands"] + 1
        length = sum(values["length_m"] for _, _, (_, forward), values in graph.edges(keys=True, data=True) if forward)
        one_way = network.edges.query("oneway == 'backward'")["length_m"].sum()
        assert length + one_way >= town.reports["network"]["length_m"] - 1e-6
        assert network.edges["length_m"].sum() == pytest.approx(network.edges.length.sum())


class TestRisk:
    def test_every_cell_is_ranked(self, town: Town) -> None:
        ranking = town.view.frames["risk_cell"].sort_values("rank")
        assert set(ranking["cell_code"]) == set(town.view.frames["unified_cell"]["code"])
        assert ranking["rank"].tolist() == list(range(1, len(ranking) + 1))
        assert ranking["intensity_per_m2"].is_monotonic_decreasing
        assert ranking["risk_score"].iloc[0] == 1
        assert ranking["cell_code"].head(10).tolist() == list(town.reports["risk"]["top_cells"])

    def test_incidents_are_counted_once(self, town: Town) -> None:
        counted = town.view.frames["risk_cell"]["incidents"].sum()
        assert counted == town.view.frames["incident"]["cell_code"].notna().sum()
        assert counted > 0.95 * TRUTH["rows"]["事件"]

    def test_surface_of_each_month(self, town: Town) -> None:
        surface = town.view.frames["risk_surface"]
        assert set(surface["period"]) == {"all", *town.reports["risk"]["periods"]}
        assert surface["risk_score"].between(0, 1).all()
        assert (surface.groupby("period")["risk_score"].max() > 0.1).all()


class TestPlan:
    def test_what_is_left_out_has_a_reason(self, town: Town) -> None:
        report, visits = town.reports["plan"], town.view.frames["visit"]
        assert report["visits_served"] >= 0.9 * report["visits"] > 0
        left_out = visits[visits["route_no"] == 0]
        assert len(left_out) == report["visits"] - report["visits_served"]
        assert (left_out["reason"] == NO_TIME).all()
        by_reason = {
            finding["context"]["reason"]: finding["context"] for finding in town.findings("plan", "unserved_streets")
        }
        missing_km = sum(context["length_km"] for context in by_reason.values())
        assert report["required_m"] - report["served_m"] == pytest.approx(1000 * missing_km)
        island = town.findings("network", "island")[0]["context"]["length_m"]
        assert by_reason[UNREACHABLE_EDGE]["length_km"] == pytest.approx(island / 1000)

    def test_frames_agree_with_the_report(self, town: Town) -> None:
        report, routes, legs = town.reports["plan"], town.view.frames["route"], town.view.frames["leg"]
        assert routes["length_m"].sum() == pytest.approx(report["total_m"])
        assert legs["length_m"].sum() == pytest.approx(report["total_m"])
        assert legs.query("kind == 'serve'")["length_m"].sum() == pytest.approx(report["served_m"])
        assert routes["duration_s"].max() == pytest.approx(report["longest_s"])
        assert report["lower_bound_s"] <= report["longest_s"]
        assert (town.view.frames["visit"]["route_no"] > 0).sum() == report["visits_served"]

    def test_routes_are_walks_on_the_streets(self, town: Town) -> None:
        """From the stored arcs alone: connected, home again, never against a sign."""
        edges = town.view.frames["network_edge"]
        first, last = edges["from_node"].to_numpy(), edges["to_node"].to_numpy()
        modes = town.view.frames["route"].set_index("route_no")["mode"]
        legs = town.view.layer("leg").sort_values(["route_no", "leg_no"])
        for route_no, rows in legs.groupby("route_no"):
            arcs = np.array([arc for text in rows["arcs"] for arc in json.loads(text)])
            edge = np.abs(arcs) - 1
            tail, head = np.where(arcs > 0, first[edge], last[edge]), np.where(arcs > 0, last[edge], first[edge])
            assert (head[:-1] == tail[1:]).all()
            assert head[-1] == tail[0]
            oneway = edges["oneway"].to_numpy()[edge]
            if modes[route_no] != "foot":
                assert not ((oneway == "forward") & (arcs < 0)).any()
                assert not ((oneway == "backward") & (arcs > 0)).any()
            assert (edges[f"speed_{modes[route_no]}_mps"].to_numpy()[edge] > 0).all()

    def test_stays_are_in_their_windows(self, town: Town) -> None:
        visits = town.view.frames["visit"].query("kind == 'school' and route_no > 0")
        assert len(visits) > 0
        assert (visits["arrive_s"].between(27000, 30000) | visits["arrive_s"].between(41400, 43200)).all()

    def test_shifts_are_kept(self, town: Town) -> None:
        routes = town.view.frames["route"].merge(town.view.frames["team"], left_on="team", right_on="name")
        assert (routes["start_s"] >= routes["shift_start_s"]).all()
        assert (routes["end_s"] <= routes["shift_end_s"]).all()


class TestResults:
    @pytest.mark.parametrize("table", SCHEMAS)
    def test_stored_frames_fit_their_schema(self, town: Town, table: str) -> None:
        frame = town.view.frames[table]
        assert len(require_frame(table, frame)) == len(frame) > 0

    def test_status(self, town: Town) -> None:
        status = project_status(town.store)
        assert {step: entry["state"] for step, entry in status["steps"].items()} == dict.fromkeys(
            status["steps"], "done"
        )

    def test_routes_as_gpx(self, town: Town, tmp_path: Path) -> None:
        paths = write_files(route_texts(read_routes(town.store), [".gpx"]), tmp_path)
        assert paths.pop().name == "routes.gpx"
        assert len(paths) == len(town.view.frames["route"])
        for path, (_, route) in zip(paths, town.view.frames["route"].sort_values("route_no").iterrows(), strict=True):
            gpx = gpxpy.parse(path.read_text("utf-8"))
            assert route["team"] in (gpx.name or "")
            assert gpx.length_2d() == pytest.approx(route["length_m"], rel=0.01)
            assert sum(waypoint.type != "turn" for waypoint in gpx.waypoints) == route["visits"]

    def test_itineraries_add_up_to_the_stored_routes(self, town: Town) -> None:
        routes = town.view.frames["route"].set_index("route_no")
        view = read_routes(town.store)
        assert view.numbers == tuple(routes.index)
        for itinerary in view.itineraries:
            row = routes.loc[itinerary.route_no]
            assert itinerary.length_m == pytest.approx(row["length_m"])
            assert itinerary.served_m == pytest.approx(row["served_m"])
            assert len(itinerary.visits) == row["visits"]
            assert sum(one.duration_s + one.wait_s for one in itinerary.instructions) == pytest.approx(
                row["duration_s"]
            )
        (alone,) = read_routes(town.store, None, 2).itineraries
        assert alone == view.itineraries[1]

    @pytest.mark.parametrize("suffix", [".gpkg", ".shp", ".geojson"])
    def test_layer_as_file(self, town: Town, tmp_path: Path, suffix: str) -> None:
        path = export_layer(town.store, "unified_cell", tmp_path / f"一网{suffix}")
        read = gpd.read_file(path)
        cells = town.view.layer("unified_cell")
        assert len(read) == len(cells)
        name = "name" if suffix != ".shp" else json.loads((tmp_path / "一网.fields.json").read_text("utf-8")) and "name"
        assert sorted(read[name]) == sorted(cells["name"])
        if suffix != ".geojson":
            assert read.crs.to_epsg() == town.view.project.epsg
            assert read.area.sum() == pytest.approx(cells.area.sum())

    def test_bbox_in_degrees(self, town: Town) -> None:
        lonlat = town.view.layer("community").to_crs(4326)
        box = tuple(lonlat.geometry.iloc[0].representative_point().buffer(1e-6).bounds)
        features = json.loads(layer_geojson(town.store, "community", box))["features"]
        assert lonlat["name"].iloc[0] in [feature["properties"]["name"] for feature in features]
        assert len(features) < len(lonlat)


@pytest.mark.parametrize("table", ["unified_cell", "lineage", "conflict", "network_edge", "risk_cell", "leg", "visit"])
def test_both_stores_hold_the_same(gpkg_town: Town, postgis_town: Town, table: str) -> None:
    """Same input, same seed, same result, whatever the store."""
    one, two = (town.view.frames[table].drop(columns="plan_id", errors="ignore") for town in (gpkg_town, postgis_town))
    if isinstance(one, gpd.GeoDataFrame):
        assert one.geometry.geom_equals_exact(two.geometry, 1e-9).all()
        one, two = one.drop(columns="geometry"), two.drop(columns="geometry")
    assert one.equals(two)

"""Steps are all or nothing: what is stopped or fails leaves the project as it was; imports add or replace as told."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pyogrio
import pytest
import shapely

from geo.algorithms.network.noding import NodingParams
from geo.algorithms.partition.slivers import SliverParams
from geo.algorithms.risk.intensity import IntensityParams
from geo.algorithms.routing.solve import SolveParams
from geo.algorithms.zoning.unify import UnifyParams
from geo.errors import (
    CancelledError,
    CheckFailedError,
    CrsError,
    FileFormatError,
    MissingLayerError,
    ParameterError,
    SchemaError,
    StateError,
    StorageError,
    YiwangError,
)
from geo.formats.sources import SourceParams
from geo.model.frames import SCHEMAS
from geo.model.progress import Progress
from geo.services.assess_risk import assess_risk
from geo.services.build_network import build_network
from geo.services.export_layers import export_layer
from geo.services.import_layer import ImportParams, import_layer
from geo.services.plan_patrols import PatrolParams, VisitRule, plan_patrols
from geo.services.project import change_stamp, open_project, project_status
from geo.services.read_views import count_rows, read_view
from geo.services.unify_zonings import unify_zonings
from geo.storage import Store

SAMPLE = Path(__file__).resolve().parents[2] / "sample_shapefiles"
FACILITIES = SAMPLE / "设施_公共服务.shp"
LAYERS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("社区.shp", {"kind": "community", "project_name": "青泠街道"}),
    ("综治网格.shp", {"kind": "zoning", "zoning_id": "governance", "zoning_name": "综治网格"}),
    ("警务网格.zip", {"kind": "zoning", "zoning_id": "police"}),
    ("设施_公共服务.shp", {"kind": "facility"}),
    ("道路.shp", {"kind": "street"}),
    ("巡防队伍.shp", {"kind": "team"}),
)
PLAN = PatrolParams(
    required_classes=("primary",), visit_rules=(VisitRule("hospital"),), solve=SolveParams(iterations=4)
)
STEPS: dict[str, Callable[[Store, Progress], object]] = {
    "import": lambda store, progress: import_layer(
        store, SAMPLE / "社区.shp", ImportParams("community", project_name="另一名"), progress
    ),
    "append": lambda store, progress: import_layer(store, FACILITIES, ImportParams("facility"), progress),
    "unify": lambda store, progress: unify_zonings(store, UnifyParams(), progress),
    "network": lambda store, progress: build_network(store, NodingParams(1.0), progress),
    "risk": lambda store, progress: assess_risk(store, IntensityParams(), progress),
    "plan": lambda store, progress: plan_patrols(store, PLAN, progress),
}


def prepare(store: Store, upto: int = len(LAYERS)) -> Store:
    for file, params in LAYERS[:upto]:
        import_layer(store, SAMPLE / file, ImportParams(**params))
    return store


def snapshot(store: Store) -> str:
    """Return a digest of every row and report of a project."""
    view = read_view(store)
    digest = hashlib.sha256(repr((view.project, sorted(view.reports.items()))).encode())
    for table in SCHEMAS:
        frame = view.frames[table]
        plain = pd.DataFrame(frame.to_wkb(hex=True)) if isinstance(frame, gpd.GeoDataFrame) else frame
        digest.update(plain.to_csv(index=False).encode())
    return digest.hexdigest()


def write(path: Path, frame: gpd.GeoDataFrame) -> Path:
    path.write_text(frame.to_json(to_wgs84=True), "utf-8")
    return path


class StopAt:
    """A progress that asks to stop at its n-th call, from 0."""

    def __init__(self, call: int) -> None:
        self.call = call
        self.told: list[tuple[str, float]] = []

    def __call__(self, message: str, fraction: float) -> None:
        self.told.append((message, fraction))
        if len(self.told) == self.call + 1:
            raise CancelledError("stopped")


def test_a_stopped_step_changes_nothing(empty_store: Store, tmp_path: Path) -> None:
    """The steps run in order on one project; each is first stopped at every point where it can be."""
    store = prepare(empty_store)
    incidents = gpd.read_file(SAMPLE / "事件.shp", encoding="GBK", rows=200)
    import_layer(store, write(tmp_path / "事件.geojson", incidents.to_crs(4326)), ImportParams("incident"))
    for step, run in STEPS.items():
        before, stamp = snapshot(store), change_stamp(store)
        for call in range(100):
            progress = StopAt(call)
            try:
                run(store, progress)
            except CancelledError:
                assert change_stamp(store) == stamp, progress.told[-1]
                if progress.told[-1][1] >= 0.7:  # before, nothing can have been written
                    assert snapshot(store) == before, progress.told[-1]
                continue
            break
        assert call >= 2, step
        # the first wish to stop that came too late: everything is stored
        assert snapshot(store) != before, step


def test_progress_rises_to_one(empty_store: Store) -> None:
    prepare(empty_store, 5)
    for step in ("import", "append", "unify", "network"):
        progress = StopAt(-2)
        STEPS[step](empty_store, progress)
        fractions = [fraction for _, fraction in progress.told]
        assert fractions == sorted(fractions)
        assert (fractions[0] >= 0, fractions[-1]) == (True, 1)


def test_a_stopped_first_import_leaves_no_project(empty_store: Store) -> None:
    for call in range(4):
        with pytest.raises(CancelledError):
            STEPS["import"](empty_store, StopAt(call))
        assert not empty_store.exists()


BOX = shapely.box(114.20, 30.40, 114.21, 30.41)


class TestFailingImport:
    """Each fails for another reason, at another point of the import."""

    def bad_team(self, folder: Path) -> Path:
        columns = {"队伍名称": ["甲"], "出行方式": ["步行"], "上班时间": ["清晨"], "下班时间": ["17:00"]}
        return write(folder / "a.geojson", gpd.GeoDataFrame(columns, geometry=[BOX.centroid], crs=4326))

    def swapped(self, folder: Path) -> Path:
        swapped = shapely.transform(BOX, lambda xy: xy[:, ::-1])
        return write(folder / "a.geojson", gpd.GeoDataFrame({"名称": ["甲"]}, geometry=[swapped], crs=4326))

    def lines(self, folder: Path) -> Path:
        return write(
            folder / "a.geojson",
            gpd.GeoDataFrame({"名称": ["甲"]}, geometry=[shapely.LineString(BOX.exterior.coords)], crs=4326),
        )

    def no_time(self, folder: Path) -> Path:
        frame = gpd.GeoDataFrame({"发生时间": ["昨天", "前天"]}, geometry=[BOX.centroid] * 2, crs=4326)
        return write(folder / "a.geojson", frame)

    @pytest.mark.parametrize(
        ("make", "kind", "error"),
        [
            (bad_team, "team", SchemaError),
            (swapped, "community", CrsError),
            (lines, "community", SchemaError),
            (no_time, "incident", SchemaError),
            (lambda self, folder: folder / "missing.shp", "community", FileFormatError),
        ],
    )
    @pytest.mark.parametrize("filled", [False, True])
    def test_leaves_nothing(
        self, empty_store: Store, tmp_path: Path, make: Any, kind: str, error: type[YiwangError], filled: bool
    ) -> None:
        if filled:
            prepare(empty_store, 1)
        before = snapshot(empty_store) if filled else None
        with pytest.raises(error):
            import_layer(empty_store, make(self, tmp_path), ImportParams(kind))
        if filled:
            assert snapshot(empty_store) == before
        else:
            assert not empty_store.exists()

    def test_swapped_axes_are_fixed_on_request(self, empty_store: Store, tmp_path: Path) -> None:
        path = self.swapped(tmp_path)
        with pytest.raises(CrsError, match="--swap-xy"):
            import_layer(empty_store, path, ImportParams("community"))
        report = import_layer(empty_store, path, ImportParams("community", source=SourceParams(swap_xy=True)))
        assert report.epsg == 4547
        lonlat = read_view(empty_store).layer("community").to_crs(4326)
        assert shapely.hausdorff_distance(lonlat.geometry.iloc[0], BOX) < 1e-8

    def test_swapped_points_beside_a_project(self, store: Store, tmp_path: Path) -> None:
        """Both orders are on the globe here, so only the rest of the project tells."""
        near = write(
            tmp_path / "a.geojson", gpd.GeoDataFrame({"名称": ["甲"]}, geometry=[shapely.box(30, 40, 31, 41)], crs=4326)
        )
        import_layer(store, near, ImportParams("community"))
        points = tmp_path / "b.csv"
        points.write_text("名称,经度,纬度\n甲,40.5,30.5\n", "utf-8")
        with pytest.raises(CrsError, match="axes swapped"):
            import_layer(store, points, ImportParams("facility"))
        import_layer(store, points, ImportParams("facility", source=SourceParams(swap_xy=True)))
        assert count_rows(store)["facility"] == 1


class TestImportAgain:
    def test_communities_streets_and_zonings_are_replaced(self, empty_store: Store) -> None:
        prepare(empty_store, 5)
        before = count_rows(empty_store)
        for number in (0, 1, 4):
            import_layer(empty_store, SAMPLE / LAYERS[number][0], ImportParams(**LAYERS[number][1]))
        assert count_rows(empty_store) == before

    def test_one_zoning_is_replaced_and_the_other_stays(self, empty_store: Store) -> None:
        prepare(empty_store, 3)
        import_layer(empty_store, SAMPLE / "党建网格.shp", ImportParams("zoning", zoning_id="governance"))
        view = read_view(empty_store)
        assert view.frames["cell"].groupby("zoning_id").size().to_dict() == {"governance": 45, "police": 9}
        assert view.frames["zoning"].set_index("zoning_id")["cells"].to_dict() == {"governance": 45, "police": 9}

    def test_facilities_are_added_and_repeated_codes_told(self, empty_store: Store) -> None:
        prepare(empty_store, 1)
        first = import_layer(empty_store, FACILITIES, ImportParams("facility"))
        again = import_layer(empty_store, FACILITIES, ImportParams("facility"))
        assert [finding.code for finding in first.findings if finding.code == "duplicate_code"] == []
        (finding,) = [finding for finding in again.findings if finding.code == "duplicate_code"]
        assert finding.count == again.rows_stored == 114
        codes = read_view(empty_store).frames["facility"]["code"]
        assert (len(codes), codes.is_unique) == (228, True)
        third = import_layer(empty_store, FACILITIES, ImportParams("facility", mode="replace"))
        assert count_rows(empty_store)["facility"] == 114
        assert not any(finding.code == "duplicate_code" for finding in third.findings)

    def test_streets_can_be_added(self, empty_store: Store) -> None:
        prepare(empty_store, 1)
        import_layer(empty_store, SAMPLE / "道路.shp", ImportParams("street"))
        import_layer(empty_store, SAMPLE / "道路.shp", ImportParams("street", mode="append"))
        numbers = read_view(empty_store).frames["street"]["street_id"]
        assert (len(numbers), numbers.is_unique) == (2 * 1158, True)

    def test_reports_are_kept(self, empty_store: Store) -> None:
        prepare(empty_store, 2)
        reports = read_view(empty_store).reports["import"]
        assert [report["kind"] for report in reports] == ["community", "zoning"]
        json.dumps(reports, default=str)


class TestOrderOfSteps:
    @pytest.mark.parametrize("step", ["unify", "network", "risk", "plan"])
    def test_missing_layers_are_named(self, store: Store, step: str) -> None:
        before = change_stamp(store)
        with pytest.raises(MissingLayerError):
            STEPS[step](store, lambda message, fraction: None)
        assert change_stamp(store) == before
        assert not project_status(store)["steps"][step]["possible"]

    def test_refused_results_are_not_stored(self, empty_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """When the independent check says no, the step fails and the project stays."""
        from geo.algorithms.partition.check import PartitionCheck
        from geo.services import unify_zonings as service

        prepare(empty_store, 2)
        before = snapshot(empty_store)
        monkeypatch.setattr(service, "check_unified", lambda *arguments: PartitionCheck({"coverage_valid": False}, 0.0))
        with pytest.raises(CheckFailedError, match="coverage_valid"):
            service.unify_zonings(empty_store, UnifyParams())
        assert snapshot(empty_store) == before

    def test_without_communities_the_project_is_one(self, empty_store: Store) -> None:
        import_layer(empty_store, SAMPLE / "警务网格.zip", ImportParams("zoning", zoning_id="police"))
        report = unify_zonings(empty_store, UnifyParams())
        assert report.cells == 9
        assert report.findings[0].code == "no_communities"
        assert set(read_view(empty_store).frames["unified_cell"]["community_name"]) == {"警务网格"}

    def test_project_keeps_its_crs(self, empty_store: Store) -> None:
        prepare(empty_store, 1)
        with pytest.raises(ParameterError, match="works in EPSG:4547"):
            import_layer(empty_store, SAMPLE / "社区.shp", ImportParams("community", project_epsg=4549))

    def test_layer_in_another_crs_is_projected(self, empty_store: Store, tmp_path: Path) -> None:
        prepare(empty_store, 1)
        metric = read_view(empty_store).layer("community")
        path = tmp_path / "a.gpkg"
        metric[["code", "name", "geometry"]].to_crs(4526).to_file(path, driver="GPKG")  # zone 38 with prefix
        import_layer(empty_store, path, ImportParams("community"))
        again = read_view(empty_store).layer("community")
        assert again.crs.to_epsg() == 4547
        assert shapely.hausdorff_distance(metric.union_all(), again.union_all()) < 1e-6

    def test_newer_import_makes_steps_stale(self, empty_store: Store) -> None:
        prepare(empty_store, 2)
        unify_zonings(empty_store, UnifyParams())
        assert project_status(empty_store)["steps"]["unify"]["state"] == "done"
        prepare(empty_store, 1)
        status = project_status(empty_store)["steps"]["unify"]
        assert status["state"] == "stale"
        assert status["reasons"] == [{"code": "newer_import", "layer": "community"}]


class TestStepsThatMeet:
    def test_overtaken_step_writes_nothing(self, empty_store: Store) -> None:
        prepare(empty_store)
        before: list[str] = []

        def import_meanwhile(message: str, fraction: float) -> None:
            if not before:
                import_layer(empty_store, SAMPLE / "综治网格.shp", ImportParams(**LAYERS[1][1]))
                before.append(snapshot(empty_store))

        with pytest.raises(StateError, match="nothing was written"):
            unify_zonings(empty_store, UnifyParams(), import_meanwhile)
        assert [snapshot(empty_store)] == before

    def test_unifying_again_drops_the_risk_and_recodes_the_network(self, empty_store: Store) -> None:
        prepare(empty_store)
        import_layer(empty_store, SAMPLE / "事件.shp", ImportParams("incident"))
        unify_zonings(empty_store, UnifyParams())
        build_network(empty_store, NodingParams())
        assess_risk(empty_store, IntensityParams())
        unify_zonings(empty_store, UnifyParams(slivers=SliverParams(min_area_m2=20_000)))
        frames = read_view(empty_store).frames
        assert len(frames["risk_cell"]) == len(frames["risk_surface"]) == 0
        assert set(frames["network_edge"]["cell_code"].dropna()) <= set(frames["unified_cell"]["code"])
        with pytest.raises(MissingLayerError, match="risk is not assessed"):
            plan_patrols(empty_store, PatrolParams(risk_share=0.1))


class TestReports:
    def test_disputed_ground_counts_once(self, empty_store: Store) -> None:
        prepare(empty_store)
        report = unify_zonings(empty_store, UnifyParams())
        conflicts = read_view(empty_store).layer("conflict")
        assert report.disputed_area_m2 == pytest.approx(conflicts.union_all().area)
        assert report.disputed_area_m2 < sum(report.conflict_area_m2.values())

    def test_names_and_numbers_of_persons_stay_outside(self, empty_store: Store, tmp_path: Path) -> None:
        path = tmp_path / "设施.csv"
        path.write_text(
            "名称,类型,lon,lat,责任民警,TEL,说明,备注,居民户数\n"
            "警务室,警务室,114.2,30.4,张三,027-1,打13812345678,正常,120\n",
            encoding="utf-8",
        )
        report = import_layer(empty_store, path, ImportParams("facility"))
        assert set(report.dropped) == {"责任民警", "TEL", "说明"}
        kept = json.loads(read_view(empty_store).frames["facility"]["attributes"].iloc[0])
        assert set(kept) == {"备注", "居民户数"}


class TestExport:
    @pytest.mark.parametrize("name", ["一网.shp", "一网.gpkg", "一网.geojson"])
    def test_layer_comes_back(self, empty_store: Store, tmp_path: Path, name: str) -> None:
        prepare(empty_store, 1)
        export_layer(empty_store, "community", tmp_path / name)
        back = pyogrio.read_dataframe(tmp_path / name).to_crs(4547)
        stored = read_view(empty_store).layer("community")
        assert back["name"].tolist() == stored["name"].tolist()
        assert shapely.hausdorff_distance(back.union_all(), stored.union_all()) < 0.01

    def test_project_is_not_overwritten(self, tmp_path: Path) -> None:
        with open_project(str(tmp_path / "a.gpkg")) as store:
            prepare(store, 1)
            with pytest.raises(ParameterError, match="is the project itself"):
                export_layer(store, "community", tmp_path / "a.gpkg")

    def test_folder_that_is_not_there(self, empty_store: Store, tmp_path: Path) -> None:
        prepare(empty_store, 1)
        with pytest.raises(StorageError, match="cannot be written"):
            export_layer(empty_store, "community", tmp_path / "no" / "a.gpkg")

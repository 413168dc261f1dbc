"""What an import tells beyond its rows: repairs, layers in another datum; and what it leaves when it fails."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely import Polygon, box

from geo.errors import CrsError, StorageError
from geo.formats.sources import SourceParams
from geo.model.project import Project
from geo.model.reports import Finding, ImportReport
from geo.model.text import describe_finding
from geo.services.export_layers import export_layer, layer_geojson
from geo.services.import_layer import ImportParams, import_layer
from geo.services.read_views import read_layer
from geo.storage import Store, open_store
from geo.storage.transaction import Transaction

EPSG = 4547
X, Y = 500_000.0, 3_000_000.0


def shifts(report: ImportReport) -> list[Finding]:
    return [finding for finding in report.findings if finding.code == "datum_shift"]


def write_layer(path: Path, shapes: list[shapely.Geometry | None], **columns: list[object]) -> Path:
    """Write shapes that lie about 0, 0 in metres as a GeoPackage."""
    placed = [shape and shapely.transform(shape, lambda xy: xy + np.array([X, Y])) for shape in shapes]
    gpd.GeoDataFrame(columns, geometry=gpd.GeoSeries(placed, crs=EPSG)).to_file(path, driver="GPKG")
    return path


class TestRepairs:
    BOW_TIE = Polygon([(200, 0), (220, 20), (220, 0), (200, 20)])
    FLAT = Polygon([(0, 0), (10, 10), (20, 20), (0, 0)])

    def zoning(self, tmp_path: Path, name: str = "a.gpkg") -> Path:
        shapes = [box(0, 0, 100, 100), self.BOW_TIE, None, self.FLAT]
        return write_layer(tmp_path / name, shapes, code=["1", "2", "3", "4"])

    def test_listed_with_code_place_and_area(self, empty_store: Store, tmp_path: Path) -> None:
        report = import_layer(empty_store, self.zoning(tmp_path), ImportParams("zoning", "police", project_epsg=EPSG))
        assert report.moved_area_m2 == pytest.approx(200)  # the rings say 100 − 100
        rows = read_layer(empty_store, "repair").drop(columns="geometry").to_dict("records")
        shared = {"layer": "cell", "zoning_id": "police", "source": "a.gpkg"}
        mended = {"row": 1, "code": "2", "kind": "self_intersection", "is_left_out": 0}
        left = {"row": 3, "code": "", "kind": "collapsed_part", "is_left_out": 1, "moved_area_m2": 0}
        assert rows == [shared | mended | {"moved_area_m2": pytest.approx(200)}, shared | left]
        places = [(point.x - X, point.y - Y) for point in read_layer(empty_store, "repair").geometry]
        assert places == [pytest.approx((210, 10), abs=1e-6), pytest.approx((0, 0), abs=1e-6)]

    def test_rings_that_the_reader_closed_are_listed(self, empty_store: Store, tmp_path: Path) -> None:
        corners = [[112.90, 28.20], [112.91, 28.20], [112.91, 28.21], [112.90, 28.21], [112.90, 28.20]]
        features = [
            {"type": "Feature", "properties": {"code": code}, "geometry": {"type": "Polygon", "coordinates": [ring]}}
            for code, ring in (("1", corners), ("2", corners[:-1]))
        ]
        path = tmp_path / "open.geojson"
        path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        report = import_layer(empty_store, path, ImportParams("zoning", "police", project_epsg=EPSG))
        assert [finding.code for finding in report.findings].count("closed_ring") == 1
        assert "unclosed_ring" not in [finding.code for finding in report.findings]
        (row,) = read_layer(empty_store, "repair").to_dict("records")
        assert (row["row"], row["code"], row["kind"], row["is_left_out"]) == (1, "2", "unclosed_ring", 0)
        first, second = read_layer(empty_store, "cell").geometry
        assert first.equals(second)

    def test_shown_as_geojson(self, empty_store: Store, tmp_path: Path) -> None:
        import_layer(empty_store, self.zoning(tmp_path), ImportParams("zoning", "police", project_epsg=EPSG))
        first, second = json.loads(layer_geojson(empty_store, "repair"))["features"]
        assert first["geometry"]["type"] == "Point"
        assert first["properties"]["kind"] == "self_intersection"
        assert second["properties"]["is_left_out"] == 1

    def test_replaced_with_the_layer_and_kept_when_added(self, empty_store: Store, tmp_path: Path) -> None:
        path, other = self.zoning(tmp_path), self.zoning(tmp_path, "b.gpkg")

        def listed() -> list[tuple[str, str, int]]:
            rows = read_layer(empty_store, "repair")
            return sorted(zip(rows["zoning_id"], rows["source"], rows["row"], strict=True))

        police = [("police", "a.gpkg", 1), ("police", "a.gpkg", 3)]
        import_layer(empty_store, path, ImportParams("zoning", "police", project_epsg=EPSG))
        import_layer(empty_store, path, ImportParams("zoning", "police"))
        assert listed() == police
        import_layer(empty_store, other, ImportParams("zoning", "police", mode="append"))
        appended = [("police", "b.gpkg", 1), ("police", "b.gpkg", 3)]
        assert listed() == police + appended
        import_layer(empty_store, path, ImportParams("zoning", "party"))
        party = [("party", "a.gpkg", 1), ("party", "a.gpkg", 3)]
        assert listed() == party + police + appended
        codes = read_layer(empty_store, "repair", where={"source": "b.gpkg", "is_left_out": 0})["code"]
        assert codes.tolist() == ["2#2"]  # the code under which it is stored
        sound = write_layer(tmp_path / "c.gpkg", [box(0, 0, 9, 9)], code=["1"])
        import_layer(empty_store, sound, ImportParams("zoning", "police"))
        assert listed() == party


class TestFailedFirstImport:
    @pytest.fixture
    def failing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(self: Transaction, step: str, body: object) -> None:
            raise StorageError("{place} cannot be written.", place="it")

        monkeypatch.setattr(Transaction, "save_report", fail)

    @pytest.mark.usefixtures("failing")
    def test_leaves_no_project(self, empty_store: Store, tmp_path: Path) -> None:
        path = write_layer(tmp_path / "a.gpkg", [box(0, 0, 9, 9)], code=["1"])
        with pytest.raises(StorageError, match=r"^it cannot be written\.$"):
            import_layer(empty_store, path, ImportParams("community", project_epsg=EPSG))
        assert not empty_store.exists()
        if empty_store.backend == "gpkg":
            assert not Path(empty_store.url.removeprefix("gpkg://")).exists()

    @pytest.mark.usefixtures("failing")
    def test_leaves_a_project_that_was_there(self, store: Store, tmp_path: Path) -> None:
        path = write_layer(tmp_path / "a.gpkg", [box(0, 0, 9, 9)], code=["1"])
        with pytest.raises(StorageError):
            import_layer(store, path, ImportParams("community"))
        assert store.exists()
        assert len(read_layer(store, "community")) == 0


class TestDrop:
    def test_project_is_gone_and_can_be_made_again(self, store: Store, project: Project) -> None:
        store.drop()
        assert not store.exists()
        store.drop()
        store.create(project)
        assert store.project() == project

    def test_nothing_to_drop(self, empty_store: Store) -> None:
        empty_store.drop()
        assert not empty_store.exists()

    def test_file_that_is_no_project_stays(self, tmp_path: Path) -> None:
        path = write_layer(tmp_path / "foreign.gpkg", [box(0, 0, 9, 9)], code=["1"])
        before = path.read_bytes()
        with open_store(str(path)) as store:
            store.drop()
        assert path.read_bytes() == before


def irregular_cells(seed: int, dx: float = 0.0, dy: float = 0.0) -> list[shapely.Geometry]:
    """Return 7 x 6 cells of about 400 m whose corners are moved at random, so that no two are alike."""
    random = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(8) * 400.0 + dx, np.arange(7) * 400.0 + dy, indexing="ij")
    at = np.stack([x, y], axis=-1) + random.uniform(-130, 130, (8, 7, 2))
    return [Polygon([at[i, j], at[i + 1, j], at[i + 1, j + 1], at[i, j + 1]]) for i in range(7) for j in range(6)]


class TestDatum:
    def test_shifted_zoning_is_told_and_names_the_other_datum(self, tmp_path: Path) -> None:
        codes = {"code": [str(number) for number in range(42)]}
        with open_store(str(tmp_path / "p.gpkg")) as store:
            path = write_layer(tmp_path / "c.gpkg", irregular_cells(1), **codes)
            assert shifts(import_layer(store, path, ImportParams("community", project_epsg=EPSG))) == []
            assert shifts(import_layer(store, path, ImportParams("zoning", "a"))) == []
            beside = write_layer(tmp_path / "d.gpkg", irregular_cells(1, -250, 150), **codes)
            (finding,) = shifts(import_layer(store, beside, ImportParams("zoning", "b")))
            assert finding.context["east_m"] == pytest.approx(-250, abs=5)
            assert finding.context["north_m"] == pytest.approx(150, abs=5)
            assert finding.severity == "warning"
            assert "--crs" in finding.context["reason"]
            assert "stored layer 'Department cells'" in describe_finding(vars(finding), "en")
            assert "“部门网格”图层" in describe_finding(vars(finding), "zh")
            stored = json.loads(json.dumps(vars(finding)))
            assert describe_finding(stored, "zh") == describe_finding(vars(finding), "zh")
            assert "请核对两者的坐标系" in describe_finding(vars(finding), "zh")

    def test_a_corrected_layer_is_not_compared_with_its_wrong_self(self, tmp_path: Path) -> None:
        codes = {"code": [str(number) for number in range(42)]}
        with open_store(str(tmp_path / "p.gpkg")) as store:
            wrong = write_layer(tmp_path / "d.gpkg", irregular_cells(1, -250, 150), **codes)
            import_layer(store, wrong, ImportParams("zoning", "a", project_epsg=EPSG))
            right = write_layer(tmp_path / "c.gpkg", irregular_cells(1), **codes)
            assert shifts(import_layer(store, right, ImportParams("zoning", "a"))) == []


@pytest.mark.skipif(not os.environ.get("YIWANG_REAL_DATA"), reason="YIWANG_REAL_DATA names no folder of real inputs")
class TestRealDatum:
    """Two pairs of real files of which one is in GCJ-02; how far they lie apart their SOURCE.md says."""

    @staticmethod
    def imported(store: Store, file: str, key: str, *, crs: str | None = None) -> ImportReport:
        path = Path(os.environ["YIWANG_REAL_DATA"], file)
        return import_layer(store, path, ImportParams("zoning", key, source=SourceParams(crs=crs)))

    @pytest.mark.parametrize(
        ("true", "shifted", "east_m", "north_m"),
        [
            ("guangzhou-tianhe/街道.json", "guangzhou-tianhe/天河区.json", 534, -265),
            ("changsha-yuelu/CSAreas.json", "changsha-yuelu/YLQAreas.json", 534, -356),
            ("changsha-yuelu/CSAreas.json", "changsha-yuelu/CSBJ.json", 534, -356),
        ],
    )
    def test_gcj02_is_found(self, tmp_path: Path, true: str, shifted: str, east_m: float, north_m: float) -> None:
        with open_store(str(tmp_path / "a.gpkg")) as store:
            assert shifts(self.imported(store, true, "true")) == []
            (finding,) = shifts(self.imported(store, shifted, "shifted"))
        assert finding.context["east_m"] == pytest.approx(east_m, abs=50)  # measured there by centroids
        assert finding.context["north_m"] == pytest.approx(north_m, abs=50)
        assert "import it again with their conversion (--from gcj02)" in finding.context["reason"]
        with open_store(str(tmp_path / "b.gpkg")) as store:
            self.imported(store, shifted, "shifted")
            (finding,) = shifts(self.imported(store, true, "true"))
        assert finding.context["east_m"] == pytest.approx(-east_m, abs=50)
        assert "stored layers are in GCJ-02" in finding.context["reason"]

    def test_conversion_takes_the_warning_away(self, tmp_path: Path) -> None:
        with open_store(str(tmp_path / "a.gpkg")) as store:
            self.imported(store, "guangzhou-tianhe/街道.json", "true")
            path = Path(os.environ["YIWANG_REAL_DATA"], "guangzhou-tianhe/天河区.json")
            params = ImportParams("zoning", "district", source=SourceParams(converted_from="gcj02"))
            assert shifts(import_layer(store, path, params)) == []

    def test_departments_that_really_differ_raise_no_alarm(self, tmp_path: Path) -> None:
        for files in (
            (
                "wuhan-xujiapeng/geojson/社区.json",
                "wuhan-xujiapeng/geojson/json_水岸星城/网格_水岸星城.json",
                "wuhan-xujiapeng/geojson/json_湖北大学/网格_湖北大学.json",
            ),
            (
                "nyc/police_precincts.geojson.gz",
                "nyc/school_districts.geojson.gz",
                "nyc/community_districts.geojson.gz",
            ),
        ):
            with open_store(str(tmp_path / f"{files[0].split('-')[0].split('/')[0]}.gpkg")) as store:
                for number, file in enumerate(files):
                    assert shifts(self.imported(store, file, f"z{number}")) == []


class TestConversionMark:
    """A layer converted from GCJ-02 says so in every format, and is not converted twice."""

    @pytest.fixture
    def converted(self, tmp_path: Path) -> Iterator[Store]:
        path = tmp_path / "district.geojson"
        square = gpd.GeoSeries([box(113.30, 23.10, 113.34, 23.14)], crs=4326)
        gpd.GeoDataFrame({"code": ["1"], "name": ["天河"]}, geometry=square).to_file(path, driver="GeoJSON")
        with open_store(str(tmp_path / "p.gpkg")) as store:
            params = ImportParams("zoning", "a", source=SourceParams(converted_from="gcj02"))
            assert import_layer(store, path, params).converted_from == "gcj02"
            yield store

    @pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".kml", ".parquet", ".csv", ".shp"])
    def test_said_and_refused(self, converted: Store, tmp_path: Path, suffix: str) -> None:
        (tmp_path / "second").mkdir()
        path = export_layer(converted, "cell", tmp_path / f"again{suffix}", zoning_id="a")
        with open_store(str(tmp_path / "q.gpkg")) as store:
            with pytest.raises(CrsError):
                import_layer(store, path, ImportParams("zoning", "a", source=SourceParams(converted_from="gcj02")))
            report = import_layer(store, path, ImportParams("zoning", "a", project_epsg=converted.project().epsg))
            assert report.converted_from == "gcj02"
            second = export_layer(store, "cell", tmp_path / "second" / path.name, zoning_id="a")
            with open_store(str(tmp_path / "r.gpkg")) as third, pytest.raises(CrsError):
                import_layer(third, second, ImportParams("zoning", "a", source=SourceParams(converted_from="gcj02")))
            assert report.unmapped in ((), ("attributes",))
            after = read_layer(store, "cell")
            assert after["attributes"].tolist() == ["{}"]
            before = read_layer(converted, "cell")
            assert after.geometry.iloc[0].hausdorff_distance(before.geometry.iloc[0]) < 0.01

    def test_workbook_of_points(self, tmp_path: Path) -> None:
        path = tmp_path / "points.csv"
        path.write_text("name,lon,lat\n消防栓,113.3,23.1\n", encoding="utf-8")
        again = ImportParams("facility", source=SourceParams(converted_from="gcj02"))
        with open_store(str(tmp_path / "p.gpkg")) as store, open_store(str(tmp_path / "q.gpkg")) as other:
            import_layer(store, path, again)
            first = export_layer(store, "facility", tmp_path / "first.xlsx")
            assert import_layer(other, first, ImportParams("facility")).converted_from == "gcj02"
            second = export_layer(other, "facility", tmp_path / "second.xlsx")
            with pytest.raises(CrsError, match="already converted from GCJ-02"):
                import_layer(other, second, again)

    def test_layer_that_was_not_converted_says_nothing(self, converted: Store, tmp_path: Path) -> None:
        import_layer(converted, tmp_path / "district.geojson", ImportParams("community"))
        path = export_layer(converted, "community", tmp_path / "community.geojson")
        assert "yiwang" not in json.loads(path.read_text("utf-8"))


@pytest.mark.parametrize("suffix", [".gpkg", ".shp", ".csv", ".xlsx", ".parquet", ".kml", ".geojson"])
@pytest.mark.parametrize("kind", ["team", "incident"])
def test_points_without_attributes_come_back(tmp_path: Path, kind: str, suffix: str) -> None:
    sample = Path(__file__).resolve().parents[2] / "sample_shapefiles"
    name = {"team": "巡防队伍.shp", "incident": "事件.shp"}[kind]
    with open_store(str(tmp_path / "p.gpkg")) as store, open_store(str(tmp_path / "q.gpkg")) as other:
        import_layer(store, sample / name, ImportParams(kind))
        path = export_layer(store, kind, tmp_path / f"out{suffix}")
        report = import_layer(other, path, ImportParams(kind, project_epsg=store.project().epsg))
        assert report.unmapped == ()
        before, after = read_layer(store, kind), read_layer(other, kind)
    columns = before.columns.drop("geometry")
    assert after[columns].to_dict("records") == before[columns].to_dict("records")
    assert before.distance(after, align=False).max() < 0.01

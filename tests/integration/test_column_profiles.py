"""Columns of a file: proposed, corrected, kept as a profile, and used by an import."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pytest
import shapely

from geo.errors import FileFormatError, ParameterError, ProjectNotFoundError, SchemaError
from geo.services.column_profiles import (
    ColumnProfile,
    delete_profile,
    list_profiles,
    propose_columns,
    read_profile,
    read_profile_file,
    save_profile,
    write_profile_file,
)
from geo.services.import_layer import ImportParams, import_layer
from geo.services.read_views import read_layer
from geo.storage import Store

EPSG = 4547


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A zoning whose columns the table of names knows only in part, with persons in three of them."""
    columns = {
        "BH": ["A-1", "A-2"],
        "MC": ["东一", "东二"],
        "名称": ["旧名一", "旧名二"],
        "户数": [310, 290],
        "网格长姓名": ["某甲", "某乙"],
        "备注": ["请拨 13900000000", ""],
        "说明": ["", "临江" * 60],
    }
    boxes = [shapely.box(x, 3_000_000, x + 100, 3_000_100) for x in (500_000, 500_100)]
    path = tmp_path / "网格.gpkg"
    gpd.GeoDataFrame(columns, geometry=boxes, crs=EPSG).to_file(path, driver="GPKG")
    return path


class TestProposal:
    def test_columns_with_samples_but_none_of_persons(self, file: Path) -> None:
        proposal = propose_columns(file, "zoning")
        found = {column.name: (column.target, column.is_personal, column.samples) for column in proposal.columns}
        assert found == {
            "BH": ("", False, ("A-1", "A-2")),
            "MC": ("", False, ("东一", "东二")),
            "名称": ("name", False, ("旧名一", "旧名二")),
            "户数": ("", False, ("310", "290")),
            "网格长姓名": ("", True, ()),
            "备注": ("", True, ()),
            "说明": ("", False, ("临江" * 30 + "…",)),
        }
        assert (proposal.chosen, proposal.missing, proposal.unfilled) == (
            {"name": "名称"},
            (),
            ("code", "community_name"),
        )
        assert (proposal.rows, proposal.kind, proposal.source) == (2, "zoning", "网格.gpkg")

    def test_what_an_import_cannot_do_without(self, file: Path) -> None:
        assert propose_columns(file, "incident").missing == ("occurred_at",)
        assert propose_columns(file, "team").missing == ("mode", "shift_start_s", "shift_end_s")

    def test_corrected_by_the_user(self, file: Path) -> None:
        proposal = propose_columns(file, "zoning", wanted={"code": "BH", "name": ""})
        assert proposal.chosen == {"code": "BH"}
        with pytest.raises(SchemaError):
            propose_columns(file, "zoning", wanted={"code": "没有"})

    def test_persons_stay_hidden_even_in_a_chosen_column(self, file: Path) -> None:
        columns = propose_columns(file, "zoning", wanted={"name": "备注"}).columns
        assert next(column for column in columns if column.name == "备注").samples == ()

    def test_profile_and_the_columns_that_the_file_lacks(self, file: Path) -> None:
        profile = ColumnProfile("综治办", "zoning", {"code": "BH", "name": "MC", "community_name": "SSSQ"})
        proposal = propose_columns(file, "zoning", wanted={"name": "名称"}, profile=profile)
        assert proposal.chosen == {"code": "BH", "name": "名称"}
        (finding,) = proposal.findings
        assert finding.context == {"profile": "综治办", "columns": "SSSQ"}

    def test_unknown_kind(self, file: Path) -> None:
        with pytest.raises(ParameterError):
            propose_columns(file, "nothing")


class TestKeptProfiles:
    def test_saved_listed_replaced_deleted(self, store: Store) -> None:
        assert list_profiles(store) == []
        first = ColumnProfile("综治办", "zoning", {"code": "BH"})
        other = ColumnProfile("综治办", "facility", {"name": "MC"})
        save_profile(store, first)
        save_profile(store, other)
        assert list_profiles(store) == [other, first]
        better = ColumnProfile("综治办", "zoning", {"code": "BH", "name": ""})
        save_profile(store, better)
        assert read_profile(store, "zoning", "综治办") == better
        delete_profile(store, "zoning", "综治办")
        assert list_profiles(store) == [other]
        with pytest.raises(ParameterError, match=r"Known are: 综治办 \(facility\)"):
            read_profile(store, "zoning", "综治办")

    def test_without_a_project(self, empty_store: Store) -> None:
        assert list_profiles(empty_store) == []
        with pytest.raises(ProjectNotFoundError):
            save_profile(empty_store, ColumnProfile("a", "zoning"))

    @pytest.mark.parametrize(
        ("name", "kind", "columns"),
        [
            (" ", "zoning", {}),
            ("a" * 61, "zoning", {}),
            ("a.json", "zoning", {}),
            ("a", "map", {}),
            ("a", "zoning", {"x": "y"}),
            ("a", "zoning", {"code": 1}),
        ],
    )
    def test_what_is_no_profile(self, name: str, kind: str, columns: dict[str, str]) -> None:
        with pytest.raises(ParameterError):
            ColumnProfile(name, kind, columns)

    def test_file_for_another_project(self, tmp_path: Path) -> None:
        profile = ColumnProfile("综治办", "zoning", {"code": "编号", "name": ""})
        assert read_profile_file(write_profile_file(profile, tmp_path / "方案.json")) == profile

    @pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": "a", "kind": "zoning", "columns": 3}', "\x00"])
    def test_other_files(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "a.json"
        path.write_text(text, encoding="utf-8")
        with pytest.raises(FileFormatError, match=r"yiwang columns FILE"):
            read_profile_file(path)


class TestImport:
    def test_saved_by_the_first_import_and_used_by_the_next(self, empty_store: Store, file: Path) -> None:
        params = ImportParams(
            "zoning", "a", columns={"code": "BH", "name": "MC"}, save_profile="综治办", project_epsg=EPSG
        )
        import_layer(empty_store, file, params)
        assert list_profiles(empty_store) == [ColumnProfile("综治办", "zoning", {"code": "BH", "name": "MC"})]
        report = import_layer(empty_store, file, ImportParams("zoning", "b", profile="综治办"))
        assert report.columns == {"code": "BH", "name": "MC"}
        cells = read_layer(empty_store, "cell", where={"zoning_id": "b"})
        assert cells[["code", "name"]].values.tolist() == [["A-1", "东一"], ["A-2", "东二"]]

    def test_explicit_columns_win(self, empty_store: Store, file: Path) -> None:
        import_layer(
            empty_store, file, ImportParams("community", columns={"code": "BH"}, save_profile="甲", project_epsg=EPSG)
        )
        report = import_layer(empty_store, file, ImportParams("community", columns={"name": "MC"}, profile="甲"))
        assert report.columns == {"code": "BH", "name": "MC"}

    def test_unknown_profile_stores_nothing(self, store: Store, file: Path) -> None:
        with pytest.raises(ParameterError, match="no column profile '甲'"):
            import_layer(store, file, ImportParams("community", profile="甲"))
        assert len(read_layer(store, "community")) == 0

"""Editing cells of a zoning on both stores: what is unified again, what stays, and what is refused with nothing stored."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from pyproj import Transformer

from geo.errors import MissingLayerError, ParameterError, SchemaError, YiwangError
from geo.model.frames import require_frame
from geo.services.edit_cells import EditedCell, EditParams, edit_cells
from geo.services.read_views import read_view
from geo.services.unify_zonings import SliverParams, UnifyParams, unify_zonings
from geo.storage import Store

EPSG = 4547
X, Y = 500_000.0, 3_000_000.0
PARAMS = UnifyParams(slivers=SliverParams(0, 0), tolerance_m=0.01)


def square(west: float, south: float, east: float, north: float) -> shapely.Geometry:
    return shapely.MultiPolygon([shapely.box(X + west, Y + south, X + east, Y + north)])


def geojson(shape: shapely.Geometry) -> dict[str, Any]:
    """Return a shape of the project as GeoJSON in longitude and latitude."""
    to_lonlat = Transformer.from_crs(EPSG, 4326, always_xy=True)
    turned = shapely.transform(shape, lambda xy: pd.DataFrame(to_lonlat.transform(*xy.T)).T.to_numpy())
    return dict(shapely.geometry.mapping(turned))


def fill(store: Store) -> None:
    """Store four communities of 100 m in a row, a zoning of one cell each, and one of two cells, halves of the row."""
    quarters = [square(100 * n, 0, 100 * n + 100, 100) for n in range(4)]
    codes = [f"430406001{n + 1:03d}" for n in range(4)]
    communities = gpd.GeoDataFrame(
        {"code": codes, "name": codes, "street_name": None, "attributes": "{}"}, geometry=quarters, crs=EPSG
    )
    with store.begin() as transaction:
        transaction.append("community", require_frame("community", communities))
        rows = [
            {"zoning_id": key, "name": key, "domain": key, "cells": n, "source": "-"} for key, n in (("a", 4), ("b", 2))
        ]
        transaction.append("zoning", pd.DataFrame(rows))
        halves = [square(0, 0, 200, 100), square(200, 0, 400, 100)]
        for key, shapes in (("a", quarters), ("b", halves)):
            names = [f"{key.upper()}{n + 1}" for n in range(len(shapes))]
            columns = {"zoning_id": key, "code": names, "name": names, "community_name": None, "attributes": "{}"}
            frame = gpd.GeoDataFrame(pd.DataFrame(columns, index=range(len(shapes))), geometry=shapes, crs=EPSG)
            transaction.append("cell", require_frame("cell", frame))
        points = [shapely.Point(X + x, Y + 50) for x in (50, 98, 350)]
        facilities = {
            "code": ["F1", "F2", "F3"],
            "name": "设施",
            "kind": "camera",
            "cell_code": None,
            "attributes": "{}",
        }
        frame = gpd.GeoDataFrame(pd.DataFrame(facilities, index=range(3)), geometry=points, crs=EPSG)
        for column in set(_columns("facility")) - set(frame.columns):
            frame[column] = None
        transaction.append("facility", require_frame("facility", frame))


def _columns(table: str) -> tuple[str, ...]:
    from geo.model.frames import SCHEMAS

    return SCHEMAS[table].column_names


@pytest.fixture
def town(store: Store) -> Store:
    """The row of communities, unified: one cell for each."""
    fill(store)
    assert unify_zonings(store, PARAMS).cells == 4
    return store


def cells(store: Store) -> dict[str, float]:
    """Return code (its last six digits) and area of the unified cells."""
    frame = read_view(store).layer("unified_cell")
    return {code[-6:]: round(area, 1) for code, area in zip(frame["code"], frame.area, strict=True)}


def edit(store: Store, *changed: tuple[str, shapely.Geometry], removed: tuple[str, ...] = (), zoning: str = "a") -> Any:
    drawn = tuple(EditedCell(code, geojson(shape)) for code, shape in changed)
    return edit_cells(store, EditParams(zoning, drawn, removed))


class TestEdit:
    def test_a_border_moved_inside_a_community(self, town: Store) -> None:
        """A1 gives its last 5 m: they become a cell of their own, and the codes of all others stay."""
        report = edit(town, ("A1", square(0, 0, 95, 100)))
        assert (report.changed, report.added, report.removed) == (("A1",), (), ())
        assert all(report.checks.values())
        assert "430406001001" in report.communities
        assert report.cells_kept == len(report.communities) - 1
        assert cells(town) == {"001001": 9500, "001002": 500, "002001": 10_000, "003001": 10_000, "004001": 10_000}
        assert [code[-6:] for code in report.codes_new] == ["001002"]
        assert report.codes_ended == ()
        view = read_view(town)
        assert view.layer("cell").query("code == 'A1'").area.tolist() == pytest.approx([9500])
        facility = view.frames["facility"].set_index("code")["cell_code"].str[-6:]
        assert facility.to_dict() == {"F1": "001001", "F2": "001002", "F3": "004001"}
        gaps = view.frames["conflict"].query("kind == 'gap'")
        assert gaps[["zoning_a", "community_code"]].to_numpy().tolist() == [["a", "430406001001"]]
        assert gaps["area_m2"].tolist() == pytest.approx([500], abs=0.1)

    def test_and_moved_back(self, town: Store) -> None:
        edit(town, ("A1", square(0, 0, 95, 100)))
        report = edit(town, ("A1", square(0, 0, 100, 100)))
        assert [code[-6:] for code in report.codes_ended] == ["001002"]
        assert (report.conflicts_before, report.conflicts_after) == (1, 0)
        assert cells(town) == {f"00{n}001": 10_000 for n in range(1, 5)}
        history = read_view(town).frames["code_history"].set_index("code")
        ended = history.index[history["end_at"].notna()]
        assert [code[-6:] for code in ended] == ["001002"]
        # the number is not given again
        edit(town, ("A1", square(0, 0, 95, 100)))
        assert set(cells(town)) == {"001001", "001003", "002001", "003001", "004001"}

    def test_cell_added_and_removed(self, town: Store) -> None:
        report = edit(town, ("A5", square(400, 0, 440, 100)), removed=("A2",))
        assert (report.added, report.removed) == (("A5",), ("A2",))
        view = read_view(town)
        assert view.frames["zoning"].set_index("zoning_id")["cells"].to_dict() == {"a": 4, "b": 2}
        assert view.frames["zoning"]["zoning_id"].tolist() == ["a", "b"]
        assert set(view.frames["cell"].query("zoning_id == 'a'")["code"]) == {"A1", "A3", "A4", "A5"}
        assert cells(town) == {"001001": 10_000, "002001": 10_000, "003001": 10_000, "004001": 10_000, "004002": 4_000}
        kinds = view.frames["conflict"].groupby("kind")["community_code"].agg(list).to_dict()
        assert kinds == {"unassigned": ["430406001004"]}  # no gap: zoning a serves nothing of the second one now

    def test_reports_and_the_unify_report_stay(self, town: Store) -> None:
        before = read_view(town).reports["unify"]
        edit(town, ("A1", square(0, 0, 95, 100)))
        reports = read_view(town).reports
        assert reports["unify"] == before
        assert reports["edit"][-1]["zoning_id"] == "a"


GOOD = ("A1", square(0, 0, 95, 100))


class TestRefused:
    def nothing_stored(self, store: Store, before: Any) -> bool:
        after = read_view(store)
        return all(
            before.frames[table].astype(str).equals(after.frames[table].astype(str))
            for table in ("cell", "zoning", "unified_cell", "lineage", "conflict", "code_history", "facility")
        )

    @pytest.mark.parametrize(
        "geometry",
        [
            {},
            {"type": "Polygon"},
            {"type": "Polygon", "coordinates": []},
            {"type": "Polygon", "coordinates": [[[114.0, 27.0], [114.1, 27.0]]]},
            {"type": "Point", "coordinates": [114.0, 27.0]},
            {"type": "Polygon", "coordinates": [[[114.0, 27.0], [114.0, 27.1], [114.0, 27.2], [114.0, 27.0]]]},
            {"type": "Nonsense", "coordinates": "x"},
        ],
    )
    def test_geometry(self, town: Store, geometry: dict[str, Any]) -> None:
        before = read_view(town)
        drawn = (EditedCell(GOOD[0], geojson(GOOD[1])), EditedCell("A2", geometry))
        with pytest.raises(SchemaError, match="'A2' cannot be used"):
            edit_cells(town, EditParams("a", drawn))
        assert self.nothing_stored(town, before)

    def test_unknown_cell(self, town: Store) -> None:
        before = read_view(town)
        with pytest.raises(SchemaError, match="'a' has no cell 'A9'"):
            edit(town, GOOD, removed=("A9",))
        assert self.nothing_stored(town, before)

    def test_unknown_zoning(self, town: Store) -> None:
        before = read_view(town)
        with pytest.raises(MissingLayerError, match="'z' is not there"):
            edit(town, GOOD, zoning="z")
        assert self.nothing_stored(town, before)

    def test_nothing_is_unified_yet(self, store: Store) -> None:
        fill(store)
        with pytest.raises(MissingLayerError, match="nothing is unified yet"):
            edit(store, GOOD)
        assert read_view(store).layer("cell").query("code == 'A1'").area.tolist() == pytest.approx([10_000])

    def test_a_refused_result_is_not_stored(self, town: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        from geo.algorithms.partition.check import PartitionCheck
        from geo.services import edit_cells as service

        before = read_view(town)
        monkeypatch.setattr(service, "check_unified", lambda *arguments: PartitionCheck({"coverage_valid": False}, 0.0))
        with pytest.raises(YiwangError, match="coverage_valid"):
            edit(town, GOOD)
        assert self.nothing_stored(town, before)

    @pytest.mark.parametrize(
        ("changed", "removed"), [((), ()), (("A1", "A1"), ()), (("A1",), ("A1",)), (("",), ()), ((), ("",))]
    )
    def test_parameters(self, changed: tuple[str, ...], removed: tuple[str, ...]) -> None:
        with pytest.raises(ParameterError, match="at least one cell"):
            EditParams("a", tuple(EditedCell(code, {}) for code in changed), removed)

"""Unifying, conflicts and grid codes on towns of a few rectangles, all figures by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

import geopandas as gpd
import pytest
from shapely import Point, Polygon, box

from geo.algorithms.partition.check import PartitionCheck, check_unified
from geo.algorithms.partition.slivers import SliverParams
from geo.algorithms.zoning.codes import find_scheme
from geo.algorithms.zoning.conflicts import find_conflicts
from geo.algorithms.zoning.sources import COMMUNITY
from geo.algorithms.zoning.unify import Unified, UnifyParams, unify_zonings
from geo.errors import CancelledError, MissingLayerError
from geo.model.frames import empty_frame, require_frame

Frames = Callable[..., gpd.GeoDataFrame]
EXACT = UnifyParams(slivers=SliverParams(0, 0), tolerance_m=0.0)
TOWN = box(0, 0, 200, 100)


def check_of(unified: Unified) -> PartitionCheck:
    zonings = {name: frame for name, frame in unified.sources.frames.items() if name != COMMUNITY}
    communities = unified.sources.communities
    return check_unified(unified.cells, unified.lineage, zonings, communities, unified.snapped_m2, unified.tolerance_m)


def unify(zonings: dict[str, gpd.GeoDataFrame], communities: gpd.GeoDataFrame, params: UnifyParams = EXACT) -> Unified:
    unified = unify_zonings(zonings, communities, find_scheme(params.scheme, "430406001"), params)
    require_frame("unified_cell", unified.cells)
    require_frame("lineage", unified.lineage)
    assert check_of(unified).failed == ()
    return unified


def shares(unified: Unified, column: str) -> dict[tuple[str, str], float]:
    rows = unified.lineage
    return {
        (a, b): round(c, 9)
        for a, b, c in zip(rows["cell_code"].str[-1], rows["source_code"], rows[column], strict=True)
    }


class TestUnify:
    def test_lineage(self, cells: Frames, communities: Frames) -> None:
        """A is cut at x = 100, B at x = 120: the cells are 0–100, 100–120 and 120–200."""
        a = cells([box(0, 0, 100, 100), box(100, 0, 200, 100)])
        b = cells([box(0, 0, 120, 100), box(120, 0, 200, 100)], zoning="b")
        unified = unify({"a": a, "b": b}, communities([TOWN]))
        assert unified.cells["area_m2"].tolist() == [10000, 2000, 8000]
        assert shares(unified, "area_m2") == {
            ("1", "A1"): 10000, ("1", "B1"): 10000, ("2", "A2"): 2000, ("2", "B1"): 2000, ("3", "A2"): 8000,
            ("3", "B2"): 8000,
        }  # fmt: skip
        assert shares(unified, "share_of_source") == {
            ("1", "A1"): 1, ("1", "B1"): round(10 / 12, 9), ("2", "A2"): 0.2, ("2", "B1"): round(2 / 12, 9),
            ("3", "A2"): 0.8, ("3", "B2"): 1,
        }  # fmt: skip
        assert set(shares(unified, "share_of_cell").values()) == {1}
        assert [json.loads(text) for text in unified.cells["sources"]] == [
            {"a": "A1", "b": "B1"}, {"a": "A2", "b": "B1"}, {"a": "A2", "b": "B2"},
        ]  # fmt: skip

    def test_sliver_keeps_its_lineage(self, cells: Frames, communities: Frames) -> None:
        """The strip 100–104 joins a neighbour, but still tells which cells it comes from."""
        a = cells([box(0, 0, 100, 100), box(100, 0, 200, 100)])
        b = cells([box(0, 0, 104, 100), box(104, 0, 200, 100)], zoning="b")
        unified = unify({"a": a, "b": b}, communities([TOWN]), UnifyParams())
        assert unified.cells["pieces"].tolist() in ([2, 1], [1, 2])
        assert unified.cells["area_m2"].sum() == 20000
        first = unified.cells["area_m2"].iloc[0]
        assert first in (10000, 10400)
        by_source = unified.lineage.groupby("source_code")["area_m2"].sum().to_dict()
        assert by_source == {"A1": 10000, "A2": 10000, "B1": 10400, "B2": 9600}
        strays = unified.lineage[unified.lineage["share_of_cell"] < 0.1]
        assert strays["area_m2"].tolist() == [400]
        assert strays["share_of_source"].tolist() == [pytest.approx(0.04 if first == 10400 else 400 / 10400)]

    def test_every_cell_lies_in_one_community(self, cells: Frames, communities: Frames) -> None:
        a = cells([TOWN])
        unified = unify({"a": a}, communities([box(0, 0, 60, 100), box(60, 0, 200, 100)]))
        assert unified.cells["community_code"].tolist() == ["430406001001", "430406001002"]
        assert unified.cells["area_m2"].tolist() == [6000, 14000]
        assert unified.cells["name"].tolist() == ["社区001001", "社区002001"]

    def test_ground_outside_every_community(self, cells: Frames, communities: Frames) -> None:
        """The cell 200–230 belongs to no community; its source lies in the second one for the most part."""
        a = cells([box(0, 0, 50, 100), box(50, 0, 230, 100)])
        unified = unify({"a": a}, communities([box(0, 0, 100, 100), box(100, 0, 200, 100)]))
        outside = unified.cells[unified.cells["area_m2"] == 3000].iloc[0]
        assert outside["community_code"] == "430406001002"
        assert unified.part.mosaic.is_outside.sum() == 1

    def test_ground_far_from_everything_goes_to_the_nearest(self, cells: Frames, communities: Frames) -> None:
        a = cells([TOWN, box(300, 0, 350, 100)])
        unified = unify({"a": a}, communities([box(0, 0, 100, 100), box(100, 0, 200, 100)]))
        far = unified.cells[unified.cells["area_m2"] == 5000].iloc[0]
        assert far["community_code"] == "430406001002"

    def test_gap_of_a_zoning_becomes_a_cell_without_it(self, cells: Frames, communities: Frames) -> None:
        a = cells([box(0, 0, 90, 100), box(110, 0, 200, 100)])
        unified = unify({"a": a}, communities([TOWN]))
        assert unified.cells["area_m2"].tolist() == pytest.approx([9000, 2000, 9000], rel=1e-12)
        assert [json.loads(text) for text in unified.cells["sources"]] == [{"a": "A1"}, {}, {"a": "A2"}]
        assert len(unified.lineage) == 2

    def test_overlap_of_a_zoning_counts_for_both(self, cells: Frames, communities: Frames) -> None:
        a = cells([box(0, 0, 110, 100), box(90, 0, 200, 100)])
        unified = unify({"a": a}, communities([TOWN]))
        # the first of the two keeps the ground, the second one's claim is told
        assert shares(unified, "area_m2") == {("1", "A1"): 11000, ("1", "A2"): 2000, ("2", "A2"): 9000}

    def test_what_is_needed(self, cells: Frames, communities: Frames) -> None:
        scheme = find_scheme("beijing-15", "430406001")
        with pytest.raises(MissingLayerError):
            unify_zonings({}, communities([TOWN]), scheme, EXACT)
        with pytest.raises(MissingLayerError):
            unify_zonings({"a": cells([TOWN])}, communities([TOWN]).iloc[:0], scheme, EXACT)

    def test_inputs_are_not_changed_and_it_can_be_stopped(self, cells: Frames, communities: Frames) -> None:
        a, town = cells([TOWN]), communities([TOWN])
        before = a.copy(), town.copy()
        unify({"a": a}, town)
        assert a.equals(before[0])
        assert town.equals(before[1])
        told: list[float] = []

        def stop_at_half(message: str, fraction: float) -> None:
            told.append(fraction)
            if fraction >= 0.5:
                raise CancelledError("stopped")

        with pytest.raises(CancelledError):
            unify_zonings({"a": a}, town, find_scheme("beijing-15", "430406001"), EXACT, stop_at_half)
        assert told == sorted(told)


class TestConflicts:
    def conflicts(
        self,
        unified: Unified,
        facilities: Sequence[tuple[float, float]] = (),
        params: UnifyParams = EXACT,
    ) -> tuple[gpd.GeoDataFrame, int]:
        layer = empty_frame("facility", 4547)
        if facilities:
            codes = [f"F{number}" for number in range(1, len(facilities) + 1)]
            layer = gpd.GeoDataFrame({"code": codes}, geometry=[Point(xy) for xy in facilities], crs=4547)
        frame, small = find_conflicts(unified, layer, params)
        return require_frame("conflict", frame), small

    def test_strip_between_two_borders(self, cells: Frames, communities: Frames) -> None:
        """B draws the border 6 m further east than A, along 100 m: 600 m² in dispute."""
        a = cells([box(0, 0, 100, 100), box(100, 0, 200, 100)])
        b = cells([box(0, 0, 106, 100), box(106, 0, 200, 100)], zoning="b")
        frame, small = self.conflicts(unify({"a": a, "b": b}, communities([TOWN])), [(103, 50), (104, 60), (90, 50)])
        assert small == 0
        border = frame[frame["zoning_b"] == "b"].iloc[0]
        assert (border["kind"], border["zoning_a"]) == ("border", "a")
        # A2 was meant to be B2 and reaches across B's border into B1
        assert (border["cell_a"], border["cell_b"]) == ("A2", "B1")
        assert border["area_m2"] == pytest.approx(600)
        assert border["length_m"] == pytest.approx(100)
        assert border["max_offset_m"] == pytest.approx(6, abs=0.6)
        assert border["facilities"] == 2
        assert json.loads(border["facility_codes"]) == ["F1", "F2"]
        assert border["conflict_key"] == "border|430406001001|a:A2|b:B1|1"
        assert border["suggestion"] == "survey"  # nobody else draws either line
        assert border["community_name"] == "社区001"
        assert border.geometry.equals(box(100, 0, 106, 100))
        assert len(frame) == 1

    def test_largest_first(self, cells: Frames, communities: Frames) -> None:
        a = cells([box(0, 0, 100, 50), box(100, 0, 200, 50), box(0, 50, 100, 100), box(100, 50, 200, 100)])
        b = cells([box(0, 0, 103, 50), box(103, 0, 200, 50), box(0, 50, 109, 100), box(109, 50, 200, 100)], zoning="b")
        frame, _ = self.conflicts(unify({"a": a, "b": b}, communities([TOWN])))
        assert frame["area_m2"].round(6).tolist() == [450, 150]
        assert frame["conflict_key"].is_unique
        assert frame["max_offset_m"].tolist() == [pytest.approx(9, abs=0.6), pytest.approx(3, abs=0.6)]

    def test_same_borders_make_no_conflict(self, cells: Frames, communities: Frames) -> None:
        squares = [box(0, 0, 100, 100), box(100, 0, 200, 100)]
        frame, small = self.conflicts(
            unify({"a": cells(squares), "b": cells(squares, zoning="b")}, communities([TOWN]))
        )
        assert (len(frame), small) == (0, 0)

    def test_finer_zoning_makes_no_conflict(self, cells: Frames, communities: Frames) -> None:
        fine = cells([box(20 * n, 0, 20 * n + 20, 100) for n in range(10)], zoning="b")
        frame, _ = self.conflicts(unify({"a": cells([TOWN]), "b": fine}, communities([TOWN])))
        assert len(frame) == 0

    def test_cell_drawn_for_another_purpose_makes_no_conflict(self, cells: Frames, communities: Frames) -> None:
        """B's middle cell lies half in A1 and half in A2: it was meant to lie in neither."""
        a = cells([box(0, 0, 100, 100), box(100, 0, 200, 100)])
        b = cells([box(0, 0, 50, 100), box(50, 0, 150, 100), box(150, 0, 200, 100)], zoning="b")
        frame, _ = self.conflicts(unify({"a": a, "b": b}, communities([TOWN])))
        assert len(frame) == 0

    @pytest.mark.parametrize("limits", [{"min_conflict_area_m2": 601.0}, {"min_conflict_width_m": 7.0}])
    def test_small_ones_are_counted_only(self, cells: Frames, communities: Frames, limits: dict[str, float]) -> None:
        a = cells([box(0, 0, 100, 100), box(100, 0, 200, 100)])
        b = cells([box(0, 0, 106, 100), box(106, 0, 200, 100)], zoning="b")
        params = UnifyParams(slivers=SliverParams(0, 0), **limits)
        frame, small = self.conflicts(unify({"a": a, "b": b}, communities([TOWN]), params), params=params)
        assert (len(frame), small) == (0, 1)

    def test_gap(self, cells: Frames, communities: Frames) -> None:
        a = cells([box(0, 0, 90, 100), box(110, 0, 200, 100)])
        frame, _ = self.conflicts(unify({"a": a}, communities([TOWN])), [(100, 50)])
        (gap,) = frame.to_dict("records")
        assert (gap["kind"], gap["zoning_a"], gap["facilities"], gap["suggestion"]) == ("gap", "a", 1, "assign_gap")
        assert gap["area_m2"] == pytest.approx(2000)
        assert gap["max_offset_m"] == pytest.approx(20, abs=0.6)
        assert gap["geometry"].symmetric_difference(box(90, 0, 110, 100)).area < 1e-9

    def test_community_that_a_zoning_does_not_serve_is_no_gap(self, cells: Frames, communities: Frames) -> None:
        town = communities([box(0, 0, 100, 100), box(100, 0, 200, 100)])
        frame, _ = self.conflicts(unify({"a": cells([box(0, 0, 100, 100)])}, town))
        assert len(frame) == 0

    def test_overlap(self, cells: Frames, communities: Frames) -> None:
        """An overlap is always listed, however small."""
        a = cells([box(0, 0, 100.5, 100), box(99.5, 0, 200, 100)])
        frame, _ = self.conflicts(unify({"a": a}, communities([TOWN])), params=UnifyParams(min_conflict_area_m2=1e6))
        (overlap,) = frame.to_dict("records")
        assert (overlap["kind"], overlap["cell_a"], overlap["cell_b"]) == ("overlap", "A1", "A2")
        assert (overlap["zoning_a"], overlap["zoning_b"]) == ("a", "a")
        assert overlap["area_m2"] == pytest.approx(100)

    def test_unassigned(self, cells: Frames, communities: Frames) -> None:
        frame, _ = self.conflicts(unify({"a": cells([TOWN, box(200, 0, 250, 100)])}, communities([TOWN])))
        (row,) = frame.to_dict("records")
        assert (row["kind"], row["cell_a"], row["area_m2"]) == ("unassigned", "A2", 5000)
        assert (row["community_name"], row["suggestion"]) == ("社区001", "assign_community")

    @pytest.mark.parametrize(("third", "suggestion"), [(100, "follow_a"), (106, "follow_b"), (150, "survey")])
    def test_a_third_zoning_that_agrees_with_one_side(
        self, cells: Frames, communities: Frames, third: float, suggestion: str
    ) -> None:
        """A draws the border at 100, B at 106; A2 reaches across B's line, so A is the first side."""
        zonings = {
            key: cells([box(0, 0, x, 100), box(x, 0, 200, 100)], zoning=key)
            for key, x in (("a", 100.0), ("b", 106.0), ("c", third))
        }
        frame, _ = self.conflicts(unify(zonings, communities([TOWN])))
        (row,) = frame[(frame["zoning_a"] == "a") & (frame["zoning_b"] == "b")].to_dict("records")
        assert row["suggestion"] == suggestion

    def test_against_a_community_the_community_is_followed(self, cells: Frames, communities: Frames) -> None:
        town = communities([box(0, 0, 100, 100), box(100, 0, 200, 100)])
        a = cells([box(0, 0, 105, 100), box(105, 0, 200, 100)])
        frame, _ = self.conflicts(unify({"a": a}, town))
        (row,) = frame.to_dict("records")
        assert (row["kind"], row["suggestion"], row["community_code"]) == ("border", "follow_community", "430406001002")
        assert {row["zoning_a"], row["zoning_b"]} == {"a", "community"}
        assert row["area_m2"] == pytest.approx(500)

    def test_wide_pieces_are_straddles(self, cells: Frames, communities: Frames) -> None:
        a = cells([box(0, 0, 160, 100), box(160, 0, 400, 100)])
        b = cells([box(0, 0, 200, 100), box(200, 0, 400, 100)], zoning="b")
        frame, _ = self.conflicts(unify({"a": a, "b": b}, communities([box(0, 0, 400, 100)])))
        assert frame["kind"].tolist() == ["straddle"]
        assert frame["max_offset_m"].tolist() == pytest.approx([40], abs=0.6)

    def test_a_conflict_lies_in_one_community(self, cells: Frames, communities: Frames) -> None:
        """The strip 100–106 is cut at half its length by the border of communities: two conflicts, two keys."""
        town = communities([box(0, 0, 200, 50), box(0, 50, 200, 100)])
        a = cells([box(0, 0, 100, 100), box(100, 0, 200, 100)])
        b = cells([box(0, 0, 106, 100), box(106, 0, 200, 100)], zoning="b")
        frame, _ = self.conflicts(unify({"a": a, "b": b}, town))
        assert sorted(frame["conflict_key"]) == [
            "border|430406001001|a:A2|b:B1|1",
            "border|430406001002|a:A2|b:B1|1",
        ]

    def test_keys_of_several_pieces_count_from_the_south_west(self, cells: Frames, communities: Frames) -> None:
        """A2 reaches into B1 twice, with ground in between where both agree."""
        notched = Polygon(
            [(100, 0), (200, 0), (200, 100), (94, 100), (94, 80), (100, 80), (100, 20), (96, 20), (96, 0)]
        )
        a = cells([TOWN - notched, notched])
        b = cells([box(0, 0, 100, 100), box(100, 0, 200, 100)], zoning="b")
        frame, _ = self.conflicts(unify({"a": a, "b": b}, communities([TOWN])))
        found = dict(zip(frame["conflict_key"], frame["area_m2"].round(6), strict=True))
        assert found == {"border|430406001001|a:A2|b:B1|1": 120, "border|430406001001|a:A2|b:B1|2": 80}

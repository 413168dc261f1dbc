"""Overlay, neighbours, slivers and attaching, each on squares whose areas and borders are known by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely import LineString, MultiPolygon, Point, Polygon, box

from geo.algorithms.components import group_connected
from geo.algorithms.partition.adjacency import shared_borders
from geo.algorithms.partition.attach import attach_lines, attach_points
from geo.algorithms.partition.check import check_unified
from geo.algorithms.partition.overlay import NO_CELL, Faces, overlay_layers
from geo.algorithms.partition.slivers import SliverParams, SliverResult, dissolve_slivers
from geo.errors import ParameterError

Frames = Callable[..., gpd.GeoDataFrame]


def array(*shapes: Any) -> Any:
    return np.array(shapes, dtype=object)


def areas_by_members(faces: Faces) -> dict[tuple[int, ...], float]:
    keys = [tuple(row) for row in faces.members.tolist()]
    return {key: round(float(faces.areas_m2[[k == key for k in keys]].sum()), 6) for key in set(keys)}


class TestOverlay:
    def test_two_shifted_squares(self) -> None:
        """10 × 10 each, shifted by (4, 3): they share 6 × 7 = 42."""
        faces = overlay_layers([array(box(0, 0, 10, 10)), array(box(4, 3, 14, 13))])
        assert areas_by_members(faces) == {(0, 0): 42, (0, NO_CELL): 58, (NO_CELL, 0): 58}
        assert len(faces.polygons) == 3
        assert len(faces.overlaps) == 0
        assert shapely.area(faces.polygons).tolist() == faces.areas_m2.tolist()

    def test_overlap_within_one_layer(self) -> None:
        """The first cell holds the shared ground; the second one's claim is recorded."""
        faces = overlay_layers([array(box(0, 0, 10, 10), box(8, 0, 20, 10)), array(box(0, 0, 20, 10))])
        assert areas_by_members(faces) == {(0, 0): 100, (1, 0): 100}
        ((face, layer, row),) = faces.overlaps.tolist()
        assert (layer, row) == (0, 1)
        assert faces.polygons[face].equals(box(8, 0, 10, 10))

    def test_ground_of_nobody_is_left_out(self) -> None:
        ring = Polygon(box(0, 0, 10, 10).exterior, [box(4, 4, 6, 6).exterior.coords])
        faces = overlay_layers([array(ring)])
        assert areas_by_members(faces) == {(0,): 96}

    def test_overlaps_are_renumbered_when_faces_are_left_out(self) -> None:
        ring = Polygon(box(0, 0, 10, 10).exterior, [box(1, 1, 2, 2).exterior.coords])
        faces = overlay_layers([array(ring, box(8, 8, 10, 10))])
        ((face, _, row),) = faces.overlaps.tolist()
        assert faces.polygons[face].equals(box(8, 8, 10, 10))
        assert row == 1

    def test_borders_nearer_than_the_grid_are_one(self) -> None:
        faces = overlay_layers([array(box(0, 0, 10, 10)), array(box(0.0003, 0, 10, 10))])
        assert areas_by_members(faces) == {(0, 0): 100}

    def test_multipolygon_and_empty_layer(self) -> None:
        both = MultiPolygon([box(0, 0, 1, 1), box(5, 5, 6, 6)])
        faces = overlay_layers([array(both), array()])
        assert areas_by_members(faces) == {(0, NO_CELL): 2}

    @pytest.mark.parametrize(("layers", "grid"), [([], 1e-3), ([array(box(0, 0, 1, 1))], 0.0)])
    def test_parameters(self, layers: list[Any], grid: float) -> None:
        with pytest.raises(ParameterError):
            overlay_layers(layers, grid)


class TestNeighbours:
    def test_three_by_three_grid(self) -> None:
        """Twelve pairs share one side of 10 m; those that meet in a corner are no neighbours."""
        cells = array(*(box(10 * i, 10 * j, 10 * i + 10, 10 * j + 10) for j in range(3) for i in range(3)))
        borders = shared_borders(cells)
        right = [(3 * j + i, 3 * j + i + 1) for j in range(3) for i in range(2)]
        above = [(3 * j + i, 3 * j + i + 3) for j in range(2) for i in range(3)]
        assert set(zip(borders.first.tolist(), borders.second.tolist(), strict=True)) == {*right, *above}
        assert borders.lengths_m.tolist() == [10.0] * 12

    def test_one_pair_on_several_sides(self) -> None:
        inner = box(4, 4, 6, 6)
        outer = Polygon(box(0, 0, 10, 10).exterior, [inner.exterior.coords])
        borders = shared_borders(array(outer, inner))
        assert (borders.first.tolist(), borders.second.tolist(), borders.lengths_m.tolist()) == ([0], [1], [8.0])

    def test_nobody_meets(self) -> None:
        assert len(shared_borders(array(box(0, 0, 1, 1), box(5, 5, 6, 6))).first) == 0


def test_group_connected() -> None:
    groups = group_connected(6, np.array([0, 4, 1]), np.array([2, 5, 2]))
    assert [groups[0] == groups[i] for i in range(6)] == [True, True, True, False, False, False]
    assert groups[4] == groups[5] != groups[3]


class TestSlivers:
    """Faces in a row; the last column of the members is the community."""

    PARAMS = SliverParams(min_width_m=5, min_area_m2=50)

    def dissolve(self, polygons: list[Any], members: list[list[int]], params: SliverParams = PARAMS) -> SliverResult:
        faces = array(*polygons)
        return dissolve_slivers(faces, np.array(members), shared_borders(faces), len(members[0]) - 1, params)

    @pytest.mark.parametrize(
        ("width", "height", "is_sliver"),
        # mean width is 2·w·h/(2·(w+h)): a strip of 5.3 × 100 has 5.03, one of 5.2 × 100 has 4.94
        [(5.3, 100, False), (5.2, 100, True), (7.0, 7.0, True), (7.1, 7.1, True), (10.1, 10.1, False)],
    )
    def test_limits(self, width: float, height: float, is_sliver: bool) -> None:
        params = SliverParams(min_width_m=5, min_area_m2=50 if height == 100 else 51)
        polygons = [box(0, 0, 1000, height), box(1000, 0, 1000 + width, height)]
        result = self.dissolve(polygons, [[0, 0], [1, 0]], params)
        assert result.dissolved.tolist() == [False, is_sliver]
        assert len(set(result.groups.tolist())) == (1 if is_sliver else 2)

    def test_joins_the_longest_border(self) -> None:
        # the strip shares 100 m with the left face, 60 m with the upper right one
        polygons = [box(0, 0, 100, 100), box(100, 0, 102, 100), box(102, 40, 200, 100), box(102, 0, 200, 40)]
        polygons = [shapely.segmentize(polygon, 20) for polygon in polygons]
        result = self.dissolve(polygons, [[0, 5, 0], [1, 6, 0], [2, 7, 0], [3, 8, 0]])
        assert result.groups[1] == result.groups[0]
        assert result.dissolved.tolist() == [False, True, False, False]

    def test_agreement_of_departments_outweighs_a_longer_border(self) -> None:
        # right: 60 m × (1 + 2 zonings + community) = 240; left: 100 m × (1 + community) = 200
        polygons = [box(0, 0, 100, 100), box(100, 0, 102, 100), box(102, 40, 200, 100), box(102, 0, 200, 40)]
        polygons = [shapely.segmentize(polygon, 20) for polygon in polygons]
        result = self.dissolve(polygons, [[0, 5, 0], [1, 6, 0], [1, 6, 0], [3, 8, 0]])
        assert result.groups[1] == result.groups[2]

    def test_community_border_is_respected(self) -> None:
        """The strip shares 100 m with a face of another community and 2 m with one of its own."""
        own = Polygon([(100, 100), (102, 100), (300, 100), (300, 300), (100, 300)])
        faces = [box(0, 0, 100, 100), box(100, 0, 102, 100), own]
        result = self.dissolve(faces, [[0, 0], [1, 1], [2, 1]])
        assert result.groups[1] == result.groups[2] != result.groups[0]

    def test_lonely_sliver_stays_and_is_told(self) -> None:
        result = self.dissolve([box(0, 0, 100, 100), box(100, 0, 102, 100)], [[0, 0], [1, 1]])
        assert result.groups[0] != result.groups[1]
        assert result.remaining.tolist() == [result.groups[1]]
        assert result.dissolved.tolist() == [False, False]

    def test_sliver_outside_every_community_may_join_any(self) -> None:
        result = self.dissolve([box(0, 0, 100, 100), box(100, 0, 102, 100)], [[0, 0], [1, NO_CELL]])
        assert result.groups.tolist() == [0, 0]

    def test_sliver_outside_every_community_does_not_join_two(self) -> None:
        """It is larger than the sliver of the left community that it takes in, and then belongs to that community."""
        polygons = [box(0, 0, 2, 100), box(2, 0, 6, 100), box(6, 0, 100, 100)]
        result = self.dissolve(polygons, [[0, 0], [1, NO_CELL], [2, 1]], SliverParams(20, 0))
        assert result.groups[0] == result.groups[1] or result.groups[1] == result.groups[2]
        assert result.groups[0] != result.groups[2]

    def test_same_membership_is_one_cell_from_the_start(self) -> None:
        result = self.dissolve([box(0, 0, 100, 100), box(100, 0, 200, 100)], [[0, 0], [0, 0]])
        assert result.groups.tolist() == [0, 0]
        assert not result.dissolved.any()

    def test_slivers_join_each_other_until_they_are_none(self) -> None:
        """Four strips of 2 × 100 with nothing beside: two and two make 4, then one of 8 × 100 with width 7.4."""
        polygons = [box(2 * n, 0, 2 * n + 2, 100) for n in range(4)]
        result = self.dissolve(polygons, [[n, 0] for n in range(4)])
        assert len(set(result.groups.tolist())) == 1
        assert len(result.remaining) == 0

    def test_numbers_have_no_holes(self) -> None:
        polygons = [box(20 * n, 0, 20 * n + 20, 100) for n in range(4)]
        polygons[1:1] = [box(0, 100, 20, 101)]  # a sliver above the first one
        result = self.dissolve(polygons, [[n, 0] for n in range(5)])
        assert result.groups[0] == result.groups[1]
        assert sorted(set(result.groups.tolist())) == [0, 1, 2, 3]

    def test_limits_must_not_be_negative(self) -> None:
        with pytest.raises(ParameterError):
            SliverParams(min_width_m=-1)


class TestAttach:
    CELLS = array(box(0, 0, 10, 10), box(10, 0, 20, 10))
    CODES = array("b", "a")

    def test_points(self) -> None:
        points = array(Point(5, 5), Point(15, 5), Point(99, 5), Point(10, 5))
        # on the border the first code wins, whatever the order of the cells
        assert attach_points(points, self.CELLS, self.CODES).tolist() == ["b", "a", None, "a"]
        assert attach_points(points, self.CELLS[::-1], self.CODES[::-1]).tolist() == ["b", "a", None, "a"]

    def test_no_points(self) -> None:
        assert attach_points(array(), self.CELLS, self.CODES).tolist() == []

    def test_lines(self) -> None:
        lines = array(
            LineString([(-5, 5), (25, 5)]),  # 5 outside, 10 + 10 inside, 5 outside
            LineString([(10, 0), (10, 8)]),  # along the common border
            LineString([(0, 20), (10, 20)]),  # outside
            LineString([(20, 0), (30, 0)]),  # touches a corner
        )
        frame = attach_lines(lines, self.CELLS)
        assert frame.to_numpy().tolist() == [[0, 0, 10], [0, 1, 10], [1, 0, 4], [1, 1, 4]]


class TestCheck:
    """The checker must say no to each kind of wrong layer."""

    @pytest.fixture
    def layer(self, cells: Frames, communities: Frames) -> dict[str, Any]:
        sources = [box(0, 0, 10, 10), box(10, 0, 20, 10)]
        unified = cells(sources, ["c1", "c2"])
        unified["community_code"] = "430406001001"
        lineage = pd.DataFrame(
            {
                "cell_code": ["c1", "c2"],
                "zoning_id": "a",
                "source_code": ["A1", "A2"],
                "area_m2": [100.0, 100.0],
                "share_of_source": 1.0,
                "share_of_cell": 1.0,
            }
        )
        communities_ = communities([box(0, 0, 20, 10)])
        return {"cells": unified, "lineage": lineage, "zonings": {"a": cells(sources)}, "communities": communities_}

    def failed(self, layer: dict[str, Any]) -> tuple[str, ...]:
        return check_unified(**layer, tolerance_m=1e-3).failed

    def test_right_layer(self, layer: dict[str, Any]) -> None:
        check = check_unified(**layer, tolerance_m=1e-3)
        assert check.failed == ()
        assert check.area_error_m2 == 0

    @pytest.mark.parametrize(
        ("polygon", "failed"),
        [
            (box(10, 0, 19, 10), "nothing_lost"),
            (box(9, 0, 20, 10), "coverage_valid"),
            (Polygon([(10, 0), (20, 10), (20, 0), (10, 10)]), "polygons_valid"),
            (shapely.union(box(10, 0, 14, 10), box(15, 0, 20, 10)), "one_part_each"),
        ],
    )
    def test_wrong_shape(self, layer: dict[str, Any], polygon: Any, failed: str) -> None:
        layer["cells"].loc[1, "geometry"] = polygon
        assert failed in self.failed(layer)

    def test_repeated_code(self, layer: dict[str, Any]) -> None:
        layer["cells"]["code"] = "c1"
        assert "codes_unique" in self.failed(layer)

    def test_lineage_that_loses_ground(self, layer: dict[str, Any]) -> None:
        layer["lineage"].loc[0, "area_m2"] = 99.9
        assert self.failed(layer) == ("source_cells_accounted_for",)
        assert check_unified(**layer, tolerance_m=1e-3).area_error_m2 == pytest.approx(0.1)

    def test_lineage_without_a_source_cell(self, layer: dict[str, Any]) -> None:
        layer["lineage"] = layer["lineage"].iloc[:1]
        assert self.failed(layer) == ("source_cells_accounted_for",)

    def test_shares_above_one(self, layer: dict[str, Any]) -> None:
        layer["lineage"]["share_of_cell"] = 1.01
        assert self.failed(layer) == ("cell_shares_at_most_one",)

    @pytest.mark.parametrize("code", ["", "430406001002"])
    def test_wrong_community(self, layer: dict[str, Any], code: str) -> None:
        layer["cells"].loc[1, "community_code"] = code
        assert self.failed(layer) == ("one_community_each",)

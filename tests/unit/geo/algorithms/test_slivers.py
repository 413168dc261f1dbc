"""Slivers and where they go, on strips whose areas and borders are known by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from shapely import Polygon, box

from geo.algorithms.partition.slivers import Pieces, SliverParams, SliverResult, dissolve_slivers
from geo.errors import ParameterError


def array(*shapes: Any) -> Any:
    return np.array(shapes, dtype=object)


class TestSlivers:
    """The last column of the members is the community."""

    PARAMS = SliverParams(min_width_m=5, min_area_m2=50)

    def dissolve(self, polygons: list[Any], members: list[list[int]], params: SliverParams = PARAMS) -> SliverResult:
        faces, table = array(*polygons), np.array(members)
        one, two = np.triu_indices(len(faces), 1)
        shared = shapely.length(shapely.intersection(faces[one], faces[two]))
        beside = shared > 0
        pieces = Pieces(
            shapely.area(faces),
            shapely.length(faces),
            table[:, :-1],
            table[:, -1],
            one[beside],
            two[beside],
            shared[beside],
        )
        return dissolve_slivers(pieces, np.unique(table, axis=0, return_inverse=True)[1].ravel(), params)

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
        # right: 60 m × (1 + 2 zonings) = 180; left: 100 m × 1
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

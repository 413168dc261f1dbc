"""The three ways from faces to cells, and to whom ground outside every community is given, on rectangles by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import geopandas as gpd
import pytest
import shapely
from shapely import box

from geo.algorithms.partition.slivers import SliverParams
from geo.algorithms.zoning.codes import find_scheme
from geo.algorithms.zoning.compose import ComposeParams
from geo.algorithms.zoning.grouping import OptimiseParams
from geo.algorithms.zoning.unify import Unified, UnifyParams, unify_zonings
from geo.errors import MissingLayerError, ParameterError

Frames = Callable[..., gpd.GeoDataFrame]
EXACT = UnifyParams(slivers=SliverParams(0, 0), tolerance_m=0.0)
REFERENCE = replace(EXACT, policy="reference", reference="b")
TOWN = box(0, 0, 200, 100)


def unify(zonings: dict[str, Any], communities: gpd.GeoDataFrame, params: UnifyParams) -> Unified:
    return unify_zonings(zonings, communities, find_scheme("beijing-15", "430406001"), params)


def shapes(unified: Unified) -> list[Any]:
    """Return the cells from west to east, then south to north."""
    return sorted(unified.cells.geometry, key=lambda cell: cell.bounds[:2])


def same(unified: Unified, expected: Sequence[Any]) -> bool:
    found = shapes(unified)
    return len(found) == len(expected) and all(one.equals(two) for one, two in zip(found, expected, strict=True))


class TestReference:
    def test_cells_are_those_of_the_leading_zoning_cut_by_communities(self, cells: Frames, communities: Frames) -> None:
        """B leads with a cut at 120; A's cut at 60 makes no cell; the communities cut at 100."""
        zonings = {
            "a": cells([box(0, 0, 60, 100), box(60, 0, 200, 100)]),
            "b": cells([box(0, 0, 120, 100), box(120, 0, 200, 100)], zoning="b"),
        }
        town = communities([box(0, 0, 100, 100), box(100, 0, 200, 100)])
        unified = unify(zonings, town, REFERENCE)
        assert same(unified, [box(0, 0, 100, 100), box(100, 0, 120, 100), box(120, 0, 200, 100)])
        assert unified.cells["pieces"].tolist() == [2, 1, 1]
        assert same(unify(zonings, town, EXACT), [box(0, 0, 60, 100), box(60, 0, 100, 100), *shapes(unified)[1:]])

    @pytest.mark.parametrize(("limit_m2", "is_filled"), [(2_000.0, True), (1_999.0, False)])
    def test_small_gaps_join_the_longest_neighbour(
        self, cells: Frames, communities: Frames, limit_m2: float, is_filled: bool
    ) -> None:
        """B leaves out 100–120, which is 2,000 m²; its eastern neighbour borders on it at half its height only."""
        b = cells([box(0, 0, 100, 100), box(120, 0, 200, 50), box(130, 50, 200, 100)], zoning="b")
        gap = box(100, 0, 120, 100) | box(120, 50, 130, 100)
        limit_m2 += 500  # the notch 120–130 is part of the gap
        unified = unify({"b": b}, communities([TOWN]), replace(REFERENCE, fill_area_m2=limit_m2))
        rest = [box(120, 0, 200, 50), box(130, 50, 200, 100)]
        assert same(unified, [box(0, 0, 100, 100) | gap, *rest] if is_filled else [box(0, 0, 100, 100), gap, *rest])

    def test_large_gaps_are_divided_as_the_others_divide_them(self, cells: Frames, communities: Frames) -> None:
        a = cells([box(0, 0, 150, 100), box(150, 0, 200, 100)])
        b = cells([box(0, 0, 100, 100)], zoning="b")
        unified = unify({"a": a, "b": b}, communities([TOWN]), replace(REFERENCE, fill_area_m2=100.0))
        assert same(unified, [box(0, 0, 100, 100), box(100, 0, 150, 100), box(150, 0, 200, 100)])

    def test_its_borders_lead(self, cells: Frames, communities: Frames) -> None:
        zonings = {
            "a": cells([box(0, 0, 100, 100), box(100, 0, 200, 100)]),
            "b": cells([box(0, 0, 100.5, 100), box(100.5, 0, 200, 100)], zoning="b"),
        }
        for params, x in ((EXACT, 100.0), (REFERENCE, 100.5)):
            unified = unify(zonings, communities([TOWN]), replace(params, tolerance_m=1.0))
            assert shapely.get_coordinates(shapes(unified)[0])[:, 0].max() == pytest.approx(x, abs=1e-6)

    def test_parameters(self, cells: Frames, communities: Frames) -> None:
        with pytest.raises(ParameterError, match="needs the key"):
            UnifyParams(policy="reference")
        with pytest.raises(ParameterError, match="no policy"):
            ComposeParams(policy="best")  # type: ignore[arg-type]
        with pytest.raises(ParameterError, match="must not be negative"):
            ComposeParams(fill_area_m2=-1)
        with pytest.raises(MissingLayerError, match="no zoning 'b' to lead"):
            unify({"a": cells([TOWN])}, communities([TOWN]), REFERENCE)


class TestOptimised:
    def test_faces_are_joined_within_the_bounds(self, cells: Frames, communities: Frames) -> None:
        """Ten strips of 2,000 m² in two communities, cells of 5,000 to 7,000 m²: three or fewer strips each, nested."""
        strips = cells([box(20 * n, 0, 20 * n + 20, 100) for n in range(12)])
        town = communities([box(0, 0, 120, 100), box(120, 0, 240, 100)])
        optimise = OptimiseParams(lower=5_000, upper=7_000)
        unified = unify({"a": strips}, town, replace(EXACT, policy="optimised", optimise=optimise))
        assert unified.cells["area_m2"].tolist() == pytest.approx([6_000] * 4)
        assert unified.cells.groupby("community_code")["area_m2"].sum().tolist() == pytest.approx([12_000, 12_000])
        assert unified.part.objectives["violation"] == 0

    def test_borders_that_more_departments_draw_stay(self, cells: Frames, communities: Frames) -> None:
        """Four strips to be joined in pairs: the border at 100 is drawn by both departments, the others by one."""
        zonings = {
            "a": cells([box(50 * n, 0, 50 * n + 50, 100) for n in range(4)]),
            "b": cells([box(0, 0, 100, 100), box(100, 0, 200, 100)], zoning="b"),
        }
        optimise = OptimiseParams(lower=9_000, upper=11_000)
        unified = unify(zonings, communities([TOWN]), replace(EXACT, policy="optimised", optimise=optimise))
        assert same(unified, [box(0, 0, 100, 100), box(100, 0, 200, 100)])


class TestGroundOutside:
    """The neighbour where its source cells have most ground, else where they have most at all, else the nearest."""

    def owner(self, unified: Unified, x: float, y: float = 50) -> str:
        (row,) = unified.cells[unified.cells.contains(shapely.Point(x, y))].to_dict("records")
        return str(row["community_code"])[-1]

    def test_neighbour_with_most_of_the_source_cell(self, cells: Frames, communities: Frames) -> None:
        """The ground y > 100 of A1 borders on both communities; A1 has 2,000 m² in the first, 12,000 in the second."""
        town = communities([box(0, 0, 100, 100), box(100, 0, 220, 100)])
        unified = unify({"a": cells([box(80, 0, 220, 130)])}, town, EXACT)
        assert self.owner(unified, 150, 115) == "2"
        assert self.owner(unified, 90, 115) == "2"

    def test_a_neighbour_comes_before_larger_ground_further_away(self, cells: Frames, communities: Frames) -> None:
        """A1 is a multipolygon: most of it lies in the first community, its end beside the third, outside."""
        town = communities([box(0, 0, 100, 100), box(100, 0, 200, 100), box(200, 0, 300, 100)])
        cell = shapely.union(box(0, 0, 90, 100), box(290, 0, 330, 100))
        unified = unify({"a": cells([cell])}, town, EXACT)
        assert self.owner(unified, 315) == "3"

    def test_no_neighbour(self, cells: Frames, communities: Frames) -> None:
        """Its end lies 50 m off the second community, but all its other ground in the first."""
        town = communities([box(0, 0, 100, 100), box(100, 0, 200, 100)])
        unified = unify({"a": cells([shapely.union(box(0, 0, 90, 100), box(250, 0, 280, 100))])}, town, EXACT)
        assert self.owner(unified, 265) == "1"

    def test_nothing_in_any_community(self, cells: Frames, communities: Frames) -> None:
        town = communities([box(0, 0, 100, 100), box(100, 0, 200, 100)])
        unified = unify({"a": cells([box(300, 0, 350, 100)])}, town, EXACT)
        assert self.owner(unified, 325) == "2"
        assert json.loads(unified.cells["sources"].iloc[-1]) == {"a": "A1"}

"""The checker must say no to each kind of wrong layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely import Polygon, box

from geo.algorithms.partition.check import PartitionCheck, PartOfTown, check_unified

Frames = Callable[..., gpd.GeoDataFrame]
HALVES = (box(0, 0, 100, 100), box(100, 0, 200, 100))


@pytest.fixture
def layer(cells: Frames, communities: Frames) -> dict[str, Any]:
    """Two source cells that are two unified cells, each a community."""
    unified = cells(HALVES, ["c1", "c2"])
    unified["community_code"] = ["430406001001", "430406001002"]
    lineage = pd.DataFrame(
        {
            "cell_code": ["c1", "c2"],
            "zoning_id": "a",
            "source_code": ["A1", "A2"],
            "area_m2": [10_000.0, 10_000.0],
            "share_of_source": 1.0,
            "share_of_cell": 1.0,
        }
    )
    return {
        "cells": unified,
        "lineage": lineage,
        "zonings": {"a": cells(HALVES)},
        "communities": communities(HALVES),
        "snapped_m2": {"a": np.zeros(2)},
        "tolerance_m": 1.0,
    }


def failed(layer: dict[str, Any]) -> set[str]:
    return set(check_unified(**layer).failed)


def holds(layer: dict[str, Any], area_m2: float) -> None:
    """Let the first row of the lineage claim another area, with the shares that belong to it."""
    layer["lineage"].loc[0, ["area_m2", "share_of_source", "share_of_cell"]] = [area_m2, *[area_m2 / 10_000] * 2]


def redrawn(layer: dict[str, Any], *shapes: Any) -> set[str]:
    """Return what fails when the cells have other shapes, and everything else stays."""
    layer["cells"] = layer["cells"].set_geometry(list(shapes), crs=4547)
    return failed(layer)


def test_right_layer(layer: dict[str, Any]) -> None:
    check = check_unified(**layer)
    assert check.failed == ()
    assert check.area_error_m2 == 0
    assert len(check.outcomes) >= 8


class TestCells:
    def test_lost(self, layer: dict[str, Any]) -> None:
        layer["cells"] = layer["cells"].iloc[:1]
        assert "nothing_lost" in failed(layer)

    def test_doubled(self, layer: dict[str, Any]) -> None:
        layer["cells"] = pd.concat([layer["cells"], layer["cells"].iloc[1:].assign(code="c3")], ignore_index=True)
        assert failed(layer) == {"coverage_valid", "nothing_lost"}

    def test_doubled_in_place_of_another(self, layer: dict[str, Any]) -> None:
        """The area is right, but the ground is not."""
        assert redrawn(layer, HALVES[1], HALVES[1]) == {"coverage_valid", "one_community_each"}

    @pytest.mark.parametrize(("x", "tolerance"), [(80, 1.0), (120, 1.0), (97, 0.0), (103, 0.0), (100.001, 0.0)])
    def test_border_moved(self, layer: dict[str, Any], x: float, tolerance: float) -> None:
        """The cells still tile the town; the lineage says what they should hold, as if nothing had moved."""
        layer |= {"tolerance_m": tolerance}
        moved = redrawn(layer, box(0, 0, x, 100), box(x, 0, 200, 100))
        assert {"shares_are_right"} <= moved <= {"shares_are_right", "cell_shares_at_most_one"}

    @pytest.mark.parametrize(("x", "tolerance"), [(80, 1.0), (120, 1.0), (97, 0.0), (103, 0.0)])
    def test_border_moved_and_the_shares_with_it(self, layer: dict[str, Any], x: float, tolerance: float) -> None:
        layer |= {"tolerance_m": tolerance}
        layer["lineage"]["share_of_cell"] = 10_000 / np.array([100.0 * x, 20_000.0 - 100 * x])
        assert redrawn(layer, box(0, 0, x, 100), box(x, 0, 200, 100)) == {"cell_shares_at_most_one"}

    @pytest.mark.parametrize(
        ("shape", "name"),
        [
            (box(100, 0, 199, 100), "nothing_lost"),
            (box(99, 0, 200, 100), "coverage_valid"),
            (Polygon([(100, 0), (200, 0), (200, 100), (100, 100), (100, 50)]), "coverage_valid"),
            (Polygon([(100, 0), (200, 100), (200, 0), (100, 90)]), "polygons_valid"),
            (Polygon([(100, 0), (200, 100), (200, 0), (100, 100)]), "polygons_valid"),  # of no area, if one adds up
            (shapely.union(box(100, 0, 140, 100), box(150, 0, 200, 100)), "one_part_each"),
        ],
    )
    def test_wrong_shape(self, layer: dict[str, Any], shape: Any, name: str) -> None:
        assert name in redrawn(layer, HALVES[0], shape)

    def test_repeated_code(self, layer: dict[str, Any]) -> None:
        layer["cells"]["code"] = "c1"
        assert "codes_unique" in failed(layer)

    @pytest.mark.parametrize("codes", [["430406001001", ""], ["430406001002", "430406001001"], ["430406001001"] * 2])
    def test_wrong_community(self, layer: dict[str, Any], codes: list[str]) -> None:
        layer["cells"]["community_code"] = codes
        assert failed(layer) == {"one_community_each"}

    def test_cell_in_two_communities(self, layer: dict[str, Any]) -> None:
        layer["communities"] = layer["communities"].set_geometry([box(0, 0, 40, 100), box(40, 0, 200, 100)], crs=4547)
        assert failed(layer) == {"one_community_each"}


class TestLineage:
    def test_ground_lost(self, layer: dict[str, Any]) -> None:
        holds(layer, 9_999.9)
        check = check_unified(**layer)
        assert check.failed == ("source_cells_accounted_for",)
        assert check.area_error_m2 == pytest.approx(0.1)

    def test_exact_to_a_billionth(self, layer: dict[str, Any]) -> None:
        """10,000 m² with a border of 400 m: 1e-5 m² by area and 4e-6 m² by the step of the coordinates are allowed."""
        holds(layer, 10_000 + 1.3e-5)
        assert failed(layer) == set()
        holds(layer, 10_000 + 1.5e-5)
        assert failed(layer) == {"source_cells_accounted_for"}

    def test_no_row_for_a_source_cell(self, layer: dict[str, Any]) -> None:
        layer["lineage"] = layer["lineage"].iloc[:1]
        assert failed(layer) == {"source_cells_accounted_for"}

    def test_row_of_another_source_cell(self, layer: dict[str, Any]) -> None:
        layer["lineage"]["source_code"] = "A1"
        assert failed(layer) == {"source_cells_accounted_for"}

    @pytest.mark.parametrize("share", ["share_of_cell", "share_of_source"])
    @pytest.mark.parametrize("value", [1.1, 0.9, 1.00001])
    def test_wrong_shares(self, layer: dict[str, Any], share: str, value: float) -> None:
        layer["lineage"].loc[1, share] = value
        assert failed(layer) == {"shares_are_right"}

    def test_more_than_the_cell_has(self, layer: dict[str, Any]) -> None:
        """The second source cell is told to lie in the first unified cell as well."""
        layer["lineage"].loc[1, "cell_code"] = "c1"
        assert failed(layer) == {"cell_shares_at_most_one"}


class TestSnapping:
    def test_moved_ground_is_allowed_for_when_it_is_told(self, layer: dict[str, Any]) -> None:
        holds(layer, 9_950.0)
        layer["snapped_m2"] = {"a": np.array([50.0, 0.0])}
        assert failed(layer) == set()
        layer["snapped_m2"] = {"a": np.array([49.0, 51.0])}
        assert failed(layer) == {"source_cells_accounted_for"}

    def test_more_than_a_strip_along_the_border_is_refused(self, layer: dict[str, Any]) -> None:
        """Two strips of 1 m along 400 m, and their corners: 840 m² at the most."""
        layer["snapped_m2"] = {"a": np.array([830.0, 0.0])}
        assert failed(layer) == set()
        layer["snapped_m2"] = {"a": np.array([850.0, 0.0])}
        assert failed(layer) == {"snapped_within_tolerance"}

    def test_a_tolerance_of_zero_allows_nothing(self, layer: dict[str, Any]) -> None:
        layer |= {"snapped_m2": {"a": np.array([0.01, 0.0])}, "tolerance_m": 0.0}
        assert failed(layer) == {"snapped_within_tolerance"}


class TestPartOfTown:
    def check(self, layer: dict[str, Any], covered_m2: float = 10_000.0) -> PartitionCheck:
        """Check the first community alone; the second source cell lies elsewhere."""
        layer["cells"], layer["lineage"] = layer["cells"].iloc[:1], layer["lineage"].iloc[:1]
        layer["communities"] = layer["communities"].iloc[:1]
        return check_unified(**layer, part=PartOfTown(covered_m2, {"a": np.array([True, False])}))

    def test_right(self, layer: dict[str, Any]) -> None:
        assert self.check(layer).failed == ()

    def test_lost_ground(self, layer: dict[str, Any]) -> None:
        assert self.check(layer, covered_m2=10_001.0).failed == ("nothing_lost",)

    def test_whole_source_cells_are_accounted_for(self, layer: dict[str, Any]) -> None:
        holds(layer, 9_000.0)
        assert self.check(layer).failed == ("source_cells_accounted_for",)

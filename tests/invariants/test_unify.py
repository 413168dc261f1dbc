"""Whatever departments draw, unifying loses no ground, invents none, and gives every place to one cell."""

from __future__ import annotations

import os
from multiprocessing import active_children, parent_process
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from benchmarks.drawn_zonings import (
    EPSG,
    SCHEME,
    SIDE_M,
    TOLERANCES_M,
    LayerPlan,
    Town,
    TownPlan,
    draw_layers,
    layer_plans,
    layer_sets,
    make_town,
    town_plans,
)
from benchmarks.fuzz_unify import examine
from benchmarks.synthetic_city import CityParams, make_city
from geo.algorithms.partition.coverage import is_coverage
from geo.algorithms.partition.overlay import NO_CELL, Faces, SnapParams, overlay_layers
from geo.algorithms.zoning.compose import POLICIES, Policy
from geo.algorithms.zoning.conflicts import find_conflicts
from geo.algorithms.zoning.framing import frame_overlaps
from geo.algorithms.zoning.grouping import OptimiseParams
from geo.algorithms.zoning.parts import Wanted
from geo.algorithms.zoning.unify import Surroundings, Unified, UnifyParams, unify_zonings
from geo.algorithms.zoning.workers import start_workers
from geo.model.frames import empty_frame


def held_m2(faces: Faces, layer: int, rows: int) -> Any:
    """Return the ground of each polygon of a layer in the faces."""
    mine = faces.members[:, layer] != NO_CELL
    total = np.bincount(faces.members[mine, layer], faces.areas_m2[mine], rows)
    further = faces.overlaps[faces.overlaps[:, 1] == layer]
    return total + np.bincount(further[:, 2], faces.areas_m2[further[:, 0]], rows)


def holders(faces: Faces, face: int, layer: int) -> set[int]:
    further = faces.overlaps[(faces.overlaps[:, 0] == face) & (faces.overlaps[:, 1] == layer), 2]
    return {int(row) for row in (faces.members[face, layer], *further) if row != NO_CELL}


class TestOverlay:
    @given(layer_sets(), st.booleans())
    def test_exact(self, plans: list[LayerPlan], far: bool) -> None:
        """Without a tolerance every source polygon keeps its area to a billionth."""
        layers = draw_layers(plans, far_from_origin=far)
        faces = overlay_layers(layers)
        assert is_coverage(faces.polygons)
        assert shapely.is_valid(faces.polygons).all()
        assert (shapely.get_num_geometries(faces.polygons) == 1).all()
        for number, layer in enumerate(layers):
            area, perimeter = shapely.area(layer), shapely.length(layer)
            error = np.abs(held_m2(faces, number, len(layer)) - area)
            # a polygon far from the origin knows its own border to a nanometre only
            assert (error <= 1e-9 * area + (1e-8 if far else 1e-9) * perimeter).all()
        union = shapely.union_all(np.concatenate(layers), grid_size=None).area
        assert abs(faces.areas_m2.sum() - union) <= 1e-8 * union + 1e-6

    @given(layer_sets(4), st.booleans(), st.sampled_from(TOLERANCES_M[1:]))
    def test_snapped(self, plans: list[LayerPlan], far: bool, tolerance_m: float) -> None:
        """No area is off by more than is said, and no border is where nobody drew one."""
        layers = draw_layers(plans, far_from_origin=far)
        faces = overlay_layers(layers, SnapParams(tolerance_m))
        assert is_coverage(faces.polygons)
        for number, layer in enumerate(layers):
            allowed = faces.sweeps.of_layer(number, len(layer)) + 1e-9 * shapely.area(layer)
            error = np.abs(held_m2(faces, number, len(layer)) - shapely.area(layer))
            assert (error <= allowed + 1e-8 * shapely.length(layer)).all()
        drawn = shapely.union_all([shapely.boundary(layer) for layer in np.concatenate(layers)])
        vertices = shapely.points(shapely.get_coordinates(faces.polygons))
        assert shapely.distance(vertices, drawn).max(initial=0.0) <= 1.001 * tolerance_m + 1e-7

    @given(layer_sets(4), st.sampled_from(TOLERANCES_M), st.integers(0, 2**32 - 1))
    def test_members(self, plans: list[LayerPlan], tolerance_m: float, seed: int) -> None:
        """Random places away from the borders are held by whom the sources say, overlaps included."""
        layers = draw_layers(plans)
        faces = overlay_layers(layers, SnapParams(tolerance_m))
        places = shapely.points(np.random.default_rng(seed).uniform(-20, SIDE_M * 1.1, (100, 2)))
        borders = shapely.union_all(shapely.boundary(np.concatenate(layers)))
        places = places[shapely.distance(places, borders) > max(2.5 * tolerance_m, 1e-3)]
        place, face = shapely.STRtree(faces.polygons).query(places, predicate="within")
        assert len(np.unique(place)) == len(place)
        face_of = dict(zip(place.tolist(), face.tolist(), strict=True))
        for number, layer in enumerate(layers):
            expected: dict[int, set[int]] = {}
            for at, row in zip(*shapely.STRtree(layer).query(places, predicate="within").tolist(), strict=True):
                expected.setdefault(at, set()).add(row)
            found = {at: rows for at, one in face_of.items() if (rows := holders(faces, one, number))}
            assert found == expected

    @given(layer_sets(3), st.booleans())
    def test_borders_add_up(self, plans: list[LayerPlan], far: bool) -> None:
        """Every face's outline is the sum of its borders, each in one pair and one set of layers."""
        faces = overlay_layers(draw_layers(plans, far_from_origin=far))
        borders, count = faces.borders, len(faces.polygons)
        inner = borders.first >= 0
        outline = np.bincount(borders.second, borders.lengths_m, count)
        outline += np.bincount(borders.first[inner], borders.lengths_m[inner], count)
        np.testing.assert_allclose(outline, shapely.length(faces.polygons), rtol=1e-9, atol=1e-6)
        keys = np.column_stack((borders.first, borders.second, borders.layers))
        assert len(np.unique(keys, axis=0)) == len(keys)
        assert (borders.layers > 0).all()

    @given(layer_plans(("other",)), st.sampled_from([0.1, 0.5, 1.0]))
    def test_a_tiling_drawn_twice_is_one(self, plan: LayerPlan, share: float) -> None:
        """A copy shifted by up to 0.7 tolerances adds no face; cells far wider than the tolerance."""
        (tiling,) = draw_layers([plan])
        tolerance_m = 1.0
        assume((2 * shapely.area(tiling) / shapely.length(tiling) > 20 * tolerance_m).all())
        shift = 0.7 * share * tolerance_m
        faces = overlay_layers(
            [tiling, shapely.transform(tiling, lambda xy: xy + np.array([shift, 0.0]))], SnapParams(tolerance_m)
        )
        both = faces.members[(faces.members != NO_CELL).all(axis=1)]
        areas = faces.areas_m2[(faces.members != NO_CELL).all(axis=1)]
        assert areas[both[:, 0] != both[:, 1]].sum() <= 1e-3 * areas.sum()


@settings(max_examples=40)
@given(town_plans())
def test_everything_holds(plan: TownPlan) -> None:
    """Checks, schemas, keys and random places; thousands of such towns are in benchmarks/fuzz_unify.py."""
    examine(make_town(plan), plan.communities.seed)


def _unify(town: Town, surroundings: Surroundings | None = None) -> Unified:
    return unify_zonings(town.zonings, town.communities, SCHEME, town.params, surroundings=surroundings)


@settings(max_examples=15)
@given(town_plans(largest=4))
def test_same_input_same_output(plan: TownPlan) -> None:
    one, two = _unify(make_town(plan)), _unify(make_town(plan))
    assert one.cells.geometry.to_wkb().tolist() == two.cells.geometry.to_wkb().tolist()
    assert one.cells.drop(columns="geometry").equals(two.cells.drop(columns="geometry"))
    assert one.lineage.equals(two.lineage)


@settings(max_examples=25)
@given(town_plans(("atomic",), largest=3))
def test_only_lonely_slivers_stay(plan: TownPlan) -> None:
    """A cell below the limits touches no other cell of its community along a line."""
    town = make_town(plan)
    unified = _unify(town)
    limits = town.params.slivers
    cells = unified.cells.reset_index(drop=True)
    area, length = cells.area, cells.length
    small = (2 * area / length < limits.min_width_m - 1e-6) | (area < limits.min_area_m2 - 1e-6)
    assert set(np.flatnonzero(small)) <= set(_as_stored(unified)), "told"
    for row in np.flatnonzero(small):
        own = cells[(cells["community_code"] == cells["community_code"][row]) & (cells.index != row)]
        shared = shapely.length(shapely.intersection(own.geometry.to_numpy(), cells.geometry[row]))
        assert shared.max(initial=0.0) < 1e-3


def _as_stored(unified: Unified) -> list[int]:
    """Return the rows of the cells that are told to be slivers still."""
    shapes = shapely.to_wkb(shapely.normalize(shapely.get_parts(unified.cells.geometry.to_numpy())))
    remaining = shapely.to_wkb(shapely.normalize(unified.part.polygons[unified.part.remaining]))
    return [row for row, shape in enumerate(shapes) if shape in set(remaining)]


@settings(max_examples=25)
@given(town_plans(largest=4))
def test_conflicts_lie_in_their_cells(plan: TownPlan) -> None:
    """Ground in dispute is ground of the cells that are named, but for what snapping moved."""
    town = make_town(plan)
    unified = _unify(town)
    conflicts, _ = find_conflicts(unified, empty_frame("facility", EPSG), town.params)
    by_code = {key: frame.set_index("code").geometry for key, frame in town.zonings.items()}
    by_code["community"] = town.communities.set_index("code").geometry
    assert conflicts["area_m2"].is_monotonic_decreasing
    for row in conflicts.itertuples():
        assert 0 <= row.max_offset_m <= row.geometry.minimum_rotated_rectangle.length / 2
        assert row.community_code in set(unified.cells["community_code"])
        if row.kind not in ("border", "straddle", "overlap"):
            continue
        for zoning, code in ((row.zoning_a, row.cell_a), (row.zoning_b, row.cell_b)):
            grown = by_code[zoning][code].buffer(1.01 * unified.tolerance_m + 1e-3)
            assert row.geometry.difference(grown).area < 1e-6


def test_what_snapping_takes_from_a_community_stays_its_own() -> None:
    """Seen by the fuzz: snapped to another community, a border leaves ground behind that a zoning still holds."""
    zonings = (
        LayerPlan("other", 827, 10, 9),
        LayerPlan("same", 1294, 2, 10),
        LayerPlan("densified", 12510, 2, 0),
        LayerPlan("rectangles", 900, 5, 5),
    )
    town = make_town(TownPlan(LayerPlan("other", 3391309, 4, 4), zonings, False, "atomic", 5.0, (0.0, 0.0)))
    assert shapely.union_all(town.communities.geometry.to_numpy()).covers(shapely.Point(625, 0.8))
    assert _unify(town).cells.contains(shapely.Point(625, 0.8)).sum() == 1


# --- in parts

CITY = make_city(CityParams(communities=3, community_blocks=4, zonings=3, moved_share=0.2))


def _params(policy: Policy) -> UnifyParams:
    optimise = OptimiseParams(lower=20_000, upper=60_000, moves_per_face=4)
    return UnifyParams(policy=policy, reference="zoning2" if policy == "reference" else None, optimise=optimise)


def _city(policy: Policy, **surroundings: Any) -> Unified:
    around = Surroundings(**surroundings)
    return unify_zonings(CITY.zonings, CITY.communities, SCHEME, _params(policy), surroundings=around)


def _rows(frame: gpd.GeoDataFrame) -> list[tuple[object, ...]]:
    plain = frame.drop(columns="geometry", errors="ignore").round(6)
    columns = [plain[name].tolist() for name in plain.columns]
    if isinstance(frame, gpd.GeoDataFrame):
        columns.append(shapely.to_wkb(shapely.normalize(frame.geometry.to_numpy())).tolist())
    return sorted(zip(*columns, strict=True), key=repr)


def _tables(unified: Unified) -> list[list[tuple[object, ...]]]:
    overlaps = frame_overlaps(unified.sources, unified.overlaps)
    return [_rows(frame) for frame in (unified.cells, unified.lineage, unified.slivers, overlaps)]


@pytest.mark.parametrize("policy", POLICIES)
def test_one_community_at_a_time_gives_the_same(policy: Policy) -> None:
    """Cells, codes, lineage, slivers and correspondence, to the last bit of every coordinate."""
    whole = _tables(_city(policy))
    places = np.concatenate([frame.geometry.to_numpy() for frame in CITY.zonings.values()])
    parts = [
        _tables(_city(policy, wanted=Wanted(np.array([number]), places))) for number in range(len(CITY.communities))
    ]
    for table, rows in enumerate(whole):
        assert sorted((row for part in parts for row in part[table]), key=repr) == rows


def test_several_processes_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = _tables(_city("atomic"))
    monkeypatch.setattr("geo.algorithms.zoning.parts._PART_CELLS", 40)
    assert _tables(_city("atomic")) == whole
    with start_workers(2) as workers:
        workers.wait_until_started()
        assert _tables(_city("atomic", workers=workers)) == whole
        for child in active_children():
            child.kill()
        assert _tables(_city("atomic", workers=workers)) == whole  # this process does what the killed one cannot


def _exit(number: int) -> int:
    """Return the number, but end every process other than the first."""
    if parent_process() is not None:
        os._exit(1)
    return number


def test_tasks_of_a_process_that_ends_are_done_by_this_one() -> None:
    with start_workers(2) as workers:
        workers.wait_until_started()
        assert sorted(workers.run(_exit, list(range(20)))) == list(range(20))

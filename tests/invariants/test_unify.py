"""Whatever departments draw, unifying loses no ground, invents none, and gives every place to one cell."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo.algorithms.partition.check import check_unified
from geo.algorithms.partition.slivers import SliverParams
from geo.algorithms.zoning.codes import find_scheme
from geo.algorithms.zoning.conflicts import find_conflicts
from geo.algorithms.zoning.unify import Unified, UnifyParams, unify_zonings
from geo.model.frames import empty_frame, require_frame

SIDE = 1000.0
SCHEME = find_scheme("beijing-15", "430406001")
EPSG = 4547


def _voronoi(rng: np.random.Generator, count: int) -> list[shapely.Geometry]:
    """Return cells that tile the town."""
    town = shapely.box(0, 0, SIDE, SIDE)
    sites = shapely.multipoints(rng.uniform(0, SIDE, (count, 2)))
    cells = shapely.get_parts(shapely.voronoi_polygons(sites, extend_to=town))
    return [cell for cell in shapely.intersection(cells, town) if cell.area > 0]


def _perturbed(rng: np.random.Generator, cells: list[shapely.Geometry], offset_m: float) -> list[shapely.Geometry]:
    """Return the cells as another office draws them: each moved a little, so that they gape and overlap."""
    moved = [shapely.transform(cell, lambda xy: xy + rng.normal(0, offset_m, 2)) for cell in cells]
    return [cell for cell in moved if cell.is_valid]


@st.composite
def towns(draw: st.DrawFn) -> tuple[dict[str, gpd.GeoDataFrame], gpd.GeoDataFrame, UnifyParams]:
    """Draw one to three zonings, communities, and limits of slivers."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    base = _voronoi(rng, draw(st.integers(2, 12)))
    zonings = {}
    for number in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["same", "perturbed", "other", "rectangles"]))
        if kind == "rectangles":
            corners = rng.uniform(0, SIDE * 1.1, (draw(st.integers(1, 6)), 2, 2)).round(draw(st.integers(0, 3)))
            low, high = corners.min(axis=1), corners.max(axis=1) + 1
            shapes = list(shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1]))
        elif kind == "other":
            shapes = _voronoi(rng, draw(st.integers(2, 12)))
        else:
            shapes = base if kind == "same" else _perturbed(rng, base, draw(st.sampled_from([0.001, 0.5, 5.0, 40.0])))
        zonings[f"z{number}"] = _cells(shapes, f"z{number}")
    communities = _cells(_voronoi(rng, draw(st.integers(2, 4))), "c")
    communities["code"] = [f"430406001{number:03d}" for number in range(1, len(communities) + 1)]
    communities = require_frame("community", communities.assign(street_name=None))
    limits = draw(st.sampled_from([(0.0, 0.0), (5.0, 100.0), (15.0, 500.0), (60.0, 20000.0)]))
    return zonings, communities, UnifyParams(slivers=SliverParams(*limits))


def _cells(shapes: list[shapely.Geometry], zoning: str) -> gpd.GeoDataFrame:
    codes = [f"{zoning}-{number}" for number in range(len(shapes))]
    columns = {"zoning_id": zoning, "code": codes, "name": codes, "community_name": None, "attributes": "{}"}
    polygons = [shapely.MultiPolygon([shape]) if shape.geom_type == "Polygon" else shape for shape in shapes]
    return require_frame("cell", gpd.GeoDataFrame(pd.DataFrame(columns), geometry=polygons, crs=EPSG))


def _unify(town: tuple[dict[str, gpd.GeoDataFrame], gpd.GeoDataFrame, UnifyParams]) -> Unified:
    zonings, communities, params = town
    return unify_zonings(zonings, communities, SCHEME, params)


@given(towns())
def test_the_independent_check_holds(town: tuple[dict[str, gpd.GeoDataFrame], gpd.GeoDataFrame, UnifyParams]) -> None:
    zonings, communities, params = town
    unified = _unify(town)
    check = check_unified(unified.cells, unified.lineage, zonings, communities, params.grid_size_m)
    assert check.failed == ()
    require_frame("unified_cell", unified.cells)
    require_frame("lineage", unified.lineage)


@given(towns(), st.integers(0, 2**32 - 1))
def test_every_place_has_one_cell_and_its_sources(
    town: tuple[dict[str, gpd.GeoDataFrame], gpd.GeoDataFrame, UnifyParams], seed: int
) -> None:
    """Random places, not the code's own points: what covers them before covers them after, once."""
    zonings, communities, _ = town
    unified = _unify(town)
    places = shapely.points(np.random.default_rng(seed).uniform(-50, SIDE * 1.1 + 50, (200, 2)))
    sources = [*zonings.values(), communities]
    borders = shapely.union_all(np.concatenate([shapely.boundary(frame.geometry.to_numpy()) for frame in sources]))
    places = places[shapely.distance(places, borders) > 0.01]  # on a border rounding decides
    place, cell = shapely.STRtree(unified.cells.geometry.to_numpy()).query(places, predicate="within")
    covered = np.zeros(len(places), dtype=int)
    np.add.at(covered, place, 1)
    told = set(zip(unified.lineage["cell_code"], unified.lineage["source_code"], strict=True))
    before = np.zeros(len(places), dtype=bool)
    codes = unified.cells["code"].to_numpy()
    cell_of = dict(zip(place.tolist(), codes[cell].tolist(), strict=True))
    for frame in sources:
        inside, row = shapely.STRtree(frame.geometry.to_numpy()).query(places, predicate="within")
        before[inside] = True
        if frame is not communities:
            held = frame["code"].to_numpy()[row]
            assert {(cell_of[a], b) for a, b in zip(inside.tolist(), held.tolist(), strict=True)} <= told
    assert covered.tolist() == before.astype(int).tolist()


@given(towns())
def test_shares_account_for_every_source_cell(
    town: tuple[dict[str, gpd.GeoDataFrame], gpd.GeoDataFrame, UnifyParams],
) -> None:
    zonings, _, params = town
    lineage = _unify(town).lineage
    assert (lineage["share_of_source"] > 0).all()
    for zoning_id, frame in zonings.items():
        shares = lineage[lineage["zoning_id"] == zoning_id].groupby("source_code")["share_of_source"].sum()
        slack = params.grid_size_m * frame.length / frame.area + 1e-9
        difference = (shares.reindex(frame["code"]).fillna(0).to_numpy() - 1).astype(float)
        assert (np.abs(difference) <= slack.to_numpy()).all()


@given(towns())
def test_same_input_same_output(town: tuple[dict[str, gpd.GeoDataFrame], gpd.GeoDataFrame, UnifyParams]) -> None:
    one, two = _unify(town), _unify(town)
    assert one.cells.geometry.to_wkb().tolist() == two.cells.geometry.to_wkb().tolist()
    assert one.cells.drop(columns="geometry").equals(two.cells.drop(columns="geometry"))
    assert one.lineage.equals(two.lineage)


@given(towns())
def test_only_lonely_slivers_stay(town: tuple[dict[str, gpd.GeoDataFrame], gpd.GeoDataFrame, UnifyParams]) -> None:
    """A cell below the limits has no neighbour in its community that it could have joined."""
    params = town[2].slivers
    unified = _unify(town)
    area, length = unified.cells.area, unified.cells.length
    small = (2 * area / length < params.min_width_m - 1e-6) | (area < params.min_area_m2 - 1e-6)
    assert small.sum() <= len(unified.slivers.remaining)


@given(towns())
def test_conflicts_lie_in_their_cells(town: tuple[dict[str, gpd.GeoDataFrame], gpd.GeoDataFrame, UnifyParams]) -> None:
    zonings, communities, params = town
    unified = _unify(town)
    conflicts, _ = find_conflicts(unified, empty_frame("facility", EPSG), params)
    require_frame("conflict", conflicts)
    by_code = {
        "community": communities.set_index("code"),
        **{key: frame.set_index("code") for key, frame in zonings.items()},
    }
    # ground outside every community may hold slivers of other cells than the one that is named
    for row in conflicts[conflicts["kind"].isin(["border", "straddle", "overlap"])].itertuples():
        for zoning, code in ((row.zoning_a, row.cell_a), (row.zoning_b, row.cell_b)):
            if isinstance(zoning, str) and isinstance(code, str) and code:
                cell = by_code[zoning].geometry[code]
                assert row.geometry.difference(cell.buffer(0.01)).area < 1e-6
        assert 0 <= row.max_offset_m <= row.geometry.minimum_rotated_rectangle.length / 2

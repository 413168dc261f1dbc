"""Our overlay against geopandas' (versions in PROVENANCE.md): the same pieces, made in another way."""

from __future__ import annotations

from collections import Counter
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from geo.algorithms.partition.overlay import NO_CELL, Faces, overlay_layers

_CRUMB_M2 = 1.0
"""Rounding to the grid of 1 mm leaves crumbs where borders almost meet; pieces from this size on are compared."""


def tiling(seed: int, count: int, side: float = 1000.0) -> list[shapely.Geometry]:
    rng = np.random.default_rng(seed)
    town = shapely.box(0, 0, side, side)
    cells = shapely.voronoi_polygons(shapely.multipoints(rng.uniform(0, side, (count, 2))), extend_to=town)
    return list(shapely.intersection(shapely.get_parts(cells), town))


def layer(shapes: list[shapely.Geometry], key: str) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame({key: range(len(shapes))}, geometry=shapes, crs=4547)


def union(layers: list[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """Return geopandas' union of the layers, one row a connected piece."""
    pieces = layers[0]
    for other in layers[1:]:
        pieces = gpd.overlay(pieces, other, how="union", keep_geom_type=True)
    pieces = pieces.explode(index_parts=False, ignore_index=True)
    return pieces[pieces.area > 0]


CASES = {
    "two shifted squares": [[shapely.box(0, 0, 10, 10)], [shapely.box(4, 3, 14, 13)]],
    "square with a hole": [
        [shapely.Polygon(shapely.box(0, 0, 90, 90).exterior, [shapely.box(30, 30, 60, 60).exterior.coords])],
        [shapely.box(40, 40, 120, 120), shapely.box(-30, -30, 40, 40)],
    ],
    "two tilings": [tiling(1, 12), tiling(2, 20)],
    "three tilings": [tiling(3, 10), tiling(4, 10), tiling(5, 15)],
    "a tiling and a part of the town": [tiling(6, 12), tiling(7, 5, side=600.0)],
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[Faces, gpd.GeoDataFrame]:
    shapes = CASES[request.param]
    faces = overlay_layers([np.array(one, dtype=object) for one in shapes])
    return faces, union([layer(one, f"layer_{number}") for number, one in enumerate(shapes)])


def keyed(members: Any, areas: Any) -> list[tuple[tuple[int, ...], float]]:
    table = pd.DataFrame(members).fillna(NO_CELL).astype(int)
    keys = (tuple(row) for row in table.itertuples(index=False, name=None))
    return sorted((key, float(area)) for key, area in zip(keys, areas, strict=True) if area >= _CRUMB_M2)


def test_total_area(case: tuple[Faces, gpd.GeoDataFrame]) -> None:
    faces, truth = case
    assert faces.areas_m2.sum() == pytest.approx(truth.area.sum(), rel=1e-6)


def test_same_pieces_of_the_same_cells(case: tuple[Faces, gpd.GeoDataFrame]) -> None:
    faces, truth = case
    ours = keyed(faces.members, faces.areas_m2)
    theirs = keyed(truth.filter(like="layer_").to_numpy(dtype=float), truth.area)
    assert Counter(key for key, _ in ours) == Counter(key for key, _ in theirs)
    # a piece's border moves by at most half a millimetre, 2 km of it by 1 m²
    assert [area for _, area in ours] == pytest.approx([area for _, area in theirs], abs=0.5)


def test_area_shared_by_each_two_cells(case: tuple[Faces, gpd.GeoDataFrame], request: pytest.FixtureRequest) -> None:
    faces, _ = case
    one, two = CASES[request.node.callspec.params["case"]][:2]
    shared = shapely.area(shapely.intersection(np.array(one)[:, None], np.array(two)[None, :]))
    ours = np.zeros_like(shared)
    both = (faces.members[:, :2] != NO_CELL).all(axis=1)
    np.add.at(ours, tuple(faces.members[both, :2].T), faces.areas_m2[both])
    np.testing.assert_allclose(ours, shared, atol=0.5)

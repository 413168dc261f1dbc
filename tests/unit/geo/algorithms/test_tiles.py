"""Tiles of a town, and the faces of a part against those of the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from geo.algorithms.partition.overlay import Faces, SnapParams, overlay_layers
from geo.algorithms.partition.snapping import MAX_CHAIN
from geo.algorithms.partition.tiles import Layers, overlay_rows, plan_tiles


def grid(count: int, side: float, dx: float = 0.0) -> Any:
    low = np.stack(np.meshgrid(np.arange(count), np.arange(count)), axis=-1).reshape(-1, 2) * side + [dx, 0.0]
    return shapely.box(*low.T, *(low + side).T)


def test_every_polygon_is_in_one_tile_below_the_limit() -> None:
    polygons = grid(10, 100)
    weights = np.arange(100) % 7 + 1
    tiles = plan_tiles(polygons, weights, 40)
    assert sorted(np.concatenate(tiles).tolist()) == list(range(100))
    assert max(int(weights[tile].sum()) for tile in tiles) <= 40
    assert len(tiles) <= 2 * weights.sum() / 40  # a tile that was halved weighed more than the limit


def test_one_heavy_polygon_is_a_tile_of_its_own() -> None:
    tiles = plan_tiles(grid(2, 100), np.array([1, 99, 1, 1]), 10)
    assert sorted(tile.tolist() for tile in tiles if 1 in tile) == [[1]]


def test_tiles_are_compact() -> None:
    """Sixteen squares in four tiles: two by two each."""
    tiles = plan_tiles(grid(4, 100), np.ones(16, dtype=np.int64), 4)
    bounds = [shapely.total_bounds(grid(4, 100)[tile]) for tile in tiles]
    assert [(east - west, north - south) for west, south, east, north in bounds] == [(200.0, 200.0)] * 4


def inside(faces: Faces, place: Any) -> list[tuple[bytes, tuple[int, ...]]]:
    """Return the faces in a place with their members."""
    chosen = shapely.within(shapely.point_on_surface(faces.polygons), place)
    shapes = shapely.to_wkb(shapely.normalize(faces.polygons[chosen]))
    return sorted(zip(shapes.tolist(), map(tuple, faces.members[chosen].tolist()), strict=True))


def test_faces_in_a_place_do_not_depend_on_what_lies_far_away() -> None:
    """Two grids of 400 cells, half a metre apart, snapped: one cell and what is about it gives the same faces there."""
    layers, params = Layers([grid(20, 100), grid(20, 100, 0.5), grid(20, 100, 30.0)]), SnapParams(1.0)
    whole = overlay_layers(layers.layers, params)
    for row in (0, 5, 210, 399):
        place = layers.layers[0][[row]]
        around = layers.around(place, params)
        assert all(0 < len(rows) < 200 for rows in around)
        part = overlay_rows([layer[rows] for layer, rows in zip(layers.layers, around, strict=True)], around, params)
        grown = shapely.buffer(place[0], 1.0)
        assert inside(part, grown) == inside(whole, grown)
        assert len(inside(part, grown)) >= 2


def test_reach_follows_the_longest_piece_near_by() -> None:
    """Four tolerances, and for each link of a chain as much again and a piece of 100 m; what is far away does not count."""
    layers = Layers([grid(3, 100), np.array([shapely.box(5_000, 0, 9_000, 50)], dtype=object)])
    assert layers.reach(layers.layers[0][[0]], SnapParams(1.0)) == 4 + MAX_CHAIN * (4 + 100)
    assert layers.reach(layers.layers[1], SnapParams(1.0)) == 4 + MAX_CHAIN * (4 + 4_000)

"""Tiles of a town, and the faces of a part against those of the whole."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from geo.algorithms.partition.overlay import Faces, SnapParams, overlay_layers
from geo.algorithms.partition.snapping import MAX_CHAIN
from geo.algorithms.partition.tiles import Layers, overlay_rows, pieces_of, plan_tiles


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


def test_boxes_follow_the_pieces_near_by() -> None:
    """Four tolerances, then pieces of 100 m along the chain, each with as much around it; nothing far away counts."""
    layers = Layers([grid(9, 100), np.array([shapely.box(5_000, 0, 9_000, 50)], dtype=object)])
    boxes = layers.boxes_around(layers.layers[0][[0]], SnapParams(1.0))
    reach = 100 * (1 + MAX_CHAIN) + 4.0
    assert (*boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)) == (-4.0, -4.0, reach, reach)
    assert layers.boxes_around(layers.layers[1], SnapParams(1.0)).tolist() == [[4_996.0, -4.0, 9_004.0, 54.0]]


def test_pieces_of_one_polygon_are_not_joined_to_those_of_another() -> None:
    """Two squares with a hole each, far apart: no piece is longer than a side."""
    holed = [box.difference(box.buffer(-20)) for box in (shapely.box(0, 0, 100, 100), shapely.box(900, 0, 1_000, 100))]
    assert shapely.length(pieces_of(shapely.MultiPolygon(holed))).max() == 100.0

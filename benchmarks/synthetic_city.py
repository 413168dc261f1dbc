"""A made-up city of any size: blocks between winding streets, communities of blocks, and zonings that divide them.

Each zoning divides every community into rectangles of blocks of its own, so that borders partly agree; each draws them
with an accuracy of its own (a smooth error, vertices left out, coordinates to the centimetre), and some of its borders run
elsewhere for good reasons. All is a function of the seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.model.frames import require_frame

EPSG = 4547
Rectangle = tuple[int, int, int, int]
"""Rows of crossings from south to north, columns from west to east."""

_ORIGIN = np.array([480_000.0, 3_380_000.0])
_INNER = 3
"""Vertices between the ends of a street's side of a block."""


@dataclass(frozen=True)
class CityParams:
    """Size and accuracy of the city.

    Attributes
    ----------
    communities
        Rows and columns of communities.
    community_blocks
        Rows and columns of blocks of a community.
    block_m
        Side of a block.
    zonings
        Number of zonings.
    error_m
        Amplitude of the smooth error of each zoning.
    moved_share, moved_m
        Share of the sides of blocks that a zoning draws elsewhere, and how far.
    seed
        Of everything.
    """

    communities: int = 16
    community_blocks: int = 6
    block_m: float = 100.0
    zonings: int = 4
    error_m: float = 0.3
    moved_share: float = 0.03
    moved_m: float = 5.0
    seed: int = 1


@dataclass(frozen=True)
class City:
    """Zonings and communities as frames of the model."""

    zonings: dict[str, gpd.GeoDataFrame]
    communities: gpd.GeoDataFrame


def make_city(params: CityParams) -> City:
    """Return the city."""
    rng = np.random.default_rng(params.seed)
    count = params.communities * params.community_blocks
    streets = _draw_streets(count, params.block_m, rng)
    side = params.community_blocks
    whole = np.arange(0, count, side)
    squares = [(i, i + side, j, j + side) for i in whole for j in whole]
    codes = [f"{429900001000 + 1 + n // 900 * 1000 + n % 900:012d}" for n in range(len(squares))]
    names = [f"社区{n + 1}" for n in range(len(squares))]
    communities = _frame("community", squares, streets, {"code": codes, "name": names, "street_name": None})
    zonings = {}
    for number in range(params.zonings):
        key = f"zoning{number + 1}"
        drawn = _redraw(streets, params, np.random.default_rng((params.seed, number)))
        cells = [cell for square in squares for cell in _divide(square, number, rng)]
        columns = {
            "zoning_id": key,
            "code": [f"{key}-{n:06d}" for n in range(len(cells))],
            "name": [f"网格{n}" for n in range(len(cells))],
            "community_name": None,
        }
        zonings[key] = _frame("cell", cells, drawn, columns)
    return City(zonings, communities)


@dataclass(frozen=True)
class _Streets:
    """Crossings in rows from south to north, and the vertices between them eastwards and northwards."""

    crossing: NDArray[np.float64]
    across: NDArray[np.float64]
    along: NDArray[np.float64]


def _draw_streets(count: int, block_m: float, rng: np.random.Generator) -> _Streets:
    grid = np.stack(np.meshgrid(np.arange(count + 1), np.arange(count + 1)), axis=-1) * block_m
    crossing = grid + rng.normal(0, block_m / 12, grid.shape) + _ORIGIN
    share = np.arange(1, _INNER + 1)[:, None] / (_INNER + 1)

    def between(start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
        points = start[..., None, :] + share * (end - start)[..., None, :]
        return points + rng.normal(0, block_m / 60, points.shape)

    return _Streets(crossing, between(crossing[:, :-1], crossing[:, 1:]), between(crossing[:-1], crossing[1:]))


def _redraw(streets: _Streets, params: CityParams, rng: np.random.Generator) -> _Streets:
    """Return the streets as one department draws them."""
    phase, length = rng.uniform(0, 6, 2), rng.uniform(150, 400, 2)

    def redraw(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return (points + params.error_m * np.sin(points[..., ::-1] / length + phase)).round(2)

    def elsewhere(points: NDArray[np.float64]) -> NDArray[np.float64]:
        drawn = redraw(points)
        moved = rng.random(points.shape[:-2]) < params.moved_share
        way = rng.uniform(0, 2 * np.pi, int(moved.sum()))
        drawn[moved] += params.moved_m * np.column_stack((np.cos(way), np.sin(way)))[:, None]
        return drawn

    return _Streets(redraw(streets.crossing), elsewhere(streets.across), elsewhere(streets.along))


def _divide(square: Rectangle, zoning: int, rng: np.random.Generator) -> list[Rectangle]:
    """Return rectangles of blocks that fill a community: strips in one direction, each cut in the other."""
    south, north, west, east = square
    if zoning % 2:
        return [(c, d, a, b) for a, b in _cut(west, east, rng) for c, d in _cut(south, north, rng)]
    return [(a, b, c, d) for a, b in _cut(south, north, rng) for c, d in _cut(west, east, rng)]


def _cut(low: int, high: int, rng: np.random.Generator) -> list[tuple[int, int]]:
    places = [low]
    while places[-1] < high:
        places.append(min(high, places[-1] + int(rng.integers(1, 3))))
    return list(pairwise(places))


def _frame(table: str, cells: list[Rectangle], streets: _Streets, columns: dict[str, Any]) -> gpd.GeoDataFrame:
    rings = [_ring(cell, streets) for cell in cells]
    owner = np.repeat(np.arange(len(rings)), [len(ring) for ring in rings])
    polygons = shapely.polygons(shapely.linearrings(np.concatenate(rings), indices=owner))
    geometry = shapely.multipolygons(polygons, indices=np.arange(len(polygons)))
    rows = pd.DataFrame({**columns, "attributes": "{}"}, index=range(len(cells)))
    return require_frame(table, gpd.GeoDataFrame(rows, geometry=geometry, crs=EPSG))


def _ring(cell: Rectangle, streets: _Streets) -> NDArray[np.float64]:
    """Return the border of a rectangle of blocks, counter-clockwise."""
    south, north, west, east = cell
    crossing, across, along = streets.crossing, streets.across, streets.along

    def side(corners: NDArray[np.float64], inner: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.concatenate((corners[:, None], inner), axis=1).reshape(-1, 2)

    return np.concatenate(
        (
            side(crossing[south, west:east], across[south, west:east]),
            side(crossing[south:north, east], along[south:north, east]),
            side(crossing[north, west + 1 : east + 1][::-1], across[north, west:east, ::-1][::-1]),
            side(crossing[south + 1 : north + 1, west][::-1], along[south:north, west, ::-1][::-1]),
        )
    )

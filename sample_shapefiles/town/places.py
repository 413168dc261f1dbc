"""Well-known places of the town, and the frontages along its streets."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from shapely.geometry import MultiPolygon, Polygon

from .plan import RIVER_HALF_WIDTH_M, Plan
from .warp import FloatArray, Warp

PLACES = {
    "农贸市场": (140.0, -50.0),
    "步行街": (90.0, -230.0),
    "汽车客运站": (-560.0, 560.0),
    "火车站": (170.0, 640.0),
    "老夜市": (170.0, -470.0),
    "新夜市": (500.0, -700.0),
    "中学": (660.0, 130.0),
    "小学": (-290.0, 330.0),
    "商城": (-30.0, 140.0),
    "新城小学": (-300.0, -880.0),
    "医院": (420.0, 300.0),
    "批发市场": (-940.0, 470.0),
}
"""Plan space, metres. The night-food street moves from 老夜市 to 新夜市 half-way through the two years."""

FRONTAGE_STEP_M = 12.0
BANK_M = 8.0
"""Nothing happens nearer to the water than this, metres."""


@dataclass(frozen=True)
class Frontages:
    """Points along both sides of all streets, a few metres behind the kerb.

    Attributes
    ----------
    xy
        EPSG:4547, shape (n, 2).
    road
        Row of the road file that every point lies on.
    tree
        Nearest-neighbour index of ``xy``.
    """

    xy: FloatArray
    road: NDArray[np.int64]
    tree: cKDTree


def place_xy(warp: Warp, name: str) -> FloatArray:
    """Place in EPSG:4547, shape (2,)."""
    xy: FloatArray = warp.forward(np.array([PLACES[name]]))[0]
    return xy


def river_polygon(plan: Plan, warp: Warp, area: Polygon) -> Polygon | MultiPolygon:
    """Water surface of the river within the area, EPSG:4547."""
    surface = warp.bend(shapely.buffer(plan.river, RIVER_HALF_WIDTH_M))
    return shapely.set_precision(shapely.intersection(surface, area), 0.001)


def make_frontages(
    roads: gpd.GeoDataFrame, area: Polygon, wet: shapely.Geometry, rng: np.random.Generator
) -> Frontages:
    """Set a point every 12 m on both sides of all ground-level streets, away from water and inside the area."""
    lines = roads.geometry.to_numpy()
    ground = np.flatnonzero(roads["层级"].to_numpy() == 0)
    counts = np.maximum(1, (shapely.length(lines[ground]) / FRONTAGE_STEP_M).astype(int))
    road = np.repeat(ground, counts)
    share = np.concatenate([(np.arange(count) + 0.5) / count for count in counts])
    at = shapely.get_coordinates(shapely.line_interpolate_point(lines[road], share, normalized=True))
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(lines[road], np.minimum(share + 0.004, 1), True))
    along = ahead - at
    normal = np.column_stack([-along[:, 1], along[:, 0]]) / np.hypot(*along.T)[:, None]
    width = roads["宽度"].to_numpy()[road]
    sides = []
    for sign in (1.0, -1.0):
        reach = width / 2 + rng.uniform(1.5, 8.0, size=len(road))
        sides.append(at + normal * (sign * reach)[:, None])
    xy, road = np.vstack(sides), np.concatenate([road, road])
    shapely.prepare([area, wet])
    points = shapely.points(xy)
    dry = shapely.contains(area, points) & ~shapely.dwithin(wet, points, BANK_M)
    return Frontages(xy[dry], road[dry], cKDTree(xy[dry]))


def spaced(xy: FloatArray, order: NDArray[np.int64], count: int, gap_m: float) -> NDArray[np.int64]:
    """First ``count`` points, in the given order, that keep a distance from each other.

    Parameters
    ----------
    xy
        Candidates, metres, shape (n, 2).
    order
        Indices into ``xy``, best first.
    count
        How many to take.
    gap_m
        Least distance between two of them.

    Returns
    -------
    ndarray of int
        Indices into ``xy``.
    """
    taken: list[int] = []
    chosen = np.empty((0, 2))
    for index in order:
        if len(chosen) == 0 or np.hypot(*(chosen - xy[index]).T).min() >= gap_m:
            taken.append(int(index))
            chosen = xy[taken]
        if len(taken) == count:
            break
    return np.array(taken)

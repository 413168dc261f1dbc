"""Residential buildings (住宅楼): slabs facing south on estates, small houses in the old quarter and the villages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from shapely.geometry import Polygon

from .blocks import OLD_QUARTER, VILLAGES
from .names import ESTATES, NamePool
from .plan import Plan
from .streets import CRS
from .warp import FloatArray, Warp

BUILDINGS = 1500


@dataclass(frozen=True)
class Layout:
    """How houses stand on a block: sizes and distances in metres.

    Attributes
    ----------
    length_m, depth_m
        Footprint.
    row_m, column_m
        Distance between the centres of neighbouring houses.
    floors
        Range of storeys.
    per_floor
        Households on one floor.
    setback_m
        Distance from the block's border lines.
    keep_share
        Share of possible houses that are built.
    """

    length_m: float
    depth_m: float
    row_m: float
    column_m: float
    floors: tuple[int, int]
    per_floor: int
    setback_m: float
    keep_share: float


SLABS = Layout(42.0, 12.0, 27.0, 52.0, (5, 7), 6, 13.0, 0.9)
TOWERS = Layout(26.0, 18.0, 46.0, 44.0, (17, 28), 4, 18.0, 0.85)
COURTYARDS = Layout(12.5, 9.5, 15.0, 16.5, (1, 3), 1, 5.5, 0.62)
FARMHOUSES = Layout(13.0, 11.0, 21.0, 21.0, (2, 3), 1, 6.0, 0.5)


def _layout(plan_xy: FloatArray, ring: Polygon, rng: np.random.Generator) -> Layout | None:
    """Way of building at a block, None where nobody lives."""
    point = shapely.points(plan_xy)
    if shapely.contains(OLD_QUARTER, point):
        return COURTYARDS
    if not shapely.contains(ring, point):
        near = min(float(np.hypot(*(plan_xy - np.array(village)))) for village in VILLAGES.values())
        return FARMHOUSES if near < 260.0 else None
    if rng.random() < 0.3:
        return None
    new_town = plan_xy[1] < -450.0 or plan_xy[0] > 700.0
    return TOWERS if rng.random() < (0.55 if new_town else 0.1) else SLABS


def _houses(block: Polygon, layout: Layout, rng: np.random.Generator) -> list[Polygon]:
    """Houses of one block in rows that run about west-east, turned with the block."""
    yard = shapely.buffer(block, -layout.setback_m)
    if yard.is_empty:
        return []
    box = shapely.get_coordinates(shapely.oriented_envelope(block))[:3]
    side = box[1] - box[0]
    turn = float((np.arctan2(side[1], side[0]) + np.pi / 4) % (np.pi / 2) - np.pi / 4)
    half = float(np.hypot(*(np.array(block.bounds[2:]) - np.array(block.bounds[:2])))) / 2
    x, y = np.meshgrid(
        np.arange(-half, half, layout.column_m) + rng.uniform(0, layout.column_m),
        np.arange(-half, half, layout.row_m) + rng.uniform(0, layout.row_m),
    )
    small = layout.per_floor == 1
    wobble = rng.normal(0.0, 1.4 if small else 0.5, size=(2, x.size))
    centre = np.column_stack([x.ravel(), y.ravel()]) + wobble.T
    size = rng.uniform(0.8, 1.2, size=(x.size, 2)) if small else np.ones((x.size, 2))
    corner = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])
    local = corner[None] * (size * (layout.length_m, layout.depth_m))[:, None, :]
    lean = turn + rng.normal(0.0, 0.08 if small else 0.0, size=x.size)
    cos, sin = np.cos(lean)[:, None], np.sin(lean)[:, None]
    turned = np.stack([local[..., 0] * cos - local[..., 1] * sin, local[..., 0] * sin + local[..., 1] * cos], axis=-1)
    base = centre @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    middle = np.array([block.centroid.x, block.centroid.y])
    houses = shapely.polygons(np.round(turned + base[:, None, :] + middle, 3))
    shapely.prepare(yard)
    fit = shapely.contains_properly(yard, houses) & (rng.random(len(houses)) < layout.keep_share)
    return list(houses[fit])


def draw_buildings(
    faces: list[Polygon], plan: Plan, warp: Warp, keep_clear: shapely.Geometry, rng: np.random.Generator
) -> gpd.GeoDataFrame:
    """Draw the residential buildings.

    Parameters
    ----------
    faces
        Blocks, EPSG:4547.
    plan, warp
        The plan and its map to EPSG:4547.
    keep_clear
        Water, railway and streets inside blocks, where nothing is built.
    rng
        Source of chance.

    Returns
    -------
    GeoDataFrame
        At most ``BUILDINGS`` footprints, fields as in the file; households are counts only.
    """
    estates = NamePool(ESTATES, "期", rng)
    centres = warp.backward(shapely.get_coordinates(shapely.centroid(faces)))
    rows: list[dict[str, Any]] = []
    shapely.prepare(keep_clear)
    for face, plan_xy in zip(faces, centres, strict=True):
        layout = _layout(plan_xy, plan.ring, rng)
        if layout is None:
            continue
        houses = [house for house in _houses(face, layout, rng) if not keep_clear.intersects(house)]
        estate = estates.take() if layout.per_floor > 1 and houses else ""
        for number, house in enumerate(houses, start=1):
            floors = int(rng.integers(layout.floors[0], layout.floors[1] + 1))
            households = floors * layout.per_floor if layout.per_floor > 1 else int(rng.integers(1, 3))
            name = f"{estate}{number}栋" if estate else ""
            rows.append({"楼栋名称": name, "户数": households, "层数": floors, "geometry": house})
    small = [i for i, row in enumerate(rows) if not row["楼栋名称"]]
    surplus = max(0, len(rows) - BUILDINGS)
    dropped = set(rng.permutation(small)[:surplus].tolist())
    kept = [row for i, row in enumerate(rows) if i not in dropped]
    for number, row in enumerate((row for row in kept if not row["楼栋名称"]), start=1):
        row["楼栋名称"] = f"民房{number}号"
    return gpd.GeoDataFrame(kept, crs=CRS)

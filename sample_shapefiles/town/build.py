"""Builds the whole town: the main job, in the order in which a town grows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from shapely.geometry import Point

from .blocks import Mesh, add_dead_ends, build_mesh, plan_faces, subdivide
from .buildings import draw_buildings
from .cells import relate_blocks
from .facilities import draw_facilities, draw_teams
from .faults import Fault, spoil_party_grid, spoil_urban_grid
from .incidents import draw_incidents
from .names import RAILWAY_NAME, RIVER_NAME, STREET_OFFICE
from .places import make_frontages, river_polygon
from .plan import Plan, PlanLine, draw_plan
from .streets import CRS, UNDERSHOOT_M, add_island, add_undershoot, draw_streets, name_streets
from .warp import Warp, make_warp
from .write import GBK_LANGUAGE_BYTE, write_json, write_shapefile, zip_shapefile
from .zonings import draw_communities, draw_party_grid, draw_police_beats, draw_safety_grid, draw_urban_grid

DEAD_ENDS = 45
WITH_GBK_BYTE = ("道路", "设施_公共服务", "住宅楼")
ZIPPED = "警务网格"
ISLAND_PLAN_XY = (-300.0, 250.0)


@dataclass(frozen=True)
class Town:
    """All layers of the town (file name without suffix -> frame in EPSG:4547) and the list of faults."""

    layers: dict[str, gpd.GeoDataFrame]
    faults: list[Fault]


def _draw_mesh(plan: Plan, warp: Warp, rng: np.random.Generator) -> Mesh:
    """Fill the plan with streets and node everything."""
    streets = subdivide(plan, rng)
    spurs = add_dead_ends(plan_faces([line.line for line in plan.lines] + streets), plan, DEAD_ENDS, rng)
    return build_mesh(plan.lines + [PlanLine(line) for line in streets + spurs], warp)


def _draw_roads(mesh: Mesh, plan: Plan, warp: Warp, rng: np.random.Generator) -> tuple[gpd.GeoDataFrame, list[Fault]]:
    """Draw the road file with its three kinds of faults."""
    roads, uncut = draw_streets(mesh, name_streets(mesh, plan, warp, rng), rng)
    roads, island, count = add_island(roads, mesh.faces, warp.forward(np.array([ISLAND_PLAN_XY]))[0])
    roads, undershoot = add_undershoot(roads)

    def record(kind: str, point: Point, **more: Any) -> Fault:
        return {"kind": kind, "file": "道路.shp", "x": round(point.x, 3), "y": round(point.y, 3), **more}

    faults = [
        record("undershoot", undershoot, gap_m=UNDERSHOOT_M),
        record("island_network", island, name="翠园小区内部路", lines=count),
        *(record("uncut_crossing", Point(node)) for node in uncut),
    ]
    return roads, faults


def _background(plan: Plan, warp: Warp, river: shapely.Geometry) -> dict[str, gpd.GeoDataFrame]:
    """Water and railway, for the map only."""
    rail = shapely.get_parts(warp.bend(shapely.intersection(plan.railway, plan.limit)))
    water = max(shapely.get_parts(river), key=lambda part: float(part.area))
    return {
        "水系": gpd.GeoDataFrame({"水系名称": [RIVER_NAME], "geometry": [water]}, crs=CRS),
        "铁路": gpd.GeoDataFrame({"铁路名称": [RAILWAY_NAME] * len(rail), "geometry": rail}, crs=CRS),
    }


def build_town(seed: int) -> Town:
    """Build the town from nothing.

    Parameters
    ----------
    seed
        Seed of the one random generator behind everything.

    Returns
    -------
    Town
        Layers and faults.
    """
    rng = np.random.default_rng(seed)
    plan, warp = draw_plan(), make_warp(rng)
    mesh = _draw_mesh(plan, warp, rng)
    roads, road_faults = _draw_roads(mesh, plan, warp, rng)
    blocks = relate_blocks(mesh)
    areas = draw_communities(mesh, blocks, warp)
    safety = draw_safety_grid(mesh, blocks, areas, warp, rng)
    party, party_faults = spoil_party_grid(draw_party_grid(mesh, blocks, areas, warp, rng))
    urban, urban_faults = spoil_urban_grid(draw_urban_grid(mesh, blocks, areas, warp, rng))
    police = draw_police_beats(mesh, blocks, areas, rng)
    town_area = shapely.coverage_union_all(areas.frame.geometry.to_numpy())
    river = river_polygon(plan, warp, town_area)
    background = _background(plan, warp, river)
    frontages = make_frontages(roads, town_area, river, rng)
    facilities = draw_facilities(roads, areas.frame, frontages, warp, rng)
    teams = draw_teams(facilities["设施_公共服务"])
    incidents = draw_incidents(roads, frontages, warp, rng)
    tracks = shapely.buffer(background["铁路"].geometry.to_numpy(), 25.0)
    kerbs = shapely.buffer(roads.geometry.to_numpy(), roads["宽度"].to_numpy() / 2 + 2.0)
    clear = shapely.union_all([river, *tracks, *kerbs])
    layers = {
        "社区": areas.frame,
        "综治网格": safety,
        "党建网格": party,
        "城管网格": urban,
        "警务网格": police,
        **facilities,
        "道路": roads,
        "事件": incidents,
        "巡防队伍": teams,
        "住宅楼": draw_buildings(mesh.faces, plan, warp, clear, rng),
        **background,
    }
    return Town(layers, [*party_faults, *urban_faults, *road_faults])


def write_town(town: Town, folder: Path, seed: int) -> None:
    """Write all layers and ``faults.json`` into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in town.layers.items():
        path = folder / f"{name}.shp"
        write_shapefile(frame, path, GBK_LANGUAGE_BYTE if name in WITH_GBK_BYTE else 0x00)
        if name == ZIPPED:
            zip_shapefile(path)
    rows = {name: len(frame) for name, frame in town.layers.items()}
    write_json(
        {"street_office": STREET_OFFICE, "crs": CRS, "seed": seed, "rows": rows, "faults": town.faults},
        folder / "faults.json",
    )

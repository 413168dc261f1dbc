"""Communities and the four departments' zonings."""

from __future__ import annotations

from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import shapely
from shapely.geometry import LineString, Polygon

from .blocks import Mesh
from .cells import Blocks, IntArray, divide, draw_cells, group_from_seeds
from .digitising import Hand, offset_to_kerb, redraw
from .names import STREET_CODE, STREET_OFFICE
from .plan import GRADES
from .streets import CRS
from .warp import FloatArray, Warp

COMMUNITIES = {
    "鼓楼社区": (-270.0, -170.0),
    "柳河社区": (120.0, -270.0),
    "和平社区": (-330.0, 290.0),
    "文庙社区": (330.0, 240.0),
    "学府社区": (820.0, -60.0),
    "站前社区": (560.0, 480.0),
    "迎宾社区": (-880.0, 300.0),
    "西门社区": (-830.0, -60.0),
    "新城社区": (-480.0, -700.0),
    "滨江社区": (520.0, -740.0),
    "北塘村": (-200.0, 1000.0),
    "东岭村": (1430.0, 40.0),
    "石桥村": (-1380.0, -650.0),
}
"""Seed points of the communities, plan space, metres."""

PARTY_CELLS, SAFETY_CELLS, URBAN_CELLS, POLICE_BEATS = 45, 70, 110, 9
PARTY_HAND = Hand(node_error_m=1.3, bias_m=(1.0, 4.2), vertex_error_m=0.7, step_m=(28.0, 62.0))
POLICE_HAND = Hand(node_error_m=5.0, bias_m=(1.0, 6.0), vertex_error_m=3.0, step_m=None, simplify_m=11.0)
URBAN_HAND = Hand(node_error_m=0.25, bias_m=(0.1, 0.6), vertex_error_m=0.2, step_m=None)


@dataclass(frozen=True)
class Areas:
    """Communities and which blocks belong to them.

    Attributes
    ----------
    frame
        One row per community, EPSG:4547, fields as in the file.
    group
        Community number of every block, in the order of ``frame``.
    """

    frame: gpd.GeoDataFrame
    group: IntArray


def draw_communities(mesh: Mesh, blocks: Blocks, warp: Warp) -> Areas:
    """Group blocks to communities with borders along streets, river and railway."""
    seeds = warp.forward(np.array(list(COMMUNITIES.values())))
    group = group_from_seeds(blocks, seeds)
    cells = draw_cells(mesh, blocks, group)
    town = village = 0
    codes = []
    for name in COMMUNITIES:
        if name.endswith("村"):
            village += 1
            codes.append(f"{STREET_CODE}{200 + village:03d}")
        else:
            town += 1
            codes.append(f"{STREET_CODE}{town:03d}")
    frame = gpd.GeoDataFrame(
        {"社区代码": codes, "社区名称": list(COMMUNITIES), "街道名称": STREET_OFFICE, "geometry": cells}, crs=CRS
    )
    return Areas(frame, group)


def _wanted_area(blocks: Blocks, warp: Warp, core_m2: float, growth_m: float) -> FloatArray:
    """Wanted cell size at every block: ``core_m2`` in the old quarter, growing e-fold every ``growth_m`` outwards."""
    plan_xy = warp.backward(shapely.get_coordinates(shapely.centroid(blocks.faces)))
    distance = np.hypot(plan_xy[:, 0], plan_xy[:, 1] + 100.0)
    wanted: FloatArray = core_m2 * np.exp(np.maximum(0.0, distance - 350.0) / growth_m)
    return wanted


def _shares(areas: Areas, blocks: Blocks, wanted: FloatArray, total: int) -> IntArray:
    """How many cells every community gets: at least two, and ``total`` together."""
    need = np.bincount(areas.group, weights=shapely.area(blocks.faces) / wanted)
    exact = need / need.sum() * total
    shares = np.maximum(2, np.floor(exact)).astype(int)
    while shares.sum() != total:
        step = 1 if shares.sum() < total else -1
        shares[int(np.argmax((exact - shares) * step))] += step
    counts: IntArray = shares
    return counts


def _nested(areas: Areas, blocks: Blocks, wanted: FloatArray, total: int, rng: np.random.Generator) -> IntArray:
    """Divide every community on its own."""
    group = np.full(len(blocks.faces), -1)
    first = 0
    for number, count in enumerate(_shares(areas, blocks, wanted, total)):
        members = np.flatnonzero(areas.group == number)
        group[members] = first + divide(blocks, members, int(count), wanted[members], rng)
        first += int(count)
    return group


def _owners(group: IntArray, areas: Areas, blocks: Blocks) -> list[int]:
    """Community that holds most of every cell."""
    weight = shapely.area(blocks.faces)
    count = len(areas.frame)
    return [
        int(np.argmax(np.bincount(areas.group[group == cell], weights=weight[group == cell], minlength=count)))
        for cell in range(int(group.max()) + 1)
    ]


def _in_code_order(cells: list[Polygon], owners: list[int], codes: list[str]) -> list[int]:
    """Order of the cells: by community, then west to east, then north to south."""
    centres = shapely.get_coordinates(shapely.centroid(cells))
    return sorted(range(len(cells)), key=lambda i: (codes[owners[i]], round(centres[i, 0]), -centres[i, 1]))


def _sequence(owners: list[int]) -> list[int]:
    """Count up the cells of each community, from 1 on."""
    seen: dict[int, int] = {}
    numbers = []
    for owner in owners:
        seen[owner] = seen.get(owner, 0) + 1
        numbers.append(seen[owner])
    return numbers


def _table(
    cells: list[Polygon], owners: list[int], areas: Areas, *, digits: int, label: str, body: str
) -> gpd.GeoDataFrame:
    """Write the rows of one zoning in code order."""
    codes, names = areas.frame["社区代码"].tolist(), areas.frame["社区名称"].tolist()
    order = _in_code_order(cells, owners, codes)
    cells, owners = [cells[i] for i in order], [owners[i] for i in order]
    numbers = _sequence(owners)
    return gpd.GeoDataFrame(
        {
            "网格编码": [f"{codes[owner]}{number:0{digits}d}" for owner, number in zip(owners, numbers, strict=True)],
            "网格名称": [f"{names[o]}第{number}{label}" for o, number in zip(owners, numbers, strict=True)],
            "所属社区": [names[owner] for owner in owners],
            "责任单位": [body.format(names[owner]) for owner in owners],
            "面积": np.round(shapely.area(cells), 1),
            "geometry": cells,
        },
        crs=CRS,
    )


def draw_safety_grid(
    mesh: Mesh, blocks: Blocks, areas: Areas, warp: Warp, rng: np.random.Generator
) -> gpd.GeoDataFrame:
    """综治网格: nested in the communities, borders on the street centre lines."""
    group = _nested(areas, blocks, _wanted_area(blocks, warp, 42_000.0, 620.0), SAFETY_CELLS, rng)
    cells = draw_cells(mesh, blocks, group)
    return _table(cells, _owners(group, areas, blocks), areas, digits=3, label="网格", body="{}居委会")


def draw_party_grid(mesh: Mesh, blocks: Blocks, areas: Areas, warp: Warp, rng: np.random.Generator) -> gpd.GeoDataFrame:
    """党建网格: drawn at another time, 1-6 m off along many streets, with vertices of its own."""
    group = _nested(areas, blocks, _wanted_area(blocks, warp, 70_000.0, 700.0), PARTY_CELLS, rng)
    cells = draw_cells(mesh, blocks, group, lambda arcs: redraw(arcs, PARTY_HAND, rng))
    return _table(cells, _owners(group, areas, blocks), areas, digits=2, label="党建网格", body="{}党支部")


def _street_widths(arcs: list[LineString], mesh: Mesh) -> FloatArray:
    """Usual width of the street under every border, metres, 0 off the streets."""
    tree = shapely.STRtree(mesh.edges)
    nearest = tree.nearest(shapely.line_interpolate_point(arcs, 0.5, normalized=True))
    lines = [mesh.lines[mesh.parents[int(edge)]] for edge in nearest]
    return np.array([GRADES[line.grade][0] if line.kind == "street" else 0.0 for line in lines])


def draw_urban_grid(mesh: Mesh, blocks: Blocks, areas: Areas, warp: Warp, rng: np.random.Generator) -> gpd.GeoDataFrame:
    """城管网格: cells of about 10,000 m² in the dense core; many borders follow a kerb, not the centre line."""
    wanted = _wanted_area(blocks, warp, 10_500.0, 330.0)
    group = divide(blocks, np.arange(len(blocks.faces)), URBAN_CELLS, wanted, rng)

    def change(arcs: list[LineString]) -> list[LineString]:
        return redraw(offset_to_kerb(arcs, _street_widths(arcs, mesh), 0.42, rng), URBAN_HAND, rng)

    cells = draw_cells(mesh, blocks, group, change)
    owners, body = _owners(group, areas, blocks), STREET_OFFICE + "城管中队"
    frame = _table(cells, owners, areas, digits=3, label="城管网格", body=body)
    size = frame["面积"].to_numpy()
    frame.insert(5, "管理等级", np.where(size < 25_000, "一级", np.where(size < 90_000, "二级", "三级")))
    return frame


def draw_police_beats(mesh: Mesh, blocks: Blocks, areas: Areas, rng: np.random.Generator) -> gpd.GeoDataFrame:
    """警务网格: few coarse beats, digitised from a small-scale map with errors of 5-15 m."""
    everywhere = np.arange(len(blocks.faces))
    group = divide(blocks, everywhere, POLICE_BEATS, np.full(len(blocks.faces), 900_000.0), rng)
    cells = draw_cells(mesh, blocks, group, lambda arcs: redraw(arcs, POLICE_HAND, rng))
    frame = _table(cells, _owners(group, areas, blocks), areas, digits=3, label="警务区", body=STREET_OFFICE + "派出所")
    frame["网格编码"] = [f"JW{STREET_CODE[-3:]}{number:02d}" for number in range(1, len(frame) + 1)]
    frame["网格名称"] = [f"{'一二三四五六七八九十'[number]}号警务区" for number in range(len(frame))]
    return frame

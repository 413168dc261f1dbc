"""Towns for hypothesis: zonings of all the kinds that departments draw, and worse, as small plans that can be printed.

A plan holds a few numbers; :func:`make_town` makes the same polygons of it every time, so that an example that fails can be
told in one line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from hypothesis import strategies as st
from numpy.typing import NDArray

from geo.algorithms.partition.slivers import SliverParams
from geo.algorithms.zoning.codes import CodeScheme
from geo.algorithms.zoning.compose import POLICIES, Policy
from geo.algorithms.zoning.grouping import OptimiseParams
from geo.algorithms.zoning.unify import UnifyParams
from geo.model.frames import require_frame

SIDE_M = 1000.0
EPSG = 4547
SCHEME = CodeScheme("drawn", "six digits, for any number of cells", "", 6)
Polygons = NDArray[np.object_]
_ORIGINS = ((0.0, 0.0), (500_000.0, 4_400_000.0))
_OFFSETS_M = (1e-9, 1e-7, 1e-5, 1e-3, 0.05, 0.5, 5.0, 40.0)
_WOBBLES_M = (1e-8, 1e-6, 1e-4, 1e-2, 0.3, 2.0)
TOLERANCES_M = (0.0, 1e-3, 0.01, 0.5, 1.0, 5.0, 20.0)
LIMITS = ((0.0, 0.0), (5.0, 100.0), (15.0, 500.0), (60.0, 20_000.0))


@dataclass(frozen=True)
class LayerPlan:
    """One layer.

    Attributes
    ----------
    kind
        Key of the way it is drawn.
    seed
        Of its coordinates.
    count
        About how many polygons.
    step
        Which of the offsets, digits or widths of the kind.
    """

    kind: str
    seed: int
    count: int
    step: int


@dataclass(frozen=True)
class TownPlan:
    """Communities, zonings and how to unify them; ``tolerance_m`` None proposes one."""

    communities: LayerPlan
    zonings: tuple[LayerPlan, ...]
    far_from_origin: bool
    policy: Policy
    tolerance_m: float | None
    limits: tuple[float, float]
    fill_area_m2: float = 5_000.0
    upper_m2: float = 14_000.0


@dataclass(frozen=True)
class Town:
    """Zonings and communities as frames of the model."""

    zonings: Mapping[str, gpd.GeoDataFrame]
    communities: gpd.GeoDataFrame
    params: UnifyParams


def voronoi(rng: np.random.Generator, count: int) -> list[shapely.Geometry]:
    """Return cells that tile the town, a square of 1 km."""
    town = shapely.box(0, 0, SIDE_M, SIDE_M)
    sites = shapely.multipoints(rng.uniform(0, SIDE_M, (count, 2)))
    cells = shapely.get_parts(shapely.voronoi_polygons(sites, extend_to=town))
    return [cell for cell in shapely.intersection(cells, town) if cell.area > 0]


def _shifted(rng: np.random.Generator, plan: LayerPlan, base: Sequence[shapely.Geometry]) -> list[shapely.Geometry]:
    """Move each polygon on its own, so that they gape and overlap."""
    offset_m = _OFFSETS_M[plan.step % len(_OFFSETS_M)]
    return [shapely.transform(cell, lambda xy: xy + rng.normal(0, offset_m, 2)) for cell in base]


def _wobbled(rng: np.random.Generator, plan: LayerPlan, base: Sequence[shapely.Geometry]) -> list[shapely.Geometry]:
    """Draw the same tiling as another office does: every vertex off by a smooth error."""
    error_m, phase = _WOBBLES_M[plan.step % len(_WOBBLES_M)], rng.uniform(0, 6, 2)
    return [shapely.transform(cell, lambda xy: xy + error_m * np.sin(12.9898 * xy[:, ::-1] + phase)) for cell in base]


def _densified(rng: np.random.Generator, plan: LayerPlan, base: Sequence[shapely.Geometry]) -> list[shapely.Geometry]:
    """Draw the same tiling with vertices of its own on every side."""
    return [shapely.segmentize(cell, float(rng.uniform(5, 80))) for cell in base]


def _rectangles(rng: np.random.Generator, plan: LayerPlan, base: Sequence[shapely.Geometry]) -> list[shapely.Geometry]:
    """Draw rectangles anywhere, beyond the town as well, nested and crossing each other."""
    corners = rng.uniform(0, SIDE_M * 1.1, (max(plan.count // 2, 1), 2, 2)).round(plan.step % 4)
    low, high = corners.min(axis=1), corners.max(axis=1) + 1
    return list(shapely.box(low[:, 0], low[:, 1], high[:, 0], high[:, 1]))


def _discs(rng: np.random.Generator, plan: LayerPlan, base: Sequence[shapely.Geometry]) -> list[shapely.Geometry]:
    """Draw ragged discs that may overlap; what crosses itself is repaired and may be of several parts."""
    discs = []
    for _ in range(max(plan.count // 2, 1)):
        turns = np.sort(rng.uniform(0, 2 * np.pi, int(rng.integers(3, 40))))
        radius = np.abs(rng.uniform(20, 300) * (1 + 0.3 * rng.standard_normal(len(turns)))) + 1
        centre = rng.uniform(0, SIDE_M, 2)
        ring = centre + radius[:, None] * np.column_stack((np.cos(turns), np.sin(turns)))
        discs.append(shapely.Polygon(ring))
    return discs


def _islands(rng: np.random.Generator, plan: LayerPlan, base: Sequence[shapely.Geometry]) -> list[shapely.Geometry]:
    """Draw a ring, the disc that fills its hole, and a small disc across both."""
    x, y = rng.uniform(100, 900, 2)
    inner = shapely.Point(x, y).buffer(40)
    return [shapely.Point(x, y).buffer(90).difference(inner), inner, shapely.Point(x + 50, y).buffer(9)]


def _lattice(rng: np.random.Generator, plan: LayerPlan, base: Sequence[shapely.Geometry]) -> list[shapely.Geometry]:
    """Draw half of the squares of a chessboard: they meet at corners, as parts of one polygon too."""
    side = (100.0, 125.0, 200.0)[plan.step % 3]
    low = np.stack(np.meshgrid(np.arange(0, SIDE_M, side), np.arange(0, SIDE_M, side)), axis=-1).reshape(-1, 2)
    low = low[rng.random(len(low)) < 0.5]
    squares = shapely.box(*low.T, *(low + side).T)
    owner = rng.integers(0, max(plan.count, 1), len(squares)) if plan.step % 2 else np.arange(len(squares))
    return [shapely.union_all(squares[owner == number]) for number in np.unique(owner)]


def _pinched(rng: np.random.Generator, plan: LayerPlan, base: Sequence[shapely.Geometry]) -> list[shapely.Geometry]:
    """Draw a square whose hole touches its outline at a vertex, what fills the hole, and an island in that."""
    x, y = rng.uniform(100, 700, 2).round(plan.step % 4)
    hole = shapely.Polygon([(x, y + 100), (x + 100, y + 60), (x + 100, y + 140)])
    island = shapely.box(x + 80, y + 95, x + 90, y + 105)
    square = shapely.Polygon(
        [(x, y), (x + 200, y), (x + 200, y + 200), (x, y + 200), (x, y + 100)], [hole.exterior.coords]
    )
    return [square, hole.difference(island), island]


def _other(rng: np.random.Generator, plan: LayerPlan, base: Sequence[shapely.Geometry]) -> list[shapely.Geometry]:
    return voronoi(rng, plan.count + 1)


def _same(rng: np.random.Generator, plan: LayerPlan, base: Sequence[shapely.Geometry]) -> list[shapely.Geometry]:
    return list(base)


_Draw = Callable[[np.random.Generator, LayerPlan, Sequence[shapely.Geometry]], list[shapely.Geometry]]
KINDS: Mapping[str, _Draw] = {
    "other": _other,
    "same": _same,
    "wobbled": _wobbled,
    "densified": _densified,
    "shifted": _shifted,
    "rectangles": _rectangles,
    "lattice": _lattice,
    "discs": _discs,
    "islands": _islands,
    "pinched": _pinched,
}
_TILINGS = ("other", "same", "wobbled", "densified", "shifted", "lattice")


def draw_layer(plan: LayerPlan, base: Sequence[shapely.Geometry]) -> Polygons:
    """Return the valid polygons of a plan; at least one."""
    drawn = np.array(KINDS[plan.kind](np.random.default_rng(plan.seed), plan, base), dtype=object)
    drawn = shapely.make_valid(drawn, method="structure", keep_collapsed=False)
    drawn = drawn[np.isin(shapely.get_type_id(drawn), (3, 6)) & (shapely.area(drawn) > 0)]
    return drawn if len(drawn) else np.array(base, dtype=object)


def layer_plans(kinds: Sequence[str] = tuple(KINDS), most: int = 12) -> st.SearchStrategy[LayerPlan]:
    """Draw plans of layers."""
    seeds, steps = st.integers(0, 2**32 - 1), st.integers(0, 23)
    return st.builds(LayerPlan, st.sampled_from(kinds), seeds, st.integers(1, most), steps)


def layer_sets(largest: int = 12) -> st.SearchStrategy[list[LayerPlan]]:
    """Draw plans of 1 to 12 layers; mostly few."""
    few = st.lists(layer_plans(), min_size=1, max_size=min(4, largest))
    return (
        few if largest <= 4 else st.one_of(few, few, few, st.lists(layer_plans(most=5), min_size=5, max_size=largest))
    )


def town_plans(policies: Sequence[Policy] = POLICIES, largest: int = 12) -> st.SearchStrategy[TownPlan]:
    """Draw plans of towns."""
    communities = st.one_of(layer_plans(("other",), 4), layer_plans(_TILINGS, 4), layer_plans(most=4))
    return st.builds(
        TownPlan,
        communities,
        layer_sets(largest).map(tuple),
        st.booleans(),
        st.sampled_from(policies),
        st.sampled_from((None, *TOLERANCES_M)),
        st.sampled_from(LIMITS),
        st.sampled_from((0.0, 5_000.0, 100_000.0)),
        st.sampled_from((14_000.0, 100_000.0)),
    )


def draw_layers(plans: Sequence[LayerPlan], *, far_from_origin: bool = False) -> list[Polygons]:
    """Return the layers of plans; those that vary a tiling vary one of the same seed."""
    base = voronoi(np.random.default_rng(plans[0].seed), plans[0].count + 1)
    origin = np.array(_ORIGINS[far_from_origin])
    return [shapely.transform(draw_layer(plan, base), lambda xy: xy + origin) for plan in plans]


def make_town(plan: TownPlan) -> Town:
    """Return the town of a plan."""
    first, *drawn = draw_layers([plan.communities, *plan.zonings], far_from_origin=plan.far_from_origin)
    zonings = {f"z{number}": frame_cells(shapes, f"z{number}") for number, shapes in enumerate(drawn)}
    lower = plan.upper_m2 * 3 / 7
    params = UnifyParams(
        policy=plan.policy,
        reference=f"z{len(drawn) - 1}" if plan.policy == "reference" else None,
        tolerance_m=plan.tolerance_m,
        slivers=SliverParams(*plan.limits),
        fill_area_m2=plan.fill_area_m2,
        optimise=OptimiseParams(lower=lower, upper=plan.upper_m2, moves_per_face=4),
    )
    return Town(zonings, frame_communities(first), params)


def frame_cells(shapes: Polygons, zoning: str) -> gpd.GeoDataFrame:
    """Return polygons as a ``cell`` frame."""
    codes = [f"{zoning}-{number}" for number in range(len(shapes))]
    columns = {"zoning_id": zoning, "code": codes, "name": codes, "community_name": None, "attributes": "{}"}
    return _frame("cell", columns, shapes)


def frame_communities(shapes: Polygons) -> gpd.GeoDataFrame:
    """Return polygons as a ``community`` frame with official codes."""
    codes = [f"430406001{number:03d}" for number in range(1, len(shapes) + 1)]
    columns = {"code": codes, "name": codes, "street_name": None, "attributes": "{}"}
    return _frame("community", columns, shapes)


def _frame(table: str, columns: Mapping[str, object], shapes: Polygons) -> gpd.GeoDataFrame:
    parts, owner = shapely.get_parts(shapes, return_index=True)
    rows = pd.DataFrame(columns, index=range(len(shapes)))
    multi = shapely.multipolygons(parts, indices=owner)
    frame: gpd.GeoDataFrame = require_frame(table, gpd.GeoDataFrame(rows, geometry=multi, crs=EPSG))
    return frame

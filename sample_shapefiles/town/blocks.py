"""Cutting the areas between main streets into blocks, and noding all lines to edges and faces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import shapely
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree
from shapely.geometry import LineString, MultiPoint, Point, Polygon
from shapely.ops import substring

from .plan import Plan, PlanLine
from .warp import FloatArray, Warp

OLD_QUARTER = Polygon([(-520, -140), (-100, 60), (330, 40), (330, -560), (60, -560), (-200, -480), (-480, -250)])
VILLAGES = {
    "北塘村": (-330.0, 1170.0),
    "东岭村": (1440.0, -130.0),
    "石桥村": (-1290.0, -860.0),
    "杨家湾": (-1420.0, 330.0),
    "陈家墩": (950.0, 1020.0),
    "南坪": (330.0, -1150.0),
    "沙洲": (1420.0, 350.0),
}
"""Old villages, plan space, metres: their lanes are dense and crooked."""

NODE_GRID_M = 0.001
JOIN_M = 3.0
OVERSHOOT_M = 0.02
SNAP_M = 24.0
MIN_ANGLE_COS = float(np.cos(np.deg2rad(52.0)))


@dataclass(frozen=True)
class Texture:
    """How a neighbourhood is cut.

    Attributes
    ----------
    area_m2
        Size at which a block is left alone.
    jitter_rad
        Standard deviation of the direction of a cut.
    bend_ratio
        Standard deviation of the bulge of a cut, as a share of its length.
    """

    area_m2: float
    jitter_rad: float
    bend_ratio: float


@dataclass(frozen=True)
class Surroundings:
    """What a new street has to mind, in plan space.

    Attributes
    ----------
    banned
        Lines that no new street may end at.
    limit
        Outer limit of the area; a street may not link it with itself.
    junctions
        Places where streets meet already, shape (n, 2).
    """

    banned: shapely.Geometry
    limit: shapely.Geometry
    junctions: FloatArray


@dataclass(frozen=True)
class Mesh:
    """Noded lines and the faces between them, in EPSG:4547.

    Attributes
    ----------
    edges
        Bent edges, end points shared exactly.
    parents
        Index into ``lines`` for every edge.
    lines
        All plan lines.
    faces
        Blocks: a coverage of the street office area.
    """

    edges: list[LineString]
    parents: list[int]
    lines: list[PlanLine]
    faces: list[Polygon]


def texture_at(block: Polygon, ring: Polygon, scale: float) -> Texture:
    """Texture of the neighbourhood that a plan-space block lies in; ``scale`` is the block's own share of luck."""
    centre = block.centroid
    if OLD_QUARTER.contains(centre):
        return Texture(4500.0 * scale, 0.16, 0.05)
    village_m = min(block.distance(Point(xy)) for xy in VILLAGES.values())
    if village_m < 95.0 and not ring.contains(centre):
        return Texture(8000.0 * scale, 0.24, 0.08)
    if not ring.contains(centre):
        return Texture(82_000.0 * scale, 0.15, 0.05)
    centre_m = float(np.hypot(centre.x - 20.0, (centre.y - 150.0) * 1.3))
    return Texture((8800.0 + 18.0 * max(0.0, centre_m - 250.0)) * scale, 0.05, 0.015)


def _tangent_cos(ring: LineString, at: Point, heading: FloatArray) -> float:
    """Largest |cos| between a heading and the ring's two directions at a point."""
    along = ring.project(at)
    cosines = []
    for offset in (-9.0, 9.0):
        other = ring.interpolate((along + offset) % ring.length)
        direction = np.array([other.x - at.x, other.y - at.y])
        cosines.append(abs(float(direction @ heading)) / max(1e-9, float(np.hypot(*direction))))
    return max(cosines)


def _propose(block: Polygon, texture: Texture, tries: int, rng: np.random.Generator) -> LineString | None:
    """Lay a chord across the block, roughly square to its longer side."""
    box = np.asarray(shapely.oriented_envelope(block).exterior.coords)
    sides = np.diff(box[:3], axis=0)
    lengths = np.hypot(sides[:, 0], sides[:, 1])
    along = int(np.argmax(lengths * ([1, 1] if tries < 14 else [1, lengths[0] / lengths[1] * 1.01])))
    unit = sides[along] / lengths[along]
    start = box[:2].mean(axis=0) if along == 1 else box[1:3].mean(axis=0) - sides[0]
    where = start + unit * lengths[along] * rng.uniform(0.34, 0.66)
    turn = rng.normal(0.0, texture.jitter_rad * (1 + tries / 12))
    cos, sin = np.cos(turn), np.sin(turn)
    across = np.array([-unit[1] * cos - unit[0] * sin, unit[0] * cos - unit[1] * sin]) * lengths.sum()
    pieces = shapely.get_parts(shapely.intersection(block, LineString([where - across, where + across])))
    chords = [piece for piece in pieces if isinstance(piece, LineString)]
    return max(chords, key=lambda piece: piece.length) if chords else None


def _snap(ring: LineString, end: Point, junctions: FloatArray) -> Point:
    """Move an end to a junction that already lies on the ring close by, so that streets cross rather than miss."""
    distance = np.hypot(junctions[:, 0] - end.x, junctions[:, 1] - end.y)
    for index in np.argsort(distance)[:4]:
        near = Point(junctions[index])
        if distance[index] < SNAP_M and ring.distance(near) < 0.01:
            return near
    return end


def _bulge(a: FloatArray, b: FloatArray, texture: Texture, rng: np.random.Generator) -> LineString:
    """Draw a slightly curved or kinked line between two points."""
    normal = np.array([a[1] - b[1], b[0] - a[0]])
    share = np.array([0.28, 0.5, 0.72])
    height = rng.normal(0.0, texture.bend_ratio) * np.array([0.8, 1.0, 0.8]) + rng.normal(
        0.0, texture.bend_ratio / 3, size=3
    )
    middle = a + (b - a) * share[:, None] + normal * height[:, None]
    return LineString(np.vstack([a, middle, b]))


def _cut_block(
    block: Polygon,
    texture: Texture,
    surroundings: Surroundings,
    rng: np.random.Generator,
) -> tuple[LineString, list[Polygon]] | None:
    """Try to divide one block in two by a street; None when no decent place was found."""
    ring = LineString(block.exterior.coords)
    for tries in range(28):
        chord = _propose(block, texture, tries, rng)
        if chord is None or chord.length < 25.0:
            continue
        ends = [_snap(ring, Point(xy), surroundings.junctions) for xy in (chord.coords[0], chord.coords[-1])]
        a, b = (np.array([end.x, end.y]) for end in ends)
        heading = (b - a) / max(1e-9, float(np.hypot(*(b - a))))
        near = any(shapely.dwithin(surroundings.banned, end, 14.0) for end in ends)
        if near or any(_tangent_cos(ring, end, heading) > MIN_ANGLE_COS for end in ends):
            continue
        street = _bulge(a, b, texture, rng)
        if all(shapely.dwithin(surroundings.limit, end, 1.0) for end in ends):
            continue
        if not shapely.buffer(block, 0.01).contains(street):
            continue
        lines = shapely.union_all([ring, street], grid_size=NODE_GRID_M)
        parts = list(shapely.get_parts(shapely.polygonize(shapely.get_parts(lines))))
        if len(parts) == 2 and min(part.area for part in parts) > 0.26 * block.area:
            return street, sorted(parts, key=lambda part: (part.centroid.x, part.centroid.y))
    return None


def subdivide(plan: Plan, rng: np.random.Generator) -> list[LineString]:
    """Cut all areas between the main streets into blocks.

    Parameters
    ----------
    plan
        The main structure.
    rng
        Source of chance.

    Returns
    -------
    list of LineString
        New streets in plan space.
    """
    base = shapely.union_all([line.line for line in plan.lines], grid_size=NODE_GRID_M)
    blocks = list(shapely.get_parts(shapely.polygonize(shapely.get_parts(base))))
    closed = ("river", "railway", "divider")
    banned = shapely.union_all([line.line for line in plan.lines if line.kind in closed or line.level != 0])
    ends = np.vstack([shapely.get_coordinates(part)[[0, -1]] for part in shapely.get_parts(base)])
    junctions = [tuple(xy) for xy in np.unique(np.round(ends, 3), axis=0)]
    queue = sorted(blocks, key=lambda block: (round(block.centroid.x, 3), block.centroid.y))
    streets: list[LineString] = []
    while queue:
        block = queue.pop()
        texture = texture_at(block, plan.ring, float(np.exp(rng.normal(0.0, 0.32))))
        verge = plan.river.distance(block.centroid) < 45.0 or plan.railway.distance(block.centroid) < 45.0
        if verge or block.area < texture.area_m2 * 1.35:
            continue
        done = _cut_block(block, texture, Surroundings(banned, plan.limit.exterior, np.array(junctions)), rng)
        if done is None:
            continue
        street, parts = done
        streets.append(street)
        junctions += [street.coords[0], street.coords[-1]]
        queue += parts
    return streets


def add_dead_ends(faces: list[Polygon], plan: Plan, count: int, rng: np.random.Generator) -> list[LineString]:
    """Short streets that end inside a block, plan space; their open ends keep 22 m from other streets."""
    banned = shapely.union_all([line.line for line in plan.lines if line.kind != "street" or line.level != 0])
    spurs: list[LineString] = []
    for index in rng.permutation(len(faces)):
        face = faces[int(index)]
        ring = LineString(face.exterior.coords)
        deep = shapely.maximum_inscribed_circle(face, tolerance=2.0)
        if not 7000 < face.area < 90_000 or deep.length < 34.0 or plan.river.distance(face) < 60.0:
            continue
        inner = Point(deep.coords[0])
        foot = ring.interpolate(ring.project(inner) + rng.uniform(-12, 12))
        heading = np.array([inner.x - foot.x, inner.y - foot.y])
        corner_m = shapely.distance(foot, MultiPoint(np.asarray(shapely.simplify(ring, 4.0).coords)))
        unit = heading / np.hypot(*heading)
        if corner_m < 16 or shapely.dwithin(banned, foot, 30.0) or _tangent_cos(ring, foot, unit) > MIN_ANGLE_COS:
            continue
        line = LineString(
            [
                (foot.x, foot.y),
                (inner.x + unit[1] * 4, inner.y - unit[0] * 4),
                tuple(np.array([inner.x, inner.y]) + unit * rng.uniform(3, 12)),
            ]
        )
        spurs.append(substring(line, 0.0, line.length - rng.uniform(0, 8)))
        if len(spurs) == count:
            break
    return spurs


def node_lines(lines: list[LineString]) -> list[LineString]:
    """Cut lines where they meet, and make one node of meetings closer than ``JOIN_M``.

    Parameters
    ----------
    lines
        Lines in plan space; a street may miss or pass the line that it ends at by up to ``OVERSHOOT_M``.

    Returns
    -------
    list of LineString
        Edges between nodes, in a fixed order.
    """
    pieces = shapely.get_parts(shapely.union_all([extend(line) for line in lines], grid_size=NODE_GRID_M))
    ends = np.array([shapely.get_coordinates(piece)[[0, -1]] for piece in pieces])
    nodes, where = np.unique(np.round(ends.reshape(-1, 2), 3), axis=0, return_inverse=True)
    pairs = cKDTree(nodes).query_pairs(JOIN_M, output_type="ndarray")
    links = coo_matrix((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(len(nodes), len(nodes)))
    cluster = connected_components(links, directed=False)[1]
    first = np.unique(cluster, return_index=True)[1]
    joined = cluster[where.reshape(-1, 2)]
    edges = []
    for piece, (a, b) in zip(pieces, joined, strict=True):
        xy = shapely.get_coordinates(piece)
        if a == b and piece.length < 3 * JOIN_M:
            continue
        xy[0], xy[-1] = nodes[first[a]], nodes[first[b]]
        edges.append(LineString(xy))
    return sorted(edges, key=lambda edge: tuple(edge.coords[0]) + tuple(edge.coords[-1]))


def extend(line: LineString) -> LineString:
    """Lengthen both ends by ``OVERSHOOT_M``, so that rounding cannot part a street from the one that it ends at."""
    xy = shapely.get_coordinates(line)
    first, last = xy[0] - xy[1], xy[-1] - xy[-2]
    xy[0] += first / np.hypot(*first) * OVERSHOOT_M
    xy[-1] += last / np.hypot(*last) * OVERSHOOT_M
    return LineString(xy)


def plan_faces(lines: list[LineString]) -> list[Polygon]:
    """Faces between plan-space lines, in a fixed order."""
    return in_order(shapely.get_parts(shapely.polygonize(node_lines(lines))))


def in_order(faces: Iterable[Polygon]) -> list[Polygon]:
    """Faces sorted from west to east."""
    return sorted(faces, key=lambda face: (round(face.centroid.x, 2), face.centroid.y))


def build_mesh(lines: list[PlanLine], warp: Warp) -> Mesh:
    """Node all lines in plan space, bend the edges, and polygonize the faces in EPSG:4547."""
    noded = node_lines([line.line for line in lines])
    tree = shapely.STRtree([line.line for line in lines])
    parents = tree.nearest(shapely.line_interpolate_point(noded, 0.5, normalized=True))
    edges = [warp.bend(edge) for edge in noded]
    faces = in_order(shapely.get_parts(shapely.polygonize(edges)))
    return Mesh(edges, [int(parent) for parent in parents], lines, faces)

"""Noded edges joined to street features as an office would have drawn them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import shapely
from shapely.geometry import LineString, Point
from shapely.ops import substring

from .blocks import OLD_QUARTER, Mesh
from .names import OLD_LANES, URBAN_STREETS, VILLAGE_LANES, NamePool
from .plan import GRADES, Plan
from .warp import FloatArray, Warp

Node = tuple[float, float]
CRS = "EPSG:4547"
STRAIGHT_ON_RAD = float(np.deg2rad(36.0))
UNCUT_CROSSINGS = 14
UNDERSHOOT_M = 0.3


@dataclass
class Street:
    """One named street: the edges that carry one name at one level.

    Attributes
    ----------
    name, grade, level, one_way
        As in the file; ``one_way`` is 1 along the drawing direction, -1 against it, 0 for both.
    edges
        Edge numbers of the mesh.
    width_m
        Carriageway width.
    """

    name: str
    grade: str
    level: int
    edges: list[int] = field(default_factory=list)
    one_way: int = 0
    width_m: float = 0.0


def _ends(edge: LineString) -> tuple[Node, Node]:
    return (edge.coords[0][0], edge.coords[0][1]), (edge.coords[-1][0], edge.coords[-1][1])


def _headings(edge: LineString) -> tuple[float, float]:
    """Direction in which the edge leaves each of its ends, radians."""
    xy = np.asarray(edge.coords)
    first, last = xy[1] - xy[0], xy[-2] - xy[-1]
    return float(np.arctan2(first[1], first[0])), float(np.arctan2(last[1], last[0]))


def find_strokes(edges: dict[int, LineString]) -> list[list[int]]:
    """Join edges that go straight on through their junctions.

    Parameters
    ----------
    edges
        Edge number to line, EPSG:4547.

    Returns
    -------
    list of list of int
        Edge numbers of every stroke, in a fixed order.
    """
    at_node: dict[Node, list[tuple[int, float]]] = defaultdict(list)
    for number, edge in edges.items():
        for node, heading in zip(_ends(edge), _headings(edge), strict=True):
            at_node[node].append((number, heading))
    graph = nx.Graph()
    graph.add_nodes_from(edges)
    for incident in at_node.values():
        pairs = []
        for i, (one, heading) in enumerate(incident):
            for other, other_heading in incident[i + 1 :]:
                turn = abs((heading - other_heading + 2 * np.pi) % (2 * np.pi) - np.pi)
                pairs.append((turn, one, other))
        used: set[int] = set()
        for turn, one, other in sorted(pairs):
            if turn < STRAIGHT_ON_RAD and one != other and not {one, other} & used:
                graph.add_edge(one, other)
                used |= {one, other}
    return [sorted(stroke) for stroke in sorted(nx.connected_components(graph), key=min)]


def name_streets(mesh: Mesh, plan: Plan, warp: Warp, rng: np.random.Generator) -> list[Street]:
    """Give every street edge a name and a grade; one name runs along one continuous street."""
    named: dict[tuple[str, int], Street] = {}
    unnamed: dict[int, LineString] = {}
    for number, parent in enumerate(mesh.parents):
        line = mesh.lines[parent]
        if line.kind == "street" and line.name:
            street = named.setdefault((line.name, line.level), Street(line.name, line.grade, line.level))
            street.edges.append(number)
        elif line.kind == "street":
            unnamed[number] = mesh.edges[number]
    pools = {
        "old": NamePool(OLD_LANES, "弄", rng),
        "village": NamePool(VILLAGE_LANES, "巷", rng),
        "urban": NamePool(URBAN_STREETS, "巷", rng),
    }
    streets = list(named.values())
    strokes = sorted(find_strokes(unnamed), key=lambda stroke: -sum(unnamed[edge].length for edge in stroke))
    for stroke in strokes:
        length_m = sum(unnamed[edge].length for edge in stroke)
        middle = shapely.union_all([unnamed[edge] for edge in stroke]).centroid
        at = Point(warp.backward(np.array([[middle.x, middle.y]]))[0])
        where = "old" if OLD_QUARTER.contains(at) else "urban" if plan.ring.contains(at) else "village"
        grade = "巷道" if where == "old" or length_m < 170.0 or (where == "village" and length_m < 420) else "支路"
        streets.append(Street(pools[where].take(), grade, 0, stroke))
    for street in streets:
        usual = GRADES[street.grade][0]
        street.width_m = float(np.round(usual * rng.uniform(0.8, 1.2) * 2) / 2)
    _choose_pedestrian_street(streets, mesh, warp)
    return streets


def _choose_pedestrian_street(streets: list[Street], mesh: Mesh, warp: Warp) -> None:
    """Turn one lane of the old quarter into the pedestrian street."""
    heart = Point(warp.forward(np.array([[90.0, -230.0]]))[0])
    lanes = [street for street in streets if street.grade == "巷道"]

    def badness(street: Street) -> float:
        lines = [mesh.edges[edge] for edge in street.edges]
        length_m = sum(line.length for line in lines)
        return float(abs(length_m - 300.0) + heart.distance(shapely.union_all(lines)))

    best = min(lanes, key=badness)
    best.name, best.grade, best.width_m = "鼓楼步行街", "步行街", 14.0


def _merged(street: Street, mesh: Mesh) -> list[LineString]:
    """Draw the street's lines in one go, directed from west to east or south to north."""
    lines = shapely.get_parts(shapely.line_merge(shapely.union_all([mesh.edges[edge] for edge in street.edges])))
    turned = [line if sum(line.coords[0]) <= sum(line.coords[-1]) else shapely.reverse(line) for line in lines]
    return sorted(turned, key=lambda line: tuple(line.coords[0]))


def _junctions(streets: list[Street], lines: list[list[LineString]]) -> dict[Node, set[int]]:
    """Nodes at which streets meet: vertices of ground streets and the ends of bridges and tunnels."""
    meets: dict[Node, set[int]] = defaultdict(set)
    for number, (street, parts) in enumerate(zip(streets, lines, strict=True)):
        for line in parts:
            coords = line.coords if street.level == 0 else (line.coords[0], line.coords[-1])
            for xy in coords:
                meets[(xy[0], xy[1])].add(number)
    return {node: who for node, who in meets.items() if len(who) > 1}


def _choose_uncut(
    streets: list[Street], lines: list[list[LineString]], junctions: dict[Node, set[int]], rng: np.random.Generator
) -> list[Node]:
    """Crossings of two small streets that both go straight on: these are drawn without a vertex."""
    fit: list[Node] = []
    for node in sorted(junctions):
        who = junctions[node]
        if len(who) != 2 or any(streets[number].grade not in ("支路", "巷道") for number in who):
            continue
        bends = []
        for number in sorted(who):
            for line in lines[number]:
                at = [i for i, xy in enumerate(line.coords) if (xy[0], xy[1]) == node]
                if at and 0 < at[0] < len(line.coords) - 1:
                    near = LineString([line.coords[at[0] - 1], line.coords[at[0] + 1]])
                    bends.append(near.distance(Point(node)))
        if len(bends) == 2 and max(bends) < 0.6:
            fit.append(node)
    picked = rng.permutation(len(fit))[:UNCUT_CROSSINGS]
    return [fit[int(index)] for index in sorted(picked)]


def _cut_at(line: LineString, nodes: set[Node], dropped: set[Node]) -> list[LineString]:
    """Cut a line at the given vertices, and leave out the dropped ones."""
    pieces: list[LineString] = []
    current: list[Node] = []
    for index, xy in enumerate(line.coords):
        node = (xy[0], xy[1])
        if node in dropped and 0 < index < len(line.coords) - 1:
            continue
        current.append(node)
        if node in nodes and len(current) > 1:
            pieces.append(LineString(current))
            current = [node]
    if len(current) > 1:
        pieces.append(LineString(current))
    return pieces


def draw_streets(mesh: Mesh, streets: list[Street], rng: np.random.Generator) -> tuple[gpd.GeoDataFrame, list[Node]]:
    """Draw the road file.

    Parameters
    ----------
    mesh
        Noded edges, EPSG:4547.
    streets
        Named streets; their ``one_way`` is set here.
    rng
        Source of chance.

    Returns
    -------
    GeoDataFrame
        One row per stretch between junctions, EPSG:4547, fields as in the file.
    list of tuple
        Places where two lines cross without a vertex.
    """
    lines = [_merged(street, mesh) for street in streets]
    junctions = _junctions(streets, lines)
    uncut = _choose_uncut(streets, lines, junctions, rng)
    nodes = set(junctions) - set(uncut)
    choose_one_way(streets, lines, nodes)
    rows: list[dict[str, Any]] = []
    for street, parts in zip(streets, lines, strict=True):
        for line in parts:
            for piece in _cut_at(line, nodes if street.level == 0 else set(), set(uncut)):
                backwards = rng.random() < 0.3
                way = street.one_way * (-1 if backwards else 1)
                rows.append(
                    {
                        "道路名称": street.name,
                        "道路等级": street.grade,
                        "单行": {0: "否", 1: "正向", -1: "反向"}[way],
                        "层级": street.level,
                        "限速": GRADES[street.grade][1],
                        "宽度": street.width_m,
                        "geometry": shapely.reverse(piece) if backwards else piece,
                    }
                )
    return gpd.GeoDataFrame(rows, crs=CRS), uncut


def choose_one_way(streets: list[Street], lines: list[list[LineString]], nodes: set[Node]) -> None:
    """Make some streets one-way, in pairs of opposite direction, as long as every place stays reachable both ways."""
    graph = nx.MultiDiGraph()
    for number, parts in enumerate(lines):
        for line in parts:
            for piece in _cut_at(line, nodes if streets[number].level == 0 else set(), set()):
                start, end = _ends(piece)
                graph.add_edge(start, end, key=(number, 1, start))
                graph.add_edge(end, start, key=(number, -1, start))
    wanted = [i for i, street in enumerate(streets) if street.name in ("胜利街", "文化街", "体育路")]
    small = [i for i, street in enumerate(streets) if street.grade in ("支路", "巷道") and street.level == 0]
    small = [i for i in small if len(lines[i]) == 1 and 230.0 < lines[i][0].length < 620.0]
    small.sort(key=lambda i: lines[i][0].distance(Point(519_200.0, 3_364_700.0)))
    for turn, number in enumerate([*wanted, *small[:26]]):
        way = 1 if turn % 2 else -1
        removed = [(u, v, k) for u, v, k in graph.edges(keys=True) if k[0] == number and k[1] == -way]
        graph.remove_edges_from(removed)
        if nx.is_strongly_connected(graph):
            streets[number].one_way = way
        else:
            graph.add_edges_from(removed)


def add_island(roads: gpd.GeoDataFrame, faces: list[Any], centre: FloatArray) -> tuple[gpd.GeoDataFrame, Point, int]:
    """Draw the inner streets of a fenced estate, joined to nothing outside.

    Returns
    -------
    GeoDataFrame
        Roads with the island appended.
    Point
        Middle of the island, EPSG:4547.
    int
        Number of lines in it.
    """
    drawn = shapely.union_all(roads.geometry.to_numpy())
    free = [face for face in faces if not shapely.intersects(shapely.buffer(face, -14.0), drawn)]
    circles = [(face, shapely.maximum_inscribed_circle(face, tolerance=1.0)) for face in free if face.area < 45_000]
    face, circle = min(
        circles,
        key=lambda pair: (
            abs(pair[1].length - 62.0) * 12 + np.hypot(pair[0].centroid.x - centre[0], pair[0].centroid.y - centre[1])
        ),
    )
    middle = Point(circle.coords[0])
    loop = shapely.simplify(shapely.buffer(shapely.buffer(face, -24.0), -4.0), 2.5).exterior
    cuts = [0.0, loop.length * 0.22, loop.length * 0.5, loop.length * 0.71, loop.length]
    pieces = [substring(loop, a, b) for a, b in pairwise(cuts)]
    pieces.append(LineString([pieces[0].coords[-1], (middle.x, middle.y), pieces[2].coords[-1]]))
    pieces = [shapely.transform(piece, lambda xy: np.round(xy, 3)) for piece in pieces]
    same = {"道路名称": "翠园小区内部路", "道路等级": "巷道", "单行": "否", "层级": 0, "限速": 10, "宽度": 5.5}
    rows = [same | {"geometry": piece} for piece in pieces]
    joined = gpd.GeoDataFrame([*roads.to_dict("records"), *rows], crs=CRS)
    return joined, middle, len(rows)


def add_undershoot(roads: gpd.GeoDataFrame) -> tuple[gpd.GeoDataFrame, Point]:
    """Let one lane end 0.3 m short of the street that it should meet.

    Returns
    -------
    GeoDataFrame
        Roads with the fault.
    Point
        Where the lane should have ended, EPSG:4547.
    """
    ends: dict[Node, list[int]] = defaultdict(list)
    for row, line in enumerate(roads.geometry):
        for node in _ends(line):
            ends[node].append(row)
    names, grades = roads["道路名称"].to_numpy(), roads["道路等级"].to_numpy()
    for row in range(len(roads)):
        line = roads.geometry.iloc[row]
        node, other = _ends(line)
        alone = [names[near] for near in ends[node] if near != row]
        busy = len(ends[other]) >= 3 and roads["单行"].iloc[row] == "否"
        ends_at_street = len(alone) == 2 and alone[0] == alone[1] != names[row]
        if grades[row] == "巷道" and busy and ends_at_street and line.length > 60:
            short = shapely.transform(substring(line, UNDERSHOOT_M, line.length), lambda xy: np.round(xy, 3))
            lines = list(roads.geometry)
            lines[row] = short
            return roads.set_geometry(gpd.GeoSeries(lines, crs=CRS)), Point(node)
    message = "no lane ends alone at a street"
    raise ValueError(message)

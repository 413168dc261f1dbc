"""The map of a route sheet: the project's own streets and buildings, the route, its visits; SVG, no tiles."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from markupsafe import Markup, escape
from numpy.typing import NDArray

from geo.model.itinerary import Instruction, Itinerary
from maps.palette import STREET_STYLES
from maps.sheet_paper import Paper, Room, arrows, beside, path_of, tilted_box
from maps.wording import length_text

GREY = "#5f6b78"
_PX_TO_MM = 0.27
_FULL_DETAIL_MM_PER_M = 0.2
_NAME_MM = 2.5
_MAX_NAMES = 80
_STEEP_DEG = 48.0
_MAX_BUILDINGS = 4000
_TWICE_MM = 0.65
_TURN_LABELS = 60


def paper_of(itinerary: Itinerary, height_mm: float) -> Paper:
    """Return the paper that shows a route with its visits."""
    places = [place for told in itinerary.instructions for place in told.way]
    places += [(told.visit.x, told.visit.y) for told in itinerary.visits if told.visit]
    xy = np.array(places)
    (minx, miny), (maxx, maxy) = xy.min(axis=0), xy.max(axis=0)
    return Paper.around((float(minx), float(miny), float(maxx), float(maxy)), height_mm)


def draw_map(
    itinerary: Itinerary, paper: Paper, streets: gpd.GeoDataFrame, buildings: gpd.GeoDataFrame, colour: str
) -> Markup:
    """Return the map as an SVG element.

    Parameters
    ----------
    itinerary
        The route.
    paper
        The window.
    streets, buildings
        ``network_edge`` and ``building`` rows; what lies outside the window is left out.
    colour
        Of the route.
    """
    box = shapely.box(*paper.ground)
    near = streets.iloc[np.sort(streets.sindex.query(box))]
    room = Room(paper)
    _reserve_furniture(paper, room)
    marks = _marks(itinerary, paper, room, colour)
    names = _names(near, itinerary, paper, room)
    parts = [
        f'<rect width="{paper.width_mm:g}" height="{paper.height_mm:g}" fill="#f4f1ea"/>',
        _buildings(buildings, paper, box),
        _streets(near, paper),
        _route(itinerary, paper, colour),
        names,
        marks,
        _frame(paper),
    ]
    return Markup(
        '<svg class="map" viewBox="0 0 {w} {h}" style="height:{h}mm" role="img" preserveAspectRatio="xMidYMid slice">'
        "{body}</svg>"
    ).format(w=f"{paper.width_mm:g}", h=f"{paper.height_mm:g}", body=Markup("".join(parts)))  # noqa: S704


def _buildings(buildings: gpd.GeoDataFrame, paper: Paper, box: shapely.Polygon) -> str:
    if len(buildings) == 0 or paper.mm_per_m < _FULL_DETAIL_MM_PER_M / 6:
        return ""
    shapes = buildings.geometry.to_numpy()[np.sort(buildings.sindex.query(box))][:_MAX_BUILDINGS]
    rings = shapely.get_exterior_ring(shapely.get_parts(shapes))
    paths = "".join(path_of(paper.to_mm(shapely.get_coordinates(ring))) + "Z" for ring in rings)
    return f'<path d="{paths}" fill="#e3ddd1"/>'


def _streets(streets: gpd.GeoDataFrame, paper: Paper) -> str:
    """Return the streets, all casings below all fills, small streets first."""
    shrink = min(max((paper.mm_per_m / _FULL_DETAIL_MM_PER_M) ** 0.5, 0.35), 1.0)
    casings, fills = [], []
    for road_class in reversed(STREET_STYLES):
        fill, casing, width_px = STREET_STYLES[road_class]
        lines = streets.geometry.to_numpy()[(streets["road_class"] == road_class).to_numpy()]
        if len(lines) == 0:
            continue
        path = "".join(path_of(paper.to_mm(shapely.get_coordinates(line))) for line in lines)
        width = width_px * _PX_TO_MM * shrink
        casings.append(f'<path d="{path}" stroke="{casing}" stroke-width="{width + 0.3:.2f}"/>')
        fills.append(f'<path d="{path}" stroke="{fill}" stroke-width="{width:.2f}"/>')
    return f'<g fill="none" stroke-linecap="round" stroke-linejoin="round">{"".join(casings + fills)}</g>'


def _route(itinerary: Itinerary, paper: Paper, colour: str) -> str:
    """Return the legs: passed ones dashed below, patrolled ones solid above; ways walked twice lie side by side."""
    uses = Counter(abs(arc) for told in itinerary.legs for arc in set(told.arcs))
    passed: list[str] = []
    patrolled: list[str] = []
    heads: list[str] = []
    for told in itinerary.legs:
        places = _distinct(paper.to_mm(np.array(told.way)))
        if len(places) < 2:
            continue
        if any(uses[abs(arc)] > 1 for arc in told.arcs):
            places = beside(places, _TWICE_MM)
        (patrolled if told.action == "patrol" else passed).append(path_of(places))
        shade = colour if told.action == "patrol" else GREY
        heads += [
            f'<path d="M-.9-1 1.1 0-.9 1-.45 0Z" fill="{shade}" transform="translate({x:.2f} {y:.2f})rotate({turn:.0f})"/>'
            for x, y, turn in arrows(places, 16)
        ]
    return (
        '<g fill="none" stroke-linejoin="round">'
        f'<path d="{"".join(patrolled)}" stroke="#fff" stroke-width="2" stroke-linecap="round" opacity=".85"/>'
        f'<path d="{"".join(passed)}" stroke="{GREY}" stroke-width=".7" stroke-dasharray="1.5 1"/>'
        f'<path d="{"".join(patrolled)}" stroke="{colour}" stroke-width="1.15" stroke-linecap="round"/></g>'
        f'<g stroke="#fff" stroke-width=".25">{"".join(heads)}</g>'
    )


def _distinct(places: NDArray[np.float64]) -> NDArray[np.float64]:
    keep = np.concatenate([[True], np.hypot(*np.diff(places, axis=0).T) > 1e-6])
    return np.asarray(places[keep], dtype=np.float64)


def _marks(itinerary: Itinerary, paper: Paper, room: Room, colour: str) -> str:
    """Return the start, the numbered visits and, where there is room, the numbers of the instructions."""
    start = paper.to_mm(np.array([itinerary.instructions[0].way[0]]))[0]
    room.take(shapely.Point(*start).buffer(2.6), always=True)
    parts = [
        f'<g transform="translate({start[0]:.2f} {start[1]:.2f})"><circle r="2.5" fill="#14202b" stroke="#fff" '
        'stroke-width=".5"/><path d="M0-1.5 1.5-.2V1.3H-1.5V-.2Z" fill="#fff"/></g>'
    ]
    for told in itinerary.visits:
        visit = told.visit
        if visit is None:
            continue
        here = paper.to_mm(np.array([(visit.x, visit.y), told.way[0]]))
        (x, y), junction = here[0].tolist(), here[1].tolist()
        spot = room.take_spot(x, y, 2.5, reach=5.2) or (x, y)
        parts.append(
            f'<path d="{path_of(np.array([junction, (x, y), spot]))}" fill="none" stroke="#14202b" stroke-width=".35" '
            'stroke-dasharray=".7 .5"/>'
            f'<circle cx="{x:.2f}" cy="{y:.2f}" r=".7" fill="#14202b"/>'
            f'<circle cx="{spot[0]:.2f}" cy="{spot[1]:.2f}" r="2.4" fill="#fff" stroke="{colour}" stroke-width=".75"/>'
            f'<text x="{spot[0]:.2f}" y="{spot[1] + 1.05:.2f}" class="visit-number">{visit.sequence}</text>'
        )
    return "".join(parts) + _turn_numbers(itinerary.legs, paper, room)


def _turn_numbers(legs: Sequence[Instruction], paper: Paper, room: Room) -> str:
    """Return the numbers of the instructions beside the middle of their ways, those of the longest ones first."""
    parts = []
    for told in sorted(legs, key=lambda leg: -leg.length_m)[:_TURN_LABELS]:
        line = shapely.LineString(paper.to_mm(np.array(told.way)))
        if line.length < 5:
            continue
        for share in (0.3, 0.7, 0.5, 0.15):
            x, y = line.interpolate(share, normalized=True).coords[0]
            ahead = line.interpolate(min(share + 0.02, 1), normalized=True).coords[0]
            turn = math.atan2(ahead[1] - y, ahead[0] - x)
            x, y = x - 2.4 * math.sin(turn), y + 2.4 * math.cos(turn)
            width = 1.0 + 1.15 * len(str(told.number))
            if room.take(shapely.box(x - width / 2, y - 1.1, x + width / 2, y + 1.1)):
                parts.append(
                    f'<rect x="{x - width / 2:.2f}" y="{y - 1.1:.2f}" width="{width:.2f}" height="2.2" rx=".6" '
                    'class="turn-box"/>'
                    f'<text x="{x:.2f}" y="{y + 0.72:.2f}" class="turn-number">{told.number}</text>'
                )
                break
    return "".join(parts)


def _reserve_furniture(paper: Paper, room: Room) -> None:
    """Keep labels off the north arrow and the scale bar."""
    _, length_mm = paper.scale_bar()
    room.take(shapely.box(paper.width_mm - 14, 0, paper.width_mm, 17.5), always=True)
    room.take(shapely.box(2, paper.height_mm - 11, length_mm + 13, paper.height_mm - 2), always=True)


def _names(streets: gpd.GeoDataFrame, itinerary: Itinerary, paper: Paper, room: Room) -> str:
    """Return the names of streets along them, the route's own first and beside it, where there is room."""
    wanted = {told.street for told in itinerary.legs}
    box = shapely.box(*paper.ground)
    way = shapely.union_all([shapely.LineString(paper.to_mm(np.array(told.way))) for told in itinerary.legs])
    on_route = way.buffer(_TWICE_MM)
    candidates: list[tuple[bool, float, str, Any]] = []
    for name, rows in streets[streets["name"] != ""].groupby("name"):
        joined = shapely.line_merge(shapely.union_all(rows.geometry.to_numpy()))
        longest = max(shapely.get_parts(shapely.intersection(joined, box)), key=shapely.length, default=None)
        if longest is not None and longest.geom_type == "LineString":
            line = shapely.LineString(paper.to_mm(shapely.get_coordinates(longest)))
            candidates.append((str(name) not in wanted, -line.length, str(name), line))
    parts = []
    for _, _, name, line in sorted(candidates, key=lambda found: found[:3])[:_MAX_NAMES]:
        for x, y, turn in _name_places(line, name):
            shape = tilted_box(x, y, name_width_mm(name) + 1, _NAME_MM + 0.4, turn)
            if not shape.intersects(on_route) and room.take(shape):
                parts.append(_written(name, x, y, turn))
                break
    return "".join(parts)


def name_width_mm(name: str) -> float:
    """Return about how wide a name is on paper."""
    return sum(_NAME_MM if ord(char) > 0x2E7F else _NAME_MM * 0.56 for char in name)


def _name_places(line: shapely.LineString, name: str) -> Iterator[tuple[float, float, float]]:
    """Return where a name could stand along its street: on it, else on either side."""
    width = name_width_mm(name)
    if line.length < width + 1:
        return
    for aside in (0.0, -2.5, 2.5):
        for share in (0.5, 0.35, 0.65, 0.2, 0.8):
            x, y, turn = _along(line, line.length * share, width)
            across = math.radians(turn + 90)
            yield x + aside * math.cos(across), y + aside * math.sin(across), turn


def _written(name: str, x: float, y: float, turn: float) -> str:
    """Return a name along its street; Chinese on a steep street stands upright, one character below the other."""
    if abs(turn) < _STEEP_DEG or not all(ord(char) > 0x2E7F for char in name):
        return f'<text transform="translate({x:.2f} {y:.2f})rotate({turn:.1f})" dy=".9" class="street">{escape(name)}</text>'
    down = math.radians(turn if turn > 0 else turn + 180)
    step = _NAME_MM * 1.04
    xs, ys = [], []
    for place in range(len(name)):
        away = (place - (len(name) - 1) / 2) * step
        xs.append(f"{x + away * math.cos(down):.2f}")
        ys.append(f"{y + away * math.sin(down) + 0.9:.2f}")
    return f'<text x="{" ".join(xs)}" y="{" ".join(ys)}" class="street">{escape(name)}</text>'


def _along(line: shapely.LineString, at: float, width: float) -> tuple[float, float, float]:
    """Return the middle of a text along a line and its turn, never upside down."""
    a = np.array(line.interpolate(max(at - width / 2, 0)).coords[0])
    b = np.array(line.interpolate(min(at + width / 2, line.length)).coords[0])
    middle = (a + b) / 2
    turn = math.degrees(math.atan2(b[1] - a[1], b[0] - a[0]))
    if not -90 <= turn < 90:
        turn += 180 if turn < -90 else -180
    return float(middle[0]), float(middle[1]), turn


def _frame(paper: Paper) -> str:
    """Return north arrow, scale bar and border."""
    length_m, length_mm = paper.scale_bar()
    x, y = 5.0, paper.height_mm - 5.0
    half = length_mm / 2
    return (
        f'<g transform="translate({paper.width_mm - 8:.1f} 9.8)">'
        '<rect x="-5.5" y="-8.3" width="11" height="14" rx="1.5" fill="#fff" opacity=".88"/>'
        '<path d="M0-4.2 2 3.2 0 1.8Z" fill="#14202b"/><path d="M0-4.2-2 3.2 0 1.8Z" fill="#fff" stroke="#14202b" '
        'stroke-width=".3"/><text y="-5.1" class="north">N 北</text></g>'
        f'<g transform="translate({x} {y:.2f})"><rect x="-2" y="-5.4" width="{length_mm + 9:.2f}" height="8.4" rx="1" '
        'fill="#fff" opacity=".88"/>'
        f'<rect width="{half:.2f}" height="1.1" fill="#14202b"/><rect x="{half:.2f}" width="{half:.2f}" height="1.1" '
        'fill="#fff" stroke="#14202b" stroke-width=".2"/>'
        f'<text y="-1.2" class="bar">0</text><text x="{length_mm:.2f}" y="-1.2" class="bar">{length_text(length_m)}</text>'
        "</g>"
        f'<rect x=".15" y=".15" width="{paper.width_mm - 0.3:.2f}" height="{paper.height_mm - 0.3:.2f}" fill="none" '
        'stroke="#14202b" stroke-width=".3"/>'
    )

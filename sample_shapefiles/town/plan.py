"""The main structure of the town, drawn by hand in plan space (metres from the centre)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import shapely
from shapely.geometry import LineString, Point, Polygon
from shapely.ops import substring

from .warp import smooth_line

Kind = Literal["street", "river", "railway", "limit", "divider"]

RIVER_HALF_WIDTH_M = 38.0
GRADES = {"主干路": (36.0, 60), "次干路": (22.0, 40), "支路": (12.0, 30), "巷道": (5.0, 15), "步行街": (14.0, 5)}
"""Road grade: usual width in metres and speed limit in km/h."""

LIMIT_POINTS: list[tuple[float, float]] = [
    (-1560, -1120), (-1690, -300), (-1570, 560), (-1230, 1130), (-320, 1330), (560, 1230), (1240, 1160),
    (1620, 520), (1700, -280), (1480, -1010), (700, -1290), (-260, -1260), (-980, -1330),
]  # fmt: skip
RIVER_POINTS: list[tuple[float, float]] = [
    (-2000, -60), (-1300, -330), (-800, -230), (-350, -450), (150, -600), (650, -410), (1100, -380),
    (1500, -640), (2000, -760),
]  # fmt: skip
RAILWAY_POINTS: list[tuple[float, float]] = [
    (-2000, 690), (-1000, 820), (-200, 770), (600, 610), (1300, 650), (2000, 800),
]  # fmt: skip
RING_POINTS: list[tuple[float, float]] = [
    (1195, 100), (1120, 560), (880, 850), (350, 985), (-300, 1010), (-800, 900), (-1080, 620), (-1170, 150),
    (-1150, -350), (-1030, -760), (-640, -990), (0, -1010), (600, -1000), (1010, -830), (1180, -420),
]  # fmt: skip
"""Control points of outer limit, river, railway and ring road, plan space, metres."""


@dataclass(frozen=True)
class PlanLine:
    """One line of the plan.

    Attributes
    ----------
    line
        Centre line in plan space, metres.
    kind
        What the line is; only streets become features of the road file.
    name
        Street name, empty while the street has none yet.
    grade
        Road grade, a key of ``GRADES``.
    level
        0 on the ground, 1 bridge, -1 tunnel.
    """

    line: LineString
    kind: Kind = "street"
    name: str = ""
    grade: str = "支路"
    level: int = 0


@dataclass(frozen=True)
class Plan:
    """The hand-drawn structure: all lines, the outer limit, the river axis and the ring road, in plan space."""

    lines: list[PlanLine]
    limit: Polygon
    river: LineString
    railway: LineString
    ring: Polygon


def crossing(line: LineString, other: LineString, last: bool = False) -> Point:
    """First (or last) point, along ``line``, at which ``other`` meets it."""
    meets = sorted(shapely.get_parts(shapely.intersection(line, other)), key=line.project)
    return meets[-1 if last else 0]


def trim(line: LineString, start: LineString, end: LineString) -> LineString:
    """Cut ``line`` down to the part between its meetings with two other lines."""
    first = line.project(crossing(line, start))
    last = line.project(crossing(line, end, last=True))
    return substring(line, first, last)


def cut(line: LineString, at: list[float]) -> list[LineString]:
    """Cut ``line`` at the given distances (metres along it) into consecutive pieces."""
    ends = [0.0, *sorted(at), line.length]
    return [substring(line, a, b) for a, b in pairwise(ends)]


def draw_plan() -> Plan:
    """Draw the main structure of the town.

    Returns
    -------
    Plan
        Lines in plan space, bridges and tunnels as separate lines of their own level.
    """
    limit_line = smooth_line(LIMIT_POINTS, closed=True)
    limit = Polygon(limit_line.coords)
    river, railway = smooth_line(RIVER_POINTS), smooth_line(RAILWAY_POINTS)
    ring_line = smooth_line(RING_POINTS, closed=True)
    town = [
        PlanLine(limit_line, "limit"),
        PlanLine(shapely.intersection(river, limit), "river"),
        PlanLine(shapely.intersection(railway, limit), "railway"),
        *_draw_streets(limit, river, railway, ring_line),
    ]
    return Plan(town, limit, river, railway, Polygon(ring_line.coords))


def _draw_streets(limit: Polygon, river: LineString, railway: LineString, ring: LineString) -> list[PlanLine]:
    """Draw main and secondary streets, cut where they go over or under something."""
    limit_line = LineString(limit.exterior.coords)

    def inside(line: LineString) -> LineString:
        return max(shapely.get_parts(shapely.intersection(line, limit)), key=lambda part: float(part.length))

    def street(*points: tuple[float, float]) -> LineString:
        return smooth_line(list(points), step_m=40.0)

    north_bank, south_bank = river.offset_curve(72.0), river.offset_curve(-74.0)
    rail_south, rail_north = railway.offset_curve(-62.0), railway.offset_curve(66.0)
    ring_west = substring(ring, ring.project(Point(-800, 900)), ring.project(Point(-640, -990)))
    ring_east = LineString(
        [
            *substring(ring, ring.project(Point(600, -1000)), ring.length - 0.01).coords,
            *substring(ring, 0.0, ring.project(Point(350, 985))).coords,
        ]
    )
    jiefang = inside(
        street((-190, 1500), (-130, 900), (-60, 430), (-90, 80), (-150, -220), (-70, -600), (-30, -800), (60, -1450))
    )
    jianshe = street((-1400, 370), (-600, 470), (-60, 430), (600, 370), (1400, 450))
    renmin = inside(street((-1900, 190), (-1150, 50), (-600, 110), (-90, 80), (500, 30), (1150, 110), (1900, 10)))
    beizhan = street((440, 560), (470, 800), (520, 1150))
    yingbin = street((-740, 900), (-640, 430), (-600, 110), (-660, -400))
    xincheng = street((-1300, -700), (-500, -760), (-30, -800), (500, -740), (1300, -760))
    lines = [
        *_ring_parts(ring, (ring_west, ring_east), (north_bank, south_bank), railway, rail_south),
        *_avenue_with_bridge_and_tunnel(jiefang, river, railway, renmin),
        *_halves(renmin, crossing(renmin, jiefang), "人民路西段", "人民路东段", "主干路"),
        PlanLine(trim(jianshe, ring_west, ring_east), name="建设大道", grade="主干路"),
        PlanLine(trim(north_bank, ring_west, limit_line), name="沿江大道", grade="主干路"),
        PlanLine(trim(south_bank, ring_west, ring_east), name="滨江南路", grade="次干路"),
        PlanLine(trim(yingbin, rail_south, north_bank), name="迎宾大道", grade="主干路"),
        PlanLine(trim(xincheng, ring_west, ring_east), name="新城大道", grade="主干路"),
        PlanLine(trim(rail_south, ring_west, limit_line), name="站前路", grade="次干路"),
        PlanLine(trim(rail_north, ring_west, beizhan), name="铁北路", grade="次干路"),
        PlanLine(trim(beizhan, rail_north, ring), name="北站路", grade="次干路"),
    ]
    gongnong = trim(street((-1300, -160), (-640, -120), (0, -170)), ring_west, jiefang)
    secondary = {
        "学府街": trim(street((680, 760), (600, 380), (540, 40), (660, -480)), rail_south, north_bank),
        "文化街": trim(street((-700, 280), (-60, 230), (500, 215), (1300, 260)), yingbin, ring_east),
        "工农路": gongnong,
        "胜利街": trim(street((-420, 560), (-370, 250), (-330, 60), (-340, -300)), jianshe, gongnong),
        "东门街": trim(street((290, 800), (230, 400), (270, 60), (190, -200), (290, -680)), rail_south, north_bank),
        "体育路": trim(street((930, 720), (900, 300), (880, 50), (960, -500)), rail_south, north_bank),
        "西门街": trim(street((-960, 560), (-930, 100), (-880, -360)), jianshe, north_bank),
        "科技路": trim(street((560, -400), (500, -740), (470, -1100)), south_bank, ring),
        "惠民路": trim(street((-600, -250), (-560, -760), (-520, -1100)), south_bank, ring),
        "货场路": trim(street((400, 800), (700, 815), (1200, 800)), beizhan, ring),
        "机务路": trim(street((-470, 650), (-450, 850), (-480, 1100)), rail_north, ring),
        "北塘路": trim(street((-640, 900), (-700, 1100), (-820, 1400)), ring, limit_line),
        "东岭路": trim(street((1100, -180), (1400, -150), (1800, -330)), ring_east, limit_line),
        "石桥路": trim(street((-950, -720), (-1250, -880), (-1700, -960)), ring_west, limit_line),
    }
    lines += [PlanLine(line, name=name, grade="次干路") for name, line in secondary.items()]
    return lines + _dividers([line for line in lines if line.level == 0], river, railway)


def _dividers(streets: list[PlanLine], river: LineString, railway: LineString) -> list[PlanLine]:
    """Draw lines from the ends of cross streets to river and railway: no streets, but borders may run there."""
    dividers = []
    for street in streets:
        for end in (Point(street.line.coords[0]), Point(street.line.coords[-1])):
            for barrier in (river, railway):
                if 30.0 < barrier.distance(end) < 76.0 and street.name not in ("北站路", "沿江大道", "站前路"):
                    foot = barrier.interpolate(barrier.project(end))
                    dividers.append(PlanLine(LineString([end, foot]), "divider"))
    return dividers


def _halves(line: LineString, at: Point, first: str, second: str, grade: str) -> list[PlanLine]:
    """Draw a street that changes its name at a crossing."""
    a, b = cut(line, [line.project(at)])
    return [PlanLine(a, name=first, grade=grade), PlanLine(b, name=second, grade=grade)]


def _ring_parts(
    ring: LineString,
    halves: tuple[LineString, LineString],
    banks: tuple[LineString, LineString],
    railway: LineString,
    rail_south: LineString,
) -> list[PlanLine]:
    """Draw the ring road: two bridges, a level crossing in the west, an overpass in the east."""
    (ring_west, ring_east), (north_bank, south_bank) = halves, banks
    overpass = ring.project(crossing(ring_east, railway))
    marks = {
        "overpass_south": overpass - 150.0,
        "overpass_north": overpass + 150.0,
        "north_west": ring.project(crossing(ring_west, rail_south)),
        "bridge_west_north": ring.project(crossing(ring_west, north_bank)),
        "bridge_west_south": ring.project(crossing(ring_west, south_bank)),
        "bridge_east_south": ring.project(crossing(ring_east, south_bank)),
        "bridge_east_north": ring.project(crossing(ring_east, north_bank)),
    }
    pieces = cut(ring, list(marks.values()))
    labels = [
        ("环城东路", 0),
        ("环城东路", 1),
        ("环城北路", 0),
        ("环城西路", 0),
        ("环城西路", 1),
        ("环城南路", 0),
        ("环城东路", 1),
        ("环城东路", 0),
    ]
    return [
        PlanLine(piece, name=name, grade="主干路", level=level)
        for piece, (name, level) in zip(pieces, labels, strict=True)
    ]


def _avenue_with_bridge_and_tunnel(
    line: LineString, river: LineString, railway: LineString, centre: LineString
) -> list[PlanLine]:
    """解放路: under the railway and the streets beside it, and over the river and both riverside roads."""
    under, over = line.project(crossing(line, railway)), line.project(crossing(line, river))
    pieces = cut(line, [under - 105.0, under + 100.0, line.project(crossing(line, centre)), over - 150.0, over + 150.0])
    labels = [
        ("解放路北段", 0),
        ("解放路北段", -1),
        ("解放路北段", 0),
        ("解放路南段", 0),
        ("解放路南段", 1),
        ("解放路南段", 0),
    ]
    return [
        PlanLine(piece, name=name, grade="主干路", level=level)
        for piece, (name, level) in zip(pieces, labels, strict=True)
    ]

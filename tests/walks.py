"""Small street networks and walks on them, for the tests of itineraries, route files and sheets."""

from __future__ import annotations

from collections.abc import Sequence

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.algorithms.routing.itinerary import make_itinerary
from geo.model.frames import empty_frame
from geo.model.itinerary import Itinerary
from geo.model.network import Mode, StreetNetwork
from geo.model.patrol import PatrolProblem, Team, Visit
from geo.model.plan import Route, Step
from geo.model.routes_view import RoutesView, Shift

EPSG = 4547
X0, Y0 = 520_000.0, 3_370_000.0
SPEED_MPS = {"foot": 1.25, "ebike": 4.0, "car": 8.0}


def network_of(streets: Sequence[tuple[str, str, str, Sequence[tuple[float, float]]]]) -> StreetNetwork:
    """Return a network of segments: name, class, directions, places in metres from a corner; equal ends are junctions."""
    nodes: dict[tuple[float, float], int] = {}
    rows, lines = [], []
    for number, (name, road_class, oneway, places) in enumerate(streets):
        ends = [nodes.setdefault(tuple(map(float, places[end])), len(nodes)) for end in (0, -1)]
        line = shapely.LineString([(X0 + x, Y0 + y) for x, y in places])
        lines.append(line)
        rows.append(
            {
                "edge_id": number, "from_node": ends[0], "to_node": ends[1], "street_id": number + 1, "name": name,
                "road_class": road_class, "length_m": line.length, "oneway": oneway, "cell_code": None,
                **{f"speed_{mode}_mps": speed for mode, speed in SPEED_MPS.items()},
            }
        )  # fmt: skip
    places = [shapely.Point(X0 + x, Y0 + y) for x, y in nodes]
    frame = gpd.GeoDataFrame({"node_id": range(len(nodes)), "component": 0, "degree": 2}, geometry=places, crs=EPSG)
    return StreetNetwork(frame, gpd.GeoDataFrame(rows, geometry=lines, crs=EPSG))


def node_at(network: StreetNetwork, x: float, y: float) -> int:
    """Return the junction at a place."""
    return int(np.hypot(*(network.xy - (X0 + x, Y0 + y)).T).argmin())


def visit_at(
    network: StreetNetwork, x: float, y: float, name: str = "和平小学", kind: str = "school", **more: object
) -> Visit:
    """Return a visit 20 m north of a junction, ten minutes long."""
    return Visit("F1", name, kind, node_at(network, x, y), X0 + x, Y0 + y + 20, 600.0, **more)


def steps_of(
    network: StreetNetwork,
    mode: Mode,
    walked: Sequence[tuple[int, bool, bool] | int],
    visits: Sequence[Visit] = (),
    start_s: float = 28_800.0,
    wait_s: float = 0.0,
) -> tuple[Step, ...]:
    """Return steps: ``(edge, forward, serves)``, or the number of a visit; each visit after some waiting."""
    steps, clock = [], start_s
    lengths = network.edges["length_m"].tolist()
    for part in walked:
        if isinstance(part, tuple):
            edge, forward, serves = part
            seconds = lengths[edge] / (min(1.0, SPEED_MPS[mode]) if serves else SPEED_MPS[mode])
            steps.append(Step(clock, clock + seconds, edge, forward, serves))
        else:
            clock += wait_s
            steps.append(Step(clock, clock + visits[part].total_s, visit=part))
        clock = steps[-1].end_s
    return tuple(steps)


def problem_of(
    network: StreetNetwork, visits: Sequence[Visit] = (), mode: Mode = "foot", team: str = "巡逻一队"
) -> PatrolProblem:
    """Return a problem with one team on duty the whole day."""
    one = Team(team, "police", 2, mode, 0.0, 86_400.0, 0)
    return PatrolProblem(network, (one,), (), tuple(visits), dict.fromkeys(SPEED_MPS, 1.0))


def itinerary_of(
    network: StreetNetwork,
    walked: Sequence[tuple[int, bool, bool] | int],
    visits: Sequence[Visit] = (),
    mode: Mode = "foot",
    team: str = "巡逻一队",
    wait_s: float = 0.0,
) -> Itinerary:
    """Return the itinerary of a walk."""
    problem = problem_of(network, visits, mode, team)
    steps = steps_of(network, mode, walked, visits, wait_s=wait_s)
    return make_itinerary(problem, Route(0, 28_800.0, steps[-1].end_s, steps), plan_id="P1")


def town(name: str = "人民路") -> StreetNetwork:
    """Return a town of two blocks: a main road from west to east, three streets across, an unnamed lane, a dead end.

    ::

        3 ─5─ 4 ─6─ 5      y = 100   解放路 (0, 100) – (200, 100)
        │     │     │
        2     3     4      across: 一巷, 二巷, 三巷
        │     │     │
        0 ─0─ 1 ─1─ 2      y = 0     人民路 (0, 0) – (200, 0)
                    └7     unnamed lane to (230, -40)
    """
    return network_of(
        [
            (name, "primary", "both", [(0, 0), (100, 0)]),
            (name, "primary", "both", [(100, 0), (200, 0)]),
            ("一巷", "lane", "both", [(0, 0), (0, 100)]),
            ("二巷", "lane", "both", [(100, 0), (100, 100)]),
            ("三巷", "lane", "both", [(200, 0), (200, 100)]),
            ("解放路", "secondary", "both", [(0, 100), (100, 100)]),
            ("解放路", "secondary", "both", [(100, 100), (200, 100)]),
            ("", "lane", "both", [(200, 0), (230, -40)]),
        ]
    )


ROUND = [(0, True, True), (1, True, True), (4, True, False), 0, (6, False, True), (3, False, True), (0, False, False)]
"""Both blocks' south side, up 三巷, a visit there, back by 解放路 and 二巷."""


def view_of(*itineraries: Itinerary, network: StreetNetwork | None = None, project: str = "示范镇") -> RoutesView:
    """Return routes on the streets of a network, made on 1 March 2024."""
    return RoutesView(
        project,
        "P1",
        pd.Timestamp("2024-03-01 07:30", tz="Asia/Shanghai"),
        tuple(itinerary.route_no for itinerary in itineraries),
        tuple(itineraries),
        {itinerary.team: Shift(28_800.0, 43_200.0, 2) for itinerary in itineraries},
        (network or town()).edges,
        empty_frame("building", EPSG),
    )

"""Whatever the walk, its itinerary adds up; and whoever follows the instructions on a grid of streets walks the same way.

The follower knows the street graph and what the instructions say, nothing of how they were made.
"""

from __future__ import annotations

import json
import math
import sys
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from geo.algorithms.routing.itinerary import make_itinerary
from geo.algorithms.routing.itinerary_junctions import Junctions
from geo.algorithms.routing.itinerary_stored import lies_on, stored_itinerary
from geo.algorithms.routing.legs import leg_frame, route_frame, visit_frame
from geo.model.frames import MODES
from geo.model.itinerary import Itinerary
from geo.model.itinerary_text import sentence
from geo.model.network import StreetNetwork
from geo.model.patrol import PatrolProblem, Visit
from geo.model.plan import PatrolPlan, Route

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from walks import network_of, problem_of, steps_of

TURNS = {
    "continue": (-25, 25), "slight_left": (-60, -25), "left": (-120, -60), "sharp_left": (-180, -120),
    "slight_right": (25, 60), "right": (60, 120), "sharp_right": (120, 180),
}  # fmt: skip


def grid(draw: st.DrawFn) -> StreetNetwork:
    """Return a grid of named streets and unnamed lanes, its junctions a little off, bends on the way, some one-way."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    columns, rows = draw(st.integers(2, 5)), draw(st.integers(2, 5))
    spread = draw(st.sampled_from([0.0, 4.0]))
    xy = np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), axis=-1) * 120.0
    xy = (xy + rng.uniform(-spread, spread, xy.shape)).round(3)
    unnamed = draw(st.sampled_from([0.0, 0.3]))
    one_way = draw(st.sampled_from([0.0, 0.2]))
    names = {
        (axis, line): "" if rng.random() < unnamed else f"{'经纬'[axis]}{line + 1}路"
        for axis in (0, 1)
        for line in range(6)
    }
    pairs = [((1, j), xy[j, i], xy[j, i + 1]) for j in range(rows) for i in range(columns - 1)]
    pairs += [((0, i), xy[j, i], xy[j + 1, i]) for j in range(rows - 1) for i in range(columns)]
    streets = []
    for key, a, b in pairs:
        middle = (a + b) / 2 + rng.uniform(-3, 3, 2)
        road_class = "residential" if key[0] else "lane"
        oneway = rng.choice(["forward", "backward"]) if rng.random() < one_way else "both"
        streets.append((names[key], road_class, oneway, [tuple(a), tuple(middle), tuple(b)]))
    return network_of(streets)


@st.composite
def walks(draw: st.DrawFn) -> tuple[PatrolProblem, Route]:
    """Draw a walk on a grid: some streets patrolled, some places visited, turning round now and then."""
    network = grid(draw)
    mode = draw(st.sampled_from(MODES))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    arcs = network.arcs(mode)
    out: dict[int, list[int]] = {}
    for arc, tail in enumerate(arcs.tail.tolist()):
        out.setdefault(tail, []).append(arc)
    node = int(rng.choice(arcs.tail))
    walked: list[Any] = []
    visits: list[Visit] = []
    serves = bool(rng.random() < 0.5)
    for _ in range(draw(st.integers(1, 25))):
        if node not in out:
            break
        arc = int(rng.choice(out[node]))
        serves = serves if rng.random() < 0.7 else not serves
        walked.append((int(arcs.edge[arc]), bool(arcs.forward[arc]), serves))
        node = int(arcs.head[arc])
        if rng.random() < 0.2:
            x, y = network.xy[node] + rng.uniform(-40, 40, 2)
            walked.append(len(visits))
            stay, access = (0.0, 0.0) if rng.random() < 0.3 else (300.0, 12.0)
            place = (node, float(x), float(y))
            visits.append(Visit(f"F{len(visits)}", "警务室", "police_room", *place, stay, access_s=access))
    problem = problem_of(network, visits, mode)
    steps = steps_of(network, mode, walked, visits, wait_s=float(rng.choice([0.0, 77.5])))
    return problem, Route(0, 28_800.0, steps[-1].end_s, steps)


@given(walks())
def test_itineraries_add_up(walk: tuple[PatrolProblem, Route]) -> None:
    problem, route = walk
    itinerary = make_itinerary(problem, route)
    lengths = problem.network.edges["length_m"].to_numpy()
    moves = [step for step in route.steps if step.edge >= 0]
    assert itinerary.length_m == pytest.approx(sum(lengths[step.edge] for step in moves))
    assert itinerary.served_m == pytest.approx(sum(lengths[step.edge] for step in moves if step.serves))
    seconds = sum(one.duration_s + one.wait_s for one in itinerary.instructions)
    assert seconds == pytest.approx(route.duration_s)
    told = [(abs(arc) - 1, arc > 0, one.action == "patrol") for one in itinerary.legs for arc in one.arcs]
    assert told == [(step.edge, step.forward, step.serves) for step in moves]
    assert [one.visit.code for one in itinerary.visits if one.visit] == [
        problem.visits[step.visit].code for step in route.steps if step.visit >= 0
    ]
    for one, two in pairwise(itinerary.instructions):
        assert two.start_s == pytest.approx(one.end_s + two.wait_s)
        assert one.way[-1] == two.way[0]
        assert one.end_s >= one.start_s
    for one in itinerary.legs:
        assert shapely.LineString(one.way).length == pytest.approx(one.length_m)
    assert [one.number for one in itinerary.instructions] == list(range(1, len(itinerary.instructions) + 1))
    assert all(sentence(one, language) for one in itinerary.instructions for language in ("zh", "en"))


@dataclass
class Follower:
    """Someone with the instructions in hand, who sees the streets that leave each junction and nothing more."""

    problem: PatrolProblem
    node: int
    last: tuple[int, bool] | None = None

    def ways(self) -> list[tuple[tuple[int, bool], dict[str, Any], int]]:
        mode = self.problem.teams[0].mode
        out = self.problem.network.graph.out_edges(self.node, keys=True, data=True)
        return [(key, values, head) for _, head, key, values in out if f"time_s_{mode}" in values]

    def bearing(self, line: shapely.LineString, *, leaving: bool) -> float:
        near, far = (0.0, min(10.0, line.length)) if leaving else (max(line.length - 10.0, 0.0), line.length)
        a, b = line.interpolate(near), line.interpolate(far)
        return math.degrees(math.atan2(b.x - a.x, b.y - a.y)) % 360

    def turn(self, line: shapely.LineString) -> float:
        change = self.bearing(line, leaving=True) - self.arrival
        return (change + 180) % 360 - 180

    def take(self, way: tuple[tuple[int, bool], dict[str, Any], int]) -> float:
        self.last, self.node = way[0], way[2]
        self.arrival = self.bearing(way[1]["geometry"], leaving=False)
        return float(way[1]["length_m"])

    def begin(self, told: Any) -> float:
        """Take the one street that the instruction means."""
        fitting = [
            way for way in self.ways() if (way[1]["name"], way[1]["road_class"]) == (told.street, told.road_class)
        ]
        back = (self.last[0], not self.last[1]) if self.last else None
        if told.manoeuvre == "depart":
            sectors = ["n", "ne", "e", "se", "s", "sw", "w", "nw"]
            fitting = [
                way
                for way in fitting
                if sectors[round(self.bearing(way[1]["geometry"], leaving=True) / 45) % 8] == told.heading
            ]
        elif told.manoeuvre == "uturn":
            fitting = [way for way in fitting if way[0] == back]
        else:
            low, high = TURNS[told.manoeuvre]
            fitting = [way for way in fitting if way[0] != back and low <= self.turn(way[1]["geometry"]) <= high]
        assert len(fitting) == 1, f"{sentence(told, 'en')}: {len(fitting)} streets fit"
        return self.take(fitting[0])

    def follow(self, told: Any) -> float:
        """Stay on the street: the only way on, or the straightest of its name."""
        assert self.last is not None
        ways = [way for way in self.ways() if way[0] != (self.last[0], not self.last[1])]
        if len(ways) > 1 and told.street:
            ways = [way for way in ways if way[1]["name"] == told.street]
        return self.take(min(ways, key=lambda way: abs(self.turn(way[1]["geometry"]))))


def replay(problem: PatrolProblem, itinerary: Itinerary, node: int) -> list[tuple[int, bool]]:
    follower, walked = Follower(problem, node), []
    for told in itinerary.instructions:
        if told.action not in ("patrol", "pass"):
            continue
        gone = follower.begin(told)
        walked.append(follower.last)
        while gone < told.length_m - 0.01:
            gone += follower.follow(told)
            walked.append(follower.last)
        assert gone == pytest.approx(told.length_m)
    return walked


@given(walks())
def test_following_the_instructions_leads_the_same_way(walk: tuple[PatrolProblem, Route]) -> None:
    problem, route = walk
    moves = [(step.edge, step.forward) for step in route.steps if step.edge >= 0]
    edge = problem.network.edges.iloc[moves[0][0]]
    start = int(edge["from_node"] if moves[0][1] else edge["to_node"])
    assert replay(problem, make_itinerary(problem, route), start) == moves


@given(walks())
def test_a_stored_route_is_told_like_a_fresh_one(walk: tuple[PatrolProblem, Route]) -> None:
    problem, route = walk
    plan = PatrolPlan((route,), {}, {}, 0.0, 1, 0, 0.0)
    fresh = make_itinerary(problem, route, plan_id="P")
    legs, visits = leg_frame(problem, plan, "P"), visit_frame(problem, plan, "P")
    row = route_frame(problem, plan, "P").to_dict("records")[0]
    junctions = Junctions(problem.network, row["mode"])
    stored = stored_itinerary(row, legs, visits, junctions, 1.0)
    assert replace(stored, instructions=()) == replace(fresh, instructions=())
    assert len(stored.instructions) == len(fresh.instructions)
    for one, two in zip(stored.instructions, fresh.instructions, strict=True):
        times = ("start_s", "end_s", "wait_s")
        assert [getattr(one, name) for name in times] == pytest.approx([getattr(two, name) for name in times], abs=1e-6)
        assert replace(one, start_s=0, end_s=0, wait_s=0) == replace(two, start_s=0, end_s=0, wait_s=0)


@given(walks())
def test_a_route_outlives_its_network(walk: tuple[PatrolProblem, Route]) -> None:
    """After the streets were built anew the legs still tell the way: same length, same times, same visits."""
    problem, route = walk
    plan = PatrolPlan((route,), {}, {}, 0.0, 1, 0, 0.0)
    legs, visits = leg_frame(problem, plan, "P"), visit_frame(problem, plan, "P")
    row = route_frame(problem, plan, "P").to_dict("records")[0]
    edges = problem.network.edges
    shifted = StreetNetwork(
        problem.network.nodes.set_geometry(problem.network.nodes.translate(500, 0)),
        edges.set_geometry(edges.translate(500, 0)),
    )
    assert lies_on(legs, problem.network)
    assert not lies_on(legs, shifted)
    told = stored_itinerary(row, legs, visits, Junctions(shifted, row["mode"]))
    assert told.length_m == pytest.approx(row["length_m"])
    assert sum(one.duration_s + one.wait_s for one in told.instructions) == pytest.approx(row["duration_s"])
    assert [one.visit.code for one in told.visits if one.visit] == visits["code"].tolist()
    first = json.loads(legs["arcs"].iloc[0])[0]
    assert told.legs[0].street == edges["name"].iloc[abs(first) - 1]

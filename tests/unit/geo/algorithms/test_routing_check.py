"""The checker of patrol plans: a plan made by hand is right, and each way to spoil it is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from geo.algorithms.routing.check import check_plan
from geo.algorithms.routing.legs import leg_frame, route_frame, visit_frame
from geo.model.frames import require_frame
from geo.model.network import StreetNetwork
from geo.model.patrol import PatrolPlan, PatrolProblem, Route, Step, Team, Visit

OPENS, CLOSES = 30600.0, 31500.0  # 08:30–08:45
SERVE_S, STAY_S = 200 / 4.2, 600.0
CORNERS = [(0, 0), (200, 0), (200, 200), (0, 200)]


@pytest.fixture
def problem(network: Callable[..., StreetNetwork], team: Callable[..., Team]) -> PatrolProblem:
    """A square of one-way streets, 200 m each; a car team, and a foot team that may stay at its depot."""
    ring = [[CORNERS[n], CORNERS[(n + 1) % 4]] for n in range(4)]
    town = network(
        [*ring, [(0, 0), (200, 200)]], oneway=["forward"] * 4 + ["both"], name=["东路", "东路", "北路", "西路", "斜街"]
    )
    node = {tuple(xy): number for number, xy in enumerate(town.xy.tolist())}
    school = Visit(
        "F1", "和平小学", "school", node[200, 200], 205.0, 200.0, STAY_S, ((OPENS, CLOSES), (40000.0, 41000.0))
    )
    teams = (team("巡警", "car", node[0, 0]), team("网格员", "foot", node[200, 200], (8, 9)))
    return PatrolProblem(town, teams, (0, 1, 2, 3), (school,))


@pytest.fixture
def plan() -> PatrolPlan:
    """The car leaves at 08:20, patrols two streets, waits for the school to open, and patrols the other two."""
    at = 30000.0
    steps = [
        Step(at, at + SERVE_S, 0, serves=True),
        Step(at + SERVE_S, at + 2 * SERVE_S, 1, serves=True),
        Step(OPENS, OPENS + STAY_S, visit=0),
        Step(OPENS + STAY_S, OPENS + STAY_S + SERVE_S, 2, serves=True),
        Step(OPENS + STAY_S + SERVE_S, OPENS + STAY_S + 2 * SERVE_S, 3, serves=True),
    ]
    car = Route(0, at, steps[-1].end_s, tuple(steps))
    return PatrolPlan((car, Route(1, 28800.0, 28800.0, ())), {}, {}, 100.0, seed=1, iterations=0, seconds=0.0)


def test_right_plan(problem: PatrolProblem, plan: PatrolPlan) -> None:
    assert check_plan(problem, plan).errors == ()


def spoil(plan: PatrolPlan, steps: Callable[[list[Step]], list[Step]] | None = None, **route: Any) -> PatrolPlan:
    """Return the plan with the car's steps, or other parts of its route, exchanged."""
    car = plan.routes[0]
    if steps is not None:
        car = replace(car, steps=tuple(steps(list(car.steps))))
    return replace(plan, routes=(replace(car, **route), plan.routes[1]))


def at(position: int, **changes: Any) -> Callable[[list[Step]], list[Step]]:
    return lambda steps: [*steps[:position], replace(steps[position], **changes), *steps[position + 1 :]]


SPOILED: dict[str, tuple[Callable[[PatrolPlan], PatrolPlan], str]] = {
    "teleport": (lambda p: spoil(p, lambda s: [s[0], *s[2:]]), "visit at junction 2, but the team is at 1"),
    "teleport to another street": (lambda p: spoil(p, at(1, edge=3)), "segment 3 cannot be used from junction 1 by car"),
    "against the one-way sign": (lambda p: spoil(p, at(0, forward=False)), "segment 0 cannot be used from junction 0"),
    "unknown direction of a loop": (lambda p: spoil(p, at(4, forward=False)), "segment 3 cannot be used"),
    "missing segment": (lambda p: spoil(p, at(1, serves=False)), "segment 1 is served 0 times"),
    "segment served twice": (
        lambda p: replace(p, routes=(replace(p.routes[0], steps=(*p.routes[0].steps, *p.routes[0].steps[:1])), p.routes[1])),
        "segment 0 is served 2 times",
    ),
    "segment not asked for": (lambda p: spoil(p, at(1, edge=4)), "segment 4 is served but not required"),
    "stay before the window": (lambda p: spoil(p, at(2, start_s=OPENS - 60)), "outside its windows"),
    "stay after the window": (lambda p: spoil(p, at(2, start_s=CLOSES + 1)), "stay starts at 31501.0 s, outside"),
    "stay cut short": (lambda p: spoil(p, at(2, end_s=OPENS + STAY_S - 60)), "takes 540.000 s instead of 600.000 s"),
    "faster than allowed": (lambda p: spoil(p, at(0, end_s=30000.0 + 36)), "takes 36.000 s instead of 47.619 s"),
    "starts before the step before ends": (lambda p: spoil(p, at(1, start_s=30000.0)), "the one before ended at"),
    "waits in the middle of the street": (lambda p: spoil(p, at(3, start_s=32000.0)), "starts at 32000.000 s"),
    "does not come home": (lambda p: spoil(p, lambda s: s[:-1]), "ends at junction 3 instead of the depot 0"),
    "comes home later than its last step": (lambda p: spoil(p, end_s=33000.0), "not the end of its last step"),
    "leaves before its shift": (lambda p: spoil(p, start_s=28000.0), "out from 28000.0"),
    "claims a served segment unserved": (lambda p: replace(p, unserved_edges={0: "x"}), "segment 0 is served 1 times"),
    "claims a made visit unserved": (lambda p: replace(p, unserved_visits={0: "x"}), "visit 0 is made 1 times"),
    "leaves out a visit": (lambda p: spoil(p, lambda s: [*s[:2], *s[3:]]), "visit 0 is made 0 times"),
    "empty route that takes time": (
        lambda p: replace(p, routes=(p.routes[0], Route(1, 28800.0, 28860.0, ()))), "an empty route takes time",
    ),
    "route of another team": (lambda p: replace(p, routes=(replace(p.routes[0], team=1), p.routes[1])), "belongs to team 1"),
    "route missing": (lambda p: replace(p, routes=p.routes[:1]), "1 routes for 2 teams"),
    "bound above the plan": (lambda p: replace(p, lower_bound_s=1e6), "below the lower bound"),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILED)
def test_spoiled_plan(problem: PatrolProblem, plan: PatrolPlan, name: str) -> None:
    spoiled, error = SPOILED[name]
    errors = check_plan(problem, spoiled(plan)).errors
    assert any(error in found for found in errors), errors


def test_shift_overrun(problem: PatrolProblem, plan: PatrolPlan) -> None:
    short = replace(problem.teams[0], shift_end_s=31000.0)
    (error,) = check_plan(replace(problem, teams=(short, problem.teams[1])), plan).errors
    assert "shift is 28800" in error


def test_streets_closed_to_the_mode(problem: PatrolProblem, plan: PatrolPlan) -> None:
    """The same way by e-bike takes other times."""
    ebike = replace(problem.teams[0], mode="ebike")
    errors = check_plan(replace(problem, teams=(ebike, problem.teams[1])), plan).errors
    assert len(errors) == 4
    assert all("instead of 71.429 s" in error for error in errors)


class TestFrames:
    """The same plan as rows of tables."""

    def test_legs(self, problem: PatrolProblem, plan: PatrolPlan) -> None:
        legs = require_frame("leg", leg_frame(problem, plan, "p"))
        assert legs["name"].tolist() == ["东路", "北路", "西路"]
        assert legs["kind"].tolist() == ["serve"] * 3
        assert legs["leg_no"].tolist() == [1, 2, 3]
        assert legs["arcs"].tolist() == ["[1, 2]", "[3]", "[4]"]
        assert legs["length_m"].tolist() == [400, 200, 200]
        assert list(legs.geometry.iloc[0].coords) == [(0, 0), (200, 0), (200, 200)]

    def test_backward_steps_run_backward(self, problem: PatrolProblem, plan: PatrolPlan) -> None:
        walk = Route(1, 0.0, 0.0, (Step(0.0, 1.0, 4, forward=False), Step(1.0, 2.0, 4, serves=True)))
        legs = leg_frame(problem, replace(plan, routes=(walk,)), "p")
        assert legs["kind"].tolist() == ["deadhead", "serve"]
        assert legs["arcs"].tolist() == ["[-5]", "[5]"]
        assert list(legs.geometry.iloc[0].coords) == [(200, 200), (0, 0)]

    def test_routes(self, problem: PatrolProblem, plan: PatrolPlan) -> None:
        """The team that stays at its depot has no row."""
        (route,) = require_frame("route", route_frame(problem, plan, "p")).to_dict("records")
        assert (route["route_no"], route["team"], route["mode"]) == (1, "巡警", "car")
        assert (route["length_m"], route["served_m"], route["deadhead_m"]) == (800, 800, 0)
        assert route["duration_s"] == pytest.approx(600 + STAY_S + 2 * SERVE_S)
        assert route["visits"] == 1
        assert route["geometry"].is_ring

    def test_visits(self, problem: PatrolProblem, plan: PatrolPlan) -> None:
        (visit,) = require_frame("visit", visit_frame(problem, plan, "p")).to_dict("records")
        assert (visit["route_no"], visit["sequence"], visit["reason"]) == (1, 1, "")
        assert (visit["arrive_s"], visit["window_start_s"], visit["window_end_s"]) == (OPENS, OPENS, CLOSES)
        assert (visit["geometry"].x, visit["geometry"].y) == (205, 200)  # the place itself, not the junction

    def test_visit_left_out(self, problem: PatrolProblem, plan: PatrolPlan) -> None:
        left_out = replace(plan, routes=(), unserved_visits={0: "why"})
        (visit,) = require_frame("visit", visit_frame(problem, left_out, "p")).to_dict("records")
        assert (visit["route_no"], visit["sequence"], visit["reason"]) == (0, 0, "why")
        assert visit["arrive_s"] != visit["arrive_s"]

    def test_nobody_is_needed(self, problem: PatrolProblem, plan: PatrolPlan) -> None:
        home = replace(plan, routes=plan.routes[1:])
        assert [len(frame(problem, home, "p")) for frame in (leg_frame, route_frame)] == [0, 0]

"""The checker of patrol plans: a plan made by hand is right, and each way to spoil it is found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf, nan
from typing import Any

import numpy as np
import pytest

from geo.algorithms.routing.check import check_plan
from geo.algorithms.routing.legs import leg_frame, route_frame, visit_frame
from geo.model.frames import require_frame
from geo.model.network import StreetNetwork, TurnPenalties, TurnRule
from geo.model.patrol import DAY_S, Break, EdgeRule, PatrolProblem, Team, Visit
from geo.model.plan import PatrolPlan, Route, Step, Unserved

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
    return PatrolPlan((car, Route(1, 28800.0, 28800.0, ())), (), 100.0, seed=1, iterations=0, seconds=0.0)


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
    "teleport": (lambda p: spoil(p, lambda s: [s[0], *s[2:]]), "visit 0 is at junction 2, but the team is at 1"),
    "teleport to another street": (lambda p: spoil(p, at(1, edge=3)), "segment 3 cannot be used forward from junction 1"),
    "against the one-way sign": (lambda p: spoil(p, at(0, forward=False)), "segment 0 cannot be used backward from"),
    "unknown direction of a loop": (lambda p: spoil(p, at(4, forward=False)), "segment 3 cannot be used"),
    "missing segment": (lambda p: spoil(p, at(1, serves=False)), "segment 1 is neither served nor listed as left out"),
    "segment served twice": (
        lambda p: replace(p, routes=(replace(p.routes[0], steps=(*p.routes[0].steps, *p.routes[0].steps[:1])), p.routes[1])),
        "segment 0 is served 2 times",
    ),
    "segment not asked for": (lambda p: spoil(p, at(1, edge=4)), "segment 4 is served but not asked for"),
    "stay before the window": (lambda p: spoil(p, at(2, start_s=OPENS - 60)), "outside its windows"),
    "stay after the window": (lambda p: spoil(p, at(2, start_s=CLOSES + 1.5)), "visit 0 starts at 31501.5 s, outside its"),
    "stay cut short": (lambda p: spoil(p, at(2, end_s=OPENS + STAY_S - 60)), "takes 540.000 s instead of 600.000 s"),
    "faster than allowed": (lambda p: spoil(p, at(0, end_s=30000.0 + 36)), "takes 36.000 s instead of 47.619 s"),
    "starts before the step before ends": (lambda p: spoil(p, at(1, start_s=30000.0)), "the one before ended at"),
    "waits in the middle of the street": (lambda p: spoil(p, at(3, start_s=32000.0)), "starts at 32000.000 s"),
    "does not come home": (lambda p: spoil(p, lambda s: s[:-1]), "ends at junction 3 instead of 0"),
    "comes home later than its last step": (lambda p: spoil(p, end_s=33000.0), "not the end of its last step"),
    "leaves before its shift": (lambda p: spoil(p, start_s=28000.0), "out from 28000.0"),
    "claims a served segment unserved": (
        lambda p: replace(p, unserved=(Unserved("x", edge=0),)), "segment 0 is served but listed as left out",
    ),
    "claims a made visit unserved": (
        lambda p: replace(p, unserved=(Unserved("x", visit=0),)), "visit 0 '和平小学' is served but listed as left out",
    ),
    "leaves out a visit": (lambda p: spoil(p, lambda s: [*s[:2], *s[3:]]), "visit 0 '和平小学' is neither served nor"),
    "empty route that takes time": (
        lambda p: replace(p, routes=(p.routes[0], Route(1, 28800.0, 28860.0, ()))), "an empty route takes time",
    ),
    "route of another team": (lambda p: replace(p, routes=(replace(p.routes[0], team=1), p.routes[1])), "belongs to team 1"),
    "one route too many": (lambda p: replace(p, routes=(*p.routes, Route(2, 0.0, 0.0, ()))), "3 routes for 2 teams"),
    "route missing": (lambda p: replace(p, routes=p.routes[:1]), "1 routes for 2 teams"),
    "bound above the longest": (lambda p: replace(p, lower_bound_s=1e6), "longest route 1295.2 s is below the lower"),
    "bound above the total": (lambda p: replace(p, lower_bound_total_s=1e6), "total 1295.2 s is below the lower bound"),
    "bound that is no number": (lambda p: replace(p, lower_bound_s=nan), "is below the lower bound nan"),
    "times that are no numbers": (lambda p: spoil(p, at(1, start_s=nan)), "step 1: starts at nan"),
    "end that is no number": (lambda p: spoil(p, at(1, end_s=nan)), "step 1: takes nan s"),
    "start that is no number": (lambda p: spoil(p, start_s=nan), "out from nan"),
    "segment that is not there": (lambda p: spoil(p, at(1, edge=99)), "there is no segment 99"),
    "visit that is not there": (lambda p: spoil(p, at(2, visit=9)), "there is no visit 9"),
    "segment and visit at once": (lambda p: spoil(p, at(2, edge=1)), "is both segment 1 and visit 0"),
    "team that is not there": (lambda p: replace(p, routes=(p.routes[0], replace(p.routes[1], team=7))), "to team 7"),
    "break that nobody has": (
        lambda p: spoil(p, lambda s: [*s[:3], Step(s[2].end_s, s[2].end_s + 9), *s[3:]]), "when the team has none",
    ),
    "break that serves": (
        lambda p: spoil(p, lambda s: [*s[:3], Step(s[2].end_s, s[2].end_s + 9, serves=True), *s[3:]]), "serves nothing",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILED)
def test_spoiled_plan(problem: PatrolProblem, plan: PatrolPlan, name: str) -> None:
    spoiled, error = SPOILED[name]
    errors = check_plan(problem, spoiled(plan)).errors
    assert any(error in found for found in errors), errors


def test_shift_overrun(problem: PatrolProblem, plan: PatrolPlan) -> None:
    short = replace(problem.teams[0], shift_end_s=31000.0)
    (error,) = check_plan(replace(problem, teams=(short, problem.teams[1])), plan).errors
    assert "team 0 '巡警': out from 30000.0 to 31295.2 s, shift is 28800" in error


def test_streets_closed_to_the_mode(problem: PatrolProblem, plan: PatrolPlan) -> None:
    """The same way by e-bike takes other times."""
    ebike = replace(problem.teams[0], mode="ebike")
    errors = check_plan(replace(problem, teams=(ebike, problem.teams[1])), plan).errors
    assert len(errors) == 4
    assert all("instead of 71.429 s" in error for error in errors)


Move = tuple[float, float, dict[str, Any]]
"""Wait or turn before it, how long it takes, and the rest of the step."""

WALK = 110 / (4.7 / 3.6)
"""Seconds to walk one segment of the lane; to patrol it takes 100."""
T = 8 * 3600.0


def made(*moves: Move, start_s: float = T, team: int = 0) -> Route:
    """Return the route of some moves, one after the other."""
    steps, clock = [], start_s
    for gap_s, seconds, rest in moves:
        steps.append(Step(clock + gap_s, clock + gap_s + seconds, **rest))
        clock = steps[-1].end_s
    return Route(team, start_s, clock, tuple(steps))


def serve(edge: int, gap_s: float = 0.0, *, forward: bool = True, number: int = 0, seconds: float = 100.0) -> Move:
    return gap_s, seconds, {"edge": edge, "forward": forward, "serves": True, "number": number}


def walk(edge: int, gap_s: float = 0.0, *, forward: bool = True, seconds: float = WALK) -> Move:
    return gap_s, seconds, {"edge": edge, "forward": forward}


def stay(visit: int = 0, gap_s: float = 0.0, *, seconds: float = 60.0, number: int = 0) -> Move:
    return gap_s, seconds, {"visit": visit, "number": number}


def rest(seconds: float, gap_s: float = 0.0) -> Move:
    return gap_s, seconds, {}


def errors(problem: PatrolProblem, *routes: Route, unserved: tuple[Unserved, ...] = ()) -> tuple[str, ...]:
    return check_plan(problem, PatrolPlan(routes, unserved, 0.0, seed=1, iterations=0, seconds=0.0)).errors


def finds(found: tuple[str, ...], *wanted: str) -> bool:
    """Return whether these errors and no others were found."""
    return len(found) == len(wanted) and all(any(one in error for error in found) for one in wanted)


def patient(problem: PatrolProblem, **changes: Any) -> PatrolProblem:
    """Return the problem with a changed first team."""
    return replace(problem, teams=(replace(problem.teams[0], **changes), *problem.teams[1:]))


@pytest.fixture
def lane(network: Callable[..., StreetNetwork], team: Callable[..., Team]) -> PatrolProblem:
    """Three segments of 110 m in a row, patrolled on foot in 100 s each, and a depot at their west end."""
    town = network([[(x, 0), (x + 110, 0)] for x in (0, 110, 220)])
    assert town.xy[:, 0].tolist() == [0, 110, 220, 330]
    return PatrolProblem(town, (team(depot=0),), (0,), ())


def place(node: int = 1, **rules: Any) -> Visit:
    return replace(Visit("F", "校", "school", node, 0, 0, 60.0), **rules)


class TestEnds:
    there_and_back = made(serve(0), walk(0, forward=False))

    def test_depot(self, lane: PatrolProblem) -> None:
        assert errors(lane, self.there_and_back) == ()
        assert finds(errors(lane, made(serve(0))), "ends at junction 1 instead of 0")

    def test_other_end(self, lane: PatrolProblem) -> None:
        assert errors(patient(lane, end_node=1), made(serve(0))) == ()
        assert finds(errors(patient(lane, end_node=1), self.there_and_back), "ends at junction 0 instead of 1")

    def test_out_already(self, lane: PatrolProblem) -> None:
        """During its shift a team cannot stay where it is, except at its end."""
        left_out, home = (Unserved("x", edge=0),), Route(0, T, T, ())
        out = patient(lane, end_node=1, spent_s=60.0)
        assert finds(errors(out, home, unserved=left_out), "is out already at junction 0, but does not go to 1")
        for fine in ({"spent_s": 0.0}, {"end_node": 0}, {"is_end_free": True}):
            assert errors(patient(out, **fine), home, unserved=left_out) == ()

    def test_free_end(self, lane: PatrolProblem) -> None:
        assert errors(patient(lane, is_end_free=True), made(serve(0))) == ()

    def test_free_start(self, lane: PatrolProblem) -> None:
        homeward = made(serve(0, forward=False))
        assert errors(patient(lane, is_start_free=True), homeward) == ()
        assert finds(errors(lane, homeward), "segment 0 cannot be used backward from junction 0 by foot")
        with_visit = replace(patient(lane, is_start_free=True), visits=(place(1),))
        assert errors(with_visit, made(stay(), serve(0, forward=False))) == ()


class TestTimes:
    def test_own_patrol_speed(self, lane: PatrolProblem) -> None:
        slow = patient(lane, patrol_speed_mps=0.55)
        assert errors(slow, made(serve(0, seconds=200.0), walk(0, forward=False))) == ()
        assert finds(errors(slow, TestEnds.there_and_back), "step 0: takes 100.000 s instead of 200.000 s")

    def test_nobody_patrols_faster_than_the_street_allows(self, lane: PatrolProblem) -> None:
        fast = patient(lane, patrol_speed_mps=9.0)
        assert errors(fast, made(serve(0, seconds=WALK), walk(0, forward=False))) == ()
        assert finds(errors(fast, made(serve(0, seconds=110 / 9), walk(0, forward=False))), "instead of 84.255 s")

    def test_times_by_direction_are_of_travel(self, lane: PatrolProblem) -> None:
        hilly = replace(lane.network, times_s={"foot": np.array([[300.0, 30.0], [1, 1], [1, 1]])})
        problem = replace(lane, network=hilly)
        assert errors(problem, made(serve(0), walk(0, forward=False, seconds=30.0))) == ()
        assert finds(errors(problem, TestEnds.there_and_back), "takes 84.255 s instead of 30.000 s")
        closed = replace(
            lane, network=replace(lane.network, times_s={"foot": np.array([[300.0, inf], [1, 1], [1, 1]])})
        )
        assert finds(errors(closed, TestEnds.there_and_back), "segment 0 cannot be used backward from junction 1")

    def test_the_way_to_the_door_is_part_of_a_stay(self, lane: PatrolProblem) -> None:
        problem = replace(lane, required_edges=(), visits=(place(0, access_s=20.0),))
        assert errors(problem, made(stay(seconds=80.0))) == ()
        assert finds(errors(problem, made(stay())), "step 0: takes 60.000 s instead of 80.000 s")

    def test_walking_limit(self, lane: PatrolProblem) -> None:
        assert errors(patient(lane, max_walk_m=220.0), TestEnds.there_and_back) == ()
        found = errors(patient(lane, max_walk_m=219.9), TestEnds.there_and_back)
        assert finds(found, "team 0 '甲队': walks 220.0 m, at most 219.9 m are allowed")

    def test_walking_limit_is_for_walkers(self, lane: PatrolProblem) -> None:
        route = made(serve(0, seconds=110 / 4.2), walk(0, forward=False, seconds=110 / (20 / 3.6)))
        assert errors(patient(lane, mode="car", max_walk_m=10.0), route) == ()


class TestTurns:
    """A crossing of four arms of 42 m, each patrolled by car in 10 s and driven in 7.56 s; the depot is south."""

    south, east, west, drive = 0, 1, 2, 42 / (20 / 3.6)

    @pytest.fixture
    def crossing(self, network: Callable[..., StreetNetwork], team: Callable[..., Team]) -> PatrolProblem:
        """Return the crossing; arms 0 to 3 lead outward to south, east, west and north."""
        town = network([[(0, 0), end] for end in ((0, -42), (42, 0), (-42, 0), (0, 42))])
        ends = [tuple(town.xy[node]) for node in town.edges["to_node"]]
        assert ends == [(0, -42), (42, 0), (-42, 0), (0, 42)]
        penalties = TurnPenalties(left_s=20.0, right_s=5.0, u_turn_s=30.0)
        depot = int(town.edges["to_node"].iloc[0])
        town = replace(town, turn_penalties={"car": penalties})
        return PatrolProblem(town, (team(mode="car", depot=depot),), (self.east,), ())

    def tour(
        self, right_s: float = 5.0, turned_s: float = 30.0, left_s: float = 20.0, before: tuple[Move, ...] = ()
    ) -> Route:
        """Return the way from the south into the eastern arm (to the right), around at its end, and back (to the left)."""
        return made(
            walk(0, forward=False, seconds=self.drive),
            *before,
            serve(1, right_s, seconds=10.0),
            walk(1, turned_s, forward=False, seconds=self.drive),
            walk(0, left_s, seconds=self.drive),
        )

    def test_turns_are_paid(self, crossing: PatrolProblem) -> None:
        assert errors(crossing, self.tour()) == ()
        late = "the one before ended at 28807.560 s and the turn takes 5.0 s"
        assert finds(errors(crossing, self.tour(right_s=0.0)), f"step 1: starts at 28807.560 s, {late}")
        assert finds(errors(crossing, self.tour(turned_s=29.0)), "and the turn takes 30.0 s")
        assert finds(errors(crossing, self.tour(left_s=5.0)), "and the turn takes 20.0 s")
        assert finds(errors(crossing, self.tour(left_s=21.0)), "and the turn takes 20.0 s")

    def test_bans_are_kept(self, crossing: PatrolProblem) -> None:
        centre = int(crossing.network.edges["from_node"].iloc[0])
        ban = TurnRule(0, centre, 1)
        banned = replace(crossing, network=replace(crossing.network, turn_rules=(ban,)))
        assert finds(errors(banned, self.tour(right_s=0.0)), "step 1: the turn from segment 0 into segment 1 is banned")
        on_foot = replace(ban, modes=("foot",))
        assert errors(replace(crossing, network=replace(crossing.network, turn_rules=(on_foot,))), self.tour()) == ()

    def test_rules_alone(self, crossing: PatrolProblem) -> None:
        centre = int(crossing.network.edges["from_node"].iloc[0])
        town = replace(crossing.network, turn_rules=(TurnRule(0, centre, 1, 7.0),), turn_penalties={})
        ruled = replace(crossing, network=town)
        assert errors(ruled, self.tour(7.0, 0.0, 0.0)) == ()
        assert finds(errors(ruled, self.tour(0.0, 0.0, 0.0)), "and the turn takes 7.0 s")

    def test_a_stay_ends_the_turn(self, crossing: PatrolProblem) -> None:
        centre = int(crossing.network.edges["from_node"].iloc[0])
        problem = replace(crossing, visits=(place(centre),))
        assert errors(problem, self.tour(0.0, before=(stay(),))) == ()
        assert finds(errors(problem, self.tour(5.0, before=(stay(),))), "step 2: starts at")

    def test_a_break_does_not(self, crossing: PatrolProblem) -> None:
        problem = patient(crossing, breaks=(Break(T, T + 900, 600.0),))
        assert errors(problem, self.tour(5.0, before=(rest(600.0, 10.0),))) == ()
        assert finds(errors(problem, self.tour(0.0, before=(rest(600.0, 10.0),))), "step 2: starts at")
        assert finds(errors(problem, self.tour(6.0, before=(rest(600.0, 10.0),))), "step 2: starts at")

    def test_a_break_after_a_stay(self, crossing: PatrolProblem) -> None:
        centre = int(crossing.network.edges["from_node"].iloc[0])
        problem = replace(patient(crossing, breaks=(Break(T, T + 900, 600.0),)), visits=(place(centre),))
        assert errors(problem, self.tour(0.0, before=(stay(), rest(600.0)))) == ()


class TestBreaks:
    """The walker is out from 8:00 for 784.3 s; there is a break of 10 minutes that begins between 8:01 and 8:05."""

    @pytest.fixture
    def resting(self, lane: PatrolProblem) -> PatrolProblem:
        return patient(lane, breaks=(Break(T + 60, T + 300, 600.0),))

    def tour(self, seconds: float = 600.0, gap_s: float = 0.0) -> Route:
        return made(serve(0), rest(seconds, gap_s), walk(0, forward=False))

    def test_taken(self, resting: PatrolProblem) -> None:
        assert errors(resting, self.tour()) == ()
        assert errors(resting, self.tour(gap_s=200.0)) == ()

    def test_taken_late_or_early(self, resting: PatrolProblem) -> None:
        found = errors(resting, self.tour(gap_s=201.0))
        assert finds(found, "step 1: a break starts at 29101.0 s, when the team has none", "break 0 is not taken")
        found = errors(patient(resting, breaks=(Break(T + 101, T + 300, 600.0),)), self.tour())
        assert finds(found, "when the team has none", "break 0 is not taken")

    def test_too_short(self, resting: PatrolProblem) -> None:
        assert finds(errors(resting, self.tour(599.0)), "break 0 takes 599.000 s instead of 600.000 s")

    def test_taken_twice(self, lane: PatrolProblem) -> None:
        resting = patient(lane, breaks=(Break(T + 60, T + 300, 50.0),))
        tour = made(serve(0), rest(50.0), rest(50.0), walk(0, forward=False))
        assert finds(errors(resting, tour), "step 2: break 0 is taken twice")

    def test_left_out(self, resting: PatrolProblem) -> None:
        """Back at 8:03:04 it needs no break that may begin until then; nor out only from 8:11."""
        assert errors(resting, TestEnds.there_and_back) == ()
        soon = patient(resting, breaks=(Break(T + 60, T + 180, 600.0),))
        assert finds(errors(soon, TestEnds.there_and_back), "team 0 '甲队': break 0 is not taken")
        later = made(serve(0), walk(0, forward=False), start_s=T + 660)
        assert errors(soon, later) == ()
        assert finds(errors(soon, replace(made(serve(0), walk(0, forward=False), start_s=T + 659))), "is not taken")

    def test_in_their_order(self, lane: PatrolProblem) -> None:
        resting = patient(lane, breaks=(Break(T, T + 60, 30.0), Break(T + 120, T + 300, 40.0)))
        assert errors(resting, made(rest(30.0), serve(0), rest(40.0), walk(0, forward=False))) == ()
        found = errors(resting, made(rest(40.0), serve(0), rest(30.0), walk(0, forward=False)))
        assert finds(found, "break 0 takes 40.000 s instead of 30.000 s", "break 1 takes 30.000 s instead of 40.000 s")


class TestWindows:
    def visiting(self, lane: PatrolProblem, **rules: Any) -> PatrolProblem:
        return replace(lane, required_edges=(), visits=(place(0, **rules),))

    def test_next_day(self, lane: PatrolProblem) -> None:
        night = self.visiting(
            patient(lane, shift_start_s=22 * 3600.0, shift_end_s=30 * 3600.0), windows=((7200.0, 7260.0),)
        )
        assert errors(night, made(stay(), start_s=DAY_S + 7200)) == ()
        assert finds(
            errors(night, made(stay(), start_s=DAY_S + 7199)), "visit 0 starts at 93599.0 s, outside its windows"
        )
        assert finds(errors(night, made(stay(), start_s=DAY_S + 7261)), "outside its windows")

    def test_each_window(self, lane: PatrolProblem) -> None:
        windows = ((T, T + 300), (T + 200, T + 900))
        each = self.visiting(lane, windows=windows, each_window=True)
        once = made(stay())
        assert finds(errors(each, once), "visit 0 '校', repetition 1, is neither served nor listed")
        for gap_s in (150.0, 600.0):  # the first fits both
            assert errors(each, made(stay(gap_s=250.0), stay(gap_s=gap_s - 60, number=1))) == ()
        found = errors(each, made(stay(), stay(gap_s=30.0, number=1)))
        assert finds(found, "visit 0 '校' starts at 28890.0 s, in a window that is already served")
        assert (
            errors(
                replace(each, visits=(replace(each.visits[0], times=2),)),
                *[made(stay(), stay(gap_s=30.0, number=1), stay(gap_s=300.0, number=2), stay(gap_s=3.0, number=3))],
            )
            == ()
        )


class TestRepetitions:
    """The visit at the depot three times, 5 to 10 minutes between the starts."""

    @pytest.fixture
    def often(self, lane: PatrolProblem) -> PatrolProblem:
        visit = place(0, times=3, min_gap_s=300.0, max_gap_s=600.0)
        return replace(lane, required_edges=(), visits=(visit,))

    def tour(self, *gaps_s: float, numbers: tuple[int, ...] = (0, 1, 2)) -> Route:
        return made(stay(), *(stay(gap_s=gap_s - 60, number=k) for gap_s, k in zip(gaps_s, numbers[1:], strict=True)))

    def test_gaps(self, often: PatrolProblem) -> None:
        assert errors(often, self.tour(300.0, 600.0)) == ()
        found = errors(often, self.tour(299.0, 600.0))
        assert finds(
            found, "repetition 1 (team 0 '甲队', step 1) starts 299.0 s after 0, at least 300.0 s are asked for"
        )
        found = errors(often, self.tour(300.0, 601.0))
        assert finds(
            found, "visit 0 '校': repetition 2 (team 0 '甲队', step 2) starts 601.0 s after 1, at most 600.0 s"
        )

    def test_gaps_between_teams(self, often: PatrolProblem) -> None:
        two = replace(often, teams=often.teams * 2)
        alone = made(stay(number=2), start_s=T + 900, team=1)
        assert errors(two, self.tour(300.0, numbers=(0, 1)), alone) == ()
        soon = made(stay(number=2), start_s=T + 500, team=1)
        assert finds(
            errors(two, self.tour(300.0, numbers=(0, 1)), soon), "(team 1 '甲队', step 0) starts 200.0 s after 1"
        )

    def test_one_left_out_widens_the_gap(self, often: PatrolProblem) -> None:
        left_out = (Unserved("no time", visit=0, number=1),)
        assert errors(often, self.tour(1200.0, numbers=(0, 2)), unserved=left_out) == ()
        assert finds(errors(often, self.tour(1201.0, numbers=(0, 2)), unserved=left_out), "at most 1200.0 s")
        assert finds(errors(often, self.tour(1200.0, numbers=(0, 2))), "repetition 1, is neither served nor listed")

    def test_numbers(self, often: PatrolProblem) -> None:
        found = errors(often, self.tour(300.0, 600.0, numbers=(0, 1, 1)))
        assert {one.split(" ", 2)[2] for one in found} >= {
            "'校', repetition 1, is served 2 times",
            "'校', repetition 2, is neither served nor listed as left out",
        }
        found = errors(often, self.tour(300.0, 600.0, numbers=(0, 1, 3)))
        assert any("visit 0 '校': repetition 3 is served, asked for are 3" in one for one in found)
        found = errors(often, made(stay(number=1), stay(gap_s=240.0), stay(gap_s=240.0, number=2)))
        assert any("starts -300.0 s after 0, at least 300.0 s" in one for one in found)

    def test_segments_may_be_waited_for(self, lane: PatrolProblem) -> None:
        problem = replace(lane, edge_rules={0: EdgeRule(times=2, min_gap_s=300.0)})
        tour = made(serve(0), serve(0, 200.0, forward=False, number=1))
        assert errors(problem, tour) == ()
        assert finds(
            errors(problem, made(serve(0), serve(0, 199.0, forward=False, number=1))), "starts 299.0 s after 0"
        )
        found = errors(
            problem, made(serve(0), walk(0, 200.0, forward=False), serve(0, number=1), walk(0, forward=False))
        )
        assert finds(found, "step 1: starts at 29100.000 s")


class TestDirections:
    both = EdgeRule(direction="both")

    def test_both(self, lane: PatrolProblem) -> None:
        problem = replace(lane, edge_rules={0: self.both})
        assert errors(problem, made(serve(0), serve(0, forward=False))) == ()
        assert finds(errors(problem, TestEnds.there_and_back), "segment 0 backward is neither served nor listed")
        left_out = (Unserved("no time", edge=0, forward=False),)
        assert errors(problem, TestEnds.there_and_back, unserved=left_out) == ()
        twice = made(serve(0), walk(0, forward=False), serve(0), walk(0, forward=False))
        assert finds(errors(problem, twice, unserved=left_out), "segment 0 forward is served 2 times")

    def test_one(self, lane: PatrolProblem) -> None:
        problem = replace(lane, edge_rules={0: EdgeRule(direction="backward")})
        assert errors(problem, made(walk(0), serve(0, forward=False))) == ()
        found = errors(problem, TestEnds.there_and_back)
        assert finds(found, "segment 0 forward is served but not asked for", "segment 0 backward is neither served")


class TestWhoMayServe:
    def test_skills(self, lane: PatrolProblem) -> None:
        skills = frozenset({"drone", "armed"})
        problem = replace(lane, edge_rules={0: EdgeRule(skills=skills)})
        assert errors(patient(problem, skills=skills | {"dog"}), TestEnds.there_and_back) == ()
        found = errors(patient(problem, skills=frozenset({"armed"})), TestEnds.there_and_back)
        assert finds(found, "team 0 '甲队', step 0: the team lacks the skills for segment 0: drone")
        visiting = replace(lane, required_edges=(), visits=(place(0, skills=skills),))
        assert finds(errors(visiting, made(stay())), "lacks the skills for visit 0 '校': armed, drone")

    def test_hard_areas(self, lane: PatrolProblem) -> None:
        problem = replace(lane, edge_areas=np.array([4, -1, -1]))
        inside = patient(problem, areas=frozenset({3, 4}), is_area_hard=True)
        assert errors(inside, TestEnds.there_and_back) == ()
        outside = patient(problem, areas=frozenset({3}), is_area_hard=True)
        assert finds(errors(outside, TestEnds.there_and_back), "segment 0 lies in area 4, outside those of the team")
        assert errors(patient(outside, is_area_hard=False), TestEnds.there_and_back) == ()
        assert errors(patient(outside, areas=frozenset()), TestEnds.there_and_back) == ()

    def test_hard_areas_of_visits(self, lane: PatrolProblem) -> None:
        problem = replace(lane, required_edges=(), visits=(place(0, area=2),))
        assert finds(
            errors(patient(problem, areas=frozenset({3}), is_area_hard=True), made(stay())), "visit 0 '校' lies in"
        )
        assert errors(patient(problem, areas=frozenset({2}), is_area_hard=True), made(stay())) == ()


class TestLeftOut:
    optional = EdgeRule(prize_s=5.0)
    home = Route(0, T, T, ())

    def test_optional(self, lane: PatrolProblem) -> None:
        problem = replace(lane, edge_rules={0: self.optional})
        assert errors(problem, self.home, unserved=(Unserved("not worth it", edge=0, is_required=False),)) == ()
        assert errors(problem, TestEnds.there_and_back) == ()
        found = errors(problem, self.home, unserved=(Unserved("no time", edge=0),))
        assert finds(found, "segment 0 is listed as required, but it is optional")
        assert finds(errors(problem, self.home), "segment 0 is neither served nor listed as left out")
        twice = made(serve(0), serve(0, forward=False))
        assert finds(errors(problem, twice), "segment 0 is served 2 times")

    def test_required(self, lane: PatrolProblem) -> None:
        why = Unserved("no time", edge=0)
        assert errors(lane, self.home, unserved=(why,)) == ()
        assert finds(
            errors(lane, self.home, unserved=(replace(why, is_required=False),)), "listed as optional, but it is"
        )
        assert finds(
            errors(lane, self.home, unserved=(replace(why, reason=""),)), "segment 0 is left out without a reason"
        )
        assert finds(errors(lane, self.home, unserved=(why, why)), "segment 0 is listed as left out 2 times")

    def test_not_asked_for(self, lane: PatrolProblem) -> None:
        for wrong, error in (
            (Unserved("x", edge=1), "segment 1 is listed as left out but not asked for"),
            (Unserved("x", visit=3), "visit 3 is listed as left out but not asked for"),
            (Unserved("x", edge=0, forward=True), "segment 0 forward is listed as left out but not asked for"),
            (Unserved("x", edge=0, number=1), "segment 0: repetition 1 is listed as left out, asked for are 1"),
        ):
            assert finds(errors(lane, TestEnds.there_and_back, unserved=(wrong,)), error)


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
        left_out = replace(plan, routes=(), unserved=(Unserved("why", visit=0),))
        (visit,) = require_frame("visit", visit_frame(problem, left_out, "p")).to_dict("records")
        assert (visit["route_no"], visit["sequence"], visit["reason"]) == (0, 0, "why")
        assert visit["arrive_s"] != visit["arrive_s"]

    def test_nobody_is_needed(self, problem: PatrolProblem, plan: PatrolPlan) -> None:
        home = replace(plan, routes=plan.routes[1:])
        assert [len(frame(problem, home, "p")) for frame in (leg_frame, route_frame)] == [0, 0]

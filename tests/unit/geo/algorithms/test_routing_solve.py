"""Planning on tiny towns whose best plan is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from geo.algorithms.routing.bound import longest_route_bound
from geo.algorithms.routing.check import check_plan
from geo.algorithms.routing.construct import match_odd
from geo.algorithms.routing.encode import (
    FAR_S,
    TICKS_PER_S,
    UNREACHABLE_EDGE,
    UNREACHABLE_VISIT,
    WINDOW_OUTSIDE,
    encode,
)
from geo.algorithms.routing.solve import NO_TIME, SolveParams, solve
from geo.errors import CancelledError, InfeasibleError, ParameterError
from geo.model.network import StreetNetwork
from geo.model.patrol import PatrolPlan, PatrolProblem, Team, Visit

Network = Callable[..., StreetNetwork]
MakeTeam = Callable[..., Team]
WALK, PATROL = 4.7 / 3.6, 1.1  # on foot, m/s
QUICK = SolveParams(iterations=40)


def planned(problem: PatrolProblem, params: SolveParams = QUICK) -> PatrolPlan:
    plan = solve(problem, params)
    assert check_plan(problem, plan).errors == ()
    return plan


def node_at(town: StreetNetwork, x: float, y: float) -> int:
    return int(np.flatnonzero((town.xy == (x, y)).all(axis=1))[0])


def visit(town: StreetNetwork, x: float, y: float, stay_s: float = 600, windows: Any = ()) -> Visit:
    return Visit("F", "学校", "school", node_at(town, x, y), x, y, stay_s, windows)


class TestBestPlans:
    def test_star_of_dead_ends(self, network: Network, team: MakeTeam) -> None:
        """Three dead ends of 100 m: each is patrolled on the way out and walked back."""
        town = network([[(0, 0), (100, 0)], [(0, 0), (-100, 0)], [(0, 0), (0, 100)]])
        plan = planned(PatrolProblem(town, (team(depot=node_at(town, 0, 0)),), (0, 1, 2), ()))
        assert plan.routes[0].duration_s == pytest.approx(3 * (100 / PATROL + 100 / WALK))

    def test_two_teams_share_fairly(self, network: Network, team: MakeTeam) -> None:
        """One dead end to the east, one to the west: one team each, not both for one."""
        town = network([[(0, 0), (300, 0)], [(0, 0), (-300, 0)]])
        depot = node_at(town, 0, 0)
        plan = planned(PatrolProblem(town, (team("甲", depot=depot), team("乙", depot=depot)), (0, 1), ()))
        assert plan.durations_s().tolist() == [pytest.approx(300 / PATROL + 300 / WALK)] * 2
        assert plan.lower_bound_s == pytest.approx(300 / PATROL)

    def test_ring_needs_no_deadhead(self, network: Network, team: MakeTeam) -> None:
        corners = [(0, 0), (200, 0), (200, 200), (0, 200), (0, 0)]
        town = network([corners[n : n + 2] for n in range(4)])
        plan = planned(PatrolProblem(town, (team(depot=2),), (0, 1, 2, 3), ()))
        assert plan.routes[0].duration_s == pytest.approx(800 / PATROL)
        assert plan.lower_bound_s == pytest.approx(800 / PATROL)

    def test_one_way_ring_is_driven_the_right_way_round(self, network: Network, team: MakeTeam) -> None:
        """Only the far street is required: there by two streets, back by one, all forward."""
        corners = [(0, 0), (200, 0), (200, 200), (0, 200), (0, 0)]
        town = network([corners[n : n + 2] for n in range(4)], oneway=["forward"] * 4)
        plan = planned(PatrolProblem(town, (team(mode="car", depot=node_at(town, 0, 0)),), (2,), ()))
        steps = plan.routes[0].steps
        assert [(step.edge, step.forward, step.serves) for step in steps] == [
            (0, True, False), (1, True, False), (2, True, True), (3, True, False),
        ]  # fmt: skip
        assert plan.routes[0].duration_s == pytest.approx(600 / (20 / 3.6) + 200 / 4.2)

    def test_mode_that_may_not_enter_leaves_the_street_to_others(self, network: Network, team: MakeTeam) -> None:
        town = network([[(0, 0), (100, 0)], [(0, 0), (0, 100)]], road_class=["residential", "lane"])
        depot = node_at(town, 0, 0)
        plan = planned(PatrolProblem(town, (team("甲", "car", depot), team("乙", "foot", depot)), (0, 1), ()))
        served = {team: {step.edge for step in route.steps if step.serves} for team, route in enumerate(plan.routes)}
        assert 1 in served[1]

    def test_team_waits_for_the_window(self, network: Network, team: MakeTeam) -> None:
        town = network([[(0, 0), (110, 0)]])
        school = visit(town, 110, 0, 600, ((36000.0, 36600.0),))
        plan = planned(PatrolProblem(town, (team(depot=node_at(town, 0, 0)),), (0,), (school,)))
        (stay,) = [step for step in plan.routes[0].steps if step.visit == 0]
        assert stay.start_s >= 36000
        # the patrol goes before, as late as it may: the way there (100 s), the stay, the way back
        assert plan.routes[0].duration_s == pytest.approx(100 + 600 + 110 / WALK, abs=1)

    @pytest.mark.parametrize("windows", [((30000, 30600), (36000, 36600)), ((36000, 36600), (30000, 30600))])
    def test_either_window_will_do(self, network: Network, team: MakeTeam, windows: Any) -> None:
        town = network([[(0, 0), (110, 0)]])
        short = team(depot=node_at(town, 0, 0), hours=(8, 9))
        plan = planned(PatrolProblem(town, (short,), (), (visit(town, 110, 0, 600, windows),)))
        assert plan.unserved_visits == {}
        assert 30000 <= plan.routes[0].steps[1].start_s <= 30600

    def test_shift_past_midnight(self, network: Network, team: MakeTeam) -> None:
        town = network([[(0, 0), (110, 0)]])
        night = team(depot=0, hours=(22, 30))
        plan = planned(PatrolProblem(town, (night,), (0,), (visit(town, 110, 0, 600, ((90000.0, 93600.0),)),)))
        assert plan.unserved_visits == {}
        assert plan.routes[0].end_s > 90000

    def test_window_after_midnight_in_a_night_shift(self, network: Network, team: MakeTeam) -> None:
        town = network([[(0, 0), (110, 0)]])
        night = team(depot=0, hours=(22, 30))
        plan = planned(PatrolProblem(town, (night,), (), (visit(town, 110, 0, 600, ((3600.0, 14400.0),)),)))
        assert plan.unserved_visits == {}
        assert 90000 <= plan.routes[0].steps[1].start_s <= 100800

    def test_way_to_the_door_takes_time(self, network: Network, team: MakeTeam) -> None:
        town = network([[(0, 0), (110, 0)]])
        near = visit(town, 110, 0, 600)
        far = replace(near, access_s=100.0)
        durations = [
            planned(PatrolProblem(town, (team(),), (), (place,))).routes[0].duration_s for place in (near, far)
        ]
        assert durations[1] - durations[0] == pytest.approx(100)


class TestWhatCannotBeServed:
    @pytest.fixture
    def island(self, network: Network) -> StreetNetwork:
        return network([[(0, 0), (110, 0)], [(500, 500), (600, 500)]])

    def test_island(self, island: StreetNetwork, team: MakeTeam) -> None:
        problem = PatrolProblem(island, (team(depot=0),), (0, 1), (visit(island, 600, 500), visit(island, 110, 0)))
        plan = planned(problem)
        assert plan.unserved_edges == {1: UNREACHABLE_EDGE}
        assert plan.unserved_visits == {0: UNREACHABLE_VISIT}

    def test_depot_on_an_island(self, island: StreetNetwork, team: MakeTeam) -> None:
        home = node_at(island, 600, 500)
        with pytest.raises(InfeasibleError, match="cannot be reached and left by foot"):
            solve(PatrolProblem(island, (team(depot=home),), (0,), ()), QUICK)

    def test_depot_in_a_trap(self, network: Network, team: MakeTeam) -> None:
        town = network([[(0, 0), (100, 0)], [(100, 0), (200, 0)]], oneway=["both", "forward"])
        with pytest.raises(InfeasibleError, match="by car"):
            solve(PatrolProblem(town, (team(mode="car", depot=node_at(town, 200, 0)),), (0,), ()), QUICK)

    def test_window_outside_every_shift(self, island: StreetNetwork, team: MakeTeam) -> None:
        early = visit(island, 110, 0, 600, ((3600.0, 7200.0),))
        plan = planned(PatrolProblem(island, (team(depot=0),), (0,), (early,)))
        assert plan.unserved_visits == {0: WINDOW_OUTSIDE}

    def test_shift_too_short_for_all(self, network: Network, team: MakeTeam) -> None:
        """Ten dead ends take 167 s each; in half an hour ten would take 28 minutes, so that the stay pushes some out."""
        arms = [[(0, 0), (100 * np.cos(n), 100 * np.sin(n))] for n in range(10)]
        town = network(arms)
        depot = node_at(town, 0, 0)
        problem = PatrolProblem(town, (team(depot=depot, hours=(8, 8.5)),), tuple(range(10)), (visit(town, 0, 0, 600),))
        plan = planned(problem)
        assert plan.unserved_visits == {}  # a place counts more than a street
        assert set(plan.unserved_edges.values()) == {NO_TIME}
        # 1,800 s − 600 s − 10 s of margin hold seven of them
        assert len(plan.unserved_edges) == 3

    def test_nothing_at_all(self, island: StreetNetwork, team: MakeTeam) -> None:
        plan = planned(PatrolProblem(island, (team(depot=0), team("乙", depot=0)), (1,), ()))
        assert [len(route.steps) for route in plan.routes] == [0, 0]
        assert plan.lower_bound_s == 0


class TestEncoding:
    def test_clients_and_times(self, network: Network, team: MakeTeam) -> None:
        town = network([[(0, 0), (110, 0)], [(110, 0), (220, 0)]], oneway=["both", "forward"])
        depot = node_at(town, 0, 0)
        encoded = encode(PatrolProblem(town, (team(depot=depot),), (0, 1), (visit(town, 220, 0, 60, ((0, 86400),)),)))
        assert [(task.edge, task.forward) for task in encoded.tasks] == [
            (0, True), (0, False), (1, True), (1, False), (-1, True),
        ]  # fmt: skip
        assert encoded.groups == ((0, 1), (2, 3), (4,))
        (matrix,) = encoded.durations
        patrol, walk = 110 / PATROL, 110 / WALK
        from_depot = [patrol, walk + patrol, walk + patrol, 2 * walk + patrol, 2 * walk]
        assert matrix[0, 1:].tolist() == [round(seconds * TICKS_PER_S) for seconds in from_depot]
        assert matrix[1, 3] == round(patrol * TICKS_PER_S)  # from the end of the first street into the second
        assert np.diag(matrix).tolist() == [0] * 6

    def test_wheels_keep_to_one_way_signs(self, network: Network, team: MakeTeam) -> None:
        corners = [(0, 0), (200, 0), (200, 200), (0, 200), (0, 0)]
        town = network([corners[n : n + 2] for n in range(4)], oneway=["forward"] * 4)
        encoded = encode(PatrolProblem(town, (team(mode="car", depot=0),), (0, 1), ()))
        assert [(task.edge, task.forward) for task in encoded.tasks] == [(0, True), (1, True)]

    def test_street_closed_to_a_mode_is_far_away(self, network: Network, team: MakeTeam) -> None:
        town = network([[(0, 0), (100, 0)], [(0, 0), (0, 100)]], road_class=["residential", "lane"])
        depot = node_at(town, 0, 0)
        encoded = encode(PatrolProblem(town, (team("甲", "car", depot), team("乙", "foot", depot)), (1,), ()))
        assert encoded.modes == ("car", "foot")
        assert encoded.durations[0][0, 1] == FAR_S * TICKS_PER_S
        assert encoded.durations[1][0, 1] == round(100 / PATROL * TICKS_PER_S)

    def test_far_streets_are_not_searched(self, network: Network, team: MakeTeam) -> None:
        """The crop must not change the ways: a detour of 4 km round is found although it leaves the margin."""
        far = [(0, 0), (0, 3000), (200, 3000), (200, 0)]
        town = network(
            [[(0, 0), (200, 0)], *[far[n : n + 2] for n in range(3)], [(0, 0), (-9000, 0)]],
            oneway=["forward", *["both"] * 4],
        )
        problem = PatrolProblem(town, (team(mode="car", depot=node_at(town, 0, 0)),), (0,), ())
        plan = planned(problem)
        assert plan.routes[0].duration_s == pytest.approx(200 / 4.2 + 6200 / (20 / 3.6))


class TestBound:
    def test_modes_share_the_work(self, network: Network, team: MakeTeam) -> None:
        """1,590 m at 1.1 + 4.2 = 5.3 m/s together take 300 s."""
        town = network([[(0, 0), (1590, 0)]])
        problem = PatrolProblem(town, (team("甲", "foot"), team("乙", "car")), (0,), ())
        assert longest_route_bound(problem, [0], []) == pytest.approx(300)

    def test_stays_are_shared(self, network: Network, team: MakeTeam) -> None:
        town = network([[(0, 0), (110, 0)]])
        problem = PatrolProblem(town, (team("甲"), team("乙")), (0,), (visit(town, 0, 0, 500), visit(town, 0, 0, 400)))
        assert longest_route_bound(problem, [0], [0, 1]) == pytest.approx((100 + 900) / 2)

    def test_only_who_may_enter_counts(self, network: Network, team: MakeTeam) -> None:
        """The lane (660 m) takes the walker 600 s; the car does the road (2,520 m, 600 s) meanwhile."""
        town = network([[(0, 0), (660, 0)], [(0, 0), (0, 2520)]], road_class=["lane", "residential"])
        problem = PatrolProblem(town, (team("甲", "foot"), team("乙", "car")), (0, 1), ())
        assert longest_route_bound(problem, [0, 1], []) == pytest.approx(600)
        assert longest_route_bound(problem, [0], []) == pytest.approx(600)

    def test_nothing(self, network: Network, team: MakeTeam) -> None:
        assert longest_route_bound(PatrolProblem(network([[(0, 0), (1, 0)]]), (team(),), (), ()), [], []) == 0


class TestSearch:
    @pytest.fixture
    def problem(self, network: Network, team: MakeTeam) -> PatrolProblem:
        grid = [[(100 * i, 100 * j), (100 * i + 100, 100 * j)] for i in range(4) for j in range(5)]
        grid += [[(100 * j, 100 * i), (100 * j, 100 * i + 100)] for i in range(4) for j in range(5)]
        town = network(grid)
        teams = (team("甲", "foot", 0), team("乙", "ebike", 7), team("丙", "car", 3))
        return PatrolProblem(town, teams, tuple(range(len(town.edges))), (visit(town, 200, 200), visit(town, 400, 0)))

    def test_same_seed_same_plan(self, problem: PatrolProblem) -> None:
        one, two = planned(problem), planned(problem)
        assert one.routes == two.routes
        assert one.iterations == two.iterations

    def test_search_is_fair(self, problem: PatrolProblem) -> None:
        durations = planned(problem, SolveParams(iterations=400)).durations_s()
        assert durations.max() / durations.mean() < 1.1

    def test_stopped_early_keeps_the_best(self, problem: PatrolProblem) -> None:
        def stop(message: str, fraction: float) -> None:
            if message == "Improving the plan":
                raise CancelledError("stopped")

        plan = solve(problem, SolveParams(seconds=60), stop)
        assert plan.stopped_early
        assert plan.seconds < 30
        assert check_plan(problem, plan).errors == ()

    def test_stopped_before_there_is_a_plan(self, problem: PatrolProblem) -> None:
        def stop(message: str, fraction: float) -> None:
            raise CancelledError("stopped")

        with pytest.raises(CancelledError):
            solve(problem, QUICK, stop)

    def test_time_limit(self, problem: PatrolProblem) -> None:
        plan = planned(problem, SolveParams(seconds=0.4))
        assert 0.4 <= plan.seconds < 5
        assert not plan.stopped_early

    @pytest.mark.parametrize("wrong", [{"seconds": 0}, {"seconds": 1e6}, {"fairness": -1}, {"rounds": 0}])
    def test_parameters(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ParameterError):
            SolveParams(**wrong)


@pytest.mark.parametrize(
    ("places", "total"),
    # on 0, 3, 5, 8 nearest first takes 3–5 and is left with 0–8: the exchange of partners must repair it
    [([0, 1, 10, 11], 2), ([0, 3, 5, 8], 6), ([5, 0, 8, 3], 6), ([0, 7], 7)],
)
def test_odd_junctions_are_matched_cheaply(places: list[int], total: int) -> None:
    times = np.abs(np.subtract.outer(places, places)).astype(float)
    pairs = match_odd(np.arange(len(places)), times)
    assert sorted(pairs.ravel().tolist()) == list(range(len(places)))
    assert sum(times[a, b] for a, b in pairs) == total


def test_no_odd_junction() -> None:
    assert match_odd(np.array([], dtype=np.int64), np.zeros((3, 3))).shape == (0, 2)

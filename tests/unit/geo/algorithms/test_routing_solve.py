"""Planning on tiny towns whose best plan is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from geo.algorithms.routing.bound import longest_route_bound
from geo.algorithms.routing.check import check_plan
from geo.algorithms.routing.decode import NO_TIME, NOT_WORTH
from geo.algorithms.routing.encode import (
    NO_AREA,
    NO_GAPS,
    NO_SKILL,
    UNREACHABLE_EDGE,
    UNREACHABLE_VISIT,
    WINDOW_OUTSIDE,
    encode,
)
from geo.algorithms.routing.solve import SolveParams, solve
from geo.errors import CancelledError, InfeasibleError, ParameterError
from geo.model.network import StreetNetwork, TurnPenalties, TurnRule
from geo.model.patrol import Break, EdgeRule, PatrolProblem, Team, Visit
from geo.model.plan import PatrolPlan

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
        assert plan.lower_bound_s == pytest.approx(300 / PATROL + 300 / WALK)

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
    def test_jobs_and_times(self, network: Network, team: MakeTeam) -> None:
        town = network([[(0, 0), (110, 0)], [(110, 0), (220, 0)]], oneway=["both", "forward"])
        depot = node_at(town, 0, 0)
        encoded = encode(PatrolProblem(town, (team(depot=depot),), (0, 1), (visit(town, 220, 0, 60, ((0, 86400),)),)))
        assert [(task.edge, task.both, task.visit) for task in encoded.tasks] == [
            (0, True, -1), (1, True, -1), (-1, False, 0),
        ]  # fmt: skip
        jobs, crews = encoded.jobs, encoded.crews
        home = int(crews.start[0])
        assert jobs.serve_s[0, :, 0].tolist() == pytest.approx([110 / PATROL, 110 / PATROL, 60])
        assert jobs.way_s[0, home, jobs.entry[:, 0]].tolist() == pytest.approx([0, 110 / WALK, 220 / WALK])
        assert jobs.way_s[0, jobs.leave[0, 0], jobs.entry[1, 0]] == 0
        assert (jobs.entry[:2, 0].tolist(), jobs.leave[:2, 0].tolist()) == (
            jobs.leave[:2, 1].tolist(),
            jobs.entry[:2, 1].tolist(),
        )

    def test_wheels_keep_to_one_way_signs(self, network: Network, team: MakeTeam) -> None:
        corners = [(0, 0), (200, 0), (200, 200), (0, 200), (0, 0)]
        town = network([corners[n : n + 2] for n in range(4)], oneway=["forward"] * 4)
        serve = encode(PatrolProblem(town, (team(mode="car", depot=0),), (0, 1), ())).jobs.serve_s
        assert np.isfinite(serve[0]).tolist() == [[True, False]] * 2

    def test_street_closed_to_a_mode_is_not_allowed(self, network: Network, team: MakeTeam) -> None:
        town = network([[(0, 0), (100, 0)], [(0, 0), (0, 100)]], road_class=["residential", "lane"])
        depot = node_at(town, 0, 0)
        encoded = encode(PatrolProblem(town, (team("甲", "car", depot), team("乙", "foot", depot)), (1,), ()))
        assert encoded.modes == ("car", "foot")
        assert encoded.jobs.allowed.tolist() == [[False, True]]

    def test_a_long_way_round_is_found(self, network: Network, team: MakeTeam) -> None:
        """The way back is 4 km longer than the street."""
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

    @pytest.mark.parametrize("wrong", [{"seconds": 0}, {"seconds": 1e6}, {"iterations": 0}])
    def test_parameters(self, wrong: dict[str, Any]) -> None:
        with pytest.raises(ParameterError):
            SolveParams(**wrong)


class TestRules:
    """Each on a town so small that the right plan is plain."""

    @pytest.fixture
    def cross(self, network: Network) -> StreetNetwork:
        return network([[(0, 0), (110, 0)], [(0, 0), (-110, 0)], [(0, 0), (0, 110)]])

    def test_both_directions(self, cross: StreetNetwork, team: MakeTeam) -> None:
        depot = node_at(cross, 0, 0)
        plan = planned(PatrolProblem(cross, (team(depot=depot),), (0,), (), edge_rules={0: EdgeRule(direction="both")}))
        assert plan.routes[0].duration_s == pytest.approx(2 * 110 / PATROL)
        assert [step.serves for step in plan.routes[0].steps] == [True, True]

    def test_repeats_keep_their_gaps(self, cross: StreetNetwork, team: MakeTeam) -> None:
        depot = node_at(cross, 0, 0)
        rule = EdgeRule(times=3, min_gap_s=1_800, max_gap_s=5_400)
        place = replace(visit(cross, 0, 110, 300), times=2, min_gap_s=3_600, max_gap_s=7_200)
        plan = planned(PatrolProblem(cross, (team(depot=depot),), (0,), (place,), edge_rules={0: rule}))
        assert not plan.unserved
        steps = plan.routes[0].steps
        for starts, least, most in (
            ([step.start_s for step in steps if step.serves], 1_800, 5_400),
            ([step.start_s for step in steps if step.visit >= 0], 3_600, 7_200),
        ):
            assert all(least <= gap <= most for gap in np.diff(starts))

    def test_gaps_that_do_not_fit(self, cross: StreetNetwork, team: MakeTeam) -> None:
        place = replace(visit(cross, 0, 110, 300), times=5, min_gap_s=7_200)
        plan = planned(PatrolProblem(cross, (team(depot=0, hours=(8, 12)),), (), (place,)))
        assert [one.reason for one in plan.unserved] == [NO_GAPS] * 5

    def test_a_visit_in_each_window(self, cross: StreetNetwork, team: MakeTeam) -> None:
        windows = ((28_800.0, 30_600.0), (36_000.0, 37_800.0))
        school = replace(visit(cross, 0, 110, 300, windows), each_window=True)
        plan = planned(PatrolProblem(cross, (team(depot=0, hours=(8, 12)),), (), (school,)))
        starts = [step.start_s for step in plan.routes[0].steps if step.visit >= 0]
        assert [low <= start <= high for start, (low, high) in zip(starts, windows, strict=True)] == [True, True]

    def test_skills(self, cross: StreetNetwork, team: MakeTeam) -> None:
        depot = node_at(cross, 0, 0)
        teams = (team("甲", depot=depot), replace(team("乙", depot=depot), skills=frozenset({"police"})))
        rules = {0: EdgeRule(skills=frozenset({"police"})), 1: EdgeRule(skills=frozenset({"doctor"}))}
        plan = planned(PatrolProblem(cross, teams, (0, 1), (), edge_rules=rules))
        assert [any(step.serves for step in route.steps) for route in plan.routes] == [False, True]
        assert plan.unserved_edges == {1: NO_SKILL}

    @pytest.mark.parametrize(
        ("is_hard", "outside_s", "crosses"), [(True, 0, False), (False, 1e5, False), (False, 0, True)]
    )
    def test_areas(self, network: Network, team: MakeTeam, *, is_hard: bool, outside_s: float, crosses: bool) -> None:
        """Two streets in the west, one in the east: fair would be to share them, unless the beats forbid it."""
        town = network([[(0, 0), (600, 0)], [(0, 0), (0, 600)], [(0, 0), (0, -20)]])
        depot = node_at(town, 0, 0)
        beat = {"is_area_hard": is_hard, "outside_s": outside_s}
        teams = tuple(
            replace(team(name, depot=depot), areas=frozenset({area}), **beat) for name, area in (("甲", 0), ("乙", 1))
        )
        plan = planned(PatrolProblem(town, teams, (0, 1, 2), (), edge_areas=np.array([0, 0, 1])))
        assert any(step.serves and step.edge < 2 for step in plan.routes[1].steps) == crosses

    def test_area_of_nobody(self, cross: StreetNetwork, team: MakeTeam) -> None:
        crew = replace(team(depot=node_at(cross, 0, 0)), areas=frozenset({5}), is_area_hard=True)
        plan = planned(PatrolProblem(cross, (crew,), (0,), (), edge_areas=np.array([0, 0, 0])))
        assert plan.unserved_edges == {0: NO_AREA}

    def test_optional_where_it_pays(self, cross: StreetNetwork, team: MakeTeam) -> None:
        """There and back takes 184 s."""
        depot = node_at(cross, 0, 0)
        rules = {0: EdgeRule(prize_s=150), 1: EdgeRule(prize_s=250)}
        plan = planned(PatrolProblem(cross, (team(depot=depot),), (0, 1), (), edge_rules=rules))
        assert [(one.edge, one.reason, one.is_required) for one in plan.unserved] == [(0, NOT_WORTH, False)]
        assert plan.unserved_edges == {}

    def test_break(self, cross: StreetNetwork, team: MakeTeam) -> None:
        """Three streets take 9 minutes; the break must begin within the first five."""
        depot = node_at(cross, 0, 0)
        crew = replace(team(depot=depot), breaks=(Break(28_800 + 60, 28_800 + 300, 1_200),))
        plan = planned(PatrolProblem(cross, (crew,), (0, 1, 2), ()))
        (rest,) = [step for step in plan.routes[0].steps if step.is_break]
        assert 28_860 <= rest.start_s <= 29_100
        assert rest.end_s - rest.start_s == 1_200
        assert plan.routes[0].duration_s == pytest.approx(3 * (110 / PATROL + 110 / WALK) + 1_200)

    def test_break_that_is_not_due(self, cross: StreetNetwork, team: MakeTeam) -> None:
        crew = replace(team(depot=node_at(cross, 0, 0)), breaks=(Break(40_000, 41_000, 1_200),))
        plan = planned(PatrolProblem(cross, (crew,), (0,), ()))
        assert not any(step.is_break for step in plan.routes[0].steps)

    def test_ends(self, cross: StreetNetwork, team: MakeTeam) -> None:
        depot, other = node_at(cross, 0, 0), node_at(cross, 110, 0)
        there = replace(team(depot=depot), end_node=other)
        free = replace(team(depot=depot), is_start_free=True, is_end_free=True)
        assert planned(PatrolProblem(cross, (there,), (0,), ())).routes[0].duration_s == pytest.approx(110 / PATROL)
        through = planned(PatrolProblem(cross, (free,), (0, 1), ()))
        assert through.routes[0].duration_s == pytest.approx(220 / PATROL)

    def test_walking_limit(self, cross: StreetNetwork, team: MakeTeam) -> None:
        crew = replace(team(depot=node_at(cross, 0, 0)), max_walk_m=500)
        plan = planned(PatrolProblem(cross, (crew,), (0, 1, 2), ()))
        assert sum(step.edge >= 0 for step in plan.routes[0].steps) == 4
        assert len(plan.unserved) == 1

    def test_own_speed(self, cross: StreetNetwork, team: MakeTeam) -> None:
        crew = replace(team(depot=node_at(cross, 0, 0)), patrol_speed_mps=0.5)
        plan = planned(PatrolProblem(cross, (crew,), (0,), ()))
        assert plan.routes[0].duration_s == pytest.approx(110 / 0.5 + 110 / WALK)

    def test_banned_turn(self, network: Network, team: MakeTeam) -> None:
        """From the south into the west street: with a ban, by way of the dead end in the north, where one turns back."""
        town = network([[(0, -100), (0, 0)], [(0, 0), (-100, 0)], [(0, 0), (0, 100)]])
        south = node_at(town, 0, -100)
        rule = TurnRule(0, node_at(town, 0, 0), 1)
        ruled = StreetNetwork(town.nodes, town.edges, turn_rules=(rule,))
        crew = team(mode="car", depot=south)
        steps = planned(PatrolProblem(ruled, (crew,), (1,), ())).routes[0].steps
        assert [step.edge for step in steps][:3] == [0, 2, 2]

    def test_turns_take_time(self, network: Network, team: MakeTeam) -> None:
        corners = [(0, 0), (200, 0), (200, 200), (0, 200), (0, 0)]
        town = network([corners[n : n + 2] for n in range(4)] + [[(0, 0), (-50, 0)], [(200, 0), (250, 0)]])
        slow = StreetNetwork(town.nodes, town.edges, turn_penalties={"car": TurnPenalties(left_s=30)})
        crew = team(mode="car", depot=node_at(town, 0, 0))
        plans = [planned(PatrolProblem(streets, (crew,), (0, 1, 2, 3), ())) for streets in (town, slow)]
        assert plans[1].routes[0].duration_s >= plans[0].routes[0].duration_s
        # clockwise round: all turns to the right
        assert not plans[1].routes[0].steps[0].forward


class TestRemedies:
    def test_lack_of_time(self, network: Network, team: MakeTeam) -> None:
        """Ten dead ends of 167 s each; a shift of 20 minutes holds seven: 8 more minutes, or a second team, for the rest."""
        town = network([[(0, 0), (100 * np.cos(n), 100 * np.sin(n))] for n in range(10)])
        crew = replace(team(depot=node_at(town, 0, 0)), shift_end_s=28_800 + 1_200)
        plan = planned(PatrolProblem(town, (crew,), tuple(range(10)), ()))
        assert len(plan.unserved) == 3
        assert [
            (remedy.context.get("team", remedy.context.get("minutes")), remedy.services) for remedy in plan.remedies
        ] == [
            (crew.name, 3),
            (10, 3),
        ]

    def test_other_rules(self, network: Network, team: MakeTeam) -> None:
        town = network([[(0, 0), (110, 0)], [(500, 500), (600, 500)]])
        rules = {0: EdgeRule(skills=frozenset({"doctor"}))}
        plan = planned(PatrolProblem(town, (team(depot=0),), (0, 1), (), edge_rules=rules))
        assert [remedy.services for remedy in plan.remedies] == [1, 1]
        assert "skills" in plan.remedies[0].message

    def test_nothing_is_left_out(self, network: Network, team: MakeTeam) -> None:
        town = network([[(0, 0), (110, 0)]])
        assert planned(PatrolProblem(town, (team(depot=0),), (0,), ())).remedies == ()

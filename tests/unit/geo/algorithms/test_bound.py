"""Lower bounds: by hand, and never above the best plan of tiny towns, found by trying every order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import product
from math import inf

import networkx as nx
import numpy as np
import pytest

from geo.algorithms.routing.bound import longest_route_bound, plan_bounds, total_bound
from geo.algorithms.routing.deadhead import ServiceGraph, deadhead_bound
from geo.algorithms.routing.small_cuts import WeightedPairs, lonely_cuts, odd_cuts
from geo.model.network import StreetNetwork
from geo.model.patrol import EdgeRule, PatrolProblem, Team, Visit
from geo.model.plan import Unserved

Network = Callable[..., StreetNetwork]
MakeTeam = Callable[..., Team]
WALK, PATROL = 4.7 / 3.6, 1.1  # on foot, m/s
DRIVE, CAR_PATROL = 20 / 3.6, 4.2


def node_at(town: StreetNetwork, x: float, y: float) -> int:
    return int(np.flatnonzero((town.xy == (x, y)).all(axis=1))[0])


def visit(node: int, stay_s: float = 600, **rules: object) -> Visit:
    return replace(Visit("F", "学校", "school", node, 0, 0, stay_s), **rules)


class TestLongestRoute:
    def test_modes_share_the_work(self, network: Network, team: MakeTeam) -> None:
        """1,590 m at 1.1 + 4.2 = 5.3 m/s together take 300 s."""
        town = network([[(0, 0), (1590, 0)]])
        problem = PatrolProblem(town, (team("甲", "foot"), team("乙", "car")), (0,), ())
        assert longest_route_bound(problem, [0], []) == pytest.approx(300)

    def test_stays_are_shared(self, network: Network, team: MakeTeam) -> None:
        town = network([[(0, 0), (110, 0)]])
        problem = PatrolProblem(town, (team("甲"), team("乙")), (0,), (visit(0, 500), visit(0, 400)))
        assert longest_route_bound(problem, [0], [0, 1]) == pytest.approx((100 + 900) / 2)
        assert longest_route_bound(problem, [0], [1]) == pytest.approx((100 + 400) / 2)

    def test_only_who_may_enter_counts(self, network: Network, team: MakeTeam) -> None:
        """The lane (660 m) takes the walker 600 s; the car does the road (2,520 m, 600 s) meanwhile."""
        town = network([[(0, 0), (660, 0)], [(0, 0), (0, 2520)]], road_class=["lane", "residential"])
        problem = PatrolProblem(town, (team("甲", "foot"), team("乙", "car")), (0, 1), ())
        assert longest_route_bound(problem, [0, 1], []) == pytest.approx(600)
        assert longest_route_bound(problem, [0], []) == pytest.approx(600)

    def test_nothing(self, network: Network, team: MakeTeam) -> None:
        assert longest_route_bound(PatrolProblem(network([[(0, 0), (1, 0)]]), (team(),), (), ()), [], []) == 0

    def test_only_the_skilled_count(self, network: Network, team: MakeTeam) -> None:
        town = network([[(0, 0), (110, 0)]])
        able = replace(team("甲"), skills=frozenset({"drone"}))
        flight = visit(0, 900, skills=frozenset({"drone"}))
        problem = PatrolProblem(town, (able, team("乙")), (0,), (flight,))
        assert longest_route_bound(problem, [0], [0]) == pytest.approx(900)
        assert longest_route_bound(replace(problem, teams=(able, able)), [0], [0]) == pytest.approx(500)

    def test_hard_areas_count_and_soft_ones_do_not(self, network: Network, team: MakeTeam) -> None:
        town = network([[(0, 0), (110, 0)], [(0, 0), (0, 330)]])
        teams = tuple(replace(team(name), areas=frozenset({area})) for area, name in enumerate("甲乙"))
        problem = PatrolProblem(town, teams, (0, 1), (), edge_areas=np.array([0, 1]))
        assert longest_route_bound(problem, [0, 1], []) == pytest.approx(200)
        hard = tuple(replace(one, is_area_hard=True) for one in teams)
        assert longest_route_bound(replace(problem, teams=hard), [0, 1], []) == pytest.approx(300)

    def test_repetitions_directions_and_own_speed(self, network: Network, team: MakeTeam) -> None:
        town = network([[(0, 0), (110, 0)]])
        problem = PatrolProblem(town, (team(),), (0,), (), edge_rules={0: EdgeRule(times=3, direction="both")})
        assert longest_route_bound(problem, [0], []) == pytest.approx(600)
        slow = replace(problem, teams=(replace(team(), patrol_speed_mps=0.55),))
        assert longest_route_bound(slow, [0], []) == pytest.approx(1200)

    def test_windows_that_are_all_visited(self, network: Network, team: MakeTeam) -> None:
        windows = ((0.0, 1.0), (9.0, 10.0))
        problem = PatrolProblem(
            network([[(0, 0), (110, 0)]]), (team(),), (), (visit(0, 100, windows=windows, times=2),)
        )
        assert longest_route_bound(problem, [], [0]) == pytest.approx(200)
        each = replace(problem, visits=(replace(problem.visits[0], each_window=True),))
        assert longest_route_bound(each, [], [0]) == pytest.approx(400)

    def test_optional_services_count_for_nothing(self, network: Network, team: MakeTeam) -> None:
        rules = {0: EdgeRule(prize_s=100.0)}
        town = network([[(0, 0), (110, 0)]])
        problem = PatrolProblem(town, (team(),), (0,), (visit(0, prize_s=9.0),), edge_rules=rules)
        assert longest_route_bound(problem, [0], [0]) == 0
        assert total_bound(problem) == 0


class TestTotal:
    def test_star_of_dead_ends(self, network: Network, team: MakeTeam) -> None:
        """Each is patrolled on the way out and walked back: the bound is reached."""
        town = network([[(0, 0), (100, 0)], [(0, 0), (-100, 0)], [(0, 0), (0, 100)]])
        problem = PatrolProblem(town, (team(depot=node_at(town, 0, 0)),), (0, 1, 2), ())
        assert total_bound(problem) == pytest.approx(3 * (100 / PATROL + 100 / WALK))

    def test_wrong_way_on_a_one_way_ring(self, network: Network, team: MakeTeam) -> None:
        """One side of the ring is patrolled; the other three must be driven."""
        corners = [(0, 0), (200, 0), (200, 200), (0, 200)]
        town = network([[corners[n], corners[(n + 1) % 4]] for n in range(4)], oneway=["forward"] * 4)
        problem = PatrolProblem(town, (team(mode="car", depot=node_at(town, 0, 0)),), (0,), ())
        assert total_bound(problem) == pytest.approx(200 / CAR_PATROL + 600 / DRIVE)

    def test_balance_alone(self, network: Network, team: MakeTeam) -> None:
        """Two sides of a one-way block are patrolled in the same sense: no junction is odd, but the way back is missing."""
        town = network(
            [[(0, 0), (100, 0)], [(0, 0), (0, 90), (100, 90), (100, 0)], [(0, 0), (0, -50), (100, -50), (100, 0)]],
            oneway=["forward", "forward", "backward"],
        )
        problem = PatrolProblem(town, (team(mode="car", depot=node_at(town, 0, 0)),), (0, 1), ())
        assert total_bound(problem) == pytest.approx(380 / CAR_PATROL + 2 * 200 / DRIVE)

    def test_both_directions_need_no_way_back(self, network: Network, team: MakeTeam) -> None:
        town = network([[(0, 0), (110, 0)]])
        rules = {0: EdgeRule(direction="both")}
        problem = PatrolProblem(town, (team(depot=node_at(town, 0, 0)),), (0,), (), edge_rules=rules)
        assert total_bound(problem) == pytest.approx(200)
        once = Unserved("no time", edge=0, forward=False)
        assert total_bound(problem, [once]) == pytest.approx(100 + 110 / WALK)

    def test_a_far_place_must_be_reached(self, network: Network, team: MakeTeam) -> None:
        """A round block 1 km away, and a visit: there and back twice is not needed, once is."""
        ring = [(1000, 0), (1100, 0), (1100, 100), (1000, 100)]
        town = network([[(0, 0), (1000, 0)], *[[ring[n], ring[(n + 1) % 4]] for n in range(4)]])
        depot, corner = node_at(town, 0, 0), node_at(town, 1100, 100)
        problem = PatrolProblem(town, (team(depot=depot),), (1, 2, 3, 4), ())
        assert total_bound(problem) == pytest.approx(400 / PATROL + 2000 / WALK)
        alone = replace(problem, required_edges=(), visits=(visit(corner),))
        assert total_bound(alone) == pytest.approx(600 + 2400 / WALK)

    def test_other_and_free_ends(self, network: Network, team: MakeTeam) -> None:
        town = network([[(0, 0), (110, 0)], [(110, 0), (330, 0)]])
        west, east = node_at(town, 0, 0), node_at(town, 330, 0)
        closed = PatrolProblem(town, (team(depot=west),), (0, 1), ())
        assert total_bound(closed) == pytest.approx(300 + 330 / WALK)
        for free in ({"end_node": east}, {"is_end_free": True}, {"is_start_free": True, "is_end_free": True}):
            assert total_bound(replace(closed, teams=(replace(team(depot=west), **free),))) == pytest.approx(300)
        back = replace(
            closed, teams=(replace(team(depot=west), end_node=west, is_start_free=True),), required_edges=(1,)
        )
        assert total_bound(back) == pytest.approx(200 + 110 / WALK)

    def test_free_ends_are_as_many_as_the_teams(self, network: Network, team: MakeTeam) -> None:
        """A star of five arms: a team with free ends saves the way back from one and the way to another; two save all but
        one; five teams with one free end each, by different starts, save all.
        """
        town = network([[(0, 0), (100 * np.cos(k).round(2), 100 * np.sin(k).round(2))] for k in range(5)])
        back_s, served_s = 100 / WALK, 500 / PATROL
        free = replace(team(), is_start_free=True, is_end_free=True)
        for count, ways in ((1, 3), (2, 1), (3, 0)):
            problem = PatrolProblem(town, (free,) * count, tuple(range(5)), ())
            assert total_bound(problem) == pytest.approx(served_s + ways * back_s, rel=1e-3)
        tips = [node for node in range(6) if node != node_at(town, 0, 0)]
        teams = tuple(replace(team(depot=node), is_end_free=True) for node in tips)
        assert total_bound(PatrolProblem(town, teams, tuple(range(5)), ())) == pytest.approx(served_s, rel=1e-3)

    def test_the_longest_takes_its_share_of_the_total(self, network: Network, team: MakeTeam) -> None:
        town = network([[(0, 0), (110, 0)], [(0, 0), (-110, 0)]])
        depot = node_at(town, 0, 0)
        bounds = plan_bounds(PatrolProblem(town, (team(depot=depot), team(depot=depot)), (0, 1), ()))
        assert bounds.total_s == pytest.approx(2 * (100 + 110 / WALK))
        assert bounds.longest_s == pytest.approx(100 + 110 / WALK)

    def test_travel_is_shared_too(self, network: Network, team: MakeTeam) -> None:
        """A walker and a car: service 1,590 m as 1.1 : 4.2, the way back as their speeds of travel."""
        town = network([[(0, 0), (1590, 0)]])
        depot = node_at(town, 0, 0)
        problem = PatrolProblem(town, (team("甲", "foot", depot), team("乙", "car", depot)), (0,), ())
        # the car is 3.82 times as fast on patrol and 4.26 times on the way: it drives back, and patrols what is left of T
        back_s = 1590 / DRIVE
        longest_s = (1590 + 4.2 * back_s) / (1.1 + 4.2)
        bounds = plan_bounds(problem)
        assert bounds.longest_s == pytest.approx(longest_s)
        assert bounds.total_s == pytest.approx(1590 / 4.2 + back_s)

    def test_far_streets_are_one_place(self, network: Network, team: MakeTeam) -> None:
        """A one-way street whose way back is far off: the ways beyond the margin cost nothing, those to it do."""
        far = [(0, 0), (0, 3000), (200, 3000), (200, 0)]
        town = network([[(0, 0), (200, 0)], *[far[n : n + 2] for n in range(3)]], oneway=["forward", *["both"] * 3])
        problem = PatrolProblem(town, (team(mode="car", depot=node_at(town, 0, 0)),), (0,), ())
        assert total_bound(problem) == pytest.approx(200 / CAR_PATROL + 6000 / DRIVE)


def best_total(problem: PatrolProblem) -> float:
    """Return the least total duration of teams with one mode, by trying who serves what in which order and direction."""
    mode = problem.teams[0].mode
    graph = nx.DiGraph()
    for tail, head, values in problem.network.graph.edges(data=True):
        cost = values.get(f"time_s_{mode}", inf)
        if cost < graph.get_edge_data(tail, head, {}).get("weight", inf):
            graph.add_edge(tail, head, weight=cost)
    ways = dict(nx.all_pairs_dijkstra_path_length(graph))
    ends = problem.network.edges[["from_node", "to_node"]].to_numpy().tolist()
    arcs = problem.network.arcs(mode)
    is_open = set(zip(arcs.edge.tolist(), arcs.forward.tolist(), strict=True))
    serve_s = problem.serve_times_s(mode)
    services: list[list[tuple[int, int, float]]] = []
    for edge in problem.required_edges:
        rule, (first, last) = problem.rule(edge), ends[edge]
        there, back = (first, last, float(serve_s[edge])), (last, first, float(serve_s[edge]))
        options = {"either": [[there, back]], "both": [[there], [back]], "forward": [[there]], "backward": [[back]]}
        closed = [way for way, forward in ((there, True), (back, False)) if (edge, forward) not in is_open]
        for choice in options[rule.direction]:
            services += [[way for way in choice if way not in closed]] * rule.times
    services += [[(one.node, one.node, one.total_s)] for one in problem.visits]

    @cache
    def tour(todo: int, node: int, home: int) -> float:
        """Return the shortest way that serves what is left and goes home."""
        if not todo:
            return ways[node].get(home, inf) if home >= 0 else 0.0
        return min(
            (
                ways[node].get(tail, inf) + took + tour(todo & ~(1 << one), head, home)
                for one in range(len(services))
                if todo >> one & 1
                for tail, head, took in services[one]
            ),
            default=inf,
        )

    best = inf
    for owners in product(range(len(problem.teams)), repeat=len(services)):
        total = 0.0
        for number, team in enumerate(problem.teams):
            todo = sum(1 << one for one, owner in enumerate(owners) if owner == number)
            starts = ways if team.is_start_free else [team.depot_node]
            home = -1 if team.is_end_free else team.final_node
            total += min(tour(todo, start, home) for start in starts) if todo else 0.0
        best = min(best, total)
    return best


@pytest.mark.parametrize("seed", range(30))
def test_never_above_the_best_plan(network: Network, seed: int) -> None:
    rng = np.random.default_rng(seed)
    xy = np.stack(np.meshgrid(np.arange(3), np.arange(3)), axis=-1) * 100.0 + rng.normal(0, 15, (3, 3, 2)).round()
    lines = [(xy[j, i], xy[j, i + 1]) for j in range(3) for i in range(2)]
    lines += [(xy[j, i], xy[j + 1, i]) for j in range(2) for i in range(3)]
    mode = ["foot", "car"][seed % 2]
    oneway = np.where(rng.random(12) < 0.4, rng.choice(["forward", "backward"], 12), "both").tolist()
    town = network([tuple(map(tuple, line)) for line in lines], oneway=oneway)
    if rng.random() < 0.5:
        length = town.edges["length_m"].to_numpy()[:, None]
        town = replace(town, times_s={mode: length / rng.uniform(2, 6, (len(length), 2))})
    teams = []
    for name in "甲乙"[: 1 + seed % 3 % 2]:
        start, end = (int(node) for node in rng.integers(0, len(town.nodes), 2))
        made = Team(name, "police", 2, mode, 0.0, 9e4, start)
        teams.append(
            replace(made, **[{}, {"end_node": end}, {"is_end_free": True}, {"is_start_free": True}][rng.integers(0, 4)])
        )
    edges = tuple(sorted(rng.choice(12, 3, replace=False).tolist()))
    rules = {edges[0]: EdgeRule(times=int(rng.integers(1, 3)), direction=["either", "both"][rng.integers(0, 2)])}
    problem = PatrolProblem(town, tuple(teams), edges, (visit(int(rng.integers(0, 9))),), edge_rules=rules)
    best, bound = best_total(problem), total_bound(problem)
    if best < inf:
        assert 600 < bound <= best + 1e-6


class TestCuts:
    def test_bound_is_the_matching_on_a_two_way_grid(self) -> None:
        """All streets of a grid: the least to add joins its odd junctions in pairs, which networkx finds exactly."""
        size, rng = 7, np.random.default_rng(1)
        streets = nx.convert_node_labels_to_integers(nx.grid_2d_graph(size, size))
        ends = np.array(sorted(streets.edges))
        time_s = rng.integers(50, 150, len(ends)).astype(float)
        streets.add_weighted_edges_from((*pair, cost) for pair, cost in zip(ends.tolist(), time_s, strict=True))
        odd = [node for node, degree in streets.degree if degree % 2]
        between = dict(nx.all_pairs_dijkstra_path_length(streets))
        pairs = nx.Graph()
        pairs.add_weighted_edges_from((a, b, between[a][b]) for a in odd for b in odd if a < b)
        matching = sum(between[a][b] for a, b in nx.min_weight_matching(pairs))
        graph = _two_way(size * size, ends, time_s)
        assert 0.97 * matching < deadhead_bound(graph) <= matching + 1e-6

    def test_skew_of_services(self) -> None:
        """A ring whose services take 3 s one way and 1 s the other: 1 s below the mean for each of four."""
        ends = np.array([[0, 1], [1, 2], [2, 3], [3, 0]])
        graph = replace(_two_way(4, ends, np.full(4, 10.0)), skew_s=np.ones(4))
        assert deadhead_bound(graph) == pytest.approx(-4)
        assert deadhead_bound(replace(graph, skew_s=np.array([1.0, -1.0, 1.0, -1.0]))) == pytest.approx(0, abs=1e-6)

    def test_odd_cut(self) -> None:
        """Two triangles with an odd number of odd nodes, joined by little."""
        u, v = np.array([0, 1, 0, 3, 4, 3, 2]), np.array([1, 2, 2, 4, 5, 5, 3])
        pairs = WeightedPairs(6, u, v, np.array([0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.1]))
        found = [set(np.flatnonzero(side).tolist()) for side in odd_cuts(pairs, np.ones(6, dtype=bool), 0.98)]
        assert {0, 1, 2} in found or {3, 4, 5} in found

    def test_lonely_cut(self) -> None:
        u, v = np.array([0, 1, 2]), np.array([1, 2, 3])
        pairs = WeightedPairs(4, u, v, np.array([2.0, 1.5, 2.0]))
        starts, touched = np.arange(4) == 0, np.arange(4) == 3
        (side,) = lonely_cuts(pairs, np.arange(4), touched, starts, 1.98)
        assert np.flatnonzero(side).tolist() == [2, 3]


def _two_way(nodes: int, ends: np.ndarray, time_s: np.ndarray) -> ServiceGraph:
    both = np.concatenate((ends, ends[:, ::-1]))
    starts = np.arange(nodes) == 0
    either = np.ones(len(ends), dtype=bool)
    return ServiceGraph(
        nodes, both[:, 0], both[:, 1], np.tile(time_s, 2), ends[:, 0], ends[:, 1], either, starts & False, starts
    )

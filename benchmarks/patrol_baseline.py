"""One police district of Philadelphia: our plan against networkx, OR-Tools and PyVRP, same problem, same time, one run.

Usage: ``python -m benchmarks.patrol_baseline [--district CODE] [--seconds S] [--clock wall|cpu] [--seed N]
[--only foot|car|mixed …] [--output-dir DIR]``

All streets of the district are required. Six teams, with the depots of the recipe ``philadelphia``, patrol them three
times: all on foot and all by car, in shifts of eight hours and without visits; and mixed, as the recipe says, with stays
at schools. The peers, ``pip install ortools pyvrp``, are needed for this benchmark only. Rivals with a search get our
matrices, one core and the same time.

``ours``
    The search that ``geo.algorithms.routing.solve`` runs.
``eulerize_by_area``
    What users of networkx do: cut the streets into as many areas as teams (k-means of their middles), give each area to
    the team whose depot is near, join the parts of an area and the depot by shortest ways, ``networkx.eulerize``, walk.
``postman_by_area``
    The stronger textbook: the same areas, odd junctions matched by true times through all streets around.
``ortools``
    OR-Tools' routing library: the two directions of a street are a disjunction, the longest route weighs a hundred
    times the total (global span cost), guided local search. Its own first solution fills one team's shift after the
    other's, so it starts from a greedy one: the team that is done first goes on to the nearest street.
``pyvrp_plain``
    ``pyvrp.solve``: the two directions are a client group; it makes the total small and knows no fairness.
``pyvrp_fair``
    The same, told the mean duration of our plan: time above it costs ten times as much.

Every plan, the peers' too, is walked on the streets by our decoder and checked by our independent checker. ``--clock cpu``
gives each search processor time instead of time on the wall: for a machine that is shared.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2
from scipy.optimize import linear_sum_assignment

from benchmarks.circumstances import RESULTS, circumstances, real_data, write_result
from benchmarks.real_inputs import RECIPES
from geo.algorithms.routing.bound import plan_bounds
from geo.algorithms.routing.check import check_plan
from geo.algorithms.routing.decode import decode, list_unserved
from geo.algorithms.routing.encode import Encoded, encode
from geo.algorithms.routing.rounds.arrays import NOWHERE
from geo.algorithms.routing.rounds.search import Orders, SearchParams, compile_search, find_rounds
from geo.model.patrol import PatrolProblem, Team
from geo.model.plan import PatrolPlan, Route, Step, balance_max_over_mean, gini
from geo.services.plan_patrols import read_problem
from geo.services.project import open_project
from geo.services.recipe import read_recipe, run_recipe

CASES = ("foot", "car", "mixed")
_SHIFT_S = 8 * 3600.0
_TICKS_PER_S = 100
_FAR_TICKS = 10_000_000
_SPAN_WEIGHT = 100
_OVERTIME_WEIGHT = 10
_LEFT_OUT_TICKS = 10_000_000_000
_MARGIN_M = 500.0
_INSTALL = "This benchmark compares with OR-Tools and PyVRP. Install them for it: pip install ortools pyvrp"

Clock = Callable[[], float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--district", default="17", help="number of the police district")
    parser.add_argument("--seconds", type=float, default=60.0, help="search time of each")
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu: for a machine that is shared")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", action="append", choices=CASES, help="run only this case; repeat")
    parser.add_argument("--output-dir", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    real_data()
    _require_peers()
    around = circumstances()
    mixed = _read_problem(RECIPES["philadelphia"], arguments.district)
    compile_search()
    clock = time.process_time if arguments.clock == "cpu" else time.monotonic
    body: dict[str, Any] = {
        "district": f"police {arguments.district}",
        "search_s": arguments.seconds,
        "clock": arguments.clock,
        "seed": arguments.seed,
        "peers": {name: version(name) for name in ("networkx", "ortools", "pyvrp")},
        "cases": {},
    } | around
    for name in arguments.only or CASES:
        limit = Limit(arguments.seconds, clock)
        body["cases"][name] = _run_case(name, _case(mixed, name), limit, arguments.seed)
        print(write_result("patrol_baseline.json", body, arguments.output_dir), flush=True)


@dataclass(frozen=True)
class Limit:
    """How long each may search, and by which clock."""

    seconds: float
    clock: Clock


def _require_peers() -> None:
    try:
        import ortools.constraint_solver.pywrapcp  # noqa: F401
        import pyvrp  # noqa: F401
    except ImportError:
        sys.exit(_INSTALL)


def _read_problem(path: Path, district: str) -> PatrolProblem:
    recipe = read_recipe(path)
    assert recipe.plan is not None
    with (
        tempfile.TemporaryDirectory(prefix="yiwang-bench-") as folder,
        open_project(str(Path(folder) / "yiwang.gpkg")) as store,
    ):
        run_recipe(store, replace(recipe, plan=None))
        with store.begin() as transaction:
            return read_problem(transaction, replace(recipe.plan, area=("police", district)))[0]


def _case(mixed: PatrolProblem, name: str) -> PatrolProblem:
    """Return the problem with all teams in one mode, streets only; ``mixed`` as it is."""
    if name == "mixed":
        return mixed
    teams = tuple(
        replace(team, mode=name, shift_end_s=team.shift_start_s + _SHIFT_S)  # type: ignore[arg-type]  # a Mode
        for team in mixed.teams
    )
    return replace(mixed, teams=teams, visits=())


def _run_case(name: str, problem: PatrolProblem, limit: Limit, seed: int) -> dict[str, Any]:
    length = problem.network.edges["length_m"].to_numpy()
    load = os.getloadavg()[0]
    encoded = encode(problem)
    bounds = plan_bounds(problem)
    least_s = bounds.total_s
    print(f"{name}: {len(problem.required_edges)} streets, {len(problem.visits)} visits, bound {least_s:.0f} s")
    ours, row = _timed(problem, limit, least_s, lambda: _ours(problem, encoded, limit, seed))
    target_s = float(ours.durations_s().mean())
    plans = {"ours": row}
    rivals: dict[str, Callable[[], PatrolPlan]] = {
        "eulerize_by_area": lambda: _by_area(problem, seed, _eulerized),
        "postman_by_area": lambda: _by_area(problem, seed, _matched),
        "ortools": lambda: _ortools(problem, encoded, limit, seed),
        "pyvrp_plain": lambda: _pyvrp(problem, encoded, limit, seed, None),
        "pyvrp_fair": lambda: _pyvrp(problem, encoded, limit, seed, target_s),
    }
    print(f"  {'ours':16} {row}", flush=True)
    for rival, run in rivals.items():
        plans[rival] = _timed(problem, limit, least_s, run)[1]
        print(f"  {rival:16} {plans[rival]}", flush=True)
    return {
        "required_edges": len(problem.required_edges),
        "required_m": round(float(length[list(problem.required_edges)].sum()), 1),
        "visits": len(problem.visits),
        "teams": [f"{team.name} ({team.mode})" for team in problem.teams],
        "shift_s": problem.teams[0].shift_s,
        "load_1min": round(load, 2),
        "lower_bound_total_s": round(least_s, 1),
        "lower_bound_longest_s": round(bounds.longest_s, 1),
        "plans": plans,
    }


def _timed(
    problem: PatrolProblem, limit: Limit, least_s: float, run: Callable[[], PatrolPlan]
) -> tuple[PatrolPlan, dict[str, Any]]:
    """Return a plan and its figures."""
    started, processor = time.perf_counter(), time.process_time()
    plan = run()
    took, busy = time.perf_counter() - started, time.process_time() - processor
    length = problem.network.edges["length_m"].to_numpy()
    durations_s = plan.durations_s()
    moves = [step for route in plan.routes for step in route.steps if step.edge >= 0]
    walked, served = (sum(length[step.edge] for step in some) for some in (moves, [s for s in moves if s.serves]))
    errors = check_plan(problem, plan).errors
    row = {
        "longest_s": round(float(durations_s.max()), 1),
        "total_s": round(float(durations_s.sum()), 1),
        "above_bound": round(float(durations_s.sum()) / least_s - 1, 4),
        "max_over_mean": round(balance_max_over_mean(durations_s), 4),
        "gini": round(gini(durations_s), 4),
        "deadhead_m": round(float(walked - served), 1),
        "deadhead_share": round(float(1 - served / walked), 4) if walked else 0.0,
        "feasible": not errors,
        "first_error": errors[0] if errors else "",
        "left_out": len(plan.unserved),
        "durations_s": [round(float(value), 1) for value in durations_s],
        "seconds": round(took, 1),
        "processor_s": round(busy, 1),
        "iterations": plan.iterations,
    }
    return plan, row


def _ours(problem: PatrolProblem, encoded: Encoded, limit: Limit, seed: int) -> PatrolPlan:
    found = find_rounds(encoded.jobs, encoded.crews, SearchParams(limit.seconds, seed=seed), clock=limit.clock)
    return _to_plan(problem, encoded, found.orders, seed, found.iterations)


@dataclass(frozen=True)
class _Places:
    """Our matrices as those of a vehicle routing problem.

    Attributes
    ----------
    pairs
        Job and mode of each customer; customers come after the ends of the teams.
    ends
        Where each team begins and ends: numbers of places.
    ticks
        For each class of teams: time from place to place with the service at the latter.
    groups
        Customers of which one is to be served, by place.
    """

    pairs: list[tuple[int, int]]
    ends: list[tuple[int, int]]
    ticks: list[NDArray[np.int64]]
    groups: list[list[int]]


def _places(encoded: Encoded) -> _Places:
    jobs, crews = encoded.jobs, encoded.crews
    if len(jobs.opens_s) or len(crews.rest_s) or NOWHERE in crews.start or NOWHERE in crews.end:
        sys.exit("This benchmark knows no windows, breaks or free ends.")
    pairs = [
        (job, mode)
        for job in range(len(jobs.prize_s))
        for mode in range(2)
        if jobs.entry[job, mode] != NOWHERE and jobs.allowed[job].any()
    ]
    terminals = np.unique(np.concatenate((crews.start, crews.end)))
    width = len(terminals)
    ends = np.searchsorted(terminals, np.column_stack((crews.start, crews.end)))
    job, mode = np.array(pairs).T
    entry = np.concatenate((terminals, jobs.entry[job, mode]))
    leave = np.concatenate((terminals, jobs.leave[job, mode]))
    ticks = []
    for way_s, serve_s in zip(jobs.way_s, jobs.serve_s, strict=True):
        served = np.concatenate((np.zeros(width), serve_s[job, mode]))
        total = way_s[np.ix_(leave, entry)].astype(np.float64) + served[None, :]
        whole = np.rint(np.minimum(total * _TICKS_PER_S, _FAR_TICKS)).astype(np.int64)
        np.fill_diagonal(whole, 0)
        ticks.append(whole)
    by_job: dict[int, list[int]] = {}
    for number, (one, _) in enumerate(pairs):
        by_job.setdefault(one, []).append(width + number)
    return _Places(pairs, [(int(a), int(b)) for a, b in ends], ticks, list(by_job.values()))


def _plan(
    problem: PatrolProblem, encoded: Encoded, places: _Places, rounds: Sequence[Sequence[int]], seed: int, count: int
) -> PatrolPlan:
    """Return the plan whose rounds are lists of places."""
    width = len(places.ticks[0]) - len(places.pairs)
    orders: Orders = [[places.pairs[place - width] for place in one] for one in rounds]
    return _to_plan(problem, encoded, orders, seed, count)


def _to_plan(problem: PatrolProblem, encoded: Encoded, orders: Orders, seed: int, iterations: int) -> PatrolPlan:
    done = {job for order in orders for job, _ in order}
    unserved = list_unserved(problem, encoded, [job for job in range(len(encoded.tasks)) if job not in done])
    return PatrolPlan(tuple(decode(problem, encoded, orders)), unserved, 0.0, seed, iterations, 0.0)


def _nearest_first(encoded: Encoded, places: _Places) -> list[list[int]]:
    """Return rounds of places in which the team that is done first goes on to the nearest from which it is back in time."""
    group_of = {place: group for group in places.groups for place in group}
    shifts = (encoded.crews.closes_s - encoded.crews.opens_s) * _TICKS_PER_S
    rounds: list[list[int]] = [[] for _ in places.ends]
    clock = np.zeros(len(rounds))
    is_open = np.zeros(len(places.ticks[0]), dtype=bool)
    is_open[list(group_of)] = True
    while is_open.any() and np.isfinite(clock).any():
        team = int(clock.argmin())
        here = rounds[team][-1] if rounds[team] else places.ends[team][0]
        ticks = places.ticks[int(encoded.crews.kind[team])]
        fits = is_open & (clock[team] + ticks[here] + ticks[:, places.ends[team][1]] <= shifts[team])
        if not fits.any():
            clock[team] = np.inf
            continue
        best = int(np.where(fits, ticks[here], _FAR_TICKS).argmin())
        rounds[team].append(best)
        clock[team] += ticks[here, best]
        is_open[group_of[best]] = False
    return rounds


def _ortools(problem: PatrolProblem, encoded: Encoded, limit: Limit, seed: int) -> PatrolPlan:
    from ortools.constraint_solver import pywrapcp, routing_enums_pb2

    begun = limit.clock()
    places = _places(encoded)
    starts, ends = zip(*places.ends, strict=True)
    manager = pywrapcp.RoutingIndexManager(len(places.ticks[0]), len(problem.teams), list(starts), list(ends))
    routing = pywrapcp.RoutingModel(manager)
    node = [manager.IndexToNode(index) for index in range(manager.GetNumberOfIndices())]

    def register(rows: list[list[int]]) -> int:  # a registered matrix would be copied in every step of the search
        return int(routing.RegisterTransitCallback(lambda one, other: rows[node[one]][node[other]]))

    transits = [register(ticks.tolist()) for ticks in places.ticks]
    of_team = [transits[kind] for kind in encoded.crews.kind]
    for team, transit in enumerate(of_team):
        routing.SetArcCostEvaluatorOfVehicle(transit, team)
    shifts = [int(value) for value in (encoded.crews.closes_s - encoded.crews.opens_s) * _TICKS_PER_S]
    routing.AddDimensionWithVehicleTransitAndCapacity(of_team, 0, shifts, True, "time")
    routing.GetDimensionOrDie("time").SetGlobalSpanCostCoefficient(_SPAN_WEIGHT)
    for group in places.groups:
        routing.AddDisjunction([manager.NodeToIndex(place) for place in group], _LEFT_OUT_TICKS)
    parameters = pywrapcp.DefaultRoutingSearchParameters()
    parameters.local_search_metaheuristic = routing_enums_pb2.LocalSearchMetaheuristic.GUIDED_LOCAL_SEARCH
    parameters.disable_scheduling_beware_this_may_degrade_performance = (
        True  # nobody waits: there is nothing to schedule
    )
    first = _nearest_first(encoded, places)
    left_s = limit.seconds - (limit.clock() - begun)
    if limit.clock is time.monotonic:
        parameters.time_limit.FromMilliseconds(max(1, round(left_s * 1000)))
    else:
        over = routing.solver().CustomLimit(lambda: limit.clock() - begun > limit.seconds)
        routing.AddSearchMonitor(over)
    routing.CloseModelWithParameters(parameters)
    start = routing.ReadAssignmentFromRoutes(first, True)
    solution = routing.SolveFromAssignmentWithParameters(start, parameters)
    rounds: list[list[int]] = []
    for team in range(len(problem.teams)):
        order = []
        index = routing.Start(team)
        while solution and not routing.IsEnd(index):
            index = solution.Value(routing.NextVar(index))
            if not routing.IsEnd(index):
                order.append(manager.IndexToNode(index))
        rounds.append(order)
    return _plan(problem, encoded, places, rounds, seed, routing.solver().Solutions())


def _pyvrp(problem: PatrolProblem, encoded: Encoded, limit: Limit, seed: int, target_s: float | None) -> PatrolPlan:
    """Return the plan of PyVRP; with a target, time above it costs more."""
    import pyvrp

    places = _places(encoded)
    width = len(places.ticks[0]) - len(places.pairs)
    alternatives = [group for group in places.groups if len(group) > 1]
    group_of = {place: number for number, group in enumerate(alternatives) for place in group}
    clients = [
        pyvrp.Client(location=place, required=place not in group_of, group=group_of.get(place))
        for place in range(width, len(places.ticks[0]))
    ]
    vehicles = []
    for (start, end), kind, opens, closes in zip(
        places.ends, encoded.crews.kind, encoded.crews.opens_s, encoded.crews.closes_s, strict=True
    ):
        shift = int((closes - opens) * _TICKS_PER_S)
        usual = shift if target_s is None else min(shift, round(target_s * _TICKS_PER_S))
        vehicles.append(
            pyvrp.VehicleType(
                start_depot=start,
                end_depot=end,
                shift_duration=usual,
                max_overtime=shift - usual,
                unit_distance_cost=0,
                unit_duration_cost=1,
                unit_overtime_cost=0 if target_s is None else _OVERTIME_WEIGHT,
                profile=int(kind),
            )
        )
    data = pyvrp.ProblemData(
        locations=[pyvrp.Location(0, 0)] * len(places.ticks[0]),
        clients=clients,
        depots=[pyvrp.Depot(location=place) for place in range(width)],
        vehicle_types=vehicles,
        distance_matrices=[np.zeros_like(ticks) for ticks in places.ticks],
        duration_matrices=places.ticks,
        groups=[pyvrp.ClientGroup([place - width for place in group]) for group in alternatives],
    )
    begun = limit.clock()
    result = pyvrp.solve(
        data, lambda _: limit.clock() - begun > limit.seconds, seed=seed, collect_stats=False, display=False
    )
    rounds: list[list[int]] = [[] for _ in problem.teams]
    for route in result.best.routes():
        rounds[route.vehicle_type()] = [stop.idx + width for stop in route if stop.is_client()]
    return _plan(problem, encoded, places, rounds, seed, result.num_iterations)


MakeEven = Callable[["_Streets", nx.MultiGraph], nx.MultiGraph]


class _Streets:
    """The streets around the required ones, for one mode, with the fastest of parallel ones."""

    def __init__(self, problem: PatrolProblem, mode: Any) -> None:
        network, arcs = problem.network, problem.network.arcs(mode)
        ends = network.edges[["from_node", "to_node"]].to_numpy()[list(problem.required_edges)]
        nodes = np.unique([*ends.ravel(), *(team.depot_node for team in problem.teams)])
        low, high = network.xy[nodes].min(axis=0) - _MARGIN_M, network.xy[nodes].max(axis=0) + _MARGIN_M
        near = ((network.xy >= low) & (network.xy <= high)).all(axis=1)
        kept = np.flatnonzero(near[arcs.tail] & near[arcs.head])
        self.graph = nx.Graph()
        self.arc: dict[tuple[int, int], tuple[int, bool, float]] = {}
        self.along: dict[tuple[int, int, int], tuple[bool, float]] = {}
        columns = (arcs.tail, arcs.head, arcs.edge, arcs.forward, arcs.time_s)
        for tail, head, edge, forward, time_s in zip(*(column[kept].tolist() for column in columns), strict=True):
            if tail == head or (tail, head) not in self.arc or time_s < self.arc[tail, head][2]:
                self.arc[tail, head] = edge, forward, time_s
            self.along[tail, head, edge] = forward, time_s
            if tail != head and time_s < self.graph.get_edge_data(tail, head, {"time": np.inf})["time"]:
                self.graph.add_edge(tail, head, time=time_s)

    def add_way(self, tour: nx.MultiGraph, one: int, other: int) -> None:
        """Add the fastest way between two junctions to a tour, as streets without service."""
        tour.add_edges_from(pairwise(nx.shortest_path(self.graph, one, other, weight="time")))


def _by_area(problem: PatrolProblem, seed: int, make_even: MakeEven) -> PatrolPlan:
    """Return a plan of one closed tour for each area; nothing balances the teams."""
    network = problem.network
    required = np.array(problem.required_edges)
    ends = network.edges[["from_node", "to_node"]].to_numpy()
    depots = network.xy[[team.depot_node for team in problem.teams]]
    middle = network.xy[ends[required]].mean(axis=1)
    centres, area = kmeans2(middle, len(problem.teams), seed=seed, minit="++")
    away = np.linalg.norm(centres[:, None, :] - depots[None, :, :], axis=2)
    team_of = linear_sum_assignment(away)[1].tolist()
    at = np.array([network.xy[visit.node] for visit in problem.visits]).reshape(-1, 2)
    visit_area = np.linalg.norm(at[:, None, :] - centres[None, :, :], axis=2).argmin(axis=1)
    streets = {mode: _Streets(problem, mode) for mode in {team.mode for team in problem.teams}}
    routes = {}
    for number, team_number in enumerate(team_of):
        team = problem.teams[team_number]
        visits = [visit for visit, where in enumerate(visit_area) if where == number]
        tour = nx.MultiGraph()
        tour.add_nodes_from([team.depot_node, *(problem.visits[visit].node for visit in visits)])
        for edge in required[area == number].tolist():
            tour.add_edge(*ends[edge].tolist(), edge=edge)
        _join(streets[team.mode], tour)
        even = make_even(streets[team.mode], tour)
        routes[team_number] = _walk(problem, team_number, streets[team.mode], even, visits)
    return PatrolPlan(tuple(routes[team] for team in range(len(problem.teams))), (), 0.0, seed, 0, 0.0)


def _join(streets: _Streets, tour: nx.MultiGraph) -> None:
    """Join the parts of a tour by a spanning tree of fastest ways."""
    parts = [sorted(part) for part in nx.connected_components(tour)]
    between = nx.Graph()
    found = [nx.multi_source_dijkstra(streets.graph, set(part), weight="time") for part in parts]
    for a, b in combinations(range(len(parts)), 2):
        target = min(parts[b], key=lambda node: found[a][0].get(node, np.inf))
        between.add_edge(a, b, weight=found[a][0][target], link=(found[a][1][target][0], target))
    for _, _, data in nx.minimum_spanning_edges(between, data=True):
        streets.add_way(tour, *data["link"])


def _eulerized(streets: _Streets, tour: nx.MultiGraph) -> nx.MultiGraph:
    """Return the tour with even degrees as networkx makes them: matched by number of segments, in the area alone."""
    return nx.eulerize(tour)


def _matched(streets: _Streets, tour: nx.MultiGraph) -> nx.MultiGraph:
    """Return the tour with even degrees: odd junctions matched by time through all streets around."""
    odd = [node for node, degree in tour.degree() if degree % 2]
    complete = nx.Graph()
    reach = {node: nx.single_source_dijkstra_path_length(streets.graph, node, weight="time") for node in odd}
    complete.add_weighted_edges_from((a, b, reach[a][b]) for a, b in combinations(odd, 2))
    for one, other in nx.min_weight_matching(complete):
        streets.add_way(tour, one, other)
    return tour


def _walk(problem: PatrolProblem, number: int, streets: _Streets, tour: nx.MultiGraph, visits: Sequence[int]) -> Route:
    """Return the route along an Euler circuit; a place is visited when the team first comes there."""
    team: Team = problem.teams[number]
    serve_s = problem.serve_times_s(team.mode, team.patrol_speed_mps)
    stays: dict[int, list[int]] = {}
    for visit in visits:
        stays.setdefault(problem.visits[visit].node, []).append(visit)
    clock, steps = team.shift_start_s, []

    def stay(node: int) -> Iterator[Step]:
        for visit in stays.pop(node, []):
            yield Step(clock, clock + problem.visits[visit].total_s, visit=visit)

    def add(some: Iterator[Step]) -> None:
        nonlocal clock
        for step in some:
            steps.append(step)
            clock = step.end_s

    add(stay(team.depot_node))
    for tail, head, key in nx.eulerian_circuit(tour, source=team.depot_node, keys=True):
        edge = tour.edges[tail, head, key].get("edge", NOWHERE)
        if edge >= 0:
            forward = streets.along[tail, head, edge][0]
            add(iter([Step(clock, clock + float(serve_s[edge]), edge, forward, True)]))
        else:
            edge, forward, time_s = streets.arc[tail, head]
            add(iter([Step(clock, clock + time_s, edge, forward)]))
        add(stay(head))
    return Route(number, team.shift_start_s, clock, tuple(steps))


if __name__ == "__main__":
    main()

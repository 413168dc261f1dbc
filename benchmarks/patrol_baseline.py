"""Our plan for one police district of Philadelphia against plain PyVRP and against the textbook without balancing.

Usage: ``python -m benchmarks.patrol_baseline [--seconds S] [--seed N] [--output-dir DIR]``

All plan the same problem: the recipe's streets, schools, teams and shift.

``ours``
    ``geo.algorithms.routing.solve``, checked by the independent checker.
``pyvrp_plain``
    ``pyvrp.solve`` from its own start with the same matrices, windows, shifts and time; it makes total time small.
``pyvrp_fair``
    The same, told what we tell it in our last round: time above our mean duration costs extra.
``postman_by_area``
    The textbook: cut the streets into as many areas as teams (k-means of their middles), give each area to the team whose
    depot is near, and walk each by the length-weighted rural postman tour (parts joined by a shortest-path spanning tree,
    odd junctions matched by networkx, Euler circuit). Nothing balances the teams.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pyvrp
from pyvrp.stop import MaxRuntime
from scipy.cluster.vq import kmeans2
from scipy.optimize import linear_sum_assignment

from benchmarks.circumstances import RESULTS, circumstances, real_data, write_result
from benchmarks.real_inputs import RECIPES
from geo.algorithms.routing.check import check_plan
from geo.algorithms.routing.encode import TICKS_PER_S, Encoded, as_vrp, encode
from geo.algorithms.routing.solve import SolveParams, solve
from geo.model.patrol import PatrolPlan, PatrolProblem, balance_max_over_mean, gini
from geo.services.plan_patrols import read_problem
from geo.services.project import open_project
from geo.services.recipe import read_recipe, run_recipe


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="search time of each")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output-dir", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    real_data()
    around = circumstances()
    problem = _read_problem(RECIPES["philadelphia"])
    length = problem.network.edges["length_m"].to_numpy()
    ours, plan = _ours(problem, arguments.seconds, arguments.seed)
    encoded = encode(problem)
    plans = {
        "ours": ours,
        "pyvrp_plain": _pyvrp(problem, encoded, arguments.seconds, arguments.seed, None),
        "pyvrp_fair": _pyvrp(problem, encoded, arguments.seconds, arguments.seed, float(plan.durations_s().mean())),
        "postman_by_area": _postman(problem, arguments.seed),
    }
    body = {
        "district": "police 17",
        "required_edges": len(problem.required_edges),
        "required_m": round(float(length[list(problem.required_edges)].sum()), 1),
        "visits": len(problem.visits),
        "teams": [f"{team.name} ({team.mode})" for team in problem.teams],
        "search_s": arguments.seconds,
        "seed": arguments.seed,
        "lower_bound_longest_s": round(plan.lower_bound_s, 1),
        "plans": plans,
    } | around
    for name, row in plans.items():
        print(f"{name:16} {row}")
    print(write_result("patrol_baseline.json", body, arguments.output_dir))


def _read_problem(path: Path) -> PatrolProblem:
    recipe = read_recipe(path)
    assert recipe.plan is not None
    with (
        tempfile.TemporaryDirectory(prefix="yiwang-bench-") as folder,
        open_project(str(Path(folder) / "yiwang.gpkg")) as store,
    ):
        run_recipe(store, replace(recipe, plan=None))
        with store.begin() as transaction:
            return read_problem(transaction, recipe.plan)[0]


def _row(durations_s: Any, seconds: float, **more: Any) -> dict[str, Any]:
    return {
        "longest_s": round(float(durations_s.max()), 1),
        "total_s": round(float(durations_s.sum()), 1),
        "max_over_mean": round(balance_max_over_mean(durations_s), 4),
        "gini": round(gini(durations_s), 4),
        "durations_s": [round(float(value), 1) for value in durations_s],
        "seconds": round(seconds, 1),
    } | more


def _ours(problem: PatrolProblem, seconds: float, seed: int) -> tuple[dict[str, Any], PatrolPlan]:
    started = time.perf_counter()
    plan = solve(problem, SolveParams(seconds=seconds, seed=seed))
    took = time.perf_counter() - started
    length = problem.network.edges["length_m"].to_numpy()
    walked = sum(length[step.edge] for route in plan.routes for step in route.steps if step.edge >= 0)
    served = sum(length[step.edge] for route in plan.routes for step in route.steps if step.serves)
    row = _row(
        plan.durations_s(),
        took,
        feasible=not check_plan(problem, plan).errors,
        left_out=len(plan.unserved_edges) + len(plan.unserved_visits),
        deadhead_m=round(float(walked - served), 1),
        iterations=plan.iterations,
    )
    return row, plan


def _pyvrp(
    problem: PatrolProblem, encoded: Encoded, seconds: float, seed: int, target_s: float | None
) -> dict[str, Any]:
    """Return the figures of plain PyVRP; with a target, time above it costs ten times as much, as in ours."""
    started = time.perf_counter()
    data = as_vrp(problem, encoded, prizes=False, target_s=target_s, overtime_cost=0 if target_s is None else 10)
    result = pyvrp.solve(data, stop=MaxRuntime(seconds), seed=seed, collect_stats=False, display=False)
    durations = np.zeros(len(problem.teams))
    for route in result.best.routes():
        durations[route.vehicle_type()] = route.duration() / TICKS_PER_S
    return _row(
        durations,
        time.perf_counter() - started,
        feasible=result.is_feasible(),
        left_out=result.best.num_missing_clients(),
        iterations=result.num_iterations,
    )


def _postman(problem: PatrolProblem, seed: int) -> dict[str, Any]:
    """Return the figures of one rural postman tour for each area; stays are added to the area that the place is in."""
    started = time.perf_counter()
    network = problem.network
    frame = network.edges
    required = np.array(problem.required_edges)
    ends = frame[["from_node", "to_node"]].to_numpy()
    depots = network.xy[[team.depot_node for team in problem.teams]]
    middle = network.xy[ends[required]].mean(axis=1)
    centres, area = kmeans2(middle, len(problem.teams), seed=seed, minit="++")
    away = np.linalg.norm(centres[:, None, :] - depots[None, :, :], axis=2)
    team_of = linear_sum_assignment(away)[1]
    places = np.array([network.xy[visit.node] for visit in problem.visits]).reshape(-1, 2)
    visit_area = np.linalg.norm(places[:, None, :] - centres[None, :, :], axis=2).argmin(axis=1)
    streets = _street_graph(problem)
    durations, deadhead_m = np.zeros(len(problem.teams)), 0.0
    for number, team_number in enumerate(team_of.tolist()):
        team = problem.teams[team_number]
        edges = required[area == number]
        visits = [visit for visit, at in zip(problem.visits, visit_area, strict=True) if at == number]
        stops = {team.depot_node, *(visit.node for visit in visits)}
        extra_m, extra_s = _deadheads(streets, ends[edges], stops, team.mode)
        served_s = float(problem.serve_times_s(team.mode)[edges].sum())
        durations[team_number] = served_s + extra_s + sum(visit.service_duration_s for visit in visits)
        deadhead_m += extra_m
    shifts = np.array([team.shift_s for team in problem.teams])
    return _row(
        durations,
        time.perf_counter() - started,
        feasible=bool((durations <= shifts).all()),
        left_out=0,
        deadhead_m=round(deadhead_m, 1),
    )


def _street_graph(problem: PatrolProblem) -> nx.Graph:
    """Return the streets as an undirected graph (Philadelphia's have no one-way signs), the shortest of parallel ones."""
    frame = problem.network.edges
    graph = nx.Graph()
    columns = [frame[name].tolist() for name in ("from_node", "to_node", "length_m")]
    speeds = [frame[f"speed_{mode}_mps"].tolist() for mode in ("foot", "ebike", "car")]
    for (one, two, length), foot, ebike, car in zip(zip(*columns, strict=True), *speeds, strict=True):
        if one != two and not (graph.has_edge(one, two) and graph[one][two]["length"] <= length):
            graph.add_edge(one, two, length=length, foot=length / foot, ebike=length / ebike, car=length / car)
    return graph


def _deadheads(streets: nx.Graph, ends: Any, stops: set[int], mode: str) -> tuple[float, float]:
    """Return length and time of what a closed tour over these segments and stops must walk besides them."""
    tour = nx.MultiGraph()
    tour.add_nodes_from(stops)
    tour.add_edges_from(ends.tolist())
    parts = [sorted(part) for part in nx.connected_components(tour)]
    links: list[tuple[int, int]] = []
    if len(parts) > 1:
        between = nx.Graph()
        distances = [nx.multi_source_dijkstra(streets, set(part), weight="length") for part in parts]
        for a, b in combinations(range(len(parts)), 2):
            target = min(parts[b], key=lambda node: distances[a][0].get(node, np.inf))
            between.add_edge(a, b, weight=distances[a][0][target], link=(distances[a][1][target][0], target))
        links = [data["link"] for _, _, data in nx.minimum_spanning_edges(between, data=True)]
        tour.add_edges_from(links)
    odd = [node for node, degree in tour.degree() if degree % 2]
    complete = nx.Graph()
    reach = {node: nx.single_source_dijkstra_path_length(streets, node, weight="length") for node in odd}
    complete.add_weighted_edges_from((a, b, reach[a][b]) for a, b in combinations(odd, 2))
    links += list(nx.min_weight_matching(complete))
    length_m = time_s = 0.0
    for one, two in links:
        path = nx.shortest_path(streets, one, two, weight="length")
        length_m += sum(streets[a][b]["length"] for a, b in pairwise(path))
        time_s += sum(streets[a][b][mode] for a, b in pairwise(path))
    return length_m, time_s


if __name__ == "__main__":
    main()

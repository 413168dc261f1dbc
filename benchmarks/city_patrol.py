"""A whole city: all streets of Philadelphia shared out among 200 teams, and how that grows.

Usage: ``python -m benchmarks.city_patrol [--teams 200] [--seconds 420] [--seed 1] [--processes 2] [--output FILE.json]``

Teams on foot, by e-bike and by car start from the police districts' stations (the middles of the districts). Sizes below the
whole are the streets nearest to the city's middle, with teams in proportion. Each runs in a process of its own, so that
memory is that of this size; the time is that of planning from the network in memory to the checked plan.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import shapely

from benchmarks.circumstances import RESULTS, circumstances, real_data, write_result
from benchmarks.real_inputs import RECIPES
from geo.algorithms.network.connect import strong_part
from geo.algorithms.network.snap import nearest_nodes
from geo.algorithms.routing.check import check_plan
from geo.algorithms.routing.solve import SolveParams, solve
from geo.model.network import StreetNetwork
from geo.model.patrol import PatrolProblem, Team
from geo.model.plan import balance_max_over_mean, gini
from geo.services.project import open_project
from geo.services.recipe import read_recipe, run_recipe

SIZES = (0.125, 0.25, 0.5, 1.0)
_MODES = ("car", "ebike", "car", "foot")
_SHIFT_H = (8.0, 16.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--teams", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=420.0, help="search time of the whole city; less for less")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--largest", type=float, default=1.0, help="share of the city")
    parser.add_argument("--output", type=Path, default=RESULTS / "city_patrol.json")
    parser.add_argument("--one", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--network", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(_plan(arguments)))
        return
    real_data()
    around = circumstances()
    with tempfile.TemporaryDirectory() as folder:
        project = Path(folder) / "yiwang.gpkg"
        _build(project)
        rows = [_fresh(arguments, size, project) for size in SIZES if size <= arguments.largest]
    growth = [
        {"segments": round(b["segments"] / a["segments"], 2), "seconds_outside_search": round(_rest(b) / _rest(a), 2)}
        for a, b in pairwise(rows)
    ]
    body = {"seed": arguments.seed, "processes": arguments.processes, "sizes": rows, "growth": growth} | around
    print(write_result(arguments.output.name, body, arguments.output.parent))


def _rest(row: dict[str, Any]) -> float:
    return float(row["seconds"] - row["search_s"])


def _build(path: Path) -> None:
    with open_project(str(path)) as store:
        recipe = read_recipe(RECIPES["philadelphia"])
        run_recipe(store, replace(recipe, plan=None))


def _fresh(arguments: argparse.Namespace, size: float, project: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.city_patrol", "--one", str(size), "--network", str(project)]
    for name in ("teams", "seconds", "seed", "processes"):
        command += [f"--{name}", str(getattr(arguments, name))]
    run = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    print(result, flush=True)
    return result


def _plan(arguments: argparse.Namespace) -> dict[str, Any]:
    with open_project(str(arguments.network)) as store, store.begin() as transaction:
        network = StreetNetwork(
            transaction.read("network_node", order_by=("node_id",)),
            transaction.read("network_edge", order_by=("edge_id",)),
        )
        districts = transaction.read("community").geometry.to_numpy()
    problem = _problem(network, districts, arguments.one, arguments.teams)
    memory = _Memory()
    started = time.perf_counter()
    search_s = arguments.seconds * arguments.one
    plan = solve(problem, SolveParams(search_s, arguments.seed, processes=arguments.processes), memory)
    planned = time.perf_counter()
    errors = check_plan(problem, plan).errors
    durations = plan.durations_s()
    length = network.edges["length_m"].to_numpy()
    moves = [step for route in plan.routes for step in route.steps if step.edge >= 0]
    walked = float(sum(length[step.edge] for step in moves))
    served = float(sum(length[step.edge] for step in moves if step.serves))
    return {
        "share_of_city": arguments.one,
        "segments": len(problem.required_edges),
        "km": round(served / 1000, 1),
        "teams": len(problem.teams),
        "search_s": round(search_s, 1),
        "seconds": round(planned - started, 1),
        "seconds_check": round(time.perf_counter() - planned, 1),
        "checked": not errors,
        "first_error": errors[0] if errors else None,
        "left_out": len(plan.unserved),
        "longest_s": round(float(durations.max()), 1),
        "mean_s": round(float(durations.mean()), 1),
        "max_over_mean": round(balance_max_over_mean(durations), 4),
        "gini": round(gini(durations), 4),
        "deadhead_share": round(1 - served / walked, 4),
        "iterations": plan.iterations,
        "peak_memory_mib": memory.peak_mib,
    }


def _problem(network: StreetNetwork, districts: Any, share: float, teams: int) -> PatrolProblem:
    """Return the streets nearest to the middle, and teams that start from the stations nearest to it."""
    middles = network.xy[network.edges[["from_node", "to_node"]].to_numpy()].mean(axis=1)
    centre = np.median(middles, axis=0)
    order = np.argsort(np.hypot(*(middles - centre).T), kind="stable")
    chosen = order[: round(share * len(order))]
    reach = np.hypot(*(middles[chosen] - centre).T).max()
    stations = shapely.get_coordinates(shapely.point_on_surface(districts))
    stations = stations[np.hypot(*(stations - centre).T) <= reach]
    homes = {mode: strong_part(len(network.nodes), network.arcs(mode)) for mode in set(_MODES)}
    usable = homes["car"] & homes["ebike"] & homes["foot"]
    nodes, _ = nearest_nodes(network, stations, usable)
    crews = tuple(
        Team(
            f"{number + 1:03d}",
            "police",
            2,
            _MODES[number % len(_MODES)],
            _SHIFT_H[0] * 3600,
            _SHIFT_H[1] * 3600,
            int(nodes[number % len(nodes)]),
        )
        for number in range(max(1, round(share * teams)))
    )
    ends = network.edges[["from_node", "to_node"]].to_numpy()[chosen]
    reachable = homes["foot"][ends].all(axis=1)
    return PatrolProblem(network, crews, tuple(np.sort(chosen[reachable]).tolist()), ())


class _Memory:
    """Notes the memory of this process and its children whenever progress is told."""

    def __init__(self) -> None:
        self.peak_mib = 0

    def __call__(self, message: str, fraction: float) -> None:
        me = psutil.Process()
        held = sum(_resident(process) for process in (me, *me.children(recursive=True)))
        self.peak_mib = max(self.peak_mib, round(held / 2**20))


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


if __name__ == "__main__":
    main()

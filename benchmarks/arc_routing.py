"""Arc routing against published values: ``python -m benchmarks.arc_routing --instances DIR --best-known CSV …``.

Reads CARPLIB, MCGRP and MM-kWRPP files (the contents tell which), solves each with our engine on one core, computes the
cost anew from the raw instance with code of its own, and prints cost, gap and time of each and the means of each set.
Published values of CARP are for unlimited fleets (245 of val1C takes nine vehicles, its file says eight), those of MCGRP
for the number of vehicles of the file (81 of mggdb_0.50_20 takes four; five reach 79); ``--fleet`` sets one for both.
"""

from __future__ import annotations

import argparse
import csv
import heapq
import math
import re
import sys
import time
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.arc_instances import ArcInstance, InstanceFormatError, instance_paths, read_instance
from benchmarks.circumstances import circumstances, write_result
from geo.algorithms.routing.memetic.postman import postman_bound, round_trip_bound
from geo.algorithms.routing.memetic.problem import ArcRoutingProblem, homogeneous
from geo.algorithms.routing.memetic.solver import MemeticParams, MemeticResult, compile_kernels, solve_routing

Row = dict[str, Any]


def encode(instance: ArcInstance, vehicles: int = 0, fleet: str = "published") -> ArcRoutingProblem:
    """Return an instance as arrays; ``vehicles`` > 0 asks for that many and the least longest route."""
    names = sorted({instance.depot, *instance.places, *(n for s in instance.streets for n in (s.tail, s.head))})
    index = {name: number for number, name in enumerate(names)}
    distance = np.full((len(names), len(names)), np.inf)
    np.fill_diagonal(distance, 0.0)
    for street in instance.streets:
        a, b = index[street.tail], index[street.head]
        distance[a, b] = min(distance[a, b], street.forward)
        distance[b, a] = min(distance[b, a], street.backward)
    for m in range(len(names)):
        distance = np.minimum(distance, distance[:, m : m + 1] + distance[m : m + 1, :])
    entry, leave, service, demand = [], [], [], []
    for street in instance.required:
        a, b = index[street.tail], index[street.head]
        entry.append((a, b))
        leave.append((b, a))
        service.append((street.forward, street.backward))
        demand.append(street.demand)
    for place, load in instance.places.items():
        entry.append((index[place],) * 2)
        leave.append((index[place],) * 2)
        service.append((0.0, 0.0))
        demand.append(load)
    limited = fleet == "file" or (fleet == "published" and instance.kind == "mcgrp")
    given = instance.vehicles if limited and instance.vehicles * instance.capacity >= sum(demand) else 0
    count = vehicles or min(given or len(demand), _enough(instance, demand))
    return homogeneous(
        distance,
        np.array(entry),
        np.array(leave),
        np.array(service),
        np.array(demand),
        depot=index[instance.depot],
        vehicles=count,
        capacity=instance.capacity,
        objective="min-max" if vehicles else "total",
    )


def _enough(instance: ArcInstance, demand: list[float]) -> int:
    """Return a number of vehicles that is no limit in practice: what first fit takes or the loads ask for, and more."""
    if math.isinf(instance.capacity):
        return max(1, instance.vehicles)
    rooms: list[float] = []
    for load in sorted(demand, reverse=True):
        at = next((k for k, room in enumerate(rooms) if room >= load), len(rooms))
        if at == len(rooms):
            rooms.append(instance.capacity)
        rooms[at] -= load
    least = math.ceil(1.25 * sum(demand) / instance.capacity)
    return min(len(demand), max(len(rooms), least, instance.vehicles if instance.vehicles <= 2 * least else 0) + 3)


# --- the check: from the raw instance alone, sharing no code with the engine -----------------------------------------


def checked_costs(instance: ArcInstance, routes: list[list[int]], modes: list[list[int]]) -> list[float]:
    """Return the cost of each route, walked over the raw streets.

    Tasks count through the required streets and then the required places, mode 1 of a street is head to tail.

    Raises
    ------
    ValueError
        Something is served twice or not at all, a vehicle is overloaded, or there is no way.
    """
    ways: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for street in instance.streets:
        ways[street.tail].append((street.head, street.forward))
        ways[street.head].append((street.tail, street.backward))
    required, places = instance.required, list(instance.places.items())
    served = [task for route in routes for task in route]
    if sorted(served) != list(range(len(required) + len(places))):
        raise ValueError(f"{instance.name}: not everything is served exactly once")
    reached: dict[int, dict[int, float]] = {}
    costs = []
    for route, modes_of in zip(routes, modes, strict=True):
        at, cost, load = instance.depot, 0.0, 0.0
        for task, mode in zip(route, modes_of, strict=True):
            if task < len(required):
                s = required[task]
                begin, end, own = (s.tail, s.head, s.forward) if mode == 0 else (s.head, s.tail, s.backward)
                load += s.demand
            else:
                begin, demand = places[task - len(required)]
                end, own = begin, 0.0
                load += demand
            cost += _way(ways, reached, at, begin) + own
            at = end
        cost += _way(ways, reached, at, instance.depot)
        if not math.isfinite(cost) or load > instance.capacity + 1e-6:
            raise ValueError(f"{instance.name}: a route is overloaded or has no way")
        costs.append(cost)
    return costs


def _way(
    ways: dict[int, list[tuple[int, float]]], reached: dict[int, dict[int, float]], start: int, goal: int
) -> float:
    """Return the shortest way (Dijkstra)."""
    if start not in reached:
        done: dict[int, float] = {}
        heap = [(0.0, start)]
        while heap:
            cost, node = heapq.heappop(heap)
            if node in done:
                continue
            done[node] = cost
            for other, length in ways[node]:
                if other not in done and length < math.inf:
                    heapq.heappush(heap, (cost + length, other))
        reached[start] = done
    return reached[start].get(goal, math.inf)


# --- one run --------------------------------------------------------------------------------------------------------


def solve_instance(path: Path, vehicles: int, options: argparse.Namespace, published: float = 0.0) -> Row:
    """Solve one instance and return its row; the search ends early only at the published value, if one is given."""
    instance = read_instance(path)
    problem = encode(instance, vehicles, options.fleet)
    if options.end_at_bound and not published > 0:
        published = instance.published
    bound = _bound(instance, problem) if vehicles else max(0.0, np.nan_to_num(published))
    clock = time.process_time if options.clock == "cpu" else time.monotonic
    begun, wall = clock(), time.monotonic()
    params = MemeticParams(seconds=options.time_limit, iterations=options.iterations, seed=options.seed, bound=bound)
    result: MemeticResult = solve_routing(problem, params, clock=clock)
    if not result.feasible and not vehicles and options.fleet != "unlimited":
        print(f"{instance.name}: no plan with {problem.vehicles} vehicles; solved again without that limit", flush=True)
        problem = encode(instance, vehicles, "unlimited")
        result = solve_routing(problem, params, clock=clock)
    took, wall = clock() - begun, time.monotonic() - wall
    costs = checked_costs(instance, result.routes, result.modes)
    if not np.allclose(costs, result.durations):
        raise ValueError(f"{instance.name}: the check finds another cost")
    row: Row = {"name": instance.name, "kind": instance.kind, "set": set_of(instance), "tasks": problem.tasks}
    if vehicles:
        row |= {"k": vehicles}
    row |= {
        "cost": _number(max(costs) if vehicles else sum(costs)),
        "total": _number(sum(costs)),
        "vehicles": problem.vehicles,
        "routes": sum(bool(route) for route in result.routes),
        "checked": True,
        "time_s": round(took, 2),
        "wall_s": round(wall, 2),
        "iterations": result.iterations,
        "best_at_s": round(result.history[-1][0], 2) if result.history else 0.0,
        "published": None if math.isnan(instance.published) else instance.published,
    }
    if vehicles:
        row["lower_bound"] = _number(bound)
    if options.routes:
        row["solution"] = [r for r in result.routes if r]
    return row


def _number(value: float) -> float | int:
    return round(value) if abs(value - round(value)) < 1e-6 else value


def _bound(instance: ArcInstance, problem: ArcRoutingProblem) -> float:
    """Return a bound of the longest route: the hardest round trip, or each vehicle's share of one postman for all."""
    names = sorted({instance.depot, *(n for s in instance.streets for n in (s.tail, s.head))})
    index = {name: number for number, name in enumerate(names)}
    streets = instance.streets
    postman = postman_bound(
        np.array([index[s.tail] for s in streets]),
        np.array([index[s.head] for s in streets]),
        np.array([s.forward for s in streets]),
        np.array([s.backward for s in streets]),
        np.array([s.required for s in streets]),
        index[instance.depot],
    )
    share = postman / problem.vehicles
    if problem.resolution == 1.0:
        share = math.ceil(share - 1e-6)
    return max(share, round_trip_bound(problem))


def set_of(instance: ArcInstance) -> str:
    """Return the set that an instance's name tells."""
    if instance.kind == "mm-kwrpp":
        return "mm-kwrpp"
    name = re.match(r"(egl[-_ ]?[a-z]|mggdb_[\d.]+|[A-Za-z]+)", instance.name)
    return name[1] if name else instance.kind


# --- the command ----------------------------------------------------------------------------------------------------


def read_best_known(path: Path | None) -> dict[str, tuple[float, float]]:
    """Return lower bound and best known value by name; NaN where the table says nothing."""
    if path is None:
        return {}
    with path.open(encoding="utf-8-sig") as file:
        rows = [{str(key).strip().lower(): value for key, value in row.items()} for row in csv.DictReader(file)]
    return {
        row["name"].strip().lower(): (_float(row.get("lower_bound")), _float(row.get("best_known")))
        for row in rows
        if row.get("name")
    }


def read_reference(path: Path | None) -> dict[tuple[str, int], float]:
    """Return another solver's costs by name and number of vehicles: columns name, k, cost…."""
    if path is None or not path.is_file():
        return {}
    with path.open(encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    cost = next((column for column in (rows[0] if rows else {}) if column.lower().startswith("cost")), "cost")
    return {(row["name"].strip().lower(), int(row["k"])): _float(row[cost]) for row in rows}


def _float(text: str | None) -> float:
    try:
        return float(text or "nan")
    except ValueError:
        return math.nan


def with_published(row: Row, best: dict[str, tuple[float, float]], reference: dict[tuple[str, int], float]) -> Row:
    """Add bound, best known value and gap; mark a cost below a published bound."""
    name = row["name"].lower()
    bound, known = best.get(name, (math.nan, math.nan))
    published = row.pop("published")
    if row["kind"] == "mm-kwrpp":
        known = reference.get((name, row["k"]), math.nan)
        bound = row["lower_bound"]
    elif published is not None:
        known = bound = published
    if math.isfinite(bound):
        row["lower_bound"] = _number(bound)
        if row["cost"] < bound - 1e-6:
            row["below_bound"] = True
    if math.isfinite(known) and known > 0:
        row["reference" if "k" in row else "best_known"] = _number(known)
        row["gap"] = round(row["cost"] / known - 1, 6)
    return row


def summaries(rows: list[Row]) -> dict[str, Row]:
    """Return mean and largest gap of each set and of all."""
    sets: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        sets[row["set"]].append(row)
        if "k" in row:
            sets[f"{row['set']} k={row['k']}"].append(row)
    if len(sets) > 1:
        sets["all"] = rows
    table = {}
    for name, members in sorted(sets.items()):
        gaps = [row["gap"] for row in members if "gap" in row]
        table[name] = {
            "instances": len(members),
            "with_published_value": len(gaps),
            "mean_cost": round(float(np.mean([row["cost"] for row in members])), 2),
            "mean_gap": round(float(np.mean(gaps)), 6) if gaps else None,
            "max_gap": max(gaps) if gaps else None,
            "mean_time_s": round(float(np.mean([row["time_s"] for row in members])), 2),
        }
        references = [row["reference"] for row in members if "reference" in row]
        if references:
            table[name]["mean_reference"] = round(float(np.mean(references)), 2)
    return table


def options_of(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=Path, required=True, help="folder (searched through) or file")
    parser.add_argument("--best-known", type=Path, help="CSV: name, lower_bound, best_known")
    parser.add_argument(
        "--reference", type=Path, help="CSV: name, k, cost… of MM-kWRPP; default: the one beside the folder"
    )
    parser.add_argument("--time-limit", type=float, default=20.0, help="seconds per instance")
    parser.add_argument("--iterations", type=int, help="also end after so many iterations")
    parser.add_argument("--output", type=Path, help="JSON with all rows")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="regular expression of names")
    parser.add_argument("--sets", default="", help="sets by name, separated by commas, e.g. gdb,egl-e,mm-kwrpp")
    parser.add_argument("--vehicles", default="2,3,4,5", help="numbers of vehicles of MM-kWRPP")
    parser.add_argument(
        "--fleet", choices=("published", "unlimited", "file"), default="published", help="vehicles of CARP, MCGRP"
    )
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall", help="cpu: for a machine that is shared")
    parser.add_argument("--processes", type=int, default=1, help="instances solved at the same time")
    parser.add_argument("--end-at-bound", action="store_true", help="end a run that reaches its published lower bound")
    parser.add_argument("--end-at-known", action="store_true", help="end a run that reaches its best known value")
    parser.add_argument("--routes", action="store_true", help="write the routes too")
    return parser.parse_args(arguments)


def jobs_of(options: argparse.Namespace) -> list[tuple[Path, int]]:
    """Return file and number of vehicles (0: as many as it takes) of each run."""
    wanted = {name.strip().lower() for name in options.sets.split(",") if name.strip()}
    jobs: list[tuple[Path, int]] = []
    for path in instance_paths(options.instances):
        if options.only and not re.search(options.only, path.stem):
            continue
        try:
            instance = read_instance(path)
        except (InstanceFormatError, ValueError, IndexError) as error:
            print(f"left out: {path.name}: {error}", file=sys.stderr)
            continue
        if wanted and set_of(instance).lower() not in wanted:
            continue
        counts = [int(k) for k in options.vehicles.split(",")] if instance.kind == "mm-kwrpp" else [0]
        jobs += [(path, k) for k in counts]
    return jobs


def main(arguments: list[str] | None = None) -> None:
    options = options_of(arguments)
    jobs = jobs_of(options)
    best = read_best_known(options.best_known)
    folder = options.instances if options.instances.is_dir() else options.instances.parent
    beside = [folder / "mm_kwrpp_reference.csv", folder.parent / "mm_kwrpp_reference.csv"]
    reference = read_reference(options.reference or next((p for p in beside if p.is_file()), None))
    compile_s = compile_kernels()
    print(f"{len(jobs)} runs, {options.time_limit:g} s each; compiled in {compile_s:.1f} s", flush=True)
    proven = {name: bound for name, (bound, _best) in best.items() if options.end_at_bound and bound > 0}
    if options.end_at_known:
        proven |= {name: known for name, (_bound, known) in best.items() if known > 0}
    rows = []
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        futures = [
            pool.submit(solve_instance, path, k, options, proven.get(path.stem.lower(), 0.0) if k == 0 else 0.0)
            for path, k in jobs
        ]
        for future in as_completed(futures):
            row = with_published(future.result(), best, reference)
            rows.append(row)
            print(line_of(row), flush=True)
    rows.sort(key=lambda row: (row["set"], row["name"], row.get("k", 0)))
    table = summaries(rows)
    for name, summary in table.items():
        print(name, summary)
    below = [row["name"] for row in rows if row.get("below_bound")]
    if options.output:
        body = {
            "benchmark": "arc_routing",
            "circumstances": circumstances(),
            "settings": {
                "time_limit_s": options.time_limit, "clock": options.clock, "seed": options.seed,
                "fleet": options.fleet, "end_at_bound": options.end_at_bound,
                "end_at_known": options.end_at_known,
                "processes": options.processes, "threads_per_instance": 1,
            },
            "compile_s": round(compile_s, 1),
            "summary": table,
            "below_published_bound": below,
            "rows": rows,
        }  # fmt: skip
        write_result(options.output.name, body, options.output.parent)
    if below:
        print(
            f"Checked costs below the published bound (wrong bound, or a defect of reader and check): {', '.join(below)}"
        )


def line_of(row: Row) -> str:
    """Return a row for reading."""
    known = row.get("best_known", row.get("reference"))
    gap = f"{row['gap']:8.2%}" if "gap" in row else "       –"
    name = f"{row['name']}:{row['k']}" if "k" in row else row["name"]
    bound = row.get("lower_bound", "–")
    flag = "  BELOW BOUND" if row.get("below_bound") else ""
    return (
        f"{name:18s} {row['tasks']:4d} tasks  cost {row['cost']:>8}  known {known or '–':>8}  gap {gap}  bound {bound:>8}"
        f"  {row['time_s']:6.1f} s  {row['iterations']:7d} it{flag}"
    )


if __name__ == "__main__":
    main()

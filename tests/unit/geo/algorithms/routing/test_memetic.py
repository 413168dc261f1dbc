"""The engine against brute force and against itself."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from geo.algorithms.compiled import kernel
from geo.algorithms.routing.memetic import between, education, evolution, paths, ruin, solver, split, within
from geo.algorithms.routing.memetic.arrays import Arrays, Routes, arrays_of, empty_routes
from geo.algorithms.routing.memetic.postman import postman_bound, round_trip_bound
from geo.algorithms.routing.memetic.problem import ArcRoutingProblem, homogeneous
from geo.algorithms.routing.memetic.solver import MemeticParams, solve_routing
from geo.algorithms.routing.randomness import generator
from geo.errors import CancelledError, ParameterError


def drawn(
    seed: int, tasks: int, vehicles: int, *, mixed: bool = False, whole: bool = True, objective: Any = "total"
) -> ArcRoutingProblem:
    """Return a problem with asymmetric distances that break the triangle inequality."""
    rng = np.random.default_rng(seed)
    terminals, classes = tasks + 4, 2 if mixed else 1
    distance = rng.integers(1, 40, (classes, terminals, terminals)).astype(float)
    service = rng.integers(1, 15, (classes, tasks, 2)).astype(float)
    if not whole:
        distance, service = distance + rng.random(distance.shape), service + rng.random(service.shape)
    demand = rng.integers(1, 6, tasks).astype(float)
    ends = rng.integers(0, terminals, (2, vehicles)) if mixed else np.zeros((2, vehicles), dtype=np.int64)
    allowed = None
    if mixed:
        allowed = rng.random((tasks, vehicles)) < 0.7
        allowed[np.arange(tasks), rng.integers(0, vehicles, tasks)] = True
    return ArcRoutingProblem(
        distance=distance,
        entry=rng.integers(0, terminals, (tasks, 2)),
        exit=rng.integers(0, terminals, (tasks, 2)),
        service=service,
        demand=demand,
        vehicle_class=rng.integers(0, classes, vehicles),
        start=ends[0],
        end=ends[1],
        capacity=np.full(vehicles, np.ceil(demand.sum() / vehicles * 1.4)),
        max_duration=np.full(vehicles, np.inf),
        allowed=allowed,
        objective=objective,
    )


def walked(problem: ArcRoutingProblem, vehicle: int, route: tuple[int, ...], modes: tuple[int, ...]) -> float:
    if not route:
        return 0.0
    c, at, cost = problem.vehicle_class[vehicle], problem.start[vehicle], 0.0
    for task, mode in zip(route, modes, strict=True):
        cost += problem.distance[c, at, problem.entry[task, mode]] + problem.service[c, task, mode]
        at = problem.exit[task, mode]
    return float(cost + problem.distance[c, at, problem.end[vehicle]])


def shortest(problem: ArcRoutingProblem, vehicle: int, route: tuple[int, ...]) -> float:
    return min(walked(problem, vehicle, route, m) for m in itertools.product((0, 1), repeat=len(route)))


def optimum(problem: ArcRoutingProblem) -> tuple[float, float]:
    """Return longest and total duration of the best solution, by trying all."""
    vehicles, tasks = range(problem.vehicles), range(problem.tasks)
    best_of: dict[tuple[int, frozenset[int]], float] = {}
    for vehicle in vehicles:
        for size in range(problem.tasks + 1):
            for subset in itertools.combinations(tasks, size):
                heavy = problem.demand[list(subset)].sum() > problem.capacity[vehicle]
                barred = problem.allowed is not None and not all(problem.allowed[t, vehicle] for t in subset)
                key = (vehicle, frozenset(subset))
                best_of[key] = (
                    np.inf
                    if heavy or barred
                    else min(shortest(problem, vehicle, order) for order in itertools.permutations(subset))
                )
    values = []
    for owners in itertools.product(vehicles, repeat=problem.tasks):
        costs = [best_of[v, frozenset(t for t in tasks if owners[t] == v)] for v in vehicles]
        values.append((max(costs), sum(costs)))
    if problem.objective == "total":
        return min(values, key=lambda value: value[1])
    return min(values)


@pytest.mark.parametrize("objective", ["total", "min-max"])
@pytest.mark.parametrize("mixed", [False, True])
@pytest.mark.parametrize("seed", [1, 2])
def test_finds_the_optimum_of_tiny_problems(seed: int, mixed: bool, objective: str) -> None:
    problem = drawn(seed, 5, 2 + seed % 2, mixed=mixed, objective=objective)
    result = solve_routing(problem, MemeticParams(seconds=None, iterations=400))
    longest, total = optimum(problem)
    assert result.feasible
    if objective == "total":
        assert result.total == total
    else:
        assert result.longest == longest
    check(problem, result)


def check(problem: ArcRoutingProblem, result: solver.MemeticResult) -> None:
    assert sorted(task for route in result.routes for task in route) == list(range(problem.tasks))
    for vehicle, (route, modes) in enumerate(zip(result.routes, result.modes, strict=True)):
        assert result.durations[vehicle] == pytest.approx(walked(problem, vehicle, tuple(route), tuple(modes)))
        if result.feasible:
            assert problem.demand[route].sum() <= problem.capacity[vehicle]
            assert problem.allowed is None or problem.allowed[route, vehicle].all()


def solution(problem: ArcRoutingProblem, seed: int) -> tuple[Arrays, Routes, Any]:
    """Return kernel arrays and random routes with weights that count everything."""
    arrays = arrays_of(problem, 20)
    routes = empty_routes(arrays)
    weights = np.array([1.0, 3.0, 2.0, 50.0, 60.0])
    rng = np.random.default_rng(seed)
    set_routes(
        arrays,
        routes,
        weights,
        rng.permutation(problem.tasks),
        np.sort(rng.integers(0, problem.vehicles, problem.tasks)),
    )
    return arrays, routes, weights


def set_routes(arrays: Arrays, routes: Routes, weights: Any, tour: Any, owner: Any) -> None:
    for r in range(len(routes.size)):
        members = tour[owner == r]
        routes.size[r] = len(members)
        routes.seq[r, 1 : len(members) + 1] = members
        paths.refresh(arrays, routes, weights, r)


def from_scratch(problem: ArcRoutingProblem, arrays: Arrays, routes: Routes, weights: Any) -> float:
    """Return the value of routes by definition."""
    value = 0.0
    for r in range(problem.vehicles):
        route = tuple(int(t) for t in routes.seq[r, 1 : routes.size[r] + 1])
        duration = shortest(problem, r, route)
        over = max(0.0, problem.demand[list(route)].sum() - problem.capacity[r]) if route else 0.0
        late = max(0.0, duration - min(problem.max_duration[r], weights[4]))
        barred = 0 if problem.allowed is None else sum(not problem.allowed[t, r] for t in route)
        value += weights[0] * duration + weights[1] * over + weights[2] * late + weights[3] * barred
    return value


def copy_of(routes: Routes) -> Routes:
    return Routes(*(part.copy() for part in routes))


@pytest.mark.parametrize("mixed", [False, True])
def test_each_move_changes_the_value_by_what_it_promised(mixed: bool) -> None:
    codes: set[int] = set()
    for seed in range(4):
        problem = drawn(seed, 9, 3, mixed=mixed, whole=False)
        arrays, routes, weights = solution(problem, seed)
        before = from_scratch(problem, arrays, routes, weights)
        assert paths.total_value(routes) == pytest.approx(before, abs=1e-5)
        room = np.zeros((2, problem.tasks + 2), dtype=np.int64)
        for u, rv in itertools.product(range(problem.tasks), range(problem.vehicles)):
            ru, i = int(routes.where[u]), int(routes.place[u])
            if ru == rv:
                continue
            for j in range(int(routes.size[rv]) + 1):
                for change, code in moves(arrays, routes, weights, ru, i, rv, j, room):
                    if code < 0:
                        continue
                    codes.add(code)
                    after = copy_of(routes)
                    between.apply_between(arrays, after, weights, ru, i, rv, j, code, room)
                    assert from_scratch(problem, arrays, after, weights) - before == pytest.approx(change, abs=1e-5)
                    assert sorted(t for r in range(3) for t in after.seq[r, 1 : after.size[r] + 1]) == list(range(9))
    assert {0, 1, 2, 3} <= codes
    assert {code // 10 for code in codes if code >= between.BLOCK_MOVES} == {11, 12, 13}
    assert {code % 10 for code in codes if code >= between.BLOCK_MOVES} == {0, 1, 2, 3, 4, 5}


def moves(
    arrays: Arrays, routes: Routes, weights: Any, ru: int, i: int, rv: int, j: int, room: Any
) -> list[tuple[float, int]]:
    gu, gv = arrays.group[ru], arrays.group[rv]
    nodes, base = len(arrays.demand), routes.value[ru] + routes.value[rv]
    longest = [min(arrays.limit[g], weights[4]) for g in (gu, gv)]
    block = between.best_block_move(
        arrays.link, nodes, arrays.service, arrays.forbidden, weights, arrays.masked[0],
        routes.seq, routes.vec, routes.carried,
        ru, i, routes.size[ru], gu, arrays.row[gu], arrays.klass[gu], arrays.capacity[gu], longest[0],
        routes.load[ru], routes.wrong[ru],
        rv, j, routes.size[rv], gv, arrays.row[gv], arrays.klass[gv], arrays.capacity[gv], longest[1],
        routes.load[rv], routes.wrong[rv], base,
    )  # fmt: skip
    if gu == gv:
        ends = between.best_end_move(
            arrays.link, arrays.row[gu], nodes, weights, arrays.capacity[gu], longest[0],
            routes.seq, routes.vec, routes.carried, ru, i, routes.size[ru], routes.load[ru],
            rv, j, routes.size[rv], routes.load[rv], routes.wrong[ru] + routes.wrong[rv], base,
        )  # fmt: skip
    else:
        ends = between.best_mixed_end_move(
            arrays.link, nodes, arrays.demand, arrays.forbidden, weights, routes.seq, routes.size,
            nodes - len(arrays.klass), ru, i, gu, arrays.row[gu], arrays.capacity[gu], longest[0],
            rv, j, gv, arrays.row[gv], arrays.capacity[gv], longest[1], base, room,
        )  # fmt: skip
    return [block, ends]


def test_moves_within_a_route_give_the_duration_they_promised() -> None:
    shifts = turns = 0
    for seed in range(20):
        problem = drawn(seed, 8, 1, whole=False)
        arrays, routes, weights = solution(problem, seed)
        link, nodes, service = arrays.link, len(arrays.demand), arrays.service[0]
        given = (link, 0, nodes, routes.seq[0], routes.vec[0], 8, routes.duration[0])
        duration, at, count, goal, turn = within.best_shift(*given, service)
        if count:
            shifts += 1
            after = copy_of(routes)
            within.apply_shift(arrays, after, weights, 0, at, count, goal, turn)
            assert after.duration[0] == pytest.approx(duration)
        duration, first, last = within.best_turn(*given)
        if last:
            turns += 1
            after = copy_of(routes)
            within.apply_turn(arrays, after, weights, 0, first, last)
            assert after.duration[0] == pytest.approx(duration)
    assert shifts > 5
    assert turns > 5


def test_split_cuts_optimally() -> None:
    for seed in range(5):
        problem = replace(drawn(seed, 6, 3, mixed=seed % 2 == 1), capacity=np.full(3, np.inf))
        arrays, routes, weights = solution(problem, seed)
        weights[4] = np.inf
        tour = np.random.default_rng(seed).permutation(6)
        values = []
        for cuts in itertools.combinations_with_replacement(range(7), 2):
            owner = np.searchsorted(np.array(cuts), np.arange(6), side="right")
            set_routes(arrays, routes, weights, tour, owner)
            values.append(paths.total_value(routes))
        split.split(arrays, routes, weights, tour, np.zeros((6, 6)))
        assert paths.total_value(routes) <= min(values) + 1e-6


def test_ruin_and_recreate_tells_the_change_and_loses_nothing() -> None:
    problem = drawn(3, 30, 5)
    arrays, routes, weights = solution(problem, 3)
    space, random = ruin.ruin_for(arrays), generator(1)
    kept = 0
    for heat in (0.0, 5.0) * 50:
        before, old = paths.total_value(routes), routes.seq.copy()
        change = ruin.ruin_and_recreate(arrays, routes, weights, space, arrays.wide, heat, random)
        assert paths.total_value(routes) - before == pytest.approx(change, abs=1e-6)
        kept += int(change == 0 and np.array_equal(old, routes.seq))
        served = sorted(int(t) for r in range(5) for t in routes.seq[r, 1 : routes.size[r] + 1])
        assert served == list(range(30))


def test_same_seed_same_routes_whatever_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = drawn(5, 25, 4, whole=False)
    params = MemeticParams(seconds=None, iterations=250, seed=7)
    one = solve_routing(problem, params)
    monkeypatch.setattr(solver, "_CHUNK_S", 1e-9)
    two = solve_routing(problem, params)
    assert (one.routes, one.modes, one.iterations) == (two.routes, two.modes, 250)


@pytest.mark.parametrize("objective", ["total", "min-max"])
def test_a_given_start_is_never_made_worse(objective: str) -> None:
    problem = drawn(6, 20, 4, mixed=True, objective=objective)
    first = solve_routing(problem, MemeticParams(seconds=None, iterations=100))
    again = solve_routing(problem, MemeticParams(seconds=None, iterations=2, seed=9), start=first.routes)
    assert (again.longest, again.total) <= (first.longest, first.total) or again.total <= first.total
    some = solve_routing(problem, MemeticParams(seconds=None, iterations=2), start=[[0, 1], [2]])
    check(problem, some)


def test_cancelling_returns_the_best_so_far() -> None:
    def cancel(_message: str, _fraction: float) -> None:
        raise CancelledError("Stopped.")

    problem = drawn(7, 15, 3)
    result = solve_routing(problem, MemeticParams(seconds=60), cancel)
    assert result.stopped_early
    check(problem, result)


def test_islands_are_told() -> None:
    problem = drawn(8, 6, 2)
    problem.distance[:, :, problem.entry[0, 0]] = np.inf
    problem.distance[:, :, problem.entry[0, 1]] = np.inf
    assert not solve_routing(problem, MemeticParams(seconds=None, iterations=20)).feasible


def test_wrong_input_is_refused() -> None:
    for wrong in ({"near": 0}, {"seconds": None}, {"annealing": 2.0}, {"seconds": -1.0}, {"bound": float("nan")}):
        with pytest.raises(ParameterError):
            MemeticParams(**wrong)  # type: ignore[arg-type]
    problem = drawn(9, 4, 2)
    with pytest.raises(ParameterError):
        solve_routing(problem, MemeticParams(iterations=1), start=[[0, 0]])
    with pytest.raises(ParameterError, match="demand"):
        homogeneous(np.zeros((2, 2)), [[0, 1]], [[1, 0]], [[1, 1]], [-1.0], depot=0, vehicles=1)  # type: ignore[arg-type]


def test_nothing_to_serve_is_an_empty_plan() -> None:
    problem = drawn(10, 0, 2)
    result = solve_routing(problem, MemeticParams())
    assert result.routes == [[], []]
    assert result.feasible


def test_kernels_work_without_a_cache() -> None:
    scope: dict[str, Any] = {}
    exec(compile("def doubled(x):\n    return 2 * x\n", "<nowhere>", "exec"), scope)
    assert kernel(scope["doubled"])(4) == 8


def test_bounds_hold_and_a_cycle_is_its_own_bound() -> None:
    ring = np.arange(6)
    cost = np.array([3.0, 1, 4, 1, 5, 9])
    assert postman_bound(ring, (ring + 1) % 6, cost, cost * 2, np.ones(6, dtype=bool), 0) == pytest.approx(cost.sum())
    problem = drawn(1, 5, 3, mixed=True, objective="min-max")
    distance = problem.distance.copy()
    for m in range(distance.shape[1]):
        distance = np.minimum(distance, distance[:, :, m : m + 1] + distance[:, m : m + 1])
    own = distance[:, problem.entry, problem.exit]
    problem = replace(problem, distance=distance, service=np.maximum(problem.service, own))
    assert round_trip_bound(problem) <= optimum(problem)[0]


def test_education_leaves_no_improving_pair() -> None:
    problem = drawn(11, 20, 4)
    arrays, routes, weights = solution(problem, 11)
    desk = education.desk_for(arrays)
    before = paths.total_value(routes)
    education.educate(arrays, routes, weights, desk, generator(1))
    educated = paths.total_value(routes)
    assert educated < before
    education.educate(arrays, routes, weights, desk, generator(2))
    assert paths.total_value(routes) == pytest.approx(educated)
    assert evolution.STEPS > 0

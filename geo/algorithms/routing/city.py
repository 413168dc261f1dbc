"""Plans for many teams: the town is cut into shares that are planned by themselves, side by side.

After each round the shares are cut anew: teams that lasted longer than others get less ground, and what stays keeps its
order. So neighbours exchange streets at their common borders until all last about equally long.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.algorithms.partition.attach import places_of
from geo.algorithms.routing.decode import decode, list_unserved
from geo.algorithms.routing.encode import Encoded, Service, encode, service_of
from geo.algorithms.routing.rounds.search import SearchParams, compile_search, find_rounds
from geo.algorithms.routing.shares import Cutter, Share
from geo.model.patrol import PatrolProblem
from geo.model.plan import Route, Unserved

_TEAMS_EACH = 4
_ROUNDS = (0.2, 0.2, 0.2, 0.4)
"""Shares of the time for the rounds; before each but the first the ground is cut anew."""
_WORTH = 0.8
"""How much of a difference in duration is corrected by the next cut."""


@dataclass(frozen=True)
class CityResult:
    """Routes of all teams, and what they leave out."""

    routes: tuple[Route, ...]
    unserved: tuple[Unserved, ...]
    iterations: int
    was_stopped: bool


@dataclass(frozen=True)
class _Task:
    share: int
    teams: tuple[int, ...]
    edges: tuple[int, ...]
    visits: tuple[int, ...]
    orders: tuple[tuple[tuple[Service, bool], ...], ...]
    search: SearchParams
    is_last: bool


@dataclass(frozen=True)
class _Done:
    share: int
    orders: tuple[tuple[tuple[Service, bool], ...], ...]
    lasts_s: tuple[float, ...]
    iterations: int
    routes: tuple[Route, ...]
    unserved: tuple[Unserved, ...]


def solve_city(
    problem: PatrolProblem,
    seconds: float,
    iterations: int | None,
    seed: int,
    goes_on: Callable[[float], bool],
    processes: int | None = None,
) -> CityResult:
    """Return a fair plan for many teams.

    Parameters
    ----------
    problem
        The problem.
    seconds
        Time for the search at the most; travel times come on top.
    iterations
        Iterations for each share and round at the most; None leaves it to the clock.
    seed
        Of the search.
    goes_on
        Told which part is done; False ends the search after the shares that are being planned.
    processes
        Processes that plan shares; None: one for each processor.
    """
    count = processes or os.cpu_count() or 1
    xy, work_s = _work(problem)
    edges = len(problem.required_edges)
    team_xy = problem.network.xy[[team.depot_node for team in problem.teams]]
    cutter = Cutter(xy, work_s, team_xy, _TEAMS_EACH)
    capacity = _capacities(problem)
    order_of: dict[int, tuple[tuple[Service, bool], ...]] = {}
    done: dict[int, _Done] = {}
    shares: list[Share] = []
    stopped, total = False, 0
    with _workers(problem, count) as run:
        for number, part in enumerate(_ROUNDS):
            shares = _allowed_shares(problem, cutter.cut(capacity))
            each = SearchParams(max(0.2, seconds * part * count / len(shares)), iterations, seed + number)
            is_last = number == len(_ROUNDS) - 1
            tasks = [
                _Task(
                    index,
                    tuple(share.teams.tolist()),
                    tuple(problem.required_edges[job] for job in share.jobs[share.jobs < edges].tolist()),
                    tuple((share.jobs[share.jobs >= edges] - edges).tolist()),
                    tuple(order_of.get(team, ()) for team in share.teams.tolist()),
                    replace(each, heat=1.0 if number == 0 else 0.5),
                    is_last,
                )
                for index, share in enumerate(shares)
            ]
            before = sum(_ROUNDS[:number])
            done = {}
            for result in run(tasks):
                done[result.share] = result
                total += result.iterations
                stopped = not goes_on(before + part * len(done) / len(tasks)) or stopped
            lasts = np.zeros(len(problem.teams))
            for index, share in enumerate(shares):
                for team, order, last in zip(
                    share.teams.tolist(), done[index].orders, done[index].lasts_s, strict=True
                ):
                    order_of[team], lasts[team] = order, last
            capacity = _recut(capacity, shares, lasts)
            if stopped and not is_last:
                done = {result.share: result for result in run([replace(task, is_last=True, orders=tuple(
                    order_of[team] for team in task.teams), search=replace(task.search, seconds=0.01, iterations=1))
                    for task in tasks])}  # fmt: skip
                break
    return _joined(problem, shares, done, total, stopped)


def _recut(capacity: NDArray[np.float64], shares: Sequence[Share], lasts_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the capacities for the next cut: less for shares whose teams last longer than all do on average."""
    mean = float(lasts_s.mean())
    result = capacity.copy()
    for share in shares:
        here = float(lasts_s[share.teams].mean())
        if here > 0 and mean > 0:
            result[share.teams] *= (mean / here) ** _WORTH
    return result


def _work(problem: PatrolProblem) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return where each required segment and each visit is, shape (n, 2), and how long it takes the fastest."""
    modes = dict.fromkeys((team.mode, team.patrol_speed_mps) for team in problem.teams)
    fastest = np.min([problem.serve_times_s(mode, speed) for mode, speed in modes], axis=0)
    required = list(problem.required_edges)
    middles = places_of(problem.network.edges.iloc[required])
    times = np.array([_repeats(problem, edge) for edge in required])
    work = np.where(np.isfinite(fastest[required]), fastest[required], 0.0) * times
    stays = np.array([(visit.x, visit.y) for visit in problem.visits]).reshape(-1, 2)
    staying = np.array([visit.total_s * visit.times for visit in problem.visits])
    return np.concatenate((shapely.get_coordinates(middles), stays)), np.concatenate((work, staying))


def _repeats(problem: PatrolProblem, edge: int) -> int:
    rule = problem.rule(edge)
    return rule.times * (2 if rule.direction == "both" else 1)


def _capacities(problem: PatrolProblem) -> NDArray[np.float64]:
    """Return how much each team can patrol, in metres a second; slower modes less."""
    result = []
    for team in problem.teams:
        seconds = problem.serve_times_s(team.mode, team.patrol_speed_mps)[list(problem.required_edges)]
        length = problem.network.edges["length_m"].to_numpy()[list(problem.required_edges)]
        is_open = np.isfinite(seconds)
        result.append(float(length[is_open].sum() / max(seconds[is_open].sum(), 1e-9)) if is_open.any() else 1.0)
    return np.array(result)


def _allowed_shares(problem: PatrolProblem, shares: list[Share]) -> list[Share]:
    """Return the shares with jobs that none of their teams may do given to one where a team may."""
    if not any(team.areas and team.is_area_hard for team in problem.teams) and not _asks_for_skills(problem):
        return shares
    edges = len(problem.required_edges)
    moved: list[list[int]] = [[] for _ in shares]
    for index, share in enumerate(shares):
        for job in share.jobs.tolist():
            able = [number for number, other in enumerate(shares) if _may(problem, other, job, edges)]
            moved[index if index in able or not able else min(able, key=lambda k: abs(k - index))].append(job)
    return [
        Share(share.teams, np.array(sorted(jobs), dtype=np.int64)) for share, jobs in zip(shares, moved, strict=True)
    ]


def _asks_for_skills(problem: PatrolProblem) -> bool:
    return any(rule.skills for rule in problem.edge_rules.values()) or any(visit.skills for visit in problem.visits)


def _may(problem: PatrolProblem, share: Share, job: int, edges: int) -> bool:
    if job < edges:
        edge = problem.required_edges[job]
        skills = problem.rule(edge).skills
        area = -1 if problem.edge_areas is None else int(problem.edge_areas[edge])
    else:
        skills, area = problem.visits[job - edges].skills, problem.visits[job - edges].area
    teams = [problem.teams[team] for team in share.teams.tolist()]
    return any(
        skills <= team.skills and (not team.is_area_hard or not team.areas or area in team.areas) for team in teams
    )


@contextmanager
def _workers(problem: PatrolProblem, count: int) -> Iterator[Callable[[Sequence[_Task]], Iterator[_Done]]]:
    """Give a function that plans shares, by so many processes."""
    compile_search()  # before the others, which find it compiled
    if count == 1:
        _open(problem)
        yield lambda tasks: map(_plan_share, tasks)
        return
    with ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_open, initargs=(problem,)) as pool:

        def run(tasks: Sequence[_Task]) -> Iterator[_Done]:
            running: set[Future[_Done]] = {pool.submit(_plan_share, task) for task in tasks}
            while running:
                finished, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in finished)

        yield run


_OPENED: list[PatrolProblem] = []
"""The problem that this process plans shares of."""


def _open(problem: PatrolProblem) -> None:
    _OPENED[:] = [problem]


def _plan_share(task: _Task) -> _Done:
    """Plan one share, from the order that its teams kept."""
    whole = _OPENED[0]
    problem = replace(
        whole,
        teams=tuple(whole.teams[team] for team in task.teams),
        required_edges=task.edges,
        visits=tuple(whole.visits[number] for number in task.visits),
        edge_rules={edge: whole.edge_rules[edge] for edge in task.edges if edge in whole.edge_rules},
    )
    encoded = encode(problem)
    services = [_service(encoded, job, task.visits) for job in range(len(encoded.tasks))]
    number = {service: job for job, service in enumerate(services)}
    first = [[(number[key], int(turned)) for key, turned in order if key in number] for order in task.orders]
    found = find_rounds(encoded.jobs, encoded.crews, task.search, first)
    orders = tuple(tuple((services[job], bool(mode)) for job, mode in order) for order in found.orders)
    routes: tuple[Route, ...] = ()
    unserved: tuple[Unserved, ...] = ()
    if task.is_last:
        routes = tuple(_as_whole(route, task) for route in decode(problem, encoded, found.orders))
        unserved = tuple(
            replace(one, visit=task.visits[one.visit] if one.visit >= 0 else -1)
            for one in list_unserved(problem, encoded, found.absent)
        )
    return _Done(task.share, orders, tuple(found.lasts_s), found.iterations, routes, unserved)


def _service(encoded: Encoded, job: int, visits: tuple[int, ...]) -> Service:
    """Return what a job is, with the number of the visit in the whole problem."""
    edge, visit, number, forward = service_of(encoded.tasks[job])
    return edge, visits[visit] if visit >= 0 else -1, number, forward


def _as_whole(route: Route, task: _Task) -> Route:
    """Return a route of a share with the numbers of the whole problem."""
    steps = tuple(replace(step, visit=task.visits[step.visit]) if step.visit >= 0 else step for step in route.steps)
    return replace(route, team=task.teams[route.team], steps=steps)


def _joined(
    problem: PatrolProblem, shares: Sequence[Share], done: dict[int, _Done], iterations: int, was_stopped: bool
) -> CityResult:
    routes = {route.team: route for result in done.values() for route in result.routes}
    unserved = tuple(one for index in range(len(shares)) for one in done[index].unserved)
    return CityResult(tuple(routes[team] for team in range(len(problem.teams))), unserved, iterations, was_stopped)

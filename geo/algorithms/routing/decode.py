"""From PyVRP's routes back to walks on the streets."""

from __future__ import annotations

import pyvrp

from geo.algorithms.routing.encode import Encoded, Task
from geo.model.network import Arcs
from geo.model.patrol import PatrolProblem, Route, Step


def clients_of(solution: pyvrp.Solution, teams: int) -> list[list[int]]:
    """Return the clients of each team in order; teams without a route get an empty list."""
    result: list[list[int]] = [[] for _ in range(teams)]
    for route in solution.routes():
        result[route.vehicle_type()] = [activity.idx for activity in route if activity.is_client()]
    return result


def decode(problem: PatrolProblem, encoded: Encoded, clients: list[list[int]], starts_s: list[float]) -> list[Route]:
    """Return the walk of each team, each deadhead a fastest way.

    Parameters
    ----------
    problem, encoded
        The problem and its encoding.
    clients
        Clients of each team in order.
    starts_s
        When each team leaves its depot.
    """
    routes = []
    for number, (order, start_s) in enumerate(zip(clients, starts_s, strict=True)):
        team = problem.teams[number]
        profile = encoded.modes.index(team.mode)
        tasks = [encoded.tasks[client] for client in order]
        walk = _Walk(problem, encoded, number, profile, start_s)
        ends = [team.depot_node, *(task.end for task in tasks)]
        begins = [*(task.start for task in tasks), team.depot_node]
        pairs = [(a, b) for a, b in zip(ends, begins, strict=True) if a != b]
        ways = encoded.paths[profile].paths(pairs) if tasks else {}
        for task, here in zip(tasks, ends, strict=False):
            walk.travel(ways.get((here, task.start), []))
            walk.serve(task)
        if tasks:
            walk.travel(ways.get((ends[-1], team.depot_node), []))
        routes.append(walk.route())
    return routes


class _Walk:
    """A route under construction."""

    def __init__(self, problem: PatrolProblem, encoded: Encoded, team: int, profile: int, start_s: float) -> None:
        self._problem, self._team, self._start_s = problem, team, start_s
        self._arcs: Arcs = encoded.paths[profile].arcs
        self._serve_times = problem.serve_times_s(problem.teams[team].mode)
        self._clock = start_s
        self._steps: list[Step] = []

    def travel(self, way: list[int]) -> None:
        for arc in way:
            edge, forward = int(self._arcs.edge[arc]), bool(self._arcs.forward[arc])
            self._add(float(self._arcs.time_s[arc]), edge, forward, serves=False)

    def serve(self, task: Task) -> None:
        if task.edge >= 0:
            self._add(float(self._serve_times[task.edge]), task.edge, task.forward, serves=True)
            return
        visit = self._problem.visits[task.visit]
        start = max(self._clock, task.window[0]) if task.window else self._clock
        self._steps.append(Step(start, start + visit.total_s, visit=task.visit))
        self._clock = start + visit.total_s

    def _add(self, seconds: float, edge: int, forward: bool, *, serves: bool) -> None:
        self._steps.append(Step(self._clock, self._clock + seconds, edge, forward, serves))
        self._clock += seconds

    def route(self) -> Route:
        return Route(self._team, self._start_s, self._clock, tuple(self._steps))

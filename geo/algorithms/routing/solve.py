"""Plan patrols: encode, construct, improve, balance, decode."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pyvrp
from numpy.typing import NDArray
from pyvrp.search import LocalSearch, PerturbationManager, compute_neighbours

from geo.algorithms.routing.bound import longest_route_bound
from geo.algorithms.routing.construct import Constructor
from geo.algorithms.routing.decode import clients_of, decode
from geo.algorithms.routing.encode import TICKS_PER_S, Encoded, as_vrp, encode
from geo.errors import CancelledError, ParameterError
from geo.model.patrol import PatrolPlan, PatrolProblem
from geo.model.progress import Progress, ignore_progress

_HISTORY = 30
"""Length of PyVRP's acceptance history; its default of 300 found longer plans in 8 s on the sample town."""
NO_TIME = "The shifts of the teams that can go there are too short to serve this as well."


@dataclass(frozen=True)
class SolveParams:
    """How to search.

    Attributes
    ----------
    seconds
        Time for improving the first plan at the most; travel times and the first plan come on top.
    seed
        Same seed, same plan, when ``iterations`` and not the clock ends the search.
    iterations
        Iterations of improvement at the most; None leaves it to the clock alone.
    fairness
        Weight of a second above the mean duration against a second of total time, in the first round; each round doubles
        it: first the plan gets short, then even.
    rounds
        Number of times the mean is taken anew.
    """

    seconds: float = 10.0
    seed: int = 1
    iterations: int | None = None
    fairness: int = 3
    rounds: int = 4

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= 86_400 or self.fairness < 0 or self.rounds < 1:
            raise ParameterError("Planning time must lie between 0 and 86,400 s and fairness must not be negative.")


@dataclass
class _Stop:
    """Stopping rule of one round; passes progress on and remembers a wish to stop."""

    deadline: float
    iterations: int | None
    report: Callable[[_Stop], None]
    count: int = 0
    cancelled: bool = False
    _reported: float = field(default=0.0)

    def __call__(self, best_cost: float) -> bool:
        now = time.monotonic()
        if now - self._reported > 0.2 and not self.cancelled:
            self._reported = now
            try:
                self.report(self)
            except CancelledError:
                self.cancelled = True
        self.count += 1
        enough = self.iterations is not None and self.count > self.iterations
        return self.cancelled or enough or now >= self.deadline


def solve(problem: PatrolProblem, params: SolveParams, progress: Progress = ignore_progress) -> PatrolPlan:
    """Return a fair plan for all teams.

    A stop through ``progress`` during the improvement ends the search; the best plan so far is returned with
    ``stopped_early``.

    Raises
    ------
    InfeasibleError
        A team's depot cannot be reached in its mode.
    CancelledError
        Stopped before there was a plan.
    """
    started = time.monotonic()
    progress("Computing travel times", 0.0)
    encoded = encode(problem)
    search = _Search(problem, encoded, params, progress)
    if encoded.tasks:
        progress("Building a first plan", 0.15)
        search.run(Constructor(problem, encoded).build())
    progress("Drawing the routes", 0.97)
    return search.plan(time.monotonic() - started)


class _Search:
    """The improvement of one plan.

    Attributes
    ----------
    best
        Clients of each team in the best plan so far.
    """

    def __init__(self, problem: PatrolProblem, encoded: Encoded, params: SolveParams, progress: Progress) -> None:
        self._problem, self._encoded, self._params, self._progress = problem, encoded, params, progress
        self.best: list[list[int]] = [[] for _ in problem.teams]
        self._data = as_vrp(problem, encoded, prizes=False)
        self._iterations = 0
        self._stopped = False

    def run(self, first: list[list[int]]) -> None:
        """Improve a first plan in rounds; each aims at the mean duration that the round before reached.

        When a round finds no plan that serves everything within shifts and windows, what does not fit is left out, and
        prizes bring back what can be.
        """
        params, begun = self._params, time.monotonic()
        neighbours = compute_neighbours(self._data)
        self.best = self._trimmed(first)
        best_key = self._quality(self.best)
        current, prizes = first, False
        for number in range(params.rounds):
            data = as_vrp(
                self._problem,
                self._encoded,
                prizes=prizes,
                target_s=float(np.mean(self._durations(current))),
                overtime_cost=params.fairness * 2**number,
            )
            stop = _Stop(
                begun + params.seconds * (number + 1) / params.rounds,
                None if params.iterations is None else params.iterations // params.rounds,
                partial(self._tell, begun, number),
            )
            found = _local_search(data, neighbours, _solution(data, current), stop, params.seed + number)
            self._iterations += stop.count
            current = clients_of(found, len(self._problem.teams))
            if not found.is_feasible():
                current, prizes = self._trimmed(current), True
            if (key := self._quality(current)) < best_key:
                self.best, best_key = current, key
            if stop.cancelled:
                self._stopped = True
                return

    def _tell(self, begun: float, number: int, stop: _Stop) -> None:
        """Tell how much of the time or of the iterations is used, whichever is more."""
        done = (time.monotonic() - begun) / self._params.seconds
        if stop.iterations:
            done = max(done, (number + stop.count / stop.iterations) / self._params.rounds)
        self._progress("Improving the plan", 0.2 + 0.75 * min(1.0, done))

    def _trimmed(self, clients: list[list[int]]) -> list[list[int]]:
        """Return the plan without what does not fit into the shifts and windows."""
        return [self._trimmed_route(team, order) for team, order in enumerate(clients)]

    def _trimmed_route(self, team: int, order: list[int]) -> list[int]:
        encoded, width = self._encoded, len(self._encoded.depots)
        matrix = encoded.durations[encoded.modes.index(self._problem.teams[team].mode)]
        depot = encoded.depots.index(self._problem.teams[team].depot_node)
        while order:
            route = _route(self._data, order, team)
            late = [activity.idx for activity in route.schedule() if activity.is_client() and activity.time_warp > 0]
            if route.is_feasible():
                break
            if late and encoded.tasks[late[0]].visit >= 0:
                order = [client for client in order if client != late[0]]
                continue
            stops = np.array([depot, *(width + client for client in order), depot])
            before, here, after = stops[:-2], stops[1:-1], stops[2:]
            saved = matrix[before, here] + matrix[here, after] - matrix[before, after]
            # a segment's own time counts as saved too; a visit's stay is not in the matrix but leaves with it
            drop = int(saved.argmax())
            order = [*order[:drop], *order[drop + 1 :]]
        return order

    def _durations(self, clients: list[list[int]]) -> NDArray[np.float64]:
        durations = np.zeros(len(clients))
        for team, order in enumerate(clients):
            if order:
                durations[team] = _route(self._data, order, team).duration() / TICKS_PER_S
        return durations

    def _quality(self, clients: list[list[int]]) -> tuple[int, float, float]:
        """Return what is to be made small: tasks left out, longest duration, total duration."""
        served = sum(len(order) for order in clients)
        durations = self._durations(clients)
        return len(self._encoded.groups) - served, float(durations.max()), float(durations.sum())

    def plan(self, seconds: float) -> PatrolPlan:
        """Return the best plan as walks on the streets."""
        problem, encoded = self._problem, self._encoded
        starts = []
        for team, order in enumerate(self.best):
            at = _route(self._data, order, team).start_time() / TICKS_PER_S if order else 0.0
            starts.append(max(at, problem.teams[team].shift_start_s))
        served = {client for order in self.best for client in order}
        left_out = [group for group in encoded.groups if served.isdisjoint(group)]
        unserved_edges, unserved_visits = dict(encoded.unserved_edges), dict(encoded.unserved_visits)
        for group in left_out:
            task = encoded.tasks[group[0]]
            if task.edge >= 0:
                unserved_edges[task.edge] = NO_TIME
            else:
                unserved_visits[task.visit] = NO_TIME
        edges = [edge for edge in problem.required_edges if edge not in unserved_edges]
        visits = [number for number in range(len(problem.visits)) if number not in unserved_visits]
        return PatrolPlan(
            routes=tuple(decode(problem, encoded, self.best, starts)),
            unserved_edges=unserved_edges,
            unserved_visits=unserved_visits,
            lower_bound_s=longest_route_bound(problem, edges, visits),
            seed=self._params.seed,
            iterations=self._iterations,
            seconds=seconds,
            stopped_early=self._stopped,
        )


def _route(data: pyvrp.ProblemData, clients: list[int], team: int) -> pyvrp.Route:
    return pyvrp.Route(data, clients, team)


def _solution(data: pyvrp.ProblemData, clients: list[list[int]]) -> pyvrp.Solution:
    return pyvrp.Solution(data, [_route(data, order, team) for team, order in enumerate(clients) if order])


def _local_search(
    data: pyvrp.ProblemData,
    neighbours: dict[pyvrp.Activity, list[pyvrp.Activity]],
    initial: pyvrp.Solution,
    stop: _Stop,
    seed: int,
) -> pyvrp.Solution:
    """Return the best plan that PyVRP's iterated local search finds.

    As ``pyvrp.solve``, but the neighbourhood is computed once for all rounds: it does not depend on the target.
    """
    params = pyvrp.SolveParams()
    search = LocalSearch(
        data, pyvrp.RandomNumberGenerator(seed=seed), neighbours, PerturbationManager(params.perturbation)
    )
    for operator in params.operators:
        if operator.supports(data):
            search.add_operator(operator(data))
    penalties = pyvrp.PenaltyManager(params.penalty.midpoint_penalties(data), params.penalty)
    # late acceptance over a short history: seconds allow thousands of iterations, not millions
    ils = pyvrp.IteratedLocalSearchParams(history_length=_HISTORY, exhaustive_on_best=False)
    # iterations look around where they change something; before and after, every move everywhere is tried once
    start = search(initial, penalties.max_cost_evaluator(), exhaustive=True)
    best = (
        pyvrp.IteratedLocalSearch(data, penalties, search, start, ils)
        .run(stop, collect_stats=False, display=False)
        .best
    )
    polished = search(best, penalties.max_cost_evaluator(), exhaustive=True)
    return polished if polished.is_feasible() else best

"""Plan patrols: encode, search, decode, and say what is left out and why."""

from __future__ import annotations

import time
from dataclasses import dataclass

from geo.algorithms.routing.bound import plan_bounds
from geo.algorithms.routing.city import solve_city
from geo.algorithms.routing.decode import decode, list_unserved
from geo.algorithms.routing.encode import Encoded, encode, service_of
from geo.algorithms.routing.explain import find_remedies
from geo.algorithms.routing.rounds.search import Orders, SearchParams, compile_search, find_rounds
from geo.errors import CancelledError, ParameterError
from geo.model.patrol import PatrolProblem
from geo.model.plan import PatrolPlan, Remedy
from geo.model.progress import Progress, ignore_progress

_TRIAL_S = 1.0
"""Time for each trial of what would make more possible."""
_MANY_TEAMS, _MANY_SERVICES = 9, 2_500
"""From both on the town is cut into shares, because one search would take too long to reach every street."""


@dataclass(frozen=True)
class SolveParams:
    """How to search.

    Attributes
    ----------
    seconds
        Time for the search at the most; travel times come on top.
    seed
        Same seed, same plan, when ``iterations`` and not the clock ends the search.
    iterations
        Iterations of the search at the most; None leaves it to the clock alone.
    is_fair
        Whether the longest route is made short first and the total second; else the total alone.
    processes
        Processes that plan shares of a large town; None: one for each processor.
    """

    seconds: float = 10.0
    seed: int = 1
    iterations: int | None = None
    is_fair: bool = True
    processes: int | None = None

    def __post_init__(self) -> None:
        if not 0 < self.seconds <= 86_400 or (self.iterations is not None and self.iterations < 1):
            raise ParameterError("Planning time must lie between 0 and 86,400 s, and iterations be at least 1.")


def solve(problem: PatrolProblem, params: SolveParams, progress: Progress = ignore_progress) -> PatrolPlan:
    """Return a fair plan for all teams.

    A stop through ``progress`` during the search ends it; the best plan so far is returned with ``stopped_early``.

    Raises
    ------
    InfeasibleError
        A team's depot cannot be reached in its mode.
    CancelledError
        Stopped before there was a plan.
    """
    started = time.monotonic()
    progress("Computing travel times", 0.0)

    def goes_on(done: float) -> bool:
        try:
            progress("Improving the plan", 0.1 + 0.85 * done)
        except CancelledError:
            return False
        return True

    remedies: tuple[Remedy, ...] = ()
    progress("Preparing the search", 0.05)
    compile_search()
    if len(problem.teams) >= _MANY_TEAMS and len(problem.required_edges) + len(problem.visits) >= _MANY_SERVICES:
        city = solve_city(problem, params.seconds, params.iterations, params.seed, goes_on, params.processes)
        routes, unserved, iterations, stopped = city.routes, city.unserved, city.iterations, city.was_stopped
    else:
        encoded = encode(problem)
        search = SearchParams(params.seconds, params.iterations, params.seed, params.is_fair)
        found = find_rounds(encoded.jobs, encoded.crews, search, goes_on=goes_on)
        routes, unserved = tuple(decode(problem, encoded, found.orders)), list_unserved(problem, encoded, found.absent)
        iterations, stopped = found.iterations, found.was_stopped
        if any(one.is_required for one in unserved) and not stopped:
            progress("Looking for what would make more possible", 0.95)
            trial = SearchParams(min(params.seconds, _TRIAL_S), params.iterations, params.seed, params.is_fair)
            remedies = find_remedies(problem, encoded, found, unserved, trial)
    bounds = plan_bounds(problem, [one for one in unserved if one.is_required])
    return PatrolPlan(
        routes=routes,
        unserved=unserved,
        lower_bound_s=bounds.longest_s,
        lower_bound_total_s=bounds.total_s,
        seed=params.seed,
        iterations=iterations,
        seconds=time.monotonic() - started,
        stopped_early=stopped,
        remedies=remedies,
    )


def orders_of(encoded: Encoded, plan: PatrolPlan) -> Orders:
    """Return the order of the jobs in a plan, for a search to begin with; services that are no jobs are left out."""
    jobs = {service_of(task): job for job, task in enumerate(encoded.tasks)}
    orders: Orders = []
    for route in plan.routes:
        order = []
        for step in route.steps:
            if step.visit >= 0 or step.serves:
                forward = step.visit >= 0 or step.forward
                found = [(step.edge, step.visit, step.number, direction) for direction in (forward, None)]
                job = next((jobs[key] for key in found if key in jobs), None)
                if job is not None:
                    order.append((job, int(forward != encoded.tasks[job].forward)))
        orders.append(order)
    return orders

"""One generation after the other: select, cross, split, educate, repair, insert; penalties adapt."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from geo.algorithms.compiled import kernel, lean_kernel
from geo.algorithms.routing.memetic.arrays import Arrays, Routes
from geo.algorithms.routing.memetic.education import Desk, educate
from geo.algorithms.routing.memetic.paths import revalue, total_value
from geo.algorithms.routing.memetic.population import (
    Population,
    insert,
    keep_best,
    ordered_crossover,
    restore,
    reweigh,
    tournament,
)
from geo.algorithms.routing.memetic.problem import Floats, Ints
from geo.algorithms.routing.memetic.ruin import Ruin, place_for, ruin_and_recreate, settle
from geo.algorithms.routing.memetic.split import split
from geo.algorithms.routing.randomness import State, shuffle, uniform

ITERATIONS, BARREN, YOUNG, LIGHT, QUICK, PERIOD = 0, 1, 2, 3, 4, 5
"""Counts: iterations, iterations since the last improvement, solutions since the population began, solutions within all
capacities and within all durations in this period, iterations of this period."""
FIRST = 60
"""Solutions from random tours that a population begins with."""
RESTART = 20_000
"""Iterations without improvement after which a new population begins."""
ADAPT = 100
"""Iterations after which penalties adapt."""
SHARE_LOW, SHARE_HIGH = 0.2, 0.4
"""Share of solutions that shall keep a rule before repair; outside, its penalty changes."""
STEPS = 100
"""Ruins and recreations that count as one iteration; they take about as long as one solution's education."""
REPAIR = 0.5
"""Share of infeasible solutions that are repaired with tenfold penalties."""


class Search(NamedTuple):
    """Everything that a search changes.

    Attributes
    ----------
    routes, pop, weights, desk, random
        The solution at work, the population, weights (see :mod:`paths`), space, random numbers.
    counts
        See :data:`ITERATIONS` and following.
    limits
        Most duration penalty, tick of the longest duration (0 when the ceiling is not to move), bound of the longest
        duration.
    child, values
        Space for a tour and for :func:`split`.
    """

    routes: Routes
    pop: Population
    weights: Floats
    desk: Desk
    random: State
    counts: Ints
    limits: Floats
    child: NDArray[np.int64]
    values: Floats


@lean_kernel
def lower_ceiling(arrays: Arrays, search: Search) -> None:
    """Put the ceiling just below the longest duration of the best solution, if it is feasible."""
    figures, limits = search.pop.best_figures, search.limits
    if limits[1] <= 0 or figures[2] + figures[3] + figures[5] > 1e-6:
        return
    ceiling = figures[1] if figures[1] - limits[1] < limits[2] - 1e-7 else figures[1] - limits[1]
    if ceiling < search.weights[4] - 1e-9:
        search.weights[4] = ceiling
        reweigh(arrays, search.pop, search.weights)


@lean_kernel
def admit(arrays: Arrays, search: Search, status_wanted: int) -> int:
    """Take an educated solution into the population if it has the wanted status (0 for any); returns its status."""
    routes, weights = search.routes, search.weights
    heavy = late = 0.0
    for r in range(len(routes.size)):
        group = arrays.group[r]
        heavy += max(0.0, routes.load[r] - arrays.capacity[group])
        late += max(0.0, routes.duration[r] - min(arrays.limit[group], weights[4])) + routes.wrong[r]
    status = 1 if heavy + late < 1e-6 else 2
    if keep_best(arrays, routes, weights, search.pop, search.limits[1] > 0):
        search.counts[1] = 0
        lower_ceiling(arrays, search)
    if status_wanted == 0:
        search.counts[2] += 1
        search.counts[3] += heavy < 1e-6
        search.counts[4] += late < 1e-6
        search.counts[5] += 1
    if status_wanted in (0, status):
        return insert(arrays, routes, weights, search.pop)
    return status


@lean_kernel
def adapt(arrays: Arrays, search: Search) -> None:
    """Raise the penalty of a rule that too few solutions keep, lower it when too many do."""
    counts, weights = search.counts, search.weights
    for rule in range(1, 3):
        share = counts[2 + rule] / max(1, counts[5])
        if share < SHARE_LOW:
            weights[rule] *= 1.2
        elif share > SHARE_HIGH:
            weights[rule] *= 0.85
    weights[1] = min(max(weights[1], 1e-3), 1e5)
    weights[2] = min(max(weights[2], 1e-1), search.limits[0])
    counts[3] = counts[4] = counts[5] = 0
    reweigh(arrays, search.pop, weights)


@lean_kernel
def conceive(search: Search) -> None:
    """Write a new giant tour: random while the population is young, else a child of two parents."""
    counts, pop, child, random = search.counts, search.pop, search.child, search.random
    if counts[1] > RESTART:
        counts[1] = counts[2] = 0
        for s in range(len(pop.status)):
            pop.status[s] = 0
    if counts[2] < FIRST:
        for k in range(len(child)):
            child[k] = k
        shuffle(random, child)
        return
    one = tournament(pop, random)
    two = tournament(pop, random)
    for _ in range(10):
        if two != one:
            break
        two = tournament(pop, random)
    ordered_crossover(pop.tour[one], pop.tour[two], child, search.desk.tried, random)


@lean_kernel
def begin_with(arrays: Arrays, search: Search, tour: Ints, vehicle: Ints, missing: Ints) -> None:
    """Put a given solution into the population, completed by the tasks that it misses."""
    restore(arrays, search.routes, search.weights, tour, vehicle)
    for k in range(len(missing)):
        r, at = place_for(arrays, search.routes, search.weights, missing[k], 0.0, search.random)
        settle(arrays, search.routes, search.weights, missing[k], r, at)
    admit(arrays, search, 0)


@kernel
def evolve(arrays: Arrays, search: Search, iterations: int) -> None:
    """Run some iterations: a new tour is split, educated and admitted; an infeasible one is perhaps repaired."""
    counts, weights, routes = search.counts, search.weights, search.routes
    repairing = False
    done = 0
    while done < iterations or repairing:
        load, duration = weights[1], weights[2]
        if repairing:
            weights[1] *= 10
            weights[2] *= 10
            revalue(arrays, routes, weights)
        else:
            done += 1
            counts[0] += 1
            counts[1] += 1
            conceive(search)
            split(arrays, routes, weights, search.child, search.values)
        educate(arrays, routes, weights, search.desk, search.random)
        if repairing:
            weights[1], weights[2] = load, duration
            revalue(arrays, routes, weights)
            admit(arrays, search, 1)
            repairing = False
        else:
            repairing = admit(arrays, search, 0) == 2 and uniform(search.random) < REPAIR
        if counts[5] >= ADAPT and not repairing:
            adapt(arrays, search)


@lean_kernel
def take_best(arrays: Arrays, search: Search) -> None:
    """Make the best solution the one at work."""
    restore(arrays, search.routes, search.weights, search.pop.best_tour, search.pop.best_vehicle)


@lean_kernel
def begin_evolution(search: Search) -> None:
    """Forget the population, so that a new one begins."""
    search.counts[1] = search.counts[2] = 0
    for s in range(len(search.pop.status)):
        search.pop.status[s] = 0


@kernel
def educate_best(arrays: Arrays, search: Search) -> None:
    """Educate the best solution and admit it."""
    take_best(arrays, search)
    educate(arrays, search.routes, search.weights, search.desk, search.random)
    admit(arrays, search, 0)


@kernel
def anneal(arrays: Arrays, search: Search, ruin: Ruin, heat: Floats, iterations: int) -> None:
    """Ruin and recreate the solution at work, :data:`STEPS` times an iteration.

    ``heat`` holds the temperature, its factor per step, and the penalty of overload: one so high that the solution at
    work is nearly always feasible.
    """
    routes, weights = search.routes, search.weights
    load = weights[1]
    weights[1] = max(heat[2], load)
    revalue(arrays, routes, weights)
    current = best = 0.0
    for step in range(iterations * STEPS):
        if step % STEPS == 0:
            search.counts[0] += 1
            best = current = total_value(routes)
        current += ruin_and_recreate(arrays, routes, weights, ruin, arrays.wide, heat[0], search.random)
        heat[0] *= heat[1]
        if current < best - 1e-6:
            best = current
            keep_best(arrays, routes, weights, search.pop, search.limits[1] > 0)
    weights[1] = load
    revalue(arrays, routes, weights)

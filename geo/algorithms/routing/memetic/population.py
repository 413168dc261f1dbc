"""The population: solutions as giant tours, how far they lie apart, which survive (Vidal et al., OR 60, 2012)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from geo.algorithms.compiled import lean_kernel
from geo.algorithms.routing.memetic.arrays import Arrays, Routes
from geo.algorithms.routing.memetic.paths import refresh
from geo.algorithms.routing.memetic.problem import Floats, Ints
from geo.algorithms.routing.randomness import State, below

FREE, FEASIBLE, INFEASIBLE = 0, 1, 2
SUM, LONGEST, OVERLOAD, OVERTIME, ABOVE, MISPLACED = 0, 1, 2, 3, 4, 5
"""Figures of a solution: sum and maximum of durations, load above capacities, duration above limits, duration above
limits and ceiling, tasks of vehicles that may not serve them."""
SURVIVORS, BROOD, ELITE, CLOSEST = 25, 40, 4, 5
_SLACK = 1e-7


class Population(NamedTuple):
    """Solutions in slots, one row each.

    Attributes
    ----------
    tour, vehicle
        Giant tour, and the vehicle of each of its tasks.
    after, before
        Task after and before each task; -1 at a depot.
    durations
        Duration of each vehicle.
    figures
        See :data:`SUM` and following; the last row is space.
    value, fitness, spread
        Penalised duration; biased fitness, least is best; mean distance to the closest others.
    status
        :data:`FREE`, :data:`FEASIBLE` or :data:`INFEASIBLE`.
    apart
        Share of broken pairs between solutions.
    best_tour, best_vehicle, best_figures
        The best solution ever.
    order, angles
        Space to sort routes.
    """

    tour: NDArray[np.int64]
    vehicle: NDArray[np.int64]
    after: NDArray[np.int64]
    before: NDArray[np.int64]
    durations: Floats
    figures: Floats
    value: Floats
    fitness: Floats
    spread: Floats
    status: NDArray[np.int8]
    apart: Floats
    best_tour: NDArray[np.int64]
    best_vehicle: NDArray[np.int64]
    best_figures: Floats
    order: Ints
    angles: Floats


def empty_population(arrays: Arrays) -> Population:
    """Return space for a population."""
    tasks, vehicles, slots = arrays.near.shape[0], len(arrays.group), 2 * (SURVIVORS + BROOD) + 4
    return Population(
        tour=np.zeros((slots, tasks), dtype=np.int64),
        vehicle=np.zeros((slots, tasks), dtype=np.int64),
        after=np.zeros((slots, tasks), dtype=np.int64),
        before=np.zeros((slots, tasks), dtype=np.int64),
        durations=np.zeros((slots, vehicles)),
        figures=np.zeros((slots + 1, 6)),
        value=np.zeros(slots),
        fitness=np.zeros(slots),
        spread=np.zeros(slots),
        status=np.zeros(slots, dtype=np.int8),
        apart=np.zeros((slots, slots)),
        best_tour=np.zeros(tasks, dtype=np.int64),
        best_vehicle=np.zeros(tasks, dtype=np.int64),
        best_figures=np.full(6, np.inf),
        order=np.zeros(vehicles, dtype=np.int64),
        angles=np.zeros(vehicles),
    )


@lean_kernel
def measure(arrays: Arrays, routes: Routes, weights: Floats, figures: Floats) -> None:
    """Write the figures of a solution."""
    for k in range(len(figures)):
        figures[k] = 0.0
    for r in range(len(routes.size)):
        group = arrays.group[r]
        duration = routes.duration[r]
        figures[0] += duration
        figures[1] = max(figures[1], duration)
        figures[2] += max(0.0, routes.load[r] - arrays.capacity[group])
        figures[3] += max(0.0, duration - arrays.limit[group])
        figures[4] += max(0.0, duration - min(arrays.limit[group], weights[4]))
        figures[5] += routes.wrong[r]


@lean_kernel
def penalised(weights: Floats, figures: Floats) -> float:
    """Return the penalised duration that belongs to some figures."""
    value: float = weights[0] * figures[0] + weights[1] * figures[2] + weights[2] * figures[4]
    return value + float(weights[3] * figures[5])


@lean_kernel
def is_better(one: Floats, two: Floats, longest_first: bool) -> bool:
    """Return whether figures are better: first feasible, then the objective."""
    worse = (one[2] + one[3] + one[5]) - (two[2] + two[3] + two[5])
    longer = one[1] - two[1] if longest_first else 0.0
    if abs(worse) > 1e-6 or np.isnan(worse):
        return bool(worse < 0 or np.isinf(two[2]))
    if abs(longer) > 1e-7:
        return bool(longer < 0)
    return bool(one[0] < two[0] - 1e-7)


@lean_kernel
def in_giant_order(arrays: Arrays, routes: Routes, order: Ints, angles: Floats) -> int:
    """Write the routes in use in the order of a giant tour; returns how many.

    Equal vehicles go round the depot by the angle of the mean of their tasks; different ones keep their order.
    """
    count = 0
    for r in range(len(routes.size)):
        n = routes.size[r]
        if n == 0:
            continue
        angle = float(r)
        if len(arrays.klass) == 1:
            x = y = 0.0
            for k in range(1, n + 1):
                x += arrays.plane[routes.seq[r, k], 0]
                y += arrays.plane[routes.seq[r, k], 1]
            angle = np.arctan2(y, x)
        k = count
        while k > 0 and angles[k - 1] > angle:
            angles[k] = angles[k - 1]
            order[k] = order[k - 1]
            k -= 1
        angles[k] = angle
        order[k] = r
        count += 1
    return count


@lean_kernel
def keep_best(arrays: Arrays, routes: Routes, weights: Floats, pop: Population, longest_first: bool) -> bool:
    """Remember the solution when it is the best so far; returns whether it is."""
    figures = pop.figures[len(pop.status)]
    measure(arrays, routes, weights, figures)
    if not is_better(figures, pop.best_figures, longest_first):
        return False
    for k in range(6):
        pop.best_figures[k] = figures[k]
    n = 0
    for r in range(len(routes.size)):
        for k in range(1, routes.size[r] + 1):
            pop.best_tour[n] = routes.seq[r, k]
            pop.best_vehicle[n] = r
            n += 1
    return True


@lean_kernel
def restore(
    arrays: Arrays, routes: Routes, weights: Floats, tour: NDArray[np.int64], vehicle: NDArray[np.int64]
) -> None:
    """Set the routes from a giant tour and the vehicle of each of its tasks."""
    for r in range(len(routes.size)):
        routes.size[r] = 0
    for k in range(len(tour)):
        r = vehicle[k]
        routes.size[r] += 1
        routes.seq[r, routes.size[r]] = tour[k]
    for r in range(len(routes.size)):
        refresh(arrays, routes, weights, r)


@lean_kernel
def free_slot(pop: Population) -> int:
    """Return a free slot."""
    for s in range(len(pop.status)):
        if pop.status[s] == 0:
            return s
    return -1


@lean_kernel
def insert(arrays: Arrays, routes: Routes, weights: Floats, pop: Population) -> int:
    """Add the solution to the population; survivors are chosen when its part is full. Returns its status."""
    s = free_slot(pop)
    order = pop.order
    count = in_giant_order(arrays, routes, order, pop.angles)
    n = 0
    for q in range(count):
        r = order[q]
        size = routes.size[r]
        for k in range(1, size + 1):
            task = routes.seq[r, k]
            pop.tour[s, n] = task
            pop.vehicle[s, n] = r
            pop.before[s, task] = -1 if k == 1 else routes.seq[r, k - 1]
            pop.after[s, task] = -1 if k == size else routes.seq[r, k + 1]
            n += 1
    for r in range(len(routes.size)):
        pop.durations[s, r] = routes.duration[r]
    measure(arrays, routes, weights, pop.figures[s])
    pop.value[s] = penalised(weights, pop.figures[s])
    status = 1 if pop.figures[s, 2] + pop.figures[s, 4] + pop.figures[s, 5] < 1e-6 else 2
    pop.status[s] = status
    for t in range(len(pop.status)):
        if pop.status[t] != 0:
            pop.apart[s, t] = pop.apart[t, s] = broken_pairs(pop, s, t)
    choose_survivors(pop, status)
    return status


@lean_kernel
def broken_pairs(pop: Population, s: int, t: int) -> float:
    """Return the share of tasks whose neighbours in one solution are not those in the other."""
    n = pop.tour.shape[1]
    broken = 0
    for u in range(n):
        after, before = pop.after[s, u], pop.before[s, u]
        if after != pop.after[t, u] and after != pop.before[t, u]:
            broken += 1
        if before == -1 and pop.before[t, u] != -1 and pop.after[t, u] != -1:
            broken += 1
    return float(broken / n)


@lean_kernel
def _closeness(pop: Population, s: int, status: int) -> float:
    """Return the mean distance to the closest solutions of the same part (to :data:`CLOSEST` of them)."""
    total = 0.0
    floor = -1.0
    found = 0
    while found < CLOSEST:
        least = 9.0
        ties = 0
        for t in range(len(pop.status)):
            if t != s and pop.status[t] == status and pop.apart[s, t] > floor:
                if pop.apart[s, t] < least:
                    least = pop.apart[s, t]
                    ties = 1
                elif pop.apart[s, t] == least:
                    ties += 1
        if ties == 0:
            break
        ties = min(ties, CLOSEST - found)
        total += ties * least
        found += ties
        floor = least
    mean: float = total / max(1, found)
    return mean if found else 1.0


@lean_kernel
def members(pop: Population, status: int) -> int:
    """Return the size of one part of the population."""
    count = 0
    for s in range(len(pop.status)):
        count += pop.status[s] == status
    return count


@lean_kernel
def rank(pop: Population, status: int) -> None:
    """Compute the biased fitness of one part of the population: rank by value and by distance to the others."""
    size = members(pop, status)
    for s in range(len(pop.status)):
        if pop.status[s] == status:
            pop.spread[s] = _closeness(pop, s, status)
    weight = 1.0 - min(ELITE, size) / max(1, size)
    for s in range(len(pop.status)):
        if pop.status[s] != status:
            continue
        cheaper = wider = 0
        for t in range(len(pop.status)):
            if pop.status[t] == status:
                cheaper += pop.value[t] < pop.value[s] or (pop.value[t] == pop.value[s] and t < s)
                wider += pop.spread[t] > pop.spread[s] or (pop.spread[t] == pop.spread[s] and t < s)
        pop.fitness[s] = (cheaper + weight * wider) / size


@lean_kernel
def _remove_worst(pop: Population, status: int) -> None:
    """Free the slot of the least fit solution, one that has a twin first; never of the one of least value."""
    rank(pop, status)
    worst = -1
    worst_twin = False
    first = -1
    for s in range(len(pop.status)):
        if pop.status[s] == status and (first < 0 or pop.value[s] < pop.value[first]):
            first = s
    for s in range(len(pop.status)):
        if pop.status[s] != status or s == first:
            continue
        twin = False
        for t in range(len(pop.status)):
            if t != s and pop.status[t] == status and pop.apart[s, t] < 1e-9:
                twin = True
                break
        if worst < 0 or (twin and not worst_twin) or (twin == worst_twin and pop.fitness[s] > pop.fitness[worst]):
            worst, worst_twin = s, twin
    pop.status[worst] = 0


@lean_kernel
def choose_survivors(pop: Population, status: int) -> None:
    """Reduce one part of the population to its survivors when it is full, and rank it."""
    size = members(pop, status)
    if size > SURVIVORS + BROOD:
        for _ in range(size - SURVIVORS):
            _remove_worst(pop, status)
    rank(pop, status)


@lean_kernel
def reweigh(arrays: Arrays, pop: Population, weights: Floats) -> None:
    """Value all solutions anew after a change of weights or ceiling."""
    for s in range(len(pop.status)):
        if pop.status[s] == 0:
            continue
        above = 0.0
        for r in range(pop.durations.shape[1]):
            above += max(0.0, pop.durations[s, r] - min(arrays.limit[arrays.group[r]], weights[4]))
        pop.figures[s, 4] = above
        pop.value[s] = penalised(weights, pop.figures[s])
        pop.status[s] = 1 if pop.figures[s, 2] + above + pop.figures[s, 5] < 1e-6 else 2
    choose_survivors(pop, 1)
    choose_survivors(pop, 2)


@lean_kernel
def tournament(pop: Population, random: State) -> int:
    """Return the fitter of two solutions drawn from all; -1 when there is none."""
    size = members(pop, 1) + members(pop, 2)
    chosen = -1
    for _ in range(2):
        number = below(random, max(1, size))
        for s in range(len(pop.status)):
            if pop.status[s] != 0:
                if number == 0:
                    if chosen < 0 or pop.fitness[s] < pop.fitness[chosen]:
                        chosen = s
                    break
                number -= 1
    return chosen


@lean_kernel
def ordered_crossover(one: Ints, two: Ints, child: Ints, taken: Ints, random: State) -> None:
    """Write a child that keeps a part of the first parent in place and takes the rest in the order of the second."""
    n = len(child)
    first = below(random, n)
    last = below(random, n)
    while n > 1 and last == first:
        last = below(random, n)
    for k in range(n):
        taken[k] = 0
    k = first
    while True:
        child[k] = one[k]
        taken[one[k]] = 1
        if k == last:
            break
        k = (k + 1) % n
    to = (last + 1) % n
    for step in range(1, n + 1):
        task = two[(last + step) % n]
        if taken[task] == 0:
            child[to] = task
            to = (to + 1) % n

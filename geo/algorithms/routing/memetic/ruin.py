"""Ruin and recreate: strings of neighbouring tasks are taken out and put back greedily, accepted as in annealing.

After J. Christiaens and G. Vanden Berghe, "Slack induction by string removals for vehicle routing problems",
Transportation Science 54, 2020; insertions are valued with the best modes of the whole route.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from geo.algorithms.compiled import lean_kernel
from geo.algorithms.routing.memetic.arrays import Arrays, Routes
from geo.algorithms.routing.memetic.paths import ahead, joined, refresh, total_value, worth
from geo.algorithms.routing.memetic.problem import Floats, Ints
from geo.algorithms.routing.randomness import State, below, uniform

REMOVED = 10.0
"""Tasks taken out on average."""
LONGEST_STRING = 10.0
BLINK = 0.01
"""Share of places that are overlooked."""


class Ruin(NamedTuple):
    """Space for ruin and recreate.

    Attributes
    ----------
    out
        Tasks taken out.
    key
        By what they are sorted.
    saved, saved_size
        Routes before the change.
    touched
        1 for routes that changed since they were saved.
    far
        Duration from the first group's depot to the end of each task.
    """

    out: Ints
    key: Floats
    saved: Ints
    saved_size: Ints
    touched: Ints
    far: Floats


def ruin_for(arrays: Arrays) -> Ruin:
    """Return space for ruin and recreate."""
    tasks, vehicles = arrays.near.shape[0], len(arrays.group)
    depot = (arrays.row[0] + tasks) * len(arrays.demand)
    return Ruin(
        out=np.zeros(tasks, dtype=np.int64),
        key=np.zeros(tasks),
        saved=np.zeros((vehicles, tasks + 2), dtype=np.int64),
        saved_size=np.zeros(vehicles, dtype=np.int64),
        touched=np.zeros(vehicles, dtype=np.int64),
        far=arrays.link[depot : depot + tasks].min(axis=1),
    )


@lean_kernel
def _save(routes: Routes, ruin: Ruin, r: int) -> None:
    """Keep a route as it is, once."""
    if ruin.touched[r] == 0:
        ruin.touched[r] = 1
        ruin.saved_size[r] = routes.size[r]
        for k in range(1, routes.size[r] + 1):
            ruin.saved[r, k] = routes.seq[r, k]


@lean_kernel
def _take_string(
    arrays: Arrays, routes: Routes, weights: Floats, ruin: Ruin, v: int, longest: float, count: int, random: State
) -> int:
    """Take a string around task ``v`` out of its route, in half of the cases with a gap; returns the new count."""
    r, at = routes.where[v], routes.place[v]
    n = routes.size[r]
    length = int(1 + uniform(random) * min(float(n), longest))
    length = min(length, n)
    gap = 0
    if length > 1 and length < n and uniform(random) < 0.5:
        gap = 1
        while length + gap < n and uniform(random) > 0.5:
            gap += 1
    span = length + gap
    lowest = max(1, at - span + 1)
    first = lowest + below(random, min(at, n - span + 1) - lowest + 1)
    hole = first + 1 + below(random, length - 1) if gap > 0 else first + span
    _save(routes, ruin, r)
    write = first
    for k in range(first, n + 1):
        task = routes.seq[r, k]
        if k < first + span and not hole <= k < hole + gap:
            ruin.out[count] = task
            count += 1
            routes.where[task] = -1
        else:
            routes.seq[r, write] = task
            write += 1
    routes.size[r] = write - 1
    refresh(arrays, routes, weights, r)
    return count


@lean_kernel
def take_out(arrays: Arrays, routes: Routes, weights: Floats, ruin: Ruin, wide: Ints, random: State) -> int:
    """Take strings out of routes near a random task; returns how many tasks."""
    used = 0
    tasks = len(routes.where)
    for r in range(len(routes.size)):
        used += routes.size[r] > 0
    longest = min(LONGEST_STRING, tasks / max(1, used))
    strings = int(1 + uniform(random) * (4.0 * REMOVED / (1.0 + longest) - 1.0))
    seed = below(random, tasks)
    count = _take_string(arrays, routes, weights, ruin, seed, longest, 0, random)
    for k in range(wide.shape[1]):
        if strings <= 1:
            break
        v = wide[seed, k]
        if routes.where[v] >= 0 and ruin.touched[routes.where[v]] == 0:
            count = _take_string(arrays, routes, weights, ruin, v, longest, count, random)
            strings -= 1
    return count


@lean_kernel
def _sort(arrays: Arrays, ruin: Ruin, count: int, random: State) -> None:
    """Sort the tasks taken out: at random, by demand, by distance, or nearest first (4 : 4 : 2 : 1)."""
    draw = uniform(random) * 11.0
    for k in range(count):
        task = ruin.out[k]
        if draw < 4.0:
            ruin.key[k] = uniform(random)
        elif draw < 8.0:
            ruin.key[k] = -arrays.demand[task] + 1e-6 * uniform(random)
        elif draw < 10.0:
            ruin.key[k] = -ruin.far[task]
        else:
            ruin.key[k] = ruin.far[task]
    for k in range(1, count):
        task, key = ruin.out[k], ruin.key[k]
        j = k
        while j > 0 and ruin.key[j - 1] > key:
            ruin.out[j], ruin.key[j] = ruin.out[j - 1], ruin.key[j - 1]
            j -= 1
        ruin.out[j], ruin.key[j] = task, key


@lean_kernel
def best_place(
    link: Floats, service: Floats, demand: Floats, forbidden: Floats, group_of: Ints, row_of: Ints, klass: Ints,
    capacity: Floats, limit: Floats, weights: Floats, seq: Ints, vec: Floats, size: Ints, duration: Floats,
    load: Floats, wrong: Floats, value: Floats, task: int, blink: float, random: State,
) -> tuple[int, int]:  # fmt: skip
    """Return route and position behind which a task raises the value least; of empty routes one of each group counts.

    A route is left out when even the bare service would cost more there (see :mod:`between` on this bound).
    """
    nodes = len(demand)
    w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
    best = 1e300
    to, at = -1, 0
    empty_seen = -1
    for r in range(len(size)):
        g = group_of[r]
        if size[r] == 0:
            if g == empty_seen:
                continue
            empty_seen = g
        row = row_of[g]
        longest = min(limit[g], weights[4])
        new_load = load[r] + demand[task]
        new_wrong = wrong[r] + forbidden[g, task]
        least = worth(w0, w1, w2, w3, capacity[g], longest, duration[r] + service[klass[g], task], new_load, new_wrong)
        if least - value[r] >= best:
            continue
        shortest = 1e300
        place = -1
        for k in range(size[r] + 1):
            if blink > 0 and uniform(random) < blink:
                continue
            p0, p1 = ahead(link, (row + seq[r, k]) * nodes + task, vec[r, k, 0], vec[r, k, 1])
            d = joined(link, (row + task) * nodes + seq[r, k + 1], p0, p1, vec[r, k + 1, 2], vec[r, k + 1, 3])
            if d < shortest:
                shortest, place = d, k
        if place >= 0:
            change = worth(w0, w1, w2, w3, capacity[g], longest, shortest, new_load, new_wrong) - value[r]
            if change < best:
                best, to, at = change, r, place
    return to, at


@lean_kernel
def place_for(
    arrays: Arrays, routes: Routes, weights: Floats, task: int, blink: float, random: State
) -> tuple[int, int]:
    """Return where a task raises the value least: route, and position behind which it comes."""
    to = -1
    at = 0
    while to < 0:
        to, at = best_place(
            arrays.link, arrays.service, arrays.demand, arrays.forbidden, arrays.group, arrays.row, arrays.klass,
            arrays.capacity, arrays.limit, weights, routes.seq, routes.vec, routes.size, routes.duration,
            routes.load, routes.wrong, routes.value, task, blink, random,
        )  # fmt: skip
        blink = 0.0
    return to, at


@lean_kernel
def settle(arrays: Arrays, routes: Routes, weights: Floats, task: int, r: int, at: int) -> None:
    """Insert a task behind a position of a route."""
    for k in range(routes.size[r], at, -1):
        routes.seq[r, k + 1] = routes.seq[r, k]
    routes.seq[r, at + 1] = task
    routes.size[r] += 1
    refresh(arrays, routes, weights, r)


@lean_kernel
def ruin_and_recreate(
    arrays: Arrays, routes: Routes, weights: Floats, ruin: Ruin, wide: Ints, heat: float, random: State
) -> float:
    """Change the solution once, or leave it as it was; returns the change of value.

    ``heat`` is the temperature: a worsening of ``-heat * log(u)`` is accepted.
    """
    for r in range(len(routes.size)):
        ruin.touched[r] = 0
    before = total_value(routes)
    count = take_out(arrays, routes, weights, ruin, wide, random)
    _sort(arrays, ruin, count, random)
    for k in range(count):
        task = ruin.out[k]
        r, at = place_for(arrays, routes, weights, task, BLINK, random)
        _save(routes, ruin, r)
        settle(arrays, routes, weights, task, r, at)
    after = total_value(routes)
    if after < before - heat * np.log(max(uniform(random), 1e-12)):
        return after - before
    for r in range(len(routes.size)):
        if ruin.touched[r] == 1:
            routes.size[r] = ruin.saved_size[r]
            for k in range(1, routes.size[r] + 1):
                routes.seq[r, k] = ruin.saved[r, k]
            refresh(arrays, routes, weights, r)
    return 0.0

"""Shortest paths through the modes of a sequence of tasks, and the value of a route."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geo.algorithms.compiled import kernel, lean_kernel
from geo.algorithms.routing.memetic.arrays import Arrays, Routes
from geo.algorithms.routing.memetic.problem import Floats

TOTAL, LOAD, DURATION, WRONG, CEILING = 0, 1, 2, 3, 4
"""Places in the weights: of a unit of duration, of load above capacity, of duration above the limit, of a task served
by a vehicle that may not; and the ceiling under which all durations shall come (inf for none)."""
SLACK = 1e-7


@lean_kernel
def ahead(link: Floats, k: int, p0: float, p1: float) -> tuple[float, float]:
    """Return durations to the end of a task in each mode, from those to the end of the one before; ``k`` their link."""
    return min(p0 + link[k, 0], p1 + link[k, 2]), min(p0 + link[k, 1], p1 + link[k, 3])


@lean_kernel
def back(link: Floats, k: int, s0: float, s1: float) -> tuple[float, float]:
    """Return durations from the end of a task in each mode, from those from the end of the one after."""
    return min(link[k, 0] + s0, link[k, 1] + s1), min(link[k, 2] + s0, link[k, 3] + s1)


@lean_kernel
def joined(link: Floats, k: int, p0: float, p1: float, s0: float, s1: float) -> float:
    """Return the duration of a route of two parts joined by link ``k``."""
    x: float = p0 + min(link[k, 0] + s0, link[k, 1] + s1)
    y: float = p1 + min(link[k, 2] + s0, link[k, 3] + s1)
    return min(x, y)


@lean_kernel
def worth(
    w0: float, w1: float, w2: float, w3: float, most: float, longest: float, duration: float, load: float, wrong: float
) -> float:
    """Return the penalised duration of a route with room for ``most`` load and ``longest`` duration."""
    return w0 * duration + w1 * max(0.0, load - most - SLACK) + w2 * max(0.0, duration - longest - SLACK) + w3 * wrong


@lean_kernel
def route_value(arrays: Arrays, weights: Floats, group: int, duration: float, load: float, wrong: float) -> float:
    """Return the penalised duration of a route of a group."""
    longest = min(arrays.limit[group], weights[4])
    w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
    return worth(w0, w1, w2, w3, arrays.capacity[group], longest, duration, load, wrong)


@lean_kernel
def _fill(link: Floats, row: int, nodes: int, seq: NDArray[np.int64], vec: Floats, n: int) -> float:
    """Compute all vectors of a route from its sequence; returns its duration."""
    p0 = p1 = q0 = q1 = 0.0
    vec[0, 0] = vec[0, 1] = vec[0, 4] = vec[0, 5] = 0.0
    for k in range(1, n + 2):
        i = seq[k - 1]
        j = seq[k]
        p0, p1 = ahead(link, (row + i) * nodes + j, p0, p1)
        q0, q1 = back(link, (row + j) * nodes + i, q0, q1)
        vec[k, 0] = p0
        vec[k, 1] = p1
        vec[k, 4] = q0
        vec[k, 5] = q1
    duration = min(p0, p1)
    p0 = p1 = q0 = q1 = 0.0
    vec[n + 1, 2] = vec[n + 1, 3] = vec[n + 1, 6] = vec[n + 1, 7] = 0.0
    for k in range(n, -1, -1):
        i = seq[k]
        j = seq[k + 1]
        p0, p1 = back(link, (row + i) * nodes + j, p0, p1)
        q0, q1 = ahead(link, (row + j) * nodes + i, q0, q1)
        vec[k, 2] = p0
        vec[k, 3] = p1
        vec[k, 6] = q0
        vec[k, 7] = q1
    for k in range(n + 1):
        vec[k, 8] = duration
        for b in range(1, min(3, n - k) + 1):
            e = k + b + 1
            way = (row + seq[k]) * nodes + seq[e]
            vec[k, 8 + b] = joined(link, way, vec[k, 0], vec[k, 1], vec[e, 2], vec[e, 3])
    if n <= 3:
        vec[0, 8 + n] = 0.0
    return duration if n > 0 else 0.0


@lean_kernel
def refresh(arrays: Arrays, routes: Routes, weights: Floats, r: int) -> None:
    """Compute everything that belongs to route ``r`` from its sequence."""
    group = arrays.group[r]
    n = routes.size[r]
    depot = routes.where.shape[0] + group
    routes.seq[r, 0] = depot
    routes.seq[r, n + 1] = depot
    load = 0.0
    wrong = 0.0
    routes.carried[r, 0] = 0.0
    for k in range(1, n + 1):
        j = routes.seq[r, k]
        load += arrays.demand[j]
        wrong += arrays.forbidden[group, j]
        routes.carried[r, k] = load
        routes.where[j] = r
        routes.place[j] = k
    routes.carried[r, n + 1] = load
    duration = _fill(arrays.link, arrays.row[group], len(arrays.demand), routes.seq[r], routes.vec[r], n)
    routes.duration[r] = duration
    routes.load[r] = load
    routes.wrong[r] = wrong
    routes.value[r] = route_value(arrays, weights, group, duration, load, wrong)


@lean_kernel
def revalue(arrays: Arrays, routes: Routes, weights: Floats) -> None:
    """Value all routes anew, after a change of weights."""
    for r in range(len(routes.size)):
        routes.value[r] = route_value(
            arrays, weights, arrays.group[r], routes.duration[r], routes.load[r], routes.wrong[r]
        )


@lean_kernel
def total_value(routes: Routes) -> float:
    """Return the sum of the values of all routes."""
    total = 0.0
    for r in range(len(routes.size)):
        total += routes.value[r]
    return total


@kernel
def best_modes(arrays: Arrays, group: int, tasks: NDArray[np.int64], modes: NDArray[np.int64]) -> float:
    """Write the best mode of each task of a route into ``modes`` and return the duration."""
    link = arrays.link
    nodes = len(arrays.demand)
    depot = nodes - len(arrays.klass) + group
    size = len(tasks)
    if size == 0:
        return 0.0
    came = np.zeros((size + 1, 2), dtype=np.int64)
    p0 = p1 = 0.0
    i = depot
    for k in range(size + 1):
        j = depot if k == size else tasks[k]
        way = (arrays.row[group] + i) * nodes + j
        for b in range(2):
            came[k, b] = 0 if p0 + link[way, b] <= p1 + link[way, 2 + b] else 1
        p0, p1 = ahead(link, way, p0, p1)
        i = j
    mode = 0 if p0 <= p1 else 1
    for k in range(size, 0, -1):
        mode = came[k, mode]
        modes[k - 1] = mode
    return min(p0, p1)

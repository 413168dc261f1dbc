"""Split: cut a giant tour into routes optimally (C. Prins, Computers & Operations Research 31, 2004), modes included."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geo.algorithms.compiled import kernel, lean_kernel
from geo.algorithms.routing.memetic.arrays import Arrays, Routes
from geo.algorithms.routing.memetic.paths import ahead, refresh, route_value
from geo.algorithms.routing.memetic.problem import Floats

_NEVER = 1e300
LOADS = 1.6
"""A route is not cut longer than this many times its capacity or ceiling, unless nothing else fits."""


@lean_kernel
def _values_from(
    arrays: Arrays, weights: Floats, tour: NDArray[np.int64], first: int, group: int, loads: float, out: Floats
) -> int:
    """Write the values of routes of a group that begin with the tour's ``first`` task; returns how many."""
    link = arrays.link
    nodes = len(arrays.demand)
    row = arrays.row[group]
    depot = nodes - len(arrays.klass) + group
    ceiling = min(arrays.limit[group], weights[4])
    p0 = p1 = load = wrong = 0.0
    at = depot
    count = 0
    for k in range(first, len(tour)):
        task = tour[k]
        p0, p1 = ahead(link, (row + at) * nodes + task, p0, p1)
        at = task
        load += arrays.demand[task]
        wrong += arrays.forbidden[group, task]
        e0, e1 = ahead(link, (row + task) * nodes + depot, p0, p1)
        if loads > 0 and count > 0 and (load > loads * arrays.capacity[group] or min(e0, e1) > loads * ceiling):
            break
        out[count] = route_value(arrays, weights, group, min(e0, e1), load, wrong)
        count += 1
    return count


@lean_kernel
def _write(
    arrays: Arrays, routes: Routes, weights: Floats, tour: NDArray[np.int64], r: int, first: int, last: int
) -> None:
    """Give route ``r`` the tour's tasks from ``first`` to before ``last``."""
    routes.size[r] = last - first
    for k in range(first, last):
        routes.seq[r, k - first + 1] = tour[k]
    refresh(arrays, routes, weights, r)


@kernel
def _split_freely(
    arrays: Arrays, routes: Routes, weights: Floats, tour: NDArray[np.int64], values: Floats, counts: NDArray[np.int64]
) -> bool:
    """Cut for equal vehicles, however many it takes; returns whether there are enough."""
    n = len(tour)
    best = np.full(n + 1, _NEVER)
    came = np.zeros(n + 1, dtype=np.int64)
    best[0] = 0.0
    for i in range(n):
        for k in range(counts[i]):
            value = best[i] + values[i, k]
            if value < best[i + k + 1]:
                best[i + k + 1] = value
                came[i + k + 1] = i
    used = 0
    at = n
    while at > 0:
        at = came[at]
        used += 1
    if used > len(routes.size):
        return False
    at = n
    for r in range(used - 1, -1, -1):
        _write(arrays, routes, weights, tour, r, came[at], at)
        at = came[at]
    for r in range(used, len(routes.size)):
        _write(arrays, routes, weights, tour, r, 0, 0)
    return True


@kernel
def _split_fleet(
    arrays: Arrays,
    routes: Routes,
    weights: Floats,
    tour: NDArray[np.int64],
    values: Floats,
    counts: NDArray[np.int64],
    loads: float,
) -> bool:
    """Cut for given vehicles in their order, each used or not; returns whether that was possible."""
    n = len(tour)
    vehicles = len(routes.size)
    best = np.full((vehicles + 1, n + 1), _NEVER)
    came = np.zeros((vehicles + 1, n + 1), dtype=np.int64)
    best[0, 0] = 0.0
    group = arrays.group[0] if len(arrays.klass) == 1 else -1
    for r in range(vehicles):
        if arrays.group[r] != group:
            group = arrays.group[r]
            for i in range(n):
                counts[i] = _values_from(arrays, weights, tour, i, group, loads, values[i])
        for i in range(n + 1):
            if best[r, i] < best[r + 1, i]:
                best[r + 1, i] = best[r, i]
                came[r + 1, i] = i
            if best[r, i] >= _NEVER or i == n:
                continue
            for k in range(counts[i]):
                value = best[r, i] + values[i, k]
                if value < best[r + 1, i + k + 1]:
                    best[r + 1, i + k + 1] = value
                    came[r + 1, i + k + 1] = i
    if best[vehicles, n] >= _NEVER:
        return False
    at = n
    for r in range(vehicles - 1, -1, -1):
        _write(arrays, routes, weights, tour, r, came[r + 1, at], at)
        at = came[r + 1, at]
    return True


@kernel
def split(arrays: Arrays, routes: Routes, weights: Floats, tour: NDArray[np.int64], values: Floats) -> None:
    """Cut a giant tour into routes of least value; ``values`` is space of shape (tasks, tasks)."""
    n = len(tour)
    counts = np.zeros(n, dtype=np.int64)
    loads = LOADS
    for _ in range(2):
        if len(arrays.klass) == 1:
            for i in range(n):
                counts[i] = _values_from(arrays, weights, tour, i, 0, loads, values[i])
            if _split_freely(arrays, routes, weights, tour, values, counts):
                return
        if _split_fleet(arrays, routes, weights, tour, values, counts, loads):
            return
        loads = 0.0

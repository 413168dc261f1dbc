"""Moves between two routes: blocks of up to three tasks relocated or swapped, and ends exchanged or turned.

Each is valued with the best modes of all tasks of both routes (Vidal 2017), in constant time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geo.algorithms.compiled import lean_kernel
from geo.algorithms.routing.memetic.arrays import Arrays, Routes
from geo.algorithms.routing.memetic.paths import ahead, joined, refresh, worth
from geo.algorithms.routing.memetic.problem import Floats

BLOCK_MOVES = 100
"""Codes from here on are block moves; those below are exchanges of ends."""
NO_MOVE = -1
_SLACK = 1e-7


@lean_kernel
def threaded(
    link: Floats, row: int, nodes: int, i: int, j: int, t1: int, t2: int, t3: int, count: int,
    p0: float, p1: float, s0: float, s1: float,
) -> float:  # fmt: skip
    """Return the duration with a block of ``count`` tasks between ``i`` and ``j``, the better of both orders."""
    if count == 0:
        return joined(link, (row + i) * nodes + j, p0, p1, s0, s1)
    a0, a1 = ahead(link, (row + i) * nodes + t1, p0, p1)
    if count == 1:
        return joined(link, (row + t1) * nodes + j, a0, a1, s0, s1)
    a0, a1 = ahead(link, (row + t1) * nodes + t2, a0, a1)
    if count == 2:
        b0, b1 = ahead(link, (row + i) * nodes + t2, p0, p1)
        forward = joined(link, (row + t2) * nodes + j, a0, a1, s0, s1)
    else:
        a0, a1 = ahead(link, (row + t2) * nodes + t3, a0, a1)
        forward = joined(link, (row + t3) * nodes + j, a0, a1, s0, s1)
        b0, b1 = ahead(link, (row + i) * nodes + t3, p0, p1)
        b0, b1 = ahead(link, (row + t3) * nodes + t2, b0, b1)
    b0, b1 = ahead(link, (row + t2) * nodes + t1, b0, b1)
    return min(forward, joined(link, (row + t1) * nodes + j, b0, b1, s0, s1))


@lean_kernel
def best_block_move(  # noqa: PLR0915 - one pass over all blocks; calls in between would cost more than the moves
    link: Floats, nodes: int, service: Floats, forbidden: Floats, weights: Floats, masked: bool,
    seq: NDArray[np.int64], vec: Floats, carried: Floats,
    ru: int, i: int, nu: int, gu: int, row_u: int, klass_u: int, room_u: float, longest_u: float,
    load_u: float, wrong_u: float,
    rv: int, j: int, nv: int, gv: int, row_v: int, klass_v: int, room_v: float, longest_v: float,
    load_v: float, wrong_v: float, base: float,
) -> tuple[float, int]:  # fmt: skip
    """Return change of value and code of the best move of a block that begins at ``i`` to a side of ``j``.

    The block takes the place of nothing, or of a block of the other route no longer than itself, which takes its place.
    A bound refuses most moves before they are valued: service never shortens a route by less than its own duration
    (true where the triangle inequality holds; elsewhere some moves are overlooked, none is valued wrongly).
    """
    w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
    limit = base - _SLACK
    code = NO_MOVE
    t1 = seq[ru, i]
    t2 = seq[ru, i + 1]
    for side in range(2):
        for b in range(3):
            left = j if side == 0 else j - b - 1
            right = left + b + 1
            if left < 0 or right > nv + 1:
                break
            rest_v = vec[rv, left, 8 + b]
            load_b = carried[rv, right - 1] - carried[rv, left]
            x1 = seq[rv, left + 1]
            x2 = seq[rv, right - 1]
            service_b = 0.0
            wrong_b = wrong_bu = 0.0
            if b > 0:
                service_b = service[klass_u, x1] + (service[klass_u, x2] if b == 2 else 0.0)
                if masked:
                    wrong_b = forbidden[gv, x1] + (forbidden[gv, x2] if b == 2 else 0.0)
                    wrong_bu = forbidden[gu, x1] + (forbidden[gu, x2] if b == 2 else 0.0)
            service_a = 0.0
            wrong_a = wrong_av = 0.0
            for a in range(1, min(3, nu - i + 1) + 1):
                t = seq[ru, i + a - 1]
                service_a += service[klass_v, t]
                if masked:
                    wrong_a += forbidden[gu, t]
                    wrong_av += forbidden[gv, t]
                if b > a:
                    continue
                load_a = carried[ru, i + a - 1] - carried[ru, i - 1]
                new_load_u = load_u - load_a + load_b
                new_load_v = load_v + load_a - load_b
                new_wrong_u = wrong_u - wrong_a + wrong_bu
                new_wrong_v = wrong_v - wrong_b + wrong_av
                rest_u = vec[ru, i - 1, 8 + a]
                least_u = worth(w0, w1, w2, w3, room_u, longest_u, rest_u + service_b, new_load_u, new_wrong_u)
                least_v = worth(w0, w1, w2, w3, room_v, longest_v, rest_v + service_a, new_load_v, new_wrong_v)
                if least_u + least_v >= limit:
                    continue
                p0, p1 = vec[rv, left, 0], vec[rv, left, 1]
                s0, s1 = vec[rv, right, 2], vec[rv, right, 3]
                x, y = seq[rv, left], seq[rv, right]
                d = threaded(link, row_v, nodes, x, y, t1, t2, t, a, p0, p1, s0, s1)
                new_v = worth(w0, w1, w2, w3, room_v, longest_v, d, new_load_v, new_wrong_v)
                if new_v + least_u >= limit:
                    continue
                new_u = least_u
                if b > 0:
                    p0, p1 = vec[ru, i - 1, 0], vec[ru, i - 1, 1]
                    s0, s1 = vec[ru, i + a, 2], vec[ru, i + a, 3]
                    x, y = seq[ru, i - 1], seq[ru, i + a]
                    d = threaded(link, row_u, nodes, x, y, x1, x2, x2, b, p0, p1, s0, s1)
                    new_u = worth(w0, w1, w2, w3, room_u, longest_u, d, new_load_u, new_wrong_u)
                if new_u + new_v < limit:
                    limit = new_u + new_v
                    code = BLOCK_MOVES + a * 10 + b * 2 + side
    return (limit - base if code >= 0 else 0.0), code


@lean_kernel
def best_end_move(
    link: Floats, row: int, nodes: int, weights: Floats, room: float, longest: float,
    seq: NDArray[np.int64], vec: Floats, carried: Floats,
    ru: int, i: int, nu: int, load_u: float, rv: int, j: int, nv: int, load_v: float, wrong: float, base: float,
) -> tuple[float, int]:  # fmt: skip
    """Return change of value and code of the best exchange of ends that makes ``i`` and ``j`` neighbours.

    For routes of the same group; ``wrong`` counts both routes. The shapes are those of :func:`end_bounds`.
    """
    w0, w1, w2, w3 = weights[0], weights[1], weights[2], weights[3]
    best = base - _SLACK
    code = NO_MOVE
    x = seq[ru, i]
    y = seq[rv, j]
    for shape in range(4):
        if j == 0 and shape % 2 == 1:
            continue
        if shape == 0:
            k = (row + y) * nodes + x
            first = joined(link, k, vec[rv, j, 0], vec[rv, j, 1], vec[ru, i, 2], vec[ru, i, 3])
            load = carried[rv, j] + load_u - carried[ru, i - 1]
            m, n = i - 1, j + 1
            k = (row + seq[ru, m]) * nodes + seq[rv, n]
            p0, p1, s0, s1 = vec[ru, m, 0], vec[ru, m, 1], vec[rv, n, 2], vec[rv, n, 3]
            empty = i == 1 and j == nv
        elif shape == 1:
            k = (row + x) * nodes + y
            first = joined(link, k, vec[ru, i, 0], vec[ru, i, 1], vec[rv, j, 2], vec[rv, j, 3])
            load = carried[ru, i] + load_v - carried[rv, j - 1]
            m, n = j - 1, i + 1
            k = (row + seq[rv, m]) * nodes + seq[ru, n]
            p0, p1, s0, s1 = vec[rv, m, 0], vec[rv, m, 1], vec[ru, n, 2], vec[ru, n, 3]
            empty = j == 1 and i == nu
        elif shape == 2:
            k = (row + y) * nodes + x
            first = joined(link, k, vec[rv, j, 0], vec[rv, j, 1], vec[ru, i, 4], vec[ru, i, 5])
            load = carried[rv, j] + carried[ru, i]
            m, n = j + 1, i + 1
            k = (row + seq[rv, m]) * nodes + seq[ru, n]
            p0, p1, s0, s1 = vec[rv, m, 6], vec[rv, m, 7], vec[ru, n, 2], vec[ru, n, 3]
            empty = i == nu and j == nv
        else:
            k = (row + y) * nodes + x
            first = joined(link, k, vec[rv, j, 6], vec[rv, j, 7], vec[ru, i, 2], vec[ru, i, 3])
            load = load_v - carried[rv, j - 1] + load_u - carried[ru, i - 1]
            m, n = i - 1, j - 1
            k = (row + seq[ru, m]) * nodes + seq[rv, n]
            p0, p1, s0, s1 = vec[ru, m, 0], vec[ru, m, 1], vec[rv, n, 4], vec[rv, n, 5]
            empty = i == 1 and j == 1
        value = worth(w0, w1, w2, w3, room, longest, first, load, wrong)
        if value < best:
            second = 0.0 if empty else joined(link, k, p0, p1, s0, s1)
            value += worth(w0, w1, w2, w3, room, longest, second, load_u + load_v - load, 0.0)
            if value < best:
                best = value
                code = shape
    return (best - base if code >= 0 else 0.0), code


@lean_kernel
def end_bounds(nu: int, i: int, nv: int, j: int, shape: int) -> tuple[int, int, int, int, int, int, int, int]:
    """Return the parts of both new routes of an exchange of ends, as four pairs of first and last position.

    Shape 0: v's beginning to v, u to its end; 1: u's beginning to u, v to its end; 2: v's beginning to v, u back to its
    beginning; 3: v's end back to v, u to its end. The second route is the rest. A part whose last position is smaller
    than its first is turned.
    """
    if shape == 0:
        return 0, j, i, nu + 1, 0, i - 1, j + 1, nv + 1
    if shape == 1:
        return 0, i, j, nv + 1, 0, j - 1, i + 1, nu + 1
    if shape == 2:
        return 0, j, i, 0, nv + 1, j + 1, i + 1, nu + 1
    return nv + 1, j, i, nu + 1, 0, i - 1, j - 1, 0


@lean_kernel
def parts(
    one: NDArray[np.int64], size_one: int, f1: int, l1: int,
    two: NDArray[np.int64], size_two: int, f2: int, l2: int, out: NDArray[np.int64],
) -> int:  # fmt: skip
    """Write a route made of two parts, each forward or turned; return its size."""
    n = 0
    step = 1 if f1 <= l1 else -1
    for k in range(f1, l1 + step, step):
        if 1 <= k <= size_one:
            out[n] = one[k]
            n += 1
    step = 1 if f2 <= l2 else -1
    for k in range(f2, l2 + step, step):
        if 1 <= k <= size_two:
            out[n] = two[k]
            n += 1
    return n


@lean_kernel
def write_ends(
    seq: NDArray[np.int64], size: NDArray[np.int64], ru: int, i: int, rv: int, j: int, shape: int,
    out: NDArray[np.int64],
) -> tuple[int, int]:  # fmt: skip
    """Write the new routes ``rv`` and ``ru`` after an exchange of ends into two rows; return their sizes.

    A new route stays with the vehicle whose beginning (or, if it has none, whose end) it keeps.
    """
    u, v = seq[ru], seq[rv]
    nu, nv = size[ru], size[rv]
    f1, l1, f2, l2, f3, l3, f4, l4 = end_bounds(nu, i, nv, j, shape)
    if shape == 1:
        size_u = parts(u, nu, f1, l1, v, nv, f2, l2, out[1])
        return parts(v, nv, f3, l3, u, nu, f4, l4, out[0]), size_u
    size_v = parts(v, nv, f1, l1, u, nu, f2, l2, out[0])
    if shape == 2:
        return size_v, parts(v, nv, f3, l3, u, nu, f4, l4, out[1])
    return size_v, parts(u, nu, f3, l3, v, nv, f4, l4, out[1])


@lean_kernel
def sequence_value(
    link: Floats, row: int, nodes: int, depot: int, demand: Floats, forbidden: Floats, group: int, weights: Floats,
    room: float, longest: float, tasks: NDArray[np.int64], size: int,
) -> float:  # fmt: skip
    """Return the value of a sequence of tasks as a route of a group, from scratch."""
    at = depot
    p0 = p1 = load = wrong = 0.0
    for k in range(size):
        task = tasks[k]
        p0, p1 = ahead(link, (row + at) * nodes + task, p0, p1)
        at = task
        load += demand[task]
        wrong += forbidden[group, task]
    p0, p1 = ahead(link, (row + at) * nodes + depot, p0, p1)
    duration = min(p0, p1) if size else 0.0
    return worth(weights[0], weights[1], weights[2], weights[3], room, longest, duration, load, wrong)


@lean_kernel
def best_mixed_end_move(
    link: Floats, nodes: int, demand: Floats, forbidden: Floats, weights: Floats,
    seq: NDArray[np.int64], size: NDArray[np.int64], depots: int,
    ru: int, i: int, gu: int, row_u: int, room_u: float, longest_u: float,
    rv: int, j: int, gv: int, row_v: int, room_v: float, longest_v: float, base: float, out: NDArray[np.int64],
) -> tuple[float, int]:  # fmt: skip
    """Return change of value and code of the best exchange of ends between routes of different groups.

    Walks along both new routes, as their vectors belong to the other group's depot and class; ``depots`` is the node
    of the first group's depot.
    """
    best = base - _SLACK
    code = NO_MOVE
    for shape in range(4):
        if j == 0 and shape % 2 == 1:
            continue
        size_v, size_u = write_ends(seq, size, ru, i, rv, j, shape, out)
        value = sequence_value(
            link, row_v, nodes, depots + gv, demand, forbidden, gv, weights, room_v, longest_v, out[0], size_v
        )
        if value < best:
            value += sequence_value(
                link, row_u, nodes, depots + gu, demand, forbidden, gu, weights, room_u, longest_u, out[1], size_u
            )
        if value < best:
            best = value
            code = shape
    return (best - base if code >= 0 else 0.0), code


@lean_kernel
def _order(arrays: Arrays, routes: Routes, r: int, left: int, right: int, block: NDArray[np.int64], count: int) -> None:
    """Turn a block if it is better served so between two positions of route ``r``."""
    nodes = len(arrays.demand)
    row = arrays.row[arrays.group[r]]
    f0 = b0 = routes.vec[r, left, 0]
    f1 = b1 = routes.vec[r, left, 1]
    i = k = routes.seq[r, left]
    for step in range(count):
        t = block[step]
        f0, f1 = ahead(arrays.link, (row + i) * nodes + t, f0, f1)
        i = t
        t = block[count - 1 - step]
        b0, b1 = ahead(arrays.link, (row + k) * nodes + t, b0, b1)
        k = t
    j = routes.seq[r, right]
    s0 = routes.vec[r, right, 2]
    s1 = routes.vec[r, right, 3]
    forward = joined(arrays.link, (row + i) * nodes + j, f0, f1, s0, s1)
    if joined(arrays.link, (row + k) * nodes + j, b0, b1, s0, s1) < forward:
        for step in range(count // 2):
            held = block[step]
            block[step] = block[count - 1 - step]
            block[count - 1 - step] = held


@lean_kernel
def _replace(seq: NDArray[np.int64], size: int, first: int, count: int, block: NDArray[np.int64], length: int) -> int:
    """Put a block in the place of ``count`` tasks from ``first`` on; return the new size."""
    grown = length - count
    if grown > 0:
        for k in range(size, first + count - 1, -1):
            seq[k + grown] = seq[k]
    elif grown < 0:
        for k in range(first + count, size + 1):
            seq[k + grown] = seq[k]
    for k in range(length):
        seq[first + k] = block[k]
    return size + grown


@lean_kernel
def apply_between(
    arrays: Arrays, routes: Routes, weights: Floats, ru: int, i: int, rv: int, j: int, code: int,
    out: NDArray[np.int64],
) -> None:  # fmt: skip
    """Carry out a move between two routes and refresh both; ``out`` has two rows as long as a route."""
    seq, size = routes.seq, routes.size
    if code >= BLOCK_MOVES:
        a, b, side = (code - BLOCK_MOVES) // 10, (code % 10) // 2, code % 2
        left = j if side == 0 else j - b - 1
        for k in range(a):
            out[0, k] = seq[ru, i + k]
        for k in range(b):
            out[1, k] = seq[rv, left + 1 + k]
        _order(arrays, routes, rv, left, left + b + 1, out[0], a)
        _order(arrays, routes, ru, i - 1, i + a, out[1], b)
        size[rv] = _replace(seq[rv], size[rv], left + 1, b, out[0], a)
        size[ru] = _replace(seq[ru], size[ru], i, a, out[1], b)
    else:
        size_v, size_u = write_ends(seq, size, ru, i, rv, j, code, out)
        for k in range(size_v):
            seq[rv, k + 1] = out[0, k]
        for k in range(size_u):
            seq[ru, k + 1] = out[1, k]
        size[rv] = size_v
        size[ru] = size_u
    refresh(arrays, routes, weights, rv)
    refresh(arrays, routes, weights, ru)

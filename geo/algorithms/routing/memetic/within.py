"""Moves within one route: blocks of up to three tasks put elsewhere, and parts turned, with the best modes of all."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geo.algorithms.compiled import lean_kernel
from geo.algorithms.routing.memetic.arrays import Arrays, Routes
from geo.algorithms.routing.memetic.paths import ahead, back, joined, refresh
from geo.algorithms.routing.memetic.problem import Floats

REACH = 120
"""Positions that a block moves, or a turned part is long, at the most."""
_SLACK = 1e-7


@lean_kernel
def block_between(
    link: Floats, row: int, nodes: int, seq: NDArray[np.int64], first: int, count: int,
    i: int, p0: float, p1: float, j: int, s0: float, s1: float,
) -> tuple[float, bool]:  # fmt: skip
    """Return the duration with a block of ``seq`` between tasks ``i`` and ``j``, and whether it is turned."""
    f0, f1, g0, g1 = p0, p1, p0, p1
    x = y = i
    for k in range(count):
        t = seq[first + k]
        f0, f1 = ahead(link, (row + x) * nodes + t, f0, f1)
        x = t
        if count > 1:
            t = seq[first + count - 1 - k]
            g0, g1 = ahead(link, (row + y) * nodes + t, g0, g1)
            y = t
    forward = joined(link, (row + x) * nodes + j, f0, f1, s0, s1)
    if count == 1:
        return forward, False
    turned = joined(link, (row + y) * nodes + j, g0, g1, s0, s1)
    return (turned, True) if turned < forward else (forward, False)


@lean_kernel
def best_shift(
    link: Floats, row: int, nodes: int, seq: NDArray[np.int64], vec: Floats, n: int, duration: float, service: Floats
) -> tuple[float, int, int, int, bool]:
    """Return duration, first position, length, goal and turn of the best relocation of a block.

    A block whose removal saves less than its own service is left where it is (see :mod:`between` on this bound).
    The block comes to lie after the task at position ``goal``. The part between is walked once per block, its vector of
    durations carried along.
    """
    best = duration - _SLACK
    at, length, goal, turn = 0, 0, 0, False
    for count in range(1, min(3, n - 1) + 1):
        for i in range(1, n - count + 2):
            served = 0.0
            for k in range(count):
                served += service[seq[i + k]]
            if vec[i - 1, 8 + count] + served >= best:
                continue
            p0 = vec[i - 1, 0]
            p1 = vec[i - 1, 1]
            x = seq[i - 1]
            for k in range(i + count, min(n, i + count + REACH) + 1):
                p0, p1 = ahead(link, (row + x) * nodes + seq[k], p0, p1)
                x = seq[k]
                d, t = block_between(
                    link, row, nodes, seq, i, count, x, p0, p1, seq[k + 1], vec[k + 1, 2], vec[k + 1, 3]
                )
                if d < best:
                    best, at, length, goal, turn = d, i, count, k, t
            s0 = vec[i + count, 2]
            s1 = vec[i + count, 3]
            x = seq[i + count]
            for k in range(i - 1, max(0, i - 1 - REACH), -1):
                s0, s1 = back(link, (row + seq[k]) * nodes + x, s0, s1)
                x = seq[k]
                d, t = block_between(
                    link, row, nodes, seq, i, count, seq[k - 1], vec[k - 1, 0], vec[k - 1, 1], x, s0, s1
                )
                if d < best:
                    best, at, length, goal, turn = d, i, count, k - 1, t
    return best, at, length, goal, turn


@lean_kernel
def best_turn(
    link: Floats, row: int, nodes: int, seq: NDArray[np.int64], vec: Floats, n: int, duration: float
) -> tuple[float, int, int]:
    """Return duration, first and last position of the best part to turn (2-opt).

    The turned part is a 2 × 2 matrix of durations between the modes of its ends, grown by one task at a time.
    """
    best = duration - _SLACK
    first = last = 0
    for i in range(1, n):
        b = seq[i]
        before = seq[i - 1]
        p0 = vec[i - 1, 0]
        p1 = vec[i - 1, 1]
        m00 = m11 = 0.0
        m01 = m10 = 1e15
        for k in range(i + 1, min(n, i + REACH) + 1):
            t = seq[k]
            way = (row + t) * nodes + seq[k - 1]
            n00, n10 = back(link, way, m00, m10)
            n01, n11 = back(link, way, m01, m11)
            m00, m01, m10, m11 = n00, n01, n10, n11
            e0, e1 = ahead(link, (row + before) * nodes + t, p0, p1)
            f0 = min(e0 + m00, e1 + m10)
            f1 = min(e0 + m01, e1 + m11)
            d = joined(link, (row + b) * nodes + seq[k + 1], f0, f1, vec[k + 1, 2], vec[k + 1, 3])
            if d < best:
                best, first, last = d, i, k
    return best, first, last


@lean_kernel
def apply_shift(
    arrays: Arrays, routes: Routes, weights: Floats, r: int, i: int, count: int, goal: int, turn: bool
) -> None:
    """Put a block after the task at ``goal`` and refresh the route."""
    seq = routes.seq[r]
    t1, t2, t3 = seq[i], seq[min(i + 1, len(seq) - 1)], seq[min(i + 2, len(seq) - 1)]
    if goal > i:
        for k in range(i, goal - count + 1):
            seq[k] = seq[k + count]
        begin = goal - count + 1
    else:
        for k in range(i + count - 1, goal + count, -1):
            seq[k] = seq[k - count]
        begin = goal + 1
    for k in range(count):
        at = count - 1 - k if turn else k
        seq[begin + k] = t1 if at == 0 else (t2 if at == 1 else t3)
    refresh(arrays, routes, weights, r)


@lean_kernel
def apply_turn(arrays: Arrays, routes: Routes, weights: Floats, r: int, first: int, last: int) -> None:
    """Turn a part of a route and refresh it."""
    seq = routes.seq[r]
    while first < last:
        held = seq[first]
        seq[first] = seq[last]
        seq[last] = held
        first += 1
        last -= 1
    refresh(arrays, routes, weights, r)


@lean_kernel
def improve_within(arrays: Arrays, routes: Routes, weights: Floats, r: int) -> bool:
    """Improve one route until no move within it shortens it; returns whether it changed."""
    changed = False
    link, row, nodes = arrays.link, arrays.row[arrays.group[r]], len(arrays.demand)
    service = arrays.service[arrays.klass[arrays.group[r]]]
    seq, vec, n = routes.seq[r], routes.vec[r], routes.size[r]
    while n > 1:
        shifted, i, count, goal, turn = best_shift(link, row, nodes, seq, vec, n, routes.duration[r], service)
        turned, first, last = best_turn(link, row, nodes, seq, vec, n, routes.duration[r])
        if count == 0 and last == 0:
            break
        if last == 0 or (count > 0 and shifted <= turned):
            apply_shift(arrays, routes, weights, r, i, count, goal, turn)
        else:
            apply_turn(arrays, routes, weights, r, first, last)
        changed = True
    return changed

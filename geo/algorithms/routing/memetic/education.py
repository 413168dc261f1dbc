"""Education: local search of one solution over all moves until none improves it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from geo.algorithms.compiled import lean_kernel
from geo.algorithms.routing.memetic.arrays import Arrays, Routes
from geo.algorithms.routing.memetic.between import (
    NO_MOVE,
    apply_between,
    best_block_move,
    best_end_move,
    best_mixed_end_move,
)
from geo.algorithms.routing.memetic.problem import Floats, Ints
from geo.algorithms.routing.memetic.within import improve_within
from geo.algorithms.routing.randomness import State, shuffle


class Desk(NamedTuple):
    """Space for a local search.

    Attributes
    ----------
    order
        Tasks in the order in which they are tried.
    changed, polished
        When a route changed last, and when it was last improved in itself; counted in moves.
    tried
        When all moves of a task were last tried.
    room
        Two routes.
    """

    order: NDArray[np.int64]
    changed: Ints
    polished: Ints
    tried: Ints
    room: NDArray[np.int64]


def desk_for(arrays: Arrays) -> Desk:
    """Return space for a local search."""
    tasks, vehicles = arrays.near.shape[0], len(arrays.group)
    return Desk(
        order=np.arange(tasks, dtype=np.int64),
        changed=np.zeros(vehicles, dtype=np.int64),
        polished=np.zeros(vehicles, dtype=np.int64),
        tried=np.zeros(tasks, dtype=np.int64),
        room=np.zeros((2, tasks + 2), dtype=np.int64),
    )


@lean_kernel
def find_move(
    link: Floats, service: Floats, demand: Floats, forbidden: Floats, masked: bool, group: Ints, row: Ints, klass: Ints,
    capacity: Floats, limit: Floats, near: Ints, weights: Floats,
    seq: Ints, vec: Floats, carried: Floats, size: Ints, load: Floats, wrong: Floats, value: Floats,
    where: Ints, place: Ints, changed: Ints, out: Ints, u: int, last: int, begin: int,
) -> tuple[int, int, int, int]:  # fmt: skip
    """Return the next candidate, route, position and code of an improving move of ``u``; code -1 when there is none.

    Candidates from ``begin`` on are the near tasks, then an empty route of each group; those whose routes and whose own
    route have not changed since ``last`` are left out. Takes plain arrays, as passing tuples of them costs more than
    the moves.
    """
    ru, i = where[u], place[u]
    gu = group[ru]
    width = near.shape[1]
    nodes = len(demand)
    ceiling = weights[4]
    changed_u = changed[ru]
    for k in range(begin, width + len(klass)):
        j = 0
        rv = -1
        if k < width:
            v = near[u, k]
            rv, j = where[v], place[v]
            if ru == rv or max(changed_u, changed[rv]) <= last:
                continue
        elif changed_u > last:
            for r in range(len(size)):
                if size[r] == 0 and group[r] == k - width:
                    rv = r
                    break
        if rv < 0:
            continue
        gv = group[rv]
        longest_u, longest_v = min(limit[gu], ceiling), min(limit[gv], ceiling)
        base = value[ru] + value[rv]
        change, code = best_block_move(
            link, nodes, service, forbidden, weights, masked, seq, vec, carried,
            ru, i, size[ru], gu, row[gu], klass[gu], capacity[gu], longest_u, load[ru], wrong[ru],
            rv, j, size[rv], gv, row[gv], klass[gv], capacity[gv], longest_v, load[rv], wrong[rv], base,
        )  # fmt: skip
        if gu == gv:
            other, end_code = best_end_move(
                link, row[gu], nodes, weights, capacity[gu], longest_u, seq, vec, carried,
                ru, i, size[ru], load[ru], rv, j, size[rv], load[rv], wrong[ru] + wrong[rv], base,
            )  # fmt: skip
        else:
            other, end_code = best_mixed_end_move(
                link, nodes, demand, forbidden, weights, seq, size, nodes - len(klass),
                ru, i, gu, row[gu], capacity[gu], longest_u,
                rv, j, gv, row[gv], capacity[gv], longest_v, base, out,
            )  # fmt: skip
        if other < change:
            code = end_code
        if code != NO_MOVE:
            return k, rv, j, code
    return 0, 0, 0, NO_MOVE


@lean_kernel
def educate(arrays: Arrays, routes: Routes, weights: Floats, desk: Desk, random: State) -> None:
    """Improve a solution until no move improves its value.

    A pair of tasks is tried again only when one of their routes changed since.
    """
    clock = 1
    for r in range(len(routes.size)):
        desk.changed[r] = 1
        desk.polished[r] = 0
    for u in range(len(desk.tried)):
        desk.tried[u] = 0
    improved = True
    while improved:
        improved = False
        for r in range(len(routes.size)):
            if desk.changed[r] > desk.polished[r]:
                if improve_within(arrays, routes, weights, r):
                    clock += 1
                    desk.changed[r] = clock
                desk.polished[r] = clock
        shuffle(random, desk.order)
        for q in range(len(desk.order)):
            u = desk.order[q]
            last = desk.tried[u]
            desk.tried[u] = clock
            k = -1
            while True:
                k, rv, j, code = find_move(
                    arrays.link, arrays.service, arrays.demand, arrays.forbidden, arrays.masked[0], arrays.group,
                    arrays.row, arrays.klass, arrays.capacity, arrays.limit, arrays.near, weights,
                    routes.seq, routes.vec, routes.carried, routes.size, routes.load, routes.wrong, routes.value,
                    routes.where, routes.place, desk.changed, desk.room, u, last, k + 1,
                )  # fmt: skip
                if code == NO_MOVE:
                    break
                ru = routes.where[u]
                apply_between(arrays, routes, weights, ru, routes.place[u], rv, j, code, desk.room)
                clock += 1
                desk.changed[ru] = clock
                desk.changed[rv] = clock
                improved = True

"""Lower bounds of tours over streets: the windy rural postman relaxed, and its share of each of several teams."""

from __future__ import annotations

import math
import time

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_matrix, csr_matrix, vstack
from scipy.sparse.csgraph import connected_components

from geo.algorithms.routing.memetic.problem import ArcRoutingProblem, Floats, Ints
from geo.errors import ParameterError

_ROUNDS = 40
_INTEGER_STREETS = 3000


def postman_bound(
    tail: Ints,
    head: Ints,
    forward: Floats,
    backward: Floats,
    required: NDArray[np.bool_],
    depot: int,
    seconds: float = 5.0,
) -> float:
    """Return a lower bound of the cost of all closed walks from the depot that together serve the required streets.

    A street is passed whole times in each direction, required ones at least once, and each node is left as often as it
    is entered; cuts ask for a way to each part with something required that hangs loose (A. Corberán, I. Plana and
    J. M. Sanchis, "The windy general routing polyhedron", SIAM J. Discrete Math. 22, 2008). Every relaxation on the way
    is a bound, so that the time limit makes it weaker, not wrong.

    Parameters
    ----------
    tail, head
        Ends of each street, nodes from 0 on.
    forward, backward
        Cost of passing from tail to head and back; inf where that is not allowed.
    required
        Streets to be passed at least once.
    depot
        Node where walks begin and end.
    seconds
        Time limit.

    Raises
    ------
    ParameterError
        A required street can be passed in no direction, or the depot cannot be reached from it.
    """
    begun = time.monotonic()
    streets = len(tail)
    nodes = int(max(tail.max(initial=0), head.max(initial=0), depot)) + 1
    cost = np.concatenate([forward, backward])
    open_ = np.isfinite(cost)
    leave = np.concatenate([tail, head])
    enter = np.concatenate([head, tail])
    number = np.arange(2 * streets)
    ones = np.ones(2 * streets)
    balance = coo_matrix((np.append(ones, -ones), (np.append(leave, enter), np.tile(number, 2))), (nodes, 2 * streets))
    need = np.flatnonzero(required)
    serve = coo_matrix((np.ones(2 * len(need)), (np.tile(np.arange(len(need)), 2), np.append(need, need + streets))),
                       (len(need), 2 * streets))  # fmt: skip
    rows: list[csr_matrix] = []
    bound = 0.0
    for _ in range(_ROUNDS):
        constraints = [LinearConstraint(balance.tocsr(), 0, 0), LinearConstraint(serve.tocsr(), 1, np.inf)]
        if rows:
            constraints.append(LinearConstraint(vstack(rows).tocsr(), 1, np.inf))
        left = seconds - (time.monotonic() - begun)
        if left <= 0:
            break
        result = milp(
            np.where(open_, cost, 0.0),
            constraints=constraints,
            bounds=Bounds(0, np.where(open_, np.inf, 0.0)),
            integrality=np.full(2 * streets, 1 if streets <= _INTEGER_STREETS else 0),
            options={"time_limit": left},
        )
        if result.status == 2:
            raise ParameterError(
                "The routing arrays do not fit together: {reason}.", reason="no closed walk serves all"
            )
        dual = result.mip_dual_bound if result.mip_dual_bound is not None else result.fun
        if dual is not None and math.isfinite(dual):
            bound = max(bound, float(dual))
        if result.x is None:
            break
        cuts = _loose_parts(result.x, leave, enter, nodes, tail[need], depot)
        if not cuts:
            break
        rows.extend(cuts)
    return bound


def _loose_parts(
    passed: Floats, leave: Ints, enter: Ints, nodes: int, required_nodes: Ints, depot: int
) -> list[csr_matrix]:
    """Return a cut for each part with something required that has no way to the depot."""
    used = passed > 1e-6
    graph = coo_matrix((np.ones(int(used.sum())), (leave[used], enter[used])), (nodes, nodes))
    _count, part = connected_components(graph, directed=False)
    cuts = []
    for label in np.unique(part[required_nodes]):
        if label != part[depot]:
            inside = part == label
            cuts.append(csr_matrix((inside[leave] & ~inside[enter]).astype(np.float64)))
    return cuts


def round_trip_bound(problem: ArcRoutingProblem) -> float:
    """Return a lower bound of the longest duration: the cheapest trip for the task that is hardest to serve.

    Holds where a detour over other tasks shortens nothing: distances are shortest ways, and serving a task takes no less
    than the shortest way from its entry to its exit.
    """
    least = np.full(problem.tasks, np.inf)
    for vehicle in range(problem.vehicles):
        c = problem.vehicle_class[vehicle]
        out = problem.distance[c, problem.start[vehicle]][problem.entry]
        home = problem.distance[c][:, problem.end[vehicle]][problem.exit]
        trip = (out + problem.service[c] + home).min(axis=1)
        if problem.allowed is not None:
            trip = np.where(problem.allowed[:, vehicle], trip, np.inf)
        least = np.minimum(least, trip)
    return float(least.max(initial=0.0))

"""A lower bound on the way between services: what parity, balance of flow and connectedness ask for at least."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array

from geo.algorithms.routing.small_cuts import WeightedPairs, lonely_cuts, odd_cuts

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_THRESHOLDS = (1e-6, 0.15, 0.3, 0.45, 0.55, 0.7, 0.85)
_VIOLATED = 0.02
_FEW = 10
_GATES = 4
_SLOW_PROGRESS = 2e-3
_PATIENCE = 5


@dataclass(frozen=True)
class ServiceGraph:
    """Services and the ways between them, n nodes.

    Attributes
    ----------
    nodes
        Number of nodes.
    tail, head, time_s
        Shape (a,): directed ways between services, each used as often as one likes.
    first, last, either
        Shape (s,): services along ways, each once (it is listed as often as it is made), and whether it may be made from
        last to first as well.
    touched
        Shape (n,): nodes that some route must reach besides.
    starts
        Shape (n,): nodes where routes begin.
    returns
        (from, to, count): routes that do not end where they begin, from where they end to where they begin; -1 where
        that is free.
    skew_s
        Shape (s,): half of what a service takes longer from first to last than the other way; None: the same. The bound
        is then on the ways and what the services take above their mean.
    """

    nodes: int
    tail: Ints
    head: Ints
    time_s: Floats
    first: Ints
    last: Ints
    either: Flags
    touched: Flags
    starts: Flags
    returns: tuple[tuple[int, int, int], ...] = ()
    skew_s: Floats | None = None


def deadhead_bound(graph: ServiceGraph, rounds: int = 40) -> float:
    """Return seconds below which the ways between the services of closed routes cannot come.

    A linear relaxation of the windy and mixed rural postman problem with several routes (Corberán and Laporte, eds., *Arc
    Routing*, SIAM 2014). Let ``y`` be how often each way is used without service and ``d`` the net
    number of services along an either-way segment. Then

    - as much flows into each node as out of it: ``y`` balanced with the services;
    - *odd cuts*: if an odd number of services leads out of a set of nodes, some way crosses its border: ``y(δ(S)) ≥ 1``;
    - *connectedness*: if something must be served in a set where no route begins, and no service leads out of it,
      ``y(δ(S)) ≥ 2``.

    Cuts are found as parts of the solution's support above several thresholds, and added until there are no more, or
    progress gets slow: a bound at any time. Routes that end elsewhere are closed by a way for nothing.

    Parameters
    ----------
    graph
        Services and ways.
    rounds
        Number of times that cuts are added, at the most.
    """
    program = _Program(graph)
    values = [program.least]
    weight = np.zeros(len(program.pair_u))
    for _ in range(rounds):
        if not program.add_cuts(weight) and len(values) > 1:
            break
        solved = program.solve()
        if solved is None:
            break
        value, weight = solved
        values.append(value)
        if len(values) > _PATIENCE and value - values[-_PATIENCE] < _SLOW_PROGRESS * value:
            break
    return values[-1]


class _Program:
    """The linear program and its cuts.

    Attributes
    ----------
    pair_u, pair_v
        Shape (p,): pairs of nodes that a way joins, in any direction.
    """

    def __init__(self, graph: ServiceGraph) -> None:
        tail, head, cost, most, count = _columns(graph)
        gates = np.ones(count - graph.nodes, dtype=bool)
        self._count_nodes = count
        moving = graph.first != graph.last
        first, last, either = graph.first[moving], graph.last[moving], graph.either[moving]
        self._services = first, last
        self._odd = np.bincount(np.concatenate((first, last)), minlength=count) % 2 == 1
        fixed = ~either
        supply = np.bincount(last[fixed], minlength=count) - np.bincount(first[fixed], minlength=count)
        skew_s = np.zeros(len(first)) if graph.skew_s is None else graph.skew_s[moving]
        is_balanced = not (supply.any() or skew_s.any() or graph.returns) and _is_two_way(tail, head, cost)
        if is_balanced:  # half of each pair's ways in either direction: no balance to keep, nor to pay for
            once = tail < head
            tail, head, cost, most = tail[once], head[once], cost[once], most[once]
        width = len(tail)
        self._ways = width
        free = np.flatnonzero(either & (not is_balanced))
        pairs, pair = np.unique(np.sort(np.column_stack((tail, head)), axis=1), axis=0, return_inverse=True)
        self._pair = pair.ravel()
        self.pair_u, self.pair_v = pairs.T
        self._cost = np.concatenate((cost, skew_s[free]))
        lowest = np.concatenate((np.zeros(width), np.full(len(free), -1.0)))
        self._bounds = np.column_stack((lowest, np.concatenate((most, np.ones(len(free))))))
        self._balance: csr_array | None = None
        self._supply: Floats | None = None
        if not is_balanced:
            ways, net = np.arange(width), width + np.arange(len(free))
            rows, columns = (
                np.concatenate((tail, head, first[free], last[free])),
                np.concatenate((ways, ways, net, net)),
            )
            values = np.repeat([1.0, -1.0, 1.0, -1.0], [width, width, len(free), len(free)])
            self._balance = csr_array((values, (rows, columns)), (count, len(self._cost)))
            self._supply = supply.astype(np.float64)
        self._touched = np.append(graph.touched, ~gates)
        self._touched[graph.first] = self._touched[graph.last] = True
        self._starts = np.append(graph.starts, gates)
        self._cuts: list[Ints] = []
        by_pair = np.argsort(self._pair, kind="stable")
        self._ways_of = np.split(by_pair, np.cumsum(np.bincount(self._pair))[:-1])
        self._least: list[float] = []
        self._known: set[bytes] = set()

    @property
    def least(self) -> float:
        """What the objective is at least, whatever the ways."""
        return -float(np.abs(self._cost[self._ways :]).sum())

    def solve(self) -> tuple[float, Floats] | None:
        """Return the value and how often each pair of nodes is joined without service; None when it fails."""
        columns = np.concatenate([np.empty(0, dtype=np.int64), *self._cuts])
        begins = np.cumsum([0, *(len(cut) for cut in self._cuts)])
        cuts = csr_array((np.ones(len(columns)), columns, begins), (len(self._cuts), len(self._cost)))
        result = linprog(
            self._cost,
            -cuts,
            -np.array(self._least),
            self._balance,
            self._supply,
            self._bounds,
            method="highs",
        )
        if result.status != 0:
            return None
        weight = np.bincount(self._pair, result.x[: self._ways], minlength=len(self.pair_u))
        return float(result.fun), weight.astype(np.float64)

    def add_cuts(self, weight: Floats) -> int:
        """Add cuts that a solution violates; return their number."""
        pairs = WeightedPairs(self._count_nodes, self.pair_u, self.pair_v, weight)
        found = 0
        for threshold in _THRESHOLDS:
            heavy = weight > threshold
            part = pairs.parts(heavy)
            found += self._add_parts(pairs, part, self._count(part, self._odd) % 2 == 1, 1.0)
            part = pairs.parts(heavy, self._services)
            lonely = (self._count(part, self._touched) > 0) & (self._count(part, self._starts) == 0)
            found += self._add_parts(pairs, part, lonely, 2.0)
        if found < _FEW and weight.any():
            found += sum(self._add(side, 1.0) for side in odd_cuts(pairs, self._odd, 1.0 - _VIOLATED))
            part = pairs.parts(np.zeros(len(weight), dtype=bool), self._services)
            lonely_ones = lonely_cuts(pairs, part, self._touched, self._starts, 2.0 - _VIOLATED)
            found += sum(self._add(side, 2.0) for side in lonely_ones)
        return found

    def _count(self, part: Ints, flags: Flags) -> Ints:
        return np.bincount(part[flags], minlength=part.max() + 1)

    def _add_parts(self, pairs: WeightedPairs, part: Ints, chosen: Flags, least: float) -> int:
        """Add the borders of chosen parts that are crossed too little; return their number."""
        u, v = part[pairs.u], part[pairs.v]
        crossing = np.where(u != v, pairs.weight, 0.0)
        across = np.bincount(u, crossing, minlength=len(chosen)) + np.bincount(v, crossing, minlength=len(chosen))
        wanted = np.flatnonzero(chosen & (across < least - _VIOLATED))
        return sum(self._add(part == one, least) for one in wanted.tolist())

    def _add(self, side: Flags, least: float) -> bool:
        """Add the border of a set of nodes; return whether it is new."""
        cut = np.flatnonzero(side[self.pair_u] != side[self.pair_v])
        key = cut.tobytes() + bytes([int(least)])
        if key in self._known or not len(cut):
            return False
        self._known.add(key)
        columns = np.concatenate([self._ways_of[one] for one in cut.tolist()])
        self._cuts.append(columns)
        self._least.append(least)
        return True


def _columns(graph: ServiceGraph) -> tuple[Ints, Ints, Floats, Floats, int]:
    """Return tail, head, cost and greatest use of all ways, those that close routes included, and the number of nodes.

    A route with a free end passes through a gate, two nodes with a way that is used no oftener than there are such routes.
    """
    parts = [(graph.tail, graph.head, graph.time_s, np.full(len(graph.tail), np.inf))]
    everywhere, count = np.arange(graph.nodes), graph.nodes

    def add(tail: Ints, head: Ints, most: float) -> None:
        tail, head = np.broadcast_arrays(tail, head)
        parts.append((tail, head, np.zeros(len(tail)), np.full(len(tail), most)))

    for tail, head, most in _few(graph.returns):
        ends = np.array([tail]) if tail >= 0 else everywhere
        begins = np.array([head]) if head >= 0 else everywhere
        if tail >= 0 and head >= 0:
            add(ends, begins, most)
            continue
        into, out = np.array([count]), np.array([count + 1])
        add(ends, into, np.inf)
        add(into, out, most)
        add(out, begins, np.inf)
        count += 2
    tails, heads, costs, mosts = (np.concatenate(column) for column in zip(*parts, strict=True))
    return tails, heads, costs, mosts, count


def _few(returns: tuple[tuple[int, int, int], ...]) -> list[tuple[int, int, int]]:
    """Return the ways back, many with a free end as one with both ends free: they allow all that these do."""
    fixed = [one for one in returns if min(one[:2]) >= 0]
    free = [one for one in returns if min(one[:2]) < 0]
    return [*fixed, *free] if len(free) <= _GATES else [*fixed, (-1, -1, sum(most for _, _, most in free))]


def _is_two_way(tail: Ints, head: Ints, cost: Floats) -> bool:
    """Return whether each way leads back as well, in the same time."""
    there, back = np.lexsort((cost, head, tail)), np.lexsort((cost, tail, head))
    same = np.array_equal(tail[there], head[back]) and np.array_equal(head[there], tail[back])
    return bool(same and np.allclose(cost[there], cost[back], rtol=0, atol=1e-9))

"""Sets of nodes whose border is crossed too little: smallest cuts by maximum flow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, maximum_flow

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_UNIT = 1_000_000


@dataclass(frozen=True)
class WeightedPairs:
    """An undirected graph: pairs of nodes and how often they are joined."""

    nodes: int
    u: Ints
    v: Ints
    weight: Floats

    def parts(self, chosen: Flags, more: tuple[Ints, Ints] | None = None) -> Ints:
        """Return the part of each node when some pairs, and perhaps more, are joined, shape (nodes,)."""
        u, v = self.u[chosen], self.v[chosen]
        if more is not None:
            u, v = np.concatenate((u, more[0])), np.concatenate((v, more[1]))
        matrix = coo_array((np.ones(len(u), dtype=np.int8), (u, v)), shape=(self.nodes, self.nodes))
        return np.asarray(connected_components(matrix, directed=False)[1], dtype=np.int64)

    def shrunk(self, part: Ints) -> WeightedPairs:
        """Return the graph whose nodes are parts; pairs with no weight are left out."""
        u, v = part[self.u], part[self.v]
        kept = (u != v) & (self.weight > 1.0 / _UNIT)
        return WeightedPairs(int(part.max()) + 1, u[kept], v[kept], self.weight[kept])


def odd_cuts(graph: WeightedPairs, odd: Flags, least: float) -> Iterator[Flags]:
    """Yield sets with an odd number of odd nodes whose border weighs less than ``least``.

    Smallest cuts between odd nodes by Gusfield's tree (Padberg and Rao, *Odd minimum cut-sets and b-matchings*, 1982),
    after nodes that are joined ``least`` times have become one: no cut between them weighs less.
    """
    part = graph.parts(graph.weight >= least)
    small = graph.shrunk(part)
    is_odd = np.bincount(part[odd], minlength=small.nodes) % 2 == 1
    region = small.parts(np.ones(len(small.u), dtype=bool))
    flow = _Flow(small)
    for one in np.unique(region[is_odd]).tolist():
        ends = np.flatnonzero(is_odd & (region == one))
        parent = dict.fromkeys(ends.tolist(), int(ends[0]))
        for number, end in enumerate(ends[1:].tolist(), start=1):
            weight, side = flow.cut(end, parent[end])
            if weight < least and is_odd[side].sum() % 2 == 1:
                yield side[part]
            for later in ends[number + 1 :].tolist():
                if side[later] and parent[later] == parent[end]:
                    parent[later] = end


def lonely_cuts(graph: WeightedPairs, part: Ints, touched: Flags, starts: Flags, least: float) -> Iterator[Flags]:
    """Yield sets of parts, with something to touch and no start, whose border weighs less than ``least``.

    Parameters
    ----------
    graph
        The pairs.
    part
        Shape (nodes,): parts that services hold together.
    touched, starts
        Shape (nodes,): where something is to be done, and where routes begin.
    least
        Weight that every such border has in a plan.
    """
    joined = WeightedPairs(int(part.max()) + 1, part[graph.u], part[graph.v], graph.weight)
    close = joined.parts(joined.weight >= least)
    begins = np.bincount(close[part[starts]], minlength=close.max() + 1) > 0
    close = np.where(begins[close], close.max() + 1, close)  # all starts are one
    close = np.unique(close, return_inverse=True)[1].ravel()
    small = joined.shrunk(close)
    whole = close[part]
    home = int(close.max())
    flow = _Flow(small)
    for end in np.unique(whole[touched]).tolist():
        if end != home:
            weight, side = flow.cut(end, home)
            if weight < least:
                yield side[whole]


class _Flow:
    """Maximum flows in one graph."""

    def __init__(self, graph: WeightedPairs) -> None:
        units = np.rint(graph.weight * _UNIT).astype(np.int32)
        rows, columns = np.concatenate((graph.u, graph.v)), np.concatenate((graph.v, graph.u))
        shape = (graph.nodes, graph.nodes)
        self._room = csr_array(coo_array((np.concatenate((units, units)), (rows, columns)), shape=shape).tocsr())

    def cut(self, source: int, sink: int) -> tuple[float, Flags]:
        """Return the weight of a smallest cut, and the nodes on the side of the source."""
        result = maximum_flow(self._room, source, sink)
        left = csr_array(self._room - result.flow)
        left.eliminate_zeros()
        side = np.zeros(self._room.shape[0], dtype=bool)
        side[breadth_first_order(left, source, return_predecessors=False)] = True
        return float(result.flow_value) / _UNIT, side

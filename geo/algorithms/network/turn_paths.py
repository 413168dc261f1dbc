"""Shortest ways between directed segments that keep turn bans and pay for turns."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from geo.algorithms.network.search import SearchGraph, Seeds
from geo.algorithms.network.turns import Turns
from geo.model.network import Arcs


class TurnAwarePaths:
    """Shortest paths of one mode between places, each an arc or a node.

    A place below ``len(arcs.tail)`` is an arc. As a source it has just been driven, as a target it is about to be: the time
    from arc a to arc b is that from the end of a to the start of b, with the turn out of a, all turns on the way and the
    turn into b. The other places are nodes, see :meth:`at`: a team stands there, has come from anywhere and may leave in any
    direction. Where all turns are allowed and free, the times are those of
    :class:`~geo.algorithms.network.distances.ShortestPaths` from the head of a to the tail of b.

    The search runs on the line graph: its vertices are the arcs, reached where they begin, and the nodes, which end a way.

    Parameters
    ----------
    count
        Number of nodes.
    arcs
        Directed segments with their times.
    turns
        Turns that are allowed between them.

    Raises
    ------
    ParameterError
        A time is negative or not a number.
    IndexError
        A place does not exist.
    """

    def __init__(self, count: int, arcs: Arcs, turns: Turns) -> None:
        self.arcs = arcs
        self._turns = turns
        size = len(arcs.tail)
        through, into = turns.from_arc, turns.to_arc
        self._tail = np.concatenate((through, np.arange(size)))
        self._graph = SearchGraph(
            size + count,
            self._tail,
            np.concatenate((into, size + arcs.head)),
            np.concatenate((arcs.time_s[through] + turns.time_s, arcs.time_s)),
        )
        self._by_tail = np.argsort(arcs.tail, kind="stable")
        self._first_out = np.searchsorted(arcs.tail[self._by_tail], np.arange(count + 1))

    def at(self, nodes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return nodes as places."""
        return nodes + len(self.arcs.tail)

    def times(
        self, sources: NDArray[np.int64], targets: NDArray[np.int64], *, limit_s: float = np.inf
    ) -> NDArray[np.float64]:
        """Return travel times in seconds, shape (len(sources), len(targets)); inf where there is no way.

        Parameters
        ----------
        sources, targets
            Places; they may repeat. From an arc to itself it is a way round.
        limit_s
            Longer ways count as none, and are not searched for.
        """
        return self._graph.times(sources, targets, self._begin_at, limit_s)

    def paths(self, pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], list[int]]:
        """Return for each pair of places the arcs of a fastest way between them, without themselves.

        Raises
        ------
        ValueError
            There is no way: callers ask only for pairs with a finite time.
        """
        ways = self._graph.ways(pairs, self._begin_at)
        return {pair: self._tail[way].tolist() for pair, way in ways.items()}

    def _begin_at(self, places: NDArray[np.int64]) -> Seeds:
        """Return where searches from places begin: at the arcs that may follow, and at the node itself."""
        size = len(self.arcs.tail)
        if len(places) and not (places.min() >= 0 and places.max() < self._graph.count):
            raise IndexError(f"places from {places.min()} to {places.max()} of {self._graph.count}")
        vertices: list[NDArray[np.int64]] = []
        times: list[NDArray[np.float64]] = []
        for place in places.tolist():
            if place < size:
                turns = slice(self._turns.first[place], self._turns.first[place + 1])
                here, next_arcs, turn_s = (
                    int(self.arcs.head[place]),
                    self._turns.to_arc[turns],
                    self._turns.time_s[turns],
                )
            else:
                here = place - size
                next_arcs = self._by_tail[self._first_out[here] : self._first_out[here + 1]]
                turn_s = np.zeros(len(next_arcs))
            vertices.append(np.append(next_arcs, size + here))
            times.append(np.append(turn_s, 0.0))
        first = np.cumsum([0, *(len(one) for one in vertices)])
        if not vertices:
            return Seeds(first, np.empty(0, dtype=np.int64), np.empty(0))
        return Seeds(first, np.concatenate(vertices), np.concatenate(times))

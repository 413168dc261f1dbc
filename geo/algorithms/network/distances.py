"""Shortest travel times between junctions, and the ways they take."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from geo.algorithms.network.search import SearchGraph, Seeds
from geo.model.network import Arcs


class ShortestPaths:
    """Shortest paths of one mode.

    Parameters
    ----------
    count
        Number of nodes.
    arcs
        Directed segments with their times; of parallel ones the fastest is used.

    Raises
    ------
    ParameterError
        A time is negative or not a number.
    """

    def __init__(self, count: int, arcs: Arcs) -> None:
        self.arcs = arcs
        self._graph = SearchGraph(count, arcs.tail, arcs.head, arcs.time_s)

    def times(
        self, sources: NDArray[np.int64], targets: NDArray[np.int64], *, limit_s: float = np.inf
    ) -> NDArray[np.float64]:
        """Return travel times in seconds, shape (len(sources), len(targets)); inf where there is no way.

        A search ends once it has reached all targets, so that targets near the sources take little time.

        Parameters
        ----------
        sources, targets
            Nodes; they may repeat.
        limit_s
            Longer ways count as none, and are not searched for.
        """
        return self._graph.times(sources, targets, _begin_at, limit_s)

    def paths(self, pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], list[int]]:
        """Return for each pair (source, target) the arcs of a fastest way, as numbers into the arcs.

        Raises
        ------
        ValueError
            There is no way: callers ask only for pairs with a finite time.
        """
        return self._graph.ways(pairs, _begin_at)


def _begin_at(nodes: NDArray[np.int64]) -> Seeds:
    return Seeds(np.arange(len(nodes) + 1), nodes, np.zeros(len(nodes)))

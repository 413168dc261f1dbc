"""Shortest travel times between junctions, and the ways they take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from geo.model.network import Arcs

_SOURCES_AT_ONCE = 256


class ShortestPaths:
    """Shortest paths of one mode.

    Parameters
    ----------
    count
        Number of nodes.
    arcs
        Directed segments with their times; of parallel ones the fastest is used.
    """

    def __init__(self, count: int, arcs: Arcs) -> None:
        order = np.lexsort((arcs.time_s, arcs.head, arcs.tail))
        tail, head = arcs.tail[order], arcs.head[order]
        fastest = np.r_[True, (tail[1:] != tail[:-1]) | (head[1:] != head[:-1])] & (tail != head)
        chosen = order[fastest]
        self.arcs = arcs
        # scipy takes an explicit 0 for "no connection": no segment is that short
        times = np.maximum(arcs.time_s[chosen], 1e-9)
        self._matrix = csr_array((times, (tail[fastest], head[fastest])), shape=(count, count))
        self._arc_of = {(int(tail), int(head)): int(arc) for tail, head, arc in
                        zip(tail[fastest], head[fastest], chosen, strict=True)}  # fmt: skip

    def times(self, sources: NDArray[np.int64], targets: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return travel times in seconds, shape (len(sources), len(targets)); inf where there is no way."""
        distinct, back = np.unique(sources, return_inverse=True)
        result = np.empty((len(distinct), len(targets)))
        for start in range(0, len(distinct), _SOURCES_AT_ONCE):
            chunk = distinct[start : start + _SOURCES_AT_ONCE]
            result[start : start + len(chunk)] = dijkstra(self._matrix, indices=chunk)[:, targets]
        return result[back.ravel()]

    def paths(self, pairs: Iterable[tuple[int, int]]) -> dict[tuple[int, int], list[int]]:
        """Return for each pair (source, target) the arcs of a fastest way, as numbers into the arcs.

        Raises
        ------
        ValueError
            There is no way: callers ask only for pairs with a finite time.
        """
        wanted: dict[int, set[int]] = defaultdict(set)
        for source, target in pairs:
            wanted[source].add(target)
        sources = np.array(sorted(wanted), dtype=np.int64)
        result: dict[tuple[int, int], list[int]] = {}
        for start in range(0, len(sources), _SOURCES_AT_ONCE):
            chunk = sources[start : start + _SOURCES_AT_ONCE]
            _, before = dijkstra(self._matrix, indices=chunk, return_predecessors=True)
            for row, source in zip(before, chunk.tolist(), strict=True):
                for target in sorted(wanted[source]):
                    result[source, target] = self._trace(row, source, target)
        return result

    def _trace(self, before: NDArray[np.int32], source: int, target: int) -> list[int]:
        way: list[int] = []
        node = target
        while node != source:
            previous = int(before[node])
            if previous < 0:
                raise ValueError(f"no way from node {source} to node {target}")
            way.append(self._arc_of[previous, node])
            node = previous
        return way[::-1]

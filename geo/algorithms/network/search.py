"""Dijkstra's search from many sources in a directed graph, compiled.

The queue is Dial's (Communications of the ACM 12, 1969): a ring of buckets of equal width instead of a heap, here wider than
the shortest arcs, so that a vertex whose time falls while its bucket is being emptied is looked at again; within a bucket
the search is that of Bellman and Ford, first in, first out. Times are summed from the source on, as in every Dijkstra's
search, so that they equal those of other programs to the last bit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geo.algorithms.compiled import kernel
from geo.errors import ParameterError

_BUCKETS_AT_MOST = 4096
_BUCKETS_IN_MEDIAN = 8  # of the arcs' times: 2 to 32 are about as fast on Philadelphia's streets
_SEED = -2
_Ints = NDArray[np.int32]
_Floats = NDArray[np.float64]
_Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Seeds:
    """Where each search begins: at one or more vertices, each with a time already spent.

    Attributes
    ----------
    first
        Shape (searches + 1,): where the vertices of each search begin.
    vertex, time_s
        Shape (s,): vertices and times, not negative.
    """

    first: NDArray[np.int64]
    vertex: NDArray[np.int64]
    time_s: NDArray[np.float64]


Begin = Callable[[NDArray[np.int64]], Seeds]
"""Sources → where the searches from them begin."""


class SearchGraph:
    """A directed graph to search in; parallel arcs and loops are allowed.

    Parameters
    ----------
    count
        Number of vertices.
    tail, head
        Shape (a,): vertices that each arc joins.
    time_s
        Shape (a,): times of the arcs, 0 allowed; arcs with infinite times cannot be used.

    Raises
    ------
    ParameterError
        A time is negative or not a number.
    IndexError
        A vertex does not exist, here and in searches: compiled code would read beyond its arrays.
    """

    def __init__(
        self, count: int, tail: NDArray[np.int64], head: NDArray[np.int64], time_s: NDArray[np.float64]
    ) -> None:
        if not (time_s >= 0).all():
            raise ParameterError(
                "Travel times must not be negative and not empty. Check lengths and speeds of the streets."
            )
        _require_inside(count, tail, head)
        self.count = count
        order = np.argsort(tail, kind="stable")
        self._arc = order[np.isfinite(time_s[order])]
        self._first = np.searchsorted(tail[self._arc], np.arange(count + 1)).astype(np.int32)
        self._tail = tail[self._arc].astype(np.int32)
        self._head = head[self._arc].astype(np.int32)
        self._time_s = time_s[self._arc].astype(np.float64)
        longest = float(self._time_s.max(initial=0.0))
        median = float(np.median(self._time_s)) if len(self._time_s) else 0.0
        self._width_s = max(median / _BUCKETS_IN_MEDIAN, longest / _BUCKETS_AT_MOST, 1e-9)
        self._longest_s = longest

    def times(
        self, sources: NDArray[np.int64], targets: NDArray[np.int64], begin: Begin, limit_s: float = np.inf
    ) -> NDArray[np.float64]:
        """Return the time from each source to each target, shape (sources, targets); inf where there is no way.

        Parameters
        ----------
        sources
            Shape (s,): what ``begin`` knows; they may repeat, each is searched from once.
        targets
            Shape (t,): vertices. A search ends once it has reached all of them.
        begin
            Tells where the searches from sources begin.
        limit_s
            Times above this are inf, and are not searched for.
        """
        distinct, back = np.unique(sources, return_inverse=True)
        if len(distinct) == len(sources):  # in their own order: to sort the rows back would take a copy
            return self._run(begin(sources), targets, limit_s, keep=False)[0]
        return self._run(begin(distinct), targets, limit_s, keep=False)[0][back.ravel()]

    def ways(self, pairs: Iterable[tuple[int, int]], begin: Begin) -> dict[tuple[int, int], list[int]]:
        """Return for each pair of a source and a target the arcs of a fastest way.

        Raises
        ------
        ValueError
            There is no way.
        """
        wanted: dict[int, set[int]] = defaultdict(set)
        for source, target in pairs:
            wanted[source].add(target)
        result: dict[tuple[int, int], list[int]] = {}
        for source, targets in sorted(wanted.items()):
            ends = np.array(sorted(targets), dtype=np.int64)
            _, before = self._run(begin(np.array([source], dtype=np.int64)), ends, np.inf, keep=True)
            for target in ends.tolist():
                way = self._trace(before, target)
                if way is None:
                    raise ValueError(f"no way from {source} to {target}")
                result[source, target] = way
        return result

    def _run(
        self, seeds: Seeds, targets: NDArray[np.int64], limit_s: float, *, keep: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Return the times, and, to be kept, the arc by which the last search reached each vertex: -1 none, -2 a seed."""
        _require_inside(self.count, seeds.vertex, targets)
        result = np.empty((len(seeds.first) - 1, len(targets)))
        before = np.full(self.count if keep else 0, -1, dtype=np.int32)
        longest = max(self._longest_s, float(seeds.time_s.max(initial=0.0)))
        width = max(self._width_s, longest / _BUCKETS_AT_MOST)
        room = self.count + len(self._head) + len(seeds.vertex)
        while not _search(
            (self._first, self._head, self._time_s),
            (seeds.first.astype(np.int64), seeds.vertex.astype(np.int32), seeds.time_s.astype(np.float64)),
            targets.astype(np.int32),
            float(limit_s),
            1.0 / width,
            int(longest / width) + 3,
            room,
            result,
            before,
        ):
            room *= 2
        return result, before

    def _trace(self, before: NDArray[np.int32], target: int) -> list[int] | None:
        way: list[int] = []
        arc = int(before[target])
        while arc >= 0:
            way.append(int(self._arc[arc]))
            arc = int(before[self._tail[arc]])
        return way[::-1] if arc == _SEED else None


def _require_inside(count: int, *vertices: NDArray[np.int64]) -> None:
    for some in vertices:
        if len(some) and not (some.min() >= 0 and some.max() < count):
            raise IndexError(f"vertices from {some.min()} to {some.max()} in a graph of {count}")


@kernel
def _search(
    graph: tuple[_Ints, _Ints, _Floats],
    seeds: tuple[NDArray[np.int64], _Ints, _Floats],
    targets: _Ints,
    limit_s: float,
    per_s: float,
    buckets: int,
    room: int,
    out: _Floats,
    before: _Ints,
) -> bool:
    """Run one search for each row of ``out``; ``per_s`` buckets hold a second, the queue is a ring of ``buckets`` lists.

    Entry ``room + bucket`` stands before the first of a bucket. An entry is void once its vertex was reached earlier by
    another way. Returns False when there is no room for more entries. (Growing the arrays here would double the time: the
    compiler could no longer keep them in registers.)
    """
    first, head, time_s = graph
    seed_first, seed_vertex, seed_time_s = seeds
    time = np.full(len(first) - 1, np.inf)
    is_missing = np.zeros(len(time), np.bool_)
    touched = np.empty(len(time), np.int32)
    entry_vertex, entry_time, entry_after = np.empty(room, np.int32), np.empty(room), np.empty(room + buckets, np.int32)
    bottom = np.empty(buckets, np.int32)
    last = np.int64(min(limit_s * per_s, 2.0**62))
    for row in range(len(out)):
        missing = _mark(targets, is_missing)
        low, high = seed_first[row], seed_first[row + 1]
        queued = used = seen = _begin(seed_vertex[low:high], seed_time_s[low:high], time, touched, before)
        turn = min(last, _fill(touched[:used], time, per_s, room, entry_vertex, entry_time, entry_after, bottom))
        entry = room + turn % buckets
        while queued:
            entry = entry_after[entry]
            if entry < 0:  # all that lies before the next bucket is settled
                slot = turn % buckets
                bottom[slot], entry_after[room + slot] = room + slot, -1
                turn += 1
                if missing == 0 or turn > last:
                    break
                entry = room + turn % buckets
                continue
            queued -= 1
            vertex = entry_vertex[entry]
            here = time[vertex]
            if entry_time[entry] > here:
                continue
            missing -= is_missing[vertex]
            is_missing[vertex] = False
            if used + first[vertex + 1] - first[vertex] > room:
                return False
            for arc in range(first[vertex], first[vertex + 1]):
                reached, new = head[arc], here + time_s[arc]
                if new < time[reached]:
                    if time[reached] == np.inf:
                        touched[seen] = reached
                        seen += 1
                    time[reached] = new
                    if len(before):
                        before[reached] = arc
                    slot = np.int64(new * per_s) % buckets
                    entry_vertex[used], entry_time[used], entry_after[used] = reached, new, -1
                    entry_after[bottom[slot]] = used
                    bottom[slot] = used
                    used += 1
                    queued += 1
        _end(targets, limit_s, touched[:seen], time, is_missing, out[row])
    return True


@kernel
def _mark(targets: _Ints, is_missing: _Flags) -> int:
    """Mark the targets; returns how many different ones there are."""
    count = 0
    for target in targets:
        count += not is_missing[target]
        is_missing[target] = True
    return count


@kernel
def _begin(seeds: _Ints, times: _Floats, time: _Floats, touched: _Ints, before: _Ints) -> int:
    """Give the seeds their times, the lowest where one comes twice; returns how many different ones there are."""
    seen = 0
    for number in range(len(seeds)):
        vertex = seeds[number]
        if time[vertex] == np.inf:
            touched[seen] = vertex
            seen += 1
        time[vertex] = min(time[vertex], times[number])
        if len(before):
            before[vertex] = _SEED
    return seen


@kernel
def _fill(
    vertices: _Ints,
    time: _Floats,
    per_s: float,
    room: int,
    entry_vertex: _Ints,
    entry_time: _Floats,
    entry_after: _Ints,
    bottom: _Ints,
) -> Any:
    """Empty the queue and put vertices into it; returns the first bucket that holds one."""
    buckets = len(bottom)
    entry_after[room:] = -1
    bottom[:] = np.arange(room, room + buckets)
    turn = np.int64(2**62)
    for entry in range(len(vertices)):
        entry_vertex[entry], entry_time[entry], entry_after[entry] = vertices[entry], time[vertices[entry]], -1
        slot = np.int64(entry_time[entry] * per_s)
        turn = min(turn, slot)
        entry_after[bottom[slot % buckets]] = entry
        bottom[slot % buckets] = entry
    return turn


@kernel
def _end(targets: _Ints, limit_s: float, touched: _Ints, time: _Floats, is_missing: _Flags, out: _Floats) -> None:
    """Write the times to the targets, and forget the search."""
    for column in range(len(targets)):
        vertex = targets[column]
        out[column] = time[vertex] if time[vertex] <= limit_s else np.inf
        is_missing[vertex] = False
    for vertex in touched:
        time[vertex] = np.inf

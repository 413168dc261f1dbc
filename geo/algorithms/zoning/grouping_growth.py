"""A first grouping: cells grow by joining neighbours across the borders that fewest departments draw."""

from __future__ import annotations

import heapq

from geo.algorithms.zoning.grouping_state import Ground


def grow_cells(ground: Ground) -> list[int]:
    """Return a cell for each face, grown from single faces.

    Of two neighbouring cells that both fit below the upper bound, those are joined first whose border has the largest gain
    per wanted outline, balance included; cells below the lower bound go on joining at a loss. Ties are broken by number, so
    that the result depends on the faces alone.
    """
    count = len(ground.sizes)
    size, parent = list(ground.sizes), list(range(count))
    borders = [dict(links) for links in ground.neighbours]
    version = [0] * count
    heap = [(_loss(ground, size, borders, one, two), one, two, 0, 0) for one, two in ground.pairs]
    heapq.heapify(heap)
    while heap:
        loss, one, two, version_one, version_two = heapq.heappop(heap)
        if version[one] != version_one or version[two] != version_two or loss == float("inf"):
            continue
        if loss >= 0 and size[one] >= ground.lower and size[two] >= ground.lower:
            continue
        into, gone = (one, two) if len(borders[one]) >= len(borders[two]) else (two, one)
        _join(into, gone, size, borders, parent)
        version[into] += 1
        version[gone] += 1
        for other in borders[into]:
            low, high = (into, other) if into < other else (other, into)
            heapq.heappush(heap, (_loss(ground, size, borders, low, high), low, high, version[low], version[high]))
    return [_root(face, parent) for face in range(count)]


def _loss(ground: Ground, size: list[float], borders: list[dict[int, float]], one: int, two: int) -> float:
    """Return what joining two cells adds to the objective per size of the smaller one; infinite above the upper bound."""
    together = size[one] + size[two]
    if together > ground.upper:
        return float("inf")
    change = ground.imbalance(together) - ground.imbalance(size[one]) - ground.imbalance(size[two])
    return (change - borders[one][two]) / (min(size[one], size[two]) / ground.wanted + 1e-3)


def _join(into: int, gone: int, size: list[float], borders: list[dict[int, float]], parent: list[int]) -> None:
    del borders[into][gone], borders[gone][into]
    for other, gain in borders[gone].items():
        del borders[other][gone]
        total = borders[into].get(other, 0.0) + gain
        borders[into][other] = borders[other][into] = total
    borders[gone] = {}
    size[into] += size[gone]
    parent[gone] = into


def _root(face: int, parent: list[int]) -> int:
    while parent[face] != face:
        parent[face] = parent[parent[face]]
        face = parent[face]
    return face

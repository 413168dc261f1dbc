"""Dissolving slivers: faces too thin or too small to be a cell of anybody's.

The rule
--------
A group of faces is a sliver when its mean width ``2·area/perimeter`` or its area is below a limit. Slivers are taken
smallest first. Each joins the neighbour in its own community with the largest *score* ``shared border × (1 + number of
zonings that hold both in the same cell)``. So ground goes where it shares most border with and where fewest departments see
it change hands. The joined group keeps the membership of its larger part. A sliver without such a neighbour stays and is
reported.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.algorithms.partition.linework import Floats, Ints
from geo.errors import ParameterError


@dataclass(frozen=True)
class SliverParams:
    """Limits below which a piece is a sliver.

    Attributes
    ----------
    min_width_m
        Mean width; borders drawn from paper maps of 1:2,000 to 1:10,000 disagree by up to 15 m.
    min_area_m2
        Area; 5 % of a usual unit cell (万米单元网格, 10,000 m²).
    """

    min_width_m: float = 15.0
    min_area_m2: float = 500.0

    def __post_init__(self) -> None:
        if self.min_width_m < 0 or self.min_area_m2 < 0:
            raise ParameterError("The limits of slivers must not be negative.")


@dataclass(frozen=True)
class Pieces:
    """Faces to be grouped.

    Attributes
    ----------
    areas_m2, perimeters_m
        Shape (f,).
    members
        Shape (f, k): row of the cell of each zoning that holds the face, below 0 for none.
    community
        Shape (f,): community that the face belongs to; no group has faces of two.
    first, second, lengths_m
        Shape (b,): pairs of neighbours, each pair once, and the border they share.
    """

    areas_m2: Floats
    perimeters_m: Floats
    members: Ints
    community: Ints
    first: Ints
    second: Ints
    lengths_m: Floats


@dataclass(frozen=True)
class SliverResult:
    """Faces grouped so that no group is a sliver.

    Attributes
    ----------
    groups
        Shape (f,): number of the group of each face, from 0 without holes.
    dissolved
        Shape (f,): whether the face was (part of) a sliver that joined a neighbour.
    remaining
        Numbers of the groups that are slivers still, for want of a neighbour.
    """

    groups: Ints
    dissolved: NDArray[np.bool_]
    remaining: Ints


class _Groups:
    """Union-find over faces with area, perimeter, membership and neighbours of each group."""

    def __init__(self, pieces: Pieces) -> None:
        count = len(pieces.areas_m2)
        self.parent = list(range(count))
        self.area = pieces.areas_m2.tolist()
        self.perimeter = pieces.perimeters_m.tolist()
        self.members = [tuple(row) for row in pieces.members.tolist()]
        self.community = pieces.community.tolist()
        self.neighbours: list[dict[int, float]] = [{} for _ in range(count)]
        # rounded, so that scores do not depend on the order in which lengths were added up
        lengths = np.round(pieces.lengths_m, 6).tolist()
        for one, two, length in zip(pieces.first.tolist(), pieces.second.tolist(), lengths, strict=True):
            self.neighbours[one][two] = length
            self.neighbours[two][one] = length

    def root(self, face: int) -> int:
        while self.parent[face] != face:
            self.parent[face] = self.parent[self.parent[face]]
            face = self.parent[face]
        return face

    def join(self, small: int, into: int) -> int:
        """Join two neighbours; number and membership of the larger one stay."""
        if self.area[small] > self.area[into]:
            small, into = into, small
        shared = self.neighbours[into].pop(small)
        self.neighbours[small].pop(into)
        for other, length in self.neighbours[small].items():
            self.neighbours[other].pop(small)
            total = self.neighbours[into].get(other, 0.0) + length
            self.neighbours[into][other] = self.neighbours[other][into] = total
        self.neighbours[small] = {}
        self.parent[small] = into
        self.area[into] += self.area[small]
        self.perimeter[into] += self.perimeter[small] - 2 * shared
        return into

    def is_sliver(self, group: int, params: SliverParams) -> bool:
        width = 2 * self.area[group] / self.perimeter[group]
        return bool(width < params.min_width_m or self.area[group] < params.min_area_m2)

    def best_neighbour(self, group: int) -> int | None:
        """Return the neighbour that a sliver joins, or None."""
        mine = self.members[group]
        best, best_score = None, 0.0
        for other, length in sorted(self.neighbours[group].items()):
            if self.community[other] != self.community[group]:
                continue
            agreeing = sum(a == b >= 0 for a, b in zip(mine, self.members[other], strict=True))
            if (score := length * (1 + agreeing)) > best_score:
                best, best_score = other, score
        return best


def dissolve_slivers(pieces: Pieces, start: Ints, params: SliverParams) -> SliverResult:
    """Group faces by the rule of this module.

    Parameters
    ----------
    pieces
        The faces.
    start
        Shape (f,): neighbouring faces with the same number are one cell from the start.
    params
        Limits.
    """
    groups = _Groups(pieces)
    same = start[pieces.first] == start[pieces.second]
    for one, two in zip(pieces.first[same].tolist(), pieces.second[same].tolist(), strict=True):
        small, into = groups.root(one), groups.root(two)
        if small != into:
            groups.join(small, into)
    count = len(start)
    roots = {groups.root(face) for face in range(count)}
    slivers = [(groups.area[group], group) for group in roots if groups.is_sliver(group, params)]
    was_sliver = {group for _, group in slivers}
    sliver_root = np.array([groups.root(face) in was_sliver for face in range(count)], dtype=bool)
    remaining: set[int] = set()
    heapq.heapify(slivers)
    while slivers:
        area, group = heapq.heappop(slivers)
        if groups.root(group) != group or groups.area[group] != area or not groups.is_sliver(group, params):
            continue
        target = groups.best_neighbour(group)
        if target is None:
            remaining.add(group)
            continue
        joined = groups.join(group, target)
        if groups.is_sliver(joined, params):
            heapq.heappush(slivers, (groups.area[joined], joined))
    final = np.array([groups.root(face) for face in range(count)], dtype=np.int64)
    numbers, renumbered = np.unique(final, return_inverse=True)
    kept = np.array([group for group in sorted(remaining) if groups.root(group) == group], dtype=np.int64)
    return SliverResult(
        renumbered.ravel().astype(np.int64),
        sliver_root & ~np.isin(final, kept),
        np.searchsorted(numbers, kept),
    )

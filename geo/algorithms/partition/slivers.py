"""Dissolving slivers: faces too thin or too small to be a cell of anybody's.

The rule
--------
A group of faces is a sliver when its mean width ``2·area/perimeter`` or its area is below a limit. Slivers are taken
smallest first. Each joins one neighbour: one of its own community where there is one; among these the one with the largest
*score* ``shared border × (1 + number of zonings that hold both in the same cell)``. So ground goes where it shares most
border with and where fewest departments see it change hands. The joined group keeps the membership of its larger part,
and the community of the part that lies in one. A sliver without such a neighbour stays and is reported.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.algorithms.partition.adjacency import SharedBorders
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

    groups: NDArray[np.int64]
    dissolved: NDArray[np.bool_]
    remaining: NDArray[np.int64]


class _Groups:
    """Union-find over faces with area, perimeter, membership and neighbours of each group."""

    def __init__(
        self,
        polygons: NDArray[np.object_],
        members: NDArray[np.int64],
        borders: SharedBorders,
        community_layer: int,
    ) -> None:
        self.community_layer = community_layer
        self.parent = list(range(len(polygons)))
        self.area = shapely.area(polygons).tolist()
        self.perimeter = shapely.length(polygons).tolist()
        self.members = [tuple(row) for row in members.tolist()]
        self.neighbours: list[dict[int, float]] = [{} for _ in polygons]
        pairs = zip(borders.first.tolist(), borders.second.tolist(), borders.lengths_m.tolist(), strict=True)
        for one, two, length in pairs:
            self.neighbours[one][two] = length
            self.neighbours[two][one] = length

    def root(self, face: int) -> int:
        while self.parent[face] != face:
            self.parent[face] = self.parent[self.parent[face]]
            face = self.parent[face]
        return face

    def join(self, small: int, into: int) -> int:
        """Join two groups; the larger one's number and membership stay, and the community if only one has it."""
        if self.area[small] > self.area[into]:
            small, into = into, small
        layer = self.community_layer
        if self.members[into][layer] < 0:
            member = self.members[into]
            self.members[into] = (*member[:layer], self.members[small][layer], *member[layer + 1 :])
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


def dissolve_slivers(
    polygons: NDArray[np.object_],
    members: NDArray[np.int64],
    borders: SharedBorders,
    community_layer: int,
    params: SliverParams,
) -> SliverResult:
    """Group faces by the rule of this module.

    Neighbouring faces with the same membership are one cell from the start.

    Parameters
    ----------
    polygons
        Shape (f,).
    members
        Shape (f, k), see :class:`geo.algorithms.partition.overlay.Faces`.
    borders
        Neighbours among the faces.
    community_layer
        Column of ``members`` that holds the community; no group grows across its border while it has a neighbour inside.
    params
        Limits.
    """
    groups = _Groups(polygons, members, borders, community_layer)
    same = (members[borders.first] == members[borders.second]).all(axis=1)
    for one, two in zip(borders.first[same].tolist(), borders.second[same].tolist(), strict=True):
        small, into = groups.root(one), groups.root(two)
        if small != into:
            groups.join(small, into)
    roots = {groups.root(face) for face in range(len(polygons))}
    slivers = [(groups.area[group], group) for group in roots if groups.is_sliver(group, params)]
    was_sliver = {group for _, group in slivers}
    sliver_root = np.array([groups.root(face) in was_sliver for face in range(len(polygons))], dtype=bool)
    remaining: set[int] = set()
    heapq.heapify(slivers)
    while slivers:
        area, group = heapq.heappop(slivers)
        if groups.root(group) != group or groups.area[group] != area or not groups.is_sliver(group, params):
            continue
        target = _best_neighbour(groups, group, community_layer)
        if target is None:
            remaining.add(group)
            continue
        joined = groups.join(group, target)
        if groups.is_sliver(joined, params):
            heapq.heappush(slivers, (groups.area[joined], joined))
    final = np.array([groups.root(face) for face in range(len(polygons))], dtype=np.int64)
    numbers, renumbered = np.unique(final, return_inverse=True)
    kept = np.array([group for group in remaining if groups.root(group) == group], dtype=np.int64)
    return SliverResult(
        renumbered.ravel().astype(np.int64),
        sliver_root & ~np.isin(final, kept),
        np.searchsorted(numbers, kept),
    )


def _best_neighbour(groups: _Groups, group: int, community_layer: int) -> int | None:
    mine = groups.members[group]
    best, best_score = None, 0.0
    for other, length in sorted(groups.neighbours[group].items()):
        theirs = groups.members[other]
        inside = mine[community_layer] == theirs[community_layer]
        if not inside and mine[community_layer] >= 0:
            continue
        agreeing = sum(
            a == b >= 0 for layer, (a, b) in enumerate(zip(mine, theirs, strict=True)) if layer != community_layer
        )
        if (score := length * (1 + agreeing)) > best_score:
            best, best_score = other, score
    return best

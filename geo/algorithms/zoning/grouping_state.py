"""The state of a grouping of one community's faces, its moves, and what a move changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from geo.algorithms.zoning.grouping import GroupingProblem, OptimiseParams

Move = Mapping[int, int]
"""Face → the cell that it goes to, for the faces that change their cell."""


class Score(NamedTuple):
    """A value of the objective, or a difference of two.

    Attributes
    ----------
    violation, objective_m
        See :mod:`geo.algorithms.zoning.grouping`; compared in this order.
    """

    violation: float
    objective_m: float


@dataclass(frozen=True)
class Ground:
    """One community, prepared for moves.

    Cutting a border changes the objective by its *gain* ``w·L·(1 − 2·d/n + c)``: below zero where most departments draw it.

    Attributes
    ----------
    sizes
        Size of each face, as it counts.
    neighbours
        For each face the faces it shares border with, and the gain of each of these borders.
    pairs
        The neighbouring faces, each pair once.
    uncut_m
        Objective of the borders when nothing is cut.
    lower, upper, wanted
        Bounds of a cell and the size it should have.
    balance_m
        Weight of the squared relative deviation from the wanted size.
    """

    sizes: list[float]
    neighbours: list[list[tuple[int, float]]]
    pairs: list[tuple[int, int]]
    uncut_m: float
    lower: float
    upper: float
    wanted: float
    balance_m: float

    def excess(self, size: float) -> float:
        """Return by which share a cell of this size violates the bounds."""
        if size < self.lower:
            return 1 - size / self.lower
        return size / self.upper - 1 if size > self.upper else 0.0

    def imbalance(self, size: float) -> float:
        """Return what the deviation of a cell from the wanted size adds to the objective, metres."""
        ratio = size / self.wanted - 1
        return self.balance_m * ratio * ratio


def prepare_ground(problem: GroupingProblem, params: OptimiseParams) -> Ground:
    """Prepare the faces of one community.

    Parameters
    ----------
    problem
        All faces lie in one community.
    params
        Bounds and weights.
    """
    sizes = params.counted(problem.sizes(params))
    count = problem.faces
    positive = problem.lengths_m > 0
    lengths, drawn = problem.lengths_m[positive], problem.drawn[positive] / problem.n_zonings
    ends = np.sort(np.column_stack((problem.first[positive], problem.second[positive])), axis=1)
    pairs, number = np.unique(ends, axis=0, return_inverse=True)
    gains = params.border_weight * lengths * (1 - 2 * drawn + params.compactness)
    totals = np.bincount(number.ravel(), weights=gains, minlength=len(pairs))
    neighbours: list[list[tuple[int, float]]] = [[] for _ in range(count)]
    for one, two, gain in zip(pairs[:, 0].tolist(), pairs[:, 1].tolist(), totals.tolist(), strict=True):
        neighbours[one].append((two, gain))
        neighbours[two].append((one, gain))
    cells = max(1.0, float(sizes.sum()) / params.wanted)
    unit_m = 4 * float(np.sqrt(problem.areas_m2.sum() / cells))
    return Ground(
        sizes=sizes.tolist(),
        neighbours=neighbours,
        pairs=[(one, two) for one, two in pairs.tolist()],
        uncut_m=params.border_weight * float((lengths * drawn).sum()),
        lower=params.lower,
        upper=params.upper,
        wanted=params.wanted,
        balance_m=(1 - params.border_weight) * unit_m,
    )


class Grouping:
    """Faces in cells.

    Attributes
    ----------
    ground
        The community.
    cell
        Cell of each face.
    members
        Faces of each cell; some cells may be empty.
    size
        Size of each cell.
    score
        Value of the objective, kept up to date.
    """

    def __init__(self, ground: Ground, cell: list[int]) -> None:
        self.ground = ground
        self.cell = list(cell)
        self.members: list[set[int]] = [set() for _ in range(len(cell) + 1)]
        self.size = [0.0] * (len(cell) + 1)
        for face, number in enumerate(cell):
            self.members[number].add(face)
            self.size[number] += ground.sizes[face]
        self._empty = [number for number, faces in enumerate(self.members) if not faces]
        self.score = self.value()

    def value(self) -> Score:
        """Return the value of the objective, computed from nothing but the cells of the faces."""
        ground, cell = self.ground, self.cell
        size: dict[int, float] = {}
        objective_m = ground.uncut_m
        for face, number in enumerate(cell):
            size[number] = size.get(number, 0.0) + ground.sizes[face]
            for other, gain in ground.neighbours[face]:
                if other > face and cell[other] != number:
                    objective_m += gain
        objective_m += sum(ground.imbalance(one) for one in size.values())
        return Score(sum(ground.excess(one) for one in size.values()), objective_m)

    def empty_cell(self) -> int:
        """Return the number of a cell without faces."""
        while self.members[self._empty[-1]]:
            self._empty.pop()
        return self._empty[-1]

    def delta(self, move: Move) -> Score:
        """Return by how much a move changes the value."""
        cell, neighbours, sizes = self.cell, self.ground.neighbours, self.ground.sizes
        cut = 0.0
        grown: dict[int, float] = {}
        joined: dict[int, int] = {}
        for face, target in move.items():
            source = cell[face]
            grown[source] = grown.get(source, 0.0) - sizes[face]
            grown[target] = grown.get(target, 0.0) + sizes[face]
            joined[source] = joined.get(source, 0) - 1
            joined[target] = joined.get(target, 0) + 1
            for other, gain in neighbours[face]:
                there = move.get(other)
                if there is None:
                    there = cell[other]
                elif other < face:
                    continue
                cut += gain * ((target != there) - (source != cell[other]))
        violation = 0.0
        for number, growth in grown.items():
            was, faces = self.size[number], len(self.members[number])
            if faces:
                violation -= self.ground.excess(was)
                cut -= self.ground.imbalance(was)
            if faces + joined[number]:
                violation += self.ground.excess(was + growth)
                cut += self.ground.imbalance(was + growth)
        return Score(violation, cut)

    def delta_shift(self, face: int, target: int) -> Score:
        """Return what :meth:`delta` does for one face that goes to a cell with faces; quicker."""
        ground, cell = self.ground, self.cell
        source = cell[face]
        cut = 0.0
        for other, gain in ground.neighbours[face]:
            number = cell[other]
            if number == source:
                cut += gain
            elif number == target:
                cut -= gain
        amount, old, new = ground.sizes[face], self.size[source], self.size[target]
        excess, imbalance = ground.excess, ground.imbalance
        violation = excess(new + amount) - excess(new) - excess(old)
        cut += imbalance(new + amount) - imbalance(new) - imbalance(old)
        if len(self.members[source]) > 1:
            violation += excess(old - amount)
            cut += imbalance(old - amount)
        return Score(violation, cut)

    def apply(self, move: Move, delta: Score) -> None:
        """Carry out a move whose change of the value is known."""
        sizes = self.ground.sizes
        touched = set(move.values())
        for face, target in move.items():
            source = self.cell[face]
            touched.add(source)
            self.members[source].remove(face)
            self.members[target].add(face)
            self.cell[face] = target
            self.size[source] -= sizes[face]
            self.size[target] += sizes[face]
        for number in touched:
            if not self.members[number]:
                self.size[number] = 0.0
                self._empty.append(number)
        self.score = Score(self.score.violation + delta.violation, self.score.objective_m + delta.objective_m)

    def split_off(self, face: int) -> list[set[int]]:
        """Return the connected parts that a cell falls into without one of its faces.

        Neighbours that are linked among themselves are found first; only when they are not, the cell is searched.
        """
        cell, neighbours = self.cell, self.ground.neighbours
        number = cell[face]
        near = [other for other, _ in neighbours[face] if cell[other] == number]
        if len(near) <= 1:
            return [self.members[number] - {face}]
        if _reached(near[0], set(near), neighbours) == len(near):
            return [self.members[number] - {face}]
        rest = self.members[number] - {face}
        parts: list[set[int]] = []
        while rest:
            part = _connected_part(min(rest) if not parts else next(iter(rest)), rest, neighbours)
            rest -= part
            parts.append(part)
        return parts


def _reached(start: int, faces: set[int], neighbours: list[list[tuple[int, float]]]) -> int:
    """Return how many of the faces hang together with the first one, by borders among themselves."""
    return len(_connected_part(start, faces, neighbours))


def _connected_part(start: int, faces: set[int], neighbours: list[list[tuple[int, float]]]) -> set[int]:
    part, waiting = {start}, [start]
    while waiting:
        for other, _ in neighbours[waiting.pop()]:
            if other in faces and other not in part:
                part.add(other)
                waiting.append(other)
    return part

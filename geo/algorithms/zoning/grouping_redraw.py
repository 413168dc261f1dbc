"""Redrawing one or two cells at once: a random spanning tree over their faces, cut where that is best.

Every edge of the tree cuts the faces into two connected parts. All these cuts are valued in one pass: a border counts for
the tree edges on the way between its faces, so its gain is added at both faces, taken away twice where their ways to the
root meet, and summed up from the leaves (the recombination of districts, DeFord, Duchin and Solomon 2021, with the best
cut instead of any balanced one).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import NamedTuple

from geo.algorithms.zoning.grouping_state import Ground, Grouping, Move, Score

Dice = Callable[[], float]
"""Returns the next random number, 0–1."""


class _Tree(NamedTuple):
    """A rooted spanning tree: faces from the root outwards, parent and depth of each."""

    order: list[int]
    parent: dict[int, int]
    depth: dict[int, int]


class Redrawing(NamedTuple):
    """A redrawing that was found.

    Attributes
    ----------
    move, delta
        The move and what it changes.
    cuts
        Number of cuts that were valued for it.
    """

    move: Move
    delta: Score
    cuts: int


def redraw(
    state: Grouping, one: int, two: int | None, dice: Dice, noise_m: float, penalty_m: float
) -> Redrawing | None:
    """Return the best way to draw one or two neighbouring cells anew along a random tree; None when none changes anything.

    One cell is split; two are cut elsewhere or become one.

    Parameters
    ----------
    state
        The grouping.
    one, two
        The cells.
    dice
        Source of chance.
    noise_m
        How much chance counts against the gain of a border in building the tree.
    penalty_m
        Weight of violation against the objective.
    """
    ground = state.ground
    faces = state.members[one] if two is None else state.members[one] | state.members[two]
    if len(faces) < 2:
        return None
    tree = _random_tree(ground, faces, dice, noise_m)
    cuts = _gains_of_cuts(ground, tree, faces)
    amounts = {face: ground.sizes[face] for face in faces}
    for face in reversed(tree.order[1:]):
        amounts[tree.parent[face]] += amounts[face]
    whole = amounts[tree.order[0]]

    def cost(size: float) -> float:
        return ground.imbalance(size) + penalty_m * ground.excess(size)

    best, best_cost = tree.order[0], cost(whole) if two is not None else float("inf")
    for face in tree.order[1:]:
        part = amounts[face]
        if (total := cuts[face] + cost(part) + cost(whole - part)) < best_cost:
            best, best_cost = face, total
    part_faces = _subtree(tree, best)
    move = _as_move(state, faces, part_faces, one, two)
    return Redrawing(move, state.delta(move), len(faces)) if move else None


def _random_tree(ground: Ground, faces: set[int], dice: Dice, noise_m: float) -> _Tree:
    """Return a spanning tree that prefers borders with a large gain, so that cuts of it follow drawn borders."""
    ordered = sorted(faces)
    root = ordered[int(dice() * len(ordered))]
    order: list[int] = []
    parent: dict[int, int] = {}
    depth: dict[int, int] = {}
    heap = [(0.0, root, root)]
    while heap:
        _, face, before = heapq.heappop(heap)
        if face in depth:
            continue
        order.append(face)
        parent[face] = before
        depth[face] = depth[before] + 1 if before != face else 0
        for other, gain in ground.neighbours[face]:
            if other in faces and other not in depth:
                heapq.heappush(heap, (dice() * noise_m - gain, other, face))
    return _Tree(order, parent, depth)


def _gains_of_cuts(ground: Ground, tree: _Tree, faces: set[int]) -> dict[int, float]:
    """Return for each face the gain of all borders that are cut when its branch is separated."""
    _, parent, depth = tree
    cuts = dict.fromkeys(tree.order, 0.0)
    for face in tree.order:
        for other, gain in ground.neighbours[face]:
            if other < face or other not in faces:
                continue
            cuts[face] += gain
            cuts[other] += gain
            one, two = face, other
            while one != two:
                if depth[one] < depth[two]:
                    one, two = two, one
                one = parent[one]
            cuts[one] -= 2 * gain
    for face in reversed(tree.order[1:]):
        cuts[parent[face]] += cuts[face]
    return cuts


def _subtree(tree: _Tree, top: int) -> set[int]:
    inside = {top}
    for face in tree.order[1:]:
        if tree.parent[face] in inside:
            inside.add(face)
    return inside


def _as_move(state: Grouping, faces: set[int], part: set[int], one: int, two: int | None) -> Move:
    """Return the move that makes one cell of the part and another of the rest, with as few faces as possible."""
    if two is None:
        target = state.empty_cell()
        smaller = part if 2 * len(part) <= len(faces) else faces - part
        return dict.fromkeys(sorted(smaller), target)
    agree = sum((state.cell[face] == one) == (face in part) for face in faces)
    if 2 * agree < len(faces):
        one, two = two, one
    targets: Iterable[tuple[int, int]] = ((face, one if face in part else two) for face in sorted(faces))
    return {face: target for face, target in targets if state.cell[face] != target}

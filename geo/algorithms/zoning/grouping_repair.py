"""Cells that stayed outside the bounds: each is grouped anew together with its neighbours, as a small community.

What lies around does not change: borders between the chosen cells and others stay borders of cells. So the difference that
it makes there is the difference for the whole.
"""

from __future__ import annotations

from collections import deque

from geo.algorithms.zoning.grouping_redraw import Dice
from geo.algorithms.zoning.grouping_search import SMALL, Annealing
from geo.algorithms.zoning.grouping_state import Ground, Grouping

_TRIES = 3_000
_MOST_CELLS = 200
"""Cells of a community that are looked at; a search that leaves more was too short for its bounds."""
_LEAST_EXCESS = 1e-9


def repair_cells(ground: Ground, cells: list[int], dice: Dice) -> list[int]:
    """Return cells with less violation, or the same ones.

    Parameters
    ----------
    ground
        The community.
    cells
        Cell of each face.
    dice
        Source of chance.
    """
    cells = list(cells)
    members: dict[int, list[int]] = {}
    for face, number in enumerate(cells):
        members.setdefault(number, []).append(face)
    fresh = max(cells, default=0) + 1
    for number in _outside_bounds(ground, members)[:_MOST_CELLS]:
        if number not in members:
            continue
        chosen = _surroundings(ground, cells, members, number)
        faces = sorted(face for one in chosen for face in members[one])
        part = _part_of(ground, faces)
        before = Grouping(part, _from_zero([cells[face] for face in faces]))
        first = before.score
        found = Annealing(before, dice).run(lambda tries: tries / _TRIES if tries < _TRIES else None)
        if Grouping(part, found).score.violation >= first.violation - _LEAST_EXCESS:
            continue
        for one in chosen:
            del members[one]
        for face, group in zip(faces, _from_zero(found), strict=True):
            cells[face] = fresh + group
            members.setdefault(fresh + group, []).append(face)
        fresh += len(faces)
    return _from_zero(cells)


def _outside_bounds(ground: Ground, members: dict[int, list[int]]) -> list[int]:
    """Return the cells outside the bounds."""
    sizes = {number: sum(ground.sizes[face] for face in faces) for number, faces in members.items()}
    return [number for number, size in sizes.items() if ground.excess(size) > _LEAST_EXCESS]


def _surroundings(ground: Ground, cells: list[int], members: dict[int, list[int]], number: int) -> list[int]:
    """Return a cell and the nearest ones around it, as many as make a small community."""
    chosen, waiting, count = [number], deque([number]), len(members[number])
    while waiting:
        for face in members[waiting.popleft()]:
            for other, _ in ground.neighbours[face]:
                near = cells[other]
                if near not in chosen and count + len(members[near]) <= SMALL:
                    chosen.append(near)
                    waiting.append(near)
                    count += len(members[near])
    return chosen


def _part_of(ground: Ground, faces: list[int]) -> Ground:
    """Return some faces of a community as a community of their own."""
    place = {face: row for row, face in enumerate(faces)}
    neighbours = [[(place[other], gain) for other, gain in ground.neighbours[face] if other in place] for face in faces]
    return Ground(
        sizes=[ground.sizes[face] for face in faces],
        neighbours=neighbours,
        pairs=[(one, two) for one, links in enumerate(neighbours) for two, _ in links if one < two],
        uncut_m=0.0,
        lower=ground.lower,
        upper=ground.upper,
        wanted=ground.wanted,
        balance_m=ground.balance_m,
    )


def _from_zero(cells: list[int]) -> list[int]:
    """Return the cells numbered from 0 without holes."""
    numbers: dict[int, int] = {}
    return [numbers.setdefault(number, len(numbers)) for number in cells]

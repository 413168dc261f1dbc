"""The optimised policy: faces become cells that follow the departments' borders as far as bounds of size allow.

Each community is grouped on its own, with its own source of chance, so that its cells do not depend on any other
community: grow cells, improve them by moves, repair what is still outside the bounds, number them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.algorithms.zoning.grouping import GroupingProblem, GroupingResult, OptimiseParams
from geo.algorithms.zoning.grouping_growth import grow_cells
from geo.algorithms.zoning.grouping_objective import find_violations, value_parts
from geo.algorithms.zoning.grouping_repair import repair_cells
from geo.algorithms.zoning.grouping_search import SMALL, Annealing, make_dice
from geo.algorithms.zoning.grouping_state import Ground, Grouping, prepare_ground
from geo.errors import CancelledError
from geo.model.progress import Progress, ignore_progress

_FEWEST_TRIES = 3_000
"""Tries for a community of a few faces; they take some hundredths of a second."""


@dataclass(frozen=True)
class _Community:
    """One community on its way: its faces in the whole problem, and their cells."""

    key: str
    faces: NDArray[np.int64]
    ground: Ground
    cells: list[int]


def optimise_cells(
    problem: GroupingProblem,
    params: OptimiseParams,
    progress: Progress = ignore_progress,
    keys: Sequence[str] | None = None,
) -> GroupingResult:
    """Group the faces of any number of communities into cells.

    A stop through ``progress`` while cells are being improved ends the search; the best cells so far are returned with
    ``stopped_early``.

    Parameters
    ----------
    problem
        Faces and borders. The result for a community depends on its own faces, in the order in which they are given.
    params
        Bounds, weights, and how long to search.
    progress
        Told how far it is; may raise to stop.
    keys
        Name of each community, by its number; seeds its source of chance. Codes of communities are right: they stay when
        other communities come and go. Without names, the numbers are taken.

    Raises
    ------
    ParameterError
        The faces have no amounts of the measure.
    CancelledError
        Stopped before there was a first grouping.
    """
    problem.sizes(params)
    progress("Growing cells", 0.0)
    communities, grown = [], 0
    for number, faces, part in split_communities(problem):
        ground = prepare_ground(part, params)
        key = str(number) if keys is None else keys[number]
        communities.append(_Community(key, faces, ground, grow_cells(ground)))
        grown += len(faces)
        progress("Growing cells", 0.2 * grown / problem.faces)
    search = _Search(params, progress, problem.faces)
    cells = np.empty(problem.faces, dtype=np.int64)
    highest = 0
    for community in communities:
        found = np.asarray(search.improve(community), dtype=np.int64)
        cells[community.faces] = highest + found
        highest += int(found.max()) + 1
    groups = _numbered(cells)
    return GroupingResult(
        groups=groups,
        parts=value_parts(problem, params, groups),
        violations=find_violations(problem, params, groups),
        moves=search.moves,
        stopped_early=search.stopped,
        out_of_time=search.out_of_time,
    )


def split_communities(problem: GroupingProblem) -> Iterator[tuple[int, NDArray[np.int64], GroupingProblem]]:
    """Yield for each community its number, its faces in the whole problem, and the problem of these alone.

    Parameters
    ----------
    problem
        Borders between faces of different communities are left out.
    """
    order = np.argsort(problem.community, kind="stable")
    numbers, starts = np.unique(problem.community[order], return_index=True)
    inner = np.flatnonzero(problem.community[problem.first] == problem.community[problem.second])
    home = problem.community[problem.first[inner]]
    inner = inner[np.argsort(home, kind="stable")]
    home = np.sort(home)
    place = np.empty(problem.faces, dtype=np.int64)
    if not problem.faces:
        return
    for number, faces in zip(numbers.tolist(), np.split(order, starts[1:]), strict=True):
        place[faces] = np.arange(len(faces))
        borders = inner[np.searchsorted(home, number) : np.searchsorted(home, number, side="right")]
        part = GroupingProblem(
            areas_m2=problem.areas_m2[faces],
            community=problem.community[faces],
            amounts={name: values[faces] for name, values in problem.amounts.items()},
            first=place[problem.first[borders]],
            second=place[problem.second[borders]],
            lengths_m=problem.lengths_m[borders],
            drawn=problem.drawn[borders],
            n_zonings=problem.n_zonings,
        )
        yield number, faces, part


class _Search:
    """The improvement of one community after the other within a common limit of time.

    Attributes
    ----------
    moves
        Moves valued.
    stopped, out_of_time
        What ended the search before its tries were used up.
    """

    def __init__(self, params: OptimiseParams, progress: Progress, faces: int) -> None:
        self._params, self._progress, self._faces = params, progress, faces
        self._begun = self._reported = time.monotonic()
        self._faces_done = 0
        self.moves = 0
        self.stopped = self.out_of_time = False

    def improve(self, community: _Community) -> list[int]:
        """Return better cells of one community, or the same ones when the search has ended."""
        faces = len(community.faces)
        cells = community.cells
        if faces > 1 and not self.stopped:
            dice = make_dice(self._params.seed, community.key)
            annealing = Annealing(Grouping(community.ground, cells), dice)
            cells = annealing.run(self._stop(faces))
            self.moves += annealing.moves
            if faces > SMALL and annealing.moves and not self.stopped:
                cells = repair_cells(community.ground, cells, dice)
        self._faces_done += faces
        return cells

    def _stop(self, faces: int) -> Callable[[int], float | None]:
        """Return the stopping rule of a community: its number of tries, and its share of the time by its faces."""
        per_face, seconds = self._params.moves_per_face, self._params.seconds
        planned = max(_FEWEST_TRIES, per_face * faces) if per_face else per_face
        begun = time.monotonic()
        share = (self._faces_done + faces) / self._faces
        deadline = float("inf") if seconds is None else self._begun + seconds * share

        def rule(tries: int) -> float | None:
            now = time.monotonic()
            done = tries / planned if planned else (now - begun) / max(deadline - begun, 1e-9)
            self._tell(now, min(1.0, (self._faces_done + min(done, 1.0) * faces) / self._faces))
            if planned is not None and tries >= planned:
                return None
            if now >= deadline:
                self.out_of_time = True
            return None if self.stopped or now >= deadline else done

        return rule

    def _tell(self, now: float, done: float) -> None:
        if now - self._reported < 0.2 or self.stopped:
            return
        self._reported = now
        try:
            self._progress("Improving the cells", 0.2 + 0.8 * done)
        except CancelledError:
            self.stopped = True


def _numbered(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the cells numbered from 0 without holes in the order of their first faces."""
    _, first, inverse = np.unique(cells, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]

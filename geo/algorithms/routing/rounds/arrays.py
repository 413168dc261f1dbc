"""Jobs, teams and rounds as plain arrays, which compiled code reads.

A *job* is one service: a segment in one of two directions (modes), or a stay. The way from terminal to terminal takes
``way[class]``; a class is a mode of travel. Times are seconds after midnight.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NOWHERE = -1
"""A free start or end, the mode that a job does not have, the round of a job that nobody does."""


class Jobs(NamedTuple):
    """What is to be done; n jobs, c classes, r teams, t terminals.

    Attributes
    ----------
    entry, leave
        Shape (n, 2): terminal where each mode begins and ends; :data:`NOWHERE` in the second for a job with one mode.
    serve_s
        Shape (c, n, 2): duration; inf where the class cannot.
    moves
        Shape (n,): whether the service is a way (a segment) rather than a stay.
    window_first, opens_s, closes_s
        The windows of job j in which it may start are those from ``window_first[j]`` to ``window_first[j + 1]``, in the
        order of time; none means any time.
    prize_s
        Shape (n,): what it costs to leave it out.
    allowed
        Shape (n, r): who may do it.
    outside_s
        Shape (n, r): what it is made to cost beside its time.
    near
        Shape (n, k): the jobs to which it is near, the nearest first.
    way_s
        Shape (c, t, t): duration from terminal to terminal; inf where there is no way.
    """

    entry: NDArray[np.int32]
    leave: NDArray[np.int32]
    serve_s: Floats
    moves: NDArray[np.bool_]
    window_first: Ints
    opens_s: Floats
    closes_s: Floats
    prize_s: Floats
    allowed: NDArray[np.bool_]
    outside_s: Floats
    near: NDArray[np.int32]
    way_s: NDArray[np.float32]


class Crews(NamedTuple):
    """Who does it; r teams.

    Attributes
    ----------
    kind
        Shape (r,): class.
    start, end
        Shape (r,): terminals; :data:`NOWHERE` where free.
    opens_s, closes_s
        Shape (r,): shift.
    moving_s
        Shape (r,): time on the way at the most, services that move included.
    spent_s
        Shape (r,): time out before the round, counted as part of it; with any, the team goes to its end in any case.
    break_first, rest_opens_s, rest_closes_s, rest_s
        The breaks of team q are those from ``break_first[q]`` to ``break_first[q + 1]``.
    """

    kind: Ints
    start: NDArray[np.int32]
    end: NDArray[np.int32]
    opens_s: Floats
    closes_s: Floats
    moving_s: Floats
    spent_s: Floats
    break_first: Ints
    rest_opens_s: Floats
    rest_closes_s: Floats
    rest_s: Floats


class Rounds(NamedTuple):
    """Who does what in which order; a state that the search changes.

    Attributes
    ----------
    order, mode, left_s
        Shape (r, n): job, its mode, and when the team leaves it, by place; valid up to ``size``.
    size
        Shape (r,): jobs of each team.
    team, place
        Shape (n,): where a job is; :data:`NOWHERE` when nobody does it.
    lasts_s, outside_s
        Shape (r,): duration of each round; what its services outside the team's areas are made to cost.
    """

    order: NDArray[np.int32]
    mode: NDArray[np.int8]
    left_s: Floats
    size: NDArray[np.int32]
    team: NDArray[np.int32]
    place: NDArray[np.int32]
    lasts_s: Floats
    outside_s: Floats


def no_rounds(jobs: int, teams: int) -> Rounds:
    """Return rounds of teams that do nothing yet."""
    return Rounds(
        np.full((teams, jobs), NOWHERE, dtype=np.int32),
        np.zeros((teams, jobs), dtype=np.int8),
        np.zeros((teams, jobs)),
        np.zeros(teams, dtype=np.int32),
        np.full(jobs, NOWHERE, dtype=np.int32),
        np.full(jobs, NOWHERE, dtype=np.int32),
        np.zeros(teams),
        np.zeros(teams),
    )


def nearest_jobs(jobs: Jobs, count: int) -> NDArray[np.int32]:
    """Return for each job the others by the shortest way between them, in any modes of any class, shape (n, count)."""
    many = len(jobs.prize_s)
    count = min(count, max(many - 1, 0))
    result = np.empty((many, count), dtype=np.int32)
    entry, leave = (np.where(ends < 0, ends[:, :1], ends) for ends in (jobs.entry, jobs.leave))
    way_s = jobs.way_s.min(axis=0)
    for begin in range(0, many, 256):
        rows = np.arange(begin, min(begin + 256, many))
        best = np.full((len(rows), many), np.inf, dtype=np.float32)
        for mine in range(2):
            for theirs in range(2):
                np.minimum(best, way_s[np.ix_(leave[rows, mine], entry[:, theirs])], out=best)
                np.minimum(best, way_s[np.ix_(leave[:, theirs], entry[rows, mine])].T, out=best)
        best[np.arange(len(rows)), rows] = np.inf
        result[rows] = np.argsort(best, axis=1, kind="stable")[:, :count]
    return result

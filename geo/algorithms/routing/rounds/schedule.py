"""When a team is where: simulation of a round, and the best directions of its segments."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geo.algorithms.compiled import kernel
from geo.algorithms.routing.rounds.arrays import NOWHERE, Crews, Jobs, Rounds

_INFEASIBLE = -1.0


@kernel
def way_s(jobs: Jobs, kind: int, one: int, other: int) -> float:
    """Return the duration of a way; nothing from or to a free end."""
    if one == NOWHERE or other == NOWHERE:  # noqa: PLR1714 - compiled
        return 0.0
    return float(jobs.way_s[kind, one, other])


@kernel
def _starts(jobs: Jobs, job: int, arrives: float) -> float:
    """Return when a job can start: when one arrives, or when the first window opens that is not over."""
    for window in range(jobs.window_first[job], jobs.window_first[job + 1]):
        if jobs.closes_s[window] >= arrives:
            return max(arrives, jobs.opens_s[window])
    return arrives


@kernel
def simulate(
    jobs: Jobs,
    crews: Crews,
    team: int,
    order: NDArray[np.int32],
    mode: NDArray[np.int8],
    size: int,
    left_s: NDArray[np.float64],
) -> float:
    """Return how long a round lasts, or -1 when it breaks a rule; and when each job is left.

    The team leaves when its shift begins, or later by what it would wait at the first window. It takes a break before it
    goes on, once the break may start; or when the next service would make it miss the break.
    """
    if size == 0 and crews.spent_s[team] == 0.0:
        return 0.0
    kind, here = crews.kind[team], crews.start[team]
    clock, moving, delay = crews.opens_s[team], 0.0, 0.0
    rest, rests = crews.break_first[team], crews.break_first[team + 1]
    is_flexible = crews.spent_s[team] == 0.0
    for place in range(size + 1):
        if place < size:
            job, turned = order[place], mode[place]
            there, serves = jobs.entry[job, turned], jobs.serve_s[kind, job, turned]
        else:
            job, there, serves = NOWHERE, crews.end[team], 0.0
        leg = way_s(jobs, kind, here, there)
        while rest < rests:
            starts = clock + leg
            if job != NOWHERE:
                starts = _starts(jobs, job, starts)
            if clock < crews.rest_opens_s[rest] and starts + serves <= crews.rest_closes_s[rest]:
                break
            clock = max(clock, crews.rest_opens_s[rest])
            if clock > crews.rest_closes_s[rest]:
                return _INFEASIBLE
            clock += crews.rest_s[rest]
            is_flexible = False
            rest += 1
        clock += leg
        moving += leg
        if place == size:
            break
        first, last = jobs.window_first[job], jobs.window_first[job + 1]
        if last > first:
            while first < last and jobs.closes_s[first] < clock:
                first += 1
            if first == last:
                return _INFEASIBLE
            if clock < jobs.opens_s[first]:
                if is_flexible:
                    delay = jobs.opens_s[first] - clock
                clock = jobs.opens_s[first]
            is_flexible = False
        clock += serves
        if jobs.moves[job]:
            moving += serves
        left_s[place] = clock
        here = jobs.leave[job, turned]
    if clock > crews.closes_s[team] or moving > crews.moving_s[team]:
        return _INFEASIBLE
    return crews.spent_s[team] + clock - crews.opens_s[team] - delay


@kernel
def turn_best(
    jobs: Jobs,
    crews: Crews,
    team: int,
    order: NDArray[np.int32],
    mode: NDArray[np.int8],
    size: int,
    came_from: NDArray[np.int8],
) -> None:
    """Give each job of a round the mode with which the ways and services of all are shortest (dynamic programming).

    Parameters
    ----------
    came_from
        Shape (at least ``size``, 2): room to work in.
    """
    kind = crews.kind[team]
    cost0, cost1 = 0.0, np.inf
    for place in range(size):
        job = order[place]
        new0, new1 = np.inf, np.inf
        for turned in range(2):
            there = jobs.entry[job, turned]
            if there == NOWHERE:
                continue
            if place == 0:
                best, pick = way_s(jobs, kind, crews.start[team], there), 0
            else:
                before = order[place - 1]
                best, pick = cost0 + jobs.way_s[kind, jobs.leave[before, 0], there], 0
                if cost1 < np.inf:
                    other = cost1 + jobs.way_s[kind, jobs.leave[before, 1], there]
                    if other < best:
                        best, pick = other, 1
            came_from[place, turned] = pick
            best += jobs.serve_s[kind, job, turned]
            if turned == 0:
                new0 = best
            else:
                new1 = best
        cost0, cost1 = new0, new1
    if size == 0:
        return
    job = order[size - 1]
    total0 = cost0 + way_s(jobs, kind, jobs.leave[job, 0], crews.end[team])
    total1 = np.inf
    if cost1 < np.inf:
        total1 = cost1 + way_s(jobs, kind, jobs.leave[job, 1], crews.end[team])
    turned = 0 if total0 <= total1 else 1
    for place in range(size - 1, -1, -1):
        mode[place] = turned
        turned = came_from[place, turned]


@kernel
def refresh(jobs: Jobs, crews: Crews, rounds: Rounds, team: int) -> bool:
    """Bring all that depends on the order of a round up to date; return whether it keeps all rules."""
    size = rounds.size[team]
    lasts = simulate(jobs, crews, team, rounds.order[team], rounds.mode[team], size, rounds.left_s[team])
    outside = 0.0
    for place in range(size):
        job = rounds.order[team, place]
        rounds.team[job] = team
        rounds.place[job] = place
        outside += jobs.outside_s[job, team]
    rounds.outside_s[team] = outside
    if lasts < 0.0:
        return False
    rounds.lasts_s[team] = lasts
    return True

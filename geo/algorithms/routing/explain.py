"""What would make it possible to serve what a plan leaves out: one more team, longer shifts, a skill, a wider beat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from geo.algorithms.routing.decode import NO_TIME
from geo.algorithms.routing.encode import (
    NO_AREA,
    NO_GAPS,
    NO_SKILL,
    UNREACHABLE_EDGE,
    UNREACHABLE_VISIT,
    WINDOW_OUTSIDE,
    Encoded,
)
from geo.algorithms.routing.rounds.arrays import Crews, Jobs
from geo.algorithms.routing.rounds.ruin import OPTIONAL_S
from geo.algorithms.routing.rounds.search import Found, SearchParams, find_rounds
from geo.model.patrol import PatrolProblem
from geo.model.plan import Remedy, Unserved

_MORE_MINUTES = (10, 20, 30, 45, 60, 90, 120, 180, 240)
_PLAIN = {
    NO_SKILL: "A team with the skills that are asked for would make {services} more services possible.",
    NO_AREA: "Wider or softer beats would make {services} more services possible.",
    WINDOW_OUTSIDE: "A shift that covers the time windows would make {services} more services possible.",
    NO_GAPS: "Fewer repetitions or shorter gaps would make {services} more services possible.",
    UNREACHABLE_EDGE: "A team whose mode may use these streets, or a way onto the island, would make {services} more "
    "services possible.",
    UNREACHABLE_VISIT: "A team whose mode can reach these places would make {services} more services possible.",
}


def find_remedies(
    problem: PatrolProblem, encoded: Encoded, found: Found, unserved: Sequence[Unserved], search: SearchParams
) -> tuple[Remedy, ...]:
    """Return what would make more possible, for each rule that forbids something.

    For lack of time, one more team of each kind that is there, and longer shifts, are tried by a short search that begins
    with the rounds found.

    Parameters
    ----------
    problem, encoded, found
        What was planned, and what was found.
    unserved
        What is left out.
    search
        How long each trial may take.
    """
    counts = Counter(one.reason for one in unserved if one.is_required)
    remedies = [
        Remedy(message, {"services": counts[reason]}, counts[reason])
        for reason, message in _PLAIN.items()
        if counts[reason]
    ]
    if not counts[NO_TIME]:
        return tuple(remedies)
    prize_s = encoded.jobs.prize_s
    late = [job for job in found.absent if job not in encoded.reasons and prize_s[job] > OPTIONAL_S]
    for kind in dict.fromkeys((team.kind, team.mode) for team in problem.teams):
        like = next(number for number, team in enumerate(problem.teams) if (team.kind, team.mode) == kind)
        more = _served_with(*_with_team(encoded, like), found, late, search)
        if more:
            message = "One more team like '{team}' would make {services} more services possible."
            remedies.append(Remedy(message, {"team": problem.teams[like].name, "services": more}, more))
    remedies += _longer_shifts(encoded, found, late, search)
    return tuple(remedies)


def _longer_shifts(encoded: Encoded, found: Found, late: Sequence[int], search: SearchParams) -> list[Remedy]:
    """Return the shortest extension of all shifts with which everything fits, or the longest that was tried."""
    best = 0
    for minutes in _MORE_MINUTES:
        crews = encoded.crews._replace(closes_s=encoded.crews.closes_s + 60.0 * minutes)
        more = _served_with(encoded.jobs, crews, found, late, search)
        best = max(best, more)
        if more == len(late) or (best and minutes == _MORE_MINUTES[-1]):
            message = "Shifts {minutes} minutes longer would make {services} more services possible."
            return [Remedy(message, {"minutes": minutes, "services": more}, more)]
    return []


def _served_with(jobs: Jobs, crews: Crews, found: Found, late: Sequence[int], search: SearchParams) -> int:
    """Return how many of the jobs left out for lack of time other crews can do."""
    result = find_rounds(jobs, crews, replace(search, heat=0.1), found.orders)
    return len(late) - len(set(result.absent) & set(late))


def _with_team(encoded: Encoded, like: int) -> tuple[Jobs, Crews]:
    """Return the arrays with one more team that is like another."""
    jobs, crews = encoded.jobs, encoded.crews
    first, last = int(crews.break_first[like]), int(crews.break_first[like + 1])

    def again(column: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.append(column, column[first:last])

    rests = {name: again(getattr(crews, name)) for name in ("rest_opens_s", "rest_closes_s", "rest_s")}
    others = [name for name in crews._fields if name not in rests and name != "break_first"]
    arrays = {name: np.append(getattr(crews, name), getattr(crews, name)[like]) for name in others}
    ends = np.append(crews.break_first, crews.break_first[-1] + last - first)
    more = crews._replace(**(arrays | rests | {"break_first": ends}))
    return (
        jobs._replace(
            allowed=np.column_stack((jobs.allowed, jobs.allowed[:, like])),
            outside_s=np.column_stack((jobs.outside_s, jobs.outside_s[:, like])),
        ),
        more,
    )

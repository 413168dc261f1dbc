"""A town cut into shares: compact ground with some teams each, that last about equally long."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Share:
    """What some teams do together.

    Attributes
    ----------
    teams, jobs
        Their numbers, ascending.
    """

    teams: Ints
    jobs: Ints


class Cutter:
    """Cuts jobs and teams by the same straight lines, so that the work of each share fits its teams.

    Teams are halved, across the longer side of the ground, until few are left; jobs follow in proportion to what the teams
    of each half can do. The halves of the teams stay the same when the cut is repeated with other capacities, so that the
    shares change at their borders only.

    Parameters
    ----------
    job_xy, work_s
        Shape (n, 2) and (n,): where each job is, m, and how long it takes.
    team_xy
        Shape (r, 2): where each team begins.
    limit
        Teams of a share at the most.
    """

    def __init__(self, job_xy: Floats, work_s: Floats, team_xy: Floats, limit: int) -> None:
        self._job_xy, self._work_s, self._team_xy, self._limit = job_xy, work_s, team_xy, limit

    def cut(self, capacity: Floats) -> list[Share]:
        """Return the shares, west to east and south to north within each cut.

        Parameters
        ----------
        capacity
            Shape (r,): what each team can do, in any unit.
        """
        waiting = [(np.arange(len(self._team_xy)), np.arange(len(self._job_xy)))]
        shares = []
        while waiting:
            teams, jobs = waiting.pop()
            if len(teams) <= self._limit:
                shares.append(Share(np.sort(teams), np.sort(jobs)))
                continue
            # the ground of the teams decides where to cut, so that another capacity does not turn the cut
            spread = np.ptp(self._team_xy[teams], axis=0)
            if not spread.any() and len(jobs):
                spread = np.ptp(self._job_xy[jobs], axis=0)
            axis = int(spread[1] > spread[0])
            order = teams[np.lexsort((teams, self._team_xy[teams, 1 - axis], self._team_xy[teams, axis]))]
            half = (len(order) + 1) // 2
            first, second = order[:half], order[half:]
            along = jobs[np.lexsort((jobs, self._job_xy[jobs, axis]))]
            done = np.cumsum(self._work_s[along])
            part = capacity[first].sum() / max(capacity[teams].sum(), 1e-12)
            middle = done - self._work_s[along] / 2
            at = int(np.searchsorted(middle, part * done[-1])) if len(done) else 0
            waiting += [(second, along[at:]), (first, along[:at])]
        return shares

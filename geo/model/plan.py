"""Patrol plans: routes step by step, what they leave out and why, and how fair they are.

Times are seconds after local midnight; a shift that passes midnight ends above 86,400.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Step:
    """One piece of a route: a segment walked, a stay, or a break.

    Attributes
    ----------
    start_s, end_s
        When it begins and ends, waiting before a stay not included.
    edge, forward, serves
        Segment, whether along its line, whether this patrols it; edge is -1 for a stay and a break.
    visit
        Number of the visit; -1 for a segment and a break.
    number
        Which repetition of the segment or the visit this serves, from 0.
    """

    start_s: float
    end_s: float
    edge: int = -1
    forward: bool = True
    serves: bool = False
    visit: int = -1
    number: int = 0

    @property
    def is_break(self) -> bool:
        """Whether the team rests."""
        return self.edge < 0 and self.visit < 0


@dataclass(frozen=True)
class Route:
    """What one team does.

    Attributes
    ----------
    team
        Number of the team in the problem.
    start_s, end_s
        When it leaves and is back; the times of turns lie between the steps.
    steps
        A connected walk from its start to its end; empty for a team that is not needed.
    """

    team: int
    start_s: float
    end_s: float
    steps: tuple[Step, ...]

    @property
    def duration_s(self) -> float:
        """Time out, visits, waiting and breaks included."""
        return self.end_s - self.start_s


@dataclass(frozen=True)
class Unserved:
    """A service that a plan leaves out.

    Attributes
    ----------
    reason
        Which rule forbids it (an English message id).
    edge, forward
        Segment, -1 for a visit; the wanted direction, None when either would do.
    visit
        Number of the visit; -1 for a segment.
    number
        Which repetition, from 0.
    is_required
        False for one that was optional and not worth its prize.
    """

    reason: str
    edge: int = -1
    forward: bool | None = None
    visit: int = -1
    number: int = 0
    is_required: bool = True


@dataclass(frozen=True)
class Remedy:
    """What would make it possible to serve more.

    Attributes
    ----------
    message
        English message id with places in braces.
    context
        What fills them.
    services
        How many more services it would make possible.
    """

    message: str
    context: Mapping[str, float | str]
    services: int


@dataclass(frozen=True)
class PatrolPlan:
    """Routes for all teams, and what they leave out.

    Attributes
    ----------
    routes
        One for each team, in the order of the teams.
    unserved
        What is left out, and why.
    lower_bound_s, lower_bound_total_s
        No plan that serves the same has a longest route, or a total, shorter than this.
    seed, iterations, seconds
        How it was found.
    stopped_early
        Whether the user stopped the search; the plan is the best until then.
    remedies
        What would make more possible; empty when all that is required is served.
    """

    routes: tuple[Route, ...]
    unserved: tuple[Unserved, ...]
    lower_bound_s: float
    seed: int
    iterations: int
    seconds: float
    stopped_early: bool = False
    lower_bound_total_s: float = 0.0
    remedies: tuple[Remedy, ...] = ()

    @property
    def unserved_edges(self) -> dict[int, str]:
        """Segments of which a required service is left out, with a reason."""
        return {one.edge: one.reason for one in reversed(self.unserved) if one.edge >= 0 and one.is_required}

    @property
    def unserved_visits(self) -> dict[int, str]:
        """Visits of which a required service is left out, with a reason."""
        return {one.visit: one.reason for one in reversed(self.unserved) if one.visit >= 0 and one.is_required}

    def durations_s(self) -> NDArray[np.float64]:
        """Return the duration of each route, shape (teams,)."""
        return np.array([route.duration_s for route in self.routes])


def route_file_name(number: int, team: str) -> str:
    """Return the name of a route's GPX file, without characters that file systems refuse."""
    plain = "".join("_" if char in '<>:"/\\|?*#%' or ord(char) < 32 else char for char in team).strip(". ")
    return f"{number:02d}_{plain or 'route'}.gpx"


def balance_max_over_mean(durations: NDArray[np.float64]) -> float:
    """Return the longest duration over the mean, 1.0 for perfect fairness (FIELD.md section 3)."""
    mean = float(durations.mean()) if len(durations) else 0.0
    return float(durations.max()) / mean if mean > 0 else 1.0


def gini(durations: NDArray[np.float64]) -> float:
    """Return the Gini coefficient of durations, 0 for perfect fairness.

    Mean absolute difference over twice the mean, as usual: ``Σ(2i − n − 1)·xᵢ / (n·Σxᵢ)`` with ``x`` ascending.
    """
    ordered = np.sort(durations)
    count, total = len(ordered), float(ordered.sum())
    if count == 0 or total <= 0:
        return 0.0
    return float(((2 * np.arange(1, count + 1) - count - 1) * ordered).sum() / (count * total))

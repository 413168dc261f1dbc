"""Patrols: teams, what they must serve, and the plan that says who walks where and when.

Times are seconds after local midnight; a shift that passes midnight ends above 86,400.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from geo.errors import ParameterError
from geo.model.network import Mode, StreetNetwork

DAY_S = 86_400.0
PATROL_SPEED_MPS: Mapping[Mode, float] = {"foot": 1.1, "ebike": 2.8, "car": 4.2}
"""Speed while patrolling, by mode: slower than travelling so that people see and are seen (4, 10 and 15 km/h).
A configured default without a source; FIELD.md section 3 has none."""


@dataclass(frozen=True)
class Team:
    """A team on one shift.

    Attributes
    ----------
    name, kind, mode
        As in the ``team`` frame.
    members
        Number of people.
    shift_start_s, shift_end_s
        When it may be out.
    depot_node
        Junction where it starts and ends.
    """

    name: str
    kind: str
    members: int
    mode: Mode
    shift_start_s: float
    shift_end_s: float
    depot_node: int

    def __post_init__(self) -> None:
        if not 0 <= self.shift_start_s < self.shift_end_s:
            raise ParameterError("Team '{team}': the shift must end after it starts.", team=self.name)

    @property
    def shift_s(self) -> float:
        """Length of the shift."""
        return self.shift_end_s - self.shift_start_s


@dataclass(frozen=True)
class Visit:
    """A place where a patrol must stay a while.

    Attributes
    ----------
    code, name, kind
        Of the facility.
    node
        Junction where the patrol stays.
    x, y
        Where the place itself is.
    service_duration_s
        Length of the stay.
    windows
        Intervals in which the stay may start, seconds after midnight; empty: any time. One of them is used; each also
        holds on the next day, for shifts past midnight.
    access_s
        Way from the junction to the door and back, on foot.
    """

    code: str
    name: str
    kind: str
    node: int
    x: float
    y: float
    service_duration_s: float
    windows: tuple[tuple[float, float], ...] = ()
    access_s: float = 0.0

    @property
    def total_s(self) -> float:
        """Time that the visit takes: the stay and the way to the door and back."""
        return self.service_duration_s + self.access_s

    @property
    def daily_windows(self) -> tuple[tuple[float, float], ...]:
        """The windows on the day and on the next one."""
        return tuple((start + day, end + day) for day in (0.0, DAY_S) for start, end in self.windows)

    def __post_init__(self) -> None:
        if self.service_duration_s < 0 or any(not 0 <= start <= end for start, end in self.windows):
            raise ParameterError(
                "Visit '{name}': the stay must not be negative and each window must start before it ends.",
                name=self.name,
            )


@dataclass(frozen=True)
class PatrolProblem:
    """What is to be planned.

    Attributes
    ----------
    network
        Streets.
    teams
        At least one.
    required_edges
        Segments to be patrolled once, in either direction.
    visits
        Places to be visited once.
    patrol_speed_mps
        Mode → speed while serving a segment; travelling is faster.
    """

    network: StreetNetwork
    teams: tuple[Team, ...]
    required_edges: tuple[int, ...]
    visits: tuple[Visit, ...]
    patrol_speed_mps: Mapping[Mode, float] = field(default_factory=lambda: dict(PATROL_SPEED_MPS))

    def __post_init__(self) -> None:
        if not self.teams:
            raise ParameterError("A patrol plan needs at least one team. Import the teams.")
        if any(not speed > 0 for speed in self.patrol_speed_mps.values()):
            raise ParameterError("Patrol speeds must be above 0.")

    def serve_times_s(self, mode: Mode) -> NDArray[np.float64]:
        """Return the time to patrol each segment in a mode, shape (e,); inf where the mode may not use it."""
        edges = self.network.edges
        speed = np.minimum(edges[f"speed_{mode}_mps"].to_numpy(), self.patrol_speed_mps[mode])
        with np.errstate(divide="ignore"):
            return np.asarray(edges["length_m"].to_numpy() / speed, dtype=np.float64)


@dataclass(frozen=True)
class Step:
    """One piece of a route: a segment walked, or a stay.

    Attributes
    ----------
    start_s, end_s
        When it begins and ends, waiting before a stay not included.
    edge, forward, serves
        Segment, whether along its line, whether this patrols it; edge is -1 for a stay.
    visit
        Number of the visit; -1 for a segment.
    """

    start_s: float
    end_s: float
    edge: int = -1
    forward: bool = True
    serves: bool = False
    visit: int = -1


@dataclass(frozen=True)
class Route:
    """What one team does.

    Attributes
    ----------
    team
        Number of the team in the problem.
    start_s, end_s
        Leaves the depot and is back.
    steps
        A connected walk from the depot to the depot; empty for a team that is not needed.
    """

    team: int
    start_s: float
    end_s: float
    steps: tuple[Step, ...]

    @property
    def duration_s(self) -> float:
        """Time out, visits and waiting included."""
        return self.end_s - self.start_s


@dataclass(frozen=True)
class PatrolPlan:
    """Routes for all teams, and what they leave out.

    Attributes
    ----------
    routes
        One for each team, in the order of the teams.
    unserved_edges, unserved_visits
        Number → why not (an English message id).
    lower_bound_s
        No plan that serves the same has a longest route shorter than this.
    seed, iterations, seconds
        How it was found.
    stopped_early
        Whether the user stopped the search; the plan is the best until then.
    """

    routes: tuple[Route, ...]
    unserved_edges: Mapping[int, str]
    unserved_visits: Mapping[int, str]
    lower_bound_s: float
    seed: int
    iterations: int
    seconds: float
    stopped_early: bool = False

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

"""Patrols: teams, what they must serve, and the plan that says who walks where and when.

Times are seconds after local midnight; a shift that passes midnight ends above 86,400.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from geo.errors import ParameterError
from geo.model.network import Mode, StreetNetwork

DAY_S = 86_400.0
PATROL_SPEED_MPS: Mapping[Mode, float] = {"foot": 1.1, "ebike": 2.8, "car": 4.2}
"""Speed while patrolling, by mode: slower than travelling so that people see and are seen (4, 10 and 15 km/h).
A configured default without a source; FIELD.md section 3 has none."""


@dataclass(frozen=True)
class Break:
    """A rest, taken wherever the team is.

    Attributes
    ----------
    earliest_s, latest_s
        When it may start, seconds after midnight.
    duration_s
        How long it lasts.
    """

    earliest_s: float
    latest_s: float
    duration_s: float

    def __post_init__(self) -> None:
        if not (0 <= self.earliest_s <= self.latest_s < inf and 0 < self.duration_s < inf):
            raise ParameterError("A break must last some time and may not have to start before it can.")


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
        Junction where it starts, and ends unless it ends elsewhere.
    end_node
        Junction where it ends; None for ``depot_node``.
    is_start_free, is_end_free
        Whether it starts where its first service is, and ends where its last one is, instead.
    skills
        What it can do: a mixed team (one officer, some volunteers) can do what any of its members can.
    areas
        Areas that it belongs to (its beat); empty: all.
    is_area_hard
        Whether it must not serve outside its areas; else it may, where that is worth ``outside_s`` each time.
    outside_s
        Time that a service outside its areas is made to cost, when they are soft.
    breaks
        Rests, in the order of time.
    max_walk_m
        Length of its way at the most, for teams on foot; None for no limit.
    patrol_speed_mps
        Speed while patrolling; None for that of its mode.
    spent_s
        Time that it has been out already, for a plan during the shift: it counts as part of its route for fairness, and the
        team goes to its end even when nothing is left to do. 0 before it leaves.
    """

    name: str
    kind: str
    members: int
    mode: Mode
    shift_start_s: float
    shift_end_s: float
    depot_node: int
    end_node: int | None = None
    is_start_free: bool = False
    is_end_free: bool = False
    skills: frozenset[str] = frozenset()
    areas: frozenset[int] = frozenset()
    is_area_hard: bool = False
    outside_s: float = 300.0
    breaks: tuple[Break, ...] = ()
    max_walk_m: float | None = None
    patrol_speed_mps: float | None = None
    spent_s: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.shift_start_s < self.shift_end_s < inf:
            raise ParameterError("Team '{team}': the shift must end after it starts.", team=self.name)
        if self.members < 1 or not self.outside_s >= 0 or not 0 <= self.spent_s < inf:
            raise ParameterError("Team '{team}': it needs a member, and no cost may be negative.", team=self.name)
        for limit in (self.max_walk_m, self.patrol_speed_mps):
            if limit is not None and not 0 < limit < inf:
                raise ParameterError("Team '{team}': speeds and limits must be above 0.", team=self.name)
        ends = [rest.latest_s + rest.duration_s for rest in self.breaks]
        if any(later.earliest_s < end for later, end in zip(self.breaks[1:], ends, strict=False)):
            raise ParameterError("Team '{team}': its breaks overlap or are not in the order of time.", team=self.name)

    @property
    def shift_s(self) -> float:
        """Length of the shift."""
        return self.shift_end_s - self.shift_start_s

    @property
    def final_node(self) -> int:
        """Junction where it ends, unless its end is free."""
        return self.depot_node if self.end_node is None else self.end_node


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
    times
        How often it is visited in the shift.
    min_gap_s, max_gap_s
        Shortest and longest time between the starts of two visits in a row. Each of them gets a part of the day that keeps
        both whatever team comes: :meth:`slots`.
    each_window
        Whether it is visited once in each window (school opening and closing) rather than in one of them; there are no
        gaps then.
    skills
        What a team must be able to do to serve it.
    area
        Area that it lies in; -1 for none.
    prize_s
        None: it is required. Otherwise it is visited where that costs less than this time: from the risk surface.
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
    times: int = 1
    min_gap_s: float = 0.0
    max_gap_s: float = inf
    each_window: bool = False
    skills: frozenset[str] = frozenset()
    area: int = -1
    prize_s: float | None = None

    @property
    def total_s(self) -> float:
        """Time that the visit takes: the stay and the way to the door and back."""
        return self.service_duration_s + self.access_s

    @property
    def daily_windows(self) -> tuple[tuple[float, float], ...]:
        """The windows on the day and on the next one."""
        return tuple((start + day, end + day) for day in (0.0, DAY_S) for start, end in self.windows)

    def __post_init__(self) -> None:
        if not 0 <= self.service_duration_s < inf or any(not 0 <= start <= end for start, end in self.windows):
            raise ParameterError(
                "Visit '{name}': the stay must not be negative and each window must start before it ends.",
                name=self.name,
            )
        gaps_fit = 0 <= self.min_gap_s <= self.max_gap_s
        gaps_fit &= not self.each_window or (self.min_gap_s == 0 and self.max_gap_s == inf)
        if self.times < 1 or not gaps_fit or (self.prize_s is not None and not 0 <= self.prize_s < inf):
            raise ParameterError(
                "Visit '{name}': it must be made at least once, its gaps must fit together, and its prize must not be "
                "negative.",
                name=self.name,
            )


@dataclass(frozen=True)
class EdgeRule:
    """How a segment is patrolled, when not once in either direction.

    Attributes
    ----------
    times
        How often in the shift, in each wanted direction.
    direction
        ``either``; ``both``: once each way, as for wide streets; ``forward`` or ``backward`` along its line.
    min_gap_s, max_gap_s
        As of a :class:`Visit`.
    skills
        What a team must be able to do.
    prize_s
        None: it is required. Otherwise it is patrolled where that costs less than this time.
    """

    times: int = 1
    direction: Literal["either", "both", "forward", "backward"] = "either"
    min_gap_s: float = 0.0
    max_gap_s: float = inf
    skills: frozenset[str] = frozenset()
    prize_s: float | None = None

    def __post_init__(self) -> None:
        gaps_fit = 0 <= self.min_gap_s <= self.max_gap_s
        if self.times < 1 or not gaps_fit or (self.prize_s is not None and not 0 <= self.prize_s < inf):
            raise ParameterError(
                "A segment must be patrolled at least once, its gaps must fit together, and its prize must not be negative."
            )


ONCE = EdgeRule()
"""How a segment is patrolled when nothing else is said."""


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
        Segments to be patrolled, once in either direction where ``edge_rules`` says nothing else.
    visits
        Places to be visited.
    patrol_speed_mps
        Mode → speed while serving a segment; travelling is faster.
    edge_rules
        Segment → how it is patrolled; only segments of ``required_edges``.
    edge_areas
        Shape (edges,): area that each segment lies in, -1 for none; None when there are no areas.
    """

    network: StreetNetwork
    teams: tuple[Team, ...]
    required_edges: tuple[int, ...]
    visits: tuple[Visit, ...]
    patrol_speed_mps: Mapping[Mode, float] = field(default_factory=lambda: dict(PATROL_SPEED_MPS))
    edge_rules: Mapping[int, EdgeRule] = field(default_factory=dict)
    edge_areas: NDArray[np.int64] | None = None

    def __post_init__(self) -> None:
        if not self.teams:
            raise ParameterError("A patrol plan needs at least one team. Import the teams.")
        if any(not speed > 0 for speed in self.patrol_speed_mps.values()):
            raise ParameterError("Patrol speeds must be above 0.")
        count = len(self.network.edges)
        strange = [edge for edge in self.required_edges if not 0 <= edge < count]
        strange += sorted(set(self.edge_rules) - set(self.required_edges))
        if strange or len(set(self.required_edges)) < len(self.required_edges):
            raise ParameterError(
                "Required segments must be in the network, each once, and rules be for these; wrong is {edge}.",
                edge=strange[0] if strange else "a repeated one",
            )

    def rule(self, edge: int) -> EdgeRule:
        """Return how a segment is patrolled."""
        return self.edge_rules.get(edge, ONCE)

    def serve_times_s(self, mode: Mode, speed_mps: float | None = None) -> NDArray[np.float64]:
        """Return the time to patrol each segment in a mode, shape (e,); inf where the mode may not use it.

        Parameters
        ----------
        mode
            The mode.
        speed_mps
            Speed of the team while patrolling; None for that of the mode.
        """
        edges = self.network.edges
        own = self.patrol_speed_mps[mode] if speed_mps is None else speed_mps
        speed = np.minimum(edges[f"speed_{mode}_mps"].to_numpy(), own)
        with np.errstate(divide="ignore"):
            return np.asarray(edges["length_m"].to_numpy() / speed, dtype=np.float64)

"""What a patrol team follows: the instructions of one route, street by street and place by place.

Lengths in metres, times in seconds after local midnight, places in the project's metric CRS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from geo.model.network import Mode

Heading = Literal["n", "ne", "e", "se", "s", "sw", "w", "nw"]
Manoeuvre = Literal[
    "depart", "continue", "slight_left", "left", "sharp_left", "slight_right", "right", "sharp_right", "uturn",
    "roundabout", "visit", "pause", "arrive",
]  # fmt: skip
Action = Literal["patrol", "pass", "visit", "pause", "finish"]

HEADINGS: tuple[Heading, ...] = get_args(Heading)
MANOEUVRES: tuple[Manoeuvre, ...] = get_args(Manoeuvre)
ACTIONS: tuple[Action, ...] = get_args(Action)
ON_THE_MOVE: tuple[Action, ...] = ("patrol", "pass")

XY = tuple[float, float]


@dataclass(frozen=True)
class PlannedVisit:
    """A stay at a place, as planned.

    Attributes
    ----------
    sequence
        Number on the route, from 1.
    code, name, kind
        Of the facility.
    x, y
        Where the place is.
    service_duration_s
        Length of the stay, without the way to the door.
    window
        Earliest and latest start of the stay; None: any time.
    offset_m, offset_heading
        From the junction to the place, as the crow flies.
    """

    sequence: int
    code: str
    name: str
    kind: str
    x: float
    y: float
    service_duration_s: float
    window: tuple[float, float] | None
    offset_m: float
    offset_heading: Heading


@dataclass(frozen=True)
class Instruction:
    """One line of what a team follows.

    Attributes
    ----------
    number
        From 1 along the route.
    manoeuvre
        What to do where it begins.
    action
        What to do then: patrol the street, only pass through, stay at a place, pause, or finish.
    street, road_class
        Name and class of the street; empty name for an unnamed one, both empty off the streets.
    heading
        Direction in which it begins; None off the streets.
    start_s, end_s
        When the manoeuvre happens, and when it is done; of a visit the start of the stay and its end.
    wait_s
        Time to spare before ``start_s``, spent waiting.
    length_m
        Way.
    way
        Places along the way; one place when nothing is walked.
    arcs
        Segments in order: ``edge_id + 1``, negative when walked against the line.
    stays
        Whether the street is the one that the team is on already.
    junction
        A named street at the junction where it begins, told where the street itself has no name or is left by no turn; else
        empty.
    crosses
        Named streets that are crossed, in order.
    exit_number
        Of a roundabout, from 1; 0 elsewhere.
    visit
        The place, of a visit.
    is_back
        Of the last instruction: whether the route ends where it began.
    """

    number: int
    manoeuvre: Manoeuvre
    action: Action
    street: str
    road_class: str
    heading: Heading | None
    start_s: float
    end_s: float
    wait_s: float
    length_m: float
    way: tuple[XY, ...]
    arcs: tuple[int, ...] = ()
    stays: bool = False
    junction: str = ""
    crosses: tuple[str, ...] = ()
    exit_number: int = 0
    visit: PlannedVisit | None = None
    is_back: bool = False

    @property
    def duration_s(self) -> float:
        """Time from its begin to its end, waiting not included."""
        return self.end_s - self.start_s


@dataclass(frozen=True)
class Itinerary:
    """One route as a team follows it.

    Attributes
    ----------
    plan_id
        Key of the plan; empty for one that is not stored.
    route_no
        Number of the route, from 1.
    team, team_kind, mode
        As in the ``team`` frame.
    epsg
        Of the places.
    start_s, end_s
        Leaves, and is back.
    instructions
        In order; the last one says that the route is done.
    """

    plan_id: str
    route_no: int
    team: str
    team_kind: str
    mode: Mode
    epsg: int
    start_s: float
    end_s: float
    instructions: tuple[Instruction, ...]

    @property
    def length_m(self) -> float:
        """Whole way."""
        return sum(instruction.length_m for instruction in self.instructions)

    @property
    def served_m(self) -> float:
        """Way on streets that are patrolled."""
        return sum(instruction.length_m for instruction in self.instructions if instruction.action == "patrol")

    @property
    def wait_s(self) -> float:
        """Time spent waiting before stays."""
        return sum(instruction.wait_s for instruction in self.instructions)

    @property
    def visits(self) -> tuple[Instruction, ...]:
        """The instructions that are stays at places."""
        return tuple(instruction for instruction in self.instructions if instruction.visit is not None)

    @property
    def legs(self) -> tuple[Instruction, ...]:
        """The instructions on the move."""
        return tuple(instruction for instruction in self.instructions if instruction.action in ON_THE_MOVE)


def clock(seconds: float) -> str:
    """Return seconds after midnight as ``HH:MM``; past midnight goes on from 24:00 as 00:00 (+1)."""
    minutes = round(seconds / 60)
    days, minutes = divmod(minutes, 24 * 60)
    text = f"{minutes // 60:02d}:{minutes % 60:02d}"
    return f"{text} (+{days})" if days else text

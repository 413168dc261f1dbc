"""What someone on the street sees at a junction: which streets leave it, in which directions, under which names."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.model.frames import ROAD_CLASSES
from geo.model.itinerary import HEADINGS, Heading, Manoeuvre
from geo.model.network import Mode, StreetNetwork

_RANK = {name: rank for rank, name in enumerate(ROAD_CLASSES)}


@dataclass(frozen=True)
class TurnParams:
    """How angles become words; degrees.

    Attributes
    ----------
    look_m
        Directions are taken over this much of a street, from the junction on: the last vertex alone is noise.
    straight_deg, slight_deg, normal_deg
        A turn below the first is none, below the second slight, below the third an ordinary one, above it sharp.
    follow_deg
        Bends below this keep someone who follows a street by its name on it.
    unnamed_follow_deg
        The same where it has no name.
    apart_deg
        Two ways on that differ less than this are a fork.
    """

    look_m: float = 10.0
    straight_deg: float = 25.0
    slight_deg: float = 60.0
    normal_deg: float = 120.0
    follow_deg: float = 60.0
    unnamed_follow_deg: float = 30.0
    apart_deg: float = 20.0


@dataclass(frozen=True)
class Arc:
    """A segment in one direction: its row in ``edges``, and whether along its line."""

    edge: int
    forward: bool

    @property
    def back(self) -> Arc:
        """The same segment the other way."""
        return Arc(self.edge, not self.forward)

    @property
    def signed(self) -> int:
        """The arc as legs store it: ``edge_id + 1``, negative against the line."""
        return (self.edge + 1) * (1 if self.forward else -1)


def heading_of(bearing_deg: float) -> Heading:
    """Return the nearest of the eight directions of the compass."""
    return HEADINGS[round(bearing_deg / 45) % 8]


def bearing_deg(dx: float, dy: float) -> float:
    """Return the direction of a vector, degrees clockwise from grid north, 0–360."""
    return float(np.degrees(np.arctan2(dx, dy)) % 360)


def deflection_deg(before_deg: float, after_deg: float) -> float:
    """Return by how much a direction changes, −180 to 180, positive to the right."""
    return (after_deg - before_deg + 180) % 360 - 180


@dataclass
class Junctions:
    """The streets of a network as one mode may use them.

    Attributes
    ----------
    network
        Streets.
    mode
        Whose one-way rules and closed streets hold.
    roundabouts
        Rows of the segments that are part of a roundabout.
    params
        How angles become words.
    """

    network: StreetNetwork
    mode: Mode
    roundabouts: frozenset[int] = frozenset()
    params: TurnParams = field(default_factory=TurnParams)

    def __post_init__(self) -> None:
        edges = self.network.edges
        self.names: list[str] = edges["name"].fillna("").tolist()
        self.classes: list[str] = edges["road_class"].tolist()
        self.lengths: list[float] = edges["length_m"].tolist()
        self._lines = edges.geometry.to_numpy()
        self._ends = edges[["from_node", "to_node"]].to_numpy()
        self._first_deg, self._last_deg = _directions(self._lines, self.params.look_m)
        arcs = self.network.arcs(self.mode)
        self._out: dict[int, list[Arc]] = {}
        for tail, edge, forward in zip(arcs.tail.tolist(), arcs.edge.tolist(), arcs.forward.tolist(), strict=True):
            self._out.setdefault(tail, []).append(Arc(edge, forward))
        self._around: dict[int, list[Arc]] = {}
        for edge, (first, last) in enumerate(self._ends.tolist()):
            self._around.setdefault(first, []).append(Arc(edge, True))
            self._around.setdefault(last, []).append(Arc(edge, False))

    def tail(self, arc: Arc) -> int:
        """Return where an arc begins."""
        return int(self._ends[arc.edge, 0 if arc.forward else 1])

    def head(self, arc: Arc) -> int:
        """Return where an arc ends."""
        return int(self._ends[arc.edge, 1 if arc.forward else 0])

    def coordinates(self, arc: Arc) -> NDArray[np.float64]:
        """Return the places along an arc, shape (n, 2)."""
        xy: NDArray[np.float64] = shapely.get_coordinates(self._lines[arc.edge])
        return xy if arc.forward else xy[::-1]

    def leaving_deg(self, arc: Arc) -> float:
        """Return the direction in which an arc begins."""
        return float(self._first_deg[arc.edge] if arc.forward else (self._last_deg[arc.edge] + 180) % 360)

    def arriving_deg(self, arc: Arc) -> float:
        """Return the direction in which an arc ends."""
        return float(self._last_deg[arc.edge] if arc.forward else (self._first_deg[arc.edge] + 180) % 360)

    def turn_deg(self, before: Arc, after: Arc) -> float:
        """Return the turn between two arcs, positive to the right."""
        return deflection_deg(self.arriving_deg(before), self.leaving_deg(after))

    def street_key(self, arc: Arc) -> tuple[str, str]:
        """Return what tells streets apart for people: the name, else the class."""
        name = self.names[arc.edge]
        return (name, "") if name else ("", self.classes[arc.edge])

    def ways_on(self, arc: Arc) -> list[Arc]:
        """Return the arcs that leave where an arc ends, without going back."""
        return [way for way in self._out.get(self.head(arc), []) if way != arc.back]

    def leads_on(self, before: Arc, after: Arc) -> bool:
        """Return whether someone who just follows the street comes from one arc to the other without being told."""
        ways = self.ways_on(before)
        if self.street_key(before) != self.street_key(after) or after not in ways:
            return False
        if len(ways) == 1:
            return True
        named = bool(self.names[before.edge])
        limit = self.params.follow_deg if named else self.params.unnamed_follow_deg
        rivals = [way for way in ways if way != after and (not named or self.names[way.edge] == self.names[after.edge])]
        turn = abs(self.turn_deg(before, after))
        nearest = min((abs(self.turn_deg(before, way)) for way in rivals), default=360.0)
        return turn < limit and nearest - turn >= self.params.apart_deg

    def manoeuvre(self, before: Arc, after: Arc) -> Manoeuvre:
        """Return what leads from one arc to the next; at a fork the side is told."""
        if after == before.back:
            return "uturn"
        turn = self.turn_deg(before, after)
        side = "right" if turn > 0 else "left"
        size = abs(turn)
        if size >= self.params.normal_deg:
            return "sharp_right" if side == "right" else "sharp_left"
        if size >= self.params.slight_deg:
            return "right" if side == "right" else "left"
        if size < self.params.straight_deg:
            others = [
                self.turn_deg(before, way)
                for way in self.ways_on(before)
                if way != after and self.street_key(way) == self.street_key(after)
            ]
            rivals = [other for other in others if abs(other) < self.params.straight_deg]
            if not rivals:
                return "continue"
            side = "right" if turn > max(rivals) else "left"
        return "slight_right" if side == "right" else "slight_left"

    def landmark(self, node: int, besides: set[str]) -> str:
        """Return the name of the most important street at a junction besides some; empty when there is none."""
        found = [
            (_RANK.get(self.classes[arc.edge], len(_RANK)), self.names[arc.edge])
            for arc in self._around.get(node, [])
            if self.names[arc.edge] and self.names[arc.edge] not in besides
        ]
        return min(found)[1] if found else ""

    def crossed(self, before: Arc, after: Arc) -> list[str]:
        """Return the named streets that lie on both sides of the way from one arc to the next."""
        sides: dict[str, set[bool]] = {}
        for arc in self._around.get(self.head(before), []):
            name = self.names[arc.edge]
            if name and name not in (self.names[before.edge], self.names[after.edge]):
                sides.setdefault(name, set()).add(self.turn_deg(before, arc) > 0)
        return sorted(name for name, found in sides.items() if len(found) == 2)

    def exits_passed(self, arcs: list[Arc]) -> int:
        """Return which exit of a roundabout is taken after some arcs of it: each junction with a way out counts."""
        count = 0
        for arc in arcs:
            ways = self._out.get(self.head(arc), [])
            count += any(way.edge not in self.roundabouts for way in ways)
        return max(count, 1)


def _directions(lines: NDArray[np.object_], look_m: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the directions in which lines begin and end, degrees clockwise from north, shape (n,) each."""
    lengths = shapely.length(lines)
    reach = np.minimum(look_m, lengths)

    def direction(start: NDArray[np.float64], end: NDArray[np.float64]) -> NDArray[np.float64]:
        places = shapely.get_coordinates(
            shapely.line_interpolate_point(lines, np.concatenate([start, end]).reshape(2, -1))
        )
        first, last = places[: len(lines)], places[len(lines) :]
        delta = last - first
        return np.asarray(np.degrees(np.arctan2(delta[:, 0], delta[:, 1])) % 360, dtype=np.float64)

    zero = np.zeros(len(lines))
    return direction(zero, reach), direction(lengths - reach, lengths)

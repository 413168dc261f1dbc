"""From a route, a walk on segments, to what a team follows: turns, streets, stays, times.

Segments become one instruction as long as a person who follows the street needs to be told nothing: the street keeps its
name (or its class, without a name), it is patrolled or passed alike, and at every junction the way on is plain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from geo.algorithms.routing.itinerary_junctions import Arc, Junctions, bearing_deg, heading_of
from geo.model.itinerary import XY, Action, Instruction, Itinerary, Manoeuvre, PlannedVisit
from geo.model.patrol import PatrolProblem, Visit
from geo.model.plan import Route, Step

_WINDOW_TOLERANCE_S = 1.0


def make_itinerary(
    problem: PatrolProblem, route: Route, junctions: Junctions | None = None, plan_id: str = ""
) -> Itinerary:
    """Return what the team of a route follows.

    Distances add up to the length of the route, times with waiting to its duration; the segments are those of the route, in
    its order.

    Parameters
    ----------
    problem
        What was planned.
    route
        A walk; without steps the itinerary has no instructions.
    junctions
        The streets in the team's mode, to be shared by the routes of one mode; None makes them.
    plan_id
        Key of the plan.
    """
    team = problem.teams[route.team]
    streets = junctions or Junctions(problem.network, team.mode)
    instructions = describe_walk(streets, route.steps, problem.visits, route.start_s)
    epsg = int(problem.network.edges.crs.to_epsg())
    return Itinerary(
        plan_id, route.team + 1, team.name, team.kind, team.mode, epsg, route.start_s, route.end_s, instructions
    )


def describe_walk(
    junctions: Junctions, steps: Sequence[Step], visits: Sequence[Visit], start_s: float
) -> tuple[Instruction, ...]:
    """Return the instructions of a walk.

    Parameters
    ----------
    junctions
        The streets.
    steps
        Segments and stays in order; a step that is neither is a pause.
    visits
        What the steps' ``visit`` numbers mean.
    start_s
        When the walk begins.
    """
    teller = _Teller(junctions, visits, start_s)
    for group in _groups(junctions, steps):
        if group[0].edge >= 0:
            teller.move(group)
        else:
            teller.stay(group[0])
    return teller.finished(steps)


def _arc(step: Step) -> Arc:
    return Arc(step.edge, step.forward)


def _groups(junctions: Junctions, steps: Sequence[Step]) -> list[list[Step]]:
    """Return the steps in the groups that become one instruction each."""
    groups: list[list[Step]] = []
    for step in steps:
        last = groups[-1][-1] if groups else None
        if last is not None and last.edge >= 0 and step.edge >= 0 and _belong_together(junctions, last, step):
            groups[-1].append(step)
        else:
            groups.append([step])
    return groups


def _belong_together(junctions: Junctions, before: Step, after: Step) -> bool:
    if before.serves != after.serves or before.end_s < after.start_s - _WINDOW_TOLERANCE_S:
        return False
    circling = [step.edge in junctions.roundabouts for step in (before, after)]
    if any(circling):
        return all(circling) and _arc(after) != _arc(before).back
    return junctions.leads_on(_arc(before), _arc(after))


@dataclass
class _Teller:
    """An itinerary under construction."""

    junctions: Junctions
    visits: Sequence[Visit]
    clock_s: float

    def __post_init__(self) -> None:
        self._told: list[Instruction] = []
        self._before: Arc | None = None
        self._stayed = 0

    def move(self, steps: list[Step]) -> None:
        """Tell a walk along one street, or around a roundabout."""
        streets, arcs = self.junctions, [_arc(step) for step in steps]
        first, circling = arcs[0], arcs[0].edge in self.junctions.roundabouts
        manoeuvre: Manoeuvre = "depart"
        if circling:
            manoeuvre = "roundabout"
        elif self._before is not None:
            was_circling = self._before.edge in streets.roundabouts and first != self._before.back
            manoeuvre = "continue" if was_circling else streets.manoeuvre(self._before, first)
        name = streets.names[first.edge]
        stays = self._before is not None and streets.street_key(self._before) == streets.street_key(first)
        told = Instruction(
            number=len(self._told) + 1,
            manoeuvre=manoeuvre,
            action="patrol" if steps[0].serves else "pass",
            street=name,
            road_class=streets.classes[first.edge],
            heading=heading_of(streets.leaving_deg(first)),
            start_s=steps[0].start_s,
            end_s=steps[-1].end_s,
            wait_s=max(steps[0].start_s - self.clock_s, 0.0),
            length_m=float(sum(streets.lengths[arc.edge] for arc in arcs)),
            way=self._way(arcs),
            arcs=tuple(arc.signed for arc in arcs),
            stays=stays,
            junction=self._junction(first, manoeuvre, stays=stays),
            crosses=self._crosses(arcs, manoeuvre),
            exit_number=streets.exits_passed(arcs) if circling else 0,
        )
        self._tell(told)
        self._before = arcs[-1]

    def stay(self, step: Step) -> None:
        """Tell a visit, or a pause."""
        place = self._place(step)
        wait_s = max(step.start_s - self.clock_s, 0.0)
        if step.visit >= 0:
            self._stand("visit", "visit", place, (step.start_s, step.end_s), wait_s, visit=self._visit(step))
        else:
            self._stand("pause", "pause", place, (step.start_s, step.end_s), wait_s)

    def finished(self, steps: Sequence[Step]) -> tuple[Instruction, ...]:
        """Return the instructions with the last one, that the route is done."""
        if not self._told:
            return ()
        streets = self.junctions
        moves = [step for step in steps if step.edge >= 0]
        is_back = not moves or streets.tail(_arc(moves[0])) == streets.head(_arc(moves[-1]))
        self._stand("arrive", "finish", self._told[-1].way[-1], (self.clock_s, self.clock_s), 0.0, is_back=is_back)
        return tuple(self._told)

    def _stand(
        self, manoeuvre: Manoeuvre, action: Action, place: XY, times_s: tuple[float, float], wait_s: float, **extra: Any
    ) -> None:
        """Tell something that happens at a junction."""
        number = len(self._told) + 1
        self._tell(Instruction(number, manoeuvre, action, "", "", None, *times_s, wait_s, 0.0, (place,), **extra))

    def _tell(self, instruction: Instruction) -> None:
        self._told.append(instruction)
        self.clock_s = instruction.end_s

    def _way(self, arcs: list[Arc]) -> tuple[XY, ...]:
        parts = [self.junctions.coordinates(arc) for arc in arcs]
        joined = np.concatenate([parts[0], *(part[1:] for part in parts[1:])])
        return tuple((float(x), float(y)) for x, y in joined)

    def _place(self, step: Step) -> XY:
        """Return the junction where the team stands."""
        if self._told:
            return self._told[-1].way[-1]
        node = self.visits[step.visit].node if step.visit >= 0 else 0
        x, y = self.junctions.network.xy[node].tolist()
        return x, y

    def _junction(self, first: Arc, manoeuvre: Manoeuvre, *, stays: bool) -> str:
        """Return the landmark of a turn that its street does not tell by itself."""
        streets = self.junctions
        name = streets.names[first.edge]
        if manoeuvre in ("depart", "roundabout") or (name and not stays) or (manoeuvre == "continue" and name):
            return ""
        besides = {name} | ({streets.names[self._before.edge]} if self._before is not None and not stays else set())
        return streets.landmark(streets.tail(first), besides)

    def _crosses(self, arcs: list[Arc], manoeuvre: Manoeuvre) -> tuple[str, ...]:
        begins = [self._before] if self._before is not None and manoeuvre == "continue" else []
        chain = [*begins, *arcs]
        found = [name for one, two in pairwise(chain) for name in self.junctions.crossed(one, two)]
        return tuple(dict.fromkeys(found))

    def _visit(self, step: Step) -> PlannedVisit:
        visit = self.visits[step.visit]
        self._stayed += 1
        x, y = self.junctions.network.xy[visit.node].tolist()
        dx, dy = visit.x - x, visit.y - y
        open_now = (
            window
            for window in visit.daily_windows
            if window[0] - _WINDOW_TOLERANCE_S <= step.start_s <= window[1] + _WINDOW_TOLERANCE_S
        )
        return PlannedVisit(
            self._stayed, visit.code, visit.name, visit.kind, visit.x, visit.y, visit.service_duration_s,
            next(open_now, None), float(np.hypot(dx, dy)), heading_of(bearing_deg(dx, dy)),
        )  # fmt: skip

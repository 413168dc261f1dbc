"""Independent check of a patrol plan: walks every route on the raw graph; shares no code with the solver."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from geo.algorithms.routing.check_services import (
    TOLERANCE_S,
    Made,
    Service,
    check_rules,
    check_services,
    is_within,
    list_asked,
    name_service,
    service_of,
)
from geo.model.network import Mode
from geo.model.patrol import PatrolProblem, Team
from geo.model.plan import PatrolPlan, Route, Step
from geo.model.turns import Passage, turn_time_s

_TOLERANCE_M = 1e-3


@dataclass(frozen=True)
class PlanCheck:
    """Outcome of the check.

    Attributes
    ----------
    errors
        What is wrong, in English; empty when the plan is right.
    """

    errors: tuple[str, ...]


def check_plan(problem: PatrolProblem, plan: PatrolPlan) -> PlanCheck:
    """Check that a plan is what it says, and keeps all rules.

    - Each route is a connected walk from the team's start to its end (unless free), on segments open to its mode; only a
      team that has not left yet may stay where it is.
    - Times add up: segments that are patrolled take length over the smaller of their speed and the team's patrol speed,
      others the travel time of their direction; stays and breaks take their length; a turn takes its time between the
      two steps, and none is banned. A team stands still at a stay and may leave in any direction: the segment after a
      stay, as the first of a route, takes no turn. A break does not change where it was heading: the turn is made
      after the break and takes its time there.
    - A team waits only before a stay, before a break and before a segment that is patrolled several times.
    - Routes lie inside the shifts; on foot they are not longer than the team may walk.
    - Each break is taken once, within its window; it may be missing when the team is back by its latest start, or leaves
      only after it could have ended.
    - Each stay starts in one of its windows, of the day or the next one; of those that are made in each window no more
      than asked lie in one.
    - Each service that is asked for is made once, or listed as left out with a reason and whether it was required; each
      repetition has its own number and nothing else is served. By number, two starts in a row keep the shortest gap,
      and the longest one for each repetition that they are apart, so that one that is left out in between counts.
    - Teams have the skills and lie in the areas that are asked for.
    - The lower bounds are not above what the plan reaches.

    Parameters
    ----------
    problem
        What was to be planned.
    plan
        What was planned; anything in it may be wrong.
    """
    streets = _Streets.of(problem)
    asked = dict(list_asked(problem))
    made: dict[Service, list[Made]] = defaultdict(list)
    errors: list[str] = []
    if len(plan.routes) != len(problem.teams):
        errors.append(f"{len(plan.routes)} routes for {len(problem.teams)} teams")
    for number, route in enumerate(plan.routes):
        if route.team != number or number >= len(problem.teams):
            errors.append(f"route {number} belongs to team {route.team}")
            if not 0 <= route.team < len(problem.teams):
                continue
        team = problem.teams[route.team]
        label = f"team {route.team} '{team.name}'"
        walk = _Walk(problem, streets, team)
        errors += [f"{label}{error}" for error in walk.check(route)]
        for position, step in enumerate(route.steps):
            if step.serves or step.visit >= 0:
                made[service_of(problem, step)].append(
                    Made(step.number, step.start_s, team, f"{label}, step {position}")
                )
    errors += check_services(asked, made, plan.unserved)
    for service, one in asked.items():
        errors += check_rules(one, made.get(service, []))
    errors += _check_bounds(plan)
    return PlanCheck(tuple(errors))


@dataclass(frozen=True)
class _Streets:
    """Columns of the segments as lists."""

    first: list[int]
    last: list[int]
    length_m: list[float]
    speed_mps: dict[Mode, list[float]]
    modes_with_turns: frozenset[Mode]

    @classmethod
    def of(cls, problem: PatrolProblem) -> _Streets:
        network, edges = problem.network, problem.network.edges
        modes = {team.mode for team in problem.teams}
        turning = {mode for rule in network.turn_rules for mode in rule.modes} | set(network.turn_penalties)
        return cls(
            edges["from_node"].tolist(),
            edges["to_node"].tolist(),
            edges["length_m"].tolist(),
            {mode: edges[f"speed_{mode}_mps"].tolist() for mode in modes},
            frozenset(turning),
        )

    def ends(self, edge: int, forward: bool) -> tuple[int, int]:
        """Return where a directed segment begins and ends."""
        return (self.first[edge], self.last[edge]) if forward else (self.last[edge], self.first[edge])


@dataclass
class _Walk:
    """One route, walked step by step.

    Attributes
    ----------
    node
        Where the team is; None before the first place of a free start.
    clock
        When the step before ended.
    before
        Segment that was walked last, with no stay since.
    walked_m
        Length of the way so far.
    """

    problem: PatrolProblem
    streets: _Streets
    team: Team
    node: int | None = None
    clock: float = 0.0
    before: Passage | None = None
    walked_m: float = 0.0
    taken: set[int] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)

    def check(self, route: Route) -> list[str]:
        """Return what is wrong with the route."""
        team = self.team
        goal = team.depot_node if team.end_node is None else team.end_node
        if not route.steps:
            if team.spent_s > 0 and not (team.is_start_free or team.is_end_free) and team.depot_node != goal:
                self.errors.append(f": is out already at junction {team.depot_node}, but does not go to {goal}")
            return self.errors if route.end_s == route.start_s else [*self.errors, ": an empty route takes time"]
        first, last = team.shift_start_s - TOLERANCE_S, team.shift_end_s + TOLERANCE_S
        if not first <= route.start_s <= route.end_s <= last:
            hours = f"{team.shift_start_s:.1f}-{team.shift_end_s:.1f} s"
            self.errors.append(f": out from {route.start_s:.1f} to {route.end_s:.1f} s, shift is {hours}")
        self.node, self.clock = None if team.is_start_free else team.depot_node, route.start_s
        for position, step in enumerate(route.steps):
            self.errors += [f", step {position}: {error}" for error in self._take(step)]
        if not team.is_end_free and self.node not in {None, goal}:
            self.errors.append(f": ends at junction {self.node} instead of {goal}")
        if not _is_near(self.clock, route.end_s):
            self.errors.append(": the end of the route is not the end of its last step")
        if team.mode == "foot" and team.max_walk_m is not None and not self.walked_m <= team.max_walk_m + _TOLERANCE_M:
            self.errors.append(f": walks {self.walked_m:.1f} m, at most {team.max_walk_m:.1f} m are allowed")
        self._check_breaks(route)
        return self.errors

    def _take(self, step: Step) -> Iterator[str]:
        """Yield what is wrong with a step, and go on to its end."""
        turn_s, waits = 0.0, True
        seconds: float | None = None
        if step.edge >= 0 and step.visit >= 0:
            yield f"is both segment {step.edge} and visit {step.visit}"
        elif step.visit >= len(self.problem.visits) or step.edge >= len(self.streets.first):
            yield f"there is no {name_service((step.edge, None, step.visit))}"
        elif step.visit >= 0:
            visit = self.problem.visits[step.visit]
            if self.node not in {None, visit.node}:
                yield f"visit {step.visit} is at junction {visit.node}, but the team is at {self.node}"
            if visit.windows and not any(is_within(step.start_s, window) for window in visit.windows):
                yield f"visit {step.visit} starts at {step.start_s:.1f} s, outside its windows"
            self.node, self.before = visit.node, None
            seconds = visit.service_duration_s + visit.access_s
        elif step.edge >= 0:
            yield from self._faults_of_segment(step)
            turn_s, seconds = self._turn_s(step), self._segment_s(step)
            if turn_s == float("inf"):
                yield f"the turn from segment {self.before and self.before[0]} into segment {step.edge} is banned"
                turn_s = 0.0
            waits = step.serves and self.problem.rule(step.edge).times > 1
            self.node, self.before = self.streets.ends(step.edge, step.forward)[1], (step.edge, step.forward)
            self.walked_m += self.streets.length_m[step.edge]
        else:
            if step.serves:
                yield "a break serves nothing"
            yield from self._take_break(step)
            seconds = step.end_s - step.start_s
        late = step.start_s - self.clock - turn_s
        if not (late >= -TOLERANCE_S and (waits or late <= TOLERANCE_S)):
            turn = f" and the turn takes {turn_s:.1f} s" if turn_s else ""
            yield f"starts at {step.start_s:.3f} s, the one before ended at {self.clock:.3f} s{turn}"
        if seconds is not None and not _is_near(step.end_s - step.start_s, seconds):
            yield f"takes {step.end_s - step.start_s:.3f} s instead of {seconds:.3f} s"
        self.clock = step.end_s

    def _faults_of_segment(self, step: Step) -> Iterator[str]:
        tail, head = self.streets.ends(step.edge, step.forward)
        values = self.problem.network.graph.get_edge_data(tail, head, key=(step.edge, step.forward)) or {}
        if self.node not in {None, tail} or f"time_s_{self.team.mode}" not in values:
            where = tail if self.node is None else self.node
            direction = "forward" if step.forward else "backward"
            yield f"segment {step.edge} cannot be used {direction} from junction {where} by {self.team.mode}"

    def _segment_s(self, step: Step) -> float | None:
        """Return how long a segment takes; None where it is closed."""
        mode, edge = self.team.mode, step.edge
        tail, head = self.streets.ends(edge, step.forward)
        values = self.problem.network.graph.get_edge_data(tail, head, key=(edge, step.forward)) or {}
        travel_s = values.get(f"time_s_{mode}")
        if travel_s is None or not step.serves:
            return travel_s
        own = self.team.patrol_speed_mps
        own = self.problem.patrol_speed_mps[mode] if own is None else own
        return self.streets.length_m[edge] / min(self.streets.speed_mps[mode][edge], own)

    def _turn_s(self, step: Step) -> float:
        mode, before = self.team.mode, self.before
        if before is None or mode not in self.streets.modes_with_turns:
            return 0.0
        if self.node != self.streets.ends(step.edge, step.forward)[0]:
            return 0.0  # it cannot go there at all
        return turn_time_s(self.problem.network, mode, before, (step.edge, step.forward))

    def _take_break(self, step: Step) -> Iterator[str]:
        for number, rest in enumerate(self.team.breaks):
            if rest.earliest_s - TOLERANCE_S <= step.start_s <= rest.latest_s + TOLERANCE_S:
                if number in self.taken:
                    yield f"break {number} is taken twice"
                if not _is_near(step.end_s - step.start_s, rest.duration_s):
                    yield f"break {number} takes {step.end_s - step.start_s:.3f} s instead of {rest.duration_s:.3f} s"
                self.taken.add(number)
                return
        yield f"a break starts at {step.start_s:.1f} s, when the team has none"

    def _check_breaks(self, route: Route) -> None:
        for number, rest in enumerate(self.team.breaks):
            is_back = route.end_s <= rest.latest_s + TOLERANCE_S
            rested = max(rest.earliest_s, self.team.shift_start_s) + rest.duration_s
            if number not in self.taken and not is_back and not route.start_s >= rested - TOLERANCE_S:
                self.errors.append(f": break {number} is not taken")


def _check_bounds(plan: PatrolPlan) -> Iterator[str]:
    durations_s = [route.end_s - route.start_s for route in plan.routes]
    longest_s, total_s = max(durations_s, default=0.0), sum(durations_s)
    for name, reached_s, bound_s in (
        ("longest route", longest_s, plan.lower_bound_s),
        ("total", total_s, plan.lower_bound_total_s),
    ):
        if not bound_s <= reached_s * (1 + 1e-6) + TOLERANCE_S:
            yield f"{name} {reached_s:.1f} s is below the lower bound {bound_s:.1f} s"


def _is_near(one: float, other: float) -> bool:
    return abs(one - other) <= TOLERANCE_S

"""Independent check of a patrol plan: walks every route on the raw graph; shares no code with the solver."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from geo.model.patrol import PatrolPlan, PatrolProblem, Route

_TIME_TOLERANCE_S = 1e-3
_DAY_S = 24 * 60 * 60


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
    """Check that a plan is what it says.

    Every route is a connected walk on arcs open to the team's mode, from its depot to its depot, within its shift; times
    add up with the speeds of the network; stays have their length and start in a window; every required segment and
    every visit is served once or listed with a reason.

    Parameters
    ----------
    problem
        What was to be planned.
    plan
        What was planned.
    """
    errors: list[str] = []
    if len(plan.routes) != len(problem.teams):
        return PlanCheck((f"{len(plan.routes)} routes for {len(problem.teams)} teams",))
    served: Counter[int] = Counter()
    visited: Counter[int] = Counter()
    for number, route in enumerate(plan.routes):
        if route.team != number:
            errors.append(f"route {number} belongs to team {route.team}")
        errors += [f"team {number}: {error}" for error in _check_route(problem, route)]
        served.update(step.edge for step in route.steps if step.serves)
        visited.update(step.visit for step in route.steps if step.visit >= 0)
    required = set(problem.required_edges)
    for edge in required:
        if served[edge] != (0 if edge in plan.unserved_edges else 1):
            errors.append(f"segment {edge} is served {served[edge]} times")
    errors += [f"segment {edge} is served but not required" for edge in served if edge not in required]
    for visit in range(len(problem.visits)):
        if visited[visit] != (0 if visit in plan.unserved_visits else 1):
            errors.append(f"visit {visit} is made {visited[visit]} times")
    longest = max((route.end_s - route.start_s for route in plan.routes), default=0.0)
    if longest < plan.lower_bound_s - 1:
        errors.append(f"longest route {longest:.0f} s is below the lower bound {plan.lower_bound_s:.0f} s")
    return PlanCheck(tuple(errors))


def _check_route(problem: PatrolProblem, route: Route) -> list[str]:
    team = problem.teams[route.team]
    if not route.steps:
        return [] if route.end_s == route.start_s else ["an empty route takes time"]
    errors = []
    if route.start_s < team.shift_start_s - _TIME_TOLERANCE_S or route.end_s > team.shift_end_s + _TIME_TOLERANCE_S:
        errors.append(
            f"out from {route.start_s:.1f} to {route.end_s:.1f} s, shift is {team.shift_start_s}-{team.shift_end_s} s"
        )
    edges = problem.network.edges
    node, clock = team.depot_node, route.start_s
    for position, step in enumerate(route.steps):
        if step.visit >= 0:
            visit = problem.visits[step.visit]
            if visit.node != node:
                errors.append(f"step {position}: visit at junction {visit.node}, but the team is at {node}")
            if visit.windows and not any(
                a - 1e-3 <= step.start_s % _DAY_S <= b + 1e-3 or a - 1e-3 <= step.start_s <= b + 1e-3
                for a, b in visit.windows
            ):
                errors.append(f"step {position}: stay starts at {step.start_s:.1f} s, outside its windows")
            seconds, waits = visit.service_duration_s + visit.access_s, True
        else:
            head, seconds = _traverse(problem, team.mode, node, step.edge, step.forward, step.serves)
            if head is None:
                errors.append(
                    f"step {position}: segment {step.edge} cannot be used from junction {node} by {team.mode}"
                )
                head = int(edges["to_node" if step.forward else "from_node"].iloc[step.edge])
            node, waits = head, False
        late = step.start_s - clock
        if late < -_TIME_TOLERANCE_S or (late > _TIME_TOLERANCE_S and not waits):
            errors.append(f"step {position}: starts at {step.start_s:.3f} s, the one before ended at {clock:.3f} s")
        if abs(step.end_s - step.start_s - seconds) > _TIME_TOLERANCE_S:
            errors.append(f"step {position}: takes {step.end_s - step.start_s:.3f} s instead of {seconds:.3f} s")
        clock = step.end_s
    if node != team.depot_node:
        errors.append(f"ends at junction {node} instead of the depot {team.depot_node}")
    if abs(clock - route.end_s) > _TIME_TOLERANCE_S:
        errors.append("the end of the route is not the end of its last step")
    return errors


def _traverse(
    problem: PatrolProblem, mode: str, node: int, edge: int, forward: bool, serves: bool
) -> tuple[int | None, float]:
    """Return where an edge of the graph leads from a junction, and how long it takes; None when it does not."""
    for _, head, key, values in problem.network.graph.out_edges(node, keys=True, data=True):
        if key == (edge, forward) and f"time_s_{mode}" in values:
            seconds = values[f"time_s_{mode}"]
            if serves:
                seconds = max(seconds, values["length_m"] / problem.patrol_speed_mps[mode])  # type: ignore[index]
            return int(head), float(seconds)
    return None, 0.0

"""A new plan during the shift: a team drops out, a street is closed, an urgent visit appears.

What is done stays done, and every team finishes the step that it is at. The rest begins with the order that the teams had
and is improved with little heat, so that little is disturbed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from geo.algorithms.routing.decode import decode, list_unserved
from geo.algorithms.routing.encode import Service, encode
from geo.algorithms.routing.rounds.search import SearchParams, compile_search, find_rounds
from geo.algorithms.routing.solve import orders_of
from geo.errors import InfeasibleError, ParameterError
from geo.model.network import StreetNetwork
from geo.model.patrol import PatrolProblem, Team, Visit
from geo.model.plan import PatrolPlan, Route, Step, Unserved

_HEAT = 0.1
DONE = "It is done already."


@dataclass(frozen=True)
class Incident:
    """What happens during the shift.

    Attributes
    ----------
    at_s
        When, seconds after midnight.
    dropped_teams
        Numbers of teams that do nothing more.
    closed_edges
        Segments that nobody can use any more; a team on one still leaves it.
    visits
        Urgent visits.
    """

    at_s: float
    dropped_teams: frozenset[int] = frozenset()
    closed_edges: frozenset[int] = frozenset()
    visits: tuple[Visit, ...] = ()


@dataclass(frozen=True)
class Replanned:
    """A plan from an incident on.

    Attributes
    ----------
    plan
        Whole routes: what was done until then, and what comes now. Visits of the incident are numbered after the others.
    problem, rest
        What is left to do from where the teams are then, and the plan for it alone, which lists what is done as left out.
    done
        Services that were done.
    changed_share
        Services of the rest that another team does now than before, of all that are still done.
    seconds
        How long replanning took.
    """

    plan: PatrolPlan
    problem: PatrolProblem
    rest: PatrolPlan
    done: frozenset[Service]
    changed_share: float
    seconds: float


def replan(
    problem: PatrolProblem, plan: PatrolPlan, incident: Incident, *, seconds: float = 0.8, seed: int = 1
) -> Replanned:
    """Return a new plan that keeps what is done and disturbs little.

    Parameters
    ----------
    problem, plan
        What was planned.
    incident
        What happens.
    seconds, seed
        Of the search; travel times come on top.

    Raises
    ------
    ParameterError
        A team or a segment of the incident does not exist.
    InfeasibleError
        No team is left, or one cannot leave the place where it is.
    """
    started = time.monotonic()
    teams, edges = len(problem.teams), len(problem.network.edges)
    strange = [team for team in incident.dropped_teams if not 0 <= team < teams]
    strange += [edge for edge in incident.closed_edges if not 0 <= edge < edges]
    if strange:
        raise ParameterError("The incident names number {number}, which does not exist.", number=strange[0])
    kept = [team for team in range(teams) if team not in incident.dropped_teams]
    if not kept:
        raise InfeasibleError("All teams dropped out; nobody is left to patrol.")
    past = [[step for step in route.steps if step.start_s < incident.at_s] for route in plan.routes]
    done = frozenset(service for route in past for step in route for service in _services(problem, step))
    rest = _rest_problem(problem, plan, incident, kept, past)
    horizon_s = min(t.shift_start_s for t in problem.teams), max(t.shift_end_s for t in problem.teams)
    encoded = encode(rest, done, horizon_s)
    compile_search()
    former = replace(plan, routes=tuple(plan.routes[team] for team in kept))
    search = SearchParams(seconds, seed=seed, heat=_HEAT)
    found = find_rounds(encoded.jobs, encoded.crews, search, orders_of(encoded, former))
    unserved = list_unserved(rest, encoded, found.absent)
    plan_rest = PatrolPlan(
        tuple(decode(rest, encoded, found.orders)),
        (*unserved, *(_as_done(service) for service in sorted(done, key=repr))),
        0.0,
        seed,
        found.iterations,
        time.monotonic() - started,
    )
    routes = []
    for team, route in enumerate(plan.routes):
        steps = tuple(past[team])
        if team in incident.dropped_teams:
            routes.append(Route(team, route.start_s, steps[-1].end_s if steps else route.start_s, steps))
            continue
        new = plan_rest.routes[kept.index(team)]
        start_s = route.start_s if steps else new.start_s
        end_s = new.end_s if new.steps else (steps[-1].end_s if steps else start_s)
        routes.append(Route(team, start_s, end_s, (*steps, *new.steps)))
    whole = replace(plan_rest, routes=tuple(routes), unserved=unserved)
    changed = _changed_share(plan, whole, done)
    return Replanned(whole, rest, plan_rest, done, changed, time.monotonic() - started)


def _services(problem: PatrolProblem, step: Step) -> list[Service]:
    if step.visit >= 0:
        return [(-1, step.visit, step.number, True)]
    if not step.serves:
        return []
    either = problem.rule(step.edge).direction == "either"
    return [(step.edge, -1, step.number, None if either else step.forward)]


def _as_done(service: Service) -> Unserved:
    edge, visit, number, forward = service
    return Unserved(DONE, edge, None if visit >= 0 else forward, visit, number)


def _rest_problem(
    problem: PatrolProblem, plan: PatrolPlan, incident: Incident, kept: list[int], past: list[list[Step]]
) -> PatrolProblem:
    """Return what is left: the teams from where they are, the streets without those that are closed, all visits."""
    edges = problem.network.edges
    closed = np.isin(np.arange(len(edges)), list(incident.closed_edges))
    speeds = {name: edges[name].where(~closed, 0.0) for name in edges.columns if name.startswith("speed_")}
    network = replace(problem.network, edges=edges.assign(**speeds))
    teams = tuple(
        _team_now(problem, problem.teams[team], plan.routes[team], past[team], incident.at_s) for team in kept
    )
    return replace(problem, network=network, teams=teams, visits=(*problem.visits, *incident.visits))


def _team_now(problem: PatrolProblem, team: Team, route: Route, past: list[Step], at_s: float) -> Team:
    """Return a team from where and when it has finished its present step."""
    if not past:
        start_s = max(team.shift_start_s, min(at_s, team.shift_end_s - 1.0))
        return replace(team, shift_start_s=start_s)
    node = _node_after(problem.network, past, team.depot_node)
    rests = sum(step.is_break for step in past)
    length = problem.network.edges["length_m"].to_numpy()
    walked = float(sum(length[step.edge] for step in past if step.edge >= 0))
    start_s = min(max(at_s, past[-1].end_s), team.shift_end_s - 1.0)
    return replace(
        team,
        shift_start_s=start_s,
        depot_node=node,
        end_node=team.final_node,
        is_start_free=False,
        spent_s=max(start_s - route.start_s, 1e-3),
        breaks=team.breaks[rests:],
        max_walk_m=None if team.max_walk_m is None else max(team.max_walk_m - walked, 1.0),
    )


def _node_after(network: StreetNetwork, steps: list[Step], depot: int) -> int:
    """Return the junction where a team is after some steps."""
    moves = [step for step in steps if step.edge >= 0]
    if not moves:
        return depot
    column = "to_node" if moves[-1].forward else "from_node"
    return int(network.edges[column].iloc[moves[-1].edge])


def _changed_share(before: PatrolPlan, after: PatrolPlan, done: frozenset[Service]) -> float:
    """Return the share of the services that another team does now."""
    one, other = ({_key(step): route.team for route in plan.routes for step in route.steps if _is_service(step)}
                  for plan in (before, after))  # fmt: skip
    both = [key for key in one if key in other and not done & {(*key, direction) for direction in (True, False, None)}]
    return sum(one[key] != other[key] for key in both) / len(both) if both else 0.0


def _is_service(step: Step) -> bool:
    return step.visit >= 0 or step.serves


def _key(step: Step) -> tuple[int, int, int]:
    return step.edge, step.visit, step.number

"""Replanning during a shift: what is done stays, the rest is served by who is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from geo.algorithms.routing.check import check_plan
from geo.algorithms.routing.replan import Incident, Replanned, replan
from geo.algorithms.routing.solve import SolveParams, solve
from geo.errors import InfeasibleError, ParameterError
from geo.model.network import StreetNetwork
from geo.model.patrol import Break, EdgeRule, PatrolProblem, Team, Visit
from geo.model.plan import PatrolPlan

AT_S = 8 * 3600 + 900.0


@pytest.fixture
def problem(network: Callable[..., StreetNetwork], team: Callable[..., Team]) -> PatrolProblem:
    grid = [[(100 * i, 100 * j), (100 * i + 100, 100 * j)] for i in range(4) for j in range(5)]
    grid += [[(100 * j, 100 * i), (100 * j, 100 * i + 100)] for i in range(4) for j in range(5)]
    town = network(grid)
    rest = (Break(AT_S - 600, AT_S - 300, 60), Break(AT_S + 300, AT_S + 900, 60))
    teams = (replace(team("甲", "foot", 0), breaks=rest), team("乙", "foot", 7), team("丙", "foot", 3))
    place = Visit("F", "学校", "school", 12, 200.0, 200.0, 300.0, times=2, min_gap_s=1_200)
    rules = {0: EdgeRule(direction="both"), 5: EdgeRule(times=2)}
    return PatrolProblem(town, teams, tuple(range(len(town.edges))), (place,), edge_rules=rules)


@pytest.fixture
def plan(problem: PatrolProblem) -> PatrolPlan:
    return solve(problem, SolveParams(iterations=200))


def replanned(problem: PatrolProblem, plan: PatrolPlan, incident: Incident) -> Replanned:
    result = replan(problem, plan, incident, seconds=0.3)
    assert check_plan(result.problem, result.rest).errors == ()
    before = [[step for step in route.steps if step.start_s < AT_S] for route in plan.routes]
    assert [list(route.steps[: len(steps)]) for route, steps in zip(result.plan.routes, before, strict=True)] == before
    return result


def served(plan: PatrolPlan) -> set[tuple[int, int, int]]:
    return {
        (step.edge, step.visit, step.number)
        for route in plan.routes
        for step in route.steps
        if step.serves or step.visit >= 0
    }


def test_nothing_happens(problem: PatrolProblem, plan: PatrolPlan) -> None:
    result = replanned(problem, plan, Incident(AT_S))
    assert served(result.plan) == served(plan)
    assert not result.plan.unserved
    assert result.plan.durations_s().max() <= plan.durations_s().max() + 1e-6


def test_a_team_drops_out(problem: PatrolProblem, plan: PatrolPlan) -> None:
    result = replanned(problem, plan, Incident(AT_S, dropped_teams=frozenset({1})))
    assert served(result.plan) == served(plan)
    assert all(step.start_s < AT_S for step in result.plan.routes[1].steps)
    assert result.changed_share > 0


def test_a_street_is_closed(problem: PatrolProblem, plan: PatrolPlan) -> None:
    later = [step.edge for route in plan.routes for step in route.steps if step.serves and step.start_s > AT_S + 300]
    closed = next(edge for edge in later if edge not in (0, 5))
    result = replanned(problem, plan, Incident(AT_S, closed_edges=frozenset({closed})))
    assert {one.edge for one in result.plan.unserved} == {closed}
    assert all(step.edge != closed for route in result.plan.routes for step in route.steps if step.start_s >= AT_S)
    assert result.changed_share < 0.7


def test_an_urgent_visit(problem: PatrolProblem, plan: PatrolPlan) -> None:
    urgent = Visit("U", "急", "other", 24, 400.0, 400.0, 120.0, ((AT_S, AT_S + 1_200),))
    result = replanned(problem, plan, Incident(AT_S, visits=(urgent,)))
    (stay,) = [step for route in result.plan.routes for step in route.steps if step.visit == 1]
    assert AT_S <= stay.start_s <= AT_S + 1_200
    assert not result.plan.unserved


def test_before_the_shift(problem: PatrolProblem, plan: PatrolPlan) -> None:
    result = replan(problem, plan, Incident(0.0), seconds=0.2)
    assert not result.done
    assert check_plan(problem, result.plan).errors == ()


@pytest.mark.parametrize("wrong", [{"dropped_teams": frozenset({9})}, {"closed_edges": frozenset({-1})}])
def test_unknown_numbers(problem: PatrolProblem, plan: PatrolPlan, wrong: dict[str, frozenset[int]]) -> None:
    with pytest.raises(ParameterError):
        replan(problem, plan, Incident(AT_S, **wrong))  # type: ignore[arg-type]


def test_nobody_is_left(problem: PatrolProblem, plan: PatrolPlan) -> None:
    with pytest.raises(InfeasibleError):
        replan(problem, plan, Incident(AT_S, dropped_teams=frozenset({0, 1, 2})))

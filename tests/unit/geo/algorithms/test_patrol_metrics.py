"""Figures of patrol plans, by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import log2
from typing import Any

import pytest

from geo.model.network import StreetNetwork
from geo.model.patrol import EdgeRule, PatrolProblem, Team, Visit
from geo.model.patrol_metrics import (
    Changes,
    Idleness,
    arrival_entropy,
    changes,
    coverage_share,
    deadhead_share,
    idleness,
    koper_share,
    measure_plan,
    order_entropy,
)
from geo.model.plan import PatrolPlan, Route, Step

T = 8 * 3600.0
SHIFT = 4 * 3600.0


@pytest.fixture
def problem(network: Callable[..., StreetNetwork], team: Callable[..., Team]) -> PatrolProblem:
    """Segments of 100, 200 and 300 m in a row, all required, and a visit; two teams are out from 8 to 12."""
    town = network([[(0, 0), (100, 0)], [(100, 0), (300, 0)], [(300, 0), (600, 0)]])
    assert town.edges["length_m"].tolist() == [100, 200, 300]
    place = Visit("F", "校", "school", 0, 0, 0, 600.0)
    return PatrolProblem(town, (team("甲"), team("乙")), (0, 1, 2), (place,))


def plan(*routes: list[Step]) -> PatrolPlan:
    """Return a plan of routes that begin at 8 and end with their last step."""
    made = tuple(Route(team, T, steps[-1].end_s if steps else T, tuple(steps)) for team, steps in enumerate(routes))
    return PatrolPlan(made, (), 0.0, seed=1, iterations=0, seconds=0.0)


def serve(edge: int, at_s: float = 0.0, seconds: float = 100.0, **rest: Any) -> Step:
    return Step(T + at_s, T + at_s + seconds, edge, **({"serves": True} | rest))


def stay(at_s: float, seconds: float = 600.0, visit: int = 0, number: int = 0) -> Step:
    return Step(T + at_s, T + at_s + seconds, visit=visit, number=number)


class TestCoverage:
    def test_by_length(self, problem: PatrolProblem) -> None:
        assert coverage_share(problem, plan([serve(0)], [serve(2)])) == pytest.approx(400 / 600)
        assert coverage_share(problem, plan([], [])) == 0

    def test_passing_by_is_none(self, problem: PatrolProblem) -> None:
        assert coverage_share(problem, plan([serve(2, serves=False)])) == 0

    def test_repetitions_and_directions(self, problem: PatrolProblem) -> None:
        """The first three times, the second both ways twice: 300 + 800 + 300 m are asked for."""
        rules = {0: EdgeRule(times=3), 1: EdgeRule(times=2, direction="both")}
        often = replace(problem, edge_rules=rules)
        made = plan([serve(0), serve(1), serve(1, forward=False)])
        assert coverage_share(often, made) == pytest.approx(500 / 1400)

    def test_no_more_than_asked(self, problem: PatrolProblem) -> None:
        assert coverage_share(problem, plan([serve(0), serve(0)])) == pytest.approx(100 / 600)

    def test_optional(self, problem: PatrolProblem) -> None:
        half = replace(problem, edge_rules={0: EdgeRule(prize_s=9.0)})
        assert coverage_share(half, plan([serve(0), serve(1)])) == pytest.approx(200 / 500)
        assert coverage_share(replace(problem, required_edges=()), plan([serve(0)])) == 1


def test_deadhead(problem: PatrolProblem) -> None:
    made = plan([serve(0), stay(100), Step(T, T + 600)], [serve(2), serve(1, serves=False)])
    assert deadhead_share(problem, made) == pytest.approx(200 / 600)
    assert deadhead_share(problem, plan([stay(0)])) == 0


class TestIdleness:
    def alone(self, problem: PatrolProblem) -> PatrolProblem:
        return replace(problem, required_edges=())

    def test_one_place(self, problem: PatrolProblem) -> None:
        """Alone for 1 h, then visited for 10 minutes, then alone for 2 h 50 min."""
        found = idleness(self.alone(problem), plan([stay(3600)]))
        after = SHIFT - 4200
        assert found.worst_s == after
        assert found.mean_s == pytest.approx((3600**2 + after**2) / 2 / SHIFT)

    def test_nobody_comes(self, problem: PatrolProblem) -> None:
        assert idleness(self.alone(problem), plan([], [])) == Idleness(SHIFT, SHIFT / 2)

    def test_two_teams_at_once(self, problem: PatrolProblem) -> None:
        """One stays for the first 100 minutes, the other comes and goes meanwhile."""
        found = idleness(self.alone(problem), plan([stay(0, 6000)], [stay(1000, 60)]))
        assert found.worst_s == SHIFT - 6000

    def test_all_required_places(self, problem: PatrolProblem) -> None:
        """The first segment always, the others and the visit never; an optional segment does not count."""
        rules = {2: EdgeRule(prize_s=1.0)}
        found = idleness(replace(problem, edge_rules=rules), plan([serve(0, 0, SHIFT)]))
        assert found == Idleness(SHIFT, (0 + SHIFT / 2 + SHIFT / 2) / 3)

    def test_passing_by_does_not_count(self, problem: PatrolProblem) -> None:
        town = replace(problem, required_edges=(0,), visits=())
        assert idleness(town, plan([serve(0, 0, SHIFT, serves=False)])) == Idleness(SHIFT, SHIFT / 2)

    def test_from_the_first_shift_to_the_last(self, problem: PatrolProblem) -> None:
        later = replace(problem.teams[1], shift_start_s=T + SHIFT, shift_end_s=T + 2 * SHIFT)
        both = replace(self.alone(problem), teams=(problem.teams[0], later))
        assert idleness(both, plan([], [])).worst_s == 2 * SHIFT

    def test_no_places(self, problem: PatrolProblem) -> None:
        nothing = replace(problem, required_edges=(), visits=())
        assert idleness(nothing, plan([], [])) == Idleness(0.0, 0.0)


class TestKoper:
    @pytest.mark.parametrize(("stay_s", "share"), [(599, 0), (600, 1), (960, 1), (961, 0)])
    def test_length(self, problem: PatrolProblem, stay_s: float, share: float) -> None:
        assert koper_share(problem, plan([stay(0, stay_s)])) == share

    def test_the_way_to_the_door_is_no_stay(self, problem: PatrolProblem) -> None:
        far = replace(problem, visits=(replace(problem.visits[0], access_s=120.0),))
        assert koper_share(far, plan([stay(0, 719)])) == 0
        assert koper_share(far, plan([stay(0, 1080)])) == 1

    def test_gap(self, problem: PatrolProblem) -> None:
        """The first comes 2 h after the shift began; the next one 2 h after the first ended, or a second later."""
        assert koper_share(problem, plan([stay(7200), stay(15000)])) == 1
        assert koper_share(problem, plan([stay(7201), stay(15000)])) == 0.5
        assert koper_share(problem, plan([stay(7200), stay(15001)])) == 0.5
        assert koper_share(problem, plan([stay(7200)], [stay(3600)])) == 1

    def test_chosen_places(self, problem: PatrolProblem) -> None:
        two = replace(problem, visits=problem.visits * 2)
        made = plan([stay(0), stay(700, 60, visit=1)])
        assert koper_share(two, made) == 0.5
        assert koper_share(two, made, {0}) == 1

    def test_no_stays(self, problem: PatrolProblem) -> None:
        assert koper_share(problem, plan([serve(0), Step(T + 100, T + 800)])) is None


class TestUnpredictability:
    def test_always_the_same(self) -> None:
        one = plan([serve(0), serve(1), stay(200)], [serve(2)])
        assert order_entropy([one]) == order_entropy([one, one, one]) == 0
        assert arrival_entropy([one, one]) == 0
        assert order_entropy([]) == arrival_entropy([]) == 0

    def test_either_way_round(self) -> None:
        """Start → 0 or 1; after 0 comes 1 or the end; after 1 comes 0 or the end: 1 bit everywhere."""
        assert order_entropy([plan([serve(0), serve(1)]), plan([serve(1), serve(0)])]) == pytest.approx(1)

    def test_weights(self) -> None:
        """Of eight moves in two plans, four are certain (0 from the start, the end after 3), four are 1 bit."""
        one, other = plan([serve(0), serve(1), serve(3)]), plan([serve(0), serve(2), serve(3)])
        assert order_entropy([one, other]) == pytest.approx(2 / 8)

    def test_never_above_the_number_of_plans(self) -> None:
        orders = [(0, 1, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
        found = order_entropy([plan([serve(edge) for edge in order]) for order in orders])
        assert 0 < found <= log2(len(orders))

    def test_stays_only(self) -> None:
        one, other = plan([serve(0), serve(1), stay(0)]), plan([serve(1), serve(0), stay(0)])
        assert order_entropy([one, other]) > 0
        assert order_entropy([one, other], visits_only=True) == 0

    def test_breaks_and_deadheads_are_no_places(self) -> None:
        one = plan([serve(0), serve(1)])
        assert order_entropy([one, plan([serve(0), Step(T, T + 9), serve(2, serves=False), serve(1)])]) == 0

    def test_arrivals(self) -> None:
        """The first place in two different half hours, the second in the same one."""
        one, other = plan([serve(0, 1700), serve(1, 5400)]), plan([serve(0, 1800), serve(1, 7100)])
        assert arrival_entropy([one, other]) == pytest.approx(0.5)
        assert arrival_entropy([one, other], bin_s=2000.0) != arrival_entropy([one, other])


class TestChanges:
    def test_none(self, problem: PatrolProblem) -> None:
        one = plan([serve(0), stay(100)], [serve(1), serve(2)])
        later = plan([serve(0, 500), serve(2, 600, serves=False), stay(700)], [serve(1), serve(2, forward=False)])
        assert changes(problem, one, later) == Changes(0.0, 0.0)
        assert changes(problem, plan([]), plan([])) == Changes(0.0, 0.0)

    def test_another_team(self, problem: PatrolProblem) -> None:
        """The visit changes hands; all others keep the service before them."""
        one, other = (
            plan([serve(0), stay(100)], [serve(1), serve(2)]),
            plan([serve(0)], [serve(1), serve(2), stay(200)]),
        )
        assert changes(problem, one, other) == Changes(0.25, 0.25)

    def test_another_order(self, problem: PatrolProblem) -> None:
        """0 1 2 becomes 1 0 2: each follows on another."""
        one, other = plan([serve(0), serve(1), serve(2)]), plan([serve(1), serve(0), serve(2)])
        assert changes(problem, one, other) == Changes(0.0, 1.0)
        assert changes(problem, one, plan([serve(0), serve(2), serve(1)])) == Changes(0.0, pytest.approx(2 / 3))

    def test_left_out(self, problem: PatrolProblem) -> None:
        assert changes(problem, plan([serve(0), serve(1)]), plan([serve(0)])) == Changes(0.5, 0.5)
        assert changes(problem, plan([serve(0)]), plan([serve(0), serve(1)])) == Changes(0.5, 0.5)

    def test_both_directions_and_repetitions_are_different_services(self, problem: PatrolProblem) -> None:
        both = replace(problem, edge_rules={0: EdgeRule(direction="both"), 1: EdgeRule(times=2)})
        one = plan([serve(0), serve(0, forward=False)], [serve(1), serve(1, number=1)])
        other = plan([serve(0), serve(1, number=1)], [serve(1), serve(0, forward=False)])
        assert changes(both, one, other).team_share == 0.5


def test_all_figures(problem: PatrolProblem) -> None:
    made = plan([serve(0), serve(1, 100, serves=False)], [stay(0)])
    found = measure_plan(problem, made)
    assert (found.max_over_mean, found.max_minus_min_s) == (pytest.approx(1.5), 400)
    assert found.gini == pytest.approx(0.25)
    assert found.coverage_share == pytest.approx(100 / 600)
    assert found.deadhead_share == pytest.approx(200 / 300)
    assert found.idleness.worst_s == SHIFT
    assert found.koper_share == 1

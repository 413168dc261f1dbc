"""Large towns: the cut into shares, and plans put together from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from geo.algorithms.routing.check import check_plan
from geo.algorithms.routing.city import solve_city
from geo.algorithms.routing.shares import Cutter
from geo.algorithms.routing.solve import SolveParams, solve
from geo.errors import CancelledError
from geo.model.network import StreetNetwork
from geo.model.patrol import EdgeRule, PatrolProblem, Team, Visit


class TestCut:
    def test_work_goes_by_capacity(self) -> None:
        """100 jobs in a row; the western two of four teams can do three times as much: 75 jobs."""
        xy = np.column_stack((np.arange(100.0), np.zeros(100)))
        cutter = Cutter(xy, np.ones(100), np.array([[0.0, 0], [10, 0], [80, 0], [90, 0]]), 2)
        west, east = cutter.cut(np.array([3.0, 3, 1, 1]))
        assert (west.teams.tolist(), east.teams.tolist()) == ([0, 1], [2, 3])
        assert west.jobs.tolist() == list(range(75))
        assert east.jobs.tolist() == list(range(75, 100))

    def test_every_job_in_one_share(self) -> None:
        rng = np.random.default_rng(1)
        cutter = Cutter(rng.random((500, 2)), rng.random(500), rng.random((23, 2)), 3)
        for capacity in (np.ones(23), rng.random(23)):
            shares = cutter.cut(capacity)
            assert sorted(np.concatenate([share.jobs for share in shares]).tolist()) == list(range(500))
            assert sorted(np.concatenate([share.teams for share in shares]).tolist()) == list(range(23))
            assert all(len(share.teams) <= 3 for share in shares)

    def test_one_station(self) -> None:
        """Teams that all start at one place share the ground, not its streets."""
        xy = np.column_stack((np.arange(40.0), np.zeros(40)))
        shares = Cutter(xy, np.ones(40), np.zeros((4, 2)), 2).cut(np.ones(4))
        assert [len(share.jobs) for share in shares] == [20, 20]


@pytest.fixture
def problem(network: Callable[..., StreetNetwork], team: Callable[..., Team]) -> PatrolProblem:
    grid = [[(100 * i, 100 * j), (100 * i + 100, 100 * j)] for i in range(9) for j in range(10)]
    grid += [[(100 * j, 100 * i), (100 * j, 100 * i + 100)] for i in range(9) for j in range(10)]
    town = network(grid)
    corners = [int(np.flatnonzero((town.xy == xy).all(axis=1))[0]) for xy in ((0, 0), (900, 0), (0, 900), (900, 900))]
    teams = tuple(team(f"队{number}", ("foot", "car")[number % 2], corners[number % 4]) for number in range(10))
    teams = (*teams[:-1], replace(teams[-1], skills=frozenset({"police"})))
    visits = tuple(Visit(f"F{k}", "学校", "school", 11 * k, 0.0, 0.0, 300.0) for k in range(1, 6))
    rules = {7: EdgeRule(skills=frozenset({"police"})), 9: EdgeRule(direction="both"), 11: EdgeRule(times=2)}
    return PatrolProblem(town, teams, tuple(range(len(town.edges))), visits, edge_rules=rules)


@pytest.mark.parametrize("processes", [1, 2])
def test_shares_make_one_plan(problem: PatrolProblem, monkeypatch: pytest.MonkeyPatch, processes: int) -> None:
    monkeypatch.setattr("geo.algorithms.routing.solve._MANY_SERVICES", 100)
    plans = [solve(problem, SolveParams(iterations=150, processes=processes)) for _ in range(2)]
    assert check_plan(problem, plans[0]).errors == ()
    assert not plans[0].unserved
    durations = plans[0].durations_s()
    assert durations.max() / durations.mean() < 1.35
    assert plans[0].routes == plans[1].routes


def test_stopped_early(problem: PatrolProblem, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("geo.algorithms.routing.solve._MANY_SERVICES", 100)

    def stop(message: str, fraction: float) -> None:
        if message == "Improving the plan":
            raise CancelledError("stopped")

    plan = solve(problem, SolveParams(seconds=60, processes=1, iterations=50), stop)
    assert plan.stopped_early
    assert check_plan(problem, plan).errors == ()


def test_same_seed_whatever_the_processes(problem: PatrolProblem) -> None:
    results = [solve_city(problem, 60, 60, 3, lambda done: True, processes) for processes in (1, 2)]
    assert results[0].routes == results[1].routes

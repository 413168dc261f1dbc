"""Lower bounds on the longest route and on the total of all routes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array

from geo.algorithms.routing.deadhead import ServiceGraph, deadhead_bound
from geo.model.network import Mode, StreetNetwork
from geo.model.patrol import PatrolProblem, Team
from geo.model.plan import Unserved

_MARGIN_M = 500.0
_CUT_WORK = 60_000
"""Rounds of cuts times segments: about 5 s at 1,500 segments."""

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PlanBounds:
    """What no plan that serves the same can be below.

    Attributes
    ----------
    longest_s
        Duration of the longest route.
    total_s
        Sum of the durations of all routes.
    """

    longest_s: float
    total_s: float


def plan_bounds(problem: PatrolProblem, unserved: Collection[Unserved] = ()) -> PlanBounds:
    """Return lower bounds on the longest route and on the total.

    That on the longest route is :func:`longest_route_bound` with one more kind of work, the least travel of
    :func:`total_bound`: it is at least so long for whoever does it, and longer for modes that are nowhere the fastest.

    Parameters
    ----------
    problem
        Teams, network, and what is asked for; optional services count for nothing.
    unserved
        Required services that are left out.
    """
    crews = _crews(problem)
    work = _list_work(problem, crews, unserved)
    travel_s = _travel_s(problem, work)
    return PlanBounds(_shared_s(work, crews, travel_s, _slowness(problem, crews)), _service_s(work) + travel_s)


def longest_route_bound(problem: PatrolProblem, edges: Collection[int], visits: Collection[int]) -> float:
    """Return seconds below which no plan that serves these can bring its longest route, travel left out.

    Work is split among the teams as if segments could be cut anywhere and nobody had to travel: a linear program over
    kinds of work g (those that take each kind of team k equally long per metre, or that it may not do) and kinds of
    teams, of which there are ``n_k``,

    ``min T`` subject to ``Σ_g x_gk·s_gk ≤ n_k·T`` for each kind of team k and ``Σ_k x_gk = L_g``,

    with lengths or lengths of stay ``L_g`` and seconds per metre, or per second of stay, ``s_gk``. :func:`plan_bounds`
    knows of travel and of single repetitions too.

    Parameters
    ----------
    problem
        Teams and network; optional services count for nothing.
    edges, visits
        What is served, with all its repetitions.
    """
    chosen = tuple(dict.fromkeys(edges))
    rules = {edge: problem.rule(edge) for edge in chosen}
    part = replace(
        problem, required_edges=chosen, edge_rules=rules, visits=tuple(problem.visits[number] for number in visits)
    )
    crews = _crews(part)
    return _shared_s(_list_work(part, crews, ()), crews)


def total_bound(problem: PatrolProblem, unserved: Collection[Unserved] = ()) -> float:
    """Return seconds below which no plan that serves the same can bring the total duration of its routes.

    Each service takes as long as by the fastest team that may do it, and the ways between them at least what parity,
    balance of flow and connectedness ask for (:func:`geo.algorithms.routing.deadhead.deadhead_bound`), with the travel
    times of the fastest mode that may use a street. Turns, waiting and breaks count for nothing. Streets far from all
    that is served and from the teams' starts are taken as one place that is crossed in no time, so that a district needs
    not the whole city.

    Parameters
    ----------
    problem
        Teams, network, and what is asked for; optional services count for nothing.
    unserved
        Required services that are left out.
    """
    work = _list_work(problem, _crews(problem), unserved)
    return _service_s(work) + _travel_s(problem, work)


@dataclass(frozen=True)
class _Crew:
    """Teams that are alike in what they may serve, and how fast.

    Attributes
    ----------
    team
        One of them.
    count
        How many they are.
    is_open
        Shape (edges, 2): which segments their mode may use backward and forward.
    pace_s
        Shape (edges,): seconds per metre of patrol; inf where closed.
    """

    team: Team
    count: int
    is_open: NDArray[np.bool_]
    pace_s: Floats

    def may_serve(self, skills: frozenset[str], area: int) -> bool:
        """Return whether skills and areas permit it."""
        team = self.team
        return skills <= team.skills and (not team.is_area_hard or not team.areas or area in team.areas)


@dataclass(frozen=True)
class _Work:
    """What is served; w rows.

    Attributes
    ----------
    first, last
        Shape (w,): junctions where a segment begins and ends in the wanted direction; the same for a stay.
    either
        Shape (w,): whether some team may also go from last to first.
    times
        Shape (w,): how often.
    amount
        Shape (w,): length of the segment in metres, of the stay in seconds.
    pace_s
        Shape (w, crews): seconds per unit of amount; inf for crews that may not.
    """

    first: Ints
    last: Ints
    either: NDArray[np.bool_]
    times: Ints
    amount: Floats
    pace_s: Floats


def _crews(problem: PatrolProblem) -> list[_Crew]:
    alike: dict[tuple[object, ...], list[Team]] = {}
    for team in problem.teams:
        areas = team.areas if team.is_area_hard else frozenset()
        alike.setdefault((team.mode, team.patrol_speed_mps, team.skills, areas), []).append(team)
    is_open = {team.mode: _open(problem.network, team.mode) for team in problem.teams}
    edges, crews = problem.network.edges, []
    for team, *others in alike.values():
        own = problem.patrol_speed_mps[team.mode] if team.patrol_speed_mps is None else team.patrol_speed_mps
        with np.errstate(divide="ignore"):
            pace_s = 1 / np.minimum(edges[f"speed_{team.mode}_mps"].to_numpy(dtype=np.float64), own)
        crews.append(_Crew(team, 1 + len(others), is_open[team.mode], pace_s))
    return crews


def _open(network: StreetNetwork, mode: Mode) -> NDArray[np.bool_]:
    arcs = network.arcs(mode)
    result = np.zeros((len(network.edges), 2), dtype=bool)
    result[arcs.edge, arcs.forward.astype(np.int64)] = True
    return result


def _list_work(problem: PatrolProblem, crews: Sequence[_Crew], unserved: Collection[Unserved]) -> _Work:
    """Return the required services that are not left out; what nobody may do is not listed."""
    left_out = Counter((one.edge, one.forward, one.visit) for one in unserved)
    edges = problem.network.edges
    ends, length_m = edges[["from_node", "to_node"]].to_numpy().tolist(), edges["length_m"].tolist()
    rows: list[tuple[int, int, bool, int, float]] = []
    paces: list[list[float]] = []

    def add(row: tuple[int, int, bool, int, float], pace: list[float]) -> None:
        if row[3] > 0 and min(pace) < np.inf:
            rows.append(row)
            paces.append(pace)

    wanted = {"either": (None,), "both": (True, False), "forward": (True,), "backward": (False,)}
    for edge in problem.required_edges:
        rule = problem.rule(edge)
        if rule.prize_s is not None:
            continue
        area = -1 if problem.edge_areas is None else int(problem.edge_areas[edge])
        able = [crew for crew in crews if crew.may_serve(rule.skills, area)]
        for forward in wanted[rule.direction]:
            ways = [way for way in (True, False) if forward in {None, way}]
            ways = [way for way in ways if any(crew.is_open[edge, int(way)] for crew in able)]
            if not ways:
                continue
            pace = [
                float(crew.pace_s[edge])
                if crew in able and crew.is_open[edge, [int(way) for way in ways]].any()
                else np.inf
                for crew in crews
            ]
            first, last = ends[edge] if ways[0] else ends[edge][::-1]
            add((first, last, len(ways) > 1, rule.times - left_out[edge, forward, -1], length_m[edge]), pace)
    for number, visit in enumerate(problem.visits):
        if visit.prize_s is None:
            times = visit.times * len(visit.windows) if visit.each_window and visit.windows else visit.times
            pace = [1.0 if crew.may_serve(visit.skills, visit.area) else np.inf for crew in crews]
            add((visit.node, visit.node, False, times - left_out[-1, None, number], visit.total_s), pace)
    ends_of = np.array([row[:2] for row in rows], dtype=np.int64).reshape(-1, 2)
    return _Work(
        ends_of[:, 0],
        ends_of[:, 1],
        np.array([row[2] for row in rows], dtype=bool),
        np.array([row[3] for row in rows], dtype=np.int64),
        np.array([row[4] for row in rows], dtype=np.float64),
        np.array(paces, dtype=np.float64).reshape(len(rows), len(crews)),
    )


def _shared_s(
    work: _Work, crews: Sequence[_Crew], travel_s: float = 0.0, slowness: Sequence[float] | None = None
) -> float:
    """Return the bound of :func:`longest_route_bound`, with some travel that takes each crew so much longer."""
    if not len(work.times):
        return 0.0
    pace_s = np.vstack((work.pace_s, np.ones(len(crews)) if slowness is None else np.array(slowness)))
    amount = np.append(work.amount * work.times, travel_s)
    paces, kind = np.unique(np.floor(pace_s * 1e9) / 1e9, axis=0, return_inverse=True)
    amounts = np.bincount(kind.ravel(), amount)
    of_kind, of_crew = np.nonzero(np.isfinite(paces))
    columns = np.arange(len(of_kind))
    counts = -np.array([float(crew.count) for crew in crews])
    width = len(columns) + 1
    within = csr_array(
        (
            np.concatenate((paces[of_kind, of_crew], counts)),
            (
                np.concatenate((of_crew, np.arange(len(crews)))),
                np.concatenate((columns, np.full(len(crews), width - 1))),
            ),
        ),
        (len(crews), width),
    )
    done = csr_array((np.ones(len(columns)), (of_kind, columns)), (len(paces), width))
    cost = np.zeros(width)
    cost[-1] = 1.0
    result = linprog(cost, within, np.zeros(len(crews)), done, amounts, (0, None), method="highs")
    return float(result.fun) if result.status == 0 else 0.0


def _service_s(work: _Work) -> float:
    """Return what the services take the fastest teams that may do them."""
    return float((work.times * work.amount * work.pace_s.min(axis=1)).sum()) if len(work.times) else 0.0


def _travel_s(problem: PatrolProblem, work: _Work) -> float:
    """Return what the ways between the services take at least."""
    if not len(work.times):
        return 0.0
    graph = _service_graph(problem, work)
    if not len(graph.time_s):
        return 0.0
    rounds = max(1, min(40, _CUT_WORK // max(1, len(graph.time_s) // 2)))
    return max(0.0, deadhead_bound(graph, rounds))


def _slowness(problem: PatrolProblem, crews: Sequence[_Crew]) -> list[float]:
    """Return how many times as long as the fastest mode each crew takes at least for any way."""
    own_s = {crew.team.mode: np.full(crew.is_open.shape, np.inf) for crew in crews}
    for mode, times_s in own_s.items():
        arcs = problem.network.arcs(mode)
        times_s[arcs.edge, arcs.forward.astype(np.int64)] = arcs.time_s
    fastest_s = np.min(list(own_s.values()), axis=0)
    ratios = {
        mode: np.divide(
            times_s, fastest_s, out=np.full(times_s.shape, np.inf), where=(fastest_s > 0) & (times_s < np.inf)
        )
        for mode, times_s in own_s.items()
    }
    least = {mode: float(ratio.min(initial=np.inf)) for mode, ratio in ratios.items()}
    return [least[crew.team.mode] if np.isfinite(least[crew.team.mode]) else 1.0 for crew in crews]


def _service_graph(problem: PatrolProblem, work: _Work) -> ServiceGraph:
    network, teams = problem.network, problem.teams
    starts = np.array([team.depot_node for team in teams if not team.is_start_free], dtype=np.int64)
    finals = np.array([team.final_node for team in teams if not team.is_end_free], dtype=np.int64)
    nodes = np.concatenate((work.first, work.last, starts, finals))
    low, high = network.xy[nodes].min(axis=0) - _MARGIN_M, network.xy[nodes].max(axis=0) + _MARGIN_M
    is_near = ((network.xy >= low) & (network.xy <= high)).all(axis=1)
    number = np.where(is_near, np.cumsum(is_near) - 1, is_near.sum())
    count = int(number.max()) + 1
    tail, head, time_s = _fastest(problem, number)
    moving = np.flatnonzero(work.first != work.last)
    listed = np.repeat(moving, work.times[moving])
    touched, begins = np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    touched[number[np.concatenate((work.first, work.last))]] = True
    begins[number[starts]] = True
    returns: Counter[tuple[int, int]] = Counter()
    for team in teams:
        if team.is_start_free or team.is_end_free or team.final_node != team.depot_node:
            begin = -1 if team.is_start_free else int(number[team.depot_node])
            returns[-1 if team.is_end_free else int(number[team.final_node]), begin] += 1
    return ServiceGraph(
        count,
        tail,
        head,
        time_s,
        number[work.first[listed]],
        number[work.last[listed]],
        work.either[listed],
        touched,
        begins,
        tuple((end, begin, many) for (end, begin), many in returns.items()),
    )


def _fastest(problem: PatrolProblem, number: Ints) -> tuple[Ints, Ints, Floats]:
    """Return the ways between numbered nodes with the time of the fastest mode and street."""
    arcs = [problem.network.arcs(mode) for mode in dict.fromkeys(team.mode for team in problem.teams)]
    tail, head = (number[np.concatenate([getattr(one, name) for one in arcs])] for name in ("tail", "head"))
    time_s = np.concatenate([one.time_s for one in arcs])
    order = np.lexsort((time_s, head, tail))
    tail, head, time_s = tail[order], head[order], time_s[order]
    is_first = np.append(True, (tail[1:] != tail[:-1]) | (head[1:] != head[:-1]))  # of parallel ones the fastest
    kept = is_first & (tail != head)
    return tail[kept], head[kept], time_s[kept]

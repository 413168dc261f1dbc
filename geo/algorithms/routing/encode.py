"""A patrol problem as jobs and crews."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf

import numpy as np
from numpy.typing import NDArray

from geo.algorithms.network.connect import strong_part
from geo.algorithms.routing.rounds.arrays import NOWHERE, Crews, Jobs, nearest_jobs
from geo.algorithms.routing.slots import slots
from geo.algorithms.routing.terminals import Terminals, Ways, turns_matter
from geo.errors import InfeasibleError
from geo.model.network import Arcs, Mode
from geo.model.patrol import EdgeRule, PatrolProblem, Team, Visit

_NEAR = 20
_REQUIRED_S = 1_000_000.0
"""What it costs to leave something required out; far above any shift."""
_MARGIN_S = 1.0
"""Windows, shifts and breaks end this much earlier for the search, which rounds its times to single precision."""
_VISIT_WEIGHT = 20.0
"""A place that must be visited counts as much as this many street segments, when not all can be served."""

Windows = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Task:
    """What one job is.

    Attributes
    ----------
    edge, forward
        Segment and its direction in the first mode; the second mode is the other one. Edge is -1 for a visit.
    both
        Whether both directions will do.
    visit
        Number of the visit; -1 for a segment.
    number
        Which of its repetitions this is, from 0.
    windows
        When it may start; empty: any time.
    """

    edge: int = -1
    forward: bool = True
    both: bool = False
    visit: int = -1
    number: int = 0
    windows: Windows = ()


@dataclass(frozen=True)
class Encoded:
    """A patrol problem as arrays.

    Attributes
    ----------
    tasks
        What each job is.
    jobs, crews
        The arrays.
    modes, ways
        Modes of travel of the classes, and their ways between terminals.
    reasons
        Job → why no team can do it (an English message id), for those that none can.
    """

    tasks: tuple[Task, ...]
    jobs: Jobs
    crews: Crews
    modes: tuple[Mode, ...]
    ways: tuple[Ways, ...]
    reasons: dict[int, str] = field(default_factory=dict)


UNREACHABLE_EDGE = "No team can reach this street and return: it is closed to their modes or on an island."
UNREACHABLE_VISIT = "No team can reach this place and return."
WINDOW_OUTSIDE = "The time window lies outside every team's shift."
NO_SKILL = "No team has the skills that are asked for."
NO_AREA = "It lies outside the areas of all teams that could do it."
NO_GAPS = "So many repetitions with these gaps do not fit into the shift."


Service = tuple[int, int, int, bool | None]
"""Segment, visit, repetition, wanted direction (None when either will do): what a job is in any problem."""


def service_of(task: Task) -> Service:
    """Return what a task is."""
    return task.edge, task.visit, task.number, True if task.visit >= 0 else None if task.both else task.forward


def encode(
    problem: PatrolProblem, done: Collection[Service] = (), horizon_s: tuple[float, float] | None = None
) -> Encoded:
    """Return the jobs and crews of a problem; what no team can do is set aside with its reason.

    Parameters
    ----------
    problem
        The problem.
    done
        Services that are done already, and are no jobs.
    horizon_s
        Begin and end of the time into which repeated services are spread; None: of all shifts.

    Raises
    ------
    InfeasibleError
        A team's depot lies where its mode cannot drive or walk in and out.
    """
    network, count = problem.network, len(problem.network.nodes)
    modes = tuple(dict.fromkeys(team.mode for team in problem.teams))
    arcs = [network.arcs(mode) for mode in modes]
    strong = [strong_part(count, one) for one in arcs]
    for team in problem.teams:
        _require_depot(team, strong[modes.index(team.mode)])
    tasks, reasons = _list_tasks(problem, frozenset(done), horizon_s)
    by_turns = any(turns_matter(network, mode) for mode in modes)
    terminals, entry, leave, start, end = _terminals(problem, tasks, by_turns)
    ways = tuple(Ways(network, mode, one, terminals) for mode, one in zip(modes, arcs, strict=True))
    way_s = np.array([_rounded_up(way.times_s()) for way in ways])
    classes, of_team = _classes(problem, modes)
    serve_s = np.array(
        [_serve_times(problem, tasks, modes[kind], speed, arcs[kind], strong[kind]) for kind, speed in classes]
    )
    way_s = way_s[[kind for kind, _ in classes]]
    allowed = _allowed(problem, tasks, reasons, serve_s, of_team)
    windows = [task.windows for task in tasks]
    first = np.cumsum([0, *(len(one) for one in windows)])
    flat = np.array([window for one in windows for window in one], dtype=np.float64).reshape(-1, 2)
    is_edge = np.array([task.edge >= 0 for task in tasks], dtype=bool)
    jobs = Jobs(
        entry,
        leave,
        serve_s,
        is_edge,
        first,
        flat[:, 0].copy(),
        np.maximum(flat[:, 0], flat[:, 1] - _MARGIN_S),
        np.array([_prize(problem, task) for task in tasks], dtype=np.float64),
        allowed,
        _outside(problem, tasks),
        np.empty((len(tasks), 0), dtype=np.int32),
        way_s,
    )
    jobs = jobs._replace(near=nearest_jobs(jobs, _NEAR))
    crews = _crews(problem, of_team, start, end)
    # arrays laid out otherwise would have to be compiled for anew
    jobs, crews = Jobs(*map(np.ascontiguousarray, jobs)), Crews(*map(np.ascontiguousarray, crews))
    return Encoded(tuple(tasks), jobs, crews, modes, ways, reasons)


def _rounded_up(times_s: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return times in single precision, never shorter."""
    short = times_s.astype(np.float32)
    return np.where(short < times_s, np.nextafter(short, np.float32(inf)), short).astype(np.float32)


def _require_depot(team: Team, strong: NDArray[np.bool_]) -> None:
    ends = [*([] if team.is_start_free else [team.depot_node]), *([] if team.is_end_free else [team.final_node])]
    if not all(strong[node] for node in ends):
        raise InfeasibleError(
            "The depot of team '{team}' cannot be reached and left by {mode}. Move the depot or change the mode.",
            team=team.name,
            mode=team.mode,
        )


def _list_tasks(
    problem: PatrolProblem, done: Collection[Service], horizon_s: tuple[float, float] | None
) -> tuple[list[Task], dict[int, str]]:
    """Return all jobs, and why some cannot be done whoever comes."""
    earliest = min(team.shift_start_s for team in problem.teams)
    latest = max(team.shift_end_s for team in problem.teams)
    if horizon_s is not None:
        earliest, latest = horizon_s
    tasks: list[Task] = []
    reasons: dict[int, str] = {}

    def add(found: list[Task], reason: str | None) -> None:
        found = [task for task in found if service_of(task) not in done]
        if reason is not None:
            reasons.update(dict.fromkeys(range(len(tasks), len(tasks) + len(found)), reason))
        tasks.extend(found)

    for edge in problem.required_edges:
        rule = problem.rule(edge)
        parts = slots(rule.times, rule.min_gap_s, rule.max_gap_s, earliest, latest)
        for forward, both in _directions(rule):
            found = [Task(edge, forward, both, -1, k, part) for k, part in enumerate(parts or [()] * rule.times)]
            add(found, None if parts else NO_GAPS)
    for number, visit in enumerate(problem.visits):
        add(*_visit_tasks(number, visit, earliest, latest))
    return tasks, reasons


def _directions(rule: EdgeRule) -> list[tuple[bool, bool]]:
    """Return (forward, or either) of each service of a segment in one repetition."""
    return {
        "either": [(True, True)],
        "both": [(True, False), (False, False)],
        "forward": [(True, False)],
        "backward": [(False, False)],
    }[rule.direction]


def _visit_tasks(number: int, visit: Visit, earliest: float, latest: float) -> tuple[list[Task], str | None]:
    """Return the jobs of a visit, and why they cannot be done by any team that is out from ``earliest`` to ``latest``."""
    windows = [
        (max(start, earliest), min(end, latest - visit.total_s))
        for start, end in visit.daily_windows
        if end >= earliest and start + visit.total_s <= latest
    ]
    windows = sorted((start, end) for start, end in windows if start <= end)
    in_each = visit.each_window and bool(visit.windows)
    wanted = visit.times * (len(visit.windows) if in_each else 1)
    if visit.windows and len(windows) < (len(visit.windows) if in_each else 1):
        return [Task(visit=number, number=k) for k in range(wanted)], WINDOW_OUTSIDE
    if in_each:
        chosen = [(window,) for window in windows[: len(visit.windows)] for _ in range(visit.times)]
        return [Task(visit=number, number=k, windows=part) for k, part in enumerate(chosen)], None
    parts = slots(visit.times, visit.min_gap_s, visit.max_gap_s, earliest, latest - visit.total_s)
    if not parts:
        return [Task(visit=number, number=k) for k in range(wanted)], NO_GAPS
    if windows:
        parts = [_common(part, tuple(windows)) for part in parts]
    if windows and not all(parts):
        return [Task(visit=number, number=k) for k in range(wanted)], NO_GAPS
    return [Task(visit=number, number=k, windows=part) for k, part in enumerate(parts)], None


def _common(part: Windows, windows: Windows) -> Windows:
    """Return the windows inside a slot; an empty slot is any time."""
    if not part:
        return windows
    both = [(max(a, c), min(b, d)) for a, b in part for c, d in windows]
    return tuple((a, b) for a, b in both if a <= b)


def _terminals(
    problem: PatrolProblem, tasks: Sequence[Task], by_turns: bool
) -> tuple[Terminals, NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Return the terminals, and the numbers of those where jobs begin and end, and teams begin and end."""
    ends = problem.network.edges[["from_node", "to_node"]].to_numpy().tolist()
    numbers: dict[tuple[int, int, bool], int] = {}

    def at_node(node: int) -> int:
        return numbers.setdefault((node, -1, True), len(numbers))

    def along(edge: int, forward: bool) -> tuple[int, int]:
        if by_turns:
            number = numbers.setdefault((-1, edge, forward), len(numbers))
            return number, number
        first, last = ends[edge] if forward else ends[edge][::-1]
        return at_node(first), at_node(last)

    entry = np.full((len(tasks), 2), NOWHERE, dtype=np.int32)
    leave = np.full((len(tasks), 2), NOWHERE, dtype=np.int32)
    for job, task in enumerate(tasks):
        if task.visit >= 0:
            entry[job, 0] = leave[job, 0] = at_node(problem.visits[task.visit].node)
            continue
        for mode in range(1 + task.both):
            entry[job, mode], leave[job, mode] = along(task.edge, task.forward != bool(mode))
    start = [NOWHERE if team.is_start_free else at_node(team.depot_node) for team in problem.teams]
    end = [NOWHERE if team.is_end_free else at_node(team.final_node) for team in problem.teams]
    node, edge, forward = (np.array(column) for column in zip(*numbers, strict=True)) if numbers else ([], [], [])
    terminals = Terminals(
        np.asarray(node, dtype=np.int64), np.asarray(edge, dtype=np.int64), np.asarray(forward, dtype=bool)
    )
    return terminals, entry, leave, np.array(start, dtype=np.int32), np.array(end, dtype=np.int32)


def _classes(problem: PatrolProblem, modes: Sequence[Mode]) -> tuple[list[tuple[int, float | None]], NDArray[np.int64]]:
    """Return mode and patrol speed of each class of teams, and the class of each team."""
    keys = [(modes.index(team.mode), team.patrol_speed_mps) for team in problem.teams]
    distinct = list(dict.fromkeys(keys))
    return distinct, np.array([distinct.index(key) for key in keys], dtype=np.int64)


def _serve_times(
    problem: PatrolProblem,
    tasks: Sequence[Task],
    mode: Mode,
    speed_mps: float | None,
    arcs: Arcs,
    strong: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return how long a class takes for each job in each mode, shape (n, 2); inf where it cannot come, do it and return."""
    usable = strong[arcs.tail] & strong[arcs.head]
    is_open = np.zeros((len(problem.network.edges), 2), dtype=bool)
    is_open[arcs.edge[usable], arcs.forward[usable].astype(int)] = True
    times = problem.serve_times_s(mode, speed_mps)
    result = np.full((len(tasks), 2), inf)
    for job, task in enumerate(tasks):
        if task.visit >= 0:
            visit = problem.visits[task.visit]
            result[job, 0] = visit.total_s if strong[visit.node] else inf
            continue
        for turned in range(1 + task.both):
            if is_open[task.edge, int(task.forward != bool(turned))]:
                result[job, turned] = times[task.edge]
    return result


def _skills(problem: PatrolProblem, task: Task) -> frozenset[str]:
    return problem.visits[task.visit].skills if task.visit >= 0 else problem.rule(task.edge).skills


def _area(problem: PatrolProblem, task: Task) -> int:
    if task.visit >= 0:
        return problem.visits[task.visit].area
    return -1 if problem.edge_areas is None else int(problem.edge_areas[task.edge])


def _prize(problem: PatrolProblem, task: Task) -> float:
    prize = problem.visits[task.visit].prize_s if task.visit >= 0 else problem.rule(task.edge).prize_s
    if prize is not None:
        return prize
    return _REQUIRED_S * (_VISIT_WEIGHT if task.visit >= 0 else 1.0)


def _allowed(
    problem: PatrolProblem,
    tasks: Sequence[Task],
    reasons: dict[int, str],
    serve_s: NDArray[np.float64],
    of_team: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """Return who may do what, shape (n, r); why nobody may is added to the reasons."""
    can = np.asarray(np.isfinite(serve_s).any(axis=2), dtype=np.bool_).T[:, of_team]
    skilled: NDArray[np.bool_] = np.array(
        [[_skills(problem, task) <= team.skills for team in problem.teams] for task in tasks], dtype=bool
    )
    skilled = skilled.reshape(can.shape)
    within = ~(_is_outside(problem, tasks) & np.array([team.is_area_hard for team in problem.teams]))
    allowed: NDArray[np.bool_] = can & skilled & within
    nobody = ~np.asarray(allowed.any(axis=1), dtype=np.bool_)
    for job in np.flatnonzero(nobody).tolist():
        if not can[job].any():
            reasons[job] = UNREACHABLE_VISIT if tasks[job].visit >= 0 else UNREACHABLE_EDGE
        elif not (can[job] & skilled[job]).any():
            reasons[job] = NO_SKILL
        else:
            reasons[job] = NO_AREA
    allowed[np.array(list(reasons), dtype=np.int64)] = False
    return allowed


def _is_outside(problem: PatrolProblem, tasks: Sequence[Task]) -> NDArray[np.bool_]:
    areas = [_area(problem, task) for task in tasks]
    rows = [[bool(team.areas) and area not in team.areas for team in problem.teams] for area in areas]
    return np.array(rows, dtype=bool).reshape(len(tasks), len(problem.teams))


def _outside(problem: PatrolProblem, tasks: Sequence[Task]) -> NDArray[np.float64]:
    costs = np.array([team.outside_s for team in problem.teams])
    return np.asarray(_is_outside(problem, tasks) * costs, dtype=np.float64)


def _crews(
    problem: PatrolProblem, of_team: NDArray[np.int64], start: NDArray[np.int32], end: NDArray[np.int32]
) -> Crews:
    teams = problem.teams
    rests = [team.breaks for team in teams]
    flat = [rest for one in rests for rest in one]
    return Crews(
        of_team,
        start,
        end,
        np.array([team.shift_start_s for team in teams]),
        np.array([team.shift_end_s - _MARGIN_S for team in teams]),
        np.array(list(_moving_limits(problem))),
        np.array([team.spent_s for team in teams]),
        np.cumsum([0, *(len(one) for one in rests)]),
        np.array([rest.earliest_s for rest in flat], dtype=np.float64),
        np.array([max(rest.earliest_s, rest.latest_s - _MARGIN_S) for rest in flat], dtype=np.float64),
        np.array([rest.duration_s for rest in flat], dtype=np.float64),
    )


def _moving_limits(problem: PatrolProblem) -> Iterator[float]:
    """Yield how long each team may be on its way: as its longest way takes at the fastest speed; so none is longer."""
    for team in problem.teams:
        if team.max_walk_m is None or team.mode != "foot":
            yield inf
            continue
        yield team.max_walk_m / float(problem.network.edges["speed_foot_mps"].max())

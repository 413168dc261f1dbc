"""A patrol problem as a vehicle routing problem for PyVRP.

Each required segment becomes a group of up to two clients, one per direction, of which exactly one is visited; a visit
becomes one client per time window. A client has a *start* and an *end* junction: the matrix entry from client i to client j
is the travel time from the end of i to the start of j **plus the time to patrol j** in the team's mode, so that each mode
has its own matrix and segments closed to a mode are too far away for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyvrp
from numpy.typing import NDArray

from geo.algorithms.network.connect import strong_part
from geo.algorithms.network.distances import ShortestPaths
from geo.errors import InfeasibleError
from geo.model.network import Arcs, Mode, StreetNetwork
from geo.model.patrol import PatrolProblem

FAR_S = 10_000_000
"""Travel time that stands for "no way"; far above any shift."""
TICKS_PER_S = 100
"""PyVRP counts in whole numbers: hundredths of a second."""
_CROP_MARGIN_M = 1000.0
_MARGIN_S = 5.0
"""Windows and shifts end this much earlier for the solver, so that rounding to ticks never makes a route late."""
_PRIZE_S = 86_400.0
_VISIT_WEIGHT = 20
"""A place that must be visited counts as much as this many street segments, when not all can be served."""

UNREACHABLE_EDGE = "No team can reach this street and return: it is closed to their modes or on an island."
UNREACHABLE_VISIT = "No team can reach this place and return."
WINDOW_OUTSIDE = "The time window lies outside every team's shift."


@dataclass(frozen=True)
class Task:
    """A client: one direction of a required segment, or one window of a visit.

    Attributes
    ----------
    start, end
        Junctions.
    edge, forward
        Segment and direction; edge is -1 for a visit.
    visit
        Number of the visit; -1 for a segment.
    window
        When it may start.
    """

    start: int
    end: int
    edge: int = -1
    forward: bool = True
    visit: int = -1
    window: tuple[float, float] | None = None


@dataclass(frozen=True)
class Encoded:
    """A patrol problem for PyVRP.

    Attributes
    ----------
    tasks, groups
        Clients, and which of them are alternatives.
    modes
        Modes of the teams; the position is the profile.
    durations
        Profile → matrix over depots and tasks (depots first), in ticks.
    depots
        Distinct depot junctions.
    nodes
        Junctions where tasks or depots start or end, ascending.
    travel_s
        Profile → travel times between them, shape (len(nodes), len(nodes)); inf where there is no way.
    paths
        Profile → shortest paths.
    unserved_edges, unserved_visits
        What no team can serve, with the reason.
    """

    tasks: tuple[Task, ...]
    groups: tuple[tuple[int, ...], ...]
    modes: tuple[Mode, ...]
    durations: tuple[NDArray[np.int64], ...]
    depots: tuple[int, ...]
    nodes: NDArray[np.int64]
    travel_s: tuple[NDArray[np.float64], ...]
    paths: tuple[ShortestPaths, ...]
    unserved_edges: dict[int, str]
    unserved_visits: dict[int, str]


def encode(problem: PatrolProblem) -> Encoded:
    """Return the clients and matrices of a problem; what no team can serve is set aside with its reason.

    Raises
    ------
    InfeasibleError
        A team's depot lies where its mode cannot drive or walk in and out.
    """
    network = problem.network
    count = len(network.nodes)
    modes = tuple(dict.fromkeys(team.mode for team in problem.teams))
    arcs = [network.arcs(mode) for mode in modes]
    strong = [strong_part(count, one) for one in arcs]
    for team in problem.teams:
        if not strong[modes.index(team.mode)][team.depot_node]:
            raise InfeasibleError(
                "The depot of team '{team}' cannot be reached and left by {mode}. Move the depot or change the mode.",
                team=team.name,
                mode=team.mode,
            )
    served_by: list[set[tuple[int, bool]]] = []
    for one, inside in zip(arcs, strong, strict=True):
        usable = inside[one.tail] & inside[one.head]
        served_by.append(set(zip(one.edge[usable].tolist(), one.forward[usable].tolist(), strict=True)))
    tasks, groups, unserved_edges = _edge_tasks(problem, set().union(*served_by))
    visit_tasks, visit_groups, unserved_visits = _visit_tasks(problem, np.any(strong, axis=0), len(tasks))
    tasks += visit_tasks
    depots = tuple(dict.fromkeys(team.depot_node for team in problem.teams))
    nodes = np.unique([*depots, *(node for task in tasks for node in (task.start, task.end))])
    paths = tuple(ShortestPaths(count, one) for one in _cropped(network, arcs, strong, nodes))
    travel = tuple(path.times(nodes, nodes) for path in paths)
    durations = tuple(
        _matrix(problem.serve_times_s(mode), times, served, nodes, depots, tasks)
        for mode, times, served in zip(modes, travel, served_by, strict=True)
    )
    return Encoded(
        tuple(tasks),
        tuple(groups + visit_groups),
        modes,
        durations,
        depots,
        nodes,
        travel,
        paths,
        unserved_edges,
        unserved_visits,
    )


def _cropped(
    network: StreetNetwork, arcs: list[Arcs], strong: list[NDArray[np.bool_]], nodes: NDArray[np.int64]
) -> list[Arcs]:
    """Return the arcs near the tasks, so that a plan for one district does not search the whole city.

    The margin is doubled until every junction that can be reached in the whole network can be reached in the crop.
    """
    low, high = network.xy[nodes].min(axis=0), network.xy[nodes].max(axis=0)
    whole = np.ptp(network.xy, axis=0).max()
    margin = _CROP_MARGIN_M
    while margin < whole:
        near = ((network.xy >= low - margin) & (network.xy <= high + margin)).all(axis=1)
        crops = [_arcs_at(one, near[one.tail] & near[one.head]) for one in arcs]
        parts = [strong_part(len(near), crop) for crop in crops]
        if all(part[nodes[inside[nodes]]].all() for part, inside in zip(parts, strong, strict=True)):
            return crops
        margin *= 2
    return arcs


def _arcs_at(arcs: Arcs, chosen: NDArray[np.bool_]) -> Arcs:
    return Arcs(arcs.tail[chosen], arcs.head[chosen], arcs.edge[chosen], arcs.forward[chosen], arcs.time_s[chosen])


def _edge_tasks(
    problem: PatrolProblem, usable: set[tuple[int, bool]]
) -> tuple[list[Task], list[tuple[int, ...]], dict[int, str]]:
    edges = problem.network.edges
    first, last = edges["from_node"].tolist(), edges["to_node"].tolist()
    tasks: list[Task] = []
    groups: list[tuple[int, ...]] = []
    unserved: dict[int, str] = {}
    for edge in problem.required_edges:
        group = []
        for forward in (True, False):
            if (edge, forward) in usable:
                start, end = (first[edge], last[edge]) if forward else (last[edge], first[edge])
                group.append(len(tasks))
                tasks.append(Task(start, end, edge, forward))
        if group:
            groups.append(tuple(group))
        else:
            unserved[edge] = UNREACHABLE_EDGE
    return tasks, groups, unserved


def _visit_tasks(
    problem: PatrolProblem, reachable: NDArray[np.bool_], offset: int
) -> tuple[list[Task], list[tuple[int, ...]], dict[int, str]]:
    tasks: list[Task] = []
    groups: list[tuple[int, ...]] = []
    unserved: dict[int, str] = {}
    earliest = min(team.shift_start_s for team in problem.teams)
    latest = max(team.shift_end_s for team in problem.teams)
    for number, visit in enumerate(problem.visits):
        if not reachable[visit.node]:
            unserved[number] = UNREACHABLE_VISIT
            continue
        windows = visit.daily_windows or ((earliest, latest),)
        open_windows = [(start, end) for start, end in windows if end >= earliest and start + visit.total_s <= latest]
        if not open_windows:
            unserved[number] = WINDOW_OUTSIDE
            continue
        groups.append(tuple(range(offset + len(tasks), offset + len(tasks) + len(open_windows))))
        tasks += [Task(visit.node, visit.node, visit=number, window=window) for window in open_windows]
    return tasks, groups, unserved


def _matrix(
    serve_times_s: NDArray[np.float64],
    travel_s: NDArray[np.float64],
    served: set[tuple[int, bool]],
    nodes: NDArray[np.int64],
    depots: tuple[int, ...],
    tasks: list[Task],
) -> NDArray[np.int64]:
    """Return travel time to each client plus the time to patrol it, depots first, in ticks."""
    ends = np.searchsorted(nodes, [*depots, *(task.end for task in tasks)])
    starts = np.searchsorted(nodes, [*depots, *(task.start for task in tasks)])
    serve = np.array(
        [
            *(0.0 for _ in depots),
            *(
                0.0 if task.edge < 0 else serve_times_s[task.edge] if (task.edge, task.forward) in served else np.inf
                for task in tasks
            ),
        ]
    )
    total = travel_s[np.ix_(ends, starts)] + serve[None, :]
    ticks: NDArray[np.int64] = np.rint(np.minimum(total, FAR_S) * TICKS_PER_S).astype(np.int64)
    np.fill_diagonal(ticks, 0)
    return ticks


def as_vrp(
    problem: PatrolProblem,
    encoded: Encoded,
    *,
    prizes: bool,
    target_s: float | None = None,
    overtime_cost: int = 0,
) -> pyvrp.ProblemData:
    """Return the problem as PyVRP data.

    Parameters
    ----------
    problem, encoded
        The problem and its encoding.
    prizes
        False: everything must be served. True: what does not fit may be left out, at the price of a day each.
    target_s
        Duration that a route should not exceed; each tick above costs ``overtime_cost`` more, so that the longest routes
        are shortened first. None: the longest shift.
    overtime_cost
        Weight of fairness against total time.
    """
    target_s = max(team.shift_s for team in problem.teams) if target_s is None else target_s
    width = len(encoded.depots)
    alternatives = [group for group in encoded.groups if len(group) > 1]
    group_of = {task: number for number, group in enumerate(alternatives) for task in group}
    clients = []
    for number, task in enumerate(encoded.tasks):
        early, late = (0.0, FAR_S) if task.window is None else task.window
        stay = problem.visits[task.visit].total_s if task.visit >= 0 else 0.0
        clients.append(
            pyvrp.Client(
                location=width + number,
                service_duration=_ticks(stay),
                tw_early=_ticks(early),
                tw_late=_ticks(max(early, late - _MARGIN_S)),
                required=not prizes and number not in group_of,
                prize=_ticks(_PRIZE_S * (_VISIT_WEIGHT if task.visit >= 0 else 1)) if prizes else 0,
                group=group_of.get(number),
            )
        )
    # an open group must not be required when its members may be left out
    groups = [pyvrp.ClientGroup(list(group), required=not prizes) for group in alternatives]
    zero = np.zeros_like(encoded.durations[0])
    return pyvrp.ProblemData(
        locations=[pyvrp.Location(0, 0)] * (width + len(clients)),
        clients=clients,
        depots=[pyvrp.Depot(location=number) for number in range(width)],
        vehicle_types=_vehicle_types(problem, encoded, target_s, overtime_cost),
        distance_matrices=[zero] * len(encoded.durations),  # type: ignore[list-item]  # its stubs ask for ndarray[int]
        duration_matrices=list(encoded.durations),  # type: ignore[arg-type]
        groups=groups,
    )


def _vehicle_types(
    problem: PatrolProblem, encoded: Encoded, target_s: float, overtime_cost: int
) -> list[pyvrp.VehicleType]:
    """Return a vehicle type for each team."""
    result = []
    for team in problem.teams:
        depot = encoded.depots.index(team.depot_node)
        shift, target = _ticks(team.shift_s - 2 * _MARGIN_S), _ticks(target_s)
        result.append(
            pyvrp.VehicleType(
                start_depot=depot,
                end_depot=depot,
                tw_early=_ticks(team.shift_start_s),
                tw_late=_ticks(team.shift_end_s - _MARGIN_S),
                shift_duration=max(0, min(target, shift)),
                max_overtime=max(0, shift - target),
                unit_distance_cost=0,
                unit_duration_cost=1,
                unit_overtime_cost=overtime_cost,
                profile=encoded.modes.index(team.mode),
            )
        )
    return result


def _ticks(seconds: float) -> int:
    return round(seconds * TICKS_PER_S)

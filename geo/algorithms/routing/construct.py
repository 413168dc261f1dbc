"""A good first plan: compact shares for the teams, one rural postman tour through each.

PyVRP starts from a random plan, from which thousands of street segments take minutes to come into order. Streets have a
structure that a general solver does not know: a connected share of streets can be walked in one tour whose deadheads
merely join its odd junctions. So the segments are cut into compact shares by a weighted Voronoi diagram, each gets a tour
(components joined by shortest links, odd junctions matched, Euler circuit), and the shares are resized until the tours last
equally long.
"""

from __future__ import annotations

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from geo.algorithms.components import group_connected
from geo.algorithms.routing.encode import FAR_S, TICKS_PER_S, Encoded
from geo.model.patrol import PatrolProblem

_RESIZINGS = 8
_BALANCINGS = 120
_SAME = 0.01


class Constructor:
    """Builds first plans for one encoded problem.

    Parameters
    ----------
    problem, encoded
        The problem and its encoding.
    """

    def __init__(self, problem: PatrolProblem, encoded: Encoded) -> None:
        self._problem = problem
        self._encoded = encoded
        self._profile = [encoded.modes.index(team.mode) for team in problem.teams]
        self._depot = [encoded.depots.index(team.depot_node) for team in problem.teams]
        self._first = np.array([group[0] for group in encoded.groups], dtype=np.int64)
        nodes = np.array([(encoded.tasks[task].start, encoded.tasks[task].end) for task in self._first]).reshape(-1, 2)
        self._middle = problem.network.xy[nodes].mean(axis=1)
        width = len(encoded.depots)
        self._usable = [matrix[:width, width:].min(axis=0) < FAR_S * TICKS_PER_S for matrix in encoded.durations]
        self._work = self._work_by_mode()
        self._depot_xy = problem.network.xy[[team.depot_node for team in problem.teams]]
        pace = np.array([1 / problem.patrol_speed_mps[team.mode] for team in problem.teams])
        self._anchor = (pace - pace.min()) / pace.max()

    def _work_by_mode(self) -> NDArray[np.float64]:
        """Return the time that each group takes each mode, shape (modes, groups); inf where closed."""
        tasks = self._encoded.tasks
        stay = [self._problem.visits[tasks[i].visit].total_s if tasks[i].visit >= 0 else 0 for i in self._first]
        edges = np.array([tasks[i].edge for i in self._first], dtype=np.int64)
        work = []
        for mode, usable in zip(self._encoded.modes, self._usable, strict=True):
            serve = self._problem.serve_times_s(mode)
            reached = np.array([usable[list(group)].any() for group in self._encoded.groups])
            work.append(np.where(reached, np.where(edges >= 0, serve[edges], stay), np.inf))
        return np.array(work)

    def build(self) -> list[list[int]]:
        """Return the clients of each team in order, the shares resized until the tours last equally long."""
        teams = len(self._problem.teams)
        extra_s = np.zeros(teams)
        best_plan: list[list[int]] = []
        best_longest = np.inf
        weights, centres = np.zeros(teams), self._first_centres()
        for _ in range(_RESIZINGS):
            owner, weights, centres = self._share_out(extra_s, weights, centres)
            plan = [self._tour(team, np.flatnonzero(owner == team)) for team in range(teams)]
            durations = np.array([self._duration(team, clients) for team, clients in enumerate(plan)])
            if durations.max() < best_longest:
                best_plan, best_longest = plan, float(durations.max())
            if durations.max() <= durations.mean() * (1 + _SAME):
                break
            work = np.bincount(owner, weights=self._team_work()[np.arange(len(owner)), owner], minlength=teams)
            extra_s = (extra_s + durations - work) / 2
        return best_plan

    def _team_work(self) -> NDArray[np.float64]:
        """Return the time that each group takes each team, shape (groups, teams); inf where closed."""
        return self._work[self._profile].T

    def _first_centres(self) -> NDArray[np.float64]:
        """Return a place for each team: spread over the work, then given to the teams with the nearest depots."""
        teams = len(self._problem.teams)
        depots = self._depot_xy
        chosen = [int(np.hypot(*(self._middle - self._middle.mean(axis=0)).T).argmin())]
        distance = np.full(len(self._middle), np.inf)
        for _ in range(1, teams):
            distance = np.minimum(distance, np.hypot(*(self._middle - self._middle[chosen[-1]]).T))
            chosen.append(int(distance.argmax()))
        places = self._middle[chosen]
        away = np.hypot(depots[:, None, 0] - places[None, :, 0], depots[:, None, 1] - places[None, :, 1])
        return np.asarray(places[linear_sum_assignment(away)[1]], dtype=np.float64)

    def _share_out(
        self, extra_s: NDArray[np.float64], weights: NDArray[np.float64], centres: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]:
        """Return the team of each group, and the weights and centres that gave it.

        A weighted Voronoi (power) diagram: a group goes to the team with the smallest squared distance plus weight among
        those that may serve it; weights rise for teams with more than the mean time (work and deadheads so far) and
        centres move to the middle of their share, those of slow teams less far from their depots, until times are even.
        """
        work = self._team_work()
        closed = ~np.isfinite(work)
        scale = float(np.ptp(self._middle, axis=0).max()) or 1.0
        place = (self._middle - self._middle.mean(axis=0)) / scale
        centres = (centres - self._middle.mean(axis=0)) / scale
        depots = (self._depot_xy - self._middle.mean(axis=0)) / scale
        rows = np.arange(len(place))
        best: tuple[float, NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]] | None = None
        for step in range(_BALANCINGS):
            cost = ((place[:, None, :] - centres[None, :, :]) ** 2).sum(axis=2) + weights
            owner = np.where(closed, np.inf, cost).argmin(axis=1)
            load = np.bincount(owner, weights=work[rows, owner], minlength=len(centres)) + extra_s
            if best is None or load.max() < best[0]:
                best = float(load.max()), owner, weights, centres
            weights = weights + 0.1 / (1 + step / 10) * np.clip(load / max(load.mean(), 1e-9) - 1, -1, 1)
            if step % 5 == 4 and step < _BALANCINGS // 2:
                count = np.bincount(owner, minlength=len(centres))
                sums = [np.bincount(owner, weights=place[:, axis], minlength=len(centres)) for axis in (0, 1)]
                middle = np.column_stack(sums) / np.maximum(count, 1)[:, None]
                middle = self._anchor[:, None] * depots + (1 - self._anchor[:, None]) * middle
                centres = np.where(count[:, None] > 0, middle, centres)
        assert best is not None  # noqa: S101 - the loop runs
        return best[1], best[2], best[3] * scale + self._middle.mean(axis=0)

    def _tour(self, team: int, groups: NDArray[np.int64]) -> list[int]:
        """Return the clients of the groups in the order of a tour from the team's depot, visits inserted."""
        tasks = self._encoded.tasks
        edges: dict[int, int] = {}
        visits: list[int] = []
        for group in groups.tolist():
            edge = tasks[int(self._first[group])].edge
            if edge >= 0:
                edges[edge] = group
            else:
                visits.append(group)
        clients = [self._client(team, group, forward=forward) for group, forward in self._euler(team, edges)]
        return self._insert_visits(team, clients, visits)

    def _client(self, team: int, group: int, *, forward: bool) -> int:
        """Return the client that serves a group in a direction, or in the other where it is one-way for the team."""
        usable = self._usable[self._profile[team]]
        members = [task for task in self._encoded.groups[group] if usable[task]] or list(self._encoded.groups[group])
        return next((task for task in members if self._encoded.tasks[task].forward == forward), members[0])

    def _euler(self, team: int, edges: dict[int, int]) -> list[tuple[int, bool]]:
        """Return the segments of a share (as groups) with their directions in the order of an Euler circuit."""
        if not edges:
            return []
        frame = self._problem.network.edges
        first, last = frame["from_node"].to_numpy(), frame["to_node"].to_numpy()
        ids = np.array(sorted(edges), dtype=np.int64)
        nodes, local = np.unique(np.concatenate((first[ids], last[ids])), return_inverse=True)
        one, two = np.split(local.ravel(), 2)
        travel, known = self._encoded.travel_s[self._profile[team]], self._encoded.nodes
        place = np.searchsorted(known, nodes)
        times = travel[np.ix_(place, place)]
        times = np.minimum(np.where(np.isfinite(times), times, 1e9), np.where(np.isfinite(times.T), times.T, 1e9))
        links = _join_parts(len(nodes), one, two, times)
        degree = np.bincount(np.concatenate((one, two, links.ravel())), minlength=len(nodes))
        links = np.concatenate((links, match_odd(np.flatnonzero(degree % 2), times)))
        graph = nx.MultiGraph()
        for a, b, edge in zip(one.tolist(), two.tolist(), ids.tolist(), strict=True):
            graph.add_edge(a, b, key=edge)
        for number, (a, b) in enumerate(links.tolist()):
            graph.add_edge(a, b, key=-1 - number)
        depot = self._problem.teams[team].depot_node
        start = int(travel[np.searchsorted(known, depot), place].argmin())
        circuit = nx.eulerian_circuit(graph, source=start, keys=True)
        return [(edges[edge], int(nodes[a]) == int(first[edge])) for a, _, edge in circuit if edge >= 0]

    def _insert_visits(self, team: int, clients: list[int], visits: list[int]) -> list[int]:
        """Insert visits, earliest window first, each where the tour is at that time or where the detour is least."""
        tasks, matrix = self._encoded.tasks, self._encoded.durations[self._profile[team]]
        width = len(self._encoded.depots)
        begin = self._problem.teams[team].shift_start_s
        for group in sorted(visits, key=lambda g: tasks[self._encoded.groups[g][0]].window or (0.0, 0.0)):
            best: tuple[float, int, int] = (np.inf, 0, self._encoded.groups[group][0])
            stops = np.array([self._depot[team], *(width + client for client in clients), self._depot[team]])
            clock = begin + self._clock(stops, matrix, clients)
            for client in self._encoded.groups[group]:
                start, end = tasks[client].window or (0.0, np.inf)
                here = width + client
                detour = (
                    matrix[stops[:-1], here] + matrix[here, stops[1:]] - matrix[stops[:-1], stops[1:]]
                ) / TICKS_PER_S
                arrival = clock[:-1] + matrix[stops[:-1], here] / TICKS_PER_S
                late, wait = np.maximum(arrival - end, 0), np.maximum(start - arrival, 0)
                cost = detour + wait + 100 * late
                place = int(cost.argmin())
                best = min(best, (float(cost[place]), place, client))
            clients = [*clients[: best[1]], best[2], *clients[best[1] :]]
        return clients

    def _clock(self, stops: NDArray[np.int64], matrix: NDArray[np.int64], clients: list[int]) -> NDArray[np.float64]:
        """Return when each client (depot first) is done, seconds after the start, waiting not counted."""
        legs = matrix[stops[:-1], stops[1:]] / TICKS_PER_S
        stays = np.array([0.0, *(self._stay(client) for client in clients), 0.0])
        return np.asarray(np.r_[0.0, np.cumsum(legs)] + np.cumsum(stays), dtype=np.float64)

    def _stay(self, client: int) -> float:
        visit = self._encoded.tasks[client].visit
        return self._problem.visits[visit].total_s if visit >= 0 else 0.0

    def _duration(self, team: int, clients: list[int]) -> float:
        width = len(self._encoded.depots)
        stops = np.array([self._depot[team], *(width + client for client in clients), self._depot[team]])
        return float(self._clock(stops, self._encoded.durations[self._profile[team]], clients)[-1])


def _join_parts(
    count: int, one: NDArray[np.int64], two: NDArray[np.int64], times: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Return links, shape (l, 2), that join the connected parts of a share along a minimum spanning tree."""
    part = group_connected(count, one, two)
    parts = int(part.max()) + 1
    if parts == 1:
        return np.empty((0, 2), dtype=np.int64)
    # cheapest link between each two parts: sort once, the first of each pair of parts is the cheapest
    pair = part[:, None] * parts + part[None, :]
    order = np.argsort(times, axis=None, kind="stable")
    keys, where = np.unique(pair.ravel()[order], return_index=True)
    cheapest = order[where]
    graph = nx.Graph()
    for key, flat in zip(keys.tolist(), cheapest.tolist(), strict=True):
        a, b = divmod(key, parts)
        if a < b:
            graph.add_edge(a, b, weight=float(times.ravel()[flat]), link=divmod(flat, count))
    tree = nx.minimum_spanning_edges(graph, data=True)
    return np.array([data["link"] for _, _, data in tree], dtype=np.int64).reshape(-1, 2)


def match_odd(odd: NDArray[np.int64], times: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return pairs of odd junctions, shape (len(odd)/2, 2), with a small total time.

    Nearest pairs first, then exchanges of partners between two pairs while any shortens the total.
    """
    if not len(odd):
        return np.empty((0, 2), dtype=np.int64)
    cost = times[np.ix_(odd, odd)].copy()
    np.fill_diagonal(cost, np.inf)
    free = np.ones(len(odd), dtype=bool)
    pairs: list[tuple[int, int]] = []
    for flat in np.argsort(cost, axis=None, kind="stable"):
        a, b = divmod(int(flat), len(odd))
        if free[a] and free[b] and a != b:
            free[a] = free[b] = False
            pairs.append((a, b))
            if len(pairs) * 2 == len(odd):
                break
    chosen = np.array(pairs, dtype=np.int64)
    for _ in range(4 * len(chosen)):
        a, b = chosen.T
        now = cost[a, b]
        straight = cost[np.ix_(a, a)] + cost[np.ix_(b, b)] - now[:, None] - now[None, :]
        crossed = cost[np.ix_(a, b)] + cost[np.ix_(b, a)] - now[:, None] - now[None, :]
        np.fill_diagonal(straight, np.inf)
        np.fill_diagonal(crossed, np.inf)
        gain = np.minimum(straight, crossed)
        i, j = divmod(int(gain.argmin()), len(chosen))
        if gain[i, j] > -1e-9:
            break
        if straight[i, j] <= crossed[i, j]:
            chosen[i], chosen[j] = (a[i], a[j]), (b[i], b[j])
        else:
            chosen[i], chosen[j] = (a[i], b[j]), (a[j], b[i])
    return odd[chosen]

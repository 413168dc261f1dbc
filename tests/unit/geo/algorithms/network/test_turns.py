"""Turn bans and penalties on a crossing drawn by hand, and ways with turns against an explicit line graph in networkx."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.algorithms.network.distances import ShortestPaths
from geo.algorithms.network.turn_paths import TurnAwarePaths
from geo.algorithms.network.turns import Turns, list_turns
from geo.errors import ParameterError
from geo.model.network import Arcs, StreetNetwork, TurnPenalties, TurnRule
from geo.model.turns import turn_time_s

Network = Callable[..., StreetNetwork]
INF = float("inf")
CROSSING = [[(-100, 0), (0, 0)], [(0, 0), (100, 0)], [(0, -100), (0, 0)], [(0, 0), (0, 100)]]
WEST, EAST, SOUTH, NORTH = range(4)


def turn_table(network: StreetNetwork, mode: Any = "car") -> dict[tuple[tuple[int, bool], tuple[int, bool]], float]:
    """Return (segment, along its line) twice → time of each turn that is allowed."""
    arcs = network.arcs(mode)
    turns = list_turns(network, mode, arcs)
    keys = list(zip(arcs.edge.tolist(), arcs.forward.tolist(), strict=True))
    return {(keys[origin], keys[goal]): time_s for (origin, goal), time_s in turn_times(turns).items()}


def from_west(network: StreetNetwork) -> dict[int, float]:
    """Return what turns take when one comes to the crossing from the west: segment that is entered → time."""
    return {goal[0]: time_s for (origin, goal), time_s in turn_table(network).items() if origin == (WEST, True)}


class TestTurns:
    def test_by_default_all_are_free(self, network: Network) -> None:
        assert from_west(network(CROSSING)) == {WEST: 0, EAST: 0, SOUTH: 0, NORTH: 0}

    def test_left_right_and_back(self, network: Network) -> None:
        """Who comes from the west has the north on the left."""
        town = replace(network(CROSSING), turn_penalties={"car": TurnPenalties(left_s=12, right_s=3, u_turn_s=20)})
        assert from_west(town) == {WEST: 20, EAST: 0, SOUTH: 3, NORTH: 12}
        assert set(turn_table(town, "foot").values()) == {0}

    def test_u_turns_only_at_dead_ends(self, network: Network) -> None:
        town = replace(network(CROSSING), turn_penalties={"car": TurnPenalties(u_turn_s=9, is_u_turn_banned=True)})
        table = turn_table(town)
        assert from_west(town) == {EAST: 0, SOUTH: 0, NORTH: 0}
        assert table[(WEST, False), (WEST, True)] == 9

    def test_one_way_exit_is_no_way_on(self, network: Network) -> None:
        """At the end of a street from which only a one-way street against us leaves, cars must turn round."""
        town = network([[(0, 0), (100, 0)], [(100, 0), (200, 0)]], oneway=["both", "backward"])
        table = turn_table(replace(town, turn_penalties={"car": TurnPenalties(is_u_turn_banned=True)}))
        assert ((0, True), (0, False)) in table

    def test_bend_is_no_turn(self, network: Network) -> None:
        town = network([[(0, 0), (100, 0)], [(100, 0), (100, 100)]])
        town = replace(town, turn_penalties={"car": TurnPenalties(left_s=12, right_s=3)})
        assert turn_table(town)[(0, True), (1, True)] == 0

    def test_gentle_change_of_heading_is_straight_on(self, network: Network) -> None:
        town = network([[(0, 0), (100, 0)], [(100, 0), (200, 60)], [(100, 0), (100, -90)]])
        sharp, wide = (TurnPenalties(left_s=5, straight_deg=angle) for angle in (30, 45))
        assert turn_table(replace(town, turn_penalties={"car": sharp}))[(0, True), (1, True)] == 5
        assert turn_table(replace(town, turn_penalties={"car": wide}))[(0, True), (1, True)] == 0

    def test_rules_replace_penalties_and_the_longest_holds(self, network: Network) -> None:
        town = network(CROSSING)
        node = int(town.edges["to_node"].iloc[WEST])
        town = replace(
            town,
            turn_penalties={"car": TurnPenalties(left_s=12, right_s=3, u_turn_s=20, is_u_turn_banned=True)},
            turn_rules=(
                TurnRule(WEST, node, NORTH),
                TurnRule(WEST, node, SOUTH, 7),
                TurnRule(WEST, node, SOUTH, 5),
                TurnRule(WEST, node, WEST, 30),
                TurnRule(WEST, node, EAST, 99, modes=("foot",)),
            ),
        )
        assert from_west(town) == {EAST: 0, SOUTH: 7, WEST: 30}
        assert turn_table(town, "foot")[(WEST, True), (EAST, True)] == 99

    def test_where_all_else_is_banned_one_may_turn_round(self, network: Network) -> None:
        town = network(CROSSING)
        node = int(town.edges["to_node"].iloc[WEST])
        bans = tuple(TurnRule(WEST, node, edge) for edge in (EAST, SOUTH, NORTH))
        town = replace(town, turn_rules=bans, turn_penalties={"car": TurnPenalties(is_u_turn_banned=True)})
        assert from_west(town) == {WEST: 0}

    def test_among_keeps_what_the_whole_network_says(self, network: Network) -> None:
        town = replace(network(CROSSING), turn_penalties={"car": TurnPenalties(is_u_turn_banned=True)})
        arcs = town.arcs("car")
        whole = list_turns(town, "car", arcs)
        kept = np.flatnonzero((arcs.edge == WEST) | (arcs.edge == EAST))
        part = whole.among(kept)
        pairs = set(zip(kept[part.from_arc].tolist(), kept[part.to_arc].tolist(), strict=True))
        expected = set(zip(whole.from_arc.tolist(), whole.to_arc.tolist(), strict=True))
        assert pairs == {pair for pair in expected if set(pair) <= set(kept.tolist())}

    @pytest.mark.parametrize("penalty_s", [-1.0, float("nan")])
    def test_bad_rule(self, penalty_s: float) -> None:
        with pytest.raises(ParameterError, match="junction 2"):
            TurnRule(1, 2, 3, penalty_s)

    @pytest.mark.parametrize(
        "bad", [{"left_s": -1}, {"right_s": INF}, {"u_turn_s": float("nan")}, {"straight_deg": 180}]
    )
    def test_bad_penalties(self, bad: dict[str, float]) -> None:
        with pytest.raises(ParameterError):
            TurnPenalties(**bad)  # type: ignore[arg-type]


def random_town(network: Network, seed: int) -> StreetNetwork:
    """Return a grid of streets with one-way signs, a loop, dead ends, random rules and penalties."""
    rng = np.random.default_rng(seed)
    corners = [(100 * x, 100 * y) for x in range(3) for y in range(3)]
    lines = [[a, b] for a in corners for b in corners if a < b and abs(a[0] - b[0]) + abs(a[1] - b[1]) == 100]
    lines = [lines[number] for number in np.sort(rng.choice(len(lines), 10, replace=False))]
    lines.append([(0, 0), (-40, -10), (-40, -60), (0, 0)])
    town = network(lines, oneway=rng.choice(["both", "both", "forward", "backward"], len(lines)).tolist())
    ends = town.edges[["from_node", "to_node"]].to_numpy()
    pairs = [(i, j, n) for i in range(len(ends)) for j in range(len(ends)) for n in set(ends[i]) & set(ends[j])]
    chosen = rng.choice(len(pairs), 12, replace=False)
    rules = tuple(
        TurnRule(pairs[k][0], int(pairs[k][2]), pairs[k][1], float(rng.choice([INF, 0.0, 4.0, 50.0]))) for k in chosen
    )
    left, right, back = rng.integers(0, 15, 3).astype(float).tolist()
    penalties = TurnPenalties(left, right, back, bool(rng.integers(2)))
    return replace(town, turn_rules=rules, turn_penalties={"car": penalties})


@pytest.mark.parametrize("seed", range(8))
def test_both_readings_of_the_rules_agree(network: Network, seed: int) -> None:
    town = random_town(network, seed)
    arcs = town.arcs("car")
    passages = list(zip(arcs.edge.tolist(), arcs.forward.tolist(), strict=True))
    table = turn_table(town)
    for before, head in zip(passages, arcs.head.tolist(), strict=True):
        for after, tail in zip(passages, arcs.tail.tolist(), strict=True):
            if head == tail:
                assert table.get((before, after), INF) == turn_time_s(town, "car", before, after)


def turn_times(turns: Turns) -> dict[tuple[int, int], float]:
    pairs = zip(turns.from_arc.tolist(), turns.to_arc.tolist(), strict=True)
    return dict(zip(pairs, turns.time_s.tolist(), strict=True))


def line_graph(count: int, arcs: Arcs, turns: Turns) -> nx.DiGraph:
    """Return begin and end of each arc as nodes, joined by driving it and by turning; places where a team stands."""
    graph = nx.DiGraph()
    for node in range(count):
        graph.add_nodes_from([("leave", node), ("come", node)])
        graph.add_edge(("leave", node), ("come", node), weight=0.0)
    for arc, (tail, head, time_s) in enumerate(
        zip(arcs.tail.tolist(), arcs.head.tolist(), arcs.time_s.tolist(), strict=True)
    ):
        graph.add_edge(("begin", arc), ("end", arc), weight=time_s)
        graph.add_edge(("leave", tail), ("begin", arc), weight=0.0)
        graph.add_edge(("end", arc), ("come", head), weight=0.0)
    for (origin, goal), time_s in turn_times(turns).items():
        graph.add_edge(("end", origin), ("begin", goal), weight=time_s)
    return graph


@pytest.mark.parametrize("seed", range(8))
def test_ways_with_turns_agree_with_the_line_graph(network: Network, seed: int) -> None:
    """All pairs of arcs and nodes; every way found keeps the rules and takes the time it should."""
    town = random_town(network, seed)
    count, arcs = len(town.nodes), town.arcs("car")
    size = len(arcs.tail)
    turns = list_turns(town, "car", arcs)
    graph = line_graph(count, arcs, turns)
    paths = TurnAwarePaths(count, arcs, turns)
    places = np.concatenate((np.arange(size), paths.at(np.arange(count))))
    times = paths.times(places, places)
    starts = [("end", arc) for arc in range(size)] + [("leave", node) for node in range(count)]
    goals = [("begin", arc) for arc in range(size)] + [("come", node) for node in range(count)]
    truth = np.full(times.shape, np.inf)
    for row, start in enumerate(starts):
        found = nx.single_source_dijkstra_path_length(graph, start)
        truth[row] = [found.get(goal, np.inf) for goal in goals]
    np.testing.assert_allclose(times, truth, rtol=0, atol=1e-9)
    turn_s = {
        (o, g): t for o, g, t in zip(turns.from_arc.tolist(), turns.to_arc.tolist(), turns.time_s.tolist(), strict=True)
    }
    finite = [(int(a), int(b)) for a, b in zip(*np.nonzero(np.isfinite(times)), strict=True)]
    for (source, target), way in paths.paths(finite).items():
        whole = ([source] if source < size else []) + way + ([target] if target < size else [])
        total = arcs.time_s[way].sum() + sum(turn_s[pair] for pair in pairwise(whole))
        assert total == pytest.approx(times[source, target], abs=1e-9)
        if way:
            assert arcs.tail[way[0]] == (arcs.head[source] if source < size else source - size)
            assert arcs.head[way[-1]] == (arcs.tail[target] if target < size else target - size)


@given(seed=st.integers(0, 2**32 - 1), nodes=st.integers(1, 25), size=st.integers(0, 60))
@settings(max_examples=60, deadline=None)
def test_free_turns_give_the_times_without_turns(seed: int, nodes: int, size: int) -> None:
    """To the last bit, on any directed graph with loops and parallel arcs."""
    rng = np.random.default_rng(seed)
    arcs = Arcs(
        rng.integers(0, nodes, size),
        rng.integers(0, nodes, size),
        np.arange(size),
        np.ones(size, bool),
        rng.random(size),
    )
    origin, goal = np.nonzero(arcs.head[:, None] == arcs.tail[None, :])
    free = Turns(np.searchsorted(origin, np.arange(size + 1)), goal, np.zeros(len(goal)))
    plain, turning = ShortestPaths(nodes, arcs), TurnAwarePaths(nodes, arcs, free)
    every, nodes_too = np.arange(size), turning.at(np.arange(nodes))
    assert np.array_equal(turning.times(every, every), plain.times(arcs.head, arcs.tail))
    assert np.array_equal(turning.times(nodes_too, nodes_too), plain.times(np.arange(nodes), np.arange(nodes)))
    assert np.array_equal(turning.times(every, nodes_too), plain.times(arcs.head, np.arange(nodes)))
    assert np.array_equal(turning.times(nodes_too, every), plain.times(np.arange(nodes), arcs.tail))


def test_a_left_turn_ban_leads_round_the_block(network: Network) -> None:
    """From the west to the north one drives straight on and comes back round the block in the north-east.

    To turn round at the far end of the street in the south would take longer.
    """
    block = [[(100, 0), (100, 100)], [(100, 100), (0, 100)]]
    town = network([*CROSSING[:2], [(0, -120), (0, 0)], CROSSING[3], *block])
    node = int(town.edges["to_node"].iloc[WEST])
    town = replace(
        town,
        turn_rules=(TurnRule(WEST, node, NORTH),),
        turn_penalties={"car": TurnPenalties(is_u_turn_banned=True)},
    )
    arcs = town.arcs("car")
    paths = TurnAwarePaths(len(town.nodes), arcs, list_turns(town, "car", arcs))
    number = {key: arc for arc, key in enumerate(zip(arcs.edge.tolist(), arcs.forward.tolist(), strict=True))}
    north = int(town.edges["to_node"].iloc[NORTH])
    start, goal = number[WEST, True], int(paths.at(np.array([north]))[0])
    (way,) = paths.paths([(start, goal)]).values()
    assert [int(arcs.edge[arc]) for arc in way] == [EAST, 4, 5]
    assert paths.times(np.array([start]), np.array([goal]))[0, 0] == pytest.approx(300 / (20 / 3.6))


def test_no_way_is_an_error() -> None:
    none = np.empty(0, dtype=np.int64)
    arcs = Arcs(none, none, none, np.empty(0, bool), np.empty(0))
    paths = TurnAwarePaths(2, arcs, Turns(np.zeros(1, int), none, np.empty(0)))
    with pytest.raises(ValueError, match="no way from 0 to 1"):
        paths.paths([(0, 1)])


@pytest.mark.parametrize("place", [-1, 2])
def test_unknown_places_are_refused(place: int) -> None:
    one, none = np.zeros(1, dtype=np.int64), np.empty(0, dtype=np.int64)
    paths = TurnAwarePaths(
        1, Arcs(one, one, one, np.ones(1, bool), np.ones(1)), Turns(np.zeros(2, int), none, np.empty(0))
    )
    with pytest.raises(IndexError):
        paths.times(np.array([place]), one)
    with pytest.raises(IndexError):
        paths.times(one, np.array([place]))

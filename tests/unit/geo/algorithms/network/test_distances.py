"""The compiled search against networkx to the last bit, on graphs of every kind; directions and modes of streets."""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from geo.algorithms.network.distances import ShortestPaths
from geo.algorithms.network.search import SearchGraph, Seeds
from geo.errors import ParameterError
from geo.model.frames import MODES, ROAD_CLASSES
from geo.model.network import Arcs, StreetNetwork

Network = Callable[..., StreetNetwork]
ROW = [(0, 0), (100, 0)]
KMH = 1 / 3.6


def make_arcs(tail: np.ndarray, head: np.ndarray, time_s: np.ndarray) -> Arcs:
    size = len(tail)
    return Arcs(tail, head, np.arange(size), np.ones(size, dtype=bool), time_s)


def networkx_times(count: int, arcs: Arcs) -> np.ndarray:
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(count))
    graph.add_weighted_edges_from(zip(arcs.tail.tolist(), arcs.head.tolist(), arcs.time_s.tolist(), strict=True))
    times = np.full((count, count), np.inf)
    for source in range(count):
        found = nx.single_source_dijkstra_path_length(graph, source)
        times[source, list(found)] = list(found.values())
    return times


SPREADS = {
    "even": lambda rng, size: rng.random(size),
    "some zero": lambda rng, size: rng.random(size) * rng.integers(0, 2, size),
    "all zero": lambda rng, size: np.zeros(size),
    "of every size": lambda rng, size: 10.0 ** rng.uniform(-6, 9, size),
    "one huge": lambda rng, size: np.where(np.arange(size) == 0, 1e12, rng.random(size)),
    "tiny": lambda rng, size: rng.random(size) * 1e-12,
}


@given(
    seed=st.integers(0, 2**32 - 1),
    nodes=st.integers(1, 40),
    size=st.integers(0, 160),
    spread=st.sampled_from(list(SPREADS)),
)
@settings(max_examples=150, deadline=None)
def test_times_equal_those_of_networkx_to_the_last_bit(seed: int, nodes: int, size: int, spread: str) -> None:
    rng = np.random.default_rng(seed)
    arcs = make_arcs(rng.integers(0, nodes, size), rng.integers(0, nodes, size), SPREADS[spread](rng, size))
    truth = networkx_times(nodes, arcs)
    paths = ShortestPaths(nodes, arcs)
    every = np.arange(nodes)
    assert np.array_equal(paths.times(every, every), truth)
    sources, targets = rng.integers(0, nodes, 5), rng.integers(0, nodes, 3)
    assert np.array_equal(paths.times(sources, targets), truth[np.ix_(sources, targets)])
    finite = truth[np.isfinite(truth)]
    limit_s = float(rng.choice(finite))
    assert np.array_equal(paths.times(every, every, limit_s=limit_s), np.where(truth <= limit_s, truth, np.inf))
    pairs = [(int(a), int(b)) for a, b in zip(*np.nonzero(np.isfinite(truth)), strict=True)]
    for (source, target), way in paths.paths(pairs).items():
        reached = 0.0
        node = source
        for arc in way:
            assert arcs.tail[arc] == node
            node, reached = int(arcs.head[arc]), reached + float(arcs.time_s[arc])
        assert (node, reached) == (target, truth[source, target])


def test_room_for_the_queue_grows() -> None:
    """All vertices of this chain lie in one bucket, and each is reached again and again by ways of more, shorter arcs.

    From vertex 0 an arc of j² s leads to each vertex j, and one of 1 s from each to the next. The long arcs beside them make
    the buckets wide.
    """
    size, others = 60, 125
    chain = np.arange(1, size)
    beside = size + 2 * np.arange(others)
    tail = np.concatenate((np.zeros(size - 1, dtype=np.int64), chain - 1, beside))
    head = np.concatenate((chain, chain, beside + 1))
    time_s = np.concatenate((chain**2.0, np.ones(size - 1), np.full(others, 1e6)))
    paths = ShortestPaths(size + 2 * others, make_arcs(tail, head, time_s))
    assert paths.times(np.array([0]), np.arange(size)).tolist() == [list(map(float, range(size)))]


def test_no_sources_and_no_targets() -> None:
    paths = ShortestPaths(3, make_arcs(np.array([0]), np.array([1]), np.array([1.0])))
    none = np.empty(0, dtype=np.int64)
    assert paths.times(none, np.array([0, 1])).shape == (0, 2)
    assert paths.times(np.array([0, 1]), none).shape == (2, 0)
    assert paths.paths([]) == {}


def test_seeds_with_a_start_of_their_own() -> None:
    graph = SearchGraph(4, np.array([0, 1, 2]), np.array([3, 3, 3]), np.array([5.0, 1.0, 1.0]))
    seeds = Seeds(np.array([0, 2]), np.array([0, 1]), np.array([0.0, 4.5]))
    assert graph.times(np.array([7]), np.arange(4), lambda _: seeds).tolist() == [[0, 4.5, np.inf, 5]]
    late = Seeds(np.array([0, 2]), np.array([1, 1]), np.array([1e6, 9e5]))
    assert graph.times(np.array([7]), np.arange(4), lambda _: late).tolist() == [[np.inf, 9e5, np.inf, 9e5 + 1]]


@pytest.mark.parametrize("time_s", [-1.0, float("nan")])
def test_bad_times_are_refused(time_s: float) -> None:
    with pytest.raises(ParameterError, match="negative"):
        ShortestPaths(2, make_arcs(np.array([0]), np.array([1]), np.array([time_s])))


@pytest.mark.parametrize(("source", "target"), [(0, 2), (2, 0), (-1, 0), (0, -1)])
def test_unknown_vertices_are_refused(source: int, target: int) -> None:
    paths = ShortestPaths(2, make_arcs(np.array([0]), np.array([1]), np.array([1.0])))
    with pytest.raises(IndexError):
        paths.times(np.array([source]), np.array([target]))
    with pytest.raises(IndexError):
        paths.paths([(source, target)])


def test_infinite_time_is_no_way() -> None:
    paths = ShortestPaths(2, make_arcs(np.array([0]), np.array([1]), np.array([np.inf])))
    assert paths.times(np.array([0]), np.array([0, 1])).tolist() == [[0, np.inf]]


CLASS_KMH = {
    "motorway": (0, 0, 80),
    "trunk": (4.7, 15, 50),
    "primary": (4.7, 15, 40),
    "secondary": (4.7, 15, 30),
    "residential": (4.7, 15, 20),
    "lane": (4.7, 10, 0),
    "pedestrian": (4.7, 0, 0),
}


class TestArcs:
    def test_every_class_and_mode_has_its_speed(self, network: Network) -> None:
        """Motorways are closed to people and e-bikes, lanes to cars, pedestrian ways (steps among them) to wheels."""
        assert set(CLASS_KMH) == set(ROAD_CLASSES)
        for road_class, speeds in CLASS_KMH.items():
            town = network([ROW], road_class=[road_class])
            for mode, speed in zip(MODES, speeds, strict=True):
                times = town.arcs(mode).time_s.tolist()  # type: ignore[arg-type]
                assert times == pytest.approx([100 / (speed * KMH)] * 2 if speed else [])

    def test_times_may_differ_by_direction(self, network: Network) -> None:
        town = network([ROW, [(100, 0), (200, 0)], [(200, 0), (300, 0)]], oneway=["both", "both", "forward"])
        uphill = np.array([[60.0, 20.0], [30.0, np.inf], [40.0, 40.0]])
        hill = StreetNetwork(town.nodes, town.edges, times_s={"ebike": uphill, "foot": uphill})
        arcs = hill.arcs("ebike")
        rows = zip(arcs.edge.tolist(), arcs.forward.tolist(), arcs.time_s.tolist(), strict=True)
        assert list(rows) == [(0, True, 60), (1, True, 30), (2, True, 40), (0, False, 20)]
        assert len(hill.arcs("foot").tail) == 5
        assert hill.arcs("car").time_s.tolist() == town.arcs("car").time_s.tolist()
        assert hill.graph.edges[0, 1, (0, True)]["time_s_ebike"] == 60
        assert hill.graph.edges[1, 0, (0, False)]["time_s_ebike"] == 20
        times = ShortestPaths(len(hill.nodes), arcs).times(np.arange(4), np.arange(4))
        assert times[0].tolist() == [0, 60, 90, 130]
        assert times[2].tolist() == [np.inf, np.inf, 0, 40]

    def test_times_need_a_row_for_each_segment(self, network: Network) -> None:
        town = network([ROW])
        with pytest.raises(ParameterError, match="1 segments"):
            StreetNetwork(town.nodes, town.edges, times_s={"car": np.zeros((2, 2))})

    def test_headings(self, network: Network) -> None:
        """Of the first and last 15 m: single vertices at the ends of digitised lines point anywhere."""
        town = network([[(0, 0), (0, 1), (100, 1), (100, 80)]])
        begin, end = town.headings_deg[0].tolist()
        assert begin == pytest.approx(np.degrees(np.arctan2(1, 14)))
        assert end == pytest.approx(90)

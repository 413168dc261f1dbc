"""Noding, building and shortest ways on a handful of streets drawn by hand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import pytest
import shapely
from shapely import LineString

from geo.algorithms.network.build import build_network
from geo.algorithms.network.connect import strong_part
from geo.algorithms.network.distances import ShortestPaths
from geo.algorithms.network.noding import NodedLines, NodingParams, node_lines
from geo.algorithms.network.snap import nearest_nodes
from geo.errors import CancelledError, GeometryError, MissingLayerError, ParameterError
from geo.model.frames import require_frame
from geo.model.network import Arcs, StreetNetwork

Streets = Callable[..., gpd.GeoDataFrame]
Network = Callable[..., StreetNetwork]
ROW = [(0, 0), (100, 0)]


def node(*lines: list[tuple[float, float]], level: list[int] | None = None, tolerance_m: float = 0.5) -> NodedLines:
    shapes = np.array([LineString(line) for line in lines], dtype=object)
    levels = np.array(level or [0] * len(lines))
    noded = node_lines(shapes, levels, NodingParams(tolerance_m))
    first, last = shapely.get_point(noded.pieces, 0), shapely.get_point(noded.pieces, -1)
    assert shapely.get_coordinates(first).tolist() == noded.xy[noded.ends[:, 0]].tolist()
    assert shapely.get_coordinates(last).tolist() == noded.xy[noded.ends[:, 1]].tolist()
    assert sorted(set(noded.ends.ravel().tolist())) == list(range(len(noded.xy)))
    return noded


def pieces(noded: NodedLines) -> set[tuple[int, tuple[tuple[float, float], ...]]]:
    rounded = shapely.transform(noded.pieces, lambda xy: xy.round(6) + 0.0)
    return {(int(line), tuple(piece.coords)) for line, piece in zip(noded.source, rounded, strict=True)}


class TestNoding:
    def test_crossing_is_cut(self) -> None:
        noded = node([(0, 0), (100, 100)], [(0, 100), (100, 0)])
        assert pieces(noded) == {
            (0, ((0, 0), (50, 50))), (0, ((50, 50), (100, 100))), (1, ((0, 100), (50, 50))), (1, ((50, 50), (100, 0))),
        }  # fmt: skip
        assert (noded.crossings, noded.snapped, len(noded.xy)) == (1, 0, 5)

    def test_bridge_is_not_cut(self) -> None:
        noded = node([(0, 0), (100, 100)], [(0, 100), (100, 0)], level=[0, 1])
        assert (len(noded.pieces), len(noded.xy), noded.crossings) == (2, 4, 0)

    def test_bridge_is_joined_at_its_ends(self) -> None:
        noded = node(
            [(-50, 50), (0, 50)], [(0, 50), (100, 50)], [(100, 50), (150, 50)], [(50, 0), (50, 100)], level=[0, 1, 0, 0]
        )
        assert len(noded.pieces) == 4
        assert noded.ends[0, 1] == noded.ends[1, 0]
        assert noded.ends[1, 1] == noded.ends[2, 0]
        assert len(noded.xy) == 6

    def test_two_bridges_of_one_level_are_cut(self) -> None:
        assert len(node([(0, 0), (100, 100)], [(0, 100), (100, 0)], level=[1, 1]).pieces) == 4

    def test_end_on_a_line_cuts_it(self) -> None:
        noded = node(ROW, [(30, 0), (30, 50)])
        assert pieces(noded) == {(0, ((0, 0), (30, 0))), (0, ((30, 0), (100, 0))), (1, ((30, 0), (30, 50)))}
        assert (noded.crossings, noded.snapped) == (0, 0)  # there was a junction already

    @pytest.mark.parametrize("gap", [0.3, -0.3], ids=["undershoot", "overshoot"])
    def test_near_end_is_joined(self, gap: float) -> None:
        noded = node(ROW, [(30, gap), (30, 50)])
        assert len(noded.pieces) == 3
        assert len(noded.xy) == 4
        assert noded.snapped > 0
        assert shapely.length(noded.pieces).sum() == pytest.approx(150, abs=0.7)

    def test_far_end_is_not_joined(self) -> None:
        noded = node(ROW, [(30, 0.6), (30, 50)])
        assert (len(noded.pieces), noded.snapped) == (2, 0)
        assert len(node(ROW, [(30, 0.6), (30, 50)], tolerance_m=0.7).pieces) == 3

    def test_near_ends_become_one_node(self) -> None:
        noded = node([(0, 0), (50, 0)], [(50.2, 0.2), (100, 0)], [(49.9, -0.1), (50, -80)])
        assert len(noded.xy) == 4
        assert noded.snapped == 2

    def test_collinear_overlap(self) -> None:
        """The common stretch 40–100 becomes two parallel pieces between the same junctions."""
        noded = node(ROW, [(40, 0), (140, 0)])
        assert pieces(noded) == {
            (0, ((0, 0), (40, 0))), (0, ((40, 0), (100, 0))), (1, ((40, 0), (100, 0))), (1, ((100, 0), (140, 0))),
        }  # fmt: skip
        assert len(noded.xy) == 4

    def test_ring_stays_a_loop(self) -> None:
        noded = node([(0, 0), (50, 0), (50, 50), (0, 50), (0, 0)])
        assert (len(noded.pieces), noded.ends.tolist()) == (1, [[0, 0]])

    def test_ring_is_cut_where_a_street_meets_it(self) -> None:
        noded = node([(0, 0), (50, 0), (50, 50), (0, 50), (0, 0)], [(50, 25), (90, 25)])
        assert len(noded.pieces) == 3
        assert len(noded.xy) == 3

    def test_line_that_ends_on_itself(self) -> None:
        """A drive that leads round a green and back onto itself."""
        noded = node([(0, 0), (100, 0), (200, 0), (200, 100), (100, 100), (100, 0)])
        assert noded.ends.tolist() == [[0, 1], [1, 1]]
        assert shapely.length(noded.pieces).tolist() == [100, 400]

    def test_line_that_crosses_itself(self) -> None:
        noded = node([(0, 0), (100, 100), (100, 0), (0, 100)])
        assert noded.ends.tolist() == [[0, 1], [1, 1], [1, 2]]
        assert noded.xy[1].tolist() == [50, 50]

    def test_direction_of_the_line_stays(self) -> None:
        noded = node([(100, 0), (0, 0)], [(30, -50), (30, 50)])
        assert pieces(noded) >= {(0, ((100, 0), (30, 0))), (0, ((30, 0), (0, 0)))}

    def test_crumbs_are_dropped(self) -> None:
        noded = node(ROW, [(100, 0), (100.3, 0)])
        assert (len(noded.pieces), len(noded.xy)) == (1, 2)

    def test_nothing_left(self) -> None:
        """As when degrees are taken for metres: the whole town is smaller than the tolerance."""
        with pytest.raises(GeometryError, match="Check the coordinate system"):
            node([(112.5, 26.9), (112.6, 26.9)])

    @pytest.mark.parametrize("tolerance", [0.0, -1.0, 20.0, float("nan")])
    def test_tolerance(self, tolerance: float) -> None:
        with pytest.raises(ParameterError):
            NodingParams(tolerance)


class TestBuild:
    def test_frames_fit_their_schema_and_speeds_their_class(self, streets: Streets) -> None:
        layer = streets([ROW, [(100, 0), (200, 0)]], road_class=["primary", "pedestrian"], maxspeed_kmh=[30, None])
        network, report = build_network(layer, NodingParams())
        edges = require_frame("network_edge", network.edges)
        require_frame("network_node", network.nodes)
        assert (edges["speed_car_mps"] * 3.6).round(6).tolist() == [30, 0]
        assert (edges["speed_ebike_mps"] * 3.6).round(6).tolist() == [15, 0]
        assert (edges["speed_foot_mps"] * 3.6).round(6).tolist() == [4.7, 4.7]
        assert (report.streets, report.nodes, report.edges, report.length_m) == (2, 3, 2, 200)
        assert report.dead_ends == 2

    @pytest.mark.parametrize(
        ("oneway", "wheels"), [("both", {(0, 1), (1, 0)}), ("forward", {(0, 1)}), ("backward", {(1, 0)})]
    )
    def test_one_way_binds_wheels_only(self, network: Network, oneway: str, wheels: set[tuple[int, int]]) -> None:
        town = network([ROW], oneway=[oneway])
        for mode, expected in (("foot", {(0, 1), (1, 0)}), ("ebike", wheels), ("car", wheels)):
            arcs = town.arcs(mode)  # type: ignore[arg-type]
            assert set(zip(arcs.tail.tolist(), arcs.head.tolist(), strict=True)) == expected
        graph = town.graph
        assert all("time_s_foot" in values for *_, values in graph.edges(data=True))
        assert {(a, b) for a, b, values in graph.edges(data=True) if "time_s_car" in values} == wheels
        for a, b, values in graph.edges(data=True):
            line = values["geometry"]
            assert (line.coords[0], line.coords[-1]) == (tuple(town.xy[a]), tuple(town.xy[b]))
            assert values["time_s_foot"] == pytest.approx(100 / (4.7 / 3.6))

    def test_closed_street_has_no_arcs(self, network: Network) -> None:
        town = network([ROW], road_class=["lane"])
        assert len(town.arcs("car").tail) == 0
        assert len(town.arcs("ebike").tail) == 2

    def test_island(self, streets: Streets) -> None:
        layer = streets([ROW, [(100, 0), (100, 100)], [(500, 500), (560, 500)]])
        network, report = build_network(layer, NodingParams())
        assert (report.islands, report.island_length_m) == (1, 60)
        (finding,) = report.findings
        assert finding.code == "island"
        assert (finding.x, finding.y) in {(500, 500), (560, 500)}
        assert network.nodes["component"].tolist() == (network.xy[:, 1] == 500).astype(int).tolist()
        assert report.reachable_length_share["foot"] == pytest.approx(200 / 260)

    def test_one_way_trap(self, streets: Streets) -> None:
        """Cars may enter the street at (100, 0) and never come back; people on foot may."""
        square = [(0, 0), (100, 0), (100, 100), (0, 100), (0, 0)]
        layer = streets([square, [(100, 0), (200, 0)]], oneway=["both", "forward"])
        network, report = build_network(layer, NodingParams())
        assert report.one_way_traps == {"foot": 0, "ebike": 1, "car": 1}
        (finding,) = [finding for finding in report.findings if finding.code == "one_way_trap"]
        assert (finding.x, finding.y) == (200, 0)
        assert report.reachable_length_share == {
            "foot": 1, "ebike": pytest.approx(400 / 500), "car": pytest.approx(400 / 500),
        }  # fmt: skip
        assert strong_part(len(network.nodes), network.arcs("car")).tolist() == [True, True, False]

    def test_same_streets_same_numbers(self, streets: Streets) -> None:
        layer = streets([[(0, 0), (100, 100)], [(0, 100), (100, 0)], [(50, 50), (50, 200)]])
        one, two = (build_network(layer, NodingParams())[0] for _ in range(2))
        assert one.edges.equals(two.edges)
        assert one.nodes.equals(two.nodes)

    def test_no_streets(self, streets: Streets) -> None:
        with pytest.raises(MissingLayerError):
            build_network(streets([ROW]).iloc[:0], NodingParams())

    def test_it_can_be_stopped(self, streets: Streets) -> None:
        def stop(message: str, fraction: float) -> None:
            raise CancelledError("stopped")

        with pytest.raises(CancelledError):
            build_network(streets([ROW]), NodingParams(), stop)

    def test_loop_has_both_directions(self, network: Network) -> None:
        town = network([[(0, 0), (50, 0), (50, 50), (0, 50), (0, 0)]])
        assert sorted(key for _, _, key in town.graph.edges(keys=True)) == [(0, False), (0, True)]


def test_nearest_nodes(network: Network) -> None:
    town = network([ROW, [(100, 0), (200, 0)]])
    xy = np.array([[95.0, 3.0], [10.0, 0.0]])
    nodes, distance = nearest_nodes(town, xy, np.array([True, True, True]))
    assert town.xy[nodes].tolist() == [[100, 0], [0, 0]]
    assert distance.tolist() == [pytest.approx(np.hypot(5, 3)), 10]
    nodes, _ = nearest_nodes(town, xy, np.array([True, False, False]))
    assert nodes.tolist() == [0, 0]


def random_arcs(seed: int, nodes: int, arcs: int) -> Arcs:
    rng = np.random.default_rng(seed)
    return Arcs(
        tail=rng.integers(0, nodes, arcs),
        head=rng.integers(0, nodes, arcs),
        edge=np.arange(arcs),
        forward=np.ones(arcs, dtype=bool),
        # whole numbers of seconds: sums of paths are exact, whatever their order
        time_s=rng.integers(1, 50, arcs).astype(float),
    )


@pytest.mark.parametrize(("seed", "nodes", "arcs"), [(1, 60, 90), (2, 60, 200), (3, 300, 700)])
def test_shortest_ways_agree_with_networkx(seed: int, nodes: int, arcs: int) -> None:
    """Parallel arcs, loops, and places without a way are among them."""
    network = random_arcs(seed, nodes, arcs)
    graph = nx.MultiDiGraph()
    graph.add_nodes_from(range(nodes))
    for tail, head, time_s in zip(network.tail, network.head, network.time_s, strict=True):
        graph.add_edge(int(tail), int(head), weight=float(time_s))
    paths = ShortestPaths(nodes, network)
    sources, targets = np.arange(0, nodes, 3), np.arange(nodes)
    times = paths.times(sources, targets)
    truth = {source: nx.single_source_dijkstra_path_length(graph, source) for source in sources.tolist()}
    expected = [[truth[source].get(target, np.inf) for target in targets.tolist()] for source in sources.tolist()]
    assert times.tolist() == expected
    assert np.isinf(times).any()
    reachable = [(s, t) for s in truth for t in truth[s] if s != t]
    for (source, target), way in paths.paths(reachable).items():
        assert network.tail[way[0]] == source
        assert network.head[way[-1]] == target
        assert network.head[way[:-1]].tolist() == network.tail[way[1:]].tolist()
        assert network.time_s[way].sum() == truth[source][target]


def test_no_way_is_an_error() -> None:
    arcs: Any = random_arcs(1, 2, 0)
    with pytest.raises(ValueError, match="no way from 0 to 1"):
        ShortestPaths(2, arcs).paths([(0, 1)])


def test_repeated_sources(network: Network) -> None:
    town = network([ROW, [(100, 0), (200, 0)]])
    times = ShortestPaths(3, town.arcs("foot")).times(np.array([0, 2, 0]), np.array([1]))
    assert times[0] == times[2] == pytest.approx(100 / (4.7 / 3.6))

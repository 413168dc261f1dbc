"""The street network: frames of junctions and segments, and the directed graph that they are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import geopandas as gpd
import networkx as nx
import numpy as np
from numpy.typing import NDArray

Mode = Literal["foot", "ebike", "car"]


@dataclass(frozen=True)
class Arcs:
    """Directed segments that one mode may use.

    Attributes
    ----------
    tail, head
        Shape (a,): nodes.
    edge
        Shape (a,): row of the segment in ``edges``, which is its ``edge_id``.
    forward
        Shape (a,): whether the segment is used along its line.
    time_s
        Shape (a,): travel time.
    """

    tail: NDArray[np.int64]
    head: NDArray[np.int64]
    edge: NDArray[np.int64]
    forward: NDArray[np.bool_]
    time_s: NDArray[np.float64]


@dataclass(frozen=True)
class StreetNetwork:
    """Junctions and segments of one project.

    Attributes
    ----------
    nodes
        ``network_node`` frame, ordered by ``node_id`` from 0.
    edges
        ``network_edge`` frame, ordered by ``edge_id`` from 0.
    """

    nodes: gpd.GeoDataFrame
    edges: gpd.GeoDataFrame

    @cached_property
    def xy(self) -> NDArray[np.float64]:
        """Coordinates of the nodes, shape (n, 2), metres."""
        return np.column_stack((self.nodes.geometry.x, self.nodes.geometry.y))

    def arcs(self, mode: Mode) -> Arcs:
        """Return the directed segments of a mode: on foot both ways everywhere, else as one-way signs say."""
        edges = self.edges
        speed = edges[f"speed_{mode}_mps"].to_numpy()
        oneway = edges["oneway"].to_numpy()
        is_open = speed > 0
        along = is_open & ((oneway != "backward") | (mode == "foot"))
        against = is_open & ((oneway != "forward") | (mode == "foot"))
        first, last = edges["from_node"].to_numpy(), edges["to_node"].to_numpy()
        edge = np.concatenate((np.flatnonzero(along), np.flatnonzero(against)))
        forward = np.arange(len(edge)) < along.sum()
        return Arcs(
            tail=np.where(forward, first[edge], last[edge]),
            head=np.where(forward, last[edge], first[edge]),
            edge=edge,
            forward=forward,
            time_s=edges["length_m"].to_numpy()[edge] / speed[edge],
        )

    @cached_property
    def graph(self) -> nx.MultiDiGraph:
        """The network as a graph: nodes with ``x``, ``y``; edge keys are ``edge_id``.

        Each direction that any mode may use is an edge with ``length_m``, ``name``, ``road_class``, ``geometry`` (in the
        direction of the edge) and ``time_s_<mode>`` for the modes that may use it.
        """
        graph = nx.MultiDiGraph(crs=self.edges.crs)
        graph.add_nodes_from((n, {"x": x, "y": y}) for n, (x, y) in enumerate(self.xy.tolist()))
        edges = self.edges
        lines = edges.geometry.to_numpy()
        columns = {name: edges[name].tolist() for name in ("length_m", "name", "road_class", "street_id")}
        attributes: dict[tuple[int, int, int, bool], dict[str, Any]] = {}
        modes: tuple[Mode, ...] = ("foot", "ebike", "car")
        for mode in modes:
            arcs = self.arcs(mode)
            rows = (
                arcs.tail.tolist(),
                arcs.head.tolist(),
                arcs.edge.tolist(),
                arcs.forward.tolist(),
                arcs.time_s.tolist(),
            )
            for tail, head, edge, forward, time_s in zip(*rows, strict=True):
                key = (tail, head, edge, forward)
                if key not in attributes:
                    line = lines[edge] if forward else lines[edge].reverse()
                    attributes[key] = {name: values[edge] for name, values in columns.items()} | {
                        "edge_id": edge,
                        "forward": forward,
                        "geometry": line,
                    }
                attributes[key][f"time_s_{mode}"] = time_s
        for (tail, head, edge, forward), values in sorted(attributes.items(), key=lambda item: item[0][2:]):
            # a loop's two directions join the same nodes: the key tells them apart
            graph.add_edge(tail, head, key=(edge, forward), **values)
        return graph

"""The street network: frames of junctions and segments, the directed graph that they are, and what turns cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite
from typing import Any, Literal

import geopandas as gpd
import networkx as nx
import numpy as np
import shapely
from numpy.typing import NDArray

from geo.errors import ParameterError

Mode = Literal["foot", "ebike", "car"]

_HEADING_M = 15.0
"""The heading of a segment at its end is that of its last metres: single vertices of digitised lines point anywhere."""


@dataclass(frozen=True)
class TurnRule:
    """What one turn at a junction takes, or that it is banned.

    It replaces what the network's :class:`TurnPenalties` say of the turn, so that 0 permits a U-turn that is banned
    elsewhere. Of several rules on one turn the one that takes longest holds.

    Attributes
    ----------
    from_edge, via_node, to_edge
        Segment that is left, junction, and segment that is entered; the same segment twice is a U-turn.
    penalty_s
        Time of the turn; inf: banned.
    modes
        Whom it binds: as a rule all vehicles, but not people on foot.
    """

    from_edge: int
    via_node: int
    to_edge: int
    penalty_s: float = float("inf")
    modes: tuple[Mode, ...] = ("ebike", "car")

    def __post_init__(self) -> None:
        if not self.penalty_s >= 0:
            raise ParameterError(
                "Turn rule at junction {node}: the penalty must be 0 s or more; given was {penalty_s}.",
                node=self.via_node,
                penalty_s=self.penalty_s,
            )


@dataclass(frozen=True)
class TurnPenalties:
    """What turns of each kind take where no rule says otherwise. By default a turn takes no time and none is banned.

    A turn is a U-turn when it leads back over the same segment, straight on when the heading changes by at most
    ``straight_deg``, else left or right. In China vehicles keep to the right: a left turn crosses the oncoming traffic and
    should cost more than a right one. OSRM's car profile takes 20 s for a U-turn. Where a segment has only one
    continuation, its bend is no turn.

    Attributes
    ----------
    left_s, right_s, u_turn_s
        Time of a left turn, a right turn and a U-turn, in seconds.
    is_u_turn_banned
        Whether U-turns are only made where there is no other way to go on: at dead ends.
    straight_deg
        Largest change of heading that is no turn, between 0 and 180 degrees.
    """

    left_s: float = 0.0
    right_s: float = 0.0
    u_turn_s: float = 0.0
    is_u_turn_banned: bool = False
    straight_deg: float = 45.0

    def __post_init__(self) -> None:
        if not all(isfinite(value) and value >= 0 for value in (self.left_s, self.right_s, self.u_turn_s)):
            raise ParameterError("Turn penalties must be 0 s or more, and finite; ban turns by rules.")
        if not 0 < self.straight_deg < 180:
            raise ParameterError(
                "The largest change of heading that is no turn must lie between 0 and 180 degrees; given was {angle}.",
                angle=self.straight_deg,
            )


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
    times_s
        Mode → shape (edges, 2): travel time of each segment along and against its line, inf where that direction is
        closed, for modes whose times differ by direction (uphill and downhill, rush hour). Modes that are not named take
        the length over the speed. Closed streets and, for wheels, one-way signs hold in any case.
    turn_rules
        Turns that are banned or take time.
    turn_penalties
        Mode → what other turns take; modes that are not named turn freely.
    """

    nodes: gpd.GeoDataFrame
    edges: gpd.GeoDataFrame
    times_s: Mapping[Mode, NDArray[np.float64]] = field(default_factory=dict)
    turn_rules: tuple[TurnRule, ...] = ()
    turn_penalties: Mapping[Mode, TurnPenalties] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for mode, times_s in self.times_s.items():
            if times_s.shape != (len(self.edges), 2):
                raise ParameterError(
                    "Travel times by {mode}: {count} segments need as many rows with two times each.",
                    mode=mode,
                    count=len(self.edges),
                )

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
        if mode in self.times_s:
            along &= self.times_s[mode][:, 0] != np.inf
            against &= self.times_s[mode][:, 1] != np.inf
        first, last = edges["from_node"].to_numpy(), edges["to_node"].to_numpy()
        edge = np.concatenate((np.flatnonzero(along), np.flatnonzero(against)))
        forward = np.arange(len(edge)) < along.sum()
        if mode in self.times_s:
            time_s = self.times_s[mode][edge, np.where(forward, 0, 1)]
        else:
            time_s = edges["length_m"].to_numpy()[edge] / speed[edge]
        return Arcs(
            tail=np.where(forward, first[edge], last[edge]),
            head=np.where(forward, last[edge], first[edge]),
            edge=edge,
            forward=forward,
            time_s=np.asarray(time_s, dtype=np.float64),
        )

    @cached_property
    def headings_deg(self) -> NDArray[np.float64]:
        """Headings along each line where it begins and where it ends, shape (edges, 2), degrees, counter-clockwise."""
        lines = self.edges.geometry.to_numpy()
        reach = np.minimum(_HEADING_M, shapely.length(lines))
        pairs = (
            (shapely.get_point(lines, 0), shapely.line_interpolate_point(lines, reach)),
            (shapely.line_interpolate_point(lines, shapely.length(lines) - reach), shapely.get_point(lines, -1)),
        )
        steps = [shapely.get_coordinates(end) - shapely.get_coordinates(start) for start, end in pairs]
        angles = np.column_stack([np.arctan2(step[:, 1], step[:, 0]) for step in steps])
        return np.asarray(np.degrees(angles), dtype=np.float64)

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

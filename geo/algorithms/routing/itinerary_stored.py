"""The walk of a stored route again, from its rows; the streets of its time from its legs when the network has changed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.algorithms.routing.itinerary import describe_walk
from geo.algorithms.routing.itinerary_junctions import Junctions
from geo.model.itinerary import Itinerary
from geo.model.network import Mode, StreetNetwork
from geo.model.patrol import PATROL_SPEED_MPS, Visit
from geo.model.plan import Step

_LENGTH_TOLERANCE_M = 0.01
_TIME_TOLERANCE_S = 1e-3


def stored_itinerary(
    route: Mapping[str, Any],
    legs: gpd.GeoDataFrame,
    visits: gpd.GeoDataFrame,
    junctions: Junctions,
    patrol_speed_mps: float | None = None,
) -> Itinerary:
    """Return what the team of a stored route follows.

    Parameters
    ----------
    route
        Row of the ``route`` frame.
    legs, visits
        Its rows of these frames, in order.
    junctions
        The streets in the route's mode. Where the legs do not lie on them any more, the legs themselves are the streets:
        instructions then know no crossing streets.
    patrol_speed_mps
        Speed on patrolled streets, which shares the time of a leg out among its segments; None takes the usual one.
    """
    mode: Mode = route["mode"]
    if not lies_on(legs, junctions.network):
        legs = legs.assign(arcs=[json.dumps([number + 1]) for number in range(len(legs))])
        network = _network_of(legs)
        visits = visits.assign(node_id=_nodes_of(visits, legs, network))
        junctions = Junctions(network, mode)
    stays = tuple(_visit(row) for row in visits.itertuples())
    steps = [step for row in legs.itertuples() for step in _leg_steps(row, junctions, mode, patrol_speed_mps)]
    steps += _visit_steps(visits, stays, junctions, steps, float(route["end_s"]))
    steps.sort(key=lambda step: (step.start_s, step.visit < 0, step.visit))
    start_s, end_s = float(route["start_s"]), float(route["end_s"])
    return Itinerary(
        str(route["plan_id"]), int(route["route_no"]), str(route["team"]), str(route["team_kind"]), mode,
        int(legs.crs.to_epsg()), start_s, end_s, describe_walk(junctions, steps, stays, start_s),
    )  # fmt: skip


def lies_on(legs: gpd.GeoDataFrame, network: StreetNetwork) -> bool:
    """Return whether legs are still made of the segments of a network: there, as long, joined, at the same places."""
    arcs = [json.loads(text) for text in legs["arcs"]]
    signed = np.array([arc for leg in arcs for arc in leg], dtype=np.int64)
    if len(signed) == 0 or np.abs(signed).max() > len(network.edges) or (signed == 0).any():
        return False
    edges = network.edges.iloc[np.abs(signed) - 1]
    ends = edges[["from_node", "to_node"]].to_numpy()
    tail, head = np.where(signed > 0, ends.T, ends.T[::-1])
    if (head[:-1] != tail[1:]).any():
        return False
    first = np.cumsum([0, *(len(leg) for leg in arcs[:-1])])
    starts = shapely.get_coordinates(shapely.get_point(legs.geometry.to_numpy(), 0))
    lengths = np.add.reduceat(edges["length_m"].to_numpy(), first)
    return bool(
        np.allclose(lengths, legs["length_m"], atol=_LENGTH_TOLERANCE_M)
        and np.allclose(network.xy[tail[first]], starts, atol=_LENGTH_TOLERANCE_M)
    )


def _network_of(legs: gpd.GeoDataFrame) -> StreetNetwork:
    """Return a network that has nothing but the legs, each one segment."""
    lines = legs.geometry.to_numpy()
    ends = np.concatenate([shapely.get_coordinates(shapely.get_point(lines, place)) for place in (0, -1)])
    xy, node = np.unique(ends.round(3), axis=0, return_inverse=True)
    node = node.reshape(2, -1)
    edges = gpd.GeoDataFrame(
        {
            "from_node": node[0],
            "to_node": node[1],
            "street_id": 0,
            "name": legs["name"].to_numpy(),
            "road_class": "",
            "length_m": legs["length_m"].to_numpy(),
            **{f"speed_{mode}_mps": 1.0 for mode in ("foot", "ebike", "car")},
            "oneway": "both",
        },
        geometry=lines,
        crs=legs.crs,
    )
    return StreetNetwork(gpd.GeoDataFrame(geometry=shapely.points(xy), crs=legs.crs), edges)


def _nodes_of(visits: gpd.GeoDataFrame, legs: gpd.GeoDataFrame, network: StreetNetwork) -> list[int]:
    """Return where the visits are made: at the end of the leg before."""
    nodes = []
    for arrive_s in visits["arrive_s"]:
        done = int((legs["end_s"] <= arrive_s + _TIME_TOLERANCE_S).sum())
        nodes.append(int(network.edges["to_node"].iloc[done - 1] if done else network.edges["from_node"].iloc[0]))
    return nodes


def _leg_steps(leg: Any, junctions: Junctions, mode: Mode, patrol_speed_mps: float | None) -> list[Step]:
    """Return the segments of a leg; its time is shared out as they take it at the speeds of the network."""
    signed = np.array(json.loads(leg.arcs), dtype=np.int64)
    edges = junctions.network.edges.iloc[np.abs(signed) - 1]
    serves = leg.kind == "serve"
    speed = edges[f"speed_{mode}_mps"].to_numpy()
    if serves:
        speed = np.minimum(speed, patrol_speed_mps or PATROL_SPEED_MPS[mode])
    weight = edges["length_m"].to_numpy() / np.where(speed > 0, speed, 1.0)
    share = np.cumsum(weight) / weight.sum()
    times = np.concatenate([[leg.start_s], leg.start_s + share * (leg.end_s - leg.start_s)])
    times[-1] = leg.end_s
    return [
        Step(float(times[place]), float(times[place + 1]), abs(arc) - 1, arc > 0, serves)
        for place, arc in enumerate(signed.tolist())
    ]


def _visit(row: Any) -> Visit:
    window = (row.window_start_s, row.window_end_s)
    windows = (
        () if any(value is None or pd.isna(value) for value in window) else ((float(window[0]), float(window[1])),)
    )
    return Visit(
        row.code, row.name, row.kind, int(row.node_id), row.geometry.x, row.geometry.y, row.service_duration_s, windows
    )


def _visit_steps(
    visits: gpd.GeoDataFrame, stays: tuple[Visit, ...], junctions: Junctions, moves: list[Step], end_s: float
) -> list[Step]:
    """Return the stays: each ends when the team moves on, or when the next one at the same junction can begin."""
    starts = [float(value) for value in visits["arrive_s"]]
    leaves = np.array([step.start_s for step in moves])
    steps = []
    for number, (stay, start_s) in enumerate(zip(stays, starts, strict=True)):
        later = leaves[leaves >= start_s]
        until = float(later.min()) if len(later) else end_s
        following = starts[number + 1] if number + 1 < len(starts) else np.inf
        if following <= until:
            until = min(following, start_s + stay.service_duration_s)
        steps.append(Step(start_s, until, visit=number))
    return steps

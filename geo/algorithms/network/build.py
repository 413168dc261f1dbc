"""From street lines to a street network, with a report of what is wrong with them."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import cast

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.algorithms.components import group_connected
from geo.algorithms.network.connect import strong_part
from geo.algorithms.network.noding import NodedLines, NodingParams, node_lines
from geo.errors import MissingLayerError
from geo.model.frames import MODES, require_frame
from geo.model.network import Mode, StreetNetwork
from geo.model.progress import Progress, ignore_progress
from geo.model.reports import Finding, NetworkReport

_MAX_LISTED = 50
_KMH = 1 / 3.6


@cache
def _speeds() -> dict[str, dict[str, float]]:
    """Return mode → class → km/h."""
    return tomllib.loads(resources.files("geo.algorithms.network").joinpath("speeds.toml").read_text("utf-8"))


def build_network(
    streets: gpd.GeoDataFrame, params: NodingParams, progress: Progress = ignore_progress
) -> tuple[StreetNetwork, NetworkReport]:
    """Build the street network.

    Parameters
    ----------
    streets
        ``street`` frame in a metric CRS.
    params
        Tolerance of noding.
    progress
        Told how far it is.

    Raises
    ------
    MissingLayerError
        There are no streets.
    GeometryError
        All streets are too short to be told from a junction.
    """
    if streets.empty:
        raise MissingLayerError("No streets were imported. Import the street lines, then build the network.")
    progress("Noding the streets", 0.0)
    noded = node_lines(streets.geometry.to_numpy(), streets["level"].to_numpy(), params)
    progress("Building the graph", 0.6)
    edges = _edges(streets, noded)
    network = StreetNetwork(_nodes(noded, edges), edges)
    progress("Looking for islands and traps", 0.8)
    report = _report(network, noded, len(streets))
    progress("Network built", 1.0)
    return network, report


def _edges(streets: gpd.GeoDataFrame, noded: NodedLines) -> gpd.GeoDataFrame:
    source = streets.iloc[noded.source]
    limit = source["maxspeed_kmh"].to_numpy(dtype=np.float64)
    speeds = {mode: source["road_class"].map(_speeds()[mode]).to_numpy(dtype=np.float64) for mode in MODES}
    limited = np.isfinite(limit) & (limit > 0)
    speeds["car"] = np.where(limited, np.minimum(speeds["car"], limit), speeds["car"])
    frame = gpd.GeoDataFrame(
        {
            "edge_id": np.arange(len(noded.pieces)),
            "from_node": noded.ends[:, 0],
            "to_node": noded.ends[:, 1],
            "street_id": source["street_id"].to_numpy(),
            "name": source["name"].to_numpy(),
            "road_class": source["road_class"].to_numpy(),
            "length_m": shapely.length(noded.pieces),
            **{f"speed_{mode}_mps": speeds[mode] * _KMH for mode in MODES},
            "oneway": source["oneway"].to_numpy(),
            "cell_code": None,
        },
        geometry=noded.pieces,
        crs=streets.crs,
    )
    return cast(gpd.GeoDataFrame, require_frame("network_edge", frame))


def _nodes(noded: NodedLines, edges: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    count = len(noded.xy)
    part = group_connected(count, noded.ends[:, 0], noded.ends[:, 1])
    length = np.bincount(part[noded.ends[:, 0]], weights=edges["length_m"].to_numpy(), minlength=part.max() + 1)
    rank = np.empty(len(length), dtype=np.int64)
    rank[np.argsort(-length, kind="stable")] = np.arange(len(length))
    frame = gpd.GeoDataFrame(
        {
            "node_id": np.arange(count),
            "component": rank[part],
            "degree": np.bincount(noded.ends.ravel(), minlength=count),
        },
        geometry=shapely.points(noded.xy),
        crs=edges.crs,
    )
    return cast(gpd.GeoDataFrame, require_frame("network_node", frame))


def _report(network: StreetNetwork, noded: NodedLines, streets: int) -> NetworkReport:
    nodes, edges = network.nodes, network.edges
    component = nodes["component"].to_numpy()
    length = edges["length_m"].to_numpy()
    on_island = component[edges["from_node"].to_numpy()] > 0
    traps: dict[str, int] = {}
    reachable: dict[str, float] = {}
    findings = _islands(network, on_island)
    modes = cast("tuple[Mode, ...]", MODES)
    for mode in modes:
        arcs = network.arcs(mode)
        strong = strong_part(len(nodes), arcs)
        served = np.zeros(len(edges), dtype=bool)
        served[arcs.edge] = strong[arcs.tail] & strong[arcs.head]
        is_open = edges[f"speed_{mode}_mps"].to_numpy() > 0
        reachable[mode] = float(length[served].sum() / max(length[is_open].sum(), 1e-9))
        touched = np.zeros(len(nodes), dtype=bool)
        touched[np.concatenate((arcs.tail, arcs.head))] = True
        trapped = touched & ~strong & _weak_part(len(nodes), arcs.tail, arcs.head, strong)
        traps[mode] = int(trapped.sum()) if mode != "foot" else 0
        if mode == "car":
            findings += _traps(network, trapped)
    return NetworkReport(
        streets=streets,
        nodes=len(nodes),
        edges=len(edges),
        length_m=float(length.sum()),
        crossings_noded=noded.crossings,
        ends_snapped=noded.snapped,
        islands=int(component.max()),
        island_length_m=float(length[on_island].sum()),
        dead_ends=int((nodes["degree"] == 1).sum()),
        one_way_traps=traps,
        reachable_length_share=reachable,
        findings=tuple(findings),
    )


def _weak_part(
    count: int, tail: NDArray[np.int64], head: NDArray[np.int64], inside: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Return which nodes hang together with the marked ones when directions are ignored."""
    part = group_connected(count, tail, head)
    return np.asarray(np.isin(part, np.unique(part[inside])), dtype=bool)


def _islands(network: StreetNetwork, on_island: NDArray[np.bool_]) -> list[Finding]:
    component = network.nodes["component"].to_numpy()[network.edges["from_node"].to_numpy()]
    lengths = pd.Series(network.edges["length_m"].to_numpy()[on_island]).groupby(component[on_island]).sum()
    findings = []
    for number, length in lengths.sort_values(ascending=False).head(_MAX_LISTED).items():
        x, y = network.xy[np.flatnonzero(network.nodes["component"].to_numpy() == number)[0]]
        message = "An island of {length_m:.0f} m of street is not connected to the rest; no patrol can reach it."
        findings.append(Finding("island", "warning", message, 1, (), float(x), float(y), {"length_m": float(length)}))
    return findings


def _traps(network: StreetNetwork, trapped: NDArray[np.bool_]) -> list[Finding]:
    message = "One-way streets let no car come here and return."
    return [
        Finding("one_way_trap", "warning", message, x=float(network.xy[node, 0]), y=float(network.xy[node, 1]))
        for node in np.flatnonzero(trapped)[:_MAX_LISTED]
    ]

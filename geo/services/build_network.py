"""Build the street network of a project from its streets, and store it."""

from __future__ import annotations

from geo.algorithms.network.build import build_network as build
from geo.algorithms.network.noding import NodingParams
from geo.algorithms.partition.attach import attach_points, places_of
from geo.model.progress import Progress, ignore_progress, part_of, tell_stored
from geo.model.reports import NetworkReport
from geo.services.overtaken import inputs_stamp, require_unchanged
from geo.storage.store import Store

__all__ = ["NodingParams", "build_network"]


def build_network(store: Store, params: NodingParams, progress: Progress = ignore_progress) -> NetworkReport:
    """Build the network; the former one is replaced.

    Raises
    ------
    MissingLayerError
        No streets were imported.
    """
    with store.begin() as transaction:
        stamp = inputs_stamp(transaction)
        streets = transaction.read("street")
        cells = transaction.read("unified_cell")
    network, report = build(streets, params, part_of(progress, 0.05, 0.85))
    edges = network.edges
    if len(cells):
        codes = cells["code"].to_numpy(dtype=object)
        edges = edges.assign(cell_code=attach_points(places_of(edges), cells.geometry.to_numpy(), codes))
    progress("Storing", 0.85)
    with store.begin() as transaction:
        require_unchanged(transaction, stamp)
        transaction.replace("network_node", network.nodes)
        transaction.replace("network_edge", edges)
        transaction.save_report("network", report.as_json())
    tell_stored(progress, "Network built")
    return report

"""Travel times between junctions of Philadelphia's whole street network: ours against networkx and scipy.

Usage: ``python -m benchmarks.distances [--sources N] [--networkx-sources N] [--seed N] [--output-dir DIR]``

All compute the times by car from the same randomly drawn junctions to every junction, with one thread. Seconds are those of
the processor, so that other programs on the machine count less. Our first call, which compiles the search or reads what was
compiled before, is not counted but told.

``networkx``
    ``single_source_dijkstra_path_length`` on a ``DiGraph`` from each source.
``scipy``
    ``scipy.sparse.csgraph.dijkstra`` from all sources.
``ours``
    ``geo.algorithms.network.distances.ShortestPaths``.
``growth``
    Ours with fewer sources, and on the streets around the middle of the city.
``near``
    Ours among a district's worth of junctions: searches end when they have reached them all.
``turns``
    ``TurnAwarePaths`` among the directed segments around the same junctions, with a price for turns and without U-turns.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from benchmarks.circumstances import RESULTS, circumstances, real_data, write_result
from benchmarks.real_inputs import RECIPES
from geo.algorithms.network.distances import ShortestPaths
from geo.algorithms.network.turn_paths import TurnAwarePaths
from geo.algorithms.network.turns import list_turns
from geo.model.network import Arcs, StreetNetwork, TurnPenalties
from geo.services.project import open_project
from geo.services.recipe import read_recipe, run_recipe

_NEAR = 1000
_PENALTIES = TurnPenalties(left_s=10, right_s=4, u_turn_s=20, is_u_turn_banned=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=int, default=2000)
    parser.add_argument(
        "--networkx-sources", type=int, default=2000, help="fewer: its time is extrapolated, and told so"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--output-dir", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    real_data()
    around = circumstances()
    network = _read_network(RECIPES["philadelphia"])
    arcs = network.arcs("car")
    count = len(network.nodes)
    sources = np.random.default_rng(arguments.seed).choice(count, arguments.sources, replace=False)
    everywhere = np.arange(count)
    first_s, paths = _timed(lambda: _warm(ShortestPaths(count, arcs)))
    ours_s, times = _timed(lambda: paths.times(sources, everywhere))
    matrix = _fastest(count, arcs)
    scipy_s, scipy_times = _timed(lambda: dijkstra(matrix, indices=sources))
    some = sources[: arguments.networkx_sources]
    networkx_s, networkx_times = _timed(lambda: _networkx(matrix, some))
    whole_s = networkx_s * len(sources) / len(some)
    body = {
        "nodes": count,
        "segments": len(network.edges),
        "arcs": len(arcs.tail),
        "sources": len(sources),
        "seed": arguments.seed,
        "networkx_s": round(whole_s, 2),
        "networkx_sources_run": len(some),
        "scipy_s": round(scipy_s, 3),
        "ours_s": round(ours_s, 3),
        "ours_first_call_s": round(first_s, 3),
        "times_faster_than_networkx": round(whole_s / ours_s, 1),
        "times_faster_than_scipy": round(scipy_s / ours_s, 2),
        "largest_difference_to_networkx_s": _difference(times[: len(some)], networkx_times),
        "largest_difference_to_scipy_s": _difference(times, scipy_times),
        "growth": _growth(network, arcs, sources),
        "near": _near(network, paths),
        "turns": _turns(network, arcs),
    } | around
    for name, value in body.items():
        print(f"{name:34} {value}")
    print(write_result("distances.json", body, arguments.output_dir))


def _read_network(path: Path) -> StreetNetwork:
    recipe = read_recipe(path)
    streets = tuple((file, params) for file, params in recipe.imports if params.kind == "street")
    with (
        tempfile.TemporaryDirectory(prefix="yiwang-bench-") as folder,
        open_project(str(Path(folder) / "yiwang.gpkg")) as store,
    ):
        run_recipe(store, replace(recipe, imports=streets, unify=None, risk=None, plan=None))
        with store.begin() as transaction:
            nodes = transaction.read("network_node", order_by=("node_id",))
            return StreetNetwork(nodes, transaction.read("network_edge", order_by=("edge_id",)))


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def _warm(paths: ShortestPaths) -> ShortestPaths:
    paths.times(np.array([0]), np.array([0]))
    return paths


def _fastest(count: int, arcs: Arcs) -> csr_array:
    """Return the arcs as a matrix without loops, the fastest of parallel ones."""
    order = np.lexsort((arcs.time_s, arcs.head, arcs.tail))
    tail, head = arcs.tail[order], arcs.head[order]
    chosen = np.r_[True, (tail[1:] != tail[:-1]) | (head[1:] != head[:-1])] & (tail != head)
    return csr_array((arcs.time_s[order[chosen]], (tail[chosen], head[chosen])), shape=(count, count))


def _networkx(matrix: csr_array, sources: Any) -> Any:
    graph = nx.DiGraph()
    graph.add_nodes_from(range(matrix.shape[0]))
    arcs = matrix.tocoo()
    graph.add_weighted_edges_from(zip(arcs.row.tolist(), arcs.col.tolist(), arcs.data.tolist(), strict=True))
    times = np.full((len(sources), matrix.shape[0]), np.inf)
    for row, source in enumerate(sources.tolist()):
        found = nx.single_source_dijkstra_path_length(graph, source)
        times[row, list(found)] = list(found.values())
    return times


def _difference(ours: Any, theirs: Any) -> float:
    """Return the largest difference; inf when one has a way where the other has none."""
    if not np.array_equal(np.isinf(ours), np.isinf(theirs)):
        return float("inf")
    return float(np.abs(ours - theirs, where=~np.isinf(ours), out=np.zeros(ours.shape)).max())


def _middle(network: StreetNetwork, count: int) -> Any:
    """Return the junctions nearest to the middle of all, ascending."""
    away = np.linalg.norm(network.xy - np.median(network.xy, axis=0), axis=1)
    return np.sort(np.argsort(away, kind="stable")[:count])


def _growth(network: StreetNetwork, arcs: Arcs, sources: Any) -> list[dict[str, Any]]:
    rows = []
    whole = len(network.nodes)
    for nodes, wanted in (
        (whole, 250),
        (whole, 500),
        (whole, 1000),
        (whole, 2000),
        (whole // 2, 2000),
        (whole // 4, 2000),
    ):
        number = np.full(whole, -1)
        number[_middle(network, nodes)] = np.arange(nodes)
        kept = (number[arcs.tail] >= 0) & (number[arcs.head] >= 0)
        tail, head = number[arcs.tail[kept]], number[arcs.head[kept]]
        paths = ShortestPaths(nodes, Arcs(tail, head, arcs.edge[kept], arcs.forward[kept], arcs.time_s[kept]))
        chosen = sources[:wanted] % nodes
        seconds, _ = _timed(lambda paths=paths, chosen=chosen, nodes=nodes: paths.times(chosen, np.arange(nodes)))
        distinct = len(np.unique(chosen))
        row = {"nodes": nodes, "sources": distinct, "s": round(seconds, 3)}
        rows.append(row | {"ms_per_source": round(1e3 * seconds / distinct, 3)})
    return rows


def _near(network: StreetNetwork, paths: ShortestPaths) -> dict[str, Any]:
    nodes = _middle(network, _NEAR)
    seconds, times = _timed(lambda: paths.times(nodes, nodes))
    return {"nodes": len(nodes), "s": round(seconds, 3), "all_reached": bool(np.isfinite(times).all())}


def _turns(network: StreetNetwork, arcs: Arcs) -> dict[str, Any]:
    """Return the figures with turns, and whether free turns give the times without them."""
    near = np.isin(arcs.tail, _middle(network, _NEAR))
    places = np.flatnonzero(near)[:: max(1, int(near.sum()) // _NEAR)][:_NEAR]
    priced = replace(network, turn_penalties={"car": _PENALTIES})
    listed_s, turns = _timed(lambda: list_turns(priced, "car", arcs))
    built_s, paths = _timed(lambda: TurnAwarePaths(len(network.nodes), arcs, turns))
    seconds, times = _timed(lambda: paths.times(places, places))
    free = TurnAwarePaths(len(network.nodes), arcs, list_turns(network, "car", arcs)).times(places, places)
    plain = ShortestPaths(len(network.nodes), arcs).times(arcs.head[places], arcs.tail[places])
    return {
        "arcs": len(places),
        "turns": len(turns.to_arc),
        "listed_s": round(listed_s, 3),
        "built_s": round(built_s, 3),
        "s": round(seconds, 3),
        "mean_extra_s": round(float((times - plain).mean()), 2),
        "free_turns_largest_difference_s": _difference(free, plain),
    }


if __name__ == "__main__":
    main()

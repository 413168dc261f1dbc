"""Grouping faces into cells: our optimised policy against peers, same problem, same time.

Usage: ``python -m benchmarks.optimise_cells [--seconds N] [--seeds N] [--output-dir DIR]``

The peers, ``pip install gerrychain spopt``, are needed for this benchmark only. GerryChain's chains get our objective, our
first cells and our bounds; they are simulated annealing and short bursts over its own proposals (ReCom and single flips).
spopt's max-p makes as many cells above the lower bound as it can and knows neither upper bound nor borders; its cells are
valued by our objective all the same. The speed of the first cells and of the moves is measured on a town of 20,000 faces.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from itertools import takewhile
from pathlib import Path
from typing import Any

import geopandas as gpd
import networkx as nx
import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.spatial import Voronoi, cKDTree

from benchmarks.circumstances import RESULTS, circumstances, write_result
from geo.algorithms.zoning.grouping import GroupingProblem, OptimiseParams
from geo.algorithms.zoning.grouping_check import check_grouping
from geo.algorithms.zoning.grouping_growth import grow_cells
from geo.algorithms.zoning.grouping_objective import value_parts
from geo.algorithms.zoning.grouping_state import prepare_ground
from geo.algorithms.zoning.optimise import optimise_cells

PARAMS = OptimiseParams(lower=6_000, upper=14_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="time of each search")
    parser.add_argument("--seeds", type=int, default=3, help="searches of each kind")
    parser.add_argument("--output-dir", type=Path, default=RESULTS)
    arguments = parser.parse_args()
    body = {
        "seconds": arguments.seconds,
        "seeds": arguments.seeds,
        "peers": {name: version(name) for name in ("gerrychain", "spopt")},
        "speed": _speed(),
        "quality": _quality(arguments.seconds, arguments.seeds),
    }
    print(write_result("optimise_cells.json", body | circumstances(), arguments.output_dir))


def make_town(seed: int, faces: int, zonings: int) -> tuple[NDArray[np.object_], GroupingProblem]:
    """Return the faces of a made-up town and which departments draw the borders between them.

    Faces are a Voronoi diagram, 3,500 m² on average; each department has a site for about three faces, most of them near
    those of the other departments, and gives every face to its nearest site.
    """
    rng = np.random.default_rng(seed)
    side = (3_500.0 * faces) ** 0.5
    points = rng.uniform(0, side, (faces, 2))
    flipped = [points * sign + shift for sign, shift in (((-1, 1), (0, 0)), ((1, -1), (0, 0)))]
    flipped += [points * sign + shift for sign, shift in (((-1, 1), (2 * side, 0)), ((1, -1), (0, 2 * side)))]
    diagram = Voronoi(np.concatenate([points, *flipped]))
    inner = (diagram.ridge_points < faces).all(axis=1)
    ends = diagram.vertices[np.array(diagram.ridge_vertices)[inner]]
    rings = [diagram.vertices[diagram.regions[region]] for region in diagram.point_region[:faces]]
    polygons = np.array([shapely.Polygon(ring) for ring in rings])
    sites = rng.uniform(0, side, (faces // 3, 2))
    members = []
    for _ in range(zonings):
        kept = (sites + rng.normal(0, 15, sites.shape))[rng.random(len(sites)) < 0.9]
        members.append(cKDTree(kept).query(points)[1])
    first, second = diagram.ridge_points[inner].T.astype(np.int64)
    drawn = np.sum([member[first] != member[second] for member in members], axis=0)
    areas = shapely.area(polygons)
    problem = GroupingProblem(
        areas_m2=areas,
        community=np.zeros(faces, dtype=np.int64),
        amounts={"area": areas},
        first=first,
        second=second,
        lengths_m=np.hypot(*(ends[:, 1] - ends[:, 0]).T),
        drawn=drawn.astype(float),
        n_zonings=zonings,
    )
    return polygons, problem


def _speed() -> dict[str, Any]:
    _, problem = make_town(1, 20_000, 4)
    started = time.perf_counter()
    grow_cells(prepare_ground(problem, PARAMS))
    first_s = time.perf_counter() - started
    params = OptimiseParams(moves_per_face=None, seconds=20, lower=PARAMS.lower, upper=PARAMS.upper)
    started = time.perf_counter()
    result = optimise_cells(problem, params)
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    failed = check_grouping(problem, params, result).failed
    body = {
        "faces": problem.faces,
        "first_cells_s": round(first_s, 2),
        "moves_valued_per_s": round(result.moves / (seconds - first_s)),
        "check_s": round(time.perf_counter() - started, 2),
        "check_failed": list(failed),
    }
    print(body)
    return body


def _quality(seconds: float, seeds: int) -> dict[str, Any]:
    polygons, problem = make_town(2, 1_000, 4)
    searches: dict[str, Callable[[int], NDArray[np.int64]]] = {
        "ours": lambda seed: _ours(problem, seconds, seed),
        "gerrychain_annealing_recom": lambda seed: _gerrychain(problem, seconds, seed, "recom", "annealing"),
        "gerrychain_annealing_flip": lambda seed: _gerrychain(problem, seconds, seed, "flip", "annealing"),
        "gerrychain_bursts_recom": lambda seed: _gerrychain(problem, seconds, seed, "recom", "bursts"),
        "spopt_max_p": lambda seed: _max_p(polygons, problem, seed),
    }
    first = np.unique(grow_cells(prepare_ground(problem, PARAMS)), return_inverse=True)[1]
    results = {"first_cells": [_values(problem, first)]}
    print(problem.faces, "faces", results)
    for name, search in searches.items():
        results[name] = []
        for seed in range(1, seeds + 1):
            started = time.perf_counter()
            values = _values(problem, search(seed)) | {"seed": seed, "seconds": round(time.perf_counter() - started, 1)}
            results[name].append(values)
            print(name, values)
    return {"faces": problem.faces, "lower_m2": PARAMS.lower, "upper_m2": PARAMS.upper, "results": results}


def _values(problem: GroupingProblem, groups: NDArray[np.int64]) -> dict[str, Any]:
    parts = value_parts(problem, PARAMS, groups)
    values = {"violation": parts.violation, "objective_m": parts.objective_m, "ignored_m": parts.ignored_m}
    values |= {"invented_m": parts.invented_m, "balance_m": parts.balance_m}
    return {name: round(value, 4) for name, value in values.items()} | {"cells": int(groups.max()) + 1}


def _ours(problem: GroupingProblem, seconds: float, seed: int) -> NDArray[np.int64]:
    params = OptimiseParams(lower=PARAMS.lower, upper=PARAMS.upper, seed=seed, moves_per_face=None, seconds=seconds)
    result = optimise_cells(problem, params)
    if check_grouping(problem, params, result).failed:
        raise SystemExit("The check refused our cells.")
    return result.groups


def _gerrychain(problem: GroupingProblem, seconds: float, seed: int, kind: str, method: str) -> NDArray[np.int64]:
    from functools import partial

    from gerrychain import Partition
    from gerrychain.constraints import contiguous
    from gerrychain.optimization import SingleMetricOptimizer
    from gerrychain.proposals import propose_random_flip, recom
    from gerrychain.tree import bipartition_tree
    from gerrychain.updaters import Tally

    ground = prepare_ground(problem, PARAMS)
    graph = nx.Graph()
    for face, size in enumerate(ground.sizes):
        graph.add_node(face, size=size, face=face)
    for face, links in enumerate(ground.neighbours):
        graph.add_edges_from((face, other) for other, _ in links)
    first = dict(enumerate(grow_cells(ground)))
    partition = Partition(graph, first, updaters={"size": Tally("size", alias="size")})
    face_of = {node: partition.graph.node_data(node)["face"] for node in partition.graph.node_indices}
    node_of = {face: node for node, face in face_of.items()}
    gains = {
        (node_of[face], node_of[other]): gain for face, links in enumerate(ground.neighbours) for other, gain in links
    }
    unit_m = float(np.abs([gain for links in ground.neighbours for _, gain in links]).mean())

    def violation(state: Any) -> float:
        return sum(ground.excess(size) for size in state["size"].values())

    def objective(state: Any) -> float:
        cut = sum(gains[edge] for edge in state["cut_edges"])
        return cut + sum(ground.imbalance(size) for size in state["size"].values()) + 100 * unit_m * violation(state)

    allowed = violation(partition) + 1e-9
    epsilon = (PARAMS.upper - PARAMS.lower) / 2 / PARAMS.wanted
    bipartition = partial(bipartition_tree, max_attempts=20)

    def redrawn(state: Any, *, rng: Any) -> Any:
        try:
            return recom(
                state, "size", PARAMS.wanted, epsilon, node_repeats=1, bipartition_tree_fn=bipartition, rng=rng
            )
        except RuntimeError:  # no cut of the pair is within the bounds
            return propose_random_flip(state, rng=rng)

    proposal = redrawn if kind == "recom" else propose_random_flip
    optimizer = SingleMetricOptimizer(
        proposal,
        [contiguous, lambda state: violation(state) <= allowed],
        partition,
        objective,
        maximize=False,
        rng=seed,
    )
    runs: Iterator[Any]
    if method == "annealing":
        begun = time.monotonic()
        runs = optimizer.simulated_annealing(
            10**9, lambda _: 100 ** min(1.0, (time.monotonic() - begun) / seconds), 1 / unit_m
        )
    else:
        runs = optimizer.short_bursts(20, 10**9)
    deadline = time.monotonic() + seconds
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in takewhile(lambda _: time.monotonic() < deadline, runs):
            pass
    best = optimizer.best_part
    cells = {face: best.assignment[node] for node, face in face_of.items()}
    return np.unique([cells[face] for face in range(problem.faces)], return_inverse=True)[1]


def _max_p(polygons: NDArray[np.object_], problem: GroupingProblem, seed: int) -> NDArray[np.int64]:
    from libpysal.weights import W
    from spopt.region import MaxPHeuristic

    neighbours: dict[int, list[int]] = {face: [] for face in range(problem.faces)}
    for one, two in zip(problem.first.tolist(), problem.second.tolist(), strict=True):
        neighbours[one].append(two)
        neighbours[two].append(one)
    centre = shapely.centroid(polygons)
    frame = gpd.GeoDataFrame(
        {"x": shapely.get_x(centre), "y": shapely.get_y(centre), "size": problem.amounts["area"]}, geometry=polygons
    )
    np.random.seed(seed)  # noqa: NPY002  # what spopt draws from
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weights = W({face: sorted(set(others)) for face, others in neighbours.items()})
        model = MaxPHeuristic(frame, weights, ["x", "y"], "size", PARAMS.lower, top_n=2)
        model.solve()
    return np.unique(np.asarray(model.labels_), return_inverse=True)[1]


if __name__ == "__main__":
    main()

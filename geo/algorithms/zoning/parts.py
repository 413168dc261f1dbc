"""Unifying part by part: the ground of some communities at a time, by several processes where that helps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from geo.algorithms.collection import without_collection
from geo.algorithms.partition.overlay import SnapParams
from geo.algorithms.partition.tiles import Layers, plan_tiles
from geo.algorithms.zoning.compose import Amounts, Composed, ComposeParams, compose_cells
from geo.algorithms.zoning.mosaic import Adopted, Mosaic, find_outside, join_mosaics, overlay_part
from geo.algorithms.zoning.sources import Sources
from geo.algorithms.zoning.workers import Workers
from geo.model.progress import Progress, ignore_progress

_PART_CELLS = 3_000
"""Source cells of a part: large enough that its rim costs little, small enough for memory and for progress."""
_PARTS_EACH = 6
"""Parts for each process at the least when several share them, so that they end together."""


@dataclass(frozen=True)
class UnifiedPart:
    """The cells of some communities.

    Attributes
    ----------
    sources
        What was unified.
    mosaic
        The faces.
    groups
        Shape (f,): cell of each face.
    polygons
        Shape (c,): the cells.
    is_dissolved
        Shape (f,): faces that were slivers and joined a neighbour.
    remaining
        Cells that are slivers still.
    objectives
        What the optimised policy reached, term by term; empty under the other policies.
    """

    sources: Sources
    mosaic: Mosaic
    groups: NDArray[np.int64]
    polygons: NDArray[np.object_]
    is_dissolved: NDArray[np.bool_]
    remaining: NDArray[np.int64]
    objectives: Mapping[str, float]


@dataclass(frozen=True)
class Wanted:
    """Communities to be unified, when not all are.

    Attributes
    ----------
    rows
        Shape (w,): their rows.
    places
        Polygons outside them where ground may be that is theirs.
    """

    rows: NDArray[np.int64]
    places: NDArray[np.object_]


def unify_parts(
    sources: Sources,
    params: ComposeParams,
    snap: SnapParams,
    amounts: Amounts,
    wanted: Wanted | None = None,
    workers: Workers | None = None,
    progress: Progress = ignore_progress,
) -> UnifiedPart:
    """Unify the zonings in all communities, or in some.

    Parameters
    ----------
    sources
        The layers.
    params, snap
        Policy and limits; how near borders must be to mean the same line.
    amounts
        Households and workload for the optimised policy.
    wanted
        Communities to unify; None for all. What comes out for a community does not depend on this choice.
    workers
        Processes that share the parts; None for this one alone.
    progress
        Told how far it is; may raise to stop.

    Raises
    ------
    GeometryError
        Borders could not be noded.
    """
    progress("Looking for ground outside the communities", 0.0)
    layers = Layers(sources.polygons)
    rows = np.arange(len(layers.layers[0])) if wanted is None else wanted.rows
    places = None if wanted is None else np.concatenate((layers.layers[0][rows], wanted.places))
    adopted = find_outside(layers, snap, places)
    crew = workers or Workers()
    tiles = _tiles(layers, rows, crew.count)
    tasks = (_task(tile, sources, layers, adopted, params, snap, amounts) for tile in tiles)
    results: list[_Result] = []
    for result in crew.run(_run_task, tasks):
        results.append(result)
        progress("Overlaying the borders", 0.05 + 0.9 * len(results) / len(tiles))
    return _join(sources, results)


@dataclass(frozen=True)
class _Task:
    """One part: the polygons about it with their rows, so that a process needs nothing else."""

    layers: tuple[NDArray[np.object_], ...]
    rows: tuple[NDArray[np.int64], ...]
    wanted: NDArray[np.int64]
    adopted: Adopted
    snap: SnapParams
    compose: ComposeParams
    amounts: Amounts
    keys: list[str]


@dataclass(frozen=True)
class _Result:
    mosaic: Mosaic
    composed: Composed


def _tiles(layers: Layers, wanted: NDArray[np.int64], processes: int) -> list[NDArray[np.int64]]:
    """Return the rows of the communities of each part, the largest parts first."""
    communities = layers.layers[0][wanted]
    weights = np.ones(len(wanted), dtype=np.int64)
    for layer in layers.layers[1:]:
        weights += np.bincount(shapely.STRtree(communities).query(layer)[1], minlength=len(wanted))
    limit = _PART_CELLS if processes == 1 else min(_PART_CELLS, int(weights.sum()) // (_PARTS_EACH * processes) + 1)
    return [wanted[tile] for tile in sorted(plan_tiles(communities, weights, limit), key=lambda tile: -len(tile))]


def _task(
    rows: NDArray[np.int64],
    sources: Sources,
    layers: Layers,
    adopted: Adopted,
    params: ComposeParams,
    snap: SnapParams,
    amounts: Amounts,
) -> _Task:
    """Return what is needed to unify some communities."""
    mine = np.isin(adopted.community, rows)
    ground = np.concatenate((layers.layers[0][rows], adopted.polygons[mine]))
    around = layers.around(ground, snap)
    chosen = tuple(layer[row] for layer, row in zip(layers.layers, around, strict=True))
    its_own = Adopted(adopted.polygons[mine], adopted.community[mine])
    return _Task(chosen, around, rows, its_own, snap, params, _within(amounts, ground), sources.codes(0).tolist())


def _within(amounts: Amounts, ground: NDArray[np.object_]) -> Amounts:
    """Return the points in the bounds of a part."""
    box = shapely.box(*shapely.total_bounds(ground))
    inside = {measure: shapely.intersects(points, box) for measure, points in amounts.points.items()}
    return Amounts(
        {measure: amounts.points[measure][mask] for measure, mask in inside.items()},
        {measure: amounts.values[measure][mask] for measure, mask in inside.items()},
    )


@without_collection()
def _run_task(task: _Task) -> _Result:
    mosaic = overlay_part(task.layers, task.rows, task.wanted, task.adopted, task.snap)
    return _Result(mosaic, compose_cells(mosaic, task.compose, task.amounts, task.keys))


def _join(sources: Sources, results: Sequence[_Result]) -> UnifiedPart:
    starts = np.cumsum([0, *(len(result.composed.polygons) for result in results)])
    both = [(result.composed, int(start)) for result, start in zip(results, starts, strict=False)]
    found = [composed.grouping.parts for composed, _ in both if composed.grouping is not None]
    objectives = {name: sum(float(getattr(parts, name)) for parts in found) for name in vars(found[0])} if found else {}
    return UnifiedPart(
        sources,
        join_mosaics([result.mosaic for result in results]),
        np.concatenate([composed.groups + start for composed, start in both]),
        np.concatenate([composed.polygons for composed, _ in both]),
        np.concatenate([composed.slivers.dissolved for composed, _ in both]),
        np.concatenate([composed.slivers.remaining + start for composed, start in both]),
        objectives,
    )

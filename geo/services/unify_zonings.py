"""Unify the zonings of a project into 一网, check the result, and store it."""

from __future__ import annotations

import os
from dataclasses import asdict
from datetime import UTC, datetime

import geopandas as gpd
import shapely

from geo.algorithms.partition.check import PartitionCheck, check_unified
from geo.algorithms.partition.slivers import SliverParams
from geo.algorithms.zoning.codes import find_scheme
from geo.algorithms.zoning.conflicts import find_conflicts
from geo.algorithms.zoning.framing import frame_overlaps
from geo.algorithms.zoning.grouping import OptimiseParams
from geo.algorithms.zoning.history import HistoryChange, continue_history
from geo.algorithms.zoning.unify import Surroundings, Unified, UnifyParams
from geo.algorithms.zoning.unify import unify_zonings as unify
from geo.algorithms.zoning.workers import Workers, start_workers
from geo.errors import CheckFailedError
from geo.model.progress import Progress, ignore_progress, part_of, tell_stored
from geo.model.reports import Finding, UnifyReport
from geo.services.attached import attach_all
from geo.services.overtaken import inputs_stamp, require_unchanged
from geo.services.unify_inputs import UnifyInputs, misnamed_communities, read_inputs
from geo.storage.store import Store
from geo.storage.transaction import Transaction

__all__ = ["OptimiseParams", "SliverParams", "UnifyParams", "unify_zonings"]

_CELLS_PER_PROCESS = 5_000


def unify_zonings(store: Store, params: UnifyParams, progress: Progress = ignore_progress) -> UnifyReport:
    """Unify all zonings of a project; the former unified layer is replaced, its codes stay where its cells stay.

    Raises
    ------
    MissingLayerError
        No zoning was imported.
    InfeasibleError
        A community has more cells than the code scheme has numbers.
    CheckFailedError
        The independent check refused the result; nothing is stored.
    """
    with store.begin() as transaction:
        processes = _processes(transaction.count("cell"), transaction.count("community"))
    with start_workers(processes) as workers:  # they load while the inputs are read
        report = _unify(store, params, workers, progress)
    tell_stored(progress, "Unified")
    return report


def _unify(store: Store, params: UnifyParams, workers: Workers, progress: Progress) -> UnifyReport:
    with store.begin() as transaction:
        stamp = inputs_stamp(transaction)
        inputs = read_inputs(transaction)
    findings = list(inputs.findings)
    scheme = find_scheme(params.scheme, inputs.project.code_prefix)
    surroundings = Surroundings(inputs.amounts, inputs.former, inputs.resolutions_m, workers=workers)
    unified = unify(inputs.zonings, inputs.communities, scheme, params, part_of(progress, 0.05, 0.6), surroundings)
    findings += misnamed_communities(unified, inputs.zonings, inputs.communities, params.nested_share)
    progress("Finding conflicts", 0.6)
    conflicts, too_small = find_conflicts(unified, inputs.facilities, params, workers=workers)
    if too_small:
        message = "{count} disagreements are within the accuracy of drawing and are not listed."
        findings.append(Finding("small_conflicts", "note", message, too_small, context={"count": too_small}))
    progress("Checking", 0.75)
    check = check_unified(
        unified.cells, unified.lineage, inputs.zonings, inputs.communities, unified.snapped_m2, unified.tolerance_m
    )
    require_passed(check)
    change = continue_history(inputs.former, unified.cells, datetime.now(UTC))
    progress("Attaching facilities and streets", 0.85)
    with store.begin() as transaction:
        require_unchanged(transaction, stamp)
        outside, outside_m = _store(transaction, unified, conflicts, change)
        report = _report(inputs, params, unified, conflicts, change, findings, check, outside, outside_m)
        transaction.save_report("unify", report.as_json())
    return report


def require_passed(check: PartitionCheck) -> None:
    """Refuse a result that the independent check refuses.

    Raises
    ------
    CheckFailedError
        It does.
    """
    if check.failed:
        raise CheckFailedError(
            "The unified layer failed the checks {checks}; nothing was stored. Please report this with the data.",
            checks=", ".join(check.failed),
        )


def _processes(cells: int, communities: int) -> int:
    """Return how many processes pay: a further one takes about a second to load, beside the reading of the inputs."""
    return max(1, min(os.cpu_count() or 1, communities, cells // _CELLS_PER_PROCESS))


def _store(
    transaction: Transaction, unified: Unified, conflicts: gpd.GeoDataFrame, change: HistoryChange
) -> tuple[int, float]:
    """Store the layers; return the facilities and the length of streets outside every cell."""
    cells = unified.cells
    transaction.replace("unified_cell", cells)
    transaction.replace("lineage", unified.lineage)
    transaction.replace("cell_overlap", frame_overlaps(unified.sources, unified.overlaps))
    transaction.replace("sliver", unified.slivers)
    transaction.replace("conflict", conflicts)
    transaction.replace("code_history", change.applied_to(transaction.read("code_history")))
    return attach_all(transaction, cells)


def _report(
    inputs: UnifyInputs,
    params: UnifyParams,
    unified: Unified,
    conflicts: gpd.GeoDataFrame,
    change: HistoryChange,
    findings: list[Finding],
    check: PartitionCheck,
    outside: int,
    outside_m: float,
) -> UnifyReport:
    cells, slivers, part = unified.cells, unified.slivers, unified.part
    for polygon in part.polygons[part.remaining[:20]]:
        point = polygon.representative_point()
        message = "A sliver has no neighbour in its community and stays a cell."
        findings.append(Finding("lonely_sliver", "warning", message, x=point.x, y=point.y))
    if outside:
        message = "{count} facilities lie in no cell."
        findings.append(Finding("facilities_outside", "warning", message, outside, context={"count": outside}))
    by_kind = conflicts.groupby("kind")
    new = set(change.opened.loc[change.opened["end_at"].isna(), "code"])
    return UnifyReport(
        zonings={zoning_id: len(frame) for zoning_id, frame in inputs.zonings.items()},
        policy=params.policy,
        params=asdict(params),
        tolerance_m=unified.tolerance_m,
        is_tolerance_proposed=params.tolerance_m is None,
        snapped_area_m2=float(sum(unified.snapped_m2[zoning].sum() for zoning in inputs.zonings)),
        faces=len(part.mosaic.faces.polygons),
        slivers_dissolved=len(slivers),
        cells=len(cells),
        sliver_area_m2=float(slivers["area_m2"].sum()),
        area_m2=float(cells["area_m2"].sum()),
        area_error_m2=check.area_error_m2,
        codes_kept=len(cells) - len(new),
        codes_new=len(new),
        codes_ended=len(change.ended),
        conflicts={str(kind): int(count) for kind, count in by_kind.size().items()},
        conflict_area_m2={str(kind): float(area) for kind, area in by_kind["area_m2"].sum().items()},
        disputed_area_m2=float(shapely.union_all(conflicts.geometry.to_numpy()).area),
        objective=dict(part.objectives),
        facilities_outside=outside,
        streets_outside_m=outside_m,
        checks=check.outcomes,
        findings=tuple(findings),
    )

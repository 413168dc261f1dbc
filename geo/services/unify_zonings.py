"""Unify the zonings of a project into 一网, check the result, and store it."""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from geo.algorithms.partition.attach import attach_lines, attach_points, middles_of
from geo.algorithms.partition.check import check_unified
from geo.algorithms.partition.slivers import SliverParams
from geo.algorithms.zoning.codes import find_scheme
from geo.algorithms.zoning.conflicts import find_conflicts
from geo.algorithms.zoning.unify import Unified, UnifyParams
from geo.algorithms.zoning.unify import unify_zonings as unify
from geo.errors import CheckFailedError, MissingLayerError
from geo.model.frames import require_frame
from geo.model.progress import Progress, ignore_progress, part_of, tell_stored
from geo.model.project import Project
from geo.model.reports import Finding, UnifyReport
from geo.services.overtaken import inputs_stamp, require_unchanged
from geo.storage.store import Store
from geo.storage.transaction import Transaction

__all__ = ["SliverParams", "UnifyParams", "unify_zonings"]

_ATTACHED = ("facility", "incident", "building")


def unify_zonings(store: Store, params: UnifyParams, progress: Progress = ignore_progress) -> UnifyReport:
    """Unify all zonings of a project; the former unified layer is replaced.

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
        project, stamp = transaction.project, inputs_stamp(transaction)
        names = transaction.read("zoning")
        cells = transaction.read("cell")
        zonings = {
            zoning_id: cells[cells["zoning_id"] == zoning_id].reset_index(drop=True) for zoning_id in names["zoning_id"]
        }
        zonings = {zoning_id: frame for zoning_id, frame in zonings.items() if len(frame)}
        if not zonings:
            raise MissingLayerError("No zoning was imported. Import at least one zoning, then unify.")
        communities = transaction.read("community")
        facilities = transaction.read("facility")
    findings: list[Finding] = []
    if communities.empty:
        communities = _whole_project(cells, project)
        findings.append(
            Finding("no_communities", "warning", "No communities were imported; the whole project counts as one.")
        )
    scheme = find_scheme(params.scheme, project.code_prefix)
    unified = unify(zonings, communities, scheme, params, part_of(progress, 0.05, 0.6))
    findings += _misnamed_communities(unified, zonings, communities, params.nested_share)
    progress("Finding conflicts", 0.6)
    conflicts, too_small = find_conflicts(unified, facilities, params)
    if too_small:
        message = "{count} disagreements are within the accuracy of drawing and are not listed."
        findings.append(Finding("small_conflicts", "note", message, too_small, context={"count": too_small}))
    progress("Checking", 0.75)
    check = check_unified(unified.cells, unified.lineage, zonings, communities, params.grid_size_m)
    if check.failed:
        raise CheckFailedError(
            "The unified layer failed the checks {checks}; nothing was stored. Please report this with the data.",
            checks=", ".join(check.failed),
        )
    progress("Attaching facilities and streets", 0.85)
    with store.begin() as transaction:
        require_unchanged(transaction, stamp)
        outside, outside_m = _store(transaction, unified, conflicts)
        report = _report(unified, conflicts, zonings, findings, check.outcomes, check.area_error_m2, outside, outside_m)
        transaction.save_report("unify", report.as_json())
    tell_stored(progress, "Unified")
    return report


def _whole_project(cells: gpd.GeoDataFrame, project: Project) -> gpd.GeoDataFrame:
    union = shapely.union_all(cells.geometry.to_numpy())
    frame = gpd.GeoDataFrame(
        {"code": [f"{project.code_prefix}001"], "name": [project.name], "street_name": [None], "attributes": ["{}"]},
        geometry=[union if union.geom_type == "MultiPolygon" else shapely.MultiPolygon([union])],
        crs=cells.crs,
    )
    return require_frame("community", frame)


def _misnamed_communities(
    unified: Unified, zonings: Mapping[str, gpd.GeoDataFrame], communities: gpd.GeoDataFrame, nested_share: float
) -> list[Finding]:
    """Return what is odd about the communities that source cells say they belong to.

    A cell that spreads over several communities may name any of them.
    """
    where = unified.cells.set_index("code")["community_name"]
    parts = unified.lineage.assign(lies_in=unified.lineage["cell_code"].map(where))
    parts = parts.groupby(["zoning_id", "source_code", "lies_in"], as_index=False).agg({"share_of_source": "sum"})
    home = parts.sort_values("share_of_source", ascending=False).drop_duplicates(["zoning_id", "source_code"])
    findings = []
    for zoning_id, cells in zonings.items():
        own = home[home["zoning_id"] == zoning_id].set_index("source_code")
        said, lies_in = cells["community_name"], cells["code"].map(own["lies_in"])
        nested = cells["code"].map(own["share_of_source"]) >= nested_share
        unknown = said.notna() & ~said.isin(communities["name"])
        moved = said.notna() & ~unknown & nested & (said != lies_in)
        message = (
            "{count} cells of '{zoning}' name a community that does not exist, e.g. '{cell}': '{said}'; it lies in "
            "'{lies_in}'. Correct the name there or here."
        )
        findings += _misnamed("unknown_community", message, unknown, zoning_id, cells, lies_in)
        message = (
            "{count} cells of '{zoning}' lie in another community than they name, e.g. '{cell}': '{said}'; it lies in "
            "'{lies_in}'."
        )
        findings += _misnamed("other_community", message, moved, zoning_id, cells, lies_in)
    return findings


def _misnamed(
    code: str, message: str, chosen: pd.Series, zoning_id: str, cells: gpd.GeoDataFrame, lies_in: pd.Series
) -> list[Finding]:
    if not chosen.any():
        return []
    first = int(np.flatnonzero(chosen)[0])
    point = cells.geometry.iloc[first].representative_point()
    row = cells.iloc[first]
    context = {
        "count": int(chosen.sum()),
        "zoning": zoning_id,
        "cell": str(row["name"]),
        "said": str(row["community_name"]),
        "lies_in": str(lies_in.iloc[first]),
    }
    return [Finding(code, "warning", message, int(chosen.sum()), x=point.x, y=point.y, context=context)]


def _store(transaction: Transaction, unified: Unified, conflicts: gpd.GeoDataFrame) -> tuple[int, float]:
    """Store the layers; return the facilities and the length of streets outside every cell."""
    cells = unified.cells
    transaction.replace("unified_cell", cells)
    transaction.replace("lineage", unified.lineage)
    transaction.replace("conflict", conflicts)
    polygons, codes = cells.geometry.to_numpy(), cells["code"].to_numpy(dtype=object)
    outside = 0
    for table in _ATTACHED:
        frame = transaction.read(table)
        if frame.empty:
            continue
        points = (
            frame.geometry.to_numpy() if table != "building" else shapely.point_on_surface(frame.geometry.to_numpy())
        )
        frame["cell_code"] = attach_points(points, polygons, codes)
        transaction.replace(table, frame)
        if table == "facility":
            outside = int(frame["cell_code"].isna().sum())
    _refresh_dependents(transaction, polygons, codes)
    streets = transaction.read("street")
    attached = attach_lines(streets.geometry.to_numpy(), polygons)
    street_cell = pd.DataFrame(
        {
            "street_id": streets["street_id"].to_numpy()[attached["line"]],
            "cell_code": codes[attached["cell"]],
            "length_m": attached["length_m"],
        }
    )
    transaction.replace("street_cell", street_cell)
    outside_m = max(0.0, float(streets.length.sum() - attached["length_m"].sum()))
    return outside, outside_m


def _refresh_dependents(transaction: Transaction, polygons: NDArray[np.object_], codes: NDArray[np.object_]) -> None:
    """Give the street network the new codes, and drop the risk, which was assessed on the former cells."""
    transaction.delete("risk_cell")
    transaction.delete("risk_surface")
    edges = transaction.read("network_edge", order_by=("edge_id",))
    if len(edges):
        edges["cell_code"] = attach_points(middles_of(edges), polygons, codes)
        transaction.replace("network_edge", edges)


def _report(
    unified: Unified,
    conflicts: gpd.GeoDataFrame,
    zonings: dict[str, gpd.GeoDataFrame],
    findings: list[Finding],
    checks: Mapping[str, bool],
    area_error_m2: float,
    outside: int,
    outside_m: float,
) -> UnifyReport:
    cells, slivers = unified.cells, unified.slivers
    for group in slivers.remaining[:20]:
        point = unified.overlaid.faces.polygons[np.flatnonzero(slivers.groups == group)[0]].representative_point()
        message = "A sliver has no neighbour in its community and stays a cell."
        findings.append(Finding("lonely_sliver", "warning", message, x=point.x, y=point.y))
    if outside:
        message = "{count} facilities lie in no cell."
        findings.append(Finding("facilities_outside", "warning", message, outside, context={"count": outside}))
    by_kind = conflicts.groupby("kind")
    return UnifyReport(
        zonings={zoning_id: len(frame) for zoning_id, frame in zonings.items()},
        faces=len(unified.overlaid.faces.polygons),
        slivers_dissolved=int(slivers.dissolved.sum()),
        cells=len(cells),
        sliver_area_m2=float(unified.overlaid.faces.areas_m2[slivers.dissolved].sum()),
        area_m2=float(cells["area_m2"].sum()),
        area_error_m2=area_error_m2,
        conflicts={str(kind): int(count) for kind, count in by_kind.size().items()},
        disputed_area_m2=float(shapely.union_all(conflicts.geometry.to_numpy()).area),
        conflict_area_m2={str(kind): float(area) for kind, area in by_kind["area_m2"].sum().items()},
        facilities_outside=outside,
        streets_outside_m=outside_m,
        checks=checks,
        findings=tuple(findings),
    )

"""What unifying reads from a project."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from geo.algorithms.partition.attach import places_of
from geo.algorithms.zoning.compose import Amounts
from geo.algorithms.zoning.succession import FormerCells
from geo.algorithms.zoning.unify import Unified
from geo.errors import MissingLayerError
from geo.model.frames import require_frame
from geo.model.project import Project
from geo.model.reports import Finding
from geo.storage.transaction import Transaction


@dataclass(frozen=True)
class UnifyInputs:
    """Layers and figures that unifying takes.

    Attributes
    ----------
    project
        The project.
    zonings
        Zoning id → its ``cell`` frame; zonings without cells are left out.
    communities, facilities
        Their frames; without communities, the whole project is one.
    amounts
        Households of the buildings, and the incidents as workload.
    former
        The unified layer before with its codes, or None.
    resolutions_m
        Step of the coordinates of the imported files.
    findings
        What is odd about them.
    """

    project: Project
    zonings: Mapping[str, gpd.GeoDataFrame]
    communities: gpd.GeoDataFrame
    facilities: gpd.GeoDataFrame
    amounts: Amounts
    former: FormerCells | None
    resolutions_m: tuple[float, ...]
    findings: tuple[Finding, ...]


def read_inputs(transaction: Transaction) -> UnifyInputs:
    """Read all that unifying takes.

    Raises
    ------
    MissingLayerError
        No zoning was imported.
    """
    project = transaction.project
    cells = transaction.read("cell")
    zonings = {
        zoning_id: cells[cells["zoning_id"] == zoning_id].reset_index(drop=True)
        for zoning_id in transaction.read("zoning")["zoning_id"]
    }
    zonings = {zoning_id: frame for zoning_id, frame in zonings.items() if len(frame)}
    if not zonings:
        raise MissingLayerError("No zoning was imported. Import at least one zoning, then unify.")
    communities = transaction.read("community")
    findings: tuple[Finding, ...] = ()
    if communities.empty:
        message = "No communities were imported; the whole project counts as one."
        communities = _whole_project(cells, project)
        findings = (Finding("no_communities", "warning", message),)
    former, history = transaction.read("unified_cell"), transaction.read("code_history")
    steps = [
        float(report.get("resolution_m", 0.0))
        for report in transaction.reports("import")
        if report["kind"] in ("zoning", "community")
    ]
    return UnifyInputs(
        project,
        zonings,
        communities,
        transaction.read("facility"),
        read_amounts(transaction),
        FormerCells(former, history) if len(former) or len(history) else None,
        tuple(steps),
        findings,
    )


def read_amounts(transaction: Transaction, bbox: tuple[float, float, float, float] | None = None) -> Amounts:
    """Return households (of buildings) and workload (incidents), those of tables without rows left out."""
    buildings, incidents = transaction.read("building", bbox=bbox), transaction.read("incident", bbox=bbox)
    points, values = {}, {}
    if len(buildings):
        points["households"] = places_of(buildings)
        values["households"] = buildings["households"].fillna(0).to_numpy(dtype=np.float64)
    if len(incidents):
        points["workload"] = incidents.geometry.to_numpy()
        values["workload"] = np.ones(len(incidents))
    return Amounts(points, values)


def _whole_project(cells: gpd.GeoDataFrame, project: Project) -> gpd.GeoDataFrame:
    union = shapely.union_all(cells.geometry.to_numpy())
    frame = gpd.GeoDataFrame(
        {"code": [f"{project.code_prefix}001"], "name": [project.name], "street_name": [None], "attributes": ["{}"]},
        geometry=[union if union.geom_type == "MultiPolygon" else shapely.MultiPolygon([union])],
        crs=cells.crs,
    )
    return require_frame("community", frame)


def misnamed_communities(
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

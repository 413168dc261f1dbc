"""Edit cells of one zoning; what they touch of the unified layer is unified again, the rest stays as it is.

What comes out for a community depends on its surroundings alone (:mod:`geo.algorithms.zoning.mosaic`), so the communities
about the ground that edited cells have, or had, are unified anew from the polygons about them. An edit can also change in
which cell of another zoning a cell is meant to lie, and with that the conflicts of communities further away: these are found
by the stored correspondence of cells and are taken in.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer

from geo.algorithms.collection import without_collection
from geo.algorithms.partition.check import PartitionCheck, PartOfTown, check_unified
from geo.algorithms.partition.coverage import is_coverage
from geo.algorithms.repair import repair_layer
from geo.algorithms.zoning.conflicts import find_conflicts
from geo.algorithms.zoning.framing import frame_overlaps, read_overlaps
from geo.algorithms.zoning.history import HistoryChange, continue_history
from geo.algorithms.zoning.succession import FormerCells
from geo.algorithms.zoning.unify import Unified, UnifyParams
from geo.errors import MissingLayerError, ParameterError, SchemaError
from geo.model.crs import WGS84_EPSG
from geo.model.frames import require_frame
from geo.model.params import read_params
from geo.model.progress import Progress, ignore_progress, tell_stored
from geo.model.reports import EditReport
from geo.services.attached import attach_again
from geo.services.extent import bounds_of
from geo.services.touched import (
    Touched,
    find_changed_borders,
    find_moved_homes,
    find_touched,
    read_former,
    read_overlaps_of,
    read_touched,
)
from geo.services.unify_zonings import require_passed
from geo.storage.store import Store
from geo.storage.transaction import Transaction

_COLUMNS = ["zoning_id", "code", "name", "community_name", "attributes"]


@dataclass(frozen=True)
class EditedCell:
    """A cell as it shall be.

    Attributes
    ----------
    code
        Its code in the zoning; a new one adds a cell.
    geometry
        GeoJSON polygon or multipolygon in longitude and latitude.
    name, community_name
        Its name and community; empty keeps what a known cell has.
    """

    code: str
    geometry: Mapping[str, Any]
    name: str = ""
    community_name: str = ""


@dataclass(frozen=True)
class EditParams:
    """What to change in a zoning.

    Attributes
    ----------
    zoning_id
        Key of the zoning.
    cells
        Cells to change or to add.
    removed
        Codes of cells to take away.
    """

    zoning_id: str
    cells: tuple[EditedCell, ...] = field(default_factory=tuple)
    removed: tuple[str, ...] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        require_codes([*(cell.code for cell in self.cells), *self.removed])


def require_codes(codes: Sequence[str]) -> None:
    """Refuse an edit of nothing, of a cell without code, or of one cell twice.

    Raises
    ------
    ParameterError
        It is one.
    """
    if not codes or len(set(codes)) < len(codes) or not all(codes):
        raise ParameterError("An edit needs at least one cell, and names each code once.")


def edit_cells(store: Store, params: EditParams, progress: Progress = ignore_progress) -> EditReport:
    """Change, add or remove cells of a zoning, and unify again what they touch.

    Raises
    ------
    SchemaError
        A geometry cannot be used, or a cell to be removed is not there.
    MissingLayerError
        There is no such zoning, or no unified layer yet.
    CheckFailedError
        The independent check refused the result; nothing is stored.
    """
    with store.begin() as transaction:
        cells = _frame(transaction, params)
        report = apply_edit(transaction, params.zoning_id, cells, params.removed, progress)
    tell_stored(progress, "Edited")
    return report


def _frame(transaction: Transaction, params: EditParams) -> gpd.GeoDataFrame:
    """Return the edited cells as a ``cell`` frame; what is not told stays as it was."""
    epsg = transaction.project.epsg
    to_metric = Transformer.from_crs(WGS84_EPSG, epsg, always_xy=True)
    where = {"zoning_id": params.zoning_id, "code": [cell.code for cell in params.cells]}
    before = transaction.read("cell", where=where).set_index("code").to_dict("index")
    rows = []
    for cell in params.cells:
        known = before.get(cell.code, {"name": cell.code, "community_name": None, "attributes": "{}"})
        rows.append(
            {
                "zoning_id": params.zoning_id,
                "code": cell.code,
                "name": cell.name or known["name"],
                "community_name": cell.community_name or known["community_name"],
                "attributes": known["attributes"],
            }
        )
    shapes = shapely.transform(
        np.array([_shape(cell) for cell in params.cells], dtype=object),
        lambda lonlat: np.column_stack(to_metric.transform(*lonlat.T)),
    )
    frame = gpd.GeoDataFrame(pd.DataFrame(rows, columns=_COLUMNS), geometry=list(shapes), crs=epsg)
    repaired = repair_layer(frame, "MULTIPOLYGON").frame
    unusable = sorted(set(frame["code"]) - set(repaired["code"]))
    if unusable:
        raise SchemaError("The geometry of cell '{code}' cannot be used. Draw it again.", code=unusable[0])
    checked: gpd.GeoDataFrame = require_frame("cell", repaired)
    return checked


def _shape(cell: EditedCell) -> shapely.Geometry:
    try:
        return shapely.from_geojson(json.dumps(dict(cell.geometry)))
    except (TypeError, ValueError, shapely.GEOSException) as error:
        raise SchemaError("The geometry of cell '{code}' cannot be used. Draw it again.", code=cell.code) from error


@without_collection()
def apply_edit(
    transaction: Transaction,
    zoning_id: str,
    cells: gpd.GeoDataFrame,
    removed: tuple[str, ...] = (),
    progress: Progress = ignore_progress,
) -> EditReport:
    """Change, add or remove cells inside a transaction, and unify again what they touch.

    Parameters
    ----------
    transaction
        Open; nothing is committed here.
    zoning_id
        Key of the zoning.
    cells
        ``cell`` frame of the cells to change or to add, in the project's CRS.
    removed
        Codes of the cells to take away.
    progress
        Told how far it is; may raise to stop.

    Raises
    ------
    MissingLayerError, SchemaError, CheckFailedError
        As :func:`edit_cells`.
    """
    last = transaction.reports("unify")[-1:]
    if not last or not transaction.count("zoning", where={"zoning_id": zoning_id}):
        raise MissingLayerError(
            "Zoning '{zoning}' is not there, or nothing is unified yet. Import it and unify first.", zoning=zoning_id
        )
    params = replace(read_params(UnifyParams, last[0]["params"]), tolerance_m=float(last[0]["tolerance_m"]))
    progress("Reading what the edit touches", 0.0)
    before = transaction.read("cell", where={"zoning_id": zoning_id, "code": [*cells["code"], *removed]})
    missing = sorted(set(removed) - set(before["code"]))
    if missing:
        raise SchemaError("Zoning '{zoning}' has no cell '{code}'.", zoning=zoning_id, code=missing[0])
    places = find_changed_borders(before, cells)
    codes = find_touched(transaction, params, zoning_id, before, places)
    _change_cells(transaction, zoning_id, cells, removed, before)
    progress("Overlaying the borders", 0.2)
    result = _unify_again(transaction, params, codes, before, places)
    progress("Checking", 0.7)
    check = _check(transaction, result)
    require_passed(check)
    progress("Storing", 0.8)
    kept, ended = _store(transaction, result)
    report = EditReport(
        zoning_id=zoning_id,
        added=tuple(sorted(set(cells["code"]) - set(before["code"]))),
        changed=tuple(sorted(set(cells["code"]) & set(before["code"]))),
        removed=tuple(removed),
        communities=result.touched.codes,
        cells_kept=kept,
        codes_new=tuple(sorted(set(result.unified.cells["code"]) - set(result.former.cells["code"]))),
        codes_ended=tuple(sorted(set(result.former.cells["code"]) - set(result.unified.cells["code"]))),
        conflicts_before=ended,
        conflicts_after=len(result.conflicts),
        checks=check.outcomes,
    )
    transaction.save_report("edit", report.as_json())
    return report


def _change_cells(
    transaction: Transaction,
    zoning_id: str,
    cells: gpd.GeoDataFrame,
    removed: Sequence[str],
    before: gpd.GeoDataFrame,
) -> None:
    known = cells["code"].isin(before["code"])
    transaction.update("cell", cells[known], key=("zoning_id", "code"))
    if known.all() and not removed:
        return
    transaction.delete("cell", where={"zoning_id": zoning_id, "code": list(removed)})
    transaction.append("cell", cells[~known])
    zonings = transaction.read("zoning")
    zonings.loc[zonings["zoning_id"] == zoning_id, "cells"] = transaction.count("cell", where={"zoning_id": zoning_id})
    transaction.replace("zoning", zonings)  # all, so that their order stays


@dataclass(frozen=True)
class _Result:
    """Communities unified again, and what stood there before."""

    touched: Touched
    unified: Unified
    former: FormerCells
    overlaps: pd.DataFrame
    conflicts: gpd.GeoDataFrame


def _unify_again(
    transaction: Transaction,
    params: UnifyParams,
    codes: tuple[str, ...],
    before: gpd.GeoDataFrame,
    places: list[shapely.Geometry],
) -> _Result:
    """Return the communities unified again, with those whose conflicts change although nothing else does there."""
    former = read_former(transaction, codes)
    touched = read_touched(transaction, params, codes, [*places, *former.cells.geometry])
    unified = touched.unify(transaction, params, former)
    overlaps = frame_overlaps(unified.sources, unified.overlaps)
    stored = transaction.read("cell_overlap", where={"community_code": list(codes)})
    elsewhere = read_overlaps_of(transaction, touched, pd.concat([stored, overlaps]))
    areas = _areas(touched.zonings)
    areas_before = areas | _areas({str(key): frame for key, frame in before.groupby("zoning_id")})
    further = find_moved_homes(stored, overlaps, elsewhere, areas_before, areas, params.nested_share)
    more = tuple(sorted({*codes, *further}))
    if more != codes:
        return _unify_again(transaction, params, more, before, places)
    facilities = transaction.read("facility", bbox=bounds_of(unified.part.polygons))
    known = read_overlaps(unified.sources, pd.concat([overlaps, elsewhere]))
    conflicts, _ = find_conflicts(unified, facilities, params, known)
    return _Result(touched, unified, former, overlaps, conflicts)


def _areas(zonings: Mapping[str, gpd.GeoDataFrame]) -> dict[tuple[str, str], float]:
    return {
        (zoning, code): area
        for zoning, frame in zonings.items()
        for code, area in zip(frame["code"], shapely.area(frame.geometry.to_numpy()), strict=True)
    }


def _check(transaction: Transaction, result: _Result) -> PartitionCheck:
    """Check the communities unified again: against the source cells that lie in them alone, and with their neighbours."""
    unified, codes = result.unified, list(result.touched.codes)
    communities = result.touched.communities.iloc[result.touched.wanted]
    mosaic = unified.part.mosaic
    ground = shapely.union_all(communities.geometry.to_numpy())
    shapely.prepare(ground)
    covered = float(ground.area) + float(mosaic.faces.areas_m2[mosaic.is_outside].sum())
    zonings = result.touched.zonings.items()
    whole = {zoning: shapely.covered_by(frame.geometry.to_numpy(), ground) for zoning, frame in zonings}
    part = PartOfTown(covered, whole)
    check = check_unified(
        unified.cells,
        unified.lineage,
        result.touched.zonings,
        communities,
        unified.snapped_m2,
        unified.tolerance_m,
        part,
    )
    beside = transaction.read("unified_cell", bbox=bounds_of(unified.part.polygons, 1.0))
    beside = beside[~beside["community_code"].isin(codes)]
    fits = is_coverage(np.concatenate((unified.cells.geometry.to_numpy(), beside.geometry.to_numpy())))
    return PartitionCheck({**check.outcomes, "fits_its_neighbours": fits}, check.area_error_m2)


def _store(transaction: Transaction, result: _Result) -> tuple[int, int]:
    """Store what changed; return how many cells stayed as they were, and how many conflicts there were."""
    unified, former, codes = result.unified, result.former, list(result.touched.codes)
    kept = _kept(unified.cells, former.cells)
    gone = former.cells.loc[~former.cells["code"].isin(kept), "code"].tolist()
    new = unified.cells[~unified.cells["code"].isin(kept)]
    transaction.delete("unified_cell", where={"code": gone})
    transaction.append("unified_cell", new)
    transaction.replace("lineage", unified.lineage, where={"cell_code": former.cells["code"].tolist()})
    transaction.replace("sliver", unified.slivers, where={"community_code": codes})
    transaction.replace("cell_overlap", result.overlaps, where={"community_code": codes})
    conflicts_before = transaction.count("conflict", where={"community_code": codes})
    transaction.replace("conflict", result.conflicts, where={"community_code": codes})
    _store_history(transaction, continue_history(former, unified.cells, datetime.now(UTC)))
    attach_again(transaction, gone, new)
    return len(kept), conflicts_before


def _kept(cells: gpd.GeoDataFrame, former: gpd.GeoDataFrame) -> set[str]:
    """Return the codes of the cells that are the same in every column as before."""

    def rows(frame: gpd.GeoDataFrame) -> set[tuple[Any, ...]]:
        plain = pd.DataFrame(frame.drop(columns=frame.geometry.name)).round({"area_m2": 6})
        shapes = shapely.to_wkb(shapely.normalize(frame.geometry.to_numpy()))
        return set(zip(*(plain[name] for name in sorted(plain.columns)), shapes, strict=True))

    place = sorted(former.columns.drop(former.geometry.name)).index("code")
    return {str(row[place]) for row in rows(cells) & rows(former)}


def _store_history(transaction: Transaction, change: HistoryChange) -> None:
    if not change.ended and change.opened.empty:
        return
    where = {"code": list(change.ended)}
    transaction.replace("code_history", change.applied_to(transaction.read("code_history", where=where)), where=where)

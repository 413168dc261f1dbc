"""Import one file as one layer: read, project, repair, map the columns, check, store — all or nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast
from zoneinfo import available_timezones

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from pyproj import CRS, Transformer

from geo.algorithms.repair import repair_layer
from geo.errors import CrsError, ParameterError, SchemaError
from geo.formats.columns import choose_columns, find_personal_values
from geo.formats.conform import Conformer, conform_layer
from geo.formats.sources import SourceLayer, SourceParams, read_source
from geo.model.crs import WGS84_EPSG, default_metric_epsg, require_metric_epsg
from geo.model.frames import FACILITY_KINDS, IMPORT_KINDS, SCHEMAS, require_frame
from geo.model.progress import Progress, ignore_progress, tell_stored
from geo.model.project import Project
from geo.model.reports import Finding, ImportReport
from geo.model.text import Phrase
from geo.storage.store import Store
from geo.storage.transaction import Transaction

__all__ = ["ImportParams", "SourceParams", "import_layer"]

_ZONING_ID = re.compile(r"^[a-z][a-z0-9_-]{0,39}$")
_CODE_PREFIX = re.compile(r"^\d{9}$")
_ADDED_BY_DEFAULT = ("facility", "incident", "building", "team")
_FAR_M = 100_000.0
_AREA_MARGIN_DEG = 3.0


@dataclass(frozen=True)
class ImportParams:
    """What to import and how.

    Attributes
    ----------
    kind
        ``zoning``, ``community``, ``facility``, ``street``, ``incident``, ``building`` or ``team``.
    zoning_id, zoning_name, domain
        For a zoning: its key (lower-case letters, digits, ``-`` and ``_``), the name users see, and the department. The key
        is needed.
    columns
        Column here → column of the file, where the table of names does not find it.
    source
        Layer, encoding, CRS and axes of the file.
    mode
        ``append`` adds to the layer, ``replace`` empties it first. None: facilities, incidents, buildings and teams are
        added; a zoning, communities and streets are replaced.
    project_name, project_epsg, project_time_zone, project_code_prefix
        For the first import, which makes the project: its name, its metric CRS (None takes the zone that fits), the IANA
        name of its time zone, and county and street (9 digits) of its grid codes (None takes the default of a project).
    facility_kind
        Kind of all facilities of the file; a column that would say it stays an attribute.
    """

    kind: str
    zoning_id: str = ""
    zoning_name: str = ""
    domain: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    source: SourceParams = field(default_factory=SourceParams)
    mode: Literal["append", "replace"] | None = None
    project_name: str = ""
    project_epsg: int | None = None
    project_time_zone: str | None = None
    project_code_prefix: str | None = None
    facility_kind: str | None = None

    def __post_init__(self) -> None:
        if self.kind not in IMPORT_KINDS:
            raise ParameterError(
                "'{kind}' is not a kind of layer. Known are {kinds}.", kind=self.kind, kinds=", ".join(IMPORT_KINDS)
            )
        if self.kind == "zoning" and not _ZONING_ID.match(self.zoning_id):
            raise ParameterError(
                "A zoning needs a key of lower-case letters, digits, '-' or '_', such as 'police'; given was '{given}'.",
                given=self.zoning_id,
            )
        if self.facility_kind is not None and self.facility_kind not in FACILITY_KINDS:
            raise ParameterError(
                "'{kind}' is not a kind of facility. Known are {kinds}.",
                kind=self.facility_kind,
                kinds=", ".join(FACILITY_KINDS),
            )
        if self.project_time_zone is not None and self.project_time_zone not in available_timezones():
            raise ParameterError(
                "'{zone}' is not a time zone. Give an IANA name such as Asia/Shanghai.", zone=self.project_time_zone
            )

        if self.project_code_prefix is not None and not _CODE_PREFIX.match(self.project_code_prefix):
            raise ParameterError(
                "The prefix of grid codes must be 9 digits (county 6, street 3); '{prefix}' is not.",
                prefix=self.project_code_prefix,
            )

    @property
    def replaces(self) -> bool:
        """Whether what the layer holds is removed first."""
        return self.mode == "replace" or (self.mode is None and self.kind not in _ADDED_BY_DEFAULT)


def import_layer(store: Store, path: Path, params: ImportParams, progress: Progress = ignore_progress) -> ImportReport:
    """Import a file as a layer of a project; the first import makes the project.

    Parameters
    ----------
    store
        Where the project is or shall be.
    path
        A shapefile, zip archive, GeoPackage, GeoJSON, TopoJSON, KML, CSV or JSON table of points.
    params
        What it is.
    progress
        Told how far it is; may raise to stop. Nothing is stored then.

    Returns
    -------
    ImportReport
        Counts and locates every problem; also stored with the project.

    Raises
    ------
    InputError
        The file cannot be used; the subclass says why and the message what to do.
    StorageError
        The store cannot be written.
    """
    progress("Reading the file", 0.0)
    source = read_source(path, params.source)
    project = _project_for(store, source, params)
    progress("Projecting and repairing", 0.3)
    rows, findings = _project_rows(source, project, _extent(store), params)
    table = "cell" if params.kind == "zoning" else params.kind
    geometry_kind = SCHEMAS[table].geometry
    assert geometry_kind is not None  # noqa: S101 - every importable table has a geometry
    repaired = repair_layer(rows, geometry_kind)
    _require_rows(repaired.frame, repaired.findings, source, params)
    progress("Mapping the columns", 0.5)
    names = [str(name) for name in rows.columns if name != rows.geometry.name]
    choice = choose_columns(params.kind, names, params.columns)
    if params.kind == "facility" and params.facility_kind is not None:
        choice = choice.without("kind")
    choice = choice.without_personal(find_personal_values(repaired.frame, choice.unmapped))
    conformer = Conformer(repaired.frame, choice, source.source)
    frame = conform_layer(params.kind, conformer, _taken(store, params, table), project.time_zone)
    _require_rows(frame, conformer.findings[-1:], source, params)
    if params.facility_kind is not None and params.kind == "facility":
        frame["kind"] = params.facility_kind
    if params.kind == "zoning":
        frame["zoning_id"] = params.zoning_id
    frame = require_frame(table, frame)
    report = ImportReport(
        kind=params.kind,
        zoning_id=params.zoning_id,
        source=source.source,
        layer=source.layer,
        encoding=source.encoding,
        encoding_reason=source.encoding_reason,
        source_crs=_crs_name(source.frame.crs),
        crs_reason=source.crs_reason,
        epsg=project.epsg,
        rows_read=len(source.frame),
        rows_stored=len(frame),
        columns=choice.chosen,
        unmapped=choice.unmapped,
        dropped=choice.personal,
        moved_area_m2=repaired.moved_area_m2,
        bounds=cast("tuple[float, float, float, float]", tuple(float(v) for v in frame.total_bounds)),
        findings=(*findings, *repaired.findings, *_personal_finding(choice.personal), *conformer.findings),
    )
    progress("Storing", 0.7)
    if not store.exists():
        store.create(project)
    with store.begin() as transaction:
        _store(transaction, table, frame, params, source)
        transaction.save_report("import", report.as_json())
    tell_stored(progress, "Imported")
    return report


def _require_rows(
    rows: gpd.GeoDataFrame, findings: Sequence[Finding], source: SourceLayer, params: ImportParams
) -> None:
    """Raise when all rows were left out, with the first reason why."""
    if rows.empty:
        raise SchemaError(
            "'{file}' holds no feature that can be used as {kind}. {reason}",
            file=source.source,
            kind=params.kind,
            reason=Phrase(findings[0].message, **findings[0].context),
        )


def _project_for(store: Store, source: SourceLayer, params: ImportParams) -> Project:
    """Return the project of the store, or the one that this import will make."""
    if not store.exists():
        epsg = params.project_epsg
        if epsg is None:
            with np.errstate(invalid="ignore"):
                centre = source.frame.geometry.to_crs(WGS84_EPSG).total_bounds
            _require_plausible(source, centre, params)
            epsg = default_metric_epsg((centre[0] + centre[2]) / 2, (centre[1] + centre[3]) / 2)
        require_metric_epsg(epsg)
        project = Project(params.project_name or source.layer, epsg)
        if params.project_time_zone is not None:
            project = replace(project, time_zone=params.project_time_zone)
        if params.project_code_prefix is not None:
            project = replace(project, code_prefix=params.project_code_prefix)
        return project
    project = store.project()
    if params.project_epsg not in (None, project.epsg):
        raise ParameterError(
            "The project works in EPSG:{epsg}; it cannot take EPSG:{given}. Leave the option out.",
            epsg=project.epsg,
            given=params.project_epsg,
        )
    return project


def _require_plausible(source: SourceLayer, bounds: Any, params: ImportParams) -> None:
    """Raise when the size of the coordinates contradicts their CRS."""
    raw = source.frame.total_bounds
    wide, high = max(abs(raw[0]), abs(raw[2])), max(abs(raw[1]), abs(raw[3]))
    is_geographic = CRS.from_user_input(source.frame.crs).is_geographic
    if is_geographic and high > 90 >= wide:
        _raise_swapped(source, params)
    if not is_geographic and wide <= 180 and high <= 180:
        raise CrsError(
            "'{file}': coordinates from {x:.6g}, {y:.6g} look like degrees, but {crs} does not measure in degrees. Name "
            "the right coordinate system.",
            file=source.source,
            x=raw[0],
            y=raw[1],
            crs=_crs_name(source.frame.crs),
        )
    if not np.isfinite(bounds).all():
        raise CrsError(
            "'{file}': coordinates from {x:.6g}, {y:.6g} do not fit {crs}. Name the right coordinate system.",
            file=source.source,
            x=raw[0],
            y=raw[1],
            crs=_crs_name(source.frame.crs),
        )


def _raise_swapped(source: SourceLayer, params: ImportParams) -> None:
    if params.source.swap_xy:
        raise CrsError(
            "'{file}' holds its coordinates in the right order, longitude first. Import it again without exchanging the "
            "axes (--swap-xy).",
            file=source.source,
        )
    raise CrsError(
        "'{file}' holds its coordinates in the order latitude, longitude (axes swapped). Import it again with the axes "
        "exchanged (--swap-xy).",
        file=source.source,
    )


def _extent(store: Store) -> tuple[float, float, float, float] | None:
    """Return the bounds of what the project's communities, cells and streets cover, or None."""
    if not store.exists():
        return None
    with store.begin() as transaction:
        for table in ("community", "cell", "street"):
            frame = transaction.read(table)
            if len(frame):
                return cast("tuple[float, float, float, float]", tuple(frame.total_bounds))
    return None


def _project_rows(
    source: SourceLayer, project: Project, extent: tuple[float, float, float, float] | None, params: ImportParams
) -> tuple[gpd.GeoDataFrame, list[Finding]]:
    """Return the features in the project's CRS; refuse swapped axes, warn when they lie far from the project."""
    frame = source.frame
    with np.errstate(invalid="ignore"):
        rows = frame.to_crs(project.epsg)
    boxes = rows.geometry.bounds.to_numpy()
    boxes = boxes[np.isfinite(boxes).all(axis=1)]
    raw = frame.total_bounds
    _require_plausible(source, raw if not len(boxes) else boxes[0], params)
    findings = _outside_area(source)
    if extent is None or not len(boxes):
        return rows, findings
    near = shapely.box(*extent).buffer(_FAR_M)
    middle = np.median((boxes[:, :2] + boxes[:, 2:]) / 2, axis=0)
    if near.contains(shapely.Point(middle)):
        return rows, findings
    swapped = frame.geometry.transform(lambda xy: xy[:, ::-1])
    with np.errstate(invalid="ignore"):
        swapped_boxes = gpd.GeoSeries(swapped, crs=frame.crs).to_crs(project.epsg).bounds.to_numpy()
    swapped_boxes = swapped_boxes[np.isfinite(swapped_boxes).all(axis=1)]
    if len(swapped_boxes) and near.contains(shapely.Point(np.median(swapped_boxes[:, :2], axis=0))):
        _raise_swapped(source, params)
    distance = shapely.distance(shapely.box(*extent), shapely.Point(middle))
    message = "The layer lies {distance_km:.0f} km from the rest of the project. Check its coordinate system."
    context = {"distance_km": float(distance) / 1000}
    far = Finding("far_away", "warning", message, len(rows), (), float(middle[0]), float(middle[1]), context)
    return rows, [*findings, far]


def _outside_area(source: SourceLayer) -> list[Finding]:
    """Return a finding when the layer lies where nobody uses its CRS: the CRS it states is likely wrong."""
    crs = CRS.from_user_input(source.frame.crs)
    area = crs.area_of_use
    if area is None:
        return []
    boxes = source.frame.bounds.to_numpy()
    middle = np.nanmedian((boxes[:, :2] + boxes[:, 2:]) / 2, axis=0)
    lon, lat = Transformer.from_crs(crs, WGS84_EPSG, always_xy=True).transform(*middle)
    used = shapely.box(area.west, area.south, area.east if area.east >= area.west else area.east + 360, area.north)
    if any(used.buffer(_AREA_MARGIN_DEG).contains(shapely.Point(lon + turn, lat)) for turn in (0, 360)):
        return []
    message = "The layer lies outside the area for which {crs} is made ({area}). Check its coordinate system."
    context = {"crs": _crs_name(crs), "area": area.name}
    return [Finding("outside_crs_area", "warning", message, len(source.frame), context=context)]


def _taken(store: Store, params: ImportParams, table: str) -> set[str]:
    """Return the codes (names of teams) that the layer has and keeps."""
    if params.replaces or params.kind not in ("zoning", "community", "facility", "team") or not store.exists():
        return set()
    where = {"zoning_id": params.zoning_id} if params.kind == "zoning" else None
    with store.begin() as transaction:
        return set(transaction.read(table, where=where)["name" if params.kind == "team" else "code"])


def _store(
    transaction: Transaction, table: str, frame: gpd.GeoDataFrame, params: ImportParams, source: SourceLayer
) -> None:
    where = {"zoning_id": params.zoning_id} if params.kind == "zoning" else None
    if params.replaces:
        transaction.delete(table, where=where)
    elif params.kind == "street":
        frame["street_id"] += transaction.count("street")
    transaction.append(table, frame)
    if params.kind == "zoning":
        former = transaction.read("zoning", where=where).to_dict("records")
        known = former[0] if former and not params.replaces else {}
        row = {
            "zoning_id": params.zoning_id,
            "name": params.zoning_name or known.get("name") or params.zoning_id,
            "domain": params.domain or known.get("domain") or params.zoning_id,
            "cells": transaction.count("cell", where=where),
            "source": ", ".join(filter(None, (known.get("source"), source.source))),
        }
        transaction.replace("zoning", pd.DataFrame([row]), where=where)


def _personal_finding(personal: tuple[str, ...]) -> list[Finding]:
    if not personal:
        return []
    message = "Columns that may tell of persons were left out: {columns}. This system keeps places, not persons."
    return [Finding("personal_columns", "note", message, len(personal), context={"columns": ", ".join(personal)})]


def _crs_name(crs: Any) -> str:
    found = CRS.from_user_input(crs)
    epsg = found.to_epsg()
    return f"EPSG:{epsg} {found.name}" if epsg else found.name

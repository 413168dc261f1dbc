"""Import one file as one layer: read, project, repair, map the columns, check, store — all or nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal
from zoneinfo import available_timezones

import geopandas as gpd
import pandas as pd

from geo.algorithms.repair import RepairResult, repair_layer
from geo.errors import ParameterError, SchemaError, StorageError
from geo.formats.columns import ColumnChoice, choose_columns
from geo.formats.conform import Conformer, conform_layer
from geo.formats.own_exports import restore_own_export
from geo.formats.personal import find_personal_values
from geo.formats.plausible import project_layer, require_place
from geo.formats.sources import SourceLayer, SourceParams, read_source
from geo.model.crs import crs_name, default_metric_epsg, require_metric_epsg
from geo.model.frames import FACILITY_KINDS, IMPORT_KINDS, SCHEMAS, require_frame
from geo.model.progress import Progress, ignore_progress, tell_stored
from geo.model.project import Project
from geo.model.reports import Finding, ImportReport
from geo.model.text import Phrase
from geo.services.column_profiles import ColumnProfile, combine_columns, keep_profile, read_profile
from geo.services.datum_check import check_datum
from geo.services.extent import Bounds, bounds_of, read_extent
from geo.services.repair_list import list_repairs, store_repairs
from geo.storage.store import Store
from geo.storage.transaction import Transaction

__all__ = ["ImportParams", "SourceParams", "import_layer"]

_ZONING_ID = re.compile(r"^[a-z][a-z0-9_-]{0,39}$")
_CODE_PREFIX = re.compile(r"^\d{9}$")
_ADDED_BY_DEFAULT = ("facility", "incident", "building", "team")


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
        Column here → column of the file, where the table of names does not find it; empty text leaves a column open.
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
    profile
        Name of a column profile of the project to apply; ``columns`` wins over it.
    save_profile
        Name under which the mapping that this import used is kept as a profile of the project.
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
    profile: str = ""
    save_profile: str = ""

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
        if self.save_profile:
            ColumnProfile(self.save_profile, self.kind)
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
        A shapefile, GeoPackage, GeoJSON, TopoJSON, KML, CSV, workbook or JSON table of points, or a zip archive of one.
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
    layer = _prepare(store, source, project, params, progress)
    report = ImportReport(
        kind=params.kind,
        zoning_id=params.zoning_id,
        source=source.source,
        layer=source.layer,
        encoding=source.encoding,
        encoding_reason=source.encoding_reason,
        source_crs=crs_name(source.frame.crs),
        crs_reason=source.crs_reason,
        epsg=project.epsg,
        converted_from=source.converted_from,
        resolution_m=source.resolution_m,
        rows_read=len(source.frame),
        rows_stored=len(layer.frame),
        columns=layer.choice.chosen,
        unmapped=layer.choice.unmapped,
        dropped=layer.choice.personal,
        moved_area_m2=layer.repaired.moved_area_m2,
        bounds=bounds_of(layer.frame.geometry.to_numpy()),
        findings=layer.findings,
    )
    progress("Storing", 0.7)
    with _opened_for(store, project) as transaction:
        _store(transaction, layer, params, source)
        transaction.save_report("import", report.as_json())
    tell_stored(progress, "Imported")
    return report


@dataclass(frozen=True)
class _Layer:
    """A layer ready to be stored.

    Attributes
    ----------
    table, frame
        The table and its rows.
    repaired
        What was mended before the columns were mapped.
    rows
        Feature numbers in the source of the rows.
    choice, wanted
        Columns of the source that became columns here, and those that were asked for.
    findings
        Every problem.
    """

    table: str
    frame: gpd.GeoDataFrame
    repaired: RepairResult
    rows: list[int]
    choice: ColumnChoice
    wanted: Mapping[str, str]
    findings: tuple[Finding, ...]


def _prepare(store: Store, source: SourceLayer, project: Project, params: ImportParams, progress: Progress) -> _Layer:
    """Project, repair, map the columns, and check."""
    rows, placed = project_layer(source, project.epsg, _extent(store), is_swapped=params.source.swap_xy)
    table = "cell" if params.kind == "zoning" else params.kind
    rows, own = restore_own_export(params.kind, table, rows)
    geometry_kind = SCHEMAS[table].geometry
    assert geometry_kind is not None  # noqa: S101 - every importable table has a geometry
    repaired = repair_layer(rows, geometry_kind, source.closed)
    _require_rows(repaired.frame, repaired.findings, source, params)
    progress("Mapping the columns", 0.5)
    names = [str(name) for name in rows.columns if name != rows.geometry.name]
    profile = read_profile(store, params.kind, params.profile) if params.profile else None
    wanted, profiled = combine_columns(profile, {**own, **params.columns}, names)
    choice = choose_columns(params.kind, names, wanted)
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
    numbers = repaired.frame.loc[frame.index, "row"].tolist()
    frame = require_frame(table, frame)
    shifts = check_datum(store, frame, params.kind, params.zoning_id if params.replaces else None)
    personal = _personal_finding(choice.personal)
    found = (*source.findings, *placed, *shifts, *repaired.findings, *profiled, *personal, *conformer.findings)
    return _Layer(table, frame, repaired, numbers, choice, wanted, found)


@contextmanager
def _opened_for(store: Store, project: Project) -> Iterator[Transaction]:
    """Open the transaction that stores an import; a project that was made for it goes again when it fails."""
    is_new = not store.exists()
    if is_new:
        store.create(project)
    try:
        with store.begin() as transaction:
            yield transaction
    except BaseException:
        if is_new:
            with suppress(StorageError):  # the first failure is what the user must see
                store.drop()
        raise


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
            epsg = default_metric_epsg(*require_place(source))
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


def _extent(store: Store) -> Bounds | None:
    """Return the bounds of what the project covers, or None."""
    if not store.exists():
        return None
    with store.begin() as transaction:
        return read_extent(transaction)


def _taken(store: Store, params: ImportParams, table: str) -> set[str]:
    """Return the codes (names of teams) that the layer has and keeps."""
    if params.replaces or params.kind not in ("zoning", "community", "facility", "team") or not store.exists():
        return set()
    where = {"zoning_id": params.zoning_id} if params.kind == "zoning" else None
    with store.begin() as transaction:
        return set(transaction.read(table, where=where)["name" if params.kind == "team" else "code"])


def _store(transaction: Transaction, layer: _Layer, params: ImportParams, source: SourceLayer) -> None:
    table, frame = layer.table, layer.frame
    where = {"zoning_id": params.zoning_id} if params.kind == "zoning" else None
    if params.replaces:
        transaction.delete(table, where=where)
    elif params.kind == "street":
        frame = frame.assign(street_id=frame["street_id"] + transaction.count("street"))
    transaction.append(table, frame)
    rows, codes = (layer.rows, frame["code"].tolist()) if "code" in frame else ([], [])
    repairs = list_repairs(layer.repaired.repairs, table, params.zoning_id, source.source, rows, codes)
    store_repairs(transaction, repairs, table, params.zoning_id, params.replaces)
    if params.save_profile:
        left_open = {target: "" for target, column in layer.wanted.items() if not column}
        columns = {**layer.choice.chosen, **left_open}
        keep_profile(transaction, ColumnProfile(params.save_profile, params.kind, columns))
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
        if former:
            transaction.update("zoning", pd.DataFrame([row]), key=("zoning_id",))  # where it stands: that order leads
        else:
            transaction.append("zoning", pd.DataFrame([row]))


def _personal_finding(personal: tuple[str, ...]) -> list[Finding]:
    if not personal:
        return []
    message = "Columns that may tell of persons were left out: {columns}. This system keeps places, not persons."
    return [Finding("personal_columns", "note", message, len(personal), context={"columns": ", ".join(personal)})]

"""The project: how far it is, its layers, plans and reports."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel

from api.errors import InvalidRequestError, NotFoundError
from api.schemas import Problem, Step
from api.wording import worded_report
from api.workspace import UsesWorkspace, Workspace
from geo.model.frames import SCHEMAS
from geo.model.text import Language
from geo.services.export_layers import layer_geojson, pack_layer
from geo.services.project import project_status
from geo.services.project import read_reports as read_reports_of_step
from geo.services.read_views import count_rows, read_layer, read_view

router = APIRouter(prefix="/api", responses={404: {"model": Problem, "description": "Not there"}})
_MAX_ROWS = 100_000
_GEOJSON: dict[int | str, dict[str, Any]] = {200: {"content": {"application/geo+json": {}, "application/json": {}}}}
_FILES: dict[int | str, dict[str, Any]] = {200: {"content": {"application/octet-stream": {}}}}
ExportFormat = Literal["shp", "gpkg", "geojson", "kml", "parquet", "csv", "xlsx"]
_Bbox = Annotated[
    str | None,
    Query(description="west,south,east,north in degrees: only what touches it", examples=["114.1,30.3,114.2,30.4"]),
]


class LayerView(BaseModel):
    """One table of the project."""

    table: str
    title: str
    title_zh: str
    geometry: Literal["POINT", "LINESTRING", "MULTIPOLYGON"] | None
    rows: int


@router.get("/project", tags=["project"], summary="What the project holds, and which steps are done, stale or possible")
def read_project(workspace: UsesWorkspace) -> dict[str, Any]:
    """Return the status; `exists` is false before the first import."""
    status = project_status(workspace.store)
    for step in status["steps"].values():
        if step["report"] is not None:
            step["report"] = worded_report(step["report"])
    risk = status["steps"]["risk"]["report"]
    if risk is not None:
        risk["top_cell_names"] = _cell_names(workspace, risk["top_cells"])
    status["limits"] = {"max_upload_mb": workspace.settings.max_upload_mb}
    return status


def _cell_names(workspace: Workspace, codes: list[str]) -> list[str]:
    """Return the names of unified cells, or their codes where the cells have changed since."""
    cells = read_layer(workspace.store, "unified_cell", where={"code": codes})
    names = dict(zip(cells["code"], cells["name"], strict=True))
    return [names.get(code, code) for code in codes]


@router.get("/layers", tags=["layers"], summary="The tables with their number of rows")
def list_layers(workspace: UsesWorkspace) -> list[LayerView]:
    """Return all tables, empty ones too."""
    counts = count_rows(workspace.store)
    return [
        LayerView(
            table=schema.table,
            title=schema.title_en,
            title_zh=schema.title_zh,
            geometry=schema.geometry,
            rows=counts[schema.table],
        )
        for schema in SCHEMAS.values()
    ]


@router.get("/layers/{table}", tags=["layers"], responses=_GEOJSON, summary="One layer as GeoJSON")
def read_rows(
    workspace: UsesWorkspace,
    table: str,
    bbox: _Bbox = None,
    limit: Annotated[int, Query(ge=0, le=_MAX_ROWS, description="Rows at the most")] = 10_000,
    offset: Annotated[int, Query(ge=0, le=2**31, description="Rows to leave out before")] = 0,
) -> Response:
    """Return a FeatureCollection in longitude and latitude (RFC 7946); of a table without geometry its rows as objects."""
    schema = SCHEMAS.get(table)
    if schema is None:
        raise NotFoundError("There is no layer '{table}'. See /api/layers.", table=table[:60])
    if bbox is not None and schema.geometry is None:
        raise InvalidRequestError("Layer '{table}' has no geometry: bbox does not apply.", table=table)
    text = layer_geojson(workspace.store, table, _parse_bbox(bbox), limit, offset)
    return Response(text, media_type="application/geo+json" if schema.geometry else "application/json")


@router.get("/layers/{table}/download", tags=["layers"], responses=_FILES, summary="One layer as a file")
def download_layer(
    workspace: UsesWorkspace,
    table: str,
    format: Annotated[ExportFormat, Query(description="Kind of file; a shapefile comes as a zip archive")],  # noqa: A002
    zoning: Annotated[str | None, Query(description="Of department cells: only those of this zoning")] = None,
    lang: Annotated[Language, Query(description="Language of the headings of CSV and workbooks")] = "zh",
) -> Response:
    """Return the whole layer; csv, xlsx and geojson also of tables without places."""
    if table not in SCHEMAS:
        raise NotFoundError("There is no layer '{table}'. See /api/layers.", table=table[:60])
    name, content, media_type = pack_layer(workspace.store, table, f".{format}", zoning_id=zoning, language=lang)
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}"}
    return Response(content, media_type=media_type, headers=headers)


def _parse_bbox(text: str | None) -> tuple[float, float, float, float] | None:
    if text is None:
        return None
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError:
        west = south = east = north = math.nan
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        raise InvalidRequestError(
            "bbox must be west,south,east,north in degrees, west below east and south below north; given was '{given}'.",
            given=text[:100],
        )
    return west, south, east, north


@router.get("/plans", tags=["plans"], summary="Patrol plans, newest first")
def list_plans(workspace: UsesWorkspace) -> list[dict[str, Any]]:
    """Return each plan with its parameters and figures."""
    plans = read_layer(workspace.store, "plan").sort_values("created_at", ascending=False)
    return [_plan_object(row) for row in plans.to_dict("records")]


def _plan_object(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {
        "plan_id": row["plan_id"],
        "created_at": row["created_at"].isoformat(),
        "params": json.loads(row["params"]),
        "summary": worded_report(json.loads(row["summary"])),
    }


@router.get("/plans/{plan_id}", tags=["plans"], summary="One plan with its routes and visits")
def read_plan(workspace: UsesWorkspace, plan_id: str) -> dict[str, Any]:
    """Return the figures of a plan, its routes, and the visits in order; `newest` names the last plan."""
    view = read_view(workspace.store, plan_key(workspace, plan_id))
    plan = _plan_object(view.frames["plan"].to_dict("records")[0])
    for name in ("route", "visit"):
        frame = view.layer(name)
        rows = json.loads(frame.drop(columns=frame.geometry.name).to_json(orient="records"))
        plan[f"{name}s"] = rows
    return plan


def plan_key(workspace: Workspace, plan_id: str) -> str:
    """Return the key of a plan that is there; `newest` names the last one.

    Raises
    ------
    NotFoundError
        It is not.
    """
    plans = read_layer(workspace.store, "plan").sort_values("created_at")["plan_id"].tolist()
    if plan_id == "newest" and plans:
        return str(plans[-1])
    if plan_id not in plans:
        raise NotFoundError("There is no patrol plan '{plan}'. See /api/plans.", plan=plan_id[:60])
    return plan_id


@router.get("/reports/{step}", tags=["project"], summary="Reports of a step, newest first")
def read_reports(workspace: UsesWorkspace, step: Step) -> list[dict[str, Any]]:
    """Return what a step reported each time it ran, its findings in both languages."""
    return [worded_report(report) for report in reversed(read_reports_of_step(workspace.store, step))]

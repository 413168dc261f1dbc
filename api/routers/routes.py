"""What patrol teams take along: each route, and all of a plan, as files and sheets."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Any, Literal
from urllib.parse import quote

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse, Response

from api.route_files import HANDOUT_KINDS, SHEET_POLICY, HandoutKind, SheetLanguage, SheetParams, handouts
from api.routers.project import plan_key
from api.schemas import Problem
from api.workspace import UsesWorkspace
from geo.services.export_routes import ROUTE_FORMATS, pack_files, read_routes, routes_text
from maps.sheet import render_sheet

router = APIRouter(prefix="/api/plans/{plan_id}", tags=["plans"], responses={404: {"model": Problem}})
RouteFormat = Literal["gpx", "kml", "geojson"]
_TEXTS: dict[int | str, dict[str, Any]] = {200: {"content": {kind: {} for kind in ROUTE_FORMATS.values()}}}
_ARCHIVE: dict[int | str, dict[str, Any]] = {200: {"content": {"application/zip": {}}}}
_SHEET: dict[int | str, dict[str, Any]] = {200: {"content": {"text/html": {}}}}
_Language = Annotated[SheetLanguage | None, Query(description="Language in which sheets open")]
_Date = Annotated[dt.date | None, Query(description="Day of the patrol, on sheets; none leaves a line to write on")]


@router.get("/routes.zip", responses=_ARCHIVE, summary="All routes of a plan in one archive")
def read_archive(
    workspace: UsesWorkspace,
    plan_id: str,
    kind: Annotated[list[HandoutKind] | None, Query(description="Kinds of files; none: all of them")] = None,
    lang: _Language = None,
    date: _Date = None,
) -> Response:
    """Return GPX, KML, GeoJSON and sheet of each route, and one file of each kind with all routes but sheets."""
    key = plan_key(workspace, plan_id)
    params = _sheet_params(workspace, lang, date)
    content = pack_files(handouts(read_routes(workspace.store, key), kind or HANDOUT_KINDS, params))
    return Response(content, media_type="application/zip", headers=_attached(f"routes-{_plain(key)}.zip"))


@router.get("/routes.{suffix}", responses=_TEXTS, summary="All routes of a plan in one file")
def read_all(workspace: UsesWorkspace, plan_id: str, suffix: RouteFormat) -> Response:
    """Return every route of a plan as one GPX, KML or GeoJSON file."""
    key = plan_key(workspace, plan_id)
    text = routes_text(read_routes(workspace.store, key), f".{suffix}")
    return Response(text, media_type=ROUTE_FORMATS[f".{suffix}"], headers=_attached(f"routes-{_plain(key)}.{suffix}"))


@router.get("/routes/{number}.html", responses=_SHEET, summary="One route as a sheet to print")
def read_sheet(
    workspace: UsesWorkspace, plan_id: str, number: int, lang: _Language = None, date: _Date = None
) -> Response:
    """Return the A4 sheet of a route: map, visits and instructions; it loads nothing."""
    routes = read_routes(workspace.store, plan_key(workspace, plan_id), number)
    sheet = render_sheet(routes, routes.itineraries[0], _sheet_params(workspace, lang, date))
    return HTMLResponse(sheet, headers={"Content-Security-Policy": SHEET_POLICY, "Cache-Control": "no-cache"})


@router.get("/routes/{number}.{suffix}", responses=_TEXTS, summary="One route for a handheld or a map")
def read_route(workspace: UsesWorkspace, plan_id: str, number: int, suffix: RouteFormat) -> Response:
    """Return one route: its way, its instructions and its visits, in Chinese and English."""
    key = plan_key(workspace, plan_id)
    text = routes_text(read_routes(workspace.store, key, number), f".{suffix}")
    headers = {} if suffix == "geojson" else _attached(f"{_plain(key)}-{number:02d}.{suffix}")
    return Response(text, media_type=ROUTE_FORMATS[f".{suffix}"], headers=headers)


def _sheet_params(workspace: UsesWorkspace, language: SheetLanguage | None, date: dt.date | None) -> SheetParams:
    settings = workspace.settings
    return SheetParams(language or settings.language, settings.base_url, date)


def _attached(name: str) -> dict[str, str]:
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}


def _plain(text: str) -> str:
    return "".join(char for char in text if char.isascii() and char.isalnum())

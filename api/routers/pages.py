"""Pages for people: the console, the maps, the documentation of the API, and the files they load."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote

import jinja2
from fastapi import APIRouter, Header, Query
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from api.console import console_context
from api.errors import NotFoundError
from api.route_files import SHEET_POLICY, SheetParams
from api.wording import phrase
from api.workspace import UsesWorkspace
from geo.services.export_routes import ROUTE_FORMATS, read_routes, routes_text
from maps import PAGES
from maps.labels import label
from maps.sheet import render_sheet

router = APIRouter(include_in_schema=False)
_ROUTE_FILE = re.compile(r"([0-9]{1,6})_.*(\.gpx|\.kml|\.geojson|\.html)")
_HERE = Path(__file__).resolve().parents[1]
_DOCS_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(t=phrase, label=label)
    return environment


@router.get("/", response_class=HTMLResponse)
def show_console(workspace: UsesWorkspace, lang: Literal["zh", "en"] | None = None) -> HTMLResponse:
    """Return the web console."""
    page = _environment().get_template("console.html")
    return HTMLResponse(
        page.render(
            **console_context(),
            pages=PAGES,
            language=lang or workspace.settings.language,
            max_upload_mb=workspace.settings.max_upload_mb,
        )
    )


def error_page(problem: dict[str, Any]) -> str:
    """Return a problem as a page for someone who followed a link."""
    return _environment().get_template("error.html").render(problem=problem)


@router.get("/docs", response_class=HTMLResponse)
def show_documentation() -> HTMLResponse:
    """Return the page of the API documentation, drawn by Swagger UI from local files."""
    return HTMLResponse(
        _environment().get_template("docs.html").render(), headers={"Content-Security-Policy": _DOCS_POLICY}
    )


@router.get("/maps")
@router.get("/maps/")
def show_maps() -> RedirectResponse:
    """Go to the first map page."""
    return RedirectResponse(f"/maps/{PAGES[0]}.html")


@router.get("/maps/{name}.html", response_class=HTMLResponse)
def show_map(
    workspace: UsesWorkspace,
    name: str,
    lang: Annotated[Literal["zh", "en"] | None, Query(description="read by the page's own script")] = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """Return a map page of the project as it is now."""
    if name not in PAGES:
        raise NotFoundError("There is no map page '{name}'. Pages: {pages}.", name=name[:40], pages=", ".join(PAGES))
    page = workspace.pages.read(name)
    headers = {"ETag": page.etag, "Content-Security-Policy": page.policy, "Cache-Control": "no-cache"}
    if if_none_match is not None and page.etag in (tag.strip().removeprefix("W/") for tag in if_none_match.split(",")):
        return Response(status_code=304, headers=headers)
    return HTMLResponse(page.body, headers=headers)


@router.get("/maps/routes/{file}")
def load_route(workspace: UsesWorkspace, file: str) -> Response:
    """Return a route of the newest plan as file or sheet; the digits that begin the name of the file are its number."""
    found = _ROUTE_FILE.fullmatch(file)
    if found is None:
        raise NotFoundError("There is no route file '{name}'.", name=file[:60])
    number, suffix = int(found[1]), found[2]
    routes = read_routes(workspace.store, None, number)
    if suffix == ".html":
        params = SheetParams(workspace.settings.language, workspace.settings.base_url)
        sheet = render_sheet(routes, routes.itineraries[0], params)
        return HTMLResponse(sheet, headers={"Content-Security-Policy": SHEET_POLICY, "Cache-Control": "no-cache"})
    headers = {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(file, safe='')}"}
    return Response(routes_text(routes, suffix), media_type=ROUTE_FORMATS[suffix], headers=headers)


@router.get("/healthz")
def tell_health(workspace: UsesWorkspace) -> dict[str, str]:
    """Answer that the server is up, and whether there is a project."""
    return {"status": "ok", "project": "present" if workspace.store.exists() else "absent"}

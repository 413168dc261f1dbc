"""The application: routes, checks at the door, and one shape of error."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException

import maps
from api.errors import (
    UNEXPECTED,
    InternalError,
    InvalidRequestError,
    MethodError,
    NotFoundError,
    invalid_request,
    problem_of,
)
from api.routers import columns, jobs, pages, project, routes
from api.schemas import Problem, body_class, describe_fields
from api.security import BodyLimit, LoopbackGuard
from api.settings import Settings
from api.workspace import Workspace, refuse_unknown_query
from geo.errors import YiwangError

_log = logging.getLogger("yiwang.api")
VERSION = "0.1.0"
_HERE = Path(__file__).resolve().parent


def create_app(settings: Settings) -> FastAPI:
    """Return the application that serves one project; its worker processes start with the server.

    Raises
    ------
    ParameterError
        The address of the project is of no known kind.
    AssetError
        The web assets were never fetched; the message names the command.
    """
    workspace = Workspace(settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        workspace.start()
        try:
            yield
        finally:
            await run_in_threadpool(workspace.close)

    app = FastAPI(
        title="一网 yiwang",
        version=VERSION,
        summary="Unify departmental grids, plan patrols over real streets, show it all on offline maps.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        dependencies=[Depends(refuse_unknown_query)],
        responses={422: {"model": Problem, "description": "A parameter or body does not fit"}},
    )
    app.state.workspace = workspace
    app.include_router(jobs.router)
    app.include_router(project.router)
    app.include_router(routes.router)
    app.include_router(columns.router)
    app.include_router(pages.router)
    app.mount("/maps/assets", StaticFiles(directory=maps.assets_directory()), name="assets")
    app.mount("/static/maps", StaticFiles(directory=Path(maps.__file__).parent / "static"), name="map-static")
    app.mount("/static", StaticFiles(directory=_HERE / "static"), name="static")
    _add_error_answers(app)
    app.openapi = _described(app)  # type: ignore[method-assign]
    app.add_middleware(
        BodyLimit,
        upload_paths=(jobs.UPLOAD_PATH, columns.UPLOAD_PATH),
        max_upload_bytes=settings.max_upload_mb * 1_000_000,
    )
    app.add_middleware(LoopbackGuard)
    return app


def _described(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """Return the function that makes the OpenAPI document: all bodies in it, and what each parameter means."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title=app.title, version=app.version, summary=app.summary, routes=app.routes, openapi_version="3.1.0"
            )
            jobs.add_import_schema(document, body_class("import"))
            describe_fields(document)
            app.openapi_schema = document
        return app.openapi_schema

    return openapi


def _add_error_answers(app: FastAPI) -> None:
    """Turn everything that can go wrong into a problem, or into a page when a person follows a link."""

    @app.exception_handler(YiwangError)
    def answer_own(request: Request, error: YiwangError) -> Response:
        problem = problem_of(error)
        if problem["status"] == 500:
            _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return _answer(request, problem)

    @app.exception_handler(RequestValidationError)
    def answer_invalid(request: Request, error: RequestValidationError) -> Response:
        return _answer(request, problem_of(invalid_request(error.errors())))

    @app.exception_handler(HTTPException)
    def answer_http(request: Request, error: HTTPException) -> Response:
        if isinstance(error.__cause__, YiwangError):  # raised while the body was read
            return _answer(request, problem_of(error.__cause__))
        return _answer(request, problem_of(_http_error(request, error)), dict(error.headers or {}))

    @app.exception_handler(Exception)
    def answer_unexpected(request: Request, error: Exception) -> Response:
        _log.error("%s %s failed unexpectedly", request.method, request.url.path, exc_info=error)
        return _answer(request, problem_of(InternalError(UNEXPECTED)))


def _http_error(request: Request, error: HTTPException) -> YiwangError:
    if error.status_code == 404:
        return NotFoundError("There is nothing at '{path}'.", path=request.url.path[:200])
    if error.status_code == 405:
        return MethodError("'{path}' does not know {method}.", path=request.url.path[:200], method=request.method)
    if error.status_code < 500:
        return InvalidRequestError("The request cannot be read: {reason}.", reason=str(error.detail)[:200])
    return InternalError(UNEXPECTED)


def _answer(request: Request, problem: dict[str, Any], headers: dict[str, str] | None = None) -> Response:
    wants_page = "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")
    if wants_page and request.method == "GET":
        return HTMLResponse(pages.error_page(problem), status_code=problem["status"], headers=headers)
    return JSONResponse(problem, status_code=problem["status"], media_type="application/problem+json", headers=headers)

"""Jobs: start a step, follow it, cancel it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, UploadFile
from fastapi.responses import StreamingResponse
from pydantic import TypeAdapter, ValidationError
from starlette.concurrency import run_in_threadpool

from api.errors import invalid_request
from api.jobs.services import SERVICES
from api.schemas import STEP_TITLES, JobView, Problem, body_class, params_of, view_job
from api.uploads import StoredUpload, Upload, store_upload
from api.workspace import UsesWorkspace, Workspace

router = APIRouter(prefix="/api/jobs", tags=["jobs"])
UPLOAD_PATH = "/api/jobs/import"
_POLL_S = 0.2
_HEARTBEAT_POLLS = 50
_REFUSALS: dict[int | str, dict[str, Any]] = {
    413: {"model": Problem, "description": "The upload is too large"},
    503: {"model": Problem, "description": "Too many jobs wait"},
}


@router.get("", summary="All jobs, newest first")
def list_jobs(workspace: UsesWorkspace) -> list[JobView]:
    """Return the jobs since the server started, the last 200 at the most."""
    return workspace.jobs.read_all(view_job)


@router.post("/import", status_code=202, responses=_REFUSALS, summary="Upload a layer and import it")
async def start_import(
    workspace: UsesWorkspace,
    files: Annotated[
        list[UploadFile],
        File(description="One layer: .zip, .gpkg, .geojson, .csv …, or .shp with its .dbf, .shx, .prj and .cpg"),
    ],
    params: Annotated[
        str, Form(description="JSON object: the schema ImportParams", examples=['{"kind": "community"}'])
    ],
) -> JobView:
    """Keep the files in a folder of the job and queue their import."""
    try:
        body = TypeAdapter(body_class("import")).validate_json(params)
    except ValidationError as error:
        found = [{**item, "loc": ("params", *item["loc"])} for item in error.errors(include_url=False)]
        raise invalid_request(found) from error
    workspace.jobs.require_room()
    uploads = [Upload(upload.filename or "", upload.file) for upload in files]
    stored = await run_in_threadpool(store_upload, uploads, workspace.uploads)
    return _started(workspace, "import", params_of("import", body), stored)


def _started(workspace: Workspace, step: str, params: Any, stored: StoredUpload | None = None) -> JobView:
    upload = (stored.main, stored.folder, stored.main.name) if stored is not None else ()
    job = workspace.jobs.submit(step, workspace.store.url, params, *upload)
    return workspace.jobs.read(job.id, view_job)


def _add_step(step: str) -> None:
    """Add the address that starts a step; its body is the parameter dataclass of the step's service."""

    def start_step(workspace: UsesWorkspace, params: Any) -> JobView:
        return _started(workspace, step, params_of(step, params))

    start_step.__annotations__["params"] = body_class(step)
    start_step.__doc__ = (SERVICES[step].__doc__ or "").partition("\n")[0]
    router.add_api_route(
        f"/{step}",
        start_step,
        methods=["POST"],
        status_code=202,
        responses={503: _REFUSALS[503]},
        name=f"start_{step}",
        summary=f"Start the step: {STEP_TITLES[step]}",
    )


for _step in SERVICES:
    if _step != "import":
        _add_step(_step)


@router.get("/{job_id}", summary="One job with its progress, and its report when it is done")
def read_job(workspace: UsesWorkspace, job_id: str) -> JobView:
    """Return a job."""
    return workspace.jobs.read(job_id, view_job)


@router.get(
    "/{job_id}/events",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {}}, "description": "An event `job` at each change, until the end"}
    },
    summary="Follow a job: server-sent events",
)
async def follow_job(workspace: UsesWorkspace, job_id: str) -> StreamingResponse:
    """Send the job at once and whenever it changes; the stream ends with the job."""
    workspace.jobs.read(job_id, view_job)
    return StreamingResponse(
        _events(workspace, job_id), media_type="text/event-stream", headers={"X-Accel-Buffering": "no"}
    )


async def _events(workspace: Workspace, job_id: str) -> AsyncIterator[str]:
    seen, quiet = (-1, -1), 0
    while not workspace.jobs.is_closing:
        now, view, is_finished = workspace.jobs.read(
            job_id, lambda job, position: ((job.version, position), view_job(job, position), job.is_finished)
        )
        if now != seen:
            seen, quiet = now, 0
            yield f"event: job\nid: {now[0]}\ndata: {json.dumps(view.model_dump(mode='json'), ensure_ascii=False)}\n\n"
        if is_finished:
            return
        quiet += 1
        if quiet % _HEARTBEAT_POLLS == 0:
            yield ": still here\n\n"
        await asyncio.sleep(_POLL_S)


@router.delete("/{job_id}", status_code=202, summary="Cancel a job")
def cancel_job(workspace: UsesWorkspace, job_id: str) -> JobView:
    """Stop a job: one that waits at once, one that runs as soon as it listens, and by force when it does not.

    A plan that is stopped while it improves ends as done, with its best routes so far (`stopped_early`).
    """
    workspace.jobs.cancel(job_id)
    return workspace.jobs.read(job_id, view_job)


def add_import_schema(document: dict[str, Any], body: Any) -> None:
    """Add the schema of an import's parameters to an OpenAPI document: they come as text in a form."""
    schemas = document["components"]["schemas"]
    schema = TypeAdapter(body).json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(schema.pop("$defs", {}))
    schemas[schema["title"]] = schema

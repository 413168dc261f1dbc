"""Columns of a file before it is imported, and the mappings kept with the project."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import asdict, field
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, File, Form, Query, UploadFile
from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from starlette.concurrency import run_in_threadpool

from api.errors import invalid_request
from api.schemas import Problem
from api.uploads import Upload, store_upload
from api.wording import worded_report
from api.workspace import UsesWorkspace, Workspace
from geo.services.column_profiles import (
    ColumnProfile,
    delete_profile,
    list_profiles,
    propose_columns,
    read_profile,
    save_profile,
)
from geo.services.import_layer import SourceParams

router = APIRouter(prefix="/api", tags=["columns"], responses={404: {"model": Problem, "description": "Not there"}})
UPLOAD_PATH = "/api/columns"


@dataclass(config=ConfigDict(extra="forbid"), frozen=True)
class ColumnQuestion:
    """What to look at a file for: the kind of layer, how to read it, a profile to apply and corrections."""

    kind: str
    source: SourceParams = field(default_factory=SourceParams)
    columns: Mapping[str, str] = field(default_factory=dict)
    profile: str = ""


@dataclass(config=ConfigDict(extra="forbid"), frozen=True)
class ProfileBody:
    """A mapping with a name: column here → column of the file, empty text to leave one open."""

    name: str
    kind: str
    columns: Mapping[str, str]


@router.post("/columns", summary="Upload a layer and see how its columns would be taken; nothing is stored")
async def preview_columns(
    workspace: UsesWorkspace,
    files: Annotated[list[UploadFile], File(description="One layer, as for an import")],
    params: Annotated[
        str, Form(description="JSON object: kind, source, columns, profile", examples=['{"kind": "zoning"}'])
    ],
) -> dict[str, Any]:
    """Return the columns with a few values (never of personal columns), the mapping, and what is missing."""
    try:
        question = TypeAdapter(ColumnQuestion).validate_json(params)
    except ValidationError as error:
        found = [{**item, "loc": ("params", *item["loc"])} for item in error.errors(include_url=False)]
        raise invalid_request(found) from error
    uploads = [Upload(upload.filename or "", upload.file) for upload in files]
    stored = await run_in_threadpool(store_upload, uploads, workspace.uploads)
    try:
        return await run_in_threadpool(_proposal, workspace, stored.main, question)
    finally:
        await run_in_threadpool(shutil.rmtree, stored.folder, ignore_errors=True)


def _proposal(workspace: Workspace, path: Path, question: ColumnQuestion) -> dict[str, Any]:
    profile = read_profile(workspace.store, question.kind, question.profile) if question.profile else None
    proposal = propose_columns(path, question.kind, question.source, question.columns, profile)
    return worded_report(proposal.as_json())


@router.get("/profiles", summary="Column profiles of the project")
def list_column_profiles(workspace: UsesWorkspace) -> list[dict[str, Any]]:
    """Return the kept mappings by kind and name; none before the first import."""
    return [asdict(profile) for profile in list_profiles(workspace.store)]


@router.put("/profiles", summary="Keep a column profile; one of the same kind and name is replaced")
def put_column_profile(workspace: UsesWorkspace, body: ProfileBody) -> dict[str, Any]:
    """Return the profile as kept."""
    profile = ColumnProfile(body.name, body.kind, dict(body.columns))
    save_profile(workspace.store, profile)
    return asdict(profile)


@router.delete("/profiles", status_code=204, summary="Remove a column profile")
def remove_column_profile(
    workspace: UsesWorkspace,
    kind: Annotated[str, Query(description="Kind of layer")],
    name: Annotated[str, Query(description="Name of the profile")],
) -> None:
    """Remove a profile."""
    delete_profile(workspace.store, kind, name)

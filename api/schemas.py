"""What goes over the wire: bodies are the services' own parameter dataclasses; answers are described here."""

from __future__ import annotations

import dataclasses
import re
from datetime import datetime
from functools import cache
from typing import Any, Literal, cast, get_type_hints

from pydantic import BaseModel, ConfigDict, Field
from pydantic.dataclasses import dataclass as pydantic_dataclass

from api.jobs.job import Job, State
from api.jobs.services import SERVICES
from api.wording import worded_report
from geo.model.text import translate

STEP_TITLES = {
    "import": "Import",
    "unify": "Unify",
    "edit": "Edit cells",
    "network": "Street network",
    "risk": "Risk",
    "plan": "Patrol plan",
}
Step = Literal["import", "unify", "edit", "network", "risk", "plan"]


class Problem(BaseModel):
    """What went wrong (RFC 9457, application/problem+json)."""

    type: str = Field(description="URN of the kind of problem", examples=["urn:yiwang:problem:crs"])
    title: str = Field(description="Name of the HTTP status")
    status: int = Field(description="HTTP status")
    code: str = Field(description="Stable code of the error class", examples=["crs"])
    detail: str = Field(description="What happened, where, and what to do, in English")
    detail_zh: str = Field(description="The same in Chinese")
    context: dict[str, Any] = Field(
        description="Values in the text; of an invalid request also `errors`, one per field"
    )


class JobProgress(BaseModel):
    """How far a job is."""

    message: str = Field(description="What it is doing, in English")
    message_zh: str = Field(description="The same in Chinese")
    fraction: float = Field(ge=0, le=1, description="Share done, 0–1")


class JobView(BaseModel):
    """One job."""

    id: str
    number: int = Field(description="Number since the server started")
    step: Step
    title: str
    title_zh: str
    subject: str = Field(description="Name of the uploaded file of an import")
    state: State
    position: int = Field(description="Jobs before it in the queue")
    progress: JobProgress
    cancel_requested: bool
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    result: dict[str, Any] | None = Field(description="Report of the step, its findings in both languages")
    error: Problem | None = Field(description="Why it failed")


def view_job(job: Job, position: int) -> JobView:
    """Return a job as answers show it."""
    title = STEP_TITLES[job.order.step]
    return JobView(
        id=job.id,
        number=job.order.number,
        step=cast("Step", job.order.step),
        title=title,
        title_zh=translate(title, "zh", "api"),
        subject=job.subject,
        state=job.state,
        position=position,
        progress=JobProgress(
            message=job.message, message_zh=translate(job.message, "zh") if job.message else "", fraction=job.fraction
        ),
        cancel_requested=job.cancel_requested,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        result=worded_report(job.result) if job.result is not None else None,
        error=Problem(**job.error) if job.error is not None else None,
    )


@cache
def params_class(step: str) -> Any:
    """Return the parameter dataclass of a step: that in the signature of its service."""
    return get_type_hints(SERVICES[step])["params"]


@cache
def body_class(step: str) -> Any:
    """Return the parameter dataclass of a step as a type for bodies: the same fields, no others, finite numbers only."""
    config = ConfigDict(extra="forbid", allow_inf_nan=False)
    return pydantic_dataclass(config=config, frozen=True)(params_class(step))


def params_of(step: str, body: Any) -> Any:
    """Return a body as the service's own class, which other processes know."""
    cls = params_class(step)
    return cls(**{field.name: getattr(body, field.name) for field in dataclasses.fields(cls)})


def describe_fields(document: dict[str, Any]) -> None:
    """Put the meaning of each parameter, as its dataclass tells it, into an OpenAPI document."""
    schemas = document.get("components", {}).get("schemas", {})
    for cls in {found for step in SERVICES for found in _dataclasses_in(params_class(step))}:
        schema = schemas.get(cls.__name__)
        if schema is None:
            continue
        documentation = cls.__doc__ or ""
        schema["description"] = documentation.strip().split("\n", 1)[0]
        for name, meaning in _attributes_of(documentation).items():
            if name in schema.get("properties", {}):
                schema["properties"][name]["description"] = meaning


def _dataclasses_in(cls: Any) -> list[Any]:
    found = [cls]
    for hint in get_type_hints(cls).values():
        for part in (hint, *getattr(hint, "__args__", ())):
            if dataclasses.is_dataclass(part):
                found.extend(_dataclasses_in(part))
    return found


def _attributes_of(documentation: str) -> dict[str, str]:
    """Return name → meaning from the section ``Attributes`` of a NumPy docstring."""
    _, _, section = documentation.partition("Attributes\n")
    found: dict[str, str] = {}
    for block in re.split(r"\n(?=    \S)", section):
        head, _, body = block.strip("\n").partition("\n")
        meaning = " ".join(body.replace("``", "`").split())
        if meaning and not head.strip().startswith("---"):
            found.update(dict.fromkeys((name.strip() for name in head.split(",")), meaning))
    return found

"""What a job is: an order, a state, its progress and its outcome."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

State = Literal["queued", "running", "done", "failed", "cancelled"]
STATES: tuple[State, ...] = get_args(State)
FINISHED: frozenset[State] = frozenset({"done", "failed", "cancelled"})


@dataclass(frozen=True)
class Order:
    """What a worker shall do.

    Attributes
    ----------
    number
        Of the job, from 1.
    step
        Key of :data:`api.jobs.services.SERVICES`.
    url
        Of the project.
    params
        The service's own parameter dataclass.
    file
        Main file of an import.
    folder
        Folder of the upload, removed when the job ends; also the worker's place for temporary files.
    """

    number: int
    step: str
    url: str
    params: Any
    file: Path | None = None
    folder: Path | None = None


@dataclass
class Job:
    """One job; changed by the queue only, under its lock.

    Attributes
    ----------
    id
        Key in addresses.
    order
        What is done.
    subject
        What it is about, for people: the name of the uploaded file.
    state, message, fraction
        How far it is; ``message`` is an English message id of the ``geo`` catalogue.
    cancel_requested
        Whether the user asked to stop it.
    result
        Report of the service as a JSON object.
    error
        Problem details (RFC 9457) when it failed.
    version
        Counts the changes, so that followers know when to look.
    """

    id: str
    order: Order
    subject: str = ""
    state: State = "queued"
    message: str = ""
    fraction: float = 0.0
    cancel_requested: bool = False
    result: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    started_at: datetime | None = None
    finished_at: datetime | None = None
    version: int = 0

    @property
    def is_finished(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in FINISHED

"""What the routers share: the project, the jobs, the cached pages and the settings of one running server."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

from fastapi import Depends, Request
from fastapi.routing import APIRoute

from api.errors import InvalidRequestError, invalid_request
from api.jobs import JobQueue
from api.jobs.queue import QueueParams
from api.pages import PageCache
from api.settings import Settings
from geo.services.project import open_project


class Workspace:
    """One served project.

    Attributes
    ----------
    settings
        Of the server.
    store
        The project; it may not exist yet.
    jobs
        The queue.
    pages
        Rendered map pages.
    uploads
        Folder of the uploads.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.store = open_project(settings.database_url)
        self.pages = PageCache(self.store)
        self.jobs = JobQueue(
            QueueParams(
                workers=settings.workers,
                time_limit_s=settings.job_time_limit_s,
                cancel_grace_s=settings.job_cancel_grace_s,
                max_queued=settings.max_queued_jobs,
            )
        )
        self._own_uploads = settings.upload_dir is None
        self.uploads = settings.upload_dir or Path()

    def start(self) -> None:
        """Start the workers and make the folder of the uploads."""
        if self._own_uploads:
            self.uploads = Path(tempfile.mkdtemp(prefix="yiwang-uploads-"))
        self.uploads.mkdir(parents=True, exist_ok=True)
        self.jobs.start()

    def close(self) -> None:
        """Stop the jobs and leave nothing behind."""
        self.jobs.close()
        self.store.close()
        if self._own_uploads:
            shutil.rmtree(self.uploads, ignore_errors=True)


def _workspace_of(request: Request) -> Workspace:
    found: Workspace = request.app.state.workspace
    return found


UsesWorkspace = Annotated[Workspace, Depends(_workspace_of)]


def refuse_unknown_query(request: Request) -> None:
    """Refuse query parameters that the route does not know: a misspelt one would be ignored silently.

    Raises
    ------
    InvalidRequestError
        There is one.
    """
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    known = {field.alias for field in route.dependant.query_params}
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        error: InvalidRequestError = invalid_request(
            [{"type": "extra_forbidden", "loc": ("query", name)} for name in unknown]
        )
        raise error

"""The queue: which job runs where and when, and what becomes of it."""

from __future__ import annotations

import logging
import secrets
import shutil
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

from api.errors import UNEXPECTED, InternalError, NotFoundError, QueueFullError, TimeLimitError, problem_of
from api.jobs.job import Job, Order, State
from api.jobs.slot import KilledError, Slot, Wish
from api.jobs.worker import Told
from geo.errors import CancelledError, YiwangError

_log = logging.getLogger("yiwang.jobs")
T = TypeVar("T")
_KEPT = 200
_FINISHING_FACTOR = 12


@dataclass(frozen=True)
class QueueParams:
    """Limits of the queue.

    Attributes
    ----------
    workers
        Processes.
    time_limit_s
        Longest run; then the job is stopped as if cancelled.
    cancel_grace_s
        How long a job may take to notice a stop before it is killed. When it has noticed, it has twelve times as long to
        bring its best result home.
    max_queued
        Jobs that may wait.
    """

    workers: int
    time_limit_s: float
    cancel_grace_s: float
    max_queued: int


class JobQueue:
    """Runs jobs in the order they came, one at a time for each project; keeps the last 200 in memory."""

    def __init__(self, params: QueueParams) -> None:
        self._params = params
        self._jobs: dict[str, Job] = {}
        self._numbers = count(1)
        self._changed = threading.Condition()
        self._closing = False
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start the worker processes."""
        for number in range(self._params.workers):
            thread = threading.Thread(target=self._serve, name=f"yiwang-jobs-{number}", daemon=True)
            self._threads.append(thread)
            thread.start()

    def close(self) -> None:
        """Cancel what waits, kill what runs, and end the processes. Stores stay whole: all writes are transactions."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    @property
    def is_closing(self) -> bool:
        """Whether the server is going down."""
        return self._closing

    def require_room(self) -> None:
        """Refuse a job when too many wait.

        Raises
        ------
        QueueFullError
            So it is.
        """
        with self._changed:
            waiting = sum(job.state == "queued" for job in self._jobs.values())
        if waiting >= self._params.max_queued or self._closing:
            raise QueueFullError("{count} jobs wait already. Try again when some are done.", count=waiting)

    def submit(
        self, step: str, url: str, params: Any, file: Path | None = None, folder: Path | None = None, subject: str = ""
    ) -> Job:
        """Queue a job; the folder of its upload belongs to it from now on.

        Raises
        ------
        QueueFullError
            Too many jobs wait.
        """
        self.require_room()
        with self._changed:
            order = Order(next(self._numbers), step, url, params, file, folder)
            job = Job(secrets.token_hex(8), order, subject)
            self._jobs[job.id] = job
            self._forget_old()
            self._changed.notify_all()
        return job

    def _forget_old(self) -> None:
        finished = [job.id for job in self._jobs.values() if job.is_finished]
        for job_id in finished[: max(0, len(self._jobs) - _KEPT)]:
            del self._jobs[job_id]

    def read(self, job_id: str, view: Callable[[Job, int], T]) -> T:
        """Return a view of a job, taken under the lock; the second argument is the number of jobs before it.

        Raises
        ------
        NotFoundError
            There is no such job.
        """
        with self._changed:
            job = self._find(job_id)
            return view(job, self._position(job))

    def read_all(self, view: Callable[[Job, int], T]) -> list[T]:
        """Return a view of every job, newest first."""
        with self._changed:
            return [view(job, self._position(job)) for job in reversed(self._jobs.values())]

    def _find(self, job_id: str) -> Job:
        if job_id not in self._jobs:
            raise NotFoundError(
                "There is no job '{job}'. The server forgets its jobs when it restarts.", job=job_id[:40]
            )
        return self._jobs[job_id]

    def _position(self, job: Job) -> int:
        if job.state != "queued":
            return 0
        before = (other for other in self._jobs.values() if other.order.number < job.order.number)
        return sum(not other.is_finished for other in before)

    def cancel(self, job_id: str) -> None:
        """Stop a job: one that waits at once, one that runs as soon as it listens. A finished one stays as it is.

        Raises
        ------
        NotFoundError
            There is no such job.
        """
        with self._changed:
            job = self._find(job_id)
            if job.is_finished:
                return
            self._touch(job, cancel_requested=True)
            if job.state == "queued":
                self._finish(job, "cancelled")

    def _touch(self, job: Job, **values: Any) -> None:
        for name, value in values.items():
            setattr(job, name, value)
        job.version += 1

    def _finish(self, job: Job, state: State, **values: Any) -> None:
        if job.order.folder is not None:
            shutil.rmtree(job.order.folder, ignore_errors=True)
        self._touch(job, state=state, finished_at=datetime.now(UTC), **values)
        self._changed.notify_all()

    def _serve(self) -> None:
        """Run jobs until the queue closes; one thread for each slot."""
        slot = Slot()
        try:
            while (job := self._next_job()) is not None:
                self._run(slot, job)
        finally:
            slot.close()

    def _next_job(self) -> Job | None:
        """Wait for a job whose project is idle and mark it as running; None when the queue closes."""
        with self._changed:
            while True:
                if self._closing:
                    for job in self._jobs.values():
                        if job.state == "queued":
                            self._finish(job, "cancelled")
                    return None
                busy = {job.order.url for job in self._jobs.values() if job.state == "running"}
                for job in self._jobs.values():
                    if job.state == "queued" and job.order.url not in busy:
                        self._touch(job, state="running", started_at=datetime.now(UTC))
                        return job
                self._changed.wait()

    def _run(self, slot: Slot, job: Job) -> None:
        watch = _Watch(self, job, self._params)
        state: State = "failed"
        values: dict[str, Any] = {}
        try:
            values["result"] = slot.run(job.order, watch.tell, watch.wish)
            values["fraction"] = 1.0
            state = "done"
        except (CancelledError, KilledError):
            if watch.is_late:
                values["error"] = problem_of(
                    TimeLimitError(
                        "The job was stopped after {limit_s:g} s. Nothing was stored. Give it less to do, or have the "
                        "administrator raise YIWANG_JOB_TIME_LIMIT_S.",
                        limit_s=self._params.time_limit_s,
                    )
                )
            else:
                state = "cancelled"
        except YiwangError as error:
            _log.warning("job %s (%s) failed: %s", job.id, job.order.step, error)
            values["error"] = problem_of(_without_folder(error, job.order.folder))
        except Exception:
            _log.exception("job %s (%s) failed unexpectedly", job.id, job.order.step)
            values["error"] = problem_of(InternalError(UNEXPECTED))
        with self._changed:
            self._finish(job, state, **values)

    def tell(self, job: Job, told: Told) -> None:
        """Take progress of a job."""
        with self._changed:
            self._touch(job, message=told.message, fraction=min(max(told.fraction, job.fraction), 1.0))


class _Watch:
    """Follows one running job: when to ask it to stop, when to kill it."""

    def __init__(self, queue: JobQueue, job: Job, params: QueueParams) -> None:
        self._queue = queue
        self._job = job
        self._params = params
        self._started = time.monotonic()
        self._stopped: float | None = None
        self._has_reacted = False
        self.is_late = False

    def tell(self, told: Told) -> None:
        """Take what the worker tells."""
        if told.number == self._job.order.number:
            self._has_reacted = self._has_reacted or told.reacted
            self._queue.tell(self._job, told)

    def wish(self) -> Wish:
        """Return what is wanted of the worker now."""
        if self._queue.is_closing:
            return "kill"
        now = time.monotonic()
        if self._stopped is None:
            self.is_late = not self._job.cancel_requested and now - self._started > self._params.time_limit_s
            if not (self.is_late or self._job.cancel_requested):
                return "go_on"
            self._stopped = now
        grace_s = self._params.cancel_grace_s * (_FINISHING_FACTOR if self._has_reacted else 1)
        return "kill" if now - self._stopped > grace_s else "stop"


def _without_folder(error: YiwangError, folder: Path | None) -> YiwangError:
    """Return the error without the folder of the upload, which means nothing to the user."""
    if folder is None:
        return error
    context = {
        key: value.replace(f"{folder}/", "").replace(str(folder), "") if isinstance(value, str) else value
        for key, value in error.context.items()
    }
    return type(error)(error.template, **context)

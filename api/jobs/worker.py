"""What runs in the process of a worker: one service at a time, its progress told through a pipe.

The services are imported by the first task, not with this module: a worker tells its number before that, so that it can
be ended at any time.
"""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol

from api.jobs.job import Order
from geo.errors import CancelledError
from geo.model.progress import Progress

_MIN_INTERVAL_S = 0.1


class StopFlag(Protocol):
    """A number in memory that server and worker share: that of the job which shall stop, 0 for none."""

    value: int


@dataclass(frozen=True)
class Told:
    """What a worker tells: its process once, then progress; ``reacted`` says that a stop has been noticed."""

    pid: int = 0
    number: int = 0
    message: str = ""
    fraction: float = 0.0
    reacted: bool = False


@dataclass
class _Line:
    """The worker's ends of what it shares with the server."""

    sender: Connection
    stop: StopFlag


_lines: list[_Line] = []


def start_worker(sender: Connection, stop: StopFlag) -> None:
    """Get a fresh process ready: interrupts are the server's business, and without a server there is nothing to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True, name="watch-parent").start()
    _lines.append(_Line(sender, stop))
    sender.send(Told(pid=os.getpid()))


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def warm_up() -> None:
    """Import the services, which takes seconds; the first job then starts at once."""
    import api.jobs.services  # noqa: F401, PLC0415


def run_order(order: Order) -> dict[str, Any]:
    """Run a service and return its report as a JSON object.

    Raises
    ------
    YiwangError
        What the service raises.
    """
    from api.jobs.services import SERVICES, open_project  # noqa: PLC0415

    tempfile.tempdir = str(order.folder) if order.folder is not None else None  # gone with the job, even when killed
    progress = _progress_of(order.number)
    with open_project(order.url) as store:
        service: Any = SERVICES[order.step]
        if order.step == "import":
            report = service(store, order.file, order.params, progress)
        else:
            report = service(store, order.params, progress)
    result: dict[str, Any] = report.as_json()
    return result


def _progress_of(number: int) -> Progress:
    """Return the progress of a job; it asks once to stop, so that a planner can finish with its best plan so far."""
    line = _lines[0]
    last_message, last_at, has_raised = "", 0.0, False

    def progress(message: str, fraction: float) -> None:
        nonlocal last_message, last_at, has_raised
        if line.stop.value == number and not has_raised:
            has_raised = True
            line.sender.send(Told(number=number, message=message, fraction=fraction, reacted=True))
            raise CancelledError("The step was stopped.")
        now = time.monotonic()
        if message != last_message or now - last_at >= _MIN_INTERVAL_S:
            last_message, last_at = message, now
            line.sender.send(Told(number=number, message=message, fraction=float(fraction)))

    return progress

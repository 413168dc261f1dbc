"""A body is counted while it streams: an endless one ends at the limit, and the application never sees the rest."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from api.errors import TooLargeError
from api.security import BodyLimit

LIMIT = 5_000_000
BLOCK = b"x" * 100_000
DRAINED = 64_000_000


def pour(limit: int, announced: bytes | None) -> dict[str, Any]:
    """Run :func:`pour_body` in a thread, because browser tests leave an event loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(pour_body(limit, announced))).result()


async def pour_body(limit: int, announced: bytes | None) -> dict[str, Any]:
    """Send a body without end through the limit; return what was asked for, passed on, and answered."""
    seen: dict[str, Any] = {"asked": 0, "passed": 0, "sent": []}

    async def receive() -> dict[str, Any]:
        seen["asked"] += len(BLOCK)
        return {"type": "http.request", "body": BLOCK, "more_body": True}

    async def send(message: Any) -> None:
        seen["sent"].append(message)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        while True:
            seen["passed"] += len((await receive())["body"])

    headers = [] if announced is None else [(b"content-length", announced)]
    scope = {"type": "http", "path": "/upload", "headers": headers}
    try:
        await BodyLimit(application, ("/upload",), limit)(scope, receive, send)
    except TooLargeError as error:
        seen["error"] = error
    return seen


def test_endless_body_stops_at_the_limit() -> None:
    seen = pour(LIMIT, None)
    assert seen["error"].context == {"limit_mb": 5.0}
    assert seen["passed"] == LIMIT
    assert seen["asked"] <= LIMIT + DRAINED + 2 * len(BLOCK)


@pytest.mark.parametrize("announced", [b"1000", b"-5", b"nonsense"])
def test_a_lying_size_does_not_help(announced: bytes) -> None:
    assert pour(LIMIT, announced)["passed"] == LIMIT


def test_an_announced_size_is_refused_unseen() -> None:
    seen = pour(LIMIT, b"6000000")
    assert (seen["passed"], seen["sent"][0]["status"]) == (0, 413)

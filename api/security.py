"""What protects a server that only this machine may use: host and origin checks, limits and headers."""

from __future__ import annotations

import json
import re
from collections.abc import MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import ForeignHostError, ForeignOriginError, TooLargeError, problem_of
from api.settings import is_loopback
from geo.errors import YiwangError

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_PAGES_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
_SMALL_BODY_BYTES = 1_000_000
_DRAINED_BYTES = 64_000_000
_HOST = re.compile(r"^(?P<name>\[[0-9a-fA-F:.]+\]|[^:\[\]/@\s]+)(?::\d{1,5})?$")


class LoopbackGuard:
    """Refuses requests that another site or another machine may have caused, and adds the security headers.

    A browser sends the name that the user sees as ``Host``: a site that lets its name point to 127.0.0.1 (DNS rebinding)
    is known by it. ``Origin`` and ``Sec-Fetch-Site`` tell whose page sent a change.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request and pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Content-Security-Policy", OWN_PAGES_POLICY)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        error = refusal_of(scope["method"], Headers(scope=scope))
        if error is not None:
            await send_problem(error, send_guarded)
        else:
            await self._app(scope, receive, send_guarded)


def refusal_of(method: str, headers: Headers) -> YiwangError | None:
    """Return why a request is refused, or None."""
    host = headers.get("host", "")
    match = _HOST.match(host)
    if match is None or not is_loopback(match["name"]):
        return ForeignHostError(
            "This server answers only as localhost or 127.0.0.1, not as '{host}'. Open it under that name.",
            host=host[:100],
        )
    if method in SAFE_METHODS:
        return None
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    is_foreign = site is not None and site not in ("same-origin", "none")
    if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
        is_foreign = True
    if is_foreign:
        return ForeignOriginError("A page of another site sent this request; it is refused.")
    return None


class BodyLimit:
    """Stops reading a body that is larger than allowed: uploads up to a setting, everything else up to 1 MB."""

    def __init__(self, app: ASGIApp, upload_paths: tuple[str, ...], max_upload_bytes: int) -> None:
        self._app = app
        self._upload_paths = upload_paths
        self._max_upload_bytes = max_upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the bytes of a request and pass it on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._max_upload_bytes if scope["path"] in self._upload_paths else _SMALL_BODY_BYTES
        announced = Headers(scope=scope).get("content-length", "0")
        error = TooLargeError(
            "The upload is larger than {limit_mb:g} MB. Split it, or have the administrator raise YIWANG_MAX_UPLOAD_MB.",
            limit_mb=limit / 1e6,
        )
        if announced.isdigit() and int(announced) > limit:
            await _drain(receive)
            await send_problem(error, send)
            return
        read = 0

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > limit:
                await _drain(receive)
                raise error
            return message

        await self._app(scope, counted, send)


async def _drain(receive: Receive) -> None:
    """Read on for a while: a browser that is cut off while sending shows no answer."""
    read = 0
    while read < _DRAINED_BYTES:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body", False):
            return
        read += len(message.get("body", b""))


async def send_problem(error: YiwangError, send: Send) -> None:
    """Send an error as the whole answer."""
    problem = problem_of(error)
    body = json.dumps(problem, ensure_ascii=False).encode()
    start: MutableMapping[str, Any] = {
        "type": "http.response.start",
        "status": problem["status"],
        "headers": [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())],
    }
    await send(start)
    await send({"type": "http.response.body", "body": body})

"""Run the application on this machine."""

from __future__ import annotations

import socket
from collections.abc import Callable

import uvicorn

from api.app import create_app
from api.errors import ServerStartError
from api.settings import Settings
from api.wording import phrase


def announce_address(address: str) -> None:
    """Print where the console is, and that only this machine reaches it."""
    note = phrase("This service runs on this computer only; there are no accounts yet.")
    print(f"{address}\n{note.zh}\n{note.en}", flush=True)


def run_server(settings: Settings, announce: Callable[[str], None] = announce_address) -> None:
    """Serve a project until interrupted.

    Parameters
    ----------
    settings
        Of the server.
    announce
        Called with the address once the server listens.

    Raises
    ------
    ServerStartError
        The port is taken.
    ParameterError, AssetError
        See :func:`api.app.create_app`.
    """
    app = create_app(settings)
    listener = _listen(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, ws="none", timeout_graceful_shutdown=3
    )
    announce(f"http://{shown}:{port}")
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    name = host.strip("[]")
    family = socket.AF_INET6 if ":" in name else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((name, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise ServerStartError(
            "Port {port} of {host} cannot be used: {reason}. Choose another with --port.",
            port=port,
            host=host,
            reason=error.strerror or str(error),
        ) from error
    return listener

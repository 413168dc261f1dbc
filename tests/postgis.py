"""A temporary PostgreSQL cluster with PostGIS for the tests.

It runs as an unprivileged user on a free loopback port and is gone afterwards. Missing PostGIS is an error unless
``YIWANG_TEST_POSTGIS=off`` is set.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import psycopg

SWITCH = "YIWANG_TEST_POSTGIS"
TEMPLATE = "yiwang_template"
_START_TIMEOUT_S = 60
_FAST_BECAUSE_TEMPORARY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
    "listen_addresses": "127.0.0.1",
}


def is_switched_off() -> bool:
    """Tell whether the user asked for a run without PostGIS."""
    return os.environ.get(SWITCH, "").lower() == "off"


class PostgisMissingError(RuntimeError):
    """PostgreSQL or PostGIS is not installed."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} is not installed, so the tests of the server store cannot run. On Debian: "
            f"apt-get install postgresql-15 postgresql-15-postgis-3. Or set {SWITCH}=off to skip them."
        )


def find_bin() -> Path:
    """Return the folder of initdb: that of the newest version below Debian's folder, or the one in PATH."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda folder: [int(part) for part in folder.parent.name.split(".") if part.isdigit()])
    in_path = shutil.which("initdb")
    if in_path is None:
        raise PostgisMissingError("PostgreSQL (initdb)")
    return Path(in_path).resolve().parent


class Cluster:
    """A running server; :meth:`new_database` gives an empty database with PostGIS."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._numbers = count(1)

    def address(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str, database: str = "postgres") -> None:
        with psycopg.connect(self.address(database), autocommit=True) as connection:
            connection.execute(statement.encode())

    def new_database(self) -> str:
        """Clone the template and return the name of the clone."""
        name = f"yiwang_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        return name

    def drop_database(self, name: str) -> None:
        self.run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


@contextlib.contextmanager
def temporary_cluster() -> Iterator[Cluster]:
    """Start a cluster and stop it at the end.

    Raises
    ------
    PostgisMissingError
        PostgreSQL or PostGIS is not installed.
    """
    binaries = find_bin()
    user = _unprivileged_user()
    folder = Path(tempfile.mkdtemp(prefix="yiwang-pg-"))
    try:
        if user is not None:
            shutil.chown(folder, user)
        base = folder / "base"
        _run(
            [binaries / "initdb", "-D", base, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
            user,
            folder,
        )
        port = _free_port()
        with _server(binaries, base, port, user):
            cluster = Cluster(port)
            cluster.run(f"CREATE DATABASE {TEMPLATE}")
            try:
                cluster.run("CREATE EXTENSION postgis", TEMPLATE)
            except psycopg.Error as error:
                raise PostgisMissingError("PostGIS") from error
            yield cluster
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged_user() -> str | None:
    """Return the user to run as: initdb refuses root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name).pw_name
    raise PostgisMissingError("A user postgres or nobody, needed because initdb refuses root,")


def _run(command: list[str | Path], user: str | None, folder: Path) -> None:
    result = subprocess.run(
        command, user=user, extra_groups=[] if user else None, cwd=folder, capture_output=True, text=True, check=False
    )
    if result.returncode:
        raise RuntimeError(f"{command[0]} failed: {result.stdout}{result.stderr}")


@contextlib.contextmanager
def _server(binaries: Path, base: Path, port: int, user: str | None) -> Iterator[None]:
    settings = _FAST_BECAUSE_TEMPORARY | {"port": str(port), "unix_socket_directories": str(base)}
    command = [str(binaries / "postgres"), "-D", str(base)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    with (base.parent / "log").open("w") as log:
        server = subprocess.Popen(
            command, user=user, extra_groups=[] if user else None, cwd=base, stdout=log, stderr=log
        )
        try:
            _wait_until_ready(server, port, base.parent / "log")
            yield
        finally:
            server.terminate()
            try:
                server.wait(timeout=10)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait_until_ready(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while True:
        try:
            psycopg.connect(f"postgresql://postgres@127.0.0.1:{port}/postgres", connect_timeout=2).close()
            return
        except psycopg.OperationalError as error:
            if server.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}") from error
            time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

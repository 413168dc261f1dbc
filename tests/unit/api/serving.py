"""A running server for the tests, and the made-up town to feed it."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import uvicorn
from fastapi import FastAPI

from api.app import create_app
from api.settings import Settings
from geo.errors import AssetError
from maps import assets_directory, install_assets

SAMPLES = Path(__file__).resolve().parents[3] / "sample_shapefiles"
PARTS = (".shp", ".dbf", ".shx", ".prj", ".cpg")
ZONINGS = {"综治网格": "governance", "党建网格": "party", "城管网格": "urban"}


@dataclass
class Served:
    """A server, and a client that talks to it."""

    app: FastAPI
    base: str
    client: httpx.Client
    others: set[int]

    def worker(self) -> psutil.Process:
        """Return the one worker process of this server."""
        found = [child for child in worker_processes() if child.pid not in self.others]
        assert len(found) == 1
        return found[0]

    def wait_for_warm_worker(self) -> None:
        """Wait until a job would start at once: until a risk without incidents has failed, where there are none."""
        assert self.wait(self.start("risk"))["state"] == "failed"

    def get(self, path: str, **kwargs: Any) -> httpx.Response:
        return self.client.get(path, **kwargs)

    def start(self, step: str, **params: Any) -> dict[str, Any]:
        return self.taken(self.client.post(f"/api/jobs/{step}", json=params))

    def upload(self, name: str, kind: str, **params: Any) -> dict[str, Any]:
        """Start the import of a sample: a shapefile by its name without suffix, or a whole file name."""
        paths = [SAMPLES / name] if "." in name else [p for s in PARTS if (p := SAMPLES / f"{name}{s}").exists()]
        files = [("files", (path.name, path.read_bytes())) for path in paths]
        return self.taken(
            self.client.post("/api/jobs/import", files=files, data={"params": json.dumps({"kind": kind, **params})})
        )

    def taken(self, answer: httpx.Response) -> dict[str, Any]:
        assert answer.status_code == 202, answer.text
        return answer.json()  # type: ignore[no-any-return]

    def job(self, job: dict[str, Any]) -> dict[str, Any]:
        return self.get(f"/api/jobs/{job['id']}").json()  # type: ignore[no-any-return]

    def wait(
        self, job: dict[str, Any], until: tuple[str, ...] = ("done", "failed", "cancelled"), seconds: float = 60
    ) -> Any:
        """Wait until a job is in one of the states and return it."""
        deadline = time.monotonic() + seconds
        while (now := self.job(job))["state"] not in until:
            assert time.monotonic() < deadline, now
            time.sleep(0.05)
        return now

    def done(self, job: dict[str, Any]) -> dict[str, Any]:
        """Wait for a job and return its report."""
        now = self.wait(job)
        assert now["state"] == "done", now
        return now["result"]  # type: ignore[no-any-return]

    def wait_for_message(self, job: dict[str, Any], message: str) -> None:
        deadline = time.monotonic() + 60
        while (now := self.job(job))["progress"]["message"] != message:
            assert now["state"] in ("queued", "running"), now
            assert time.monotonic() < deadline, now
            time.sleep(0.05)

    def cancel(self, job: dict[str, Any]) -> dict[str, Any]:
        return self.taken(self.client.delete(f"/api/jobs/{job['id']}"))


@contextmanager
def serving(url: str, **settings: Any) -> Iterator[Served]:
    """Serve a project on a free port of the loopback until the block ends."""
    try:
        assets_directory()
    except AssetError:
        install_assets()
    app = create_app(Settings(database_url=url, **{"workers": 1, **settings}))
    others = {child.pid for child in worker_processes()}
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.02)
            with httpx.Client(base_url=base, timeout=60) as client:
                yield Served(app, base, client, others)
        finally:
            server.should_exit = True
            thread.join(30)
            assert not thread.is_alive()


def worker_processes() -> list[psutil.Process]:
    """Return the worker processes of this test process."""
    found = []
    for child in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.status() != psutil.STATUS_ZOMBIE and "spawn_main" in " ".join(child.cmdline()):
                found.append(child)
    return found


def build_town(path: Path) -> None:
    """Make a project with zonings, facilities, streets and teams, unified and with its network, without a server."""
    from api.schemas import params_class
    from geo.services.build_network import build_network
    from geo.services.import_layer import ImportParams, import_layer
    from geo.services.project import open_project
    from geo.services.unify_zonings import unify_zonings

    with open_project(str(path)) as store:
        import_layer(store, SAMPLES / "社区.shp", ImportParams("community", project_name="青泠街道"))
        for name, key in ZONINGS.items():
            import_layer(store, SAMPLES / f"{name}.shp", ImportParams("zoning", zoning_id=key, zoning_name=name))
        import_layer(store, SAMPLES / "设施_公共服务.shp", ImportParams("facility"))
        import_layer(store, SAMPLES / "道路.shp", ImportParams("street"))
        import_layer(store, SAMPLES / "巡防队伍.shp", ImportParams("team"))
        unify_zonings(store, params_class("unify")())
        build_network(store, params_class("network")())

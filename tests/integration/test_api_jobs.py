"""Jobs that are followed, cancelled, killed and refused."""

import json
import signal
import sys
from pathlib import Path

import pytest

from geo.services.project import open_project, project_status

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit" / "api"))
from serving import SAMPLES, build_town, serving

LONG = {"required_classes": ["secondary"], "solve": {"seconds": 120}}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A project that is ready to be planned; copied for each server."""
    path = tmp_path_factory.mktemp("town") / "town.gpkg"
    build_town(path)
    return path.read_bytes()


@pytest.fixture
def project(prepared, tmp_path):
    """A copy of the project of its own."""
    path = tmp_path / "town.gpkg"
    path.write_bytes(prepared)
    return str(path)


@pytest.fixture(scope="module")
def server(prepared, tmp_path_factory):
    """A server for the tests that leave it usable."""
    path = tmp_path_factory.mktemp("served") / "town.gpkg"
    path.write_bytes(prepared)
    with serving(str(path), max_upload_mb=1, job_cancel_grace_s=1) as served:
        yield served


def events_of(served, job):
    """Return what the stream of a job sends until it ends."""
    with served.client.stream("GET", f"/api/jobs/{job['id']}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        return [json.loads(line.removeprefix("data: ")) for line in stream.iter_lines() if line.startswith("data: ")]


def test_progress_is_streamed_in_both_languages(server):
    job = server.start("plan", required_classes=["secondary"], solve={"seconds": 2})
    events = events_of(server, job)
    assert events[-1]["state"] == "done"
    fractions = [event["progress"]["fraction"] for event in events]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert len(set(fractions)) > 4
    improving = [event["progress"] for event in events if event["progress"]["message"] == "Improving the plan"]
    assert improving
    assert improving[0]["message_zh"] not in ("", "Improving the plan")
    assert events[-1]["result"]["stopped_early"] is False


def test_cancelled_plan_keeps_its_best_routes(server):
    before = len(server.get("/api/plans").json())
    job = server.start("plan", **LONG)
    server.wait_for_message(job, "Improving the plan")
    assert server.cancel(job)["cancel_requested"] is True
    report = server.done(job)
    assert report["stopped_early"] is True
    assert report["served_m"] > 0
    plans = server.get("/api/plans").json()
    assert len(plans) == before + 1
    assert plans[0]["summary"]["stopped_early"] is True


def test_queued_job_waits_for_the_project_and_is_cancelled_at_once(server):
    running = server.start("plan", **LONG)
    first, second = server.start("network"), server.start("network")
    assert [server.job(job)["position"] for job in (first, second)] == [1, 2]
    assert server.cancel(first)["state"] == "cancelled"
    assert server.job(second)["position"] == 1
    assert [job["id"] for job in server.get("/api/jobs").json()][:3] == [second["id"], first["id"], running["id"]]
    server.wait_for_message(running, "Improving the plan")
    server.cancel(running)
    assert server.wait(running)["state"] == "done"
    assert server.wait(second)["state"] == "done"
    assert server.cancel(second)["state"] == "done"


def test_killed_worker_fails_its_job_only(server):
    job = server.start("plan", **LONG)
    waiting = server.start("network")
    server.wait_for_message(job, "Improving the plan")
    server.worker().kill()
    failed = server.wait(job)
    assert failed["state"] == "failed"
    assert failed["error"]["code"] == "worker_lost"
    assert "进程" in failed["error"]["detail_zh"]
    assert server.wait(waiting)["state"] == "done"


def test_worker_that_died_idle_is_replaced(server):
    server.done(server.start("network"))
    worker = server.worker()
    worker.kill()
    worker.wait(10)
    assert server.done(server.start("network"))["islands"] == 1


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no SIGSTOP on this system")
def test_job_that_does_not_react_is_killed(server):
    job = server.start("plan", **LONG)
    server.wait_for_message(job, "Improving the plan")
    server.worker().send_signal(signal.SIGSTOP)
    server.cancel(job)
    cancelled = server.wait(job)
    assert (cancelled["state"], cancelled["error"]) == ("cancelled", None)
    assert server.done(server.start("network"))["islands"] == 1


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no SIGSTOP on this system")
def test_time_limit_and_full_queue(project):
    with serving(project, job_time_limit_s=12, job_cancel_grace_s=3, max_queued_jobs=1) as served:
        served.wait_for_warm_worker()
        job = served.start("plan", **LONG)
        served.wait(job, ("running",))
        waiting = served.start("plan", **LONG)
        refused = served.client.post("/api/jobs/network", json={})
        assert (refused.status_code, refused.json()["code"]) == (503, "queue_full")
        assert served.done(job)["stopped_early"] is True
        served.wait(waiting, ("running",))
        served.worker().send_signal(signal.SIGSTOP)
        late = served.wait(waiting)
        assert (late["state"], late["error"]["code"], late["error"]["status"]) == ("failed", "time_limit", 504)


def test_server_that_goes_down_leaves_a_whole_project_and_no_process(project):
    with serving(project) as served:
        served.wait(served.start("plan", **LONG), ("running",))
        served.start("network")
        uploads = served.app.state.workspace.uploads
        worker = served.worker()
        assert uploads.is_dir()
    assert not worker.is_running()
    assert not uploads.exists()
    with open_project(project) as store:
        assert project_status(store)["counts"]["plan"] == 0


def import_answer(served, files, params):
    return served.client.post(
        "/api/jobs/import", files=[("files", file) for file in files], data={"params": json.dumps(params)}
    )


def test_oversize_upload_is_refused_with_and_without_an_announced_size(server):
    big = b"x" * 1_200_000
    answer = import_answer(server, [("a.geojson", big)], {"kind": "community"})
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert "1 MB" in answer.json()["detail_zh"]

    def chunks():
        yield b'--b\r\nContent-Disposition: form-data; name="files"; filename="a.geojson"\r\n\r\n'
        yield from (big[:100_000] for _ in range(12))
        yield b"\r\n--b--\r\n"

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = server.client.post("/api/jobs/import", content=chunks(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    answer = server.client.post("/api/jobs/unify", content=b" " * 2_000_000)
    assert answer.status_code == 413


def test_broken_file_fails_in_both_languages_and_without_folders(server):
    job = server.taken(import_answer(server, [("../../坏.geojson", b"not json")], {"kind": "community"}))
    assert job["subject"] == "坏.geojson"
    failed = server.wait(job)
    assert failed["state"] == "failed"
    error = failed["error"]
    assert (error["code"], error["status"]) == ("file_format", 422)
    assert "坏.geojson" in error["detail"]
    assert error["detail_zh"] != error["detail"]
    assert "/" not in json.dumps(error["context"], ensure_ascii=False)
    workspace = server.app.state.workspace
    assert list(workspace.uploads.iterdir()) == []


@pytest.mark.parametrize(
    ("names", "status"),
    [(["a.shp", "b.shp"], 422), (["a.dbf"], 422), (["readme"], 422), (["a.geojson", "A.GEOJSON"], 422)],
)
def test_upload_must_be_one_layer(server, names, status):
    answer = import_answer(server, [(name, b"x") for name in names], {"kind": "community"})
    assert (answer.status_code, answer.json()["code"]) == (status, "upload")


def test_shapefile_without_its_table_is_refused_with_advice(server):
    path = SAMPLES / "社区.shp"
    files = [(f"社区{suffix}", path.with_suffix(suffix).read_bytes()) for suffix in (".shp", ".shx", ".prj")]
    failed = server.wait(server.taken(import_answer(server, files, {"kind": "community"})))
    assert failed["error"]["code"] == "file_format"
    assert ".dbf" in failed["error"]["detail_zh"]


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ('{"kind": "community", "nope": 1}', "params.nope"),
        ('{"kind": "community", "source": {"swap": true}}', "params.source.swap"),
        ("{", "params"),
        ("{}", "params.kind"),
    ],
)
def test_parameters_of_an_import_are_checked(server, params, field):
    files = [("files", ("a.geojson", b"{}"))]
    answer = server.client.post("/api/jobs/import", files=files, data={"params": params})
    assert answer.status_code == 422
    assert answer.json()["context"]["errors"][0]["field"] == field


def test_parameters_of_the_service_are_checked_before_queueing(server):
    answer = import_answer(server, [("a.geojson", b"{}")], {"kind": "zoning", "zoning_id": "警务"})
    assert (answer.status_code, answer.json()["code"]) == (422, "parameter")
    assert "警务" in answer.json()["detail_zh"]
    answer = server.client.post("/api/jobs/risk", json={"bandwidth_m": 10, "cell_size_m": 50})
    assert (answer.status_code, answer.json()["code"]) == (422, "parameter")


def test_step_that_lacks_a_layer_fails_with_advice(server):
    failed = server.wait(server.start("risk"))
    assert (failed["state"], failed["error"]["code"], failed["error"]["status"]) == ("failed", "missing_layer", 404)
    assert "导入" in failed["error"]["detail_zh"]

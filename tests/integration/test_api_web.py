"""The edge: errors in one shape, the door, the documents."""

import json
import re
import sys
from pathlib import Path

import pytest

import maps
from api.schemas import params_class

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit" / "api"))
from serving import serving

PROBLEM = {"type", "title", "status", "code", "detail", "detail_zh", "context"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server without a project."""
    with serving(str(tmp_path_factory.mktemp("none") / "秘密" / "none.gpkg")) as served:
        yield served


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nothing", 404, "not_found"),
        ("GET", "/api/nothing", 404, "not_found"),
        ("PUT", "/api/jobs", 405, "method"),
        ("GET", "/api/jobs/none", 404, "not_found"),
        ("GET", "/api/jobs/none/events", 404, "not_found"),
        ("DELETE", "/api/jobs/none", 404, "not_found"),
        ("GET", "/api/layers", 404, "project_not_found"),
        ("GET", "/api/layers/sqlite_master", 404, "not_found"),
        ("GET", "/api/layers/cell?limit=-1", 422, "invalid_request"),
        ("GET", "/api/layers/cell?limits=1", 422, "invalid_request"),
        ("GET", "/api/layers/cell?bbox=1,2,3", 422, "invalid_request"),
        ("GET", "/api/layers/cell?bbox=3,2,1,4", 422, "invalid_request"),
        ("GET", "/api/layers/cell?bbox=nan,2,1,4", 422, "invalid_request"),
        ("GET", "/api/layers/lineage?bbox=1,2,3,4", 422, "invalid_request"),
        ("GET", "/api/project?x=1", 422, "invalid_request"),
        ("GET", "/api/plans", 404, "project_not_found"),
        ("GET", "/api/reports/none", 422, "invalid_request"),
        ("GET", "/maps/none.html", 404, "not_found"),
        ("GET", "/maps/index.html", 404, "project_not_found"),
        ("GET", "/maps/routes/01_x.gpx", 404, "project_not_found"),
        ("GET", "/maps/routes/x.gpx", 404, "not_found"),
        ("GET", "/maps/routes/1_x.txt", 404, "not_found"),
        ("GET", "/maps/assets/../document.py", 404, "not_found"),
        ("GET", "/maps/assets/%2e%2e/document.py", 404, "not_found"),
        ("GET", "/static/..%2fsettings.py", 404, "not_found"),
        ("POST", "/api/jobs/nothing", 405, "method"),
    ],
)
def test_every_error_has_one_shape(server, method, path, status, code):
    answer = server.client.request(method, path)
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) == PROBLEM
    assert (answer.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert problem["detail"] != problem["detail_zh"]
    assert re.search("[一-鿿]", problem["detail_zh"])
    assert "秘密" not in answer.text
    assert "SELECT" not in answer.text


@pytest.mark.parametrize(
    "body",
    ['{"nope": 1}', '{"slivers": {"min_width": 1}}', '{"grid_size_m": "x"}', '{"grid_size_m": NaN}', "[]", "{", "7"],
)
def test_bodies_that_do_not_fit(server, body):
    answer = server.client.post("/api/jobs/unify", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["context"]["errors"]
    assert json.loads(answer.text, parse_constant=pytest.fail)


def test_unexpected_error_tells_nothing(server, monkeypatch, caplog):
    def broken(store):
        raise RuntimeError("secret /etc/passwd SELECT 1")

    monkeypatch.setattr("api.routers.project.count_rows", broken)
    answer = server.get("/api/layers")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert "secret" not in answer.text
    assert "secret" in caplog.text


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "10.0.0.1", "", "[::1"])
def test_host_must_be_this_machine(server, host):
    answer = server.get("/api/project", headers={"Host": host})
    assert answer.status_code in (400, 421)
    if host:
        assert answer.json()["code"] == "foreign_host"


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "127.8.8.8:80", "[::1]:80", "LOCALHOST"])
def test_names_of_this_machine_are_fine(server, host):
    assert server.get("/healthz", headers={"Host": host}).json() == {"status": "ok", "project": "absent"}


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/api/jobs/unify"), ("DELETE", "/api/jobs/x")])
def test_other_sites_cannot_change_anything(server, headers, method, path):
    answer = server.client.request(method, path, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "foreign_origin")


def test_own_pages_can(server):
    headers = {"Origin": server.base, "Sec-Fetch-Site": "same-origin"}
    assert server.client.request("DELETE", "/api/jobs/x", headers=headers).status_code == 404


@pytest.mark.parametrize("path", ["/", "/docs", "/openapi.json", "/api/project", "/static/console.js", "/nothing"])
def test_security_headers_are_everywhere(server, path):
    headers = server.get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "script-src 'self';" in headers["content-security-policy"]
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers or "uvicorn" in headers["server"]


def test_console_is_both_languages_and_loads_local_files_only(server):
    text = server.get("/").text
    assert "导入" in text
    assert "Import layers" in text
    assert "本机" in text
    assert "http://" not in text.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "https://" not in text
    for path in re.findall(r'(?:src|href)="(/[^"]+)"', text):
        if not path.startswith("/maps/") or "assets" in path:
            assert server.get(path).status_code == 200, path
    assert 'data-lang="en"' in server.get("/?lang=en").text


def test_people_get_errors_as_pages(server):
    answer = server.get("/maps/index.html", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert "工作台" in answer.text
    assert server.get("/api/layers", headers={"Accept": "text/html"}).json()["code"] == "project_not_found"


def test_maps_address_leads_to_the_first_page(server):
    answer = server.get("/maps", follow_redirects=False)
    assert answer.headers["location"] == f"/maps/{maps.PAGES[0]}.html"


def test_openapi_document_is_closed_and_complete(server):
    text = server.get("/openapi.json").text
    assert "http://" not in text
    assert "https://" not in text
    document = json.loads(text)
    assert document["openapi"] == "3.1.0"
    schemas = document["components"]["schemas"]
    assert set(re.findall(r'"#/components/schemas/([^"]+)"', text)) <= set(schemas)
    assert "HTTPValidationError" not in schemas
    identifiers = []
    for path, methods in document["paths"].items():
        for operation in methods.values():
            identifiers.append(operation["operationId"])
            assert operation["summary"], path
            assert operation["responses"]["422"]["content"]["application/json"]["schema"]["$ref"].endswith("/Problem")
            named = {parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "path"}
            assert named == set(re.findall(r"{(\w+)}", path))
    assert len(set(identifiers)) == len(identifiers)


@pytest.mark.parametrize("step", ["import", "unify", "network", "risk", "plan"])
def test_openapi_document_explains_every_parameter(server, step):
    schemas = server.get("/openapi.json").json()["components"]["schemas"]
    schema = schemas[params_class(step).__name__]
    assert schema["additionalProperties"] is False
    missing = [name for name, field in schema["properties"].items() if not field.get("description")]
    assert missing == []

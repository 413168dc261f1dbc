"""The whole chain over HTTP, on both stores."""

import gzip
import io
import json
import re
import sys
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit" / "api"))
from serving import ZONINGS, serving


@pytest.fixture
def town(store_url):
    """A server on an empty store of each kind."""
    with serving(store_url) as served:
        yield served


def test_chain_from_shapefiles_to_routes(town):
    assert town.get("/api/project").json()["exists"] is False
    assert town.get("/api/layers").status_code == 404

    report = town.done(town.upload("社区", "community", project_name="青泠街道"))
    assert (report["rows_read"], report["rows_stored"], report["encoding"]) == (13, 13, "gb18030")
    assert re.search("[一-鿿]", report["encoding_reason_zh"])
    jobs = [
        *(town.upload(name, "zoning", zoning_id=key, zoning_name=name) for name, key in ZONINGS.items()),
        town.upload("警务网格.zip", "zoning", zoning_id="police", zoning_name="警务网格", domain="警务"),
        town.upload("设施_公共服务", "facility"),
        town.upload("道路", "street"),
        town.upload("事件", "incident"),
        town.upload("巡防队伍", "team"),
    ]
    reports = [town.done(job) for job in jobs]
    assert [report["rows_stored"] for report in reports] == [70, 45, 111, 9, 114, 1158, 6000, 8]
    findings = [finding for report in reports for finding in report["findings"]]
    assert all(re.search("[一-鿿]", finding["text_zh"]) and "{" not in finding["text"] for finding in findings)

    status = town.get("/api/project").json()
    assert status["project"]["name"] == "青泠街道"
    assert {step: row["state"] for step, row in status["steps"].items()} == {
        "import": "done", "unify": "missing", "network": "missing", "risk": "missing", "plan": "missing"
    }  # fmt: skip
    assert {step: row["possible"] for step, row in status["steps"].items()} == {
        "import": True, "unify": True, "network": True, "risk": False, "plan": False
    }  # fmt: skip
    assert status["steps"]["risk"]["needs"] == ["unified_cell"]

    unified = town.done(town.start("unify"))
    assert unified["cells"] > 100
    assert all(unified["checks"].values())
    network = town.done(town.start("network"))
    assert network["islands"] == 1
    risk = town.done(town.start("risk"))
    assert risk["incidents"] == 6000
    plan = town.done(
        town.start(
            "plan",
            required_classes=["secondary"],
            risk_share=0.05,
            visit_rules=[{"kind": "school", "service_duration_s": 300, "windows": [[27000, 32400], [32400, 43200]]}],
            solve={"seconds": 2, "seed": 3},
        )
    )
    assert plan["served_m"] > 0.9 * plan["required_m"] > 0
    assert plan["visits"] == 11

    check_answers(town, plan["plan_id"], unified)
    check_pages_follow_the_project(town)


def check_answers(town, plan_id, unified):
    layers = {row["table"]: row for row in town.get("/api/layers").json()}
    assert layers["unified_cell"]["rows"] == unified["cells"]
    assert layers["unified_cell"]["title_zh"] == "一网"

    cells = town.get("/api/layers/unified_cell", params={"limit": 5, "offset": 2})
    assert cells.headers["content-type"].startswith("application/geo+json")
    features = cells.json()["features"]
    assert len(features) == 5
    lon, lat = features[0]["geometry"]["coordinates"][0][0][0]
    assert 100 < lon < 130
    assert 20 < lat < 45
    box = f"{lon},{lat},{lon},{lat}"
    near = town.get("/api/layers/unified_cell", params={"bbox": box}).json()["features"]
    assert 0 < len(near) < 10
    assert town.get("/api/layers/lineage", params={"limit": 3}).json()[0]["zoning_id"]

    plans = town.get("/api/plans").json()
    assert [plan["plan_id"] for plan in plans] == [plan_id]
    plan = town.get(f"/api/plans/{plan_id}").json()
    assert town.get("/api/plans/newest").json() == plan
    assert sum(route["visits"] for route in plan["routes"]) == plan["summary"]["visits_served"]
    number = plan["routes"][0]["route_no"]
    gpx = town.get(f"/api/plans/{plan_id}/routes/{number}.gpx")
    assert gpx.headers["content-type"].startswith("application/gpx+xml")
    assert "attachment" in gpx.headers["content-disposition"]
    assert ElementTree.fromstring(gpx.text).tag.endswith("gpx")
    legs = town.get(f"/api/plans/{plan_id}/routes/{number}.geojson").json()["features"]
    assert {leg["geometry"]["type"] for leg in legs} <= {"LineString", "Point"}
    assert all(leg["properties"]["instruction_zh"] != leg["properties"]["instruction_en"] for leg in legs)
    kml = town.get(f"/api/plans/{plan_id}/routes/{number}.kml")
    assert kml.headers["content-type"].startswith("application/vnd.google-earth.kml+xml")
    check_sheets(town, plan, number)
    gpx = town.get(f"/api/plans/{plan_id}/routes.gpx")
    assert len(ElementTree.fromstring(gpx.text).findall("{*}trk")) == len(plan["routes"])
    archive = town.get("/api/plans/newest/routes.zip", params={"kind": ["gpx", "sheet"]})
    with zipfile.ZipFile(io.BytesIO(archive.content)) as files:
        assert len(files.namelist()) == 2 * len(plan["routes"]) + (len(plan["routes"]) > 1)
    assert town.get(f"/api/plans/{plan_id}/routes/{number}.doc").status_code == 422
    assert town.get("/api/plans/no/routes.zip").status_code == 404
    assert town.get(f"/api/plans/{plan_id}/routes/99.gpx").status_code == 404
    assert town.get("/api/plans/no/routes/1.gpx").json()["code"] == "not_found"

    assert len(town.get("/api/reports/import").json()) == 9
    assert town.get("/api/reports/plan").json()[0]["plan_id"] == plan_id


def check_sheets(town, plan, number):
    route = plan["routes"][0]
    address = f"/api/plans/{plan['plan_id']}/routes/{number}.html"
    sheet = town.get(address, params={"lang": "en", "date": "2024-03-02"})
    assert sheet.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in sheet.headers["content-security-policy"]
    assert "script-src" not in sheet.headers["content-security-policy"]
    assert 'id="in-en" checked' in sheet.text
    assert route["team"] in sheet.text
    assert "2024-03-02" in sheet.text
    assert town.get(address, params={"lang": "fr"}).status_code == 422
    assert town.get(address, params={"date": "soon"}).status_code == 422
    on_the_map = town.get(f"/maps/routes/{number:02d}_x.html")
    assert route["team"] in on_the_map.text
    assert town.get(f"/maps/routes/{number:02d}_x.kml").text.startswith("<?xml")


def check_pages_follow_the_project(town):
    first = town.get("/maps/unified.html")
    assert first.status_code == 200
    assert 'href="/"' in first.text
    again = town.get("/maps/unified.html", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")

    town.done(town.upload("设施_视频监控", "facility"))
    changed = town.get("/maps/unified.html", headers={"If-None-Match": first.headers["etag"]})
    assert changed.status_code == 200
    steps = town.get("/api/project").json()["steps"]
    assert steps["unify"]["state"] == "stale"
    assert steps["unify"]["reasons"] == [{"code": "newer_import", "layer": "facility"}]
    assert steps["network"]["state"] == "done"
    assert steps["plan"]["reasons"] == [{"code": "newer_import", "layer": "facility"}]

    town.done(town.start("unify"))
    steps = town.get("/api/project").json()["steps"]
    assert steps["unify"]["state"] == "done"
    assert steps["network"]["reasons"] == steps["risk"]["reasons"] == [{"code": "newer_step", "step": "unify"}]


def test_import_of_a_compressed_geojson_and_of_a_csv_of_points(gpkg_url):
    square = [[[114.0, 30.0], [114.01, 30.0], [114.01, 30.01], [114.0, 30.01], [114.0, 30.0]]]
    feature = {
        "type": "Feature",
        "properties": {"编码": "A1", "名称": "一号"},
        "geometry": {"type": "Polygon", "coordinates": square},
    }
    text = json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()
    with serving(gpkg_url) as served:
        files = [("files", ("网格.geojson.gz", gzip.compress(text)))]
        params = {"params": json.dumps({"kind": "zoning", "zoning_id": "a"})}
        assert (
            served.done(served.taken(served.client.post("/api/jobs/import", files=files, data=params)))["rows_stored"]
            == 1
        )
        points = "名称,lon,lat\n一小,114.005,30.005\n".encode("gbk")
        params = {"params": json.dumps({"kind": "facility", "facility_kind": "school"})}
        answer = served.client.post("/api/jobs/import", files=[("files", ("学校.csv", points))], data=params)
        assert served.done(served.taken(answer))["encoding"] == "gb18030"
        assert served.get("/api/project").json()["facility_kinds"] == {"school": 1}

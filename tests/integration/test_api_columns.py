"""Columns and profiles over HTTP, and layers as files."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit" / "api"))
from serving import PARTS, SAMPLES, Served, serving


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose project holds the communities of the sample town."""
    with serving(str(tmp_path_factory.mktemp("列") / "town.gpkg")) as served:
        assert served.get("/api/profiles").json() == []
        served.done(served.upload("社区", "community", project_name="青泠街道"))
        yield served


def asked(town: Served, name: str, **params: Any) -> Any:
    paths = [path for suffix in PARTS if (path := SAMPLES / f"{name}{suffix}").exists()]
    files = [("files", (path.name, path.read_bytes())) for path in paths]
    return town.client.post("/api/columns", files=files, data={"params": json.dumps(params)})


class TestColumns:
    def test_proposal(self, town: Served) -> None:
        proposal = asked(town, "综治网格", kind="zoning").json()
        assert proposal["rows"] == 70
        assert proposal["chosen"]["code"] in [column["name"] for column in proposal["columns"]]
        assert all(not column["samples"] for column in proposal["columns"] if column["is_personal"])
        assert list(town.app.state.workspace.uploads.iterdir()) == []

    def test_correction_and_profile(self, town: Served) -> None:
        first = asked(town, "综治网格", kind="zoning").json()
        source = first["chosen"]["name"]
        profile = {"name": "综治办", "kind": "zoning", "columns": {"code": source, "name": ""}}
        assert town.client.put("/api/profiles", json=profile).json() == profile
        assert town.get("/api/profiles").json() == [profile]
        applied = asked(town, "综治网格", kind="zoning", profile="综治办").json()
        assert (applied["chosen"]["code"], "name" in applied["chosen"]) == (source, False)
        corrected = asked(town, "综治网格", kind="zoning", profile="综治办", columns={"name": source}).json()
        assert corrected["chosen"]["name"] == source
        removed = town.client.delete("/api/profiles", params={"kind": "zoning", "name": "综治办"})
        assert removed.status_code == 204
        assert town.get("/api/profiles").json() == []

    @pytest.mark.parametrize(
        ("params", "code"),
        [
            ({"kind": "nothing"}, "parameter"),
            ({"kind": "zoning", "columns": {"code": "没有"}}, "schema"),
            ({"kind": "zoning", "profile": "没有"}, "parameter"),
            ({"kind": "zoning", "x": 1}, "invalid_request"),
            ({}, "invalid_request"),
        ],
    )
    def test_refused(self, town: Served, params: dict[str, Any], code: str) -> None:
        answer = asked(town, "综治网格", **params)
        assert (answer.status_code, answer.json()["code"]) == (422, code)
        assert list(town.app.state.workspace.uploads.iterdir()) == []

    def test_profile_that_is_none(self, town: Served) -> None:
        answer = town.client.put("/api/profiles", json={"name": "a", "kind": "zoning", "columns": {"x": "y"}})
        assert answer.status_code == 422


class TestDownloads:
    @pytest.mark.parametrize(
        ("kind", "start"),
        [
            ("gpkg", b"SQLite format 3"),
            ("geojson", b'{"'),
            ("kml", b"<?xml"),
            ("parquet", b"PAR1"),
            ("csv", b"\xef\xbb\xbf"),
        ],
    )
    def test_layer_as_a_file(self, town: Served, kind: str, start: bytes) -> None:
        answer = town.get(f"/api/layers/community/download?format={kind}")
        assert answer.status_code == 200, answer.text
        assert answer.content.startswith(start)
        assert answer.headers["content-disposition"] == f"attachment; filename*=UTF-8''community.{kind}"

    def test_workbook(self, town: Served) -> None:
        answer = town.get("/api/layers/community/download?format=xlsx&lang=en")
        sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
        assert [cell.value for cell in sheet[1]][:2] == ["Code", "Name"]
        assert sheet.max_row == 14

    def test_shapefile_is_a_zip_that_can_be_imported_again(self, town: Served) -> None:
        answer = town.get("/api/layers/community/download?format=shp")
        names = zipfile.ZipFile(io.BytesIO(answer.content)).namelist()
        wanted = {".shp", ".shx", ".dbf", ".prj", ".cpg", ".fields.json"}
        assert set(names) == {f"community{suffix}" for suffix in wanted}
        files = [("files", ("community.zip", answer.content))]
        params = json.dumps({"kind": "community"})
        job = town.taken(town.client.post("/api/jobs/import", files=files, data={"params": params}))
        assert town.done(job)["rows_stored"] == 13
        loose = zipfile.ZipFile(io.BytesIO(answer.content))
        files = [("files", (name, loose.read(name))) for name in names]
        job = town.taken(town.client.post("/api/jobs/import", files=files, data={"params": params}))
        assert town.done(job)["rows_stored"] == 13

    @pytest.mark.parametrize(
        ("path", "status"),
        [
            ("none/download?format=csv", 404),
            ("community/download?format=dwg", 422),
            ("community/download", 422),
            ("community/download?format=csv&zoning=a", 422),
            ("lineage/download?format=gpkg", 422),
            ("cell/download?format=gpkg&zoning=none", 404),
        ],
    )
    def test_refused(self, town: Served, path: str, status: int) -> None:
        assert town.get(f"/api/layers/{path}").status_code == status

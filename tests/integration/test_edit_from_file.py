"""Cells edited with a file, on the command line and over HTTP: what the file tells changes, what it does not stays."""

import json
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import pytest
import shapely
from shapely.geometry import Polygon, box, mapping

from geo.errors import InputError, MissingLayerError, ParameterError
from geo.services.edit_from_file import SourceParams, edit_cells_from_file
from geo.services.project import change_stamp, open_project
from geo.services.read_views import read_layer

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "unit" / "api"))
from serving import build_town, serving

ROOT = Path(__file__).resolve().parents[2]
ZONING = "governance"


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A unified town; copied for each test."""
    path = tmp_path_factory.mktemp("town") / "town.gpkg"
    build_town(path)
    return path.read_bytes()


@pytest.fixture
def project(prepared, tmp_path):
    path = tmp_path / "town.gpkg"
    path.write_bytes(prepared)
    return path


@pytest.fixture
def store(project):
    with open_project(str(project)) as opened:
        yield opened


def cells_of(store, *codes):
    where = {"zoning_id": ZONING} | ({"code": list(codes)} if codes else {})
    return read_layer(store, "cell", where=where)


def file_of(tmp_path, codes, shapes, epsg, **columns):
    path = tmp_path / "改动.geojson"
    gpd.GeoDataFrame({"网格编码": codes, **columns}, geometry=list(shapes), crs=epsg).to_file(path)
    return path


def edited(store, path, removed=()):
    return edit_cells_from_file(store, path, ZONING, SourceParams(), {}, removed)


def test_cell_of_the_file_replaces_the_cell_and_keeps_what_it_does_not_tell(store, tmp_path):
    before = cells_of(store)
    cell, gone = before.iloc[3], before.iloc[20]
    smaller = cell.geometry.buffer(-12)
    path = file_of(tmp_path, [cell["code"]], [smaller], before.crs)
    report = edited(store, path, (gone["code"],))
    assert (report.changed, report.removed, report.added) == ((cell["code"],), (gone["code"],), ())
    assert all(report.checks.values())
    after = cells_of(store)
    assert sorted(after["code"]) == sorted(set(before["code"]) - {gone["code"]})
    now = after.set_index("code").loc[cell["code"]]
    assert [now[name] for name in ("name", "community_name", "attributes")] == [
        cell[name] for name in ("name", "community_name", "attributes")
    ]
    assert now.geometry.symmetric_difference(smaller).area < 0.1  # GeoJSON rounds to 7 decimals, 1 cm
    rest = before[~before["code"].isin([cell["code"], gone["code"]])].set_index("code").geometry
    assert shapely.equals_exact(after.set_index("code").loc[rest.index].geometry, rest).all()


def test_feature_of_an_unknown_code_is_a_new_cell_and_its_repair_is_kept(store, tmp_path):
    x, y = cells_of(store).geometry.iloc[0].representative_point().coords[0]
    bow = Polygon([(x, y), (x + 20, y + 20), (x + 20, y), (x, y + 20)])
    path = file_of(tmp_path, ["NEU1"], [bow], cells_of(store).crs, 网格名称=["新格"])
    report = edited(store, path)
    assert report.added == ("NEU1",)
    assert cells_of(store, "NEU1")["name"].tolist() == ["新格"]
    repair = read_layer(store, "repair", where={"code": "NEU1"})
    assert repair[["layer", "zoning_id", "source", "kind"]].values.tolist() == [
        ["cell", ZONING, "改动.geojson", "self_intersection"]
    ]


@pytest.mark.parametrize(
    ("codes", "shapes", "removed", "error", "words"),
    [
        (["A", ""], None, (), InputError, "there is no code"),
        (["A", "A"], None, (), ParameterError, "names each code once"),
        (["A", "B"], None, ("B",), ParameterError, "names each code once"),
        (["A", "B"], None, ("missing",), InputError, "has no cell 'missing'"),
        (["A", "B"], [None], (), InputError, "cannot be used as cells"),
    ],
)
def test_edit_that_cannot_be_right_changes_nothing(store, tmp_path, codes, shapes, removed, error, words):
    middle = cells_of(store).geometry.iloc[0].representative_point()
    square = box(middle.x, middle.y, middle.x + 20, middle.y + 20)
    path = file_of(
        tmp_path, codes, [square, *(shapes or [shapely.affinity.translate(square, 40)])], cells_of(store).crs
    )
    before = change_stamp(store), len(cells_of(store))
    with pytest.raises(error, match=words):
        edited(store, path, removed)
    assert (change_stamp(store), len(cells_of(store))) == before


def test_file_without_codes_and_a_zoning_that_is_not_there_are_refused(store, tmp_path):
    cells = cells_of(store).iloc[:1]
    path = tmp_path / "a.geojson"
    cells[["geometry"]].assign(高度=1).to_file(path)
    with pytest.raises(InputError, match="no column for 'code'"):
        edited(store, path)
    path = file_of(tmp_path, ["A"], cells.geometry, cells.crs)
    with pytest.raises(MissingLayerError, match="'nobody' is not there"):
        edit_cells_from_file(store, path, "nobody", SourceParams(), {})


def test_command_edits_and_tells(project, tmp_path):
    with open_project(str(project)) as store:
        cells = cells_of(store)
    path = file_of(tmp_path, cells["code"].iloc[:1], cells.geometry.iloc[:1].buffer(-5), cells.crs)
    command = [sys.executable, "-m", "api.cli", "edit", "--zoning", ZONING, "-p", str(project)]
    done = subprocess.run([*command, str(path)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["changed"] == [cells["code"].iloc[0]]
    done = subprocess.run([*command, "--remove", "nobody"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "没有网格“nobody”" in done.stderr
    assert "Traceback" not in done.stderr


def test_edit_is_a_job(project):
    with open_project(str(project)) as store:
        cell = cells_of(store).iloc[[2]]
    shape = mapping(cell.buffer(-8).to_crs(4326).iloc[0])
    with serving(str(project)) as served:
        job = served.start("edit", zoning_id=ZONING, cells=[{"code": cell["code"].iloc[0], "geometry": shape}])
        assert (job["title"], job["title_zh"]) == ("Edit cells", "编辑网格")
        assert served.done(job)["changed"] == [cell["code"].iloc[0]]
        assert served.get("/api/reports/edit").json()[0]["zoning_id"] == ZONING
        assert served.get("/maps/health.html").status_code == 200
        refused = served.client.post("/api/jobs/edit", json={"zoning_id": ZONING, "cells": [{"code": "A"}]})
        assert refused.status_code == 422
        failed = served.wait(served.start("edit", zoning_id=ZONING, removed=["nobody"]))
        assert failed["state"] == "failed"
        assert "nobody" in failed["error"]["detail_zh"]

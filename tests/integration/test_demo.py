"""The README's first command, set-up left out: everything it promises is there."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import gpxpy
import pyogrio
import pytest

from geo.model.frames import SCHEMAS

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "结果"
    command = [sys.executable, "-m", "api.cli", "demo", "--no-serve", "--out", str(out)]
    result = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=200, check=False
    )
    assert result.returncode == 0, result.stderr
    return out, result.stdout


def test_it_leaves_project_pages_routes_and_summary(demo):
    out, printed = demo
    summary = json.loads((out / "summary.json").read_text("utf-8"))
    assert {path.stem for path in (out / "maps").glob("*.html")} >= {"index", "unified", "routes", "risk", "zonings"}
    for suffix in ("gpx", "kml", "geojson", "html"):
        assert len(list((out / "routes").glob(f"0*.{suffix}"))) == 8
        assert (out / "routes" / f"routes.{suffix}").exists() == (suffix != "html")
    assert summary["found"]["community"] == 13
    assert set(summary["seconds"]) >= {"unify", "network", "risk", "plan", "maps"}
    assert summary["peak_memory_mib"] > 50
    plan = next(report for report in summary["reports"] if report["step"] == "plan")
    assert plan["visits_served"] == plan["visits"]
    assert 1 <= plan["max_over_mean"] < 1.25
    assert "青泠街道" in printed
    assert str(out / "yiwang.gpkg") in printed.replace("\n", "")


def test_gdal_reads_every_layer_with_chinese_text(demo):
    file = demo[0] / "yiwang.gpkg"
    assert set(SCHEMAS) <= set(pyogrio.list_layers(file)[:, 0])
    cells = pyogrio.read_dataframe(file, layer="unified_cell")
    assert cells.crs.to_epsg() == 4547
    assert cells["community_name"].str.contains("社区|村").all()
    assert abs(cells.area.sum() - 8.05e6) < 0.02e6


def test_routes_are_gpx_that_starts_and_ends_at_one_place(demo):
    for path in (demo[0] / "routes").glob("0*.gpx"):
        track = gpxpy.parse(path.read_text("utf-8")).tracks[0]
        points = [point for segment in track.segments for point in segment.points]
        assert points[0].distance_2d(points[-1]) < 1
        assert max(a.distance_2d(b) for a, b in pairwise(points)) < 1000


def test_run_py_explains_itself():
    result = subprocess.run([sys.executable, "run.py", "--help"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0
    assert "run.py demo" in result.stdout

"""What is odd about a file reaches the report of its import, and nothing half-read is stored."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from geo.errors import CrsError
from geo.formats.datum import gcj02_from_wgs84
from geo.services.import_layer import ImportParams, SourceParams, import_layer
from geo.storage import Store, open_store

PLACE = (113.3, 23.1)
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def amap_csv(tmp_path: Path) -> Path:
    """A school as a map of AMap shows it, with six decimals."""
    lon, lat = (float(axis[0]) for axis in gcj02_from_wgs84(np.array([PLACE[0]]), np.array([PLACE[1]])))
    path = tmp_path / "学校.csv"
    path.write_text(f"名称,经度,纬度\n甲小学,{lon:.6f},{lat:.6f}\n", "gbk")
    return path


def test_conversion_and_resolution_are_reported(empty_store: Store, amap_csv: Path) -> None:
    report = import_layer(empty_store, amap_csv, ImportParams("facility", source=SourceParams(converted_from="gcj02")))
    assert (report.converted_from, report.encoding) == ("gcj02", "gb18030")
    assert report.resolution_m == pytest.approx(0.1113, abs=1e-4)
    assert "converted" in [finding.code for finding in report.findings]
    with empty_store.begin() as transaction:
        place = transaction.read("facility").geometry.to_crs(4326).iloc[0]
    np.testing.assert_allclose([place.x, place.y], PLACE, atol=1e-6)


def test_without_request_nothing_is_converted(empty_store: Store, amap_csv: Path) -> None:
    report = import_layer(empty_store, amap_csv, ImportParams("facility"))
    assert (report.converted_from, [f.code for f in report.findings]) == ("", ["no_code"])


def test_wrong_prefix_is_told_and_stored_right(gpkg_url: str, tmp_path: Path) -> None:
    frame = gpd.GeoDataFrame({"名称": ["甲"]}, geometry=[shapely.box(*PLACE, 113.31, 23.11)], crs=4490).to_crs(4525)
    path = tmp_path / "a.gpkg"
    frame.set_crs(4546, allow_override=True).to_file(path, driver="GPKG", layer="社区")
    with open_store(gpkg_url) as store:
        report = import_layer(store, path, ImportParams("community"))
        with store.begin() as transaction:
            bounds = transaction.read("community").geometry.to_crs(4490).total_bounds
    # 113.3° lies nearest to the meridian of 114°, the project's
    assert (report.epsg, report.source_crs[:9], "zone_prefix" in [f.code for f in report.findings]) == (
        4547,
        "EPSG:4525",
        True,
    )
    np.testing.assert_allclose(bounds, [*PLACE, 113.31, 23.11], atol=1e-8)


def test_refused_file_makes_no_project(gpkg_url: str, tmp_path: Path) -> None:
    path = tmp_path / "a.geojson"
    path.write_text('{"type": "Point", "coordinates": [38500000, 2980000]}')
    with open_store(gpkg_url) as store:
        with pytest.raises(CrsError):
            import_layer(store, path, ImportParams("facility"))
        assert not store.exists()


def test_command_line_converts(tmp_path: Path, amap_csv: Path) -> None:
    command = [sys.executable, "-m", "api.cli", "import", str(amap_csv), "--kind", "facility", "--from", "gcj02"]
    run = subprocess.run(
        [*command, "--project", str(tmp_path / "p.gpkg")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout)["converted_from"] == "gcj02"

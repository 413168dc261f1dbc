"""Every broken and odd file of the real inputs is imported or refused with a reason; some outcomes were checked by hand."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(
    not os.environ.get("YIWANG_REAL_DATA"), reason="YIWANG_REAL_DATA names no folder of real inputs"
)


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = Path(os.environ["YIWANG_REAL_DATA"])
    if not (folder / "ugly").is_dir():
        pytest.fail(f"YIWANG_REAL_DATA is set, but {folder / 'ugly'} is missing")
    out = tmp_path_factory.mktemp("ugly")
    command = [sys.executable, "-m", "benchmarks.ugly_files", "--output", out / "ugly.json", "--table", out / "ugly.md"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
    assert run.returncode == 0, run.stderr
    return out


@pytest.fixture(scope="module")
def rows(result: Path) -> dict[str, dict[str, Any]]:
    return {row["file"]: row for row in json.loads((result / "ugly.json").read_text("utf-8"))["files"]}


def test_nothing_ends_unexpectedly(rows: dict[str, dict[str, Any]]) -> None:
    every = [*rows.values(), *(row["then"] for row in rows.values() if "then" in row)]
    assert {row["outcome"] for row in every} == {"imported", "refused", "part"}


def test_every_file_has_a_row(result: Path, rows: dict[str, dict[str, Any]]) -> None:
    folder = Path(os.environ["YIWANG_REAL_DATA"])
    files = {path.relative_to(folder).as_posix() for path in (folder / "ugly").rglob("*") if path.is_file()}
    assert len(files) > 100
    assert files <= set(rows)
    assert (result / "ugly.md").read_text("utf-8").count("\n| `") == len(rows)


def test_refusals_name_the_file_and_have_chinese(rows: dict[str, dict[str, Any]]) -> None:
    for name, row in rows.items():
        if row["outcome"] == "refused":
            assert Path(name).name.split(".")[0] in row["message"], row
            assert re.search("[\u4e00-\u9fff]", row["message_zh"]), row


def imported(stored: int, **findings: int) -> Callable[[dict[str, Any]], bool]:
    return lambda row: (
        row["outcome"] == "imported" and row["rows_stored"] == stored and findings.items() <= row["findings"].items()
    )


def refused(error: str, text: str) -> Callable[[dict[str, Any]], bool]:
    return lambda row: row["outcome"] == "refused" and row["error"] == error and text in row["message"]


@pytest.mark.parametrize(
    ("file", "is_right"),
    [
        ("ugly/fiona/data/!test.geojson", imported(1)),
        ("ugly/mapnik/shp/3d_point_empty.shp", refused("FileFormatError", "0 rows")),
        ("ugly/pyshp/shapefiles/empty_zipfile.zip", refused("FileFormatError", "holds 0 layers")),
        ("shenzhen-taz/shapefile/sz.shp", refused("CrsError", "EPSG:4490")),
        ("shenzhen-taz/shapefile/chongqing_shp/区县界_area.shp", imported(38)),
        ("wuhan-xujiapeng/fireHydrant.json", refused("CrsError", "--swap-xy")),
        # 4 of 15 are polygons, whose rings are open
        ("changsha-yuelu/LHSJTZSLine.json", imported(11, closed_ring=4, wrong_geometry=4)),
        # 1 of 19,376 lies at -1.8e308
        ("portland/data/nij/080116_083116_Data.zip", imported(19375, bad_coordinates=1)),
        # arcs of one point have no length
        ("philadelphia/street_centerline/street_centerline.topojson.gz", imported(40854, wrong_geometry=2)),
    ],
)
def test_outcome(rows: dict[str, dict[str, Any]], file: str, is_right: Callable[[dict[str, Any]], bool]) -> None:
    assert is_right(rows[file]), rows[file]


@pytest.mark.parametrize(
    ("file", "remedy", "stored"),
    [
        ("ugly/mapnik/shp/poly_null_poly.shp", {"crs": "EPSG:4490"}, 2),
        ("ugly/fiona/data/test_tin.shp", {"crs": "EPSG:4490"}, 1),
        ("ugly/pyshp/shapefiles/latin1.shp", {"crs": "EPSG:4490"}, 1),
        ("wuhan-xujiapeng/fireHydrant.json", {"swap_xy": True}, 40),
    ],
)
def test_following_the_message_helps(
    rows: dict[str, dict[str, Any]], file: str, remedy: dict[str, Any], stored: int
) -> None:
    assert (rows[file]["remedy"], rows[file]["then"]["rows_stored"]) == (remedy, stored)


def test_text_is_read_in_the_right_encoding(rows: dict[str, dict[str, Any]]) -> None:
    assert rows["shenzhen-taz/shapefile/chongqing_shp/区县界_area.shp"]["encoding"] == "gb18030"
    assert rows["ugly/pyshp/shapefiles/latin1.shp"]["then"]["encoding"] == "cp1252"

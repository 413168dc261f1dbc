"""Files that a disk, a mail gateway or an editor has damaged are read or refused; none ends in a traceback."""

from __future__ import annotations

import json
import random
import shutil
import zipfile
from contextlib import suppress
from pathlib import Path

import geopandas as gpd
import openpyxl
import pytest
import shapely

from geo.errors import YiwangError
from geo.formats.sources import SourceParams, read_source

MAIN = ["s.shp", "g.geojson", "p.gpkg", "b.fgb", "k.kml", "x.xlsx", "c.csv", "j.json", "z.zip", "m.kmz"]
PARAMS = [
    SourceParams(),
    SourceParams(crs="EPSG:4490"),
    SourceParams(encoding="gbk"),
    SourceParams(swap_xy=True),
    SourceParams(converted_from="gcj02"),
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    boxes = [shapely.box(112 + n, 26, 112.5 + n, 26.5) for n in range(3)]
    frame = gpd.GeoDataFrame({"名称": ["解放路", "和平", "甲"], "n": [1, 2, 3]}, geometry=boxes, crs=4326)
    frame.to_file(folder / "s.shp", encoding="GB18030")
    for name, driver in (("g.geojson", "GeoJSON"), ("p.gpkg", "GPKG"), ("b.fgb", "FlatGeobuf"), ("k.kml", "LIBKML")):
        frame.to_file(folder / name, driver=driver)
    book = openpyxl.Workbook()
    rows = [["名称", "经度", "纬度"], ["甲", 112.5, 26.9], ["乙", "112°30'", "26.9"]]
    for row in rows:
        book.worksheets[0].append(row)
    book.save(folder / "x.xlsx")
    (folder / "c.csv").write_text('名称,经度,纬度\n甲,112.5,26.9\n"乙\n丙",112.5,26.9\n', "gbk")
    (folder / "j.json").write_text(json.dumps([{"名称": "a", "经度": 112.5, "纬度": 26.9}]))
    with zipfile.ZipFile(folder / "z.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(folder.glob("s.*")):
            packed.write(path, path.name)
    with zipfile.ZipFile(folder / "m.kmz", "w", zipfile.ZIP_DEFLATED) as packed:
        packed.write(folder / "k.kml", "doc.kml")
    return folder


def damage(blob: bytes, rng: random.Random) -> bytes:
    """Return bytes cut short, overwritten, or with some added or taken away."""
    result = bytearray(blob)
    if not result:
        return blob
    kind, at = rng.randrange(4), rng.randrange(len(result))
    if kind == 0:
        del result[at:]
    elif kind == 1:
        for _ in range(rng.randrange(1, 12)):
            result[rng.randrange(len(result))] = rng.randrange(256)
    elif kind == 2:
        result[at:at] = rng.randbytes(rng.randrange(1, 50))
    else:
        del result[at : at + rng.randrange(1, 60)]
    return bytes(result)


@pytest.mark.parametrize("main", MAIN)
def test_whole_files_are_read(whole: Path, main: str) -> None:
    assert len(read_source(whole / main).frame) in (1, 2, 3)


@pytest.mark.filterwarnings("ignore")  # GDAL tells of each damage
@pytest.mark.parametrize("main", MAIN)
def test_damaged_files_end_well(whole: Path, tmp_path: Path, main: str) -> None:
    rng = random.Random(main)
    for number in range(40):
        folder = tmp_path / str(number)
        folder.mkdir()
        for path in whole.glob(f"{main[0]}.*"):
            shutil.copyfile(path, folder / path.name)
        victim = rng.choice(sorted(folder.iterdir()))
        victim.write_bytes(damage(victim.read_bytes(), rng))
        with suppress(YiwangError):
            assert read_source(folder / main, rng.choice(PARAMS)).frame.crs is not None

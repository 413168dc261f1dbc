"""Every kind of file that offices hand over is read, and what is missing is asked for with a good guess."""

from __future__ import annotations

import gzip
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import shapely
from pyproj import CRS

from geo.errors import ArchiveError, CrsError, EncodingError, FileFormatError
from geo.formats.sources import SourceParams, read_source

WriteShapefile = Callable[..., Path]
# as ArcGIS writes it: names with underscores, no authority code
ESRI_PRJ = (
    'PROJCS["CGCS2000_3_Degree_GK_CM_114E",GEOGCS["GCS_China_Geodetic_Coordinate_System_2000",'
    'DATUM["D_China_2000",SPHEROID["CGCS2000",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],'
    'UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],PARAMETER["False_Easting",500000.0],'
    'PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",114.0],PARAMETER["Scale_Factor",1.0],'
    'PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
)
TEXTS = ["解放路派出所", "和平小学"]


def as_list(path: Path) -> set[tuple[str, bytes]]:
    return {(file.name, file.read_bytes()) for file in path.iterdir()}


class TestShapefile:
    @pytest.mark.parametrize(
        ("encoding", "cpg"), [("gbk", None), ("gbk", "UTF-8"), ("utf-8", None), ("utf-8", "GBK"), ("big5", "950")]
    )
    def test_text_is_right(self, write_shapefile: WriteShapefile, encoding: str, cpg: str | None) -> None:
        texts = TEXTS if encoding != "big5" else ["中山北路", "警察局"]
        assert read_source(write_shapefile(texts, encoding, cpg=cpg)).frame["NAME"].tolist() == texts

    @pytest.mark.parametrize(("encoding", "width", "cut"), [("gbk", 7, "解放路"), ("utf-8", 10, "解放路")])
    def test_value_cut_inside_a_character_is_read(
        self, write_shapefile: WriteShapefile, encoding: str, width: int, cut: str
    ) -> None:
        layer = read_source(write_shapefile(["解放路派出所", "人民路小学校"], encoding, width=width))
        assert layer.frame["NAME"].str[:3].tolist() == [cut, "人民路"]
        assert layer.frame["NAME"].str.len().max() <= 4

    def test_encoding_given_by_the_user_wins(self, write_shapefile: WriteShapefile) -> None:
        layer = read_source(write_shapefile(["Köln"], "latin-1"), SourceParams(encoding="latin-1"))
        assert (layer.frame["NAME"][0], layer.encoding_reason) == ("Köln", "given by the user")

    def test_wrong_encoding_given_by_the_user(self, write_shapefile: WriteShapefile) -> None:
        with pytest.raises(FileFormatError, match="Name its encoding"):
            read_source(write_shapefile(TEXTS, "gbk"), SourceParams(encoding="utf-8"))

    def test_unknown_encoding_given_by_the_user(self, write_shapefile: WriteShapefile) -> None:
        with pytest.raises(EncodingError):
            read_source(write_shapefile(TEXTS), SourceParams(encoding="klingon"))

    @pytest.mark.parametrize(
        ("xy", "guess", "example"),
        [
            ((112.6, 26.9), "degrees", "EPSG:4490"),
            ((38500000.0, 3000000.0), "Gauss-Kruger with zone prefix 38", "EPSG:4526"),
            ((25500000.0, 3000000.0), "Gauss-Kruger with zone prefix 25", "EPSG:4513"),
            ((19500000.0, 3000000.0), "6-degree Gauss-Kruger with zone prefix 19", "EPSG:4497"),
            ((500000.0, 3000000.0), "metres without a zone", "EPSG:4547"),
            ((12712345.0, 3300000.0), "Web Mercator", "EPSG:3857"),
        ],
    )
    def test_missing_prj_is_asked_for(
        self, write_shapefile: WriteShapefile, xy: tuple[float, float], guess: str, example: str
    ) -> None:
        path = write_shapefile(TEXTS, xy=xy, crs=None)
        with pytest.raises(CrsError) as caught:
            read_source(path)
        assert caught.value.context == {"file": path.name, "guess": guess, "example": example}
        epsg = int(example.removeprefix("EPSG:"))
        if "prefix" in guess:  # the example is the zone whose false easting holds the prefix
            easting = next(
                p.value for p in CRS.from_epsg(epsg).coordinate_operation.params if p.name == "False easting"
            )
            assert easting == xy[0] // 1e6 * 1e6 + 500_000

    def test_crs_given_by_the_user_wins(self, write_shapefile: WriteShapefile) -> None:
        layer = read_source(write_shapefile(TEXTS), SourceParams(crs="EPSG:4549"))
        assert (layer.frame.crs.to_epsg(), layer.crs_reason) == (4549, "given by the user")
        assert layer.frame.geometry.x[0] == 500000.0  # named, not transformed

    def test_unknown_crs(self, write_shapefile: WriteShapefile) -> None:
        with pytest.raises(CrsError, match="not a known coordinate system"):
            read_source(write_shapefile(TEXTS), SourceParams(crs="EPSG:999999"))

    def test_esri_prj_is_recognised(self, write_shapefile: WriteShapefile) -> None:
        path = write_shapefile(TEXTS)
        path.with_suffix(".prj").write_text(ESRI_PRJ)
        layer = read_source(path)
        assert layer.frame.crs.to_epsg() == 4547
        assert layer.crs_reason == "stated in the file"

    def test_missing_dbf(self, write_shapefile: WriteShapefile) -> None:
        with pytest.raises(FileFormatError, match=r"without its \.dbf"):
            read_source(write_shapefile(TEXTS, drop=(".dbf",)))

    def test_missing_shx_is_rebuilt_elsewhere(self, write_shapefile: WriteShapefile) -> None:
        path = write_shapefile(TEXTS, drop=(".shx",))
        before = as_list(path.parent)
        layer = read_source(path)
        assert layer.frame["NAME"].tolist() == TEXTS
        assert shapely.get_coordinates(layer.frame.geometry.to_numpy()).tolist() == [
            [500000, 3000000],
            [500010, 3000000],
        ]
        assert layer.frame.crs.to_epsg() == 4547
        assert layer.source == path.name
        assert as_list(path.parent) == before

    def test_missing_shx_and_dbf(self, write_shapefile: WriteShapefile) -> None:
        with pytest.raises(FileFormatError, match=r"without its \.dbf"):
            read_source(write_shapefile(TEXTS, drop=(".shx", ".dbf")))

    def test_suffixes_in_capitals(self, write_shapefile: WriteShapefile) -> None:
        path = write_shapefile(TEXTS)
        for file in list(path.parent.iterdir()):
            file.rename(file.with_suffix(file.suffix.upper()))
        assert read_source(path.with_suffix(".SHP")).frame["NAME"].tolist() == TEXTS

    def test_broken_shp(self, write_shapefile: WriteShapefile) -> None:
        path = write_shapefile(TEXTS)
        path.write_bytes(b"nothing of a shapefile" * 10)
        with pytest.raises(FileFormatError):
            read_source(path)

    def test_zipped(self, write_shapefile: WriteShapefile, tmp_path: Path) -> None:
        path = write_shapefile(TEXTS)
        archive = tmp_path / "包.zip"
        with zipfile.ZipFile(archive, "w") as packed:
            for file in path.parent.glob("设施.*"):
                packed.write(file, f"图层/{file.name}")
        layer = read_source(archive)
        assert layer.frame["NAME"].tolist() == TEXTS
        assert layer.source == "包.zip/设施.shp"

    @pytest.mark.parametrize(("names", "count"), [(["a.shp", "b.shp"], 2), (["readme.txt"], 0)])
    def test_zip_without_one_layer(self, tmp_path: Path, names: list[str], count: int) -> None:
        archive = tmp_path / "a.zip"
        with zipfile.ZipFile(archive, "w") as packed:
            for name in names:
                packed.writestr(name, b"")
        with pytest.raises(FileFormatError, match=f"holds {count} layers"):
            read_source(archive)

    def test_unsafe_zip(self, tmp_path: Path) -> None:
        archive = tmp_path / "a.zip"
        with zipfile.ZipFile(archive, "w") as packed:
            packed.writestr("../a.shp", b"")
        with pytest.raises(ArchiveError):
            read_source(archive)


class TestOtherFiles:
    @pytest.fixture
    def frame(self) -> gpd.GeoDataFrame:
        return gpd.GeoDataFrame(
            {"名称": TEXTS}, geometry=[shapely.Point(112.5, 26.9), shapely.Point(112.6, 26.8)], crs=4326
        )

    def test_geopackage_with_two_layers(self, tmp_path: Path, frame: gpd.GeoDataFrame) -> None:
        path = tmp_path / "图层.gpkg"
        frame.to_file(path, layer="学校", driver="GPKG")
        frame.iloc[:1].to_file(path, layer="医院", driver="GPKG")
        with pytest.raises(FileFormatError, match="holds 2 layers") as caught:
            read_source(path)
        assert set(caught.value.context["names"].split(", ")) == {"学校", "医院"}
        assert len(read_source(path, SourceParams(layer="学校")).frame) == 2
        assert read_source(path, SourceParams(layer="医院")).layer == "医院"
        with pytest.raises(FileFormatError):
            read_source(path, SourceParams(layer="派出所"))

    def test_geojson(self, tmp_path: Path, frame: gpd.GeoDataFrame) -> None:
        path = tmp_path / "a.geojson"
        path.write_text(frame.to_json(), "utf-8")
        layer = read_source(path)
        assert layer.frame["名称"].tolist() == TEXTS
        assert layer.frame.crs.to_epsg() == 4326
        assert "default of GeoJSON" in layer.crs_reason

    def test_geojson_under_json_and_packed(self, tmp_path: Path, frame: gpd.GeoDataFrame) -> None:
        for name, blob in [
            ("a.json", frame.to_json().encode()),
            ("b.geojson.gz", gzip.compress(frame.to_json().encode())),
        ]:
            (tmp_path / name).write_bytes(blob)
            assert read_source(tmp_path / name).frame["名称"].tolist() == TEXTS

    @pytest.mark.parametrize("packed", [True, False])
    def test_topojson_with_one_point_arcs(self, tmp_path: Path, packed: bool) -> None:
        """GDAL refuses the whole file for one such arc."""
        topology = {
            "type": "Topology",
            "transform": {"scale": [0.001, 0.001], "translate": [112.0, 26.0]},
            "arcs": [[[0, 0], [100, 0], [0, 100]], [[500, 500]]],
            "objects": {
                "道路": {
                    "type": "GeometryCollection",
                    "geometries": [
                        {"type": "LineString", "arcs": [0], "properties": {"name": "解放路"}},
                        {"type": "LineString", "arcs": [1], "properties": {"name": "一点"}},
                    ],
                }
            },
        }
        blob = json.dumps(topology).encode()
        path = tmp_path / ("a.topojson.gz" if packed else "a.topojson")
        path.write_bytes(gzip.compress(blob) if packed else blob)
        layer = read_source(path)
        assert layer.frame["name"].tolist() == ["解放路", "一点"]
        np.testing.assert_allclose(
            shapely.get_coordinates(layer.frame.geometry.iloc[0]), [[112, 26], [112.1, 26], [112.1, 26.1]], atol=1e-9
        )
        assert layer.frame.geometry.iloc[1].length == 0
        assert (layer.frame.crs.to_epsg(), layer.crs_reason) == (4326, "default of TopoJSON")

    @pytest.mark.parametrize("blob", [b"\x1f\x8bnot gzip", b"{", b"[1]"], ids=["gzip", "json", "array"])
    def test_broken_topojson(self, tmp_path: Path, blob: bytes) -> None:
        path = tmp_path / ("a.topojson.gz" if blob[:1] == b"\x1f" else "a.topojson")
        path.write_bytes(blob)
        with pytest.raises((FileFormatError, ArchiveError), match=r"cannot be (read|unpacked)"):
            read_source(path)

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "gbk"])
    @pytest.mark.parametrize("header", ["经度,纬度", "lon,lat", "Longitude,LATITUDE", " x , Y "])
    def test_csv(self, tmp_path: Path, encoding: str, header: str) -> None:
        path = tmp_path / "点.csv"
        path.write_text(f"名称,{header},编码\n解放路派出所,112.5,26.9,007\n和平小学,112.6,26.8,\n", encoding)
        layer = read_source(path)
        assert layer.frame.drop(columns="geometry").to_dict("list") == {"名称": TEXTS, "编码": ["007", ""]}
        assert shapely.get_coordinates(layer.frame.geometry.to_numpy()).tolist() == [[112.5, 26.9], [112.6, 26.8]]
        assert layer.frame.crs.to_epsg() == 4326

    def test_csv_swapped(self, tmp_path: Path) -> None:
        path = tmp_path / "点.csv"
        path.write_text("lon,lat\n26.9,112.5\n", "utf-8")
        point = read_source(path, SourceParams(swap_xy=True)).frame.geometry[0]
        assert (point.x, point.y) == (112.5, 26.9)

    def test_csv_in_metres_is_asked_for(self, tmp_path: Path) -> None:
        path = tmp_path / "点.csv"
        path.write_text("x,y\n38500000,2980000\n", "utf-8")
        with pytest.raises(CrsError, match="zone prefix 38"):
            read_source(path)
        layer = read_source(path, SourceParams(crs="EPSG:4526"))
        assert (layer.frame.crs.to_epsg(), layer.frame.geometry[0].x) == (4526, 38500000.0)

    @pytest.mark.parametrize(
        ("text", "error"),
        [
            ("名称,地址\n甲,乙\n", "no columns of coordinates"),
            ("", "cannot be read"),
            ('a,b\n"unclosed', "no columns of coordinates|cannot be read"),
            ("经度,纬度\n未知,未知\n", "holds no geometry"),
            ("经度,纬度\n", "holds no geometry"),
        ],
    )
    def test_csv_that_is_no_layer(self, tmp_path: Path, text: str, error: str) -> None:
        path = tmp_path / "点.csv"
        path.write_text(text, "utf-8")
        with pytest.raises(FileFormatError, match=error):
            read_source(path)

    def test_json_records(self, tmp_path: Path) -> None:
        rows = [
            {"名称": TEXTS[0], "经度": "112.5", "纬度": 26.9, "n": 3},
            {"名称": TEXTS[1], "经度": 112.6, "纬度": 26.8},
        ]
        path = tmp_path / "点.json"
        path.write_text("﻿" + json.dumps(rows, ensure_ascii=False), "utf-8")
        frame = read_source(path).frame
        assert frame["名称"].tolist() == TEXTS
        assert shapely.get_coordinates(frame.geometry.to_numpy()).tolist() == [[112.5, 26.9], [112.6, 26.8]]

    @pytest.mark.parametrize("text", ["[", "[1, 2]", "[[1], [2, 3]]", "{}"])
    def test_json_that_is_no_layer(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "点.json"
        path.write_text(text, "utf-8")
        with pytest.raises(FileFormatError):
            read_source(path)

    @pytest.mark.parametrize("name", ["a.doc", "a.dwg", "a"])
    def test_unknown_kind(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_bytes(b"x")
        with pytest.raises(FileFormatError, match="of no kind that can be imported"):
            read_source(tmp_path / name)

    def test_missing_file(self, tmp_path: Path) -> None:
        with pytest.raises(FileFormatError, match="does not exist"):
            read_source(tmp_path / "a.shp")

    def test_table_without_geometry(self, tmp_path: Path, frame: gpd.GeoDataFrame) -> None:
        import pyogrio

        path = tmp_path / "a.gpkg"
        pyogrio.write_dataframe(frame.drop(columns="geometry"), path, layer="表", driver="GPKG")
        with pytest.raises(FileFormatError):
            read_source(path)
        with pytest.raises(FileFormatError, match="without geometry"):
            read_source(path, SourceParams(layer="表"))


def test_swap_exchanges_axes_of_any_geometry(tmp_path: Path) -> None:
    frame: Any = gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.box(26, 112, 27, 115)], crs=4326)
    path = tmp_path / "a.geojson"
    path.write_text(frame.to_json(), "utf-8")
    assert read_source(path, SourceParams(swap_xy=True)).frame.total_bounds.tolist() == [112, 26, 115, 27]

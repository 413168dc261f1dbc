"""Files that lie about themselves: each is read right and the reader told, or refused with what to do."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pyogrio
import pytest
import shapely
from pyproj import CRS, Transformer

from geo.errors import ArchiveError, CrsError, FileFormatError
from geo.formats.sources import SourceLayer, SourceParams, read_source

WriteShapefile = Callable[..., Path]
TEXTS = ["解放路派出所", "和平小学"]
PLACE = (114.001, 26.9)


def codes(layer: SourceLayer) -> list[str]:
    return [finding.code for finding in layer.findings]


def lon_lat(layer: SourceLayer) -> tuple[float, float]:
    point = layer.frame.geometry.to_crs(4490).iloc[0].representative_point()
    return point.x, point.y


def projected(epsg: int) -> tuple[float, float]:
    x, y = Transformer.from_crs(4490, epsg, always_xy=True).transform(*PLACE)
    return float(x), float(y)


def esri_prj(name: str, meridian: float, easting: float, datum: str = "D_China_2000") -> str:
    """Return a .prj as ArcGIS writes it."""
    ellipsoid = {
        "D_China_2000": 'SPHEROID["CGCS2000",6378137.0,298.257222101]',
        "D_Xian_1980": 'SPHEROID["Xian_1980",6378140.0,298.257]',
        "D_Beijing_1954": 'SPHEROID["Krasovsky_1940",6378245.0,298.3]',
    }[datum]
    geographic = {
        "D_China_2000": "GCS_China_Geodetic_Coordinate_System_2000",
        "D_Xian_1980": "GCS_Xian_1980",
        "D_Beijing_1954": "GCS_Beijing_1954",
    }[datum]
    return (
        f'PROJCS["{name}",GEOGCS["{geographic}",DATUM["{datum}",{ellipsoid}],PRIMEM["Greenwich",0.0],'
        f'UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],PARAMETER["False_Easting",{easting}],'
        f'PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",{meridian}],PARAMETER["Scale_Factor",1.0],'
        'PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
    )


class TestPrj:
    @pytest.mark.parametrize(
        ("name", "meridian", "easting", "datum", "epsg"),
        [
            ("CGCS2000_3_Degree_GK_CM_114E", 114, 500000, "D_China_2000", 4547),
            ("CGCS2000_3_Degree_GK_Zone_38", 114, 38500000, "D_China_2000", 4526),
            ("CGCS2000_GK_CM_111E", 111, 500000, "D_China_2000", 4508),
            ("CGCS2000_GK_Zone_19", 111, 19500000, "D_China_2000", 4497),
            ("Xian_1980_3_Degree_GK_CM_114E", 114, 500000, "D_Xian_1980", 2383),
            ("Xian_1980_3_Degree_GK_Zone_38", 114, 38500000, "D_Xian_1980", 2362),
            ("Xian_1980_GK_Zone_19", 111, 19500000, "D_Xian_1980", 2333),
            ("Beijing_1954_3_Degree_GK_CM_114E", 114, 500000, "D_Beijing_1954", 2435),
            ("Beijing_1954_3_Degree_GK_Zone_38", 114, 38500000, "D_Beijing_1954", 2414),
            ("Beijing_1954_GK_Zone_19", 111, 19500000, "D_Beijing_1954", 21419),
        ],
    )
    def test_names_of_esri(
        self, write_shapefile: WriteShapefile, name: str, meridian: int, easting: int, datum: str, epsg: int
    ) -> None:
        path = write_shapefile(TEXTS, xy=(easting + 100.0, 2980000.0))
        path.with_suffix(".prj").write_text(esri_prj(name, meridian, easting, datum))
        assert read_source(path).frame.crs.to_epsg() == epsg

    def test_a_local_meridian_stays_what_it_is(self, write_shapefile: WriteShapefile) -> None:
        path = write_shapefile(TEXTS, xy=(500100.0, 2980000.0))
        path.with_suffix(".prj").write_text(esri_prj("Local", 113.5, 500000))
        layer = read_source(path)
        assert layer.frame.crs.to_epsg() is None
        assert layer.frame.geometry.to_crs(4490).x.iloc[0] == pytest.approx(113.501, abs=1e-4)

    @pytest.mark.parametrize("text", ["EPSG:4547", "+proj=tmerc +lon_0=114 +x_0=500000 +ellps=GRS80 +units=m"])
    def test_short_texts(self, write_shapefile: WriteShapefile, text: str) -> None:
        path = write_shapefile(TEXTS)
        path.with_suffix(".prj").write_text(text)
        assert read_source(path).frame.geometry.to_crs(4490).x.iloc[0] == pytest.approx(114, abs=1e-6)

    @pytest.mark.parametrize("text", ["", "国家2000坐标系", "PROJCS[broken", 'LOCAL_CS["x"]'])
    def test_not_understood(self, write_shapefile: WriteShapefile, text: str) -> None:
        path = write_shapefile(TEXTS, xy=(38500000.0, 2980000.0))
        path.with_suffix(".prj").write_text(text, "utf-8")
        with pytest.raises(CrsError, match=r"coordinate system in \.prj cannot be understood") as caught:
            read_source(path)
        assert caught.value.context["example"] == "EPSG:4526"
        assert read_source(path, SourceParams(crs="EPSG:4526")).frame.crs.to_epsg() == 4526


class TestZonePrefix:
    @pytest.mark.parametrize(
        ("written", "stated"), [(4526, 4547), (4547, 4526), (4497, 4508), (2362, 2383), (21419, 21459), (4526, 4490)]
    )
    def test_prefix_that_the_crs_does_not_say(self, write_shapefile: WriteShapefile, written: int, stated: int) -> None:
        """Same datum and meridian, only the prefix is told wrongly: no doubt is left."""
        x, y = Transformer.from_crs(4490, written, always_xy=True).transform(*PLACE)
        path = write_shapefile(TEXTS, xy=(x, y))
        path.with_suffix(".prj").write_text(CRS.from_epsg(stated).to_wkt("WKT1_ESRI"))
        layer = read_source(path)
        assert (layer.frame.crs.to_epsg(), codes(layer)) == (written, ["zone_prefix"])
        assert f"EPSG:{written}" in layer.findings[0].context["taken"]

    @pytest.mark.parametrize(
        ("written", "stated", "named"), [(4527, 4547, 4527), (4497, 4547, 4497), (4525, 4526, 4525)]
    )
    def test_prefix_of_another_zone(
        self, write_shapefile: WriteShapefile, written: int, stated: int, named: int
    ) -> None:
        path = write_shapefile(TEXTS, xy=projected(written), crs=stated)
        with pytest.raises(CrsError, match="another zone") as caught:
            read_source(path)
        assert caught.value.context["epsg"] == named
        assert lon_lat(read_source(path, SourceParams(crs=f"EPSG:{named}"))) == pytest.approx(PLACE, abs=1e-6)

    def test_shanghai_in_web_mercator_is_not_taken_for_zone_13(self, write_shapefile: WriteShapefile) -> None:
        path = write_shapefile(TEXTS, xy=(13520000.0, 3660000.0), crs=4490)
        with pytest.raises(CrsError, match=r"Web Mercator, or .* zone prefix 13 \(EPSG:4491\)"):
            read_source(path)

    def test_message_names_the_layer(self, tmp_path: Path) -> None:
        path = tmp_path / "图层.gpkg"
        frame = gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(26.9, 112.5)], crs=4490)
        for name in ("学校", "医院"):
            frame.to_file(path, layer=name, driver="GPKG")
        with pytest.raises(CrsError, match=r"图层\.gpkg · 医院"):
            read_source(path, SourceParams(layer="医院"))

    def test_user_says_the_wrong_one(self, write_shapefile: WriteShapefile) -> None:
        path = write_shapefile(TEXTS, xy=projected(4526), crs=None)
        layer = read_source(path, SourceParams(crs="EPSG:4547"))
        assert (layer.frame.crs.to_epsg(), codes(layer)) == (4526, ["zone_prefix"])

    def test_northing_first(self, write_shapefile: WriteShapefile) -> None:
        for epsg in (4547, 4526, 32649):
            x, y = projected(epsg)
            path = write_shapefile(TEXTS, xy=(y, x), crs=epsg)
            with pytest.raises(CrsError, match="--swap-xy"):
                read_source(path)
            assert lon_lat(read_source(path, SourceParams(swap_xy=True))) == pytest.approx(PLACE, abs=1e-3)

    def test_degrees_under_a_projected_crs(self, write_shapefile: WriteShapefile) -> None:
        with pytest.raises(CrsError, match="look like degrees"):
            read_source(write_shapefile(TEXTS, xy=PLACE, crs=4547))

    def test_western_china_swapped(self, write_shapefile: WriteShapefile) -> None:
        """43.8° N, 87.6° E (Urumqi) stays on the globe when its axes are exchanged."""
        with pytest.raises(CrsError, match="--swap-xy"):
            read_source(write_shapefile(TEXTS, xy=(43.8, 87.6), crs=4326))


class TestText:
    @pytest.mark.parametrize("cpg", [None, "UTF-8", "GBK", "ISO-8859-1"])
    def test_big5(self, write_shapefile: WriteShapefile, cpg: str | None) -> None:
        texts = ["中山北路", "警察局", "大安區公所", "捷運站"]
        assert read_source(write_shapefile(texts, "big5", cpg=cpg)).frame["NAME"].tolist() == texts

    @pytest.mark.parametrize("cpg", ["BIG5", "ISO-8859-1", "1252", "nonsense", ""])
    def test_gbk_with_a_wrong_cpg(self, write_shapefile: WriteShapefile, cpg: str) -> None:
        texts = ["岳麓区", "浏阳市", "解放路派出所"]
        assert read_source(write_shapefile(texts, "gbk", cpg=cpg)).frame["NAME"].tolist() == texts


class TestGeoJson:
    def write(self, path: Path, geometry: list[Any], encoding: str = "utf-8", **members: Any) -> Path:
        features = [
            {"type": "Feature", "properties": {"名称": f"网格{n}"}, "geometry": one} for n, one in enumerate(geometry)
        ]
        body = {"type": "FeatureCollection", **members, "features": features}
        path.write_bytes(json.dumps(body, ensure_ascii=False).encode(encoding))
        return path

    def point(self, x: float, y: float) -> dict[str, Any]:
        return {"type": "Point", "coordinates": [x, y]}

    @pytest.mark.parametrize("name", ["urn:ogc:def:crs:EPSG::4547", "EPSG:4547", "epsg:4547", 4547])
    def test_crs_member(self, tmp_path: Path, name: Any) -> None:
        crs = {"type": "name", "properties": {"name": name}}
        layer = read_source(self.write(tmp_path / "a.geojson", [self.point(*projected(4547))], crs=crs))
        assert layer.frame.crs.to_epsg() == 4547
        assert lon_lat(layer) == pytest.approx(PLACE, abs=1e-6)

    def test_crs_member_of_the_usual_system(self, tmp_path: Path) -> None:
        crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:OGC:1.3:CRS84"}}
        assert (
            read_source(self.write(tmp_path / "a.geojson", [self.point(*PLACE)], crs=crs)).frame.crs.to_epsg() == 4326
        )

    def test_crs_member_that_nobody_knows(self, tmp_path: Path) -> None:
        crs = {"type": "name", "properties": {"name": "我市独立坐标系"}}
        with pytest.raises(CrsError, match="its crs member cannot be understood"):
            read_source(self.write(tmp_path / "a.geojson", [self.point(512345.0, 2980000.0)], crs=crs))

    @pytest.mark.parametrize(
        ("xy", "example"), [((38500000.0, 2980000.0), "EPSG:4526"), ((512345.0, 2980000.0), "EPSG:4547")]
    )
    def test_metres_without_crs_member(self, tmp_path: Path, xy: tuple[float, float], example: str) -> None:
        with pytest.raises(CrsError, match="do not fit EPSG:4326") as caught:
            read_source(self.write(tmp_path / "a.geojson", [self.point(*xy)]))
        assert caught.value.context["example"] == example

    def test_degrees_with_a_metric_crs_member(self, tmp_path: Path) -> None:
        crs = {"type": "name", "properties": {"name": "EPSG:4547"}}
        path = self.write(tmp_path / "a.geojson", [self.point(*PLACE)], crs=crs)
        with pytest.raises(CrsError, match="look like degrees"):
            read_source(path)
        assert lon_lat(read_source(path, SourceParams(crs="EPSG:4490"))) == PLACE

    def test_open_rings(self, tmp_path: Path) -> None:
        """The first lacks its last corner; the second is a road that somebody called a polygon; the third is well."""
        square = [[112.0, 26.0], [112.1, 26.0], [112.1, 26.1], [112.0, 26.1]]
        road = [[112.0, 26.0], [112.1, 26.001], [112.2, 26.0], [112.3, 26.002]]
        rings = [square, road, [*square, square[0]]]
        geometry = [{"type": "Polygon", "coordinates": [ring]} for ring in rings]
        layer = read_source(self.write(tmp_path / "a.geojson", geometry))
        assert {f.code: f.rows for f in layer.findings} == {"closed_ring": (0,), "unclosed_ring": (1,)}
        assert layer.frame.geometry.isna().tolist() == [False, True, False]
        assert layer.frame.geometry.iloc[0].equals(shapely.Polygon(square))

    @pytest.mark.parametrize("encoding", ["gbk", "utf-8-sig", "utf-16", "big5"])
    def test_other_encodings(self, tmp_path: Path, encoding: str) -> None:
        name = "名稱" if encoding == "big5" else "名称"
        text = json.dumps(
            {"type": "Feature", "properties": {name: "中山公園" if encoding == "big5" else "解放路派出所"},
             "geometry": self.point(*PLACE)}, ensure_ascii=False
        )  # fmt: skip
        path = tmp_path / "a.geojson"
        path.write_bytes(text.encode(encoding))
        assert read_source(path).frame[name].tolist()[0] in ("中山公園", "解放路派出所")

    def test_mixed_null_and_empty(self, tmp_path: Path) -> None:
        geometry = [
            None,
            {"type": "Polygon", "coordinates": []},
            self.point(*PLACE),
            {"type": "LineString", "coordinates": [[112, 26], [113, 26]]},
            {"type": "GeometryCollection", "geometries": [self.point(*PLACE)]},
        ]
        layer = read_source(self.write(tmp_path / "a.geojson", geometry))
        assert len(layer.frame) == 5
        assert (layer.frame.geometry.isna() | layer.frame.geometry.is_empty).tolist() == [
            True,
            True,
            False,
            False,
            False,
        ]

    def test_heights(self, tmp_path: Path) -> None:
        geometry = [{"type": "Point", "coordinates": [112.5, 26.9, 31.5]}, self.point(112.5, 26.8)]
        assert codes(read_source(self.write(tmp_path / "a.geojson", geometry))) == ["heights_dropped"]

    @pytest.mark.parametrize("name", ["!网格.geojson", "a!b.json"])
    def test_exclamation_mark(self, tmp_path: Path, name: str) -> None:
        layer = read_source(self.write(tmp_path / name, [self.point(*PLACE)]))
        assert (len(layer.frame), layer.source) == (1, name)


KML = """<?xml version="1.0" encoding="{encoding}"?>
<kml{namespace}><Document><name>某街道</name>{body}</Document></kml>"""
POINT = (
    "<Placemark><name>{name}</name><description>说明</description><ExtendedData>"
    '<Data name="编码"><value>007</value></Data></ExtendedData>'
    "<Point><coordinates>\n {coordinates}\n</coordinates></Point></Placemark>"
)
NAMESPACE = ' xmlns="http://www.opengis.net/kml/2.2"'


def kml(body: str, encoding: str = "UTF-8", namespace: str = NAMESPACE) -> bytes:
    return KML.format(encoding=encoding, namespace=namespace, body=body).encode(encoding)


class TestKml:
    @pytest.mark.parametrize(
        "namespace",
        [NAMESPACE, ' xmlns="http://earth.google.com/kml/2.1"', ' xmlns="http://earth.google.com/kml/2.0"', ""],
    )
    @pytest.mark.parametrize("encoding", ["UTF-8", "GBK", "gb2312", "UTF-8-SIG", "UTF-16"])
    def test_versions_and_encodings(self, tmp_path: Path, namespace: str, encoding: str) -> None:
        path = tmp_path / "设施.kml"
        blob = kml(POINT.format(name="解放路派出所", coordinates="112.5,26.9,0"), encoding, namespace)
        path.write_bytes(blob.replace(b"UTF-8-SIG", b"UTF-8"))
        layer = read_source(path)
        assert layer.frame[["Name", "编码"]].to_numpy().tolist() == [["解放路派出所", "007"]]
        assert shapely.get_coordinates(layer.frame.geometry.to_numpy()).tolist() == [[112.5, 26.9]]
        assert (layer.frame.crs.to_epsg(), layer.source) == (4326, "设施.kml")

    def test_folders(self, tmp_path: Path) -> None:
        folders = "".join(
            f"<Folder><name>{name}</name>{POINT.format(name=name, coordinates='112.5,26.9')}</Folder>"
            for name in ("学校", "医院")
        )
        path = tmp_path / "a.kml"
        path.write_bytes(kml(folders))
        with pytest.raises(FileFormatError, match="holds 2 layers") as caught:
            read_source(path)
        assert caught.value.context["names"] == "学校, 医院"
        assert read_source(path, SourceParams(layer="医院")).frame["Name"].tolist() == ["医院"]

    def test_empty_folders_do_not_count(self, tmp_path: Path) -> None:
        inner = f"<Folder><name>内</name>{POINT.format(name='甲', coordinates='112.5,26.9')}</Folder>"
        path = tmp_path / "a.kml"
        path.write_bytes(kml(f"<Folder><name>外</name>{inner}</Folder><Folder><name>空</name></Folder>"))
        assert read_source(path).layer == "内"

    def test_polygon_with_a_hole(self, tmp_path: Path) -> None:
        def ring(low: float, high: float) -> str:
            corners = [(low, low), (high, low), (high, high), (low, high), (low, low)]
            text = " ".join(f"{112 + x},{26 + y},0" for x, y in corners)
            return f"<LinearRing><coordinates>{text}</coordinates></LinearRing>"

        body = (
            f"<Placemark><name>甲</name><MultiGeometry><Polygon><outerBoundaryIs>{ring(0, 0.5)}</outerBoundaryIs>"
            f"<innerBoundaryIs>{ring(0.125, 0.25)}</innerBoundaryIs></Polygon></MultiGeometry></Placemark>"
        )
        path = tmp_path / "a.kml"
        path.write_bytes(kml(body))
        expected = shapely.box(112, 26, 112.5, 26.5) - shapely.box(112.125, 26.125, 112.25, 26.25)
        assert read_source(path).frame.geometry.iloc[0].normalize().equals(expected.normalize())

    @pytest.mark.parametrize("blob", [b"", b"<kml", kml(""), b"not xml"])
    def test_broken_or_empty(self, tmp_path: Path, blob: bytes) -> None:
        (tmp_path / "a.kml").write_bytes(blob)
        with pytest.raises(FileFormatError):
            read_source(tmp_path / "a.kml")

    @pytest.mark.parametrize("name", ["doc.kml", "图层.kml"])
    def test_kmz(self, tmp_path: Path, name: str) -> None:
        path = tmp_path / "设施.kmz"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr(name, kml(POINT.format(name="甲", coordinates="112.5,26.9")))
            packed.writestr("files/icon.png", b"png")
        layer = read_source(path)
        assert (layer.frame["Name"].tolist(), layer.source) == (["甲"], f"设施.kmz/{name}")

    def test_unsafe_kmz(self, tmp_path: Path) -> None:
        with zipfile.ZipFile(tmp_path / "a.kmz", "w") as packed:
            packed.writestr("../doc.kml", kml(""))
        with pytest.raises(ArchiveError, match="unsafe name"):
            read_source(tmp_path / "a.kmz")


def test_surface_of_triangles_is_read(tmp_path: Path) -> None:
    """A TIN in a GeoPackage, put there byte by byte: no Python library writes one."""
    import sqlite3
    import struct

    path = tmp_path / "a.gpkg"
    frame = gpd.GeoDataFrame({"a": ["x"]}, geometry=[shapely.box(112, 26, 113, 27)], crs=4490)
    pyogrio.write_dataframe(
        frame, path, driver="GPKG", layer="面", geometry_type="Unknown", layer_options={"SPATIAL_INDEX": "NO"}
    )
    triangles = [[(112, 26), (113, 26), (113, 27), (112, 26)], [(112, 26), (113, 27), (112, 27), (112, 26)]]
    wkb = struct.pack("<BII", 1, 16, len(triangles))
    for triangle in triangles:
        wkb += struct.pack("<BIII", 1, 17, 1, 4) + b"".join(struct.pack("<dd", *corner) for corner in triangle)
    with sqlite3.connect(path) as store:
        for (name,) in store.execute("SELECT name FROM sqlite_master WHERE type='trigger'").fetchall():
            store.execute(f'DROP TRIGGER "{name}"')
        store.execute('UPDATE "面" SET geom = ?', (b"GP\0\1" + struct.pack("<i", 4490) + wkb,))
    layer = read_source(path)
    assert shapely.union_all(layer.frame.geometry.to_numpy()).equals(shapely.box(112, 26, 113, 27))


@pytest.mark.parametrize(
    ("epsg", "coordinates", "expected"),
    [
        (4326, [(112.123456, 26.123457)], 0.1113),
        (4326, [(112.12, 26.1)], 1113.2),
        (4547, [(500000.25, 2980000.01)], 0.01),
        (4547, [(500000.0, 2980000.0)], 1.0),
        (4547, [(500000 + 1 / 3, 2980000 + np.pi)], 0.0),
        (2913, [(7600000.5, 650000.0)], 0.1 * 0.3048),
    ],
)
def test_resolution(tmp_path: Path, epsg: int, coordinates: list[tuple[float, float]], expected: float) -> None:
    path = tmp_path / "a.gpkg"
    points = [shapely.Point(*place) for place in coordinates]
    gpd.GeoDataFrame({"a": [1] * len(points)}, geometry=points, crs=epsg).to_file(path, driver="GPKG", layer="a")
    assert read_source(path).resolution_m == pytest.approx(expected, rel=1e-3)


def test_archive_with_a_description_beside_the_layer(write_shapefile: WriteShapefile, tmp_path: Path) -> None:
    path = write_shapefile(TEXTS)
    with zipfile.ZipFile(tmp_path / "包.zip", "w") as packed:
        for file in path.parent.glob("设施.*"):
            packed.write(file, file.name)
        packed.writestr("字段说明.csv", "字段,含义\n")
    layer = read_source(tmp_path / "包.zip")
    assert (layer.frame["NAME"].tolist(), codes(layer)) == (TEXTS, ["unread_tables"])

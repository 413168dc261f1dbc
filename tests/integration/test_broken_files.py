"""Files as offices hand them over, made here with known content: imported right to 1 cm, or refused with a remedy."""

from __future__ import annotations

import json
import re
import shutil
import struct
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import geopandas as gpd
import numpy as np
import pytest
import shapely
from shapely import GeometryCollection, MultiPolygon, Point, Polygon, box

from geo.errors import YiwangError
from geo.formats.sources import SourceParams
from geo.model.reports import ImportReport
from geo.model.text import describe_error
from geo.services.import_layer import ImportParams, import_layer
from geo.services.read_views import read_layer
from geo.storage import open_store

EPSG = 4547
NAMES = ["岳麓街道", "橘子洲街道", "望月湖街道", "西湖社区", "银盆岭", "观沙岭社区"]
TRADITIONAL = ["嶽麓街道", "橘子洲街道", "觀沙嶺社區", "銀盆嶺", "國際廣場", "學堂坡社區"]
CODES = [f"43010400{number}" for number in range(6)]
X, Y = 392_000.0, 3_120_000.0


def squares() -> list[Polygon]:
    """Return the true cells in metres: six blocks of 300 m by 200 m, two rows of three."""
    return [box(X + 300 * i, Y + 200 * j, X + 300 * i + 300, Y + 200 * j + 200) for j in (0, 1) for i in (0, 1, 2)]


def layer(crs: int | None = EPSG, names: Sequence[str] = NAMES, **columns: list[Any]) -> gpd.GeoDataFrame:
    shapes = gpd.GeoSeries(squares(), crs=EPSG)
    if crs is not None:
        shapes = shapes.to_crs(crs)
    return gpd.GeoDataFrame({"code": CODES, "name": list(names), **columns}, geometry=shapes)


def degrees(shape: shapely.Geometry) -> shapely.Geometry:
    return gpd.GeoSeries([shape], crs=EPSG).to_crs(4326).iloc[0]


class Office:
    """A folder in which files are made, and a project into which each is imported alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.imports = 0

    def path(self, name: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def write(self, name: str, content: str | bytes | dict[str, Any] | list[Any], encoding: str = "utf-8") -> Path:
        path = self.path(name)
        if isinstance(content, dict | list):
            content = json.dumps(content, ensure_ascii=False)
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    def take(
        self, path: Path, kind: str = "zoning", columns: dict[str, str] | None = None, **source: Any
    ) -> tuple[gpd.GeoDataFrame, ImportReport]:
        self.imports += 1
        key = "police" if kind == "zoning" else ""
        params = ImportParams(kind, key, columns=columns or {}, source=SourceParams(**source), project_epsg=EPSG)
        with open_store(str(self.folder / f"project-{self.imports}.gpkg")) as store:
            report = import_layer(store, path, params)
            return read_layer(store, "cell" if kind == "zoning" else kind), report

    def refuse(self, path: Path, text: str, kind: str = "zoning", **source: Any) -> None:
        """Require an error that names the file and fits ``text``, with Chinese; nothing may be stored."""
        with pytest.raises(YiwangError, match=text) as caught:
            self.take(path, kind, **source)
        english, chinese = describe_error(caught.value, "en"), describe_error(caught.value, "zh")
        assert path.stem in english
        assert path.stem in chinese
        assert re.search("[\u4e00-\u9fff]{4}", chinese.replace(path.stem, ""))
        assert not (self.folder / f"project-{self.imports}.gpkg").exists()


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def codes(report: ImportReport) -> dict[str, int]:
    return {finding.code: finding.count for finding in report.findings}


def require_truth(frame: gpd.GeoDataFrame, rows: Sequence[int] = range(6), names: Sequence[str] = NAMES) -> None:
    frame = frame.sort_values("code")
    assert frame["code"].tolist() == [CODES[row] for row in rows]
    assert frame["name"].tolist() == [names[row] for row in rows]
    for shape, row in zip(frame.geometry, rows, strict=True):
        assert shapely.hausdorff_distance(shape, squares()[row]) < 0.01


def write_shapefile(
    office: Office,
    name: str = "grid.shp",
    *,
    encoding: str = "GB18030",
    cpg: str | None = None,
    language_byte: int = 0,
    frame: gpd.GeoDataFrame | None = None,
    names: Sequence[str] = NAMES,
) -> Path:
    """Write a shapefile whose .cpg and language byte say what is given, by default nothing."""
    path = office.path(name)
    (layer(names=names) if frame is None else frame).to_file(path, driver="ESRI Shapefile", encoding=encoding)
    path.with_suffix(".cpg").unlink()
    if cpg is not None:
        path.with_suffix(".cpg").write_text(cpg)
    dbf = bytearray(path.with_suffix(".dbf").read_bytes())
    dbf[29] = language_byte
    path.with_suffix(".dbf").write_bytes(dbf)
    return path


class TestEncodings:
    @pytest.mark.parametrize("cpg", [None, "GBK", "UTF-8", "ISO-8859-1", "ANSI 936", "nonsense", ""])
    @pytest.mark.parametrize(
        ("encoding", "names"), [("GB18030", NAMES), ("UTF-8", NAMES), ("BIG5", TRADITIONAL), ("UTF-8", TRADITIONAL)]
    )
    def test_bytes_decide_and_not_the_cpg(
        self, office: Office, encoding: str, names: list[str], cpg: str | None
    ) -> None:
        path = write_shapefile(office, encoding=encoding, cpg=cpg, names=names)
        frame, report = office.take(path)
        require_truth(frame, names=names)
        assert report.encoding == encoding.lower()

    @pytest.mark.parametrize("language_byte", [0x4D, 0x4F, 0x57])
    def test_wrong_language_byte(self, office: Office, language_byte: int) -> None:
        path = write_shapefile(office, language_byte=language_byte)
        require_truth(office.take(path)[0])

    def test_chinese_field_names(self, office: Office) -> None:
        frame = layer().rename(columns={"code": "网格编码", "name": "网格名称"})
        require_truth(office.take(write_shapefile(office, frame=frame, cpg="UTF-8"))[0])

    @pytest.mark.parametrize("encoding", ["gbk", "utf-8", "utf-8-sig", "utf-16", "big5"])
    @pytest.mark.parametrize("name", ["points.csv", "points.txt"])
    def test_tables(self, office: Office, encoding: str, name: str) -> None:
        words = TRADITIONAL if encoding == "big5" else NAMES
        places = [degrees(square.centroid) for square in squares()]
        head = "編碼,名稱,經度,緯度" if encoding == "big5" else "编码,名称,经度,纬度"
        lines = [f"{c},{n},{p.x:.9f},{p.y:.9f}" for c, n, p in zip(CODES, words, places, strict=True)]
        path = office.write(name, "\r\n".join([head, *lines]), encoding)
        columns = {"code": "編碼", "name": "名稱"} if encoding == "big5" else {}
        frame, _ = office.take(path, "facility", columns)
        assert frame["name"].tolist() == list(words)
        assert frame["code"].tolist() == CODES
        for point, square in zip(frame.geometry, squares(), strict=True):
            assert point.distance(square.centroid) < 0.01


class TestCoordinateSystems:
    """Zone-prefixed eastings belong to EPSG:4526 (zone 38, 114°E), unprefixed ones to EPSG:4547, the same meridian."""

    @pytest.mark.parametrize(("written", "stated"), [(4526, 4526), (4526, 4547), (4547, 4526), (4526, 4490)])
    def test_prefix_that_contradicts_the_prj(self, office: Office, written: int, stated: int) -> None:
        frame = layer(written).set_crs(stated, allow_override=True)
        taken, report = office.take(write_shapefile(office, frame=frame))
        require_truth(taken)
        assert ("zone_prefix" in codes(report)) == (written != stated)

    @pytest.mark.parametrize(("written", "example"), [(4526, "EPSG:4526"), (4547, "EPSG:4547"), (4490, "EPSG:4490")])
    def test_without_prj_is_refused_and_the_remedy_helps(self, office: Office, written: int, example: str) -> None:
        path = write_shapefile(office, frame=layer(written))
        path.with_suffix(".prj").unlink()
        office.refuse(path, example)
        require_truth(office.take(path, crs=example)[0])

    def test_old_gauss_kruger_name(self, office: Office) -> None:
        path = write_shapefile(office)
        wkt = (
            'PROJCS["CGCS2000_3_Degree_GK_CM_114E",GEOGCS["GCS_China_Geodetic_Coordinate_System_2000",'
            'DATUM["D_China_2000",SPHEROID["CGCS2000",6378137.0,298.257222101]],PRIMEM["Greenwich",0.0],'
            'UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],PARAMETER["False_Easting",500000.0],'
            'PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",114.0],PARAMETER["Scale_Factor",1.0],'
            'PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
        )
        path.with_suffix(".prj").write_text(wkt)
        taken, report = office.take(path)
        require_truth(taken)
        assert "4547" in report.source_crs

    def test_swapped_axes(self, office: Office) -> None:
        frame = layer(4490)
        frame.geometry = shapely.transform(frame.geometry.to_numpy(), lambda xy: xy[:, ::-1])
        path = write_shapefile(office, frame=frame.set_crs(4490, allow_override=True))
        office.refuse(path, "--swap-xy")
        require_truth(office.take(path, swap_xy=True)[0])

    def test_csv_with_exchanged_columns(self, office: Office) -> None:
        place = degrees(squares()[0].centroid)
        path = office.write("points.csv", f"code,name,lon,lat\n1,甲,{place.y},{place.x}\n")
        office.refuse(path, "--swap-xy", "facility")
        frame, _ = office.take(path, "facility", swap_xy=True)
        assert frame.geometry.iloc[0].distance(squares()[0].centroid) < 0.01

    def test_mixed_systems_in_one_file(self, office: Office) -> None:
        frame = layer()
        mixed = [*frame.geometry.to_crs(4326)[:1], *frame.geometry[1:]]
        taken, report = office.take(write_shapefile(office, frame=frame.set_geometry(gpd.GeoSeries(mixed, crs=EPSG))))
        require_truth(taken.loc[taken["code"] != CODES[0]], rows=range(1, 6))
        assert codes(report)["stray_features"] == 1

    def test_wkt_of_several_systems(self, office: Office) -> None:
        path = office.write("t.csv", "code,wkt\n1,SRID=4490;POINT (112 28)\n2,SRID=4547;POINT (392000 3120000)\n")
        office.refuse(path, "EPSG:4490, EPSG:4547", "facility")


PLACEMARK = "<Placemark><name>{name}</name>{extra}{shape}</Placemark>"


def kml_polygon(square: Polygon, height: str = "") -> str:
    places = " ".join(f"{x:.10f},{y:.10f}{height}" for x, y in degrees(square).exterior.coords)
    return (
        "<Polygon><outerBoundaryIs><LinearRing><coordinates>"
        f"{places}</coordinates></LinearRing></outerBoundaryIs></Polygon>"
    )


def placemarks(extra: Callable[[int], str], height: str = "", wrap: str = "{}") -> list[str]:
    return [
        PLACEMARK.format(name=name, extra=extra(row), shape=wrap.format(kml_polygon(square, height)))
        for row, (name, square) in enumerate(zip(NAMES, squares(), strict=True))
    ]


def data(row: int) -> str:
    return f'<ExtendedData><Data name="网格编码"><value>{CODES[row]}</value></Data></ExtendedData>'


def typed_data(row: int) -> str:
    item = f'<SimpleData name="code">{CODES[row]}</SimpleData>'
    return f'<ExtendedData><SchemaData schemaUrl="#s">{item}</SchemaData></ExtendedData>'


SCHEMA = '<Schema name="s" id="s"><SimpleField name="code" type="string"/></Schema>'


class TestKml:
    @pytest.mark.parametrize(
        "head",
        [
            "<kml>",
            '<kml xmlns="http://earth.google.com/kml/2.0">',
            '<kml xmlns="http://earth.google.com/kml/2.1">',
            '<kml xmlns="http://www.opengis.net/kml/2.2">',
            '<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2">',
            '<kml xmlns="http://www.opengis.net/kml/2.3">',
            '<k:kml xmlns:k="http://www.opengis.net/kml/2.2">',
        ],
    )
    @pytest.mark.parametrize("form", ["folders", "gx"])
    def test_versions(self, office: Office, head: str, form: str) -> None:
        self.require_read(office, head, form)

    @pytest.mark.parametrize("form", ["flat", "typed", "multi", "heights", "no declaration"])
    def test_forms(self, office: Office, form: str) -> None:
        self.require_read(office, "<kml>", form)

    def require_read(self, office: Office, head: str, form: str) -> None:
        extra = typed_data if form == "typed" else data
        height = ",12.5" if form == "heights" else ""
        marks = placemarks(extra, height, "<MultiGeometry>{}</MultiGeometry>" if form == "multi" else "{}")
        body = "".join(marks)
        if form == "folders":
            body = (
                f"<Folder><name>街道</name><Folder><name>东</name>{''.join(marks[:2])}</Folder>"
                f"<Folder><name>西</name>{''.join(marks[2:])}</Folder></Folder>"
            )
        if form == "gx" and "xmlns:gx" in head:
            body = body.replace("<Polygon>", "<Polygon><gx:altitudeMode>clampToSeaFloor</gx:altitudeMode>")
        if form == "typed":
            body = SCHEMA + body
        declaration = "" if form == "no declaration" else '<?xml version="1.0" encoding="UTF-8"?>\n'
        prefix = "k:" if head.startswith("<k:") else ""
        body = f"<Document><name>网格</name>{body}</Document>"
        if prefix:
            body = re.sub(r"<(/?)(?=[A-Za-z])", rf"<\1{prefix}", body)
        path = office.write("grid.kml", f"{declaration}{head}{body}</{prefix}kml>")
        require_truth(office.take(path)[0])

    def test_gbk(self, office: Office) -> None:
        body = "".join(placemarks(data))
        text = f'<?xml version="1.0" encoding="GBK"?><kml><Document>{body}</Document></kml>'
        require_truth(office.take(office.write("grid.kml", text, "gbk"))[0])

    @pytest.mark.parametrize("member", ["doc.kml", "网格.kml", "files/doc.kml"])
    def test_kmz(self, office: Office, member: str) -> None:
        text = f"<kml><Document>{''.join(placemarks(data))}</Document></kml>"
        path = office.path("grid.kmz")
        with zipfile.ZipFile(path, "w") as packed:
            packed.writestr(member, text)
            packed.writestr("images/icon.png", b"\x89PNG")
        require_truth(office.take(path)[0])

    @pytest.mark.parametrize(
        "body",
        [
            "<NetworkLink><Link><href>http://example.org/a.kml</href></Link></NetworkLink>",
            "",
            "<Placemark><name>甲</name></Placemark>",
            "<Folder></Folder>",
        ],
    )
    def test_without_places(self, office: Office, body: str) -> None:
        path = office.write(
            "grid.kml", f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{body}</Document></kml>'
        )
        office.refuse(path, "Export|Name|export")

    @pytest.mark.parametrize("text", ["", "<kml>", "no xml", '{"type": "FeatureCollection", "features": []}'])
    def test_no_kml(self, office: Office, text: str) -> None:
        office.refuse(office.write("grid.kml", text), "cannot be read")


def feature(row: int, shape: Any = ..., **more: Any) -> dict[str, Any]:
    geometry = shapely.geometry.mapping(degrees(squares()[row])) if shape is ... else shape
    return {"type": "Feature", "properties": {"code": CODES[row], "name": NAMES[row]}, "geometry": geometry, **more}


def collection(features: list[Any], **more: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", **more, "features": features}


class TestGeoJson:
    ALL: ClassVar[list[dict[str, Any]]] = [feature(row) for row in range(6)]

    @pytest.mark.parametrize("name", ["grid.geojson", "grid.json"])
    @pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
    def test_encodings(self, office: Office, name: str, encoding: str) -> None:
        require_truth(office.take(office.write(name, collection(self.ALL), encoding))[0])

    @pytest.mark.parametrize("name", ["grid.geojson", "grid.json"])
    def test_array_of_features(self, office: Office, name: str) -> None:
        require_truth(office.take(office.write(name, self.ALL))[0])
        require_truth(office.take(office.write(name, self.ALL, "utf-8-sig"))[0])

    def test_one_feature_a_line(self, office: Office) -> None:
        lines = "\n".join(json.dumps(one, ensure_ascii=False) for one in self.ALL)
        require_truth(office.take(office.write("grid.json", lines))[0])

    def test_trailing_comma(self, office: Office) -> None:
        text = json.dumps(collection(self.ALL))[:-2] + ",]}"
        office.refuse(office.write("grid.geojson", text), "cannot be read")

    @pytest.mark.parametrize("text", ["", "{", "[]", "{}", "null", "3", '{"type": "FeatureCollection"}', "[1, 2]"])
    def test_nothing_in_it(self, office: Office, text: str) -> None:
        office.refuse(office.write("grid.geojson", text), ".")
        office.refuse(office.write("grid.json", text), ".")

    def test_nested_collection(self, office: Office) -> None:
        square = shapely.geometry.mapping(degrees(squares()[0]))
        inner = {"type": "GeometryCollection", "geometries": [square]}
        point = {"type": "Point", "coordinates": [113.0, 28.2]}
        nested = {"type": "GeometryCollection", "geometries": [inner, point]}
        taken, report = office.take(office.write("grid.geojson", collection([feature(0, nested), *self.ALL[1:]])))
        require_truth(taken)
        assert codes(report)["other_parts"] == 1

    def test_null_and_empty_geometry(self, office: Office) -> None:
        empty = {"type": "Polygon", "coordinates": []}
        features = [feature(0, None), feature(1, empty), *self.ALL[2:]]
        taken, report = office.take(office.write("grid.geojson", collection(features)))
        require_truth(taken, rows=range(2, 6))
        assert codes(report)["no_geometry"] == 2

    def test_heights(self, office: Office) -> None:
        high = [shapely.geometry.mapping(shapely.force_3d(degrees(square), 30.0)) for square in squares()]
        features = [feature(row, shape) for row, shape in enumerate(high)]
        taken, report = office.take(office.write("grid.geojson", collection(features)))
        require_truth(taken)
        assert codes(report)["heights_dropped"] == 6

    def test_duplicate_ids(self, office: Office) -> None:
        features = [feature(row, id=7) for row in range(6)]
        require_truth(office.take(office.write("grid.geojson", collection(features)))[0])

    def test_duplicate_codes_are_told(self, office: Office) -> None:
        features = [feature(row) for row in range(6)]
        features[1]["properties"]["code"] = CODES[0]
        taken, report = office.take(office.write("grid.geojson", collection(features)))
        assert len(set(taken["code"])) == len(taken) == 6
        assert taken["name"].tolist() == NAMES
        assert any("duplicate" in code for code in codes(report))

    def test_numbers_as_text(self, office: Office) -> None:
        features = [feature(row) for row in range(6)]
        for row, one in enumerate(features):
            one["properties"]["households"] = f" {row}40 "
        taken, _ = office.take(office.write("grid.geojson", collection(features)), "building")
        assert taken["households"].tolist() == [40, 140, 240, 340, 440, 540]

    def test_coordinates_as_text(self, office: Office) -> None:
        ring = [[str(x), str(y)] for x, y in degrees(squares()[0]).exterior.coords]
        text = {"type": "Polygon", "coordinates": [ring]}
        path = office.write("grid.geojson", collection([feature(0, text), *self.ALL[1:]]))
        taken, report = office.take(path)
        if len(taken) == 6:
            require_truth(taken)
        else:
            require_truth(taken, rows=range(1, 6))
            assert codes(report)["no_geometry"] == 1

    def test_topojson(self, office: Office) -> None:
        rings = [list(degrees(square).exterior.coords) for square in squares()]
        shapes = [
            {"type": "Polygon", "arcs": [[row]], "properties": {"code": CODES[row], "name": NAMES[row]}}
            for row in range(6)
        ]
        text = {
            "type": "Topology",
            "arcs": rings,
            "objects": {"g": {"type": "GeometryCollection", "geometries": shapes}},
        }
        require_truth(office.take(office.write("grid.topojson", text))[0])
        require_truth(office.take(office.write("grid.json", text), crs="EPSG:4326")[0])

    def test_metres_without_a_system(self, office: Office) -> None:
        features = [feature(row, shapely.geometry.mapping(square)) for row, square in enumerate(squares())]
        path = office.write("grid.geojson", collection(features))
        office.refuse(path, "Name the right")
        require_truth(office.take(path, crs="EPSG:4547")[0])

    def test_system_of_2008(self, office: Office) -> None:
        features = [feature(row, shapely.geometry.mapping(square)) for row, square in enumerate(squares())]
        crs = {"type": "name", "properties": {"name": "urn:ogc:def:crs:EPSG::4547"}}
        require_truth(office.take(office.write("grid.geojson", collection(features, crs=crs)))[0])

    def test_not_finite(self, office: Office) -> None:
        text = json.dumps(collection(self.ALL), ensure_ascii=False)
        first = degrees(squares()[0]).exterior.coords[0]
        assert str(first[0]) in text
        path = office.write("grid.geojson", text.replace(str(first[0]), "NaN", 1))
        taken, report = office.take(path)
        require_truth(taken, rows=range(1, 6))
        assert {"bad_coordinates", "no_geometry"} & set(codes(report))


class TestGeoPackage:
    def test_several_layers(self, office: Office) -> None:
        path = office.path("city.gpkg")
        layer().to_file(path, layer="网格", driver="GPKG")
        gpd.GeoDataFrame({"n": [1]}, geometry=[Point(X, Y)], crs=EPSG).to_file(path, layer="points", driver="GPKG")
        office.refuse(path, "网格, points")
        require_truth(office.take(path, layer="网格")[0])

    def test_layer_that_is_not_there(self, office: Office) -> None:
        path = office.path("city.gpkg")
        layer().to_file(path, layer="网格", driver="GPKG")
        office.refuse(path, "网格", layer="nothing")

    def test_table_beside_the_layer(self, office: Office) -> None:
        import sqlite3

        path = office.path("city.gpkg")
        layer().to_file(path, layer="grid", driver="GPKG")
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE notes (fid INTEGER PRIMARY KEY, note TEXT)")
            connection.execute(
                "INSERT INTO gpkg_contents (table_name, data_type, identifier) VALUES ('notes', 'attributes', 'notes')"
            )
        connection.close()
        require_truth(office.take(path)[0])

    def test_table_only(self, office: Office) -> None:
        import pyogrio

        path = office.path("city.gpkg")
        pyogrio.write_dataframe(layer().drop(columns="geometry"), path, layer="notes", driver="GPKG")
        office.refuse(path, "no layer with features")

    def test_raster_only(self, office: Office) -> None:
        import sqlite3

        path = office.path("photo.gpkg")
        layer().to_file(path, layer="grid", driver="GPKG")
        with sqlite3.connect(path) as connection:
            for trigger in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                connection.execute(f'DROP TRIGGER "{trigger[0]}"')
            connection.execute("DELETE FROM gpkg_geometry_columns")
            connection.execute("UPDATE gpkg_contents SET data_type = 'tiles'")
        connection.close()
        office.refuse(path, "holds|cannot be read")


def test_flatgeobuf(office: Office) -> None:
    path = office.path("grid.fgb")
    layer().to_file(path, driver="FlatGeobuf")
    require_truth(office.take(path)[0])
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    office.refuse(path, "no layer with features")


def records(path: Path) -> tuple[bytearray, int, int, int]:
    """Return a .dbf, and the number, the start and the width of its records."""
    blob = bytearray(path.with_suffix(".dbf").read_bytes())
    count, header, width = struct.unpack_from("<IHH", blob, 4)
    return blob, count, header, width


class TestShapefileParts:
    def test_upper_case(self, office: Office) -> None:
        path = write_shapefile(office)
        for part in list(path.parent.glob("grid.*")):
            part.rename(part.with_name(part.name.upper()))
        require_truth(office.take(path.with_name("GRID.SHP"))[0])

    @pytest.mark.parametrize("name", ["岳麓区 网格 (2024).shp", "a b/c d.shp", "网格#1.shp", "a.b.shp", "100%.shp"])
    def test_names_of_files(self, office: Office, name: str) -> None:
        require_truth(office.take(write_shapefile(office, name))[0])

    @pytest.mark.parametrize("share", [0.95, 0.5, 0.2])
    def test_truncated_shp(self, office: Office, share: float) -> None:
        path = write_shapefile(office)
        path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
        if share < 0.3:
            office.refuse(path, "Export|Hand")
            return
        taken, report = office.take(path)
        kept = len(taken)
        assert 0 < kept < 6
        require_truth(taken, rows=range(kept))
        assert codes(report)["no_geometry"] == 6 - kept

    @pytest.mark.parametrize("size", [0, 50, 100])
    def test_shp_without_records(self, office: Office, size: int) -> None:
        path = write_shapefile(office)
        path.write_bytes(path.read_bytes()[:size])
        office.refuse(path, "Export|Hand|hand")

    def test_truncated_shx(self, office: Office) -> None:
        path = write_shapefile(office)
        index = path.with_suffix(".shx")
        index.write_bytes(index.read_bytes()[:-20])
        require_truth(office.take(path)[0])

    def test_empty_shx(self, office: Office) -> None:
        path = write_shapefile(office)
        path.with_suffix(".shx").write_bytes(b"")
        require_truth(office.take(path)[0])

    def test_missing_shx(self, office: Office) -> None:
        path = write_shapefile(office)
        path.with_suffix(".shx").unlink()
        require_truth(office.take(path)[0])
        assert not path.with_suffix(".shx").exists()

    def test_missing_dbf(self, office: Office) -> None:
        path = write_shapefile(office)
        path.with_suffix(".dbf").unlink()
        office.refuse(path, "without its .dbf")

    def test_truncated_dbf(self, office: Office) -> None:
        path = write_shapefile(office)
        blob, _, header, width = records(path)
        path.with_suffix(".dbf").write_bytes(blob[: header + 4 * width + 10])
        taken, report = office.take(path)
        told = taken[taken["code"].isin(CODES)]
        require_truth(told, rows=range(4))
        assert len(taken) == 6
        assert codes(report)["rows_missing"] == 2

    def test_index_that_lacks_shapes(self, office: Office) -> None:
        path = write_shapefile(office)
        index = bytearray(path.with_suffix(".shx").read_bytes()[:-16])
        struct.pack_into(">I", index, 24, len(index) // 2)
        path.with_suffix(".shx").write_bytes(index)
        require_truth(office.take(path)[0])

    def test_dbf_cut_in_its_header(self, office: Office) -> None:
        path = write_shapefile(office)
        path.with_suffix(".dbf").write_bytes(path.with_suffix(".dbf").read_bytes()[:40])
        office.refuse(path.with_suffix(".shp"), ".")

    def test_dbf_with_fewer_records(self, office: Office) -> None:
        path = write_shapefile(office)
        blob, count, header, width = records(path)
        struct.pack_into("<I", blob, 4, count - 2)
        path.with_suffix(".dbf").write_bytes(blob[: header + (count - 2) * width] + b"\x1a")
        taken, report = office.take(path)
        require_truth(taken[taken["code"].isin(CODES)], rows=range(4))
        assert len(taken) == 6
        assert codes(report)["rows_missing"] == 2

    def test_dbf_with_more_records(self, office: Office) -> None:
        path = write_shapefile(office)
        blob, count, header, width = records(path)
        struct.pack_into("<I", blob, 4, count + 2)
        last = bytes(blob[header + (count - 1) * width : header + count * width])
        path.with_suffix(".dbf").write_bytes(blob[: header + count * width] + last + last + b"\x1a")
        taken, report = office.take(path)
        require_truth(taken)
        assert codes(report)["rows_without_shape"] == 2

    def test_deleted_records(self, office: Office) -> None:
        path = write_shapefile(office)
        blob, _, header, width = records(path)
        blob[header + 2 * width] = ord("*")
        path.with_suffix(".dbf").write_bytes(blob)
        taken, report = office.take(path)
        require_truth(taken, rows=[0, 1, 3, 4, 5])
        assert codes(report)["rows_deleted"] == 1


class TestGeometry:
    def take(self, office: Office, shapes: list[Any]) -> tuple[gpd.GeoDataFrame, ImportReport]:
        path = office.path("grid.gpkg")
        names = [str(number) for number in range(len(shapes))]
        places = [shape and shapely.transform(shape, lambda xy: xy + np.array([X, Y])) for shape in shapes]
        frame = gpd.GeoDataFrame({"code": names}, geometry=gpd.GeoSeries(places, crs=EPSG))
        frame.to_file(path, driver="GPKG")
        return office.take(path)

    def area(self, office: Office, shape: Any) -> tuple[float, ImportReport]:
        taken, report = self.take(office, [box(1000, 0, 1100, 100), shape])
        assert len(taken) == 2
        assert taken.geometry.is_valid.all()
        return float(taken.set_index("code").area["1"]), report

    def test_wrong_orientation(self, office: Office) -> None:
        clockwise = Polygon([(0, 0), (0, 100), (100, 100), (100, 0)], [[(10, 10), (10, 20), (20, 20), (20, 10)]])
        for shape in (clockwise, shapely.reverse(clockwise)):
            area, report = self.area(office, shape)
            assert area == pytest.approx(9900, abs=1e-3)
            assert report.moved_area_m2 == 0
            office.path("grid.gpkg").unlink()

    def test_duplicate_vertices(self, office: Office) -> None:
        area, report = self.area(office, Polygon([(0, 0), (0, 0), (100, 0), (100, 0), (100, 100), (0, 100), (0, 100)]))
        assert area == pytest.approx(10_000, abs=1e-3)
        assert report.moved_area_m2 == 0

    def test_bow_tie(self, office: Office) -> None:
        area, report = self.area(office, Polygon([(0, 0), (100, 100), (100, 0), (0, 100)]))
        assert area == pytest.approx(5000, abs=1e-3)
        assert report.moved_area_m2 == pytest.approx(5000, abs=1e-2)  # the rings say 0
        assert codes(report)["repaired"] == 1

    def test_touches_itself(self, office: Office) -> None:
        inverted = Polygon([(0, 0), (100, 0), (100, 100), (50, 100), (60, 50), (40, 50), (50, 100), (0, 100)])
        area, report = self.area(office, inverted)
        assert area == pytest.approx(10_000 - 500, abs=1e-3)
        assert report.moved_area_m2 == pytest.approx(0, abs=1e-3)
        assert codes(report)["repaired"] == 1

    def test_overlapping_parts(self, office: Office) -> None:
        area, report = self.area(office, MultiPolygon([box(0, 0, 100, 100), box(50, 0, 150, 100)]))
        assert area == pytest.approx(15_000, abs=1e-3)
        assert report.moved_area_m2 == pytest.approx(5000, abs=1e-2)

    def test_hole_outside(self, office: Office) -> None:
        outside = Polygon([(0, 0), (100, 0), (100, 100), (0, 100)], [[(200, 0), (210, 0), (210, 10), (200, 10)]])
        area, report = self.area(office, outside)
        assert area == pytest.approx(10_100, abs=1e-3)  # even-odd: a shell that runs the other way
        assert report.moved_area_m2 == pytest.approx(200, abs=1e-2)  # the rings say 9,900

    def test_without_area(self, office: Office) -> None:
        taken, report = self.take(office, [box(0, 0, 9, 9), Polygon([(0, 0), (10, 10), (20, 20)]), None, Polygon()])
        assert taken["code"].tolist() == ["0"]
        assert codes(report)["no_geometry"] == 2
        assert codes(report)["wrong_geometry"] == 1

    def test_points_and_lines_among_polygons(self, office: Office) -> None:
        mixed = [
            box(0, 0, 9, 9),
            Point(3, 3),
            shapely.LineString([(0, 0), (5, 5)]),
            GeometryCollection([box(9, 0, 18, 9)]),
        ]
        taken, report = self.take(office, mixed)
        assert taken["code"].tolist() == ["0", "3"]
        assert codes(report)["wrong_geometry"] == 2

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, -1.79e308, 1e300])
    def test_absurd_coordinates(self, office: Office, value: float) -> None:
        path = write_shapefile(office)
        blob = path.read_bytes()
        first = blob.index(struct.pack("<d", Y), 144 + 8)  # behind the header and the box of the record
        path.write_bytes(blob[:first] + struct.pack("<d", value) + blob[first + 8 :])
        taken, report = office.take(path)
        require_truth(taken, rows=range(1, 6))
        assert {"bad_coordinates", "no_geometry"} & set(codes(report))


def test_dateline(office: Office) -> None:
    shapes = [box(179.99, -17.0, 180.0, -16.99), box(-180.0, -17.0, -179.99, -16.99)]
    frame = gpd.GeoDataFrame({"code": ["w", "e"], "name": ["w", "e"]}, geometry=shapes, crs=4326)
    path = office.path("fiji.geojson")
    frame.to_file(path, driver="GeoJSON")
    params = ImportParams("zoning", "police", project_epsg=32760)
    with open_store(str(office.folder / "p.gpkg")) as store:
        import_layer(store, path, params)
        taken = read_layer(store, "cell")
    truth = frame.to_crs(32760)
    assert shapely.hausdorff_distance(taken.union_all(), truth.union_all()) < 0.01
    assert taken.union_all().bounds[2] - taken.union_all().bounds[0] < 3000


class TestArchives:
    def pack(self, office: Office, name: str, folder: str) -> Path:
        path = office.path(name)
        with zipfile.ZipFile(path, "w") as packed:
            for part in sorted((office.folder / folder).rglob("*")):
                if part.is_file():
                    packed.write(part, part.relative_to(office.folder / folder))
        return path

    @pytest.fixture
    def two(self, office: Office) -> Path:
        write_shapefile(office, "in/资料/网格/grid.shp")
        write_shapefile(office, "in/资料/网格2/区界.shp", frame=layer().iloc[:2])
        shutil.copyfile(office.write("r.txt", "说明"), office.path("in/说明.txt"))
        return self.pack(office, "handover.zip", "in")

    def test_nested_folders(self, office: Office) -> None:
        write_shapefile(office, "in/a/b/网格/grid.shp")
        office.write("in/a/说明.txt", "说明文字")
        require_truth(office.take(self.pack(office, "handover.zip", "in"))[0])

    def test_several_layers_are_named(self, office: Office, two: Path) -> None:
        office.refuse(two, "资料/网格/grid.shp, 资料/网格2/区界.shp")

    @pytest.mark.parametrize("wanted", ["grid", "grid.shp", "GRID.shp", "资料/网格/grid.shp", "资料/网格/grid"])
    def test_one_is_chosen(self, office: Office, two: Path, wanted: str) -> None:
        taken, report = office.take(two, layer=wanted)
        require_truth(taken)
        assert report.source == "handover.zip/grid.shp"

    def test_wrong_choice(self, office: Office, two: Path) -> None:
        office.refuse(two, "grid.shp", layer="nothing")

    def test_layer_of_a_file_of_an_archive(self, office: Office) -> None:
        path = office.path("in/city.gpkg")
        layer().to_file(path, layer="网格", driver="GPKG")
        layer().iloc[:1].to_file(path, layer="one", driver="GPKG")
        alone = self.pack(office, "alone.zip", "in")
        require_truth(office.take(alone, layer="网格")[0])
        write_shapefile(office, "in/other.shp", frame=layer().iloc[:2])
        both = self.pack(office, "both.zip", "in")
        require_truth(office.take(both, layer="city.gpkg/网格")[0])
        office.refuse(both, "网格, one", layer="city")


class TestTables:
    def test_old_workbook(self, office: Office) -> None:
        path = office.write("points.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600)
        office.refuse(path, r"Save it as \.xlsx", "facility")

    def test_workbook_under_the_old_suffix(self, office: Office) -> None:
        import openpyxl

        book = openpyxl.Workbook()
        place = degrees(squares()[0].centroid)
        for row in (["编码", "名称", "经度", "纬度"], ["1", "消防栓", place.x, place.y]):
            book.worksheets[0].append(row)
        path = office.path("points.xls")
        with path.open("wb") as file:
            book.save(file)
        taken, report = office.take(path, "facility")
        assert taken["name"].tolist() == ["消防栓"]
        assert taken.geometry.iloc[0].distance(squares()[0].centroid) < 0.01
        assert "read_by_content" not in codes(report)

    @pytest.mark.parametrize("separator", ["\t", ",", ";", "|", "，"])
    def test_txt(self, office: Office, separator: str) -> None:
        place = degrees(squares()[0].centroid)
        rows = [["编码", "名称", "经度", "纬度"], ["1", "消防栓", str(place.x), str(place.y)]]
        path = office.write("points.txt", "\n".join(separator.join(row) for row in rows), "gbk")
        taken, _ = office.take(path, "facility")
        assert taken["name"].tolist() == ["消防栓"]
        assert taken.geometry.iloc[0].distance(squares()[0].centroid) < 0.01

    def test_wkt_with_an_open_ring(self, office: Office) -> None:
        ring = ", ".join(f"{x:.10f} {y:.10f}" for x, y in list(degrees(squares()[0]).exterior.coords)[:-1])
        lines = [f'{CODES[0]},{NAMES[0]},"POLYGON (({ring}))"']
        lines += [f'{CODES[row]},{NAMES[row]},"{degrees(squares()[row]).wkt}"' for row in range(1, 6)]
        path = office.write("grid.csv", "\n".join(["code,name,wkt", *lines]))
        require_truth(office.take(path)[0])

    @pytest.mark.parametrize("text", ["", "\n\n", "code,lon,lat\n", "名称\n甲\n", "a,b,c\n1,2,3\n"])
    def test_nothing_in_it(self, office: Office, text: str) -> None:
        office.refuse(office.write("points.csv", text), ".", "facility")
        office.refuse(office.write("points.txt", text), ".", "facility")

"""Files that leave the project, read with other programs' readers: names, texts, headings, marks."""

from __future__ import annotations

import csv
import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import geopandas as gpd
import openpyxl
import pandas as pd
import pyogrio
import pytest
import shapely

from geo.errors import ParameterError
from geo.formats.exchange import frame_geojson
from geo.formats.headings import heading, own_columns, words
from geo.formats.kml import write_kml
from geo.formats.shapefiles import restore_full_names, write_shapefile
from geo.formats.spreadsheets import write_csv, write_workbook
from geo.model.frames import SCHEMAS

EPSG = 4547
KML = "{http://www.opengis.net/kml/2.2}"


def points(**columns: list[Any]) -> gpd.GeoDataFrame:
    rows = len(next(iter(columns.values())))
    return gpd.GeoDataFrame(columns, geometry=[shapely.Point(500_000 + i, 3_000_000) for i in range(rows)], crs=EPSG)


class TestShapefile:
    def test_names_are_cut_between_characters_and_never_collide(self, tmp_path: Path) -> None:
        names = [
            "网格名称一二三",
            "网格名称一二四",
            "a网格名称一",
            "attributes_one",
            "ATTRIBUTES_TWO",
            "\U00020000" * 3,
        ]
        frame = points(**{name: [number] for number, name in enumerate(names)})
        write_shapefile(frame, tmp_path / "a.shp")
        header = (tmp_path / "a.dbf").read_bytes()
        found = [header[at : at + 11].split(b"\0")[0] for at in range(32, 32 + 32 * len(names), 32)]
        # 10 bytes are five characters of two bytes, or two of four; "a" moves the border into a character
        wanted = ["网格名称一", "网格名称_1", "a网格名称", "attributes", "ATTRIBUT_1", "\U00020000" * 2]
        assert [name.decode("gb18030") for name in found] == wanted
        assert (tmp_path / "a.cpg").read_text().strip() == "GB18030"
        fields = json.loads((tmp_path / "a.fields.json").read_text("utf-8"))
        assert fields == dict(zip(wanted, names, strict=True))

    def test_long_text_goes_on_in_the_next_column(self, tmp_path: Path) -> None:
        long = "一" * 126 + "\U00020000" + "二" * 30 + " " + "三" * 200
        write_shapefile(points(note=[long, "短", None]), tmp_path / "a.shp")
        read = pyogrio.read_dataframe(tmp_path / "a.shp", encoding="gb18030", read_geometry=False)
        assert list(read.columns) == ["note", "note_1", "note_2"]
        assert read["note"].iloc[0] == "一" * 126  # the rare character takes 4 bytes and does not fit into 254
        restored = restore_full_names(gpd.GeoDataFrame(read, geometry=[None] * 3), tmp_path / "a.shp")
        assert list(restored.columns) == ["note", "geometry"]
        assert restored["note"].tolist() == [long, "短", None]

    def test_texts_beyond_the_format_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ParameterError, match=r"Export as \.gpkg"):
            write_shapefile(points(note=["长" * 127 * 256]), tmp_path / "a.shp")

    @pytest.mark.parametrize("text", ["", "[]", '{"name": 3}', '{"other": "x"}', "{"])
    def test_other_files_beside_it_do_no_harm(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "a.fields.json").write_text(text, encoding="utf-8")
        frame = points(name=["a"])
        assert list(restore_full_names(frame, tmp_path / "a.shp").columns) == ["name", "geometry"]


CONFLICT = {
    "conflict_key": ["k1"], "kind": ["border"], "zoning_a": ["police"], "cell_a": ["=1+1"], "zoning_b": [None],
    "cell_b": [None], "community_code": ["430406001001"], "community_name": ["临江社区"], "area_m2": [812.25],
    "length_m": [90.5], "max_offset_m": [14.0], "facilities": [2], "facility_codes": ['["A1", "A2"]'],
    "suggestion": ["follow_community"],
}  # fmt: skip


class TestSpreadsheets:
    def conflicts(self) -> gpd.GeoDataFrame:
        shape = shapely.MultiPolygon([shapely.box(500_000, 3_000_000, 500_010, 3_000_010)])
        return gpd.GeoDataFrame(CONFLICT, geometry=[shape], crs=EPSG)

    def test_conflict_list_as_a_workbook(self, tmp_path: Path) -> None:
        write_workbook(self.conflicts(), tmp_path / "a.xlsx", "conflict", "zh", "Asia/Shanghai")
        sheet = openpyxl.load_workbook(tmp_path / "a.xlsx")["边界冲突"]
        titles, values = (list(row) for row in sheet.iter_rows(values_only=True))
        row = dict(zip(titles, values, strict=True))
        assert row["类型"] == "边界不一致"
        assert row["处理建议"] == "以社区边界为准"
        assert (row["面积（m²）"], row["最大偏距（m）"], row["涉及设施数"]) == (812.25, 14, 2)
        assert row["涉及设施编码"] == "A1、A2"
        assert row["社区编码"] == "430406001001"
        assert row["网格甲"] == "=1+1"
        assert sheet.cell(2, titles.index("网格甲") + 1).data_type == "s"  # a text, not a formula
        assert row["网格乙"] is None
        lon, lat = gpd.GeoSeries([shapely.Point(500_005, 3_000_005)], crs=EPSG).to_crs(4326).iloc[0].coords[0]
        assert (row["经度"], row["纬度"]) == pytest.approx((lon, lat), abs=1e-7)
        assert sheet.freeze_panes == "A2"

    def test_english_headings(self, tmp_path: Path) -> None:
        write_csv(self.conflicts(), tmp_path / "a.csv", "conflict", "en", "Asia/Shanghai")
        assert (tmp_path / "a.csv").read_bytes().startswith(b"\xef\xbb\xbf")
        with (tmp_path / "a.csv").open(encoding="utf-8-sig", newline="") as file:
            (row,) = csv.DictReader(file)
        assert (row["Area (m²)"], row["Kind"], row["Cell B"]) == ("812.25", "Borders differ", "")
        assert shapely.from_wkt(row["WKT"]).geom_type == "MultiPolygon"

    def test_times(self, tmp_path: Path) -> None:
        at = pd.to_datetime(["2024-03-01 18:30"]).tz_localize("UTC")
        frame = gpd.GeoDataFrame(
            {"kind": ["盗窃"], "occurred_at": at, "cell_code": [None]}, geometry=points(a=[1]).geometry
        )
        write_csv(frame.set_crs(EPSG), tmp_path / "a.csv", "incident", "zh", "Asia/Shanghai")
        assert "盗窃,2024-03-02 02:30:00,," in (tmp_path / "a.csv").read_text("utf-8-sig")

    def test_text_longer_than_a_cell_is_refused(self, tmp_path: Path) -> None:
        frame = pd.DataFrame({"plan_id": ["a"], "params": ["x" * 32_768]})
        with pytest.raises(ParameterError, match="longer than a cell"):
            write_workbook(frame, tmp_path / "a.xlsx", "plan", "zh", "Asia/Shanghai")
        assert not (tmp_path / "a.xlsx").exists()

    def test_control_characters_do_not_stop_a_workbook(self, tmp_path: Path) -> None:
        write_workbook(pd.DataFrame({"plan_id": ["a\x0b"]}), tmp_path / "a.xlsx", "plan", "zh", "Asia/Shanghai")
        assert openpyxl.load_workbook(tmp_path / "a.xlsx").active["A2"].value == "a\ufffd"


class TestHeadings:
    @pytest.mark.parametrize("table", SCHEMAS)
    @pytest.mark.parametrize("language", ["zh", "en"])
    def test_every_column_has_one_of_its_own(self, table: str, language: Any) -> None:
        schema = SCHEMAS[table]
        titles = [heading(table, name, language) for name in (*schema.column_names, "lon", "lat", "wkt")]
        assert len(set(titles)) == len(titles)
        assert not [name for name in schema.column_names if heading(table, name, language) == name]
        for name in schema.column_names:
            for ending, unit in (("_m2", "m²"), ("_m", "(m"), ("_kmh", "km/h"), ("_mps", "m/s")):
                if name.endswith(ending) and "_per_" not in name:
                    assert unit in heading(table, name, language).replace("（", "(")

    @pytest.mark.parametrize("table", SCHEMAS)
    def test_every_value_of_a_closed_list_has_a_word(self, table: str) -> None:
        for column in SCHEMAS[table].columns:
            known = words(table, column.name, "zh")
            assert not column.allowed or set(known) == set(column.allowed), column.name
            assert len(set(known.values())) == len(known)

    def test_other_files_are_no_exports(self) -> None:
        assert own_columns("cell", ["code", "name", "community_name"]) == {}
        assert own_columns("cell", ["编码", "名称", "所属社区"]) == {}


class TestMarks:
    def test_geojson_says_what_it_was_converted_from(self) -> None:
        collection = json.loads(frame_geojson(points(name=["a"]), "gcj02"))
        assert collection["yiwang"] == {"converted_from": "gcj02"}
        assert collection["type"] == "FeatureCollection"
        assert len(collection["features"]) == 1
        assert "yiwang" not in json.loads(frame_geojson(points(name=["a"])))


class TestKml:
    def test_is_read_by_an_xml_parser(self, tmp_path: Path) -> None:
        frame = points(name=["<甲> & “乙”", None], code=["1", "2\x0b"], level=[1, 2])
        write_kml(frame, tmp_path / "a.kml", "设施")
        document = ET.parse(tmp_path / "a.kml").getroot()[0]
        first, second = document.iter(f"{KML}Placemark")
        assert first.findtext(f"{KML}name") == "<甲> & “乙”"
        assert second.findtext(f"{KML}name") is None
        assert [data.text for data in second.iter(f"{KML}SimpleData")] == ["2\ufffd", "2"]
        lon, lat = map(float, str(first.findtext(f"{KML}Point/{KML}coordinates")).split(","))
        assert (lon, lat) == pytest.approx((114.0, 27.1), abs=0.05)

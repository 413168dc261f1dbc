"""Tables in every form that offices produce; the truth is what was written into them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest
import shapely

from geo.errors import ArchiveError, CrsError, FileFormatError
from geo.formats.coordinates import parse_coordinates, plain_text
from geo.formats.sources import SourceLayer, SourceParams, read_source

NAMES = ["解放路派出所", "和平小学"]
XY = [[112.5, 26.9], [112.6, 26.8]]
ROWS = [["名称", "经度", "纬度"], [NAMES[0], 112.5, 26.9], [NAMES[1], 112.6, 26.8]]


def xy(layer: SourceLayer) -> list[list[float]]:
    coordinates: list[list[float]] = shapely.get_coordinates(layer.frame.geometry.to_numpy()).tolist()
    return coordinates


def codes(layer: SourceLayer) -> list[str]:
    return [finding.code for finding in layer.findings]


def write_book(path: Path, sheets: dict[str, list[list[Any]]]) -> Path:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets.items():
        page = book.create_sheet(title)
        for row in rows:
            page.append(row)
    book.save(path.with_suffix(".xlsx"))
    return path.with_suffix(".xlsx").rename(path)


class TestText:
    @pytest.mark.parametrize(
        "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "gbk", "utf-32"]
    )
    @pytest.mark.parametrize("separator", [",", ";", "\t", "|", "，"])
    def test_encodings_and_separators(self, tmp_path: Path, encoding: str, separator: str) -> None:
        path = tmp_path / "点.csv"
        lines = [separator.join(map(str, row)) for row in ROWS]
        path.write_bytes("\r\n".join(lines).encode(encoding))
        layer = read_source(path)
        assert (layer.frame["名称"].tolist(), xy(layer), list(layer.findings)) == (NAMES, XY, [])

    def test_big5(self, tmp_path: Path) -> None:
        path = tmp_path / "點.csv"
        path.write_bytes("名稱,經度,緯度\n中正國小,121.5,25.03\n大安分局,121.54,25.04\n".encode("big5"))
        layer = read_source(path)
        assert layer.frame["名稱"].tolist() == ["中正國小", "大安分局"]
        assert (layer.encoding, xy(layer)) == ("big5", [[121.5, 25.03], [121.54, 25.04]])

    def test_line_breaks_and_separators_in_quotes(self, tmp_path: Path) -> None:
        path = tmp_path / "点.csv"
        path.write_text('名称,备注,lon,lat\n"甲\n乙","a, b; ""c""",112.5,26.9\n', "utf-8", newline="")
        assert read_source(path).frame[["名称", "备注"]].to_numpy().tolist() == [["甲\n乙", 'a, b; "c"']]

    def test_title_and_empty_rows_and_columns(self, tmp_path: Path) -> None:
        path = tmp_path / "点.csv"
        path.write_text(
            "某某街道公共设施一览表,,,,\n填表日期：2024年,,,,\n,,,,\n名称,经度,纬度,,\n甲,112.5,26.9,,\n,,,,\n\n乙,112.6,26.8,,\n",
            "utf-8",
        )
        layer = read_source(path)
        assert (layer.frame["名称"].tolist(), xy(layer)) == (["甲", "乙"], XY)
        assert layer.frame.columns.tolist() == ["名称", "geometry"]
        assert [(f.code, f.count) for f in layer.findings] == [("empty_rows", 1)]  # blank lines are no rows

    def test_separator_named_by_excel(self, tmp_path: Path) -> None:
        path = tmp_path / "点.csv"
        path.write_text("sep=;\nname;lon;lat\na, b;112,5;26,9\n", "utf-8")
        layer = read_source(path)
        assert (layer.frame["name"].tolist(), xy(layer)) == (["a, b"], [[112.5, 26.9]])

    def test_short_and_long_rows(self, tmp_path: Path) -> None:
        path = tmp_path / "点.csv"
        path.write_text("name,lon,lat,note\na,112.5,26.9\nb,112.6,26.8,x,extra\n", "utf-8")
        layer = read_source(path)
        assert layer.frame[["name", "note", "column_5"]].to_numpy().tolist() == [["a", "", ""], ["b", "x", "extra"]]

    def test_columns_of_one_name(self, tmp_path: Path) -> None:
        path = tmp_path / "点.csv"
        path.write_text("备注,lon,lat,备注\n甲,112.5,26.9,乙\n", "utf-8")
        assert read_source(path).frame[["备注", "备注_2"]].to_numpy().tolist() == [["甲", "乙"]]

    @pytest.mark.parametrize(
        "header",
        ["经度,纬度", "东经,北纬", "X坐标,Y坐标", "横坐标,纵坐标", "GPS经度,GPS纬度", "经度（°）,纬度（°）", "lng,lat",
         "POINT_X,POINT_Y", "Longitude (deg),Latitude (deg)", "經度,緯度", "中心点经度,中心点纬度"],
    )  # fmt: skip
    def test_names_of_the_columns(self, tmp_path: Path, header: str) -> None:
        path = tmp_path / "点.csv"
        path.write_text(f"名称,{header}\n甲,112.5,26.9\n", "utf-8")
        assert xy(read_source(path)) == [[112.5, 26.9]]

    @pytest.mark.parametrize("pair", ['"112.5,26.9"', '"112.5，26.9"', "112.5 26.9", "112.5;26.9", '"(112.5, 26.9)"'])
    def test_both_coordinates_in_one_column(self, tmp_path: Path, pair: str) -> None:
        path = tmp_path / "点.csv"
        path.write_text(f"名称,经纬度\n甲,{pair}\n", "utf-8")
        assert xy(read_source(path)) == [[112.5, 26.9]]

    def test_well_known_text(self, tmp_path: Path) -> None:
        path = tmp_path / "面.csv"
        path.write_text(
            "name;WKT\na;SRID=4490;POLYGON((0 0))\nb;x\n".replace(
                "SRID=4490;POLYGON((0 0))", '"SRID=4490;POLYGON((112 26,113 26,113 27,112 26))"'
            ),
            "utf-8",
        )
        layer = read_source(path)
        assert layer.frame.geometry.iloc[0].equals(shapely.Polygon([(112, 26), (113, 26), (113, 27)]))
        assert (layer.frame.crs.to_epsg(), [(f.code, f.rows) for f in layer.findings]) == (
            4490,
            [("bad_coordinates", (1,))],
        )

    def test_rows_without_a_place(self, tmp_path: Path) -> None:
        path = tmp_path / "点.csv"
        path.write_text("名称,经度,纬度\n甲,112.5,26.9\n乙,0,0\n丙,不详,不详\n丁,,\n", "utf-8")
        layer = read_source(path)
        assert layer.frame.geometry.isna().tolist() == [False, True, True, True]
        assert {f.code: f.rows for f in layer.findings} == {"zero_coordinates": (1,), "bad_coordinates": (2,)}

    def test_northing_in_the_column_x(self, tmp_path: Path) -> None:
        """Surveyors call the northing X."""
        path = tmp_path / "点.csv"
        path.write_text("名称,X,Y\n甲,2980000.5,38500010.25\n", "utf-8")
        with pytest.raises(CrsError, match="zone prefix 38 and the northing first") as caught:
            read_source(path)
        assert caught.value.context["example"] == "EPSG:4526"
        with pytest.raises(CrsError, match="--swap-xy"):
            read_source(path, SourceParams(crs="EPSG:4526"))
        layer = read_source(path, SourceParams(crs="EPSG:4526", swap_xy=True))
        assert xy(layer) == [[38500010.25, 2980000.5]]


class TestNumbers:
    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ("112.5", 112.5),
            (" \uff11\uff11\uff12\uff0e\uff15 ", 112.5),
            ("38,512,345.67", 38512345.67),
            ("500000.5 m", 500000.5),
            ("112.5°", 112.5),
            ("112°30\u203215\u2033", 112 + 30 / 60 + 15 / 3600),
            ("112°30'15.36\"E", 112 + 30 / 60 + 15.36 / 3600),
            ("112º30’15”", 112 + 30 / 60 + 15 / 3600),
            ("东经112度30分15秒", 112 + 30 / 60 + 15 / 3600),
            ("112 30 15", 112 + 30 / 60 + 15 / 3600),
            ("112:30:15", 112 + 30 / 60 + 15 / 3600),
            ("112°30.25'", 112 + 30.25 / 60),
            ("E112°30\u2032", 112.5),
            ("N 26.9", 26.9),
            ("26.9S", -26.9),
            ("-26°30\u2032", -26.5),
            ("西经112°30\u2032", -112.5),
            ("112°75\u2032", np.nan),
            ("不详", np.nan),
            ("", np.nan),
            ("1.2.3", np.nan),
        ],
    )
    def test_one(self, text: str, value: float) -> None:
        np.testing.assert_allclose(parse_coordinates(pd.Series([plain_text(text)])), [value], rtol=1e-12)

    def test_comma_is_a_decimal_sign_where_it_cannot_part_thousands(self) -> None:
        assert parse_coordinates(pd.Series(["112,5", "112,512"])).tolist() == [112.5, 112.512]
        assert parse_coordinates(pd.Series(["512,345", "2,980,000"])).tolist() == [512345, 2980000]


class TestWorkbook:
    def test_read(self, tmp_path: Path) -> None:
        path = write_book(tmp_path / "设施.xlsx", {"学校": ROWS})
        layer = read_source(path)
        assert (layer.frame["名称"].tolist(), xy(layer), layer.layer, codes(layer)) == (NAMES, XY, "学校", [])

    def test_title_numbers_and_gaps(self, tmp_path: Path) -> None:
        rows = [
            ["一览表"],
            [],
            ["编码", "经度", "纬度", "日期"],
            [7.0, "112.5", 26.9, None],
            [None, None],
            ["008", 112.6, 26.8, "x"],
        ]
        layer = read_source(write_book(tmp_path / "a.xlsx", {"表": rows, "空": []}))
        assert (layer.frame["编码"].tolist(), layer.frame["日期"].tolist(), xy(layer)) == (["7", "008"], ["", "x"], XY)
        assert codes(layer) == ["empty_rows"]

    def test_sheets_must_be_named(self, tmp_path: Path) -> None:
        path = write_book(tmp_path / "a.xlsx", {"学校": ROWS, "医院": ROWS[:2]})
        with pytest.raises(FileFormatError, match="holds 2 layers") as caught:
            read_source(path)
        assert caught.value.context["names"] == "学校, 医院"
        assert len(read_source(path, SourceParams(layer="医院")).frame) == 1
        with pytest.raises(FileFormatError, match="学校, 医院"):
            read_source(path, SourceParams(layer="公园"))

    def test_named_csv(self, tmp_path: Path) -> None:
        layer = read_source(write_book(tmp_path / "设施.csv", {"学校": ROWS}))
        assert (layer.frame["名称"].tolist(), xy(layer), codes(layer)) == (NAMES, XY, ["read_by_content"])

    def test_csv_named_xlsx(self, tmp_path: Path) -> None:
        path = tmp_path / "设施.xlsx"
        path.write_text("名称,经度,纬度\n甲,112.5,26.9\n", "gbk")
        layer = read_source(path)
        assert (layer.frame["名称"].tolist(), codes(layer)) == (["甲"], ["read_by_content"])

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "Excel 97-2003"),
            (b"<html><table><tr><td>lon</td></tr></table></html>", "web page"),
            (b'<?xml version="1.0"?><Workbook/>', "web page or XML"),
            (b"a\x00b\x01\x02,c\nlon,lat", "zero bytes"),
        ],
    )
    @pytest.mark.parametrize("name", ["a.csv", "a.xlsx"])
    def test_other_content(self, tmp_path: Path, content: bytes, message: str, name: str) -> None:
        (tmp_path / name).write_bytes(content)
        with pytest.raises(FileFormatError, match=message):
            read_source(tmp_path / name)

    def test_broken(self, tmp_path: Path) -> None:
        path = write_book(tmp_path / "a.xlsx", {"表": ROWS})
        path.write_bytes(path.read_bytes()[:-400])
        with pytest.raises(ArchiveError):
            read_source(path)

    def test_zip_that_is_no_workbook(self, tmp_path: Path) -> None:
        import zipfile

        with zipfile.ZipFile(tmp_path / "a.csv", "w") as packed:
            packed.writestr("a.txt", "x")
        with pytest.raises(FileFormatError, match="cannot be read"):
            read_source(tmp_path / "a.csv")

"""The encoding of a .dbf is found from its bytes: tables are written byte by byte in a known encoding."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from geo.errors import EncodingError, FileFormatError
from geo.formats.encodings import detect_dbf_encoding, normalise_encoding

WriteDbf = Callable[..., Path]
STREETS = ["解放路", "人民东路", "蒸湘北路", "红湘街道办事处", "和平小学"]
TRADITIONAL = ["中山北路", "臺北車站", "國立圖書館", "警察局"]
LATIN = ["Straße", "Köln", "Café Müller", "Señor", "Zürich"]


@pytest.mark.parametrize(
    ("texts", "written", "cpg", "language_byte", "found"),
    [
        pytest.param(STREETS, "gbk", None, 0, "gb18030", id="GBK without .cpg"),
        pytest.param(STREETS, "utf-8", None, 0, "utf-8", id="UTF-8 without .cpg"),
        pytest.param(STREETS, "gbk", "UTF-8", 0, "gb18030", id="GBK with .cpg of UTF-8"),
        pytest.param(STREETS, "utf-8", "GBK", 0, "utf-8", id="UTF-8 with .cpg of GBK"),
        pytest.param(STREETS, "gbk", "ISO-8859-1", 0, "gb18030", id="GBK with .cpg of Latin-1"),
        pytest.param(STREETS, "gbk", "nonsense", 0, "gb18030", id="GBK with unknown .cpg"),
        pytest.param(STREETS, "gbk", None, 0x57, "gb18030", id="GBK with language byte of cp1252"),
        pytest.param(STREETS, "utf-8", None, 0x4D, "utf-8", id="UTF-8 with language byte of GBK"),
        pytest.param(TRADITIONAL, "big5", None, 0, "big5", id="Big5 without .cpg"),
        pytest.param(TRADITIONAL, "big5", "950", 0, "big5", id="Big5 with .cpg"),
        pytest.param(TRADITIONAL, "big5", None, 0x4F, "big5", id="Big5 with language byte"),
        pytest.param(LATIN, "latin-1", None, 0x57, "cp1252", id="Latin-1 with language byte"),
        pytest.param(LATIN, "latin-1", None, 0, "cp1252", id="Latin-1 without a hint"),
        pytest.param(["㐀街", "𠮷野家", "镕基路"], "gb18030", None, 0, "gb18030", id="four-byte GB18030"),
        pytest.param(["Main St", "2nd Ave"], "ascii", None, 0, "utf-8", id="ASCII"),
        pytest.param(["解放路"], "utf-8", None, 0, "utf-8", id="one value in UTF-8"),
        pytest.param(["解放路"], "utf-8", "936", 0, "utf-8", id="one value in UTF-8 with .cpg of GBK"),
        pytest.param(["解放路"], "gbk", "UTF-8", 0, "gb18030", id="one value in GBK with .cpg of UTF-8"),
    ],
)
def test_finds_encoding(
    write_dbf: WriteDbf, texts: list[str], written: str, cpg: str | None, language_byte: int, found: str
) -> None:
    choice = detect_dbf_encoding(write_dbf(texts, written, cpg=cpg, language_byte=language_byte))
    assert choice.encoding == found
    assert [text.encode(written).decode(choice.encoding) for text in texts] == texts
    assert choice.reason


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8"])
def test_value_cut_inside_a_character(write_dbf: WriteDbf, encoding: str) -> None:
    # 7 bytes hold three and a half characters of GBK, or two and a third of UTF-8
    path = write_dbf(["解放大道东", "人民西路南", "蒸湘北路中"], encoding, width=7)
    assert detect_dbf_encoding(path).encoding == encoding


def test_declared_encoding_is_told_from_a_guess(write_dbf: WriteDbf) -> None:
    guessed = detect_dbf_encoding(write_dbf(STREETS, "gbk")).reason
    declared = detect_dbf_encoding(write_dbf(STREETS, "gbk", cpg="GBK")).reason
    assert "not declared" in guessed
    assert declared.startswith("declared")


def test_empty_table(write_dbf: WriteDbf) -> None:
    assert detect_dbf_encoding(write_dbf([], "gbk")).encoding == "utf-8"


def test_chinese_field_name_alone_tells(tmp_path: Path) -> None:
    path = tmp_path / "a.dbf"
    blob = bytearray(64) + b"\x0d"
    blob[8:10], blob[10:12] = (65).to_bytes(2, "little"), (11).to_bytes(2, "little")
    blob[32:42], blob[43:44], blob[48] = "网格编码码".encode("gbk"), b"N", 10
    path.write_bytes(bytes(blob))
    assert detect_dbf_encoding(path).encoding == "gb18030"


def test_bytes_of_no_encoding(tmp_path: Path, write_dbf: WriteDbf) -> None:
    path = write_dbf(["x" * 8] * 3, "ascii", width=8)
    path.write_bytes(path.read_bytes().replace(b"xxxxxxxx", b"\x81\xff\x8d\xff\x90\xff\x81\xff"))
    with pytest.raises(EncodingError, match="Name its encoding"):
        detect_dbf_encoding(path)


def dbf_of_two_records(record_width: int, field_width: int) -> bytes:
    header = b"\x03\0\0\0\x02\0\0\0\x41\0" + bytes([record_width, 0]) + bytes(20)
    field = b"NAME" + bytes(7) + b"C" + bytes(4) + bytes([field_width]) + bytes(15)
    return header + field + b"\x0d" + b" abcd" * 2


def test_field_of_no_width_holds_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.dbf"
    path.write_bytes(dbf_of_two_records(record_width=5, field_width=0))
    assert detect_dbf_encoding(path).encoding == "utf-8"


@pytest.mark.parametrize(
    "blob",
    [
        pytest.param(b"", id="empty file"),
        pytest.param(b"\x03" + bytes(20), id="cut short"),
        pytest.param(b"\x03" + bytes(99), id="header of length 0"),
        pytest.param(b"\x03" + bytes(7) + b"\xff\xff\x10\x00" + bytes(60), id="header longer than the file"),
        pytest.param(dbf_of_two_records(record_width=5, field_width=40), id="field wider than the record"),
    ],
)
def test_broken_header(tmp_path: Path, blob: bytes) -> None:
    path = tmp_path / "a.dbf"
    path.write_bytes(blob)
    with pytest.raises(FileFormatError, match="not a dBase table"):
        detect_dbf_encoding(path)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("GBK", "gb18030"), ("gb2312", "gb18030"), ("936", "gb18030"), ("ANSI 936", "gb18030"), ("65001", "utf-8"),
     ("UTF8", "utf-8"), ("950", "big5"), ("ANSI 1252", "cp1252"), ("88591", "iso8859-1"), (" utf-8\n", "utf-8")],
)  # fmt: skip
def test_normalise(name: str, expected: str) -> None:
    assert normalise_encoding(name) == expected


def test_normalise_unknown() -> None:
    with pytest.raises(EncodingError, match="not a known encoding"):
        normalise_encoding("klingon")

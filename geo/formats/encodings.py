"""Which encoding the attribute text of a shapefile, or the text of a table, is in.

A ``.dbf`` does not say it reliably: offices leave the ``.cpg`` out or copy a wrong one. So every declared or usual
encoding is tried on the raw bytes, and the one that decodes them all and reads like Chinese wins.
"""

from __future__ import annotations

import codecs
import glob
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geo.errors import EncodingError, FileFormatError

_LANGUAGE_BYTES = {0x4D: "gb18030", 0x4F: "big5", 0x78: "big5", 0x7A: "gb18030", 0x57: "cp1252", 0x03: "cp1252"}
"""DBF language driver → encoding, as ESRI and FoxPro write them; a byte of 0 says nothing."""
_MAX_SAMPLE_VALUES = 20_000
_CHINESE = ("gb18030", "big5", "utf-8")
_FOREIGN_RUN = re.compile(r"[^\x00-\x7f]{2,}")
_BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True)
class EncodingChoice:
    """The encoding to read with, and why (an English message id)."""

    encoding: str
    reason: str


def normalise_encoding(name: str) -> str:
    """Return Python's name of an encoding, GBK and GB2312 widened to GB18030.

    Raises
    ------
    EncodingError
        Python does not know the name.
    """
    name = name.strip().lower()
    name = {"65001": "utf-8", "936": "gb18030", "cp936": "gb18030", "ansi 936": "gb18030", "950": "big5"}.get(
        name, name
    )
    name = {"ansi 1252": "cp1252", "ldid/87": "cp1252", "88591": "latin-1", "oem": "cp437"}.get(name, name)
    try:
        found = codecs.lookup(name).name
        b"a".decode(found)  # some are no encodings of text
    except (LookupError, ValueError) as error:
        raise EncodingError("'{name}' is not a known encoding. Try GB18030 or UTF-8.", name=name) from error
    return "gb18030" if found in {"gbk", "gb2312", "gb18030"} else found


def detect_dbf_encoding(dbf: Path) -> EncodingChoice:
    """Find the encoding of a ``.dbf`` from its bytes, weighing the ``.cpg`` and the language byte.

    Raises
    ------
    EncodingError
        No candidate decodes the text.
    FileFormatError
        The file is not a dBase table.
    """
    values, language_byte = _read_text_bytes(dbf)
    return _choose_encoding(values, _declared_encodings(dbf, language_byte), dbf.name)


def detect_text_encoding(blob: bytes, name: str) -> EncodingChoice:
    """Find the encoding of a text file, such as a CSV, from its bytes.

    A byte order mark decides; else zeros in every second byte mean UTF-16, valid UTF-8 is UTF-8, and among the others the
    one that reads like text wins.

    Raises
    ------
    EncodingError
        No candidate decodes the text.
    """
    for mark, encoding in _BYTE_ORDER_MARKS.items():
        if blob.startswith(mark):
            return EncodingChoice(encoding, "byte order mark of the file")
    sample = np.frombuffer(blob[:4000], np.uint8)
    zeros = [float(np.mean(sample[start::2] == 0)) if len(sample) > 1 else 0.0 for start in (0, 1)]
    if max(zeros) > 0.2 and min(zeros) < 0.05:
        return EncodingChoice("utf-16-le" if zeros[1] > zeros[0] else "utf-16-be", "zeros in every second byte")
    if blob.isascii():
        return EncodingChoice("utf-8", "all text is ASCII")
    try:
        blob.decode("utf-8")
    except UnicodeDecodeError:
        lines = list(dict.fromkeys(blob.splitlines()))[:_MAX_SAMPLE_VALUES]
        return _choose_encoding(lines, [], name)
    return EncodingChoice("utf-8", "every value is valid UTF-8")


def _choose_encoding(values: list[bytes], declared: list[str], name: str) -> EncodingChoice:
    foreign = [value for value in values if not value.isascii()]
    if not foreign:
        return EncodingChoice("utf-8", "all text is ASCII")
    utf8 = _share_decodable(foreign, "utf-8")
    if utf8 == 1.0 and (len(foreign) > 2 or "gb18030" not in declared):
        return EncodingChoice("utf-8", "every value is valid UTF-8")
    candidates = [*declared, "gb18030", "big5", "cp1252", *(["utf-8"] if utf8 == 1.0 else [])]
    scores = {
        other: (_share_decodable(foreign, other), _likeness(foreign, other)) for other in dict.fromkeys(candidates)
    }
    best = max(scores, key=lambda other: (scores[other][0] >= 0.999, scores[other][1], -candidates.index(other)))
    if scores[best][0] < 0.999:
        raise EncodingError(
            "The text of '{file}' is in none of the encodings {tried}. Name its encoding.",
            file=name,
            tried=", ".join(["utf-8", *scores]),
        )
    if best in declared:
        return EncodingChoice(best, "declared by the file and decodes every value")
    return EncodingChoice(best, "not declared; decodes every value and reads as text")


def _declared_encodings(dbf: Path, language_byte: int) -> list[str]:
    declared = []
    for path in dbf.parent.glob(f"{glob.escape(dbf.stem)}.[cC][pP][gG]"):
        try:
            declared.append(normalise_encoding(path.read_text("ascii", errors="replace")))
        except EncodingError:
            continue  # an unknown name in a .cpg is one hint less; the bytes decide
    if language_byte in _LANGUAGE_BYTES:
        declared.append(_LANGUAGE_BYTES[language_byte])
    return list(dict.fromkeys(declared))


def _read_text_bytes(dbf: Path) -> tuple[list[bytes], int]:
    """Return field names and distinct values of the text fields as raw bytes, and the language byte."""
    blob = dbf.read_bytes()
    if len(blob) < 33:
        raise FileFormatError(
            "'{file}' is not a dBase table: it is cut short. Hand over all files of the shapefile again.", file=dbf.name
        )
    count = int.from_bytes(blob[4:8], "little")
    header, width = int.from_bytes(blob[8:10], "little"), int.from_bytes(blob[10:12], "little")
    if header < 33 or width < 1 or header > len(blob):
        raise FileFormatError(
            "'{file}' is not a dBase table: its header is broken. Hand over all files of the shapefile again.",
            file=dbf.name,
        )
    count = min(count, (len(blob) - header) // width)
    records = np.frombuffer(blob, np.uint8, count * width, header).reshape(count, width)
    values: set[bytes] = set()
    offset = 1
    for start in range(32, header - 1, 32):
        if blob[start] == 0x0D:
            break
        values.add(blob[start : start + 11].split(b"\0")[0])
        length = blob[start + 16]
        if offset + length > width:
            raise FileFormatError(
                "'{file}' is not a dBase table: its header is broken. Hand over all files of the shapefile again.",
                file=dbf.name,
            )
        if blob[start + 11 : start + 12] == b"C" and length:
            column = np.ascontiguousarray(records[:, offset : offset + length]).view(f"S{length}").ravel()
            values.update(value.rstrip() for value in np.unique(column)[:_MAX_SAMPLE_VALUES].tolist())
        offset += length
    return sorted(values), blob[29]


def _decode(value: bytes, encoding: str) -> str | None:
    """Return the text, forgiving a last character that a field's width cut in two, or None."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    try:
        return decoder.decode(value, final=False)
    except UnicodeDecodeError:
        return None


def _share_decodable(values: list[bytes], encoding: str) -> float:
    return sum(_decode(value, encoding) is not None for value in values) / len(values)


def _likeness(values: list[bytes], encoding: str) -> float:
    """Return how usual the foreign characters are under an encoding, from 0 to 1.

    Usual are level 1 of GB 2312 (of Big5 when that is asked about), CJK punctuation, and Latin letters that stand alone:
    Chinese read as Latin comes out in runs.
    """
    texts = [_decode(value, encoding) or "" for value in values]
    foreign = [char for text in texts for char in text if ord(char) > 127]
    if not foreign:
        return 0.0
    likeness = sum(_commonness(char, encoding) for char in foreign) / len(foreign)
    if encoding in _CHINESE:
        return likeness
    in_runs = sum(len(run) for text in texts for run in _FOREIGN_RUN.findall(text))
    return likeness * (1 - 0.5 * in_runs / len(foreign))


def _commonness(char: str, encoding: str) -> float:
    if char.isalpha() and ord(char) < 0x250:
        is_pinyin = encoding in _CHINESE and _lead_byte(char, "gb2312") > 0
        return float(ord(char) >= 0xC0 and not is_pinyin)
    if 0x3000 <= ord(char) <= 0x303F or 0xFF00 <= ord(char) <= 0xFF5E:
        return 1.0
    if encoding == "big5":
        lead = _lead_byte(char, "big5")
        return 1.0 if 0xA4 <= lead <= 0xC6 else 0.7 * (0xC9 <= lead <= 0xF9)
    lead = _lead_byte(char, "gb2312")
    return 1.0 if 0xB0 <= lead <= 0xD7 else 0.8 * (0xD8 <= lead <= 0xF7)


def _lead_byte(char: str, encoding: str) -> int:
    """Return the first byte of a character in a double-byte encoding, 0 when it has none."""
    try:
        return char.encode(encoding)[0]
    except UnicodeEncodeError:
        return 0

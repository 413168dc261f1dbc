"""Which encoding the attribute text of a shapefile is in.

A ``.dbf`` does not say it reliably: offices leave the ``.cpg`` out or copy a wrong one. So every declared or usual
encoding is tried on the raw bytes, and the one that decodes them all and reads like Chinese wins.
"""

from __future__ import annotations

import codecs
import glob
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geo.errors import EncodingError, FileFormatError

_LANGUAGE_BYTES = {0x4D: "gb18030", 0x4F: "big5", 0x78: "big5", 0x7A: "gb18030", 0x57: "cp1252", 0x03: "cp1252"}
"""DBF language driver → encoding, as ESRI and FoxPro write them; a byte of 0 says nothing."""
_MAX_SAMPLE_VALUES = 20_000


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
    except LookupError as error:
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
    foreign = [value for value in values if not value.isascii()]
    if not foreign:
        return EncodingChoice("utf-8", "all text is ASCII")
    declared = _declared_encodings(dbf, language_byte)
    utf8 = _share_decodable(foreign, "utf-8")
    if utf8 == 1.0 and (len(foreign) > 2 or "gb18030" not in declared):
        return EncodingChoice("utf-8", "every value is valid UTF-8")
    candidates = [*declared, "gb18030", "big5", "cp1252", *(["utf-8"] if utf8 == 1.0 else [])]
    scores = {name: (_share_decodable(foreign, name), _likeness(foreign, name)) for name in dict.fromkeys(candidates)}
    best = max(scores, key=lambda name: (scores[name][0] >= 0.999, scores[name][1], -candidates.index(name)))
    if scores[best][0] < 0.999:
        raise EncodingError(
            "The text of '{file}' is in none of the encodings {tried}. Name its encoding.",
            file=dbf.name,
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
        raise FileFormatError("'{file}' is not a dBase table: it is cut short.", file=dbf.name)
    count = int.from_bytes(blob[4:8], "little")
    header, width = int.from_bytes(blob[8:10], "little"), int.from_bytes(blob[10:12], "little")
    if header < 33 or width < 1 or header > len(blob):
        raise FileFormatError("'{file}' is not a dBase table: its header is broken.", file=dbf.name)
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
            raise FileFormatError("'{file}' is not a dBase table: its header is broken.", file=dbf.name)
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
    """Return the share of foreign characters that are common: level 1 of GB 2312, Latin letters, CJK punctuation."""
    text = "".join(_decode(value, encoding) or "" for value in values)
    foreign = [char for char in text if ord(char) > 127]
    if not foreign:
        return 0.0
    return sum(_is_common(char) for char in foreign) / len(foreign)


def _is_common(char: str) -> bool:
    if char.isalpha() and ord(char) < 0x250:
        return ord(char) >= 0xC0 and _gb2312_lead_byte(char) == 0
    return 0x3000 <= ord(char) <= 0x303F or 0xFF00 <= ord(char) <= 0xFF5E or 0xB0 <= _gb2312_lead_byte(char) <= 0xD7


def _gb2312_lead_byte(char: str) -> int:
    """Return the GB 2312 lead byte of a character, 0 when it has none."""
    try:
        return char.encode("gb2312")[0]
    except UnicodeEncodeError:
        return 0

"""Tables as offices hand them over: CSV in any encoding and with any separator, workbooks, arrays of JSON objects."""

from __future__ import annotations

import csv
import io
import json
import re
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd
from openpyxl.utils.exceptions import InvalidFileException

from geo.errors import FileFormatError
from geo.formats.archives import require_harmless_archive
from geo.formats.encodings import EncodingChoice, detect_text_encoding, normalise_encoding
from geo.formats.geojson import is_feature_array
from geo.model.reports import Finding
from geo.model.text import Phrase

WORKBOOK_SUFFIXES = (".xlsx", ".xlsm")
OLD_WORKBOOK_SUFFIX = ".xls"
"""Read only when the content is another one than the name says."""
_SEPARATORS = (",", "\t", ";", "|", "，", "；")
_HEAD_ROWS = 30
_ZIP, _OLE = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
_SEPARATOR_LINE = re.compile(r"^sep=(.)\s*$", re.IGNORECASE)
_MARKUP = re.compile(r"^\s*<(?:!doctype|html|table|\?xml|head|meta|style|div|workbook)", re.IGNORECASE)


@dataclass(frozen=True)
class Table:
    """Rows of text with their column names.

    Attributes
    ----------
    rows
        Every value is text as written, ``""`` where there is none, except that JSON and workbooks keep their numbers.
    name
        Sheet, or stem of the file.
    encoding
        How the text was decoded.
    findings
        What was odd about the file.
    """

    rows: pd.DataFrame
    name: str
    encoding: EncodingChoice
    findings: tuple[Finding, ...] = ()


def read_table(path: Path, sheet: str | None, encoding: str | None, is_header: Callable[[list[str]], bool]) -> Table:
    """Read a CSV or a workbook; what a file is, its content says and not its name.

    Parameters
    ----------
    path
        The file.
    sheet
        Sheet of a workbook; None takes the only one with rows.
    encoding
        Encoding of the text; None finds it.
    is_header
        Whether a row holds the names of the columns: titles may stand above it.

    Raises
    ------
    FileFormatError
        It is another kind of file under this name, broken, or holds several sheets and none was named.
    EncodingError
        The text is in no encoding that fits.
    ArchiveError
        A workbook that would unpack to an absurd size.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    is_workbook = path.suffix.lower() in (*WORKBOOK_SUFFIXES, OLD_WORKBOOK_SUFFIX)
    if head.startswith(_ZIP):
        table = _read_workbook(path, sheet, is_header)
        return table if is_workbook else _told(table, "Excel workbook")
    if head.startswith(_OLE):
        raise FileFormatError(
            "'{file}' is a workbook of Excel 97-2003, or protected by a password. Save it as .xlsx or CSV without one.",
            file=path.name,
        )
    table = _read_csv(path, encoding, is_header)
    return _told(table, "CSV text") if is_workbook else table


def _told(table: Table, content: str) -> Table:
    message = "By its content the file is another kind than its name says: {content}. It was read as that."
    finding = Finding("read_by_content", "warning", message, context={"content": content})
    return Table(table.rows, table.name, table.encoding, (*table.findings, finding))


def _read_csv(path: Path, encoding: str | None, is_header: Callable[[list[str]], bool]) -> Table:
    blob = path.read_bytes()
    choice = (
        EncodingChoice(normalise_encoding(encoding), "given by the user")
        if encoding
        else detect_text_encoding(blob, path.name)
    )
    try:
        text = blob.decode(choice.encoding).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise FileFormatError(
            "'{file}': attribute text cannot be read as {encoding}. Name its encoding.",
            file=path.name,
            encoding=choice.encoding,
        ) from error
    if _MARKUP.match(text):
        raise FileFormatError(
            "'{file}' is a web page or XML under another name. Open it in Excel or WPS and save it as .xlsx or CSV.",
            file=path.name,
        )
    if "\0" in text:
        raise FileFormatError(
            "'{file}' cannot be read: {reason}. Export it again from the program that made it.",
            file=path.name,
            reason=Phrase("zero bytes in the text"),
        )
    separator, text = _separator(text)
    skipped, names = _csv_header(text, separator, is_header)
    try:
        rows = pd.read_csv(
            io.StringIO(text),
            sep=separator,
            header=None,
            names=names,
            skiprows=skipped,
            dtype="str",
            keep_default_na=False,
            index_col=False,
            skipinitialspace=True,
            engine="c" if separator.isascii() else "python",
        )
    except (pd.errors.ParserError, pd.errors.EmptyDataError, csv.Error) as error:
        raise FileFormatError(
            "'{file}' cannot be read: {reason}. Export it again from the program that made it.",
            file=path.name,
            reason=str(error),
        ) from error
    return _tidied(rows, path.stem, choice)


def _separator(text: str) -> tuple[str, str]:
    """Return the separator of a text and the text without the line in which Excel names it."""
    first, _, rest = text.partition("\n")
    if (named := _SEPARATOR_LINE.match(first)) is not None:
        return named[1], rest
    lines = [line for line in text[:20_000].splitlines()[:_HEAD_ROWS] if line.strip()]
    return max(_SEPARATORS, key=lambda mark: (sum(line.count(mark) > 0 for line in lines), _fields(lines, mark))), text


def _fields(lines: list[str], mark: str) -> int:
    return max((len(row) for row in csv.reader(lines, delimiter=mark)), default=0)


def _csv_header(text: str, separator: str, is_header: Callable[[list[str]], bool]) -> tuple[int, list[str]]:
    """Return how many lines stand above the values, and the names of the columns."""
    reader = csv.reader(io.StringIO(text), delimiter=separator, skipinitialspace=True)
    lines, rows = [], []
    try:
        for row in islice(reader, _HEAD_ROWS):
            lines.append(reader.line_num)
            rows.append(row)
    except csv.Error:
        pass  # pandas says what is wrong and where
    position = _header_position(rows, is_header)
    if position is None:
        return 0, []
    width = max(len(row) for row in rows[position:])
    return lines[position], _unique_names(rows[position], width)


def _header_position(rows: list[list[str]], is_header: Callable[[list[str]], bool]) -> int | None:
    """Return the row that names the columns: the first that is recognised, else the first that is not empty."""
    filled = [number for number, row in enumerate(rows) if any(value.strip() for value in row)]
    return next((number for number in filled if is_header(rows[number])), filled[0] if filled else None)


def _unique_names(header: Iterable[str], width: int) -> list[str]:
    names: list[str] = []
    cells = [*(" ".join(str(name).split()) for name in header)]
    for number, cell in enumerate([*cells, *[""] * (width - len(cells))], 1):
        name = cell or f"column_{number}"
        repeats = 2
        while name in names:
            name, repeats = f"{cell or f'column_{number}'}_{repeats}", repeats + 1
        names.append(name)
    return names


def _tidied(rows: pd.DataFrame, name: str, choice: EncodingChoice) -> Table:
    """Return the table without empty rows and without empty columns that have no name."""
    rows = rows.fillna("")
    texts = rows.astype("str").apply(lambda column: column.str.strip())
    empty = (texts == "").all(axis=1)
    nameless = [column for column in rows.columns if str(column).startswith("column_") and (texts[column] == "").all()]
    rows = rows.loc[~empty].drop(columns=nameless).reset_index(drop=True)
    if not empty.any():
        return Table(rows, name, choice)
    count = int(empty.sum())
    message = "{count} empty rows of the table were skipped."
    return Table(rows, name, choice, (Finding("empty_rows", "note", message, count, context={"count": count}),))


def _read_workbook(path: Path, sheet: str | None, is_header: Callable[[list[str]], bool]) -> Table:
    """Read one sheet of a workbook; cells with a formula give the value that was last computed."""
    require_harmless_archive(path)
    try:
        with warnings.catch_warnings(), path.open("rb") as file:  # by path openpyxl goes by the name
            warnings.simplefilter("ignore")  # openpyxl tells of styles and validations that it does not read
            book = openpyxl.load_workbook(file, read_only=True, data_only=True)
            try:
                sheets = {page.title: _cells(page) for page in book.worksheets if sheet in (None, page.title)}
            finally:
                book.close()
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        zlib.error,
        EOFError,
        InvalidFileException,
        KeyError,
        ValueError,
        TypeError,
        AttributeError,
        OSError,
        SyntaxError,
    ) as error:
        raise FileFormatError(
            "'{file}' cannot be read: {reason}. Export it again from the program that made it.",
            file=path.name,
            reason=str(error),
        ) from error
    filled = {title: rows for title, rows in sheets.items() if rows}
    if len(filled) != 1:
        names = list(filled) if sheet is None else book.sheetnames
        raise FileFormatError(
            "'{file}' holds {count} layers ({names}). Name the one to import.",
            file=path.name,
            count=len(names),
            names=", ".join(names) or "-",
        )
    title, rows = next(iter(filled.items()))
    position = _header_position([[_text(value) for value in row] for row in rows[:_HEAD_ROWS]], is_header) or 0
    width = max(len(row) for row in rows)
    names = _unique_names([_text(value) for value in rows[position]], width)
    body = [[*row, *[None] * (width - len(row))] for row in rows[position + 1 :]]
    table = pd.DataFrame(body, columns=names, dtype=object)
    return _tidied(table.map(_value), title, EncodingChoice("utf-8", "the format prescribes UTF-8"))


def _cells(page: Any) -> list[tuple[Any, ...]]:
    """Return the rows of a sheet up to the last that is not empty."""
    page.reset_dimensions()  # some programs write a wrong size
    rows = [tuple(row) for row in page.iter_rows(values_only=True)]
    while rows and all(value is None or str(value).strip() == "" for value in rows[-1]):
        rows.pop()
    return rows


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _value(value: Any) -> Any:
    """Return a number without its ``.0`` as text, so that codes stay codes; other values as text."""
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return str(value)


def read_json_rows(path: Path) -> Table | None:
    """Read a JSON array of objects; None when the file is something else, such as GeoJSON or an array of its features.

    Raises
    ------
    FileFormatError
        It is broken.
    """
    with path.open("rb") as file:
        head = file.read(4096)
    if head.replace(b"\0", b"").lstrip(b"\xff\xfe\xef\xbb\xbf \t\r\n")[:1] != b"[":
        return None
    blob = path.read_bytes()
    choice = detect_text_encoding(blob, path.name)
    try:
        objects = json.loads(blob.decode(choice.encoding))
        if is_feature_array(objects):
            return None
        rows = pd.DataFrame([row if isinstance(row, dict) else {} for row in objects])
    except ValueError as error:
        raise FileFormatError(
            "'{file}' cannot be read: {reason}. Export it again from the program that made it.",
            file=path.name,
            reason=str(error),
        ) from error
    if choice.encoding in ("utf-8", "utf-8-sig"):
        choice = EncodingChoice("utf-8", "JSON text is UTF-8")
    return Table(rows, path.stem, choice)

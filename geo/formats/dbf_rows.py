"""Rows of a shapefile's .dbf against its shapes: a table that was cut short, rows too few or too many, deleted rows."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from geo.model.reports import Finding, Severity

_DELETED = ord("*")
_INDEX_HEADER_BYTES, _INDEX_RECORD_BYTES = 100, 8


@dataclass(frozen=True)
class DbfRows:
    """How many rows a .dbf has.

    Attributes
    ----------
    stated
        As its header says.
    present
        As many as it holds bytes for, at most the stated ones.
    deleted
        Of the present ones, those that are marked as deleted.
    """

    stated: int
    present: int
    deleted: int

    @property
    def is_cut(self) -> bool:
        """Whether the file ends before its rows do."""
        return self.present < self.stated


def count_rows(dbf: Path) -> DbfRows | None:
    """Return how many rows a .dbf has; None when its header cannot be read."""
    blob = dbf.read_bytes()
    if len(blob) < 33:
        return None
    stated, header, width = struct.unpack_from("<IHH", blob, 4)
    if width < 1 or header > len(blob):
        return None
    present = min(stated, (len(blob) - header) // width)
    marks = np.frombuffer(blob, np.uint8, present * width, header)[::width]
    return DbfRows(stated, present, int((marks == _DELETED).sum()))


def count_shapes(shx: Path) -> int:
    """Return how many shapes the index of a shapefile lists."""
    return max(shx.stat().st_size - _INDEX_HEADER_BYTES, 0) // _INDEX_RECORD_BYTES


def fitted_table(blob: bytes, rows: DbfRows, shapes: int) -> bytes:
    """Return a .dbf with its whole rows, and blank ones where there are fewer than shapes."""
    header, width = struct.unpack_from("<HH", blob, 8)
    blank = b" " * width * max(shapes - rows.present, 0)
    count = struct.pack("<I", max(shapes, rows.present))
    return b"".join([blob[:4], count, blob[8 : header + rows.present * width], blank, b"\x1a"])


def tell_missing(rows: DbfRows, shapes: int) -> list[Finding]:
    """Return a warning about shapes without a row."""
    message = (
        "{count} shapes have no row in the .dbf; their codes and names are missing. Ask for all files of the shapefile "
        "again."
    )
    return _finding("rows_missing", "warning", message, shapes - rows.present)


def tell_surplus(rows: DbfRows, shapes: int) -> list[Finding]:
    """Return a warning about rows without a shape, and a note about deleted rows."""
    message = "{count} rows of the .dbf have no shape and were left out. Ask for all files of the shapefile again."
    findings = _finding("rows_without_shape", "warning", message, rows.present - shapes)
    message = "{count} rows are marked as deleted in the .dbf and were left out."
    return [*findings, *_finding("rows_deleted", "note", message, rows.deleted)]


def _finding(code: str, severity: Severity, message: str, count: int) -> list[Finding]:
    return [Finding(code, severity, message, count, context={"count": count})] if count > 0 else []

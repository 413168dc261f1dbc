"""What the columns and values of an exported spreadsheet are called, and the way back when it is imported again."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any, Literal

from geo.formats.columns import words_of
from geo.model.frames import SCHEMAS

Language = Literal["zh", "en"]

CONVERTED_COLUMN = "yiwang_converted_from"
"""Column that says from what a layer was converted, in formats that have no other place for it."""

_VALUES: Mapping[tuple[str, str], str] = {
    ("facility", "kind"): "facility_kind",
    ("visit", "kind"): "facility_kind",
    ("street", "road_class"): "road_class",
    ("network_edge", "road_class"): "road_class",
    ("street", "oneway"): "oneway",
    ("network_edge", "oneway"): "oneway",
    ("team", "kind"): "team_kind",
    ("route", "team_kind"): "team_kind",
    ("team", "mode"): "mode",
    ("route", "mode"): "mode",
    ("conflict", "kind"): "conflict_kind",
    ("conflict", "suggestion"): "suggestion",
    ("repair", "kind"): "repair_kind",
    ("leg", "kind"): "leg_kind",
}


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(resources.files("geo.formats").joinpath("headings.toml").read_text("utf-8"))


def heading(table: str, column: str, language: Language) -> str:
    """Return what a column of a table is called; a column that is not known keeps its name."""
    found = _table().get(table, {}).get(column) or _table()["all"].get(column)
    return column if found is None else str(found[0 if language == "zh" else 1])


def words(table: str, column: str, language: Language) -> dict[str, str]:
    """Return the words for the values of a closed list; empty for other columns."""
    key = _VALUES.get((table, column))
    if key is None:
        return {}
    own = _table()["values"].get(key)
    if own is not None:
        return {value: names[0 if language == "zh" else 1] for value, names in own.items()}
    return {value: names[0] for value, names in words_of(key).items() if names} if language == "zh" else {}


def own_columns(table: str, columns: list[str]) -> dict[str, str]:
    """Return column of a file → column of a table when the file is an export of that table, else nothing.

    An export holds every column of its table under its own name or its heading in one language, but readers drop columns
    without any value, so that names and those that may be empty can be missing. Columns that somebody added do no harm.
    """
    names = SCHEMAS[table].column_names
    needed = {column.name for column in SCHEMAS[table].columns if not column.nullable} - {"name"}
    for called in (
        {name: name for name in names},
        {heading(table, name, "zh"): name for name in names},
        {heading(table, name, "en"): name for name in names},
    ):
        found = {column: name for column, name in called.items() if column in columns}
        if needed <= set(found.values()):
            return found
    return {}

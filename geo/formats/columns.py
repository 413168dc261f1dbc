"""Which column of a file is which column of ours, and which of our values its words mean."""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd

from geo.errors import SchemaError
from geo.formats.personal import find_personal_values, is_personal_name

__all__ = [
    "REQUIRED_COLUMNS",
    "ColumnChoice",
    "choose_columns",
    "find_personal_values",
    "known_targets",
    "pack_attributes",
    "translate_values",
    "words_of",
]

_DBF_NAME_BYTES = 10
REQUIRED_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "team": ("name", "mode", "shift_start_s", "shift_end_s"),
    "incident": ("occurred_at",),
}
"""Kind of layer → columns that must be found in the file; all others may stay empty or are made."""


@dataclass(frozen=True)
class ColumnChoice:
    """The outcome of mapping.

    Attributes
    ----------
    chosen
        Column here → column of the source.
    unmapped
        Columns of the source that stay as attributes.
    personal
        Columns of the source that are left out because they look as if they told of a person.
    """

    chosen: dict[str, str]
    unmapped: tuple[str, ...]
    personal: tuple[str, ...]

    def without_personal(self, personal: tuple[str, ...]) -> ColumnChoice:
        """Return the choice with further columns left out because their values tell of a person."""
        unmapped = tuple(column for column in self.unmapped if column not in personal)
        return ColumnChoice(self.chosen, unmapped, (*self.personal, *personal))

    def without(self, target: str) -> ColumnChoice:
        """Return the choice with a column of ours left open; its source column stays as an attribute."""
        if target not in self.chosen:
            return self
        chosen = {other: column for other, column in self.chosen.items() if other != target}
        return ColumnChoice(chosen, (*self.unmapped, self.chosen[target]), self.personal)


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(resources.files("geo.formats").joinpath("columns.toml").read_text("utf-8"))


def known_targets(kind: str) -> tuple[str, ...]:
    """Return the columns of a kind of layer that a file may fill."""
    return tuple(_table()[kind])


def words_of(table: str) -> dict[str, list[str]]:
    """Return value → words that mean it, the usual one first, of a section of the ``values`` table."""
    return dict(_table()["values"][table])


def _normalise(name: str) -> str:
    name = name.strip().casefold()
    if name.lstrip("-").isdigit():
        return name  # -1 and 1 differ
    return name.replace("_", "").replace("-", "").replace(" ", "")


def _forms(name: str) -> set[str]:
    """Return the forms under which a name may come out of a file: whole, or cut to 10 bytes as a DBF does."""
    cut = {
        name.encode(encoding, "ignore")[:_DBF_NAME_BYTES].decode(encoding, "ignore")
        for encoding in ("gb18030", "utf-8")
    }
    return {_normalise(form) for form in {name, *cut} if len(form) > 1}


def choose_columns(kind: str, columns: list[str], wanted: Mapping[str, str]) -> ColumnChoice:
    """Map the columns of a source to those of a kind of layer.

    Parameters
    ----------
    kind
        One of :data:`geo.model.frames.IMPORT_KINDS`.
    columns
        Names in the source, without the geometry.
    wanted
        What the user said: column here → column of the source, or empty text to leave it open. It wins over the table.

    Raises
    ------
    SchemaError
        ``wanted`` names a column that is not in the file or not in the layer.
    """
    candidates: dict[str, list[str]] = _table()[kind]
    for target, source in wanted.items():
        if target not in candidates or (source and source not in columns):
            raise SchemaError(
                "Column mapping {target}={source}: the file has the columns {found}; a {kind} layer has {columns}.",
                target=target,
                source=source,
                found=", ".join(columns) or "-",
                kind=kind,
                columns=", ".join(candidates),
            )
    by_form = {_normalise(column): column for column in reversed(columns)}
    chosen = {target: source for target, source in wanted.items() if source}
    personal = tuple(column for column in columns if is_personal_name(column) and column not in chosen.values())
    for target, names in candidates.items():
        found = (by_form[form] for name in names for form in sorted(_forms(name), key=len)[::-1] if form in by_form)
        free = (column for column in found if column not in chosen.values() and column not in personal)
        if target not in wanted and (column := next(free, None)) is not None:
            chosen[target] = column
    unmapped = tuple(column for column in columns if column not in chosen.values() and column not in personal)
    return ColumnChoice(chosen, unmapped, personal)


def translate_values(values: pd.Series, table: str, default: str | None) -> tuple[pd.Series, pd.Series]:
    """Return the values of a closed list that words mean, and which words were not known.

    Parameters
    ----------
    values
        Words of the source.
    table
        Section of the ``values`` table: ``facility_kind``, ``road_class``, ``oneway``, ``team_kind`` or ``mode``.
    default
        Given to unknown words; None leaves them missing.

    Returns
    -------
    tuple
        The values, and a boolean series that marks unknown words.
    """
    words: dict[str, str] = {}
    for key, names in _table()["values"][table].items():
        words |= {_normalise(name): key for name in [*names, key]}
    forms = values.astype("str").fillna("").map(_normalise)
    known = forms.map(words)
    return known.where(known.notna(), default), known.isna()


_PACKED = "attributes"


def pack_attributes(frame: pd.DataFrame, columns: tuple[str, ...]) -> list[str]:
    """Return the given columns as one JSON object a row, empty values left out.

    A column ``attributes`` that holds JSON objects, as our own exports do, is unpacked into them; a column of the same name
    as one of its members wins.
    """
    packed = _unpacked(frame[_PACKED]) if _PACKED in columns else None
    plain = [name for name in columns if packed is None or name != _PACKED]
    rows: list[dict[Any, Any]] = frame[plain].astype(object).to_dict("records") if plain else [{}] * len(frame)
    found = [{key: _plain(value) for key, value in row.items() if not _is_missing(value)} for row in rows]
    if packed is not None:
        found = [inner | outer for inner, outer in zip(packed, found, strict=True)]
    return [json.dumps(row, ensure_ascii=False) for row in found]


def _unpacked(values: pd.Series) -> list[dict[str, Any]] | None:
    """Return the JSON objects of a column, empty for missing ones; None when a value is something else."""
    found: list[dict[str, Any]] = []
    for value in values:
        if _is_missing(value):
            found.append({})
            continue
        try:
            row = json.loads(value) if isinstance(value, str) else value
        except ValueError:
            return None
        if not isinstance(row, dict):
            return None
        found.append(row)
    return found


def _is_missing(value: Any) -> bool:
    return (
        value is None
        or value is pd.NaT
        or (isinstance(value, float) and math.isnan(value))
        or (isinstance(value, str) and not value)
    )


def _plain(value: Any) -> Any:
    if isinstance(value, bool | int | float | str | list | dict):
        return value
    if isinstance(value, np.ndarray):  # lists of GeoJSON and GeoPackage
        return value.tolist()
    return value.item() if hasattr(value, "item") else str(value)

"""From the columns of a source to the columns of a table, with every gap and guess reported."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import geopandas as gpd
import numpy as np
import pandas as pd

from geo.errors import SchemaError
from geo.formats.columns import ColumnChoice, pack_attributes, translate_values
from geo.model.reports import Finding, list_rows

_TIME_OF_DAY = re.compile(r"^\s*(\d{1,2})[:：]([0-5]\d)(?:[:：]([0-5]\d))?\s*$")
_HAS_OFFSET = re.compile(r":\d{2}(?:[:.]\d+)*\s*(?:[Zz]|[+-]\d{2}(?::?\d{2})?)$")
_DAY_S = 86_400


class Conformer:
    """Builds the frame of one layer column by column and collects findings.

    Parameters
    ----------
    rows
        Repaired features with the columns of the source and ``row``, the feature number.
    choice
        Which source column is which.
    layer
        Name for messages.
    """

    def __init__(self, rows: gpd.GeoDataFrame, choice: ColumnChoice, layer: str) -> None:
        self.rows = rows
        self.choice = choice
        self.layer = layer
        self.findings: list[Finding] = []
        self.frame = gpd.GeoDataFrame(geometry=rows.geometry, crs=rows.crs)

    def report(self, mask: pd.Series | np.ndarray[Any, Any], code: str, message: str, **context: Any) -> None:
        """Add a finding about the marked rows; none when nothing is marked."""
        chosen = np.asarray(mask, dtype=bool)
        if not chosen.any():
            return
        place = self.rows.geometry[chosen].iloc[0].representative_point()
        numbers = list_rows(self.rows.loc[chosen, "row"].tolist())
        count = int(chosen.sum())
        context = {"count": count, **context}
        self.findings.append(Finding(code, "warning", message, count, numbers, place.x, place.y, context))

    def raw(self, target: str) -> pd.Series | None:
        """Return the source column chosen for a target, or None."""
        source = self.choice.chosen.get(target)
        return None if source is None else self.rows[source]

    def text(self, target: str) -> pd.Series:
        """Return a text column, blanks stripped, numbers without ``.0``, missing as ''."""
        values = self.raw(target)
        if values is None:
            return pd.Series([""] * len(self.rows), index=self.rows.index, dtype="str")
        if pd.api.types.is_float_dtype(values) and (values.dropna() % 1 == 0).all():
            values = values.astype("Int64")
        return values.astype("str").fillna("").str.strip().astype("str")

    def require_column(self, target: str) -> None:
        """Raise when the source has no column for a target that cannot be guessed."""
        if target not in self.choice.chosen:
            raise SchemaError(
                "'{layer}' has no column for '{target}'; its columns are {columns}. Name it with {target}=COLUMN.",
                layer=self.layer,
                target=target,
                columns=", ".join(map(str, self.rows.columns.drop(["row", self.rows.geometry.name]))) or "-",
            )

    def closed_list(self, target: str, table: str, default: str) -> None:
        """Set a column of allowed values from words of the source."""
        words = self.text(target)
        values, unknown = translate_values(words, table, default)
        if target in self.choice.chosen:
            message = "{count} values of '{column}' are not known ({values}) and were taken as '{default}'."
            examples = ", ".join(words[unknown].unique()[:5])
            self.report(
                unknown, "unknown_value", message, column=self.choice.chosen[target], values=examples, default=default
            )
        self.frame[target] = values

    def number(self, target: str, *, default: float | None = None) -> pd.Series:
        """Return a numeric column; text that is no number is reported and becomes the default."""
        values = self.raw(target)
        if values is None:
            return pd.Series([default] * len(self.rows), index=self.rows.index, dtype="float64")
        numbers = pd.to_numeric(values, errors="coerce").astype("float64")
        bad = numbers.isna() & values.notna() & (values.astype("str").str.strip() != "")
        message = "{count} values of '{column}' are not numbers and were left empty."
        self.report(bad, "not_a_number", message, column=self.choice.chosen[target])
        return numbers if default is None else numbers.fillna(default)

    def codes_and_names(self, taken: set[str], prefix: str) -> None:
        """Set ``code`` and ``name``: blanks are filled from each other, repeated codes get a suffix."""
        code, name = self.text("code"), self.text("name")
        blank = code == ""
        message = "{count} features have no code; it was made from their name or number."
        self.report(blank, "no_code", message)
        numbered = prefix + (self.rows["row"] + 1).astype("str")
        code = code.where(~blank, name.where(name != "", numbered))
        self.report(name == "", "no_name", "{count} features have no name; their code stands for it.")
        self.frame["code"] = self.unique(code, taken)
        self.frame["name"] = name.where(name != "", code).tolist()

    def unique(self, codes: pd.Series, taken: set[str]) -> list[str]:
        """Return codes of which each occurs once; report those that were changed."""
        unique, repeated = make_unique(codes.tolist(), taken)
        message = "{count} codes occur more than once, e.g. '{example}'; a number was appended."
        example = codes[repeated].iloc[0] if repeated.any() else ""
        self.report(repeated, "duplicate_code", message, example=example)
        return unique

    def attributes(self) -> None:
        """Set ``attributes`` from the columns that have no place."""
        self.frame["attributes"] = pack_attributes(self.rows, self.choice.unmapped)


def make_unique(codes: list[str], taken: set[str]) -> tuple[list[str], np.ndarray[Any, np.dtype[np.bool_]]]:
    """Return codes of which each occurs once and is not taken: repeats get ``#2``, ``#3`` …; and which were changed."""
    seen = set(taken)
    result, changed = [], np.zeros(len(codes), dtype=bool)
    for i, code in enumerate(codes):
        candidate, number = code, 2
        while candidate in seen:
            candidate, number = f"{code}#{number}", number + 1
        seen.add(candidate)
        result.append(candidate)
        changed[i] = candidate != code
    return result, changed


def conform_layer(kind: str, conformer: Conformer, taken: set[str], time_zone: str) -> gpd.GeoDataFrame:
    """Return the rows of a layer with the columns of its table.

    Parameters
    ----------
    kind
        One of :data:`geo.model.frames.IMPORT_KINDS`; for a zoning, ``zoning_id`` is added by the caller.
    conformer
        Holds the rows; collects the findings.
    taken
        Codes (names of teams) that the store already has.
    time_zone
        IANA name of the zone in which instants without offset are meant.
    """
    if kind == "incident":
        _incident(conformer, ZoneInfo(time_zone))
    else:
        conform: dict[str, Callable[[Conformer, set[str]], None]] = {
            "zoning": _zoning,
            "community": _community,
            "facility": _facility,
            "street": _street,
            "building": _building,
            "team": _team,
        }
        conform[kind](conformer, taken)
    return conformer.frame


def _zoning(conformer: Conformer, taken: set[str]) -> None:
    conformer.codes_and_names(taken, "cell-")
    conformer.frame["community_name"] = conformer.text("community_name").replace("", None)
    conformer.attributes()


def _community(conformer: Conformer, taken: set[str]) -> None:
    conformer.codes_and_names(taken, "community-")
    conformer.frame["street_name"] = conformer.text("street_name").replace("", None)
    conformer.attributes()


def _facility(conformer: Conformer, taken: set[str]) -> None:
    conformer.codes_and_names(taken, "facility-")
    conformer.closed_list("kind", "facility_kind", "other")
    conformer.frame["address"] = conformer.text("address").replace("", None)
    conformer.frame["cell_code"] = None
    conformer.attributes()


def _street(conformer: Conformer, taken: set[str]) -> None:
    frame = conformer.frame
    frame["street_id"] = np.arange(1, len(frame) + 1)
    frame["name"] = conformer.text("name")
    conformer.closed_list("road_class", "road_class", "residential")
    conformer.closed_list("oneway", "oneway", "both")
    frame["level"] = conformer.number("level", default=0).round()
    frame["maxspeed_kmh"] = conformer.number("maxspeed_kmh")
    conformer.attributes()


def _building(conformer: Conformer, taken: set[str]) -> None:
    frame = conformer.frame
    frame["name"] = conformer.text("name").replace("", None)
    frame["households"] = conformer.number("households").round()
    frame["floors"] = conformer.number("floors").round()
    frame["cell_code"] = None


def _team(conformer: Conformer, taken: set[str]) -> None:
    for target in ("name", "mode", "shift_start_s", "shift_end_s"):
        conformer.require_column(target)
    frame = conformer.frame
    frame["name"] = conformer.unique(conformer.text("name"), taken)
    conformer.closed_list("kind", "team_kind", "grid_worker")
    frame["members"] = conformer.number("members", default=1).round()
    conformer.closed_list("mode", "mode", "foot")
    start, end = _times_of_day(conformer, "shift_start_s"), _times_of_day(conformer, "shift_end_s")
    frame["shift_start_s"] = start
    frame["shift_end_s"] = end.where(end > start, end + _DAY_S)


def _times_of_day(conformer: Conformer, target: str) -> pd.Series:
    """Return seconds after midnight from texts such as ``08:30``."""
    values = conformer.text(target)
    parts = values.str.extract(_TIME_OF_DAY).astype("float64")
    seconds = parts[0] * 3600 + parts[1] * 60 + parts[2].fillna(0)
    bad = seconds.isna() | (seconds > _DAY_S)
    if bad.any():
        raise SchemaError(
            "'{layer}', column '{column}': '{value}' is not a time of day (row {row}). Write it as 08:30.",
            layer=conformer.layer,
            column=conformer.choice.chosen[target],
            value=values[bad].iloc[0],
            row=int(conformer.rows.loc[bad, "row"].iloc[0]),
        )
    return seconds


def _incident(conformer: Conformer, zone: ZoneInfo) -> None:
    conformer.require_column("occurred_at")
    at = _instants(conformer.rows[conformer.choice.chosen["occurred_at"]], conformer.text("occurred_at"), zone)
    conformer.frame["kind"] = conformer.text("kind").replace("", "-")
    conformer.frame["occurred_at"] = at.astype("datetime64[us, UTC]")
    conformer.frame["cell_code"] = None
    bad = at.isna().to_numpy()
    message = "{count} incidents have no readable time (column '{column}') and were left out."
    conformer.report(bad, "no_time", message, column=conformer.choice.chosen["occurred_at"])
    conformer.frame = conformer.frame[~bad]


def _instants(raw: pd.Series, texts: pd.Series, zone: ZoneInfo) -> pd.Series:
    """Return instants in UTC; those without an offset are meant in the zone, what cannot be read is missing."""
    if pd.api.types.is_datetime64_any_dtype(raw):
        at, has_offset = pd.to_datetime(raw, utc=True), pd.Series(raw.dt.tz is not None, index=raw.index)
    else:
        # as text: pandas takes a number such as 20240315 for nanoseconds since 1970
        at = pd.to_datetime(texts, errors="coerce", format="mixed", utc=True)
        has_offset = texts.str.contains(_HAS_OFFSET)
    local = at.dt.tz_localize(None).dt.tz_localize(zone, ambiguous=False, nonexistent="shift_forward")
    return at.where(has_offset, local.dt.tz_convert("UTC"))
